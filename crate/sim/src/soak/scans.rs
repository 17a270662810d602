//! Watches of many keys: what their applications were told, put together, is what their tabs show; and that is what the
//! owners hold, whoever they are (`judge`).

use std::collections::BTreeMap;

use roundtable_core::coordinator::{Level, Reply, Request, Terms};
use roundtable_core::id::{Key, Pin, RequestId};
use roundtable_core::node::Input;
use roundtable_core::wire::Payload;

use super::run::Soak;

/// A watch of many keys that one life of a tab has begun.
#[derive(Debug, Clone)]
pub(super) struct Scan {
    tab: usize,
    life: u64,
    id: RequestId,
    pin: Pin,
}

impl Soak {
    /// Keys are watched as one, or, where these are, no longer.
    pub(super) fn scan(&mut self, tab: usize, pin: Pin) {
        let life = self.world.life(tab);
        let is_same = |scan: &Scan| (scan.tab, scan.life) == (tab, life) && scan.pin == pin;
        if let Some(at) = self.scans.iter().position(is_same) {
            let ended = self.scans.swap_remove(at);
            return self.world.input(tab, Input::Cancel(ended.id));
        }
        let id = self.world.request(tab, Request::WatchAll { pin: pin.clone() });
        self.scans.push(Scan { tab, life, id, pin });
    }

    fn is_live(&self, scan: &Scan) -> bool {
        self.world.is_open(scan.tab) && self.world.life(scan.tab) == scan.life
    }

    /// Whether a tab watches a key as one of many.
    pub(super) fn is_scanned(&self, tab: usize, key: &Key) -> bool {
        self.scans.iter().any(|scan| scan.tab == tab && scan.pin.names(key) && self.is_live(scan))
    }

    /// What a watch has told of this tab's keys is what it was shown.
    pub(super) fn on_changes(&mut self, tab: usize, id: RequestId) {
        let Some(Reply::Changes(changes)) = self.world.last(tab, id).cloned() else { return };
        let Some(scan) = self.scans.iter().find(|scan| scan.id == id) else { return };
        let bucket = scan.pin.bucket().to_owned();
        for change in changes {
            let key = Key::new(&bucket, &change.key).expect("a short name");
            self.on_shown(tab, &key, &change.read.context);
        }
    }

    /// All that was told of each key, the last word first, is what a local read shows.
    pub(super) fn judge_scans(&mut self) {
        self.scans = self.scans.iter().filter(|scan| self.is_live(scan)).cloned().collect();
        for Scan { tab, id, pin, .. } in self.scans.clone() {
            let replies = self.world.hosts[tab].replies.get(&id).into_iter().flatten();
            let changes =
                replies.flat_map(|reply| if let Reply::Changes(changes) = reply { &changes[..] } else { &[] });
            let told: BTreeMap<String, Vec<Payload>> =
                changes.map(|change| (change.key.clone(), change.read.siblings.clone())).collect();
            for key in self.oracle.keys().into_iter().filter(|key| pin.names(key)) {
                let terms = Terms { level: Some(Level::Local), timeout_ms: None };
                let id = self.world.request(tab, Request::Get { key: key.clone(), terms });
                let Some(Reply::Read(read)) = self.world.last(tab, id) else { continue };
                let (told, shown) = (told.get(key.name()).cloned().unwrap_or_default(), read.siblings.clone());
                if told != shown {
                    let what =
                        format!("{key:?}: a watch of {pin:?} has told tab {tab} of {told:?}, which shows {shown:?}");
                    self.oracle.accuse(what);
                }
            }
        }
    }
}
