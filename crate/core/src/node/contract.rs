//! The words between a node and its driver.
//!
//! The driver owns sockets, disks, clocks and randomness; the node owns every decision. `Signal` carries what the
//! driver's links need to come into being (offers, answers, candidates): the driver hands the node a signal to bring to
//! another node through the mesh, and the node hands it those that arrived. The node does not read them.

use alloc::vec::Vec;

use crate::clock::{Context, Dot};
use crate::coordinator::{Level, Reply, Request};
use crate::id::{BatchId, DeviceId, Key, KeyPair, Label, NodeId, RequestId, Room};
use crate::membership::Status;
pub use crate::store::EpochReason;
use crate::store::{Batch, PersistError, Rows};
use crate::time::WallTime;
pub use crate::wire::Lane;

/// What a node is told when it is made.
#[derive(Debug, Clone)]
pub struct Config {
    /// The room.
    pub room: Room,
    /// Whose name it goes by.
    pub keys: KeyPair,
    /// What it fails together with.
    pub device: DeviceId,
    /// What people call it.
    pub label: Label,
    /// How many virtual nodes, 1 to 1024.
    pub capacity: u16,
    /// How many copies it wants of everything, 1 to 7; the room's N is the largest that a present member declares.
    pub n: u8,
    /// The level of reads that name none.
    pub r: Level,
    /// The level of writes that name none.
    pub w: Level,
    /// Limits on whatever others can make grow.
    pub limits: super::Limits,
}

/// What happens to a node.
#[derive(Debug, Clone)]
pub enum Input {
    /// A frame arrived over the link with `from`, whole, as it was sent.
    Received {
        /// Whose link.
        from: NodeId,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// A link with this node is open; the driver has made sure that the other end holds that node's key.
    LinkUp(NodeId),
    /// The link is gone.
    LinkDown(NodeId),
    /// The link's lane, which was full, takes bytes again.
    LinkWritable(NodeId, Lane),
    /// This node was heard of outside the mesh (broadcast channel, rendezvous, invite) and could be dialled.
    Discovered(NodeId),
    /// What `Dial` asked for did not come about.
    DialFailed(NodeId),
    /// Bring this to a node through the mesh.
    Signal {
        /// Whom to.
        to: NodeId,
        /// Opaque to the node.
        bytes: Vec<u8>,
    },
    /// The application asks something.
    Request {
        /// The driver's number for it.
        id: RequestId,
        /// What.
        request: Request,
    },
    /// Take over for good what a closed tab of this device left behind. The driver holds the slot's lock, and goes on
    /// holding it until it is answered: by [`Reply::Adopted`], or by [`Reply::Failed`] if the disk refused it.
    Adopt {
        /// The driver's number for it.
        id: RequestId,
        /// The slot's own name, in which its departure is signed.
        keys: KeyPair,
        /// A copy of its database.
        rows: Rows,
    },
    /// Nobody listens to this request any more: a watch ends, a receipt is let go. The write itself goes on.
    Cancel(RequestId),
    /// The batch is durable.
    Persisted(BatchId),
    /// The batch, and all that were joined with it, left the disk as it was.
    PersistFailed {
        /// Which.
        id: BatchId,
        /// Why.
        reason: PersistError,
    },
    /// The disk is gone for as long as this node runs, with what was on it or without: nothing is durable here any
    /// more.
    DiskLost,
    /// The tab's life.
    Lifecycle(Lifecycle),
    /// What time the device thinks it is.
    WallClock(WallTime),
    /// It is to have so many virtual nodes from now on: at least 1 and at most [`crate::wire::CAPACITY_MAX`], or it is
    /// taken for the nearest that may be.
    Capacity(u16),
}

/// The tab's life, as the page can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// The page can be seen; timers are prompt.
    Visible,
    /// The page cannot be seen; timers may be a second late, later a minute.
    Hidden,
    /// The page is about to be frozen; nothing will run.
    Freezing,
    /// The page runs again.
    Resumed,
    /// The page goes away; say goodbye now. The node is expected back.
    Closing,
}

/// What a node wants done.
#[derive(Debug, Clone)]
pub enum Output {
    /// Send a frame over the link with `to`.
    Send {
        /// Whose link.
        to: NodeId,
        /// Which of its lanes.
        lane: Lane,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// A signal for this node's driver arrived through the mesh.
    Signal {
        /// Who sent it, as the relay says: the signal's own signature is the proof.
        from: NodeId,
        /// Opaque to the node.
        bytes: Vec<u8>,
    },
    /// Open a link with this node. Answered by `LinkUp` or `DialFailed`.
    Dial(NodeId),
    /// Close the link with this node.
    Hangup(NodeId),
    /// Make this durable. Answered by `Persisted` or `PersistFailed`.
    Persist {
        /// The node's number for it.
        id: BatchId,
        /// What.
        batch: Batch,
    },
    /// Tell the application.
    Reply {
        /// The driver's number of the request.
        id: RequestId,
        /// What.
        result: Reply,
    },
    /// Something that a panel, a test or a trace may want to know.
    Event(Event),
}

/// What happened inside a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A member's status, as this node believes it, is now this. `was` is `None` for one not known before.
    Member {
        /// Who.
        id: NodeId,
        /// What it was thought to be.
        was: Option<Status>,
        /// What it is thought to be.
        now: Status,
    },
    /// A put or a delete of this node's application was given its dot and superseded what the context covers.
    Written {
        /// The driver's number of the request.
        id: RequestId,
        /// Where.
        key: Key,
        /// The name of the write.
        dot: Dot,
        /// What it superseded.
        context: Context,
        /// Whether it put nothing in its place.
        is_delete: bool,
        /// Of an edit of a counter, a set or a map: which dots it took away, and no others. Its context is empty.
        gone: Option<Vec<Dot>>,
    },
    /// This node stored a hint.
    HintStored {
        /// For whom.
        owner: NodeId,
    },
    /// A hint reached its owner's disk and was dropped here.
    HintDelivered {
        /// Whose.
        owner: NodeId,
    },
    /// Two writes met that had not seen each other.
    SiblingsCreated {
        /// How many values the key has now.
        siblings: usize,
    },
    /// Values of so many keys went out of sight, for their time has come; or came back, for the clock was set back.
    Expired {
        /// How many keys.
        keys: usize,
    },
    /// A read found a replica that lacked something and sent it.
    ReadRepaired {
        /// Whose.
        replica: NodeId,
    },
    /// Arcs became this node's own; reads of them wait until they are reconciled with these nodes.
    ArcIncoming {
        /// With how many nodes.
        sources: usize,
    },
    /// The arcs that were incoming have arrived.
    ArcTransferred,
    /// Keys that this node does not own were let go: all their owners have them.
    LetGo {
        /// How many.
        keys: usize,
    },
    /// Tombstones past the horizon were let go: all their owners held the very same.
    Reaped {
        /// How many.
        tombstones: usize,
    },
    /// Something that is pinned was not copied here, for want of room.
    CopiesFull,
    /// A comparison with this node has ended: so many objects came, so many went.
    Reconciled {
        /// With whom.
        with: NodeId,
        /// Objects received.
        received: usize,
        /// Objects sent.
        sent: usize,
    },
    /// The disk did not take a batch; it is tried again.
    PersistFailed {
        /// Why.
        reason: PersistError,
    },
    /// The disk has refused what this node is to hold again and again: it owns less from now on.
    CapacityLowered {
        /// How many virtual nodes it has now.
        capacity: u16,
    },
    /// A frame could not be read or was not allowed, and was dropped.
    FrameDropped {
        /// Who sent it.
        from: NodeId,
        /// Why.
        reason: crate::wire::WireError,
    },
    /// This node mints under a new epoch from now on, and why.
    EpochBegun {
        /// Why the old one could not be trusted.
        reason: EpochReason,
    },
}
