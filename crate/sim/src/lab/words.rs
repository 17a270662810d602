//! Frames, events and happenings in words that a page shows, with tabs by their names.

use std::fmt::Write as _;

use roundtable_core::clock::{Dot, VersionVector};
use roundtable_core::coordinator::{Level, Reached};
use roundtable_core::id::{Actor, NodeId, Position};
use roundtable_core::membership::Status;
use roundtable_core::node::{EpochReason, Event};
use roundtable_core::wire::{self, Message, Purpose, Traffic};
use serde_json::{Map, Value, json};

use super::moment::{Moment, Tick};
use crate::Coming;
use crate::scenario::Play;

/// What a frame serves, and what it is.
pub(super) fn frame(bytes: &[u8]) -> (&'static str, &'static str) {
    match wire::decode(bytes) {
        Ok(Message::Relayed(relayed)) => match wire::decode(&relayed.bytes) {
            Ok(message) => message_words(&message),
            Err(_) => ("gossip", "relayed"),
        },
        Ok(message) => message_words(&message),
        Err(_) => ("gossip", "unreadable"),
    }
}

fn message_words(message: &Message) -> (&'static str, &'static str) {
    let what = match message {
        Message::Hello { .. } => return ("link", "hello"),
        Message::Links(_) => return ("link", "links"),
        Message::Signal { .. } => return ("link", "signal"),
        Message::Goodbye { .. } => "goodbye",
        Message::Ping { .. } => "ping",
        Message::Ack { .. } => "ack",
        Message::Enquire { .. } => "enquire",
        Message::Vouch { .. } => "vouch",
        Message::Rumours(_) => "rumours",
        Message::Digest { .. } => "digest",
        Message::Records(_) => "records",
        Message::Store { hint: Some(_), .. } => "store for another",
        Message::Store { .. } => "store",
        Message::Stored { .. } => "stored",
        Message::Fetch { .. } => "fetch",
        Message::Fetched { .. } => "fetched",
        Message::List { .. } => "list",
        Message::Listed { .. } => "listed",
        Message::Watch { .. } => "watch",
        Message::Changed { .. } => "changed",
        Message::Objects { purpose: Purpose::Hint, .. } => "hint goes home",
        Message::Objects { .. } => "objects",
        Message::Kept { .. } => "kept",
        Message::Holds { .. } => "do you hold these?",
        Message::Held { .. } => "held",
        Message::Reap { .. } => "reap",
        Message::Compare { .. } => "compare",
        Message::Summary { .. } => "summary",
        Message::Mismatch { .. } => "mismatch",
        Message::Want { .. } => "want",
        Message::Vitals { .. } => "vitals",
        Message::Relayed(_) => "relayed",
        Message::Several(_) => "several",
    };
    let kind = match message.traffic() {
        Traffic::Gossip => "gossip",
        Traffic::Repair => "repair",
        Traffic::Transfer => "transfer",
        Traffic::Request => "request",
        Traffic::Signal => "link",
    };
    (kind, what)
}

/// A tab's name.
pub(super) fn name_of(play: &Play, id: NodeId) -> &str {
    play.soak.world.tabs_of(id).first().map_or("?", |&at| play.cast.name_of(at))
}

/// Who made a write: a tab, and the first digits of its epoch.
fn actor(play: &Play, actor: Actor) -> String {
    format!("{}/{:04x}", name_of(play, actor.node), actor.epoch & 0xffff)
}

/// The name of a write: who made it, and its number.
pub(super) fn dot(play: &Play, dot: Dot) -> String {
    format!("{}:{}", actor(play, dot.actor), dot.counter)
}

/// A clock: of each actor the last number that is covered.
pub(super) fn clock(play: &Play, clock: &VersionVector) -> Value {
    let entries: Map<String, Value> =
        clock.iter().map(|dot| (actor(play, dot.actor), Value::from(dot.counter))).collect();
    Value::Object(entries)
}

pub(super) fn level(level: Level) -> Value {
    match level {
        Level::Local => "local".into(),
        Level::One => "one".into(),
        Level::Quorum => "quorum".into(),
        Level::All => "all".into(),
        Level::Count(count) => count.into(),
    }
}

pub(super) fn reached(reached: Reached) -> &'static str {
    match reached {
        Reached::Local => "local",
        Reached::One => "one",
        Reached::Quorum => "quorum",
        Reached::All => "all",
    }
}

/// A point of the ring as a fraction of its circumference.
pub(super) fn position(position: Position) -> f64 {
    // 2^64, exactly; the quotient of the last few hundred positions would round up to 1.
    (position.0 as f64 / 18_446_744_073_709_551_616.0).min(1.0 - f64::EPSILON)
}

/// What a node tells of: its kind, what belongs to it, and the clock of a write.
pub(super) fn event(play: &Play, event: &Event) -> (&'static str, Value, Option<Value>) {
    let name = |id: &NodeId| name_of(play, *id);
    let (kind, details) = match event {
        Event::Member { id, was, now } => {
            ("member", json!({ "about": name(id), "was": was.map(Status::name), "now": now.name() }))
        }
        Event::Written { key, dot: made, context, is_delete, .. } => {
            let what = if *is_delete { "delete" } else { "put" };
            let mut seen = context.clone();
            seen.see(*made);
            let details = json!({ "bucket": key.bucket(), "key": key.name(), "what": what, "dot": dot(play, *made) });
            return ("written", details, Some(clock(play, &seen)));
        }
        Event::HintStored { owner } => ("hint-stored", json!({ "about": name(owner) })),
        Event::HintDelivered { owner } => ("hint-delivered", json!({ "about": name(owner) })),
        Event::SiblingsCreated { siblings } => ("siblings-created", json!({ "count": siblings })),
        Event::Expired { keys } => ("expired", json!({ "count": keys })),
        Event::LetGo { keys } => ("let-go", json!({ "count": keys })),
        Event::Reaped { tombstones } => ("reaped", json!({ "count": tombstones })),
        Event::ReadRepaired { replica } => ("read-repaired", json!({ "about": name(replica) })),
        Event::ArcIncoming { sources } => ("arc-incoming", json!({ "count": sources })),
        Event::ArcTransferred => ("arc-transferred", json!({})),
        Event::Reconciled { with, received, sent } => {
            ("reconciled", json!({ "about": name(with), "received": received, "sent": sent }))
        }
        Event::PersistFailed { .. } => ("persist-failed", json!({})),
        Event::CopiesFull => ("copies-full", json!({})),
        Event::CapacityLowered { capacity } => ("capacity-lowered", json!({ "capacity": capacity })),
        Event::FrameDropped { from, .. } => ("frame-dropped", json!({ "about": name(from) })),
        Event::EpochBegun { reason } => {
            let reason = match reason {
                EpochReason::First => "first",
                EpochReason::UncleanStop => "unclean-stop",
                EpochReason::ForeignDot => "foreign-dot",
                EpochReason::LetGo => "let-go",
                EpochReason::MemoFull => "memo-full",
            };
            ("epoch-begun", json!({ "reason": reason }))
        }
    };
    (kind, details, None)
}

/// A tick: what kind it was, whom it concerns, and one line for people.
pub(super) fn happening(moment: &Moment, tick: &Tick) -> Value {
    let name = |at: &usize| moment.play.cast.name_of(*at);
    let mut text = String::new();
    let (kind, nodes, message) = match tick {
        Tick::Look => ("look", vec![], None),
        Tick::Load => {
            text.push_str("a request of the load comes");
            ("request", vec![], None)
        }
        Tick::World(coming) => match coming {
            Coming::Frame { id, from, to, bytes } => {
                let (kind, what) = frame(bytes);
                let _ = write!(text, "{what}: a message from {} reaches {}", name(from), name(to));
                let message = json!({ "id": id, "kind": kind, "what": what, "bytes": bytes.len() });
                ("message", vec![name(from), name(to)], Some(message))
            }
            Coming::LinkOpens(a, b) => {
                let _ = write!(text, "{} and {} get a link", name(a), name(b));
                ("link-opens", vec![name(a), name(b)], None)
            }
            Coming::DialFails(at) => {
                let _ = write!(text, "{} reaches nobody where it dialled", name(at));
                ("dial-fails", vec![name(at)], None)
            }
            Coming::LinkDies(a, b) => {
                let _ = write!(text, "{} and {} learn that their link is gone", name(a), name(b));
                ("link-dies", vec![name(a), name(b)], None)
            }
            Coming::Disk(at, _) => {
                let _ = write!(text, "the disk of {} is done with what it was given", name(at));
                ("disk", vec![name(at)], None)
            }
            Coming::Clock(at) => {
                let _ = write!(text, "{} looks at its clock", name(at));
                ("clock", vec![name(at)], None)
            }
            Coming::Flips(a, b) => {
                let _ = write!(text, "the link of {} and {} comes or goes", name(a), name(b));
                ("flips", vec![name(a), name(b)], None)
            }
            Coming::Ends(at) => {
                let _ = write!(text, "{} is closed", name(at));
                ("ends", vec![name(at)], None)
            }
            Coming::Timer(at) => {
                let _ = write!(text, "a timer of {} fires", name(at));
                ("timer", vec![name(at)], None)
            }
        },
    };
    json!({ "kind": kind, "nodes": nodes, "text": text, "message": message })
}
