//! What membership costs while nothing happens: bytes of gossip that each node hands to its links in a second, of every
//! kind, by the nodes' own counters; and how often a node is woken by its one timer, for which a tab pays with its
//! battery. (That it has one timer is the contract of `Node::poll_timeout`.)

use super::{Bar, Figure, Options};
use crate::World;

/// How long it is looked at.
const SECONDS: u64 = 300;

/// A settled room of so many tabs on as many devices.
pub(super) fn room(seed: u64, nodes: usize) -> World {
    let mut world = World::new(seed);
    for at in 0..nodes {
        world.open(u8::try_from(at).unwrap_or(u8::MAX));
    }
    assert!(world.settle(60_000), "seed {seed}: {}", world.unsettled());
    world
}

fn gossip(world: &World) -> u64 {
    world.alive().into_iter().map(|at| world.node(at).view().metrics().sent.gossip).sum()
}

fn timers(world: &World) -> u64 {
    world.hosts.iter().map(|host| host.timers_fired).sum()
}

/// Bytes and timers a node and second, in rooms at rest.
pub(super) fn measure(options: &Options) -> Vec<Figure> {
    let counts = options.nodes.map_or(vec![3, 10, 16], |nodes| vec![nodes]);
    let figures = |nodes: usize| {
        let mut world = room(nodes as u64, nodes);
        world.tuning.loss_percent = options.loss_percent.unwrap_or(0);
        world.run_for(60_000);
        let before = (gossip(&world), timers(&world));
        world.run_for(SECONDS * 1_000);
        let setting = format!("{nodes} nodes, {} % loss, {SECONDS} s", world.tuning.loss_percent);
        let figure = |what: &str, count: u64, unit, most| Figure {
            what: format!("{what} at rest, a node and second"),
            setting: setting.clone(),
            value: count as f64 / SECONDS as f64 / nodes as f64,
            unit,
            bar: Some(Bar::AtMost(most)),
        };
        [
            figure("gossip", gossip(&world) - before.0, "bytes", 1_024.0),
            figure("timers that fire", timers(&world) - before.1, "", 4.0),
        ]
    };
    counts.into_iter().flat_map(figures).collect()
}
