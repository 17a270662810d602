//! Where the objects lie: by position, each in as little as it needs.
//!
//! Most keys have one plain value of one actor. Such an object is kept as its dot and its payload, with the actor
//! shared among all keys that it wrote, and is put together again when it is asked for, which allocates nothing. Any
//! other is kept as it is. What is kept short is exactly what comes back as it was, whatever an object may come to
//! have.
//!
//! What the application was *shown* of a key, the context of its next write, is mostly all that is held of it: that is
//! one flag here. Where it is less, or more, it lies beside. It is known for this session only and on no disk.
//!
//! Invariant: an object that is flagged as shown was shown exactly, and has no entry beside.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;

use super::parts::{Keyed, Parts};
use super::sums::Sum;
use crate::clock::{Dot, VersionVector};
use crate::id::{Actor, Key, Position};
use crate::wire::{Object, Payload, Version};

/// An object as it is put on the shelf.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) object: Object,
    pub(super) fingerprint: u128,
}

/// What is kept of an object.
#[derive(Debug, Clone)]
enum Held {
    /// One plain value, and nothing else was ever seen.
    Plain { actor: Arc<Actor>, counter: u64, payload: Payload },
    /// Anything else. A copy of a node, of which a history keeps many, has the same one.
    Whole(Arc<Object>),
}

impl Held {
    fn of(object: Object, actors: &mut Actors) -> Held {
        match object.as_sole().filter(|(_, version)| version.is_plain()) {
            Some((dot, version)) => {
                let payload = version.payload.clone();
                Held::Plain { actor: actors.shared(dot.actor), counter: dot.counter, payload }
            }
            None => Held::Whole(Arc::new(object)),
        }
    }

    fn object(&self) -> Object {
        match self {
            Held::Plain { actor, counter, payload } => plain(actor, *counter, payload.clone()),
            Held::Whole(object) => Object::clone(object),
        }
    }

    fn into_object(self) -> Object {
        match self {
            Held::Plain { actor, counter, payload } => plain(&actor, counter, payload),
            Held::Whole(object) => Arc::unwrap_or_clone(object),
        }
    }

    fn context(&self) -> VersionVector {
        match self {
            Held::Plain { actor, counter, .. } => VersionVector::from(Dot { actor: **actor, counter: *counter }),
            Held::Whole(object) => object.context().clone(),
        }
    }
}

fn plain(actor: &Actor, counter: u64, payload: Payload) -> Object {
    Object::sole(Dot { actor: *actor, counter }, Version::plain(payload))
}

#[derive(Debug, Clone)]
struct Entry {
    key: Key,
    /// In halves: a whole one is aligned to twice the size of a pointer, and so would be all of this.
    fingerprint: [u64; 2],
    held: Held,
    is_shown: bool,
}

impl Keyed for Entry {
    fn key(&self) -> &Key {
        &self.key
    }

    fn fingerprint(&self) -> u128 {
        u128::from(self.fingerprint[0]) << 64 | u128::from(self.fingerprint[1])
    }
}

fn halves(fingerprint: u128) -> [u64; 2] {
    [(fingerprint >> 64) as u64, fingerprint as u64]
}

/// The actors of plain objects, each once. When there are twice as many as there were after the last sweep, those that
/// no object refers to are swept out.
#[derive(Debug, Clone, Default)]
struct Actors {
    known: BTreeSet<Arc<Actor>>,
    swept: usize,
}

impl Actors {
    fn shared(&mut self, actor: Actor) -> Arc<Actor> {
        if let Some(known) = self.known.get(&actor) {
            return known.clone();
        }
        if self.known.len() > 2 * self.swept + 64 {
            self.known.retain(|actor| Arc::strong_count(actor) > 1);
            self.swept = self.known.len();
        }
        let new = Arc::new(actor);
        self.known.insert(new.clone());
        new
    }
}

/// All objects of one node.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    entries: Parts<Entry>,
    actors: Actors,
    /// What was shown of keys where that is not what is held of them.
    shown: BTreeMap<Key, VersionVector>,
}

impl Shelf {
    /// With nothing on it, and room for so many.
    pub(super) fn with_room(count: usize) -> Shelf {
        Shelf { entries: Parts::with_room(count), actors: Actors::default(), shown: BTreeMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// A number that changes whenever what is held does.
    pub(super) fn version(&self) -> u64 {
        self.entries.version()
    }

    /// What is held of a key.
    pub(super) fn object(&self, position: Position, key: &Key) -> Option<Object> {
        self.entries.get(position, key).map(|entry| entry.held.object())
    }

    /// The context of what is held of a key.
    pub(super) fn context(&self, position: Position, key: &Key) -> Option<VersionVector> {
        self.entries.get(position, key).map(|entry| entry.held.context())
    }

    /// The fingerprint of what is held of a key.
    pub(super) fn fingerprint(&self, position: Position, key: &Key) -> Option<u128> {
        self.entries.get(position, key).map(Entry::fingerprint)
    }

    /// Hold this. Tells what was held before.
    pub(super) fn insert(&mut self, position: Position, key: &Key, stored: Stored) -> Option<Object> {
        let fingerprint = halves(stored.fingerprint);
        let held = Held::of(stored.object, &mut self.actors);
        match self.entries.find(position, key) {
            Ok(spot) => Some(self.entries.change(spot, |entry| {
                let was_shown = entry.is_shown;
                entry.is_shown &= entry.held.context() == held.context();
                entry.fingerprint = fingerprint;
                let before = core::mem::replace(&mut entry.held, held).into_object();
                if was_shown && !entry.is_shown {
                    self.shown.insert(key.clone(), before.context().clone());
                }
                before
            })),
            Err(spot) => {
                let entry = Entry { key: key.clone(), fingerprint, held, is_shown: false };
                self.entries.insert(spot, position, Box::new(entry));
                None
            }
        }
    }

    /// Hold it no longer. Tells what was held. What was shown of it stays.
    pub(super) fn remove(&mut self, position: Position, key: &Key) -> Option<Object> {
        let spot = self.entries.find(position, key).ok()?;
        let removed = self.entries.remove(spot);
        if removed.is_shown {
            self.shown.insert(key.clone(), removed.held.context());
        }
        Some(removed.held.into_object())
    }

    /// All keys in order, with their fingerprints.
    pub(super) fn keys(&self) -> impl Iterator<Item = (Position, &Key, u128)> {
        self.entries.iter().map(|(position, entry)| (position, &entry.key, entry.fingerprint()))
    }

    /// Those from one position to another, both included.
    pub(super) fn range(&self, start: u64, end: u64) -> impl Iterator<Item = (Position, &Key, u128)> {
        self.entries.range(start, end).map(|(position, entry)| (position, &entry.key, entry.fingerprint()))
    }

    /// The sum of those.
    pub(super) fn sum(&self, start: u64, end: u64) -> Sum {
        self.entries.sum(start, end)
    }

    /// All objects of keys that are `wanted`.
    pub(super) fn objects_where(&self, wanted: impl Fn(&Key) -> bool) -> impl Iterator<Item = (&Key, Object, u128)> {
        let all = self.entries.iter().map(|(_, entry)| entry);
        all.filter(move |entry| wanted(&entry.key)).map(|entry| (&entry.key, entry.held.object(), entry.fingerprint()))
    }

    /// The application was shown this much of a key.
    pub(super) fn show(&mut self, position: Position, key: &Key, context: &VersionVector) {
        let beside = self.shown.remove(key);
        let Ok(spot) = self.entries.find(position, key) else {
            let mut shown = beside.unwrap_or_default();
            shown.merge(context);
            self.shown.insert(key.clone(), shown);
            return;
        };
        self.entries.change(spot, |entry| {
            let held = entry.held.context();
            let mut shown = if entry.is_shown { held.clone() } else { beside.unwrap_or_default() };
            shown.merge(context);
            entry.is_shown = shown == held;
            if !entry.is_shown {
                self.shown.insert(key.clone(), shown);
            }
        });
    }

    /// Whether the application was shown anything of a key.
    pub(super) fn is_shown(&self, position: Position, key: &Key) -> bool {
        self.entries.get(position, key).is_some_and(|entry| entry.is_shown) || self.shown.contains_key(key)
    }

    /// What the application was shown of a key.
    pub(super) fn shown(&self, position: Position, key: &Key) -> Option<VersionVector> {
        let flagged = self.entries.get(position, key).filter(|entry| entry.is_shown);
        flagged.map(|entry| entry.held.context()).or_else(|| self.shown.get(key).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::NodeId;
    use crate::time::WallTime;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn actor(byte: u8) -> Actor {
        Actor { node: NodeId::from_bytes([byte; 16]), epoch: u64::from(byte) }
    }

    /// Objects of many shapes: a plain value, a tombstone, siblings, one that expires.
    fn object(shape: u8, counter: u64) -> Object {
        let mut object = plain(&actor(shape % 2), counter, [shape].as_slice().into());
        let context = object.context().clone();
        match shape % 5 {
            0 => object.delete(&context, Dot { actor: actor(7), counter }),
            1 => object.put(&context, Dot { actor: actor(8), counter }, Version::plain([9].as_slice().into())),
            2 => {
                let version = Version { expires: Some(WallTime(counter)), ..Version::plain([1].as_slice().into()) };
                object.put(&VersionVector::new(), Dot { actor: actor(9), counter }, version);
            }
            _ => {}
        }
        object
    }

    proptest! {
        /// Three positions for eight keys, so that most collide.
        #[test]
        fn a_shelf_is_a_map_by_position_and_key_whatever_collides(
            steps in prop::collection::vec((0u8..8, 0u8..20, any::<bool>()), 1..60),
        ) {
            let (mut shelf, mut plain) = (Shelf::with_room(0), BTreeMap::new());
            for (number, (name, shape, is_put)) in steps.into_iter().enumerate() {
                let key = Key::new("b", core::str::from_utf8(&[b'a' + name]).unwrap()).unwrap();
                let (position, counter) = (Position(u64::from(name % 3)), number as u64 + 1);
                let before = if is_put {
                    let fingerprint = u128::MAX - u128::from(counter);
                    let stored = Stored { object: object(shape, counter), fingerprint };
                    let before = shelf.insert(position, &key, stored.clone());
                    (before, plain.insert((position, key), stored))
                } else {
                    (shelf.remove(position, &key), plain.remove(&(position, key)))
                };
                prop_assert_eq!(before.0, before.1.map(|stored| stored.object));
                prop_assert_eq!(shelf.len(), plain.len());
                let keys: Vec<_> = shelf.keys().collect();
                let plainly: Vec<_> = plain.iter().map(|((at, key), stored)| (*at, key, stored.fingerprint)).collect();
                prop_assert_eq!(&keys, &plainly);
                let few: Vec<_> = shelf.range(1, 1).collect();
                prop_assert_eq!(few, plainly.into_iter().filter(|(at, ..)| at.0 == 1).collect::<Vec<_>>());
                for ((position, key), stored) in &plain {
                    prop_assert_eq!(shelf.object(*position, key), Some(stored.object.clone()));
                    prop_assert_eq!(shelf.fingerprint(*position, key), Some(stored.fingerprint));
                }
            }
        }

        #[test]
        fn what_was_shown_is_all_that_was_shown_whatever_becomes_of_the_key(
            steps in prop::collection::vec((0u8..3, 0u8..20, 0u8..4), 1..60),
        ) {
            let (mut shelf, mut plain) = (Shelf::with_room(0), BTreeMap::<Key, VersionVector>::new());
            for (number, (name, shape, what)) in steps.into_iter().enumerate() {
                let key = Key::new("b", core::str::from_utf8(&[b'a' + name]).unwrap()).unwrap();
                let (position, counter) = (Position(1), number as u64 + 1);
                let held = shelf.object(position, &key).unwrap_or_default();
                let seen = if what == 0 { object(shape, counter).context().clone() } else { held.context().clone() };
                match what {
                    0 | 1 => {
                        shelf.show(position, &key, &seen);
                        plain.entry(key).or_default().merge(&seen);
                    }
                    2 => {
                        shelf.insert(position, &key, Stored { object: object(shape, counter), fingerprint: 1 });
                    }
                    _ => {
                        shelf.remove(position, &key);
                    }
                }
                for name in ["a", "b", "c"] {
                    let key = Key::new("b", name).unwrap();
                    prop_assert_eq!(shelf.shown(position, &key), plain.get(&key).cloned());
                    prop_assert_eq!(shelf.is_shown(position, &key), plain.contains_key(&key));
                }
            }
        }
    }

    #[test]
    fn what_is_shown_as_it_is_held_lies_nowhere_beside() {
        let (mut shelf, key) = (Shelf::with_room(0), Key::new("b", "a").unwrap());
        shelf.insert(Position(1), &key, Stored { object: object(4, 1), fingerprint: 1 });
        shelf.show(Position(1), &key, object(4, 1).context());
        assert!(shelf.is_shown(Position(1), &key) && shelf.shown.is_empty());
    }

    #[test]
    fn actors_that_no_object_has_any_more_are_dropped() {
        let mut shelf = Shelf::with_room(0);
        let key = Key::new("b", "a").unwrap();
        for epoch in 0..10_000 {
            let actor = Actor { node: NodeId::from_bytes([1; 16]), epoch };
            let object = plain(&actor, 1, [1].as_slice().into());
            shelf.insert(Position(1), &key, Stored { object, fingerprint: 1 });
        }
        assert!(shelf.actors.known.len() <= 200, "{}", shelf.actors.known.len());
    }
}
