//! How much memory a node takes for what it holds, beside keys and values.
//!
//! Three nodes hold a hundred thousand keys with a hundred bytes each, written by the application of one of them. Then
//! a node is dropped, and the bytes that this gives back are counted, exactly; from them the bytes of keys and values
//! are taken away. The node whose application wrote goes on knowing the context of all that it was shown.
//!
//! Counted is what was asked of the allocator, without that one's own overhead, on a machine of 64 bits. In a browser's
//! wasm pointers are half as wide, so it is less.

use roundtable_core::node::Node;

use super::Figure;
use super::bare::{self, Bare, N};

const KEYS: u64 = 100_000;

/// The bytes that a node takes for a key, beside key and value.
fn beside(node: Node) -> f64 {
    let held = node.view().metrics();
    assert_eq!(held.keys, KEYS, "every node holds every key");
    let given_back = -allocation_counter::measure(|| drop(node)).bytes_current;
    (given_back as f64 - held.bytes as f64) / KEYS as f64
}

/// Bytes a key, of a replica and of the node where all was written.
pub(super) fn measure() -> Vec<Figure> {
    let mut bare = Bare::new(usize::from(N));
    bare.requests((0..KEYS).map(|number| (0, bare::put(number))));
    let mut nodes = bare.nodes.into_iter();
    let setting = format!("{KEYS} keys, values of 100 bytes");
    let mut figure = |what: &str| Figure {
        what: format!("bytes a key beside key and value, {what}"),
        setting: setting.clone(),
        value: nodes.next().map_or(f64::NAN, beside),
        unit: "bytes",
        bar: None,
    };
    vec![figure("where the application wrote it"), figure("at a replica")]
}
