//! Whom to be linked with in a large room, as a function of who is there: the nearest by node id to each side, who
//! make the overlay a ring, and a few more, spread over the whole, who make it short and hard to cut (HyParView's
//! idea: Leitão, Pereira, Rodrigues, DSN 2007; a fixed few where HyParView shuffles).
//!
//! Both kinds come out the same on both ends as far as they know the same members: neighbours on a ring are mutual, and
//! the few are those with the lowest rank, which is a hash of the pair. So nobody negotiates, a link is not made by
//! one end and dropped by the other, and who joins or dies changes a handful of links, not all. Whom nobody can dial,
//! or who is suspected, stays wanted and is not counted: the next one is taken beside it.
//!
//! The lowest ranks of one end are mostly the lowest of the other too, so that six asked for are about eight links.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::id::NodeId;

/// One who could be linked with: who, and whether it counts, or is wanted only beside one who does.
pub(super) type Candidate = (NodeId, bool);

/// Of the candidates, in the order of their ids and without this node: the nearest to each side, and those of the
/// lowest rank.
pub(super) fn wanted(me: NodeId, candidates: &[Candidate], ring: usize, random: usize) -> BTreeSet<NodeId> {
    let mut wanted = BTreeSet::new();
    let (before, after) = candidates.split_at(candidates.partition_point(|(id, _)| *id < me));
    take(after.iter().chain(before), ring, &mut wanted);
    take(before.iter().rev().chain(after.iter().rev()), ring, &mut wanted);
    let mut others: Vec<(u64, Candidate)> = candidates
        .iter()
        .filter(|(id, _)| !wanted.contains(id))
        .map(|candidate| (rank(me, candidate.0), *candidate))
        .collect();
    let most = 2 * random;
    if others.len() > most {
        others.select_nth_unstable(most);
        others.truncate(most);
    }
    others.sort_unstable();
    take(others.iter().map(|(_, candidate)| candidate), random, &mut wanted);
    wanted
}

/// As many as count, and at most as many beside them who do not.
fn take<'a>(from: impl Iterator<Item = &'a Candidate>, count: usize, wanted: &mut BTreeSet<NodeId>) {
    let (mut counted, mut beside) = (0, 0);
    for &(id, counts) in from {
        if counted == count || (!counts && beside == count) {
            break;
        }
        *(if counts { &mut counted } else { &mut beside }) += 1;
        wanted.insert(id);
    }
}

/// The same for both ends of a pair, and as good as random.
pub(super) fn rank(a: NodeId, b: NodeId) -> u64 {
    let word = |id: NodeId| u64::from_le_bytes(core::array::from_fn(|at| id.as_bytes()[at]));
    stirred(stirred(word(a.min(b))) ^ word(a.max(b)))
}

/// A word whose bits all depend on all of another's.
fn stirred(mut word: u64) -> u64 {
    for factor in [0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93] {
        word = (word ^ (word >> 31)).wrapping_mul(factor);
    }
    word ^ (word >> 32)
}

/// How far apart two nodes are on the ring of ids.
pub(super) fn distance(a: NodeId, b: NodeId) -> u128 {
    let place = |id: NodeId| u128::from_be_bytes(*id.as_bytes());
    let there = place(a).wrapping_sub(place(b));
    there.min(there.wrapping_neg())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn room(count: u64) -> Vec<Candidate> {
        let id = |index: u64| {
            let word = stirred(index + 1).to_be_bytes();
            NodeId::from_bytes(core::array::from_fn(|at| word[at % 8]))
        };
        let mut ids: Vec<Candidate> = (0..count).map(|index| (id(index), true)).collect();
        ids.sort_unstable();
        ids
    }

    fn without(room: &[Candidate], at: usize) -> (NodeId, Vec<Candidate>) {
        (room[at].0, room.iter().copied().filter(|(id, _)| *id != room[at].0).collect())
    }

    /// Who is linked if each link comes about that one end wants.
    fn links(room: &[Candidate]) -> Vec<BTreeSet<usize>> {
        let mut links = vec![BTreeSet::new(); room.len()];
        for at in 0..room.len() {
            let (me, others) = without(room, at);
            for other in wanted(me, &others, 3, 6) {
                let other = room.iter().position(|(id, _)| *id == other).unwrap();
                links[at].insert(other);
                links[other].insert(at);
            }
        }
        links
    }

    /// How many of the living are not linked, over however many others, with most of them.
    fn apart(links: &[BTreeSet<usize>], lives: impl Fn(usize) -> bool) -> usize {
        let living: Vec<usize> = (0..links.len()).filter(|&at| lives(at)).collect();
        let reached = living.iter().take(3).map(|&first| reached_from(first, links, &lives)).max();
        living.len() - reached.unwrap_or(0)
    }

    fn reached_from(first: usize, links: &[BTreeSet<usize>], lives: impl Fn(usize) -> bool) -> usize {
        let (mut seen, mut next) = (BTreeSet::from([first]), vec![first]);
        while let Some(at) = next.pop() {
            next.extend(links[at].iter().copied().filter(|&other| lives(other) && seen.insert(other)));
        }
        seen.len()
    }

    #[test]
    fn everybody_has_its_neighbours_and_six_to_ten_more_and_nobody_has_more_than_the_cap() {
        let links = links(&room(1_000));
        let mean = links.iter().map(BTreeSet::len).sum::<usize>() as f64 / 1_000.0;
        assert!((13.0..=16.0).contains(&mean), "{mean}");
        assert!(links.iter().all(|links| (12..=24).contains(&links.len())));
        for (at, links) in links.iter().enumerate() {
            assert!(
                (1..=3)
                    .all(|far| links.contains(&((at + far) % 1_000)) && links.contains(&((at + 1_000 - far) % 1_000)))
            );
        }
    }

    /// One in about ten thousand has only links with those who died. It begins anew, as one that has just come.
    #[test]
    fn when_any_half_of_a_thousand_has_died_the_others_hold_together_before_a_single_link_is_made() {
        let links = links(&room(1_000));
        let apart_of = |seed: u64| apart(&links, |at| stirred(at as u64 ^ (seed << 32)).is_multiple_of(2));
        let all: Vec<usize> = (0..20).map(apart_of).collect();
        assert!(all.iter().all(|&apart| apart <= 1) && all.iter().sum::<usize>() <= 3, "{all:?}");
        assert_eq!(apart(&links, |at| at < 500), 0, "a whole half of the ring");
    }

    #[test]
    fn a_death_changes_the_links_of_few() {
        let before = room(300);
        let (gone, after) = without(&before, 100);
        let mut changed = 0;
        for at in 0..after.len() {
            let (me, others) = without(&after, at);
            let was: Vec<Candidate> = before.iter().copied().filter(|(id, _)| *id != me).collect();
            let (was, is) = (wanted(me, &was, 3, 6), wanted(me, &others, 3, 6));
            assert!(was.difference(&is).count() <= 1, "only the dead one goes");
            changed += u32::from(was != is);
            assert_eq!(was != is, was.contains(&gone));
        }
        assert!(changed <= 24, "{changed}");
    }

    #[test]
    fn who_does_not_count_stays_wanted_and_the_next_is_taken_beside_it() {
        let mut room = room(100);
        let (me, _) = room[50];
        room.remove(50);
        room[50].1 = false;
        let wanted = wanted(me, &room, 3, 0);
        assert!((50..54).all(|at| wanted.contains(&room[at].0)) && !wanted.contains(&room[54].0));
    }

    #[test]
    fn in_a_small_room_all_are_wanted() {
        let (me, others) = without(&room(10), 4);
        assert_eq!(wanted(me, &others, 3, 6).len(), 9);
        assert!(wanted(me, &[], 3, 6).is_empty());
    }

    #[test]
    fn distance_goes_the_shorter_way_round() {
        let id = |first| NodeId::from_bytes([first; 16]);
        assert_eq!(distance(id(1), id(1)), 0);
        assert_eq!(distance(id(1), id(3)), distance(id(3), id(1)));
        assert!(distance(id(255), id(1)) < distance(id(1), id(4)));
    }
}
