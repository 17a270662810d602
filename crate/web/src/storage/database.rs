//! One IndexedDB database as ordered tables of byte strings.
//!
//! A transaction ends by itself as soon as control returns to the browser with no request pending, so all requests of a
//! transaction are issued at once and then its `complete` is awaited, nothing else. Something is durable when
//! `complete` has fired and not before. Binary keys are `Uint8Array`s going in and `ArrayBuffer`s coming out.

use core::cell::Cell;
use std::rc::Rc;

use futures_channel::oneshot;
use futures_util::FutureExt;
use futures_util::future::{Either, LocalBoxFuture, select};
use gloo_events::EventListener;
use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, Uint8Array};
use roundtable_core::store::Durability;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{
    IdbDatabase, IdbFactory, IdbKeyRange, IdbObjectStore, IdbOpenDbRequest, IdbRequest, IdbTransaction,
    IdbVersionChangeEvent,
};

use crate::host::{describe_error, first_event, plain_object, property};

/// How many rows are asked for at a time: few enough that neither side ever holds the whole database twice.
const SLICE_ROWS: u32 = 8_192;
/// How long a database that is to be deleted may be held open by others.
const DELETE_PATIENCE_MS: u32 = 5_000;
/// How long another page may stand in the way of opening one, counted from when the browser says that it does.
const BLOCKED_PATIENCE_MS: u32 = 8_000;
/// How long opening may take in any case: whoever waits behind a page that is blocked is not told so.
const OPEN_PATIENCE_MS: u32 = 20_000;

/// Why the database did not do what it was asked. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseError {
    /// There is no IndexedDB here, or this page may not use it.
    Unavailable(String),
    /// There is no database of this name.
    Missing,
    /// The connection is gone; opening it anew may help.
    Closed,
    /// Another page holds it open and does not let go. Once it has, opening works.
    Blocked,
    /// A newer version of this page has written it; this one would not understand it. Nothing was touched.
    Newer,
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
            "VersionError" => DatabaseError::Newer,
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
            DatabaseError::Blocked => f.write_str(
                "another tab of this site holds its data open, in an older version, and does not let go; close or \
                 reload the other tabs of this site, then try again",
            ),
            DatabaseError::Newer => f.write_str(
                "a newer version of this page has written this site's data; reload the page to go on with it",
            ),
            DatabaseError::Quota => f.write_str("the browser's storage quota is used up"),
            DatabaseError::Failed(why) => write!(f, "IndexedDB failed. {why}"),
        }
    }
}

impl core::error::Error for DatabaseError {}

// web-sys has the durability and the end of a transaction among its unstable parts only.
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

    #[wasm_bindgen(extends = IdbTransaction)]
    type CommittableTransaction;
    #[wasm_bindgen(method, catch)]
    fn commit(this: &CommittableTransaction) -> Result<(), JsValue>;
}

/// The layout of a database: its version, its tables, and what brings an older one to it.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// Rises with every change of the layout; a database of a higher one is left alone.
    pub version: u32,
    /// The tables. Those that an older database lacks are made.
    pub tables: &'static [&'static str],
    /// Called within the upgrade's own transaction with the version of an existing older database: all of it is brought
    /// to this layout, or, if any of it fails, nothing is changed.
    pub migrate: fn(from: u32, &IdbTransaction),
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
    /// Another page wants to delete it; it was closed to let that happen.
    Deleted,
    /// Another page wants to bring it to a newer version; it was closed to let that happen.
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
    /// Listens from the start: a page that is asked to give way, and has nobody listening yet, stands in it for good.
    fn over(raw: IdbDatabase) -> Database {
        let closing = raw.clone();
        let give_way = EventListener::new(&raw, "versionchange", move |_| closing.close());
        Database { raw, listeners: vec![give_way] }
    }

    /// Open the database in this layout; make it if it is not there and `create` allows it, else
    /// [`DatabaseError::Missing`]. It gives way to whoever wants to delete it or to bring it to a newer version.
    ///
    /// `on_blocked` is called if another page holds an older version of it open. Opening then waits for that page, and
    /// ends as [`DatabaseError::Blocked`] if it does not let go. The browser cannot be told to forget what it was asked
    /// for: whenever that page is gone, the upgrade is made as a whole, and the connection closed.
    pub async fn open(
        name: &str,
        schema: Schema,
        create: bool,
        on_blocked: impl Fn() + 'static,
    ) -> Result<Database, DatabaseError> {
        let request = factory()?.open_with_u32(name, schema.version).map_err(|error| DatabaseError::of(&error))?;
        let (tell_blocked, blocked) = oneshot::channel();
        let tell_blocked = Cell::new(Some(tell_blocked));
        let blocking = EventListener::new(&request, "blocked", move |_| {
            on_blocked();
            // Nobody waits for it any more.
            let _ = tell_blocked.take().map(|tell| tell.send(()));
        });
        let (tell_opened, opened) = oneshot::channel();
        let opening = Opening::of(&request, schema, create);
        spawn_local(async move {
            // If nobody waits for it any more, it is dropped, and closed by that.
            let _ = tell_opened.send(opening.finished(&request).await);
            drop(blocking);
        });
        let patience = async {
            let limit = TimeoutFuture::new(OPEN_PATIENCE_MS);
            if let Either::Left((Ok(()), _)) = select(blocked, limit).await {
                TimeoutFuture::new(BLOCKED_PATIENCE_MS).await;
            }
        };
        match select(opened, core::pin::pin!(patience)).await {
            Either::Left((opened, _)) => opened.unwrap_or(Err(DatabaseError::Closed)),
            Either::Right(_) => Err(DatabaseError::Blocked),
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
        let on_version = listener.clone();
        self.listeners.push(EventListener::new(&self.raw, "versionchange", move |event| {
            let newer = event.dyn_ref::<IdbVersionChangeEvent>().is_some_and(|event| event.new_version().is_some());
            on_version(if newer { Interruption::Upgraded } else { Interruption::Deleted });
        }));
        self.listeners.push(EventListener::new(&self.raw, "close", move |_| listener(Interruption::Closed)));
    }

    /// All rows of these tables as they are at one moment: one transaction, in slices.
    pub async fn read(&self, tables: &[&str]) -> Result<Vec<TableRows>, DatabaseError> {
        let transaction = self.transaction(tables, "readonly", Durability::Relaxed)?;
        let mut read = Vec::new();
        for table in tables {
            let store = transaction.object_store(table).map_err(|error| DatabaseError::of(&error))?;
            read.push(read_table(&store).await?);
        }
        Ok(read)
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
        // Nothing more is asked: else the browser first tells of each row, and waits whether anything follows. One
        // that does not know the word does just that.
        let _ = transaction.unchecked_ref::<CommittableTransaction>().commit();
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
    // Where it is blocked, even looking for it may throw.
    property(&window, "indexedDB").ok_or_else(|| DatabaseError::Unavailable("This page may not keep data.".into()))
}

/// A database that the browser was asked to open. What its upgrade takes is kept until that is over, however long.
struct Opening {
    is_missing: Rc<Cell<bool>>,
    _upgrade: EventListener,
}

impl Opening {
    fn of(request: &IdbOpenDbRequest, schema: Schema, create: bool) -> Opening {
        let (opening, is_missing) = (request.clone(), Rc::new(Cell::new(false)));
        let missing = is_missing.clone();
        let upgrade = EventListener::new(request, "upgradeneeded", move |event| {
            let Some(transaction) = opening.transaction() else { return };
            let from = event.dyn_ref::<IdbVersionChangeEvent>().map_or(0.0, IdbVersionChangeEvent::old_version) as u32;
            if from == 0 && !create {
                missing.set(true);
                let _ = transaction.abort();
                return;
            }
            make_tables(&opening, schema.tables);
            if from > 0 {
                (schema.migrate)(from, &transaction);
            }
        });
        Opening { is_missing, _upgrade: upgrade }
    }

    async fn finished(self, request: &IdbOpenDbRequest) -> Result<Database, DatabaseError> {
        match finished(request).await {
            Ok(raw) => Ok(Database::over(raw.unchecked_into())),
            Err(_) if self.is_missing.get() => Err(DatabaseError::Missing),
            Err(error) => Err(error),
        }
    }
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
pub(crate) async fn finished(request: &IdbRequest) -> Result<JsValue, DatabaseError> {
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

/// The rows of one table. The next slice is under way while this one is copied.
async fn read_table(store: &IdbObjectStore) -> Result<TableRows, DatabaseError> {
    let mut rows = TableRows::new();
    let mut asked = Some(Slice::after(store, &JsValue::UNDEFINED).map_err(|error| DatabaseError::of(&error))?);
    while let Some(slice) = asked.take() {
        let (keys, values) = slice.rows().await?;
        if keys.length() == SLICE_ROWS {
            let last = IdbKeyRange::lower_bound_with_open(&keys.get(SLICE_ROWS - 1), true);
            let next = last.and_then(|range| Slice::after(store, &range));
            asked = Some(next.map_err(|error| DatabaseError::of(&error))?);
        }
        rows.reserve(keys.length() as usize);
        for (key, value) in keys.iter().zip(values.iter()) {
            // A value is the Uint8Array that was put, and a key an ArrayBuffer.
            let value = value.dyn_into::<Uint8Array>().unwrap_or_else(|other| Uint8Array::new(&other));
            rows.push((Uint8Array::new(&key).to_vec(), value.to_vec()));
        }
    }
    Ok(rows)
}

/// Rows that have been asked for.
struct Slice {
    keys: IdbRequest,
    values: IdbRequest,
    answered: LocalBoxFuture<'static, &'static str>,
}

impl Slice {
    fn after(store: &IdbObjectStore, range: &JsValue) -> Result<Slice, JsValue> {
        let keys = store.get_all_keys_with_key_and_limit(range, SLICE_ROWS)?;
        let values = store.get_all_with_key_and_limit(range, SLICE_ROWS)?;
        // Requests are answered in order: when the values are there, the keys are.
        let answered = first_event(&values, &["success", "error"]).boxed_local();
        Ok(Slice { keys, values, answered })
    }

    async fn rows(self) -> Result<(Array, Array), DatabaseError> {
        if self.answered.await != "success" {
            let error = self.values.error().ok().flatten();
            return Err(error.map_or(DatabaseError::Closed, |error| DatabaseError::of(&error)));
        }
        let array = |request: &IdbRequest| -> Result<Array, DatabaseError> {
            Ok(request.result().map_err(|error| DatabaseError::of(&error))?.unchecked_into())
        };
        Ok((array(&self.keys)?, array(&self.values)?))
    }
}
