//! Going to another point of time: forwards by ticks, backwards by a checkpoint and ticks.
//!
//! Checkpoints are clones of moments, evenly apart. When there are too many of them, or they take too much memory,
//! every other one goes and the next come twice as far apart. So an hour has some dozens, and a scrub replays half a
//! minute.

use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Value, json};

use roundtable_core::id::RequestId;

use super::moment::{Moment, Place, Tick};
use super::{END_MS_MAX, Lab};
use crate::scenario::Expect;

/// So many checkpoints are kept.
const CHECKPOINTS_MAX: usize = 64;
/// So many bytes of them, by an estimate.
const BYTES_MAX: usize = 192 * 1_024 * 1_024;
/// How far apart they are at first.
const SPACING_MS: u64 = 2_000;
/// After so many ticks a caller's patience is asked after.
const PATIENCE_TICKS: u32 = 64;

/// Moments to come back to, the first among them.
#[derive(Debug, Clone)]
pub(super) struct Checkpoints {
    /// Shared with forks.
    kept: Vec<(Rc<Moment>, usize)>,
    spacing_ms: u64,
}

impl Checkpoints {
    pub(super) fn from(first: &Moment) -> Checkpoints {
        Checkpoints { kept: vec![(Rc::new(first.clone()), first.bytes())], spacing_ms: SPACING_MS }
    }

    /// Keep a moment, if the last one kept is long ago.
    fn offer(&mut self, moment: &Moment) {
        let last = self.kept.last().map_or(0, |(last, _)| last.now());
        if moment.now() < last + self.spacing_ms {
            return;
        }
        self.kept.push((Rc::new(moment.clone()), moment.bytes()));
        let bytes = |kept: &[(Rc<Moment>, usize)]| kept.iter().map(|(_, bytes)| bytes).sum::<usize>();
        while self.kept.len() > 2 && (self.kept.len() > CHECKPOINTS_MAX || bytes(&self.kept) > BYTES_MAX) {
            let mut index = 0;
            self.kept.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.spacing_ms *= 2;
        }
    }

    /// The last moment not after this one.
    fn before(&self, ms: u64) -> Rc<Moment> {
        let later = self.kept.partition_point(|(moment, _)| moment.now() <= ms);
        Rc::clone(&self.kept[later.saturating_sub(1)].0)
    }

    /// Only what lies before this moment, or is it.
    pub(super) fn truncate(&mut self, moment: &Moment) {
        self.kept.retain(|(kept, _)| kept.ticks <= moment.ticks && kept.acts_done <= moment.acts_done);
    }
}

/// Until what.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Until {
    Request(u64),
    Settled,
    Expect(Expect),
    Suspected(String),
    #[serde(rename = "next-message")]
    NextMessage,
}

impl Lab {
    /// Let time pass, until patience ends or something is broken. Tells how much has passed.
    pub fn run(&mut self, ms: u64, mut is_patient: impl FnMut() -> bool) -> u64 {
        let began = self.now();
        let to = began.saturating_add(ms).min(END_MS_MAX);
        self.forward(Place::after(to), &mut is_patient, &mut |_, _| false);
        self.now() - began
    }

    /// The next happening, in words as JSON; `None`: nothing more happens.
    pub fn step(&mut self) -> Option<String> {
        let mut done: Option<Value> = None;
        self.forward(Place::after(END_MS_MAX), &mut || true, &mut |moment, tick| {
            if matches!(tick, Tick::Look) {
                return false;
            }
            done = Some(moment.happening(tick));
            true
        });
        done.map(|done| done.to_string())
    }

    /// Let time pass until something holds, at most so long. Tells whether it holds.
    pub fn run_until(&mut self, what: &str, ms_max: u64) -> Result<bool, String> {
        let what: Value = serde_json::from_str(what).unwrap_or_else(|_| Value::String(what.to_owned()));
        let until: Until =
            serde_json::from_value(what).map_err(|error| format!("This is nothing to wait for: {error}."))?;
        if let Until::Suspected(name) = &until {
            self.moment.play.cast.tab(name).map_err(|mistake| format!("This cannot be waited for: {mistake}."))?;
        }
        if let Until::Expect(expect) = &until {
            let _ = self.look(expect)?;
        }
        if !matches!(until, Until::NextMessage) && self.moment.is_so(&until) {
            return Ok(true);
        }
        let to = self.now().saturating_add(ms_max).min(END_MS_MAX);
        let mut holds = false;
        self.forward(Place::after(to), &mut || true, &mut |moment, tick| {
            holds = match (&until, tick) {
                (Until::NextMessage, Tick::World(crate::Coming::Frame { .. })) => true,
                (Until::NextMessage, _) => false,
                // What is not told by a single happening is looked at when the checkers look.
                (Until::Settled | Until::Expect(_) | Until::Suspected(_), Tick::Look) => moment.is_so(&until),
                (Until::Request(_), _) => moment.is_so(&until),
                _ => false,
            };
            holds
        });
        Ok(holds)
    }

    /// Go to the end of a millisecond that was lived through already.
    pub fn seek(&mut self, ms: u64) {
        let ms = ms.min(self.end.ms);
        let from = self.checkpoints.before(ms);
        if ms < self.now() || from.now() > self.now() {
            self.moment = Moment::clone(&from);
        }
        let to = if ms == self.end.ms { self.end } else { Place::after(ms) };
        self.forward(to, &mut || true, &mut |_, _| false);
    }

    /// What was done and seen after this moment never was.
    pub(super) fn drop_future(&mut self, before: &Moment) {
        self.acts.truncate(before.acts_done);
        self.checkpoints.truncate(before);
        self.logbook.truncate(before.ticks, before.acts_done);
    }

    /// Go on to a place, taking the acts that lie on the way, until patience ends, something is broken, or it is
    /// `enough`.
    pub(super) fn forward(
        &mut self,
        to: Place,
        is_patient: &mut dyn FnMut() -> bool,
        is_enough: &mut dyn FnMut(&Moment, &Tick) -> bool,
    ) {
        let mut ticks = 0;
        loop {
            let act = self.acts.get(self.moment.acts_done).filter(|recorded| recorded.place <= to);
            let next = act.map_or(to, |recorded| recorded.place);
            while let Some(tick) = self.moment.tick(next) {
                self.logbook.on_tick(&mut self.moment, &tick);
                if matches!(tick, Tick::Look) && self.moment.place() > self.end {
                    self.checkpoints.offer(&self.moment);
                }
                self.end = self.end.max(self.moment.place());
                if is_enough(&self.moment, &tick) {
                    return;
                }
                ticks += 1;
                if ticks % PATIENCE_TICKS == 0 && !is_patient() {
                    return;
                }
            }
            let Some(recorded) = self.acts.get(self.moment.acts_done).filter(|recorded| recorded.place <= to) else {
                break;
            };
            if self.moment.violation.is_some() && self.moment.place() < recorded.place {
                return;
            }
            self.moment.rest_until(recorded.place.ms);
            let recorded = recorded.clone();
            // It made sense when it was done, and the same comes before it. Of a link it may make none any more.
            if self.moment.act(&recorded.act, &self.setup).is_err() {
                self.moment.acts_done += 1;
                self.note.get_or_insert_with(|| super::link::OTHER_VERSION.into());
            }
            self.logbook.on_act(&self.moment, &recorded.text);
            self.logbook.take(&mut self.moment);
        }
        self.moment.rest_until(to.ms);
        self.end = self.end.max(self.moment.place());
    }
}

impl Moment {
    /// Whether what is waited for is so now.
    fn is_so(&self, until: &Until) -> bool {
        let world = &self.play.soak.world;
        match until {
            Until::Request(id) => world.hosts.iter().any(|host| host.replies.contains_key(&RequestId(*id))),
            // Since the last act: what was just asked for has hardly begun.
            Until::Settled => self.figures.settled_since().is_some(),
            Until::Expect(expect) => self.play.look(expect).is_ok_and(|held| held.is_ok()),
            Until::Suspected(name) => self.play.cast.tab(name).is_ok_and(|about| self.is_suspected(about)),
            Until::NextMessage => false,
        }
    }

    /// Whether anybody else thinks that this tab is away.
    fn is_suspected(&self, about: usize) -> bool {
        use roundtable_core::membership::Status;
        let world = &self.play.soak.world;
        let id = world.hosts[about].id;
        world.alive().into_iter().filter(|&at| at != about).any(|at| {
            let is_away = |status: Status| matches!(status, Status::Suspect | Status::Dormant);
            world.node(at).view().members().iter().any(|member| member.id == id && is_away(member.status))
        })
    }

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let world = &self.play.soak.world;
        let alive = world.alive();
        let tokens = alive.first().map_or(0, |&at| world.node(at).view().tokens().len()) * alive.len();
        let held: u64 = alive.iter().map(|&at| world.node(at).view().metrics().bytes).sum();
        let rows: usize = world.hosts.iter().map(|host| host.disk.bytes()).sum();
        let events: usize = world.hosts.iter().map(|host| host.events.len() + 4 * host.replies.len()).sum();
        let oracle = self.play.soak.oracle.len() * 300;
        tokens * 28 + held as usize * 2 + rows + events * 120 + oracle + world.hosts.len() * 40_000
    }

    fn happening(&self, tick: &Tick) -> Value {
        let mut words = super::words::happening(self, tick);
        words["at"] = json!(self.now());
        words
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::lab;
    use super::*;

    #[test]
    fn checkpoints_stay_few_and_evenly_apart_however_long_a_lab_lives() {
        let mut lab = lab(4, 2);
        lab.run(20 * 60 * 1_000, || true);
        let at: Vec<u64> = lab.checkpoints.kept.iter().map(|(moment, _)| moment.now()).collect();
        assert!((CHECKPOINTS_MAX / 2..=CHECKPOINTS_MAX).contains(&at.len()), "{at:?}");
        let apart = at.windows(2).map(|two| two[1] - two[0]).max().unwrap_or(0);
        assert!(apart <= lab.checkpoints.spacing_ms && apart <= 20 * 60 * 1_000 / 30, "{apart} ms of {at:?}");
        assert_eq!(at.first(), Some(&0), "there is always a way back to the beginning");
    }

    #[test]
    fn checkpoints_that_take_too_much_memory_are_fewer() {
        let lab = lab(4, 2);
        let mut checkpoints = Checkpoints::from(&lab.moment);
        let mut moment = lab.moment.clone();
        for _ in 0..6 {
            moment.rest_until(moment.now() + checkpoints.spacing_ms);
            checkpoints.kept.push((Rc::new(moment.clone()), BYTES_MAX / 4));
        }
        moment.rest_until(moment.now() + checkpoints.spacing_ms);
        checkpoints.offer(&moment);
        let bytes: usize = checkpoints.kept.iter().map(|(_, bytes)| bytes).sum();
        assert!(bytes <= BYTES_MAX && checkpoints.kept.len() >= 2, "{bytes}");
        assert_eq!(checkpoints.kept[0].0.now(), 0);
    }
}
