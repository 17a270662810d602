//! What this node keeps because its user wants it here, whoever owns it: *pins*, each a bucket or the names of one
//! that begin alike, and the *copies* of what others own of them.
//!
//! Copies lie apart from the objects, and that is the whole of the rule that they count for nothing: no comparison of
//! owners, no handoff, no answer to another node ever comes to them, so they are pushed to nobody, hold back no reap
//! and raise no receipt. What this node's own application reads is both together ([`Store::view`]). An object that
//! this node holds and does not own (a write on its way, what it owned before) is held as ever, and its copy follows
//! it; so it can be let go when its owners have it, and the user's copy stays.
//!
//! Pins and copies are rows of this node's own disk. They are bounded: so many pins, so many bytes of copies.
//!
//! Invariant: every copy is of a pinned key.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::changed::rivals;
use super::{Changed, Op, Store, Stored, Sum, Table};
use crate::clock::VersionVector;
use crate::id::{Key, Pin, Position};
use crate::marks::Mark;
use crate::ring::RangeSet;
use crate::wire::{Object, Version};

const PINS: &[u8] = b"pin/";
const COPIES: &[u8] = b"copy/";

/// What the row of a pin holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Fed {
    /// The minute of the wall clock at which all owners were last compared with; zero: never.
    minutes: u32,
}

/// All pins, and the copies of what they name.
#[derive(Debug, Clone, Default)]
pub(super) struct Copies {
    pins: BTreeMap<Pin, Fed>,
    objects: BTreeMap<(Position, Key), Stored>,
    bytes: u64,
    /// Pinned since that was last asked.
    fresh: Vec<Pin>,
    /// Copies were refused for want of room since that was last asked.
    is_overfull: bool,
}

/// Which objects a comparison is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lens {
    /// All that this node holds as a replica.
    All,
    /// Those of them that a pin names.
    Pinned(Pin),
    /// The copies of what a pin names.
    Copies(Pin),
}

fn size(key: &Key, object: &Object) -> u64 {
    (object.values().map(Version::size).sum::<usize>() + key.as_bytes().len()) as u64
}

impl Copies {
    fn is_pinned(&self, key: &Key) -> bool {
        // Few: a bounded number, and mostly one or none.
        self.pins.keys().any(|pin| pin.names(key))
    }

    /// Take in a row of the disk. `None`: it is not one of these. A copy of which no pin is left is dropped in
    /// [`Copies::outdated`], once all rows are read.
    fn restore(&mut self, key: &[u8], value: &[u8]) -> Option<Option<(Key, Object)>> {
        if let Some(pin) = key.strip_prefix(PINS) {
            if let Ok(pin) = Pin::from_bytes(pin) {
                self.pins.insert(pin, postcard::from_bytes(value).unwrap_or_default());
            }
            return Some(None);
        }
        let key = Key::from_bytes(key.strip_prefix(COPIES)?).ok()?;
        Some(postcard::from_bytes(value).ok().map(|object| (key, object)))
    }
}

impl Store {
    fn place(&self, key: &Key) -> (Position, Key) {
        (self.room.position(key), key.clone())
    }

    /// Pin a bucket, or the names of one that begin alike. Tells whether it is pinned now: there may be too many.
    pub fn pin(&mut self, pin: Pin) -> bool {
        if self.copies.pins.contains_key(&pin) {
            return true;
        }
        if self.copies.pins.len() >= self.settings.pins_max {
            return false;
        }
        self.copies.fresh.push(pin.clone());
        self.write_pin(pin, Fed::default());
        true
    }

    /// What was pinned since the last call.
    pub fn take_pinned(&mut self) -> Vec<Pin> {
        core::mem::take(&mut self.copies.fresh)
    }

    fn write_pin(&mut self, pin: Pin, fed: Fed) {
        let value = postcard::to_allocvec(&fed).expect("a number always serialises to a Vec");
        self.batch.ops.push(Op { table: Table::Meta, key: pin_row(&pin).into(), value: Some(value) });
        self.copies.pins.insert(pin, fed);
    }

    /// Keep it no longer: copies that no other pin names are dropped. Tells how many; `None`: it was not pinned.
    pub fn unpin(&mut self, pin: &Pin) -> Option<usize> {
        self.copies.pins.remove(pin)?;
        self.batch.ops.push(Op { table: Table::Meta, key: pin_row(pin).into(), value: None });
        let dropped = self.unpinned();
        dropped.iter().for_each(|key| self.drop_copy(key));
        Some(dropped.len())
    }

    /// The keys of copies that no pin names any more.
    fn unpinned(&self) -> Vec<Key> {
        let keys = self.copies.objects.keys().map(|(_, key)| key);
        keys.filter(|key| !self.copies.is_pinned(key)).cloned().collect()
    }

    /// What is pinned, in order.
    pub fn pins(&self) -> impl ExactSizeIterator<Item = &Pin> {
        self.copies.pins.keys()
    }

    /// Whether a key is pinned.
    pub fn is_pinned(&self, key: &Key) -> bool {
        self.copies.is_pinned(key)
    }

    /// All owners of what is pinned were compared with, at this minute of the wall clock. It is written down once an
    /// hour at most.
    pub fn note_fed(&mut self, pin: &Pin, minutes: u32) {
        let Some(fed) = self.copies.pins.get(pin).copied() else { return };
        if minutes >= fed.minutes + 60 {
            self.write_pin(pin.clone(), Fed { minutes });
        }
    }

    /// Whether what is pinned of a key was compared with its owners since that minute.
    pub fn was_fed_since(&self, key: &Key, minutes: u32) -> bool {
        self.copies.pins.iter().any(|(pin, fed)| pin.names(key) && fed.minutes > 0 && fed.minutes >= minutes)
    }

    /// The copy of a key that others own.
    pub fn copy(&self, key: &Key) -> Option<&Object> {
        if self.copies.objects.is_empty() {
            return None;
        }
        self.copies.objects.get(&self.place(key)).map(|stored| &stored.object)
    }

    /// The fingerprint of the copy of a key.
    pub fn copy_fingerprint(&self, key: &Key) -> Option<u128> {
        self.copies.objects.get(&self.place(key)).map(|stored| stored.fingerprint)
    }

    /// All that this node's application can be shown of a key without asking anybody: what is held, and the copy.
    pub fn view(&self, key: &Key) -> Object {
        let mut object = self.known(key);
        self.add_copy(key, &mut object);
        object
    }

    /// Join what is known with the copy that is kept here.
    pub fn add_copy(&self, key: &Key, object: &mut Object) {
        if let Some(copy) = self.copy(key) {
            object.sync(copy);
        }
    }

    /// All that has been seen here of a key that is held or of which there is a copy.
    pub fn seen(&self, key: &Key) -> Option<VersionVector> {
        let held = self.object(key).map(|object| object.context().clone());
        let Some(copy) = self.copy(key) else { return held };
        let mut seen = held.unwrap_or_default();
        seen.merge(copy.context());
        Some(seen)
    }

    /// The fingerprint of [`Store::view`]; zero for nothing.
    pub fn view_fingerprint(&self, key: &Key) -> u128 {
        match (self.object(key), self.copy(key)) {
            (_, None) => self.fingerprint(key),
            (_, Some(_)) => self.fingerprint_of(key, &self.view(key)),
        }
    }

    /// Join the copy of a pinned key with what somebody knows of it. `None`: nothing changed; it would have grown
    /// beyond what can be stored; or there is no room for one more.
    pub fn keep_copy(&mut self, key: &Key, other: &Object) -> Option<Changed> {
        self.watch(other.context());
        if other.is_unknown() || !self.copies.is_pinned(key) || self.would_overflow(key, other) {
            return None;
        }
        let held = self.copy(key).cloned();
        if held.is_none() && self.copies.bytes >= self.settings.copy_bytes_max {
            self.copies.is_overfull = true;
            return None;
        }
        let mut object = held.unwrap_or_default();
        let before = rivals(&object);
        if !object.sync(other) {
            return None;
        }
        let after = rivals(&object);
        self.put_copy(key, object);
        Some(Changed { before, after })
    }

    /// What is held of a pinned key that others own is in its copy too, which stays when that is let go.
    pub fn follow(&mut self, key: &Key) {
        if let Some(object) = self.object(key) {
            self.keep_copy(key, &object);
        }
    }

    fn put_copy(&mut self, key: &Key, object: Object) {
        let value = postcard::to_allocvec(&object).expect("an object always serialises to a Vec");
        self.batch.ops.push(Op { table: Table::Meta, key: copy_row(key).into(), value: Some(value) });
        self.load_copy(key, object);
    }

    fn load_copy(&mut self, key: &Key, object: Object) {
        let (place, fingerprint) = (self.place(key), self.fingerprint_of(key, &object));
        self.copies.bytes += size(key, &object);
        if let Some(old) = self.copies.objects.insert(place, Stored { object, fingerprint }) {
            self.copies.bytes -= size(key, &old.object);
        }
    }

    /// Keep the copy of a key no longer.
    pub fn drop_copy(&mut self, key: &Key) {
        let place = self.place(key);
        let Some(old) = self.copies.objects.remove(&place) else { return };
        self.copies.bytes -= size(key, &old.object);
        self.batch.ops.push(Op { table: Table::Meta, key: copy_row(key).into(), value: None });
    }

    /// The keys of which there is a copy in some part of the ring.
    pub fn copies_in(&self, set: &RangeSet) -> Vec<Key> {
        let within = |place: &&(Position, Key)| set.contains(place.0.0);
        self.copies.objects.keys().filter(within).map(|(_, key)| key.clone()).collect()
    }

    /// The keys of a bucket that begin so and of which there is a copy, each with [`Store::view`] of it.
    pub fn list_copies<'a>(&'a self, bucket: &'a str, prefix: &'a str) -> impl Iterator<Item = (&'a Key, Object)> {
        let keys = self.copies.objects.keys().map(|(_, key)| key);
        let wanted = keys.filter(move |key| key.bucket() == bucket && key.name().starts_with(prefix));
        wanted.map(|key| (key, self.view(key)))
    }

    /// How many copies there are, and how many bytes of keys and values.
    pub fn copy_counts(&self) -> (u64, u64) {
        (self.copies.objects.len() as u64, self.copies.bytes)
    }

    /// Whether copies were refused for want of room since the last call.
    pub fn take_overfull(&mut self) -> bool {
        core::mem::take(&mut self.copies.is_overfull)
    }

    /// What lies in some part of the ring, as far as a comparison is about it.
    pub fn items_of<'a>(
        &'a self,
        lens: &'a Lens,
        set: &'a RangeSet,
    ) -> Box<dyn Iterator<Item = (Position, &'a Key, u128)> + 'a> {
        match lens {
            Lens::All => Box::new(self.items(set)),
            Lens::Pinned(pin) => Box::new(self.items(set).filter(move |(_, key, _)| pin.names(key))),
            Lens::Copies(pin) => {
                let copies = self.copies.objects.iter();
                let copies = copies.filter(move |((position, key), _)| set.contains(position.0) && pin.names(key));
                Box::new(copies.map(|((position, key), stored)| (*position, key, stored.fingerprint)))
            }
        }
    }

    /// The sum of [`Store::items_of`].
    pub fn sum_of(&self, lens: &Lens, set: &RangeSet) -> Sum {
        if *lens == Lens::All {
            return self.sum(set);
        }
        let items = self.items_of(lens, set);
        items.fold(Sum::default(), |sum, (_, _, fingerprint)| sum.plus(Sum::of(fingerprint)))
    }

    /// One object, as far as a comparison is about it.
    pub fn object_of(&self, lens: &Lens, key: &Key) -> Option<Object> {
        if matches!(lens, Lens::Copies(_)) { self.copy(key).cloned() } else { self.object(key) }
    }

    /// Take in a row of the disk. Tells whether it is one of a pin or of a copy.
    pub(super) fn restore_copy(&mut self, key: &[u8], value: &[u8]) -> bool {
        let Some(read) = self.copies.restore(key, value) else { return false };
        if let Some((key, object)) = read {
            self.watch(object.context());
            self.load_copy(&key, object);
        }
        true
    }

    /// All rows are read: copies of which no pin was read are dropped.
    pub(super) fn drop_unpinned(&mut self) {
        self.unpinned().iter().for_each(|key| self.drop_copy(key));
        self.settings.marks.hit_if(Mark::CopiesRestored, || !self.copies.objects.is_empty());
    }

    /// What the disk should hold in this row. `None`: it is neither a pin's nor a copy's.
    pub(super) fn copy_row_value(&self, row: &[u8]) -> Option<Option<Vec<u8>>> {
        if let Some(pin) = row.strip_prefix(PINS) {
            let fed = Pin::from_bytes(pin).ok().and_then(|pin| self.copies.pins.get(&pin));
            return Some(fed.map(|fed| postcard::to_allocvec(fed).expect("a number always serialises to a Vec")));
        }
        let key = Key::from_bytes(row.strip_prefix(COPIES)?).ok()?;
        let copy = self.copy(&key);
        Some(copy.map(|object| postcard::to_allocvec(object).expect("an object always serialises to a Vec")))
    }
}

fn pin_row(pin: &Pin) -> Vec<u8> {
    [PINS, pin.as_bytes()].concat()
}

fn copy_row(key: &Key) -> Vec<u8> {
    [COPIES, key.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{disk, key, open, store, value};
    use super::*;
    use crate::store::{Batch, Restored};

    fn carts(prefix: &str) -> Pin {
        Pin::new("carts", prefix).unwrap()
    }

    /// What another node has written.
    fn others(name: &str, byte: u8) -> Object {
        let mut other = open(Restored::default(), u64::from(byte));
        other.put(&key(name), &VersionVector::new(), value(byte));
        other.object(&key(name)).unwrap().clone()
    }

    #[test]
    fn a_copy_is_shown_and_is_no_part_of_what_is_held() {
        let mut store = open(Restored::default(), 1);
        let (before, sum) = (store.counts(), store.sum(&RangeSet::full()));
        assert!(store.keep_copy(&key("a"), &others("a", 7)).is_none(), "it is not pinned");
        assert!(store.pin(carts("")));
        assert!(store.keep_copy(&key("a"), &others("a", 7)).is_some());
        assert!(store.keep_copy(&key("a"), &others("a", 7)).is_none(), "that is not new");
        assert_eq!((store.view(&key("a")).values().len(), store.known(&key("a")).is_unknown()), (1, true));
        assert_eq!((store.counts(), store.sum(&RangeSet::full())), (before, sum));
        assert_eq!(store.copy_counts().0, 1);
        // A write of our own is not sent with it, and supersedes it if it has seen it.
        let seen = store.seen(&key("a")).unwrap();
        store.put(&key("a"), &seen, value(8));
        assert_eq!(store.object(&key("a")).unwrap().values().len(), 1);
        assert_eq!(Vec::from_iter(store.view(&key("a")).values().cloned()), [value(8)]);
    }

    #[test]
    fn pins_and_copies_are_there_after_a_restart_and_gone_after_an_unpin() {
        let mut first = open(Restored::default(), 1);
        assert!(first.pin(carts("")) && first.pin(carts("a")));
        for name in ["a", "b"] {
            first.keep_copy(&key(name), &others(name, 7));
        }
        let mut batches = Vec::from_iter(first.take_batch());
        let mut second = store(disk(batches.clone()), 2);
        assert_eq!((second.pins().len(), second.copy_counts()), (2, first.copy_counts()));
        assert_eq!(second.view(&key("b")), first.view(&key("b")));
        // What the disk refused is handed over again as it is by now.
        let rows = batches.iter().flat_map(|batch| &batch.ops).map(|op| (op.table, op.key.clone())).collect::<Vec<_>>();
        second.retry(rows);
        let again = Vec::from_iter(second.take_batch());
        let copies_of = |batches: &[Batch]| {
            let ops = batches.iter().flat_map(|batch| batch.ops.clone());
            BTreeMap::from_iter(ops.filter(|op| op.key.starts_with(COPIES)).map(|op| (op.key, op.value)))
        };
        assert_eq!(copies_of(&again), copies_of(&batches));
        assert_eq!(first.unpin(&carts("")), Some(1), "another pin names the other one");
        assert_eq!(first.unpin(&carts("")), None);
        batches.extend(first.take_batch());
        let third = store(disk(batches.clone()), 3);
        assert_eq!((third.pins().len(), third.copy_counts().0), (1, 1));
        // A copy whose pin the disk has lost goes.
        batches.push(Batch {
            ops: alloc::vec![Op { table: Table::Meta, key: pin_row(&carts("a")).into(), value: None }],
            ..Batch::default()
        });
        assert_eq!(store(disk(batches), 4).copy_counts(), (0, 0));
    }

    #[test]
    fn so_many_pins_and_so_many_bytes_and_no_more() {
        let mut store = open(Restored::default(), 1);
        (store.settings.pins_max, store.settings.copy_bytes_max) = (1, 1);
        assert!(store.pin(carts("")) && store.pin(carts("")) && !store.pin(carts("a")));
        assert!(store.keep_copy(&key("a"), &others("a", 1)).is_some());
        assert!(store.keep_copy(&key("b"), &others("b", 2)).is_none() && store.take_overfull());
        assert!(store.keep_copy(&key("a"), &others("a", 3)).is_some(), "what is kept is kept up to date");
        store.drop_copy(&key("a"));
        assert_eq!((store.copy_counts(), store.take_overfull()), ((0, 0), false));
    }
}
