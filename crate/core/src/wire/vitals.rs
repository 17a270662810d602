//! How a node is doing, as it tells others: what it holds, what waits, what it sends, how quick it is.
//!
//! What is counted is exact, for people compare it. What flows or lags is *rough*, one byte each, to within a fifth: a
//! rate that wavers a little is then the same number, and news of it need not be told.
//!
//! Vitals are no part of the signed record, which says what all must agree on. They carry no signature: they are taken
//! from the node itself, over its own link. Number and incarnation put them in order whoever brings them, so that they
//! could be relayed under a signature once not everybody is linked with everybody.

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// A number to within a fifth of it, in one byte: up to 7 as it is, then two binary digits after the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Rough(u8);

impl Rough {
    /// The nearest that is not larger.
    pub fn of(number: u64) -> Rough {
        match number.checked_ilog2() {
            // Below 8 + 61 * 4, which fits.
            Some(exponent @ 3..) => Rough((8 + (exponent - 3) * 4) as u8 + (number >> (exponent - 2) & 3) as u8),
            _ => Rough(number as u8),
        }
    }

    /// The number; the largest there is for a byte that no number has.
    pub fn value(self) -> u64 {
        match self.0.checked_sub(8) {
            None => u64::from(self.0),
            Some(code @ ..=243) => (4 + u64::from(code % 4)) << (code / 4 + 1),
            Some(_) => u64::MAX,
        }
    }

    /// Whether two are the same or neighbours: a wavering number is no news.
    pub fn is_near(self, other: Rough) -> bool {
        self.0.abs_diff(other.0) <= 1
    }
}

/// Bytes that a node hands to its links in a second, by what they serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rates {
    /// Membership and probes.
    pub gossip: Rough,
    /// Read repair and anti-entropy.
    pub repair: Rough,
    /// Hints and arcs on the move.
    pub transfer: Rough,
    /// Puts, gets, listings, watches.
    pub request: Rough,
    /// Signals carried for links to come.
    pub signal: Rough,
}

/// In how many milliseconds recent requests of one kind were answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Quickness {
    /// Half of them.
    pub p50_ms: Rough,
    /// 99 of 100.
    pub p99_ms: Rough,
}

/// How the disk of a node takes what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum DiskState {
    /// It takes it.
    #[default]
    Sound,
    /// There is no room: the node takes no new keys of others, and goes on answering.
    Full,
    /// It refuses for another reason: it was cleared, closed, or broke.
    Failing,
}

/// How a node is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Vitals {
    /// Keys held with at least one value.
    pub keys: u64,
    /// Bytes of keys and values held.
    pub bytes: u64,
    /// Keys held without a value that is shown.
    pub tombstones: u64,
    /// Hints held.
    pub hints: u64,
    /// Open links.
    pub links: u16,
    /// Whether it can make durable what it is given.
    pub disk: DiskState,
    /// For how long something of it has waited to be where it belongs, in milliseconds; zero
    /// if it knows of nothing.
    pub lag_ms: Rough,
    /// Bytes sent in a second.
    pub sent: Rates,
    /// Its application's gets.
    pub gets: Quickness,
    /// Its application's puts and deletes.
    pub puts: Quickness,
}

impl Vitals {
    /// Whether others know enough of a node if they know the other ones.
    pub fn is_near(&self, other: &Vitals) -> bool {
        let counts = |v: &Vitals| (v.keys, v.bytes, v.tombstones, v.hints, v.links, v.disk);
        counts(self) == counts(other) && self.rough().iter().zip(other.rough()).all(|(one, two)| one.is_near(two))
    }

    fn rough(&self) -> [Rough; 10] {
        let Vitals { lag_ms, sent, gets, puts, .. } = *self;
        let Rates { gossip, repair, transfer, request, signal } = sent;
        [lag_ms, gossip, repair, transfer, request, signal, gets.p50_ms, gets.p99_ms, puts.p50_ms, puts.p99_ms]
    }
}

/// What is known of how a node is doing, and how long ago it said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// What it said.
    pub vitals: Vitals,
    /// How long ago, in milliseconds.
    pub age_ms: Millis,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_rough_number_is_at_most_a_fifth_less(number in any::<u64>(), shift in 0u32..64) {
            let number = number >> shift;
            let rough = Rough::of(number).value();
            prop_assert!(rough <= number && number - rough <= number / 5, "{number} as {rough}");
            prop_assert_eq!(Rough::of(rough).value(), rough);
        }
    }

    #[test]
    fn rough_numbers_are_in_order_and_every_byte_is_one() {
        let values = [0, 1, 7, 8, 9, 10, 12, 14, 16, 100, 1_000, u64::MAX].map(|number| Rough::of(number).value());
        assert_eq!(values, [0, 1, 7, 8, 8, 10, 12, 14, 16, 96, 896, 7 << 61]);
        let all: std::vec::Vec<u64> = (0..=u8::MAX).map(|byte| Rough(byte).value()).collect();
        assert!(all.is_sorted(), "{all:?}");
    }

    #[test]
    fn a_count_is_news_and_a_wavering_rate_is_not() {
        let vitals = Vitals::default();
        assert!(!vitals.is_near(&Vitals { hints: 1, ..vitals }));
        let gossiping = |gossip| Vitals { sent: Rates { gossip: Rough::of(gossip), ..Rates::default() }, ..vitals };
        assert!(gossiping(140).is_near(&gossiping(155)));
        assert!(!gossiping(140).is_near(&gossiping(300)));
        let lagging = |lag_ms| Vitals { lag_ms: Rough::of(lag_ms), ..vitals };
        assert!(!lagging(0).is_near(&lagging(4_000)));
    }
}
