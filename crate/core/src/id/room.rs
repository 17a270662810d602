//! A room: who shares its name shares a ring. Everything keyed by the room is derived here, so that two rooms never
//! agree by accident on a position, a fingerprint or a topic.
//!
//! A room is open so far: whoever knows its name may join. A secret will enter here, and nowhere else.

use alloc::string::String;
use core::fmt;
use core::hash::Hasher;

use siphasher::sip::SipHasher24;
use siphasher::sip128::{Hasher128, SipHasher13 as SipHasher128};

use super::{Key, NodeId, Position};

const NAME_BYTES_MAX: usize = 256;

/// A room by its name, with the keys that follow from it.
#[derive(Clone, PartialEq, Eq)]
pub struct Room {
    name: String,
    topic: [u8; 32],
    tag: u64,
    positions: [u8; 16],
    fingerprints: [u8; 16],
}

/// The room's name is empty or longer than 256 UTF-8 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomError;

impl fmt::Display for RoomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a room's name has 1 to {NAME_BYTES_MAX} UTF-8 bytes")
    }
}

impl core::error::Error for RoomError {}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Room({:?})", self.name)
    }
}

impl Room {
    /// The open room of this name.
    pub fn open(name: &str) -> Result<Room, RoomError> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(RoomError);
        }
        let root = blake3::derive_key("roundtable 2026 open room", name.as_bytes());
        let short = |context| {
            let mut key = [0; 16];
            key.copy_from_slice(&blake3::derive_key(context, &root)[..16]);
            key
        };
        let tag: [u8; 16] = short("roundtable 2026 tag");
        Ok(Room {
            name: name.into(),
            topic: blake3::derive_key("roundtable 2026 topic", &root),
            tag: u128::from_le_bytes(tag) as u64,
            positions: short("roundtable 2026 positions"),
            fingerprints: short("roundtable 2026 fingerprints"),
        })
    }

    /// The name it was opened with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a rendezvous or a broadcast channel knows it by: 32 bytes that do not tell the name.
    pub fn topic(&self) -> [u8; 32] {
        self.topic
    }

    /// Eight bytes by which two nodes that meet see at once that they mean the same room.
    pub fn tag(&self) -> u64 {
        self.tag
    }

    /// Where a key lies on this room's ring.
    pub fn position(&self, key: &Key) -> Position {
        let mut hasher = SipHasher24::new_with_key(&self.positions);
        hasher.write(key.as_bytes());
        Position(hasher.finish())
    }

    /// Where a node's `index`-th virtual node lies on this room's ring.
    pub fn token(&self, node: &NodeId, index: u16) -> Position {
        let mut hasher = SipHasher24::new_with_key(&self.positions);
        hasher.write(node.as_bytes());
        hasher.write(&index.to_le_bytes());
        Position(hasher.finish())
    }

    /// A 16-byte fingerprint of some bytes that nobody outside the room can foresee.
    pub fn fingerprint(&self, parts: &[&[u8]]) -> u128 {
        let mut hasher = SipHasher128::new_with_key(&self.fingerprints);
        for part in parts {
            hasher.write(&(part.len() as u64).to_le_bytes());
            hasher.write(part);
        }
        hasher.finish128().as_u128()
    }
}
