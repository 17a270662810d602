//! What a plan has beside its schedule, so that rooms come to branches to which no fault of a few minutes leads: limits
//! so small that a small room meets them, a leap of all clocks past the horizon, a clock that errs by months.
//!
//! It is drawn from a generator of its own. So a room in which nothing of it is drawn is what it would be without.

use roundtable_core::node::Limits;
use serde::{Deserialize, Serialize};

use super::plan::below;
use super::{Act, Step};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Limits so small that a small room meets them; `None` is the usual one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tight {
    /// How many keys that were let go are remembered.
    pub memo_keys: Option<u32>,
    /// How many writes are followed.
    pub followed: Option<u32>,
    /// How many objects of a part are listed rather than cut.
    pub listed: Option<u32>,
    /// How many reaped tombstones are remembered.
    pub ghosts: Option<u32>,
    /// How many messages are passed on for a neighbour in a second.
    #[serde(default)]
    pub passed_on: Option<u32>,
}

impl Tight {
    /// In three rooms of four hardly anything is tight. Ghosts are so only where nobody is away: a deleted value that
    /// returns with one who has slept, while nobody remembers the delete any more, is as it is meant to be.
    fn draw(random: &mut fastrand::Rng, is_calm: bool) -> Tight {
        let mut tight = Tight::default();
        if random.u8(..) < 64 {
            let mut some = |end: u32| random.bool().then(|| random.u32(0..end));
            tight.memo_keys = some(3);
            tight.followed = some(4).map(|most| most + 1);
            tight.listed = some(6);
        }
        tight.ghosts = (is_calm && random.bool()).then_some(1);
        tight
    }

    /// The limits of the nodes in this room.
    pub fn apply(&self, limits: &mut Limits) {
        let usize_of = |most: Option<u32>, usual: usize| most.map_or(usual, |most| most as usize);
        limits.memo_keys_max = usize_of(self.memo_keys, limits.memo_keys_max);
        limits.ghosts_max = usize_of(self.ghosts, limits.ghosts_max);
        limits.requests.writes_followed_max = usize_of(self.followed, limits.requests.writes_followed_max);
        limits.passed_on.messages = self.passed_on.unwrap_or(limits.passed_on.messages);
        limits.listed_max = self.listed.map_or(limits.listed_max, u64::from);
    }
}

/// Add to a schedule what else may happen, and tell which limits are tight.
pub(super) fn add(seed: u64, is_calm: bool, keys: u32, acts: &mut Vec<Act>) -> Tight {
    let mut random = fastrand::Rng::with_seed(seed ^ 0x000a_9a27);
    let tight = Tight::draw(&mut random, is_calm);
    // A node does not yet withhold what was deleted while it slept past the horizon: where anything is deleted, nobody
    // sleeps.
    let deletes = acts.iter().any(|act| matches!(act.step, Step::Delete | Step::BlindDelete));
    if is_calm && random.bool() {
        leap(&mut random, acts, Some(keys));
    } else if !is_calm && !deletes {
        leap(&mut random, acts, None);
    }
    if !is_calm && random.u8(..) < 24 {
        err(&mut random, acts);
    }
    tight
}

/// Once, somewhere in the middle, all clocks leap past the horizon. Where there are `keys` to delete, some are deleted
/// shortly before, and written after by who may never have seen them.
fn leap(random: &mut fastrand::Rng, acts: &mut Vec<Act>, keys: Option<u32>) {
    let at = acts.len() / 4 + below(random, acts.len() as u64 / 2) as usize;
    let mut around = vec![Act { step: Step::Leap, tab: 0, other: 0, amount: random.u64(31..70), pause_ms: 70_000 }];
    for keys in [keys; 4].into_iter().flatten() {
        let key = random.u32(0..keys);
        let (one, other) = (random.u32(0..24), random.u32(0..24));
        around.insert(0, Act { step: Step::BlindDelete, tab: one, other: key, amount: 2, pause_ms: 300 });
        around.push(Act { step: Step::BlindPut, tab: other, other: key, amount: 2, pause_ms: 300 });
    }
    acts.splice(at..at, around);
}

/// Once, a clock jumps by months and is set right again.
fn err(random: &mut fastrand::Rng, acts: &mut Vec<Act>) {
    let (tab, at) = (random.u32(0..24), below(random, acts.len() as u64) as usize);
    let back = (at + 1 + below(random, 6) as usize).min(acts.len());
    for (at, days) in [(back, 0), (at, random.u64(31..300))] {
        acts.insert(at, Act { step: Step::Skew, tab, other: 0, amount: days * DAY_MS, pause_ms: 5_000 });
    }
}

#[cfg(test)]
mod tests {
    use super::super::Plan;
    use super::*;

    #[test]
    fn each_limit_is_tight_in_some_rooms_and_usual_in_most() {
        let count =
            |is_tight: fn(&Tight) -> bool| (0..400).filter(|&seed| is_tight(&Plan::of(seed, &(3..9)).tight)).count();
        for is_tight in [
            |tight: &Tight| tight.memo_keys.is_some(),
            |tight: &Tight| tight.followed.is_some(),
            |tight: &Tight| tight.listed.is_some(),
            |tight: &Tight| tight.ghosts.is_some(),
        ] {
            assert!((10..100).contains(&count(is_tight)));
        }
    }

    #[test]
    fn a_tight_limit_is_the_node_s_and_others_stay() {
        let (mut limits, usual) = (Limits::default(), Limits::default());
        Tight { listed: Some(2), ..Tight::default() }.apply(&mut limits);
        assert_eq!((limits.listed_max, limits.memo_keys_max), (2, usual.memo_keys_max));
    }

    #[test]
    fn clocks_leap_only_where_nobody_who_is_away_could_bring_back_what_was_deleted() {
        let mut leaps = 0;
        for plan in (0..400).map(|seed| Plan::of(seed, &(3..9))) {
            let has = |step: Step| plan.acts.iter().any(|act| act.step == step);
            leaps += u32::from(has(Step::Leap));
            assert!(!has(Step::Leap) || plan.is_calm || !has(Step::Delete) && !has(Step::BlindDelete), "{plan}");
        }
        assert!(leaps > 20, "{leaps}");
    }
}
