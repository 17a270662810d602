//! One machine on which all tabs run, that has only so much time for them: what a classroom's single laptop, or a test
//! of forty real tabs on two cores, does to a room. What a tab has to do waits in one row until a core is free.

use roundtable_core::time::Instant;

use super::{Happening, World};

/// What a connection costs on a machine of which nothing else is said: eight real tabs that gather spend 2.4 s on 28 of
/// them, all that they load included.
const CONNECTION_US: u64 = 50_000;

/// What work costs on the machine of all tabs.
#[derive(Debug, Clone)]
pub struct Machine {
    /// A frame: to send it, carry it and handle it.
    pub frame_us: u64,
    /// A connection, both ends of it.
    pub connection_us: u64,
    /// Until when each core has something to do, in microseconds.
    free_at_us: Vec<u64>,
}

impl Machine {
    /// A machine with nothing to do.
    pub fn new(cores: usize, frame_us: u64, connection_us: u64) -> Machine {
        Machine { frame_us, connection_us, free_at_us: vec![0; cores.max(1)] }
    }

    /// How long what comes now waits until it is begun, in milliseconds.
    pub fn behind_ms(&self, now: Instant) -> u64 {
        let first = self.free_at_us.iter().min().copied().unwrap_or_default();
        first.saturating_sub(now.0 * 1_000) / 1_000
    }

    /// When something is done that comes now.
    fn take(&mut self, now: Instant, cost_us: u64) -> Instant {
        let Some(core) = self.free_at_us.iter_mut().min() else { return now };
        *core = (*core).max(now.0 * 1_000) + cost_us;
        Instant(*core / 1_000)
    }
}

impl World {
    /// All tabs share a machine of two cores that takes so long for a frame; 0: whatever they have to do is done at
    /// once again, what has waited too.
    pub fn overload(&mut self, frame_us: u64) {
        self.tuning.machine = (frame_us > 0).then(|| Machine::new(2, frame_us, CONNECTION_US));
        let waiting = self.queue.iter().filter(|(_, happening)| matches!(happening, Happening::Done(_)));
        let waiting: Vec<(Instant, u64)> = waiting.map(|(key, _)| *key).collect();
        for key in waiting {
            if let Some(happening) = self.queue.remove(&key) {
                self.later(0, happening);
            }
        }
    }

    /// Whether something happens only later, for the machine has other things to do first: then it waits.
    pub(super) fn waits_for_machine(&mut self, happening: &Happening) -> bool {
        let Some(machine) = &mut self.tuning.machine else { return false };
        let cost_us = match happening {
            Happening::Frame { .. } => machine.frame_us,
            Happening::LinkOpens { .. } => machine.connection_us,
            _ => return false,
        };
        let done = machine.take(self.now, cost_us);
        if done <= self.now {
            return false;
        }
        self.later(done.since(self.now), Happening::Done(Box::new(happening.clone())));
        true
    }
}
