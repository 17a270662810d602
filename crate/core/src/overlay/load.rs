//! How much is passed on for one neighbour: so much in a second, and no more, so that one who floods others costs a
//! relay no more than this. What is remembered is a count for each link.

use alloc::collections::BTreeMap;

use crate::id::NodeId;
use crate::marks::{Mark, Marks};
use crate::time::{Instant, Millis};
use crate::wire::WireError;

const SPAN_MS: Millis = 1_000;

/// How much is passed on for one neighbour in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// How many messages.
    pub messages: u32,
    /// How many bytes.
    pub bytes: u64,
}

impl Default for Load {
    fn default() -> Load {
        Load { messages: 2_000, bytes: 4 * 1024 * 1024 }
    }
}

/// What was passed on for each neighbour, since when.
#[derive(Debug, Clone, Default)]
pub(super) struct Loads {
    taken: BTreeMap<NodeId, (Instant, Load)>,
    most: Load,
}

impl Loads {
    pub(super) fn new(most: Load) -> Loads {
        Loads { most, ..Loads::default() }
    }

    /// A link has closed.
    pub(super) fn forget(&mut self, link: NodeId) {
        self.taken.remove(&link);
    }

    /// A message of so many bytes is to be passed on; it is refused if that is too much.
    pub(super) fn take(&mut self, now: Instant, link: NodeId, bytes: u64, marks: &Marks) -> Result<(), WireError> {
        let (since, load) = self.taken.entry(link).or_insert((now, Load { messages: 0, bytes: 0 }));
        if now.since(*since) >= SPAN_MS {
            (*since, *load) = (now, Load { messages: 0, bytes: 0 });
        }
        if load.messages >= self.most.messages || load.bytes + bytes > self.most.bytes {
            marks.hit(Mark::RelayRefuses);
            return Err(WireError::Limit);
        }
        load.messages += 1;
        load.bytes += bytes;
        Ok(())
    }
}
