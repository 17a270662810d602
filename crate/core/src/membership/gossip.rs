//! Gossip: how all come to know the same. News is pushed at once to a few; a digest of everything, exchanged whenever
//! two nodes notice that theirs differ, finds what the push missed (push-pull anti-entropy: Demers et al., PODC 1987).

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::{LEAP_MAX, Member, Membership};
use crate::id::NodeId;
use crate::marks::Mark;
use crate::planted::Plant;
use crate::time::Instant;
use crate::wire::{self, Claim, DigestEntry, Message, Outbox, Rumour, SignedRecord, WireError};

/// To how many nodes news is passed on at once. Three reach sixteen nodes in three hops.
pub(super) const FANOUT: usize = 3;
/// The most lines of a digest, records or rumours that are read from one message.
pub(super) const LINES_MAX: usize = 2048;
/// About as many bytes as a line of a digest takes.
const LINE_BYTES: usize = 32;

/// Whose records are to be told together, and when.
#[derive(Debug, Clone, Default)]
pub(super) struct News {
    waiting: BTreeSet<NodeId>,
    next: Instant,
}

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
        let hash = self.hashed.unwrap_or_else(|| self.hash_digest());
        self.hashed = Some(hash);
        debug_assert_eq!(hash, self.hash_digest(), "a line has changed and is not named");
        hash
    }

    fn hash_digest(&self) -> u64 {
        // The own line comes first and all others are in order: one that is moved is cheaper than to sort them all.
        let mut entries = self.digest();
        let place = entries[1..].partition_point(|entry| *entry < entries[0]);
        entries[..=place].rotate_left(1);
        let bytes = wire::append(&entries, Vec::with_capacity(entries.len() * LINE_BYTES));
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
            self.pass_on(now, from, alloc::vec![(record, Claim::Up)], out);
        }
        // This node's own hello tells the other end what is lacked here.
        self.take_digest(now, from, digest, out).map(|_| ())
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
        let is_behind = self.take_digest(now, from, entries, out)?;
        if reply || is_behind {
            // Ours also tells what we think of those whom both know.
            out.push((from, Message::Digest { entries: self.digest(), reply: false }));
        }
        Ok(())
    }

    /// Take in what somebody knows of everybody, and send what is newer here. Tells whether something is newer there.
    fn take_digest(
        &mut self,
        now: Instant,
        from: NodeId,
        entries: Vec<DigestEntry>,
        out: &mut Outbox,
    ) -> Result<bool, WireError> {
        if entries.len() > LINES_MAX {
            return Err(WireError::Limit);
        }
        let (behind, telling) = self.weigh(&entries);
        for entry in telling {
            let known = self.own.record().version;
            let is_ours = entry.node == self.me && entry.version < known + LEAP_MAX;
            let is_other = entry.version == known && entry.incarnation != self.own.record().incarnation;
            if is_ours && (entry.version > known || is_other) {
                self.marks.hit(Mark::RecordOvertaken);
                // Our disk was rolled back, or never took what we said: go on above what we had already said, and
                // beside what this entry's teller may not have heard of it.
                let beside = self.random.u64(0..1 << 16);
                self.rewrite(out, |record| record.version = record.version.max(entry.version) + beside);
            }
            let DigestEntry { node: about, incarnation, claim, .. } = entry;
            self.apply_rumour(now, from, Rumour { about, incarnation, claim, accuser: None }, out);
        }
        let newer = self.newer_than(&entries);
        if !newer.is_empty() {
            out.push((from, Message::Records(newer)));
        }
        Ok(behind)
    }

    /// Whether a digest names a record that is lacked here, and the lines that are about this node or claim something
    /// new. Mostly that is hardly any of them.
    fn weigh(&self, entries: &[DigestEntry]) -> (bool, Vec<DigestEntry>) {
        let (mut behind, mut telling) = (false, Vec::new());
        let mut others = self.members.iter().peekable();
        let mut last = None;
        for (at, entry) in entries.iter().enumerate() {
            if entry.node == self.me {
                telling.push(*entry);
                continue;
            }
            // After its sender's they come in order, as the members do: one walk along both finds them all.
            let member = if at > 0 && last < Some(entry.node) {
                last = Some(entry.node);
                while others.next_if(|(id, _)| **id < entry.node).is_some() {}
                others.peek().filter(|(id, _)| **id == entry.node).map(|(_, member)| *member)
            } else {
                self.members.get(&entry.node)
            };
            behind |= member.map_or(0, |member| member.signed.record().version) < entry.version;
            let is_news = |member: &Member| member.incarnation() == entry.incarnation && member.claim < entry.claim;
            telling.extend(member.is_some_and(is_news).then_some(*entry));
        }
        (behind, telling)
    }

    /// The records that a digest does not name, or not the newest of.
    fn newer_than(&self, entries: &[DigestEntry]) -> Vec<(SignedRecord, Claim)> {
        let mut told: Vec<(NodeId, u64)> = entries.iter().map(|entry| (entry.node, entry.version)).collect();
        // They are in order but for the first one, which a stable sort makes use of.
        told.sort();
        let is_told = |at: usize, id: NodeId| told.get(at).is_some_and(|(node, _)| *node == id);
        let own_at = told.partition_point(|line| *line < (self.me, self.own.record().version));
        let own = (!is_told(own_at, self.me)).then(|| (self.own.clone(), Claim::Up));
        let mut at = 0;
        let others = self.members.iter().filter(|(id, member)| {
            let line = (**id, member.signed.record().version);
            at += told[at..].iter().take_while(|told| **told < line).count();
            !is_told(at, **id) && !self.planted.has(Plant::OwnRecordOnly)
        });
        own.into_iter().chain(others.map(|(_, member)| (member.signed.clone(), member.claim))).collect()
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
        self.pass_on(now, from, news, out);
        Ok(())
    }

    /// Tell a few others: at once, and where answers take long, together with what else comes meanwhile.
    fn pass_on(&mut self, now: Instant, from: NodeId, news: Vec<(SignedRecord, Claim)>, out: &mut Outbox) {
        if news.is_empty() || self.planted.has(Plant::OwnRecordOnly) {
            return;
        }
        if now < self.news.next {
            self.news.waiting.extend(news.iter().map(|(signed, _)| signed.id()));
            return;
        }
        self.news.next = now + self.pause_ms();
        self.tell_some(Some(from), news, out);
    }

    fn tell_some(&mut self, except: Option<NodeId>, news: Vec<(SignedRecord, Claim)>, out: &mut Outbox) {
        let mut others: Vec<NodeId> = self.links.iter().copied().filter(|&link| Some(link) != except).collect();
        crate::id::shuffle(&mut self.random, &mut others);
        for &other in others.iter().take(FANOUT) {
            out.push((other, Message::Records(news.clone())));
        }
    }

    /// When news that has waited for more is told.
    pub(super) fn next_news(&self) -> Option<Instant> {
        (!self.news.waiting.is_empty()).then_some(self.news.next)
    }

    /// Tell it, if it is time.
    pub(super) fn tell_news(&mut self, now: Instant, out: &mut Outbox) {
        if self.next_news().is_none_or(|due| due > now) {
            return;
        }
        self.news.next = now + self.pause_ms();
        let waiting = core::mem::take(&mut self.news.waiting);
        let known = waiting.into_iter().filter_map(|id| self.members.get(&id));
        let news = known.map(|member| (member.signed.clone(), member.claim)).collect();
        self.tell_some(None, news, out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{member, met};
    use super::*;
    use alloc::vec;

    /// How many messages with records follow from three records that come one after the other, by then.
    fn told_of_three(a: &mut Membership, from: NodeId, until: u64) -> Vec<usize> {
        let mut out = vec![];
        for seed in 10..13 {
            let record = member(seed).own().clone();
            a.on_records(Instant(5_000), from, vec![(record, Claim::Up)], &mut out).unwrap();
        }
        while let Some(due) = a.next_news().filter(|due| due.0 < until) {
            a.tell_news(due, &mut out);
        }
        let records = out.into_iter().filter_map(|(_, message)| match message {
            Message::Records(records) => Some(records.len()),
            _ => None,
        });
        records.collect()
    }

    #[test]
    fn news_is_passed_on_at_once_and_where_answers_take_long_together() {
        let (mut a, mut b, mut c) = (member(1), member(2), member(3));
        met(&mut a, &mut b);
        met(&mut a, &mut c);
        let mut slow = a.clone();
        assert_eq!(told_of_three(&mut a, b.me, 5_001), [1, 1, 1]);
        slow.round_trip.on_asked(Instant(0), c.me, 7);
        slow.round_trip.on_answered(Instant(2_000), c.me, 7, 0);
        assert_eq!(told_of_three(&mut slow, b.me, 5_499), [1], "the first at once");
        let mut out = vec![];
        assert_eq!(slow.next_news(), Some(Instant(5_500)));
        slow.tell_news(Instant(5_500), &mut out);
        assert!(
            matches!(&out[..], [(_, Message::Records(one)), (_, Message::Records(two))] if one.len() == 2 && one == two)
        );
        assert_eq!(slow.next_news(), None);
    }

    #[test]
    fn a_hello_is_answered_with_the_records_that_it_lacks_and_with_no_digest() {
        let (mut a, mut b, mut out) = (member(1), member(2), vec![]);
        let mut said = vec![];
        b.link_up(a.me, &mut said);
        a.link_up(b.me, &mut vec![]);
        let Some((_, Message::Hello { room, record, digest, .. })) = said.into_iter().next() else { panic!() };
        a.on_hello(Instant(1), b.me, room, record, digest, &mut out).unwrap();
        let is_own = |(to, message): &(NodeId, Message)| {
            *to == b.me && matches!(message, Message::Records(records) if records[..] == [(a.own().clone(), Claim::Up)])
        };
        assert!(out.len() == 1 && out.iter().all(is_own), "{out:?}");
    }
}
