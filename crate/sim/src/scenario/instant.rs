//! Steps that let no time pass: what the lab takes from a page.
//!
//! A scenario's step may wait: a put for its receipt, a close for the last words to arrive. Where a person holds the
//! time in hand, nothing may move by itself, so requests are only asked here, and who says goodbye ends a little later,
//! as one more thing that happens. Steps that are nothing but time (`run`, `wait`) make no sense here and say so.
//!
//! Whatever is written is a mistake in words or it is taken: the world's own calls trust their callers, so numbers are
//! bounded here.

use std::collections::BTreeSet;

use roundtable_core::coordinator::{Level, ReadReply};
use roundtable_core::id::{Key, RequestId};

use super::data::{Names, Network, Step};
use super::names::Mistake;
use super::play::Play;

/// The longest span in a step.
const SPAN_MS_MAX: u64 = 24 * 60 * 60 * 1_000;
/// How far clocks may be put, in days.
const DAYS_MAX: i64 = 4_000;
/// How many rounds a loop may have.
const ROUNDS_MAX: u64 = 1_000;
/// How long a value may be, in bytes.
const VALUE_BYTES_MAX: usize = 1_024;
/// How often a link may come and go in one step.
const FLAPS_MAX: u32 = 100;

/// What was asked by a step, and at which tab.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) tab: usize,
    pub(crate) id: RequestId,
    pub(crate) kind: &'static str,
    pub(crate) key: Key,
    /// `None`: that of the tab.
    pub(crate) level: Option<Level>,
}

impl Play {
    /// Take a step without letting time pass. What it asks is told.
    pub(crate) fn instant(&mut self, step: &Step, told: &mut Vec<Asked>) -> Result<(), Mistake> {
        check(step)?;
        match step {
            Step::Put(put) => told.push(self.ask_put(put)?),
            Step::Get(get) => told.push(self.ask_get(get)?),
            Step::Delete(delete) => told.push(self.ask_delete(delete)?),
            Step::Update(update) => told.push(self.ask_update(update)?),
            Step::Close(names) => {
                for at in self.open_tabs(names)? {
                    self.close_soon(at);
                }
            }
            Step::Leave(leave) => self.leave_soon(&leave.tab)?,
            Step::Repeat(repeat) => {
                for round in 0..repeat.times {
                    self.cast.enter(&repeat.r#as, round);
                    let outcome = repeat.steps.iter().try_for_each(|step| self.instant(step, told));
                    self.cast.leave();
                    outcome?;
                }
            }
            // A get that is not waited for shows nothing, and no other step has more to say than what it does.
            other => self.take(other).map_err(|stop| match stop {
                super::play::Stop::Mistake(mistake) => mistake,
                super::play::Stop::Found => "it is over".into(),
            })?,
        }
        Ok(())
    }

    /// A tab says goodbye, and ends when that has arrived.
    fn close_soon(&mut self, at: usize) {
        if self.soak.twins.contains(&at) {
            self.soak.world.crash(at);
            self.soak.on_ended(at);
        } else {
            self.soak.world.close_soon(at);
        }
    }

    /// A tab is to leave for good; what comes of it is seen later.
    pub(crate) fn leave_soon(&mut self, tab: &str) -> Result<(), Mistake> {
        let at = self.open_tab(tab)?;
        if self.soak.world.twins(at).len() > 1 {
            return Err(format!("{tab:?} runs twice: neither of the two can speak for both"));
        }
        self.soak.leave(at);
        Ok(())
    }
}

impl Play {
    /// A get that nobody waited for was answered: a later write may have seen it.
    pub(crate) fn remember_read(&mut self, tab: usize, id: RequestId, read: &ReadReply) {
        if let Some(key) = self.keys_read.get(&id) {
            self.last_read.insert((tab, key.clone()), read.context.clone());
        }
    }

    /// The puts that updates have made since the last call.
    pub(crate) fn take_updated(&mut self) -> Vec<Asked> {
        std::mem::take(&mut self.updated).into_values().collect()
    }

    /// The requests that have a name.
    pub(crate) fn named(&self) -> BTreeSet<RequestId> {
        self.asked.values().map(|(_, id)| *id).collect()
    }
}

/// Whether a step takes no time, and has no number that is too large.
fn check(step: &Step) -> Result<(), Mistake> {
    let within = |what: &str, ms: u64| match ms {
        0..=SPAN_MS_MAX => Ok(()),
        _ => Err(format!("{what} of {ms} ms is longer than a day; say at most {SPAN_MS_MAX}")),
    };
    match step {
        Step::Run(_) | Step::Settle(_) | Step::Wait(_) | Step::Await(_) | Step::Reload(_) => {
            Err("this step lets time pass; take one that does not, and let time pass by itself".into())
        }
        Step::Note(_) | Step::Expect(_) => Err("this step does nothing here; write what is to happen".into()),
        Step::Put(put) => {
            within("a time to live", put.ttl.unwrap_or(0))?;
            within("a timeout", put.timeout.unwrap_or(0))?;
            match (put.value.len(), put.met) {
                (VALUE_BYTES_MAX.., _) => Err(format!("a value here has fewer than {VALUE_BYTES_MAX} bytes")),
                (_, Some(_)) => Err(UNANSWERED.into()),
                _ => Ok(()),
            }
        }
        Step::Get(get) => {
            within("a timeout", get.timeout.unwrap_or(0))?;
            if get.met.is_some() || get.shows.is_some() { Err(UNANSWERED.into()) } else { Ok(()) }
        }
        Step::Delete(delete) => {
            within("a timeout", delete.timeout.unwrap_or(0))?;
            if delete.met.is_some() { Err(UNANSWERED.into()) } else { Ok(()) }
        }
        Step::Update(update) => match (update.add.len(), update.met) {
            (VALUE_BYTES_MAX.., _) => Err(format!("an item here has fewer than {VALUE_BYTES_MAX} bytes")),
            (_, Some(_)) => Err(UNANSWERED.into()),
            _ => Ok(()),
        },
        Step::Repeat(repeat) if repeat.times > ROUNDS_MAX => {
            Err(format!("{} rounds are too many; say at most {ROUNDS_MAX}", repeat.times))
        }
        Step::Repeat(repeat) => match repeat.steps.iter().any(|step| matches!(step, Step::Repeat(_))) {
            true => Err("a loop here has no loop within".into()),
            false => repeat.steps.iter().try_for_each(check),
        },
        Step::Throttle(throttle) => within("a grid of timers", throttle.ms),
        Step::Clog(clog) => within("a clog", clog.ms),
        Step::Flap(flap) if flap.times > FLAPS_MAX || flap.ms == 0 => {
            Err(format!("a link comes and goes at most {FLAPS_MAX} times, with at least 1 ms between"))
        }
        Step::Flap(flap) => within("a pause", flap.ms),
        Step::Clock(clock) if clock.hours.unsigned_abs() > 24 * DAYS_MAX.unsigned_abs() => Err(too_far()),
        Step::Days(days) if days.unsigned_abs() > DAYS_MAX.unsigned_abs() => Err(too_far()),
        Step::Network(network) => network.check(),
        Step::Partition(groups) => {
            let mut names: Vec<&String> = groups.iter().flatten().collect();
            names.sort();
            match names.windows(2).find(|two| two[0] == two[1]) {
                Some(two) => Err(format!("{:?} cannot be on two sides", two[0])),
                None => Ok(()),
            }
        }
        Step::Mute(ways) => {
            let is_both = |name: &str| Names::iter(&ways.to).any(|other| other == name);
            match ways.from.iter().find(|name| is_both(name)) {
                Some(name) => Err(format!("{name:?} always hears itself")),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

const UNANSWERED: &str = "what is only asked is not met and shows nothing yet; leave out `met` and `shows`";

fn too_far() -> Mistake {
    format!("clocks are put by at most {DAYS_MAX} days")
}

impl Network {
    /// Whether a network can be so.
    pub(crate) fn check(&self) -> Result<(), Mistake> {
        let shares = [self.lost, self.doubled, self.reordered, self.late];
        if shares.iter().any(|share| *share > 100) {
            return Err("of a hundred frames at most a hundred are lost, doubled, reordered or late".into());
        }
        let (from, to) = self.latency.unwrap_or((1, 1));
        if from > to || to > 60_000 || self.throttled_late > 60_000 {
            return Err("a frame is on its way from a shorter to a longer span, of at most a minute".into());
        }
        if self.lane_bytes == Some(0) {
            return Err("a lane that carries nothing is a cut; say at least 1 byte in a millisecond".into());
        }
        Ok(())
    }
}
