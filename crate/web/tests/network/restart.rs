//! Links that are interrupted and brought back. What the browser says of a connection is put into its mouth; the
//! restarts are real.

use js_sys::{Function, Reflect};
use roundtable_core::wire::signal::seal;
use roundtable_web::network::{DropReason, Lane, NetworkEvent};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::support::*;

const STATES: &str = "
    const Real = globalThis.RTCPeerConnection;
    const all = [];
    globalThis.RTCPeerConnection = class extends Real {
        constructor(...given) { super(...given); all.push(this); }
    };
    const changed = (i) => all[i].dispatchEvent(new Event('connectionstatechange'));
    return {
        interrupt: (i) => {
            Object.defineProperty(all[i], 'connectionState', { value: 'disconnected', configurable: true });
            changed(i);
        },
        restore: (i) => { delete all[i].connectionState; changed(i); },
        ways: (i) => [all[i].localDescription, all[i].remoteDescription]
            .map(({ sdp }) => /a=ice-ufrag:(\\S+)/.exec(sdp)[1]).join(' '),
        made: () => all.length,
        stop: () => { globalThis.RTCPeerConnection = Real; },
    };
";

/// The page's connections, by the order in which they were made: the lower node's is the first.
struct States(JsValue);

impl States {
    fn ask(&self, name: &str, which: usize) -> JsValue {
        let method: Function = Reflect::get(&self.0, &name.into()).unwrap().into();
        method.call1(&JsValue::NULL, &JsValue::from_f64(which as f64)).unwrap()
    }

    /// By which names the two ends of a connection know each other now.
    fn ways(&self, which: usize) -> Vec<String> {
        self.ask("ways", which).as_string().unwrap().split(' ').map(str::to_owned).collect()
    }

    /// How many connections the page has made so far.
    fn made(&self) -> Option<f64> {
        self.ask("made", 0).as_f64()
    }
}

impl Drop for States {
    fn drop(&mut self) {
        self.ask("stop", 0);
    }
}

#[wasm_bindgen_test]
async fn an_interrupted_link_is_restarted_by_whichever_side_notices_and_loses_nothing() {
    for side in [0, 1] {
        let states = States(javascript(STATES));
        let (lower, higher) = linked_pair(&room("restart")).await;
        let before = states.ways(0);
        states.ask("interrupt", side);
        (0..40).for_each(|salt| lower.network.send(higher.id, Lane::Bulk, &frame(64 * 1024, salt)));
        higher.network.send(lower.id, Lane::Requests, b"meanwhile");
        until("both ends have a new way", || {
            let (one, other) = (states.ways(0), states.ways(1));
            one[0] != before[0] && one[1] != before[1] && one[0] == other[1] && one[1] == other[0]
        })
        .await;
        states.ask("restore", side);
        until("all arrives", || higher.frames().len() == 40 && lower.has_frame(b"meanwhile")).await;
        // Longer than an interruption may take.
        pause(9_000).await;
        assert_eq!((lower.downs(&higher), higher.downs(&lower)), (0, 0));
        lower.network.send(higher.id, Lane::Control, b"after");
        until("frames pass", || higher.has_frame(b"after")).await;
    }
}

#[wasm_bindgen_test]
async fn a_link_that_is_restarted_again_and_again_lives_on() {
    let states = States(javascript(STATES));
    let (lower, higher) = linked_pair(&room("restarts")).await;
    for round in 0..5 {
        let before = states.ways(0);
        // Both notice at once.
        states.ask("interrupt", round % 2);
        states.ask("interrupt", 1 - round % 2);
        until("both ends have a new way", || {
            let (one, other) = (states.ways(0), states.ways(1));
            one[0] != before[0] && one[1] != before[1] && one[0] == other[1] && one[1] == other[0]
        })
        .await;
        states.ask("restore", 0);
        states.ask("restore", 1);
        let name = [u8::try_from(round).unwrap()];
        higher.network.send(lower.id, Lane::Requests, &name);
        until("frames pass", || lower.has_frame(&name)).await;
    }
    assert_eq!((lower.ups(&higher), lower.downs(&higher), higher.downs(&lower)), (1, 0, 0));
    assert_eq!(states.made(), Some(2.0), "each end has used one connection all along");
}

#[wasm_bindgen_test]
async fn a_link_that_does_not_come_back_is_dropped_in_its_time() {
    let states = States(javascript(STATES));
    let (lower, higher) = linked_pair(&room("no restart")).await;
    states.ask("interrupt", 0);
    pause(6_000).await;
    assert_eq!(lower.downs(&higher), 0);
    until_within(6_000, "it is dropped", || lower.downs(&higher) == 1 && higher.downs(&lower) == 1).await;
    link(&lower, &higher).await;
}

#[wasm_bindgen_test]
async fn a_restart_of_a_connection_that_is_not_there_harms_no_link() {
    let room = room("unknown restart");
    let (lower, higher) = linked_pair(&room).await;
    let (low, high) = lower_and_higher();
    // A restart for the higher, an interruption and an answer for the lower; of session 5, round 1, without a text.
    higher.network.mesh_signal(lower.id, seal(&low, &room, Some(higher.id), &[8, 5, 1, 0]));
    lower.network.mesh_signal(higher.id, seal(&high, &room, Some(lower.id), &[7, 5]));
    lower.network.mesh_signal(higher.id, seal(&high, &room, Some(lower.id), &[9, 5, 1, 0]));
    let stale = |node: &Node| node.count(|event| *event == NetworkEvent::Dropped { reason: DropReason::Stale });
    until("they are counted", || stale(&higher) == 1 && stale(&lower) == 2).await;
    lower.network.send(higher.id, Lane::Control, b"still there");
    until("frames pass", || higher.has_frame(b"still there")).await;
    assert_eq!((lower.downs(&higher), higher.downs(&lower)), (0, 0));
}
