//! What follows from a change: of the members, of the ring, of keys. It ends by draining everything into outputs.

use alloc::vec::Vec;

use super::{Config, Event, Node, Output, near};
use crate::coordinator::{Made, Surroundings};
use crate::handoff::{Doubt, Released, doubt, follow_strays};
use crate::id::{Key, NodeId, Pin};
use crate::marks::Mark;
use crate::membership::{Change, Status};
use crate::planted::Plant;
use crate::ring::Seating;
use crate::time::Instant;
use crate::wire::{self, Message, Standing, Traffic};

/// Room for so many messages, or changes, is kept from one input to the next.
const ROOM_KEPT: usize = 64;

/// The room of what has been emptied serves the next input, unless it is that of a burst.
pub(super) fn keep_room<T>(scratch: &mut Vec<T>, emptied: Vec<T>) {
    if scratch.capacity() == 0 && emptied.capacity() <= ROOM_KEPT {
        *scratch = emptied;
    }
}

impl Node {
    pub(super) fn settle(&mut self, now: Instant) {
        self.expire(now);
        self.settle_reach();
        self.settle_members(now);
        self.settle_pins(now);
        self.settle_comparisons(now);
        if !self.store.hints().all_rest() {
            self.handoff.deliver(&mut near!(self, now));
        }
        self.settle_leaving(now);
        self.settle_keys(now);
        self.flush(now);
        self.settle_adoptions(now);
        self.settle_departure();
        for id in self.overlay.dial(now, self.me, &self.membership, &self.routes) {
            self.outputs.push_back(Output::Dial(id));
        }
        let (marks, out) = (&self.config.limits.marks, &mut self.scratch.out);
        for id in self.overlay.trim(now, self.me, &self.membership, &mut self.routes, marks, out) {
            self.outputs.push_back(Output::Hangup(id));
        }
        self.drain(now);
    }

    /// The room has grown too large for links between all, or has shrunk.
    fn settle_reach(&mut self) {
        let is_sparse = self.overlay.is_sparse(&self.membership);
        if is_sparse != self.membership.is_sparse() {
            self.config.limits.marks.hit(if is_sparse { Mark::Sparse } else { Mark::Meshed });
            self.membership.set_sparse(is_sparse);
        }
    }

    /// Time has gone on, or the clock has been told: values go out of sight before anything else is done.
    pub(super) fn expire(&mut self, now: Instant) {
        // Dropping is for ever, and for all: with other devices here, one of them must have the same time.
        let may_drop =
            self.store.has_expiries() && (!self.membership.is_succeeded() || self.wall.confirmed(now).is_some());
        let keys = self.store.expire(self.wall.trusted(now), may_drop);
        if !keys.is_empty() {
            self.coordinator.on_expired(&mut near!(self, now), &keys);
            self.event(Event::Expired { keys: keys.len() });
        }
    }

    /// Members changed: write their records down, build the ring anew, tell the modules who answers.
    pub(super) fn settle_members(&mut self, now: Instant) {
        let mut appeared = Vec::new();
        for change in self.membership.take_changes() {
            match change {
                Change::Record(signed) => {
                    let is_hearsay = signed.id() != self.me && signed.record().standing != Standing::Departed;
                    self.store.keep_record(&signed, is_hearsay);
                }
                Change::Status { id, was, now: is } => {
                    self.event(Event::Member { id, was, now: is });
                    self.overlay.on_status(self.me, id, is);
                    let is_new = was.is_none_or(Status::is_off);
                    if is == Status::Up && (self.met.insert(id) || is_new) {
                        self.config.limits.marks.hit_if(Mark::DormantReturns, || was == Some(Status::Dormant));
                        appeared.push(id);
                    }
                }
            }
        }
        if self.revision != self.membership.revision() {
            self.revision = self.membership.revision();
            let was_made = self.roll.replace(self.membership.roll());
            if was_made != self.roll || !appeared.is_empty() {
                self.settle_ring(now, &appeared, was_made.is_none());
            }
            debug_assert_eq!(self.seating().hash(), self.ring.hash(), "a change that is not on the roll");
            self.settle_answering(now);
        }
        debug_assert!(
            self.membership.answering_anew().eq(self.answering.iter().copied()),
            "one has turned and is not named"
        );
    }

    fn settle_answering(&mut self, now: Instant) {
        let (back, gone): (Vec<NodeId>, Vec<NodeId>) =
            self.membership.take_turned().into_iter().partition(|id| self.membership.answers(*id));
        if gone.is_empty() && back.is_empty() {
            return;
        }
        gone.iter().for_each(|id| {
            self.answering.remove(id);
        });
        self.answering.extend(&back);
        self.repair.on_membership(&near!(self, now), &gone);
        self.handoff.on_membership(&mut near!(self, now));
        self.refresh_incoming();
        self.repair.plan(&near!(self, now), &self.handoff, &back);
        self.coordinator.on_membership(&mut near!(self, now));
        self.coordinator.renew_all(&mut near!(self, now));
    }

    fn seating(&self) -> Seating {
        let seats = self.membership.present().map(|(id, record)| (id, record.device, record.capacity));
        Seating::new(&self.config.room, self.membership.n(), seats)
    }

    fn settle_ring(&mut self, now: Instant, appeared: &[NodeId], is_first: bool) {
        let seating = self.seating();
        let is_same = seating.hash() == self.ring.hash();
        if is_same && appeared.is_empty() {
            return;
        }
        let before = if is_same {
            self.ring.clone()
        } else {
            let is_odd = self.me.as_bytes()[0] % 2 == 1;
            let planted = Some(self.config.limits.planted).filter(|planted| is_odd || !planted.has(Plant::WrongOrder));
            let Config { room, limits, .. } = &self.config;
            let ring = limits.rings.of(room, seating, &self.ring, planted.unwrap_or_default());
            core::mem::replace(&mut self.ring, ring)
        };
        self.release.on_ring_change(now);
        self.leaving.restart();
        if is_first {
            return;
        }
        let had_incoming = !self.incoming.is_empty();
        let sources = self.handoff.on_ring_change(&mut near!(self, now), &before, appeared);
        self.refresh_incoming();
        if !self.incoming.is_empty() && !had_incoming {
            self.event(Event::ArcIncoming { sources });
        }
        follow_strays(&mut near!(self, now));
        self.repair.on_ring_change(&near!(self, now), &self.handoff, &before, appeared);
        self.coordinator.on_ring_change(&mut near!(self, now), &before);
        self.coordinator.on_membership(&mut near!(self, now));
        self.coordinator.renew_all(&mut near!(self, now));
    }

    /// Something was pinned: what is held of it and owned by others is copied, and all else asked for.
    fn settle_pins(&mut self, now: Instant) {
        for pin in self.store.take_pinned() {
            follow_strays(&mut near!(self, now));
            self.repair.on_pinned(&near!(self, now), &pin);
        }
        if self.store.take_overfull() {
            self.event(Event::CopiesFull);
        }
    }

    /// A comparison of copies ended: some may be unknown to their owners; and if it was the last, all are known to be
    /// as their owners have them.
    fn settle_copies(&mut self, now: Instant, pin: &Pin, with: NodeId, doubts: &[Doubt]) {
        doubt(&mut near!(self, now), self.config.limits.horizon_ms, with, doubts);
        let is_complete = self.ring.nodes().all(|id| id == self.me || self.answering.contains(&id));
        if let Some(wall) = self.wall.trusted(now).filter(|_| is_complete)
            && self.repair.is_fed(pin, &self.ring, self.answering.iter().copied())
        {
            self.store.note_fed(pin, wall.minutes());
        }
    }

    /// Comparisons ended: arcs may have arrived, and writes that the other side has too are confirmed.
    fn settle_comparisons(&mut self, now: Instant) {
        for outcome in self.repair.take_outcomes() {
            if let Some(pin) = &outcome.pin {
                self.settle_copies(now, pin, outcome.with, &outcome.doubts);
                continue;
            }
            self.handoff.on_compared(&near!(self, now), outcome.with, &outcome.scope);
            self.refresh_incoming();
            if outcome.is_confirmed {
                self.confirm_all(now, outcome.with, &outcome.scope);
            }
            if outcome.received + outcome.sent > 0 {
                let (with, received, sent) = (outcome.with, outcome.received, outcome.sent);
                self.event(Event::Reconciled { with, received, sent });
            }
        }
        let Released { strays, tombstones } = self.release.take_released();
        if strays > 0 {
            self.event(Event::LetGo { keys: strays });
        }
        if tombstones > 0 {
            self.event(Event::Reaped { tombstones });
        }
        for replica in self.coordinator.take_repaired() {
            self.event(Event::ReadRepaired { replica });
        }
    }

    /// The other node has the very same in this part of the ring, durable: every write followed there has reached it.
    pub(super) fn confirm_all(&mut self, now: Instant, with: NodeId, scope: &crate::ring::RangeSet) {
        let near = &mut near!(self, now);
        let followed: Vec<Key> =
            self.coordinator.followed().filter(|key| scope.contains(near.position(key).0)).cloned().collect();
        for key in followed {
            near.marks.hit(Mark::ConfirmedByComparison);
            let Some(seen) = near.store.context(&key) else { continue };
            self.coordinator.on_confirmed(near, with, &key, &seen);
        }
    }

    /// Keys changed: tell whoever watches them.
    fn settle_keys(&mut self, now: Instant) {
        for Made { id, key, dot, context, is_delete, gone } in self.coordinator.take_made() {
            self.outputs.push_back(Output::Event(Event::Written { id, key, dot, context, is_delete, gone }));
        }
        let mut changes = core::mem::take(&mut self.scratch.changed);
        for (key, from, changed) in changes.drain(..) {
            if changed.after > 1 && changed.after > changed.before {
                self.config.limits.marks.hit_if(Mark::ManySiblings, || changed.after > 8);
                self.event(Event::SiblingsCreated { siblings: changed.after });
            }
            near!(self, now).follow(&key);
            self.coordinator.on_changed(&mut near!(self, now), &key, from);
        }
        keep_room(&mut self.scratch.changed, changes);
        if self.coordinator.has_scans() {
            self.coordinator.tell_scans(&mut near!(self, now));
        }
        for owner in self.store.hints_mut().take_added() {
            self.event(Event::HintStored { owner });
        }
        for reason in self.store.take_epochs() {
            self.event(Event::EpochBegun { reason });
        }
    }

    /// Everything that is to be sent or said, in order.
    fn drain(&mut self, now: Instant) {
        let leaves_tombstones = self.config.limits.planted.has(Plant::TombstoneNotSent);
        let mut out = core::mem::take(&mut self.scratch.out);
        // A write goes to each of its owners in the same words, one after another.
        let mut same: Option<Vec<u8>> = None;
        let mut messages = out.drain(..).peekable();
        while let Some((to, mut message)) = messages.next() {
            let encoded = same.take();
            if !self.membership.links().contains(&to) && !message.is_relayable() {
                continue;
            }
            if let Message::Ping { minutes, shared, .. } | Message::Ack { minutes, shared, .. } = &mut message {
                *minutes = self.wall.minutes(now);
                if self.disk.is_clean() && self.answering.contains(&to) {
                    *shared = self.repair.shared_fingerprint(&near!(self, now), to);
                }
            }
            if let (true, Message::Objects { objects, .. }) = (leaves_tombstones, &mut message) {
                objects.retain(|(_, object)| !object.is_tombstone());
            }
            let (membership, marks) = (&self.membership, &self.config.limits.marks);
            if let Some(ways) = self.routes.wrap(now, to, &message, membership, &mut self.random, marks) {
                ways.iter().for_each(|(way, message)| self.send(now, *way, message, wire::encode(message)));
                continue;
            }
            let bytes = encoded.unwrap_or_else(|| wire::encode(&message));
            if messages.peek().is_some_and(|(_, next)| matches!(next, Message::Store { .. }) && *next == message) {
                same = Some(bytes.clone());
            }
            self.send(now, to, &message, bytes);
        }
        drop(messages);
        keep_room(&mut self.scratch.out, out);
        for (id, result) in self.coordinator.take_replies() {
            self.outputs.push_back(Output::Reply { id, result });
        }
    }

    fn send(&mut self, now: Instant, to: NodeId, message: &Message, bytes: Vec<u8>) {
        if bytes.len() > wire::FRAME_BYTES_MAX {
            self.dropped += 1;
            return;
        }
        *self.sent_mut(message) += bytes.len() as u64;
        if self.config.limits.sends_together || self.membership.is_late() || self.bundles.holds(to) {
            let left = self.bundles.add(now, to, message, bytes);
            self.outputs.extend(left.into_iter().map(|(lane, bytes)| Output::Send { to, lane, bytes }));
        } else {
            self.outputs.push_back(Output::Send { to, lane: message.lane(), bytes });
        }
    }

    /// What has been drained leaves.
    pub(super) fn send_bundles(&mut self, now: Instant) {
        let marks = &self.config.limits.marks;
        for (to, lane, bytes) in self.bundles.take_due(now, self.membership.pause_ms(), marks) {
            self.outputs.push_back(Output::Send { to, lane, bytes });
        }
    }

    fn sent_mut(&mut self, message: &Message) -> &mut u64 {
        match message.traffic() {
            Traffic::Gossip => &mut self.sent.gossip,
            Traffic::Repair => &mut self.sent.repair,
            Traffic::Transfer => &mut self.sent.transfer,
            Traffic::Request => &mut self.sent.request,
            Traffic::Signal => &mut self.sent.signal,
        }
    }
}
