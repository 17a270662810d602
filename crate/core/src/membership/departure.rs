//! Who goes for good: by its own word, or without one.
//!
//! A node that leaves says so in its record, and once it has handed everything off signs that it has departed. That
//! record outlives every copy of an older one.
//!
//! Each record carries the wall time at which its node last signed it anew, about daily. A member that is dormant, has
//! no link, and last signed longer ago than the horizon counts as departed: it is not probed, not dialled and owns
//! nothing, whatever rumours say. It comes back under its next record alone, which a node signs whenever it starts.
//! A record that is news and that old is one of a departed node from the first, unless there is a link with it, or the
//! room is a large one and whoever brings it thinks that its node is up: a clock may be months behind.
//! The record itself is kept, so that no copy of it that somebody brings later gives it its tokens again.
//!
//! Nothing is derived from a wall clock that no other device has confirmed, nor of a node that never had a clock. It
//! need not be agreed on: a dormant node and a departed one are equally absent from the ring.

use super::suspicion::GOODBYES;
use super::{Change, Member, Membership, Status};
use crate::id::{KeyPair, NodeId};
use crate::marks::Mark;
use crate::planted::Plant;
use crate::time::{Instant, JUMP_MS, Millis, WallTime};
use crate::wire::{Claim, Message, Outbox, Record, SignedRecord, Standing};

/// A record is signed anew when its time is further off than this.
const REFRESH_MS: Millis = JUMP_MS;
/// How far above the last version that is known of a slot its departure is signed: above whatever its last life may
/// have said without its disk taking it.
const DEPARTURE_LEAP: u64 = 1 << 20;
/// To what the time is rounded down: others need not know it better.
const ROUND_MS: Millis = 60 * 60 * 1_000;

impl Membership {
    /// This node stays, leaves, or has left: it says so in its record. The last word is said as often as a goodbye.
    pub fn set_standing(&mut self, standing: Standing, out: &mut Outbox) {
        self.rewrite(out, |record| record.standing = standing);
        if standing == Standing::Departed {
            (1..GOODBYES).for_each(|_| self.spread_own(out));
        }
    }

    /// A slot of this device that nobody will run under again departs, signed in its own name. `remembered` is the
    /// record that lay on its disk. Tells whether there was anything to depart.
    pub fn depart_for(
        &mut self,
        now: Instant,
        keys: &KeyPair,
        remembered: Option<Record>,
        wall: Option<WallTime>,
        out: &mut Outbox,
    ) -> bool {
        let known = self.members.get(&keys.id()).map(|member| member.signed.record().clone());
        let Some(mut record) = known.into_iter().chain(remembered).max_by_key(|record| record.version) else {
            return false;
        };
        if record.standing == Standing::Departed {
            return false;
        }
        record.version = record.version.saturating_add(DEPARTURE_LEAP);
        record.incarnation = record.incarnation.saturating_add(1);
        record.standing = Standing::Departed;
        record.refreshed = wall.map_or(record.refreshed, |wall| WallTime(wall.0 - wall.0 % ROUND_MS));
        let signed = SignedRecord::sign(&self.room, keys, record);
        let departs = self.apply_record(now, &signed, Claim::Up);
        if departs {
            let news = Message::Records(alloc::vec![(signed, Claim::Up)]);
            out.extend(self.links.iter().map(|&link| (link, news.clone())));
        }
        departs
    }

    /// This node has fewer virtual nodes from now on, or more.
    pub fn set_capacity(&mut self, capacity: u16, out: &mut Outbox) {
        self.rewrite(out, |record| record.capacity = capacity);
    }

    /// Whether there is a member on another device who stays and is not long gone.
    pub fn is_succeeded(&self) -> bool {
        self.successors().next().is_some()
    }

    /// Whether one of those answers.
    pub fn has_heirs(&self) -> bool {
        self.successors().any(|id| self.answers(id))
    }

    fn successors(&self) -> impl Iterator<Item = NodeId> {
        let own = self.own.record().device;
        let is_elsewhere = move |(id, record): &(NodeId, &Record)| *id != self.me && record.device != own;
        self.present().filter(is_elsewhere).map(|(id, _)| id)
    }

    /// What time it is: by this device's clock if that has not jumped, and if another device says so too.
    pub fn on_wall_clock(&mut self, trusted: Option<WallTime>, confirmed: Option<WallTime>, out: &mut Outbox) {
        if let Some(wall) = trusted
            && wall.0.abs_diff(self.own.record().refreshed.0) >= REFRESH_MS
        {
            self.rewrite(out, |record| record.refreshed = WallTime(wall.0 - wall.0 % ROUND_MS));
        }
        self.wall = confirmed;
        let Some(wall) = confirmed else { return };
        debug_assert!(self.departing_anew().eq(self.departing.iter()), "a change that was not noted");
        for id in self.departing.until(wall) {
            let Some(member) = self.members.get_mut(&id) else { continue };
            member.is_departed = true;
            self.marks.hit(Mark::Departed);
            self.change(Change::Status { id, was: Some(Status::Dormant), now: Status::Departed });
            if self.planted.has(Plant::ForgetDeparted) {
                self.members.remove(&id);
            }
            self.revised_line(id);
        }
    }

    /// Of all who are dormant and have no link, when they count as departed, by a look at everybody.
    fn departing_anew(&self) -> impl Iterator<Item = (NodeId, WallTime)> {
        self.members.iter().filter_map(|(id, member)| Some((*id, self.departs_at(*id, member)?)))
    }

    fn departs_at(&self, id: NodeId, member: &Member) -> Option<WallTime> {
        let refreshed = member.signed.record().refreshed.0;
        let is_away = member.status() == Status::Dormant && refreshed > 0 && !self.links.contains(&id);
        is_away.then(|| WallTime(refreshed.saturating_add(self.horizon_ms)))
    }

    /// What this goes by may have changed of a member.
    pub(super) fn file_departing(&mut self, id: NodeId) {
        let due = self.members.get(&id).and_then(|member| self.departs_at(id, member));
        self.departing.file(id, due);
    }

    /// The same of all members.
    pub(super) fn file_all_departing(&mut self) {
        self.departing = self.departing_anew().collect();
    }

    /// Whether this node last signed its own record longer ago than the horizon.
    pub(crate) fn has_slept(&self, wall: Option<WallTime>) -> bool {
        let refreshed = self.own.record().refreshed.0;
        wall.is_some_and(|wall| refreshed > 0 && wall.0.saturating_sub(refreshed) >= self.horizon_ms)
    }

    /// Whether a member last signed its record longer ago than the horizon. Never so without a confirmed clock.
    pub(super) fn is_past_horizon(&self, member: &Member) -> bool {
        let refreshed = member.signed.record().refreshed.0;
        self.wall.is_some_and(|wall| refreshed > 0 && wall.0.saturating_sub(refreshed) >= self.horizon_ms)
    }
}
