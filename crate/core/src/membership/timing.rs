//! The spans that failure detection goes by, each with its reason.
//!
//! A tab is not a server: its timers may be late by a second while it is hidden, it may be reloaded, and it may be
//! frozen for minutes. So patience follows from what a node says of itself, and doubt in oneself comes before doubt in
//! another. The suspicion that shrinks with confirmations is Lifeguard's (Dadgar, Phillips, Currey, DSN-W 2018, IV-B).

use crate::time::Millis;
use crate::wire::Presence;

/// So many independent confirmations bring a suspicion down to its shortest. Lifeguard's K.
pub(super) const CONFIRMATIONS: usize = 3;
/// ln(1 + c) / ln(1 + K) for c confirmations, in thousandths.
const SHRINK: [u64; CONFIRMATIONS + 1] = [0, 500, 792, 1_000];

/// Spans that failure detection goes by, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// Between two probes. SWIM's protocol period; 1 s is memberlist's choice for a LAN.
    pub probe_interval_ms: Millis,
    /// How many members are probed in an interval. Two find a death a third sooner than SWIM's one, for no more
    /// wake-ups: what a tab is short of is those, not bytes.
    pub probes_per_interval: usize,
    /// Until a direct probe counts as unanswered and others are asked, and until those call it silent. 500 ms is
    /// memberlist's choice for a LAN; a tab that is busy for a second is suspected, and refutes it.
    pub probe_timeout_ms: Millis,
    /// Until those others count as silent.
    pub enquiry_timeout_ms: Millis,
    /// Between two sendings of an unanswered ping or enquiry.
    pub resend_ms: Millis,
    /// How much longer a hidden node is waited for: its timers are late by up to a second.
    pub hidden_patience_ms: Millis,
    /// From suspicion to dormancy, when enough others confirm it: longer than a reload takes.
    pub dormant_after_ms: Millis,
    /// The same, on one node's word alone. Three times as long.
    pub dormant_after_ms_max: Millis,
    /// From a page's word that it is about to be frozen to dormancy: users come back to a tab within minutes.
    pub frozen_dormant_after_ms: Millis,
    /// A wake-up later than this means that this node slept: it forgives what fell due meanwhile.
    pub sleep_gap_ms: Millis,
    /// A wake-up later than this may have come before answers that wait in a queue: the verdict is put off once.
    pub late_ms: Millis,
}

impl Default for Timing {
    fn default() -> Timing {
        Timing {
            probe_interval_ms: 1_000,
            probes_per_interval: 2,
            probe_timeout_ms: 500,
            enquiry_timeout_ms: 1_300,
            resend_ms: 250,
            hidden_patience_ms: 1_000,
            dormant_after_ms: 15_000,
            dormant_after_ms_max: 45_000,
            frozen_dormant_after_ms: 300_000,
            sleep_gap_ms: 2_500,
            late_ms: 250,
        }
    }
}

impl Timing {
    /// How much longer than usual an answer of such a node is waited for.
    pub(super) fn patience_ms(&self, presence: Presence) -> Millis {
        match presence {
            Presence::Visible => 0,
            Presence::Hidden | Presence::Frozen => self.hidden_patience_ms,
        }
    }

    /// How old a sign of life may be to stand against somebody's suspicion: that one began to probe no later.
    pub(super) fn fresh_ms(&self, presence: Presence) -> Millis {
        self.probe_timeout_ms * 2 + self.patience_ms(presence)
    }

    /// From suspicion to dormancy, after so many confirmations, where so many others could confirm.
    pub(super) fn suspicion_ms(&self, confirmations: usize, others: usize) -> Millis {
        if others < CONFIRMATIONS {
            return self.dormant_after_ms;
        }
        let span = self.dormant_after_ms_max.saturating_sub(self.dormant_after_ms);
        self.dormant_after_ms + span - span * SHRINK[confirmations.min(CONFIRMATIONS)] / 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspicion_shrinks_with_confirmations_down_to_its_shortest() {
        let timing = Timing::default();
        let spans: [u64; 5] = core::array::from_fn(|confirmations| timing.suspicion_ms(confirmations, 10));
        assert_eq!(spans, [45_000, 30_000, 21_240, 15_000, 15_000]);
    }

    #[test]
    fn where_too_few_could_confirm_a_suspicion_is_short_at_once() {
        assert_eq!(Timing::default().suspicion_ms(0, CONFIRMATIONS - 1), 15_000);
    }
}
