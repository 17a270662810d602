//! What this node holds: objects, hints, its mint; and what of it the disk has still to be told.
//!
//! Everything is resident, in the order of positions, so that an arc is a range. Changes collect in one batch, which
//! the node hands to the disk at the end of each input; value, clock and hint of one write are in the same batch.
//! Invariant: the sums agree with the objects, and what the disk holds is what memory held some batches ago.
//!
//! It decides nothing about who should hold what: `handoff` and `repair` do.

mod batch;
mod changed;
mod copies;
mod expiries;
mod graves;
mod hints;
mod memo;
mod mint;
mod parts;
mod rows;
#[cfg(test)]
mod rule;
mod settings;
mod shelf;
mod shown;
mod sums;
#[cfg(test)]
mod tests;

pub use batch::{Batch, Durability, Op, PersistError, Restored, Rows, Table};
pub use changed::Changed;
pub use copies::Lens;
pub use hints::Hints;
pub use mint::{EpochReason, Mint, is_clean};
pub use rows::{Adopted, Remembered, object_of_row};
pub use settings::Settings;
pub use sums::Sum;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::clock::{ACTORS_MAX, Dot, VersionVector};
use crate::datatype::lives;
use crate::id::{Key, NodeId, Position, Room, ShortBytes};
use crate::marks::Mark;
use crate::planted::Plant;
use crate::ring::RangeSet;
use crate::wire::{Object, SignedRecord, Version};
use changed::rivals;
use copies::Copies;
use expiries::Expiries;
use graves::Graves;
use memo::Memo;
use shelf::{Shelf, Stored};

/// The join of two copies would be of too many actors, or too large, to be stored or sent: nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overflow;

/// The largest object, all siblings together, in bytes: with its clock it fits a frame.
pub const OBJECT_BYTES_MAX: usize = 1536 * 1024;

/// What this node holds.
#[derive(Debug, Clone)]
pub struct Store {
    room: Room,
    objects: Shelf,
    expiries: Expiries,
    graves: Graves,
    hints: Hints,
    copies: Copies,
    mint: Mint,
    memo: Memo,
    settings: Settings,
    random: fastrand::Rng,
    /// The rows of members, as they are or are to be on the disk.
    records: BTreeMap<NodeId, Vec<u8>>,
    /// Those of them that wait for something else to be written.
    unwritten: BTreeSet<NodeId>,
    batch: Batch,
    epochs: Vec<EpochReason>,
    live: u64,
    bytes: u64,
}

impl Store {
    /// All that is held of a key.
    pub fn object(&self, key: &Key) -> Option<Object> {
        self.objects.object(self.room.position(key), key)
    }

    /// The context of what is held of a key.
    pub fn context(&self, key: &Key) -> Option<VersionVector> {
        self.objects.context(self.room.position(key), key)
    }

    /// What is held of a key or remembered of its reaped tombstone: what a read is to be told.
    pub fn known(&self, key: &Key) -> Object {
        self.object(key).unwrap_or_else(|| self.ghost(key))
    }

    /// What is remembered of a reaped tombstone.
    fn ghost(&self, key: &Key) -> Object {
        let mut tombstone = Object::new();
        if self.graves.has_ghosts()
            && let Some(ghost) = self.graves.ghost(&self.ghost_place(key))
        {
            tombstone.forget(&ghost.context);
        }
        tombstone
    }

    fn ghost_place(&self, key: &Key) -> (u64, u64) {
        (self.room.position(key).0, self.room.fingerprint(&[b"ghost", key.as_bytes()]) as u64)
    }

    /// The fingerprint of what is held of a key; zero for nothing.
    pub fn fingerprint(&self, key: &Key) -> u128 {
        self.objects.fingerprint(self.room.position(key), key).unwrap_or(0)
    }

    /// The fingerprint that this store would give an object.
    pub fn fingerprint_of(&self, key: &Key, object: &Object) -> u128 {
        self.room.fingerprint(&[b"object", key.as_bytes(), &object.shape()])
    }

    /// Whether joining this object would make one that could no longer be stored or sent: of too many actors, or too
    /// large. Nobody who plays fair makes one.
    pub fn would_overflow(&self, key: &Key, other: &Object) -> bool {
        overflows(&self.known(key), other)
    }

    /// Join with another copy, unless that [would overflow](Store::would_overflow). `None`: nothing changed.
    pub fn merge(&mut self, key: &Key, other: &Object) -> Result<Option<Changed>, Overflow> {
        self.watch(other.context());
        let position = self.room.position(key);
        let held = self.objects.object(position, key);
        let is_held = held.is_some();
        let mut object = held.unwrap_or_else(|| self.ghost(key));
        if overflows(&object, other) {
            return Err(Overflow);
        }
        let before = rivals(&object);
        // What comes of a key whose tombstone was reaped brings it back, for whoever sent it has not heard of it.
        let is_new = object.join(other, self.settings.planted) || !is_held && !object.is_unknown();
        if !is_new {
            return Ok(None);
        }
        let after = rivals(&object);
        self.replace(position, key, object);
        Ok(Some(Changed { before, after }))
    }

    /// What a planted bug does: what is held makes way for what came.
    pub(crate) fn overwrite(&mut self, key: &Key, object: &Object) {
        self.replace(self.room.position(key), key, object.clone());
    }

    /// Write a value under a fresh dot, superseding what `context` has seen. The mint must be open: see
    /// [`Store::is_ready`].
    pub fn put(&mut self, key: &Key, context: &VersionVector, version: Version) -> (Dot, Changed) {
        self.write(key, |object, dot| object.put(context, dot, version))
    }

    /// Whether a write of this key with this context can be minted now. If not, call [`Store::open_mint`] and wait for
    /// the disk.
    pub fn is_ready(&mut self, key: &Key, context: &VersionVector) -> bool {
        self.watch(context);
        let (actor, let_go) = (self.mint.actor(), self.memo.counter(key));
        if let_go > context.counter(&actor) && let_go > self.known(key).context().counter(&actor) {
            self.mint.begin(&mut self.random);
            self.on_epoch(EpochReason::LetGo);
        }
        self.mint.is_open()
    }

    /// Somebody has seen this much: if it is more of ours than we know of, begin an epoch.
    fn watch(&mut self, seen: &VersionVector) {
        if self.mint.watch(seen, &mut self.random) {
            self.on_epoch(EpochReason::ForeignDot);
        }
    }

    fn on_epoch(&mut self, reason: EpochReason) {
        self.mark_epoch(reason);
        self.epochs.push(reason);
        self.batch.ops.extend(self.memo.clear());
        self.batch.ops.extend(self.mint.begun());
    }

    fn mark_epoch(&self, reason: EpochReason) {
        match reason {
            // The simulator cannot show a node a dot of its own that it does not know: it clones no clean profile.
            EpochReason::First | EpochReason::ForeignDot => {}
            EpochReason::UncleanStop => self.settings.marks.hit(Mark::EpochAfterUncleanStop),
            EpochReason::LetGo => self.settings.marks.hit(Mark::EpochForKeyLetGo),
            EpochReason::MemoFull => self.settings.marks.hit(Mark::EpochForFullMemo),
        }
    }

    /// The wall clock is at this minute, and another device has confirmed it: tombstones of unknown age are held since
    /// now.
    pub fn date_tombstones(&mut self, minutes: u32) {
        let places: Vec<(Position, Key)> = self.graves.of_unknown_age().cloned().collect();
        for (position, key) in places {
            self.graves.note(position, &key, Some(minutes));
            if let Some(object) = self.objects.object(position, &key) {
                let row = self.object_row(position, &key, &object);
                let op = Op { table: Table::Objects, key: key.row(), value: Some(row) };
                self.batch.ops.push(op);
            }
        }
    }

    /// Tombstones held since this minute of the wall clock or longer.
    pub fn tombstones_since(&self, minutes: u32) -> impl Iterator<Item = (Position, &Key)> {
        self.graves.older_than(minutes)
    }

    /// Whether this object, or its tombstone before it was reaped, lies here.
    pub fn holds(&self, position: u64, fingerprint: u128) -> bool {
        let is_reaped = || {
            let is_reaped = self.graves.is_reaped(position, fingerprint);
            self.settings.marks.hit_if(Mark::GhostAnswers, || is_reaped);
            is_reaped
        };
        self.at(position).any(|key| self.fingerprint(key) == fingerprint) || is_reaped()
    }

    /// Let a tombstone go and remember only its clock. The caller has made sure that all its owners do. Tells whether
    /// there was one, of this fingerprint.
    pub fn reap(&mut self, position: u64, fingerprint: u128) -> bool {
        let is_it = |key: &&Key| self.fingerprint(key) == fingerprint && !self.hints.contains(key);
        let Some(key) = self.at(position).find(is_it).cloned() else { return false };
        let Some(object) = self.object(&key).filter(Object::is_tombstone) else { return false };
        let context = object.context().clone();
        self.let_go(&key);
        if !self.settings.planted.has(Plant::ForgetGhosts) {
            let ops = self.graves.reap(self.ghost_place(&key), fingerprint, context, &self.settings);
            self.batch.ops.extend(ops);
        }
        true
    }

    /// What a planted bug does: let go of everything that is wanted.
    pub(crate) fn drop_where(&mut self, is_wanted: impl Fn(&Key) -> bool) {
        let keys = self.objects.keys().map(|(_, key, _)| key);
        let keys: Vec<Key> = keys.filter(|key| is_wanted(key)).cloned().collect();
        keys.iter().for_each(|key| {
            self.let_go(key);
        });
    }

    /// No longer hold a key. The caller has made sure that whoever should hold it does, and holds no hint for it. Tells
    /// whether it was held.
    pub fn let_go(&mut self, key: &Key) -> bool {
        let position = self.room.position(key);
        let Some(old) = self.objects.remove(position, key) else { return false };
        self.graves.note(position, key, None);
        self.count(&old, key, u64::wrapping_sub);
        self.expiries.forget(key, &old);
        self.batch.ops.push(Op { table: Table::Objects, key: key.row(), value: None });
        let actor = self.mint.actor();
        let counter = old.context().counter(&actor);
        if counter > 0 {
            match self.memo.remember(actor.epoch, key, counter, self.settings.memo_keys_max) {
                Some(op) => self.batch.ops.push(op),
                None => {
                    self.mint.begin(&mut self.random);
                    self.on_epoch(EpochReason::MemoFull);
                }
            }
        }
        true
    }

    /// Tell the disk that dots will be minted, unless it is being told already. Tells whether they may be made at once:
    /// never before the disk has answered.
    pub fn open_mint(&mut self) -> bool {
        if !self.mint.is_opening() && !self.mint.is_open() {
            let op = self.mint.open();
            self.batch.ops.push(op);
            self.batch.durability = Durability::Strict;
        }
        self.mint.is_open()
    }

    /// Whether this row is the mint's, which is written anew whenever the mint opens.
    pub fn is_mint_row(table: Table, key: &[u8]) -> bool {
        table == Table::Meta && Mint::is_row(key)
    }

    /// The disk has taken these rows, or not.
    pub fn on_rows(&mut self, rows: &[(Table, ShortBytes)], durable: bool) {
        if rows.iter().any(|(table, key)| Store::is_mint_row(*table, key)) {
            if durable { self.mint.opened() } else { self.mint.refused() }
        }
    }

    /// Supersede what `context` has seen by nothing, under a fresh dot. The mint must be open, as for [`Store::put`].
    pub fn delete(&mut self, key: &Key, context: &VersionVector) -> (Dot, Changed) {
        self.write(key, |object, dot| object.delete(context, dot))
    }

    /// Take away the versions of these dots, in ascending order, and write another under a fresh dot, if there is one.
    /// The mint must be open, as for [`Store::put`].
    pub fn edit(&mut self, key: &Key, gone: &[Dot], version: Option<Version>) -> (Dot, Changed) {
        self.write(key, |object, dot| object.edit(gone, dot, version))
    }

    /// Change what is known of a key, under a fresh dot.
    fn write(&mut self, key: &Key, change: impl FnOnce(&mut Object, Dot)) -> (Dot, Changed) {
        let (dot, position) = (self.mint.mint(), self.room.position(key));
        let mut object = self.objects.object(position, key).unwrap_or_else(|| self.ghost(key));
        let before = rivals(&object);
        change(&mut object, dot);
        let after = rivals(&object);
        self.replace(position, key, object);
        (dot, Changed { before, after })
    }

    fn replace(&mut self, position: Position, key: &Key, object: Object) {
        let fingerprint = self.fingerprint_of(key, &object);
        self.graves.note(position, key, object.is_tombstone().then_some(0));
        if self.graves.has_ghosts() {
            let ghost = self.graves.forget(&self.ghost_place(key));
            self.settings.marks.hit_if(Mark::GhostMet, || ghost.is_some());
            self.batch.ops.extend(ghost);
        }
        let row = self.object_row(position, key, &object);
        self.batch.ops.push(Op { table: Table::Objects, key: key.row(), value: Some(row) });
        self.count(&object, key, u64::wrapping_add);
        let expiries = expiries::of(&object);
        let before = self.objects.insert(position, key, Stored { object, fingerprint });
        if let Some(old) = &before {
            self.count(old, key, u64::wrapping_sub);
            self.expiries.forget(key, old);
        }
        self.expiries.note(key, expiries);
    }

    fn count(&mut self, object: &Object, key: &Key, tally: fn(u64, u64) -> u64) {
        let values: usize = object.values().map(|version| version.payload.len()).sum();
        self.bytes = tally(self.bytes, (values + key.as_bytes().len()) as u64);
        self.live = tally(self.live, u64::from(lives(object, self.expiries.clock())));
    }

    /// What is held in some part of the ring.
    pub fn sum(&self, set: &RangeSet) -> Sum {
        if self.is_sparse(set) {
            return self.items(set).map(|(_, _, fingerprint)| Sum::of(fingerprint)).fold(Sum::default(), Sum::plus);
        }
        set.ranges().map(|range| self.objects.sum(*range.start(), *range.end())).fold(Sum::default(), Sum::plus)
    }

    /// Whether fewer objects are held than the set has ranges: then they are gone through, not the ranges.
    fn is_sparse(&self, set: &RangeSet) -> bool {
        self.objects.len() <= set.ranges().len()
    }

    /// A number that changes whenever what is held does.
    pub fn version(&self) -> u64 {
        self.objects.version()
    }

    /// Positions, keys and fingerprints of all that is held in some part of the ring, in order.
    pub fn items<'a>(&'a self, set: &'a RangeSet) -> impl Iterator<Item = (Position, &'a Key, u128)> {
        let is_sparse = self.is_sparse(set);
        let objects = is_sparse.then(|| self.objects.keys()).into_iter().flatten();
        let within = objects.filter(|(position, _, _)| set.contains(position.0));
        let ranges = (!is_sparse).then(|| set.ranges()).into_iter().flatten();
        within.chain(ranges.flat_map(|range| self.objects.range(*range.start(), *range.end())))
    }

    /// The keys held at one position: one, unless two collide.
    pub fn at(&self, position: u64) -> impl Iterator<Item = &Key> {
        self.objects.range(position, position).map(|(_, key, _)| key)
    }

    /// All keys of a bucket that begin with `prefix`, with what is held of them.
    pub fn list<'a>(&'a self, bucket: &'a str, prefix: &'a str) -> impl Iterator<Item = (&'a Key, Object, u128)> {
        self.objects.objects_where(move |key| key.bucket() == bucket && key.name().starts_with(prefix))
    }

    /// For whom objects are held.
    pub fn hints(&self) -> &Hints {
        &self.hints
    }

    /// For whom objects are held, to be changed.
    pub fn hints_mut(&mut self) -> &mut Hints {
        &mut self.hints
    }

    /// The mint.
    pub fn mint(&self) -> &Mint {
        &self.mint
    }

    /// Keep a member's record.
    pub fn keep_record(&mut self, signed: &SignedRecord, may_wait: bool) {
        let value = postcard::to_allocvec(signed).expect("a record always serialises to a Vec");
        self.records.insert(signed.id(), value);
        self.unwritten.insert(signed.id());
        if !may_wait {
            self.write_records();
        }
    }

    /// Whether records wait for company: what others say of themselves is told again by whoever knows it.
    pub fn has_unwritten(&self) -> bool {
        !self.unwritten.is_empty()
    }

    /// The records that nobody waits for, as a batch of their own.
    pub fn take_records(&mut self) -> Option<Batch> {
        debug_assert!(self.batch.ops.is_empty(), "these go along with what is written anyway");
        self.write_records();
        (!self.batch.ops.is_empty()).then(|| core::mem::take(&mut self.batch))
    }

    fn write_records(&mut self) {
        for id in core::mem::take(&mut self.unwritten) {
            let value = self.records.get(&id).cloned();
            self.batch.ops.push(Op { table: Table::Members, key: id.as_bytes()[..].into(), value });
        }
    }

    /// Write down that every minted dot is durable. The caller has made sure of it.
    pub fn close_mint(&mut self) {
        let op = self.mint.close();
        self.batch.ops.push(op);
        self.batch.durability = Durability::Strict;
    }

    /// What the disk has to be told, if anything.
    pub fn take_batch(&mut self) -> Option<Batch> {
        self.hints.hand_over(&mut self.batch.ops);
        if !self.batch.ops.is_empty() {
            self.write_records();
        }
        (!self.batch.ops.is_empty()).then(|| core::mem::take(&mut self.batch))
    }

    /// Epochs begun since the last call, and why.
    pub fn take_epochs(&mut self) -> Vec<EpochReason> {
        core::mem::take(&mut self.epochs)
    }

    /// Keys with a value that is shown, keys without, and bytes of keys and values.
    pub fn counts(&self) -> (u64, u64, u64) {
        (self.live, self.objects.len() as u64 - self.live, self.bytes)
    }
}

/// Whether the join of two copies would have too many actors, or be too large.
fn overflows(held: &Object, other: &Object) -> bool {
    let bytes = |object: &Object| object.values().map(Version::size).sum::<usize>();
    held.context().union_len(other.context()) > ACTORS_MAX
        || (bytes(other) + bytes(held) > OBJECT_BYTES_MAX && {
            let mut joined = held.clone();
            joined.sync(other);
            bytes(&joined) > OBJECT_BYTES_MAX
        })
}
