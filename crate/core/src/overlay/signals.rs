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

/// Bring a signal of this node's own to another, through whoever is linked.
pub fn send_signal(
    me: NodeId,
    to: NodeId,
    bytes: Vec<u8>,
    membership: &Membership,
    routes: &Routes,
    random: &mut fastrand::Rng,
    out: &mut Outbox,
) {
    let signal = OnItsWay { from: me, to, hops: u8::MAX, bytes };
    // Who is linked needs no signal but to mend that link, which may carry nothing: then others do.
    if membership.links().contains(&to) {
        pass_over_neighbours(signal.clone(), me, membership, routes, random, out);
    }
    pass_signal(signal, me, membership, routes, random, out);
}

/// Bring a signal on its way nearer to whom it is for: over the link if there is one, else over neighbours.
pub fn pass_signal(
    signal: OnItsWay,
    came_from: NodeId,
    membership: &Membership,
    routes: &Routes,
    random: &mut fastrand::Rng,
    out: &mut Outbox,
) {
    if membership.links().contains(&signal.to) {
        let OnItsWay { from, to, bytes, .. } = signal;
        out.push((to, Message::Signal { from, to, hops: 0, bytes }));
        return;
    }
    pass_over_neighbours(signal, came_from, membership, routes, random, out);
}

fn pass_over_neighbours(
    signal: OnItsWay,
    came_from: NodeId,
    membership: &Membership,
    routes: &Routes,
    random: &mut fastrand::Rng,
    out: &mut Outbox,
) {
    let OnItsWay { from, to, hops, bytes } = signal;
    // Whoever passes it on lowers the count; a peer that sent a larger one gains nothing by it.
    let most = if membership.is_sparse() { HOPS_MAX } else { HOPS };
    let Some(hops) = hops.min(most).checked_sub(1) else { return };
    let is_free = |id: NodeId| id != came_from && id != from && id != to;
    let neighbours = if membership.is_sparse() {
        let count = if came_from == from { ROUTES } else { 1 };
        routes.toward(to, is_free, membership, random, count)
    } else {
        let mut neighbours: Vec<NodeId> = membership.links().iter().copied().filter(|&id| is_free(id)).collect();
        crate::id::shuffle(random, &mut neighbours);
        neighbours.truncate(ROUTES);
        neighbours
    };
    for neighbour in neighbours {
        out.push((neighbour, Message::Signal { from, to, hops, bytes: bytes.clone() }));
    }
}
