//! A soak: for each seed a room, a random schedule of requests and faults, then peace, then judgement.
//!
//! A seed expands to a [`Plan`]: every step with its arguments and pauses, drawn before anything runs, so that a plan
//! can be printed, shortened and run again. Each seed also draws which kinds of faults and requests it has at all
//! (swarm testing: Groce et al., ISSTA 2012), for a fault that always happens hides what happens without it. After the
//! schedule everything heals, closed tabs reopen, and the room must settle; then the invariants of the design are
//! checked, and the oracle judges what is left of every key.
//!
//! - `plan`: what a seed expands to.
//! - `rare`: what is added to it, to come to rare branches.
//! - `run`: a plan, step by step.
//! - `edits`: counters, sets and maps.
//! - `watch`: what is checked whenever something was answered.
//! - `shown`: what each session was shown, and that its writes supersede no more.
//! - `custody`: hints, and what lies on disks.
//! - `scans`: watches of many keys.
//! - `watches`: those of one.
//! - `judge`: what is checked in the end.
//! - `shrink`: a failing plan, made shorter.

mod custody;
mod edits;
mod judge;
mod plan;
mod rare;
mod run;
mod scans;
mod shown;
mod shrink;
mod watch;
mod watches;

pub(crate) use plan::snake;
pub use plan::{Act, Plan, Step};
pub use rare::Tight;
pub(crate) use run::{Soak, Written};
pub use shrink::shrink;

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use roundtable_core::marks::Marks;
use roundtable_core::planted::Planted;

/// What came of one seed.
#[derive(Debug, Clone)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// How often each kind of step was taken.
    pub steps: BTreeMap<Step, u64>,
    /// How often each rare branch of the nodes was taken, in the order of `Mark::ALL`.
    pub marks: Vec<u32>,
    /// What was found.
    pub violations: Vec<String>,
    /// The hash of everything that came out of any node; 0 if one panicked.
    pub trace: u64,
    /// Every output, one a line, if they were asked for.
    pub lines: Vec<String>,
}

/// Run one seed.
pub fn run(seed: u64, nodes: &Range<usize>) -> Report {
    run_planted(seed, nodes, Planted::default())
}

/// Run one seed with a bug in every node.
pub fn run_planted(seed: u64, nodes: &Range<usize>, planted: Planted) -> Report {
    run_plan(&Plan::of(seed, nodes), planted, false)
}

/// Run a plan; with `is_traced`, keep a line for every output. A panic in a node, or a world that does not come to
/// rest, is a violation.
pub fn run_plan(plan: &Plan, planted: Planted, is_traced: bool) -> Report {
    let mut soak = Soak::new(plan.clone());
    soak.world.limits.planted = planted;
    soak.world.limits.marks = Marks::counting();
    // In a browser it does.
    soak.world.limits.sends_together = plan.seed % 2 == 1;
    if is_traced {
        soak.world.outputs.keep_lines();
    }
    // Nothing of a soak that panicked is used again but what it had counted.
    let outcome = catch_unwind(AssertUnwindSafe(|| soak.run()));
    let mut violations = soak.oracle.violations().to_vec();
    let mut trace = soak.world.trace();
    if let Err(panic) = outcome {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        violations.push(format!("panicked: {text}"));
        trace = 0;
    }
    let lines = soak.world.outputs.take_lines();
    let marks = soak.world.limits.marks.counts();
    Report { seed: plan.seed, steps: soak.steps, marks, violations, trace, lines }
}
