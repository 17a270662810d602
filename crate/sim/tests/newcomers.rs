//! What it costs a room that somebody comes, and how soon all arcs have arrived: where answers take long, forty tabs
//! that came one after the other answered reads with "not yet" for most of a minute.

use std::collections::BTreeMap;

use roundtable_core::coordinator::{Keep, Request, Terms};
use roundtable_core::id::Key;
use roundtable_core::wire::{self, Message, Scope};
use roundtable_sim::World;

/// So many tabs on three devices, settled.
fn room(seed: u64, tabs: u8) -> World {
    let mut world = World::new(seed);
    (0..tabs).for_each(|tab| {
        world.open(tab % 3);
    });
    assert!(world.settle(60_000), "{}", world.unsettled());
    world
}

/// Who has begun to compare what with whom, how often, since the frames were tapped.
fn begun(world: &mut World, is_it: impl Fn(&Scope) -> bool) -> BTreeMap<(usize, usize), usize> {
    let mut begun = BTreeMap::new();
    for frame in world.tap.replace(Vec::new()).expect("it was tapped") {
        let message = wire::decode(&frame.bytes).expect("nodes send what is read");
        if let Message::Compare { begin: Some(begin), .. } = message
            && is_it(&begin.scope)
        {
            *begun.entry((frame.from, frame.to)).or_default() += 1;
        }
    }
    begun
}

fn is_incoming(scope: &Scope) -> bool {
    matches!(scope, Scope::Incoming(_))
}

/// All compared with all for each of those who came, though who comes only takes of what two others share.
#[test]
fn those_who_were_there_do_not_compare_with_each_other_when_somebody_comes() {
    let mut world = room(1, 9);
    world.tap = Some(Vec::new());
    let new = world.open(3);
    assert!(world.settle(9_000), "{}", world.unsettled());
    let begun = begun(&mut world, |_| true);
    let with_new = begun.keys().filter(|(from, to)| *from == new || *to == new).count();
    assert!(with_new >= 9, "it has compared with {with_new} of nine");
    // Nobody has lost anything: a third of what two owned together is less, and was equal.
    assert_eq!(begun.len(), with_new, "{begun:?}, of which tab {new} has come");
}

/// What a death gives two to own together was not compared.
#[test]
fn those_who_share_more_than_before_compare_when_somebody_dies() {
    let mut world = room(2, 9);
    world.tap = Some(Vec::new());
    world.crash(4);
    let ring = world.ring_of(&world.alive()).hash();
    let has_closed = |world: &World| world.alive().iter().all(|&at| world.node(at).view().ring_hash() == ring);
    assert!(world.run_until(60_000, has_closed), "nobody takes its place");
    assert!(world.settle(9_000), "{}", world.unsettled());
    let begun = begun(&mut world, |scope| matches!(scope, Scope::Shared(_)));
    assert!(begun.len() >= 8, "only {} comparisons", begun.len());
}

/// It asked one source after the other, each of which holds nothing: 23 round trips in a row.
#[test]
fn who_comes_into_an_empty_room_has_received_its_arcs_after_a_few_round_trips() {
    let mut world = World::new(3);
    world.tuning.latency_ms = (100, 300);
    for tab in 0..24 {
        world.open(tab % 6);
        world.run_for(500);
    }
    let lacks = |world: &World, at: usize| world.node(at).view().unsettled().contains("arcs incoming");
    let is_received = |world: &World| !world.alive().into_iter().any(|at| lacks(world, at));
    assert!(world.run_until(3_000, is_received), "{}", world.unsettled());
}

/// What many hold comes from one of them, whoever else was asked.
#[test]
fn what_several_sources_hold_comes_once() {
    let mut world = room(4, 6);
    for number in 0..200 {
        let key = Key::new("things", &number.to_string()).expect("a short name");
        let (value, keep, terms) = (vec![7; 60].into(), Keep::default(), Terms::default());
        world.request(number % 6, Request::Put { key, value, keep, context: None, terms });
    }
    assert!(world.settle(60_000), "{}", world.unsettled());
    world.tuning.latency_ms = (40, 80);
    world.tap = Some(Vec::new());
    let new = world.open(3);
    assert!(world.settle(60_000), "{}", world.unsettled());
    let frames = world.tap.take().expect("it was tapped");
    let came = frames.iter().filter(|frame| frame.to == new).filter_map(|frame| match wire::decode(&frame.bytes) {
        Ok(Message::Objects { objects, .. }) => Some(objects.len()),
        _ => None,
    });
    let (came, holds) = (came.sum::<usize>(), world.node(new).view().metrics().keys as usize);
    assert!(holds > 50, "it owns {holds} keys: that shows nothing");
    assert!(came <= holds + holds / 10, "{came} objects came for {holds} keys");
}

/// Each change of the ring ended what was under way, and all was asked anew: where they come faster than answers do, a
/// newcomer asked for ever.
#[test]
fn a_question_about_what_is_incoming_outlives_a_change_of_the_ring() {
    let mut world = World::new(5);
    world.tuning.latency_ms = (300, 500);
    (0..8).for_each(|tab| {
        world.open(tab % 4);
    });
    assert!(world.settle(60_000), "{}", world.unsettled());
    world.tap = Some(Vec::new());
    for tab in 0..8 {
        world.open(tab % 4);
        world.run_for(300);
    }
    world.run_for(5_000);
    let begun = begun(&mut world, is_incoming);
    let asked: usize = begun.values().sum();
    assert!(begun.len() > 100, "only {} pairs have asked", begun.len());
    assert!(4 * asked < 5 * begun.len(), "{asked} questions of {} pairs", begun.len());
}
