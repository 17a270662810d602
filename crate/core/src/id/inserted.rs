//! Sets and maps of few, made by insertion.
//!
//! `collect` into a B-tree sorts first, which pays for thousands. The code of a sort is ten kilobytes of wasm for each
//! type that is sorted, and a page waits for every one of them: sets of members are too small to be worth that.

/// An iterator whose items end in a set or a map.
pub(crate) trait Inserted: Iterator + Sized {
    /// As `collect`: of equal keys the last one stays.
    fn inserted<C: Default + Extend<Self::Item>>(self) -> C {
        let mut all = C::default();
        all.extend(self);
        all
    }
}

impl<I: Iterator> Inserted for I {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::{BTreeMap, BTreeSet};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_what_collect_makes_of_it(pairs in prop::collection::vec((0u8..8, any::<u8>()), 0..20)) {
            let map: BTreeMap<u8, u8> = pairs.iter().copied().inserted();
            prop_assert_eq!(map, pairs.iter().copied().collect::<BTreeMap<_, _>>());
            let set: BTreeSet<u8> = pairs.iter().map(|(key, _)| *key).inserted();
            prop_assert_eq!(set, pairs.iter().map(|(key, _)| *key).collect::<BTreeSet<_>>());
        }
    }
}
