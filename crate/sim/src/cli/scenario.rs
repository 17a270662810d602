//! `scenario`: the stories of `tests/scenarios`, one or all, with many seeds.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use roundtable_core::planted::{Plant, Planted};
use roundtable_sim::scenario::{self, Report, Scenario};
use serde_json::json;

use super::{on_all_cores, plant, range};

/// What to play.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The name of a scenario, or all; without one, or with list, their names are printed.
    #[arg(default_value = "list")]
    name: String,
    /// With which seeds, as FROM..TO.
    #[arg(long, value_parser = range::<u64>, default_value = "0..20")]
    seeds: Range<u64>,
    /// With this bug in every node; `plants` lists them.
    #[arg(long, value_parser = plant)]
    plant: Option<Plant>,
    /// Write every output of every node to this file: when, which tab, what. For one scenario and one seed.
    #[arg(long)]
    trace: Option<PathBuf>,
    /// Print only the summary, as JSON.
    #[arg(long)]
    json: bool,
}

/// Play, print what does not hold, and tell by the exit code whether all does.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let all = match scenario::all() {
        Ok(all) => all,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    if arguments.name == "list" {
        list(&all, arguments.json);
        return ExitCode::SUCCESS;
    }
    let chosen: Vec<&Scenario> =
        all.iter().filter(|scenario| arguments.name == "all" || scenario.name == arguments.name).collect();
    if chosen.is_empty() || arguments.seeds.is_empty() {
        eprintln!("there is nothing to play: no scenario is called {:?}, or no seed is given", arguments.name);
        return ExitCode::from(2);
    }
    if let Some(file) = &arguments.trace {
        return trace(&chosen, arguments, file);
    }
    play(&chosen, arguments)
}

fn list(all: &[Scenario], is_json: bool) {
    if is_json {
        let line = |scenario: &Scenario| {
            let Scenario { name, traps, plants, .. } = scenario;
            json!({ "name": name, "traps": traps, "title": scenario.title(), "plants": plants })
        };
        println!("{}", json!({ "scenarios": all.iter().map(line).collect::<Vec<_>>() }));
    } else {
        let width = all.iter().map(|scenario| scenario.name.len()).max().unwrap_or(0);
        all.iter().for_each(|scenario| println!("{:width$}  {}", scenario.name, scenario.title()));
    }
}

fn play(chosen: &[&Scenario], arguments: &Arguments) -> ExitCode {
    let Arguments { seeds, plant, json, .. } = arguments;
    let begun = Instant::now();
    let planted = plant.map(Planted::with).unwrap_or_default();
    let mut failed: BTreeMap<&str, u64> = BTreeMap::new();
    for scenario in chosen {
        let mut reports = on_all_cores(seeds, |seed| (seed, scenario::run(scenario, seed, planted, false)));
        reports.sort_by_key(|(seed, _)| *seed);
        let bad: Vec<&(u64, Report)> = reports.iter().filter(|(_, report)| !report.holds()).collect();
        if !bad.is_empty() {
            failed.insert(&scenario.name, bad.len() as u64);
        }
        if !json {
            tell(scenario, &bad, arguments);
        }
    }
    let violations: u64 = failed.values().sum();
    let summary = json!({
        "scenarios": chosen.len(), "seeds": seeds.end - seeds.start, "violations": violations, "failed": failed,
        "plant": plant.map(Plant::name), "seconds": begun.elapsed().as_secs(),
    });
    println!("{summary}");
    if violations > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn tell(scenario: &Scenario, bad: &[&(u64, Report)], arguments: &Arguments) {
    let name = &scenario.name;
    let Some((seed, report)) = bad.first() else { return println!("{name}: holds") };
    println!("{name}: fails with {} of {} seeds", bad.len(), arguments.seeds.end - arguments.seeds.start);
    println!("seed {seed}:");
    report.mistake.iter().for_each(|mistake| println!("  {name}.json is wrong: {mistake}"));
    report.violations.iter().take(5).for_each(|violation| println!("  {violation}"));
    let plant = arguments.plant.map(|plant| format!(" --plant {}", plant.name())).unwrap_or_default();
    println!("  again: cargo run --release -p roundtable-sim -- scenario {name} --seeds {seed}..{}{plant}", seed + 1);
}

fn trace(chosen: &[&Scenario], arguments: &Arguments, file: &PathBuf) -> ExitCode {
    let [scenario] = chosen else {
        eprintln!("a trace is of one scenario");
        return ExitCode::from(2);
    };
    let planted = arguments.plant.map(Planted::with).unwrap_or_default();
    let seed = arguments.seeds.start;
    let report = scenario::run(scenario, seed, planted, true);
    println!("trace {:016x}", report.trace);
    if let Err(error) = fs::write(file, report.lines.join("\n") + "\n") {
        eprintln!("{}: {error}", file.display());
        return ExitCode::from(2);
    }
    let bad = (seed, report);
    let bad: Vec<&(u64, Report)> = [&bad].into_iter().filter(|(_, report)| !report.holds()).collect();
    tell(scenario, &bad, arguments);
    if bad.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
