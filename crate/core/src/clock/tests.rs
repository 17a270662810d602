//! The kernel's algebra. The histories are those of the public `dvvset` unit tests and of the Dynamo paper, figure 3.

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

fn values(siblings: &Siblings<&'static str>) -> Vec<&'static str> {
    let mut values: Vec<_> = siblings.values().copied().collect();
    values.sort_unstable();
    values
}

const NEW: Siblings<&str> = Siblings::new();
const A: u8 = 1;
const B: u8 = 2;

#[test]
fn dvvset_join_gives_what_was_seen() {
    let a = write(&NEW, &VersionVector::new(), A, "v1");
    let b = write(&a, a.context(), B, "v2");
    assert_eq!(*NEW.context(), vector(&[]));
    assert_eq!(*a.context(), vector(&[(A, 1)]));
    assert_eq!(*b.context(), vector(&[(A, 1), (B, 1)]));
}

#[test]
fn dvvset_update_supersedes_what_the_context_saw() {
    let a0 = write(&NEW, &VersionVector::new(), A, "v1");
    let a1 = write(&a0, a0.context(), A, "v2");
    let a2 = write(&a1, a0.context(), B, "v3");
    let a3 = write(&a2, a1.context(), B, "v4");
    let a4 = write(&a3, a1.context(), A, "v5");
    assert_eq!((values(&a0), a0.context().clone()), (vec!["v1"], vector(&[(A, 1)])));
    assert_eq!((values(&a1), a1.context().clone()), (vec!["v2"], vector(&[(A, 2)])));
    assert_eq!((values(&a2), a2.context().clone()), (vec!["v2", "v3"], vector(&[(A, 2), (B, 1)])));
    assert_eq!((values(&a3), a3.context().clone()), (vec!["v3", "v4"], vector(&[(A, 2), (B, 2)])));
    assert_eq!((values(&a4), a4.context().clone()), (vec!["v3", "v4", "v5"], vector(&[(A, 3), (B, 2)])));
}

#[test]
fn dvvset_sync_keeps_concurrent_values_and_drops_superseded_ones() {
    let x = write(&NEW, &VersionVector::new(), A, "v");
    let y = write(&x, x.context(), B, "w");
    assert_eq!(joined(&x, &y), y);
    let z = write(&NEW, &VersionVector::new(), B, "z");
    assert_eq!(values(&joined(&x, &z)), vec!["v", "z"]);
    assert_eq!(joined(&x, &z), joined(&z, &x));
}

#[test]
fn dvvset_less_and_equal_follow_the_contexts() {
    let x = write(&NEW, &VersionVector::new(), A, "v1");
    let y = write(&x, x.context(), A, "v2");
    assert!(y.includes(&x) && !x.includes(&y) && x.includes(&x));
    let z = write(&x, x.context(), B, "v3");
    assert!(!y.includes(&z) && !z.includes(&y));
}

#[test]
fn figure_3_of_the_dynamo_paper_ends_in_one_version() {
    let (sx, sy, sz) = (1, 2, 3);
    let d1 = write(&NEW, &VersionVector::new(), sx, "D1");
    let d2 = write(&d1, d1.context(), sx, "D2");
    let d3 = write(&d2, d2.context(), sy, "D3");
    let d4 = write(&d2, d2.context(), sz, "D4");
    let met = joined(&d3, &d4);
    assert_eq!(values(&met), vec!["D3", "D4"]);
    assert_eq!(*met.context(), vector(&[(sx, 2), (sy, 1), (sz, 1)]));
    let d5 = write(&met, met.context(), sx, "D5");
    assert_eq!((values(&d5), d5.context().clone()), (vec!["D5"], vector(&[(sx, 3), (sy, 1), (sz, 1)])));
}

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
    fn siblings_are_read_back_from_their_bytes(nodes in copies()) {
        for node in &nodes {
            let bytes = postcard::to_allocvec(node).unwrap();
            prop_assert_eq!(&postcard::from_bytes::<Siblings<u32>>(&bytes).unwrap(), node);
            let context = VersionVector::from_bytes(&node.context().to_bytes());
            prop_assert_eq!(context.as_ref(), Ok(node.context()));
        }
    }
}
