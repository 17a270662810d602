//! The hybrid logical clock (Kulkarni, Demirbas, Madappa, Avva, Leone, "Logical Physical Clocks and Consistent
//! Snapshots in Globally Distributed Databases", OPODIS 2014, figure 5): wall time where that will do, else a count.

use serde::{Deserialize, Serialize};

use crate::time::WallTime;

/// A moment of a hybrid clock. Of two, the later is the one with the later wall time, or else the higher count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Stamp {
    /// The latest wall time that its clock had seen.
    pub wall: WallTime,
    /// Orders moments of one wall time.
    pub count: u32,
}
