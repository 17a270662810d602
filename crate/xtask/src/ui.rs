//! What the terminal shows: one line a step, with its time.
//!
//! A step that takes long says beforehand what is being waited for and about how long; one that had nothing to do and
//! took no time says nothing. On a terminal the waiting line is replaced by the finished one, elsewhere (a log of
//! continuous integration) both stay, so that a hang can be told from the log.

use std::env;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// Lines of a failed command's log that are shown, where trouble begins and at the end; the whole is in the file.
const HEAD_LINES: usize = 40;
const TAIL_LINES: usize = 25;
/// How compilers and test runners begin to speak of what is wrong.
const TROUBLE: [&str; 6] = ["error", "npm error", "---- ", "✖", "not ok", "× "];

/// Runs `work`, announcing it first and its time afterwards. `about` says what is waited for, and for how long.
pub(crate) fn step<T>(name: &str, about: &str, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    judged_step(name, about, Result::is_ok, work)
}

/// The same for work that has another idea of success.
pub(crate) fn judged_step<T>(name: &str, about: &str, good: impl Fn(&T) -> bool, work: impl FnOnce() -> T) -> T {
    let terminal = io::stdout().is_terminal();
    let waiting = if about.is_empty() { format!("… {name}") } else { format!("… {name}: {about}") };
    if terminal {
        print!("  {waiting}");
    } else if !about.is_empty() {
        println!("  {waiting}");
    }
    flush();
    let began = Instant::now();
    let result = work();
    if terminal {
        print!("\r\x1b[2K");
    }
    let mark = if good(&result) { "✓" } else { "✗" };
    println!("  {mark} {name:<48} {:>12}", seconds(began.elapsed()));
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
        show_log(log);
    }
    println!("\n✗ {}", from_here(&failure.to_string()));
    flush();
}

/// What of a log tells most, set off from what surrounds it.
fn show_log(log: &Path) {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    println!("\n──── from {} ────", from_here(&log.display().to_string()));
    for line in excerpt(&text) {
        println!("{line}");
    }
    println!("────");
    flush();
}

/// The first lines from where trouble begins and the last lines of all, or just these if nothing looks like trouble.
fn excerpt(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines.len().saturating_sub(TAIL_LINES);
    let is_trouble = |line: &&str| TROUBLE.iter().any(|mark| line.trim_start().starts_with(mark));
    let trouble = lines.iter().position(is_trouble).unwrap_or(tail);
    let head = trouble..(trouble + HEAD_LINES).min(lines.len());
    if head.end >= tail {
        return lines[trouble.min(tail)..].to_vec();
    }
    [&lines[head], &["  […]"], &lines[tail..]].concat()
}

/// The text with paths below the current folder as one would type them.
fn from_here(text: &str) -> String {
    match env::current_dir() {
        Ok(folder) => text.replace(&format!("{}/", folder.display()), ""),
        Err(_) => text.to_owned(),
    }
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

    #[test]
    fn an_excerpt_has_the_beginning_of_the_trouble_and_the_end() {
        let filler = |name: &str| (0..100).map(|n| format!("{name} {n}\n")).collect::<String>();
        let text = format!("{}error: this\n{}the end\n", filler("before"), filler("after"));
        let shown = excerpt(&text);
        assert_eq!(shown.first(), Some(&"error: this"));
        assert_eq!(shown.last(), Some(&"the end"));
        assert_eq!(shown.len(), HEAD_LINES + 1 + TAIL_LINES);
    }

    #[test]
    fn an_excerpt_of_a_short_or_calm_log_is_its_end() {
        assert_eq!(excerpt("a\nerror: b\nc"), ["a", "error: b", "c"]);
        let calm: String = (0..100).map(|n| format!("{n}\n")).collect();
        assert_eq!(excerpt(&calm).len(), TAIL_LINES);
        assert!(excerpt("").is_empty());
    }
}
