//! Interest (DESIGN, Interest): what this node's user wants kept here, and who else keeps what for theirs.
//!
//! A node that has pinned something compares its copies with the first owner of every arc (`repair`), every ten
//! seconds; with each comparison it says that it wants to be told of changes for the next half minute. Of a change it
//! is told by the first owner that answers, so mostly once; what it misses, the next comparison finds.
//!
//! It is told, and nothing is asked of it: no write waits for an interested node, no read, no reap.

use alloc::collections::BTreeMap;

use super::{Coordinator, Reply, RequestError, Surroundings};
use crate::id::{Key, NodeId, Pin, RequestId};
use crate::planted::Plant;
use crate::time::{Instant, Millis};
use crate::wire::Message;

/// For how long a node is told without asking anew.
const LEASE_MS: Millis = 30_000;

/// Who is to be told of what, until when.
#[derive(Debug, Clone, Default)]
pub(super) struct Interested {
    nodes: BTreeMap<NodeId, BTreeMap<Pin, Instant>>,
}

impl Interested {
    fn count(&self) -> usize {
        self.nodes.values().map(BTreeMap::len).sum()
    }

    fn sweep(&mut self, now: Instant) {
        for pins in self.nodes.values_mut() {
            pins.retain(|_, until| *until > now);
        }
        self.nodes.retain(|_, pins| !pins.is_empty());
    }
}

impl Coordinator {
    pub(super) fn pin(&mut self, near: &mut Surroundings<'_>, id: RequestId, pin: Pin) {
        let is_pinned = near.store.pin(pin);
        let reply = if is_pinned { Reply::Pinned } else { Reply::Failed(RequestError::TooManyPins) };
        self.replies.push((id, reply));
    }

    pub(super) fn unpin(&mut self, near: &mut Surroundings<'_>, id: RequestId, pin: &Pin) {
        if near.planted.has(Plant::EvictOwned) {
            near.store.drop_where(|key| pin.names(key));
        }
        let dropped = near.store.unpin(pin).unwrap_or(0);
        self.replies.push((id, Reply::Unpinned(dropped)));
    }

    /// Another node keeps this for its user, and will be told of changes. If there are too many, it finds them out by
    /// comparison alone.
    pub fn on_interest(&mut self, now: Instant, from: NodeId, pin: Pin) {
        let is_known = self.interested.nodes.get(&from).is_some_and(|pins| pins.contains_key(&pin));
        if !is_known && self.interested.count() >= self.settings.interests_max {
            self.interested.sweep(now);
            if self.interested.count() >= self.settings.interests_max {
                return;
            }
        }
        self.interested.nodes.entry(from).or_default().insert(pin, now + LEASE_MS);
    }

    /// A key has changed here: tell those who keep it for their users, if this node is the first owner that answers.
    pub(super) fn tell_interested(&self, near: &mut Surroundings<'_>, key: &Key, from: Option<NodeId>) {
        if self.interested.nodes.is_empty() {
            return;
        }
        let owners = near.ring.owners(near.position(key));
        let first = owners.iter().copied().find(|&owner| owner == near.me || near.membership.answers(owner));
        let Some(object) = near.store.object(key).filter(|_| first == Some(near.me)) else { return };
        for (&node, pins) in &self.interested.nodes {
            let is_wanted = pins.iter().any(|(pin, until)| *until > near.now && pin.names(key));
            let is_told = Some(node) != from && !owners.contains(&node) && near.membership.reaches(node);
            if is_wanted && is_told {
                // Not before it is durable here: else a crash leaves the copy as the only one of what is nowhere else.
                near.gated.push((node, Message::Changed { key: key.clone(), object: object.clone() }));
            }
        }
    }
}
