//! The challenger of the plain walk: an assignment over the same tokens in which no node is given much more than its
//! fair share (Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads", SODA 2018, here with arcs in
//! the place of keys).
//!
//! Each node has a target, and may own at most [`PERCENT_MAX`] of it. Arcs are given out one after another; each goes
//! to the first N nodes that the walk from its token meets, distinct devices first, and who has no room left is passed
//! over. Where nobody else is left, one that is full takes it: a position has its N owners on distinct devices first of
//! all.
//!
//! It is a pure function of the member records, as the walk is. What is not so plain is that a join or a leave must
//! move little. Arcs are therefore given out in the order of a hash of the token that ends them, which has nothing to
//! do with where they lie: a node is then full near the end of that order, and a change of what it was given before
//! moves the place where it is full by a little. In the order of the ring, a change would be felt all around it.
//!
//! The target: of the N copies of all positions a device's share is in proportion to its capacity, and at most one copy
//! of each; tabs of one device share its share. What large devices cannot take is shared by the others.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::{NOBODY, Placement, Ring, holds};
use crate::id::DeviceId;

/// How much of its target a node may own, in hundredths.
pub const PERCENT_MAX: u128 = 109;

/// All positions.
const WHOLE: u128 = 1 << 64;

/// Bounded loads.
#[derive(Debug, Clone, Copy)]
pub struct BoundedLoad;

impl Placement for BoundedLoad {
    fn owners(ring: &Ring) -> Vec<u16> {
        let depth = ring.depth;
        let mut owners = alloc::vec![NOBODY; ring.tokens.len() * depth];
        let limits: Vec<u128> = targets(ring).into_iter().map(|target| target * PERCENT_MAX / 100).collect();
        let mut loads = alloc::vec![0u128; limits.len()];
        let mut order: Vec<usize> = (0..ring.tokens.len()).collect();
        order.sort_unstable_by_key(|&token| mixed(ring.tokens[token].0.0));
        for token in order {
            let length = ring.length(token);
            let has_room = |place: u16, loads: &[u128]| {
                let place = usize::from(place);
                loads[place] + length <= limits[place]
            };
            let chosen = choose(ring, token, |place| has_room(place, &loads));
            for (slot, &place) in owners[token * depth..].iter_mut().zip(&chosen) {
                *slot = place;
                loads[usize::from(place)] += length;
            }
        }
        owners
    }
}

/// Whom an arc goes to.
fn choose(ring: &Ring, token: usize, has_room: impl Fn(u16) -> bool) -> Vec<u16> {
    let wanted = ring.depth;
    let device_of = |place: u16| ring.seats[usize::from(place)].device;
    let (mut firsts, mut full, mut met): (Vec<u16>, Vec<u16>, Vec<u16>) = (Vec::new(), Vec::new(), Vec::new());
    let (before, after) = ring.tokens.split_at(token);
    for &(_, place) in after.iter().chain(before) {
        if firsts.len() == wanted {
            return firsts;
        }
        if holds(&met, place) {
            continue;
        }
        met.push(place);
        let is_taken = firsts.iter().any(|&taken| device_of(taken) == device_of(place));
        if !is_taken && has_room(place) {
            firsts.push(place);
        } else {
            full.push(place);
        }
    }
    // Everybody was met: those who are full make up for it, other devices first, and then whoever there is.
    for distinct in [true, false] {
        for &place in &full {
            let is_new = !holds(&firsts, place);
            let is_other = firsts.iter().all(|&taken| device_of(taken) != device_of(place));
            if firsts.len() < wanted && is_new && (is_other || !distinct) {
                firsts.push(place);
            }
        }
    }
    firsts
}

/// What is fair for each place, in positions times copies.
fn targets(ring: &Ring) -> Vec<u128> {
    let mut devices: BTreeMap<DeviceId, u128> = BTreeMap::new();
    for seat in &ring.seats {
        *devices.entry(seat.device).or_default() += u128::from(seat.capacity);
    }
    let mut by_size: Vec<(u128, DeviceId)> = devices.iter().map(|(&device, &capacity)| (capacity, device)).collect();
    by_size.sort_unstable_by(|a, b| b.cmp(a));
    let (mut copies, mut rest) = (ring.n as u128, by_size.iter().map(|(capacity, _)| capacity).sum::<u128>());
    for (capacity, device) in by_size {
        let share = if capacity * copies >= rest { WHOLE } else { WHOLE * copies * capacity / rest };
        if share == WHOLE {
            copies = copies.saturating_sub(1);
            rest -= capacity;
        }
        devices.insert(device, share);
    }
    let capacity_of = |device: DeviceId| {
        ring.seats.iter().filter(|seat| seat.device == device).map(|seat| u128::from(seat.capacity)).sum::<u128>()
    };
    let whole: BTreeMap<DeviceId, u128> = devices.keys().map(|&device| (device, capacity_of(device))).collect();
    ring.seats
        .iter()
        .map(|seat| devices[&seat.device] * u128::from(seat.capacity) / whole[&seat.device].max(1))
        .collect()
}

/// Spreads the bits of a position over all of them (Steele, Lea, Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014, figure 17).
fn mixed(position: u64) -> u64 {
    let mut bits = position;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{NodeId, Room};

    fn ring(count: u8, capacities: &[u16], tabs: u8) -> Ring {
        let room = Room::open("bounded").unwrap();
        let seat = |at: u8| {
            let device = DeviceId::from_bytes([at / tabs; 16]);
            (NodeId::from_bytes([at; 16]), device, capacities[usize::from(at) % capacities.len()])
        };
        Ring::placed::<BoundedLoad>(&room, 3, (0..count).map(seat))
    }

    fn loads(ring: &Ring) -> Vec<u128> {
        let mut loads = alloc::vec![0; ring.seats.len()];
        for token in 0..ring.tokens.len() {
            ring.owners_at(token).iter().for_each(|&place| loads[usize::from(place)] += ring.length(token));
        }
        loads
    }

    #[test]
    fn nobody_owns_more_than_its_target_and_a_little_and_every_position_has_its_owners() {
        for (count, capacities, tabs) in
            [(10, &[128][..], 1), (60, &[128][..], 1), (30, &[256, 128, 64][..], 1), (40, &[256, 128, 64][..], 2)]
        {
            let ring = ring(count, capacities, tabs);
            for (load, target) in loads(&ring).into_iter().zip(targets(&ring)) {
                assert!(load * 100 <= target * PERCENT_MAX, "{count} nodes: {load} of {target}");
            }
            for token in 0..ring.tokens.len() {
                let places = ring.owners_at(token);
                let devices: alloc::collections::BTreeSet<DeviceId> =
                    places.iter().map(|&place| ring.seats[usize::from(place)].device).collect();
                assert_eq!((places.len(), devices.len()), (3, 3), "{count} nodes, token {token}");
            }
        }
    }

    #[test]
    fn targets_fill_all_copies_and_nobody_is_to_hold_one_twice() {
        // One that is larger than all others together is to own everything once.
        let ring = ring(5, &[1024, 64, 64, 64, 64], 1);
        let targets = targets(&ring);
        assert_eq!(targets[0], WHOLE);
        let sum: u128 = targets.iter().sum();
        assert!(3 * WHOLE - sum < 8, "{sum}");
        assert!(targets[1..].iter().all(|&target| target == WHOLE / 2));
    }

    #[test]
    fn with_fewer_devices_than_copies_further_tabs_of_them_take_the_rest() {
        let ring = ring(4, &[128], 2);
        for token in 0..ring.tokens.len() {
            let places = ring.owners_at(token);
            assert_eq!(places.len(), 3);
            let distinct: alloc::collections::BTreeSet<u16> = places.iter().copied().collect();
            assert_eq!(distinct.len(), 3);
        }
    }
}
