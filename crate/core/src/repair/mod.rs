//! What differs: anti-entropy by recursive splitting of ranges (Merkle trees do it in Dynamo §4.7; here an ordered
//! index answers the fingerprint of any range, so there is no tree to rebuild: Auvolat and Taïani, "Merkle Search
//! Trees", SRDS 2019, and Meyer, "Range-Based Set Reconciliation", SRDS 2023).
//!
//! Two nodes compare one *scope*: the arcs both own (each gives and takes), the arcs one of them has to receive (it
//! only takes), or what one holds and does not own (it only gives). The one that began it sends the fingerprint of all;
//! equal costs one round trip. Where little seems to differ, coded symbols tell what (`symbols`, `engine`): about two
//! of ten bytes for each difference, whatever is held. Else it asks on, part by part: short tags of the parts below a
//! large part, a list of short tags for a small one (`tags`). What it lacks it asks for, what the other lacks, and
//! owns, it sends; of two versions of one key only that which is news is sent. The other side only answers and keeps
//! nothing but the scope, so it cannot be made to grow. When all is exchanged and durable, the session has ended; what
//! both own is compared once more by its full fingerprint, so a collision of short tags costs a second look and never a
//! difference.
//!
//! A fingerprint of what two nodes share rides on their probes: equal stores send nothing of their own, and where it
//! differs, a comparison begins. Only of whom nothing was heard that way, one neighbour is asked every ten seconds.
//!
//! A node asks several sources at a time whether they hold anything of what is incoming, and fetches it from one after
//! the other, so that each object comes once; until it has, it neither begins nor answers comparisons that would give
//! it the same objects.
//!
//! `cargo run --release -p roundtable-sim -- measure repair` compares bytes and round trips with those of a rival.
//!
//! Invariant: objects are joined, never overwritten (`clock`), so a comparison may stop anywhere and harms nothing.

mod answer;
mod engine;
mod interest;
mod peer;
mod planning;
mod session;
mod starts;
mod symbols;
mod tags;

pub use answer::{Answering, Question, Want};
pub use tags::LISTED_MAX;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::Cell;

use crate::coordinator::Surroundings;
use crate::handoff::{Doubt, Handoff};
use crate::id::{Inserted, Key, NodeId, Pin};
use crate::marks::Mark;
use crate::ring::{RangeSet, Ring};
use crate::time::{Instant, Millis};
use crate::wire::{Object, Part, PartSummary};
use peer::{Peer, backoff};
use session::Session;
use starts::Planned;

/// How long a difference that gossip shows may be that of a write on its way.
const DIFFER_MS: Millis = 500;
/// How long a neighbour that was found equal by gossip is not asked.
const EQUAL_MS: Millis = 60_000;
/// How long the other's comparison is given before this node begins its own.
const ASKED_MS: Millis = 1_000;
/// How often one neighbour is compared with when nothing has happened.
const INTERVAL_MS: Millis = 10_000;
/// How long after a change of the ring comparisons begin: several changes come together.
const SETTLE_MS: Millis = 50;
/// How soon after those that followed a change of the ring comparisons begin anew in a large room, where all compare
/// with all again for each of those who come one after the other.
const ROUND_MS: Millis = 2_000;
/// How much longer the node with the higher id waits: the other's comparison mostly makes its own an equal one.
const SECOND_MS: Millis = 250;
/// How long another source is not turned to while one that was asked for what is incoming does not answer.
const PATIENCE_MS: Millis = 1_000;
/// A session in which nothing moved for so long is given up.
const STALL_MS: Millis = 10_000;
/// When a comparison that could not be made, or found differences that do not go away, is tried again.
const RETRY_MS: Millis = 1_000;
/// How often in a row a comparison that moved something is repeated at once.
const AT_ONCE: u32 = 3;
const RETRY_MS_MAX: Millis = 30_000;
/// How many comparisons of its own a node has under way; and how many more that only ask so far whether a source holds
/// anything of what is incoming.
const SESSIONS_MAX: usize = 4;
const SOURCES_MAX: usize = 12;
/// The same where answers take long.
const SOURCES_LATE_MAX: usize = 3;

/// Over what two nodes compare.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Task {
    /// The arcs both own.
    Shared,
    /// Arcs this node has to receive, where the other may hold something: what `handoff` says when it begins.
    Incoming,
    /// Arcs the other owns and this node does not, where this node holds something: what an owner left behind when it
    /// ceased to be one, or wrote while it was apart.
    Stray(RangeSet),
    /// What is pinned here, where the other is the first owner and this node none.
    Interest(Pin),
}

/// What a session that has ended came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// With whom.
    pub with: NodeId,
    /// Over which part of the ring.
    pub scope: RangeSet,
    /// Of what is pinned here alone, if it was about that.
    pub pin: Option<Pin>,
    /// Copies of which the other side knows nothing, or less than lies here.
    pub doubts: Vec<Doubt>,
    /// Objects that came.
    pub received: usize,
    /// Objects that went.
    pub sent: usize,
    /// Whether the other side said at once that it holds the same, all of it durable.
    pub was_same: bool,
    /// Whether it is the very same as what is held here now: then all of that is durable there.
    pub is_confirmed: bool,
}

/// Objects that a session had asked for.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// Which session.
    pub session: u32,
    /// Which want of it.
    pub want: u32,
    /// What came.
    pub objects: &'a [(Key, Object)],
    /// The tags of those for which this node knows something that the other lacks.
    pub lacks: &'a [u32],
    /// Where to go on, if there is more.
    pub next: Option<u64>,
}

/// All comparisons of one node.
#[derive(Debug, Clone, Default)]
pub struct Repair {
    peers: BTreeMap<NodeId, Peer>,
    planned: Planned,
    /// When the next comparison may begin, as long as nothing changes here, and whether something was incoming then.
    starts: Cell<Option<(bool, Option<Instant>)>>,
    /// In a large room, when the ring has changed: at what time comparisons are planned with all. Before, none begins.
    replan: Option<Instant>,
    /// The ring before it, by which comparisons were planned last.
    before: Option<Arc<Ring>>,
    /// Whether the room is a large one, and when something was last done: what is due by then need not be told apart.
    large_at: Option<Instant>,
    /// Whether answers took long then.
    is_late: bool,
    sessions: BTreeMap<u32, Session>,
    number: u32,
    /// When the comparisons that follow a change of the ring begin, or have begun.
    round: Instant,
    periodic: Option<Instant>,
    /// When what is pinned is compared anew; `None`: nothing is.
    feeding: Option<Instant>,
    answering: Answering,
    outcomes: Vec<Outcome>,
}

impl Repair {
    /// What has ended since the last call.
    pub fn take_outcomes(&mut self) -> Vec<Outcome> {
        core::mem::take(&mut self.outcomes)
    }

    /// The answering side.
    pub fn answering(&mut self) -> &mut Answering {
        &mut self.answering
    }

    /// Others answer than did: comparisons with those who are gone end.
    pub fn on_membership(&mut self, near: &Surroundings<'_>, gone: &[NodeId]) {
        self.starts.set(None);
        self.sessions.retain(|_, session| near.membership.answers(session.with));
        let mut has_lost_owner = false;
        for id in gone {
            self.planned.forget(*id);
            has_lost_owner |= self.peers.remove(id).is_some() && near.ring.contains(*id);
        }
        debug_assert!(self.peers.keys().all(|id| near.membership.answers(*id)), "one is gone and was not named");
        if has_lost_owner {
            self.feed_anew(near);
        }
    }

    /// Whether the arcs shared with every node that answers were found equal since the ring last changed, and since
    /// anything was last seen to differ. A look now and then at what was found equal changes nothing of that.
    pub fn is_settled(&self, ring: &Ring, answering: impl Iterator<Item = NodeId>) -> bool {
        let is_idle = self.peers.values().all(|peer| peer.is_idle(ring));
        let matters = |session: &Session| self.matters(session, ring);
        self.replan.is_none()
            && is_idle
            && !self.sessions.values().any(matters)
            && answering.into_iter().all(|id| self.agrees(id, ring))
    }

    /// Whether owners wait for what a session will find: not if it is about copies, or looks at what was found equal.
    fn matters(&self, session: &Session, ring: &Ring) -> bool {
        match session.task {
            Task::Interest(_) => false,
            Task::Shared => !self.agrees(session.with, ring),
            Task::Incoming | Task::Stray(_) => true,
        }
    }

    fn agrees(&self, id: NodeId, ring: &Ring) -> bool {
        self.peers.get(&id).is_some_and(|peer| peer.agreed == Some(ring.hash()))
    }

    /// With whom something is still to be compared, for people to read.
    pub fn unsettled(&self, ring: &Ring, answering: impl Iterator<Item = NodeId>) -> BTreeSet<NodeId> {
        let busy = self.peers.iter().filter(|(_, peer)| !peer.is_idle(ring)).map(|(id, _)| *id);
        let under_way = self.sessions.values().filter(|session| self.matters(session, ring));
        let under_way = under_way.map(|session| session.with);
        let is_open = |id: &NodeId| self.replan.is_some() || !self.agrees(*id, ring);
        answering.filter(is_open).chain(busy).chain(under_way).inserted()
    }

    /// When something falls due next.
    pub fn poll_timeout(&self, handoff: &Handoff) -> Option<Instant> {
        let has_incoming = !handoff.incoming().is_empty();
        let known = self.starts.get().filter(|(had_incoming, _)| *had_incoming == has_incoming);
        let (_, start) = known.unwrap_or_else(|| (has_incoming, self.next_start(handoff)));
        debug_assert_eq!(start, self.next_start(handoff), "a change that was not noted");
        self.starts.set(Some((has_incoming, start)));
        let stalls = self.sessions.values().map(|session| session.progress + STALL_MS);
        let resends = self.sessions.values().filter_map(Session::resend_at);
        let periodic = self.periodic.filter(|_| !self.peers.is_empty());
        start.into_iter().chain(stalls).chain(resends).chain(periodic).chain(self.feeding).min()
    }

    /// Begin what has fallen due, ask again what was not answered, give up what has stalled.
    pub fn handle_timeout(&mut self, near: &mut Surroundings<'_>, handoff: &Handoff) {
        self.note_change(near);
        let stalled: Vec<u32> = self
            .sessions
            .iter()
            .filter(|(_, session)| near.now.since(session.progress) >= STALL_MS)
            .map(|(&number, _)| number)
            .collect();
        near.marks.hit_if(Mark::ComparisonStalls, || !stalled.is_empty());
        stalled.into_iter().for_each(|number| self.give_up(near.now, number));
        for session in self.sessions.values_mut() {
            if session.resend_at().is_some_and(|due| due <= near.now) {
                near.marks.hit(Mark::QuestionResent);
                session.resend(near);
            }
        }
        if self.periodic.is_some_and(|due| due <= near.now) {
            self.periodic = Some(near.now + INTERVAL_MS);
            self.plan_periodic(near, handoff);
        }
        self.feed(near);
        self.replan_if_due(near, handoff);
        self.begin_due(near, handoff);
    }

    fn is_busy_with(&self, id: NodeId) -> bool {
        self.sessions.values().any(|session| session.with == id)
    }

    fn begin(&mut self, near: &mut Surroundings<'_>, handoff: &Handoff, id: NodeId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let Some(task) = peer.tasks.pop_front() else { return };
        let may_wait = !core::mem::take(&mut peer.waits);
        self.planned.file(id, peer);
        let (scope, ring) = match &task {
            Task::Shared => {
                let shared = self.peers.get_mut(&id).map(|peer| peer.shared(near, id).arcs.clone());
                (shared.unwrap_or_default(), Some(near.ring.hash()))
            }
            Task::Stray(ranges) => (ranges.clone(), None),
            Task::Incoming => match handoff.sources().get(&id) {
                Some(ranges) => (ranges.clone(), None),
                // All of it has come by a comparison that the ring has outlived.
                None => return,
            },
            Task::Interest(pin) if near.store.pins().all(|pinned| pinned != pin) => return,
            Task::Interest(_) => (self.peers.get_mut(&id).map(|peer| peer.led(near, id)).unwrap_or_default(), None),
        };
        if scope.is_empty() {
            self.finish(near, Session::nothing(id, near.ring.hash(), task));
            return;
        }
        near.marks.hit_if(Mark::StraysCompared, || matches!(task, Task::Stray(_)));
        self.number = self.number.wrapping_add(1);
        let mut session = Session::begin(near, self.number, id, scope, task, ring);
        session.may_wait = may_wait;
        self.sessions.insert(self.number, session);
    }

    /// The other side says what it holds.
    pub fn on_summary(
        &mut self,
        near: &mut Surroundings<'_>,
        handoff: &mut Handoff,
        from: NodeId,
        number: u32,
        parts: Vec<(Part, PartSummary)>,
    ) {
        let another_fetches = self.sessions.values().any(Session::is_fetching);
        let Some(session) = self.sessions.get_mut(&number).filter(|session| session.with == from) else { return };
        let was_fetching = session.is_fetching();
        session.on_summary(near, parts);
        let would_begin = !was_fetching && session.is_fetching() && session.has_more();
        // What it asked about may be more than it owns by now: of that it fetches nothing.
        if would_begin && (another_fetches || !session.scope.is_within(&near.ring.arcs_of(near.me))) {
            self.put_back(near, number);
            return;
        }
        if session.task == Task::Shared
            && !session.was_same
            && let Some(peer) = self.peers.get_mut(&from)
        {
            peer.agreed = None;
        }
        self.go_on(near, handoff, number);
    }

    /// The other side cannot compare: its ring is another one still.
    pub fn on_mismatch(&mut self, now: Instant, from: NodeId, number: u32) {
        self.starts.set(None);
        if self.sessions.get(&number).is_some_and(|session| session.with == from) {
            self.give_up(now, number);
        }
    }

    /// Objects that a session had asked for have come.
    pub fn on_answer(&mut self, near: &mut Surroundings<'_>, handoff: &mut Handoff, from: NodeId, answer: &Answer<'_>) {
        let number = answer.session;
        let Some(session) = self.sessions.get_mut(&number).filter(|session| session.with == from) else { return };
        session.on_objects(near, answer);
        self.go_on(near, handoff, number);
    }

    /// A batch that was on its way to this node has arrived.
    pub fn on_delivered(&mut self, near: &mut Surroundings<'_>, handoff: &mut Handoff, from: NodeId, durable: bool) {
        let numbers: Vec<u32> =
            self.sessions.iter().filter(|(_, session)| session.with == from).map(|(&number, _)| number).collect();
        for number in numbers {
            if let Some(session) = self.sessions.get_mut(&number) {
                session.progress = near.now;
                session.was_refused |= !durable;
            }
            self.go_on(near, handoff, number);
        }
    }

    /// The other side compared and found what both own to be equal.
    pub fn on_agreed(&mut self, from: NodeId, ring: u64) {
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.agreed = Some(ring);
            if peer.tasks.contains(&Task::Shared) {
                self.starts.set(None);
                peer.tasks.retain(|task| *task != Task::Shared);
                self.planned.file(from, peer);
            }
        }
    }

    /// Whether what both own is being asked of that node already, and its own question, which crossed ours, needs no
    /// answer: it leaves the comparison to the lower id.
    pub fn leads(&self, me: NodeId, with: NodeId) -> bool {
        me < with && self.sessions.values().any(|session| session.with == with && session.is_fresh())
    }

    /// The other side compares: for a while it is left to it. Where both have begun at the same time, the node with the
    /// higher id leaves it to the other.
    pub fn on_asked(&mut self, near: &Surroundings<'_>, from: NodeId) {
        self.starts.set(None);
        let Some(peer) = self.peers.get_mut(&from) else { return };
        peer.asked_at = Some(near.now);
        let yields = |session: &Session| session.with == from && near.me > from && session.is_fresh();
        let fresh = self.sessions.iter().find(|(_, session)| yields(session)).map(|(&number, _)| number);
        if let Some(number) = fresh {
            near.marks.hit(Mark::ComparisonYields);
            self.sessions.remove(&number);
            peer.tasks.push_front(Task::Shared);
            self.planned.file(from, peer);
        }
    }

    /// The fingerprint of what this node holds where both own, by the ring of now; `None` while some of it is still to
    /// come. The caller has made sure that all of it is durable.
    pub fn shared_fingerprint(&mut self, near: &Surroundings<'_>, with: NodeId) -> Option<[u8; 16]> {
        let peer = self.peers.get_mut(&with).filter(|_| near.incoming.is_empty())?;
        Some(peer.shared(near, with).fingerprint(near))
    }

    /// What the other side holds of it. Tells where that is the very same.
    pub fn on_shared(&mut self, near: &Surroundings<'_>, from: NodeId, theirs: [u8; 16]) -> Option<RangeSet> {
        let peer = self.peers.get_mut(&from).filter(|_| near.incoming.is_empty())?;
        let shared = peer.shared(near, from);
        if shared.fingerprint(near) == theirs {
            let scope = shared.arcs.clone();
            peer.equal_at = Some(near.now);
            self.on_agreed(from, near.ring.hash());
            return Some(scope);
        }
        peer.equal_at = None;
        let is_recent = peer.differed_at.is_some_and(|at| near.now.since(at) < INTERVAL_MS);
        if peer.tasks.is_empty() && !is_recent && self.sessions.values().all(|session| session.with != from) {
            near.marks.hit(Mark::GossipDiffers);
            peer.differed_at = Some(near.now);
            peer.agreed = None;
            self.starts.set(None);
            peer.tasks.push_back(Task::Shared);
            self.planned.file(from, peer);
            peer.next = near.now + DIFFER_MS + if near.me > from { SECOND_MS } else { 0 };
        }
        None
    }

    /// That source holds something. What another one holds of it comes first; if there is none, it is asked anew, about
    /// what this node owns by now.
    fn put_back(&mut self, near: &Surroundings<'_>, number: u32) {
        near.marks.hit(Mark::SourceWaits);
        self.starts.set(None);
        let Some(session) = self.sessions.remove(&number) else { return };
        if let Some(peer) = self.peers.get_mut(&session.with) {
            peer.push_front(session.task);
            peer.waits = true;
            self.planned.file(session.with, peer);
        }
    }

    fn go_on(&mut self, near: &mut Surroundings<'_>, handoff: &mut Handoff, number: u32) {
        self.starts.set(None);
        let Some(session) = self.sessions.get_mut(&number) else { return };
        session.go_on(near, handoff);
        if session.is_over(handoff)
            && let Some(mut session) = self.sessions.remove(&number)
        {
            session.expire_word(near);
            self.finish(near, session);
        }
    }

    fn finish(&mut self, near: &Surroundings<'_>, session: Session) {
        self.note_change(near);
        let (now, outcome) = (near.now, session.outcome());
        if let Some(peer) = self.peers.get_mut(&outcome.with) {
            peer.next = now;
            if let Some(pin) = &outcome.pin {
                peer.fed.insert(pin.clone(), near.ring.hash());
            } else if outcome.was_same {
                peer.failures = 0;
                if let Some(ring) = session.ring {
                    peer.agreed = Some(ring);
                }
            } else if session.ring.is_some() {
                // Look once more that nothing differs: at once if something moved, later if that does not help.
                let moved = outcome.received + outcome.sent > 0 && !session.was_refused;
                peer.tasks.push_back(Task::Shared);
                self.planned.file(outcome.with, peer);
                peer.agreed = None;
                peer.failures += 1;
                peer.next = now + if moved && peer.failures <= AT_ONCE { 0 } else { backoff(peer.failures) };
            }
        }
        self.outcomes.push(outcome);
    }

    fn give_up(&mut self, now: Instant, number: u32) {
        self.starts.set(None);
        let Some(session) = self.sessions.remove(&number) else { return };
        if let Some(peer) = self.peers.get_mut(&session.with) {
            let task = match session.task {
                Task::Shared => Task::Shared,
                Task::Incoming => Task::Incoming,
                Task::Stray(_) => Task::Stray(session.scope),
                Task::Interest(pin) => Task::Interest(pin),
            };
            if task == Task::Shared {
                peer.agreed = None;
            }
            peer.push_front(task);
            self.planned.file(session.with, peer);
            peer.failures += 1;
            peer.next = now + backoff(peer.failures);
        }
    }
}
