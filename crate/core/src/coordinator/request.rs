//! What an application asks of its node and what it is told: requests, levels, receipts, reads.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use crate::clock::Context;
use crate::datatype::{DataType, Edit, EditError};
use crate::id::{Key, NodeId, Pin};
use crate::store::PersistError;
use crate::time::Millis;
use crate::wire::Payload;

/// How many of the room's N copies a request waits for. It is a matter of the room's N, never of those present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Durable on this node; for a read: what this node holds.
    Local,
    /// One node other than this.
    One,
    /// A majority of N: `floor(N / 2) + 1`.
    Quorum,
    /// All N.
    All,
    /// So many of the N; at least 1, at most N is ever needed.
    Count(u8),
}

impl Level {
    /// How many must answer, in a room that keeps `n` copies. For `Local` that one is this node itself.
    pub fn needed(self, n: u8) -> u8 {
        match self {
            Level::Local | Level::One => 1,
            Level::Quorum => n / 2 + 1,
            Level::All => n,
            Level::Count(count) => count.clamp(1, n.max(1)),
        }
    }
}

/// Terms of one request; what is `None` is the node's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    /// How many must answer.
    pub level: Option<Level>,
    /// When to answer with what was reached, in milliseconds.
    pub timeout_ms: Option<Millis>,
}

/// The longest time to live, in milliseconds: ten years. Whoever means more means no expiry.
pub const TTL_MS_MAX: Millis = 3_653 * 24 * 60 * 60 * 1_000;

/// How a value is kept; by default, as one of the key's siblings until something supersedes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keep {
    /// By which law it is merged with concurrent values: a register, or the last write wins. What else there is is not
    /// put but edited, by [`Request::Edit`].
    pub datatype: DataType,
    /// When it expires, in milliseconds from now by the wall clock: 1 to [`TTL_MS_MAX`]. `None`: never.
    pub ttl_ms: Option<Millis>,
}

/// What an application asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Store a value. Answered by [`Reply::Receipt`], at first when the level is met or cannot be, then each time it
    /// rises.
    Put {
        /// Where.
        key: Key,
        /// What.
        value: Payload,
        /// How it is kept.
        keep: Keep,
        /// What this write supersedes; `None`: what the application was shown of the key, or else what this node holds.
        context: Option<Context>,
        /// When it counts as done.
        terms: Terms,
    },
    /// Delete what the context covers. Without a context and never shown the key, it reads at the node's `r` first.
    Delete {
        /// Where.
        key: Key,
        /// What this delete supersedes.
        context: Option<Context>,
        /// When it counts as done.
        terms: Terms,
    },
    /// Edit a counter, a set or a map. Answered as a put is. A node that does not own the key reads it first, at its
    /// `r`, unless the level is [`Level::Local`]; so does whoever takes something away and does not hold all that this
    /// is to have seen.
    Edit {
        /// Where.
        key: Key,
        /// What is done.
        edit: Edit,
        /// When what it writes expires, as for a put.
        ttl_ms: Option<Millis>,
        /// For what takes something away: what that was seen of the key. `None`: what the application was shown of it,
        /// or else what the owners hold.
        context: Option<Context>,
        /// When it counts as done.
        terms: Terms,
    },
    /// Read a key. Answered once by [`Reply::Read`].
    Get {
        /// Where.
        key: Key,
        /// How many must answer.
        terms: Terms,
    },
    /// The keys of a bucket that begin with a prefix and are not deleted. Answered once by [`Reply::Keys`].
    Keys {
        /// Of which bucket.
        bucket: String,
        /// Those that begin so; empty for all.
        prefix: String,
        /// How many owners of every arc must answer.
        terms: Terms,
    },
    /// Be told of a key: at once what this node holds, then every change that reaches it, and once when a quorum has
    /// answered. Answered by [`Reply::Read`] until cancelled.
    Watch {
        /// Which.
        key: Key,
    },
    /// Be told of all keys of a bucket that begin with a prefix: at once what this node holds, then every change. What
    /// others own of them is kept here for as long. Answered by [`Reply::Changes`] until cancelled.
    WatchAll {
        /// Of which keys.
        pin: Pin,
    },
    /// Keep this here from now on, whoever owns it: over restarts, until [`Request::Unpin`]. Answered once by
    /// [`Reply::Pinned`]; what others own of it comes in the background.
    Pin {
        /// What.
        pin: Pin,
    },
    /// Keep it here no longer, unless this node owns it. Answered once by [`Reply::Unpinned`].
    Unpin {
        /// What.
        pin: Pin,
    },
    /// Hand everything off, then depart for good. Answered once by [`Reply::Left`]; a second one, while the first is
    /// under way, shares its outcome.
    Leave {
        /// When it is called off.
        timeout_ms: Option<Millis>,
    },
}

/// What an application is told of a request. All but the first reply to a put are its receipt rising.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Of a put, an edit or a delete.
    Receipt(Receipt),
    /// Of a get or a watch.
    Read(ReadReply),
    /// Of a listing.
    Keys(KeysReply),
    /// Of a watch of many keys: those that changed, in the order of their names; the first time all that are held, even
    /// none.
    Changes(Vec<Change>),
    /// Of a pin.
    Pinned,
    /// The end of a pin: so many copies were dropped.
    Unpinned(usize),
    /// Of a leave.
    Left {
        /// All that was held here is durable on other devices, and this node has departed: its database may be deleted,
        /// and every further request is [`RequestError::Closed`]. False: it is still a member and holds what it held,
        /// for nobody on another device was there to take it, or not in time.
        handed_off: bool,
    },
    /// What a closed tab left is durable here, and it has departed: its database may be deleted.
    Adopted,
    /// The request could not be carried out.
    Failed(RequestError),
}

/// What a get or a watch found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadReply {
    /// Whether as many owners answered as the level needs.
    pub met: bool,
    /// How many the level needs.
    pub needed: u8,
    /// Which nodes' answers are in it, in the order of their ids.
    pub answered: Vec<NodeId>,
    /// What has been seen: hand it to the write that supersedes this.
    pub context: Context,
    /// Every concurrent value, in the order of their dots: the same on every node. Of last-write-wins values only the
    /// latest; of a counter, a set or a map the one that it makes. Empty: not found, deleted, or expired.
    pub siblings: Vec<Payload>,
    /// Of which types these are: more than one if nodes disagree about the bucket.
    pub datatypes: BTreeSet<DataType>,
}

/// One key that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its name within the bucket.
    pub key: String,
    /// What this node holds of it; nobody was asked.
    pub read: ReadReply,
}

/// How far a write has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// What this write has seen, itself included. An edit has seen itself alone.
    pub context: Context,
    /// What was asked for.
    pub requested: Level,
    /// How many owners that means.
    pub needed: u8,
    /// Whether so many have it on disk.
    pub met: bool,
    /// The highest level that is met.
    pub reached: Reached,
    /// The owners that have it on disk, in the order of their ids.
    pub owners: Vec<NodeId>,
    /// The fallbacks that have it on disk for a suspect owner.
    pub fallbacks: Vec<NodeId>,
    /// On how many devices it is on disk, this one included.
    pub devices: u8,
    /// Why nothing more will be said of it; `None` while it can still rise.
    pub ended: Option<Ended>,
}

/// The highest level that a write has met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// On this node's disk.
    Local,
    /// On one other node's.
    One,
    /// On a majority of N.
    Quorum,
    /// On all N.
    All,
}

/// Why a receipt stopped rising.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All N owners have it.
    Complete,
    /// A later write from here has taken its place; follow that one's receipt.
    Superseded,
}

/// What a listing found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysReply {
    /// Whether every arc had as many answers as the level needs.
    pub met: bool,
    /// How many owners of an arc the level needs.
    pub needed: u8,
    /// Which nodes answered, in the order of their ids.
    pub answered: Vec<NodeId>,
    /// Names within the bucket, in the order of their UTF-8 bytes.
    pub keys: Vec<String>,
}

/// Why a request could not be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestError {
    /// The value is larger than the node accepts; nothing was stored.
    TooLarge,
    /// The key has so many concurrent values that one more would not fit a message; read it and write one that
    /// supersedes them.
    TooManySiblings,
    /// The counter, set or map is as large as it may be, or has as many writers; nothing was stored.
    Full,
    /// The key holds a value of another type; nothing was stored.
    OtherType,
    /// It can be no part of a value of its type: it nests too deep, or makes a sum beyond what a number can be. Nothing
    /// was stored.
    Value,
    /// The time to live is zero or longer than [`TTL_MS_MAX`]; nothing was stored.
    TimeToLive,
    /// The value is to expire, and this node does not know the time: its clock has jumped by more than a day, and no
    /// node of another device has confirmed it. Nothing was stored; set the clock right, or put without a time to live.
    TimeUnknown,
    /// The quota is full: the write is in memory and may still reach others, but is not durable here.
    Quota,
    /// The disk failed: the write is in memory and may still reach others, but is not durable here.
    Storage,
    /// This node has left for good; nothing was stored.
    Closed,
    /// So much is pinned that nothing more can be; unpin something first.
    TooManyPins,
}

impl From<EditError> for RequestError {
    fn from(error: EditError) -> RequestError {
        match error {
            EditError::OtherType => RequestError::OtherType,
            EditError::Value => RequestError::Value,
        }
    }
}

impl From<PersistError> for RequestError {
    fn from(reason: PersistError) -> RequestError {
        match reason {
            PersistError::Quota => RequestError::Quota,
            PersistError::Failed => RequestError::Storage,
        }
    }
}
