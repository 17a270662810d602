//! Tabs that leave for good: everything lies on another device first, or they stay (traps 6, 18, 19 and 31).

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use roundtable_core::coordinator::{Ended, Keep, Level, Reply, Request, RequestError, Terms};
use roundtable_core::id::{Key, NodeId, RequestId};
use roundtable_core::membership::Status;
use roundtable_core::wire::{self, Message, Object};
use roundtable_sim::{CrashPoint, World};

const SEEDS: u64 = 8;
const KEYS: usize = 60;
/// A leave is called off after half a minute.
const LEAVE_MS: u64 = 31_000;
const TOKENS: usize = 32;

fn key(number: usize) -> Key {
    Key::new("carts", &number.to_string()).expect("a short name")
}

fn at(level: Level) -> Terms {
    Terms { level: Some(level), timeout_ms: None }
}

fn put(world: &mut World, tab: usize, number: usize, level: Level) -> RequestId {
    let value = Arc::from(number.to_string().as_bytes());
    let keep = Keep::default();
    world.request(tab, Request::Put { key: key(number), value, context: None, keep, terms: at(level) })
}

/// A settled room of tabs on these devices, whose first tab has written all keys.
fn room(seed: u64, devices: &[u8]) -> World {
    let mut world = World::new(seed);
    for &device in devices {
        world.open(device);
    }
    assert!(world.settle(30_000), "seed {seed}: {}", world.unsettled());
    for number in 0..KEYS {
        put(&mut world, 0, number, Level::All);
    }
    world.run_for(6_000);
    assert!(world.settle(30_000), "seed {seed}: {}", world.unsettled());
    world
}

/// A tab is asked to leave; what became of it. One that has left is gone with its database.
fn leave(world: &mut World, tab: usize) -> bool {
    let id = world.leave(tab);
    assert!(world.run_until(LEAVE_MS, |world| world.left(tab, id).is_some()), "no answer from tab {tab}");
    let handed_off = world.left(tab, id) == Some(true);
    if handed_off {
        world.depart(tab);
    }
    handed_off
}

/// How many of these keys lie with every owner, by the view of one tab, and are the same with all: one value each.
fn kept_of(world: &World, numbers: Range<usize>) -> usize {
    let alive = world.alive();
    let owners = |number| world.node(alive[0]).view().preference_list(&key(number)).owners;
    let is_kept = |number: &usize| {
        let owners = owners(*number);
        let held = |tab: usize| world.node(tab).view().object(&key(*number)).unwrap_or_default();
        let copies: Vec<_> =
            alive.iter().filter(|&&tab| owners.contains(&world.hosts[tab].id)).map(|&tab| held(tab)).collect();
        let is_same = copies.iter().all(|copy| copy.values().len() == 1 && *copy == copies[0]);
        is_same && copies.len() == owners.len() && copies.len() == alive.len().min(3)
    };
    numbers.filter(is_kept).count()
}

/// All that anybody holds of a key.
fn joined(world: &World, number: usize) -> Object {
    let mut joined = Object::new();
    for tab in world.alive() {
        world.node(tab).view().object(&key(number)).into_iter().for_each(|object| {
            joined.sync(&object);
        });
    }
    joined
}

fn kept(world: &World) -> usize {
    kept_of(world, 0..KEYS)
}

fn status(world: &World, watcher: usize, of: NodeId) -> Option<Status> {
    world.node(watcher).view().members().iter().find(|member| member.id == of).map(|member| member.status)
}

fn settle(world: &mut World) {
    assert!(world.settle(90_000), "{}", world.unsettled());
}

#[test]
fn an_owner_that_leaves_moves_its_share_and_nothing_else_and_nothing_is_lost() {
    for seed in 0..SEEDS {
        let mut world = room(seed, &[0, 1, 2, 3, 4]);
        let owned = (0..KEYS).filter(|&number| {
            let owners = world.node(0).view().preference_list(&key(number)).owners;
            owners.contains(&world.hosts[1].id)
        });
        let owned = owned.count();
        world.tap = Some(Vec::new());
        assert!(leave(&mut world, 1), "seed {seed}");
        let id = world.hosts[1].id;
        assert!(world.now.0 < 60_000, "seed {seed}: it takes moments, not the whole time");
        settle(&mut world);
        assert_eq!(kept(&world), KEYS, "seed {seed}");
        for tab in world.alive() {
            assert_eq!(status(&world, tab, id), None, "seed {seed}: it has departed in the eyes of all");
            assert_eq!(world.node(tab).view().tokens().len(), 4 * TOKENS, "seed {seed}");
        }
        let frames = world.tap.take().unwrap_or_default();
        let moved = frames.iter().map(|frame| match wire::decode(&frame.bytes) {
            Ok(Message::Objects { objects, .. }) => objects.len(),
            _ => 0,
        });
        let moved: usize = moved.sum();
        assert!(moved * 10 <= owned * 11, "seed {seed}: {moved} objects moved, of a share of {owned}");
    }
}

#[test]
fn one_after_another_leaves_until_the_last_who_stays_with_everything() {
    for seed in 0..SEEDS {
        let mut world = room(seed, &[0, 1, 2, 3]);
        for tab in 0..3 {
            assert!(leave(&mut world, tab), "seed {seed} tab {tab}");
            settle(&mut world);
            assert_eq!(kept(&world), KEYS, "seed {seed} after tab {tab}");
        }
        assert!(!leave(&mut world, 3), "seed {seed}: the last has nobody to hand off to");
        assert_eq!(kept(&world), KEYS, "seed {seed}");
        assert_eq!(status(&world, 3, world.hosts[3].id), Some(Status::Up));
    }
}

#[test]
fn who_is_alone_stays_at_once_and_the_next_tab_of_the_device_finds_everything() {
    let mut world = room(1, &[0]);
    let before = world.now;
    let id = world.leave(0);
    assert_eq!(world.left(0, id), Some(false), "nobody has to be waited for");
    assert_eq!(world.now, before);
    assert_eq!(kept(&world), KEYS);
    world.crash(0);
    let next = world.open_adopting(0, &[0]);
    world.run_for(1_000);
    assert!((0..KEYS).all(|number| world.node(next).view().object(&key(number)).is_some()));
}

#[test]
fn another_tab_of_the_same_device_is_nobody_to_hand_off_to() {
    let mut world = room(2, &[0, 0]);
    assert!(!leave(&mut world, 1));
    assert_eq!(status(&world, 0, world.hosts[1].id), Some(Status::Up));
    assert_eq!(kept(&world), KEYS);
    // With another device in the room it can go.
    world.open(1);
    settle(&mut world);
    assert!(leave(&mut world, 1));
    settle(&mut world);
    assert_eq!(kept(&world), KEYS);
}

#[test]
fn of_the_last_two_who_leave_at_the_same_time_one_at_least_stays() {
    for seed in 0..SEEDS {
        let mut world = room(seed, &[0, 1]);
        let asked = [(0, world.leave(0)), (1, world.leave(1))];
        let is_over = |world: &World| asked.iter().all(|&(tab, id)| world.left(tab, id).is_some());
        assert!(world.run_until(LEAVE_MS, is_over), "seed {seed}");
        let gone: Vec<usize> =
            asked.iter().filter(|&&(tab, id)| world.left(tab, id) == Some(true)).map(|asked| asked.0).collect();
        assert!(gone.len() < 2, "seed {seed}: both are gone");
        gone.into_iter().for_each(|tab| world.depart(tab));
        settle(&mut world);
        assert_eq!(kept(&world), KEYS, "seed {seed}");
        let first = world.alive()[0];
        let id = put(&mut world, first, 7, Level::Local);
        world.run_for(1_000);
        assert!(matches!(world.last(first, id), Some(Reply::Receipt(_))), "seed {seed}: who stays goes on");
    }
}

#[test]
fn two_of_four_who_leave_at_the_same_time_both_hand_off() {
    for seed in 0..SEEDS {
        let mut world = room(seed, &[0, 1, 2, 3]);
        let asked = [(1, world.leave(1)), (3, world.leave(3))];
        let is_over = |world: &World| asked.iter().all(|&(tab, id)| world.left(tab, id) == Some(true));
        assert!(world.run_until(LEAVE_MS, is_over), "seed {seed}");
        world.depart(1);
        world.depart(3);
        settle(&mut world);
        assert_eq!(kept(&world), KEYS, "seed {seed}");
    }
}

#[test]
fn who_is_cut_off_stays_and_is_a_member_as_before_when_the_cut_heals() {
    for seed in 0..SEEDS {
        let mut world = room(seed, &[0, 1, 2, 3]);
        world.partition(&[&[0, 1, 3], &[2]]);
        put(&mut world, 2, KEYS, Level::Local);
        let id = world.leave(2);
        assert!(world.run_until(LEAVE_MS, |world| world.left(2, id).is_some()), "seed {seed}");
        assert_eq!(world.left(2, id), Some(false), "seed {seed}");
        assert!((0..KEYS).all(|number| {
            let was_owner = world.node(0).view().object(&key(number)).is_none();
            !was_owner || world.node(2).view().object(&key(number)).is_some()
        }));
        world.heal_all();
        settle(&mut world);
        assert_eq!(kept_of(&world, 0..KEYS + 1), KEYS + 1, "seed {seed}");
        assert!(world.alive().iter().all(|&tab| world.node(tab).view().tokens().len() == 4 * TOKENS));
    }
}

#[test]
fn a_leave_during_a_partition_is_heard_of_by_the_other_half_and_no_zombie_comes_back() {
    for seed in 0..SEEDS {
        let mut world = room(seed, &[0, 1, 2, 3, 4]);
        world.partition(&[&[0, 1, 2], &[3, 4]]);
        world.run_for(3_000);
        put(&mut world, 1, KEYS, Level::Local);
        world.run_for(500);
        assert!(leave(&mut world, 1), "seed {seed}: there is another device in its half");
        // Long enough for the other half to think it dormant, with a record that says that it is a member.
        world.run_for(60_000);
        let id = world.hosts[1].id;
        assert_eq!(status(&world, 3, id), Some(Status::Dormant), "seed {seed}");
        world.heal_all();
        settle(&mut world);
        world.run_for(30_000);
        for tab in world.alive() {
            assert_eq!(status(&world, tab, id), None, "seed {seed} tab {tab}");
            assert_eq!(world.node(tab).view().tokens().len(), 4 * TOKENS, "seed {seed} tab {tab}");
        }
        assert_eq!(kept_of(&world, 0..KEYS + 1), KEYS + 1, "seed {seed}");
    }
}

#[test]
fn puts_in_flight_are_answered_and_not_lost_and_nothing_is_taken_after_the_departure() {
    for seed in 0..SEEDS {
        let mut world = room(seed, &[0, 1, 2, 3]);
        world.tuning.latency_ms = (5, 60);
        let puts: Vec<RequestId> = (KEYS..2 * KEYS).map(|number| put(&mut world, 1, number, Level::All)).collect();
        let id = world.leave(1);
        assert_eq!(world.left(1, id), None);
        assert!(world.run_until(LEAVE_MS, |world| world.left(1, id).is_some()), "seed {seed}");
        assert_eq!(world.left(1, id), Some(true), "seed {seed}");
        let is_answered = |put: &RequestId| matches!(world.last(1, *put), Some(Reply::Receipt(_)));
        assert!(puts.iter().all(is_answered), "seed {seed}");
        let late = put(&mut world, 1, 0, Level::Local);
        let get = world.request(1, Request::Get { key: key(0), terms: at(Level::Local) });
        let again = world.leave(1);
        for id in [late, get, again] {
            assert_eq!(world.last(1, id), Some(&Reply::Failed(RequestError::Closed)), "seed {seed}");
        }
        world.depart(1);
        settle(&mut world);
        assert_eq!(kept_of(&world, 0..2 * KEYS), 2 * KEYS, "seed {seed}");
    }
}

#[test]
fn what_waits_for_one_that_leaves_is_brought_to_whoever_owns_it_instead() {
    for seed in 0..SEEDS {
        let mut world = room(seed, &[0, 1, 2, 3, 4]);
        // What the writer sends to the one that leaves is lost, and it waits for an answer for longer than that takes.
        world.mute(0, 1);
        let patient = |number: usize| Request::Put {
            key: key(number),
            value: Arc::from(number.to_string().as_bytes()),
            context: None,
            keep: Keep::default(),
            terms: Terms { level: Some(Level::All), timeout_ms: Some(25_000) },
        };
        let puts: Vec<RequestId> = (KEYS..2 * KEYS).map(|number| world.request(0, patient(number))).collect();
        assert!(leave(&mut world, 1), "seed {seed}");
        world.run_for(3_000);
        let is_whole = |put: &RequestId| {
            let last = world.last(0, *put);
            matches!(last, Some(Reply::Receipt(receipt)) if receipt.met && receipt.ended == Some(Ended::Complete))
        };
        assert_eq!(puts.iter().filter(|put| !is_whole(put)).count(), 0, "seed {seed}");
        world.heal_all();
        settle(&mut world);
        let hints = world.alive().iter().map(|&tab| world.node(tab).view().metrics().hints).sum::<u64>();
        assert_eq!(hints, 0, "seed {seed}: nothing is held for who is gone");
        assert_eq!(kept_of(&world, 0..2 * KEYS), 2 * KEYS, "seed {seed}");
    }
}

#[test]
fn an_owner_that_is_never_heard_does_not_hold_a_leave_up() {
    for seed in 0..SEEDS {
        let mut world = room(seed, &[0, 1, 2, 3]);
        // What one owner says does not arrive, and it is not suspected: others can hear it.
        world.mute(0, 1);
        assert!(leave(&mut world, 1), "seed {seed}");
        world.heal_all();
        settle(&mut world);
        assert_eq!(kept(&world), KEYS, "seed {seed}");
    }
}

#[test]
fn a_slot_that_is_opened_again_is_one_member_under_a_higher_version() {
    for seed in 0..SEEDS {
        for is_wiped in [true, false] {
            let mut world = room(seed, &[0, 1, 2, 3]);
            let id = world.leave(1);
            assert!(world.run_until(LEAVE_MS, |world| world.left(1, id) == Some(true)), "seed {seed}");
            let version = |world: &World| {
                let versions = world.node(0).view().versions();
                versions.iter().find(|(node, ..)| *node == world.hosts[1].id).map(|(_, version, _)| *version)
            };
            assert!(world.run_until(1_000, |world| status(world, 0, world.hosts[1].id).is_none()), "seed {seed}");
            let departed = version(&world);
            if is_wiped {
                world.depart(1)
            } else {
                world.crash(1)
            }
            world.run_for(20_000);
            put(&mut world, 0, 5, Level::All);
            world.run_for(10_000);
            world.reopen(1);
            settle(&mut world);
            assert!(version(&world) > departed, "seed {seed}");
            for tab in world.alive() {
                let tokens: BTreeSet<_> = world.node(tab).view().tokens().into_iter().collect();
                assert_eq!(tokens.len(), 4 * TOKENS, "seed {seed}");
                assert_eq!(world.node(tab).view().tokens().len(), 4 * TOKENS, "seed {seed}");
                assert_eq!(status(&world, tab, world.hosts[1].id), Some(Status::Up), "seed {seed}");
            }
            assert_eq!(kept(&world), KEYS, "seed {seed}");
        }
    }
}

#[test]
fn a_tab_that_dies_at_any_moment_of_its_leave_is_a_member_again_and_nothing_is_lost() {
    for seed in 0..3 {
        for ms in [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1_600] {
            let mut world = room(seed, &[0, 1, 2, 3, 4]);
            let id = world.leave(1);
            world.run_for(ms);
            let has_left = world.left(1, id) == Some(true);
            world.crash(1);
            world.run_for(if ms % 2 == 0 { 500 } else { 40_000 });
            if !has_left {
                world.reopen(1);
            }
            settle(&mut world);
            assert_eq!(kept(&world), KEYS, "seed {seed}, after {ms} ms");
            let tabs = if has_left { 4 } else { 5 };
            assert!(world.alive().iter().all(|&tab| world.node(tab).view().tokens().len() == tabs * TOKENS));
        }
    }
}

#[test]
fn a_tab_that_dies_while_its_disk_takes_the_departure_loses_nothing() {
    for seed in 0..SEEDS {
        for point in [CrashPoint::BeforeApply, CrashPoint::AfterApply] {
            for skipped in 0..2 {
                let mut world = room(seed, &[0, 1, 2, 3]);
                world.run_for(5_000);
                let id = world.leave(1);
                // The first batch says that it is leaving, the second that it has left.
                if skipped == 1 {
                    let is_member = |world: &World| status(world, 1, world.hosts[1].id) == Some(Status::Leaving);
                    assert!(is_member(&world));
                    world.run_until(LEAVE_MS, |world| status(world, 1, world.hosts[1].id) == Some(Status::Departed));
                }
                world.crash_in_persist(1, point);
                assert!(world.run_until(LEAVE_MS, |world| !world.is_open(1)), "seed {seed}: no batch");
                assert_eq!(world.left(1, id), None, "seed {seed}: nothing was answered");
                world.run_for(1_000);
                world.reopen(1);
                settle(&mut world);
                assert_eq!(kept(&world), KEYS, "seed {seed} {point:?} {skipped}");
                assert!(world.alive().iter().all(|&tab| world.node(tab).view().tokens().len() == 4 * TOKENS));
            }
        }
    }
}

#[test]
fn where_no_disk_takes_what_would_be_handed_off_the_node_stays() {
    for seed in 0..SEEDS {
        let mut world = room(seed, &[0, 1]);
        world.cut(0, 1);
        world.run_for(40_000);
        for number in 0..KEYS / 2 {
            put(&mut world, 1, number, Level::Local);
        }
        world.run_for(1_000);
        world.hosts[0].disk_full = true;
        world.heal_all();
        world.run_for(2_000);
        assert!(!leave(&mut world, 1), "seed {seed}");
        assert!((0..KEYS).all(|number| world.node(1).view().object(&key(number)).is_some()), "seed {seed}");
        world.hosts[0].disk_full = false;
        settle(&mut world);
        assert!(leave(&mut world, 1), "seed {seed}");
        settle(&mut world);
        assert_eq!(kept(&world), KEYS, "seed {seed}");
    }
}

#[test]
fn what_it_held_for_an_absent_owner_still_reaches_it() {
    for seed in 0..SEEDS {
        let mut world = room(seed, &[0, 1, 2, 3]);
        world.crash(3);
        world.run_for(6_000);
        for number in KEYS..2 * KEYS {
            put(&mut world, 1, number, Level::Quorum);
        }
        world.run_for(1_000);
        assert!(world.node(1).view().metrics().hints + world.node(2).view().metrics().hints > 0, "seed {seed}");
        assert!(leave(&mut world, 1), "seed {seed}");
        world.run_for(1_000);
        world.reopen(3);
        settle(&mut world);
        assert_eq!(kept_of(&world, 0..2 * KEYS), 2 * KEYS, "seed {seed}");
    }
}

#[test]
fn the_joins_and_leaves_of_a_busy_room_lose_no_acknowledged_write() {
    // Trap 6: two joins, then two leaves, while others read and write.
    for seed in 0..SEEDS {
        let mut world = room(seed, &[0, 1, 2, 3, 4]);
        world.open(5);
        world.run_for(200);
        world.open(6);
        let mut asked = Vec::new();
        for round in 0..40 {
            put(&mut world, 0, round % 10, Level::Quorum);
            put(&mut world, 4, round % 7, Level::Quorum);
            if round == 10 || round == 14 {
                let tab = 1 + asked.len();
                asked.push((tab, world.leave(tab)));
            }
            world.run_for(100);
        }
        let is_over = |world: &World| asked.iter().all(|&(tab, id)| world.left(tab, id) == Some(true));
        assert!(world.run_until(LEAVE_MS, is_over), "seed {seed}");
        world.depart(1);
        world.depart(2);
        world.run_for(10_000);
        settle(&mut world);
        for number in 0..10 {
            let joined = joined(&world, number);
            let owners = world.node(0).view().preference_list(&key(number)).owners;
            let is_owner = |tab: &usize| owners.contains(&world.hosts[*tab].id);
            let is_whole = |tab: &usize| world.node(*tab).view().object(&key(number)) == Some(joined.clone());
            let whole = world.alive().into_iter().filter(is_owner).filter(is_whole).count();
            assert_eq!(whole, 3, "seed {seed} key {number}");
        }
        let unmet = [0, 4]
            .iter()
            .flat_map(|&tab| world.hosts[tab].replies.values())
            .filter(|replies| matches!(replies.last(), Some(Reply::Receipt(receipt)) if !receipt.met));
        assert_eq!(unmet.count(), 0, "seed {seed}");
    }
}
