//! How much memory a node takes for what it holds, beside keys and values.
//!
//! Three nodes hold a hundred thousand keys with a hundred bytes each, written by the application of one of them. Then
//! a node is dropped, and the bytes that this gives back are counted, exactly; from them the bytes of keys and values
//! are taken away. The node whose application wrote goes on knowing the context of all that it was shown.
//!
//! Counted is what was asked of the allocator, without that one's own overhead, on a machine of 64 bits. In a browser's
//! wasm pointers are half as wide, so it is less. A build without the cargo feature `memory` counts nothing, and has no
//! figure.

use roundtable_core::node::Node;

use super::{Bar, Figure, Options};
use crate::bare::{self, Bare, N};

const KEYS: u64 = 100_000;
const KEYS_QUICK: u64 = 10_000;
/// What a key may cost.
const BYTES: Bar = Bar::AtMost(200.0);

/// The bytes that a node takes for a key, beside key and value.
fn beside(node: Node, keys: u64) -> f64 {
    let held = node.view().metrics();
    assert_eq!(held.keys, keys, "every node holds every key");
    (given_back(node) - held.bytes as f64) / keys as f64
}

/// The bytes that a node gives back when it is dropped.
#[cfg(feature = "memory")]
fn given_back(node: Node) -> f64 {
    -allocation_counter::measure(|| drop(node)).bytes_current as f64
}

#[cfg(not(feature = "memory"))]
fn given_back(_: Node) -> f64 {
    f64::NAN
}

/// Bytes a key, of a replica and of the node where all was written.
pub(super) fn measure(options: &Options) -> Vec<Figure> {
    let keys = if options.quick { KEYS_QUICK } else { KEYS };
    let mut bare = Bare::new(usize::from(N));
    bare.requests((0..keys).map(|number| (0, bare::put(number))));
    let mut nodes = bare.nodes.into_iter();
    let setting = format!("{keys} keys, values of 100 bytes");
    let mut figure = |what: &str| Figure {
        what: format!("bytes a key beside key and value, {what}"),
        setting: setting.clone(),
        value: nodes.next().map_or(f64::NAN, |node| beside(node, keys)),
        unit: "bytes",
        bar: Some(BYTES),
    };
    vec![figure("where the application wrote it"), figure("at a replica")]
}
