//! Peace, and what must hold after it: the invariants of the design.

use std::collections::BTreeSet;

use roundtable_core::clock::Dot;
use roundtable_core::coordinator::{Level, Receipt, Reply, Request, Terms};
use roundtable_core::id::{Key, NodeId, Position};
use roundtable_core::membership::Status;
use roundtable_core::node::MemberView;
use roundtable_core::ring::RangeSet;
use roundtable_core::store::{Table, object_of_row};
use roundtable_core::wire::{Object, Payload, Presence};

use super::edits;
use super::run::Soak;
use crate::oracle::number_of;

/// How long a healed room may take to settle, in virtual milliseconds.
const PEACE_MS: u64 = 180_000;
/// So many tabs there are at least in the end: the room's N.
const TABS_MIN: usize = 3;
/// How long it is then left to itself.
const QUIET_MS: u64 = 40_000;
/// For how long a frozen tab is waited for, and a little longer.
const FROZEN_MS: u64 = 310_000;
/// The most frames that a tab sends in a second of quiet, for each other tab.
const QUIET_FRAMES_MAX: u64 = 4;

impl Soak {
    /// Everything heals, and everybody comes back.
    pub(crate) fn make_peace(&mut self) {
        self.world.tuning.calm();
        self.world.overload(0);
        for tab in 0..self.world.hosts.len() {
            self.world.resume(tab);
            self.world.hosts[tab].disk_full = false;
            self.world.hosts[tab].disk_fails = 0;
            if self.world.is_open(tab) {
                self.world.spare(tab);
                self.world.throttle(tab, 0);
            }
        }
        for twin in self.twins.clone() {
            if self.world.is_open(twin) {
                self.world.crash(twin);
            }
            self.wipe(twin);
        }
        for tab in 0..self.world.hosts.len() {
            // Who has left for good does not come back, unless its slot was opened again meanwhile.
            let is_over = self.twins.contains(&tab) || self.has_left(tab) || self.world.life(tab) == 0;
            if !self.world.is_open(tab) && !is_over {
                self.world.reopen(tab);
            }
        }
        self.world.heal_all();
        self.settle();
        self.outlast_frozen();
        self.fill_up();
        self.pass(QUIET_MS / 2);
        let before: Vec<u64> = self.world.hosts.iter().map(|host| host.frames_sent).collect();
        self.pass(QUIET_MS / 2);
        if !self.settle() {
            self.oracle.accuse(format!("the room does not settle: {}", self.world.unsettled()));
            return;
        }
        self.judge_quiet(&before);
    }

    /// A tab whose last word that anybody has is that it freezes is waited for, for minutes, even if it has left since.
    fn outlast_frozen(&mut self) {
        let is_awaited = |member: &MemberView| member.status == Status::Suspect && member.presence == Presence::Frozen;
        let awaits = |tab: &usize| self.world.node(*tab).view().members().iter().any(is_awaited);
        if self.world.alive().iter().any(awaits) {
            self.pass(FROZEN_MS);
            self.settle();
        }
    }

    /// Where tabs have left for good, others come: with fewer than N there is nothing to judge receipts by.
    fn fill_up(&mut self) {
        let here = self.world.alive().len();
        for device in here..TABS_MIN {
            self.world.open(u8::try_from(device).unwrap_or(0));
        }
        if here < TABS_MIN {
            self.settle();
        }
    }

    /// Let time pass until the room is settled.
    fn settle(&mut self) -> bool {
        let end = self.world.now + PEACE_MS;
        while !self.world.is_settled() && self.world.now < end {
            self.pass(100);
        }
        self.world.is_settled()
    }

    /// At rest, little is said.
    fn judge_quiet(&mut self, before: &[u64]) {
        let most = QUIET_FRAMES_MAX * self.world.hosts.len() as u64 * (QUIET_MS / 2_000);
        for (tab, &before) in before.iter().enumerate() {
            let sent = self.world.hosts[tab].frames_sent - before;
            if sent > most {
                self.oracle.accuse(format!("tab {tab} sent {sent} frames in {} s of quiet", QUIET_MS / 2_000));
            }
        }
    }

    pub(crate) fn judge(&mut self) {
        self.take_news();
        self.judge_members();
        self.judge_disks();
        self.judge_arcs();
        let keys: Vec<Key> = self.oracle.keys().into_iter().collect();
        for (index, key) in keys.iter().enumerate() {
            self.judge_key(key);
            self.judge_read(key, index);
            self.judge_copies(key);
        }
        self.judge_scans();
        self.judge_watches();
        for tab in self.world.alive() {
            let hints = self.world.node(tab).view().metrics().hints;
            if hints > 0 {
                self.oracle.accuse(format!("tab {tab} still holds {hints} hints"));
            }
        }
        // What is not put is not merged by a put.
        if let Some(key) = keys.iter().find(|key| !edits::is_of_parts(key)) {
            self.judge_merge(key);
        }
    }

    /// What holds of a room at rest, as long as no node is asked: all know all, agree who owns what, hold the same
    /// where they own the same, and have it on their disks.
    pub(crate) fn judge_rest(&mut self) {
        self.judge_members();
        self.judge_disks();
        self.judge_arcs();
    }

    /// What holds of a key at every moment: of all that nodes hold, and of what lies on the disks of closed tabs,
    /// nothing acknowledged is missing, and nothing is there that should not be.
    pub(crate) fn judge_values(&mut self, key: &Key) {
        let mut joined = self.joined(key);
        for host in self.world.hosts.iter().filter(|host| host.node.is_none()) {
            let object = host.disk.row(Table::Objects, key.as_bytes()).and_then(object_of_row);
            object.iter().for_each(|object| {
                joined.sync(object);
            });
        }
        self.oracle.judge(key, &joined);
    }

    /// All know all, and think well of them.
    fn judge_members(&mut self) {
        let alive = self.world.alive();
        for &tab in &alive {
            let members = self.world.node(tab).view().members();
            for &other in &alive {
                let id = self.world.hosts[other].id;
                let status = members.iter().find(|member| member.id == id).map(|member| member.status);
                if status != Some(Status::Up) {
                    self.oracle.accuse(format!("tab {other} is here, and tab {tab} thinks it {status:?}"));
                }
            }
            let gone: Vec<usize> = (0..self.world.hosts.len()).filter(|&gone| self.has_left(gone)).collect();
            for gone in gone {
                let id = self.world.hosts[gone].id;
                // If its last words reached nobody who is still here, it is thought to sleep; the ring is closed over
                // it all the same.
                let status = members.iter().find(|member| member.id == id).map(|member| member.status);
                if !matches!(status, None | Some(Status::Dormant)) {
                    self.oracle.accuse(format!("tab {gone} has left, and tab {tab} thinks it {status:?}"));
                }
            }
        }
    }

    /// Every arc, the one over the wrap included, has min(N, tabs) distinct owners, on distinct devices as far as there
    /// are any; all tabs agree who they are; and the owners' fingerprints of it are the same.
    fn judge_arcs(&mut self) {
        let alive = self.world.alive();
        let Some(&first) = alive.first() else { return };
        let view = self.world.node(first).view();
        let mut members = view.members();
        members.retain(|member| member.status != Status::Dormant);
        let (n, tokens) = (usize::from(view.n()), view.tokens());
        let device_of = |id: &NodeId| members.iter().find(|member| member.id == *id).map(|member| member.device);
        let devices: BTreeSet<_> = members.iter().map(|member| member.device).collect();
        let mut wrong = Vec::new();
        for (index, (Position(end), _)) in tokens.iter().enumerate() {
            let before = if index == 0 { tokens.last() } else { tokens.get(index - 1) };
            let Some(&(Position(start), _)) = before else { continue };
            let arc = if start < *end {
                RangeSet::from_sorted([(start + 1, *end)])
            } else {
                let wrap = (start < u64::MAX).then(|| (start + 1, u64::MAX));
                RangeSet::from_sorted([(0, *end)].into_iter().chain(wrap))
            };
            let owners = view.owners_of(Position(*end));
            let distinct: BTreeSet<&NodeId> = owners.iter().collect();
            let used: BTreeSet<_> = owners.iter().filter_map(device_of).collect();
            let is_spread = used.len() == owners.len().min(devices.len());
            if distinct.len() != n.min(members.len()) || owners.len() != distinct.len() || !is_spread {
                wrong.push(format!("the arc to {end} has {} owners on {} devices", owners.len(), used.len()));
            }
            let holders = alive.iter().filter(|&&tab| owners.contains(&self.world.hosts[tab].id));
            let sums: Vec<_> = holders.map(|&tab| self.world.node(tab).view().sum(&arc)).collect();
            if sums.windows(2).any(|two| two[0] != two[1]) {
                wrong.push(format!("the owners of the arc to {end} have different fingerprints"));
            }
        }
        for &tab in &alive {
            if self.world.node(tab).view().tokens() != tokens {
                wrong.push(format!("tab {tab} and tab {first} have different rings"));
            }
        }
        wrong.into_iter().for_each(|what| self.oracle.accuse(what));
    }

    /// All that anybody holds of a key, joined.
    pub(super) fn joined(&self, key: &Key) -> Object {
        let mut joined = Object::new();
        let forgets = self.plan.tight.ghosts.is_some() && self.oracle.has_reaped();
        for tab in self.world.alive() {
            let view = self.world.node(tab).view();
            // Where reaped tombstones are forgotten, what a page was once shown outlives the delete, with it alone.
            let is_owner = || view.preference_list(key).owners.contains(&self.world.hosts[tab].id);
            if !forgets || is_owner() {
                joined.sync(&view.known(key));
            }
        }
        joined
    }

    /// All that the owners of a key hold of it, joined.
    fn held_by_owners(&self, key: &Key) -> Object {
        let is_owner = |tab: usize, id| self.world.node(tab).view().preference_list(key).owners.contains(&id);
        let owners = self.world.alive().into_iter().filter(|&tab| is_owner(tab, self.world.hosts[tab].id));
        let mut joined = Object::new();
        for tab in owners {
            joined.sync(&self.world.node(tab).view().known(key));
        }
        joined
    }

    /// All copies of a key, joined, without what is only remembered of reaped tombstones.
    fn copies(&self, key: &Key) -> Object {
        let copies = self.world.alive().into_iter().filter_map(|tab| self.world.node(tab).view().object(key));
        copies.fold(Object::new(), |mut joined, copy| {
            joined.sync(&copy);
            joined
        })
    }

    /// The owners of a key hold the same, byte for byte, and that is all there is.
    fn judge_key(&mut self, key: &Key) {
        let joined = self.joined(key);
        self.oracle.judge(key, &joined);
        let alive = self.world.alive();
        let Some(&first) = alive.first() else { return };
        let owners = self.world.node(first).view().preference_list(key).owners;
        for tab in alive {
            let is_owner = owners.contains(&self.world.hosts[tab].id);
            let held = self.world.node(tab).view().known(key);
            // A tombstone that its owners have reaped may still lie with others, or be remembered by them, also where
            // these owners hold another one, which they took in since. That owners agree is judged by arcs.
            let is_reaped = self.oracle.has_reaped() && joined.is_tombstone() && held.values().len() == 0;
            // And what is remembered of a reaped tombstone is no copy: owners of a later value need not know of it.
            let is_ghost = || self.oracle.has_reaped() && held.includes(&self.copies(key));
            if is_owner && held != joined && !is_reaped && !is_ghost() {
                self.oracle.accuse(format!("{key:?}: owner {tab} lacks something: {held:?} of {joined:?}"));
            }
        }
    }

    /// What a tab shows of a key: all values there are but those that have expired by its clock, or the last of them.
    fn shown_at(&self, tab: usize, key: &Key) -> BTreeSet<u64> {
        let (joined, wall) = (self.joined(key), self.world.node(tab).view().expiry_clock());
        let lives: Vec<_> = joined.dots().zip(joined.values()).filter(|(_, version)| !version.is_over(wall)).collect();
        let last = lives.iter().map(|(dot, version)| (version.stamp, *dot)).max();
        let is_last_of = lives.iter().any(|(_, version)| version.stamp.is_some());
        let is_shown = |dot: &Dot| !is_last_of || last.is_some_and(|(_, last)| last == *dot);
        let shown = lives.iter().filter(|(dot, _)| is_shown(dot));
        shown.filter_map(|(_, version)| number_of(&version.payload)).collect()
    }

    /// A quorum read anywhere returns exactly what there is; where too few are left for one, a local read does.
    fn judge_read(&mut self, key: &Key, index: usize) {
        if edits::is_of_parts(key) {
            return self.judge_read_of_parts(key, index);
        }
        let alive = self.world.alive();
        let Some(&tab) = alive.get(index % alive.len().max(1)) else { return };
        let numbers = |siblings: &[Payload]| -> BTreeSet<u64> {
            siblings.iter().filter_map(|payload| number_of(payload)).collect()
        };
        let before = self.shown_at(tab, key);
        let is_quorum = alive.len() >= usize::from(Level::Quorum.needed(self.world.node(tab).view().n()));
        let level = if is_quorum { Level::Quorum } else { Level::Local };
        let terms = Terms { level: Some(level), timeout_ms: None };
        let id = self.world.request(tab, Request::Get { key: key.clone(), terms });
        self.pass(200);
        let found: Option<BTreeSet<u64>> = match self.world.last(tab, id) {
            Some(Reply::Read(read)) if read.met => Some(numbers(&read.siblings)),
            _ => None,
        };
        // Something may expire in the very moment.
        let expected = self.shown_at(tab, key);
        if found.as_ref() != Some(&expected) && found.as_ref() != Some(&before) {
            self.oracle.accuse(format!("{key:?}: tab {tab} reads {found:?} of {expected:?}"));
        }
    }

    /// Whoever has pinned a key, or watches it, shows by itself what its owners hold of it; and where
    /// disks have lost something, what only it has still, as long as nothing has superseded that.
    fn judge_copies(&mut self, key: &Key) {
        let owned = self.joined(key);
        for tab in self.world.alive() {
            let view = self.world.node(tab).view();
            let is_wanted = view.pins().any(|pin| pin.names(key));
            if !is_wanted && !self.is_scanned(tab, key) && !self.is_watched(tab, key) {
                continue;
            }
            let shown = view.shown(key);
            // What somebody else remembers besides, whose clock is ahead and for whom a value has expired already, the
            // owners need not know.
            if shown.dots().eq(owned.dots()) || shown.dots().eq(self.held_by_owners(key).dots()) {
                continue;
            }
            let mut all = owned.clone();
            all.sync(&shown);
            if self.watch.has_any_lost() && all.dots().eq(shown.dots()) {
                self.oracle.judge(key, &all);
            } else {
                let (found, expected) = (Vec::from_iter(shown.dots()), Vec::from_iter(owned.dots()));
                self.oracle.accuse(format!("{key:?}: tab {tab} wants it here and shows {found:?} of {expected:?}"));
            }
        }
    }

    /// After a read, a merge and a write there is one value, and its receipt is complete.
    fn judge_merge(&mut self, key: &Key) {
        let Some(&tab) = self.world.alive().first() else { return };
        let context = self.joined(key).context().clone();
        let terms = Terms { level: Some(Level::All), timeout_ms: None };
        let id = self.put(tab, key.clone(), Some(context), terms);
        self.pass(6_000);
        let values = self.joined(key).values().len();
        // Where there are fewer tabs than copies are wanted, all of them are all there can be.
        let alive = self.world.alive().len();
        let is_whole = |receipt: &Receipt| receipt.ended.is_some() || receipt.owners.len() == alive;
        let is_complete = matches!(self.world.last(tab, id), Some(Reply::Receipt(receipt)) if is_whole(receipt));
        if values != 1 || !is_complete {
            let last = self.world.last(tab, id).cloned();
            self.oracle.accuse(format!("{key:?}: {values} values after a merge, and {last:?}"));
        }
        self.judge_key(key);
    }
}
