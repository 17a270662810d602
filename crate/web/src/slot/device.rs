//! The device: one browser profile, the unit that fails together. Its name, and which node slots it has ever made.
//!
//! Both live in one small database of the origin, apart from the nodes' own, and the name is the same in all rooms.
//! Rows of `slots` are keyed by room and slot and hold when a tab last used the slot, in wall-clock milliseconds: when
//! it claimed it, once an hour while it runs, and when it closes.
//!
//! In version 1 they said only when it was claimed. So bringing an older database up to date takes every slot for used
//! just now: none is given up for a tab that was open for days.

use js_sys::{Array, Uint8Array};
use roundtable_core::id::DeviceId;
use roundtable_core::store::Durability;
use roundtable_core::time::WallTime;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::IdbTransaction;

use crate::host;
use crate::storage::{self, Database, DatabaseError, Schema};

/// The name of its database.
pub const NAME: &str = "roundtable:device";
/// The layout of its database.
pub const SCHEMA: Schema = Schema { version: 2, tables: &["device", "slots"], migrate };
const ID: &[u8] = b"id";

/// The index of this device.
#[derive(Debug)]
pub struct Device {
    database: Database,
    id: DeviceId,
}

/// A slot, and when it was last used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// When a tab last used it.
    pub used: WallTime,
    /// Its name.
    pub name: String,
}

impl Device {
    /// Open the index; the first to do so draws the device's name.
    pub async fn open() -> Result<Device, DatabaseError> {
        Device::open_past(|| {}).await
    }

    /// Open the index; `on_blocked` is called if another page stands in the way.
    pub async fn open_past(on_blocked: impl Fn() + 'static) -> Result<Device, DatabaseError> {
        let database = Database::open(NAME, SCHEMA, true, on_blocked).await?;
        let fresh = host::random::<16>()
            .ok_or_else(|| DatabaseError::Unavailable("This page has no source of randomness.".into()))?;
        let id = database.get_or_insert("device", ID, &fresh).await?;
        let id = <[u8; 16]>::try_from(id).map_err(|_| DatabaseError::Failed("The device's name is damaged.".into()))?;
        Ok(Device { database, id: DeviceId::from_bytes(id) })
    }

    /// The device's name.
    pub fn id(&self) -> DeviceId {
        self.id
    }

    /// The slots of a room, the one that was used last first.
    pub async fn slots(&self, room: &str) -> Result<Vec<Slot>, DatabaseError> {
        let prefix = row_key(room, "");
        let rows = self.database.read(&["slots"]).await?.pop().unwrap_or_default();
        let in_room = |(key, used): (Vec<u8>, Vec<u8>)| {
            let name = core::str::from_utf8(key.strip_prefix(prefix.as_slice())?).ok()?.to_owned();
            Some(Slot { used: WallTime(<[u8; 8]>::try_from(used).map_or(0, u64::from_le_bytes)), name })
        };
        let mut slots: Vec<Slot> = rows.into_iter().filter_map(in_room).collect();
        slots.sort_by(|a, b| b.cmp(a));
        Ok(slots)
    }

    /// Write down that the slot exists and is in use now.
    pub async fn touch(&self, room: &str, slot: &str, now: WallTime) -> Result<(), DatabaseError> {
        let (key, value) = (row_key(room, slot), now.0.to_le_bytes());
        self.database.write([("slots", &key[..], Some(&value[..]))], Durability::Relaxed).await
    }

    /// Forget a slot whose database is gone.
    pub async fn forget(&self, room: &str, slot: &str) -> Result<(), DatabaseError> {
        self.database.write([("slots", &row_key(room, slot)[..], None)], Durability::Relaxed).await
    }
}

fn row_key(room: &str, slot: &str) -> Vec<u8> {
    format!("{room}:{slot}").into_bytes()
}

/// From version 1: every slot counts as used now. Should any of it fail, the transaction aborts and opening reports it.
fn migrate(_from: u32, transaction: &IdbTransaction) {
    let transaction = transaction.clone();
    spawn_local(async move {
        if restamp(&transaction).await.is_err() {
            let _ = transaction.abort();
        }
    });
}

async fn restamp(transaction: &IdbTransaction) -> Result<(), DatabaseError> {
    let failed = |_| DatabaseError::Failed("The table of slots cannot be read.".into());
    let store = transaction.object_store("slots").map_err(failed)?;
    let keys = storage::finished(&store.get_all_keys().map_err(failed)?).await?;
    let now = Uint8Array::from(&host::wall_time().0.to_le_bytes()[..]);
    for key in keys.unchecked_into::<Array>().iter() {
        store.put_with_key(&now, &key).map_err(failed)?;
    }
    Ok(())
}
