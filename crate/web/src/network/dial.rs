//! Attempts: from the wish for a link to the open link.
//!
//! The lower node offers, so that of two nodes that dial each other only one does; the higher one calls. An attempt
//! says all it has to say again after a while, by another carrier if it was not answered, under the same session, and
//! both sides take a repetition for what it is. Of two different offers the newer one counts, since only one side
//! offers and it never has two in hand.

use std::rc::Rc;

use roundtable_core::id::{NodeId, PublicKey};
use roundtable_core::time::{Instant, Millis};
use roundtable_core::wire::handshake::Nonce;

use crate::host;

use super::carrier::Carrier;
use super::link::{Again, Link, Report};
use super::signal::{Candidate, Payload, Stamp};
use super::state::{ATTEMPTS_MAX, Attempt, DIAL_MS, Phase, State, random_u64};
use super::{DropReason, NetworkEvent};

/// How soon after an offer a call is taken to have crossed it on the way.
const CROSSED_MS: Millis = 1_000;
/// How long a node that was heard on the broadcast channel is given to offer of itself: it heard us there, too.
const CALL_AFTER_MS: Millis = 300;

impl State {
    /// Our user wants a link.
    pub(crate) fn dial(&mut self, id: NodeId, now: Instant) {
        match &mut self.phase {
            Phase::Starting(dials) => {
                dials.insert(id);
                return;
            }
            Phase::Closed => return,
            Phase::Running => {}
        }
        let Some(peer) = self.peers.get_mut(&id) else { return self.begin(id, true, None, now) };
        if let Some(attempt) = &mut peer.attempt {
            attempt.wanted = true;
        } else if peer.link.is_none() && peer.relay.is_none() {
            self.begin(id, true, None, now);
        }
    }

    /// There is a relay; perhaps there can be a link by now.
    pub(crate) fn try_directly(&mut self, id: NodeId, now: Instant) {
        if self.peers.get(&id).is_some_and(|peer| peer.attempt.is_none() && peer.link.is_none()) {
            self.begin(id, false, None, now);
        }
    }

    /// Our user wants no link, or no longer.
    pub(crate) fn hangup(&mut self, id: NodeId) {
        if let Phase::Starting(dials) = &mut self.phase {
            if dials.remove(&id) {
                self.emit(NetworkEvent::DialFailed(id));
            }
            return;
        }
        self.fail(id, true);
        self.drop_link(id);
        self.drop_relay(id, true);
    }

    /// Our user wants this peer to be out of reach.
    pub(crate) fn cut(&mut self, id: NodeId) {
        self.cut.insert(id);
        self.fail(id, false);
        self.drop_link(id);
        self.drop_relay(id, false);
    }

    pub(crate) fn uncut(&mut self, id: NodeId) {
        self.cut.remove(&id);
    }

    fn begin(&mut self, id: NodeId, wanted: bool, carrier: Option<Carrier>, now: Instant) {
        let possible = id != self.me && !self.cut.contains(&id) && self.attempts() < ATTEMPTS_MAX;
        let meshed = self.peers.iter().any(|(other, peer)| *other != id && peer.link.is_some());
        let carrier = if !possible {
            None
        } else {
            carrier.or_else(|| self.peer(id).and_then(|peer| peer.whereabouts.choose(peer.tries, meshed, now)))
        };
        let attempt = carrier.and_then(|carrier| {
            // Without randomness nothing can be proven.
            let mut attempt = Attempt::new(carrier, wanted, host::random()?, now);
            if self.me < id {
                let session = random_u64();
                attempt.stamp = Some(self.next_stamp());
                attempt.link = Some(self.new_link(id, session, true, now)?);
            }
            Some(attempt)
        });
        let Some(mut attempt) = attempt else {
            if wanted {
                self.seeks = true;
                self.emit(NetworkEvent::DialFailed(id));
            }
            return;
        };
        let carrier = attempt.carrier;
        match &mut attempt.link {
            Some(link) => link.offer(),
            None if carrier == Carrier::Broadcast => attempt.calls_at = Some(now + CALL_AFTER_MS),
            None => {
                let call = Payload::Call { stamp: self.next_stamp() };
                self.say(id, carrier, &call);
            }
        }
        if let Some(peer) = self.peer(id) {
            peer.attempt = Some(attempt);
        }
    }

    fn attempts(&self) -> usize {
        self.peers.values().filter(|peer| peer.attempt.is_some()).count()
    }

    fn new_link(&mut self, id: NodeId, session: u64, offers: bool, now: Instant) -> Option<Link> {
        if !self.budget.take(now) {
            return None;
        }
        let handle = self.handle.clone();
        let report: Report = Rc::new(move |happening| {
            if let Some(shared) = handle.upgrade() {
                shared.on_happening(id, session, happening);
            }
        });
        let link = Link::new(&self.ingredients, session, offers, now, report).ok();
        if link.is_none() {
            self.budget.exhaust(now);
        }
        link
    }

    /// Give up an attempt that did not become a link, and if there is no other way left, ask for a relay.
    pub(crate) fn fail_unreached(&mut self, id: NodeId, now: Instant) {
        self.ask_for_relay_instead(id, now);
        self.fail(id, true);
    }

    fn ask_for_relay_instead(&mut self, id: NodeId, now: Instant) {
        let attempt = self.peers.get_mut(&id).and_then(|peer| peer.attempt.as_mut());
        let Some((is_wanted, was_heard)) = attempt.map(|attempt| (attempt.wanted, attempt.heard)) else { return };
        // Who waits for the relay learns from it whether there is a link after all.
        if is_wanted && self.resort_to_relay(id, was_heard, now) {
            self.peers.get_mut(&id).and_then(|peer| peer.attempt.as_mut()).into_iter().for_each(|a| a.wanted = false);
        }
    }

    /// Give up an attempt, if there is one. `aloud`: the other side may let go, too.
    pub(crate) fn fail(&mut self, id: NodeId, aloud: bool) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let Some(attempt) = peer.attempt.take() else { return };
        peer.tries += 1;
        if let Some(link) = attempt.link.as_ref().filter(|_| aloud) {
            let bye = Payload::Bye { session: link.session };
            self.say(id, attempt.carrier, &bye);
        }
        if attempt.wanted {
            self.seeks = true;
            self.peers.get_mut(&id).into_iter().for_each(|peer| peer.is_missed = true);
            self.emit(NetworkEvent::DialFailed(id));
        }
    }

    /// Call at last; or say everything again, by another carrier if nothing was heard by this one.
    pub(crate) fn say_again(&mut self, id: NodeId, now: Instant) {
        let meshed = self.peers.iter().any(|(other, peer)| *other != id && peer.link.is_some());
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let Some(attempt) = &mut peer.attempt else { return };
        attempt.said = now;
        if attempt.calls_at.take().is_some() {
            return self.say_all(id);
        }
        attempt.times_said += 1;
        if !attempt.heard {
            peer.tries += 1;
            attempt.carrier = peer.whereabouts.choose(peer.tries, meshed, now).unwrap_or(attempt.carrier);
        }
        self.say_all(id);
    }

    fn say_all(&mut self, id: NodeId) {
        let Some(attempt) = self.peers.get(&id).and_then(|peer| peer.attempt.as_ref()) else { return };
        let (carrier, stamp, page) = (attempt.carrier, attempt.stamp, self.page);
        let Some(link) = &attempt.link else {
            let call = Payload::Call { stamp: self.next_stamp() };
            return self.say(id, carrier, &call);
        };
        let (session, nonce) = (link.session, attempt.admission.nonce);
        match (link.again(), stamp) {
            (None, _) => {}
            (Some(Again::Description(sdp)), Some(stamp)) => {
                self.say(id, carrier, &Payload::Offer { stamp, session, nonce, sdp });
            }
            (Some(Again::Description(sdp)), None) => {
                self.say(id, carrier, &Payload::Answer { page, session, nonce, sdp });
            }
            (Some(Again::Candidates(candidates)), _) => self.say_candidates(id, carrier, session, candidates),
        }
    }

    pub(crate) fn say_candidates(&mut self, id: NodeId, carrier: Carrier, session: u64, candidates: Vec<Candidate>) {
        for candidate in candidates {
            self.say(id, carrier, &Payload::Candidate { session, candidate });
        }
    }

    /// A higher node asks for an offer.
    pub(crate) fn on_call(&mut self, from: NodeId, carrier: Carrier, stamp: Stamp, now: Instant) {
        if self.me > from {
            return self.drop_input(DropReason::WrongRole);
        }
        let Some(peer) = self.peers.get_mut(&from) else { return };
        if !peer.seen.accept(stamp) {
            return self.drop_input(DropReason::Stale);
        }
        if let Some(attempt) = &mut peer.attempt {
            attempt.carrier = carrier;
            attempt.heard = true;
            if now.since(attempt.said) >= CROSSED_MS {
                attempt.said = now;
                self.say_all(from);
            }
            return;
        }
        let crossed =
            peer.link.as_ref().is_some_and(|link| link.page == Some(stamp.page) && now.since(link.since) < DIAL_MS);
        if !crossed {
            self.begin(from, false, Some(carrier), now);
        }
    }

    /// A lower node, of this key, offers.
    pub(crate) fn on_offer(&mut self, key: PublicKey, carrier: Carrier, offer: Offer<'_>, now: Instant) {
        let Offer { stamp, session, nonce, sdp } = offer;
        let from = NodeId::of(&key);
        if self.me < from {
            return self.drop_input(DropReason::WrongRole);
        }
        let Some(peer) = self.peers.get_mut(&from) else { return };
        if peer.link.as_ref().is_some_and(|link| link.session == session) {
            return;
        }
        if let Some(attempt) = peer.attempt.as_mut().filter(|attempt| attempt.is_session(session)) {
            attempt.carrier = carrier;
            return self.say_all(from);
        }
        if !peer.seen.accept(stamp) {
            return self.drop_input(DropReason::Stale);
        }
        let wanted = peer.attempt.take().is_some_and(|attempt| attempt.wanted);
        let link = if self.attempts() < ATTEMPTS_MAX { self.new_link(from, session, false, now) } else { None };
        let Some((mut link, ours)) = link.zip(host::random()) else {
            self.drop_input(DropReason::Busy);
            if wanted {
                self.emit(NetworkEvent::DialFailed(from));
            }
            return;
        };
        link.page = Some(stamp.page);
        link.answer(sdp);
        let mut attempt = Attempt::new(carrier, wanted, ours, now);
        attempt.link = Some(link);
        attempt.admission.theirs = Some((key, nonce));
        attempt.heard = true;
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.attempt = Some(attempt);
        }
    }

    /// What we offered was answered.
    pub(crate) fn on_answer(&mut self, key: PublicKey, carrier: Carrier, answer: Answer<'_>) {
        let Answer { page, session, nonce, sdp } = answer;
        let from = NodeId::of(&key);
        let Some(peer) = self.peers.get_mut(&from) else { return };
        if peer.link.as_ref().is_some_and(|link| link.session == session) {
            return;
        }
        let Some(attempt) = peer.attempt.as_mut().filter(|attempt| attempt.is_session(session)) else {
            return self.drop_input(DropReason::Stale);
        };
        attempt.carrier = carrier;
        attempt.heard = true;
        match &mut attempt.link {
            Some(link) if link.offers => {
                link.page = Some(page);
                if link.agree(sdp) {
                    attempt.admission.theirs = Some((key, nonce));
                }
            }
            _ => self.drop_input(DropReason::WrongRole),
        }
    }

    /// The peer may also be reached there.
    pub(crate) fn on_candidate(&mut self, from: NodeId, carrier: Carrier, session: u64, candidate: Candidate) {
        let Some(peer) = self.peers.get_mut(&from) else { return };
        if let Some(attempt) = peer.attempt.as_mut().filter(|attempt| attempt.is_session(session)) {
            attempt.carrier = carrier;
            attempt.heard = true;
        }
        if !self.link(from, session).is_some_and(|link| link.take_candidate(candidate)) {
            self.drop_input(DropReason::Stale);
        }
    }

    /// The peer has given a connection up.
    pub(crate) fn on_bye(&mut self, from: NodeId, session: u64, now: Instant) {
        let Some(peer) = self.peers.get(&from) else { return };
        if let Some(attempt) = peer.attempt.as_ref().filter(|attempt| attempt.is_session(session)) {
            // Its time was up a moment before ours would have been.
            if attempt.deadline.since(now) < DIAL_MS / 2 {
                self.ask_for_relay_instead(from, now);
            }
            self.fail(from, false);
        } else if peer.link.as_ref().is_some_and(|link| link.session == session) {
            self.drop_link(from);
        } else if peer.relay.as_ref().is_some_and(|relay| relay.session == session) {
            self.drop_relay(from, false);
        }
    }
}

/// What an offer says.
pub(crate) struct Offer<'a> {
    pub(crate) stamp: Stamp,
    pub(crate) session: u64,
    pub(crate) nonce: Nonce,
    pub(crate) sdp: &'a str,
}

/// What an answer says.
pub(crate) struct Answer<'a> {
    pub(crate) page: u64,
    pub(crate) session: u64,
    pub(crate) nonce: Nonce,
    pub(crate) sdp: &'a str,
}

impl Attempt {
    pub(crate) fn is_session(&self, session: u64) -> bool {
        self.link.as_ref().is_some_and(|link| link.session == session)
    }
}
