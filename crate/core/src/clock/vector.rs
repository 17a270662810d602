//! The version vector: up to which counter the dots of each actor have been seen, for one key.

use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::Dot;
use crate::id::Actor;

/// More actors than this have never written one key; a longer vector is refused when it is read, so none must come to
/// be.
pub const ACTORS_MAX: usize = 4096;

/// Counters by actor, in the order of the actors; no counter is zero.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<(Actor, u64)>", into = "Vec<(Actor, u64)>")]
pub struct VersionVector {
    entries: Vec<(Actor, u64)>,
}

/// Make room for one more. Most keys have one value of one actor, and a `Vec` makes room for four at first.
pub(super) fn grow<T>(entries: &mut Vec<T>) {
    if entries.len() < 4 {
        entries.reserve_exact(1);
    }
}

/// The bytes are not a version vector: truncated, out of order, with a zero counter, or of over 4,096 actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextError;

impl fmt::Display for ContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a context: hand back exactly what a read or a receipt gave")
    }
}

impl core::error::Error for ContextError {}

impl VersionVector {
    /// A vector that has seen nothing.
    pub const fn new() -> VersionVector {
        VersionVector { entries: Vec::new() }
    }

    /// Up to which of this actor's dots have been seen; zero for none.
    pub fn counter(&self, actor: &Actor) -> u64 {
        self.find(actor).map_or(0, |index| self.entries[index].1)
    }

    /// Whether this dot has been seen.
    pub fn covers(&self, dot: &Dot) -> bool {
        self.counter(&dot.actor) >= dot.counter
    }

    /// Whether all that `other` has seen has been seen here.
    pub fn descends(&self, other: &VersionVector) -> bool {
        other.entries.iter().all(|&(actor, counter)| self.counter(&actor) >= counter)
    }

    /// How many actors either has seen.
    pub fn union_len(&self, other: &VersionVector) -> usize {
        self.len() + other.entries.iter().filter(|(actor, _)| self.find(actor).is_err()).count()
    }

    /// Whether nothing has been seen.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many actors have been seen.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Actors and counters, in the order of the actors.
    pub fn iter(&self) -> impl Iterator<Item = Dot> + '_ {
        self.entries.iter().map(|&(actor, counter)| Dot { actor, counter })
    }

    /// See this dot, and with it all earlier ones of its actor.
    pub fn see(&mut self, dot: Dot) {
        if dot.counter == 0 {
            return;
        }
        match self.find(&dot.actor) {
            Ok(index) => self.entries[index].1 = self.entries[index].1.max(dot.counter),
            Err(index) => {
                grow(&mut self.entries);
                self.entries.insert(index, (dot.actor, dot.counter));
            }
        }
    }

    /// See all that `other` has seen: the pointwise maximum.
    pub fn merge(&mut self, other: &VersionVector) {
        other.iter().for_each(|dot| self.see(dot));
    }

    /// The bytes an application keeps and hands back.
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("a version vector always serialises to a Vec")
    }

    /// Read back what [`VersionVector::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<VersionVector, ContextError> {
        match postcard::take_from_bytes(bytes) {
            Ok((vector, [])) => Ok(vector),
            _ => Err(ContextError),
        }
    }

    /// Where an actor stands in the order, or where it would be inserted.
    pub(super) fn find(&self, actor: &Actor) -> Result<usize, usize> {
        self.entries.binary_search_by(|(known, _)| known.cmp(actor))
    }

    /// The actor at a place of the order.
    pub(super) fn actor_at(&self, index: usize) -> Option<Actor> {
        self.entries.get(index).map(|&(actor, _)| actor)
    }
}

impl TryFrom<Vec<(Actor, u64)>> for VersionVector {
    type Error = ContextError;
    fn try_from(entries: Vec<(Actor, u64)>) -> Result<VersionVector, ContextError> {
        let ordered = entries.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if ordered && entries.len() <= ACTORS_MAX && entries.iter().all(|&(_, counter)| counter > 0) {
            Ok(VersionVector { entries })
        } else {
            Err(ContextError)
        }
    }
}

impl From<VersionVector> for Vec<(Actor, u64)> {
    fn from(vector: VersionVector) -> Vec<(Actor, u64)> {
        vector.entries
    }
}

impl FromIterator<Dot> for VersionVector {
    fn from_iter<I: IntoIterator<Item = Dot>>(dots: I) -> VersionVector {
        let mut vector = VersionVector::new();
        dots.into_iter().for_each(|dot| vector.see(dot));
        vector
    }
}
