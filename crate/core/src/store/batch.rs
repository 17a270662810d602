//! What the store asks the disk to do, and what the disk gave back at start.
//!
//! The disk is four ordered tables of byte strings. A [`Batch`] is applied whole or not at all, and batches in the
//! order in which they were handed out; a driver may join several into one transaction. The driver needs to understand
//! none of the bytes.

use alloc::vec::Vec;

use crate::id::ShortBytes;

/// One table of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Objects by key: siblings, tombstones included.
    Objects,
    /// Hints by key: for whom an object is still held.
    Hints,
    /// The signed records of members by node id.
    Members,
    /// This node's own state: its epoch, whether it stopped cleanly, its record's version.
    Meta,
}

impl Table {
    /// All of them, in a fixed order.
    pub const ALL: [Table; 4] = [Table::Objects, Table::Hints, Table::Members, Table::Meta];

    /// The name under which a driver keeps it.
    pub const fn name(self) -> &'static str {
        match self {
            Table::Objects => "objects",
            Table::Hints => "hints",
            Table::Members => "members",
            Table::Meta => "meta",
        }
    }
}

/// How sure the disk must be before it says that a batch is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Durability {
    /// Handed to the operating system: survives a crash of the tab or the browser.
    #[default]
    Relaxed,
    /// Flushed to the medium: survives a loss of power.
    Strict,
}

/// One change of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op {
    /// Which table.
    pub table: Table,
    /// Which row.
    pub key: ShortBytes,
    /// What to put there; `None` deletes the row.
    pub value: Option<Vec<u8>>,
}

/// Changes that become durable together or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// In order: of two changes of one row, the later holds.
    pub ops: Vec<Op>,
    /// How sure the disk must be.
    pub durability: Durability,
}

/// The rows of one database: table, key, value.
pub type Rows = Vec<(Table, Vec<u8>, Vec<u8>)>;

/// What the disk held when the node started.
#[derive(Debug, Clone, Default)]
pub struct Restored {
    /// This node's own database; empty for a new node.
    pub own: Rows,
    /// Copies of the databases that closed tabs of this device left behind. Their objects and hints are merged into
    /// this node's (merging is always safe) and made durable here; the sources are not changed.
    pub adopted: Vec<Rows>,
}

/// Why the disk could not make a batch durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersistError {
    /// The browser's quota, or the disk, is full.
    Quota,
    /// Anything else: the database was closed, deleted, or broke.
    Failed,
}
