//! The lab: one room of virtual tabs with time in somebody's hand, run, scrubbed, forked and shared as a link.
//!
//! It is the soak's own ground (the same nodes, network, disks, oracle) driven by acts instead of a plan. A lab *is*
//! its setup and its acts: everything else follows, so a link holds those two and a time, a scrub back is the nearest
//! checkpoint and a replay, and the same link gives the same trace on every machine. An act is recorded with the place
//! at which it was done; one that is done in the past drops the future that it contradicts.
//!
//! Nothing here panics for what a page, a person or a link says: each wrong word is an error in a sentence. Everything
//! is bounded: nodes, acts, the length of a link, the log, what a load asks for, the memory of checkpoints.
//!
//! Not here: whatever draws, and the clock on the wall (callers say when their patience ends).
//!
//! - `setup`: how a lab begins.
//! - `act`, `load`: what a person does, and what many would.
//! - `moment`: all that there is at one point of time, and how it comes to the next.
//! - `history`: checkpoints, and going to another point of time.
//! - `violation`: the soak's checkers, live.
//! - `plants`: the bugs that can be planted, in words for a class.
//! - `figures`: latencies, bytes a second, moved keys.
//! - `words`: frames, events and happenings in words.
//! - `logbook`: what has been seen, for the log and the space-time diagram.
//! - `state`, `key`: a moment as JSON.
//! - `link`: a lab as text.
//! - `lesson`: labs with a story, as data.

mod act;
mod figures;
mod history;
mod key;
mod lesson;
mod link;
mod load;
mod logbook;
mod moment;
mod plants;
mod setup;
mod state;
mod violation;
mod words;

use serde_json::{Value, json};

pub use lesson::{LESSONS, Lesson};
pub use setup::{NODES_MAX, NodeSetup, Setup};

use act::Act;
use history::Checkpoints;
use logbook::Logbook;
use moment::{Moment, Place};
use state::View;

use crate::scenario::Expect;

/// Where all keys of a lab are.
const BUCKET: &str = "kv";
/// What the world's clock shows when the room is opened.
const OPENED_MS: u64 = 1_000;
/// So many acts a lab has at most.
pub const ACTS_MAX: usize = 10_000;
/// So far a lab goes, in milliseconds: a day.
pub const END_MS_MAX: u64 = 24 * 60 * 60 * 1_000;
/// How long the page's own words in a link may be, in bytes.
const MARK_BYTES_MAX: usize = 1_024;

/// An act, where it was done, and the text by which it is kept.
#[derive(Debug, Clone)]
struct Recorded {
    place: Place,
    text: String,
    act: Act,
}

/// A room with its history.
#[derive(Debug, Clone)]
pub struct Lab {
    setup: Setup,
    /// The setup as it was given, without needless space.
    setup_text: String,
    acts: Vec<Recorded>,
    moment: Moment,
    checkpoints: Checkpoints,
    /// The furthest place on this line of history.
    end: Place,
    logbook: Logbook,
    marked: String,
    /// What a reader of its link should know.
    note: Option<String>,
}

impl Lab {
    /// A room that has just been opened.
    pub fn new(setup: &str) -> Result<Lab, String> {
        let value: Value =
            serde_json::from_str(setup).map_err(|error| format!("This is no setup of a lab: {error}."))?;
        let parsed = Setup::parse(setup)?;
        let mut moment = Moment::first(&parsed)?;
        let mut logbook = Logbook::default();
        logbook.take(&mut moment);
        Ok(Lab {
            setup: parsed,
            setup_text: value.to_string(),
            acts: Vec::new(),
            checkpoints: Checkpoints::from(&moment),
            end: moment.place(),
            moment,
            logbook,
            marked: String::new(),
            note: None,
        })
    }

    /// Milliseconds since the room was opened.
    pub fn now(&self) -> u64 {
        self.moment.now()
    }

    /// The furthest time reached on this line of history.
    pub fn end(&self) -> u64 {
        self.end.ms
    }

    /// A small text of the page's own, carried in links.
    pub fn mark(&mut self, page_state: &str) -> Result<(), String> {
        if page_state.len() > MARK_BYTES_MAX {
            return Err(format!("A mark has at most {MARK_BYTES_MAX} bytes, and this has {}.", page_state.len()));
        }
        page_state.clone_into(&mut self.marked);
        Ok(())
    }

    /// That text.
    pub fn marked(&self) -> &str {
        &self.marked
    }

    /// Do something, now. Time does not pass. What is in the future of now is dropped first, for it may not come to
    /// pass any more. The number of the request that it made, if it made one, as JSON.
    pub fn act(&mut self, step: &str) -> Result<String, String> {
        let (act, text) = Act::parse(step)?;
        if self.moment.acts_done >= ACTS_MAX {
            return Err(format!("A lab has at most {ACTS_MAX} steps: fork it, or begin anew."));
        }
        // Half of it may be done before it turns out to make no sense.
        let before = self.moment.clone();
        let place = self.moment.place();
        match self.moment.act(&act, &self.setup) {
            Ok(asked) => {
                self.drop_future(&before);
                self.acts.push(Recorded { place, text: text.clone(), act });
                self.logbook.on_act(&mut self.moment, &text);
                self.end = self.moment.place();
                Ok(asked.map_or(json!({}), |id| json!({ "request": id.0 })).to_string())
            }
            Err(mistake) => {
                self.moment = before;
                Err(format!("This cannot be done: {mistake}."))
            }
        }
    }

    /// An independent copy.
    pub fn fork(&self) -> Lab {
        self.clone()
    }

    /// A hash of everything that has come out of any node, as 16 hexadecimal digits.
    pub fn trace(&self) -> String {
        format!("{:016x}", self.moment.play.soak.world.trace())
    }

    /// The bugs that can be planted, as JSON.
    pub fn plants() -> String {
        plants::all().to_string()
    }

    /// All that there is now, as JSON, in the way that a view asks for.
    pub fn state(&self, view: &str) -> Result<String, String> {
        let view = View::parse(view)?;
        self.state_of(&view).map(|state| state.to_string())
    }

    /// Entries of the log from this number on, as JSON.
    pub fn log(&self, since: u64) -> String {
        self.logbook.entries(&self.moment, since).to_string()
    }

    /// The space-time diagram of a span, as JSON.
    pub fn diagram(&self, from_ms: u64, to_ms: u64) -> String {
        self.logbook.diagram(&self.moment, from_ms, to_ms).to_string()
    }

    /// Whether something holds now.
    pub fn holds(&self, expect: &Value) -> Result<Result<(), String>, String> {
        let expect: Expect = serde_json::from_value(expect.clone())
            .map_err(|error| format!("This is nothing that can be expected: {error}."))?;
        self.look(&expect)
    }

    fn look(&self, expect: &Expect) -> Result<Result<(), String>, String> {
        self.moment.play.look(expect).map_err(|mistake| format!("This cannot be expected: {mistake}."))
    }
}

#[cfg(test)]
mod tests;
