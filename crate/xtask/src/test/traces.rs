//! The same seed is the same run, natively and in wasm, and so is a lesson: the hashes of many traces, compared.
//!
//! Everything that comes out of any node of a soak is in its hash, so one bit that hangs on the machine (a `usize` that
//! is drawn or hashed, an order that is the allocator's) shows as a difference. Each seed is a test. The wasm is the
//! crate `lab` as a page would load it, run under Node: the same engine as Chromium's, without waiting for a browser.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::build;
use crate::failure::Failure;
use crate::process::{run, succeed};
use crate::repo::files_below;
use crate::test::bench::Bench;
use crate::test::report::Report;
use crate::wasm;

const LIMIT: Duration = Duration::from_secs(10 * 60);
/// Small rooms have every fault that large ones have, at a quarter of the time.
const NODES: &str = "3..8";
const SEEDS: std::ops::Range<u64> = 0..50;
/// Where the lessons are.
const LESSONS: &str = "tests/lessons";

/// The hash of the trace of each seed, and of each lesson.
type Traces = BTreeMap<String, String>;

/// Compares the traces of all seeds and lessons.
pub(crate) fn compare(bench: &Bench) -> Report {
    let both = bindings(bench).and_then(|folder| Ok((natively(bench)?, in_wasm(bench, &folder)?, names(bench)?)));
    match both {
        Ok((native, wasm, names)) => judge(&names, &native, &wasm),
        Err(failure) => failure.into(),
    }
}

/// The seeds, and the lessons by their files.
fn names(bench: &Bench) -> Result<Vec<String>, Failure> {
    let lessons = files_below(&bench.repo().path(LESSONS))?;
    let lessons = lessons.iter().filter_map(|file| file.file_stem()?.to_str().map(str::to_owned));
    Ok(SEEDS.map(|seed| seed.to_string()).chain(lessons).collect())
}

/// What a page loads of the lab, as it is shipped. The folder that holds it, from the root.
fn bindings(bench: &Bench) -> Result<String, Failure> {
    let toolchain = bench.toolchain()?;
    build::lab(bench.repo(), &toolchain).map(str::to_owned)
}

fn natively(bench: &Bench) -> Result<Traces, Failure> {
    let log = bench.repo().log("traces-native")?;
    let run = |flags: &[&str]| {
        let mut cargo = wasm::native(bench.repo(), "cargo");
        cargo.args(["run", "--release", "--quiet", "-p", "roundtable-sim", "--"]).args(flags);
        succeed("the traces natively", &mut cargo, &log, LIMIT).map(|text| read(&text))
    };
    let mut traces = run(&["traces", "--seeds", &seeds(), "--nodes", NODES])?;
    traces.extend(run(&["lessons", "--traces"])?);
    Ok(traces)
}

/// A run that stops in the middle (a panic is a trap) has the traces up to there; the rest are missing, and the log
/// tells why.
fn in_wasm(bench: &Bench, folder: &str) -> Result<Traces, Failure> {
    let log = bench.repo().log("traces-wasm")?;
    let finished = |flags: &[&str]| {
        let mut node = wasm::native(bench.repo(), "node");
        node.args(["tests/traces/wasm.mjs", folder]).args(flags);
        run(&mut node, &log, LIMIT).map(|finished| read(finished.output()))
    };
    let mut traces = finished(&["traces", &seeds(), NODES])?;
    traces.extend(finished(&["lessons", LESSONS])?);
    Ok(traces)
}

fn seeds() -> String {
    format!("{}..{}", SEEDS.start, SEEDS.end)
}

/// The lines `17 0123456789abcdef` and `a-lesson 0123456789abcdef`, among whatever else there is.
fn read(output: &str) -> Traces {
    let line = |line: &str| {
        let (name, trace) = line.split_once(' ')?;
        let is_hash = trace.len() == 16 && trace.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash.then(|| (name.to_owned(), trace.to_owned()))
    };
    output.lines().filter_map(line).collect()
}

/// One test a seed or a lesson. The first seed that differs says how to look at it.
fn judge(names: &[String], native: &Traces, wasm: &Traces) -> Report {
    let mut report = Report::default();
    for name in names {
        let (natively, in_wasm) = (native.get(name), wasm.get(name));
        let is_same = natively.is_some() && natively == in_wasm;
        let what = match name.parse() {
            Ok(seed) if report.failures().is_empty() => (format!("seed {name} of {NODES}"), replay(seed)),
            Ok(_) => (format!("seed {name} of {NODES}"), String::new()),
            Err(_) => (format!("the lesson {name}"), String::new()),
        };
        let trace = |trace: Option<&String>| trace.map_or("without a trace".to_owned(), String::clone);
        let (natively, in_wasm) = (trace(natively), trace(in_wasm));
        let sentence = format!("{} is natively {natively} and in wasm {in_wasm}{}", what.0, what.1);
        report.check(if is_same { Ok(()) } else { Err(Failure::new(sentence)) });
    }
    report
}

fn replay(seed: u64) -> String {
    format!(
        ". What stopped it, if it has no trace, is in .cache/logs; where the two part:\n    \
         cargo run --release -p roundtable-sim -- replay {seed} --nodes {NODES} --trace native.txt\n    \
         node tests/traces/wasm.mjs www/site/pkg replay {seed} {NODES} > wasm.txt; cmp native.txt wasm.txt"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        SEEDS.map(|seed| seed.to_string()).chain(["a-lesson".to_owned()]).collect()
    }

    fn traces() -> Traces {
        names().into_iter().enumerate().map(|(number, name)| (name, format!("{number:016x}"))).collect()
    }

    #[test]
    fn lines_that_are_no_trace_are_passed_over() {
        let text = "   Compiling x v0.1.0\n0 00000000000000aa\nthread panicked at 17\n12 short\na-b 00000000000000bb\n";
        assert_eq!(
            read(text),
            Traces::from([("0".into(), "00000000000000aa".into()), ("a-b".into(), "00000000000000bb".into())])
        );
    }

    #[test]
    fn each_seed_and_each_lesson_is_a_test() {
        let report = judge(&names(), &traces(), &traces());
        assert_eq!((report.passed(), report.failed()), (51, 0));
    }

    #[test]
    fn every_difference_names_its_seed_and_the_first_how_to_look_at_it() {
        let mut other = traces();
        other.insert("17".into(), "f".repeat(16));
        other.remove("30");
        other.remove("a-lesson");
        let report = judge(&names(), &traces(), &other);
        assert_eq!((report.passed(), report.failed()), (48, 3));
        let told: Vec<String> = report.failures().iter().map(Failure::to_string).collect();
        assert!(told[0].contains("replay 17 --nodes 3..8"), "{told:?}");
        assert!(told[1].starts_with("seed 30 ") && told[1].ends_with("in wasm without a trace"), "{told:?}");
        assert!(told[2].starts_with("the lesson a-lesson is natively"), "{told:?}");
    }

    #[test]
    fn what_has_no_trace_on_either_side_is_not_the_same() {
        let mut less = traces();
        less.remove("49");
        assert_eq!(judge(&names(), &less, &less).failed(), 1);
        assert_eq!(judge(&names(), &Traces::new(), &Traces::new()).failed(), 51);
    }
}
