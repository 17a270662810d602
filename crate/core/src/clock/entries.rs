//! What a version vector consists of, in as little as it needs.
//!
//! Most keys are written by one actor: its counter lies in the vector itself. Where there are more, copies share them.
//! A context is copied with every read, every write and every frame that tells of it, and mostly not changed after;
//! who changes one that is shared makes its own first.
//!
//! Invariant: those of two or more lie apart, and no fewer do.

use alloc::sync::Arc;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::iter;
use core::ops::Deref;
use core::slice;

use crate::id::Actor;

/// A counter of an actor.
pub(super) type Entry = (Actor, u64);

/// Counters in the order of their actors: a slice of them.
#[derive(Clone, Default)]
pub(super) enum Entries {
    #[default]
    None,
    One(Entry),
    Many(Arc<[Entry]>),
}

impl Entries {
    /// All of them, to be changed where they are.
    pub(super) fn as_mut(&mut self) -> &mut [Entry] {
        match self {
            Entries::None => &mut [],
            Entries::One(entry) => slice::from_mut(entry),
            Entries::Many(entries) => Arc::make_mut(entries),
        }
    }

    /// Put one in before the one at this index.
    pub(super) fn insert(&mut self, index: usize, entry: Entry) {
        let (before, after) = self.split_at(index);
        *self = if self.is_empty() {
            Entries::One(entry)
        } else {
            Entries::Many(before.iter().chain(iter::once(&entry)).chain(after).copied().collect())
        };
    }
}

impl From<&[Entry]> for Entries {
    fn from(entries: &[Entry]) -> Entries {
        match entries {
            [] => Entries::None,
            [entry] => Entries::One(*entry),
            many => Entries::Many(many.into()),
        }
    }
}

impl Deref for Entries {
    type Target = [Entry];

    fn deref(&self) -> &[Entry] {
        match self {
            Entries::None => &[],
            Entries::One(entry) => slice::from_ref(entry),
            Entries::Many(entries) => entries,
        }
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl PartialEq for Entries {
    fn eq(&self, other: &Entries) -> bool {
        **self == **other
    }
}

impl Eq for Entries {}

impl PartialOrd for Entries {
    fn partial_cmp(&self, other: &Entries) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entries {
    fn cmp(&self, other: &Entries) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for Entries {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}
