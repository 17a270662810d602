//! The wasm target without rustup's server: Debian's compiler, and the standard library built once from its source.
//!
//! Debian packages a recent compiler for its browsers (`rustc-web`), with cargo, clippy and the library's source, but
//! without the library for wasm. Building that takes half a minute; it goes into Debian's own sysroot, and the whole is
//! linked as a rustup toolchain, so that cargo, clippy, wasm-bindgen and wasm-pack need no flag, only RUSTUP_TOOLCHAIN.
//! The library carries the compiler's release in a file beside it: after an upgrade of the packages it is built anew.
//!
//! This is the one part of the set-up that changes the machine outside of the checkout.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::failure::Failure;
use crate::process::{ask, succeed};
use crate::repo::{Repo, built_files_below};
use crate::setup::apt;
use crate::ui;
use crate::wasm::{self, TARGET, Toolchain};

/// The name under which rustup knows Debian's compiler.
const NAME: &str = "roundtable-web";
const SYSROOT: &str = "/usr";
const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-clippy", "rust-web-src"];
/// Only where the default toolchain comes without its linker.
const LINKER_PACKAGE: &str = "lld-22";
const BUILD_LIMIT: Duration = Duration::from_secs(10 * 60);

/// The linked toolchain, if an earlier set-up finished it and the compiler is still the one it was built with.
pub(crate) fn find(repo: &Repo) -> Option<Toolchain> {
    let built_with = fs::read_to_string(release_file()).ok()?;
    let linker = wasm::find_linker(repo)?;
    let toolchain = Toolchain { name: Some(NAME.to_owned()), linker: Some(linker) };
    let release = ask(toolchain.command(repo, "rustc").arg("-vV"))?;
    (release == built_with && wasm::has_library(Path::new(SYSROOT))).then_some(toolchain)
}

/// Installs the packages, builds the library, links the toolchain.
pub(crate) fn install(repo: &Repo) -> Result<Toolchain, Failure> {
    ui::note("rustup cannot deliver the wasm target here: Debian's compiler and library source serve instead");
    apt::ensure(repo, "Debian's rustc-web", "about 200 MB to download, a minute or less", &PACKAGES)?;
    if wasm::find_linker(repo).is_none() {
        apt::ensure(repo, "Debian's lld", "a few seconds", &[LINKER_PACKAGE])?;
    }
    ui::step("Rust's standard library for wasm", "compiled from source once, about a minute", || build_library(repo))?;
    let log = repo.log("rustup-link")?;
    let mut link = wasm::native(repo, "rustup");
    succeed("linking the toolchain", link.args(["toolchain", "link", NAME, SYSROOT]), &log, BUILD_LIMIT)?;
    find(repo).ok_or_else(|| {
        Failure::new(format!("the toolchain {NAME} is installed but does not work; see .cache/logs, then set up again"))
    })
}

fn build_library(repo: &Repo) -> Result<(), Failure> {
    let project = repo.path(".cache/setup/build-std");
    make_empty_crate(&project)?;
    let cargo = Path::new(SYSROOT).join("bin/cargo");
    let mut build = wasm::native(repo, &cargo.to_string_lossy());
    build
        .current_dir(&project)
        .args(["build", "--release", "-Zbuild-std=std,panic_abort,test", "--target", TARGET])
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC", Path::new(SYSROOT).join("bin/rustc"))
        .env("CARGO_TARGET_DIR", project.join("target"))
        // As in the library that Rust itself distributes: link-time optimisation needs the bitcode.
        .env("RUSTFLAGS", "-Cembed-bitcode=yes");
    let log = repo.log("build-std")?;
    succeed("compiling the standard library for wasm", &mut build, &log, BUILD_LIMIT)?;
    install_library(&project.join("target").join(TARGET).join("release/deps"))
}

/// Puts the library where the compiler looks for it, in place of an older one; the release is written last.
fn install_library(built: &Path) -> Result<(), Failure> {
    let folder = library_folder();
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| Failure::file("remove", &folder, &error))?;
    }
    fs::create_dir_all(&folder).map_err(|error| Failure::file("make", &folder, &error))?;
    for file in built_files_below(built)?.iter().filter(|file| is_library(file)) {
        let to = folder.join(file.file_name().unwrap_or_default());
        fs::copy(file, &to).map_err(|error| Failure::file("write", &to, &error))?;
    }
    let rustc = Path::new(SYSROOT).join("bin/rustc");
    let release = ask(Command::new(rustc).arg("-vV")).unwrap_or_default();
    fs::write(release_file(), release).map_err(|error| Failure::file("write", &release_file(), &error))
}

fn is_library(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".rlib") && !name.starts_with("libempty")
}

fn make_empty_crate(project: &Path) -> Result<(), Failure> {
    // A workspace of its own, since it lies inside ours.
    let manifest = "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
                    [profile.release]\ncodegen-units = 1\npanic = \"abort\"\n";
    let source = project.join("src");
    fs::create_dir_all(&source).map_err(|error| Failure::file("make", &source, &error))?;
    for (file, text) in [(project.join("Cargo.toml"), manifest), (source.join("lib.rs"), "")] {
        fs::write(&file, text).map_err(|error| Failure::file("write", &file, &error))?;
    }
    Ok(())
}

fn library_folder() -> PathBuf {
    Path::new(SYSROOT).join("lib/rustlib").join(TARGET).join("lib")
}

fn release_file() -> PathBuf {
    library_folder().join("roundtable-built-with")
}
