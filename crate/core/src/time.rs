//! Time as the core sees it: a number that the driver passes in.
//!
//! [`Instant`] is monotonic and drives every timeout; its zero means nothing. Wall time is a separate input
//! ([`WallTime`]) and serves horizons, expiry and the hybrid clock only. The core never asks for either.

use core::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

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
