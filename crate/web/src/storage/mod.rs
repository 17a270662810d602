//! Where batches become durable: IndexedDB, or memory for nodes that are to leave nothing behind.
//!
//! [`Storage::persist`] takes batches in order and reports each when it is durable, never before. At most one
//! transaction is in flight; what arrives meanwhile joins the next (`queue`), and between two the disk may rest
//! (`rest`). A commit is applied whole or not at all, and commits in order, so a crash leaves a prefix of what was
//! handed out.
//!
//! When a commit fails, or the browser takes the database away, it is opened once more at once and the commit tried
//! again: WebKit loses its connection after a while in the background, and then neither commits nor says why. If the
//! database then turns out to be empty, it was cleared, and is left alone: an empty database behind a known name is a
//! new node, and this one is not.

use core::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use futures_channel::oneshot;
use gloo_timers::callback::Timeout;
use roundtable_core::id::BatchId;
use roundtable_core::store::{Batch, PersistError, Rows, Table};
use roundtable_core::time::Millis;
use wasm_bindgen_futures::spawn_local;

use crate::host;
use crate::turn::Turn;

mod database;
mod queue;
mod rest;

pub(crate) use database::finished;
pub use database::{Change, Database, DatabaseError, Interruption, Schema, TableRows};
pub use queue::{Commit, Queue};
use rest::Rest;

/// The tables of a node's database: the core's four, and the one that holds its secret seed.
pub const TABLES: &[&str] =
    &[Table::ALL[0].name(), Table::ALL[1].name(), Table::ALL[2].name(), Table::ALL[3].name(), IDENTITY];
/// The layout of a node's database. The first there is: nothing is older.
pub const SCHEMA: Schema = Schema { version: 1, tables: TABLES, migrate: |_, _| () };
/// The table that holds the node's secret seed.
pub const IDENTITY: &str = "identity";

/// What storage has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageEvent {
    /// These batches are durable.
    Persisted(Vec<BatchId>),
    /// These batches left the disk as it was.
    Failed(Vec<BatchId>, PersistError),
    /// The database is not this node's any more: nothing is durable from now on, whatever it was.
    Lost,
    /// Something that the application should know.
    Problem(Problem, String),
}

/// Kinds of trouble, as the application is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// The quota is full.
    Quota,
    /// Another page stands in the way.
    Blocked,
    /// The data was cleared.
    Evicted,
    /// Anything else.
    Failed,
}

impl Problem {
    /// The name that the application sees.
    pub const fn name(self) -> &'static str {
        match self {
            Problem::Quota => "quota",
            Problem::Blocked => "blocked",
            Problem::Evicted => "evicted",
            Problem::Failed => "failed",
        }
    }
}

/// A node's disk. Clones are the same disk.
#[derive(Clone)]
pub struct Storage(Rc<Inner>);

struct Inner {
    name: String,
    disk: RefCell<Disk>,
    queue: RefCell<Queue>,
    work: Cell<Work>,
    /// None for memory, which has nothing to wait for.
    turn: Option<Turn>,
    rest: RefCell<Rest>,
    waker: RefCell<Option<Timeout>>,
    waiting_for_idle: RefCell<Vec<oneshot::Sender<()>>>,
    /// The trouble that was reported last and has not passed: it is not reported with every commit.
    trouble: Cell<Option<Problem>>,
    report: Box<dyn Fn(StorageEvent)>,
}

/// How far it is with what waits in the queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Nothing waits.
    Idle,
    /// A commit begins when the disk has rested.
    Resting,
    /// A commit begins in a task of its own.
    Due,
    Committing,
}

enum Disk {
    Memory,
    Open(Rc<Database>),
    /// The browser closed it, and it is about to be opened once more.
    Lost,
    Closed,
}

impl core::fmt::Debug for Storage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Storage({:?})", self.0.name)
    }
}

impl Storage {
    /// A disk that is gone with the page. Batches are reported durable at the end of the task.
    pub fn memory(report: impl Fn(StorageEvent) + 'static) -> Storage {
        Storage::with(String::new(), Disk::Memory, report, |_| None)
    }

    /// A disk over a node's open database.
    pub fn over(name: &str, database: Database, report: impl Fn(StorageEvent) + 'static) -> Storage {
        let turn = |inner: Weak<Inner>| Turn::new(move || inner.upgrade().iter().for_each(Inner::on_turn));
        let storage = Storage::with(name.into(), Disk::Closed, report, turn);
        storage.0.adopt(database);
        storage
    }

    fn with(
        name: String,
        disk: Disk,
        report: impl Fn(StorageEvent) + 'static,
        turn: impl FnOnce(Weak<Inner>) -> Option<Turn>,
    ) -> Storage {
        Storage(Rc::new_cyclic(|inner: &Weak<Inner>| Inner {
            name,
            disk: RefCell::new(disk),
            queue: RefCell::default(),
            work: Cell::new(Work::Idle),
            turn: turn(inner.clone()),
            rest: RefCell::default(),
            waker: RefCell::default(),
            waiting_for_idle: RefCell::default(),
            trouble: Cell::new(None),
            report: Box::new(report),
        }))
    }

    /// Whether what is persisted outlives the page.
    pub fn is_durable(&self) -> bool {
        !matches!(*self.0.disk.borrow(), Disk::Memory)
    }

    /// Make a batch durable after all that came before it; it is reported, never at once, as `Persisted` or `Failed`.
    pub fn persist(&self, id: BatchId, batch: Batch) {
        self.0.queue.borrow_mut().push(id, batch);
        let at_once = self.0.rest.borrow().just_ended;
        self.0.work(at_once);
    }

    /// The page may be gone after this task: what waits to be written is written now.
    pub fn hurry(&self) {
        self.0.begin();
    }

    /// Until nothing waits to be made durable.
    pub async fn idle(&self) {
        while self.0.work.get() != Work::Idle {
            let (sender, receiver) = oneshot::channel();
            self.0.waiting_for_idle.borrow_mut().push(sender);
            let _ = receiver.await;
        }
    }

    /// Finish what waits, then close. Later batches fail.
    pub async fn close(&self) {
        self.idle().await;
        self.0.disk.replace(Disk::Closed);
    }
}

/// All rows of a node's database.
pub async fn read_rows(database: &Database) -> Result<Rows, DatabaseError> {
    let names = Table::ALL.map(Table::name);
    let tables = database.read(&names).await?;
    let with_table = |(table, rows): (Table, TableRows)| {
        rows.into_iter().map(move |(key, value)| (table, key, value)).collect::<Rows>()
    };
    Ok(Table::ALL.into_iter().zip(tables).flat_map(with_table).collect())
}

impl Inner {
    /// See to what waits; `at_once`: without a rest.
    fn work(self: &Rc<Self>, at_once: bool) {
        if !matches!(self.work.get(), Work::Idle | Work::Resting) {
            return;
        }
        let left = self.rest.borrow().left(self.queue.borrow().rows(), host::now());
        if !at_once && left > 0 && self.turn.is_some() && !host::is_hidden() {
            if self.work.replace(Work::Resting) == Work::Idle {
                self.wake_after(left);
            }
            return;
        }
        self.work.set(Work::Due);
        if !self.turn.as_ref().is_some_and(Turn::ask) {
            self.begin();
        }
    }

    fn wake_after(self: &Rc<Self>, millis: Millis) {
        let inner = Rc::downgrade(self);
        let timer = Timeout::new(u32::try_from(millis).unwrap_or(u32::MAX), move || {
            inner.upgrade().iter().for_each(Inner::begin);
        });
        self.waker.replace(Some(timer));
    }

    fn on_turn(self: &Rc<Self>) {
        self.rest.borrow_mut().on_turn();
        if self.work.get() == Work::Due {
            self.begin();
        }
    }

    fn begin(self: &Rc<Self>) {
        if matches!(self.work.get(), Work::Resting | Work::Due) {
            self.work.set(Work::Committing);
            self.waker.take();
            spawn_local(self.clone().commit());
        }
    }

    async fn commit(self: Rc<Self>) {
        // What came of it shows with the next commit, if it does not end the disk.
        if matches!(*self.disk.borrow(), Disk::Lost) {
            let _ = self.reopen().await;
        }
        let next = self.queue.borrow_mut().take_commit();
        let Some(commit) = next else {
            self.work.set(Work::Idle);
            return self.go_on();
        };
        let begun = host::now();
        let event = match self.write(&commit).await {
            Ok(()) => {
                self.trouble.set(None);
                StorageEvent::Persisted(commit.ids)
            }
            Err(error) => self.failure(commit.ids, &error),
        };
        self.rest.borrow_mut().on_commit(begun, host::now());
        self.turn.as_ref().map(Turn::ask);
        self.work.set(Work::Idle);
        // What is asked of the disk in there may follow from it.
        (self.report)(event);
        self.go_on();
    }

    /// See to what came during a commit, if nothing that follows from the commit has taken it along.
    fn go_on(self: &Rc<Self>) {
        if self.work.get() != Work::Idle {
            return;
        }
        if !self.queue.borrow().is_empty() {
            self.work(false);
            if host::is_hidden() {
                // Such a page may be frozen after any task.
                self.begin();
            }
            return;
        }
        for waiting in self.waiting_for_idle.take() {
            let _ = waiting.send(());
        }
    }

    async fn write(self: &Rc<Self>, commit: &Commit) -> Result<(), DatabaseError> {
        let mut reopened = false;
        loop {
            let database = match &*self.disk.borrow() {
                Disk::Memory => return Ok(()),
                Disk::Closed => return Err(DatabaseError::Failed("The database is closed.".into())),
                Disk::Open(database) => Some(database.clone()),
                Disk::Lost => None,
            };
            let outcome = match database {
                Some(database) => {
                    let rows = commit.rows.iter();
                    let changes = rows.map(|((table, key), value)| (table.name(), &key[..], value.as_deref()));
                    database.write(changes, commit.durability).await
                }
                None => Err(DatabaseError::Closed),
            };
            match outcome {
                Err(DatabaseError::Closed | DatabaseError::Failed(_)) if !reopened && !self.is_closed() => {
                    reopened = true;
                    self.reopen().await?;
                }
                outcome => return outcome,
            }
        }
    }

    async fn reopen(self: &Rc<Self>) -> Result<(), DatabaseError> {
        match Database::open(&self.name, SCHEMA, false, || {}).await {
            Ok(database) => {
                self.adopt(database);
                Ok(())
            }
            Err(error) => {
                let (problem, message): (_, String) = match &error {
                    DatabaseError::Missing => {
                        (Problem::Evicted, "this node's data was cleared; reload the page to join as a new node".into())
                    }
                    DatabaseError::Newer => (Problem::Failed, error.to_string()),
                    // It may come back: the next commit tries again, and is told of its own failure.
                    _ => return Err(error),
                };
                self.end(problem, message);
                Err(error)
            }
        }
    }

    fn is_closed(&self) -> bool {
        matches!(*self.disk.borrow(), Disk::Closed)
    }

    /// The database is gone for good, and nobody learns of it by a commit that fails if there is nothing to write.
    fn end(&self, problem: Problem, message: String) {
        self.disk.replace(Disk::Closed);
        self.trouble.set(Some(Problem::Failed));
        (self.report)(StorageEvent::Problem(problem, message));
        (self.report)(StorageEvent::Lost);
    }

    /// Use this database from now on, and hear of what happens to it.
    fn adopt(self: &Rc<Self>, mut database: Database) {
        let inner: Weak<Inner> = Rc::downgrade(self);
        database.on_interruption(move |interruption| {
            if let Some(inner) = inner.upgrade() {
                inner.on_interruption(interruption);
            }
        });
        self.disk.replace(Disk::Open(Rc::new(database)));
    }

    fn on_interruption(self: &Rc<Self>, interruption: Interruption) {
        if self.is_closed() {
            return;
        }
        let (problem, message) = match interruption {
            Interruption::Closed => {
                self.disk.replace(Disk::Lost);
                self.work(true);
                return;
            }
            Interruption::Deleted => (Problem::Evicted, "this node's data is being cleared; nothing more is kept"),
            Interruption::Upgraded => {
                (Problem::Failed, "a newer version of this page took over the database; reload to keep data again")
            }
        };
        self.end(problem, message.into());
    }

    fn failure(&self, ids: Vec<BatchId>, error: &DatabaseError) -> StorageEvent {
        let reason = match error {
            DatabaseError::Quota => PersistError::Quota,
            _ => PersistError::Failed,
        };
        let problem = match error {
            DatabaseError::Quota => Problem::Quota,
            DatabaseError::Blocked => Problem::Blocked,
            _ => Problem::Failed,
        };
        if self.trouble.replace(Some(problem)) != Some(problem) {
            (self.report)(StorageEvent::Problem(problem, error.to_string()));
        }
        StorageEvent::Failed(ids, reason)
    }
}
