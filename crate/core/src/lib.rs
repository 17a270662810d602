//! The peer of Roundtable as a pure state machine: no I/O, no clock, no randomness of its own, no threads, no async.
//!
//! A driver (the browser crate, the simulator, your own program) feeds a [`node::Node`] with inputs and drains its
//! outputs; same seed and same inputs give the same outputs, byte for byte, natively and in wasm.
//!
//! Modules are listed lowest first; each may use only those above it, and a test in this crate enforces it.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod id;
pub mod time;

pub mod planted;

pub mod marks;

pub mod clock;

pub mod datatype;

pub mod wire;

pub mod membership;

pub mod ring;

pub mod store;

pub mod coordinator;

pub mod handoff;

pub mod repair;

pub mod overlay;

pub mod node;
