//! Anti-entropy between two real nodes, over links that lose, double and reorder frames.

use std::collections::BTreeMap;

use roundtable_core::clock::{Dot, VersionVector};
use roundtable_core::id::{Actor, Key, NodeId};
use roundtable_core::node::Input;
use roundtable_core::ring::RangeSet;
use roundtable_core::time::{Instant, Millis};
use roundtable_core::wire::{self, Message, Object, PartSummary, Purpose, Version};
use roundtable_sim::World;

fn object(number: u64, versions: u64) -> (Key, Object) {
    let actor = Actor { node: NodeId::from_bytes([9; 16]), epoch: 1 };
    let (mut object, mut context) = (Object::new(), VersionVector::new());
    for version in 0..versions {
        let dot = Dot { actor, counter: number + 1 + version * 1_000_000 };
        object.put(&context, dot, Version::plain(vec![7; 40].into()));
        context.see(dot);
    }
    (Key::new("repair", &number.to_string()).expect("a short name"), object)
}

/// Give a node objects as if the other had sent them, without hints or requests.
fn give(world: &mut World, to: usize, objects: Vec<(Key, Object)>) {
    let from = world.hosts[1 - to].id;
    let message = Message::Objects { batch: 0, purpose: Purpose::Repair, objects, next: None };
    world.input(to, Input::Received { from, bytes: wire::encode(&message) });
}

fn two_tabs(seed: u64) -> World {
    let mut world = World::new(seed);
    world.open(0);
    world.open(1);
    assert!(world.settle(60_000), "two tabs meet: {}", world.unsettled());
    world
}

fn is_equal(world: &World) -> bool {
    let sum = |at| world.node(at).view().sum(&RangeSet::full());
    sum(0) == sum(1)
}

/// Both hold 600 objects; each has 60 newer ones and 60 that the other lacks.
fn differing(world: &mut World) {
    for to in 0..2_u64 {
        let common = (0..600).map(|number| object(number, if number % 10 == to { 2 } else { 1 }));
        let alone = (0..60).map(|number| object(1_000 + 2 * number + to, 1));
        give(world, to as usize, common.chain(alone).collect());
    }
}

#[test]
fn a_comparison_ends_well_over_a_link_that_loses_doubles_and_reorders() {
    for seed in 0..6 {
        let mut world = two_tabs(seed);
        world.tuning.loss_percent = 15;
        world.tuning.duplicate_percent = 20;
        world.tuning.reorder_percent = 30;
        differing(&mut world);
        assert!(world.run_until(120_000, is_equal), "seed {seed}: the two stay different");
        world.tuning.calm();
        assert!(world.settle(120_000), "seed {seed}: {}", world.unsettled());
    }
}

#[test]
fn of_two_versions_only_the_newer_travels() {
    let mut world = two_tabs(7);
    world.tap = Some(Vec::new());
    differing(&mut world);
    assert!(world.run_until(30_000, is_equal));
    world.run_for(5_000);
    let frames = world.tap.take().unwrap_or_default();
    let objects = frames.iter().filter_map(|frame| match wire::decode(&frame.bytes) {
        Ok(Message::Objects { objects, .. }) => Some(objects.len()),
        _ => None,
    });
    assert_eq!(objects.sum::<usize>(), 240);
}

#[test]
fn equal_stores_send_nothing_of_their_own() {
    let mut world = two_tabs(8);
    differing(&mut world);
    assert!(world.run_until(30_000, is_equal));
    world.run_for(10_000);
    world.tap = Some(Vec::new());
    world.run_for(120_000);
    let frames = world.tap.take().unwrap_or_default();
    assert!(frames.len() > 100, "they probe each other");
    let compares = |bytes: &[u8]| matches!(wire::decode(bytes), Ok(Message::Compare { .. }));
    assert!(!frames.iter().any(|frame| compares(&frame.bytes)));
}

/// How many summaries of symbols, and how many of anything else that says what differs, two tabs need to become equal
/// that hold so many objects alike, and each so many that the other lacks.
fn summaries(alike: u64, alone: u64) -> (usize, usize) {
    let mut world = two_tabs(9);
    for to in 0..2_u64 {
        let common = (0..alike).map(|number| object(number, 1));
        let alone = (0..alone).map(|number| object(100_000 + 2 * number + to, 1));
        give(&mut world, to as usize, common.chain(alone).collect());
    }
    world.tap = Some(Vec::new());
    assert!(world.run_until(30_000, is_equal), "they do not become equal");
    let frames = world.tap.take().unwrap_or_default();
    let summaries = frames.iter().filter_map(|frame| match wire::decode(&frame.bytes) {
        Ok(Message::Summary { parts, .. }) => Some(parts),
        _ => None,
    });
    let said: Vec<PartSummary> = summaries.flatten().map(|(_, summary)| summary).collect();
    let symbols = said.iter().filter(|summary| matches!(summary, PartSummary::Symbols(..))).count();
    (symbols, said.len() - symbols)
}

#[test]
fn few_differences_among_many_objects_are_told_by_symbols_alone() {
    let (symbols, others) = summaries(3_000, 2);
    assert!((1..=3).contains(&symbols), "{symbols} messages of symbols");
    assert_eq!(others, 0);
}

#[test]
fn where_much_differs_symbols_are_given_up_for_ranges() {
    let (symbols, others) = summaries(100, 150);
    assert!((1..=3).contains(&symbols), "{symbols} messages of symbols");
    assert!(others >= 1);
}

#[test]
fn who_holds_next_to_nothing_is_not_sent_symbols() {
    let mut world = two_tabs(10);
    world.tap = Some(Vec::new());
    give(&mut world, 0, (0..500).map(|number| object(number, 1)).collect());
    assert!(world.run_until(30_000, is_equal), "they do not become equal");
    let is_symbols = |summary: &PartSummary| matches!(summary, PartSummary::Symbols(..));
    for frame in world.tap.take().unwrap_or_default() {
        if let Ok(Message::Summary { parts, .. }) = wire::decode(&frame.bytes) {
            assert!(!parts.iter().any(|(_, summary)| is_symbols(summary)));
        }
    }
}

#[test]
fn who_does_not_answer_is_asked_again_ever_more_rarely() {
    let mut world = two_tabs(11);
    give(&mut world, 0, (0..20).map(|number| object(number, 1)).collect());
    // The other one is there, and says nothing to what it is asked.
    let mut asked: BTreeMap<(usize, u32), Vec<Instant>> = BTreeMap::new();
    let end = world.now + 60_000;
    while world.step_by(end) {
        let (mut comparing, now) = (Vec::new(), world.now);
        for frame in world.in_flight() {
            if let Ok(Message::Compare { session, .. }) = wire::decode(frame.bytes) {
                comparing.push(frame.id);
                asked.entry((frame.from, session)).or_default().push(now);
            }
        }
        assert!(comparing.into_iter().all(|id| world.drop_frame(id)));
    }
    let waits = |times: &Vec<Instant>| times.windows(2).map(|pair| pair[1].since(pair[0])).collect::<Vec<_>>();
    let all: Vec<Vec<Millis>> = asked.values().map(waits).filter(|waits| !waits.is_empty()).collect();
    assert!(all.len() >= 4, "comparisons are begun, and begun again: {asked:?}");
    // Until they are given up after ten seconds, or the minute ends.
    assert!(all.iter().all(|waits| [2_000, 4_000].starts_with(waits)), "{all:?}");
    assert!(all.contains(&vec![2_000, 4_000]));
}
