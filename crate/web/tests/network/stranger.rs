//! A peer that keeps no rule: a connection by hand, and signals that say what the test wants, under whatever name.

use std::cell::Cell;

use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use roundtable_core::id::{KeyPair, NodeId, PublicKey, Room};
use roundtable_core::wire::handshake::{End, Fingerprint, Meeting, Nonce, Role};
use roundtable_core::wire::signal;
use roundtable_web::network::NetworkEvent;
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::support::*;

/// What signals say, as `network/signal.rs` has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Payload {
    Announce { page: u64 },
    Gone { page: u64 },
    Call { page: u64, serial: u32 },
    Offer { page: u64, serial: u32, session: u64, nonce: Nonce, sdp: String },
    Answer { page: u64, session: u64, nonce: Nonce, sdp: String },
    Candidate { session: u64, candidate: String, mid: Option<String>, line: Option<u16> },
    Bye { session: u64 },
}

const CONNECTION: &str = "
    const pc = new RTCPeerConnection();
    const names = ['control', 'requests', 'bulk'];
    const inbox = [[], [], []];
    let hear = () => {};
    const channels = names.map((name, id) => {
        const channel = pc.createDataChannel(name, { negotiated: true, id });
        channel.binaryType = 'arraybuffer';
        channel.onmessage = ({ data }) => { inbox[id].push(new Uint8Array(data)); hear(id, new Uint8Array(data)); };
        return channel;
    });
    const described = async () => {
        await pc.setLocalDescription();
        while (pc.iceGatheringState !== 'complete') await new Promise((done) => setTimeout(done, 10));
        return pc.localDescription.sdp;
    };
    return {
        offer: () => described(),
        accept: async (sdp) => { await pc.setRemoteDescription({ type: 'offer', sdp }); return described(); },
        agree: async (sdp) => { await pc.setRemoteDescription({ type: 'answer', sdp }); },
        local: () => pc.localDescription.sdp,
        remote: () => pc.remoteDescription.sdp,
        candidate: async (candidate) => { try { await pc.addIceCandidate({ candidate, sdpMid: '0' }); } catch {} },
        open: () => channels.every((channel) => channel.readyState === 'open'),
        over: () => channels.every((channel) => channel.readyState === 'closed') || pc.connectionState === 'failed',
        send: (id, bytes) => { if (channels[id].readyState === 'open') channels[id].send(bytes); },
        first: () => inbox[0][0],
        count: () => inbox.flat().length,
        relay: (other) => {
            hear = (id, bytes) => other.send(id, bytes);
            inbox.forEach((all, id) => all.forEach((bytes) => other.send(id, bytes)));
        },
        close: () => pc.close(),
    };
";

/// One connection by hand.
pub(crate) struct Hand(JsValue);

impl Hand {
    pub(crate) fn new() -> Hand {
        Hand(javascript(CONNECTION))
    }

    fn call(&self, name: &str, arguments: &[JsValue]) -> JsValue {
        let method: Function = Reflect::get(&self.0, &name.into()).unwrap().unchecked_into();
        method.apply(&JsValue::NULL, &arguments.iter().cloned().collect::<Array>()).unwrap()
    }

    async fn wait(&self, name: &str, arguments: &[JsValue]) -> String {
        let promise: Promise = self.call(name, arguments).unchecked_into();
        JsFuture::from(promise).await.unwrap().as_string().unwrap_or_default()
    }

    pub(crate) async fn offer(&self) -> String {
        self.wait("offer", &[]).await
    }

    pub(crate) async fn accept(&self, sdp: &str) -> String {
        self.wait("accept", &[sdp.into()]).await
    }

    pub(crate) async fn agree(&self, sdp: &str) {
        self.wait("agree", &[sdp.into()]).await;
    }

    pub(crate) async fn candidate(&self, candidate: &str) {
        self.wait("candidate", &[candidate.into()]).await;
    }

    pub(crate) fn is_open(&self) -> bool {
        self.call("open", &[]).is_truthy()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.call("over", &[]).is_truthy()
    }

    pub(crate) fn send(&self, lane: u8, bytes: &[u8]) {
        self.call("send", &[lane.into(), Uint8Array::from(bytes).into()]);
    }

    /// The first message that came on the control lane.
    pub(crate) fn first(&self) -> Option<Vec<u8>> {
        self.call("first", &[]).dyn_into::<Uint8Array>().ok().map(|bytes| bytes.to_vec())
    }

    pub(crate) fn count(&self) -> f64 {
        self.call("count", &[]).as_f64().unwrap()
    }

    /// Whatever comes here goes out there.
    pub(crate) fn relay_to(&self, other: &Hand) {
        self.call("relay", std::slice::from_ref(&other.0));
    }

    pub(crate) fn fingerprints(&self) -> (Fingerprint, Fingerprint) {
        let of = |name| Fingerprint::of_description(&self.call(name, &[]).as_string().unwrap()).unwrap();
        (of("local"), of("remote"))
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.call("close", &[]);
    }
}

/// A connection by hand that the victim has answered and that is open, with nothing said on it.
pub(crate) struct Stranger {
    pub(crate) hand: Hand,
    pub(crate) keys: KeyPair,
    ours: Nonce,
    theirs: (PublicKey, Nonce),
}

thread_local! {
    static SERIAL: Cell<u32> = const { Cell::new(1) };
}

pub(crate) fn serial() -> u32 {
    SERIAL.with(|serial| serial.replace(serial.get() + 1))
}

/// Say something to a node, through the mesh, in the name of whoever has these keys.
pub(crate) fn say(victim: &Node, room: &Room, keys: &KeyPair, payload: &Payload) {
    let bytes = signal::seal(keys, room, Some(victim.id), &postcard::to_allocvec(payload).unwrap());
    victim.network.mesh_signal(keys.id(), bytes);
}

/// What a node has said to `to` through the mesh, from the `skip`-th of its events on.
pub(crate) fn said(node: &Node, room: &Room, to: NodeId) -> Vec<(PublicKey, Payload)> {
    let log = node.log.borrow();
    let signals = log.iter().filter_map(|event| match event {
        NetworkEvent::SignalForMesh { to: whom, bytes } if *whom == to => {
            let signal = signal::open(room, to, bytes).unwrap();
            Some((signal.key, postcard::from_bytes(&signal.payload).unwrap()))
        }
        _ => None,
    });
    signals.collect()
}

pub(crate) fn answer_of(node: &Node, room: &Room, to: NodeId, session: u64) -> Option<(PublicKey, Nonce, String)> {
    said(node, room, to).into_iter().find_map(|(key, payload)| match payload {
        Payload::Answer { session: of, nonce, sdp, .. } if of == session => Some((key, nonce, sdp)),
        _ => None,
    })
}

/// All candidates of a session that a node has told, to a connection by hand.
pub(crate) async fn pass_candidates(node: &Node, room: &Room, to: NodeId, session: u64, hand: &Hand) {
    for (_, payload) in said(node, room, to) {
        if let Payload::Candidate { session: of, candidate, .. } = payload
            && of == session
        {
            hand.candidate(&candidate).await;
        }
    }
}

impl Stranger {
    /// Offer a connection to a higher node.
    pub(crate) async fn offer(victim: &Node, room: &Room, keys: &KeyPair) -> Stranger {
        let (hand, session, nonce) = (Hand::new(), u64::from(serial()), [7; 16]);
        let sdp = hand.offer().await;
        say(victim, room, keys, &Payload::Offer { page: 1, serial: serial(), session, nonce, sdp });
        until("the offer is answered", || answer_of(victim, room, keys.id(), session).is_some()).await;
        let (key, theirs, sdp) = answer_of(victim, room, keys.id(), session).unwrap();
        hand.agree(&sdp).await;
        for _ in 0..1_000 {
            if hand.is_open() {
                break;
            }
            pass_candidates(victim, room, keys.id(), session, &hand).await;
            pause(10).await;
        }
        assert!(hand.is_open(), "a connection by hand opens");
        Stranger { hand, keys: keys.clone(), ours: nonce, theirs: (key, theirs) }
    }

    /// What this end would say if it were of this room.
    pub(crate) fn proof(&self, room: &Room) -> Vec<u8> {
        let (here, there) = self.hand.fingerprints();
        let ours = End { key: self.keys.public(), fingerprint: here, nonce: self.ours };
        let theirs = End { key: self.theirs.0, fingerprint: there, nonce: self.theirs.1 };
        Meeting { room, role: Role::Offerer, ours, theirs }.prove(&self.keys)
    }
}
