//! Which neighbour is the best way to somebody without a link: the one that itself, or by one of its links, is nearest
//! to it on the ring of ids.
//!
//! Some fifteen neighbours tell of as many links each, and a relay asks with every message that it passes on. So all
//! that they are linked with lies in one list by id, and it is looked through outward from whom it is for: mostly the
//! first found is enough.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::iter::Peekable;

use super::choice::distance;
use crate::id::NodeId;

/// What the neighbours have told of their links.
#[derive(Debug, Clone, Default)]
pub(super) struct Ways {
    /// With whom each is linked, and whether it wants that link.
    neighbours: BTreeMap<NodeId, Vec<(NodeId, bool)>>,
    /// The same, by whom it leads to: who, and over which neighbour.
    beyond: Vec<(NodeId, NodeId)>,
}

impl Ways {
    /// A neighbour tells of its links.
    pub(super) fn told(&mut self, neighbour: NodeId, links: Vec<(NodeId, bool)>) {
        let ids = |links: &[(NodeId, bool)]| links.iter().map(|(id, _)| *id).collect::<Vec<NodeId>>();
        let before = self.neighbours.insert(neighbour, links.clone());
        if before.is_none_or(|before| ids(&before) != ids(&links)) {
            self.beyond.retain(|(_, way)| *way != neighbour);
            self.beyond.extend(links.into_iter().map(|(id, _)| (id, neighbour)));
            self.beyond.sort();
        }
    }

    /// There is no link with it any more.
    pub(super) fn forget(&mut self, neighbour: NodeId) {
        if self.neighbours.remove(&neighbour).is_some() {
            self.beyond.retain(|(_, way)| *way != neighbour);
        }
    }

    /// With whom a neighbour is linked, and whether it wants that; `None`: it has not said.
    pub(super) fn links_of(&self, neighbour: NodeId) -> Option<&[(NodeId, bool)]> {
        self.neighbours.get(&neighbour).map(Vec::as_slice)
    }

    /// How near a neighbour, or one of its links, is to a node.
    pub(super) fn reach_of(&self, neighbour: NodeId, to: NodeId) -> u128 {
        let beyond = self.links_of(neighbour).into_iter().flatten();
        beyond.map(|(other, _)| distance(*other, to)).fold(distance(neighbour, to), u128::min)
    }

    /// These neighbours, best first; those equally near in the order in which they are given.
    pub(super) fn nearest(&self, to: NodeId, neighbours: Vec<NodeId>) -> impl Iterator<Item = NodeId> {
        let (before, after) = self.beyond.split_at(self.beyond.partition_point(|(id, _)| *id < to));
        let mut up = after.iter().chain(before).peekable();
        let mut down = before.iter().rev().chain(after.iter().rev()).peekable();
        let mut left: Vec<(u128, NodeId)> = neighbours.into_iter().map(|way| (distance(way, to), way)).collect();
        let mut found = VecDeque::new();
        core::iter::from_fn(move || {
            while found.is_empty() {
                let heads = [up.peek(), down.peek()].into_iter().flatten().map(|(id, _)| distance(*id, to));
                // What lies beyond the other side of the ring is met a second time, and by then is no news.
                let nearest = left.iter().map(|(near, _)| *near).min()?.min(heads.min().unwrap_or(u128::MAX));
                let mut over = Vec::new();
                take_while_at(&mut up, to, nearest, &mut over);
                take_while_at(&mut down, to, nearest, &mut over);
                left.retain(|(near, way)| {
                    let is_here = *near == nearest || over.contains(way);
                    found.extend(is_here.then_some(*way));
                    !is_here
                });
            }
            found.pop_front()
        })
    }
}

/// The neighbours over which somebody is reached who is so far from there, and comes next.
fn take_while_at<'a>(
    side: &mut Peekable<impl Iterator<Item = &'a (NodeId, NodeId)>>,
    to: NodeId,
    at: u128,
    over: &mut Vec<NodeId>,
) {
    while let Some((_, way)) = side.next_if(|(id, _)| distance(*id, to) == at) {
        over.push(*way);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_come_in_the_order_of_how_near_they_lead_and_as_given_where_that_is_the_same() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut id = || NodeId::from_bytes(core::array::from_fn(|at| if at == 0 { random.u8(0..32) * 8 } else { 0 }));
        for _ in 0..500 {
            let mut ways = Ways::default();
            let neighbours: Vec<NodeId> = (0..6).map(|_| id()).collect();
            for neighbour in &neighbours {
                ways.told(*neighbour, (0..5).map(|_| (id(), true)).collect());
                ways.told(*neighbour, (0..5).map(|_| (id(), true)).collect());
            }
            ways.forget(neighbours[0]);
            let (to, mut given) = (id(), neighbours);
            given.sort();
            given.dedup();
            given.reverse();
            let found: Vec<NodeId> = ways.nearest(to, given.clone()).collect();
            given.sort_by_key(|way| ways.reach_of(*way, to));
            assert_eq!(found, given);
        }
    }
}
