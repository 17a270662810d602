//! Where things are: the checkout, its caches, its build outputs, and which files belong to it.
//!
//! Everything this tool writes for itself goes under `.cache/` in the checkout (tools, stamps, logs), so that deleting
//! the checkout deletes all of it. The one exception is the wasm library on Debian, which `setup` installs system-wide.

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::ui;

/// Folders that hold what was built or downloaded, never what was written.
const NOT_SOURCES: [&str; 6] = ["target", "node_modules", "dist", "pkg", ".cache", ".git"];

/// The checkout.
#[derive(Debug, Clone)]
pub(crate) struct Repo {
    root: PathBuf,
    target: PathBuf,
}

impl Repo {
    /// The checkout that this tool was started from (`cargo run` names it), else the one that it was built in.
    pub(crate) fn locate() -> Result<Self, Failure> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest).ancestors().nth(2).unwrap_or(Path::new(".")).to_owned();
        if !root.join("Cargo.toml").is_file() {
            return Err(Failure::new(format!("{} is not a checkout of Roundtable", root.display())));
        }
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
        Ok(Self { root, target })
    }

    /// A checkout at a place of the test's choosing.
    #[cfg(test)]
    pub(crate) fn at(root: PathBuf) -> Self {
        Self { target: root.join("target"), root }
    }

    /// A path inside the checkout.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where cargo puts native builds. Wasm builds go beside it: another compiler may make them, and neither should
    /// wait for the other's lock nor undo the other's work.
    pub(crate) fn native_target(&self) -> &Path {
        &self.target
    }

    pub(crate) fn wasm_target(&self) -> PathBuf {
        self.target.join("web")
    }

    /// Where `cargo install` puts the command line tools of exactly the versions this checkout needs.
    pub(crate) fn tools(&self) -> PathBuf {
        self.path(".cache/tools")
    }

    /// The log of a step; its folder is made if need be.
    pub(crate) fn log(&self, name: &str) -> Result<PathBuf, Failure> {
        let folder = self.path(".cache/logs");
        fs::create_dir_all(&folder).map_err(|error| Failure::file("make", &folder, &error))?;
        Ok(folder.join(format!("{name}.log")))
    }

    /// Held while setting up and building, so that two of these running at once do not trip over each other.
    /// It is let go when the file is dropped.
    pub(crate) fn lock(&self) -> Result<File, Failure> {
        let path = self.path(".cache/lock");
        fs::create_dir_all(self.path(".cache")).map_err(|error| Failure::file("make", &path, &error))?;
        let file = File::create(&path).map_err(|error| Failure::file("create", &path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                ui::note("waiting for another `cargo xtask` in this checkout to finish setting up or building");
                file.lock().map(|()| file).map_err(|error| Failure::file("lock", &path, &error))
            }
            Err(TryLockError::Error(error)) => Err(Failure::file("lock", &path, &error)),
        }
    }

    /// The folders `www/<name>` that are npm packages, sorted.
    pub(crate) fn npm_workspaces(&self) -> Result<Vec<String>, Failure> {
        let folder = self.path("www");
        let entries = folder.read_dir().map_err(|error| Failure::file("list", &folder, &error))?;
        let names = entries.flatten().filter(|entry| entry.path().join("package.json").is_file());
        let mut workspaces: Vec<_> = names.map(|name| format!("www/{}", name.file_name().to_string_lossy())).collect();
        workspaces.sort();
        Ok(workspaces)
    }

    /// Every file that is or would be committed, relative to the root, sorted: what git tracks and what it does not
    /// ignore; without git (an unpacked archive) every file outside the folders of built things.
    pub(crate) fn sources(&self) -> Result<Vec<PathBuf>, Failure> {
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&self.root)
            .output();
        let mut files: Vec<PathBuf> = match listed {
            Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout)
                .split('\0')
                .filter(|name| !name.is_empty() && self.root.join(name).is_file())
                .map(PathBuf::from)
                .collect(),
            _ => files_below(&self.root)?
                .iter()
                .filter_map(|path| path.strip_prefix(&self.root).ok())
                .map(Path::to_owned)
                .collect(),
        };
        files.sort();
        files.dedup();
        Ok(files)
    }
}

/// All files below a folder that were written, not built; sorted. A missing folder has none. A file is itself.
pub(crate) fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    collect(folder, true, &mut found)?;
    found.sort();
    Ok(found)
}

/// The same with built things included: for folders that are themselves built.
pub(crate) fn built_files_below(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    collect(folder, false, &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(path: &Path, only_sources: bool, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    if path.is_file() {
        found.push(path.to_owned());
    }
    if !path.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(|error| Failure::file("list", path, &error))? {
        let entry = entry.map_err(|error| Failure::file("list", path, &error))?;
        let skipped = only_sources && NOT_SOURCES.iter().any(|name| entry.file_name() == *name);
        if !skipped {
            collect(&entry.path(), only_sources, found)?;
        }
    }
    Ok(())
}
