//! Slots that nobody came back to are taken over, once, and nothing that they held is lost on the way.

use std::collections::BTreeSet;
use std::rc::Rc;

use futures_util::future::join;
use gloo_timers::future::TimeoutFuture;
use roundtable_core::clock::{Dot, VersionVector};
use roundtable_core::id::{Actor, Key, Room};
use roundtable_core::node::View;
use roundtable_core::store::{Op, Restored, Table};
use roundtable_core::time::WallTime;
use roundtable_core::wire::{Object, Version};
use roundtable_web::host;
use roundtable_web::peer::Peer;
use roundtable_web::slot::inherit::{self, UNCLAIMED_MS};
use roundtable_web::slot::{Device, Home, LockManager, Patience, claim, database_name, short_name};
use roundtable_web::storage::{Database, SCHEMA, read_rows};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::peers::start;
use crate::support::{Ears, batch, fresh_room, id, put};

fn key(number: u8) -> Key {
    Key::new("things", &number.to_string()).unwrap()
}

/// What a tab's disk holds of a value that only this tab has written.
fn row(home: &Home, number: u8) -> Op {
    let actor = Actor { node: home.keys.id(), epoch: 1 };
    let mut object = Object::new();
    let version = Version::plain(vec![number].into());
    object.put(&VersionVector::new(), Dot { actor, counter: 1 }, version);
    put(Table::Objects, key(number).as_bytes(), &postcard::to_allocvec(&object).unwrap())
}

/// So many tabs were open at once, each wrote its own value, and all were closed.
async fn closed_tabs(room: &Room, count: u8) {
    let mut homes = Vec::new();
    for number in 0..count {
        let (home, _) = Home::open(room, None, Ears::default().report()).await.unwrap();
        home.storage.persist(id(1), batch(vec![row(&home, number)]));
        homes.push(home);
    }
    for home in homes {
        home.close().await;
    }
}

/// As if all slots but one had last been used a day ago.
async fn age_all_but(room: &Room, own: &str) {
    let device = Device::open().await.unwrap();
    for slot in device.slots(&short_name(room)).await.unwrap().into_iter().filter(|slot| slot.name != own) {
        let long_ago = WallTime(host::wall_time().0 - UNCLAIMED_MS - 1);
        device.touch(&short_name(room), &slot.name, long_ago).await.unwrap();
    }
}

async fn slots(room: &Room) -> Vec<String> {
    let slots = Device::open().await.unwrap().slots(&short_name(room)).await.unwrap();
    slots.into_iter().map(|slot| slot.name).collect()
}

async fn exists(room: &Room, slot: &str) -> bool {
    Database::open(&database_name(&short_name(room), slot), SCHEMA, false, || {}).await.is_ok()
}

fn held(view: View<'_>, count: u8) -> BTreeSet<u8> {
    (0..count).filter(|&number| view.object(&key(number)).is_some_and(|object| object.values().len() == 1)).collect()
}

fn restored(found: &Restored, count: u8) -> BTreeSet<u8> {
    let rows = found.own.iter().chain(found.adopted.iter().flatten());
    let keys: BTreeSet<&[u8]> = rows.map(|(_, key, _)| &key[..]).collect();
    (0..count).filter(|&number| keys.contains(key(number).as_bytes())).collect()
}

async fn running(room: &Room) -> (Rc<Peer>, String) {
    let before: BTreeSet<String> = slots(room).await.into_iter().collect();
    let locks = LockManager::of_page().unwrap();
    let (peer, _) = start(room).await;
    let held = locks.held().await;
    let own = slots(room).await.into_iter().find(|slot| held.contains(&claim::lock_name(&short_name(room), slot)));
    let own = own.unwrap();
    assert!(before.is_empty() || before.contains(&own), "a reopened tab is one of those that were");
    (peer, own)
}

#[wasm_bindgen_test]
async fn of_twenty_closed_tabs_one_database_remains_and_it_holds_all_that_they_acknowledged() {
    let room = fresh_room();
    closed_tabs(&room, 20).await;
    assert_eq!(slots(&room).await.len(), 20);
    let (peer, own) = running(&room).await;
    let all: BTreeSet<u8> = (0..20).collect();
    assert_eq!(peer.view(|view| held(view, 20)), all, "what closed tabs left is there as soon as one has opened");
    assert_eq!(inherit::round(&peer, &short_name(&room), &own).await, Ok(0), "for a day it is kept for them");
    let names = slots(&room).await;
    assert_eq!(names.len(), 20);
    age_all_but(&room, &own).await;
    assert_eq!(inherit::round(&peer, &short_name(&room), &own).await, Ok(19));
    assert_eq!(slots(&room).await, core::slice::from_ref(&own));
    for name in names {
        assert_eq!(exists(&room, &name).await, name == own, "{name}");
    }
    assert_eq!(peer.view(|view| held(view, 20)), all);
    peer.close().await;
    let (home, found) = Home::open(&room, None, Ears::default().report()).await.unwrap();
    assert_eq!(restored(&found, 20), all, "and they are on its disk");
    home.close().await;
}

#[wasm_bindgen_test]
async fn two_that_take_over_at_once_take_each_slot_once() {
    let room = fresh_room();
    closed_tabs(&room, 6).await;
    let ((a, own_a), (b, own_b)) = (running(&room).await, start(&room).await);
    let locks = LockManager::of_page().unwrap().held().await;
    let is_held = |slot: &&String| locks.contains(&claim::lock_name(&short_name(&room), slot));
    let names = slots(&room).await;
    let own_slots: Vec<&String> = names.iter().filter(is_held).collect();
    assert_eq!(own_slots.len(), 2);
    let of_b = (*own_slots.iter().find(|slot| ***slot != own_a).unwrap()).clone();
    age_all_but(&room, &own_a).await;
    let short = short_name(&room);
    let (by_a, by_b) = join(inherit::round(&a, &short, &own_a), inherit::round(&b, &short, &of_b)).await;
    assert_eq!(by_a.unwrap() + by_b.unwrap(), 4);
    let mut left = slots(&room).await;
    left.sort();
    let mut expected = vec![own_a, of_b];
    expected.sort();
    assert_eq!(left, expected);
    drop(own_b);
    // What the one took over comes to the other over their link.
    for _ in 0..100 {
        if [&a, &b].iter().all(|peer| peer.view(|view| held(view, 6)).len() == 6) {
            break;
        }
        TimeoutFuture::new(100).await;
    }
    for peer in [a, b] {
        assert_eq!(peer.view(|view| held(view, 6)).len(), 6);
        peer.close().await;
    }
}

#[wasm_bindgen_test]
async fn a_slot_that_a_tab_has_reopened_is_left_to_it_however_old_its_stamp() {
    let room = fresh_room();
    closed_tabs(&room, 3).await;
    let (peer, own) = running(&room).await;
    age_all_but(&room, &own).await;
    let reopened = slots(&room).await.into_iter().find(|slot| *slot != own).unwrap();
    let locks = LockManager::of_page().unwrap();
    let name = claim::lock_name(&short_name(&room), &reopened);
    let lock = locks.claim(&name, Patience::None, None).await.unwrap();
    assert_eq!(inherit::round(&peer, &short_name(&room), &own).await, Ok(1));
    assert!(exists(&room, &reopened).await);
    lock.release().await;
    peer.close().await;
}

#[wasm_bindgen_test]
async fn a_tab_that_opens_while_slots_are_taken_over_gets_one_that_is_whole_and_nothing_is_lost() {
    let room = fresh_room();
    closed_tabs(&room, 6).await;
    let (peer, own) = running(&room).await;
    age_all_but(&room, &own).await;
    let short = short_name(&room);
    let taking = inherit::round(&peer, &short, &own);
    let opening = Home::open(&room, None, Ears::default().report());
    let (taken, opened) = join(taking, opening).await;
    let (home, found) = opened.unwrap();
    let slot = home.claim.as_ref().unwrap().slot.clone();
    assert_ne!(slot, own);
    assert!(exists(&room, &slot).await, "its database is not deleted under it");
    let kept: BTreeSet<u8> = peer.view(|view| held(view, 6)).union(&restored(&found, 6)).copied().collect();
    assert_eq!(kept.len(), 6);
    assert!(taken.unwrap() >= 4);
    home.storage.persist(id(1), batch(vec![row(&home, 7)]));
    home.close().await;
    let database = Database::open(&database_name(&short, &slot), SCHEMA, false, || {}).await.unwrap();
    let rows = read_rows(&database).await.unwrap();
    assert!(rows.iter().any(|(_, name, _)| name == key(7).as_bytes()), "what it wrote is there");
    peer.close().await;
}
