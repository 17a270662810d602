//! `lessons`: whether the lessons of `tests/lessons` still tell what they say, and their traces written anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use roundtable_sim::lab::Lesson;
use serde_json::{Value, json};

/// Where they are, from this crate's manifest on.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/lessons");

/// What to play.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// One lesson; all, if none is named.
    name: Option<String>,
    /// Write the trace of each into its file, after its expectations have held.
    #[arg(long)]
    write: bool,
    /// Tell of the lesson's key after each step, as JSON.
    #[arg(long, requires = "name")]
    verbose: bool,
    /// Print only the traces, one a line: the id and the hash.
    #[arg(long)]
    traces: bool,
}

/// Play them, print a table, and tell by the exit code whether all hold.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let files = match files(arguments.name.as_deref()) {
        Ok(files) => files,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let mut holds = true;
    for file in files {
        match play(&file, arguments) {
            Ok(line) => println!("{line}"),
            Err(what) => {
                holds = false;
                eprintln!("{}: {what}", file.display());
            }
        }
    }
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn files(name: Option<&str>) -> Result<Vec<PathBuf>, String> {
    let wrong = |error: std::io::Error| format!("{FOLDER}: {error}");
    let mut files = Vec::new();
    for entry in fs::read_dir(FOLDER).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        let is_wanted = name.is_none_or(|name| path.file_stem().is_some_and(|stem| stem == name));
        if path.extension().is_some_and(|extension| extension == "json") && is_wanted {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() { Err(format!("there is no lesson {:?}", name.unwrap_or_default())) } else { Ok(files) }
}

fn play(file: &Path, arguments: &Arguments) -> Result<String, String> {
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let lesson = Lesson::parse(&text)?;
    if arguments.verbose {
        verbose(&lesson)?;
    }
    let lab = lesson.play()?;
    let trace = lab.trace();
    if arguments.write {
        let was = format!("\"trace\": \"{}\"", lesson.trace);
        let is = format!("\"trace\": \"{trace}\"");
        fs::write(file, text.replace(&was, &is)).map_err(|error| error.to_string())?;
    } else if lesson.trace != trace {
        let again = "after a change of what nodes do, look at it and run `roundtable-sim lessons --write`";
        return Err(format!("its trace is {trace}, and the file says {:?}: {again}", lesson.trace));
    }
    Ok(match arguments.traces {
        true => format!("{} {trace}", lesson.id),
        false => format!("{trace}  {:>6.1} s  {:28}  {}", lab.now() as f64 / 1_000.0, lesson.id, lesson.title),
    })
}

fn verbose(lesson: &Lesson) -> Result<(), String> {
    let mut lab = lesson.begin()?;
    let key = lesson.key.as_ref().map(|key| json!({ "bucket": key.bucket, "key": key.key }));
    for step in &lesson.steps {
        let outcome = step.take(&mut lab);
        let state: Value = serde_json::from_str(&lab.state(&json!({ "key": key }).to_string())?).unwrap_or_default();
        println!("--- {} ms: {}", lab.now(), step.say);
        if let Err(what) = outcome {
            println!("    NOT SO: {what}");
        }
        println!("    owners {} fallbacks {}", state["key"]["owners"], state["key"]["fallbacks"]);
        for replica in state["key"]["replicas"].as_array().into_iter().flatten() {
            println!("    {replica}");
        }
        println!("    request {}", state["requests"][0]);
        println!("    metrics {}", state["metrics"]);
    }
    Ok(())
}
