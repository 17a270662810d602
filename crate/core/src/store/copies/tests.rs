//! Tests of pins and copies.

use super::*;
use crate::store::tests::{disk, key, open, store, store_after, value};
use crate::store::{Batch, Restored};
use crate::time::WallTime;

fn carts(prefix: &str) -> Pin {
    Pin::new("carts", prefix).unwrap()
}

/// What another node has written.
fn others(name: &str, byte: u8) -> Object {
    let mut other = open(Restored::default(), u64::from(byte));
    other.put(&key(name), &VersionVector::new(), value(byte));
    other.object(&key(name)).unwrap().clone()
}

#[test]
fn a_copy_is_shown_and_is_no_part_of_what_is_held() {
    let mut store = open(Restored::default(), 1);
    let (before, sum) = (store.counts(), store.sum(&RangeSet::full()));
    assert!(store.keep_copy(&key("a"), &others("a", 7)).is_none(), "it is not pinned");
    assert!(store.pin(carts("")));
    assert!(store.keep_copy(&key("a"), &others("a", 7)).is_some());
    assert!(store.keep_copy(&key("a"), &others("a", 7)).is_none(), "that is not new");
    assert_eq!((store.view(&key("a")).values().len(), store.known(&key("a")).is_unknown()), (1, true));
    assert_eq!((store.counts(), store.sum(&RangeSet::full())), (before, sum));
    assert_eq!(store.copy_counts().0, 1);
    // A write of our own is not sent with it, and supersedes it if it has seen it.
    let seen = store.seen(&key("a")).unwrap();
    store.put(&key("a"), &seen, value(8));
    assert_eq!(store.object(&key("a")).unwrap().values().len(), 1);
    assert_eq!(Vec::from_iter(store.view(&key("a")).values().cloned()), [value(8)]);
}

#[test]
fn pins_and_copies_are_there_after_a_restart_and_gone_after_an_unpin() {
    let mut first = open(Restored::default(), 1);
    assert!(first.pin(carts("")) && first.pin(carts("a")));
    for name in ["a", "b"] {
        first.keep_copy(&key(name), &others(name, 7));
    }
    let mut batches = Vec::from_iter(first.take_batch());
    let mut second = store(disk(batches.clone()), 2);
    assert_eq!((second.pins().count(), second.copy_counts()), (1, first.copy_counts()), "one pin covers the other");
    assert_eq!(second.view(&key("b")), first.view(&key("b")));
    // What the disk refused is handed over again as it is by now.
    let rows = batches.iter().flat_map(|batch| &batch.ops).map(|op| (op.table, op.key.clone())).collect::<Vec<_>>();
    second.retry(rows);
    let again = Vec::from_iter(second.take_batch());
    let copies_of = |batches: &[Batch]| {
        let ops = batches.iter().flat_map(|batch| batch.ops.clone());
        BTreeMap::from_iter(ops.filter(|op| op.key.starts_with(COPIES)).map(|op| (op.key, op.value)))
    };
    assert_eq!(copies_of(&again), copies_of(&batches));
    assert_eq!(first.unpin(&carts("")), Some(1), "another pin names the other one");
    assert_eq!(first.unpin(&carts("")), None);
    batches.extend(first.take_batch());
    let third = store(disk(batches.clone()), 3);
    assert_eq!((third.pins().count(), third.copy_counts().0), (1, 1));
    // A copy whose pin the disk has lost is left.
    batches.push(Batch {
        ops: alloc::vec![Op { table: Table::Meta, key: pin_row(&carts("a")).into(), value: None }],
        ..Batch::default()
    });
    let fourth = store(disk(batches), 4);
    assert_eq!((fourth.pins().count(), fourth.copy_counts().0), (0, 1));
}

#[test]
fn so_many_pins_and_so_many_bytes_and_no_more() {
    let mut store = open(Restored::default(), 1);
    (store.settings.pins_max, store.settings.copy_bytes_max) = (1, 1);
    assert!(store.pin(carts("")) && store.pin(carts("")) && !store.pin(carts("a")));
    assert!(store.keep_copy(&key("a"), &others("a", 1)).is_some());
    assert!(store.keep_copy(&key("b"), &others("b", 2)).is_none() && store.take_overfull());
    assert!(store.keep_copy(&key("a"), &others("a", 3)).is_some(), "what is kept is kept up to date");
    store.drop_copy(&key("a"));
    assert_eq!((store.copy_counts(), store.take_overfull()), ((0, 0), false));
}

#[test]
fn what_is_watched_no_longer_is_left_and_is_there_after_a_restart_unless_it_is_much() {
    let mut first = open(Restored::default(), 1);
    first.watch_all(carts(""));
    first.watch_all(carts(""));
    assert_eq!(first.take_pinned(), [carts("")]);
    first.keep_copy(&key("a"), &others("a", 7));
    first.unwatch_all(&carts(""));
    assert!(first.wants(&key("a")), "two watches were begun");
    first.unwatch_all(&carts(""));
    first.unwatch_all(&carts(""));
    assert!(!first.has_pins());
    assert!(first.keep_copy(&key("a"), &others("a", 8)).is_none(), "nobody wants it any more");
    let batches = Vec::from_iter(first.take_batch());
    let mut second = store(disk(batches), 2);
    assert!(!second.has_pins(), "a watch is of this life alone");
    assert_eq!(second.view(&key("a")), first.view(&key("a")));
    // It counts as nothing that was ever compared, and goes when there is much of it.
    assert!(!second.was_fed_since(&key("a"), 0));
    second.settings.left_bytes_max = 1;
    second.watch_all(carts("b"));
    second.keep_copy(&key("b"), &others("b", 7));
    second.unwatch_all(&carts("b"));
    assert_eq!(second.copy_counts(), (0, 0));
}

#[test]
fn what_is_left_makes_room_for_what_is_wanted() {
    let mut store = open(Restored::default(), 1);
    store.settings.copy_bytes_max = 1;
    store.watch_all(carts("a"));
    store.keep_copy(&key("a"), &others("a", 1));
    store.unwatch_all(&carts("a"));
    store.watch_all(carts("b"));
    assert!(store.keep_copy(&key("b"), &others("b", 1)).is_some() && !store.take_overfull());
    assert_eq!((store.copy(&key("a")), store.copy_counts().0), (None, 1));
}

#[test]
fn a_key_that_is_watched_is_wanted_and_no_other_until_the_last_watch_of_it_ends() {
    let mut store = open(Restored::default(), 1);
    store.watch_key(&key("a"));
    store.watch_key(&key("a"));
    assert_eq!((store.wants_any(), store.has_pins(), store.take_pinned()), (true, false, alloc::vec![]));
    assert!(store.keep_copy(&key("a"), &others("a", 7)).is_some());
    assert!(store.keep_copy(&key("ab"), &others("ab", 7)).is_none());
    assert!(!store.was_fed_since(&key("a"), 0));
    store.note_key_fed(&key("a"), 100);
    store.note_key_fed(&key("a"), 90);
    store.note_key_fed(&key("ab"), 100);
    assert!(store.was_fed_since(&key("a"), 100) && !store.was_fed_since(&key("a"), 101));
    assert!(!store.was_fed_since(&key("ab"), 0));
    store.unwatch_key(&key("a"));
    store.unwatch_key(&key("ab"));
    assert!(store.keep_copy(&key("a"), &others("a", 8)).is_some(), "two watches were begun");
    store.settings.left_bytes_max = 1_000;
    store.unwatch_key(&key("a"));
    assert!(store.keep_copy(&key("a"), &others("a", 9)).is_none() && !store.wants_any());
    assert_eq!(store.copy_counts().0, 1, "it is left");
    assert!(!store.was_fed_since(&key("a"), 0));
    // As with watches of many, what is left goes where it is much; what is wanted again meanwhile does not count.
    let one = store.copy_counts().1;
    store.settings.left_bytes_max = 2 * one;
    store.watch_key(&key("a"));
    for name in ["b", "c"] {
        store.watch_key(&key(name));
        store.keep_copy(&key(name), &others(name, 7));
        store.unwatch_key(&key(name));
    }
    assert_eq!(store.copy_counts().0, 3, "two are left");
    store.unwatch_key(&key("a"));
    assert_eq!(store.copy_counts(), (0, 0));
}

#[test]
fn a_pin_for_good_and_a_watch_of_the_same_keys_end_apart() {
    let mut store = open(Restored::default(), 1);
    assert!(store.pin(carts("")));
    store.watch_all(carts(""));
    store.watch_all(carts("a"));
    assert_eq!(store.take_pinned(), [carts(""), carts("a")]);
    assert_eq!(Vec::from_iter(store.pins()), [&carts("")], "the other one is covered");
    store.note_fed(&carts(""), 100);
    store.keep_copy(&key("a"), &others("a", 7));
    store.unwatch_all(&carts(""));
    assert!(store.wants(&key("b")), "it is pinned for good");
    store.watch_all(carts(""));
    assert_eq!(store.unpin(&carts("")), Some(0), "it is watched");
    assert!(store.wants(&key("b")));
    store.unwatch_all(&carts(""));
    assert_eq!((store.wants(&key("a")), store.wants(&key("b"))), (true, false));
    assert_eq!(store.take_pinned(), [carts("a")], "it is fed for itself from now on");
    assert!(store.was_fed_since(&key("a"), 100), "that it was fed with the other is known");
    let rows = store.take_batch().map(|batch| batch.ops).unwrap_or_default();
    let last = rows.iter().rev().find(|op| op.key[..] == pin_row(&carts(""))[..]);
    assert!(last.is_some_and(|op| op.value.is_none()), "no row of it stays");
    assert!(!rows.iter().any(|op| op.key[..] == pin_row(&carts("a"))[..]), "a watch has none");
}

#[test]
fn a_copy_goes_out_of_sight_when_it_expires_and_is_left_to_its_owners() {
    let mut other = open(Restored::default(), 7);
    let brief = Version { expires: Some(WallTime(10)), ..value(7) };
    other.put(&key("a"), &VersionVector::new(), brief);
    let mut store = open(Restored::default(), 1);
    store.watch_all(carts(""));
    store.keep_copy(&key("a"), &other.object(&key("a")).unwrap());
    assert!(store.has_expiries());
    assert_eq!(store.expire(Some(WallTime(9)), true), []);
    assert_eq!(store.next_expiry(), Some(WallTime(10)));
    assert_eq!(store.expire(Some(WallTime(10)), true), [key("a")]);
    assert_eq!((store.next_expiry(), store.counts()), (None, (0, 0, 0)));
    let mut after = store_after(&mut store);
    assert_eq!(after.expire(Some(WallTime(10)), true), [key("a")], "after a restart too");
    store.drop_copy(&key("a"));
    assert!(!store.has_expiries());
}
