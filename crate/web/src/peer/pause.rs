//! A node held still, for classrooms: it hears nothing and says nothing, and its links stay open, as of a tab that the
//! browser has frozen. Others find it silent, suspect it, and go on without it.
//!
//! What comes meanwhile waits in the queue of inputs and is taken in when the node goes on, whose clock has then leapt:
//! it probes before it accuses. Since others go on sending, what waits has a limit: whoever sends more than that loses
//! the link, and their writes stay with them as hints.

use core::cell::Cell;
use std::rc::Rc;

use roundtable_core::id::NodeId;
use roundtable_core::node::{Input, Lifecycle};

use super::Peer;
use crate::host;

/// The most that waits of what others have sent, in bytes. Each frame counts as this much more than it has.
const WAITING_BYTES_MAX: usize = 8 << 20;
const FRAME_BYTES: usize = 256;

/// Whether the node is held still, and how much waits.
#[derive(Debug, Default)]
pub(super) struct Pause {
    is_on: Cell<bool>,
    waiting_bytes: Cell<usize>,
}

impl Pause {
    pub(super) fn is_on(&self) -> bool {
        self.is_on.get()
    }

    /// The node is about to say goodbye: it has to go on for that.
    pub(super) fn end(&self) {
        self.is_on.set(false);
        self.waiting_bytes.set(0);
    }

    /// Whether another frame may wait.
    pub(super) fn has_room_for(&self, frame: &[u8]) -> bool {
        let bytes = self.waiting_bytes.get() + frame.len() + FRAME_BYTES;
        let has_room = !self.is_on() || bytes <= WAITING_BYTES_MAX;
        if self.is_on() && has_room {
            self.waiting_bytes.set(bytes);
        }
        has_room
    }
}

impl Peer {
    /// Hold still until [`Peer::resume`]. Requests wait as well.
    pub fn pause(&self) {
        if self.is_running() {
            self.pause.is_on.set(true);
            self.timer.take();
        }
    }

    /// Go on, and take in what has come meanwhile.
    pub fn resume(self: &Rc<Self>) {
        if !self.pause.is_on() {
            return;
        }
        self.pause.end();
        // The node learns that it slept before it hears what it slept through.
        self.wall_clock_due.set(host::now());
        let woken = [Some(Lifecycle::Resumed), host::is_hidden().then_some(Lifecycle::Hidden)];
        for life in woken.into_iter().flatten().rev() {
            self.inputs.borrow_mut().push_front(Input::Lifecycle(life));
        }
        self.pump();
    }

    /// Whether the node is held still.
    pub fn is_paused(&self) -> bool {
        self.pause.is_on()
    }

    /// A frame has arrived; if it is one too many for a node that is held still, its sender loses the link.
    pub(super) fn on_frame(self: &Rc<Self>, from: NodeId, bytes: Vec<u8>) {
        if self.pause.has_room_for(&bytes) {
            // A frame is an event of its own, which nothing else would join: it need not wait for the end of the task.
            self.inputs.borrow_mut().push_back(Input::Received { from, bytes });
            self.pump();
        } else {
            self.with_network(|network| network.hangup(from));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_a_node_that_is_held_still_has_a_limit_and_ends_with_the_pause() {
        let pause = Pause::default();
        assert!(pause.has_room_for(&vec![0; WAITING_BYTES_MAX]), "a node that runs takes what comes");
        pause.is_on.set(true);
        let frame = vec![0; 1 << 20];
        assert_eq!((0..100).filter(|_| pause.has_room_for(&frame)).count(), 7);
        assert!((0..WAITING_BYTES_MAX).filter(|_| pause.has_room_for(&[])).count() < 5_000, "empty frames count too");
        pause.end();
        assert!(pause.has_room_for(&frame) && !pause.is_on());
    }
}
