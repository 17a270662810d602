//! What panels look at, and what a classroom does to a node: no part of the package's contract with applications.
//!
//! A panel shows what this node believes: the ring by its records, how others are by their own last word, and of a key
//! what lies here. The acts are those that a teacher performs on one tab: a cable pulled, a node held still.

use js_sys::Array;
use roundtable_core::clock::Dot;
use roundtable_core::datatype::Part;
use roundtable_core::id::NodeId;
use roundtable_core::wire::{Quickness, Told};
use wasm_bindgen::prelude::*;

use super::{PeerHandle, key, node_id, shape};
use crate::host::{self, frozen_array, frozen_object};

#[wasm_bindgen]
impl PeerHandle {
    /// Where a key lies on the ring, 0–1.
    ///
    /// # Errors
    ///
    /// `{code, message}` for what cannot be a key.
    pub fn position(&self, bucket: &str, name: &str) -> Result<f64, JsValue> {
        let key = key(bucket, name)?;
        Ok(shape::position(self.peer.view(|view| view.position(&key))))
    }

    /// `{tokens: {position, id}[]}`, clockwise.
    pub fn ring(&self) -> JsValue {
        let tokens = self.peer.view(|view| view.tokens());
        let token = |(position, id): &(_, NodeId)| {
            let position = shape::position(*position).into();
            host::frozen_object(&[("position", position), ("id", id.to_string().into())])
        };
        host::frozen_object(&[("tokens", host::frozen_array(tokens.iter().map(token)))])
    }

    /// How everybody is, by their own last word, this node first: those of whom nothing is known are left out.
    pub fn vitals(&self) -> JsValue {
        let told = self.peer.view(|view| view.vitals(host::now()));
        let known = told.iter().filter_map(|(id, told)| told.map(|told| vitals(*id, &told)));
        frozen_array(known)
    }

    /// What lies here of a key: `{versions: {node, counter, payload}[], clock: {node, counter}[], heldFor: id[]}`. A
    /// key that was deleted has a clock and no version; one that is unknown here has neither. The payload of a part
    /// that is no value of its own (a field of a map) is missing.
    ///
    /// # Errors
    ///
    /// `{code, message}` for what cannot be a key.
    pub fn held(&self, bucket: &str, name: &str) -> Result<JsValue, JsValue> {
        let key = key(bucket, name)?;
        let (object, held_for) = self.peer.view(|view| {
            let addressees = view.hints().filter(|(of, _)| **of == key).map(|(_, owner)| owner);
            (view.known(&key), addressees.collect::<Vec<NodeId>>())
        });
        let version = |(dot, version): (Dot, &roundtable_core::datatype::Version)| {
            let is_value = !matches!(version.part, Part::Field);
            let payload = is_value.then(|| js_sys::Uint8Array::from(&version.payload[..]).into());
            let mut fields = dot_fields(dot).to_vec();
            fields.push(("payload", payload.unwrap_or(JsValue::UNDEFINED)));
            frozen_object(&fields)
        };
        let dot = |dot: Dot| frozen_object(&dot_fields(dot));
        Ok(frozen_object(&[
            ("versions", frozen_array(object.dots().zip(object.values()).map(version))),
            ("clock", frozen_array(object.context().iter().map(dot))),
            ("heldFor", shape::ids(&held_for)),
        ]))
    }

    /// Drop the direct link with a node and refuse it.
    ///
    /// # Errors
    ///
    /// `{code, message}` for what cannot be an id.
    pub fn cut(&self, id: &str) -> Result<(), JsValue> {
        self.peer.cut(node_id(id)?);
        Ok(())
    }

    /// End what `cut` began.
    ///
    /// # Errors
    ///
    /// `{code, message}` for what cannot be an id.
    pub fn uncut(&self, id: &str) -> Result<(), JsValue> {
        self.peer.uncut(node_id(id)?);
        Ok(())
    }

    /// The ids of those whose link goes through a rendezvous, for want of any other way.
    pub fn relayed(&self) -> Array {
        self.peer.relayed().into_iter().map(|id| JsValue::from(id.to_string())).collect()
    }

    /// Hold this node still: it hears and says nothing, as a frozen tab. Requests wait.
    pub fn pause(&self) {
        self.peer.pause();
    }

    /// Whether this node is held still.
    #[wasm_bindgen(js_name = isPaused)]
    pub fn is_paused(&self) -> bool {
        self.peer.is_paused()
    }

    /// End what `pause` began.
    pub fn resume(&self) {
        self.peer.resume();
    }
}

fn dot_fields(dot: Dot) -> [(&'static str, JsValue); 2] {
    [("node", dot.actor.node.to_string().into()), ("counter", (dot.counter as f64).into())]
}

fn vitals(id: NodeId, told: &Told) -> JsValue {
    let vitals = &told.vitals;
    let number = |number: u64| JsValue::from(number as f64);
    let quickness =
        |of: Quickness| frozen_object(&[("p50Ms", number(of.p50_ms.value())), ("p99Ms", number(of.p99_ms.value()))]);
    let sent = &vitals.sent;
    frozen_object(&[
        ("id", id.to_string().into()),
        ("ageMs", number(told.age_ms)),
        ("keys", number(vitals.keys)),
        ("bytes", number(vitals.bytes)),
        ("hints", number(vitals.hints)),
        ("tombstones", number(vitals.tombstones)),
        ("links", vitals.links.into()),
        ("lagMs", number(vitals.lag_ms.value())),
        (
            "sentPerSecond",
            frozen_object(&[
                ("gossip", number(sent.gossip.value())),
                ("repair", number(sent.repair.value())),
                ("transfer", number(sent.transfer.value())),
                ("request", number(sent.request.value())),
                ("signal", number(sent.signal.value())),
            ]),
        ),
        ("gets", quickness(vitals.gets)),
        ("puts", quickness(vitals.puts)),
    ])
}
