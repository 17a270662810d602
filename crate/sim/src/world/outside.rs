//! What can be seen of the world from outside, one happening at a time: for whoever holds time in hand.
//!
//! A soak lets spans pass and looks at what was answered. The lab goes from one happening to the next, draws what is on
//! its way, and may take a single frame away or hold it back. Nothing here draws a random number or calls a node, so
//! looking changes nothing.

use roundtable_core::id::BatchId;
use roundtable_core::node::{Event, Input, Lifecycle};
use roundtable_core::time::Instant;

use super::{Happening, World, pair};

/// Something that can be seen from outside.
#[derive(Debug, Clone)]
pub enum Seen {
    /// A frame has left, and arrives then if nothing comes between.
    Sent {
        /// The number that no two frames have.
        id: u64,
        /// Whose.
        from: usize,
        /// For whom.
        to: usize,
        /// When it is to arrive.
        due: Instant,
        /// All of it.
        bytes: Vec<u8>,
    },
    /// A frame has left and arrives never.
    Lost {
        /// Whose.
        from: usize,
        /// For whom.
        to: usize,
        /// All of it.
        bytes: Vec<u8>,
    },
    /// The frame that was due has arrived; else its link was gone.
    Arrived,
    /// Two tabs have a link.
    Linked {
        /// The one.
        a: usize,
        /// The other.
        b: usize,
    },
    /// A node tells of something.
    Event {
        /// Which tab.
        at: usize,
        /// What.
        event: Event,
    },
}

/// What happens next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coming {
    /// A frame arrives, if its link is still there.
    Frame {
        /// Its number.
        id: u64,
        /// Whose.
        from: usize,
        /// For whom.
        to: usize,
        /// All of it.
        bytes: Vec<u8>,
    },
    /// Two tabs get a link, if they can.
    LinkOpens(usize, usize),
    /// A dial comes to nothing.
    DialFails(usize),
    /// Two tabs are told that their link is gone.
    LinkDies(usize, usize),
    /// A batch is durable, or the disk refuses it.
    Disk(usize, BatchId),
    /// A tab is told the time.
    Clock(usize),
    /// A link that comes and goes does so.
    Flips(usize, usize),
    /// A tab that has said goodbye is gone.
    Ends(usize),
    /// A node's timer.
    Timer(usize),
}

/// A frame on its way.
#[derive(Debug, Clone, Copy)]
pub struct InFlight<'a> {
    /// The number that no two frames have.
    pub id: u64,
    /// Whose.
    pub from: usize,
    /// For whom.
    pub to: usize,
    /// When it left.
    pub left: Instant,
    /// When it arrives.
    pub due: Instant,
    /// All of it.
    pub bytes: &'a [u8],
}

impl World {
    /// When the next thing happens, if anything ever does.
    pub fn next_due(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|&(due, _)| due.max(self.now));
        let queued = self.queue.first_key_value().map(|(key, _)| key.0.max(self.now));
        timer.into_iter().chain(queued).min()
    }

    /// What it is.
    pub fn coming(&self) -> Option<Coming> {
        let timer = self.timers.first().map(|&(due, at)| (due.max(self.now), at));
        let Some(((due, id), happening)) = self.queue.first_key_value() else {
            return timer.map(|(_, at)| Coming::Timer(at));
        };
        let happening = if let Happening::Done(waited) = happening { waited } else { happening };
        match (happening, timer) {
            (_, Some((before, at))) if before < *due => Some(Coming::Timer(at)),
            (Happening::Frame { from, to, bytes, .. }, _) => {
                Some(Coming::Frame { id: *id, from: *from, to: *to, bytes: bytes.clone() })
            }
            (Happening::LinkOpens { a, b, .. }, _) => Some(Coming::LinkOpens(*a, *b)),
            (Happening::DialFails { at, .. }, _) => Some(Coming::DialFails(*at)),
            (Happening::LinkDies { a, b }, _) => Some(Coming::LinkDies(*a, *b)),
            (Happening::Durable { at, id, .. }, _) => Some(Coming::Disk(*at, *id)),
            (Happening::WallClock { at, .. }, _) => Some(Coming::Clock(*at)),
            (Happening::Flips { a, b, .. }, _) => Some(Coming::Flips(*a, *b)),
            (Happening::Ends { at, .. }, _) => Some(Coming::Ends(*at)),
            (Happening::Done(waited), _) => unreachable!("{waited:?} has waited twice"),
        }
    }

    /// Do the next thing, if it is due by then. Time stands where it happens.
    pub fn step_by(&mut self, end: Instant) -> bool {
        self.step(end)
    }

    /// Nothing happens until then.
    pub fn rest_until(&mut self, then: Instant) {
        self.now = self.now.max(then);
    }

    /// All frames on their way, in the order in which they arrive.
    pub fn in_flight(&self) -> impl Iterator<Item = InFlight<'_>> {
        self.queue.iter().filter_map(|(&(due, id), happening)| match happening {
            Happening::Frame { from, to, left, bytes, link } if self.links.get(&pair(*from, *to)) == Some(link) => {
                Some(InFlight { id, from: *from, to: *to, left: *left, due, bytes })
            }
            _ => None,
        })
    }

    /// Whether a frame is on its way.
    fn find_frame(&self, id: u64) -> Option<(Instant, u64)> {
        let is_it =
            |key: &(Instant, u64), happening: &Happening| key.1 == id && matches!(happening, Happening::Frame { .. });
        self.queue.iter().find(|(key, happening)| is_it(key, happening)).map(|(key, _)| *key)
    }

    /// A frame that is on its way goes nowhere. Tells whether there was one of this number.
    pub fn drop_frame(&mut self, id: u64) -> bool {
        self.find_frame(id).and_then(|key| self.queue.remove(&key)).is_some()
    }

    /// A frame that is on its way arrives so much later; those behind overtake it. Tells whether there was one.
    pub fn delay_frame(&mut self, id: u64, ms: u64) -> bool {
        let Some(key) = self.find_frame(id) else { return false };
        if let Some(frame) = self.queue.remove(&key) {
            self.queue.insert((key.0 + ms, id), frame);
        }
        true
    }

    /// The links that are open.
    pub fn linked(&self) -> impl Iterator<Item = (usize, usize)> {
        self.links.keys().copied()
    }

    /// The pairs between which nothing passes.
    pub fn severed(&self) -> impl Iterator<Item = (usize, usize)> {
        self.cuts.iter().copied()
    }

    /// Whether the network is whole: nobody is cut off, unheard, or held up.
    pub fn is_whole(&self) -> bool {
        let is_clogged = |until: &Instant| *until > self.now;
        self.cuts.is_empty() && self.mutes.is_empty() && self.relays.is_empty() && !self.clogs.values().any(is_clogged)
    }

    /// A tab says goodbye, and ends when its last words have arrived; its links close. `is_for_good`: it has handed
    /// everything off, and its database is deleted.
    pub(crate) fn end_soon(&mut self, at: usize, is_for_good: bool) {
        if !self.is_open(at) {
            return;
        }
        if !is_for_good {
            self.input(at, Input::Lifecycle(Lifecycle::Closing));
        }
        let life = self.life(at);
        self.later(self.tuning.latency_ms.1 + 1, Happening::Ends { at, life, is_for_good });
    }

    /// A tab is closed, and ends when its goodbye has arrived.
    pub(crate) fn close_soon(&mut self, at: usize) {
        self.end_soon(at, false);
    }

    pub(super) fn on_ends(&mut self, at: usize, life: u64, is_for_good: bool) {
        if self.life(at) != life || !self.is_open(at) {
            return;
        }
        self.end(at, 1);
        if is_for_good {
            self.wipe(at);
        }
    }

    pub(super) fn see(&mut self, what: impl FnOnce(&World) -> Seen) {
        if self.seen.is_some() {
            let what = what(self);
            self.seen.iter_mut().for_each(|seen| seen.push(what.clone()));
        }
    }
}
