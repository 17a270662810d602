//! Batches on their way to the disk, and what waits for them: acknowledgements to other nodes, dots that must not leave
//! before their epoch is durable, receipts.
//!
//! Batches become durable in order, so whoever waits for "all that is written by now" waits for the latest. When the
//! disk refuses one, whoever waited is told so, and its rows are handed over again, later and later.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{Begun, CLEAN_AFTER_MS, Event, Node, Output, near};
use crate::coordinator::Surroundings;
use crate::id::BatchId;
use crate::planted::Plant;
use crate::store::{PersistError, Store, Table};
use crate::time::{Instant, Millis};
use crate::wire::{Message, Outbox};

const RETRY_MS: Millis = 1_000;
const RETRY_MS_MAX: Millis = 30_000;

/// A batch that the disk has, and has not yet answered.
#[derive(Debug, Clone, Default)]
struct UnderWay {
    rows: Vec<(Table, Vec<u8>)>,
    writes: Begun,
    then_send: Outbox,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    next: u64,
    under_way: BTreeMap<BatchId, UnderWay>,
    refused: BTreeSet<(Table, Vec<u8>)>,
    failures: u32,
    retry_at: Option<Instant>,
}

impl Disk {
    /// Whether all that is held is on the disk.
    pub(super) fn is_clean(&self) -> bool {
        self.under_way.is_empty() && self.refused.is_empty()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.retry_at
    }
}

impl Node {
    /// Hand the disk what has changed, and let what waits for it wait.
    pub(super) fn flush(&mut self, now: Instant) {
        if self.clean_at.is_some_and(|due| due <= now) {
            // Only when nothing is on its way or refused is every minted dot known to be durable.
            if self.disk.is_clean() && self.store.mint().is_open() {
                self.store.close_mint();
            }
            self.clean_at = None;
        }
        let writes = self.coordinator.take_begun();
        if !writes.is_empty() && self.store.mint().is_open() {
            self.clean_at = Some(now + CLEAN_AFTER_MS);
        }
        let then_send = core::mem::take(&mut self.scratch.gated);
        if let Some(batch) = self.store.take_batch() {
            self.disk.next += 1;
            let id = BatchId(self.disk.next);
            let rows = batch.ops.iter().map(|op| (op.table, op.key.clone())).collect();
            self.disk.under_way.insert(id, UnderWay { rows, writes, then_send });
            self.outputs.push_back(Output::Persist { id, batch });
        } else if let Some(mut latest) = self.disk.under_way.last_entry() {
            latest.get_mut().writes.extend(writes);
            latest.get_mut().then_send.extend(then_send);
        } else {
            self.scratch.out.extend(then_send);
            self.coordinator.on_local(&mut near!(self, now), &writes, Ok(()));
        }
    }

    pub(super) fn on_persisted(&mut self, now: Instant, id: BatchId) {
        let Some(done) = self.disk.under_way.remove(&id) else { return };
        for row in &done.rows {
            self.disk.refused.remove(row);
        }
        if self.disk.refused.is_empty() {
            self.disk.failures = 0;
            self.disk.retry_at = None;
        }
        self.scratch.out.extend(done.then_send);
        self.coordinator.on_local(&mut near!(self, now), &done.writes, Ok(()));
        self.store.on_rows(&done.rows, true);
        if !self.store.mint().is_opening() {
            self.coordinator.resume(&mut near!(self, now));
        }
        if self.store.mint().is_open() && self.clean_at.is_none() {
            self.clean_at = Some(now + CLEAN_AFTER_MS);
        }
    }

    pub(super) fn on_persist_failed(&mut self, now: Instant, id: BatchId, reason: PersistError) {
        let Some(failed) = self.disk.under_way.remove(&id) else { return };
        let was_opening = self.store.mint().is_opening();
        self.store.on_rows(&failed.rows, false);
        self.disk.refused.extend(failed.rows.into_iter().filter(|(table, key)| !Store::is_mint_row(*table, key)));
        self.disk.failures += 1;
        let wait = (RETRY_MS << (self.disk.failures - 1).min(5)).min(RETRY_MS_MAX);
        self.disk.retry_at = Some(now + wait);
        let durable = self.config.limits.planted.has(Plant::AckThoughRefused);
        for (to, message) in failed.then_send {
            // What says "durable" now says that it is not.
            match message {
                Message::Stored { request, .. } => {
                    self.scratch.out.push((to, Message::Stored { request, durable }));
                }
                Message::Kept { batch, .. } => self.scratch.out.push((to, Message::Kept { batch, durable })),
                _ => {}
            }
        }
        self.coordinator.on_local(&mut near!(self, now), &failed.writes, Err(reason));
        if was_opening && !self.store.mint().is_opening() {
            self.coordinator.refuse(&mut near!(self, now), reason);
        }
        self.event(Event::PersistFailed { reason });
    }

    pub(super) fn retry_disk(&mut self, now: Instant) {
        if self.disk.retry_at.is_some_and(|due| due <= now) {
            self.disk.retry_at = None;
            self.store.retry(self.disk.refused.iter().cloned().collect::<Vec<_>>());
        }
    }
}
