//! Nodes in one process with nothing between them: a frame arrives when its turn comes, a batch is durable at once and
//! is thrown away. What is left is the nodes' own work and memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use roundtable_core::coordinator::{Keep, Level, Reply, Request, Terms};
use roundtable_core::id::{DeviceId, Key, KeyPair, NodeId, RequestId, Room};
use roundtable_core::node::{Config, Input, Limits, Node, Output};
use roundtable_core::store::Restored;
use roundtable_core::time::Instant;

/// How many bytes a value has.
pub(crate) const VALUE_BYTES: usize = 100;
/// How many copies are kept.
pub(crate) const N: u8 = 3;
const CAPACITY: u16 = 128;
/// How long nodes that have met are given to find that all is at rest.
const MEET_MS: u64 = 10_000;
const STEP_MS: u64 = 10;
/// How many requests are made before they are waited for.
const UNDER_WAY: u64 = 100;

/// Some nodes, all linked.
pub(crate) struct Bare {
    pub(crate) nodes: Vec<Node>,
    tabs: BTreeMap<NodeId, usize>,
    now: Instant,
    /// To whom, from whom, what.
    frames: VecDeque<(usize, NodeId, Vec<u8>)>,
    asked: u64,
    /// Which requests are not yet answered as they should be.
    open: BTreeSet<RequestId>,
}

impl Bare {
    pub(crate) fn new(count: usize) -> Bare {
        let mut random = fastrand::Rng::with_seed(count as u64);
        let mut bare = Bare {
            nodes: Vec::new(),
            tabs: BTreeMap::new(),
            now: Instant(1_000),
            frames: VecDeque::new(),
            asked: 0,
            open: BTreeSet::new(),
        };
        for at in 0..count {
            let keys = KeyPair::from_seed(std::array::from_fn(|_| random.u8(..)));
            bare.tabs.insert(keys.id(), at);
            let config = Config {
                room: Room::open("bare").expect("a short name"),
                device: DeviceId::from_bytes(*keys.id().as_bytes()),
                keys,
                label: String::new(),
                capacity: CAPACITY,
                n: N,
                r: Level::Quorum,
                w: Level::Quorum,
                limits: Limits::default(),
            };
            bare.nodes.push(Node::new(config, Restored::default(), random.u64(..), bare.now));
            bare.drain(at);
        }
        let ids: Vec<(NodeId, usize)> = bare.tabs.iter().map(|(&id, &at)| (id, at)).collect();
        for (id, at) in &ids {
            ids.iter().filter(|(other, _)| other != id).for_each(|&(other, _)| bare.input(*at, Input::LinkUp(other)));
        }
        bare.run();
        (0..MEET_MS / STEP_MS).for_each(|_| bare.pass(STEP_MS));
        assert!(bare.nodes.iter().all(|node| node.view().settled()), "nodes that have met come to rest");
        bare
    }

    /// Ask these tabs, a hundred requests at a time and a millisecond between, until all are answered.
    pub(crate) fn requests(&mut self, requests: impl Iterator<Item = (usize, Request)>) {
        for (at, request) in requests {
            self.asked += 1;
            let id = RequestId(self.asked);
            self.open.insert(id);
            self.input(at, Input::Request { id, request });
            if self.asked.is_multiple_of(UNDER_WAY) {
                self.run();
                self.pass(1);
            }
        }
        self.run();
        assert!(self.open.is_empty(), "every request is answered at its level");
    }

    fn input(&mut self, at: usize, input: Input) {
        self.nodes[at].handle_input(self.now, input);
        self.drain(at);
    }

    /// Until no frame is on its way.
    fn run(&mut self) {
        while let Some((to, from, bytes)) = self.frames.pop_front() {
            self.input(to, Input::Received { from, bytes });
        }
    }

    /// Let time pass; what falls due is done at the end of it.
    fn pass(&mut self, ms: u64) {
        self.now = self.now + ms;
        for at in 0..self.nodes.len() {
            if self.nodes[at].poll_timeout().is_some_and(|due| due <= self.now) {
                self.nodes[at].handle_timeout(self.now);
                self.drain(at);
            }
        }
        self.run();
    }

    fn drain(&mut self, at: usize) {
        let me = self.nodes[at].view().id();
        while let Some(output) = self.nodes[at].poll_output() {
            match output {
                Output::Send { to, bytes, .. } => self.frames.push_back((self.tabs[&to], me, bytes)),
                Output::Persist { id, .. } => self.nodes[at].handle_input(self.now, Input::Persisted(id)),
                Output::Reply { id, result } => {
                    let is_met = match &result {
                        Reply::Receipt(receipt) => receipt.met,
                        Reply::Read(read) => read.met,
                        _ => false,
                    };
                    if is_met {
                        self.open.remove(&id);
                    }
                }
                _ => {}
            }
        }
    }
}

/// The key of this number.
pub(crate) fn key(number: u64) -> Key {
    Key::new("measured", &number.to_string()).expect("a short name")
}

/// A value that no other key has.
pub(crate) fn value(number: u64) -> Vec<u8> {
    number.to_le_bytes().into_iter().cycle().take(VALUE_BYTES).collect()
}

/// Put the value of the key of this number.
pub(crate) fn put(number: u64) -> Request {
    let value = value(number).into();
    Request::Put { key: key(number), value, keep: Keep::default(), context: None, terms: at_quorum() }
}

pub(crate) fn at_quorum() -> Terms {
    Terms { level: Some(Level::Quorum), timeout_ms: None }
}

/// Replicated puts for whoever has a clock: the simulator has none in wasm, so the caller takes the time.
///
/// Each key is written by one node, which mostly is no owner. To make up requests is the application's work, so it is
/// done beforehand, by [`Puts::prepare`].
pub struct Puts {
    bare: Bare,
    keys: u64,
    random: fastrand::Rng,
    prepared: Vec<(usize, Request)>,
}

impl Puts {
    /// So many nodes, all linked, with so many keys that are written once.
    pub fn new(nodes: usize, keys: u64) -> Puts {
        let (bare, random) = (Bare::new(nodes), fastrand::Rng::with_seed(1));
        let mut puts = Puts { bare, keys, random, prepared: Vec::new() };
        // The first put of each node waits for its disk.
        for numbers in [0..nodes as u64, nodes as u64..keys] {
            puts.prepared = numbers.map(|number| puts.at_its_node(number)).collect();
            puts.make();
        }
        puts
    }

    /// Make up so many requests, of any keys.
    pub fn prepare(&mut self, count: usize) {
        let numbers: Vec<u64> = (0..count).map(|_| self.random.u64(0..self.keys)).collect();
        self.prepared = numbers.into_iter().map(|number| self.at_its_node(number)).collect();
    }

    /// Make them, until each is answered at its level.
    pub fn make(&mut self) {
        self.bare.requests(std::mem::take(&mut self.prepared).into_iter());
    }

    fn at_its_node(&self, number: u64) -> (usize, Request) {
        (usize::try_from(number % self.bare.nodes.len() as u64).unwrap_or(0), put(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_all_its_owners_have_wakes_nobody_at_its_deadline() {
        let mut bare = Bare::new(4);
        bare.requests((0..100).map(|number| (number as usize % 4, put(number))));
        for node in &bare.nodes {
            let due = node.view().deadlines().into_iter().find(|(of, _)| *of == "coordinator");
            assert_eq!(due, Some(("coordinator", None)));
        }
    }
}
