//! What is checked whenever something was answered, in the moment it is: receipts are truthful, quorum reads see what a
//! quorum had confirmed where nothing fails, and what is known of members only rises.

use std::collections::{BTreeMap, BTreeSet};

use roundtable_core::clock::VersionVector;
use roundtable_core::coordinator::{Level, Reached, ReadReply, Receipt, Reply, Terms};
use roundtable_core::id::{Key, NodeId, RequestId};
use roundtable_core::node::Event;
use roundtable_core::time::Instant;

use super::run::Soak;
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
    /// All writes and deletes that were made: by which request, where the oracle keeps them, and when.
    changes: BTreeMap<RequestId, (Change, Instant)>,
    /// Whom the receipts of a request have named: they may have let it go since, as they may what they do not own.
    named: BTreeMap<RequestId, BTreeSet<NodeId>>,
    /// When a disk last lost something.
    lost: BTreeMap<usize, Instant>,
    /// How many events of each tab were taken in.
    taken_in: Vec<usize>,
    gets: BTreeMap<RequestId, Asked>,
    /// What a quorum of owners has confirmed of each key.
    confirmed: BTreeMap<Key, VersionVector>,
    /// What each life of a tab knew of each member: the version of its record, and its incarnation.
    known: BTreeMap<(usize, u64, NodeId), (u64, u64)>,
}

impl Watch {
    pub(crate) fn on_get(&mut self, id: RequestId, key: Key, level: Level, is_merge: bool) {
        let due = self.confirmed.get(&key).cloned().unwrap_or_default();
        self.gets.insert(id, Asked { key, due, level, is_merge });
    }
}

impl Soak {
    /// Take in what was answered since the last call.
    pub(crate) fn take_news(&mut self) {
        self.take_events();
        for (tab, id) in std::mem::take(&mut self.world.news) {
            match self.world.last(tab, id).cloned() {
                Some(Reply::Receipt(receipt)) => self.on_receipt(tab, id, &receipt),
                Some(Reply::Read(read)) => self.on_read(tab, id, &read),
                _ => {}
            }
        }
    }

    fn take_events(&mut self) {
        self.watch.taken_in.resize(self.world.hosts.len(), 0);
        for (host, taken_in) in self.world.hosts.iter().zip(&mut self.watch.taken_in) {
            for (at, event) in &host.events[*taken_in..] {
                if let Event::Reaped { .. } = event {
                    self.oracle.on_reaped();
                }
                let Event::Written { id, key, dot, context } = event else { continue };
                let change = match (dot, self.watch.numbers.get(id)) {
                    (Some(dot), Some(&number)) => self.oracle.on_write(number, key, *dot, context.clone()),
                    _ => self.oracle.on_delete(key, context.clone()),
                };
                self.watch.changes.insert(*id, (change, *at));
            }
            *taken_in = host.events.len();
        }
    }

    /// Whoever a receipt first names has the write on its disk, or what came after it, unless it has lost something
    /// since; and there are as many as it says.
    fn on_receipt(&mut self, tab: usize, id: RequestId, receipt: &Receipt) {
        let Some((change, made)) = self.watch.changes.get(&id).cloned() else { return };
        let key = change.key().clone();
        let holds = |at: &usize| self.world.disk_holds(*at, &key, &receipt.context);
        let mut ackers: Vec<usize> = holds(&tab).then_some(tab).into_iter().collect();
        for named in receipt.owners.iter().chain(&receipt.fallbacks) {
            let holders: Vec<usize> = self.world.tabs_of(*named).iter().copied().filter(|at| holds(at)).collect();
            let has_lost = |at: &usize| self.watch.lost.get(at).is_some_and(|lost| *lost >= made);
            let is_new = self.watch.named.entry(id).or_default().insert(*named);
            if is_new && holders.is_empty() && !self.world.tabs_of(*named).iter().any(has_lost) {
                let (now, seen) = (self.world.now.0, &receipt.context);
                let what =
                    format!("{key:?} at {now}: a receipt of tab {tab} names {named:?}, who does not hold {seen:?}");
                self.oracle.accuse(what);
            }
            ackers.extend(holders);
        }
        let count = receipt.owners.len() + receipt.fallbacks.len();
        let is_short = match receipt.requested {
            Level::Local => !ackers.contains(&tab),
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

    fn on_read(&mut self, tab: usize, id: RequestId, read: &ReadReply) {
        let Some(Asked { key, due, level, is_merge }) = self.watch.gets.remove(&id) else { return };
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
