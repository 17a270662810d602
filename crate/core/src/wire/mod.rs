//! Frames: what bytes are acceptable.

pub mod rendezvous;
pub mod signal;

/// Why a frame was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WireError {
    /// Longer than a frame may be.
    TooLarge,
    /// Of a version that this build does not speak.
    Version,
    /// Meant for another room.
    Room,
    /// Empty, truncated, with bytes left over, or holding what must not be there.
    Malformed,
}
