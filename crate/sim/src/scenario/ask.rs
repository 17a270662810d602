//! What applications ask in a scenario, as data, and what they must be shown.
//!
//! A request is waited for until its first answer, unless it says `later`; then `await` waits for it, or `expect`
//! looks at what it was told by then. One that is given a name with `as` can be asked about afterwards, and its
//! context can be that of a later write.
//!
//! Values are words. For stories of collections, which are registers here whose application merges siblings, a value
//! is a list of items with commas between them: an `update` reads, unites all siblings, adds an item and writes
//! that. Nothing of it may be lost, whatever concurrent updates do (`whole` of [`Shows`]).

use std::collections::BTreeSet;

use roundtable_core::coordinator::Level;
use serde::Deserialize;

/// A level.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged, expecting = "local, one, quorum, all or a number")]
pub enum Wanted {
    /// By its name.
    Named(Named),
    /// So many.
    Count(u8),
}

/// A level by its name.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Named {
    /// This node.
    Local,
    /// One other.
    One,
    /// A majority.
    Quorum,
    /// All.
    All,
}

impl From<Wanted> for Level {
    fn from(wanted: Wanted) -> Level {
        match wanted {
            Wanted::Named(Named::Local) => Level::Local,
            Wanted::Named(Named::One) => Level::One,
            Wanted::Named(Named::Quorum) => Level::Quorum,
            Wanted::Named(Named::All) => Level::All,
            Wanted::Count(count) => Level::Count(count),
        }
    }
}

/// What a write has seen.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// What its session was shown of the key, or else what its node holds.
    #[default]
    Session,
    /// Nothing.
    Blind,
    /// What the last `get` of this key at this tab showed, and nothing since.
    LastRead,
    /// What a named request showed, or had seen.
    Of(String),
}

/// What is shown of a key. What is not said may be anything.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shows {
    /// These values and no others.
    pub is: Option<Vec<String>>,
    /// One of these sets of values.
    pub one_of: Option<Vec<Vec<String>>>,
    /// These values, and maybe others.
    pub contains: Vec<String>,
    /// None of these.
    pub lacks: Vec<String>,
    /// At most so many values.
    pub at_most: Option<usize>,
    /// At least so many values.
    pub at_least: Option<usize>,
    /// The items of all siblings together are all that updates have ever added to the key.
    pub whole: bool,
}

impl Shows {
    /// What is wrong with these values, of a key to which these items were added.
    pub(super) fn judge(&self, found: &[String], added: &BTreeSet<String>) -> Result<(), String> {
        let sorted = |values: &[String]| {
            let mut values = values.to_vec();
            values.sort();
            values
        };
        let found = sorted(found);
        let is_any = |sets: &Vec<Vec<String>>| sets.iter().any(|set| sorted(set) == found);
        let items = || found.iter().flat_map(|value| items_of(value)).collect::<BTreeSet<String>>();
        let holds = self.is.as_ref().is_none_or(|values| sorted(values) == found)
            && self.one_of.as_ref().is_none_or(is_any)
            && self.contains.iter().all(|value| found.contains(value))
            && !self.lacks.iter().any(|value| found.contains(value))
            && self.at_most.is_none_or(|most| found.len() <= most)
            && self.at_least.is_none_or(|least| found.len() >= least)
            && (!self.whole || items() == *added);
        if holds { Ok(()) } else { Err(format!("{found:?} is not as it should be: {}", self.words())) }
    }

    fn words(&self) -> String {
        let empty = Shows::default();
        let mut words = Vec::new();
        self.is.iter().for_each(|is| words.push(format!("is {is:?}")));
        self.one_of.iter().for_each(|sets| words.push(format!("one of {sets:?}")));
        if self.contains != empty.contains {
            words.push(format!("contains {:?}", self.contains));
        }
        if self.lacks != empty.lacks {
            words.push(format!("lacks {:?}", self.lacks));
        }
        self.at_most.iter().for_each(|most| words.push(format!("at most {most}")));
        self.at_least.iter().for_each(|least| words.push(format!("at least {least}")));
        if self.whole {
            words.push("all that was ever added".into());
        }
        words.join(", ")
    }
}

/// A put.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Put {
    /// Where it is asked.
    pub tab: String,
    /// Of which key.
    pub key: String,
    /// What.
    pub value: String,
    /// When it counts as done; a quorum, if nothing is said.
    pub level: Option<Wanted>,
    /// When it is answered with what was reached, in milliseconds.
    pub timeout: Option<u64>,
    /// What it has seen.
    #[serde(default)]
    pub context: Seen,
    /// When it expires, in milliseconds from now.
    pub ttl: Option<u64>,
    /// Whether the last write wins.
    #[serde(default)]
    pub lww: bool,
    /// A name for what it is told.
    pub r#as: Option<String>,
    /// It is not waited for.
    #[serde(default)]
    pub later: bool,
    /// Whether its level must be met when it is first answered.
    pub met: Option<bool>,
}

/// A get.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Get {
    /// Where it is asked.
    pub tab: String,
    /// Of which key.
    pub key: String,
    /// How many must answer; a quorum, if nothing is said.
    pub level: Option<Wanted>,
    /// When it is answered with what was reached, in milliseconds.
    pub timeout: Option<u64>,
    /// A name for what it is told.
    pub r#as: Option<String>,
    /// It is not waited for.
    #[serde(default)]
    pub later: bool,
    /// Whether its level must be met.
    pub met: Option<bool>,
    /// What it must show.
    pub shows: Option<Shows>,
}

/// A delete.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delete {
    /// Where it is asked.
    pub tab: String,
    /// Of which key.
    pub key: String,
    /// When it counts as done; a quorum, if nothing is said.
    pub level: Option<Wanted>,
    /// When it is answered with what was reached, in milliseconds.
    pub timeout: Option<u64>,
    /// What it has seen.
    #[serde(default)]
    pub context: Seen,
    /// A name for what it is told.
    pub r#as: Option<String>,
    /// It is not waited for.
    #[serde(default)]
    pub later: bool,
    /// Whether its level must be met when it is first answered.
    pub met: Option<bool>,
}

/// A read, and a write with its context.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// Where it is asked.
    pub tab: String,
    /// Of which key.
    pub key: String,
    /// The item that is added.
    pub add: String,
    /// The level of both; a quorum, if nothing is said.
    pub level: Option<Wanted>,
    /// It is not waited for.
    #[serde(default)]
    pub later: bool,
    /// Whether its level must be met when it is first answered.
    pub met: Option<bool>,
}

/// Until a request is answered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Await {
    /// Which.
    pub of: String,
    /// Whether its level must be met.
    pub met: Option<bool>,
    /// What it must show.
    pub shows: Option<Shows>,
}

/// The items of a value that is a list.
pub(super) fn items_of(value: &str) -> impl Iterator<Item = String> {
    value.split(',').filter(|item| !item.is_empty()).map(str::to_owned)
}
