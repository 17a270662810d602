//! Watches: of this node's application, and of other nodes' on keys this node owns.
//!
//! An application sees at once what this node holds, then every change that reaches it, and once when a quorum has
//! answered. A node that does not own a key it watches asks the first owner that answers to be told of changes, and
//! renews that for as long as it watches: if the owner goes away, the next renewal finds another.
//!
//! What comes so is a copy for its user, an interest like any other (`store`, copies): it counts for nothing and is
//! pushed to nobody. The read with which a watch begins is its comparison with the owners.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::reads::{Reader, read_reply};
use super::{Coordinator, Quorum, ReadReply, Reply, Surroundings, Terms};
use crate::id::{Key, NodeId, RequestId};
use crate::time::{Instant, Millis};
use crate::wire::{Message, Object};

/// How often a watch is renewed. A third of the lease: two renewals may be lost.
const RENEW_MS: Millis = 10_000;
/// For how long a watch is served without being renewed.
const LEASE_MS: Millis = 30_000;

#[derive(Debug, Clone)]
struct Watch {
    key: Key,
    /// Who answered when it began; `None` before.
    quorum: Option<ReadReply>,
}

/// All watches.
#[derive(Debug, Clone, Default)]
pub(super) struct Watching {
    own: BTreeMap<RequestId, Watch>,
    renewal: Option<Instant>,
    /// Who is to be told of which key, until when.
    others: BTreeMap<Key, BTreeMap<NodeId, Instant>>,
    others_count: usize,
}

impl Watching {
    pub(super) fn cancel(&mut self, near: &mut Surroundings<'_>, id: RequestId) {
        let Some(watch) = self.own.remove(&id) else { return };
        near.store.unwatch_key(&watch.key);
        if self.own.is_empty() {
            self.renewal = None;
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.renewal
    }

    fn subscribe(&mut self, key: &Key, node: NodeId, now: Instant, max: usize) -> bool {
        let is_known = self.others.get(key).is_some_and(|nodes| nodes.contains_key(&node));
        if !is_known && self.others_count >= max {
            self.sweep(now);
            if self.others_count >= max {
                return false;
            }
        }
        self.others.entry(key.clone()).or_default().insert(node, now + LEASE_MS);
        self.others_count += usize::from(!is_known);
        true
    }

    fn sweep(&mut self, now: Instant) {
        for nodes in self.others.values_mut() {
            nodes.retain(|_, until| *until > now);
        }
        self.others.retain(|_, nodes| !nodes.is_empty());
        self.others_count = self.others.values().map(BTreeMap::len).sum();
    }
}

impl Coordinator {
    pub(super) fn watch(&mut self, near: &mut Surroundings<'_>, id: RequestId, key: Key) {
        self.watching.own.insert(id, Watch { key: key.clone(), quorum: None });
        self.watching.renewal.get_or_insert(near.now + RENEW_MS);
        near.store.watch_key(&key);
        near.follow(&key);
        self.tell_watch(near, id, None);
        self.renew(near, &key);
        self.read(near, Reader::Watch(id), key, Terms::default());
    }

    /// The quorum's answer to a watch that has begun.
    pub(super) fn on_watch_read(
        &mut self,
        near: &mut Surroundings<'_>,
        id: RequestId,
        merged: &Object,
        reply: ReadReply,
    ) {
        let Some(watch) = self.watching.own.get_mut(&id) else { return };
        let (key, bringer) = (watch.key.clone(), reply.answered.iter().copied().find(|&node| node != near.me));
        watch.quorum = Some(reply);
        // If that changes what is kept, all its watches are told anyway. If there is no room, this one is told.
        if !near.keep_copy(&key, merged, bringer.unwrap_or(near.me)) {
            self.tell_watch(near, id, Some(merged));
        }
    }

    /// Tell of what is here, and of what else is known.
    fn tell_watch(&mut self, near: &mut Surroundings<'_>, id: RequestId, also: Option<&Object>) {
        let Some(watch) = self.watching.own.get(&id) else { return };
        let key = watch.key.clone();
        let mut object = near.store.object(&key).unwrap_or_default();
        near.store.add_copy(&key, &mut object);
        also.into_iter().for_each(|also| {
            object.sync(also);
        });
        let quorum = Quorum::new(self.settings.r.needed(near.membership.n()));
        let mut reply = read_reply(&object, &quorum, near.store.expiry_clock());
        if let Some(quorum) = &watch.quorum {
            let ReadReply { met, needed, answered, .. } = quorum.clone();
            reply = ReadReply { met, needed, answered, ..reply };
        }
        near.store.show(&key, &reply.context);
        self.replies.push((id, Reply::Read(reply)));
    }

    /// Values went out of sight, or came back: tell the application.
    pub fn on_expired(&mut self, near: &mut Surroundings<'_>, keys: &[Key]) {
        keys.iter().for_each(|key| self.scanning.on_changed(key));
        let keys: BTreeSet<&Key> = keys.iter().collect();
        let ids: Vec<RequestId> =
            self.watching.own.iter().filter(|(_, watch)| keys.contains(&watch.key)).map(|(&id, _)| id).collect();
        ids.into_iter().for_each(|id| self.tell_watch(near, id, None));
    }

    /// A key has changed here: tell the application, and those who asked.
    pub fn on_changed(&mut self, near: &mut Surroundings<'_>, key: &Key, from: Option<NodeId>) {
        self.scanning.on_changed(key);
        let ids: Vec<RequestId> =
            self.watching.own.iter().filter(|(_, watch)| watch.key == *key).map(|(&id, _)| id).collect();
        ids.into_iter().for_each(|id| self.tell_watch(near, id, None));
        self.tell_interested(near, key, from);
        let Some(nodes) = self.watching.others.get(key) else { return };
        let Some(object) = near.store.object(key) else { return };
        for (&node, &until) in nodes {
            if until > near.now && Some(node) != from && near.membership.reaches(node) {
                near.out.push((node, Message::Changed { key: key.clone(), object: object.clone() }));
            }
        }
    }

    /// Another node wants to be told of a key.
    pub fn on_watch(&mut self, near: &mut Surroundings<'_>, from: NodeId, key: Key, have: u64) -> bool {
        let is_taken = self.watching.subscribe(&key, from, near.now, self.settings.subscriptions_max);
        if near.store.fingerprint(&key) as u64 != have {
            // What is remembered of a reaped tombstone takes away what it knows no more.
            let object = near.store.known(&key);
            if !object.is_unknown() {
                near.out.push((from, Message::Changed { key, object }));
            }
        }
        is_taken
    }

    /// Another node tells of a key; only one that is watched or pinned here is taken in.
    pub fn on_changed_elsewhere(&mut self, near: &mut Surroundings<'_>, from: NodeId, key: &Key, object: &Object) {
        if near.store.wants(key) {
            near.keep_copy(key, object, from);
        }
    }

    pub(super) fn renew_watches(&mut self, near: &mut Surroundings<'_>) {
        if self.watching.renewal.is_none_or(|due| due > near.now) {
            return;
        }
        self.watching.sweep(near.now);
        self.renew_all(near);
        self.watching.renewal = (!self.watching.own.is_empty()).then_some(near.now + RENEW_MS);
    }

    /// Ask anew for every watched key: the ring has changed, or it is time.
    pub fn renew_all(&mut self, near: &mut Surroundings<'_>) {
        let mut keys: Vec<Key> = self.watching.own.values().map(|watch| watch.key.clone()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.iter().for_each(|key| self.renew(near, key));
    }

    fn renew(&self, near: &mut Surroundings<'_>, key: &Key) {
        let owners = near.ring.owners(near.position(key));
        if owners.contains(&near.me) {
            return;
        }
        if let Some(&owner) = owners.iter().find(|&&owner| near.membership.answers(owner)) {
            let have = near.store.view_fingerprint(key) as u64;
            near.out.push((owner, Message::Watch { key: key.clone(), have }));
        }
    }
}
