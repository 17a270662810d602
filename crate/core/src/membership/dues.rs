//! What falls due when, of one member and of all: kept up with each that changes, since it is asked with every event
//! when the first one does.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::id::{Inserted, NodeId};

/// For whom something falls due, and when.
#[derive(Debug, Clone)]
pub(super) struct Dues<T> {
    of: BTreeMap<NodeId, T>,
    order: BTreeSet<(T, NodeId)>,
}

impl<T> Default for Dues<T> {
    fn default() -> Dues<T> {
        Dues { of: BTreeMap::new(), order: BTreeSet::new() }
    }
}

impl<T: Copy + Ord> Dues<T> {
    /// For this one it falls due then; `None`: not as things are.
    pub(super) fn file(&mut self, id: NodeId, due: Option<T>) {
        let before = match due {
            Some(due) => self.of.insert(id, due),
            None => self.of.remove(&id),
        };
        if before != due {
            before.map(|before| self.order.remove(&(before, id)));
            due.map(|due| self.order.insert((due, id)));
        }
    }

    /// When the first one does.
    pub(super) fn first(&self) -> Option<T> {
        self.order.first().map(|(due, _)| *due)
    }

    /// For whom it does until then.
    pub(super) fn until(&self, now: T) -> BTreeSet<NodeId> {
        self.order.iter().take_while(|(due, _)| *due <= now).map(|(_, id)| *id).inserted()
    }

    /// All of them, in the order of their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = (NodeId, T)> {
        self.of.iter().map(|(id, due)| (*id, *due))
    }
}

impl<T: Copy + Ord> FromIterator<(NodeId, T)> for Dues<T> {
    fn from_iter<I: IntoIterator<Item = (NodeId, T)>>(dues: I) -> Dues<T> {
        let of: BTreeMap<NodeId, T> = dues.into_iter().inserted();
        let order = of.iter().map(|(id, due)| (*due, *id)).inserted();
        Dues { of, order }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn one_is_filed_where_it_was_filed_last() {
        let id = |first| NodeId::from_bytes([first; 16]);
        let mut dues: Dues<u64> = [(id(1), 30), (id(2), 10), (id(3), 20)].into_iter().collect();
        assert_eq!((dues.first(), dues.until(20).into_iter().collect::<Vec<_>>()), (Some(10), [id(2), id(3)].into()));
        dues.file(id(2), Some(40));
        dues.file(id(3), None);
        dues.file(id(4), None);
        assert_eq!((dues.first(), dues.until(20).len()), (Some(30), 0));
        assert!(dues.iter().eq([(id(1), 30), (id(2), 40)]));
    }
}
