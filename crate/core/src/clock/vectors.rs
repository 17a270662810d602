//! Histories that others have published, transcribed as tables: the unit tests of `dvvset`, the reference for dotted
//! version vector sets (Gonçalves and Almeida, ricardobcl/Dotted-Version-Vectors, `src/dvvset.erl`), and
//! figure 3 of the Dynamo paper (DeCandia et al., SOSP 2007).
//!
//! A clock is written as `dvvset` does: for each actor its counter and the values under its last dots, the newest
//! first, so `("a", 3, ["v5", "v2"])` is v5 under the third dot of a and v2 under the second. What `dvvset` has
//! beside that is left out: the value without a dot, which a put here never leaves behind, and the functions that
//! choose among values.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::*;
use crate::id::NodeId;

type Clock = &'static [(&'static str, u64, &'static [&'static str])];

/// (the test it is from, what it makes there, the clock held, the clock read before, who writes, what, the new
/// clock). Clocks are named as in their test; an empty name is no clock.
type Write = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str, Clock);

const WRITES: &[Write] = &[
    ("join", "A1", "", "", "a", "v1", &[("a", 1, &["v1"])]),
    ("join", "B1", "A1", "A1", "b", "v2", &[("a", 1, &[]), ("b", 1, &["v2"])]),
    ("update", "A0", "", "", "a", "v1", &[("a", 1, &["v1"])]),
    ("update", "A1", "A0", "A0", "a", "v2", &[("a", 2, &["v2"])]),
    ("update", "A2", "A1", "A1", "b", "v3", &[("a", 2, &[]), ("b", 1, &["v3"])]),
    ("update", "A3", "A1", "A0", "b", "v4", &[("a", 2, &["v2"]), ("b", 1, &["v4"])]),
    ("update", "A4", "A1", "A0", "a", "v5", &[("a", 3, &["v5", "v2"])]),
    ("sync", "A", "", "", "a", "v1", &[("a", 1, &["v1"])]),
    ("sync", "Y", "", "", "b", "v2", &[("b", 1, &["v2"])]),
    ("sync", "A1", "", "A", "a", "v2", &[("a", 2, &["v2"])]),
    ("sync", "A3", "", "A1", "b", "v3", &[("a", 2, &[]), ("b", 1, &["v3"])]),
    ("sync", "A4", "", "A1", "c", "v3", &[("a", 2, &[]), ("c", 1, &["v3"])]),
    ("sync_update", "A0", "", "", "a", "v1", &[("a", 1, &["v1"])]),
    ("sync_update", "A1", "A0", "", "a", "v2", &[("a", 2, &["v2", "v1"])]),
    ("sync_update", "A2", "A1", "A0", "a", "v3", &[("a", 3, &["v3", "v2"])]),
    ("event", "A", "", "", "a", "v1", &[("a", 1, &["v1"])]),
    ("event", "by a", "A", "", "a", "v2", &[("a", 2, &["v2", "v1"])]),
    ("event", "by b", "A", "", "b", "v2", &[("a", 1, &["v1"]), ("b", 1, &["v2"])]),
    ("less", "A", "", "", "a", "v1", &[("a", 1, &["v1"])]),
    ("less", "B", "", "A", "a", "v2", &[("a", 2, &["v2"])]),
    ("less", "B2", "", "A", "b", "v2", &[("a", 1, &[]), ("b", 1, &["v2"])]),
    ("less", "B3", "", "A", "z", "v2", &[("a", 1, &[]), ("z", 1, &["v2"])]),
    ("less", "C", "A", "B", "c", "v3", &[("a", 2, &[]), ("c", 1, &["v3"])]),
    ("less", "D", "B2", "C", "d", "v4", &[("a", 2, &[]), ("b", 1, &["v2"]), ("c", 1, &[]), ("d", 1, &["v4"])]),
    ("figure 3", "D1", "", "", "x", "D1", &[("x", 1, &["D1"])]),
    ("figure 3", "D2", "D1", "D1", "x", "D2", &[("x", 2, &["D2"])]),
    ("figure 3", "D3", "D2", "D2", "y", "D3", &[("x", 2, &[]), ("y", 1, &["D3"])]),
    ("figure 3", "D4", "D2", "D2", "z", "D4", &[("x", 2, &[]), ("z", 1, &["D4"])]),
    ("figure 3", "D5", "D3 D4", "D3 D4", "x", "D5", &[("x", 3, &["D5"]), ("y", 1, &[]), ("z", 1, &[])]),
];

/// (the test, two clocks, what they give when they meet). Those that no write above makes are given as they are.
type Meeting = (&'static str, Named, Named, Clock);

#[derive(Clone, Copy)]
enum Named {
    By(&'static str),
    As(Clock),
}
use Named::{As, By};

const W: Named = As(&[("a", 1, &[])]);
const X: Named = As(&[("x", 1, &[])]);
const Z: Named = As(&[("a", 2, &["v2", "v1"])]);

const MEETINGS: &[Meeting] = &[
    ("sync", W, Z, &[("a", 2, &["v2"])]),
    ("sync", By("A"), By("A1"), &[("a", 2, &["v2"])]),
    ("sync", By("A4"), By("A3"), &[("a", 2, &[]), ("b", 1, &["v3"]), ("c", 1, &["v3"])]),
    ("sync", X, By("A"), &[("a", 1, &["v1"]), ("x", 1, &[])]),
    ("sync", By("A"), By("Y"), &[("a", 1, &["v1"]), ("b", 1, &["v2"])]),
    ("figure 3", By("D3"), By("D4"), &[("x", 2, &[]), ("y", 1, &["D3"]), ("z", 1, &["D4"])]),
];

/// Of the test `less`: whether the one is truly before the other.
const ORDERS: &[(&str, &str, bool)] = &[
    ("A", "B", true),
    ("A", "C", true),
    ("B", "C", true),
    ("B", "D", true),
    ("B2", "D", true),
    ("A", "D", true),
    ("B2", "C", false),
    ("B", "B2", false),
    ("B2", "B", false),
    ("A", "A", false),
    ("C", "C", false),
    ("D", "B2", false),
    ("B3", "D", false),
];

/// Of the test `equal`: clocks with the same history but other values, and one with another history. An actor with
/// counter zero is left out, for it says nothing.
const EQUAL_A: Clock = &[("a", 4, &["v5", "v0"]), ("c", 1, &["v3"])];
const EQUAL_B: Clock = &[("a", 4, &["v555", "v0"]), ("c", 1, &["v3"])];
const EQUAL_C: Clock = &[("a", 4, &["v5", "v0"])];

type Copy = Siblings<&'static str>;

fn dot(actor: &str, counter: u64) -> Dot {
    let mut name = [0; 16];
    name[..actor.len()].copy_from_slice(actor.as_bytes());
    Dot { actor: Actor { node: NodeId::from_bytes(name), epoch: 0 }, counter }
}

/// The copy that a clock describes.
fn copy(clock: Clock) -> Copy {
    let mut copy = Copy::new();
    for &(actor, counter, values) in clock {
        for (age, value) in values.iter().enumerate().rev() {
            copy.put(&VersionVector::new(), dot(actor, counter - age as u64), value);
        }
        if values.is_empty() {
            copy.forget(&VersionVector::from_iter([dot(actor, counter)]));
        }
    }
    copy
}

fn joined(one: &Copy, other: &Copy) -> Copy {
    let mut both = one.clone();
    both.sync(other);
    both
}

/// What all writes of a test have made, by their names.
type Made = BTreeMap<&'static str, Copy>;

/// The copies of these names, joined.
fn named(made: &Made, names: &str) -> Copy {
    names.split(' ').filter(|name| !name.is_empty()).fold(Copy::new(), |all, name| joined(&all, &made[name]))
}

/// Replay the writes of one test, and check what each leaves.
fn replayed(test: &str) -> Made {
    let mut made = Made::new();
    for &(_, name, held, read, actor, value, expected) in WRITES.iter().filter(|write| write.0 == test) {
        let (mut copy_held, context) = (named(&made, held), named(&made, read).context().clone());
        let known = |vector: &VersionVector| vector.counter(&dot(actor, 1).actor);
        let counter = known(copy_held.context()).max(known(&context)) + 1;
        copy_held.put(&context, dot(actor, counter), value);
        assert_eq!(copy_held, copy(expected), "{test}: {name}");
        made.insert(name, copy_held);
    }
    made
}

fn meet(test: &str) {
    let made = replayed(test);
    let of = |named: Named| match named {
        By(name) => made[name].clone(),
        As(clock) => copy(clock),
    };
    for &(_, one, other, expected) in MEETINGS.iter().filter(|meeting| meeting.0 == test) {
        assert_eq!(joined(&of(one), &of(other)), copy(expected), "{test}");
        assert_eq!(joined(&of(other), &of(one)), copy(expected), "{test}, the other way round");
    }
}

#[test]
fn dvvset_join_gives_what_was_seen() {
    let made = replayed("join");
    assert_eq!(*Copy::new().context(), VersionVector::new());
    assert_eq!(*made["A1"].context(), VersionVector::from_iter([dot("a", 1)]));
    assert_eq!(*made["B1"].context(), VersionVector::from_iter([dot("a", 1), dot("b", 1)]));
}

#[test]
fn dvvset_update_supersedes_exactly_what_was_read() {
    replayed("update");
    replayed("sync_update");
}

#[test]
fn dvvset_sync_keeps_a_value_unless_the_other_side_has_seen_and_dropped_it() {
    meet("sync");
}

#[test]
fn dvvset_event_keeps_what_was_not_read() {
    replayed("event");
}

#[test]
fn dvvset_less_is_the_order_of_histories() {
    let made = replayed("less");
    for &(one, other, is_before) in ORDERS {
        let (before, after) = (made[one].context(), made[other].context());
        assert_eq!(after.descends(before) && before != after, is_before, "{one} before {other}");
    }
}

#[test]
fn dvvset_equal_compares_histories_alone() {
    let contexts: Vec<VersionVector> =
        [EQUAL_A, EQUAL_B, EQUAL_C].into_iter().map(|clock| copy(clock).context().clone()).collect();
    assert_eq!(contexts[0], contexts[1]);
    assert!(contexts[0] != contexts[2] && contexts[1] != contexts[2]);
}

#[test]
fn figure_3_of_the_dynamo_paper_ends_in_one_version() {
    meet("figure 3");
    let values: Vec<_> = replayed("figure 3")["D5"].values().copied().collect();
    assert_eq!(values, ["D5"]);
}
