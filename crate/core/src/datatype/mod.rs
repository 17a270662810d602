//! How values of one type become bytes, what is said of them, and how siblings of one type become what is shown.
//!
//! - `value`: the canonical bytes of a value.
//! - `version`: a value with its expiry and its stamp.
//! - `hlc`: the clock that makes stamps.
//! - `law`: what is shown of siblings. So far there are two types, the register and the last-write-wins register.

mod hlc;
mod law;
mod value;
mod version;

pub use hlc::{HybridClock, SKEW_MS_MAX, Stamp};
pub use law::{DataType, Merged, lives, merged};
pub use value::{DEPTH_MAX, Value, ValueError};
pub use version::{Object, Payload, Version};
