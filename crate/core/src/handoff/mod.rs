//! What moves, and when it may be let go: hints go home (Dynamo §4.6), and an arc counts as received only when it has
//! been compared with everybody who may hold something of it.
//!
//! *Hints* are delivered in batches to their owner as soon as it answers, acknowledged when they are durable there, and
//! only then dropped. When the ring changes they are addressed anew: a hint for a node that no longer owns the key
//! goes to the present owners, and one to whom it may concern dissolves where this node is an owner itself.
//!
//! *Incoming arcs*: when the ring changes, this node asks the previous owners of what it has gained; when a node
//! appears that it did not know, it asks that node about everything it owns, for every tab begins alone and every join
//! is the merging of two meshes. Until a source has been compared with, or is gone, the arc is incoming, and this node
//! answers reads of it with "not yet".
//!
//! Strays, and tombstones past the horizon, are let go when all their owners have them: see [`Release`]. A node that
//! goes for good hands off all it has: see [`Leaving`].
//!
//! Invariant: whatever leaves the hints was confirmed by its addressee's disk, or is addressed to somebody else.

mod copies;
mod leaving;
mod release;

pub use copies::{Doubt, doubt, follow_strays};
pub use leaving::Leaving;
pub use release::{Release, Released, answer_holds};

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::clock::VersionVector;
use crate::coordinator::Surroundings;
use crate::id::{Inserted, Key, NodeId};
use crate::marks::Mark;
use crate::membership::Status;
use crate::planted::Plant;
use crate::ring::{RangeSet, Ring};
use crate::time::{Instant, Millis};
use crate::wire::{Message, Object, Outbox, Purpose, size};

/// How many objects and about how many bytes travel in one batch.
const BATCH_OBJECTS_MAX: usize = 512;
const BATCH_BYTES_MAX: usize = 64 * 1024;
/// When a batch that was not acknowledged is sent again.
const RETRY_MS: Millis = 10_000;
/// For how long an arc waits for a link with a node that may hold something of it.
const UNLINKED_MS: Millis = 10_000;
/// When a node whose disk took no more is tried again.
const FULL_RETRY_MS: Millis = 30_000;

/// A batch of objects on its way.
#[derive(Debug, Clone)]
struct Shipment {
    to: NodeId,
    is_hint: bool,
    contents: Vec<(Key, VersionVector)>,
    deadline: Instant,
}

/// What a shipment that was acknowledged had in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Keys, and up to where their history is now on the receiver's disk.
    pub contents: Vec<(Key, VersionVector)>,
    /// Whether they were hints.
    pub is_hint: bool,
    /// Whether the receiver's disk took them.
    pub durable: bool,
}

/// Batches of objects on their way to other nodes, until those say that they are durable there.
#[derive(Debug, Clone, Default)]
pub struct Shipments {
    next: u32,
    under_way: BTreeMap<u32, Shipment>,
}

impl Shipments {
    /// Send objects to a node and remember what was sent until it answers.
    pub fn send(
        &mut self,
        now: Instant,
        to: NodeId,
        purpose: Purpose,
        objects: Vec<(Key, Object)>,
        next: Option<u64>,
        out: &mut Outbox,
    ) {
        // Zero is for objects of which nobody wants to know whether they arrived.
        self.next = self.next.wrapping_add(1).max(1);
        let contents = objects.iter().map(|(key, object)| (key.clone(), object.context().clone())).collect();
        let shipment = Shipment { to, is_hint: purpose == Purpose::Hint, contents, deadline: now + RETRY_MS };
        self.under_way.insert(self.next, shipment);
        out.push((to, Message::Objects { batch: self.next, purpose, objects, next }));
    }

    /// The receiver says whether a batch is durable there. `None`: it was not on its way to that node.
    pub fn on_kept(&mut self, from: NodeId, batch: u32, durable: bool) -> Option<Delivered> {
        if self.under_way.get(&batch)?.to != from {
            return None;
        }
        let shipment = self.under_way.remove(&batch)?;
        Some(Delivered { contents: shipment.contents, is_hint: shipment.is_hint, durable })
    }

    /// How many batches are on their way to a node.
    pub fn count(&self, to: NodeId) -> usize {
        self.under_way.values().filter(|shipment| shipment.to == to).count()
    }

    /// Whether none is on its way.
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    fn has_hints_for(&self, to: NodeId) -> bool {
        self.under_way.values().any(|shipment| shipment.to == to && shipment.is_hint)
    }

    fn forget(&mut self, is_gone: impl Fn(NodeId) -> bool, now: Instant) {
        self.under_way.retain(|_, shipment| shipment.deadline > now && !is_gone(shipment.to));
    }

    fn deadline(&self) -> Option<Instant> {
        self.under_way.values().map(|shipment| shipment.deadline).min()
    }
}

/// Hints on their way home, and arcs on their way here.
#[derive(Debug, Clone, Default)]
pub struct Handoff {
    /// Batches on their way, those of comparisons included.
    pub shipments: Shipments,
    /// Nodes whose disk took no more, and when to try again.
    full: BTreeMap<NodeId, Instant>,
    sources: BTreeMap<NodeId, RangeSet>,
    /// Since when a source has no link to this node.
    unlinked: BTreeMap<NodeId, Instant>,
    /// Of which members it was last looked whether all sources are there.
    looked: u64,
    incoming: RangeSet,
}

impl Handoff {
    /// The arcs that this node owns and has not yet received.
    pub fn incoming(&self) -> &RangeSet {
        &self.incoming
    }

    /// With whom they have still to be compared, and where.
    pub fn sources(&self) -> &BTreeMap<NodeId, RangeSet> {
        &self.sources
    }

    /// The ring has changed, and these nodes were not known to be here before. Tells with how many nodes this one has
    /// to compare.
    pub fn on_ring_change(&mut self, near: &mut Surroundings<'_>, before: &Ring, appeared: &[NodeId]) -> usize {
        let mine = near.ring.arcs_of(near.me);
        let was = before.arcs_of(near.me);
        let gained = mine.difference(&was);
        if !gained.is_empty() {
            for id in before.owners_within(&gained).into_iter().filter(|&id| id != near.me) {
                let from = gained.intersection(&before.arcs_of(id));
                self.add_source(near, id, from);
            }
        }
        for &id in appeared {
            self.add_source(near, id, mine.clone());
        }
        // Most are to be asked about everything that was this node's, in one set that they share: hundreds of times
        // nothing but that is seen.
        let mut last: Option<(RangeSet, RangeSet)> = None;
        for ranges in self.sources.values_mut().filter(|ranges| **ranges != mine) {
            let known = last.take().filter(|(before, _)| before == ranges);
            let (_, left) = last.insert(known.unwrap_or_else(|| {
                let left = ranges.intersection(&mine);
                (ranges.clone(), if left == mine { mine.clone() } else { left })
            }));
            *ranges = left.clone();
        }
        self.forget_sources(near);
        self.gather_incoming();
        let keys: Vec<Key> = near.store.hints().keys().cloned().collect();
        keys.iter().for_each(|key| readdress(near, key));
        self.sources.len()
    }

    fn add_source(&mut self, near: &Surroundings<'_>, id: NodeId, ranges: RangeSet) {
        if id != near.me && is_here(near, id) && !ranges.is_empty() && !near.planted.has(Plant::SkipAnArc) {
            let known = self.sources.entry(id).or_default();
            *known = known.union(&ranges);
        }
    }

    /// These ranges have been compared with this node.
    pub fn on_compared(&mut self, near: &Surroundings<'_>, with: NodeId, ranges: &RangeSet) {
        if let Some(left) = self.sources.get_mut(&with) {
            *left = left.difference(ranges);
            if left.is_empty() {
                self.sources.remove(&with);
                self.unlinked.remove(&with);
            }
        }
        self.refresh(near);
        self.gather_less_incoming();
    }

    /// Drop the sources that are done or gone: an arc whose previous owners are all gone has arrived, such as it is.
    /// One that is here and to which no link comes about is given up too: what it has comes through others.
    pub fn refresh(&mut self, near: &Surroundings<'_>) {
        // There may be hundreds, and this is asked with all that happens.
        let is_due = self.unlinked.values().any(|since| near.now.since(*since) >= UNLINKED_MS);
        if (is_due || self.looked != near.membership.revision()) && self.forget_sources(near) {
            self.gather_less_incoming();
        }
    }

    /// Tells whether there were any to be dropped.
    fn forget_sources(&mut self, near: &Surroundings<'_>) -> bool {
        self.looked = near.membership.revision();
        for id in self.sources.keys().filter(|id| !near.membership.reaches(**id)) {
            self.unlinked.entry(*id).or_insert(near.now);
        }
        let sources = &self.sources;
        self.unlinked.retain(|id, _| sources.contains_key(id) && !near.membership.reaches(*id));
        let unlinked = &self.unlinked;
        let is_hopeless = |id: &NodeId| unlinked.get(id).is_some_and(|since| near.now.since(*since) >= UNLINKED_MS);
        for (id, _) in self.sources.iter().filter(|(_, ranges)| !ranges.is_empty()) {
            near.marks.hit_if(Mark::ArcGivenUp, || is_here(near, *id) && is_hopeless(id));
            near.marks.hit_if(Mark::SourceGone, || !is_here(near, *id));
        }
        let before = self.sources.len();
        self.sources.retain(|id, ranges| !ranges.is_empty() && is_here(near, *id) && !is_hopeless(id));
        self.sources.len() < before
    }

    fn gather_incoming(&mut self) {
        // In a room of hundreds nearly all are asked about the very same.
        let mut distinct: Vec<&RangeSet> = self.sources.values().collect();
        distinct.dedup();
        let widest = distinct.iter().copied().max_by_key(|ranges| ranges.len());
        let others = distinct.iter().copied().filter(|ranges| widest.is_some_and(|widest| !ranges.is_within(widest)));
        self.incoming = RangeSet::union_of(widest.into_iter().chain(others));
    }

    /// The same where sources have only become less: if one of them stands for all that was incoming, it still is.
    fn gather_less_incoming(&mut self) {
        if !self.sources.values().any(|ranges| *ranges == self.incoming) {
            self.gather_incoming();
        }
    }

    /// Send what is held for nodes that answer.
    pub fn deliver(&mut self, near: &mut Surroundings<'_>) {
        let owners = near.store.hints().owners();
        let answering: Vec<NodeId> = owners.filter(|&id| near.membership.answers(id)).collect();
        for id in answering {
            let is_busy = self.shipments.has_hints_for(id) || self.full.get(&id).is_some_and(|&until| until > near.now);
            if is_busy {
                continue;
            }
            let keys = near.store.hints().held_for(id, None);
            let objects = gather(near, keys.cloned());
            if objects.is_empty() {
                // Hints without objects cannot be: a hint is written with its object. If the disk lost one, let it go.
                let orphans: Vec<Key> = near.store.hints().held_for(id, None).cloned().collect();
                orphans.iter().for_each(|key| {
                    near.store.hints_mut().confirm(key, id);
                });
                continue;
            }
            if near.planted.has(Plant::DropHintUnconfirmed) {
                objects.iter().for_each(|(key, _)| {
                    near.store.hints_mut().confirm(key, id);
                });
            }
            self.shipments.send(near.now, id, Purpose::Hint, objects, None, near.out);
        }
    }

    /// That node's disk took no more.
    pub fn on_full(&mut self, now: Instant, id: NodeId) {
        self.full.insert(id, now + FULL_RETRY_MS);
    }

    /// When something falls due next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let unlinked = self.unlinked.values().map(|since| *since + UNLINKED_MS);
        self.shipments.deadline().into_iter().chain(self.full.values().copied()).chain(unlinked).min()
    }

    /// What was not acknowledged in time is sent again.
    pub fn handle_timeout(&mut self, near: &mut Surroundings<'_>) {
        self.full.retain(|_, until| *until > near.now);
        self.refresh(near);
        near.marks.hit_if(Mark::ShipmentLost, || self.shipments.deadline().is_some_and(|due| due <= near.now));
        self.shipments.forget(|id| !near.membership.reaches(id), near.now);
        self.deliver(near);
    }

    /// Somebody is gone: nothing is on its way to them any more.
    pub fn on_membership(&mut self, near: &mut Surroundings<'_>) {
        self.shipments.forget(|id| !near.membership.reaches(id), near.now);
        self.refresh(near);
        self.deliver(near);
    }
}

/// The ring has changed, or somebody whose ring is an older one has named an addressee: the hint goes to whoever owns
/// the key now.
pub fn readdress(near: &mut Surroundings<'_>, key: &Key) {
    if near.planted.has(Plant::HintsForTheDormant) {
        return;
    }
    let owners = near.ring.owners(near.position(key));
    let held_for: BTreeSet<NodeId> = near.store.hints().addressees(key).inserted();
    let is_strayed = held_for.is_empty() || held_for.iter().any(|id| !owners.contains(id));
    if !is_strayed {
        return;
    }
    let others: BTreeSet<NodeId> = owners.iter().copied().filter(|&id| id != near.me).inserted();
    if owners.contains(&near.me) {
        // This node keeps it as an owner; the other owners have it by comparison, those still addressed by hint.
        let still: BTreeSet<NodeId> = held_for.intersection(&others).copied().inserted();
        if still.is_empty() {
            near.marks.hit(Mark::HintDissolves);
            near.store.hints_mut().drop_key(key);
        } else {
            near.store.hints_mut().address(key, still);
        }
    } else {
        near.marks.hit(Mark::HintReaddressed);
        near.store.hints_mut().address(key, others);
    }
}

/// Whether a node that may hold something is there to be asked; one that is leaving is, above all.
fn is_here(near: &Surroundings<'_>, id: NodeId) -> bool {
    matches!(near.membership.status(id), Some(Status::Up | Status::Leaving))
}

/// Objects in batches of the usual size.
fn batches(objects: Vec<(Key, Object)>) -> Vec<Vec<(Key, Object)>> {
    let (mut batches, mut bytes) = (Vec::new(), BATCH_BYTES_MAX);
    for (key, object) in objects {
        if bytes >= BATCH_BYTES_MAX {
            batches.push(Vec::new());
            bytes = 0;
        }
        bytes += key.as_bytes().len() + size(&object);
        if let Some(batch) = batches.last_mut() {
            batch.push((key, object));
        }
    }
    batches
}

/// As many of these keys, with all that is held of them, as go into one batch.
fn gather(near: &Surroundings<'_>, keys: impl Iterator<Item = Key>) -> Vec<(Key, Object)> {
    let (mut objects, mut bytes) = (Vec::new(), 0);
    for key in keys.take(BATCH_OBJECTS_MAX) {
        let Some(object) = near.store.object(&key) else { continue };
        bytes += key.as_bytes().len() + size(&object);
        if bytes > BATCH_BYTES_MAX && !objects.is_empty() {
            break;
        }
        objects.push((key, object));
    }
    objects
}
