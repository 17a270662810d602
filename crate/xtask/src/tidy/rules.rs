//! The rules that look at one file at a time.

use std::path::Path;

const COLUMNS_MAX: usize = 120;
const LINES_MAX: usize = 500;

/// A Rust file begins by saying what it decides, why, and what it is not.
pub(super) fn essay(path: &Path, text: &str) -> Vec<String> {
    let begins = text.lines().next().is_some_and(|line| line.starts_with("//!"));
    if is_rust(path) && !begins { vec![format!("{}:1", path.display())] } else { Vec::new() }
}

/// rustfmt keeps code within the width, but not comments and strings.
pub(super) fn width(path: &Path, text: &str) -> Vec<String> {
    offences(path, text, is_rust(path), |line| line.chars().count() > COLUMNS_MAX)
}

/// Past this a file is two ideas.
pub(super) fn length(path: &Path, text: &str) -> Vec<String> {
    let lines = text.lines().count();
    let too_long = is_code(path) && lines > LINES_MAX;
    if too_long { vec![format!("{}:{lines}", path.display())] } else { Vec::new() }
}

/// What is not run protects nothing.
pub(super) fn skipped(path: &Path, text: &str) -> Vec<String> {
    // In two pieces, so that this file does not break its own rule.
    let rust = [concat!("#[", "ignore")];
    let script = [concat!(".sk", "ip("), concat!(".on", "ly("), concat!("sk", "ip: true"), concat!("on", "ly: true")];
    let forbidden: &[&str] = if is_rust(path) { &rust } else { &script };
    offences(path, text, is_code(path), |line| forbidden.iter().any(|word| line.contains(word)))
}

/// A path into somebody's home or working folder is right on one machine only.
pub(super) fn places(path: &Path, text: &str) -> Vec<String> {
    let places = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    offences(path, text, true, |line| places.iter().any(|place| stands_alone(line, place)))
}

/// Whoever installs chooses where from.
pub(super) fn registry(path: &Path, text: &str) -> Vec<String> {
    let is_lock = path.file_name().is_some_and(|name| name == "package-lock.json");
    offences(path, text, is_lock, |line| line.trim_start().starts_with("\"resolved\": \"http"))
}

fn offences(path: &Path, text: &str, applies: bool, is_wrong: impl Fn(&str) -> bool) -> Vec<String> {
    if !applies {
        return Vec::new();
    }
    let wrong = text.lines().enumerate().filter(|(_, line)| is_wrong(line));
    wrong.map(|(index, _)| format!("{}:{}", path.display(), index + 1)).collect()
}

/// True if the place begins a path here, not if it is in the middle of one or of an address.
fn stands_alone(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !"./_-~*}$".contains(c))
    })
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

fn is_code(path: &Path) -> bool {
    path.extension().is_some_and(|extension| ["rs", "ts", "tsx", "js", "mjs"].iter().any(|known| extension == *known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rust_file_without_an_essay_is_found() {
        assert_eq!(essay(Path::new("a/b.rs"), "use std::fs;\n"), ["a/b.rs:1"]);
        assert_eq!(essay(Path::new("a/b.rs"), ""), ["a/b.rs:1"]);
        assert!(essay(Path::new("a/b.rs"), "//! Why.\n").is_empty());
        assert!(essay(Path::new("a/b.ts"), "import").is_empty());
    }

    #[test]
    fn a_wide_line_is_found_by_characters_not_by_bytes() {
        let text = format!("short\n{}\n{}\n", "ä".repeat(120), "x".repeat(121));
        assert_eq!(width(Path::new("a.rs"), &text), ["a.rs:3"]);
        assert!(width(Path::new("a.md"), &text).is_empty());
    }

    #[test]
    fn a_long_file_is_found() {
        assert_eq!(length(Path::new("a.ts"), &"x\n".repeat(501)), ["a.ts:501"]);
        assert!(length(Path::new("a.ts"), &"x\n".repeat(500)).is_empty());
        assert!(length(Path::new("a.json"), &"x\n".repeat(501)).is_empty());
    }

    #[test]
    fn tests_that_would_not_run_are_found() {
        assert_eq!(skipped(Path::new("a.rs"), concat!("#[test]\n#[", "ignore = \"slow\"]\n")), ["a.rs:2"]);
        assert_eq!(skipped(Path::new("a.mjs"), concat!("test.sk", "ip(\"x\", f);\nit.on", "ly(\"y\", f);")).len(), 2);
        assert_eq!(skipped(Path::new("a.mjs"), concat!("test(\"x\", { sk", "ip: true }, f);")).len(), 1);
        assert!(skipped(Path::new("a.rs"), "list.iter().skip(1)").is_empty(), "an iterator may skip");
        assert!(skipped(Path::new("a.md"), concat!("never write test.sk", "ip()")).is_empty());
    }

    #[test]
    fn a_path_of_one_machine_is_found_and_a_part_of_another_path_is_not() {
        let found = |line: &str| !places(Path::new("a.md"), line).is_empty();
        assert!(found(concat!("see /wo", "rk/main")));
        assert!(found(concat!("cd \"/ho", "me/someone/x\"")));
        assert!(!found("https://example.org/home/page"));
        assert!(!found("www/work/x and ./work/y and $HOME/work/z"));
    }

    #[test]
    fn a_registry_in_the_lock_file_is_found() {
        let line = "      \"resolved\": \"https://registry.example/x.tgz\",\n";
        assert_eq!(registry(Path::new("package-lock.json"), line).len(), 1);
        assert!(registry(Path::new("package-lock.json"), "\"resolved\": \"www/site\",").is_empty());
        assert!(registry(Path::new("other.json"), line).is_empty());
    }
}
