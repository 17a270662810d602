//! Which message goes to which module. A frame that cannot be read, or asks for what is not allowed, is counted and
//! dropped; the link lives on.

use super::{Event, Node, Output, near};
use crate::coordinator::{Surroundings, answer_list};
use crate::handoff::{answer_holds, readdress};
use crate::id::{Key, NodeId};
use crate::marks::Mark;
use crate::overlay::{Arrival, Carrier, OnItsWay};
use crate::planted::Plant;
use crate::repair::{Answer, Question, Want};
use crate::time::Instant;
use crate::wire::{self, Begin, FRAMES_MAX, Message, Object, Purpose, Relayed, Says, Scope, Version, WireError};

impl Node {
    pub(super) fn on_frame(&mut self, now: Instant, from: NodeId, bytes: &[u8]) {
        match wire::decode(bytes) {
            Ok(Message::Several(frames)) if frames.len() <= FRAMES_MAX => {
                for frame in frames {
                    let message = wire::decode(&frame);
                    self.on_decoded(now, from, message);
                    // As if each had come by itself.
                    self.settle(now);
                }
            }
            message => self.on_decoded(now, from, message),
        }
    }

    fn on_decoded(&mut self, now: Instant, from: NodeId, message: Result<Message, WireError>) {
        let outcome = message.and_then(|message| self.on_message(now, from, message));
        if let Err(reason) = outcome {
            self.dropped += 1;
            self.event(Event::FrameDropped { from, reason });
        }
    }

    fn on_message(&mut self, now: Instant, from: NodeId, message: Message) -> Result<(), WireError> {
        let out = &mut self.scratch.out;
        self.membership.on_heard(now, from, out);
        self.routes.on_heard(now, from, &mut self.membership, &self.config.limits.marks);
        match message {
            Message::Hello { room, record, digest, life } => {
                self.membership.on_hello(now, from, room, record, digest, out)?;
                if self.membership.status(from).is_some() && self.routes.on_life(from, life, true) {
                    self.on_other_life(from);
                }
            }
            // Of too many, or one within another.
            Message::Several(_) => return Err(WireError::Limit),
            Message::Links(links) => self.routes.on_links(from, links, &self.membership)?,
            Message::Relayed(relayed) => self.on_relayed(now, from, relayed)?,
            Message::Goodbye { incarnation } => self.membership.on_goodbye(now, from, incarnation, out),
            Message::Ping { seq, digest, rumours, minutes, shared } => {
                self.on_shared(now, from, shared);
                self.on_minutes(now, from, minutes);
                let out = &mut self.scratch.out;
                self.membership.on_ping(now, from, seq, digest, rumours, out)?;
            }
            Message::Ack { seq, digest, rumours, minutes, shared } => {
                self.on_shared(now, from, shared);
                self.on_minutes(now, from, minutes);
                let out = &mut self.scratch.out;
                self.membership.on_ack(now, from, seq, digest, rumours, out)?;
            }
            Message::Enquire { seq, target } => self.membership.on_enquire(now, from, seq, target, out),
            Message::Vouch { seq, target, word } => self.membership.on_vouch(now, from, seq, target, word, out),
            Message::Rumours(rumours) => self.membership.on_rumours(now, from, rumours, out)?,
            Message::Digest { entries, reply } => self.membership.on_digest(now, from, entries, reply, out)?,
            Message::Records(records) => {
                let is_new = |id: &NodeId| self.membership.status(*id).is_none();
                let new = records.iter().map(|(signed, _)| signed.id()).filter(is_new);
                new.for_each(|id| self.trails.note(now, id, from));
                self.membership.on_records(now, from, records, out)?;
            }
            Message::Vitals { of, incarnation, number, vitals } => {
                self.membership.on_vitals(now, from, of, (incarnation, number), vitals)?;
            }
            Message::Signal { from: sender, to, hops, bytes } => {
                self.on_signal(now, from, sender, to, hops, bytes)?;
            }
            request => self.on_request(now, from, request)?,
        }
        Ok(())
    }

    /// Something for somebody who has no link with its sender: for this node, or to be passed on.
    fn on_relayed(&mut self, now: Instant, link: NodeId, relayed: Relayed) -> Result<(), WireError> {
        let (from, marks) = (relayed.from, &self.config.limits.marks);
        let (membership, random) = (&self.membership, &mut self.random);
        let (is_other, arrival) = self.routes.on_relayed(now, link, relayed, membership, random, marks)?;
        if is_other {
            self.on_other_life(from);
        }
        match arrival {
            Arrival::Nowhere => Ok(()),
            Arrival::ForAnotherLife => {
                // What is asked over this link will be answered over it: its other end has to know by whom.
                if link == from && !self.config.limits.planted.has(Plant::GreetOnce) {
                    self.membership.greet(link, &mut self.scratch.out);
                }
                Ok(())
            }
            Arrival::PassOn(to, relayed) => {
                self.scratch.out.push((to, Message::Relayed(relayed)));
                Ok(())
            }
            Arrival::Here(frame) => match wire::decode(&frame)? {
                message if message.is_relayable() => self.on_message(now, from, message),
                _ => Err(WireError::Malformed),
            },
        }
    }

    /// Another life of this node has begun: what the one before had asked is not answered.
    fn on_other_life(&mut self, from: NodeId) {
        self.config.limits.marks.hit(Mark::LifeReplaced);
        self.forget_asked(from);
    }

    /// What a neighbour says of the arcs that both own: equal stores need no comparison.
    fn on_shared(&mut self, now: Instant, from: NodeId, shared: Option<[u8; 16]>) {
        let Some(theirs) = shared.filter(|_| self.answering.contains(&from)) else { return };
        if let Some(scope) = self.repair.on_shared(&near!(self, now), from, theirs) {
            self.confirm_all(now, from, &scope);
        }
    }

    /// What a neighbour says of the time.
    fn on_minutes(&mut self, now: Instant, from: NodeId, minutes: u32) {
        let was_trusted = self.wall.trusted(now).is_some();
        // One of this device has the same clock: its word is worth nothing.
        let Some(device) = self.membership.device(from).filter(|device| *device != self.config.device) else { return };
        self.wall.on_minutes(now, device, minutes);
        let is_trusted = || self.wall.trusted(now).is_some();
        self.config.limits.marks.hit_if(Mark::ClockConfirmed, || !was_trusted && is_trusted());
    }

    fn on_request(&mut self, now: Instant, from: NodeId, message: Message) -> Result<(), WireError> {
        if self.has_departed() {
            self.decline(from, &message);
            return Ok(());
        }
        // What the disk would not take is not taken on: the sender then knows at once to look elsewhere.
        let is_full = self.is_full() || self.disk.is_refusing();
        let near = &mut near!(self, now);
        match message {
            Message::Store { request, key, object, hint } => {
                if has_no_room(near, is_full, &key, &object) || near.take_in(&key, &object, from).is_err() {
                    near.out.push((from, Message::Stored { request, durable: false, is_owner: false }));
                    return Ok(());
                }
                if let Some(owner) = hint.filter(|&owner| owner != near.me) {
                    near.store.hints_mut().add(&key, owner);
                    if !near.ring.contains(owner) {
                        readdress(near, &key);
                    }
                }
                if near.planted.has(Plant::MintTwice) {
                    write_anew(near, &key, &object);
                }
                let is_owner = near.ring.owns(near.me, near.position(&key));
                let stored = (from, Message::Stored { request, durable: true, is_owner });
                if near.planted.has(Plant::AckBeforePersist) {
                    near.out.push(stored);
                } else {
                    near.gated.push(stored);
                }
            }
            Message::Stored { request, durable, is_owner } => {
                self.coordinator.on_stored(near, from, request, durable, is_owner);
            }
            Message::Fetch { request, key, have } => {
                let position = near.position(&key);
                let says = match () {
                    () if !near.ring.owns(near.me, position) => Says::Other,
                    () if near.planted.has(Plant::CountIncoming) => Says::Owner,
                    () if near.is_settled_owner(position) && near.knows(from) => Says::Owner,
                    () => Says::NotYet,
                };
                let is_same = near.store.fingerprint(&key) as u64 == have;
                let object = (!is_same).then(|| near.store.known(&key));
                near.out.push((from, Message::Fetched { request, object, says }));
            }
            Message::Fetched { request, object, says } => {
                self.coordinator.on_fetched(near, from, request, object, says);
            }
            Message::List { request, bucket, prefix } => answer_list(near, from, request, &bucket, &prefix),
            Message::Listed { request, keys, more, incoming } => {
                self.coordinator.on_listed(near, from, request, keys, more, incoming);
            }
            Message::Watch { key, have } => {
                if !self.coordinator.on_watch(near, from, key, have) {
                    return Err(WireError::Limit);
                }
            }
            Message::Changed { key, object } => self.coordinator.on_changed_elsewhere(near, from, &key, &object),
            bulk => self.on_bulk(now, from, bulk)?,
        }
        Ok(())
    }

    fn on_bulk(&mut self, now: Instant, from: NodeId, message: Message) -> Result<(), WireError> {
        let is_full = self.is_full();
        let is_refusing = self.disk.is_refusing();
        let near = &mut near!(self, now);
        match message {
            Message::Objects { batch, purpose, mut objects, next } => {
                if near.planted.has(Plant::ExpiryNotSent) {
                    let lasting = |version: &Version| Version { expires: None, ..version.clone() };
                    objects.iter_mut().for_each(|(_, object)| *object = object.map(lasting));
                }
                // Whoever answers with what its user's copies lack need not know what becomes of it.
                let is_copy = batch == 0 && matches!(purpose, Purpose::Answer { .. });
                let mut refused = false;
                // Others' hints can wait where they are; what answers a comparison cannot, or an arc would seem to
                // have come.
                let is_full = is_full || is_refusing && purpose == Purpose::Hint;
                for (key, object) in &objects {
                    if is_copy {
                        near.keep_copy(key, object, from);
                    } else if refuses(near, is_full, key, object) {
                        refused = true;
                    } else if purpose != Purpose::Hint && near.planted.has(Plant::OverwriteOnRepair) {
                        near.store.overwrite(key, object);
                    } else {
                        let is_dead = near.store.object(key).is_some_and(|object| object.is_tombstone());
                        if purpose == Purpose::Hint && is_dead && near.planted.has(Plant::ResurrectByHint) {
                            write_anew(near, key, object);
                        }
                        near.merge(key, object, from);
                    }
                }
                if batch != 0 {
                    near.gated.push((from, Message::Kept { batch, durable: !refused }));
                }
                if let Purpose::Answer { session, want, lacks } = purpose {
                    let answer = Answer { session, want, objects: &objects, lacks: &lacks, next };
                    self.repair.on_answer(near, &mut self.handoff, from, &answer);
                }
            }
            Message::Kept { batch, durable } => {
                let Some(delivered) = self.handoff.shipments.on_kept(from, batch, durable) else { return Ok(()) };
                if delivered.durable {
                    for (key, seen) in &delivered.contents {
                        let was_held = near.store.hints().addressees(key).any(|id| id == from);
                        self.coordinator.on_confirmed(near, from, key, seen);
                        let is_held = near.store.hints().addressees(key).any(|id| id == from);
                        if was_held && !is_held {
                            self.outputs.push_back(Output::Event(Event::HintDelivered { owner: from }));
                        }
                    }
                } else {
                    near.marks.hit(Mark::ReceiverFull);
                    self.handoff.on_full(now, from);
                }
                if delivered.durable {
                    self.release.on_delivered(near, from, &delivered.contents);
                }
                self.leaving.on_delivered(near, from, &delivered.contents, delivered.durable);
                self.repair.on_delivered(near, &mut self.handoff, from, durable);
            }
            Message::Holds { request, items } => answer_holds(near, from, request, &items)?,
            Message::Reap { items } => self.release.on_reap(near, from, &items)?,
            Message::Held { request, answers } => {
                self.release.on_held(near, &mut self.handoff.shipments, from, request, &answers);
                self.leaving.on_held(near, &mut self.handoff.shipments, from, request, &answers);
            }
            Message::Compare { session, begin, parts, symbols } => {
                if let Some(Begin { scope: Scope::Interest { pin, .. }, .. }) = &begin {
                    self.coordinator.on_interest(now, from, pin.clone());
                }
                let is_shared = begin.as_ref().is_some_and(|begin| matches!(begin.scope, Scope::Shared(_)));
                if is_shared && self.repair.leads(near.me, from) {
                    near.marks.hit(Mark::ComparisonLeads);
                    return Ok(());
                }
                let question = Question { begin, parts, symbols };
                if let Some(ring) = self.repair.answering().on_compare(near, from, session, question)? {
                    self.repair.on_agreed(from, ring);
                } else if self.repair.answering().answers(from, session) {
                    self.repair.on_asked(near, from);
                }
            }
            Message::Summary { session, parts } => {
                self.repair.on_summary(near, &mut self.handoff, from, session, parts);
            }
            Message::Mismatch { session } => {
                near.marks.hit(Mark::RingsDiffer);
                self.repair.on_mismatch(now, from, session);
            }
            Message::Want { session, want, from: start, wanted } => {
                let want = Want { session, number: want, start, wanted };
                // The answering side is taken out while it borrows what lies beside it.
                let mut answering = core::mem::take(self.repair.answering());
                let outcome = answering.on_want(near, &mut self.handoff, from, want);
                *self.repair.answering() = answering;
                outcome?;
            }
            // Every other kind was taken by the callers of this one.
            _ => return Err(WireError::Malformed),
        }
        Ok(())
    }

    fn on_signal(
        &mut self,
        now: Instant,
        link: NodeId,
        from: NodeId,
        to: NodeId,
        hops: u8,
        bytes: alloc::vec::Vec<u8>,
    ) -> Result<(), WireError> {
        let (since, count) = self.signals.entry(link).or_insert((now, 0));
        if now.since(*since) >= 1_000 {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        if *count > self.config.limits.signals_per_second || bytes.len() > 2 * wire::signal::PAYLOAD_BYTES_MAX {
            return Err(WireError::Limit);
        }
        self.trails.note(now, from, link);
        if to == self.me {
            self.outputs.push_back(Output::Signal { from, bytes });
        } else {
            self.carrier(now).pass(OnItsWay { from, to, hops, bytes }, link);
        }
        Ok(())
    }

    /// What carries signals from here.
    pub(super) fn carrier(&mut self, now: Instant) -> Carrier<'_> {
        let Node { membership, routes, trails, random, scratch, .. } = self;
        Carrier { membership, routes, trails, now, random, out: &mut scratch.out }
    }

    /// Whether this node takes no more of others' new keys.
    pub(super) fn is_full(&self) -> bool {
        self.store.counts().2 >= self.config.limits.store_bytes_max
    }
}

/// Whether an object from elsewhere must be refused whatever is held: there is no room for a new key, or it has no
/// history at all.
fn has_no_room(near: &Surroundings<'_>, is_full: bool, key: &Key, object: &Object) -> bool {
    object.is_unknown() || (is_full && near.store.object(key).is_none())
}

/// Whether an object from elsewhere must be refused: for the same, or since it would grow beyond what can be stored or
/// sent.
fn refuses(near: &Surroundings<'_>, is_full: bool, key: &Key, object: &Object) -> bool {
    has_no_room(near, is_full, key, object) || near.store.would_overflow(key, object)
}

/// What a planted bug does: values that have a dot are given another.
fn write_anew(near: &mut Surroundings<'_>, key: &Key, object: &Object) {
    for value in object.values().filter(|_| near.store.mint().is_open()).cloned().collect::<alloc::vec::Vec<_>>() {
        near.store.put(key, &crate::clock::VersionVector::new(), value);
    }
}
