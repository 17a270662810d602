//! When a copy of what others own (`store`, copies) becomes what this node holds, or goes.
//!
//! *What this node no longer owns* and its user has pinned gets a copy at once, so that it need not come again from
//! those who own it now, and can be let go like any stray.
//!
//! *What this node has come to own* is there twice, once its arc has arrived and the ring has been quiet: the copy
//! goes. If the arc came without it, whoever had it is gone, and this copy may be the last: then it is joined with
//! what is held, and the other owners get it by comparison, as from any owner. But not if it was not compared with its
//! owners for half the horizon: they may have reaped its delete since; such a copy goes, once everybody who is known
//! is here and does not have it.
//!
//! *What the first owner knows nothing of*, not even a reaped tombstone, goes too, once everybody is here. Until then
//! some node that is away may hold it, and the user keeps it. *Of which it knows less*, this copy may have been told
//! by others sooner, or the owners have lost something with their disks: it stays. Not if it slept for half the
//! horizon, as above; then the owner's version takes its place.
//!
//! Invariant: nothing that others may have reaped is joined with what this node holds.

use crate::coordinator::Surroundings;
use crate::id::{Key, NodeId};
use crate::marks::Mark;
use crate::planted::Plant;
use crate::ring::RangeSet;
use crate::time::{MINUTE_MS, Millis};
use crate::wire::{Message, Object, Purpose};

/// What is held and pinned here, and owned by others: its copy follows it.
pub fn follow_strays(near: &mut Surroundings<'_>) {
    if !near.store.wants_any() {
        return;
    }
    let strayed = RangeSet::full().difference(&near.ring.arcs_of(near.me));
    let items = near.store.items(&strayed).map(|(_, key, _)| key);
    let keys: alloc::vec::Vec<Key> = items.filter(|key| near.store.wants(key)).cloned().collect();
    keys.iter().for_each(|key| near.store.follow(key));
}

/// The ring has been quiet for a while: copies of what this node owns become what it holds, or go. Alone it owns
/// everything for want of others, and nobody needs to have it from here.
pub(super) fn settle(near: &mut Surroundings<'_>, horizon_ms: Millis) {
    if near.store.copy_counts().0 == 0 || near.ring.nodes().len() < 2 {
        return;
    }
    let settled = near.ring.arcs_of(near.me).difference(near.incoming);
    let awake = awake_since(near, horizon_ms);
    for key in near.store.copies_in(&settled) {
        let Some(copy) = near.store.copy(&key).cloned() else { continue };
        if near.store.known(&key).includes(&copy) {
            near.store.drop_copy(&key);
        } else if near.store.was_fed_since(&key, awake) {
            near.marks.hit(Mark::CopyPromoted);
            near.merge(&key, &copy, near.me);
            near.store.drop_copy(&key);
        } else if near.is_whole() {
            near.drop_copy(&key, near.me);
        }
    }
}

/// Since which minute of the wall clock a copy must have been compared with its owners, so that they cannot have
/// reaped what it holds.
fn awake_since(near: &Surroundings<'_>, horizon_ms: Millis) -> u32 {
    let since = near.wall.trusted(near.now).map(|wall| wall.0.saturating_sub(horizon_ms / 2) / MINUTE_MS);
    since.and_then(|minutes| u32::try_from(minutes).ok()).unwrap_or(u32::MAX)
}

/// A copy of which its first owner does not know all that it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    key: Key,
    /// Of the copy, when the owner was asked.
    fingerprint: u128,
    /// It knows nothing of the key at all.
    is_unknown: bool,
}

impl Doubt {
    /// Of the copy of a key, if there is one.
    pub fn of(near: &Surroundings<'_>, key: &Key, is_unknown: bool) -> Option<Doubt> {
        let fingerprint = near.store.copy_fingerprint(key)?;
        Some(Doubt { key: key.clone(), fingerprint, is_unknown })
    }
}

/// The first owner `with` was asked about these: some go, unless they have changed since.
pub fn doubt(near: &mut Surroundings<'_>, horizon_ms: Millis, with: NodeId, doubts: &[Doubt]) {
    let (is_whole, awake) = (near.is_whole(), awake_since(near, horizon_ms));
    for Doubt { key, fingerprint, is_unknown } in doubts {
        if near.planted.has(Plant::PushCopies) {
            push(near, with, key);
            continue;
        }
        let is_tombstone = near.store.copy(key).is_some_and(Object::is_tombstone);
        let goes = is_tombstone || is_whole && (*is_unknown || !near.store.was_fed_since(key, awake));
        if goes && near.store.copy_fingerprint(key) == Some(*fingerprint) {
            near.marks.hit_if(Mark::CopyUnknown, || *is_unknown);
            near.drop_copy(key, with);
        }
    }
}

/// What a planted bug does: send an owner what it lacks.
fn push(near: &mut Surroundings<'_>, to: NodeId, key: &Key) {
    let objects = near.store.copy(key).map(|copy| (key.clone(), copy.clone())).into_iter().collect();
    near.out.push((to, Message::Objects { batch: 0, purpose: Purpose::Repair, objects, next: None }));
}
