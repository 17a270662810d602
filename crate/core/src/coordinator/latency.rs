//! How quick requests were: the last thousand answers of one kind.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::time::Millis;

const KEPT: usize = 1000;

/// The time that requests of one kind took until they were answered.
#[derive(Debug, Clone, Default)]
pub struct Latency {
    recent: VecDeque<Millis>,
    count: u64,
}

impl Latency {
    pub(super) fn add(&mut self, took: Millis) {
        if self.recent.len() == KEPT {
            self.recent.pop_front();
        }
        self.recent.push_back(took);
        self.count += 1;
    }

    /// How many there were since the start.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Half, and 99 of 100, of the last thousand took at most this long.
    pub fn percentiles(&self) -> (Millis, Millis) {
        let mut sorted: Vec<Millis> = self.recent.iter().copied().collect();
        sorted.sort_unstable();
        let at = |percent: usize| sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)));
        (at(50).copied().unwrap_or(0), at(99).copied().unwrap_or(0))
    }
}
