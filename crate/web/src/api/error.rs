//! What goes wrong, as `{code, message}`: the package makes a `RoundtableError` of it.

use roundtable_core::coordinator::RequestError;
use wasm_bindgen::JsValue;

use crate::host::plain_object;
use crate::slot::HomeError;
use crate::storage::DatabaseError;

const CLOSED: &str = "this mesh was closed; join again to go on";

/// A failure with its stable code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// One of the codes of the package's `ErrorCode`.
    pub code: &'static str,
    /// What happened, and what to do.
    pub message: String,
}

impl Failure {
    /// An argument that cannot be meant.
    pub fn argument(message: impl Into<String>) -> Failure {
        Failure { code: "invalid-argument", message: message.into() }
    }

    /// The node is closed.
    pub fn closed() -> Failure {
        Failure { code: "closed", message: CLOSED.into() }
    }
}

impl From<Failure> for JsValue {
    fn from(failure: Failure) -> JsValue {
        plain_object(&[("code", failure.code.into()), ("message", failure.message.into())]).into()
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Failure {
        let (code, message) = match error {
            RequestError::TooLarge => {
                ("too-large", "the value is larger than a node accepts; nothing was stored. Split it over several keys")
            }
            RequestError::TooManySiblings => (
                "too-large",
                "this key has too many concurrent values to take one more; read it and put one that supersedes them",
            ),
            RequestError::TimeToLive => {
                ("invalid-argument", "a time to live is at least 1 ms and at most ten years; nothing was stored")
            }
            RequestError::TimeUnknown => (
                "clock",
                "this device's clock has jumped by more than a day and no other device has confirmed it, so a value \
                 cannot be given an expiry; nothing was stored. Set the clock right, or put without ttlMs",
            ),
            RequestError::Quota => {
                ("quota", "the browser's storage quota is used up: free some space; the write is not durable here")
            }
            RequestError::Storage => (
                "storage",
                "the browser's database failed: the write is not durable here; reload the page and try again",
            ),
            RequestError::Closed => ("closed", CLOSED),
        };
        Failure { code, message: message.into() }
    }
}

impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Failure {
        let storage = |message: String| Failure { code: "storage", message };
        match error {
            HomeError::Aborted => Failure { code: "aborted", message: "joining was aborted".into() },
            HomeError::Database(DatabaseError::Quota) => {
                Failure { code: "quota", message: "there is no room left for this node's data".into() }
            }
            HomeError::Database(DatabaseError::Newer) => {
                Failure { code: "incompatible", message: DatabaseError::Newer.to_string() }
            }
            HomeError::Database(error) => {
                storage(format!("{error}. To do without a disk, join with storage: \"memory\""))
            }
            HomeError::NoRandomness => storage("this page has no source of randomness to make an identity of".into()),
        }
    }
}
