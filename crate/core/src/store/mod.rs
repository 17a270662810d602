//! What this node holds.
mod batch;
pub use batch::*;
