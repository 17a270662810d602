//! Scenarios: stories of what once went wrong in systems like this one, told as data and played with many seeds.
//!
//! A soak draws what happens and can only ask what must hold always. A scenario says what happens, step by step, and
//! what must be seen there: which owners a receipt names, what a read shows while an arc is on its way, that a clean
//! read writes nothing. It is a file, `tests/scenarios/NAME.json`, so that a story can be added, read and shortened
//! without a compiler; the seed draws all the rest (identities, places on the ring, delays), so one file is many runs.
//!
//! A file names the traps it shows, tells the story, and lists its tabs by device. Keys are *chosen*: it says who is to
//! own one, and a name is found whose place on the ring is such. Its steps use the words of the soak's, with names in
//! the place of numbers, and are played on a soak's own ground without a plan: the oracle is told of every write, all
//! that the soak checks at every answer is checked here too, and in the end everything heals, all tabs come back, the
//! room must settle and the invariants must hold. The steps of `end` are taken when it has settled.
//!
//! A scenario that cannot fail shows nothing. So each names the bugs (`plants`, see `roundtable_core::planted`) under
//! which it must fail within its seeds, and a test sees to it that it does.
//!
//! What is broken is told apart from what is badly written: an expectation that does not hold is a violation; a step
//! that makes no sense (a tab that does not exist, one opened twice) is a [`Report::mistake`], and catches no bug.
//!
//! - `data`: what a file holds.
//! - `ask`: what applications ask, and must be shown.
//! - `load`: files, and what is wrong with them.
//! - `names`: tabs and keys by their names, and the choice of keys.
//! - `play`: the steps, one after the other.
//! - `requests`: how what is asked is asked.
//! - `instant`: steps that let no time pass, for the lab.
//! - `expect`: what must hold, as data.
//! - `look`: whether it does.

mod ask;
mod data;
mod expect;
mod instant;
mod load;
mod look;
mod names;
mod play;
mod requests;

pub use data::Scenario;
pub use load::{all, parse};

use std::panic::{AssertUnwindSafe, catch_unwind};

use roundtable_core::planted::Planted;

pub(crate) use ask::Wanted;
pub(crate) use data::{Network, Pair, Step};
pub(crate) use expect::Expect;
pub(crate) use instant::Asked;
pub(crate) use names::{Cast, Mistake};
pub(crate) use play::Play;
pub(crate) use requests::{text_of, texts_of};

/// What came of one scenario with one seed.
#[derive(Debug, Clone)]
pub struct Report {
    /// What did not hold.
    pub violations: Vec<String>,
    /// What makes no sense in the file; nothing after it was played.
    pub mistake: Option<String>,
    /// The hash of everything that came out of any node; 0 if one panicked.
    pub trace: u64,
    /// Every output, one a line, if they were asked for.
    pub lines: Vec<String>,
}

impl Report {
    /// Whether all that was expected was found.
    pub fn holds(&self) -> bool {
        self.violations.is_empty() && self.mistake.is_none()
    }
}

/// Play a scenario. With a bug in every node it ends at the first violation.
pub fn run(scenario: &Scenario, seed: u64, planted: Planted, is_traced: bool) -> Report {
    let mut play = Play::new(scenario, seed, planted, is_traced);
    // Nothing of a play that panicked is used again but what it had found.
    let outcome = catch_unwind(AssertUnwindSafe(|| play.run(scenario)));
    let (mut violations, mut trace, lines) = play.found();
    let mistake = match outcome {
        Ok(mistake) => mistake,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            violations.push(format!("{}: panicked: {text}", play.place()));
            trace = 0;
            None
        }
    };
    Report { violations, mistake, trace, lines }
}
