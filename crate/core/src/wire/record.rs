//! What a node says of itself, signed, and what others say of it, which is not.
//!
//! A [`Record`] is written by its node alone and spreads by gossip; whoever holds one can check it. Of two records the
//! one with the higher version holds. A [`Rumour`] is about one *incarnation* of a node: the node refutes it by raising
//! its incarnation in a new record, so rumours need no signature.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::Verified;
use crate::id::{DeviceId, KeyPair, NodeId, PublicKey, Room, Signature};
use crate::time::WallTime;

const DOMAIN: &[u8] = b"roundtable 2026 member record";
/// The longest label, in UTF-8 bytes.
pub const LABEL_BYTES_MAX: usize = 64;
/// The most virtual nodes a node may declare.
pub const CAPACITY_MAX: u16 = 1024;
/// The most copies a node may declare; a larger number in a record counts as this one.
pub const N_MAX: u8 = 7;

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its public key, from which its id follows.
    pub key: PublicKey,
    /// Rises with every change of the record.
    pub version: u64,
    /// Rises when the node starts and when it refutes a rumour.
    pub incarnation: u64,
    /// Its failure domain.
    pub device: DeviceId,
    /// What people call it.
    pub label: String,
    /// Its virtual nodes.
    pub capacity: u16,
    /// How many copies it wants.
    pub n: u8,
    /// Whether it stays, leaves, or has left.
    pub standing: Standing,
    /// How promptly it can answer.
    pub presence: Presence,
    /// When it last signed this, by its wall clock, to the hour; zero if it has had none. Renewed about daily.
    pub refreshed: WallTime,
}

/// Whether a node stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Standing {
    /// It stays, or will be back.
    Member,
    /// It hands its data off and will depart.
    Leaving,
    /// It is gone for good; this record outlives every copy of an older one.
    Departed,
}

/// How promptly a node can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Presence {
    /// Its timers are prompt.
    Visible,
    /// Its timers may be late by a second, later by a minute; it still answers messages.
    Hidden,
    /// It runs nothing until it is resumed.
    Frozen,
}

/// A record with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Sent")]
pub struct SignedRecord {
    record: Record,
    signature: Signature,
    /// It follows from the key; whoever has a record asks for it again and again.
    #[serde(skip)]
    id: NodeId,
}

/// What is sent and stored of it.
#[derive(Deserialize)]
struct Sent {
    record: Record,
    signature: Signature,
}

impl From<Sent> for SignedRecord {
    fn from(Sent { record, signature }: Sent) -> SignedRecord {
        let id = NodeId::of(&record.key);
        SignedRecord { record, signature, id }
    }
}

impl SignedRecord {
    /// Sign one's own record for one room.
    pub fn sign(room: &Room, keys: &KeyPair, record: Record) -> SignedRecord {
        let signature = keys.sign(&signed_bytes(room, &record));
        Sent { record, signature }.into()
    }

    /// Whose it is.
    pub const fn id(&self) -> NodeId {
        self.id
    }

    /// What it says.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Whether it says only what a record may say, and the signature holds in this room.
    pub fn verify(&self, room: &Room, verified: &Verified) -> bool {
        let record = &self.record;
        record.label.len() <= LABEL_BYTES_MAX
            && (1..=CAPACITY_MAX).contains(&record.capacity)
            && record.n > 0
            && record.version < u64::MAX / 2
            && record.incarnation < u64::MAX / 2
            && verified.verify(&record.key, &signed_bytes(room, record), &self.signature)
    }
}

fn signed_bytes(room: &Room, record: &Record) -> Vec<u8> {
    let mut bytes = DOMAIN.to_vec();
    bytes.extend_from_slice(&room.topic());
    postcard::to_extend(record, bytes).expect("a record always serialises to a Vec")
}

/// What a node thinks of one incarnation of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rumour {
    /// Of whom.
    pub about: NodeId,
    /// Of which incarnation.
    pub incarnation: u64,
    /// What.
    pub claim: Claim,
    /// Who found it so by a probe of its own; `None`: it was only heard.
    pub accuser: Option<NodeId>,
}

/// What a rumour claims; of two claims about one incarnation the greater holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Claim {
    /// It answers.
    Up,
    /// It has not answered, or said that it will be frozen.
    Suspect,
    /// It said goodbye.
    Closed,
    /// It has been away for so long that others stand in for it.
    Dormant,
}

/// One line of a digest: which version of whose record, and what is thought of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DigestEntry {
    /// Whose record.
    pub node: NodeId,
    /// Its version.
    pub version: u64,
    /// Its incarnation.
    pub incarnation: u64,
    /// What is thought of it.
    pub claim: Claim,
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn record(keys: &KeyPair) -> Record {
        Record {
            key: keys.public(),
            version: 1,
            incarnation: 1,
            device: DeviceId::from_bytes([9; 16]),
            label: "ada".into(),
            capacity: 128,
            n: 3,
            standing: Standing::Member,
            presence: Presence::Visible,
            refreshed: WallTime(0),
        }
    }

    #[test]
    fn a_record_holds_in_its_room_and_as_it_was_signed() {
        let (room, keys) = (Room::open("kitchen").unwrap(), KeyPair::from_seed([1; 32]));
        let signed = SignedRecord::sign(&room, &keys, record(&keys));
        assert!(signed.verify(&room, &Verified::default()));
        assert!(!signed.verify(&Room::open("cellar").unwrap(), &Verified::default()));
        let mut forged = signed.clone();
        forged.record.capacity = 256;
        assert!(!forged.verify(&room, &Verified::default()));
    }

    #[test]
    fn a_record_that_says_too_much_does_not_verify() {
        let (room, keys) = (Room::open("kitchen").unwrap(), KeyPair::from_seed([1; 32]));
        for spoil in [
            (|r: &mut Record| r.label = "x".repeat(65)) as fn(&mut Record),
            |r| r.capacity = 0,
            |r| r.capacity = 1025,
            |r| r.version = u64::MAX,
            |r| r.n = 0,
        ] {
            let mut bad = record(&keys);
            spoil(&mut bad);
            assert!(!SignedRecord::sign(&room, &keys, bad).verify(&room, &Verified::default()));
        }
    }
}
