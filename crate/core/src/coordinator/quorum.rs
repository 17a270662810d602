//! When enough have answered, as a pure accumulator: who was asked, who answered, who cannot.

use alloc::collections::BTreeSet;

use crate::id::NodeId;

/// Answers to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quorum {
    needed: u8,
    waiting: BTreeSet<NodeId>,
    answered: BTreeSet<NodeId>,
    /// Asked, and their answer does not count: they could not answer, or not yet.
    spent: BTreeSet<NodeId>,
}

/// How far a question has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// As many answered as are needed.
    Met,
    /// Not yet, but somebody may still answer.
    Waiting,
    /// Too few, and nobody is left who could still answer.
    Exhausted,
}

impl Quorum {
    /// A question that needs so many answers.
    pub fn new(needed: u8) -> Quorum {
        Quorum { needed, waiting: BTreeSet::new(), answered: BTreeSet::new(), spent: BTreeSet::new() }
    }

    /// This node is asked. Tells false if it was asked before.
    pub fn ask(&mut self, node: NodeId) -> bool {
        !self.answered.contains(&node) && !self.spent.contains(&node) && self.waiting.insert(node)
    }

    /// This node's answer counts. One that was not asked, or answered before, changes nothing.
    pub fn answer(&mut self, node: NodeId) -> bool {
        self.waiting.remove(&node) && self.answered.insert(node)
    }

    /// This node cannot answer, or not yet.
    pub fn fail(&mut self, node: NodeId) -> bool {
        self.waiting.remove(&node) && self.spent.insert(node)
    }

    /// This node, whose answer did not count, is asked once more.
    pub fn ask_again(&mut self, node: NodeId) -> bool {
        self.spent.remove(&node) && self.waiting.insert(node)
    }

    /// How far it has got.
    pub fn progress(&self) -> Progress {
        if self.answered.len() >= usize::from(self.needed) {
            Progress::Met
        } else if self.waiting.is_empty() {
            Progress::Exhausted
        } else {
            Progress::Waiting
        }
    }

    /// How many answers are needed.
    pub fn needed(&self) -> u8 {
        self.needed
    }

    /// Who has answered.
    pub fn answered(&self) -> &BTreeSet<NodeId> {
        &self.answered
    }

    /// Who may still answer.
    pub fn waiting(&self) -> &BTreeSet<NodeId> {
        &self.waiting
    }

    /// Whether this node was asked at all.
    pub fn was_asked(&self, node: NodeId) -> bool {
        self.waiting.contains(&node) || self.answered.contains(&node) || self.spent.contains(&node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn node(seed: u8) -> NodeId {
        NodeId::from_bytes([seed; 16])
    }

    #[test]
    fn a_quorum_is_met_exhausted_or_waiting() {
        use Progress::{Exhausted, Met, Waiting};
        // needed, asked, answered, failed → progress
        type Row = (u8, u8, &'static [u8], &'static [u8], Progress);
        let table: [Row; 8] = [
            (2, 3, &[], &[], Waiting),
            (2, 3, &[0], &[], Waiting),
            (2, 3, &[0, 1], &[], Met),
            (2, 3, &[0, 0], &[], Waiting),
            (2, 3, &[0], &[1, 2], Exhausted),
            (2, 3, &[0, 2], &[1], Met),
            (2, 0, &[], &[], Exhausted),
            (2, 1, &[0, 7], &[], Exhausted),
        ];
        for (needed, asked, answered, failed, expected) in table {
            let mut quorum = Quorum::new(needed);
            (0..asked).for_each(|seed| assert!(quorum.ask(node(seed))));
            answered.iter().for_each(|&seed| {
                quorum.answer(node(seed));
            });
            failed.iter().for_each(|&seed| {
                quorum.fail(node(seed));
            });
            assert_eq!(quorum.progress(), expected, "{needed} of {asked}: {answered:?}, without {failed:?}");
        }
    }

    #[test]
    fn who_has_failed_is_not_asked_again() {
        let mut quorum = Quorum::new(1);
        quorum.ask(node(1));
        quorum.fail(node(1));
        assert!(!quorum.ask(node(1)));
        assert!(quorum.answered().iter().collect::<Vec<_>>().is_empty());
    }
}
