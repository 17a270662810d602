//! The broadcast channel: how tabs of one browser find each other with no server at all.
//!
//! Every tab of the room hears what any of them says, so a signal for one is seen and passed over by the rest. Garbage,
//! which any page of this origin could post, is reported as bytes that will not open.

use std::rc::Rc;

use gloo_events::EventListener;
use js_sys::Uint8Array;
use roundtable_core::id::Room;
use wasm_bindgen::JsCast;
use web_sys::{BroadcastChannel, MessageEvent};

use crate::host;

/// An open channel; dropping it closes it. What was posted before is still delivered.
pub(crate) struct Broadcast {
    channel: BroadcastChannel,
    listener: Option<EventListener>,
}

impl Broadcast {
    /// Open the room's channel. `None` where pages have none (an opaque origin). What is heard and is no byte array is
    /// reported as `None`.
    pub(crate) fn open(room: &Room, heard: Rc<dyn Fn(Option<Vec<u8>>)>) -> Option<Broadcast> {
        let channel = BroadcastChannel::new(&name(room)).ok()?;
        let listener = EventListener::new(&channel, "message", move |event| {
            let data = event.unchecked_ref::<MessageEvent>().data();
            heard(data.dyn_into::<Uint8Array>().ok().map(|bytes| bytes.to_vec()));
        });
        Some(Broadcast { channel, listener: Some(listener) })
    }

    /// Say something to every other tab of the room.
    pub(crate) fn post(&self, bytes: &[u8]) {
        let _ = self.channel.post_message(&Uint8Array::from(bytes));
    }
}

impl Drop for Broadcast {
    fn drop(&mut self) {
        self.listener = None;
        self.channel.close();
    }
}

/// What the room's channel is called.
pub(crate) fn name(room: &Room) -> String {
    format!("roundtable:{}", host::hex(&room.topic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_topic_in_hexadecimal() {
        let name = name(&Room::open("kitchen").unwrap());
        assert_eq!(name.len(), "roundtable:".len() + 64);
        assert!(name["roundtable:".len()..].chars().all(|c| c.is_ascii_hexdigit()));
    }
}
