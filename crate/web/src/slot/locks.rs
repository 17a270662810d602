//! Web Locks: how a tab holds a name that no other tab of this browser profile can hold at the same time.
//!
//! A lock is held until the page that holds it lets go or is gone, however it went: a crash releases it within some
//! 30 ms. It is never stolen. Web Locks exist in secure contexts only (https, or a loopback address).

use core::cell::RefCell;
use std::rc::Rc;

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use gloo_events::EventListener;
use gloo_timers::callback::Timeout;
use js_sys::{Array, Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, AbortSignal};

use crate::host::{plain_object, property};

// web-sys has Web Locks among its unstable parts only.
#[wasm_bindgen]
extern "C" {
    /// The lock manager of this origin.
    #[derive(Debug, Clone)]
    pub type LockManager;
    #[wasm_bindgen(method, catch)]
    fn request(this: &LockManager, name: &str, options: &JsValue, granted: &Function) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn query(this: &LockManager) -> Result<Promise, JsValue>;
}

/// How long to wait for a lock that somebody holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Not at all.
    None,
    /// So many milliseconds.
    Millis(u32),
}

/// A lock that is held. Dropping it lets go.
#[derive(Debug)]
pub struct Lock {
    let_go: Function,
    held: Promise,
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.let_go.call0(&JsValue::UNDEFINED);
    }
}

impl Lock {
    /// Let go, and wait until another could have it.
    pub async fn release(self) {
        let held = self.held.clone();
        drop(self);
        let _ = JsFuture::from(held).await;
    }
}

impl LockManager {
    /// The lock manager of this page, or `None` outside a secure context.
    pub fn of_page() -> Option<LockManager> {
        let window = web_sys::window()?;
        let navigator: JsValue = property(&window, "navigator")?;
        property(&navigator, "locks")
    }

    /// Ask for a lock. `None`: somebody else has it, or `abort` was aborted first.
    pub async fn claim(&self, name: &str, patience: Patience, abort: Option<&AbortSignal>) -> Option<Lock> {
        let (sender, granted) = oneshot::channel();
        let sender = RefCell::new(Some(sender));
        // Called once, with the lock or with null. What it returns keeps the lock until it settles.
        let on_granted = Closure::<dyn FnMut(JsValue) -> JsValue>::new(move |lock: JsValue| {
            let Some(sender) = sender.borrow_mut().take() else { return JsValue::UNDEFINED };
            if lock.is_null() {
                let _ = sender.send(None);
                return JsValue::UNDEFINED;
            }
            let (hold, let_go) = hold();
            // Nobody waits for it any more: an undefined result lets go at once.
            if sender.send(Some(let_go)).is_ok() { hold.into() } else { JsValue::UNDEFINED }
        });
        let limit = Limit::new(patience, abort)?;
        let held = self.request(name, &limit.options, on_granted.as_ref().unchecked_ref()).ok()?;
        // The request itself settles early only if it was given up.
        match select(granted, JsFuture::from(held.clone())).await {
            Either::Left((Ok(Some(let_go)), _)) => Some(Lock { let_go, held }),
            _ => None,
        }
    }

    /// The names that are held now, by any page of this origin.
    pub async fn held(&self) -> Vec<String> {
        let Ok(query) = self.query() else { return Vec::new() };
        let Ok(snapshot) = JsFuture::from(query).await else { return Vec::new() };
        let held: Option<Array> = property(&snapshot, "held");
        let name = |lock: JsValue| property::<JsValue>(&lock, "name").and_then(|name| name.as_string());
        held.map_or_else(Vec::new, |held| held.iter().filter_map(name).collect())
    }
}

/// A promise that stays pending until the function beside it is called.
fn hold() -> (Promise, Function) {
    let let_go = Rc::new(RefCell::new(None));
    let slot = let_go.clone();
    let promise = Promise::new(&mut move |resolve, _reject| {
        slot.borrow_mut().replace(resolve);
    });
    // The executor of a promise runs before its constructor returns.
    let let_go = let_go.take().unwrap_or_else(|| Function::new_no_args(""));
    (promise, let_go)
}

/// When to give a request up; dropping it disarms.
struct Limit {
    options: JsValue,
    _timer: Option<Timeout>,
    _abort: Option<EventListener>,
}

impl Limit {
    fn new(patience: Patience, abort: Option<&AbortSignal>) -> Option<Limit> {
        if abort.is_some_and(AbortSignal::aborted) {
            return None;
        }
        let Patience::Millis(millis) = patience else {
            let options = plain_object(&[("ifAvailable", true.into())]).into();
            return Some(Limit { options, _timer: None, _abort: None });
        };
        let controller = AbortController::new().ok()?;
        let options = plain_object(&[("signal", controller.signal().into())]).into();
        let on_abort = controller.clone();
        let abort = abort.map(|signal| EventListener::new(signal, "abort", move |_| on_abort.abort()));
        let timer = Timeout::new(millis, move || controller.abort());
        Some(Limit { options, _timer: Some(timer), _abort: abort })
    }
}
