//! Who is here: member records by gossip, and failure detection after SWIM (Das, Gupta, Motivala, "SWIM", DSN 2002)
//! with the local health of Lifeguard (Dadgar, Phillips, Currey, DSN-W 2018).
//!
//! Each node writes its own record and signs it; the record with the higher version holds, so records merge in any
//! order. What is *thought* of a node is a rumour about one incarnation of it: `Up`, then `Suspect` (it does not
//! answer, or said goodbye: hints are held, the ring stays), then `Dormant` (away for [`Timing::dormant_after_ms`]:
//! others stand in for it). A node that hears a rumour about itself refutes it with a higher incarnation. Nobody is
//! ever removed for being silent; only a record can say that a node has departed.
//!
//! Invariants: a version and an incarnation only rise; a rumour never outlives the incarnation it is about; this node
//! never thinks of itself as anything but up; nobody becomes dormant here on hearsay while this node hears from it.
//!
//! - `answering`: to whom requests may be sent, kept up with each change.
//! - `departure`: who goes, and who is gone for good.
//! - `dues`: what falls due when, of one member and of all.
//! - `gossip`: digests and records, so that all know the same.
//! - `probe`: who answers.
//! - `reach`: who can be asked something, linked or over others.
//! - `relay`: asking on behalf of others.
//! - `round_trip`: how long answers take, and by that how long one is waited for.
//! - `greeting`: who has a link and is not known is told again who this is.
//! - `suspicion`: what is thought of whom, and for how long.
//! - `timing`: how long that is.
//! - `vitals`: how everybody is doing.
//!
//! It does not decide where keys live (`ring`) nor whom to be linked with (`overlay`).

mod answering;
mod departure;
mod dues;
mod gossip;
mod greeting;
#[cfg(test)]
mod mesh_tests;
mod probe;
mod reach;
mod relay;
mod roll;
mod round_trip;
mod suspicion;
#[cfg(test)]
mod tests;
mod timing;
mod vitals;

pub use reach::RING_NEIGHBOURS;
#[cfg(test)]
pub(crate) use tests::{member, met_without_a_link};
pub use timing::Timing;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use crate::id::{DeviceId, Inserted, KeyPair, NodeId, Room};
use crate::marks::{Mark, Marks};
use crate::planted::{Plant, Planted};
use crate::time::{Instant, Millis, WallTime};
use crate::wire::{Claim, Outbox, Presence, Record, SignedRecord, Standing, Verified};

use answering::Answering;
use dues::Dues;
use gossip::News;
use greeting::Greetings;
use probe::Probing;
use reach::Reach;
use relay::Errand;
use roll::Roll;
use round_trip::RoundTrip;
use suspicion::Fading;
use vitals::Telling;

/// What a node believes of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Opening; not yet heard of by anyone.
    Joining,
    /// Answers.
    Up,
    /// Has not answered for seconds, or said goodbye: hints are held for it, the ring stays.
    Suspect,
    /// Has been away for long enough that others stand in for it: keeps its record, owns nothing.
    Dormant,
    /// Hands its data off and will depart.
    Leaving,
    /// Gone for good.
    Departed,
}

impl Status {
    /// What it is called for people and in the package.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Joining => "joining",
            Status::Up => "up",
            Status::Suspect => "suspect",
            Status::Dormant => "dormant",
            Status::Leaving => "leaving",
            Status::Departed => "departed",
        }
    }
}

/// How far ahead of what this node remembers others may say that its own record is. After its disk was rolled back they
/// are a little ahead; somebody who names the largest number there is lies, and must not use the numbers up.
const LEAP_MAX: u64 = 1 << 32;

/// What a membership goes by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many other members are known at most.
    pub members_max: usize,
    /// Spans of failure detection.
    pub timing: Timing,
    /// How long, by wall clocks, a node may be away before it counts as departed.
    pub horizon_ms: Millis,
    /// The bug it has on purpose, if any.
    pub planted: Planted,
    /// Signatures that are known to hold.
    pub verified: Verified,
    /// Who counts how often rare branches are taken.
    pub marks: Marks,
}

/// What changed, for the node to act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A member's status.
    Status {
        /// Whose.
        id: NodeId,
        /// Before; `None`: not known.
        was: Option<Status>,
        /// Now.
        now: Status,
    },
    /// A member's record, this node's own included: make it durable.
    Record(SignedRecord),
}

/// One other member.
#[derive(Debug, Clone)]
struct Member {
    signed: SignedRecord,
    claim: Claim,
    /// Since when the claim is held; a sign of life puts it off.
    since: Instant,
    /// Who found it silent by a probe of their own, this node perhaps among them. At most one more than the
    /// confirmations that count.
    accusers: Vec<NodeId>,
    /// When a frame last came from it over its own link.
    heard: Option<Instant>,
    /// When an incarnation of it that was not known last came over others, while it has no link with this node.
    spoke: Option<Instant>,
    /// It has been away for longer than the horizon.
    is_departed: bool,
}

impl Member {
    fn new(signed: SignedRecord, claim: Claim, now: Instant) -> Member {
        Member { signed, claim, since: now, accusers: Vec::new(), heard: None, spoke: None, is_departed: false }
    }

    fn incarnation(&self) -> u64 {
        self.signed.record().incarnation
    }

    fn standing(&self) -> Standing {
        self.signed.record().standing
    }

    fn presence(&self) -> Presence {
        self.signed.record().presence
    }

    /// Whether it is thought to answer, and has not said that it is gone for good.
    fn is_there(&self) -> bool {
        self.claim == Claim::Up && self.standing() != Standing::Departed
    }

    fn status(&self) -> Status {
        if self.is_departed {
            return Status::Departed;
        }
        status(self.standing(), self.claim)
    }
}

fn status(standing: Standing, claim: Claim) -> Status {
    match (standing, claim) {
        (Standing::Departed, _) => Status::Departed,
        (_, Claim::Dormant) => Status::Dormant,
        (_, Claim::Suspect | Claim::Closed) => Status::Suspect,
        (Standing::Leaving, Claim::Up) => Status::Leaving,
        (Standing::Member, Claim::Up) => Status::Up,
    }
}

/// What this node knows of everybody, itself included.
#[derive(Debug, Clone)]
pub struct Membership {
    room: Room,
    keys: KeyPair,
    me: NodeId,
    own: SignedRecord,
    members: BTreeMap<NodeId, Member>,
    links: BTreeSet<NodeId>,
    /// Which life of this node this is.
    life: u32,
    reach: Reach,
    /// It has said goodbye: what is said of it now is true.
    is_closing: bool,
    members_max: usize,
    timing: Timing,
    horizon_ms: Millis,
    /// What time it is, if another device has confirmed it.
    wall: Option<WallTime>,
    planted: Planted,
    verified: Verified,
    marks: Marks,
    probing: Probing,
    round_trip: RoundTrip,
    greetings: Greetings,
    news: News,
    errands: VecDeque<Errand>,
    telling: Telling,
    random: fastrand::Rng,
    changes: Vec<Change>,
    revision: u64,
    answering: Answering,
    fading: Fading,
    /// When those who are dormant count as departed.
    departing: Dues<WallTime>,
    roll: Roll,
    /// The hash of the digest, as long as no line of it changes.
    hashed: Option<u64>,
}

impl Membership {
    /// A node that starts under `own` and remembers `records`. Those are suspect at first, so that after a reload the
    /// ring is what it was, and become dormant if they are not heard of.
    pub fn new(
        room: Room,
        keys: KeyPair,
        own: Record,
        records: Vec<SignedRecord>,
        settings: Settings,
        mut random: fastrand::Rng,
        now: Instant,
    ) -> Membership {
        let Settings { members_max, mut timing, horizon_ms, planted, verified, marks } = settings;
        if planted.has(Plant::DormantAtOnce) {
            (timing.dormant_after_ms, timing.dormant_after_ms_max) = (0, 0);
        }
        let me = keys.id();
        let own = SignedRecord::sign(&room, &keys, own);
        let members = records
            .into_iter()
            .filter(|signed| signed.id() != me && signed.verify(&room, &verified))
            .take(members_max)
            .map(|signed| (signed.id(), Member::new(signed, Claim::Suspect, now)))
            .inserted();
        let probing = Probing::new(now + random.u64(0..timing.probe_interval_ms.max(1)));
        // A start draws both anew, 16 bits each: nothing else tells the lives of one name apart.
        let life = (own.record().version << 16 ^ own.record().incarnation) as u32;
        let changes = alloc::vec![Change::Record(own.clone())];
        let mut membership = Membership {
            room,
            keys,
            me,
            own,
            members,
            links: BTreeSet::new(),
            life,
            reach: Reach::default(),
            is_closing: false,
            members_max,
            timing,
            horizon_ms,
            wall: None,
            planted,
            verified,
            marks,
            probing,
            round_trip: RoundTrip::default(),
            greetings: Greetings::default(),
            news: News::default(),
            errands: VecDeque::new(),
            telling: Telling::default(),
            random,
            changes,
            revision: 0,
            answering: Answering::default(),
            fading: Fading::default(),
            departing: Dues::default(),
            roll: Roll::default(),
            hashed: None,
        };
        membership.call_roll();
        membership.revised_all();
        membership
    }

    /// This node's own record.
    pub fn own(&self) -> &SignedRecord {
        &self.own
    }

    /// A number that changes whenever anything known here does.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Something of this node has changed that members are shown with, and is not in its record.
    pub fn revise(&mut self) {
        self.revision += 1;
    }

    /// What changed since the last call, in order.
    pub fn take_changes(&mut self) -> Vec<Change> {
        core::mem::take(&mut self.changes)
    }

    /// The other members, in the order of their ids.
    pub fn others(&self) -> impl Iterator<Item = (NodeId, &Record, Status)> {
        self.members.iter().map(|(id, member)| (*id, member.signed.record(), member.status()))
    }

    /// How many other members are known, whatever is thought of them.
    pub fn known(&self) -> usize {
        self.members.len()
    }

    /// What is thought of a node; `None` for one that is not known.
    pub fn status(&self, id: NodeId) -> Option<Status> {
        if id == self.me {
            return Some(status(self.own.record().standing, Claim::Up));
        }
        self.members.get(&id).map(Member::status)
    }

    /// The nodes with an open link, in the order of their ids.
    pub fn links(&self) -> &BTreeSet<NodeId> {
        &self.links
    }

    /// The bug it has on purpose, if any.
    pub(crate) fn planted(&self) -> Planted {
        self.planted
    }

    /// The room.
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// The device of a node, this one included.
    pub fn device(&self, id: NodeId) -> Option<DeviceId> {
        if id == self.me {
            return Some(self.own.record().device);
        }
        self.members.get(&id).map(|member| member.signed.record().device)
    }

    /// A link has opened. The other end hears of everybody from here.
    pub fn link_up(&mut self, id: NodeId, out: &mut Outbox) {
        self.links.insert(id);
        self.set_lost(id, false);
        if let Some(member) = self.members.get_mut(&id) {
            member.spoke = None;
        }
        self.revised_link(id);
        out.push((id, self.hello()));
        out.extend(self.own_vitals().map(|vitals| (id, vitals)));
    }

    /// A link has closed. If it was one that somebody wants that is evidence, not proof: the node is probed through
    /// others at once.
    pub fn link_down(&mut self, id: NodeId, is_evidence: bool) {
        if self.links.remove(&id) {
            self.greetings.forget(id);
            self.revised_link(id);
            if is_evidence {
                self.probing.hurry(id);
            }
            if let Some(member) = self.members.get_mut(&id) {
                (member.heard, member.spoke) = (None, None);
            }
        }
    }

    /// Tell how promptly this node can answer from now on. One that is no longer frozen begins a new incarnation: it
    /// was suspect on its own word.
    pub fn set_presence(&mut self, presence: Presence, out: &mut Outbox) {
        let was = self.own.record().presence;
        if was != presence {
            self.rewrite(out, |record| {
                record.presence = presence;
                record.incarnation += u64::from(was == Presence::Frozen);
            });
        }
    }

    /// Change the own record, sign it anew, and tell everybody linked.
    fn rewrite(&mut self, out: &mut Outbox, change: impl FnOnce(&mut Record)) {
        let mut record = self.own.record().clone();
        change(&mut record);
        record.version += 1;
        self.own = SignedRecord::sign(&self.room, &self.keys, record);
        self.change(Change::Record(self.own.clone()));
        self.hashed = None;
        self.revision += 1;
        self.spread_own(out);
    }

    /// Take in a record, with what its bringer thinks of the node. Tells whether it was news.
    fn apply_record(&mut self, now: Instant, signed: &SignedRecord, claim: Claim) -> bool {
        let is_taken = self.is_news(signed) && signed.verify(&self.room, &self.verified);
        if is_taken {
            self.take_in(now, signed, claim);
        }
        is_taken
    }

    /// Whether a record says something new of somebody else, and there is room for it.
    fn is_news(&self, signed: &SignedRecord) -> bool {
        let id = signed.id();
        match self.members.get(&id) {
            Some(known) => known.signed.record().version < signed.record().version,
            None => id != self.me && self.members.len() < self.members_max,
        }
    }

    /// Take in a record that is news and whose signature holds.
    fn take_in(&mut self, now: Instant, signed: &SignedRecord, claim: Claim) {
        let id = signed.id();
        let incarnation = signed.record().incarnation;
        let known = self.members.get(&id);
        let was = known.map(Member::status);
        let mut member = match known {
            // A record of the same incarnation does not refute what is thought of it.
            Some(known) if known.incarnation() >= incarnation => Member { signed: signed.clone(), ..known.clone() },
            Some(known) if self.is_fresh(now, id) => {
                Member { heard: known.heard, ..Member::new(signed.clone(), Claim::Up, now) }
            }
            _ => Member::new(signed.clone(), claim, now),
        };
        if member.presence() == Presence::Frozen && member.claim == Claim::Up {
            (member.claim, member.since) = (Claim::Suspect, now);
        }
        member.is_departed = false;
        let forgets = self.planted.has(Plant::ForgetDeparted);
        // In a large room having no link says nothing: its neighbours may hear from one whose clock is months behind.
        let is_heard = self.links.contains(&id) || self.is_sparse() && claim == Claim::Up;
        if !forgets && !is_heard && self.is_past_horizon(&member) && member.claim != Claim::Closed {
            self.marks.hit(Mark::Departed);
            (member.claim, member.since, member.is_departed) = (Claim::Dormant, now, true);
        }
        if known.is_none_or(|known| known.incarnation() < incarnation) {
            self.begin_anew(id);
            member.spoke = (!self.links.contains(&id)).then_some(now);
        }
        let is = member.status();
        self.members.insert(id, member);
        self.change(Change::Record(signed.clone()));
        if was != Some(is) {
            self.change(Change::Status { id, was, now: is });
        }
        self.revised_line(id);
    }
}
