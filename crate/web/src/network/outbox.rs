//! What waits to leave on one lane of one link.
//!
//! A browser's own buffer is deep (Chromium: 16 MiB, then `send` throws; Firefox: without end) and cannot be taken
//! back, so only a little is handed to it at a time and the rest waits here, as does what the receiver has no room for
//! (`credit`). The outbox is bounded: a peer that lets megabytes pile up for seconds is not slow but gone, and its link
//! is closed rather than this tab's memory spent on it. A burst is no such thing: megabytes that were only just put here
//! leave as fast as the wire takes them.

use std::collections::VecDeque;

use roundtable_core::time::{Instant, Millis};

use super::chunk;
use super::credit::Allowance;

/// How much may lie in the browser's buffer of one channel before we wait.
pub(crate) const BUFFERED_HIGH_BYTES: u32 = 256 * 1024;
/// How little must be left there before we go on.
pub(crate) const BUFFERED_LOW_BYTES: u32 = 64 * 1024;
/// How much may wait here for one lane in any case ...
pub(crate) const OUTBOX_BYTES_MAX: usize = 32 * 1024 * 1024;
/// ... and how much of it behind a frame that has waited for [`SLOW_MS`].
const SLOW_BYTES_MAX: usize = 8 * 1024 * 1024;
const SLOW_MS: Millis = 5_000;

/// Frames that wait, the first of them perhaps partly sent.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    frames: VecDeque<(Instant, Vec<u8>)>,
    offset: usize,
    bytes: usize,
    waited: bool,
}

/// More waits than may: nothing was added, the link should be closed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooSlow;

impl Outbox {
    /// Put a frame at the end.
    pub(crate) fn push(&mut self, frame: &[u8], now: Instant) -> Result<(), TooSlow> {
        let is_slow = self.frames.front().is_some_and(|(since, _)| now.since(*since) >= SLOW_MS);
        if self.bytes + frame.len() > if is_slow { SLOW_BYTES_MAX } else { OUTBOX_BYTES_MAX } {
            return Err(TooSlow);
        }
        self.bytes += frame.len();
        self.frames.push_back((now, frame.to_vec()));
        Ok(())
    }

    /// The next message to send, if the browser's buffer, which holds `buffered` bytes, has room for it, and the
    /// receiver, too.
    pub(crate) fn next(&mut self, buffered: u32, allowance: &mut Allowance) -> Option<Vec<u8>> {
        let (_, frame) = self.frames.front()?;
        let length = chunk::piece_bytes(frame.len(), self.offset);
        if buffered >= BUFFERED_HIGH_BYTES || length > allowance.left() {
            self.waited = true;
            return None;
        }
        allowance.spend(length);
        let (message, end) = chunk::cut(frame, self.offset);
        self.offset = end;
        if end == frame.len() {
            self.bytes -= frame.len();
            self.offset = 0;
            self.frames.pop_front();
        }
        Some(message)
    }

    /// Let wait what there is, since something else goes first.
    pub(crate) fn wait(&mut self) {
        self.waited |= !self.frames.is_empty();
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Whether all is sent that once had to wait. True once for each time it had to.
    pub(crate) fn caught_up(&mut self) -> bool {
        self.waited && self.frames.is_empty() && std::mem::take(&mut self.waited)
    }
}

#[cfg(test)]
mod tests {
    use super::super::credit::WINDOW_BYTES;
    use super::*;

    const NOW: Instant = Instant(1_000);
    const MEGABYTE: usize = 1024 * 1024;

    fn outbox(frames: &[&[u8]]) -> Outbox {
        let mut outbox = Outbox::default();
        frames.iter().for_each(|frame| outbox.push(frame, NOW).unwrap());
        outbox
    }

    #[test]
    fn frames_leave_in_order_while_there_is_room() {
        let mut outbox = outbox(&[&[1], &[2; 20_000], &[3]]);
        let mut allowance = Allowance::default();
        let next = || outbox.next(0, &mut allowance);
        let lengths: Vec<usize> = std::iter::from_fn(next).map(|message| message.len()).collect();
        assert_eq!(lengths, [2, chunk::CHUNK_BYTES_MAX, 20_000 - (chunk::CHUNK_BYTES_MAX - 5) + 1, 2]);
        assert_eq!(outbox.bytes, 0);
        assert_eq!(allowance.left(), WINDOW_BYTES - lengths.iter().sum::<usize>());
        assert!(!outbox.caught_up(), "nothing had to wait");
    }

    #[test]
    fn a_full_buffer_makes_frames_wait_and_catching_up_is_told_once() {
        let (mut outbox, mut allowance) = (outbox(&[&[1]]), Allowance::default());
        assert_eq!(outbox.next(BUFFERED_HIGH_BYTES, &mut allowance), None);
        assert!(!outbox.caught_up());
        assert_eq!(outbox.next(0, &mut allowance), Some(vec![0, 1]));
        assert!(outbox.caught_up());
        assert!(!outbox.caught_up());
    }

    #[test]
    fn a_receiver_that_gives_nothing_back_is_sent_no_more_than_its_window_and_then_goes_on() {
        let (mut outbox, mut allowance) = (outbox(&[&[7; MEGABYTE]]), Allowance::default());
        let mut sent = 0;
        while let Some(message) = outbox.next(0, &mut allowance) {
            sent += message.len();
        }
        assert!(sent <= WINDOW_BYTES && sent > WINDOW_BYTES - chunk::CHUNK_BYTES_MAX);
        assert!(!outbox.caught_up() && !outbox.is_empty());
        allowance.refill(sent).unwrap();
        while outbox.next(0, &mut allowance).is_some() {}
        assert!(!outbox.is_empty(), "a second window is not enough for the headers, too");
        allowance.refill(WINDOW_BYTES - allowance.left()).unwrap();
        while outbox.next(0, &mut allowance).is_some() {}
        assert!(outbox.is_empty() && outbox.caught_up());
    }

    #[test]
    fn what_has_to_wait_for_another_lane_catches_up_later() {
        let mut outbox = outbox(&[&[1]]);
        outbox.wait();
        assert!(outbox.next(0, &mut Allowance::default()).is_some());
        assert!(outbox.caught_up());
        outbox.wait();
        assert!(!outbox.caught_up(), "nothing was there to wait");
    }

    #[test]
    fn a_burst_may_wait_and_what_waits_for_seconds_is_bounded_sooner() {
        let full = |now: Instant| {
            let mut outbox = Outbox::default();
            outbox.push(&[], NOW).unwrap();
            (0..100).take_while(|_| outbox.push(&[0; MEGABYTE], now).is_ok()).count() * MEGABYTE
        };
        assert_eq!(full(NOW + SLOW_MS - 1), OUTBOX_BYTES_MAX);
        assert_eq!(full(NOW + SLOW_MS), SLOW_BYTES_MAX);
    }

    #[test]
    fn an_empty_frame_is_a_frame() {
        let (mut outbox, mut allowance) = (outbox(&[&[]]), Allowance::default());
        assert_eq!(outbox.next(0, &mut allowance), Some(vec![0]));
        assert_eq!(outbox.next(0, &mut allowance), None);
    }
}
