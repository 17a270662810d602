//! All scenarios, in every test run with a few seeds, and each under the bugs it says it catches.
//!
//! `cargo run --release -p roundtable-sim -- scenario all` plays them with twenty.

use std::collections::BTreeSet;
use std::ops::Range;

use roundtable_core::planted::{Plant, Planted};
use roundtable_sim::scenario::{self, Scenario};

const SEEDS: Range<u64> = 0..2;
/// Within so many seeds a scenario must fail under each bug that it names.
const PLANTED_SEEDS: Range<u64> = 0..20;

fn all() -> Vec<Scenario> {
    scenario::all().expect("every scenario can be read")
}

#[test]
fn every_scenario_holds() {
    let scenarios = all();
    for scenario in &scenarios {
        for seed in SEEDS {
            let report = scenario::run(scenario, seed, Planted::default(), false);
            let again = format!("scenario {} --seeds {seed}..{}", scenario.name, seed + 1);
            assert!(report.holds(), "{again}: {:?} {:#?}", report.mistake, report.violations);
        }
    }
}

#[test]
fn every_scenario_fails_under_the_bugs_it_names() {
    for scenario in &all() {
        for name in &scenario.plants {
            let plant = Plant::named(name).expect("a scenario that was read names bugs that there are");
            let fails = |seed| {
                let report = scenario::run(scenario, seed, Planted::with(plant), false);
                assert_eq!(report.mistake, None, "{} --plant {name}, seed {seed}", scenario.name);
                !report.violations.is_empty()
            };
            assert!(PLANTED_SEEDS.into_iter().any(fails), "{} does not catch {name}", scenario.name);
        }
    }
}

#[test]
fn every_trap_has_a_scenario() {
    let shown: BTreeSet<u8> = all().iter().flat_map(|scenario| scenario.traps.clone()).collect();
    assert_eq!(shown, (1..=32).collect::<BTreeSet<u8>>());
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    let scenarios = all();
    let trace = |seed| scenario::run(&scenarios[0], seed, Planted::default(), false).trace;
    assert_eq!(trace(3), trace(3));
    assert_ne!(trace(3), trace(4));
}

#[test]
fn a_step_that_makes_no_sense_is_a_mistake_and_not_a_violation() {
    let text = |steps: &str| {
        format!(
            r#"{{ "traps": [1], "story": "A.", "plants": ["reuse-a-dot"], "devices": [["a"]], "later": ["a"],
                "steps": [{steps}] }}"#
        )
    };
    for (steps, what) in [
        (r#"{ "open": "z" }"#, "step 1: there is no tab \"z\""),
        (r#"{ "note": "now" }, { "close": "a" }"#, "now, step 2: \"a\" is not open"),
        (r#"{ "repeat": { "times": 2, "steps": [{ "open": "a" }] } }"#, "step 1.1: \"a\" is open"),
        (r#"{ "expect": { "receipt": { "of": "x" } } }"#, "nothing is called \"x\""),
    ] {
        let scenario = scenario::parse("tale", &text(steps)).expect("it can be read");
        let report = scenario::run(&scenario, 1, Planted::default(), false);
        assert!(report.mistake.as_ref().is_some_and(|mistake| mistake.contains(what)), "{:?}", report.mistake);
        assert!(report.violations.is_empty(), "{:?}", report.violations);
    }
}
