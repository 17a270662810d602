//! A moment as JSON: what a page draws.
//!
//! Two things are told apart. `nodes`, `links`, `cuts`, `messages` are the truth, which no node knows. `members`,
//! `tokens` and a key's owners are what the node `seenFrom` believes, in the shapes of the live page; without one, they
//! are of all who have a seat on the ring of anybody who is open.

use roundtable_core::coordinator::{Ended, Reply};
use roundtable_core::id::Key;
use roundtable_core::membership::Status;
use roundtable_core::node::{MemberView, SentBytes};
use roundtable_core::ring::Ring;
use roundtable_core::wire::DiskState;
use serde::Deserialize;
use serde_json::{Value, json};

use super::figures::SAMPLE_KEYS;
use super::moment::{Moment, Request};
use super::{BUCKET, Lab, OPENED_MS, words};
use crate::scenario::texts_of;
use crate::soak::snake;

/// So many messages on their way are shown.
const MESSAGES_MAX: usize = 500;

/// How a state is to be seen.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct View {
    seen_from: Option<String>,
    key: Option<KeyName>,
    /// The ring that the page has drawn already: its tokens need not be told again.
    ring: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct KeyName {
    bucket: Option<String>,
    key: String,
}

impl View {
    pub(super) fn parse(text: &str) -> Result<View, String> {
        if text.is_empty() {
            return Ok(View::default());
        }
        serde_json::from_str(text).map_err(|error| format!("This is no view of a lab: {error}."))
    }
}

impl Lab {
    pub(super) fn state_of(&self, view: &View) -> Result<Value, String> {
        let moment = &self.moment;
        let tab =
            |name: &String| moment.play.cast.tab(name).map_err(|mistake| format!("It cannot be seen: {mistake}."));
        let seen_from = view.seen_from.as_ref().map(tab).transpose()?;
        let key = |name: &KeyName| {
            let bucket = name.bucket.as_deref().unwrap_or(BUCKET);
            let key = Key::new(bucket, &name.key).map_err(|error| format!("{:?} is no key: {error}.", name.key))?;
            Ok::<Value, String>(moment.key(&key, seen_from))
        };
        let key = view.key.as_ref().map(key).transpose()?;
        let (ring, members, tokens) = moment.believed(seen_from, view.ring.as_deref());
        let (first, next) = self.logbook.bounds(moment);
        let violation = moment.violation.as_ref().map(|found| {
            json!({
                "at": found.at, "checker": found.checker, "rule": found.rule, "what": found.what,
                "keys": found.keys, "nodes": found.nodes,
            })
        });
        Ok(json!({
            "now": self.now(),
            "end": self.end(),
            "trace": self.trace(),
            "acts": moment.acts_done,
            "first": first,
            "next": next,
            "nodes": moment.nodes(),
            "members": members,
            "ring": ring,
            "tokens": tokens,
            "links": moment.pairs(moment.play.soak.world.linked()),
            "cuts": moment.pairs(moment.play.soak.world.severed()),
            "messages": moment.messages(),
            "key": key,
            "requests": moment.requests.iter().rev().map(|request| moment.request(request)).collect::<Vec<_>>(),
            "metrics": moment.metrics(),
            "violation": violation,
            "note": self.note,
        }))
    }
}

impl Moment {
    fn nodes(&self) -> Vec<Value> {
        let world = &self.play.soak.world;
        let settled = |at: usize| world.is_open(at) && world.node(at).view().settled();
        let node = |at: usize| {
            let host = &world.hosts[at];
            let metrics = host.node.as_ref().map(|node| node.view().metrics()).unwrap_or_default();
            json!({
                "name": self.play.cast.name_of(at),
                "id": host.id.to_string(),
                "device": self.device_name(at),
                "capacity": world.capacity(at),
                "open": world.is_open(at),
                "frozen": world.is_frozen(at),
                "diskFull": host.disk_full,
                "skewMs": world.skew(at),
                "status": self.status(at),
                "links": metrics.links,
                "keys": metrics.keys,
                "bytes": metrics.bytes,
                "hints": metrics.hints,
                "tombstones": metrics.tombstones,
                "settled": settled(at),
                "sentBytes": sent(&metrics.sent),
            })
        };
        (0..world.hosts.len()).map(node).collect()
    }

    /// How a tab is in truth.
    fn status(&self, at: usize) -> &'static str {
        let world = &self.play.soak.world;
        if self.play.soak.has_left(at) {
            return "departed";
        }
        let Some(node) = &world.hosts[at].node else {
            // Its seat is held for it, as far as anybody knows.
            return if self.figures.seated().contains(&at) { "suspect" } else { "dormant" };
        };
        let own = node.view().members().first().map(|member| member.status);
        own.map_or("up", Status::name)
    }

    /// The ring by its hash, the members, and the tokens unless the page has them: by what a tab believes, or by what
    /// all do together.
    fn believed(&self, seen_from: Option<usize>, known: Option<&str>) -> (String, Vec<Value>, Option<Vec<Value>>) {
        let world = &self.play.soak.world;
        if let Some(at) = seen_from.filter(|&at| world.is_open(at)) {
            let view = world.node(at).view();
            let ring = format!("{:016x}", view.ring_hash());
            let is_new = known != Some(&ring);
            let tokens = is_new.then(|| view.tokens().into_iter().map(token).collect());
            return (ring, view.members().iter().map(|member| self.member(member)).collect(), tokens);
        }
        let seated: Vec<usize> = match seen_from {
            // Who is closed believes nothing.
            Some(_) => Vec::new(),
            None => self.figures.seated().to_vec(),
        };
        let ring: Ring = world.ring_of(&seated);
        let hash = format!("{:016x}", ring.hash());
        let tokens = (known != Some(&hash)).then(|| ring.tokens().map(token).collect());
        let shares = ring.shares();
        let members = seated.iter().map(|&at| {
            let host = &world.hosts[at];
            let share = shares.iter().find(|(id, _)| *id == host.id).map_or(0, |(_, share)| *share);
            json!({
                "id": host.id.to_string(), "device": self.device_name(at), "label": self.play.cast.name_of(at),
                "capacity": world.capacity(at), "status": self.status(at), "self": false,
                "linked": world.is_open(at), "owns": owns(share), "disk": if host.disk_full { "full" } else { "sound" },
            })
        });
        (hash, members.collect(), tokens)
    }

    fn member(&self, member: &MemberView) -> Value {
        let at = self.play.soak.world.tabs_of(member.id).first().copied();
        json!({
            "id": member.id.to_string(),
            "device": at.map_or_else(String::new, |at| self.device_name(at)),
            "label": member.label,
            "capacity": member.capacity,
            "status": member.status.name(),
            "self": member.me,
            "linked": member.linked,
            "owns": owns(member.share),
            "disk": match member.disk {
                DiskState::Sound => "sound",
                DiskState::Full => "full",
                DiskState::Failing => "failing",
            },
        })
    }

    fn pairs(&self, pairs: impl Iterator<Item = (usize, usize)>) -> Vec<[&str; 2]> {
        pairs.map(|(a, b)| [self.play.cast.name_of(a), self.play.cast.name_of(b)]).collect()
    }

    fn messages(&self) -> Vec<Value> {
        let since = |at: roundtable_core::time::Instant| at.0.saturating_sub(OPENED_MS);
        let in_flight = self.play.soak.world.in_flight().take(MESSAGES_MAX);
        let message = |message: crate::InFlight<'_>| {
            let (kind, what) = words::frame(message.bytes);
            json!({
                "id": message.id,
                "from": self.play.cast.name_of(message.from),
                "to": self.play.cast.name_of(message.to),
                "kind": kind,
                "what": what,
                "left": since(message.left),
                "arrives": since(message.due),
                "bytes": message.bytes.len(),
            })
        };
        in_flight.map(message).collect()
    }

    fn request(&self, request: &Request) -> Value {
        let world = &self.play.soak.world;
        let names = |ids: &[roundtable_core::id::NodeId]| -> Vec<String> {
            ids.iter().map(|&id| words::name_of(&self.play, id).to_owned()).collect()
        };
        let n = world.hosts[request.tab].node.as_ref().map_or(0, |node| node.view().n());
        let mut told = json!({
            "id": request.id.0,
            "at": request.at,
            "node": self.play.cast.name_of(request.tab),
            "kind": request.kind,
            "bucket": request.key.bucket(),
            "key": request.key.name(),
            "level": words::level(request.level),
            "answered": 0,
            "needed": request.level.needed(n),
            "owners": [],
            "fallbacks": [],
            "ended": false,
        });
        match world.last(request.tab, request.id) {
            Some(Reply::Receipt(receipt)) => {
                told["answered"] = json!(receipt.owners.len() + receipt.fallbacks.len());
                told["needed"] = json!(receipt.needed);
                told["met"] = json!(receipt.met);
                told["reached"] = json!(words::reached(receipt.reached));
                told["owners"] = json!(names(&receipt.owners));
                told["fallbacks"] = json!(names(&receipt.fallbacks));
                told["devices"] = json!(receipt.devices);
                told["ended"] = json!(receipt.ended.is_some());
                if receipt.ended == Some(Ended::Superseded) {
                    told["result"] = json!("superseded");
                }
            }
            Some(Reply::Read(read)) => {
                told["answered"] = json!(read.answered.len());
                told["needed"] = json!(read.needed);
                told["met"] = json!(read.met);
                told["owners"] = json!(names(&read.answered));
                told["values"] = json!(texts_of(read));
                told["result"] = json!(texts_of(read).join(", "));
                told["ended"] = json!(true);
            }
            Some(Reply::Failed(error)) => {
                told["met"] = json!(false);
                told["result"] = json!(snake(&format!("{error:?}")).replace('_', " "));
                told["ended"] = json!(true);
            }
            _ => {}
        }
        told
    }

    fn metrics(&self) -> Value {
        let world = &self.play.soak.world;
        let hints: u64 = world.alive().iter().map(|&at| world.node(at).view().metrics().hints).sum();
        let [gets, puts] = self.figures.percentiles();
        let moved = self.figures.moved();
        json!({
            "convergedAt": self.figures.settled_since(),
            "hints": hints,
            "bytesPerSecond": sent(&self.figures.bytes_per_second()),
            "p50Ms": { "get": gets.map(|(half, _)| half), "put": puts.map(|(half, _)| half) },
            "p99Ms": { "get": gets.map(|(_, most)| most), "put": puts.map(|(_, most)| most) },
            "movedKeys": { "ring": moved.ring, "mod": moved.modulo, "of": SAMPLE_KEYS },
        })
    }
}

fn sent(sent: &SentBytes) -> Value {
    json!({
        "gossip": sent.gossip,
        "repair": sent.repair,
        "transfer": sent.transfer,
        "request": sent.request,
        "link": sent.signal,
    })
}

fn token((position, id): (roundtable_core::id::Position, roundtable_core::id::NodeId)) -> Value {
    json!({ "position": words::position(position), "id": id.to_string() })
}

fn owns(share: u64) -> f64 {
    share as f64 / u64::MAX as f64
}
