//! What a store goes by: its limits, and what is planted and counted.

use crate::marks::Marks;
use crate::planted::Planted;

/// What a store goes by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many keys that were let go are remembered under one epoch.
    pub memo_keys_max: usize,
    /// How many reaped tombstones are remembered.
    pub ghosts_max: usize,
    /// How many buckets, or beginnings of names, are pinned.
    pub pins_max: usize,
    /// How many bytes of keys and values are held as copies of what others own.
    pub copy_bytes_max: u64,
    /// How many of these bytes stay when nobody wants them any more.
    pub left_bytes_max: u64,
    /// The bug it has on purpose, if any.
    pub planted: Planted,
    /// Who counts how often rare branches are taken.
    pub marks: Marks,
}

impl Default for Settings {
    fn default() -> Settings {
        let (planted, marks) = (Planted::default(), Marks::default());
        Settings {
            memo_keys_max: 10_000,
            ghosts_max: 20_000,
            pins_max: 64,
            copy_bytes_max: 1 << 29,
            left_bytes_max: 1 << 22,
            planted,
            marks,
        }
    }
}
