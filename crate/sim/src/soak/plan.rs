//! What a seed expands to: a room and every step of its schedule, as data.
//!
//! A step names a tab by a number: it means that tab, or else the next one for which the step makes sense. So a plan
//! means much the same when steps before are left out.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::rare::{self, Tight};

/// A room and its schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The seed it was drawn from, and from which the world draws.
    pub seed: u64,
    /// How many tabs there are at first.
    pub nodes: usize,
    /// On how many devices.
    pub devices: u8,
    /// How many keys are written.
    pub keys: u32,
    /// Nothing fails, tabs only come: then a quorum read sees what a quorum had confirmed, whatever moves meanwhile.
    pub is_calm: bool,
    /// Limits that are met in this room.
    #[serde(default)]
    pub tight: Tight,
    /// The schedule.
    pub acts: Vec<Act>,
}

/// One step, with its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// What.
    pub step: Step,
    /// At which tab.
    pub tab: u32,
    /// With which other tab, or on which key.
    pub other: u32,
    /// A level, a count, a span in milliseconds or a share, as the step says.
    pub amount: u64,
    /// How long until the next step.
    pub pause_ms: u64,
}

/// One kind of step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A put with what this node was shown or holds.
    Put,
    /// A put with the context of an old read.
    StalePut,
    /// A put that has seen nothing.
    BlindPut,
    /// A put of a value that expires.
    BriefPut,
    /// A put of which the last wins, among keys of its own.
    LastPut,
    /// A get, and a put with what it showed.
    Merge,
    /// A get.
    Get,
    /// A delete of what an old read had seen.
    Delete,
    /// A delete without a context.
    BlindDelete,
    /// A listing.
    Keys,
    /// All keys are pinned, or those that begin with a 1.
    Pin,
    /// They are pinned no longer.
    Unpin,
    /// All keys are watched as one, or those that begin with a 1; or, where they are, no longer.
    Scan,
    /// A key is watched by itself; or, where it is, no longer.
    WatchKey,
    /// Something is added to a counter.
    Add,
    /// An item is added to a set.
    Insert,
    /// An item is taken out of a set.
    Remove,
    /// A field of a map is set.
    SetField,
    /// A field is taken out of a map.
    UnsetField,
    /// A tab dies.
    Crash,
    /// A tab dies while its disk takes the next batch, which is lost (0) or durable (1).
    CrashInPersist,
    /// A tab says goodbye.
    Close,
    /// A closed tab opens again.
    Reopen,
    /// A closed tab opens again and adopts what the other one left behind.
    Adopt,
    /// A new tab opens.
    Open,
    /// Several new tabs open.
    MassJoin,
    /// Several tabs close, or die.
    MassLeave,
    /// Two tabs lose each other.
    Cut,
    /// What one sends does not reach the other.
    OneWay,
    /// Frames between two are held for a while.
    Clog,
    /// Two tabs lose and find each other again and again.
    Flap,
    /// A link closes and may be made anew.
    HangUp,
    /// Two tabs can find each other again.
    Heal,
    /// Everybody can.
    HealAll,
    /// The room falls into two.
    Halves,
    /// The room falls into two, and one tab reaches both.
    Bridge,
    /// Each tab reaches another majority.
    Majorities,
    /// So many frames of a hundred are lost from now on.
    Lose,
    /// So many are doubled.
    Double,
    /// So many are overtaken.
    Reorder,
    /// So many are late.
    Spike,
    /// Lanes carry so few bytes a millisecond.
    Throng,
    /// A disk refuses, or takes again.
    Quota,
    /// The next batches fail.
    DiskFails,
    /// A tab dies and its database is gone.
    Wipe,
    /// A tab dies and its database is as it was some batches ago.
    RollBack,
    /// A page is hidden, its timers late; or seen again.
    Throttle,
    /// A page handles nothing.
    Freeze,
    /// A frozen page goes on.
    Resume,
    /// A second tab runs under the identity of a first.
    Duplicate,
    /// A wall clock is wrong by hours, or jumps by months.
    Skew,
    /// Bytes that are no message.
    Garbage,
    /// A tab passes on nothing, only so many of a hundred messages, or all.
    RelayDrops,
    /// Some tabs reach the others through one alone.
    CutVertex,
    /// A tab is to go for good.
    Leave,
    /// The machine of all tabs takes so many microseconds for a frame, and has two cores; or any number at once again.
    Overload,
    /// After a quiet while all clocks are so many days further on.
    Leap,
}

const REQUESTS: [(Step, u32); 10] = [
    (Step::Put, 30),
    (Step::StalePut, 8),
    (Step::BlindPut, 4),
    (Step::Merge, 6),
    (Step::Get, 18),
    (Step::Delete, 4),
    (Step::BlindDelete, 3),
    (Step::Keys, 2),
    (Step::BriefPut, 4),
    (Step::LastPut, 4),
];
const EDITS: [(Step, u32); 5] =
    [(Step::Add, 3), (Step::Insert, 3), (Step::Remove, 2), (Step::SetField, 3), (Step::UnsetField, 2)];
/// In so many rooms of 256 there are edits, and how many at most for each hundred of other steps.
const EDIT_SHARE: u8 = 140;
const EDITS_PERCENT_MAX: u64 = 60;
const FAULTS: [(Step, u32); 33] = [
    (Step::Crash, 3),
    (Step::CrashInPersist, 3),
    (Step::Close, 4),
    (Step::Reopen, 9),
    (Step::Adopt, 1),
    (Step::Open, 1),
    (Step::MassJoin, 1),
    (Step::MassLeave, 1),
    (Step::Cut, 5),
    (Step::OneWay, 3),
    (Step::Clog, 3),
    (Step::Flap, 2),
    (Step::HangUp, 3),
    (Step::Heal, 5),
    (Step::HealAll, 2),
    (Step::Halves, 2),
    (Step::Bridge, 1),
    (Step::Majorities, 1),
    (Step::Lose, 2),
    (Step::Double, 2),
    (Step::Reorder, 2),
    (Step::Spike, 2),
    (Step::Throng, 1),
    (Step::Quota, 3),
    (Step::DiskFails, 3),
    (Step::Wipe, 1),
    (Step::RollBack, 2),
    (Step::Throttle, 3),
    (Step::Freeze, 3),
    (Step::Resume, 4),
    (Step::Duplicate, 1),
    (Step::Skew, 2),
    (Step::Garbage, 2),
];

/// In so many rooms of 256 there are pins; and how often something is pinned at most.
const PIN_SHARE: u8 = 128;
const PINS_MAX: u32 = 6;
/// Of three such steps, two pin something and one ends that.
const PINNING: [(Step, u32); 2] = [(Step::Pin, 2), (Step::Unpin, 1)];
/// In so many rooms of 256 keys are watched as one; and how often such a watch begins, or ends, at most.
const SCAN_SHARE: u8 = 100;
const SCANS_MAX: u32 = 6;
/// The same of watches of one key.
const WATCH_SHARE: u8 = 100;
const WATCHES_MAX: u32 = 12;
/// Those of a large room, where not all are linked.
const OVERLAY_FAULTS: [(Step, u32); 2] = [(Step::RelayDrops, 3), (Step::CutVertex, 1)];
const OVERLAY_FAULTS_MAX: u32 = 6;
/// A room with more tabs at first is a large one.
pub(super) const TABS_MAX: usize = 24;
/// So many more tabs may open in any room.
const MORE_MAX: usize = 6;

/// In so many rooms of 256 that are not calm, the machine of all tabs is too slow for a while; and how often at most.
const OVERLOAD_SHARE: u8 = 60;
const OVERLOADS_MAX: u32 = 3;
/// In so many rooms of 256 that are not calm, tabs leave for good; and how many do at most.
const LEAVE_SHARE: u8 = 100;
const LEAVES_MAX: u32 = 4;

impl Step {
    /// As it is written in plans and summaries.
    pub fn name(self) -> String {
        snake(&format!("{self:?}"))
    }

    /// Whether an application asks it.
    pub fn is_request(self) -> bool {
        let kinds = REQUESTS.iter().chain(&PINNING);
        self.is_edit() || matches!(self, Step::Scan | Step::WatchKey) || kinds.clone().any(|(step, _)| *step == self)
    }

    /// Whether it edits a counter, a set or a map.
    pub fn is_edit(self) -> bool {
        EDITS.iter().any(|(step, _)| *step == self)
    }
}

/// `CrashInPersist` as `crash_in_persist`.
pub(crate) fn snake(name: &str) -> String {
    let words = name.char_indices().map(|(at, c)| match c {
        'A'..='Z' if at > 0 => format!("_{}", c.to_ascii_lowercase()),
        c => c.to_ascii_lowercase().to_string(),
    });
    words.collect()
}

/// Draws that are the same where a `usize` has 32 bits.
pub(super) fn below(random: &mut fastrand::Rng, end: u64) -> u64 {
    random.u64(0..end.max(1))
}

impl Plan {
    /// The plan that a seed expands to.
    pub fn of(seed: u64, nodes: &Range<usize>) -> Plan {
        let mut random = fastrand::Rng::with_seed(seed ^ 0x5eed);
        let count = random.u64(nodes.start as u64..nodes.end as u64);
        let is_calm = random.u8(..) < 40;
        let mut weights = vec![REQUESTS[0]];
        weights.extend(REQUESTS[1..].iter().filter(|_| random.u8(..) < 190));
        if is_calm {
            weights.extend([(Step::Open, 4), (Step::MassJoin, 2)]);
        } else {
            // A few kinds of faults a seed, or many: each alone as well as all together.
            let share = random.u8(30..220);
            weights.extend(FAULTS.iter().filter(|_| random.u8(..) < share));
        }
        let (devices, keys) = (random.u8(1..=6), random.u32(1..=20));
        let steps = random.u32(40..=160);
        let pause_ms_max = [20, 300, 2_000, 8_000][below(&mut random, 4) as usize];
        let mut acts: Vec<Act> = (0..steps).map(|_| Act::draw(&mut random, &weights, keys, pause_ms_max)).collect();
        let tight = rare::add(seed, is_calm, keys, &mut acts);
        let mut plan = Plan { seed, nodes: count as usize, devices, keys, is_calm, tight, acts };
        if !is_calm {
            plan.add_rarely((Step::Leave, LEAVE_SHARE, LEAVES_MAX), 0x1ea7e, pause_ms_max);
            plan.add_rarely((Step::Overload, OVERLOAD_SHARE, OVERLOADS_MAX), 0x10ad, pause_ms_max);
        }
        plan.add_edits(pause_ms_max);
        plan.add_pins(pause_ms_max);
        plan.add_rarely((Step::Scan, SCAN_SHARE, SCANS_MAX), 0x5ca9, pause_ms_max);
        plan.add_rarely((Step::WatchKey, WATCH_SHARE, WATCHES_MAX), 0x3a7c, pause_ms_max);
        if plan.is_large() {
            plan.enlarge(pause_ms_max);
        }
        plan
    }

    /// The same story, cut off after so many steps.
    pub fn first(mut self, steps: usize) -> Plan {
        self.acts.truncate(steps);
        self
    }

    /// Drawn apart, so that a room in which nothing is pinned is what it was before anything could be.
    fn add_pins(&mut self, pause_ms_max: u64) {
        let mut random = fastrand::Rng::with_seed(self.seed ^ 0x9117);
        if random.u8(..) >= PIN_SHARE {
            return;
        }
        for number in 0..random.u32(1..=PINS_MAX) {
            let place = below(&mut random, self.acts.len() as u64 + 1) as usize;
            let weights = if number == 0 { &PINNING[..1] } else { &PINNING[..] };
            let act = Act::draw(&mut random, weights, self.keys, pause_ms_max);
            self.acts.insert(place, act);
        }
    }

    /// Whether not all tabs are linked with all.
    pub(super) fn is_large(&self) -> bool {
        self.nodes > TABS_MAX
    }

    /// How many tabs there may be, by opening more.
    pub(super) fn tabs_max(&self) -> usize {
        let most = self.nodes + MORE_MAX;
        if self.is_large() { most } else { most.min(TABS_MAX) }
    }

    /// Any tab of a large room may be meant by a step, and there are faults of its own. Drawn apart, too.
    fn enlarge(&mut self, pause_ms_max: u64) {
        let mut random = fastrand::Rng::with_seed(self.seed ^ 0x1a26e);
        let tabs = self.nodes as u32;
        for act in &mut self.acts {
            act.tab = random.u32(0..tabs);
            if !act.step.is_request() {
                act.other = random.u32(0..tabs);
            }
        }
        if !self.is_calm {
            for _ in 0..random.u32(0..=OVERLAY_FAULTS_MAX) {
                let place = below(&mut random, self.acts.len() as u64 + 1) as usize;
                let mut act = Act::draw(&mut random, &OVERLAY_FAULTS, self.keys, pause_ms_max);
                (act.tab, act.other) = (random.u32(0..tabs), random.u32(0..tabs));
                self.acts.insert(place, act);
            }
        }
        self.tight.passed_on = (random.u8(..) < 40).then(|| random.u32(30..120));
    }

    /// Drawn apart, too.
    fn add_edits(&mut self, pause_ms_max: u64) {
        let mut random = fastrand::Rng::with_seed(self.seed ^ 0xed17);
        if random.u8(..) >= EDIT_SHARE {
            return;
        }
        let mut kinds = vec![EDITS[below(&mut random, EDITS.len() as u64) as usize]];
        kinds.extend(EDITS.iter().filter(|_| random.u8(..) < 150));
        let percent = random.u64(5..=EDITS_PERCENT_MAX);
        for _ in 0..self.acts.len() as u64 * percent / 100 {
            let place = below(&mut random, self.acts.len() as u64 + 1) as usize;
            // On few keys, or nobody meets anybody.
            let act = Act::draw(&mut random, &kinds, self.keys.min(4), pause_ms_max);
            self.acts.insert(place, act);
        }
    }

    /// A step of this kind a few times, in so many rooms of 256. Drawn apart, so that a room in which there is none is
    /// what it was before there could be.
    fn add_rarely(&mut self, (step, share, most): (Step, u8, u32), salt: u64, pause_ms_max: u64) {
        let mut random = fastrand::Rng::with_seed(self.seed ^ salt);
        if random.u8(..) >= share {
            return;
        }
        for _ in 0..random.u32(1..=most) {
            let place = below(&mut random, self.acts.len() as u64 + 1) as usize;
            let act = Act::draw(&mut random, &[(step, 1)], self.keys, pause_ms_max);
            self.acts.insert(place, act);
        }
    }
}

impl Act {
    fn draw(random: &mut fastrand::Rng, weights: &[(Step, u32)], keys: u32, pause_ms_max: u64) -> Act {
        let mut at = random.u32(0..weights.iter().map(|(_, weight)| weight).sum());
        let mut step = Step::Get;
        for &(kind, weight) in weights {
            step = kind;
            if at < weight {
                break;
            }
            at -= weight;
        }
        let (tab, draw) = (random.u32(0..24), random.u64(..));
        let other = if step.is_request() { random.u32(0..keys) } else { random.u32(0..24) };
        let amount = match step {
            // A level, and which item or field.
            _ if step.is_edit() => draw % 100,
            _ if step.is_request() => draw % 5,
            Step::CrashInPersist => draw % 2,
            Step::MassJoin | Step::MassLeave => 2 + draw % 5,
            Step::Clog => 300 + draw % 12_000,
            Step::Flap => 500 + draw % 8_000,
            Step::Lose => [0, 5, 10, 30][(draw % 4) as usize],
            Step::Double | Step::Reorder | Step::Spike => [0, 2, 10, 40][(draw % 4) as usize],
            Step::Throng => [0, 2, 20, 200][(draw % 4) as usize],
            Step::DiskFails => 1 + draw % 4,
            Step::RollBack => 1 + draw % 40,
            Step::Throttle => [0, 1_000, 60_000][(draw % 3) as usize],
            // Hours forth or back, or months.
            Step::Skew => [0, 3_600_000, 7 * 3_600_000, 100 * 86_400_000][(draw % 4) as usize] * (1 + draw % 2),
            Step::Garbage | Step::Halves => draw % 1_000_000,
            Step::Overload => [0, 1_000, 5_000, 20_000][(draw % 4) as usize],
            Step::RelayDrops => [0, 50, 100, 100][(draw % 4) as usize],
            Step::CutVertex => 1 + draw % 12,
            _ => 0,
        };
        Act { step, tab, other, amount, pause_ms: random.u64(0..=pause_ms_max) }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Act { step, tab, other, amount, pause_ms } = self;
        let name = step.name();
        match step {
            _ if step.is_edit() => write!(f, "tab {tab}: {name} key {other}, item and level {amount}")?,
            _ if step.is_request() => write!(f, "tab {tab}: {name} key {other}, level {amount}")?,
            Step::Lose | Step::Double | Step::Reorder | Step::Spike => write!(f, "{name} {amount} of 100 frames")?,
            Step::Leap => write!(f, "{name} {amount} days")?,
            Step::Overload => write!(f, "{name} {amount} us a frame")?,
            Step::Throng | Step::MassJoin | Step::MassLeave => write!(f, "{name} {amount}")?,
            Step::HealAll | Step::Majorities => write!(f, "{name}")?,
            _ => write!(f, "tab {tab}: {name} (other {other}, amount {amount})")?,
        }
        write!(f, "; {pause_ms} ms")
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { seed, nodes, devices, keys, is_calm, tight, acts } = self;
        let calm = if *is_calm { ", calm" } else { "" };
        writeln!(f, "seed {seed}: {nodes} tabs on {devices} devices, {keys} keys{calm}, {} steps", acts.len())?;
        if *tight != Tight::default() {
            writeln!(f, "  {tight:?}")?;
        }
        acts.iter().try_for_each(|act| writeln!(f, "  {act}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_survives_its_way_through_text() {
        let plan = Plan::of(7, &(3..17));
        let text = serde_json::to_string(&plan).expect("a plan serialises");
        assert_eq!(serde_json::from_str::<Plan>(&text).expect("and comes back"), plan);
    }

    #[test]
    fn every_step_is_drawn_by_some_seed_and_left_out_by_another() {
        let kinds = REQUESTS.iter().chain(&EDITS).chain(&PINNING).chain(&FAULTS).chain(&OVERLAY_FAULTS);
        let rare = [Step::Leave, Step::Leap, Step::Overload, Step::Scan, Step::WatchKey].map(|step| (step, 1));
        for (step, _) in kinds.chain(&rare) {
            let rooms = if OVERLAY_FAULTS.iter().any(|(fault, _)| fault == step) { 20..60 } else { 3..17 };
            let has = |seed: u64| Plan::of(seed, &rooms).acts.iter().any(|act| act.step == *step);
            assert!((0..60).any(has), "{step:?} never happens");
            assert!(*step == Step::Put || (0..60).any(|seed| !has(seed)), "{step:?} always happens");
        }
    }

    #[test]
    fn names_are_words() {
        assert_eq!(Step::CrashInPersist.name(), "crash_in_persist");
    }
}
