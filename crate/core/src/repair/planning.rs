//! What is to be compared, with whom and from when on: planned when the ring has changed, when somebody is back, and in
//! turn when nothing has happened.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::peer::Peer;
use super::session::Session;
use super::{DIFFER_MS, EQUAL_MS, INTERVAL_MS, ROUND_MS, Repair, SECOND_MS, SETTLE_MS, Task};
use crate::coordinator::Surroundings;
use crate::handoff::Handoff;
use crate::id::{Inserted, NodeId, Position};
use crate::marks::Mark;
use crate::ring::{RangeSet, Ring};

impl Repair {
    /// The ring has changed: compare with everybody with whom more is shared than was found equal, first what is
    /// incoming.
    ///
    /// A comparison under way ends, but for one that asks about what is incoming: what is answered holds for these arcs
    /// whatever the ring, if this node has owned them ever since, and the other one has not been away. One that fetches
    /// ends where this node has lost some of them: who hears of the room one by one takes most of it for its own at
    /// first, and would fetch all that.
    pub fn on_ring_change(
        &mut self,
        near: &Surroundings<'_>,
        handoff: &Handoff,
        before: &Arc<Ring>,
        appeared: &[NodeId],
    ) {
        self.note_change(near);
        let sessions = self.sessions.len();
        self.sessions.retain(|_, session| session.task == Task::Incoming && !appeared.contains(&session.with));
        if !self.sessions.is_empty() {
            let owned = near.ring.arcs_of(near.me);
            let gained = owned.difference(&before.arcs_of(near.me));
            let is_whole = |session: &Session| session.is_asking_source() || session.scope.is_within(&owned);
            let outlives = |session: &Session| session.scope.intersection(&gained).is_empty() && is_whole(session);
            self.sessions.retain(|_, session| outlives(session));
        }
        near.marks.hit_if(Mark::RingChanges, || self.sessions.len() < sessions);
        near.marks.hit_if(Mark::RingOutlived, || !self.sessions.is_empty());
        if self.round < near.now {
            let pause = near.membership.patience_ms(ROUND_MS);
            let again = if near.membership.is_sparse() { self.round + pause } else { near.now };
            self.round = again.max(near.now + SETTLE_MS);
        }
        if near.membership.is_sparse() {
            // It changes with each of hundreds who come: what follows is worked out once, when it is to begin.
            let is_first = self.replan.is_none();
            self.replan = Some(self.round.max(near.now + SETTLE_MS));
            if is_first {
                self.before = Some(before.clone());
            }
            for peer in self.peers.values_mut() {
                peer.was_agreed = if is_first { peer.agreed == Some(before.hash()) } else { peer.was_agreed };
                peer.agreed = None;
            }
        } else {
            (self.replan, self.before) = (None, None);
            let was_agreed = |peer: &Peer| peer.agreed == Some(before.hash());
            self.plan_with_rest(near, handoff, Some(before), was_agreed);
        }
    }

    fn plan_with_all(&mut self, near: &Surroundings<'_>, handoff: &Handoff) {
        self.peers.retain(|id, _| {
            let stays = near.ring.contains(*id);
            if !stays {
                self.planned.forget(*id);
            }
            stays
        });
        let leading = owners_of_strays(near);
        for id in near.membership.answering() {
            self.plan_with(near, handoff, id, &leading);
        }
    }

    /// Plan what follows from a change of the ring in a large room, when it is time. What a probe has shown to be equal
    /// since is not compared.
    pub(super) fn replan_if_due(&mut self, near: &Surroundings<'_>, handoff: &Handoff) {
        let Some(due) = self.replan.filter(|due| *due <= near.now) else { return };
        self.replan = None;
        let ring = near.ring.hash();
        let since: Vec<NodeId> =
            self.peers.iter().filter(|(_, peer)| peer.agreed == Some(ring)).map(|(&id, _)| id).collect();
        let before = self.before.take();
        self.plan_with_rest(near, handoff, before.as_deref(), |peer| peer.was_agreed);
        for (id, peer) in &mut self.peers {
            peer.next = due + if near.me > *id && !handoff.sources().contains_key(id) { SECOND_MS } else { 0 };
        }
        since.into_iter().for_each(|id| self.on_agreed(id, ring));
    }

    /// Plan to compare with all but those with whom nothing is shared that was not before, when it was found equal: who
    /// comes takes of everybody, and gives them nothing to compare with each other. What this node has come to own
    /// between the two rings is incoming, whatever the second one says.
    fn plan_with_rest(
        &mut self,
        near: &Surroundings<'_>,
        handoff: &Handoff,
        before: Option<&Ring>,
        was_agreed: impl Fn(&Peer) -> bool,
    ) {
        let shared = near.ring.arcs_of_both_by(near.me);
        let before = before.filter(|_| self.peers.values().any(&was_agreed));
        let earlier = before.map(|before| before.arcs_of_both_by(near.me)).unwrap_or_default();
        let is_still = |(id, peer): &(&NodeId, &Peer)| match shared.get(*id) {
            None => true,
            Some(arcs) => was_agreed(peer) && earlier.get(*id).is_some_and(|earlier| arcs.is_within(earlier)),
        };
        let still: Vec<NodeId> = self.peers.iter().filter(is_still).map(|(&id, _)| id).collect();
        near.marks.hit_if(Mark::SharedAsBefore, || still.iter().any(|id| shared.contains_key(id)));
        self.plan_with_all(near, handoff);
        still.into_iter().for_each(|id| self.on_agreed(id, near.ring.hash()));
    }

    /// Plan to compare with nodes that have begun to answer.
    pub fn plan(&mut self, near: &Surroundings<'_>, handoff: &Handoff, back: &[NodeId]) {
        if back.is_empty() {
            return;
        }
        let strayed_from = owners_of_strays(near);
        back.iter().for_each(|id| self.plan_with(near, handoff, *id, &strayed_from));
    }

    fn plan_with(&mut self, near: &Surroundings<'_>, handoff: &Handoff, id: NodeId, strayed_from: &BTreeSet<NodeId>) {
        self.starts.set(None);
        let peer = self.peers.entry(id).or_default();
        peer.tasks.clear();
        (peer.failures, peer.waits) = (0, false);
        if handoff.sources().contains_key(&id) {
            peer.tasks.push_back(Task::Incoming);
        }
        peer.tasks.push_back(Task::Shared);
        // One that is on no ring any more is leaving, and hands off in its own way.
        if near.ring.contains(near.me) && strayed_from.contains(&id) {
            peer.tasks.push_back(Task::Stray(near.ring.arcs_of_first(id, near.me)));
        }
        peer.tasks.extend(near.store.pins().cloned().map(Task::Interest));
        self.planned.file(id, peer);
        peer.agreed = None;
        // What is incoming does not wait for the other; what is shared may be settled by its comparison.
        let second = if near.me > id && !handoff.sources().contains_key(&id) { SECOND_MS } else { 0 };
        peer.next = self.round.max(near.now + SETTLE_MS) + second;
        self.periodic.get_or_insert(near.now + INTERVAL_MS);
        self.go_on_feeding(near);
    }

    /// One neighbour a period, in turn; and what is still incoming, in case its session was lost.
    pub(super) fn plan_periodic(&mut self, near: &Surroundings<'_>, handoff: &Handoff) {
        let turn = (near.now.0 / INTERVAL_MS) as usize;
        let is_heard = |peer: &Peer| peer.equal_at.is_some_and(|at| near.now.since(at) < EQUAL_MS);
        let is_idle = |peer: &Peer| peer.tasks.is_empty() && !is_heard(peer);
        let idle: Vec<NodeId> = self.peers.iter().filter(|(_, peer)| is_idle(peer)).map(|(&id, _)| id).collect();
        if let Some(&id) = idle.get(turn % idle.len().max(1))
            && let Some(peer) = self.peers.get_mut(&id)
        {
            peer.tasks.push_back(Task::Shared);
            self.planned.file(id, peer);
            peer.next = near.now + DIFFER_MS;
        }
        // Whoever does not answer is planned with when it does, or is given up.
        for id in handoff.sources().keys().filter(|id| near.membership.answers(**id)) {
            let peer = self.peers.entry(*id).or_default();
            if !peer.tasks.contains(&Task::Incoming) {
                peer.tasks.push_front(Task::Incoming);
                self.planned.file(*id, peer);
            }
        }
    }
}

/// The owners of what lies here and is not this node's.
fn owners_of_strays(near: &Surroundings<'_>) -> BTreeSet<NodeId> {
    let strayed = RangeSet::full().difference(&near.ring.arcs_of(near.me));
    let positions: BTreeSet<Position> = near.store.items(&strayed).map(|(position, ..)| position).collect();
    positions.into_iter().flat_map(|position| near.ring.owners(position)).inserted()
}
