//! What a crowd of real tabs found of reads: two that stood in for dead owners met them, before the owner that lived
//! had said what it held.

use std::sync::Arc;

use roundtable_core::coordinator::{Keep, Level, ReadReply, Reply, Request, Terms};
use roundtable_core::id::Key;
use roundtable_core::membership::Status;
use roundtable_sim::World;

const TABS: u8 = 8;
const WRITER: usize = 0;

fn terms(level: Level) -> Terms {
    Terms { level: Some(level), timeout_ms: None }
}

fn read(world: &mut World, tab: usize, key: &Key) -> ReadReply {
    let id = world.request(tab, Request::Get { key: key.clone(), terms: terms(Level::Quorum) });
    assert!(world.run_until(6_000, |world| world.last(tab, id).is_some()), "a get is always answered");
    match world.last(tab, id) {
        Some(Reply::Read(read)) => read.clone(),
        other => panic!("no read but {other:?}"),
    }
}

/// A room in which a key was written, by a tab that owns nothing of it, and two of its three owners are suspect; with
/// the owner that lives, and somebody who owns nothing of it either.
fn bereaved(seed: u64) -> (World, Key, usize, usize) {
    let mut world = World::new(seed);
    (0..TABS).for_each(|device| {
        world.open(device);
    });
    assert!(world.settle(20_000), "{}", world.unsettled());
    let owners = |world: &World, key: &Key| -> Vec<usize> {
        let owners = world.node(WRITER).view().preference_list(key).owners;
        owners.into_iter().map(|id| world.tabs_of(id)[0]).collect()
    };
    let keys = (0..100).map(|number: u32| Key::new("carts", &number.to_string()).expect("a short name"));
    let key = keys.into_iter().find(|key| !owners(&world, key).contains(&WRITER)).expect("one of a hundred");
    let dead = owners(&world, &key);
    let reader = (1..usize::from(TABS)).find(|tab| !dead.contains(tab)).expect("five own nothing of it");
    let value = Arc::from([1_u8].as_slice());
    let put = Request::Put { key: key.clone(), value, keep: Keep::default(), context: None, terms: terms(Level::All) };
    let id = world.request(WRITER, put);
    assert!(world.run_until(6_000, |world| matches!(world.last(WRITER, id), Some(Reply::Receipt(r)) if r.met)));
    world.crash(dead[0]);
    world.crash(dead[1]);
    let ids = [world.hosts[dead[0]].id, world.hosts[dead[1]].id];
    let is_suspect = |world: &World, id| {
        world.node(reader).view().members().iter().any(|member| member.id == id && member.status == Status::Suspect)
    };
    assert!(world.run_until(12_000, |world| ids.iter().all(|&id| is_suspect(world, id))), "seed {seed}");
    (world, key, dead[2], reader)
}

#[test]
fn two_that_stand_in_do_not_meet_a_read_before_the_owner_that_lives_has_answered() {
    for seed in 0..20 {
        let (mut world, key, survivor, reader) = bereaved(seed);
        world.clog(reader, survivor, 400);
        let read = read(&mut world, reader, &key);
        assert!(read.met, "seed {seed}: {read:?}");
        assert_eq!(read.siblings.len(), 1, "seed {seed}: {read:?}");
    }
}

#[test]
fn an_owner_that_falls_silent_too_does_not_keep_a_read_from_being_met() {
    for seed in 0..20 {
        let (mut world, key, survivor, reader) = bereaved(seed);
        world.crash(survivor);
        let read = read(&mut world, reader, &key);
        assert!(read.met, "seed {seed}: {read:?}");
    }
}
