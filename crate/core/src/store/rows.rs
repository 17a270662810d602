//! From rows to a store and back: what a node that starts takes in, what it adopts from closed tabs, and what it hands
//! over anew when the disk refused it.
//!
//! Rows that cannot be read are left where they are and counted. An object's row is the object; a tombstone's row says
//! after it since when it is held.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::copies::Copies;
use super::expiries::Expiries;
use super::graves::Graves;
use super::memo::Memo;
use super::shelf::{Shelf, Stored};
use super::{Batch, Changed, Hints, Mint, OBJECT_BYTES_MAX, Op, Restored, Rows, Settings, Store, Table, expiries};
use crate::clock::ACTORS_MAX;
use crate::id::{Key, NodeId, Position, Room, ShortBytes};
use crate::marks::Mark;
use crate::planted::Plant;
use crate::wire::{Object, SignedRecord, Version, append, size};

/// What a row takes beside what its object is said to: numbers of lengths and tags.
const ROW_BYTES_MORE: usize = 16;

/// What the disk gave back beside the objects.
#[derive(Debug, Clone, Default)]
pub struct Remembered {
    /// The records of members.
    pub records: Vec<SignedRecord>,
    /// Rows that could not be read, and were left on the disk as they are.
    pub unreadable: usize,
}

/// What came of a copy of another database.
#[derive(Debug, Clone, Default)]
pub struct Adopted {
    /// The keys of which something was new here.
    pub changed: Vec<(Key, Changed)>,
    /// Rows that could not be read.
    pub unreadable: usize,
}

/// What a row of [`Table::Objects`] holds; `None` if it cannot be read.
pub fn object_of_row(row: &[u8]) -> Option<Object> {
    postcard::take_from_bytes(row).ok().map(|(object, _)| object)
}

impl Store {
    /// Take in what the disk held. Rows that cannot be read are left alone and counted.
    pub fn restore(
        room: Room,
        node: NodeId,
        restored: Restored,
        mut random: fastrand::Rng,
        settings: Settings,
    ) -> (Store, Remembered) {
        let planted = settings.planted;
        let mint_row = restored.own.iter().find(|(table, key, _)| *table == Table::Meta && Mint::is_row(key));
        let (mint, epoch) = Mint::restore(node, mint_row.map(|row| &row.2[..]), &mut random, planted);
        let mut store = Store {
            room,
            objects: Shelf::with_room(0),
            expiries: Expiries::default(),
            graves: Graves::default(),
            hints: Hints::default(),
            copies: Copies::default(),
            mint,
            memo: Memo::default(),
            settings,
            random,
            records: BTreeMap::new(),
            unwritten: BTreeSet::new(),
            batch: Batch::default(),
            epochs: epoch.into_iter().collect(),
            live: 0,
            bytes: 0,
        };
        let (mut remembered, mut outdated) = (Remembered::default(), Vec::new());
        let mut objects = Vec::with_capacity(restored.own.len());
        for (table, key, value) in restored.own {
            let is_read = match table {
                Table::Objects => store.read_own(&key, &value).map(|object| objects.extend(object)).is_some(),
                Table::Hints if planted.has(Plant::ForgetHints) => true,
                Table::Hints => Key::from_bytes(&key).map(|key| store.hints.restore(key, &value)).is_ok(),
                Table::Members => postcard::from_bytes(&value).map(|record| remembered.records.push(record)).is_ok(),
                Table::Meta => {
                    if store.memo.restore(store.mint.actor().epoch, &key, &value) {
                        outdated.push(Op { table, key: key.into(), value: None });
                    } else if !store.restore_copy(&key, &value) {
                        store.graves.restore(&key, &value, store.settings.ghosts_max);
                    }
                    true
                }
            };
            remembered.unreadable += usize::from(!is_read);
        }
        store.load(objects);
        store.batch = Batch { ops: outdated, ..Batch::default() };
        store.settle_copies();
        store.hints.hand_over(&mut Vec::new());
        epoch.into_iter().for_each(|reason| store.mark_epoch(reason));
        store.settings.marks.hit_if(Mark::HintsRestored, || !store.hints.is_empty());
        for rows in restored.adopted.into_iter().filter(|_| !planted.has(Plant::AdoptNothing)) {
            remembered.unreadable += store.adopt(rows).unreadable;
        }
        (store, remembered)
    }

    /// An object of this node's own disk, where every key is one row: there is nothing to join it with. `Some(None)`:
    /// it is larger than what can be stored or sent, and stays on the disk.
    fn read_own(&mut self, key: &[u8], value: &[u8]) -> Option<Option<((Position, Key), Stored)>> {
        let key = Key::from_bytes(key).ok()?;
        let (object, rest) = postcard::take_from_bytes::<Object>(value).ok()?;
        self.watch(object.context());
        let bytes: usize = object.values().map(Version::size).sum();
        if object.is_unknown() || object.context().len() > ACTORS_MAX || bytes > OBJECT_BYTES_MAX {
            return Some(None);
        }
        let fingerprint = self.fingerprint_of(&key, &object);
        let position = self.room.position(&key);
        if object.is_tombstone() {
            // What follows a tombstone is since when it is held.
            let since = postcard::take_from_bytes(rest).map_or(0, |(since, _)| since);
            self.graves.note(position, &key, Some(since));
        }
        Some(Some(((position, key), Stored { object, fingerprint })))
    }

    /// Take in what was read of this node's own disk: all at once, and with nothing to tell the disk.
    fn load(&mut self, mut objects: Vec<((Position, Key), Stored)>) {
        for ((_, key), Stored { object, .. }) in &objects {
            self.count(object, key, u64::wrapping_add);
            self.expiries.note(key, expiries::of(object));
        }
        self.objects = Shelf::with_room(objects.len());
        // In the order of positions each part is filled at its end.
        objects.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        for ((position, key), stored) in objects {
            self.objects.insert(position, &key, stored);
        }
    }

    fn join_object(&mut self, key: &[u8], value: &[u8]) -> Option<(Key, Option<Changed>)> {
        let key = Key::from_bytes(key).ok()?;
        let (object, rest) = postcard::take_from_bytes::<Object>(value).ok()?;
        // What would overflow stays on the disk that it is from.
        let changed = self.merge(&key, &object).unwrap_or(None);
        // What follows a tombstone is since when it is held.
        if let Ok((since, _)) = postcard::take_from_bytes::<u32>(rest)
            && self.object(&key).is_some_and(|object| object.is_tombstone())
        {
            self.graves.note(self.room.position(&key), &key, Some(since));
        }
        Some((key, changed))
    }

    /// Merge what a closed tab of this device left behind. What it held and this node did not is held for whom it may
    /// concern: this node may not be an owner.
    pub fn adopt(&mut self, rows: Rows) -> Adopted {
        let mut adopted = Adopted::default();
        for (table, key, value) in rows {
            match table {
                Table::Objects => match self.join_object(&key, &value) {
                    Some((key, Some(changed))) => {
                        if !self.hints.contains(&key) {
                            self.settings.marks.hit(Mark::HintsAdopted);
                            self.hints.address(&key, BTreeSet::new());
                        }
                        adopted.changed.push((key, changed));
                    }
                    Some((_, None)) => {}
                    None => adopted.unreadable += 1,
                },
                Table::Hints => match Key::from_bytes(&key) {
                    Ok(key) if !self.hints.contains(&key) => {
                        self.settings.marks.hit(Mark::HintsAdopted);
                        self.hints.address(&key, BTreeSet::new());
                    }
                    Ok(_) => {}
                    Err(_) => adopted.unreadable += 1,
                },
                Table::Members | Table::Meta => {}
            }
        }
        adopted
    }

    /// The row of an object; a tombstone's says since when it is held.
    pub(super) fn object_row(&self, position: Position, key: &Key, object: &Object) -> Vec<u8> {
        let row = append(object, Vec::with_capacity(size(object) + ROW_BYTES_MORE));
        match object.is_tombstone() {
            true => append(&self.graves.since(position, key), row),
            false => row,
        }
    }

    /// What the disk should hold in a row of this node's own state. `None`: the mint's, or nobody's.
    fn meta_row_value(&self, row: &[u8]) -> Option<Option<Vec<u8>>> {
        let memo = self.memo.row_value(self.mint.actor().epoch, row);
        memo.or_else(|| self.graves.row_value(row)).or_else(|| self.copy_row_value(row))
    }

    /// The disk did not take these rows: hand them over again, as they are by now.
    pub fn retry(&mut self, rows: impl IntoIterator<Item = (Table, ShortBytes)>) {
        for (table, key) in rows {
            let value = match (table, Key::from_bytes(&key)) {
                (Table::Objects, Ok(name)) => {
                    self.object(&name).map(|object| self.object_row(self.room.position(&name), &name, &object))
                }
                (Table::Hints, Ok(name)) => self.hints.row(&name),
                (Table::Members, _) => {
                    let id = (*key).try_into().ok().map(NodeId::from_bytes);
                    id.and_then(|id| self.records.get(&id).cloned())
                }
                (Table::Meta, _) => {
                    match self.meta_row_value(&key) {
                        Some(value) => value,
                        // The mint writes its own row anew when it is opened.
                        None => continue,
                    }
                }
                _ => continue,
            };
            self.batch.ops.push(Op { table, key, value });
        }
    }
}
