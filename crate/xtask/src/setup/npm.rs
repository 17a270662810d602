//! The packages from npm: installed when what asks for them has changed.
//!
//! `npm install` keeps to the lock file and takes in a manifest that someone has just edited. `npm ci` would be
//! stricter, and too strict: it refuses a lock file made where the registry lacks the packages of another platform,
//! although those are optional and would not be installed.

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
    step.unless_fresh(repo, || {
        let log = repo.log("npm")?;
        let mut npm = wasm::native(repo, "npm");
        ui::step("npm packages", "about 20 s", || {
            succeed("installing the npm packages", npm.args(["install", "--no-audit", "--no-fund"]), &log, LIMIT)
        })
        .map(|_| ())
    })
}
