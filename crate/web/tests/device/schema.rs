//! Databases of another version: an older one is brought up to date or left as it was, a newer one is left alone.

use roundtable_core::store::Durability;
use roundtable_core::time::WallTime;
use roundtable_web::api::error::Failure;
use roundtable_web::host;
use roundtable_web::slot::device::NAME;
use roundtable_web::slot::{Device, Home, HomeError, database_name, short_name};
use roundtable_web::storage::{Database, DatabaseError, SCHEMA, Schema};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::support::{Ears, fresh_name, fresh_room};

/// The device's index as version 1 laid it out.
const FIRST: Schema = Schema { version: 1, tables: &["device", "slots"], migrate: |_, _| () };

#[wasm_bindgen_test]
async fn an_index_of_version_1_is_migrated_its_slots_count_as_used_now_and_its_name_stays() {
    Database::delete(NAME).await.unwrap();
    let old = Database::open(NAME, FIRST, true, || {}).await.unwrap();
    let long_ago = 1_000u64.to_le_bytes();
    let rows = [
        ("device", &b"id"[..], Some(&[7u8; 16][..])),
        ("slots", b"room:one", Some(&long_ago)),
        ("slots", b"room:two", Some(&long_ago)),
        ("slots", b"other:one", Some(&long_ago)),
    ];
    old.write(rows, Durability::Strict).await.unwrap();
    drop(old);
    let begun = host::wall_time();
    let device = Device::open().await.unwrap();
    assert_eq!(device.id().as_bytes(), &[7; 16]);
    let slots = device.slots("room").await.unwrap();
    let mut names: Vec<&str> = slots.iter().map(|slot| slot.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["one", "two"]);
    assert!(slots.iter().all(|slot| slot.used >= begun), "{slots:?}");
    drop(device);
    let again = Device::open().await.unwrap().slots("other").await.unwrap();
    assert!(again.len() == 1 && again[0].used >= begun && again[0].used <= host::wall_time());
    assert_eq!(Database::open(NAME, FIRST, false, || {}).await.err(), Some(DatabaseError::Newer));
    assert!(WallTime(1_000) < begun);
}

#[wasm_bindgen_test]
async fn a_migration_that_fails_leaves_the_old_database_as_it_was() {
    let name = fresh_name("migration");
    let first = Schema { version: 1, tables: &["slots"], migrate: |_, _| () };
    let old = Database::open(&name, first, true, || {}).await.unwrap();
    old.write([("slots", &b"a"[..], Some(&b"1"[..]))], Durability::Strict).await.unwrap();
    drop(old);
    fn fail(_: u32, transaction: &web_sys::IdbTransaction) {
        transaction.object_store("slots").unwrap().clear().unwrap();
        transaction.abort().unwrap();
    }
    let second = Schema { version: 2, tables: &["slots", "more"], migrate: fail };
    let failed = Database::open(&name, second, true, || {}).await;
    assert!(matches!(failed, Err(DatabaseError::Failed(_))), "{failed:?}");
    let old = Database::open(&name, first, false, || {}).await.unwrap();
    assert_eq!(old.read(&["slots"]).await.unwrap(), [vec![(b"a".to_vec(), b"1".to_vec())]]);
}

#[wasm_bindgen_test]
async fn what_a_newer_page_has_written_is_an_error_that_says_so_and_is_not_touched() {
    let room = fresh_room();
    let (home, _) = Home::open(&room, None, Ears::default().report()).await.unwrap();
    let slot = home.claim.as_ref().unwrap().slot.clone();
    home.close().await;
    let name = database_name(&short_name(&room), &slot);
    let newer = Schema { version: 99, ..SCHEMA };
    let database = Database::open(&name, newer, true, || {}).await.unwrap();
    database.write([("objects", &b"a"[..], Some(&b"1"[..]))], Durability::Strict).await.unwrap();
    drop(database);
    let refused = Home::open(&room, None, Ears::default().report()).await.err().unwrap();
    assert_eq!(refused, HomeError::Database(DatabaseError::Newer));
    let failure = Failure::from(refused);
    assert_eq!(failure.code, "incompatible");
    assert!(failure.message.contains("reload"), "{}", failure.message);
    let database = Database::open(&name, newer, false, || {}).await.unwrap();
    assert_eq!(database.read(&["objects"]).await.unwrap(), [vec![(b"a".to_vec(), b"1".to_vec())]]);
}

#[wasm_bindgen_test]
async fn a_database_of_more_rows_than_a_slice_is_read_whole_and_in_order() {
    let name = fresh_name("slices");
    let database = Database::open(&name, SCHEMA, true, || {}).await.unwrap();
    let keys: Vec<[u8; 4]> = (0..20_000u32).map(u32::to_be_bytes).collect();
    database.write(keys.iter().map(|key| ("objects", &key[..], Some(&key[..]))), Durability::Relaxed).await.unwrap();
    let read = database.read(&["hints", "objects"]).await.unwrap();
    assert!(read[0].is_empty());
    assert_eq!(read[1].len(), keys.len());
    assert!(read[1].iter().zip(&keys).all(|((key, value), expected)| key == expected && value == expected));
}
