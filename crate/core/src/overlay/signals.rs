//! How signals for links to come find their way. In a small room: over a neighbour, and over one more if that neighbour
//! has no link either. In a large one, nearer step by step, as messages of other kinds do (`routes`).

use alloc::vec::Vec;

use super::routes::{HOPS_MAX, Routes};
use crate::id::NodeId;
use crate::membership::Membership;
use crate::wire::{Message, Outbox};

/// How often a signal may be passed on in a small room, and through how many neighbours it is sent side by side.
const HOPS: u8 = 2;
const ROUTES: usize = 2;

/// A signal on its way.
#[derive(Debug, Clone)]
pub struct OnItsWay {
    /// Who sent it, by its own word.
    pub from: NodeId,
    /// Whom it is for.
    pub to: NodeId,
    /// How many more nodes may pass it on.
    pub hops: u8,
    /// Sealed.
    pub bytes: Vec<u8>,
}

/// What carries signals: the links there are, what is known of others', and where frames wait to be sent.
#[derive(Debug)]
pub struct Carrier<'a> {
    /// Who is linked.
    pub membership: &'a Membership,
    /// Whom others are linked with.
    pub routes: &'a Routes,
    /// Chooses among neighbours.
    pub random: &'a mut fastrand::Rng,
    /// To be sent.
    pub out: &'a mut Outbox,
}

impl Carrier<'_> {
    /// Bring a signal of this node's own to another, through whoever is linked.
    pub fn send(&mut self, me: NodeId, to: NodeId, bytes: Vec<u8>) {
        let signal = OnItsWay { from: me, to, hops: u8::MAX, bytes };
        // Who is linked needs no signal but to mend that link, which may carry nothing: then others do.
        if self.membership.links().contains(&to) {
            self.pass_over_neighbours(signal.clone(), me);
        }
        self.pass(signal, me);
    }

    /// Bring a signal on its way nearer to whom it is for: over the link if there is one, else over neighbours.
    pub fn pass(&mut self, signal: OnItsWay, came_from: NodeId) {
        if self.membership.links().contains(&signal.to) {
            let OnItsWay { from, to, bytes, .. } = signal;
            self.out.push((to, Message::Signal { from, to, hops: 0, bytes }));
        } else {
            self.pass_over_neighbours(signal, came_from);
        }
    }

    fn pass_over_neighbours(&mut self, signal: OnItsWay, came_from: NodeId) {
        let OnItsWay { from, to, hops, bytes } = signal;
        let is_sparse = self.membership.is_sparse();
        // Whoever passes it on lowers the count; a peer that sent a larger one gains nothing by it.
        let most = if is_sparse { HOPS_MAX } else { HOPS };
        let Some(hops) = hops.min(most).checked_sub(1) else { return };
        let is_free = |id: NodeId| id != came_from && id != from && id != to;
        let neighbours = if is_sparse {
            let count = if came_from == from { ROUTES } else { 1 };
            self.routes.toward(to, is_free, self.membership, self.random, count)
        } else {
            let links = self.membership.links().iter().copied();
            let mut neighbours: Vec<NodeId> = links.filter(|&id| is_free(id)).collect();
            crate::id::shuffle(self.random, &mut neighbours);
            neighbours.truncate(ROUTES);
            neighbours
        };
        for neighbour in neighbours {
            self.out.push((neighbour, Message::Signal { from, to, hops, bytes: bytes.clone() }));
        }
    }
}
