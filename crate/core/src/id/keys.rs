//! The key pair behind a node's name. Ed25519, synchronous, deterministic (RFC 8032): signing needs no randomness, so
//! the core stays a pure function of its inputs.

use core::fmt;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::NodeId;

/// A node's key pair. `Debug` shows the public half only.
#[derive(Clone)]
pub struct KeyPair(SigningKey);

impl KeyPair {
    /// The key pair that grows from 32 secret bytes, which the driver draws at random once and keeps.
    pub fn from_seed(seed: [u8; 32]) -> KeyPair {
        KeyPair(SigningKey::from_bytes(&seed))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// The name that belongs to this pair.
    pub fn id(&self) -> NodeId {
        NodeId::of(&self.public())
    }

    /// Sign bytes; the caller puts a domain in front so that no signature serves twice.
    pub fn sign(&self, bytes: &[u8]) -> Signature {
        Signature(self.0.sign(bytes).to_bytes().to_vec())
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({:?})", self.id())
    }
}

/// The public half of a key pair: 32 bytes, not yet known to be a point of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `signature` was made over exactly these bytes by the holder of the other half.
    pub fn verify(&self, bytes: &[u8], signature: &Signature) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(&self.0) else { return false };
        let Ok(signature) = ed25519_dalek::Signature::from_slice(&signature.0) else { return false };
        key.verify_strict(bytes, &signature).is_ok()
    }
}

/// 64 bytes that only the holder of a key could make. Any other length never verifies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Signature(alloc::vec::Vec<u8>);

impl Signature {
    /// Bytes that may be a signature; verifying tells.
    pub fn from_bytes(bytes: &[u8]) -> Signature {
        Signature(bytes.to_vec())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_bytes_and_its_key_alone() {
        let (ours, theirs) = (KeyPair::from_seed([1; 32]), KeyPair::from_seed([2; 32]));
        let signature = ours.sign(b"hello");
        assert!(ours.public().verify(b"hello", &signature));
        assert!(!ours.public().verify(b"hellp", &signature));
        assert!(!theirs.public().verify(b"hello", &signature));
        assert!(!ours.public().verify(b"hello", &Signature(alloc::vec![0; 3])));
    }
}
