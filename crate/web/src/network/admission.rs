//! Who is let in: what stands between a connection that is open and a link.
//!
//! Both ends say their proof ([`roundtable_core::wire::handshake`]) as the very first message of the control lane, as
//! soon as all channels are open, and a link is up only once the other end's proof holds. What comes before it is kept
//! as it came, unread, up to a limit, and goes with the connection if the proof fails or does not come in time. Another
//! lane may overtake the control lane, so an honest peer's first frames can arrive before its proof; who is honest says
//! nothing at all before it has heard ours.
//!
//! Pure: the connection's own fingerprints are handed in, what is to be said is handed out.

use roundtable_core::id::{KeyPair, PublicKey, Room};
use roundtable_core::wire::Lane;
use roundtable_core::wire::handshake::{End, Fingerprint, Meeting, Nonce, ProofError, Role};

/// How many bytes of an end that has proven nothing are kept.
const HELD_BYTES_MAX: usize = 256 * 1024;
/// What one message costs beside its bytes, so that empty ones are bounded, too.
const MESSAGE_BYTES: usize = 64;

/// What the other end has said so far.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) messages: Vec<(Lane, Vec<u8>)>,
    bytes: usize,
}

/// One end's part in one connection's admission.
#[derive(Debug)]
pub(crate) struct Admission {
    /// What this end drew.
    pub(crate) nonce: Nonce,
    /// Who the other end is said to be, and what it drew.
    pub(crate) theirs: Option<(PublicKey, Nonce)>,
    /// Whether our proof is on its way.
    pub(crate) said: bool,
    proof: Option<Vec<u8>>,
    held: Held,
}

/// More came before the proof than is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMuch;

impl Admission {
    /// Of a connection that is about to be made.
    pub(crate) fn new(nonce: Nonce) -> Admission {
        Admission { nonce, theirs: None, said: false, proof: None, held: Held::default() }
    }

    /// The other end said this before it was let in.
    pub(crate) fn hear(&mut self, lane: Lane, message: Vec<u8>) -> Result<(), TooMuch> {
        self.held.bytes += message.len() + MESSAGE_BYTES;
        if self.held.bytes > HELD_BYTES_MAX {
            return Err(TooMuch);
        }
        if lane == Lane::Control && self.proof.is_none() {
            self.proof = Some(message);
        } else {
            self.held.messages.push((lane, message));
        }
        Ok(())
    }

    /// What to say first. `fingerprints`: of this end and of the other one, as the connection's own descriptions have
    /// them; `None` if they have none that will do.
    pub(crate) fn prove(
        &self,
        room: &Room,
        keys: &KeyPair,
        role: Role,
        fingerprints: Option<(Fingerprint, Fingerprint)>,
    ) -> Result<Vec<u8>, ProofError> {
        Ok(self.meeting(room, keys, role, fingerprints)?.prove(keys))
    }

    /// Whether the other end is let in: `None` while it has not said its proof.
    pub(crate) fn judge(
        &self,
        room: &Room,
        keys: &KeyPair,
        role: Role,
        fingerprints: Option<(Fingerprint, Fingerprint)>,
    ) -> Option<Result<(), ProofError>> {
        let proof = self.proof.as_ref()?;
        Some(self.meeting(room, keys, role, fingerprints).and_then(|meeting| meeting.check(proof)))
    }

    /// All that the other end had said beside its proof, in order, now that it is let in.
    pub(crate) fn into_messages(self) -> Vec<(Lane, Vec<u8>)> {
        self.held.messages
    }

    fn meeting<'a>(
        &self,
        room: &'a Room,
        keys: &KeyPair,
        role: Role,
        fingerprints: Option<(Fingerprint, Fingerprint)>,
    ) -> Result<Meeting<'a>, ProofError> {
        // A connection whose descriptions name no certificate, or several, is one that nobody can vouch for.
        let (here, there) = fingerprints.ok_or(ProofError::Malformed)?;
        let (key, nonce) = self.theirs.ok_or(ProofError::Malformed)?;
        Ok(Meeting {
            room,
            role,
            ours: End { key: keys.public(), fingerprint: here, nonce: self.nonce },
            theirs: End { key, fingerprint: there, nonce },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(seed: u8) -> KeyPair {
        KeyPair::from_seed([seed; 32])
    }

    fn prints(here: u8, there: u8) -> Option<(Fingerprint, Fingerprint)> {
        Some((Fingerprint::from_bytes([here; 32]), Fingerprint::from_bytes([there; 32])))
    }

    fn pair() -> (Admission, Admission) {
        let (mut one, mut two) = (Admission::new([1; 16]), Admission::new([2; 16]));
        one.theirs = Some((keys(2).public(), [2; 16]));
        two.theirs = Some((keys(1).public(), [1; 16]));
        (one, two)
    }

    #[test]
    fn the_first_message_of_the_control_lane_is_the_proof_and_the_others_wait() {
        let room = Room::open("kitchen").unwrap();
        let (mut one, two) = pair();
        one.hear(Lane::Bulk, vec![7]).unwrap();
        assert_eq!(one.judge(&room, &keys(1), Role::Offerer, prints(1, 2)), None);
        let proof = two.prove(&room, &keys(2), Role::Answerer, prints(2, 1)).unwrap();
        one.hear(Lane::Control, proof).unwrap();
        one.hear(Lane::Control, vec![8]).unwrap();
        assert_eq!(one.judge(&room, &keys(1), Role::Offerer, prints(1, 2)), Some(Ok(())));
        assert_eq!(one.judge(&room, &keys(1), Role::Offerer, prints(1, 3)), Some(Err(ProofError::Room)));
        assert_eq!(one.into_messages(), [(Lane::Bulk, vec![7]), (Lane::Control, vec![8])]);
    }

    #[test]
    fn a_connection_without_a_fingerprint_or_a_known_other_end_admits_nobody() {
        let room = Room::open("kitchen").unwrap();
        let (mut one, _) = pair();
        one.hear(Lane::Control, vec![0; 97]).unwrap();
        assert!(one.prove(&room, &keys(1), Role::Offerer, None).is_err());
        assert!(matches!(one.judge(&room, &keys(1), Role::Offerer, None), Some(Err(_))));
        one.theirs = None;
        assert!(one.prove(&room, &keys(1), Role::Offerer, prints(1, 2)).is_err());
    }

    #[test]
    fn what_waits_is_bounded_in_bytes_and_in_messages() {
        for length in [0, 16 * 1024] {
            let (mut one, _) = pair();
            let kept = (0..1_000_000).take_while(|_| one.hear(Lane::Bulk, vec![0; length]).is_ok()).count();
            assert!(kept >= 15 && kept * (length + MESSAGE_BYTES) <= HELD_BYTES_MAX, "{kept}");
        }
    }
}
