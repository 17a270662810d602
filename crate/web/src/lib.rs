//! The peer of Roundtable in a browser tab: it drives a `roundtable_core::node::Node` with what a page has to offer.
//!
//! The core decides everything and touches nothing. Here is what it does not do: `network` opens data channels and
//! carries frames, `storage` makes batches durable, `slot` finds out who this tab is, `peer` turns the crank, and `api`
//! is the face that the npm package shows to TypeScript. Nothing here interprets a frame, a clock or a record.

pub mod api;
pub mod host;
pub mod network;
pub mod peer;
pub mod slot;
pub mod storage;
mod turn;
