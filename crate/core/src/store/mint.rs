//! The mint: which dot names the next write. It keeps the promise on which all causality rests, that no dot is ever
//! used twice, although what a node sends may overtake what it writes to its disk.
//!
//! Counters run per actor, a node during one epoch. The row on the disk says under which epoch, up to which counter,
//! and whether that is *clean*: nothing was minted since. The mint is opened, strictly durable as unclean, before the
//! first dot of a burst comes into being, and closed again, as clean, once every minted dot is durable and the node is
//! idle or closing. A node that starts and finds itself unclean cannot know which dots it has sent, so it begins a new
//! epoch. It also does so when somebody shows it a dot of its own above its counter: its disk was rolled back, or its
//! state cloned.
//!
//! It is not enough that a dot waits for the disk before it is *sent*: an object that holds one leaves by many doors.
//! So no dot is made until the mint is open.
//!
//! A vector entry covers all of an actor's dots on its key up to a number. So a node that has let a key go may not
//! mint on it as if it had never done so: a dot above one that its context does not cover would cover that one too.
//! The [`super::Memo`] remembers, per key let go, up to where this actor had minted on it; a write that has not seen
//! that much begins an epoch, and so does a memo that overflows.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Op, Table};
use crate::clock::{Dot, VersionVector};
use crate::id::{Actor, NodeId};
use crate::planted::{Plant, Planted};

const ROW: &[u8] = b"actor";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    epoch: u64,
    counter: u64,
    clean: bool,
}

/// Whether a database says that every dot minted under it is in it, or that there was none. Whoever copies such a
/// database, or takes it back to such a state, can make dots be used twice.
pub fn is_clean(rows: &[(Table, Vec<u8>, Vec<u8>)]) -> bool {
    let row = rows.iter().find(|(table, key, _)| *table == Table::Meta && key == ROW);
    row.and_then(|(_, _, value)| postcard::from_bytes::<Row>(value).ok()).is_some_and(|row| row.clean)
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
    /// A write had not seen an earlier one of ours on a key that was let go since.
    LetGo,
    /// More keys were let go than can be remembered.
    MemoFull,
}

/// Whether dots may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The disk says that all is clean, or cannot be relied on to say that it is not.
    Closed,
    /// The row that says "not clean" is on its way.
    Opening,
    /// The disk says that it is not clean.
    Open,
}

/// Mints dots for one node.
#[derive(Debug, Clone)]
pub struct Mint {
    node: NodeId,
    epoch: u64,
    counter: u64,
    state: State,
    /// For the test of the rule alone: the epoch never changes.
    #[cfg(test)]
    pub(super) is_planted: bool,
    planted: Planted,
}

impl Mint {
    /// Go on where the disk says, or begin an epoch; and if so, why.
    pub(super) fn restore(
        node: NodeId,
        disk: Option<&[u8]>,
        random: &mut fastrand::Rng,
        planted: Planted,
    ) -> (Mint, Option<EpochReason>) {
        let row = disk.and_then(|bytes| postcard::from_bytes::<Row>(bytes).ok());
        let (epoch, counter, reason) = match row {
            Some(Row { epoch, clean: true, .. }) if planted.has(Plant::ReuseADot) => (epoch, 0, None),
            Some(Row { epoch, counter, .. }) if planted.has(Plant::KeepTheEpoch) => (epoch, counter, None),
            Some(_) if planted.has(Plant::EpochPerStart) => (random.u64(..), 0, Some(EpochReason::UncleanStop)),
            Some(Row { epoch, counter, clean: true }) => (epoch, counter, None),
            Some(_) => (random.u64(..), 0, Some(EpochReason::UncleanStop)),
            None if disk.is_some() => (random.u64(..), 0, Some(EpochReason::UncleanStop)),
            None if planted.has(Plant::FixedEpoch) => (1, 0, Some(EpochReason::First)),
            None => (random.u64(..), 0, Some(EpochReason::First)),
        };
        let mint = Mint {
            node,
            epoch,
            counter,
            state: State::Closed,
            planted,
            #[cfg(test)]
            is_planted: false,
        };
        (mint, reason)
    }

    /// For the test of the rule alone: go on where the disk says although it is not clean, and never begin an epoch.
    #[cfg(test)]
    pub(super) fn plant(&mut self, disk: Option<&[u8]>) {
        self.is_planted = true;
        if let Some(row) = disk.and_then(|bytes| postcard::from_bytes::<Row>(bytes).ok()) {
            (self.epoch, self.counter) = (row.epoch, row.counter);
        }
    }

    pub(super) fn is_row(key: &[u8]) -> bool {
        key == ROW
    }

    /// Under which actor the next dot will be.
    pub fn actor(&self) -> Actor {
        Actor { node: self.node, epoch: self.epoch }
    }

    /// Somebody has seen this much: if it is more of ours than we know of, begin a new epoch.
    pub(super) fn watch(&mut self, seen: &VersionVector, random: &mut fastrand::Rng) -> bool {
        let is_foreign = seen.counter(&self.actor()) > self.counter;
        if is_foreign {
            self.begin(random);
        }
        is_foreign
    }

    /// Begin a new epoch; no dot is made before the disk knows it.
    pub(super) fn begin(&mut self, random: &mut fastrand::Rng) {
        if self.planted.has(Plant::ReuseADot) {
            return;
        }
        #[cfg(test)]
        if self.is_planted {
            return;
        }
        (self.epoch, self.counter, self.state) = (random.u64(..), 0, State::Closed);
    }

    /// The row of an epoch that has just begun. It goes to the disk with what forgets the one before it, or a restart
    /// in between would go on under an epoch of which nothing is remembered. Nothing was minted under it yet: it is
    /// clean.
    pub(super) fn begun(&self) -> Option<Op> {
        (self.state == State::Closed).then(|| self.row(true))
    }

    /// Whether a dot may be made.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Whether the row that opens it is on its way.
    pub fn is_opening(&self) -> bool {
        self.state == State::Opening
    }

    /// The row that must be strictly durable before a dot is made.
    pub(super) fn open(&mut self) -> Op {
        self.state = if self.planted.has(Plant::MintBeforeDurable) { State::Open } else { State::Opening };
        self.row(false)
    }

    /// The row is durable.
    pub(super) fn opened(&mut self) {
        if self.state == State::Opening {
            self.state = State::Open;
        }
    }

    /// The disk did not take a row: what it holds is not known.
    pub(super) fn refused(&mut self) {
        self.state = State::Closed;
    }

    /// The next dot.
    pub(super) fn mint(&mut self) -> Dot {
        assert!(self.is_open(), "no dot is made before the disk knows that there may be one");
        let dot = self.next();
        self.counter = dot.counter;
        dot
    }

    /// Which dot the next one is.
    pub(super) fn next(&self) -> Dot {
        Dot { actor: self.actor(), counter: self.counter + 1 }
    }

    /// All minted dots are durable: the row that says so.
    pub(super) fn close(&mut self) -> Op {
        self.state = State::Closed;
        self.row(true)
    }

    fn row(&self, clean: bool) -> Op {
        let row = Row { epoch: self.epoch, counter: self.counter, clean };
        let value = postcard::to_allocvec(&row).expect("three numbers always serialise to a Vec");
        Op { table: Table::Meta, key: ROW.into(), value: Some(value) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restored(disk: Option<&[u8]>, seed: u64) -> (Mint, Option<EpochReason>) {
        Mint::restore(NodeId::from_bytes([1; 16]), disk, &mut fastrand::Rng::with_seed(seed), Planted::default())
    }

    #[test]
    fn a_clean_stop_goes_on_counting_and_an_unclean_one_begins_an_epoch() {
        let (mut mint, why) = restored(None, 1);
        assert_eq!(why, Some(EpochReason::First));
        let unclean = mint.open();
        mint.opened();
        assert_eq!((mint.mint().counter, mint.mint().counter), (1, 2));

        let (crashed, why) = restored(unclean.value.as_deref(), 2);
        assert_eq!(why, Some(EpochReason::UncleanStop));
        assert_ne!(crashed.actor(), mint.actor());

        let (mut closed, why) = restored(mint.close().value.as_deref(), 3);
        assert_eq!((closed.actor(), why, closed.is_open()), (mint.actor(), None, false));
        closed.open();
        closed.opened();
        assert_eq!(closed.mint().counter, 3);
    }

    #[test]
    fn a_dot_of_ours_that_we_do_not_know_begins_an_epoch_which_is_on_disk_before_it_is_used() {
        let (mut mint, _) = restored(None, 1);
        mint.open();
        mint.opened();
        let dot = mint.mint();
        let mut random = fastrand::Rng::with_seed(9);
        assert!(!mint.watch(&VersionVector::from_iter([dot]), &mut random));
        assert!(mint.watch(&VersionVector::from_iter([Dot { counter: 2, ..dot }]), &mut random));
        assert_ne!(mint.actor(), dot.actor);
        assert!(!mint.is_open());
    }

    #[test]
    fn an_epoch_begun_while_the_mint_opens_is_not_opened_by_the_old_row() {
        let (mut mint, _) = restored(None, 1);
        mint.open();
        let foreign = Dot { actor: mint.actor(), counter: 7 };
        mint.watch(&VersionVector::from_iter([foreign]), &mut fastrand::Rng::with_seed(9));
        mint.opened();
        assert!(!mint.is_open());
    }
}
