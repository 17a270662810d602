//! One comparison, on the side that began it: what has been asked, what is wanted, what has to be sent.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::{Outcome, ROOT, Task, part_of};
use crate::coordinator::Surroundings;
use crate::handoff::{Handoff, size};
use crate::id::{Key, NodeId};
use crate::ring::{PART_FANOUT, RangeSet};
use crate::time::Instant;
use crate::wire::{Message, Object, Part, PartSummary, Purpose, Scope, Wanted};

/// How many parts are asked for in one message.
const PARTS_PER_MESSAGE: usize = 64;
/// How many positions are wanted in one message.
const POSITIONS_PER_MESSAGE: usize = 512;
/// How many wants, and how many batches, are on their way at a time.
const WINDOW: usize = 4;
const BATCH_BYTES_MAX: usize = 64 * 1024;
const BATCH_OBJECTS_MAX: usize = 512;

#[derive(Debug, Clone)]
pub(super) struct Session {
    number: u32,
    pub(super) with: NodeId,
    pub(super) scope: RangeSet,
    /// What it is for. Where only the other is an owner, nothing is wanted.
    pub(super) task: Task,
    /// The ring whose shared arcs are compared; `None`: arcs that are incoming.
    pub(super) ring: Option<u64>,
    pub(super) progress: Instant,
    asked: BTreeSet<Part>,
    to_ask: VecDeque<Part>,
    wants: VecDeque<Wanted>,
    wants_under_way: VecDeque<Wanted>,
    to_send: VecDeque<Key>,
    received: usize,
    sent: usize,
    was_same: bool,
    /// The other side's disk took no more.
    pub(super) was_refused: bool,
}

impl Session {
    /// Begin a comparison: ask for everything if nothing is held here, else say what is.
    pub(super) fn begin(
        near: &mut Surroundings<'_>,
        number: u32,
        with: NodeId,
        scope: RangeSet,
        task: Task,
        ring: Option<u64>,
    ) -> Session {
        let mut session = Session { number, with, scope, task, ring, progress: near.now, ..Session::nothing(with, 0) };
        session.ring = ring;
        session.was_same = false;
        let sum = near.store.sum(&session.scope);
        let sent_scope = match ring {
            Some(hash) => Scope::Shared(hash),
            None => Scope::Ranges(session.scope.to_pairs()),
        };
        session.asked.insert(ROOT);
        let parts = alloc::vec![(ROOT, Some(sum.fingerprint))];
        near.out.push((with, Message::Compare { session: number, scope: Some(sent_scope), parts }));
        session
    }

    /// Two nodes that share nothing agree on it.
    pub(super) fn nothing(with: NodeId, ring: u64) -> Session {
        Session {
            number: 0,
            with,
            scope: RangeSet::empty(),
            task: Task::Shared,
            ring: Some(ring),
            progress: Instant(0),
            asked: BTreeSet::new(),
            to_ask: VecDeque::new(),
            wants: VecDeque::new(),
            wants_under_way: VecDeque::new(),
            to_send: VecDeque::new(),
            received: 0,
            sent: 0,
            was_same: true,
            was_refused: false,
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        Outcome {
            with: self.with,
            scope: self.scope.clone(),
            received: self.received,
            sent: self.sent,
            was_same: self.was_same,
        }
    }

    pub(super) fn on_summary(&mut self, near: &Surroundings<'_>, parts: Vec<(Part, PartSummary)>) {
        for (part, summary) in parts {
            if !self.asked.remove(&part) {
                continue;
            }
            self.progress = near.now;
            match summary {
                PartSummary::Same => self.was_same = part == ROOT,
                PartSummary::Split(fingerprints) => self.on_split(near, part, &fingerprints),
                PartSummary::Items(items) => self.on_items(near, part, items),
            }
        }
    }

    fn on_split(&mut self, near: &Surroundings<'_>, part: Part, fingerprints: &[u128]) {
        for (child, &theirs) in (0..PART_FANOUT).zip(fingerprints) {
            let child = Part { depth: part.depth + 1, index: part.index * PART_FANOUT + child };
            let range = part_of(&self.scope, child);
            let ours = near.store.sum(&range);
            if ours.fingerprint == theirs || range.is_empty() {
                continue;
            }
            if ours.count == 0 && !self.wants_anything() {
                continue;
            }
            if ours.count == 0 {
                self.wants.push_back(Wanted::All { part: child, from: 0 });
            } else if theirs == 0 {
                self.send_all(near, &range);
            } else {
                self.to_ask.push_back(child);
            }
        }
    }

    /// What they have and we lack is wanted; what we have and they lack, and own, is sent; what differs, both.
    fn on_items(&mut self, near: &Surroundings<'_>, part: Part, items: Vec<(u64, u64)>) {
        let range = part_of(&self.scope, part);
        let mut theirs: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
        for (position, tag) in items.into_iter().filter(|item| range.contains(item.0)) {
            theirs.entry(position).or_default().insert(tag);
        }
        let mut ours: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
        let mut to_send = Vec::new();
        for (position, key, fingerprint) in near.store.items(&range) {
            ours.entry(position.0).or_default().insert(fingerprint as u64);
            if !theirs.get(&position.0).is_some_and(|tags| tags.contains(&(fingerprint as u64))) {
                to_send.push((position, key.clone()));
            }
        }
        let lacks = |position: &u64, tags: &BTreeSet<u64>| ours.get(position).is_none_or(|held| !tags.is_subset(held));
        let wanted: Vec<u64> =
            theirs.iter().filter(|(position, tags)| lacks(position, tags)).map(|(p, _)| *p).collect();
        let wanted = if self.wants_anything() { wanted } else { Vec::new() };
        for chunk in wanted.chunks(POSITIONS_PER_MESSAGE) {
            self.wants.push_back(Wanted::Positions(chunk.to_vec()));
        }
        let is_owner = |position| near.ring.owns(self.with, position);
        self.to_send.extend(to_send.into_iter().filter(|(position, _)| is_owner(*position)).map(|(_, key)| key));
    }

    fn wants_anything(&self) -> bool {
        !matches!(self.task, Task::Stray(_))
    }

    fn send_all(&mut self, near: &Surroundings<'_>, range: &RangeSet) {
        let is_owner = |position| near.ring.owns(self.with, position);
        let keys = near.store.items(range).filter(|(position, ..)| is_owner(*position)).map(|(_, key, _)| key.clone());
        self.to_send.extend(keys);
    }

    /// Objects of the oldest want have come; if there is more, it is wanted too.
    pub(super) fn on_objects(&mut self, now: Instant, objects: &[(Key, Object)], next: Option<u64>) {
        let Some(wanted) = self.wants_under_way.pop_front() else { return };
        self.progress = now;
        self.received += objects.len();
        match (next, wanted) {
            (None, _) => {}
            (Some(from), Wanted::All { part, from: before }) if from > before => {
                self.wants.push_front(Wanted::All { part, from });
            }
            (Some(from), Wanted::Positions(mut positions)) => {
                let wanted_before = positions.len();
                positions.retain(|&position| position >= from);
                if positions.len() < wanted_before && !positions.is_empty() {
                    self.wants.push_front(Wanted::Positions(positions));
                }
            }
            // They do not get on: what is missing is for the next comparison.
            (Some(_), Wanted::All { .. }) => {}
        }
    }

    /// Ask, want and send as much as may be on its way.
    pub(super) fn go_on(&mut self, near: &mut Surroundings<'_>, handoff: &mut Handoff) {
        if self.asked.is_empty() && !self.to_ask.is_empty() {
            let count = self.to_ask.len().min(PARTS_PER_MESSAGE);
            let parts: Vec<(Part, Option<u128>)> = self.to_ask.drain(..count).map(|part| (part, None)).collect();
            self.asked.extend(parts.iter().map(|(part, _)| *part));
            near.out.push((self.with, Message::Compare { session: self.number, scope: None, parts }));
        }
        while self.wants_under_way.len() < WINDOW {
            let Some(what) = self.wants.pop_front() else { break };
            self.wants_under_way.push_back(what.clone());
            near.out.push((self.with, Message::Want { session: self.number, what }));
        }
        while handoff.shipments.count(self.with) < WINDOW && !self.to_send.is_empty() {
            let (mut objects, mut bytes) = (Vec::new(), 0);
            while let Some(key) = self.to_send.pop_front() {
                let Some(object) = near.store.object(&key) else { continue };
                bytes += key.as_bytes().len() + size(object);
                objects.push((key, object.clone()));
                if bytes >= BATCH_BYTES_MAX || objects.len() >= BATCH_OBJECTS_MAX {
                    break;
                }
            }
            self.sent += objects.len();
            handoff.shipments.send(near.now, self.with, Purpose::Repair, objects, None, near.out);
        }
    }

    /// Whether nothing is left to ask, to want or to send, and all that was sent is durable there.
    pub(super) fn is_over(&self, handoff: &Handoff) -> bool {
        self.asked.is_empty()
            && self.to_ask.is_empty()
            && self.wants.is_empty()
            && self.wants_under_way.is_empty()
            && self.to_send.is_empty()
            && handoff.shipments.count(self.with) == 0
    }
}
