//! Feeding copies (DESIGN, Interest): what is pinned here, or watched as many keys, is compared with the first owner
//! of every arc that this node does not own. At once when it is pinned, when the ring changes and when an owner is
//! back; and every ten seconds, which is also how owners know whom to tell of changes (`coordinator::interest`). Equal
//! copies cost one round trip an owner.
//!
//! An owner that answers no more is left aside: whoever comes behind it is compared with at once, for what was written
//! before its silence was noticed was told by nobody.
//!
//! The session is like any other, about fewer objects and with one difference: it only takes. A copy of which the
//! owner holds nothing is asked after by name: what the owner remembers of a reaped tombstone takes it away; of which
//! it knows nothing at all is told to `handoff`.

use super::{Repair, Task};
use crate::coordinator::Surroundings;
use crate::id::{NodeId, Pin};
use crate::ring::Ring;
use crate::time::Millis;

/// How often what is pinned is compared with its owners: a third of what they keep in mind.
const FEED_MS: Millis = 10_000;

impl Repair {
    /// Something was pinned: compare it with everybody who may own some of it.
    pub fn on_pinned(&mut self, near: &Surroundings<'_>, pin: &Pin) {
        self.peers.values_mut().for_each(|peer| {
            peer.fed.remove(pin);
        });
        self.ask_for(near, pin);
        self.go_on_feeding(near);
    }

    /// An owner answers no more: compare everything with those behind it. Where nothing is pinned there is nothing to
    /// be fed anew, and what was fed before is forgotten when something is.
    pub(super) fn feed_anew(&mut self, near: &Surroundings<'_>) {
        if !near.store.has_pins() {
            return;
        }
        self.peers.values_mut().for_each(|peer| peer.fed.clear());
        near.store.pins().for_each(|pin| self.ask_for(near, pin));
    }

    pub(super) fn go_on_feeding(&mut self, near: &Surroundings<'_>) {
        if near.store.has_pins() {
            self.feeding.get_or_insert(near.now + FEED_MS);
        }
    }

    /// It is time to compare what is pinned.
    pub(super) fn feed(&mut self, near: &Surroundings<'_>) {
        if self.feeding.is_none_or(|due| due > near.now) {
            return;
        }
        self.feeding = None;
        self.go_on_feeding(near);
        for peer in self.peers.values_mut() {
            peer.fed.retain(|pin, _| near.store.pins().any(|other| other == pin));
        }
        near.store.pins().for_each(|pin| self.ask_for(near, pin));
    }

    fn ask_for(&mut self, near: &Surroundings<'_>, pin: &Pin) {
        self.starts.set(None);
        for (id, peer) in self.peers.iter_mut().filter(|(id, _)| near.ring.contains(**id)) {
            let task = Task::Interest(pin.clone());
            if !peer.tasks.contains(&task) {
                peer.tasks.push_back(task);
                self.planned.file(*id, peer);
            }
        }
    }

    /// Whether what is pinned was compared with all of these since the ring last changed, as far as they own anything.
    pub fn is_fed(&self, pin: &Pin, ring: &Ring, mut answering: impl Iterator<Item = NodeId>) -> bool {
        let is_fed_by =
            |id| self.peers.get(&id).is_some_and(|peer| peer.fed.get(pin).is_some_and(|of| *of == ring.hash()));
        answering.all(|id| !ring.contains(id) || is_fed_by(id))
    }
}
