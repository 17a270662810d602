//! The hub, shared by all sockets, with a bounded queue to each of them.
//!
//! The [`Hub`] decides under one lock; its deliveries are put into the receivers' queues under the same lock, so that
//! each socket hears of joins, leaves and messages in the order in which they happened. Nothing waits while it holds
//! the lock.
//!
//! A queue is bounded in frames and in bytes. Whose queue is full does not read what it is sent: it is cut off at once,
//! and the others are told that it left. What waited for it is forgotten; a peer learns by its own timeout, as it would
//! of any lost datagram.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use roundtable_core::wire::rendezvous::{FromClient, FromServer, Peer, Refusal, encode};
use tokio::sync::{Notify, mpsc};

use crate::health::{Counters, Health};
use crate::hub::{Delivery, Hub};
use crate::limits::Limits;

/// All sockets of one rendezvous.
#[derive(Debug)]
pub struct Switchboard {
    limits: Limits,
    /// What has happened so far.
    pub counters: Counters,
    exchange: Mutex<Exchange>,
}

#[derive(Debug)]
struct Exchange {
    hub: Hub,
    outboxes: HashMap<Peer, Outbox>,
}

impl Switchboard {
    /// With no socket.
    pub fn new(limits: Limits) -> Self {
        let exchange = Exchange { hub: Hub::new(limits.clone()), outboxes: HashMap::new() };
        Switchboard { limits, counters: Counters::default(), exchange: Mutex::new(exchange) }
    }

    /// The limits that hold here.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A socket opened: its number, and the end of its queue from which it sends. `None` if the operating system gives
    /// no randomness, without which numbers could be guessed.
    pub fn connect(&self) -> Option<(Peer, Inbox)> {
        loop {
            let peer = getrandom::u64().ok()?;
            let mut exchange = self.lock();
            if exchange.hub.connect(peer) {
                let (outbox, inbox) = queue(&self.limits);
                exchange.outboxes.insert(peer, outbox);
                return Some((peer, inbox));
            }
        }
    }

    /// A socket closed; closing twice is harmless.
    pub fn disconnect(&self, peer: Peer) {
        let mut exchange = self.lock();
        exchange.outboxes.remove(&peer);
        let deliveries = exchange.hub.disconnect(peer);
        exchange.deliver(deliveries, &self.counters);
    }

    /// A socket said this. A refusal is for the socket to pass on; nothing has changed.
    pub fn handle_message(&self, from: Peer, message: FromClient) -> Result<(), Refusal> {
        let mut exchange = self.lock();
        let deliveries = exchange.hub.handle_message(from, message)?;
        exchange.deliver(deliveries, &self.counters);
        Ok(())
    }

    /// Whether this socket is in any topic.
    pub fn is_anywhere(&self, peer: Peer) -> bool {
        self.lock().hub.is_anywhere(peer)
    }

    /// What is told to anybody who asks.
    pub fn health(&self) -> Health {
        let exchange = self.lock();
        self.counters.health(exchange.hub.sockets(), exchange.hub.topics())
    }

    fn lock(&self) -> MutexGuard<'_, Exchange> {
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exchange {
    /// Ends: each round after the first is for sockets that were cut off, and each of them is cut off only once.
    fn deliver(&mut self, deliveries: Vec<Delivery>, counters: &Counters) {
        let mut deliveries = VecDeque::from(deliveries);
        while let Some(Delivery { to, message }) = deliveries.pop_front() {
            let frame = Bytes::from(encode(&message));
            for peer in to {
                let Some(outbox) = self.outboxes.get(&peer) else { continue };
                if outbox.push(frame.clone()) {
                    if matches!(message, FromServer::Message { .. }) {
                        counters.on_forwarded();
                    }
                } else {
                    outbox.load.cut.notify_one();
                    self.outboxes.remove(&peer);
                    deliveries.extend(self.hub.disconnect(peer));
                }
            }
        }
    }
}

/// The end of a queue into which the others' frames are put.
#[derive(Debug)]
struct Outbox {
    frames: mpsc::Sender<Bytes>,
    load: Arc<Load>,
    bytes_max: usize,
}

/// The end of a queue from which a socket sends.
#[derive(Debug)]
pub struct Inbox {
    frames: mpsc::Receiver<Bytes>,
    load: Arc<Load>,
}

/// What both ends of a queue know of it.
#[derive(Debug, Default)]
pub struct Load {
    bytes: AtomicUsize,
    cut: Notify,
}

fn queue(limits: &Limits) -> (Outbox, Inbox) {
    let (sender, receiver) = mpsc::channel(limits.queue_frames_max.max(1));
    let load = Arc::<Load>::default();
    (Outbox { frames: sender, load: load.clone(), bytes_max: limits.queue_bytes_max }, Inbox { frames: receiver, load })
}

impl Outbox {
    /// Whether there was room. Called under the exchange's lock only, hence by one at a time.
    fn push(&self, frame: Bytes) -> bool {
        let bytes = frame.len();
        if self.load.bytes.load(Relaxed) + bytes > self.bytes_max {
            return false;
        }
        self.load.bytes.fetch_add(bytes, Relaxed);
        self.frames.try_send(frame).is_ok()
    }
}

impl Inbox {
    /// The next frame to send. `None` once the socket has been disconnected and nothing waits any more.
    pub async fn next(&mut self) -> Option<Bytes> {
        let frame = self.frames.recv().await?;
        self.load.bytes.fetch_sub(frame.len(), Relaxed);
        Some(frame)
    }

    /// A handle that says when this queue is cut off, apart from the queue itself.
    pub fn load(&self) -> Arc<Load> {
        self.load.clone()
    }
}

impl Load {
    /// Waits until the queue was full and was therefore cut off.
    pub async fn cut_off(&self) {
        self.cut.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use roundtable_core::wire::rendezvous::{Topic, decode};

    const TOPIC: Topic = [3; 32];

    fn joined(board: &Switchboard) -> (Peer, Inbox) {
        let (peer, inbox) = board.connect().unwrap();
        board.handle_message(peer, FromClient::Join { topic: TOPIC }).unwrap();
        (peer, inbox)
    }

    fn received(inbox: &mut Inbox) -> Vec<FromServer> {
        std::iter::from_fn(|| inbox.frames.try_recv().ok()).map(|frame| decode(&frame).unwrap()).collect()
    }

    #[test]
    fn a_slow_reader_is_cut_off_and_the_others_are_told() {
        let board = Switchboard::new(Limits { queue_frames_max: 4, ..Limits::default() });
        let (slow, inbox) = joined(&board);
        let (sender, mut senders) = joined(&board);
        let mut refusals = 0;
        for _ in 0..10 {
            let message = FromClient::Send { topic: TOPIC, to: slow, bytes: vec![0; 10] };
            refusals += usize::from(board.handle_message(sender, message) == Err(Refusal::NoSuchPeer));
        }
        // Its welcome and the other's arrival took two places of four; the third message cut it off.
        assert_eq!(refusals, 7);
        assert!(received(&mut senders).contains(&FromServer::Left { topic: TOPIC, peer: slow }));
        assert_eq!((board.health().sockets, board.health().forwarded), (1, 2));
        drop(inbox);
    }

    #[test]
    fn the_bytes_that_wait_are_bounded_too() {
        let board = Switchboard::new(Limits { queue_bytes_max: 30_000, ..Limits::default() });
        let (slow, mut inbox) = joined(&board);
        let (sender, _senders) = joined(&board);
        let big = || FromClient::Send { topic: TOPIC, to: slow, bytes: vec![0; 10_000] };
        assert_eq!(board.handle_message(sender, big()), Ok(()));
        assert_eq!(board.handle_message(sender, big()), Ok(()));
        assert_eq!(board.handle_message(sender, big()), Ok(()));
        assert_eq!(board.handle_message(sender, big()), Err(Refusal::NoSuchPeer));
        assert!(received(&mut inbox).len() <= 4);
    }

    #[tokio::test]
    async fn what_has_been_sent_makes_room_again() {
        let board = Switchboard::new(Limits { queue_bytes_max: 30_000, ..Limits::default() });
        let (reader, mut inbox) = joined(&board);
        let (sender, _senders) = joined(&board);
        inbox.next().await.unwrap();
        inbox.next().await.unwrap();
        for n in 0..10 {
            let bytes = vec![n; 10_000];
            board.handle_message(sender, FromClient::Send { topic: TOPIC, to: reader, bytes: bytes.clone() }).unwrap();
            let frame = inbox.next().await.unwrap();
            assert_eq!(decode(&frame), Ok(FromServer::Message { topic: TOPIC, from: sender, bytes }));
        }
    }

    #[test]
    fn numbers_are_drawn_at_random() {
        let board = Switchboard::new(Limits::default());
        let mut peers: Vec<_> = (0..64).map(|_| board.connect().unwrap().0).collect();
        assert!(peers.iter().any(|peer| *peer > u64::MAX / 2) && peers.iter().any(|peer| *peer < u64::MAX / 2));
        assert!(peers.windows(2).any(|pair| pair[0] > pair[1]), "they rise in order");
        peers.sort_unstable();
        assert!(peers.windows(2).all(|pair| pair[1] - pair[0] > 1 << 20), "some are neighbours");
    }
}
