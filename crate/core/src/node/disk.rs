//! Batches on their way to the disk, and what waits for them: acknowledgements to other nodes, dots that must not leave
//! before their epoch is durable, receipts.
//!
//! Batches become durable in order, so whoever waits for "all that is written by now" waits for the latest. When the
//! disk refuses one, whoever waited is told so, and its rows are handed over again, later and later. Until they are
//! durable nobody else is told that all is: an object that is joined once more and does not change makes no batch of
//! its own, and the one that holds it may be the one that was refused. A disk that is gone for good is as one that has
//! refused everything, also what it once took.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::settle::keep_room;
use super::{Begun, CLEAN_AFTER_MS, Event, Node, Output, near};
use crate::coordinator::Surroundings;
use crate::id::{BatchId, NodeId, RequestId, ShortBytes};
use crate::marks::Mark;
use crate::planted::Plant;
use crate::store::{Batch, PersistError, Store, Table};
use crate::time::{Instant, Millis};
use crate::wire::{Message, Outbox};

/// How long others' records wait for company on their way to the disk.
const RECORDS_MS: Millis = 1_000;
const RETRY_MS: Millis = 1_000;
const RETRY_MS_MAX: Millis = 30_000;

/// After so many refusals in a row, some seven seconds, a node owns half of what it did, and half again as often as
/// this goes by: longer than it takes until strays are let go.
const LOWER_AFTER_FAILURES: u32 = 4;
const LOWER_EVERY_MS: Millis = 120_000;

/// How many acknowledgements wait for rows that the disk refused; more are told at once that they are not durable.
const PARKED_MAX: usize = 10_000;

/// Who waits until something is durable.
#[derive(Debug, Clone, Default)]
struct Waiting {
    writes: Begun,
    then_send: Outbox,
    adoptions: Vec<RequestId>,
}

impl Waiting {
    fn join(&mut self, other: Waiting) {
        self.writes.extend(other.writes);
        self.then_send.extend(other.then_send);
        self.adoptions.extend(other.adoptions);
    }

    fn len(&self) -> usize {
        self.writes.len() + self.then_send.len() + self.adoptions.len()
    }
}

/// A batch that the disk has, and has not yet answered.
#[derive(Debug, Clone)]
struct UnderWay {
    id: BatchId,
    /// Mostly one.
    rows: SmallVec<[(Table, ShortBytes); 1]>,
    waiting: Waiting,
    /// Whether nobody's word depends on it: others' records alone.
    is_hearsay: bool,
}

fn has_mint_row(batch: &UnderWay) -> bool {
    batch.rows.iter().any(|(table, key)| Store::is_mint_row(*table, key))
}

#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    next: u64,
    /// In the order of their numbers; mostly it answers the first.
    under_way: VecDeque<UnderWay>,
    refused: BTreeSet<(Table, ShortBytes)>,
    /// Who waits for "all that is held by now" while some of it was refused.
    parked: Waiting,
    failures: u32,
    is_lost: bool,
    reason: Option<PersistError>,
    lowered_at: Option<Instant>,
    retry_at: Option<Instant>,
    /// When others' records are written that are not on the disk.
    records_at: Option<Instant>,
}

impl Disk {
    /// Whether all that is held is on the disk.
    pub(super) fn is_clean(&self) -> bool {
        self.under_way.iter().all(|batch| batch.is_hearsay) && self.refused.is_empty() && !self.is_lost
    }

    /// Whether it has refused what it was last handed, and nothing shows that it takes more.
    pub(super) fn is_refusing(&self) -> bool {
        self.refuses_for().is_some()
    }

    /// Why it has.
    pub(super) fn refuses_for(&self) -> Option<PersistError> {
        if self.is_lost { Some(PersistError::Failed) } else { self.reason.filter(|_| self.failures > 0) }
    }

    /// Whether it has answered all that it was handed.
    pub(super) fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }

    /// A link has ended, and with it whatever was asked over it. Over the next one there may be another life of that
    /// node, which counts its requests from one again: what answers the last life would be taken for its own.
    pub(super) fn forget_answers(&mut self, id: NodeId) {
        let waiting = self.under_way.iter_mut().map(|batch| &mut batch.waiting).chain([&mut self.parked]);
        waiting.for_each(|waiting| waiting.then_send.retain(|(to, _)| *to != id));
    }

    fn take(&mut self, id: BatchId) -> Option<UnderWay> {
        let place = self.under_way.iter().position(|batch| batch.id == id)?;
        self.under_way.remove(place)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.retry_at.into_iter().chain(self.records_at).min()
    }

    /// This page may stop at any moment: nothing waits for company.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.records_at = self.records_at.map(|_| now);
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
        let (gated, adoptions) = (&mut self.scratch.gated, &mut self.adoptions.written);
        // Mostly there is none, and its room is kept.
        let then_send = if gated.is_empty() { Outbox::new() } else { core::mem::take(gated) };
        let waiting = Waiting { writes, then_send, adoptions: core::mem::take(adoptions) };
        if let Some(batch) = self.store.take_batch() {
            self.persist(batch, waiting, false);
        } else if let Some(latest) = self.disk.under_way.iter_mut().rev().find(|batch| !batch.is_hearsay) {
            latest.waiting.join(waiting);
        } else {
            self.release(now, waiting);
        }
        self.flush_records(now);
    }

    fn persist(&mut self, batch: Batch, waiting: Waiting, is_hearsay: bool) {
        self.disk.next += 1;
        let id = BatchId(self.disk.next);
        let mut rows = SmallVec::new();
        batch.ops.iter().for_each(|op| rows.push((op.table, op.key.clone())));
        self.disk.under_way.push_back(UnderWay { id, rows, waiting, is_hearsay });
        self.outputs.push_back(Output::Persist { id, batch });
    }

    /// Others' records wait a while for something else to be written, and nothing waits for them: when many come, a
    /// disk that all tabs of a browser share has enough to do.
    fn flush_records(&mut self, now: Instant) {
        if !self.store.has_unwritten() {
            self.disk.records_at = None;
        } else if *self.disk.records_at.get_or_insert(now + RECORDS_MS) <= now
            && let Some(batch) = self.store.take_records()
        {
            self.config.limits.marks.hit(Mark::RecordsAlone);
            self.persist(batch, Waiting::default(), true);
            self.disk.records_at = None;
        }
    }

    /// All that is held is durable, or was refused: then whoever waits goes on waiting, for it cannot be told apart
    /// which rows they wait for.
    fn release(&mut self, now: Instant, waiting: Waiting) {
        if waiting.len() == 0 {
            return;
        }
        if self.disk.is_lost {
            self.disown(now, waiting, PersistError::Failed);
        } else if self.disk.refused.is_empty() {
            let mut then_send = waiting.then_send;
            self.scratch.out.append(&mut then_send);
            keep_room(&mut self.scratch.gated, then_send);
            self.adoptions.durable.extend(waiting.adoptions);
            self.coordinator.on_local(&mut near!(self, now), &waiting.writes, Ok(()));
        } else if self.disk.parked.len() + waiting.len() <= PARKED_MAX {
            self.config.limits.marks.hit_if(Mark::AnswerParked, || waiting.len() > 0);
            self.disk.parked.join(waiting);
        } else {
            self.disown(now, waiting, PersistError::Failed);
        }
    }

    /// What says "durable" now says that it is not.
    fn disown(&mut self, now: Instant, waiting: Waiting, reason: PersistError) {
        let durable = self.config.limits.planted.has(Plant::AckThoughRefused);
        for (to, message) in waiting.then_send {
            match message {
                Message::Stored { request, is_owner, .. } => {
                    self.scratch.out.push((to, Message::Stored { request, durable, is_owner }));
                }
                Message::Kept { batch, .. } => self.scratch.out.push((to, Message::Kept { batch, durable })),
                _ => {}
            }
        }
        self.refuse_adoptions(waiting.adoptions, reason);
        self.coordinator.on_local(&mut near!(self, now), &waiting.writes, Err(reason));
    }

    pub(super) fn on_persisted(&mut self, now: Instant, id: BatchId) {
        let Some(done) = self.disk.take(id) else { return };
        for row in &done.rows {
            self.disk.refused.remove(row);
        }
        if self.disk.refused.is_empty() {
            if self.disk.is_refusing() {
                self.membership.revise();
            }
            self.disk.failures = 0;
            self.disk.retry_at = None;
            let parked = core::mem::take(&mut self.disk.parked);
            self.release(now, parked);
        } else {
            // It takes batches again: now is the time for what it refused.
            self.disk.retry_at = Some(now);
        }
        let says_mint = has_mint_row(&done);
        self.release(now, done.waiting);
        // Of several rows of the mint on their way only the last one says what it is: while the one that closed it
        // for a freeze becomes durable, the one that opens it again may not have.
        let is_outdated = says_mint && self.disk.under_way.iter().any(has_mint_row);
        if !is_outdated {
            self.store.on_rows(&done.rows, true);
        }
        if !self.store.mint().is_opening() {
            self.coordinator.resume(&mut near!(self, now));
        }
        if self.store.mint().is_open() && self.clean_at.is_none() {
            self.clean_at = Some(now + CLEAN_AFTER_MS);
        }
    }

    pub(super) fn on_persist_failed(&mut self, now: Instant, id: BatchId, reason: PersistError) {
        let Some(failed) = self.disk.take(id) else { return };
        let was_opening = self.store.mint().is_opening();
        self.store.on_rows(&failed.rows, false);
        self.disk.refused.extend(failed.rows.into_iter().filter(|(table, key)| !Store::is_mint_row(*table, key)));
        self.disk.failures += 1;
        if self.disk.reason.replace(reason) != Some(reason) || self.disk.failures == 1 {
            self.membership.revise();
        }
        let wait = (RETRY_MS << (self.disk.failures - 1).min(5)).min(RETRY_MS_MAX);
        self.disk.retry_at = Some(now + wait);
        let mut waiting = core::mem::take(&mut self.disk.parked);
        waiting.join(failed.waiting);
        self.disown(now, waiting, reason);
        if was_opening && !self.store.mint().is_opening() {
            self.config.limits.marks.hit(Mark::MintRefused);
            self.coordinator.refuse(&mut near!(self, now), reason);
        }
        self.event(Event::PersistFailed { reason });
        self.lower_capacity(now);
    }

    /// What the disk has not answered yet it still answers.
    pub(super) fn on_disk_lost(&mut self, now: Instant) {
        if core::mem::replace(&mut self.disk.is_lost, true) {
            return;
        }
        let parked = core::mem::take(&mut self.disk.parked);
        self.disown(now, parked, PersistError::Failed);
        self.repair.answering().vouch_no_more();
        self.membership.revise();
        self.event(Event::PersistFailed { reason: PersistError::Failed });
    }

    /// A disk that refuses again and again is to hold less: others take over what this node then no longer owns, and
    /// once they have it, it is let go here. A step at a time, for that takes a while.
    fn lower_capacity(&mut self, now: Instant) {
        let capacity = self.membership.own().record().capacity;
        let is_time = self.disk.lowered_at.is_none_or(|at| now.since(at) >= LOWER_EVERY_MS);
        if self.disk.failures >= LOWER_AFTER_FAILURES && capacity > 1 && is_time && !self.has_departed() {
            self.disk.lowered_at = Some(now);
            self.membership.set_capacity(capacity / 2, &mut self.scratch.out);
            self.event(Event::CapacityLowered { capacity: capacity / 2 });
        }
    }

    pub(super) fn retry_disk(&mut self, now: Instant) {
        if self.disk.retry_at.is_some_and(|due| due <= now) {
            self.disk.retry_at = None;
            self.config.limits.marks.hit_if(Mark::BatchRefused, || !self.disk.refused.is_empty());
            self.store.retry(self.disk.refused.iter().cloned().collect::<Vec<_>>());
        }
    }
}
