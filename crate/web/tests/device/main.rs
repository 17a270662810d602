//! What a device keeps, in a real browser: batches, slots, values.
//!
//! `wasm-pack test --headless --chrome crate/web --test device`

#![cfg(target_arch = "wasm32")]
// A test that cannot go on should stop there.
#![allow(clippy::unwrap_used)]

mod inherit;
mod peers;
mod presence;
mod schema;
mod slots;
mod storage;
mod support;
mod values;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
