//! How often: announcements, reconnections, and the construction of peer connections.
//!
//! All pure. Jitter is passed in as a number from 0 to 255, so that a room of tabs that lost the same rendezvous does
//! not come back in one breath.

use roundtable_core::time::{Instant, Millis};

const RETRY_MS_MIN: Millis = 500;
const RETRY_MS_MAX: Millis = 30_000;
/// When a page announces itself, in milliseconds after it began; then every [`ANNOUNCE_EVERY_MS`].
const ANNOUNCE_AT_MS: [Millis; 4] = [0, 1_000, 4_000, 15_000];
const ANNOUNCE_EVERY_MS: Millis = 30_000;

/// Chromium refuses the 500th connection that was constructed and not yet collected, so a page may hold this many back
/// ...
const CONSTRUCTIONS_BURST: u64 = 200;
/// ... and is given another one this often, which leaves the collector time.
const CONSTRUCTION_EVERY_MS: Millis = 250;

/// How long to wait before the `failures`-th new try (from 0): doubling, capped, between half and the whole of it.
pub(crate) fn retry_after(failures: u32, jitter: u8) -> Millis {
    jittered((RETRY_MS_MIN << failures.min(6)).min(RETRY_MS_MAX), jitter)
}

/// How long after the `count`-th announcement (from 0) the next one is due.
pub(crate) fn announce_after(count: usize, jitter: u8) -> Millis {
    match ANNOUNCE_AT_MS.get(count..count + 2) {
        Some(&[this, next]) => next - this,
        _ => jittered(ANNOUNCE_EVERY_MS, jitter),
    }
}

fn jittered(span: Millis, jitter: u8) -> Millis {
    span / 2 + span / 2 * u64::from(jitter) / 255
}

/// How much of something may still be done: a burst is free, a stream is not.
#[derive(Debug)]
pub(crate) struct Budget {
    left: u64,
    since: Instant,
    burst: u64,
    every_ms: Millis,
}

impl Budget {
    /// A full one, that is given one more as often.
    pub(crate) fn new(burst: u64, every_ms: Millis, now: Instant) -> Budget {
        Budget { left: burst, since: now, burst, every_ms }
    }

    /// How many connections may still be constructed.
    pub(crate) fn of_constructions(now: Instant) -> Budget {
        Budget::new(CONSTRUCTIONS_BURST, CONSTRUCTION_EVERY_MS, now)
    }

    /// Take one, if there is one left.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        self.take_some(1, now)
    }

    /// Take so many, if there are as many left.
    pub(crate) fn take_some(&mut self, count: u64, now: Instant) -> bool {
        let granted = self.has(count, now);
        self.left -= if granted { count } else { 0 };
        granted
    }

    /// Whether so many are left.
    pub(crate) fn has(&mut self, count: u64, now: Instant) -> bool {
        let earned = now.since(self.since) / self.every_ms;
        self.left = (self.left + earned).min(self.burst);
        self.since = self.since + earned * self.every_ms;
        self.left >= count
    }

    /// When there is one more than now.
    pub(crate) fn next(&self) -> Instant {
        self.since + self.every_ms
    }

    /// The browser refused one, whatever we reckon: there is none until the next is earned.
    pub(crate) fn exhaust(&mut self, now: Instant) {
        self.left = 0;
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_begin_at_half_a_second_and_end_at_half_a_minute() {
        assert_eq!(retry_after(0, 255), 499 + 1);
        assert_eq!(retry_after(0, 0), 250);
        assert_eq!(retry_after(4, 255), 8_000);
        assert_eq!(retry_after(1_000_000, 255), RETRY_MS_MAX);
    }

    #[test]
    fn announcements_thin_out() {
        let gaps: Vec<Millis> = (0..5).map(|count| announce_after(count, 255)).collect();
        assert_eq!(gaps, [1_000, 3_000, 11_000, ANNOUNCE_EVERY_MS, ANNOUNCE_EVERY_MS]);
    }

    #[test]
    fn a_burst_of_constructions_is_free_and_a_stream_is_not() {
        let mut budget = Budget::of_constructions(Instant(0));
        let granted = (0..1000).filter(|_| budget.take(Instant(100))).count();
        assert_eq!(granted, 200);
        assert!(budget.take(Instant(250)));
        assert!(!budget.take(Instant(260)));
        assert_eq!((0..1000).filter(|_| budget.take(Instant(1_000_000))).count(), 200);
    }

    #[test]
    fn a_refusal_of_the_browser_leaves_none_until_the_next_is_earned() {
        let mut budget = Budget::of_constructions(Instant(0));
        budget.exhaust(Instant(100));
        assert!(!budget.take(Instant(349)));
        assert!(budget.take(Instant(350)));
        assert!(!budget.take(Instant(351)));
    }
}
