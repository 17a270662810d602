//! Which slot a tab gets.
//!
//! A tab remembers its slots in sessionStorage, one for each node it runs in the room, in the order of joining. A
//! reload wants the same back, and its own old page may not have let go yet: it waits up to a second. A duplicated tab
//! has the same memory, waits in vain, and takes another. Without a memory, the free slot that was used last is taken,
//! so that a reopened tab is the node it was; if none is free, a new one is made. No two nodes ever hold one slot: the
//! lock sees to it between pages, and within a page the names that are taken or being asked for are set aside.

use core::cell::RefCell;
use std::collections::HashSet;

use web_sys::AbortSignal;

use super::device::Device;
use super::locks::{Lock, LockManager, Patience};
use crate::host;
use crate::storage::DatabaseError;

/// How long a reloaded page waits for its own former self to let go of the slot.
const OWN_SLOT_PATIENCE_MS: u32 = 1000;

thread_local! {
    /// The locks that nodes of this page hold or ask for.
    static SET_ASIDE: RefCell<HashSet<String>> = RefCell::default();
}

/// A slot that is held by one node of this page. Dropping it lets go.
#[derive(Debug)]
pub struct Claim {
    /// The short name of the room.
    pub room: String,
    /// The name of the slot.
    pub slot: String,
    lock: Lock,
    _aside: SetAside,
}

impl Claim {
    /// Let go, and wait until another could have it.
    pub async fn release(self) {
        self.lock.release().await;
    }

    /// Let go for good: this tab no longer remembers the slot.
    pub async fn give_up(self) {
        forget(&self.room, &self.slot);
        self.lock.release().await;
    }
}

/// Why no slot was claimed. None is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimError {
    /// The signal was aborted.
    Aborted,
    /// The device's index could not be read or written.
    Device(DatabaseError),
    /// The page has no source of randomness, or locks behave as no lock should.
    NoSlot,
}

impl From<DatabaseError> for ClaimError {
    fn from(error: DatabaseError) -> ClaimError {
        ClaimError::Device(error)
    }
}

/// Claim a slot of `room` for a new node of this page.
pub async fn claim(
    room: &str,
    device: &Device,
    locks: &LockManager,
    abort: Option<&AbortSignal>,
) -> Result<Claim, ClaimError> {
    let aborted = || abort.is_some_and(AbortSignal::aborted);
    let own = remembered_slots(room).into_iter().find_map(|slot| Some((SetAside::new(room, &slot)?, slot)));
    if let Some((aside, slot)) = own {
        let lock = locks.claim(&aside.name, Patience::Millis(OWN_SLOT_PATIENCE_MS), abort).await;
        if aborted() {
            return Err(abandon(lock).await);
        }
        match lock {
            Some(lock) => {
                let claim = Claim { room: room.into(), slot, lock, _aside: aside };
                return written_down(room, device, claim).await;
            }
            None => forget(room, &slot),
        }
    }
    let claim = free_or_new(room, device, locks).await?;
    if aborted() {
        return Err(abandon(Some(claim.lock)).await);
    }
    remember(room, &claim.slot);
    written_down(room, device, claim).await
}

async fn abandon(lock: Option<Lock>) -> ClaimError {
    if let Some(lock) = lock {
        lock.release().await;
    }
    ClaimError::Aborted
}

async fn free_or_new(room: &str, device: &Device, locks: &LockManager) -> Result<Claim, ClaimError> {
    for slot in device.slots(room).await? {
        let Some(aside) = SetAside::new(room, &slot.name) else { continue };
        if let Some(lock) = locks.claim(&aside.name, Patience::None, None).await {
            return Ok(Claim { room: room.into(), slot: slot.name, lock, _aside: aside });
        }
    }
    let slot = host::hex(&host::random::<8>().ok_or(ClaimError::NoSlot)?);
    let aside = SetAside::new(room, &slot).ok_or(ClaimError::NoSlot)?;
    let lock = locks.claim(&aside.name, Patience::None, None).await.ok_or(ClaimError::NoSlot)?;
    Ok(Claim { room: room.into(), slot, lock, _aside: aside })
}

/// The device knows of a slot before there is anything in it, so that nothing is ever kept where nobody would look.
async fn written_down(room: &str, device: &Device, claim: Claim) -> Result<Claim, ClaimError> {
    match device.touch(room, &claim.slot, host::wall_time()).await {
        Ok(()) => Ok(claim),
        Err(error) => {
            claim.release().await;
            Err(error.into())
        }
    }
}

/// The name of the lock behind a slot.
pub fn lock_name(room: &str, slot: &str) -> String {
    format!("roundtable:{room}:slot:{slot}")
}

/// A lock's name that no other node of this page asks for meanwhile.
#[derive(Debug)]
pub(super) struct SetAside {
    name: String,
}

impl SetAside {
    pub(super) fn new(room: &str, slot: &str) -> Option<SetAside> {
        let name = lock_name(room, slot);
        SET_ASIDE.with_borrow_mut(|names| names.insert(name.clone())).then_some(SetAside { name })
    }

    /// The name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for SetAside {
    fn drop(&mut self) {
        SET_ASIDE.with_borrow_mut(|names| names.remove(&self.name));
    }
}

/// What this tab remembers over a reload: its slots of a room, in the order of joining. Other nodes of this page write
/// it too, so it is read anew for every change. A page without sessionStorage remembers nothing.
fn remembered_slots(room: &str) -> Vec<String> {
    let text = session_storage().and_then(|storage| storage.get_item(&memory_key(room)).ok().flatten());
    let text = text.unwrap_or_default();
    text.split(',').filter(|slot| !slot.is_empty()).map(str::to_owned).collect()
}

fn remember(room: &str, slot: &str) {
    let mut slots = remembered_slots(room);
    if !slots.iter().any(|known| known == slot) {
        slots.push(slot.to_owned());
        write_memory(room, &slots);
    }
}

fn forget(room: &str, slot: &str) {
    let mut slots = remembered_slots(room);
    slots.retain(|known| known != slot);
    write_memory(room, &slots);
}

fn write_memory(room: &str, slots: &[String]) {
    if let Some(storage) = session_storage() {
        let _ = storage.set_item(&memory_key(room), &slots.join(","));
    }
}

fn memory_key(room: &str) -> String {
    format!("roundtable:{room}:slots")
}

fn session_storage() -> Option<web_sys::Storage> {
    web_sys::window()?.session_storage().ok().flatten()
}
