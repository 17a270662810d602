//! What has been seen: the log, and the messages and events of the space-time diagram.
//!
//! It is kept beside the moments, not in them: going back in time hides what lies ahead, and living through it again
//! adds nothing. Each entry knows how many ticks and how many acts there were by then, which along one line of history
//! only grow. Both rings are bounded; what is too old falls out.

use std::collections::VecDeque;

use roundtable_core::time::Instant;
use serde_json::{Value, json};

use super::OPENED_MS;
use super::moment::{Moment, Tick};
use super::words;
use crate::{Coming, Seen};

/// So many entries are kept.
const ENTRIES_MAX: usize = 10_000;
/// So many messages.
const MESSAGES_MAX: usize = 20_000;
/// So many messages, and so many events, one diagram shows.
const SHOWN_MAX: usize = 2_000;
/// So many entries are given at once.
const GIVEN_MAX: usize = 2_000;

/// How many ticks and acts there were.
type When = (u64, usize);

#[derive(Debug, Clone)]
struct Entry {
    when: When,
    at: u64,
    node: Option<usize>,
    kind: &'static str,
    details: Value,
    clock: Option<Value>,
}

#[derive(Debug, Clone)]
struct Passage {
    id: u64,
    when: When,
    from: usize,
    to: usize,
    kind: &'static str,
    what: &'static str,
    left: u64,
    /// When it is to arrive; `None`: never, it is lost.
    due: Option<u64>,
    /// When it did, or that its link was gone by then; and when that was seen.
    ended: Option<(u64, bool, When)>,
}

/// All that has been seen on this line of history.
#[derive(Debug, Clone, Default)]
pub(super) struct Logbook {
    entries: VecDeque<Entry>,
    /// The number of the oldest entry.
    first: u64,
    messages: VecDeque<Passage>,
    /// Up to when everything has been seen.
    seen: When,
}

impl Logbook {
    /// Take in what was seen with a tick, unless it has been lived through already.
    pub(super) fn on_tick(&mut self, moment: &mut Moment, tick: &Tick) {
        if !self.is_news(moment) {
            return;
        }
        if let Tick::World(Coming::Frame { id, .. }) = tick {
            let seen = moment.play.soak.world.seen.as_ref();
            let has_arrived = seen.is_some_and(|seen| seen.iter().any(|seen| matches!(seen, Seen::Arrived)));
            let ended = Some((moment.now(), has_arrived, when(moment)));
            if let Some(message) = self.messages.iter_mut().rev().find(|message| message.id == *id) {
                message.ended = ended;
            }
        }
        self.take(moment);
    }

    /// Somebody has done something: take it in, and what was seen with it, unless it has been lived through already.
    pub(super) fn on_act(&mut self, moment: &mut Moment, text: &str) {
        if self.is_news(moment) {
            let details = json!({ "step": serde_json::from_str::<Value>(text).unwrap_or_default() });
            let (when, at) = (when(moment), moment.now());
            self.push(Entry { when, at, node: None, kind: "act", details, clock: None });
            self.take(moment);
        }
    }

    /// Whether this has not been lived through yet. If it has, what was seen with it is known.
    fn is_news(&self, moment: &mut Moment) -> bool {
        let is_news = when(moment) > self.seen;
        if !is_news {
            moment.play.soak.world.seen.iter_mut().for_each(Vec::clear);
        }
        is_news
    }

    /// Take in what has been seen since the last time.
    pub(super) fn take(&mut self, moment: &mut Moment) {
        let seen = moment.play.soak.world.seen.as_mut().map(std::mem::take).unwrap_or_default();
        let (when, at) = (when(moment), moment.now());
        self.seen = when;
        for seen in seen {
            match seen {
                Seen::Sent { id, from, to, due, bytes } => {
                    let (kind, what) = words::frame(&bytes);
                    let due = Some(since_opened(due));
                    self.send(Passage { id, when, from, to, kind, what, left: at, due, ended: None });
                }
                Seen::Lost { from, to, bytes } => {
                    let (kind, what) = words::frame(&bytes);
                    self.send(Passage { id: 0, when, from, to, kind, what, left: at, due: None, ended: None });
                }
                Seen::Arrived => {}
                Seen::Linked { a, b } => {
                    let details = json!({ "about": moment.play.cast.name_of(b) });
                    self.push(Entry { when, at, node: Some(a), kind: "linked", details, clock: None });
                }
                Seen::Event { at: tab, event } => {
                    let (kind, details, clock) = words::event(&moment.play, &event);
                    self.push(Entry { when, at, node: Some(tab), kind, details, clock });
                }
            }
        }
    }

    fn push(&mut self, entry: Entry) {
        self.entries.push_back(entry);
        if self.entries.len() > ENTRIES_MAX {
            self.entries.pop_front();
            self.first += 1;
        }
    }

    fn send(&mut self, message: Passage) {
        self.messages.push_back(message);
        if self.messages.len() > MESSAGES_MAX {
            self.messages.pop_front();
        }
    }

    /// What came after this moment never was.
    pub(super) fn truncate(&mut self, moment: &Moment) {
        let last = when(moment);
        while self.entries.back().is_some_and(|entry| entry.when > last) {
            self.entries.pop_back();
        }
        while self.messages.back().is_some_and(|message| message.when > last) {
            self.messages.pop_back();
        }
        for message in self.messages.iter_mut().filter(|message| message.ended.is_some_and(|(.., by)| by > last)) {
            message.ended = None;
        }
        self.seen = self.seen.min(last);
    }

    /// The number of the oldest entry, and the number after that of the newest that is not in this moment's future.
    pub(super) fn bounds(&self, moment: &Moment) -> (u64, u64) {
        let known = self.entries.partition_point(|entry| entry.when <= when(moment));
        (self.first, self.first + known as u64)
    }

    /// Entries from this number on, as far as they are not in the future of this moment.
    pub(super) fn entries(&self, moment: &Moment, since: u64) -> Value {
        let skipped = since.saturating_sub(self.first).min(self.entries.len() as u64) as usize;
        let entries = self.entries.iter().enumerate().skip(skipped);
        let known = entries.take_while(|(_, entry)| entry.when <= when(moment)).take(GIVEN_MAX);
        known.map(|(index, entry)| entry.told(moment, self.first + index as u64)).collect()
    }

    /// The diagram of a span: what was on its way in it, and what happened in it.
    pub(super) fn diagram(&self, moment: &Moment, from_ms: u64, to_ms: u64) -> Value {
        let (now, name) = (when(moment), |at: usize| moment.play.cast.name_of(at));
        let is_within = |at: u64| (from_ms..=to_ms).contains(&at);
        let in_span = |entry: &&Entry| entry.when <= now && entry.node.is_some() && is_within(entry.at);
        let events = self.entries.iter().rev().filter(in_span).take(SHOWN_MAX);
        let mut events: Vec<Value> = events.map(|entry| entry.told(moment, 0)).collect();
        events.reverse();
        let is_shown = |message: &&Passage| {
            let until = message.ended.map_or(message.due.unwrap_or(message.left), |(at, ..)| at);
            message.when <= now && message.left <= to_ms && until >= from_ms
        };
        let messages = self.messages.iter().rev().filter(is_shown).take(SHOWN_MAX);
        let mut messages: Vec<Value> = messages.map(|message| message.told(now, name)).collect();
        messages.reverse();
        let nodes: Vec<&str> = (0..moment.play.soak.world.hosts.len()).map(name).collect();
        json!({ "nodes": nodes, "events": events, "messages": messages })
    }
}

impl Entry {
    fn told(&self, moment: &Moment, index: u64) -> Value {
        let mut told = json!({
            "index": index,
            "at": self.at,
            "kind": self.kind,
            "node": self.node.map(|at| moment.play.cast.name_of(at)),
        });
        if let (Some(told), Some(details)) = (told.as_object_mut(), self.details.as_object()) {
            told.extend(details.iter().map(|(name, value)| (name.clone(), value.clone())));
            if let Some(clock) = &self.clock {
                told.insert("clock".into(), clock.clone());
            }
        }
        told
    }
}

impl Passage {
    fn told<'a>(&self, now: When, name: impl Fn(usize) -> &'a str) -> Value {
        let ended = self.ended.filter(|(.., by)| *by <= now);
        let is_lost = self.due.is_none() || ended.is_some_and(|(_, has_arrived, _)| !has_arrived);
        let mut told = json!({
            "id": self.id,
            "from": name(self.from),
            "to": name(self.to),
            "kind": self.kind,
            "what": self.what,
            "left": self.left,
        });
        match (is_lost, ended) {
            (true, _) => told["lost"] = json!(ended.map_or(self.left, |(at, ..)| at)),
            (false, Some((at, ..))) => told["arrived"] = json!(at),
            (false, None) => told["arrives"] = json!(self.due),
        }
        told
    }
}

fn when(moment: &Moment) -> When {
    (moment.ticks, moment.acts_done)
}

fn since_opened(at: Instant) -> u64 {
    at.0.saturating_sub(OPENED_MS)
}
