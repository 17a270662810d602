//! Command line tools from crates.io, in exactly the versions this checkout needs.
//!
//! A tool on the PATH serves if its version is right; otherwise it is built into `.cache/tools`, without optimisation:
//! that takes a third of the time, and neither is slow enough to notice.

use std::process::Command;
use std::time::Duration;

use crate::failure::Failure;
use crate::process::{ask, succeed};
use crate::repo::Repo;
use crate::ui;
use crate::wasm;

const LIMIT: Duration = Duration::from_secs(15 * 60);

/// A program that a crate provides.
#[derive(Debug)]
pub(crate) struct Tool {
    program: &'static str,
    package: &'static str,
    version: &'static str,
}

/// The very version of the `wasm-bindgen` crate in Cargo.toml: the two speak a format that changes with each release.
pub(crate) const WASM_BINDGEN: Tool = Tool { program: "wasm-bindgen", package: "wasm-bindgen-cli", version: "0.2.130" };
pub(crate) const WASM_PACK: Tool = Tool { program: "wasm-pack", package: "wasm-pack", version: "0.15.1" };

/// Builds the tool unless it is there.
pub(crate) fn ensure(repo: &Repo, tool: &Tool) -> Result<(), Failure> {
    if is_there(repo, tool) {
        return Ok(());
    }
    let log = repo.log(tool.program)?;
    let mut cargo = wasm::native(repo, "cargo");
    cargo
        .args(["install", "--debug", "--force", tool.package, "--version", &format!("={}", tool.version)])
        .arg("--root")
        .arg(repo.tools())
        .env_remove("CARGO_TARGET_DIR");
    let name = format!("{} {}", tool.program, tool.version);
    ui::step(&name, "built from source once, a minute or two", || {
        succeed(&format!("installing {}", tool.package), &mut cargo, &log, LIMIT)
    })?;
    if is_there(repo, tool) {
        return Ok(());
    }
    Err(Failure::new(format!("{name} was installed but does not say that version")).with_log(&log))
}

/// In our own folder, or on the PATH with the right version.
fn is_there(repo: &Repo, tool: &Tool) -> bool {
    let own = repo.tools().join("bin").join(tool.program);
    let programs = [own.to_string_lossy().into_owned(), tool.program.to_owned()];
    programs.iter().any(|program| {
        let said = ask(Command::new(program).arg("--version"));
        said.is_some_and(|said| said.split_whitespace().nth(1) == Some(tool.version))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_wasm_bindgen_is_that_of_the_workspace() {
        let manifest = include_str!("../../../../Cargo.toml");
        assert!(
            manifest.contains(&format!("wasm-bindgen = \"={}\"", WASM_BINDGEN.version)),
            "Cargo.toml pins another wasm-bindgen than the set-up installs"
        );
    }
}
