//! A virtual disk: tables of rows, changed by whole batches, which can be taken back to how it was.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use roundtable_core::id::ShortBytes;
use roundtable_core::store::{Batch, Rows, Table};

/// How many of the last batches can be undone.
pub(crate) const HISTORY_MAX: usize = 256;

type Row = (Table, ShortBytes);
/// What is in a row: copies of a disk, of which a history keeps many, share it.
type Value = Rc<[u8]>;

/// The rows that are durable.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    rows: BTreeMap<Row, Value>,
    /// What the rows of each of the last batches held before it, in the order of its changes.
    history: VecDeque<Vec<(Row, Option<Value>)>>,
    /// How many rows of objects and of hints it was ever told to change.
    data_changes: u64,
}

impl Disk {
    /// Make a batch durable.
    pub fn apply(&mut self, batch: Batch) {
        let mut before = Vec::with_capacity(batch.ops.len());
        for op in batch.ops {
            let row = (op.table, op.key);
            self.data_changes += u64::from(matches!(row.0, Table::Objects | Table::Hints));
            let old = match op.value {
                Some(value) => self.rows.insert(row.clone(), value.into()),
                None => self.rows.remove(&row),
            };
            before.push((row, old));
        }
        if self.history.len() >= HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back(before);
    }

    /// No more than so many of the last batches can be undone.
    pub fn forget(&mut self, undo_max: usize) {
        while self.history.len() > undo_max {
            self.history.pop_front();
        }
    }

    /// How many batches can be undone.
    pub fn history(&self) -> usize {
        self.history.len()
    }

    /// Take back the last batch. Tells whether there was one.
    pub fn undo(&mut self) -> bool {
        let Some(before) = self.history.pop_back() else { return false };
        for (row, old) in before.into_iter().rev() {
            match old {
                Some(value) => self.rows.insert(row, value),
                None => self.rows.remove(&row),
            };
        }
        true
    }

    /// What a node that starts is given.
    pub fn rows(&self) -> Rows {
        self.rows.iter().map(|((table, key), value)| (*table, key.to_vec(), value.to_vec())).collect()
    }

    /// One row.
    pub fn row(&self, table: Table, key: &[u8]) -> Option<&[u8]> {
        self.rows.get(&(table, key.into())).map(|value| &**value)
    }

    /// The rows of a table, in the order of their keys.
    pub fn table(&self, table: Table) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.rows.iter().filter(move |((of, _), _)| *of == table).map(|((_, key), value)| (&key[..], &value[..]))
    }

    /// How many rows of objects and of hints it was ever told to change.
    pub fn data_changes(&self) -> u64 {
        self.data_changes
    }

    /// About how many bytes of memory it takes, with what can be undone.
    pub fn bytes(&self) -> usize {
        let rows: usize = self.rows.iter().map(|((_, key), value)| 96 + key.len() + value.len()).sum();
        let undo = |(row, old): &(Row, Option<Value>)| 96 + row.1.len() + old.as_ref().map_or(0, |old| old.len());
        rows + self.history.iter().flatten().map(undo).sum::<usize>()
    }

    /// How many rows a table has.
    pub fn count(&self, table: Table) -> usize {
        self.rows.keys().filter(|(of, _)| *of == table).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use roundtable_core::store::{Durability, Op};

    fn batch(ops: &[(&str, Option<&str>)]) -> Batch {
        let op = |(key, value): &(&str, Option<&str>)| Op {
            table: Table::Objects,
            key: key.as_bytes().into(),
            value: value.map(|value| value.as_bytes().to_vec()),
        };
        Batch { ops: ops.iter().map(op).collect(), durability: Durability::Relaxed }
    }

    #[test]
    fn undoing_a_batch_brings_back_what_was_there() {
        let mut disk = Disk::default();
        disk.apply(batch(&[("a", Some("1"))]));
        let before = disk.rows();
        disk.apply(batch(&[("a", Some("2")), ("b", Some("1")), ("a", None)]));
        assert_eq!(disk.data_changes(), 4);
        assert_eq!(disk.row(Table::Objects, b"b"), Some(b"1".as_slice()));
        assert!(disk.undo());
        assert_eq!(disk.rows(), before);
        assert!(disk.undo() && !disk.undo());
        assert!(disk.rows().is_empty());
    }
}
