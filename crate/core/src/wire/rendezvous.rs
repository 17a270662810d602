//! What a tab and the rendezvous say to each other over a WebSocket, one message a binary frame.
//!
//! The rendezvous introduces strangers and knows nothing of them. A *topic* is 32 opaque bytes; a *peer* is a number
//! that the rendezvous gives to one socket for as long as it is open, never a node's identity. What peers send each
//! other is opaque to it (signed, and in a room with a secret sealed). It keeps nothing and tells nobody what it
//! forwarded.
//!
//! A frame is one version byte, then the message in postcard's stable format (<https://postcard.jamesmunns.com>).
//! It is *not* the protocol between nodes: that is the rest of `wire`.

use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The version of this conversation; a frame of another version is refused.
pub const VERSION: u8 = 1;
/// The largest frame either side accepts, in bytes. An offer with its candidates is about 1 KiB.
pub const FRAME_BYTES_MAX: usize = 16 * 1024;

/// The longest payload of a message, in bytes: with a topic and a peer's number around it, it fits one frame in either
/// direction, however many bytes the number takes. A longer one is refused as [`Refusal::TooLarge`].
pub const PAYLOAD_BYTES_MAX: usize = FRAME_BYTES_MAX - 64;

/// 32 opaque bytes that all nodes of one room derive alike.
pub type Topic = [u8; 32];
/// The number the rendezvous gave to one socket.
pub type Peer = u64;

/// From a tab to the rendezvous.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromClient {
    /// Be introduced to whoever is in this topic. Answered by [`FromServer::Welcome`].
    Join {
        /// Whom to meet.
        topic: Topic,
    },
    /// Forward to one peer of a topic that this socket has joined.
    Send {
        /// The topic both have joined.
        topic: Topic,
        /// Whom to.
        to: Peer,
        /// Opaque to the rendezvous.
        bytes: Vec<u8>,
    },
    /// No longer be introduced.
    Leave {
        /// Which topic to leave.
        topic: Topic,
    },
}

/// From the rendezvous to a tab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromServer {
    /// Who was in the topic when this socket joined.
    Welcome {
        /// The topic joined.
        topic: Topic,
        /// The number of this socket.
        you: Peer,
        /// The others, at most as many as the rendezvous cares to name.
        peers: Vec<Peer>,
    },
    /// Somebody else joined the topic.
    Joined {
        /// Which topic.
        topic: Topic,
        /// Who.
        peer: Peer,
    },
    /// Somebody else left the topic, or their socket closed.
    Left {
        /// Which topic.
        topic: Topic,
        /// Who.
        peer: Peer,
    },
    /// A peer sent this.
    Message {
        /// In which topic.
        topic: Topic,
        /// From whom.
        from: Peer,
        /// Opaque to the rendezvous.
        bytes: Vec<u8>,
    },
    /// What was asked for was not done, and why. Fatal ones are followed by a close.
    Refused {
        /// Why.
        reason: Refusal,
    },
}

/// Why the rendezvous did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The frame could not be read, or was of another version.
    Malformed,
    /// The frame was longer than [`FRAME_BYTES_MAX`], or its payload than [`PAYLOAD_BYTES_MAX`].
    TooLarge,
    /// Too many frames or bytes a second.
    TooFast,
    /// The socket has joined as many topics as it may, or the rendezvous carries as many as it can.
    TooManyTopics,
    /// The topic has as many peers as it may.
    TopicFull,
    /// That peer is not, or no longer, in that topic.
    NoSuchPeer,
    /// The socket sent to a topic that it has not joined.
    NotJoined,
}

/// Why a frame could not be read. Nothing was changed by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// Longer than [`FRAME_BYTES_MAX`].
    TooLarge,
    /// The first byte names a version that this build does not speak.
    Version(u8),
    /// Empty, truncated, or with bytes left over.
    Malformed,
}

impl core::fmt::Display for FrameError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            FrameError::TooLarge => write!(f, "the frame is longer than {FRAME_BYTES_MAX} bytes"),
            FrameError::Version(v) => write!(f, "the frame is of version {v}; this build speaks version {VERSION}"),
            FrameError::Malformed => write!(f, "the frame is empty, truncated or has bytes left over"),
        }
    }
}

impl core::error::Error for FrameError {}

/// Encode one message as one frame.
pub fn encode<M: Serialize>(message: &M) -> Vec<u8> {
    postcard::to_extend(message, alloc::vec![VERSION]).expect("messages of this module always serialise to a Vec")
}

/// Decode one frame, which must hold exactly one message.
pub fn decode<'a, M: Deserialize<'a>>(frame: &'a [u8]) -> Result<M, FrameError> {
    if frame.len() > FRAME_BYTES_MAX {
        return Err(FrameError::TooLarge);
    }
    let (&version, body) = frame.split_first().ok_or(FrameError::Malformed)?;
    if version != VERSION {
        return Err(FrameError::Version(version));
    }
    match postcard::take_from_bytes(body) {
        Ok((message, [])) => Ok(message),
        _ => Err(FrameError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        let sent = FromClient::Send { topic: [7; 32], to: 3, bytes: alloc::vec![1, 2, 3] };
        assert_eq!(decode::<FromClient>(&encode(&sent)), Ok(sent));
    }

    #[test]
    fn the_longest_payload_fits_a_frame_in_either_direction() {
        let (topic, bytes) = ([7; 32], alloc::vec![0; PAYLOAD_BYTES_MAX]);
        assert!(encode(&FromClient::Send { topic, to: Peer::MAX, bytes: bytes.clone() }).len() <= FRAME_BYTES_MAX);
        assert!(encode(&FromServer::Message { topic, from: Peer::MAX, bytes }).len() <= FRAME_BYTES_MAX);
    }

    #[test]
    fn a_frame_that_is_truncated_or_overlong_is_malformed() {
        let mut frame = encode(&FromClient::Join { topic: [0; 32] });
        frame.push(0);
        assert_eq!(decode::<FromClient>(&frame), Err(FrameError::Malformed));
        assert_eq!(decode::<FromClient>(&frame[..10]), Err(FrameError::Malformed));
        assert_eq!(decode::<FromClient>(&[]), Err(FrameError::Malformed));
    }

    #[test]
    fn a_frame_of_another_version_says_so() {
        let mut frame = encode(&FromClient::Join { topic: [0; 32] });
        frame[0] = 9;
        assert_eq!(decode::<FromClient>(&frame), Err(FrameError::Version(9)));
    }
}
