//! The wasm target: found, else asked of rustup, else built from Debian's sources.
//!
//! Nearly everywhere `rustup target add` is all it takes. Where rustup's server cannot be reached it does not fail but
//! hang, so it gets a short limit, and Debian's packages of a newer compiler with its library's source take its place.
//! ROUNDTABLE_WASM=debian in the environment takes that second way at once: to try it, or to spare the wait.

use std::env;
use std::path::Path;
use std::time::Duration;

use crate::failure::Failure;
use crate::process::{ask, succeed};
use crate::repo::Repo;
use crate::setup::{apt, debian};
use crate::ui;
use crate::wasm::{self, TARGET, Toolchain};

/// Downloading the target takes a few seconds; a rustup that cannot reach its server waits for minutes.
const RUSTUP_LIMIT: Duration = Duration::from_secs(20);

/// A toolchain that compiles for wasm, installed if there is none.
pub(crate) fn ensure(repo: &Repo) -> Result<Toolchain, Failure> {
    if let Some(found) = find(repo) {
        return Ok(found);
    }
    if is_debian_wanted() {
        return debian::install(repo);
    }
    let log = repo.log("rustup")?;
    let mut rustup = wasm::native(repo, "rustup");
    rustup.args(["target", "add", TARGET]);
    let added = ui::step("wasm target by rustup", "a few seconds, given up after 20 s", || {
        succeed("adding the wasm target", &mut rustup, &log, RUSTUP_LIMIT)
    });
    match (added, find(repo)) {
        (Ok(_), Some(found)) => Ok(found),
        (Err(_), _) | (_, None) if apt::is_there() => debian::install(repo),
        (Err(failure), _) => Err(failure),
        (Ok(_), None) => Err(Failure::new(format!("rustup has added {TARGET}, but rustc does not find its library"))),
    }
}

/// A toolchain that is there already: the default one, or the one that an earlier set-up linked.
pub(crate) fn find(repo: &Repo) -> Option<Toolchain> {
    if is_debian_wanted() {
        return debian::find(repo);
    }
    let sysroot = ask(wasm::native(repo, "rustc").args(["--print", "sysroot"]))?;
    if wasm::has_library(Path::new(&sysroot)) {
        return Some(Toolchain { name: None, linker: None });
    }
    debian::find(repo)
}

fn is_debian_wanted() -> bool {
    env::var_os("ROUNDTABLE_WASM").is_some_and(|value| value == "debian")
}
