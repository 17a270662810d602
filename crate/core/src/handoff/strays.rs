//! When an object may be let go by a node that does not own it: when every owner says that the very same lies on its
//! disk.
//!
//! A node holds objects that are not its to keep: it owned them before the ring changed, or stood in for an owner, or
//! coordinated a write. Such *strays* cost room and age. Once the ring has been quiet for half a minute, so that a
//! short absence moves nothing, the owners are asked by fingerprint, a batch at a time. An owner that holds something
//! else is sent the object and asked again by that; one whose arc is incoming, or that is away, keeps the stray here.
//!
//! Invariant: a key is let go only while all N owners of the present ring have confirmed exactly what is held, durable,
//! and no hint for it is held here. Keys that this node's application was shown stay: its user may want them without a
//! network.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::Shipments;
use crate::clock::VersionVector;
use crate::coordinator::Surroundings;
use crate::id::{Key, NodeId, Position};
use crate::ring::RangeSet;
use crate::time::{Instant, Millis};
use crate::wire::{Held, Message, Purpose, WireError};

/// How long the ring must have been quiet: longer than a tab that comes back takes.
const QUIET_MS: Millis = 30_000;
/// How often strays are looked for.
const PERIOD_MS: Millis = 30_000;
/// Between two batches.
const PAUSE_MS: Millis = 100;
/// When a batch that was not answered is given up.
const PATIENCE_MS: Millis = 10_000;
const BATCH_MAX: usize = 256;
/// The most keys that one message may ask about.
const ASKED_MAX: usize = 1_024;

/// A stray that is being asked about.
#[derive(Debug, Clone)]
struct Candidate {
    fingerprint: u128,
    /// Owners that have not yet confirmed it.
    waiting: BTreeSet<NodeId>,
}

#[derive(Debug, Clone)]
struct Round {
    deadline: Instant,
    candidates: BTreeMap<Key, Candidate>,
    /// Which keys an owner was asked about, in order, until it answers.
    asked: BTreeMap<NodeId, Vec<Key>>,
}

/// The strays of one node.
#[derive(Debug, Clone, Default)]
pub struct Strays {
    next: Option<Instant>,
    /// Where in the ring the next batch begins.
    cursor: u64,
    number: u32,
    round: Option<Round>,
    let_go: usize,
}

impl Strays {
    /// When something falls due next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.round.as_ref().map(|round| round.deadline).or(self.next)
    }

    /// The ring has changed: whoever has confirmed may no longer be an owner.
    pub fn on_ring_change(&mut self, now: Instant) {
        self.round = None;
        self.next = Some(now + QUIET_MS);
    }

    /// How many keys were let go since the last call.
    pub fn take_let_go(&mut self) -> usize {
        core::mem::take(&mut self.let_go)
    }

    /// Ask about the next batch. Keys of which `keeps` holds are not let go.
    pub fn handle_timeout(&mut self, near: &mut Surroundings<'_>, keeps: impl Fn(&Key) -> bool) {
        if self.round.as_ref().is_some_and(|round| round.deadline <= near.now) {
            self.round = None;
        }
        if self.round.is_some() || self.next.is_none_or(|due| due > near.now) {
            return;
        }
        let strayed = RangeSet::full().difference(&near.ring.arcs_of(near.me));
        let ahead = RangeSet::from_sorted([(self.cursor, u64::MAX)]).intersection(&strayed);
        let mut candidates = BTreeMap::new();
        let mut asked: BTreeMap<NodeId, Vec<Key>> = BTreeMap::new();
        let mut last = None;
        for (position, key, fingerprint) in near.store.items(&ahead) {
            let owners = self.askable(near, position, key).filter(|_| !keeps(key));
            if let Some(owners) = owners {
                owners.iter().for_each(|owner| asked.entry(*owner).or_default().push(key.clone()));
                candidates.insert(key.clone(), Candidate { fingerprint, waiting: owners });
            }
            last = Some(position.0);
            if candidates.len() >= BATCH_MAX {
                break;
            }
        }
        let is_whole = candidates.len() < BATCH_MAX;
        self.cursor = if is_whole { 0 } else { last.map_or(0, |last| last.wrapping_add(1)) };
        self.next = Some(near.now + if is_whole { PERIOD_MS } else { PAUSE_MS });
        if candidates.is_empty() {
            return;
        }
        self.number = self.number.wrapping_add(1);
        for (owner, keys) in &asked {
            let of = |key: &Key| (near.position(key).0, near.store.fingerprint(key));
            let items = keys.iter().map(of).collect();
            near.out.push((*owner, Message::Holds { request: self.number, items }));
        }
        self.round = Some(Round { deadline: near.now + PATIENCE_MS, candidates, asked });
    }

    /// Whom to ask about a stray: all its owners. `None`: one of them is away, or it is held for somebody.
    fn askable(&self, near: &Surroundings<'_>, position: Position, key: &Key) -> Option<BTreeSet<NodeId>> {
        let owners = near.ring.owners(position);
        let can_be_asked = owners.iter().all(|&id| id != near.me && near.membership.answers(id));
        let is_askable = can_be_asked && owners.len() >= near.ring.n() && !near.store.hints().contains(key);
        is_askable.then(|| owners.into_iter().collect())
    }

    /// An owner says what it holds.
    pub fn on_held(
        &mut self,
        near: &mut Surroundings<'_>,
        shipments: &mut Shipments,
        from: NodeId,
        request: u32,
        answers: &[Held],
    ) {
        if request != self.number {
            return;
        }
        let Some(round) = &mut self.round else { return };
        let Some(keys) = round.asked.remove(&from) else { return };
        let mut differ = Vec::new();
        let mut same = Vec::new();
        for (key, held) in keys.into_iter().zip(answers) {
            match held {
                Held::Same => same.push(key),
                Held::Other => differ.push(key),
                Held::NotYet => {
                    round.candidates.remove(&key);
                }
            }
        }
        let objects: Vec<_> =
            differ.into_iter().filter_map(|key| near.store.object(&key).cloned().map(|object| (key, object))).collect();
        for batch in super::batches(objects) {
            shipments.send(near.now, from, Purpose::Repair, batch, None, near.out);
        }
        for key in same {
            self.confirm(near, from, &key);
        }
    }

    /// An owner's disk now has all of these, up to the given history.
    pub fn on_delivered(&mut self, near: &mut Surroundings<'_>, from: NodeId, contents: &[(Key, VersionVector)]) {
        for (key, seen) in contents {
            if near.store.object(key).is_some_and(|object| seen.descends(object.context())) {
                self.confirm(near, from, key);
            }
        }
    }

    fn confirm(&mut self, near: &mut Surroundings<'_>, owner: NodeId, key: &Key) {
        let Some(round) = &mut self.round else { return };
        let Some(candidate) = round.candidates.get_mut(key) else { return };
        candidate.waiting.remove(&owner);
        if !candidate.waiting.is_empty() {
            return;
        }
        let is_as_it_was = candidate.fingerprint == near.store.fingerprint(key);
        round.candidates.remove(key);
        let is_owner = near.ring.owns(near.me, near.position(key));
        if is_as_it_was && !is_owner && !near.store.hints().contains(key) && near.store.let_go(key) {
            self.let_go += 1;
        }
        if round.candidates.is_empty() {
            self.round = None;
        }
    }
}

/// The answering side: what lies here of the keys that somebody would let go.
pub fn answer_holds(
    near: &mut Surroundings<'_>,
    from: NodeId,
    request: u32,
    items: &[(u64, u128)],
) -> Result<(), WireError> {
    if items.len() > ASKED_MAX {
        return Err(WireError::Limit);
    }
    let answer = |&(position, fingerprint): &(u64, u128)| match () {
        () if !near.is_settled_owner(Position(position)) => Held::NotYet,
        () if near.store.at(position).any(|key| near.store.fingerprint(key) == fingerprint) => Held::Same,
        () => Held::Other,
    };
    let answers = items.iter().map(answer).collect();
    // What is said to be held is durable when it is said.
    near.gated.push((from, Message::Held { request, answers }));
    Ok(())
}
