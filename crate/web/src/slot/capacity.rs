//! How many virtual nodes a tab has if its application does not say: by what its device has to give.
//!
//! A node holds its objects in memory and on the disk, and owns as much of the ring as it has virtual nodes. So a small
//! device (a phone, little memory, or little room left) has half of the usual number, and a large one twice as many.
//! What a browser does not tell counts as usual; a browser that rounds what it tells, as all do, is believed.

use futures_util::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Function, Promise};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::host::property;

const SMALL: u16 = 64;
const USUAL: u16 = 128;
const LARGE: u16 = 256;

const GIB: f64 = (1u64 << 30) as f64;
/// With less room than this left for this site, a device is small; with less memory, too.
const SMALL_ROOM_BYTES: f64 = GIB;
const SMALL_MEMORY_GIB: f64 = 2.0;
/// With so much of both, and if it is none to be carried about, it is large.
const LARGE_ROOM_BYTES: f64 = 64.0 * GIB;
const LARGE_MEMORY_GIB: f64 = 16.0;
/// How long the browser may think about how much room there is.
const PATIENCE_MS: u32 = 1_000;

/// What a device has to give, as far as its browser tells.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Means {
    /// Bytes that this site may still store.
    pub room: Option<f64>,
    /// Memory of the machine, in GiB.
    pub memory_gib: Option<f64>,
    /// Whether it is a phone or the like.
    pub mobile: bool,
}

impl Means {
    /// The number of virtual nodes that is fit for it.
    pub fn capacity(self) -> u16 {
        let room = |most: f64| self.room.is_some_and(|room| room < most);
        let memory = |most: f64| self.memory_gib.is_some_and(|memory| memory < most);
        if self.mobile || room(SMALL_ROOM_BYTES) || memory(SMALL_MEMORY_GIB) {
            return SMALL;
        }
        let is_told = self.room.is_some() && self.memory_gib.is_some();
        if is_told && !room(LARGE_ROOM_BYTES) && !memory(LARGE_MEMORY_GIB) { LARGE } else { USUAL }
    }

    /// Ask the browser.
    pub async fn of_device() -> Means {
        let navigator = web_sys::window().and_then(|window| property::<JsValue>(&window, "navigator"));
        let Some(navigator) = navigator else { return Means::default() };
        let number =
            |object: &JsValue, name: &'static str| property::<JsValue>(object, name).and_then(|value| value.as_f64());
        let agent = property::<JsValue>(&navigator, "userAgentData");
        let mobile = agent.and_then(|agent| property::<JsValue>(&agent, "mobile")).and_then(|value| value.as_bool());
        let estimate = estimate(&navigator).await;
        let room = estimate.and_then(|told| Some((number(&told, "quota")? - number(&told, "usage")?).max(0.0)));
        Means { room, memory_gib: number(&navigator, "deviceMemory"), mobile: mobile.unwrap_or(false) }
    }
}

async fn estimate(navigator: &JsValue) -> Option<JsValue> {
    let storage: JsValue = property(navigator, "storage")?;
    let asked = property::<Function>(&storage, "estimate")?.call0(&storage).ok()?;
    let told = core::pin::pin!(JsFuture::from(asked.dyn_into::<Promise>().ok()?));
    match select(told, TimeoutFuture::new(PATIENCE_MS)).await {
        Either::Left((told, _)) => told.ok(),
        Either::Right(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_gives_what_it_has() {
        let means = |room: f64, memory: f64, mobile| Means { room: Some(room * GIB), memory_gib: Some(memory), mobile };
        for (means, expected) in [
            (Means::default(), 128),
            (means(10.0, 8.0, false), 128),
            (means(0.5, 8.0, false), 64),
            (means(100.0, 1.0, false), 64),
            (means(100.0, 32.0, true), 64),
            (means(100.0, 32.0, false), 256),
            (means(100.0, 8.0, false), 128),
            (means(10.0, 32.0, false), 128),
            (Means { memory_gib: None, ..means(100.0, 32.0, false) }, 128),
            (Means { room: None, ..means(1.0, 1.0, false) }, 64),
        ] {
            assert_eq!(means.capacity(), expected, "{means:?}");
        }
    }
}
