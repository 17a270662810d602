//! Garbage and repetitions: counted, dropped, and no harm done.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_events::EventListener;
use js_sys::Uint8Array;
use roundtable_core::id::{NodeId, Room};
use roundtable_web::network::{DropReason, Lane, NetworkEvent};
use wasm_bindgen::JsCast;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{BroadcastChannel, MessageEvent};

use crate::support::*;

const MANY: u64 = 10_000;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The channel of all tabs of a room.
fn channel(room: &Room) -> BroadcastChannel {
    BroadcastChannel::new(&format!("roundtable:{}", hex(&room.topic()))).unwrap()
}

/// The channel of one of them.
fn line(room: &Room, id: NodeId) -> BroadcastChannel {
    BroadcastChannel::new(&format!("roundtable:{}:{}", hex(&room.topic()), hex(id.as_bytes()))).unwrap()
}

#[wasm_bindgen_test]
async fn ten_thousand_garbage_messages_on_a_data_channel_are_counted_and_good_frames_pass() {
    let (lower, higher) = linked_pair(&room("garbage on a channel")).await;
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..MANY {
        // Kinds 0 to 3 exist, and a whole frame (0) of garbage is the core's to judge: here are the others.
        let mut garbage: Vec<u8> = (0..random.usize(..200)).map(|_| random.u8(..)).collect();
        if let Some(kind) = garbage.first_mut() {
            *kind = random.u8(4..);
        }
        let lane = [Lane::Control, Lane::Requests, Lane::Bulk][random.usize(..3)];
        lower.network.send_raw(higher.id, lane, &garbage);
        if round % 1000 == 0 {
            lower.network.send(higher.id, lane, &round.to_le_bytes());
        }
    }
    until("all is counted", || higher.network.dropped() == MANY).await;
    until("all good frames have passed", || higher.frames().len() == 10).await;
    assert!(higher.count(|event| matches!(event, NetworkEvent::Dropped { reason: DropReason::Chunk(_) })) >= 9_999);
    lower.network.send(higher.id, Lane::Bulk, &frame(300 * 1024, 3));
    until("a long frame passes after it", || higher.has_frame(&frame(300 * 1024, 3))).await;
    assert_eq!(higher.downs(&lower), 0);
}

#[wasm_bindgen_test]
async fn any_random_bytes_and_an_oversized_message_leave_the_link_up() {
    let (lower, higher) = linked_pair(&room("random bytes on a channel")).await;
    let mut random = fastrand::Rng::with_seed(8);
    for _ in 0..1_000 {
        let garbage: Vec<u8> = (0..random.usize(..64)).map(|_| random.u8(..)).collect();
        lower.network.send_raw(higher.id, Lane::Requests, &garbage);
    }
    lower.network.send_raw(higher.id, Lane::Requests, &vec![0; 100_000]);
    lower.network.send_raw(higher.id, Lane::Requests, &[9]);
    lower.network.send(higher.id, Lane::Requests, b"good");
    until("the good frame passes", || higher.has_frame(b"good")).await;
    assert!(higher.network.dropped() > 900);
}

#[wasm_bindgen_test]
async fn ten_thousand_garbage_messages_on_the_broadcast_channel_are_counted_and_links_still_come_up() {
    let room = room("garbage on the broadcast channel");
    let (lower, higher) = pair(&room).await;
    let (channel, mut random) = (channel(&room), fastrand::Rng::with_seed(9));
    for round in 0..MANY {
        let garbage: Vec<u8> = (0..random.usize(..300)).map(|_| random.u8(..)).collect();
        if round % 10 == 0 {
            channel.post_message(&"no bytes at all".into()).unwrap();
        } else {
            channel.post_message(&Uint8Array::from(&garbage[..])).unwrap();
        }
    }
    let line = line(&room, lower.id);
    (0..100).for_each(|_| line.post_message(&Uint8Array::from(&[7; 300][..])).unwrap());
    lower.network.dial(higher.id);
    until("all is counted", || lower.network.dropped() == MANY + 100 && higher.network.dropped() == MANY).await;
    until("they are linked", || lower.is_linked(&higher) && higher.is_linked(&lower)).await;
    [channel, line].iter().for_each(BroadcastChannel::close);
}

#[wasm_bindgen_test]
async fn what_two_tabs_of_a_browser_say_to_each_other_no_third_one_hears() {
    let room = room("a line of one's own");
    let third = Node::start(&room, &keys(3));
    let (lower, higher) = linked_pair(&room).await;
    until("the third knows both", || third.has_discovered(&lower) && third.has_discovered(&higher)).await;
    settle().await;
    // What is for somebody else is counted as dropped.
    assert_eq!(third.network.dropped(), 0);
}

#[wasm_bindgen_test]
async fn repeating_everything_that_was_ever_said_breaks_no_link() {
    let room = room("replay");
    let (one, other) = lower_and_higher();
    let channels = Rc::new([channel(&room), line(&room, one.id()), line(&room, other.id())]);
    let said = Rc::new(RefCell::new(Vec::new()));
    let listener = |at: usize| {
        let heard = said.clone();
        EventListener::new(&channels[at], "message", move |event| {
            heard.borrow_mut().push((at, event.unchecked_ref::<MessageEvent>().data()));
        })
    };
    let listeners = [listener(0), listener(1), listener(2)];
    let (lower, higher) = linked_pair(&room).await;
    link(&lower, &higher).await;
    higher.network.hangup(lower.id);
    until("both see it", || lower.downs(&higher) == 1 && higher.downs(&lower) == 1).await;
    link(&higher, &lower).await;
    drop(listeners);
    let repeated = said.take();
    assert!(repeated.len() > 6, "offers, answers, candidates, announcements");
    for (at, bytes) in repeated.iter().chain(repeated.iter().rev()) {
        channels[*at].post_message(bytes).unwrap();
    }
    pause(2_500).await;
    assert!(lower.is_linked(&higher) && higher.is_linked(&lower));
    assert_eq!((lower.ups(&higher), lower.downs(&higher), higher.downs(&lower)), (2, 1, 1));
    let stale = |node: &Node| node.count(|event| *event == NetworkEvent::Dropped { reason: DropReason::Stale });
    assert!(stale(&lower) > 0 && stale(&higher) > 0);
    channels.iter().for_each(BroadcastChannel::close);
}

#[wasm_bindgen_test]
async fn a_truncated_or_altered_signal_is_not_acted_on() {
    let room = room("alteration");
    let (one, victim) = pair(&room).await;
    let sealed = roundtable_core::wire::signal::seal(&keys(9), &room, Some(victim.id), &[3, 1, 1, 1, 0]);
    for length in 0..sealed.len() {
        victim.network.mesh_signal(one.id, sealed[..length].to_vec());
    }
    let mut altered = sealed.clone();
    *altered.last_mut().unwrap() ^= 1;
    victim.network.mesh_signal(one.id, altered);
    assert_eq!(victim.network.dropped(), u64::try_from(sealed.len()).unwrap() + 1);
}
