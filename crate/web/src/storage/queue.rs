//! Which batches go into the next transaction: the pure half of group commit.
//!
//! A transaction costs a millisecond or two whatever is in it, so every batch that arrives while one is in flight joins
//! the next. The first batch after a lull leaves in a task of its own, behind the messages that lie before the page
//! now: with all that the current task produces, and not before what it has to say to others. Where there may be no
//! next task, it leaves in this one. What comes soon after a commit may have to wait for company (`rest`).
//!
//! Order is kept: a commit is a prefix of what was queued, and of two changes of one row only the later is written.

use std::collections::{BTreeMap, VecDeque};

use roundtable_core::id::{BatchId, ShortBytes};
use roundtable_core::store::{Batch, Durability, Table};

/// Most rows of one transaction; a larger backlog takes several. Keeps one `complete` within tens of milliseconds.
const COMMIT_ROWS_MAX: usize = 4096;
/// Most bytes of one transaction.
const COMMIT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Batches that wait for the disk.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: VecDeque<(BatchId, Batch)>,
    rows: usize,
}

/// What one transaction writes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// The batches it makes durable, in the order in which they were queued.
    pub ids: Vec<BatchId>,
    /// Each row's last state; `None` deletes it.
    pub rows: BTreeMap<(Table, ShortBytes), Option<Vec<u8>>>,
    /// The strictest that a batch of it asks for.
    pub durability: Durability,
}

impl Queue {
    /// Append a batch.
    pub fn push(&mut self, id: BatchId, batch: Batch) {
        self.rows += batch.ops.len();
        self.waiting.push_back((id, batch));
    }

    /// Whether no batch waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many rows wait.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Take what the next transaction should write: as many batches from the front as fit, at least one.
    pub fn take_commit(&mut self) -> Option<Commit> {
        let mut commit = Commit::default();
        let (mut rows, mut bytes) = (0, 0);
        while let Some((_, batch)) = self.waiting.front() {
            rows += batch.ops.len();
            bytes += batch.ops.iter().map(|op| op.key.len() + op.value.as_ref().map_or(0, Vec::len)).sum::<usize>();
            if !commit.ids.is_empty() && (rows > COMMIT_ROWS_MAX || bytes > COMMIT_BYTES_MAX) {
                break;
            }
            if let Some((id, batch)) = self.waiting.pop_front() {
                self.rows -= batch.ops.len();
                commit.ids.push(id);
                commit.durability = commit.durability.max(batch.durability);
                commit.rows.extend(batch.ops.into_iter().map(|op| ((op.table, op.key), op.value)));
            }
        }
        (!commit.ids.is_empty()).then_some(commit)
    }
}

impl Commit {
    /// The tables it touches, each once.
    pub fn tables(&self) -> Vec<Table> {
        let mut tables: Vec<Table> = self.rows.keys().map(|(table, _)| *table).collect();
        tables.dedup();
        tables
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use roundtable_core::store::Op;

    fn batch(durability: Durability, ops: &[(Table, &str, Option<&str>)]) -> Batch {
        let op = |&(table, key, value): &(Table, &str, Option<&str>)| Op {
            table,
            key: key.as_bytes().into(),
            value: value.map(Into::into),
        };
        Batch { ops: ops.iter().map(op).collect(), durability }
    }

    #[test]
    fn all_that_waits_is_joined_in_order_and_the_strictest_asks_for_all() {
        let mut queue = Queue::default();
        queue.push(BatchId(1), batch(Durability::Relaxed, &[(Table::Objects, "a", Some("1"))]));
        queue.push(BatchId(2), batch(Durability::Strict, &[(Table::Meta, "m", Some("x"))]));
        queue.push(BatchId(3), batch(Durability::Relaxed, &[(Table::Objects, "a", None)]));
        let commit = queue.take_commit().unwrap();
        assert_eq!(commit.ids, [BatchId(1), BatchId(2), BatchId(3)]);
        assert_eq!(commit.durability, Durability::Strict);
        assert_eq!(commit.tables(), [Table::Objects, Table::Meta]);
        assert_eq!(commit.rows[&(Table::Objects, b"a"[..].into())], None);
        assert_eq!(queue.take_commit(), None);
    }

    #[test]
    fn a_backlog_takes_several_transactions_and_no_batch_is_torn() {
        let mut queue = Queue::default();
        let large = "x".repeat(COMMIT_BYTES_MAX);
        for id in 0..3 {
            queue.push(BatchId(id), batch(Durability::Relaxed, &[(Table::Objects, "a", Some(&large))]));
        }
        for id in 0..3 {
            assert_eq!(queue.take_commit().unwrap().ids, [BatchId(id)]);
        }
    }

    #[test]
    fn an_empty_batch_is_acknowledged_like_any_other() {
        let mut queue = Queue::default();
        queue.push(BatchId(7), Batch::default());
        assert_eq!(queue.take_commit().unwrap().ids, [BatchId(7)]);
    }
}
