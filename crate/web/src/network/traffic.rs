//! What happens to a connection: it comes up, carries frames, falters, ends.

use std::rc::Rc;

use roundtable_core::id::NodeId;
use roundtable_core::time::Instant;
use roundtable_core::wire::handshake::{PROOF_MS_MAX, ProofError};
use roundtable_core::wire::{FRAME_BYTES_MAX, Lane};
use web_sys::RtcPeerConnectionState;

use super::admission::Admission;
use super::link::{Happening, Link, Received, Refused};
use super::shared::Shared;
use super::signal::Payload;
use super::state::State;
use super::{DropReason, NetworkEvent, Via};

impl Shared {
    /// Something happened to this session of this peer. Most things are messages, and those change no deadline.
    pub(crate) fn on_happening(self: &Rc<Self>, id: NodeId, session: u64, happening: Happening) {
        let quiet = matches!(happening, Happening::Message(..) | Happening::Low);
        let act = |state: &mut State, now| state.on_happening(id, session, happening, now);
        if quiet { self.happen_quietly(act) } else { self.happen(act) }
    }
}

impl State {
    fn on_happening(&mut self, id: NodeId, session: u64, happening: Happening, now: Instant) {
        match happening {
            Happening::Described(result) => self.on_described(id, session, result.ok(), now),
            Happening::Redescribed(round, result) => self.on_redescribed(id, session, round, result.ok(), now),
            Happening::Agreed(Ok(())) => {
                if let Some(link) = self.link(id, session) {
                    link.on_agreed();
                }
                self.on_opened(id, session, now);
            }
            Happening::Agreed(Err(_)) => self.on_bad_description(id, session),
            Happening::Candidate(candidate) => {
                let Some(peer) = self.peers.get_mut(&id) else { return };
                let Some(attempt) = peer.attempt.as_mut().filter(|attempt| attempt.is_session(session)) else {
                    return self.on_late_candidate(id, session, candidate);
                };
                let carrier = attempt.carrier;
                if attempt.link.as_mut().is_some_and(|link| link.on_candidate(candidate.clone())) {
                    self.say(id, carrier, &Payload::Candidate { session, candidate });
                }
            }
            // What is not in our description is said as it comes.
            Happening::Gathered => {}
            Happening::Opened => self.on_opened(id, session, now),
            Happening::Closed => self.on_ended(id, session),
            Happening::Low => {
                let Some(link) = self.link(id, session) else { return };
                link.drain();
                self.tell_caught_up(id, session);
            }
            Happening::Message(lane, message) => self.on_message(id, session, lane, message, now),
            Happening::NoBytes => self.drop_input(DropReason::NotBytes),
            Happening::State(state) => self.on_state(id, session, state, now),
        }
    }

    /// The connection of this session, open or in the making.
    pub(crate) fn link(&mut self, id: NodeId, session: u64) -> Option<&mut Link> {
        let peer = self.peers.get_mut(&id)?;
        let making = peer.attempt.as_mut().and_then(|attempt| attempt.link.as_mut());
        making.into_iter().chain(peer.link.as_mut()).find(|link| link.session == session)
    }

    fn on_described(&mut self, id: NodeId, session: u64, sdp: Option<String>, now: Instant) {
        let Some(sdp) = sdp else { return self.on_bad_description(id, session) };
        let page = self.page;
        let Some(attempt) = self.peers.get_mut(&id).and_then(|peer| peer.attempt.as_mut()) else { return };
        let (carrier, stamp, nonce) = (attempt.carrier, attempt.stamp, attempt.admission.nonce);
        let Some(link) = attempt.link.as_mut().filter(|link| link.session == session) else { return };
        let candidates = link.on_described(&sdp);
        attempt.said = now;
        self.say(
            id,
            carrier,
            &match stamp {
                Some(stamp) => Payload::Offer { stamp, session, nonce, sdp },
                None => Payload::Answer { page, session, nonce, sdp },
            },
        );
        self.say_candidates(id, carrier, session, candidates);
    }

    fn on_bad_description(&mut self, id: NodeId, session: u64) {
        if self.link(id, session).is_some() {
            self.drop_input(DropReason::Description);
            self.on_ended(id, session);
        }
    }

    /// A channel opened, or the last description is in place. When all is, it is time to prove who we are.
    fn on_opened(&mut self, id: NodeId, session: u64, now: Instant) {
        let Some(attempt) = self.peers.get_mut(&id).and_then(|peer| peer.attempt.as_mut()) else { return };
        let Some(link) = attempt.link.as_ref().filter(|link| link.session == session && link.is_open()) else { return };
        if !std::mem::replace(&mut attempt.admission.said, true) {
            match attempt.admission.prove(&self.room, &self.keys, link.role(), link.fingerprints()) {
                Ok(proof) => link.send_raw(Lane::Control, &proof),
                Err(error) => return self.refuse(id, error),
            }
            attempt.deadline = now + PROOF_MS_MAX;
        }
        self.admit_if_proven(id, session, now);
    }

    /// Whoever is at the other end is not let in.
    fn refuse(&mut self, id: NodeId, error: ProofError) {
        self.drop_input(DropReason::Proof(error));
        self.fail(id, true);
    }

    /// The link is up once both ends have said their proof and the other end's holds.
    fn admit_if_proven(&mut self, id: NodeId, session: u64, now: Instant) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let Some(attempt) = peer.attempt.as_ref().filter(|attempt| attempt.admission.said) else { return };
        let Some(link) = attempt.link.as_ref().filter(|link| link.session == session) else { return };
        match attempt.admission.judge(&self.room, &self.keys, link.role(), link.fingerprints()) {
            None => return,
            Some(Err(error)) => return self.refuse(id, error),
            Some(Ok(())) => {}
        }
        let Some(attempt) = peer.attempt.take() else { return };
        let via = attempt.via();
        let Some(link) = attempt.link else { return };
        self.admit(id, link, via, attempt.admission, now);
    }

    /// The other end is let in: the connection is a link, and what was said on it so far counts.
    pub(crate) fn admit(&mut self, id: NodeId, mut link: Link, via: Via, admission: Admission, now: Instant) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let session = link.session;
        link.since = now;
        (peer.tries, peer.unreached, peer.is_missed) = (0, 0, false);
        let had_relay = peer.relay.take().is_some_and(|relay| relay.is_open());
        if peer.link.replace(link).is_some() || had_relay {
            self.emit(NetworkEvent::LinkDown { id });
        }
        self.emit(NetworkEvent::LinkUp { id, via });
        for (lane, message) in admission.into_messages() {
            self.on_message(id, session, lane, message, now);
        }
    }

    fn on_state(&mut self, id: NodeId, session: u64, state: RtcPeerConnectionState, now: Instant) {
        let is_open =
            self.peers.get(&id).and_then(|peer| peer.link.as_ref()).is_some_and(|link| link.session == session);
        match state {
            RtcPeerConnectionState::Failed if !is_open => self.on_unreached(id, session, now),
            RtcPeerConnectionState::Closed => self.on_ended(id, session),
            RtcPeerConnectionState::Failed | RtcPeerConnectionState::Disconnected => {
                self.on_interrupted(id, session, now);
            }
            RtcPeerConnectionState::Connected => self.on_restored(id, session),
            _ => {}
        }
    }

    /// This attempt does not become a link.
    fn on_unreached(&mut self, id: NodeId, session: u64, now: Instant) {
        let attempt = self.peers.get(&id).and_then(|peer| peer.attempt.as_ref());
        if attempt.is_some_and(|attempt| attempt.is_session(session)) {
            self.fail_unreached(id, now);
        }
    }

    /// This session is over, whatever it had come to.
    fn on_ended(&mut self, id: NodeId, session: u64) {
        let Some(peer) = self.peers.get(&id) else { return };
        if peer.attempt.as_ref().is_some_and(|attempt| attempt.is_session(session)) {
            self.fail(id, true);
        } else if peer.link.as_ref().is_some_and(|link| link.session == session) {
            self.drop_link(id);
        }
    }

    /// Let an open link go, if there is one.
    pub(crate) fn drop_link(&mut self, id: NodeId) {
        if self.peers.get_mut(&id).is_some_and(|peer| peer.link.take().is_some()) {
            self.emit(NetworkEvent::LinkDown { id });
            self.announce_anew();
        }
    }

    fn on_message(&mut self, id: NodeId, session: u64, lane: Lane, message: Vec<u8>, now: Instant) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if let Some(link) = peer.link.as_mut().filter(|link| link.session == session) {
            let received = link.receive(lane, &message);
            if link.owes_credits() {
                self.return_credits_soon();
            }
            match received {
                Err(Refused::Chunk(error)) => self.drop_input(DropReason::Chunk(error)),
                Err(Refused::Credit) => self.drop_input(DropReason::Credit),
                Err(Refused::Uncovered) => {
                    self.drop_input(DropReason::Credit);
                    self.on_ended(id, session);
                }
                Ok(Received::Nothing) => self.tell_caught_up(id, session),
                Ok(Received::Frame(bytes)) => self.emit(NetworkEvent::Frame { from: id, bytes }),
            }
        } else if let Some(attempt) = peer.attempt.as_mut().filter(|attempt| attempt.is_session(session)) {
            if attempt.admission.hear(lane, message).is_err() {
                self.drop_input(DropReason::Busy);
                return self.fail(id, true);
            }
            self.admit_if_proven(id, session, now);
        }
    }

    fn tell_caught_up(&mut self, id: NodeId, session: u64) {
        let lanes = self.link(id, session).map(Link::caught_up).unwrap_or_default();
        lanes.into_iter().for_each(|lane| self.emit(NetworkEvent::Writable { id, lane }));
    }

    /// Give back what was taken, behind all messages that lie before the page now.
    fn return_credits_soon(&self) {
        if let Some(turn) = &self.turn {
            turn.ask();
        }
    }

    /// Give back what was taken.
    pub(crate) fn return_credits(&mut self) {
        self.peers.values_mut().filter_map(|peer| peer.link.as_mut()).for_each(Link::return_credits);
    }

    /// Send a frame over an open link.
    pub(crate) fn send(&mut self, to: NodeId, lane: Lane, bytes: &[u8], now: Instant) {
        if bytes.len() > FRAME_BYTES_MAX {
            return self.drop_input(DropReason::TooLarge);
        }
        let Some(link) = self.peers.get_mut(&to).and_then(|peer| peer.link.as_mut()) else {
            return self.send_relayed(to, lane, bytes, now);
        };
        if link.send(lane, bytes, now).is_err() {
            self.drop_link(to);
        }
    }

    /// Put a message on a channel as it is.
    pub(crate) fn send_raw(&mut self, to: NodeId, lane: Lane, message: &[u8]) {
        if let Some(link) = self.peers.get(&to).and_then(|peer| peer.link.as_ref()) {
            link.send_raw(lane, message);
        }
    }
}
