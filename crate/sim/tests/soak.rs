//! A short soak in every test run; `cargo xtask test` runs a thousand seeds of it with the optimiser.
//!
//! Seeds change their meaning whenever something is drawn anew, so what a seed once found is kept as a test of its own:
//! in the core, in `receipts.rs` and in the scenarios.

use std::collections::BTreeSet;
use std::ops::Range;
use std::process::Command;

use roundtable_core::marks::Mark;
use roundtable_sim::soak::{self, Plan};

/// Rooms of 3 to 8 tabs.
const SMALL: Range<usize> = 3..9;

#[test]
fn nothing_is_lost_in_sixty_rooms() {
    for seed in 0..60 {
        let report = soak::run(seed, &SMALL);
        assert!(report.violations.is_empty(), "seed {seed} of {SMALL:?}: {:#?}", report.violations);
    }
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    let trace = |seed| soak::run(seed, &SMALL).trace;
    assert_eq!(trace(3), trace(3));
    assert_ne!(trace(3), trace(4));
}

#[test]
fn seeds_draw_different_rooms() {
    let shapes: BTreeSet<String> = (0..20).map(|seed| Plan::of(seed, &SMALL).to_string()).collect();
    assert_eq!(shapes.len(), 20);
}

#[test]
fn a_room_counts_the_rare_branches_that_its_nodes_take() {
    let marks = soak::run(3, &SMALL).marks;
    assert_eq!(marks.len(), Mark::ALL.len());
    assert!(marks[Mark::PutWaitsForMint as usize] > 0, "the first put of a room always does");
    assert_eq!(marks, soak::run(3, &SMALL).marks);
}

#[test]
fn a_run_that_does_not_come_to_every_rare_branch_fails_if_it_was_told_to_and_names_them() {
    let run = |flags: &[&str]| {
        let mut soak = Command::new(env!("CARGO_BIN_EXE_roundtable-sim"));
        soak.args(["soak", "--seeds", "3..4"]).args(flags).output().expect("it runs")
    };
    let told = run(&["--marks"]);
    assert_eq!(told.status.code(), Some(1));
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(text.contains("never happened: a ghost is forgotten"), "{text}");
    assert_eq!(run(&[]).status.code(), Some(0), "a short run need not");
}
