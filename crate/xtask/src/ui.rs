//! What the terminal shows: one line a step, with its time.
//!
//! A step that takes long says beforehand what is being waited for and about how long; one that had nothing to do and
//! took no time says nothing. On a terminal the waiting line is replaced by the finished one, elsewhere (a log of
//! continuous integration) both stay, so that a hang can be told from the log.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// Lines of a failed command's log that are shown; the whole is in the file.
const TAIL_LINES: usize = 60;

/// Runs `work`, announcing it first and its time afterwards. `about` says what is waited for, and for how long.
pub(crate) fn step<T>(name: &str, about: &str, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let terminal = io::stdout().is_terminal();
    let waiting = if about.is_empty() { format!("… {name}") } else { format!("… {name}: {about}") };
    if terminal {
        print!("  {waiting}");
    } else {
        println!("  {waiting}");
    }
    flush();
    let began = Instant::now();
    let result = work();
    if terminal {
        print!("\r\x1b[2K");
    }
    let mark = if result.is_ok() { "✓" } else { "✗" };
    println!("  {mark} {name:<44} {:>9}", seconds(began.elapsed()));
    flush();
    result
}

/// One line of plain information, indented like a step.
pub(crate) fn note(text: &str) {
    println!("  {text}");
    flush();
}

/// A failure, with the end of the log of the command that failed.
pub(crate) fn failure(failure: &Failure) {
    if let Some(log) = failure.log() {
        show_tail(log);
    }
    eprintln!("\n✗ {failure}");
}

/// The last lines of a log, set off from what surrounds them.
pub(crate) fn show_tail(log: &Path) {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(TAIL_LINES);
    println!("\n──── the end of {} ────", log.display());
    for line in &lines[from..] {
        println!("{line}");
    }
    println!("────");
    flush();
}

/// A duration for people: `0.4 s`, `58 s`, `2 min 05 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    let whole = duration.as_secs();
    match whole {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..120 => format!("{whole} s"),
        _ => format!("{} min {:02} s", whole / 60, whole % 60),
    }
}

/// A closed pipe (`cargo xtask test | head`) is no reason to stop working.
fn flush() {
    let _ = io::stdout().flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_shown_as_precisely_as_it_is_interesting() {
        assert_eq!(seconds(Duration::from_millis(412)), "0.4 s");
        assert_eq!(seconds(Duration::from_millis(58_700)), "58 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 05 s");
    }
}
