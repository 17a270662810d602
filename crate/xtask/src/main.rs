//! `cargo xtask`: one place for every chore of this repository.
//!
//! A newcomer types `npm start` or `npm test`; both end here. Each command does first whatever it needs and has not
//! been done yet, says in one line what that is and how long it took, and skips what is unchanged since the last time.
//! Nothing here knows what the crates mean: it knows how they are built, in which order, and what has to hold of the
//! files. Only the standard library is used, so that the tool itself is there within seconds on a fresh machine.

mod build;
mod drive;
mod failure;
mod fingerprint;
mod process;
mod repo;
mod setup;
mod start;
mod test;
mod tidy;
mod ui;
mod wasm;

use std::process::ExitCode;

use failure::Failure;
use repo::Repo;

const USAGE: &str = "\
usage: cargo xtask <command>

  setup         install what building needs: wasm target, wasm-bindgen, npm packages
  setup test    the same, and what only the tests need: wasm-pack, chromium and its driver
  build         build the rendezvous, the wasm, the npm package and the site; what is unchanged is skipped
  start         setup, build, then serve at http://$HOST:$PORT/ (127.0.0.1:8787 if not set)
  test [part]   everything, or one part of: tidy format clippy rust traces wasm types browser
  bench [...]   what the browser peer costs beside its floor; flags: --json --runs N --only WORD
  soak [...]    random faults, or a crowd, in real tabs; flags: --faults N, or --crowd N --profiles P; --seed S
  lint          the parts that only read: tidy format clippy types
  env           print the variables for your own wasm builds: eval \"$(cargo xtask env)\"
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match dispatch(&words) {
        Ok(code) => code,
        Err(failure) => {
            ui::failure(&failure);
            ExitCode::FAILURE
        }
    }
}

fn dispatch(words: &[&str]) -> Result<ExitCode, Failure> {
    let repo = Repo::locate()?;
    match words {
        ["setup"] => setup::for_building(&repo).map(|_| ExitCode::SUCCESS),
        ["setup", "test"] => setup::for_testing(&repo).map(|_| ExitCode::SUCCESS),
        ["build"] => build::all(&repo).map(|_| ExitCode::SUCCESS),
        ["start"] => start::serve(&repo),
        ["test"] => test::run(&repo, test::ALL),
        ["lint"] => test::run(&repo, test::LINT),
        ["test", names @ ..] => test::run(&repo, &test::parts_named(names)?),
        ["bench", flags @ ..] => drive::script(&repo, "tests/bench/main.mjs", flags),
        ["soak", flags @ ..] => drive::script(&repo, "tests/soak/main.mjs", flags),
        ["env"] => wasm::print_environment(&repo).map(|()| ExitCode::SUCCESS),
        ["help" | "--help" | "-h"] | [] => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(Failure::new(format!("there is no command `{}`\n\n{USAGE}", words.join(" ")))),
    }
}
