//! The first words on a new link: each end proves that it is of the room and that it is who it is said to be.
//!
//! DTLS makes a link private to its two ends and says nothing of who they are; a description (an offer, an answer)
//! names its sender's certificate by a *fingerprint*, and the browser holds the other end to it. So both ends prove,
//! over everything that makes this link this link: the version, the room, who offered, both fingerprints as they stand
//! in the very descriptions of this connection, both nonces, both public keys. The proof is a MAC under the room's
//! membership key and a signature of the node's own key. Whoever sits in between ends each of two links at a
//! certificate of its own, so the two ends prove different things, and neither proof can be passed on; a proof of
//! another time lacks the nonces.
//!
//! The nonces come with the offer and the answer, so both ends can speak at once as soon as the link is open: a proof
//! each way, in parallel, and no round trip more. Until the other end's proof is there, nothing that it says counts.
//!
//! Invariant: [`Meeting::check`] accepts exactly what [`Meeting::prove`] makes at the other end of the same meeting.
//! What it is *not*: a judgement of what a member may do, or protection from members who know the secret.

use alloc::vec::Vec;
use core::fmt;

use crate::id::{KeyPair, PublicKey, Room, Signature};

const VERSION: u8 = 1;
const MAC_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;
/// The length of a proof, in bytes: a version, a MAC, a signature.
pub const PROOF_BYTES: usize = 1 + MAC_BYTES + SIGNATURE_BYTES;
/// How long one end waits for the other's proof, in milliseconds after it could have come.
pub const PROOF_MS_MAX: u64 = 5_000;

/// Random bytes that one end draws for one link.
pub type Nonce = [u8; 16];

/// The SHA-256 of a DTLS certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// A fingerprint by its bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Fingerprint {
        Fingerprint(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The one fingerprint of a session description. `None` if there is none, if one of them is no SHA-256, or if there
    /// are two different ones: a browser might then accept a certificate that nobody vouched for.
    pub fn of_description(sdp: &str) -> Option<Fingerprint> {
        let mut found = None;
        for line in sdp.lines() {
            let Some((name, value)) = line.split_once(':') else { continue };
            if !name.trim().eq_ignore_ascii_case("a=fingerprint") {
                continue;
            }
            let fingerprint = parse(value)?;
            if found.is_some_and(|other| other != fingerprint) {
                return None;
            }
            found = Some(fingerprint);
        }
        found
    }
}

fn parse(value: &str) -> Option<Fingerprint> {
    let (hash, digits) = value.trim().split_once(' ')?;
    if !hash.eq_ignore_ascii_case("sha-256") {
        return None;
    }
    let mut bytes = [0; 32];
    let mut pairs = digits.trim().split(':');
    for byte in &mut bytes {
        let pair = pairs.next().filter(|pair| pair.len() == 2 && !pair.starts_with('+'))?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    pairs.next().is_none().then_some(Fingerprint(bytes))
}

/// Which end of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Who made the offer.
    Offerer,
    /// Who answered it.
    Answerer,
}

impl Role {
    const fn other(self) -> Role {
        match self {
            Role::Offerer => Role::Answerer,
            Role::Answerer => Role::Offerer,
        }
    }
}

/// One end of a link, as the other end must see it, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Its node's public key.
    pub key: PublicKey,
    /// Its certificate.
    pub fingerprint: Fingerprint,
    /// What it drew for this link.
    pub nonce: Nonce,
}

/// A link as one end sees it.
#[derive(Debug, Clone)]
pub struct Meeting<'a> {
    /// The room.
    pub room: &'a Room,
    /// Which end this is.
    pub role: Role,
    /// This end.
    pub ours: End,
    /// The other end.
    pub theirs: End,
}

/// Why the other end is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofError {
    /// Not a proof.
    Malformed,
    /// Of a version that this build does not speak.
    Version,
    /// The other end does not know the room's secret, or sees another link than this end does.
    Room,
    /// The other end does not hold the key of the node that it was said to be.
    Forged,
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProofError::Malformed => "the first words of a link were no proof",
            ProofError::Version => "the other end of a link proves in a version that this build does not speak",
            ProofError::Room => "the other end of a link does not know the room's secret, or somebody is in between",
            ProofError::Forged => "the other end of a link is not the node that it was said to be",
        })
    }
}

impl core::error::Error for ProofError {}

impl Meeting<'_> {
    /// This end's proof.
    pub fn prove(&self, keys: &KeyPair) -> Vec<u8> {
        let said = self.said_by(self.role);
        let mut proof = Vec::with_capacity(PROOF_BYTES);
        proof.push(VERSION);
        proof.extend_from_slice(self.mac(&said).as_bytes());
        proof.extend_from_slice(keys.sign(&said).as_bytes());
        proof
    }

    /// Judge the other end's proof.
    pub fn check(&self, proof: &[u8]) -> Result<(), ProofError> {
        let (version, rest) = proof.split_first().ok_or(ProofError::Malformed)?;
        if *version != VERSION {
            return Err(ProofError::Version);
        }
        let (mac, signature) = rest.split_first_chunk::<MAC_BYTES>().ok_or(ProofError::Malformed)?;
        if signature.len() != SIGNATURE_BYTES {
            return Err(ProofError::Malformed);
        }
        let said = self.said_by(self.role.other());
        // Compared in constant time.
        if self.mac(&said) != blake3::Hash::from_bytes(*mac) {
            return Err(ProofError::Room);
        }
        let holds = self.theirs.key.verify(&said, &Signature::from_bytes(signature));
        if holds { Ok(()) } else { Err(ProofError::Forged) }
    }

    fn mac(&self, said: &[u8]) -> blake3::Hash {
        blake3::keyed_hash(self.room.membership_key(), said)
    }

    /// All that the end of this role vouches for. Every part has a fixed length, so no two meetings read alike.
    fn said_by(&self, role: Role) -> Vec<u8> {
        let (offerer, answerer) = match self.role {
            Role::Offerer => (&self.ours, &self.theirs),
            Role::Answerer => (&self.theirs, &self.ours),
        };
        let mut said = Vec::from(b"roundtable 2026 handshake".as_slice());
        said.extend_from_slice(&[VERSION, u8::from(role == Role::Answerer)]);
        said.extend_from_slice(&self.room.topic());
        for end in [offerer, answerer] {
            said.extend_from_slice(end.fingerprint.as_bytes());
            said.extend_from_slice(&end.nonce);
            said.extend_from_slice(end.key.as_bytes());
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;
    use proptest::prelude::*;

    fn keys(seed: u8) -> KeyPair {
        KeyPair::from_seed([seed; 32])
    }

    fn end(seed: u8) -> End {
        End { key: keys(seed).public(), fingerprint: Fingerprint([seed; 32]), nonce: [seed; 16] }
    }

    fn kitchen() -> Room {
        Room::with_secret("kitchen", &[7; 16]).unwrap()
    }

    /// The meeting of 1, who offers, and 2, as both see it.
    fn meeting(room: &Room) -> [Meeting<'_>; 2] {
        [
            Meeting { room, role: Role::Offerer, ours: end(1), theirs: end(2) },
            Meeting { room, role: Role::Answerer, ours: end(2), theirs: end(1) },
        ]
    }

    #[test]
    fn two_ends_of_one_link_let_each_other_in() {
        let room = kitchen();
        let [one, two] = meeting(&room);
        assert_eq!(two.check(&one.prove(&keys(1))), Ok(()));
        assert_eq!(one.check(&two.prove(&keys(2))), Ok(()));
        assert_eq!(one.prove(&keys(1)).len(), PROOF_BYTES);
    }

    #[test]
    fn a_wrong_secret_or_none_lets_nobody_in() {
        let room = kitchen();
        for other in [Room::with_secret("kitchen", &[8; 16]).unwrap(), Room::open("kitchen").unwrap()] {
            let ([ours, _], [_, theirs]) = (meeting(&room), meeting(&other));
            assert_eq!(ours.check(&theirs.prove(&keys(2))), Err(ProofError::Room));
            assert_eq!(theirs.check(&ours.prove(&keys(1))), Err(ProofError::Room));
        }
    }

    #[test]
    fn ones_own_proof_thrown_back_lets_nobody_in() {
        let room = kitchen();
        let [one, two] = meeting(&room);
        assert_eq!(one.check(&one.prove(&keys(1))), Err(ProofError::Room));
        assert_eq!(two.check(&two.prove(&keys(2))), Err(ProofError::Room));
    }

    #[test]
    fn who_knows_the_secret_and_not_the_nodes_key_is_not_that_node() {
        let room = kitchen();
        let [one, two] = meeting(&room);
        assert_eq!(one.check(&two.prove(&keys(3))), Err(ProofError::Forged));
    }

    /// Somebody in between has a link with each and a certificate of its own, and passes on what both say.
    #[test]
    fn a_proof_that_is_passed_on_over_another_link_lets_nobody_in() {
        let room = kitchen();
        let [mut one, mut two] = meeting(&room);
        (one.theirs.fingerprint, two.theirs.fingerprint) = (Fingerprint([9; 32]), Fingerprint([9; 32]));
        assert_eq!(one.check(&two.prove(&keys(2))), Err(ProofError::Room));
        assert_eq!(two.check(&one.prove(&keys(1))), Err(ProofError::Room));
    }

    proptest! {
        /// A proof is good for one meeting: change anything that either end vouches for, and it is not.
        #[test]
        fn a_proof_of_any_other_meeting_lets_nobody_in(which in 0..6usize, index in 0..16usize, change in 1..=255u8) {
            let room = kitchen();
            let [one, two] = meeting(&room);
            let mut before = two.clone();
            match which {
                0 => before.ours.nonce[index] ^= change,
                1 => before.theirs.nonce[index] ^= change,
                2 => before.ours.fingerprint.0[index] ^= change,
                3 => before.theirs.fingerprint.0[index] ^= change,
                4 => before.theirs.key = keys(change.max(2)).public(),
                _ => before.ours.key = keys(change.max(3)).public(),
            }
            prop_assert_eq!(one.check(&before.prove(&keys(2))), Err(ProofError::Room));
        }

        #[test]
        fn any_bytes_and_any_altered_proof_are_refused(
            noise in proptest::collection::vec(any::<u8>(), 0..200), index in 0..PROOF_BYTES, change in 1..=255u8,
        ) {
            let room = kitchen();
            let [one, two] = meeting(&room);
            prop_assert!(one.check(&noise).is_err());
            let mut proof = two.prove(&keys(2));
            prop_assert!(one.check(&proof[..index]).is_err());
            proof[index] ^= change;
            prop_assert!(one.check(&proof).is_err());
            proof[index] ^= change;
            proof.push(0);
            prop_assert_eq!(one.check(&proof), Err(ProofError::Malformed));
        }
    }

    fn line(hash: &str, byte: u8, count: usize) -> String {
        let digits: Vec<String> = (0..count).map(|_| format!("{byte:02X}")).collect();
        format!("a=fingerprint:{hash} {}\r\n", digits.join(":"))
    }

    #[test]
    fn the_fingerprint_of_a_description_is_read() {
        let sdp = format!("v=0\r\n{}m=application 9\r\na=setup:actpass\r\n", line("sha-256", 0xab, 32));
        assert_eq!(Fingerprint::of_description(&sdp), Some(Fingerprint([0xab; 32])));
        let twice = format!("{sdp}{}", line("SHA-256", 0xab, 32).to_lowercase());
        assert_eq!(Fingerprint::of_description(&twice), Some(Fingerprint([0xab; 32])));
    }

    #[test]
    fn a_description_with_no_fingerprint_or_two_or_another_hash_has_none() {
        let good = line("sha-256", 1, 32);
        for sdp in [
            String::new(),
            String::from("v=0\r\na=fingerprint\r\n"),
            line("sha-256", 1, 31),
            line("sha-256", 1, 33),
            line("sha-1", 1, 20),
            format!("{good}{}", line("sha-256", 2, 32)),
            format!("{good}{}", line("sha-512", 2, 64)),
            format!("{good}A=Fingerprint:sha-256 nonsense\r\n"),
            good.replace("01:01", "+1:01"),
        ] {
            assert_eq!(Fingerprint::of_description(&sdp), None, "{sdp}");
        }
    }
}
