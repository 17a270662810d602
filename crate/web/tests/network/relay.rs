//! Pages that cannot connect with anybody: what is theirs goes through the rendezvous, slowly, until there is a link.

use js_sys::{Function, Reflect};
use roundtable_web::network::{Lane, NetworkEvent, Via};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::introductions::{Double, strangers};
use crate::support::*;

/// No address that another side has is ever tried, as in a network that keeps its devices apart.
const APART: &str = "
    const Real = globalThis.RTCPeerConnection;
    let apart = true;
    globalThis.RTCPeerConnection = class extends Real {
        addIceCandidate(candidate) { return apart ? Promise.resolve() : super.addIceCandidate(candidate); }
        setRemoteDescription({ type, sdp }) {
            const told = apart ? sdp.replace(/^a=candidate.*\\r?\\n/gm, '') : sdp;
            return super.setRemoteDescription({ type, sdp: told });
        }
    };
    return { join: () => { apart = false; }, stop: () => { globalThis.RTCPeerConnection = Real; } };
";

struct Apart(JsValue);

impl Apart {
    fn call(&self, name: &str) {
        let method: Function = Reflect::get(&self.0, &name.into()).unwrap().unchecked_into();
        method.call0(&JsValue::NULL).unwrap();
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        self.call("stop");
    }
}

/// Dial, and again if that fails and the other one is still heard of, as the core does.
async fn insist(from: &Node, to: &Node) {
    for tries in 1..=4 {
        let is_heard_of = || from.count(|event| *event == NetworkEvent::Discovered(to.id)) >= tries;
        until_within(40_000, "it is heard of again", is_heard_of).await;
        from.network.dial(to.id);
        until_within(20_000, "there is a link, or none", || from.is_linked(to) || from.failures(to.id) >= tries).await;
        if from.is_linked(to) {
            return;
        }
    }
    panic!("no link and no relay after four attempts");
}

#[wasm_bindgen_test]
async fn two_that_cannot_connect_talk_through_the_rendezvous_until_they_can() {
    let apart = Apart(javascript(APART));
    let double = Double::new();
    let nodes = strangers("apart", 2).await;
    let [lower, higher] = &nodes[..] else { unreachable!("two were asked for") };
    insist(higher, lower).await;
    until("both have it", || lower.is_linked(higher)).await;
    assert!(higher.failures(lower.id) >= 1, "a link was tried first");
    assert_eq!((lower.ups(higher), higher.ups(lower)), (1, 1));
    assert_eq!(higher.via(lower), Some(Via::Rendezvous));
    assert_eq!((lower.network.relayed(), higher.network.relayed()), (vec![higher.id], vec![lower.id]));

    // More than goes at once, and something urgent behind it.
    let large: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    higher.network.send(lower.id, Lane::Bulk, &large);
    higher.network.send(lower.id, Lane::Control, b"urgent");
    lower.network.send(higher.id, Lane::Requests, b"the secret word");
    until("frames pass", || higher.has_frame(b"the secret word") && lower.has_frame(&large)).await;
    let first = lower.frames().into_iter().next();
    assert_eq!(first.as_deref(), Some(&b"urgent"[..]), "control goes before bulk");
    let is_seen = |part: &[u8]| double.seen.borrow().iter().any(|frame| frame.windows(part.len()).any(|w| w == part));
    assert!(!is_seen(b"the secret word") && !is_seen(b"urgent"), "the rendezvous reads nothing");
    until("who waited is told", || {
        let is_told = |event: &NetworkEvent| matches!(event, NetworkEvent::Writable { lane: Lane::Bulk, .. });
        higher.count(is_told) == 1
    })
    .await;

    // What keeps them apart ends: a real link takes the relay's place.
    apart.call("join");
    until_within(45_000, "they are linked", || lower.network.relayed().is_empty() && lower.is_linked(higher)).await;
    until("both are", || higher.network.relayed().is_empty() && higher.is_linked(lower)).await;
    assert_eq!((lower.ups(higher), lower.downs(higher)), (2, 1));
    double.die();
    higher.network.send(lower.id, Lane::Requests, b"without it");
    until("frames pass without the rendezvous", || lower.has_frame(b"without it")).await;
}

#[wasm_bindgen_test]
async fn a_relay_ends_with_either_side_or_with_its_rendezvous() {
    let _apart = Apart(javascript(APART));
    let double = Double::new();
    let nodes = strangers("apart and alone", 3).await;
    let [a, b, c] = &nodes[..] else { unreachable!("three were asked for") };
    futures_util::future::join(insist(a, b), insist(a, c)).await;
    until("all have it", || b.is_linked(a) && c.is_linked(a)).await;
    b.network.hangup(a.id);
    until("both see it", || !a.is_linked(b) && !b.is_linked(a)).await;
    assert!(a.is_linked(c), "the other one stays");
    double.die();
    until("both see that it is over", || !a.is_linked(c) && !c.is_linked(a)).await;
    assert_eq!((a.downs(b), a.downs(c), c.downs(a)), (1, 1, 1));
}

/// Whoever has a link can be met through the mesh, and needs no relay.
#[wasm_bindgen_test]
async fn who_has_a_link_asks_for_no_relay() {
    let _double = Double::new();
    let nodes = strangers("not apart", 3).await;
    let [a, b, c] = &nodes[..] else { unreachable!("three were asked for") };
    link(a, b).await;
    let _apart = Apart(javascript(APART));
    for tries in 1..=2 {
        a.network.dial(c.id);
        until_within(20_000, "it fails", || a.failures(c.id) >= tries).await;
    }
    pause(1_000).await;
    assert!(!a.is_linked(c) && a.network.relayed().is_empty());
}
