//! How the world behaves: its network, its disks and the machine of its tabs.

use super::Machine;

/// How the world behaves. Spans are in milliseconds; shares are of a hundred frames.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// One way over a link: from, to.
    pub latency_ms: (u64, u64),
    /// Until a link that was asked for is open.
    pub dial_ms: (u64, u64),
    /// Until the other end of a link that died is told.
    pub silence_ms: u64,
    /// Until a batch is durable.
    pub disk_ms: (u64, u64),
    /// How many frames never arrive.
    pub loss_percent: u8,
    /// How many arrive twice.
    pub duplicate_percent: u8,
    /// How many do not keep their lane's order: they take up to `spike_ms` longer, and those behind overtake them.
    pub reorder_percent: u8,
    /// How many take longer by something within `spike_ms`, and hold up those behind.
    pub spike_percent: u8,
    /// How much longer those take: from, to.
    pub spike_ms: (u64, u64),
    /// How much longer at most a frame waits in a tab whose timers are throttled.
    pub throttled_late_ms: u64,
    /// How many bytes a lane carries in a millisecond; `None`: as many as there are.
    pub lane_bytes_per_ms: Option<u64>,
    /// How many bytes may wait on a lane. A driver closes the link of a peer that takes no more.
    pub lane_bytes_max: u64,
    /// How many of the open tabs hear of one that opens, and it of them; `None`: all.
    pub heard_by: Option<usize>,
    /// What all tabs run on; `None`: whatever they have to do is done at once.
    pub machine: Option<Machine>,
}

impl Default for Tuning {
    fn default() -> Tuning {
        Tuning {
            latency_ms: (1, 5),
            dial_ms: (100, 250),
            silence_ms: 5_000,
            disk_ms: (1, 6),
            loss_percent: 0,
            duplicate_percent: 0,
            reorder_percent: 0,
            spike_percent: 0,
            spike_ms: (20, 2_000),
            throttled_late_ms: 0,
            lane_bytes_per_ms: None,
            lane_bytes_max: 8 * 1024 * 1024,
            heard_by: None,
            machine: None,
        }
    }
}

impl Tuning {
    /// The network is as good again as it is by default.
    pub fn calm(&mut self) {
        self.loss_percent = 0;
        self.duplicate_percent = 0;
        self.reorder_percent = 0;
        self.spike_percent = 0;
        self.lane_bytes_per_ms = None;
    }
}
