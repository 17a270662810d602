//! A short soak in every test run; `cargo xtask test` runs a thousand seeds of it with the optimiser.
//!
//! Seeds change their meaning whenever something is drawn anew, so what a seed once found is kept as a test of its own:
//! in the core, in `receipts.rs` and in the scenarios.

use std::collections::BTreeSet;
use std::ops::Range;

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
