//! Stamps: how a build step knows that nothing has changed since it last ran.
//!
//! A fingerprint covers the names and the contents of files, not their times: a checkout or a branch switched back and
//! forth costs nothing. A step's stamp holds the fingerprint of its inputs *and* of its outputs, so that an output that
//! was deleted or edited is built anew. The hash is not cryptographic and may differ between releases of Rust, which
//! costs one superfluous build.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::repo::{Repo, built_files_below, files_below};

/// What a step reads and what it writes. Folders are taken whole.
#[derive(Debug, Default)]
pub(crate) struct Step {
    name: String,
    inputs: Vec<PathBuf>,
    built_inputs: Vec<PathBuf>,
    facts: Vec<String>,
    outputs: Vec<PathBuf>,
}

impl Step {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// A file, or a folder of sources: folders of built things inside it do not count.
    pub(crate) fn reads(mut self, path: PathBuf) -> Self {
        self.inputs.push(path);
        self
    }

    /// A file or folder that another step has built.
    pub(crate) fn reads_built(mut self, path: PathBuf) -> Self {
        self.built_inputs.push(path);
        self
    }

    /// Anything else that decides the output: a version, a flag.
    pub(crate) fn depends_on(mut self, fact: impl Into<String>) -> Self {
        self.facts.push(fact.into());
        self
    }

    pub(crate) fn writes(mut self, path: PathBuf) -> Self {
        self.outputs.push(path);
        self
    }

    /// Does the work unless inputs and outputs are those of the last finished run. What is edited while the work runs
    /// counts as a change for the next time.
    pub(crate) fn unless_fresh(&self, repo: &Repo, work: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
        let stamp = repo.path(".cache/stamps").join(&self.name);
        let inputs = self.inputs_fingerprint()?;
        let all_there = self.outputs.iter().all(|path| path.exists());
        let last = fs::read_to_string(&stamp).unwrap_or_default();
        if all_there && last == format!("{inputs} {}", self.outputs_fingerprint()?) {
            return Ok(());
        }
        work()?;
        let folder = repo.path(".cache/stamps");
        fs::create_dir_all(&folder).map_err(|error| Failure::file("make", &folder, &error))?;
        let now = format!("{inputs} {}", self.outputs_fingerprint()?);
        fs::write(&stamp, now).map_err(|error| Failure::file("write", &stamp, &error))
    }

    fn inputs_fingerprint(&self) -> Result<String, Failure> {
        let mut files = Vec::new();
        for path in &self.inputs {
            files.extend(files_below(path)?);
        }
        for path in &self.built_inputs {
            files.extend(built_files_below(path)?);
        }
        Ok(format!("{:016x} {:?}", of_files(&files)?, self.facts))
    }

    fn outputs_fingerprint(&self) -> Result<String, Failure> {
        let mut files = Vec::new();
        for path in &self.outputs {
            files.extend(built_files_below(path)?);
        }
        Ok(format!("{:016x}", of_files(&files)?))
    }
}

fn of_files(files: &[PathBuf]) -> Result<u64, Failure> {
    let mut hasher = DefaultHasher::new();
    for path in files {
        path.hash(&mut hasher);
        contents(path)?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

fn contents(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::file("read", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkout with one source and one output, and the step between them.
    fn scratch(name: &str) -> (Repo, Step) {
        let root = std::env::temp_dir().join(format!("roundtable-xtask-{}-{name}", std::process::id()));
        fs::create_dir_all(root.join("src")).expect("the temporary folder is writable");
        fs::write(root.join("src/a"), "one").expect("the temporary folder is writable");
        let step = Step::new(name).reads(root.join("src")).writes(root.join("out"));
        (Repo::at(root), step)
    }

    /// Runs the step and tells whether it did its work.
    fn works(repo: &Repo, step: &Step) -> bool {
        let mut worked = false;
        let result = step.unless_fresh(repo, || {
            worked = true;
            fs::write(repo.path("out"), "built").map_err(|error| Failure::file("write", &repo.path("out"), &error))
        });
        assert!(result.is_ok());
        worked
    }

    #[test]
    fn a_step_works_once_and_then_only_when_something_changed() {
        let (repo, step) = scratch("changes");
        let check = |what: &str, edit: &dyn Fn() -> std::io::Result<()>| {
            edit().expect("the temporary folder is writable");
            assert!(works(&repo, &step), "{what} was not noticed");
            assert!(!works(&repo, &step), "{what} was noticed twice");
        };
        check("the first time", &|| Ok(()));
        check("an edit", &|| fs::write(repo.path("src/a"), "two"));
        check("a new file", &|| fs::write(repo.path("src/b"), ""));
        check("a rename", &|| fs::rename(repo.path("src/b"), repo.path("src/c")));
        check("an edited output", &|| fs::write(repo.path("out"), "by hand"));
        check("a deleted output", &|| fs::remove_file(repo.path("out")));
    }

    #[test]
    fn facts_count_and_built_folders_among_the_sources_do_not() {
        let (repo, step) = scratch("facts");
        assert!(works(&repo, &step));
        fs::create_dir_all(repo.path("src/node_modules")).expect("the temporary folder is writable");
        fs::write(repo.path("src/node_modules/x"), "x").expect("the temporary folder is writable");
        assert!(!works(&repo, &step));
        assert!(works(&repo, &step.depends_on("version 2")));
    }

    #[test]
    fn work_that_fails_and_inputs_edited_during_the_work_leave_the_step_stale() {
        let (repo, step) = scratch("fails");
        assert!(step.unless_fresh(&repo, || Err(Failure::new("no"))).is_err());
        assert!(works(&repo, &step));
        let edits = || fs::write(repo.path("src/a"), "during").map_err(|error| Failure::new(error.to_string()));
        fs::write(repo.path("src/a"), "before").expect("the temporary folder is writable");
        assert!(step.unless_fresh(&repo, edits).is_ok());
        assert!(works(&repo, &step));
    }
}
