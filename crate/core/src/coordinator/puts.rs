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
use crate::datatype::{DataType, Part, Stamp};
use crate::id::{Key, RequestId};
use crate::marks::Mark;
use crate::planted::Plant;
use crate::time::{Millis, WallTime};
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
        let mut held = near.store.object(&put.key);
        if let Some(copy) = near.store.copy(&put.key).cloned() {
            held.get_or_insert_default().sync(&copy);
        }
        let context = context_of(near, &put, held.as_ref());
        let held = held.unwrap_or_default();
        if let Err(error) = self.judge(near, &put, &held, &context) {
            return self.replies.push((id, Reply::Failed(error)));
        }
        if !near.store.is_ready(&put.key, &context) && !near.store.open_mint() {
            // The disk must first know that there will be dots; until then all requests wait, in their order.
            near.marks.hit(Mark::PutWaitsForMint);
            self.waiting.push_back((id, Waiting::Request(Request::from(put))));
            return;
        }
        let version = self.version(near, &put, &held);
        let Put { key, terms, .. } = put;
        let (dot, changed) = near.store.put(&key, &context, version);
        near.changed.push((key.clone(), None, changed));
        self.made.push(Made { id, key: key.clone(), dot, context: context.clone(), is_delete: false, gone: None });
        let mut seen = context;
        seen.see(dot);
        near.store.show(&key, &seen);
        self.follow(near, Order { id, key, context: seen, terms, is_sure: true });
    }

    /// Whether it can be stored as it is asked for.
    fn judge(&self, near: &Surroundings<'_>, put: &Put, held: &Object, context: &Context) -> Result<(), RequestError> {
        if put.value.len() > self.settings.value_bytes_max {
            return Err(RequestError::TooLarge);
        }
        judge_ttl(near, put.keep.ttl_ms)?;
        let is_whole = matches!(put.keep.datatype, DataType::Register | DataType::LastWriteWins);
        if !is_whole || held.values().any(|version| version.part != Part::Whole) {
            return Err(RequestError::OtherType);
        }
        let kept = held.dots().zip(held.values()).filter(|(dot, _)| !context.covers(dot));
        let kept: usize = kept.map(|(_, version)| version.size()).sum();
        let actors = held.context().union_len(context);
        if kept + put.value.len() > self.settings.object_bytes_max || actors >= ACTORS_MAX {
            return Err(RequestError::TooManySiblings);
        }
        Ok(())
    }

    fn version(&mut self, near: &Surroundings<'_>, put: &Put, held: &Object) -> Version {
        let wall = near.wall.trusted(near.now);
        let stamp = (put.keep.datatype == DataType::LastWriteWins).then(|| self.stamp(near, held));
        Version { payload: put.value.clone(), expires: expiry(wall, put.keep.ttl_ms), stamp, part: Part::Whole }
    }

    /// A stamp that is later than those held of a key.
    pub(super) fn stamp(&mut self, near: &Surroundings<'_>, held: &Object) -> Stamp {
        let wall = near.wall.trusted(near.now);
        held.values().filter_map(|version| version.stamp).for_each(|stamp| self.hybrid.observe(stamp, wall));
        self.hybrid.tick(wall)
    }
}

/// When something expires that is given a time to live now.
pub(super) fn expiry(wall: Option<WallTime>, ttl_ms: Option<Millis>) -> Option<WallTime> {
    ttl_ms.zip(wall).map(|(ttl_ms, wall)| WallTime(wall.0.saturating_add(ttl_ms)))
}

/// Whether a value can be given this time to live here and now.
pub(super) fn judge_ttl(near: &Surroundings<'_>, ttl_ms: Option<Millis>) -> Result<(), RequestError> {
    match ttl_ms {
        Some(ttl_ms) if ttl_ms == 0 || ttl_ms > TTL_MS_MAX => Err(RequestError::TimeToLive),
        Some(_) if near.wall.trusted(near.now).is_none() => Err(RequestError::TimeUnknown),
        _ => Ok(()),
    }
}

/// What a put supersedes: what it was given, or what the application was shown of the key, or, if it never was, what
/// this node holds.
fn context_of(near: &Surroundings<'_>, put: &Put, held: Option<&Object>) -> Context {
    let held = held.map(Object::context);
    let shown = || near.store.shown(&put.key).filter(|_| !near.planted.has(Plant::SupersedeUnseen));
    let mut context = put.context.clone().or_else(shown).or_else(|| held.cloned()).unwrap_or_default();
    if put.keep.datatype == DataType::LastWriteWins && !near.planted.has(Plant::LwwByStampAlone) {
        held.into_iter().for_each(|held| context.merge(held));
    }
    context
}
