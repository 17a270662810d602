//! Watches of single keys: the last that one was told is what its tab shows; and that is what the owners hold, whoever
//! they are (`judge`).

use roundtable_core::coordinator::{Level, ReadReply, Reply, Request, Terms};
use roundtable_core::id::{Key, RequestId};
use roundtable_core::node::Input;

use super::run::Soak;

/// A watch of a key that one life of a tab has begun.
#[derive(Debug, Clone)]
pub(super) struct KeyWatch {
    tab: usize,
    life: u64,
    id: RequestId,
    key: Key,
}

impl Soak {
    /// A key is watched, or, where it is, no longer.
    pub(super) fn watch_key(&mut self, tab: usize, key: Key) {
        let life = self.world.life(tab);
        let is_same = |watch: &KeyWatch| (watch.tab, watch.life) == (tab, life) && watch.key == key;
        if let Some(at) = self.watches.iter().position(is_same) {
            let ended = self.watches.swap_remove(at);
            return self.world.input(tab, Input::Cancel(ended.id));
        }
        // Before the request: it is answered at once.
        let id = self.world.next_request();
        self.watches.push(KeyWatch { tab, life, id, key: key.clone() });
        self.world.request(tab, Request::Watch { key });
    }

    fn is_on(&self, watch: &KeyWatch) -> bool {
        self.world.is_open(watch.tab) && self.world.life(watch.tab) == watch.life
    }

    /// Whether a tab watches a key by itself.
    pub(super) fn is_watched(&self, tab: usize, key: &Key) -> bool {
        self.watches.iter().any(|watch| watch.tab == tab && watch.key == *key && self.is_on(watch))
    }

    /// What a watch has told is what its tab was shown. Tells whether it was one.
    pub(super) fn on_watch_told(&mut self, tab: usize, id: RequestId, read: &ReadReply) -> bool {
        let Some(watch) = self.watches.iter().find(|watch| (watch.tab, watch.id) == (tab, id)) else { return false };
        let key = watch.key.clone();
        self.on_shown(tab, &key, &read.context);
        true
    }

    /// The last that was told of a key is what a local read shows.
    pub(super) fn judge_watches(&mut self) {
        self.watches = self.watches.iter().filter(|watch| self.is_on(watch)).cloned().collect();
        for KeyWatch { tab, id, key, .. } in self.watches.clone() {
            let Some(Reply::Read(told)) = self.world.last(tab, id).cloned() else { continue };
            let terms = Terms { level: Some(Level::Local), timeout_ms: None };
            let id = self.world.request(tab, Request::Get { key: key.clone(), terms });
            let Some(Reply::Read(shown)) = self.world.last(tab, id) else { continue };
            if told.siblings != shown.siblings {
                let (told, shown) = (&told.siblings, &shown.siblings);
                let what = format!("{key:?}: a watch of it has told tab {tab} of {told:?}, which shows {shown:?}");
                self.oracle.accuse(what);
            }
        }
    }
}
