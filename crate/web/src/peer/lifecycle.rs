//! The tab's life, as the page can tell: seen, hidden, frozen, resumed, going, and back from the dead.
//!
//! `pagehide` is the last that is sure to run, so the goodbye is said there. A page that goes into the back/forward
//! cache may come back (`pageshow` with `persisted`): its links are gone, so the network is opened anew. `unload` is
//! not used: it is unreliable, and keeps pages out of that cache.

use std::rc::{Rc, Weak};

use gloo_events::EventListener;
use roundtable_core::node::{Input, Lifecycle};
use wasm_bindgen::JsCast;
use web_sys::{Event, EventTarget, PageTransitionEvent};

use super::Peer;
use crate::host;

/// Listen to the page for as long as the listeners are kept.
pub(super) fn listen(peer: &Rc<Peer>) -> Vec<EventListener> {
    let Some(window) = web_sys::window() else { return Vec::new() };
    let Some(document) = window.document() else { return Vec::new() };
    let on = |target: &EventTarget, name: &'static str, react: fn(&Rc<Peer>, &Event)| {
        let peer: Weak<Peer> = Rc::downgrade(peer);
        EventListener::new(target, name, move |event| {
            if let Some(peer) = peer.upgrade() {
                react(&peer, event);
            }
        })
    };
    vec![
        on(&document, "visibilitychange", |peer, _| {
            let life = if host::is_hidden() { Lifecycle::Hidden } else { Lifecycle::Visible };
            peer.feed(Input::Lifecycle(life));
            peer.pump();
            peer.hurry_disk();
        }),
        on(&document, "freeze", |peer, _| {
            peer.feed(Input::Lifecycle(Lifecycle::Freezing));
            peer.pump();
            peer.hurry_disk();
        }),
        on(&document, "resume", |peer, _| resume(peer)),
        on(&window, "pagehide", |peer, _| peer.say_goodbye()),
        on(&window, "pageshow", |peer, event| {
            if event.dyn_ref::<PageTransitionEvent>().is_some_and(PageTransitionEvent::persisted) {
                peer.connect();
                resume(peer);
            }
        }),
    ]
}

/// The device may have slept for long: the wall clock comes first.
fn resume(peer: &Rc<Peer>) {
    peer.wall_clock_due.set(host::now());
    peer.feed(Input::Lifecycle(Lifecycle::Resumed));
    if host::is_hidden() {
        peer.feed(Input::Lifecycle(Lifecycle::Hidden));
    }
}

impl Peer {
    /// The page may not run again: what waits for the disk is handed to it.
    pub(super) fn hurry_disk(&self) {
        if let Some(home) = self.home.borrow().as_ref() {
            home.storage.hurry();
        }
    }
}
