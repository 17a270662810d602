//! Saying again who this node is: whoever has a link with it and is not known has lost a hello, or its own was lost.
//! Or it is late, which looks the same: so it is said ever more rarely, and where answers take long, later. Each hello
//! is answered with all that is known, so too many of them are what a room that is late can bear least.

use alloc::collections::{BTreeMap, BTreeSet};

use super::Membership;
use crate::id::{Inserted, NodeId};
use crate::marks::Mark;
use crate::time::{Instant, Millis};
use crate::wire::Outbox;

/// Between the first two hellos that nothing came of; twice as long each time after.
const AGAIN_MS: Millis = 1_000;
/// How often that is doubled.
const DOUBLED_MAX: u32 = 4;

/// Links whose other end is not known, when it is next told who this is, and how often it was.
#[derive(Debug, Clone, Default)]
pub(super) struct Greetings(BTreeMap<NodeId, (Instant, u32)>);

impl Greetings {
    /// A link has closed.
    pub(super) fn forget(&mut self, link: NodeId) {
        self.0.remove(&link);
    }
}

impl Membership {
    /// Say who this is, where it is time, to all links whose other end is not known.
    pub(super) fn greet_again(&mut self, now: Instant, out: &mut Outbox) {
        let strangers: BTreeSet<NodeId> =
            self.links.iter().filter(|link| !self.members.contains_key(link)).copied().inserted();
        self.greetings.0.retain(|link, _| strangers.contains(link));
        strangers.into_iter().for_each(|link| self.greet_if_due(now, link, out));
    }

    /// The same to one of them.
    pub(super) fn greet_if_due(&mut self, now: Instant, link: NodeId, out: &mut Outbox) {
        let (first, pause) = (self.patience_ms(0), self.patience_ms(AGAIN_MS));
        let (next, times) = self.greetings.0.entry(link).or_insert((now + first, 0));
        if *next > now {
            return;
        }
        *next = now + (pause << (*times).min(DOUBLED_MAX));
        *times += 1;
        self.marks.hit(Mark::HelloAgain);
        out.push((link, self.hello()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::member;
    use super::*;
    use crate::wire::Message;
    use alloc::vec;

    /// When hellos were said within a minute to a stranger that never answers.
    fn greeted(a: &mut Membership) -> vec::Vec<u64> {
        let mut at = vec![];
        a.link_up(member(2).own().id(), &mut vec![]);
        while let Some(due) = a.poll_timeout().filter(|due| due.0 < 60_000) {
            let mut out = vec![];
            a.handle_timeout(due, &mut out);
            at.extend(out.iter().filter(|(_, message)| matches!(message, Message::Hello { .. })).map(|_| due.0));
        }
        at
    }

    #[test]
    fn a_stranger_is_greeted_again_ever_more_rarely() {
        let at = greeted(&mut member(1));
        assert!((5..=8).contains(&at.len()) && at[0] <= 1_000, "{at:?}");
        assert!(at.windows(2).all(|two| two[1] - two[0] >= 900), "{at:?}");
    }

    #[test]
    fn where_answers_take_long_it_is_first_waited_for_its_own() {
        let mut a = member(1);
        let b = member(2).own().id();
        a.round_trip.on_asked(Instant(0), b, 7);
        a.round_trip.on_answered(Instant(2_000), b, 7, 0);
        let at = greeted(&mut a);
        assert!(at.len() <= 4 && at[0] >= 6_000, "{at:?}");
    }

    #[test]
    fn what_is_remembered_of_a_greeting_goes_with_its_link() {
        let mut a = member(1);
        greeted(&mut a);
        assert_eq!(a.greetings.0.len(), 1);
        a.link_down(member(2).own().id(), false);
        assert!(a.greetings.0.is_empty());
    }
}
