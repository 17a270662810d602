//! Scenario files: where they are, and what is wrong with one that cannot be played, by file and line.

use std::fs;
use std::path::Path;

use roundtable_core::planted::Plant;

use super::Scenario;

/// Where they are, from this crate's manifest on.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/scenarios");
/// The number of the last trap.
const TRAPS_MAX: u8 = 32;

/// All scenarios of the repository, in the order of their names; or the first thing that is wrong with one.
pub fn all() -> Result<Vec<Scenario>, String> {
    let folder = Path::new(FOLDER);
    let in_folder = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(in_folder)? {
        let path = entry.map_err(in_folder)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    let read = |path: &std::path::PathBuf| {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        parse(&name, &text)
    };
    files.iter().map(read).collect()
}

/// The scenario of this name that a text holds, or what is wrong with it.
pub fn parse(name: &str, text: &str) -> Result<Scenario, String> {
    let wrong = |what: String| format!("{name}.json: {what}");
    let mut scenario: Scenario = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    scenario.name = name.into();
    if scenario.traps.is_empty() || scenario.traps.iter().any(|trap| !(1..=TRAPS_MAX).contains(trap)) {
        return Err(wrong(format!("it must name traps from 1 to {TRAPS_MAX}")));
    }
    if let Some(unknown) = scenario.plants.iter().find(|plant| Plant::named(plant).is_none()) {
        return Err(wrong(format!("there is no bug {unknown:?}; `plants` lists those there are")));
    }
    if scenario.plants.is_empty() {
        return Err(wrong("it must name a bug under which it fails".into()));
    }
    let tabs = || scenario.devices.iter().flatten();
    let unknown = scenario.later.iter().chain(scenario.settings.keys()).find(|name| !tabs().any(|tab| tab == *name));
    if let Some(unknown) = unknown {
        return Err(wrong(format!("there is no tab {unknown:?} on any device")));
    }
    Ok(scenario)
}

impl Scenario {
    /// The first sentence of its story.
    pub fn title(&self) -> &str {
        self.story.split_once(". ").map_or(self.story.as_str(), |(first, _)| first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(field: &str, steps: &str) -> String {
        format!(
            r#"{{ "traps": [1], "story": "A. B.", "plants": ["reuse-a-dot"], {field}
                "devices": [["a"]], "steps": [{steps}] }}"#
        )
    }

    fn wrong(field: &str, steps: &str) -> String {
        parse("tale", &text(field, steps)).map(|_| ()).expect_err("it is wrong")
    }

    #[test]
    fn a_word_that_is_not_known_is_an_error_that_names_the_file_and_the_word() {
        assert_eq!(
            parse("tale", &text("", r#"{ "run": 5 }, "heal""#)).map(|tale| tale.title().to_owned()),
            Ok("A".into())
        );
        for (field, steps, word) in [
            (r#""colour": 1,"#, "", "unknown field `colour`"),
            ("", r#"{ "explode": "a" }"#, "unknown variant `explode`"),
            ("", r#"{ "put": { "tab": "a", "key": "k", "value": "v", "size": 3 } }"#, "unknown field `size`"),
            ("", r#"{ "expect": { "hints": { "exactly": 3 } } }"#, "unknown field `exactly`"),
            ("", r#"{ "crash": 3 }"#, "a name or a list of names"),
        ] {
            let error = wrong(field, steps);
            assert!(error.starts_with("tale.json: ") && error.contains(word), "{error}");
            assert!(error.contains("line "), "{error}");
        }
    }

    #[test]
    fn what_does_not_exist_is_an_error() {
        assert!(wrong(r#""later": ["z"],"#, "").contains("no tab \"z\""));
        let text = |plants: &str, trap: u8| {
            format!(r#"{{ "traps": [{trap}], "story": "A.", "plants": [{plants}], "devices": [], "steps": [] }}"#)
        };
        let wrong = |plants, trap| parse("tale", &text(plants, trap)).map(|_| ()).expect_err("it is wrong");
        assert!(wrong(r#""no-such-bug""#, 1).contains("there is no bug"));
        assert!(wrong("", 1).contains("must name a bug"));
        assert!(wrong(r#""reuse-a-dot""#, 33).contains("must name traps"));
    }
}
