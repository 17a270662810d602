//! A page's end and its return.

use roundtable_web::network::{Lane, NetworkEvent};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::support::*;

#[wasm_bindgen_test]
async fn what_is_sent_just_before_goodbye_arrives_and_the_end_is_seen_at_once() {
    let (lower, higher) = linked_pair(&room("goodbye")).await;
    lower.network.send(higher.id, Lane::Control, b"goodbye");
    lower.network.say_goodbye_and_close();
    until_within(1_000, "the end is seen", || higher.downs(&lower) == 1).await;
    assert!(higher.has_frame(b"goodbye"));
    until("our own side is told, too", || lower.downs(&higher) == 1).await;
    lower.network.dial(higher.id);
    lower.network.send(higher.id, Lane::Control, b"too late");
    pause(200).await;
    assert!(lower.network.links().is_empty() && higher.network.links().is_empty());
}

#[wasm_bindgen_test]
async fn a_page_that_comes_back_under_its_name_is_linked_again() {
    let room = room("reload");
    let (lower, higher) = linked_pair(&room).await;
    for (gone, keys, stays) in [(higher, lower_and_higher().1, &lower)] {
        drop(gone.network);
        until("the end is seen", || stays.network.links().is_empty()).await;
        let back = Node::start(&room, &keys);
        until("it is heard of again", || stays.count(|event| *event == NetworkEvent::Discovered(back.id)) > 1).await;
        link(&back, stays).await;
        back.network.send(stays.id, Lane::Requests, b"back");
        until("frames pass", || stays.has_frame(b"back")).await;
    }
}

#[wasm_bindgen_test]
async fn a_network_that_is_dropped_at_once_says_nothing() {
    let node = Node::start(&room("dropped"), &keys(1));
    node.network.dial(keys(2).id());
    drop(node.network);
    pause(200).await;
    assert!(node.log.borrow().is_empty());
}
