//! `plants`: the bugs that can be planted; with `--check`, whether the soak catches each of them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use roundtable_core::planted::{Plant, Planted};
use roundtable_sim::soak;
use serde_json::json;

use super::range;

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
    #[arg(long, value_parser = range::<usize>, default_value = "3..8")]
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
    let next = AtomicUsize::new(0);
    let found: Mutex<BTreeMap<&str, Caught>> = Mutex::new(BTreeMap::new());
    // Panics are expected, and told as what they are: violations.
    std::panic::set_hook(Box::new(|_| {}));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(&(plant, name, _)) = Plant::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let caught = first_caught(plant, arguments.within, &nodes);
                    found.lock().unwrap_or_else(PoisonError::into_inner).insert(name, caught);
                }
            });
        }
    });
    tell(arguments, &found.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn first_caught(plant: Plant, within: u64, nodes: &Range<usize>) -> Caught {
    (0..within).find_map(|seed| {
        let report = soak::run_planted(seed, nodes, Planted::with(plant));
        report.violations.into_iter().next().map(|violation| (seed, violation))
    })
}

fn tell(arguments: &Arguments, found: &BTreeMap<&str, Caught>) -> ExitCode {
    let missed: Vec<&str> = found.iter().filter(|(_, caught)| caught.is_none()).map(|(name, _)| *name).collect();
    // A thread that panicked outside of a run has lost its plants: they were not caught.
    let holds = missed.is_empty() && found.len() == Plant::ALL.len();
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
