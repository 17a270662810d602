//! Taking over what a closed tab of this device left behind, for good (DESIGN, Identity).
//!
//! The driver holds the slot's lock, so nobody runs under its name, and has copied its rows. They are merged, which is
//! always safe, and held for whom they may concern. When all of it is durable here the departure is signed in the slot's
//! own name, and when that is durable too the driver is told that the database may be deleted, and not before. If this
//! node's disk refuses any of it nothing is signed, and the slot is left for another day.

use alloc::vec::Vec;

use super::{Node, Output};
use crate::coordinator::{Reply, RequestError};
use crate::id::{KeyPair, RequestId};
use crate::store::{PersistError, Rows, Table};
use crate::time::Instant;
use crate::wire::{Record, SignedRecord};

/// One slot that is being taken over.
#[derive(Debug, Clone)]
struct Adoption {
    id: RequestId,
    /// The slot's own name, until its departure is signed.
    keys: Option<KeyPair>,
    /// What it last said of itself, as far as its disk knows.
    record: Option<Record>,
}

/// All that are under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Adoptions {
    open: Vec<Adoption>,
    /// Those that wait for what has just been written.
    pub(super) written: Vec<RequestId>,
    /// Those for which it has become durable.
    pub(super) durable: Vec<RequestId>,
}

impl Node {
    pub(super) fn adopt(&mut self, id: RequestId, keys: KeyPair, rows: Rows) {
        let own =
            |(table, key, _): &&(Table, Vec<u8>, Vec<u8>)| *table == Table::Members && key == keys.id().as_bytes();
        let record = rows.iter().find(own).and_then(|(_, _, value)| postcard::from_bytes::<SignedRecord>(value).ok());
        let record = record.map(|signed| signed.record().clone());
        let adopted = self.store.adopt(rows);
        self.scratch.changed.extend(adopted.changed.into_iter().map(|(key, changed)| (key, None, changed)));
        self.adoptions.open.push(Adoption { id, keys: Some(keys), record });
        self.adoptions.written.push(id);
    }

    /// What was written for these is durable: they depart, or are told that they have.
    pub(super) fn settle_adoptions(&mut self, now: Instant) {
        while let Some(id) = self.adoptions.durable.pop() {
            let Some(at) = self.adoptions.open.iter().position(|adoption| adoption.id == id) else { continue };
            let adoption = &mut self.adoptions.open[at];
            let record = adoption.record.take();
            let departs = adoption.keys.take().is_some_and(|keys| {
                self.membership.depart_for(now, &keys, record, self.wall.trusted(now), &mut self.scratch.out)
            });
            if departs {
                self.adoptions.written.push(id);
                self.settle_members(now);
                self.flush(now);
            } else {
                self.adoptions.open.remove(at);
                self.outputs.push_back(Output::Reply { id, result: Reply::Adopted });
            }
        }
    }

    /// The disk refused what was written for these.
    pub(super) fn refuse_adoptions(&mut self, refused: Vec<RequestId>, reason: PersistError) {
        self.adoptions.open.retain(|adoption| !refused.contains(&adoption.id));
        let failed = |id| Output::Reply { id, result: Reply::Failed(RequestError::from(reason)) };
        self.outputs.extend(refused.into_iter().map(failed));
    }
}
