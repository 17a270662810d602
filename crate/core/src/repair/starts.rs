//! When the next comparison begins: four at a time, and of what is incoming one source after the other, so that each
//! object comes once.
//!
//! In a room of hundreds this is asked often while they come: what follows from a change of the ring is planned once
//! for all changes that come together, and of many that are due by now the first that is found will do.

use alloc::vec::Vec;

use super::{ASKED_MS, PATIENCE_MS, Peer, Repair, SESSIONS_MAX, Task};
use crate::coordinator::Surroundings;
use crate::handoff::Handoff;
use crate::id::NodeId;
use crate::time::Instant;

impl Repair {
    /// Something has changed, by which the next comparison may begin at another time.
    pub(super) fn note_change(&mut self, near: &Surroundings<'_>) {
        self.starts.set(None);
        self.large_at = near.membership.is_sparse().then_some(near.now);
    }

    /// When the next comparison may begin, with whomever.
    pub(super) fn next_start(&self, handoff: &Handoff) -> Option<Instant> {
        debug_assert!(self.peers.iter().all(|(id, peer)| peer.tasks.is_empty() || self.planned.contains(id)));
        if self.replan.is_some() {
            return self.replan;
        }
        if self.is_full() {
            return None;
        }
        let planned = self.planned.iter().filter_map(|&id| Some((id, self.peers.get(&id)?)));
        let mut first: Option<Instant> = None;
        for start in planned.filter_map(|(id, peer)| self.start_of(id, peer, handoff)) {
            first = Some(first.map_or(start, |first| first.min(start)));
            // In a small room these are few, and the very first is told.
            if self.large_at.is_some_and(|at| start <= at) {
                break;
            }
        }
        first
    }

    /// Whether no more comparisons may be begun now.
    fn is_full(&self) -> bool {
        self.sessions.len() >= SESSIONS_MAX
    }

    /// When the next comparison with a node may begin, as things are.
    fn start_of(&self, id: NodeId, peer: &Peer, handoff: &Handoff) -> Option<Instant> {
        let task = peer.tasks.front()?;
        if self.is_busy_with(id) {
            return None;
        }
        match task {
            // One source after the other.
            Task::Incoming(_) => {
                let others = self.sessions.values().filter(|session| matches!(session.task, Task::Incoming(_)));
                let patience = others.map(|session| session.progress + PATIENCE_MS).max();
                Some(patience.map_or(peer.next, |patience| patience.max(peer.next)))
            }
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
        let peers = &self.peers;
        self.planned.retain(|id| peers.get(id).is_some_and(|peer| !peer.tasks.is_empty()));
        let order: Vec<NodeId> = self.planned.range(near.me..).chain(self.planned.range(..near.me)).copied().collect();
        for id in order {
            if self.is_full() {
                break;
            }
            let start = self.peers.get(&id).and_then(|peer| self.start_of(id, peer, handoff));
            if start.is_some_and(|start| start <= near.now) {
                self.begin(near, id);
            }
        }
    }
}
