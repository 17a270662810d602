//! Up to where this node's present actor had minted on keys that it no longer holds. See [`super::mint`] for why.
//!
//! It is sent to nobody, lies on the disk beside the mint, holds for one epoch, and is bounded: what does not fit
//! begins a new epoch, under which nothing has been minted yet, and the memo is empty again.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::{Op, Table};
use crate::id::Key;

const PREFIX: &[u8] = b"memo/";

/// Counters by key.
#[derive(Debug, Clone, Default)]
pub(super) struct Memo {
    counters: BTreeMap<Key, u64>,
}

impl Memo {
    /// Take in a row of the disk, if it is one of these and of this epoch. Tells whether it is one of an epoch that has
    /// ended, which can be deleted.
    pub(super) fn restore(&mut self, epoch: u64, row: &[u8], value: &[u8]) -> bool {
        let Some(key) = row.strip_prefix(PREFIX).and_then(|bytes| Key::from_bytes(bytes).ok()) else { return false };
        match postcard::from_bytes::<(u64, u64)>(value) {
            Ok((of, counter)) if of == epoch => {
                self.counters.insert(key, counter);
                false
            }
            _ => true,
        }
    }

    /// Up to where the present actor has minted on a key that was let go; zero if it never did.
    pub(super) fn counter(&self, key: &Key) -> u64 {
        self.counters.get(key).copied().unwrap_or(0)
    }

    /// A key is let go. `None`: the memo is full.
    pub(super) fn remember(&mut self, epoch: u64, key: &Key, counter: u64, keys_max: usize) -> Option<Op> {
        if self.counters.len() >= keys_max && !self.counters.contains_key(key) {
            return None;
        }
        let counter = counter.max(self.counter(key));
        self.counters.insert(key.clone(), counter);
        Some(Op { table: Table::Meta, key: row(key).into(), value: Some(value(epoch, counter)) })
    }

    /// A new epoch: nothing has been minted under it. The rows that are to be deleted.
    pub(super) fn clear(&mut self) -> Vec<Op> {
        let gone = core::mem::take(&mut self.counters);
        gone.keys().map(|key| Op { table: Table::Meta, key: row(key).into(), value: None }).collect()
    }

    /// What the disk should hold in this row. `None`: it is not one of these.
    pub(super) fn row_value(&self, epoch: u64, row: &[u8]) -> Option<Option<Vec<u8>>> {
        let key = Key::from_bytes(row.strip_prefix(PREFIX)?).ok()?;
        Some(self.counters.get(&key).map(|&counter| value(epoch, counter)))
    }
}

fn row(key: &Key) -> Vec<u8> {
    [PREFIX, key.as_bytes()].concat()
}

fn value(epoch: u64, counter: u64) -> Vec<u8> {
    postcard::to_allocvec(&(epoch, counter)).expect("two numbers always serialise to a Vec")
}
