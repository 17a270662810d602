//! To whom requests may be sent, kept up with each change, so that none is looked for among all members: in a room of
//! hundreds a death is claimed, confirmed and believed in steps, and none of them says anything of anybody else.
//!
//! Whatever changes a member, or the way to it, names it: [`Membership::revised`]. What is the same for all, the kind
//! of room and whether there is a link at all, names everybody.

use alloc::collections::BTreeSet;

use super::Membership;
use crate::id::{Inserted, NodeId};

/// Who answers, and who has begun or ceased to since that was last asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Answering {
    now: BTreeSet<NodeId>,
    turned: BTreeSet<NodeId>,
}

impl Answering {
    fn set(&mut self, id: NodeId, answers: bool) {
        let is_news = if answers { self.now.insert(id) } else { self.now.remove(&id) };
        // One that has turned twice is where it was.
        if is_news && !self.turned.remove(&id) {
            self.turned.insert(id);
        }
    }
}

impl Membership {
    /// All to whom requests may be sent now, in the order of their ids.
    pub fn answering(&self) -> impl ExactSizeIterator<Item = NodeId> + '_ {
        self.answering.now.iter().copied()
    }

    /// The same, by a look at everybody: what the other is checked against.
    pub(crate) fn answering_anew(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.members.keys().copied().filter(|id| self.answers(*id))
    }

    /// Who has begun to answer since the last call, and who has ceased to, in the order of their ids.
    pub fn take_turned(&mut self) -> BTreeSet<NodeId> {
        core::mem::take(&mut self.answering.turned)
    }

    /// Something is known of this member that was not, or it is reached otherwise than it was.
    pub(super) fn revised(&mut self, id: NodeId) {
        self.revision += 1;
        self.answering.set(id, self.answers(id));
        self.file_fading(id);
        self.file_departing(id);
    }

    /// The same, and its line in the digest is another one.
    pub(super) fn revised_line(&mut self, id: NodeId) {
        self.hashed = None;
        self.revised(id);
    }

    /// A link with this node has opened or closed. With the first one, and without the last, all others are reached
    /// over others, or no longer.
    pub(super) fn revised_link(&mut self, id: NodeId) {
        if self.is_sparse() && self.links.iter().all(|link| *link == id) {
            self.revised_all();
        } else {
            self.revised(id);
        }
    }

    /// Of everybody something may be otherwise than it was.
    pub(super) fn revised_all(&mut self) {
        self.revision += 1;
        let now: BTreeSet<NodeId> = self.answering_anew().inserted();
        let turned: BTreeSet<NodeId> = self.answering.now.symmetric_difference(&now).copied().inserted();
        turned.into_iter().for_each(|id| self.answering.set(id, now.contains(&id)));
        self.file_all_fading();
        self.file_all_departing();
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{member, met, met_without_a_link};
    use alloc::vec;

    #[test]
    fn who_has_turned_is_told_once_and_not_if_it_has_turned_back() {
        let (mut a, mut b) = (member(1), member(2));
        met(&mut a, &mut b);
        let b = b.me;
        assert!(a.take_turned().into_iter().eq([b]) && a.take_turned().is_empty());
        a.link_down(b, false);
        a.link_up(b, &mut vec![]);
        assert!(a.take_turned().is_empty());
        a.link_down(b, false);
        assert!(a.take_turned().into_iter().eq([b]) && a.answering().len() == 0);
    }

    #[test]
    fn in_a_large_room_all_turn_with_the_last_link_and_the_first() {
        let (mut a, b, relay) = met_without_a_link();
        a.set_sparse(true);
        let both = a.take_turned();
        assert!(both.contains(&b.me) && both.contains(&relay));
        a.link_down(relay, true);
        assert_eq!((a.take_turned(), a.answering().len()), (both.clone(), 0));
        a.link_up(relay, &mut vec![]);
        assert_eq!((a.take_turned(), a.answering().len()), (both, 2));
    }
}
