//! A thousand tabs in one process: that the room forms, what it costs at rest, and what becomes of it when many die.
//!
//! Tabs open a few milliseconds apart, each on a device of its own with 32 virtual nodes, and each is heard of by eight
//! of those that are there, as from a rendezvous; all else they learn from each other. Then a minute passes at rest;
//! then a tenth of the room dies at one moment, without a word and with channels that stay open as long as a browser's
//! do; then half of those that are left. A few hundred keys lie there from the beginning.
//!
//! *Formed* and *converged* mean the same: every living tab has the very ring that the living make, and is settled.
//! *Connected* means that from one of the living all others are reached over open links alone.
//!
//! Machine time is that which this thread has run. Signatures are checked once a process and not once a node, since
//! their verdict is the same for all; all other work is done by every node for itself.

use std::collections::BTreeSet;

use cpu_time::ThreadTime;
use roundtable_core::coordinator::{Level, Request, Terms};
use roundtable_core::id::DeviceId;

use super::detection::{CONSENT_MS, all_suspect, p99};
use super::{Bar, Figure, Options, stock};
use crate::World;
use crate::bare;

const NODES: usize = 1_000;
const NODES_QUICK: usize = 60;
/// How many of those that are there hear of one that opens.
const HEARD_BY: usize = 8;
/// Between one that opens and the next.
const OPENS_EVERY_MS: u64 = 20;
const KEYS: u64 = 300;
/// How long a phase is looked at.
const MINUTE_MS: u64 = 60_000;
/// How long it may take until all is well again, before it counts as never.
const PATIENCE_MS: u64 = 300_000;
/// How often it is looked whether it is.
const LOOK_MS: u64 = 500;

/// Whether every living tab has the ring of the living, and is settled.
fn is_one(world: &World) -> bool {
    let alive = world.alive();
    let ring = world.ring_of(&alive).hash();
    alive.iter().all(|&at| world.node(at).view().ring_hash() == ring && world.node(at).view().settled())
}

/// Until then, in milliseconds; infinite if it never is.
fn until_one(world: &mut World) -> f64 {
    let begun = world.now;
    while world.now.since(begun) < PATIENCE_MS {
        if is_one(world) {
            return world.now.since(begun) as f64;
        }
        world.run_for(LOOK_MS);
    }
    f64::INFINITY
}

/// How many of the living are not reached over links from one of them.
fn apart(world: &World) -> usize {
    let mut rest: BTreeSet<usize> = world.alive().into_iter().collect();
    let mut next: Vec<usize> = rest.pop_first().into_iter().collect();
    while let Some(at) = next.pop() {
        let found: Vec<usize> = rest.iter().copied().filter(|&other| world.is_linked(at, other)).collect();
        found.iter().for_each(|other| {
            rest.remove(other);
        });
        next.extend(found);
    }
    rest.len()
}

/// How many keys have fewer than all their copies, among the living.
fn short(world: &World) -> usize {
    let alive = world.alive();
    let ring = world.ring_of(&alive);
    let lacks = |number: u64| {
        let key = stock::key(number);
        let owners = ring.owners(World::room().position(&key));
        let holds = |at: &usize| owners.contains(&world.hosts[*at].id) && world.node(*at).view().object(&key).is_some();
        alive.iter().filter(|at| holds(at)).count() < owners.len()
    };
    (0..KEYS).filter(|&number| lacks(number)).count()
}

/// Let every so many-th of the living die without a word. Tells who.
fn kill(world: &mut World, every: usize) -> Vec<usize> {
    let victims: Vec<usize> = world.alive().into_iter().step_by(every).collect();
    victims.iter().for_each(|&at| world.crash(at));
    victims
}

fn gossip(world: &World) -> u64 {
    world.alive().into_iter().map(|at| world.node(at).view().metrics().sent.gossip).sum()
}

/// What a thousand cost, and how they take it.
pub(super) fn measure(options: &Options) -> Vec<Figure> {
    let nodes = options.nodes.unwrap_or(if options.quick { NODES_QUICK } else { NODES });
    let mut figures = Vec::new();
    let mut add = |what: &str, value: f64, unit, bar| {
        eprintln!("{what}: {value} {unit}");
        let setting = format!("{nodes} nodes, 32 vnodes, {KEYS} keys");
        figures.push(Figure { what: what.into(), setting, value, unit, bar });
    };
    let mut world = World::new(nodes as u64);
    world.tuning.silence_ms = CONSENT_MS;
    world.tuning.heard_by = Some(HEARD_BY);
    let begun = ThreadTime::now();
    for at in 0..nodes {
        let mut device = [0; 16];
        device[..8].copy_from_slice(&(at as u64 + 1).to_le_bytes());
        world.open_with(0, |config| config.device = DeviceId::from_bytes(device));
        world.run_for(OPENS_EVERY_MS);
    }
    eprintln!("opened: {:?}", begun.elapsed());
    let formed = until_one(&mut world);
    add("the room forms, after the last has opened", formed / 1_000.0, "s", Some(Bar::AtMost(60.0)));
    add("machine time until then", begun.elapsed().as_secs_f64(), "s", None);
    for number in 0..KEYS {
        let terms = Terms { level: Some(Level::All), ..bare::at_quorum() };
        if let Request::Put { key, value, keep, context, .. } = bare::put(number) {
            world.request(number as usize % nodes, Request::Put { key, value, keep, context, terms });
        }
    }
    world.run_for(MINUTE_MS);
    let (begun, before) = (ThreadTime::now(), gossip(&world));
    world.run_for(MINUTE_MS);
    let per_node = (gossip(&world) - before) as f64 / 60.0 / nodes as f64;
    add("gossip at rest, a node and second", per_node, "bytes", Some(Bar::AtMost(2_048.0)));
    add("machine time of 60 s at rest", begun.elapsed().as_secs_f64(), "s", Some(Bar::AtMost(60.0)));

    let (begun, since) = (ThreadTime::now(), world.now);
    let dead = kill(&mut world, 10);
    world.run_for(MINUTE_MS);
    add("machine time of 60 s in which a tenth dies", begun.elapsed().as_secs_f64(), "s", Some(Bar::AtMost(60.0)));
    let took = dead.iter().map(|&at| all_suspect(&world, at, since).map_or(f64::INFINITY, |ms| ms as f64));
    add("a death, suspected by all: p99", p99(took.collect()), "ms", Some(Bar::AtMost(15_000.0)));
    let whole = until_one(&mut world) + MINUTE_MS as f64;
    add("converged after a tenth has died", whole / 1_000.0, "s", Some(Bar::AtMost(180.0)));
    add("keys that lack a copy then", short(&world) as f64, "", Some(Bar::AtMost(0.0)));

    kill(&mut world, 2);
    add("half has died: nodes apart at once", apart(&world) as f64, "", Some(Bar::AtMost(0.0)));
    world.run_for(MINUTE_MS);
    add("nodes apart a minute later", apart(&world) as f64, "", Some(Bar::AtMost(0.0)));
    figures
}
