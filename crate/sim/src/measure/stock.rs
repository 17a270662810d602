//! Objects that nodes are given as if another had sent them: a store of any size at once, without requests or hints, so
//! that what is measured begins from a known state.

use roundtable_core::clock::{Dot, VersionVector};
use roundtable_core::id::{Actor, Key, NodeId};
use roundtable_core::node::Input;
use roundtable_core::wire::{self, Message, Object, Purpose, Version};

use crate::World;
pub(super) use crate::bare::{VALUE_BYTES, key, value};

/// How many objects come in one frame.
const FRAME_OBJECTS: usize = 500;

/// The key of this number, after so many writes, each of which has seen the one before. Counters run on over all keys,
/// as an actor's do.
pub(super) fn object(number: u64, versions: u64) -> (Key, Object) {
    let actor = Actor { node: NodeId::from_bytes([9; 16]), epoch: 1 };
    let (mut object, mut context) = (Object::new(), VersionVector::new());
    for version in 0..versions {
        let dot = Dot { actor, counter: number + 1 + version * 1_000_000 };
        object.put(&context, dot, Version::plain(value(number).into()));
        context.see(dot);
    }
    (key(number), object)
}

/// Give a tab objects as if they had come from another.
pub(super) fn give(world: &mut World, to: usize, from: usize, objects: &[(Key, Object)]) {
    let from = world.hosts[from].id;
    for chunk in objects.chunks(FRAME_OBJECTS) {
        let message = Message::Objects { batch: 0, purpose: Purpose::Repair, objects: chunk.to_vec(), next: None };
        world.input(to, Input::Received { from, bytes: wire::encode(&message) });
    }
}

/// Give every object to all its owners, as this tab sees them.
pub(super) fn give_owners(world: &mut World, objects: &[(Key, Object)]) {
    for to in world.alive() {
        let is_own = |key: &Key| world.node(to).view().preference_list(key).owners.contains(&world.hosts[to].id);
        let own: Vec<(Key, Object)> = objects.iter().filter(|(key, _)| is_own(key)).cloned().collect();
        let from = world.alive().into_iter().find(|&tab| tab != to).unwrap_or(to);
        give(world, to, from, &own);
    }
}
