//! Where encoded bytes go: a `Vec` that has room for them from the start.
//!
//! Postcard's own flavours begin with nothing and grow byte by byte, or append through an iterator; identities are
//! written a byte at a time, so what one byte costs is what a frame costs. The bytes are postcard's either way.

use alloc::vec::Vec;

use serde::Serialize;

struct Buffer(Vec<u8>);

impl postcard::ser_flavors::Flavor for Buffer {
    type Output = Vec<u8>;

    #[inline]
    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    #[inline]
    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.0.push(data);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Vec<u8>> {
        Ok(self.0)
    }
}

/// Append a value to these bytes.
pub(crate) fn append(value: &(impl Serialize + ?Sized), bytes: Vec<u8>) -> Vec<u8> {
    postcard::serialize_with_flavor(value, Buffer(bytes)).expect("our types always serialise to a Vec")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_what_postcard_writes() {
        let value = (7u64, "text", [1u8, 2, 3], Some(300u32), alloc::vec![9u8; 40]);
        let bytes = append(&value, alloc::vec![1]);
        assert_eq!(bytes, postcard::to_extend(&value, alloc::vec![1]).unwrap());
    }
}
