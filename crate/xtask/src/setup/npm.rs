//! The packages from npm: installed when what asks for them has changed.
//!
//! Under continuous integration the lock file decides (`npm ci` fails if it disagrees with the manifests). At a desk
//! `npm install` also takes in a manifest that someone has just edited, and writes the lock file anew.

use std::env;
use std::time::Duration;

use crate::failure::Failure;
use crate::fingerprint::Step;
use crate::process::succeed;
use crate::repo::Repo;
use crate::ui;
use crate::wasm;

const LIMIT: Duration = Duration::from_secs(10 * 60);

/// Installs the packages unless they are those that the manifests and the lock file name.
pub(crate) fn ensure(repo: &Repo) -> Result<(), Failure> {
    let mut step = Step::new("npm").writes(repo.path("node_modules/.package-lock.json"));
    for file in ["package.json", "package-lock.json"] {
        step = step.reads(repo.path(file));
    }
    for folder in repo.npm_workspaces()? {
        step = step.reads(repo.path(&folder).join("package.json"));
    }
    let strict = env::var_os("CI").is_some() && repo.path("package-lock.json").is_file();
    let verb = if strict { "ci" } else { "install" };
    step.unless_fresh(repo, || {
        let log = repo.log("npm")?;
        let mut npm = wasm::native(repo, "npm");
        ui::step("npm packages", "about 20 s", || {
            succeed("installing the npm packages", npm.args([verb, "--no-audit", "--no-fund"]), &log, LIMIT)
        })
        .map(|_| ())
    })
}
