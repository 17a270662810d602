//! A node for tests: a network, and all that it said.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_timers::future::sleep;
use js_sys::Array;
use roundtable_core::id::{KeyPair, NodeId, Room};
use roundtable_web::network::{Network, NetworkConfig, NetworkEvent, Via};

/// How long anything may take before a test gives up; a busy machine is slow.
pub(crate) const PATIENCE_MS: u32 = 15_000;

/// A room of its own for each test, since all tests share the page's broadcast channels.
pub(crate) fn room(name: &str) -> Room {
    Room::open(&format!("test of {name} {}", js_sys::Math::random())).unwrap()
}

pub(crate) fn keys(seed: u8) -> KeyPair {
    KeyPair::from_seed([seed; 32])
}

/// Two key pairs, that of the lower node first.
pub(crate) fn lower_and_higher() -> (KeyPair, KeyPair) {
    let (one, other) = (keys(1), keys(2));
    if one.id() < other.id() { (one, other) } else { (other, one) }
}

pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) network: Rc<Network>,
    pub(crate) log: Rc<RefCell<Vec<NetworkEvent>>>,
}

impl Node {
    /// A node that only listens.
    pub(crate) fn start(room: &Room, keys: &KeyPair) -> Node {
        Node::start_with(room, keys, Vec::new())
    }

    /// A node that only listens, with these rendezvous.
    pub(crate) fn start_with(room: &Room, keys: &KeyPair, rendezvous: Vec<String>) -> Node {
        let log = Rc::new(RefCell::new(Vec::new()));
        let written = log.clone();
        let config = NetworkConfig {
            room: room.clone(),
            keys: keys.clone(),
            rendezvous,
            ice_servers: Array::new(),
            certificate: None,
        };
        let network = Rc::new(Network::start(config, Rc::new(move |event| written.borrow_mut().push(event))));
        Node { id: keys.id(), network, log }
    }

    pub(crate) fn count(&self, matches: impl Fn(&NetworkEvent) -> bool) -> usize {
        self.log.borrow().iter().filter(|event| matches(event)).count()
    }

    pub(crate) fn has_discovered(&self, other: &Node) -> bool {
        self.count(|event| *event == NetworkEvent::Discovered(other.id)) > 0
    }

    pub(crate) fn ups(&self, other: &Node) -> usize {
        self.count(|event| matches!(event, NetworkEvent::LinkUp { id, .. } if *id == other.id))
    }

    pub(crate) fn downs(&self, other: &Node) -> usize {
        self.count(|event| matches!(event, NetworkEvent::LinkDown { id } if *id == other.id))
    }

    pub(crate) fn failures(&self, other: NodeId) -> usize {
        self.count(|event| *event == NetworkEvent::DialFailed(other))
    }

    pub(crate) fn via(&self, other: &Node) -> Option<Via> {
        self.log.borrow().iter().rev().find_map(|event| match event {
            NetworkEvent::LinkUp { id, via } if *id == other.id => Some(*via),
            _ => None,
        })
    }

    pub(crate) fn is_linked(&self, other: &Node) -> bool {
        self.network.links().contains(&other.id)
    }

    pub(crate) fn frames(&self) -> Vec<Vec<u8>> {
        let log = self.log.borrow();
        let frames = log.iter().filter_map(|event| match event {
            NetworkEvent::Frame { bytes, .. } => Some(bytes.clone()),
            _ => None,
        });
        frames.collect()
    }

    pub(crate) fn has_frame(&self, frame: &[u8]) -> bool {
        self.count(|event| matches!(event, NetworkEvent::Frame { bytes, .. } if bytes == frame)) > 0
    }

    pub(crate) fn forget(&self) {
        self.log.borrow_mut().clear();
    }
}

/// Two nodes of one room that have heard of each other; the lower first.
pub(crate) async fn pair(room: &Room) -> (Node, Node) {
    let (lower, higher) = lower_and_higher();
    let (lower, higher) = (Node::start(room, &lower), Node::start(room, &higher));
    until("they find each other", || lower.has_discovered(&higher) && higher.has_discovered(&lower)).await;
    (lower, higher)
}

/// Two nodes of one room, linked; the lower first.
pub(crate) async fn linked_pair(room: &Room) -> (Node, Node) {
    let (lower, higher) = pair(room).await;
    link(&lower, &higher).await;
    (lower, higher)
}

/// Dial and wait until both sides are linked.
pub(crate) async fn link(from: &Node, to: &Node) {
    from.network.dial(to.id);
    until("both are linked", || from.is_linked(to) && to.is_linked(from)).await;
    settle().await;
}

/// Wait until something holds, or fail.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    until_within(PATIENCE_MS, what, holds).await;
}

pub(crate) async fn until_within(patience_ms: u32, what: &str, holds: impl Fn() -> bool) {
    for _ in 0..patience_ms / 10 {
        if holds() {
            return;
        }
        pause(10).await;
    }
    panic!("waited {patience_ms} ms until {what}, in vain");
}

pub(crate) async fn pause(ms: u64) {
    sleep(std::time::Duration::from_millis(ms)).await;
}

/// Keep the page from doing anything else.
pub(crate) fn busy(ms: u32) {
    let until = js_sys::Date::now() + f64::from(ms);
    while js_sys::Date::now() < until {}
}

/// Let what was said within the page be heard, and events be told.
pub(crate) async fn settle() {
    pause(20).await;
}

/// Bytes that are different at every length and offset.
pub(crate) fn frame(length: usize, salt: u8) -> Vec<u8> {
    (0..length).map(|n| u8::try_from(n % 251).unwrap() ^ salt).collect()
}

/// Run some JavaScript.
pub(crate) fn javascript(body: &str) -> wasm_bindgen::JsValue {
    let run = js_sys::Function::new_no_args(body);
    run.call0(&wasm_bindgen::JsValue::NULL).unwrap()
}
