//! The virtual world: nodes, links, disks and time.
//!
//! A queue of what will happen, in the order of its time and then of its making, and the timers of the nodes. This file
//! lets time pass; the others say what can happen in it.
//!
//! - `tabs`: tabs that open, close, crash, sleep; their clocks, timers and disks.
//! - `network`: links, and the frames on them.
//! - `outside`: what can be seen of it from outside, one happening at a time, for who holds time in hand.
//! - `machine`: what all tabs run on, if that is slow.
//! - `tuning`: how the network, the disks and the machine behave.
//! - `faults`: what a network does to links: cuts, one-way links, clogs, partitions of several shapes.

mod faults;
mod machine;
mod network;
mod outside;
mod tabs;
mod tuning;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use roundtable_core::coordinator::{Reply, Request};
use roundtable_core::id::{BatchId, NodeId, RequestId};
use roundtable_core::node::{Config, Event, Input, Lane, Limits, Node, Output};
use roundtable_core::store::Batch;
use roundtable_core::time::Instant;

use crate::{Disk, Log, Trace};
pub use machine::Machine;
pub use outside::{Coming, InFlight, Seen};
pub use tabs::CrashPoint;
pub use tuning::Tuning;

/// So many timers in a row at one moment mean that a node asks to be called and then does nothing.
const TIMERS_AT_ONCE_MAX: u32 = 1_000;
/// So many things in one virtual minute mean a storm: frames that call forth frames without end. In a room of more than
/// so many tabs there are more by as much as there are more pairs: 62 that open in one moment, and compare with each
/// other each time that one more is known, make a million in half a minute and a fifth of that in the next.
const HAPPENINGS_PER_MINUTE_MAX: u64 = 400_000;
const TABS_OF_A_STORM: u64 = 24;
/// How often a room is looked at while it is waited for to settle.
const SETTLE_CHECK_MS: u64 = 5;

/// A frame on its way.
#[derive(Debug, Clone)]
pub struct Tapped {
    /// When it left.
    pub at: Instant,
    /// Whose it is.
    pub from: usize,
    /// Whom it is for.
    pub to: usize,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// A request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News {
    /// By which tab.
    pub tab: usize,
    /// Which.
    pub id: RequestId,
    /// The version of its members when it did.
    pub members_version: u64,
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
    pub events: Log<(Instant, Event)>,
    /// All replies by request.
    pub replies: BTreeMap<RequestId, Vec<Reply>>,
    /// Whether its disk refuses everything.
    pub disk_full: bool,
    /// How many of its next batches fail for no lasting reason.
    pub disk_fails: u32,
    /// How many frames it has sent.
    pub frames_sent: u64,
    /// How often its one timer fired.
    pub timers_fired: u64,
    /// Its ring, by hash, and since when that is so.
    pub ring: (u64, Instant),
    config: Config,
    /// Counts the lives of the tab, so that nothing meant for an earlier one arrives.
    life: u64,
    disk_free_at: Instant,
    crash_at: Option<CrashPoint>,
    /// Its timers fire only at multiples of this; 0: when they are due.
    timer_grid_ms: u64,
    /// When its node is to be called, if it is.
    timer: Option<Instant>,
    /// While it is frozen: what it has not yet handled.
    frozen: Option<VecDeque<Input>>,
    /// How far its wall clock is from that of the world.
    skew_ms: i64,
}

#[derive(Debug, Clone)]
enum Happening {
    Frame {
        from: usize,
        to: usize,
        link: u64,
        left: Instant,
        bytes: Vec<u8>,
    },
    LinkOpens {
        a: usize,
        b: usize,
        lives: (u64, u64),
    },
    DialFails {
        at: usize,
        life: u64,
        to: NodeId,
    },
    LinkDies {
        a: usize,
        b: usize,
    },
    Durable {
        at: usize,
        life: u64,
        id: BatchId,
        batch: Batch,
    },
    WallClock {
        at: usize,
        life: u64,
    },
    Flips {
        a: usize,
        b: usize,
        period_ms: u64,
        left: u32,
        peace: u64,
    },
    Ends {
        at: usize,
        life: u64,
        is_for_good: bool,
    },
    /// What waited for the machine.
    Done(Box<Happening>),
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
    /// The limits of the nodes of tabs opened from now on, with the bug they have, and who counts their rare branches.
    pub limits: Limits,
    /// What came out of the nodes.
    pub outputs: Trace,
    /// While this is something: all frames that nodes hand to links, in order.
    pub tap: Option<Vec<Tapped>>,
    /// Which requests of which tabs were answered, for whoever looks, and takes them away.
    pub news: Vec<News>,
    /// While this is something: what can be seen from outside, in order, for whoever takes it away.
    pub seen: Option<Vec<Seen>>,
    /// How many of its last batches a disk can be taken back by.
    pub undo_max: usize,
    random: fastrand::Rng,
    queue: BTreeMap<(Instant, u64), Happening>,
    timers: BTreeSet<(Instant, usize)>,
    made: u64,
    /// Which tabs have which identity: one each, but for a duplicated tab.
    tabs_of: BTreeMap<NodeId, Vec<usize>>,
    /// The open links, by a number that no two have.
    links: BTreeMap<(usize, usize), u64>,
    cuts: BTreeSet<(usize, usize)>,
    /// From, to: frames vanish.
    mutes: BTreeSet<(usize, usize)>,
    /// From, to: frames are held until then.
    clogs: BTreeMap<(usize, usize), Instant>,
    /// How much of what they should pass on tabs drop, in percent.
    relays: BTreeMap<usize, u8>,
    /// When the last frame of each lane arrives, so that none overtakes another.
    arrivals: BTreeMap<(usize, usize, Lane), Instant>,
    /// When each lane has sent all that it was given.
    lanes_free_at: BTreeMap<(usize, usize, Lane), Instant>,
    /// Counts how often all was healed.
    peace: u64,
    /// How much further on the wall clocks are than by the time that has passed here.
    leapt_ms: u64,
    requests: u64,
    stalled: u32,
    /// What has happened in the present minute.
    minute: (u64, u64),
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
            limits: Limits::default(),
            outputs: Trace::default(),
            tap: None,
            news: Vec::new(),
            seen: None,
            undo_max: crate::disk::HISTORY_MAX,
            random: fastrand::Rng::with_seed(seed),
            queue: BTreeMap::new(),
            timers: BTreeSet::new(),
            made: 0,
            tabs_of: BTreeMap::new(),
            links: BTreeMap::new(),
            cuts: BTreeSet::new(),
            mutes: BTreeSet::new(),
            clogs: BTreeMap::new(),
            relays: BTreeMap::new(),
            arrivals: BTreeMap::new(),
            lanes_free_at: BTreeMap::new(),
            peace: 0,
            leapt_ms: 0,
            requests: 0,
            stalled: 0,
            minute: (0, 0),
        }
    }

    /// The tabs that are open.
    pub fn alive(&self) -> Vec<usize> {
        (0..self.hosts.len()).filter(|&at| self.is_open(at)).collect()
    }

    /// Whether a tab is open.
    pub fn is_open(&self, at: usize) -> bool {
        self.hosts[at].node.is_some()
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

    /// The number that the next request will have.
    pub fn next_request(&self) -> RequestId {
        RequestId(self.requests + 1)
    }

    /// What a request was last told.
    pub fn last(&self, at: usize, id: RequestId) -> Option<&Reply> {
        self.hosts[at].replies.get(&id)?.last()
    }

    /// Give a tab any input. One that is frozen handles it when it resumes.
    pub fn input(&mut self, at: usize, input: Input) {
        let now = self.now;
        let host = &mut self.hosts[at];
        if let Some(waiting) = &mut host.frozen {
            waiting.push_back(input);
            return;
        }
        if let Some(node) = &mut host.node {
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

    /// Let time pass until every open tab is linked with every other it can reach, or in a large room with those that
    /// it wants, and settled.
    pub fn settle(&mut self, ms_max: u64) -> bool {
        let mut looked_at = None;
        self.run_until(ms_max, |world| {
            if looked_at.is_some_and(|then| world.now.since(then) < SETTLE_CHECK_MS) {
                return false;
            }
            looked_at = Some(world.now);
            world.is_settled()
        }) || self.is_settled()
    }

    /// Whether every open tab is linked with every other it can reach, or in a large room with those that it wants, and
    /// settled.
    pub fn is_settled(&self) -> bool {
        let alive = self.alive();
        let is_sparse = |at: usize| self.node(at).view().is_sparse();
        let is_met = |a: usize, b: usize| {
            a == b || self.cuts.contains(&pair(a, b)) || self.is_linked(a, b) || is_sparse(a) && is_sparse(b)
        };
        let is_meshed = alive.iter().all(|&a| alive.iter().all(|&b| is_met(a, b)));
        is_meshed && alive.iter().all(|&at| self.node(at).view().settled())
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
        self.outputs.hash()
    }

    /// Do the next thing, if it is due by `end`.
    fn step(&mut self, end: Instant) -> bool {
        let timer = self.timers.first().map(|&(due, at)| (due.max(self.now), at));
        let queued = self.queue.first_key_value().map(|(key, _)| key.0);
        match (queued, timer) {
            (Some(due), timer) if due <= end && timer.is_none_or(|(at, _)| due <= at) => {
                self.now = self.now.max(due);
                self.stalled = 0;
                self.watch_for_storms();
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
                    self.hosts[at].timers_fired += 1;
                }
                self.drain(at);
                true
            }
            _ => false,
        }
    }

    fn watch_for_storms(&mut self) {
        let minute = self.now.0 / 60_000;
        self.minute = if self.minute.0 == minute { (minute, self.minute.1 + 1) } else { (minute, 0) };
        let pairs_of = |tabs: u64| tabs * (tabs - 1);
        let pairs = pairs_of((self.hosts.len() as u64).max(TABS_OF_A_STORM));
        let most = HAPPENINGS_PER_MINUTE_MAX * pairs / pairs_of(TABS_OF_A_STORM);
        assert!(self.minute.1 < most, "a storm: frames call forth frames without end");
    }

    fn happen(&mut self, happening: Happening) {
        if self.waits_for_machine(&happening) {
            return;
        }
        self.happen_now(happening);
    }

    fn happen_now(&mut self, happening: Happening) {
        match happening {
            Happening::Done(happening) => self.happen_now(*happening),
            Happening::Frame { from, to, link, bytes, .. } => self.on_frame(from, to, link, bytes),
            Happening::LinkOpens { a, b, lives } => self.on_link_opens(a, b, lives),
            Happening::DialFails { at, life, to } => {
                if self.hosts[at].life == life {
                    self.input(at, Input::DialFailed(to));
                }
            }
            Happening::LinkDies { a, b } => self.on_link_dies(a, b),
            Happening::Durable { at, life, id, batch } => self.on_durable(at, life, id, batch),
            Happening::WallClock { at, life } => self.on_wall_clock(at, life),
            Happening::Flips { a, b, period_ms, left, peace } => self.on_flip(a, b, period_ms, left, peace),
            Happening::Ends { at, life, is_for_good } => self.on_ends(at, life, is_for_good),
        }
    }

    /// Carry out what the node of a tab wants done.
    fn drain(&mut self, at: usize) {
        while let Some(output) = self.hosts[at].node.as_mut().and_then(Node::poll_output) {
            self.outputs.add(self.now, at, &output);
            self.carry_out(at, output);
        }
        let host = &mut self.hosts[at];
        if let Some(ring) = host.node.as_ref().map(|node| node.view().ring_hash()).filter(|ring| *ring != host.ring.0) {
            host.ring = (ring, self.now);
        }
        self.set_timer(at);
    }

    fn carry_out(&mut self, at: usize, output: Output) {
        match output {
            Output::Send { to, lane, bytes } => self.send(at, to, lane, bytes),
            Output::Dial(id) => self.dial(at, id),
            Output::Persist { id, batch } => self.persist(at, id, batch),
            Output::Reply { id, result } => {
                self.hosts[at].replies.entry(id).or_default().push(result);
                let members_version = self.hosts[at].node.as_ref().map_or(0, |node| node.view().members_version());
                self.news.push(News { tab: at, id, members_version });
            }
            Output::Event(event) => {
                let now = self.now;
                self.see(|_| Seen::Event { at, event: event.clone() });
                self.hosts[at].events.push((now, event));
            }
            Output::Hangup(id) => {
                if let Some(to) = self.find(at, id) {
                    self.hang_up(at, to);
                }
            }
            // Links here need no signals.
            Output::Signal { .. } => {}
        }
    }

    fn between(&mut self, span: (u64, u64)) -> u64 {
        self.random.u64(span.0..=span.1)
    }

    /// Whether something that happens to so many of a hundred happens now. Nothing is drawn for what never happens.
    fn happens(&mut self, percent: u8) -> bool {
        percent > 0 && self.random.u8(0..100) < percent
    }

    fn later(&mut self, ms: u64, happening: Happening) {
        self.made += 1;
        self.queue.insert((self.now + ms, self.made), happening);
    }
}
