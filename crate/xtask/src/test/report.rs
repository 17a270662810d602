//! What a part of the tests found: counts, and a sentence for each thing that is wrong.

use std::path::Path;

use crate::failure::Failure;
use crate::test::count::Count;

/// The outcome of one part. Empty at first, and an empty report is not good.
#[derive(Debug, Default)]
pub(crate) struct Report {
    count: Count,
    failures: Vec<Failure>,
}

impl Report {
    /// A check that passes or fails as a whole counts as one test.
    pub(crate) fn check<T>(&mut self, result: Result<T, Failure>) {
        match result {
            Ok(_) => self.count.passed += 1,
            Err(failure) => {
                self.count.failed += 1;
                self.failures.push(failure);
            }
        }
    }

    /// The tests that a runner counted. A runner that failed without naming a failed test, one that found no test, and
    /// one that skipped some have failed, whatever they say.
    pub(crate) fn add_count(&mut self, count: Count, runner_succeeded: bool, runner: &str, log: Option<&Path>) {
        let wrong = if count.failed > 0 {
            format!("{runner}: {} failed", count.failed)
        } else if !runner_succeeded {
            format!("{runner}: ended with an error")
        } else if count.skipped > 0 {
            format!("{runner}: {} skipped; a test that is not run protects nothing", count.skipped)
        } else if count.passed == 0 {
            format!("{runner}: ran no test at all")
        } else {
            self.count.passed += count.passed;
            return;
        };
        self.count.passed += count.passed;
        self.count.failed += count.failed.max(1);
        let failure = Failure::new(wrong);
        self.failures.push(match log {
            Some(log) => failure.with_log(log),
            None => failure,
        });
    }

    pub(crate) fn passed(&self) -> usize {
        self.count.passed
    }

    /// At least one if nothing was run.
    pub(crate) fn failed(&self) -> usize {
        if self.count.passed + self.count.failed == 0 { 1 } else { self.count.failed }
    }

    pub(crate) fn is_good(&self) -> bool {
        self.failed() == 0
    }

    pub(crate) fn failures(&self) -> &[Failure] {
        &self.failures
    }
}

/// The report of a part that could not begin.
impl From<Failure> for Report {
    fn from(failure: Failure) -> Self {
        let mut report = Self::default();
        report.check::<()>(Err(failure));
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(count: Count, succeeded: bool) -> (usize, usize) {
        let mut report = Report::default();
        report.add_count(count, succeeded, "runner", None);
        assert_eq!(report.is_good(), report.failures().is_empty());
        (report.passed(), report.failed())
    }

    #[test]
    fn a_runner_is_believed_only_if_all_signs_agree() {
        let all = |passed, failed, skipped| Count { passed, failed, skipped };
        assert_eq!(after(all(3, 0, 0), true), (3, 0));
        assert_eq!(after(all(3, 2, 0), false), (3, 2));
        assert_eq!(after(all(3, 0, 0), false), (3, 1), "it crashed after three tests");
        assert_eq!(after(all(3, 0, 1), true), (3, 1), "it skipped one");
        assert_eq!(after(all(0, 0, 0), true), (0, 1), "it found none");
    }

    #[test]
    fn a_report_without_any_test_is_not_good() {
        assert!(!Report::default().is_good());
    }
}
