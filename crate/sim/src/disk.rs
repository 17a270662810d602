//! A virtual disk: tables of rows, changed by whole batches.

use std::collections::BTreeMap;

use roundtable_core::store::{Batch, Rows, Table};

/// The rows that are durable.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    rows: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
}

impl Disk {
    /// Make a batch durable.
    pub fn apply(&mut self, batch: Batch) {
        for op in batch.ops {
            match op.value {
                Some(value) => self.rows.insert((op.table, op.key), value),
                None => self.rows.remove(&(op.table, op.key)),
            };
        }
    }

    /// What a node that starts is given.
    pub fn rows(&self) -> Rows {
        self.rows.iter().map(|((table, key), value)| (*table, key.clone(), value.clone())).collect()
    }

    /// How many rows a table has.
    pub fn count(&self, table: Table) -> usize {
        self.rows.keys().filter(|(of, _)| *of == table).count()
    }
}
