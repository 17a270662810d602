//! How signals for links to come find their way. In a small room: over two neighbours, and from each over one more as
//! long as none has the link. In a large one, nearer step by step, as messages of other kinds do (`routes`).
//!
//! Where a signal of somebody has just come from, or the first word of a newcomer, there is a way back: a *trail*. It
//! is followed before anything is guessed, so that an answer goes the way of what it answers, once, and a newcomer who
//! has one link is found by those who heard of it. Who follows a trail in vain says it all again after a second
//! (drivers do), and by then there mostly is another one. Where answers take long, nothing is sent side by side: of a
//! room of 24 that meets, about half of all signals were copies.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::routes::{HOPS_MAX, Routes};
use crate::id::NodeId;
use crate::membership::Membership;
use crate::time::{Instant, Millis};
use crate::wire::{Message, Outbox};

/// How often a signal may be passed on in a small room, and through how many neighbours it is sent side by side.
const HOPS: u8 = 3;
const ROUTES: usize = 2;
/// For how long a trail is followed, and how many are remembered.
const TRAIL_MS: Millis = 3_000;
const TRAILS_MAX: usize = 128;

/// Over which neighbours others were heard last.
#[derive(Debug, Clone, Default)]
pub struct Trails(BTreeMap<NodeId, (NodeId, Instant)>);

impl Trails {
    /// Something of that node has come over this link.
    pub fn note(&mut self, now: Instant, of: NodeId, link: NodeId) {
        if of == link {
            return;
        }
        if self.0.len() >= TRAILS_MAX && !self.0.contains_key(&of) {
            let oldest = self.0.iter().min_by_key(|(_, (_, at))| *at).map(|(id, _)| *id);
            oldest.map(|id| self.0.remove(&id));
        }
        self.0.insert(of, (link, now));
    }

    /// The link over which it came, if that was but now.
    fn back_to(&self, now: Instant, to: NodeId, membership: &Membership) -> Option<NodeId> {
        let (link, at) = self.0.get(&to)?;
        (now.since(*at) < membership.patience_ms(TRAIL_MS)).then_some(*link)
    }
}

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
    /// Where they came from.
    pub trails: &'a Trails,
    /// Now.
    pub now: Instant,
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
        let links = self.membership.links();
        let is_free = |id: NodeId| id != came_from && id != from && id != to;
        let trail = self.trails.back_to(self.now, to, self.membership);
        let neighbours = if let Some(link) = trail.filter(|link| is_free(*link) && links.contains(link)) {
            alloc::vec![link]
        } else if is_sparse {
            let count = if came_from == from && !self.membership.is_late() { ROUTES } else { 1 };
            self.routes.toward(to, is_free, self.membership, self.random, count)
        } else {
            let mut neighbours: Vec<NodeId> = links.iter().copied().filter(|&id| is_free(id)).collect();
            crate::id::shuffle(self.random, &mut neighbours);
            let is_own = came_from == self.membership.own().id();
            neighbours.truncate(if is_own && !self.membership.is_late() { ROUTES } else { 1 });
            neighbours
        };
        for neighbour in neighbours {
            self.out.push((neighbour, Message::Signal { from, to, hops, bytes: bytes.clone() }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::member;
    use alloc::vec;

    fn id(first: u8) -> NodeId {
        NodeId::from_bytes([first; 16])
    }

    /// Over whom a signal of a node with five links leaves for one with whom it has none.
    fn leaves_by(trails: &Trails, now: u64) -> Vec<NodeId> {
        let (mut a, mut out) = (member(1), vec![]);
        (10..15).for_each(|link| a.link_up(id(link), &mut vec![]));
        let mut random = fastrand::Rng::with_seed(now);
        let routes = Routes::default();
        let mut carrier =
            Carrier { membership: &a, routes: &routes, trails, now: Instant(now), random: &mut random, out: &mut out };
        carrier.send(a.own().id(), id(99), vec![1]);
        out.into_iter().map(|(to, _)| to).collect()
    }

    #[test]
    fn a_signal_goes_back_by_the_way_that_the_other_was_heard_and_by_two_where_there_is_none() {
        let mut trails = Trails::default();
        assert_eq!(leaves_by(&trails, 1_000).len(), ROUTES);
        trails.note(Instant(1_000), id(99), id(12));
        (1_000..1_020).for_each(|now| assert_eq!(leaves_by(&trails, now), [id(12)]));
        assert_eq!(leaves_by(&trails, 1_000 + TRAIL_MS).len(), ROUTES, "that was long ago");
        trails.note(Instant(9_000), id(99), id(77));
        assert_eq!(leaves_by(&trails, 9_000).len(), ROUTES, "with whom there is no link any more");
    }

    #[test]
    fn as_many_trails_are_remembered_as_there_may_be_and_the_oldest_makes_room() {
        let mut trails = Trails::default();
        let of = |number: u16| {
            let mut bytes = [0; 16];
            bytes[..2].copy_from_slice(&number.to_be_bytes());
            NodeId::from_bytes(bytes)
        };
        (0..1_000).for_each(|number| trails.note(Instant(u64::from(number)), of(number), id(12)));
        assert_eq!(trails.0.len(), TRAILS_MAX);
        assert!(trails.0.contains_key(&of(999)) && !trails.0.contains_key(&of(0)));
    }
}
