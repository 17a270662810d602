//! What a node lets go of, and when: strays that their owners have, tombstones past the horizon.

use std::sync::Arc;

use roundtable_core::coordinator::{Keep, Level, Request, Terms};
use roundtable_core::id::Key;
use roundtable_core::node::Event;
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

/// Time passes, and the wall clocks of all open tabs are so much further than it took: they slept with their devices.
fn pass(world: &mut World, skew_ms: i64) {
    for tab in 0..world.hosts.len() {
        world.set_clock(tab, skew_ms);
    }
    world.run_for(90_000);
}

const DAY: i64 = 86_400_000;

fn reaped(world: &World) -> usize {
    let of = |event: &Event| match event {
        Event::Reaped { tombstones } => *tombstones,
        _ => 0,
    };
    world.hosts.iter().flat_map(|host| &host.events).map(|(_, event)| of(event)).sum()
}

fn held(world: &World) -> usize {
    world
        .alive()
        .iter()
        .map(|&tab| (0..KEYS).filter(|&at| world.node(tab).view().object(&key(at)).is_some()).count())
        .sum()
}

fn delete_all(world: &mut World, tab: usize) {
    for number in 0..KEYS {
        world.request(tab, Request::Delete { key: key(number), context: None, terms: at(Level::All) });
    }
    // Within half a minute the tombstones are found and their age begins.
    world.run_for(40_000);
}

#[test]
fn tombstones_go_when_they_are_past_the_horizon_and_not_before() {
    for seed in 0..SEEDS {
        let mut world = written(seed, 4);
        pass(&mut world, 0);
        delete_all(&mut world, 1);
        pass(&mut world, 29 * DAY);
        assert_eq!(reaped(&world), 0, "seed {seed}");
        pass(&mut world, 31 * DAY);
        assert_eq!(reaped(&world), 3 * KEYS, "seed {seed}");
        assert!(world.settle(60_000), "seed {seed}: {}", world.unsettled());
        world.run_for(60_000);
        assert_eq!(reaped(&world), 3 * KEYS, "seed {seed}: they do not come back to be reaped again");
    }
}

#[test]
fn an_owner_that_is_away_holds_a_reap_back_until_others_own_in_its_place() {
    for seed in 0..SEEDS {
        let mut world = written(seed, 3);
        pass(&mut world, 0);
        delete_all(&mut world, 1);
        world.cut(0, 2);
        world.cut(1, 2);
        for tab in 0..3 {
            world.set_clock(tab, 31 * DAY);
        }
        world.run_for(10_000);
        assert_eq!(reaped(&world), 0, "seed {seed}: suspect is not gone");
        world.run_for(120_000);
        assert_eq!(reaped(&world), 2 * KEYS, "seed {seed}");
    }
}

#[test]
fn a_device_that_is_alone_with_its_clock_reaps_nothing() {
    let mut world = written(1, 1);
    world.open(0);
    pass(&mut world, 0);
    delete_all(&mut world, 0);
    pass(&mut world, 31 * DAY);
    pass(&mut world, 400 * DAY);
    assert_eq!(reaped(&world), 0);
}

#[test]
fn a_sleeper_past_the_horizon_revives_nothing_and_loses_nothing_of_its_own() {
    for seed in 0..SEEDS {
        let mut world = written(seed, 4);
        pass(&mut world, 0);
        // The sleeper writes a key that nobody hears of, and is gone.
        world.partition(&[&[0, 1, 2], &[3]]);
        let value = Arc::from(&b"unsent"[..]);
        let keep = Keep::default();
        world.request(3, Request::Put { key: key(7), value, context: None, keep, terms: at(Level::Local) });
        world.run_for(1_000);
        world.crash(3);
        delete_all(&mut world, 1);
        world.run_for(60_000);
        pass(&mut world, 31 * DAY);
        assert!(reaped(&world) >= 3 * KEYS - 3, "seed {seed}: {}", reaped(&world));
        world.heal_all();
        world.reopen(3);
        assert!(world.settle(90_000), "seed {seed}: {}", world.unsettled());
        world.run_for(60_000);
        for tab in world.alive() {
            for number in 0..KEYS {
                let values = world.node(tab).view().object(&key(number)).map_or(0, |object| object.values().len());
                let is_owner =
                    world.node(tab).view().preference_list(&key(number)).owners.contains(&world.hosts[tab].id);
                let expected = usize::from(number == 7);
                assert!(!is_owner || values == expected, "seed {seed} tab {tab} key {number}: {values} values");
            }
        }
        assert!(held(&world) > 0);
    }
}

/// A tab keeps what its application was shown. The owners lost it with their disks, and nobody told them.
#[test]
fn what_a_tab_was_shown_and_keeps_is_brought_to_owners_that_have_lost_it() {
    for seed in 0..SEEDS {
        let mut world = written(seed, 5);
        world.run_for(60_000);
        let is_strayed = |world: &World, number: usize| {
            let owners = world.node(0).view().preference_list(&key(number)).owners;
            !owners.contains(&world.hosts[0].id)
        };
        let number = (0..KEYS).find(|&number| is_strayed(&world, number)).expect("the writer does not own everything");
        let owners: Vec<usize> = (1..5)
            .filter(|&tab| {
                let view = world.node(tab).view();
                view.preference_list(&key(number)).owners.contains(&world.hosts[tab].id)
            })
            .collect();
        assert_eq!(owners.len(), 3);
        // One after the other, so that the ring stays as it is; each comes back with nothing of the last two minutes.
        for &tab in &owners {
            world.crash(tab);
            while world.roll_back(tab, 1) > 0 {}
        }
        owners.iter().for_each(|&tab| world.reopen(tab));
        world.run_for(120_000);
        assert!(is_strayed(&world, number), "seed {seed}: the ring is as it was");
        for &tab in &owners {
            assert!(world.node(tab).view().object(&key(number)).is_some(), "seed {seed} tab {tab}");
        }
    }
}
