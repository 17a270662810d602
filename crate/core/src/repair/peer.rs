//! What one node knows of its comparisons with another: what is still to be compared, when, and what was found.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use super::{RETRY_MS, RETRY_MS_MAX, Task};
use crate::coordinator::Surroundings;
use crate::id::{NodeId, Pin};
use crate::ring::{RangeSet, Ring};
use crate::time::{Instant, Millis};

/// How many owners that do not answer are left aside in a comparison of copies.
pub(super) const PASSED_MAX: usize = 32;

#[derive(Debug, Clone, Default)]
pub(super) struct Peer {
    pub(super) tasks: VecDeque<Task>,
    /// Not before.
    pub(super) next: Instant,
    pub(super) failures: u32,
    /// It holds something that is incoming here, and was told to wait until what comes from another has come.
    pub(super) waits: bool,
    /// The ring for which the shared arcs were last found equal.
    pub(super) agreed: Option<u64>,
    /// Whether they were when the ring changed, for which nothing has been planned yet: in a large room.
    pub(super) was_agreed: bool,
    /// When gossip last said that the shared arcs are equal, and when it was last believed that they differ.
    pub(super) equal_at: Option<Instant>,
    pub(super) differed_at: Option<Instant>,
    /// When this node last asked for some part of a comparison.
    pub(super) asked_at: Option<Instant>,
    pub(super) shared: Option<Shared>,
    /// What it leads and this node does not own, by the ring of this hash, with these left aside.
    led: Option<((u64, Vec<NodeId>), RangeSet)>,
    /// For which ring what is pinned was last compared.
    pub(super) fed: BTreeMap<Pin, u64>,
}

/// What follows from a ring and is asked with every probe: kept until there is another one.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    /// By its hash.
    ring: u64,
    /// The arcs that both own.
    pub(super) arcs: RangeSet,
    /// The fingerprint of what this node holds there, and the version of the store that it is of.
    fingerprint: Option<(u64, [u8; 16])>,
}

impl Peer {
    /// That task comes first: it was begun, and is to be begun anew.
    pub(super) fn push_front(&mut self, task: Task) {
        if self.tasks.front() != Some(&task) {
            self.tasks.push_front(task);
        }
    }

    /// Whether owners have nothing more to compare, but to look again at what was found equal.
    pub(super) fn is_idle(&self, ring: &Ring) -> bool {
        let is_equal = self.agreed == Some(ring.hash());
        let is_nothing = |task: &Task| matches!(task, Task::Interest(_)) || is_equal && *task == Task::Shared;
        self.tasks.iter().all(is_nothing)
    }

    /// The part of the ring of which that node is the first owner that answers, and this node none.
    pub(super) fn led(&mut self, near: &Surroundings<'_>, with: NodeId) -> RangeSet {
        let by = (near.ring.hash(), passed(near));
        let arcs = match self.led.take() {
            Some((of, arcs)) if of == by => arcs,
            _ => near.ring.arcs_led(with, near.me, &by.1),
        };
        self.led.insert((by, arcs)).1.clone()
    }

    /// What both own.
    pub(super) fn shared(&mut self, near: &Surroundings<'_>, with: NodeId) -> &mut Shared {
        let ring = near.ring.hash();
        let known = self.shared.take().filter(|shared| shared.ring == ring);
        let find = || Shared { ring, arcs: near.ring.arcs_of_both(near.me, with), fingerprint: None };
        self.shared.insert(known.unwrap_or_else(find))
    }
}

impl Shared {
    /// What is held there, by the ring that says where that is.
    pub(super) fn fingerprint(&mut self, near: &Surroundings<'_>) -> [u8; 16] {
        let version = near.store.version();
        let known = self.fingerprint.filter(|(of, _)| *of == version);
        let find = || {
            let (ring, sum) = (self.ring.to_le_bytes(), near.store.sum(&self.arcs).fingerprint.to_le_bytes());
            near.membership.room().fingerprint(&[b"shared", &ring, &sum]).to_le_bytes()
        };
        let (_, fingerprint) = *self.fingerprint.insert(known.unwrap_or_else(|| (version, find())));
        fingerprint
    }
}

/// The owners that do not answer, as many as may be left aside.
pub(super) fn passed(near: &Surroundings<'_>) -> Vec<NodeId> {
    let answers = |id: &NodeId| *id == near.me || near.membership.answers(*id);
    near.ring.nodes().filter(|id| !answers(id)).take(PASSED_MAX).collect()
}

/// How long until a comparison is tried again that has failed so often in a row.
pub(super) fn backoff(failures: u32) -> Millis {
    (RETRY_MS << failures.saturating_sub(1).min(10)).min(RETRY_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_doubles_up_to_half_a_minute() {
        assert_eq!([1, 2, 3, 4, 40].map(backoff), [1_000, 2_000, 4_000, 8_000, 30_000]);
    }
}
