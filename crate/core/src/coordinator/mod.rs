//! A put or a get in flight.
mod request;
pub use request::*;
