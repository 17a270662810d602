//! How far a write has got: what its receipt says, counted anew from who has it, the ring and the members of now.
//!
//! Only owners count, and a fallback that stands in for an owner that has not confirmed.

use alloc::vec::Vec;

use smallvec::SmallVec;

use super::{Local, Write};
use crate::coordinator::{Ended, Level, Reached, Receipt, Surroundings};
use crate::id::{DeviceId, NodeId};
use crate::planted::Plant;

impl Write {
    /// How far it has got, by the ring and the members of now.
    pub(super) fn receipt(&self, near: &Surroundings<'_>) -> Receipt {
        let n = match near.membership.n() {
            n if near.planted.has(Plant::QuorumOfPresent) => {
                let answering = near.membership.answering().count();
                n.min(u8::try_from(answering + 1).unwrap_or(n))
            }
            n => n,
        };
        let ring_owners = near.ring.owners(self.position);
        let has = |id: NodeId| if id == near.me { self.local == Local::Durable } else { self.held.contains(&id) };
        let mut owners = Vec::with_capacity(ring_owners.len());
        owners.extend(ring_owners.iter().copied().filter(|&id| has(id)));
        if near.planted.has(Plant::CountNonOwner) && has(near.me) && !owners.contains(&near.me) {
            owners.push(near.me);
        }
        let is_interest = || near.planted.has(Plant::CountInterest) && near.store.wants(&self.key);
        if has(near.me) && !owners.contains(&near.me) && is_interest() {
            owners.push(near.me);
        }
        let mut fallbacks: Vec<NodeId> = self
            .stand_ins
            .iter()
            .filter(|&(fallback, owner)| {
                has(*fallback) && !has(*owner) && ring_owners.contains(owner) && !ring_owners.contains(fallback)
            })
            .map(|(fallback, _)| *fallback)
            .collect();
        if near.planted.has(Plant::StandInsAreOwners) {
            owners.append(&mut fallbacks);
        }
        owners.sort_unstable();
        let count = owners.len() + fallbacks.len();
        let others = count - usize::from(owners.contains(&near.me));
        let needed = self.requested.needed(n);
        let met = match self.requested {
            Level::Local => self.local == Local::Durable,
            Level::One => others >= 1,
            Level::Quorum | Level::All | Level::Count(_) => count >= usize::from(needed),
        } && self.is_sure;
        let reached = match count {
            _ if count >= usize::from(n) => Reached::All,
            _ if count > usize::from(n / 2) => Reached::Quorum,
            _ if others >= 1 => Reached::One,
            _ => Reached::Local,
        };
        let device_of = |id: NodeId| near.membership.device(id);
        let on_disk = self.held.iter().chain((self.local == Local::Durable).then_some(near.me));
        let mut devices: SmallVec<[DeviceId; 4]> = SmallVec::new();
        on_disk.filter_map(device_of).for_each(|device| {
            if !devices.contains(&device) {
                devices.push(device);
            }
        });
        let ended = match () {
            () if owners.len() >= usize::from(n) => Some(Ended::Complete),
            () if self.is_superseded => Some(Ended::Superseded),
            () => None,
        };
        Receipt {
            context: self.context.clone(),
            requested: self.requested,
            needed,
            met,
            reached,
            owners,
            fallbacks,
            devices: u8::try_from(devices.len()).unwrap_or(u8::MAX),
            ended,
        }
    }
}
