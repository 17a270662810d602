//! The key of an object: a bucket and a name in it, as one byte string.
//!
//! The bytes are the bucket's length, the bucket, the name, both UTF-8. A `Key` can only be made through checks, so the
//! rest of the core never meets one that is too long or not text.

use alloc::string::String;
use core::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use super::{SHORT_BYTES_MAX, ShortBytes};

/// The longest bucket and the longest name, in UTF-8 bytes, taken together.
pub const KEY_BYTES_MAX: usize = 1024;
/// The longest bucket alone: its length travels in one byte.
const BUCKET_BYTES_MAX: usize = 255;

/// Where an object is kept: `(bucket, name)`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(ShortBytes);

/// Why a key was refused. Nothing was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// The bucket's name is empty, or longer than 255 UTF-8 bytes.
    Bucket,
    /// Bucket and name together are longer than [`KEY_BYTES_MAX`].
    TooLong(usize),
    /// The bytes are not a key: the length is wrong or the text is not UTF-8.
    Malformed,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::Bucket => write!(f, "a bucket's name has 1 to {BUCKET_BYTES_MAX} UTF-8 bytes"),
            KeyError::TooLong(n) => {
                write!(f, "bucket and key together have {n} UTF-8 bytes; at most {KEY_BYTES_MAX} are allowed")
            }
            KeyError::Malformed => write!(f, "the bytes are not a key"),
        }
    }
}

impl core::error::Error for KeyError {}

impl Key {
    /// The key of `name` in `bucket`. An empty name is allowed, an empty bucket is not.
    pub fn new(bucket: &str, name: &str) -> Result<Key, KeyError> {
        let prefix = check(bucket, name)?;
        let mut bytes: SmallVec<[u8; SHORT_BYTES_MAX]> = SmallVec::new();
        bytes.push(prefix);
        bytes.extend_from_slice(bucket.as_bytes());
        bytes.extend_from_slice(name.as_bytes());
        Ok(Key(ShortBytes::from(&bytes[..])))
    }

    /// Read a key back from its bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Key, KeyError> {
        let (&prefix, rest) = bytes.split_first().ok_or(KeyError::Malformed)?;
        let (bucket, name) = rest.split_at_checked(usize::from(prefix)).ok_or(KeyError::Malformed)?;
        let text = |part| core::str::from_utf8(part).map_err(|_| KeyError::Malformed);
        check(text(bucket)?, text(name)?)?;
        // They are the very bytes that are kept.
        Ok(Key(bytes.into()))
    }

    /// The bytes: what is hashed, stored and sent.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name of its row on the disk: its bytes.
    pub fn row(&self) -> ShortBytes {
        self.0.clone()
    }

    /// The bucket.
    pub fn bucket(&self) -> &str {
        self.parts().0
    }

    /// The name within its bucket.
    pub fn name(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        let (bucket, name) = self.0[1..].split_at(usize::from(self.0[0]));
        let text = |part| core::str::from_utf8(part).expect("checked when the key was made");
        (text(bucket), text(name))
    }
}

/// A bucket, or the names of one that begin alike: what a user wants kept here. It is written as the key that would
/// have the beginning for a name, so a key is one of them exactly when its bytes begin with these.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pin(Key);

impl Pin {
    /// All keys of a bucket that begin with `prefix`; with an empty one, all there are.
    pub fn new(bucket: &str, prefix: &str) -> Result<Pin, KeyError> {
        Key::new(bucket, prefix).map(Pin)
    }

    /// Read one back from its bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Pin, KeyError> {
        Key::from_bytes(bytes).map(Pin)
    }

    /// The bytes: what is stored and sent.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The bucket.
    pub fn bucket(&self) -> &str {
        self.0.bucket()
    }

    /// What the names begin with.
    pub fn prefix(&self) -> &str {
        self.0.name()
    }

    /// Whether all that another pin names is named by this one.
    pub fn covers(&self, other: &Pin) -> bool {
        other.as_bytes().starts_with(self.as_bytes())
    }

    /// Whether a key is one of these.
    pub fn names(&self, key: &Key) -> bool {
        key.as_bytes().starts_with(self.as_bytes())
    }
}

/// Whether a bucket and a name make a key; the first byte of it.
fn check(bucket: &str, name: &str) -> Result<u8, KeyError> {
    let length = bucket.len() + name.len();
    if length > KEY_BYTES_MAX {
        return Err(KeyError::TooLong(length));
    }
    u8::try_from(bucket.len()).ok().filter(|&n| n > 0).ok_or(KeyError::Bucket)
}

// As bytes, which are copied at once, and not as a sequence of numbers.
impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_bytes(KeyVisitor)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of a key")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Key, E> {
        Key::from_bytes(bytes).map_err(E::custom)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bucket, name) = self.parts();
        f.write_str(&String::from_iter([bucket, "/", name]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_from_its_bytes() {
        let key = Key::new("carts", "älice").unwrap();
        assert_eq!(Key::from_bytes(key.as_bytes()), Ok(key.clone()));
        assert_eq!((key.bucket(), key.name()), ("carts", "älice"));
    }

    #[test]
    fn a_pin_names_the_keys_of_its_bucket_that_begin_so() {
        let key = |bucket, name| Key::new(bucket, name).unwrap();
        let pin = Pin::new("carts", "al").unwrap();
        assert!(pin.names(&key("carts", "al")) && pin.names(&key("carts", "alice")));
        assert!(
            !pin.names(&key("carts", "a")) && !pin.names(&key("cart", "salice")) && !pin.names(&key("cartsal", ""))
        );
        assert!(Pin::new("carts", "").unwrap().names(&key("carts", "")));
        assert_eq!(Pin::from_bytes(pin.as_bytes()), Ok(pin));
        assert_eq!(Pin::new("", "al"), Err(KeyError::Bucket));
    }

    #[test]
    fn bytes_that_are_no_key_are_refused() {
        assert_eq!(Key::from_bytes(&[]), Err(KeyError::Malformed));
        assert_eq!(Key::from_bytes(&[5, b'a']), Err(KeyError::Malformed));
        assert_eq!(Key::from_bytes(&[1, 0xff, b'a']), Err(KeyError::Malformed));
        assert_eq!(Key::new("", "a"), Err(KeyError::Bucket));
        assert_eq!(Key::new("b", &"k".repeat(1024)), Err(KeyError::TooLong(1025)));
    }
}
