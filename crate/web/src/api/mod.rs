//! The face that the npm package builds on: one function to join, and a handle.
//!
//! It is made of calls and callbacks and knows nothing of promises per request: a callback gets `(answer, undefined)`
//! or
//! `(undefined, {code, message})`, once or, for watches and receipts, again and again. The package turns these into
//! promises, frozen results and `RoundtableError`s. Nothing here is public in the sense of the package's contract.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_util::future::join3;
use js_sys::Function;
use roundtable_core::coordinator::Request;
use roundtable_core::datatype::Value;
use roundtable_core::id::{Key, NodeId, Pin, RequestId};
use roundtable_core::node::{Config, Limits, Node};
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

pub mod error;
pub mod options;
mod panel;
pub mod secret;
mod shape;
pub mod value;

use error::Failure;
use options::{JoinOptions, PutOptions};

use crate::host;
use crate::network::{Invitation, InviteError, NetworkConfig, generate_certificate};
use crate::peer::{Answer, Condition, OnAnswer, Peer, PeerEvent, Sink};
use crate::slot::capacity::Means;
use crate::slot::{Home, inherit};
use crate::storage::StorageEvent;

/// A running node.
#[wasm_bindgen]
#[derive(Debug)]
pub struct PeerHandle {
    peer: Rc<Peer>,
    members: RefCell<Option<(u64, JsValue)>>,
    /// Whether anybody listens to the node's own events, of which a put makes several.
    hears_protocol: Rc<Cell<bool>>,
}

/// Open the disk, become somebody, and run. `sink(name, detail)` is called with each event, also from within calls.
///
/// # Errors
///
/// `{code, message}`; nothing is held then.
#[wasm_bindgen]
pub async fn join(options: JsValue, sink: Function, signal: Option<AbortSignal>) -> Result<PeerHandle, JsValue> {
    Ok(open(JoinOptions::read(&options)?, sink, signal).await?)
}

async fn open(options: JoinOptions, sink: Function, signal: Option<AbortSignal>) -> Result<PeerHandle, Failure> {
    let hears_protocol: Rc<Cell<bool>> = Rc::default();
    let is_heard = hears_protocol.clone();
    let sink: Sink = Rc::new(move |event: PeerEvent| {
        if matches!(event, PeerEvent::Protocol(_)) && !is_heard.get() {
            return;
        }
        let (name, detail) = shape::event(&event);
        // The package's sink reports what its listeners throw.
        let _ = sink.call2(&JsValue::UNDEFINED, &name.into(), &detail);
    });
    // The disk may speak before there is a node to hear it.
    let running: Rc<RefCell<Option<Rc<Peer>>>> = Rc::default();
    let (hearing, early_sink) = (running.clone(), sink.clone());
    let report = move |event: StorageEvent| {
        let peer = hearing.borrow().clone();
        match (peer, event) {
            (Some(peer), event) => peer.on_storage(event),
            (None, StorageEvent::Problem(problem, message)) => early_sink(PeerEvent::Storage(problem, message)),
            (None, _) => {}
        }
    };
    let room = options.secret.room(&options.room).await?;
    let home = async {
        if options.durable { Home::open(&room, signal.as_ref(), report).await } else { Home::in_memory(report).await }
    };
    let capacity = async {
        match options.capacity {
            Some(capacity) => capacity,
            None => Means::of_device().await.capacity(),
        }
    };
    // The browser's disk, its keys and its quota are asked side by side: each takes its while.
    let (home, certificate, capacity) = join3(home, generate_certificate(), capacity).await;
    let (home, restored) = home?;
    if signal.is_some_and(|signal| signal.aborted()) {
        home.close().await;
        return Err(crate::slot::HomeError::Aborted.into());
    }
    let Some(seed) = host::random::<8>() else {
        home.close().await;
        return Err(crate::slot::HomeError::NoRandomness.into());
    };
    let network = NetworkConfig {
        room: room.clone(),
        keys: home.keys.clone(),
        rendezvous: options.rendezvous,
        ice_servers: options.ice_servers,
        // The network tries once more for itself, and without one it dials nobody.
        certificate: certificate.ok(),
    };
    let config = Config {
        room,
        keys: home.keys.clone(),
        device: home.device,
        label: options.label,
        capacity,
        n: options.n,
        r: options.r,
        w: options.w,
        // What a message costs a browser hardly depends on its length.
        limits: Limits { sends_together: true, ..Limits::default() },
    };
    let slot = home.claim.as_ref().map(|claim| (claim.room.clone(), claim.slot.clone()));
    let node = Node::new(config, restored, u64::from_le_bytes(seed), host::now());
    let peer = Peer::start(node, home, network, sink, |peer| {
        running.replace(Some(peer.clone()));
    });
    if let Some((room, slot)) = slot {
        peer.keep_doing(inherit::keep_house(Rc::downgrade(&peer), room, slot));
    }
    Ok(PeerHandle { peer, members: RefCell::default(), hears_protocol })
}

#[wasm_bindgen]
impl PeerHandle {
    /// The node's id.
    pub fn id(&self) -> String {
        self.peer.view(|view| view.id().to_string())
    }

    /// Whether anybody listens to "protocol": until somebody does, those events are not made.
    #[wasm_bindgen(js_name = hearProtocol)]
    pub fn hear_protocol(&self, hears: bool) {
        self.hears_protocol.set(hears);
    }

    /// Ask to store a value; the number of the request. `options`: `{type, ttlMs, context, level, timeoutMs}`.
    ///
    /// # Errors
    ///
    /// `{code, message}`; nothing was stored.
    pub fn put(
        &self,
        bucket: &str,
        name: &str,
        value: &JsValue,
        options: &JsValue,
        on_receipt: Function,
    ) -> Result<f64, JsValue> {
        let key = key(bucket, name)?;
        let value = value::from_js(value).map_err(|refusal| Failure::argument(refusal.to_string()))?;
        let PutOptions { keep, context, terms } = PutOptions::read(options)?;
        self.ask(Request::Put { key, value: value.encode().into(), keep, context, terms }, on_receipt)
    }

    /// Ask to edit a counter ("add"), a set ("insert", "remove") or a map ("set", "unset", with a field); the number of
    /// the request. `options`: `{ttlMs, context, level, timeoutMs}`.
    ///
    /// # Errors
    ///
    /// `{code, message}`; nothing was stored.
    #[expect(clippy::too_many_arguments, reason = "one call for all edits, as the package makes it")]
    pub fn edit(
        &self,
        bucket: &str,
        name: &str,
        kind: &str,
        field: Option<String>,
        value: &JsValue,
        options: &JsValue,
        on_receipt: Function,
    ) -> Result<f64, JsValue> {
        let key = key(bucket, name)?;
        let edit = options::edit(kind, field, value)?;
        let PutOptions { keep, context, terms } = PutOptions::read(options)?;
        self.ask(Request::Edit { key, edit, ttl_ms: keep.ttl_ms, context, terms }, on_receipt)
    }

    /// Ask to delete what a context covers; the number of the request.
    ///
    /// # Errors
    ///
    /// `{code, message}`; nothing was deleted.
    pub fn remove(
        &self,
        bucket: &str,
        name: &str,
        context: Option<String>,
        level: &JsValue,
        timeout_ms: Option<f64>,
        on_receipt: Function,
    ) -> Result<f64, JsValue> {
        let (context, terms) = (options::context(context)?, options::terms(level, timeout_ms)?);
        self.ask(Request::Delete { key: key(bucket, name)?, context, terms }, on_receipt)
    }

    /// Ask for a key; the number of the request. Siblings come encoded, see [`decode`].
    ///
    /// # Errors
    ///
    /// `{code, message}`.
    pub fn get(
        &self,
        bucket: &str,
        name: &str,
        level: &JsValue,
        timeout_ms: Option<f64>,
        on_read: Function,
    ) -> Result<f64, JsValue> {
        self.ask(Request::Get { key: key(bucket, name)?, terms: options::terms(level, timeout_ms)? }, on_read)
    }

    /// Ask for the names in a bucket; the number of the request.
    ///
    /// # Errors
    ///
    /// `{code, message}`.
    pub fn keys(
        &self,
        bucket: &str,
        prefix: &str,
        level: &JsValue,
        timeout_ms: Option<f64>,
        on_keys: Function,
    ) -> Result<f64, JsValue> {
        key(bucket, prefix)?;
        let terms = options::terms(level, timeout_ms)?;
        self.ask(Request::Keys { bucket: bucket.into(), prefix: prefix.into(), terms }, on_keys)
    }

    /// Ask that all of a bucket be kept here, whoever owns it: `{pinned}`; the number of the request.
    ///
    /// # Errors
    ///
    /// `{code, message}`.
    pub fn pin(&self, bucket: &str, on_kept: Function) -> Result<f64, JsValue> {
        self.ask(Request::Pin { pin: pin(bucket, "")? }, on_kept)
    }

    /// Ask that what others own of a bucket be dropped: `{pinned}`; the number of the request.
    ///
    /// # Errors
    ///
    /// `{code, message}`.
    pub fn unpin(&self, bucket: &str, on_kept: Function) -> Result<f64, JsValue> {
        self.ask(Request::Unpin { pin: pin(bucket, "")? }, on_kept)
    }

    /// Ask to be told of a key until the request is cancelled; the number of the request.
    ///
    /// # Errors
    ///
    /// `{code, message}`.
    pub fn watch(&self, bucket: &str, name: &str, on_read: Function) -> Result<f64, JsValue> {
        self.ask(Request::Watch { key: key(bucket, name)? }, on_read)
    }

    /// Ask to be told of all keys of a bucket that begin with a prefix until the request is cancelled: `{key, read}[]`;
    /// the number of the request.
    ///
    /// # Errors
    ///
    /// `{code, message}`.
    #[wasm_bindgen(js_name = watchAll)]
    pub fn watch_all(&self, bucket: &str, prefix: &str, on_changes: Function) -> Result<f64, JsValue> {
        self.ask(Request::WatchAll { pin: pin(bucket, prefix)? }, on_changes)
    }

    /// Ask to leave for good: `{handedOff}`; the number of the request. A node that has handed everything off is to be
    /// closed, which deletes what it kept.
    ///
    /// # Errors
    ///
    /// `{code, message}`.
    pub fn leave(&self, timeout_ms: Option<f64>, on_left: Function) -> Result<f64, JsValue> {
        let terms = options::terms(&JsValue::UNDEFINED, timeout_ms)?;
        self.ask(Request::Leave { timeout_ms: terms.timeout_ms }, on_left)
    }

    /// Nobody listens to a request any more.
    pub fn cancel(&self, request: f64) {
        self.peer.cancel(RequestId(request as u64));
    }

    /// `on_linked(true)` once so many links are open, `on_linked(false)` if the node is closed first; the number of the
    /// wait.
    ///
    /// # Errors
    ///
    /// `{code, message}`.
    #[wasm_bindgen(js_name = whenLinked)]
    pub fn when_linked(&self, peers: f64, on_linked: Function) -> Result<f64, JsValue> {
        self.wait(Condition::Linked(peers as usize), on_linked)
    }

    /// `on_settled(true)` once nothing here waits for another node, `on_settled(false)` if the node is closed first.
    ///
    /// # Errors
    ///
    /// `{code, message}`.
    #[wasm_bindgen(js_name = whenSettled)]
    pub fn when_settled(&self, on_settled: Function) -> Result<f64, JsValue> {
        self.wait(Condition::Settled, on_settled)
    }

    /// Wait no longer.
    #[wasm_bindgen(js_name = noLonger)]
    pub fn no_longer(&self, wait: f64) {
        self.peer.no_longer(wait as u64);
    }

    /// The members: the same frozen array until something in it changes.
    pub fn members(&self) -> JsValue {
        let (version, list) = self.peer.members();
        let mut cached = self.members.borrow_mut();
        match &*cached {
            Some((of, members)) if *of == version => members.clone(),
            _ => cached.insert((version, host::frozen_array(list.iter().map(shape::member)))).1.clone(),
        }
    }

    /// `{owners, fallbacks}` of a key.
    ///
    /// # Errors
    ///
    /// `{code, message}` for what cannot be a key.
    #[wasm_bindgen(js_name = preferenceList)]
    pub fn preference_list(&self, bucket: &str, name: &str) -> Result<JsValue, JsValue> {
        let key = key(bucket, name)?;
        let list = self.peer.view(|view| view.preference_list(&key));
        Ok(host::frozen_object(&[("owners", shape::ids(&list.owners)), ("fallbacks", shape::ids(&list.fallbacks))]))
    }

    /// Counts.
    pub fn metrics(&self) -> JsValue {
        shape::metrics(&self.peer.metrics())
    }

    /// `{number, text}`: an invite, and by which number `completeInvite` knows it. It rejects with `{code, message}`.
    #[wasm_bindgen(js_name = createInvite)]
    pub fn create_invite(&self) -> js_sys::Promise {
        let made = self.peer.create_invite();
        promise(async move {
            let Invitation { number, text } = made.await?;
            Ok(host::frozen_object(&[("number", (number as f64).into()), ("text", text.into())]))
        })
    }

    /// The answer to an invite. It rejects with `{code, message}`.
    #[wasm_bindgen(js_name = acceptInvite)]
    pub fn accept_invite(&self, text: String) -> js_sys::Promise {
        let answer = self.peer.accept_invite(text);
        promise(async move { Ok(answer.await?.into()) })
    }

    /// Over when the link with whoever answered is up. It rejects with `{code, message}`.
    #[wasm_bindgen(js_name = completeInvite)]
    pub fn complete_invite(&self, number: f64, answer: String) -> js_sys::Promise {
        let linked = self.peer.complete_invite(number as u64, answer);
        promise(async move {
            linked.await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Stop, and let go of everything.
    pub fn close(&self) -> js_sys::Promise {
        let peer = self.peer.clone();
        wasm_bindgen_futures::future_to_promise(async move {
            peer.close().await;
            Ok(JsValue::UNDEFINED)
        })
    }
}

impl PeerHandle {
    fn ask(&self, request: Request, callback: Function) -> Result<f64, JsValue> {
        let on_answer: OnAnswer = Rc::new(move |answer| {
            let result = match answer {
                Answer::Reply(reply) => shape::reply(&reply),
                Answer::Closed => Err(Failure::closed()),
            };
            let (answer, failure) = match result {
                Ok(answer) => (answer, JsValue::UNDEFINED),
                Err(failure) => (JsValue::UNDEFINED, failure.into()),
            };
            // The package's callbacks do not throw.
            let _ = callback.call2(&JsValue::UNDEFINED, &answer, &failure);
        });
        let id = self.peer.request(request, on_answer).ok_or_else(Failure::closed)?;
        Ok(id.0 as f64)
    }

    fn wait(&self, condition: Condition, callback: Function) -> Result<f64, JsValue> {
        let on_condition = Rc::new(move |holds: bool| {
            let _ = callback.call1(&JsValue::UNDEFINED, &holds.into());
        });
        Ok(self.peer.when(condition, on_condition).ok_or_else(Failure::closed)? as f64)
    }
}

fn promise(answer: impl Future<Output = Result<JsValue, InviteError>> + 'static) -> js_sys::Promise {
    wasm_bindgen_futures::future_to_promise(async move { Ok(answer.await.map_err(Failure::from)?) })
}

/// An encoded value as JavaScript, fresh, and frozen all the way down if asked.
///
/// # Errors
///
/// `{code, message}`: another node stored something that this build cannot read.
#[wasm_bindgen]
pub fn decode(payload: &[u8], frozen: bool) -> Result<JsValue, JsValue> {
    let value = Value::decode(payload).map_err(|error| Failure {
        code: "incompatible",
        message: format!("another node stored a value that cannot be read here: {error}"),
    })?;
    Ok(value::to_js(&value, frozen))
}

/// A value as it would be read after it was stored: checked, copied, frozen.
///
/// # Errors
///
/// `{code, message}` for what cannot be stored.
#[wasm_bindgen]
pub fn canonical(value: &JsValue) -> Result<JsValue, JsValue> {
    let value = value::from_js(value).map_err(|refusal| Failure::argument(refusal.to_string()))?;
    Ok(value::to_js(&value, true))
}

/// Check the name of a bucket, and of a key in it.
///
/// # Errors
///
/// `{code, message}` for what cannot be a key.
#[wasm_bindgen(js_name = checkKey)]
pub fn check_key(bucket: &str, name: &str) -> Result<(), JsValue> {
    Ok(key(bucket, name).map(|_| ())?)
}

fn key(bucket: &str, name: &str) -> Result<Key, Failure> {
    Key::new(bucket, name).map_err(|error| Failure::argument(error.to_string()))
}

fn pin(bucket: &str, prefix: &str) -> Result<Pin, Failure> {
    Pin::new(bucket, prefix).map_err(|error| Failure::argument(error.to_string()))
}

fn node_id(text: &str) -> Result<NodeId, Failure> {
    NodeId::parse(text).ok_or_else(|| Failure::argument(format!("{text:?} is not the id of a member")))
}
