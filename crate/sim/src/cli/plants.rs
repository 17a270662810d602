//! `plants`: the bugs that can be planted; with `--check`, whether the soak catches each of them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::process::ExitCode;

use roundtable_core::planted::{Plant, Planted};
use roundtable_sim::soak;
use serde_json::json;

use super::{on_all_cores, range};

/// What to do with them.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Run the soak with each bug until its first violation, and fail if one is not caught.
    #[arg(long)]
    check: bool,
    /// With how many seeds at most, for each.
    #[arg(long, default_value_t = 200)]
    within: u64,
    /// How many tabs a room has at first, as MIN..MAX, both included.
    #[arg(long, value_parser = range::<usize>, default_value = "3..16")]
    nodes: Range<usize>,
    /// Print one line of JSON instead of a line a bug.
    #[arg(long)]
    json: bool,
}

/// What became of one bug: the seed that caught it, and what was found.
type Caught = Option<(u64, String)>;

/// List the bugs, or check that each is caught.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    if !arguments.check {
        for (_, name, breaks) in Plant::ALL {
            println!("{name} - {breaks}");
        }
        return ExitCode::SUCCESS;
    }
    let nodes = arguments.nodes.start..arguments.nodes.end + 1;
    // Panics are expected, and told as what they are: violations.
    std::panic::set_hook(Box::new(|_| {}));
    let found = on_all_cores(&(0..Plant::ALL.len() as u64), |index| {
        let (plant, name, _) = Plant::ALL[index as usize];
        (name, first_caught(plant, arguments.within, &nodes))
    });
    tell(arguments, &found.into_iter().collect())
}

fn first_caught(plant: Plant, within: u64, nodes: &Range<usize>) -> Caught {
    (0..within).find_map(|seed| {
        let report = soak::run_planted(seed, nodes, Planted::with(plant));
        report.violations.into_iter().next().map(|violation| (seed, violation))
    })
}

fn tell(arguments: &Arguments, found: &BTreeMap<&str, Caught>) -> ExitCode {
    let missed: Vec<&str> = found.iter().filter(|(_, caught)| caught.is_none()).map(|(name, _)| *name).collect();
    let holds = missed.is_empty();
    if arguments.json {
        let seeds: BTreeMap<&str, Option<u64>> =
            found.iter().map(|(name, caught)| (*name, caught.as_ref().map(|(seed, _)| *seed))).collect();
        println!("{}", json!({ "plants": found.len(), "caught": found.len() - missed.len(), "seeds": seeds }));
    } else {
        for (name, caught) in found {
            match caught {
                Some((seed, violation)) => println!("{name} - caught by seed {seed}: {}", shortened(violation)),
                None => println!("{name} - NOT CAUGHT within {} seeds", arguments.within),
            }
        }
    }
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The first hundred characters of one line.
fn shortened(violation: &str) -> String {
    violation.lines().next().unwrap_or_default().chars().take(100).collect()
}
