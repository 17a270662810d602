//! A plan, step by step. A run without a plan is the ground on which scenarios are played (`scenario`).

use std::collections::{BTreeMap, BTreeSet};

use roundtable_core::clock::VersionVector;
use roundtable_core::coordinator::{Keep, Level, Request, Terms};
use roundtable_core::datatype::DataType;
use roundtable_core::id::{Key, Pin, RequestId};
use roundtable_core::node::Input;
use roundtable_core::ring::RangeSet;
use roundtable_core::wire::Payload;

use super::custody::Held;
use super::plan::TABS_MAX;
use super::scans::Scan;
use super::shown::Shown;
use super::watch::Watch;
use super::watches::KeyWatch;
use super::{Act, Plan, Step};
use crate::oracle::Oracle;
use crate::{CrashPoint, World};

/// How long values live that expire.
const TTLS_MS: [u64; 3] = [500, 20_000, 24 * 3_600_000];
/// The bucket of the keys of which the last write wins.
const LAST: &str = "last";
/// After so long a node has told its disk that all is clean.
const BURST_OVER_MS: u64 = 3_000;
/// So many keys are read while the arcs of tabs that have just opened move.
const READS_WHILE_MOVING: u32 = 60;
/// How long nothing is asked before all clocks leap: what is deleted by then is known to be.
const DUSK_MS: u64 = 70_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// What is to be put.
pub(crate) struct Written<'a> {
    pub(crate) key: Key,
    pub(crate) text: &'a str,
    pub(crate) keep: Keep,
    pub(crate) context: Option<VersionVector>,
    pub(crate) terms: Terms,
}

/// One run.
#[derive(Debug, Clone)]
pub(crate) struct Soak {
    pub(crate) plan: Plan,
    pub(crate) world: World,
    pub(crate) oracle: Oracle,
    pub(crate) steps: BTreeMap<Step, u64>,
    pub(crate) watch: Watch,
    pub(super) shown: Shown,
    /// Watches of many keys.
    pub(super) scans: Vec<Scan>,
    /// Those of one.
    pub(super) watches: Vec<KeyWatch>,
    /// The hints of each tab.
    pub(super) held: BTreeMap<usize, Held>,
    /// Tabs that run under the identity of another: they end before peace and do not come back.
    pub(crate) twins: BTreeSet<usize>,
    pub(crate) written: u64,
}

impl Soak {
    pub(crate) fn new(plan: Plan) -> Soak {
        let mut world = World::new(plan.seed);
        plan.tight.apply(&mut world.limits);
        Soak {
            world,
            plan,
            oracle: Oracle::default(),
            steps: BTreeMap::new(),
            watch: Watch::default(),
            shown: Shown::default(),
            scans: Vec::new(),
            watches: Vec::new(),
            held: BTreeMap::new(),
            twins: BTreeSet::new(),
            written: 0,
        }
    }

    pub(crate) fn run(&mut self) {
        for index in 0..self.plan.nodes {
            self.world.open(u8::try_from(index % usize::from(self.plan.devices.max(1))).unwrap_or(0));
        }
        if self.plan.is_calm {
            self.world.settle(60_000);
        }
        for act in self.plan.acts.clone() {
            *self.steps.entry(act.step).or_default() += 1;
            self.take(act);
            self.pass(act.pause_ms);
        }
        self.make_peace();
        self.judge();
    }

    /// Let time pass, and look at whatever is answered in the moment it is.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end = self.world.now + ms;
        loop {
            let has_news = self.world.run_until(end.since(self.world.now), |world| !world.news.is_empty());
            self.take_news();
            if !has_news {
                break;
            }
        }
        self.world.run_for(end.since(self.world.now));
        self.look_at_members();
        self.look_at_hints();
    }

    /// This tab, or else the next one for which something holds.
    fn tab(&self, tab: u32, holds: impl Fn(&Soak, usize) -> bool) -> Option<usize> {
        let count = self.world.hosts.len();
        (0..count).map(|step| (tab as usize + step) % count).find(|&at| holds(self, at))
    }

    fn open_tab(&self, tab: u32) -> Option<usize> {
        self.tab(tab, |soak, at| soak.world.is_open(at))
    }

    fn closed_tab(&self, tab: u32) -> Option<usize> {
        self.tab(tab, |soak, at| !soak.world.is_open(at) && !soak.twins.contains(&at))
    }

    fn key(&self, number: u32) -> Key {
        Key::new("soak", &(number % self.plan.keys.max(1)).to_string()).expect("a short name")
    }

    fn take(&mut self, act: Act) {
        let Act { step, tab, other, amount, .. } = act;
        if step.is_request() {
            return self.ask(act);
        }
        match step {
            Step::Reopen => {
                if let Some(at) = self.closed_tab(tab) {
                    self.world.reopen(at);
                    if other % 2 == 0 {
                        // It writes before it hears from anybody what it may have said in its last life.
                        self.put(at, self.key(other), None, Terms::default());
                    }
                }
            }
            Step::Adopt => self.adopt(tab, other),
            Step::Open | Step::MassJoin => {
                for _ in 0..amount.max(1) {
                    if self.world.hosts.len() < self.plan.tabs_max() {
                        self.world.open(u8::try_from(other).unwrap_or(0) % self.plan.devices.max(1));
                    }
                }
                if self.plan.is_calm {
                    self.read_while_arcs_move(act);
                }
            }
            Step::MassLeave => {
                for index in 0..amount {
                    let Some(at) = self.open_tab(tab.wrapping_add(index as u32)) else { return };
                    if index % 2 == 0 {
                        self.world.close(at)
                    } else {
                        self.world.crash(at)
                    }
                    self.on_ended(at);
                }
            }
            Step::HealAll => self.world.heal_all(),
            Step::Leap => {
                self.pass(DUSK_MS);
                self.world.leap(amount * DAY_MS);
            }
            Step::Lose => self.world.tuning.loss_percent = amount as u8,
            Step::Double => self.world.tuning.duplicate_percent = amount as u8,
            Step::Reorder => self.world.tuning.reorder_percent = amount as u8,
            Step::Spike => self.world.tuning.spike_percent = amount as u8,
            Step::Throng => self.world.tuning.lane_bytes_per_ms = (amount > 0).then_some(amount),
            Step::Overload => self.world.overload(amount),
            Step::Majorities => self.world.partition_majorities(),
            Step::Quota => {
                let at = tab as usize % self.world.hosts.len();
                self.world.hosts[at].disk_full = !self.world.hosts[at].disk_full;
            }
            Step::Halves => {
                let halves = |at: &usize| (amount >> (at % 16)) & 1 == 0;
                let (left, right): (Vec<usize>, Vec<usize>) = (0..self.world.hosts.len()).partition(halves);
                self.world.partition(&[&left, &right]);
            }
            Step::Cut | Step::OneWay | Step::Clog | Step::Flap | Step::HangUp | Step::Heal => self.strain(act),
            Step::CutVertex => self.world.partition_behind(tab as usize, other as usize, amount as usize),
            _ => self.harm(act),
        }
    }

    /// Tabs have come that own arcs and have nothing yet: reads at a quorum, above all theirs, are not met by them.
    fn read_while_arcs_move(&mut self, Act { tab, other, .. }: Act) {
        for index in 0..READS_WHILE_MOVING {
            let newest = self.world.hosts.len() as u32 - 1 - index % 3;
            let tab = if index % 2 == 0 { newest } else { tab.wrapping_add(index) };
            let ask = Act { step: Step::Get, tab, other: other.wrapping_add(index), amount: 2, pause_ms: 0 };
            self.ask(ask);
            self.pass(20);
        }
    }

    /// A tab dies in the batch that opens a burst, or in that of the burst's first write; and in its next life it
    /// writes before it hears from anybody what it had said in this one.
    fn write_across_a_crash(&mut self, at: usize, key: Key, point: CrashPoint) {
        self.pass(BURST_OVER_MS);
        if point == CrashPoint::BeforeApply {
            self.world.crash_in_persist(at, point);
        }
        self.put(at, key.clone(), None, Terms::default());
        if point == CrashPoint::AfterApply {
            self.world.run_until(20, |world| !world.is_disk_clean(at));
            self.world.crash_in_persist(at, CrashPoint::BeforeApply);
        }
        self.pass(20);
        if !self.world.is_open(at) && !self.twins.contains(&at) {
            self.world.reopen(at);
            self.put(at, self.key(0), None, Terms::default());
            self.put(at, key, None, Terms::default());
        }
    }

    /// What happens to the link of two tabs.
    fn strain(&mut self, Act { step, tab, other, amount, .. }: Act) {
        let count = self.world.hosts.len();
        let (a, b) = (tab as usize % count, other as usize % count);
        match step {
            _ if a == b => {}
            Step::Cut => self.world.cut(a, b),
            Step::OneWay => self.world.mute(a, b),
            Step::Clog => self.world.clog(a, b, amount),
            Step::Flap => self.world.flap(a, b, amount, 5),
            Step::HangUp => self.world.hang_up(a, b),
            _ => self.world.heal(a, b),
        }
    }

    /// What happens to an open tab.
    fn harm(&mut self, Act { step, tab, other, amount, .. }: Act) {
        let Some(at) = self.open_tab(tab) else { return };
        match step {
            Step::Crash => self.world.crash(at),
            Step::Close => self.world.close(at),
            Step::CrashInPersist => {
                let point = if amount == 0 { CrashPoint::BeforeApply } else { CrashPoint::AfterApply };
                if other % 2 == 0 {
                    self.write_across_a_crash(at, self.key(other), point);
                } else {
                    self.world.crash_in_persist(at, point);
                }
            }
            Step::Wipe => {
                self.world.crash(at);
                self.wipe(at);
            }
            Step::RollBack => {
                self.world.crash(at);
                self.take_news();
                self.world.roll_back(at, amount as usize);
                self.forget_lost(at);
            }
            Step::DiskFails => self.world.hosts[at].disk_fails = amount as u32,
            Step::Throttle => self.world.throttle(at, amount),
            Step::Freeze => self.world.freeze(at),
            Step::Resume => {
                if let Some(at) = self.tab(tab, |soak, at| soak.world.is_frozen(at)) {
                    self.world.resume(at);
                }
            }
            Step::Duplicate => {
                let has_room = self.world.hosts.len() < self.plan.tabs_max().max(TABS_MAX);
                let is_twin = self.world.twins(at).len() > 1;
                if let Some(twin) = (has_room && !is_twin).then(|| self.world.duplicate(at)).flatten() {
                    self.twins.insert(twin);
                }
            }
            Step::Skew => {
                let skew_ms = i64::try_from(amount).unwrap_or(0);
                self.world.set_clock(at, if other % 2 == 0 { skew_ms } else { -skew_ms });
            }
            Step::Bridge => self.world.partition_bridge(at),
            Step::RelayDrops => self.world.drop_relayed(at, amount),
            Step::Leave => self.leave(at),
            Step::Garbage => self.garbage(at, other, amount),
            other => unreachable!("{other:?} is taken elsewhere"),
        }
        self.on_ended(at);
    }

    /// A tab is to go for good. One of two under the same name cannot speak for both.
    pub(crate) fn leave(&mut self, at: usize) {
        if self.world.twins(at).len() == 1 {
            let began = self.world.now;
            let id = self.world.leave(at);
            self.watch.leaves.insert(id, began);
        }
    }

    /// A twin that ended takes its disk with it.
    pub(crate) fn on_ended(&mut self, at: usize) {
        if self.twins.contains(&at) && !self.world.is_open(at) {
            self.wipe(at);
        }
    }

    /// A closed tab loses its disk. What it was told before is judged by what it held then.
    pub(crate) fn wipe(&mut self, at: usize) {
        self.take_news();
        self.world.wipe(at);
        self.forget_lost(at);
    }

    fn adopt(&mut self, tab: u32, other: u32) {
        let (Some(at), Some(left)) = (self.closed_tab(tab), self.closed_tab(other)) else { return };
        if at == left {
            self.world.reopen(at);
        } else {
            self.world.reopen_adopting(at, &[left]);
        }
    }

    fn ask(&mut self, Act { step, tab, other, amount, .. }: Act) {
        let Some(tab) = self.open_tab(tab) else { return };
        let key = self.key(other);
        let levels = [Level::Local, Level::One, Level::Quorum, Level::All, Level::Count(2)];
        let level = levels[amount as usize % levels.len()];
        let terms = Terms { level: Some(level), timeout_ms: None };
        if step.is_edit() {
            return self.edit(step, tab, &key, amount / levels.len() as u64, terms);
        }
        let read = || self.watch.read.get(&key).cloned().unwrap_or_default();
        match step {
            Step::BriefPut => {
                let ttl_ms = TTLS_MS[(other % 3) as usize];
                let keep = Keep { ttl_ms: Some(ttl_ms), ..Keep::default() };
                self.oracle.may_expire(self.written + 1);
                self.write(tab, Written { key, text: "", keep, context: None, terms });
            }
            Step::LastPut => {
                let key = Key::new(LAST, key.name()).expect("a short name");
                let keep = Keep { datatype: DataType::LastWriteWins, ..Keep::default() };
                self.write(tab, Written { key, text: "", keep, context: None, terms });
            }
            Step::Put | Step::StalePut | Step::BlindPut => {
                let context = match step {
                    Step::Put => None,
                    Step::StalePut => Some(read()),
                    _ => Some(VersionVector::new()),
                };
                self.put(tab, key, context, terms);
            }
            Step::Get | Step::Merge => {
                let id = self.world.request(tab, Request::Get { key: key.clone(), terms });
                self.watch.on_get(id, key, level, step == Step::Merge);
            }
            Step::Keys => {
                self.world.request(tab, Request::Keys { bucket: "soak".into(), prefix: String::new(), terms });
            }
            Step::Pin | Step::Unpin => self.pin(tab, step, other),
            Step::Scan => self.scan(tab, some_or_all(other)),
            Step::WatchKey => self.watch_key(tab, key),
            _ => {
                let context = (step == Step::Delete).then(read);
                if context.is_none() {
                    self.on_unguided(tab, self.world.next_request(), &key, true);
                }
                self.world.request(tab, Request::Delete { key, context, terms });
            }
        }
    }

    /// A pin is one of all keys, or of a few. Its end drops copies alone: what the node holds for others stays, and
    /// nobody is told.
    fn pin(&mut self, tab: usize, step: Step, other: u32) {
        let pin = some_or_all(other);
        if step == Step::Pin {
            self.world.request(tab, Request::Pin { pin });
            return;
        }
        let look = |soak: &Soak| {
            let view = soak.world.node(tab).view();
            let sent = view.metrics().sent;
            (view.sum(&RangeSet::full()), sent.repair + sent.transfer + sent.request)
        };
        let before = look(self);
        self.world.request(tab, Request::Unpin { pin: pin.clone() });
        if look(self) != before {
            self.oracle.accuse(format!("tab {tab} ends {pin:?}, and holds or sends something else than before"));
        }
    }

    pub(crate) fn put(&mut self, tab: usize, key: Key, context: Option<VersionVector>, terms: Terms) -> RequestId {
        self.write(tab, Written { key, text: "", keep: Keep::default(), context, terms })
    }

    /// A put, with words after the number by which its value is found again.
    pub(crate) fn write(&mut self, tab: usize, Written { key, text, keep, context, terms }: Written<'_>) -> RequestId {
        self.written += 1;
        let value: Payload = [&self.written.to_le_bytes(), text.as_bytes()].concat().into();
        // Before the request: it may be answered at once.
        let id = self.world.next_request();
        self.watch.numbers.insert(id, self.written);
        // One of which the last wins supersedes what is held, whatever was shown.
        if context.is_none() && keep.datatype == DataType::Register {
            self.on_unguided(tab, id, &key, false);
        }
        self.world.request(tab, Request::Put { key, value, keep, context, terms })
    }

    fn garbage(&mut self, at: usize, other: u32, seed: u64) {
        let mut random = fastrand::Rng::with_seed(seed);
        let from = self.world.hosts[other as usize % self.world.hosts.len()].id;
        for _ in 0..20 {
            let mut bytes: Vec<u8> = (0..random.u32(1..120)).map(|_| random.u8(..)).collect();
            bytes[0] = roundtable_core::wire::VERSION;
            // Kinds that would be taken as true, were they well formed, are another matter: members who lie.
            if bytes.get(1).is_some_and(|&kind| kind > 60) {
                self.world.input(at, Input::Received { from, bytes });
            }
        }
    }
}

/// All keys, or those that begin with a 1.
fn some_or_all(number: u32) -> Pin {
    Pin::new("soak", if number.is_multiple_of(3) { "1" } else { "" }).expect("a short name")
}
