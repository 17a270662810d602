//! Slow readers, big senders, many connections: nothing grows without a bound.

use js_sys::Reflect;
use roundtable_web::network::{DropReason, Lane, NetworkEvent};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::support::*;

#[wasm_bindgen_test]
async fn megabytes_wait_their_turn_and_a_small_frame_overtakes_them_on_another_lane() {
    let (lower, higher) = linked_pair(&room("megabytes")).await;
    let bulk: Vec<Vec<u8>> = (0..100).map(|salt| frame(64 * 1024, salt)).collect();
    bulk.iter().for_each(|bytes| lower.network.send(higher.id, Lane::Bulk, bytes));
    lower.network.send(higher.id, Lane::Control, b"urgent");
    until("all have arrived", || higher.frames().len() == 101).await;
    let frames = higher.frames();
    assert!(frames.iter().position(|bytes| bytes == b"urgent").unwrap() < 30, "control was not held up by bulk");
    let in_order: Vec<&Vec<u8>> = frames.iter().filter(|bytes| *bytes != b"urgent").collect();
    assert!(in_order.into_iter().eq(bulk.iter()));
    let writable = NetworkEvent::Writable { id: higher.id, lane: Lane::Bulk };
    until("the lane takes more", || lower.count(|event| *event == writable) > 0).await;
}

#[wasm_bindgen_test]
async fn a_burst_of_many_windows_arrives_whole() {
    let (lower, higher) = linked_pair(&room("burst")).await;
    let sent = 320;
    (0..sent).for_each(|_| lower.network.send(higher.id, Lane::Requests, &[7; 64 * 1024]));
    until("all has arrived", || higher.frames().len() == sent).await;
    assert_eq!((lower.downs(&higher), lower.network.dropped(), higher.network.dropped()), (0, 0, 0));
}

#[wasm_bindgen_test]
async fn a_reader_for_whom_too_much_waits_is_let_go() {
    let (lower, higher) = linked_pair(&room("too slow")).await;
    (0..530).for_each(|_| lower.network.send(higher.id, Lane::Bulk, &[0; 64 * 1024]));
    until_within(1_000, "it is let go", || lower.downs(&higher) == 1).await;
    until("the other side sees it", || higher.downs(&lower) == 1).await;
    link(&lower, &higher).await;
}

const CREDIT: NetworkEvent = NetworkEvent::Dropped { reason: DropReason::Credit };

#[wasm_bindgen_test]
async fn a_sender_that_pays_no_heed_to_credits_is_let_go() {
    let (lower, higher) = linked_pair(&room("no heed")).await;
    (0..60).for_each(|_| lower.network.send_raw(higher.id, Lane::Bulk, &[0; 16 * 1024]));
    // The page is busy, and what arrives meanwhile lies before it.
    busy(1_500);
    until("it is let go", || higher.downs(&lower) == 1 && lower.downs(&higher) == 1).await;
    assert_eq!(higher.count(|event| *event == CREDIT), 1);
    assert!(higher.frames().len() < 40, "no more than a window was taken");
    link(&lower, &higher).await;
}

#[wasm_bindgen_test]
async fn a_sender_that_heeds_credits_is_not_let_go_however_busy_the_page_is() {
    let (lower, higher) = linked_pair(&room("heed")).await;
    for _ in 0..60 {
        lower.network.send(higher.id, Lane::Bulk, &[0; 64 * 1024]);
        busy(20);
        pause(1).await;
    }
    until("all has arrived", || higher.frames().len() == 60).await;
    assert_eq!((lower.downs(&higher), lower.network.dropped(), higher.network.dropped()), (0, 0, 0));
}

#[wasm_bindgen_test]
async fn credit_for_what_was_never_sent_is_counted_and_changes_nothing() {
    let (lower, higher) = linked_pair(&room("too much credit")).await;
    for lane in 0..3 {
        lower.network.send_raw(higher.id, Lane::Control, &[4, lane, 255, 255, 255, 255]);
    }
    until("it is counted", || higher.count(|event| *event == CREDIT) == 3).await;
    (0..20).for_each(|salt| higher.network.send(lower.id, Lane::Bulk, &frame(64 * 1024, salt)));
    until("frames pass", || lower.frames().len() == 20).await;
    assert_eq!(higher.downs(&lower), 0);
}

#[wasm_bindgen_test]
async fn a_frame_that_is_too_long_is_not_sent() {
    let (lower, higher) = linked_pair(&room("too long")).await;
    lower.network.send(higher.id, Lane::Bulk, &vec![0; roundtable_core::wire::FRAME_BYTES_MAX + 1]);
    let dropped = NetworkEvent::Dropped { reason: DropReason::TooLarge };
    until("it is dropped", || lower.count(|event| *event == dropped) == 1).await;
    assert!(lower.is_linked(&higher));
}

/// A browser that has no connection to give.
const REFUSE: &str = "
    const Real = globalThis.RTCPeerConnection;
    let asked = 0;
    globalThis.RTCPeerConnection = class {
        constructor() { asked += 1; throw new DOMException('too many', 'UnknownError'); }
    };
    return { asked: () => asked, restore: () => { globalThis.RTCPeerConnection = Real; } };
";

#[wasm_bindgen_test]
async fn a_browser_that_refuses_a_connection_fails_the_dial_and_is_not_asked_again_at_once() {
    let (low, high) = lower_and_higher();
    let room = room("refused");
    let (lower, higher) = (Node::start(&room, &low), Node::start(&room, &high));
    until("they find each other", || lower.has_discovered(&higher)).await;
    let browser = javascript(REFUSE);
    let ask = |name: &str| {
        let method: js_sys::Function = Reflect::get(&browser, &name.into()).unwrap().into();
        method.call0(&JsValue::NULL).unwrap().as_f64()
    };
    lower.network.dial(higher.id);
    lower.network.dial(higher.id);
    until("both dials fail", || lower.failures(higher.id) == 2).await;
    assert_eq!(ask("asked"), Some(1.0));
    ask("restore");
    pause(500).await;
    link(&lower, &higher).await;
}

/// Wraps the page's constructor so that every connection leaves a weak reference.
const COUNT_CONNECTIONS: &str = "
    const Real = globalThis.RTCPeerConnection;
    const all = [];
    globalThis.RTCPeerConnection = class extends Real {
        constructor(...given) { super(...given); all.push(new WeakRef(this)); }
    };
    return {
        made: () => all.length,
        open: () => all.filter((ref) => ref.deref() && ref.deref().connectionState !== 'closed').length,
        alive: () => { globalThis.gc?.(); return globalThis.gc ? all.filter((ref) => ref.deref()).length : -1; },
        restore: () => { globalThis.RTCPeerConnection = Real; },
    };
";

#[wasm_bindgen_test]
async fn fifty_links_made_and_hung_up_leave_nothing_behind() {
    let counter = javascript(COUNT_CONNECTIONS);
    let ask = |name: &str| -> f64 {
        let method: js_sys::Function = Reflect::get(&counter, &name.into()).unwrap().into();
        method.call0(&JsValue::NULL).unwrap().as_f64().unwrap_or(0.0)
    };
    let (lower, higher) = linked_pair(&room("no leak")).await;
    let mut memory = 0;
    for cycle in 0..50 {
        let (one, other) = if cycle % 2 == 0 { (&lower, &higher) } else { (&higher, &lower) };
        one.network.hangup(other.id);
        until("both see it", || !lower.is_linked(&higher) && !higher.is_linked(&lower)).await;
        link(other, one).await;
        if cycle == 10 {
            memory = wasm_pages();
        }
    }
    assert_eq!(ask("made"), 102.0, "one connection a side and cycle");
    assert_eq!(ask("open"), 2.0);
    assert!(wasm_pages() - memory <= 4, "grew from {memory} to {} pages", wasm_pages());
    // The collector takes what nobody holds, though not at our command in one go.
    for _ in 0..100 {
        if ask("alive") <= 6.0 {
            break;
        }
        pause(50).await;
    }
    assert!(ask("alive") <= 6.0, "{} connections are still held", ask("alive"));
    ask("restore");
}

/// Pages of 64 KiB that the module's memory has.
fn wasm_pages() -> u32 {
    let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().into();
    js_sys::ArrayBuffer::from(memory.buffer()).byte_length() / 65_536
}
