//! One peer: the modules put together. Nothing is decided here; an input goes to the modules it concerns, and what they
//! want done is drained into outputs, always in the same order.
//!
//! - `adopt`: taking over what a closed tab left, for good.
//! - `contract`: the words between a node and its driver.
//! - `frames`: which message goes where.
//! - `settle`: what follows from a change.
//! - `depart`: going for good.
//! - `disk`: batches on their way to the disk and what waits for them.
//! - `gauge`: how this node is doing.
//! - `view`: the window for all others.
//!
//! Invariant: the outputs are a function of the configuration, the restored rows, the seed and the inputs with their
//! times.

mod adopt;
mod bundles;
mod contract;
mod depart;
mod disk;
mod frames;
mod gauge;
mod settle;
#[cfg(test)]
mod tests;
mod view;

pub use contract::*;
pub use view::*;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::coordinator::{Coordinator, Settings, Surroundings};
use crate::handoff::{Handoff, Leaving, Release};
use crate::id::{Key, NodeId, RequestId};
use crate::marks::{Mark, Marks};
use crate::membership::{self, Membership, Timing};
use crate::overlay::{self, Overlay, Routes, Trails};
use crate::planted::{Plant, Planted};
use crate::repair::{LISTED_MAX, Repair};
use crate::ring::{RangeSet, Ring, Rings};
use crate::store::{self, Changed, Restored, Store};
use crate::time::{HORIZON_MS, Instant, Millis, WallClock, WallTime};
use crate::wire::{CAPACITY_MAX, LABEL_BYTES_MAX, N_MAX, Outbox, Presence, Record, Standing, Verified};
use adopt::Adoptions;
use bundles::Bundles;
use disk::Disk;
use gauge::Gauge;

/// How long after the last write of a burst the disk is told that all is clean.
const CLEAN_AFTER_MS: Millis = 2_000;

/// Limits on whatever others can make grow, and what a coordinator goes by.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How many other members are known.
    pub members_max: usize,
    /// How many bytes of keys and values are held; beyond it others' new keys are refused, and said to be.
    pub store_bytes_max: u64,
    /// From how many nodes on a room is no full mesh, and how many links there are then.
    pub links: overlay::Settings,
    /// How much is passed on for one neighbour in a second.
    pub passed_on: overlay::Load,
    /// How many signals of one link are carried for others in a second.
    pub signals_per_second: u32,
    /// How long, by wall clocks, a node may be away before it counts as departed, and how old a tombstone is when it is
    /// reaped.
    pub horizon_ms: Millis,
    /// Spans of failure detection.
    pub timing: Timing,
    /// Limits of requests.
    pub requests: Settings,
    /// Whether all that one input has for a neighbour leaves in one frame: where a message costs more than its bytes.
    pub sends_together: bool,
    /// How many keys that were let go are remembered under one epoch.
    pub memo_keys_max: usize,
    /// How many reaped tombstones are remembered.
    pub ghosts_max: usize,
    /// How many buckets, or beginnings of names, are pinned.
    pub pins_max: usize,
    /// How many bytes of keys and values are held as copies of what others own.
    pub copy_bytes_max: u64,
    /// How many of these bytes stay when nobody wants them any more.
    pub left_bytes_max: u64,
    /// In a comparison, a part with at most so many objects is listed rather than cut.
    pub listed_max: u64,
    /// The bug that is planted, if any; in every build but the simulator's a type of size zero.
    pub planted: Planted,
    /// Signatures that other nodes of this process have checked; in every build but the simulator's a type of size
    /// zero.
    pub verified: Verified,
    /// Rings that other nodes of this process have made; in every build but the simulator's a type of size zero.
    pub rings: Rings,
    /// Who counts how often rare branches are taken; in every build but the simulator's a type of size zero.
    pub marks: Marks,
}

impl Default for Limits {
    fn default() -> Limits {
        let store = store::Settings::default();
        Limits {
            members_max: 2_000,
            store_bytes_max: 1 << 30,
            links: overlay::Settings::default(),
            passed_on: overlay::Load::default(),
            signals_per_second: 200,
            horizon_ms: HORIZON_MS,
            timing: Timing::default(),
            requests: Settings::default(),
            sends_together: false,
            memo_keys_max: store.memo_keys_max,
            ghosts_max: store.ghosts_max,
            pins_max: store.pins_max,
            copy_bytes_max: store.copy_bytes_max,
            left_bytes_max: store.left_bytes_max,
            listed_max: LISTED_MAX,
            planted: Planted::default(),
            verified: Verified::default(),
            rings: Rings::default(),
            marks: Marks::default(),
        }
    }
}

/// What modules want done, before it is drained.
#[derive(Debug, Clone, Default)]
struct Scratch {
    out: Outbox,
    gated: Outbox,
    changed: Vec<(Key, Option<NodeId>, Changed)>,
}

/// One peer.
#[derive(Debug, Clone)]
pub struct Node {
    me: NodeId,
    config: Config,
    membership: Membership,
    ring: Arc<Ring>,
    store: Store,
    coordinator: Coordinator,
    handoff: Handoff,
    release: Release,
    leaving: Leaving,
    /// Who is to be told that this node has departed, once the disk knows.
    departing: Vec<RequestId>,
    adoptions: Adoptions,
    repair: Repair,
    overlay: Overlay,
    routes: Routes,
    trails: Trails,
    bundles: Bundles,
    disk: Disk,
    /// A copy of what `handoff` says is incoming, for all to see.
    incoming: RangeSet,
    /// Who answered after the last input.
    answering: BTreeSet<NodeId>,
    /// Who has been up since this node started.
    met: BTreeSet<NodeId>,
    /// The membership revision by which who answers was told, and the number of the roll that the ring was made from.
    revision: u64,
    roll: Option<u64>,
    signals: BTreeMap<NodeId, (Instant, u32)>,
    clean_at: Option<Instant>,
    wall: WallClock,
    random: fastrand::Rng,
    scratch: Scratch,
    sent: SentBytes,
    gauge: Gauge,
    dropped: u64,
    outputs: VecDeque<Output>,
}

/// What a module is given of a node, as disjoint borrows.
macro_rules! near {
    ($node:ident, $now:expr) => {
        Surroundings {
            now: $now,
            me: $node.me,
            listed_max: $node.config.limits.listed_max,
            planted: $node.config.limits.planted,
            marks: &$node.config.limits.marks,
            ring: &$node.ring,
            membership: &$node.membership,
            store: &mut $node.store,
            incoming: &$node.incoming,
            wall: &$node.wall,
            out: &mut $node.scratch.out,
            gated: &mut $node.scratch.gated,
            changed: &mut $node.scratch.changed,
        }
    };
}
use near;

impl Node {
    /// A node that begins, or begins again with what its disk held. `seed` is all the randomness it will ever have.
    pub fn new(mut config: Config, restored: Restored, seed: u64, now: Instant) -> Node {
        config.capacity = config.capacity.clamp(1, CAPACITY_MAX);
        let n_max = if config.limits.planted.has(Plant::BelieveAnyN) { u8::MAX } else { N_MAX };
        config.n = config.n.clamp(1, n_max);
        config.label = shortened(&config.label);
        let mut random = fastrand::Rng::with_seed(seed);
        let (me, planted) = (config.keys.id(), config.limits.planted);
        let limits = &config.limits;
        let settings = store::Settings {
            memo_keys_max: limits.memo_keys_max,
            ghosts_max: limits.ghosts_max,
            pins_max: limits.pins_max,
            copy_bytes_max: limits.copy_bytes_max,
            left_bytes_max: limits.left_bytes_max,
            planted,
            marks: limits.marks.clone(),
        };
        let (store, mut remembered) = Store::restore(config.room.clone(), me, restored, random.fork(), settings);
        // What was said before holds until something higher is said.
        let before = remembered.records.iter().position(|signed| signed.id() == me);
        let before = before.map(|index| remembered.records.swap_remove(index).record().clone());
        let said = |record: Record| (record.version, record.incarnation, record.refreshed);
        let (version, incarnation, refreshed) = before.map_or((0, 0, WallTime::default()), said);
        let own = Record {
            key: config.keys.public(),
            // A life whose record the disk never took may have used the next versions: land beside them. And where it
            // is told by others how far it had got, it tells its own record of that version from this one's by the
            // incarnation.
            version: version + 1 + random.u64(0..1 << 16),
            incarnation: incarnation + 1 + random.u64(0..1 << 16),
            device: config.device,
            label: config.label.clone(),
            capacity: config.capacity,
            n: config.n,
            standing: Standing::Member,
            presence: Presence::Visible,
            refreshed,
        };
        let membership = Membership::new(
            config.room.clone(),
            config.keys.clone(),
            own,
            remembered.records,
            membership::Settings {
                members_max: config.limits.members_max,
                horizon_ms: config.limits.horizon_ms,
                timing: config.limits.timing.clone(),
                planted,
                verified: config.limits.verified.clone(),
                marks: config.limits.marks.clone(),
            },
            random.fork(),
            now,
        );
        let ring = Arc::new(Ring::new(&config.room, config.n, []));
        let release = Release::new(config.limits.horizon_ms);
        let (overlay, routes) = (Overlay::new(config.limits.links), Routes::new(config.limits.passed_on));
        let mut node = Node {
            me,
            coordinator: Coordinator::new(config.limits.requests.clone(), planted),
            config,
            membership,
            ring,
            store,
            handoff: Handoff::default(),
            release,
            leaving: Leaving::default(),
            departing: Vec::new(),
            adoptions: Adoptions::default(),
            repair: Repair::default(),
            overlay,
            routes,
            trails: Trails::default(),
            bundles: Bundles::default(),
            disk: Disk::default(),
            incoming: RangeSet::empty(),
            answering: BTreeSet::new(),
            met: BTreeSet::new(),
            revision: 0,
            roll: None,
            signals: BTreeMap::new(),
            clean_at: None,
            wall: WallClock::default(),
            random,
            scratch: Scratch::default(),
            sent: SentBytes::default(),
            gauge: Gauge::default(),
            dropped: 0,
            outputs: VecDeque::new(),
        };
        node.settle(now);
        node
    }

    /// Something happened. Drain the outputs afterwards.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        self.expire(now);
        match input {
            Input::Received { from, bytes } => self.on_frame(now, from, &bytes),
            Input::LinkUp(id) => {
                if self.membership.links().contains(&id) {
                    // A new link takes the place of one that had not been missed: what was on its way over it is lost.
                    self.config.limits.marks.hit(Mark::LinkReplaced);
                    self.handle_input(now, Input::LinkDown(id));
                }
                self.overlay.on_link_up(id);
                self.routes.on_link_up(id);
                self.release.on_link_up();
                self.membership.link_up(id, &mut self.scratch.out);
            }
            Input::LinkDown(id) => {
                let jitter = self.random.u64(0..500);
                let is_surplus = self.overlay.is_surplus(id, self.me, &self.membership, &self.routes);
                self.overlay.on_link_down(now, id, jitter);
                self.membership.device(id).into_iter().for_each(|device| self.wall.forget(device));
                self.signals.remove(&id);
                self.bundles.forget(id);
                if !self.routes.on_link_down(now, id, self.membership.is_sparse()) {
                    self.forget_asked(id);
                }
                self.membership.link_down(id, !is_surplus);
                if self.membership.is_sparse() && self.membership.answers(id) {
                    self.coordinator.on_link_closed(&mut near!(self, now), id);
                }
            }
            Input::LinkWritable(..) => {}
            Input::Discovered(id) => self.overlay.on_discovered(now, id),
            Input::DialFailed(id) => {
                let jitter = self.random.u64(0..500);
                self.overlay.on_dial_failed(now, id, jitter);
            }
            Input::Signal { to, bytes } => {
                let me = self.me;
                self.carrier(now).send(me, to, bytes);
            }
            Input::Request { id, request } => self.coordinator.start(&mut near!(self, now), id, request),
            Input::Adopt { id, keys, rows } => self.adopt(id, keys, rows),
            Input::Cancel(id) => self.coordinator.cancel(&mut near!(self, now), id),
            Input::Persisted(id) => self.on_persisted(now, id),
            Input::PersistFailed { id, reason } => self.on_persist_failed(now, id, reason),
            Input::DiskLost => self.on_disk_lost(now),
            Input::Lifecycle(lifecycle) => self.on_lifecycle(now, lifecycle),
            Input::WallClock(told) => {
                let (was_told, was_trusted) = (self.wall.read(now).is_some(), self.wall.trusted(now).is_some());
                self.wall.set(now, told);
                match (was_trusted, self.wall.trusted(now)) {
                    (true, None) => self.config.limits.marks.hit(Mark::ClockSuspended),
                    (false, Some(_)) if was_told => self.config.limits.marks.hit(Mark::ClockSetBack),
                    _ => {}
                }
                self.tell_time(now);
            }
            Input::Capacity(capacity) => {
                let capacity = capacity.clamp(1, CAPACITY_MAX);
                if capacity != self.membership.own().record().capacity && !self.has_departed() {
                    self.membership.set_capacity(capacity, &mut self.scratch.out);
                }
            }
        }
        self.settle(now);
        self.send_bundles(now);
    }

    /// The moment that [`Node::poll_timeout`] named has come, or is past. Drain the outputs afterwards.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.tell_time(now);
        self.expire(now);
        self.membership.handle_timeout(now, &mut self.scratch.out);
        self.routes.handle_timeout(now, &mut self.membership, &self.config.limits.marks, &mut self.scratch.out);
        if self.membership.wants_vitals() {
            self.look_at_oneself(now);
        }
        self.coordinator.handle_timeout(&mut near!(self, now));
        self.handoff.handle_timeout(&mut near!(self, now));
        self.refresh_incoming();
        self.repair.handle_timeout(&mut near!(self, now), &self.handoff);
        if self.leaving.is_active() {
            // Nothing is let go on the way out: it may be called off.
            self.release.on_ring_change(now);
        } else {
            let coordinator = &self.coordinator;
            self.release.handle_timeout(&mut near!(self, now), |key| coordinator.keeps(key));
        }
        self.retry_disk(now);
        self.settle(now);
        self.send_bundles(now);
    }

    /// What is to be done next; `None` when that is all.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Node::handle_timeout`] is to be called, at the latest; being late does no harm.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.view().deadlines().into_iter().filter_map(|(_, due)| due).min()
    }

    /// The window for everybody else.
    pub fn view(&self) -> View<'_> {
        View { node: self }
    }

    /// What this node was asked by another is not answered any more: that one would not know what it had asked.
    fn forget_asked(&mut self, id: NodeId) {
        self.repair.answering().forget(id);
        self.disk.forget_answers(id);
    }

    /// Records are signed anew, and departures derived, by wall clocks.
    fn tell_time(&mut self, now: Instant) {
        let (trusted, confirmed) = (self.wall.trusted(now), self.wall.confirmed(now));
        if self.config.limits.planted.has(Plant::DropPastHorizon) && self.membership.has_slept(trusted) {
            self.store.drop_where(|_| true);
        }
        self.membership.on_wall_clock(trusted, confirmed, &mut self.scratch.out);
    }

    fn on_lifecycle(&mut self, now: Instant, lifecycle: Lifecycle) {
        let out = &mut self.scratch.out;
        match lifecycle {
            Lifecycle::Visible => self.membership.set_presence(Presence::Visible, out),
            Lifecycle::Hidden => self.membership.set_presence(Presence::Hidden, out),
            Lifecycle::Freezing => self.membership.set_presence(Presence::Frozen, out),
            Lifecycle::Resumed => self.membership.awake(now, out),
            Lifecycle::Closing => self.membership.say_goodbye(out),
        }
        if matches!(lifecycle, Lifecycle::Hidden | Lifecycle::Freezing | Lifecycle::Closing) {
            self.clean_at = self.clean_at.map(|_| now);
            self.bundles.hurry();
            self.disk.hurry(now);
        }
    }

    /// Take over what `handoff` says is incoming; tell when nothing is any more.
    fn refresh_incoming(&mut self) {
        let was_incoming = !self.incoming.is_empty();
        if self.incoming != *self.handoff.incoming() {
            self.incoming = self.handoff.incoming().clone();
        }
        if was_incoming && self.incoming.is_empty() {
            self.event(Event::ArcTransferred);
        }
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}

/// A label of at most [`LABEL_BYTES_MAX`] bytes, cut between characters.
fn shortened(label: &str) -> String {
    let mut end = label.len().min(LABEL_BYTES_MAX);
    while !label.is_char_boundary(end) {
        end -= 1;
    }
    label[..end].into()
}

/// For the other files of this module.
type Begun = Vec<u64>;
