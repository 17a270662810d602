//! Watches of many keys over whole rooms.

use std::collections::BTreeMap;
use std::sync::Arc;

use roundtable_core::coordinator::{Change, Keep, Level, Reply, Request, Terms};
use roundtable_core::id::{Key, Pin, RequestId};
use roundtable_sim::World;

fn put(world: &mut World, tab: usize, name: &str, value: &str, ttl_ms: Option<u64>) {
    let key = Key::new("carts", name).expect("a short name");
    let (value, keep) = (Arc::from(value.as_bytes()), Keep { ttl_ms, ..Keep::default() });
    let terms = Terms { level: Some(Level::All), timeout_ms: None };
    world.request(tab, Request::Put { key, value, keep, context: None, terms });
    world.run_for(200);
}

fn delete(world: &mut World, tab: usize, name: &str) {
    let key = Key::new("carts", name).expect("a short name");
    world.request(tab, Request::Delete { key, context: None, terms: Terms::default() });
    world.run_for(200);
}

/// What was told last, as name and value.
fn told(world: &World, tab: usize, id: RequestId) -> Vec<(String, Option<String>)> {
    let text =
        |change: &Change| change.read.siblings.first().map(|payload| String::from_utf8_lossy(payload).into_owned());
    match world.last(tab, id) {
        Some(Reply::Changes(changes)) => changes.iter().map(|change| (change.key.clone(), text(change))).collect(),
        other => panic!("no changes but {other:?}"),
    }
}

fn list(entries: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
    entries.iter().map(|(name, value)| ((*name).into(), value.map(Into::into))).collect()
}

#[test]
fn the_first_word_is_all_that_is_held_and_then_what_changes_of_these_keys_alone() {
    let mut world = World::new(1);
    (0..3).for_each(|device| {
        world.open(device);
    });
    assert!(world.settle(10_000));
    put(&mut world, 0, "a/2", "tea", None);
    put(&mut world, 1, "a/1", "bread", None);
    put(&mut world, 1, "b/1", "honey", None);
    delete(&mut world, 0, "a/2");
    let scan = |world: &mut World, prefix: &str| {
        let pin = Pin::new("carts", prefix).expect("a short name");
        let id = world.request(2, Request::WatchAll { pin });
        world.run_for(10);
        id
    };
    let (some, none) = (scan(&mut world, "a/"), scan(&mut world, "nothing"));
    assert_eq!(told(&world, 2, some), list(&[("a/1", Some("bread"))]), "what is deleted is no news");
    assert_eq!(told(&world, 2, none), list(&[]), "nothing is said to be nothing");
    put(&mut world, 0, "a/3", "milk", None);
    assert_eq!(told(&world, 2, some), list(&[("a/3", Some("milk"))]));
    put(&mut world, 0, "b/2", "salt", None);
    assert_eq!(told(&world, 2, some), list(&[("a/3", Some("milk"))]), "another prefix");
    delete(&mut world, 1, "a/3");
    assert_eq!(told(&world, 2, some), list(&[("a/3", None)]));
    put(&mut world, 1, "a/4", "cream", Some(1_000));
    assert_eq!(told(&world, 2, some), list(&[("a/4", Some("cream"))]));
    world.run_for(2_000);
    assert_eq!(told(&world, 2, some), list(&[("a/4", None)]), "what expires is news");
    world.input(2, roundtable_core::node::Input::Cancel(some));
    put(&mut world, 0, "a/5", "rice", None);
    assert_eq!(told(&world, 2, some), list(&[("a/4", None)]), "nothing is told after it ended");
    assert_eq!(told(&world, 2, none), list(&[]));
}

/// A room of eight tabs on devices of their own, where most keys lie with others than the last tab.
fn room_of_eight(seed: u64) -> World {
    let mut world = World::new(seed);
    (0..8).for_each(|device| {
        world.open(device);
    });
    assert!(world.settle(30_000), "seed {seed}: {}", world.unsettled());
    (0..KEYS).for_each(|number| put(&mut world, 0, &number.to_string(), "first", None));
    world
}

const SEEDS: u64 = 6;
const KEYS: usize = 30;

fn watch_all(world: &mut World, tab: usize, prefix: &str) -> RequestId {
    let pin = Pin::new("carts", prefix).expect("a short name");
    world.request(tab, Request::WatchAll { pin })
}

/// All that was told since the watch began, the last word of each key.
fn all_told(world: &World, tab: usize, id: RequestId) -> BTreeMap<String, Option<String>> {
    let replies = world.hosts[tab].replies.get(&id).into_iter().flatten();
    let mut all = BTreeMap::new();
    for reply in replies {
        let Reply::Changes(changes) = reply else { panic!("no changes but {reply:?}") };
        all.extend(changes.iter().map(|change| {
            let text = change.read.siblings.first().map(|payload| String::from_utf8_lossy(payload).into_owned());
            (change.key.clone(), text)
        }));
    }
    all
}

fn count(world: &World, tab: usize, id: RequestId, text: &str) -> usize {
    all_told(world, tab, id).values().filter(|value| value.as_deref() == Some(text)).count()
}

#[test]
fn a_watch_of_many_keys_brings_those_that_others_own_and_their_changes() {
    for seed in 0..SEEDS {
        let mut world = room_of_eight(seed);
        let id = watch_all(&mut world, 7, "");
        world.run_for(10);
        let at_once = all_told(&world, 7, id).len();
        assert!(at_once < KEYS, "seed {seed}: it holds {at_once} itself");
        world.run_for(2_000);
        assert_eq!(count(&world, 7, id, "first"), KEYS, "seed {seed}");
        // Changes are told within a moment, and a delete is one.
        (0..KEYS / 2).for_each(|number| put(&mut world, 0, &number.to_string(), "second", None));
        world.run_for(300);
        assert_eq!(count(&world, 7, id, "second"), KEYS / 2, "seed {seed}");
        (0..KEYS / 2).for_each(|number| delete(&mut world, 1, &number.to_string()));
        world.run_for(300);
        let gone = all_told(&world, 7, id).values().filter(|value| value.is_none()).count();
        assert_eq!(gone, KEYS / 2, "seed {seed}");
        // What expires is news too, and its owners' doing alone.
        put(&mut world, 0, "brief", "soon gone", Some(1_000));
        world.run_for(300);
        assert_eq!(count(&world, 7, id, "soon gone"), 1, "seed {seed}");
        world.run_for(1_000);
        assert_eq!(count(&world, 7, id, "soon gone"), 0, "seed {seed}");
        // What nobody tells, for nobody knows yet that the owner that would is gone, is found as soon as it is known.
        (1..3).for_each(|tab| world.crash(tab));
        (KEYS / 2..KEYS).for_each(|number| put(&mut world, 0, &number.to_string(), "third", None));
        world.run_for(2_000);
        assert_eq!(count(&world, 7, id, "third"), KEYS - KEYS / 2, "seed {seed}");
    }
}

#[test]
fn what_was_watched_is_fed_no_more_and_is_there_for_a_page_that_comes_back() {
    for seed in 0..SEEDS {
        let mut world = room_of_eight(seed);
        let id = watch_all(&mut world, 7, "");
        world.run_for(2_000);
        world.input(7, roundtable_core::node::Input::Cancel(id));
        let sent = |world: &World| (0..8).map(|tab| world.node(tab).view().metrics().sent.repair).sum::<u64>();
        // Owners forget within half a minute who wanted to be told.
        world.run_for(40_000);
        let before = world.node(7).view().metrics().copies;
        assert!(before > 0, "seed {seed}");
        put(&mut world, 0, "new", "first", None);
        world.run_for(2_000);
        assert!(world.node(7).view().pins().next().is_none(), "seed {seed}");
        assert_eq!(world.node(7).view().metrics().copies, before, "seed {seed}: nobody tells it any more");
        let quiet = sent(&world);
        world.run_for(30_000);
        let quiet = sent(&world) - quiet;
        // It comes back, with nobody else here.
        (0..7).for_each(|tab| world.crash(tab));
        world.crash(7);
        world.reopen(7);
        let id = watch_all(&mut world, 7, "");
        world.run_for(100);
        assert!(count(&world, 7, id, "first") >= KEYS, "seed {seed}");
        // And with all others, who have gone on.
        (0..7).for_each(|tab| world.reopen(tab));
        assert!(world.settle(30_000), "seed {seed}: {}", world.unsettled());
        assert_eq!(count(&world, 7, id, "first"), KEYS + 1, "seed {seed}");
        let fed = sent(&world);
        world.run_for(30_000);
        assert!(sent(&world) - fed > quiet, "seed {seed}: a watch is compared, and one that has ended is not");
    }
}

#[test]
fn in_a_large_room_changes_are_told_to_who_watches_without_a_link() {
    let mut world = World::new(3);
    (0..40).for_each(|device| {
        world.open(device);
    });
    assert!(world.settle(60_000), "{}", world.unsettled());
    let id = watch_all(&mut world, 39, "");
    world.run_for(1_000);
    (0..KEYS).for_each(|number| put(&mut world, number, &number.to_string(), "first", None));
    world.run_for(500);
    assert_eq!(count(&world, 39, id, "first"), KEYS);
}
