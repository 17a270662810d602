//! The read-only window into a node: what panels, tests and the browser face see, and all that they see.

use alloc::vec::Vec;

use super::Node;
use crate::id::{DeviceId, Key, Label, NodeId, Position};
use crate::membership::Status;
use crate::time::Millis;

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
    /// Whether it is this node itself.
    pub me: bool,
    /// Whether a direct link is open.
    pub linked: bool,
    /// Its share of primary positions, of `u64::MAX`.
    pub share: u64,
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
    /// Tombstones held.
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
        self.node.config.keys.id()
    }

    /// A number that changes whenever [`View::members`] would.
    pub fn members_version(&self) -> u64 {
        0
    }

    /// This node first, then all others known and not departed, in the order of their ids.
    pub fn members(&self) -> Vec<MemberView> {
        Vec::new()
    }

    /// Who keeps this key.
    pub fn preference_list(&self, _key: &Key) -> PreferenceView {
        PreferenceView::default()
    }

    /// Where a key lies on the ring.
    pub fn position(&self, key: &Key) -> Position {
        self.node.config.room.position(key)
    }

    /// All tokens of the ring, clockwise, with their nodes.
    pub fn tokens(&self) -> Vec<(Position, NodeId)> {
        Vec::new()
    }

    /// How many copies this room keeps.
    pub fn n(&self) -> u8 {
        self.node.config.n
    }

    /// How many links are open.
    pub fn links(&self) -> usize {
        0
    }

    /// Whether nothing this node holds waits for another: no hint for a present owner, no arc incoming or being compared.
    pub fn settled(&self) -> bool {
        true
    }

    /// Counts.
    pub fn metrics(&self) -> Metrics {
        Metrics::default()
    }
}
