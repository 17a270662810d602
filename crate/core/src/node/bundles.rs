//! Bundles: what can wait a moment leaves together, where answers take long.
//!
//! What a message on a data channel costs a machine hardly depends on its length: it passes through three processes and
//! is acknowledged whether it holds a line or forty. Forty tabs on two cores send each other so much in small pieces
//! when they meet that they answer seconds late. So a node whose answers are late anyway (`Membership::is_late`) sends
//! what can wait to one neighbour at most once in a while, all of it in one frame. What somebody waits for, a probe or
//! a request, leaves at once, and takes along what lies there for the same neighbour. In a room that keeps up nothing
//! is held back, and no frame is another.
//!
//! Invariants: to each neighbour all leaves in the order in which it was said; nothing waits longer than the pause that
//! was set when the last frame left; no bundle has more than [`FRAMES_MAX`] frames, nor one of more than
//! [`SMALL_BYTES_MAX`], nor many more bytes than [`BYTES_MAX`].

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::id::NodeId;
use crate::marks::{Mark, Marks};
use crate::time::{Instant, Millis};
use crate::wire::{self, FRAMES_MAX, Lane, Message};

/// With so many bytes a bundle is full: it still is no large message, which would hold up others on its lane.
const BYTES_MAX: usize = 8 * 1024;
/// What is larger than this leaves by itself.
const SMALL_BYTES_MAX: usize = 2 * 1024;

/// What lies there for the neighbours, and until when.
#[derive(Debug, Clone, Default)]
pub(super) struct Bundles {
    peers: BTreeMap<NodeId, Bundle>,
    is_hurried: bool,
}

#[derive(Debug, Clone)]
struct Bundle {
    /// Until then all waits that can.
    due: Instant,
    frames: Vec<Vec<u8>>,
    bytes: usize,
    /// That of the most urgent frame.
    lane: Lane,
}

impl Bundles {
    /// Whether something lies there for this neighbour.
    pub(super) fn holds(&self, to: NodeId) -> bool {
        self.peers.get(&to).is_some_and(|bundle| !bundle.frames.is_empty())
    }

    /// Put a frame to what lies there. Returns what leaves at once, in order: a bundle that is full by it, or what lies
    /// there and then this one, if it is large.
    pub(super) fn add(&mut self, now: Instant, to: NodeId, message: &Message, frame: Vec<u8>) -> Vec<(Lane, Vec<u8>)> {
        let new = Bundle { due: now, frames: Vec::new(), bytes: 0, lane: Lane::Bulk };
        let bundle = self.peers.entry(to).or_insert(new);
        if frame.len() > SMALL_BYTES_MAX {
            return bundle.take().into_iter().chain([(message.lane(), frame)]).collect();
        }
        bundle.lane = if bundle.frames.is_empty() { message.lane() } else { bundle.lane.min(message.lane()) };
        bundle.bytes += frame.len();
        bundle.frames.push(frame);
        if !can_wait(message) {
            bundle.due = now;
        }
        let is_full = bundle.bytes >= BYTES_MAX || bundle.frames.len() == FRAMES_MAX;
        if is_full { bundle.take().into_iter().collect() } else { Vec::new() }
    }

    /// This page may stop at any moment: nothing waits this time.
    pub(super) fn hurry(&mut self) {
        self.is_hurried = true;
    }

    /// The link is gone, and with it what was to go over it.
    pub(super) fn forget(&mut self, id: NodeId) {
        self.peers.remove(&id);
    }

    /// What is due, each as one frame; what comes after it for the same neighbour waits so long, or not at all.
    pub(super) fn take_due(&mut self, now: Instant, pause: Millis, marks: &Marks) -> Vec<(NodeId, Lane, Vec<u8>)> {
        let mut due = Vec::new();
        let is_all_due = core::mem::take(&mut self.is_hurried) || pause == 0;
        let is_due = |bundle: &Bundle| !bundle.frames.is_empty() && (is_all_due || bundle.due <= now);
        for (id, bundle) in self.peers.iter_mut().filter(|(_, bundle)| is_due(bundle)) {
            bundle.due = now + pause;
            marks.hit_if(Mark::SentTogether, || bundle.frames.len() > 1);
            due.extend(bundle.take().map(|(lane, frame)| (*id, lane, frame)));
        }
        self.peers.retain(|_, bundle| bundle.due > now || !bundle.frames.is_empty());
        due
    }

    /// When something is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.peers.values().filter(|bundle| !bundle.frames.is_empty()).map(|bundle| bundle.due).min()
    }
}

impl Bundle {
    /// All of it as one frame, if there is any.
    fn take(&mut self) -> Option<(Lane, Vec<u8>)> {
        let mut frames = core::mem::take(&mut self.frames);
        self.bytes = 0;
        let frame = if frames.len() > 1 { Some(wire::encode(&Message::Several(frames))) } else { frames.pop() };
        frame.map(|frame| (self.lane, frame))
    }
}

/// Whether nobody waits for it who could tell a moment.
fn can_wait(message: &Message) -> bool {
    match message {
        Message::Relayed(relayed) => relayed.lane == Lane::Bulk,
        Message::Digest { .. }
        | Message::Records(_)
        | Message::Signal { .. }
        | Message::Vitals { .. }
        | Message::Links(_)
        | Message::Rumours(_) => true,
        _ => message.lane() == Lane::Bulk,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const NOW: Instant = Instant(10_000);

    fn id(first: u8) -> NodeId {
        NodeId::from_bytes([first; 16])
    }

    fn digest() -> Message {
        Message::Digest { entries: vec![], reply: false }
    }

    fn said(bundles: &mut Bundles, at: Instant, message: &Message) {
        assert_eq!(bundles.add(at, id(1), message, wire::encode(message)), []);
    }

    /// How many frames lie in each of those that leave then, and on which lane.
    fn leave(bundles: &mut Bundles, at: Instant, pause: Millis) -> Vec<(Lane, usize)> {
        let count = |bytes: &[u8]| match wire::decode(bytes) {
            Ok(Message::Several(frames)) => frames.len(),
            Ok(_) => 1,
            Err(error) => panic!("{error}"),
        };
        let due = bundles.take_due(at, pause, &Marks::default());
        due.into_iter().map(|(_, lane, bytes)| (lane, count(&bytes))).collect()
    }

    #[test]
    fn the_first_leaves_at_once_and_what_can_wait_leaves_together_after_the_pause() {
        let mut bundles = Bundles::default();
        said(&mut bundles, NOW, &digest());
        assert_eq!(leave(&mut bundles, NOW, 500), [(Lane::Control, 1)]);
        (1..4).for_each(|after| said(&mut bundles, NOW + after, &digest()));
        assert_eq!((leave(&mut bundles, NOW + 499, 500), bundles.poll_timeout()), (vec![], Some(NOW + 500)));
        assert_eq!(leave(&mut bundles, NOW + 500, 500), [(Lane::Control, 3)]);
        assert!(leave(&mut bundles, NOW + 2_000, 500).is_empty() && bundles.peers.is_empty());
    }

    #[test]
    fn what_somebody_waits_for_leaves_at_once_and_takes_along_what_lies_there_in_order() {
        let mut bundles = Bundles::default();
        said(&mut bundles, NOW, &digest());
        leave(&mut bundles, NOW, 500);
        let compare = Message::Mismatch { session: 7 };
        let asked = Message::List { request: 1, bucket: "b".into(), prefix: "".into() };
        said(&mut bundles, NOW + 1, &compare);
        assert!(leave(&mut bundles, NOW + 1, 500).is_empty());
        said(&mut bundles, NOW + 2, &asked);
        let (_, lane, bytes) = bundles.take_due(NOW + 2, 500, &Marks::default()).pop().unwrap();
        let frames = vec![wire::encode(&compare), wire::encode(&asked)];
        assert_eq!((lane, wire::decode(&bytes)), (Lane::Requests, Ok(Message::Several(frames))));
    }

    #[test]
    fn nothing_waits_before_a_page_stops_nor_where_answers_are_quick_again() {
        let mut bundles = Bundles::default();
        let mut held = |then: fn(&mut Bundles) -> usize| {
            bundles.forget(id(1));
            said(&mut bundles, NOW, &digest());
            leave(&mut bundles, NOW, 500);
            said(&mut bundles, NOW + 1, &digest());
            then(&mut bundles)
        };
        assert_eq!(held(|bundles| leave(bundles, NOW + 1, 500).len()), 0);
        assert_eq!(held(|bundles| leave(bundles, NOW + 1, 0).len()), 1);
        assert_eq!(
            held(|bundles| {
                bundles.hurry();
                leave(bundles, NOW + 1, 500).len()
            }),
            1
        );
    }

    #[test]
    fn a_full_bundle_leaves_at_once_and_never_holds_more_frames_than_are_taken() {
        let mut bundles = Bundles::default();
        let frame = wire::encode(&digest());
        let leave = |bundles: &mut Bundles| bundles.add(NOW, id(1), &digest(), frame.clone());
        (1..FRAMES_MAX).for_each(|_| assert_eq!(leave(&mut bundles), []));
        let full = leave(&mut bundles).pop().map(|(lane, bytes)| (lane, wire::decode(&bytes)));
        assert_eq!(full, Some((Lane::Control, Ok(Message::Several(vec![frame.clone(); FRAMES_MAX])))));
        assert_eq!((leave(&mut bundles), bundles.holds(id(1))), (vec![], true));
    }

    #[test]
    fn what_is_large_leaves_by_itself_after_what_was_said_before() {
        let mut bundles = Bundles::default();
        let (small, large) = (wire::encode(&digest()), vec![7; SMALL_BYTES_MAX + 1]);
        bundles.add(NOW, id(1), &digest(), small.clone());
        let left = bundles.add(NOW, id(1), &Message::Mismatch { session: 1 }, large.clone());
        assert_eq!(left, [(Lane::Control, small), (Lane::Bulk, large)]);
        assert!(!bundles.holds(id(1)));
        let many = vec![0; SMALL_BYTES_MAX];
        let left = (0..4).map(|_| bundles.add(NOW, id(1), &digest(), many.clone()).len()).collect::<Vec<_>>();
        assert_eq!(left, [0, 0, 0, 1], "full");
    }
}
