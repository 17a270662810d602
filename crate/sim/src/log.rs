//! A list that only grows at its end, and whose copies share what they have in common.
//!
//! The lab keeps dozens of copies of a world, and what tabs have told of is the same in all of them but for its end. So
//! the list is cut into full blocks that are never changed again, which copies share, and an open one.

use std::ops::Index;
use std::rc::Rc;

/// How many items a block has.
const BLOCK: usize = 64;

/// The list.
#[derive(Debug, Clone)]
pub struct Log<T> {
    blocks: Vec<Rc<[T]>>,
    open: Vec<T>,
}

impl<T> Default for Log<T> {
    fn default() -> Log<T> {
        Log { blocks: Vec::new(), open: Vec::new() }
    }
}

impl<T> Log<T> {
    /// One more.
    pub fn push(&mut self, item: T) {
        self.open.push(item);
        if self.open.len() == BLOCK {
            self.blocks.push(std::mem::take(&mut self.open).into());
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.blocks.len() * BLOCK + self.open.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One of them.
    pub fn get(&self, index: usize) -> Option<&T> {
        match self.blocks.get(index / BLOCK) {
            Some(block) => block.get(index % BLOCK),
            None => self.open.get(index - self.blocks.len() * BLOCK),
        }
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.blocks.iter().flat_map(|block| block.iter()).chain(&self.open)
    }

    /// Those from this one on.
    pub fn from(&self, index: usize) -> impl Iterator<Item = &T> {
        (index..self.len()).filter_map(|index| self.get(index))
    }

    /// The last.
    pub fn last(&self) -> Option<&T> {
        self.len().checked_sub(1).and_then(|last| self.get(last))
    }
}

impl<T> Index<usize> for Log<T> {
    type Output = T;

    fn index(&self, index: usize) -> &T {
        self.get(index).expect("there are so many")
    }
}

impl<'a, T> IntoIterator for &'a Log<T> {
    type Item = &'a T;
    type IntoIter = Box<dyn Iterator<Item = &'a T> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list_over_the_ends_of_blocks() {
        let mut log = Log::default();
        for number in 0..3 * BLOCK + 1 {
            assert_eq!((log.len(), log.last().copied()), (number, number.checked_sub(1)));
            log.push(number);
        }
        let copy = log.clone();
        log.push(999);
        assert_eq!(copy.iter().copied().collect::<Vec<_>>(), (0..3 * BLOCK + 1).collect::<Vec<_>>());
        assert_eq!(copy.iter().next_back(), Some(&(3 * BLOCK)));
        assert_eq!(log.from(3 * BLOCK).copied().collect::<Vec<_>>(), [3 * BLOCK, 999]);
        assert_eq!((log.get(5 * BLOCK), copy.from(500).count()), (None, 0));
        assert!(Rc::ptr_eq(&log.blocks[1], &copy.blocks[1]), "what they have in common is shared");
    }
}
