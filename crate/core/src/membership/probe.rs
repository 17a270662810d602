//! Probes: who answers. Two members a period are pinged; for one that does not answer, others are asked to try, three
//! at a time, on distinct devices where there are any; if none can vouch for it, it is suspected, and told so by
//! whoever reaches it.
//!
//! What counts as evidence: a relay that has an open link with the member and hears nothing either; or that nobody has
//! a link with it; or, where there is nobody to ask, this node's own silence. A relay that says nothing itself is no
//! evidence, nor is a closed channel: it only hurries the probe. Any frame from the member ends the probe.
//!
//! Local health (Lifeguard): a node to which relays do not answer either, or which is accused itself, suspects itself
//! first, and waits longer. A wake-up that comes late means that this node slept; then nothing that fell due is held
//! against anyone.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::{Membership, Status, Timing};
use crate::id::{DeviceId, Inserted, NodeId};
use crate::marks::Mark;
use crate::planted::Plant;
use crate::time::{Instant, Millis};
use crate::wire::{Claim, Message, Outbox, Presence, Rumour, WireError, Word};

/// How many others are asked to try, at a time. SWIM's k; three are memberlist's choice.
const ENQUIRIES: usize = 3;
/// How often others are asked at most while each says that it has no link; and while each says nothing.
const ROUNDS_MAX: usize = 8;
const SILENT_ROUNDS_MAX: usize = 2;
/// How much slower a node in bad health becomes at most.
const HEALTH_MAX: u64 = 4;
/// How many members are probed at the same time; hurried ones need not wait for each other.
const PROBES_MAX: usize = 16;
/// For how long a member that has no link with this node is not probed after a new record of it has come: that was a
/// sign of life, and nobody nearby may be able to vouch for it. Where all have just met, links to all are on their way.
const SPOKEN_MS: Millis = 10_000;
/// In a large room, one probe in so many is of a member without a link.
const AFAR_EVERY: u32 = 8;
/// By how much more seldom what goes over others is sent again.
const RESENDS_OVER_OTHERS: u64 = 4;
/// How soon a digest is sent again to whoever seems to know something else.
const DIGEST_PAUSE_MS: Millis = 200;

/// The probes under way and whose turn is next.
#[derive(Debug, Clone)]
pub(super) struct Probing {
    next: Instant,
    last_seen: Instant,
    turn: VecDeque<NodeId>,
    urgent: VecDeque<NodeId>,
    probes: Vec<Probe>,
    seq: u32,
    /// Counts probes of periods in a large room.
    afar: u32,
    /// 0 is well; each step makes this node that much more patient.
    health: u64,
    /// No digest before then.
    digest_at: Instant,
}

#[derive(Debug, Clone)]
struct Probe {
    target: NodeId,
    seq: u32,
    began: Instant,
    /// Who has been asked, in all rounds.
    asked: BTreeSet<NodeId>,
    /// Who of this round has not yet said anything.
    waiting: BTreeSet<NodeId>,
    round_size: usize,
    rounds: usize,
    silent_rounds: usize,
    /// Whether somebody who has a link with it hears nothing; whether anybody has said anything.
    is_silent: bool,
    is_answered: bool,
    was_put_off: bool,
    resend: Instant,
    deadline: Instant,
}

impl Probing {
    pub(super) fn new(next: Instant) -> Probing {
        Probing {
            next,
            last_seen: next,
            turn: VecDeque::new(),
            urgent: VecDeque::new(),
            probes: Vec::new(),
            seq: 0,
            afar: 0,
            health: 0,
            digest_at: Instant(0),
        }
    }

    /// Probe this node before any other.
    pub(super) fn hurry(&mut self, id: NodeId) {
        if !self.urgent.contains(&id) {
            self.urgent.push_back(id);
        }
    }

    pub(super) fn forgive(&mut self, now: Instant, timing: &Timing) {
        for probe in core::mem::take(&mut self.probes) {
            self.hurry(probe.target);
        }
        self.next = now + timing.probe_interval_ms / 2;
        self.last_seen = now;
    }

    /// Something is wrong with this node itself, or with its way to the others.
    pub(super) fn doubt_oneself(&mut self) {
        self.health = (self.health + 1).min(HEALTH_MAX);
    }

    pub(super) fn number(&mut self) -> u32 {
        self.seq = self.seq.wrapping_add(1);
        self.seq
    }

    /// Whether the next probe is of somebody without a link.
    fn is_afar(&mut self) -> bool {
        self.afar = self.afar.wrapping_add(1);
        self.afar.is_multiple_of(AFAR_EVERY)
    }

    fn due(&self) -> Instant {
        let probe = self.probes.iter().map(|probe| probe.deadline.min(probe.resend)).min().unwrap_or(self.next);
        let is_urgent = !self.urgent.is_empty() && self.probes.len() < PROBES_MAX;
        if is_urgent { Instant(0) } else { probe.min(self.next) }
    }
}

impl Membership {
    /// When something falls due next; `None` while this node knows of nobody.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.members.is_empty() && self.links.is_empty() {
            return None;
        }
        [Some(self.probing.due()), self.next_errand(), self.next_dormant(), self.next_news()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Act on what has fallen due.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) {
        let due = self.poll_timeout().unwrap_or(now).max(self.probing.last_seen);
        if now.since(due) > self.timing.sleep_gap_ms {
            self.marks.hit(Mark::WakesLate);
            self.forgive(now, now.since(due));
        }
        self.probing.last_seen = now;
        self.age(now);
        self.handle_errands(now, out);
        self.tell_news(now, out);
        self.handle_probes(now, out);
        while self.probing.probes.len() < PROBES_MAX {
            let Some(target) = self.probing.urgent.pop_front() else { break };
            if self.is_worth_probing(now, target) {
                self.probe(now, target, out);
            }
        }
        if self.probing.next <= now {
            self.probing.next = now + self.timing.probe_interval_ms * (1 + self.probing.health);
            self.greet_again(now, out);
            let round_trip = &self.round_trip;
            self.telling.on_tick(now, self.links.len(), |usually| round_trip.patience_ms(usually));
            // Where answers take long, a second one would only make the queue longer.
            let probes = if self.is_late() { 1 } else { self.timing.probes_per_interval };
            for _ in 0..probes {
                let Some(target) = self.next_target(now) else { break };
                self.probe(now, target, out);
            }
        }
    }

    fn is_worth_probing(&self, now: Instant, id: NodeId) -> bool {
        let is_busy = self.probing.probes.iter().any(|probe| probe.target == id);
        let is_linked = self.links.contains(&id);
        let is_worth = |member: &super::Member| {
            let is_off = member.status() == Status::Departed || member.presence() == Presence::Frozen;
            let has_spoken = member.claim == Claim::Up && member.spoke.is_some_and(|at| now.since(at) < SPOKEN_MS);
            !is_off && !has_spoken && (member.claim < Claim::Dormant || is_linked)
        };
        !is_busy && self.members.get(&id).is_some_and(is_worth)
    }

    /// Everybody once in a random order, then anew.
    fn next_target(&mut self, now: Instant) -> Option<NodeId> {
        if self.is_sparse() && self.probing.is_afar() {
            // Now and then somebody without a link: all who have one with it may have gone at the same time.
            let known = self.members.len();
            let at = self.random.u64(0..known.max(1) as u64) as usize;
            let far = self.members.keys().copied().nth(at);
            if let Some(id) = far.filter(|id| !self.links.contains(id) && self.is_worth_probing(now, *id)) {
                return Some(id);
            }
        }
        for _ in 0..2 {
            while let Some(id) = self.probing.turn.pop_front() {
                // Whose link was hung up since the order was drawn is for its neighbours to probe.
                if self.is_near(id) && self.is_worth_probing(now, id) {
                    return Some(id);
                }
            }
            let mut order: Vec<NodeId> = self.members.keys().filter(|id| self.is_near(**id)).copied().collect();
            crate::id::shuffle(&mut self.random, &mut order);
            self.probing.turn = order.into();
        }
        None
    }

    /// Whether this node is one of those who probe that one.
    fn is_near(&self, id: NodeId) -> bool {
        !self.is_sparse() || self.links.contains(&id)
    }

    /// What the target should hear of: above all, what is said of itself.
    pub(super) fn rumours_for(&self, target: NodeId) -> Vec<Rumour> {
        let member = self.members.get(&target).filter(|member| member.claim > Claim::Up);
        let rumour = member.map(|member| Rumour {
            about: target,
            incarnation: member.incarnation(),
            claim: member.claim,
            accuser: None,
        });
        rumour.into_iter().collect()
    }

    pub(super) fn ping(&mut self, target: NodeId, seq: u32) -> (NodeId, Message) {
        let rumours = self.rumours_for(target);
        (target, Message::Ping { seq, digest: self.digest_hash(), rumours, minutes: 0, shared: None })
    }

    fn probe(&mut self, now: Instant, target: NodeId, out: &mut Outbox) {
        let mut probe = Probe {
            target,
            seq: self.probing.number(),
            began: now,
            asked: BTreeSet::new(),
            waiting: BTreeSet::new(),
            round_size: 0,
            rounds: 0,
            silent_rounds: 0,
            is_silent: false,
            is_answered: false,
            was_put_off: false,
            resend: now
                + self.patience_ms(self.timing.resend_ms)
                    * if self.is_passed_on(target) { RESENDS_OVER_OTHERS } else { 1 },
            deadline: now + self.patience_ms(self.timing.probe_timeout_ms) * (1 + self.probing.health),
        };
        // In a large room its neighbours are asked, and whether it answers over others, at the same time.
        let is_direct = self.links.contains(&target);
        if is_direct {
            self.round_trip.on_asked(now, target, probe.seq);
        }
        if is_direct || self.is_sparse() {
            out.push(self.ping(target, probe.seq));
        }
        if !is_direct && !self.enquire(now, &mut probe, out) {
            // Nobody to ask, and no link: it gets as long as one that has a link.
            probe.deadline = probe.deadline + self.enquiry_ms(target);
            probe.rounds = 1;
        }
        self.probing.probes.push(probe);
    }

    fn enquiry_ms(&self, target: NodeId) -> Millis {
        let presence = self.members.get(&target).map_or(Presence::Visible, super::Member::presence);
        self.patience_ms(self.timing.enquiry_timeout_ms) * (1 + self.probing.health) + self.timing.patience_ms(presence)
    }

    /// Ask the next few. Tells whether there was anybody left to ask.
    fn enquire(&mut self, now: Instant, probe: &mut Probe, out: &mut Outbox) -> bool {
        let mut relays = self.relays(probe);
        relays.retain(|_| !self.planted.has(Plant::AccuseAlone));
        probe.rounds += 1;
        probe.deadline = now + self.enquiry_ms(probe.target);
        probe.asked.extend(&relays);
        out.extend(relays.iter().map(|&relay| (relay, Message::Enquire { seq: probe.seq, target: probe.target })));
        probe.round_size = relays.len();
        probe.waiting = relays.into_iter().collect();
        !probe.waiting.is_empty()
    }

    /// Who is asked next: prompt ones first, each on a device of its own and not the target's, as far as there are any.
    fn relays(&mut self, probe: &Probe) -> Vec<NodeId> {
        let is_free = |id: &NodeId| *id != probe.target && !probe.asked.contains(id) && self.answers(*id);
        let links = || self.links.iter().copied().collect();
        let near = if self.is_sparse() { self.neighbours_of(probe.target) } else { Vec::new() };
        let mut others = if near.is_empty() { links() } else { near };
        others.retain(is_free);
        crate::id::shuffle(&mut self.random, &mut others);
        others.sort_by_key(|id| self.members.get(id).map(super::Member::presence));
        let mut devices: BTreeSet<DeviceId> = self.device(probe.target).into_iter().inserted();
        let mut is_distinct = |id: &NodeId| self.device(*id).is_some_and(|device| devices.insert(device));
        let (first, rest): (Vec<NodeId>, Vec<NodeId>) = others.into_iter().partition(|id| is_distinct(id));
        first.into_iter().chain(rest).take(ENQUIRIES).collect()
    }

    fn handle_probes(&mut self, now: Instant, out: &mut Outbox) {
        for mut probe in core::mem::take(&mut self.probing.probes) {
            if probe.deadline > now {
                self.resend(now, &mut probe, out);
                self.probing.probes.push(probe);
            } else if now.since(probe.deadline) > self.timing.late_ms && !probe.was_put_off {
                self.marks.hit(Mark::VerdictPutOff);
                probe.was_put_off = true;
                probe.deadline = now + self.timing.late_ms;
                self.probing.probes.push(probe);
            } else {
                self.on_round_over(now, probe, out);
            }
        }
    }

    fn resend(&mut self, now: Instant, probe: &mut Probe, out: &mut Outbox) {
        if probe.resend > now {
            return;
        }
        let is_direct = self.links.contains(&probe.target);
        // What goes over others goes by two ways already.
        let pause = if is_direct || !self.is_sparse() { 1 } else { RESENDS_OVER_OTHERS };
        probe.resend = now + self.patience_ms(self.timing.resend_ms) * pause;
        if is_direct || self.is_sparse() {
            out.push(self.ping(probe.target, probe.seq));
        }
        let Probe { seq, target, .. } = *probe;
        out.extend(probe.waiting.iter().map(|&relay| (relay, Message::Enquire { seq, target })));
    }

    /// The direct ping, or a round of relays, has run out or been answered in full without a sign of life.
    fn on_round_over(&mut self, now: Instant, mut probe: Probe, out: &mut Outbox) {
        let is_nobody = probe.rounds > 0 && probe.waiting.len() == probe.round_size;
        probe.silent_rounds += usize::from(is_nobody);
        let may_ask = probe.rounds < ROUNDS_MAX && probe.silent_rounds < SILENT_ROUNDS_MAX && !probe.is_silent;
        let was_direct = probe.rounds == 0;
        if may_ask && self.enquire(now, &mut probe, out) {
            probe.was_put_off = false;
            self.probing.probes.push(probe);
            return;
        }
        if was_direct && self.links.contains(&probe.target) {
            // Nobody to ask: it gets as long as one for whom others are asked.
            self.marks.hit(Mark::NobodyToAsk);
            probe.waiting.clear();
            self.probing.probes.push(probe);
            return;
        }
        let was_heard = |id: &NodeId| {
            self.members.get(id).is_some_and(|member| member.heard.is_some_and(|heard| heard >= probe.began))
        };
        if !probe.is_silent && !probe.is_answered && probe.asked.iter().any(was_heard) {
            // The relays are there, and do not answer us: the trouble is on our side.
            self.marks.hit(Mark::RelaysSilent);
            self.probing.doubt_oneself();
            return;
        }
        if !probe.is_answered {
            self.probing.doubt_oneself();
        }
        if !probe.is_answered && !probe.asked.is_empty() && self.is_sparse() {
            // Without a word from anybody who may have a link with it, this says nothing of the target: it is probed
            // again in its turn.
            self.marks.hit(Mark::NobodyHasSaid);
            return;
        }
        self.accuse(now, probe.target, out);
    }

    /// The target of a probe is there.
    pub(super) fn probe_succeeded(&mut self, target: NodeId) {
        let before = self.probing.probes.len();
        self.probing.probes.retain(|probe| probe.target != target);
        if self.probing.probes.len() < before {
            self.probing.health = self.probing.health.saturating_sub(1);
        }
    }

    /// A member has begun a new incarnation: it lives, and what a probe that began before has found is about another.
    /// Held against the new one, probes hurried by each other's rumours would accuse and be refuted for ever.
    pub(super) fn begin_anew(&mut self, target: NodeId) {
        self.probing.probes.retain(|probe| probe.target != target);
        self.probing.urgent.retain(|urgent| *urgent != target);
    }

    /// How often others have been asked about a member that is being probed.
    #[cfg(test)]
    pub(super) fn probing_of(&self, id: NodeId) -> Option<usize> {
        self.probing.probes.iter().find(|probe| probe.target == id).map(|probe| probe.rounds)
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
        self.on_rumours(now, from, rumours, out)?;
        let ours = self.digest_hash();
        out.push((from, Message::Ack { seq, digest: ours, rumours: self.rumours_for(from), minutes: 0, shared: None }));
        if !self.members.contains_key(&from) && digest != ours {
            // A link without a hello: it was lost. Say ours, and theirs will follow.
            self.greet_if_due(now, from, out);
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
        let theirs = self.members.get(&from).map_or(0, |member| self.timing.patience_ms(member.presence()));
        let own = self.timing.patience_ms(self.own.record().presence);
        self.round_trip.on_answered(now, from, seq, theirs + own);
        self.on_rumours(now, from, rumours, out)?;
        if digest != self.digest_hash() && self.probing.digest_at <= now {
            self.probing.digest_at = now + self.patience_ms(DIGEST_PAUSE_MS);
            out.push((from, Message::Digest { entries: self.digest(), reply: true }));
        }
        Ok(())
    }

    /// A relay tells what it knows of the target of our probe.
    pub fn on_vouch(&mut self, now: Instant, from: NodeId, seq: u32, target: NodeId, word: Word, out: &mut Outbox) {
        if word == Word::Alive {
            let is_ours = |probe: &Probe| probe.seq == seq && probe.target == target && probe.asked.contains(&from);
            if self.probing.probes.iter().any(is_ours) {
                self.marks.hit(Mark::RelayVouches);
                self.probe_succeeded(target);
                self.put_off(now, target);
                // Whoever reaches it can tell it what is thought of it here.
                let rumours = self.rumours_for(target);
                out.extend((!rumours.is_empty()).then_some((from, Message::Rumours(rumours))));
            }
            return;
        }
        let found = self.probing.probes.iter().position(|probe| probe.seq == seq && probe.target == target);
        let Some(at) = found else { return };
        let probe = &mut self.probing.probes[at];
        if !probe.waiting.remove(&from) {
            return;
        }
        probe.is_answered = true;
        probe.is_silent |= word == Word::Silent;
        if probe.waiting.is_empty() {
            let probe = self.probing.probes.swap_remove(at);
            self.on_round_over(now, probe, out);
        }
    }
}
