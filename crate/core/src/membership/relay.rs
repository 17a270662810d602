//! Asking on behalf of others: somebody cannot reach a node and asks whether this one can.
//!
//! The answer is one of three: it was heard from; it is silent over an open link; there is no link. Only the second is
//! evidence on its own. A relay that was late itself says nothing, for its own silence proves nothing (Lifeguard's
//! negative acknowledgement, IV-A). What was found is remembered for a while, for whoever lost the answer.

use alloc::vec::Vec;

use super::Membership;
use crate::id::NodeId;
use crate::time::{Instant, Millis};
use crate::wire::{Claim, Message, Outbox, Word};

/// How many enquiries of others are remembered while their target is being pinged.
const ERRANDS_MAX: usize = 64;
/// For how long it is remembered that the target was silent.
const REMEMBERED_MS: Millis = 3_000;

/// One enquiry under way.
#[derive(Debug, Clone)]
pub(super) struct Errand {
    target: NodeId,
    /// Of our ping.
    seq: u32,
    asker: NodeId,
    /// Of their enquiry.
    their_seq: u32,
    resend: Instant,
    deadline: Instant,
    /// That it was silent has been told.
    is_told: bool,
}

impl Membership {
    /// Somebody cannot reach `target` and asks whether we can.
    pub fn on_enquire(&mut self, now: Instant, from: NodeId, seq: u32, target: NodeId, out: &mut Outbox) {
        if target == self.me {
            out.push((from, Message::Vouch { seq, target, word: Word::Alive }));
            return;
        }
        if !self.links.contains(&target) {
            out.push((from, Message::Vouch { seq, target, word: Word::Unlinked }));
            let known = self.rumours_for(target);
            if known.iter().any(|rumour| rumour.claim == Claim::Closed) {
                out.push((from, Message::Rumours(known)));
            }
            return;
        }
        let is_same = |errand: &Errand| (errand.asker, errand.their_seq, errand.target) == (from, seq, target);
        if let Some(errand) = self.errands.iter().find(|errand| is_same(errand)) {
            let word = Message::Vouch { seq, target, word: Word::Silent };
            out.extend(errand.is_told.then_some((from, word)));
            return;
        }
        if self.errands.len() >= ERRANDS_MAX {
            self.errands.pop_front();
        }
        let patience = self.members.get(&target).map_or(0, |member| self.timing.patience_ms(member.presence()));
        let errand = Errand {
            target,
            seq: self.probing.number(),
            asker: from,
            their_seq: seq,
            resend: now + self.patience_ms(self.timing.resend_ms),
            deadline: now + self.patience_ms(self.timing.probe_timeout_ms) + patience,
            is_told: false,
        };
        out.push(self.ping(target, errand.seq));
        self.errands.push_back(errand);
    }

    /// This node was heard from: whoever asked for it is told.
    pub(super) fn vouch_for(&mut self, target: NodeId, out: &mut Outbox) {
        self.errands.retain(|errand| {
            if errand.target == target {
                out.push((errand.asker, Message::Vouch { seq: errand.their_seq, target, word: Word::Alive }));
            }
            errand.target != target
        });
    }

    pub(super) fn next_errand(&self) -> Option<Instant> {
        let next = |errand: &Errand| {
            if errand.is_told { errand.deadline + REMEMBERED_MS } else { errand.resend.min(errand.deadline) }
        };
        self.errands.iter().map(next).min()
    }

    /// Ask again, or give up.
    pub(super) fn handle_errands(&mut self, now: Instant, out: &mut Outbox) {
        let late_ms = self.timing.late_ms;
        self.errands.retain_mut(|errand| {
            let over_ms = now.since(errand.deadline);
            if errand.deadline > now || errand.is_told {
                return over_ms < REMEMBERED_MS;
            }
            errand.is_told = over_ms <= late_ms;
            if errand.is_told {
                let Errand { target, their_seq: seq, asker, .. } = *errand;
                out.push((asker, Message::Vouch { seq, target, word: Word::Silent }));
            }
            errand.is_told
        });
        let mut again: Vec<(NodeId, u32)> = Vec::new();
        let pause = self.patience_ms(self.timing.resend_ms);
        for errand in self.errands.iter_mut().filter(|errand| errand.resend <= now && !errand.is_told) {
            errand.resend = now + pause;
            again.push((errand.target, errand.seq));
        }
        for (target, seq) in again {
            out.push(self.ping(target, seq));
        }
    }
}
