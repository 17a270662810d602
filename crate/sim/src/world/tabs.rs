//! Tabs: how they open and end, what their disks do to them, when their timers fire, and what time they think it is.

use std::collections::VecDeque;

use roundtable_core::clock::VersionVector;
use roundtable_core::coordinator::{Level, Reply, Request};
use roundtable_core::id::{BatchId, DeviceId, Key, KeyPair, NodeId, RequestId, Room, shuffle};
use roundtable_core::node::{Config, Input, Lifecycle, Node};
use roundtable_core::ring::Ring;
use roundtable_core::store::{Batch, PersistError, Restored, Rows, Store, Table, is_clean, object_of_row};
use roundtable_core::time::{Instant, WallTime};
use roundtable_core::wire::N_MAX;

use super::{Happening, Host, World, pair};
use crate::Disk;

/// The wall time of the world at its first millisecond: some day of 2026.
const WALL_MS: u64 = 1_770_000_000_000;
/// How often a tab is told the time.
const WALL_EVERY_MS: u64 = 30_000;

/// Where a tab dies while its disk takes a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashPoint {
    /// The batch is lost.
    BeforeApply,
    /// The batch is durable, and the node was not told.
    AfterApply,
}

impl World {
    /// A new tab on a device, at N = 3 with 32 virtual nodes; it hears of all others, and they of it.
    pub fn open(&mut self, device: u8) -> usize {
        self.open_with(device, |_| {})
    }

    /// A new tab, its configuration changed.
    pub fn open_with(&mut self, device: u8, change: impl FnOnce(&mut Config)) -> usize {
        let at = self.prepare(device, change);
        self.start(at, Vec::new());
        at
    }

    /// A tab that is to open later, by [`World::reopen`]: it has its identity and an empty database already.
    pub fn prepare(&mut self, device: u8, change: impl FnOnce(&mut Config)) -> usize {
        let at = self.hosts.len();
        let mut seed = [0; 32];
        seed.iter_mut().for_each(|byte| *byte = self.random.u8(..));
        let keys = KeyPair::from_seed(seed);
        let mut config = Config {
            room: Self::room(),
            keys,
            device: DeviceId::from_bytes([device; 16]),
            label: format!("tab {at}"),
            capacity: 32,
            n: 3,
            r: Level::Quorum,
            w: Level::Quorum,
            limits: self.limits.clone(),
        };
        change(&mut config);
        self.add(config, Disk::default(), 0);
        at
    }

    /// The ring of these tabs, open or not, as every node that knows of them and of no others computes it.
    pub fn ring_of(&self, tabs: &[usize]) -> Ring {
        let configs = || tabs.iter().map(|&at| &self.hosts[at].config);
        let n = configs().map(|config| config.n.min(N_MAX)).max().unwrap_or(1);
        Ring::new(&Self::room(), n, configs().map(|config| (config.keys.id(), config.device, config.capacity)))
    }

    /// The room in which all tabs are.
    pub fn room() -> Room {
        Room::open("sim").expect("a short name")
    }

    fn add(&mut self, config: Config, disk: Disk, skew_ms: i64) {
        let id = config.keys.id();
        self.tabs_of.entry(id).or_default().push(self.hosts.len());
        self.hosts.push(Host {
            id,
            node: None,
            disk,
            events: crate::Log::default(),
            replies: std::collections::BTreeMap::new(),
            disk_full: false,
            disk_fails: 0,
            frames_sent: 0,
            timers_fired: 0,
            ring: (0, Instant(0)),
            config,
            life: 0,
            disk_free_at: Instant(0),
            crash_at: None,
            timer_grid_ms: 0,
            timer: None,
            frozen: None,
            skew_ms,
        });
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

    /// A tab takes over for good what a closed one left behind; `id` is the number of its answer.
    pub fn take_over(&mut self, heir: usize, closed: usize, id: RequestId) {
        let (keys, rows) = (self.hosts[closed].config.keys.clone(), self.hosts[closed].disk.rows());
        self.input(heir, Input::Adopt { id, keys, rows });
    }

    /// A second tab runs under the identity of this one, from a copy of its database as it is now. A browser's lock
    /// prevents that. `None` if that database says that it is clean: a cloned clean profile uses dots twice until the
    /// two meet, which is documented.
    pub fn duplicate(&mut self, at: usize) -> Option<usize> {
        self.duplicate_from(at, self.hosts[at].disk.clone())
    }

    /// The same, from a copy that was made just before the first write of the present burst was durable: it knows that
    /// there may be dots, and none of them.
    pub fn duplicate_opening(&mut self, at: usize) -> Option<usize> {
        self.duplicate_from(at, opening(&self.hosts[at].disk))
    }

    fn duplicate_from(&mut self, at: usize, disk: Disk) -> Option<usize> {
        let config = self.hosts[at].config.clone();
        if is_clean(&disk.rows()) {
            return None;
        }
        let twin = self.hosts.len();
        self.add(config, disk, self.hosts[at].skew_ms);
        self.start(twin, Vec::new());
        Some(twin)
    }

    /// The tabs that run, or ran, under the identity of this one.
    pub fn twins(&self, at: usize) -> &[usize] {
        self.tabs_of(self.hosts[at].id)
    }

    /// The tabs that run, or ran, under this identity: one, but for a duplicated tab.
    pub fn tabs_of(&self, id: NodeId) -> &[usize] {
        self.tabs_of.get(&id).map(Vec::as_slice).unwrap_or_default()
    }

    /// What a tab fails together with.
    pub fn device(&self, at: usize) -> DeviceId {
        self.hosts[at].config.device
    }

    /// How many virtual nodes a tab is configured with.
    pub fn capacity(&self, at: usize) -> u16 {
        self.hosts[at].config.capacity
    }

    /// A tab has so many virtual nodes from now on, and in its later lives.
    pub fn set_capacity(&mut self, at: usize, capacity: u16) {
        self.hosts[at].config.capacity = capacity;
        if self.is_open(at) {
            self.input(at, Input::Capacity(capacity));
        }
    }

    /// How often a tab has been opened.
    pub fn life(&self, at: usize) -> u64 {
        self.hosts[at].life
    }

    /// Whether a tab's disk holds all of a key that `seen` covers, or what came after it.
    pub fn disk_holds(&self, at: usize, key: &Key, seen: &VersionVector) -> bool {
        let row = self.hosts[at].disk.row(Table::Objects, key.as_bytes());
        let object = row.and_then(object_of_row).unwrap_or_default();
        object.context().descends(seen)
    }

    /// Whether a tab's disk says that every dot its node ever made is on it.
    pub fn is_disk_clean(&self, at: usize) -> bool {
        is_clean(&self.hosts[at].disk.rows())
    }

    fn start(&mut self, at: usize, adopted: Vec<Rows>) {
        let seed = self.random.u64(..);
        let wall = self.wall(at);
        let host = &mut self.hosts[at];
        assert!(host.node.is_none(), "tab {at} is open already");
        host.life += 1;
        host.timer_grid_ms = 0;
        let restored = Restored { own: host.disk.rows(), adopted };
        host.node = Some(Node::new(host.config.clone(), restored, seed, self.now));
        let life = host.life;
        self.drain(at);
        self.input(at, Input::WallClock(wall));
        self.later(WALL_EVERY_MS, Happening::WallClock { at, life });
        self.introduce(at);
    }

    /// This tab and all others hear of each other, as over a broadcast channel or a rendezvous.
    pub fn introduce(&mut self, at: usize) {
        let can_hear = |other: &usize| *other != at && self.is_open(*other) && !self.cuts.contains(&pair(at, *other));
        let mut others: Vec<usize> = (0..self.hosts.len()).filter(can_hear).collect();
        if let Some(few) = self.tuning.heard_by {
            shuffle(&mut self.random, &mut others);
            others.truncate(few);
        }
        for other in others {
            let (id, other_id) = (self.hosts[at].id, self.hosts[other].id);
            self.input(at, Input::Discovered(other_id));
            self.input(other, Input::Discovered(id));
        }
    }

    /// The tab is gone without a word; what was not durable is lost.
    pub fn crash(&mut self, at: usize) {
        self.end(at, self.tuning.silence_ms);
    }

    /// The tab is closed: it says goodbye, and its links close.
    pub fn close(&mut self, at: usize) {
        self.input(at, Input::Lifecycle(Lifecycle::Closing));
        self.run_for(self.tuning.latency_ms.1 + 1);
        self.end(at, 1);
    }

    /// The tab's user wants it gone for good.
    pub fn leave(&mut self, at: usize) -> RequestId {
        self.request(at, Request::Leave { timeout_ms: None })
    }

    /// What became of that: whether everything was handed off. `None`: it goes on.
    pub fn left(&self, at: usize, id: RequestId) -> Option<bool> {
        match self.last(at, id) {
            Some(Reply::Left { handed_off }) => Some(*handed_off),
            _ => None,
        }
    }

    /// A tab that has handed everything off ends, and its database is deleted: what a driver does then.
    pub fn depart(&mut self, at: usize) {
        // Its last words are on their way.
        self.run_for(self.tuning.latency_ms.1 + 1);
        self.end(at, 1);
        self.wipe(at);
    }

    /// The tab dies while its disk takes the next batch.
    pub fn crash_in_persist(&mut self, at: usize, point: CrashPoint) {
        self.hosts[at].crash_at = Some(point);
    }

    /// The tab does not die in a persist after all.
    pub fn spare(&mut self, at: usize) {
        self.hosts[at].crash_at = None;
    }

    pub(super) fn end(&mut self, at: usize, until_told_ms: u64) {
        let host = &mut self.hosts[at];
        host.node = None;
        host.frozen = None;
        host.crash_at = None;
        self.set_timer(at);
        let linked: Vec<(usize, usize)> = self.links.keys().copied().filter(|&(a, b)| a == at || b == at).collect();
        for (a, b) in linked {
            self.links.remove(&(a, b));
            self.later(until_told_ms, Happening::LinkDies { a, b });
        }
    }

    /// A closed tab's database is deleted. It keeps its name here, which is harder than what browsers do.
    pub fn wipe(&mut self, at: usize) {
        assert!(!self.is_open(at), "the disk of an open tab is not wiped");
        self.hosts[at].disk = Disk::default();
    }

    /// A closed tab's database is as it was some batches ago: `back` of them, or a few more until it is a state from
    /// which no dot is used twice. A database that was rolled back to a *clean* state, with writes since, is a cloned
    /// clean profile, which is documented. Tells how many batches it has lost.
    pub fn roll_back(&mut self, at: usize, back: usize) -> usize {
        assert!(!self.is_open(at), "the disk of an open tab is not rolled back");
        let disk = &mut self.hosts[at].disk;
        let mut lost = 0;
        while lost < back && disk.undo() {
            lost += 1;
        }
        while lost > 0 && is_clean(&disk.rows()) && disk.undo() {
            lost += 1;
        }
        if is_clean(&disk.rows()) {
            *disk = Disk::default();
        }
        lost
    }

    /// A closed tab's database is as it was just before the first write of its last burst was durable. Tells whether it
    /// was in the middle of one.
    pub fn roll_back_to_opening(&mut self, at: usize) -> bool {
        assert!(!self.is_open(at), "the disk of an open tab is not rolled back");
        let disk = opening(&self.hosts[at].disk);
        let is_burst = !is_clean(&disk.rows()) && disk.history() < self.hosts[at].disk.history();
        self.hosts[at].disk = disk;
        is_burst
    }

    /// Nothing is handled any more until [`World::resume`].
    pub fn freeze(&mut self, at: usize) {
        if !self.is_open(at) || self.is_frozen(at) {
            return;
        }
        self.input(at, Input::Lifecycle(Lifecycle::Freezing));
        self.hosts[at].frozen = Some(VecDeque::new());
        self.set_timer(at);
    }

    /// The page runs again and handles all that came meanwhile.
    pub fn resume(&mut self, at: usize) {
        let Some(waiting) = self.hosts[at].frozen.take() else { return };
        self.input(at, Input::Lifecycle(Lifecycle::Resumed));
        waiting.into_iter().for_each(|input| self.input(at, input));
        self.set_timer(at);
    }

    /// Whether a tab is frozen.
    pub fn is_frozen(&self, at: usize) -> bool {
        self.hosts[at].frozen.is_some()
    }

    /// The page is hidden, and its timers fire only at multiples of so many milliseconds; with 0 it is seen again.
    pub fn throttle(&mut self, at: usize, grid_ms: u64) {
        let lifecycle = if grid_ms > 0 { Lifecycle::Hidden } else { Lifecycle::Visible };
        self.hosts[at].timer_grid_ms = grid_ms;
        self.input(at, Input::Lifecycle(lifecycle));
    }

    /// The tab's clock is so far from the world's, from now on.
    pub fn set_clock(&mut self, at: usize, skew_ms: i64) {
        self.hosts[at].skew_ms = skew_ms;
        let wall = self.wall(at);
        self.input(at, Input::WallClock(wall));
    }

    /// All clocks are so much further on, as after a long sleep, and all open tabs are told.
    pub fn leap(&mut self, ms: u64) {
        self.leapt_ms += ms;
        for at in self.alive() {
            let wall = self.wall(at);
            self.input(at, Input::WallClock(wall));
        }
    }

    /// How far a tab's clock is from the world's.
    pub fn skew(&self, at: usize) -> i64 {
        self.hosts[at].skew_ms
    }

    /// What time a tab thinks it is.
    pub fn wall(&self, at: usize) -> WallTime {
        WallTime((WALL_MS + self.leapt_ms + self.now.0).saturating_add_signed(self.hosts[at].skew_ms))
    }

    pub(super) fn on_wall_clock(&mut self, at: usize, life: u64) {
        if self.hosts[at].life == life && self.is_open(at) {
            let wall = self.wall(at);
            self.input(at, Input::WallClock(wall));
            self.later(WALL_EVERY_MS, Happening::WallClock { at, life });
        }
    }

    /// When a tab's node is to be called next, as far as the browser lets it.
    pub(super) fn set_timer(&mut self, at: usize) {
        let host = &mut self.hosts[at];
        let grid_ms = host.timer_grid_ms.max(1);
        let due = match (&host.node, &host.frozen) {
            (Some(node), None) => node.poll_timeout().map(|due| Instant(due.0.next_multiple_of(grid_ms))),
            _ => None,
        };
        if due == host.timer {
            return;
        }
        if let Some(before) = host.timer.take() {
            self.timers.remove(&(before, at));
        }
        if let Some(due) = due {
            // What is overdue waits for the next multiple too.
            let due =
                if grid_ms > 1 && due <= self.now { Instant((self.now.0 + 1).next_multiple_of(grid_ms)) } else { due };
            host.timer = Some(due);
            self.timers.insert((due, at));
        }
    }

    pub(super) fn persist(&mut self, at: usize, id: BatchId, batch: Batch) {
        let delay = self.between(self.tuning.disk_ms);
        let host = &mut self.hosts[at];
        let due = (self.now + delay).max(host.disk_free_at);
        host.disk_free_at = due;
        let life = host.life;
        self.later(due.since(self.now), Happening::Durable { at, life, id, batch });
    }

    pub(super) fn on_durable(&mut self, at: usize, life: u64, id: BatchId, batch: Batch) {
        let host = &mut self.hosts[at];
        if host.life != life || host.node.is_none() {
            return;
        }
        match host.crash_at {
            Some(CrashPoint::BeforeApply) => return self.crash(at),
            Some(CrashPoint::AfterApply) => {
                host.disk.apply(batch);
                return self.crash(at);
            }
            None => {}
        }
        if host.disk_full {
            self.input(at, Input::PersistFailed { id, reason: PersistError::Quota });
        } else if host.disk_fails > 0 {
            host.disk_fails -= 1;
            self.input(at, Input::PersistFailed { id, reason: PersistError::Failed });
        } else {
            host.disk.apply(batch);
            host.disk.forget(self.undo_max);
            self.input(at, Input::Persisted(id));
        }
    }
}

/// A disk as it was after the batch that opened its mint, as long as that can be undone; the same disk if it is clean.
fn opening(disk: &Disk) -> Disk {
    let (mut opening, mut earlier) = (disk.clone(), disk.clone());
    while !is_clean(&opening.rows()) && earlier.undo() && has_epoch(&earlier.rows()) && !is_clean(&earlier.rows()) {
        opening = earlier.clone();
    }
    opening
}

/// Whether dots may ever have been minted under a database.
fn has_epoch(rows: &Rows) -> bool {
    rows.iter().any(|(table, key, _)| Store::is_mint_row(*table, key))
}
