//! The parts that only read: formatting, clippy, types.

use std::process::Command;
use std::time::Duration;

use crate::failure::Failure;
use crate::process::{run, succeed};
use crate::test::bench::Bench;
use crate::test::report::Report;
use crate::wasm::{self, TARGET};

const LIMIT: Duration = Duration::from_secs(15 * 60);

/// rustfmt for Rust, Biome (formatting and lints) for everything that a page or a test loads.
pub(crate) fn format(bench: &Bench) -> Report {
    let repo = bench.repo();
    let mut report = Report::default();
    report.check(logged(bench, "rustfmt", wasm::native(repo, "cargo").args(["fmt", "--all", "--check"])));
    let mut biome = wasm::native(repo, &repo.path("node_modules/.bin/biome").to_string_lossy());
    report.check(logged(bench, "biome", biome.args(["check", "--error-on-warnings", "--colors=off"])));
    report
}

/// clippy for the native crates and, with the compiler for wasm, for those that run in a browser.
pub(crate) fn clippy(bench: &Bench) -> Report {
    let mut report = Report::default();
    let mut native = wasm::native(bench.repo(), "cargo");
    native.args(["clippy", "--all-targets", "--", "--deny", "warnings"]);
    report.check(logged(bench, "clippy", &mut native));
    for (folder, package) in wasm::crates(bench.repo()) {
        report.check(bench.toolchain().and_then(|toolchain| {
            let mut cargo = toolchain.command(bench.repo(), "cargo");
            cargo.args(["clippy", "--package", &package, "--no-deps", "--all-targets", "--target", TARGET]);
            logged(bench, &format!("clippy-{folder}"), cargo.args(["--", "--deny", "warnings"]))
        }));
    }
    report
}

/// The script `typecheck` of each npm workspace; the package's types come from the build.
pub(crate) fn types(bench: &Bench) -> Report {
    if let Err(failure) = bench.built() {
        return failure.into();
    }
    let workspaces = match bench.repo().npm_workspaces() {
        Ok(workspaces) => workspaces,
        Err(failure) => return failure.into(),
    };
    let mut report = Report::default();
    for folder in workspaces {
        let mut npm = wasm::native(bench.repo(), "npm");
        npm.args(["run", "typecheck", "--workspace", &folder]);
        report.check(logged(bench, &format!("types-{}", folder.replace('/', "-")), &mut npm));
    }
    report
}

/// One command whose success is one check.
fn logged(bench: &Bench, name: &str, command: &mut Command) -> Result<(), Failure> {
    let log = bench.repo().log(name)?;
    if name == "rustfmt" {
        // Its differences are long and not worth showing: the remedy is always the same.
        let finished = run(command, &log, LIMIT)?;
        let files = finished.output().lines().filter(|line| line.starts_with("Diff in ")).count();
        let sentence = format!("rustfmt would change {files} places (run `cargo fmt --all`; see {})", log.display());
        return if finished.success() { Ok(()) } else { Err(Failure::new(sentence)) };
    }
    succeed(name, command, &log, LIMIT).map(|_| ())
}
