//! All that is known: peers, attempts, links, carriers, and when something is due.
//!
//! The state is changed by what `introduce`, `dial` and `traffic` do with it; here are its parts, its limits and its
//! clockwork. Invariants: a peer has at most one attempt and at most one open link; whatever others can make grow is
//! bounded by a constant below.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::{Rc, Weak};

use roundtable_core::id::{KeyPair, NodeId, Room};
use roundtable_core::time::{Instant, Millis};
use roundtable_core::wire::handshake::Nonce;
use web_sys::RtcCertificate;

use crate::host;

use super::admission::Admission;
use super::broadcast::Broadcast;
use super::carrier::{Carrier, Whereabouts};
use super::invite::Invites;
use super::link::{Ingredients, Link};
use super::pace::Budget;
use super::relay::{Pace, Relay};
use super::rendezvous::Rendezvous;
use super::shared::Shared;
use super::signal::{Freshness, Stamp};
use super::{DropReason, NetworkConfig, NetworkEvent, Via};
use crate::turn::Turn;

/// How many peers are remembered; the one that was silent longest makes room.
const PEERS_MAX: usize = 1024;
/// How many connections may be in the making at once.
pub(crate) const ATTEMPTS_MAX: usize = 64;
/// How long an attempt may take.
pub(crate) const DIAL_MS: Millis = 10_000;
/// A timer that comes so late was held up with all that came in the meantime.
const LATE_MS: Millis = 500;
/// When an attempt that has not succeeded says everything again, in milliseconds after it last did.
pub(crate) const SAY_AGAIN_MS: [Millis; 4] = [1_000, 2_000, 3_000, 3_000];

pub(crate) struct State {
    pub(crate) me: NodeId,
    pub(crate) keys: KeyPair,
    pub(crate) room: Room,
    /// A random number for this life of this page.
    pub(crate) page: u64,
    pub(crate) serial: u32,
    pub(crate) phase: Phase,
    pub(crate) ingredients: Ingredients,
    pub(crate) peers: BTreeMap<NodeId, Peer>,
    pub(crate) cut: BTreeSet<NodeId>,
    pub(crate) broadcast: Option<Broadcast>,
    pub(crate) announced: usize,
    pub(crate) announce_at: Option<Instant>,
    /// Whether somebody was dialled in vain since the last announcement.
    pub(crate) seeks: bool,
    pub(crate) rendezvous: Vec<Rendezvous>,
    /// What people carry.
    pub(crate) invites: Invites,
    pub(crate) budget: Budget,
    /// How fast relays send.
    pub(crate) relay_pace: Pace,
    /// When credits are given back.
    pub(crate) turn: Option<Turn>,
    pub(crate) dropped: u64,
    pub(crate) handle: Weak<Shared>,
    rendezvous_urls: Vec<String>,
    events: VecDeque<NetworkEvent>,
}

/// The life of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    /// There is no certificate yet; whom to dial when there is.
    Starting(BTreeSet<NodeId>),
    /// All is well.
    Running,
    /// All is over.
    Closed,
}

/// What is known of another node.
#[derive(Default)]
pub(crate) struct Peer {
    pub(crate) whereabouts: Whereabouts,
    pub(crate) seen: Freshness,
    /// The random number of its page, as last announced.
    pub(crate) page: Option<u64>,
    /// How many carriers were tried since it was last linked.
    pub(crate) tries: usize,
    pub(crate) attempt: Option<Attempt>,
    pub(crate) link: Option<Link>,
    /// How many attempts have failed since it was last linked, though it was heard.
    pub(crate) unreached: u32,
    /// Whether it was dialled in vain since it was last linked or told to be there.
    pub(crate) is_missed: bool,
    /// In the place of a link, if there can be none.
    pub(crate) relay: Option<Relay>,
}

/// A connection in the making.
pub(crate) struct Attempt {
    /// Absent while we have called and wait for the offer.
    pub(crate) link: Option<Link>,
    /// What must be proven on it.
    pub(crate) admission: Admission,
    /// Under which our offer goes, each time it is said.
    pub(crate) stamp: Option<Stamp>,
    /// Whether we were asked to dial and owe an answer.
    pub(crate) wanted: bool,
    /// Who carries, and whether the peer was heard that way.
    pub(crate) carrier: Carrier,
    pub(crate) heard: bool,
    pub(crate) deadline: Instant,
    pub(crate) said: Instant,
    /// When we call, if we have not yet.
    pub(crate) calls_at: Option<Instant>,
    pub(crate) times_said: usize,
    was_put_off: bool,
}

impl Attempt {
    pub(crate) fn new(carrier: Carrier, wanted: bool, nonce: Nonce, now: Instant) -> Attempt {
        Attempt {
            link: None,
            admission: Admission::new(nonce),
            stamp: None,
            wanted,
            carrier,
            heard: false,
            deadline: now + DIAL_MS,
            said: now,
            calls_at: None,
            times_said: 0,
            was_put_off: false,
        }
    }

    fn say_again_at(&self) -> Instant {
        self.calls_at.unwrap_or(self.said + SAY_AGAIN_MS[self.times_said.min(SAY_AGAIN_MS.len() - 1)])
    }

    /// Its time may be up only by a clock that this page was late to look at: what came in time then still waits behind
    /// the timer, and is taken first. Once.
    fn put_off_if_late(&mut self, now: Instant) {
        if now.since(self.deadline) >= LATE_MS && !self.was_put_off {
            (self.was_put_off, self.deadline) = (true, now + LATE_MS);
        }
    }

    pub(crate) fn via(&self) -> Via {
        match self.carrier {
            Carrier::Broadcast => Via::Broadcast,
            Carrier::Mesh => Via::Mesh,
            Carrier::Rendezvous(..) => Via::Rendezvous,
        }
    }
}

impl State {
    pub(crate) fn new(config: NetworkConfig, handle: Weak<Shared>, now: Instant) -> State {
        State {
            me: config.keys.id(),
            keys: config.keys,
            room: config.room,
            page: random_u64(),
            serial: 0,
            phase: Phase::Starting(BTreeSet::new()),
            ingredients: Ingredients { ice_servers: config.ice_servers, certificate: None },
            peers: BTreeMap::new(),
            cut: BTreeSet::new(),
            broadcast: None,
            announced: 0,
            announce_at: None,
            seeks: false,
            rendezvous: Vec::new(),
            invites: Invites::default(),
            budget: Budget::of_constructions(now),
            relay_pace: Pace::new(now),
            turn: None,
            dropped: 0,
            handle,
            rendezvous_urls: config.rendezvous,
            events: VecDeque::new(),
        }
    }

    /// The certificate is there (or there can be none): go among people.
    pub(crate) fn open(&mut self, certificate: Option<RtcCertificate>, now: Instant) {
        let Phase::Starting(dials) = std::mem::replace(&mut self.phase, Phase::Running) else {
            self.phase = Phase::Closed;
            return;
        };
        self.ingredients.certificate = certificate;
        let heard = self.handle.clone();
        self.broadcast = Broadcast::open(
            &self.room,
            self.me,
            Rc::new(move |bytes| {
                let Some(shared) = heard.upgrade() else { return };
                shared.happen(|state, now| state.on_broadcast(bytes, now));
            }),
        );
        self.announce_at = Some(now);
        let handle = self.handle.clone();
        self.turn = Turn::new(move || {
            if let Some(shared) = handle.upgrade() {
                shared.happen_quietly(|state, _| state.return_credits());
            }
        });
        let topic = self.room.topic();
        let urls = std::mem::take(&mut self.rendezvous_urls);
        self.rendezvous = urls.into_iter().map(|url| Rendezvous::new(url, topic, now)).collect();
        self.handle_timeout(now);
        dials.into_iter().for_each(|id| self.dial(id, now));
        self.grant_wishes(now);
    }

    /// Close everything, at once.
    pub(crate) fn close(&mut self) {
        if self.phase == Phase::Closed {
            return;
        }
        self.say_gone();
        self.phase = Phase::Closed;
        self.close_invites();
        for (id, mut peer) in std::mem::take(&mut self.peers) {
            if peer.attempt.take().is_some_and(|attempt| attempt.wanted) {
                self.emit(NetworkEvent::DialFailed(id));
            }
            if let Some(mut link) = peer.link.take() {
                link.flush();
                self.emit(NetworkEvent::LinkDown { id });
            } else if let Some(relay) = peer.relay.take() {
                self.emit(if relay.is_open() { NetworkEvent::LinkDown { id } } else { NetworkEvent::DialFailed(id) });
            }
        }
        self.broadcast = None;
        self.announce_at = None;
        self.turn = None;
        self.rendezvous.clear();
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let peers = self.peers.values().flat_map(|peer| {
            let attempt = peer.attempt.as_ref().map(|attempt| attempt.deadline.min(attempt.say_again_at()));
            attempt.into_iter().chain(peer.link.as_ref().and_then(|link| link.restart.deadline()))
        });
        let rendezvous = self.rendezvous.iter().filter_map(Rendezvous::deadline);
        let others = self.announce_at.into_iter().chain(self.invites_deadline()).chain(self.relays_deadline());
        peers.chain(rendezvous).chain(others).min()
    }

    /// Something is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.phase != Phase::Running {
            return;
        }
        self.announce_if_due(now);
        self.connect_rendezvous_if_due(now);
        self.handle_invites_timeout(now);
        self.handle_relays_timeout(now);
        let ids: Vec<NodeId> = self.peers.keys().copied().collect();
        for id in ids {
            self.mend_if_due(id, now);
            if let Some(attempt) = self.peers.get_mut(&id).and_then(|peer| peer.attempt.as_mut()) {
                attempt.put_off_if_late(now);
            }
            match self.peers.get(&id).and_then(|peer| peer.attempt.as_ref()) {
                Some(attempt) if attempt.deadline <= now => {
                    if attempt.admission.said {
                        self.drop_input(DropReason::Unproven);
                    }
                    self.fail_unreached(id, now);
                }
                Some(attempt) if attempt.say_again_at() <= now => self.say_again(id, now),
                _ => {}
            }
        }
    }

    /// What is known of this node, made anew if there is nothing and there is room.
    pub(crate) fn peer(&mut self, id: NodeId) -> Option<&mut Peer> {
        if self.peers.len() >= PEERS_MAX && !self.peers.contains_key(&id) {
            let is_idle = |peer: &Peer| peer.attempt.is_none() && peer.link.is_none() && peer.relay.is_none();
            let idle = self.peers.iter().filter(|(_, peer)| is_idle(peer));
            let silent = idle.min_by_key(|(_, peer)| peer.whereabouts.last_heard()).map(|(id, _)| *id)?;
            self.peers.remove(&silent);
        }
        Some(self.peers.entry(id).or_default())
    }

    /// Whom there is an open link with.
    pub(crate) fn links(&self) -> Vec<NodeId> {
        let is_linked = |peer: &Peer| peer.link.is_some() || peer.relay.as_ref().is_some_and(Relay::is_open);
        self.peers.iter().filter(|(_, peer)| is_linked(peer)).map(|(id, _)| *id).collect()
    }

    pub(crate) fn emit(&mut self, event: NetworkEvent) {
        self.events.push_back(event);
    }

    pub(crate) fn drop_input(&mut self, reason: DropReason) {
        self.dropped += 1;
        self.emit(NetworkEvent::Dropped { reason });
    }

    pub(crate) fn next_event(&mut self) -> Option<NetworkEvent> {
        self.events.pop_front()
    }

    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// When this page begins something: later than all it began before.
    pub(crate) fn next_stamp(&mut self) -> Stamp {
        self.serial += 1;
        Stamp { page: self.page, serial: self.serial }
    }
}

/// Eight random bytes, as a number.
pub(crate) fn random_u64() -> u64 {
    // No browser lacks `crypto`. What is drawn here only tells one attempt from another; the seals are what protects.
    u64::from_le_bytes(host::random().unwrap_or_else(|| [(); 8].map(|()| random_u8())))
}

/// One random byte, for jitter.
pub(crate) fn random_u8() -> u8 {
    (js_sys::Math::random() * 256.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_whose_time_a_late_page_finds_up_has_a_moment_more_once() {
        let attempt = || Attempt::new(Carrier::Broadcast, true, [0; 16], Instant(1_000));
        let (mut prompt, mut late) = (attempt(), attempt());
        let due = late.deadline;
        prompt.put_off_if_late(due);
        assert_eq!(prompt.deadline, due, "looked at in time, its time is up");
        let then = due + 7_000;
        late.put_off_if_late(then);
        assert_eq!(late.deadline, then + LATE_MS);
        late.put_off_if_late(then + 7_000);
        assert_eq!(late.deadline, then + LATE_MS, "only once");
    }
}
