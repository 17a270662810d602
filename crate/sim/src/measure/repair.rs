//! What a comparison of two stores costs, against the `negentropy` crate on the same sets.
//!
//! Two real nodes that own everything are given the same n objects, and then d more that only one of them sees: half of
//! them newer versions of objects that both hold (every other one on either side), the rest new keys on either side.
//! They are left to themselves. Counted are the bytes, both ways, of all that compares: questions, summaries, what is
//! wanted, and of the answers to that all but the objects. The objects themselves and their receipts are counted on
//! neither side; the rival does not even name what it wants.
//!
//! A round is a question and its answer. Questions that leave together are one round. The search is over when both
//! sides know what differs: its last round is the want, whose answer says which objects the asker has newer. That is a
//! round more than is counted of the rival, whose asker then knows all and has told nothing. Handing over what the
//! other lacks is one trip more, one way; with it, there is a row without a bar, as there is for the closing check.
//!
//! Of how few bytes and round trips few differences need, there are rows without the rival: there a round is one of the
//! search alone, until who asks knows all that differs, and the closing check's bytes count.
//!
//! The rival compares ids of 32 random bytes, one for each version of an object, with timestamps drawn from a day; so a
//! newer version is two ids, as it is two tags here. Its frames are not limited.

use std::collections::BTreeSet;

use negentropy::{Id, Negentropy, NegentropyStorageVector};
use roundtable_core::id::Key;
use roundtable_core::wire::{self, Message, Object, Purpose};

use super::{Bar, Figure, Options, stock};
use crate::{Tapped, World};

const SETTINGS: [(u64, u64); 4] = [(1_000, 10), (10_000, 100), (100_000, 10), (100_000, 1_000)];
/// How many objects of how many are missing on a side, every other one on either: so many symmetric differences.
const FEW: [(u64, u64); 6] = [(10_000, 1), (10_000, 4), (10_000, 10), (10_000, 32), (10_000, 150), (100_000, 1_500)];
/// Four seeds a setting; the worst counts.
const SEEDS: u64 = 4;
const DAY_MS: u64 = 24 * 3_600 * 1_000;
/// One way, and exactly: so rounds can be told apart by their time.
const LATENCY_MS: u64 = 10;
/// How long two nodes have to find and mend what differs.
const PATIENCE_MS: u64 = 120_000;

/// What a comparison cost.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    bytes: u64,
    /// Until all that differs is known to who asks.
    told: u64,
    /// Until all that differs is known to both.
    rounds: u64,
    /// Until the stores are equal: rounds, and objects handed over.
    trips: u64,
    /// After that.
    closing: u64,
    /// Objects that travelled.
    objects: u64,
}

/// One change of the sets: which key, which version, who sees it.
#[derive(Debug, Clone, Copy)]
struct Change {
    key: u64,
    version: u64,
    seen_by: [bool; 2],
}

/// The changes that make n objects on either side, of which d differ: `newer` of them by their version.
fn changes(n: u64, d: u64, newer: u64, seed: u64) -> Vec<Change> {
    let mut random = fastrand::Rng::with_seed(seed);
    let alone = d - newer;
    let common = n - alone / 2;
    // Other keys for every seed, so that other symbols are made.
    let base = seed << 32;
    let both = (0..common).map(|key| Change { key: base + key, version: 1, seen_by: [true, true] });
    let mut renewed = BTreeSet::new();
    while (renewed.len() as u64) < newer {
        renewed.insert(random.u64(0..common));
    }
    let side = |index: u64| [index.is_multiple_of(2), !index.is_multiple_of(2)];
    let renewed =
        renewed.into_iter().zip(0..).map(|(key, at)| Change { key: base + key, version: 2, seen_by: side(at) });
    let alone = (0..alone).map(|at| Change { key: base + common + at, version: 1, seen_by: side(at) });
    both.chain(renewed).chain(alone).collect()
}

/// Give a node what it sees of these changes, as if it had come from the other.
fn give(world: &mut World, to: usize, changes: &[Change]) {
    let seen = changes.iter().filter(|change| change.seen_by[to]);
    let objects: Vec<(Key, Object)> = seen.map(|change| stock::object(change.key, change.version)).collect();
    stock::give(world, to, 1 - to, &objects);
}

fn is_equal(world: &World) -> bool {
    let everything = roundtable_core::ring::RangeSet::full();
    let sum = |at| world.node(at).view().sum(&everything);
    sum(0) == sum(1)
}

fn cost_of(tapped: &[Tapped], equal_at: u64) -> Cost {
    let mut cost = Cost::default();
    // All of one round leave at one time.
    let (mut rounds, mut trips, mut closing) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut told = BTreeSet::new();
    for frame in tapped {
        let Ok(message) = wire::decode(&frame.bytes) else { continue };
        let is_search = matches!(message, Message::Compare { .. });
        let is_question = is_search || matches!(message, Message::Want { .. });
        if is_question || matches!(message, Message::Summary { .. } | Message::Mismatch { .. }) {
            cost.bytes += frame.bytes.len() as u64;
        }
        let is_handed_over = matches!(message, Message::Objects { purpose: Purpose::Repair, .. });
        if let Message::Objects { batch, purpose, objects, next } = message {
            cost.objects += objects.len() as u64;
            if !is_handed_over {
                let rest = Message::Objects { batch, purpose, objects: Vec::new(), next };
                cost.bytes += wire::encode(&rest).len() as u64;
            }
        }
        if is_search && frame.at.0 < equal_at {
            told.insert(frame.at);
        }
        match frame.at.0 < equal_at {
            true if is_question => {
                rounds.insert(frame.at);
                trips.insert(frame.at);
            }
            true if is_handed_over => {
                trips.insert(frame.at);
            }
            false if is_question || is_handed_over => {
                closing.insert(frame.at);
            }
            _ => {}
        }
    }
    cost.told = told.len() as u64;
    cost.rounds = rounds.len() as u64;
    cost.trips = trips.len() as u64;
    cost.closing = closing.len() as u64;
    cost
}

fn pair_of_nodes(seed: u64) -> World {
    let mut world = World::new(seed);
    world.tuning.latency_ms = (LATENCY_MS, LATENCY_MS);
    world.tuning.disk_ms = (1, 1);
    world.open(0);
    world.open(1);
    assert!(world.settle(60_000), "two tabs meet: {}", world.unsettled());
    world
}

/// What two real nodes need.
fn ours(changes: &[Change], seed: u64) -> Cost {
    let mut world = pair_of_nodes(seed);
    world.tap = Some(Vec::new());
    (0..2).for_each(|at| give(&mut world, at, changes));
    let has_met = world.run_until(PATIENCE_MS, is_equal);
    let equal_at = world.now.0;
    world.run_for(5_000);
    if !has_met || !is_equal(&world) {
        return Cost { bytes: u64::MAX, told: u64::MAX, rounds: u64::MAX, ..Cost::default() };
    }
    cost_of(&world.tap.take().unwrap_or_default(), equal_at)
}

/// Bytes and rounds that the rival needs.
fn rival(changes: &[Change], seed: u64) -> Cost {
    let mut random = fastrand::Rng::with_seed(seed ^ 0x41ba1);
    let mut stores = [NegentropyStorageVector::new(), NegentropyStorageVector::new()];
    // What is superseded on a side is no longer in its set.
    let mut held: [std::collections::BTreeMap<u64, (u64, [u8; 32])>; 2] = Default::default();
    for change in changes {
        let entry = (random.u64(0..DAY_MS), std::array::from_fn(|_| random.u8(..)));
        for (held, _) in held.iter_mut().zip(change.seen_by).filter(|(_, sees)| *sees) {
            held.insert(change.key, entry);
        }
    }
    for (store, held) in stores.iter_mut().zip(&held) {
        for (time, id) in held.values() {
            store.insert(*time, Id::from_byte_array(*id)).expect("the store is not sealed");
        }
        store.seal().expect("the store is not sealed twice");
    }
    let [a, b] = &stores;
    let mut asking = Negentropy::borrowed(a, 0).expect("no limit of frames");
    let mut answering = Negentropy::borrowed(b, 0).expect("no limit of frames");
    let (mut cost, mut have, mut need) = (Cost::default(), Vec::new(), Vec::new());
    let mut question = Some(asking.initiate().expect("it begins once"));
    while let Some(sent) = question {
        let answer = answering.reconcile(&sent).expect("its own message");
        cost.bytes += (sent.len() + answer.len()) as u64;
        cost.rounds += 1;
        question = asking.reconcile_with_ids(&answer, &mut have, &mut need).expect("its own message");
    }
    cost.objects = (have.len() + need.len()) as u64;
    cost
}

/// Frames that two equal nodes send each other in a minute to find that they are equal.
fn frames_of_equals() -> u64 {
    let mut world = pair_of_nodes(1);
    (0..2).for_each(|at| give(&mut world, at, &changes(1_000, 0, 0, 1)));
    world.run_for(30_000);
    world.tap = Some(Vec::new());
    world.run_for(60_000);
    let tapped = world.tap.take().unwrap_or_default();
    let compares = |frame: &&Tapped| matches!(wire::decode(&frame.bytes), Ok(Message::Compare { .. }));
    tapped.iter().filter(compares).count() as u64
}

/// The bars of anti-entropy.
pub(super) fn measure(options: &Options) -> Vec<Figure> {
    let mut figures = Vec::new();
    for &(n, d) in &SETTINGS[..if options.quick { 2 } else { SETTINGS.len() }] {
        let setting = format!("{n} objects, {d} differ: half newer, half missing on a side");
        let costs: Vec<(Cost, Cost)> = (0..SEEDS)
            .map(|seed| {
                let changes = changes(n, d, d / 2, seed);
                (ours(&changes, seed), rival(&changes, seed))
            })
            .collect();
        let worst = |of: fn(&(Cost, Cost)) -> f64| costs.iter().map(of).fold(0.0, f64::max);
        let mut add = |what: &str, value, unit, bar| {
            figures.push(Figure { what: what.into(), setting: setting.clone(), value, unit, bar });
        };
        add("bytes that compare", worst(|(ours, _)| ours.bytes as f64), "bytes", None);
        add("the same, negentropy", worst(|(_, rival)| rival.bytes as f64), "bytes", None);
        let ratio = worst(|(ours, rival)| ours.bytes as f64 / rival.bytes as f64);
        add("bytes of negentropy's", ratio, "x", Some(Bar::AtMost(1.0 / 3.0)));
        let rounds = worst(|(ours, _)| ours.rounds as f64);
        add("rounds until all that differs is known", rounds, "", Some(Bar::AtMost(1.0 + (n as f64).log2() / 4.0)));
        add("the same, negentropy", worst(|(_, rival)| rival.rounds as f64), "", None);
        add("round trips until the stores are equal", worst(|(ours, _)| ours.trips as f64), "", None);
        add("round trips of the closing check", worst(|(ours, _)| ours.closing as f64), "", None);
        let moved = worst(|(ours, _)| ours.objects as f64) / d as f64;
        // Two keys whose tags begin alike may be taken for one: that costs a copy in some thousands.
        add("objects moved, of those that differ", moved, "x", Some(Bar::AtMost(1.01)));
    }
    for &(n, s) in &FEW[..if options.quick { 4 } else { FEW.len() }] {
        let costs: Vec<Cost> = (0..SEEDS).map(|seed| ours(&changes(n, s, 0, seed), seed)).collect();
        let worst = |of: fn(&Cost) -> u64| costs.iter().map(of).max().unwrap_or_default() as f64;
        let setting = format!("{n} objects, {s} symmetric differences");
        let mut add = |what: &str, value, unit, most| {
            let bar = Some(Bar::AtMost(most));
            figures.push(Figure { what: what.into(), setting: setting.clone(), value, unit, bar });
        };
        let each = if s < 32 { 75.0 } else { 45.0 };
        add("bytes that compare", worst(|cost| cost.bytes), "bytes", each * s as f64 + 128.0);
        // Below eight the logarithm would allow none.
        let trips = 2.0 + (s as f64 / 8.0).log2().max(0.0);
        add("round trips until who asks knows all that differs", worst(|cost| cost.told), "", trips);
    }
    figures.push(Figure {
        what: "comparisons begun in a minute".into(),
        setting: "two equal nodes of 1000 objects".into(),
        value: frames_of_equals() as f64,
        unit: "",
        bar: Some(Bar::AtMost(0.0)),
    });
    figures
}
