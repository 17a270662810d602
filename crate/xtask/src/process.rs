//! Other programs: started quietly, their output kept in a file, never left behind.
//!
//! Programs run without a standard input (they must work where nobody can answer) and write both their streams into
//! one log. A program that outlives its limit is ended together with all it started: `rustup` can hang for ever where
//! its server is unreachable, and a browser must not outlive the test that opened it. Children stay in our process
//! group, so Ctrl-C reaches them as it reaches us.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// How a program ended, and all that it wrote.
#[derive(Debug)]
pub(crate) struct Finished {
    status: Option<ExitStatus>,
    output: String,
}

impl Finished {
    pub(crate) fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// Its time was up and it was ended.
    pub(crate) fn timed_out(&self) -> bool {
        self.status.is_none()
    }

    pub(crate) fn output(&self) -> &str {
        &self.output
    }
}

/// Runs a program to its end or its limit, both streams into `log` (begun anew). A bad exit is not an error here.
pub(crate) fn run(command: &mut Command, log: &Path, limit: Duration) -> Result<Finished, Failure> {
    let stdout = File::create(log).map_err(|error| Failure::file("create", log, &error))?;
    let stderr = stdout.try_clone().map_err(|error| Failure::file("open", log, &error))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .map_err(|error| Failure::new(format!("cannot run {}: {error}", name(command))))?;
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(5);
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if Instant::now() < deadline => {
                thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(100));
            }
            _ => {
                end_descendants(child.id());
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
        }
    };
    let output = fs::read(log).map_err(|error| Failure::file("read", log, &error))?;
    Ok(Finished { status, output: String::from_utf8_lossy(&output).into_owned() })
}

/// Runs a program that has to succeed. A failure names `what` it was for and carries the log.
pub(crate) fn succeed(what: &str, command: &mut Command, log: &Path, limit: Duration) -> Result<String, Failure> {
    let finished = run(command, log, limit)?;
    if finished.success() {
        return Ok(finished.output);
    }
    let how = if finished.timed_out() { format!("took longer than {} s", limit.as_secs()) } else { "failed".into() };
    Err(Failure::new(format!("{what}: `{}` {how}; all it said is in {}", line(command), log.display())).with_log(log))
}

/// What a short program prints, trimmed; nothing if it is missing or fails. For questions, not for work.
pub(crate) fn ask(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Where the PATH has a program, if it has.
pub(crate) fn find_on_path(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// The command as one would type it, for messages.
fn line(command: &Command) -> String {
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    format!("{} {}", name(command), words.join(" "))
}

/// Ends all that a process has started, the youngest generation first, where the system lists processes in `/proc`.
fn end_descendants(of: u32) {
    for pid in descendants(of, &process_parents()).iter().rev() {
        let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status();
    }
}

/// (process, its parent) of all processes; empty where there is no `/proc`.
fn process_parents() -> Vec<(u32, u32)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The command's name stands in parentheses and may hold anything: the fields come after the last of them.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect()
}

/// Children before grandchildren.
fn descendants(of: u32, parents: &[(u32, u32)]) -> Vec<u32> {
    let mut family = vec![of];
    let mut next = 0;
    while let Some(&ancestor) = family.get(next) {
        family.extend(parents.iter().filter(|(_, parent)| *parent == ancestor).map(|(pid, _)| *pid));
        next += 1;
    }
    family.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("roundtable-xtask-{}-{name}.log", std::process::id()))
    }

    #[test]
    fn descendants_are_found_through_generations() {
        let parents = [(2, 1), (3, 2), (4, 3), (5, 1), (6, 9)];
        assert_eq!(descendants(2, &parents), [3, 4]);
        assert_eq!(descendants(1, &parents), [2, 5, 3, 4]);
        assert_eq!(descendants(6, &parents), [0_u32; 0]);
    }

    #[test]
    fn both_streams_of_a_program_are_kept() -> Result<(), Failure> {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let finished = run(&mut command, &scratch("streams"), Duration::from_secs(10))?;
        assert!(!finished.success() && !finished.timed_out());
        assert_eq!(finished.output(), "out\nerr\n");
        Ok(())
    }

    #[test]
    fn a_program_past_its_limit_is_ended_with_its_children() -> Result<(), Failure> {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 4571 & wait"]);
        let finished = run(&mut command, &scratch("limit"), Duration::from_millis(300))?;
        assert!(finished.timed_out());
        let left = ask(Command::new("ps").args(["-eo", "args"])).unwrap_or_default();
        assert!(!left.contains("sleep 4571"), "the sleep was left behind");
        Ok(())
    }
}
