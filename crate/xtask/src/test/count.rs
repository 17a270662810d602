//! Reading from a test runner's output how many tests it ran.
//!
//! Exit codes do not tell "all passed" from "there was nothing to run", so the counts are read from the text: of
//! Rust's harness (`test result: ok. 3 passed; 0 failed; 1 ignored; …`, one line per binary, natively and from
//! wasm-bindgen's runner alike) and of Node's (`ℹ pass 3` or `# pass 3`, once at the end).

/// How many tests a runner says it ran.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

/// The sum over all test binaries of a `cargo test` or `wasm-pack test`.
pub(crate) fn of_rust(output: &str) -> Count {
    let mut sum = Count::default();
    for line in output.lines() {
        let Some((_, counts)) = line.split_once("test result: ") else { continue };
        // Each field is "3 passed"; the first has the verdict before it: "ok. 3 passed".
        let field = |word: &str| {
            let text = counts.split(';').find(|field| field.trim_end().ends_with(word));
            text.and_then(|text| text.split_whitespace().rev().nth(1)?.parse().ok()).unwrap_or(0)
        };
        sum.passed += field("passed");
        sum.failed += field("failed");
        sum.skipped += field("ignored");
    }
    sum
}

/// The totals at the end of a `node --test`. What was cancelled has failed; what is "to do" was not tested.
pub(crate) fn of_node(output: &str) -> Count {
    let total = |word: &str| {
        let lines = output.lines().rev().map(str::trim);
        let mut counts = lines.filter_map(|line| line.strip_prefix("ℹ ").or_else(|| line.strip_prefix("# ")));
        counts.find_map(|line| line.strip_prefix(word)?.trim().parse::<usize>().ok()).unwrap_or(0)
    };
    Count {
        passed: total("pass "),
        failed: total("fail ") + total("cancelled "),
        skipped: total("skipped ") + total("todo "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binaries_of_a_cargo_test_add_up() {
        let output = "running 2 tests\ntest a ... ok\n\n\
            test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 5 filtered out; finished in 0.02s\n\n\
            test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.50s\n";
        assert_eq!(of_rust(output), Count { passed: 15, failed: 2, skipped: 1 });
    }

    #[test]
    fn wasm_bindgens_runner_is_understood() {
        let output = "test result: ok. 4 passed; 0 failed; 0 ignored; 0 filtered out\n";
        assert_eq!(of_rust(output), Count { passed: 4, failed: 0, skipped: 0 });
    }

    #[test]
    fn nodes_totals_are_understood_in_both_of_its_styles() {
        let spec =
            "▶ mesh\n  ✔ forms (1s)\nℹ tests 6\nℹ suites 1\nℹ pass 3\nℹ fail 1\nℹ cancelled 1\nℹ skipped 1\nℹ todo 0\n";
        assert_eq!(of_node(spec), Count { passed: 3, failed: 2, skipped: 1 });
        let tap = "# tests 2\n# suites 0\n# pass 2\n# fail 0\n# cancelled 0\n# skipped 0\n# todo 0\n# duration_ms 52\n";
        assert_eq!(of_node(tap), Count { passed: 2, failed: 0, skipped: 0 });
    }

    #[test]
    fn a_test_that_prints_such_a_line_does_not_replace_nodes_totals() {
        assert_eq!(of_node("# pass 99\n# pass 1\n# fail 0\n").passed, 1);
    }

    #[test]
    fn output_without_counts_counts_nothing() {
        assert_eq!(of_rust("error: could not compile"), Count::default());
        assert_eq!(of_node("SyntaxError"), Count::default());
    }
}
