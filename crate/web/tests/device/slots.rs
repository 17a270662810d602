//! Who gets which slot, and what of it comes back.

use roundtable_core::store::Table;
use roundtable_web::slot::{Device, Home, HomeError, LockManager, Patience, short_name};
use roundtable_web::storage::{Database, DatabaseError, SCHEMA};
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::AbortController;

use crate::support::{Ears, batch, fresh_name, fresh_room, id, put};

#[wasm_bindgen_test]
async fn a_name_is_held_by_one_and_given_back() {
    let locks = LockManager::of_page().unwrap();
    let name = fresh_name("lock");
    let lock = locks.claim(&name, Patience::None, None).await.unwrap();
    assert!(locks.claim(&name, Patience::None, None).await.is_none());
    assert!(locks.claim(&name, Patience::Millis(50), None).await.is_none());
    assert!(locks.held().await.contains(&name));
    lock.release().await;
    assert!(!locks.held().await.contains(&name));
    let lock = locks.claim(&name, Patience::Millis(50), None).await.unwrap();
    drop(lock);
    assert!(locks.claim(&name, Patience::Millis(1000), None).await.is_some());
}

#[wasm_bindgen_test]
async fn a_closed_node_that_joins_again_is_the_node_it_was_and_has_its_rows() {
    let room = fresh_room();
    let ears = Ears::default();
    let (home, restored) = Home::open(&room, None, ears.report()).await.unwrap();
    assert!(restored.own.is_empty() && restored.adopted.is_empty());
    let (name, device) = (home.keys.id(), home.device);
    home.storage.persist(id(1), batch(vec![put(Table::Objects, b"a", b"1")]));
    home.close().await;
    let (home, restored) = Home::open(&room, None, ears.report()).await.unwrap();
    assert_eq!((home.keys.id(), home.device), (name, device));
    assert_eq!(restored.own, [(Table::Objects, b"a".to_vec(), b"1".to_vec())]);
    home.close().await;
}

#[wasm_bindgen_test]
async fn two_nodes_of_one_page_have_two_slots_and_get_them_back_in_order() {
    let room = fresh_room();
    let ears = Ears::default();
    let (first, _) = Home::open(&room, None, ears.report()).await.unwrap();
    let (second, _) = Home::open(&room, None, ears.report()).await.unwrap();
    let names = [first.keys.id(), second.keys.id()];
    assert_ne!(names[0], names[1]);
    assert_eq!(first.device, second.device, "both are one device");
    second.close().await;
    first.close().await;
    let (first, _) = Home::open(&room, None, ears.report()).await.unwrap();
    let (second, _) = Home::open(&room, None, ears.report()).await.unwrap();
    assert_eq!([first.keys.id(), second.keys.id()], names);
    first.close().await;
    second.close().await;
}

#[wasm_bindgen_test]
async fn nodes_that_join_at_the_same_moment_are_different_nodes() {
    let room = fresh_room();
    let ears = Ears::default();
    let open = || Home::open(&room, None, ears.report());
    let (a, b, c) = futures_util::future::join3(open(), open(), open()).await;
    let homes = [a.unwrap().0, b.unwrap().0, c.unwrap().0];
    let mut names: Vec<_> = homes.iter().map(|home| home.keys.id()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 3);
    for home in homes {
        home.close().await;
    }
}

#[wasm_bindgen_test]
async fn a_slot_that_another_page_holds_is_left_to_it() {
    let room = fresh_room();
    let ears = Ears::default();
    let (home, _) = Home::open(&room, None, ears.report()).await.unwrap();
    let (name, slot) = (home.keys.id(), home.claim.as_ref().unwrap().slot.clone());
    home.close().await;
    // As a duplicated tab finds it: its memory names a slot that the original holds.
    let locks = LockManager::of_page().unwrap();
    let held = locks.claim(&format!("roundtable:{}:slot:{slot}", short_name(&room)), Patience::None, None).await;
    let (duplicate, restored) = Home::open(&room, None, ears.report()).await.unwrap();
    assert_ne!(duplicate.keys.id(), name);
    assert!(restored.adopted.is_empty(), "what is in use is not adopted");
    duplicate.close().await;
    drop(held);
}

#[wasm_bindgen_test]
async fn what_closed_tabs_left_is_copied_and_left_where_it_is() {
    let room = fresh_room();
    let ears = Ears::default();
    let mut homes = Vec::new();
    for number in 0..3u8 {
        let (home, _) = Home::open(&room, None, ears.report()).await.unwrap();
        home.storage.persist(id(1), batch(vec![put(Table::Objects, &[number], &[number])]));
        homes.push(home);
    }
    for home in homes {
        home.close().await;
    }
    for _ in 0..2 {
        let (reopened, restored) = Home::open(&room, None, ears.report()).await.unwrap();
        let mut found: Vec<_> = restored.own.into_iter().chain(restored.adopted.into_iter().flatten()).collect();
        found.sort();
        let expected: Vec<_> = (0..3).map(|number| (Table::Objects, vec![number], vec![number])).collect();
        assert_eq!(found, expected);
        reopened.close().await;
    }
}

#[wasm_bindgen_test]
async fn an_emptied_database_behind_a_known_slot_is_a_new_node() {
    let room = fresh_room();
    let ears = Ears::default();
    let (home, _) = Home::open(&room, None, ears.report()).await.unwrap();
    let (name, slot) = (home.keys.id(), home.claim.as_ref().unwrap().slot.clone());
    home.close().await;
    let factory = web_sys::window().unwrap().indexed_db().unwrap().unwrap();
    let database = roundtable_web::slot::database_name(&short_name(&room), &slot);
    let request = factory.delete_database(&database).unwrap();
    assert_eq!(roundtable_web::host::first_event(&request, &["success", "error"]).await, "success");
    let (home, restored) = Home::open(&room, None, ears.report()).await.unwrap();
    assert_eq!(home.claim.as_ref().unwrap().slot, slot);
    assert_ne!(home.keys.id(), name);
    assert!(restored.own.is_empty());
    home.close().await;
}

#[wasm_bindgen_test]
async fn of_a_node_that_has_left_there_is_no_database_and_no_slot() {
    let room = fresh_room();
    let ears = Ears::default();
    let (home, _) = Home::open(&room, None, ears.report()).await.unwrap();
    let (name, slot) = (home.keys.id(), home.claim.as_ref().unwrap().slot.clone());
    home.storage.persist(id(1), batch(vec![put(Table::Objects, b"a", b"1")]));
    home.leave().await.unwrap();
    let device = Device::open().await.unwrap();
    assert_eq!(device.slots(&short_name(&room)).await.unwrap(), []);
    let database = roundtable_web::slot::database_name(&short_name(&room), &slot);
    let gone = Database::open(&database, SCHEMA, false, || {}).await;
    assert_eq!(gone.err(), Some(DatabaseError::Missing));
    let (home, restored) = Home::open(&room, None, ears.report()).await.unwrap();
    assert_ne!(home.claim.as_ref().unwrap().slot, slot);
    assert_ne!(home.keys.id(), name);
    assert!(restored.own.is_empty() && restored.adopted.is_empty());
    home.close().await;
}

#[wasm_bindgen_test]
async fn a_join_that_is_aborted_holds_nothing() {
    let room = fresh_room();
    let ears = Ears::default();
    let (home, _) = Home::open(&room, None, ears.report()).await.unwrap();
    let name = home.keys.id();
    home.close().await;
    let abort = AbortController::new().unwrap();
    let signal = abort.signal();
    let opening = Home::open(&room, Some(&signal), ears.report());
    let aborting = async { abort.abort() };
    let (opened, ()) = futures_util::future::join(opening, aborting).await;
    assert_eq!(opened.err(), Some(HomeError::Aborted));
    let (home, _) = Home::open(&room, None, ears.report()).await.unwrap();
    assert_eq!(home.keys.id(), name);
    home.close().await;
}

#[wasm_bindgen_test]
async fn a_device_has_one_name_in_all_rooms() {
    let (a, b) = futures_util::future::join(Device::open(), Device::open()).await;
    assert_eq!(a.unwrap().id(), b.unwrap().id());
    let ears = Ears::default();
    let (home, _) = Home::in_memory(ears.report()).await.unwrap();
    assert_eq!(home.device, Device::open().await.unwrap().id());
    assert!(home.claim.is_none());
}
