//! Going to another point of time: forwards by ticks, backwards by a checkpoint and ticks.
//!
//! What is lived through again was judged the first time, and is not judged again: it was found to be right, for what
//! is wrong ends a history.
//!
//! Checkpoints are clones of moments, evenly apart. When there are too many of them, or they take too much memory,
//! every other one goes and the next come twice as far apart. So an hour has a hundred of them, and a scrub replays a
//! quarter of a minute. Whoever drags the slider asks for one moment after another of the same stretch: of one that is
//! gone back to twice in a row a few moments more are kept.

use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Value, json};

use roundtable_core::id::RequestId;

use super::moment::{Moment, Place, Tick};
use super::{END_MS_MAX, Lab};
use crate::scenario::Expect;

/// So many checkpoints are kept.
const CHECKPOINTS_MAX: usize = 128;
/// So many bytes of them, by an estimate.
const BYTES_MAX: usize = 448 * 1_024 * 1_024;
/// How far apart they are at first.
const SPACING_MS: u64 = 2_000;
/// Into so many parts a stretch is divided that is gone back to again and again.
const PARTS: u64 = 4;
/// A part is no shorter.
const PART_MS_MIN: u64 = 1_000;
/// After so many ticks a caller's patience is asked after.
const PATIENCE_TICKS: u32 = 64;

/// Moments to come back to, the first among them.
#[derive(Debug, Clone)]
pub(super) struct Checkpoints {
    /// Shared with forks.
    kept: Vec<(Rc<Moment>, usize)>,
    spacing_ms: u64,
    /// Moments between one of the kept and the next, in order.
    between: Vec<Rc<Moment>>,
    /// Where the stretch begins that was last gone back to, and whether it was twice in a row.
    dragged: (Option<u64>, bool),
}

impl Checkpoints {
    pub(super) fn from(first: &Moment) -> Checkpoints {
        Checkpoints {
            kept: vec![(Rc::new(first.clone()), first.bytes())],
            spacing_ms: SPACING_MS,
            between: Vec::new(),
            dragged: (None, false),
        }
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

    /// How many of the kept are not after this time.
    fn kept_until(&self, ms: u64) -> usize {
        self.kept.partition_point(|(moment, _)| moment.now() <= ms)
    }

    /// Somebody goes back to this time. A clone takes as long as seconds of a room: for who comes once, none is made.
    fn go_back(&mut self, ms: u64) {
        let begin = self.kept[self.kept_until(ms).saturating_sub(1)].0.now();
        self.dragged = (Some(begin), self.dragged.0 == Some(begin));
    }

    /// Keep a moment that is lived through again, for whoever comes back to this stretch.
    fn offer_again(&mut self, moment: &Moment) {
        if !self.dragged.1 {
            return;
        }
        let later = self.kept_until(moment.now());
        if self.between.first().is_some_and(|first| self.kept_until(first.now()) != later) {
            self.between.clear();
        }
        let part_ms = (self.spacing_ms / PARTS).max(PART_MS_MIN);
        let place = self.between.partition_point(|known| known.now() <= moment.now());
        let before = self.between[..place].last().or(self.kept[..later].last().map(|(kept, _)| kept));
        let after = self.between.get(place).or(self.kept.get(later).map(|(kept, _)| kept));
        if before.is_none_or(|before| moment.now() >= before.now() + part_ms)
            && after.is_none_or(|after| moment.now() + part_ms <= after.now())
        {
            self.between.insert(place, Rc::new(moment.clone()));
        }
    }

    /// The last moment not after this time.
    fn before(&self, ms: u64) -> Rc<Moment> {
        let kept = &self.kept[self.kept_until(ms).saturating_sub(1)].0;
        let between = self.between.iter().rev().find(|moment| moment.now() <= ms && moment.now() > kept.now());
        Rc::clone(between.unwrap_or(kept))
    }

    /// Only what lies before this moment, or is it.
    pub(super) fn truncate(&mut self, moment: &Moment) {
        let is_past = |kept: &Moment| kept.ticks <= moment.ticks && kept.acts_done <= moment.acts_done;
        self.kept.retain(|(kept, _)| is_past(kept));
        self.between.retain(|kept| is_past(kept));
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
        self.checkpoints.go_back(ms);
        let from = self.checkpoints.before(ms);
        if ms < self.now() || from.now() > self.now() {
            self.moment = Moment::clone(&from);
        }
        let to = if ms == self.end.ms { self.end } else { Place::after(ms) };
        self.forward(to, &mut || true, &mut |_, _| false);
        self.checkpoints.dragged.1 = false;
    }

    /// What was done and seen after this moment never was.
    pub(super) fn drop_future(&mut self, before: &Moment) {
        self.acts.truncate(before.acts_done);
        self.checkpoints.truncate(before);
        self.logbook.truncate(before);
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
            while let Some(tick) = self.moment.tick(next, self.end) {
                self.logbook.on_tick(&mut self.moment, &tick);
                match tick {
                    Tick::Look if self.moment.place() > self.end => self.checkpoints.offer(&self.moment),
                    Tick::Look => self.checkpoints.offer_again(&self.moment),
                    _ => {}
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
            self.logbook.on_act(&mut self.moment, &recorded.text);
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

    /// About how much memory it takes beside what it shares with others: the ring, and values and clocks that are not
    /// changed.
    pub(super) fn bytes(&self) -> usize {
        let world = &self.play.soak.world;
        let tabs = world.hosts.len();
        let held: u64 = world.alive().iter().map(|&at| world.node(at).view().metrics().bytes).sum();
        let rows: usize = world.hosts.iter().map(|host| host.disk.bytes()).sum();
        // What tabs have told of is shared.
        let replies: usize = world.hosts.iter().map(|host| host.replies.len()).sum();
        // Each knows something of every other.
        let nodes = tabs * (40_000 + 1_200 * tabs);
        nodes + held as usize * 2 + rows + replies * 500 + self.play.soak.oracle.len() * 300
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
        assert!(apart <= lab.checkpoints.spacing_ms && apart <= 20 * 60 * 1_000 / 60, "{apart} ms of {at:?}");
        assert_eq!(at.first(), Some(&0), "there is always a way back to the beginning");
    }

    #[test]
    fn of_a_stretch_that_is_looked_at_again_a_few_moments_are_kept_and_no_other_is_reached_by_them() {
        let mut lab = lab(4, 3);
        lab.run(20 * 60 * 1_000, || true);
        let apart = lab.checkpoints.spacing_ms;
        let trace_at = |lab: &mut Lab, ms: u64| {
            lab.seek(ms);
            (lab.now(), lab.moment.play.soak.world.trace())
        };
        let base = lab.checkpoints.before(600_000).now();
        let wanted = [10, 11, 12, 13].map(|part| base + part * apart / 16);
        let mut fresh = lab.fork();
        let first: Vec<_> = wanted.iter().map(|&ms| trace_at(&mut fresh.fork(), ms)).collect();
        fresh.seek(base + apart - 1);
        assert_eq!(fresh.checkpoints.between.len(), 0, "none for who comes once");
        fresh.seek(base + apart - 2);
        let between = fresh.checkpoints.between.len();
        assert!((2..PARTS as usize).contains(&between), "{between} of a stretch of {apart} ms");
        for (&ms, expected) in wanted.iter().zip(&first) {
            let from = fresh.checkpoints.before(ms).now();
            assert!(from > ms.saturating_sub(apart / 2), "{from} for {ms}");
            assert_eq!(trace_at(&mut fresh, ms), *expected);
        }
        fresh.seek(300_000);
        fresh.seek(299_999);
        fresh.run(apart, || true);
        let is_near = |moment: &Rc<Moment>| moment.now() < 300_000 + 2 * apart;
        assert!(fresh.checkpoints.between.iter().all(is_near), "those of another stretch are let go");
        assert!(fresh.checkpoints.between.len() <= PARTS as usize);
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
