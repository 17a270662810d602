//! What goes wrong, as `{code, message}`: the package makes a `RoundtableError` of it.

use roundtable_core::coordinator::RequestError;
use wasm_bindgen::JsValue;

use crate::host::plain_object;
use crate::network::InviteError;
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
            RequestError::Full => (
                "too-large",
                "this key is as large as a key can be, or has as many writers (1 MiB, 4,096); nothing was stored. \
                 Split it over several keys",
            ),
            RequestError::OtherType => (
                "incompatible",
                "this key holds a value of another type; nothing was stored. Open the bucket with the same type \
                 everywhere, or delete the key",
            ),
            RequestError::Value => (
                "invalid-argument",
                "this cannot be a part of a value: it nests too deep, or makes a sum beyond what a number can be; \
                 nothing was stored",
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
            RequestError::TooManyPins => (
                "too-large",
                "so many buckets are open offline here that no more can be kept; open one with offline: false first",
            ),
        };
        Failure { code, message: message.into() }
    }
}

impl From<InviteError> for Failure {
    fn from(error: InviteError) -> Failure {
        let (code, message) = match error {
            InviteError::Garbled => (
                "invalid-argument",
                "this is no invite and no answer, or a part of it was lost in copying: copy all of it, from the first \
                 letter to the last",
            ),
            InviteError::IsAnswer => (
                "invalid-argument",
                "this is an answer, not an invite: give it back to whoever made the invite, for complete()",
            ),
            InviteError::IsInvite => (
                "invalid-argument",
                "this is an invite, not an answer: the other side passes it to acceptInvite() and gives you what that \
                 resolves to",
            ),
            InviteError::Own => {
                ("invalid-argument", "this invite is this node's own: another tab or device must accept it")
            }
            InviteError::OtherInvite => {
                ("invalid-argument", "this answer is to another invite: ask for the answer to this one; it stays open")
            }
            InviteError::Completed => (
                "invalid-argument",
                "this invite has been completed; each serves once: make another with createInvite()",
            ),
            InviteError::Version => (
                "incompatible",
                "this text is from another version of Roundtable: reload both pages, so that both have the same",
            ),
            InviteError::Foreign => (
                "denied",
                "this text is of another room, or of one with another secret: both sides join with the same room and \
                 secret",
            ),
            InviteError::Refused => (
                "denied",
                "the other side could not prove that it is of this room and who the text says: make another invite",
            ),
            InviteError::Expired => (
                "timeout",
                "this invite is too old: it is good for 10 minutes, by the clocks of both devices: make another with \
                 createInvite()",
            ),
            InviteError::Displaced => (
                "timeout",
                "this invite was let go for 8 newer ones made or accepted here: make another with createInvite()",
            ),
            InviteError::Unreached => (
                "timeout",
                "the other side was not reached: give the answer back within three minutes, and keep both tabs open \
                 until you are linked, on one network or with iceServers; make another invite",
            ),
            InviteError::Unable => (
                "unsupported",
                "this browser made no connection for an invite, or has no address to write on it: check that it is on \
                 a network and that WebRTC is allowed, then try again",
            ),
            InviteError::Closed => ("closed", CLOSED),
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
