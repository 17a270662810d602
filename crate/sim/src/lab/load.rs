//! Requests that come by themselves: what many hands would ask, drawn from the lab's seed.
//!
//! It stands for thousands of acts with one, so that a link stays short. Who asks, of which key, and whether it reads
//! or writes is drawn from a generator of its own: the world's draws stay what they are.

use roundtable_core::coordinator::{Level, Terms};
use roundtable_core::datatype::DataType;
use roundtable_core::id::Key;

use super::BUCKET;
use crate::scenario::{Asked, Mistake, Play, Wanted};
use crate::soak::Written;

/// So many requests come by themselves at most in one lab: what is checked of each write is kept.
const REQUESTS_MAX: u32 = 20_000;
const KEYS_MAX: u32 = 1_000;
const EVERY_MS_MIN: u64 = 5;
const EVERY_MS_MAX: u64 = 60_000;

/// What load there is to be.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoadIs {
    /// A request every so many milliseconds; 0: none any more.
    every: u64,
    /// Of so many keys.
    #[serde(default = "some_keys")]
    keys: u32,
    /// So many of a hundred read; the others write.
    #[serde(default = "half")]
    reads: u8,
    /// At this level; else that of the room.
    level: Option<Wanted>,
}

fn some_keys() -> u32 {
    50
}

fn half() -> u8 {
    50
}

impl LoadIs {
    pub(super) fn check(&self) -> Result<(), Mistake> {
        match self {
            LoadIs { every: 0, .. } => Ok(()),
            LoadIs { every, .. } if !(EVERY_MS_MIN..=EVERY_MS_MAX).contains(every) => {
                Err(format!("requests come every {EVERY_MS_MIN} to {EVERY_MS_MAX} ms; 0 ends them"))
            }
            LoadIs { keys, .. } if !(1..=KEYS_MAX).contains(keys) => {
                Err(format!("requests are of 1 to {KEYS_MAX} keys"))
            }
            LoadIs { reads, .. } if *reads > 100 => Err("of a hundred requests at most a hundred read".into()),
            _ => Ok(()),
        }
    }
}

/// A load under way.
#[derive(Debug, Clone)]
pub(super) struct Load {
    is: LoadIs,
    random: fastrand::Rng,
    /// When the next request comes, in the world's time.
    pub(super) due: u64,
    asked: u32,
}

impl Load {
    /// None yet.
    pub(super) fn of(seed: u64) -> Load {
        let is = LoadIs { every: 0, keys: 1, reads: 0, level: None };
        Load { is, random: fastrand::Rng::with_seed(seed ^ 0x10ad), due: u64::MAX, asked: 0 }
    }

    /// From now on.
    pub(super) fn begin(&mut self, is: &LoadIs, now: u64) {
        self.is = is.clone();
        self.due = if is.every == 0 { u64::MAX } else { now + is.every };
    }

    /// The next request comes.
    pub(super) fn ask(&mut self, play: &mut Play) -> Option<Asked> {
        self.asked += 1;
        self.due = if self.asked < REQUESTS_MAX { self.due + self.is.every } else { u64::MAX };
        let (whom, which, is_read) =
            (self.random.u32(..), self.random.u32(0..self.is.keys), self.random.u8(0..100) < self.is.reads);
        let world = &play.soak.world;
        let open: Vec<usize> = world.alive().into_iter().filter(|&at| !world.is_frozen(at)).collect();
        let tab = *open.get(whom as usize % open.len().max(1))?;
        let key = Key::new(BUCKET, &format!("load-{which}")).ok()?;
        let terms = Terms { level: self.is.level.map(Level::from), timeout_ms: None };
        if is_read {
            let id = play.read(tab, &key, terms);
            return Some(Asked { tab, id, kind: "get", key, level: terms.level });
        }
        let text = format!("{}", self.asked);
        let keep = roundtable_core::coordinator::Keep { datatype: DataType::Register, ttl_ms: None };
        let id = play.soak.write(tab, Written { key: key.clone(), text: &text, keep, context: None, terms });
        Some(Asked { tab, id, kind: "put", key, level: terms.level })
    }
}
