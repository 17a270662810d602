//! Reads in the first moments of a tab: it knows by hearsay who owns a key, and has no link with them yet.

use std::sync::Arc;

use roundtable_core::coordinator::{Keep, Level, ReadReply, Reply, Request, Terms};
use roundtable_core::id::Key;
use roundtable_core::membership::Status;
use roundtable_sim::{Tuning, World};

const TABS: u8 = 6;
const TERMS: Terms = Terms { level: Some(Level::Quorum), timeout_ms: None };

/// A room in which a key was written, and a newcomer who is linked with one tab alone and thinks all to be there, none
/// of the key's owners among the two; with the key and the newcomer. `mute`: it will never be linked with others.
fn room(seed: u64, mute: bool) -> (World, Key, usize) {
    room_as(seed, mute, |_| {})
}

/// The same where the network is as this makes it, from when the newcomer comes.
fn room_as(seed: u64, mute: bool, network: impl FnOnce(&mut Tuning)) -> (World, Key, usize) {
    let mut world = World::new(seed);
    let tabs: Vec<usize> = (0..TABS).map(|device| world.open(device)).collect();
    assert!(world.settle(20_000), "{}", world.unsettled());
    let keys: Vec<Key> = (0..200).map(|n: u32| Key::new("carts", &n.to_string()).expect("a short name")).collect();
    for key in &keys {
        write(&mut world, 0, key);
    }
    let newcomer = world.prepare(TABS, |_| {});
    for &tab in tabs.iter().filter(|&&tab| mute && tab != 0) {
        world.mute(newcomer, tab);
        world.mute(tab, newcomer);
    }
    network(&mut world.tuning);
    world.tuning.heard_by = (!mute).then_some(1);
    world.reopen(newcomer);
    let knows_all = |world: &World| {
        let view = world.node(newcomer).view();
        view.members().iter().filter(|member| member.status == Status::Up).count() == tabs.len() + 1
    };
    assert!(world.run_until(10_000, knows_all), "{}", world.unsettled());
    let linked: Vec<usize> = tabs.iter().copied().filter(|&tab| world.is_linked(newcomer, tab)).collect();
    assert_eq!(linked.len(), 1, "seed {seed}: it has met one, and is about to meet the others");
    let near = [world.hosts[linked[0]].id, world.hosts[newcomer].id];
    let is_far = |key: &Key| {
        let owners = world.node(newcomer).view().preference_list(key).owners;
        owners.iter().all(|owner| !near.contains(owner))
    };
    let key = keys.into_iter().find(is_far).expect("one of two hundred");
    (world, key, newcomer)
}

fn write(world: &mut World, tab: usize, key: &Key) {
    let value = Arc::from([1_u8].as_slice());
    let put = Request::Put { key: key.clone(), value, keep: Keep::default(), context: None, terms: TERMS };
    let id = world.request(tab, put);
    assert!(world.run_until(2_000, |world| matches!(world.last(tab, id), Some(Reply::Receipt(r)) if r.met)));
}

/// What a get is answered, and after how many milliseconds.
fn read(world: &mut World, tab: usize, key: &Key) -> (ReadReply, u64) {
    let begun = world.now;
    let id = world.request(tab, Request::Get { key: key.clone(), terms: TERMS });
    assert!(world.run_until(6_000, |world| world.last(tab, id).is_some()), "a get is always answered");
    let took = world.now.since(begun);
    match world.last(tab, id) {
        Some(Reply::Read(read)) => (read.clone(), took),
        other => panic!("no read but {other:?}"),
    }
}

#[test]
fn a_read_of_owners_that_are_about_to_be_linked_waits_for_them() {
    for seed in 0..20 {
        let (mut world, key, newcomer) = room(seed, false);
        let (reply, took) = read(&mut world, newcomer, &key);
        assert!(reply.met, "seed {seed}: {} of {} within {took} ms", reply.answered.len(), reply.needed);
        assert_eq!(reply.siblings.len(), 1, "seed {seed}");
    }
}

#[test]
fn where_answers_take_long_a_read_waits_longer_for_links() {
    for seed in 0..5 {
        let (mut world, key, newcomer) = room_as(seed, false, |tuning| {
            tuning.latency_ms = (250, 300);
            tuning.dial_ms = (3_300, 3_600);
        });
        // Until its first pings are answered it does not know.
        world.run_for(1_500);
        assert_eq!(world.hosts.iter().enumerate().filter(|(tab, _)| world.is_linked(newcomer, *tab)).count(), 1);
        let (reply, took) = read(&mut world, newcomer, &key);
        assert!(reply.met, "seed {seed}: {} of {} within {took} ms", reply.answered.len(), reply.needed);
        assert!(took > 2_000, "seed {seed}: {took} ms: it had not to wait, and shows nothing");
    }
}

#[test]
fn a_read_of_owners_that_are_never_linked_waits_two_seconds_and_no_longer() {
    for seed in 0..5 {
        let (mut world, key, newcomer) = room(seed, true);
        let (reply, took) = read(&mut world, newcomer, &key);
        assert!(!reply.met, "seed {seed}");
        assert!((2_000..2_500).contains(&took), "seed {seed}: {took} ms");
    }
}
