//! What membership costs while nothing happens: bytes of gossip that each node hands to its links in a second, of every
//! kind, by the nodes' own counters.

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

/// Bytes a node and second, in rooms at rest.
pub(super) fn measure(options: &Options) -> Vec<Figure> {
    let counts = options.nodes.map_or(vec![3, 10, 16], |nodes| vec![nodes]);
    let figure = |nodes: usize| {
        let mut world = room(nodes as u64, nodes);
        world.tuning.loss_percent = options.loss_percent.unwrap_or(0);
        world.run_for(60_000);
        let before = gossip(&world);
        world.run_for(SECONDS * 1_000);
        Figure {
            what: "gossip at rest, a node and second".into(),
            setting: format!("{nodes} nodes, {} % loss, {SECONDS} s", world.tuning.loss_percent),
            value: (gossip(&world) - before) as f64 / SECONDS as f64 / nodes as f64,
            unit: "bytes",
            bar: Some(Bar::AtMost(1_024.0)),
        }
    };
    counts.into_iter().map(figure).collect()
}
