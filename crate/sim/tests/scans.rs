//! Watches of many keys over whole rooms.

use std::sync::Arc;

use roundtable_core::coordinator::{Change, Keep, Level, Reply, Request, Terms};
use roundtable_core::id::{Key, RequestId};
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
        let id = world.request(2, Request::WatchAll { bucket: "carts".into(), prefix: prefix.into() });
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
