//! What a version carries, over whole rooms: values that expire, and values of which the last write wins.

use std::sync::Arc;

use roundtable_core::coordinator::{Keep, Level, ReadReply, Reply, Request, RequestError, Terms};
use roundtable_core::datatype::DataType;
use roundtable_core::id::{Key, RequestId};
use roundtable_sim::World;

const HOUR_MS: i64 = 60 * 60 * 1_000;
const SEEDS: u64 = 10;
const LWW: Keep = Keep { datatype: DataType::LastWriteWins, ttl_ms: None };

fn key() -> Key {
    Key::new("carts", "alice").expect("a short name")
}

fn at(level: Level) -> Terms {
    Terms { level: Some(level), timeout_ms: None }
}

fn expiring(ttl_ms: u64) -> Keep {
    Keep { ttl_ms: Some(ttl_ms), ..Keep::default() }
}

fn put(world: &mut World, tab: usize, value: &str, keep: Keep) -> RequestId {
    let value = Arc::from(value.as_bytes());
    let id = world.request(tab, Request::Put { key: key(), value, keep, context: None, terms: at(Level::Quorum) });
    assert!(world.run_until(6_000, |world| world.last(tab, id).is_some()), "a put is always answered");
    id
}

fn read(world: &mut World, tab: usize, level: Level) -> ReadReply {
    let id = world.request(tab, Request::Get { key: key(), terms: at(level) });
    assert!(world.run_until(6_000, |world| world.last(tab, id).is_some()), "a get is always answered");
    match world.last(tab, id) {
        Some(Reply::Read(read)) => read.clone(),
        other => panic!("no read but {other:?}"),
    }
}

fn shown(read: &ReadReply) -> Vec<String> {
    read.siblings.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

/// What every tab reads at a level.
fn everywhere(world: &mut World, level: Level) -> Vec<Vec<String>> {
    world.alive().into_iter().map(|tab| shown(&read(world, tab, level))).collect()
}

fn keys(world: &mut World, tab: usize) -> Vec<String> {
    let request = Request::Keys { bucket: "carts".into(), prefix: String::new(), terms: at(Level::Quorum) };
    let id = world.request(tab, request);
    assert!(world.run_until(6_000, |world| world.last(tab, id).is_some()), "a listing is always answered");
    match world.last(tab, id) {
        Some(Reply::Keys(keys)) => keys.keys.clone(),
        other => panic!("no keys but {other:?}"),
    }
}

/// Five tabs on three devices, meshed and settled.
fn room(seed: u64) -> World {
    let mut world = World::new(seed);
    for device in [1, 1, 2, 2, 3] {
        world.open(device);
    }
    assert!(world.settle(10_000), "seed {seed}: five tabs find each other");
    world
}

/// Every clock goes on by so many hours, without a jump that nobody would believe.
fn pass_hours(world: &mut World, hours: i64) {
    for hour in (0..=hours).step_by(12) {
        (0..world.hosts.len()).for_each(|tab| world.set_clock(tab, hour * HOUR_MS));
        world.run_for(100);
    }
    (0..world.hosts.len()).for_each(|tab| world.set_clock(tab, hours * HOUR_MS));
    world.run_for(100);
}

#[test]
fn a_value_with_a_time_to_live_goes_out_of_sight_everywhere_when_its_time_has_come() {
    for seed in 0..SEEDS {
        let mut world = room(seed);
        put(&mut world, 0, "tea", expiring(20_000));
        assert!(world.settle(15_000), "seed {seed}");
        assert_eq!(everywhere(&mut world, Level::Quorum), vec![["tea"]; 5], "seed {seed}");
        let watch = world.request(4, Request::Watch { key: key() });
        world.run_for(100);
        let told = |world: &World| match world.last(4, watch) {
            Some(Reply::Read(read)) => shown(read),
            other => panic!("no read but {other:?}"),
        };
        assert_eq!((told(&world), keys(&mut world, 3)), (vec!["tea".to_owned()], vec!["alice".to_owned()]));
        world.run_for(20_000);
        assert_eq!(told(&world), Vec::<String>::new(), "seed {seed}: a watcher is told without asking");
        assert_eq!(everywhere(&mut world, Level::Quorum), vec![Vec::<String>::new(); 5], "seed {seed}");
        assert_eq!(everywhere(&mut world, Level::Local), vec![Vec::<String>::new(); 5], "seed {seed}");
        assert_eq!(keys(&mut world, 3), Vec::<String>::new(), "seed {seed}");
        put(&mut world, 2, "milk", Keep::default());
        world.run_for(60_000);
        assert_eq!(everywhere(&mut world, Level::Quorum), vec![["milk"]; 5], "seed {seed}: a later put lives on");
        assert_eq!(told(&world), ["milk"], "seed {seed}");
    }
}

#[test]
fn what_was_dropped_is_not_revived_by_a_replica_that_slept_through_it() {
    for seed in 0..SEEDS {
        let mut world = room(seed);
        put(&mut world, 0, "tea", expiring(20_000));
        assert!(world.settle(15_000), "seed {seed}");
        let sleeper = (0..5).find(|&tab| world.node(tab).view().object(&key()).is_some()).expect("somebody has it");
        world.crash(sleeper);
        pass_hours(&mut world, 30);
        // Until the clocks are confirmed anew, which the word of the one that sleeps holds up as long as its link is.
        world.run_for(30_000);
        assert!(world.settle(60_000), "seed {seed}");
        let awake = world.alive();
        let holds = |world: &World, tab: usize| {
            world.node(tab).view().object(&key()).is_some_and(|object| object.values().len() > 0)
        };
        assert!(awake.iter().all(|&tab| !holds(&world, tab)), "seed {seed}: dropped by all who are here");
        world.reopen(sleeper);
        assert!(world.settle(60_000), "seed {seed}: {}", world.unsettled());
        assert_eq!(everywhere(&mut world, Level::Quorum), vec![Vec::<String>::new(); 5], "seed {seed}");
        assert!((0..5).all(|tab| !holds(&world, tab)), "seed {seed}: nor is it held by anybody");
    }
}

#[test]
fn a_clock_that_is_hours_ahead_hides_a_value_from_its_own_tab_only() {
    for seed in 0..SEEDS {
        let mut world = room(seed);
        world.set_clock(1, 5 * HOUR_MS);
        put(&mut world, 0, "tea", expiring(HOUR_MS as u64));
        world.run_for(60_000);
        let expected = (0..5).map(|tab| if tab == 1 { vec![] } else { vec!["tea".to_owned()] }).collect::<Vec<_>>();
        assert_eq!(everywhere(&mut world, Level::All), expected, "seed {seed}");
        world.set_clock(1, 0);
        world.run_for(1_000);
        assert_eq!(everywhere(&mut world, Level::All), vec![["tea"]; 5], "seed {seed}: the clock was set right");
    }
}

#[test]
fn while_the_clock_is_not_believed_nothing_expires_and_no_time_to_live_is_given() {
    let mut world = room(1);
    put(&mut world, 0, "tea", expiring(30_000));
    world.set_clock(0, 60 * 24 * HOUR_MS);
    assert_eq!(shown(&read(&mut world, 0, Level::Local)), ["tea"], "a jump of months is not believed");
    let refused = put(&mut world, 0, "milk", expiring(30_000));
    assert_eq!(world.last(0, refused), Some(&Reply::Failed(RequestError::TimeUnknown)));
    world.run_for(40_000);
    assert_eq!(shown(&read(&mut world, 1, Level::Local)), Vec::<String>::new());
    world.set_clock(0, 0);
    world.run_for(100);
    assert_eq!(shown(&read(&mut world, 0, Level::Local)), Vec::<String>::new(), "believed again, it expires");
    for ttl_ms in [0, u64::MAX] {
        let refused = put(&mut world, 0, "milk", expiring(ttl_ms));
        assert_eq!(world.last(0, refused), Some(&Reply::Failed(RequestError::TimeToLive)));
    }
}

#[test]
fn of_last_write_wins_values_written_on_both_sides_of_a_cut_all_show_the_later() {
    for seed in 0..SEEDS {
        let mut world = room(seed);
        put(&mut world, 0, "first", LWW);
        world.partition(&[&[0, 1], &[2, 3, 4]]);
        put(&mut world, 2, "earlier", LWW);
        world.run_for(1_000);
        put(&mut world, 0, "later", LWW);
        world.heal_all();
        assert!(world.settle(60_000), "seed {seed}: {}", world.unsettled());
        assert_eq!(everywhere(&mut world, Level::Quorum), vec![["later"]; 5], "seed {seed}");
    }
}

#[test]
fn a_key_of_two_types_says_so() {
    let mut world = room(1);
    world.partition(&[&[0, 1], &[2, 3, 4]]);
    put(&mut world, 0, "a register", Keep::default());
    put(&mut world, 2, "the last", LWW);
    world.heal_all();
    assert!(world.settle(60_000));
    let read = read(&mut world, 4, Level::Quorum);
    assert_eq!(read.datatypes.into_iter().collect::<Vec<_>>(), [DataType::Register, DataType::LastWriteWins]);
    assert_eq!(read.siblings.len(), 2);
}
