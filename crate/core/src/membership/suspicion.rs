//! What is thought of whom, and for how long: claims are taken in, weighed against what this node itself has heard,
//! confirmed, refuted, and grow old.
//!
//! A suspicion ends in dormancy after a span that shrinks with independent confirmations (Lifeguard), and only if this
//! node's own probe has failed too. A sign of life puts it off. A claim about a node that has just been heard from is
//! not believed but put to that node, which refutes it for all. A goodbye is the node's own word: it needs no
//! confirmation, and is passed on to everybody at once.

use alloc::vec::Vec;

use super::dues::Dues;
use super::gossip::{FANOUT, LINES_MAX};
use super::timing::CONFIRMATIONS;
use super::{Change, LEAP_MAX, Member, Membership};
use crate::id::NodeId;
use crate::marks::Mark;
use crate::planted::Plant;
use crate::time::{Instant, Millis};
use crate::wire::{Claim, Message, Outbox, Presence, Rumour, Standing, WireError};

/// How often a goodbye is said: nobody is left to say it again if it is lost.
pub(super) const GOODBYES: usize = 3;

/// Who may become dormant, and when: one who is suspected says nothing of the others.
#[derive(Debug, Clone, Default)]
pub(super) struct Fading {
    dues: Dues<Instant>,
    /// Whether too few answer to confirm a suspicion: the only thing about all others that one of them goes by.
    are_few: bool,
}

impl Membership {
    /// A frame has come from this node over its own link: it is there.
    pub fn on_heard(&mut self, now: Instant, from: NodeId, out: &mut Outbox) {
        self.probe_succeeded(from);
        self.vouch_for(from, out);
        if let Some(member) = self.members.get_mut(&from) {
            member.heard = Some(now);
        }
        self.put_off(now, from);
    }

    /// A sign of life of a suspect: it begins to be one anew.
    pub(super) fn put_off(&mut self, now: Instant, id: NodeId) {
        let is_accused = |member: &&mut Member| member.claim == Claim::Suspect && member.presence() != Presence::Frozen;
        if let Some(member) = self.members.get_mut(&id).filter(is_accused) {
            self.marks.hit(Mark::SuspectHeard);
            member.since = now;
            member.accusers.clear();
            self.file_fading(id);
        }
    }

    /// Whether this node was heard from after anybody who suspects it now can have begun to probe it.
    pub(super) fn is_fresh(&self, now: Instant, id: NodeId) -> bool {
        let heard = |member: &Member| {
            let fresh = self.timing.fresh_ms(member.presence());
            member.heard.is_some_and(|heard| now.since(heard) < fresh)
        };
        self.links.contains(&id) && self.members.get(&id).is_some_and(heard)
    }

    /// A node goes away and expects to be back.
    pub fn on_goodbye(&mut self, now: Instant, from: NodeId, incarnation: u64, out: &mut Outbox) {
        self.apply_rumour(now, from, Rumour { about: from, incarnation, claim: Claim::Closed, accuser: None }, out);
    }

    /// News of somebody.
    pub fn on_rumours(
        &mut self,
        now: Instant,
        from: NodeId,
        rumours: Vec<Rumour>,
        out: &mut Outbox,
    ) -> Result<(), WireError> {
        if rumours.len() > LINES_MAX {
            return Err(WireError::Limit);
        }
        let own = self.own.record().incarnation;
        if rumours.iter().any(|rumour| rumour.about == self.me && rumour.incarnation < own && !self.is_closing) {
            // It has not heard how that was refuted.
            out.push((from, self.own_record()));
        }
        rumours.into_iter().for_each(|rumour| self.apply_rumour(now, from, rumour, out));
        Ok(())
    }

    /// Take in what somebody claims of somebody. Only what is newer than what is held changes anything.
    pub(super) fn apply_rumour(&mut self, now: Instant, from: NodeId, rumour: Rumour, out: &mut Outbox) {
        if rumour.about == self.me {
            self.refute(rumour, out);
            return;
        }
        let is_fresh = self.is_fresh(now, rumour.about);
        let Some(member) = self.members.get_mut(&rumour.about) else { return };
        let accuser = rumour.accuser.filter(|_| rumour.claim == Claim::Suspect);
        let is_news = rumour.claim > member.claim;
        let is_confirmation = rumour.claim == member.claim
            && accuser.is_some_and(|accuser| !member.accusers.contains(&accuser))
            && member.accusers.len() <= CONFIRMATIONS;
        if rumour.incarnation != member.incarnation() || !(is_news || is_confirmation) {
            return;
        }
        let is_own = from == self.me;
        // A node that hears for itself does not go by hearsay, but a goodbye comes from the node itself.
        if is_fresh && !is_own && rumour.claim != Claim::Closed {
            self.marks.hit(Mark::HearsayDoubted);
            out.push((rumour.about, Message::Rumours(alloc::vec![rumour])));
            return;
        }
        if let Some(accuser) = accuser.filter(|accuser| !member.accusers.contains(accuser)) {
            member.accusers.push(accuser);
            self.marks.hit_if(Mark::SuspicionConfirmed, || is_confirmation);
        }
        if !is_news {
            self.file_fading(rumour.about);
            return;
        }
        let was = member.status();
        (member.claim, member.since) = (rumour.claim, now);
        let is = member.status();
        self.revised_line(rumour.about);
        if was != is {
            self.change(Change::Status { id: rumour.about, was: Some(was), now: is });
        }
        // Whoever is accused learns of it from everybody who can still reach it.
        if rumour.claim != Claim::Closed && self.links.contains(&rumour.about) {
            out.push((rumour.about, Message::Rumours(alloc::vec![rumour])));
        }
        if rumour.claim == Claim::Suspect && !is_own && !self.is_far(rumour.about) {
            self.probing.hurry(rumour.about);
        }
        let fanout = if is_own || rumour.claim == Claim::Closed { usize::MAX } else { FANOUT };
        self.spread_rumour(from, rumour, fanout, out);
    }

    fn spread_rumour(&mut self, from: NodeId, rumour: Rumour, fanout: usize, out: &mut Outbox) {
        let is_other = |link: &NodeId| *link != from && *link != rumour.about;
        let mut others: Vec<NodeId> = self.links.iter().copied().filter(is_other).collect();
        if fanout < others.len() {
            crate::id::shuffle(&mut self.random, &mut others);
        }
        for &other in others.iter().take(fanout) {
            out.push((other, Message::Rumours(alloc::vec![rumour])));
        }
    }

    /// This node is accused: it says in a new incarnation that it is there, unless it has just said otherwise itself.
    fn refute(&mut self, rumour: Rumour, out: &mut Outbox) {
        let is_deaf = self.planted.has(Plant::ForgetRefutation);
        let is_gone = self.is_closing || self.own.record().standing == Standing::Departed;
        let is_true = is_deaf || is_gone || self.own.record().presence == Presence::Frozen;
        let own = self.own.record().incarnation;
        if rumour.claim > Claim::Up && !is_true && (own..own + LEAP_MAX).contains(&rumour.incarnation) {
            let is_dormant = rumour.claim == Claim::Dormant;
            self.marks.hit(if is_dormant { Mark::DormancyRefuted } else { Mark::SuspicionRefuted });
            self.rewrite(out, |record| record.incarnation = rumour.incarnation + 1);
            self.probing.doubt_oneself();
        }
    }

    /// This node's own probe of another has failed, and whoever could be asked has not heard from it either.
    pub(super) fn accuse(&mut self, now: Instant, id: NodeId, out: &mut Outbox) {
        let Some(member) = self.members.get(&id) else { return };
        let rumour =
            Rumour { about: id, incarnation: member.incarnation(), claim: Claim::Suspect, accuser: Some(self.me) };
        let is_confirmation = member.claim == Claim::Suspect && member.accusers.len() <= CONFIRMATIONS;
        let is_first = !member.accusers.contains(&self.me);
        self.apply_rumour(now, self.me, rumour, out);
        if is_confirmation && is_first {
            self.spread_rumour(self.me, rumour, usize::MAX, out);
            // Others may have been enough before; that this node has looked for itself counts here all the same.
            if let Some(member) = self.members.get_mut(&id).filter(|member| !member.accusers.contains(&self.me)) {
                member.accusers.push(self.me);
                self.file_fading(id);
            }
        }
    }

    /// When a suspect becomes dormant; `None`: not before this node has probed it in vain. In a large room only those
    /// who have a link with it probe it; others go by their word, which it has longer to refute if it is one node's
    /// alone.
    fn dormant_at(&self, id: NodeId, member: &Member) -> Option<Instant> {
        let span: Millis = match member.claim {
            Claim::Closed => self.timing.dormant_after_ms,
            Claim::Suspect if member.presence() == Presence::Frozen => self.timing.frozen_dormant_after_ms,
            Claim::Suspect if member.accusers.contains(&self.me) || self.is_far(id) => {
                let patience = self.timing.patience_ms(member.presence());
                self.timing.suspicion_ms(member.accusers.len().saturating_sub(1), self.confirmers()) + patience
            }
            Claim::Up | Claim::Suspect | Claim::Dormant => return None,
        };
        (member.signed.record().standing != Standing::Departed).then(|| member.since + span)
    }

    /// How many others could confirm a suspicion.
    fn confirmers(&self) -> usize {
        self.answering().len()
    }

    /// When the first of them does.
    pub(super) fn next_dormant(&self) -> Option<Instant> {
        debug_assert!(self.fading_anew().eq(self.fading.dues.iter()), "a change that was not noted");
        self.fading.dues.first()
    }

    /// Of all who may become dormant, when, by a look at everybody.
    fn fading_anew(&self) -> impl Iterator<Item = (NodeId, Instant)> {
        self.members.iter().filter_map(|(id, member)| Some((*id, self.dormant_at(*id, member)?)))
    }

    /// What is held against a member may be something else than it was: and where so few answer, or no longer so few,
    /// that it matters, against all.
    pub(super) fn file_fading(&mut self, id: NodeId) {
        let are_few = self.confirmers() < CONFIRMATIONS;
        if self.fading.are_few != are_few {
            self.file_all_fading();
            return;
        }
        let due = self.members.get(&id).and_then(|member| self.dormant_at(id, member));
        self.fading.dues.file(id, due);
    }

    /// The same of all members.
    pub(super) fn file_all_fading(&mut self) {
        self.fading = Fading { dues: self.fading_anew().collect(), are_few: self.confirmers() < CONFIRMATIONS };
    }

    /// From suspect to dormant, for those who have been away for long enough.
    pub(super) fn age(&mut self, now: Instant) {
        if self.next_dormant().is_none_or(|due| due > now) {
            return;
        }
        for id in self.fading.dues.until(now) {
            let Some(member) = self.members.get_mut(&id) else { continue };
            let was = member.status();
            self.marks.hit(Mark::Dormant);
            (member.claim, member.since) = (Claim::Dormant, now);
            let now = member.status();
            if was != now {
                self.change(Change::Status { id, was: Some(was), now });
            }
            self.revised_line(id);
        }
    }

    /// Say goodbye to everybody linked.
    pub fn say_goodbye(&mut self, out: &mut Outbox) {
        self.is_closing = true;
        let incarnation = self.own.record().incarnation;
        for _ in 0..GOODBYES {
            out.extend(self.links.iter().map(|&link| (link, Message::Goodbye { incarnation })));
        }
    }

    /// Start under a new incarnation, after the page was frozen or came back from the cache: whatever was thought of
    /// the sleeper is void.
    pub fn awake(&mut self, now: Instant, out: &mut Outbox) {
        for member in self.members.values_mut().filter(|member| member.claim > Claim::Up) {
            member.since = now;
        }
        self.forgive(now, 0);
        self.is_closing = false;
        if self.own.record().standing != Standing::Departed {
            self.rewrite(out, |record| {
                record.incarnation += 1;
                record.presence = Presence::Visible;
            });
        }
    }

    /// What fell due while this node slept proves nothing about the others.
    pub(super) fn forgive(&mut self, now: Instant, slept_ms: Millis) {
        for member in self.members.values_mut().filter(|member| member.claim > Claim::Up) {
            member.since = (member.since + slept_ms).min(now);
        }
        self.file_all_fading();
        self.errands.clear();
        self.round_trip.forget();
        self.probing.forgive(now, &self.timing);
    }
}
