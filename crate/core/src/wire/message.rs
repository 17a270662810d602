//! The messages between nodes. One frame holds one message.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::record::{Claim, DigestEntry, Rumour, SignedRecord};
use super::vitals::Vitals;
use crate::clock::Siblings;
use crate::datatype::Object;
use crate::id::{Key, NodeId, Pin};

/// What is known of one key without its values: enough to tell which of two copies is news to the other.
pub type Outline = Siblings<()>;

/// The three lanes of a link: a large message on one never holds up the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Lane {
    /// Membership, probes, signals.
    Control,
    /// Puts and gets.
    Requests,
    /// Hints, repair, transfer.
    Bulk,
}

/// What bytes on a link serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Traffic {
    /// Membership and probes.
    Gossip,
    /// Read repair and anti-entropy.
    Repair,
    /// Hints and arcs on the move.
    Transfer,
    /// Puts, gets, listings, watches.
    Request,
    /// Signals carried for links to come.
    Signal,
}

/// What one node says to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Message {
    /// The first message on a link: who I am, and what I know of everybody.
    Hello {
        /// The room's tag.
        room: u64,
        /// The sender's own record.
        record: SignedRecord,
        /// The sender's members.
        digest: Vec<DigestEntry>,
        /// Which life of the sender this is: another after each start.
        life: u32,
    },
    /// I go away now, and expect to be back.
    Goodbye {
        /// The incarnation that goes.
        incarnation: u64,
    },
    /// Are you there? Answered by `Ack`.
    Ping {
        /// Comes back in the answer.
        seq: u32,
        /// A hash of the sender's digest.
        digest: u64,
        /// News.
        rumours: Vec<Rumour>,
        /// Minutes since the Unix epoch by the sender's wall clock; zero if it has none.
        minutes: u32,
        /// A fingerprint of all that the sender holds, durable, where both own; `None`: something is on its way there.
        shared: Option<[u8; 16]>,
    },
    /// I am here.
    Ack {
        /// Of the ping.
        seq: u32,
        /// A hash of the sender's digest.
        digest: u64,
        /// News.
        rumours: Vec<Rumour>,
        /// Minutes since the Unix epoch by the sender's wall clock; zero if it has none.
        minutes: u32,
        /// A fingerprint of all that the sender holds, durable, where both own; `None`: something is on its way there.
        shared: Option<[u8; 16]>,
    },
    /// Is `target` there? I cannot reach it. Answered by `Vouch`.
    Enquire {
        /// Comes back in the answer.
        seq: u32,
        /// Who may be gone.
        target: NodeId,
    },
    /// What became of an enquiry.
    Vouch {
        /// Of the enquiry.
        seq: u32,
        /// Who was asked for.
        target: NodeId,
        /// What the relay can say.
        word: Word,
    },
    /// News that should not wait for a ping.
    Rumours(Vec<Rumour>),
    /// What I know of everybody. The receiver sends what is newer there, and asks for what is newer here.
    Digest {
        /// One line a member.
        entries: Vec<DigestEntry>,
        /// Whether the receiver should answer with its own digest.
        reply: bool,
    },
    /// Records that the receiver lacks, with what the sender thinks of their nodes.
    Records(Vec<(SignedRecord, Claim)>),
    /// Bring this to `to`: it is about a link to come, and opaque.
    Signal {
        /// Who sent it; the sealed bytes prove it, this line does not.
        from: NodeId,
        /// Whom it is for.
        to: NodeId,
        /// How many more nodes may pass it on.
        hops: u8,
        /// Sealed.
        bytes: Vec<u8>,
    },
    /// Keep this. Answered by `Stored` when it is durable.
    Store {
        /// Comes back in the answer.
        request: u64,
        /// Where.
        key: Key,
        /// All the sender knows of it.
        object: Object,
        /// The absent owner on whose behalf the receiver is asked.
        hint: Option<NodeId>,
    },
    /// The object is durable here, or could not be made so.
    Stored {
        /// Of the `Store`.
        request: u64,
        /// Whether it is durable.
        durable: bool,
        /// Whether the sender owns the key, by its own ring.
        is_owner: bool,
    },
    /// What do you hold of this key? Answered by `Fetched`.
    Fetch {
        /// Comes back in the answer.
        request: u64,
        /// Which.
        key: Key,
        /// The fingerprint of what the asker holds: if it is the same, it need not be sent.
        have: u64,
    },
    /// What I hold.
    Fetched {
        /// Of the `Fetch`.
        request: u64,
        /// `None`: the same as the asker.
        object: Option<Object>,
        /// As what it answers.
        says: Says,
    },
    /// Which keys do you hold in this bucket? Answered by one or more `Listed`.
    List {
        /// Comes back in the answer.
        request: u64,
        /// Of which bucket.
        bucket: String,
        /// Those that begin so.
        prefix: String,
    },
    /// Keys I hold.
    Listed {
        /// Of the `List`.
        request: u64,
        /// Names, with whether they have a value and a fingerprint of what is held.
        keys: Vec<(String, bool, u64)>,
        /// Whether more follow.
        more: bool,
        /// Whether some arc of the sender is incoming, so that this may be short.
        incoming: bool,
    },
    /// Tell me of changes of this key, for half a minute from now on.
    Watch {
        /// Which.
        key: Key,
        /// The fingerprint of what the asker holds.
        have: u64,
    },
    /// A watched key changed.
    Changed {
        /// Which.
        key: Key,
        /// All that is known of it here.
        object: Object,
    },
    /// Objects for the receiver to keep. Answered by `Kept` when they are durable.
    Objects {
        /// Comes back in the answer.
        batch: u32,
        /// What it is for.
        purpose: Purpose,
        /// Keys and all that is known of them.
        objects: Vec<(Key, Object)>,
        /// For an answer to `Want`: where to go on, if there is more.
        next: Option<u64>,
    },
    /// The objects of a batch are durable here.
    Kept {
        /// Of the `Objects`.
        batch: u32,
        /// False: this disk takes no more.
        durable: bool,
    },
    /// Do you, an owner, hold exactly these? Then I need not. Answered by `Held`.
    Holds {
        /// Comes back in the answer.
        request: u32,
        /// The position of each key and the fingerprint of its object.
        items: Vec<(u64, u128)>,
    },
    /// What is durable here of what was asked about.
    Held {
        /// Of the `Holds`.
        request: u32,
        /// In the order in which it was asked.
        answers: Vec<Held>,
    },
    /// All owners hold these tombstones, and they are past the horizon: let them go, as I do.
    Reap {
        /// The position of each key and the fingerprint of its tombstone.
        items: Vec<(u64, u128)>,
    },
    /// Compare what we hold. Answered by `Summary`.
    Compare {
        /// Which comparison; comes back in the answer.
        session: u32,
        /// In the first message of a session: over what.
        begin: Option<Begin>,
        /// Which parts of it; none in the first message, which is about the whole.
        parts: Vec<Part>,
        /// From which coded symbol of the whole to before which, if those so far do not tell what differs.
        symbols: Option<(u32, u32)>,
    },
    /// What I hold in the parts that were asked for.
    Summary {
        /// Of the `Compare`.
        session: u32,
        /// Part by part.
        parts: Vec<(Part, PartSummary)>,
    },
    /// The comparison cannot go on: the scope means another ring here, or the session is not known.
    Mismatch {
        /// Of the `Compare` or the `Want`.
        session: u32,
    },
    /// Send me these. Answered by one `Objects`.
    Want {
        /// Of which comparison.
        session: u32,
        /// Which want; comes back in the answer.
        want: u32,
        /// Only what lies at this position or after it.
        from: u64,
        /// What, part by part.
        wanted: Vec<Wanted>,
    },
    /// How a node is doing.
    Vitals {
        /// Which node: so far always the sender.
        of: NodeId,
        /// Its incarnation.
        incarnation: u64,
        /// Rises with every change, within an incarnation.
        number: u32,
        /// How it is doing.
        vitals: Vitals,
    },
    /// My links, and whether I want each of them: by this, neighbours know through whom a node is reached.
    Links(Vec<(NodeId, bool)>),
    /// A message for a node without a link to its sender.
    Relayed(Relayed),
    /// Frames that were said one after another and left together; none of them is such a message.
    Several(Vec<Vec<u8>>),
}

/// A message on its way over other nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relayed {
    /// Who sent it.
    pub from: NodeId,
    /// Whom it is for.
    pub to: NodeId,
    /// Which life of the sender it is from.
    pub life: u32,
    /// Which life of the receiver asked for it. `None`: it answers nothing, and is for any.
    pub for_life: Option<u32>,
    /// Rises with every message that this life of the sender has sent over others. A copy has the same.
    pub number: u32,
    /// How many more nodes may pass it on.
    pub hops: u8,
    /// The lane that it travels on.
    pub lane: Lane,
    /// A frame.
    pub bytes: Vec<u8>,
}

/// What a relay can say of the node it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Word {
    /// It has just been heard from.
    Alive,
    /// It does not answer the relay either, over an open link.
    Silent,
    /// The relay has no link with it.
    Unlinked,
}

/// What objects are sent for; it decides only how they are counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// A hint goes home.
    Hint,
    /// A read or a comparison found that the receiver lacks them.
    Repair,
    /// The receiver asked for them.
    Answer {
        /// In this session.
        session: u32,
        /// With this want.
        want: u32,
        /// The tags of those for which the receiver knows something that the sender lacks.
        lacks: Vec<u32>,
    },
}

/// As what a node answers a fetch, by its own ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Says {
    /// It owns the key.
    Owner,
    /// It owns the key and has not yet received its arc: this does not count as an answer.
    NotYet,
    /// It does not own the key: this counts only from a node that stands in for an owner.
    Other,
}

/// What an owner holds of a key that another node would let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Held {
    /// The very same.
    Same,
    /// Something else, or nothing.
    Other,
    /// It is no owner, or has not yet received that arc.
    NotYet,
}

/// Over which part of the ring two nodes compare, and what for. Ranges of positions hold both ends and are in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// The arcs that both own, by rings of this hash: both give, both take.
    Shared(u64),
    /// What the asker has to receive: it only takes.
    Incoming(Vec<(u64, u64)>),
    /// What the asker holds and does not own: it only gives.
    Stray(Vec<(u64, u64)>),
    /// What the asker keeps for its user, where the other is the first owner and the asker none: it only takes, and
    /// wants to be told of changes for the next half minute.
    Interest {
        /// By rings of this hash.
        ring: u64,
        /// Of which keys.
        pin: Pin,
        /// Owners that do not answer: whoever comes behind them is asked in their place.
        passed: Vec<NodeId>,
    },
}

/// One part of a scope: at depth d the scope is cut into 2^d parts of equal length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Part {
    /// How often it was cut in two.
    pub depth: u8,
    /// Which of the parts, from 0.
    pub index: u64,
}

/// How a comparison begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// Over what.
    pub scope: Scope,
    /// The fingerprint of all that the asker holds there.
    pub fingerprint: [u8; 16],
    /// How many objects these are.
    pub count: u64,
}

/// What a node holds in one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PartSummary {
    /// The same as the asker, all of it durable. Only of the whole.
    Same,
    /// A tag of three bytes for each of the parts below; there are a power of two. Zero: nothing is held there.
    Split(Vec<u8>),
    /// A tag of four bytes for each object.
    Items(Vec<u8>),
    /// Coded symbols of ten bytes, from this one on (`repair`). Only of the whole.
    Symbols(u32, Vec<u8>),
}

/// Which objects are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wanted {
    /// All of this part.
    All(Part),
    /// Of this part those with these tags. Where the asker holds another version of what seems to be the same key:
    /// its position and the outline of that, so that only what is news is sent.
    Tagged(Part, Vec<(u32, Option<(u64, Outline)>)>),
    /// These, which the other seems to lack: what it remembers of them, if they were reaped. In the answer, the number
    /// of each of which it knows nothing is among the tags of what it lacks.
    Named(Vec<Key>),
}

impl Message {
    /// The lane it travels on.
    pub fn lane(&self) -> Lane {
        match self {
            Message::Relayed(relayed) => relayed.lane,
            Message::Store { .. }
            | Message::Stored { .. }
            | Message::Fetch { .. }
            | Message::Fetched { .. }
            | Message::List { .. }
            | Message::Listed { .. }
            | Message::Watch { .. }
            | Message::Changed { .. } => Lane::Requests,
            Message::Objects { .. }
            | Message::Kept { .. }
            | Message::Holds { .. }
            | Message::Held { .. }
            | Message::Reap { .. }
            | Message::Compare { .. }
            | Message::Summary { .. }
            | Message::Mismatch { .. }
            | Message::Want { .. } => Lane::Bulk,
            _ => Lane::Control,
        }
    }

    /// Whether it may go over other nodes: what owners say to each other, and whether somebody is there. Gossip finds
    /// its way by itself.
    pub fn is_relayable(&self) -> bool {
        let is_probe = matches!(
            self,
            Message::Ping { .. } | Message::Ack { .. } | Message::Enquire { .. } | Message::Vouch { .. }
        );
        is_probe || !matches!(self, Message::Relayed(_)) && self.lane() != Lane::Control
    }

    /// Whether it answers what a life of its receiver has asked, and means nothing to another.
    pub fn is_answer(&self) -> bool {
        matches!(
            self,
            Message::Ack { .. }
                | Message::Vouch { .. }
                | Message::Stored { .. }
                | Message::Fetched { .. }
                | Message::Listed { .. }
                | Message::Kept { .. }
                | Message::Held { .. }
                | Message::Summary { .. }
                | Message::Mismatch { .. }
                | Message::Objects { purpose: Purpose::Answer { .. }, .. }
        )
    }

    /// What it serves.
    pub fn traffic(&self) -> Traffic {
        match self {
            Message::Signal { .. } => Traffic::Signal,
            Message::Objects { purpose: Purpose::Hint, .. } | Message::Kept { .. } => Traffic::Transfer,
            _ => match self.lane() {
                Lane::Control => Traffic::Gossip,
                Lane::Requests => Traffic::Request,
                Lane::Bulk => Traffic::Repair,
            },
        }
    }
}
