//! The device: one browser profile, the unit that fails together. Its name, and which node slots it has ever made.
//!
//! Both live in one small database of the origin, apart from the nodes' own, and the name is the same in all rooms.
//! Rows of `slots` are keyed by room and slot and hold when a tab last claimed the slot, in wall-clock milliseconds.

use roundtable_core::id::DeviceId;
use roundtable_core::store::Durability;
use roundtable_core::time::WallTime;

use crate::host;
use crate::storage::{Database, DatabaseError};

const NAME: &str = "roundtable:device";
const TABLES: &[&str] = &["device", "slots"];
const ID: &[u8] = b"id";

/// The index of this device.
#[derive(Debug)]
pub struct Device {
    database: Database,
    id: DeviceId,
}

impl Device {
    /// Open the index; the first to do so draws the device's name.
    pub async fn open() -> Result<Device, DatabaseError> {
        let database = Database::open(NAME, TABLES, true, || {}).await?;
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

    /// The slots of a room, the one that was claimed last first.
    pub async fn slots(&self, room: &str) -> Result<Vec<String>, DatabaseError> {
        let prefix = row_key(room, "");
        let rows = self.database.read(&["slots"]).await?.pop().unwrap_or_default();
        let in_room = |(key, used): (Vec<u8>, Vec<u8>)| {
            let slot = core::str::from_utf8(key.strip_prefix(prefix.as_slice())?).ok()?.to_owned();
            Some((<[u8; 8]>::try_from(used).map_or(0, u64::from_le_bytes), slot))
        };
        let mut slots: Vec<(u64, String)> = rows.into_iter().filter_map(in_room).collect();
        slots.sort_by(|a, b| b.cmp(a));
        Ok(slots.into_iter().map(|(_, slot)| slot).collect())
    }

    /// Write down that the slot exists and was claimed now.
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
