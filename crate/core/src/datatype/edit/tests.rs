//! The laws of counters, sets and maps: what replicas that edit and meet as they like show in the end.

use super::*;
use crate::datatype::{Stamp, merged};
use crate::id::NodeId;
use crate::time::WallTime;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use proptest::prelude::*;

fn actor(node: u8, epoch: u64) -> Actor {
    Actor { node: NodeId::from_bytes([node; 16]), epoch }
}

fn number(number: u8) -> Payload {
    Value::Number(f64::from(number)).encode().into()
}

/// One node that edits one object.
#[derive(Debug, Clone)]
struct Replica {
    node: u8,
    epoch: u64,
    counter: u64,
    object: Object,
}

impl Replica {
    fn new(node: u8) -> Replica {
        Replica { node, epoch: 1, counter: 0, object: Object::new() }
    }

    fn edit(&mut self, edit: &Edit, seen: Option<&VersionVector>, stamp: u64, expires: Option<u64>) -> Dot {
        let actor = actor(self.node, self.epoch);
        self.counter += 1;
        let dot = Dot { actor, counter: self.counter };
        let Change { gone, comes } = edit.change(&self.object, actor, seen, expires.is_some()).unwrap();
        let is_field = edit.datatype() == DataType::Map;
        let stamp = is_field.then_some(Stamp { wall: WallTime(stamp), count: 0 });
        let expires = expires.map(WallTime);
        let version = |payload| Version { payload, expires, stamp, part: edit.part() };
        self.object.edit(&gone, dot, comes.map(version));
        dot
    }

    fn does(&mut self, edit: Edit) -> Dot {
        self.edit(&edit, None, 0, None)
    }

    fn shown(&self) -> Value {
        shown(&self.object, None)
    }
}

fn shown(object: &Object, wall: Option<u64>) -> Value {
    let merged = merged(object, wall.map(WallTime));
    assert!(merged.siblings.len() <= 1, "a value of such a type has no siblings");
    merged.siblings.first().map_or(Value::Null, |payload| Value::decode(payload).unwrap())
}

fn list(items: &[u8]) -> Value {
    Value::List(items.iter().map(|item| Value::Number(f64::from(*item))).collect())
}

fn set(field: &str, value: u8) -> Edit {
    Edit::Set { field: field.into(), value: number(value) }
}

#[test]
fn amounts_of_writers_that_have_not_met_add_up_and_each_writer_has_one_version() {
    let (mut one, mut two) = (Replica::new(1), Replica::new(2));
    one.does(Edit::Add(3.0));
    one.does(Edit::Add(-1.0));
    two.does(Edit::Add(0.5));
    assert_eq!(one.object.values().len(), 1);
    one.object.sync(&two.object);
    two.object.sync(&one.object);
    assert_eq!((one.shown(), two.shown()), (Value::Number(2.5), Value::Number(2.5)));
    two.does(Edit::Add(1.0));
    one.does(Edit::Add(1.0));
    one.object.sync(&two.object);
    assert_eq!((one.shown(), one.object.values().len()), (Value::Number(4.5), 2));
}

#[test]
fn what_another_epoch_of_the_same_node_has_added_is_not_taken_over() {
    let mut before = Replica::new(1);
    before.does(Edit::Add(5.0));
    let mut rolled_back = Replica { epoch: 2, counter: 0, ..before.clone() };
    before.does(Edit::Add(5.0));
    rolled_back.does(Edit::Add(1.0));
    before.object.sync(&rolled_back.object);
    assert_eq!(before.shown(), Value::Number(11.0), "five twice and one, and nothing twice over");
}

#[test]
fn an_amount_that_expires_leaves_the_others() {
    let mut counter = Replica::new(1);
    counter.does(Edit::Add(5.0));
    counter.edit(&Edit::Add(2.0), None, 0, Some(10));
    counter.does(Edit::Add(1.0));
    let at = |wall| shown(&counter.object, Some(wall));
    assert_eq!((at(9), at(10), counter.object.values().len()), (Value::Number(8.0), Value::Number(6.0), 2));
}

#[test]
fn a_sum_that_no_number_can_be_is_refused_and_one_of_several_writers_is_the_largest_there_is() {
    let (mut one, mut two) = (Replica::new(1), Replica::new(2));
    one.does(Edit::Add(f64::MAX));
    let refused = Edit::Add(f64::MAX).change(&one.object, actor(1, 1), None, false);
    assert_eq!(refused, Err(EditError::Value));
    assert_eq!(Edit::Add(f64::NAN).change(&Object::new(), actor(1, 1), None, false), Err(EditError::Value));
    two.does(Edit::Add(f64::MAX));
    one.object.sync(&two.object);
    assert_eq!(one.shown(), Value::Number(f64::MAX));
}

#[test]
fn an_add_that_the_remover_had_not_seen_wins() {
    let (mut one, mut two) = (Replica::new(1), Replica::new(2));
    one.does(Edit::Insert(number(7)));
    one.does(Edit::Insert(number(3)));
    two.object.sync(&one.object);
    one.does(Edit::Insert(number(7)));
    two.does(Edit::Remove(number(7)));
    two.does(Edit::Remove(number(3)));
    assert_eq!(two.shown(), Value::Null);
    one.object.sync(&two.object);
    assert_eq!((one.shown(), one.object.values().len()), (list(&[7]), 1));
}

#[test]
fn a_removal_with_a_context_takes_away_what_that_had_seen_and_nothing_that_came_since() {
    let (mut one, mut two) = (Replica::new(1), Replica::new(2));
    one.does(Edit::Insert(number(7)));
    let seen = one.object.context().clone();
    two.does(Edit::Insert(number(7)));
    one.object.sync(&two.object);
    one.edit(&Edit::Remove(number(7)), Some(&seen), 0, None);
    assert_eq!(one.shown(), list(&[7]));
    one.does(Edit::Remove(number(7)));
    assert!(one.object.is_tombstone());
}

#[test]
fn fields_are_apart_and_of_one_field_the_latest_is_shown() {
    let (mut one, mut two) = (Replica::new(1), Replica::new(2));
    one.edit(&set("a", 1), None, 5, None);
    two.edit(&set("a", 2), None, 4, None);
    two.edit(&set("b", 3), None, 9, None);
    one.object.sync(&two.object);
    let field = |name: &str, value: u8| (name.into(), Value::Number(f64::from(value)));
    assert_eq!(one.shown(), Value::Map(vec![field("a", 1), field("b", 3)]));
    one.edit(&set("a", 4), None, 0, None);
    assert_eq!(one.shown(), Value::Map(vec![field("a", 4), field("b", 3)]), "what was held is superseded");
    one.does(Edit::Unset { field: "b".into() });
    assert_eq!((one.shown(), one.object.values().len()), (Value::Map(vec![field("a", 4)]), 1));
}

#[test]
fn another_type_and_what_cannot_lie_in_a_list_are_refused() {
    let mut set = Replica::new(1);
    set.does(Edit::Insert(number(1)));
    assert_eq!(Edit::Add(1.0).change(&set.object, actor(1, 1), None, false), Err(EditError::OtherType));
    let mut deep = Value::Null;
    for _ in 0..super::super::DEPTH_MAX {
        deep = Value::List(vec![deep]);
    }
    let insert = Edit::Insert(deep.encode().into());
    assert_eq!(insert.change(&Object::new(), actor(1, 1), None, false), Err(EditError::Value));
    let mut shallow = Value::Null;
    for _ in 1..super::super::DEPTH_MAX {
        shallow = Value::List(vec![shallow]);
    }
    set.does(Edit::Insert(shallow.encode().into()));
    assert!(matches!(set.shown(), Value::List(items) if items.len() == 2), "what is stored can be read");
}

#[test]
fn parts_that_nobody_who_plays_fair_has_written_are_not_shown() {
    for (part, expected) in
        [(Part::Amount, Value::Number(0.0)), (Part::Item, Value::List(vec![])), (Part::Field, Value::Map(vec![]))]
    {
        for garbage in [&[][..], &[0xff; 9], &[3, 5, 7, 9]] {
            let mut object = Object::new();
            let dot = Dot { actor: actor(1, 1), counter: 1 };
            let version = Version { payload: garbage.into(), expires: None, stamp: None, part };
            object.edit(&[], dot, Some(version));
            assert_eq!(shown(&object, None), expected);
        }
    }
}

/// What one of several replicas does.
#[derive(Debug, Clone)]
enum Step {
    Edit(usize, u8, bool),
    Sync(usize, usize),
    /// It stops uncleanly, and goes on under another epoch.
    Restart(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0usize..3, 0u8..4, any::<bool>()).prop_map(|(at, what, removes)| Step::Edit(at, what, removes)),
        3 => (0usize..3, 0usize..3).prop_map(|(to, from)| Step::Sync(to, from)),
        1 => (0usize..3).prop_map(Step::Restart),
    ];
    prop::collection::vec(step, 0..60)
}

/// An edit, its dot, and the dots that its maker had seen.
type Made = (Dot, Edit, BTreeSet<Dot>);

/// Three replicas after these steps, and all the edits that were made.
fn played(steps: &[Step], edit: impl Fn(u8, bool) -> Edit) -> ([Replica; 3], Vec<Made>) {
    let mut replicas = [1, 2, 3].map(Replica::new);
    let mut seen: [BTreeSet<Dot>; 3] = Default::default();
    let mut made = Vec::new();
    for (stamp, step) in (1..).zip(steps) {
        match *step {
            Step::Edit(at, what, removes) => {
                let edit = edit(what, removes);
                let dot = replicas[at].edit(&edit, None, stamp, None);
                made.push((dot, edit, seen[at].clone()));
                seen[at].insert(dot);
            }
            Step::Sync(to, from) => {
                let other = replicas[from].object.clone();
                replicas[to].object.sync(&other);
                let theirs = seen[from].clone();
                seen[to].extend(theirs);
            }
            Step::Restart(at) => {
                (replicas[at].epoch, replicas[at].counter) = (replicas[at].epoch + 1, 0);
            }
        }
    }
    (replicas, made)
}

/// The join of all, in two orders and with repetition, which must be the same.
fn joined(replicas: &[Replica; 3]) -> Object {
    let of = |order: &[usize]| {
        order.iter().fold(Object::new(), |mut all, &at| {
            all.sync(&replicas[at].object);
            all
        })
    };
    let all = of(&[0, 1, 2]);
    assert_eq!(all, of(&[2, 1, 0, 1, 2]));
    let mut pair = of(&[1, 2]);
    pair.sync(&replicas[0].object);
    assert_eq!(all, pair, "associative");
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn a_counter_is_the_sum_of_all_that_was_added_whoever_had_met_whom(steps in steps()) {
        let (replicas, made) = played(&steps, |what, less| Edit::Add(f64::from(what) * if less { -1.0 } else { 1.0 }));
        let sum: f64 = made.iter().map(|(_, edit, _)| if let Edit::Add(by) = edit { *by } else { 0.0 }).sum();
        let all = joined(&replicas);
        prop_assert_eq!(shown(&all, None), if made.is_empty() { Value::Null } else { Value::Number(sum) });
        let writers: BTreeSet<Actor> = made.iter().map(|(dot, ..)| dot.actor).collect();
        prop_assert!(all.values().len() <= writers.len(), "one version a writer, however often it writes");
    }

    #[test]
    fn a_set_holds_what_was_added_and_not_removed_by_somebody_who_had_seen_it(steps in steps()) {
        let edit = |what, removes| if removes { Edit::Remove(number(what)) } else { Edit::Insert(number(what)) };
        let (replicas, made) = played(&steps, edit);
        let mut expected = BTreeSet::new();
        for (dot, edit, _) in &made {
            let Edit::Insert(item) = edit else { continue };
            let is_same = |other: &Edit| matches!(other, Edit::Insert(it) | Edit::Remove(it) if it == item);
            if !made.iter().any(|(other, edit, seen)| other != dot && is_same(edit) && seen.contains(dot)) {
                expected.insert(item.to_vec());
            }
        }
        let all = joined(&replicas);
        let shown = merged(&all, None).siblings.first().map_or(vec![], |payload| payload.to_vec());
        let items: Vec<&[u8]> = expected.iter().map(|item| &item[..]).collect();
        prop_assert_eq!(shown, if items.is_empty() { vec![] } else { super::super::value::list_of(items.into_iter()) });
        for replica in &replicas {
            let held: Vec<&Payload> = replica.object.values().map(|version| &version.payload).collect();
            prop_assert!(held.len() <= 4 * 3, "an item is held at most once a replica that wrote it unseen: {held:?}");
        }
    }

    #[test]
    fn a_field_of_a_map_shows_the_latest_of_what_nobody_had_superseded(steps in steps()) {
        let edit = |what: u8, removes| {
            let field = alloc::format!("f{}", what % 2);
            if removes { Edit::Unset { field } } else { Edit::Set { field, value: number(what) } }
        };
        let (replicas, made) = played(&steps, edit);
        let name_of = |edit: &Edit| match edit {
            Edit::Set { field, .. } | Edit::Unset { field } => field.clone(),
            _ => String::new(),
        };
        let mut expected: BTreeMap<String, u8> = BTreeMap::new();
        for (dot, edit, _) in &made {
            let Edit::Set { field, value } = edit else { continue };
            if !made.iter().any(|(_, other, seen)| name_of(other) == *field && seen.contains(dot)) {
                // Later steps have later stamps.
                expected.insert(field.clone(), amount(value) as u8);
            }
        }
        let all = joined(&replicas);
        let field = |(name, value)| (name, Value::Number(f64::from(value)));
        let fields: Vec<(String, Value)> = expected.into_iter().map(field).collect();
        prop_assert_eq!(shown(&all, None), if fields.is_empty() { Value::Null } else { Value::Map(fields) });
    }
}
