//! The law of merging: what an application is shown of a key's siblings.
//!
//! What supersedes what is the dots' business and is settled before. This decides only among versions that had not seen
//! each other, when they are read, and drops nothing: every replica that holds the same versions shows the same at the
//! same time, in whatever order they came.
//!
//! - A version that has expired is not shown.
//! - *Register*: siblings are shown as they are.
//! - *Last write wins*: of those, the one with the latest stamp is shown, by its dot if stamps are equal. The others
//!   are lost as soon as somebody writes. This loses concurrent writes by design (Jepsen on Riak, 2013: 30 to 70 % of
//!   them at any quorum) and is for values of which only the newest matters.
//! - *Counter*: the sum of all amounts, in the order of their dots, since floats add up differently in another.
//! - *Set*: a list of the items, in the order of their canonical bytes.
//! - *Map*: a map of the fields; of several versions of one field the one with the latest stamp, then dot. A field's
//!   concurrent values are thus merged as last-write-wins values are, and those of different fields never meet.
//!
//! A part that is not what it should be was written by nobody who plays fair, and is not shown. A key may hold several
//! types, if one node opened the bucket as the one and another as the other: then all are shown, and the reader is
//! told of which types they are.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::edit::amount;
use super::value::{Value, decode_field, is_inner, list_of, map_of};
use super::{Object, Part, Payload, Stamp, Version};
use crate::clock::Dot;
use crate::id::Inserted;
use crate::time::WallTime;

/// What a value is, and so by which law it is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum DataType {
    /// Siblings are the application's to merge.
    #[default]
    Register,
    /// The latest by the hybrid clock is shown.
    LastWriteWins,
    /// A number that is added to.
    Counter,
    /// Items, of which each is there once.
    Set,
    /// Values by name.
    Map,
}

/// What is shown of a key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merged {
    /// The values, in the order of their dots; of a counter, a set or a map the one that it makes.
    pub siblings: Vec<Payload>,
    /// Of which types they are; more than one if nodes disagree about the bucket.
    pub datatypes: BTreeSet<DataType>,
}

impl Version {
    /// What it is, or what it is a part of.
    pub fn datatype(&self) -> DataType {
        match self.part {
            Part::Whole if self.stamp.is_some() => DataType::LastWriteWins,
            Part::Whole => DataType::Register,
            Part::Amount => DataType::Counter,
            Part::Item => DataType::Set,
            Part::Field => DataType::Map,
        }
    }
}

/// What is shown of an object at a wall time; `None` lets nothing expire.
pub fn merged(object: &Object, wall: Option<WallTime>) -> Merged {
    let live = || object.dots().zip(object.values()).filter(|(_, version)| !version.is_over(wall));
    let whole = || live().filter(|(_, version)| version.part == Part::Whole);
    let winner = whole().filter_map(|(dot, version)| version.stamp.map(|stamp| (stamp, dot))).max();
    let is_shown = |dot, version: &Version| version.stamp.is_none_or(|stamp| winner == Some((stamp, dot)));
    let shown = || whole().filter(|(dot, version)| is_shown(*dot, version)).map(|(_, version)| version);
    let mut merged = Merged {
        siblings: shown().map(|version| version.payload.clone()).collect(),
        datatypes: shown().map(Version::datatype).inserted(),
    };
    if object.values().any(|version| version.part != Part::Whole) {
        for (part, datatype) in
            [(Part::Amount, DataType::Counter), (Part::Item, DataType::Set), (Part::Field, DataType::Map)]
        {
            let mut parts = live().filter(|(_, version)| version.part == part).peekable();
            if parts.peek().is_some() {
                merged.siblings.push(composed(part, parts).into());
                merged.datatypes.insert(datatype);
            }
        }
    }
    merged
}

/// The value that parts of one type make, as its canonical bytes.
fn composed<'a>(part: Part, parts: impl Iterator<Item = (Dot, &'a Version)>) -> Vec<u8> {
    match part {
        Part::Amount => {
            let sum = parts.fold(0.0, |sum: f64, (_, version)| sum + amount(&version.payload));
            // Of amounts near the largest number there is, the sum may be beyond it, which cannot be stored.
            Value::Number(sum.clamp(f64::MIN, f64::MAX)).encode()
        }
        Part::Item | Part::Whole => {
            let items: BTreeSet<&[u8]> =
                parts.map(|(_, version)| &version.payload[..]).filter(|item| is_inner(item)).collect();
            list_of(items.into_iter())
        }
        Part::Field => {
            let mut fields: BTreeMap<&str, (Option<Stamp>, Dot, &[u8])> = BTreeMap::new();
            for (dot, version) in parts {
                let Some((name, value)) = decode_field(&version.payload) else { continue };
                let candidate = (version.stamp, dot, value);
                let latest = fields.entry(name).or_insert(candidate);
                *latest = candidate.max(*latest);
            }
            map_of(fields.into_iter().map(|(name, (_, _, value))| (name, value)))
        }
    }
}

/// Whether anything is shown of an object at a wall time.
pub fn lives(object: &Object, wall: Option<WallTime>) -> bool {
    object.values().any(|version| !version.is_over(wall))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::VersionVector;
    use crate::id::{Actor, NodeId};
    use proptest::prelude::*;

    fn dot(actor: u8, counter: u64) -> Dot {
        Dot { actor: Actor { node: NodeId::from_bytes([actor; 16]), epoch: 0 }, counter }
    }

    fn version(byte: u8, expires: Option<u64>, stamp: Option<u64>) -> Version {
        let stamp = stamp.map(|wall| Stamp { wall: WallTime(wall), count: 0 });
        Version { payload: alloc::vec![byte].into(), expires: expires.map(WallTime), stamp, part: Part::Whole }
    }

    /// Versions that had not seen each other, each with the next dot of an actor of its own.
    fn concurrent(versions: impl IntoIterator<Item = Version>) -> Object {
        let mut object = Object::new();
        for (actor, version) in (1..).zip(versions) {
            object.put(&VersionVector::new(), dot(actor, 1), version);
        }
        object
    }

    fn shown(object: &Object, wall: u64) -> Vec<u8> {
        merged(object, Some(WallTime(wall))).siblings.iter().map(|payload| payload[0]).collect()
    }

    #[test]
    fn registers_are_shown_as_they_are_and_of_last_write_wins_values_the_latest() {
        let registers = concurrent([version(1, None, None), version(2, None, None)]);
        assert_eq!(shown(&registers, 0), [1, 2]);
        let lww = concurrent([version(1, None, Some(5)), version(2, None, Some(9)), version(3, None, Some(7))]);
        assert_eq!(shown(&lww, 0), [2]);
        let tie = concurrent([version(1, None, Some(5)), version(2, None, Some(5))]);
        assert_eq!(shown(&tie, 0), [2], "the same everywhere");
        let mixed = concurrent([version(1, None, Some(5)), version(2, None, None), version(3, None, Some(4))]);
        assert_eq!(shown(&mixed, 0), [1, 2]);
        let both = BTreeSet::from([DataType::Register, DataType::LastWriteWins]);
        assert_eq!(merged(&mixed, None).datatypes, both);
    }

    #[test]
    fn what_has_expired_is_not_shown_and_does_not_win() {
        let object = concurrent([version(1, Some(10), Some(9)), version(2, None, Some(5)), version(3, Some(5), None)]);
        assert_eq!(
            (shown(&object, 4), shown(&object, 5), shown(&object, 10)),
            (alloc::vec![1, 3], alloc::vec![1], alloc::vec![2])
        );
        let short = concurrent([version(1, Some(10), None)]);
        assert!(lives(&short, Some(WallTime(9))) && !lives(&short, Some(WallTime(10))) && lives(&short, None));
    }

    #[test]
    fn what_has_seen_another_supersedes_it_whatever_their_stamps() {
        let mut object = concurrent([version(1, None, Some(u64::MAX))]);
        let seen = object.context().clone();
        object.put(&seen, dot(9, 1), version(2, None, Some(3)));
        assert_eq!(shown(&object, 0), [2]);
    }

    /// One step of a replica: a write that has seen some of the others' dots, or the drop of what has long expired.
    #[derive(Debug, Clone)]
    enum Step {
        Write { expires: Option<u64>, stamp: Option<u64>, seen: usize },
        Drop { before: u64 },
        Sync { from: usize },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (prop::option::of(0u64..20), prop::option::of(0u64..20), 0usize..9)
                .prop_map(|(expires, stamp, seen)| Step::Write { expires, stamp, seen }),
            (0u64..20).prop_map(|before| Step::Drop { before }),
            (0usize..3).prop_map(|from| Step::Sync { from }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn replicas_that_expire_and_write_as_they_like_agree_once_each_has_heard_of_each(
            steps in prop::collection::vec((0usize..3, step()), 0..40),
            order in prop::collection::vec((0usize..3, 0usize..3), 0..20),
        ) {
            let mut replicas = [Object::new(), Object::new(), Object::new()];
            let mut dropped: Vec<Dot> = Vec::new();
            for (counter, (at, step)) in (1..).zip(steps) {
                match step {
                    Step::Write { expires, stamp, seen } => {
                        let seen = replicas[at].context().iter().take(seen).collect();
                        let byte = u8::try_from(counter).unwrap();
                        replicas[at].put(&seen, dot(u8::try_from(at).unwrap(), counter), version(byte, expires, stamp));
                    }
                    Step::Drop { before } => {
                        let over: Vec<Dot> = replicas[at].dots().collect();
                        replicas[at].drop_where(|version| version.is_over(Some(WallTime(before))));
                        dropped.extend(over.into_iter().filter(|dot| !replicas[at].dots().any(|kept| kept == *dot)));
                    }
                    Step::Sync { from } => {
                        let other = replicas[from].clone();
                        replicas[at].sync(&other);
                    }
                }
            }
            // Any order, any duplication; then each hears of each, in two different orders.
            for (to, from) in order {
                let other = replicas[from].clone();
                replicas[to].sync(&other);
            }
            let joined = |order: [usize; 3]| {
                order.iter().fold(Object::new(), |mut all, &at| {
                    all.sync(&replicas[at]);
                    all
                })
            };
            let (one, other) = (joined([0, 1, 2]), joined([2, 0, 1]));
            prop_assert_eq!(&one, &other);
            for wall in 0..20 {
                prop_assert_eq!(shown(&one, wall), shown(&other, wall));
            }
            prop_assert!(one.dots().all(|dot| !dropped.contains(&dot)), "what was dropped does not come back");
            // Dropping what is over before or after a join makes no difference to what is shown from then on.
            for before in 0..20 {
                let (mut early, mut late) = (replicas[0].clone(), one.clone());
                early.drop_where(|version| version.is_over(Some(WallTime(before))));
                early.sync(&one);
                late.drop_where(|version| version.is_over(Some(WallTime(before))));
                for wall in before..20 {
                    prop_assert_eq!(shown(&early, wall), shown(&late, wall));
                }
            }
        }
    }
}
