//! The module order, and what keeps the core a pure function: both are rules of the house, so both are tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::string::String;
use std::vec;
use std::vec::Vec;

/// Lowest first: a module may use only those before it. The table of the design.
const ORDER: [&str; 13] = [
    "id",
    "time",
    "clock",
    "datatype",
    "wire",
    "membership",
    "ring",
    "store",
    "coordinator",
    "handoff",
    "repair",
    "overlay",
    "node",
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// All files of the core with their texts.
fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).expect("the source is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.clone(), fs::read_to_string(&path).expect("it is text")));
        }
    }
    found
}

/// The modules that a text names after `crate::`, also in braces.
fn used(text: &str) -> Vec<String> {
    let word = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = vec![];
    for (at, pattern) in text.match_indices("crate::") {
        let rest = &text[at + pattern.len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(group.split('}').next().unwrap_or("").split(',').map(|name| word(name.trim()))),
            None => names.push(word(rest)),
        }
    }
    names
}

/// Every use of a module from one that does not stand above it.
fn violations(files: &[(PathBuf, String)], root: &Path) -> Vec<String> {
    let rank: BTreeMap<&str, usize> = ORDER.iter().copied().zip(0..).collect();
    let mut found = vec![];
    for (path, text) in files {
        let relative = path.strip_prefix(root).expect("it lies below");
        let module = relative.components().next().expect("it has a name").as_os_str().to_str().expect("it is text");
        let Some(own) = rank.get(module.trim_end_matches(".rs")) else { continue };
        for name in used(text) {
            if rank.get(name.as_str()).is_some_and(|other| other > own) {
                found.push(std::format!("{}: uses {name}", relative.display()));
            }
        }
    }
    found
}

#[test]
fn modules_use_only_those_below_them() {
    let files = files(&source());
    assert!(files.len() > 20, "the source was found");
    assert_eq!(violations(&files, &source()), Vec::<String>::new());
    for module in ORDER {
        let is_there = source().join(module).is_dir() || source().join(std::format!("{module}.rs")).is_file();
        assert!(is_there, "{module} is in the table and not in the source");
    }
}

#[test]
fn a_use_from_below_is_noticed() {
    let root = Path::new("/src");
    let upward = vec![(root.join("clock/mod.rs"), String::from("use crate::{id::Key, store::Store};"))];
    assert_eq!(violations(&upward, root).len(), 1);
    let downward = vec![(root.join("store/mod.rs"), String::from("use crate::clock::Dot;"))];
    assert!(violations(&downward, root).is_empty());
}

#[test]
fn nothing_in_the_core_asks_for_time_randomness_or_a_hash_map() {
    let banned = [
        "std::time",
        "HashMap",
        "HashSet",
        "SystemTime",
        "getrandom",
        "thread",
        "async fn",
        "f32",
        ".shuffle(",
        ".usize(",
        ".choice(",
    ];
    for (path, text) in files(&source()) {
        // Tests run natively only, and may draw as they like.
        if path.ends_with("node/tests.rs") || path.ends_with("store/rule.rs") {
            continue;
        }
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            assert!(!banned.iter().any(|word| line.contains(word)), "{}: {line}", path.display());
        }
    }
}
