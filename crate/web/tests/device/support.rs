//! Names that no other test uses, and ears for the disk.

use std::cell::RefCell;
use std::rc::Rc;

use roundtable_core::id::{BatchId, Room};
use roundtable_core::store::{Batch, Durability, Op, Table};
use roundtable_web::host;
use roundtable_web::storage::{Database, SCHEMA, Storage, StorageEvent};

/// A name that is new with every call.
pub(crate) fn fresh_name(what: &str) -> String {
    format!("{what}:{}", host::hex(&host::random::<8>().unwrap()))
}

/// A room that nobody is in.
pub(crate) fn fresh_room() -> Room {
    Room::open(&fresh_name("room")).unwrap()
}

/// What a disk has said.
#[derive(Clone, Default)]
pub(crate) struct Ears(Rc<RefCell<Vec<StorageEvent>>>);

impl Ears {
    pub(crate) fn report(&self) -> impl Fn(StorageEvent) + Clone + 'static {
        let heard = self.0.clone();
        move |event| heard.borrow_mut().push(event)
    }

    pub(crate) fn heard(&self) -> Vec<StorageEvent> {
        self.0.borrow().clone()
    }

    /// The batches that are durable, in the order in which this was said.
    pub(crate) fn persisted(&self) -> Vec<u64> {
        let ids = |event| match event {
            StorageEvent::Persisted(ids) => ids,
            _ => Vec::new(),
        };
        self.heard().into_iter().flat_map(ids).map(|id| id.0).collect()
    }
}

pub(crate) async fn open(name: &str) -> Database {
    Database::open(name, SCHEMA, true, || {}).await.unwrap()
}

pub(crate) async fn open_storage(name: &str) -> (Storage, Ears) {
    let ears = Ears::default();
    (Storage::over(name, open(name).await, ears.report()), ears)
}

pub(crate) fn put(table: Table, key: &[u8], value: &[u8]) -> Op {
    Op { table, key: key.into(), value: Some(value.to_vec()) }
}

pub(crate) fn delete(table: Table, key: &[u8]) -> Op {
    Op { table, key: key.into(), value: None }
}

pub(crate) fn batch(ops: Vec<Op>) -> Batch {
    Batch { ops, durability: Durability::Relaxed }
}

pub(crate) fn id(number: u64) -> BatchId {
    BatchId(number)
}
