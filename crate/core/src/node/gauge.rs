//! How this node is doing: what is told to others of itself, and what the panel shows of all.
//!
//! *Rates* are of the last ten seconds or so. *Convergence lag* is for how long something that lies here, or should,
//! has waited to be where it belongs: the oldest write made here that an owner who was asked has not confirmed; or
//! since when each look has found arcs incoming, hints for somebody who is here, or a comparison that has not ended.
//! Zero: as far as this node knows, all present owners have everything. Hints for the absent are counted, and are no
//! lag.

use alloc::collections::VecDeque;

use super::{Node, SentBytes};
use crate::coordinator::Latency;
use crate::store::PersistError;
use crate::time::{Instant, Millis};
use crate::wire::{DiskState, Quickness, Rates, Rough, Vitals};

/// Over how long rates are taken.
const WINDOW_MS: Millis = 10_000;

/// What earlier looks have found.
#[derive(Debug, Clone, Default)]
pub(super) struct Gauge {
    /// What had been sent by then, the oldest look first.
    looks: VecDeque<(Instant, SentBytes)>,
    /// Since when every look has found that something is to be moved or compared.
    behind_since: Option<Instant>,
}

impl Node {
    /// Take a look, and tell all linked if there is news.
    pub(super) fn look_at_oneself(&mut self, now: Instant) {
        let is_regular = self.gauge.looks.back().is_some_and(|(at, _)| now.since(*at) <= WINDOW_MS);
        let before = self.gauge.behind_since.filter(|_| is_regular);
        self.gauge.behind_since = self.is_behind().then(|| before.unwrap_or(now));
        while self.gauge.looks.len() > 1 && self.gauge.looks.front().is_some_and(|(at, _)| now.since(*at) > WINDOW_MS) {
            self.gauge.looks.pop_front();
        }
        self.gauge.looks.push_back((now, self.sent));
        let vitals = self.vitals(now);
        self.membership.tell_vitals(now, vitals, &mut self.scratch.out);
    }

    /// How this node is doing.
    pub(super) fn vitals(&self, now: Instant) -> Vitals {
        let (keys, tombstones, bytes) = self.store.counts();
        let (gets, puts) = self.coordinator.latencies();
        let quickness = |latency: &Latency| {
            let (p50_ms, p99_ms) = latency.percentiles();
            Quickness { p50_ms: Rough::of(p50_ms), p99_ms: Rough::of(p99_ms) }
        };
        Vitals {
            keys,
            bytes,
            tombstones,
            hints: self.store.hints().len() as u64,
            links: u16::try_from(self.membership.links().len()).unwrap_or(u16::MAX),
            disk: self.disk_state(),
            lag_ms: Rough::of(self.lag_ms(now)),
            sent: self.rates(now),
            gets: quickness(gets),
            puts: quickness(puts),
        }
    }

    /// How this node's disk takes what it is given; one that holds as much as this node may is full as well.
    pub(super) fn disk_state(&self) -> DiskState {
        match self.disk.refuses_for() {
            Some(PersistError::Failed) => DiskState::Failing,
            Some(PersistError::Quota) => DiskState::Full,
            None if self.is_full() => DiskState::Full,
            None => DiskState::Sound,
        }
    }

    fn rates(&self, now: Instant) -> Rates {
        let (since, before) = self.gauge.looks.front().copied().unwrap_or((now, self.sent));
        let span = now.since(since).max(1);
        let rate = |of: fn(&SentBytes) -> u64| Rough::of((of(&self.sent) - of(&before)) * 1_000 / span);
        Rates {
            gossip: rate(|sent| sent.gossip),
            repair: rate(|sent| sent.repair),
            transfer: rate(|sent| sent.transfer),
            request: rate(|sent| sent.request),
            signal: rate(|sent| sent.signal),
        }
    }

    pub(super) fn lag_ms(&self, now: Instant) -> Millis {
        let behind = self.gauge.behind_since.filter(|_| self.is_behind());
        let since = behind.into_iter().chain(self.coordinator.oldest_waiting()).min();
        since.map_or(0, |since| now.since(since))
    }

    /// Whether something is to be moved or compared between nodes that are here.
    fn is_behind(&self) -> bool {
        !self.incoming.is_empty()
            || !self.handoff.shipments.is_empty()
            || self.answering.iter().any(|&id| self.store.hints().any_for(id))
            || !self.repair.is_settled(&self.ring, self.answering.iter().copied())
    }
}
