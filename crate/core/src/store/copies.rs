//! What this node keeps because its user wants it here, whoever owns it: *pins*, each a bucket or the names of one
//! that begin alike, and the *copies* of what others own of them. A pin is wanted for good, until its user ends it, or
//! for as long as its application watches all these keys, or both.
//!
//! Copies lie apart from the objects, and that is the whole of the rule that they count for nothing: no comparison of
//! owners, no handoff, no answer to another node ever comes to them, so they are pushed to nobody, hold back no reap
//! and raise no receipt. What this node's own application reads is both together ([`Store::view`]). An object that
//! this node holds and does not own (a write on its way, what it owned before) is held as ever, and its copy follows
//! it; so it can be let go when its owners have it, and the user's copy stays.
//!
//! Pins for good, and all copies, are rows of this node's own disk. They are bounded: so many pins, so many bytes of
//! copies. What is watched no longer is *left*: nobody feeds it, it counts for nothing more, and up to some megabytes
//! of it stay, for a page that is opened again or comes back to it, before anybody else has answered. Whatever is left
//! goes first where there is no room.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::changed::rivals;
use super::expiries::{self, Expiries};
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

/// Why a pin is kept, and how far it is.
#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    fed: Fed,
    /// For good: it has a row.
    is_lasting: bool,
    /// How many watches of the application are of these keys, or of this key.
    watches: u32,
}

/// All pins, and the copies of what they name.
#[derive(Debug, Clone, Default)]
pub(super) struct Copies {
    pins: BTreeMap<Pin, Kept>,
    /// Keys that are watched, one by one.
    keys: BTreeMap<Key, Kept>,
    objects: BTreeMap<(Position, Key), Stored>,
    bytes: u64,
    /// When what of them goes out of sight.
    pub(super) expiries: Expiries,
    /// Some of them may be wanted by nobody; and at most so many bytes of them since that was last looked at.
    has_left: bool,
    left_bytes: u64,
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
    fn wants(&self, key: &Key) -> bool {
        // Few pins: a bounded number, and mostly one or none.
        self.pins.keys().any(|pin| pin.names(key)) || self.keys.contains_key(key)
    }

    /// Take in a row of the disk. `None`: it is not one of these.
    fn restore(&mut self, key: &[u8], value: &[u8]) -> Option<Option<(Key, Object)>> {
        if let Some(pin) = key.strip_prefix(PINS) {
            if let Ok(pin) = Pin::from_bytes(pin) {
                let fed = postcard::from_bytes(value).unwrap_or_default();
                self.pins.insert(pin, Kept { fed, is_lasting: true, watches: 0 });
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

    /// Pin a bucket, or the names of one that begin alike, for good. Tells whether it is pinned now: there may be too
    /// many.
    pub fn pin(&mut self, pin: Pin) -> bool {
        let lasting = self.copies.pins.values().filter(|kept| kept.is_lasting).count();
        let kept = self.copies.pins.get(&pin).copied();
        if kept.is_some_and(|kept| kept.is_lasting) {
            return true;
        }
        if lasting >= self.settings.pins_max {
            return false;
        }
        let kept = Kept { is_lasting: true, ..kept.unwrap_or_default() };
        self.want(pin.clone(), kept);
        self.write_pin(&pin, Some(kept.fed));
        true
    }

    /// A watch of all these keys has begun: they are wanted here until [`Store::unwatch_all`] was called as often.
    pub fn watch_all(&mut self, pin: Pin) {
        let kept = self.copies.pins.get(&pin).copied().unwrap_or_default();
        self.want(pin, Kept { watches: kept.watches + 1, ..kept });
    }

    fn want(&mut self, pin: Pin, kept: Kept) {
        if self.copies.pins.insert(pin.clone(), kept).is_none() {
            self.copies.fresh.push(pin);
        }
    }

    /// A watch of all these keys has ended. Copies that nothing else names are left.
    pub fn unwatch_all(&mut self, pin: &Pin) {
        let Some(kept) = self.copies.pins.get_mut(pin) else { return };
        kept.watches = kept.watches.saturating_sub(1);
        if kept.watches == 0 && !kept.is_lasting {
            self.end_pin(pin);
            self.trim_left();
        }
    }

    /// A watch of this key has begun: it is wanted here until [`Store::unwatch_key`] was called as often.
    pub fn watch_key(&mut self, key: &Key) {
        self.copies.keys.entry(key.clone()).or_default().watches += 1;
    }

    /// A watch of this key has ended. A copy that nothing else names is left.
    pub fn unwatch_key(&mut self, key: &Key) {
        let Some(kept) = self.copies.keys.get_mut(key) else { return };
        kept.watches = kept.watches.saturating_sub(1);
        if kept.watches > 0 {
            return;
        }
        self.copies.keys.remove(key);
        if let Some(bytes) = self.copy(key).map(|object| size(key, object)).filter(|_| !self.copies.wants(key)) {
            // A page may end hundreds of watches at once: only where it may be too much all of it is looked at.
            self.copies.has_left = true;
            self.copies.left_bytes += bytes;
            if self.copies.left_bytes > self.settings.left_bytes_max {
                self.trim_left();
            }
        }
    }

    /// Pins that this one covered are to be fed for themselves from now on.
    fn end_pin(&mut self, pin: &Pin) {
        self.copies.pins.remove(pin);
        let freed: Vec<Pin> = self.pins().filter(|other| pin.covers(other)).cloned().collect();
        self.copies.fresh.extend(freed);
    }

    /// What was pinned since the last call.
    pub fn take_pinned(&mut self) -> Vec<Pin> {
        core::mem::take(&mut self.copies.fresh)
    }

    fn write_pin(&mut self, pin: &Pin, fed: Option<Fed>) {
        let value = fed.map(|fed| postcard::to_allocvec(&fed).expect("a number always serialises to a Vec"));
        self.batch.ops.push(Op { table: Table::Meta, key: pin_row(pin).into(), value });
    }

    /// Keep it for good no longer: copies that neither another pin nor a watch names are dropped. Tells how many;
    /// `None`: it was not pinned for good.
    pub fn unpin(&mut self, pin: &Pin) -> Option<usize> {
        let kept = self.copies.pins.get_mut(pin).filter(|kept| kept.is_lasting)?;
        kept.is_lasting = false;
        if kept.watches == 0 {
            self.end_pin(pin);
        }
        self.write_pin(pin, None);
        let mut dropped = self.left();
        dropped.retain(|key| pin.names(key));
        dropped.iter().for_each(|key| self.drop_copy(key));
        Some(dropped.len())
    }

    /// The keys of copies that no pin names any more, nor a watch.
    fn left(&self) -> Vec<Key> {
        let keys = self.copies.objects.keys().map(|(_, key)| key);
        keys.filter(|key| !self.copies.wants(key)).cloned().collect()
    }

    /// What is left goes, if it is much.
    fn trim_left(&mut self) {
        let left = self.left();
        self.copies.has_left = !left.is_empty();
        let sizes = left.iter().filter_map(|key| self.copy(key).map(|object| size(key, object)));
        self.copies.left_bytes = sizes.sum();
        if self.copies.left_bytes > self.settings.left_bytes_max {
            left.iter().for_each(|key| self.drop_copy(key));
            self.copies.left_bytes = 0;
        }
    }

    /// What is pinned, in order; none that another one covers.
    pub fn pins(&self) -> impl Iterator<Item = &Pin> {
        // In order of their bytes, whoever is covered comes behind who covers it, and nobody else between them.
        let mut last: Option<&Pin> = None;
        self.copies.pins.keys().filter(move |pin| {
            let is_covered = last.is_some_and(|last| last.covers(pin));
            if !is_covered {
                last = Some(pin);
            }
            !is_covered
        })
    }

    /// Whether anything is pinned.
    pub fn has_pins(&self) -> bool {
        !self.copies.pins.is_empty()
    }

    /// Whether anything is wanted here: pinned, or watched.
    pub fn wants_any(&self) -> bool {
        self.has_pins() || !self.copies.keys.is_empty()
    }

    /// Whether a key is wanted here: a pin names it, or it is watched.
    pub fn wants(&self, key: &Key) -> bool {
        self.copies.wants(key)
    }

    /// All owners of what is pinned were compared with, at this minute of the wall clock. It is written down once an
    /// hour at most.
    pub fn note_fed(&mut self, pin: &Pin, minutes: u32) {
        let mut due = Vec::new();
        for (other, kept) in self.copies.pins.iter_mut().filter(|(other, _)| pin.covers(other)) {
            if minutes >= kept.fed.minutes + 60 {
                kept.fed.minutes = minutes;
                due.extend(kept.is_lasting.then(|| other.clone()));
            }
        }
        due.iter().for_each(|pin| self.write_pin(pin, Some(Fed { minutes })));
    }

    /// All owners of a key that is watched were compared with, at this minute of the wall clock.
    pub fn note_key_fed(&mut self, key: &Key, minutes: u32) {
        if let Some(kept) = self.copies.keys.get_mut(key) {
            kept.fed.minutes = kept.fed.minutes.max(minutes);
        }
    }

    /// Whether the copy of a key was compared with its owners since that minute.
    pub fn was_fed_since(&self, key: &Key, minutes: u32) -> bool {
        let is_fed = |kept: &Kept| kept.fed.minutes > 0 && kept.fed.minutes >= minutes;
        let by_pin = || self.copies.pins.iter().any(|(pin, kept)| pin.names(key) && is_fed(kept));
        self.copies.keys.get(key).is_some_and(is_fed) || by_pin()
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
        if other.is_unknown() || !self.copies.wants(key) || self.would_overflow(key, other) {
            return None;
        }
        let held = self.copy(key).cloned();
        if held.is_none() && !self.has_room() {
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

    /// Whether there is room for one more, if need be after what is left has gone.
    fn has_room(&mut self) -> bool {
        if self.copies.bytes >= self.settings.copy_bytes_max && core::mem::take(&mut self.copies.has_left) {
            self.left().iter().for_each(|key| self.drop_copy(key));
        }
        self.copies.bytes < self.settings.copy_bytes_max
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
        let (bytes, expiries) = (size(key, &object), expiries::of(&object));
        if let Some(old) = self.copies.objects.insert(place, Stored { object, fingerprint }) {
            self.copies.bytes -= size(key, &old.object);
            self.copies.expiries.forget(key, &old.object);
        }
        self.copies.bytes += bytes;
        self.copies.expiries.note(key, expiries);
    }

    /// Keep the copy of a key no longer.
    pub fn drop_copy(&mut self, key: &Key) {
        let place = self.place(key);
        let Some(old) = self.copies.objects.remove(&place) else { return };
        self.copies.bytes -= size(key, &old.object);
        self.copies.expiries.forget(key, &old.object);
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

    /// All rows are read: copies of which no pin was read are left.
    pub(super) fn settle_copies(&mut self) {
        self.trim_left();
        self.settings.marks.hit_if(Mark::CopiesRestored, || !self.copies.objects.is_empty());
    }

    /// What the disk should hold in this row. `None`: it is neither a pin's nor a copy's.
    pub(super) fn copy_row_value(&self, row: &[u8]) -> Option<Option<Vec<u8>>> {
        if let Some(pin) = row.strip_prefix(PINS) {
            let kept = Pin::from_bytes(pin).ok().and_then(|pin| self.copies.pins.get(&pin));
            let fed = kept.filter(|kept| kept.is_lasting).map(|kept| kept.fed);
            return Some(fed.map(|fed| postcard::to_allocvec(&fed).expect("a number always serialises to a Vec")));
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
mod tests;
