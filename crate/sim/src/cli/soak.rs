//! `soak`: many seeds on all cores, a line for each that fails, a summary at the end.

use std::collections::BTreeMap;
use std::ops::Range;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use roundtable_core::marks::Mark;
use roundtable_core::planted::{Plant, Planted};
use roundtable_sim::soak::{self, Plan, Report, Step};
use serde_json::json;

use super::{on_all_cores, plant, range};

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The seeds, as FROM..TO.
    #[arg(long, value_parser = range::<u64>, default_value = "0..100")]
    seeds: Range<u64>,
    /// How many tabs a room has at first, as MIN..MAX, both included.
    #[arg(long, value_parser = range::<usize>, default_value = "3..16")]
    nodes: Range<usize>,
    /// After how many steps each story ends; without it, stories have 40 to some 200.
    #[arg(long, default_value_t = usize::MAX, hide_default_value = true)]
    steps: usize,
    /// With this bug in every node; `plants` lists them.
    #[arg(long, value_parser = plant)]
    plant: Option<Plant>,
    /// Fail if a rare branch of the nodes was not taken in any room. So does a soak of a thousand rooms or more.
    #[arg(long)]
    marks: bool,
    /// Print only the summary, as JSON.
    #[arg(long)]
    json: bool,
}

/// So many rooms, of 3 to 8 tabs or more kinds, come to every rare branch.
const ROOMS_WITH_ALL_MARKS: u64 = 1_000;

/// From so many tabs on not all are linked with all, and there are rare branches of that.
const LARGE_ROOM: usize = 30;

/// For how long a schedule that failed is shortened.
const SHRINK_MAX: Duration = Duration::from_secs(60);

/// Random requests and faults, then peace, then judgement, for every seed.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let Arguments { seeds, nodes, steps, plant, marks, json } = arguments;
    let is_long = seeds.end.saturating_sub(seeds.start) >= ROOMS_WITH_ALL_MARKS && nodes.start <= 3 && nodes.end >= 8;
    let needs_marks = plant.is_none() && (*marks || is_long && *steps == usize::MAX);
    let stories = Stories { nodes: nodes.start..nodes.end + 1, steps: *steps };
    soak(seeds, &stories, *plant, needs_marks, *json)
}

/// How large the rooms are, and how long what happens in them.
struct Stories {
    nodes: Range<usize>,
    steps: usize,
}

impl Stories {
    fn plan(&self, seed: u64) -> Plan {
        Plan::of(seed, &self.nodes).first(self.steps)
    }

    /// The flags that draw this seed's story again.
    fn flags(&self, seed: u64) -> String {
        let (from, to) = (self.nodes.start, self.nodes.end - 1);
        let steps = if self.steps == usize::MAX { String::new() } else { format!(" --steps {}", self.steps) };
        format!("--seeds {seed}..{} --nodes {from}..{to}{steps}", seed + 1)
    }
}

fn soak(seeds: &Range<u64>, stories: &Stories, plant: Option<Plant>, needs_marks: bool, is_quiet: bool) -> ExitCode {
    let nodes = &stories.nodes;
    if seeds.is_empty() || nodes.is_empty() || nodes.start == 0 {
        eprintln!("there is nothing to run: give at least one seed and at least one node");
        return ExitCode::from(2);
    }
    let begun = Instant::now();
    let planted = plant.map(Planted::with).unwrap_or_default();
    let reports = on_all_cores(seeds, |seed| {
        let report = soak::run_plan(&stories.plan(seed), planted, false);
        if !is_quiet {
            tell(&report, stories, plant);
        }
        report
    });
    let violations = reports.iter().filter(|report| !report.violations.is_empty()).count() as u64;
    let first = reports.iter().filter(|report| !report.violations.is_empty()).map(|report| report.seed).min();
    let mut steps = BTreeMap::<Step, u64>::new();
    for (step, count) in reports.iter().flat_map(|report| &report.steps) {
        *steps.entry(*step).or_insert(0) += count;
    }
    let operations: u64 = steps.iter().filter(|(step, _)| step.is_request()).map(|(_, count)| count).sum();
    let faults = steps.iter().filter(|(step, _)| !step.is_request());
    let faults: BTreeMap<String, u64> = faults.map(|(step, count): (&Step, &u64)| (step.name(), *count)).collect();
    let marks = rooms_by_mark(&reports);
    let has_large = nodes.end > LARGE_ROOM;
    let is_needed = |mark: Mark| has_large || !mark.is_of_large_rooms();
    let needed = Mark::ALL.iter().filter(|(mark, _)| is_needed(*mark)).map(|(_, when)| *when);
    let missed: Vec<&str> = needed.filter(|when| marks.get(when) == Some(&0)).collect();
    let lacks_marks = needs_marks && !missed.is_empty();
    let summary = json!({
        "seeds": reports.len(), "operations": operations, "faults": faults, "violations": violations,
        "first_violation": first, "marks": marks, "marks_missed": missed,
        "plant": plant.map(Plant::name), "seconds": begun.elapsed().as_secs(),
    });
    if let Some(seed) = first.filter(|_| !is_quiet && plant.is_none()) {
        tell_shortest(seed, stories);
    }
    if lacks_marks && !is_quiet {
        missed.iter().for_each(|when| println!("never happened: {when}"));
    }
    println!("{summary}");
    if violations > 0 || lacks_marks { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// In how many rooms each rare branch was taken, by when that is.
fn rooms_by_mark(reports: &[Report]) -> BTreeMap<&'static str, u64> {
    let rooms = |mark: Mark| reports.iter().filter(|report| report.marks.get(mark as usize) > Some(&0)).count() as u64;
    Mark::ALL.iter().map(|&(mark, when)| (when, rooms(mark))).collect()
}

/// Shorten the schedule of a seed that failed, print it, and write it where `replay` finds it.
fn tell_shortest(seed: u64, stories: &Stories) {
    let begun = Instant::now();
    let hook = std::panic::take_hook();
    // A shorter plan may panic hundreds of times.
    std::panic::set_hook(Box::new(|_| {}));
    let fails = |plan: &Plan| !soak::run_plan(plan, Planted::default(), false).violations.is_empty();
    let plan = soak::shrink(&stories.plan(seed), fails, || begun.elapsed() < SHRINK_MAX);
    let report = soak::run_plan(&plan, Planted::default(), false);
    std::panic::set_hook(hook);
    print!("shortened: {plan}");
    report.violations.iter().take(5).for_each(|violation| println!("  {violation}"));
    let file = std::env::temp_dir().join(format!("roundtable-seed-{seed}.json"));
    let text = serde_json::to_string_pretty(&plan).expect("a plan always serialises");
    match std::fs::write(&file, text) {
        Ok(()) => println!("  again: cargo run --release -p roundtable-sim -- replay --schedule {}", file.display()),
        Err(error) => eprintln!("{}: {error}", file.display()),
    }
}

fn tell(report: &Report, stories: &Stories, plant: Option<Plant>) {
    if report.violations.is_empty() {
        return;
    }
    println!("seed {}:", report.seed);
    report.violations.iter().take(5).for_each(|violation| println!("  {violation}"));
    println!(
        "  again: cargo run --release -p roundtable-sim -- soak {}{}",
        stories.flags(report.seed),
        plant.map(|plant| format!(" --plant {}", plant.name())).unwrap_or_default()
    );
}
