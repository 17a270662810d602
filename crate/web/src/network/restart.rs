//! An open link that is interrupted, and how it is brought back.
//!
//! When the browser says that nothing comes through any more, whoever offered makes a new description on the same
//! connection (an *ICE restart*) and has others carry it: the channels stay open, and what waits in them is not lost.
//! The other one does not offer; it says that the link is interrupted. A restart is a *round* of its session; its offer
//! is said until it is answered, by one carrier after the other, and a repetition is answered as before. Who offered is
//! the lower node, but for links that began with an invite. A link that has not come back after [`INTERRUPTED_MS`] is
//! dropped.
//!
//! Whoever proved to hold the node's key did so by the fingerprint of its first description, so a later one must have
//! the very same fingerprints: a restart changes the way, never the other end.

use js_sys::{Function, Object, Promise, Reflect};
use roundtable_core::id::NodeId;
use roundtable_core::time::{Instant, Millis};
use roundtable_core::wire::handshake::Fingerprint;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::RtcPeerConnectionState;

use super::DropReason;
use super::carrier::Carrier;
use super::gather::gathered_sdp;
use super::link::{Happening, Link};
use super::signal::{Candidate, Payload};
use super::state::State;

/// How long a link may stay interrupted after the browser says that it is, which takes the browser five seconds.
pub(crate) const INTERRUPTED_MS: Millis = 8_000;
/// How often a restart that was not answered is said again.
const AGAIN_MS: Millis = 1_000;
/// How many restarts one connection may see.
const ROUNDS_MAX: u32 = 1_000;

/// What is known of the restarts of one link.
#[derive(Debug, Default)]
pub(crate) struct Restart {
    rounds: Rounds,
    /// Our description of the present round, once it is made.
    sdp: Option<String>,
    /// Who carries this round.
    pub(crate) carrier: Option<Carrier>,
    tries: usize,
    interruption: Option<Interruption>,
}

#[derive(Debug)]
struct Interruption {
    until: Instant,
    again_at: Instant,
}

/// The rounds of one session, as one side counts them.
#[derive(Debug, Default)]
struct Rounds {
    present: u32,
    count: u32,
    is_settled: bool,
}

/// What an offer of a round is.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    New,
    Again,
    Stale,
}

impl Rounds {
    /// Offer a new one, if there may be one more.
    fn begin(&mut self) -> Option<u32> {
        self.count = (self.count < ROUNDS_MAX).then_some(self.count + 1)?;
        self.present = self.present.checked_add(1)?;
        self.is_settled = false;
        Some(self.present)
    }

    /// This round was offered.
    fn on_offer(&mut self, round: u32) -> Heard {
        match round.cmp(&self.present) {
            std::cmp::Ordering::Less => Heard::Stale,
            std::cmp::Ordering::Equal if round > 0 => Heard::Again,
            std::cmp::Ordering::Greater if self.count < ROUNDS_MAX => {
                self.count += 1;
                self.present = round;
                Heard::New
            }
            _ => Heard::Stale,
        }
    }

    /// This round was answered. Whether the answer is to be taken: the first to the present round.
    fn on_answer(&mut self, round: u32) -> bool {
        self.is_unanswered() && round == self.present && !std::mem::replace(&mut self.is_settled, true)
    }

    /// Whether we have offered and wait for the answer.
    fn is_unanswered(&self) -> bool {
        self.present > 0 && !self.is_settled
    }
}

impl Restart {
    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.interruption.as_ref().map(|interruption| interruption.until.min(interruption.again_at))
    }

    /// Whether there ever was one.
    pub(crate) fn has_begun(&self) -> bool {
        self.rounds.present > 0
    }
}

impl State {
    /// Nothing comes through an open link any more.
    pub(crate) fn on_interrupted(&mut self, id: NodeId, session: u64, now: Instant) {
        let Some(link) = self.open_link(id, session) else { return };
        let until = link.restart.interruption.as_ref().map_or(now + INTERRUPTED_MS, |known| known.until);
        link.restart.interruption = Some(Interruption { until, again_at: now + AGAIN_MS });
        if link.offers && !link.restart.rounds.is_unanswered() {
            link.restart();
        } else {
            self.say_restart(id, session, now);
        }
    }

    /// An open link works again.
    pub(crate) fn on_restored(&mut self, id: NodeId, session: u64) {
        if let Some(link) = self.open_link(id, session) {
            link.restart.interruption = None;
        }
    }

    /// See to an interrupted link, if it is time to.
    pub(crate) fn mend_if_due(&mut self, id: NodeId, now: Instant) {
        let Some(link) = self.peers.get_mut(&id).and_then(|peer| peer.link.as_mut()) else { return };
        let (session, is_connected) = (link.session, link.is_connected());
        let Some(interruption) = &mut link.restart.interruption else { return };
        if interruption.until <= now && is_connected {
            link.restart.interruption = None;
        } else if interruption.until <= now {
            self.drop_link(id);
        } else if interruption.again_at <= now {
            interruption.again_at = now + AGAIN_MS;
            link.restart.tries += 1;
            self.say_restart(id, session, now);
        }
    }

    /// Say our side of what is not settled yet, by whoever is next to carry it.
    fn say_restart(&mut self, id: NodeId, session: u64, now: Instant) {
        let meshed = self.peers.iter().any(|(other, peer)| *other != id && peer.link.is_some());
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let Some(link) = peer.link.as_mut().filter(|link| link.session == session) else { return };
        let Some(carrier) = peer.whereabouts.choose(link.restart.tries, meshed, now) else { return };
        if !link.offers {
            return self.say(id, carrier, &Payload::Interrupted { session });
        }
        let Some(sdp) = link.restart.sdp.clone().filter(|_| link.restart.rounds.is_unanswered()) else { return };
        link.restart.carrier = Some(carrier);
        let (round, candidates) = (link.restart.rounds.present, link.candidates());
        self.say(id, carrier, &Payload::Restart { session, round, sdp });
        self.say_candidates(id, carrier, session, candidates);
    }

    /// Our description of a round is made.
    pub(crate) fn on_redescribed(&mut self, id: NodeId, session: u64, round: u32, sdp: Option<String>, now: Instant) {
        let Some(link) = self.open_link(id, session).filter(|link| link.restart.rounds.present == round) else {
            return;
        };
        // Whatever the browser would not do, the link is given up in its time if it does not come back by itself.
        let Some(sdp) = sdp else { return self.drop_input(DropReason::Description) };
        let candidates = link.on_described(&sdp);
        link.restart.sdp = Some(sdp);
        if link.offers { self.say_restart(id, session, now) } else { self.say_answer(id, session, candidates) }
    }

    fn say_answer(&mut self, id: NodeId, session: u64, candidates: Vec<Candidate>) {
        let Some(link) = self.open_link(id, session) else { return };
        let (Some(carrier), Some(sdp)) = (link.restart.carrier, link.restart.sdp.clone()) else { return };
        let round = link.restart.rounds.present;
        self.say(id, carrier, &Payload::Restarted { session, round, sdp });
        self.say_candidates(id, carrier, session, candidates);
    }

    /// A candidate of ours for an open link.
    pub(crate) fn on_late_candidate(&mut self, id: NodeId, session: u64, candidate: Candidate) {
        let Some(link) = self.open_link(id, session).filter(|link| link.restart.has_begun()) else { return };
        let carrier = link.restart.carrier;
        if let Some(carrier) = carrier.filter(|_| link.on_candidate(candidate.clone())) {
            self.say(id, carrier, &Payload::Candidate { session, candidate });
        }
    }

    /// Whoever does not offer says that nothing comes through.
    pub(crate) fn on_interrupted_there(&mut self, from: NodeId, carrier: Carrier, session: u64, now: Instant) {
        match self.open_link(from, session) {
            Some(link) if link.offers => {
                if link.restart.interruption.is_none() {
                    self.on_interrupted(from, session, now);
                }
            }
            Some(_) => self.drop_input(DropReason::WrongRole),
            None => self.on_unknown_session(from, carrier, session),
        }
    }

    /// Whoever offers has a new way to the same end.
    pub(crate) fn on_restart(&mut self, from: NodeId, carrier: Carrier, session: u64, round: u32, sdp: &str) {
        let Some(link) = self.open_link(from, session) else { return self.on_unknown_session(from, carrier, session) };
        if link.offers {
            return self.drop_input(DropReason::WrongRole);
        }
        if !link.has_same_end(sdp) {
            return self.drop_input(DropReason::Description);
        }
        match link.restart.rounds.on_offer(round) {
            Heard::New => {
                link.restart.carrier = Some(carrier);
                link.reanswer(round, sdp);
            }
            Heard::Again => {
                link.restart.carrier = Some(carrier);
                let candidates = link.candidates();
                self.say_answer(from, session, candidates);
            }
            Heard::Stale => self.drop_input(DropReason::Stale),
        }
    }

    /// Our offer of a new way is answered.
    pub(crate) fn on_restarted(&mut self, from: NodeId, session: u64, round: u32, sdp: &str) {
        let Some(link) = self.open_link(from, session) else { return self.drop_input(DropReason::Stale) };
        if !link.offers {
            self.drop_input(DropReason::WrongRole);
        } else if !link.has_same_end(sdp) {
            self.drop_input(DropReason::Description);
        } else if link.restart.rounds.on_answer(round) {
            link.take_answer(sdp);
        } else {
            self.drop_input(DropReason::Stale);
        }
    }

    /// The peer would mend what we do not have: its page does not know yet that ours is another.
    fn on_unknown_session(&mut self, from: NodeId, carrier: Carrier, session: u64) {
        self.drop_input(DropReason::Stale);
        let is_being_made = self.peers.get(&from).and_then(|peer| peer.attempt.as_ref());
        if is_being_made.is_none_or(|attempt| !attempt.is_session(session)) {
            self.say(from, carrier, &Payload::Bye { session });
        }
    }

    fn open_link(&mut self, id: NodeId, session: u64) -> Option<&mut Link> {
        self.peers.get_mut(&id)?.link.as_mut().filter(|link| link.session == session)
    }
}

impl Link {
    fn is_connected(&self) -> bool {
        self.pc.connection_state() == RtcPeerConnectionState::Connected
    }

    /// Offer a new round; [`Happening::Redescribed`] brings it.
    fn restart(&mut self) {
        let Some(round) = self.restart.rounds.begin() else { return };
        self.forget_way();
        let (pc, report) = (self.pc.clone(), self.report.clone());
        self.spawn(async move {
            let made = async {
                let options = Object::new();
                Reflect::set(&options, &"iceRestart".into(), &JsValue::TRUE)?;
                let create: Function = Reflect::get(&pc, &"createOffer".into())?.dyn_into()?;
                let offer = JsFuture::from(create.call1(&pc, &options)?.dyn_into::<Promise>()?).await?;
                JsFuture::from(pc.set_local_description(offer.unchecked_ref())).await?;
                Ok(gathered_sdp(&pc).await)
            };
            let made = made.await;
            report(Happening::Redescribed(round, made));
        });
    }

    /// Take the offer of a round; [`Happening::Redescribed`] brings our answer.
    fn reanswer(&mut self, round: u32, sdp: &str) {
        self.forget_way();
        self.answer_as(sdp, move |made| Happening::Redescribed(round, made));
    }

    /// Our description and our candidates are those of a way that is over.
    fn forget_way(&mut self) {
        self.described = false;
        self.ours.clear();
        self.restart.sdp = None;
    }

    /// Whether a description names the very certificate that the other end proved itself by.
    fn has_same_end(&self, sdp: &str) -> bool {
        self.fingerprints().is_some_and(|(_, proven)| Fingerprint::of_description(sdp) == Some(proven))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_order_and_however_often_rounds_are_heard_each_is_taken_once_and_none_after_a_later_one() {
        for seed in 0..1_000 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut rounds = Rounds::default();
            let mut latest = 0;
            for _ in 0..50 {
                let round = random.u32(..10);
                let expected = match round {
                    0 => Heard::Stale,
                    _ if round > latest => Heard::New,
                    _ if round == latest => Heard::Again,
                    _ => Heard::Stale,
                };
                assert_eq!(rounds.on_offer(round), expected, "seed {seed}");
                latest = latest.max(round);
            }
        }
    }

    #[test]
    fn the_first_answer_to_the_present_round_is_taken_and_no_other() {
        let mut rounds = Rounds::default();
        assert!(!rounds.on_answer(0), "nothing was offered");
        let (first, second) = (rounds.begin().unwrap(), rounds.begin().unwrap());
        assert!(!rounds.on_answer(first));
        assert!(rounds.is_unanswered());
        assert!(rounds.on_answer(second));
        assert!(!rounds.on_answer(second));
        assert!(!rounds.is_unanswered());
    }

    #[test]
    fn one_connection_is_restarted_so_often_and_no_more() {
        let mut rounds = Rounds::default();
        assert_eq!((0..=ROUNDS_MAX).filter(|_| rounds.begin().is_some()).count(), 1_000);
        let mut rounds = Rounds::default();
        assert_eq!((1..=ROUNDS_MAX + 1).filter(|round| rounds.on_offer(*round) == Heard::New).count(), 1_000);
        assert_eq!(Rounds::default().on_offer(u32::MAX), Heard::New);
    }
}
