//! Short tags that stand for parts and objects during one comparison, and how finely a part is cut.
//!
//! The whole of a scope is compared by its full keyed fingerprint of sixteen bytes; that alone decides "the same".
//! Below it, a part is a tag of 24 bits and an object one of 32, mixed anew for every session: two that collide cost a
//! second look by the next session, in which they do not, and never a lost difference. An object's tag begins with
//! eight bits of its position, so that two versions of one key are known for what they are.
//!
//! How finely: for one difference among c objects, a cut into k parts costs 3k bytes and a list of what is left 4c/k,
//! each level of cuts a round trip. [`LISTED_MAX`] and [`CUT_BITS_MAX`] keep the round trips at 1 + log16 c, that which
//! fetches the objects included, and the bytes near their least.

use alloc::vec::Vec;

use crate::ring::{PART_DEPTH_MAX, RangeSet};
use crate::store::{Lens, Store};
use crate::wire::{Part, PartSummary};

/// The whole scope.
pub(super) const ROOT: Part = Part { depth: 0, index: 0 };
/// A part with at most so many objects is listed rather than cut, if the configuration says nothing else.
pub const LISTED_MAX: u64 = 32;
/// About how many objects a part has that is cut no more.
const LEAF: u64 = 16;
/// Into how many parts a part is cut at a time at most: two to the power of this. Seven rather than six saves a round
/// trip where there are a hundred thousand objects, for a kilobyte.
const CUT_BITS_MAX: u32 = 7;

pub(super) fn part_of(scope: &RangeSet, part: Part) -> RangeSet {
    scope.part(part.depth, part.index)
}

/// How often a part of so many objects is cut in two at a time, if it is cut again and again in equal steps.
fn cut_bits(count: u64) -> u32 {
    let leaves = count.div_ceil(LEAF).max(2);
    // The logarithm to base two, rounded up.
    let bits = u64::BITS - (leaves - 1).leading_zeros();
    bits.div_ceil(bits.div_ceil(CUT_BITS_MAX))
}

/// Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014: its finaliser.
pub(super) fn mix(fingerprint: u128, session: u32) -> u64 {
    let folded = (fingerprint as u64) ^ ((fingerprint >> 64) as u64).rotate_left(32);
    let mut mixed = folded ^ u64::from(session).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The tag of what is held in a part: zero for nothing.
pub(super) fn part_tag(store: &Store, lens: &Lens, range: &RangeSet, session: u32) -> u32 {
    let sum = store.sum_of(lens, range);
    if sum.count == 0 { 0 } else { ((mix(sum.fingerprint, session) >> 40) as u32).max(1) }
}

/// The tag of one object; its first byte follows from the position alone.
pub(super) fn item_tag(position: u64, fingerprint: u128, session: u32) -> u32 {
    let (place, version) = (mix(u128::from(position), session), mix(fingerprint, session));
    ((place >> 56) << 24 | version >> 40) as u32
}

/// What a tag says of the position: two of one place seem to be versions of one key.
pub(super) fn place_of(tag: u32) -> u32 {
    tag >> 24
}

/// The parts below a part, if it is cut in two so often.
pub(super) fn children(part: Part, bits: u32) -> impl Iterator<Item = Part> {
    let depth = part.depth.saturating_add(bits as u8);
    let first = part.index.checked_shl(bits).unwrap_or(0);
    (0..1_u64 << bits).map(move |child| Part { depth, index: first | child })
}

/// What is held in a part of a scope, for one who holds something else there.
pub(super) fn summarize(
    store: &Store,
    lens: &Lens,
    scope: &RangeSet,
    part: Part,
    session: u32,
    listed_max: u64,
) -> PartSummary {
    let range = part_of(scope, part);
    let count = store.sum_of(lens, &range).count;
    let bits = cut_bits(count);
    if count <= listed_max || u32::from(part.depth) + bits > u32::from(PART_DEPTH_MAX) {
        let items = store.items_of(lens, &range);
        let tags = items.map(|(position, _, fingerprint)| item_tag(position.0, fingerprint, session));
        return PartSummary::Items(tags.flat_map(u32::to_le_bytes).collect());
    }
    let tags = children(part, bits).map(|child| part_tag(store, lens, &part_of(scope, child), session));
    PartSummary::Split(tags.flat_map(|tag| tag.to_le_bytes().into_iter().take(3)).collect())
}

/// Read the tags of a list.
pub(super) fn item_tags(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks().0.iter().map(|&chunk| u32::from_le_bytes(chunk)).collect()
}

/// Read the tags of the parts below a part, each with its part. Nothing, if there are not as many as parts can be.
pub(super) fn child_tags(part: Part, bytes: &[u8]) -> Vec<(Part, u32)> {
    let (chunks, rest) = bytes.as_chunks::<3>();
    let bits = chunks.len().trailing_zeros();
    let is_whole = rest.is_empty() && chunks.len().is_power_of_two() && (1..=CUT_BITS_MAX).contains(&bits);
    if !is_whole || u32::from(part.depth) + bits > u32::from(PART_DEPTH_MAX) {
        return Vec::new();
    }
    let tags = chunks.iter().map(|&[a, b, c]| u32::from_le_bytes([a, b, c, 0]));
    children(part, bits).zip(tags).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_keep_round_trips_within_the_logarithm() {
        for count in [33, 100, 1_000, 10_000, 100_000, 1_000_000] {
            let (mut left, mut cuts) = (count, 0);
            while left > LISTED_MAX {
                left = left.div_ceil(1 << cut_bits(left));
                cuts += 1;
            }
            // The list, and what fetches the objects.
            let rounds = cuts + 2;
            assert!(count < 256 || f64::from(rounds) <= 1.0 + (count as f64).log2() / 4.0, "{count}: {rounds}");
        }
    }

    #[test]
    fn tags_of_another_session_are_others() {
        assert_ne!(item_tag(7, 9, 1), item_tag(7, 9, 2));
        assert_eq!(place_of(item_tag(7, 9, 1)), place_of(item_tag(7, 10, 1)));
    }

    #[test]
    fn a_split_that_is_no_power_of_two_is_not_read() {
        assert_eq!(child_tags(ROOT, &[0; 9]), Vec::new());
        assert_eq!(child_tags(ROOT, &[0; 5]), Vec::new());
        assert_eq!(child_tags(ROOT, &[]), Vec::new());
        assert_eq!(child_tags(Part { depth: 64, index: 1 }, &[0; 6]), Vec::new());
        assert_eq!(child_tags(ROOT, &[0; 6]).len(), 2);
    }
}
