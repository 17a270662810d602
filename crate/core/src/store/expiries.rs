//! When what expires: an ordered index over the versions held that have an expiry, so that nothing is ever searched.
//!
//! An expiry has two moments. At its time the version goes out of sight, by this node's clock alone, and nothing else
//! changes: the node goes on holding it, for its clock may be ahead of others'. A day later ([`JUMP_MS`], further than
//! clocks differ that are believed) it is dropped as seen. That leaves a tombstone, which joins with all other copies
//! like any, so no repair, hint or transfer brings it back; and no value dies early because one clock is hours ahead.
//! Nor because one is months ahead: where there are other devices, nothing is dropped before they have confirmed the
//! clock.
//!
//! Copies of what others own have an index of their own: of them nothing is dropped here, for their owners do it.
//!
//! The clock is the wall clock as it was last believed: while it is suspended nothing expires, and nothing comes back.
//! If a device's clock is set back, what had gone out of sight too early is shown again.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Bound::{Excluded, Included, Unbounded};

use super::Store;
use crate::datatype::lives;
use crate::id::Key;
use crate::time::{JUMP_MS, WallTime};
use crate::wire::Object;

/// How many keys lose their long expired versions in one step; the next step follows at once.
const DROPS_MAX: usize = 1_000;

/// When versions of an object expire.
pub(super) fn of(object: &Object) -> Vec<WallTime> {
    object.values().filter_map(|version| version.expires).collect()
}

/// What is told more than once stays where it was told first.
fn once_each(keys: &mut Vec<Key>) {
    let mut told = BTreeSet::new();
    keys.retain(|key| told.insert(key.clone()));
}

/// Which keys have a version that expires when.
#[derive(Debug, Clone, Default)]
pub(super) struct Expiries {
    due: BTreeMap<WallTime, BTreeSet<Key>>,
    clock: Option<WallTime>,
    /// Whether the clock is good enough to drop by it.
    may_drop: bool,
}

impl Expiries {
    /// All that expires until then is out of sight. `None`: the wall time was never known.
    pub(super) fn clock(&self) -> Option<WallTime> {
        self.clock
    }

    pub(super) fn note(&mut self, key: &Key, expiries: Vec<WallTime>) {
        for expires in expiries {
            self.due.entry(expires).or_default().insert(key.clone());
        }
    }

    pub(super) fn forget(&mut self, key: &Key, object: &Object) {
        for expires in of(object) {
            if let Some(keys) = self.due.get_mut(&expires) {
                keys.remove(key);
                if keys.is_empty() {
                    self.due.remove(&expires);
                }
            }
        }
    }

    /// Set the clock. Tells the keys of which something goes out of sight by that, or comes back: each once, however
    /// many of its versions do.
    fn advance(&mut self, wall: WallTime) -> Vec<Key> {
        let (from, to) = match self.clock.replace(wall) {
            Some(before) if before == wall => return Vec::new(),
            Some(before) => (Excluded(before.min(wall)), Included(before.max(wall))),
            None => (Unbounded, Included(wall)),
        };
        let mut keys: Vec<Key> = self.due.range((from, to)).flat_map(|(_, keys)| keys).cloned().collect();
        once_each(&mut keys);
        keys
    }

    fn long_over(&self) -> Vec<Key> {
        let limit = self.clock.and_then(|wall| wall.0.checked_sub(JUMP_MS)).map(WallTime).filter(|_| self.may_drop);
        let over = limit.into_iter().flat_map(|limit| self.due.range(..=limit));
        over.flat_map(|(_, keys)| keys).take(DROPS_MAX).cloned().collect()
    }

    /// The wall time of the next change.
    fn next(&self) -> Option<WallTime> {
        let clock = self.clock?;
        let hidden = self.due.range((Excluded(clock), Unbounded)).next().map(|(due, _)| *due);
        let first = self.due.first_key_value().filter(|_| self.may_drop);
        let dropped = first.map(|(due, _)| WallTime(due.0.saturating_add(JUMP_MS)));
        hidden.into_iter().chain(dropped).min()
    }
}

impl Store {
    /// Whether anything that is held expires at all.
    pub fn has_expiries(&self) -> bool {
        !self.expiries.due.is_empty() || !self.copies.expiries.due.is_empty()
    }

    /// All that expires until then is out of sight. `None`: the wall time was never known, and nothing is.
    pub fn expiry_clock(&self) -> Option<WallTime> {
        self.expiries.clock()
    }

    /// Let go out of sight what has expired by now, and drop what has expired long ago. Without a time that can be
    /// believed all stays as it is; nothing is dropped unless `may_drop`. Tells of which keys something went out of
    /// sight or came back.
    pub fn expire(&mut self, wall: Option<WallTime>, may_drop: bool) -> Vec<Key> {
        let Some(wall) = wall else { return Vec::new() };
        self.expiries.may_drop = may_drop;
        let before = self.expiries.clock();
        let mut keys = self.expiries.advance(wall);
        for key in &keys {
            let Some(object) = self.object(key) else { continue };
            let (lived, lives) = (lives(&object, before), lives(&object, Some(wall)));
            self.live = self.live.wrapping_add(u64::from(lives)).wrapping_sub(u64::from(lived));
        }
        for key in self.expiries.long_over() {
            let Some(mut object) = self.object(&key) else { continue };
            let limit = wall.0.checked_sub(JUMP_MS).map(WallTime);
            if object.drop_where(|version| version.is_over(limit)) {
                self.replace(self.room.position(&key), &key, object);
            }
        }
        keys.extend(self.copies.expiries.advance(wall));
        once_each(&mut keys);
        keys
    }

    /// The wall time at which [`Store::expire`] has something to do next.
    pub fn next_expiry(&self) -> Option<WallTime> {
        self.expiries.next().into_iter().chain(self.copies.expiries.next()).min()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{key, open, store_after};
    use super::*;
    use crate::clock::VersionVector;
    use crate::ring::RangeSet;
    use crate::store::Restored;
    use crate::wire::Version;
    use alloc::vec;

    fn expiring(wall: u64) -> Version {
        Version { expires: Some(WallTime(wall)), ..Version::plain(vec![1].into()) }
    }

    fn put(store: &mut Store, name: &str, version: Version) {
        store.put(&key(name), &VersionVector::new(), version);
    }

    #[test]
    fn what_expires_goes_out_of_sight_at_its_time_and_is_dropped_a_day_later() {
        let mut store = open(Restored::default(), 1);
        assert_eq!(store.expire(Some(WallTime(5)), true), vec![]);
        put(&mut store, "a", expiring(10));
        put(&mut store, "b", expiring(20));
        put(&mut store, "c", Version::plain(vec![1].into()));
        assert_eq!((store.counts().0, store.next_expiry()), (3, Some(WallTime(10))));
        assert_eq!(store.expire(Some(WallTime(9)), true), vec![]);
        assert_eq!(store.expire(Some(WallTime(10)), true), vec![key("a")]);
        assert_eq!((store.counts().0, store.next_expiry()), (2, Some(WallTime(20))));
        assert_eq!(store.object(&key("a")).unwrap().values().len(), 1, "others' clocks may be behind");
        assert_eq!(store.expire(Some(WallTime(10 + JUMP_MS)), true), vec![key("b")]);
        assert!(store.object(&key("a")).unwrap().is_tombstone() && !store.object(&key("b")).unwrap().is_tombstone());
        assert_eq!(store.next_expiry(), Some(WallTime(20 + JUMP_MS)));
        store.expire(Some(WallTime(20 + JUMP_MS)), true);
        assert_eq!((store.counts().0, store.counts().1, store.next_expiry()), (1, 2, None));
    }

    #[test]
    fn what_was_dropped_is_not_brought_back_by_a_stale_replica() {
        let mut store = open(Restored::default(), 1);
        put(&mut store, "a", expiring(10));
        let stale = store.object(&key("a")).unwrap().clone();
        store.expire(Some(WallTime(10 + JUMP_MS)), true);
        assert_eq!(store.merge(&key("a"), &stale), Ok(None));
        assert!(store.object(&key("a")).unwrap().is_tombstone());
    }

    #[test]
    fn while_the_clock_is_not_believed_nothing_expires_and_nothing_comes_back() {
        let mut store = open(Restored::default(), 1);
        put(&mut store, "a", expiring(10));
        put(&mut store, "b", expiring(20));
        assert_eq!((store.expire(None, true), store.next_expiry()), (vec![], None));
        store.expire(Some(WallTime(15)), true);
        assert_eq!(store.expire(None, true), vec![]);
        assert_eq!((store.counts().0, store.expiry_clock()), (1, Some(WallTime(15))));
    }

    #[test]
    fn a_clock_that_is_set_back_shows_again_what_it_had_hidden_too_early() {
        let mut store = open(Restored::default(), 1);
        put(&mut store, "a", expiring(10));
        assert_eq!(store.expire(Some(WallTime(15)), true), vec![key("a")]);
        assert_eq!(store.expire(Some(WallTime(9)), true), vec![key("a")]);
        assert_eq!((store.counts().0, store.next_expiry()), (1, Some(WallTime(10))));
    }

    #[test]
    fn a_key_of_which_two_values_expire_at_once_is_counted_and_told_once() {
        let mut store = open(Restored::default(), 1);
        put(&mut store, "a", expiring(10));
        put(&mut store, "a", expiring(12));
        put(&mut store, "b", Version::plain(vec![1].into()));
        assert_eq!((store.expire(Some(WallTime(5)), true), store.counts().0), (vec![], 2));
        assert_eq!(store.expire(Some(WallTime(15)), true), vec![key("a")]);
        assert_eq!((store.counts().0, store.counts().1), (1, 1));
        assert_eq!(store.expire(Some(WallTime(9)), true), vec![key("a")]);
        assert_eq!((store.counts().0, store.counts().1), (2, 0));
    }

    #[test]
    fn by_a_clock_that_nobody_has_confirmed_nothing_is_dropped_and_nothing_waits_for_it() {
        let mut store = open(Restored::default(), 1);
        put(&mut store, "a", expiring(10));
        assert_eq!(store.expire(Some(WallTime(10 + JUMP_MS)), false), vec![key("a")]);
        assert_eq!((store.object(&key("a")).unwrap().values().len(), store.next_expiry()), (1, None));
        assert_eq!(store.expire(Some(WallTime(10 + JUMP_MS)), true), vec![]);
        assert!(store.object(&key("a")).unwrap().is_tombstone());
    }

    #[test]
    fn a_later_put_lives_on_and_the_expiry_of_the_earlier_is_forgotten() {
        let mut store = open(Restored::default(), 1);
        put(&mut store, "a", expiring(10));
        let seen = store.object(&key("a")).unwrap().context().clone();
        store.put(&key("a"), &seen, Version::plain(vec![2].into()));
        assert_eq!(store.expire(Some(WallTime(2 * JUMP_MS)), true), vec![]);
        assert_eq!((store.counts().0, store.next_expiry()), (1, None));
    }

    #[test]
    fn a_key_that_is_let_go_is_not_remembered_for_its_expiry() {
        let mut store = open(Restored::default(), 1);
        put(&mut store, "a", expiring(10));
        store.let_go(&key("a"));
        assert_eq!((store.expire(Some(WallTime(10)), true), store.next_expiry(), store.counts().0), (vec![], None, 0));
    }

    #[test]
    fn of_two_versions_that_expire_together_the_index_forgets_none_too_early() {
        let mut store = open(Restored::default(), 1);
        put(&mut store, "a", expiring(10));
        let seen = store.object(&key("a")).unwrap().context().clone();
        put(&mut store, "a", expiring(10));
        store.put(&key("a"), &seen, expiring(30));
        store.expire(Some(WallTime(10 + JUMP_MS)), true);
        assert_eq!(store.object(&key("a")).unwrap().values().len(), 1);
    }

    #[test]
    fn a_month_of_expired_keys_is_dropped_in_steps_and_restored_as_it_was() {
        let mut store = open(Restored::default(), 1);
        for number in 0..DROPS_MAX + 10 {
            put(&mut store, &alloc::format!("{number}"), expiring(10));
        }
        let wall = WallTime(10 + 30 * JUMP_MS);
        assert_eq!(store.expire(Some(wall), true).len(), DROPS_MAX + 10);
        assert!(store.next_expiry().is_some_and(|due| due <= wall), "there is more to do at once");
        assert_eq!((store.counts().0, store.expire(Some(wall), true).len()), (0, 0));
        assert_eq!(store.next_expiry(), None);
        put(&mut store, "a", expiring(wall.0 + 10));
        let mut after = store_after(&mut store);
        assert_eq!(after.sum(&RangeSet::full()), store.sum(&RangeSet::full()));
        after.expire(Some(wall), true);
        assert_eq!((after.counts(), after.next_expiry()), (store.counts(), store.next_expiry()));
    }
}
