//! What is counted, and told to anybody who asks at `/rendezvous/health`.
//!
//! Sums only: no address, topic, number or payload is counted apart, logged or remembered, so there is nothing to leak.
//! Counters only rise; they begin at zero when the process does.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use roundtable_core::wire::rendezvous::{Refusal, VERSION};
use serde::Serialize;

/// Why a client did not get as far as a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnedAway {
    /// Its page, or its machine, may not use this rendezvous.
    Origin,
    /// There are as many sockets, or connections, as there may be.
    Full,
    /// There are as many from its address.
    Address,
}

/// Why the rendezvous closed a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// It sent too many bad frames, one that was too large, or what is no WebSocket.
    Misbehaved,
    /// It did not read what it was sent.
    Slow,
    /// It did not even answer a ping.
    Silent,
    /// It never joined a topic.
    Idle,
}

const REFUSED: [&str; 7] =
    ["malformed", "too_large", "too_fast", "too_many_topics", "topic_full", "no_such_peer", "not_joined"];
const TURNED_AWAY: [&str; 3] = ["origin", "full", "address"];
const DROPPED: [&str; 4] = ["misbehaved", "slow", "silent", "idle"];

/// The counters of one rendezvous.
#[derive(Debug, Default)]
pub struct Counters {
    forwarded: AtomicU64,
    refused: [AtomicU64; REFUSED.len()],
    turned_away: [AtomicU64; TURNED_AWAY.len()],
    dropped: [AtomicU64; DROPPED.len()],
}

impl Counters {
    /// A message was put into its receiver's queue.
    pub fn on_forwarded(&self) {
        self.forwarded.fetch_add(1, Relaxed);
    }

    /// A frame was refused.
    pub fn on_refused(&self, refusal: Refusal) {
        let place = match refusal {
            Refusal::Malformed => 0,
            Refusal::TooLarge => 1,
            Refusal::TooFast => 2,
            Refusal::TooManyTopics => 3,
            Refusal::TopicFull => 4,
            Refusal::NoSuchPeer => 5,
            Refusal::NotJoined => 6,
        };
        self.refused[place].fetch_add(1, Relaxed);
    }

    /// A client was turned away.
    pub fn on_turned_away(&self, why: TurnedAway) {
        self.turned_away[why as usize].fetch_add(1, Relaxed);
    }

    /// A socket was closed by us.
    pub fn on_dropped(&self, why: Dropped) {
        self.dropped[why as usize].fetch_add(1, Relaxed);
    }

    /// All of it, at this moment.
    pub fn health(&self, sockets: usize, topics: usize) -> Health {
        Health {
            name: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            protocol: VERSION,
            sockets,
            topics,
            forwarded: self.forwarded.load(Relaxed),
            refused: named(&REFUSED, &self.refused),
            turned_away: named(&TURNED_AWAY, &self.turned_away),
            dropped: named(&DROPPED, &self.dropped),
        }
    }
}

/// The answer at `/rendezvous/health`.
#[derive(Debug, Clone, Serialize)]
pub struct Health {
    /// Of this program.
    pub name: &'static str,
    /// Of this program.
    pub version: &'static str,
    /// The version byte of its frames.
    pub protocol: u8,
    /// How many sockets are open.
    pub sockets: usize,
    /// How many topics have somebody in them.
    pub topics: usize,
    /// Messages forwarded since the start.
    pub forwarded: u64,
    /// Frames refused since the start, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Clients turned away since the start, by reason.
    pub turned_away: BTreeMap<&'static str, u64>,
    /// Sockets closed by the rendezvous since the start, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
}

fn named<const N: usize>(names: &[&'static str; N], counts: &[AtomicU64; N]) -> BTreeMap<&'static str, u64> {
    names.iter().copied().zip(counts.iter().map(|count| count.load(Relaxed))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_counted_under_its_own_name() {
        let counters = Counters::default();
        counters.on_refused(Refusal::TopicFull);
        counters.on_turned_away(TurnedAway::Address);
        counters.on_dropped(Dropped::Silent);
        let health = counters.health(1, 2);
        assert_eq!((health.refused["topic_full"], health.turned_away["address"], health.dropped["silent"]), (1, 1, 1));
        assert_eq!(health.refused.values().sum::<u64>(), 1);
    }
}
