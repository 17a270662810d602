//! Rust's own tests: the native crates with cargo, the browser crates with wasm-pack in a headless Chromium.

use std::process::Command;
use std::time::Duration;

use crate::failure::Failure;
use crate::process::{run, succeed};
use crate::test::bench::Bench;
use crate::test::count;
use crate::test::report::Report;
use crate::wasm;

const LIMIT: Duration = Duration::from_secs(20 * 60);
/// The rooms of every run: seeds, tabs at first, and whatever else is said to the simulator. Not all tabs of the large
/// ones are linked with all: to form one takes most of a second of a core, so their stories are short here.
const SOAKS: [(&str, &str, &str, &[&str]); 2] =
    [("soak", "0..1000", "3..16", &[]), ("soak-large", "0..500", "25..64", &["--steps", "24"])];
/// wasm-bindgen gives a page of tests 20 s by default. Those of the network wait for what takes its time, such as
/// attempts that fail after ten seconds, and take three minutes in one page.
const PAGE_LIMIT_SECONDS: &str = "480";

/// `cargo test` in the workspace's default members: unit, scenario and documentation tests.
pub(crate) fn native(bench: &Bench) -> Report {
    let mut report = Report::default();
    let mut cargo = wasm::native(bench.repo(), "cargo");
    counted(bench, &mut report, "cargo-test", cargo.args(["test", "--no-fail-fast"]));
    SOAKS.iter().for_each(|(name, seeds, nodes, flags)| report.check(soak(bench, name, seeds, nodes, flags)));
    report.check(scenarios(bench));
    report
}

/// Every story of `tests/scenarios`, with more seeds than `cargo test` takes.
fn scenarios(bench: &Bench) -> Result<String, Failure> {
    let mut cargo = wasm::native(bench.repo(), "cargo");
    cargo.args(["run", "--release", "--quiet", "-p", "roundtable-sim", "--", "scenario", "all"]);
    succeed("the scenarios", &mut cargo, &bench.repo().log("scenarios")?, LIMIT)
}

/// Random rooms with all faults, and no invariant broken.
fn soak(bench: &Bench, name: &str, seeds: &str, nodes: &str, flags: &[&str]) -> Result<String, Failure> {
    let mut cargo = wasm::native(bench.repo(), "cargo");
    cargo.args(["run", "--release", "--quiet", "-p", "roundtable-sim", "--", "soak", "--seeds", seeds]);
    let what = format!("the soak of rooms of {nodes} tabs");
    succeed(&what, cargo.args(["--nodes", nodes]).args(flags), &bench.repo().log(name)?, LIMIT)
}

/// `wasm-pack test` in each crate that has tests for a page: the lab is tested by its traces.
pub(crate) fn wasm(bench: &Bench) -> Report {
    let (toolchain, browser) = match (bench.toolchain(), bench.browser()) {
        (Ok(toolchain), Ok(browser)) => (toolchain, browser),
        (Err(failure), _) | (_, Err(failure)) => return failure.into(),
    };
    let mut report = Report::default();
    for (folder, _) in wasm::crates(bench.repo()).into_iter().filter(|(folder, _)| *folder != "lab") {
        let mut pack = toolchain.command(bench.repo(), "wasm-pack");
        pack.args(["test", "--headless", "--chrome", "--mode", "no-install", "--chromedriver"]);
        pack.arg(&browser.driver).arg(bench.repo().path("crate").join(folder));
        pack.env("CHROMEDRIVER", &browser.driver).env("WASM_BINDGEN_TEST_TIMEOUT", PAGE_LIMIT_SECONDS);
        counted(bench, &mut report, &format!("wasm-pack-{folder}"), &mut pack);
    }
    report
}

fn counted(bench: &Bench, report: &mut Report, name: &str, command: &mut Command) {
    let finished = bench.repo().log(name).and_then(|log| Ok((run(command, &log, LIMIT)?, log)));
    match finished {
        Ok((finished, _)) if finished.timed_out() => {
            report.check::<()>(Err(Failure::new(format!("{name}: ended after {} s", LIMIT.as_secs()))));
        }
        Ok((finished, log)) => {
            report.add_count(count::of_rust(finished.output()), finished.success(), name, Some(&log));
        }
        Err(failure) => report.check::<()>(Err(failure)),
    }
}
