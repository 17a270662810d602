//! The store against a plain list, and against its own disk.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

fn room() -> Room {
    Room::open("kitchen").unwrap()
}

/// So little is remembered that some of it is forgotten.
pub(super) fn few() -> Settings {
    Settings { memo_keys_max: 2, ghosts_max: 4, ..Settings::default() }
}

pub(super) fn store(restored: Restored, seed: u64) -> Store {
    Store::restore(room(), NodeId::from_bytes([1; 16]), restored, fastrand::Rng::with_seed(seed), few()).0
}

/// A store whose mint is open.
pub(super) fn open(restored: Restored, seed: u64) -> Store {
    let mut store = store(restored, seed);
    store.open_mint();
    let rows: Vec<_> = store.batch.ops.iter().map(|op| (op.table, op.key.clone())).collect();
    store.on_rows(&rows, true);
    store
}

pub(super) fn key(name: &str) -> Key {
    Key::new("carts", name).unwrap()
}

pub(super) fn value(byte: u8) -> Version {
    Version::plain(vec![byte].into())
}

/// What a disk holds after these batches.
pub(super) fn disk(batches: Vec<Batch>) -> Restored {
    let mut rows = BTreeMap::new();
    for op in batches.into_iter().flat_map(|batch| batch.ops) {
        match op.value {
            Some(value) => rows.insert((op.table, op.key), value),
            None => rows.remove(&(op.table, op.key)),
        };
    }
    let own = rows.into_iter().map(|((table, key), value)| (table, key.to_vec(), value)).collect();
    Restored { own, adopted: vec![] }
}

proptest! {
    #[test]
    fn sums_of_ranges_are_the_sums_of_their_objects(
        names in prop::collection::vec("[a-z]{1,3}", 1..200),
        cuts in prop::collection::vec(any::<u64>(), 4),
    ) {
        let mut store = open(Restored::default(), 1);
        for name in &names {
            store.put(&key(name), &VersionVector::new(), value(1));
        }
        let mut cuts = cuts;
        cuts.sort_unstable();
        cuts.dedup();
        let pairs = cuts.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        for set in [RangeSet::parse(pairs).unwrap(), RangeSet::full(), RangeSet::empty()] {
            let plain = store.items(&set).fold(Sum::default(), |sum, (position, _, fingerprint)| {
                assert!(set.contains(position.0));
                sum.plus(Sum { fingerprint, count: 1 })
            });
            prop_assert_eq!(store.sum(&set), plain);
        }
    }

    #[test]
    fn what_was_made_durable_is_restored(steps in prop::collection::vec(("[a-c]", any::<bool>(), 0u8..4), 1..30)) {
        let mut before = open(Restored::default(), 1);
        let mut batches = vec![];
        for (name, deletes, owner) in steps {
            let seen = before.object(&key(&name)).map(|object| object.context().clone()).unwrap_or_default();
            if deletes {
                before.delete(&key(&name), &seen);
                before.hints_mut().confirm(&key(&name), NodeId::from_bytes([owner; 16]));
            } else {
                before.put(&key(&name), &seen, value(owner));
                before.hints_mut().add(&key(&name), NodeId::from_bytes([owner; 16]));
            }
            batches.extend(before.take_batch());
        }
        let after = store(disk(batches), 2);
        prop_assert_eq!(after.sum(&RangeSet::full()), before.sum(&RangeSet::full()));
        prop_assert_eq!(after.counts(), before.counts());
        prop_assert_eq!(after.hints().len(), before.hints().len());
    }
}

#[test]
fn a_hint_rests_while_its_addressee_is_asked_and_is_there_again_when_nobody_asks() {
    let mut store = store(Restored::default(), 1);
    let [a, b] = [1, 2].map(|id| NodeId::from_bytes([id; 16]));
    let hints = store.hints_mut();
    hints.address(&key("a"), [a, b].into());
    hints.rest(&key("a"), a);
    assert!(!hints.any_for(a) && hints.is_owed(a) && hints.any_for(b));
    hints.confirm(&key("a"), b);
    assert!(!hints.any_for(a), "it rests on when another has confirmed");
    hints.wake(&key("a"), a);
    assert_eq!(hints.held_for(a, None).count(), 1);
    hints.rest(&key("a"), a);
    hints.confirm(&key("a"), a);
    hints.wake(&key("a"), a);
    assert!(hints.is_empty() && !hints.is_owed(a), "what was confirmed does not come back");
}

#[test]
fn a_set_of_more_ranges_than_there_are_objects_is_summed_and_listed_alike() {
    let mut store = open(Restored::default(), 1);
    for number in 0..20 {
        store.put(&key(&number.to_string()), &VersionVector::new(), value(1));
    }
    let full = RangeSet::full();
    let stripes = |count: u64| {
        let width = u64::MAX / count;
        RangeSet::from_sorted((0..count).map(|at| (at * width, at * width + width / 2)))
    };
    for set in [1, 5, 19, 20, 21, 500].map(stripes) {
        let plain: Vec<_> = store.items(&full).filter(|(at, ..)| set.contains(at.0)).collect();
        assert_eq!(store.items(&set).collect::<Vec<_>>(), plain);
        let sum = plain.iter().fold(Sum::default(), |sum, one| sum.plus(Sum { fingerprint: one.2, count: 1 }));
        assert_eq!(store.sum(&set), sum);
    }
}

#[test]
fn the_version_changes_with_whatever_is_held() {
    let mut store = open(Restored::default(), 1);
    let mut before = store.version();
    let mut changes = |store: &Store| core::mem::replace(&mut before, store.version()) != store.version();
    store.put(&key("a"), &VersionVector::new(), value(1));
    assert!(changes(&store));
    let copy = store.object(&key("a")).unwrap().clone();
    assert!(store.merge(&key("a"), &copy) == Ok(None) && !changes(&store));
    let seen = copy.context().clone();
    store.delete(&key("a"), &seen);
    assert!(changes(&store));
    store.let_go(&key("a"));
    assert!(changes(&store));
    for number in 0..1_000 {
        store.put(&key(&number.to_string()), &VersionVector::new(), value(1));
        assert!(changes(&store), "also when the sums are built anew");
    }
}

#[test]
fn the_first_write_of_a_burst_waits_for_the_disk_and_the_second_does_not() {
    let mut store = store(Restored::default(), 1);
    assert!(!store.is_ready(&key("a"), &VersionVector::new()));
    store.open_mint();
    let batch = store.take_batch().unwrap();
    assert_eq!(batch.durability, Durability::Strict);
    let rows = [(Table::Meta, batch.ops[0].key.clone())];
    store.on_rows(&rows, true);
    assert!(store.is_ready(&key("a"), &VersionVector::new()));
    store.put(&key("a"), &VersionVector::new(), value(1));
    assert_eq!(store.take_batch().unwrap().durability, Durability::Relaxed);
    store.close_mint();
    assert!(!store.is_ready(&key("a"), &VersionVector::new()));
}

#[test]
fn a_mint_whose_row_was_refused_stays_closed() {
    let mut store = store(Restored::default(), 1);
    store.open_mint();
    let batch = store.take_batch().unwrap();
    store.on_rows(&[(Table::Meta, batch.ops[0].key.clone())], false);
    assert!(!store.is_ready(&key("a"), &VersionVector::new()));
    store.open_mint();
    assert!(store.take_batch().is_some(), "it can be tried again");
}

#[test]
fn what_a_closed_tab_left_is_adopted_and_held_for_whom_it_may_concern() {
    let mut closed = open(Restored::default(), 1);
    closed.put(&key("a"), &VersionVector::new(), value(1));
    let left = disk(closed.take_batch().into_iter().collect()).own;
    let mut opened = store(Restored { own: vec![], adopted: vec![left] }, 2);
    assert_eq!(opened.object(&key("a")), closed.object(&key("a")));
    assert!(opened.hints().contains(&key("a")));
    let batch = opened.take_batch().unwrap();
    assert!(batch.ops.iter().any(|op| op.table == Table::Objects), "it becomes durable here");
}

#[test]
fn rows_that_cannot_be_read_are_counted_and_harm_nothing() {
    let own = vec![
        (Table::Objects, vec![], vec![1, 2]),
        (Table::Objects, key("a").as_bytes().to_vec(), vec![0xff; 9]),
        (Table::Members, vec![1], vec![2]),
        (Table::Meta, b"actor".to_vec(), vec![0xff; 40]),
    ];
    let restored = Restored { own, adopted: vec![] };
    let (store, remembered) =
        Store::restore(room(), NodeId::from_bytes([1; 16]), restored, fastrand::Rng::with_seed(1), few());
    assert_eq!((store.counts().0, remembered.unreadable), (0, 3));
}

#[test]
fn a_rolled_back_disk_meets_its_own_later_dot_and_begins_an_epoch() {
    let mut first = open(Restored::default(), 1);
    first.put(&key("a"), &VersionVector::new(), value(1));
    first.take_batch();
    first.close_mint();
    let early = disk(first.take_batch().into_iter().collect());
    first.open_mint();
    first.mint.opened();
    let (dot, _) = first.put(&key("a"), &VersionVector::new(), value(2));
    let later = first.object(&key("a")).unwrap().clone();

    let mut rolled_back = store(early, 2);
    assert_eq!(rolled_back.mint().actor(), dot.actor);
    rolled_back.merge(&key("a"), &later).unwrap();
    assert_ne!(rolled_back.mint().actor(), dot.actor);
    assert_eq!(rolled_back.take_epochs(), vec![EpochReason::ForeignDot]);
}

#[test]
fn keys_of_a_bucket_are_listed_by_prefix() {
    let mut store = open(Restored::default(), 1);
    for name in ["apple", "apricot", "pear"] {
        store.put(&key(name), &VersionVector::new(), value(1));
    }
    store.put(&Key::new("other", "apple").unwrap(), &VersionVector::new(), value(1));
    let mut names: Vec<String> = store.list("carts", "ap").map(|(key, ..)| key.name().into()).collect();
    names.sort_unstable();
    assert_eq!(names, ["apple", "apricot"]);
}

#[test]
fn what_would_grow_beyond_storing_or_sending_is_not_joined() {
    let crowd = |first: u64| {
        let actor = |epoch| crate::id::Actor { node: NodeId::from_bytes([9; 16]), epoch };
        let mut object = Object::new();
        object.forget(&(first..first + 3_000).map(|epoch| Dot { actor: actor(epoch), counter: 1 }).collect());
        object
    };
    let mut store = open(Restored::default(), 1);
    assert!(store.merge(&key("a"), &crowd(0)).is_ok_and(|changed| changed.is_some()));
    assert_eq!(store.merge(&key("a"), &crowd(3_000)), Err(Overflow));
    let after = store_after(&mut store);
    assert_eq!(after.object(&key("a")), store.object(&key("a")), "what is stored can be read back");

    let large = |epoch| {
        let actor = crate::id::Actor { node: NodeId::from_bytes([8; 16]), epoch };
        let mut object = Object::new();
        object.put(
            &VersionVector::new(),
            Dot { actor, counter: 1 },
            Version::plain(vec![0; OBJECT_BYTES_MAX - 50].into()),
        );
        object
    };
    assert!(store.merge(&key("b"), &large(1)).is_ok_and(|changed| changed.is_some()));
    assert_eq!(store.merge(&key("b"), &large(2)), Err(Overflow));

    // Empty values take room as well: so many that a frame could just hold them.
    let actor = crate::id::Actor { node: NodeId::from_bytes([7; 16]), epoch: 1 };
    let context = VersionVector::from_iter([Dot { actor, counter: 40_000 }]);
    let values: Vec<(u16, u64, Version)> = (1..=40_000).map(|n| (0, n, Version::plain([].into()))).collect();
    let many: Object = postcard::from_bytes(&postcard::to_allocvec(&(context, values)).unwrap()).unwrap();
    assert_eq!(store.merge(&key("c"), &many), Err(Overflow));
}

/// The store that the disk would give back.
pub(super) fn store_after(store: &mut Store) -> Store {
    let batches = store.take_batch().into_iter().collect();
    self::store(disk(batches), 3)
}

/// A store in which a key was written and deleted, with what it held before the delete.
fn deleted(name: &str) -> (Store, Object, u128) {
    let mut store = open(Restored::default(), 1);
    store.put(&key(name), &VersionVector::new(), value(1));
    let before = store.object(&key(name)).unwrap().clone();
    store.delete(&key(name), before.context());
    let fingerprint = store.fingerprint(&key(name));
    (store, before, fingerprint)
}

#[test]
fn a_tombstone_is_as_old_as_it_was_first_seen_to_be_also_after_a_restart() {
    let (mut store, before, _) = deleted("a");
    assert_eq!(store.tombstones_since(u32::MAX).count(), 0, "nobody has told the time");
    store.date_tombstones(100);
    store.date_tombstones(200);
    let ages = |store: &Store| [99, 100].map(|minutes| store.tombstones_since(minutes).count());
    assert_eq!(ages(&store), [0, 1]);
    let mut after = store_after(&mut store);
    assert_eq!(ages(&after), [0, 1]);
    let mut other = before.clone();
    other.forget(
        &[Dot { actor: crate::id::Actor { node: NodeId::from_bytes([7; 16]), epoch: 1 }, counter: 1 }]
            .into_iter()
            .collect(),
    );
    after.merge(&key("a"), &other).unwrap();
    assert_eq!(ages(&after), [0, 0], "another tombstone is as young as it is");
}

#[test]
fn what_the_delete_had_seen_is_not_revived_after_the_reap_and_what_it_had_not_seen_lives() {
    let (mut store, before, fingerprint) = deleted("a");
    let position = room().position(&key("a")).0;
    assert!(!store.reap(position, fingerprint ^ 1), "only the very same");
    assert!(store.reap(position, fingerprint) && store.object(&key("a")).is_none());
    assert!(store.holds(position, fingerprint), "whoever holds the tombstone may let it go");
    let mut store = store_after(&mut store);
    assert!(store.object(&key("a")).is_none() && store.counts() == (0, 0, 0));
    store.merge(&key("a"), &before).unwrap();
    assert!(store.object(&key("a")).unwrap().is_tombstone(), "the sleeper hears of the delete");

    store.reap(position, fingerprint);
    let mut unsent = before.clone();
    let dot = Dot { actor: crate::id::Actor { node: NodeId::from_bytes([7; 16]), epoch: 1 }, counter: 1 };
    unsent.put(&VersionVector::new(), dot, value(9));
    store.merge(&key("a"), &unsent).unwrap();
    assert_eq!(store.object(&key("a")).unwrap().dots().collect::<Vec<_>>(), [dot]);
}

#[test]
fn a_key_written_again_after_the_reap_is_not_killed_by_the_old_tombstone() {
    let (mut store, _, fingerprint) = deleted("a");
    let tombstone = store.object(&key("a")).unwrap().clone();
    store.reap(room().position(&key("a")).0, fingerprint);
    while !store.is_ready(&key("a"), &VersionVector::new()) {
        store.open_mint();
        let rows: Vec<_> = store.batch.ops.iter().map(|op| (op.table, op.key.clone())).collect();
        store.on_rows(&rows, true);
    }
    store.put(&key("a"), &VersionVector::new(), value(2));
    store.merge(&key("a"), &tombstone).unwrap();
    assert_eq!(store.object(&key("a")).unwrap().values().len(), 1);
}

#[test]
fn a_tombstone_that_is_held_for_somebody_is_not_reaped_and_a_value_never() {
    let (mut store, _, fingerprint) = deleted("a");
    let position = room().position(&key("a")).0;
    store.hints_mut().add(&key("a"), NodeId::from_bytes([3; 16]));
    assert!(!store.reap(position, fingerprint));
    store.put(&key("b"), &VersionVector::new(), value(1));
    assert!(!store.reap(room().position(&key("b")).0, store.fingerprint(&key("b"))));
}

#[test]
fn the_oldest_ghosts_are_forgotten_and_their_dots_are_still_not_minted_past() {
    let mut store = open(Restored::default(), 1);
    for number in 0..=few().ghosts_max {
        let name = number.to_string();
        let (dot, _) = store.put(&key(&name), &VersionVector::new(), value(1));
        store.delete(&key(&name), &[dot].into_iter().collect());
        let fingerprint = store.fingerprint(&key(&name));
        assert!(store.reap(room().position(&key(&name)).0, fingerprint));
        if !store.mint.is_open() {
            // The memo is full, and a new epoch begins.
            store.open_mint();
            store.mint.opened();
        }
    }
    assert!(store.known(&key("0")).is_unknown() && store.known(&key("1")).is_tombstone());
    assert!(store.take_epochs().contains(&EpochReason::MemoFull));
}

#[test]
fn an_epoch_begun_for_a_full_memo_outlives_a_restart_before_the_next_write() {
    let mut store = open(Restored::default(), 1);
    let old = store.mint().actor();
    for name in ["a", "b", "c"] {
        store.put(&key(name), &VersionVector::new(), value(1));
    }
    store.close_mint();
    let mut rows: std::collections::BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>> = Default::default();
    let mut persist = |store: &mut Store| {
        let ops = store.take_batch().into_iter().flat_map(|batch| batch.ops);
        ops.for_each(|op| {
            rows.insert((op.table, op.key.to_vec()), op.value);
        });
        rows.clone()
    };
    persist(&mut store);
    for name in ["a", "b", "c"] {
        assert!(store.let_go(&key(name)));
    }
    assert_eq!(store.take_epochs().last(), Some(&EpochReason::MemoFull));
    let disk = persist(&mut store);
    let rows = disk.into_iter().filter_map(|((table, key), value)| Some((table, key, value?))).collect();
    let again = self::store(Restored { own: rows, ..Restored::default() }, 2);
    assert_ne!(again.mint().actor(), old, "nothing is remembered of what was minted under it");
    assert_eq!(again.mint().actor(), store.mint().actor(), "and the new one is clean");
}
