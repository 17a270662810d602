//! When a node may let go of an object: when every owner says that the very same lies on its disk.
//!
//! *Strays*: a node holds objects that are not its to keep. It owned them before the ring changed, or stood in for an
//! owner, or coordinated a write. Once the ring has been quiet for half a minute, so that a short absence moves
//! nothing, the owners are asked by fingerprint, a batch at a time. An owner that holds something else is sent the
//! object and asked again; one whose arc is incoming, or that is away, keeps the stray here. Keys that this node's
//! application was shown stay: its user may want them without a network. Their owners are asked about them all the
//! same, once after each change of the ring and each new link, for they may have lost what they had: a few every half
//! minute, so that a page that was shown much stays quiet. Of what is pinned, a copy stays (`copies`), so it can go.
//!
//! *Tombstones* older than the horizon, by a wall clock that another device has confirmed: an owner asks the others in
//! the same way, and when all present owners hold the very same, all let it go together and keep its ghost (see
//! `store`). An owner that is away without having departed holds that back; one that misses the last word finds out by
//! comparison, and it is said again.
//!
//! Invariant: a stray is let go only while all N owners of the present ring have confirmed exactly what is held,
//! durable; a tombstone only while all owners have; and neither while a hint for it is held here.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{Shipments, batches, copies};
use crate::clock::VersionVector;
use crate::coordinator::Surroundings;
use crate::id::{Inserted, Key, NodeId, Position};
use crate::marks::Mark;
use crate::planted::Plant;
use crate::ring::RangeSet;
use crate::time::{Instant, MINUTE_MS, Millis};
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
/// So many of those that stay are asked about in one batch.
const KEPT_MAX: usize = 128;
/// The most keys that one message may ask about.
const ASKED_MAX: usize = 1_024;

/// Why an object may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// It is not this node's to keep.
    Stray,
    /// It is not this node's to keep, and stays: its owners are to have it, too.
    Kept,
    /// It is a tombstone past the horizon.
    Old,
}

/// An object that is being asked about.
#[derive(Debug, Clone)]
struct Candidate {
    why: Why,
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

/// What was let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Released {
    /// How many strays.
    pub strays: usize,
    /// How many tombstones.
    pub tombstones: usize,
}

/// What one node holds and may let go.
#[derive(Debug, Clone)]
pub struct Release {
    /// How old a tombstone must be.
    horizon_ms: Millis,
    next: Option<Instant>,
    /// Where in the ring the next batch begins.
    cursor: u64,
    /// The same for those that stay; `None`: their owners were all asked.
    kept: Option<u64>,
    number: u32,
    round: Option<Round>,
    released: Released,
}

impl Release {
    /// With nothing to let go yet.
    pub fn new(horizon_ms: Millis) -> Release {
        Release { horizon_ms, next: None, cursor: 0, kept: None, number: 0, round: None, released: Released::default() }
    }

    /// When something falls due next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.round.as_ref().map(|round| round.deadline).or(self.next)
    }

    /// The ring has changed: whoever has confirmed may no longer be an owner.
    pub fn on_ring_change(&mut self, now: Instant) {
        self.round = None;
        self.next = Some(now + QUIET_MS);
        self.kept = Some(0);
    }

    /// A node has come, perhaps back with less than it had.
    pub fn on_link_up(&mut self) {
        self.kept = Some(0);
    }

    /// What was let go since the last call.
    pub fn take_released(&mut self) -> Released {
        core::mem::take(&mut self.released)
    }

    /// Ask about the next batch. Keys that were shown, and of which there is no copy beside, or of which `keeps` holds,
    /// are not let go.
    pub fn handle_timeout(&mut self, near: &mut Surroundings<'_>, keeps: impl Fn(&Key) -> bool) {
        if self.round.as_ref().is_some_and(|round| round.deadline <= near.now) {
            near.marks.hit(Mark::AskedInVain);
            self.round = None;
            self.kept = Some(0);
        }
        if self.round.is_some() || self.next.is_none_or(|due| due > near.now) {
            return;
        }
        copies::settle(near, self.horizon_ms);
        let mut candidates = BTreeMap::new();
        self.find_kept(near, &keeps, &mut candidates);
        self.find_strays(near, &keeps, &mut candidates);
        self.find_tombstones(near, &mut candidates);
        let mut asked: BTreeMap<NodeId, Vec<Key>> = BTreeMap::new();
        for (key, candidate) in &candidates {
            candidate.waiting.iter().for_each(|owner| asked.entry(*owner).or_default().push(key.clone()));
        }
        // A tombstone that nobody else owns need not be asked about.
        let alone: Vec<Key> =
            candidates.iter().filter(|(_, one)| one.waiting.is_empty()).map(|(key, _)| key.clone()).collect();
        for key in alone {
            if let Some(candidate) = candidates.remove(&key) {
                self.release(near, &key, &candidate);
            }
        }
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

    /// The next strays, from the cursor on.
    fn find_strays(
        &mut self,
        near: &Surroundings<'_>,
        keeps: impl Fn(&Key) -> bool,
        candidates: &mut BTreeMap<Key, Candidate>,
    ) {
        let keeps = |key: &Key| keeps(key) || near.store.is_shown(key) && !near.store.wants(key);
        let strayed = RangeSet::full().difference(&near.ring.arcs_of(near.me));
        let ahead = RangeSet::from_sorted([(self.cursor, u64::MAX)]).intersection(&strayed);
        let mut last = None;
        for (position, key, fingerprint) in near.store.items(&ahead) {
            let owners = near.ring.owners(position);
            if owners.len() >= near.ring.n() && can_be_asked(near, key, &owners) && !keeps(key) {
                let is_asked = |_: &NodeId| !near.planted.has(Plant::LetGoUnasked);
                let waiting = owners.into_iter().filter(is_asked).inserted();
                candidates.insert(key.clone(), Candidate { why: Why::Stray, fingerprint, waiting });
            }
            last = Some(position.0);
            if candidates.len() >= BATCH_MAX {
                break;
            }
        }
        let is_whole = candidates.len() < BATCH_MAX;
        self.cursor = if is_whole { 0 } else { last.map_or(0, |last| last.wrapping_add(1)) };
        self.next = Some(near.now + if is_whole { PERIOD_MS } else { PAUSE_MS });
    }

    /// The next of those that stay.
    fn find_kept(
        &mut self,
        near: &Surroundings<'_>,
        keeps: impl Fn(&Key) -> bool,
        candidates: &mut BTreeMap<Key, Candidate>,
    ) {
        let Some(cursor) = self.kept.take() else { return };
        let keeps = |key: &Key| keeps(key) || near.store.is_shown(key) && !near.store.wants(key);
        let strayed = RangeSet::full().difference(&near.ring.arcs_of(near.me));
        let ahead = RangeSet::from_sorted([(cursor, u64::MAX)]).intersection(&strayed);
        for (position, key, fingerprint) in near.store.items(&ahead).filter(|(_, key, _)| keeps(key)) {
            if candidates.len() >= KEPT_MAX {
                self.kept = Some(position.0);
                return;
            }
            let owners = near.ring.owners(position);
            if can_be_asked(near, key, &owners) {
                let waiting = owners.into_iter().inserted();
                candidates.insert(key.clone(), Candidate { why: Why::Kept, fingerprint, waiting });
            }
        }
    }

    /// Tombstones of this node's arcs that are past the horizon.
    fn find_tombstones(&self, near: &mut Surroundings<'_>, candidates: &mut BTreeMap<Key, Candidate>) {
        let Some(wall) = near.wall.confirmed(near.now) else { return };
        let minute = |ms: u64| u32::try_from(ms / MINUTE_MS).unwrap_or(u32::MAX);
        near.store.date_tombstones(minute(wall.0));
        let horizon_ms = if near.planted.has(Plant::ReapEarly) { 0 } else { self.horizon_ms };
        let due = minute(wall.0.saturating_sub(horizon_ms));
        for (position, key) in near.store.tombstones_since(due).take(BATCH_MAX) {
            let mut owners = near.ring.owners(position);
            owners.retain(|owner| *owner != near.me);
            if near.is_settled_owner(position) && can_be_asked(near, key, &owners) {
                let (fingerprint, waiting) = (near.store.fingerprint(key), owners.into_iter().inserted());
                candidates.insert(key.clone(), Candidate { why: Why::Old, fingerprint, waiting });
            }
        }
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
            let why = round.candidates.get(&key).map(|candidate| candidate.why);
            let is_stray = matches!(why, Some(Why::Stray | Why::Kept));
            match held {
                Held::Same => same.push(key),
                Held::Other if is_stray => {
                    near.marks.hit(Mark::StrayUnknown);
                    differ.push(key);
                }
                // Owners that differ compare without this.
                Held::Other | Held::NotYet => {
                    near.marks.hit_if(Mark::StrayKept, || is_stray);
                    if why == Some(Why::Kept) {
                        self.kept = Some(0);
                    }
                    round.candidates.remove(&key);
                }
            }
        }
        let objects: Vec<_> =
            differ.into_iter().filter_map(|key| near.store.object(&key).map(|object| (key, object))).collect();
        for batch in batches(objects) {
            shipments.send(near.now, from, Purpose::Repair, batch, None, near.out);
        }
        for key in same {
            self.confirm(near, from, &key);
        }
    }

    /// An owner's disk now has all of these, up to the given history.
    pub fn on_delivered(&mut self, near: &mut Surroundings<'_>, from: NodeId, contents: &[(Key, VersionVector)]) {
        for (key, seen) in contents {
            if near.store.context(key).is_some_and(|context| seen.descends(&context)) {
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
        let Some(candidate) = round.candidates.remove(key) else { return };
        if round.candidates.is_empty() {
            self.round = None;
        }
        self.release(near, key, &candidate);
    }

    /// All have confirmed: let it go, unless it has changed meanwhile.
    fn release(&mut self, near: &mut Surroundings<'_>, key: &Key, candidate: &Candidate) {
        let position = near.position(key);
        let is_as_it_was = candidate.fingerprint == near.store.fingerprint(key);
        near.marks.hit_if(Mark::StrayChanged, || !is_as_it_was);
        if !is_as_it_was || near.store.hints().contains(key) {
            return;
        }
        match candidate.why {
            Why::Stray => {
                if !near.ring.owns(near.me, position) && near.store.let_go(key) {
                    near.marks.hit(Mark::StrayLetGo);
                    self.released.strays += 1;
                }
            }
            Why::Kept => {}
            Why::Old => {
                if near.is_settled_owner(position) && near.store.reap(position.0, candidate.fingerprint) {
                    near.marks.hit(Mark::Reaped);
                    self.released.tombstones += 1;
                    for owner in near.ring.owners(position).into_iter().filter(|&owner| owner != near.me) {
                        let item = (position.0, candidate.fingerprint);
                        near.out.push((owner, Message::Reap { items: alloc::vec![item] }));
                    }
                }
            }
        }
    }

    /// Another owner has heard from all that they hold these tombstones, and lets them go.
    pub fn on_reap(
        &mut self,
        near: &mut Surroundings<'_>,
        from: NodeId,
        items: &[(u64, u128)],
    ) -> Result<(), WireError> {
        if items.len() > ASKED_MAX {
            return Err(WireError::Limit);
        }
        for &(position, fingerprint) in items {
            let is_owners = near.is_settled_owner(Position(position)) && near.ring.owns(from, Position(position));
            if is_owners && near.store.reap(position, fingerprint) {
                self.released.tombstones += 1;
            }
        }
        Ok(())
    }
}

/// Whether all of these can be asked about a key, and it is held for nobody.
fn can_be_asked(near: &Surroundings<'_>, key: &Key, owners: &[NodeId]) -> bool {
    owners.iter().all(|&id| near.membership.answers(id)) && !near.store.hints().contains(key)
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
        () if near.store.holds(position, fingerprint) => Held::Same,
        () => Held::Other,
    };
    let answers = items.iter().map(answer).collect();
    // What is said to be held is durable when it is said.
    near.gated.push((from, Message::Held { request, answers }));
    Ok(())
}
