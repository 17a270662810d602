//! Gets in flight: ask the owners, join what they know, answer at R, repair behind the answer.
//!
//! Whose answer counts decides whether a quorum means anything. An owner counts; for one that is suspect, the next node
//! of the walk stands in and counts, for it was given the hints: but only once no owner is left that may still answer.
//! What was written before the suspicion is with the owners alone, and two that stand in, being quick, would otherwise
//! meet a read with nothing. An owner whose arc is incoming, this node included,
//! does not count until the arc has arrived: others are asked for what they know meanwhile, which is joined and does
//! not count either, and it is asked again. So a read that begins while data moves takes a little longer, and is not
//! met by nodes that have nothing.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::edits::Editing;
use super::writes::Delete;
use super::{Coordinator, Level, Progress, Quorum, ReadReply, Reply, Surroundings, Terms};
use crate::datatype::{self, Merged};
use crate::id::{Key, NodeId, RequestId};
use crate::marks::Mark;
use crate::membership::Status;
use crate::planted::Plant;
use crate::time::{Instant, Millis, WallTime};
use crate::wire::{Message, Object, Purpose, Says};

/// How soon an owner whose arc is incoming is asked again: comparisons take a few round trips.
const RETRY_MS: Millis = 60;

/// How long a read waits for links with owners that are here and not linked yet, as in the first second of a tab.
const LINKS_MS: Millis = 2_000;
/// And where answers take long, for as many times as long as one is waited for: to make a link takes several.
const LINK_ANSWERS: u64 = 3;

/// Whom a read is for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reader {
    /// An application's get.
    Get(RequestId),
    /// A delete without a context.
    Delete(RequestId, Terms),
    /// An edit of which this node does not hold enough.
    Edit(RequestId, Box<Editing>),
    /// A watch that has begun.
    Watch(RequestId),
    /// A listing in which two owners disagree about this key.
    Listing(u64),
}

/// One get in flight.
#[derive(Debug, Clone)]
pub(super) struct Read {
    pub(super) reader: Reader,
    key: Key,
    quorum: Quorum,
    started: Instant,
    pub(super) deadline: Instant,
    /// All that was answered so far, joined, with what this node holds: not with the copy for its user, for what of
    /// this an owner lacks is sent to it.
    merged: Object,
    /// What each one answered; what is not in it is what it lacks.
    answers: BTreeMap<NodeId, Object>,
    /// The fingerprint of what this node held when it asked, and that.
    asked_with: (u64, Object),
    pub(super) is_answered: bool,
    /// Owners whose arcs are incoming, this node included: their answers will count later.
    not_yet: BTreeSet<NodeId>,
    /// Asked for what they know; their answers do not count.
    helpers: BTreeSet<NodeId>,
    /// Asked in the place of a suspect owner.
    stand_ins: BTreeSet<NodeId>,
    /// When those who could not yet answer are asked again.
    retry: Option<Instant>,
    /// Until when it waits for links; `None` once it does no longer.
    patience: Option<Instant>,
}

impl Read {
    /// When something has to be done about it.
    pub(super) fn poll_timeout(&self) -> Instant {
        let earlier = [self.retry, self.patience].into_iter().flatten().min();
        earlier.map_or(self.deadline, |earlier| earlier.min(self.deadline))
    }

    /// This owner's answer does not count yet.
    fn wait_for(&mut self, near: &Surroundings<'_>, node: NodeId) {
        self.not_yet.insert(node);
        self.retry.get_or_insert(near.now + near.membership.patience_ms(RETRY_MS));
    }

    /// Who stands in for the suspect knows what was written since the suspicion, the owners what was written before: as
    /// long as one of these may still answer, owners alone make a quorum.
    fn waits_for_owners(&self) -> bool {
        let is_owner = |id: &&NodeId| !self.stand_ins.contains(*id) && !self.helpers.contains(*id);
        let owners = self.quorum.answered().iter().filter(is_owner).count();
        let is_awaited = self.quorum.waiting().iter().any(|id| is_owner(&id)) || !self.not_yet.is_empty();
        is_awaited && owners < usize::from(self.quorum.needed())
    }

    /// Owners that are here and have no link yet can be asked once they have: a read waits a little for that, and one
    /// that is to take something away until its deadline, for what it has not seen it would not take away.
    fn waits_for_links(&self, near: &Surroundings<'_>) -> bool {
        let is_near = |id: &NodeId| {
            *id != near.me && near.membership.status(*id) == Some(Status::Up) && !self.quorum.was_asked(*id)
        };
        self.patience.is_some() && near.ring.owners(near.position(&self.key)).iter().any(is_near)
    }
}

impl Reader {
    /// Whether what it does not see would not be taken away.
    fn takes_away(&self) -> bool {
        match self {
            Reader::Delete(..) => true,
            Reader::Edit(_, editing) => editing.edit.is_removal(),
            Reader::Get(_) | Reader::Watch(_) | Reader::Listing(_) => false,
        }
    }
}

impl Coordinator {
    pub(super) fn get(&mut self, near: &mut Surroundings<'_>, id: RequestId, key: Key, terms: Terms) {
        self.read(near, Reader::Get(id), key, terms);
    }

    pub(super) fn read_to_delete(&mut self, near: &mut Surroundings<'_>, id: RequestId, key: Key, terms: Terms) {
        let first = Terms { level: Some(self.settings.r), ..terms };
        self.read(near, Reader::Delete(id, terms), key, first);
    }

    pub(super) fn read(&mut self, near: &mut Surroundings<'_>, reader: Reader, key: Key, terms: Terms) {
        let level = terms.level.unwrap_or(self.settings.r);
        let mut held = near.store.object(&key).unwrap_or_default();
        near.store.add_copy(&key, &mut held);
        let known = near.store.known(&key);
        if level == Level::Local {
            let known = near.store.view(&key);
            let mut quorum = Quorum::new(1);
            quorum.ask(near.me);
            quorum.answer(near.me);
            return self.answer(near, &reader, &key, &known, &quorum, near.now);
        }
        let position = near.position(&key);
        let list = near.ring.preference_list(position);
        let needed = if near.planted.has(Plant::ReadOne) { 1 } else { level.needed(near.membership.n()) };
        let mut quorum = Quorum::new(needed);
        if near.is_settled_owner(position) {
            // For `one`, this node does not count: it is to be one other.
            if level != Level::One && quorum.ask(near.me) {
                quorum.answer(near.me);
            }
        }
        let fingerprint = near.store.view_fingerprint(&key) as u64;
        let asked_with = (fingerprint, held);
        let deadline = self.deadline(near.now, terms);
        let links_ms = LINKS_MS.max(LINK_ANSWERS * near.membership.patience_ms(0));
        let patience = if reader.takes_away() { deadline } else { deadline.min(near.now + links_ms) };
        let mut read = Read {
            reader,
            key,
            quorum,
            started: near.now,
            deadline,
            merged: known,
            answers: BTreeMap::new(),
            asked_with,
            is_answered: false,
            not_yet: BTreeSet::new(),
            helpers: BTreeSet::new(),
            stand_ins: BTreeSet::new(),
            retry: None,
            patience: Some(patience),
        };
        let number = self.number();
        let me = near.me;
        let (mut stand_ins, mut helpers) = (0, 0);
        for &owner in list.owners() {
            if owner == me {
                if !near.is_settled_owner(position) && level != Level::One {
                    read.wait_for(near, me);
                    helpers += 1;
                }
            } else if near.membership.answers(owner) {
                ask(near, &mut read, number, owner);
            } else if near.membership.status(owner) == Some(Status::Up) {
                // It is here and has no link to this node: nobody was given hints for it.
                helpers += 1;
            } else {
                stand_ins += 1;
            }
        }
        (0..stand_ins).for_each(|_| ask_another(near, &mut read, number, true));
        (0..helpers).for_each(|_| ask_another(near, &mut read, number, false));
        self.reads.insert(number, read);
        self.advance(near, number);
    }

    /// A node says what it holds.
    pub fn on_fetched(
        &mut self,
        near: &mut Surroundings<'_>,
        from: NodeId,
        number: u64,
        object: Option<Object>,
        says: Says,
    ) {
        let Some(read) = self.reads.get_mut(&number) else { return };
        if !read.quorum.waiting().contains(&from) {
            return;
        }
        let theirs = object.unwrap_or_else(|| read.asked_with.1.clone());
        read.merged.sync(&theirs);
        read.answers.insert(from, theirs);
        let is_owner = near.ring.owns(from, near.position(&read.key));
        let counts = match says {
            Says::Owner => is_owner || read.stand_ins.contains(&from),
            Says::Other => !is_owner && read.stand_ins.contains(&from),
            Says::NotYet => false,
        };
        if read.helpers.contains(&from) {
            read.quorum.fail(from);
        } else if !counts {
            read.quorum.fail(from);
            read.wait_for(near, from);
            ask_another(near, read, number, false);
        } else {
            read.not_yet.remove(&from);
            read.quorum.answer(from);
        }
        self.advance(near, number);
    }

    /// Answer if it can be answered, and repair once nobody else is expected.
    fn advance(&mut self, near: &mut Surroundings<'_>, number: u64) {
        let Some(read) = self.reads.get_mut(&number) else { return };
        let is_over = read.deadline <= near.now;
        let is_open = match read.quorum.progress() {
            Progress::Met => read.waits_for_owners(),
            Progress::Waiting => true,
            Progress::Exhausted => !read.not_yet.is_empty() || read.waits_for_links(near),
        };
        if !read.is_answered && (!is_open || is_over) {
            let is_met = read.quorum.progress() == Progress::Met;
            near.marks.hit_if(Mark::ReadUnmet, || !is_met);
            read.is_answered = true;
            let (reader, key, mut merged) = (read.reader.clone(), read.key.clone(), read.merged.clone());
            if !is_met {
                // What owners say needs no copy beside it; where they do not, the copy is what the user has.
                near.store.add_copy(&key, &mut merged);
            }
            let (quorum, started) = (read.quorum.clone(), read.started);
            self.answer(near, &reader, &key, &merged, &quorum, started);
        }
        // Once answered, nobody is asked again.
        let is_done = |read: &Read| is_over || (read.is_answered && read.quorum.waiting().is_empty());
        let is_done = self.reads.get(&number).is_some_and(is_done);
        if is_done && let Some(read) = self.reads.remove(&number) {
            self.repair(near, read);
        }
    }

    /// Tell whoever asked.
    fn answer(
        &mut self,
        near: &mut Surroundings<'_>,
        reader: &Reader,
        key: &Key,
        merged: &Object,
        quorum: &Quorum,
        started: Instant,
    ) {
        let reply = read_reply(merged, quorum, near.store.expiry_clock());
        match reader {
            Reader::Get(id) => {
                self.gets.add(near.now.since(started));
                near.store.show(key, merged.context());
                self.replies.push((*id, Reply::Read(reply)));
            }
            Reader::Delete(id, terms) => {
                let is_sure = reply.met;
                let (key, context) = (key.clone(), merged.context().clone());
                self.delete_seen(near, *id, Delete { key, context, terms: *terms, is_sure });
            }
            Reader::Edit(id, editing) => {
                // It is made on what is held here, so that what was read has to lie here first.
                near.merge(key, merged, near.me);
                let is_sure = reply.met || !editing.edit.is_removal();
                self.edit_seen(near, *id, Editing { is_sure, ..(**editing).clone() });
            }
            Reader::Watch(id) => self.on_watch_read(near, *id, merged, reply),
            Reader::Listing(listing) => {
                self.on_listing_read(near, *listing, key, !reply.siblings.is_empty());
            }
        }
    }

    /// Send what the answers lacked, to the owners among those who answered; and keep it here, if this node owns the
    /// key or holds it anyway. A clean read writes nothing.
    fn repair(&mut self, near: &mut Surroundings<'_>, read: Read) {
        let owners = near.ring.owners(near.position(&read.key));
        let keeps = owners.contains(&near.me) || near.store.object(&read.key).is_some();
        let bringer = read.answers.keys().next().copied().unwrap_or(near.me);
        if keeps {
            near.merge(&read.key, &read.merged, bringer);
        } else if near.store.wants(&read.key) {
            near.keep_copy(&read.key, &read.merged, bringer);
            let is_complete = owners.iter().all(|owner| read.quorum.answered().contains(owner));
            let is_known = near.store.copy(&read.key).is_some_and(|copy| read.merged.includes(copy));
            if let Some(wall) = near.wall.trusted(near.now).filter(|_| is_complete && is_known) {
                near.store.note_key_fed(&read.key, wall.minutes());
            }
        }
        for (node, theirs) in &read.answers {
            let lacks = !theirs.includes(&read.merged) || near.planted.has(Plant::RepairAlways);
            if owners.contains(node) && lacks && !read.merged.is_unknown() {
                let objects = alloc::vec![(read.key.clone(), read.merged.clone())];
                near.out.push((*node, Message::Objects { batch: 0, purpose: Purpose::Repair, objects, next: None }));
                self.repaired.push(*node);
            }
        }
    }

    pub(super) fn reroute_reads(&mut self, near: &mut Surroundings<'_>) {
        let numbers: Vec<u64> = self.reads.keys().copied().collect();
        for number in numbers {
            let Some(read) = self.reads.get_mut(&number) else { continue };
            let gone: Vec<NodeId> =
                read.quorum.waiting().iter().copied().filter(|&id| !near.membership.answers(id)).collect();
            for node in gone {
                near.marks.hit(Mark::ReaderGone);
                read.quorum.fail(node);
                read.not_yet.remove(&node);
                let counts = near.membership.status(node) != Some(Status::Up);
                ask_another(near, read, number, counts);
            }
            if read.waits_for_links(near) {
                near.marks.hit(Mark::ReadWaitsForLinks);
                let owners = near.ring.owners(near.position(&read.key));
                for owner in owners.into_iter().filter(|&id| near.membership.answers(id)) {
                    ask(near, read, number, owner);
                }
            }
            self.advance(near, number);
        }
    }

    /// What a node was asked to read may have been on its way over a link that has closed: it is asked once more. A
    /// second answer changes nothing.
    pub(super) fn fetch_again(&self, near: &mut Surroundings<'_>, node: NodeId) {
        for (&request, read) in self.reads.iter().filter(|(_, read)| read.quorum.waiting().contains(&node)) {
            near.marks.hit(Mark::AskedOverOthers);
            near.out.push((node, Message::Fetch { request, key: read.key.clone(), have: read.asked_with.0 }));
        }
    }

    /// The ring has changed: whoever owns the key now is asked too.
    pub(super) fn reseat_reads(&mut self, near: &mut Surroundings<'_>) {
        let numbers: Vec<u64> = self.reads.iter().filter(|(_, read)| !read.is_answered).map(|(&n, _)| n).collect();
        for number in numbers {
            let Some(read) = self.reads.get_mut(&number) else { continue };
            for owner in near.ring.owners(near.position(&read.key)) {
                let has_failed = read.quorum.was_asked(owner)
                    && !read.quorum.answered().contains(&owner)
                    && !read.quorum.waiting().contains(&owner);
                if has_failed || (owner == near.me && !read.quorum.was_asked(owner)) {
                    read.helpers.remove(&owner);
                    read.wait_for(near, owner);
                } else if near.membership.answers(owner) {
                    read.helpers.remove(&owner);
                    ask(near, read, number, owner);
                }
            }
        }
    }

    pub(super) fn expire_reads(&mut self, near: &mut Surroundings<'_>) {
        let is_due = |read: &Read| read.poll_timeout() <= near.now;
        let due: Vec<u64> = self.reads.iter().filter(|(_, read)| is_due(read)).map(|(&number, _)| number).collect();
        for number in due {
            if let Some(read) = self.reads.get_mut(&number) {
                read.patience = read.patience.filter(|&patience| patience > near.now);
            }
            self.ask_again(near, number);
            self.advance(near, number);
        }
    }

    /// Those who could not yet answer may by now.
    fn ask_again(&mut self, near: &mut Surroundings<'_>, number: u64) {
        let Some(read) = self.reads.get_mut(&number) else { return };
        if read.retry.is_none_or(|retry| retry > near.now) {
            return;
        }
        read.retry = None;
        if read.is_answered {
            return;
        }
        let position = near.position(&read.key);
        for node in core::mem::take(&mut read.not_yet) {
            if node != near.me {
                if near.membership.answers(node) && read.quorum.ask_again(node) {
                    near.marks.hit(Mark::NotYetAsked);
                    let (key, have) = (read.key.clone(), read.asked_with.0);
                    near.out.push((node, Message::Fetch { request: number, key, have }));
                }
            } else if near.is_settled_owner(position) {
                near.marks.hit(Mark::OwnArcArrives);
                if let Some(held) = near.store.object(&read.key) {
                    read.merged.sync(&held);
                }
                read.quorum.ask(near.me);
                read.quorum.answer(near.me);
            } else if near.ring.owns(near.me, position) {
                read.wait_for(near, near.me);
            }
        }
    }
}

/// What an application is told of an object and of who answered, at a wall time.
pub(super) fn read_reply(object: &Object, quorum: &Quorum, wall: Option<WallTime>) -> ReadReply {
    let Merged { siblings, datatypes } = datatype::merged(object, wall);
    ReadReply {
        met: quorum.progress() == Progress::Met,
        needed: quorum.needed(),
        answered: quorum.answered().iter().copied().collect(),
        context: object.context().clone(),
        siblings,
        datatypes,
    }
}

fn ask(near: &mut Surroundings<'_>, read: &mut Read, number: u64, node: NodeId) {
    if read.quorum.ask(node) {
        let have = read.asked_with.0;
        near.out.push((node, Message::Fetch { request: number, key: read.key.clone(), have }));
    }
}

/// Ask on along the walk: the next one there that answers and was not asked, in the place of one who cannot.
///
/// It `counts` if it stands in for one that is suspect.
fn ask_another(near: &mut Surroundings<'_>, read: &mut Read, number: u64, counts: bool) {
    let list = near.ring.preference_list(near.position(&read.key));
    let is_free = |id: &&NodeId| **id != near.me && near.membership.answers(**id) && !read.quorum.was_asked(**id);
    if let Some(&node) = list.owners().iter().chain(list.fallbacks()).find(is_free) {
        // An owner counts, whoever it is asked for.
        let is_owner = list.owners().contains(&node);
        if !is_owner {
            near.marks.hit(if counts { Mark::StandInAsked } else { Mark::HelperAsked });
            if counts {
                read.stand_ins.insert(node)
            } else {
                read.helpers.insert(node)
            };
        }
        ask(near, read, number, node);
    }
}
