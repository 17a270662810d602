//! Who can be asked something: whoever has a link with this node and, in a room where not everybody has one with
//! everybody, whoever others can bring it to.
//!
//! Which of the two a room is, and who is out of reach, is decided by `overlay` and told here, for it is here that all
//! ask. Out of reach is what one node finds of its own ways, never a rumour: it says nothing of whether a member lives.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::{Member, Membership};
use crate::id::NodeId;
use crate::wire::Outbox;

/// How many neighbours by node id, to each side, everybody keeps a link with in a large room. They know best whether a
/// node is there.
pub const RING_NEIGHBOURS: usize = 3;

/// Over whom this node reaches others.
#[derive(Debug, Clone, Default)]
pub(super) struct Reach {
    /// The room is too large for links between all.
    is_sparse: bool,
    /// Without a link, and nothing comes back from them over others.
    lost: BTreeSet<NodeId>,
}

impl Membership {
    /// Whether the room is too large for links between all, so that others are asked to pass things on.
    pub fn is_sparse(&self) -> bool {
        self.reach.is_sparse
    }

    /// The room has become too large for links between all, or small enough.
    pub fn set_sparse(&mut self, is_sparse: bool) {
        if self.reach.is_sparse != is_sparse {
            self.reach = Reach { is_sparse, lost: BTreeSet::new() };
            self.revised_all();
        }
    }

    /// Nothing comes back from this node over others; or something has.
    pub fn set_lost(&mut self, id: NodeId, is_lost: bool) {
        let is_news = if is_lost { self.reach.lost.insert(id) } else { self.reach.lost.remove(&id) };
        if is_news {
            self.revised(id);
        }
    }

    /// Which life of this node this is: another after each start.
    pub fn life(&self) -> u32 {
        self.life
    }

    /// Whether a member is thought to answer, and has not said that it is gone for good.
    pub fn is_here(&self, id: NodeId) -> bool {
        self.members.get(&id).is_some_and(Member::is_there)
    }

    /// Ask a member whether it is there, without holding anything against it.
    pub fn ask(&mut self, id: NodeId, out: &mut Outbox) {
        let seq = self.probing.number();
        out.push(self.ping(id, seq));
    }

    /// Whether nothing has come back from this node over others for a while.
    pub fn is_lost(&self, id: NodeId) -> bool {
        self.reach.lost.contains(&id)
    }

    /// Whether something that is sent to this node may arrive, whatever is thought of it.
    pub fn reaches(&self, id: NodeId) -> bool {
        self.links.contains(&id) || self.is_passed_on(id)
    }

    /// Whether what is for this node may arrive over others.
    pub(super) fn is_passed_on(&self, id: NodeId) -> bool {
        let is_far = self.is_far(id);
        is_far && !self.links.is_empty() && !self.reach.lost.contains(&id)
    }

    /// Whether it is for others to find out whether this node is there: the room is large, and there is no link.
    pub(super) fn is_far(&self, id: NodeId) -> bool {
        self.reach.is_sparse && !self.links.contains(&id)
    }

    /// Whether requests may be sent to this node now: it can be reached and is not thought to be away.
    pub fn answers(&self, id: NodeId) -> bool {
        self.members.get(&id).is_some_and(Member::is_there) && self.reaches(id)
    }

    /// In a large room: the members next to this one by node id who can be asked, nearest first, this node left out.
    /// They have, or have just had, a link with it.
    pub(super) fn neighbours_of(&self, id: NodeId) -> Vec<NodeId> {
        let is_asked =
            |(other, member): &(&NodeId, &Member)| **other != id && member.is_there() && self.reaches(**other);
        let after = self.members.range(id..).chain(self.members.range(..id)).filter(is_asked);
        let before = self.members.range(..id).rev().chain(self.members.range(id..).rev()).filter(is_asked);
        let (after, before) = (after.map(|(id, _)| *id), before.map(|(id, _)| *id));
        let mut found = Vec::new();
        for (one, other) in after.zip(before).take(RING_NEIGHBOURS) {
            for id in [one, other] {
                if !found.contains(&id) {
                    found.push(id);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::met_without_a_link;
    use crate::membership::Status;
    use crate::time::Instant;
    use crate::wire::{Message, Word};
    use alloc::vec;

    #[test]
    fn in_a_large_room_others_bring_it_as_long_as_there_is_a_link_at_all() {
        let (mut a, b, relay) = met_without_a_link();
        let b = b.me;
        assert!(!a.answers(b) && a.answering().eq([relay]));
        a.set_sparse(true);
        assert!(a.answers(b) && a.answering().count() == 2);
        a.set_lost(b, true);
        assert!(!a.answers(b) && a.is_here(b));
        a.set_lost(b, false);
        a.link_down(relay, true);
        assert!(!a.answers(b) && a.answering().count() == 0);
    }

    /// Let a probe of the other run out, while whoever is asked about it says this.
    fn probed(word: Option<Word>) -> Option<Status> {
        let (mut a, b, relay) = met_without_a_link();
        a.set_sparse(true);
        // Who has just been heard of is left in peace for ten seconds.
        let hear = |a: &mut super::Membership, until: u64| {
            while let Some(due) = a.poll_timeout().filter(|due| *due < Instant(until)) {
                a.handle_timeout(due.max(Instant(1)), &mut vec![]);
                a.on_heard(due.max(Instant(1)), relay, &mut vec![]);
            }
        };
        hear(&mut a, 10_001);
        a.probing.hurry(b.me);
        let mut enquiries = 0;
        while let Some(due) = a.poll_timeout().filter(|due| *due < Instant(18_000)) {
            let (mut out, now) = (vec![], due.max(Instant(1)));
            a.handle_timeout(now, &mut out);
            a.on_heard(now, relay, &mut vec![]);
            for (to, message) in out {
                if let (true, Message::Enquire { seq, target }) = (to == relay, message)
                    && target == b.me
                {
                    enquiries += 1;
                    word.into_iter().for_each(|word| a.on_vouch(now, relay, seq, target, word, &mut vec![]));
                }
            }
        }
        assert!(enquiries > 0, "nobody was asked");
        a.status(b.me)
    }

    #[test]
    fn that_nobody_says_anything_of_a_node_without_a_link_is_held_against_nobody() {
        assert_eq!(probed(None), Some(Status::Up));
        assert_eq!(probed(Some(Word::Alive)), Some(Status::Up));
        assert_eq!(probed(Some(Word::Silent)), Some(Status::Suspect));
    }
}
