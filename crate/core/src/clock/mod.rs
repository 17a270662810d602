//! Dotted version vectors.
use alloc::vec::Vec;

/// What a read or a write has seen of one key: opaque bytes that may be stored and sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context(pub Vec<u8>);
