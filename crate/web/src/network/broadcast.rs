//! The broadcast channel: how tabs of one browser find each other with no server at all.
//!
//! The room has one on which every tab hears what any of them says to all, and each node one of its own, for what is
//! said to it alone: in a browser with many tabs, what two of them say to each other is nobody else's work. Who says
//! something to a node opens that channel for it and closes it again, so that it hears nothing there itself. Garbage,
//! which any page of this origin could post, is reported as bytes that will not open.

use std::rc::Rc;

use gloo_events::EventListener;
use js_sys::Uint8Array;
use roundtable_core::id::{NodeId, Room};
use wasm_bindgen::JsCast;
use web_sys::{BroadcastChannel, MessageEvent};

use crate::host;

/// The open channels; dropping it closes them. What was posted before is still delivered.
pub(crate) struct Broadcast {
    name: String,
    all: BroadcastChannel,
    own: BroadcastChannel,
    listeners: Vec<EventListener>,
}

impl Broadcast {
    /// Open the room's channel and this node's. `None` where pages have none (an opaque origin). What is heard and is
    /// no byte array is reported as `None`.
    pub(crate) fn open(room: &Room, me: NodeId, heard: Rc<dyn Fn(Option<Vec<u8>>)>) -> Option<Broadcast> {
        let name = name(room);
        let all = BroadcastChannel::new(&name).ok()?;
        let own = BroadcastChannel::new(&name_of(&name, me)).ok()?;
        let listen = |channel| {
            let heard = heard.clone();
            EventListener::new(channel, "message", move |event| {
                let data = event.unchecked_ref::<MessageEvent>().data();
                heard(data.dyn_into::<Uint8Array>().ok().map(|bytes| bytes.to_vec()));
            })
        };
        let listeners = vec![listen(&all), listen(&own)];
        Some(Broadcast { name, all, own, listeners })
    }

    /// Say something to every other tab of the room.
    pub(crate) fn post(&self, bytes: &[u8]) {
        let _ = self.all.post_message(&Uint8Array::from(bytes));
    }

    /// Say something to one node, if a tab of this browser is that.
    pub(crate) fn post_to(&self, id: NodeId, bytes: &[u8]) {
        if let Ok(line) = BroadcastChannel::new(&name_of(&self.name, id)) {
            let _ = line.post_message(&Uint8Array::from(bytes));
            line.close();
        }
    }
}

impl Drop for Broadcast {
    fn drop(&mut self) {
        self.listeners.clear();
        self.all.close();
        self.own.close();
    }
}

/// What the room's channel is called.
pub(crate) fn name(room: &Room) -> String {
    format!("roundtable:{}", host::hex(&room.topic()))
}

/// What a node's channel is called, in a room whose own has that name.
fn name_of(room: &str, id: NodeId) -> String {
    format!("{room}:{}", host::hex(id.as_bytes()))
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
