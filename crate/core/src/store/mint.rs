//! The mint: which dot names the next write. It keeps the promise on which all causality rests, that no dot is ever
//! used twice, although what a node sends may overtake what it writes to its disk.
//!
//! Counters run per actor, a node during one epoch. "Clean" is a flag on the disk: cleared, strictly durable, before
//! the first mint of a burst leaves the node; set again once every minted dot is durable and the node is idle or
//! closing. A node that starts and finds itself unclean cannot know which dots it has sent, so it begins a new epoch.
//! It also does so when somebody shows it a dot of its own above its counter: its disk was rolled back, or its state
//! cloned.
//!
//! The rule that a node which has let a key go must remember its clock, or begin a new epoch, is kept here trivially:
//! nothing is let go yet.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Op, Table};
use crate::clock::{Dot, VersionVector};
use crate::id::{Actor, NodeId};

const ROW: &[u8] = b"actor";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    epoch: u64,
    counter: u64,
    clean: bool,
}

/// Why a new epoch was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpochReason {
    /// The node is new.
    First,
    /// It had not stopped cleanly: a dot may have left that the disk does not know.
    UncleanStop,
    /// A peer, or a context, knows a dot of ours that we do not.
    ForeignDot,
}

/// Mints dots for one node.
#[derive(Debug, Clone)]
pub struct Mint {
    node: NodeId,
    row: Row,
    /// What the disk has, or will have once what was handed to it is durable.
    written: Option<Row>,
}

impl Mint {
    /// Go on where the disk says, or begin an epoch; and if so, why.
    pub(super) fn restore(
        node: NodeId,
        disk: Option<&[u8]>,
        random: &mut fastrand::Rng,
    ) -> (Mint, Option<EpochReason>) {
        let row = disk.and_then(|bytes| postcard::from_bytes::<Row>(bytes).ok());
        match row {
            Some(row) if row.clean => (Mint { node, row, written: Some(row) }, None),
            _ => {
                let reason = if disk.is_some() { EpochReason::UncleanStop } else { EpochReason::First };
                let row = Row { epoch: random.u64(..), counter: 0, clean: true };
                (Mint { node, row, written: None }, Some(reason))
            }
        }
    }

    pub(super) fn is_row(key: &[u8]) -> bool {
        key == ROW
    }

    /// Under which actor the next dot will be.
    pub fn actor(&self) -> Actor {
        Actor { node: self.node, epoch: self.row.epoch }
    }

    /// Somebody has seen this much: if it is more of ours than we know of, begin a new epoch.
    pub(super) fn watch(&mut self, seen: &VersionVector, random: &mut fastrand::Rng) -> bool {
        let is_foreign = seen.counter(&self.actor()) > self.row.counter;
        if is_foreign {
            self.row = Row { epoch: random.u64(..), counter: 0, clean: true };
            self.written = None;
        }
        is_foreign
    }

    /// The next dot; and, at the first of a burst, the row that must be strictly durable before the dot leaves.
    pub(super) fn mint(&mut self) -> (Dot, Option<Op>) {
        self.row.counter += 1;
        self.row.clean = false;
        let dot = Dot { actor: self.actor(), counter: self.row.counter };
        let is_open = self.written.is_some_and(|written| !written.clean && written.epoch == self.row.epoch);
        (dot, (!is_open).then(|| self.write()))
    }

    /// Whether dots were minted since the disk was last told that all is clean.
    pub fn is_unclean(&self) -> bool {
        !self.row.clean
    }

    /// All minted dots are durable: the row that says so.
    pub(super) fn close(&mut self) -> Op {
        self.row.clean = true;
        self.write()
    }

    /// The disk did not take the row: it is as if it had not been handed over.
    pub(super) fn unwritten(&mut self) {
        self.written = None;
        self.row.clean &= self.row.counter == 0;
    }

    fn write(&mut self) -> Op {
        self.written = Some(self.row);
        Op { table: Table::Meta, key: ROW.to_vec(), value: Some(self.encode()) }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        postcard::to_allocvec(&self.row).expect("three numbers always serialise to a Vec")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restored(disk: Option<&[u8]>, seed: u64) -> (Mint, Option<EpochReason>) {
        Mint::restore(NodeId::from_bytes([1; 16]), disk, &mut fastrand::Rng::with_seed(seed))
    }

    #[test]
    fn a_clean_stop_goes_on_counting_and_an_unclean_one_begins_an_epoch() {
        let (mut mint, why) = restored(None, 1);
        assert_eq!(why, Some(EpochReason::First));
        let (first, unclean) = mint.mint();
        let (second, none) = mint.mint();
        assert_eq!((first.counter, second.counter, none), (1, 2, None));

        let (crashed, why) = restored(unclean.unwrap().value.as_deref(), 2);
        assert_eq!(why, Some(EpochReason::UncleanStop));
        assert_ne!(crashed.actor(), mint.actor());

        let (mut closed, why) = restored(mint.close().value.as_deref(), 3);
        assert_eq!((closed.actor(), why), (mint.actor(), None));
        let (third, gate) = closed.mint();
        assert_eq!((third.counter, gate.is_some()), (3, true));
    }

    #[test]
    fn a_dot_of_ours_that_we_do_not_know_begins_an_epoch() {
        let (mut mint, _) = restored(None, 1);
        let (dot, _) = mint.mint();
        let mut random = fastrand::Rng::with_seed(9);
        assert!(!mint.watch(&VersionVector::from_iter([dot]), &mut random));
        assert!(mint.watch(&VersionVector::from_iter([Dot { counter: 2, ..dot }]), &mut random));
        let (next, gate) = mint.mint();
        assert_ne!(next.actor, dot.actor);
        assert!(gate.is_some(), "the new epoch is on disk before it is used");
    }
}
