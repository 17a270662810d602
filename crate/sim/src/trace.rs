//! What has come out of any node, as one number, and on request as lines for people.
//!
//! The number is taken from the bytes of frames and batches as they are, not from a printed form, which would take
//! longer than the nodes themselves.

use std::fmt::Debug;

use roundtable_core::node::Output;
use roundtable_core::time::Instant;

/// A hash of outputs in their order, with their lines if they are kept.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    hash: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    /// From now on, keep a line for each output.
    pub fn keep_lines(&mut self) {
        self.lines = Some(Vec::new());
    }

    /// The lines kept since the last call.
    pub fn take_lines(&mut self) -> Vec<String> {
        self.lines.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The number.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// An output of a node.
    pub fn add(&mut self, now: Instant, at: usize, output: &Output) {
        self.number(now.0);
        self.number(at as u64);
        match output {
            Output::Send { to, lane, bytes } => {
                self.number(1 + *lane as u64);
                self.bytes(to.as_bytes());
                self.bytes(bytes);
            }
            Output::Persist { id, batch } => {
                self.number(10);
                self.number(id.0);
                for op in &batch.ops {
                    self.number(op.table as u64);
                    self.bytes(&op.key);
                    self.bytes(op.value.as_deref().unwrap_or_default());
                }
            }
            Output::Dial(id) => self.bytes(id.as_bytes()),
            other => self.text(other),
        }
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{} {at} {output:?}", now.0));
        }
    }

    fn text(&mut self, what: &impl Debug) {
        self.bytes(format!("{what:?}").as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.number(u64::from_le_bytes(word.try_into().expect("eight bytes")));
        }
        let rest = words.remainder().iter().fold(0, |rest, &byte| rest << 8 | u64::from(byte));
        self.number(rest);
    }

    /// Two multiplications and a shift a word (the finish of MurmurHash3): every bit of it changes all of the hash.
    fn number(&mut self, number: u64) {
        let mixed = (self.hash ^ number).wrapping_mul(0xff51_afd7_ed55_8ccd);
        self.hash = (mixed ^ mixed >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53).rotate_left(29);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use roundtable_core::id::NodeId;
    use roundtable_core::node::Lane;

    fn hash(now: u64, at: usize, lane: Lane, bytes: &[u8]) -> u64 {
        let mut trace = Trace::default();
        let to = NodeId::from_bytes([1; 16]);
        trace.add(Instant(now), at, &Output::Send { to, lane, bytes: bytes.to_vec() });
        trace.hash()
    }

    #[test]
    fn whatever_differs_changes_the_number() {
        let first = hash(1, 0, Lane::Bulk, b"123456789");
        assert_eq!(first, hash(1, 0, Lane::Bulk, b"123456789"));
        for other in [
            hash(2, 0, Lane::Bulk, b"123456789"),
            hash(1, 1, Lane::Bulk, b"123456789"),
            hash(1, 0, Lane::Control, b"123456789"),
            hash(1, 0, Lane::Bulk, b"123456780"),
            hash(1, 0, Lane::Bulk, b"123456789\0"),
            hash(1, 0, Lane::Bulk, b"023456789"),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn lines_are_kept_on_request() {
        let mut trace = Trace::default();
        let dial = Output::Dial(NodeId::from_bytes([1; 16]));
        trace.add(Instant(1), 0, &dial);
        assert!(trace.take_lines().is_empty());
        trace.keep_lines();
        trace.add(Instant(7), 3, &dial);
        let lines = trace.take_lines();
        assert!(lines[0].starts_with("7 3 Dial("), "{lines:?}");
    }
}
