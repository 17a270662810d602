//! Programs that drive real tabs by hand: the benchmark. They print as they go, and take flags of their own.
//!
//! They find what they drive where the tests of `tests/browser` do, and are no part of `npm test`: they take minutes.

use std::process::{Command, ExitCode};

use crate::build::Built;
use crate::failure::Failure;
use crate::repo::Repo;
use crate::setup::Browser;
use crate::{build, setup, wasm};

/// Builds what is driven, then runs the script of this path with these flags.
pub(crate) fn script(repo: &Repo, path: &str, flags: &[&str]) -> Result<ExitCode, Failure> {
    let (browser, built) = (setup::for_driving(repo)?, build::all(repo)?);
    let mut node = wasm::native(repo, "node");
    node.arg(repo.path(path)).args(flags);
    tell(&mut node, &browser, &built);
    let status = node.status().map_err(|error| Failure::new(format!("cannot run node: {error}")))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Where the script finds what it drives.
pub(crate) fn tell(node: &mut Command, browser: &Browser, built: &Built) {
    node.env("CHROMIUM", &browser.chromium).env("CHROMEDRIVER", &browser.driver);
    node.env("FIREFOX", browser.firefox.clone().unwrap_or_default());
    node.env("ROUNDTABLE_RENDEZVOUS", &built.rendezvous);
    node.env("ROUNDTABLE_PACKAGE", &built.package).env("ROUNDTABLE_SITE", &built.site);
}
