//! What supersedes what: dotted version vectors (Preguiça, Baquero, Almeida, Fonte, Gonçalves, "Brief Announcement:
//! Efficient Causality Tracking in Distributed Storage Systems with Dotted Version Vectors", PODC 2012; the set form is
//! Almeida et al., "Scalable and Accurate Causality Tracking for Eventually Consistent Stores", DAIS 2014).
//!
//! Each write is named by a [`Dot`]: the actor that minted it and that actor's counter. A [`VersionVector`] says, per
//! actor, up to which counter the dots *of one key* have been seen. [`Siblings`] keeps the values nobody has
//! superseded, each with its dot, and one context that covers everything ever seen of the key. Two copies are joined by
//! one rule:
//! *keep a value unless the other side has seen its dot and no longer has it.*
//!
//! The invariant that all else leans on: a vector covers a dot exactly when the write behind it was truly seen. It
//! holds only while no dot is used twice, which is why an actor is a node *and an epoch* (see `id::Actor`): counters
//! run per actor over all keys, gaps are harmless, and a node that cannot be sure of its counter begins a new epoch.
//!
//! It is not a lattice of values: what siblings mean is the application's business, or a data type's.

mod entries;
mod siblings;
mod vector;

pub use siblings::{Siblings, SiblingsError};
pub use vector::{ACTORS_MAX, ContextError, VersionVector};

use serde::{Deserialize, Serialize};

use crate::id::Actor;

/// The name of one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Dot {
    /// Who minted it.
    pub actor: Actor,
    /// The actor's counter, from 1.
    pub counter: u64,
}

/// What a read or a write has seen of one key: hand it to the write that is to supersede that.
pub type Context = VersionVector;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
