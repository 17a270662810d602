//! Rooms in which not all are linked with all: what soaks of 25 to 64 tabs found.

use std::sync::Arc;

use roundtable_core::coordinator::{Keep, Level, Reply, Request, Terms};
use roundtable_core::id::{Key, RequestId};
use roundtable_core::membership::Status;
use roundtable_core::wire::{self, Message};
use roundtable_sim::{Machine, World};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// So many tabs, each on a device of its own, linked as a large room is, and settled.
fn room(seed: u64, tabs: u8) -> World {
    let mut world = World::new(seed);
    (0..tabs).for_each(|device| {
        world.open(device);
    });
    assert!(world.settle(60_000), "{}", world.unsettled());
    let is_large = |tab: usize| world.node(tab).view().is_sparse() && world.node(tab).view().links() > 5;
    assert!(world.alive().into_iter().all(is_large), "it was settled before it was linked");
    world
}

/// Whoever had known its last life answered that one for ever, and was never told that there is another.
#[test]
fn a_tab_whose_hello_was_lost_when_it_came_back_is_answered() {
    let mut world = room(1, 26);
    let neighbour = (0..26).find(|&tab| tab != 7 && world.is_linked(7, tab)).expect("it has links");
    world.crash(7);
    (0..26).filter(|&tab| tab != 7 && tab != neighbour).for_each(|tab| world.cut(7, tab));
    world.tuning.loss_percent = 100;
    world.reopen(7);
    assert!(world.run_until(2_000, |world| world.is_linked(7, neighbour)));
    world.tuning.calm();
    world.heal_all();
    assert!(world.settle(60_000), "{}", world.unsettled());
}

/// Whoever had no link with it took it for one that had departed long ago, and it refuted that for ever.
#[test]
fn a_tab_whose_clock_is_months_behind_has_not_departed_for_those_who_have_no_link_with_it() {
    let mut world = room(2, 26);
    world.run_for(5_000);
    world.crash(7);
    world.set_clock(7, -200 * DAY_MS);
    world.reopen(7);
    world.run_for(60_000);
    let links = world.node(7).view().links();
    assert!(links < 25, "it is linked with all");
    // A record of its own that is news to those who have no link with it.
    world.throttle(7, 1_000);
    world.throttle(7, 0);
    assert!(world.settle(60_000), "{}", world.unsettled());
    let id = world.hosts[7].id;
    for tab in (0..26).filter(|&tab| tab != 7) {
        let members = world.node(tab).view().members();
        let status = members.iter().find(|member| member.id == id).map(|member| member.status);
        assert_eq!(status, Some(Status::Up), "by tab {tab}");
    }
}

/// It had been tried by all, and went on being dialled by all: it hung up what was above the cap, ever again.
#[test]
fn a_tab_that_was_dormant_and_is_back_is_dialled_by_those_who_want_it() {
    let mut world = room(3, 38);
    let last = (0..38).max_by_key(|&tab| world.hosts[tab].id).expect("there are some");
    world.crash(last);
    world.run_for(45_000);
    world.reopen(last);
    world.run_for(6_000);
    world.outputs.keep_lines();
    world.run_for(6_000);
    let dial = format!("Dial({:?})", world.hosts[last].id);
    let dials = world.outputs.take_lines().iter().filter(|line| line.contains(&dial)).count();
    assert!(dials <= 5, "it is dialled {dials} times");
    assert!(world.settle(60_000), "{}", world.unsettled());
}

/// Tabs that come one after the other until the room is large, each first linked with all that were there.
fn grown(seed: u64, tabs: u8) -> World {
    let mut world = World::new(seed);
    for tab in 0..tabs {
        world.open(tab % 8);
        world.run_for(250);
    }
    world
}

/// How many of the messages tapped are of a kind, those that set out over others included.
fn tapped(world: &mut World, is_it: impl Fn(&Message) -> bool) -> usize {
    let frames = world.tap.take().expect("it was tapped");
    let messages =
        frames.iter().map(|frame| (frame.from, wire::decode(&frame.bytes).expect("nodes send what is read")));
    let sent = messages.filter_map(|(from, message)| match message {
        Message::Relayed(relayed) if world.hosts[from].id != relayed.from => None,
        Message::Relayed(relayed) => wire::decode(&relayed.bytes).ok(),
        message => Some(message),
    });
    sent.filter(is_it).count()
}

/// Each end took that for a sign of death and asked the neighbours of the other about it.
#[test]
fn a_link_that_neither_end_wants_is_hung_up_and_nobody_is_asked_after_its_ends() {
    let mut world = grown(4, 40);
    assert!(world.settle(60_000), "{}", world.unsettled());
    let links = |world: &World| world.alive().iter().map(|tab| world.node(*tab).view().links()).sum::<usize>();
    let before = links(&world);
    world.tap = Some(Vec::new());
    world.run_for(10_000);
    let closed = (before - links(&world)) / 2;
    assert!(closed > 100, "only {closed} links were hung up: that shows nothing");
    let asked = tapped(&mut world, |message| matches!(message, Message::Enquire { .. }));
    assert!(asked < 4 * closed, "{asked} enquiries for {closed} links");
}

/// All compared with all again for each of those who came.
#[test]
fn who_come_one_after_the_other_into_a_large_room_are_compared_with_together() {
    let mut world = grown(5, 30);
    world.tap = Some(Vec::new());
    for tab in 0..10 {
        world.open(tab % 8);
        world.run_for(250);
    }
    let begun = tapped(&mut world, |message| matches!(message, Message::Compare { begin: Some(_), .. }));
    let pairs = 40 * 39 / 2;
    assert!(begun < 3 * pairs, "{begun} comparisons among {pairs} pairs");
}

/// All who share anything compared anew when one of them had died, also those who share nothing that was its.
#[test]
fn who_owns_the_same_together_as_before_a_death_does_not_compare_anew() {
    let mut world = World::new(7);
    for device in 0..40 {
        // So few tokens that most of what two share is not touched by the death of a third.
        world.open_with(device, |config| config.capacity = 4);
    }
    assert!(world.settle(60_000), "{}", world.unsettled());
    world.run_for(30_000);
    world.crash(7);
    let ring = world.ring_of(&world.alive());
    world.tap = Some(Vec::new());
    let has_closed = |world: &World| world.alive().iter().all(|&at| world.node(at).view().ring_hash() == ring.hash());
    assert!(world.run_until(60_000, has_closed), "nobody takes its place");
    world.run_for(5_000);
    let begun = tapped(&mut world, |message| matches!(message, Message::Compare { begin: Some(_), .. }));
    let sharing: usize = ring.nodes().map(|id| ring.arcs_of_both_by(id).len()).sum::<usize>() / 2;
    assert!(begun < sharing, "{begun} comparisons among {sharing} pairs who share anything");
    assert!(world.settle(60_000), "{}", world.unsettled());
}

/// Each looks at one of the others every ten seconds, and of forty somebody always does: the room was hardly ever seen
/// settled as a whole.
#[test]
fn a_large_room_at_rest_is_settled_at_every_moment() {
    let mut world = room(6, 40);
    // Links that nobody wants are hung up, and what was said while all met is settled.
    world.run_for(30_000);
    world.tap = Some(Vec::new());
    for _ in 0..300 {
        world.run_for(100);
        assert!(world.is_settled(), "{}", world.unsettled());
    }
    let looks = tapped(&mut world, |message| matches!(message, Message::Compare { begin: Some(_), .. }));
    assert!(looks >= 60, "only {looks} looks: that shows nothing");
}

/// Forty that come within half a minute on one machine with two cores, on which a frame takes 0.6 ms and a connection
/// 50 ms: half of what they ask for at once is more than it can do.
fn crowded() -> World {
    let mut world = World::new(7);
    world.tuning.machine = Some(Machine::new(2, 600, 50_000));
    for tab in 0..40 {
        world.open(tab % 8);
        world.run_for(700);
    }
    world
}

/// What was late was asked for again and again, so that the machine had ever more to do: after a minute and a half none
/// of its cores had been idle for a moment, and hardly anybody knew of all.
#[test]
fn forty_tabs_on_a_machine_that_is_too_slow_for_them_come_to_rest() {
    let mut world = crowded();
    let behind_ms = |world: &World| world.tuning.machine.as_ref().map_or(0, |machine| machine.behind_ms(world.now));
    assert!(behind_ms(&world) > 500, "the machine had nothing to do: that shows nothing");
    assert!(world.settle(25_000), "{}", world.unsettled());
    assert!(behind_ms(&world) < 100, "{} ms behind", behind_ms(&world));
}

/// Each newcomer dialled all of whom it had heard before anybody could tell it how large the room was.
#[test]
fn who_comes_into_a_large_room_dials_a_few_until_it_knows_the_others() {
    let mut world = room(8, 40);
    world.run_for(30_000);
    world.outputs.keep_lines();
    let new = world.open(3);
    assert!(world.run_until(5_000, |world| world.node(new).view().links() > 0));
    let by_new = format!(" {new} Dial(");
    let dials = world.outputs.take_lines().iter().filter(|line| line.contains(&by_new)).count();
    assert!((1..=8).contains(&dials), "{dials} are dialled before the first link is open");
    assert!(world.settle(30_000), "{}", world.unsettled());
}

/// Whoever had not answered within a second was asked for a sign of life, over others, and again: that was more than
/// the answers themselves, and they came too late.
#[test]
fn forty_tabs_that_all_read_much_at_once_on_a_slow_machine_are_answered() {
    let mut world = room(6, 40);
    world.run_for(30_000);
    world.tuning.machine = Some(Machine::new(2, 600, 50_000));
    let terms = Terms { level: Some(Level::Quorum), timeout_ms: Some(20_000) };
    let keys: Vec<Key> = (0..40).map(|n: u32| Key::new("carts", &n.to_string()).expect("a short name")).collect();
    for (tab, key) in keys.iter().enumerate() {
        let value = Arc::from([1_u8].as_slice());
        world.request(tab, Request::Put { key: key.clone(), value, keep: Keep::default(), context: None, terms });
    }
    world.run_for(10_000);
    let pairs: Vec<(usize, &Key)> = (0..40).flat_map(|tab| keys.iter().map(move |key| (tab, key))).collect();
    let get = |(tab, key): (usize, &Key)| (tab, world.request(tab, Request::Get { key: key.clone(), terms }));
    let asked: Vec<(usize, RequestId)> = pairs.into_iter().map(get).collect();
    let is_answered = |world: &World, (tab, id): (usize, RequestId)| world.last(tab, id).is_some();
    assert!(world.run_until(15_000, |world| asked.iter().all(|get| is_answered(world, *get))), "not within 15 s");
    let is_met = |(tab, id): &&(usize, RequestId)| matches!(world.last(*tab, *id), Some(Reply::Read(read)) if read.met);
    let met = asked.iter().filter(is_met).count();
    assert!(met * 100 >= asked.len() * 95, "{met} of {} have a quorum", asked.len());
}
