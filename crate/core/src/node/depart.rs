//! Going for good: from the request to leave to the signed departure, or back.
//!
//! The record says `Leaving`, and the ring closes over this node's arcs; `handoff` sees to it that everything lies
//! elsewhere. Then, in one step, the departure is signed and whatever the application still waits for is refused. The
//! application is told when the disk has the departure too; then its database may be deleted, and not before.
//!
//! Called off, at the deadline or when nobody on another device stays, the record says `Member` again. A tab that ends
//! before either is, when it comes back, a member under its next record.
//!
//! A node that has departed keeps nothing for anybody: who has not heard of it is told that it is not durable here.

use super::{Node, Output, near};
use crate::coordinator::{Reply, Surroundings};
use crate::id::NodeId;
use crate::time::Instant;
use crate::wire::{Message, Standing};

impl Node {
    /// Begin to leave, go on with it, or end it.
    pub(super) fn settle_leaving(&mut self, now: Instant) {
        for (id, deadline) in self.coordinator.take_leaves() {
            if self.leaving.begin(id, deadline) && self.membership.is_succeeded() {
                self.restand(now, Standing::Leaving);
            }
        }
        if !self.leaving.is_active() {
            return;
        }
        let is_complete = self.leaving.drive(&mut near!(self, now));
        if !self.membership.is_succeeded() || self.leaving.is_overdue(now) {
            for id in self.leaving.end() {
                self.outputs.push_back(Output::Reply { id, result: Reply::Left { handed_off: false } });
            }
            if self.membership.own().record().standing == Standing::Leaving {
                self.restand(now, Standing::Member);
            }
        } else if is_complete && self.membership.has_heirs() && !self.coordinator.owes_receipts() {
            self.departing = self.leaving.end();
            self.restand(now, Standing::Departed);
            self.coordinator.close();
        }
    }

    /// The departure is on the disk, or the disk has refused it: all the same, everything lies elsewhere.
    pub(super) fn settle_departure(&mut self) {
        if !self.departing.is_empty() && self.disk.is_idle() {
            for id in core::mem::take(&mut self.departing) {
                self.outputs.push_back(Output::Reply { id, result: Reply::Left { handed_off: true } });
            }
        }
    }

    fn restand(&mut self, now: Instant, standing: Standing) {
        self.membership.set_standing(standing, &mut self.scratch.out);
        self.settle_members(now);
    }

    pub(super) fn has_departed(&self) -> bool {
        self.membership.own().record().standing == Standing::Departed
    }

    /// This node has departed: it takes nothing, and says nothing of what it held.
    pub(super) fn decline(&mut self, from: NodeId, message: &Message) {
        let answer = match *message {
            Message::Store { request, .. } => Message::Stored { request, durable: false, is_owner: false },
            Message::Objects { batch, .. } if batch != 0 => Message::Kept { batch, durable: false },
            _ => return,
        };
        self.scratch.out.push((from, answer));
    }
}
