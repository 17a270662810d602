//! How values of one type become bytes, and later how siblings of one type become one value.
//!
//! So far there is one type, the register: its siblings are shown to the application, which merges them as it likes.

mod value;

pub use value::{DEPTH_MAX, Value, ValueError};
