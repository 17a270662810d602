//! What a node lets go of, and when: strays that their owners have, tombstones past the horizon.

use std::sync::Arc;

use roundtable_core::coordinator::{Keep, Level, Request, Terms};
use roundtable_core::id::Key;
use roundtable_sim::World;

const SEEDS: u64 = 10;
const KEYS: usize = 40;

fn key(number: usize) -> Key {
    Key::new("carts", &number.to_string()).expect("a short name")
}

fn at(level: Level) -> Terms {
    Terms { level: Some(level), timeout_ms: None }
}

/// A room of tabs on devices of their own, whose first tab has written all keys.
fn written(seed: u64, tabs: u8) -> World {
    let mut world = World::new(seed);
    (0..tabs).for_each(|device| {
        world.open(device);
    });
    assert!(world.settle(30_000), "seed {seed}: {}", world.unsettled());
    for number in 0..KEYS {
        let value = Arc::from(number.to_string().as_bytes());
        world.request(
            0,
            Request::Put { key: key(number), value, context: None, keep: Keep::default(), terms: at(Level::All) },
        );
    }
    world.run_for(2_000);
    world
}

/// How many copies of all keys there are, and how many lie with nodes that do not own them.
fn copies(world: &World) -> (usize, usize) {
    let (mut all, mut strayed) = (0, 0);
    for tab in world.alive() {
        for number in 0..KEYS {
            let view = world.node(tab).view();
            let is_held = view.object(&key(number)).is_some();
            let is_owner = view.preference_list(&key(number)).owners.contains(&world.hosts[tab].id);
            all += usize::from(is_held);
            strayed += usize::from(is_held && !is_owner);
        }
    }
    (all, strayed)
}

#[test]
fn what_a_join_has_moved_away_is_let_go_by_who_no_longer_owns_it() {
    for seed in 0..SEEDS {
        let mut world = written(seed, 5);
        world.open(9);
        world.open(10);
        assert!(world.settle(30_000), "seed {seed}: {}", world.unsettled());
        world.run_for(20_000);
        let before = copies(&world);
        assert!(before.0 > 3 * KEYS && before.1 > 0, "seed {seed}: for half a minute nothing is let go: {before:?}");
        world.run_for(90_000);
        // The tab that wrote them keeps what its application was shown.
        let of_writer = (0..KEYS).filter(|&number| {
            let view = world.node(0).view();
            !view.preference_list(&key(number)).owners.contains(&world.hosts[0].id)
        });
        let of_writer = of_writer.count();
        assert_eq!(copies(&world), (3 * KEYS + of_writer, of_writer), "seed {seed}");
        world.crash(0);
        world.reopen(0);
        world.run_for(120_000);
        assert_eq!(copies(&world), (3 * KEYS, 0), "seed {seed}: another session was shown nothing");
    }
}

#[test]
fn a_stray_stays_while_an_owner_cannot_be_asked() {
    for seed in 0..SEEDS {
        let mut world = written(seed, 5);
        let before = copies(&world).1;
        assert!(before > 0, "seed {seed}: the writer owns everything");
        world.crash(0);
        world.run_for(40_000);
        // It comes back with copies of everything, to a room that falls apart before it could ask all owners.
        world.reopen(0);
        world.run_for(20_000);
        world.cut(0, 1);
        world.run_for(200_000);
        for number in 0..KEYS {
            let view = world.node(0).view();
            let owners = view.preference_list(&key(number)).owners;
            let is_stray = !owners.contains(&world.hosts[0].id);
            let can_be_asked = !owners.contains(&world.hosts[1].id);
            let is_held = view.object(&key(number)).is_some();
            assert!(!is_stray || is_held != can_be_asked, "seed {seed} key {number}: held {is_held}");
        }
    }
}
