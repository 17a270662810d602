//! A node that goes for good hands everything off first (DESIGN, Membership).
//!
//! Its record says that it is leaving, and with that it owns nothing: the ring closes over its arcs, and whoever gains
//! them fetches them from it as from any previous owner. Meanwhile it goes round the ring, a batch of keys at a time,
//! and asks the present owners by fingerprint whether they have what lies here; one that holds something else is sent
//! the object. A key is *confirmed* when an owner on another device has it on its disk, and every other owner that
//! answers too. When all is confirmed and nothing has changed since, the node may sign its departure; a hint needs no
//! more than that, for owners compare among themselves.
//!
//! Nothing is let go on the way. A leave that comes to its deadline, or finds nobody on another device who stays, is
//! called off: the node is a member as before, with all that it held.
//!
//! A node that is leaving confirms nothing to another one that is, nor does one that is no owner by its own ring: so
//! of two that leave at the same time neither relies on the other.
//!
//! Invariant: what is confirmed lay, when it was, on the disk of an owner that stays; if that one leaves later, it
//! hands it off in its turn.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{Shipments, batches};
use crate::clock::VersionVector;
use crate::coordinator::Surroundings;
use crate::id::{Key, NodeId, RequestId};
use crate::planted::Plant;
use crate::ring::RangeSet;
use crate::store::Sum;
use crate::time::{Instant, Millis};
use crate::wire::{Held, Message, Purpose, size};

/// How many keys are asked about at a time, and about how many bytes they may hold together: all may have to be sent.
const BATCH_KEYS_MAX: usize = 512;
const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// When an owner that has not answered is asked again; and one that has not yet received its arc.
const PATIENCE_MS: Millis = 2_000;
const RETRY_MS: Millis = 250;
/// An owner that has not answered so often in a row is left out: its way here may be cut, and others have it all.
const SILENT_TIMES_MAX: u32 = 3;
/// For how long an owner that was sent an object is not asked about it.
const SHIPPING_MS: Millis = 10_000;
/// Numbers of questions from here on are these; those below are about strays.
const NUMBER_MIN: u32 = 1 << 31;

/// The keys of one part of the ring, while their owners are asked.
#[derive(Debug, Clone)]
struct Round {
    part: (u64, u64),
    /// What was held there when it began.
    sum: Sum,
    /// Keys not yet confirmed, with the owners that have them.
    keys: BTreeMap<Key, BTreeSet<NodeId>>,
    /// Which keys an owner was asked about, in order, until it answers.
    asked: BTreeMap<NodeId, Vec<Key>>,
    again_at: Instant,
    /// What is on its way to whom, and since when.
    shipped: BTreeMap<(NodeId, Key), Instant>,
}

/// A node on its way out.
#[derive(Debug, Clone, Default)]
pub struct Leaving {
    /// Who is to be told what became of it.
    asked: Vec<RequestId>,
    /// When it is called off; `None`: this node stays.
    deadline: Option<Instant>,
    number: u32,
    /// Parts of the ring that are still to be asked about, and those whose every key was confirmed, with what was held
    /// there.
    to_do: Vec<(u64, u64)>,
    done: Vec<((u64, u64), Sum)>,
    round: Option<Round>,
    /// Owners whose disks took something no more.
    refused: BTreeSet<NodeId>,
    /// How often in a row an owner has not answered.
    silent: BTreeMap<NodeId, u32>,
}

impl Leaving {
    /// Begin; a second request shares the outcome of the first. Tells whether it is the first.
    pub fn begin(&mut self, id: RequestId, deadline: Instant) -> bool {
        self.asked.push(id);
        let is_first = self.deadline.is_none();
        if is_first {
            self.deadline = Some(deadline);
            self.restart();
        }
        is_first
    }

    /// Whether this node is leaving.
    pub fn is_active(&self) -> bool {
        self.deadline.is_some()
    }

    /// Whether its time is up.
    pub fn is_overdue(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// It is over, one way or the other. Who is to be told.
    pub fn end(&mut self) -> Vec<RequestId> {
        core::mem::take(self).asked
    }

    /// The owners are others now: all is asked about anew.
    pub fn restart(&mut self) {
        self.to_do = alloc::vec![(0, u64::MAX)];
        self.done.clear();
        self.round = None;
        self.refused.clear();
        self.silent.clear();
    }

    /// When something falls due next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let again_at = self.round.as_ref().map(|round| round.again_at);
        self.deadline.into_iter().chain(again_at.filter(|_| self.is_active())).min()
    }

    /// Ask on. Tells whether all that is held is confirmed.
    pub fn drive(&mut self, near: &mut Surroundings<'_>) -> bool {
        if !self.is_active() {
            return false;
        }
        if self.round.as_ref().is_some_and(|round| round.again_at <= near.now) {
            self.ask(near);
        }
        while self.round.is_none() {
            if self.to_do.is_empty() {
                // What has changed since it was confirmed is asked about once more.
                let has_changed = |part: (u64, u64), sum: Sum| near.store.sum(&RangeSet::from_sorted([part])) != sum;
                let changed = self.done.extract_if(.., |(part, sum)| has_changed(*part, *sum));
                self.to_do.extend(changed.map(|(part, _)| part));
            }
            let Some(part) = self.to_do.pop() else { return true };
            self.begin_round(near, part);
        }
        near.planted.has(Plant::DepartUnconfirmed)
    }

    /// The first keys of a part; the rest of it is for later.
    fn begin_round(&mut self, near: &mut Surroundings<'_>, (start, end): (u64, u64)) {
        let (mut keys, mut bytes, mut part) = (BTreeMap::new(), 0, (start, end));
        let mut last = start;
        for (position, key, _) in near.store.items(&RangeSet::from_sorted([(start, end)])) {
            // Two keys at one position are asked about together.
            if (keys.len() >= BATCH_KEYS_MAX || bytes >= BATCH_BYTES_MAX) && position.0 != last {
                part.1 = position.0 - 1;
                self.to_do.push((position.0, end));
                break;
            }
            last = position.0;
            bytes += near.store.object(key).map_or(0, |object| size(&object));
            keys.insert(key.clone(), BTreeSet::new());
        }
        let sum = near.store.sum(&RangeSet::from_sorted([part]));
        if keys.is_empty() {
            self.done.push((part, sum));
            return;
        }
        let (asked, shipped) = (BTreeMap::new(), BTreeMap::new());
        self.round = Some(Round { part, sum, keys, asked, again_at: near.now, shipped });
        self.ask(near);
    }

    /// Ask every owner about the keys that it has not confirmed.
    fn ask(&mut self, near: &mut Surroundings<'_>) {
        for owner in self.round.iter().flat_map(|round| round.asked.keys()) {
            *self.silent.entry(*owner).or_default() += 1;
        }
        self.settle_round(near);
        let Some(round) = &mut self.round else { return };
        round.shipped.retain(|_, since| near.now.since(*since) < SHIPPING_MS);
        round.asked.clear();
        for (key, confirmed) in &round.keys {
            for owner in expected(near, (&self.refused, &self.silent), key) {
                if !confirmed.contains(&owner) && !round.shipped.contains_key(&(owner, key.clone())) {
                    round.asked.entry(owner).or_default().push(key.clone());
                }
            }
        }
        self.number = self.number.wrapping_add(1) | NUMBER_MIN;
        for (owner, keys) in &round.asked {
            let item = |key: &Key| (near.position(key).0, near.store.fingerprint(key));
            let items = keys.iter().map(item).collect();
            near.out.push((*owner, Message::Holds { request: self.number, items }));
        }
        let wait_ms = if round.asked.is_empty() { RETRY_MS } else { PATIENCE_MS };
        round.again_at = near.now + wait_ms;
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
        let Some(round) = self.round.as_mut().filter(|_| request == self.number) else { return };
        let Some(keys) = round.asked.remove(&from) else { return };
        self.silent.remove(&from);
        let mut differ = Vec::new();
        for (key, held) in keys.into_iter().zip(answers) {
            match held {
                Held::Same => {
                    round.keys.get_mut(&key).map(|confirmed| confirmed.insert(from));
                }
                Held::Other => differ.push(key),
                Held::NotYet => {}
            }
        }
        let with_object = |key: Key| near.store.object(&key).map(|object| (key, object));
        let objects: Vec<_> = differ.into_iter().filter_map(with_object).collect();
        round.shipped.extend(objects.iter().map(|(key, _)| ((from, key.clone()), near.now)));
        for batch in batches(objects) {
            shipments.send(near.now, from, Purpose::Repair, batch, None, near.out);
        }
        if round.asked.is_empty() {
            round.again_at = round.again_at.min(near.now + RETRY_MS);
        }
        self.settle_round(near);
    }

    /// That node's disk now has all of these, up to the given history; or takes no more.
    pub fn on_delivered(
        &mut self,
        near: &mut Surroundings<'_>,
        from: NodeId,
        contents: &[(Key, VersionVector)],
        durable: bool,
    ) {
        let Some(round) = &mut self.round else { return };
        for (key, seen) in contents.iter().filter(|_| durable) {
            round.shipped.remove(&(from, key.clone()));
            let has_all = near.store.context(key).is_some_and(|context| seen.descends(&context));
            if let Some(confirmed) = round.keys.get_mut(key).filter(|_| has_all) {
                confirmed.insert(from);
            }
        }
        if !durable {
            self.refused.insert(from);
        }
        self.settle_round(near);
    }

    /// Keys that all have confirmed, or that are held no more, are done with, and with the last one the round.
    fn settle_round(&mut self, near: &Surroundings<'_>) {
        let Some(round) = &mut self.round else { return };
        let without = (&self.refused, &self.silent);
        let own_device = near.membership.device(near.me);
        round.keys.retain(|key, confirmed| {
            let is_elsewhere = confirmed.iter().any(|&owner| near.membership.device(owner) != own_device);
            let is_confirmed = is_elsewhere && expected(near, without, key).all(|owner| confirmed.contains(&owner));
            !is_confirmed && near.store.object(key).is_some()
        });
        if round.keys.is_empty()
            && let Some(round) = self.round.take()
        {
            self.done.push((round.part, round.sum));
        }
    }
}

/// The owners of a key that can be asked, without those that refuse, or say nothing.
fn expected<'a>(
    near: &'a Surroundings<'_>,
    (refused, silent): (&'a BTreeSet<NodeId>, &'a BTreeMap<NodeId, u32>),
    key: &Key,
) -> impl Iterator<Item = NodeId> + 'a {
    let is_silent = |id: &NodeId| silent.get(id).is_some_and(|times| *times >= SILENT_TIMES_MAX);
    let owners = near.ring.owners(near.position(key)).into_iter();
    owners.filter(move |id| near.membership.answers(*id) && !refused.contains(id) && !is_silent(id))
}
