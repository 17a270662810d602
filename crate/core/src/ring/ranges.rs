//! Sets of positions: what a node owns, what two nodes share, what a comparison is about.
//!
//! A range holds both of its ends and never wraps; a set is ranges in order that neither touch nor overlap. For a
//! comparison, a set can be cut into parts of equal length, in two again and again, however scattered it is.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

/// Deeper cuts of 2^64 positions in two would be empty.
pub(crate) const PART_DEPTH_MAX: u8 = 64;

/// A set of positions, as ranges in order. It never changes, so copies share them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RangeSet {
    ranges: Arc<[(u64, u64)]>,
}

impl RangeSet {
    /// No position.
    pub fn empty() -> RangeSet {
        RangeSet::default()
    }

    /// Every position.
    pub fn full() -> RangeSet {
        RangeSet { ranges: Arc::from([(0, u64::MAX)]) }
    }

    /// The set of these ranges, which come in order; neighbours are joined.
    pub fn from_sorted(ranges: impl IntoIterator<Item = (u64, u64)>) -> RangeSet {
        let ranges = ranges.into_iter();
        let mut joined: Vec<(u64, u64)> = Vec::with_capacity(ranges.size_hint().0);
        for (start, end) in ranges {
            match joined.last_mut() {
                Some(last) if last.1.saturating_add(1) >= start => last.1 = last.1.max(end),
                _ => joined.push((start, end)),
            }
        }
        RangeSet { ranges: joined.into() }
    }

    /// Read ranges that somebody else sent: each must be in order, and after the one before it.
    pub fn parse(ranges: Vec<(u64, u64)>) -> Option<RangeSet> {
        let ordered = ranges.iter().all(|range| range.0 <= range.1) && ranges.windows(2).all(|two| two[0].1 < two[1].0);
        ordered.then(|| RangeSet::from_sorted(ranges))
    }

    /// The ranges, in order.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = RangeInclusive<u64>> + '_ {
        self.ranges.iter().map(|&(start, end)| start..=end)
    }

    /// The ranges as pairs, to be sent.
    pub fn to_pairs(&self) -> Vec<(u64, u64)> {
        self.ranges.to_vec()
    }

    /// Whether no position is in it.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether this position is in it.
    pub fn contains(&self, position: u64) -> bool {
        let after = self.ranges.partition_point(|range| range.0 <= position);
        after > 0 && self.ranges[after - 1].1 >= position
    }

    /// How many positions are in it.
    pub fn len(&self) -> u128 {
        self.ranges.iter().map(|range| u128::from(range.1 - range.0) + 1).sum()
    }

    /// The positions that are in either.
    pub fn union(&self, other: &RangeSet) -> RangeSet {
        RangeSet::union_of([self, other])
    }

    /// Whether all its positions are in another.
    pub fn is_within(&self, other: &RangeSet) -> bool {
        let mut theirs = other.ranges.iter().copied();
        let mut at = theirs.next();
        self.ranges.iter().all(|&(start, end)| {
            while at.is_some_and(|(_, last)| last < start) {
                at = theirs.next();
            }
            at.is_some_and(|(first, last)| first <= start && end <= last)
        })
    }

    /// The positions that are in any of these.
    pub fn union_of<'a>(sets: impl IntoIterator<Item = &'a RangeSet>) -> RangeSet {
        let mut ranges: Vec<(u64, u64)> = sets.into_iter().flat_map(|set| &*set.ranges).copied().collect();
        // Each set is in order already, which a stable sort makes use of.
        ranges.sort();
        RangeSet::from_sorted(ranges)
    }

    /// The positions that are in both.
    pub fn intersection(&self, other: &RangeSet) -> RangeSet {
        let (mut a, mut b, mut common) = (0, 0, Vec::new());
        while let (Some(&left), Some(&right)) = (self.ranges.get(a), other.ranges.get(b)) {
            let (start, end) = (left.0.max(right.0), left.1.min(right.1));
            if start <= end {
                common.push((start, end));
            }
            if left.1 <= right.1 { a += 1 } else { b += 1 }
        }
        RangeSet::from_sorted(common)
    }

    /// The positions that are here and not in `other`.
    pub fn difference(&self, other: &RangeSet) -> RangeSet {
        self.intersection(&other.complement())
    }

    fn complement(&self) -> RangeSet {
        let mut gaps = Vec::new();
        let mut from = Some(0u64);
        for &(start, end) in &*self.ranges {
            if let Some(gap) = from.filter(|&gap| gap < start) {
                gaps.push((gap, start - 1));
            }
            from = end.checked_add(1);
        }
        gaps.extend(from.map(|gap| (gap, u64::MAX)));
        RangeSet::from_sorted(gaps)
    }

    /// One of the parts into which the set falls when it is cut in two `depth` times, into parts of equal length.
    /// Beyond the last part, and deeper than can be cut, there is nothing.
    pub fn part(&self, depth: u8, index: u64) -> RangeSet {
        if depth > PART_DEPTH_MAX {
            return RangeSet::empty();
        }
        let (length, parts) = (self.len(), 1_u128 << depth);
        if u128::from(index) >= parts {
            return RangeSet::empty();
        }
        // length ≤ 2^64 and at < parts ≤ 2^64: the product fits.
        let cut = |at: u128| if at >= parts { length } else { length * at / parts };
        self.slice(cut(u128::from(index)), cut(u128::from(index) + 1))
    }

    /// The positions from the `from`-th to before the `to`-th of the set.
    fn slice(&self, from: u128, to: u128) -> RangeSet {
        let (mut offset, mut ranges) = (0u128, Vec::new());
        for &(start, end) in &*self.ranges {
            let next = offset + u128::from(end - start) + 1;
            let (low, high) = (from.max(offset), to.min(next));
            if low < high {
                // Both differences are below the range's length, which fits.
                let first = start + (low - offset) as u64;
                ranges.push((first, first + (high - low - 1) as u64));
            }
            if next >= to {
                break;
            }
            offset = next;
        }
        RangeSet { ranges: ranges.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn sets() -> impl Strategy<Value = RangeSet> {
        prop::collection::vec((0u64..200, 0u64..20), 0..8).prop_map(|ranges| {
            ranges.into_iter().fold(RangeSet::empty(), |set, (start, length)| {
                set.union(&RangeSet::from_sorted([(start, start + length)]))
            })
        })
    }

    proptest! {
        #[test]
        fn sets_behave_as_sets_do(a in sets(), b in sets()) {
            for position in 0..230 {
                let (in_a, in_b) = (a.contains(position), b.contains(position));
                prop_assert_eq!(a.union(&b).contains(position), in_a || in_b);
                prop_assert_eq!(a.intersection(&b).contains(position), in_a && in_b);
                prop_assert_eq!(a.difference(&b).contains(position), in_a && !in_b);
            }
            prop_assert_eq!(a.is_within(&b), a.difference(&b).is_empty());
            prop_assert!(a.is_within(&a.union(&b)) && a.intersection(&b).is_within(&b));
            prop_assert_eq!(RangeSet::parse(a.to_pairs()), Some(a));
        }

        #[test]
        fn the_parts_of_a_set_are_the_set(set in sets(), depth in 0u8..9) {
            let parts: Vec<RangeSet> = (0..1 << depth).map(|index| set.part(depth, index)).collect();
            prop_assert_eq!(parts.iter().map(RangeSet::len).sum::<u128>(), set.len());
            let whole = parts.iter().fold(RangeSet::empty(), |whole, part| whole.union(part));
            prop_assert_eq!(whole, set);
        }
    }

    #[test]
    fn a_part_of_a_part_is_the_deeper_part() {
        let full = RangeSet::full();
        assert_eq!(full.part(4, 3).part(3, 5), full.part(7, 3 * 8 + 5));
        assert_eq!(full.part(64, u64::MAX).len(), 1);
        assert_eq!(full.part(65, 0), RangeSet::empty());
        assert_eq!(full.part(1, 2), RangeSet::empty());
        assert_eq!(full.len(), 1 << 64);
    }

    #[test]
    fn ranges_out_of_order_are_refused() {
        assert_eq!(RangeSet::parse(vec![(5, 4)]), None);
        assert_eq!(RangeSet::parse(vec![(1, 4), (4, 9)]), None);
        assert_eq!(RangeSet::parse(vec![(6, 9), (1, 4)]), None);
    }
}
