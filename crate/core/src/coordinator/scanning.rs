//! Watches of many keys: those of a bucket that begin with a prefix.
//!
//! An application sees at once all that this node holds, even nothing, and then whatever changes here, what has changed
//! in one go together. These keys are an interest for as long as they are watched (`store`, copies): what others own of
//! them comes at once, and changes are told.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::reads::read_reply;
use super::{Change, Coordinator, Quorum, Reply, Surroundings};
use crate::id::{Key, Pin, RequestId};
use crate::planted::Plant;

#[derive(Debug, Clone)]
struct Scan {
    /// Which keys.
    pin: Pin,
    /// Changed since it was last told.
    changed: BTreeSet<Key>,
    /// It was told what there was when it began.
    has_begun: bool,
}

/// All watches of many keys.
#[derive(Debug, Clone, Default)]
pub(super) struct Scanning {
    scans: BTreeMap<RequestId, Scan>,
}

impl Scanning {
    pub(super) fn cancel(&mut self, near: &mut Surroundings<'_>, id: RequestId) {
        if let Some(scan) = self.scans.remove(&id) {
            near.store.unwatch_all(&scan.pin);
        }
    }

    /// A key has changed here, or what is shown of it has.
    pub(super) fn on_changed(&mut self, key: &Key) {
        for scan in self.scans.values_mut().filter(|scan| scan.has_begun && scan.pin.names(key)) {
            scan.changed.insert(key.clone());
        }
    }

    /// Of which keys each is to be told now, and whether it is the first time.
    fn take(&mut self, near: &Surroundings<'_>) -> Vec<(RequestId, Vec<Key>, bool)> {
        let due = self.scans.iter_mut().filter(|(_, scan)| !scan.has_begun || !scan.changed.is_empty());
        due.map(|(&id, scan)| {
            let is_first = !core::mem::replace(&mut scan.has_begun, true);
            let keys = match is_first {
                true => {
                    let (bucket, prefix) = (scan.pin.bucket(), scan.pin.prefix());
                    let held = near.store.list(bucket, prefix).map(|(key, ..)| key);
                    let copies = near.store.list_copies(bucket, prefix).map(|(key, _)| key);
                    held.chain(copies).collect::<BTreeSet<&Key>>().into_iter().cloned().collect()
                }
                false => core::mem::take(&mut scan.changed).into_iter().collect(),
            };
            (id, keys, is_first)
        })
        .collect()
    }
}

impl Coordinator {
    pub(super) fn scan(&mut self, near: &mut Surroundings<'_>, id: RequestId, pin: Pin) {
        if !near.planted.has(Plant::WatchHeldAlone) {
            near.store.watch_all(pin.clone());
        }
        self.scanning.scans.insert(id, Scan { pin, changed: BTreeSet::new(), has_begun: false });
    }

    /// Whether anybody watches many keys.
    pub fn has_scans(&self) -> bool {
        !self.scanning.scans.is_empty()
    }

    /// Tell whoever watches many keys what has changed since the last call.
    pub fn tell_scans(&mut self, near: &mut Surroundings<'_>) {
        for (id, keys, is_first) in self.scanning.take(near) {
            let quorum = Quorum::new(self.settings.r.needed(near.membership.n()));
            let mut changes = Vec::with_capacity(keys.len());
            for key in keys {
                let object = near.store.view(&key);
                let read = read_reply(&object, &quorum, near.store.expiry_clock());
                // What is deleted is news only to who has seen it.
                if !is_first || !read.siblings.is_empty() {
                    near.store.show(&key, &read.context);
                    changes.push(Change { key: key.name().into(), read });
                }
            }
            changes.sort_by(|one, other| one.key.cmp(&other.key));
            self.replies.push((id, Reply::Changes(changes)));
        }
    }
}
