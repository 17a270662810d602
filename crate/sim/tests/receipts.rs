//! What a soak found of receipts: whoever they name has the write on its disk, or what came after it.

use std::sync::Arc;

use roundtable_core::coordinator::{Keep, Level, Reply, Request, Terms};
use roundtable_core::id::Key;
use roundtable_core::wire::{self, Message};
use roundtable_sim::{News, World};

fn put(world: &mut World, tab: usize, name: &str) {
    let terms = Terms { level: Some(Level::Local), timeout_ms: None };
    let key = Key::new("carts", name).expect("a short name");
    let value = Arc::from([1_u8].as_slice());
    world.request(tab, Request::Put { key, value, keep: Keep::default(), context: None, terms });
}

/// Let time pass, and check every receipt in the moment it is given. Tells how many there were.
fn pass(world: &mut World, key: &Key, ms: u64) -> usize {
    let (end, mut told) = (world.now + ms, 0);
    loop {
        let has_news = world.run_until(end.since(world.now), |world| !world.news.is_empty());
        for News { tab, id, .. } in std::mem::take(&mut world.news) {
            let Some(Reply::Receipt(receipt)) = world.last(tab, id).cloned() else { continue };
            told += 1;
            for named in receipt.owners.iter().chain(&receipt.fallbacks) {
                let at = world.tabs_of(*named)[0];
                assert!(world.disk_holds(at, key, &receipt.context), "tab {at} at {:?}: {receipt:?}", world.now);
            }
        }
        if !has_news {
            world.run_for(end.since(world.now));
            return told;
        }
    }
}

fn room(seed: u64, tabs: u8) -> World {
    let mut world = World::new(seed);
    (0..tabs).for_each(|device| {
        world.open(device);
    });
    assert!(world.settle(20_000), "{}", world.unsettled());
    world
}

#[test]
fn an_answer_that_all_is_the_same_does_not_speak_of_a_write_made_since_the_question() {
    let key = Key::new("carts", "alice").expect("a short name");
    for seed in 0..4 {
        let mut world = room(seed, 3);
        world.tuning.latency_ms = (400, 600);
        let mut told = 0;
        for _ in 0..100 {
            put(&mut world, 0, "alice");
            told += pass(&mut world, &key, 2_311);
        }
        assert!(told > 100, "{told}");
    }
}

/// The acknowledgement of a put came from a node that had not heard of the delete behind it, and was taken for its.
#[test]
fn what_a_node_says_of_a_put_is_not_taken_for_its_word_on_the_delete_that_followed() {
    let key = Key::new("carts", "alice").expect("a short name");
    for seed in 0..20 {
        let mut world = room(seed, 3);
        world.tuning.latency_ms = (200, 200);
        put(&mut world, 0, "alice");
        pass(&mut world, &key, 50);
        // The put is on its way; whatever is said from now on is lost, and then the tab is.
        world.tuning.loss_percent = 100;
        let terms = Terms { level: Some(Level::All), timeout_ms: None };
        world.request(0, Request::Delete { key: key.clone(), context: None, terms });
        pass(&mut world, &key, 200);
        world.tuning.loss_percent = 0;
        pass(&mut world, &key, 400);
        world.tuning.loss_percent = 100;
        pass(&mut world, &key, 6_000);
        let mut told = world.hosts[0].replies.values().flatten().filter_map(|reply| match reply {
            Reply::Receipt(receipt) => Some(receipt),
            _ => None,
        });
        let last = told.next_back().expect("the delete was answered at its deadline");
        assert!(!last.met && last.owners.len() == 1, "seed {seed}: {last:?}");
        assert!(world.node(0).view().metrics().hints > 0, "seed {seed}: the delete has still to be brought to two");
    }
}

/// A life counts its requests from one. What a slow disk owed the last life came over the link of the next (soak
/// 400852).
#[test]
fn an_answer_that_was_owed_to_the_last_life_of_a_tab_is_not_given_to_the_next() {
    let key = Key::new("carts", "bob").expect("a short name");
    for seed in 0..10 {
        let mut world = room(seed, 2);
        (world.tuning.disk_ms, world.tuning.latency_ms) = ((1, 1), (20, 20));
        put(&mut world, 0, "alice");
        world.run_for(10);
        world.tuning.disk_ms = (2_000, 2_000);
        world.run_for(30);
        world.tuning.disk_ms = (1, 1);
        world.crash(0);
        world.reopen(0);
        world.run_for(1_000);
        assert!(world.is_linked(0, 1), "seed {seed}");
        world.mute(0, 1);
        world.news.clear();
        put(&mut world, 0, "bob");
        pass(&mut world, &key, 4_000);
    }
}

#[test]
fn an_object_that_comes_twice_is_not_said_to_be_durable_while_its_row_is_refused() {
    let key = Key::new("carts", "alice").expect("a short name");
    for seed in 0..60 {
        let mut world = room(seed, 2);
        world.tuning.duplicate_percent = 100;
        world.tuning.spike_percent = 50;
        world.tuning.spike_ms = (1, 30);
        world.hosts[1].disk_fails = 1;
        put(&mut world, 0, "alice");
        pass(&mut world, &key, 60);
        put(&mut world, 0, "alice");
        world.hosts[1].disk_fails = 1;
        pass(&mut world, &key, 5_000);
    }
}

#[test]
fn a_fallback_whose_disk_refuses_is_not_asked_again_and_again() {
    for seed in 0..10 {
        let mut world = room(seed, 5);
        world.crash(4);
        world.run_for(8_000);
        (1..4).for_each(|tab| world.hosts[tab].disk_full = true);
        let before: u64 = world.hosts.iter().map(|host| host.frames_sent).sum();
        (0..20).for_each(|number| put(&mut world, 0, &number.to_string()));
        world.run_for(1_000);
        let sent = world.hosts.iter().map(|host| host.frames_sent).sum::<u64>() - before;
        assert!(sent < 600, "seed {seed}: {sent} frames for twenty writes");
    }
}

#[test]
fn a_write_through_a_tab_that_owns_nothing_of_it_travels_once_and_again_only_if_it_was_lost() {
    for seed in 0..10 {
        let mut world = room(seed, 8);
        let owners_of = |world: &World, key: &Key| world.node(0).view().preference_list(key).owners;
        let name = (0..)
            .map(|number: u32| number.to_string())
            .find(|name| {
                let key = Key::new("carts", name).expect("a short name");
                !owners_of(&world, &key).contains(&world.hosts[0].id)
            })
            .expect("some key is none of this tab's");
        let key = Key::new("carts", &name).expect("a short name");
        let owner = world.tabs_of(owners_of(&world, &key)[0])[0];
        let copies = |world: &mut World| -> usize {
            let carries = |bytes: &[u8]| match wire::decode(bytes) {
                Ok(Message::Objects { objects, .. }) => objects.len(),
                Ok(Message::Store { .. }) => 1,
                _ => 0,
            };
            world.tap.take().unwrap_or_default().iter().map(|frame| carries(&frame.bytes)).sum()
        };
        world.tap = Some(Vec::new());
        put(&mut world, 0, &name);
        world.run_for(10_000);
        assert_eq!(copies(&mut world), 3, "seed {seed}: one for each owner");
        assert_eq!(world.node(0).view().metrics().hints, 0, "seed {seed}");

        world.tap = Some(Vec::new());
        world.mute(0, owner);
        put(&mut world, 0, &name);
        world.run_for(100);
        assert_eq!(world.node(0).view().metrics().hints, 1, "seed {seed}: it was lost on the way");
        world.heal(0, owner);
        world.run_for(20_000);
        assert_eq!(world.node(0).view().metrics().hints, 0, "seed {seed}: it was handed over");
    }
}

/// The oldest were let go without a hint, so that what their owners had lost was left to a later comparison.
#[test]
fn a_write_that_is_no_longer_followed_for_there_are_too_many_is_held_as_a_hint() {
    let mut world = World::new(5);
    world.limits.requests.writes_followed_max = 4;
    (0..3).for_each(|device| {
        world.open(device);
    });
    assert!(world.settle(20_000), "{}", world.unsettled());
    world.tuning.loss_percent = 100;
    (0..20).for_each(|at| put(&mut world, 0, &format!("item {at}")));
    world.run_for(100);
    let hints = world.node(0).view().metrics().hints;
    assert_eq!(hints, 2 * 16, "for both other owners of all but the last four");
    let answered = world.hosts[0].replies.values().filter(|replies| !replies.is_empty()).count();
    assert_eq!(answered, 20);
}
