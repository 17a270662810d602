//! How soon a tab that dies without a word, or says goodbye, is suspected by all, and that no living one is ever
//! thought dormant.
//!
//! No closed channel helps: the browser tells of one after thirty seconds only (RFC 7675), so links stay open here for
//! as long, and probes must find out. Every frame is lost with the same chance, whatever it is.

use roundtable_core::membership::Status;
use roundtable_core::node::Event;
use roundtable_core::time::Instant;

use super::gossip::room;
use super::{Bar, Figure, Options, throttled};
use crate::World;

/// Rooms a setting.
const ROOMS: u64 = 100;
/// Until a browser tells that a silent link is dead.
pub(super) const CONSENT_MS: u64 = 30_000;
/// How long a death is watched.
const WATCH_MS: u64 = 25_000;
/// How long the living are watched.
const LIFE_MS: u64 = 600_000;
const LIVES: u64 = 5;

/// Since when all others have thought this one away without a break, from `since` on; `None`: some do not.
pub(super) fn all_suspect(world: &World, of: usize, since: Instant) -> Option<u64> {
    let id = world.hosts[of].id;
    let mut last = 0;
    for at in world.alive() {
        let about = |event: &Event| match event {
            Event::Member { id: about, now, .. } if *about == id => Some(*now),
            _ => None,
        };
        let told = world.hosts[at].events.iter().filter_map(|(then, event)| Some((*then, about(event)?)));
        let is_away = |status: Status| matches!(status, Status::Suspect | Status::Dormant);
        let mut away_since = None;
        for (then, status) in told {
            away_since = if is_away(status) { away_since.or(Some(then)) } else { None };
        }
        last = last.max(away_since?.since(since));
    }
    Some(last)
}

/// How often a living tab was thought so by another.
pub(super) fn thought(world: &World, dead: Option<usize>, since: Instant, wanted: Status) -> u64 {
    let dead = dead.map(|at| world.hosts[at].id);
    let is_false = |(then, event): &&(Instant, Event)| match event {
        Event::Member { id, was: Some(Status::Up), now } if wanted == Status::Suspect => {
            *then >= since && *now == wanted && Some(*id) != dead
        }
        Event::Member { id, now, .. } => {
            *then >= since && *now == wanted && wanted != Status::Suspect && Some(*id) != dead
        }
        _ => false,
    };
    world.alive().into_iter().map(|at| world.hosts[at].events.iter().filter(is_false).count() as u64).sum()
}

/// The smallest value that 99 of 100 do not exceed; what never came counts as endless.
pub(super) fn p99(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * 99).div_ceil(100).max(1);
    values.get(rank - 1).copied().unwrap_or(f64::NAN)
}

struct Deaths {
    silent: Vec<f64>,
    goodbyes: Vec<f64>,
    dormant: u64,
}

fn deaths(rooms: &[World], loss_percent: u8) -> Deaths {
    let mut found = Deaths { silent: Vec::new(), goodbyes: Vec::new(), dormant: 0 };
    for (seed, settled) in rooms.iter().enumerate() {
        let victim = seed % settled.hosts.len();
        for is_silent in [true, false] {
            let mut world = settled.clone();
            world.tuning.loss_percent = loss_percent;
            world.tuning.silence_ms = CONSENT_MS;
            world.run_for(5_000 + seed as u64 * 37 % 1_000);
            let since = world.now;
            if is_silent {
                world.crash(victim)
            } else {
                world.close(victim)
            }
            world.run_for(if is_silent { WATCH_MS } else { 5_000 });
            let took = all_suspect(&world, victim, since).map_or(f64::INFINITY, |ms| ms as f64);
            if is_silent {
                found.silent.push(took)
            } else {
                found.goodbyes.push(took)
            }
            found.dormant += thought(&world, Some(victim), since, Status::Dormant);
        }
    }
    found
}

/// What is bad in a room where nobody dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bad {
    Nothing,
    /// Each hears all, but the next on the list does not hear it.
    Ways,
    /// The timers of every second tab fire at whole seconds, and frames wait there for up to one.
    Timers,
}

/// How often a living tab was thought dormant, or suspect, in such rooms.
fn lives(nodes: usize, loss_percent: u8, bad: Bad) -> (u64, u64) {
    let (mut dormant, mut suspect) = (0, 0);
    for seed in 0..LIVES {
        let mut world = room(1_000 + seed, nodes);
        world.tuning.loss_percent = loss_percent;
        match bad {
            Bad::Nothing => {}
            Bad::Ways => (0..nodes).for_each(|at| world.mute(at, (at + 1) % nodes)),
            Bad::Timers => {
                (1..nodes).step_by(2).for_each(|at| world.throttle(at, throttled::GRID_MS));
                world.tuning.throttled_late_ms = throttled::GRID_MS;
            }
        }
        let since = world.now;
        world.run_for(LIFE_MS);
        dormant += thought(&world, None, since, Status::Dormant);
        suspect += thought(&world, None, since, Status::Suspect);
    }
    (dormant, suspect)
}

/// Times of suspicion by all, and what is wrongly thought of the living.
pub(super) fn measure(options: &Options) -> Vec<Figure> {
    let counts = options.nodes.map_or(vec![3, 5, 10, 16], |nodes| vec![nodes]);
    let losses = options.loss_percent.map_or(vec![0, 10, 30], |loss| vec![loss]);
    let mut figures = Vec::new();
    let mut add = |what: &str, setting: &str, value: f64, unit, bar| {
        figures.push(Figure { what: what.into(), setting: setting.into(), value, unit, bar });
    };
    for &nodes in &counts {
        let rooms: Vec<World> = (0..ROOMS).map(|seed| room(seed, nodes)).collect();
        for &loss in &losses {
            let setting = format!("{nodes} nodes, {loss} % loss, {ROOMS} deaths");
            let found = deaths(&rooms, loss);
            let mean = found.silent.iter().sum::<f64>() / ROOMS as f64;
            add("silent death, suspected by all: mean", &setting, mean, "ms", None);
            add("silent death, suspected by all: p99", &setting, p99(found.silent), "ms", Some(Bar::AtMost(12_000.0)));
            add("goodbye, suspected by all: p99", &setting, p99(found.goodbyes), "ms", Some(Bar::AtMost(1_000.0)));
            add("living ones thought dormant", &setting, found.dormant as f64, "", Some(Bar::AtMost(0.0)));
        }
    }
    let nodes = options.nodes.unwrap_or(10);
    for &loss in &losses {
        for (bad, words) in
            [(Bad::Nothing, ""), (Bad::Ways, ", one way dead from each"), (Bad::Timers, ", half on 1 s timers")]
        {
            // Between two nodes a dead way is a dead link.
            if bad == Bad::Ways && nodes <= 2 {
                continue;
            }
            let setting = format!("{nodes} nodes, {loss} % loss{words}, {LIVES} × {} s", LIFE_MS / 1_000);
            let (dormant, suspect) = lives(nodes, loss, bad);
            add("living ones thought dormant", &setting, dormant as f64, "", Some(Bar::AtMost(0.0)));
            add("living ones suspected", &setting, suspect as f64, "", None);
        }
    }
    figures.extend(throttled::measure(options));
    figures
}
