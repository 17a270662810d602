//! The seal on whatever a room's drivers say where others can hear it: nobody without the room's key can read it, write
//! one, or change one.
//!
//! XChaCha20-Poly1305 under the room's sealing key. The core draws no randomness, so the nonce is made from what is
//! sealed, by a keyed hash: two different texts never share a nonce, and the same text twice gives the same bytes,
//! which tells a listener no more than that it was said again. `domain` tells one kind of text from another, so that no
//! seal serves twice.
//!
//! What it is *not*: a proof of who in the room says it ([`super::signal`] signs, [`super::handshake`] proves), or of
//! when.

use alloc::vec::Vec;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};

use crate::id::Room;

const NONCE_BYTES: usize = 24;
/// What a seal adds to a text, in bytes.
pub const SEAL_BYTES: usize = NONCE_BYTES + 16;

/// Seal a text.
pub fn seal(room: &Room, domain: &'static str, text: &[u8]) -> Vec<u8> {
    let mut nonce = [0; NONCE_BYTES];
    let mut hasher = blake3::Hasher::new_keyed(&blake3::derive_key("roundtable 2026 nonce", room.sealing_key()));
    hasher.update(&(domain.len() as u64).to_le_bytes()).update(domain.as_bytes()).update(text);
    hasher.finalize_xof().fill(&mut nonce);
    let sealed = cipher(room)
        .encrypt(&XNonce::from(nonce), Payload { msg: text, aad: domain.as_bytes() })
        .expect("only a text of 256 GiB is too long to be sealed");
    [&nonce[..], &sealed].concat()
}

/// Open what [`seal`] made. `None`: another room's or another kind, or altered.
pub fn open(room: &Room, domain: &'static str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    cipher(room).decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: domain.as_bytes() }).ok()
}

fn cipher(room: &Room) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(room.sealing_key().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn room(secret: &[u8]) -> Room {
        Room::with_secret("kitchen", secret).unwrap()
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_with_the_rooms_key_alone(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            let ours = room(b"one");
            let sealed = seal(&ours, "test", &text);
            prop_assert_eq!(sealed.len(), text.len() + SEAL_BYTES);
            prop_assert_eq!(open(&ours, "test", &sealed), Some(text));
            prop_assert_eq!(open(&room(b"two"), "test", &sealed), None);
            prop_assert_eq!(open(&Room::open("kitchen").unwrap(), "test", &sealed), None);
            prop_assert_eq!(open(&ours, "another", &sealed), None);
        }

        #[test]
        fn a_changed_or_missing_byte_is_noticed(index in any::<proptest::sample::Index>(), change in 1..=255u8) {
            let ours = room(b"one");
            let mut sealed = seal(&ours, "test", b"an offer");
            prop_assert_eq!(open(&ours, "test", &sealed[..index.index(sealed.len())]), None);
            let index = index.index(sealed.len());
            sealed[index] ^= change;
            prop_assert_eq!(open(&ours, "test", &sealed), None);
        }
    }

    #[test]
    fn different_texts_and_kinds_have_different_nonces() {
        let ours = room(b"one");
        let nonces = [seal(&ours, "test", b"a"), seal(&ours, "test", b"b"), seal(&ours, "tesu", b"a")]
            .map(|sealed| sealed[..NONCE_BYTES].to_vec());
        assert!(nonces[0] != nonces[1] && nonces[0] != nonces[2] && nonces[1] != nonces[2]);
    }
}
