//! How values of one type become bytes, and how siblings of one type become one value.
//!
//! So far there is one type, the register: its siblings are shown to the application, which merges them as it likes.

mod hlc;
mod value;
mod version;

pub use hlc::Stamp;
pub use value::{DEPTH_MAX, Value, ValueError};
pub use version::{Object, Payload, Version};
