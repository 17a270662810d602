//! What a scenario's file holds. Unknown fields and unknown steps are errors: a word that is not understood would
//! otherwise be a step not taken.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::ask::{Await, Delete, Get, Put, Update};
use super::expect::Expect;

/// One story.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What its file is called, without `.json`.
    #[serde(skip)]
    pub name: String,
    /// The numbers of the traps it shows.
    pub traps: Vec<u8>,
    /// What went wrong elsewhere, and what must happen here. Its first sentence stands for the whole in lists.
    pub story: String,
    /// The bugs under which it must fail.
    pub plants: Vec<String>,
    /// The tabs, by the device that each is on.
    pub devices: Vec<Vec<String>>,
    /// Tabs that are not opened, meshed and settled before the first step.
    #[serde(default)]
    pub later: Vec<String>,
    /// Tabs that are configured unlike the others.
    #[serde(default)]
    pub settings: BTreeMap<String, Settings>,
    /// Keys that must lie in certain places.
    #[serde(default)]
    pub keys: BTreeMap<String, Vec<Placement>>,
    /// What happens.
    pub steps: Vec<Step>,
    /// What happens after everything has healed and all tabs are back.
    #[serde(default)]
    pub end: Vec<Step>,
}

/// How a tab is configured.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How many virtual nodes it has; 32 if nothing is said.
    pub capacity: Option<u16>,
    /// How many copies it wants; 3 if nothing is said.
    pub n: Option<u8>,
    /// How many reaped tombstones it remembers.
    pub ghosts: Option<usize>,
}

/// Where a key must lie on the ring of some tabs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// On the ring of these; of all that are open at first, if nothing is said.
    pub among: Option<Vec<String>>,
    /// These own it, and maybe others.
    #[serde(default)]
    pub owners: Vec<String>,
    /// These do not.
    #[serde(default)]
    pub others: Vec<String>,
    /// The first fallbacks, in this order.
    #[serde(default)]
    pub fallbacks: Vec<String>,
    /// So many tokens lie ahead of it before the wrap. 0: it is on the arc over the wrap; 1: on the last before it.
    pub tokens_ahead: Option<usize>,
}

/// One name, or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a name or a list of names")]
pub enum Names {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Names {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let all = match self {
            Names::One(name) => std::slice::from_ref(name),
            Names::Many(names) => names,
        };
        all.iter().map(String::as_str)
    }
}

/// One step. Spans are in milliseconds of virtual time, shares in percent.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// For the reader; stands before whatever fails after it.
    Note(String),
    /// Let so much time pass.
    Run(u64),
    /// Let time pass until all who can reach each other are linked and settled; it must come to that in so much time.
    Settle(u64),
    /// Let time pass until something holds; it must come to that.
    Wait(Wait),
    /// Take steps so many times. `{i}`, or what `as` says, is the number of the round in all names and words.
    Repeat(Repeat),
    /// Something must hold now.
    Expect(Expect),
    /// Events and writes are counted from here on.
    Mark,
    /// Whether nothing fails from here on and tabs only come: then a quorum read must see all that a quorum
    /// confirmed.
    Calm(bool),

    /// Tabs open, for the first time or again.
    Open(Names),
    /// A tab opens, and takes over what closed tabs of its device left behind.
    Adopt(Adopt),
    /// Tabs say goodbye.
    Close(Names),
    /// A tab is to leave for good.
    Leave(Leave),
    /// Tabs close and open again after a while.
    Reload(Reload),
    /// Tabs die without a word.
    Crash(Names),
    /// Tabs die while their disk takes the next batch.
    CrashInPersist(CrashInPersist),
    /// The databases of closed tabs are deleted.
    Wipe(Names),
    /// The database of a closed tab is as it was some batches ago.
    RollBack(RollBack),
    /// Disks refuse everything from now on.
    FullDisk(Names),
    /// Disks take everything again.
    FreeDisk(Names),
    /// The next batches of a disk fail.
    FailDisk(FailDisk),
    /// Pages handle nothing.
    Freeze(Names),
    /// Frozen pages go on.
    Resume(Names),
    /// Pages are hidden, and their timers fire only so often; with 0 they are seen again.
    Throttle(Throttle),
    /// A second tab runs under the identity of a first, from its database as it is now, which must not be clean.
    Duplicate(Duplicate),

    /// How the network behaves from now on; what is not said is as by default.
    Network(Network),
    /// Nothing passes between the groups.
    Partition(Vec<Vec<String>>),
    /// Nothing passes between two halves, but through one tab.
    Bridge(String),
    /// Each tab reaches another majority.
    Majorities,
    /// What some send does not reach others, whom they hear as before.
    Mute(Ways),
    /// Whatever two send each other is held for a while.
    Clog(Clog),
    /// Two lose and find each other again and again.
    Flap(Flap),
    /// The link between two closes and may be made anew.
    HangUp(Pair),
    /// Tabs pass on nothing of what they should, or all of it again.
    DropRelayed(DropRelayed),
    /// All can reach each other again. Nobody tells them.
    Heal,
    /// Tabs hear of all others, as over a broadcast channel or a rendezvous, and those of them.
    Introduce(Names),

    /// The clocks of tabs are so many hours from the world's.
    Clock(Clock),
    /// All devices sleep: all clocks are so many days further than the time that passes here.
    Days(i64),

    /// An application writes.
    Put(Put),
    /// An application reads.
    Get(Get),
    /// An application deletes.
    Delete(Delete),
    /// An application reads and writes what it read back, changed.
    Update(Update),
    /// Tabs keep copies of all keys from now on, whoever owns them.
    Pin(Names),
    /// They do so no longer.
    Unpin(Names),
    /// A request that was not waited for is answered by now, or soon.
    Await(Await),
}

/// Until what holds, and for how long at most.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// What.
    #[serde(rename = "for")]
    pub what: Expect,
    /// For so long at most.
    pub ms: u64,
}

/// Steps, so many times.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// How often.
    pub times: u64,
    /// What the number of the round is called in `{…}`.
    #[serde(default = "round")]
    pub r#as: String,
    /// What is taken each time.
    pub steps: Vec<Step>,
}

fn round() -> String {
    "i".into()
}

/// Who adopts from whom.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adopt {
    /// Who opens.
    pub tab: String,
    /// What these left behind.
    pub from: Names,
}

/// A tab that is to leave for good.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leave {
    /// Which.
    pub tab: String,
    /// Whether it hands everything off and is gone, its database with it; if not, it must stay.
    pub handed_off: bool,
}

/// A reload.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reload {
    /// Whose.
    pub tabs: Names,
    /// How long they are closed.
    pub ms: u64,
}

/// A death in a persist.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrashInPersist {
    /// Whose.
    pub tabs: Names,
    /// Whether the batch is durable all the same.
    pub is_kept: bool,
}

/// A database taken back.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollBack {
    /// Whose.
    pub tab: String,
    /// By how many batches, or a few more until it is no clean state. If nothing is said, to just before the first
    /// write of its last burst was durable: it then knows that there may be dots, and none of them.
    pub batches: Option<usize>,
}

/// Batches that fail.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailDisk {
    /// Whose.
    pub tabs: Names,
    /// How many.
    pub batches: u32,
}

/// Late timers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    /// Whose.
    pub tabs: Names,
    /// They fire at multiples of this alone.
    pub ms: u64,
}

/// A duplicated tab.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Duplicate {
    /// Which.
    pub tab: String,
    /// What the second one is called here.
    pub twin: String,
    /// Its database is from just before the first write of the present burst was durable.
    #[serde(default)]
    pub at_opening: bool,
}

/// What the network does to frames.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// How many never arrive.
    pub lost: u8,
    /// How many arrive twice.
    pub doubled: u8,
    /// How many are overtaken.
    pub reordered: u8,
    /// How many are late, and hold up those behind.
    pub late: u8,
    /// How long a frame is on its way: from, to.
    pub latency: Option<(u64, u64)>,
    /// How much longer at most it waits in a tab whose timers are throttled.
    pub throttled_late: u64,
    /// How many bytes a lane carries in a millisecond.
    pub lane_bytes: Option<u64>,
}

/// From some to others.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ways {
    /// Who is not heard.
    pub from: Names,
    /// By whom.
    pub to: Names,
}

/// Two tabs.
pub(crate) type Pair = (String, String);

/// A link that holds frames.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clog {
    /// Between whom.
    pub between: Pair,
    /// For how long.
    pub ms: u64,
}

/// A link that comes and goes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flap {
    /// Between whom.
    pub between: Pair,
    /// How often it changes.
    pub ms: u64,
    /// How many times it goes.
    pub times: u32,
}

/// Relays that do not pass on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropRelayed {
    /// Which tabs.
    pub tabs: Names,
    /// How much goes nowhere.
    pub percent: u64,
}

/// A wrong clock.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// Whose.
    pub tabs: Names,
    /// How far it is ahead.
    pub hours: i64,
}
