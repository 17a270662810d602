//! Frames: what bytes are acceptable.
//!
//! A frame is one version byte, then one [`Message`] in postcard's stable format. Reading is the only door into the
//! core for bytes from others: it allocates no more than the frame's own length suggests, recurses nowhere, and gives
//! types whose invariants hold (an ordered version vector, covered dots, a UTF-8 key). What it cannot read it drops,
//! with a [`WireError`] that is counted; it never ends a link, for the next frame stands on its own.
//!
//! Three conversations live beside it: [`rendezvous`] with the server that introduces strangers, [`signal`] between the
//! drivers of two nodes before there is a link, and [`handshake`], the first words on a new one. What the drivers of a
//! room say where others can hear it is in a [`seal`].

mod buffer;
pub mod handshake;
mod message;
mod record;
pub mod rendezvous;
pub mod seal;
pub mod signal;
mod verified;
mod vitals;

pub use crate::datatype::{Object, Payload, Version};
pub use message::{
    Begin, Held, Lane, Message, Outline, Part, PartSummary, Purpose, Relayed, Says, Scope, Traffic, Wanted, Word,
};
pub use record::{
    CAPACITY_MAX, Claim, DigestEntry, LABEL_BYTES_MAX, N_MAX, Presence, Record, Rumour, SignedRecord, Standing,
};
pub use verified::Verified;
pub use vitals::{DiskState, Quickness, Rates, Rough, Told, Vitals};

pub(crate) use buffer::append;

use alloc::vec::Vec;
use core::fmt;

use crate::id::NodeId;

/// The version of the protocol between nodes; a frame of another version is dropped.
pub const VERSION: u8 = 1;
/// The largest frame, in bytes: several of the largest values side by side.
pub const FRAME_BYTES_MAX: usize = 2 * 1024 * 1024;
/// How many frames at most leave together.
pub const FRAMES_MAX: usize = 64;
/// Most frames are probes and fit in this: no room is made for them piece by piece.
const FRAME_BYTES_USUAL: usize = 64;

/// Messages that a module wants sent, in order.
pub type Outbox = Vec<(NodeId, Message)>;

/// Why a frame was dropped. Nothing was changed by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WireError {
    /// Longer than [`FRAME_BYTES_MAX`].
    TooLarge,
    /// Of a version that this build does not speak.
    Version,
    /// Meant for another room.
    Room,
    /// Empty, truncated, with bytes left over, or holding what must not be there.
    Malformed,
    /// It speaks for somebody else, or its signature does not hold.
    Forged,
    /// It would grow something beyond its limit.
    Limit,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WireError::TooLarge => "the frame is too large",
            WireError::Version => "the frame is of a version that this build does not speak",
            WireError::Room => "the frame is for another room",
            WireError::Malformed => "the frame cannot be read",
            WireError::Forged => "the frame speaks for somebody else",
            WireError::Limit => "the frame would grow something beyond its limit",
        })
    }
}

impl core::error::Error for WireError {}

/// Encode a message as a frame.
pub fn encode(message: &Message) -> Vec<u8> {
    let object_bytes = match message {
        Message::Store { key, object, .. } | Message::Changed { key, object } => key.as_bytes().len() + size(object),
        Message::Fetched { object: Some(object), .. } => size(object),
        _ => 0,
    };
    let mut frame = Vec::with_capacity(FRAME_BYTES_USUAL + object_bytes);
    frame.push(VERSION);
    append(message, frame)
}

/// About how many bytes an object takes.
pub(crate) fn size(object: &Object) -> usize {
    object.values().map(|version| version.payload.len() + 4).sum::<usize>() + object.context().len() * 26
}

/// Read a frame, which must hold exactly one message.
pub fn decode(frame: &[u8]) -> Result<Message, WireError> {
    if frame.len() > FRAME_BYTES_MAX {
        return Err(WireError::TooLarge);
    }
    let (&version, body) = frame.split_first().ok_or(WireError::Malformed)?;
    if version != VERSION {
        return Err(WireError::Version);
    }
    match postcard::take_from_bytes(body) {
        Ok((message, [])) => Ok(message),
        _ => Err(WireError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Dot, VersionVector};
    use crate::id::{Actor, Key};
    use proptest::prelude::*;

    fn store() -> Message {
        let actor = Actor { node: NodeId::from_bytes([4; 16]), epoch: 77 };
        let mut object = Object::new();
        object.put(&VersionVector::new(), Dot { actor, counter: 3 }, Version::plain(alloc::vec![1; 100].into()));
        Message::Store { request: 9, key: Key::new("carts", "alice").unwrap(), object, hint: None }
    }

    #[test]
    fn a_message_is_read_back_from_its_frame() {
        assert_eq!(decode(&encode(&store())), Ok(store()));
    }

    #[test]
    fn a_put_of_100_bytes_is_a_frame_of_at_most_160() {
        assert!(encode(&store()).len() <= 160, "{}", encode(&store()).len());
    }

    fn vitals() -> Message {
        let vitals = Vitals { keys: 10_000, bytes: 5_000_000, hints: 300, links: 23, ..Vitals::default() };
        Message::Vitals { of: NodeId::from_bytes([4; 16]), incarnation: 70, number: 9_000, vitals }
    }

    #[test]
    fn the_vitals_of_a_busy_node_are_a_frame_of_at_most_48_bytes() {
        assert!(encode(&vitals()).len() <= 48, "{}", encode(&vitals()).len());
    }

    #[test]
    fn every_truncation_is_refused() {
        for message in [store(), vitals()] {
            let frame = encode(&message);
            assert_eq!(decode(&frame), Ok(message));
            for end in 0..frame.len() {
                assert!(decode(&frame[..end]).is_err(), "{end}");
            }
            let mut longer = frame;
            longer.push(0);
            assert_eq!(decode(&longer), Err(WireError::Malformed));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn bytes_of_any_kind_are_a_message_or_an_error(mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Some(first) = bytes.first_mut() {
                *first = VERSION;
            }
            if let Ok(message) = decode(&bytes) {
                prop_assert_eq!(decode(&encode(&message)), Ok(message));
            }
        }
    }
}
