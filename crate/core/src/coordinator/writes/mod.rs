//! Writes in flight, deletes, and their receipts, which go on rising after the answer until all N owners have the
//! write.

mod sending;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{Coordinator, Ended, Level, Reached, Receipt, Reply, RequestError, Surroundings, Terms, Waiting};
use crate::clock::{ACTORS_MAX, Context, Dot, VersionVector};
use crate::id::{Key, NodeId, RequestId};
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
    /// What the write has seen, itself included: whoever has seen as much has it.
    context: VersionVector,
    requested: Level,
    started: Instant,
    /// When it is answered with what was reached, and hints take over; `None` once that is past.
    deadline: Option<Instant>,
    local: Local,
    /// Who else has it on disk.
    held: BTreeSet<NodeId>,
    /// Which fallback was asked on behalf of which owner.
    stand_ins: BTreeMap<NodeId, NodeId>,
    waiting: BTreeSet<NodeId>,
    /// Who could not take it, or has gone: not asked again to stand in.
    spent: BTreeSet<NodeId>,
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

    /// How far it has got, by the ring and the members of now.
    fn receipt(&self, near: &Surroundings<'_>) -> Receipt {
        let n = match near.membership.n() {
            n if near.planted.has(Plant::QuorumOfPresent) => {
                let answering = near.membership.answering().count();
                n.min(u8::try_from(answering + 1).unwrap_or(n))
            }
            n => n,
        };
        let ring_owners = near.ring.owners(near.position(&self.key));
        let has = |id: NodeId| if id == near.me { self.local == Local::Durable } else { self.held.contains(&id) };
        let mut owners: Vec<NodeId> = ring_owners.iter().copied().filter(|&id| has(id)).collect();
        if near.planted.has(Plant::CountNonOwner) && has(near.me) && !owners.contains(&near.me) {
            owners.push(near.me);
        }
        let mut fallbacks: Vec<NodeId> = self
            .stand_ins
            .iter()
            .filter(|&(fallback, owner)| {
                has(*fallback) && !has(*owner) && ring_owners.contains(owner) && !ring_owners.contains(fallback)
            })
            .map(|(fallback, _)| *fallback)
            .collect();
        if near.planted.has(Plant::StandInsAreOwners) {
            owners.append(&mut fallbacks);
        }
        owners.sort_unstable();
        let count = owners.len() + fallbacks.len();
        let others = count - usize::from(owners.contains(&near.me));
        let needed = self.requested.needed(n);
        let met = match self.requested {
            Level::Local => self.local == Local::Durable,
            Level::One => others >= 1,
            Level::Quorum | Level::All | Level::Count(_) => count >= usize::from(needed),
        } && self.is_sure;
        let reached = match count {
            _ if count >= usize::from(n) => Reached::All,
            _ if count > usize::from(n / 2) => Reached::Quorum,
            _ if others >= 1 => Reached::One,
            _ => Reached::Local,
        };
        let device_of = |id: &NodeId| near.membership.device(*id);
        let on_disk = self.held.iter().copied().chain((self.local == Local::Durable).then_some(near.me));
        let devices = on_disk.filter_map(|id| device_of(&id)).collect::<BTreeSet<_>>().len();
        let ended = match () {
            () if owners.len() >= usize::from(n) => Some(Ended::Complete),
            () if self.is_superseded => Some(Ended::Superseded),
            () => None,
        };
        Receipt {
            context: self.context.clone(),
            requested: self.requested,
            needed,
            met,
            reached,
            owners,
            fallbacks,
            devices: u8::try_from(devices).unwrap_or(u8::MAX),
            ended,
        }
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
        match context.or_else(|| self.shown.get(&key).cloned()) {
            Some(context) => self.delete_seen(near, id, Delete { key, context, terms, is_sure: true }),
            None if near.planted.has(Plant::DeleteUnread) => {
                let context = near.store.object(&key).map(|object| object.context().clone()).unwrap_or_default();
                self.delete_seen(near, id, Delete { key, context, terms, is_sure: true });
            }
            None => self.read_to_delete(near, id, key, terms),
        }
    }

    pub(in crate::coordinator) fn delete_seen(&mut self, near: &mut Surroundings<'_>, id: RequestId, delete: Delete) {
        let held = near.store.object(&delete.key).map(|object| object.context().union_len(&delete.context));
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
        self.made.push(Made { id, key: key.clone(), dot, context: context.clone(), is_delete: true });
        let mut seen = context;
        seen.see(dot);
        self.follow(near, Order { id, key, context: seen, terms, is_sure });
    }

    /// The write is in the store: bring it to its owners and follow it.
    pub(in crate::coordinator) fn follow(&mut self, near: &mut Surroundings<'_>, order: Order) {
        let Order { id, key, context, terms, is_sure } = order;
        self.show(&key, &context);
        for earlier in self.writes_by_key.get(&key).into_iter().flatten() {
            if let Some(write) = self.writes.get_mut(earlier) {
                write.is_superseded |= context.descends(&write.context);
            }
        }
        let number = self.number();
        self.begun.push(number);
        let deadline = self.deadline(near.now, terms);
        self.writes_due.insert((deadline, number));
        let mut write = Write {
            id,
            key: key.clone(),
            context,
            requested: terms.level.unwrap_or(self.settings.w),
            started: near.now,
            deadline: Some(deadline),
            local: Local::Pending,
            held: BTreeSet::new(),
            stand_ins: BTreeMap::new(),
            waiting: BTreeSet::new(),
            spent: BTreeSet::new(),
            told: None,
            is_listened_to: true,
            is_superseded: false,
            is_sure,
        };
        let owners = near.ring.owners(near.position(&key));
        if !owners.contains(&near.me) {
            near.store.hints_mut().address(&key, owners.iter().copied().collect());
        }
        let (me, mut sends) = (near.me, Vec::new());
        for &owner in owners.iter().filter(|&&owner| owner != me) {
            send_towards(near, &mut write, number, owner, &mut sends);
        }
        near.out.extend(sends);
        self.writes.insert(number, write);
        self.writes_by_key.entry(key.clone()).or_default().push(number);
        self.trim(near);
        let earlier: Vec<u64> = self.writes_by_key.get(&key).cloned().unwrap_or_default();
        earlier.into_iter().for_each(|number| self.tell(near, number));
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
            write.held.extend(&waited);
        }
        for owner in near.ring.owners(near.position(&key)) {
            if owner != near.me && !write.held.contains(&owner) {
                near.marks.hit(Mark::HintAtDeadline);
                near.store.hints_mut().add(&key, owner);
            }
        }
        waited.into_iter().for_each(|node| self.wake(near, &key, node));
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
        if let Some(write) = self.writes.remove(&number)
            && let Some(numbers) = self.writes_by_key.get_mut(&write.key)
        {
            numbers.retain(|&other| other != number);
            if numbers.is_empty() {
                self.writes_by_key.remove(&write.key);
            }
        }
    }

    /// Tell the application how far a write has got, if there is news.
    fn tell(&mut self, near: &Surroundings<'_>, number: u64) {
        let Some(write) = self.writes.get_mut(&number) else { return };
        let receipt = write.receipt(near);
        let is_over = write.deadline.is_none();
        // The disk has the first word: a write is answered when it is known whether it is durable here.
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
        if write.is_listened_to && write.local != Local::Failed && write.told.as_ref() != Some(&receipt) {
            self.replies.push((write.id, Reply::Receipt(receipt.clone())));
        }
        let is_ended = receipt.ended.is_some();
        write.told = Some(receipt);
        let is_done = is_ended && write.waiting.is_empty() && write.local != Local::Pending;
        let is_unheard = !write.is_listened_to && write.deadline.is_none();
        if is_done || is_unheard {
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
    pub fn take_made(&mut self) -> Vec<Made> {
        core::mem::take(&mut self.made)
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
            self.on_confirmed(near, from, &key, &context);
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
        if near.store.object(key).is_some_and(|object| seen.descends(object.context())) {
            near.store.hints_mut().confirm(key, node);
        }
        for number in self.writes_by_key.get(key).cloned().unwrap_or_default() {
            let Some(write) = self.writes.get_mut(&number) else { continue };
            if seen.descends(&write.context) && write.held.insert(node) {
                write.waiting.remove(&node);
                self.tell(near, number);
            }
        }
        self.wake(near, key, node);
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
        let owners = near.ring.owners(near.position(&write.key));
        let mut sends = Vec::new();
        if owners.contains(&owner) {
            send_past(near, write, number, owner, &mut sends);
        } else {
            for owner in owners {
                if owner != near.me && !write.was_asked(owner) {
                    send_towards(near, write, number, owner, &mut sends);
                }
            }
        }
        near.out.extend(sends);
    }

    pub(in crate::coordinator) fn reroute_writes(&mut self, near: &mut Surroundings<'_>) {
        let numbers: Vec<u64> = self.writes.keys().copied().collect();
        for number in numbers {
            let Some(write) = self.writes.get(&number) else { continue };
            let key = write.key.clone();
            let gone: Vec<NodeId> = write.waiting.iter().copied().filter(|&id| !near.membership.answers(id)).collect();
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
        let (me, mut sends, mut passed) = (near.me, Vec::new(), Vec::new());
        for (&number, write) in &mut self.writes {
            let position = near.position(&write.key);
            if !write.held.is_empty() {
                let owners = before.owners(position);
                write.held.retain(|id| owners.contains(id));
            }
            if write.deadline.is_none() {
                continue;
            }
            let owners = near.ring.owners(position);
            let Write { waiting, stand_ins, .. } = write;
            waiting.retain(|id| {
                let is_awaited = owners.contains(id) || stand_ins.contains_key(id);
                passed.extend((!is_awaited).then(|| (write.key.clone(), *id)));
                is_awaited
            });
            let is_new = |id: &NodeId| *id != me && !write.held.contains(id) && !write.waiting.contains(id);
            for owner in owners.into_iter().filter(is_new).collect::<Vec<_>>() {
                send_towards(near, write, number, owner, &mut sends);
            }
        }
        near.out.extend(sends);
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
