//! A browser for the tests: Chromium and the driver that belongs to it.
//!
//! Only the tests need them. CHROMIUM and CHROMEDRIVER in the environment name others than Debian's. Firefox is a
//! second browser, FIREFOX names another than Debian's: where there is none and we may not install it, its tests are
//! skipped and say so.

use std::env;
use std::path::PathBuf;

use crate::failure::Failure;
use crate::process::find_on_path;
use crate::repo::Repo;
use crate::setup::apt;

/// The programs that the browser tests drive.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    pub(crate) chromium: PathBuf,
    pub(crate) driver: PathBuf,
    pub(crate) firefox: Option<PathBuf>,
}

/// Finds a browser with its driver, installing Debian's if there is none and we may.
pub(crate) fn ensure(repo: &Repo) -> Result<Browser, Failure> {
    if find_firefox().is_none() && apt::may_install() {
        apt::ensure(repo, "Firefox", "about 70 MB to download", &["firefox-esr"])?;
    }
    if let Some(found) = find() {
        return Ok(found);
    }
    apt::ensure(repo, "Chromium and its driver", "about 130 MB to download", &["chromium", "chromium-driver"])?;
    find().ok_or_else(|| {
        Failure::new(
            "chromium and chromium-driver are installed but not on the PATH: name them in CHROMIUM and CHROMEDRIVER",
        )
    })
}

fn find() -> Option<Browser> {
    let chromium = named("CHROMIUM")
        .or_else(|| ["chromium", "chromium-browser", "google-chrome"].iter().find_map(|name| find_on_path(name)));
    let driver = named("CHROMEDRIVER").or_else(|| find_on_path("chromedriver"));
    Some(Browser { chromium: chromium?, driver: driver?, firefox: find_firefox() })
}

fn find_firefox() -> Option<PathBuf> {
    named("FIREFOX").or_else(|| ["firefox-esr", "firefox"].iter().find_map(|name| find_on_path(name)))
}

fn named(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).filter(|path| path.is_file())
}
