//! What a change did to a key, as far as anybody is told.

use crate::datatype::{Object, Part};

/// How many values there are that had not seen each other. Parts of a value are no rivals.
pub(super) fn rivals(object: &Object) -> usize {
    object.values().filter(|version| version.part == Part::Whole).count()
}

/// What a change did to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// How many values there were, parts of values not counted.
    pub before: usize,
    /// How many there are.
    pub after: usize,
}
