//! Replicated puts of nodes with nothing between them, for a page or Node to time: what the same cost natively is told
//! by `roundtable-sim measure throughput`, and `tests/bench/wasm.mjs` holds the two against each other.

use roundtable_sim::bare::Puts;
use wasm_bindgen::prelude::*;

/// Some nodes and the puts that are made at them.
#[wasm_bindgen]
pub struct Throughput(Puts);

#[wasm_bindgen]
impl Throughput {
    /// So many nodes, all linked, with so many keys.
    ///
    /// # Errors
    /// If there are fewer nodes than copies, or fewer keys than nodes.
    #[wasm_bindgen(constructor)]
    pub fn new(nodes: u32, keys: u32) -> Result<Throughput, JsError> {
        if nodes < 3 || keys < nodes {
            return Err(JsError::new("at least 3 nodes, and as many keys as nodes"));
        }
        Ok(Throughput(Puts::new(nodes as usize, u64::from(keys))))
    }

    /// Make up so many puts.
    pub fn prepare(&mut self, count: u32) {
        self.0.prepare(count as usize);
    }

    /// Make them: what is to be timed.
    pub fn make(&mut self) {
        self.0.make();
    }
}
