//! The hybrid logical clock (Kulkarni, Demirbas, Madappa, Avva, Leone, "Logical Physical Clocks and Consistent
//! Snapshots in Globally Distributed Databases", OPODIS 2014, figure 5): wall time where that will do, else a count.
//!
//! It stamps last-write-wins values, so that of two writes which had not seen each other all replicas take the same one
//! for the later. A stamp is later than all the clock gave out or was shown before, which wall time alone is not when a
//! device's clock steps back.
//!
//! Clocks may be wrong by hours, so the clock is bounded: it gives out no stamp further ahead of its device's wall time
//! than [`SKEW_MS_MAX`], and does not follow one that is. A stamp of tomorrow is thus not handed on to other keys and
//! other nodes. That it does not rule its own key until tomorrow either is the coordinator's doing: a last-write-wins
//! put supersedes, by its context, all that its node holds of the key.
//!
//! Invariant: unless the wall clock steps back by more than the bound, each stamp is later than the one before.

use serde::{Deserialize, Serialize};

use crate::planted::{Plant, Planted};
use crate::time::{Millis, WallTime};

/// How far ahead of a device's wall time a stamp may be to be followed: as much as clocks differ that nobody has set
/// wrong (Kulkarni et al. take NTP's bound; a laptop without it is off by a minute or two).
pub const SKEW_MS_MAX: Millis = 5 * 60 * 1_000;

/// A moment of a hybrid clock. Of two, the later is the one with the later wall time, or else the higher count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Stamp {
    /// The latest wall time that its clock had seen.
    pub wall: WallTime,
    /// Orders moments of one wall time.
    pub count: u32,
}

impl Stamp {
    fn next(self) -> Stamp {
        match self.count.checked_add(1) {
            Some(count) => Stamp { count, ..self },
            None => Stamp { wall: WallTime(self.wall.0.saturating_add(1)), count: 0 },
        }
    }

    fn is_too_far_ahead(self, wall: WallTime) -> bool {
        self.wall.0 > wall.0.saturating_add(SKEW_MS_MAX)
    }
}

/// One node's hybrid clock.
#[derive(Debug, Clone, Default)]
pub struct HybridClock {
    last: Stamp,
    planted: Planted,
}

impl HybridClock {
    /// A clock that has shown and seen nothing, with the bug that was planted, if any.
    pub fn new(planted: Planted) -> HybridClock {
        HybridClock { last: Stamp::default(), planted }
    }

    fn is_too_far_ahead(&self, stamp: Stamp, wall: WallTime) -> bool {
        stamp.is_too_far_ahead(wall) && !self.planted.has(Plant::FollowAnyStamp)
    }

    /// A stamp was seen: what is stamped from now on is later. One that is too far ahead is not followed, nor is any
    /// while the wall time is not known.
    pub fn observe(&mut self, seen: Stamp, wall: Option<WallTime>) {
        if wall.is_some_and(|wall| !self.is_too_far_ahead(seen, wall)) {
            self.last = self.last.max(seen);
        }
    }

    /// The stamp of something that happens now. While the wall time is not known, the count goes on alone: such a stamp
    /// loses against those of nodes that know it.
    pub fn tick(&mut self, wall: Option<WallTime>) -> Stamp {
        let wall = wall.unwrap_or(self.last.wall);
        // This device's clock was ahead, and was set right: its old stamps must not go on.
        let is_behind = wall > self.last.wall || self.is_too_far_ahead(self.last, wall);
        self.last = if is_behind { Stamp { wall, count: 0 } } else { self.last.next() };
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn stamp(wall: u64, count: u32) -> Stamp {
        Stamp { wall: WallTime(wall), count }
    }

    const NOON: u64 = 1_000_000_000;

    proptest! {
        #[test]
        fn stamps_rise_and_stay_within_the_bound_of_the_wall_time(
            steps in prop::collection::vec((0..SKEW_MS_MAX, any::<Option<(u64, u32)>>(), 0..2 * SKEW_MS_MAX), 1..200),
        ) {
            let mut clock = HybridClock::default();
            let mut given: Vec<Stamp> = Vec::new();
            // The wall clock wanders within the bound, as one that is set right now and then does.
            for (wander, far, near) in steps {
                let wall = NOON + wander;
                clock.observe(stamp(NOON + near, 3), Some(WallTime(wall)));
                if let Some((far, count)) = far {
                    clock.observe(stamp(far, count), Some(WallTime(wall)));
                }
                let stamp = clock.tick(Some(WallTime(wall)));
                prop_assert!(stamp.wall.0 >= wall && stamp.wall.0 <= wall + SKEW_MS_MAX + 1, "{stamp:?} at {wall}");
                // The wall clock may have stepped back below the bound of what was followed before.
                let followed = given.last().filter(|last| last.wall.0 <= wall + SKEW_MS_MAX);
                prop_assert!(followed.is_none_or(|last| *last < stamp), "{given:?} then {stamp:?}");
                given.push(stamp);
            }
        }
    }

    #[test]
    fn what_is_seen_is_followed_unless_it_is_too_far_ahead() {
        let mut clock = HybridClock::default();
        clock.observe(stamp(NOON + SKEW_MS_MAX, 9), Some(WallTime(NOON)));
        assert_eq!(clock.tick(Some(WallTime(NOON))), stamp(NOON + SKEW_MS_MAX, 10));
        clock.observe(stamp(NOON + 3 * SKEW_MS_MAX, 0), Some(WallTime(NOON)));
        assert_eq!(clock.tick(Some(WallTime(NOON))), stamp(NOON + SKEW_MS_MAX, 11));
    }

    #[test]
    fn a_clock_that_was_set_back_by_hours_does_not_go_on_with_stamps_of_the_future() {
        let mut clock = HybridClock::default();
        clock.tick(Some(WallTime(NOON + 10 * SKEW_MS_MAX)));
        assert_eq!(clock.tick(Some(WallTime(NOON))), stamp(NOON, 0));
    }

    #[test]
    fn without_a_wall_time_only_the_count_rises() {
        let mut clock = HybridClock::default();
        assert_eq!([clock.tick(None), clock.tick(None)], [stamp(0, 1), stamp(0, 2)]);
        clock.observe(stamp(NOON, 0), None);
        assert_eq!(clock.tick(None), stamp(0, 3), "what cannot be judged is not followed");
        clock.tick(Some(WallTime(NOON)));
        assert_eq!(clock.tick(None), stamp(NOON, 1));
        assert_eq!(stamp(7, u32::MAX).next(), stamp(8, 0));
    }
}
