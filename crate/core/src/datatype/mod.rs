//! How values of one type become bytes, what is said of them, and how siblings of one type become what is shown.
//!
//! - `value`: the canonical bytes of a value.
//! - `version`: a value, or a part of one, with its expiry and its stamp.
//! - `hlc`: the clock that makes stamps.
//! - `edit`: what an application does to a counter, a set or a map, as versions that go and one that comes.
//! - `law`: what is shown of siblings.

mod edit;
mod hlc;
mod law;
mod value;
mod version;

pub use edit::{Change, Edit, EditError};
pub use hlc::{HybridClock, SKEW_MS_MAX, Stamp};
pub use law::{DataType, Merged, lives, merged};
pub use value::{DEPTH_MAX, Value, ValueError};
pub use version::{Object, Part, Payload, Version};
