//! A soak: for each seed a room, a random schedule of requests and faults, then peace, then judgement.
//!
//! Each seed also draws which kinds of faults and requests it has at all (swarm testing: Groce et al., ISSTA 2012), for
//! a fault that always happens hides what happens without it. After the schedule everything heals, closed tabs reopen,
//! and the room must settle; then the owners of every key must hold the same, no hint may be left, and the oracle
//! judges what is left of every key.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use roundtable_core::clock::VersionVector;
use roundtable_core::coordinator::{Keep, Level, Reached, Reply, Request, Terms};
use roundtable_core::id::{Key, NodeId, RequestId};
use roundtable_core::node::Event;
use roundtable_core::planted::Planted;
use roundtable_core::wire::{Object, Payload};

use crate::World;
use crate::oracle::{Change, Oracle};

/// How long a healed room may take to settle, in virtual milliseconds.
const PEACE_MS: u64 = 180_000;

/// What a run is made of.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How many tabs there are at first.
    pub nodes: usize,
    /// On how many devices.
    pub devices: u8,
    /// How many keys are written.
    pub keys: u32,
    /// How many steps the schedule has.
    pub steps: u32,
    /// The largest pause between two steps, in virtual milliseconds.
    pub pause_ms_max: u64,
    /// Which kinds of steps there are, and how often.
    pub weights: Vec<(Step, u32)>,
    /// Nothing fails, tabs only come: then a quorum read sees what a quorum had confirmed, whatever moves meanwhile.
    pub is_calm: bool,
}

/// One kind of step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A put with what this node was shown or holds.
    Put,
    /// A put with the context of an old read.
    StalePut,
    /// A put that has seen nothing.
    BlindPut,
    /// A get.
    Get,
    /// A delete.
    Delete,
    /// A listing.
    Keys,
    /// A tab dies.
    Crash,
    /// A tab says goodbye.
    Close,
    /// A closed tab opens again.
    Reopen,
    /// A new tab opens.
    Open,
    /// Two tabs lose each other.
    Cut,
    /// Two tabs can find each other again.
    Heal,
    /// The room falls into two.
    Partition,
    /// A disk refuses, or takes again.
    Quota,
    /// Bytes that are no message.
    Garbage,
}

const REQUESTS: [(Step, u32); 6] =
    [(Step::Put, 30), (Step::StalePut, 8), (Step::BlindPut, 4), (Step::Get, 20), (Step::Delete, 6), (Step::Keys, 2)];
const FAULTS: [(Step, u32); 9] = [
    (Step::Crash, 4),
    (Step::Close, 4),
    (Step::Reopen, 8),
    (Step::Open, 1),
    (Step::Cut, 6),
    (Step::Heal, 5),
    (Step::Partition, 2),
    (Step::Quota, 3),
    (Step::Garbage, 2),
];

impl Plan {
    /// The plan that a seed expands to.
    pub fn of(seed: u64, nodes: &Range<usize>) -> Plan {
        let mut random = fastrand::Rng::with_seed(seed ^ 0x5eed);
        let count = random.usize(nodes.clone());
        let is_calm = random.u8(..) < 50;
        let mut weights = vec![REQUESTS[0]];
        weights.extend(REQUESTS[1..].iter().filter(|_| random.u8(..) < 190));
        if is_calm {
            weights.push((Step::Open, 6));
        } else {
            weights.extend(FAULTS.iter().filter(|_| random.u8(..) < 150));
        }
        Plan {
            nodes: count,
            devices: random.u8(1..=6),
            keys: random.u32(1..=20),
            steps: random.u32(40..=160),
            pause_ms_max: *random.choice([20, 300, 2_000, 8_000].iter()).unwrap_or(&300),
            weights,
            is_calm,
        }
    }

    fn step(&self, random: &mut fastrand::Rng) -> Step {
        let total: u32 = self.weights.iter().map(|(_, weight)| weight).sum();
        let mut at = random.u32(0..total);
        for &(step, weight) in &self.weights {
            if at < weight {
                return step;
            }
            at -= weight;
        }
        Step::Get
    }
}

/// What came of one seed.
#[derive(Debug, Clone)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// How often each kind of step was taken.
    pub steps: BTreeMap<Step, u64>,
    /// What was found.
    pub violations: Vec<String>,
    /// The hash of everything that came out of any node.
    pub trace: u64,
}

/// Run one seed.
pub fn run(seed: u64, nodes: &Range<usize>) -> Report {
    run_planted(seed, nodes, Planted::default())
}

/// Run one seed with a bug in every node. A node that panics is a violation.
pub fn run_planted(seed: u64, nodes: &Range<usize>, planted: Planted) -> Report {
    let outcome = std::panic::catch_unwind(|| run_unguarded(seed, nodes, planted));
    outcome.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        let violations = vec![format!("panic: {}", said.unwrap_or("without a word"))];
        Report { seed, steps: BTreeMap::new(), violations, trace: 0 }
    })
}

fn run_unguarded(seed: u64, nodes: &Range<usize>, planted: Planted) -> Report {
    let mut soak = Soak::new(seed, nodes, planted);
    for _ in 0..soak.plan.steps {
        let step = soak.plan.step(&mut soak.random);
        *soak.steps.entry(step).or_default() += 1;
        soak.take(step);
        let pause = soak.random.u64(0..=soak.plan.pause_ms_max);
        soak.world.run_for(pause);
        soak.collect();
    }
    soak.make_peace();
    soak.judge();
    Report { seed, steps: soak.steps, violations: soak.oracle.violations().to_vec(), trace: soak.world.trace() }
}

/// A get that is not yet answered.
struct Asked {
    tab: usize,
    id: RequestId,
    key: Key,
    /// What a quorum had confirmed when it was asked.
    due: VersionVector,
    level: Level,
}

struct Soak {
    plan: Plan,
    world: World,
    random: fastrand::Rng,
    oracle: Oracle,
    steps: BTreeMap<Step, u64>,
    written: u64,
    /// The number that each put writes.
    numbers: BTreeMap<RequestId, u64>,
    /// All writes and deletes that were made: by which tab and request, and where the oracle keeps them.
    changes: Vec<(usize, RequestId, Change)>,
    /// How many events of each tab were taken in.
    taken_in: Vec<usize>,
    gets: Vec<Asked>,
    /// What a quorum of owners has confirmed of each key.
    confirmed: BTreeMap<Key, VersionVector>,
    /// The last context read of each key by anyone.
    read: BTreeMap<Key, VersionVector>,
}

impl Soak {
    fn new(seed: u64, nodes: &Range<usize>, planted: Planted) -> Soak {
        let plan = Plan::of(seed, nodes);
        let mut world = World::new(seed);
        world.planted = planted;
        let random = fastrand::Rng::with_seed(seed.rotate_left(17) ^ 0x50a4);
        for index in 0..plan.nodes {
            world.open(u8::try_from(index % usize::from(plan.devices)).unwrap_or(0));
        }
        if plan.is_calm {
            world.settle(PEACE_MS);
        }
        Soak {
            plan,
            world,
            random,
            oracle: Oracle::default(),
            steps: BTreeMap::new(),
            written: 0,
            numbers: BTreeMap::new(),
            changes: Vec::new(),
            taken_in: Vec::new(),
            gets: Vec::new(),
            confirmed: BTreeMap::new(),
            read: BTreeMap::new(),
        }
    }

    fn some_alive(&mut self) -> Option<usize> {
        let alive = self.world.alive();
        (!alive.is_empty()).then(|| alive[self.random.usize(0..alive.len())])
    }

    fn some_key(&mut self) -> Key {
        let number = self.random.u32(0..self.plan.keys);
        Key::new("soak", &number.to_string()).expect("a short name")
    }

    fn some_terms(&mut self) -> Terms {
        let levels = [Level::Local, Level::One, Level::Quorum, Level::All, Level::Count(2)];
        Terms { level: Some(levels[self.random.usize(0..levels.len())]), timeout_ms: None }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Put => self.put(None),
            Step::StalePut => {
                let key = self.some_key();
                let context = self.read.get(&key).cloned().unwrap_or_default();
                self.put(Some((key, context)));
            }
            Step::BlindPut => {
                let key = self.some_key();
                self.put(Some((key, VersionVector::new())));
            }
            Step::Get => {
                let (Some(tab), key, terms) = (self.some_alive(), self.some_key(), self.some_terms()) else { return };
                let due = self.confirmed.get(&key).cloned().unwrap_or_default();
                let id = self.world.request(tab, Request::Get { key: key.clone(), terms });
                let level = terms.level.unwrap_or(Level::Quorum);
                self.gets.push(Asked { tab, id, key, due, level });
            }
            Step::Keys => {
                let (Some(tab), terms) = (self.some_alive(), self.some_terms()) else { return };
                self.world.request(tab, Request::Keys { bucket: "soak".into(), prefix: String::new(), terms });
            }
            Step::Delete => self.delete(),
            Step::Crash => {
                if let Some(tab) = self.some_alive() {
                    self.world.crash(tab);
                }
            }
            Step::Close => {
                if let Some(tab) = self.some_alive() {
                    self.world.close(tab);
                }
            }
            Step::Reopen => {
                let closed: Vec<usize> =
                    (0..self.world.hosts.len()).filter(|&tab| self.world.hosts[tab].node.is_none()).collect();
                if !closed.is_empty() {
                    self.world.reopen(closed[self.random.usize(0..closed.len())]);
                }
            }
            Step::Open => {
                if self.world.hosts.len() < self.plan.nodes + 4 {
                    self.world.open(self.random.u8(0..self.plan.devices));
                }
            }
            Step::Cut | Step::Heal => {
                let count = self.world.hosts.len();
                let (a, b) = (self.random.usize(0..count), self.random.usize(0..count));
                match step {
                    _ if a == b => {}
                    Step::Cut => self.world.cut(a, b),
                    _ => self.world.heal(a, b),
                }
            }
            Step::Partition => {
                let (left, right): (Vec<usize>, Vec<usize>) =
                    (0..self.world.hosts.len()).partition(|_| self.random.bool());
                self.world.partition(&[&left, &right]);
            }
            Step::Quota => {
                let tab = self.random.usize(0..self.world.hosts.len());
                self.world.hosts[tab].disk_full = !self.world.hosts[tab].disk_full;
            }
            Step::Garbage => self.garbage(),
        }
    }

    fn put(&mut self, chosen: Option<(Key, VersionVector)>) {
        let Some(tab) = self.some_alive() else { return };
        let terms = self.some_terms();
        let (key, context) = match chosen {
            Some((key, context)) => (key, Some(context)),
            None => (self.some_key(), None),
        };
        self.written += 1;
        let value: Payload = self.written.to_le_bytes().to_vec().into();
        let id = self.world.request(tab, Request::Put { key, value, keep: Keep::default(), context, terms });
        self.numbers.insert(id, self.written);
    }

    fn delete(&mut self) {
        let Some(tab) = self.some_alive() else { return };
        let (key, terms) = (self.some_key(), self.some_terms());
        let context = self.random.bool().then(|| self.read.get(&key).cloned().unwrap_or_default());
        self.world.request(tab, Request::Delete { key, context, terms });
    }

    fn garbage(&mut self) {
        let Some(tab) = self.some_alive() else { return };
        let from = self.world.hosts[self.random.usize(0..self.world.hosts.len())].id;
        for _ in 0..20 {
            let mut bytes: Vec<u8> = (0..self.random.usize(1..120)).map(|_| self.random.u8(..)).collect();
            bytes[0] = roundtable_core::wire::VERSION;
            // Kinds that would be taken as true, were they well formed, are another matter: members who lie.
            if bytes.get(1).is_some_and(|&kind| kind > 60) {
                self.world.input(tab, roundtable_core::node::Input::Received { from, bytes });
            }
        }
    }

    /// Take in what was answered meanwhile.
    fn collect(&mut self) {
        for tab in 0..self.world.hosts.len() {
            let host = &self.world.hosts[tab];
            self.taken_in.resize(self.world.hosts.len(), 0);
            for (_, event) in &host.events[self.taken_in[tab]..] {
                let Event::Written { id, key, dot, context } = event else { continue };
                let change = match (dot, self.numbers.get(id)) {
                    (Some(dot), Some(&number)) => self.oracle.on_write(number, key, *dot, context.clone()),
                    _ => self.oracle.on_delete(key, context.clone()),
                };
                self.changes.push((tab, *id, change));
            }
            self.taken_in[tab] = host.events.len();
        }
        for (tab, id, change) in &self.changes {
            let replies = self.world.hosts[*tab].replies.get(id).map(Vec::as_slice).unwrap_or_default();
            for reply in replies {
                let Reply::Receipt(receipt) = reply else { continue };
                self.oracle.on_acknowledged(change);
                if receipt.reached >= Reached::Quorum && receipt.fallbacks.is_empty() {
                    self.confirmed.entry(change.key().clone()).or_default().merge(&receipt.context);
                }
            }
        }
        for asked in std::mem::take(&mut self.gets) {
            let Some(Reply::Read(read)) = self.world.last(asked.tab, asked.id) else {
                self.gets.push(asked);
                continue;
            };
            let is_quorum = matches!(asked.level, Level::Quorum | Level::All | Level::Count(2));
            if self.plan.is_calm && is_quorum && read.met && !read.context.descends(&asked.due) {
                let (tab, key, due) = (asked.tab, &asked.key, &asked.due);
                self.oracle
                    .accuse(format!("{key:?}: tab {tab} read {:?} at a quorum, which had {due:?}", read.context));
            }
            self.read.insert(asked.key, read.context.clone());
        }
    }

    /// Everything heals, and everybody comes back.
    fn make_peace(&mut self) {
        self.world.heal_all();
        for tab in 0..self.world.hosts.len() {
            self.world.hosts[tab].disk_full = false;
            if self.world.hosts[tab].node.is_none() {
                self.world.reopen(tab);
            }
        }
        let has_settled = self.world.settle(PEACE_MS);
        self.world.run_for(40_000);
        self.collect();
        if !has_settled || !self.world.settle(PEACE_MS) {
            self.oracle.accuse(format!("the room does not settle: {}", self.world.unsettled()));
        }
    }

    /// Every key has min(N, tabs) distinct owners, on distinct devices as far as there are any.
    fn judge_placement(&mut self, key: &Key, owners: &[NodeId]) {
        let members = self.world.node(0).view().members();
        let n = usize::from(self.world.node(0).view().n());
        let device_of = |id: &NodeId| members.iter().find(|member| member.id == *id).map(|member| member.device);
        let devices: BTreeSet<_> = members.iter().map(|member| member.device).collect();
        let used: BTreeSet<_> = owners.iter().filter_map(device_of).collect();
        if owners.len() != n.min(members.len()) || used.len() != owners.len().min(devices.len()) {
            self.oracle.accuse(format!("{key:?}: {} owners on {} devices", owners.len(), used.len()));
        }
    }

    fn judge(&mut self) {
        for key in self.oracle.keys() {
            let mut joined = Object::new();
            for tab in self.world.alive() {
                if let Some(object) = self.world.node(tab).view().object(&key) {
                    joined.sync(object);
                }
            }
            self.oracle.judge(&key, &joined);
            let owners = self.world.node(0).view().preference_list(&key).owners;
            self.judge_placement(&key, &owners);
            for tab in self.world.alive() {
                let is_owner = owners.contains(&self.world.hosts[tab].id);
                let held = self.world.node(tab).view().object(&key).cloned().unwrap_or_default();
                if is_owner && held != joined {
                    self.oracle.accuse(format!("{key:?}: owner {tab} lacks something: {held:?} of {joined:?}"));
                }
            }
        }
        for tab in self.world.alive() {
            let hints = self.world.node(tab).view().metrics().hints;
            if hints > 0 {
                self.oracle.accuse(format!("tab {tab} still holds {hints} hints"));
            }
        }
    }
}
