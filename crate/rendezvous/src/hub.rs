//! Who may send what to whom: the rendezvous as a pure state machine.
//!
//! Messages in, deliveries out; no I/O, no clock, no randomness. A *topic* exists as long as somebody is in it. A peer
//! may send to the peers of a topic that it has joined itself, and to nobody else. Nothing is kept: a message to a peer
//! that is gone is refused, never stored.
//!
//! Invariant: `a` is in `topics[t]` exactly if `t` is in `sockets[a]`; no topic is empty; every collection is within
//! its limit ([`Limits`]).

use std::collections::HashMap;

use roundtable_core::wire::rendezvous::{FromClient, FromServer, PAYLOAD_BYTES_MAX, Peer, Refusal, Topic};

use crate::limits::Limits;

/// One message, and the sockets that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Whom to tell.
    pub to: Vec<Peer>,
    /// What to tell them.
    pub message: FromServer,
}

impl Delivery {
    fn to_one(to: Peer, message: FromServer) -> Self {
        Delivery { to: vec![to], message }
    }
}

/// All sockets and topics of one rendezvous.
#[derive(Debug)]
pub struct Hub {
    limits: Limits,
    topics: HashMap<Topic, Vec<Peer>>,
    sockets: HashMap<Peer, Vec<Topic>>,
}

impl Hub {
    /// With nobody in it.
    pub fn new(limits: Limits) -> Self {
        Hub { limits, topics: HashMap::new(), sockets: HashMap::new() }
    }

    /// A socket opened and would have this number. `false` if another has it already: draw again.
    #[must_use]
    pub fn connect(&mut self, peer: Peer) -> bool {
        let free = !self.sockets.contains_key(&peer);
        if free {
            self.sockets.insert(peer, Vec::new());
        }
        free
    }

    /// A socket closed. Unknown ones are ignored, so that closing twice is harmless.
    #[must_use]
    pub fn disconnect(&mut self, peer: Peer) -> Vec<Delivery> {
        let topics = self.sockets.remove(&peer).unwrap_or_default();
        topics.into_iter().filter_map(|topic| self.remove_from_topic(peer, topic)).collect()
    }

    /// A socket said this. A refusal means that nothing has changed.
    pub fn handle_message(&mut self, from: Peer, message: FromClient) -> Result<Vec<Delivery>, Refusal> {
        match message {
            FromClient::Join { topic } => self.on_join(from, topic),
            FromClient::Send { topic, to, bytes } => self.on_send(from, topic, to, bytes),
            FromClient::Leave { topic } => self.on_leave(from, topic),
        }
    }

    /// How many sockets are open.
    pub fn sockets(&self) -> usize {
        self.sockets.len()
    }

    /// How many topics have somebody in them.
    pub fn topics(&self) -> usize {
        self.topics.len()
    }

    /// Whether this socket is in any topic.
    pub fn is_anywhere(&self, peer: Peer) -> bool {
        self.sockets.get(&peer).is_some_and(|topics| !topics.is_empty())
    }

    /// Joining again is harmless: it is answered with a fresh welcome, and nobody else is told.
    fn on_join(&mut self, from: Peer, topic: Topic) -> Result<Vec<Delivery>, Refusal> {
        let Some(joined) = self.sockets.get_mut(&from) else { return Ok(Vec::new()) };
        let mut deliveries = Vec::with_capacity(2);
        if !joined.contains(&topic) {
            let is_new = !self.topics.contains_key(&topic);
            if joined.len() >= self.limits.topics_per_socket_max
                || (is_new && self.topics.len() >= self.limits.topics_max)
            {
                return Err(Refusal::TooManyTopics);
            }
            let others = self.topics.get(&topic).map_or(&[][..], Vec::as_slice);
            if others.len() >= self.limits.peers_per_topic_max {
                return Err(Refusal::TopicFull);
            }
            if !others.is_empty() {
                deliveries.push(Delivery { to: others.to_vec(), message: FromServer::Joined { topic, peer: from } });
            }
            joined.push(topic);
            self.topics.entry(topic).or_default().push(from);
        }
        let welcome = FromServer::Welcome { topic, you: from, peers: self.others_to_name(from, &topic) };
        deliveries.insert(0, Delivery::to_one(from, welcome));
        Ok(deliveries)
    }

    fn on_send(&mut self, from: Peer, topic: Topic, to: Peer, bytes: Vec<u8>) -> Result<Vec<Delivery>, Refusal> {
        if bytes.len() > PAYLOAD_BYTES_MAX {
            return Err(Refusal::TooLarge);
        }
        if !self.is_in(from, &topic) {
            return Err(Refusal::NotJoined);
        }
        if to == from || !self.is_in(to, &topic) {
            return Err(Refusal::NoSuchPeer);
        }
        Ok(vec![Delivery::to_one(to, FromServer::Message { topic, from, bytes })])
    }

    fn on_leave(&mut self, from: Peer, topic: Topic) -> Result<Vec<Delivery>, Refusal> {
        let joined = self.sockets.get_mut(&from).ok_or(Refusal::NotJoined)?;
        let place = joined.iter().position(|t| *t == topic).ok_or(Refusal::NotJoined)?;
        joined.swap_remove(place);
        Ok(self.remove_from_topic(from, topic).into_iter().collect())
    }

    fn is_in(&self, peer: Peer, topic: &Topic) -> bool {
        self.sockets.get(&peer).is_some_and(|topics| topics.contains(topic))
    }

    /// The others of a topic. When there are too many to name, each newcomer is named another stretch of them,
    /// beginning at a place that follows from its own random number, so that no few are dialled by all.
    fn others_to_name(&self, you: Peer, topic: &Topic) -> Vec<Peer> {
        let peers = self.topics.get(topic).map_or(&[][..], Vec::as_slice);
        let first = (you % peers.len().max(1) as u64) as usize;
        let from_first = peers.iter().cycle().skip(first).take(peers.len());
        from_first.copied().filter(|peer| *peer != you).take(self.limits.welcome_peers_max).collect()
    }

    fn remove_from_topic(&mut self, peer: Peer, topic: Topic) -> Option<Delivery> {
        let peers = self.topics.get_mut(&topic)?;
        peers.retain(|p| *p != peer);
        if peers.is_empty() {
            self.topics.remove(&topic);
            return None;
        }
        Some(Delivery { to: peers.clone(), message: FromServer::Left { topic, peer } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Peer = 11;
    const B: Peer = 22;
    const C: Peer = 33;
    const TOPIC: Topic = [7; 32];

    fn hub(limits: Limits, peers: &[Peer]) -> Hub {
        let mut hub = Hub::new(limits);
        for peer in peers {
            assert!(hub.connect(*peer));
        }
        hub
    }

    fn join(hub: &mut Hub, peer: Peer, topic: Topic) -> Result<Vec<Delivery>, Refusal> {
        hub.handle_message(peer, FromClient::Join { topic })
    }

    fn send(hub: &mut Hub, from: Peer, to: Peer, bytes: Vec<u8>) -> Result<Vec<Delivery>, Refusal> {
        hub.handle_message(from, FromClient::Send { topic: TOPIC, to, bytes })
    }

    /// The invariant of the module's essay.
    fn check(hub: &Hub) {
        for (topic, peers) in &hub.topics {
            assert!(!peers.is_empty() && peers.len() <= hub.limits.peers_per_topic_max);
            assert!(peers.iter().all(|peer| hub.is_in(*peer, topic)));
        }
        for (peer, topics) in &hub.sockets {
            assert!(topics.len() <= hub.limits.topics_per_socket_max);
            assert!(topics.iter().all(|topic| hub.topics[topic].iter().filter(|p| *p == peer).count() == 1));
        }
        assert!(hub.topics.len() <= hub.limits.topics_max);
    }

    #[test]
    fn a_newcomer_is_told_who_is_there_and_they_are_told_of_it() {
        let mut hub = hub(Limits::default(), &[A, B]);
        let alone = join(&mut hub, A, TOPIC).unwrap();
        let welcome = FromServer::Welcome { topic: TOPIC, you: A, peers: vec![] };
        assert_eq!(alone, [Delivery::to_one(A, welcome)]);
        let second = join(&mut hub, B, TOPIC).unwrap();
        let welcome = FromServer::Welcome { topic: TOPIC, you: B, peers: vec![A] };
        let joined = FromServer::Joined { topic: TOPIC, peer: B };
        assert_eq!(second, [Delivery::to_one(B, welcome), Delivery::to_one(A, joined)]);
    }

    #[test]
    fn joining_twice_tells_nobody_else() {
        let mut hub = hub(Limits::default(), &[A, B]);
        join(&mut hub, A, TOPIC).unwrap();
        join(&mut hub, B, TOPIC).unwrap();
        let again = join(&mut hub, B, TOPIC).unwrap();
        assert_eq!(again.len(), 1);
        assert_eq!(again[0].to, [B]);
        check(&hub);
    }

    #[test]
    fn a_message_reaches_the_named_peer_alone() {
        let mut hub = hub(Limits::default(), &[A, B, C]);
        for peer in [A, B, C] {
            join(&mut hub, peer, TOPIC).unwrap();
        }
        let message = FromServer::Message { topic: TOPIC, from: A, bytes: vec![1, 2] };
        assert_eq!(send(&mut hub, A, B, vec![1, 2]), Ok(vec![Delivery::to_one(B, message)]));
    }

    #[test]
    fn nobody_sends_into_a_topic_that_it_has_not_joined_nor_out_of_one() {
        let mut hub = hub(Limits::default(), &[A, B, C]);
        join(&mut hub, A, TOPIC).unwrap();
        join(&mut hub, C, [8; 32]).unwrap();
        assert_eq!(send(&mut hub, B, A, vec![]), Err(Refusal::NotJoined));
        assert_eq!(send(&mut hub, A, B, vec![]), Err(Refusal::NoSuchPeer));
        assert_eq!(send(&mut hub, A, C, vec![]), Err(Refusal::NoSuchPeer));
        assert_eq!(send(&mut hub, A, A, vec![]), Err(Refusal::NoSuchPeer));
    }

    #[test]
    fn the_others_learn_who_left_or_vanished_and_empty_topics_are_forgotten() {
        let mut hub = hub(Limits::default(), &[A, B]);
        join(&mut hub, A, TOPIC).unwrap();
        join(&mut hub, B, TOPIC).unwrap();
        let left = FromServer::Left { topic: TOPIC, peer: A };
        assert_eq!(hub.handle_message(A, FromClient::Leave { topic: TOPIC }), Ok(vec![Delivery::to_one(B, left)]));
        assert_eq!(hub.handle_message(A, FromClient::Leave { topic: TOPIC }), Err(Refusal::NotJoined));
        join(&mut hub, A, TOPIC).unwrap();
        let left = FromServer::Left { topic: TOPIC, peer: B };
        assert_eq!(hub.disconnect(B), [Delivery::to_one(A, left)]);
        assert_eq!(hub.disconnect(B), []);
        assert_eq!(hub.disconnect(A), []);
        assert_eq!((hub.topics(), hub.sockets()), (0, 0));
    }

    #[test]
    fn every_limit_refuses_and_changes_nothing() {
        let limits = Limits { topics_per_socket_max: 2, topics_max: 3, peers_per_topic_max: 2, ..Limits::default() };
        let mut hub = hub(limits, &[A, B, C]);
        join(&mut hub, A, [1; 32]).unwrap();
        join(&mut hub, A, [2; 32]).unwrap();
        assert_eq!(join(&mut hub, A, [3; 32]), Err(Refusal::TooManyTopics));
        join(&mut hub, B, [3; 32]).unwrap();
        assert_eq!(join(&mut hub, B, [4; 32]), Err(Refusal::TooManyTopics));
        join(&mut hub, B, [1; 32]).unwrap();
        assert_eq!(join(&mut hub, C, [1; 32]), Err(Refusal::TopicFull));
        check(&hub);
    }

    #[test]
    fn a_number_is_given_once() {
        let mut hub = hub(Limits::default(), &[A]);
        assert!(!hub.connect(A));
    }

    #[test]
    fn the_largest_welcome_fits_one_frame() {
        use crate::limits::WELCOME_PEERS_LIMIT;
        use roundtable_core::wire::rendezvous::{FRAME_BYTES_MAX, encode};
        let peers = vec![Peer::MAX; WELCOME_PEERS_LIMIT];
        assert!(encode(&FromServer::Welcome { topic: TOPIC, you: Peer::MAX, peers }).len() <= FRAME_BYTES_MAX);
    }

    #[test]
    fn a_payload_that_would_not_fit_on_its_way_out_is_refused() {
        let mut hub = hub(Limits::default(), &[A, B]);
        join(&mut hub, A, TOPIC).unwrap();
        join(&mut hub, B, TOPIC).unwrap();
        assert!(send(&mut hub, A, B, vec![0; PAYLOAD_BYTES_MAX]).is_ok());
        assert_eq!(send(&mut hub, A, B, vec![0; PAYLOAD_BYTES_MAX + 1]), Err(Refusal::TooLarge));
    }

    #[test]
    fn in_a_crowd_each_newcomer_is_named_another_stretch() {
        let limits = Limits { welcome_peers_max: 8, ..Limits::default() };
        let mut hub = hub(limits, &[]);
        let mut named = std::collections::HashSet::new();
        for n in 0..100 {
            let peer = fastrand::Rng::with_seed(n).u64(..);
            assert!(hub.connect(peer));
            for delivery in join(&mut hub, peer, TOPIC).unwrap() {
                if let FromServer::Welcome { peers, you, .. } = delivery.message {
                    assert!(peers.len() <= 8 && !peers.contains(&you));
                    named.extend(peers);
                }
            }
        }
        assert!(named.len() > 80, "only {} of 100 were ever named", named.len());
        check(&hub);
    }

    #[test]
    fn ten_thousand_random_messages_keep_the_invariant() {
        let limits = Limits { topics_per_socket_max: 3, topics_max: 5, peers_per_topic_max: 4, ..Limits::default() };
        let mut rng = fastrand::Rng::with_seed(4);
        let mut hub = Hub::new(limits);
        for _ in 0..10_000 {
            let (peer, to, topic) = (rng.u64(..12), rng.u64(..12), [rng.u8(..8); 32]);
            let deliveries = match rng.u8(..6) {
                0 => {
                    let _ = hub.connect(peer);
                    vec![]
                }
                1 => hub.disconnect(peer),
                2 => hub.handle_message(peer, FromClient::Leave { topic }).unwrap_or_default(),
                3 => hub.handle_message(peer, FromClient::Send { topic, to, bytes: vec![] }).unwrap_or_default(),
                _ => hub.handle_message(peer, FromClient::Join { topic }).unwrap_or_default(),
            };
            assert!(deliveries.iter().flat_map(|d| &d.to).all(|to| hub.sockets.contains_key(to)));
            check(&hub);
        }
    }
}
