//! Sums of fingerprints, and those of all that lies before some place in logarithmic time: a Fenwick tree (Fenwick,
//! 1994).
//!
//! The fingerprint of a set of objects is the sum of theirs modulo 2^128, a group, so prefix sums can be subtracted and
//! an object replaced by adding the difference. Each object's own fingerprint is keyed with the room.

use alloc::vec;
use alloc::vec::Vec;

/// What a range holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// The sum of the fingerprints modulo 2^128.
    pub fingerprint: u128,
    /// How many objects.
    pub count: u64,
}

impl Sum {
    /// Of one object.
    pub(super) fn of(fingerprint: u128) -> Sum {
        Sum { fingerprint, count: 1 }
    }

    /// Both together.
    pub fn plus(self, other: Sum) -> Sum {
        Sum {
            fingerprint: self.fingerprint.wrapping_add(other.fingerprint),
            count: self.count.wrapping_add(other.count),
        }
    }

    /// What is left of this without `other`.
    pub fn minus(self, other: Sum) -> Sum {
        Sum {
            fingerprint: self.fingerprint.wrapping_sub(other.fingerprint),
            count: self.count.wrapping_sub(other.count),
        }
    }
}

/// Sums by place.
#[derive(Debug, Clone)]
pub(super) struct Sums(Vec<Sum>);

impl Sums {
    /// So many places, with nothing there.
    pub(super) fn new(places: usize) -> Sums {
        Sums(vec![Sum::default(); places])
    }

    /// This much came to a place; what went is the difference to nothing.
    pub(super) fn add(&mut self, place: usize, sum: Sum) {
        let mut node = place + 1;
        while let Some(known) = self.0.get_mut(node - 1) {
            *known = known.plus(sum);
            node += node & node.wrapping_neg();
        }
    }

    /// What the places before this one hold.
    pub(super) fn before(&self, place: usize) -> Sum {
        let (mut node, mut sum) = (place, Sum::default());
        while node > 0 {
            sum = sum.plus(self.0[node - 1]);
            node &= node - 1;
        }
        sum
    }
}
