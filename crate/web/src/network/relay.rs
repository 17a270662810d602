//! A relay of last resort: a link through the rendezvous, for a page that can connect with nobody.
//!
//! Some networks keep their devices apart (a school's or a hotel's), and then no offer ever becomes a connection. A
//! page that has no link at all, and whose attempts fail though the peer was heard, asks the peer for a relay instead:
//! frames go in pieces as signals through the rendezvous that both are at, each signed by its sender for its receiver
//! and sealed with the room's key, as all signals are. So there is nothing to prove first, and the rendezvous learns
//! nothing but that two of its sockets talk.
//!
//! It is slow on purpose ([`Pace`]): all relays of a page together send less than a rendezvous allows one socket,
//! control before requests before bulk. And it is given up for a real link: who asked for it tries again every
//! [`RETRY_MS`].
//!
//! Invariant: a piece counts only if it is the next of its session; a gap, a repetition or a frame that is too long
//! ends the relay. What waits is bounded ([`QUEUE_BYTES_MAX`]), as is what has arrived of a frame, and there are at
//! most [`RELAYS_MAX`] of them. It is *not* a way around a link that is merely slow to come: two attempts must have
//! failed.

use std::collections::VecDeque;

use roundtable_core::id::NodeId;
use roundtable_core::time::{Instant, Millis};
use roundtable_core::wire::rendezvous::Peer as Number;
use roundtable_core::wire::{FRAME_BYTES_MAX, Lane};

use super::carrier::Carrier;
use super::credit::index;
use super::pace::Budget;
use super::signal::{Payload, Stamp};
use super::state::{Phase, State, random_u64};
use super::{DropReason, NetworkEvent, Via};

/// How many relays a page has at most.
pub(crate) const RELAYS_MAX: usize = 8;
/// So many attempts must have failed, though the peer was heard, before a relay is asked for.
const FAILURES_MIN: u32 = 2;
/// How long the peer has to say that it takes part.
const ANSWER_MS: Millis = 5_000;
/// How often whoever asked for it tries whether a real link can be made by now.
const RETRY_MS: Millis = 30_000;
/// How many bytes of a frame go in one piece: with its seal it is shorter than a signal may be.
const PIECE_BYTES_MAX: usize = 6 * 1024;
/// How much may wait for one peer; more is a peer that is too slow, and the relay ends.
const QUEUE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One relay, asked for or open.
pub(crate) struct Relay {
    pub(crate) session: u64,
    /// Which rendezvous, and the peer's number there.
    way: (usize, Number),
    /// Until when the peer may say that it takes part; `None`: it does.
    asked_until: Option<Instant>,
    /// When a real link is tried again, if that is for this side to do.
    retry: Option<Instant>,
    sent: u64,
    heard: u64,
    queues: [Queue; 3],
    arriving: [Vec<u8>; 3],
}

/// What waits on one lane.
#[derive(Default)]
struct Queue {
    frames: VecDeque<Vec<u8>>,
    /// How much of the first is sent.
    offset: usize,
    waited: bool,
}

/// A piece of a frame, as it came.
pub(crate) struct Piece {
    pub(crate) session: u64,
    pub(crate) number: u64,
    pub(crate) lane: u8,
    pub(crate) more: bool,
    pub(crate) bytes: Vec<u8>,
}

/// How fast all relays of a page send. A rendezvous takes 50 frames and 64 KiB a second from one socket, at once 400
/// and 256 KiB, and signals need some of it.
#[derive(Debug)]
pub(crate) struct Pace {
    messages: Budget,
    kibibytes: Budget,
}

const MESSAGES_BURST: u64 = 100;
const MESSAGE_EVERY_MS: Millis = 50;
const KIBIBYTES_BURST: u64 = 96;
const KIBIBYTE_EVERY_MS: Millis = 32;

impl Pace {
    pub(crate) fn new(now: Instant) -> Pace {
        Pace {
            messages: Budget::new(MESSAGES_BURST, MESSAGE_EVERY_MS, now),
            kibibytes: Budget::new(KIBIBYTES_BURST, KIBIBYTE_EVERY_MS, now),
        }
    }

    /// Take room for a message of so many bytes, if there is.
    fn take(&mut self, bytes: usize, now: Instant) -> bool {
        let has_room = self.messages.has(1, now) && self.kibibytes.take_some(bytes.div_ceil(1024) as u64, now);
        has_room && self.messages.take(now)
    }

    /// When there is more room than now.
    fn next(&self) -> Instant {
        self.messages.next().max(self.kibibytes.next())
    }
}

impl Relay {
    fn new(session: u64, way: (usize, Number), asked_until: Option<Instant>) -> Relay {
        Relay {
            session,
            way,
            asked_until,
            retry: None,
            sent: 0,
            heard: 0,
            queues: Default::default(),
            arriving: Default::default(),
        }
    }

    /// Whether frames pass.
    pub(crate) fn is_open(&self) -> bool {
        self.asked_until.is_none()
    }

    /// When something is due, beside what waits to leave.
    fn deadline(&self) -> Option<Instant> {
        self.asked_until.or(self.retry)
    }

    fn waits(&self) -> bool {
        self.queues.iter().any(|queue| !queue.frames.is_empty())
    }

    /// A frame waits from now on; `false`: too much does.
    fn push(&mut self, lane: Lane, frame: &[u8]) -> bool {
        let waiting: usize = self.queues.iter().flat_map(|queue| &queue.frames).map(Vec::len).sum();
        let fits = waiting + frame.len() <= QUEUE_BYTES_MAX;
        if fits {
            self.queues[index(lane)].frames.push_back(frame.to_vec());
        }
        fits
    }

    /// How long the next piece is, the most urgent first.
    fn next_bytes(&self) -> Option<usize> {
        let queue = self.queues.iter().find(|queue| !queue.frames.is_empty())?;
        Some((queue.frames.front()?.len() - queue.offset).min(PIECE_BYTES_MAX))
    }

    /// The next piece.
    fn next(&mut self) -> Option<Payload> {
        let lane = self.queues.iter().position(|queue| !queue.frames.is_empty())?;
        let queue = &mut self.queues[lane];
        let frame = queue.frames.front()?;
        let end = frame.len().min(queue.offset + PIECE_BYTES_MAX);
        let (bytes, more) = (frame[queue.offset..end].to_vec(), end < frame.len());
        if more {
            queue.offset = end;
        } else {
            queue.offset = 0;
            queue.frames.pop_front();
        }
        self.sent += 1;
        Some(Payload::Piece { session: self.session, number: self.sent, lane: lane as u8, more, bytes })
    }

    /// Which lanes had to wait and have sent all they had.
    fn caught_up(&mut self) -> Vec<Lane> {
        let lanes = super::link::LANES.into_iter().zip(&mut self.queues);
        lanes.filter_map(|(lane, q)| (q.frames.is_empty() && std::mem::take(&mut q.waited)).then_some(lane)).collect()
    }

    /// A piece came. `Err`: it is not the next one, or no frame is so long, and the relay must end.
    fn take(&mut self, piece: Piece) -> Result<Option<Vec<u8>>, ()> {
        let arriving = self.arriving.get_mut(usize::from(piece.lane)).ok_or(())?;
        if piece.number != self.heard + 1 || arriving.len() + piece.bytes.len() > FRAME_BYTES_MAX {
            return Err(());
        }
        self.heard = piece.number;
        arriving.extend_from_slice(&piece.bytes);
        Ok((!piece.more).then(|| std::mem::take(arriving)))
    }
}

impl State {
    /// An attempt of ours has come to nothing. A relay is asked for in its stead, if that is the last resort: whether
    /// it is.
    pub(crate) fn resort_to_relay(&mut self, id: NodeId, was_heard: bool, now: Instant) -> bool {
        let is_alone = !self.peers.values().any(|peer| peer.link.is_some());
        let has_room = self.relays() < RELAYS_MAX;
        let Some(peer) = self.peers.get_mut(&id) else { return false };
        if was_heard {
            peer.unreached += 1;
        }
        if !is_alone || !has_room || peer.unreached < FAILURES_MIN || peer.relay.is_some() {
            return false;
        }
        let Some(way) = peer.whereabouts.at_rendezvous() else { return false };
        let session = random_u64();
        peer.relay = Some(Relay::new(session, way, Some(now + ANSWER_MS)));
        let stamp = self.next_stamp();
        self.say(id, Carrier::Rendezvous(way.0, way.1), &Payload::Relay { stamp, session });
        true
    }

    /// A peer that can connect with nobody asks for a relay.
    pub(crate) fn on_relay(&mut self, from: NodeId, carrier: Carrier, stamp: Stamp, session: u64) {
        let Carrier::Rendezvous(index, number) = carrier else { return self.drop_input(DropReason::Payload) };
        let (me, has_room) = (self.me, self.relays() < RELAYS_MAX);
        let Some(peer) = self.peers.get_mut(&from) else { return };
        if !peer.seen.accept(stamp) {
            return self.drop_input(DropReason::Stale);
        }
        // Of two that ask each other at once the lower one's counts.
        let is_asking = peer.relay.as_ref().is_some_and(|relay| !relay.is_open());
        if peer.link.is_some() || (is_asking && me < from) {
            return;
        }
        if peer.relay.is_none() && !has_room {
            return self.drop_input(DropReason::Busy);
        }
        // Its own attempt, if there is one, owes nobody an answer any more.
        peer.attempt.as_mut().into_iter().for_each(|attempt| attempt.wanted = false);
        let was_open = peer.relay.replace(Relay::new(session, (index, number), None)).is_some_and(|was| was.is_open());
        if was_open {
            self.emit(NetworkEvent::LinkDown { id: from });
        }
        self.emit(NetworkEvent::LinkUp { id: from, via: Via::Rendezvous });
        self.say(from, carrier, &Payload::RelayTaken { session });
    }

    /// The peer takes part.
    pub(crate) fn on_relay_taken(&mut self, from: NodeId, session: u64, now: Instant) {
        let Some(peer) = self.peers.get_mut(&from) else { return };
        let asked = peer.relay.as_mut().filter(|relay| relay.session == session && !relay.is_open());
        let Some(relay) = asked else { return self.drop_input(DropReason::Stale) };
        relay.asked_until = None;
        relay.retry = Some(now + RETRY_MS);
        self.emit(NetworkEvent::LinkUp { id: from, via: Via::Rendezvous });
    }

    /// A piece of a frame came over a relay.
    pub(crate) fn on_piece(&mut self, from: NodeId, piece: Piece) {
        let relay = self.peers.get_mut(&from).and_then(|peer| peer.relay.as_mut());
        let open = relay.filter(|relay| relay.session == piece.session && relay.is_open());
        let Some(relay) = open else { return self.drop_input(DropReason::Stale) };
        match relay.take(piece) {
            Ok(None) => {}
            Ok(Some(bytes)) => self.emit(NetworkEvent::Frame { from, bytes }),
            Err(()) => {
                self.drop_input(DropReason::Stale);
                self.drop_relay(from, true);
            }
        }
    }

    /// Send a frame over a relay, if there is one.
    pub(crate) fn send_relayed(&mut self, to: NodeId, lane: Lane, bytes: &[u8], now: Instant) {
        let relay = self.peers.get_mut(&to).and_then(|peer| peer.relay.as_mut());
        let Some(relay) = relay.filter(|relay| relay.is_open()) else { return };
        if relay.push(lane, bytes) {
            self.drain_relays(now);
        } else {
            self.drop_relay(to, true);
        }
    }

    /// Send what there is room for: of each peer one piece in turn, so that nobody waits for a long frame of another's.
    pub(crate) fn drain_relays(&mut self, now: Instant) {
        loop {
            let waiting: Vec<NodeId> = self.relayed_where(Relay::waits);
            if waiting.is_empty() {
                return;
            }
            for id in waiting {
                let Some(relay) = self.peers.get_mut(&id).and_then(|peer| peer.relay.as_mut()) else { continue };
                let Some(bytes) = relay.next_bytes() else { continue };
                if !self.relay_pace.take(bytes, now) {
                    relay.queues.iter_mut().filter(|queue| !queue.frames.is_empty()).for_each(|q| q.waited = true);
                    return;
                }
                let way = relay.way;
                let Some(piece) = relay.next() else { continue };
                let caught_up = relay.caught_up();
                self.say(id, Carrier::Rendezvous(way.0, way.1), &piece);
                caught_up.into_iter().for_each(|lane| self.emit(NetworkEvent::Writable { id, lane }));
            }
        }
    }

    /// When something is due with a relay.
    pub(crate) fn relays_deadline(&self) -> Option<Instant> {
        let relays = || self.peers.values().filter_map(|peer| peer.relay.as_ref());
        let waits = relays().any(Relay::waits).then(|| self.relay_pace.next());
        relays().filter_map(Relay::deadline).chain(waits).min()
    }

    /// Something may be due with a relay.
    pub(crate) fn handle_relays_timeout(&mut self, now: Instant) {
        for id in self.relayed_where(|relay| relay.deadline().is_some_and(|due| due <= now)) {
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            match peer.relay.as_mut() {
                Some(relay) if relay.is_open() => {
                    relay.retry = Some(now + RETRY_MS);
                    self.try_directly(id, now);
                }
                _ => {
                    (peer.relay, peer.is_missed) = (None, true);
                    self.seeks = true;
                    self.emit(NetworkEvent::DialFailed(id));
                }
            }
        }
        self.drain_relays(now);
    }

    /// A relay is over. `aloud`: the other side is told.
    pub(crate) fn drop_relay(&mut self, id: NodeId, aloud: bool) {
        let Some(relay) = self.peers.get_mut(&id).and_then(|peer| peer.relay.take()) else { return };
        if aloud && self.phase == Phase::Running {
            self.say(id, Carrier::Rendezvous(relay.way.0, relay.way.1), &Payload::Bye { session: relay.session });
        }
        self.emit(if relay.is_open() { NetworkEvent::LinkDown { id } } else { NetworkEvent::DialFailed(id) });
    }

    /// The socket that this rendezvous had for a peer is gone, or with `None` our own: so are the relays by it.
    pub(crate) fn drop_relays_by(&mut self, index: usize, number: Option<Number>) {
        let is_by = |relay: &Relay| relay.way.0 == index && number.is_none_or(|number| relay.way.1 == number);
        self.relayed_where(is_by).into_iter().for_each(|id| self.drop_relay(id, false));
    }

    /// With whom there is a relay and nothing better.
    pub(crate) fn relayed(&self) -> Vec<NodeId> {
        self.relayed_where(Relay::is_open)
    }

    /// Whether there is any relay, open or asked for.
    pub(crate) fn has_relays(&self) -> bool {
        self.relays() > 0
    }

    fn relays(&self) -> usize {
        self.peers.values().filter(|peer| peer.relay.is_some()).count()
    }

    fn relayed_where(&self, holds: impl Fn(&Relay) -> bool) -> Vec<NodeId> {
        let relayed = self.peers.iter().filter(|(_, peer)| peer.relay.as_ref().is_some_and(&holds));
        relayed.map(|(id, _)| *id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay() -> Relay {
        Relay::new(7, (0, 1), None)
    }

    fn piece(payload: Payload) -> Piece {
        let Payload::Piece { session, number, lane, more, bytes } = payload else { panic!("{payload:?}") };
        Piece { session, number, lane, more, bytes }
    }

    #[test]
    fn frames_arrive_whole_and_control_goes_before_bulk() {
        let (mut here, mut there) = (relay(), relay());
        let large: Vec<u8> = (0..20_000_u32).map(|n| n as u8).collect();
        assert!(here.push(Lane::Bulk, &large));
        let first = piece(here.next().unwrap());
        assert!(here.push(Lane::Control, b"ping"));
        assert_eq!(there.take(first), Ok(None));
        let mut frames = Vec::new();
        while let Some(next) = here.next() {
            frames.extend(there.take(piece(next)).unwrap());
        }
        assert_eq!(frames, [b"ping".to_vec(), large]);
        assert!(!here.waits());
    }

    #[test]
    fn a_piece_that_is_repeated_or_left_out_is_an_error() {
        let (mut here, mut there) = (relay(), relay());
        (0..3).for_each(|n| assert!(here.push(Lane::Requests, &[n])));
        let pieces: Vec<Payload> = std::iter::from_fn(|| here.next()).collect();
        assert_eq!(there.take(piece(pieces[0].clone())), Ok(Some(vec![0])));
        assert_eq!(there.take(piece(pieces[0].clone())), Err(()));
        assert_eq!(there.take(piece(pieces[2].clone())), Err(()));
        assert_eq!(there.take(piece(pieces[1].clone())), Ok(Some(vec![1])));
    }

    #[test]
    fn what_waits_and_what_has_arrived_is_bounded() {
        let mut here = relay();
        let frame = vec![0; FRAME_BYTES_MAX.min(QUEUE_BYTES_MAX / 4)];
        let taken = (0..1_000).take_while(|_| here.push(Lane::Bulk, &frame)).count();
        assert!(taken >= 4 && taken * frame.len() <= QUEUE_BYTES_MAX, "{taken}");
        let mut there = relay();
        let endless = |number| Piece { session: 7, number, lane: 2, more: true, bytes: vec![0; PIECE_BYTES_MAX] };
        let taken = (1..=100_000).take_while(|&number| there.take(endless(number)).is_ok()).count();
        assert!(taken * PIECE_BYTES_MAX <= FRAME_BYTES_MAX, "{taken}");
        assert_eq!(there.take(Piece { lane: 3, ..endless(there.heard + 1) }), Err(()));
    }

    #[test]
    fn a_stream_of_pieces_keeps_below_what_a_rendezvous_allows() {
        let mut pace = Pace::new(Instant(0));
        let (mut messages, mut bytes) = (0, 0);
        for ms in 0..60_000 {
            while pace.take(PIECE_BYTES_MAX, Instant(ms)) {
                (messages, bytes) = (messages + 1, bytes + PIECE_BYTES_MAX as u64);
            }
        }
        let steady = 60_000 / KIBIBYTE_EVERY_MS * 1024;
        assert!(bytes <= KIBIBYTES_BURST * 1024 + steady && bytes > steady, "{bytes}");
        for ms in 60_000..120_000 {
            while pace.take(10, Instant(ms)) {
                messages += 1;
            }
        }
        assert!(messages <= MESSAGES_BURST + 120_000 / MESSAGE_EVERY_MS, "{messages}");
    }
}
