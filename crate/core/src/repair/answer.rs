//! The answering side of a comparison. It keeps one scope per session, and works out everything else from the question,
//! so a question may be lost, come twice or come late, and cannot make it grow.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::peer::PASSED_MAX;
use super::symbols::{self, SYMBOLS_MAX, id};
use super::tags::{ROOT, item_tag, part_of, summarize};
use crate::coordinator::Surroundings;
use crate::handoff::Handoff;
use crate::id::{Key, NodeId};
use crate::planted::Plant;
use crate::ring::RangeSet;
use crate::store::Lens;
use crate::wire::{Begin, Message, Object, Outline, Part, PartSummary, Purpose, Scope, Wanted, WireError, size};

/// The most parts one message may ask for or want something of, ranges one scope may have, tags one message may want.
const PARTS_MAX: usize = 1_024;
const RANGES_MAX: usize = 65_536;
const TAGS_MAX: usize = 4_096;
/// About how many bytes of objects one answer holds.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// The most keys that one message may ask for by name.
const NAMED_MAX: usize = 1_024;
/// How many sessions of one node are answered at a time.
const SCOPES_MAX: usize = 4;

/// What one session is about.
#[derive(Debug, Clone)]
struct Opened {
    session: u32,
    ranges: RangeSet,
    /// Which of the objects there.
    lens: Lens,
    /// The asker only gives.
    is_stray: bool,
}

/// Which scopes other nodes compare with this one.
#[derive(Debug, Clone, Default)]
pub struct Answering {
    scopes: BTreeMap<NodeId, Vec<Opened>>,
    vouches_not: bool,
}

impl Answering {
    /// That node is gone, and its sessions with it.
    pub fn forget(&mut self, id: NodeId) {
        self.scopes.remove(&id);
    }

    /// From now on nothing that is held here is durable: it still is compared, and sent to who lacks it.
    pub fn vouch_no_more(&mut self) {
        self.vouches_not = true;
    }

    /// Whether a session of that node is being answered in which owners compare.
    pub fn answers(&self, from: NodeId, session: u32) -> bool {
        self.opened(from, session).is_some_and(|opened| opened.lens == Lens::All)
    }

    fn opened(&self, from: NodeId, session: u32) -> Option<&Opened> {
        self.scopes.get(&from)?.iter().find(|opened| opened.session == session)
    }

    /// Tells whether this comparison can be made now.
    fn open(&mut self, near: &Surroundings<'_>, from: NodeId, session: u32, scope: Scope) -> Result<bool, WireError> {
        let is_stray = matches!(scope, Scope::Stray(_));
        let ranges = match &scope {
            Scope::Shared(hash) | Scope::Interest { ring: hash, .. } if *hash != near.ring.hash() => return Ok(false),
            Scope::Shared(_) => near.ring.arcs_of_both(near.me, from),
            Scope::Interest { passed, .. } if passed.len() > PASSED_MAX => return Err(WireError::Limit),
            Scope::Interest { passed, .. } => near.ring.arcs_led(near.me, from, passed),
            Scope::Incoming(pairs) | Scope::Stray(pairs) if pairs.len() > RANGES_MAX => return Err(WireError::Limit),
            Scope::Incoming(pairs) | Scope::Stray(pairs) => {
                RangeSet::parse(pairs.clone()).ok_or(WireError::Malformed)?
            }
        };
        // What this node is about to fetch, part by part from each who has it, it is not to be given as well.
        let is_taken_only = matches!(scope, Scope::Incoming(_));
        if !is_taken_only && !ranges.intersection(near.incoming).is_empty() {
            return Ok(false);
        }
        let scopes = self.scopes.entry(from).or_default();
        scopes.retain(|opened| opened.session != session);
        if scopes.len() >= SCOPES_MAX {
            scopes.remove(0);
        }
        let lens = if let Scope::Interest { pin, .. } = scope { Lens::Pinned(pin) } else { Lens::All };
        scopes.push(Opened { session, ranges, lens, is_stray });
        Ok(true)
    }

    /// Say what is held in the parts that are asked for. Tells the ring's hash if all of what both own is the same.
    pub fn on_compare(
        &mut self,
        near: &mut Surroundings<'_>,
        from: NodeId,
        session: u32,
        question: Question,
    ) -> Result<Option<u64>, WireError> {
        let Question { begin, parts, symbols: more } = question;
        let is_over = more.is_some_and(|(first, end)| first >= end || end > SYMBOLS_MAX);
        if parts.len() > PARTS_MAX || is_over {
            return Err(WireError::Limit);
        }
        let (mut theirs, mut shared) = (None, None);
        if let Some(Begin { scope, fingerprint, count }) = begin {
            theirs = Some((u128::from_le_bytes(fingerprint), count));
            if let Scope::Shared(hash) = &scope {
                shared = Some(*hash);
            }
            if !self.open(near, from, session, scope)? {
                near.out.push((from, Message::Mismatch { session }));
                return Ok(None);
            }
        }
        let Some(Opened { ranges, lens, .. }) = self.opened(from, session) else {
            near.out.push((from, Message::Mismatch { session }));
            return Ok(None);
        };
        let ours = near.store.sum_of(lens, ranges);
        let is_same = theirs.is_some_and(|(fingerprint, _)| fingerprint == ours.fingerprint);
        if is_same && !self.vouches_not || (theirs.is_some() && near.planted.has(Plant::ForgeEqual)) {
            // "The same" also says that it is durable here.
            let parts = alloc::vec![(ROOT, PartSummary::Same)];
            near.gated.push((from, Message::Summary { session, parts }));
            return Ok(shared);
        }
        let begins = theirs.filter(|_| ours.count > near.listed_max);
        let begins =
            begins.and_then(|(_, count)| symbols::first(ours.count, count, near.listed_max)).map(|many| (0, many));
        let run = begins.or(more.filter(|_| ours.count <= symbols::OBJECTS_MAX));
        let root = theirs.filter(|_| begins.is_none()).map(|_| ROOT);
        let answer = |part| (part, summarize(near.store, lens, ranges, part, session, near.listed_max));
        let mut parts: Vec<_> = root.into_iter().chain(parts).map(answer).collect();
        parts.extend(run.map(|(first, end)| {
            let made = symbols::symbols(ids(near, lens, ranges, session), session, first..end);
            (ROOT, PartSummary::Symbols(first, symbols::to_bytes(&made)))
        }));
        near.out.push((from, Message::Summary { session, parts }));
        Ok(None)
    }

    /// Send what is wanted, as much as fits one answer.
    pub fn on_want(
        &mut self,
        near: &mut Surroundings<'_>,
        handoff: &mut Handoff,
        from: NodeId,
        want: Want,
    ) -> Result<(), WireError> {
        let Want { session, number, start, wanted } = want;
        let tags = |wanted: &Wanted| if let Wanted::Tagged(_, tags) = wanted { tags.len() } else { 0 };
        let names = |wanted: &Wanted| if let Wanted::Named(keys) = wanted { keys.len() } else { 0 };
        let is_over = |count: fn(&Wanted) -> usize, most: usize| wanted.iter().map(count).sum::<usize>() > most;
        if wanted.len() > PARTS_MAX || is_over(tags, TAGS_MAX) || is_over(names, NAMED_MAX) {
            return Err(WireError::Limit);
        }
        let Some(opened) = self.opened(from, session) else {
            near.out.push((from, Message::Mismatch { session }));
            return Ok(());
        };
        let mut filling = Filling { session, start, ..Filling::default() };
        let mut parts: Vec<(RangeSet, Asked)> = Vec::new();
        for wanted in wanted {
            match wanted {
                Wanted::Named(keys) => filling.take_named(near, &keys),
                Wanted::All(part) => parts.push((part_of(&opened.ranges, part), None)),
                Wanted::Tagged(part, tags) => {
                    parts.push((part_of(&opened.ranges, part), Some(tags.into_iter().collect())));
                }
            }
        }
        parts.sort_by_key(|(range, _)| range.ranges().next().map(|first| *first.start()));
        for (range, asked) in &parts {
            filling.take(near, &opened.lens, range, asked, opened.is_stray);
        }
        let Filling { objects, lacks, next, .. } = filling;
        let purpose = Purpose::Answer { session, want: number, lacks };
        if opened.lens == Lens::All {
            handoff.shipments.send(near.now, from, purpose, objects, next, near.out);
        } else {
            // What lies with who does not own it confirms nothing: nobody asks whether it is durable there.
            near.out.push((from, Message::Objects { batch: 0, purpose, objects, next }));
        }
        Ok(())
    }
}

/// What a session asks in one message.
pub struct Question {
    /// Over what, if it begins.
    pub begin: Option<Begin>,
    /// Which parts of that.
    pub parts: Vec<Part>,
    /// Which symbols of the whole: from one to before another.
    pub symbols: Option<(u32, u32)>,
}

/// By what the objects there are known in this session.
pub(super) fn ids<'a>(
    near: &'a Surroundings<'_>,
    lens: &'a Lens,
    ranges: &'a RangeSet,
    session: u32,
) -> impl Iterator<Item = u64> + 'a {
    near.store.items_of(lens, ranges).map(move |(position, _, fingerprint)| id(position.0, fingerprint, session))
}

/// What a session wants in one message.
pub struct Want {
    /// Which session.
    pub session: u32,
    /// Which want of it.
    pub number: u32,
    /// From which position on.
    pub start: u64,
    /// What.
    pub wanted: Vec<Wanted>,
}

/// By tag, what the asker holds in its place; `None`: everything is wanted.
type Asked = Option<BTreeMap<u32, Option<(u64, Outline)>>>;

/// An answer that is being filled: as many objects as fit, all of one position or none of it.
#[derive(Default)]
struct Filling {
    session: u32,
    start: u64,
    objects: Vec<(Key, Object)>,
    lacks: Vec<u32>,
    bytes: usize,
    last: Option<u64>,
    /// Where to go on.
    next: Option<u64>,
}

impl Filling {
    /// What is remembered of these, for one who keeps them and did not find them here. They are few and mostly say
    /// nothing, or no more than a clock.
    fn take_named(&mut self, near: &Surroundings<'_>, keys: &[Key]) {
        for (number, key) in keys.iter().enumerate() {
            let known = near.store.known(key);
            let is_owner = near.is_settled_owner(near.position(key));
            if known.is_unknown() && is_owner {
                self.lacks.extend(u32::try_from(number));
            } else if !known.is_unknown() && self.bytes < ANSWER_BYTES_MAX {
                self.bytes += key.as_bytes().len() + size(&known);
                self.objects.push((key.clone(), known));
            }
        }
    }

    fn take(&mut self, near: &Surroundings<'_>, lens: &Lens, range: &RangeSet, asked: &Asked, is_stray: bool) {
        for (position, key, fingerprint) in near.store.items_of(lens, range) {
            let tag = item_tag(position.0, fingerprint, self.session);
            let have = match asked {
                None => None,
                Some(tags) => match tags.get(&tag) {
                    Some(have) => Some(have.as_ref()),
                    None => continue,
                },
            };
            if position.0 < self.start || self.next.is_some() {
                continue;
            }
            if self.bytes >= ANSWER_BYTES_MAX && self.last != Some(position.0) {
                self.next = Some(position.0);
                return;
            }
            self.last = Some(position.0);
            let Some(object) = near.store.object(key) else { continue };
            // Two keys at one position cannot be told apart by it: then both sides send what they have.
            let is_alone = near.store.at(position.0).nth(1).is_none();
            let theirs = have.flatten().filter(|(at, _)| *at == position.0 && is_alone).map(|(_, version)| version);
            let ours = object.outline();
            if have.flatten().is_some() && theirs.is_none_or(|theirs| !ours.includes(theirs)) {
                self.lacks.push(tag);
            }
            if is_stray || theirs.is_some_and(|theirs| theirs.includes(&ours)) {
                continue;
            }
            self.bytes += key.as_bytes().len() + size(&object);
            self.objects.push((key.clone(), object));
        }
    }
}
