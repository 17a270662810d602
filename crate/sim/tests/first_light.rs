//! The scenarios of a first light, over many seeds, on virtual time.

use std::sync::Arc;

use roundtable_core::coordinator::{Keep, Level, Reached, ReadReply, Receipt, Reply, Request, Terms};
use roundtable_core::id::{Key, RequestId};
use roundtable_core::membership::Status;
use roundtable_core::node::{Event, Input};
use roundtable_core::ring::RangeSet;
use roundtable_core::wire::{self, Message, Says};
use roundtable_sim::World;

const SEEDS: u64 = 20;

fn key(name: &str) -> Key {
    Key::new("carts", name).expect("a short name")
}

fn at(level: Level) -> Terms {
    Terms { level: Some(level), timeout_ms: None }
}

fn put(world: &mut World, tab: usize, name: &str, value: &str, level: Level) -> RequestId {
    let value = Arc::from(value.as_bytes());
    world.request(tab, Request::Put { key: key(name), value, keep: Keep::default(), context: None, terms: at(level) })
}

fn receipt(world: &World, tab: usize, id: RequestId) -> &Receipt {
    match world.last(tab, id) {
        Some(Reply::Receipt(receipt)) => receipt,
        other => panic!("no receipt but {other:?}"),
    }
}

fn read(world: &mut World, tab: usize, name: &str, level: Level) -> ReadReply {
    let id = world.request(tab, Request::Get { key: key(name), terms: at(level) });
    assert!(world.run_until(6_000, |world| world.last(tab, id).is_some()), "a get is always answered");
    match world.last(tab, id) {
        Some(Reply::Read(read)) => read.clone(),
        other => panic!("no read but {other:?}"),
    }
}

fn values(read: &ReadReply) -> Vec<String> {
    let mut values: Vec<String> =
        read.siblings.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect();
    values.sort();
    values
}

/// Three tabs of one device and two of another, meshed and settled.
fn room(seed: u64) -> World {
    let mut world = World::new(seed);
    for device in [1, 1, 1, 2, 2] {
        world.open(device);
    }
    assert!(world.settle(10_000), "seed {seed}: five tabs find each other");
    world
}

#[test]
fn five_tabs_find_each_other_and_agree() {
    for seed in 0..SEEDS {
        let world = room(seed);
        for tab in 0..5 {
            let members = world.node(tab).view().members();
            assert_eq!(members.len(), 5);
            assert!(members.iter().all(|member| member.status == Status::Up && (member.me || member.linked)));
            for number in 0..100 {
                let list = world.node(tab).view().preference_list(&key(&number.to_string()));
                assert_eq!(list, world.node(0).view().preference_list(&key(&number.to_string())));
                let devices: Vec<_> = list
                    .owners
                    .iter()
                    .map(|id| members.iter().find(|member| member.id == *id).unwrap().device)
                    .collect();
                assert!(devices.iter().any(|device| *device != devices[0]), "copies on both devices");
            }
        }
    }
}

#[test]
fn a_put_in_one_is_read_in_every_other() {
    for seed in 0..SEEDS {
        let mut world = room(seed);
        for tab in 0..5 {
            let name = format!("by {tab}");
            let id = put(&mut world, tab, &name, "tea", Level::Quorum);
            assert!(world.run_until(1_000, |world| world.last(tab, id).is_some()), "seed {seed}");
            assert!(receipt(&world, tab, id).met, "seed {seed}");
            for reader in 0..5 {
                let read = read(&mut world, reader, &name, Level::Quorum);
                assert_eq!((values(&read), read.met), (vec!["tea".into()], true), "seed {seed}");
            }
        }
    }
}

#[test]
fn a_question_that_overtakes_its_hello_is_answered_with_not_yet() {
    let mut world = World::new(1);
    let fresh = world.open(1);
    let stranger = world.prepare(2, |_| {});
    let id = world.hosts[stranger].id;
    world.tap = Some(Vec::new());
    world.input(fresh, Input::LinkUp(id));
    let fetch = Message::Fetch { request: 7, key: key("alice"), have: 0 };
    let list = Message::List { request: 8, bucket: "carts".into(), prefix: String::new() };
    for message in [fetch, list] {
        world.input(fresh, Input::Received { from: id, bytes: wire::encode(&message) });
    }
    let frames = world.tap.take().unwrap_or_default();
    let answers = frames.iter().filter_map(|frame| match wire::decode(&frame.bytes) {
        Ok(Message::Fetched { request, says, .. }) => Some((request, says != Says::Owner)),
        Ok(Message::Listed { request, incoming, .. }) => Some((request, incoming)),
        _ => None,
    });
    assert_eq!(answers.collect::<Vec<_>>(), [(7, true), (8, true)], "alone it owns everything and has received it");
}

#[test]
fn a_put_takes_one_round_trip_and_few_messages() {
    let mut world = room(3);
    world.run_for(3_000);
    let before: u64 = world.hosts.iter().map(|host| host.node.as_ref().unwrap().view().metrics().sent.request).sum();
    let id = put(&mut world, 0, "alice", &"x".repeat(100), Level::All);
    let begun = world.now;
    assert!(world.run_until(1_000, |world| world.last(0, id).is_some()));
    assert!(world.now.since(begun) <= 2 * 5 + 2 * 6, "a round trip and two disks: {}", world.now.since(begun));
    world.run_for(100);
    let after: u64 = world.hosts.iter().map(|host| host.node.as_ref().unwrap().view().metrics().sent.request).sum();
    assert!(after - before <= 3 * 200, "{} bytes of requests", after - before);
}

#[test]
fn a_write_while_alone_says_that_its_level_was_not_met_and_arrives_when_others_come() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        let alone = world.open(1);
        let id = put(&mut world, alone, "alice", "tea", Level::Quorum);
        assert!(world.run_until(50, |world| world.last(alone, id).is_some()), "answered at once");
        let first = receipt(&world, alone, id).clone();
        assert_eq!((first.met, first.needed, first.reached), (false, 2, Reached::Local));
        for device in [2, 3] {
            world.open(device);
        }
        assert!(world.settle(10_000), "seed {seed}");
        let last = receipt(&world, alone, id);
        assert!(last.met && last.reached == Reached::All, "seed {seed}: the receipt rises: {last:?}");
        for other in 1..3 {
            let held = world.node(other).view().object(&key("alice")).unwrap().values().len();
            assert_eq!(held, 1, "seed {seed}");
        }
    }
}

#[test]
fn writes_on_both_sides_of_a_cut_become_siblings_and_one_write_resolves_them() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        for device in [1, 2] {
            world.open(device);
        }
        assert!(world.settle(10_000));
        world.cut(0, 1);
        world.run_for(500);
        put(&mut world, 0, "alice", "tea", Level::Quorum);
        put(&mut world, 1, "alice", "milk", Level::Quorum);
        world.run_for(3_000);
        world.heal_all();
        assert!(world.settle(40_000), "seed {seed}: they meet again");
        for tab in 0..2 {
            let both = read(&mut world, tab, "alice", Level::Quorum);
            assert_eq!(values(&both), ["milk", "tea"], "seed {seed}");
        }
        let id = put(&mut world, 0, "alice", "tea with milk", Level::All);
        world.run_for(100);
        assert!(world.last(0, id).is_some());
        let after = read(&mut world, 1, "alice", Level::Quorum);
        assert_eq!(values(&after), ["tea with milk"], "seed {seed}");
    }
}

#[test]
fn a_partition_heals_and_all_owners_hold_the_same() {
    for seed in 0..SEEDS {
        let mut world = room(seed);
        world.partition(&[&[0, 3], &[1, 2, 4]]);
        for number in 0..40 {
            put(&mut world, number % 5, &format!("key {}", number % 10), &number.to_string(), Level::Quorum);
            world.run_for(1_000);
        }
        world.heal_all();
        assert!(world.settle(90_000), "seed {seed}");
        world.run_for(30_000);
        for number in 0..10 {
            let name = format!("key {number}");
            let owners = world.node(0).view().preference_list(&key(&name)).owners;
            let held: Vec<_> = (0..5)
                .filter(|&tab| owners.contains(&world.hosts[tab].id))
                .map(|tab| world.node(tab).view().object(&key(&name)))
                .collect();
            assert!(held.windows(2).all(|two| two[0] == two[1]), "seed {seed}: {held:?}");
            assert!(held[0].is_some(), "seed {seed}");
        }
    }
}

#[test]
fn a_fresh_tab_takes_over_what_it_owns() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        world.open(1);
        for number in 0..2_000 {
            put(&mut world, 0, &number.to_string(), "tea", Level::Local);
        }
        world.run_for(1_000);
        world.open(2);
        let begun = world.now;
        assert!(world.settle(10_000), "seed {seed}");
        assert!(world.now.since(begun) < 2_000, "{}", world.now.since(begun));
        let full = RangeSet::full();
        assert_eq!(world.node(0).view().sum(&full), world.node(1).view().sum(&full));
    }
}

#[test]
fn a_tab_that_is_reopened_has_its_identity_and_its_data() {
    for seed in 0..SEEDS {
        let mut world = room(seed);
        put(&mut world, 0, "alice", "tea", Level::All);
        world.run_for(3_000);
        world.close(0);
        world.run_for(1_000);
        assert_eq!(world.node(1).view().members().iter().filter(|member| member.status == Status::Suspect).count(), 1);
        world.reopen(0);
        assert!(world.settle(10_000), "seed {seed}");
        let members = world.node(1).view().members();
        assert!(members.iter().all(|member| member.status == Status::Up), "seed {seed}");
        assert_eq!(values(&read(&mut world, 0, "alice", Level::Quorum)), ["tea"], "seed {seed}");
    }
}

#[test]
fn all_tabs_closed_and_one_reopened_has_all_that_its_device_acknowledged() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        for _ in 0..3 {
            world.open(1);
        }
        assert!(world.settle(10_000));
        world.partition(&[&[0], &[1], &[2]]);
        for tab in 0..3 {
            put(&mut world, tab, &format!("by {tab}"), "tea", Level::Local);
        }
        world.run_for(2_500);
        (0..3).for_each(|tab| world.close(tab));
        world.run_for(60_000);
        world.reopen_adopting(1, &[0, 2]);
        world.run_for(100);
        for tab in 0..3 {
            let name = format!("by {tab}");
            assert_eq!(values(&read(&mut world, 1, &name, Level::Local)), ["tea"], "seed {seed}");
        }
    }
}

#[test]
fn a_crash_is_suspected_within_five_seconds_and_a_goodbye_at_once() {
    for seed in 0..SEEDS {
        let mut world = room(seed);
        let is_suspect = |world: &World, watcher: usize, tab: usize| {
            let id = world.hosts[tab].id;
            world.node(watcher).view().members().iter().any(|m| m.id == id && m.status == Status::Suspect)
        };
        let crashed_at = world.now;
        world.crash(4);
        assert!(world.run_until(10_000, |world| (0..4).all(|watcher| is_suspect(world, watcher, 4))), "seed {seed}");
        assert!(world.now.since(crashed_at) <= 5_000, "seed {seed}: {}", world.now.since(crashed_at));
        world.close(3);
        assert!(world.run_until(200, |world| (0..3).all(|watcher| is_suspect(world, watcher, 3))), "seed {seed}");
        // Dormant after a while, and the rest stand in.
        world.run_for(20_000);
        assert_eq!(world.node(0).view().preference_list(&key("alice")).owners.len(), 3);
        assert!(!world.node(0).view().preference_list(&key("alice")).owners.contains(&world.hosts[4].id));
    }
}

#[test]
fn a_write_for_an_absent_owner_goes_home_when_it_is_back() {
    for seed in 0..SEEDS {
        let mut world = room(seed);
        world.close(4);
        let mut names = Vec::new();
        for number in 0..20 {
            let name = format!("key {number}");
            put(&mut world, 0, &name, "tea", Level::Quorum);
            names.push(name);
        }
        world.run_for(1_000);
        world.reopen(4);
        assert!(world.settle(10_000), "seed {seed}");
        let absent = world.hosts[4].id;
        let owned: Vec<&String> = names
            .iter()
            .filter(|name| world.node(0).view().preference_list(&key(name)).owners.contains(&absent))
            .collect();
        assert!(!owned.is_empty());
        for name in owned {
            assert!(world.node(4).view().object(&key(name)).is_some(), "seed {seed}: {name}");
        }
        let hints: u64 = (0..5).map(|tab| world.node(tab).view().metrics().hints).sum();
        assert_eq!(hints, 0, "seed {seed}: none is left");
        let stored =
            world.hosts.iter().flat_map(|host| &host.events).filter(|(_, e)| matches!(e, Event::HintStored { .. }));
        assert!(stored.count() > 0, "seed {seed}");
    }
}

#[test]
fn a_watch_is_told_of_what_others_write() {
    for seed in 0..SEEDS {
        let mut world = room(seed);
        let watches: Vec<RequestId> =
            (0..5).map(|tab| world.request(tab, Request::Watch { key: key("alice") })).collect();
        world.run_for(500);
        put(&mut world, 2, "alice", "tea", Level::Quorum);
        world.run_for(500);
        for (tab, id) in watches.iter().enumerate() {
            match world.last(tab, *id) {
                Some(Reply::Read(read)) => assert_eq!(values(read), ["tea"], "seed {seed} tab {tab}"),
                other => panic!("seed {seed}: {other:?}"),
            }
        }
    }
}

#[test]
fn keys_are_listed_from_every_arc() {
    for seed in 0..SEEDS {
        let mut world = room(seed);
        for number in 0..30 {
            put(&mut world, number % 5, &format!("{number:02}"), "tea", Level::Quorum);
        }
        world.run_for(1_000);
        let id = world.request(1, Request::Delete { key: key("07"), context: None, terms: at(Level::All) });
        world.run_for(1_000);
        assert!(world.last(1, id).is_some());
        let id =
            world.request(4, Request::Keys { bucket: "carts".into(), prefix: String::new(), terms: at(Level::Quorum) });
        world.run_for(500);
        match world.last(4, id) {
            Some(Reply::Keys(keys)) => {
                assert!(keys.met, "seed {seed}");
                let expected: Vec<String> = (0..30).filter(|n| *n != 7).map(|n| format!("{n:02}")).collect();
                assert_eq!(keys.keys, expected, "seed {seed}");
            }
            other => panic!("seed {seed}: {other:?}"),
        }
    }
}

#[test]
fn a_full_disk_refuses_and_loses_nothing_it_had_acknowledged() {
    let mut world = room(5);
    world.hosts[0].disk_full = true;
    let id = put(&mut world, 0, "alice", "tea", Level::Quorum);
    world.run_for(500);
    assert!(matches!(world.last(0, id), Some(Reply::Failed(_))), "{:?}", world.last(0, id));
    world.hosts[0].disk_full = false;
    assert!(world.settle(60_000));
    let id = put(&mut world, 0, "alice", "milk", Level::All);
    world.run_for(500);
    assert!(receipt(&world, 0, id).met);
}

#[test]
fn garbage_is_counted_and_dropped_and_everything_goes_on() {
    let mut world = room(7);
    let mut random = fastrand::Rng::with_seed(7);
    let stranger = world.hosts[1].id;
    for round in 0..10_000 {
        let mut bytes: Vec<u8> = (0..random.usize(0..200)).map(|_| random.u8(..)).collect();
        if let (true, Some(first)) = (round % 2 == 0, bytes.first_mut()) {
            *first = 1;
        }
        world.input(0, roundtable_core::node::Input::Received { from: stranger, bytes });
    }
    assert!(world.node(0).view().metrics().frames_dropped > 5_000);
    let id = put(&mut world, 0, "alice", "tea", Level::All);
    world.run_for(3_000);
    assert!(receipt(&world, 0, id).met);
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    let run = |seed| {
        let mut world = room(seed);
        world.partition(&[&[0, 3], &[1, 2, 4]]);
        for number in 0..10 {
            put(&mut world, number % 5, &format!("key {}", number % 3), &number.to_string(), Level::Quorum);
            world.run_for(700);
        }
        world.heal_all();
        world.run_for(30_000);
        world.trace()
    };
    assert_eq!(run(11), run(11));
    assert_ne!(run(11), run(12));
}
