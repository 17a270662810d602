//! What becomes of a page is said to the others: whoever is hidden or frozen is given time, and not taken for dead.

use gloo_timers::future::TimeoutFuture;
use js_sys::{Object, Reflect};
use roundtable_core::wire::Presence;
use roundtable_web::host;
use roundtable_web::peer::{Condition, Peer};
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{Document, Event};

use crate::peers::{start, until};
use crate::support::fresh_room;

const KNOWN_MS: u64 = 10_000;

/// The document says from now on that this is how much of it can be seen.
fn say(document: &Document, visibility: &str) {
    let told = host::plain_object(&[("value", visibility.into()), ("configurable", true.into())]);
    Object::define_property(document, &"visibilityState".into(), &told);
}

fn presence_of(other: &Peer, in_the_eyes_of: &Peer) -> Option<Presence> {
    let id = other.view(|view| view.id());
    in_the_eyes_of.view(|view| view.members().iter().find(|member| member.id == id).map(|member| member.presence))
}

#[wasm_bindgen_test]
async fn a_page_that_is_hidden_frozen_or_resumed_is_known_to_be() {
    let room = fresh_room();
    let ((a, _), (b, _)) = (start(&room).await, start(&room).await);
    for peer in [&a, &b] {
        until(Condition::Linked(1), peer).await;
    }
    let document = web_sys::window().unwrap().document().unwrap();
    for (event, visibility, expected) in [
        ("visibilitychange", "hidden", Presence::Hidden),
        ("visibilitychange", "visible", Presence::Visible),
        ("freeze", "visible", Presence::Frozen),
        ("resume", "visible", Presence::Visible),
        ("visibilitychange", "hidden", Presence::Hidden),
        ("freeze", "hidden", Presence::Frozen),
        ("resume", "hidden", Presence::Hidden),
    ] {
        say(&document, visibility);
        document.dispatch_event(&Event::new(event).unwrap()).unwrap();
        let begun = host::now();
        // Both live in this page, and each is told of the other.
        while presence_of(&a, &b) != Some(expected) || presence_of(&b, &a) != Some(expected) {
            let seen = (presence_of(&a, &b), presence_of(&b, &a));
            assert!(host::now().since(begun) < KNOWN_MS, "{event} to {visibility}: {seen:?}");
            TimeoutFuture::new(10).await;
        }
    }
    Reflect::delete_property(&document, &"visibilityState".into()).unwrap();
    a.close().await;
    b.close().await;
}
