//! Debian packages: whether they are there, and installing them if we may.

use std::process::Command;
use std::time::Duration;

use crate::failure::Failure;
use crate::process::{ask, find_on_path, run, succeed};
use crate::repo::Repo;
use crate::ui;

const LIMIT: Duration = Duration::from_secs(15 * 60);

/// True on systems that install software with apt.
pub(crate) fn is_there() -> bool {
    find_on_path("apt-get").is_some()
}

/// True where there is apt and this process may install with it.
pub(crate) fn may_install() -> bool {
    is_there() && is_root()
}

/// True if dpkg knows all these packages as installed.
pub(crate) fn are_installed(packages: &[&str]) -> bool {
    packages.iter().all(|package| {
        let status = ask(Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Status}", package]));
        status.as_deref() == Some("installed")
    })
}

/// Installs what is missing of these packages, or says which command would. `about` tells what is waited for.
pub(crate) fn ensure(repo: &Repo, name: &str, about: &str, packages: &[&str]) -> Result<(), Failure> {
    if are_installed(packages) {
        return Ok(());
    }
    if !may_install() {
        return Err(Failure::new(needs_root(packages)));
    }
    let log = repo.log(&format!("apt-{}", packages.first().unwrap_or(&"none")))?;
    ui::step(name, about, || {
        if run(&mut install(packages), &log, LIMIT)?.success() {
            return Ok(());
        }
        // The lists of packages are missing or older than the archive.
        let lists = repo.log("apt-update")?;
        succeed("renewing the lists of packages", apt_get().arg("update"), &lists, LIMIT)?;
        succeed("installing packages", &mut install(packages), &log, LIMIT).map(|_| ())
    })
}

fn install(packages: &[&str]) -> Command {
    let mut command = apt_get();
    command.args(["install", "-y", "--no-install-recommends"]).args(packages);
    command
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    // Two set-ups at once wait for each other instead of failing.
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-q", "-o", "DPkg::Lock::Timeout=300"]);
    command
}

fn is_root() -> bool {
    ask(Command::new("id").arg("-u")).as_deref() == Some("0")
}

fn needs_root(packages: &[&str]) -> String {
    format!(
        "some packages are missing and only root may install them. Type\n\n    sudo apt-get update && \
         sudo apt-get install --no-install-recommends {}\n\nand start this again. On a system without apt, install \
         its packages of those programs.",
        packages.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_install_is_told_the_command() {
        assert!(
            needs_root(&["chromium", "chromium-driver"])
                .contains("install --no-install-recommends chromium chromium-driver")
        );
    }
}
