//! A few nodes: those who were asked for one key, mostly N, in the order of their ids and without an allocation.

use smallvec::SmallVec;

use crate::id::NodeId;

/// Some nodes, each once.
#[derive(Debug, Clone, Default)]
pub(super) struct Nodes(SmallVec<[NodeId; 3]>);

impl Nodes {
    pub(super) fn contains(&self, node: &NodeId) -> bool {
        self.0.contains(node)
    }

    /// Tells whether it is new.
    pub(super) fn insert(&mut self, node: NodeId) -> bool {
        match self.0.binary_search(&node) {
            Ok(_) => false,
            Err(place) => {
                self.0.insert(place, node);
                true
            }
        }
    }

    /// Tells whether it was there.
    pub(super) fn remove(&mut self, node: &NodeId) -> bool {
        let place = self.0.binary_search(node);
        place.is_ok_and(|place| self.0.remove(place) == *node)
    }

    pub(super) fn retain(&mut self, mut is_wanted: impl FnMut(&NodeId) -> bool) {
        self.0.retain(|node| is_wanted(node));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = NodeId> + '_ {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_few_nodes_are_a_set(steps in prop::collection::vec((0u8..6, any::<bool>()), 0..40)) {
            let (mut few, mut set) = (Nodes::default(), BTreeSet::new());
            for (byte, is_insert) in steps {
                let node = NodeId::from_bytes([byte; 16]);
                if is_insert {
                    prop_assert_eq!(few.insert(node), set.insert(node));
                } else {
                    prop_assert_eq!(few.remove(&node), set.remove(&node));
                }
                prop_assert!(few.iter().eq(set.iter().copied()) && few.is_empty() == set.is_empty());
                prop_assert_eq!(few.contains(&node), set.contains(&node));
            }
            few.retain(|node| node.as_bytes()[0] % 2 == 0);
            set.retain(|node| node.as_bytes()[0] % 2 == 0);
            prop_assert!(few.iter().eq(set.iter().copied()));
        }
    }
}
