//! Tombstones: since when they are held, and what is remembered of those that were reaped.
//!
//! A tombstone is an object without values; it keeps a deleted value from coming back with somebody who has not heard
//! of the delete. When it is older than the horizon and all its owners hold the very same, it is reaped (see
//! `handoff`): the object goes, and a *ghost* stays, which is its clock alone, under a hash of its key. A ghost is
//! compared with nobody and sent to nobody. But whatever comes of its key, from a node that slept past the horizon or
//! a hint of last year, is joined with it as if the tombstone were still there; so a value that the delete had seen is
//! not revived, and one that it had not seen lives. It also keeps this node from minting as if it had never seen the
//! key. Ghosts are bounded in number, the oldest go first: a value revived by a sleeper of whom nobody remembers is the
//! worst that can come of it.
//!
//! Ages are in minutes of the wall clock, and only while another device has confirmed it; zero is an age not yet known.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Op, Settings, Table};
use crate::clock::VersionVector;
use crate::id::{Key, Position};
use crate::marks::Mark;

const PREFIX: &[u8] = b"reaped/";

/// What is left of a reaped tombstone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ghost {
    /// Ghosts are numbered in the order in which they came to be.
    number: u64,
    /// Of the tombstone, by which others ask for it.
    pub(super) fingerprint: u128,
    /// All that the tombstone had seen.
    pub(super) context: VersionVector,
}

/// Where a ghost is kept: the position of its key, and a hash of the key.
pub(super) type Place = (u64, u64);

/// Tombstones held, and ghosts of those reaped.
#[derive(Debug, Clone, Default)]
pub(super) struct Graves {
    since: BTreeMap<(Position, Key), u32>,
    ghosts: BTreeMap<Place, Ghost>,
    by_number: BTreeMap<u64, Place>,
}

impl Graves {
    /// An object has become a tombstone, or another one; or, `None`, is none any more.
    pub(super) fn note(&mut self, position: Position, key: &Key, since: Option<u32>) {
        if let Some(minutes) = since {
            self.since.insert((position, key.clone()), minutes);
        } else if !self.since.is_empty() {
            self.since.remove(&(position, key.clone()));
        }
    }

    /// Since when this tombstone is held, in minutes of the wall clock; zero if that is not known.
    pub(super) fn since(&self, position: Position, key: &Key) -> u32 {
        self.since.get(&(position, key.clone())).copied().unwrap_or(0)
    }

    /// Tombstones held since that minute or longer.
    pub(super) fn older_than(&self, minutes: u32) -> impl Iterator<Item = (Position, &Key)> {
        let is_old = move |since: u32| since > 0 && since <= minutes;
        self.since.iter().filter(move |(_, since)| is_old(**since)).map(|((position, key), _)| (*position, key))
    }

    /// Tombstones whose age is not known.
    pub(super) fn of_unknown_age(&self) -> impl Iterator<Item = &(Position, Key)> {
        self.since.iter().filter(|(_, since)| **since == 0).map(|(place, _)| place)
    }

    pub(super) fn has_ghosts(&self) -> bool {
        !self.ghosts.is_empty()
    }

    pub(super) fn ghost(&self, place: &Place) -> Option<&Ghost> {
        self.ghosts.get(place)
    }

    /// Whether a tombstone of this fingerprint was reaped at this position.
    pub(super) fn is_reaped(&self, position: u64, fingerprint: u128) -> bool {
        self.ghosts.range((position, 0)..=(position, u64::MAX)).any(|(_, ghost)| ghost.fingerprint == fingerprint)
    }

    /// A tombstone was reaped. The rows to write; and the ghost that is forgotten for it, if there are too many.
    pub(super) fn reap(
        &mut self,
        place: Place,
        fingerprint: u128,
        context: VersionVector,
        settings: &Settings,
    ) -> Vec<Op> {
        let number = self.by_number.last_key_value().map_or(0, |(last, _)| last + 1);
        let mut ops: Vec<Op> = self.forget(&place).into_iter().collect();
        if self.ghosts.len() >= settings.ghosts_max
            && let Some(oldest) = self.by_number.first_key_value().map(|(_, place)| *place)
        {
            settings.marks.hit(Mark::GhostForgotten);
            ops.extend(self.forget(&oldest));
        }
        let ghost = Ghost { number, fingerprint, context };
        let value = postcard::to_allocvec(&ghost).expect("a ghost always serialises to a Vec");
        ops.push(Op { table: Table::Meta, key: row(&place).into(), value: Some(value) });
        self.by_number.insert(number, place);
        self.ghosts.insert(place, ghost);
        ops
    }

    /// Something is held of the key again, or the ghost is too old: the row to delete, if there was one.
    pub(super) fn forget(&mut self, place: &Place) -> Option<Op> {
        let ghost = self.ghosts.remove(place)?;
        self.by_number.remove(&ghost.number);
        Some(Op { table: Table::Meta, key: row(place).into(), value: None })
    }

    /// Take in a row of the disk, if it is a ghost's. One that cannot be read is left where it is.
    pub(super) fn restore(&mut self, key: &[u8], value: &[u8], ghosts_max: usize) {
        let ghost = postcard::from_bytes::<Ghost>(value).ok();
        if let (Some(place), Some(ghost)) = (place(key), ghost)
            && self.ghosts.len() < ghosts_max
        {
            self.by_number.insert(ghost.number, place);
            self.ghosts.insert(place, ghost);
        }
    }

    /// What the disk should hold in this row. `None`: it is not a ghost's.
    pub(super) fn row_value(&self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        let ghost = self.ghosts.get(&place(key)?);
        Some(ghost.map(|ghost| postcard::to_allocvec(ghost).expect("a ghost always serialises to a Vec")))
    }
}

fn row(place: &Place) -> Vec<u8> {
    [PREFIX, &place.0.to_be_bytes(), &place.1.to_be_bytes()].concat()
}

fn place(row: &[u8]) -> Option<Place> {
    let (position, hash) = row.strip_prefix(PREFIX)?.split_at_checked(8)?;
    Some((u64::from_be_bytes(position.try_into().ok()?), u64::from_be_bytes(hash.try_into().ok()?)))
}
