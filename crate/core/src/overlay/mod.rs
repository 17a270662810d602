//! Whom to be linked with, and how all others are reached.
//!
//! Up to [`Settings::mesh_max`] nodes everybody dials everybody. A larger room is *sparse*: each wants links with its
//! neighbours by node id and with a few at random ([`choice`]), and for a while with whom it talks much; all else goes
//! over others ([`routes`]). A room that has shrunk well below that number dials everybody again, and counts as sparse
//! until that has come about, so that nobody is cut off on the way.
//!
//! *Links too many* are hung up: those that neither end wants, once both have said so for ten seconds, by the lower
//! end, one a second, and only while each end has as many as it needs of those that it does want. A link that one end
//! wants the other keeps; so none is made by one and dropped by the other again and again, and none that holds the room
//! together goes. Only above [`LINKS_MAX`] does one end alone decide.
//!
//! Links are negotiated through the mesh itself ([`signals`]). Dials that fail are tried again ever more rarely, since
//! a browser gives out only so many connections; a node that is heard of outside the mesh is tried at once, in a large
//! room if it is wanted.
//!
//! Who grinds keys until its id lies next to another's becomes its neighbour. That is not defended against: whoever is
//! in the room is trusted with what passes through it.

mod choice;
mod load;
mod peer;
mod routes;
mod signals;
mod surplus;
mod ways;

pub use load::Load;
use routes::TELL_MS;
pub use routes::{Arrival, HOPS_MAX, Routes};
pub use signals::{Carrier, OnItsWay, Trails};

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::id::{Inserted, NodeId};
use crate::marks::Marks;
use crate::membership::{Membership, RING_NEIGHBOURS, Status};
use crate::planted::Plant;
use crate::time::{Instant, Millis};
use crate::wire::Outbox;

use choice::Candidate;
use surplus::Surplus;

/// How many links one node keeps at most.
pub const LINKS_MAX: usize = 32;
/// How many are dialled at the same time. Who has a first link hears of all, and of a large room it wants few: whoever
/// had dialled all of whom it had heard would make twice the links that stay.
const DIALS_MAX: usize = 4;
/// After how long a dial that has not come about makes room for another.
const SLOW_DIAL_MS: Millis = 3_000;
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
/// How soon a large room is looked through again: after something has changed with the links, and at the latest.
const PLAN_SOON_MS: Millis = 50;
const PLAN_MS: Millis = 1_000;
/// For how long one who was heard of outside a large room counts, if it is not dialled.
const STRANGER_MS: Millis = 120_000;
/// After so many failures another is taken beside one that is wanted.
const FAILURES_MAX: u32 = 2;

/// How a room is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Up to so many nodes, this one included, all are linked with all.
    pub mesh_max: usize,
    /// In a larger room: with how many neighbours by node id to each side.
    pub ring: usize,
    /// And with how many others at least.
    pub random: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { mesh_max: 24, ring: RING_NEIGHBOURS, random: 6 }
    }
}

impl Settings {
    /// A sparse room is linked through again when it has no more than so many nodes. It does not waver with one.
    fn mesh_again(&self) -> usize {
        self.mesh_max - self.mesh_max / 6
    }
}

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
    settings: Settings,
    /// In a large room: when it was last looked through, who is wanted, and which links are not.
    planned_at: Instant,
    wanted: BTreeSet<NodeId>,
    surplus: Surplus,
    /// In a large room: all members who are not away, by their rank.
    ranked: Option<BTreeSet<(u64, NodeId)>>,
    /// In a large room: which of the dormant is tried, and since when.
    dormant: Option<(Instant, NodeId)>,
    /// Whether the room is a large one, by the members of this revision; `None`: it is to be counted.
    counted: Option<(u64, bool)>,
    /// Goes on whenever the links, or who is wanted, may have changed.
    revision: u64,
}

impl Overlay {
    /// With these settings.
    pub fn new(settings: Settings) -> Overlay {
        Overlay { settings, ..Overlay::default() }
    }

    /// This node was heard of outside the mesh: it is there now.
    pub fn on_discovered(&mut self, now: Instant, id: NodeId) {
        self.look_through();
        if self.strangers.len() >= STRANGERS_MAX && !self.strangers.contains_key(&id) {
            let oldest = self.strangers.iter().min_by_key(|(_, heard)| **heard).map(|(&id, _)| id);
            oldest.and_then(|id| self.strangers.remove(&id));
        }
        self.strangers.insert(id, now);
        let attempt = self.attempts.entry(id).or_insert(Attempt::at(now));
        let dialling_since = attempt.dialling_since;
        *attempt = Attempt { dialling_since, is_heard: dialling_since.is_some(), ..Attempt::at(now) };
    }

    fn look_through(&mut self) {
        (self.planned, self.counted) = (None, None);
        self.revision += 1;
    }

    /// A link has opened.
    pub fn on_link_up(&mut self, id: NodeId) {
        self.look_through();
        self.attempts.remove(&id);
        self.strangers.remove(&id);
    }

    /// A link has closed; `jitter` keeps both ends from dialling at the same moment.
    pub fn on_link_down(&mut self, now: Instant, id: NodeId, jitter: Millis) {
        self.look_through();
        self.attempts.insert(id, Attempt::at(now + RETRY_MS / 2 + jitter));
    }

    /// A dial has failed. One that was heard of while it was dialled is there all the same.
    pub fn on_dial_failed(&mut self, now: Instant, id: NodeId, jitter: Millis) {
        self.look_through();
        let is_heard = self.attempts.get_mut(&id).is_some_and(|attempt| attempt.fail(now, jitter));
        if !is_heard {
            self.strangers.remove(&id);
        }
    }

    /// Whom to dial now.
    pub fn dial(&mut self, now: Instant, me: NodeId, membership: &Membership, routes: &Routes) -> Vec<NodeId> {
        let is_due = match self.planned {
            planned if !membership.is_sparse() => planned != Some(membership.revision()),
            None => now.since(self.planned_at) >= PLAN_SOON_MS,
            Some(_) => now.since(self.planned_at) >= PLAN_MS,
        };
        if is_due {
            self.plan(now, me, membership, routes);
            (self.planned, self.planned_at) = (Some(membership.revision()), now);
        }
        for id in &self.put_off {
            let attempt = self.attempts.get_mut(id).filter(|attempt| attempt.put_off_after != attempt.failures);
            if let Some(attempt) = attempt {
                attempt.put_off_after = attempt.failures;
                attempt.next = attempt.next.max(now + DORMANT_MS - RETRY_MS_MAX);
            }
        }
        let is_due = |attempt: &Attempt| match attempt.dialling_since {
            Some(since) => now.since(since) >= DIAL_MS,
            None => attempt.next <= now,
        };
        if !self.attempts.values().any(is_due) {
            return Vec::new();
        }
        let mut room = self.room(membership);
        let mut slots = [false, true].map(|is_retry| self.slots(now, is_retry, membership));
        let mut chosen = Vec::new();
        // Its neighbours first, so that not all dial the same.
        let order: Vec<NodeId> =
            self.attempts.range(me..).chain(self.attempts.range(..me)).map(|(id, _)| *id).collect();
        for id in order {
            let Some(attempt) = self.attempts.get_mut(&id) else { continue };
            if attempt.dialling_since.is_some_and(|since| now.since(since) >= DIAL_MS) {
                attempt.fail(now, 0);
                self.planned = None;
            }
            let slots = &mut slots[usize::from(attempt.failures > 0)];
            if room > 0 && *slots > 0 && attempt.dialling_since.is_none() && attempt.next <= now {
                *slots -= 1;
                attempt.dialling_since = Some(now);
                attempt.is_heard = false;
                chosen.push(id);
                room -= 1;
            }
        }
        chosen
    }

    /// How many more links there may be, with those on their way.
    fn room(&self, membership: &Membership) -> usize {
        let dialling = self.attempts.values().filter(|attempt| attempt.dialling_since.is_some()).count();
        LINKS_MAX.saturating_sub(membership.links().len() + dialling)
    }

    /// Until when those who are dialled for the first time, or again, count as just dialled.
    fn dialled(&self, is_retry: bool, membership: &Membership) -> impl Iterator<Item = Instant> {
        let slow_ms = membership.patience_ms(SLOW_DIAL_MS);
        let of_these = move |attempt: &&Attempt| (attempt.failures > 0) == is_retry;
        let since = self.attempts.values().filter(of_these).filter_map(|attempt| attempt.dialling_since);
        since.map(move |since| since + slow_ms)
    }

    /// How many more may be dialled now, for the first time or again: those who are gone do not keep others waiting.
    fn slots(&self, now: Instant, is_retry: bool, membership: &Membership) -> usize {
        DIALS_MAX.saturating_sub(self.dialled(is_retry, membership).filter(|until| *until > now).count())
    }

    /// From when on one more may be; `None`: now.
    fn slot_at(&self, is_retry: bool, membership: &Membership) -> Option<Instant> {
        let mut until: Vec<Instant> = self.dialled(is_retry, membership).collect();
        until.sort_unstable_by(|one, other| other.cmp(one));
        until.get(DIALS_MAX - 1).copied()
    }

    /// An attempt for everybody who is wanted, and none for anybody else.
    fn plan(&mut self, now: Instant, me: NodeId, membership: &Membership, routes: &Routes) {
        self.put_off.clear();
        self.wanted.clear();
        self.revision += 1;
        if membership.is_sparse() && self.count(membership) > self.settings.mesh_again() {
            return self.plan_sparse(now, me, membership, routes);
        }
        self.ranked = None;
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

    /// The same in a large room.
    fn plan_sparse(&mut self, now: Instant, me: NodeId, membership: &Membership, routes: &Routes) {
        let strangers = self.strangers.len();
        self.strangers.retain(|id, heard| now.since(*heard) < STRANGER_MS && !membership.is_here(*id));
        if self.strangers.len() < strangers {
            self.counted = None;
        }
        let Settings { ring, random, .. } = self.settings;
        self.wanted = choice::wanted(me, &self.candidates(me, membership), ring, random);
        debug_assert_eq!(self.wanted, choice::wanted(me, &self.all_candidates(membership), ring, random));
        let is_up = |id: &NodeId| *id != me && membership.is_here(*id);
        self.wanted.extend(routes.promoted(now).into_iter().filter(is_up));
        self.choose_dormant(now, me, membership);
        // One that is back is dialled by those who want it, not by all who had tried it.
        let is_dormant = |id: &NodeId| membership.status(*id) == Some(Status::Dormant);
        let tried = self.dormant.map(|(_, id)| id).filter(is_dormant);
        for id in self.wanted.iter().copied().chain(tried).filter(|id| !membership.links().contains(id)) {
            let is_suspect = membership.status(id) == Some(Status::Suspect);
            let first = if is_suspect { now + SUSPECT_MS } else { now };
            self.attempts.entry(id).or_insert(Attempt::at(first));
        }
        let (wanted, links) = (&self.wanted, membership.links());
        self.attempts.retain(|id, attempt| {
            let is_wanted = wanted.contains(id) || tried == Some(*id);
            *id != me && !links.contains(id) && (is_wanted || attempt.dialling_since.is_some())
        });
    }

    /// A member is thought of otherwise.
    pub fn on_status(&mut self, me: NodeId, id: NodeId, is: Status) {
        if let Some(ranked) = &mut self.ranked {
            let line = (choice::rank(me, id), id);
            if is.is_off() {
                ranked.remove(&line)
            } else {
                ranked.insert(line)
            };
        }
    }

    /// Of all who could be linked with those who may come to be wanted: so many next to this node by id, so many of the
    /// lowest rank, and whoever was heard of outside the mesh. A room is looked through every second, and is not to be
    /// as a whole.
    fn candidates(&mut self, me: NodeId, membership: &Membership) -> Vec<Candidate> {
        let Settings { ring, random, .. } = self.settings;
        let is_here = |id: &NodeId| membership.status(*id).is_some_and(|status| !status.is_off());
        let here = membership.others().filter(|(_, _, status)| !status.is_off());
        let ranked = self.ranked.get_or_insert_with(|| here.map(|(id, ..)| (choice::rank(me, id), id)).inserted());
        // Of each kind are taken as many as count, and as many beside them who do not; the first kind is none of the
        // second.
        let beside: BTreeSet<NodeId> = membership.beside(2 * ring).inserted();
        let low = ranked.iter().map(|(_, id)| *id).filter(|id| is_here(id)).take(beside.len() + 2 * random);
        let mut ids: BTreeSet<NodeId> = low.inserted();
        ids.extend(beside);
        ids.extend(self.strangers.keys().filter(|id| **id != me));
        ids.into_iter().filter_map(|id| self.candidate(id, membership)).collect()
    }

    fn candidate(&self, id: NodeId, membership: &Membership) -> Option<Candidate> {
        let is_failing = || self.attempts.get(&id).is_some_and(|attempt| attempt.failures >= FAILURES_MAX);
        match membership.status(id) {
            Some(Status::Joining | Status::Up | Status::Leaving) => Some((id, !is_failing())),
            Some(Status::Suspect) => Some((id, false)),
            Some(Status::Dormant | Status::Departed) => self.strangers.contains_key(&id).then_some((id, false)),
            None => Some((id, !is_failing())),
        }
    }

    /// Who could be linked with: members who are not long away, and those heard of outside the mesh. The others are
    /// checked against it.
    fn all_candidates(&self, membership: &Membership) -> Vec<Candidate> {
        let is_failing = |id: &NodeId| self.attempts.get(id).is_some_and(|attempt| attempt.failures >= FAILURES_MAX);
        let members = membership.others().filter_map(|(id, _, status)| match status {
            Status::Joining | Status::Up | Status::Leaving => Some((id, !is_failing(&id))),
            Status::Suspect => Some((id, false)),
            Status::Dormant | Status::Departed => self.strangers.contains_key(&id).then_some((id, false)),
        });
        let unknown = self.strangers.keys().filter(|id| membership.status(**id).is_none());
        let mut candidates: Vec<Candidate> = members.chain(unknown.map(|id| (*id, !is_failing(id)))).collect();
        candidates.sort_unstable();
        candidates
    }

    /// One of the dormant a minute, another for each node and each time: so two halves of a room that think each other
    /// dormant find each other.
    fn choose_dormant(&mut self, now: Instant, me: NodeId, membership: &Membership) {
        if self.dormant.is_some_and(|(since, _)| now.since(since) < DORMANT_MS)
            || membership.planted().has(Plant::NeverRedial)
        {
            return;
        }
        let minute = choice::rank(me, NodeId::from_bytes(u128::from(now.0 / DORMANT_MS).to_le_bytes()));
        let dormant = membership.others().filter(|(id, _, status)| *status == Status::Dormant && me < *id);
        let least = dormant.min_by_key(|(id, ..)| choice::rank(me, *id) ^ minute);
        self.dormant = least.map(|(id, ..)| (now, id));
    }

    /// How many nodes are here, this one and those only heard of included.
    fn count(&self, membership: &Membership) -> usize {
        let is_away = |id: &&NodeId| membership.status(**id).is_none_or(Status::is_off);
        1 + membership.others_here_count() + self.strangers.keys().filter(is_away).count()
    }

    /// Whether the room is too large for links between all, by who is here now. One that has shrunk stays sparse until
    /// all are linked again.
    pub fn is_sparse(&mut self, membership: &Membership) -> bool {
        // Mostly the answer is plain, or nothing has changed.
        if !membership.is_sparse() && 1 + membership.known() + self.strangers.len() <= self.settings.mesh_max {
            return false;
        }
        let known = self.counted.filter(|(revision, _)| *revision == membership.revision());
        if let Some((_, is_sparse)) = known {
            return is_sparse;
        }
        let count = self.count(membership);
        let is_unlinked = |id: NodeId| membership.is_here(id) && !membership.links().contains(&id);
        let is_shrinking = || count > self.settings.mesh_again() || membership.others().any(|(id, ..)| is_unlinked(id));
        let is_sparse = count > self.settings.mesh_max || membership.is_sparse() && is_shrinking();
        self.counted = Some((membership.revision(), is_sparse));
        is_sparse
    }

    /// Which links to hang up now, in a large room; and all neighbours are told of the links, if it is time.
    pub fn trim(
        &mut self,
        now: Instant,
        me: NodeId,
        membership: &Membership,
        routes: &mut Routes,
        marks: &Marks,
        out: &mut Outbox,
    ) -> Vec<NodeId> {
        if !membership.is_sparse() || self.wanted.is_empty() {
            self.surplus = Surplus::default();
            return Vec::new();
        }
        let links = || membership.links().iter().map(|id| (*id, self.wanted.contains(id))).collect();
        routes.tell(now, membership.patience_ms(TELL_MS), self.revision, links, out);
        let revision = (self.revision, routes.wishes());
        if !self.surplus.is_due(now, membership.links().len(), revision) {
            return Vec::new();
        }
        let needed = 2 * self.settings.ring;
        self.surplus.choose(now, me, membership, &self.wanted, needed, routes, marks)
    }

    /// Whether a link is one that neither end wants, by what both have said: that it closes says nothing of its end.
    pub fn is_surplus(&self, id: NodeId, me: NodeId, membership: &Membership, routes: &Routes) -> bool {
        let is_theirs = routes.wish_of(id, me).is_none_or(|(is_theirs, _)| is_theirs);
        membership.is_sparse() && !is_theirs && !self.wanted.contains(&id)
    }

    /// Whether this node has the links that it wants, as far as they can be had.
    pub fn is_settled(&self, membership: &Membership) -> bool {
        let is_expected = |id: NodeId| membership.is_here(id) || self.strangers.contains_key(&id);
        let is_missing = |id: &&NodeId| !membership.links().contains(id) && is_expected(**id);
        let is_hopeless = |id: &NodeId| self.attempts.get(id).is_some_and(|attempt| attempt.failures >= FAILURES_MAX);
        let is_alone = membership.links().is_empty() && self.strangers.is_empty();
        let is_shrinking = membership.is_sparse() && self.wanted.is_empty() && !is_alone;
        !is_shrinking && !self.wanted.iter().filter(is_missing).any(|id| !is_hopeless(id))
    }

    /// When somebody is to be dialled next, or the links are to be looked through.
    pub fn poll_timeout(&self, membership: &Membership) -> Option<Instant> {
        let has_room = self.room(membership) > 0;
        let slot_at = [false, true].map(|is_retry| self.slot_at(is_retry, membership));
        let due = |attempt: &Attempt| match attempt.dialling_since {
            Some(since) => Some(since + DIAL_MS),
            None => has_room
                .then(|| slot_at[usize::from(attempt.failures > 0)].map_or(attempt.next, |at| attempt.next.max(at))),
        };
        let wait = if self.planned.is_none() { PLAN_SOON_MS } else { PLAN_MS };
        let plan = membership.is_sparse().then(|| self.planned_at + wait);
        self.attempts.values().filter_map(due).chain(plan).min()
    }
}
