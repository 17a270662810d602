//! The virtual world: nodes, links, disks and time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use roundtable_core::coordinator::{Level, Reply, Request};
use roundtable_core::id::{BatchId, DeviceId, KeyPair, NodeId, RequestId, Room};
use roundtable_core::node::{Config, Event, Input, Lane, Lifecycle, Limits, Node, Output};
use roundtable_core::store::{Batch, PersistError, Restored, Rows};
use roundtable_core::time::Instant;

use crate::Disk;

/// So many timers in a row at one moment mean that a node asks to be called and then does nothing.
const TIMERS_AT_ONCE_MAX: u32 = 1_000;

/// How the world behaves, in milliseconds.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// One way over a link: from, to.
    pub latency_ms: (u64, u64),
    /// Until a link that was asked for is open.
    pub dial_ms: (u64, u64),
    /// Until the other end of a link that died is told.
    pub silence_ms: u64,
    /// Until a batch is durable.
    pub disk_ms: (u64, u64),
}

impl Default for Tuning {
    fn default() -> Tuning {
        Tuning { latency_ms: (1, 5), dial_ms: (100, 250), silence_ms: 5_000, disk_ms: (1, 6) }
    }
}

/// One tab: its node while it runs, and what outlives it.
#[derive(Debug, Clone)]
pub struct Host {
    /// Who it is.
    pub id: NodeId,
    /// The node, while the tab is open.
    pub node: Option<Node>,
    /// Its database.
    pub disk: Disk,
    /// Everything it told of, in order.
    pub events: Vec<(Instant, Event)>,
    /// All replies by request.
    pub replies: BTreeMap<RequestId, Vec<Reply>>,
    /// Whether its disk refuses everything.
    pub disk_full: bool,
    /// Frames sent, by the first byte after the version: the kind of message.
    pub frames_sent: u64,
    config: Config,
    /// Counts the lives of the tab, so that nothing meant for an earlier one arrives.
    life: u64,
    disk_free_at: Instant,
}

#[derive(Debug, Clone)]
enum Happening {
    Frame { from: usize, to: usize, lives: (u64, u64), bytes: Vec<u8> },
    LinkOpens { a: usize, b: usize, lives: (u64, u64) },
    DialFails { at: usize, life: u64, to: NodeId },
    LinkDies { a: usize, b: usize },
    Durable { at: usize, life: u64, id: BatchId, batch: Batch },
}

/// Many tabs and the network between them.
#[derive(Debug, Clone)]
pub struct World {
    /// Now.
    pub now: Instant,
    /// All tabs there ever were.
    pub hosts: Vec<Host>,
    /// How it behaves.
    pub tuning: Tuning,
    random: fastrand::Rng,
    queue: BTreeMap<(Instant, u64), Happening>,
    made: u64,
    links: BTreeSet<(usize, usize)>,
    cuts: BTreeSet<(usize, usize)>,
    /// When the last frame of each lane arrives, so that none overtakes another.
    arrivals: BTreeMap<(usize, usize, Lane), Instant>,
    requests: u64,
    trace: u64,
    stalled: u32,
}

fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

impl World {
    /// An empty world.
    pub fn new(seed: u64) -> World {
        World {
            now: Instant(1_000),
            hosts: Vec::new(),
            tuning: Tuning::default(),
            random: fastrand::Rng::with_seed(seed),
            queue: BTreeMap::new(),
            made: 0,
            links: BTreeSet::new(),
            cuts: BTreeSet::new(),
            arrivals: BTreeMap::new(),
            requests: 0,
            trace: 0xcbf2_9ce4_8422_2325,
            stalled: 0,
        }
    }

    /// A new tab on a device, at N = 3 with 32 virtual nodes; it hears of all others, and they of it.
    pub fn open(&mut self, device: u8) -> usize {
        self.open_with(device, |_| {})
    }

    /// A new tab, its configuration changed.
    pub fn open_with(&mut self, device: u8, change: impl FnOnce(&mut Config)) -> usize {
        let at = self.hosts.len();
        let mut seed = [0; 32];
        seed.iter_mut().for_each(|byte| *byte = self.random.u8(..));
        let keys = KeyPair::from_seed(seed);
        let mut config = Config {
            room: Room::open("sim").expect("a short name"),
            keys,
            device: DeviceId::from_bytes([device; 16]),
            label: format!("tab {at}"),
            capacity: 32,
            n: 3,
            r: Level::Quorum,
            w: Level::Quorum,
            limits: Limits::default(),
        };
        change(&mut config);
        self.hosts.push(Host {
            id: config.keys.id(),
            node: None,
            disk: Disk::default(),
            events: Vec::new(),
            replies: BTreeMap::new(),
            disk_full: false,
            frames_sent: 0,
            config,
            life: 0,
            disk_free_at: Instant(0),
        });
        self.start(at, Vec::new());
        at
    }

    /// Open a closed tab again: same slot, same identity, same database.
    pub fn reopen(&mut self, at: usize) {
        self.start(at, Vec::new());
    }

    /// Open a closed tab again, which also adopts what these closed tabs left behind.
    pub fn reopen_adopting(&mut self, at: usize, closed: &[usize]) {
        let adopted = closed.iter().map(|&other| self.hosts[other].disk.rows()).collect();
        self.start(at, adopted);
    }

    /// A new tab that adopts what these closed tabs left behind.
    pub fn open_adopting(&mut self, device: u8, closed: &[usize]) -> usize {
        let adopted = closed.iter().map(|&other| self.hosts[other].disk.rows()).collect();
        let at = self.open(device);
        self.crash(at);
        self.start(at, adopted);
        at
    }

    fn start(&mut self, at: usize, adopted: Vec<Rows>) {
        let seed = self.random.u64(..);
        let host = &mut self.hosts[at];
        assert!(host.node.is_none(), "tab {at} is open already");
        host.life += 1;
        let restored = Restored { own: host.disk.rows(), adopted };
        host.node = Some(Node::new(host.config.clone(), restored, seed, self.now));
        self.drain(at);
        self.introduce(at);
    }

    /// This tab and all others hear of each other, as over a broadcast channel or a rendezvous.
    pub fn introduce(&mut self, at: usize) {
        for other in (0..self.hosts.len()).filter(|&other| other != at) {
            if self.hosts[other].node.is_some() && !self.cuts.contains(&pair(at, other)) {
                let (id, other_id) = (self.hosts[at].id, self.hosts[other].id);
                self.input(at, Input::Discovered(other_id));
                self.input(other, Input::Discovered(id));
            }
        }
    }

    /// The tab is gone without a word; what was not durable is lost.
    pub fn crash(&mut self, at: usize) {
        self.hosts[at].node = None;
        let linked: Vec<(usize, usize)> = self.links.iter().copied().filter(|&(a, b)| a == at || b == at).collect();
        for (a, b) in linked {
            self.links.remove(&(a, b));
            self.later(self.tuning.silence_ms, Happening::LinkDies { a, b });
        }
    }

    /// The tab is closed: it says goodbye, and its links close.
    pub fn close(&mut self, at: usize) {
        self.input(at, Input::Lifecycle(Lifecycle::Closing));
        self.run_for(self.tuning.latency_ms.1 + 1);
        let linked: Vec<(usize, usize)> = self.links.iter().copied().filter(|&(a, b)| a == at || b == at).collect();
        self.hosts[at].node = None;
        for (a, b) in linked {
            self.links.remove(&(a, b));
            self.later(1, Happening::LinkDies { a, b });
        }
    }

    /// Nothing passes between these two until [`World::heal`].
    pub fn cut(&mut self, a: usize, b: usize) {
        self.cuts.insert(pair(a, b));
        if self.links.remove(&pair(a, b)) {
            self.later(self.tuning.silence_ms, Happening::LinkDies { a, b });
        }
    }

    /// Nothing passes between the groups until [`World::heal_all`].
    pub fn partition(&mut self, groups: &[&[usize]]) {
        for (index, group) in groups.iter().enumerate() {
            for other in &groups[index + 1..] {
                for &a in *group {
                    other.iter().for_each(|&b| self.cut(a, b));
                }
            }
        }
    }

    /// These two can reach each other again.
    pub fn heal(&mut self, a: usize, b: usize) {
        self.cuts.remove(&pair(a, b));
    }

    /// All can reach each other again, and hear of each other.
    pub fn heal_all(&mut self) {
        self.cuts.clear();
        for at in 0..self.hosts.len() {
            if self.hosts[at].node.is_some() {
                self.introduce(at);
            }
        }
    }

    /// Whether a link is open.
    pub fn is_linked(&self, a: usize, b: usize) -> bool {
        self.links.contains(&pair(a, b))
    }

    /// The tabs that are open.
    pub fn alive(&self) -> Vec<usize> {
        (0..self.hosts.len()).filter(|&at| self.hosts[at].node.is_some()).collect()
    }

    /// The node of an open tab.
    pub fn node(&self, at: usize) -> &Node {
        self.hosts[at].node.as_ref().expect("the tab is open")
    }

    /// Ask something of a tab.
    pub fn request(&mut self, at: usize, request: Request) -> RequestId {
        self.requests += 1;
        let id = RequestId(self.requests);
        self.input(at, Input::Request { id, request });
        id
    }

    /// What a request was last told.
    pub fn last(&self, at: usize, id: RequestId) -> Option<&Reply> {
        self.hosts[at].replies.get(&id)?.last()
    }

    /// Give a tab any input.
    pub fn input(&mut self, at: usize, input: Input) {
        let now = self.now;
        if let Some(node) = &mut self.hosts[at].node {
            node.handle_input(now, input);
        }
        self.drain(at);
    }

    /// Let time pass.
    pub fn run_for(&mut self, ms: u64) {
        let end = self.now + ms;
        while self.step(end) {}
        self.now = end;
    }

    /// Let time pass until something holds, at most so long. Tells whether it holds.
    pub fn run_until(&mut self, ms_max: u64, mut holds: impl FnMut(&World) -> bool) -> bool {
        let end = self.now + ms_max;
        while !holds(self) {
            if !self.step(end) {
                return holds(self);
            }
        }
        true
    }

    /// Let time pass until every open tab is linked with every other it can reach, and settled.
    pub fn settle(&mut self, ms_max: u64) -> bool {
        self.run_until(ms_max, |world| {
            let alive = world.alive();
            let meshed = alive
                .iter()
                .all(|&a| alive.iter().all(|&b| a == b || world.cuts.contains(&pair(a, b)) || world.is_linked(a, b)));
            meshed && alive.iter().all(|&at| world.node(at).view().settled())
        })
    }

    /// What keeps the room from being settled, for people to read.
    pub fn unsettled(&self) -> String {
        let mut found = Vec::new();
        let alive = self.alive();
        for &a in &alive {
            let apart: Vec<usize> = alive.iter().copied().filter(|&b| a < b && !self.is_linked(a, b)).collect();
            if !apart.is_empty() {
                found.push(format!("{a} has no link with {apart:?}"));
            }
            if !self.node(a).view().settled() {
                found.push(format!("{a} is not settled: {}", self.node(a).view().unsettled()));
            }
        }
        found.join("; ")
    }

    /// A hash of everything that has come out of any node.
    pub fn trace(&self) -> u64 {
        self.trace
    }

    /// Do the next thing, if it is due by `end`.
    fn step(&mut self, end: Instant) -> bool {
        let timers = self.hosts.iter().enumerate().filter_map(|(at, host)| {
            let due = host.node.as_ref()?.poll_timeout()?;
            Some((due.max(self.now), at))
        });
        let timer = timers.min();
        let queued = self.queue.first_key_value().map(|(key, _)| key.0);
        match (queued, timer) {
            (Some(due), timer) if due <= end && timer.is_none_or(|(at, _)| due <= at) => {
                self.now = self.now.max(due);
                if let Some((_, happening)) = self.queue.pop_first() {
                    self.happen(happening);
                }
                true
            }
            (_, Some((due, at))) if due <= end => {
                self.stalled = if due == self.now { self.stalled + 1 } else { 0 };
                assert!(self.stalled < TIMERS_AT_ONCE_MAX, "time stands still: {:?}", self.node(at).view().deadlines());
                self.now = due;
                if let Some(node) = &mut self.hosts[at].node {
                    node.handle_timeout(due);
                }
                self.drain(at);
                true
            }
            _ => false,
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Frame { from, to, lives, bytes } => {
                let is_same = (self.hosts[from].life, self.hosts[to].life) == lives;
                if is_same && self.links.contains(&pair(from, to)) {
                    let id = self.hosts[from].id;
                    self.input(to, Input::Received { from: id, bytes });
                }
            }
            Happening::LinkOpens { a, b, lives } => {
                let is_same = (self.hosts[a].life, self.hosts[b].life) == lives;
                let both = self.hosts[a].node.is_some() && self.hosts[b].node.is_some();
                if is_same && both && !self.cuts.contains(&pair(a, b)) && self.links.insert(pair(a, b)) {
                    let (id_a, id_b) = (self.hosts[a].id, self.hosts[b].id);
                    self.input(a, Input::LinkUp(id_b));
                    self.input(b, Input::LinkUp(id_a));
                }
            }
            Happening::DialFails { at, life, to } => {
                if self.hosts[at].life == life {
                    self.input(at, Input::DialFailed(to));
                }
            }
            Happening::LinkDies { a, b } => {
                if !self.links.contains(&pair(a, b)) {
                    let (id_a, id_b) = (self.hosts[a].id, self.hosts[b].id);
                    self.input(a, Input::LinkDown(id_b));
                    self.input(b, Input::LinkDown(id_a));
                }
            }
            Happening::Durable { at, life, id, batch } => {
                if self.hosts[at].life != life || self.hosts[at].node.is_none() {
                    return;
                }
                if self.hosts[at].disk_full {
                    self.input(at, Input::PersistFailed { id, reason: PersistError::Quota });
                } else {
                    self.hosts[at].disk.apply(batch);
                    self.input(at, Input::Persisted(id));
                }
            }
        }
    }

    fn drain(&mut self, at: usize) {
        let mut outputs = VecDeque::new();
        if let Some(node) = &mut self.hosts[at].node {
            while let Some(output) = node.poll_output() {
                outputs.push_back(output);
            }
        }
        for output in outputs {
            self.record(at, &output);
            self.carry_out(at, output);
        }
    }

    fn carry_out(&mut self, at: usize, output: Output) {
        let life = self.hosts[at].life;
        match output {
            Output::Send { to, lane, bytes } => {
                let Some(to) = self.find(to) else { return };
                self.hosts[at].frames_sent += 1;
                let delay = self.between(self.tuning.latency_ms);
                let last = self.arrivals.get(&(at, to, lane)).copied().unwrap_or_default();
                let due = (self.now + delay).max(last);
                self.arrivals.insert((at, to, lane), due);
                let lives = (life, self.hosts[to].life);
                self.later(due.since(self.now), Happening::Frame { from: at, to, lives, bytes });
            }
            Output::Dial(id) => {
                let delay = self.between(self.tuning.dial_ms);
                match self.find(id) {
                    Some(to) if self.hosts[to].node.is_some() && !self.cuts.contains(&pair(at, to)) => {
                        let lives = (life, self.hosts[to].life);
                        self.later(delay, Happening::LinkOpens { a: at, b: to, lives });
                    }
                    _ => self.later(delay * 20, Happening::DialFails { at, life, to: id }),
                }
            }
            Output::Persist { id, batch } => {
                let delay = self.between(self.tuning.disk_ms);
                let due = (self.now + delay).max(self.hosts[at].disk_free_at);
                self.hosts[at].disk_free_at = due;
                self.later(due.since(self.now), Happening::Durable { at, life, id, batch });
            }
            Output::Reply { id, result } => self.hosts[at].replies.entry(id).or_default().push(result),
            Output::Event(event) => {
                let now = self.now;
                self.hosts[at].events.push((now, event));
            }
            // Links here need no signals, and a link that is hung up is one that is cut.
            Output::Signal { .. } | Output::Hangup(_) => {}
        }
    }

    fn find(&self, id: NodeId) -> Option<usize> {
        self.hosts.iter().position(|host| host.id == id)
    }

    fn between(&mut self, span: (u64, u64)) -> u64 {
        self.random.u64(span.0..=span.1)
    }

    fn later(&mut self, ms: u64, happening: Happening) {
        self.made += 1;
        self.queue.insert((self.now + ms, self.made), happening);
    }

    fn record(&mut self, at: usize, output: &Output) {
        let line = format!("{} {at} {output:?}", self.now.0);
        for byte in line.bytes() {
            self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
