//! The dotted version vector set: the values of one key that nobody has superseded, and the context seen.

use core::fmt;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use smallvec::SmallVec;

use super::vector::deserialize_few;
use super::{Dot, VersionVector};
use crate::id::Laid;
use crate::planted::{Plant, Planted};

/// All concurrent values of one key, each with its dot, and one context that covers everything seen of the key.
///
/// Invariants: every dot is covered by the context; dots are in ascending order and distinct.
/// Empty context: never written. No values under a context: a tombstone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Compact<V>")]
#[serde(bound(deserialize = "V: Deserialize<'de>"))]
pub struct Siblings<V> {
    context: VersionVector,
    /// Most keys have one, which lies here itself.
    values: SmallVec<[(Dot, V); 1]>,
}

impl<V> Siblings<V> {
    /// A key that was never written.
    pub const fn new() -> Siblings<V> {
        Siblings { context: VersionVector::new(), values: SmallVec::new_const() }
    }
}

impl<V> Default for Siblings<V> {
    fn default() -> Self {
        Siblings::new()
    }
}

/// What was received breaks an invariant of [`Siblings`]; it was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SiblingsError;

impl fmt::Display for SiblingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value's dot is out of order or not covered by its context")
    }
}

impl core::error::Error for SiblingsError {}

impl<V: Clone> Siblings<V> {
    /// One value, and nothing else was ever seen.
    pub(crate) fn sole(dot: Dot, value: V) -> Siblings<V> {
        let mut values = SmallVec::new();
        values.push((dot, value));
        Siblings { context: VersionVector::from(dot), values }
    }

    /// The value and its dot, if it is one and nothing else was ever seen.
    pub(crate) fn as_sole(&self) -> Option<(Dot, &V)> {
        match (&self.values[..], self.context.len()) {
            ([(dot, value)], 1) if self.context.counter(&dot.actor) == dot.counter => Some((*dot, value)),
            _ => None,
        }
    }

    /// Everything seen of the key.
    pub fn context(&self) -> &VersionVector {
        &self.context
    }

    /// The values, in the order of their dots: the same on every node.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> {
        self.values.iter().map(|(_, value)| value)
    }

    /// The dots of the values, in ascending order.
    pub fn dots(&self) -> impl ExactSizeIterator<Item = Dot> + '_ {
        self.values.iter().map(|&(dot, _)| dot)
    }

    /// Whether the key was never written, as far as this copy knows.
    pub fn is_unknown(&self) -> bool {
        self.context.is_empty()
    }

    /// Whether the key was written and then deleted.
    pub fn is_tombstone(&self) -> bool {
        self.values.is_empty() && !self.context.is_empty()
    }

    /// Write `value` under a fresh `dot`, superseding exactly what `context` has seen. A value that arrived unseen
    /// stays, as a sibling.
    pub fn put(&mut self, context: &VersionVector, dot: Dot, value: V) {
        assert!(!self.context.covers(&dot) && !context.covers(&dot), "a dot is minted once: {dot:?}");
        self.forget(context);
        self.context.see(dot);
        let place = self.values.partition_point(|(known, _)| *known < dot);
        self.values.insert(place, (dot, value));
    }

    /// Supersede exactly what `context` has seen by nothing, under a fresh `dot`: whoever has seen that dot knows of
    /// the delete. Without one, a copy that still has the value could not be told by its context from one that has not.
    pub fn delete(&mut self, context: &VersionVector, dot: Dot) {
        assert!(!self.context.covers(&dot) && !context.covers(&dot), "a dot is minted once: {dot:?}");
        self.forget(context);
        self.context.see(dot);
    }

    /// Take away the values of these `dots`, in ascending order, and no others, whatever has been seen; and write
    /// `value`, if there is one, under a fresh `dot`. A context could not say this: it covers an actor's dots up to a
    /// number
    /// (Bieniusa, Zawirski, Preguiça, Shapiro, Baquero, Balegas, Duarte, "An Optimized Conflict-free Replicated Set",
    /// 2012, §3: what is removed is what is in the context and no longer among the values).
    pub fn edit(&mut self, dots: &[Dot], dot: Dot, value: Option<V>) {
        assert!(!self.context.covers(&dot), "a dot is minted once: {dot:?}");
        self.values.retain(|(known, _)| dots.binary_search(known).is_err());
        self.context.see(dot);
        if let Some(value) = value {
            let place = self.values.partition_point(|(known, _)| *known < dot);
            self.values.insert(place, (dot, value));
        }
    }

    /// Take in that all of this was seen: values that it covers go.
    pub fn forget(&mut self, context: &VersionVector) {
        self.values.retain(|(dot, _)| !context.covers(dot));
        self.context.merge(context);
    }

    /// Drop the values for which `is_over` holds, as seen: they do not come back by joining with a copy that has them.
    /// Tells whether there were any.
    pub fn drop_where(&mut self, is_over: impl Fn(&V) -> bool) -> bool {
        let before = self.values.len();
        self.values.retain(|(_, value)| !is_over(value));
        self.values.len() < before
    }

    /// Join with another copy: keep a value unless the other side has seen it and dropped it. Commutative, associative,
    /// idempotent. Tells whether anything changed here.
    pub fn sync(&mut self, other: &Siblings<V>) -> bool {
        self.join(other, Planted::default())
    }

    /// [`Siblings::sync`], with the bug that was planted.
    pub(crate) fn join(&mut self, other: &Siblings<V>, planted: Planted) -> bool {
        let before = (self.values.len(), self.context.clone());
        let kept = |side: &Siblings<V>, dot: &Dot| side.values.binary_search_by(|(known, _)| known.cmp(dot)).is_ok();
        self.values.retain(|(dot, _)| !other.context.covers(dot) || kept(other, dot));
        let dropped = self.values.len() < before.0;
        let mut added = false;
        for (dot, value) in &other.values {
            if !self.context.covers(dot) {
                let place = self.values.partition_point(|(known, _)| known < dot);
                self.values.insert(place, (*dot, value.clone()));
                added = true;
            }
        }
        if planted.has(Plant::ContextNotMerged) {
            other.dots().for_each(|dot| self.context.see(dot));
        } else {
            self.context.merge(&other.context);
        }
        if planted.has(Plant::LoseASibling) {
            self.values.drain(..self.values.len().saturating_sub(1));
        }
        dropped || added || self.context != before.1
    }

    /// Whether joining `other` would change nothing here.
    pub fn includes(&self, other: &Siblings<V>) -> bool {
        let kept = |dot: &Dot| other.values.binary_search_by(|(known, _)| known.cmp(dot)).is_ok();
        self.context.descends(&other.context) && self.dots().all(|dot| !other.context.covers(&dot) || kept(&dot))
    }

    /// A copy without the values: enough to tell what one copy would learn from another.
    pub fn outline(&self) -> Siblings<()> {
        self.map(|_| ())
    }

    /// A copy with something else in the place of each value.
    pub(crate) fn map<W>(&self, other: impl Fn(&V) -> W) -> Siblings<W> {
        let values = self.values.iter().map(|(dot, value)| (*dot, other(value))).collect();
        Siblings { context: self.context.clone(), values }
    }

    /// What is known without the values, as bytes: enough to tell versions apart. It is written anew with each change
    /// of a key, so it is put together here: as postcard writes the context and the list of dots, and not a byte at a
    /// time.
    pub(crate) fn shape(&self) -> Laid {
        let mut shape = Laid::new();
        list(&mut shape, self.context.len(), self.context.iter());
        match self.as_sole() {
            // The lists are the same, which is mostly so.
            Some(_) => shape.push_again(),
            None => list(&mut shape, self.values.len(), self.dots()),
        }
        shape
    }
}

fn list(shape: &mut Laid, count: usize, dots: impl Iterator<Item = Dot>) {
    shape.push_varint(count as u64);
    for dot in dots {
        shape.push(dot.actor.node.as_bytes());
        shape.push_varint(dot.actor.epoch);
        shape.push_varint(dot.counter);
    }
}

/// The stored and sent form: a value's actor is its place in the context, for an actor takes 24 bytes and an index one.
#[derive(Deserialize)]
#[serde(bound(deserialize = "V: Deserialize<'de>"))]
struct Compact<V> {
    context: VersionVector,
    #[serde(deserialize_with = "deserialize_few")]
    values: SmallVec<[(u16, u64, V); 1]>,
}

// Written as a `Compact` without making one: nothing is copied but to where it is written.
impl<V: Serialize> Serialize for Siblings<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut compact = serializer.serialize_struct("Compact", 2)?;
        compact.serialize_field("context", &self.context)?;
        compact.serialize_field("values", &CompactValues(self))?;
        compact.end()
    }
}

struct CompactValues<'a, V>(&'a Siblings<V>);

impl<V: Serialize> Serialize for CompactValues<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let index = |dot: &Dot| {
            let place = self.0.context.find(&dot.actor).expect("every dot is covered by the context");
            u16::try_from(place).expect("a version vector has at most 4,096 actors")
        };
        serializer.collect_seq(self.0.values.iter().map(|(dot, value)| (index(dot), dot.counter, value)))
    }
}

impl<V> TryFrom<Compact<V>> for Siblings<V> {
    type Error = SiblingsError;
    fn try_from(compact: Compact<V>) -> Result<Siblings<V>, SiblingsError> {
        let Compact { context, values } = compact;
        let mut dotted = SmallVec::new();
        for (index, counter, value) in values {
            let actor = context.actor_at(usize::from(index)).ok_or(SiblingsError)?;
            dotted.push((Dot { actor, counter }, value));
        }
        let values: SmallVec<[(Dot, V); 1]> = dotted;
        let ordered = values.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let covered = values.iter().all(|(dot, _)| dot.counter > 0 && context.covers(dot));
        if ordered && covered { Ok(Siblings { context, values }) } else { Err(SiblingsError) }
    }
}
