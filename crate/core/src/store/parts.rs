//! Entries in the order of their positions, and the fingerprint of any range of them.
//!
//! Positions are hashes and lie evenly, so the ring is cut into equal parts by their high bits, as many as leave two to
//! four entries in each on average: to find one is to look at a few numbers in a row at one place of a table, where a
//! tree would read a page for each of its levels. Each part knows the sum of its entries, and a Fenwick tree
//! the sums of groups of parts, which is small; the ends of a range that fall inside a part are added up one by one.
//! When the parts have grown too full each is cut in two. They are never joined again.
//!
//! Keys whose positions collide, which nobody outside the room can bring about, follow one another in the order of the
//! keys. Who is inside could crowd one part, and would make it slower in proportion, nothing worse.
//!
//! Nothing here depends on the ring, so a change of the ring rebuilds nothing.
//!
//! Invariant: a part's sum is that of its entries, a group's that of its parts.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cmp::Ordering;

use smallvec::SmallVec;

use super::sums::{Sum, Sums};
use crate::id::{Key, Position};

const BITS_MIN: u32 = 4;
const BITS_MAX: u32 = 21;
/// How many entries a part has on average when it is cut.
const FILL_MAX: usize = 4;
/// How many lie in the part itself: of evenly strewn ones, seldom more come together.
const IN_PLACE: usize = 8;
/// A group is 2^4 parts: to add those up takes as long as to go down the tree.
const GROUP_BITS: u32 = 4;

/// What can lie in a part.
pub(super) trait Keyed {
    fn key(&self) -> &Key;
    fn fingerprint(&self) -> u128;
}

#[derive(Debug, Clone)]
struct Part<T> {
    fingerprint: u128,
    entries: Entries<T>,
}

type Entries<T> = SmallVec<[(Position, Box<T>); IN_PLACE]>;

impl<T: Keyed> Part<T> {
    fn of(entries: Entries<T>) -> Part<T> {
        let add = |sum: u128, (_, entry): &(Position, Box<T>)| sum.wrapping_add(entry.fingerprint());
        Part { fingerprint: entries.iter().fold(0, add), entries }
    }

    fn sum(&self) -> Sum {
        Sum { fingerprint: self.fingerprint, count: self.entries.len() as u64 }
    }

    /// Where the first entry at this position or after it is.
    fn first(&self, position: u64) -> usize {
        self.entries.partition_point(|(other, _)| other.0 < position)
    }
}

/// Where an entry lies, or would: until something is put in or taken out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    part: usize,
    index: usize,
}

/// Entries in the order of their positions.
#[derive(Debug, Clone)]
pub(super) struct Parts<T> {
    bits: u32,
    parts: Vec<Part<T>>,
    /// By group.
    sums: Sums,
    count: usize,
    version: u64,
}

impl<T: Keyed> Parts<T> {
    /// None yet; there is room for so many before anything is cut.
    pub(super) fn with_room(count: usize) -> Parts<T> {
        let mut bits = BITS_MIN;
        while bits < BITS_MAX && count > FILL_MAX << bits {
            bits += 1;
        }
        Parts::of(bits, (0..1usize << bits).map(|_| Part::of(Entries::new())).collect(), 0)
    }

    fn of(bits: u32, parts: Vec<Part<T>>, version: u64) -> Parts<T> {
        let mut sums = Sums::new(parts.len() >> GROUP_BITS);
        parts.iter().enumerate().for_each(|(at, part)| sums.add(at >> GROUP_BITS, part.sum()));
        let count = parts.iter().map(|part| part.entries.len()).sum();
        Parts { bits, parts, sums, count, version }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// A number that changes with every entry that comes, goes, or has another fingerprint.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    fn part(&self, position: u64) -> usize {
        (position >> (64 - self.bits)) as usize
    }

    /// Where the entry of a key lies, or would.
    pub(super) fn find(&self, position: Position, key: &Key) -> Result<Spot, Spot> {
        let part = self.part(position.0);
        let entries = &self.parts[part].entries;
        let mut index = self.parts[part].first(position.0);
        while let Some((_, entry)) = entries.get(index).filter(|(other, _)| *other == position) {
            match entry.key().cmp(key) {
                Ordering::Less => index += 1,
                Ordering::Equal => return Ok(Spot { part, index }),
                Ordering::Greater => break,
            }
        }
        Err(Spot { part, index })
    }

    /// The entry of a key.
    pub(super) fn get(&self, position: Position, key: &Key) -> Option<&T> {
        let spot = self.find(position, key).ok()?;
        Some(&self.parts[spot.part].entries[spot.index].1)
    }

    /// Change the entry at a spot that was [found](Parts::find).
    pub(super) fn change<R>(&mut self, spot: Spot, change: impl FnOnce(&mut T) -> R) -> R {
        let entry = &mut self.parts[spot.part].entries[spot.index].1;
        let before = entry.fingerprint();
        let result = change(entry);
        let after = entry.fingerprint();
        if after != before {
            self.count_in(spot.part, Sum::of(after).minus(Sum::of(before)));
        }
        result
    }

    /// Put an entry where it was not [found](Parts::find).
    pub(super) fn insert(&mut self, spot: Spot, position: Position, entry: Box<T>) {
        let sum = Sum::of(entry.fingerprint());
        self.parts[spot.part].entries.insert(spot.index, (position, entry));
        self.count += 1;
        self.count_in(spot.part, sum);
        if self.bits < BITS_MAX && self.count > FILL_MAX << self.bits {
            self.cut();
        }
    }

    /// Take out the entry at a spot that was [found](Parts::find).
    pub(super) fn remove(&mut self, spot: Spot) -> Box<T> {
        let entries = &mut self.parts[spot.part].entries;
        let (_, entry) = entries.remove(spot.index);
        if entries.is_empty() {
            *entries = Entries::new();
        }
        self.count -= 1;
        self.count_in(spot.part, Sum::default().minus(Sum::of(entry.fingerprint())));
        entry
    }

    fn count_in(&mut self, part: usize, sum: Sum) {
        self.version += 1;
        self.parts[part].fingerprint = self.parts[part].fingerprint.wrapping_add(sum.fingerprint);
        self.sums.add(part >> GROUP_BITS, sum);
    }

    /// Cut each part in two.
    fn cut(&mut self) {
        let bits = self.bits + 1;
        let mut parts = Vec::with_capacity(1 << bits);
        for mut part in core::mem::take(&mut self.parts) {
            let middle = (parts.len() as u64 + 1) << (64 - bits);
            let upper = part.entries.drain(part.first(middle)..).collect();
            // Its room was for both halves.
            part.entries.shrink_to_fit();
            parts.extend([Part::of(part.entries), Part::of(upper)]);
        }
        *self = Parts::of(bits, parts, self.version);
    }

    /// All in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Position, &T)> {
        self.parts.iter().flat_map(|part| part.entries.iter().map(|(position, entry)| (*position, &**entry)))
    }

    /// Those from one position to another, both included.
    pub(super) fn range(&self, start: u64, end: u64) -> impl Iterator<Item = (Position, &T)> {
        let parts = (start <= end).then(|| &self.parts[self.part(start)..=self.part(end)]);
        let within = move |part: &Part<T>| (part.first(start), part.entries.partition_point(|(at, _)| at.0 <= end));
        let entries = parts.into_iter().flatten().flat_map(move |part| {
            let (first, last) = within(part);
            &part.entries[first..last]
        });
        entries.map(|(position, entry)| (*position, &**entry))
    }

    /// The sum of those from one position to another, both included.
    pub(super) fn sum(&self, start: u64, end: u64) -> Sum {
        let add = |sum: Sum, (_, entry): (Position, &T)| sum.plus(Sum::of(entry.fingerprint()));
        let scan = |start, end| self.range(start, end).fold(Sum::default(), add);
        let starts = |part: usize| (part as u64) << (64 - self.bits);
        let (first, last) = (self.part(start), self.part(end));
        let whole = first + usize::from(starts(first) < start);
        if whole >= last {
            return scan(start, end);
        }
        let before = if whole > first { scan(start, starts(whole) - 1) } else { Sum::default() };
        before.plus(self.before(last).minus(self.before(whole))).plus(scan(starts(last), end))
    }

    /// What the parts before this one hold.
    fn before(&self, part: usize) -> Sum {
        let group = part >> GROUP_BITS;
        let rest = &self.parts[group << GROUP_BITS..part];
        rest.iter().fold(self.sums.before(group), |sum, part| sum.plus(part.sum()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    #[derive(Debug, Clone, PartialEq)]
    struct Plain(Key, u128);

    impl Keyed for Plain {
        fn key(&self) -> &Key {
            &self.0
        }
        fn fingerprint(&self) -> u128 {
            self.1
        }
    }

    fn key(name: u64) -> Key {
        Key::new("b", &alloc::format!("{name}")).unwrap()
    }

    proptest! {
        /// Of positions there are few beside others that are many, so that some collide and some parts are crowded.
        #[test]
        fn parts_are_a_map_by_position_and_key_with_sums(
            steps in prop::collection::vec((prop_oneof![0..9u64, any::<u64>()], any::<u64>(), 0..4u8), 1..300),
            bounds in prop::collection::vec((any::<u64>(), any::<u64>()), 8),
        ) {
            let (mut parts, mut plain) = (Parts::<Plain>::with_room(0), BTreeMap::new());
            for (name, fingerprint, what) in steps {
                let (position, fingerprint) = (if name < 6 { name / 3 } else { name }, u128::from(fingerprint) << 64);
                let (key, version) = (key(name), parts.version());
                match (parts.find(Position(position), &key), what) {
                    (Ok(spot), 0 | 1) => {
                        let removed = parts.remove(spot);
                        prop_assert_eq!(Some(removed.1), plain.remove(&(position, key)));
                    }
                    (Ok(spot), _) => {
                        parts.change(spot, |entry| entry.1 = fingerprint);
                        plain.insert((position, key), fingerprint);
                    }
                    (Err(spot), _) => {
                        parts.insert(spot, Position(position), Box::new(Plain(key.clone(), fingerprint)));
                        prop_assert_eq!(plain.insert((position, key), fingerprint), None);
                        prop_assert_ne!(parts.version(), version);
                    }
                }
                prop_assert_eq!(parts.len(), plain.len());
            }
            let all: Vec<_> = parts.iter().map(|(at, entry)| ((at.0, entry.0.clone()), entry.1)).collect();
            prop_assert_eq!(&all, &plain.clone().into_iter().collect::<Vec<_>>());
            for (one, other) in bounds.into_iter().chain([(0, u64::MAX), (0, 1), (1, 1), (u64::MAX, u64::MAX)]) {
                let (start, end) = (one.min(other), one.max(other));
                let within = all.iter().filter(|((at, _), _)| (start..=end).contains(at));
                let (keys, fingerprints): (Vec<_>, Vec<_>) = within.map(|((_, key), sum)| (key, *sum)).unzip();
                prop_assert_eq!(parts.range(start, end).map(|(_, entry)| &entry.0).collect::<Vec<_>>(), keys);
                let sum = fingerprints.into_iter().fold(Sum::default(), |sum, one| sum.plus(Sum::of(one)));
                prop_assert_eq!(parts.sum(start, end), sum);
            }
        }
    }
}
