//! Slots that nobody came back to: a running tab of the device takes them over for good (DESIGN, Identity).
//!
//! A slot that has not been used for a day is locked, so that no tab can reopen it meanwhile, and looked at again under
//! the lock: whoever was quicker has used it. Then it is copied, and given up only when the node has said that all of
//! it is durable here and that the slot has departed in its own name. Only then is its database deleted, its name
//! forgotten, and last the lock let go. A tab that is closed or crashes on the way leaves the slot as it was: the next
//! one begins again, and merging twice is harmless.
//!
//! While it is at it, the tab writes down once an hour that its own slot is in use.

use std::rc::{Rc, Weak};

use gloo_timers::future::TimeoutFuture;
use roundtable_core::coordinator::Reply;
use roundtable_core::id::KeyPair;
use roundtable_core::store::Rows;

use super::{Device, LockManager, Patience, SEED, claim, database_name};
use crate::host;
use crate::peer::{Answer, Peer};
use crate::storage::{self, Database, DatabaseError, IDENTITY, SCHEMA};

/// Unused for so long, a slot is taken over: longer than a night.
pub const UNCLAIMED_MS: u64 = 24 * 60 * 60 * 1_000;
/// How often it is looked for such slots, and one's own is written down as in use.
const ROUND_MS: u32 = 60 * 60 * 1_000;
/// A tab that opens has other things to do first.
const FIRST_ROUND_MS: u32 = 3_000;

/// Go on for as long as the node runs; `slot` is its own. Dropped at any point, it leaves a slot as it was, or gone.
pub(crate) async fn keep_house(peer: Weak<Peer>, room: String, slot: String) {
    let mut pause = FIRST_ROUND_MS;
    loop {
        TimeoutFuture::new(pause).await;
        pause = ROUND_MS;
        let Some(peer) = peer.upgrade().filter(|peer| peer.is_running()) else { return };
        // A device whose index cannot be read now is looked at again in an hour.
        let _ = round(&peer, &room, &slot).await;
    }
}

/// Take over whatever has been unclaimed for a day. Tells how many slots that were.
pub async fn round(peer: &Rc<Peer>, room: &str, own: &str) -> Result<usize, DatabaseError> {
    let Some(locks) = LockManager::of_page() else { return Ok(0) };
    let device = Device::open().await?;
    device.touch(room, own, host::wall_time()).await?;
    let mut taken = 0;
    for slot in device.slots(room).await?.into_iter().filter(|slot| slot.name != own) {
        if !is_abandoned(slot.used.0) || !peer.is_running() {
            continue;
        }
        let Some(aside) = claim::SetAside::new(room, &slot.name) else { continue };
        let Some(lock) = locks.claim(aside.name(), Patience::None, None).await else { continue };
        // Somebody may have used it between the look and the lock.
        let slots = device.slots(room).await?;
        let is_still = slots.iter().any(|now| now.name == slot.name && is_abandoned(now.used.0));
        if is_still && take_over(peer, &device, room, &slot.name).await.unwrap_or(false) {
            taken += 1;
        }
        lock.release().await;
    }
    Ok(taken)
}

fn is_abandoned(used: u64) -> bool {
    host::wall_time().0.saturating_sub(used) >= UNCLAIMED_MS
}

/// The slot is locked. Tells whether it is gone now.
async fn take_over(peer: &Rc<Peer>, device: &Device, room: &str, slot: &str) -> Result<bool, DatabaseError> {
    let name = database_name(room, slot);
    match copy(&name).await {
        Ok((keys, rows)) => {
            if peer.adopt(keys, rows).await != Answer::Reply(Reply::Adopted) {
                return Ok(false);
            }
            Database::delete(&name).await?;
        }
        Err(DatabaseError::Missing) => {}
        Err(error) => return Err(error),
    }
    device.forget(room, slot).await?;
    Ok(true)
}

async fn copy(name: &str) -> Result<(KeyPair, Rows), DatabaseError> {
    let database = Database::open(name, SCHEMA, false, || {}).await?;
    let rows = storage::read_rows(&database).await?;
    // A tab that was closed before it had a name has left nothing: any name will do.
    let fresh = host::random::<32>().ok_or_else(|| DatabaseError::Unavailable("There is no randomness.".into()))?;
    let identity = database.read(&[IDENTITY]).await?.pop().unwrap_or_default();
    let seed = identity.into_iter().find(|(key, _)| key == SEED).and_then(|(_, seed)| <[u8; 32]>::try_from(seed).ok());
    Ok((KeyPair::from_seed(seed.unwrap_or(fresh)), rows))
}
