//! Whole-system tests: `tests/browser/*.test.mjs` under Node's own test runner, each driving real tabs.
//!
//! The tests find what they drive in the environment: CHROMIUM, FIREFOX (empty if there is none), and
//! ROUNDTABLE_RENDEZVOUS, ROUNDTABLE_PACKAGE and ROUNDTABLE_SITE as just built. One file runs at a time: a browser
//! with many tabs wants the machine to itself.

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
    let repo = bench.repo();
    let (browser, built) = (bench.browser()?, bench.built()?);
    let files = files_below(&repo.path("tests/browser"))?;
    let files: Vec<PathBuf> = files.into_iter().filter(|file| file.to_string_lossy().ends_with(".test.mjs")).collect();
    if files.is_empty() {
        // Without a file Node would look for tests everywhere.
        return Err(Failure::new("tests/browser holds no *.test.mjs"));
    }
    let log = repo.log("browser")?;
    let mut node = wasm::native(repo, "node");
    node.args(["--test", "--test-concurrency=1", "--test-reporter=spec"]).args(files);
    drive::tell(node.env("NO_COLOR", "1"), &browser, &built);
    let finished = run(&mut node, &log, LIMIT)?;
    report.add_count(count::of_node(finished.output()), finished.success(), "node --test", Some(&log));
    Ok(())
}
