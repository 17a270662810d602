//! The roll: who belongs to the room now, whether it answers or not, and what follows from that alone.
//!
//! Members are suspected, heard from again and linked far more often than they come and go. What is made of those who
//! are here (the ring, the room's N, whether the room is a large one) is made anew only when one of them has another
//! record, or has come or gone: [`Membership::roll`] counts that.

use core::cell::Cell;

use super::{Change, Member, Membership, Status};
use crate::id::NodeId;
use crate::planted::Plant;
use crate::wire::{N_MAX, Record, Standing};

/// What follows from who is here, each with the number that it is of.
#[derive(Debug, Clone, Default)]
pub(super) struct Roll {
    number: u64,
    /// The room's N: it is asked with every answer to a write.
    declared: Cell<Option<(u64, u8)>>,
    /// How many others there are.
    others: usize,
}

impl Status {
    /// Whether one of whom this is believed is no part of the room now.
    pub(crate) fn is_off(self) -> bool {
        matches!(self, Status::Dormant | Status::Departed)
    }
}

impl Membership {
    /// Note a change, for whoever asks for all of them.
    pub(super) fn change(&mut self, change: Change) {
        let is_of_roll = match &change {
            Change::Record(_) => true,
            Change::Status { was, now, .. } => {
                let (was_off, is_off) = (was.is_none_or(Status::is_off), now.is_off());
                self.roll.others = self.roll.others + usize::from(was_off) - usize::from(is_off);
                was_off != is_off
            }
        };
        self.roll.number += u64::from(is_of_roll);
        self.changes.push(change);
    }

    /// A number that changes whenever one of those who are here has another record, or has come or gone.
    pub fn roll(&self) -> u64 {
        self.roll.number
    }

    /// The records that the ring is made of, in the order of the ids: of all that are neither dormant nor departed, nor
    /// leaving, this node's included.
    pub fn present(&self) -> impl Iterator<Item = (NodeId, &Record)> {
        self.here().filter(|(_, record)| record.standing == Standing::Member)
    }

    /// The same, with those that are leaving, in the order of the ids.
    fn here(&self) -> impl Iterator<Item = (NodeId, &Record)> {
        let before = self.members.range(..self.me).filter_map(line_here);
        let after = self.members.range(self.me..).filter_map(line_here);
        before.chain(core::iter::once((self.me, self.own.record()))).chain(after)
    }

    fn others_here(&self) -> impl Iterator<Item = (&NodeId, &Member)> {
        self.members.iter().filter(|(_, member)| !member.status().is_off())
    }

    /// Those others next to this node by id who are neither dormant nor departed, at most so many to each side.
    pub fn beside(&self, count: usize) -> impl Iterator<Item = NodeId> {
        let is_here = |(_, member): &(&NodeId, &Member)| !member.status().is_off();
        let (me, members) = (self.me, &self.members);
        let after = members.range(me..).chain(members.range(..me)).filter(is_here).take(count);
        let before = members.range(..me).rev().chain(members.range(me..).rev()).filter(is_here).take(count);
        after.chain(before).map(|(id, _)| *id)
    }

    /// How many others are neither dormant nor departed.
    pub fn others_here_count(&self) -> usize {
        debug_assert_eq!(self.roll.others, self.others_here().count(), "a change that is not on the roll");
        self.roll.others
    }

    /// Count those who are here from the start, of whom no change tells.
    pub(super) fn call_roll(&mut self) {
        self.roll.others = self.others_here().count();
    }

    /// How many copies the room keeps: the most that a member declares who is neither dormant nor departed, at most
    /// seven.
    pub fn n(&self) -> u8 {
        let known = self.roll.declared.get().filter(|(number, _)| *number == self.roll.number);
        let n = known.map_or_else(|| self.most_declared(), |(_, n)| n);
        debug_assert_eq!(n, self.most_declared(), "a change that is not on the roll");
        self.roll.declared.set(Some((self.roll.number, n)));
        n
    }

    fn most_declared(&self) -> u8 {
        let n_max = if self.planted.has(Plant::BelieveAnyN) { u8::MAX } else { N_MAX };
        self.here().map(|(_, record)| record.n.min(n_max)).max().unwrap_or(1)
    }
}

fn line_here<'a>((id, member): (&NodeId, &'a Member)) -> Option<(NodeId, &'a Record)> {
    (!member.status().is_off()).then(|| (*id, member.signed.record()))
}
