//! `traces`: the hash of each seed's trace, to compare with those of another build or another machine.

use std::ops::Range;
use std::process::ExitCode;

use roundtable_sim::soak;
use serde_json::json;

use super::{on_all_cores, range};

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The seeds, as FROM..TO.
    #[arg(long, value_parser = range::<u64>, default_value = "0..50")]
    seeds: Range<u64>,
    /// How many tabs a room has at first, as MIN..MAX, both included.
    #[arg(long, value_parser = range::<usize>, default_value = "3..8")]
    nodes: Range<usize>,
    /// Print all of them as one line of JSON.
    #[arg(long)]
    json: bool,
}

/// Print a line for each seed: its number and its hash, which is zero if a node panicked.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let Arguments { seeds, nodes, json } = arguments;
    if seeds.is_empty() || nodes.start == 0 || nodes.start > nodes.end {
        eprintln!("there is nothing to run: give at least one seed and at least one node");
        return ExitCode::from(2);
    }
    let nodes = nodes.start..nodes.end + 1;
    let mut traces: Vec<(u64, String)> = on_all_cores(seeds, |seed| {
        let report = soak::run(seed, &nodes);
        (seed, format!("{:016x}", report.trace))
    });
    traces.sort();
    if *json {
        let traces: std::collections::BTreeMap<u64, String> = traces.into_iter().collect();
        println!("{}", json!({ "nodes": [nodes.start, nodes.end - 1], "traces": traces }));
    } else {
        traces.iter().for_each(|(seed, trace)| println!("{seed} {trace}"));
    }
    ExitCode::SUCCESS
}
