//! Where a key lives: consistent hashing with virtual nodes (Karger et al., STOC 1997; DeCandia et al., "Dynamo", SOSP
//! 2007, §4.2–4.3).
//!
//! A node of capacity *c* has *c* tokens, hashes of its id, so the ring follows from the member records alone. The
//! preference list of a position is the clockwise walk over tokens that takes distinct *devices* first and only then
//! further nodes of devices already taken: three tabs of one browser are one disk. The first N are the owners, the rest
//! fallbacks in order. The same records give the same lists on every node; there is no table to agree on.
//!
//! Invariant: on every arc, the wrap included, the owners are min(N, nodes) distinct nodes, and on distinct devices as
//! far as there are devices.
//!
//! It does not know who is suspect: a suspect node keeps its place (see `membership`), only dormant ones are left out.

mod ranges;
#[cfg(test)]
mod tests;

pub(crate) use ranges::PART_DEPTH_MAX;
pub use ranges::RangeSet;

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::id::{DeviceId, NodeId, Position, Room};
use crate::planted::{Plant, Planted};

/// One node of the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seat {
    id: NodeId,
    device: DeviceId,
    capacity: u16,
}

/// Where everything lives, by one set of member records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    n: usize,
    /// In the order of the ids.
    seats: Vec<Seat>,
    devices: usize,
    /// Clockwise; each with the place of its node among the seats.
    tokens: Vec<(Position, u16)>,
    hash: u64,
    planted: Planted,
}

/// Who keeps a position: owners first, then fallbacks in the order in which they stand in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PreferenceList {
    nodes: Vec<NodeId>,
    owners: usize,
}

impl PreferenceList {
    /// The first N.
    pub fn owners(&self) -> &[NodeId] {
        &self.nodes[..self.owners]
    }

    /// All others, in the order in which they stand in.
    pub fn fallbacks(&self) -> &[NodeId] {
        &self.nodes[self.owners..]
    }
}

impl Ring {
    /// The ring of these nodes, which keeps `n` copies.
    pub fn new(room: &Room, n: u8, nodes: impl IntoIterator<Item = (NodeId, DeviceId, u16)>) -> Ring {
        let mut seats: Vec<Seat> =
            nodes.into_iter().map(|(id, device, capacity)| Seat { id, device, capacity }).collect();
        seats.sort_unstable_by_key(|seat| seat.id);
        seats.dedup_by_key(|seat| seat.id);
        seats.truncate(usize::from(u16::MAX));
        let mut tokens: Vec<(Position, u16)> = seats
            .iter()
            .zip(0u16..)
            .flat_map(|(seat, place)| (0..seat.capacity).map(move |index| (room.token(&seat.id, index), place)))
            .collect();
        tokens.sort_unstable();
        let devices = seats.iter().map(|seat| seat.device).collect::<BTreeSet<_>>().len();
        let n = usize::from(n);
        let hash = Ring::hash_of(room, n, &seats);
        Ring { n, seats, devices, tokens, hash, planted: Planted::default() }
    }

    /// The same, with the bug that was planted.
    pub(crate) fn planted(mut self, planted: Planted) -> Ring {
        self.planted = planted;
        if planted.has(Plant::WrongOrder) {
            let places: Vec<u16> = self.tokens.iter().rev().map(|token| token.1).collect();
            self.tokens.iter_mut().zip(places).for_each(|(token, place)| token.1 = place);
        }
        if planted.has(Plant::SameDeviceReplicas) {
            self.devices = self.seats.len();
        }
        self
    }

    fn hash_of(room: &Room, n: usize, seats: &[Seat]) -> u64 {
        let mut bytes = Vec::with_capacity(1 + seats.len() * 34);
        bytes.push(u8::try_from(n).unwrap_or(u8::MAX));
        for seat in seats {
            bytes.extend_from_slice(seat.id.as_bytes());
            bytes.extend_from_slice(seat.device.as_bytes());
            bytes.extend_from_slice(&seat.capacity.to_le_bytes());
        }
        room.fingerprint(&[b"ring", &bytes]) as u64
    }

    /// A number that two nodes have in common exactly when their rings are the same.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// How many copies are kept where there are enough nodes.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Whether the node has a place on this ring.
    pub fn contains(&self, id: NodeId) -> bool {
        self.seats.binary_search_by_key(&id, |seat| seat.id).is_ok()
    }

    /// All tokens, clockwise, with their nodes.
    pub fn tokens(&self) -> impl ExactSizeIterator<Item = (Position, NodeId)> + '_ {
        self.tokens.iter().map(|&(position, place)| (position, self.seats[usize::from(place)].id))
    }

    /// Who owns this position, at most N.
    pub fn owners(&self, position: Position) -> Vec<NodeId> {
        self.walk(self.successor(position), self.n).into_iter().map(|place| self.seats[usize::from(place)].id).collect()
    }

    /// Whether this node owns this position.
    pub fn owns(&self, id: NodeId, position: Position) -> bool {
        self.owners(position).contains(&id)
    }

    /// Everybody, in the order in which they are asked to keep this position.
    pub fn preference_list(&self, position: Position) -> PreferenceList {
        let nodes: Vec<NodeId> = self
            .walk(self.successor(position), self.seats.len())
            .into_iter()
            .map(|place| self.seats[usize::from(place)].id)
            .collect();
        PreferenceList { owners: self.n.min(nodes.len()), nodes }
    }

    /// The place among the tokens of the first one at or after this position, clockwise.
    fn successor(&self, position: Position) -> usize {
        let place = self.tokens.partition_point(|&(token, _)| token < position);
        if place == self.tokens.len() { 0 } else { place }
    }

    /// The first `count` nodes met clockwise from this token: distinct devices first, then further nodes of those.
    fn walk(&self, start: usize, count: usize) -> Vec<u16> {
        let count = count.min(self.seats.len());
        let firsts_wanted = count.min(self.devices);
        let seconds_wanted = count - firsts_wanted;
        let (mut firsts, mut seconds): (Vec<u16>, Vec<u16>) = (Vec::new(), Vec::new());
        let (before, after) = self.tokens.split_at(start.min(self.tokens.len()));
        let before = if self.planted.has(Plant::IgnoreTheWrap) { &[] } else { before };
        for &(_, place) in after.iter().chain(before) {
            if firsts.len() == firsts_wanted && seconds.len() >= seconds_wanted {
                break;
            }
            if firsts.contains(&place) || seconds.contains(&place) {
                continue;
            }
            let device = self.seats[usize::from(place)].device;
            let is_taken = !self.planted.has(Plant::SameDeviceReplicas)
                && firsts.iter().any(|&taken| self.seats[usize::from(taken)].device == device);
            if is_taken {
                seconds.push(place);
            } else if firsts.len() < firsts_wanted {
                firsts.push(place);
            }
        }
        seconds.truncate(seconds_wanted);
        firsts.extend(seconds);
        firsts
    }

    /// The arcs between neighbouring tokens, each with the token that ends it.
    fn arcs(&self) -> impl Iterator<Item = (u64, u64, usize)> + '_ {
        let last = self.tokens.len().checked_sub(1).map_or(0, |last| self.tokens[last].0.0);
        let wrap = (last < u64::MAX && !self.tokens.is_empty()).then(|| (last + 1, u64::MAX, 0));
        let mut from = Some(0u64);
        let inner = self.tokens.iter().enumerate().filter_map(move |(place, &(token, _))| {
            let start = from?;
            from = token.0.checked_add(1);
            (start <= token.0).then_some((start, token.0, place))
        });
        inner.chain(wrap)
    }

    /// The part of the ring whose owners satisfy `wanted`.
    pub fn arcs_where(&self, mut wanted: impl FnMut(&[NodeId]) -> bool) -> RangeSet {
        if self.seats.len() <= self.n {
            // Everybody owns everything; only the order differs.
            let all: Vec<NodeId> = self.seats.iter().map(|seat| seat.id).collect();
            return if wanted(&all) { RangeSet::full() } else { RangeSet::empty() };
        }
        let mut owners = Vec::with_capacity(self.n);
        let ranges = self.arcs().filter(|&(_, _, place)| {
            owners.clear();
            owners.extend(self.walk(place, self.n).into_iter().map(|place| self.seats[usize::from(place)].id));
            wanted(&owners)
        });
        RangeSet::from_sorted(ranges.map(|(start, end, _)| (start, end)))
    }

    /// The part of the ring that this node owns.
    pub fn arcs_of(&self, id: NodeId) -> RangeSet {
        self.arcs_where(|owners| owners.contains(&id))
    }

    /// Each node's share of primary positions, of `u64::MAX`, in the order of the ids.
    pub fn shares(&self) -> Vec<(NodeId, u64)> {
        let mut shares: Vec<(NodeId, u64)> = self.seats.iter().map(|seat| (seat.id, 0)).collect();
        for (start, end, place) in self.arcs() {
            let share = &mut shares[usize::from(self.tokens[place].1)].1;
            *share = share.saturating_add((end - start).saturating_add(1));
        }
        shares
    }
}
