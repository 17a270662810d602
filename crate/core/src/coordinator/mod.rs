//! A put or a get in flight: who is asked, when it is answered (Dynamo §4.5, §4.6).
//!
//! The tab where a request is made coordinates it. A put mints a dot, is stored and made durable here, and goes to the
//! N owners; for an owner that does not answer, to the next fallback with a hint, and where there is none the hint
//! stays here. A get asks the owners, joins what they know, answers at R, and repairs behind the answer. Nothing is
//! ever refused for want of peers: a request ends when its level is met, when nobody is left who could still answer, or
//! at its timeout, and says what was reached.
//!
//! Invariants: only owners count, and a fallback that stands in for an owner which does not answer; an owner whose arc
//! is still incoming does not; a write is followed until all N owners have it or it is superseded.
//!
//! - `quorum`: when enough have answered, as a pure accumulator.
//! - `puts`: what a put makes.
//! - `edits`: what an edit of a counter, a set or a map makes.
//! - `writes`: writes in flight, deletes, and receipts.
//! - `reads`: gets.
//! - `listing`: keys.
//! - `interest`: pins, of this node's application and of other nodes.
//! - `watching`: watches.
//! - `scanning`: watches of many keys.
//! - `leave`: the end of all requests.
//!
//! It moves nothing in the background: `handoff` delivers hints, `repair` compares.

mod edits;
mod interest;
mod latency;
mod leave;
mod listing;
mod nodes;
mod puts;
mod quorum;
mod reads;
mod request;
mod scanning;
mod watching;
mod writes;

pub use quorum::{Progress, Quorum};
pub use request::{
    Change, Ended, Keep, KeysReply, Level, Reached, ReadReply, Receipt, Reply, Request, RequestError, TTL_MS_MAX, Terms,
};

pub use crate::wire::Payload;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use smallvec::SmallVec;

use crate::datatype::HybridClock;
use crate::id::{Key, NodeId, Position, RequestId};
use crate::marks::Marks;
use crate::membership::{Membership, Status};
use crate::planted::Planted;
use crate::ring::{RangeSet, Ring};
use crate::store::{Changed, Overflow, PersistError, Store};
use crate::time::{Instant, Millis, WallClock};
use crate::wire::{Object, Outbox};

use edits::Editing;
use interest::Interested;
pub use latency::Latency;
use listing::Listing;
pub use listing::answer_list;
use puts::Put;
use reads::Read;
use scanning::Scanning;
use watching::Watching;
pub use writes::Made;
use writes::{Delete, Write};

/// What a module sees of the node while it handles one input, and where it puts what is to be done.
pub struct Surroundings<'a> {
    /// Now.
    pub now: Instant,
    /// This node.
    pub me: NodeId,
    /// In a comparison, a part with at most so many objects is listed rather than cut.
    pub listed_max: u64,
    /// The bug it has on purpose, if any.
    pub planted: Planted,
    /// Who counts how often rare branches are taken.
    pub marks: &'a Marks,
    /// Where keys live.
    pub ring: &'a Ring,
    /// Who is here.
    pub membership: &'a Membership,
    /// What this node holds.
    pub store: &'a mut Store,
    /// The arcs that this node owns and has not yet received.
    pub incoming: &'a RangeSet,
    /// What time it is elsewhere, as far as that can be believed.
    pub wall: &'a WallClock,
    /// To be sent.
    pub out: &'a mut Outbox,
    /// To be sent when the batch that is being filled is durable.
    pub gated: &'a mut Outbox,
    /// Keys that changed here, and who brought the change.
    pub changed: &'a mut Vec<(Key, Option<NodeId>, Changed)>,
}

impl Surroundings<'_> {
    /// Join what `from` knows of a key with what is held here. Tells whether that changed anything; what would overflow
    /// does not.
    pub fn merge(&mut self, key: &Key, object: &Object, from: NodeId) -> bool {
        self.take_in(key, object, from).unwrap_or(false)
    }

    /// [`Surroundings::merge`] for whoever has to know that it would overflow.
    pub fn take_in(&mut self, key: &Key, object: &Object, from: NodeId) -> Result<bool, Overflow> {
        let changed = self.store.merge(key, object)?;
        self.changed.extend(changed.map(|changed| (key.clone(), Some(from), changed)));
        Ok(changed.is_some())
    }

    /// Join what `from`, an owner, knows of a key that is kept for this node's user: with what is held, if this node
    /// owns the key too, else with the copy. Tells whether that changed anything.
    pub fn keep_copy(&mut self, key: &Key, object: &Object, from: NodeId) -> bool {
        if self.ring.owns(self.me, self.position(key)) {
            return self.merge(key, object, from);
        }
        let changed = self.store.keep_copy(key, object);
        if let Some(changed) = changed {
            self.changed.push((key.clone(), Some(from), changed));
        }
        changed.is_some()
    }

    /// If a key is owned by others and wanted here, its copy follows what is held of it.
    pub fn follow(&mut self, key: &Key) {
        if self.store.wants(key) && !self.ring.owns(self.me, self.position(key)) {
            self.store.follow(key);
        }
    }

    /// A copy goes, as `from` has it: whoever watches its key is told.
    pub fn drop_copy(&mut self, key: &Key, from: NodeId) {
        self.store.drop_copy(key);
        self.changed.push((key.clone(), Some(from), Changed { before: 0, after: 0 }));
    }

    /// Whether every node that is known and has not departed is here: then what none of them has, nobody has.
    pub fn is_whole(&self) -> bool {
        let is_here = |status: Status| matches!(status, Status::Up | Status::Departed);
        self.membership.others().all(|(_, _, status)| is_here(status))
    }

    /// Where a key lies.
    pub fn position(&self, key: &Key) -> Position {
        self.membership.room().position(key)
    }

    /// Whether this node owns a position and has received its arc.
    pub fn is_settled_owner(&self, position: Position) -> bool {
        self.ring.owns(self.me, position) && !self.incoming.contains(position.0)
    }

    /// Whether somebody's question can have been put by the ring of this node. The question of one who is not known yet
    /// has overtaken its hello: this node owns more by a ring without it, and has nothing of it.
    pub fn knows(&self, id: NodeId) -> bool {
        self.membership.status(id).is_some()
    }
}

/// Limits and defaults of a coordinator.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The level of reads that name none.
    pub r: Level,
    /// The level of writes that name none.
    pub w: Level,
    /// When a request that names no timeout is answered with what was reached.
    pub timeout_ms: Millis,
    /// When a leave that names no timeout is called off.
    pub leave_timeout_ms: Millis,
    /// The largest value, in bytes.
    pub value_bytes_max: usize,
    /// The largest object a put may leave, all siblings together, in bytes: it must fit a frame.
    pub object_bytes_max: usize,
    /// How many writes are followed until all owners have them; the oldest are let go first.
    pub writes_followed_max: usize,
    /// How many watches of other nodes are served.
    pub subscriptions_max: usize,
    /// How many pins of other nodes are served.
    pub interests_max: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            r: Level::Quorum,
            w: Level::Quorum,
            timeout_ms: 5_000,
            leave_timeout_ms: 30_000,
            value_bytes_max: 256 * 1024,
            object_bytes_max: 1024 * 1024,
            writes_followed_max: 10_000,
            subscriptions_max: 10_000,
            interests_max: 1_000,
        }
    }
}

/// What waits until dots can be minted.
#[derive(Debug, Clone)]
enum Waiting {
    /// A request that has not begun.
    Request(Request),
    /// A delete that knows what it supersedes.
    Delete(Delete),
    /// An edit that has read what it had to.
    Edit(Editing),
}

/// The numbers of writes of one key: mostly there is one.
type Numbers = SmallVec<[u64; 2]>;

/// All requests in flight at one node.
#[derive(Debug, Clone)]
pub struct Coordinator {
    settings: Settings,
    next: u64,
    /// Boxed: a write is large, and the map moves what it holds.
    writes: BTreeMap<u64, Box<Write>>,
    writes_by_key: BTreeMap<Key, Numbers>,
    /// When which write is answered with what was reached.
    writes_due: BTreeSet<(Instant, u64)>,
    begun: Vec<u64>,
    made: Vec<Made>,
    /// Requests that wait until dots can be minted.
    waiting: VecDeque<(RequestId, Waiting)>,
    reads: BTreeMap<u64, Read>,
    listings: BTreeMap<u64, Listing>,
    watching: Watching,
    scanning: Scanning,
    /// Who keeps what for its user, and is told of changes.
    interested: Interested,
    /// Stamps last-write-wins values.
    hybrid: HybridClock,
    /// Requests to leave, with their deadlines, for the node to carry out.
    leaves: Vec<(RequestId, Instant)>,
    /// This node has left.
    is_closed: bool,
    replies: Vec<(RequestId, Reply)>,
    repaired: Vec<NodeId>,
    gets: Latency,
    puts: Latency,
}

impl Coordinator {
    /// With nothing in flight.
    pub fn new(settings: Settings, planted: Planted) -> Coordinator {
        Coordinator {
            settings,
            next: 0,
            writes: BTreeMap::new(),
            writes_by_key: BTreeMap::new(),
            writes_due: BTreeSet::new(),
            begun: Vec::new(),
            made: Vec::new(),
            waiting: VecDeque::new(),
            reads: BTreeMap::new(),
            listings: BTreeMap::new(),
            watching: Watching::default(),
            scanning: Scanning::default(),
            interested: Interested::default(),
            hybrid: HybridClock::new(planted),
            leaves: Vec::new(),
            is_closed: false,
            replies: Vec::new(),
            repaired: Vec::new(),
            gets: Latency::default(),
            puts: Latency::default(),
        }
    }

    /// Begin what the application asks.
    pub fn start(&mut self, near: &mut Surroundings<'_>, id: RequestId, request: Request) {
        if self.is_closed {
            self.replies.push((id, Reply::Failed(RequestError::Closed)));
        } else if self.waiting.is_empty() {
            self.begin(near, id, request);
        } else {
            self.waiting.push_back((id, Waiting::Request(request)));
        }
    }

    fn begin(&mut self, near: &mut Surroundings<'_>, id: RequestId, request: Request) {
        match request {
            Request::Put { key, value, keep, context, terms } => {
                self.put(near, id, Put { key, value, keep, context, terms });
            }
            Request::Delete { key, context, terms } => self.delete(near, id, key, context, terms),
            Request::Edit { key, edit, ttl_ms, context, terms } => {
                self.edit(near, id, Editing { key, edit, ttl_ms, context, terms, is_sure: true });
            }
            Request::Get { key, terms } => self.get(near, id, key, terms),
            Request::Keys { bucket, prefix, terms } => self.list(near, id, bucket, prefix, terms),
            Request::Watch { key } => self.watch(near, id, key),
            Request::WatchAll { pin } => self.scan(near, id, pin),
            Request::Pin { pin } => self.pin(near, id, pin),
            Request::Unpin { pin } => self.unpin(near, id, &pin),
            Request::Leave { timeout_ms } => self.leave(near.now, id, timeout_ms),
        }
    }

    /// The mint is open, or had to begin anew: go on with the requests that wait for it, in their order.
    pub fn resume(&mut self, near: &mut Surroundings<'_>) {
        let waiting = core::mem::take(&mut self.waiting);
        for (id, waiting) in waiting {
            match waiting {
                Waiting::Request(request) => self.start(near, id, request),
                Waiting::Delete(delete) if self.waiting.is_empty() => self.delete_seen(near, id, delete),
                Waiting::Edit(editing) if self.waiting.is_empty() => self.edit_seen(near, id, editing),
                read => self.waiting.push_back((id, read)),
            }
        }
    }

    /// The mint could not be opened: nothing that waits for it can be written. Reads go on.
    pub fn refuse(&mut self, near: &mut Surroundings<'_>, reason: PersistError) {
        for (id, waiting) in core::mem::take(&mut self.waiting) {
            match waiting {
                Waiting::Request(Request::Put { .. }) | Waiting::Delete(_) | Waiting::Edit(_) => {
                    self.replies.push((id, Reply::Failed(RequestError::from(reason))));
                }
                Waiting::Request(other) => self.begin(near, id, other),
            }
        }
    }

    /// Nobody listens to this request any more.
    pub fn cancel(&mut self, near: &mut Surroundings<'_>, id: RequestId) {
        // A write that waits goes on; whatever else waits has no effect but its answer.
        let has_effect = |waiting: &Waiting| match waiting {
            Waiting::Request(request) => {
                matches!(request, Request::Put { .. } | Request::Delete { .. } | Request::Edit { .. })
            }
            Waiting::Delete(_) | Waiting::Edit(_) => true,
        };
        self.waiting.retain(|(waits, waiting)| *waits != id || has_effect(waiting));
        self.watching.cancel(near, id);
        self.scanning.cancel(near, id);
        for write in self.writes.values_mut().filter(|write| write.is_for(id)) {
            write.is_listened_to = false;
        }
    }

    /// Whether this node's application has to do with a key beside being shown it: a write of it is still followed.
    pub fn keeps(&self, key: &Key) -> bool {
        self.writes_by_key.contains_key(key)
    }

    /// What the application is to be told, in order.
    pub fn take_replies(&mut self) -> impl Iterator<Item = (RequestId, Reply)> {
        self.replies.drain(..)
    }

    /// The replicas that reads have found wanting and repaired since the last call.
    pub fn take_repaired(&mut self) -> Vec<NodeId> {
        core::mem::take(&mut self.repaired)
    }

    /// How quick gets and puts were.
    pub fn latencies(&self) -> (&Latency, &Latency) {
        (&self.gets, &self.puts)
    }

    /// When something falls due next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let writes = self.writes_due.first().map(|&(deadline, _)| deadline);
        let reads = self.reads.values().map(Read::poll_timeout);
        let listings = self.listings.values().map(|listing| listing.deadline);
        writes.into_iter().chain(reads).chain(listings).chain(self.watching.poll_timeout()).min()
    }

    /// Act on what has fallen due.
    pub fn handle_timeout(&mut self, near: &mut Surroundings<'_>) {
        self.expire_writes(near);
        self.expire_reads(near);
        self.expire_listings(near);
        self.renew_watches(near);
    }

    /// Somebody can be asked no longer, or again: whoever waited for them goes on without.
    pub fn on_membership(&mut self, near: &mut Surroundings<'_>) {
        self.reroute_writes(near);
        self.reroute_reads(near);
        self.reroute_listings(near);
    }

    /// A link has closed whose other end is reached over others: whoever waits for an answer from there asks once more,
    /// for the question or the answer may have been on that link.
    pub fn on_link_closed(&mut self, near: &mut Surroundings<'_>, node: NodeId) {
        self.store_again(near, node);
        self.fetch_again(near, node);
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn deadline(&self, now: Instant, terms: Terms) -> Instant {
        now + terms.timeout_ms.unwrap_or(self.settings.timeout_ms)
    }
}
