//! A byte string that does not change and is mostly short: the names of rows and of keys.
//!
//! Up to [`SHORT_BYTES_MAX`] bytes lie in the value itself, so that to copy it, to compare it and to read it follows no
//! pointer and allocates nothing; what is longer is shared. The order is that of the bytes either way.
//!
//! Invariant: what fits lies in the value, and the bytes after it are zero, so equal strings have equal forms.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::Deref;

/// The longest that lies in the value itself.
pub const SHORT_BYTES_MAX: usize = 22;

/// A byte string that does not change.
#[derive(Clone, PartialEq, Eq)]
pub struct ShortBytes(Form);

#[derive(Clone, PartialEq, Eq)]
enum Form {
    /// The bytes, zeros, and in the last place how many there are.
    Short([u8; SHORT_BYTES_MAX + 1]),
    Long(Arc<[u8]>),
}

/// In the order of the bytes: those of the shorter of two come first only where they begin the longer one, which the
/// zeros and then the lengths decide.
fn order(short: &[u8; SHORT_BYTES_MAX + 1]) -> (u128, u64) {
    let (mut first, mut last) = ([0; 16], [0; 8]);
    first.copy_from_slice(&short[..16]);
    last.copy_from_slice(&short[SHORT_BYTES_MAX + 1 - 8..]);
    (u128::from_be_bytes(first), u64::from_be_bytes(last))
}

impl From<&[u8]> for ShortBytes {
    fn from(bytes: &[u8]) -> ShortBytes {
        if bytes.len() > SHORT_BYTES_MAX {
            return ShortBytes(Form::Long(bytes.into()));
        }
        let mut short = [0; SHORT_BYTES_MAX + 1];
        short[..bytes.len()].copy_from_slice(bytes);
        short[SHORT_BYTES_MAX] = bytes.len() as u8;
        ShortBytes(Form::Short(short))
    }
}

impl From<Vec<u8>> for ShortBytes {
    fn from(bytes: Vec<u8>) -> ShortBytes {
        ShortBytes::from(&bytes[..])
    }
}

impl Deref for ShortBytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Form::Short(short) => &short[..usize::from(short[SHORT_BYTES_MAX])],
            Form::Long(bytes) => bytes,
        }
    }
}

impl Ord for ShortBytes {
    #[inline]
    fn cmp(&self, other: &ShortBytes) -> Ordering {
        match (&self.0, &other.0) {
            (Form::Short(one), Form::Short(other)) => order(one).cmp(&order(other)),
            _ => (**self).cmp(other),
        }
    }
}

impl PartialOrd for ShortBytes {
    fn partial_cmp(&self, other: &ShortBytes) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for ShortBytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for ShortBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bytes of few kinds, so that many begin alike, around the longest that is short.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let length = prop_oneof![0..4usize, 14..19usize, SHORT_BYTES_MAX - 2..SHORT_BYTES_MAX + 4, 100..103usize];
        length.prop_flat_map(|length| {
            let tail = prop::collection::vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], length.min(3));
            tail.prop_map(move |tail| [alloc::vec![0; length - tail.len()], tail].concat())
        })
    }

    proptest! {
        #[test]
        fn it_is_equal_and_ordered_as_its_bytes_are(one in bytes(), other in bytes()) {
            let (short, also) = (ShortBytes::from(&one[..]), ShortBytes::from(&other[..]));
            prop_assert_eq!(&short[..], &one[..]);
            prop_assert_eq!(short == also, one == other);
            prop_assert_eq!(short.cmp(&also), one.cmp(&other));
        }
    }

    #[test]
    fn it_is_no_larger_than_a_vec() {
        assert_eq!(size_of::<ShortBytes>(), 24);
        assert_eq!(size_of::<Option<ShortBytes>>(), 24);
    }
}
