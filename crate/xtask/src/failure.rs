//! What went wrong, in words for the person at the terminal.
//!
//! A chore fails for reasons that only a person can act on, so an error here is a sentence and, where a command ran,
//! the file that holds all it said. Nothing is retried because of a failure's kind; hence no enum of kinds.

use std::fmt;
use std::path::{Path, PathBuf};

/// A sentence that says what happened and what to do, with the log of the command that failed, if one ran.
#[derive(Debug)]
pub(crate) struct Failure {
    sentence: String,
    log: Option<PathBuf>,
}

impl Failure {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), log: None }
    }

    /// An operation on a file that failed, named with the file.
    pub(crate) fn file(verb: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::new(format!("cannot {verb} {}: {error}", path.display()))
    }

    pub(crate) fn with_log(mut self, log: &Path) -> Self {
        self.log = Some(log.to_owned());
        self
    }

    pub(crate) fn log(&self) -> Option<&Path> {
        self.log.as_deref()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.sentence)
    }
}
