//! How evenly the ring spreads keys over nodes, and what a join or a leave makes move. Pure arithmetic on rings: no
//! messages. A node's arcs are measured by their length, as if keys lay everywhere.
//!
//! One node joins, or the same one leaves: what all others gain by it is *moved*. By a join nobody else may gain; by a
//! leave, what is gained must be what the one who left had kept, and no more.

use roundtable_core::id::{DeviceId, NodeId, Room};
use roundtable_core::ring::{RangeSet, Ring};

use super::{Bar, Figure, Options};

const N: u8 = 3;
const ROOMS: u64 = 50;

/// What nodes are like.
struct Kind {
    words: &'static str,
    /// Capacities go round.
    capacities: &'static [u16],
    /// How many nodes are one device.
    tabs: usize,
}

const EQUAL: Kind = Kind { words: "128 vnodes", capacities: &[128], tabs: 1 };
const MIXED: Kind = Kind { words: "256, 128, 64 vnodes, two tabs a device", capacities: &[256, 128, 64], tabs: 2 };

fn ring_of(room: &Room, nodes: &[NodeId], kind: &Kind) -> Ring {
    let device = |at: usize| DeviceId::from_bytes(*nodes[at / kind.tabs * kind.tabs].as_bytes());
    let seat = |(at, &id): (usize, &NodeId)| (id, device(at), kind.capacities[at % kind.capacities.len()]);
    Ring::new(room, N, nodes.iter().enumerate().map(seat))
}

fn nodes_of(seed: u64, count: usize) -> Vec<NodeId> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..count).map(|_| NodeId::from_bytes(std::array::from_fn(|_| random.u8(..)))).collect()
}

fn length(set: &RangeSet) -> f64 {
    set.ranges().map(|range| (range.end() - range.start()) as f64 + 1.0).sum()
}

/// What is to be said of one ring.
struct Found {
    /// The largest share of a node, of a fair one, if all have the same capacity.
    largest: f64,
    /// How many nodes gain something because another joins.
    third: usize,
    /// What others gain when it leaves again, of what it had kept.
    moved: f64,
}

fn look(room: &Room, seed: u64, count: usize, kind: &Kind) -> Found {
    let nodes = nodes_of(seed, count + 1);
    let (few, many) = (ring_of(room, &nodes[..count], kind), ring_of(room, &nodes, kind));
    let fair = 2_f64.powi(64) * f64::from(N).min(count as f64) / count as f64;
    let mut found = Found { largest: 0.0, third: 0, moved: 0.0 };
    for &id in &nodes[..count] {
        let (without, with) = (few.arcs_of(id), many.arcs_of(id));
        found.largest = found.largest.max(length(&without) / fair);
        found.third += usize::from(!with.difference(&without).is_empty());
        found.moved += length(&without.difference(&with));
    }
    found.moved /= length(&many.arcs_of(nodes[count]));
    found
}

/// Balance, and what moves, over many rings.
pub(super) fn measure(options: &Options) -> Vec<Figure> {
    let room = Room::open("ring").expect("a short name");
    let counts = options.nodes.map_or(vec![3, 5, 10, 16, 100], |nodes| vec![nodes]);
    let mut figures = Vec::new();
    for (count, kind) in counts.into_iter().flat_map(|count| [(count, EQUAL), (count, MIXED)]) {
        let found: Vec<Found> = (0..ROOMS).map(|seed| look(&room, seed, count, &kind)).collect();
        let setting = format!("{count} nodes, {}, N = {N}, {ROOMS} rings", kind.words);
        let mut add = |what: &str, value: f64, unit, bar| {
            figures.push(Figure { what: what.into(), setting: setting.clone(), value, unit, bar });
        };
        if kind.capacities.len() == 1 {
            let mean = found.iter().map(|one| one.largest).sum::<f64>() / ROOMS as f64;
            let most = found.iter().map(|one| one.largest).fold(0.0, f64::max);
            add("largest share of a node, of a fair one: mean", mean, "x", Some(Bar::AtMost(1.25)));
            add("largest share of a node, of a fair one: most", most, "x", None);
        }
        let third = found.iter().map(|one| one.third).sum::<usize>();
        add("nodes that gain an arc because another joins", third as f64, "", Some(Bar::AtMost(0.0)));
        let moved = found.iter().map(|one| one.moved).fold(0.0, f64::max);
        // Lengths are added up as floating-point numbers.
        add("a leave: moved, of what it had kept: most", moved, "x", Some(Bar::AtMost(1.0 + 1e-9)));
    }
    figures
}
