//! What an application does to a counter, a set or a map: which versions of the object go, and which one comes.
//!
//! All three are states of one kind: versions under dots, and a context that remembers those that went (Almeida,
//! Shoker, Baquero, "Delta State Replicated Data Types", 2018, §7: the dot store). So they are joined by
//! [`Siblings::sync`](crate::clock::Siblings::sync) as everything else is: commutative, associative, idempotent; no
//! replica looks inside. An edit is made at one node, on what that node holds, under a fresh dot, and takes away
//! exactly the versions that it names, for a context cannot name one of an actor's dots without those before it.
//!
//! - *Counter*: one version a writer, with the sum of what it has added. A writer takes its own last version away and
//!   writes the new sum; nobody else's, or two would do so at once and count it twice. What was written under an
//!   earlier epoch of the same node is another's: that node's disk may have been rolled back to before it went on from
//!   there.
//! - *Set*: one version an item. Adding takes away those of the same item that are held; removing takes away those that
//!   were seen, and so an add that the remover had not seen wins.
//! - *Map*: one version a field, with the stamp of a hybrid clock; setting takes away those of the same field that are
//!   held. Of versions that had not seen each other the latest is shown.
//!
//! Invariants: after an edit its node holds at most one version of the item or field; and of its own actor at most one
//! amount that does not expire. So an object grows with its items, its fields or its writers, and not with the edits; a
//! counter of more than 4,095 writers takes no more of them.
//!
//! A limit: what deletes a counter while a writer adds to it that has not seen the delete takes away what it has seen,
//! and that writer's sum, which is new, stays whole.

use alloc::string::String;
use alloc::vec::Vec;

use super::value::{Value, decode_field, encode_field, is_inner};
use super::{DataType, Object, Part, Payload, Version};
use crate::clock::{Dot, VersionVector};
use crate::id::Actor;

/// One edit. Items and values come as canonical bytes.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// Add to a counter: any finite number. Integers are exact up to 2^53.
    Add(f64),
    /// Add an item to a set.
    Insert(Payload),
    /// Take an item out of a set.
    Remove(Payload),
    /// Set a field of a map.
    Set {
        /// Its name.
        field: String,
        /// What it is to hold.
        value: Payload,
    },
    /// Take a field out of a map.
    Unset {
        /// Its name.
        field: String,
    },
}

/// What an edit does to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The versions that go, in ascending order.
    pub gone: Vec<Dot>,
    /// The payload that comes.
    pub comes: Option<Payload>,
}

/// Why an edit cannot be made. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditError {
    /// The key holds something of another type.
    OtherType,
    /// An item or value nests too deep to lie in a list, or is none; or a sum is beyond what a number can be.
    Value,
}

impl Edit {
    /// Of which type an object is that it can be done to.
    pub fn datatype(&self) -> DataType {
        match self {
            Edit::Add(_) => DataType::Counter,
            Edit::Insert(_) | Edit::Remove(_) => DataType::Set,
            Edit::Set { .. } | Edit::Unset { .. } => DataType::Map,
        }
    }

    /// Whether it only takes something away. It must have seen what that is.
    pub fn is_removal(&self) -> bool {
        matches!(self, Edit::Remove(_) | Edit::Unset { .. })
    }

    /// What its version is a part of.
    pub fn part(&self) -> Part {
        match self.datatype() {
            DataType::Counter => Part::Amount,
            DataType::Set => Part::Item,
            DataType::Map => Part::Field,
            DataType::Register | DataType::LastWriteWins => Part::Whole,
        }
    }

    /// What it would do to `object` if `actor` made it. A removal takes away what is held and `seen` covers; `None`:
    /// all that is held. An amount that `expires` stays apart from those that do not.
    pub fn change(
        &self,
        object: &Object,
        actor: Actor,
        seen: Option<&VersionVector>,
        expires: bool,
    ) -> Result<Change, EditError> {
        if object.values().any(|version| version.datatype() != self.datatype()) {
            return Err(EditError::OtherType);
        }
        let held = || object.dots().zip(object.values());
        let dots = |is_it: &dyn Fn(&Dot, &Version) -> bool| -> Vec<Dot> {
            held().filter(|(dot, version)| is_it(dot, version)).map(|(dot, _)| dot).collect()
        };
        let was_seen = |dot: &Dot| seen.is_none_or(|seen| seen.covers(dot));
        let is_field =
            |version: &Version, field: &str| decode_field(&version.payload).is_some_and(|(name, _)| name == field);
        match self {
            Edit::Add(by) => {
                let is_own = |dot: &Dot, version: &Version| dot.actor == actor && version.expires.is_none() && !expires;
                let own = held().filter(|(dot, version)| is_own(dot, version));
                let sum = own.fold(*by, |sum, (_, version)| sum + amount(&version.payload));
                let comes = sum.is_finite().then(|| Value::Number(sum).encode().into()).ok_or(EditError::Value)?;
                Ok(Change { gone: dots(&is_own), comes: Some(comes) })
            }
            Edit::Insert(item) if !is_inner(item) => Err(EditError::Value),
            Edit::Insert(item) => {
                Ok(Change { gone: dots(&|_, version| version.payload == *item), comes: Some(item.clone()) })
            }
            Edit::Remove(item) => {
                Ok(Change { gone: dots(&|dot, version| version.payload == *item && was_seen(dot)), comes: None })
            }
            Edit::Set { value, .. } if !is_inner(value) => Err(EditError::Value),
            Edit::Set { field, value } => {
                let mut comes = Vec::new();
                encode_field(field, value, &mut comes);
                Ok(Change { gone: dots(&|_, version| is_field(version, field)), comes: Some(comes.into()) })
            }
            Edit::Unset { field } => {
                Ok(Change { gone: dots(&|dot, version| is_field(version, field) && was_seen(dot)), comes: None })
            }
        }
    }
}

/// What a version adds to its counter. What is no number adds nothing.
pub(super) fn amount(payload: &[u8]) -> f64 {
    match Value::decode(payload) {
        Ok(Value::Number(number)) => number,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests;
