//! What two drivers say to each other before there is a link between them.
//!
//! A [`Payload`] is the inside of a signal that `roundtable_core::wire::signal` seals: signed by its sender, bound to
//! the room and the receiver. Here is only what it says. Every payload that begins something carries a [`Stamp`], which
//! is the page's random number and a count that rises with every beginning, so that a carrier which repeats an old one
//! is noticed ([`Freshness`]); every payload that continues something names the random number of its *session*, which
//! is one attempt at one connection, so that what belongs to an attempt given up long ago is dropped.
//!
//! It is *not* proof against a carrier that repeats what an earlier life of this page was sent: that costs the receiver
//! one connection that never opens and is given up after its time; a link that is open is not touched by it.

use std::collections::VecDeque;

use roundtable_core::wire::handshake::Nonce;
use serde::{Deserialize, Serialize};

/// How many lives of one peer's page are remembered; a peer that reloads more often makes us forget its oldest.
const PAGES_MAX: usize = 16;

/// One side of one conversation about one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Payload {
    /// I am here.
    Announce {
        /// The random number of the sender's page.
        page: u64,
    },
    /// I am going away; do not look for me here.
    Gone {
        /// The random number of the sender's page.
        page: u64,
    },
    /// Please offer me a connection: said by the higher of two nodes, since the lower one offers.
    Call {
        /// When it was said.
        stamp: Stamp,
    },
    /// This is my side of a new connection.
    Offer {
        /// When it was said.
        stamp: Stamp,
        /// The connection.
        session: u64,
        /// What this side drew for the proofs on it.
        nonce: Nonce,
        /// The description that `createOffer` made, with the fingerprint of the certificate.
        sdp: String,
    },
    /// And this is mine.
    Answer {
        /// The random number of the sender's page.
        page: u64,
        /// The connection that was offered.
        session: u64,
        /// What this side drew for the proofs on it.
        nonce: Nonce,
        /// The description that `createAnswer` made.
        sdp: String,
    },
    /// I may also be reached here.
    Candidate {
        /// The connection.
        session: u64,
        /// The address.
        candidate: Candidate,
    },
    /// I have given this connection up.
    Bye {
        /// The connection.
        session: u64,
    },
    /// Nothing comes through this connection any more; please restart it: said by the higher of two nodes.
    Interrupted {
        /// The connection.
        session: u64,
    },
    /// This is my new side of the same connection.
    Restart {
        /// The connection.
        session: u64,
        /// Which of its restarts, counted from one.
        round: u32,
        /// The description that `createOffer` made.
        sdp: String,
    },
    /// And this is mine.
    Restarted {
        /// The connection.
        session: u64,
        /// The restart that was offered.
        round: u32,
        /// The description that `createAnswer` made.
        sdp: String,
    },
    /// I can connect with nobody; let our frames go through this rendezvous.
    Relay {
        /// When it was said.
        stamp: Stamp,
        /// The relay.
        session: u64,
    },
    /// So be it.
    RelayTaken {
        /// The relay.
        session: u64,
    },
    /// A piece of a frame, over a relay.
    Piece {
        /// The relay.
        session: u64,
        /// Which piece, counted from one.
        number: u64,
        /// The place of its lane.
        lane: u8,
        /// Whether the frame goes on in the next piece of this lane.
        more: bool,
        /// Its bytes.
        bytes: Vec<u8>,
    },
}

/// An ICE candidate, as browsers write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Candidate {
    pub(crate) candidate: String,
    pub(crate) mid: Option<String>,
    pub(crate) line: Option<u16>,
}

impl Payload {
    /// The bytes to seal.
    pub(crate) fn encode(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("a payload always serialises to a Vec")
    }

    /// Read a payload back; `None` if the bytes are not exactly one.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Payload> {
        match postcard::take_from_bytes(bytes) {
            Ok((payload, [])) => Some(payload),
            _ => None,
        }
    }
}

/// When something was begun: on which page, and as which of its beginnings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub(crate) page: u64,
    pub(crate) serial: u32,
}

/// Which beginnings of one peer have been seen.
#[derive(Debug, Default)]
pub(crate) struct Freshness(VecDeque<Stamp>);

impl Freshness {
    /// Whether this is newer than all that was seen of its page; if so it has now been seen.
    pub(crate) fn accept(&mut self, stamp: Stamp) -> bool {
        if let Some(index) = self.0.iter().position(|seen| seen.page == stamp.page) {
            if self.0[index].serial >= stamp.serial {
                return false;
            }
            self.0.remove(index);
        }
        if self.0.len() == PAGES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(stamp);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payloads() -> Vec<Payload> {
        let stamp = Stamp { page: 7, serial: 3 };
        let candidate = Candidate { candidate: "candidate:1 1 udp".into(), mid: Some("0".into()), line: Some(0) };
        vec![
            Payload::Announce { page: 1 },
            Payload::Gone { page: 1 },
            Payload::Call { stamp },
            Payload::Offer { stamp, session: 9, nonce: [5; 16], sdp: "v=0".into() },
            Payload::Answer { page: 2, session: 9, nonce: [5; 16], sdp: "v=0".into() },
            Payload::Candidate { session: 9, candidate },
            Payload::Bye { session: u64::MAX },
            Payload::Interrupted { session: 1 },
            Payload::Restart { session: 9, round: 2, sdp: "v=0".into() },
            Payload::Restarted { session: 9, round: 2, sdp: "v=0".into() },
            Payload::Relay { stamp, session: 9 },
            Payload::RelayTaken { session: 9 },
            Payload::Piece { session: 9, number: 1, lane: 2, more: true, bytes: vec![1, 2] },
        ]
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        for payload in payloads() {
            assert_eq!(Payload::decode(&payload.encode()), Some(payload));
        }
    }

    #[test]
    fn a_payload_that_is_truncated_or_overlong_is_refused() {
        for payload in payloads() {
            let mut bytes = payload.encode();
            assert_eq!(Payload::decode(&bytes[..bytes.len() - 1]), None);
            bytes.push(0);
            assert_eq!(Payload::decode(&bytes), None);
        }
        assert_eq!(Payload::decode(&[]), None);
    }

    #[test]
    fn random_bytes_never_panic() {
        let mut random = fastrand::Rng::with_seed(4);
        for _ in 0..10_000 {
            let bytes: Vec<u8> = (0..random.usize(..200)).map(|_| random.u8(..)).collect();
            let _ = Payload::decode(&bytes);
        }
    }

    #[test]
    fn a_beginning_counts_once() {
        let mut seen = Freshness::default();
        assert!(seen.accept(Stamp { page: 1, serial: 2 }));
        assert!(!seen.accept(Stamp { page: 1, serial: 2 }));
        assert!(!seen.accept(Stamp { page: 1, serial: 1 }));
        assert!(seen.accept(Stamp { page: 1, serial: 3 }));
    }

    #[test]
    fn an_old_page_repeated_does_not_shut_out_the_present_one() {
        let mut seen = Freshness::default();
        assert!(seen.accept(Stamp { page: 2, serial: 1 }));
        assert!(seen.accept(Stamp { page: 1, serial: 50 }));
        assert!(seen.accept(Stamp { page: 2, serial: 2 }));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut seen = Freshness::default();
        (0..1000).for_each(|page| assert!(seen.accept(Stamp { page, serial: 1 })));
        assert_eq!(seen.0.len(), PAGES_MAX);
    }
}
