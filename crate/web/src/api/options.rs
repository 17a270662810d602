//! What the package passes in: already checked there, where the types are, and read with distrust all the same.

use js_sys::Array;
use roundtable_core::clock::Context;
use roundtable_core::coordinator::{Keep, Level, Terms};
use roundtable_core::datatype::{DataType, Edit, Payload};
use wasm_bindgen::JsValue;

use super::error::Failure;
use super::secret::Secret;
use super::value;
use crate::host::property;

/// How to join.
#[derive(Debug, Clone)]
pub struct JoinOptions {
    /// The room's name.
    pub room: String,
    /// The room's secret.
    pub secret: Secret,
    /// Whether what is stored outlives the page.
    pub durable: bool,
    /// How many virtual nodes; `None`: as many as its device is fit for.
    pub capacity: Option<u16>,
    /// How many copies.
    pub n: u8,
    /// The level of reads that name none.
    pub r: Level,
    /// The level of writes that name none.
    pub w: Level,
    /// What people call it.
    pub label: String,
    /// WebSocket URLs.
    pub rendezvous: Vec<String>,
    /// `RTCIceServer` objects.
    pub ice_servers: Array,
}

impl JoinOptions {
    /// Read them from a plain object in which nothing but the capacity is left out.
    pub fn read(options: &JsValue) -> Result<JoinOptions, Failure> {
        let wrong =
            |name: &'static str| Failure::argument(format!("option {name} is missing or not what it should be"));
        let value = |name: &'static str| property::<JsValue>(options, name).ok_or_else(|| wrong(name));
        let text = |name: &'static str| value(name)?.as_string().ok_or_else(|| wrong(name));
        let number = |name: &'static str| value(name)?.as_f64().ok_or_else(|| wrong(name));
        let level = |name: &'static str| level(&value(name)?)?.ok_or_else(|| wrong(name));
        Ok(JoinOptions {
            room: text("room")?,
            secret: Secret::read(property(options, "secret"))?,
            durable: text("storage")? == "indexeddb",
            capacity: property::<JsValue>(options, "capacity")
                .and_then(|value| value.as_f64())
                .map(|count| count as u16),
            n: number("n")? as u8,
            r: level("r")?,
            w: level("w")?,
            label: text("label")?,
            rendezvous: Array::from(&value("rendezvous")?).iter().filter_map(|url| url.as_string()).collect(),
            ice_servers: Array::from(&value("iceServers")?),
        })
    }
}

/// How to put.
#[derive(Debug, Clone)]
pub struct PutOptions {
    /// As what, and for how long.
    pub keep: Keep,
    /// What it supersedes.
    pub context: Option<Context>,
    /// When it counts as done.
    pub terms: Terms,
}

impl PutOptions {
    /// Read them from a plain object; what is undefined is the node's default.
    pub fn read(options: &JsValue) -> Result<PutOptions, Failure> {
        let value = |name: &'static str| property::<JsValue>(options, name).unwrap_or(JsValue::UNDEFINED);
        let datatype = match value("type").as_string().as_deref() {
            Some("lww") => DataType::LastWriteWins,
            _ => DataType::Register,
        };
        // What is not a time to live becomes zero, which the node refuses.
        let ttl_ms = value("ttlMs").as_f64().map(|millis| millis.ceil() as u64);
        Ok(PutOptions {
            keep: Keep { datatype, ttl_ms },
            context: context(value("context").as_string())?,
            terms: terms(&value("level"), value("timeoutMs").as_f64())?,
        })
    }
}

/// An edit by the name of its kind.
pub fn edit(kind: &str, field: Option<String>, value: &JsValue) -> Result<Edit, Failure> {
    let encoded = || {
        let value = value::from_js(value).map_err(|refusal| Failure::argument(refusal.to_string()))?;
        Ok::<Payload, Failure>(value.encode().into())
    };
    let field = || field.ok_or_else(|| Failure::argument("a field of a map has a name"));
    match kind {
        "add" => {
            let by = value.as_f64().filter(|by| by.is_finite());
            Ok(Edit::Add(by.ok_or_else(|| Failure::argument("what is added must be a finite number"))?))
        }
        "insert" => Ok(Edit::Insert(encoded()?)),
        "remove" => Ok(Edit::Remove(encoded()?)),
        "set" => Ok(Edit::Set { field: field()?, value: encoded()? }),
        "unset" => Ok(Edit::Unset { field: field()? }),
        other => Err(Failure::argument(format!("there is no edit {other:?}"))),
    }
}

/// A level, or `None` for undefined.
pub fn level(value: &JsValue) -> Result<Option<Level>, Failure> {
    if value.is_undefined() {
        return Ok(None);
    }
    let named = match value.as_string().as_deref() {
        Some("local") => Some(Level::Local),
        Some("one") => Some(Level::One),
        Some("quorum") => Some(Level::Quorum),
        Some("all") => Some(Level::All),
        _ => value.as_f64().filter(|count| (1.0..=7.0).contains(count)).map(|count| Level::Count(count as u8)),
    };
    let message = "a level is \"local\", \"one\", \"quorum\", \"all\" or a number from 1 to 7";
    named.map(Some).ok_or_else(|| Failure::argument(message))
}

/// The terms of a request.
pub fn terms(wanted: &JsValue, timeout_ms: Option<f64>) -> Result<Terms, Failure> {
    Ok(Terms { level: level(wanted)?, timeout_ms: timeout_ms.map(|millis| millis.ceil() as u64) })
}

/// A context from its text, or `None` for none.
pub fn context(text: Option<String>) -> Result<Option<Context>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let bytes = data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).ok();
    let context = bytes.and_then(|bytes| Context::from_bytes(&bytes).ok());
    let message = "option context is not one that a read or a receipt gave out; pass it on as it is";
    context.map(Some).ok_or_else(|| Failure::argument(message))
}

/// A context as text: unpadded base64url.
pub fn context_text(context: &Context) -> String {
    data_encoding::BASE64URL_NOPAD.encode(&context.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use roundtable_core::clock::Dot;
    use roundtable_core::id::{Actor, NodeId};

    #[test]
    fn a_context_is_read_back_from_its_text() {
        let actor = Actor { node: NodeId::from_bytes([7; 16]), epoch: 9 };
        let seen = Context::from_iter([Dot { actor, counter: 300 }]);
        assert_eq!(context(Some(context_text(&seen))).unwrap(), Some(seen));
        assert_eq!(context(None).unwrap(), None);
    }

    #[test]
    fn a_text_that_is_no_context_is_refused() {
        for text in ["not base64!", "AAEC", "_____w"] {
            assert_eq!(context(Some(text.into())).unwrap_err().code, "invalid-argument", "{text}");
        }
    }
}
