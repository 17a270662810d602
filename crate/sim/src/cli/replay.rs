//! `replay`: one seed, or one schedule from a file, again; every output a line.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;

use roundtable_core::planted::Planted;
use roundtable_sim::soak::{self, Plan};

use super::range;

/// What to run again.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The seed.
    #[arg(required_unless_present = "schedule")]
    seed: Option<u64>,
    /// A schedule that a soak has written, instead of a seed.
    #[arg(long, conflicts_with = "seed")]
    schedule: Option<PathBuf>,
    /// How many tabs a room has at first, as MIN..MAX, both included.
    #[arg(long, value_parser = range::<usize>, default_value = "3..16")]
    nodes: Range<usize>,
    /// Write every output of every node to this file: when, which tab, what.
    #[arg(long)]
    trace: Option<PathBuf>,
}

/// Run it, print the plan, what was found and the hash of the trace. Fails on a violation.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let plan = match plan(arguments) {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    print!("{plan}");
    let report = soak::run_plan(&plan, Planted::default(), arguments.trace.is_some());
    report.violations.iter().for_each(|violation| println!("violation: {violation}"));
    println!("trace {:016x}", report.trace);
    if let Some(file) = &arguments.trace
        && let Err(error) = fs::write(file, report.lines.join("\n") + "\n")
    {
        eprintln!("{}: {error}", file.display());
        return ExitCode::from(2);
    }
    if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn plan(arguments: &Arguments) -> Result<Plan, String> {
    let Some(file) = &arguments.schedule else {
        let Range { start, end } = arguments.nodes;
        if start == 0 || start > end {
            return Err("a room has at least one tab".into());
        }
        return Ok(Plan::of(arguments.seed.unwrap_or_default(), &(start..end + 1)));
    };
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}
