//! Links between nodes, and the ways in which strangers are introduced.
//!
//! A [`Network`] turns "dial that node" into an open WebRTC connection whose other end is *proven* to be of the room
//! and to hold the node's key. Offers, answers and candidates are signed by the node that says them and sealed with the
//! room's key; and before anything else is said on a new connection, both ends prove the room's secret and their own
//! key over that very connection (`admission`). Who carries the signals does not matter, is not trusted and learns
//! nothing: a broadcast channel among tabs of one browser, a rendezvous among strangers, the mesh for everybody else.
//!
//! Who offers: the lower `NodeId`. When the higher one is asked to dial it *calls* the lower, which then offers. So two
//! nodes that dial each other at once make one connection. A new connection to a peer that is already linked (its page
//! was reloaded; it lost the old one) is made beside the old one, and takes its place only when it is open; a repeated
//! old signal can therefore waste a connection but never break a link.
//!
//! It decides nothing about whom to be linked to, and judges nobody dead: it says what it sees, the node's failure
//! detector is the judge. It is *not* a membership or routing layer.
//!
//! | file | idea |
//! |---|---|
//! | `signal` | what drivers say to each other before there is a link |
//! | `carrier` | who brings a signal to a peer |
//! | `pace` | how often: announcements, reconnections, constructions |
//! | `chunk`, `outbox` | frames in pieces; what waits to leave |
//! | `credit` | how much may be under way to a page that does not read |
//! | `admission` | who is let in: the first words on a connection |
//! | `link`, `broadcast`, `rendezvous` | the browser's own things, and how each is let go |
//! | `state` | all that is known of peers, carriers and deadlines |
//! | `introduce` | signals out and in, announcements |
//! | `dial`, `candidates` | attempts, from the wish to the open link; where the peer may be reached |
//! | `restart` | an open link that is interrupted, and how it is brought back |
//! | `relay` | the last resort: frames through the rendezvous |
//! | `invite`, `pass` | introductions that people carry, and what is written on them |
//! | `traffic` | an open link: frames out and in, its end |
//! | `shared` | who may touch the state when: events, timers, the sink |
//!
//! Events reach the sink with no borrow held, in order, and never from within a call of a method here: what a call
//! causes is delivered in a microtask after it.

use std::fmt;
use std::rc::Rc;

use futures_channel::oneshot;
use js_sys::{Array, Object, Reflect};
use roundtable_core::id::{KeyPair, NodeId, Room};
pub use roundtable_core::wire::Lane;
use roundtable_core::wire::handshake::ProofError;
use roundtable_core::wire::rendezvous::{FrameError, Refusal};
use roundtable_core::wire::signal::SignalError;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{RtcCertificate, RtcPeerConnection};

pub use chunk::ChunkError;
pub use invite::{Invitation, InviteError};
use invite::{Reply, Wish};
use shared::Shared;
use state::State;

mod admission;
mod broadcast;
mod candidates;
mod carrier;
mod chunk;
mod credit;
mod dial;
mod gather;
mod introduce;
mod invite;
mod link;
mod outbox;
mod pace;
mod pass;
mod relay;
mod rendezvous;
mod restart;
mod shared;
mod signal;
mod state;
mod traffic;

/// What a network is started with.
#[derive(Debug, Clone)]
pub struct NetworkConfig {
    /// Whom to meet.
    pub room: Room,
    /// Whose name we go by.
    pub keys: KeyPair,
    /// WebSocket URLs (`ws:` or `wss:`), all tried side by side; may be empty.
    pub rendezvous: Vec<String>,
    /// `RTCIceServer` objects; may be empty, so that nothing leaves the network unasked.
    pub ice_servers: Array,
    /// The certificate of all connections; `None` makes a new one ([`generate_certificate`]).
    pub certificate: Option<RtcCertificate>,
}

/// Who brought two nodes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// The broadcast channel of one browser.
    Broadcast,
    /// A rendezvous.
    Rendezvous,
    /// Nodes that were linked already.
    Mesh,
    /// An invite that a person copied or scanned.
    Invite,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkEvent {
    /// A link is open on all lanes, and its other end holds this node's key.
    LinkUp {
        /// Whose.
        id: NodeId,
        /// Who brought us together.
        via: Via,
    },
    /// The link is gone. Follows each `LinkUp` exactly once.
    LinkDown {
        /// Whose.
        id: NodeId,
    },
    /// A lane that had to wait has sent all that it had.
    Writable {
        /// Whose link.
        id: NodeId,
        /// Which lane of it.
        lane: Lane,
    },
    /// A frame arrived, whole, as it was sent.
    Frame {
        /// From whom.
        from: NodeId,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// This node was heard of on the broadcast channel or at a rendezvous, and is not linked. Said each time it is
    /// heard.
    Discovered(NodeId),
    /// What `dial` asked for did not come about.
    DialFailed(NodeId),
    /// The mesh should bring these bytes to this node's `mesh_signal`.
    SignalForMesh {
        /// Whom to.
        to: NodeId,
        /// Sealed.
        bytes: Vec<u8>,
    },
    /// A rendezvous took us in, or was lost.
    Rendezvous {
        /// Which.
        url: String,
        /// Whether we are connected now.
        connected: bool,
    },
    /// Something unusable arrived and was dropped; also counted.
    Dropped {
        /// Why.
        reason: DropReason,
    },
}

/// Why something that arrived was dropped. Nothing was changed by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// A message on a data channel does not fit; the partial frame it belonged to is gone.
    Chunk(ChunkError),
    /// Something that is no bytes, on whatever channel.
    NotBytes,
    /// A signal that does not open.
    Signal(SignalError),
    /// A signal that opens and says nothing this build understands, or says it to everybody.
    Payload,
    /// A signal that was seen before, or belongs to an attempt that is over.
    Stale,
    /// An offer from the node that should be offered to, or the reverse.
    WrongRole,
    /// A description that the browser refuses.
    Description,
    /// A frame of the rendezvous that cannot be read.
    Rendezvous(FrameError),
    /// The rendezvous did not do what we asked.
    Refused(Refusal),
    /// More than the receiver had room for, or room given back that was never taken.
    Credit,
    /// The other end of a connection is not let in.
    Proof(ProofError),
    /// The other end of a connection did not prove itself in time.
    Unproven,
    /// More attempts or peers, or more from an end that has proven nothing, than there may be.
    Busy,
    /// A frame of our own that is longer than a frame may be.
    TooLarge,
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DropReason::Chunk(error) => error.fmt(f),
            DropReason::NotBytes => f.write_str("the message is not bytes"),
            DropReason::Signal(error) => error.fmt(f),
            DropReason::Payload => f.write_str("the signal says nothing that can be understood"),
            DropReason::Stale => f.write_str("the signal was seen before or belongs to an attempt that is over"),
            DropReason::WrongRole => f.write_str("the signal is not this node's to send"),
            DropReason::Description => f.write_str("the browser refuses the connection's description"),
            DropReason::Rendezvous(error) => error.fmt(f),
            DropReason::Refused(reason) => write!(f, "the rendezvous refused: {reason:?}"),
            DropReason::Proof(error) => error.fmt(f),
            DropReason::Unproven => f.write_str("the other end of a connection did not prove itself in time"),
            DropReason::Credit => f.write_str("more was sent than there was room for, or given back than was sent"),
            DropReason::Busy => f.write_str("too many attempts or peers at once"),
            DropReason::TooLarge => f.write_str("the frame is too long to be sent"),
        }
    }
}

/// The links of one node. Dropping it lets everything go, silently.
pub struct Network {
    shared: Rc<Shared>,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}

impl Network {
    /// Begin to announce ourselves and to listen. `sink` is told what happens, never from within a call of a method.
    pub fn start(config: NetworkConfig, sink: Rc<dyn Fn(NetworkEvent)>) -> Network {
        let certificate = config.certificate.clone();
        let shared = Shared::new(config, sink);
        let starting = Rc::downgrade(&shared);
        spawn_local(async move {
            let certificate = match certificate {
                Some(certificate) => Some(certificate),
                None => generate_certificate().await.ok(),
            };
            if let Some(shared) = starting.upgrade() {
                shared.happen(|state, now| state.open(certificate, now));
            }
        });
        Network { shared }
    }

    /// Open a link with a node: `LinkUp` or `DialFailed` follows. Nothing happens if it is linked or being dialled.
    pub fn dial(&self, id: NodeId) {
        self.shared.command(|state, now| state.dial(id, now));
    }

    /// Close the link with a node, or give up dialling it: `LinkDown` or `DialFailed` follows.
    pub fn hangup(&self, id: NodeId) {
        self.shared.command(|state, _| state.hangup(id));
    }

    /// Send a frame over an open link; without one it is dropped. Control goes before requests, requests before bulk. A
    /// link is closed as too slow when 8 MiB of one lane wait behind a frame that has waited for five seconds, or 32
    /// MiB in any case.
    pub fn send(&self, to: NodeId, lane: Lane, bytes: &[u8]) {
        let send = |state: &mut State, now| state.send(to, lane, bytes, now);
        // What a relay has no room for leaves by the clock.
        if self.shared.look(State::has_relays) {
            self.shared.command(send);
        } else {
            self.shared.command_quietly(send);
        }
    }

    /// A sealed signal arrived through the mesh. `from` is what the relay says; the seal is the proof.
    pub fn mesh_signal(&self, _from: NodeId, bytes: Vec<u8>) {
        self.shared.command(|state, now| state.on_signal(carrier::Carrier::Mesh, &bytes, now));
    }

    /// Make an invite; its text is ready when our addresses are known, three seconds at most.
    pub fn create_invite(&self) -> impl Future<Output = Result<Invitation, InviteError>> + use<> {
        told(self.wish(Wish::Create))
    }

    /// Accept an invite; the text of the answer is ready as soon as an invite's is.
    pub fn accept_invite(&self, text: String) -> impl Future<Output = Result<String, InviteError>> + use<> {
        told(self.wish(|reply| Wish::Accept(text, reply)))
    }

    /// An invite was answered; over when the link is up.
    pub fn complete_invite(
        &self,
        number: u64,
        answer: String,
    ) -> impl Future<Output = Result<(), InviteError>> + use<> {
        told(self.wish(|reply| Wish::Complete(number, answer, reply)))
    }

    fn wish<T>(&self, wish: impl FnOnce(Reply<T>) -> Wish) -> Told<T> {
        let (reply, told) = oneshot::channel();
        let wish = wish(reply);
        self.shared.command(|state, now| state.wish(wish, now));
        told
    }

    /// The page goes away: close all connections, sockets and channels at once. Frames sent just before still go out. A
    /// `LinkDown` follows for each link, should the page live on; the network itself is over.
    pub fn say_goodbye_and_close(&self) {
        self.shared.command(|state, _| state.close());
    }

    /// Drop the link with a node and refuse it until [`Network::uncut`], silently, as a broken cable would. For tests
    /// and panels.
    pub fn cut(&self, id: NodeId) {
        self.shared.command(|state, _| state.cut(id));
    }

    /// End what [`Network::cut`] began. Nothing is dialled by it.
    pub fn uncut(&self, id: NodeId) {
        self.shared.command(|state, _| state.uncut(id));
    }

    /// How many things that arrived were dropped, for whatever reason.
    pub fn dropped(&self) -> u64 {
        self.shared.look(|state| state.dropped)
    }

    /// Whom there is an open link with.
    pub fn links(&self) -> Vec<NodeId> {
        self.shared.look(State::links)
    }

    /// Whose link goes through a rendezvous, for want of any other way: slow, and a real one is tried for every half a
    /// minute.
    pub fn relayed(&self) -> Vec<NodeId> {
        self.shared.look(State::relayed)
    }

    /// Put a message on a link's channel as it is, unframed. For tests of what the other side makes of it.
    pub fn send_raw(&self, to: NodeId, lane: Lane, message: &[u8]) {
        self.shared.command_quietly(|state, _| state.send_raw(to, lane, message));
    }
}

type Told<T> = oneshot::Receiver<Result<T, InviteError>>;

/// What came of a wish; a network that is over answers none.
async fn told<T>(told: Told<T>) -> Result<T, InviteError> {
    told.await.unwrap_or(Err(InviteError::Closed))
}

impl Drop for Network {
    fn drop(&mut self) {
        self.shared.silence();
    }
}

/// A certificate for connections: ECDSA P-256, which every browser makes in a few milliseconds. It can be kept in
/// IndexedDB, so that the fingerprint stays what it was.
pub async fn generate_certificate() -> Result<RtcCertificate, JsValue> {
    let algorithm = Object::new();
    Reflect::set(&algorithm, &"name".into(), &"ECDSA".into())?;
    Reflect::set(&algorithm, &"namedCurve".into(), &"P-256".into())?;
    let certificate = JsFuture::from(RtcPeerConnection::generate_certificate_with_object(&algorithm)?).await?;
    certificate.dyn_into()
}
