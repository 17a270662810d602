//! What holds of every ring.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

fn node(seed: u8) -> NodeId {
    NodeId::from_bytes([seed; 16])
}

fn ring(n: u8, nodes: &[(u8, u8, u16)]) -> Ring {
    let room = Room::open("kitchen").unwrap();
    let seats = nodes.iter().map(|&(id, device, capacity)| (node(id), DeviceId::from_bytes([device; 16]), capacity));
    Ring::new(&room, n, seats)
}

/// Up to nine nodes on up to nine devices.
fn rooms() -> impl Strategy<Value = Vec<(u8, u8, u16)>> {
    prop::collection::btree_map(0u8..40, (0u8..9, 1u16..6), 1..9)
        .prop_map(|map| map.into_iter().map(|(id, (device, capacity))| (id, device, capacity)).collect())
}

proptest! {
    /// Some stay, some go, some come, and some have another capacity or device than before.
    #[test]
    fn a_ring_made_from_another_is_the_one_made_anew(before in rooms(), after in rooms(), n in 1u8..4) {
        let (before, anew) = (ring(n, &before), ring(n, &after));
        let seating = Seating { n: anew.n, seats: anew.seats.clone(), hash: anew.hash };
        let room = Room::open("kitchen").unwrap();
        prop_assert_eq!(Ring::of::<PlainWalk>(&room, seating, Some(&before), Planted::default()), anew);
    }

    #[test]
    fn owners_are_distinct_nodes_on_distinct_devices_first(room in rooms(), n in 1u8..7, at in any::<u64>()) {
        let ring = ring(n, &room);
        let device_of = |id: &NodeId| room.iter().find(|seat| node(seat.0) == *id).unwrap().1;
        let devices = room.iter().map(|seat| seat.1).collect::<BTreeSet<_>>().len();
        // The ends of every arc, and of the wrap.
        for position in ring.tokens.iter().map(|token| token.0.0).chain([0, u64::MAX, at]) {
            let owners = ring.owners(Position(position));
            prop_assert_eq!(owners.len(), usize::from(n).min(room.len()));
            prop_assert_eq!(owners.iter().collect::<BTreeSet<_>>().len(), owners.len());
            let used = owners.iter().map(device_of).collect::<BTreeSet<_>>().len();
            prop_assert_eq!(used, owners.len().min(devices));
            let list = ring.preference_list(Position(position));
            prop_assert_eq!(list.owners(), &owners[..]);
            prop_assert_eq!(list.owners().len() + list.fallbacks().len(), room.len());
        }
    }

    #[test]
    fn the_arcs_of_a_node_are_the_positions_it_owns(room in rooms(), n in 1u8..4, at in any::<u64>()) {
        let ring = ring(n, &room);
        for &(id, ..) in &room {
            let arcs = ring.arcs_of(node(id));
            for position in ring.tokens.iter().flat_map(|token| [token.0.0, token.0.0.wrapping_add(1)]).chain([at]) {
                prop_assert_eq!(arcs.contains(position), ring.owns(node(id), Position(position)));
            }
        }
        for (&(one, ..), &(other, ..)) in room.iter().zip(room.iter().rev()) {
            let (one, other) = (node(one), node(other));
            let both = ring.arcs_where(|owners| owners.contains(&one) && owners.contains(&other));
            prop_assert_eq!(ring.arcs_of_both(one, other), both);
            let first = ring.arcs_where(|owners| owners.contains(&one) && !owners.contains(&other));
            prop_assert_eq!(ring.arcs_of_first(one, other), first);
            prop_assert_eq!(ring.arcs_of_first(one, node(99)), ring.arcs_of(one));
        }
        for &(one, ..) in &room {
            let with = ring.nodes().filter(|other| *other != node(one));
            let both = with.map(|other| (other, ring.arcs_of_both(node(one), other)));
            prop_assert!(ring.arcs_of_both_by(node(one)).into_iter().eq(both.filter(|(_, arcs)| !arcs.is_empty())));
        }
        let whole: u128 = room.iter().map(|seat| ring.arcs_of(node(seat.0)).len()).sum();
        prop_assert_eq!(whole, (1u128 << 64) * u128::from(n).min(room.len() as u128));
    }

    #[test]
    fn a_join_moves_keys_only_to_the_newcomer(
        room in rooms(),
        n in 1u8..4,
        positions in prop::collection::vec(any::<u64>(), 50),
    ) {
        let before = ring(n, &room);
        let mut larger = room.clone();
        larger.push((50, 50, 4));
        let after = ring(n, &larger);
        for position in positions.into_iter().map(Position) {
            let old: BTreeSet<NodeId> = before.owners(position).into_iter().collect();
            let gained: Vec<NodeId> = after.owners(position).into_iter().filter(|id| !old.contains(id)).collect();
            // A new device may also lift a node of a fresh device past a second node of one: never a third party.
            prop_assert!(gained.iter().all(|id| *id == node(50)), "{gained:?}");
        }
    }
}

#[test]
fn shares_follow_capacities() {
    let ring = ring(1, &[(1, 1, 256), (2, 2, 128), (3, 3, 64)]);
    let shares: Vec<u128> = ring.shares().iter().map(|share| (u128::from(share.1) * 448) >> 64).collect();
    for (share, capacity) in shares.iter().zip([256u128, 128, 64]) {
        assert!((capacity * 7 / 10..=capacity * 13 / 10).contains(share), "{share} of {capacity}");
    }
}

#[test]
fn an_empty_ring_has_no_owners_and_one_node_owns_all() {
    assert!(ring(3, &[]).owners(Position(7)).is_empty());
    assert_eq!(ring(3, &[]).arcs_of(node(1)), RangeSet::empty());
    assert_eq!(ring(3, &[(1, 1, 4)]).arcs_of(node(1)), RangeSet::full());
}

#[test]
fn the_order_of_the_records_does_not_matter() {
    let (forth, back) = (ring(2, &[(1, 1, 4), (2, 2, 4), (3, 3, 4)]), ring(2, &[(3, 3, 4), (2, 2, 4), (1, 1, 4)]));
    assert_eq!(forth, back);
    assert_ne!(forth.hash(), ring(3, &[(1, 1, 4), (2, 2, 4), (3, 3, 4)]).hash());
    let seats = [2, 1, 3].map(|id| (node(id), DeviceId::from_bytes([id; 16]), 4));
    assert_eq!(
        Seating::new(&Room::open("kitchen").unwrap(), 2, seats).hash(),
        forth.hash(),
        "known before it is laid out"
    );
}

#[test]
fn what_a_node_owns_and_who_owns_a_part_is_what_a_look_at_every_token_finds() {
    let nodes: Vec<(u8, u8, u16)> = (1..=9).map(|id| (id, id / 2, 4 + u16::from(id))).collect();
    for count in [1, 2, 3, 4, 9] {
        let ring = ring(3, &nodes[..count]);
        for id in ring.nodes() {
            assert_eq!(ring.arcs_of(id), ring.arcs_where(|owners| owners.contains(&id)), "{count} nodes");
        }
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..200 {
            let (one, other) = (random.u64(..), random.u64(..) >> random.u32(0..60));
            let parts = [(one, one.saturating_add(other)), (0, other), (other, u64::MAX), (0, u64::MAX)];
            for part in parts.map(|part| RangeSet::from_sorted([part])) {
                let owns = |id: &NodeId| !ring.arcs_of(*id).intersection(&part).is_empty();
                assert!(ring.owners_within(&part).into_iter().eq(ring.nodes().filter(owns)), "{count} nodes, {part:?}");
            }
        }
    }
    assert!(ring(3, &[]).owners_within(&RangeSet::full()).is_empty());
}
