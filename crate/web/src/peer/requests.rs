//! Who waits for what: the application's requests by number, and those who wait for a state of the node.

use std::collections::BTreeMap;
use std::rc::Rc;

use roundtable_core::coordinator::Reply;
use roundtable_core::id::RequestId;
use roundtable_core::membership::Status;
use roundtable_core::node::{MemberView, View};

/// What whoever asked is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The node's reply.
    Reply(Reply),
    /// The node was closed; there will be no more.
    Closed,
}

/// Called with each answer.
pub type OnAnswer = Rc<dyn Fn(Answer)>;

/// Open requests.
#[derive(Default)]
pub(super) struct Requests {
    last: u64,
    open: BTreeMap<u64, OnAnswer>,
}

impl Requests {
    /// Give a new request its number.
    pub(super) fn begin(&mut self, on_answer: OnAnswer) -> RequestId {
        self.last += 1;
        self.open.insert(self.last, on_answer);
        RequestId(self.last)
    }

    /// Whom to tell of a reply. A request whose last reply this is, is forgotten.
    pub(super) fn route(
        &mut self,
        id: RequestId,
        reply: &Reply,
        is_watch: impl Fn(RequestId) -> bool,
    ) -> Option<OnAnswer> {
        let last = match reply {
            Reply::Receipt(receipt) => receipt.ended.is_some(),
            Reply::Read(_) => !is_watch(id),
            Reply::Changes(_) => false,
            Reply::Keys(_) | Reply::Left { .. } | Reply::Adopted | Reply::Failed(_) => true,
            Reply::Pinned | Reply::Unpinned(_) => true,
        };
        if last { self.open.remove(&id.0) } else { self.open.get(&id.0).cloned() }
    }

    /// Forget a request; whether it was open.
    pub(super) fn end(&mut self, id: RequestId) -> bool {
        self.open.remove(&id.0).is_some()
    }

    /// Forget all of them, and say who they were.
    pub(super) fn end_all(&mut self) -> Vec<OnAnswer> {
        core::mem::take(&mut self.open).into_values().collect()
    }
}

/// A state that one can wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// So many members are linked and there. A link whose other end is not known as a member yet, or from an earlier
    /// life alone, does not count: whoever waits for peers will ask something of them next.
    Linked(usize),
    /// Nothing this node holds waits for another.
    Settled,
}

impl Condition {
    fn holds(self, view: View<'_>) -> bool {
        match self {
            Condition::Linked(peers) => {
                let is_there = |status| matches!(status, Status::Joining | Status::Up | Status::Leaving);
                let is_peer = |member: &MemberView| member.linked && !member.me && is_there(member.status);
                view.links() >= peers && view.members().iter().filter(|member| is_peer(member)).count() >= peers
            }
            Condition::Settled => view.settled(),
        }
    }
}

/// Called once: the condition holds (true), or never will because the node was closed.
pub type OnCondition = Rc<dyn Fn(bool)>;

/// Those who wait for a condition.
#[derive(Default)]
pub(super) struct Conditions {
    last: u64,
    waiting: BTreeMap<u64, (Condition, OnCondition)>,
}

impl Conditions {
    /// Wait for a condition.
    pub(super) fn begin(&mut self, condition: Condition, on_condition: OnCondition) -> u64 {
        self.last += 1;
        self.waiting.insert(self.last, (condition, on_condition));
        self.last
    }

    /// Wait no longer.
    pub(super) fn end(&mut self, id: u64) {
        self.waiting.remove(&id);
    }

    /// Those whose condition holds now; they are forgotten.
    pub(super) fn take_met(&mut self, view: View<'_>) -> Vec<OnCondition> {
        self.waiting
            .extract_if(.., |_, (condition, _)| condition.holds(view))
            .map(|(_, (_, waiting))| waiting)
            .collect()
    }

    /// All of them; they are forgotten.
    pub(super) fn end_all(&mut self) -> Vec<OnCondition> {
        core::mem::take(&mut self.waiting).into_values().map(|(_, waiting)| waiting).collect()
    }
}
