//! A task at the end of the page's queue, however hidden the page is.
//!
//! A promise runs before the next message, and a hidden page's timers run once a second; a message that a page posts to
//! itself waits its turn behind what is there, and no longer.

use std::cell::Cell;
use std::rc::Rc;

use gloo_events::EventListener;
use wasm_bindgen::JsValue;
use web_sys::MessageChannel;

/// Runs one thing, when asked to, in a task of its own.
pub(crate) struct Turn {
    channel: MessageChannel,
    is_due: Rc<Cell<bool>>,
    _listener: EventListener,
}

impl Turn {
    /// `None`: the browser would not make a channel.
    pub(crate) fn new(act: impl Fn() + 'static) -> Option<Turn> {
        let channel = MessageChannel::new().ok()?;
        let is_due = Rc::new(Cell::new(false));
        let asked = is_due.clone();
        let listener = EventListener::new(&channel.port1(), "message", move |_| {
            asked.set(false);
            act();
        });
        channel.port1().start();
        Some(Turn { channel, is_due, _listener: listener })
    }

    /// Let it run, once however often it is asked. Tells whether it will.
    pub(crate) fn ask(&self) -> bool {
        if !self.is_due.replace(true) && self.channel.port2().post_message(&JsValue::UNDEFINED).is_err() {
            self.is_due.set(false);
        }
        self.is_due.get()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // An open port with a listener is never collected.
        self.channel.port1().close();
    }
}
