//! What the parts of the tests share: a machine that is set up and a checkout that is built, each done once.
//!
//! A set-up or a build that fails does not end the tests: the parts that need it fail, saying why, the others run.

use std::cell::OnceCell;

use crate::build::{self, Built};
use crate::failure::Failure;
use crate::repo::Repo;
use crate::setup::{self, Browser};
use crate::ui;
use crate::wasm::Toolchain;

/// The shared state of one test run.
#[derive(Debug)]
pub(crate) struct Bench {
    repo: Repo,
    toolchain: OnceCell<Result<Toolchain, String>>,
    browser: OnceCell<Result<Browser, String>>,
    built: OnceCell<Result<Built, String>>,
}

impl Bench {
    pub(crate) fn new(repo: Repo) -> Self {
        Self { repo, toolchain: OnceCell::new(), browser: OnceCell::new(), built: OnceCell::new() }
    }

    pub(crate) fn repo(&self) -> &Repo {
        &self.repo
    }

    // A part is prepared before its time is taken. What fails here fails again, with its sentence, in the part.

    pub(crate) fn prepare_tools(&self) {
        let _ = self.toolchain();
    }

    pub(crate) fn prepare_build(&self) {
        let _ = self.built();
    }

    pub(crate) fn prepare_browser(&self) {
        let _ = self.browser();
    }

    pub(crate) fn prepare_all(&self) {
        self.prepare_browser();
        self.prepare_build();
    }

    pub(crate) fn toolchain(&self) -> Result<Toolchain, Failure> {
        remembered(&self.toolchain, || setup::for_building(&self.repo))
    }

    /// The browser, with wasm-pack and all the rest installed.
    pub(crate) fn browser(&self) -> Result<Browser, Failure> {
        remembered(&self.browser, || setup::for_testing(&self.repo))
    }

    pub(crate) fn built(&self) -> Result<Built, Failure> {
        remembered(&self.built, || build::all(&self.repo))
    }
}

/// The first call does the work and shows why it failed; later ones repeat the sentence.
fn remembered<T: Clone>(
    cell: &OnceCell<Result<T, String>>,
    work: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let result = cell.get_or_init(|| {
        work().map_err(|failure| {
            ui::failure(&failure);
            failure.to_string()
        })
    });
    result.clone().map_err(Failure::new)
}
