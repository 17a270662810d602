//! All tests, in parts: each runs even if an earlier one fails, and one table at the end tells of all of them.
//!
//! A part that runs no test at all has failed, as has one that skips a test: what looks like success must be success.
//! A check (a lint, a rule of tidiness) counts as one test. The last line is always `N passed, M failed`.

mod bench;
mod browsers;
mod count;
mod lints;
mod report;
mod rust;
mod traces;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::repo::Repo;
use crate::tidy;
use crate::ui;

use bench::Bench;
pub(crate) use report::Report;

/// A group of tests that is run, timed and told of as one.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    name: &'static str,
    what: &'static str,
    prepare: fn(&Bench),
    run: fn(&Bench) -> Report,
}

const TIDY: Part =
    Part { name: "tidy", what: "rules that no linter knows", prepare: |_| (), run: |bench| tidy::report(bench.repo()) };
const FORMAT: Part =
    Part { name: "format", what: "rustfmt and Biome", prepare: Bench::prepare_tools, run: lints::format };
const CLIPPY: Part =
    Part { name: "clippy", what: "clippy, warnings denied", prepare: Bench::prepare_tools, run: lints::clippy };
const TYPES: Part =
    Part { name: "types", what: "tsc in each npm workspace", prepare: Bench::prepare_build, run: lints::types };
const RUST: Part = Part { name: "rust", what: "cargo test, the native crates", prepare: |_| (), run: rust::native };
const WASM: Part =
    Part { name: "wasm", what: "wasm-pack test, headless Chromium", prepare: Bench::prepare_browser, run: rust::wasm };
const TRACES: Part = Part {
    name: "traces",
    what: "the same seed, natively and in wasm",
    prepare: Bench::prepare_tools,
    run: traces::compare,
};
const BROWSER: Part =
    Part { name: "browser", what: "real tabs, driven by Playwright", prepare: Bench::prepare_all, run: browsers::tabs };

/// Everything, what fails fastest first.
pub(crate) const ALL: &[Part] = &[TIDY, FORMAT, CLIPPY, RUST, TRACES, WASM, TYPES, BROWSER];
/// What only reads the sources.
pub(crate) const LINT: &[Part] = &[TIDY, FORMAT, CLIPPY, TYPES];

/// The parts of these names, in the order given.
pub(crate) fn parts_named(names: &[&str]) -> Result<Vec<Part>, Failure> {
    let find = |name: &&str| ALL.iter().find(|part| part.name == *name).copied();
    let known: Vec<&str> = ALL.iter().map(|part| part.name).collect();
    let missing = |name: &&str| Failure::new(format!("no part is called `{name}`; there are {}", known.join(", ")));
    names.iter().map(|name| find(name).ok_or_else(|| missing(name))).collect()
}

/// Runs the parts and prints the table. Success means that every test of every part has passed.
pub(crate) fn run(repo: &Repo, parts: &[Part]) -> Result<ExitCode, Failure> {
    let bench = Bench::new(repo.clone());
    let mut rows = Vec::new();
    for part in parts {
        (part.prepare)(&bench);
        let began = Instant::now();
        let report = ui::judged_step(part.name, part.what, Report::is_good, || (part.run)(&bench));
        for failure in report.failures() {
            ui::failure(failure);
        }
        rows.push((part.name, report, began.elapsed()));
    }
    let (table, good) = summary(&rows);
    println!("\n{table}");
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The table with the line that counts all, and whether all is well.
fn summary(rows: &[(&str, Report, Duration)]) -> (String, bool) {
    let mut text = format!("  {:<10}{:>8}{:>8}{:>14}\n", "part", "passed", "failed", "time");
    for (name, report, time) in rows {
        let verdict = if report.is_good() { "" } else { "  FAIL" };
        let counts = format!("{:>8}{:>8}", report.passed(), report.failed());
        text += &format!("  {name:<10}{counts}{:>14}{verdict}\n", ui::seconds(*time));
    }
    let passed: usize = rows.iter().map(|(_, report, _)| report.passed()).sum();
    let failed: usize = rows.iter().map(|(_, report, _)| report.failed()).sum();
    text += &format!("\n{passed} passed, {failed} failed");
    (text, failed == 0 && passed > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use count::Count;

    fn row(name: &'static str, passed: usize, failed: usize) -> (&'static str, Report, Duration) {
        let mut report = Report::default();
        report.add_count(Count { passed, failed, skipped: 0 }, true, name, None);
        (name, report, Duration::from_secs(1))
    }

    #[test]
    fn the_last_line_counts_all_parts_and_nothing_else_stands_on_it() {
        let (text, good) = summary(&[row("a", 3, 0), row("b", 4, 0)]);
        assert!(good);
        assert_eq!(text.lines().last(), Some("7 passed, 0 failed"));
    }

    #[test]
    fn one_failure_fails_all_and_is_marked_in_its_row() {
        let (text, good) = summary(&[row("a", 3, 0), row("b", 4, 2)]);
        assert!(!good);
        assert!(text.lines().any(|line| line.contains(" b ") && line.ends_with("FAIL")));
        assert_eq!(text.lines().last(), Some("7 passed, 2 failed"));
    }

    #[test]
    fn a_part_that_ran_no_test_fails() {
        let (text, good) = summary(&[row("a", 3, 0), row("b", 0, 0)]);
        assert!(!good);
        assert_eq!(text.lines().last(), Some("3 passed, 1 failed"));
    }

    #[test]
    fn running_nothing_is_no_success() {
        assert!(!summary(&[]).1);
    }

    #[test]
    fn an_unknown_part_is_answered_with_the_known_ones() {
        assert!(parts_named(&["rust", "wasm"]).is_ok_and(|parts| parts.len() == 2));
        assert!(parts_named(&["rest"]).is_err_and(|failure| failure.to_string().contains("browser")));
    }
}
