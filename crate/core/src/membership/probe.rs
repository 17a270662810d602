//! Probes: who answers. One member a period is pinged; if it does not answer, three others are asked to try; if none
//! can vouch for it, it is suspected, and told so by whoever reaches it.
//!
//! Local health (Lifeguard): a node that misses answers suspects itself first, and waits longer. A wake-up that comes
//! late means that this node slept; then nothing that fell due is held against anyone.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::{Membership, Timing};
use crate::id::NodeId;
use crate::time::Instant;
use crate::wire::{Claim, Message, Outbox, Rumour, WireError};

/// How many others are asked to try. SWIM's k; three are memberlist's choice.
const ENQUIRIES: usize = 3;
/// How much slower a node in bad health becomes at most.
const HEALTH_MAX: u64 = 4;
/// How many enquiries of others are remembered while their target is being pinged.
const ERRANDS_MAX: usize = 64;

/// The probe under way and whose turn is next.
#[derive(Debug, Clone)]
pub(super) struct Probing {
    next: Instant,
    last_seen: Instant,
    turn: VecDeque<NodeId>,
    urgent: VecDeque<NodeId>,
    current: Option<Probe>,
    seq: u32,
    /// 0 is well; each step makes this node that much more patient.
    health: u64,
    /// Pings sent on behalf of others: our sequence number, who asked, their sequence number, since when.
    errands: VecDeque<(u32, NodeId, u32, Instant)>,
}

#[derive(Debug, Clone)]
struct Probe {
    target: NodeId,
    seq: u32,
    asked_others: bool,
    deadline: Instant,
}

impl Probing {
    pub(super) fn new(next: Instant) -> Probing {
        Probing {
            next,
            last_seen: next,
            turn: VecDeque::new(),
            urgent: VecDeque::new(),
            current: None,
            seq: 0,
            health: 0,
            errands: VecDeque::new(),
        }
    }

    /// Probe this node before any other.
    pub(super) fn hurry(&mut self, id: NodeId) {
        if !self.urgent.contains(&id) {
            self.urgent.push_back(id);
        }
    }

    pub(super) fn forgive(&mut self, now: Instant, timing: &Timing) {
        if let Some(probe) = self.current.take() {
            self.urgent.push_back(probe.target);
        }
        self.next = now + timing.probe_interval_ms / 2;
        self.last_seen = now;
    }

    fn number(&mut self) -> u32 {
        self.seq = self.seq.wrapping_add(1);
        self.seq
    }
}

impl Membership {
    /// When something falls due next; `None` while this node knows of nobody.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.members.is_empty() {
            return None;
        }
        let probe = self.probing.current.as_ref().map_or(self.probing.next, |probe| probe.deadline);
        let urgent = (!self.probing.urgent.is_empty() && self.probing.current.is_none()).then_some(Instant(0));
        let dormant = self
            .members
            .values()
            .filter(|member| member.claim == Claim::Suspect)
            .map(|member| member.since + self.timing.dormant_after_ms)
            .min();
        [Some(probe), urgent, dormant].into_iter().flatten().min()
    }

    /// Act on what has fallen due.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) {
        let due = self.poll_timeout().unwrap_or(now).max(self.probing.last_seen);
        if now.since(due) > self.timing.sleep_gap_ms {
            self.forgive(now);
        }
        self.probing.last_seen = now;
        self.age(now);
        if self.probing.current.as_ref().is_some_and(|probe| probe.deadline <= now) {
            self.on_probe_timeout(now, out);
        }
        let is_due = self.probing.next <= now || !self.probing.urgent.is_empty();
        if self.probing.current.is_none() && is_due {
            self.probe_next(now, out);
        }
    }

    fn probe_next(&mut self, now: Instant, out: &mut Outbox) {
        self.probing.next = now + self.timing.probe_interval_ms * (1 + self.probing.health);
        let Some(target) = self.next_target() else { return };
        let seq = self.probing.number();
        let asked_others = !self.links.contains(&target);
        let deadline = if asked_others {
            self.enquire(target, seq, out);
            now + self.timing.enquiry_timeout_ms * (1 + self.probing.health)
        } else {
            let rumours = self.rumours_for(target);
            out.push((target, Message::Ping { seq, digest: self.digest_hash(), rumours, minutes: 0 }));
            now + self.timing.probe_timeout_ms * (1 + self.probing.health)
        };
        self.probing.current = Some(Probe { target, seq, asked_others, deadline });
    }

    /// Urgent ones first, then everybody once in a random order, then anew.
    fn next_target(&mut self) -> Option<NodeId> {
        let worth_it = |this: &Membership, id: &NodeId| {
            this.members.get(id).is_some_and(|member| member.claim < Claim::Dormant || this.links.contains(id))
        };
        while let Some(id) = self.probing.urgent.pop_front() {
            if worth_it(self, &id) {
                return Some(id);
            }
        }
        for _ in 0..2 {
            while let Some(id) = self.probing.turn.pop_front() {
                if worth_it(self, &id) {
                    return Some(id);
                }
            }
            let mut order: Vec<NodeId> = self.members.keys().copied().collect();
            self.random.shuffle(&mut order);
            self.probing.turn = order.into();
        }
        None
    }

    /// What the target should hear of: above all, what is said of itself.
    fn rumours_for(&self, target: NodeId) -> Vec<Rumour> {
        let member = self.members.get(&target).filter(|member| member.claim > Claim::Up);
        member
            .map(|member| Rumour {
                about: target,
                incarnation: member.signed.record().incarnation,
                claim: member.claim,
            })
            .into_iter()
            .collect()
    }

    fn enquire(&mut self, target: NodeId, seq: u32, out: &mut Outbox) {
        let mut others: Vec<NodeId> =
            self.links.iter().copied().filter(|&link| link != target && self.answers(link)).collect();
        self.random.shuffle(&mut others);
        for &other in others.iter().take(ENQUIRIES) {
            out.push((other, Message::Enquire { seq, target }));
        }
    }

    fn on_probe_timeout(&mut self, now: Instant, out: &mut Outbox) {
        let Some(mut probe) = self.probing.current.take() else { return };
        if !probe.asked_others {
            self.enquire(probe.target, probe.seq, out);
            probe.asked_others = true;
            probe.deadline = now + self.timing.enquiry_timeout_ms * (1 + self.probing.health);
            self.probing.current = Some(probe);
            return;
        }
        self.probing.health = (self.probing.health + 1).min(HEALTH_MAX);
        let Some(member) = self.members.get(&probe.target) else { return };
        if member.claim > Claim::Up {
            return;
        }
        let incarnation = member.signed.record().incarnation;
        let rumour = Rumour { about: probe.target, incarnation, claim: Claim::Suspect };
        self.apply_rumour(now, rumour, out);
        for &link in self.links.iter().filter(|&&link| link != probe.target) {
            out.push((link, Message::Rumours(alloc::vec![rumour])));
        }
    }

    /// Somebody asks whether we are here.
    pub fn on_ping(
        &mut self,
        now: Instant,
        from: NodeId,
        seq: u32,
        digest: u64,
        rumours: Vec<Rumour>,
        out: &mut Outbox,
    ) -> Result<(), WireError> {
        self.on_rumours(now, rumours, out)?;
        let ours = self.digest_hash();
        out.push((from, Message::Ack { seq, digest: ours, rumours: self.rumours_for(from), minutes: 0 }));
        if !self.members.contains_key(&from) && digest != ours {
            // A link without a hello: it was lost. Say ours, and theirs will follow.
            out.push((from, self.hello()));
        }
        Ok(())
    }

    /// Somebody is here.
    pub fn on_ack(
        &mut self,
        now: Instant,
        from: NodeId,
        seq: u32,
        digest: u64,
        rumours: Vec<Rumour>,
        out: &mut Outbox,
    ) -> Result<(), WireError> {
        self.on_rumours(now, rumours, out)?;
        if self.probing.current.as_ref().is_some_and(|probe| probe.target == from && probe.seq == seq) {
            self.probing.current = None;
            self.probing.health = self.probing.health.saturating_sub(1);
            if digest != self.digest_hash() {
                out.push((from, Message::Digest { entries: self.digest(), reply: true }));
            }
        }
        if let Some(index) = self.probing.errands.iter().position(|errand| errand.0 == seq)
            && let Some((_, asker, their_seq, _)) = self.probing.errands.remove(index)
        {
            out.push((asker, Message::Vouch { seq: their_seq, target: from }));
        }
        Ok(())
    }

    /// Somebody cannot reach `target` and asks whether we can.
    pub fn on_enquire(&mut self, now: Instant, from: NodeId, seq: u32, target: NodeId, out: &mut Outbox) {
        if target == self.me {
            out.push((from, Message::Vouch { seq, target }));
            return;
        }
        if !self.links.contains(&target) {
            return;
        }
        let our_seq = self.probing.number();
        if self.probing.errands.len() >= ERRANDS_MAX {
            self.probing.errands.pop_front();
        }
        self.probing.errands.push_back((our_seq, from, seq, now));
        let rumours = self.rumours_for(target);
        out.push((target, Message::Ping { seq: our_seq, digest: self.digest_hash(), rumours, minutes: 0 }));
    }

    /// Somebody has just heard from the target of our probe.
    pub fn on_vouch(&mut self, seq: u32, target: NodeId) {
        if self.probing.current.as_ref().is_some_and(|probe| probe.target == target && probe.seq == seq) {
            self.probing.current = None;
            self.probing.health = self.probing.health.saturating_sub(1);
        }
    }
}
