//! The read-only window into a node: what panels, tests and the browser face see, and all that they see.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Node;
use crate::coordinator::Latency;
use crate::id::{DeviceId, Inserted, Key, Label, NodeId, Pin, Position};
use crate::membership::Status;
use crate::ring::RangeSet;
use crate::store::Sum;
use crate::time::{Instant, Millis, WallTime};
use crate::wire::{DiskState, Object, Presence, Record, Told};

/// A read-only window into a node.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub(super) node: &'a Node,
}

/// One member, as this node believes it to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberView {
    /// Who.
    pub id: NodeId,
    /// Its failure domain.
    pub device: DeviceId,
    /// What people call it.
    pub label: Label,
    /// Its virtual nodes.
    pub capacity: u16,
    /// What this node believes of it.
    pub status: Status,
    /// How its page is, by its own last word: a frozen one is waited for longer.
    pub presence: Presence,
    /// Whether it is this node itself.
    pub me: bool,
    /// Whether a direct link is open.
    pub linked: bool,
    /// Its share of primary positions, of `u64::MAX`.
    pub share: u64,
    /// How its disk takes what it is given, as it last said.
    pub disk: DiskState,
}

/// Who keeps a key, by this node's records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PreferenceView {
    /// The first N of the preference list.
    pub owners: Vec<NodeId>,
    /// The rest of it, in order.
    pub fallbacks: Vec<NodeId>,
}

/// How quick requests of one kind were, over the last thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestStats {
    /// All there were since the start.
    pub count: u64,
    /// Half were answered within this.
    pub p50_ms: Millis,
    /// 99 of 100 were answered within this.
    pub p99_ms: Millis,
}

/// Bytes handed to links, by what they served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SentBytes {
    /// Membership and probes.
    pub gossip: u64,
    /// Read repair and anti-entropy.
    pub repair: u64,
    /// Hints and arcs on the move.
    pub transfer: u64,
    /// Puts, gets, listings, watches.
    pub request: u64,
    /// Signals carried for links to come.
    pub signal: u64,
}

/// Counts of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Metrics {
    /// Keys held with at least one value.
    pub keys: u64,
    /// Bytes of keys and values held.
    pub bytes: u64,
    /// Hints held.
    pub hints: u64,
    /// Copies of what others own, kept for this node's user: keys, tombstones included, that are in no other count.
    pub copies: u64,
    /// Bytes of their keys and values.
    pub copy_bytes: u64,
    /// Keys held without a value that is shown: deleted, or expired.
    pub tombstones: u64,
    /// Open links.
    pub links: u64,
    /// Members known and not departed, this node included.
    pub nodes: u64,
    /// Bytes handed to links.
    pub sent: SentBytes,
    /// Gets of this node's application.
    pub gets: RequestStats,
    /// Puts and deletes of this node's application.
    pub puts: RequestStats,
    /// Frames that could not be read or were not allowed.
    pub frames_dropped: u64,
}

impl View<'_> {
    /// This node.
    pub fn id(&self) -> NodeId {
        self.node.me
    }

    /// Whether this node has left for good: all that it held lies elsewhere.
    pub fn has_departed(&self) -> bool {
        self.node.has_departed()
    }

    /// A number that changes whenever [`View::members`] would.
    pub fn members_version(&self) -> u64 {
        self.node.membership.revision()
    }

    /// This node first, then all others known and not departed, in the order of their ids.
    pub fn members(&self) -> Vec<MemberView> {
        let membership = &self.node.membership;
        let shares = self.node.ring.shares();
        let share_of = |id: NodeId| shares.binary_search_by_key(&id, |share| share.0).map_or(0, |at| shares[at].1);
        let view = |id: NodeId, record: &Record, status: Status| MemberView {
            id,
            device: record.device,
            label: record.label.clone(),
            capacity: record.capacity,
            status,
            presence: record.presence,
            me: id == self.node.me,
            linked: membership.links().contains(&id),
            share: share_of(id),
            disk: if id == self.node.me { self.node.disk_state() } else { membership.disk(id) },
        };
        let status = membership.status(self.node.me).unwrap_or(Status::Up);
        let own = view(self.node.me, membership.own().record(), status);
        let others = membership.others().filter(|(_, _, status)| *status != Status::Departed);
        core::iter::once(own).chain(others.map(|(id, record, status)| view(id, record, status))).collect()
    }

    /// How everybody is doing who is in [`View::members`], in that order: this node as it is now, the others as they
    /// last told. `None`: not heard of yet.
    pub fn vitals(&self, now: Instant) -> Vec<(NodeId, Option<Told>)> {
        let membership = &self.node.membership;
        let own = (self.node.me, Some(Told { vitals: self.node.vitals(now), age_ms: 0 }));
        let others = membership.others().filter(|(_, _, status)| *status != Status::Departed);
        core::iter::once(own).chain(others.map(|(id, ..)| (id, membership.vitals(now, id)))).collect()
    }

    /// Who keeps this key.
    pub fn preference_list(&self, key: &Key) -> PreferenceView {
        let list = self.node.ring.preference_list(self.position(key));
        PreferenceView { owners: list.owners().to_vec(), fallbacks: list.fallbacks().to_vec() }
    }

    /// Who owns a position, by this node's records.
    pub fn owners_of(&self, position: Position) -> Vec<NodeId> {
        self.node.ring.owners(position).into_vec()
    }

    /// Every member known, this node included: the version of its record, and its incarnation.
    pub fn versions(&self) -> Vec<(NodeId, u64, u64)> {
        let line = |id: NodeId, record: &Record| (id, record.version, record.incarnation);
        let membership = &self.node.membership;
        let own = line(self.node.me, membership.own().record());
        core::iter::once(own).chain(membership.others().map(|(id, record, _)| line(id, record))).collect()
    }

    /// Where a key lies on the ring.
    pub fn position(&self, key: &Key) -> Position {
        self.node.config.room.position(key)
    }

    /// All tokens of the ring, clockwise, with their nodes.
    pub fn tokens(&self) -> Vec<(Position, NodeId)> {
        self.node.ring.tokens().collect()
    }

    /// How many copies this room keeps.
    pub fn n(&self) -> u8 {
        self.node.membership.n()
    }

    /// How many links are open.
    pub fn links(&self) -> usize {
        self.node.membership.links().len()
    }

    /// Whether the room is too large for links between all, and others pass on what is for those without one.
    pub fn is_sparse(&self) -> bool {
        self.node.membership.is_sparse()
    }

    /// What this node itself holds of a key.
    pub fn object(&self, key: &Key) -> Option<Object> {
        self.node.store.object(key)
    }

    /// What this node holds of a key, or remembers of its reaped tombstone.
    pub fn known(&self, key: &Key) -> Object {
        self.node.store.known(key)
    }

    /// What this node's application is shown of a key by a local read: what is held, and the copy for its user.
    pub fn shown(&self, key: &Key) -> Object {
        self.node.store.view(key)
    }

    /// What is pinned here.
    pub fn pins(&self) -> impl Iterator<Item = &Pin> {
        self.node.store.pins()
    }

    /// For whom this node holds what: keys with their addressees. Those held for whom it may concern have none.
    pub fn hints(&self) -> impl Iterator<Item = (&Key, NodeId)> {
        let hints = self.node.store.hints();
        hints.keys().flat_map(|key| hints.addressees(key).map(move |owner| (key, owner)))
    }

    /// How many keys this node holds for others.
    pub fn hint_keys(&self) -> usize {
        self.node.store.hints().keys().count()
    }

    /// A number that two nodes have in common exactly when their rings are the same.
    pub fn ring_hash(&self) -> u64 {
        self.node.ring.hash()
    }

    /// The wall time by which this node shows values, or no longer; `None` if it was never told.
    pub fn expiry_clock(&self) -> Option<WallTime> {
        self.node.store.expiry_clock()
    }

    /// The fingerprint and the number of all objects this node holds in some part of the ring.
    pub fn sum(&self, set: &RangeSet) -> Sum {
        self.node.store.sum(set)
    }

    /// Whether nothing this node holds waits for another: no hint for a node that answers, no arc incoming, nothing to
    /// be compared, nothing on its way to the disk.
    pub fn settled(&self) -> bool {
        self.unsettled().is_empty()
    }

    /// What this node still waits for, in words; empty when it is settled.
    pub fn unsettled(&self) -> String {
        let node = self.node;
        // A node that is thought to be here and has no link yet, or has one and has not yet said hello, is being met.
        let is_heard = |id: &NodeId| node.answering.contains(id);
        let unheard = node.membership.links().iter().filter(|id| !is_heard(id)).copied();
        let unlinked = node.membership.others().filter(|(id, _, status)| *status == Status::Up && !is_heard(id));
        let met: BTreeSet<NodeId> = unheard.chain(unlinked.map(|(id, ..)| id)).inserted();
        let is_fed = |pin: &Pin| node.repair.is_fed(pin, &node.ring, node.answering.iter().copied());
        let waits = [
            ("meeting", !met.is_empty()),
            ("links", !node.overlay.is_settled(&node.membership)),
            ("hints for those present", node.answering.iter().any(|&id| node.store.hints().is_owed(id))),
            ("arcs incoming", !node.incoming.is_empty()),
            ("batches on their way", !node.handoff.shipments.is_empty()),
            ("the disk", !node.disk.is_clean()),
            ("leaving", node.leaving.is_active()),
            ("copies of what is pinned", !node.store.pins().all(is_fed)),
            ("comparisons", !node.repair.is_settled(&node.ring, node.answering.iter().copied())),
        ];
        let mut found: Vec<&str> = waits.into_iter().filter(|(_, waits)| *waits).map(|(what, _)| what).collect();
        let comparing = node.repair.unsettled(&node.ring, node.answering.iter().copied());
        let with: Vec<String> =
            met.union(&comparing).map(|id| format!("with {id:?}, {:?}", node.membership.status(*id))).collect();
        found.extend(with.iter().map(String::as_str));
        found.join(", ")
    }

    /// What each module waits for, by name: for those who look into a node that is called too often.
    pub fn deadlines(&self) -> [(&'static str, Option<Instant>); 12] {
        let node = self.node;
        [
            ("membership", node.membership.poll_timeout()),
            ("coordinator", node.coordinator.poll_timeout()),
            ("handoff", node.handoff.poll_timeout()),
            ("release", node.release.poll_timeout()),
            ("leaving", node.leaving.poll_timeout()),
            ("repair", node.repair.poll_timeout(&node.handoff)),
            ("overlay", node.overlay.poll_timeout(&node.membership)),
            ("routes", node.routes.poll_timeout()),
            ("disk", node.disk.poll_timeout()),
            ("bundles", node.bundles.poll_timeout()),
            ("clean", node.clean_at),
            ("expiry", node.store.next_expiry().and_then(|wall| node.wall.instant_of(wall))),
        ]
    }

    /// Bytes handed to links.
    pub fn sent(&self) -> SentBytes {
        self.node.sent
    }

    /// Counts.
    pub fn metrics(&self) -> Metrics {
        let (keys, tombstones, bytes) = self.node.store.counts();
        let (copies, copy_bytes) = self.node.store.copy_counts();
        let (gets, puts) = self.node.coordinator.latencies();
        let stats = |latency: &Latency| {
            let (p50_ms, p99_ms) = latency.percentiles();
            RequestStats { count: latency.count(), p50_ms, p99_ms }
        };
        let others = self.node.membership.others().filter(|(_, _, status)| *status != Status::Departed).count();
        Metrics {
            keys,
            bytes,
            copies,
            copy_bytes,
            hints: self.node.store.hints().len() as u64,
            tombstones,
            links: self.links() as u64,
            nodes: 1 + others as u64,
            sent: self.node.sent,
            gets: stats(gets),
            puts: stats(puts),
            frames_dropped: self.node.dropped,
        }
    }
}
