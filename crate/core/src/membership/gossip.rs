//! Gossip: how all come to know the same. News is pushed at once to a few; a digest of everything, exchanged whenever
//! two nodes notice that theirs differ, finds what the push missed (push-pull anti-entropy: Demers et al., PODC 1987).

use alloc::vec::Vec;

use super::{LEAP_MAX, Membership};
use crate::id::NodeId;
use crate::marks::Mark;
use crate::planted::Plant;
use crate::time::Instant;
use crate::wire::{Claim, DigestEntry, Message, Outbox, Rumour, SignedRecord, WireError};

/// To how many nodes news is passed on at once. Three reach sixteen nodes in three hops.
pub(super) const FANOUT: usize = 3;
/// The most lines of a digest, records or rumours that are read from one message.
pub(super) const LINES_MAX: usize = 2048;

impl Membership {
    pub(super) fn hello(&self) -> Message {
        Message::Hello { room: self.room.tag(), record: self.own.clone(), digest: self.digest(), life: self.life }
    }

    /// Say again who this node is, to somebody linked who has not heard it.
    pub fn greet(&self, id: NodeId, out: &mut Outbox) {
        out.push((id, self.hello()));
    }

    /// One line a member, this node first.
    pub(super) fn digest(&self) -> Vec<DigestEntry> {
        let line = |signed: &SignedRecord, node, claim| DigestEntry {
            node,
            version: signed.record().version,
            incarnation: signed.record().incarnation,
            claim,
        };
        let own = line(&self.own, self.me, Claim::Up);
        let others = self.members.iter().map(|(id, member)| line(&member.signed, *id, member.claim));
        core::iter::once(own).chain(others).collect()
    }

    /// A number that is the same for two nodes that know the same of everybody.
    pub(super) fn digest_hash(&mut self) -> u64 {
        let known = self.hashed.filter(|(revision, _)| *revision == self.revision);
        let (_, hash) = *self.hashed.insert(known.unwrap_or_else(|| (self.revision, self.hash_digest())));
        debug_assert_eq!(hash, self.hash_digest(), "a change without a revision");
        hash
    }

    fn hash_digest(&self) -> u64 {
        let mut entries = self.digest();
        entries.sort_unstable();
        let bytes = postcard::to_allocvec(&entries).expect("a digest always serialises to a Vec");
        self.room.fingerprint(&[b"digest", &bytes]) as u64
    }

    pub(super) fn own_record(&self) -> Message {
        Message::Records(alloc::vec![(self.own.clone(), Claim::Up)])
    }

    pub(super) fn spread_own(&self, out: &mut Outbox) {
        out.extend(self.links.iter().map(|&link| (link, self.own_record())));
    }

    /// The other end of a new link says who it is.
    pub fn on_hello(
        &mut self,
        now: Instant,
        from: NodeId,
        room: u64,
        record: SignedRecord,
        digest: Vec<DigestEntry>,
        out: &mut Outbox,
    ) -> Result<(), WireError> {
        if room != self.room.tag() {
            return Err(WireError::Room);
        }
        // The very record that is held was checked when it came.
        let is_held = self.members.get(&from).is_some_and(|member| member.signed == record);
        if !is_held && (record.id() != from || !record.verify(&self.room, &self.verified)) {
            return Err(WireError::Forged);
        }
        if self.is_news(&record) {
            self.take_in(now, &record, Claim::Up);
            self.on_heard(now, from, out);
            self.pass_on(from, alloc::vec![(record, Claim::Up)], out);
        }
        self.on_digest(now, from, digest, true, out)
    }

    /// What somebody knows of everybody.
    pub fn on_digest(
        &mut self,
        now: Instant,
        from: NodeId,
        entries: Vec<DigestEntry>,
        reply: bool,
        out: &mut Outbox,
    ) -> Result<(), WireError> {
        if entries.len() > LINES_MAX {
            return Err(WireError::Limit);
        }
        let mut behind = false;
        let mut told = alloc::collections::BTreeSet::new();
        for entry in entries {
            told.insert((entry.node, entry.version));
            let known = match self.members.get(&entry.node) {
                _ if entry.node == self.me => self.own.record().version,
                Some(member) => member.signed.record().version,
                None => 0,
            };
            let is_ours = entry.node == self.me && entry.version < known + LEAP_MAX;
            let is_other = entry.version == known && entry.incarnation != self.own.record().incarnation;
            if is_ours && (entry.version > known || is_other) {
                self.marks.hit(Mark::RecordOvertaken);
                // Our disk was rolled back, or never took what we said: go on above what we had already said, and
                // beside what this entry's teller may not have heard of it.
                let beside = self.random.u64(0..1 << 16);
                self.rewrite(out, |record| record.version = record.version.max(entry.version) + beside);
            }
            behind |= entry.node != self.me && known < entry.version;
            let DigestEntry { node: about, incarnation, claim, .. } = entry;
            self.apply_rumour(now, from, Rumour { about, incarnation, claim, accuser: None }, out);
        }
        let newer: Vec<(SignedRecord, Claim)> = core::iter::once((self.me, &self.own, Claim::Up))
            .chain(self.members.iter().map(|(id, member)| (*id, &member.signed, member.claim)))
            .filter(|(id, signed, _)| {
                let version = signed.record().version;
                let is_told = *id == self.me || !self.planted.has(Plant::OwnRecordOnly);
                is_told && told.range((*id, version)..=(*id, u64::MAX)).next().is_none()
            })
            .map(|(_, signed, claim)| (signed.clone(), claim))
            .collect();
        if !newer.is_empty() {
            out.push((from, Message::Records(newer)));
        }
        if reply || behind {
            // Ours also tells what we think of those whom both know.
            out.push((from, Message::Digest { entries: self.digest(), reply: false }));
        }
        Ok(())
    }

    /// Records that we lacked.
    pub fn on_records(
        &mut self,
        now: Instant,
        from: NodeId,
        records: Vec<(SignedRecord, Claim)>,
        out: &mut Outbox,
    ) -> Result<(), WireError> {
        if records.len() > LINES_MAX {
            return Err(WireError::Limit);
        }
        let mut news = Vec::new();
        for (signed, claim) in records {
            let incarnation = signed.record().incarnation;
            let rumour = Rumour { about: signed.id(), incarnation, claim, accuser: None };
            if self.apply_record(now, &signed, claim) {
                news.push((signed, claim));
            } else {
                self.apply_rumour(now, from, rumour, out);
            }
        }
        self.pass_on(from, news, out);
        Ok(())
    }

    /// Tell a few others at once.
    fn pass_on(&mut self, from: NodeId, news: Vec<(SignedRecord, Claim)>, out: &mut Outbox) {
        if news.is_empty() || self.planted.has(Plant::OwnRecordOnly) {
            return;
        }
        let mut others: Vec<NodeId> = self.links.iter().copied().filter(|&link| link != from).collect();
        crate::id::shuffle(&mut self.random, &mut others);
        for &other in others.iter().take(FANOUT) {
            out.push((other, Message::Records(news.clone())));
        }
    }
}
