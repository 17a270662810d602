//! For whom objects are held: hinted handoff (Dynamo §4.6) and the offline outbox, which are one mechanism.
//!
//! A hint says that an object, which lies among this node's objects, has still to reach a node's disk. It names no
//! version: what is handed over is whatever the object has become. A hint *to whom it may concern* is addressed to the
//! present owners as soon as there are any. A hint is dropped only when its addressee has confirmed, or when it is
//! addressed anew.
//!
//! While a request asks the addressee to store the same, the hint rests: sent as well, everything would travel twice.
//! That it rests is known in memory only, so after a restart it is delivered. And while all who are still addressed
//! rest, the row on the disk is not written anew for each of them that confirms: it may name more than are owed, which
//! costs a message after a crash, and never fewer.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::{Op, Table};
use crate::id::{Inserted, Key, NodeId};
use crate::ring::Owners;
use crate::wire::append;

/// For whom one key is held.
#[derive(Debug, Clone, Default)]
struct Held {
    /// In the order of the ids, each with whether it rests.
    owners: SmallVec<[(NodeId, bool); 3]>,
    /// Whether the row on the disk names some who have confirmed since.
    is_stale: bool,
}

impl Held {
    fn names(&self) -> impl ExactSizeIterator<Item = NodeId> + Clone + '_ {
        self.owners.iter().map(|&(owner, _)| owner)
    }

    fn place(&self, owner: NodeId) -> Option<usize> {
        self.owners.iter().position(|&(other, _)| other == owner)
    }

    fn row(&self) -> Vec<u8> {
        let owners: SmallVec<[NodeId; 3]> = self.names().collect();
        append(&owners[..], Vec::with_capacity(2 + owners.len() * size_of::<NodeId>()))
    }
}

/// All hints of one node.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    /// Boxed, for they are large and mostly few: a map's page of them would be.
    by_key: BTreeMap<Key, Box<Held>>,
    /// Those that do not rest.
    by_owner: BTreeMap<NodeId, BTreeSet<Key>>,
    /// How many rest.
    resting: BTreeMap<NodeId, usize>,
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
        let owners = owners.into_iter().map(|owner| (owner, false)).collect();
        self.by_key.insert(key, Box::new(Held { owners, is_stale: false }));
    }

    /// How many there are; one to whom it may concern counts as one.
    pub fn len(&self) -> usize {
        self.by_key.values().map(|held| held.owners.len().max(1)).sum()
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
        self.by_key.get(key).into_iter().flat_map(|held| held.names())
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

    /// For whom anything is held that does not rest, in the order of the ids.
    pub fn owners(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.by_owner.keys().copied()
    }

    /// Whether nothing is held that does not rest.
    pub fn all_rest(&self) -> bool {
        self.by_owner.is_empty()
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
        let Some(held) = self.by_key.get_mut(key) else { return };
        let Some(place) = held.place(owner) else { return };
        if !core::mem::replace(&mut held.owners[place].1, true) {
            unlink(&mut self.by_owner, owner, key);
            *self.resting.entry(owner).or_default() += 1;
        }
    }

    /// Nobody asks the node any more: if it has not confirmed, it is to be sent what is held for it.
    pub fn wake(&mut self, key: &Key, owner: NodeId) {
        let Some(held) = self.by_key.get_mut(key) else { return };
        let Some(place) = held.place(owner) else { return };
        if core::mem::replace(&mut held.owners[place].1, false) {
            let is_stale = core::mem::replace(&mut held.is_stale, false);
            self.by_owner.entry(owner).or_default().insert(key.clone());
            count_down(&mut self.resting, owner);
            if is_stale {
                self.write(key);
            }
        }
    }

    /// Hold a key for exactly these nodes; with none, for whom it may concern. Tells whether that is new.
    pub fn address(&mut self, key: &Key, owners: BTreeSet<NodeId>) -> bool {
        self.address_asked(key, owners.into_iter().collect(), |_| false)
    }

    /// [`Hints::address`], where those of whom `is_asked` holds are being asked to store the same, so that what is new
    /// for them rests from the start.
    pub fn address_asked(&mut self, key: &Key, mut owners: Owners, is_asked: impl Fn(NodeId) -> bool) -> bool {
        owners.sort_unstable();
        owners.dedup();
        let known = self.by_key.get(key);
        if known.is_some_and(|known| known.names().eq(owners.iter().copied())) {
            return false;
        }
        let before = known.map(|known| known.owners.clone()).unwrap_or_default();
        for &(owner, rests) in before.iter().filter(|(owner, _)| !owners.contains(owner)) {
            self.forget(key, owner, rests);
        }
        let mut held = Box::<Held>::default();
        for owner in owners {
            let rests = match before.iter().find(|(known, _)| *known == owner) {
                Some(&(_, rests)) => rests,
                None => {
                    self.added.push(owner);
                    let rests = is_asked(owner);
                    if rests {
                        *self.resting.entry(owner).or_default() += 1;
                    } else {
                        self.by_owner.entry(owner).or_default().insert(key.clone());
                    }
                    rests
                }
            };
            held.owners.push((owner, rests));
        }
        self.by_key.insert(key.clone(), held);
        self.write(key);
        true
    }

    /// Hold a key for one node more. Tells whether that is new.
    pub fn add(&mut self, key: &Key, owner: NodeId) -> bool {
        let mut owners: BTreeSet<NodeId> = self.addressees(key).inserted();
        owners.insert(owner) && self.address(key, owners)
    }

    /// A node has confirmed: no longer hold the key for it. Tells whether it was held.
    pub fn confirm(&mut self, key: &Key, owner: NodeId) -> bool {
        let Some(held) = self.by_key.get_mut(key) else { return false };
        let Some(place) = held.place(owner) else { return false };
        let (_, rests) = held.owners.remove(place);
        let (is_over, all_rest) = (held.owners.is_empty(), held.owners.iter().all(|&(_, rests)| rests));
        held.is_stale = all_rest;
        self.forget(key, owner, rests);
        if is_over {
            self.drop_key(key);
        } else if !all_rest {
            self.write(key);
        }
        true
    }

    /// No longer hold a key for anybody.
    pub fn drop_key(&mut self, key: &Key) {
        if let Some(held) = self.by_key.remove(key) {
            for (owner, rests) in held.owners {
                self.forget(key, owner, rests);
            }
            self.ops.push(Op { table: Table::Hints, key: key.row(), value: None });
        }
    }

    fn forget(&mut self, key: &Key, owner: NodeId, rests: bool) {
        if rests {
            count_down(&mut self.resting, owner);
        } else {
            unlink(&mut self.by_owner, owner, key);
        }
    }

    fn write(&mut self, key: &Key) {
        let value = self.row(key);
        self.ops.push(Op { table: Table::Hints, key: key.row(), value });
    }

    /// The row that the disk should hold for a key.
    pub(super) fn row(&self, key: &Key) -> Option<Vec<u8>> {
        self.by_key.get(key).map(|held| held.row())
    }

    /// For whom hints were added since the last call.
    pub fn take_added(&mut self) -> Vec<NodeId> {
        core::mem::take(&mut self.added)
    }

    /// Move what the disk has to be told to the end of these.
    pub(super) fn hand_over(&mut self, ops: &mut Vec<Op>) {
        ops.append(&mut self.ops);
    }
}

fn count_down(resting: &mut BTreeMap<NodeId, usize>, owner: NodeId) {
    if let Some(count) = resting.get_mut(&owner) {
        *count -= 1;
        if *count == 0 {
            resting.remove(&owner);
        }
    }
}

/// Take a key from those of a node.
fn unlink(keys_of: &mut BTreeMap<NodeId, BTreeSet<Key>>, owner: NodeId, key: &Key) {
    if let Some(keys) = keys_of.get_mut(&owner) {
        keys.remove(key);
        if keys.is_empty() {
            keys_of.remove(&owner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::new("carts", "alice").expect("a short name")
    }

    fn nodes() -> [NodeId; 3] {
        [1, 2, 3].map(|id| NodeId::from_bytes([id; 16]))
    }

    fn rows(hints: &mut Hints) -> Vec<Option<Vec<NodeId>>> {
        let read = |bytes: Vec<u8>| postcard::from_bytes(&bytes).expect("a row");
        core::mem::take(&mut hints.ops).into_iter().map(|op| op.value.map(read)).collect()
    }

    #[test]
    fn while_all_who_are_addressed_are_asked_the_disk_hears_of_the_first_and_of_the_last() {
        let ([a, b, c], mut hints) = (nodes(), Hints::default());
        hints.address_asked(&key(), [a, b, c].into_iter().collect(), |_| true);
        assert!(!hints.any_for(a) && hints.is_owed(a));
        for owner in [b, a, c] {
            assert!(hints.confirm(&key(), owner) && !hints.confirm(&key(), owner));
        }
        assert_eq!(rows(&mut hints), [Some([a, b, c].to_vec()), None]);
        assert!(hints.is_empty() && !hints.is_owed(a) && !hints.is_owed(b) && !hints.is_owed(c));
    }

    #[test]
    fn who_is_asked_no_longer_is_all_that_the_row_names() {
        let ([a, b, c], mut hints) = (nodes(), Hints::default());
        hints.address_asked(&key(), [a, b, c].into_iter().collect(), |owner| owner != c);
        assert!(hints.any_for(c));
        hints.confirm(&key(), c);
        hints.confirm(&key(), a);
        hints.wake(&key(), b);
        assert!(hints.any_for(b));
        assert_eq!(rows(&mut hints), [Some([a, b, c].to_vec()), Some([b].to_vec())]);
    }
}
