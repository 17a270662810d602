//! Names: who a node is, what a device is, which actor minted a dot, where a key lies.
//!
//! A *node* is one open tab and a *device* one browser profile, the unit that fails together. A [`NodeId`] is derived
//! from the node's public key, so nobody can speak under a name whose key they do not hold. An [`Actor`] is a node
//! during one *epoch*: counters run per actor, and a node begins a new epoch whenever it could otherwise use a dot
//! twice (see `clock` and `store`). Identifiers are opaque everywhere: nothing but their order and their hash is ever
//! used.

use alloc::string::String;
use core::cmp::Ordering;
use core::fmt;

use serde::{Deserialize, Serialize};

mod inserted;
mod key;
mod keys;
mod laid;
mod room;
mod short;

pub(crate) use inserted::Inserted;
pub use key::{KEY_BYTES_MAX, Key, KeyError, Pin};
pub use keys::{KeyPair, PublicKey, Signature};
pub(crate) use laid::Laid;
pub use room::{Room, RoomError};
pub use short::{SHORT_BYTES_MAX, ShortBytes};

/// Put these in a random order, the same wherever the core runs: a generator's own shuffle draws a `usize`, which is
/// not the same number where it has 32 bits (Fisher and Yates, in Durstenfeld's form).
pub fn shuffle<T>(random: &mut fastrand::Rng, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        let other = random.u64(0..=last as u64) as usize;
        items.swap(last, other);
    }
}

/// The name of one node: 16 bytes derived from its public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NodeId([u8; 16]);

// The order of the bytes, compared as one number instead of by a call: most maps here go by ids.
impl Ord for NodeId {
    fn cmp(&self, other: &NodeId) -> Ordering {
        u128::from_be_bytes(self.0).cmp(&u128::from_be_bytes(other.0))
    }
}

impl PartialOrd for NodeId {
    fn partial_cmp(&self, other: &NodeId) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl NodeId {
    /// The name that belongs to a public key.
    pub fn of(key: &PublicKey) -> NodeId {
        let hash = blake3::derive_key("roundtable 2026 node id", key.as_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        NodeId(id)
    }

    /// A name out of thin air, for tests and simulations that have no keys.
    pub const fn from_bytes(bytes: [u8; 16]) -> NodeId {
        NodeId(bytes)
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Read back what `Display` wrote: 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<NodeId> {
        parse_hex(text).map(NodeId)
    }
}

/// The name of one device, drawn at random when the browser profile is first used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeviceId([u8; 16]);

impl DeviceId {
    /// A device by its 16 random bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> DeviceId {
        DeviceId(bytes)
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Read back what `Display` wrote: 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<DeviceId> {
        parse_hex(text).map(DeviceId)
    }
}

fn parse_hex(text: &str) -> Option<[u8; 16]> {
    let digits = text.as_bytes();
    if digits.len() != 32 {
        return None;
    }
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

macro_rules! hex_display {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    )*};
}
hex_display!(NodeId, DeviceId);

/// A node during one epoch; the minter of dots.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// Who.
    pub node: NodeId,
    /// Since when: a random number, new whenever a dot could otherwise be used twice.
    pub epoch: u64,
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}/{:04x}", self.node, self.epoch & 0xffff)
    }
}

/// A point of the ring, `0 ..= 2^64 - 1`, clockwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Position(pub u64);

/// The driver's number for one request; it comes back with every reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId(pub u64);

/// The core's number for one batch handed to the disk; it comes back in `Persisted` or `PersistFailed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

/// A short name that a person gave a node; shown, never compared.
pub type Label = String;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn ids_are_in_the_order_of_their_bytes() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..1_000 {
            let mut one = [0; 16];
            random.fill(&mut one);
            let mut other = one;
            other[usize::from(random.u8(0..16))] = random.u8(..);
            assert_eq!(NodeId(one).cmp(&NodeId(other)), one.cmp(&other));
        }
    }

    #[test]
    fn an_id_is_read_back_from_its_text() {
        let id = NodeId::of(&KeyPair::from_seed([3; 32]).public());
        assert_eq!(NodeId::parse(&id.to_string()), Some(id));
        assert_eq!(NodeId::parse("not an id"), None);
        assert_eq!(NodeId::parse("zz000000000000000000000000000000"), None);
    }
}
