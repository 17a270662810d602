//! How many replicated puts and gets one core carries, when all nodes run on it.
//!
//! Ten nodes with nothing between them (`bare`), N = 3, W = R = 2, values of a hundred bytes. Each key is written by
//! one tab, which mostly is no owner: three frames go out and three come back, each encoded and decoded. A hundred
//! requests are under way at a time; then a millisecond passes, so probes and comparisons cost what they do.
//!
//! Real time says as much of the machine as of the code, so it is held against a *floor* in the same run: the object of
//! each put encoded, decoded and laid into an ordered map, three times. Both are timed in turns, by the time that this
//! thread has run, and of each the quickest turn counts.
//!
//! A put may cost little more where there are more keys: that ratio has a bar. Some it does, as the floor does: maps
//! grow deeper and leave the processor's caches. Rooms with few keys and with many are timed in turns as well, for the
//! machine is not as fast in one minute as in the next; and before each is timed it answers as many requests as the
//! small one has keys, so that what the others have driven out of the caches is there again. What a hundred times as
//! many keys cost is memory that is in no cache: the faster the processor beside its memory, the more they cost. On one
//! machine it was 1.1 to 1.3 times as much, and the bar held; on a faster one, which makes 110,000 puts a second, 1.55,
//! and it does not. The floor grew by 2 on the one and by 2.5 on the other.
//!
//! The default build counts allocations, for `memory`, which is a twentieth of a put; as it is, it is measured by
//! `cargo run --release -p roundtable-sim --no-default-features --features native -- measure throughput`. What does not
//! depend on the machine are instructions: callgrind counts 75,000 for a put of ten nodes with 10,000 keys.

use std::collections::BTreeMap;

use cpu_time::ThreadTime;
use roundtable_core::coordinator::Request;
use roundtable_core::id::Key;
use roundtable_core::wire::{self, Message, Object};

use super::{Bar, Figure, Options, stock};
use crate::bare::{self, Bare, N};

const NODES: usize = 10;
/// How many keys there are when it is timed.
const KEYS: [u64; 3] = [10_000, 100_000, 1_000_000];
/// How often each room comes to be timed, in how many turns of how many requests.
const ROUNDS: usize = 5;
const TURNS: usize = 4;
const REQUESTS: u64 = 1_000;

/// How much more a put may cost where there are ten times as many keys, and a hundred times.
const GROWTH: [Bar; 2] = [Bar::AtMost(1.5), Bar::AtMost(1.3)];

/// Seconds that one request takes.
#[derive(Debug, Clone, Copy)]
struct Cost {
    put: f64,
    get: f64,
    floor: f64,
}

/// Make these requests, each at the tab whose it is, and tell how many seconds one took.
fn time(bare: &mut Bare, requests: impl ExactSizeIterator<Item = (u64, Request)>) -> f64 {
    let (nodes, count) = (bare.nodes.len() as u64, requests.len());
    // To make up a request is the application's work.
    let requests: Vec<(usize, Request)> =
        requests.map(|(number, request)| (usize::try_from(number % nodes).unwrap_or(0), request)).collect();
    let begun = ThreadTime::now();
    bare.requests(requests.into_iter());
    begun.elapsed().as_secs_f64() / count as f64
}

/// The least that could be done for a put.
fn floor(held: &mut [BTreeMap<Key, Object>], numbers: impl ExactSizeIterator<Item = u64>) -> f64 {
    let (nodes, count) = (held.len() as u64, numbers.len());
    let objects: Vec<(u64, (Key, Object))> = numbers.map(|number| (number, stock::object(number, 1))).collect();
    let begun = ThreadTime::now();
    for (number, (key, object)) in objects {
        for copy in 0..u64::from(N) {
            let store = Message::Store { request: number, key: key.clone(), object: object.clone(), hint: None };
            let Ok(Message::Store { key, object, .. }) = wire::decode(&wire::encode(&store)) else { continue };
            held[usize::try_from((number + copy) % nodes).unwrap_or(0)].insert(key, object);
        }
    }
    begun.elapsed().as_secs_f64() / count as f64
}

/// A room with so many keys, and as many objects laid into maps.
struct Filled {
    keys: u64,
    bare: Bare,
    held: Vec<BTreeMap<Key, Object>>,
    least: Cost,
}

impl Filled {
    fn new(nodes: usize, keys: u64) -> Filled {
        let (mut bare, mut held) = (Bare::new(nodes), vec![BTreeMap::new(); nodes]);
        // The first put of each tab waits for its disk.
        let first = nodes as u64;
        time(&mut bare, numbers(0..first).map(|number| (number, bare::put(number))));
        time(&mut bare, numbers(first..keys).map(|number| (number, bare::put(number))));
        floor(&mut held, numbers(first..keys));
        Filled { keys, bare, held, least: Cost { put: f64::INFINITY, get: f64::INFINITY, floor: f64::INFINITY } }
    }

    /// Some turns; of all turns the quickest counts.
    fn round(&mut self, random: &mut fastrand::Rng) {
        let warm: Vec<u64> = (0..KEYS[0]).map(|_| random.u64(0..self.keys)).collect();
        floor(&mut self.held, warm.iter().copied());
        time(&mut self.bare, warm.iter().map(|&number| (number, bare::put(number))));
        (0..TURNS).for_each(|_| self.turn(random));
    }

    fn turn(&mut self, random: &mut fastrand::Rng) {
        let numbers: Vec<u64> = (0..REQUESTS).map(|_| random.u64(0..self.keys)).collect();
        let get = |number: &u64| (number + 1, Request::Get { key: stock::key(*number), terms: bare::at_quorum() });
        let least = &mut self.least;
        least.floor = least.floor.min(floor(&mut self.held, numbers.iter().copied()));
        least.put = least.put.min(time(&mut self.bare, numbers.iter().map(|&number| (number, bare::put(number)))));
        least.get = least.get.min(time(&mut self.bare, numbers.iter().map(get)));
    }
}

fn numbers(range: std::ops::Range<u64>) -> impl ExactSizeIterator<Item = u64> {
    range.collect::<Vec<u64>>().into_iter()
}

/// Requests a second, of the floor, and how they grow.
pub(super) fn measure(options: &Options) -> Vec<Figure> {
    let nodes = options.nodes.unwrap_or(NODES);
    let sizes = &KEYS[..if options.quick { 2 } else { KEYS.len() }];
    let mut rooms: Vec<Filled> = sizes.iter().map(|&keys| Filled::new(nodes, keys)).collect();
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..ROUNDS {
        rooms.iter_mut().for_each(|room| room.round(&mut random));
    }
    let mut figures = Vec::new();
    let mut add = |what: &str, setting: &str, value: f64, unit, bar| {
        figures.push(Figure { what: what.into(), setting: setting.into(), value, unit, bar });
    };
    for Filled { keys, least, .. } in &rooms {
        let setting = format!("{nodes} nodes on one core, N = {N}, {keys} keys");
        add("puts", &setting, 1.0 / least.put, "a second", None);
        add("gets", &setting, 1.0 / least.get, "a second", None);
        add("a put, of the floor", &setting, least.put / least.floor, "x", None);
        add("a get, of the floor of a put", &setting, least.get / least.floor, "x", None);
    }
    let costs: Vec<Cost> = rooms.iter().map(|room| room.least).collect();
    let Some((few, more)) = costs.split_first() else { return figures };
    for ((many, keys), bar) in more.iter().zip(&KEYS[1..]).zip(GROWTH) {
        let setting = format!("{nodes} nodes on one core, N = {N}, {keys} keys, of {}", KEYS[0]);
        let growth = |of: fn(&Cost) -> f64| of(many) / of(few);
        add("a put: growth", &setting, growth(|cost| cost.put), "x", Some(bar));
        add("a get: growth", &setting, growth(|cost| cost.get), "x", None);
        add("the floor: growth", &setting, growth(|cost| cost.floor), "x", None);
    }
    figures
}
