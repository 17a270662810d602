//! When the next comparison begins: four at a time, and of what is incoming one source after the other, so that each
//! object comes once.
//!
//! In a room of hundreds this is asked often while they come: what follows from a change of the ring is planned once
//! for all changes that come together, and of many that are due by now the first that is found will do.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::ops::Bound;

use super::{ASKED_MS, PATIENCE_MS, Peer, Repair, SESSIONS_MAX, Task};
use crate::coordinator::Surroundings;
use crate::handoff::Handoff;
use crate::id::NodeId;
use crate::time::Instant;

/// Those with whom something is still to be compared, by what comes first. While one source is compared with, hundreds
/// of others wait for it, and nobody is to look through them for who does not.
#[derive(Debug, Clone, Default)]
pub(super) struct Planned {
    /// First something that is incoming.
    incoming: BTreeSet<NodeId>,
    /// First anything else.
    others: BTreeSet<NodeId>,
}

impl Planned {
    /// What is to be compared with a node has changed.
    pub(super) fn file(&mut self, id: NodeId, tasks: &VecDeque<Task>) {
        let Planned { incoming, others } = self;
        let is_incoming = matches!(tasks.front(), Some(Task::Incoming(_)));
        let (its, other) = if is_incoming { (incoming, others) } else { (others, incoming) };
        if tasks.is_empty() {
            its.remove(&id);
        } else {
            its.insert(id);
        }
        other.remove(&id);
    }

    /// That node is none to compare with any more.
    pub(super) fn forget(&mut self, id: NodeId) {
        self.incoming.remove(&id);
        self.others.remove(&id);
    }

    /// Whether these are all, each where it belongs.
    fn is_of(&self, peers: &BTreeMap<NodeId, Peer>) -> bool {
        let of = |incoming: bool| {
            let is_one =
                move |peer: &Peer| peer.tasks.front().is_some_and(|task| matches!(task, Task::Incoming(_)) == incoming);
            peers.iter().filter(move |(_, peer)| is_one(peer)).map(|(id, _)| id)
        };
        self.incoming.iter().eq(of(true)) && self.others.iter().eq(of(false))
    }

    /// The next one after this, of those whose first task may be begun.
    fn next(&self, after: Bound<NodeId>, incoming: bool, others: bool) -> Option<NodeId> {
        let of = |set: &BTreeSet<NodeId>| set.range((after, Bound::Unbounded)).next().copied();
        let incoming = incoming.then(|| of(&self.incoming)).flatten();
        let others = others.then(|| of(&self.others)).flatten();
        incoming.into_iter().chain(others).min()
    }
}

impl Repair {
    /// Something has changed, by which the next comparison may begin at another time.
    pub(super) fn note_change(&mut self, near: &Surroundings<'_>) {
        self.starts.set(None);
        self.large_at = near.membership.is_sparse().then_some(near.now);
    }

    /// When the next comparison may begin, with whomever.
    pub(super) fn next_start(&self, handoff: &Handoff) -> Option<Instant> {
        debug_assert!(self.planned.is_of(&self.peers), "a change that was not filed");
        if self.replan.is_some() {
            return self.replan;
        }
        if self.is_full() {
            return None;
        }
        let mut first: Option<Instant> = None;
        // In a small room these are few, and the very first is told.
        let is_enough = |first: Option<Instant>| first.is_some_and(|start| self.large_at.is_some_and(|at| start <= at));
        // No source can be compared with before the one under way has had its time.
        let patience = self.patience();
        for &id in &self.planned.incoming {
            if is_enough(first) || patience.is_some() && first == patience {
                break;
            }
            first = sooner(first, self.start(id, handoff));
        }
        if self.others_may_begin(handoff) {
            for &id in &self.planned.others {
                if is_enough(first) {
                    break;
                }
                first = sooner(first, self.start(id, handoff));
            }
        }
        first
    }

    /// Until when no further source is compared with.
    fn patience(&self) -> Option<Instant> {
        let under_way = self.sessions.values().filter(|session| matches!(session.task, Task::Incoming(_)));
        under_way.map(|session| session.progress + PATIENCE_MS).max()
    }

    /// Whether anything but what is incoming may begin: copies may, which are compared in any case.
    fn others_may_begin(&self, handoff: &Handoff) -> bool {
        handoff.incoming().is_empty() || self.feeding.is_some()
    }

    /// Whether no more comparisons may be begun now.
    fn is_full(&self) -> bool {
        self.sessions.len() >= SESSIONS_MAX
    }

    /// When the next comparison with a node may begin, as things are.
    fn start(&self, id: NodeId, handoff: &Handoff) -> Option<Instant> {
        let peer = self.peers.get(&id)?;
        let task = peer.tasks.front()?;
        if self.is_busy_with(id) {
            return None;
        }
        match task {
            // One source after the other.
            Task::Incoming(_) => Some(self.patience().map_or(peer.next, |patience| patience.max(peer.next))),
            // Not while the other compares the very same.
            Task::Shared if handoff.incoming().is_empty() => {
                Some(peer.asked_at.map_or(peer.next, |asked| peer.next.max(asked + ASKED_MS)))
            }
            Task::Stray(_) if handoff.incoming().is_empty() => Some(peer.next),
            Task::Interest(_) => Some(peer.next),
            Task::Shared | Task::Stray(_) => None,
        }
    }

    /// Begin what is due. Everybody begins with another, for many may have to fetch something at the same time.
    pub(super) fn begin_due(&mut self, near: &mut Surroundings<'_>, handoff: &Handoff) {
        if self.replan.is_some() {
            return;
        }
        for half in [Bound::Included(near.me), Bound::Unbounded] {
            let mut after = half;
            loop {
                let incoming = self.patience().is_none_or(|until| until <= near.now);
                let next = self.planned.next(after, incoming, self.others_may_begin(handoff));
                let Some(id) = next.filter(|id| half != Bound::Unbounded || *id < near.me) else { break };
                if self.is_full() {
                    return;
                }
                after = Bound::Excluded(id);
                if self.start(id, handoff).is_some_and(|start| start <= near.now) {
                    self.begin(near, id);
                }
            }
        }
    }
}

fn sooner(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}
