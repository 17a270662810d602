//! Strangers: a rendezvous, the mesh in its stead, and neither trusted.
//!
//! The rendezvous here is a double inside the page: a class that takes the place of `WebSocket` and forwards as the
//! real one does (its own tests, and those with several browsers, are elsewhere). The broadcast channel is taken away
//! while the nodes start, so that nothing else brings them together.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use js_sys::{Function, Reflect, Uint8Array};
use roundtable_core::wire::rendezvous::{FromClient, FromServer, Peer, decode, encode};
use roundtable_web::network::{Lane, NetworkEvent, Via};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::support::*;

const URL: &str = "ws://double.invalid/rendezvous";

const DOUBLE: &str = "
    const Real = globalThis.WebSocket;
    const RealChannel = globalThis.BroadcastChannel;
    const sockets = new Map();
    const double = { up: true, received: () => {}, left: () => {} };
    let next = 1;
    globalThis.BroadcastChannel = undefined;
    globalThis.WebSocket = class extends EventTarget {
        static OPEN = 1;
        constructor(url) {
            super();
            this.readyState = 0;
            this.number = next++;
            setTimeout(() => {
                if (!double.up) return this.end();
                this.readyState = 1;
                sockets.set(this.number, this);
                this.dispatchEvent(new Event('open'));
            });
        }
        send(bytes) { double.received(this.number, new Uint8Array(bytes)); }
        close() {
            if (sockets.delete(this.number)) double.left(this.number);
            this.readyState = 3;
        }
        end() { this.close(); this.dispatchEvent(new Event('close')); }
    };
    double.send = (number, bytes) => {
        const data = bytes.slice().buffer;
        setTimeout(() => sockets.get(number)?.dispatchEvent(new MessageEvent('message', { data })));
    };
    double.text = (number) => sockets.get(number)?.dispatchEvent(new MessageEvent('message', { data: 'text' }));
    double.die = () => { double.up = false; [...sockets.values()].forEach((socket) => socket.end()); };
    double.restore = () => { globalThis.WebSocket = Real; globalThis.BroadcastChannel = RealChannel; };
    return double;
";

/// A rendezvous of one topic.
pub(crate) struct Double {
    object: JsValue,
    members: Rc<RefCell<BTreeMap<Peer, ()>>>,
    /// Every frame that it was sent.
    pub(crate) seen: Rc<RefCell<Vec<Vec<u8>>>>,
    _received: Closure<dyn FnMut(f64, Uint8Array)>,
    _left: Closure<dyn FnMut(f64)>,
}

impl Double {
    pub(crate) fn new() -> Double {
        let object = javascript(DOUBLE);
        let members: Rc<RefCell<BTreeMap<Peer, ()>>> = Rc::default();
        let (joined, left, target, told) = (members.clone(), members.clone(), object.clone(), object.clone());
        let topic_of_all = Rc::new(RefCell::new([0; 32]));
        let topic = topic_of_all.clone();
        let seen: Rc<RefCell<Vec<Vec<u8>>>> = Rc::default();
        let written = seen.clone();
        let received = Closure::new(move |from: f64, bytes: Uint8Array| {
            let from = from as Peer;
            written.borrow_mut().push(bytes.to_vec());
            match decode::<FromClient>(&bytes.to_vec()).unwrap() {
                FromClient::Join { topic } => {
                    *topic_of_all.borrow_mut() = topic;
                    let peers: Vec<Peer> = joined.borrow().keys().copied().collect();
                    for other in &peers {
                        send(&target, *other, &FromServer::Joined { topic, peer: from });
                    }
                    joined.borrow_mut().insert(from, ());
                    send(&target, from, &FromServer::Welcome { topic, you: from, peers });
                }
                FromClient::Send { topic, to, bytes } => {
                    send(&target, to, &FromServer::Message { topic, from, bytes });
                }
                FromClient::Leave { .. } => {}
            }
        });
        let leave = Closure::new(move |peer: f64| {
            let peer = peer as Peer;
            left.borrow_mut().remove(&peer);
            for other in left.borrow().keys() {
                send(&told, *other, &FromServer::Left { topic: *topic.borrow(), peer });
            }
        });
        Reflect::set(&object, &"received".into(), received.as_ref()).unwrap();
        Reflect::set(&object, &"left".into(), leave.as_ref()).unwrap();
        Double { object, members, seen, _received: received, _left: leave }
    }

    fn call(&self, name: &str, argument: JsValue) {
        let method: Function = Reflect::get(&self.object, &name.into()).unwrap().unchecked_into();
        method.call1(&JsValue::NULL, &argument).unwrap();
    }

    pub(crate) fn die(&self) {
        self.call("die", JsValue::NULL);
    }

    fn rise(&self) {
        Reflect::set(&self.object, &"up".into(), &true.into()).unwrap();
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.call("restore", JsValue::NULL);
    }
}

fn send(double: &JsValue, to: Peer, message: &FromServer) {
    send_raw(double, to, &encode(message));
}

fn send_raw(double: &JsValue, to: Peer, bytes: &[u8]) {
    let method: Function = Reflect::get(double, &"send".into()).unwrap().unchecked_into();
    method.call2(&JsValue::NULL, &(to as f64).into(), &Uint8Array::from(bytes)).unwrap();
}

pub(crate) async fn strangers(name: &str, count: u8) -> Vec<Node> {
    let room = room(name);
    let mut seeds: Vec<u8> = (1..=count).collect();
    seeds.sort_by_key(|seed| keys(*seed).id());
    let nodes: Vec<Node> =
        seeds.into_iter().map(|seed| Node::start_with(&room, &keys(seed), vec![URL.into()])).collect();
    for one in &nodes {
        for other in nodes.iter().filter(|other| other.id != one.id) {
            until("everybody has heard of everybody", || one.has_discovered(other)).await;
        }
    }
    nodes
}

fn connections(node: &Node) -> Vec<bool> {
    let log = node.log.borrow();
    let changes = log.iter().filter_map(|event| match event {
        NetworkEvent::Rendezvous { url, connected } if url == URL => Some(*connected),
        _ => None,
    });
    changes.collect()
}

#[wasm_bindgen_test]
async fn strangers_meet_at_a_rendezvous_from_either_side() {
    let _double = Double::new();
    let nodes = strangers("rendezvous", 3).await;
    link(&nodes[0], &nodes[1]).await;
    link(&nodes[2], &nodes[0]).await;
    assert_eq!(nodes[0].via(&nodes[1]), Some(Via::Rendezvous));
    assert_eq!(connections(&nodes[0]), [true]);
    nodes[0].network.send(nodes[1].id, Lane::Requests, b"hello");
    until("frames pass", || nodes[1].has_frame(b"hello")).await;
}

#[wasm_bindgen_test]
async fn a_rendezvous_sees_opaque_topics_and_ciphertext() {
    let double = Double::new();
    let nodes = strangers("what is seen", 2).await;
    link(&nodes[0], &nodes[1]).await;
    let seen = double.seen.borrow();
    let is_seen = |part: &[u8]| seen.iter().any(|frame| frame.windows(part.len()).any(|window| window == part));
    assert!(seen.len() >= 6, "two joins, two announcements, an offer and an answer: {}", seen.len());
    for word in ["what is seen", "candidate", "fingerprint", "ice-pwd", "webrtc", "sha-256", "127.0.0.1"] {
        assert!(!is_seen(word.as_bytes()), "{word}");
    }
    assert!(nodes.iter().all(|node| !is_seen(node.id.as_bytes())));
    assert!([1, 2].into_iter().all(|seed| !is_seen(keys(seed).public().as_bytes())));
}

#[wasm_bindgen_test]
async fn without_the_rendezvous_links_stay_and_new_ones_come_about_through_the_mesh() {
    let double = Double::new();
    let nodes = strangers("mesh", 3).await;
    let [a, b, c] = &nodes[..] else { unreachable!("three were asked for") };
    link(a, b).await;
    link(b, c).await;
    double.die();
    until("all have lost it", || nodes.iter().all(|node| connections(node) == [true, false])).await;
    assert!(a.is_linked(b) && b.is_linked(c));
    // What the core does: bring sealed signals to whom they are for. Here everybody stands beside everybody.
    let done = RefCell::new([0; 3]);
    let relay = || {
        for (index, node) in nodes.iter().enumerate() {
            let events = node.log.borrow()[done.borrow()[index]..].to_vec();
            done.borrow_mut()[index] += events.len();
            for event in events {
                if let NetworkEvent::SignalForMesh { to, bytes } = event {
                    let target = nodes.iter().find(|other| other.id == to).unwrap();
                    target.network.mesh_signal(node.id, bytes);
                }
            }
        }
    };
    for (from, to) in [(a, c), (c, a)] {
        from.network.dial(to.id);
        until("they are linked through the mesh", || {
            relay();
            a.is_linked(c) && c.is_linked(a)
        })
        .await;
        assert_eq!((a.via(c), c.via(a)), (Some(Via::Mesh), Some(Via::Mesh)));
        from.network.hangup(to.id);
        until("both see it", || !a.is_linked(c) && !c.is_linked(a)).await;
    }
    double.rise();
    until("they come back to it", || nodes.iter().all(|node| connections(node) == [true, false, true])).await;
}

#[wasm_bindgen_test]
async fn ten_thousand_garbage_frames_from_a_rendezvous_are_counted_and_it_still_serves() {
    let double = Double::new();
    let nodes = strangers("garbage from a rendezvous", 2).await;
    let before: u64 = nodes.iter().map(|node| node.network.dropped()).sum();
    let members: Vec<Peer> = double.members.borrow().keys().copied().collect();
    let mut random = fastrand::Rng::with_seed(11);
    for round in 0..5_000_u32 {
        for member in &members {
            let mut garbage: Vec<u8> = (0..random.usize(..100)).map(|_| random.u8(..)).collect();
            match round % 100 {
                0 => garbage = vec![1; 40_000],
                1 => double.call("text", (*member as f64).into()),
                _ => {}
            }
            if let (false, Some(version)) = (round % 100 == 0, garbage.first_mut()) {
                *version = version.saturating_add(2);
            }
            if round % 100 != 1 {
                send_raw(&double.object, *member, &garbage);
            }
        }
    }
    let dropped = || nodes.iter().map(|node| node.network.dropped()).sum::<u64>() - before;
    until("all is counted", || dropped() == 10_000).await;
    link(&nodes[1], &nodes[0]).await;
    assert_eq!(connections(&nodes[0]), [true]);
}
