//! Frames in pieces: how a frame of megabytes crosses a channel in messages of at most 16 KiB.
//!
//! Short messages travel best (PLATFORM: browsers agree on no larger size, and a long message on a lane delays what is
//! behind it). A frame that fits one message costs one byte more than itself; a longer one is a *start*, which says how
//! long the whole will be, any number of *continues*, and an *end*. Channels are ordered and reliable, so nothing is
//! numbered. Pure: [`cut`] makes the pieces, an [`Assembler`] puts them together.
//!
//! Invariant: an assembler holds at most one frame, never more bytes than arrived, and never more than
//! [`FRAME_BYTES_MAX`]. Whatever breaks the rules is an error, takes the partial frame with it, and leaves the
//! assembler ready for the next frame.

use std::fmt;

use roundtable_core::wire::FRAME_BYTES_MAX;

/// The longest message, header included.
pub(crate) const CHUNK_BYTES_MAX: usize = 16 * 1024;

const WHOLE: u8 = 0;
const START: u8 = 1;
const CONTINUE: u8 = 2;
const END: u8 = 3;
const START_HEADER_BYTES: usize = 5;

/// Why a message on a channel, and the frame it was a part of, was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkError {
    /// No header, a header of no known kind, or a piece longer than a piece may be.
    Malformed,
    /// The frame would be longer than a frame may be, or longer than it said.
    TooLarge,
    /// A piece that continues or ends a frame that never began, or a beginning within another frame.
    OutOfOrder,
    /// The frame ended before it had as many bytes as it said.
    TooShort,
}

impl fmt::Display for ChunkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ChunkError::Malformed => "the message has no known header or is too long for one piece",
            ChunkError::TooLarge => "the frame is longer than a frame may be, or than it said",
            ChunkError::OutOfOrder => "the piece does not follow from the one before it",
            ChunkError::TooShort => "the frame ended before it was complete",
        })
    }
}

impl std::error::Error for ChunkError {}

/// The message that carries `frame` on from `offset`, and the offset after it. `offset` is less than the frame's
/// length, or the frame is empty.
pub(crate) fn cut(frame: &[u8], offset: usize) -> (Vec<u8>, usize) {
    if offset == 0 && frame.len() < CHUNK_BYTES_MAX {
        return (message(&[WHOLE], frame), frame.len());
    }
    if offset == 0 {
        let end = CHUNK_BYTES_MAX - START_HEADER_BYTES;
        let total = u32::try_from(frame.len()).expect("a frame is far shorter than 4 GiB").to_le_bytes();
        return (message(&[START, total[0], total[1], total[2], total[3]], &frame[..end]), end);
    }
    let end = frame.len().min(offset + CHUNK_BYTES_MAX - 1);
    let kind = if end == frame.len() { END } else { CONTINUE };
    (message(&[kind], &frame[offset..end]), end)
}

/// How long the message is that [`cut`] would make of a frame of this length.
pub(crate) fn piece_bytes(length: usize, offset: usize) -> usize {
    let is_start = offset == 0 && length >= CHUNK_BYTES_MAX;
    if is_start { CHUNK_BYTES_MAX } else { (length - offset + 1).min(CHUNK_BYTES_MAX) }
}

fn message(header: &[u8], body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(header.len() + body.len());
    bytes.extend_from_slice(header);
    bytes.extend_from_slice(body);
    bytes
}

/// Puts the pieces that arrive on one channel together.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    partial: Option<Partial>,
}

#[derive(Debug)]
struct Partial {
    total: usize,
    bytes: Vec<u8>,
}

impl Assembler {
    /// Take one message; a frame if it completed one.
    pub(crate) fn push(&mut self, message: &[u8]) -> Result<Option<Vec<u8>>, ChunkError> {
        let result = self.take(message);
        if result.is_err() {
            self.partial = None;
        }
        result
    }

    fn take(&mut self, message: &[u8]) -> Result<Option<Vec<u8>>, ChunkError> {
        if message.len() > CHUNK_BYTES_MAX {
            return Err(ChunkError::Malformed);
        }
        let (&kind, body) = message.split_first().ok_or(ChunkError::Malformed)?;
        match kind {
            WHOLE if self.partial.is_none() => Ok(Some(body.to_vec())),
            START if self.partial.is_none() => self.start(body).map(|()| None),
            WHOLE | START => Err(ChunkError::OutOfOrder),
            CONTINUE => self.extend(body).map(|()| None),
            END => self.extend(body).and_then(|()| self.finish()).map(Some),
            _ => Err(ChunkError::Malformed),
        }
    }

    fn start(&mut self, body: &[u8]) -> Result<(), ChunkError> {
        let (total, body) = body.split_first_chunk::<4>().ok_or(ChunkError::Malformed)?;
        let total = usize::try_from(u32::from_le_bytes(*total)).map_err(|_| ChunkError::TooLarge)?;
        if total > FRAME_BYTES_MAX {
            return Err(ChunkError::TooLarge);
        }
        self.partial = Some(Partial { total, bytes: Vec::new() });
        self.extend(body)
    }

    fn extend(&mut self, body: &[u8]) -> Result<(), ChunkError> {
        let partial = self.partial.as_mut().ok_or(ChunkError::OutOfOrder)?;
        if partial.bytes.len() + body.len() > partial.total {
            return Err(ChunkError::TooLarge);
        }
        partial.bytes.extend_from_slice(body);
        Ok(())
    }

    fn finish(&mut self) -> Result<Vec<u8>, ChunkError> {
        let partial = self.partial.take().ok_or(ChunkError::OutOfOrder)?;
        if partial.bytes.len() < partial.total { Err(ChunkError::TooShort) } else { Ok(partial.bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(frame: &[u8]) -> Vec<Vec<u8>> {
        let (mut pieces, mut offset) = (Vec::new(), 0);
        loop {
            let (piece, next) = cut(frame, offset);
            assert_eq!(piece.len(), piece_bytes(frame.len(), offset));
            pieces.push(piece);
            offset = next;
            if offset == frame.len() {
                return pieces;
            }
        }
    }

    fn frame(length: usize) -> Vec<u8> {
        (0..length).map(|n| u8::try_from(n % 251).unwrap()).collect()
    }

    #[test]
    fn a_frame_of_any_length_is_put_together_again() {
        let edge = CHUNK_BYTES_MAX;
        for length in [0, 1, edge - 2, edge - 1, edge, edge + 1, 2 * edge, 300 * 1024, FRAME_BYTES_MAX] {
            let (mut assembler, sent) = (Assembler::default(), frame(length));
            let pieces = pieces(&sent);
            assert!(pieces.iter().all(|piece| piece.len() <= CHUNK_BYTES_MAX));
            let (last, before) = pieces.split_last().unwrap();
            before.iter().for_each(|piece| assert_eq!(assembler.push(piece), Ok(None)));
            assert_eq!(assembler.push(last), Ok(Some(sent)), "{length} bytes");
        }
    }

    #[test]
    fn a_short_frame_costs_one_byte() {
        assert_eq!(pieces(&[5; 100])[0].len(), 101);
    }

    #[test]
    fn a_violation_takes_the_partial_frame_with_it_and_the_next_frame_arrives() {
        let long = pieces(&frame(40_000));
        let violations: [(&[u8], ChunkError); 5] = [
            (&[], ChunkError::Malformed),
            (&[9, 9, 9], ChunkError::Malformed),
            (&[0; CHUNK_BYTES_MAX + 1], ChunkError::Malformed),
            (&[WHOLE, 1], ChunkError::OutOfOrder),
            (&[END], ChunkError::TooShort),
        ];
        for (bytes, error) in violations {
            let mut assembler = Assembler::default();
            assert_eq!(assembler.push(&long[0]), Ok(None));
            assert_eq!(assembler.push(bytes), Err(error));
            assert_eq!(assembler.push(&long[1]), Err(ChunkError::OutOfOrder));
            assert_eq!(assembler.push(&[WHOLE, 42]), Ok(Some(vec![42])));
        }
    }

    #[test]
    fn a_frame_may_not_outgrow_the_limit_or_its_own_word() {
        let mut assembler = Assembler::default();
        let huge = u32::try_from(FRAME_BYTES_MAX + 1).unwrap().to_le_bytes();
        assert_eq!(assembler.push(&[START, huge[0], huge[1], huge[2], huge[3]]), Err(ChunkError::TooLarge));
        assert_eq!(assembler.push(&[START, 2, 0, 0, 0, 7]), Ok(None));
        assert_eq!(assembler.push(&[CONTINUE, 7, 7]), Err(ChunkError::TooLarge));
    }

    #[test]
    fn random_garbage_never_panics_and_never_holds_more_than_a_frame() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut assembler = Assembler::default();
        for _ in 0..50_000 {
            let mut bytes: Vec<u8> = (0..random.usize(..64)).map(|_| random.u8(..)).collect();
            if let Some(kind) = bytes.first_mut() {
                *kind %= 6;
            }
            let _ = assembler.push(&bytes);
            assert!(assembler.partial.as_ref().is_none_or(|partial| partial.bytes.len() <= FRAME_BYTES_MAX));
        }
        let _ = assembler.push(&[]);
        assert_eq!(assembler.push(&[WHOLE]), Ok(Some(Vec::new())));
    }

    #[test]
    fn any_frames_cut_one_after_the_other_are_put_together_in_their_order() {
        for seed in 0..300 {
            let mut random = fastrand::Rng::with_seed(seed);
            let sent: Vec<Vec<u8>> = (0..random.usize(1..8))
                .map(|_| {
                    let longest = random.choice([1, 100, CHUNK_BYTES_MAX + 3, 5 * CHUNK_BYTES_MAX]).unwrap();
                    let length = random.usize(..=longest);
                    (0..length).map(|_| random.u8(..)).collect()
                })
                .collect();
            let mut assembler = Assembler::default();
            let arrived: Vec<Vec<u8>> = sent
                .iter()
                .flat_map(|frame| pieces(frame))
                .filter_map(|piece| assembler.push(&piece).expect("what is cut in order fits"))
                .collect();
            assert_eq!(arrived, sent, "seed {seed}");
            assert!(assembler.partial.is_none(), "nothing is held between frames");
        }
    }

    /// A channel that loses, repeats, swaps, cuts off and spoils what it carries.
    fn spoil(pieces: &mut Vec<Vec<u8>>, random: &mut fastrand::Rng) {
        for _ in 0..random.usize(1..6) {
            let (one, other) = (random.usize(..pieces.len()), random.usize(..pieces.len()));
            match random.u8(..5) {
                0 if pieces.len() > 1 => drop(pieces.remove(one)),
                1 => pieces.insert(other, pieces[one].clone()),
                2 => pieces.swap(one, other),
                3 => {
                    let length = random.usize(..=pieces[one].len());
                    pieces[one].truncate(length);
                }
                _ => {
                    if let Some(byte) = pieces[one].get_mut(random.usize(..6)) {
                        *byte = random.u8(..);
                    }
                }
            }
        }
    }

    #[test]
    fn a_channel_that_breaks_its_promises_makes_nobody_panic_hold_too_much_or_miss_the_next_frame() {
        for seed in 0..500 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut stream: Vec<Vec<u8>> =
                (0..4).flat_map(|_| pieces(&frame(random.usize(..4 * CHUNK_BYTES_MAX)))).collect();
            spoil(&mut stream, &mut random);
            let (mut assembler, mut arrived) = (Assembler::default(), 0);
            for piece in &stream {
                arrived += piece.len();
                let _ = assembler.push(piece);
                let held = assembler.partial.as_ref().map_or(0, |partial| partial.bytes.len());
                assert!(held <= arrived.min(FRAME_BYTES_MAX), "seed {seed}: {held} bytes held of {arrived}");
            }
            let _ = assembler.push(&[]);
            assert_eq!(assembler.push(&[WHOLE, 42]), Ok(Some(vec![42])), "seed {seed}");
        }
    }
}
