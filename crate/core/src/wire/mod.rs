//! Frames: what bytes are acceptable.

pub mod rendezvous;
