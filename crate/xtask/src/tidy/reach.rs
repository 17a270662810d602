//! Dead files: Rust files that no crate compiles, so that neither the compiler nor a test ever sees them.
//!
//! From the roots that cargo knows (`src/lib.rs`, `src/main.rs`, `src/bin`, `tests`, `benches`, `examples`, `build.rs`)
//! along `mod name;`, `#[path = "…"]` and `include!("…")`. Modules inside an inline `mod name { … }` are looked for
//! beside it: too lenient, never too strict.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Files;

/// Rust files below a crate's folder that cannot be reached from any of its roots.
pub(super) fn dead_files(files: &Files) -> Vec<String> {
    let mut alive: BTreeSet<PathBuf> = BTreeSet::new();
    let mut ahead: Vec<PathBuf> = files.keys().filter(|path| is_root(path, files)).cloned().collect();
    while let Some(path) = ahead.pop() {
        if let Some(text) = files.get(&path)
            && alive.insert(path.clone())
        {
            ahead.extend(mentioned(&path, text, files));
        }
    }
    let rust = files.keys().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    rust.filter(|path| crate_of(path, files).is_some() && !alive.contains(*path))
        .map(|path| path.display().to_string())
        .collect()
}

/// The folder of the crate that a file belongs to: the nearest one with a manifest.
fn crate_of<'a>(path: &'a Path, files: &Files) -> Option<&'a Path> {
    path.ancestors()
        .skip(1)
        .find(|folder| files.get(&folder.join("Cargo.toml")).is_some_and(|manifest| manifest.contains("[package]")))
}

/// A file that cargo compiles by its place, or that the manifest names.
fn is_root(path: &Path, files: &Files) -> bool {
    let Some(home) = crate_of(path, files) else { return false };
    let Ok(inside) = path.strip_prefix(home) else { return false };
    let words: Vec<String> = inside.components().map(|word| word.as_os_str().to_string_lossy().into_owned()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let by_place = match words[..] {
        ["build.rs"] | ["src", "lib.rs" | "main.rs"] => true,
        ["src", "bin", file] | ["tests" | "benches" | "examples", file] => file.ends_with(".rs"),
        ["src", "bin", _, "main.rs"] | ["tests" | "benches" | "examples", _, "main.rs"] => true,
        _ => false,
    };
    let named = format!("\"{}\"", words.join("/"));
    by_place || files.get(&home.join("Cargo.toml")).is_some_and(|manifest| manifest.contains(&named))
}

/// The files that a file's text brings in.
fn mentioned(path: &Path, text: &str, files: &Files) -> Vec<PathBuf> {
    let folder = path.parent().unwrap_or(Path::new(""));
    // `mod x;` in lib.rs, main.rs, mod.rs and any root means ./x; in a.rs it means ./a/x.
    let owns_folder = path.file_stem().is_some_and(|stem| stem == "mod") || is_root(path, files);
    let modules = if owns_folder { folder.to_owned() } else { path.with_extension("") };
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = module_declared(line) {
            found.push(modules.join(format!("{name}.rs")));
            found.push(modules.join(name).join("mod.rs"));
        }
        for opening in ["#[path = \"", "include!(\""] {
            if let Some((_, rest)) = line.split_once(opening) {
                found.push(plain(&folder.join(rest.split('"').next().unwrap_or_default())));
            }
        }
    }
    found
}

/// `name` of `mod name;` with any visibility and attributes on the same line.
fn module_declared(line: &str) -> Option<&str> {
    let (before, name) = line.strip_suffix(';')?.rsplit_once("mod ")?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let declares = before.is_empty() || before.ends_with("pub ") || before.ends_with(") ") || before.ends_with("] ");
    (is_name && declares && !before.contains("//")).then_some(name)
}

/// Without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut result = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(result.pop()),
            std::path::Component::CurDir => {}
            other => result.push(other),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(files: &[(&str, &str)]) -> Vec<String> {
        let mut all: Files = files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect();
        all.insert("c/Cargo.toml".into(), "[package]\n[[test]]\npath = \"odd/place.rs\"\n".into());
        dead_files(&all)
    }

    #[test]
    fn a_file_that_no_module_declares_is_dead() {
        assert_eq!(dead(&[("c/src/lib.rs", "mod a;"), ("c/src/a.rs", ""), ("c/src/b.rs", "")]), ["c/src/b.rs"]);
        assert_eq!(dead(&[("c/src/lib.rs", "// mod a;"), ("c/src/a.rs", "")]), ["c/src/a.rs"]);
    }

    #[test]
    fn what_only_a_dead_file_declares_is_dead_too() {
        let files = [("c/src/lib.rs", ""), ("c/src/a.rs", "mod b;"), ("c/src/a/b.rs", "")];
        assert_eq!(dead(&files).len(), 2);
    }

    #[test]
    fn both_styles_of_module_folders_are_followed() {
        let lib = ("c/src/lib.rs", "pub mod a;\npub(crate) mod b;\n#[cfg(test)] mod t;");
        let rest = [("c/src/a.rs", "mod x;"), ("c/src/a/x.rs", ""), ("c/src/b/mod.rs", "mod y;")];
        assert!(dead(&[lib, rest[0], rest[1], rest[2], ("c/src/b/y.rs", ""), ("c/src/t.rs", "")]).is_empty());
    }

    #[test]
    fn tests_binaries_named_paths_and_included_files_are_alive() {
        let files = [
            ("c/tests/one.rs", "mod help;\n#[path = \"../odd/far.rs\"] mod far;"),
            ("c/tests/help/mod.rs", ""),
            ("c/odd/far.rs", ""),
            ("c/odd/place.rs", ""),
            ("c/src/bin/tool.rs", "include!(\"../part.rs\");"),
            ("c/src/part.rs", ""),
            ("c/build.rs", ""),
            ("elsewhere/script.rs", ""),
        ];
        assert!(dead(&files).is_empty());
        assert_eq!(dead(&[("c/tests/help/mod.rs", "")]), ["c/tests/help/mod.rs"]);
    }
}
