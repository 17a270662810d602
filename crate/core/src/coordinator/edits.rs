//! What an edit of a counter, a set or a map makes. What becomes of it then is `writes`' business.
//!
//! An edit is made on what this node holds, and takes away only what it names. So it must hold enough: an owner whose
//! arc has arrived does; any other node reads at its `r` first and takes what it read into its store. What only takes
//! something away reads, wherever it is made, unless this node holds all that the removal is to have seen. A node that
//! reaches nobody, or that is asked to write at `local`, goes by what it holds.
//!
//! Reading first is also what keeps an object small: whoever adds the same item, sets the same field or adds to its own
//! amount takes the last version of it away, which it could not if it did not hold it.
//!
//! Whoever has seen the edit's dot has all of the edit, for objects travel whole: that is what is waited for, and all
//! that its receipt says it has seen.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::puts::{expiry, judge_ttl};
use super::reads::Reader;
use super::writes::Order;
use super::{Coordinator, Level, Made, Reply, RequestError, Surroundings, Terms, Waiting};
use crate::clock::{ACTORS_MAX, Context, Dot, VersionVector};
use crate::datatype::{Change, DataType, Edit};
use crate::id::{Key, RequestId};
use crate::marks::Mark;
use crate::planted::Plant;
use crate::time::Millis;
use crate::wire::Version;

/// An edit that an application asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Editing {
    pub(super) key: Key,
    pub(super) edit: Edit,
    pub(super) ttl_ms: Option<Millis>,
    pub(super) context: Option<Context>,
    pub(super) terms: Terms,
    /// It has seen as many owners as it had to.
    pub(super) is_sure: bool,
}

impl Coordinator {
    pub(super) fn edit(&mut self, near: &mut Surroundings<'_>, id: RequestId, editing: Editing) {
        if let Err(error) = judge_ttl(near, editing.ttl_ms) {
            return self.replies.push((id, Reply::Failed(error)));
        }
        let is_local = editing.terms.level.unwrap_or(self.settings.w) == Level::Local;
        if is_local && let Some(copy) = near.store.copy(&editing.key).cloned() {
            // It takes away what it has before it alone, so that has to lie among what is written.
            near.merge(&editing.key, &copy, near.me);
        }
        if is_local || holds_enough(near, &editing) {
            return self.edit_seen(near, id, editing);
        }
        near.marks.hit(Mark::EditReads);
        let (key, first) = (editing.key.clone(), Terms { level: Some(self.settings.r), ..editing.terms });
        self.read(near, Reader::Edit(id, Box::new(editing)), key, first);
    }

    pub(super) fn edit_seen(&mut self, near: &mut Surroundings<'_>, id: RequestId, editing: Editing) {
        if !near.store.is_ready(&editing.key, &VersionVector::new()) && !near.store.open_mint() {
            self.waiting.push_back((id, Waiting::Edit(editing)));
            return;
        }
        let (gone, version) = match self.compose(near, &editing) {
            Ok(composed) => composed,
            Err(error) => return self.replies.push((id, Reply::Failed(error))),
        };
        let Editing { key, edit, terms, is_sure, .. } = editing;
        near.marks.hit_if(Mark::EditTakesAway, || edit.is_removal() && !gone.is_empty());
        let (dot, changed) = near.store.edit(&key, &gone, version);
        near.changed.push((key.clone(), None, changed));
        let (context, is_delete) = (VersionVector::new(), edit.is_removal());
        self.made.push(Made { id, key: key.clone(), dot, context, is_delete, gone: Some(gone) });
        // What was read to make it was not shown to anybody: what deletes the key later reads it itself.
        let seen = VersionVector::from_iter([dot]);
        if near.store.is_shown(&key) {
            near.store.show(&key, &seen);
        }
        self.follow(near, Order { id, key, context: seen, terms, is_sure });
    }

    /// What goes and what comes, if it can be stored.
    fn compose(
        &mut self,
        near: &Surroundings<'_>,
        editing: &Editing,
    ) -> Result<(Vec<Dot>, Option<Version>), RequestError> {
        let Editing { key, edit, ttl_ms, .. } = editing;
        let object = near.store.known(key);
        let actor = near.store.mint().actor();
        let seen = seen_of(near, editing);
        let Change { mut gone, comes } = edit.change(&object, actor, seen.as_ref(), ttl_ms.is_some())?;
        if near.planted.has(Plant::AddAnew) && edit.datatype() == DataType::Counter {
            gone.clear();
        }
        if near.planted.has(Plant::RemoveUnseen) && edit.is_removal() {
            gone = object.dots().collect();
        }
        let size = comes.as_ref().map_or(0, |payload| payload.len());
        if size > self.settings.value_bytes_max {
            return Err(RequestError::TooLarge);
        }
        let stays = object.dots().zip(object.values()).filter(|(dot, _)| gone.binary_search(dot).is_err());
        let stays: usize = stays.map(|(_, version)| version.size()).sum();
        if comes.is_some() && stays + size > self.settings.object_bytes_max {
            return Err(RequestError::Full);
        }
        if object.context().counter(&actor) == 0 && object.context().len() >= ACTORS_MAX {
            return Err(RequestError::Full);
        }
        let wall = near.wall.trusted(near.now);
        let stamp = (edit.datatype() == DataType::Map && comes.is_some()).then(|| self.stamp(near, &object));
        let (expires, part) = (expiry(wall, *ttl_ms), edit.part());
        Ok((gone, comes.map(|payload| Version { payload, expires, stamp, part })))
    }
}

/// Whether this node holds what the edit has to have seen.
fn holds_enough(near: &Surroundings<'_>, editing: &Editing) -> bool {
    let is_seen = || {
        let held = near.store.context(&editing.key).unwrap_or_default();
        seen_of(near, editing).is_some_and(|seen| held.descends(&seen))
    };
    near.is_settled_owner(near.position(&editing.key)) && !editing.edit.is_removal() || is_seen()
}

/// What a removal is to have seen, as far as that is said.
fn seen_of(near: &Surroundings<'_>, editing: &Editing) -> Option<VersionVector> {
    let shown = || near.store.shown(&editing.key);
    editing.edit.is_removal().then(|| editing.context.clone().or_else(shown)).flatten()
}
