//! How evenly the ring spreads keys over nodes, and what a join takes from whom. Pure arithmetic on rings: no messages.

use roundtable_core::id::{DeviceId, NodeId, Room};
use roundtable_core::ring::Ring;

use super::{Bar, Figure, Options};

const CAPACITY: u16 = 128;
const N: u8 = 3;
const ROOMS: u64 = 50;

/// The share of all copies that each node keeps, of fair shares; each node is a device of its own.
fn shares(ring: &Ring, nodes: &[NodeId]) -> Vec<f64> {
    let whole = 2_f64.powi(64) * f64::from(N).min(nodes.len() as f64);
    let length = |id: &NodeId| -> f64 {
        ring.arcs_of(*id).ranges().map(|range| (range.end() - range.start()) as f64 + 1.0).sum()
    };
    nodes.iter().map(|id| length(id) / whole * nodes.len() as f64).collect()
}

fn ring_of(room: &Room, nodes: &[NodeId]) -> Ring {
    let seat = |id: &NodeId| (*id, DeviceId::from_bytes(*id.as_bytes()), CAPACITY);
    Ring::new(room, N, nodes.iter().map(seat))
}

fn nodes_of(seed: u64, count: usize) -> Vec<NodeId> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..count).map(|_| NodeId::from_bytes(std::array::from_fn(|_| random.u8(..)))).collect()
}

/// The largest share of fair, the mean over many rooms; and what moves between third parties when one node joins.
pub(super) fn measure(options: &Options) -> Vec<Figure> {
    let room = Room::open("ring").expect("a short name");
    let counts = options.nodes.map_or(vec![3, 5, 10, 16, 100], |nodes| vec![nodes]);
    let mut figures = Vec::new();
    for count in counts {
        let mut largest = 0.0;
        let mut third_parties = 0.0;
        for seed in 0..ROOMS {
            let nodes = nodes_of(seed, count + 1);
            let (before, after) = (ring_of(&room, &nodes[..count]), ring_of(&room, &nodes));
            largest += shares(&before, &nodes[..count]).into_iter().fold(0.0, f64::max) / ROOMS as f64;
            let gains = |id: &NodeId| !after.arcs_of(*id).difference(&before.arcs_of(*id)).is_empty();
            third_parties += nodes[..count].iter().filter(|id| gains(id)).count() as f64;
        }
        let setting = format!("{count} nodes, {CAPACITY} vnodes, N = {N}, {ROOMS} rings");
        figures.push(Figure {
            what: "largest share of a node, of a fair one".into(),
            setting: setting.clone(),
            value: largest,
            unit: "x",
            bar: Some(Bar::AtMost(1.25)),
        });
        figures.push(Figure {
            what: "nodes that gain an arc because another joins".into(),
            setting,
            value: third_parties,
            unit: "",
            bar: Some(Bar::AtMost(0.0)),
        });
    }
    figures
}
