//! What a put makes: the context it supersedes, its version, its dot. What becomes of it then is `writes`' business.
//!
//! The coordinator makes a time to live an absolute wall time, once, and stamps last-write-wins values; both are then
//! part of the version and the same for all. A put that cannot be made as it was asked for is refused before anything
//! is stored: a value that should expire and would not is worse than an error.
//!
//! A last-write-wins put supersedes, beside what its context covers, all that this node holds of the key. So a stamp of
//! the future loses against whoever has it before its eyes, or would have it if it looked: it cannot rule the key until
//! its time has come.

use super::writes::Order;
use super::{Coordinator, Keep, Made, Reply, Request, RequestError, Surroundings, TTL_MS_MAX, Terms, Waiting};
use crate::clock::{ACTORS_MAX, Context};
use crate::datatype::{DataType, Part};
use crate::id::{Key, RequestId};
use crate::marks::Mark;
use crate::planted::Plant;
use crate::time::WallTime;
use crate::wire::{Object, Payload, Version};

/// What an application asks to be put.
pub(super) struct Put {
    pub(super) key: Key,
    pub(super) value: Payload,
    pub(super) keep: Keep,
    pub(super) context: Option<Context>,
    pub(super) terms: Terms,
}

impl From<Put> for Request {
    fn from(Put { key, value, keep, context, terms }: Put) -> Request {
        Request::Put { key, value, keep, context, terms }
    }
}

impl Coordinator {
    pub(super) fn put(&mut self, near: &mut Surroundings<'_>, id: RequestId, put: Put) {
        let context = self.context_of(near, &put);
        if let Err(error) = self.judge(near, &put, &context) {
            return self.replies.push((id, Reply::Failed(error)));
        }
        if !near.store.is_ready(&put.key, &context) && !near.store.open_mint() {
            // The disk must first know that there will be dots; until then all requests wait, in their order.
            near.marks.hit(Mark::PutWaitsForMint);
            self.waiting.push_back((id, Waiting::Request(Request::from(put))));
            return;
        }
        let version = self.version(near, &put);
        let Put { key, terms, .. } = put;
        let (dot, changed) = near.store.put(&key, &context, version);
        near.changed.push((key.clone(), None, changed));
        self.made.push(Made { id, key: key.clone(), dot, context: context.clone(), is_delete: false });
        let mut seen = context;
        seen.see(dot);
        self.follow(near, Order { id, key, context: seen, terms, is_sure: true });
    }

    /// Whether it can be stored as it is asked for.
    fn judge(&self, near: &Surroundings<'_>, put: &Put, context: &Context) -> Result<(), RequestError> {
        if put.value.len() > self.settings.value_bytes_max {
            return Err(RequestError::TooLarge);
        }
        if put.keep.ttl_ms.is_some_and(|ttl_ms| ttl_ms == 0 || ttl_ms > TTL_MS_MAX) {
            return Err(RequestError::TimeToLive);
        }
        if put.keep.ttl_ms.is_some() && near.wall.trusted(near.now).is_none() {
            return Err(RequestError::TimeUnknown);
        }
        let none = Object::new();
        let held = near.store.object(&put.key).unwrap_or(&none);
        let kept = held.dots().zip(held.values()).filter(|(dot, _)| !context.covers(dot));
        let kept: usize = kept.map(|(_, version)| version.size()).sum();
        let actors = held.context().union_len(context);
        if kept + put.value.len() > self.settings.object_bytes_max || actors >= ACTORS_MAX {
            return Err(RequestError::TooManySiblings);
        }
        Ok(())
    }

    /// What it supersedes: what it was given, or what the application was shown of the key, or, if it never was, what
    /// this node holds.
    fn context_of(&self, near: &Surroundings<'_>, put: &Put) -> Context {
        let held = || near.store.seen(&put.key);
        let shown = || self.shown.get(&put.key).filter(|_| !near.planted.has(Plant::SupersedeUnseen)).cloned();
        let mut context = put.context.clone().or_else(shown).or_else(held).unwrap_or_default();
        if put.keep.datatype == DataType::LastWriteWins && !near.planted.has(Plant::LwwByStampAlone) {
            held().iter().for_each(|held| context.merge(held));
        }
        context
    }

    fn version(&mut self, near: &Surroundings<'_>, put: &Put) -> Version {
        let wall = near.wall.trusted(near.now);
        let expires = put.keep.ttl_ms.zip(wall).map(|(ttl_ms, wall)| WallTime(wall.0.saturating_add(ttl_ms)));
        let stamp = (put.keep.datatype == DataType::LastWriteWins).then(|| {
            let held = [near.store.object(&put.key), near.store.copy(&put.key)].into_iter().flatten();
            let held = held.flat_map(|object| object.values());
            held.filter_map(|version| version.stamp).for_each(|stamp| self.hybrid.observe(stamp, wall));
            self.hybrid.tick(wall)
        });
        Version { payload: put.value.clone(), expires, stamp, part: Part::Whole }
    }
}
