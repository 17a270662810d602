//! One IndexedDB database as ordered tables of byte strings.
//!
//! A transaction ends by itself as soon as control returns to the browser with no request pending, so all requests of a
//! transaction are issued at once and then its `complete` is awaited, nothing else. Something is durable when
//! `complete` has fired and not before. Binary keys are `Uint8Array`s going in and `ArrayBuffer`s coming out.

use futures_util::future::{Either, select};
use gloo_events::EventListener;
use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, Uint8Array};
use roundtable_core::store::Durability;
use wasm_bindgen::prelude::*;
use web_sys::{IdbDatabase, IdbFactory, IdbObjectStore, IdbRequest, IdbTransaction, IdbVersionChangeEvent};

use crate::host::{describe_error, first_event, plain_object, property};

/// The version of the layout. A new one comes with a migration.
const SCHEMA_VERSION: u32 = 1;
/// How long a database that is to be deleted may be held open by others.
const DELETE_PATIENCE_MS: u32 = 5_000;

/// Why the database did not do what it was asked. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseError {
    /// There is no IndexedDB here, or this page may not use it.
    Unavailable(String),
    /// There is no database of this name.
    Missing,
    /// The connection is gone; opening it anew may help.
    Closed,
    /// The quota, or the disk, is full.
    Quota,
    /// Anything else, in the browser's words.
    Failed(String),
}

impl DatabaseError {
    fn of(error: &JsValue) -> DatabaseError {
        let (name, message) = describe_error(error);
        match name.as_str() {
            "QuotaExceededError" => DatabaseError::Quota,
            "InvalidStateError" => DatabaseError::Closed,
            "SecurityError" => DatabaseError::Unavailable(message),
            _ => DatabaseError::Failed(format!("{name}: {message}")),
        }
    }
}

impl core::fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            DatabaseError::Unavailable(why) => write!(f, "IndexedDB is not available here. {why}"),
            DatabaseError::Missing => f.write_str("the database does not exist"),
            DatabaseError::Closed => f.write_str("the browser closed the database"),
            DatabaseError::Quota => f.write_str("the browser's storage quota is used up"),
            DatabaseError::Failed(why) => write!(f, "IndexedDB failed. {why}"),
        }
    }
}

impl core::error::Error for DatabaseError {}

// web-sys has the durability of a transaction among its unstable parts only.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(extends = IdbDatabase)]
    type DurableDatabase;
    #[wasm_bindgen(method, catch, js_name = transaction)]
    fn durable_transaction(
        this: &DurableDatabase,
        stores: &JsValue,
        mode: &str,
        options: &JsValue,
    ) -> Result<IdbTransaction, JsValue>;
}

/// One row to write: the table, the key, and the value or `None` to delete it.
pub type Change<'a> = (&'a str, &'a [u8], Option<&'a [u8]>);
/// The rows of one table, in the order of their keys.
pub type TableRows = Vec<(Vec<u8>, Vec<u8>)>;

/// What happened to an open database from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruption {
    /// The browser closed it: site data was cleared, or the disk went away.
    Closed,
    /// Another page wants to delete it; it has been closed to let that happen.
    Deleted,
    /// Another page wants to bring it to a newer version; it has been closed to let that happen.
    Upgraded,
}

/// An open database. Dropping it closes it.
#[derive(Debug)]
pub struct Database {
    raw: IdbDatabase,
    listeners: Vec<EventListener>,
}

impl Drop for Database {
    fn drop(&mut self) {
        self.raw.close();
    }
}

impl Database {
    /// Open the database, with these tables if it has to be made and `create` allows it, else
    /// [`DatabaseError::Missing`].
    /// `on_blocked` is called if another page holds an older version of it open; opening then waits for that page.
    pub async fn open(
        name: &str,
        tables: &'static [&'static str],
        create: bool,
        on_blocked: impl Fn() + 'static,
    ) -> Result<Database, DatabaseError> {
        let request = factory()?.open_with_u32(name, SCHEMA_VERSION).map_err(|error| DatabaseError::of(&error))?;
        let opening = request.clone();
        let _upgrade = EventListener::new(&request, "upgradeneeded", move |_| {
            if create {
                make_tables(&opening, tables);
            } else if let Some(transaction) = opening.transaction() {
                let _ = transaction.abort();
            }
        });
        let _blocked = EventListener::new(&request, "blocked", move |_| on_blocked());
        match finished(&request).await {
            Ok(raw) => Ok(Database { raw: raw.unchecked_into(), listeners: Vec::new() }),
            Err(_) if !create => Err(DatabaseError::Missing),
            Err(error) => Err(error),
        }
    }

    /// Delete a database that nobody has open; whoever reads it at this moment is waited for. One that does not exist
    /// is as good as deleted.
    pub async fn delete(name: &str) -> Result<(), DatabaseError> {
        let request = factory()?.delete_database(name).map_err(|error| DatabaseError::of(&error))?;
        let deleted = core::pin::pin!(finished(&request));
        match select(deleted, TimeoutFuture::new(DELETE_PATIENCE_MS)).await {
            Either::Left((outcome, _)) => outcome.map(|_| ()),
            Either::Right(_) => Err(DatabaseError::Failed("Another page holds the database open.".into())),
        }
    }

    /// Be told when something outside ends the connection.
    pub fn on_interruption(&mut self, listener: impl Fn(Interruption) + Clone + 'static) {
        let (raw, on_version) = (self.raw.clone(), listener.clone());
        self.listeners.push(EventListener::new(&self.raw, "versionchange", move |event| {
            raw.close();
            let newer = event.dyn_ref::<IdbVersionChangeEvent>().is_some_and(|event| event.new_version().is_some());
            on_version(if newer { Interruption::Upgraded } else { Interruption::Deleted });
        }));
        self.listeners.push(EventListener::new(&self.raw, "close", move |_| listener(Interruption::Closed)));
    }

    /// All rows of these tables as they are at one moment.
    pub async fn read(&self, tables: &[&str]) -> Result<Vec<TableRows>, DatabaseError> {
        let transaction = self.transaction(tables, "readonly", Durability::Relaxed)?;
        let mut requests = Vec::new();
        for table in tables {
            let store = transaction.object_store(table).map_err(|error| DatabaseError::of(&error))?;
            let keys = store.get_all_keys().map_err(|error| DatabaseError::of(&error))?;
            let values = store.get_all().map_err(|error| DatabaseError::of(&error))?;
            requests.push((keys, values));
        }
        completed(&transaction).await?;
        requests
            .iter()
            .map(|(keys, values)| Ok(byte_strings(keys)?.into_iter().zip(byte_strings(values)?).collect()))
            .collect()
    }

    /// Make all these changes durable, or none of them.
    pub async fn write<'a>(
        &self,
        changes: impl IntoIterator<Item = Change<'a>>,
        durability: Durability,
    ) -> Result<(), DatabaseError> {
        let changes: Vec<Change<'a>> = changes.into_iter().collect();
        let mut tables: Vec<&str> = changes.iter().map(|(table, ..)| *table).collect();
        tables.sort_unstable();
        tables.dedup();
        if tables.is_empty() {
            return Ok(());
        }
        let transaction = self.transaction(&tables, "readwrite", durability)?;
        if let Err(error) = request_changes(&transaction, &changes) {
            let _ = transaction.abort();
            return Err(DatabaseError::of(&error));
        }
        completed(&transaction).await
    }

    /// The row as it is, or, if there is none, `value` made durable in its place: one transaction.
    pub async fn get_or_insert(&self, table: &str, key: &[u8], value: &[u8]) -> Result<Vec<u8>, DatabaseError> {
        let transaction = self.transaction(&[table], "readwrite", Durability::Strict)?;
        let store = transaction.object_store(table).map_err(|error| DatabaseError::of(&error))?;
        let request = store.get(&Uint8Array::from(key)).map_err(|error| DatabaseError::of(&error))?;
        let found = finished(&request).await?;
        if !found.is_undefined() {
            completed(&transaction).await?;
            return Ok(Uint8Array::new(&found).to_vec());
        }
        put(&store, key, value).map_err(|error| DatabaseError::of(&error))?;
        completed(&transaction).await?;
        Ok(value.to_vec())
    }

    fn transaction(
        &self,
        tables: &[&str],
        mode: &str,
        durability: Durability,
    ) -> Result<IdbTransaction, DatabaseError> {
        let names: Array = tables.iter().map(|&name| JsValue::from(name)).collect();
        let durability = match durability {
            Durability::Relaxed => "relaxed",
            Durability::Strict => "strict",
        };
        let options = plain_object(&[("durability", durability.into())]);
        let database: &DurableDatabase = self.raw.unchecked_ref();
        database.durable_transaction(&names, mode, &options).map_err(|error| DatabaseError::of(&error))
    }
}

fn factory() -> Result<IdbFactory, DatabaseError> {
    let window = web_sys::window().ok_or_else(|| DatabaseError::Unavailable("There is no window.".into()))?;
    property(&window, "indexedDB").ok_or_else(|| DatabaseError::Unavailable("This page may not keep data.".into()))
}

fn make_tables(request: &IdbRequest, tables: &[&str]) {
    let Ok(result) = request.result() else { return };
    let database: IdbDatabase = result.unchecked_into();
    let existing = database.object_store_names();
    for table in tables.iter().filter(|table| !existing.contains(table)) {
        // Should one fail, the upgrade aborts and opening reports it.
        let _ = database.create_object_store(table);
    }
}

fn request_changes(transaction: &IdbTransaction, changes: &[Change<'_>]) -> Result<(), JsValue> {
    let mut open: Option<(&str, IdbObjectStore)> = None;
    for &(table, key, value) in changes {
        let store = match &open {
            Some((name, store)) if *name == table => store,
            _ => &open.insert((table, transaction.object_store(table)?)).1,
        };
        match value {
            Some(value) => put(store, key, value)?,
            None => store.delete(&Uint8Array::from(key)).map(|_| ())?,
        }
    }
    Ok(())
}

fn put(store: &IdbObjectStore, key: &[u8], value: &[u8]) -> Result<(), JsValue> {
    store.put_with_key(&Uint8Array::from(value), &Uint8Array::from(key)).map(|_| ())
}

/// The result of a request.
async fn finished(request: &IdbRequest) -> Result<JsValue, DatabaseError> {
    if first_event(request, &["success", "error"]).await == "success" {
        return request.result().map_err(|error| DatabaseError::of(&error));
    }
    match request.error() {
        Ok(Some(error)) => Err(DatabaseError::of(&error)),
        _ => Err(DatabaseError::Failed("The browser gives no reason.".into())),
    }
}

/// Until the transaction is durable, or has left everything as it was.
async fn completed(transaction: &IdbTransaction) -> Result<(), DatabaseError> {
    if first_event(transaction, &["complete", "abort"]).await == "complete" {
        return Ok(());
    }
    match transaction.error() {
        Some(error) => Err(DatabaseError::of(&error)),
        // Aborted by nobody's error: the connection was torn down under it.
        None => Err(DatabaseError::Closed),
    }
}

fn byte_strings(request: &IdbRequest) -> Result<Vec<Vec<u8>>, DatabaseError> {
    let items: Array = request.result().map_err(|error| DatabaseError::of(&error))?.unchecked_into();
    Ok(items.iter().map(|item| Uint8Array::new(&item).to_vec()).collect())
}
