//! Which part of the ring is whose: of one node, of two together, of whoever a question is about.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{RangeSet, Ring, holds};
use crate::id::{Inserted, NodeId, Position};

impl Ring {
    /// The arcs that these tokens end, which come in order.
    fn arcs(&self, tokens: impl Iterator<Item = usize>) -> RangeSet {
        let mut arcs = Vec::new();
        let mut has_first = false;
        for token in tokens {
            has_first |= token == 0;
            arcs.extend(self.arc(token));
        }
        arcs.extend(self.wrap().filter(|_| has_first));
        RangeSet::from_sorted(arcs)
    }

    /// The part of the ring whose owners satisfy `wanted`.
    pub fn arcs_where(&self, mut wanted: impl FnMut(&[NodeId]) -> bool) -> RangeSet {
        if self.is_everybodys() {
            let all: Vec<NodeId> = self.nodes().collect();
            return if wanted(&all) { RangeSet::full() } else { RangeSet::empty() };
        }
        let mut owners = Vec::with_capacity(self.depth);
        self.arcs((0..self.tokens.len()).filter(|&token| {
            owners.clear();
            owners.extend(self.owners_at(token).iter().map(|&place| self.id(place)));
            wanted(&owners)
        }))
    }

    /// Whether everybody owns everything; then only the order differs.
    fn is_everybodys(&self) -> bool {
        self.seats.len() <= self.n
    }

    /// The part of the ring that this place owns, where `also` holds of the places of all owners.
    fn arcs_at(&self, place: u16, also: impl Fn(&[u16]) -> bool) -> RangeSet {
        self.arcs(self.owned_by(place).filter(|&token| also(self.owners_at(token))))
    }

    /// The tokens of whose arcs this place is an owner, in order.
    fn owned_by(&self, place: u16) -> impl Iterator<Item = usize> {
        let (from, to) = (self.owned_from[usize::from(place)], self.owned_from[usize::from(place) + 1]);
        self.owned[from as usize..to as usize].iter().map(|&token| token as usize)
    }

    /// Who owns anything in this part of the ring, in the order of their ids.
    pub fn owners_within(&self, part: &RangeSet) -> BTreeSet<NodeId> {
        let mut places = BTreeSet::new();
        for range in part.ranges().filter(|_| !self.tokens.is_empty()) {
            for token in self.successor(Position(*range.start())).. {
                // What lies after the last token belongs to the first.
                places.extend(self.owners_at(token % self.tokens.len()).iter().copied());
                let end = self.tokens.get(token).map(|(position, _)| position.0);
                if end.is_none_or(|end| end < *range.start() || end >= *range.end()) {
                    break;
                }
            }
        }
        places.into_iter().map(|place| self.id(place)).inserted()
    }

    /// The part of the ring that this node owns.
    pub fn arcs_of(&self, id: NodeId) -> RangeSet {
        match self.place(id) {
            None => RangeSet::empty(),
            Some(_) if self.is_everybodys() => RangeSet::full(),
            Some(place) => self.arcs_at(place, |_| true),
        }
    }

    /// The part of the ring that both of these own.
    pub fn arcs_of_both(&self, one: NodeId, other: NodeId) -> RangeSet {
        match (self.place(one), self.place(other)) {
            (None, _) | (_, None) => RangeSet::empty(),
            _ if self.is_everybodys() => RangeSet::full(),
            (Some(one), Some(other)) => self.arcs_at(one, |owners| holds(owners, other)),
        }
    }

    /// What [`Ring::arcs_of_both`] tells of this node and each of those with whom it owns any part of the ring.
    pub fn arcs_of_both_by(&self, id: NodeId) -> BTreeMap<NodeId, RangeSet> {
        let Some(place) = self.place(id) else { return BTreeMap::new() };
        if self.is_everybodys() {
            return self.nodes().filter(|other| *other != id).map(|other| (other, RangeSet::full())).inserted();
        }
        let mut tokens: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        for token in self.owned_by(place) {
            for &other in self.owners_at(token).iter().filter(|&&other| other != place) {
                tokens.entry(other).or_default().push(token);
            }
        }
        tokens.into_iter().map(|(other, tokens)| (self.id(other), self.arcs(tokens.into_iter()))).inserted()
    }

    /// The part of the ring that the one owns and the other does not.
    pub fn arcs_of_first(&self, one: NodeId, other: NodeId) -> RangeSet {
        match (self.place(one), self.place(other)) {
            (None, _) => RangeSet::empty(),
            (Some(_), None) => self.arcs_of(one),
            _ if self.is_everybodys() => RangeSet::empty(),
            (Some(one), Some(other)) => self.arcs_at(one, |owners| !holds(owners, other)),
        }
    }

    /// The part of the ring of which the one is the first owner, those in `passed` left aside, and the other no owner
    /// at all.
    pub fn arcs_led(&self, one: NodeId, other: NodeId, passed: &[NodeId]) -> RangeSet {
        if self.place(one).is_none() || self.is_everybodys() && self.place(other).is_some() {
            return RangeSet::empty();
        }
        let first = |owners: &[NodeId]| owners.iter().copied().find(|owner| !passed.contains(owner));
        self.arcs_where(|owners| first(owners) == Some(one) && !owners.contains(&other))
    }
}
