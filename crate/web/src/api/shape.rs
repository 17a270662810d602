//! What the package hands out, in the shapes of its types: members, receipts, reads, metrics, events.

use std::cell::RefCell;
use std::collections::BTreeMap;

use js_sys::Uint8Array;
use roundtable_core::coordinator::{Change, Ended, KeysReply, Level, Reached, ReadReply, Receipt, Reply};
use roundtable_core::datatype::DataType;
use roundtable_core::id::NodeId;
use roundtable_core::membership::Status;
use roundtable_core::node::{EpochReason, Event, MemberView, Metrics, RequestStats};
use roundtable_core::store::PersistError;
use roundtable_core::wire::DiskState;
use wasm_bindgen::JsValue;

use super::error::Failure;
use super::options::context_text;
use crate::host::{frozen_array, frozen_object, plain_object, word};
use crate::network::Via;
use crate::peer::PeerEvent;

/// A member.
pub(super) fn member(member: &MemberView) -> JsValue {
    frozen_object(&[
        ("id", text(&member.id)),
        ("device", text(&member.device)),
        ("label", member.label.as_str().into()),
        ("capacity", member.capacity.into()),
        ("status", status(member.status)),
        ("self", member.me.into()),
        ("linked", member.linked.into()),
        ("disk", disk(member.disk).into()),
        ("owns", (member.share as f64 / u64::MAX as f64).into()),
    ])
}

/// Ids, as an array of text.
pub(super) fn ids(nodes: &[NodeId]) -> JsValue {
    frozen_array(nodes.iter().map(id))
}

/// A point of the ring as a fraction of its circumference.
pub(super) fn position(position: roundtable_core::id::Position) -> f64 {
    // 2^64, exactly; the quotient of the last few hundred positions would round up to 1.
    (position.0 as f64 / 18_446_744_073_709_551_616.0).min(1.0 - f64::EPSILON)
}

/// The first reply to a request, or the next: its result, or `{code, message}`.
pub(super) fn reply(reply: &Reply) -> Result<JsValue, Failure> {
    match reply {
        Reply::Receipt(answer) => Ok(receipt(answer)),
        Reply::Read(answer) => Ok(read(answer)),
        Reply::Keys(answer) => Ok(keys(answer)),
        Reply::Changes(changes) => Ok(frozen_array(changes.iter().map(change))),
        Reply::Left { handed_off } => Ok(frozen_object(&[("handedOff", (*handed_off).into())])),
        // Nobody asks for it but the driver itself.
        Reply::Adopted => Ok(JsValue::UNDEFINED),
        Reply::Pinned => Ok(frozen_object(&[("pinned", true.into())])),
        Reply::Unpinned(dropped) => Ok(frozen_object(&[("pinned", false.into()), ("dropped", count(*dropped))])),
        Reply::Failed(error) => Err(Failure::from(*error)),
    }
}

fn receipt(receipt: &Receipt) -> JsValue {
    let requested: JsValue = match receipt.requested {
        Level::Local => word("local"),
        Level::One => word("one"),
        Level::Quorum => word("quorum"),
        Level::All => word("all"),
        Level::Count(count) => count.into(),
    };
    let reached = match receipt.reached {
        Reached::Local => "local",
        Reached::One => "one",
        Reached::Quorum => "quorum",
        Reached::All => "all",
    };
    let ended = match receipt.ended {
        Some(Ended::Complete) => word("complete"),
        Some(Ended::Superseded) => word("superseded"),
        None => JsValue::UNDEFINED,
    };
    plain_object(&[
        ("context", context_text(&receipt.context).into()),
        ("requested", requested),
        ("needed", receipt.needed.into()),
        ("met", receipt.met.into()),
        ("reached", word(reached)),
        ("owners", ids(&receipt.owners)),
        ("fallbacks", ids(&receipt.fallbacks)),
        ("devices", receipt.devices.into()),
        ("ended", ended),
    ])
    .into()
}

/// The siblings stay encoded: what a merge function gets must be its own to change.
fn read(read: &ReadReply) -> JsValue {
    let siblings = read.siblings.iter().map(|payload| Uint8Array::from(&payload[..]).into());
    let datatype = |datatype: &DataType| match datatype {
        DataType::Register => "siblings".into(),
        DataType::LastWriteWins => "lww".into(),
        DataType::Counter => "counter".into(),
        DataType::Set => "set".into(),
        DataType::Map => "map".into(),
    };
    plain_object(&[
        ("met", read.met.into()),
        ("needed", read.needed.into()),
        ("answered", ids(&read.answered)),
        ("context", context_text(&read.context).into()),
        ("siblings", frozen_array(siblings)),
        ("types", frozen_array(read.datatypes.iter().map(datatype))),
    ])
    .into()
}

fn change(change: &Change) -> JsValue {
    plain_object(&[("key", change.key.as_str().into()), ("read", read(&change.read))]).into()
}

fn keys(keys: &KeysReply) -> JsValue {
    frozen_object(&[
        ("met", keys.met.into()),
        ("needed", keys.needed.into()),
        ("answered", ids(&keys.answered)),
        ("keys", frozen_array(keys.keys.iter().map(|key| key.as_str().into()))),
    ])
}

/// Counts.
pub(super) fn metrics(metrics: &Metrics) -> JsValue {
    let sent = &metrics.sent;
    let requests = |kind: &str, stats: &RequestStats| {
        frozen_object(&[
            ("kind", kind.into()),
            ("count", number(stats.count)),
            ("p50Ms", number(stats.p50_ms)),
            ("p99Ms", number(stats.p99_ms)),
        ])
    };
    frozen_object(&[
        ("keys", number(metrics.keys)),
        ("bytes", number(metrics.bytes)),
        ("copies", number(metrics.copies)),
        ("copyBytes", number(metrics.copy_bytes)),
        ("hints", number(metrics.hints)),
        ("tombstones", number(metrics.tombstones)),
        ("links", number(metrics.links)),
        (
            "sentBytes",
            frozen_object(&[
                ("gossip", number(sent.gossip)),
                ("repair", number(sent.repair)),
                ("transfer", number(sent.transfer)),
                ("request", number(sent.request)),
                ("signal", number(sent.signal)),
            ]),
        ),
        ("requests", frozen_array([requests("get", &metrics.gets), requests("put", &metrics.puts)])),
        ("nodes", number(metrics.nodes)),
        ("dropped", number(metrics.frames_dropped)),
    ])
}

/// An event: the name to listen for, and what the listener gets.
pub(super) fn event(event: &PeerEvent) -> (&'static str, JsValue) {
    match event {
        PeerEvent::Member(change) => {
            let mut fields = vec![("member", member(&change.member))];
            fields.extend(change.previous.map(|previous| ("previous", status(previous))));
            ("member", frozen_object(&fields))
        }
        PeerEvent::Link { id, open, via } => {
            let via = match via {
                Via::Broadcast => "broadcast",
                Via::Rendezvous => "rendezvous",
                Via::Mesh => "mesh",
                Via::Invite => "invite",
            };
            ("link", frozen_object(&[("id", text(id)), ("open", (*open).into()), ("via", via.into())]))
        }
        PeerEvent::Protocol(event) => ("protocol", protocol_event(event)),
        PeerEvent::Storage(problem, message) => {
            ("storage", frozen_object(&[("problem", problem.name().into()), ("message", message.as_str().into())]))
        }
        PeerEvent::Rendezvous { url, connected } => {
            ("rendezvous", frozen_object(&[("url", url.as_str().into()), ("connected", (*connected).into())]))
        }
    }
}

fn protocol_event(event: &Event) -> JsValue {
    let (kind, details): (&str, Vec<(&str, JsValue)>) = match event {
        Event::Member { id, was, now } => {
            ("member", vec![("id", text(id)), ("was", was.map_or(JsValue::NULL, status)), ("now", status(*now))])
        }
        Event::Written { key, is_delete, gone, .. } => {
            let kind = match (gone, is_delete) {
                (Some(_), _) => "edit",
                (None, true) => "delete",
                (None, false) => "put",
            };
            let names = vec![("bucket", key.bucket().into()), ("key", key.name().into()), ("what", kind.into())];
            ("written", names)
        }
        Event::HintStored { owner } => ("hint-stored", vec![("owner", text(owner))]),
        Event::HintDelivered { owner } => ("hint-delivered", vec![("owner", text(owner))]),
        Event::SiblingsCreated { siblings } => ("siblings-created", vec![("siblings", count(*siblings))]),
        Event::Expired { keys } => ("expired", vec![("keys", count(*keys))]),
        Event::LetGo { keys } => ("let-go", vec![("keys", count(*keys))]),
        Event::Reaped { tombstones } => ("reaped", vec![("tombstones", count(*tombstones))]),
        Event::ReadRepaired { replica } => ("read-repaired", vec![("replica", text(replica))]),
        Event::ArcIncoming { sources } => ("arc-incoming", vec![("sources", count(*sources))]),
        Event::ArcTransferred => ("arc-transferred", vec![]),
        Event::Reconciled { with, received, sent } => {
            ("reconciled", vec![("with", text(with)), ("received", count(*received)), ("sent", count(*sent))])
        }
        Event::PersistFailed { reason } => {
            let reason = match reason {
                PersistError::Quota => "quota",
                PersistError::Failed => "failed",
            };
            ("persist-failed", vec![("reason", reason.into())])
        }
        Event::CopiesFull => ("copies-full", vec![]),
        Event::CapacityLowered { capacity } => ("capacity-lowered", vec![("capacity", (*capacity).into())]),
        Event::FrameDropped { from, reason } => {
            let reason = format!("{reason:?}").to_lowercase();
            ("frame-dropped", vec![("from", text(from)), ("reason", reason.into())])
        }
        Event::EpochBegun { reason } => {
            let reason = match reason {
                EpochReason::First => "first",
                EpochReason::UncleanStop => "unclean-stop",
                EpochReason::ForeignDot => "foreign-dot",
                EpochReason::LetGo => "let-go",
                EpochReason::MemoFull => "memo-full",
            };
            ("epoch-begun", vec![("reason", reason.into())])
        }
    };
    let mut fields = vec![("at", js_sys::Date::now().into()), ("kind", kind.into())];
    fields.extend(details);
    frozen_object(&fields)
}

fn disk(state: DiskState) -> &'static str {
    match state {
        DiskState::Sound => "sound",
        DiskState::Full => "full",
        DiskState::Failing => "failing",
    }
}

fn status(status: Status) -> JsValue {
    status.name().into()
}

fn text(id: &impl ToString) -> JsValue {
    id.to_string().into()
}

thread_local! {
    /// The ids that were last said, as strings of JavaScript: every receipt says some, and mostly the same.
    static IDS: RefCell<BTreeMap<NodeId, JsValue>> = const { RefCell::new(BTreeMap::new()) };
}
const IDS_MAX: usize = 128;

fn id(id: &NodeId) -> JsValue {
    IDS.with_borrow_mut(|ids| {
        if ids.len() >= IDS_MAX && !ids.contains_key(id) {
            ids.clear();
        }
        ids.entry(*id).or_insert_with(|| text(id)).clone()
    })
}

fn number(number: u64) -> JsValue {
    JsValue::from(number as f64)
}

fn count(count: usize) -> JsValue {
    number(count as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use roundtable_core::id::Position;

    #[test]
    fn the_last_position_is_still_on_the_ring() {
        assert_eq!(position(Position(0)), 0.0);
        assert_eq!(position(Position(1 << 63)), 0.5);
        assert!(position(Position(u64::MAX)) < 1.0);
    }
}
