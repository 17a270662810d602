//! Signals out and in: sealing them, choosing nothing (that is `carrier`), opening them, and announcing ourselves.
//!
//! A signal is equal whoever brought it. What opens, is for us and is fresh is acted on; everything else is counted and
//! dropped.

use std::rc::Rc;

use roundtable_core::id::NodeId;
use roundtable_core::time::Instant;
use roundtable_core::wire::rendezvous::{Peer as Number, Refusal};
use roundtable_core::wire::signal;

use super::carrier::Carrier;
use super::dial::{Answer, Offer};
use super::relay::{Piece, Relay};
use super::rendezvous::{Report, SocketEvent, Word};
use super::signal::Payload;
use super::state::{Phase, State, random_u8};
use super::{DropReason, NetworkEvent, pace};
use crate::host;

/// Whom of a rendezvous' welcome we greet. The others are told of us by the rendezvous and greet us themselves.
const GREETED_MAX: usize = 32;

impl State {
    /// Say something to one node.
    pub(crate) fn say(&mut self, to: NodeId, carrier: Carrier, payload: &Payload) {
        let bytes = signal::seal(&self.keys, &self.room, Some(to), &payload.encode());
        match carrier {
            Carrier::Broadcast => {
                if let Some(broadcast) = &self.broadcast {
                    broadcast.post_to(to, &bytes);
                }
            }
            Carrier::Mesh => self.emit(NetworkEvent::SignalForMesh { to, bytes }),
            Carrier::Rendezvous(index, number) => {
                if let Some(rendezvous) = self.rendezvous.get_mut(index) {
                    rendezvous.send(number, bytes, host::now());
                }
            }
        }
    }

    /// A sealed signal arrived.
    pub(crate) fn on_signal(&mut self, carrier: Carrier, bytes: &[u8], now: Instant) {
        if self.phase != Phase::Running {
            return;
        }
        let signal = match signal::open(&self.room, self.me, bytes) {
            Ok(signal) => signal,
            Err(error) => return self.drop_input(DropReason::Signal(error)),
        };
        let payload = match Payload::decode(&signal.payload) {
            Some(payload @ (Payload::Announce { .. } | Payload::Gone { .. })) => payload,
            Some(payload) if signal.direct => payload,
            _ => return self.drop_input(DropReason::Payload),
        };
        let from = signal.from;
        if from == self.me || self.cut.contains(&from) {
            return;
        }
        let Some(peer) = self.peer(from) else { return self.drop_input(DropReason::Busy) };
        peer.whereabouts.heard(carrier, now);
        if let Carrier::Rendezvous(index, number) = carrier {
            self.rendezvous[index].recognise(number, from);
        }
        match payload {
            Payload::Announce { page } => self.on_announce(from, carrier, signal.direct, page),
            Payload::Gone { page } => self.on_gone(from, page),
            Payload::Call { stamp } => self.on_call(from, carrier, stamp, now),
            Payload::Offer { stamp, session, nonce, sdp } => {
                self.on_offer(signal.key, carrier, Offer { stamp, session, nonce, sdp: &sdp }, now);
            }
            Payload::Answer { page, session, nonce, sdp } => {
                self.on_answer(signal.key, carrier, Answer { page, session, nonce, sdp: &sdp });
            }
            Payload::Candidate { session, candidate } => self.on_candidate(from, carrier, session, candidate),
            Payload::Bye { session } => self.on_bye(from, session, now),
            Payload::Interrupted { session } => self.on_interrupted_there(from, carrier, session, now),
            Payload::Restart { session, round, sdp } => self.on_restart(from, carrier, session, round, &sdp),
            Payload::Restarted { session, round, sdp } => self.on_restarted(from, session, round, &sdp),
            Payload::Relay { stamp, session } => self.on_relay(from, carrier, stamp, session),
            Payload::RelayTaken { session } => self.on_relay_taken(from, session, now),
            Payload::Piece { session, number, lane, more, bytes } => {
                self.on_piece(from, Piece { session, number, lane, more, bytes });
            }
        }
    }

    fn on_announce(&mut self, from: NodeId, carrier: Carrier, direct: bool, page: u64) {
        let Some(peer) = self.peers.get_mut(&from) else { return };
        let new = peer.page.replace(page) != Some(page);
        let linked = peer.link.is_some() || peer.relay.as_ref().is_some_and(Relay::is_open);
        if new && !direct && carrier == Carrier::Broadcast {
            let announce = Payload::Announce { page: self.page };
            self.say(from, carrier, &announce);
        }
        if !linked {
            self.emit(NetworkEvent::Discovered(from));
        }
    }

    fn on_gone(&mut self, from: NodeId, page: u64) {
        let Some(peer) = self.peers.get_mut(&from) else { return };
        if peer.page.is_none_or(|known| known == page) {
            peer.page = None;
            peer.whereabouts.gone_from_broadcast();
        }
    }

    /// Something was posted on the broadcast channel.
    pub(crate) fn on_broadcast(&mut self, bytes: Option<Vec<u8>>, now: Instant) {
        match bytes {
            Some(bytes) => self.on_signal(Carrier::Broadcast, &bytes, now),
            None => self.drop_input(DropReason::NotBytes),
        }
    }

    /// Tell the broadcast channel that we are here, and our user who else is, if it is time to. Who is linked is
    /// silent: newcomers say that they are here, and are heard. But who seeks somebody in vain speaks, for that one may
    /// be of another half of the room that is as silent.
    pub(crate) fn announce_if_due(&mut self, now: Instant) {
        if self.announce_at.is_none_or(|at| at > now) {
            return;
        }
        if self.seeks || !self.is_linked() {
            self.seeks = false;
            self.post_to_all(&Payload::Announce { page: self.page });
            self.tell_who_is_there();
        }
        self.announce_at = Some(now + pace::announce_after(self.announced, random_u8()));
        self.announced += 1;
    }

    /// Who was dialled in vain and is still at a rendezvous is there all the same: a rendezvous tells once that
    /// somebody came, and one attempt that failed is to be no reason never to meet.
    fn tell_who_is_there(&mut self) {
        let mut there = Vec::new();
        for (id, peer) in self.peers.iter_mut().filter(|(id, peer)| peer.is_missed && !self.cut.contains(id)) {
            let is_idle = peer.link.is_none() && peer.relay.is_none() && peer.attempt.is_none();
            if is_idle && peer.whereabouts.at_rendezvous().is_some() {
                peer.is_missed = false;
                there.push(*id);
            }
        }
        there.into_iter().for_each(|id| self.emit(NetworkEvent::Discovered(id)));
    }

    /// The last link is gone: begin to announce ourselves anew.
    pub(crate) fn announce_anew(&mut self) {
        if self.phase == Phase::Running && !self.is_linked() {
            self.announced = 0;
            self.announce_at = Some(host::now());
        }
    }

    fn is_linked(&self) -> bool {
        self.peers.values().any(|peer| peer.link.is_some())
    }

    /// Tell the broadcast channel that we are about to be gone.
    pub(crate) fn say_gone(&self) {
        self.post_to_all(&Payload::Gone { page: self.page });
    }

    fn post_to_all(&self, payload: &Payload) {
        if let Some(broadcast) = &self.broadcast {
            broadcast.post(&self.sealed_for_all(payload));
        }
    }

    fn sealed_for_all(&self, payload: &Payload) -> Vec<u8> {
        signal::seal(&self.keys, &self.room, None, &payload.encode())
    }

    /// Connect to those rendezvous that it is time for.
    pub(crate) fn connect_rendezvous_if_due(&mut self, now: Instant) {
        for index in 0..self.rendezvous.len() {
            let handle = self.handle.clone();
            let report: Report = Rc::new(move |event| {
                let Some(shared) = handle.upgrade() else { return };
                shared.happen(|state, now| state.on_socket(index, event, now));
            });
            if let Some(was_connected) = self.rendezvous[index].handle_timeout(now, random_u8(), &report) {
                self.on_rendezvous_gone(index, was_connected);
            }
        }
    }

    /// Something happened to the socket of a rendezvous.
    fn on_socket(&mut self, index: usize, event: SocketEvent, now: Instant) {
        let Some(rendezvous) = self.rendezvous.get_mut(index) else { return };
        match event {
            SocketEvent::Opened => rendezvous.on_opened(),
            SocketEvent::Closed => {
                let was_connected = rendezvous.on_closed(now, random_u8());
                self.on_rendezvous_gone(index, was_connected);
            }
            SocketEvent::Message(None) => self.drop_input(DropReason::NotBytes),
            SocketEvent::Message(Some(frame)) => match rendezvous.on_message(&frame, now) {
                Ok(word) => self.on_word(index, word, now),
                Err(error) => self.drop_input(DropReason::Rendezvous(error)),
            },
        }
    }

    fn on_word(&mut self, index: usize, word: Word, now: Instant) {
        match word {
            Word::Welcome(others) => {
                let url = self.rendezvous[index].url.clone();
                self.emit(NetworkEvent::Rendezvous { url, connected: true });
                // One seal for all: it names none of them.
                let greeting = self.greeting();
                others.into_iter().take(GREETED_MAX).for_each(|number| self.greet(index, number, &greeting));
            }
            Word::Joined(number) => self.greet(index, number, &self.greeting()),
            Word::Left(number) => {
                self.drop_relays_by(index, Some(number));
                let node = self.rendezvous[index].forget(number);
                if let Some(peer) = node.and_then(|node| self.peers.get_mut(&node)) {
                    peer.whereabouts.gone_from_rendezvous(index, Some(number));
                }
            }
            Word::Signal(number, bytes) => self.on_signal(Carrier::Rendezvous(index, number), &bytes, now),
            // That somebody left while we spoke to them happens to the best.
            Word::Refused(Refusal::NoSuchPeer) | Word::Nothing => {}
            Word::Refused(reason) => self.drop_input(DropReason::Refused(reason)),
        }
    }

    fn greeting(&self) -> Vec<u8> {
        self.sealed_for_all(&Payload::Announce { page: self.page })
    }

    fn greet(&mut self, index: usize, number: Number, greeting: &[u8]) {
        self.rendezvous[index].send(number, greeting.to_vec(), host::now());
    }

    fn on_rendezvous_gone(&mut self, index: usize, was_connected: bool) {
        self.drop_relays_by(index, None);
        if was_connected {
            let url = self.rendezvous[index].url.clone();
            self.emit(NetworkEvent::Rendezvous { url, connected: false });
        }
        self.peers.values_mut().for_each(|peer| peer.whereabouts.gone_from_rendezvous(index, None));
    }
}
