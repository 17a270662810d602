//! Lessons: a lab with a story, as data, and whether it still tells what it says.
//!
//! A lesson's steps are taken in their order, and within a step: what is done, then the time that passes, then what is
//! waited for, then what must hold. A page tells the words between; here they are only checked for being there. Played
//! with nothing else done, a lesson ends with the same trace everywhere, which its file names: so a change of the core
//! that changes what a class sees is noticed.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Lab;

/// How long what is waited for may take.
const UNTIL_MS_MAX: u64 = 120_000;

/// All lessons, by id, in the order in which they are taught.
pub const LESSONS: [(&str, &str); 12] = [
    ("a-newcomer", include_str!("../../../../tests/lessons/a-newcomer.json")),
    ("an-owner-is-down", include_str!("../../../../tests/lessons/an-owner-is-down.json")),
    ("a-hint-goes-home", include_str!("../../../../tests/lessons/a-hint-goes-home.json")),
    ("two-carts", include_str!("../../../../tests/lessons/two-carts.json")),
    ("reading-repairs", include_str!("../../../../tests/lessons/reading-repairs.json")),
    ("a-wiped-disk", include_str!("../../../../tests/lessons/a-wiped-disk.json")),
    ("a-stale-read", include_str!("../../../../tests/lessons/a-stale-read.json")),
    ("large-and-small", include_str!("../../../../tests/lessons/large-and-small.json")),
    ("closing-one-by-one", include_str!("../../../../tests/lessons/closing-one-by-one.json")),
    ("a-rumour", include_str!("../../../../tests/lessons/a-rumour.json")),
    ("a-delete-is-a-write", include_str!("../../../../tests/lessons/a-delete-is-a-write.json")),
    ("find-the-bug", include_str!("../../../../tests/lessons/find-the-bug.json")),
];

/// A lesson, as a file holds it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lesson {
    /// What its file is called, without `.json`.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// Where in the paper there is more.
    pub paper: String,
    /// How long it takes a class.
    pub minutes: u32,
    /// How its lab begins.
    pub setup: Value,
    /// The key that it is about.
    pub key: Option<KeyName>,
    /// What happens, and what is said.
    pub steps: Vec<Step>,
    /// The trace after the last step.
    pub trace: String,
}

/// A key by its name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyName {
    /// Its bucket.
    pub bucket: String,
    /// Its name there.
    pub key: String,
}

/// One step of a lesson.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What is told.
    pub say: String,
    /// What the class is asked before it sees it.
    pub ask: Option<Ask>,
    /// What is done, without time.
    #[serde(default)]
    pub act: Vec<Value>,
    /// How much time passes then.
    pub run: Option<u64>,
    /// What is waited for then.
    pub until: Option<Value>,
    /// Where the page looks.
    pub look: Option<Value>,
    /// What must hold then.
    #[serde(default)]
    pub expect: Vec<Value>,
}

/// A prediction.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// What is asked.
    pub question: String,
    /// What there is to choose from.
    pub choices: Vec<String>,
    /// Which is right, from 0.
    pub answer: usize,
    /// Why.
    pub reveal: String,
}

/// What can be expected of a lab besides what can be of a scenario.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum OfLab {
    /// How many of a thousand sample keys the last coming or going has moved.
    Moved(Moved),
    /// Which checker has found something.
    Violation(String),
    /// The share of primary positions of a node, of a hundred.
    Share(Share),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Moved {
    ring: (usize, usize),
    r#mod: (usize, usize),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Share {
    of: String,
    percent: (f64, f64),
}

impl Lesson {
    /// Read one, or say what is wrong with it.
    pub fn parse(text: &str) -> Result<Lesson, String> {
        let lesson: Lesson = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let asks = || lesson.steps.iter().filter_map(|step| step.ask.as_ref());
        if lesson.steps.iter().any(|step| step.say.is_empty()) {
            return Err("a step says nothing".into());
        }
        if asks().next().is_none() {
            return Err("it asks for no prediction".into());
        }
        if asks().any(|ask| ask.choices.len() < 2 || ask.answer >= ask.choices.len() || ask.reveal.is_empty()) {
            return Err("a question has two choices or more, one of them right, and a reveal".into());
        }
        if lesson.steps.iter().all(|step| step.expect.is_empty()) {
            return Err("it expects nothing, and so cannot fail".into());
        }
        Ok(lesson)
    }

    /// The lesson's lab before its first step.
    pub fn begin(&self) -> Result<Lab, String> {
        Lab::new(&self.setup.to_string())
    }

    /// Take all steps. The lab at the end, or what is not as the lesson says, and at which step.
    pub fn play(&self) -> Result<Lab, String> {
        let mut lab = self.begin()?;
        for (index, step) in self.steps.iter().enumerate() {
            step.take(&mut lab).map_err(|what| format!("step {}, {:?}: {what}", index + 1, shortened(&step.say)))?;
        }
        Ok(lab)
    }
}

impl Step {
    /// Take it, and look at what must hold.
    pub fn take(&self, lab: &mut Lab) -> Result<(), String> {
        for act in &self.act {
            lab.act(&act.to_string()).map_err(|what| format!("{act}: {what}"))?;
        }
        if let Some(ms) = self.run {
            lab.run(ms, || true);
        }
        if let Some(until) = &self.until
            && !lab.run_until(&until.to_string(), UNTIL_MS_MAX)?
        {
            return Err(format!("{until} does not come to hold{}", lab.broken()));
        }
        self.expect.iter().try_for_each(|expect| lab.expect(expect).map_err(|what| format!("{expect}: {what}")))?;
        let is_expected = self.expect.iter().any(|expect| expect.get("violation").is_some());
        if !is_expected && !lab.broken().is_empty() {
            return Err(lab.broken());
        }
        Ok(())
    }
}

impl Lab {
    /// Something must hold now.
    fn expect(&self, expect: &Value) -> Result<(), String> {
        let word = expect.as_object().and_then(|fields| fields.keys().next()).map_or("", String::as_str);
        if !["moved", "violation", "share"].contains(&word) {
            return self.holds(expect)?;
        }
        let of_lab: OfLab = serde_json::from_value(expect.clone()).map_err(|error| error.to_string())?;
        match of_lab {
            OfLab::Moved(Moved { ring, r#mod }) => {
                let moved = self.moment.figures.moved();
                let is_so = (ring.0..=ring.1).contains(&moved.ring) && (r#mod.0..=r#mod.1).contains(&moved.modulo);
                if is_so { Ok(()) } else { Err(format!("{moved:?}")) }
            }
            OfLab::Violation(checker) => match &self.moment.violation {
                Some(found) if found.checker == checker => Ok(()),
                other => Err(format!("{other:?}")),
            },
            OfLab::Share(Share { of, percent }) => {
                let world = &self.moment.play.soak.world;
                let at = self.moment.play.cast.tab(&of)?;
                let shares = world.ring_of(self.moment.figures.seated()).shares();
                let share = shares.iter().find(|(id, _)| *id == world.hosts[at].id).map_or(0, |(_, share)| *share);
                let found = share as f64 / u64::MAX as f64 * 100.0;
                if (percent.0..=percent.1).contains(&found) { Ok(()) } else { Err(format!("it is {found:.1} %")) }
            }
        }
    }

    /// What a checker has found, in words; nothing if nothing was found.
    fn broken(&self) -> String {
        self.moment.violation.as_ref().map_or_else(String::new, |found| {
            format!(" (at {} ms the checker of {} found: {})", found.at, found.checker, found.what)
        })
    }

    /// The lessons there are, as JSON.
    pub fn lessons() -> String {
        let line = |(_, text): &(&str, &str)| {
            let Lesson { id, title, paper, minutes, .. } = Lesson::parse(text).ok()?;
            Some(json!({ "id": id, "title": title, "paper": paper, "minutes": minutes }))
        };
        Value::from(LESSONS.iter().filter_map(line).collect::<Vec<_>>()).to_string()
    }

    /// A lesson, as JSON.
    pub fn lesson(id: &str) -> Result<String, String> {
        let found = LESSONS.iter().find(|(known, _)| *known == id);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| {
            let known: Vec<&str> = LESSONS.iter().map(|(id, _)| *id).collect();
            format!("There is no lesson {id:?}; there are {}.", known.join(", "))
        })
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}
