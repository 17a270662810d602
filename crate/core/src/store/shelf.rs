//! Where the objects lie: by position, each in as little as it needs.
//!
//! Most keys have one plain value of one actor. Such an object is kept as its dot and its payload, with the actor
//! shared among all keys that it wrote, and is put together again when it is asked for, which allocates nothing. Any
//! other is kept as it is. What is kept short is exactly what comes back as it was, whatever an object may come to
//! have.
//!
//! The ordered map goes by the position alone, so that finding a key reads numbers and follows one pointer; keys whose
//! positions collide, which nobody outside the room can bring about, hang on one another in the order of the keys.
//!
//! What the application was *shown* of a key, the context of its next write, is mostly all that is held of it: that is
//! one flag here. Where it is less, or more, it lies beside. It is known for this session only and on no disk.
//!
//! Invariant: an object that is flagged as shown was shown exactly, and has no entry beside.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use core::iter::successors;

use crate::clock::{Dot, VersionVector};
use crate::id::{Actor, Key, Position};
use crate::wire::{Object, Payload, Version};

/// An object as it lies in the store.
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
    /// Anything else.
    Whole(Box<Object>),
}

impl Held {
    fn of(object: Object, actors: &mut Actors) -> Held {
        let short = object.dots().zip(object.values()).next().map(|(dot, version)| (dot, version.payload.clone()));
        match short {
            Some((dot, payload)) if plain(dot, payload.clone()) == object => {
                Held::Plain { actor: actors.shared(dot.actor), counter: dot.counter, payload }
            }
            _ => Held::Whole(Box::new(object)),
        }
    }

    fn object(&self) -> Object {
        match self {
            Held::Plain { actor, counter, payload } => {
                plain(Dot { actor: **actor, counter: *counter }, payload.clone())
            }
            Held::Whole(object) => Object::clone(object),
        }
    }

    fn context(&self) -> VersionVector {
        match self {
            Held::Plain { actor, counter, .. } => VersionVector::from_iter([Dot { actor: **actor, counter: *counter }]),
            Held::Whole(object) => object.context().clone(),
        }
    }
}

fn plain(dot: Dot, payload: Payload) -> Object {
    let mut object = Object::new();
    object.put(&VersionVector::new(), dot, Version::plain(payload));
    object
}

#[derive(Debug, Clone)]
struct Entry {
    key: Key,
    /// In halves: a whole one is aligned to twice the size of a pointer, and so would be all of this.
    fingerprint: [u64; 2],
    held: Held,
    is_shown: bool,
    /// The next key at this very position.
    next: Option<Box<Entry>>,
}

impl Entry {
    fn fingerprint(&self) -> u128 {
        u128::from(self.fingerprint[0]) << 64 | u128::from(self.fingerprint[1])
    }

    fn stored(&self) -> Stored {
        Stored { object: self.held.object(), fingerprint: self.fingerprint() }
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
#[derive(Debug, Clone, Default)]
pub(super) struct Shelf {
    entries: BTreeMap<Position, Box<Entry>>,
    count: usize,
    actors: Actors,
    /// What was shown of keys where that is not what is held of them.
    shown: BTreeMap<Key, VersionVector>,
}

impl Shelf {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    fn entry(&self, position: Position, key: &Key) -> Option<&Entry> {
        chain(self.entries.get(&position)?).find(|entry| entry.key == *key)
    }

    fn entry_mut(&mut self, position: Position, key: &Key) -> Option<&mut Entry> {
        let mut entry = &mut **self.entries.get_mut(&position)?;
        while entry.key != *key {
            entry = entry.next.as_deref_mut()?;
        }
        Some(entry)
    }

    /// What is held of a key.
    pub(super) fn object(&self, position: Position, key: &Key) -> Option<Object> {
        self.entry(position, key).map(|entry| entry.held.object())
    }

    /// The context of what is held of a key.
    pub(super) fn context(&self, position: Position, key: &Key) -> Option<VersionVector> {
        self.entry(position, key).map(|entry| entry.held.context())
    }

    /// The fingerprint of what is held of a key.
    pub(super) fn fingerprint(&self, position: Position, key: &Key) -> Option<u128> {
        self.entry(position, key).map(Entry::fingerprint)
    }

    /// Hold this. Tells what was held before.
    pub(super) fn insert(&mut self, position: Position, key: &Key, stored: Stored) -> Option<Stored> {
        let fingerprint = halves(stored.fingerprint);
        let held = Held::of(stored.object, &mut self.actors);
        if let Some(entry) = self.entry_mut(position, key) {
            let before = entry.stored();
            let was_shown = entry.is_shown.then(|| before.object.context().clone());
            entry.is_shown &= entry.held.context() == held.context();
            let is_shown = entry.is_shown;
            (entry.held, entry.fingerprint) = (held, fingerprint);
            if let Some(context) = was_shown.filter(|_| !is_shown) {
                self.shown.insert(key.clone(), context);
            }
            return Some(before);
        }
        self.count += 1;
        let mut new = Box::new(Entry { key: key.clone(), fingerprint, held, is_shown: false, next: None });
        match self.entries.remove(&position) {
            None => {
                self.entries.insert(position, new);
            }
            Some(first) if new.key < first.key => {
                new.next = Some(first);
                self.entries.insert(position, new);
            }
            Some(mut first) => {
                let mut before = &mut *first;
                while before.next.as_ref().is_some_and(|next| next.key < new.key) {
                    before = before.next.as_deref_mut().expect("it was looked at");
                }
                new.next = before.next.take();
                before.next = Some(new);
                self.entries.insert(position, first);
            }
        }
        None
    }

    /// Hold it no longer. Tells what was held. What was shown of it stays.
    pub(super) fn remove(&mut self, position: Position, key: &Key) -> Option<Stored> {
        let mut first = self.entries.remove(&position)?;
        let (rest, removed) = if first.key == *key {
            (first.next.take(), Some(first))
        } else {
            let mut before = &mut *first;
            while before.next.as_ref().is_some_and(|next| next.key != *key) {
                before = before.next.as_deref_mut().expect("it was looked at");
            }
            let mut removed = before.next.take();
            before.next = removed.as_mut().and_then(|removed| removed.next.take());
            (Some(first), removed)
        };
        if let Some(rest) = rest {
            self.entries.insert(position, rest);
        }
        let removed = removed?;
        self.count -= 1;
        if removed.is_shown {
            self.shown.insert(key.clone(), removed.held.context());
        }
        Some(removed.stored())
    }

    /// All keys in order, with their fingerprints.
    pub(super) fn keys(&self) -> impl Iterator<Item = (Position, &Key, u128)> {
        flat(self.entries.iter())
    }

    /// Those from one position to another, both included.
    pub(super) fn range(&self, start: u64, end: u64) -> impl Iterator<Item = (Position, &Key, u128)> {
        let some = (start <= end).then(|| self.entries.range(Position(start)..=Position(end)));
        flat(some.into_iter().flatten())
    }

    /// All objects of keys that are `wanted`.
    pub(super) fn objects_where(&self, wanted: impl Fn(&Key) -> bool) -> impl Iterator<Item = (&Key, Object, u128)> {
        let all = self.entries.values().flat_map(|first| chain(first));
        all.filter(move |entry| wanted(&entry.key)).map(|entry| (&entry.key, entry.held.object(), entry.fingerprint()))
    }

    /// The application was shown this much of a key.
    pub(super) fn show(&mut self, position: Position, key: &Key, context: &VersionVector) {
        let beside = self.shown.remove(key);
        let Some(entry) = self.entry_mut(position, key) else {
            let mut shown = beside.unwrap_or_default();
            shown.merge(context);
            self.shown.insert(key.clone(), shown);
            return;
        };
        let held = entry.held.context();
        let mut shown = if entry.is_shown { held.clone() } else { beside.unwrap_or_default() };
        shown.merge(context);
        entry.is_shown = shown == held;
        if !entry.is_shown {
            self.shown.insert(key.clone(), shown);
        }
    }

    /// Whether the application was shown anything of a key.
    pub(super) fn is_shown(&self, position: Position, key: &Key) -> bool {
        self.entry(position, key).is_some_and(|entry| entry.is_shown) || self.shown.contains_key(key)
    }

    /// What the application was shown of a key.
    pub(super) fn shown(&self, position: Position, key: &Key) -> Option<VersionVector> {
        let flagged = self.entry(position, key).filter(|entry| entry.is_shown);
        flagged.map(|entry| entry.held.context()).or_else(|| self.shown.get(key).cloned())
    }
}

fn chain(first: &Entry) -> impl Iterator<Item = &Entry> {
    successors(Some(first), |entry| entry.next.as_deref())
}

fn flat<'a>(
    entries: impl Iterator<Item = (&'a Position, &'a Box<Entry>)>,
) -> impl Iterator<Item = (Position, &'a Key, u128)> {
    entries.flat_map(|(&position, first)| chain(first).map(move |entry| (position, &entry.key, entry.fingerprint())))
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
        let mut object = plain(Dot { actor: actor(shape % 2), counter }, [shape].as_slice().into());
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
            let (mut shelf, mut plain) = (Shelf::default(), BTreeMap::new());
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
                let parts = |stored: Option<Stored>| stored.map(|stored| (stored.object, stored.fingerprint));
                prop_assert_eq!(parts(before.0), parts(before.1));
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
            let (mut shelf, mut plain) = (Shelf::default(), BTreeMap::<Key, VersionVector>::new());
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
        let (mut shelf, key) = (Shelf::default(), Key::new("b", "a").unwrap());
        shelf.insert(Position(1), &key, Stored { object: object(4, 1), fingerprint: 1 });
        shelf.show(Position(1), &key, object(4, 1).context());
        assert!(shelf.is_shown(Position(1), &key) && shelf.shown.is_empty());
    }

    #[test]
    fn actors_that_no_object_has_any_more_are_dropped() {
        let mut shelf = Shelf::default();
        let key = Key::new("b", "a").unwrap();
        for epoch in 0..10_000 {
            let dot = Dot { actor: Actor { node: NodeId::from_bytes([1; 16]), epoch }, counter: 1 };
            shelf.insert(Position(1), &key, Stored { object: plain(dot, [1].as_slice().into()), fingerprint: 1 });
        }
        assert!(shelf.actors.known.len() <= 200, "{}", shelf.actors.known.len());
    }
}
