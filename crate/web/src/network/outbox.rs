//! What waits to leave on one lane of one link.
//!
//! A browser's own buffer is deep (Chromium: 16 MiB, then `send` throws; Firefox: without end) and cannot be taken
//! back, so only a little is handed to it at a time and the rest waits here. The outbox is bounded: a peer that lets
//! megabytes pile up is not slow but gone, and its link is closed rather than this tab's memory spent on it.

use std::collections::VecDeque;

use super::chunk;

/// How much may lie in the browser's buffer of one channel before we wait.
pub(crate) const BUFFERED_HIGH_BYTES: u32 = 256 * 1024;
/// How little must be left there before we go on.
pub(crate) const BUFFERED_LOW_BYTES: u32 = 64 * 1024;
/// How much may wait here for one lane.
pub(crate) const OUTBOX_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Frames that wait, the first of them perhaps partly sent.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    frames: VecDeque<Vec<u8>>,
    offset: usize,
    bytes: usize,
    waited: bool,
}

/// More waits than [`OUTBOX_BYTES_MAX`]: nothing was added, the link should be closed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooSlow;

impl Outbox {
    /// Put a frame at the end.
    pub(crate) fn push(&mut self, frame: &[u8]) -> Result<(), TooSlow> {
        if self.bytes + frame.len() > OUTBOX_BYTES_MAX {
            return Err(TooSlow);
        }
        self.bytes += frame.len();
        self.frames.push_back(frame.to_vec());
        Ok(())
    }

    /// The next message to send, if the browser's buffer, which holds `buffered` bytes, has room for it.
    pub(crate) fn next(&mut self, buffered: u32) -> Option<Vec<u8>> {
        let frame = self.frames.front()?;
        if buffered >= BUFFERED_HIGH_BYTES {
            self.waited = true;
            return None;
        }
        let (message, end) = chunk::cut(frame, self.offset);
        self.offset = end;
        if end == frame.len() {
            self.bytes -= frame.len();
            self.offset = 0;
            self.frames.pop_front();
        }
        Some(message)
    }

    /// Whether all is sent that once had to wait. True once for each time it had to.
    pub(crate) fn caught_up(&mut self) -> bool {
        self.waited && self.frames.is_empty() && std::mem::take(&mut self.waited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_leave_in_order_while_there_is_room() {
        let mut outbox = Outbox::default();
        outbox.push(&[1]).unwrap();
        outbox.push(&[2; 20_000]).unwrap();
        outbox.push(&[3]).unwrap();
        let lengths: Vec<usize> = std::iter::from_fn(|| outbox.next(0)).map(|message| message.len()).collect();
        assert_eq!(lengths, [2, chunk::CHUNK_BYTES_MAX, 20_000 - (chunk::CHUNK_BYTES_MAX - 5) + 1, 2]);
        assert_eq!(outbox.bytes, 0);
        assert!(!outbox.caught_up(), "nothing had to wait");
    }

    #[test]
    fn a_full_buffer_makes_frames_wait_and_catching_up_is_told_once() {
        let mut outbox = Outbox::default();
        outbox.push(&[1]).unwrap();
        assert_eq!(outbox.next(BUFFERED_HIGH_BYTES), None);
        assert!(!outbox.caught_up());
        assert_eq!(outbox.next(0), Some(vec![0, 1]));
        assert!(outbox.caught_up());
        assert!(!outbox.caught_up());
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut outbox = Outbox::default();
        (0..8).for_each(|_| outbox.push(&[0; 1024 * 1024]).unwrap());
        assert_eq!(outbox.push(&[0]), Err(TooSlow));
    }

    #[test]
    fn an_empty_frame_is_a_frame() {
        let mut outbox = Outbox::default();
        outbox.push(&[]).unwrap();
        assert_eq!(outbox.next(0), Some(vec![0]));
        assert_eq!(outbox.next(0), None);
    }
}
