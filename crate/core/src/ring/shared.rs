//! Rings that were made, so that none is made twice.
//!
//! A ring follows from who sits on it, whoever makes it. Where one process runs many nodes, as the simulator does, all
//! of them come to the same ring one by one, each by some milliseconds of hashing and sorting in a large room; there
//! they share it. Without the cargo feature `shared-verdicts` the type is of size zero and each node makes its own, so
//! a browser's build is none the larger.

use alloc::sync::Arc;
#[cfg(feature = "shared-verdicts")]
use alloc::{collections::VecDeque, rc::Rc};
#[cfg(feature = "shared-verdicts")]
use core::cell::RefCell;

use super::{PlainWalk, Ring, Seating};
use crate::id::Room;
use crate::planted::Planted;

/// How many are kept: while many nodes die, some are ahead of others.
#[cfg(feature = "shared-verdicts")]
const KEPT: usize = 64;

/// The rings that were last made. A clone is another handle to the same.
#[derive(Debug, Clone, Default)]
pub struct Rings {
    #[cfg(feature = "shared-verdicts")]
    known: Rc<RefCell<VecDeque<Arc<Ring>>>>,
}

#[cfg(not(feature = "shared-verdicts"))]
impl Rings {
    /// The ring of those who sit there, with the bug that was planted. `before`: another ring of this room, of which
    /// most are the same.
    pub(crate) fn of(&self, room: &Room, seating: Seating, before: &Ring, planted: Planted) -> Arc<Ring> {
        Arc::new(Ring::of::<PlainWalk>(room, seating, Some(before), planted))
    }
}

#[cfg(feature = "shared-verdicts")]
impl Rings {
    /// The ring of those who sit there, with the bug that was planted. `before`: another ring of this room, of which
    /// most are the same.
    pub(crate) fn of(&self, room: &Room, seating: Seating, before: &Ring, planted: Planted) -> Arc<Ring> {
        let mut known = self.known.borrow_mut();
        let is_it = |ring: &&Arc<Ring>| {
            (ring.hash, ring.n, ring.planted) == (seating.hash, seating.n, planted) && ring.seats == seating.seats
        };
        if let Some(ring) = known.iter().rev().find(is_it) {
            return ring.clone();
        }
        let ring = Arc::new(Ring::of::<PlainWalk>(room, seating, Some(before), planted));
        known.push_back(ring.clone());
        if known.len() > KEPT {
            known.pop_front();
        }
        ring
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{DeviceId, NodeId};
    use alloc::vec::Vec;

    fn seating(count: u8) -> (Room, Seating) {
        let room = Room::open("ring").unwrap();
        let nodes = (1..=count).map(|id| (NodeId::from_bytes([id; 16]), DeviceId::from_bytes([id; 16]), 8));
        let seating = Seating::new(&room, 3, nodes.collect::<Vec<_>>());
        (room, seating)
    }

    #[test]
    fn a_ring_that_is_shared_is_the_one_that_each_would_make() {
        let rings = Rings::default();
        let mut before = Arc::new(Ring::new(&Room::open("ring").unwrap(), 3, []));
        for count in [5, 6, 5, 7, 5] {
            let (room, seating) = seating(count);
            before = rings.of(&room, seating.clone(), &before, Planted::default());
            assert_eq!(*before, Ring::of::<PlainWalk>(&room, seating, None, Planted::default()));
        }
    }

    #[cfg(feature = "shared-verdicts")]
    #[test]
    fn a_ring_is_made_once_and_only_so_many_are_kept() {
        let rings = Rings::default();
        let of = |count| {
            let (room, seating) = seating(count);
            rings.clone().of(&room, seating, &Ring::new(&room, 3, []), Planted::default())
        };
        assert!(Arc::ptr_eq(&of(3), &of(3)));
        (4..200).for_each(|count| drop(of(count)));
        assert_eq!(rings.known.borrow().len(), KEPT);
    }
}
