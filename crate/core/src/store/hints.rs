//! For whom objects are held: hinted handoff (Dynamo §4.6) and the offline outbox, which are one mechanism.
//!
//! A hint says that an object, which lies among this node's objects, has still to reach a node's disk. It names no
//! version: what is handed over is whatever the object has become. A hint *to whom it may concern* is addressed to the
//! present owners as soon as there are any. A hint is dropped only when its addressee has confirmed, or when it is
//! addressed anew.
//!
//! While a request asks the addressee to store the same, the hint rests: sent as well, everything would travel twice.
//! That it rests is known in memory only, so after a restart it is delivered.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{Op, Table};
use crate::id::{Key, NodeId};

/// All hints of one node.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    by_key: BTreeMap<Key, BTreeSet<NodeId>>,
    /// Those that do not rest.
    by_owner: BTreeMap<NodeId, BTreeSet<Key>>,
    /// Those that rest.
    resting: BTreeMap<NodeId, BTreeSet<Key>>,
    ops: Vec<Op>,
    added: Vec<NodeId>,
}

impl Hints {
    /// Restore one row of the disk. What cannot be read is held for whom it may concern: the object is there all the
    /// same.
    pub(super) fn restore(&mut self, key: Key, row: &[u8]) {
        let owners: BTreeSet<NodeId> = postcard::from_bytes(row).unwrap_or_default();
        for &owner in &owners {
            self.by_owner.entry(owner).or_default().insert(key.clone());
        }
        self.by_key.entry(key).or_default().extend(owners);
    }

    /// How many there are; one to whom it may concern counts as one.
    pub fn len(&self) -> usize {
        self.by_key.values().map(|owners| owners.len().max(1)).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// The keys that are held for anybody.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.by_key.keys()
    }

    /// For whom a key is held.
    pub fn addressees(&self, key: &Key) -> impl Iterator<Item = NodeId> + '_ {
        self.by_key.get(key).into_iter().flatten().copied()
    }

    /// Whether a key is held for anybody.
    pub fn contains(&self, key: &Key) -> bool {
        self.by_key.contains_key(key)
    }

    /// The keys that are held for a node and do not rest, in order, after `after`.
    pub fn held_for(&self, owner: NodeId, after: Option<&Key>) -> impl Iterator<Item = &Key> {
        use core::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        self.by_owner.get(&owner).into_iter().flat_map(move |keys| keys.range((from, Unbounded)))
    }

    /// Whether anything is held for a node that does not rest.
    pub fn any_for(&self, owner: NodeId) -> bool {
        self.by_owner.contains_key(&owner)
    }

    /// Whether anything at all is held for a node.
    pub fn is_owed(&self, owner: NodeId) -> bool {
        self.any_for(owner) || self.resting.contains_key(&owner)
    }

    /// The node is being asked to store this: what is held for it rests.
    pub fn rest(&mut self, key: &Key, owner: NodeId) {
        if self.by_key.get(key).is_some_and(|owners| owners.contains(&owner)) {
            unlink(&mut self.by_owner, owner, key);
            self.resting.entry(owner).or_default().insert(key.clone());
        }
    }

    /// Nobody asks the node any more: if it has not confirmed, it is to be sent what is held for it.
    pub fn wake(&mut self, key: &Key, owner: NodeId) {
        if unlink(&mut self.resting, owner, key) {
            self.by_owner.entry(owner).or_default().insert(key.clone());
        }
    }

    /// Hold a key for exactly these nodes; with none, for whom it may concern. Tells whether that is new.
    pub fn address(&mut self, key: &Key, owners: BTreeSet<NodeId>) -> bool {
        if self.by_key.get(key) == Some(&owners) {
            return false;
        }
        let known = self.by_key.get(key);
        for &owner in known.into_iter().flatten().filter(|owner| !owners.contains(owner)) {
            unlink(&mut self.by_owner, owner, key);
            unlink(&mut self.resting, owner, key);
        }
        for &owner in owners.iter().filter(|owner| known.is_none_or(|known| !known.contains(owner))) {
            self.added.push(owner);
            self.by_owner.entry(owner).or_default().insert(key.clone());
        }
        self.ops.push(Op { table: Table::Hints, key: key.as_bytes().to_vec(), value: Some(row(&owners)) });
        self.by_key.insert(key.clone(), owners);
        true
    }

    /// Hold a key for one node more. Tells whether that is new.
    pub fn add(&mut self, key: &Key, owner: NodeId) -> bool {
        let mut owners = self.by_key.get(key).cloned().unwrap_or_default();
        owners.insert(owner) && self.address(key, owners)
    }

    /// A node has confirmed: no longer hold the key for it. Tells whether it was held.
    pub fn confirm(&mut self, key: &Key, owner: NodeId) -> bool {
        let Some(mut owners) = self.by_key.get(key).cloned() else { return false };
        if !owners.remove(&owner) {
            return false;
        }
        if owners.is_empty() {
            self.drop_key(key);
        } else {
            self.address(key, owners);
        }
        true
    }

    /// No longer hold a key for anybody.
    pub fn drop_key(&mut self, key: &Key) {
        if let Some(owners) = self.by_key.remove(key) {
            for owner in owners {
                unlink(&mut self.by_owner, owner, key);
                unlink(&mut self.resting, owner, key);
            }
            self.ops.push(Op { table: Table::Hints, key: key.as_bytes().to_vec(), value: None });
        }
    }

    /// The row that the disk should hold for a key.
    pub(super) fn row(&self, key: &Key) -> Option<Vec<u8>> {
        self.by_key.get(key).map(row)
    }

    /// For whom hints were added since the last call.
    pub fn take_added(&mut self) -> Vec<NodeId> {
        core::mem::take(&mut self.added)
    }

    pub(super) fn take_ops(&mut self) -> Vec<Op> {
        core::mem::take(&mut self.ops)
    }
}

/// Take a key from those of a node. Tells whether it was there.
fn unlink(keys_of: &mut BTreeMap<NodeId, BTreeSet<Key>>, owner: NodeId, key: &Key) -> bool {
    let Some(keys) = keys_of.get_mut(&owner) else { return false };
    let was_there = keys.remove(key);
    if keys.is_empty() {
        keys_of.remove(&owner);
    }
    was_there
}

fn row(owners: &BTreeSet<NodeId>) -> Vec<u8> {
    postcard::to_allocvec(owners).expect("a set of ids always serialises to a Vec")
}
