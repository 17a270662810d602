//! One comparison, on the side that began it: what has been asked, what is wanted, what has to be sent.
//!
//! Every answer names what it answers, so answers may come in any order, or twice; what is not answered for a while is
//! asked again, and a session in which nothing moves at all is given up (`repair`).

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::engine::{Engine, Theirs};
use super::peer::passed;
use super::tags::{ROOT, child_tags, item_tag, item_tags, part_of, part_tag, place_of};
use super::{Outcome, Task};
use crate::coordinator::Surroundings;
use crate::handoff::{Doubt, Handoff};
use crate::id::{Inserted, Key, NodeId, Position};
use crate::marks::Mark;
use crate::ring::RangeSet;
use crate::store::{Lens, Sum};
use crate::time::{Instant, Millis};
use crate::wire::{Begin, Message, Part, PartSummary, Purpose, Scope, Wanted, size};

/// How many parts are asked for in one message, and how many tags are wanted in one.
const PARTS_PER_MESSAGE: usize = 1_024;
const TAGS_PER_MESSAGE: usize = 256;
/// How many keys are asked after by name in one message.
const NAMES_PER_MESSAGE: usize = 64;
/// How many wants, and how many batches, are on their way at a time.
const WINDOW: usize = 4;
/// What was not answered for so long is asked again.
pub(super) const RESEND_MS: Millis = 2_000;
/// How often that is doubled.
const RESENDS_DOUBLED: u32 = 3;
const BATCH_BYTES_MAX: usize = 64 * 1024;
const BATCH_OBJECTS_MAX: usize = 512;
/// A version of more actors is not sent to be compared with: the object itself is then hardly more.
const ACTORS_SENT_MAX: usize = 64;

/// Parts and tags that are wanted in one message, from some position on.
#[derive(Debug, Clone, Default)]
struct Want {
    from: u64,
    wanted: Vec<Wanted>,
}

#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) number: u32,
    pub(super) with: NodeId,
    pub(super) scope: RangeSet,
    /// What it is for: that decides who gives and who takes.
    pub(super) task: Task,
    pub(super) lens: Lens,
    /// Owners that did not answer when it began, if it is about what is pinned here.
    passed: Vec<NodeId>,
    /// The ring whose shared arcs are compared; `None`: other arcs.
    pub(super) ring: Option<u64>,
    pub(super) progress: Instant,
    pub(super) resend_at: Instant,
    /// How often in a row nothing came in time, by which it is waited for longer.
    pub(super) resends: u32,
    pub(super) asked: BTreeSet<Part>,
    /// How it is found out what differs.
    pub(super) engine: Engine,
    to_ask: VecDeque<Part>,
    wants: VecDeque<Want>,
    wants_under_way: BTreeMap<u32, Want>,
    wants_made: u32,
    /// By their tag of a version, the keys of which this node holds another: sent if the other lacks something of it.
    disputed: BTreeMap<u32, Key>,
    to_send: VecDeque<Key>,
    /// Copies of which the other side knows nothing, or less than lies here.
    doubts: Vec<Doubt>,
    received: usize,
    sent: usize,
    pub(super) was_same: bool,
    /// The fingerprint that the other side was asked about, which is all that "the same" speaks of.
    asked_about: u128,
    /// Whether that was still the fingerprint of what is held here when it said so: a write made meanwhile has not
    /// reached it.
    is_confirmed: bool,
    /// The other side's disk took no more.
    pub(super) was_refused: bool,
    /// It is about what is incoming, and may wait for another one that fetches: it has not done so before.
    pub(super) may_wait: bool,
}

impl Session {
    /// Begin a comparison: say what is held.
    pub(super) fn begin(
        near: &mut Surroundings<'_>,
        number: u32,
        with: NodeId,
        scope: RangeSet,
        task: Task,
        ring: Option<u64>,
    ) -> Session {
        let (lens, passed) = match &task {
            Task::Interest(pin) => (Lens::Copies(pin.clone()), passed(near)),
            _ => (Lens::All, Vec::new()),
        };
        let mut session = Session {
            number,
            scope,
            task,
            lens,
            passed,
            ring,
            progress: near.now,
            resend_at: near.now + near.membership.patience_ms(RESEND_MS),
            was_same: false,
            ..Session::nothing(with, 0, Task::Shared)
        };
        session.asked_about = session.fingerprint(near);
        session.asked.insert(ROOT);
        session.ask(near);
        session
    }

    /// Two nodes that share nothing agree on it.
    pub(super) fn nothing(with: NodeId, ring: u64, task: Task) -> Session {
        Session {
            number: 0,
            with,
            scope: RangeSet::empty(),
            ring: (task == Task::Shared).then_some(ring),
            task,
            lens: Lens::All,
            passed: Vec::new(),
            progress: Instant(0),
            resend_at: Instant(0),
            resends: 0,
            asked: BTreeSet::new(),
            engine: Engine::None,
            to_ask: VecDeque::new(),
            wants: VecDeque::new(),
            wants_under_way: BTreeMap::new(),
            wants_made: 0,
            disputed: BTreeMap::new(),
            to_send: VecDeque::new(),
            doubts: Vec::new(),
            received: 0,
            sent: 0,
            was_same: true,
            asked_about: 0,
            is_confirmed: false,
            was_refused: false,
            may_wait: false,
        }
    }

    /// Of all that is held here and that it is about.
    fn fingerprint(&self, near: &Surroundings<'_>) -> u128 {
        near.store.sum_of(&self.lens, &self.scope).fingerprint
    }

    pub(super) fn outcome(&self) -> Outcome {
        Outcome {
            pin: if let Task::Interest(pin) = &self.task { Some(pin.clone()) } else { None },
            doubts: self.doubts.clone(),
            with: self.with,
            scope: self.scope.clone(),
            received: self.received,
            sent: self.sent,
            was_same: self.was_same,
            // Copies confirm nothing: what else is held there was not compared.
            is_confirmed: self.is_confirmed && self.lens == Lens::All,
        }
    }

    /// Ask for all that is asked and not yet answered.
    pub(super) fn ask(&self, near: &mut Surroundings<'_>) {
        let begin = matches!(self.engine, Engine::None).then(|| {
            let scope = match (&self.task, self.ring) {
                (Task::Shared, hash) => Scope::Shared(hash.unwrap_or_default()),
                (Task::Incoming, _) => Scope::Incoming(self.scope.to_pairs()),
                (Task::Stray(_), _) => Scope::Stray(self.scope.to_pairs()),
                (Task::Interest(pin), _) => {
                    Scope::Interest { ring: near.ring.hash(), pin: pin.clone(), passed: self.passed.clone() }
                }
            };
            let Sum { fingerprint, count } = near.store.sum_of(&self.lens, &self.scope);
            Begin { scope, fingerprint: fingerprint.to_le_bytes(), count }
        });
        let parts = if begin.is_some() { Vec::new() } else { self.asked.iter().copied().collect() };
        let symbols = if let Engine::Symbols(_, run) = &self.engine { *run } else { None };
        near.out.push((self.with, Message::Compare { session: self.number, begin, parts, symbols }));
    }

    /// Whether it compares what both own, and nothing has been answered yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.task == Task::Shared && self.is_unanswered()
    }

    /// Whether it is about what is pinned here, which no owner waits for.
    pub(super) fn is_interest(&self) -> bool {
        matches!(self.task, Task::Interest(_))
    }

    /// Whether nothing has been answered yet.
    pub(super) fn is_unanswered(&self) -> bool {
        matches!(self.engine, Engine::None)
    }

    /// Whether it only asks so far whether the other side holds anything of what is incoming.
    pub(super) fn is_asking_source(&self) -> bool {
        self.task == Task::Incoming && self.may_wait && self.is_unanswered()
    }

    /// Whether it fetches what is incoming, or will with its first answer.
    pub(super) fn is_fetching(&self) -> bool {
        self.task == Task::Incoming && !self.is_asking_source()
    }

    /// Whether anything is still to be asked, or to be wanted.
    pub(super) fn has_more(&self) -> bool {
        self.is_asking() || !self.to_ask.is_empty() || !self.wants.is_empty()
    }

    fn takes(&self) -> bool {
        !matches!(self.task, Task::Stray(_))
    }

    fn gives(&self) -> bool {
        !matches!(self.task, Task::Incoming | Task::Interest(_))
    }

    pub(super) fn on_summary(&mut self, near: &mut Surroundings<'_>, parts: Vec<(Part, PartSummary)>) {
        let mut wanted = Vec::new();
        for (part, summary) in parts {
            if let PartSummary::Symbols(first, symbols) = summary {
                self.on_symbols(near, first, &symbols, &mut wanted);
                continue;
            }
            if !self.asked.remove(&part) {
                continue;
            }
            self.progress = near.now;
            if part == ROOT {
                self.engine = Engine::Split;
            }
            match summary {
                PartSummary::Symbols(..) => {}
                PartSummary::Same => {
                    self.was_same = part == ROOT;
                    self.is_confirmed = self.was_same && self.fingerprint(near) == self.asked_about;
                }
                PartSummary::Split(tags) => self.on_split(near, part, &tags, &mut wanted),
                PartSummary::Items(tags) => self.on_items(near, part, &item_tags(&tags), &mut wanted),
            }
        }
        self.want(wanted);
    }

    /// Parts of which one side has nothing are wanted, or sent, whole; those that differ are looked into.
    fn on_split(&mut self, near: &Surroundings<'_>, part: Part, tags: &[u8], wanted: &mut Vec<Wanted>) {
        for (child, theirs) in child_tags(part, tags) {
            let range = part_of(&self.scope, child);
            let ours = part_tag(near.store, &self.lens, &range, self.number);
            match (ours, theirs) {
                _ if ours == theirs => {}
                (0, _) if self.takes() => wanted.push(Wanted::All(child)),
                (_, 0) if self.gives() => self.send_all(near, &range),
                (_, 0) if self.lens != Lens::All => {
                    let keys = near.store.items_of(&self.lens, &range).map(|(_, key, _)| key.clone());
                    name(keys.collect(), wanted);
                }
                (0, _) | (_, 0) => {}
                _ => {
                    near.marks.hit(if part == ROOT { Mark::PartCut } else { Mark::PartCutAgain });
                    self.to_ask.push_back(child);
                }
            }
        }
    }

    /// A part is listed.
    fn on_items(&mut self, near: &Surroundings<'_>, part: Part, tags: &[u32], wanted: &mut Vec<Wanted>) {
        let range = part_of(&self.scope, part);
        let mut theirs: Theirs = tags.iter().map(|&tag| ((place_of(tag), tag), None)).inserted();
        let mut ours = Vec::new();
        let lens = self.lens.clone();
        for (position, key, fingerprint) in near.store.items_of(&lens, &range) {
            let tag = item_tag(position.0, fingerprint, self.number);
            if theirs.remove(&(place_of(tag), tag)).is_none() {
                ours.push((place_of(tag), position, key));
            }
        }
        self.settle(near, part, theirs, ours, wanted);
    }

    /// What only they have of a part, and what only we have: what they have is wanted; what we have and they lack, and
    /// own, is sent. Of what seems to be one key in two versions, they say which is news to whom.
    pub(super) fn settle(
        &mut self,
        near: &Surroundings<'_>,
        part: Part,
        mut theirs: Theirs,
        mut ours: Vec<(u32, Position, &Key)>,
        wanted: &mut Vec<Wanted>,
    ) {
        let (lens, mut unmatched) = (self.lens.clone(), Vec::new());
        if !theirs.is_empty() {
            // Most of ours here may be none of theirs to keep, and a tag says little of the place: what they own is
            // paired first.
            let is_theirs = |(_, position, _): &(u32, Position, &Key)| near.ring.owns(self.with, *position);
            let (first, rest): (Vec<_>, Vec<_>) = ours.into_iter().partition(is_theirs);
            ours = [first, rest].concat();
        }
        for (place, position, key) in ours {
            let mut there = theirs.range_mut((place, 0)..=(place, u32::MAX)).filter(|(_, have)| have.is_none());
            let matched = there.next().and_then(|(&(_, tag), have)| {
                let version = near.store.object_of(&lens, key)?.outline();
                (version.context().len() <= ACTORS_SENT_MAX).then(|| (tag, have.insert((position.0, version))))
            });
            match matched {
                Some((tag, _)) => {
                    near.marks.hit(Mark::VersionsDiffer);
                    self.disputed.insert(tag, key.clone());
                }
                None if lens != Lens::All => unmatched.push(key.clone()),
                None => self.send_if_owned(near, position, key),
            }
        }
        name(unmatched, wanted);
        let takes = self.takes();
        let wants = theirs.into_iter().filter(|(_, have)| takes || have.is_some());
        let tags: Vec<_> = wants.map(|((_, tag), have)| (tag, have)).collect();
        if !tags.is_empty() {
            wanted.push(Wanted::Tagged(part, tags));
        }
    }

    fn send_all(&mut self, near: &Surroundings<'_>, range: &RangeSet) {
        near.store.items(range).for_each(|(position, key, _)| self.send_if_owned(near, position, key));
    }

    fn send_if_owned(&mut self, near: &Surroundings<'_>, position: Position, key: &Key) {
        if self.gives() && near.ring.owns(self.with, position) {
            self.to_send.push_back(key.clone());
        }
    }

    /// Lay what is wanted into messages.
    fn want(&mut self, wanted: Vec<Wanted>) {
        let (mut want, mut tags) = (Want::default(), 0);
        for one in wanted {
            if let Wanted::Named(_) = one {
                // The numbers in its answer are those of its keys alone.
                self.wants.push_back(Want { from: 0, wanted: alloc::vec![one] });
                continue;
            }
            tags += if let Wanted::Tagged(_, tags) = &one { tags.len() } else { 1 };
            want.wanted.push(one);
            if tags >= TAGS_PER_MESSAGE {
                self.wants.push_back(core::mem::take(&mut want));
                tags = 0;
            }
        }
        if !want.wanted.is_empty() {
            self.wants.push_back(want);
        }
    }

    /// What was wanted has come; if there is more, it is wanted too. What the other lacks of a disputed key is sent.
    pub(super) fn on_objects(&mut self, near: &Surroundings<'_>, answer: &super::Answer<'_>) {
        let Some(mut want) = self.wants_under_way.remove(&answer.want) else { return };
        self.progress = near.now;
        self.received += answer.objects.len();
        if let [Wanted::Named(keys)] = &want.wanted[..] {
            let lacked = answer.lacks.iter().filter_map(|&number| keys.get(usize::try_from(number).ok()?));
            self.doubts.extend(lacked.filter_map(|key| Doubt::of(near, key, true)));
            return;
        }
        for tag in answer.lacks {
            near.marks.hit_if(Mark::NewsOnBothSides, || !answer.objects.is_empty());
            match self.disputed.remove(tag) {
                Some(key) if self.is_interest() => self.doubts.extend(Doubt::of(near, &key, false)),
                Some(key) => self.send_if_owned(near, near.position(&key), &key),
                None => {}
            }
        }
        // One who does not get on is asked no more: what is missing is for the next comparison.
        if let Some(from) = answer.next.filter(|&from| from > want.from) {
            want.from = from;
            self.wants.push_front(want);
        }
    }

    /// Ask, want and send as much as may be on its way.
    pub(super) fn go_on(&mut self, near: &mut Surroundings<'_>, handoff: &mut Handoff) {
        self.resend_at = near.now + near.membership.patience_ms(RESEND_MS);
        self.resends = 0;
        if !self.is_asking() && !self.to_ask.is_empty() {
            let count = self.to_ask.len().min(PARTS_PER_MESSAGE);
            self.asked.extend(self.to_ask.drain(..count));
            self.ask(near);
        }
        while self.wants_under_way.len() < WINDOW {
            let Some(want) = self.wants.pop_front() else { break };
            self.wants_made += 1;
            self.send_want(near, self.wants_made, &want);
            self.wants_under_way.insert(self.wants_made, want);
        }
        while handoff.shipments.count(self.with) < WINDOW && !self.to_send.is_empty() {
            let (mut objects, mut bytes) = (Vec::new(), 0);
            while let Some(key) = self.to_send.pop_front() {
                let Some(object) = near.store.object(&key) else { continue };
                bytes += key.as_bytes().len() + size(&object);
                objects.push((key, object));
                if bytes >= BATCH_BYTES_MAX || objects.len() >= BATCH_OBJECTS_MAX {
                    break;
                }
            }
            self.sent += objects.len();
            handoff.shipments.send(near.now, self.with, Purpose::Repair, objects, None, near.out);
        }
    }

    fn send_want(&self, near: &mut Surroundings<'_>, number: u32, want: &Want) {
        let Want { from, wanted } = want.clone();
        near.out.push((self.with, Message::Want { session: self.number, want: number, from, wanted }));
    }

    /// Whether a question is not answered yet.
    fn is_asking(&self) -> bool {
        !self.asked.is_empty() || matches!(self.engine, Engine::Symbols(_, Some(_)))
    }

    /// When what is not answered is asked again.
    pub(super) fn resend_at(&self) -> Option<Instant> {
        let is_asking = self.is_asking() || !self.wants_under_way.is_empty();
        is_asking.then_some(self.resend_at)
    }

    /// A question or its answer was lost, or takes long: ask again.
    ///
    /// Each time twice as long after (RFC 6298, 5.5): a tab that a browser lets run but now and then has what it is
    /// asked in a queue, and in a room of forty everybody asks it the same.
    pub(super) fn resend(&mut self, near: &mut Surroundings<'_>) {
        self.resends += 1;
        self.resend_at = near.now + (near.membership.patience_ms(RESEND_MS) << self.resends.min(RESENDS_DOUBLED));
        if self.is_asking() {
            self.ask(near);
        }
        self.wants_under_way.iter().for_each(|(&number, want)| self.send_want(near, number, want));
    }

    /// That all is the same was said of what was held then: it says nothing of a write made while the session waited
    /// for something else to be delivered.
    pub(super) fn expire_word(&mut self, near: &Surroundings<'_>) {
        self.is_confirmed &= self.fingerprint(near) == self.asked_about;
    }

    /// Whether nothing is left to ask, to want or to send, and all that was sent is durable there.
    pub(super) fn is_over(&self, handoff: &Handoff) -> bool {
        !self.has_more()
            && self.wants_under_way.is_empty()
            && self.to_send.is_empty()
            && handoff.shipments.count(self.with) == 0
    }
}

/// Ask after these by name.
fn name(keys: Vec<Key>, wanted: &mut Vec<Wanted>) {
    wanted.extend(keys.chunks(NAMES_PER_MESSAGE).map(|keys| Wanted::Named(keys.to_vec())));
}
