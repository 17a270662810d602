//! Who this tab is: its device, its slot, the secret behind its name, and what closed tabs of the device left behind.
//!
//! A *node slot* is a name, a lock and a database. Whoever holds the lock is that node; the database holds the seed of
//! its key pair beside all that it keeps. So a reloaded or reopened tab is the node it was, a duplicated one is
//! another, and an emptied database is a new node. [`Home::open`] brings it all together, and [`Home::close`] gives the
//! name back before it settles. [`Home::leave`] is for a node that has handed everything off: nothing of it remains.
//!
//! Without IndexedDB (a private window of some browsers) or Web Locks (plain http on a LAN address) a node lives in
//! memory under a passing name, and says so.

use roundtable_core::id::{DeviceId, KeyPair, Room};
use roundtable_core::store::{Restored, Rows};
use web_sys::AbortSignal;

pub mod capacity;
pub mod claim;
pub mod device;
pub mod inherit;
mod locks;

pub use claim::{Claim, ClaimError};
pub use device::{Device, Slot};
pub use locks::{Lock, LockManager, Patience};

use crate::host;
use crate::storage::{self, Database, DatabaseError, IDENTITY, Problem, SCHEMA, Storage, StorageEvent};

pub(crate) const SEED: &[u8] = b"seed";

/// What a node needs of its device before it can start.
#[derive(Debug)]
pub struct Home {
    /// Whose name it goes by.
    pub keys: KeyPair,
    /// What it fails together with.
    pub device: DeviceId,
    /// Its disk.
    pub storage: Storage,
    /// Its slot; `None` for a node that lives in memory.
    pub claim: Option<Claim>,
}

/// Why there is no home. Nothing is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HomeError {
    /// The signal was aborted.
    Aborted,
    /// The disk refused.
    Database(DatabaseError),
    /// The page has no source of randomness.
    NoRandomness,
}

impl From<DatabaseError> for HomeError {
    fn from(error: DatabaseError) -> HomeError {
        HomeError::Database(error)
    }
}

impl From<ClaimError> for HomeError {
    fn from(error: ClaimError) -> HomeError {
        match error {
            ClaimError::Aborted => HomeError::Aborted,
            ClaimError::Device(error) => HomeError::Database(error),
            ClaimError::NoSlot => HomeError::NoRandomness,
        }
    }
}

/// The short name of a room in the names of locks and databases; it does not tell the room's own name.
pub fn short_name(room: &Room) -> String {
    host::hex(&room.topic()[..8])
}

impl Home {
    /// Claim a slot, open its database and read it, with what closed tabs left. `report` hears of the disk from now on.
    pub async fn open(
        room: &Room,
        abort: Option<&AbortSignal>,
        report: impl Fn(StorageEvent) + Clone + 'static,
    ) -> Result<(Home, Restored), HomeError> {
        let Some(locks) = LockManager::of_page() else {
            let missing = "this page is not in a secure context (https or a loopback address): no Web Locks; \
                           the node keeps its data in memory and forgets it when the tab closes";
            web_sys::console::warn_1(&format!("roundtable: {missing}").into());
            report(StorageEvent::Problem(Problem::Failed, missing.into()));
            return Home::in_memory(report).await;
        };
        let room = short_name(room);
        let device = match Device::open_past(on_blocked(&report)).await {
            Err(DatabaseError::Unavailable(why)) => {
                let message = format!(
                    "IndexedDB is not available here (a private window, or blocked by the browser's settings). {why} \
                     The node keeps its data in memory and forgets it when the tab closes"
                );
                report(StorageEvent::Problem(Problem::Failed, message));
                return Home::in_memory(report).await;
            }
            device => device?,
        };
        let claim = claim::claim(&room, &device, &locks, abort).await?;
        match settle_in(&room, &device, &claim, &locks, report).await {
            Ok(_) if abort.is_some_and(AbortSignal::aborted) => {
                claim.release().await;
                Err(HomeError::Aborted)
            }
            Ok((keys, storage, restored)) => {
                Ok((Home { keys, device: device.id(), storage, claim: Some(claim) }, restored))
            }
            Err(error) => {
                claim.release().await;
                Err(error)
            }
        }
    }

    /// A node that leaves nothing behind: memory, and a name of its own making. It still knows its device, if it can.
    pub async fn in_memory(report: impl Fn(StorageEvent) + 'static) -> Result<(Home, Restored), HomeError> {
        let seed = host::random::<32>().ok_or(HomeError::NoRandomness)?;
        let device = match Device::open().await {
            Ok(device) => device.id(),
            Err(_) => DeviceId::from_bytes(host::random::<16>().ok_or(HomeError::NoRandomness)?),
        };
        let home = Home { keys: KeyPair::from_seed(seed), device, storage: Storage::memory(report), claim: None };
        Ok((home, Restored::default()))
    }

    /// Finish writing, close the database, and let go of the name.
    pub async fn close(self) {
        self.storage.close().await;
        if let Some(claim) = self.claim {
            // For a day from now on it is kept for whoever comes back. If that cannot be written down, from when it
            // was.
            if let Ok(device) = Device::open().await {
                let _ = device.touch(&claim.room, &claim.slot, host::wall_time()).await;
            }
            claim.release().await;
        }
    }
}

impl Home {
    /// The node has left for good: close and delete its database, then forget the slot and let go of the name.
    ///
    /// # Errors
    ///
    /// The browser did not delete the database: the slot is kept, and whoever opens it next is a new life of this node.
    pub async fn leave(self) -> Result<(), DatabaseError> {
        self.storage.close().await;
        let Some(claim) = self.claim else { return Ok(()) };
        match delete(&claim).await {
            Ok(()) => {
                claim.give_up().await;
                Ok(())
            }
            Err(error) => {
                claim.release().await;
                Err(error)
            }
        }
    }
}

/// As long as the slot is locked, nobody else makes its database anew.
async fn delete(claim: &Claim) -> Result<(), DatabaseError> {
    Database::delete(&database_name(&claim.room, &claim.slot)).await?;
    Device::open().await?.forget(&claim.room, &claim.slot).await
}

async fn settle_in(
    room: &str,
    device: &Device,
    claim: &Claim,
    locks: &LockManager,
    report: impl Fn(StorageEvent) + Clone + 'static,
) -> Result<(KeyPair, Storage, Restored), HomeError> {
    let name = database_name(room, &claim.slot);
    let database = Database::open(&name, SCHEMA, true, on_blocked(&report)).await?;
    let fresh = host::random::<32>().ok_or(HomeError::NoRandomness)?;
    let seed = database.get_or_insert(IDENTITY, SEED, &fresh).await?;
    let seed = <[u8; 32]>::try_from(seed)
        .map_err(|_| DatabaseError::Failed("The node's seed is damaged; clear this site's data.".into()))?;
    let own = storage::read_rows(&database).await?;
    let adopted = adopt(room, device, claim, locks, &report).await?;
    Ok((KeyPair::from_seed(seed), Storage::over(&name, database, report), Restored { own, adopted }))
}

/// Tells the application that joining waits for another page. It may end well.
fn on_blocked(report: &(impl Fn(StorageEvent) + Clone + 'static)) -> impl Fn() + 'static {
    let report = report.clone();
    move || {
        let message = "another tab of this site holds an older version of its data open; close or reload it to go on";
        web_sys::console::warn_1(&format!("roundtable: {message}").into());
        report(StorageEvent::Problem(Problem::Blocked, message.into()));
    }
}

/// Copies of what this device's unclaimed slots of the room hold. Each is read in one transaction and left as it is: a
/// tab may reopen it at any moment, and merging twice is harmless.
async fn adopt(
    room: &str,
    device: &Device,
    claim: &Claim,
    locks: &LockManager,
    report: &impl Fn(StorageEvent),
) -> Result<Vec<Rows>, DatabaseError> {
    // In this order: a slot is locked before it is written down, so whatever is listed and in use is among the held.
    let slots = device.slots(room).await?;
    let held = locks.held().await;
    let names = slots.iter().map(|slot| &slot.name);
    let unclaimed = names.filter(|slot| **slot != claim.slot && !held.contains(&claim::lock_name(room, slot)));
    let mut adopted = Vec::new();
    for slot in unclaimed {
        match copy_of(&database_name(room, slot)).await {
            Ok(rows) => adopted.push(rows),
            Err(DatabaseError::Missing) => device.forget(room, slot).await?,
            Err(error) => {
                let message = format!("what a closed tab left behind could not be read: {error}");
                report(StorageEvent::Problem(Problem::Failed, message));
            }
        }
    }
    adopted.retain(|rows| !rows.is_empty());
    Ok(adopted)
}

async fn copy_of(database: &str) -> Result<Rows, DatabaseError> {
    storage::read_rows(&Database::open(database, SCHEMA, false, || {}).await?).await
}

/// The name of the database behind a slot.
pub fn database_name(room: &str, slot: &str) -> String {
    format!("roundtable:{room}:{slot}")
}
