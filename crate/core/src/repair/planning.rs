//! What is to be compared, with whom and from when on: planned when the ring has changed, when somebody is back, and in
//! turn when nothing has happened.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::peer::Peer;
use super::{DIFFER_MS, EQUAL_MS, INTERVAL_MS, ROUND_MS, Repair, SECOND_MS, SETTLE_MS, Task};
use crate::coordinator::Surroundings;
use crate::handoff::Handoff;
use crate::id::{NodeId, Position};
use crate::marks::Mark;
use crate::ring::{RangeSet, Ring};

impl Repair {
    /// The ring has changed: compare with everybody with whom something is shared, first what is incoming.
    pub fn on_ring_change(&mut self, near: &Surroundings<'_>, handoff: &Handoff, before: &Arc<Ring>) {
        self.note_change(near);
        near.marks.hit_if(Mark::RingChanges, || !self.sessions.is_empty());
        self.sessions.clear();
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
            self.plan_with_all(near, handoff);
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
    /// since is not compared, nor what was equal before and is shared as it was: of a thousand nodes each shares arcs
    /// with some two hundred, and one that dies changes a few of them. What this node has come to own between the two
    /// rings is incoming, whatever the second one says.
    pub(super) fn replan_if_due(&mut self, near: &Surroundings<'_>, handoff: &Handoff) {
        let Some(due) = self.replan.filter(|due| *due <= near.now) else { return };
        self.replan = None;
        let ring = near.ring.hash();
        let shared = near.ring.arcs_of_both_by(near.me);
        let before = self.before.take().map(|before| before.arcs_of_both_by(near.me)).unwrap_or_default();
        let is_as_before = |(id, peer): &(&NodeId, &Peer)| match shared.get(*id) {
            None => true,
            Some(arcs) => peer.was_agreed && before.get(*id) == Some(arcs),
        };
        let mut agreed: Vec<NodeId> =
            self.peers.iter().filter(|(_, peer)| peer.agreed == Some(ring)).map(|(&id, _)| id).collect();
        self.plan_with_all(near, handoff);
        let as_before: Vec<NodeId> = self.peers.iter().filter(is_as_before).map(|(&id, _)| id).collect();
        near.marks.hit_if(Mark::SharedAsBefore, || as_before.iter().any(|id| shared.contains_key(id)));
        agreed.extend(as_before);
        for (id, peer) in &mut self.peers {
            peer.next = due + if near.me > *id && !handoff.sources().contains_key(id) { SECOND_MS } else { 0 };
        }
        agreed.into_iter().for_each(|id| self.on_agreed(id, ring));
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
        peer.failures = 0;
        if let Some(incoming) = handoff.sources().get(&id) {
            peer.tasks.push_back(Task::Incoming(incoming.clone()));
        }
        peer.tasks.push_back(Task::Shared);
        // One that is on no ring any more is leaving, and hands off in its own way.
        if near.ring.contains(near.me) && strayed_from.contains(&id) {
            peer.tasks.push_back(Task::Stray(near.ring.arcs_of_first(id, near.me)));
        }
        peer.tasks.extend(near.store.pins().cloned().map(Task::Interest));
        self.planned.file(id, &peer.tasks);
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
            self.planned.file(id, &peer.tasks);
            peer.next = near.now + DIFFER_MS;
        }
        // Whoever does not answer is planned with when it does, or is given up.
        for (id, ranges) in handoff.sources().iter().filter(|(id, _)| near.membership.answers(**id)) {
            let peer = self.peers.entry(*id).or_default();
            if !peer.tasks.iter().any(|task| matches!(task, Task::Incoming(_))) {
                peer.tasks.push_front(Task::Incoming(ranges.clone()));
                self.planned.file(*id, &peer.tasks);
            }
        }
    }
}

/// The owners of what lies here and is not this node's.
fn owners_of_strays(near: &Surroundings<'_>) -> BTreeSet<NodeId> {
    let strayed = RangeSet::full().difference(&near.ring.arcs_of(near.me));
    let positions: BTreeSet<Position> = near.store.items(&strayed).map(|(position, ..)| position).collect();
    positions.into_iter().flat_map(|position| near.ring.owners(position)).collect()
}
