//! What each session was shown of each key, kept beside the nodes: a write without a context supersedes that and
//! nothing more, and a delete that was shown nothing has read what it deletes.
//!
//! A session is one life of a tab. It is shown what its gets returned and what it wrote itself. A write may have to
//! wait for the disk, and takes its context when it is made; so what bounds it is what was shown before it, and what
//! was shown in the same moment.

use std::collections::BTreeMap;

use roundtable_core::clock::{Dot, VersionVector};
use roundtable_core::coordinator::Receipt;
use roundtable_core::id::{Key, RequestId};

use super::run::Soak;

/// A write that was asked for without a context.
#[derive(Debug, Clone)]
struct Unguided {
    session: (usize, u64),
    /// What a quorum had confirmed of its key when it was asked for, if it is a delete and nothing had been shown.
    due: Option<VersionVector>,
}

/// A write that was made, and what bounds its context.
#[derive(Debug, Clone)]
struct Made {
    session: (usize, u64),
    key: Key,
    context: VersionVector,
    before: VersionVector,
}

/// What was shown to whom.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown {
    known: BTreeMap<(usize, u64, Key), VersionVector>,
    unguided: BTreeMap<RequestId, Unguided>,
    made: Vec<Made>,
    /// Deletes that were shown nothing: what a quorum had confirmed, and what they deleted.
    unread: BTreeMap<RequestId, (VersionVector, VersionVector)>,
}

impl Shown {
    /// Tombstones were reaped: nobody knows any more what a quorum had confirmed.
    pub(super) fn forget_due(&mut self) {
        self.unguided
            .values_mut()
            .for_each(|unguided| unguided.due = unguided.due.take().map(|_| VersionVector::new()));
        self.unread.clear();
    }
}

impl Soak {
    /// A write is about to be asked for, with no context.
    pub(crate) fn on_unguided(&mut self, tab: usize, id: RequestId, key: &Key, is_delete: bool) {
        let session = (tab, self.world.life(tab));
        let was_shown = self.shown.known.contains_key(&(session.0, session.1, key.clone()));
        let due = (is_delete && !was_shown).then(|| self.watch.confirmed(key));
        self.shown.unguided.insert(id, Unguided { session, due });
    }

    /// A write was made.
    pub(super) fn on_made(&mut self, tab: usize, id: RequestId, key: &Key, dot: Dot, context: &VersionVector) {
        let session = (tab, self.world.life(tab));
        let before = self.shown.known.get(&(session.0, session.1, key.clone())).cloned();
        let known = self.shown.known.entry((session.0, session.1, key.clone())).or_default();
        known.merge(context);
        known.see(dot);
        let Some(unguided) = self.shown.unguided.remove(&id).filter(|unguided| unguided.session == session) else {
            return;
        };
        let context = context.clone();
        match (unguided.due, before) {
            // It read first, or was shown something after all while it waited for the disk.
            (Some(due), before) => {
                if before.is_none_or(|before| !before.descends(&context)) {
                    self.shown.unread.insert(id, (due, context));
                }
            }
            (None, Some(before)) => self.shown.made.push(Made { session, key: key.clone(), context, before }),
            (None, None) => {}
        }
    }

    /// A session is shown this much of a key.
    pub(super) fn on_shown(&mut self, tab: usize, key: &Key, context: &VersionVector) {
        let session = (tab, self.world.life(tab), key.clone());
        for made in self.shown.made.iter_mut().filter(|made| made.session == (session.0, session.1) && made.key == *key)
        {
            made.before.merge(context);
        }
        self.shown.known.entry(session).or_default().merge(context);
    }

    /// All that was answered by now has been taken in: no write has superseded what its application was not shown.
    pub(super) fn judge_made(&mut self) {
        for Made { session: (tab, _), key, context, before } in std::mem::take(&mut self.shown.made) {
            if !before.descends(&context) {
                self.oracle
                    .accuse(format!("{key:?}: tab {tab} was shown {before:?}, and its write superseded {context:?}"));
            }
        }
    }

    /// A delete that is met, and had been shown nothing, has seen what a quorum had. Where much fails, a quorum may
    /// be met by others.
    pub(super) fn judge_unread(&mut self, id: RequestId, receipt: &Receipt) {
        let Some((due, context)) = self.shown.unread.get(&id).filter(|_| self.plan.is_calm && receipt.met) else {
            return;
        };
        if !context.descends(due) {
            self.oracle.accuse(format!("delete {id:?} is met, and deleted {context:?} of {due:?}"));
        }
    }
}
