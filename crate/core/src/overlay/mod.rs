//! Whom to be linked with, and how signals for links to come find their way. So far a full mesh: everybody who is here,
//! up to [`LINKS_MAX`].
//!
//! Links are negotiated through the mesh itself: a signal for a node without a link travels over a neighbour, and over
//! one more if that neighbour has no link either. Dials that fail are tried again ever more rarely, since a browser
//! gives out only so many connections; a node that is heard of outside the mesh is tried at once.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::id::NodeId;
use crate::membership::{Membership, Status};
use crate::planted::Plant;
use crate::time::{Instant, Millis};
use crate::wire::{Message, Outbox};

/// How many links one node keeps at most.
pub const LINKS_MAX: usize = 32;
/// How many nodes that were only heard of are remembered.
const STRANGERS_MAX: usize = 256;
/// A dial that has neither come about nor failed by then has failed.
const DIAL_MS: Millis = 15_000;
const RETRY_MS: Millis = 1_000;
const RETRY_MS_MAX: Millis = 30_000;
/// How long after it was suspected a node is first dialled: most have gone away, or come back by themselves.
const SUSPECT_MS: Millis = 3_000;
/// How often a dormant node is tried. Two halves of a mesh that think each other dormant find each other so.
const DORMANT_MS: Millis = 60_000;
/// How often a signal may be passed on, and through how many neighbours it is sent side by side.
const HOPS: u8 = 2;
const ROUTES: usize = 2;

#[derive(Debug, Clone, Copy)]
struct Attempt {
    failures: u32,
    next: Instant,
    dialling_since: Option<Instant>,
    /// After which of the failures the next dial was put off, since the node is dormant.
    put_off_after: u32,
    /// The node was heard of outside the mesh while it was being dialled.
    is_heard: bool,
}

impl Attempt {
    fn at(next: Instant) -> Attempt {
        Attempt { failures: 0, next, dialling_since: None, put_off_after: 0, is_heard: false }
    }

    /// The next one is due ever later. Tells whether the node was heard of meanwhile.
    fn fail(&mut self, now: Instant, jitter: Millis) -> bool {
        self.dialling_since = None;
        self.failures += 1;
        self.next = now + (RETRY_MS << self.failures.min(5)).min(RETRY_MS_MAX) + jitter;
        core::mem::take(&mut self.is_heard)
    }
}

/// Which links are wanted and which are being made.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    attempts: BTreeMap<NodeId, Attempt>,
    strangers: BTreeMap<NodeId, Instant>,
    /// The revision of the membership for which the attempts are what they have to be; `None`: they are to be looked
    /// through.
    planned: Option<u64>,
    /// Dormant nodes that were dialled in vain: each failure puts the next dial off, once.
    put_off: Vec<NodeId>,
}

impl Overlay {
    /// This node was heard of outside the mesh: it is there now.
    pub fn on_discovered(&mut self, now: Instant, id: NodeId) {
        self.planned = None;
        if self.strangers.len() >= STRANGERS_MAX && !self.strangers.contains_key(&id) {
            let oldest = self.strangers.iter().min_by_key(|(_, heard)| **heard).map(|(&id, _)| id);
            oldest.and_then(|id| self.strangers.remove(&id));
        }
        self.strangers.insert(id, now);
        let attempt = self.attempts.entry(id).or_insert(Attempt::at(now));
        let dialling_since = attempt.dialling_since;
        *attempt = Attempt { dialling_since, is_heard: dialling_since.is_some(), ..Attempt::at(now) };
    }

    /// A link has opened.
    pub fn on_link_up(&mut self, id: NodeId) {
        self.planned = None;
        self.attempts.remove(&id);
        self.strangers.remove(&id);
    }

    /// A link has closed; `jitter` keeps both ends from dialling at the same moment.
    pub fn on_link_down(&mut self, now: Instant, id: NodeId, jitter: Millis) {
        self.planned = None;
        self.attempts.insert(id, Attempt::at(now + RETRY_MS / 2 + jitter));
    }

    /// A dial has failed. One that was heard of while it was dialled is there all the same.
    pub fn on_dial_failed(&mut self, now: Instant, id: NodeId, jitter: Millis) {
        self.planned = None;
        let is_heard = self.attempts.get_mut(&id).is_some_and(|attempt| attempt.fail(now, jitter));
        if !is_heard {
            self.strangers.remove(&id);
        }
    }

    /// Whom to dial now.
    pub fn dial(&mut self, now: Instant, me: NodeId, membership: &Membership) -> Vec<NodeId> {
        if self.planned != Some(membership.revision()) {
            self.plan(now, me, membership);
            self.planned = Some(membership.revision());
        }
        for id in &self.put_off {
            let attempt = self.attempts.get_mut(id).filter(|attempt| attempt.put_off_after != attempt.failures);
            if let Some(attempt) = attempt {
                attempt.put_off_after = attempt.failures;
                attempt.next = attempt.next.max(now + DORMANT_MS - RETRY_MS_MAX);
            }
        }
        let mut room = LINKS_MAX.saturating_sub(membership.links().len() + self.dialling());
        let mut chosen = Vec::new();
        for (&id, attempt) in &mut self.attempts {
            if attempt.dialling_since.is_some_and(|since| now.since(since) >= DIAL_MS) {
                attempt.fail(now, 0);
                self.planned = None;
            }
            if room > 0 && attempt.dialling_since.is_none() && attempt.next <= now {
                attempt.dialling_since = Some(now);
                attempt.is_heard = false;
                chosen.push(id);
                room -= 1;
            }
        }
        chosen
    }

    fn dialling(&self) -> usize {
        self.attempts.values().filter(|attempt| attempt.dialling_since.is_some()).count()
    }

    /// An attempt for everybody who is wanted, and none for anybody else.
    fn plan(&mut self, now: Instant, me: NodeId, membership: &Membership) {
        self.put_off.clear();
        for (id, _, status) in membership.others() {
            let first = match status {
                Status::Joining | Status::Up | Status::Leaving => now,
                Status::Suspect => now + SUSPECT_MS,
                // One of the two is enough.
                Status::Dormant if me < id => now + DORMANT_MS,
                Status::Dormant | Status::Departed => continue,
            };
            if membership.links().contains(&id) {
                continue;
            }
            let attempt = self.attempts.entry(id).or_insert(Attempt::at(first));
            if status == Status::Dormant && attempt.failures > 0 {
                self.put_off.push(id);
            }
        }
        let is_wanted = |id: &NodeId| match membership.status(*id) {
            // Who was thought gone for good and is heard of outside the mesh is back.
            Some(Status::Departed) | None => self.strangers.contains_key(id),
            Some(Status::Dormant) if membership.planted().has(Plant::NeverRedial) => false,
            Some(_) => true,
        };
        self.attempts.retain(|id, attempt| {
            let is_linked = membership.links().contains(id);
            *id != me && !is_linked && (is_wanted(id) || attempt.dialling_since.is_some())
        });
    }

    /// When somebody is to be dialled next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = |attempt: &Attempt| attempt.dialling_since.map_or(attempt.next, |since| since + DIAL_MS);
        self.attempts.values().map(due).min()
    }
}

/// Bring a signal of this node's own to another, through whoever is linked.
pub fn send_signal(
    me: NodeId,
    to: NodeId,
    bytes: Vec<u8>,
    membership: &Membership,
    random: &mut fastrand::Rng,
    out: &mut Outbox,
) {
    // Who is linked needs no signal but to mend that link, which may carry nothing: then others do.
    if membership.links().contains(&to) {
        pass_over_neighbours(me, to, HOPS, bytes.clone(), me, membership, random, out);
    }
    pass_signal(me, to, HOPS, bytes, me, membership, random, out);
}

/// Bring a signal on its way nearer to whom it is for: over the link if there is one, else over neighbours.
#[expect(clippy::too_many_arguments, reason = "all of one signal, and where it may go")]
pub fn pass_signal(
    from: NodeId,
    to: NodeId,
    hops: u8,
    bytes: Vec<u8>,
    came_from: NodeId,
    membership: &Membership,
    random: &mut fastrand::Rng,
    out: &mut Outbox,
) {
    if membership.links().contains(&to) {
        out.push((to, Message::Signal { from, to, hops: 0, bytes }));
        return;
    }
    pass_over_neighbours(from, to, hops, bytes, came_from, membership, random, out);
}

#[expect(clippy::too_many_arguments, reason = "all of one signal, and where it may go")]
fn pass_over_neighbours(
    from: NodeId,
    to: NodeId,
    hops: u8,
    bytes: Vec<u8>,
    came_from: NodeId,
    membership: &Membership,
    random: &mut fastrand::Rng,
    out: &mut Outbox,
) {
    // Whoever passes it on lowers the count; a peer that sent a larger one gains nothing by it.
    let Some(hops) = hops.min(HOPS).checked_sub(1) else { return };
    let mut neighbours: Vec<NodeId> =
        membership.links().iter().copied().filter(|&id| id != came_from && id != from && id != to).collect();
    crate::id::shuffle(random, &mut neighbours);
    for &neighbour in neighbours.iter().take(ROUTES) {
        out.push((neighbour, Message::Signal { from, to, hops, bytes: bytes.clone() }));
    }
}
