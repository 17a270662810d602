//! Who is not let in: a wrong secret, a repeated or a relayed proof, silence, a flood. And that who belongs here is.

use roundtable_core::id::Room;
use roundtable_core::wire::handshake::ProofError;
use roundtable_web::network::{DropReason, NetworkEvent};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::stranger::*;
use crate::support::*;

fn secret_room(secret: &[u8]) -> Room {
    Room::with_secret(&format!("test of admission {}", js_sys::Math::random()), secret).unwrap()
}

/// A node that a stranger with the lower keys can offer to.
fn victim(room: &Room) -> (roundtable_core::id::KeyPair, Node) {
    let (lower, higher) = lower_and_higher();
    (lower, Node::start(room, &higher))
}

fn dropped(node: &Node, reason: DropReason) -> usize {
    node.count(|event| *event == NetworkEvent::Dropped { reason })
}

/// Not a word has reached the node's user, and the connection is gone on both sides.
async fn assert_not_let_in(node: &Node, hand: &Hand) {
    until_within(4_000, "the connection is closed", || hand.is_over()).await;
    assert!(node.network.links().is_empty());
    assert_eq!(node.count(|event| matches!(event, NetworkEvent::LinkUp { .. } | NetworkEvent::Frame { .. })), 0);
}

#[wasm_bindgen_test]
async fn who_proves_the_secret_and_its_own_key_is_let_in() {
    let room = secret_room(&[1; 16]);
    let (keys, node) = victim(&room);
    let stranger = Stranger::offer(&node, &room, &keys).await;
    until("its proof is here", || stranger.hand.first().is_some()).await;
    stranger.hand.send(2, &[0, 42]);
    stranger.hand.send(0, &stranger.proof(&room));
    stranger.hand.send(0, &[0, 43]);
    until("it is linked", || node.network.links() == [keys.id()]).await;
    until("what was said before the proof and after it has passed", || node.frames().len() == 2).await;
    assert_eq!(node.network.dropped(), 0);
}

#[wasm_bindgen_test]
async fn who_says_nothing_is_dropped_after_five_seconds() {
    let room = secret_room(&[1; 16]);
    let (keys, node) = victim(&room);
    let stranger = Stranger::offer(&node, &room, &keys).await;
    pause(3_000).await;
    assert!(!stranger.hand.is_over(), "it has five seconds");
    until_within(6_000, "its time is over", || dropped(&node, DropReason::Unproven) == 1).await;
    assert_not_let_in(&node, &stranger.hand).await;
    assert_eq!(stranger.hand.count(), 1.0, "it was told a proof and nothing else");
}

#[wasm_bindgen_test]
async fn a_wrong_secret_or_none_is_not_let_in_even_where_the_signals_got_through() {
    let name = format!("test of secrets {}", js_sys::Math::random());
    let room = Room::with_secret(&name, &[1; 16]).unwrap();
    for other in [Room::with_secret(&name, &[2; 16]).unwrap(), Room::open(&name).unwrap()] {
        let (keys, node) = victim(&room);
        let stranger = Stranger::offer(&node, &room, &keys).await;
        stranger.hand.send(0, &stranger.proof(&other));
        until("it is refused", || dropped(&node, DropReason::Proof(ProofError::Room)) == 1).await;
        assert_not_let_in(&node, &stranger.hand).await;
    }
}

#[wasm_bindgen_test]
async fn rooms_of_one_name_and_different_secrets_do_not_hear_of_each_other() {
    let name = format!("test of secrets {}", js_sys::Math::random());
    let room = |secret| Room::with_secret(&name, secret).unwrap();
    let rooms = [room(&[1; 16]), room(&[2; 16]), Room::open(&name).unwrap()];
    let nodes: Vec<Node> = (1..).zip(&rooms).map(|(seed, room)| Node::start(room, &keys(seed))).collect();
    let same = Node::start(&rooms[0], &keys(4));
    until("who has the same secret is heard of", || same.has_discovered(&nodes[0])).await;
    for node in &nodes[1..] {
        assert!(node.log.borrow().is_empty());
    }
    // Nor can one be told anything by the other's signals, whoever brings them.
    say(&nodes[0], &rooms[1], &keys(2), &Payload::Call { page: 1, serial: 1 });
    let foreign = DropReason::Signal(roundtable_core::wire::signal::SignalError::Room);
    until("it is counted", || dropped(&nodes[0], foreign) == 1).await;
}

#[wasm_bindgen_test]
async fn a_proof_of_another_connection_between_the_same_two_is_not_let_in() {
    let room = secret_room(&[1; 16]);
    let (keys, node) = victim(&room);
    let first = Stranger::offer(&node, &room, &keys).await;
    let proof = first.proof(&room);
    first.hand.send(0, &proof);
    until("it is linked", || node.network.links() == [keys.id()]).await;
    drop(first);
    until("it is gone", || node.network.links().is_empty()).await;
    node.forget();
    let second = Stranger::offer(&node, &room, &keys).await;
    second.hand.send(0, &proof);
    until("it is refused", || dropped(&node, DropReason::Proof(ProofError::Room)) == 1).await;
    assert_not_let_in(&node, &second.hand).await;
}

#[wasm_bindgen_test]
async fn ones_own_proof_thrown_back_is_not_let_in() {
    let room = secret_room(&[1; 16]);
    let (keys, node) = victim(&room);
    let stranger = Stranger::offer(&node, &room, &keys).await;
    until("its proof is here", || stranger.hand.first().is_some()).await;
    stranger.hand.send(0, &stranger.hand.first().unwrap());
    until("it is refused", || dropped(&node, DropReason::Proof(ProofError::Room)) == 1).await;
    assert_not_let_in(&node, &stranger.hand).await;
}

#[wasm_bindgen_test]
async fn a_flood_before_the_proof_is_cut_off() {
    let room = secret_room(&[1; 16]);
    let (keys, node) = victim(&room);
    let stranger = Stranger::offer(&node, &room, &keys).await;
    (0..100).for_each(|_| stranger.hand.send(2, &[0; 16 * 1024]));
    until_within(3_000, "it is cut off", || dropped(&node, DropReason::Busy) == 1).await;
    assert_not_let_in(&node, &stranger.hand).await;
}

/// Whoever carries the signals has put descriptions of its own in place of both sides', as if seals and signatures were
/// nothing, and passes on every word over its two connections. The proofs are of two different connections.
#[wasm_bindgen_test]
async fn somebody_in_between_who_swaps_fingerprints_and_passes_the_proofs_on_is_not_let_in() {
    let room = secret_room(&[1; 16]);
    let (lower, higher) = lower_and_higher();
    // With no broadcast channel, all that they say to each other goes through who is in between.
    let channels =
        javascript("const all = globalThis.BroadcastChannel; globalThis.BroadcastChannel = undefined; return all");
    let (one, other) = (Node::start(&room, &lower), Node::start(&room, &higher));
    let (to_one, to_other) = (Hand::new(), Hand::new());
    pause(500).await;
    js_sys::Reflect::set(&js_sys::global(), &"BroadcastChannel".into(), &channels).unwrap();
    say(&one, &room, &higher, &Payload::Call { page: 99, serial: serial() });
    let offer = || {
        said(&one, &room, other.id).into_iter().find_map(|(_, payload)| match payload {
            Payload::Offer { session, nonce, sdp, .. } => Some((session, nonce, sdp)),
            _ => None,
        })
    };
    until("the lower one offers", || offer().is_some()).await;
    let (session, nonce, offered) = offer().unwrap();
    let sdp = to_other.offer().await;
    say(&other, &room, &lower, &Payload::Offer { page: 98, serial: serial(), session, nonce, sdp });
    until("the higher one answers", || answer_of(&other, &room, one.id, session).is_some()).await;
    let (_, nonce, answered) = answer_of(&other, &room, one.id, session).unwrap();
    let sdp = to_one.accept(&offered).await;
    say(&one, &room, &higher, &Payload::Answer { page: 99, session, nonce, sdp });
    to_other.agree(&answered).await;
    to_one.relay_to(&to_other);
    to_other.relay_to(&to_one);
    let refused = |node: &Node| dropped(node, DropReason::Proof(ProofError::Room)) > 0;
    for _ in 0..1_500 {
        if refused(&one) && refused(&other) {
            break;
        }
        pass_candidates(&one, &room, other.id, session, &to_one).await;
        pass_candidates(&other, &room, one.id, session, &to_other).await;
        pause(10).await;
    }
    assert!(to_one.count() >= 1.0 && to_other.count() >= 1.0, "both have said a proof, which was passed on");
    assert!(refused(&one) || refused(&other), "who saw the other's proof has refused it");
    pause(500).await;
    assert!(one.network.links().is_empty() && other.network.links().is_empty());
    let ups =
        |node: &Node| node.count(|event| matches!(event, NetworkEvent::LinkUp { .. } | NetworkEvent::Frame { .. }));
    assert_eq!((ups(&one), ups(&other)), (0, 0));
}
