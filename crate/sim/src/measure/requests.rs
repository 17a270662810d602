//! What a put and a get at quorum cost in a room where nobody is away: how long they take, and how many messages.
//!
//! Every frame takes ten milliseconds and every batch of the disk one, so an answer after twenty milliseconds has taken
//! one round trip and no more. Requests are made one at a time and each is watched until nothing of it is on its way.
//! Messages are all frames of requests, hints, repair and acknowledgements, both ways. A probe that happens to see a
//! write on its way may begin a comparison of two owners, once in ten seconds; what compares has its own row.
//!
//! The tab that is asked coordinates. If it owns the key it is one of the N copies itself: N − 1 messages and as many
//! answers, which is the bar. If it does not, there are N of each. The first put of a burst waits for one batch more:
//! the disk has to know that there will be dots before one is made.

use roundtable_core::coordinator::{Keep, Level, Reply, Request, Terms};
use roundtable_core::id::Key;
use roundtable_core::wire::{self, Lane, Message};

use super::{Bar, Figure, Options, stock};
use crate::World;

const LATENCY_MS: u64 = 10;
const DISK_MS: u64 = 1;
const REQUESTS: usize = 50;
/// How long each request is watched: shorter than what a burst is, so that it goes on.
const WATCH_MS: u64 = 200;
/// Longer than a burst.
const PAUSE_MS: u64 = 10_000;
/// How many nodes, and how many copies.
const ROOMS: [(usize, u8); 4] = [(3, 3), (10, 3), (16, 3), (10, 5)];

/// Of all requests of a kind, the most; of what compares, all.
#[derive(Debug, Clone, Copy, Default)]
struct Most {
    ms: u64,
    messages: u64,
    compares: u64,
}

fn room(nodes: usize, n: u8) -> World {
    let mut world = World::new(nodes as u64);
    world.tuning.latency_ms = (LATENCY_MS, LATENCY_MS);
    world.tuning.disk_ms = (DISK_MS, DISK_MS);
    for device in 0..nodes {
        world.open_with(u8::try_from(device).unwrap_or(u8::MAX), |config| config.n = n);
    }
    assert!(world.settle(60_000), "{}", world.unsettled());
    world
}

/// Keys that a tab owns, or does not.
fn keys(world: &World, tab: usize, is_owner: bool) -> Vec<Key> {
    let id = world.hosts[tab].id;
    let is_meant = |key: &Key| world.node(tab).view().preference_list(key).owners.contains(&id) == is_owner;
    (0..).map(stock::key).filter(is_meant).take(REQUESTS).collect()
}

fn is_met(reply: &Reply) -> bool {
    match reply {
        Reply::Receipt(receipt) => receipt.met,
        Reply::Read(read) => read.met,
        _ => false,
    }
}

/// Ask, and see what comes of it. `None`: it was not answered as it should be.
fn ask(world: &mut World, tab: usize, request: Request) -> Option<Most> {
    let since = world.now;
    world.tap = Some(Vec::new());
    let id = world.request(tab, request);
    let is_answered = world.run_until(WATCH_MS, |world| world.last(tab, id).is_some_and(is_met));
    let ms = world.now.since(since);
    world.run_for(WATCH_MS - ms);
    let mut most = Most { ms, ..Most::default() };
    for frame in world.tap.take().unwrap_or_default() {
        let message = wire::decode(&frame.bytes).expect("nodes send what can be read");
        match message {
            Message::Compare { .. } | Message::Summary { .. } | Message::Mismatch { .. } => most.compares += 1,
            message if message.lane() != Lane::Control => most.messages += 1,
            _ => {}
        }
    }
    is_answered.then_some(most)
}

fn put(key: &Key) -> Request {
    let value = vec![7; stock::VALUE_BYTES].into();
    Request::Put { key: key.clone(), value, keep: Keep::default(), context: None, terms: at_quorum() }
}

fn at_quorum() -> Terms {
    Terms { level: Some(Level::Quorum), timeout_ms: None }
}

/// The first put of a burst, the others, and gets of what was put.
fn of(world: &mut World, tab: usize, keys: &[Key]) -> Option<(Most, Most, Most)> {
    world.run_for(PAUSE_MS);
    let first = ask(world, tab, put(&keys[0]))?;
    let most = |all: Option<Vec<Most>>| -> Option<Most> {
        let all = all?;
        let ms = all.iter().map(|one| one.ms).max()?;
        let messages = all.iter().map(|one| one.messages).max()?;
        Some(Most { ms, messages, compares: all.iter().map(|one| one.compares).sum() })
    };
    let puts = most(keys[1..].iter().map(|key| ask(world, tab, put(key))).collect())?;
    let gets = keys.iter().map(|key| ask(world, tab, Request::Get { key: key.clone(), terms: at_quorum() }));
    Some((first, puts, most(gets.collect())?))
}

/// Times and messages, by whether the coordinator is an owner.
pub(super) fn measure(options: &Options) -> Vec<Figure> {
    let rooms = options.nodes.map_or(ROOMS.to_vec(), |nodes| vec![(nodes, 3)]);
    let mut figures = Vec::new();
    for (nodes, n) in rooms {
        let mut world = room(nodes, n);
        for is_owner in [true, false] {
            if !is_owner && nodes <= usize::from(n) {
                continue;
            }
            let keys = keys(&world, 0, is_owner);
            let found = of(&mut world, 0, &keys);
            let who = if is_owner { "an owner" } else { "no owner" };
            let setting = format!("{nodes} nodes, N = {n}, coordinated by {who}");
            let others = u64::from(n) - u64::from(is_owner);
            let mut add = |what: &str, value: Option<f64>, unit, bar| {
                let value = value.unwrap_or(f64::INFINITY);
                figures.push(Figure { what: what.into(), setting: setting.clone(), value, unit, bar });
            };
            let trips = |ms: u64, disk: u64| (ms - disk.min(ms)) as f64 / (2 * LATENCY_MS) as f64;
            let (one, messages) = (Some(Bar::AtMost(1.0)), Some(Bar::AtMost(2.0 * others as f64)));
            let unit = "round trips";
            add("a put, without its batch: most", found.map(|(_, put, _)| trips(put.ms, DISK_MS)), unit, one);
            add("messages a put: most", found.map(|(_, put, _)| put.messages as f64), "", messages);
            add("a get: most", found.map(|(.., get)| trips(get.ms, 0)), unit, one);
            add("messages a get: most", found.map(|(.., get)| get.messages as f64), "", messages);
            let first = found.map(|(first, ..)| trips(first.ms, 2 * DISK_MS));
            let compares = found.map(|(_, put, _)| put.compares as f64 / (REQUESTS - 1) as f64);
            add("messages a put that compare: mean", compares, "", None);
            add("the first put of a burst, without two batches", first, unit, one);
        }
    }
    figures
}
