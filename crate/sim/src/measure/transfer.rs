//! What moves when a node joins, leaves, comes back or is reloaded, counted in copies: objects in frames, one for each
//! receiver, repeated ones included.
//!
//! A room is at rest and each key lies with its owners. Then one thing happens, and everything on the network is
//! counted until the room has been at rest for two minutes, in which strays are let go too; all owners must then hold
//! the same. The *share* is what the two rings say must move: over all keys, the owners that were no owners before. A
//! copy is *between third parties* if its receiver has not become an owner, or its sender was none.
//!
//! - *Joins*: a tab that holds nothing opens.
//! - *Leaves*: a tab says goodbye and stays away; past the debounce the ring closes over the gap.
//! - *Returns*: a tab that left comes back with its old store, after the room has filled its arcs and written every
//!   tenth key anew. The share is those of them that it owns, once each; what it still holds must not travel.
//! - *Reloads*: a tab says goodbye and is back within some seconds. Nothing must travel.

use std::collections::{BTreeMap, BTreeSet};

use roundtable_core::coordinator::{Keep, Level, Request, Terms};
use roundtable_core::id::{Key, NodeId};
use roundtable_core::wire::{self, Lane, Message, Purpose};

use super::{Bar, Figure, Options, stock};
use crate::{Tapped, World};

/// The rooms that are measured.
#[derive(Debug, Clone, Copy)]
struct Setting {
    /// Capacities go round.
    capacities: &'static [u16],
    keys: u64,
    latency_ms: (u64, u64),
}

const EQUAL: Setting = Setting { capacities: &[128], keys: 1_000, latency_ms: (1, 5) };
const MIXED: Setting = Setting { capacities: &[256, 128, 64], ..EQUAL };
/// So much that it takes many frames and some seconds.
const LARGE: Setting = Setting { keys: 20_000, latency_ms: (20, 200), ..EQUAL };
/// The sizes that the bar names, each before one more joins.
const SIZES: std::ops::RangeInclusive<usize> = 3..=15;
/// Those at which capacities are mixed, and those with many keys.
const SIZES_MIXED: [usize; 3] = [4, 9, 15];
const SIZES_LARGE: [usize; 1] = [7];
const SIZES_QUICK: [usize; 3] = [3, 6, 12];
/// Of so many keys one is written anew while a tab is away.
const RENEWED: usize = 10;
/// Longer than a tab that says goodbye takes to be dormant for all.
const AWAY_MS: u64 = 60_000;
const RELOAD_MS: u64 = 3_000;
/// How long a room has to come to rest, and is watched after that.
const PATIENCE_MS: u64 = 120_000;

/// Who owns each key.
type Owners = BTreeMap<Key, BTreeSet<NodeId>>;

/// What moved, against what had to.
#[derive(Debug, Clone, Copy, Default)]
struct Moved {
    /// Copies that had to move, by the rings before and after.
    share: u64,
    /// Copies that moved.
    copies: u64,
    /// Of these, to one that did not become an owner, or from one that was none.
    third: u64,
    /// Bytes on the lane for bulk: objects, comparisons, acknowledgements.
    bytes: u64,
    /// Bytes that the share takes in frames.
    share_bytes: u64,
}

/// What happens to a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Join,
    Leave,
    Return,
    Reload,
}

/// A settled room of so many tabs, each on its own device, every key with its owners.
fn room(size: usize, setting: &Setting) -> World {
    let mut world = World::new(size as u64);
    world.tuning.latency_ms = setting.latency_ms;
    (0..size).for_each(|_| open(&mut world, setting));
    rest(&mut world);
    let objects: Vec<_> = (0..setting.keys).map(|number| stock::object(number, 1)).collect();
    stock::give_owners(&mut world, &objects);
    rest(&mut world);
    world
}

fn open(world: &mut World, setting: &Setting) {
    let at = world.hosts.len();
    let device = u8::try_from(at).expect("a room of a few tabs");
    world.open_with(device, |config| config.capacity = setting.capacities[at % setting.capacities.len()]);
}

/// Until the room has been at rest for two minutes.
fn rest(world: &mut World) {
    assert!(world.settle(PATIENCE_MS), "{}", world.unsettled());
    world.run_for(PATIENCE_MS);
    assert!(world.settle(PATIENCE_MS), "{}", world.unsettled());
}

/// The owners of all keys, as all open tabs agree; and all of them hold the same.
fn owners(world: &World, setting: &Setting) -> Owners {
    let by = |tab: usize| -> Owners {
        let owners_of = |key: &Key| world.node(tab).view().preference_list(key).owners.into_iter().collect();
        (0..setting.keys).map(stock::key).map(|key| (key.clone(), owners_of(&key))).collect()
    };
    let all = world.alive();
    let owners = by(all[0]);
    assert!(all.iter().all(|&tab| by(tab) == owners), "tabs at rest have one ring");
    for (key, owners) in &owners {
        let held: Vec<_> = owners.iter().map(|&id| world.node(world.tabs_of(id)[0]).view().object(key)).collect();
        assert!(held.iter().all(|one| one.is_some() && *one == held[0]), "owners at rest hold the same of {key:?}");
    }
    owners
}

/// How many bytes a key and what is held of it take in a frame of objects.
fn bytes_of(world: &World, key: &Key) -> u64 {
    let held = world.alive().into_iter().find_map(|tab| world.node(tab).view().object(key));
    let frame = |objects| wire::encode(&Message::Objects { batch: 0, purpose: Purpose::Repair, objects, next: None });
    (frame(held.map(|object| (key.clone(), object)).into_iter().collect()).len() - frame(Vec::new()).len()) as u64
}

/// The keys whose objects are in a frame.
fn carried(message: Message) -> Vec<Key> {
    match message {
        Message::Objects { objects, .. } => objects.into_iter().map(|(key, _)| key).collect(),
        Message::Store { key, .. } | Message::Changed { key, .. } => vec![key],
        // An answer to a read does not name its key, and nobody reads here.
        Message::Fetched { .. } => unreachable!("no read is under way"),
        _ => Vec::new(),
    }
}

/// What moved between two states of the ring. `must` says which of the keys a new owner has to be sent.
fn moved(world: &World, tapped: &[Tapped], before: &Owners, after: &Owners, must: impl Fn(&Key) -> bool) -> Moved {
    let mut moved = Moved::default();
    let is_new = |key: &Key, id: &NodeId| after[key].contains(id) && !before[key].contains(id);
    for (key, owners) in after.iter().filter(|(key, _)| must(key)) {
        let gained = owners.iter().filter(|id| is_new(key, id)).count() as u64;
        moved.share += gained;
        moved.share_bytes += gained * bytes_of(world, key);
    }
    for frame in tapped {
        let message = wire::decode(&frame.bytes).expect("nodes send what can be read");
        if message.lane() == Lane::Bulk {
            moved.bytes += frame.bytes.len() as u64;
        }
        let (from, to) = (world.hosts[frame.from].id, world.hosts[frame.to].id);
        for key in carried(message) {
            moved.copies += 1;
            moved.third += u64::from(!is_new(&key, &to) || !before[&key].contains(&from));
        }
    }
    moved
}

/// What moves when this happens: to one more tab, or to the last one there is.
fn of(change: Change, world: &mut World, setting: &Setting) -> Moved {
    let last = world.hosts.len() - 1;
    let renewed: BTreeSet<Key> = (0..setting.keys).step_by(RENEWED).map(stock::key).collect();
    if change == Change::Return {
        world.close(last);
        world.run_for(AWAY_MS);
        rest(world);
        renewed.iter().for_each(|key| renew(world, key));
        rest(world);
    }
    let before = owners(world, setting);
    world.tap = Some(Vec::new());
    match change {
        Change::Join => open(world, setting),
        Change::Leave => {
            world.close(last);
            world.run_for(AWAY_MS);
        }
        Change::Return => world.reopen(last),
        Change::Reload => {
            world.close(last);
            world.run_for(RELOAD_MS);
            world.reopen(last);
        }
    }
    rest(world);
    let tapped = world.tap.take().unwrap_or_default();
    let must = |key: &Key| change != Change::Return || renewed.contains(key);
    moved(world, &tapped, &before, &owners(world, setting), must)
}

/// Write a key anew, at one of its owners.
fn renew(world: &mut World, key: &Key) {
    let owner = world.node(world.alive()[0]).view().preference_list(key).owners[0];
    let tab = world.tabs_of(owner)[0];
    let terms = Terms { level: Some(Level::All), timeout_ms: None };
    let value = vec![0; stock::VALUE_BYTES].into();
    world.request(tab, Request::Put { key: key.clone(), value, keep: Keep::default(), context: None, terms });
}

/// Copies of the share; with no share at all, each copy is one too many.
fn ratio(moved: &Moved) -> f64 {
    if moved.share == 0 { 1.0 + moved.copies as f64 } else { moved.copies as f64 / moved.share as f64 }
}

/// All four changes, at each size.
fn at(sizes: &[usize], setting: &Setting, figures: &mut Vec<Figure>) {
    let vnodes = setting.capacities.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    let Setting { keys, latency_ms: (from, to), .. } = setting;
    let mut add = |what: &str, sizes: &str, value: f64, unit, bar| {
        let setting = format!("{sizes} nodes, {vnodes} vnodes, {keys} keys, {from}–{to} ms");
        figures.push(Figure { what: what.into(), setting, value, unit, bar });
    };
    let (mut changes, mut returns, mut reloads) = (Vec::new(), Vec::new(), Vec::new());
    for &size in sizes {
        let mut world = room(size, setting);
        let more = size + 1;
        let join = of(Change::Join, &mut world, setting);
        let leave = of(Change::Leave, &mut world.clone(), setting);
        add("a join: copies moved, of the share", &format!("{size} → {more}"), ratio(&join), "x", AT_MOST_SHARE);
        add("a leave: copies moved, of the share", &format!("{more} → {size}"), ratio(&leave), "x", AT_MOST_SHARE);
        returns.push(of(Change::Return, &mut world.clone(), setting));
        reloads.push(of(Change::Reload, &mut world, setting));
        changes.extend([join, leave]);
    }
    let range = match (sizes.first(), sizes.last()) {
        (Some(first), Some(last)) if first != last => format!("{} … {}", first + 1, last + 1),
        (first, _) => first.map_or(0, |first| first + 1).to_string(),
    };
    let sum = |moved: &[Moved], of: fn(&Moved) -> u64| moved.iter().map(of).sum::<u64>() as f64;
    let most = |moved: &[Moved], of: fn(&Moved) -> f64| moved.iter().map(of).fold(0.0, f64::max);
    let beside = |moved: &Moved| (moved.bytes as f64 - moved.share_bytes as f64) / 1024.0;
    let none = Some(Bar::AtMost(0.0));
    add("joins and leaves: copies between third parties", &range, sum(&changes, |moved| moved.third), "", none);
    add("a return: copies moved, of what changed: most", &range, most(&returns, ratio), "x", AT_MOST_SHARE);
    add("reloads: copies moved", &range, sum(&reloads, |moved| moved.copies), "", none);
    changes.extend(returns);
    add("beside the objects, on all links together: most", &range, most(&changes, beside), "KiB", None);
    add("a reload, on all links together: most", &range, most(&reloads, beside), "KiB", None);
}

const AT_MOST_SHARE: Option<Bar> = Some(Bar::AtMost(1.1));

/// Copies that move, of the share, at every size.
pub(super) fn measure(options: &Options) -> Vec<Figure> {
    let mut figures = Vec::new();
    if let Some(nodes) = options.nodes {
        at(&[nodes], &EQUAL, &mut figures);
        at(&[nodes], &MIXED, &mut figures);
    } else if options.quick {
        at(&SIZES_QUICK, &EQUAL, &mut figures);
        at(&SIZES_LARGE, &LARGE, &mut figures);
    } else {
        at(&SIZES.collect::<Vec<_>>(), &EQUAL, &mut figures);
        at(&SIZES_MIXED, &MIXED, &mut figures);
        at(&SIZES_LARGE, &LARGE, &mut figures);
    }
    figures
}
