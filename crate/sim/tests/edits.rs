//! Counters, sets and maps over whole rooms.

use roundtable_core::clock::Context;
use roundtable_core::coordinator::{Keep, Level, ReadReply, Receipt, Reply, Request, RequestError, Terms};
use roundtable_core::datatype::{DataType, Edit, Value};
use roundtable_core::id::Key;
use roundtable_core::wire::Payload;
use roundtable_sim::World;

const SEEDS: u64 = 10;

fn key() -> Key {
    Key::new("votes", "tea").expect("a short name")
}

fn at(level: Level) -> Terms {
    Terms { level: Some(level), timeout_ms: None }
}

fn text(word: &str) -> Payload {
    Value::Text(word.into()).encode().into()
}

fn insert(word: &str) -> Edit {
    Edit::Insert(text(word))
}

fn remove(word: &str) -> Edit {
    Edit::Remove(text(word))
}

fn ask(world: &mut World, tab: usize, request: Request) -> Reply {
    let id = world.request(tab, request);
    assert!(world.run_until(11_000, |world| world.last(tab, id).is_some()), "a request is always answered");
    world.last(tab, id).cloned().expect("it was just there")
}

fn edit_with(world: &mut World, tab: usize, edit: Edit, context: Option<Context>, level: Level) -> Receipt {
    let request = Request::Edit { key: key(), edit, ttl_ms: None, context, terms: at(level) };
    match ask(world, tab, request) {
        Reply::Receipt(receipt) => receipt,
        other => panic!("no receipt but {other:?}"),
    }
}

fn edit(world: &mut World, tab: usize, edit: Edit) -> Receipt {
    edit_with(world, tab, edit, None, Level::Quorum)
}

fn read(world: &mut World, tab: usize, level: Level) -> ReadReply {
    match ask(world, tab, Request::Get { key: key(), terms: at(level) }) {
        Reply::Read(read) => read,
        other => panic!("no read but {other:?}"),
    }
}

/// What a read shows: one value, or nothing.
fn shown(read: &ReadReply) -> Option<Value> {
    assert!(read.siblings.len() <= 1, "what is edited has no siblings: {read:?}");
    read.siblings.first().map(|payload| Value::decode(payload).expect("a value"))
}

/// What all tabs read, which must be the same.
fn everywhere(world: &mut World) -> Option<Value> {
    let all: Vec<Option<Value>> =
        world.alive().into_iter().map(|tab| shown(&read(world, tab, Level::Quorum))).collect();
    assert!(all.windows(2).all(|two| two[0] == two[1]), "{all:?}");
    all[0].clone()
}

fn words(words: &[&str]) -> Option<Value> {
    Some(Value::List(words.iter().map(|word| Value::Text((*word).into())).collect()))
}

/// Six tabs on as many devices, meshed and settled.
fn room(seed: u64) -> World {
    let mut world = World::new(seed);
    (0..6).for_each(|device| {
        world.open(device);
    });
    assert!(world.settle(10_000), "seed {seed}: six tabs find each other");
    world
}

/// A tab that owns the key, and one that does not.
fn owner_and_other(world: &World) -> (usize, usize) {
    let owners = world.node(0).view().preference_list(&key()).owners;
    let place = |owns: bool| world.alive().into_iter().find(|&tab| owners.contains(&world.hosts[tab].id) == owns);
    (place(true).expect("three of six own it"), place(false).expect("three of six do not"))
}

#[test]
fn what_all_tabs_add_on_both_sides_of_a_cut_is_in_the_sum_and_nothing_twice() {
    for seed in 0..SEEDS {
        let mut world = room(seed);
        world.partition(&[&[0, 1, 2], &[3, 4, 5]]);
        for round in 0..3 {
            for tab in 0..6 {
                edit_with(&mut world, tab, Edit::Add(f64::from(round) + 1.0), None, Level::Local);
            }
        }
        world.heal_all();
        assert!(world.settle(120_000), "seed {seed}");
        assert_eq!(everywhere(&mut world), Some(Value::Number(36.0)), "seed {seed}");
        let versions =
            world.node(owner_and_other(&world).0).view().object(&key()).map_or(0, |held| held.values().len());
        assert_eq!(versions, 6, "seed {seed}: one a writer, of eighteen adds");
    }
}

#[test]
fn who_does_not_own_the_key_goes_on_from_its_own_amount_after_letting_it_go() {
    for seed in 0..SEEDS {
        let mut world = room(seed);
        let (_, other) = owner_and_other(&world);
        assert!(edit(&mut world, other, Edit::Add(5.0)).met);
        world.run_for(120_000);
        assert!(world.node(other).view().object(&key()).is_none(), "seed {seed}: it was let go");
        assert!(edit(&mut world, other, Edit::Add(2.0)).met);
        assert!(world.settle(30_000), "seed {seed}");
        assert_eq!(everywhere(&mut world), Some(Value::Number(7.0)), "seed {seed}");
        let held = world.node(owner_and_other(&world).0).view().object(&key()).map_or(0, |held| held.values().len());
        assert_eq!(held, 1, "seed {seed}: it was read first, and so the amount before it was superseded");
    }
}

#[test]
fn an_item_added_on_one_side_of_a_cut_outlives_its_removal_on_the_other() {
    for seed in 0..SEEDS {
        let mut world = room(seed);
        edit(&mut world, 0, insert("green"));
        edit(&mut world, 5, insert("black"));
        assert!(world.settle(15_000), "seed {seed}");
        world.partition(&[&[0, 1, 2], &[3, 4, 5]]);
        edit(&mut world, 1, remove("green"));
        edit(&mut world, 1, remove("black"));
        edit(&mut world, 4, insert("green"));
        world.heal_all();
        assert!(world.settle(120_000), "seed {seed}");
        assert_eq!(everywhere(&mut world), words(&["green"]), "seed {seed}");
    }
}

#[test]
fn who_holds_nothing_of_a_set_removes_an_item_of_it_and_no_other() {
    for seed in 0..SEEDS {
        let mut world = room(seed);
        let (owner, other) = owner_and_other(&world);
        for word in ["black", "green", "white"] {
            edit(&mut world, owner, insert(word));
        }
        assert!(edit(&mut world, other, remove("green")).met, "seed {seed}");
        assert!(world.settle(30_000), "seed {seed}");
        assert_eq!(everywhere(&mut world), words(&["black", "white"]), "seed {seed}");
    }
}

#[test]
fn a_removal_takes_away_what_its_tab_was_shown_and_not_what_came_since() {
    for seed in 0..SEEDS {
        let mut world = room(seed);
        let (owner, other) = owner_and_other(&world);
        edit(&mut world, owner, insert("green"));
        let context = read(&mut world, other, Level::Quorum).context;
        edit(&mut world, owner, insert("green"));
        assert!(edit(&mut world, other, remove("green")).met);
        assert_eq!(everywhere(&mut world), words(&["green"]), "seed {seed}: it was added anew, unseen");
        // By now this tab was shown the newer one; an old context still means the older.
        edit_with(&mut world, other, remove("green"), Some(context), Level::Quorum);
        assert_eq!(everywhere(&mut world), words(&["green"]), "seed {seed}");
        edit(&mut world, other, remove("green"));
        assert_eq!(everywhere(&mut world), None, "seed {seed}");
    }
}

#[test]
fn a_removal_that_could_not_ask_enough_owners_is_not_met() {
    for seed in 0..SEEDS {
        let mut world = room(seed);
        let (owner, other) = owner_and_other(&world);
        edit(&mut world, owner, insert("green"));
        let rest: Vec<usize> = (0..6).filter(|&tab| tab != other).collect();
        world.partition(&[&[other], &rest]);
        world.run_for(3_000);
        assert!(!edit(&mut world, other, remove("green")).met, "seed {seed}");
        world.heal_all();
        assert!(world.settle(120_000), "seed {seed}");
        assert_eq!(everywhere(&mut world), words(&["green"]), "seed {seed}: it had not seen it");
    }
}

#[test]
fn fields_set_on_both_sides_of_a_cut_are_all_there_and_of_one_field_the_later() {
    let set = |field: &str, word: &str| Edit::Set { field: field.into(), value: text(word) };
    for seed in 0..SEEDS {
        let mut world = room(seed);
        edit(&mut world, 0, set("kind", "black"));
        assert!(world.settle(15_000), "seed {seed}");
        world.partition(&[&[0, 1, 2], &[3, 4, 5]]);
        edit(&mut world, 0, set("kind", "green"));
        edit(&mut world, 0, set("cups", "two"));
        world.run_for(50);
        edit(&mut world, 5, set("kind", "white"));
        edit(&mut world, 5, set("milk", "no"));
        world.heal_all();
        assert!(world.settle(120_000), "seed {seed}");
        let field = |name: &str, word: &str| (name.to_owned(), Value::Text(word.into()));
        let all = vec![field("cups", "two"), field("kind", "white"), field("milk", "no")];
        assert_eq!(everywhere(&mut world), Some(Value::Map(all)), "seed {seed}");
        edit(&mut world, 3, Edit::Unset { field: "kind".into() });
        let rest = vec![field("cups", "two"), field("milk", "no")];
        assert_eq!(everywhere(&mut world), Some(Value::Map(rest)), "seed {seed}");
    }
}

#[test]
fn a_delete_takes_a_whole_set_away_and_what_is_added_then_begins_anew() {
    for seed in 0..SEEDS {
        let mut world = room(seed);
        let (owner, other) = owner_and_other(&world);
        for word in ["black", "green"] {
            edit(&mut world, owner, insert(word));
        }
        ask(&mut world, other, Request::Delete { key: key(), context: None, terms: at(Level::Quorum) });
        assert!(world.settle(30_000), "seed {seed}");
        assert_eq!(everywhere(&mut world), None, "seed {seed}");
        edit(&mut world, other, insert("white"));
        assert_eq!(everywhere(&mut world), words(&["white"]), "seed {seed}");
    }
}

#[test]
fn a_key_of_one_type_takes_nothing_of_another_and_says_so() {
    let mut world = room(1);
    let (owner, other) = owner_and_other(&world);
    let terms = at(Level::Quorum);
    let put = |value: &str, keep| Request::Put { key: key(), value: text(value), keep, context: None, terms };
    let add = || Request::Edit { key: key(), edit: Edit::Add(1.0), ttl_ms: None, context: None, terms };
    edit(&mut world, owner, insert("green"));
    let refused = Reply::Failed(RequestError::OtherType);
    assert_eq!(ask(&mut world, other, add()), refused);
    assert_eq!(ask(&mut world, owner, put("a whole value", Keep::default())), refused);
    let keep = Keep { datatype: DataType::Set, ttl_ms: None };
    assert_eq!(ask(&mut world, owner, put("what is to be edited", keep)), refused);
    assert_eq!(everywhere(&mut world), words(&["green"]), "nothing was harmed");
}
