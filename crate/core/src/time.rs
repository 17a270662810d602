//! Time as the core sees it: a number that the driver passes in.
//!
//! [`Instant`] is monotonic and drives every timeout; its zero means nothing. Wall time is a separate input
//! ([`WallTime`]) and serves horizons, expiry and the hybrid clock only. The core never asks for either.
//!
//! A device's wall clock may be wrong by hours, may be set while the page runs, and may jump by months when a battery
//! dies. [`WallClock`] says how far it can be believed. A jump of more than a day makes it *suspended*: nothing expires
//! and nothing is reaped by it until most of the other devices that are heard tell a time within a day of ours, or the
//! clock jumps back. What cannot be undone (reaping, dropping what has expired, deriving that somebody departed) asks
//! for that without a jump too, so a device that is alone with a wrong clock does none of it, and one wrong clock of
//! three holds it up for all.

use alloc::collections::BTreeMap;
use core::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

use crate::id::DeviceId;

/// A span of monotonic time, in milliseconds.
pub type Millis = u64;

/// A moment of the driver's monotonic clock, in milliseconds since whenever that clock began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(pub u64);

impl Instant {
    /// The time from `earlier` to this moment, or zero if `earlier` is later.
    pub fn since(self, earlier: Instant) -> Millis {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Millis> for Instant {
    type Output = Instant;
    fn add(self, span: Millis) -> Instant {
        Instant(self.0.saturating_add(span))
    }
}

impl Sub<Millis> for Instant {
    type Output = Instant;
    fn sub(self, span: Millis) -> Instant {
        Instant(self.0.saturating_sub(span))
    }
}

/// Milliseconds since the Unix epoch, as the device's clock tells it: it may be wrong by hours and may jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct WallTime(pub u64);

impl WallTime {
    /// Whole minutes since the epoch; zero for what no clock should tell.
    pub fn minutes(self) -> u32 {
        u32::try_from(self.0 / MINUTE_MS).unwrap_or(0)
    }
}

/// A difference of wall clocks that no honest clock shows: a day.
pub const JUMP_MS: Millis = 24 * 60 * 60 * 1_000;
/// How long a node may be away before it counts as departed, and how old a tombstone is when it is reaped, if the
/// configuration says nothing else: 30 days.
pub const HORIZON_MS: Millis = 30 * JUMP_MS;
/// For how long a neighbour's word about the time holds.
const WORD_MS: Millis = 60 * 60 * 1_000;
/// How many devices' words are kept. Of more the first that were heard decide.
const WORDS_MAX: usize = 64;
/// A minute, in milliseconds.
pub const MINUTE_MS: Millis = 60_000;

/// The device's wall clock, and how far it can be believed.
#[derive(Debug, Clone, Default)]
pub struct WallClock {
    /// When the driver last told the time, and what it told.
    told: Option<(Instant, WallTime)>,
    /// The reading before a jump that nobody has confirmed: the clock is suspended.
    before_jump: Option<(Instant, WallTime)>,
    /// What other devices last told of the time, in minutes, and when.
    words: BTreeMap<DeviceId, (Instant, u32)>,
    /// When more of them than not last told a time that agrees with ours.
    agreed: Option<Instant>,
}

fn later(reading: (Instant, WallTime), now: Instant) -> WallTime {
    WallTime(reading.1.0.saturating_add(now.since(reading.0)))
}

impl WallClock {
    /// The driver tells what the device's clock says.
    pub fn set(&mut self, now: Instant, wall: WallTime) {
        let differs = |reading: (Instant, WallTime)| later(reading, now).0.abs_diff(wall.0) > JUMP_MS;
        if let Some(told) = self.told.filter(|&told| differs(told)) {
            self.before_jump.get_or_insert(told);
            self.agreed = None;
        }
        if self.before_jump.is_some_and(|before| !differs(before)) {
            self.before_jump = None;
        }
        self.told = Some((now, wall));
    }

    /// Another device tells the minutes of its clock, zero for none. This one's own must not be asked: it is the same
    /// clock. A jump is believed when more of those that were heard within the hour agree with it than not: two wrong
    /// clocks in a room of many prove nothing.
    pub fn on_minutes(&mut self, now: Instant, from: DeviceId, minutes: u32) {
        let Some(ours) = self.read(now).filter(|_| minutes > 0) else { return };
        self.words.retain(|_, (told, _)| now.since(*told) <= WORD_MS);
        if self.words.len() < WORDS_MAX || self.words.contains_key(&from) {
            self.words.insert(from, (now, minutes));
        }
        let agrees = |(_, minutes): &&(Instant, u32)| ours.0.abs_diff(u64::from(*minutes) * MINUTE_MS) <= JUMP_MS;
        let agreeing = self.words.values().filter(agrees).count();
        if agreeing * 2 > self.words.len() {
            self.before_jump = None;
            self.agreed = Some(now);
        } else {
            self.agreed = None;
        }
    }

    /// A device no longer tells the time: its last word may be of before all clocks were put right.
    pub fn forget(&mut self, device: DeviceId) {
        self.words.remove(&device);
    }

    /// What the device's clock says, believed or not. `None`: the driver has not told.
    pub fn read(&self, now: Instant) -> Option<WallTime> {
        self.told.map(|told| later(told, now))
    }

    /// The time by which values expire. `None`: unknown, or the clock has jumped and nobody has confirmed it.
    pub fn trusted(&self, now: Instant) -> Option<WallTime> {
        self.read(now).filter(|_| self.before_jump.is_none())
    }

    /// When this wall time comes, if the driver tells nothing else meanwhile. `None`: the time is not trusted.
    pub fn instant_of(&self, wall: WallTime) -> Option<Instant> {
        let (instant, told) = self.told.filter(|_| self.before_jump.is_none())?;
        Some(instant + wall.0.saturating_sub(told.0))
    }

    /// The time by which tombstones are reaped, departures derived and expired values dropped. `None` unless within the
    /// last hour most other devices that were heard told a time within a day of it.
    pub fn confirmed(&self, now: Instant) -> Option<WallTime> {
        self.trusted(now).filter(|_| self.agreed.is_some_and(|agreed| now.since(agreed) <= WORD_MS))
    }

    /// What this node tells its neighbours, also while it does not believe it: that two devices agree is the evidence.
    pub fn minutes(&self, now: Instant) -> u32 {
        self.read(now).map_or(0, WallTime::minutes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = JUMP_MS;
    const NOON: WallTime = WallTime(20_000 * DAY);

    fn device(number: u8) -> DeviceId {
        DeviceId::from_bytes([number; 16])
    }

    fn minutes(wall: u64) -> u32 {
        u32::try_from(wall / MINUTE_MS).unwrap()
    }

    #[test]
    fn a_clock_goes_on_between_readings() {
        let mut clock = WallClock::default();
        assert_eq!(clock.trusted(Instant(5)), None);
        clock.set(Instant(1_000), NOON);
        assert_eq!(clock.trusted(Instant(4_000)), Some(WallTime(NOON.0 + 3_000)));
        assert_eq!(clock.confirmed(Instant(4_000)), None, "nobody else has said so");
        assert_eq!(clock.instant_of(WallTime(NOON.0 + 3_000)), Some(Instant(4_000)));
    }

    #[test]
    fn a_jump_of_months_is_not_believed_until_another_device_agrees() {
        let mut clock = WallClock::default();
        clock.set(Instant(0), NOON);
        let months = NOON.0 + 90 * DAY;
        clock.set(Instant(10), WallTime(months));
        assert_eq!((clock.trusted(Instant(10)), clock.minutes(Instant(10))), (None, minutes(months)));
        clock.on_minutes(Instant(20), device(1), minutes(NOON.0));
        clock.on_minutes(Instant(20), device(1), 0);
        assert_eq!(clock.trusted(Instant(20)), None);
        clock.on_minutes(Instant(30), device(1), minutes(months));
        assert!(clock.trusted(Instant(30)).is_some() && clock.confirmed(Instant(30)).is_some());
        assert_eq!(clock.confirmed(Instant(31 + WORD_MS)), None, "a word holds for an hour");
    }

    #[test]
    fn of_many_devices_most_have_to_agree() {
        let (mut clock, months) = (WallClock::default(), NOON.0 + 90 * DAY);
        clock.set(Instant(0), NOON);
        clock.set(Instant(10), WallTime(months));
        clock.on_minutes(Instant(20), device(1), minutes(NOON.0));
        clock.on_minutes(Instant(20), device(2), minutes(months));
        assert_eq!(clock.trusted(Instant(20)), None, "one against one");
        clock.on_minutes(Instant(30), device(3), minutes(months));
        assert!(clock.confirmed(Instant(30)).is_some());
        clock.on_minutes(Instant(40), device(3), minutes(NOON.0));
        assert_eq!(clock.confirmed(Instant(40)), None, "it has learned better");
        clock.forget(device(1));
        clock.forget(device(3));
        clock.on_minutes(Instant(50), device(2), minutes(months));
        assert!(clock.confirmed(Instant(50)).is_some(), "who says otherwise is gone");
        clock.on_minutes(Instant(60), device(3), minutes(NOON.0));
        clock.on_minutes(Instant(31 + WORD_MS), device(2), minutes(months));
        assert_eq!(clock.confirmed(Instant(31 + WORD_MS)), None, "one against one");
        clock.on_minutes(Instant(70 + WORD_MS), device(2), minutes(months));
        assert!(clock.confirmed(Instant(70 + WORD_MS)).is_some(), "the other word is old");
    }

    #[test]
    fn words_are_kept_of_so_many_devices_only() {
        let mut clock = WallClock::default();
        clock.set(Instant(0), NOON);
        (0..=255).for_each(|number| clock.on_minutes(Instant(1), device(number), minutes(NOON.0)));
        assert_eq!(clock.words.len(), WORDS_MAX);
    }

    #[test]
    fn a_clock_that_jumps_back_to_where_it_was_is_believed_again() {
        let mut clock = WallClock::default();
        clock.set(Instant(0), NOON);
        clock.set(Instant(1), WallTime(0));
        clock.set(Instant(2), WallTime(3));
        assert_eq!(clock.trusted(Instant(2)), None);
        clock.set(Instant(3), WallTime(NOON.0 + 60_000));
        assert!(clock.trusted(Instant(3)).is_some());
    }
}
