//! Whole-system tests: `tests/browser/*.test.mjs` under Node's own test runner, each driving real tabs.
//!
//! The tests find what they drive in the environment: CHROMIUM, FIREFOX (empty if there is none), and
//! ROUNDTABLE_RENDEZVOUS, ROUNDTABLE_PACKAGE and ROUNDTABLE_SITE as just built. One file runs at a time: a browser
//! with many tabs wants the machine to itself. Those of the lab (`lab*`) run two at a time: its time is not the
//! machine's, and its room is in one page.

use std::path::PathBuf;
use std::time::Duration;

use crate::drive;
use crate::failure::Failure;
use crate::process::run;
use crate::repo::files_below;
use crate::test::bench::Bench;
use crate::test::count;
use crate::test::report::Report;
use crate::wasm;

/// Real tabs want the machine to themselves: beside a build they take two to three times as long.
const LIMIT: Duration = Duration::from_secs(45 * 60);

/// Runs all files of tests in tests/browser.
pub(crate) fn tabs(bench: &Bench) -> Report {
    let mut report = Report::default();
    if let Err(failure) = run_files(bench, &mut report) {
        report.check::<()>(Err(failure));
    }
    report
}

fn run_files(bench: &Bench, report: &mut Report) -> Result<(), Failure> {
    let files = files_below(&bench.repo().path("tests/browser"))?;
    let is_test = |file: &PathBuf| file.to_string_lossy().ends_with(".test.mjs");
    let is_of_lab = |file: &PathBuf| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("lab"));
    let (lab, tabs): (Vec<PathBuf>, Vec<PathBuf>) = files.into_iter().filter(is_test).partition(is_of_lab);
    for (name, at_a_time, files) in [("browser-lab", 2, lab), ("browser", 1, tabs)] {
        if files.is_empty() {
            // Without a file Node would look for tests everywhere.
            return Err(Failure::new(format!("tests/browser holds none of the *.test.mjs that {name} is to run")));
        }
        let log = bench.repo().log(name)?;
        let mut node = wasm::native(bench.repo(), "node");
        node.args(["--test", &format!("--test-concurrency={at_a_time}"), "--test-reporter=spec"]).args(files);
        drive::tell(node.env("NO_COLOR", "1"), &bench.browser()?, &bench.built()?);
        let finished = run(&mut node, &log, LIMIT)?;
        report.add_count(count::of_node(finished.output()), finished.success(), "node --test", Some(&log));
    }
    Ok(())
}
