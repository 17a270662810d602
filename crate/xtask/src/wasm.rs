//! Compiling for `wasm32-unknown-unknown`: which compiler and which linker, as environment variables.
//!
//! Usually the default toolchain has the target and there is nothing to say. Where the target cannot be downloaded,
//! `setup` links a second toolchain that has it; its name then goes into RUSTUP_TOOLCHAIN, and the linker of the first
//! toolchain into cargo's variable, since a distribution's compiler comes without one. Whoever compiles for wasm, this
//! tool, wasm-pack or a person (`cargo xtask env`), uses the same variables and hence the same caches.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::process::{ask, find_on_path};
use crate::repo::Repo;
use crate::setup;

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// The crates that run in a browser, by folder; each is the package `roundtable-<folder>`.
const CRATES: [&str; 2] = ["web", "lab"];

/// What rustup and cargo leave in the environment of what they start, and what would lead another toolchain astray.
const OF_ANOTHER_TOOLCHAIN: [&str; 5] =
    ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN_SOURCE", if cfg!(windows) { "" } else { "LD_LIBRARY_PATH" }];

/// A toolchain that has the wasm target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Toolchain {
    /// A rustup toolchain other than the default one.
    pub(crate) name: Option<String>,
    /// A linker, if the toolchain has none of its own.
    pub(crate) linker: Option<PathBuf>,
}

impl Toolchain {
    /// The variables that make cargo, and whatever calls cargo, compile for wasm with this toolchain.
    fn variables(&self, repo: &Repo) -> Vec<(&'static str, OsString)> {
        let mut path = vec![repo.tools().join("bin"), repo.path("node_modules/.bin")];
        path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()).filter(|folder| folder.is_absolute()));
        let mut variables = vec![("CARGO_TARGET_DIR", repo.wasm_target().into_os_string())];
        // A PATH with a separator inside a folder's name cannot be joined; it is then left as it is.
        variables.extend(env::join_paths(path).ok().map(|joined| ("PATH", joined)));
        variables.extend(self.name.as_ref().map(|name| ("RUSTUP_TOOLCHAIN", name.into())));
        let linker = self.linker.as_ref().map(|path| path.clone().into_os_string());
        variables.extend(linker.map(|path| ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", path)));
        variables
    }

    /// A command that compiles for wasm.
    pub(crate) fn command(&self, repo: &Repo, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(repo.root()).envs(self.variables(repo));
        for name in OF_ANOTHER_TOOLCHAIN.iter().filter(|name| !name.is_empty()) {
            command.env_remove(name);
        }
        if self.name.is_none() {
            command.env_remove("RUSTUP_TOOLCHAIN");
        }
        command
    }

    /// The release of the compiler, for messages and fingerprints.
    pub(crate) fn release(&self, repo: &Repo) -> String {
        ask(self.command(repo, "rustc").arg("--version")).unwrap_or_default()
    }
}

/// A command for the default toolchain, free of what the cargo that started us left in the environment.
pub(crate) fn native(repo: &Repo, program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(repo.root());
    for name in OF_ANOTHER_TOOLCHAIN.iter().filter(|name| !name.is_empty()) {
        command.env_remove(name);
    }
    command
}

/// The browser crates that are there: (folder name, package name).
pub(crate) fn crates(repo: &Repo) -> Vec<(&'static str, String)> {
    let there = CRATES.iter().filter(|folder| repo.path(&format!("crate/{folder}/Cargo.toml")).is_file());
    there.map(|folder| (*folder, format!("roundtable-{folder}"))).collect()
}

/// True if this sysroot has the standard library for wasm.
pub(crate) fn has_library(sysroot: &Path) -> bool {
    let folder = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    let Ok(entries) = folder.read_dir() else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    })
}

/// A linker for wasm that belongs to the default toolchain, or else one on the PATH.
pub(crate) fn find_linker(repo: &Repo) -> Option<PathBuf> {
    let sysroot = ask(native(repo, "rustc").args(["--print", "sysroot"]));
    let host = ask(native(repo, "rustc").args(["--print", "host-tuple"]));
    let own =
        sysroot.zip(host).map(|(root, host)| Path::new(&root).join("lib/rustlib").join(host).join("bin/rust-lld"));
    let named = ["wasm-ld", "wasm-ld-22", "wasm-ld-19"].iter().find_map(|name| find_on_path(name));
    own.filter(|path| path.is_file()).or(named)
}

/// Prints the variables for a shell to evaluate, setting up first what is missing.
pub(crate) fn print_environment(repo: &Repo) -> Result<(), Failure> {
    let toolchain = setup::wasm_toolchain_quietly(repo)?;
    for (name, value) in toolchain.variables(repo) {
        println!("export {name}='{}'", value.to_string_lossy().replace('\'', r"'\''"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_toolchain_and_its_linker_are_named_and_the_first_is_not() {
        let repo = Repo::at("/checkout".into());
        let second = Toolchain { name: Some("other".into()), linker: Some("/bin/lld".into()) };
        let variables = second.variables(&repo);
        assert!(variables.contains(&("RUSTUP_TOOLCHAIN", "other".into())));
        assert!(variables.contains(&("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "/bin/lld".into())));
        let first = Toolchain { name: None, linker: None };
        assert!(first.variables(&repo).iter().all(|(name, _)| *name == "CARGO_TARGET_DIR" || *name == "PATH"));
    }

    #[test]
    fn wasm_builds_have_a_target_folder_of_their_own() {
        let repo = Repo::at("/checkout".into());
        assert_ne!(repo.wasm_target(), repo.native_target());
    }
}
