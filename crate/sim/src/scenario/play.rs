//! A scenario with a seed, step by step.

use std::collections::{BTreeMap, BTreeSet};

use roundtable_core::clock::VersionVector;
use roundtable_core::coordinator::Request;
use roundtable_core::id::{Key, Pin, RequestId};
use roundtable_core::planted::Planted;

use super::data::{Adopt, DropRelayed, Duplicate, Leave, Names, Network, Pair, Repeat, Scenario, Step, Wait};
use super::instant::Asked;
use super::names::{Cast, Mistake};
use super::requests::Updating;
use crate::soak::{Plan, Soak, Tight};
use crate::{CrashPoint, Tuning};

/// How long the first tabs may take to be meshed and settled.
const FIRST_MS: u64 = 60_000;
/// How long a leave may take: longer than until it is called off.
const LEAVE_MS: u64 = 40_000;
/// How often identities are drawn anew, if no key lies where one should: few seeds need it.
const CASTS_MAX: u64 = 20;
/// How often is looked at what is waited for.
const LOOK_MS: u64 = 20;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const HOUR_MS: i64 = 60 * 60 * 1_000;

/// One play.
#[derive(Debug, Clone)]
pub(crate) struct Play {
    pub(crate) soak: Soak,
    pub(crate) cast: Cast,
    /// Named requests, and the tabs that they were made at.
    pub(super) asked: BTreeMap<String, (usize, RequestId)>,
    pub(super) keys_read: BTreeMap<RequestId, Key>,
    /// The contexts of the last gets that were waited for.
    pub(super) last_read: BTreeMap<(usize, Key), VersionVector>,
    pub(super) updating: Vec<Updating>,
    /// The puts that updates made, by their reads.
    pub(super) updated: BTreeMap<RequestId, Asked>,
    /// All items that updates added.
    pub(super) added: BTreeMap<Key, BTreeSet<String>>,
    /// How many events each tab had told of, and how many rows of data each disk had changed, at the last mark.
    pub(super) marked: BTreeMap<usize, (usize, u64)>,
    /// Where in the file it is, by the numbers of steps from 1 on; the last note.
    at: Vec<usize>,
    note: String,
    stops_at_first: bool,
}

/// Why no further step is taken.
pub(crate) enum Stop {
    /// The step makes no sense.
    Mistake(Mistake),
    /// It was to end at the first violation.
    Found,
}

impl From<Mistake> for Stop {
    fn from(mistake: Mistake) -> Stop {
        Stop::Mistake(mistake)
    }
}

impl Play {
    pub(super) fn new(scenario: &Scenario, seed: u64, planted: Planted, is_traced: bool) -> Play {
        let (mut soak, mut cast) = casting(scenario, seed, planted);
        for number in 1..CASTS_MAX {
            if cast.choose_keys(scenario, &soak.world).is_ok() {
                break;
            }
            (soak, cast) = casting(scenario, seed ^ (number << 48), planted);
        }
        if is_traced {
            soak.world.outputs.keep_lines();
        }
        Play { stops_at_first: planted != Planted::default(), ..Play::on(soak, cast) }
    }

    /// A stage on which nothing has happened.
    pub(crate) fn on(soak: Soak, cast: Cast) -> Play {
        Play {
            soak,
            cast,
            asked: BTreeMap::new(),
            keys_read: BTreeMap::new(),
            last_read: BTreeMap::new(),
            updating: Vec::new(),
            updated: BTreeMap::new(),
            added: BTreeMap::new(),
            marked: BTreeMap::new(),
            at: Vec::new(),
            note: String::new(),
            stops_at_first: false,
        }
    }

    /// Play all of it. Tells what makes no sense, if anything.
    pub(super) fn run(&mut self, scenario: &Scenario) -> Option<Mistake> {
        match self.play(scenario) {
            Err(Stop::Mistake(mistake)) => Some(format!("{}: {mistake}", self.place())),
            Ok(()) | Err(Stop::Found) => None,
        }
    }

    fn play(&mut self, scenario: &Scenario) -> Result<(), Stop> {
        self.cast.choose_keys(scenario, &self.soak.world)?;
        for name in scenario.devices.iter().flatten().filter(|name| !scenario.later.contains(name)) {
            let at = self.cast.tab(name)?;
            self.soak.world.reopen(at);
        }
        self.settle(FIRST_MS);
        self.steps(&scenario.steps)?;
        self.finish_updates();
        self.note = "in the end".into();
        self.soak.make_peace();
        self.stop_if_found()?;
        self.steps(&scenario.end)?;
        self.soak.judge();
        Ok(())
    }

    /// Where in the file it is, for people.
    pub(super) fn place(&self) -> String {
        let numbers: Vec<String> = self.at.iter().map(usize::to_string).collect();
        match (numbers.is_empty(), self.note.is_empty()) {
            (true, true) => "at first".into(),
            (true, false) => self.note.clone(),
            (false, true) => format!("step {}", numbers.join(".")),
            (false, false) => format!("{}, step {}", self.note, numbers.join(".")),
        }
    }

    /// What was found: violations, the hash of the trace, its lines.
    pub(super) fn found(&mut self) -> (Vec<String>, u64, Vec<String>) {
        let violations = self.soak.oracle.violations().to_vec();
        (violations, self.soak.world.trace(), self.soak.world.outputs.take_lines())
    }

    pub(super) fn accuse(&mut self, what: String) {
        let place = self.place();
        self.soak.oracle.accuse(format!("{place}: {what}"));
    }

    fn stop_if_found(&self) -> Result<(), Stop> {
        let is_over = self.stops_at_first && !self.soak.oracle.violations().is_empty();
        if is_over { Err(Stop::Found) } else { Ok(()) }
    }

    fn steps(&mut self, steps: &[Step]) -> Result<(), Stop> {
        for (index, step) in steps.iter().enumerate() {
            self.at.push(index + 1);
            self.take(step)?;
            self.stop_if_found()?;
            self.at.pop();
        }
        Ok(())
    }

    pub(super) fn take(&mut self, step: &Step) -> Result<(), Stop> {
        match step {
            Step::Note(note) => self.note = self.cast.text(note),
            Step::Run(ms) => self.pass(*ms),
            Step::Settle(ms) => self.settle(*ms),
            Step::Wait(wait) => self.wait(wait)?,
            Step::Repeat(repeat) => self.repeat(repeat)?,
            Step::Expect(expect) => self.expect(expect)?,
            Step::Mark => self.mark(),
            Step::Calm(is_calm) => self.soak.plan.is_calm = *is_calm,
            Step::Put(put) => self.put(put)?,
            Step::Get(get) => self.get(get)?,
            Step::Delete(delete) => self.delete(delete)?,
            Step::Update(update) => self.update(update)?,
            Step::Pin(tabs) => self.pin(tabs, |pin| Request::Pin { pin })?,
            Step::Unpin(tabs) => self.pin(tabs, |pin| Request::Unpin { pin })?,
            Step::Await(awaited) => self.await_answer(awaited)?,
            Step::Clock(clock) => {
                for at in self.cast.tabs(&clock.tabs)? {
                    self.soak.world.set_clock(at, clock.hours * HOUR_MS);
                }
            }
            Step::Days(days) => self.days(*days),
            Step::Network(network) => self.network(network),
            Step::Partition(_) | Step::Bridge(_) | Step::Majorities | Step::Mute(_) | Step::Clog(_) => {
                self.strain(step)?;
            }
            Step::Flap(_) | Step::HangUp(_) | Step::DropRelayed(_) | Step::Heal | Step::Introduce(_) => {
                self.strain(step)?
            }
            _ => self.tab_step(step)?,
        }
        Ok(())
    }

    fn repeat(&mut self, repeat: &Repeat) -> Result<(), Stop> {
        for round in 0..repeat.times {
            self.cast.enter(&repeat.r#as, round);
            let outcome = self.steps(&repeat.steps);
            self.cast.leave();
            outcome?;
        }
        Ok(())
    }

    fn wait(&mut self, wait: &Wait) -> Result<(), Mistake> {
        let end = self.soak.world.now + wait.ms;
        loop {
            let held = self.look(&wait.what)?;
            match held {
                Ok(()) => return Ok(()),
                Err(what) if self.soak.world.now >= end => {
                    self.accuse(format!("after {} ms: {what}", wait.ms));
                    return Ok(());
                }
                Err(_) => self.pass(LOOK_MS),
            }
        }
    }

    fn settle(&mut self, ms: u64) {
        if !self.pass_until(ms, |play| play.soak.world.is_settled()) {
            let what = self.soak.world.unsettled();
            self.accuse(format!("not settled after {ms} ms: {what}"));
        }
    }

    /// Let time pass, and look at whatever is answered in the moment it is.
    pub(super) fn pass(&mut self, ms: u64) {
        self.pass_until(ms, |_| false);
    }

    /// Let time pass until something holds, at most so long. Tells whether it holds.
    pub(super) fn pass_until(&mut self, ms: u64, holds: impl Fn(&Play) -> bool) -> bool {
        let end = self.soak.world.now + ms;
        loop {
            self.soak.take_news();
            self.go_on_with_updates();
            if holds(self) {
                return true;
            }
            let left = end.since(self.soak.world.now);
            let has_news = self.soak.world.run_until(left.min(LOOK_MS), |world| !world.news.is_empty());
            if !has_news {
                // Nothing was due, and the world's clock stands at the last thing that was.
                let to = (self.soak.world.now + left.min(LOOK_MS)).min(end);
                self.soak.world.run_for(to.since(self.soak.world.now));
            }
            if self.soak.world.now >= end && self.soak.world.news.is_empty() {
                self.soak.look_at_members();
                self.soak.look_at_hints();
                return holds(self);
            }
        }
    }

    /// Updates that were not waited for come to an end.
    fn finish_updates(&mut self) {
        self.pass_until(FIRST_MS, |play| play.updating.is_empty());
        if !self.updating.is_empty() {
            self.accuse(format!("{} updates have not read", self.updating.len()));
        }
    }

    fn pin(&mut self, tabs: &Names, request: fn(Pin) -> Request) -> Result<(), Mistake> {
        for at in self.cast.tabs(tabs)? {
            let pin = Pin::new(self.cast.bucket, "").map_err(|error| error.to_string())?;
            self.soak.world.request(at, request(pin));
        }
        Ok(())
    }

    fn days(&mut self, days: i64) {
        for at in 0..self.soak.world.hosts.len() {
            let skew_ms = self.soak.world.skew(at) + days * DAY_MS;
            self.soak.world.set_clock(at, skew_ms);
        }
    }

    pub(crate) fn network(&mut self, network: &Network) {
        let usual = Tuning::default();
        let tuning = &mut self.soak.world.tuning;
        tuning.loss_percent = network.lost;
        tuning.duplicate_percent = network.doubled;
        tuning.reorder_percent = network.reordered;
        tuning.spike_percent = network.late;
        tuning.latency_ms = network.latency.unwrap_or(usual.latency_ms);
        tuning.throttled_late_ms = network.throttled_late;
        tuning.lane_bytes_per_ms = network.lane_bytes;
    }

    pub(crate) fn pair(&self, pair: &Pair) -> Result<(usize, usize), Mistake> {
        match (self.cast.tab(&pair.0)?, self.cast.tab(&pair.1)?) {
            (a, b) if a == b => Err(format!("{:?} has no link with itself", pair.0)),
            two => Ok(two),
        }
    }

    /// What happens to links.
    fn strain(&mut self, step: &Step) -> Result<(), Mistake> {
        match step {
            Step::Partition(groups) => {
                let of = |group: &Vec<String>| group.iter().map(|name| self.cast.tab(name)).collect();
                let groups = groups.iter().map(of).collect::<Result<Vec<Vec<usize>>, Mistake>>()?;
                let groups: Vec<&[usize]> = groups.iter().map(Vec::as_slice).collect();
                self.soak.world.partition(&groups);
            }
            Step::Bridge(tab) => self.soak.world.partition_bridge(self.cast.tab(tab)?),
            Step::Majorities => self.soak.world.partition_majorities(),
            Step::Mute(ways) => {
                for from in self.cast.tabs(&ways.from)? {
                    for to in self.cast.tabs(&ways.to)? {
                        self.soak.world.mute(from, to);
                    }
                }
            }
            Step::Clog(clog) => {
                let (a, b) = self.pair(&clog.between)?;
                self.soak.world.clog(a, b, clog.ms);
            }
            Step::Flap(flap) => {
                let (a, b) = self.pair(&flap.between)?;
                self.soak.world.flap(a, b, flap.ms, flap.times);
            }
            Step::HangUp(pair) => {
                let (a, b) = self.pair(pair)?;
                self.soak.world.hang_up(a, b);
            }
            Step::DropRelayed(DropRelayed { tabs, percent }) => {
                let tabs = self.cast.tabs(tabs)?;
                tabs.into_iter().for_each(|at| self.soak.world.drop_relayed(at, *percent));
            }
            Step::Introduce(names) => {
                for at in self.cast.tabs(names)? {
                    self.soak.world.introduce(at);
                }
            }
            _ => {
                let count = self.soak.world.hosts.len();
                (0..count).for_each(|a| (a + 1..count).for_each(|b| self.soak.world.heal(a, b)));
            }
        }
        Ok(())
    }

    /// What happens to tabs.
    fn tab_step(&mut self, step: &Step) -> Result<(), Mistake> {
        match step {
            Step::Open(names) => {
                for at in self.closed_tabs(names)? {
                    self.soak.world.reopen(at);
                }
            }
            Step::Adopt(Adopt { tab, from }) => {
                let (at, from) = (self.closed_tabs(&Names::One(tab.clone()))?, self.closed_tabs(from)?);
                at.iter().for_each(|&at| self.soak.world.reopen_adopting(at, &from));
            }
            Step::Close(names) => {
                for at in self.open_tabs(names)? {
                    self.soak.world.close(at);
                    self.soak.on_ended(at);
                }
            }
            Step::Leave(leave) => self.leave(leave)?,
            Step::Reload(reload) => {
                let tabs = self.open_tabs(&reload.tabs)?;
                tabs.iter().for_each(|&at| self.soak.world.close(at));
                self.pass(reload.ms);
                tabs.iter().for_each(|&at| self.soak.world.reopen(at));
            }
            Step::Crash(names) => {
                for at in self.open_tabs(names)? {
                    self.soak.world.crash(at);
                    self.soak.on_ended(at);
                }
            }
            Step::CrashInPersist(crash) => {
                let point = if crash.is_kept { CrashPoint::AfterApply } else { CrashPoint::BeforeApply };
                let tabs = self.open_tabs(&crash.tabs)?;
                tabs.into_iter().for_each(|at| self.soak.world.crash_in_persist(at, point));
            }
            Step::Wipe(names) => {
                for at in self.closed_tabs(names)? {
                    self.soak.wipe(at);
                }
            }
            Step::RollBack(back) => {
                self.soak.take_news();
                for at in self.closed_tabs(&Names::One(back.tab.clone()))? {
                    let is_back = match back.batches {
                        Some(batches) => self.soak.world.roll_back(at, batches) > 0,
                        None => self.soak.world.roll_back_to_opening(at),
                    };
                    if !is_back {
                        return Err("there was nothing to take back".into());
                    }
                    self.soak.forget_lost(at);
                }
            }
            Step::FullDisk(names) | Step::FreeDisk(names) => {
                for at in self.cast.tabs(names)? {
                    self.soak.world.hosts[at].disk_full = matches!(step, Step::FullDisk(_));
                }
            }
            Step::FailDisk(fail) => {
                for at in self.cast.tabs(&fail.tabs)? {
                    self.soak.world.hosts[at].disk_fails = fail.batches;
                }
            }
            Step::Freeze(names) => self.open_tabs(names)?.into_iter().for_each(|at| self.soak.world.freeze(at)),
            Step::Resume(names) => self.open_tabs(names)?.into_iter().for_each(|at| self.soak.world.resume(at)),
            Step::Throttle(throttle) => {
                let tabs = self.open_tabs(&throttle.tabs)?;
                tabs.into_iter().for_each(|at| self.soak.world.throttle(at, throttle.ms));
            }
            Step::Duplicate(Duplicate { tab, twin, at_opening }) => {
                let (at, world) = (self.open_tab(tab)?, &mut self.soak.world);
                let twin_at = if *at_opening { world.duplicate_opening(at) } else { world.duplicate(at) };
                let twin_at = twin_at.ok_or("a clean database is not duplicated")?;
                self.soak.twins.insert(twin_at);
                self.cast.name_tab(twin, twin_at)?;
            }
            other => unreachable!("{other:?} is taken elsewhere"),
        }
        Ok(())
    }

    fn leave(&mut self, leave: &Leave) -> Result<(), Mistake> {
        let (at, id) = (self.open_tab(&leave.tab)?, self.soak.world.next_request());
        self.soak.leave(at);
        self.pass_until(LEAVE_MS, |play| play.soak.world.left(at, id).is_some());
        let handed_off = self.soak.world.left(at, id);
        if handed_off != Some(leave.handed_off) {
            self.accuse(format!("{} is to leave, and has handed off: {handed_off:?}", self.cast.name_of(at)));
        }
        Ok(())
    }

    /// A tab that is open.
    pub(super) fn open_tab(&self, name: &str) -> Result<usize, Mistake> {
        let at = self.cast.tab(name)?;
        if self.soak.world.is_open(at) { Ok(at) } else { Err(format!("{name:?} is not open")) }
    }

    pub(super) fn open_tabs(&self, names: &Names) -> Result<Vec<usize>, Mistake> {
        let tabs = names.iter().map(|name| self.open_tab(name)).collect::<Result<Vec<usize>, Mistake>>()?;
        self.once_each(tabs)
    }

    /// Nobody is closed, or opened, twice in one step.
    fn once_each(&self, tabs: Vec<usize>) -> Result<Vec<usize>, Mistake> {
        match (1..tabs.len()).find(|&index| tabs[..index].contains(&tabs[index])) {
            Some(index) => Err(format!("{:?} is named twice", self.cast.name_of(tabs[index]))),
            None => Ok(tabs),
        }
    }

    fn closed_tabs(&self, names: &Names) -> Result<Vec<usize>, Mistake> {
        let tabs = self.once_each(self.cast.tabs(names)?)?;
        match tabs.iter().find(|&&at| self.soak.world.is_open(at)) {
            Some(&at) => Err(format!("{:?} is open", self.cast.name_of(at))),
            None => Ok(tabs),
        }
    }

    /// A request by its name.
    pub(super) fn asked(&self, name: &str) -> Result<(usize, RequestId), Mistake> {
        let name = self.cast.text(name);
        self.asked.get(&name).copied().ok_or_else(|| format!("nothing is called {name:?}"))
    }
}

/// The ground for a scenario, its tabs prepared.
fn casting(scenario: &Scenario, seed: u64, planted: Planted) -> (Soak, Cast) {
    let tight = Tight::default();
    let plan = Plan { seed, nodes: 0, devices: 1, keys: 1, is_calm: false, tight, acts: Vec::new() };
    let mut soak = Soak::new(plan);
    soak.world.limits.planted = planted;
    let cast = Cast::prepare(scenario, &mut soak.world);
    (soak, cast)
}
