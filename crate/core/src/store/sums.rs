//! The fingerprint of any range in logarithmic time: a Fenwick tree (Fenwick, 1994) over the high bits of positions.
//!
//! The fingerprint of a set of objects is the sum of theirs modulo 2^128, a group, so prefix sums can be subtracted and
//! an object replaced by adding the difference. Each object's own fingerprint is keyed with the room. The tree has a
//! quarter to an eighth as many buckets as there are objects and is rebuilt when they outgrow it; the ends of a range
//! that fall inside a bucket are the caller's to add up. Nothing here depends on the ring, so a change of the ring
//! rebuilds nothing.

use alloc::vec;
use alloc::vec::Vec;

const BITS_MIN: u32 = 4;
const BITS_STEP: u32 = 1;
const BITS_MAX: u32 = 20;
/// How many objects a bucket has on average when the tree is rebuilt.
const FILL_MAX: u64 = 8;

/// What a range holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// The sum of the fingerprints modulo 2^128.
    pub fingerprint: u128,
    /// How many objects.
    pub count: u64,
}

impl Sum {
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

/// Sums by bucket of positions.
#[derive(Debug, Clone)]
pub(super) struct Sums {
    bits: u32,
    tree: Vec<Sum>,
    total: u64,
    /// Changes with every object that comes or goes.
    version: u64,
}

impl Sums {
    pub(super) fn new() -> Sums {
        Sums { bits: BITS_MIN, tree: vec![Sum::default(); 1 << BITS_MIN], total: 0, version: 0 }
    }

    /// A tree that so many objects do not outgrow, empty.
    pub(super) fn for_objects(objects: usize) -> Sums {
        let mut sums = Sums::new();
        while sums.bits < BITS_MAX && objects as u64 > FILL_MAX << sums.bits {
            sums = sums.finer();
        }
        sums
    }

    /// The bucket of a position.
    pub(super) fn bucket(&self, position: u64) -> u64 {
        position >> (64 - self.bits)
    }

    /// The first position of a bucket.
    pub(super) fn start(&self, bucket: u64) -> u64 {
        bucket << (64 - self.bits)
    }

    /// An object came, went or was replaced: the fingerprint that there was, and the one that there is.
    pub(super) fn change(&mut self, position: u64, before: Option<u128>, after: Option<u128>) {
        let sum =
            |fingerprint: Option<u128>| fingerprint.map_or(Sum::default(), |fingerprint| Sum { fingerprint, count: 1 });
        let one = sum(after).minus(sum(before));
        self.total = self.total.wrapping_add(one.count);
        self.version += 1;
        let mut node = self.bucket(position) as usize + 1;
        while node <= self.tree.len() {
            self.tree[node - 1] = self.tree[node - 1].plus(one);
            node += node & node.wrapping_neg();
        }
    }

    /// What the buckets from `from` to before `to` hold.
    pub(super) fn between(&self, from: u64, to: u64) -> Sum {
        self.before(to).minus(self.before(from))
    }

    fn before(&self, bucket: u64) -> Sum {
        let mut node = bucket as usize;
        let mut sum = Sum::default();
        while node > 0 {
            sum = sum.plus(self.tree[node - 1]);
            node &= node - 1;
        }
        sum
    }

    /// Whether the buckets have grown so full that it is time to build a finer tree.
    pub(super) fn is_outgrown(&self) -> bool {
        self.bits < BITS_MAX && self.total > FILL_MAX << self.bits
    }

    /// A finer tree, empty.
    pub(super) fn finer(&self) -> Sums {
        let bits = self.bits + BITS_STEP;
        Sums { bits, tree: vec![Sum::default(); 1 << bits], total: 0, version: self.version }
    }

    /// A number that changes whenever a sum does.
    pub(super) fn version(&self) -> u64 {
        self.version
    }
}
