//! What a write leaves at a key: the value's bytes, and what is said of them for all replicas to go by.
//!
//! A version may carry the wall time at which it expires. It is absolute and part of the version, so whoever brings a
//! copy from wherever brings the expiry with it (see [`Version::is_over`]). It may carry a [`Stamp`] of the hybrid
//! clock, which makes it a last-write-wins value (see `law`). Neither ever decides what supersedes what: that is the
//! dots' business alone, so that all replicas agree whatever their clocks say.
//!
//! A version is a whole value, or a part of one: what a writer has added to a counter, an item of a set, a field of a
//! map (see [`super::Edit`]). So each object carries its type.
//!
//! A plain value costs one byte more than its payload, on the wire and on the disk.

use alloc::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Stamp;
use crate::clock::Siblings;
use crate::time::WallTime;

/// An encoded value, shared: the core never looks inside.
pub type Payload = Arc<[u8]>;
/// All that is known of one key.
pub type Object = Siblings<Version>;

/// The most that a version takes beside its payload, in bytes: its dot's place and counter, the payload's length, an
/// expiry, a stamp, and what it is a part of.
const BESIDE_BYTES_MAX: usize = 3 + 10 + 1 + 5 + 10 + 10 + 5 + 3;

/// What a version's payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum Part {
    /// All of a value.
    #[default]
    Whole,
    /// A number: what one writer has added to a counter.
    Amount,
    /// A value: one item of a set.
    Item,
    /// A name, with its length before it, and a value: one field of a map.
    Field,
}

/// One write's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Form", into = "Form")]
pub struct Version {
    /// The value.
    pub payload: Payload,
    /// When it is no longer to be shown.
    pub expires: Option<WallTime>,
    /// When it was written, by the hybrid clock of the node that wrote it: for a last-write-wins value.
    pub stamp: Option<Stamp>,
    /// What its payload is.
    pub part: Part,
}

impl Version {
    /// A value that stays until it is superseded.
    pub fn plain(payload: Payload) -> Version {
        Version { payload, expires: None, stamp: None, part: Part::Whole }
    }

    /// Whether it is one of [`Version::plain`].
    pub fn is_plain(&self) -> bool {
        let Version { payload: _, expires, stamp, part } = self;
        expires.is_none() && stamp.is_none() && *part == Part::Whole
    }

    /// The most that it takes in an object, in bytes.
    pub fn size(&self) -> usize {
        self.payload.len() + BESIDE_BYTES_MAX
    }

    /// Whether it has expired. A node that does not know the time, or does not trust its clock, lets nothing expire.
    pub fn is_over(&self, wall: Option<WallTime>) -> bool {
        self.expires.zip(wall).is_some_and(|(expires, wall)| expires <= wall)
    }
}

/// The stored and sent form: its discriminant says in one byte what follows the payload.
#[derive(Serialize, Deserialize)]
enum Form {
    Plain(#[serde(with = "payload")] Payload),
    Expiring(#[serde(with = "payload")] Payload, WallTime),
    Stamped(#[serde(with = "payload")] Payload, Stamp),
    ExpiringStamped(#[serde(with = "payload")] Payload, WallTime, Stamp),
    Part(Part, #[serde(with = "payload")] Payload, Option<WallTime>, Option<Stamp>),
}

/// A payload as bytes, which are copied at once, and not as a sequence of numbers.
mod payload {
    use core::fmt;

    use serde::de::{Deserializer, Error, Visitor};
    use serde::ser::Serializer;

    use super::Payload;

    struct Bytes;

    impl Visitor<'_> for Bytes {
        type Value = Payload;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the bytes of a value")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Payload, E> {
            Ok(bytes.into())
        }
    }

    pub(super) fn serialize<S: Serializer>(payload: &Payload, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(payload)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Payload, D::Error> {
        deserializer.deserialize_bytes(Bytes)
    }
}

impl From<Version> for Form {
    fn from(Version { payload, expires, stamp, part }: Version) -> Form {
        match (part, expires, stamp) {
            (Part::Whole, None, None) => Form::Plain(payload),
            (Part::Whole, Some(expires), None) => Form::Expiring(payload, expires),
            (Part::Whole, None, Some(stamp)) => Form::Stamped(payload, stamp),
            (Part::Whole, Some(expires), Some(stamp)) => Form::ExpiringStamped(payload, expires, stamp),
            (part, expires, stamp) => Form::Part(part, payload, expires, stamp),
        }
    }
}

impl From<Form> for Version {
    fn from(form: Form) -> Version {
        let (part, payload, expires, stamp) = match form {
            Form::Plain(payload) => (Part::Whole, payload, None, None),
            Form::Expiring(payload, expires) => (Part::Whole, payload, Some(expires), None),
            Form::Stamped(payload, stamp) => (Part::Whole, payload, None, Some(stamp)),
            Form::ExpiringStamped(payload, expires, stamp) => (Part::Whole, payload, Some(expires), Some(stamp)),
            Form::Part(part, payload, expires, stamp) => (part, payload, expires, stamp),
        };
        Version { payload, expires, stamp, part }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_back_and_a_plain_one_costs_one_byte_more_than_its_payload() {
        let payload: Payload = alloc::vec![7; 100].into();
        let bytes = |version: &Version| postcard::to_allocvec(version).unwrap();
        for part in [Part::Whole, Part::Amount, Part::Item, Part::Field] {
            for expires in [None, Some(WallTime(5))] {
                for stamp in [None, Some(Stamp { wall: WallTime(6), count: 7 })] {
                    let version = Version { payload: payload.clone(), expires, stamp, part };
                    assert_eq!(postcard::from_bytes::<Version>(&bytes(&version)), Ok(version));
                }
            }
        }
        let alone = postcard::to_allocvec(&payload).unwrap();
        assert_eq!(bytes(&Version::plain(payload)).len(), alone.len() + 1);
    }

    #[test]
    fn no_version_takes_more_of_an_object_than_its_size() {
        let stamp = Some(Stamp { wall: WallTime(u64::MAX), count: u32::MAX });
        for part in [Part::Whole, Part::Field] {
            let expires = Some(WallTime(u64::MAX));
            let version = Version { payload: alloc::vec![7; 70_000].into(), expires, stamp, part };
            let stored = postcard::to_allocvec(&(u16::MAX, u64::MAX, version.clone())).unwrap();
            assert!(stored.len() <= version.size(), "{} of {}", stored.len(), version.size());
        }
    }

    #[test]
    fn a_version_is_over_from_its_expiry_on_and_never_by_a_clock_that_is_not_trusted() {
        let version = Version { expires: Some(WallTime(5)), ..Version::plain([].into()) };
        let over = [None, Some(4), Some(5), Some(6)].map(|wall| version.is_over(wall.map(WallTime)));
        assert_eq!(over, [false, false, true, true]);
        assert!(!Version::plain([].into()).is_over(Some(WallTime(u64::MAX))));
    }
}
