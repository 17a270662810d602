//! Who brings a signal to a peer that is not linked yet.
//!
//! In order of preference: a broadcast channel, which costs nothing and reaches every tab of this browser; the mesh,
//! which needs no service; a rendezvous at which the peer has a socket. A carrier that heard the peer a moment ago goes
//! first, because what introduced two nodes can bring them together: a stranger who was met at a rendezvous is not
//! known to the mesh yet. Every further try takes the next one, so that no single silent carrier keeps two nodes apart.

use std::collections::BTreeMap;

use roundtable_core::time::{Instant, Millis};
use roundtable_core::wire::rendezvous::Peer;

/// For how long a page that was heard on the broadcast channel is taken to be there. Hidden pages announce themselves
/// once a minute at worst.
const BROADCAST_TRUSTED_MS: Millis = 180_000;
/// For how long whoever introduced a peer goes first.
const INTRODUCED_MS: Millis = 5_000;

/// One way to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Carrier {
    /// The broadcast channel of this browser.
    Broadcast,
    /// Through nodes that are linked already.
    Mesh,
    /// A rendezvous, by its place in the configuration, and the peer's number there.
    Rendezvous(usize, Peer),
}

/// Where one peer was heard, and when.
#[derive(Debug, Default)]
pub(crate) struct Whereabouts {
    broadcast: Option<Instant>,
    mesh: Option<Instant>,
    rendezvous: BTreeMap<usize, (Peer, Instant)>,
}

impl Whereabouts {
    /// A signal of the peer's came this way.
    pub(crate) fn heard(&mut self, carrier: Carrier, now: Instant) {
        match carrier {
            Carrier::Broadcast => self.broadcast = Some(now),
            Carrier::Mesh => self.mesh = Some(now),
            Carrier::Rendezvous(index, peer) => {
                self.rendezvous.insert(index, (peer, now));
            }
        }
    }

    /// The peer said that its page closes.
    pub(crate) fn gone_from_broadcast(&mut self) {
        self.broadcast = None;
    }

    /// This socket of the rendezvous closed, or with `None` all of them, since ours did.
    pub(crate) fn gone_from_rendezvous(&mut self, index: usize, peer: Option<Peer>) {
        if peer.is_none() || self.rendezvous.get(&index).map(|(known, _)| *known) == peer {
            self.rendezvous.remove(&index);
        }
    }

    /// The rendezvous at which the peer was heard last, and its number there.
    pub(crate) fn at_rendezvous(&self) -> Option<(usize, Peer)> {
        let last = self.rendezvous.iter().max_by_key(|(_, (_, at))| *at)?;
        Some((*last.0, last.1.0))
    }

    /// When the peer was last heard in any way.
    pub(crate) fn last_heard(&self) -> Option<Instant> {
        let rendezvous = self.rendezvous.values().map(|(_, at)| *at).max();
        self.broadcast.max(self.mesh).max(rendezvous)
    }

    /// The carrier for the `tries`-th try (from 0). `meshed`: any link is up that could carry a signal.
    pub(crate) fn choose(&self, tries: usize, meshed: bool, now: Instant) -> Option<Carrier> {
        let mut ways: Vec<(Carrier, Option<Instant>)> = Vec::new();
        if self.broadcast.is_some_and(|at| now.since(at) < BROADCAST_TRUSTED_MS) {
            ways.push((Carrier::Broadcast, self.broadcast));
        }
        if meshed {
            ways.push((Carrier::Mesh, self.mesh));
        }
        ways.extend(self.rendezvous.iter().map(|(&index, &(peer, at))| (Carrier::Rendezvous(index, peer), Some(at))));
        // Stable: equally recent ones keep the order of preference.
        ways.sort_by_key(|(_, heard)| !heard.is_some_and(|at| now.since(at) < INTRODUCED_MS));
        let count = ways.len();
        (count > 0).then(|| ways[tries % count].0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Instant = Instant(100_000);

    #[test]
    fn the_broadcast_channel_is_preferred_to_the_mesh_and_the_mesh_to_a_rendezvous() {
        let mut peer = Whereabouts::default();
        assert_eq!(peer.choose(0, false, LATER), None);
        peer.heard(Carrier::Rendezvous(1, 5), Instant(0));
        assert_eq!(peer.choose(0, false, LATER), Some(Carrier::Rendezvous(1, 5)));
        assert_eq!(peer.choose(0, true, LATER), Some(Carrier::Mesh));
        peer.heard(Carrier::Broadcast, Instant(0));
        assert_eq!(peer.choose(0, true, LATER), Some(Carrier::Broadcast));
    }

    #[test]
    fn every_further_try_takes_the_next_carrier() {
        let mut peer = Whereabouts::default();
        peer.heard(Carrier::Broadcast, Instant(0));
        peer.heard(Carrier::Rendezvous(0, 9), Instant(0));
        let tries: Vec<_> = (0..4).map(|tries| peer.choose(tries, true, LATER).unwrap()).collect();
        assert_eq!(tries, [Carrier::Broadcast, Carrier::Mesh, Carrier::Rendezvous(0, 9), Carrier::Broadcast]);
    }

    #[test]
    fn who_introduced_a_stranger_carries_first() {
        let mut peer = Whereabouts::default();
        peer.heard(Carrier::Rendezvous(0, 9), LATER);
        assert_eq!(peer.choose(0, true, LATER + 10), Some(Carrier::Rendezvous(0, 9)));
        assert_eq!(peer.choose(0, true, LATER + 6_000), Some(Carrier::Mesh));
    }

    #[test]
    fn a_page_that_was_silent_for_minutes_is_not_sought_on_the_broadcast_channel() {
        let mut peer = Whereabouts::default();
        peer.heard(Carrier::Broadcast, Instant(0));
        assert_eq!(peer.choose(0, false, Instant(179_000)), Some(Carrier::Broadcast));
        assert_eq!(peer.choose(0, false, Instant(180_000)), None);
    }

    #[test]
    fn a_socket_that_closed_is_forgotten_but_not_the_one_after_it() {
        let mut peer = Whereabouts::default();
        peer.heard(Carrier::Rendezvous(0, 9), Instant(0));
        peer.gone_from_rendezvous(0, Some(8));
        assert_eq!(peer.choose(0, false, LATER), Some(Carrier::Rendezvous(0, 9)));
        peer.gone_from_rendezvous(0, None);
        assert_eq!(peer.choose(0, false, LATER), None);
    }
}
