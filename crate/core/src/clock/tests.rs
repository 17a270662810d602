//! The kernel's algebra. Histories that others have published are in `vectors`.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::id::NodeId;

fn actor(name: u8) -> Actor {
    Actor { node: NodeId::from_bytes([name; 16]), epoch: 0 }
}

fn dot(name: u8, counter: u64) -> Dot {
    Dot { actor: actor(name), counter }
}

fn vector(dots: &[(u8, u64)]) -> VersionVector {
    dots.iter().map(|&(name, counter)| dot(name, counter)).collect()
}

/// `dvvset:update/3`: a new value under the next dot of `name`, over what `context` saw, at the server that has `held`.
fn write(
    held: &Siblings<&'static str>,
    context: &VersionVector,
    name: u8,
    value: &'static str,
) -> Siblings<&'static str> {
    let mut next = held.clone();
    let counter = held.context().counter(&actor(name)).max(context.counter(&actor(name))) + 1;
    next.put(context, dot(name, counter), value);
    next
}

fn joined(a: &Siblings<&'static str>, b: &Siblings<&'static str>) -> Siblings<&'static str> {
    let mut both = a.clone();
    both.sync(b);
    both
}

const NEW: Siblings<&str> = Siblings::new();
const A: u8 = 1;

#[test]
fn two_interleaved_writers_never_have_more_than_two_siblings() {
    let mut held = NEW;
    let mut last = [VersionVector::new(), VersionVector::new()];
    for round in 0..100 {
        let writer = round % 2;
        held = write(&held, &last[writer].clone(), A, "v");
        last[writer] = held.context().clone();
        assert!(held.values().len() <= 2);
    }
}

#[test]
fn a_tombstone_is_a_context_without_values() {
    let mut held = write(&NEW, &VersionVector::new(), A, "v");
    let copy = held.clone();
    held.forget(&copy.context().clone());
    assert!(held.is_tombstone() && !held.is_unknown());
    assert_eq!(joined(&copy, &held), held);
}

#[test]
fn bytes_that_break_an_invariant_are_refused() {
    // The stored form: a context, then values as (place in the context, counter, value).
    let read = |context: VersionVector, values: Vec<(u16, u64, u8)>| {
        let bytes = postcard::to_allocvec(&(context, values)).unwrap();
        postcard::from_bytes::<Siblings<u8>>(&bytes).is_ok()
    };
    assert!(read(vector(&[(A, 2)]), vec![(0, 1, 7), (0, 2, 7)]));
    assert!(!read(vector(&[(A, 1)]), vec![(0, 2, 7)]), "not covered");
    assert!(!read(vector(&[(A, 1)]), vec![(1, 1, 7)]), "no such actor");
    assert!(!read(vector(&[(A, 2)]), vec![(0, 1, 7), (0, 1, 7)]), "twice the same dot");
    assert!(!read(vector(&[(A, 2)]), vec![(0, 0, 7)]), "no dot has counter zero");
    assert_eq!(VersionVector::from_bytes(&[1]), Err(ContextError));
    assert_eq!(VersionVector::from_bytes(b"not a context"), Err(ContextError));
}

/// Copies that histories of writes and meetings leave behind.
fn copies() -> impl Strategy<Value = Vec<Siblings<u32>>> {
    prop::collection::vec((0usize..4, 0usize..4, 0u8..3), 1..40).prop_map(|steps| {
        let mut nodes = vec![Siblings::<u32>::default(); 4];
        let mut counters = [0u64; 4];
        let mut written = 0;
        for (at, with, kind) in steps {
            match kind {
                0 => {
                    let context = nodes[with].context().clone();
                    counters[at] += 1;
                    written += 1;
                    nodes[at].put(&context, dot(at as u8, counters[at]), written);
                }
                1 => {
                    let other = nodes[with].clone();
                    nodes[at].sync(&other);
                }
                _ => {
                    let context = nodes[with].context().clone();
                    nodes[at].forget(&context);
                }
            }
        }
        nodes
    })
}

proptest! {
    /// Both may be short or long: they are gone through in another way then.
    #[test]
    fn two_vectors_are_compared_and_merged_as_maps_are(
        left in prop::collection::btree_map(0u8..24, 1u64..6, 0..16),
        right in prop::collection::btree_map(0u8..24, 1u64..6, 0..16),
    ) {
        let vector = |of: &BTreeMap<u8, u64>| -> VersionVector {
            of.iter().map(|(&node, &counter)| dot(node, counter)).collect()
        };
        let (a, b) = (vector(&left), vector(&right));
        let mut joined = left.clone();
        for (&node, &counter) in &right {
            let known = joined.entry(node).or_default();
            *known = counter.max(*known);
        }
        let mut merged = a.clone();
        merged.merge(&b);
        prop_assert_eq!(&merged, &vector(&joined));
        prop_assert_eq!(a.union_len(&b), joined.len());
        prop_assert_eq!(a.descends(&b), joined == left);
        prop_assert!(merged.descends(&a) && merged.descends(&b));
        prop_assert_eq!(merged.counter(&dot(3, 1).actor), joined.get(&3).copied().unwrap_or(0));
    }

    #[test]
    fn sync_is_commutative_associative_and_idempotent(nodes in copies()) {
        let join = |a: &Siblings<u32>, b: &Siblings<u32>| { let mut c = a.clone(); c.sync(b); c };
        let (a, b, c) = (&nodes[0], &nodes[1], &nodes[2]);
        prop_assert_eq!(join(a, b), join(b, a));
        prop_assert_eq!(join(&join(a, b), c), join(a, &join(b, c)));
        prop_assert_eq!(&join(a, a), a);
        prop_assert_eq!(a.includes(b), &join(a, b) == a);
        prop_assert_eq!(a.clone().sync(b), &join(a, b) != a);
    }

    #[test]
    fn a_shape_is_what_postcard_writes_of_the_context_and_the_dots(nodes in copies(), far in any::<u64>()) {
        for node in &nodes {
            let mut node = node.clone();
            node.forget(&VersionVector::from_iter([Dot { counter: far.max(1), ..dot(9, 1) }]));
            let written = postcard::to_allocvec(&(node.context(), node.dots().collect::<Vec<Dot>>())).unwrap();
            prop_assert_eq!(&node.shape()[..], &written[..]);
        }
    }

    #[test]
    fn siblings_are_read_back_from_their_bytes(nodes in copies()) {
        for node in &nodes {
            let bytes = postcard::to_allocvec(node).unwrap();
            prop_assert_eq!(&postcard::from_bytes::<Siblings<u32>>(&bytes).unwrap(), node);
            let context = VersionVector::from_bytes(&node.context().to_bytes());
            prop_assert_eq!(context.as_ref(), Ok(node.context()));
        }
    }
}
