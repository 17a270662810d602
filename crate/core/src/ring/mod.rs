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
//! How arcs are given to nodes is a [`Placement`]: the plain walk, or the challenger that bounds everybody's load
//! ([`BoundedLoad`]). Peers use the walk. It is as even as is asked for, and a join or a leave moves exactly one share;
//! the challenger is more even, and moves a little more: `measure ring` shows both.
//!
//! It does not know who is suspect: a suspect node keeps its place (see `membership`), only dormant ones are left out.

mod arcs;
mod bounded;
mod ranges;
mod shared;
#[cfg(test)]
mod tests;

pub use bounded::{BoundedLoad, PERCENT_MAX};
pub(crate) use ranges::PART_DEPTH_MAX;
pub use ranges::RangeSet;
pub use shared::Rings;

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use smallvec::SmallVec;

use crate::id::{DeviceId, Inserted, NodeId, Position, Room};
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
    /// For each token the places of those who own the arc that it ends, `depth` of them; [`NOBODY`] where there are
    /// fewer.
    owners: Vec<u16>,
    depth: usize,
    /// For each seat, one after another, the tokens whose arcs it owns, in order; and where those of each seat begin.
    owned: Vec<u32>,
    owned_from: Vec<u32>,
    /// By the highest bits of a position, where its tokens begin: a search for one looks at a few only.
    starts: Vec<u32>,
    hash: u64,
    planted: Planted,
}

/// Who owns a position: N of them, without an allocation where N is what it mostly is.
pub type Owners = SmallVec<[NodeId; 4]>;

/// No place: there are fewer seats than that.
const NOBODY: u16 = u16::MAX;

/// Who sits where, before the tokens are laid out. It takes little to make, and says by its hash whether the ring that
/// would come of it is one that there is already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seating {
    n: usize,
    /// In the order of the ids.
    seats: Vec<Seat>,
    hash: u64,
}

impl Seating {
    /// These nodes, around a ring that keeps `n` copies.
    pub fn new(room: &Room, n: u8, nodes: impl IntoIterator<Item = (NodeId, DeviceId, u16)>) -> Seating {
        let mut seats: Vec<Seat> =
            nodes.into_iter().map(|(id, device, capacity)| Seat { id, device, capacity }).collect();
        seats.sort_unstable_by_key(|seat| seat.id);
        seats.dedup_by_key(|seat| seat.id);
        seats.truncate(usize::from(NOBODY));
        let mut bytes = Vec::with_capacity(1 + seats.len() * 34);
        bytes.push(n);
        for seat in &seats {
            bytes.extend_from_slice(seat.id.as_bytes());
            bytes.extend_from_slice(seat.device.as_bytes());
            bytes.extend_from_slice(&seat.capacity.to_le_bytes());
        }
        let hash = room.fingerprint(&[b"ring", &bytes]) as u64;
        Seating { n: usize::from(n), seats, hash }
    }

    /// The hash of the ring that comes of it.
    pub fn hash(&self) -> u64 {
        self.hash
    }
}

/// All tokens clockwise, each with the place of its node. To hash and to sort them is most of what a ring costs, so
/// those of who sat on the ring before are taken from there, where they are in order: that of the places is that of the
/// ids on both.
fn laid_out(room: &Room, seats: &[Seat], before: Option<&Ring>) -> Vec<(Position, u16)> {
    let mut fresh = Vec::new();
    // Where those sit now who sat there then; nowhere if they are gone, or have other tokens.
    let mut now_at = alloc::vec![NOBODY; before.map_or(0, |before| before.seats.len())];
    for (seat, place) in seats.iter().zip(0u16..) {
        let then = before.and_then(|before| Some((before, usize::from(before.place(seat.id)?))));
        match then.filter(|(before, then)| before.seats[*then].capacity == seat.capacity) {
            Some((_, then)) => now_at[then] = place,
            None => fresh.extend((0..seat.capacity).map(|index| (room.token(&seat.id, index), place))),
        }
    }
    fresh.sort_unstable();
    let Some(before) = before.filter(|before| !before.tokens.is_empty()) else { return fresh };
    let mut tokens = Vec::with_capacity(fresh.len() + before.tokens.len());
    let mut fresh = fresh.into_iter().peekable();
    for &(position, then) in &before.tokens {
        let token = (position, now_at[usize::from(then)]);
        if token.1 != NOBODY {
            while let Some(sooner) = fresh.next_if(|one| *one < token) {
                tokens.push(sooner);
            }
            tokens.push(token);
        }
    }
    tokens.extend(fresh);
    tokens
}

/// Who is given which arc.
pub trait Placement {
    /// For each token of the ring the places of those who own the arc that it ends, in their order: as many as there
    /// are to be owners, [`NOBODY`] where there are fewer.
    fn owners(ring: &Ring) -> Vec<u16>;
}

/// The first N of the walk.
#[derive(Debug, Clone, Copy)]
pub struct PlainWalk;

impl Placement for PlainWalk {
    fn owners(ring: &Ring) -> Vec<u16> {
        let mut all = Vec::with_capacity(ring.tokens.len() * ring.depth);
        let mut walk = Walk::default();
        for start in 0..ring.tokens.len() {
            all.extend(ring.walk(&mut walk, start, ring.depth));
            all.resize((start + 1) * ring.depth, NOBODY);
        }
        all
    }
}

/// Whom a walk has met so far; the next walk uses it again.
#[derive(Default)]
struct Walk {
    firsts: Vec<u16>,
    /// Further nodes of devices of those.
    seconds: Vec<u16>,
}

/// Whether a short list has a place in it.
#[expect(clippy::manual_contains, reason = "`contains` is made for long lists: a call of its own for three numbers")]
fn holds(places: &[u16], place: u16) -> bool {
    places.iter().any(|&one| one == place)
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
        Ring::placed::<PlainWalk>(room, n, nodes)
    }

    /// The ring of these nodes, with arcs given out in some other way.
    pub fn placed<P: Placement>(room: &Room, n: u8, nodes: impl IntoIterator<Item = (NodeId, DeviceId, u16)>) -> Ring {
        Ring::of::<P>(room, Seating::new(room, n, nodes), None, Planted::default())
    }

    /// The ring of those who sit there, with the bug that was planted. `before`: another ring of this room, of which
    /// most are the same.
    pub(crate) fn of<P: Placement>(room: &Room, seating: Seating, before: Option<&Ring>, planted: Planted) -> Ring {
        let Seating { n, seats, hash } = seating;
        let before = before.filter(|before| before.planted == Planted::default());
        let mut tokens = laid_out(room, &seats, before);
        if planted.has(Plant::WrongOrder) {
            let places: Vec<u16> = tokens.iter().rev().map(|token| token.1).collect();
            tokens.iter_mut().zip(places).for_each(|(token, place)| token.1 = place);
        }
        let devices = match planted.has(Plant::SameDeviceReplicas) {
            true => seats.len(),
            false => seats.iter().map(|seat| seat.device).inserted::<BTreeSet<_>>().len(),
        };
        let depth = n.min(seats.len());
        let (owners, owned, owned_from, starts) = Default::default();
        let mut ring = Ring { n, seats, devices, tokens, owners, depth, owned, owned_from, starts, hash, planted };
        ring.starts = ring.all_starts();
        ring.owners = P::owners(&ring);
        ring.list_owned();
        ring
    }

    /// What each seat owns is asked of a few seats, and of all of them again and again: nobody is to look through all
    /// tokens for it.
    fn list_owned(&mut self) {
        let mut ends = alloc::vec![0u32; self.seats.len() + 1];
        let places = || self.owners.iter().copied().filter(|&place| place != NOBODY).map(usize::from);
        places().for_each(|place| ends[place + 1] += 1);
        (1..ends.len()).for_each(|place| ends[place] += ends[place - 1]);
        self.owned_from = ends.clone();
        self.owned = alloc::vec![0; places().count()];
        for (token, row) in (0u32..).zip(self.owners.chunks_exact(self.depth.max(1))) {
            for &place in row.iter().filter(|&&place| place != NOBODY) {
                let end = &mut ends[usize::from(place)];
                self.owned[*end as usize] = token;
                *end += 1;
            }
        }
    }

    /// About one part for each token.
    fn all_starts(&self) -> Vec<u32> {
        let bits = self.tokens.len().next_power_of_two().trailing_zeros().max(1);
        let mut starts = Vec::with_capacity((1 << bits) + 1);
        for ((token, _), at) in self.tokens.iter().zip(0u32..) {
            let part = (token.0 >> (64 - bits)) as usize;
            while starts.len() <= part {
                starts.push(at);
            }
        }
        starts.resize((1 << bits) + 1, u32::try_from(self.tokens.len()).unwrap_or(u32::MAX));
        starts
    }

    /// How many positions the arc has that a token ends, the wrap included.
    fn length(&self, token: usize) -> u128 {
        let arc = self.arc(token).into_iter().chain(self.wrap().filter(|_| token == 0));
        arc.map(|(start, end)| u128::from(end - start) + 1).sum()
    }

    /// The places of those who own the arc that a token ends, in their order.
    fn owners_at(&self, token: usize) -> &[u16] {
        let places = self.owners.get(token * self.depth..(token + 1) * self.depth).unwrap_or_default();
        let count = places.iter().position(|&place| place == NOBODY).unwrap_or(places.len());
        &places[..count]
    }

    fn place(&self, id: NodeId) -> Option<u16> {
        let place = self.seats.binary_search_by_key(&id, |seat| seat.id).ok()?;
        u16::try_from(place).ok()
    }

    fn id(&self, place: u16) -> NodeId {
        self.seats[usize::from(place)].id
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
        self.place(id).is_some()
    }

    /// Everybody on it, in the order of the ids.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = NodeId> + '_ {
        self.seats.iter().map(|seat| seat.id)
    }

    /// All tokens, clockwise, with their nodes.
    pub fn tokens(&self) -> impl ExactSizeIterator<Item = (Position, NodeId)> + '_ {
        self.tokens.iter().map(|&(position, place)| (position, self.id(place)))
    }

    /// Who owns this position, at most N.
    pub fn owners(&self, position: Position) -> Owners {
        let mut owners = Owners::new();
        self.owners_at(self.successor(position)).iter().for_each(|&place| owners.push(self.id(place)));
        owners
    }

    /// Whether this node owns this position.
    pub fn owns(&self, id: NodeId, position: Position) -> bool {
        self.place(id).is_some_and(|place| holds(self.owners_at(self.successor(position)), place))
    }

    /// Everybody, in the order in which they are asked to keep this position.
    pub fn preference_list(&self, position: Position) -> PreferenceList {
        let (mut walk, token) = (Walk::default(), self.successor(position));
        let owners = self.owners_at(token);
        let fallbacks = self.walk(&mut walk, token, self.seats.len()).filter(|&place| !holds(owners, place));
        let nodes: Vec<NodeId> = owners.iter().copied().chain(fallbacks).map(|place| self.id(place)).collect();
        PreferenceList { owners: self.n.min(nodes.len()), nodes }
    }

    /// The place among the tokens of the first one at or after this position, clockwise.
    fn successor(&self, position: Position) -> usize {
        let bits = (self.starts.len() - 1).trailing_zeros();
        let part = (position.0 >> (64 - bits)) as usize;
        let (first, last) = (self.starts[part] as usize, self.starts[part + 1] as usize);
        let place = first + self.tokens[first..last].partition_point(|&(token, _)| token < position);
        if place == self.tokens.len() { 0 } else { place }
    }

    /// The first `count` nodes met clockwise from this token: distinct devices first, then further nodes of those.
    fn walk<'a>(&self, walk: &'a mut Walk, start: usize, count: usize) -> impl Iterator<Item = u16> + use<'a> {
        let count = count.min(self.seats.len());
        let firsts_wanted = count.min(self.devices);
        let seconds_wanted = count - firsts_wanted;
        let Walk { firsts, seconds } = walk;
        firsts.clear();
        seconds.clear();
        let (before, after) = self.tokens.split_at(start.min(self.tokens.len()));
        let before = if self.planted.has(Plant::IgnoreTheWrap) { &[] } else { before };
        for &(_, place) in after.iter().chain(before) {
            if firsts.len() == firsts_wanted && seconds.len() >= seconds_wanted {
                break;
            }
            if holds(firsts, place) || holds(seconds, place) {
                continue;
            }
            // Nor is there anything to compare where each has a device of its own, as the planted bug believes.
            let is_taken = self.devices < self.seats.len() && {
                let device = self.seats[usize::from(place)].device;
                firsts.iter().any(|&taken| self.seats[usize::from(taken)].device == device)
            };
            if is_taken {
                seconds.push(place);
            } else if firsts.len() < firsts_wanted {
                firsts.push(place);
            }
        }
        firsts.iter().chain(seconds.iter().take(seconds_wanted)).copied()
    }

    /// The arc that a token ends, from after the one before it. The first one also ends the wrap: see [`Ring::wrap`].
    fn arc(&self, token: usize) -> Option<(u64, u64)> {
        let end = self.tokens[token].0.0;
        let start = match token.checked_sub(1) {
            Some(before) => self.tokens[before].0.0.checked_add(1)?,
            None => 0,
        };
        (start <= end).then_some((start, end))
    }

    /// What lies after the last token, and belongs to the first.
    fn wrap(&self) -> Option<(u64, u64)> {
        let start = self.tokens.last()?.0.0.checked_add(1)?;
        Some((start, u64::MAX))
    }

    /// Each node's share of primary positions, of `u64::MAX`, in the order of the ids.
    pub fn shares(&self) -> Vec<(NodeId, u64)> {
        let mut shares: Vec<(NodeId, u64)> = self.seats.iter().map(|seat| (seat.id, 0)).collect();
        let arcs = (0..self.tokens.len()).filter_map(|token| Some((token, self.arc(token)?)));
        for (token, (start, end)) in arcs.chain(self.wrap().map(|wrap| (0, wrap))) {
            let share = &mut shares[usize::from(self.tokens[token].1)].1;
            *share = share.saturating_add((end - start).saturating_add(1));
        }
        shares
    }
}
