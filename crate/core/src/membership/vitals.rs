//! How everybody is doing: each node tells its own vitals to those it is linked with, and remembers theirs.
//!
//! They ride beside the records, not in them: a record is signed and spreads to all whenever it changes, and these
//! change with every write. A node looks at itself every other tick of its probes, tells its links when something has
//! changed, and repeats it every ten seconds, for a frame may be lost. Who has many links does so less often: whatever
//! the room, these are at most three frames a second. So at rest they cost a few bytes a second, and what has changed
//! is known within five seconds where ten are linked, within ten where 24 are.
//!
//! Invariants: what is told of a node comes from that node; of two tellings of one incarnation the one with the higher
//! number holds; nobody is remembered who is no member, so that the members' limit bounds this too.

use alloc::collections::BTreeMap;

use super::Membership;
use crate::id::NodeId;
use crate::time::{Instant, Millis};
use crate::wire::{DiskState, Message, Outbox, Told, Vitals, WireError};

/// How often a node looks at itself, at most; and how often for each link, where that is less often.
const PERIOD_MS: Millis = 2_000;
const PERIOD_A_LINK_MS: Millis = 400;
/// How often it says again what has not changed.
const REPEAT_MS: Millis = 10_000;

/// What was last heard of a member.
#[derive(Debug, Clone, Copy)]
struct Known {
    incarnation: u64,
    number: u32,
    vitals: Vitals,
    heard: Instant,
}

/// Who said what of itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Telling {
    /// This node's own, as it was last told, under a number that rises; and when.
    own: Option<(u32, Vitals, Instant)>,
    looked: Option<Instant>,
    /// It is time to look again.
    pub(super) is_wanted: bool,
    others: BTreeMap<NodeId, Known>,
}

impl Telling {
    /// A tick of the probes. Without a link there is nobody to be told.
    pub(super) fn on_tick(&mut self, now: Instant, links: usize, patience_ms: impl Fn(Millis) -> Millis) {
        let period_ms = patience_ms(PERIOD_MS.max(PERIOD_A_LINK_MS * links as Millis));
        self.is_wanted |= links > 0 && self.looked.is_none_or(|looked| now.since(looked) >= period_ms);
    }
}

impl Membership {
    /// Whether this node is to look at how it is doing: it is time, and there is somebody to be told.
    pub fn wants_vitals(&mut self) -> bool {
        core::mem::take(&mut self.telling.is_wanted)
    }

    /// How this node is doing now. All linked are told if it is news to them.
    pub fn tell_vitals(&mut self, now: Instant, vitals: Vitals, out: &mut Outbox) {
        self.telling.looked = Some(now);
        let number = match self.telling.own {
            Some((_, told, at)) if told.is_near(&vitals) && now.since(at) < REPEAT_MS => return,
            Some((number, told, _)) => number.saturating_add(u32::from(told != vitals)),
            None => 1,
        };
        self.telling.own = Some((number, vitals, now));
        let message = self.own_vitals();
        out.extend(self.links.iter().flat_map(|&link| message.clone().map(|message| (link, message))));
    }

    /// What this node last told of itself, for whoever has not heard it.
    pub(super) fn own_vitals(&self) -> Option<Message> {
        let incarnation = self.own.record().incarnation;
        self.telling.own.map(|(number, vitals, _)| Message::Vitals { of: self.me, incarnation, number, vitals })
    }

    /// Somebody tells how a node is doing. Only that node itself is believed.
    pub fn on_vitals(
        &mut self,
        now: Instant,
        from: NodeId,
        of: NodeId,
        (incarnation, number): (u64, u32),
        vitals: Vitals,
    ) -> Result<(), WireError> {
        if of != from {
            return Err(WireError::Forged);
        }
        // One that has just come may be ahead of its record, or behind it: it says it again.
        if self.members.get(&of).is_none_or(|member| member.incarnation() != incarnation) {
            return Ok(());
        }
        let is_old = |known: &Known| known.incarnation == incarnation && known.number > number;
        if !self.telling.others.get(&of).is_some_and(is_old) {
            // Members are shown with it.
            self.revision += u64::from(self.disk(of) != vitals.disk);
            self.telling.others.insert(of, Known { incarnation, number, vitals, heard: now });
        }
        Ok(())
    }

    /// How another member's disk takes what it is given, as it last said.
    pub fn disk(&self, of: NodeId) -> DiskState {
        self.telling.others.get(&of).map_or(DiskState::Sound, |known| known.vitals.disk)
    }

    /// How another member was doing when it last said so. `None`: it has not.
    pub fn vitals(&self, now: Instant, of: NodeId) -> Option<Told> {
        let known = self.telling.others.get(&of)?;
        Some(Told { vitals: known.vitals, age_ms: now.since(known.heard) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{member, met};
    use super::*;
    use crate::wire::{Rates, Rough};
    use alloc::vec;
    use alloc::vec::Vec;

    fn holding(keys: u64) -> Vitals {
        Vitals { keys, ..Vitals::default() }
    }

    /// What is told in one look, by number.
    fn told(node: &mut Membership, now: u64, vitals: Vitals) -> Vec<u32> {
        let mut out = vec![];
        node.tell_vitals(Instant(now), vitals, &mut out);
        let number = |(_, message)| match message {
            Message::Vitals { number, .. } => number,
            other => panic!("not expected here: {other:?}"),
        };
        out.into_iter().map(number).collect()
    }

    fn keys_of(node: &Membership, of: NodeId) -> Option<u64> {
        node.vitals(Instant(9_000), of).map(|told| told.vitals.keys)
    }

    #[test]
    fn what_has_not_changed_is_told_every_ten_seconds_and_no_record_is_signed_for_it() {
        let (mut a, mut b) = (member(1), member(2));
        met(&mut a, &mut b);
        let record = a.own().clone();
        assert_eq!(told(&mut a, 0, holding(1)), [1]);
        assert_eq!(told(&mut a, 2_000, holding(1)), []);
        let wavering = Vitals { sent: Rates { gossip: Rough::of(1), ..Rates::default() }, ..holding(1) };
        assert_eq!(told(&mut a, 4_000, wavering), []);
        assert_eq!(told(&mut a, 6_000, holding(2)), [2]);
        assert_eq!(told(&mut a, 15_999, holding(2)), []);
        assert_eq!(told(&mut a, 16_000, holding(2)), [2], "the same number: nothing has changed");
        assert_eq!(*a.own(), record);
    }

    #[test]
    fn only_a_member_is_believed_and_only_about_itself() {
        let (mut a, mut b, c) = (member(1), member(2), member(3));
        met(&mut a, &mut b);
        let (b, c) = (b.me, c.me);
        assert_eq!(a.on_vitals(Instant(0), c, b, (1, 9), holding(9)), Err(WireError::Forged));
        assert_eq!(a.on_vitals(Instant(0), c, c, (1, 9), holding(9)), Ok(()));
        assert_eq!((keys_of(&a, b), keys_of(&a, c), a.telling.others.len()), (None, None, 0));
        assert_eq!(a.on_vitals(Instant(0), b, b, (2, 9), holding(9)), Ok(()));
        assert_eq!(keys_of(&a, b), None, "of an incarnation that nobody has signed");
    }

    #[test]
    fn the_higher_number_holds_and_a_repeat_makes_it_younger() {
        let (mut a, mut b) = (member(1), member(2));
        met(&mut a, &mut b);
        let b = b.me;
        let mut tell = |now, number, keys| a.on_vitals(Instant(now), b, b, (1, number), holding(keys)).unwrap();
        tell(0, 5, 5);
        tell(1_000, 4, 4);
        tell(3_000, 5, 5);
        assert_eq!(a.vitals(Instant(4_000), b), Some(Told { vitals: holding(5), age_ms: 1_000 }));
        a.on_vitals(Instant(5_000), b, b, (1, u32::MAX), holding(6)).unwrap();
        assert_eq!(keys_of(&a, b), Some(6));
    }

    #[test]
    fn a_new_incarnation_counts_anew() {
        let (mut a, mut b) = (member(1), member(2));
        met(&mut a, &mut b);
        a.on_vitals(Instant(0), b.me, b.me, (1, 5), holding(5)).unwrap();
        let mut out = vec![];
        b.awake(Instant(1), &mut out);
        for (_, message) in out {
            if let Message::Records(records) = message {
                a.on_records(Instant(1), b.me, records, &mut vec![]).unwrap();
            }
        }
        a.on_vitals(Instant(2), b.me, b.me, (1, 6), holding(6)).unwrap();
        assert_eq!(keys_of(&a, b.me), Some(5), "of the incarnation before");
        a.on_vitals(Instant(3), b.me, b.me, (2, 1), holding(1)).unwrap();
        assert_eq!(keys_of(&a, b.me), Some(1));
    }

    #[test]
    fn a_node_looks_at_itself_every_other_tick_and_only_while_it_is_linked() {
        let (mut a, mut b) = (member(1), member(2));
        let id = b.me;
        let looks = |a: &mut Membership, until: u64| {
            let mut found = 0;
            while let Some(due) = a.poll_timeout().filter(|due| due.0 < until) {
                a.on_heard(due, id, &mut vec![]);
                a.handle_timeout(due, &mut vec![]);
                if a.wants_vitals() {
                    found += 1;
                    a.tell_vitals(due, holding(0), &mut vec![]);
                }
            }
            found
        };
        assert_eq!(looks(&mut a, 20_000), 0);
        met(&mut a, &mut b);
        assert!((9..=11).contains(&looks(&mut a, 20_000)));
        a.link_down(id, true);
        assert_eq!(looks(&mut a, 40_000), 0);
    }

    #[test]
    fn whatever_the_room_a_node_tells_at_most_three_a_second() {
        let looks = |links: usize| {
            let mut telling = Telling::default();
            let mut found = 0;
            for now in (0..60_000).step_by(100) {
                telling.on_tick(Instant(now), links, |usually| usually);
                if core::mem::take(&mut telling.is_wanted) {
                    telling.looked = Some(Instant(now));
                    found += 1;
                }
            }
            found
        };
        assert_eq!([0, 1, 10, 24, 32].map(looks), [0, 30, 15, 7, 5]);
    }
}
