//! Writes in flight, deletes, and their receipts, which go on rising after the answer until all N owners have the
//! write.

mod receipt;
mod sending;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::vec::Vec;

use super::nodes::Nodes;
use super::{Coordinator, Ended, Level, Receipt, Reply, RequestError, Surroundings, Terms, Waiting};
use crate::clock::{ACTORS_MAX, Context, Dot, VersionVector};
use crate::id::{Key, NodeId, Position, RequestId};
use crate::marks::Mark;
use crate::planted::Plant;
use crate::ring::Ring;
use crate::store::PersistError;
use crate::time::Instant;
use sending::{send_past, send_towards};

/// Whether the write is on this node's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Local {
    Pending,
    Durable,
    Failed,
}

/// One write that is followed.
#[derive(Debug, Clone)]
pub(in crate::coordinator) struct Write {
    id: RequestId,
    key: Key,
    position: Position,
    /// What the write has seen, itself included: whoever has seen as much has it.
    context: VersionVector,
    requested: Level,
    started: Instant,
    /// When it is answered with what was reached, and hints take over; `None` once that is past.
    deadline: Option<Instant>,
    local: Local,
    /// Who else has it on disk.
    held: Nodes,
    /// Which fallback was asked on behalf of which owner.
    stand_ins: BTreeMap<NodeId, NodeId>,
    waiting: Nodes,
    /// Who could not take it, or has gone: not asked again to stand in.
    spent: Nodes,
    told: Option<Receipt>,
    pub(in crate::coordinator) is_listened_to: bool,
    is_superseded: bool,
    /// A delete that read fewer owners than its level asks for may have missed a value, and is never met.
    is_sure: bool,
}

/// A write that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// By which request.
    pub id: RequestId,
    /// Where.
    pub key: Key,
    /// Its name.
    pub dot: Dot,
    /// What it supersedes.
    pub context: Context,
    /// Whether it puts nothing in its place.
    pub is_delete: bool,
    /// Of an edit: which dots it takes away, and no others. Its context is empty.
    pub gone: Option<Vec<Dot>>,
}

/// A delete of which is known what it supersedes.
#[derive(Debug, Clone)]
pub(in crate::coordinator) struct Delete {
    pub(in crate::coordinator) key: Key,
    pub(in crate::coordinator) context: Context,
    pub(in crate::coordinator) terms: Terms,
    /// Enough owners were read, where it had to be read first.
    pub(in crate::coordinator) is_sure: bool,
}

/// A write that lies in the store and is to be brought to its owners.
pub(in crate::coordinator) struct Order {
    pub(in crate::coordinator) id: RequestId,
    pub(in crate::coordinator) key: Key,
    pub(in crate::coordinator) context: VersionVector,
    pub(in crate::coordinator) terms: Terms,
    pub(in crate::coordinator) is_sure: bool,
}

impl Write {
    pub(in crate::coordinator) fn is_for(&self, id: RequestId) -> bool {
        self.id == id
    }

    /// Whether an owner was asked, or somebody in its place.
    fn was_asked(&self, owner: NodeId) -> bool {
        let is_stood_in_for = self.stand_ins.values().any(|&absent| absent == owner);
        let was_asked = [&self.held, &self.waiting, &self.spent].iter().any(|nodes| nodes.contains(&owner));
        was_asked || is_stood_in_for
    }

    /// Whether the application was told anything of it.
    pub(in crate::coordinator) fn is_told(&self) -> bool {
        self.told.is_some()
    }
}

impl Coordinator {
    /// Without a context, and never shown the key, a delete reads first: it must not miss what it is meant to delete.
    pub(in crate::coordinator) fn delete(
        &mut self,
        near: &mut Surroundings<'_>,
        id: RequestId,
        key: Key,
        context: Option<Context>,
        terms: Terms,
    ) {
        match context.or_else(|| near.store.shown(&key)) {
            Some(context) => self.delete_seen(near, id, Delete { key, context, terms, is_sure: true }),
            None if near.planted.has(Plant::DeleteUnread) => {
                let context = near.store.context(&key).unwrap_or_default();
                self.delete_seen(near, id, Delete { key, context, terms, is_sure: true });
            }
            None => self.read_to_delete(near, id, key, terms),
        }
    }

    pub(in crate::coordinator) fn delete_seen(&mut self, near: &mut Surroundings<'_>, id: RequestId, delete: Delete) {
        let held = near.store.context(&delete.key).map(|held| held.union_len(&delete.context));
        if held.unwrap_or(delete.context.len()) >= ACTORS_MAX {
            return self.replies.push((id, Reply::Failed(RequestError::TooManySiblings)));
        }
        if !near.store.is_ready(&delete.key, &delete.context) && !near.store.open_mint() {
            self.waiting.push_back((id, Waiting::Delete(delete)));
            return;
        }
        let Delete { key, context, terms, is_sure } = delete;
        near.marks.hit_if(Mark::DeleteUnsure, || !is_sure);
        let (dot, changed) = near.store.delete(&key, &context);
        near.changed.push((key.clone(), None, changed));
        self.made.push(Made { id, key: key.clone(), dot, context: context.clone(), is_delete: true, gone: None });
        let mut seen = context;
        seen.see(dot);
        near.store.show(&key, &seen);
        self.follow(near, Order { id, key, context: seen, terms, is_sure });
    }

    /// The write is in the store: bring it to its owners and follow it.
    pub(in crate::coordinator) fn follow(&mut self, near: &mut Surroundings<'_>, order: Order) {
        let Order { id, key, context, terms, is_sure } = order;
        let (number, position) = (self.number(), near.position(&key));
        let numbers = self.writes_by_key.entry(key.clone()).or_default();
        let earlier = numbers.clone();
        numbers.push(number);
        for earlier in &earlier {
            if let Some(write) = self.writes.get_mut(earlier) {
                write.is_superseded |= context.descends(&write.context);
            }
        }
        self.begun.push(number);
        let deadline = self.deadline(near.now, terms);
        self.writes_due.insert((deadline, number));
        let mut write = Box::new(Write {
            id,
            key: key.clone(),
            position,
            context,
            requested: terms.level.unwrap_or(self.settings.w),
            started: near.now,
            deadline: Some(deadline),
            local: Local::Pending,
            held: Nodes::default(),
            stand_ins: BTreeMap::new(),
            waiting: Nodes::default(),
            spent: Nodes::default(),
            told: None,
            is_listened_to: true,
            is_superseded: false,
            is_sure,
        });
        let owners = near.ring.owners(position);
        if !owners.contains(&near.me) {
            let (hints, membership) = (near.store.hints_mut(), near.membership);
            hints.address_asked(&key, owners.clone(), |owner| membership.answers(owner));
        }
        let (me, object) = (near.me, near.store.object(&key).unwrap_or_default());
        for &owner in owners.iter().filter(|&&owner| owner != me) {
            send_towards(near, &mut write, number, owner, &object);
        }
        self.writes.insert(number, write);
        self.trim(near);
        earlier.into_iter().chain([number]).for_each(|number| self.tell(near, number));
    }

    /// Let the oldest go when too many are followed: what it lacks is left to hints, as at its deadline.
    fn trim(&mut self, near: &mut Surroundings<'_>) {
        while self.writes.len() > self.settings.writes_followed_max {
            let Some((&oldest, write)) = self.writes.iter().next() else { return };
            near.marks.hit(Mark::WriteUnfollowed);
            if let Some(deadline) = write.deadline {
                self.writes_due.remove(&(deadline, oldest));
                self.leave_to_hints(near, oldest);
            }
            self.forget_write(oldest);
        }
    }

    /// Nobody is waited for any longer: whoever owns a write and has not confirmed it is held a hint, and the write is
    /// answered with what was reached.
    fn leave_to_hints(&mut self, near: &mut Surroundings<'_>, number: u64) {
        let Some(write) = self.writes.get_mut(&number) else { return };
        write.deadline = None;
        let (key, waited) = (write.key.clone(), core::mem::take(&mut write.waiting));
        if near.planted.has(Plant::RiseWithoutAnswer) {
            waited.iter().for_each(|node| {
                write.held.insert(node);
            });
        }
        for owner in near.ring.owners(write.position) {
            if owner != near.me && !write.held.contains(&owner) {
                near.marks.hit(Mark::HintAtDeadline);
                near.store.hints_mut().add(&key, owner);
            }
        }
        waited.iter().for_each(|node| self.wake(near, &key, node));
        self.tell(near, number);
    }

    /// A node that was asked to store something has answered, or will not: unless it is asked again, what is held for
    /// it no longer rests.
    fn wake(&self, near: &mut Surroundings<'_>, key: &Key, node: NodeId) {
        let is_asked = |number: &u64| self.writes.get(number).is_some_and(|write| write.waiting.contains(&node));
        if !self.writes_by_key.get(key).into_iter().flatten().any(is_asked) {
            near.store.hints_mut().wake(key, node);
        }
    }

    fn forget_write(&mut self, number: u64) {
        let Some(write) = self.writes.remove(&number) else { return };
        let Write { key, deadline, .. } = *write;
        // Else there would be an entry for each write of the last seconds, and a wake-up for it.
        if let Some(deadline) = deadline {
            self.writes_due.remove(&(deadline, number));
        }
        if let Entry::Occupied(mut numbers) = self.writes_by_key.entry(key) {
            numbers.get_mut().retain(|other| *other != number);
            if numbers.get().is_empty() {
                numbers.remove();
            }
        }
    }

    /// Tell the application how far a write has got, if there is news.
    fn tell(&mut self, near: &Surroundings<'_>, number: u64) {
        let Some(write) = self.writes.get_mut(&number) else { return };
        let is_over = write.deadline.is_none();
        // The disk has the first word: a write is answered when it is known whether it is durable here.
        if write.told.is_none() && write.local == Local::Pending && !is_over {
            return;
        }
        let receipt = write.receipt(near);
        let may_rise = !write.waiting.is_empty();
        let is_answer = write.local != Local::Pending && (receipt.met || !may_rise || is_over);
        if write.told.is_none() && !is_answer && !is_over {
            return;
        }
        near.marks.hit_if(Mark::MetWithFallback, || {
            receipt.met && !receipt.fallbacks.is_empty() && receipt.owners.len() < usize::from(receipt.needed)
        });
        near.marks
            .hit_if(Mark::MetByFallbacks, || receipt.met && !receipt.fallbacks.is_empty() && receipt.owners.is_empty());
        near.marks.hit_if(Mark::RisesLate, || is_over && write.told.as_ref().is_some_and(|told| *told != receipt));
        near.marks.hit_if(Mark::WriteSuperseded, || receipt.ended == Some(Ended::Superseded));
        if write.told.is_none() {
            self.puts.add(near.now.since(write.started));
        }
        let is_news = write.is_listened_to && write.local != Local::Failed && write.told.as_ref() != Some(&receipt);
        let is_done = receipt.ended.is_some() && write.waiting.is_empty() && write.local != Local::Pending;
        let is_unheard = !write.is_listened_to && write.deadline.is_none();
        let is_forgotten = is_done || is_unheard;
        write.told = (!is_forgotten).then(|| receipt.clone());
        if is_news {
            self.replies.push((write.id, Reply::Receipt(receipt)));
        }
        if is_forgotten {
            self.forget_write(number);
        }
    }

    /// The batch that holds these writes is durable, or the disk did not take it.
    pub fn on_local(&mut self, near: &mut Surroundings<'_>, numbers: &[u64], outcome: Result<(), PersistError>) {
        for &number in numbers {
            let Some(write) = self.writes.get_mut(&number) else { continue };
            write.local = if outcome.is_ok() { Local::Durable } else { Local::Failed };
            if let Err(reason) = outcome {
                near.marks.hit(Mark::PutRefusedHere);
                self.replies.push((write.id, Reply::Failed(RequestError::from(reason))));
            }
            self.tell(near, number);
        }
    }

    /// The writes made since the last call.
    pub fn take_made(&mut self) -> impl Iterator<Item = Made> {
        self.made.drain(..)
    }

    /// The writes begun since the last call: they are in the batch that is being filled.
    pub fn take_begun(&mut self) -> Vec<u64> {
        core::mem::take(&mut self.begun)
    }

    /// An owner or a fallback says that it has a write on its disk, or could not take it.
    ///
    /// Where it does not think that it owns what it was sent as an owner, one of the two rings is behind: it does not
    /// count before they agree. Until then it is waited for: the write is sent anew when the ring changes here, and
    /// confirmed by comparison, or by a hint after the deadline, if it was the other one.
    pub fn on_stored(&mut self, near: &mut Surroundings<'_>, from: NodeId, number: u64, durable: bool, is_owner: bool) {
        let Some(write) = self.writes.get_mut(&number) else { return };
        if durable && !is_owner && !write.stand_ins.contains_key(&from) {
            return;
        }
        if !write.waiting.remove(&from) {
            return;
        }
        let (key, context) = (write.key.clone(), write.context.clone());
        if durable {
            // Then it is told as one of those that the node has now.
            let is_news = !write.held.contains(&from);
            self.on_confirmed(near, from, &key, &context);
            if is_news {
                return;
            }
        } else {
            let is_fallback = write.stand_ins.contains_key(&from);
            near.marks.hit(if is_fallback { Mark::FallbackRefuses } else { Mark::OwnerRefuses });
            self.wake(near, &key, from);
            self.instead_of(near, number, from);
        }
        self.tell(near, number);
    }

    /// This node has all that `seen` covers of a key on its disk: by an answer, a delivered hint, a comparison.
    pub fn on_confirmed(&mut self, near: &mut Surroundings<'_>, node: NodeId, key: &Key, seen: &VersionVector) {
        let holds_hint = near.store.hints().addressees(key).any(|addressee| addressee == node);
        let has_all = holds_hint && near.store.context(key).is_some_and(|context| seen.descends(&context));
        if has_all {
            near.store.hints_mut().confirm(key, node);
        }
        for number in self.writes_by_key.get(key).cloned().unwrap_or_default() {
            let Some(write) = self.writes.get_mut(&number) else { continue };
            if seen.descends(&write.context) && write.held.insert(node) {
                write.waiting.remove(&node);
                self.tell(near, number);
            }
        }
        if holds_hint && !has_all {
            self.wake(near, key, node);
        }
    }

    /// When the oldest write was made that an owner or a stand-in was asked to keep and has not confirmed. Past their
    /// deadline hints take over.
    pub fn oldest_waiting(&self) -> Option<Instant> {
        let due = self.writes_due.iter().filter_map(|(_, number)| self.writes.get(number));
        due.filter(|write| !write.waiting.is_empty()).map(|write| write.started).min()
    }

    /// Keys of writes that are still followed.
    pub fn followed(&self) -> impl Iterator<Item = &Key> {
        self.writes_by_key.keys()
    }

    /// Ask the next fallback in the place of a node that cannot take a write; or, if it has left and owns the key no
    /// more, whoever does instead.
    fn instead_of(&mut self, near: &mut Surroundings<'_>, number: u64, gone: NodeId) {
        let Some(write) = self.writes.get_mut(&number) else { return };
        let owner = write.stand_ins.remove(&gone).unwrap_or(gone);
        write.spent.insert(gone);
        let (owners, object) = (near.ring.owners(write.position), near.store.object(&write.key).unwrap_or_default());
        if owners.contains(&owner) {
            send_past(near, write, number, owner, &object);
        } else {
            for owner in owners {
                if owner != near.me && !write.was_asked(owner) {
                    send_towards(near, write, number, owner, &object);
                }
            }
        }
    }

    pub(in crate::coordinator) fn reroute_writes(&mut self, near: &mut Surroundings<'_>) {
        let numbers: Vec<u64> = self.writes.keys().copied().collect();
        for number in numbers {
            let Some(write) = self.writes.get(&number) else { continue };
            let key = write.key.clone();
            let gone: Vec<NodeId> = write.waiting.iter().filter(|&id| !near.membership.answers(id)).collect();
            for node in gone {
                if let Some(write) = self.writes.get_mut(&number) {
                    write.waiting.remove(&node);
                }
                self.wake(near, &key, node);
                near.marks.hit(Mark::ReplicaGone);
                self.instead_of(near, number, node);
            }
            self.tell(near, number);
        }
    }

    /// The ring has changed. Whoever did not own a write may have let it go since it confirmed it, and counts again
    /// when it confirms it as an owner.
    ///
    /// What is in flight is sent to the owners that are new.
    pub fn on_ring_change(&mut self, near: &mut Surroundings<'_>, before: &Ring) {
        let (me, mut passed) = (near.me, Vec::new());
        for (&number, write) in &mut self.writes {
            let position = write.position;
            if !write.held.is_empty() {
                let owners = before.owners(position);
                write.held.retain(|id| owners.contains(id));
            }
            if write.deadline.is_none() {
                continue;
            }
            let owners = near.ring.owners(position);
            let Write { key, waiting, stand_ins, .. } = &mut **write;
            waiting.retain(|id| {
                let is_awaited = owners.contains(id) || stand_ins.contains_key(id);
                passed.extend((!is_awaited).then(|| (key.clone(), *id)));
                is_awaited
            });
            let is_new = |id: &NodeId| *id != me && !write.held.contains(id) && !write.waiting.contains(id);
            let new: Vec<NodeId> = owners.into_iter().filter(is_new).collect();
            let object = near.store.object(&write.key).filter(|_| !new.is_empty()).unwrap_or_default();
            for owner in new {
                send_towards(near, write, number, owner, &object);
            }
        }
        passed.into_iter().for_each(|(key, node)| self.wake(near, &key, node));
        self.reseat_reads(near);
    }

    /// At the deadline the write is answered, and whoever owns it and has not confirmed is held a hint.
    pub(in crate::coordinator) fn expire_writes(&mut self, near: &mut Surroundings<'_>) {
        while let Some(&(deadline, number)) = self.writes_due.first() {
            if deadline > near.now {
                return;
            }
            self.writes_due.pop_first();
            self.leave_to_hints(near, number);
        }
    }
}
