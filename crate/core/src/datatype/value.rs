//! The values an application stores: JSON, plus byte strings, in one canonical encoding.
//!
//! Canonical: equal values have equal bytes on every node (a map's fields are in the order of their UTF-8 bytes, every
//! number has one form), so equality needs no decoding. Bytes from a peer are decoded with a limit on depth and never
//! allocate more than their own length suggests. The tags below are the format; they may be added to, never changed.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// How deep lists and maps may nest. Deeper ones are refused: they are cycles more often than data.
pub const DEPTH_MAX: usize = 64;

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INTEGER: u8 = 3;
const FLOAT: u8 = 4;
const TEXT: u8 = 5;
const BYTES: u8 = 6;
const LIST: u8 = 7;
const MAP: u8 = 8;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing, deliberately.
    Null,
    /// True or false.
    Bool(bool),
    /// A finite number. Never NaN nor infinite.
    Number(f64),
    /// Text.
    Text(String),
    /// A byte string.
    Bytes(Vec<u8>),
    /// Values in order.
    List(Vec<Value>),
    /// Values by name.
    Map(Vec<(String, Value)>),
}

/// Why bytes are not a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueError {
    /// They end early, go on too long, or hold an unknown tag, a NaN, or text that is not UTF-8.
    Malformed,
    /// They nest deeper than [`DEPTH_MAX`].
    TooDeep,
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueError::Malformed => f.write_str("the bytes are not a value"),
            ValueError::TooDeep => write!(f, "the value nests deeper than {DEPTH_MAX}"),
        }
    }
}

impl core::error::Error for ValueError {}

impl Value {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_into(&mut out);
        out
    }

    fn encode_into(&self, out: &mut Vec<u8>) {
        match self {
            Value::Null => out.push(NULL),
            Value::Bool(false) => out.push(FALSE),
            Value::Bool(true) => out.push(TRUE),
            Value::Number(number) => encode_number(*number, out),
            Value::Text(text) => encode_run(TEXT, text.as_bytes(), out),
            Value::Bytes(bytes) => encode_run(BYTES, bytes, out),
            Value::List(items) => {
                out.push(LIST);
                encode_length(items.len() as u64, out);
                items.iter().for_each(|item| item.encode_into(out));
            }
            Value::Map(fields) => {
                let mut sorted: Vec<&(String, Value)> = fields.iter().collect();
                sorted.sort_by(|a, b| a.0.cmp(&b.0));
                out.push(MAP);
                encode_length(sorted.len() as u64, out);
                for (name, value) in sorted {
                    encode_length(name.len() as u64, out);
                    out.extend_from_slice(name.as_bytes());
                    value.encode_into(out);
                }
            }
        }
    }

    /// Read a value back; all of `bytes` must be it.
    pub fn decode(bytes: &[u8]) -> Result<Value, ValueError> {
        let mut reader = Reader { bytes };
        let value = reader.value(0)?;
        if reader.bytes.is_empty() { Ok(value) } else { Err(ValueError::Malformed) }
    }
}

/// Whether bytes are a value that a list or a map may hold.
pub(super) fn is_inner(bytes: &[u8]) -> bool {
    let mut reader = Reader { bytes };
    reader.value(1).is_ok() && reader.bytes.is_empty()
}

/// The canonical bytes of a list of values, given as theirs.
pub(super) fn list_of<'a>(items: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = alloc::vec![LIST];
    encode_length(items.len() as u64, &mut out);
    items.for_each(|item| out.extend_from_slice(item));
    out
}

/// The canonical bytes of a map, of names in the order of their bytes and of values, given as theirs.
pub(super) fn map_of<'a>(fields: impl ExactSizeIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut out = alloc::vec![MAP];
    encode_length(fields.len() as u64, &mut out);
    fields.for_each(|(name, value)| encode_field(name, value, &mut out));
    out
}

/// One field of a map, with the bytes of its value.
pub(super) fn encode_field(name: &str, value: &[u8], out: &mut Vec<u8>) {
    encode_length(name.len() as u64, out);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(value);
}

/// The name and the bytes of the value of one field, if they are such.
pub(super) fn decode_field(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let mut reader = Reader { bytes };
    let name = core::str::from_utf8(reader.run().ok()?).ok()?;
    is_inner(reader.bytes).then_some((name, reader.bytes))
}

/// Integers that a float holds exactly travel as zigzag varints, all else as eight bytes. Minus zero is a float.
fn encode_number(number: f64, out: &mut Vec<u8>) {
    const EXACT: f64 = 9_007_199_254_740_991.0;
    let whole = number as i64;
    if whole as f64 == number && (-EXACT..=EXACT).contains(&number) && !(whole == 0 && number.is_sign_negative()) {
        out.push(INTEGER);
        encode_length(((whole << 1) ^ (whole >> 63)) as u64, out);
    } else {
        out.push(FLOAT);
        out.extend_from_slice(&number.to_le_bytes());
    }
}

fn encode_run(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    encode_length(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn encode_length(mut length: u64, out: &mut Vec<u8>) {
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], ValueError> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(ValueError::Malformed)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, ValueError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(ValueError::Malformed);
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(ValueError::Malformed)
    }

    /// A length that what is left could hold, each item taking at least one byte.
    fn length(&mut self) -> Result<usize, ValueError> {
        let length = usize::try_from(self.varint()?).map_err(|_| ValueError::Malformed)?;
        if length <= self.bytes.len() { Ok(length) } else { Err(ValueError::Malformed) }
    }

    fn run(&mut self) -> Result<&'a [u8], ValueError> {
        let length = self.length()?;
        self.take(length)
    }

    fn text(&mut self) -> Result<String, ValueError> {
        let text = core::str::from_utf8(self.run()?).map_err(|_| ValueError::Malformed)?;
        Ok(text.into())
    }

    fn value(&mut self, depth: usize) -> Result<Value, ValueError> {
        if depth > DEPTH_MAX {
            return Err(ValueError::TooDeep);
        }
        Ok(match self.take(1)?[0] {
            NULL => Value::Null,
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            INTEGER => {
                let zigzag = self.varint()?;
                Value::Number(((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64)) as f64)
            }
            FLOAT => {
                let bytes = self.take(8)?.try_into().map_err(|_| ValueError::Malformed)?;
                let number = f64::from_le_bytes(bytes);
                if !number.is_finite() {
                    return Err(ValueError::Malformed);
                }
                Value::Number(number)
            }
            TEXT => Value::Text(self.text()?),
            BYTES => Value::Bytes(self.run()?.to_vec()),
            LIST => {
                let count = self.length()?;
                let mut items = Vec::new();
                for _ in 0..count {
                    items.push(self.value(depth + 1)?);
                }
                Value::List(items)
            }
            MAP => {
                let count = self.length()?;
                let mut fields = Vec::new();
                for _ in 0..count {
                    fields.push((self.text()?, self.value(depth + 1)?));
                }
                Value::Map(fields)
            }
            _ => return Err(ValueError::Malformed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Value::Number),
            any::<i32>().prop_map(|n| Value::Number(f64::from(n))),
            ".{0,8}".prop_map(Value::Text),
            prop::collection::vec(any::<u8>(), 0..8).prop_map(Value::Bytes),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                prop::collection::btree_map(".{0,4}", inner, 0..4)
                    .prop_map(|map| Value::Map(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_value_is_read_back_from_its_bytes(value in values()) {
            prop_assert_eq!(Value::decode(&value.encode()), Ok(value));
        }

        #[test]
        fn bytes_of_any_kind_are_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(value) = Value::decode(&bytes) {
                prop_assert!(Value::decode(&value.encode()).is_ok());
            }
        }
    }

    #[test]
    fn the_order_of_fields_does_not_matter() {
        let (a, b) = ((String::from("a"), Value::Null), (String::from("b"), Value::Bool(true)));
        assert_eq!(Value::Map(vec![a.clone(), b.clone()]).encode(), Value::Map(vec![b, a]).encode());
    }

    #[test]
    fn a_tower_of_lists_is_too_deep_rather_than_a_crash() {
        let mut bytes = vec![];
        for _ in 0..100_000 {
            bytes.extend_from_slice(&[LIST, 1]);
        }
        assert_eq!(Value::decode(&bytes), Err(ValueError::TooDeep));
    }

    #[test]
    fn a_length_beyond_the_bytes_is_malformed_rather_than_an_allocation() {
        assert_eq!(Value::decode(&[BYTES, 0xff, 0xff, 0xff, 0xff, 0x0f]), Err(ValueError::Malformed));
    }
}
