//! Listings in flight: everybody is asked for the keys they hold; it is met when of every arc as many owners as the
//! level needs have answered. Where two disagree on whether a key is deleted, the key is read.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use super::reads::Reader;
use super::{Coordinator, KeysReply, Level, Quorum, Reply, Surroundings, Terms};
use crate::datatype::lives;
use crate::id::{Inserted, Key, NodeId, RequestId};
use crate::marks::Mark;
use crate::time::Instant;
use crate::wire::Message;

/// How many keys one message names at most.
const KEYS_PER_MESSAGE: usize = 4096;
/// How many keys are gathered for one listing at most.
const KEYS_MAX: usize = 1_000_000;
/// How many disputed keys are read for one listing; further ones are listed.
const DISPUTES_MAX: usize = 1_000;

/// One listing in flight.
#[derive(Debug, Clone)]
pub(super) struct Listing {
    pub(super) id: RequestId,
    bucket: String,
    prefix: String,
    level: Level,
    pub(super) deadline: Instant,
    quorum: Quorum,
    /// Each name with whether somebody has a value of it, and whether somebody has it deleted.
    names: BTreeMap<String, (bool, bool)>,
    disputes: Option<BTreeSet<String>>,
}

impl Coordinator {
    pub(super) fn list(
        &mut self,
        near: &mut Surroundings<'_>,
        id: RequestId,
        bucket: String,
        prefix: String,
        terms: Terms,
    ) {
        let level = terms.level.unwrap_or(self.settings.r);
        let needed = level.needed(near.membership.n());
        let mut listing = Listing {
            id,
            bucket,
            prefix,
            level,
            deadline: self.deadline(near.now, terms),
            quorum: Quorum::new(needed),
            names: BTreeMap::new(),
            disputes: None,
        };
        let wall = near.store.expiry_clock();
        let own: Vec<(String, bool)> = near
            .store
            .list(&listing.bucket, &listing.prefix)
            .map(|(key, object, _)| (key.name().into(), lives(&object, wall)))
            .collect();
        own.into_iter().for_each(|(name, lives)| listing.note(name, lives));
        if level == Level::Local {
            listing.add_copies(near);
        }
        listing.quorum.ask(near.me);
        let counts_itself = level == Level::Local || near.incoming.is_empty();
        if counts_itself {
            listing.quorum.answer(near.me)
        } else {
            listing.quorum.fail(near.me)
        };
        let number = self.number();
        if level != Level::Local {
            for id in near.membership.answering() {
                listing.quorum.ask(id);
                let (bucket, prefix) = (listing.bucket.clone(), listing.prefix.clone());
                near.out.push((id, Message::List { request: number, bucket, prefix }));
            }
        }
        self.listings.insert(number, listing);
        self.advance_listing(near, number);
    }

    /// A node says which keys it holds.
    pub fn on_listed(
        &mut self,
        near: &mut Surroundings<'_>,
        from: NodeId,
        number: u64,
        keys: Vec<(String, bool, u64)>,
        more: bool,
        incoming: bool,
    ) {
        let Some(listing) = self.listings.get_mut(&number) else { return };
        if !listing.quorum.waiting().contains(&from) {
            return;
        }
        keys.into_iter().for_each(|(name, lives, _)| listing.note(name, lives));
        if !more {
            if incoming {
                listing.quorum.fail(from)
            } else {
                listing.quorum.answer(from)
            };
            self.advance_listing(near, number);
        }
    }

    /// A disputed key was read.
    pub(super) fn on_listing_read(&mut self, near: &mut Surroundings<'_>, number: u64, key: &Key, lives: bool) {
        let Some(listing) = self.listings.get_mut(&number) else { return };
        listing.names.insert(key.name().into(), (lives, !lives));
        if let Some(disputes) = &mut listing.disputes {
            disputes.remove(key.name());
        }
        self.advance_listing(near, number);
    }

    fn advance_listing(&mut self, near: &mut Surroundings<'_>, number: u64) {
        let Some(listing) = self.listings.get_mut(&number) else { return };
        let is_over = listing.deadline <= near.now;
        let is_met = listing.is_met(near);
        if !is_met && !listing.quorum.waiting().is_empty() && !is_over {
            return;
        }
        if listing.disputes.is_none() {
            let disputed = listing.names.iter().filter(|(_, held)| **held == (true, true));
            let disputes: BTreeSet<String> = disputed.map(|(name, _)| name.clone()).take(DISPUTES_MAX).inserted();
            listing.disputes = Some(disputes.clone());
            let (bucket, deadline) = (listing.bucket.clone(), listing.deadline);
            if !is_over && listing.level != Level::Local {
                let terms = Terms { level: None, timeout_ms: Some(deadline.since(near.now)) };
                for name in disputes {
                    // A name that was listed in this bucket is a key: whoever listed it made sure, and we check.
                    match Key::new(&bucket, &name) {
                        Ok(key) => {
                            near.marks.hit(Mark::KeyDisputed);
                            self.read(near, Reader::Listing(number), key, terms);
                        }
                        Err(_) => self.on_no_key(number, &name),
                    }
                }
                // The reads may have been answered at once, and the listing with them.
                return self.finish_listing(near, number);
            }
        }
        self.finish_listing(near, number);
    }

    fn on_no_key(&mut self, number: u64, name: &str) {
        if let Some(listing) = self.listings.get_mut(&number) {
            listing.names.remove(name);
            if let Some(disputes) = &mut listing.disputes {
                disputes.remove(name);
            }
        }
    }

    fn finish_listing(&mut self, near: &Surroundings<'_>, number: u64) {
        let is_over = |listing: &Listing| listing.deadline <= near.now || listing.level == Level::Local;
        let is_done = |listing: &Listing| listing.disputes.as_ref().is_some_and(BTreeSet::is_empty) || is_over(listing);
        if !self.listings.get(&number).is_some_and(is_done) {
            return;
        }
        let Some(mut listing) = self.listings.remove(&number) else { return };
        let met = listing.is_met(near);
        if !met {
            listing.add_copies(near);
        }
        let reply = KeysReply {
            met,
            needed: listing.quorum.needed(),
            answered: listing.quorum.answered().iter().copied().collect(),
            keys: listing.names.into_iter().filter(|(_, (lives, _))| *lives).map(|(name, _)| name).collect(),
        };
        self.replies.push((listing.id, Reply::Keys(reply)));
    }

    pub(super) fn reroute_listings(&mut self, near: &mut Surroundings<'_>) {
        let numbers: Vec<u64> = self.listings.keys().copied().collect();
        for number in numbers {
            let Some(listing) = self.listings.get_mut(&number) else { continue };
            let gone: Vec<NodeId> =
                listing.quorum.waiting().iter().copied().filter(|&id| !near.membership.answers(id)).collect();
            gone.into_iter().for_each(|node| {
                listing.quorum.fail(node);
            });
            self.advance_listing(near, number);
        }
    }

    pub(super) fn expire_listings(&mut self, near: &mut Surroundings<'_>) {
        let due: Vec<u64> =
            self.listings.iter().filter(|(_, listing)| listing.deadline <= near.now).map(|(&n, _)| n).collect();
        due.into_iter().for_each(|number| self.advance_listing(near, number));
    }
}

impl Listing {
    fn note(&mut self, name: String, lives: bool) {
        if !name.starts_with(&self.prefix) || (self.names.len() >= KEYS_MAX && !self.names.contains_key(&name)) {
            return;
        }
        let held = self.names.entry(name).or_default();
        held.0 |= lives;
        held.1 |= !lives;
    }

    /// What others own is listed by the copies of it, where too few of them say so themselves: with all that is known
    /// here of each.
    fn add_copies(&mut self, near: &Surroundings<'_>) {
        let wall = near.store.expiry_clock();
        for (key, view) in near.store.list_copies(&self.bucket, &self.prefix) {
            let lives = lives(&view, wall);
            if self.level == Level::Local || !self.names.contains_key(key.name()) {
                self.names.insert(key.name().into(), (lives, !lives));
            }
        }
    }

    /// Whether of every arc enough owners have answered.
    fn is_met(&self, near: &Surroundings<'_>) -> bool {
        let answered = self.quorum.answered();
        if self.level == Level::Local {
            return true;
        }
        let needed = usize::from(self.quorum.needed());
        let is_short = |owners: &[NodeId]| {
            let counted =
                owners.iter().filter(|&id| answered.contains(id) && (self.level != Level::One || *id != near.me));
            counted.count() < needed
        };
        near.ring.arcs_where(is_short).is_empty()
    }
}

/// Answer another node's listing.
pub fn answer_list(near: &mut Surroundings<'_>, from: NodeId, request: u64, bucket: &str, prefix: &str) {
    let wall = near.store.expiry_clock();
    let keys: Vec<(String, bool, u64)> = near
        .store
        .list(bucket, prefix)
        .map(|(key, object, fingerprint)| (key.name().into(), lives(&object, wall), fingerprint as u64))
        .collect();
    let incoming = !near.incoming.is_empty() || !near.knows(from);
    let mut parts = keys.chunks(KEYS_PER_MESSAGE).map(<[_]>::to_vec).peekable();
    if parts.peek().is_none() {
        near.out.push((from, Message::Listed { request, keys: Vec::new(), more: false, incoming }));
    }
    while let Some(keys) = parts.next() {
        let more = parts.peek().is_some();
        near.out.push((from, Message::Listed { request, keys, more, incoming }));
    }
}
