//! `plants`: the bugs that can be planted; with `--check`, whether each of them is caught: by the soak, or by a
//! scenario that says so, for some take a month, or a clock that is wrong in just one way, to show.

use std::collections::BTreeMap;
use std::ops::Range;
use std::process::ExitCode;

use roundtable_core::planted::{Plant, Planted};
use roundtable_sim::scenario::{self, Scenario};
use roundtable_sim::soak;
use serde_json::json;

use super::{on_all_cores, range};

/// What to do with them.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Run the soak, then scenarios, with each bug until its first violation, and fail if one is not caught.
    #[arg(long)]
    check: bool,
    /// With how many seeds of the soak at most, for each.
    #[arg(long, default_value_t = 200)]
    within: u64,
    /// How many tabs a room has at first, as MIN..MAX, both included; 25..40 for bugs of large rooms.
    #[arg(long, value_parser = range::<usize>, default_value = "3..16")]
    nodes: Range<usize>,
    /// Print one line of JSON instead of a line a bug.
    #[arg(long)]
    json: bool,
}

/// How many tabs a room has for bugs that show only where not all are linked with all.
const LARGE_ROOMS: Range<usize> = 25..41;
/// With how many seeds a scenario is played for a bug that it names.
const SCENARIO_SEEDS: u64 = 20;

/// What became of one bug: the scenario that caught it, if it was not the soak, the seed, and what was found.
type Caught = Option<(Option<String>, u64, String)>;

/// List the bugs, or check that each is caught.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    if !arguments.check {
        for (_, name, breaks) in Plant::ALL {
            println!("{name} - {breaks}");
        }
        return ExitCode::SUCCESS;
    }
    let scenarios = match scenario::all() {
        Ok(scenarios) => scenarios,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let Range { start, end } = arguments.nodes;
    let nodes_for = |plant: Plant| if plant.is_of_large_rooms() { LARGE_ROOMS } else { start..end + 1 };
    // Panics are expected, and told as what they are: violations.
    std::panic::set_hook(Box::new(|_| {}));
    let found = on_all_cores(&(0..Plant::ALL.len() as u64), |index| {
        let (plant, name, _) = Plant::ALL[index as usize];
        let by_scenario = || by_scenario(plant, &scenarios);
        let by_soak = || by_soak(plant, arguments.within, &nodes_for(plant));
        // Rooms of the soak that are large take seconds each.
        let is_large = plant.is_of_large_rooms();
        let caught = if is_large { by_scenario().or_else(by_soak) } else { by_soak().or_else(by_scenario) };
        (name, caught)
    });
    tell(arguments, &found.into_iter().collect())
}

fn by_soak(plant: Plant, within: u64, nodes: &Range<usize>) -> Caught {
    (0..within).find_map(|seed| {
        let report = soak::run_planted(seed, nodes, Planted::with(plant));
        report.violations.into_iter().next().map(|violation| (None, seed, violation))
    })
}

fn by_scenario(plant: Plant, scenarios: &[Scenario]) -> Caught {
    let names_it = |scenario: &&Scenario| scenario.plants.iter().any(|name| name == plant.name());
    scenarios.iter().filter(names_it).find_map(|scenario| {
        (0..SCENARIO_SEEDS).find_map(|seed| {
            let report = scenario::run(scenario, seed, Planted::with(plant), false);
            let violation = report.violations.into_iter().next().filter(|_| report.mistake.is_none());
            violation.map(|violation| (Some(scenario.name.clone()), seed, violation))
        })
    })
}

fn tell(arguments: &Arguments, found: &BTreeMap<&str, Caught>) -> ExitCode {
    let missed: Vec<&str> = found.iter().filter(|(_, caught)| caught.is_none()).map(|(name, _)| *name).collect();
    let holds = missed.is_empty();
    if arguments.json {
        let seeds: BTreeMap<&str, Option<u64>> =
            found.iter().map(|(name, caught)| (*name, caught.as_ref().map(|(_, seed, _)| *seed))).collect();
        let by: BTreeMap<&str, &String> =
            found.iter().filter_map(|(name, caught)| Some((*name, caught.as_ref()?.0.as_ref()?))).collect();
        let caught = found.len() - missed.len();
        println!("{}", json!({ "plants": found.len(), "caught": caught, "seeds": seeds, "by_scenario": by }));
    } else {
        for (name, caught) in found {
            match caught {
                Some((None, seed, violation)) => {
                    println!("{name} - caught by seed {seed}: {}", shortened(violation));
                }
                Some((Some(scenario), seed, violation)) => {
                    println!("{name} - caught by {scenario}, seed {seed}: {}", shortened(violation));
                }
                None => println!("{name} - NOT CAUGHT within {} seeds, nor by any scenario", arguments.within),
            }
        }
    }
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The first hundred characters of one line.
fn shortened(violation: &str) -> String {
    violation.lines().next().unwrap_or_default().chars().take(100).collect()
}
