//! What a user wants kept on a tab: pins. They come in the background, answer local reads, count for nothing, and go.

use std::collections::BTreeSet;
use std::sync::Arc;

use roundtable_core::coordinator::{Keep, Level, Reply, Request, Terms};
use roundtable_core::id::{Key, Pin, RequestId};
use roundtable_core::node::Input;
use roundtable_sim::World;

const SEEDS: u64 = 8;
const KEYS: usize = 60;

fn key(number: usize) -> Key {
    Key::new("carts", &number.to_string()).expect("a short name")
}

fn carts() -> Pin {
    Pin::new("carts", "").expect("a short name")
}

fn at(level: Level) -> Terms {
    Terms { level: Some(level), timeout_ms: None }
}

fn put(world: &mut World, tab: usize, number: usize, text: &str) {
    let (value, context) = (Arc::from(text.as_bytes()), None);
    world.request(tab, Request::Put { key: key(number), value, context, keep: Keep::default(), terms: at(Level::All) });
}

/// A room of eight tabs on devices of their own, whose first tab has written all keys.
fn room(seed: u64) -> World {
    let mut world = World::new(seed);
    (0..8).for_each(|device| {
        world.open(device);
    });
    assert!(world.settle(30_000), "seed {seed}: {}", world.unsettled());
    (0..KEYS).for_each(|number| put(&mut world, 0, number, "first"));
    world.run_for(2_000);
    world
}

/// The same, and its last tab has pinned them.
fn pinned(seed: u64) -> World {
    let mut world = room(seed);
    let id = world.request(7, Request::Pin { pin: carts() });
    assert!(matches!(world.last(7, id), Some(Reply::Pinned)), "seed {seed}: {:?}", world.last(7, id));
    assert!(world.settle(30_000), "seed {seed}: {}", world.unsettled());
    world
}

/// What a tab shows of a key by a local read.
fn local(world: &mut World, tab: usize, number: usize) -> Vec<String> {
    let id = world.request(tab, Request::Get { key: key(number), terms: at(Level::Local) });
    match world.last(tab, id) {
        Some(Reply::Read(read)) => {
            read.siblings.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect()
        }
        other => panic!("a local read is answered at once: {other:?}"),
    }
}

fn shows(world: &mut World, tab: usize, text: &str) -> usize {
    (0..KEYS).filter(|&number| local(world, tab, number) == [text]).count()
}

fn copies(world: &World, tab: usize) -> u64 {
    world.node(tab).view().metrics().copies
}

#[test]
fn what_is_pinned_comes_and_follows_and_is_there_with_all_others_gone() {
    for seed in 0..SEEDS {
        let mut world = pinned(seed);
        assert_eq!(shows(&mut world, 7, "first"), KEYS, "seed {seed}");
        let owned = (0..KEYS).filter(|&number| world.node(7).view().object(&key(number)).is_some()).count();
        assert!(owned < KEYS * 2 / 3, "seed {seed}: it owns {owned}, and the rest is copied");
        assert_eq!(copies(&world, 7), (KEYS - owned) as u64, "seed {seed}");
        // Changes are told, not fetched.
        (0..KEYS / 2).for_each(|number| put(&mut world, 0, number, "second"));
        world.run_for(500);
        assert_eq!(shows(&mut world, 7, "second"), KEYS / 2, "seed {seed}");
        // One that was missed is found.
        world.close(7);
        (0..KEYS).for_each(|number| put(&mut world, 0, number, "third"));
        world.run_for(1_000);
        world.reopen(7);
        assert!(world.settle(30_000), "seed {seed}: {}", world.unsettled());
        assert_eq!(shows(&mut world, 7, "third"), KEYS, "seed {seed}");
        (0..7).for_each(|tab| world.crash(tab));
        world.crash(7);
        world.reopen(7);
        world.run_for(100);
        assert_eq!(shows(&mut world, 7, "third"), KEYS, "seed {seed}: after a restart, alone");
        let terms = at(Level::Local);
        let id = world.request(7, Request::Keys { bucket: "carts".into(), prefix: "1".into(), terms });
        let expected: BTreeSet<String> =
            (0..KEYS).map(|number| number.to_string()).filter(|name| name.starts_with('1')).collect();
        match world.last(7, id) {
            Some(Reply::Keys(keys)) => assert_eq!(BTreeSet::from_iter(keys.keys.clone()), expected, "seed {seed}"),
            other => panic!("a local listing is answered at once: {other:?}"),
        }
        // A read that finds nobody else shows what is here.
        let id = world.request(7, Request::Get { key: key(0), terms: at(Level::Quorum) });
        world.run_for(6_000);
        match world.last(7, id) {
            Some(Reply::Read(read)) => assert!(!read.met && read.siblings.len() == 1, "seed {seed}: {read:?}"),
            other => panic!("seed {seed}: {other:?}"),
        }
    }
}

#[test]
fn a_copy_confirms_nothing_and_is_no_stray() {
    for seed in 0..SEEDS {
        let mut world = pinned(seed);
        // What the node shows of its own goes to copies too, and is let go as a stray: nobody else need keep it.
        (0..KEYS).for_each(|number| put(&mut world, 7, number, "own"));
        world.run_for(150_000);
        let view = world.node(7).view();
        let me = world.hosts[7].id;
        let strays = (0..KEYS).filter(|&number| {
            let is_owner = view.preference_list(&key(number)).owners.contains(&me);
            !is_owner && view.object(&key(number)).is_some()
        });
        assert_eq!(strays.count(), 0, "seed {seed}");
        assert_eq!(shows(&mut world, 7, "own"), KEYS, "seed {seed}");
    }
}

#[test]
fn a_key_that_is_watched_is_a_copy_which_is_told_of_changes_and_pushed_to_nobody() {
    for seed in 0..SEEDS {
        let mut world = room(seed);
        let sent = |world: &World| {
            let sent = world.node(7).view().metrics().sent;
            (sent.repair, sent.transfer)
        };
        world.run_for(30_000);
        let quiet = sent(&world);
        world.run_for(60_000);
        let quiet = (sent(&world).0 - quiet.0, sent(&world).1 - quiet.1);
        let watches: Vec<RequestId> =
            (0..KEYS).map(|number| world.request(7, Request::Watch { key: key(number) })).collect();
        world.run_for(2_000);
        let me = world.hosts[7].id;
        let owned = |world: &World| {
            let view = world.node(7).view();
            (0..KEYS).filter(|&number| view.preference_list(&key(number)).owners.contains(&me)).count()
        };
        let held = |world: &World| (0..KEYS).filter(|&n| world.node(7).view().object(&key(n)).is_some()).count();
        let others = KEYS - owned(&world);
        assert!(others > KEYS / 3, "seed {seed}");
        assert_eq!((copies(&world, 7), held(&world)), (others as u64, KEYS - others), "seed {seed}: no stray");
        assert_eq!(shows(&mut world, 7, "first"), KEYS, "seed {seed}");
        let before = sent(&world);
        (0..KEYS).for_each(|number| put(&mut world, 0, number, "second"));
        world.run_for(500);
        assert_eq!((shows(&mut world, 7, "second"), held(&world)), (KEYS, KEYS - others), "seed {seed}");
        world.run_for(59_500);
        let of_copies = (sent(&world).0 - before.0, sent(&world).1 - before.1);
        assert!(of_copies.0 <= quiet.0 + 200 && of_copies.1 <= quiet.1, "seed {seed}: {of_copies:?}, {quiet:?}");
        // One that it missed, for it could not be told, is found by the next time it asks.
        (0..7).for_each(|tab| world.cut(7, tab));
        world.run_for(1_000);
        (0..KEYS).for_each(|number| put(&mut world, 0, number, "third"));
        world.run_for(5_000);
        (0..7).for_each(|tab| world.heal(7, tab));
        world.run_for(25_000);
        assert_eq!(shows(&mut world, 7, "third"), KEYS, "seed {seed}");
        // An end to all: what was copied stays for a while, and nobody tells of it any more.
        watches.into_iter().for_each(|id| world.input(7, Input::Cancel(id)));
        world.run_for(40_000);
        (0..KEYS).for_each(|number| put(&mut world, 0, number, "fourth"));
        world.run_for(1_000);
        assert_eq!(shows(&mut world, 7, "third"), KEYS - owned(&world), "seed {seed}");
    }
}

#[test]
fn what_is_watched_alone_of_all_that_had_it_is_not_lost() {
    for seed in 0..SEEDS {
        let mut world = room(seed);
        let owners = world.node(7).view().preference_list(&key(0)).owners;
        let is_owner = |world: &World, tab: usize| owners.contains(&world.hosts[tab].id);
        let watcher = (0..8).find(|&tab| !is_owner(&world, tab)).expect("three of eight are owners");
        world.request(watcher, Request::Watch { key: key(0) });
        world.run_for(2_000);
        (0..8).filter(|&tab| is_owner(&world, tab)).collect::<Vec<_>>().into_iter().for_each(|tab| {
            world.crash(tab);
            world.wipe(tab);
        });
        world.run_for(200_000);
        let others = world.alive();
        let quorum = at(Level::Quorum);
        for tab in others {
            let id = world.request(tab, Request::Get { key: key(0), terms: quorum });
            world.run_for(1_000);
            let Some(Reply::Read(read)) = world.last(tab, id) else { panic!("seed {seed}: no read") };
            assert!(read.met && read.siblings.len() == 1, "seed {seed}: tab {tab} reads {read:?}");
        }
    }
}

#[test]
fn unpinning_drops_the_copies_and_nothing_else_and_nobody_sends_anything() {
    for seed in 0..SEEDS {
        let mut world = pinned(seed);
        world.run_for(60_000);
        let held = |world: &World| {
            let of = |tab: usize| (0..KEYS).filter(|&n| world.node(tab).view().object(&key(n)).is_some()).count();
            (0..8).map(of).collect::<Vec<_>>()
        };
        let sent = |world: &World| {
            let of = |tab: usize| world.node(tab).view().metrics().sent;
            (0..8).map(|tab| of(tab).repair + of(tab).transfer).sum::<u64>()
        };
        let (before, quiet) = (held(&world), sent(&world));
        world.run_for(60_000);
        let quiet = sent(&world) - quiet;
        let id = world.request(7, Request::Unpin { pin: carts() });
        let dropped = KEYS - before[7];
        assert!(matches!(world.last(7, id), Some(Reply::Unpinned(n)) if *n == dropped), "seed {seed}");
        assert_eq!((held(&world), copies(&world, 7)), (before.clone(), 0), "seed {seed}");
        let evicting = sent(&world);
        world.run_for(60_000);
        assert_eq!(held(&world), before, "seed {seed}");
        let evicting = sent(&world) - evicting;
        assert!(evicting < quiet, "seed {seed}: {evicting} bytes after the eviction, {quiet} while it was pinned");
        world.crash(7);
        world.reopen(7);
        assert!(world.settle(30_000), "seed {seed}: {}", world.unsettled());
        assert_eq!(copies(&world, 7), 0, "seed {seed}: it is over for good");
    }
}

const DAY: u64 = 86_400_000;

#[test]
fn what_its_owners_have_reaped_leaves_the_copies_and_does_not_come_back() {
    for seed in 0..SEEDS {
        let mut world = pinned(seed);
        world.run_for(20_000);
        let gone: Vec<usize> = (0..KEYS).filter(|&n| world.node(7).view().object(&key(n)).is_none()).take(10).collect();
        world.close(7);
        for &number in &gone {
            world.request(0, Request::Delete { key: key(number), context: None, terms: at(Level::All) });
        }
        world.run_for(70_000);
        world.leap(40 * DAY);
        world.run_for(300_000);
        for &number in &gone {
            // The tab that deleted it keeps what its application was shown.
            let holds = |tab: &usize| world.node(*tab).view().object(&key(number)).is_some();
            let holders = world.alive().into_iter().filter(|&tab| tab > 0 && holds(&tab)).count();
            assert_eq!(holders, 0, "seed {seed}: it is reaped");
        }
        world.reopen(7);
        world.run_for(120_000);
        for &number in &gone {
            assert_eq!(local(&mut world, 7, number), Vec::<String>::new(), "seed {seed} key {number}");
            for tab in 0..7 {
                let values = world.node(tab).view().shown(&key(number)).values().len();
                assert_eq!(values, 0, "seed {seed} key {number}: tab {tab} has it again");
            }
        }
        assert_eq!(shows(&mut world, 7, "first"), KEYS - gone.len(), "seed {seed}");
    }
}

#[test]
fn a_copy_that_is_the_last_one_becomes_what_its_node_holds() {
    for seed in 0..SEEDS {
        let mut world = pinned(seed);
        world.run_for(20_000);
        (0..7).for_each(|tab| world.crash(tab));
        world.run_for(60_000);
        // Strangers come, who have nothing; what the user kept here is theirs as well.
        world.open(20);
        world.open(21);
        world.run_for(120_000);
        assert_eq!((shows(&mut world, 8, "first"), shows(&mut world, 7, "first")), (KEYS, KEYS), "seed {seed}");
        assert_eq!(copies(&world, 7), 0, "seed {seed}: they are its own");
    }
}

#[test]
fn limits_hold_and_are_said() {
    let mut world = World::new(1);
    world.limits.pins_max = 2;
    world.limits.copy_bytes_max = 100;
    (0..8).for_each(|device| {
        world.open(device);
    });
    assert!(world.settle(30_000), "{}", world.unsettled());
    (0..KEYS).for_each(|number| put(&mut world, 0, number, "first"));
    world.run_for(2_000);
    let answers: Vec<bool> = ["carts", "b", "carts", "c"]
        .map(|bucket| {
            let id = world.request(7, Request::Pin { pin: Pin::new(bucket, "").expect("a short name") });
            matches!(world.last(7, id), Some(Reply::Pinned))
        })
        .to_vec();
    assert_eq!(answers, [true, true, true, false]);
    world.run_for(30_000);
    let metrics = world.node(7).view().metrics();
    assert!((100..130).contains(&metrics.copy_bytes), "{metrics:?}");
    let events = &world.hosts[7].events;
    assert!(events.iter().any(|(_, event)| matches!(event, roundtable_core::node::Event::CopiesFull)));
    assert!(world.settle(30_000), "it is settled all the same: {}", world.unsettled());
}

#[test]
fn what_an_owner_has_not_made_durable_is_not_told_to_who_keeps_a_copy() {
    for seed in 0..SEEDS {
        let mut world = pinned(seed);
        let copied: Vec<usize> = (0..KEYS).filter(|&at| world.node(7).view().object(&key(at)).is_none()).collect();
        world.tuning.disk_ms = (500, 500);
        copied.iter().for_each(|&number| put(&mut world, 0, number, "second"));
        // The row that opens the mint takes one turn of the disk, what is written another.
        world.run_for(800);
        // A crash of all owners now would leave the copy as the only one.
        let told = copied.iter().filter(|&&number| local(&mut world, 7, number) == ["second"]).count();
        assert_eq!(told, 0, "seed {seed}");
        world.run_for(2_000);
        let told = copied.iter().filter(|&&number| local(&mut world, 7, number) == ["second"]).count();
        assert_eq!(told, copied.len(), "seed {seed}");
    }
}
