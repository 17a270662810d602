//! A room: who shares its name, and its secret if it has one, shares a ring. Everything keyed by the room is derived
//! here, so that two rooms never agree by accident on a position, a fingerprint or a topic.
//!
//! From name and secret follows one root, and from the root, each under a context of its own, all keys: the *topic* by
//! which a rendezvous knows the room, the *sealing key* of all signals, the *membership key* that a newcomer proves to
//! hold. BLAKE3's key derivation stands where HKDF would: it is made for this, and is here already. A room without a
//! secret takes the very same path from its name alone, so it is as open as its name is known.
//!
//! What a person can remember is guessed by trying. A secret comes here only once it is worth 128 random bits: what
//! people type goes through a slow derivation first, which is the driver's (see `web`).

use alloc::string::String;
use core::fmt;
use core::hash::Hasher;

use siphasher::sip::SipHasher24;
use siphasher::sip128::{Hasher128, SipHasher13 as SipHasher128};

use super::{Key, Laid, NodeId, Position};

const NAME_BYTES_MAX: usize = 256;

/// A room by its name, with the keys that follow from it.
#[derive(Clone, PartialEq, Eq)]
pub struct Room {
    name: String,
    topic: [u8; 32],
    tag: u64,
    positions: [u8; 16],
    fingerprints: [u8; 16],
    sealing: [u8; 32],
    membership: [u8; 32],
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
        Ok(Room::from_root(name, blake3::derive_key("roundtable 2026 open room", name.as_bytes())))
    }

    /// The room of this name that only who knows the secret finds, or gets into. The same name with another secret, or
    /// with none, is another room.
    pub fn with_secret(name: &str, secret: &[u8]) -> Result<Room, RoomError> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(RoomError);
        }
        let mut hasher = blake3::Hasher::new_derive_key("roundtable 2026 room with a secret");
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes()).update(secret);
        Ok(Room::from_root(name, *hasher.finalize().as_bytes()))
    }

    fn from_root(name: &str, root: [u8; 32]) -> Room {
        let short = |context| {
            let mut key = [0; 16];
            key.copy_from_slice(&blake3::derive_key(context, &root)[..16]);
            key
        };
        let tag: [u8; 16] = short("roundtable 2026 tag");
        Room {
            name: name.into(),
            topic: blake3::derive_key("roundtable 2026 topic", &root),
            tag: u128::from_le_bytes(tag) as u64,
            positions: short("roundtable 2026 positions"),
            fingerprints: short("roundtable 2026 fingerprints"),
            sealing: blake3::derive_key("roundtable 2026 sealing", &root),
            membership: blake3::derive_key("roundtable 2026 membership", &root),
        }
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

    /// What signals between drivers are sealed with.
    pub(crate) fn sealing_key(&self) -> &[u8; 32] {
        &self.sealing
    }

    /// What whoever is in the room can prove to hold.
    pub(crate) fn membership_key(&self) -> &[u8; 32] {
        &self.membership
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
        // Laid side by side first: the hasher is quick with many bytes and slow with many calls.
        let mut bytes = Laid::new();
        for part in parts {
            bytes.push(&(part.len() as u64).to_le_bytes());
            bytes.push(part);
        }
        let mut hasher = SipHasher128::new_with_key(&self.fingerprints);
        hasher.write(&bytes);
        hasher.finish128().as_u128()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_and_secret_give_the_same_room_and_anything_else_another() {
        let room = |name, secret: &[u8]| Room::with_secret(name, secret).unwrap();
        let ours = room("kitchen", b"0123456789abcdef");
        assert_eq!(ours, room("kitchen", b"0123456789abcdef"));
        let others = [
            Room::open("kitchen").unwrap(),
            room("kitchen", b"0123456789abcdeg"),
            room("kitchen", b""),
            room("kitche", b"n0123456789abcdef"),
        ];
        for other in others {
            assert_ne!(ours.topic(), other.topic());
            assert_ne!(ours.sealing_key(), other.sealing_key());
            assert_ne!(ours.membership_key(), other.membership_key());
            assert_ne!(ours.tag(), other.tag());
        }
    }

    #[test]
    fn no_key_of_a_room_is_another_of_its_keys() {
        let room = Room::with_secret("kitchen", b"0123456789abcdef").unwrap();
        assert_ne!(&room.topic(), room.sealing_key());
        assert_ne!(&room.topic(), room.membership_key());
        assert_ne!(room.sealing_key(), room.membership_key());
    }

    #[test]
    fn a_room_without_a_name_or_with_a_name_too_long_is_refused_with_a_secret_as_without() {
        for name in ["", &"n".repeat(257)] {
            assert_eq!(Room::open(name), Err(RoomError));
            assert_eq!(Room::with_secret(name, b"0123456789abcdef"), Err(RoomError));
        }
    }
}
