//! Signatures that were found to hold, so that none is checked twice.
//!
//! A signature holds or does not, whoever looks at it. Where one process runs many nodes, as the simulator does, they
//! check each new record of each other one by one, and that would be a third of all that they do; there they share
//! what was found. What is remembered is the very bytes, key and signature, not a hash of them; what does not hold is
//! not remembered. Without the cargo feature `shared-verdicts` the type is of size zero and every signature is checked
//! where it arrives, so a browser's build is none the larger. Only the simulator turns the feature on.

#[cfg(feature = "shared-verdicts")]
use alloc::{collections::BTreeSet, rc::Rc, vec::Vec};
#[cfg(feature = "shared-verdicts")]
use core::cell::RefCell;

use crate::id::{PublicKey, Signature};

/// What was found so far. A clone is another handle to the same.
#[derive(Debug, Clone, Default)]
pub struct Verified {
    #[cfg(feature = "shared-verdicts")]
    known: Rc<RefCell<BTreeSet<Found>>>,
}

/// A signature, by whom, and over what.
#[cfg(feature = "shared-verdicts")]
type Found = (Signature, PublicKey, Vec<u8>);

#[cfg(not(feature = "shared-verdicts"))]
impl Verified {
    /// Whether `signature` was made over exactly these bytes by the holder of the key.
    pub(super) fn verify(&self, key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
        key.verify(bytes, signature)
    }
}

#[cfg(feature = "shared-verdicts")]
impl Verified {
    /// Whether `signature` was made over exactly these bytes by the holder of the key.
    pub(super) fn verify(&self, key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
        let found = (signature.clone(), *key, bytes.to_vec());
        if self.known.borrow().contains(&found) {
            return true;
        }
        let holds = key.verify(bytes, signature);
        if holds {
            self.known.borrow_mut().insert(found);
        }
        holds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(not(feature = "shared-verdicts"))]
    #[test]
    fn without_the_feature_nothing_is_remembered() {
        assert_eq!(core::mem::size_of::<Verified>(), 0);
    }

    #[test]
    fn what_was_found_of_one_signature_is_not_taken_for_another() {
        use crate::id::KeyPair;
        let (ours, theirs) = (KeyPair::from_seed([1; 32]), KeyPair::from_seed([2; 32]));
        let (verified, signature) = (Verified::default(), ours.sign(b"hello"));
        for _ in 0..2 {
            assert!(verified.verify(&ours.public(), b"hello", &signature));
            assert!(!verified.verify(&ours.public(), b"hellp", &signature));
            assert!(!verified.verify(&theirs.public(), b"hello", &signature));
            assert!(!verified.verify(&ours.public(), b"hello", &theirs.sign(b"hello")));
        }
    }

    #[cfg(feature = "shared-verdicts")]
    #[test]
    fn a_clone_knows_what_was_found() {
        let keys = crate::id::KeyPair::from_seed([1; 32]);
        let (one, signature) = (Verified::default(), keys.sign(b"hello"));
        let other = one.clone();
        assert!(one.verify(&keys.public(), b"hello", &signature));
        assert_eq!(other.known.borrow().len(), 1);
        assert!(!other.verify(&keys.public(), b"hellp", &signature));
        assert_eq!(other.known.borrow().len(), 1, "only what holds is remembered");
    }
}
