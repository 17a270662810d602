//! What is held for whom, and what lies on disks.
//!
//! A hint leaves only when its addressee's disk has what it is for, or when it is addressed anew; and once a room is
//! settled, a disk holds what its node does, hints included. Comparisons would hide either fault sooner or later.

use std::collections::BTreeMap;

use roundtable_core::clock::VersionVector;
use roundtable_core::id::{Key, NodeId};
use roundtable_core::node::Event;
use roundtable_core::store::{Table, object_of_row};
use roundtable_core::time::Instant;

use super::run::Soak;

/// The hints of one life of a tab when they were last looked at: what each is for, and since when it may
/// have been held.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    life: u64,
    at: Instant,
    hints: BTreeMap<(Key, NodeId), (VersionVector, Instant)>,
}

impl Soak {
    /// Whoever a hint was for, and is for no longer, has it on its disk.
    pub(crate) fn look_at_hints(&mut self) {
        for tab in self.world.alive() {
            let view = self.world.node(tab).view();
            let seen = |key: &Key| view.object(key).map(|object| object.context().clone()).unwrap_or_default();
            let was = self.held.remove(&tab).unwrap_or_default();
            let since = |hint: &(Key, NodeId)| was.hints.get(hint).map_or(was.at, |(_, since)| *since);
            let hints = view.hints().map(|(key, owner)| (key.clone(), owner));
            let hints = hints.map(|hint| (hint.clone(), (seen(&hint.0), since(&hint)))).collect();
            let is = Held { life: self.world.life(tab), at: self.world.now, hints };
            self.held.insert(tab, is);
            let is = &self.held[&tab];
            if was.life != is.life || self.was_seated_anew(tab, was.at) {
                continue;
            }
            let gone: Vec<_> = was.hints.iter().filter(|(hint, _)| !is.hints.contains_key(hint)).collect();
            for ((key, owner), (seen, since)) in gone {
                let is_addressed = self.world.node(tab).view().preference_list(key).owners.contains(owner);
                if is_addressed && !self.has_or_had(*owner, key, seen, *since) {
                    let now = self.world.now.0;
                    self.oracle.accuse(format!(
                        "{key:?} at {now}: tab {tab} dropped a hint for {owner:?}, who lacks {seen:?}"
                    ));
                }
            }
        }
    }

    /// Whether a tab's ring is the one that it had when it was last looked at, and was all the while.
    pub(super) fn has_kept_ring(&self, tab: usize) -> bool {
        self.held.get(&tab).is_some_and(|held| !self.was_seated_anew(tab, held.at))
    }

    /// Whether a tab's ring has changed since then: hints were addressed anew, perhaps there and back.
    fn was_seated_anew(&self, tab: usize, since: Instant) -> bool {
        self.world.hosts[tab].ring.1 >= since
    }

    /// Whether some tab of this identity has this much on its disk, or has lost or let go of something since then.
    fn has_or_had(&self, owner: NodeId, key: &Key, seen: &VersionVector, since: Instant) -> bool {
        self.world.tabs_of(owner).iter().any(|&at| {
            let events = self.world.hosts[at].events.iter().rev().take_while(|(when, _)| *when >= since);
            let mut letting_go =
                events.filter(|(_, event)| matches!(event, Event::LetGo { .. } | Event::Reaped { .. }));
            self.world.disk_holds(at, key, seen) || self.watch.has_lost(at, since) || letting_go.next().is_some()
        })
    }

    /// What a settled node holds is what its disk would give back.
    pub(super) fn judge_disks(&mut self) {
        let mut wrong = Vec::new();
        for tab in self.world.alive() {
            let (view, disk) = (self.world.node(tab).view(), &self.world.hosts[tab].disk);
            let hints = (view.hint_keys(), disk.count(Table::Hints));
            if hints.0 != hints.1 {
                wrong.push(format!("tab {tab} holds hints for {} keys, and its disk for {}", hints.0, hints.1));
            }
            let mut rows = 0;
            for (key, row) in disk.table(Table::Objects) {
                rows += 1;
                let held = Key::from_bytes(key).ok().and_then(|key| view.object(&key));
                if held.is_none() || held != object_of_row(row) {
                    wrong.push(format!("tab {tab}: its disk has {:?} where it holds {held:?}", object_of_row(row)));
                }
            }
            let metrics = view.metrics();
            if metrics.keys + metrics.tombstones != rows {
                wrong.push(format!(
                    "tab {tab} holds {} + {} keys, and its disk {rows}",
                    metrics.keys, metrics.tombstones
                ));
            }
        }
        wrong.into_iter().for_each(|what| self.oracle.accuse(what));
    }
}
