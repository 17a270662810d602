//! How evenly the ring spreads keys over nodes, and what a join or a leave makes move. Pure arithmetic on rings: no
//! messages. A node's arcs are measured by their length, as if keys lay everywhere.
//!
//! Both ways to give out arcs are measured on the same nodes: the walk, which peers use, and the challenger that bounds
//! loads. What is fair is in proportion to capacity, and at most one copy of everything.
//!
//! One node joins, or the same one leaves: what all others gain by it is *moved*. By a join nobody else may gain; by a
//! leave, what is gained must be what the one who left had kept, and no more.

use roundtable_core::id::{DeviceId, NodeId, Room};
use roundtable_core::ring::{BoundedLoad, Placement, PlainWalk, RangeSet, Ring};

use super::{Bar, Figure, Options};

const N: u8 = 3;
const ROOMS: u64 = 100;

/// What nodes are like.
struct Kind {
    words: &'static str,
    /// Capacities go round.
    capacities: &'static [u16],
    /// How many nodes are one device.
    tabs: usize,
}

const EQUAL: Kind = Kind { words: "128 vnodes", capacities: &[128], tabs: 1 };
const MIXED: Kind = Kind { words: "256, 128, 64 vnodes", capacities: &[256, 128, 64], tabs: 1 };
const SHARED: Kind = Kind { words: "256, 128, 64 vnodes, two tabs a device", capacities: &[256, 128, 64], tabs: 2 };

fn capacity(at: usize, kind: &Kind) -> u16 {
    kind.capacities[at % kind.capacities.len()]
}

fn ring_of<P: Placement>(room: &Room, nodes: &[NodeId], kind: &Kind) -> Ring {
    let device = |at: usize| DeviceId::from_bytes(*nodes[at / kind.tabs * kind.tabs].as_bytes());
    let seat = |(at, &id): (usize, &NodeId)| (id, device(at), capacity(at, kind));
    Ring::placed::<P>(room, N, nodes.iter().enumerate().map(seat))
}

fn nodes_of(seed: u64, count: usize) -> Vec<NodeId> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..count).map(|_| NodeId::from_bytes(std::array::from_fn(|_| random.u8(..)))).collect()
}

fn length(set: &RangeSet) -> f64 {
    set.ranges().map(|range| (range.end() - range.start()) as f64 + 1.0).sum()
}

/// What is fair for each of so many nodes, in copies of all positions: min(1, c·w), all of them together N. Found by
/// bisection for w, which has nothing in common with how a placement finds it.
fn fair(count: usize, kind: &Kind) -> Vec<f64> {
    let share = |at: usize, w: f64| (f64::from(capacity(at, kind)) * w).min(1.0);
    let copies = f64::from(N).min(count as f64);
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..100 {
        let w = (low + high) / 2.0;
        let sum: f64 = (0..count).map(|at| share(at, w)).sum();
        if sum < copies { low = w } else { high = w }
    }
    (0..count).map(|at| share(at, high)).collect()
}

/// What is to be said of one ring.
struct Found {
    /// The largest share of a node, of what is fair for it.
    largest: f64,
    /// How many nodes gain something because another joins.
    third: usize,
    /// What anybody gains when one joins, of what that one keeps.
    joined: f64,
    /// What others gain when it leaves again, of what it had kept.
    left: f64,
}

fn look<P: Placement>(room: &Room, seed: u64, count: usize, kind: &Kind) -> Found {
    let nodes = nodes_of(seed, count + 1);
    let (few, many) = (ring_of::<P>(room, &nodes[..count], kind), ring_of::<P>(room, &nodes, kind));
    let kept = length(&many.arcs_of(nodes[count]));
    let mut found = Found { largest: 0.0, third: 0, joined: kept, left: 0.0 };
    for (&id, fair) in nodes[..count].iter().zip(fair(count, kind)) {
        let (without, with) = (few.arcs_of(id), many.arcs_of(id));
        found.largest = found.largest.max(length(&without) / 2_f64.powi(64) / fair);
        let gained = with.difference(&without);
        found.third += usize::from(!gained.is_empty());
        found.joined += length(&gained);
        found.left += length(&without.difference(&with));
    }
    found.joined /= kept;
    found.left /= kept;
    found
}

fn p95(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() * 95 / 100).copied().unwrap_or_default()
}

/// Balance, and what moves, over many rings.
pub(super) fn measure(options: &Options) -> Vec<Figure> {
    let room = Room::open("ring").expect("a short name");
    let counts = options.nodes.map_or(vec![3, 5, 10, 16, 30, 100], |nodes| vec![nodes]);
    let mut figures = Vec::new();
    for (count, kind) in counts.into_iter().flat_map(|count| [(count, EQUAL), (count, MIXED), (count, SHARED)]) {
        let walked: Vec<Found> = (0..ROOMS).map(|seed| look::<PlainWalk>(&room, seed, count, &kind)).collect();
        let bounded: Vec<Found> = (0..ROOMS).map(|seed| look::<BoundedLoad>(&room, seed, count, &kind)).collect();
        let setting = format!("{count} nodes, {}, N = {N}, {ROOMS} rings", kind.words);
        let mut add = |what: &str, value: f64, unit, bar| {
            figures.push(Figure { what: what.into(), setting: setting.clone(), value, unit, bar });
        };
        let (is_equal, is_apart) = (kind.capacities.len() == 1, kind.tabs == 1);
        let largest = |found: &[Found]| found.iter().map(|one| one.largest).collect::<Vec<f64>>();
        if is_equal {
            let mean = largest(&walked).iter().sum::<f64>() / ROOMS as f64;
            add("largest share of a node, of a fair one: mean", mean, "x", Some(Bar::AtMost(1.25)));
        }
        // Below ten nodes each owns so much that the bar would be met by rings that are not even.
        if is_apart && count >= 10 {
            let bar = is_equal.then_some(Bar::AtMost(1.20));
            add("largest share of a node, of a fair one: p95", p95(largest(&walked)), "x", bar);
            let bar = Some(Bar::AtMost(1.10));
            add("the same with bounded loads: p95", p95(largest(&bounded)), "x", bar);
        }
        let third = walked.iter().map(|one| one.third).sum::<usize>();
        add("nodes that gain an arc because another joins", third as f64, "", Some(Bar::AtMost(0.0)));
        let left = walked.iter().map(|one| one.left).fold(0.0, f64::max);
        // Lengths are added up as floating-point numbers.
        add("a leave: moved, of what it had kept: most", left, "x", Some(Bar::AtMost(1.0 + 1e-9)));
        if is_apart && count >= 10 {
            for (what, of) in [
                ("a join with bounded loads: moved, of its share", (|one| one.joined) as fn(&Found) -> f64),
                ("a leave with bounded loads: moved, of its share", |one| one.left),
            ] {
                let moved: Vec<f64> = bounded.iter().map(of).collect();
                let mean = moved.iter().sum::<f64>() / ROOMS as f64;
                add(&format!("{what}: mean"), mean, "x", Some(Bar::AtMost(1.10)));
                add(&format!("{what}: p95"), p95(moved), "x", None);
            }
        }
    }
    figures
}
