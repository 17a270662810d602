//! The end of all requests: a node that leaves goes on answering until it has handed everything off, and then answers
//! no more. A request to leave waits for the puts that were made before it; the node carries it out.

use alloc::vec::Vec;

use super::reads::Reader;
use super::{Coordinator, Reply, RequestError};
use crate::id::RequestId;
use crate::time::{Instant, Millis};

impl Coordinator {
    pub(super) fn leave(&mut self, now: Instant, id: RequestId, timeout_ms: Option<Millis>) {
        self.leaves.push((id, now + timeout_ms.unwrap_or(self.settings.leave_timeout_ms)));
    }

    /// Requests to leave since the last call, with their deadlines.
    pub fn take_leaves(&mut self) -> Vec<(RequestId, Instant)> {
        core::mem::take(&mut self.leaves)
    }

    /// Whether a write lies here whose application has not heard of it yet.
    pub fn owes_receipts(&self) -> bool {
        self.writes.values().any(|write| !write.is_told())
    }

    /// This node has left: what has not been done is refused, and whatever is asked from now on.
    pub fn close(&mut self) {
        self.is_closed = true;
        let waiting = core::mem::take(&mut self.waiting).into_iter().map(|(id, _)| id);
        let reads = core::mem::take(&mut self.reads).into_values().filter_map(|read| match read.reader {
            Reader::Get(id) | Reader::Delete(id, _) | Reader::Edit(id, _) if !read.is_answered => Some(id),
            _ => None,
        });
        let listings = core::mem::take(&mut self.listings).into_values().map(|listing| listing.id);
        let leaves = core::mem::take(&mut self.leaves).into_iter().map(|(id, _)| id);
        let refused = waiting.chain(reads).chain(listings).chain(leaves);
        self.replies.extend(refused.map(|id| (id, Reply::Failed(RequestError::Closed))));
    }
}
