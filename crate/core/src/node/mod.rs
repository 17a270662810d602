//! Composition only: routes inputs to the modules and drains their outputs.

use alloc::vec::Vec;

mod contract;
mod view;

pub use contract::*;
pub use view::*;

use crate::store::Restored;
use crate::time::Instant;

/// Limits on whatever others can make grow.
#[derive(Debug, Clone, Default)]
pub struct Limits {}

/// One peer.
#[derive(Debug, Clone)]
pub struct Node {
    config: Config,
    outputs: Vec<Output>,
}

impl Node {
    /// placeholder
    pub fn new(config: Config, _restored: Restored, _seed: u64, _now: Instant) -> Node {
        Node { config, outputs: Vec::new() }
    }
    /// placeholder
    pub fn handle_input(&mut self, _now: Instant, _input: Input) {}
    /// placeholder
    pub fn handle_timeout(&mut self, _now: Instant) {}
    /// placeholder
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop()
    }
    /// placeholder
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }
    /// placeholder
    pub fn view(&self) -> View<'_> {
        View { node: self }
    }
}
