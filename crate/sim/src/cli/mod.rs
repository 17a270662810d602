//! What the commands have in common. Each command is a file: its arguments, and what it prints.

pub(crate) mod measure;
pub(crate) mod plants;
pub(crate) mod replay;
pub(crate) mod soak;

use std::ops::Range;

/// Read `3..16`.
pub(crate) fn range<T: std::str::FromStr>(text: &str) -> Result<Range<T>, String> {
    let parts = text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    parts.ok_or_else(|| format!("{text:?} is not a range; write it as 3..16"))
}
