//! Set-up: everything that building or testing needs and a fresh machine has not.
//!
//! Needed beforehand: Rust by rustup, Node with npm. Each part looks first whether what it would install is there, so
//! that running it again costs a fraction of a second, and says what it waits for. What it may not do (it is not root,
//! there is no apt) it turns into a sentence with the commands to type.

mod apt;
mod browser;
mod debian;
mod npm;
mod target;
mod tools;

use crate::failure::Failure;
use crate::repo::Repo;
use crate::wasm::Toolchain;

pub(crate) use browser::Browser;

/// What `build` and `start` need. Returns the toolchain for wasm.
pub(crate) fn for_building(repo: &Repo) -> Result<Toolchain, Failure> {
    let _lock = repo.lock()?;
    let toolchain = target::ensure(repo)?;
    tools::ensure(repo, &tools::WASM_BINDGEN)?;
    npm::ensure(repo)?;
    Ok(toolchain)
}

/// What `test` needs beside: wasm-pack and a browser with its driver.
pub(crate) fn for_testing(repo: &Repo) -> Result<Browser, Failure> {
    for_building(repo)?;
    let _lock = repo.lock()?;
    tools::ensure(repo, &tools::WASM_PACK)?;
    browser::ensure(repo)
}

/// What a script that drives tabs needs: the browser alone.
pub(crate) fn for_driving(repo: &Repo) -> Result<Browser, Failure> {
    for_building(repo)?;
    let _lock = repo.lock()?;
    browser::ensure(repo)
}

/// The toolchain for wasm if it is there; never installs anything and prints nothing.
pub(crate) fn wasm_toolchain_quietly(repo: &Repo) -> Result<Toolchain, Failure> {
    target::find(repo).ok_or_else(|| Failure::new("there is no toolchain for wasm yet: run `cargo xtask setup` first"))
}
