//! To whom a write is sent: to an owner, or past it to a fallback with a hint; where there is none, the hint stays
//! here.

use super::Write;
use crate::coordinator::{Coordinator, Surroundings};
use crate::id::NodeId;
use crate::marks::Mark;
use crate::wire::{Message, Object};

/// Send a write to an owner, or past it to a fallback if it does not answer.
pub(super) fn send_towards(
    near: &mut Surroundings<'_>,
    write: &mut Write,
    number: u64,
    owner: NodeId,
    object: &Object,
) {
    if near.membership.answers(owner) {
        write.waiting.insert(owner);
        near.store.hints_mut().rest(&write.key, owner);
        let message = store_message(write, number, object, None);
        near.out.push((owner, message));
    } else {
        send_past(near, write, number, owner, object);
    }
}

/// Send a write to the next fallback that answers, with a hint for the owner; with no such fallback, hold the hint
/// here.
pub(super) fn send_past(near: &mut Surroundings<'_>, write: &mut Write, number: u64, owner: NodeId, object: &Object) {
    let list = near.ring.preference_list(write.position);
    let is_free = |id: &&NodeId| {
        **id != near.me
            && near.membership.answers(**id)
            && !write.stand_ins.contains_key(id)
            && !write.held.contains(id)
            && !write.spent.contains(id)
    };
    match list.fallbacks().iter().find(is_free).copied() {
        Some(fallback) => {
            write.waiting.insert(fallback);
            write.stand_ins.insert(fallback, owner);
            let message = store_message(write, number, object, Some(owner));
            near.out.push((fallback, message));
        }
        None => {
            near.marks.hit(Mark::NobodyStandsIn);
            near.store.hints_mut().add(&write.key, owner);
        }
    }
}

fn store_message(write: &Write, number: u64, object: &Object, hint: Option<NodeId>) -> Message {
    Message::Store { request: number, key: write.key.clone(), object: object.clone(), hint }
}

impl Coordinator {
    /// What a node was asked to store may have been on its way over a link that has closed: it is sent once more. To
    /// store it twice is to store it once.
    pub(in crate::coordinator) fn store_again(&self, near: &mut Surroundings<'_>, node: NodeId) {
        for (&number, write) in self.writes.iter().filter(|(_, write)| write.waiting.contains(&node)) {
            let Some(object) = near.store.object(&write.key) else { continue };
            near.marks.hit(Mark::AskedOverOthers);
            let hint = write.stand_ins.get(&node).copied();
            near.out.push((node, store_message(write, number, &object, hint)));
        }
    }
}
