//! The same seed is the same run, natively and in wasm: the hashes of many traces, compared.
//!
//! Everything that comes out of any node of a soak is in its hash, so one bit that hangs on the machine (a `usize` that
//! is drawn or hashed, an order that is the allocator's) shows as a difference. Each seed is a test. The wasm is the
//! crate `lab` as a page would load it, run under Node: the same engine as Chromium's, without waiting for a browser.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::build;
use crate::failure::Failure;
use crate::process::{run, succeed};
use crate::test::bench::Bench;
use crate::test::report::Report;
use crate::wasm;

const LIMIT: Duration = Duration::from_secs(10 * 60);
/// Small rooms have every fault that large ones have, at a quarter of the time.
const NODES: &str = "3..8";
const SEEDS: std::ops::Range<u64> = 0..50;

/// The hash of each seed's trace.
type Traces = BTreeMap<u64, String>;

/// Compares the traces of all seeds.
pub(crate) fn compare(bench: &Bench) -> Report {
    match bindings(bench).and_then(|folder| Ok((natively(bench)?, in_wasm(bench, &folder)?))) {
        Ok((native, wasm)) => judge(&native, &wasm),
        Err(failure) => failure.into(),
    }
}

/// What a page loads of the lab, as it is shipped. The folder that holds it, from the root.
fn bindings(bench: &Bench) -> Result<String, Failure> {
    let toolchain = bench.toolchain()?;
    build::lab(bench.repo(), &toolchain).map(str::to_owned)
}

fn natively(bench: &Bench) -> Result<Traces, Failure> {
    let mut cargo = wasm::native(bench.repo(), "cargo");
    cargo.args(["run", "--release", "--quiet", "-p", "roundtable-sim", "--", "traces", "--seeds", &seeds()]);
    cargo.args(["--nodes", NODES]);
    succeed("the traces natively", &mut cargo, &bench.repo().log("traces-native")?, LIMIT).map(|text| read(&text))
}

/// A run that stops in the middle (a panic is a trap) has the traces up to there; the rest are missing, and the log
/// tells why.
fn in_wasm(bench: &Bench, folder: &str) -> Result<Traces, Failure> {
    let log = bench.repo().log("traces-wasm")?;
    let mut node = wasm::native(bench.repo(), "node");
    node.args(["tests/traces/wasm.mjs", folder, "traces", &seeds(), NODES]);
    Ok(read(run(&mut node, &log, LIMIT)?.output()))
}

fn seeds() -> String {
    format!("{}..{}", SEEDS.start, SEEDS.end)
}

/// The lines `17 0123456789abcdef`, among whatever else there is.
fn read(output: &str) -> Traces {
    let line = |line: &str| {
        let (seed, trace) = line.split_once(' ')?;
        let is_hash = trace.len() == 16 && trace.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash.then_some((seed.parse().ok()?, trace.to_owned()))
    };
    output.lines().filter_map(line).collect()
}

/// One test a seed. The first that differs says how to look at it.
fn judge(native: &Traces, wasm: &Traces) -> Report {
    let mut report = Report::default();
    for seed in SEEDS {
        let (natively, in_wasm) = (native.get(&seed), wasm.get(&seed));
        let is_same = natively.is_some() && natively == in_wasm;
        let how = if report.failures().is_empty() { replay(seed) } else { String::new() };
        let trace = |trace: Option<&String>| trace.map_or("without a trace".to_owned(), String::clone);
        let (natively, in_wasm) = (trace(natively), trace(in_wasm));
        let sentence = format!("seed {seed} of {NODES} is natively {natively} and in wasm {in_wasm}{how}");
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

    fn traces() -> Traces {
        SEEDS.map(|seed| (seed, format!("{seed:016x}"))).collect()
    }

    #[test]
    fn lines_that_are_no_trace_are_passed_over() {
        let text = "   Compiling x v0.1.0\n0 00000000000000aa\nthread panicked at 17\n12 short\n7 00000000000000bb\n";
        assert_eq!(read(text), Traces::from([(0, "00000000000000aa".into()), (7, "00000000000000bb".into())]));
    }

    #[test]
    fn each_seed_is_a_test() {
        let report = judge(&traces(), &traces());
        assert_eq!((report.passed(), report.failed()), (50, 0));
    }

    #[test]
    fn every_difference_names_its_seed_and_the_first_how_to_look_at_it() {
        let mut other = traces();
        other.insert(17, "f".repeat(16));
        other.remove(&30);
        let report = judge(&traces(), &other);
        assert_eq!((report.passed(), report.failed()), (48, 2));
        let told: Vec<String> = report.failures().iter().map(Failure::to_string).collect();
        assert!(told[0].contains("replay 17 --nodes 3..8"), "{told:?}");
        assert!(told[1].starts_with("seed 30 ") && told[1].ends_with("in wasm without a trace"), "{told:?}");
    }

    #[test]
    fn what_has_no_trace_on_either_side_is_not_the_same() {
        let mut less = traces();
        less.remove(&49);
        assert_eq!(judge(&less, &less).failed(), 1);
        assert_eq!(judge(&Traces::new(), &Traces::new()).failed(), 50);
    }
}
