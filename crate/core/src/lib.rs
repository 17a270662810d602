//! The peer of Roundtable as a pure state machine: no I/O, no clock, no randomness of its own, no threads, no async.
//!
//! A driver (the browser crate, the simulator, your own program) feeds a [`node::Node`] with inputs and drains its
//! outputs. Modules are listed lowest first; each may use only those above it, and a test in this crate enforces it.

pub mod wire;
