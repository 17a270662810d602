//! The build: the native rendezvous, the browser peer and the lab as wasm, the npm package around the peer, the site.
//!
//! Cargo knows best what it has to compile and is always asked. What comes after it is stamped by content: bindings and
//! optimised wasm (`www/package/pkg` of the peer, `www/site/pkg` of the lab), the package (`www/package/dist`,
//! everything under `/roundtable/`), the site (`www/site/dist`). A part of the house that is still empty is named and
//! passed over.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failure::Failure;
use crate::fingerprint::Step;
use crate::process::succeed;
use crate::repo::Repo;
use crate::setup;
use crate::ui;
use crate::wasm::{self, TARGET, Toolchain};

const LIMIT: Duration = Duration::from_secs(20 * 60);
/// Measured on 1.6 MB of bindings: `-O1` takes a third of the time of `-Os` (12 s of processor against 34 s) and leaves
/// 4 % more bytes that compress to 8 % fewer (368 against 402 kB with gzip).
const OPTIMISATION: &str = "-O1";
/// What rustc's default for wasm may emit; wasm-opt refuses code whose features it was not told of.
const FEATURES: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-mutable-globals",
    "--enable-multivalue",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// What the build leaves for whoever serves or tests it.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    pub(crate) rendezvous: PathBuf,
    pub(crate) package: PathBuf,
    pub(crate) site: PathBuf,
}

impl Built {
    fn of(repo: &Repo) -> Self {
        let name = format!("roundtable-rendezvous{}", std::env::consts::EXE_SUFFIX);
        Self {
            rendezvous: repo.native_target().join("debug").join(name),
            package: repo.path("www/package/dist"),
            site: repo.path("www/site/dist"),
        }
    }
}

/// Sets up and builds everything.
pub(crate) fn all(repo: &Repo) -> Result<Built, Failure> {
    let toolchain = setup::for_building(repo)?;
    let _lock = repo.lock()?;
    let built = Built::of(repo);
    rendezvous(repo)?;
    bindings(repo, &toolchain, &WEB)?;
    bindings(repo, &toolchain, &LAB)?;
    npm_workspace(repo, "package", &built.package, &["www/package/pkg"])?;
    npm_workspace(repo, "site", &built.site, &["www/package/pkg", "www/package/dist", "www/site/pkg"])?;
    Ok(built)
}

/// Builds the lab's wasm alone. The folder that holds what a page loads, from the root.
pub(crate) fn lab(repo: &Repo, toolchain: &Toolchain) -> Result<&'static str, Failure> {
    let _lock = repo.lock()?;
    bindings(repo, toolchain, &LAB)?;
    Ok(LAB.pkg)
}

fn rendezvous(repo: &Repo) -> Result<(), Failure> {
    let log = repo.log("build-rendezvous")?;
    let mut cargo = wasm::native(repo, "cargo");
    cargo.args(["build", "--package", "roundtable-rendezvous"]);
    ui::step("rendezvous", "", || succeed("building the rendezvous", &mut cargo, &log, LIMIT).map(|_| ()))
}

/// A crate that runs in a browser.
struct Crate {
    /// What it is, for people.
    what: &'static str,
    /// `roundtable-<name>`.
    name: &'static str,
    /// The workspace's profile for it.
    profile: &'static str,
    /// Where what a page loads is made, from the root.
    pkg: &'static str,
}

const WEB: Crate = Crate { what: "browser peer", name: "web", profile: "wasm", pkg: "www/package/pkg" };
const LAB: Crate = Crate { what: "lab", name: "lab", profile: "lab", pkg: "www/site/pkg" };

/// Compiles a crate and makes of it what a page loads: the wasm, its JavaScript and its types.
fn bindings(repo: &Repo, toolchain: &Toolchain, Crate { what, name, profile, pkg }: &Crate) -> Result<(), Failure> {
    let log = repo.log(&format!("build-{name}-wasm"))?;
    let mut cargo = toolchain.command(repo, "cargo");
    let package = format!("roundtable-{name}");
    cargo.args(["build", "--package", &package, "--lib", "--target", TARGET, "--profile", profile]);
    let building = format!("building the {what}");
    ui::step(&format!("{what} (wasm)"), "", || succeed(&building, &mut cargo, &log, LIMIT).map(|_| ()))?;

    let wasm = repo.wasm_target().join(TARGET).join(profile).join(format!("roundtable_{name}.wasm"));
    let pkg = repo.path(pkg);
    let step = Step::new(&format!("bindings-{name}"))
        .reads_built(wasm.clone())
        .reads(repo.path("package-lock.json"))
        .depends_on(toolchain.release(repo))
        .depends_on(FEATURES.join(" "))
        .depends_on(OPTIMISATION)
        .writes(pkg.clone());
    step.unless_fresh(repo, || {
        remove_folder(&pkg)?;
        ui::step(&format!("bindings of the {what}"), "", || {
            let log = repo.log(&format!("wasm-bindgen-{name}"))?;
            let mut bindgen = toolchain.command(repo, "wasm-bindgen");
            let out = format!("roundtable_{name}");
            bindgen.args(["--target", "web", "--out-name", &out, "--out-dir"]).arg(&pkg).arg(&wasm);
            succeed("making the bindings", &mut bindgen, &log, LIMIT)
        })?;
        ui::step("wasm-opt", "", || optimise(repo, toolchain, &pkg.join(format!("roundtable_{name}_bg.wasm"))))
    })
}

fn optimise(repo: &Repo, toolchain: &Toolchain, file: &Path) -> Result<(), Failure> {
    let log = repo.log("wasm-opt")?;
    let mut optimiser = toolchain.command(repo, "wasm-opt");
    optimiser.arg(OPTIMISATION).args(FEATURES).arg(file).arg("-o").arg(file);
    succeed("optimising the wasm", &mut optimiser, &log, LIMIT).map(|_| ())
}

/// Runs the `build` script of `www/<name>`, which writes `dist` anew.
fn npm_workspace(repo: &Repo, name: &str, dist: &Path, built_inputs: &[&str]) -> Result<(), Failure> {
    let folder = format!("www/{name}");
    let manifest = repo.path(&folder).join("package.json");
    let text = fs::read_to_string(&manifest).map_err(|error| Failure::file("read", &manifest, &error))?;
    if !text.contains("\"build\"") {
        ui::note(&format!("{folder} has no build script yet: passed over"));
        return Ok(());
    }
    let mut step = Step::new(name).reads(repo.path(&folder)).reads(repo.path("tsconfig.base.json"));
    step = step.reads(repo.path("www/compress.js"));
    step = step.reads(repo.path("package-lock.json")).writes(dist.to_owned());
    for input in built_inputs {
        step = step.reads_built(repo.path(input));
    }
    step.unless_fresh(repo, || {
        let log = repo.log(&format!("build-{name}"))?;
        remove_folder(dist)?;
        ui::step(name, "", || {
            let mut npm = wasm::native(repo, "npm");
            npm.args(["run", "build", "--workspace", &folder]);
            succeed(&format!("building {folder}"), &mut npm, &log, LIMIT).map(|_| ())
        })
    })
}

fn remove_folder(folder: &Path) -> Result<(), Failure> {
    if !folder.exists() {
        return Ok(());
    }
    fs::remove_dir_all(folder).map_err(|error| Failure::file("remove", folder, &error))
}
