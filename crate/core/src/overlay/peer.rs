//! What is remembered of one with whom messages are exchanged over others: which life it is, which of its messages have
//! come, whether it owes a sign of life, and how much is said.

use crate::marks::{Mark, Marks};
use crate::time::{Instant, Millis};

/// So many messages over others within the span are much, and earn a link for as long.
pub(super) const BUSY_MESSAGES: u32 = 100;
const BUSY_SPAN_MS: Millis = 10_000;
pub(super) const PROMOTED_MS: Millis = 60_000;

/// Somebody owes a sign of life.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wait {
    pub(super) since: Instant,
    /// When it is to be asked for one, again.
    pub(super) again: Instant,
    /// How often it was.
    pub(super) asked: u32,
}

/// What is remembered of somebody to whom messages go, or from whom they come, over others.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Peer {
    pub(super) life: Option<u32>,
    /// A link has opened on which it has not yet said which life it is.
    pub(super) is_unsure: bool,
    /// The highest number heard of this life, and which of the 128 up to it were.
    pub(super) top: u32,
    pub(super) seen: u128,
    /// It has been asked something and has said nothing.
    pub(super) waits: Option<Wait>,
    /// Since when so many messages have gone either way.
    talk: Option<(Instant, u32)>,
    pub(super) promoted: Option<Instant>,
    /// When a link that was earned so has ended: perhaps the other end has too many.
    pub(super) demoted: Option<Instant>,
}

impl Peer {
    /// Whether a message of this number is the first one.
    pub(super) fn is_new(&mut self, number: u32) -> bool {
        let ahead = number.wrapping_sub(self.top);
        if self.seen == 0 || ahead.wrapping_sub(1) < u32::MAX / 2 {
            self.seen = if self.seen == 0 { 0 } else { self.seen.checked_shl(ahead).unwrap_or(0) } | 1;
            self.top = number;
            return true;
        }
        // One that is further back is no copy of what has just come; if it is one after all, it does no harm.
        let Some(bit) = 1u128.checked_shl(self.top.wrapping_sub(number)) else { return true };
        let is_new = self.seen & bit == 0;
        self.seen |= bit;
        is_new
    }

    /// A message has gone either way. Tells whether a link is earned.
    pub(super) fn talk(&mut self, now: Instant, marks: &Marks) -> bool {
        let (since, count) = self.talk.filter(|(since, _)| now.since(*since) < BUSY_SPAN_MS).unwrap_or((now, 0));
        self.talk = Some((since, count.saturating_add(1)));
        let is_barred = self.demoted.is_some_and(|at| now.since(at) < PROMOTED_MS);
        if count >= BUSY_MESSAGES && !is_barred {
            marks.hit_if(Mark::Promoted, || self.promoted.is_none());
            self.promoted = Some(now);
        }
        self.promoted.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn a_copy_is_told_from_what_is_new_whatever_the_order() {
        let mut peer = Peer::default();
        let news: Vec<bool> = [7, 7, 9, 8, 9, 8, 300, 7, 299, 299].map(|number| peer.is_new(number)).into();
        assert_eq!(news, [true, false, true, true, false, false, true, true, true, false]);
    }
}
