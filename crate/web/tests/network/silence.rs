//! Who announces itself, and who is silent.

use js_sys::{Function, Reflect};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::support::*;

/// Counts what this page posts on broadcast channels.
const POSTS: &str = "
    const real = BroadcastChannel.prototype.postMessage;
    let posts = 0, long = 0;
    BroadcastChannel.prototype.postMessage = function (message) {
        posts += 1;
        if (message.byteLength > 250) long += 1;
        return real.call(this, message);
    };
    return { count: () => posts, long: () => long, stop: () => { BroadcastChannel.prototype.postMessage = real; } };
";

struct Posts(JsValue);

impl Posts {
    fn count(&self) -> u32 {
        self.ask("count")
    }

    /// Descriptions and addresses: all that is longer than an announcement or a call.
    fn long(&self) -> u32 {
        self.ask("long")
    }

    fn ask(&self, what: &str) -> u32 {
        let method: Function = Reflect::get(&self.0, &what.into()).unwrap().into();
        method.call0(&JsValue::NULL).unwrap().as_f64().unwrap() as u32
    }
}

impl Drop for Posts {
    fn drop(&mut self) {
        let method: Function = Reflect::get(&self.0, &"stop".into()).unwrap().into();
        method.call0(&JsValue::NULL).unwrap();
    }
}

#[wasm_bindgen_test]
async fn a_page_is_silent_once_it_is_linked_and_newcomers_find_it() {
    let room = room("silence");
    let (lower, higher) = linked_pair(&room).await;
    // What was said while the two linked is over by then.
    pause(500).await;
    let posts = Posts(javascript(POSTS));
    // Pages that are alone announce themselves after one second and after four.
    pause(5_000).await;
    assert_eq!(posts.count(), 0);
    let newcomer = Node::start(&room, &keys(9));
    until("the newcomer finds both, and they it", || {
        let found = |node: &Node| newcomer.has_discovered(node) && node.has_discovered(&newcomer);
        found(&lower) && found(&higher)
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_page_that_lost_its_last_link_announces_itself_again() {
    let (lower, higher) = linked_pair(&room("silence ends")).await;
    pause(500).await;
    let posts = Posts(javascript(POSTS));
    lower.network.hangup(higher.id);
    until("both announce themselves", || posts.count() >= 2).await;
}

#[wasm_bindgen_test]
async fn a_page_that_seeks_somebody_in_vain_announces_itself_although_it_is_linked() {
    let (lower, _higher) = linked_pair(&room("seeking")).await;
    pause(500).await;
    let posts = Posts(javascript(POSTS));
    lower.network.dial(keys(9).id());
    lower.network.hangup(keys(9).id());
    until_within(6_000, "it announces itself", || posts.count() >= 1).await;
}

#[wasm_bindgen_test]
async fn two_tabs_link_by_an_offer_and_an_answer_with_their_first_addresses_in_them() {
    let (lower, higher) = pair(&room("few words")).await;
    let posts = Posts(javascript(POSTS));
    higher.network.dial(lower.id);
    lower.network.dial(higher.id);
    until("both are linked", || lower.is_linked(&higher) && higher.is_linked(&lower)).await;
    // Each end has two addresses, of which the second may come late on a busy machine; each was a signal before.
    assert!((2..=4).contains(&posts.long()), "{} descriptions and addresses", posts.long());
}
