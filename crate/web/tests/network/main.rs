//! Networks in a real browser: several in one page, over real connections.
//!
//! `wasm-pack test --headless --chrome crate/web --test network`

#![cfg(target_arch = "wasm32")]
// A test that cannot go on should stop there.
#![allow(clippy::unwrap_used)]

mod admission;
mod bounds;
mod garbage;
mod introductions;
mod life;
mod links;
mod relay;
mod restart;
mod silence;
mod stranger;
mod support;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
