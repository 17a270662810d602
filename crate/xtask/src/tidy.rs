//! Rules that people forget and no linter knows, checked over every file that is or would be committed.
//!
//! Each rule is a pure function from a file's name and text to what is wrong with it, so that its tests can show that
//! it fails; only this module reads files. The order of the core's modules is checked by a test in the core itself.

mod links;
mod reach;
mod rules;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::repo::Repo;
use crate::test::Report;

/// All text files of the checkout by their path from its root.
type Files = BTreeMap<PathBuf, String>;

/// What a rule has to say about the files: one sentence for each offence, beginning with `path:line`.
type Rule = fn(&Files, &Path) -> Vec<String>;

const RULES: [(&str, Rule); 8] = [
    ("every Rust file begins with an essay (//!)", |files, _| each(files, rules::essay)),
    ("no line of code is wider than 120 columns", |files, _| each(files, rules::width)),
    ("no file of code is longer than 500 lines", |files, _| each(files, rules::length)),
    ("no test is skipped, ignored or run alone", |files, _| each(files, rules::skipped)),
    ("no file names a place of the machine it was written on", |files, _| each(files, rules::places)),
    ("the lock file of npm names no registry", |files, _| each(files, rules::registry)),
    ("every link in Markdown leads somewhere", links::dead_links),
    ("every Rust file is part of a crate", |files, _| reach::dead_files(files)),
];

/// One check a rule.
pub(crate) fn report(repo: &Repo) -> Report {
    let files = match read(repo) {
        Ok(files) => files,
        Err(failure) => return failure.into(),
    };
    let mut report = Report::default();
    for (rule, find) in RULES {
        let offences = find(&files, repo.root());
        report.check(if offences.is_empty() { Ok(()) } else { Err(broken(rule, &offences)) });
    }
    report
}

fn broken(rule: &str, offences: &[String]) -> Failure {
    Failure::new(format!("{rule}. Not so:\n    {}", offences.join("\n    ")))
}

fn each(files: &Files, rule: fn(&Path, &str) -> Vec<String>) -> Vec<String> {
    files.iter().flat_map(|(path, text)| rule(path, text)).collect()
}

/// Files that are not text (pictures) are left out.
fn read(repo: &Repo) -> Result<Files, Failure> {
    let mut files = Files::new();
    for relative in repo.sources()? {
        let path = repo.root().join(&relative);
        let bytes = fs::read(&path).map_err(|error| Failure::file("read", &path, &error))?;
        if let Ok(text) = String::from_utf8(bytes) {
            files.insert(relative, text);
        }
    }
    Ok(files)
}
