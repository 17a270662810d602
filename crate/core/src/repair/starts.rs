//! When the next comparison begins: four at a time. Of what is incoming each source is asked once whether it holds
//! anything, many at a time: most hold nothing, or what has come by then. It is fetched from one after the other, so
//! that each object comes once; who holds something while another is fetched from waits for that.
//!
//! In a room of hundreds this is asked often while they come: what follows from a change of the ring is planned once
//! for all changes that come together, and of many that are due by now the first that is found will do.

use alloc::collections::{BTreeMap, BTreeSet};
use core::ops::Bound;

use super::{ASKED_MS, PATIENCE_MS, Peer, Repair, SESSIONS_MAX, SOURCES_LATE_MAX, SOURCES_MAX, Task};
use crate::coordinator::Surroundings;
use crate::handoff::Handoff;
use crate::id::NodeId;
use crate::time::Instant;

/// Those with whom something is still to be compared, by what comes first. While one source is fetched from, hundreds
/// of others may wait for it, and nobody is to look through them for who does not.
#[derive(Debug, Clone, Default)]
pub(super) struct Planned {
    /// First something that is incoming.
    incoming: BTreeSet<NodeId>,
    /// The same, where it is known that there is something, and that another is fetched from.
    waiting: BTreeSet<NodeId>,
    /// First anything else.
    others: BTreeSet<NodeId>,
}

/// Which of them may begin.
#[derive(Debug, Clone, Copy)]
struct May {
    ask: bool,
    fetch: bool,
    others: bool,
}

impl Planned {
    /// What is to be compared with a node has changed.
    pub(super) fn file(&mut self, id: NodeId, peer: &Peer) {
        self.forget(id);
        match peer.tasks.front() {
            Some(Task::Incoming) if peer.waits => self.waiting.insert(id),
            Some(Task::Incoming) => self.incoming.insert(id),
            Some(_) => self.others.insert(id),
            None => false,
        };
    }

    /// That node is none to compare with any more.
    pub(super) fn forget(&mut self, id: NodeId) {
        self.incoming.remove(&id);
        self.waiting.remove(&id);
        self.others.remove(&id);
    }

    /// Whether these are all, each where it belongs.
    fn is_of(&self, peers: &BTreeMap<NodeId, Peer>) -> bool {
        let mut anew = Planned::default();
        peers.iter().for_each(|(id, peer)| anew.file(*id, peer));
        let Planned { incoming, waiting, others } = anew;
        (&incoming, &waiting, &others) == (&self.incoming, &self.waiting, &self.others)
    }

    /// The next one after this, of those whose first task may be begun.
    fn next(&self, after: Bound<NodeId>, may: May) -> Option<NodeId> {
        let of = |set: &BTreeSet<NodeId>| set.range((after, Bound::Unbounded)).next().copied();
        let waiting = may.fetch.then(|| of(&self.waiting)).flatten();
        let others = may.others.then(|| of(&self.others)).flatten();
        let incoming = may.ask.then(|| of(&self.incoming)).flatten();
        incoming.into_iter().chain(waiting).chain(others).min()
    }
}

impl Repair {
    /// Something has changed, by which the next comparison may begin at another time.
    pub(super) fn note_change(&mut self, near: &Surroundings<'_>) {
        self.starts.set(None);
        self.large_at = near.membership.is_sparse().then_some(near.now);
        self.is_late = near.membership.is_late();
    }

    /// When the next comparison may begin, with whomever.
    pub(super) fn next_start(&self, handoff: &Handoff) -> Option<Instant> {
        debug_assert!(self.planned.is_of(&self.peers), "a change that was not filed");
        if self.replan.is_some() {
            return self.replan;
        }
        let May { ask, fetch, others } = self.may_begin(handoff);
        let mut first: Option<Instant> = None;
        // In a small room these are few, and the very first is told.
        let is_enough = |first: Option<Instant>| first.is_some_and(|start| self.large_at.is_some_and(|at| start <= at));
        for &id in &self.planned.incoming {
            if !ask || is_enough(first) {
                break;
            }
            first = sooner(first, self.start(id, handoff));
        }
        // None that waits can begin before the one that is fetched from has had its time.
        let patience = self.patience();
        for &id in &self.planned.waiting {
            if !fetch || is_enough(first) || patience.is_some() && first.is_some() && first <= patience {
                break;
            }
            first = sooner(first, self.start(id, handoff));
        }
        for &id in &self.planned.others {
            if !others || is_enough(first) {
                break;
            }
            first = sooner(first, self.start(id, handoff));
        }
        first
    }

    /// Until when no further source is fetched from.
    fn patience(&self) -> Option<Instant> {
        let under_way = self.sessions.values().filter(|session| session.is_fetching());
        under_way.map(|session| session.progress + PATIENCE_MS).max()
    }

    /// What may begin as long as no more is under way than may be. While something is incoming, nothing else does, but
    /// the comparison of copies.
    fn may_begin(&self, handoff: &Handoff) -> May {
        let sources_max = if self.is_late { SOURCES_LATE_MAX } else { SOURCES_MAX };
        let asking = self.sessions.values().filter(|session| session.is_asking_source()).count();
        let is_free = self.sessions.len() - asking < SESSIONS_MAX;
        let others = handoff.incoming().is_empty() || self.feeding.is_some();
        May { ask: asking < sources_max, fetch: is_free, others: is_free && others }
    }

    /// When the next comparison with a node may begin, as things are.
    fn start(&self, id: NodeId, handoff: &Handoff) -> Option<Instant> {
        let peer = self.peers.get(&id)?;
        let task = peer.tasks.front()?;
        if self.is_busy_with(id) {
            return None;
        }
        match task {
            Task::Incoming if peer.waits => Some(self.patience().map_or(peer.next, |until| until.max(peer.next))),
            Task::Incoming => Some(peer.next),
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
                let mut may = self.may_begin(handoff);
                may.fetch &= self.patience().is_none_or(|until| until <= near.now);
                let next = self.planned.next(after, may);
                let Some(id) = next.filter(|id| half != Bound::Unbounded || *id < near.me) else { break };
                after = Bound::Excluded(id);
                if self.start(id, handoff).is_some_and(|start| start <= near.now) {
                    self.begin(near, handoff, id);
                }
            }
        }
    }
}

fn sooner(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}
