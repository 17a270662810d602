//! What the page has to offer, asked for in one place: time, randomness, the first of several events.
//!
//! Each is a fact about this browser that may be missing, so each is an `Option` or has an answer that serves without
//! it.

use core::cell::RefCell;
use core::future::Future;
use std::collections::BTreeMap;
use std::rc::Rc;

use futures_channel::oneshot;
use gloo_events::EventListener;
use js_sys::{Object, Reflect};
use roundtable_core::time::{Instant, WallTime};
use wasm_bindgen::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{EventTarget, Performance, VisibilityState};

thread_local! {
    /// Asked for the time several times for each input.
    static CLOCK: Option<Performance> = web_sys::window().and_then(|window| window.performance());
    /// Words as JavaScript has them: there is an end to them, for all are literals.
    static WORDS: RefCell<BTreeMap<&'static str, JsValue>> = RefCell::default();
}

/// The monotonic clock of this page, in whole milliseconds. Zero where there is none.
pub fn now() -> Instant {
    CLOCK.with(|clock| Instant(clock.as_ref().map_or(0, |clock| clock.now() as u64)))
}

/// Whether the page cannot be seen.
pub fn is_hidden() -> bool {
    let document = web_sys::window().and_then(|window| window.document());
    document.is_some_and(|document| document.visibility_state() == VisibilityState::Hidden)
}

/// The name of a property, or one of a few answers, as a string of JavaScript. To make it anew from UTF-8 for each of
/// the twenty that a put reads and writes costs an eighth of its time.
pub fn word(word: &'static str) -> JsValue {
    WORDS.with_borrow_mut(|words| words.entry(word).or_insert_with(|| word.into()).clone())
}

/// What time the device thinks it is.
pub fn wall_time() -> WallTime {
    WallTime(js_sys::Date::now() as u64)
}

/// Random bytes fit for keys, or `None` where the page has no `crypto`.
pub fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let crypto = web_sys::window()?.crypto().ok()?;
    crypto.get_random_values_with_u8_array(&mut bytes).ok()?;
    Some(bytes)
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// Waits for whichever of `names` is dispatched at `target` first. It listens from now on, not from the first poll, and
/// lets go when it is dropped.
pub fn first_event(target: &EventTarget, names: &[&'static str]) -> impl Future<Output = &'static str> + use<> {
    let (sender, receiver) = oneshot::channel();
    let sender = Rc::new(RefCell::new(Some(sender)));
    let listen = |&name: &&'static str| {
        let sender = sender.clone();
        EventListener::new(target, name, move |_| {
            if let Some(sender) = sender.borrow_mut().take() {
                let _ = sender.send(name);
            }
        })
    };
    let listeners: Vec<EventListener> = names.iter().map(listen).collect();
    let fallback = names.first().copied().unwrap_or_default();
    async move {
        let name = receiver.await.unwrap_or(fallback);
        drop(listeners);
        name
    }
}

/// The name and message of something that was thrown: `QuotaExceededError`, `the disk is full`.
pub fn describe_error(error: &JsValue) -> (String, String) {
    let text = |name: &str| {
        let field = error.is_object().then(|| Reflect::get(error, &name.into()).ok()).flatten();
        field.and_then(|value| value.as_string()).unwrap_or_default()
    };
    let message = error.as_string().unwrap_or_else(|| text("message"));
    (text("name"), message)
}

/// A property of an object, or `None` if there is no such property, or reading it throws.
pub fn property<T: JsCast>(object: &JsValue, name: &'static str) -> Option<T> {
    let value = Reflect::get(object, &word(name)).ok()?;
    (!value.is_null() && !value.is_undefined()).then(|| value.unchecked_into())
}

/// A plain object with these properties, frozen.
pub fn frozen_object(fields: &[(&'static str, JsValue)]) -> JsValue {
    let object = plain_object(fields);
    Object::freeze(&object).into()
}

/// A plain object with these properties.
pub fn plain_object(fields: &[(&'static str, JsValue)]) -> Object {
    let object = Object::new();
    let raw: &Fields = object.unchecked_ref();
    for (name, value) in fields {
        raw.set(&word(name), value);
    }
    object
}

#[wasm_bindgen]
extern "C" {
    /// A plain object, which takes any property: nothing that throws has to be caught.
    type Fields;
    #[wasm_bindgen(method, structural, indexing_setter)]
    fn set(this: &Fields, name: &JsValue, value: &JsValue);
}

/// A frozen array of these items.
pub fn frozen_array(items: impl IntoIterator<Item = JsValue>) -> JsValue {
    let array: js_sys::Array = items.into_iter().collect();
    Object::freeze(&array).into()
}
