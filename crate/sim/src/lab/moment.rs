//! One moment of a lab: all that there is, and how it comes to the next.
//!
//! Time goes by *happenings*: a frame arrives, a timer fires, a disk is done; a request of the load comes; the checkers
//! look, every quarter of a second. Each is one tick, and their order follows from the moment alone, so the state after
//! so many of them is a function of the setup and the acts between. A [`Place`] names a point between two ticks: a
//! millisecond, and how many ticks of that millisecond are done. It is what acts are recorded at, and what a link goes
//! to.
//!
//! A moment can be cloned; the clones are the checkpoints of `history`. What is only kept for people to look back on is
//! not in it (`logbook`).

use std::collections::{BTreeMap, VecDeque};

use roundtable_core::coordinator::{Level, Reply};
use roundtable_core::id::{Key, RequestId};
use roundtable_core::time::Instant;

use super::OPENED_MS;
use super::act::{Act, Own};
use super::figures::Figures;
use super::load::Load;
use super::setup::{Devices, Setup};
use super::violation::{Violation, Watcher};
use crate::Coming;
use crate::scenario::{Asked, Mistake, Play};

/// How often the checkers look.
pub(super) const LOOK_MS: u64 = 250;
/// So many requests are shown.
pub(super) const REQUESTS_SHOWN: usize = 50;
/// Answers to requests that are neither shown nor named are forgotten, but for so many of each tab.
const REPLIES_MAX: usize = 32;

/// A point of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Milliseconds since the room was opened.
    pub(super) ms: u64,
    /// How many ticks of this millisecond are done.
    pub(super) nth: u32,
}

impl Place {
    /// After all that happens in this millisecond.
    pub(super) fn after(ms: u64) -> Place {
        Place { ms, nth: u32::MAX }
    }
}

/// What a tick was.
#[derive(Debug, Clone)]
pub(super) enum Tick {
    /// Something in the world.
    World(Coming),
    /// A request of the load.
    Load,
    /// The checkers looked.
    Look,
}

/// A request that is shown.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) id: RequestId,
    pub(super) at: u64,
    pub(super) tab: usize,
    pub(super) kind: &'static str,
    pub(super) key: Key,
    pub(super) level: Level,
}

/// All that there is.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    pub(super) play: Play,
    place: Place,
    /// How many acts were taken.
    pub(super) acts_done: usize,
    /// How many ticks there were.
    pub(super) ticks: u64,
    /// When the checkers look next, in the world's time.
    look_due: u64,
    load: Load,
    devices: Devices,
    /// Of requests that name none: of reads, of writes.
    levels: (Level, Level),
    pub(super) requests: VecDeque<Request>,
    /// Requests that are not answered yet: when they were asked, and of what kind.
    open: BTreeMap<RequestId, (u64, &'static str)>,
    pub(super) figures: Figures,
    pub(super) watcher: Watcher,
    pub(super) violation: Option<Violation>,
}

impl Moment {
    /// The first.
    pub(super) fn first(setup: &Setup) -> Result<Moment, String> {
        let play = setup.build()?;
        let mut moment = Moment {
            place: Place { ms: 0, nth: 0 },
            acts_done: 0,
            ticks: 0,
            look_due: OPENED_MS + LOOK_MS,
            load: Load::of(setup.seed),
            devices: Devices::of(&setup.nodes),
            levels: setup.levels(),
            requests: VecDeque::new(),
            open: BTreeMap::new(),
            figures: Figures::default(),
            watcher: Watcher::default(),
            violation: None,
            play,
        };
        moment.take_news();
        moment.figures.on_roster(&moment.play);
        Ok(moment)
    }

    /// Where it stands.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// Milliseconds since the room was opened.
    pub(super) fn now(&self) -> u64 {
        self.place.ms
    }

    /// When the next tick is, in milliseconds since the room was opened, and what it is. Of what is due at once the
    /// load comes first and the checkers last.
    fn next(&self) -> (u64, u8) {
        let world = self.play.soak.world.next_due().map_or(u64::MAX, |due| due.0);
        let soonest = [(self.load.due, 0), (world, 1), (self.look_due, 2)].into_iter().min().unwrap_or((u64::MAX, 2));
        (soonest.0.max(OPENED_MS) - OPENED_MS, soonest.1)
    }

    /// Do the next tick, if it is due by then and nothing is broken. What comes before `judged` is known to be right.
    pub(super) fn tick(&mut self, by: Place, judged: Place) -> Option<Tick> {
        let (due, what) = self.next();
        let due = due.max(self.place.ms);
        let nth = if due == self.place.ms { self.place.nth + 1 } else { 1 };
        if (Place { ms: due, nth }) > by || self.violation.is_some() {
            return None;
        }
        self.place = Place { ms: due, nth };
        self.ticks += 1;
        let then = Instant(due + OPENED_MS);
        let tick = match what {
            0 => {
                self.play.soak.world.rest_until(then);
                if let Some(asked) = self.load.ask(&mut self.play) {
                    self.on_asked(asked);
                }
                Tick::Load
            }
            1 => {
                let coming = self.play.soak.world.coming();
                self.play.soak.world.step_by(then);
                Tick::World(coming?)
            }
            _ => {
                self.play.soak.world.rest_until(then);
                self.look_due += LOOK_MS;
                self.forget_replies();
                self.take_news();
                self.figures.on_look(&self.play, due);
                if self.violation.is_none() {
                    let is_right = self.place < judged;
                    self.violation = self.watcher.look(&mut self.play, due, self.figures.settled_since(), is_right);
                }
                Tick::Look
            }
        };
        self.take_news();
        Some(tick)
    }

    /// Nothing more happens until then.
    pub(super) fn rest_until(&mut self, ms: u64) {
        if ms > self.place.ms && self.violation.is_none() {
            self.place = Place { ms, nth: 0 };
            self.play.soak.world.rest_until(Instant(ms + OPENED_MS));
        }
    }

    /// Take an act. What it asks first is told.
    pub(super) fn act(&mut self, act: &Act, setup: &Setup) -> Result<Option<RequestId>, Mistake> {
        let mut asked = Vec::new();
        match act {
            Act::Step(step) => self.play.instant(step, &mut asked)?,
            Act::Own(own) => {
                own.take(&mut self.play, setup, &mut self.devices)?;
                if let Own::Load(load) = own {
                    self.load.begin(load, self.play.soak.world.now.0);
                }
            }
        }
        self.acts_done += 1;
        let first = asked.first().map(|asked| asked.id);
        asked.into_iter().for_each(|asked| self.on_asked(asked));
        self.take_news();
        self.figures.on_act();
        self.figures.on_roster(&self.play);
        Ok(first)
    }

    /// What the device of a tab is called.
    pub(super) fn device_name(&self, at: usize) -> String {
        let device = self.play.soak.world.device(at);
        self.devices.name(device.as_bytes()[0])
    }

    fn on_asked(&mut self, Asked { tab, id, kind, key, level }: Asked) {
        let (reads, writes) = self.levels;
        let (at, level) = (self.place.ms, level.unwrap_or(if kind == "get" { reads } else { writes }));
        self.requests.push_back(Request { id, at, tab, kind, key, level });
        if self.requests.len() > REQUESTS_SHOWN {
            self.requests.pop_front();
        }
        self.open.insert(id, (at, kind));
    }

    /// Look at whatever was answered in the moment it is.
    fn take_news(&mut self) {
        if self.play.soak.world.news.is_empty() {
            return;
        }
        for news in self.play.soak.world.news.clone() {
            let Some(reply) = self.play.soak.world.last(news.tab, news.id).cloned() else { continue };
            self.on_reply(news.tab, news.id, &reply);
        }
        let gone = self.play.soak.take_in_news();
        gone.into_iter().for_each(|tab| self.play.soak.world.end_soon(tab, true));
        self.play.go_on_with_updates();
        for asked in self.play.take_updated() {
            self.on_asked(asked);
        }
        if self.violation.is_none() {
            self.violation = self.watcher.of_answers(&self.play, self.place.ms);
        }
    }

    fn on_reply(&mut self, tab: usize, id: RequestId, reply: &Reply) {
        let is_met = match reply {
            Reply::Receipt(receipt) => receipt.met,
            Reply::Read(read) => {
                self.play.remember_read(tab, id, read);
                read.met
            }
            _ => false,
        };
        if let Some((at, kind)) = self.open.remove(&id)
            && is_met
        {
            self.figures.on_answer(kind, self.place.ms - at);
        }
    }

    /// Of answers that nobody asks for any more only the newest are kept.
    fn forget_replies(&mut self) {
        let shown: Vec<RequestId> = self.requests.iter().map(|request| request.id).collect();
        let named = self.play.named();
        for host in &mut self.play.soak.world.hosts {
            while host.replies.len() > REPLIES_MAX {
                let is_spent = |id: &&RequestId| !shown.contains(id) && !named.contains(id);
                let Some(&oldest) = host.replies.keys().find(is_spent) else { break };
                host.replies.remove(&oldest);
            }
        }
    }
}
