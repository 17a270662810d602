//! What is checked whenever something was answered, in the moment it is: receipts are truthful, quorum reads see
//! what a quorum had confirmed where nothing fails, and what is known of members only rises.

use std::collections::{BTreeMap, BTreeSet};

use roundtable_core::clock::VersionVector;
use roundtable_core::coordinator::{Level, Reached, ReadReply, Receipt, Reply, Terms};
use roundtable_core::datatype::Edit;
use roundtable_core::id::{Key, NodeId, RequestId};
use roundtable_core::node::Event;
use roundtable_core::store::Table;
use roundtable_core::time::Instant;

use super::run::Soak;
use crate::News;
use crate::oracle::Change;

/// A get that is not yet answered.
#[derive(Debug, Clone)]
struct Asked {
    key: Key,
    /// What a quorum had confirmed when it was asked.
    due: VersionVector,
    level: Level,
    /// What was read is written back as one value.
    is_merge: bool,
}

/// What has been seen so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    /// The last context read of each key by anyone.
    pub(crate) read: BTreeMap<Key, VersionVector>,
    /// The number that each put writes.
    pub(crate) numbers: BTreeMap<RequestId, u64>,
    /// The edits that were asked for.
    pub(super) edits: BTreeMap<RequestId, Edit>,
    /// All writes and deletes that were made: by which request, where the oracle keeps them, and when.
    changes: BTreeMap<RequestId, (Change, Instant)>,
    /// Whom the receipts of a request have named: they may have let it go since, as they may what they do not own.
    named: BTreeMap<RequestId, BTreeSet<NodeId>>,
    /// When a disk last lost something.
    lost: BTreeMap<usize, Instant>,
    /// When a tab was asked to leave.
    pub(super) leaves: BTreeMap<RequestId, Instant>,
    /// When a tab left for good, and its database was deleted; and in which of its lives.
    left: BTreeMap<usize, (Instant, u64)>,
    /// How many events of each tab were taken in.
    taken_in: Vec<usize>,
    gets: BTreeMap<RequestId, Asked>,
    /// What a quorum of owners has confirmed of each key.
    confirmed: BTreeMap<Key, VersionVector>,
    /// What each life of a tab knew of each member: the version of its record, and its incarnation.
    known: BTreeMap<(usize, u64, NodeId), (u64, u64)>,
}

impl Watch {
    /// What a quorum of owners has confirmed of a key by now.
    pub(super) fn confirmed(&self, key: &Key) -> VersionVector {
        self.confirmed.get(key).cloned().unwrap_or_default()
    }

    /// Whether a tab's disk has lost something since then, or went with a tab that left for good.
    pub(super) fn has_lost(&self, at: usize, since: Instant) -> bool {
        let is_since = |lost: Option<&Instant>| lost.is_some_and(|lost| *lost >= since);
        is_since(self.lost.get(&at)) || is_since(self.left.get(&at).map(|(at, _)| at))
    }

    /// Whether any disk has lost anything.
    pub(super) fn has_any_lost(&self) -> bool {
        !self.lost.is_empty() || !self.left.is_empty()
    }

    /// Requests that were made before this one are looked at no more: what they may still be told is not judged.
    pub(crate) fn forget_before(&mut self, id: RequestId) {
        self.changes = self.changes.split_off(&id);
        self.named = self.named.split_off(&id);
        self.gets = self.gets.split_off(&id);
    }

    pub(crate) fn on_get(&mut self, id: RequestId, key: Key, level: Level, is_merge: bool) {
        let due = self.confirmed(&key);
        self.gets.insert(id, Asked { key, due, level, is_merge });
    }
}

impl Soak {
    /// Take in what was answered since the last call; who has handed everything off ends.
    pub(crate) fn take_news(&mut self) {
        self.take_in_news().into_iter().for_each(|tab| self.world.depart(tab));
    }

    /// Take in what was answered since the last call. Tells who has handed everything off, and should end now.
    pub(crate) fn take_in_news(&mut self) -> Vec<usize> {
        self.take_events();
        let mut gone = Vec::new();
        for News { tab, id, members_version } in std::mem::take(&mut self.world.news) {
            match self.world.last(tab, id).cloned() {
                Some(Reply::Receipt(receipt)) => {
                    self.judge_owners(tab, id, &receipt, members_version);
                    self.judge_unread(id, &receipt);
                    self.on_receipt(tab, id, &receipt);
                }
                Some(Reply::Read(read)) => self.on_read(tab, id, &read),
                Some(Reply::Changes(_)) => self.on_changes(tab, id),
                Some(Reply::Left { handed_off: true }) => {
                    self.on_left(tab, id);
                    gone.push(tab);
                }
                _ => {}
            }
        }
        self.judge_made();
        gone
    }

    /// Only owners count as owners, and a level is one of the room's N, by what the node of the receipt knew when it
    /// gave it.
    fn judge_owners(&mut self, tab: usize, id: RequestId, receipt: &Receipt, members_version: u64) {
        let Some((change, _)) = self.watch.changes.get(&id) else { return };
        let Some(node) = self.world.hosts[tab].node.as_ref() else { return };
        let owners = node.view().preference_list(change.key()).owners;
        let needed = usize::from(receipt.requested.needed(node.view().n()));
        let stranger = receipt.owners.iter().find(|named| !owners.contains(named));
        let is_short =
            receipt.met && receipt.requested != Level::Local && receipt.owners.len() + receipt.fallbacks.len() < needed;
        // What was told in the moment in which the ring changed goes by the one or by the other.
        let is_steady = node.view().members_version() == members_version && self.has_kept_ring(tab);
        if is_steady && (stranger.is_some() || is_short) {
            self.oracle.accuse(format!("tab {tab} counts {receipt:?} of {owners:?}, and {needed} are needed"));
        }
    }

    /// A tab says that all it held is on other devices. Nobody is to blame if a disk has lost something since it
    /// began.
    fn on_left(&mut self, tab: usize, id: RequestId) {
        let began = self.watch.leaves.get(&id).copied().unwrap_or_default();
        let is_excused = self.watch.lost.values().any(|lost| *lost >= began);
        let world = &self.world;
        let others: Vec<usize> = (0..world.hosts.len()).filter(|&other| other != tab).collect();
        let elsewhere: Vec<usize> =
            others.iter().copied().filter(|&other| world.device(other) != world.device(tab)).collect();
        let holds = |at, key: &Key, seen: &VersionVector| world.disk_holds(at, key, seen);
        self.oracle.on_left(tab, &others, &elsewhere, is_excused, holds);
        self.watch.left.insert(tab, (self.world.now, self.world.life(tab)));
    }

    /// Whether a tab has left for good, and was not opened again since.
    pub(crate) fn has_left(&self, tab: usize) -> bool {
        self.watch.left.get(&tab).is_some_and(|(_, life)| *life == self.world.life(tab))
    }

    fn take_events(&mut self) {
        self.watch.taken_in.resize(self.world.hosts.len(), 0);
        let mut made = Vec::new();
        for (tab, (host, taken_in)) in self.world.hosts.iter().zip(&mut self.watch.taken_in).enumerate() {
            for (at, event) in host.events.from(*taken_in) {
                if matches!(event, Event::Reaped { .. }) {
                    self.oracle.on_reaped();
                    // Of a deleted key that was reaped, nobody knows any more what a quorum had confirmed.
                    self.watch.confirmed.clear();
                    self.watch.gets.values_mut().for_each(|asked| asked.due = VersionVector::new());
                    self.shown.forget_due();
                }
                let Event::Written { id, key, dot, context, gone, .. } = event else { continue };
                let change = match self.watch.numbers.get(id) {
                    Some(&number) => self.oracle.on_write(number, key, *dot, context.clone()),
                    None => self.oracle.on_delete(key, *dot, context.clone()),
                };
                if let Some(gone) = gone {
                    self.oracle.on_edit(&change, gone, self.watch.edits.get(id));
                }
                self.watch.changes.insert(*id, (change, *at));
                // An edit takes away what it names, whatever was shown.
                if gone.is_none() {
                    made.push((tab, *id, key.clone(), *dot, context.clone()));
                }
            }
            *taken_in = host.events.len();
        }
        self.oracle.judge_edits();
        for (tab, id, key, dot, context) in made {
            self.on_made(tab, id, &key, dot, &context);
        }
    }

    /// Whoever a receipt first names has the write on its disk, or what came after it, unless it has lost something
    /// since, or has let it go as a fallback may once all owners have it; and there are as many as it says.
    fn on_receipt(&mut self, tab: usize, id: RequestId, receipt: &Receipt) {
        let Some((change, made)) = self.watch.changes.get(&id).cloned() else { return };
        let key = change.key().clone();
        let holds = |at: &usize| self.world.disk_holds(*at, &key, &receipt.context);
        let mut ackers: Vec<usize> = holds(&tab).then_some(tab).into_iter().collect();
        for named in receipt.owners.iter().chain(&receipt.fallbacks) {
            let holders: Vec<usize> = self.world.tabs_of(*named).iter().copied().filter(|at| holds(at)).collect();
            let is_new = self.watch.named.entry(id).or_default().insert(*named);
            let is_excused = |at: &usize| self.watch.has_lost(*at, made) || self.has_let_go(*at, &key, made);
            if is_new && holders.is_empty() && !self.world.tabs_of(*named).iter().any(is_excused) {
                let (now, seen) = (self.world.now.0, &receipt.context);
                let what =
                    format!("{key:?} at {now}: a receipt of tab {tab} names {named:?}, who does not hold {seen:?}");
                self.oracle.accuse(what);
            }
            ackers.extend(holders);
        }
        let count = receipt.owners.len() + receipt.fallbacks.len();
        let is_short = match receipt.requested {
            // It may have let go of it since, or have lost it.
            Level::Local => {
                let is_excused = self.watch.has_lost(tab, made) || self.has_let_go(tab, &key, made);
                !ackers.contains(&tab) && !is_excused
            }
            Level::One => count == 0,
            Level::Quorum | Level::All | Level::Count(_) => count < usize::from(receipt.needed),
        };
        if receipt.met && is_short {
            self.oracle
                .accuse(format!("{key:?}: tab {tab} was told that its level is met, and it is not: {receipt:?}"));
        }
        self.oracle.on_acknowledged(&change, &ackers);
        if receipt.reached >= Reached::Quorum && receipt.fallbacks.is_empty() {
            self.watch.confirmed.entry(key).or_default().merge(&receipt.context);
        }
    }

    /// Whether a tab has let go of something since then, and does not think that it owns this key; or has reaped a
    /// tombstone, and holds nothing of the key: a write that only took something away may have left no more than one.
    fn has_let_go(&self, at: usize, key: &Key, since: Instant) -> bool {
        let host = &self.world.hosts[at];
        let mut recent = host.events.iter().rev().take_while(|(when, _)| *when >= since);
        let is_owner =
            |id| self.world.is_open(at) && self.world.node(at).view().preference_list(key).owners.contains(id);
        // On its disk: what was written since may be on its way there.
        let holds_none = || host.disk.row(Table::Objects, key.as_bytes()).is_none();
        recent.any(|(_, event)| match event {
            Event::LetGo { .. } => !is_owner(&host.id),
            Event::Reaped { .. } => holds_none(),
            _ => false,
        })
    }

    fn on_read(&mut self, tab: usize, id: RequestId, read: &ReadReply) {
        if self.on_watch_told(tab, id, read) {
            return;
        }
        let Some(Asked { key, due, level, is_merge }) = self.watch.gets.remove(&id) else { return };
        self.on_shown(tab, &key, &read.context);
        let is_quorum = matches!(level, Level::Quorum | Level::All | Level::Count(2));
        if self.plan.is_calm && is_quorum && read.met && !read.context.descends(&due) {
            self.oracle.accuse(format!("{key:?}: tab {tab} read {:?} at a quorum, which had {due:?}", read.context));
        }
        if is_merge && self.world.is_open(tab) {
            self.put(tab, key.clone(), Some(read.context.clone()), Terms::default());
        }
        self.watch.read.insert(key, read.context.clone());
    }

    /// (Version, incarnation) of a member's record only rises in the eyes of each node.
    pub(crate) fn look_at_members(&mut self) {
        for tab in self.world.alive() {
            for (id, version, incarnation) in self.world.node(tab).view().versions() {
                let seen = (version, incarnation);
                let before = self.watch.known.insert((tab, self.world.life(tab), id), seen);
                if before.is_some_and(|before| before > seen) {
                    self.oracle.accuse(format!("tab {tab}: the record of {id:?} went from {before:?} to {seen:?}"));
                }
            }
        }
    }

    /// A disk has lost something: what only it had acknowledged, and no longer holds, may be lost.
    pub(crate) fn forget_lost(&mut self, at: usize) {
        self.watch.lost.insert(at, self.world.now);
        let world = &self.world;
        self.oracle.on_disk_lost(at, |tab, key, seen| world.disk_holds(tab, key, seen));
    }
}
