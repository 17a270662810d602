//! `measure`: figures as a table, as JSON, or into the page that keeps them.

use std::process::ExitCode;

use roundtable_sim::measure::{self, Figure, Options, Subject};
use serde_json::json;

/// The page that keeps the figures, beside this crate's manifest.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/MEASURED.md");

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// One subject, or all.
    #[arg(value_parser = subjects)]
    what: Subjects,
    /// With so many nodes, where the subject depends on it; else with each number that its bar names.
    #[arg(long)]
    nodes: Option<usize>,
    /// With so many frames of a hundred lost, where the subject depends on it; else with each share its bar names.
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=90))]
    loss: Option<u8>,
    /// Measure only some of the settings that a bar names, as the tests do.
    #[arg(long, conflicts_with_all = ["nodes", "write"])]
    quick: bool,
    /// Print one line of JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Write the table to MEASURED.md too; for `all`.
    #[arg(long)]
    write: bool,
}

#[derive(Debug, Clone)]
struct Subjects(Vec<Subject>);

fn subjects(text: &str) -> Result<Subjects, String> {
    if text == "all" {
        return Ok(Subjects(Subject::ALL.to_vec()));
    }
    // A thousand nodes take minutes, and are measured only when they are asked for.
    let named = || Subject::ALL.iter().chain([&Subject::Thousand]);
    let names: Vec<&str> = named().map(|subject| subject.name()).collect();
    let found = named().find(|subject| subject.name() == text);
    found.map(|&subject| Subjects(vec![subject])).ok_or_else(|| format!("there is {} or all", names.join(", ")))
}

/// Measure, print, and tell by the exit code whether all bars hold.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let options = Options { nodes: arguments.nodes, loss_percent: arguments.loss, quick: arguments.quick };
    let Subjects(subjects) = &arguments.what;
    let figures: Vec<(Subject, Vec<Figure>)> =
        subjects.iter().map(|&subject| (subject, measure::run(subject, &options))).collect();
    let holds = figures.iter().flat_map(|(_, figures)| figures).all(Figure::holds);
    if arguments.json {
        let of = |(subject, figures): &(Subject, Vec<Figure>)| {
            let figures: Vec<_> = figures.iter().map(Figure::to_json).collect();
            json!({ "measure": subject.name(), "figures": figures })
        };
        println!("{}", json!({ "measured": figures.iter().map(of).collect::<Vec<_>>(), "holds": holds }));
    } else {
        print!("{}", measure::table(&figures));
    }
    if arguments.write
        && let Err(error) = std::fs::write(PAGE, measure::page(&figures))
    {
        eprintln!("MEASURED.md could not be written: {error}");
        return ExitCode::FAILURE;
    }
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
