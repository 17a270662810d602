//! Links between tabs of one browser: found, dialled from either side or both, used on all lanes, cut and renewed.

use roundtable_web::network::{Lane, NetworkEvent, Via};
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

use crate::support::*;

const LANES: [Lane; 3] = [Lane::Control, Lane::Requests, Lane::Bulk];

#[wasm_bindgen_test]
async fn tabs_of_one_browser_find_each_other_without_a_server() {
    let room = room("finding");
    let nodes: Vec<Node> = (1..=3).map(|seed| Node::start(&room, &keys(seed))).collect();
    for one in &nodes {
        for other in nodes.iter().filter(|other| other.id != one.id) {
            until("everybody has heard of everybody", || one.has_discovered(other)).await;
        }
    }
}

#[wasm_bindgen_test]
async fn nodes_of_another_room_are_not_heard_of() {
    let (one, other) = (Node::start(&room("one"), &keys(1)), Node::start(&room("other"), &keys(2)));
    pause(300).await;
    assert!(one.log.borrow().is_empty() && other.log.borrow().is_empty());
}

#[wasm_bindgen_test]
async fn frames_of_every_size_cross_on_every_lane_in_order() {
    let (lower, higher) = linked_pair(&room("frames")).await;
    assert_eq!((lower.via(&higher), higher.via(&lower)), (Some(Via::Broadcast), Some(Via::Broadcast)));
    for (lane, salt) in LANES.into_iter().zip(0..) {
        higher.forget();
        let lengths = [0, 1, 100, 16 * 1024 - 1, 16 * 1024, 300 * 1024, 2 * 1024 * 1024];
        let sent: Vec<Vec<u8>> = lengths.into_iter().map(|length| frame(length, salt)).collect();
        sent.iter().for_each(|bytes| lower.network.send(higher.id, lane, bytes));
        until("all have arrived", || higher.frames().len() == sent.len()).await;
        assert!(higher.frames() == sent, "{lane:?}");
    }
    higher.network.send(lower.id, Lane::Control, b"back");
    until("the other way works, too", || lower.has_frame(b"back")).await;
    assert_eq!((lower.network.dropped(), higher.network.dropped()), (0, 0));
}

#[wasm_bindgen_test]
async fn the_higher_node_can_dial_too() {
    let (lower, higher) = pair(&room("calling")).await;
    link(&higher, &lower).await;
    assert_eq!((lower.ups(&higher), higher.ups(&lower)), (1, 1));
}

#[wasm_bindgen_test]
async fn two_that_dial_each_other_at_once_make_one_link() {
    for round in 0..5 {
        let (lower, higher) = pair(&room("simultaneous dials")).await;
        if round % 2 == 0 {
            lower.network.dial(higher.id);
            higher.network.dial(lower.id);
        } else {
            higher.network.dial(lower.id);
            lower.network.dial(higher.id);
        }
        until("both are linked", || lower.is_linked(&higher) && higher.is_linked(&lower)).await;
        pause(1_500).await;
        assert_eq!((lower.ups(&higher), higher.ups(&lower)), (1, 1), "round {round}");
        assert_eq!((lower.downs(&higher), higher.downs(&lower)), (0, 0), "round {round}");
    }
}

#[wasm_bindgen_test]
async fn hanging_up_is_noticed_at_once_and_redialling_works_from_either_side() {
    let (lower, higher) = linked_pair(&room("hanging up")).await;
    lower.network.hangup(higher.id);
    until_within(1_000, "both see it", || lower.downs(&higher) == 1 && higher.downs(&lower) == 1).await;
    link(&higher, &lower).await;
    higher.network.hangup(lower.id);
    until_within(1_000, "both see it", || lower.downs(&higher) == 2 && higher.downs(&lower) == 2).await;
    link(&lower, &higher).await;
    assert_eq!((lower.ups(&higher), higher.ups(&lower)), (3, 3));
}

#[wasm_bindgen_test]
async fn a_cut_link_stays_down_until_it_is_uncut() {
    let (lower, higher) = linked_pair(&room("cutting")).await;
    higher.network.cut(lower.id);
    until_within(1_000, "both see it", || lower.downs(&higher) == 1 && higher.downs(&lower) == 1).await;
    higher.network.dial(lower.id);
    until_within(1_000, "a dial from the cut side fails at once", || higher.failures(lower.id) == 1).await;
    lower.network.dial(higher.id);
    pause(1_500).await;
    assert!(!lower.is_linked(&higher) && !higher.is_linked(&lower));
    higher.network.uncut(lower.id);
    until("the dial that is still under way succeeds", || lower.is_linked(&higher) && higher.is_linked(&lower)).await;
    lower.network.send(higher.id, Lane::Requests, b"again");
    until("frames pass again", || higher.has_frame(b"again")).await;
}

#[wasm_bindgen_test]
async fn a_dial_that_nobody_answers_fails_after_its_time_and_one_that_nobody_could_carry_at_once() {
    let (lower, higher) = pair(&room("failing")).await;
    let stranger = keys(77).id();
    lower.network.dial(stranger);
    until_within(500, "nobody knows the stranger", || lower.failures(stranger) == 1).await;
    higher.network.cut(lower.id);
    lower.network.dial(higher.id);
    pause(5_000).await;
    assert_eq!(lower.failures(higher.id), 0);
    until_within(8_000, "the dial fails", || lower.failures(higher.id) == 1).await;
}

/// What is between the two takes a few rounds, and the page is busy until their time is up.
#[wasm_bindgen_test]
async fn a_dial_whose_time_is_up_for_a_page_that_was_busy_is_not_failed_before_it_has_looked() {
    let (lower, higher) = pair(&room("busy")).await;
    // A machine that is busy itself may need longer than the moment that is given.
    for failed in 0..3 {
        lower.network.dial(higher.id);
        busy(11_000);
        until("its fate is known", || lower.is_linked(&higher) || lower.failures(higher.id) > failed).await;
        if lower.is_linked(&higher) {
            return;
        }
    }
    panic!("three dials, and none was given the time");
}

#[wasm_bindgen_test]
async fn events_come_after_the_call_that_caused_them() {
    let (lower, higher) = linked_pair(&room("events")).await;
    lower.forget();
    lower.network.hangup(higher.id);
    assert!(lower.log.borrow().is_empty());
    until("it is told", || lower.log.borrow().contains(&NetworkEvent::LinkDown { id: higher.id })).await;
}

#[wasm_bindgen_test]
async fn eight_tabs_that_all_dial_each_other_become_a_full_mesh_of_one_link_a_pair() {
    let (room, began) = (room("eight"), js_sys::Date::now());
    let nodes: Vec<Node> = (1..=8).map(|seed| Node::start(&room, &keys(seed))).collect();
    let pairs =
        || nodes.iter().flat_map(|one| nodes.iter().filter(|other| other.id != one.id).map(move |other| (one, other)));
    until("all are linked", || {
        let missing = pairs().filter(|(one, other)| one.has_discovered(other) && !one.is_linked(other));
        missing.for_each(|(one, other)| one.network.dial(other.id));
        pairs().all(|(one, other)| one.is_linked(other))
    })
    .await;
    console_log!("a mesh of eight took {} ms", js_sys::Date::now() - began);
    pause(1_500).await;
    assert!(pairs().all(|(one, other)| one.ups(other) == 1 && one.downs(other) == 0));
}
