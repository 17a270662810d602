//! The simulator for a web page: rooms of many nodes on a virtual network, run in one tab; kept out of the library's
//! wasm.
//!
//! Nothing is decided here: it is `roundtable_sim` without its command line, with JavaScript's types. So far it shows
//! one thing, that a seed is the same run wherever it runs: [`trace`] gives the number that `roundtable-sim traces`
//! prints, and every test run compares the two over many seeds, for a difference would mean that something in a node
//! hangs on its machine.

mod throughput;

use roundtable_sim::soak;
use wasm_bindgen::prelude::*;

/// A panic becomes an exception that says what panicked, instead of a bare trap. The instance is not to be used after.
#[wasm_bindgen(start)]
pub fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| wasm_bindgen::throw_str(&panic.to_string())));
}

/// Run the soak of one seed in a room of so many tabs at first. The hash of all that came out of any node, as 16
/// hexadecimal digits.
///
/// # Errors
/// If there is no such number of tabs.
#[wasm_bindgen]
pub fn trace(seed: u64, nodes_min: u32, nodes_max: u32) -> Result<String, JsError> {
    let report = soak::run(seed, &nodes(nodes_min, nodes_max)?);
    Ok(format!("{:016x}", report.trace))
}

/// The same run, every output of every node a line: when, at which tab, what. For looking at where two runs part.
///
/// # Errors
/// If there is no such number of tabs.
#[wasm_bindgen]
pub fn replay(seed: u64, nodes_min: u32, nodes_max: u32) -> Result<String, JsError> {
    let plan = soak::Plan::of(seed, &nodes(nodes_min, nodes_max)?);
    Ok(soak::run_plan(&plan, Default::default(), true).lines.join("\n") + "\n")
}

fn nodes(min: u32, max: u32) -> Result<std::ops::Range<usize>, JsError> {
    if min == 0 || min > max || max > u32::from(u16::MAX) {
        return Err(JsError::new(&format!("{min} to {max} is no number of tabs")));
    }
    Ok(min as usize..max as usize + 1)
}
