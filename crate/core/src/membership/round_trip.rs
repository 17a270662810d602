//! How long answers take here and now, and by that how long one is waited for.
//!
//! A machine that has more to do than it can, forty tabs on two cores say, answers late and loses nothing. Whoever then
//! asks again after a fixed span asks for what is in the queue already, which makes the queue longer: a room of forty
//! stood still so for minutes, without a single key in it. So whatever is waited for, it is for a few times what an
//! answer usually takes, and no less than it would be in a quiet room.
//!
//! Usual is the median of the last answers to this node's own pings, and to what it asked over others, of whomever:
//! what is slow is mostly the machine, not a pair of nodes, and one that was frozen and answers after a minute says
//! nothing of the others. TCP waits by the same rule, with a mean and its deviation (RFC 6298); a median is not moved
//! by what a sleeper does.
//!
//! Who is hidden answers when its timers let it, and is given that second wherever it is waited for: it is no part of
//! what is usual, or all others would be waited for as long.

use alloc::collections::VecDeque;

use super::Membership;
use crate::id::NodeId;
use crate::time::{Instant, Millis};

/// Of how many answers the median is taken: those of some seven seconds.
const KEPT: usize = 15;
/// How many pings are remembered until they are answered.
const ASKED_MAX: usize = 64;
/// How many times as long as usual an answer is waited for.
const PATIENCE: u64 = 3;
/// An answer that usually takes as long as this is late: over a slow network one does not.
const LATE_MS: Millis = 500;
/// What can wait is held back no longer than this.
const PAUSE_MS_MAX: Millis = 500;
/// And at most, for that: who dies must be found dead in a slow room too.
const PATIENCE_MS_MAX: Millis = 10_000;

/// What is known of how long answers take.
#[derive(Debug, Clone, Default)]
pub(super) struct RoundTrip {
    asked: VecDeque<(NodeId, u32, Instant)>,
    took: VecDeque<Millis>,
    usual_ms: Millis,
}

impl RoundTrip {
    /// A ping of this number leaves over a link.
    pub(super) fn on_asked(&mut self, now: Instant, of: NodeId, seq: u32) {
        if self.asked.len() == ASKED_MAX {
            self.asked.pop_front();
        }
        self.asked.push_back((of, seq, now));
    }

    /// It is answered, by one whom so much longer is given anyway: that says nothing of the machine or the network.
    pub(super) fn on_answered(&mut self, now: Instant, by: NodeId, seq: u32, given: Millis) {
        let Some(at) = self.asked.iter().position(|(of, asked, _)| (*of, *asked) == (by, seq)) else { return };
        let Some((.., asked)) = self.asked.remove(at) else { return };
        self.on_took(now.since(asked).saturating_sub(given));
    }

    /// Something else was answered after so long.
    fn on_took(&mut self, took: Millis) {
        if self.took.len() == KEPT {
            self.took.pop_front();
        }
        self.took.push_back(took);
        let mut sorted: [Millis; KEPT] = [0; KEPT];
        let sorted = &mut sorted[..self.took.len()];
        sorted.iter_mut().zip(&self.took).for_each(|(place, took)| *place = *took);
        sorted.sort_unstable();
        self.usual_ms = sorted[sorted.len() / 2];
    }

    /// This node slept: what comes now says nothing of how long it took.
    pub(super) fn forget(&mut self) {
        self.asked.clear();
    }

    /// How long what is usually waited for that long is waited for here and now.
    pub(super) fn patience_ms(&self, usually: Millis) -> Millis {
        usually.max((PATIENCE * self.usual_ms).min(PATIENCE_MS_MAX))
    }
}

impl Membership {
    /// Something that was asked over others was answered after so long.
    pub(crate) fn note_answer(&mut self, took: Millis) {
        self.round_trip.on_took(took);
    }

    /// Whether answers take long here and now.
    pub(crate) fn is_late(&self) -> bool {
        self.round_trip.usual_ms >= LATE_MS
    }

    /// For how long what can wait is held back where answers take long: a part of what an answer takes anyway.
    pub(crate) fn pause_ms(&self) -> Millis {
        if self.is_late() { (self.round_trip.usual_ms / 2).min(PAUSE_MS_MAX) } else { 0 }
    }

    /// How long what is usually waited for that long is waited for here and now.
    pub(crate) fn patience_ms(&self, usually: Millis) -> Millis {
        self.round_trip.patience_ms(usually)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(first: u8) -> NodeId {
        NodeId::from_bytes([first; 16])
    }

    fn answered(round_trip: &mut RoundTrip, seq: u32, took: Millis) {
        round_trip.on_asked(Instant(1_000), id(1), seq);
        round_trip.on_answered(Instant(1_000 + took), id(2), seq, 0);
        round_trip.on_answered(Instant(1_000 + took), id(1), seq, 0);
    }

    #[test]
    fn in_a_quiet_room_nothing_is_waited_for_longer_than_usual() {
        let mut round_trip = RoundTrip::default();
        assert_eq!(round_trip.patience_ms(250), 250);
        (0..20).for_each(|seq| answered(&mut round_trip, seq, 40));
        assert_eq!(round_trip.patience_ms(250), 250);
    }

    #[test]
    fn where_most_answers_take_long_all_is_waited_for_longer_within_limits() {
        let mut round_trip = RoundTrip::default();
        (0..8).for_each(|seq| answered(&mut round_trip, seq, 2_000));
        (8..15).for_each(|seq| answered(&mut round_trip, seq, 4));
        assert_eq!(round_trip.patience_ms(250), 6_000);
        (15..30).for_each(|seq| answered(&mut round_trip, seq, 60_000));
        assert_eq!(round_trip.patience_ms(250), PATIENCE_MS_MAX);
        (30..38).for_each(|seq| answered(&mut round_trip, seq, 4));
        assert_eq!(round_trip.patience_ms(250), 250, "and again as before once most are quick");
    }

    #[test]
    fn that_hidden_tabs_answer_late_is_no_reason_to_wait_for_others() {
        let hidden = |took: Millis| {
            let mut round_trip = RoundTrip::default();
            for seq in 0..15 {
                round_trip.on_asked(Instant(1_000), id(1), seq);
                round_trip.on_answered(Instant(1_000 + took), id(1), seq, 1_000);
            }
            round_trip.patience_ms(250)
        };
        assert_eq!(hidden(900), 250);
        assert_eq!(hidden(3_000), 6_000, "but that they take longer than that is");
    }

    #[test]
    fn one_that_answers_after_a_minute_and_answers_to_nothing_change_nothing() {
        let mut round_trip = RoundTrip::default();
        (0..5).for_each(|seq| answered(&mut round_trip, seq, 4));
        answered(&mut round_trip, 5, 60_000);
        round_trip.on_answered(Instant(900_000), id(1), 77, 0);
        round_trip.on_asked(Instant(0), id(1), 78);
        round_trip.forget();
        (0..20).for_each(|_| round_trip.on_answered(Instant(900_000), id(1), 78, 0));
        assert_eq!((round_trip.patience_ms(250), round_trip.asked.len()), (250, 0));
    }

    #[test]
    fn pings_that_are_never_answered_are_not_kept() {
        let mut round_trip = RoundTrip::default();
        (0..1_000).for_each(|seq| round_trip.on_asked(Instant(0), id(1), seq));
        assert_eq!(round_trip.asked.len(), ASKED_MAX);
    }
}
