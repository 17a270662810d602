//! What differs, from about as many *coded symbols* as differences, however much is held (Yang, Gilad, Alizadeh,
//! "Practical Rateless Set Reconciliation", SIGCOMM 2024, §4).
//!
//! Symbol i is the exclusive or of the ids of some objects, with how many they are: each object is in it with
//! probability 2/(2+i), by a sequence that follows from its id. Both sides make the same symbols of what they hold; the
//! difference of two symbols is that of the objects which only one side has. One that holds a single id gives it away,
//! and is taken out of all others; with about 1.4 symbols for each object that differs, nothing is left. Neither side
//! has to know beforehand how many that are: whoever asked takes symbols until it is so, and can tell from what they
//! leave about how many more it needs.
//!
//! An id is of 48 bits, 24 of the object's position and 24 of its version: it contains the tag by which the object is
//! wanted (`tags`). It follows from the fingerprint, which is keyed with the room, and is mixed anew for every session.
//! Two ids that collide, or a symbol that seems to hold one and does not, cost a second look by the next session, as
//! short tags do.
//!
//! Not for all: symbols are made of all objects of the scope, each time. Where much differs, a list costs less
//! ([`is_worth_it`]), and where very many are held, the time to go over all of them is too long.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use super::tags::{LISTED_MAX, mix};

/// The most symbols of one comparison: at most so many are made, sent and kept.
pub(super) const SYMBOLS_MAX: u32 = 4_096;
/// With how many a comparison begins, if it is not known already that more differs.
pub(super) const FIRST: u32 = 8;
/// To go over more objects than these takes a tenth of a second in a browser.
pub(super) const OBJECTS_MAX: u64 = 1 << 18;
/// Six bytes of ids, three that check them, one that counts.
const SYMBOL_BYTES: usize = 10;

/// A coded symbol, or the difference of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Symbol {
    id: u64,
    check: u32,
    /// Modulo 256: one is told from none, and by the check from 257.
    count: i8,
}

impl Symbol {
    fn change(&mut self, id: u64, check: u32, by: i8) {
        self.id ^= id;
        self.check ^= check;
        self.count = self.count.wrapping_add(by);
    }

    fn minus(mut self, other: Symbol) -> Symbol {
        self.change(other.id, other.check, other.count.wrapping_neg());
        self
    }

    /// The one object it holds, and whose it is: 1 the first side's, −1 the other's.
    fn single(&self, session: u32) -> Option<(u64, i8)> {
        let is_one = (self.count == 1 || self.count == -1) && check(self.id, session) == self.check;
        is_one.then_some((self.id, self.count))
    }
}

/// By what an object is known in one session: 24 bits that follow from its position, and 24 of its version.
pub(super) fn id(position: u64, fingerprint: u128, session: u32) -> u64 {
    let (place, version) = (mix(u128::from(position), session), mix(fingerprint, session));
    place >> 40 << 24 | version >> 40
}

/// The place that an id names, and the tag by which its object is wanted.
pub(super) fn parts(id: u64) -> (u32, u32) {
    let (place, version) = ((id >> 24) as u32, id as u32 & 0xff_ffff);
    (place, place >> 16 << 24 | version)
}

fn check(id: u64, session: u32) -> u32 {
    (mix(u128::from(id), !session) >> 40) as u32
}

/// In which symbols an object is.
struct Places {
    state: u64,
    next: u64,
}

impl Places {
    fn of(id: u64, session: u32) -> Places {
        Places { state: mix(u128::from(id), session ^ 0xc0de) | 1, next: 0 }
    }
}

impl Iterator for Places {
    type Item = u64;

    /// The gap behind place i is (i + 1.5)(1/√u − 1) for a uniform u (§4.2), in whole numbers so that it is the same
    /// everywhere.
    fn next(&mut self) -> Option<u64> {
        let at = self.next;
        // Steele and Vigna, "Computationally easy, spectrally good multipliers", 2022.
        self.state = self.state.wrapping_mul(0xda94_2042_e4dd_58b5);
        let root = ((self.state >> 32) + 1).isqrt();
        let gap = ((2 * at + 3) * ((1 << 16) - root)).div_ceil(2 * root);
        self.next = at + gap.max(1);
        Some(at)
    }
}

/// These symbols of all objects with these ids.
pub(super) fn symbols(ids: impl Iterator<Item = u64>, session: u32, run: Range<u32>) -> Vec<Symbol> {
    let mut made = vec![Symbol::default(); run.len()];
    for id in ids {
        let check = check(id, session);
        for at in Places::of(id, session).take_while(|at| *at < u64::from(run.end)) {
            if let Some(index) = at.checked_sub(u64::from(run.start)) {
                made[index as usize].change(id, check, 1);
            }
        }
    }
    made
}

pub(super) fn to_bytes(symbols: &[Symbol]) -> Vec<u8> {
    let bytes = |symbol: &Symbol| {
        let [a, b, c, d, e, f, ..] = symbol.id.to_le_bytes();
        let [g, h, i, _] = symbol.check.to_le_bytes();
        [a, b, c, d, e, f, g, h, i, symbol.count as u8]
    };
    symbols.iter().flat_map(bytes).collect()
}

/// `None`: no whole number of them, or too many.
pub(super) fn from_bytes(bytes: &[u8]) -> Option<Vec<Symbol>> {
    let (chunks, rest) = bytes.as_chunks::<SYMBOL_BYTES>();
    let read = |&[a, b, c, d, e, f, g, h, i, count]: &[u8; SYMBOL_BYTES]| Symbol {
        id: u64::from_le_bytes([a, b, c, d, e, f, 0, 0]),
        check: u32::from_le_bytes([g, h, i, 0]),
        count: count as i8,
    };
    (rest.is_empty() && chunks.len() <= SYMBOLS_MAX as usize).then(|| chunks.iter().map(read).collect())
}

/// Ids that only one side has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Found {
    /// The other side's.
    pub(super) theirs: Vec<u64>,
    /// This side's.
    pub(super) ours: Vec<u64>,
}

/// Differences of symbols, the other side's without this one's, in order from the first.
#[derive(Debug, Clone, Default)]
pub(super) struct Differences {
    symbols: Vec<Symbol>,
    session: u32,
}

impl Differences {
    pub(super) fn of(session: u32) -> Differences {
        Differences { symbols: Vec::new(), session }
    }

    /// How many symbols there are by now.
    pub(super) fn len(&self) -> u32 {
        self.symbols.len() as u32
    }

    /// The next ones of theirs have come; these are ours.
    pub(super) fn extend(&mut self, theirs: &[Symbol], ours: &[Symbol]) {
        self.symbols.extend(theirs.iter().zip(ours).map(|(theirs, ours)| theirs.minus(*ours)));
    }

    /// What differs, if the symbols are enough to tell.
    pub(super) fn found(&self) -> Option<Found> {
        let (mut left, many) = (self.symbols.clone(), self.symbols.len());
        let mut single: Vec<usize> = (0..left.len()).collect();
        // By id, so that none is found twice: each is taken out of all symbols, once.
        let mut found: BTreeMap<u64, i8> = BTreeMap::new();
        while let Some(at) = single.pop() {
            let Some((id, whose)) = left[at].single(self.session) else { continue };
            // No more ids can be told from so many symbols, whatever these are.
            if found.insert(id, whose).is_some() || found.len() > many {
                return None;
            }
            let check = check(id, self.session);
            for at in Places::of(id, self.session).take_while(|at| *at < many as u64) {
                left[at as usize].change(id, check, whose.wrapping_neg());
                single.push(at as usize);
            }
        }
        if left.iter().any(|symbol| *symbol != Symbol::default()) {
            return None;
        }
        let of = |side: i8| found.iter().filter(|(_, whose)| **whose == side).map(|(id, _)| *id).collect();
        Some(Found { theirs: of(1), ours: of(-1) })
    }

    /// About how many objects differ. The count of a symbol is a sum of as many signs as there are differences in it:
    /// with probability p each and d more on one side than on the other, its square is p(1 − p)s + p²d² in the mean.
    fn estimate(&self) -> u64 {
        let count = |symbol: &Symbol| u64::from(symbol.count.unsigned_abs());
        let surplus = self.symbols.first().map_or(0, count);
        // p is 2/(2+i), so s is ((2+i)²c² − 4d²) / 2i.
        let estimates = self.symbols.iter().zip(0_u64..).skip(1).map(|(symbol, i)| {
            let square = ((2 + i) * count(symbol)).pow(2);
            square.saturating_sub(4 * surplus.pow(2)) / (2 * i)
        });
        let (sum, many) = estimates.fold((0, 0), |(sum, many), one| (sum + one, many + 1));
        (sum / u64::max(many, 1)).max(surplus)
    }

    /// How many symbols to have next, since these are not enough; `None`: too much differs for that.
    pub(super) fn enough(&self, held: u64, listed_max: u64) -> Option<u32> {
        let (have, estimate) = (u64::from(self.len()), self.estimate());
        // The first few say little. To ask for too few costs a round trip, which weighs more while all is small.
        let (least, most) = if self.len() <= FIRST {
            (3 * have, 12 * have)
        } else if have <= 64 {
            (2 * have, 8 * have)
        } else {
            (have + have / 2, 32 * have)
        };
        let estimate = if self.len() <= FIRST && estimate >= 8 { 3 * estimate / 2 } else { estimate };
        let next = needed(estimate).min(most).max(least);
        let is_within = next <= u64::from(SYMBOLS_MAX) && is_worth_it(next, held, listed_max);
        is_within.then_some(next as u32)
    }
}

/// About how many symbols so many differences need.
fn needed(differences: u64) -> u64 {
    differences + differences * 3 / 4 + 6
}

/// With how many symbols to begin where one side holds so many objects, and the other so many; `None`: with none.
pub(super) fn first(held: u64, there: u64, listed_max: u64) -> Option<u32> {
    let surplus = held.abs_diff(there);
    let first = if surplus <= 2 { u64::from(FIRST) } else { needed(surplus).max(u64::from(FIRST)) };
    let may_be = held.max(there) <= OBJECTS_MAX && first <= u64::from(SYMBOLS_MAX);
    (may_be && is_worth_it(needed(surplus), held.min(there), listed_max)).then_some(first as u32)
}

/// Whether so many symbols cost less than a list of all that is held, in bytes. Where fewer objects are
/// listed than is usual they are taken to be worth more in the same measure, so that small rooms come to them, too.
fn is_worth_it(symbols: u64, held: u64, listed_max: u64) -> bool {
    let list = 4 * held * LISTED_MAX / listed_max.clamp(1, LISTED_MAX);
    symbols * SYMBOL_BYTES as u64 <= list
}

#[cfg(test)]
mod tests {
    use super::super::tags::{item_tag, place_of};
    use super::*;
    use proptest::prelude::*;

    const SESSION: u32 = 7;
    const ID_BITS: u32 = 48;

    fn ids(random: &mut impl FnMut() -> u64, count: usize) -> Vec<u64> {
        (0..count).map(|_| random() >> (64 - ID_BITS)).collect()
    }

    /// SplitMix64.
    fn random(seed: u64) -> impl FnMut() -> u64 {
        let mut at = 0;
        move || {
            at += 1;
            mix(u128::from(seed) << 64 | at, SESSION)
        }
    }

    /// Symbols until all is found: how many, what, and in how many messages.
    fn reconcile(theirs: &[u64], ours: &[u64]) -> (u32, Found, u32) {
        let held = ours.len() as u64;
        let (mut differences, mut rounds) = (Differences::of(SESSION), 0);
        let mut next = first(theirs.len() as u64, held, LISTED_MAX).expect("few differences");
        loop {
            let run = differences.len()..next;
            let made = |ids: &[u64]| symbols(ids.iter().copied(), SESSION, run.clone());
            differences.extend(&from_bytes(&to_bytes(&made(theirs))).expect("whole"), &made(ours));
            rounds += 1;
            if let Some(found) = differences.found() {
                return (next, found, rounds);
            }
            next = differences.enough(held, LISTED_MAX).expect("not too many");
        }
    }

    proptest! {
        #[test]
        fn what_differs_is_found_and_nothing_else(
            seed: u64, common in 2_000..4_000_usize, alone in (0..60_usize, 0..60_usize),
        ) {
            let mut random = random(seed);
            let shared = ids(&mut random, common);
            let (mut a, mut b) = (ids(&mut random, alone.0), ids(&mut random, alone.1));
            let (_, found, _) = reconcile(&[&shared[..], &a].concat(), &[&shared[..], &b].concat());
            a.sort_unstable();
            b.sort_unstable();
            prop_assert_eq!(found, Found { theirs: a, ours: b });
        }

        #[test]
        fn what_is_no_symbol_harms_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            if let Some(made) = from_bytes(&bytes) {
                let mut differences = Differences::of(SESSION);
                differences.extend(&made, &vec![Symbol::default(); made.len()]);
                let _ = (differences.found(), differences.enough(u64::MAX / 1_024, LISTED_MAX));
            }
        }
    }

    #[test]
    fn symbols_and_messages_grow_with_what_differs_and_not_with_what_is_held() {
        for (differ, symbols_each, rounds_bar) in
            [(1, 8.0, 1), (8, 4.0, 3), (32, 3.0, 4), (150, 2.0, 6), (1_500, 1.8, 9)]
        {
            let (mut symbols, mut rounds) = (0, 0);
            for seed in 0..20 {
                let mut random = random(seed);
                let shared = ids(&mut random, 10_000);
                let (a, b) = (ids(&mut random, differ / 2), ids(&mut random, differ - differ / 2));
                let (needed, found, took) = reconcile(&[&shared[..], &a].concat(), &[&shared[..], &b].concat());
                assert_eq!(found.theirs.len() + found.ours.len(), differ);
                symbols += needed;
                rounds = rounds.max(took);
            }
            let each = f64::from(symbols) / 20.0 / differ as f64;
            assert!(each <= symbols_each, "{differ}: {each} symbols for each");
            assert!(rounds <= rounds_bar, "{differ}: {rounds} messages");
        }
    }

    #[test]
    fn an_id_contains_the_tag_by_which_its_object_is_wanted() {
        let mut random = random(4);
        for _ in 0..1_000 {
            let (position, fingerprint) = (random(), u128::from(random()) << 64 | u128::from(random()));
            let (place, tag) = parts(id(position, fingerprint, SESSION));
            assert_eq!((tag, place >> 16), (item_tag(position, fingerprint, SESSION), place_of(tag)));
        }
    }

    #[test]
    fn a_run_of_symbols_is_the_same_made_alone_or_with_those_before_it() {
        let held = ids(&mut random(3), 500);
        let all = symbols(held.iter().copied(), SESSION, 0..64);
        assert_eq!(all[20..], symbols(held.iter().copied(), SESSION, 20..64));
    }

    #[test]
    fn where_much_differs_or_much_is_held_ranges_are_split() {
        assert_eq!(first(1_000, 1_000, LISTED_MAX), Some(FIRST));
        assert_eq!(first(1_000, 900, LISTED_MAX), Some(181));
        assert_eq!(first(1_000, 0, LISTED_MAX), None);
        assert_eq!(first(1_000, 400, LISTED_MAX), None);
        assert_eq!(first(OBJECTS_MAX + 1, OBJECTS_MAX + 1, LISTED_MAX), None);
        assert_eq!(first(200_000, 150_000, LISTED_MAX), None);
        let mut random = random(9);
        let (a, b) = (ids(&mut random, 500), ids(&mut random, 500));
        let mut differences = Differences::of(SESSION);
        let mut next = FIRST;
        while let Some(more) = {
            let run = differences.len()..next;
            let made = |ids: &[u64]| symbols(ids.iter().copied(), SESSION, run.clone());
            differences.extend(&made(&a), &made(&b));
            assert_eq!(differences.found(), None);
            differences.enough(500, LISTED_MAX)
        } {
            next = more;
        }
        assert!(next < 500, "it takes {next} symbols to see that all differs");
    }
}
