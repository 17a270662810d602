//! The client of one rendezvous: a socket that is always being opened, open, or waited for.
//!
//! What is said over it is in `roundtable_core::wire::rendezvous`. A rendezvous is never needed and never trusted: all
//! it can do is to introduce. So a failure of any kind only means another try, later, for ever.
//!
//! A socket whose network is gone looks open for minutes, and what is said over it is sent again ever more rarely. So
//! where something is said after a silence, the rendezvous is asked to be welcomed once more, and a socket that brings no
//! answer is given up for a new one. Nothing is asked while there is nothing to say.

use std::collections::BTreeMap;
use std::rc::Rc;

use gloo_events::EventListener;
use js_sys::{ArrayBuffer, Uint8Array};
use roundtable_core::id::NodeId;
use roundtable_core::time::{Instant, Millis};
use roundtable_core::wire::rendezvous::{FrameError, FromClient, FromServer, Peer, Refusal, Topic, decode, encode};
use wasm_bindgen::JsCast;
use web_sys::{BinaryType, MessageEvent, WebSocket};

use super::pace;

/// How long a socket may take until it is welcomed. In a network that comes back, a first try that was lost is repeated
/// by the system only after one, three and seven seconds; a new one is sooner.
const WELCOME_MS_MAX: Millis = 6_000;
/// For how long a rendezvous may have been silent without being asked whether it is there.
const SILENT_MS_MAX: Millis = 4_000;
/// How long it may take to answer that.
const ANSWER_MS_MAX: Millis = 4_000;
/// How long a socket must have lasted for the next try to be an early one.
const STEADY_MS: Millis = 10_000;
/// How many numbers of one rendezvous are remembered.
const PEERS_MAX: usize = 1024;

/// What happened to a socket.
#[derive(Debug)]
pub(crate) enum SocketEvent {
    /// It opened.
    Opened,
    /// It closed, or could not be opened.
    Closed,
    /// A message; `None` if it was text.
    Message(Option<Vec<u8>>),
}

/// What a rendezvous said that somebody else has to act on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// We are in; these are the others, whom to announce ourselves to.
    Welcome(Vec<Peer>),
    /// Somebody came, whom to announce ourselves to.
    Joined(Peer),
    /// Somebody went.
    Left(Peer),
    /// A signal from somebody.
    Signal(Peer, Vec<u8>),
    /// The rendezvous would not do what it was asked.
    Refused(Refusal),
    /// Nothing to act on.
    Nothing,
}

/// One rendezvous, for as long as the page lives.
pub(crate) struct Rendezvous {
    /// Where it is.
    pub(crate) url: String,
    topic: Topic,
    socket: Option<Socket>,
    /// When to try again, or to give up waiting for a welcome, the first or another one.
    due: Option<Instant>,
    failures: u32,
    welcomed: Option<Instant>,
    /// When it last said anything.
    heard: Instant,
    nodes: BTreeMap<Peer, NodeId>,
}

struct Socket {
    socket: WebSocket,
    listeners: Vec<EventListener>,
}

/// Told of a socket's events, none of which comes after the socket was let go.
pub(crate) type Report = Rc<dyn Fn(SocketEvent)>;

impl Rendezvous {
    /// A rendezvous that is due to be connected to now.
    pub(crate) fn new(url: String, topic: Topic, now: Instant) -> Rendezvous {
        let nodes = BTreeMap::new();
        Rendezvous { url, topic, socket: None, due: Some(now), failures: 0, welcomed: None, heard: now, nodes }
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// Connect if that is due; give up a socket that is not welcomed, or no longer. If one was given up: whether we were
    /// connected until now.
    pub(crate) fn handle_timeout(&mut self, now: Instant, jitter: u8, report: &Report) -> Option<bool> {
        if self.due.is_none_or(|due| due > now) {
            return None;
        }
        if self.socket.is_some() {
            return Some(self.on_closed(now, jitter));
        }
        self.failures = self.failures.saturating_add(1);
        self.socket = Socket::open(&self.url, report);
        let wait = if self.socket.is_some() { WELCOME_MS_MAX } else { pace::retry_after(self.failures, jitter) };
        self.due = Some(now + wait);
        None
    }

    /// The socket opened: ask to be introduced.
    pub(crate) fn on_opened(&self) {
        self.say(&FromClient::Join { topic: self.topic });
    }

    /// The socket closed. Whether we were connected until now.
    pub(crate) fn on_closed(&mut self, now: Instant, jitter: u8) -> bool {
        let welcomed = self.welcomed.take();
        if welcomed.is_some_and(|at| now.since(at) >= STEADY_MS) {
            self.failures = 0;
        }
        self.socket = None;
        self.nodes.clear();
        self.due = Some(now + pace::retry_after(self.failures.saturating_sub(1), jitter));
        welcomed.is_some()
    }

    /// A message came.
    pub(crate) fn on_message(&mut self, frame: &[u8], now: Instant) -> Result<Word, FrameError> {
        let message = decode(frame)?;
        self.heard = now;
        if self.welcomed.is_some() {
            self.due = None;
        }
        Ok(match message {
            FromServer::Welcome { topic, .. } if topic == self.topic && self.welcomed.is_some() => Word::Nothing,
            FromServer::Welcome { topic, you: _, peers } if topic == self.topic => {
                self.welcomed = Some(now);
                self.due = None;
                Word::Welcome(peers)
            }
            FromServer::Joined { topic, peer } if topic == self.topic => Word::Joined(peer),
            FromServer::Left { topic, peer } if topic == self.topic => Word::Left(peer),
            FromServer::Message { topic, from, bytes } if topic == self.topic => Word::Signal(from, bytes),
            FromServer::Refused { reason } => Word::Refused(reason),
            _ => Word::Nothing,
        })
    }

    /// Send a sealed signal to one socket.
    pub(crate) fn send(&mut self, to: Peer, bytes: Vec<u8>, now: Instant) {
        if self.welcomed.is_none() {
            return;
        }
        self.say(&FromClient::Send { topic: self.topic, to, bytes });
        if self.due.is_none() && now.since(self.heard) >= SILENT_MS_MAX {
            self.due = Some(now + ANSWER_MS_MAX);
            self.say(&FromClient::Join { topic: self.topic });
        }
    }

    /// This socket speaks for this node.
    pub(crate) fn recognise(&mut self, peer: Peer, node: NodeId) {
        if self.nodes.len() < PEERS_MAX || self.nodes.contains_key(&peer) {
            self.nodes.insert(peer, node);
        }
    }

    /// This socket is gone; the node that spoke through it.
    pub(crate) fn forget(&mut self, peer: Peer) -> Option<NodeId> {
        self.nodes.remove(&peer)
    }

    fn say(&self, message: &FromClient) {
        let Some(open) = self.socket.as_ref().filter(|open| open.socket.ready_state() == WebSocket::OPEN) else {
            return;
        };
        let _ = open.socket.send_with_u8_array(&encode(message));
    }
}

impl Socket {
    fn open(url: &str, report: &Report) -> Option<Socket> {
        let socket = WebSocket::new(url).ok()?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let (opened, closed, heard) = (report.clone(), report.clone(), report.clone());
        let listeners = vec![
            EventListener::new(&socket, "open", move |_| opened(SocketEvent::Opened)),
            EventListener::new(&socket, "close", move |_| closed(SocketEvent::Closed)),
            EventListener::new(&socket, "message", move |event| {
                let data = event.unchecked_ref::<MessageEvent>().data();
                let bytes = data.dyn_into::<ArrayBuffer>().ok().map(|buffer| Uint8Array::new(&buffer).to_vec());
                heard(SocketEvent::Message(bytes));
            }),
        ];
        Some(Socket { socket, listeners })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.listeners.clear();
        let _ = self.socket.close();
    }
}
