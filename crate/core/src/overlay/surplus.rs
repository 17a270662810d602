//! Which links are too many, in a large room.
//!
//! Invariant: no link that either end has said it wants is hung up, nor one of an end that has not as many wanted ones
//! as it needs. Above the cap one that this node does not want goes all the same.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::choice::rank;
use super::{LINKS_MAX, Routes};
use crate::id::{Inserted, NodeId};
use crate::marks::{Mark, Marks};
use crate::membership::Membership;
use crate::planted::Plant;
use crate::time::{Instant, Millis};

/// For how long neither end wants a link before it is hung up.
const UNWANTED_MS: Millis = 10_000;
/// How soon after one another is hung up.
const PAUSE_MS: Millis = 1_000;

/// For how long links that were hung up above the cap may take to close.
const CAPPED_PAUSE_MS: Millis = 100;

/// Links that neither end wants.
#[derive(Debug, Clone, Default)]
pub(super) struct Surplus {
    since: BTreeMap<NodeId, Instant>,
    last: Option<Instant>,
    /// The links and wishes for which `since` is what it has to be; `None`: it was not looked at.
    seen: Option<(u64, u64)>,
}

impl Surplus {
    /// Whether there may be something to hang up, or something to note: for nothing else are all links looked through.
    pub(super) fn is_due(&mut self, now: Instant, links: usize, revision: (u64, u64)) -> bool {
        let is_seen = self.seen == Some(revision) && links <= LINKS_MAX;
        let is_due = !is_seen || self.since.values().any(|since| now.since(*since) >= UNWANTED_MS);
        // During the pause nothing is noted; what has changed then is looked at after it.
        let is_pause = self.last.is_some_and(|last| now.since(last) < PAUSE_MS);
        self.seen = (!is_pause).then_some(revision);
        is_due
    }

    /// The links to hang up now: of those that neither end wants one at a time, and as many as there are above the cap.
    #[expect(clippy::too_many_arguments, reason = "all that speaks for a link, or against it")]
    pub(super) fn choose(
        &mut self,
        now: Instant,
        me: NodeId,
        membership: &Membership,
        wanted: &BTreeSet<NodeId>,
        needed: usize,
        routes: &Routes,
        marks: &Marks,
    ) -> Vec<NodeId> {
        let links = membership.links();
        let above = links.len().saturating_sub(LINKS_MAX);
        if above > 0 && self.last.is_none_or(|last| now.since(last) >= CAPPED_PAUSE_MS) {
            marks.hit(Mark::LinksCapped);
            let mut unwanted: Vec<NodeId> = links.difference(wanted).copied().collect();
            // First those that nobody wants; one that its other end wants is dialled again.
            let is_theirs = |id: NodeId| routes.wish_of(id, me).is_some_and(|(is_theirs, _)| is_theirs);
            unwanted.sort_by_key(|id| (is_theirs(*id), core::cmp::Reverse(rank(me, *id))));
            unwanted.truncate(above);
            self.last = Some(now);
            return unwanted;
        }
        if self.last.is_some_and(|last| now.since(last) < PAUSE_MS) {
            return Vec::new();
        }
        let owned = links.intersection(wanted).count();
        let is_careless = membership.planted().has(Plant::HangUpWanted);
        let is_surplus = |id: NodeId| {
            let (is_theirs, theirs) = routes.wish_of(id, me).unwrap_or((true, 0));
            is_careless || me < id && !is_theirs && theirs >= needed && owned >= needed
        };
        let unwanted = links.difference(wanted).copied();
        let surplus: BTreeSet<NodeId> = unwanted.filter(|id| is_surplus(*id)).inserted();
        self.since.retain(|id, _| surplus.contains(id));
        surplus.into_iter().for_each(|id| {
            self.since.entry(id).or_insert(now);
        });
        let long = self.since.iter().find(|(_, since)| now.since(**since) >= UNWANTED_MS).map(|(id, _)| *id);
        if let Some(id) = long {
            marks.hit(Mark::HungUp);
            self.since.remove(&id);
            (self.last, self.seen) = (Some(now), None);
        }
        long.into_iter().collect()
    }
}
