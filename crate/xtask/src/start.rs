//! `npm start`: set up, build, serve.
//!
//! On Unix this process *becomes* the server, as cargo before it became this process. So there is no child that could
//! be orphaned: whoever stops `npm start`, by Ctrl-C or by a signal, stops the server itself.

use std::env;
use std::process::{Command, ExitCode};
use std::time::Instant;

use crate::build::{self, Built};
use crate::failure::Failure;
use crate::repo::Repo;
use crate::ui;

/// Builds, then serves until stopped.
pub(crate) fn serve(repo: &Repo) -> Result<ExitCode, Failure> {
    let began = Instant::now();
    let built = build::all(repo)?;
    ui::note(&format!("ready after {}\n", ui::seconds(began.elapsed())));
    become_server(&mut server(&built))
}

fn server(built: &Built) -> Command {
    let setting = |name: &str, default: &str| {
        env::var(name).ok().filter(|value| !value.is_empty()).unwrap_or_else(|| default.to_owned())
    };
    let mut command = Command::new(&built.rendezvous);
    command.arg("--site").arg(&built.site).arg("--package").arg(&built.package);
    command.args(["--port", &setting("PORT", "8787"), "--host", &setting("HOST", "127.0.0.1")]);
    command
}

#[cfg(unix)]
fn become_server(command: &mut Command) -> Result<ExitCode, Failure> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(Failure::new(format!("cannot start {}: {error}", command.get_program().to_string_lossy())))
}

#[cfg(not(unix))]
fn become_server(command: &mut Command) -> Result<ExitCode, Failure> {
    let status = command
        .status()
        .map_err(|error| Failure::new(format!("cannot start {}: {error}", command.get_program().to_string_lossy())))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
