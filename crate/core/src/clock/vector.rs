//! The version vector: up to which counter the dots of each actor have been seen, for one key.

use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use super::Dot;
use super::entries::{Entries, Entry};
use crate::id::Actor;

/// More actors than this have never written one key; a longer vector is refused when it is read, so none must come to
/// be.
pub const ACTORS_MAX: usize = 4096;

/// Of so many actors each is looked for by itself when two vectors are merged.
const FEW: usize = 4;

/// Counters by actor, in the order of the actors; no counter is zero.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct VersionVector {
    entries: Entries,
}

impl From<Dot> for VersionVector {
    /// A vector that has seen this dot, and with it all earlier ones of its actor.
    fn from(dot: Dot) -> VersionVector {
        let mut vector = VersionVector::new();
        vector.see(dot);
        vector
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
        VersionVector { entries: Entries::None }
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
        self.beside(other).all(|(own, dot)| own.is_some_and(|own| own >= dot.counter))
    }

    /// How many actors either has seen.
    pub fn union_len(&self, other: &VersionVector) -> usize {
        self.len() + self.beside(other).filter(|(own, _)| own.is_none()).count()
    }

    /// What another vector has seen, in order, each beside the counter of the same actor here. Both are in the order of
    /// the actors, so they are gone through once, side by side.
    fn beside<'a>(&'a self, other: &'a VersionVector) -> impl Iterator<Item = (Option<u64>, Dot)> + 'a {
        let mut rest = &self.entries[..];
        other.iter().map(move |dot| {
            let before = rest.iter().position(|(actor, _)| *actor >= dot.actor).unwrap_or(rest.len());
            rest = &rest[before..];
            (rest.first().filter(|(actor, _)| *actor == dot.actor).map(|&(_, counter)| counter), dot)
        })
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
            Ok(index) if self.entries[index].1 >= dot.counter => {}
            Ok(index) => self.entries.as_mut()[index].1 = dot.counter,
            Err(index) => self.entries.insert(index, (dot.actor, dot.counter)),
        }
    }

    /// See all that `other` has seen: the pointwise maximum.
    pub fn merge(&mut self, other: &VersionVector) {
        if self.is_empty() {
            self.entries = other.entries.clone();
            return;
        }
        if other.len() <= FEW {
            return other.iter().for_each(|dot| self.see(dot));
        }
        if self.descends(other) {
            return;
        }
        if other.descends(self) {
            self.entries = other.entries.clone();
            return;
        }
        let mut merged = Vec::with_capacity(self.union_len(other));
        let mut own = self.entries.iter().copied().peekable();
        for &(actor, counter) in &*other.entries {
            while let Some(before) = own.next_if(|known| known.0 < actor) {
                merged.push(before);
            }
            let known = own.next_if(|known| known.0 == actor).map_or(0, |known| known.1);
            merged.push((actor, counter.max(known)));
        }
        merged.extend(own);
        self.entries = merged[..].into();
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

impl VersionVector {
    fn of(entries: &[Entry]) -> Result<VersionVector, ContextError> {
        let ordered = entries.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if ordered && entries.len() <= ACTORS_MAX && entries.iter().all(|&(_, counter)| counter > 0) {
            Ok(VersionVector { entries: entries.into() })
        } else {
            Err(ContextError)
        }
    }
}

impl<'de> Deserialize<'de> for VersionVector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<VersionVector, D::Error> {
        VersionVector::of(&deserialize_few(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Read a sequence that mostly has one item. Room is made as items come: what is said of their number is not believed.
pub(super) fn deserialize_few<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<SmallVec<[T; 1]>, D::Error> {
    struct Few<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Few<T> {
        type Value = SmallVec<[T; 1]>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a sequence")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut few = SmallVec::new();
            while let Some(item) = items.next_element()? {
                few.push(item);
            }
            Ok(few)
        }
    }

    deserializer.deserialize_seq(Few(PhantomData))
}

impl Serialize for VersionVector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&*self.entries)
    }
}

impl FromIterator<Dot> for VersionVector {
    fn from_iter<I: IntoIterator<Item = Dot>>(dots: I) -> VersionVector {
        let mut vector = VersionVector::new();
        dots.into_iter().for_each(|dot| vector.see(dot));
        vector
    }
}
