//! Links in Markdown: those that point into the repository must lead to a file or folder that is there.
//!
//! `[text](target)`, pictures alike. Addresses and mere anchors are left alone, as is what stands in code. A target
//! that begins with a slash counts from the root.

use std::path::{Component, Path, PathBuf};

use super::Files;

/// Links whose target is neither a file nor a folder of the checkout.
pub(super) fn dead_links(files: &Files, root: &Path) -> Vec<String> {
    let documents = files.iter().filter(|(path, _)| path.extension().is_some_and(|extension| extension == "md"));
    let mut dead = Vec::new();
    for (path, text) in documents {
        for (line, target) in links(text) {
            let at = resolve(path, &target);
            let known = files.keys().any(|file| file.starts_with(&at)) || root.join(&at).is_file();
            if !known {
                dead.push(format!("{}:{line} leads to {target}", path.display()));
            }
        }
    }
    dead
}

/// (line, target) of every link to a place in the repository, without its anchor.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for piece in without_code(line).split("](").skip(1) {
            let target = piece.split([')', ' ']).next().unwrap_or_default();
            let place = target.split('#').next().unwrap_or_default();
            if !place.is_empty() && !place.contains(':') {
                found.push((index + 1, place.to_owned()));
            }
        }
    }
    found
}

/// The line with what stands between backquotes taken out.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// The target's path from the root; what would leave the root is kept as `..` and matches nothing.
fn resolve(document: &Path, target: &str) -> PathBuf {
    let base = if target.starts_with('/') { Path::new("") } else { document.parent().unwrap_or(Path::new("")) };
    let mut path = PathBuf::new();
    for component in base.join(target.trim_start_matches('/')).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if path.file_name().is_some() => {
                path.pop();
            }
            other => path.push(other),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(document: &str, text: &str) -> Vec<String> {
        let mut files = Files::new();
        files.insert("crate/core/src/lib.rs".into(), String::new());
        files.insert("README.md".into(), String::new());
        files.insert(document.into(), text.to_owned());
        dead_links(&files, Path::new("/nowhere"))
    }

    #[test]
    fn a_link_to_a_missing_file_is_found_with_its_line() {
        assert_eq!(dead("crate/A.md", "x\n[a](gone.md)\n"), ["crate/A.md:2 leads to gone.md"]);
        assert_eq!(dead("A.md", "![a](docs/picture.png \"title\")").len(), 1);
        assert_eq!(dead("A.md", "[a](../README.md)").len(), 1, "outside of the repository");
    }

    #[test]
    fn links_to_files_folders_anchors_and_addresses_are_fine() {
        let text = "[a](core/src/lib.rs#L3) [b](../README.md) [c](core) [d](core/) [e](#part) \
                    [f](https://example.org/x) [g](mailto:a@example.org) [h](/README.md)";
        assert!(dead("crate/A.md", text).is_empty());
    }

    #[test]
    fn what_stands_in_code_is_no_link() {
        assert!(dead("A.md", "`[a](gone.md)`\n```\n[a](gone.md)\n```\n").is_empty());
        assert_eq!(dead("A.md", "`x` [a](gone.md) `y`").len(), 1);
    }
}
