//! Bytes laid side by side, to be hashed: on the stack while they are few.

use alloc::vec::Vec;
use core::ops::Deref;

/// The key and the shape of most objects fit in this.
const FEW: usize = 192;

/// Some bytes.
pub(crate) struct Laid {
    few: [u8; FEW],
    count: usize,
    /// All of them, once they are more.
    many: Vec<u8>,
}

impl Laid {
    pub(crate) const fn new() -> Laid {
        Laid { few: [0; FEW], count: 0, many: Vec::new() }
    }

    #[inline]
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        match self.few.get_mut(self.count..self.count + bytes.len()).filter(|_| self.many.is_empty()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.count += bytes.len();
            }
            None => self.push_one_of_many(bytes),
        }
    }

    fn push_one_of_many(&mut self, bytes: &[u8]) {
        if self.many.is_empty() {
            self.many.extend_from_slice(&self.few[..self.count]);
        }
        self.many.extend_from_slice(bytes);
    }

    /// All that there is, once more.
    pub(crate) fn push_again(&mut self) {
        let (count, few) = (self.count, self.few);
        if self.many.is_empty() { self.push(&few[..count]) } else { self.many.extend_from_within(..) }
    }

    /// A number, seven bits a byte, the lowest first, as postcard writes it.
    pub(crate) fn push_varint(&mut self, mut number: u64) {
        let (mut digits, mut count) = ([0; 10], 0);
        while number >= 0x80 {
            digits[count] = number as u8 | 0x80;
            number >>= 7;
            count += 1;
        }
        digits[count] = number as u8;
        self.push(&digits[..=count]);
    }
}

impl Deref for Laid {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        if self.many.is_empty() { &self.few[..self.count] } else { &self.many }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_laid_side_by_side_is_all_of_it_however_much(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..90), 0..8),
            numbers in prop::collection::vec(any::<u64>(), 0..8),
        ) {
            let mut laid = Laid::new();
            parts.iter().for_each(|part| laid.push(part));
            numbers.iter().for_each(|&number| laid.push_varint(number));
            let written: Vec<u8> = numbers.iter().flat_map(|number| postcard::to_allocvec(number).unwrap()).collect();
            prop_assert_eq!(&laid[..], [parts.concat(), written].concat());
            let before = laid.to_vec();
            laid.push_again();
            prop_assert_eq!(&laid[..], before.repeat(2));
        }
    }
}
