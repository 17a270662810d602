//! A short soak in every test run; the long one is `cargo run --release -p roundtable-sim -- soak --seeds A..B`.
//!
//! Seeds that once failed stay here by number, with what they found.

use std::collections::BTreeSet;
use std::ops::Range;

use roundtable_sim::soak::{self, Plan};

/// Rooms of 3 to 8 tabs.
const SMALL: Range<usize> = 3..9;
/// Rooms of 3 to 16 tabs.
const LARGE: Range<usize> = 3..17;

fn holds(seed: u64, nodes: &Range<usize>) {
    let report = soak::run(seed, nodes);
    assert!(report.violations.is_empty(), "seed {seed} of {nodes:?}: {:#?}", report.violations);
}

#[test]
fn nothing_is_lost_in_three_hundred_rooms() {
    (0..300).for_each(|seed| holds(seed, &SMALL));
}

#[test]
fn no_dot_is_used_twice_when_the_disk_refuses_the_row_that_says_so() {
    // A batch that opened the mint was refused, later dots left the node, and a crash forgot them.
    holds(21, &SMALL);
}

#[test]
fn member_rows_that_the_disk_refused_are_written_again() {
    [12, 20, 29, 39].into_iter().for_each(|seed| holds(seed, &SMALL));
}

#[test]
fn what_an_owner_wrote_while_it_was_apart_reaches_the_owners_of_now() {
    // A tab that owned a key on its side of a partition, and owns it no longer, kept the only copy.
    [1254, 1400].into_iter().for_each(|seed| holds(seed, &LARGE));
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    let trace = |seed| soak::run(seed, &SMALL).trace;
    assert_eq!(trace(3), trace(3));
    assert_ne!(trace(3), trace(4));
}

#[test]
fn seeds_draw_different_rooms() {
    let shapes: BTreeSet<String> = (0..20).map(|seed| format!("{:?}", Plan::of(seed, &SMALL))).collect();
    assert_eq!(shapes.len(), 20);
}

#[test]
fn a_quorum_read_of_a_fresh_tab_sees_what_a_quorum_had_confirmed() {
    // Two fallbacks that were never owners met the read of a tab whose own arcs were still on their way.
    holds(67, &SMALL);
}

#[test]
fn a_node_whose_record_a_full_disk_never_took_is_believed_again() {
    // Two lives of one node came to the same version of its record, and the older stood for ever.
    holds(25, &SMALL);
}
