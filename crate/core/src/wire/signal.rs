//! Signals: what two drivers say to each other before there is a link, sealed with the room's key and signed by the
//! node that says it.
//!
//! Offers, answers and candidates travel through whoever will carry them (a broadcast channel, a rendezvous, other
//! peers). Each is signed over the room, the sender, the receiver and the content, so a carrier can drop or replay
//! signals but can neither forge nor redirect one; and all of it is in the room's [`seal`](super::seal), so a carrier
//! that is not in the room learns neither who speaks nor to whom nor what. Replays are the driver's to reject: every
//! payload names the session it belongs to. That a link's end is who signed is proven on the link itself, see
//! [`handshake`](super::handshake).

use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::seal;
use crate::id::{KeyPair, NodeId, PublicKey, Room, Signature};

const VERSION: u8 = 2;
const DOMAIN: &[u8] = b"roundtable 2026 signal";
/// The largest payload of one signal, in bytes: an offer with its candidates is about 1 KiB.
pub const PAYLOAD_BYTES_MAX: usize = 8 * 1024;
/// What the envelope adds to a payload at most.
const ENVELOPE_BYTES_MAX: usize = 256;
const KIND: &str = "signal";

#[derive(Serialize, Deserialize)]
struct Signed {
    from: PublicKey,
    to: Option<NodeId>,
    payload: Vec<u8>,
    signature: Signature,
}

/// A signal that was read and whose signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    /// Who says it.
    pub from: NodeId,
    /// The key behind that name.
    pub key: PublicKey,
    /// Whether it was meant for the reader alone, or for everybody in the room.
    pub direct: bool,
    /// What it says.
    pub payload: Vec<u8>,
}

/// Why a signal was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalError {
    /// Not a signal, or too large.
    Malformed,
    /// Of a version that this build does not speak.
    Version,
    /// It does not open with the room's key: meant for another room, or altered.
    Room,
    /// Meant for another node.
    NotForUs,
    /// The signature does not hold.
    Forged,
}

impl fmt::Display for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SignalError::Malformed => "the bytes are not a signal",
            SignalError::Version => "the signal is of a version that this build does not speak",
            SignalError::Room => "the signal does not open with this room's key",
            SignalError::NotForUs => "the signal is for another node",
            SignalError::Forged => "the signal's signature does not hold",
        })
    }
}

impl core::error::Error for SignalError {}

/// Sign `payload` for one node, or with `to: None` for everybody in the room, and seal it. At most
/// [`PAYLOAD_BYTES_MAX`] bytes arrive.
pub fn seal(keys: &KeyPair, room: &Room, to: Option<NodeId>, payload: &[u8]) -> Vec<u8> {
    let signature = keys.sign(&signed_bytes(room, &keys.public(), to, payload));
    let signed = Signed { from: keys.public(), to, payload: payload.to_vec(), signature };
    let text = postcard::to_allocvec(&signed).expect("a signed signal always serialises to a Vec");
    let mut bytes = Vec::from([VERSION]);
    bytes.extend_from_slice(&seal::seal(room, KIND, &text));
    bytes
}

/// Read a signal that is for `me` or for everybody in `room`.
pub fn open(room: &Room, me: NodeId, bytes: &[u8]) -> Result<Signal, SignalError> {
    if bytes.len() > PAYLOAD_BYTES_MAX + ENVELOPE_BYTES_MAX {
        return Err(SignalError::Malformed);
    }
    let (version, sealed) = bytes.split_first().ok_or(SignalError::Malformed)?;
    if *version != VERSION {
        return Err(SignalError::Version);
    }
    let text = seal::open(room, KIND, sealed).ok_or(SignalError::Room)?;
    let Ok((signed, [])) = postcard::take_from_bytes::<Signed>(&text) else { return Err(SignalError::Malformed) };
    if signed.to.is_some_and(|to| to != me) {
        return Err(SignalError::NotForUs);
    }
    if !signed.from.verify(&signed_bytes(room, &signed.from, signed.to, &signed.payload), &signed.signature) {
        return Err(SignalError::Forged);
    }
    let direct = signed.to.is_some();
    Ok(Signal { from: NodeId::of(&signed.from), key: signed.from, direct, payload: signed.payload })
}

fn signed_bytes(room: &Room, from: &PublicKey, to: Option<NodeId>, payload: &[u8]) -> Vec<u8> {
    let mut bytes = DOMAIN.to_vec();
    bytes.push(VERSION);
    bytes.extend_from_slice(&room.topic());
    bytes.extend_from_slice(from.as_bytes());
    bytes.push(u8::from(to.is_some()));
    bytes.extend_from_slice(to.map_or([0; 16], |to| *to.as_bytes()).as_slice());
    bytes.extend_from_slice(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting() -> (Room, KeyPair, KeyPair) {
        (Room::open("kitchen").unwrap(), KeyPair::from_seed([1; 32]), KeyPair::from_seed([2; 32]))
    }

    #[test]
    fn a_signal_arrives_at_whom_it_is_for() {
        let (room, ada, bob) = setting();
        let bytes = seal(&ada, &room, Some(bob.id()), b"offer");
        let signal = open(&room, bob.id(), &bytes).unwrap();
        assert_eq!((signal.from, signal.direct, &signal.payload[..]), (ada.id(), true, &b"offer"[..]));
        assert_eq!(open(&room, ada.id(), &bytes), Err(SignalError::NotForUs));
        assert_eq!(open(&Room::open("cellar").unwrap(), bob.id(), &bytes), Err(SignalError::Room));
    }

    #[test]
    fn a_changed_byte_anywhere_is_noticed() {
        let (room, ada, bob) = setting();
        let bytes = seal(&ada, &room, Some(bob.id()), b"offer");
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            assert!(open(&room, bob.id(), &changed).is_err(), "byte {index}");
        }
        assert_eq!(open(&room, bob.id(), &bytes[..40]), Err(SignalError::Room));
    }

    #[test]
    fn neither_who_speaks_nor_to_whom_nor_what_can_be_read() {
        let (room, ada, bob) = setting();
        let bytes = seal(&ada, &room, Some(bob.id()), b"candidate fingerprint");
        let told = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        let ids = [*ada.id().as_bytes(), *bob.id().as_bytes()];
        assert!(!ids.iter().any(|id| told(id)) && !told(ada.public().as_bytes()));
        assert!(!told(b"candidate") && !told(b"fingerprint") && !told(&room.tag().to_le_bytes()));
    }

    #[test]
    fn who_knows_the_room_and_not_the_senders_key_cannot_speak_for_the_sender() {
        let (room, ada, bob) = setting();
        let signature = bob.sign(&signed_bytes(&room, &ada.public(), None, b"here"));
        let signed = Signed { from: ada.public(), to: None, payload: b"here".to_vec(), signature };
        let text = postcard::to_allocvec(&signed).unwrap();
        let bytes = [&[VERSION][..], &seal::seal(&room, KIND, &text)].concat();
        assert_eq!(open(&room, bob.id(), &bytes), Err(SignalError::Forged));
    }

    #[test]
    fn an_announcement_is_for_everybody() {
        let (room, ada, bob) = setting();
        let signal = open(&room, bob.id(), &seal(&ada, &room, None, b"here")).unwrap();
        assert!(!signal.direct);
    }
}
