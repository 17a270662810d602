//! Half of the tabs are hidden: their timers fire at whole seconds, and what reaches them waits for up to a second.
//! How often the living are suspected, and how soon the dead, here and by `foca` in the very same setting.
//!
//! A suspicion is one node's change of mind about one living other, from "up" to anything else. A death is found when
//! the last of all others has come to suspect the dead one for good; `foca` tells its user only once a member is down,
//! so that time stands beside it. Where some of its peers do not find a death while it is watched, that counts as found
//! at the end; of ours it counts as never.
//!
//! Our hidden tabs have said that they are hidden, as a browser lets them, and are given more patience for it. `foca`
//! has no word for that.

use roundtable_core::membership::Status;

use super::detection::{CONSENT_MS, all_suspect, p99, thought};
use super::gossip::room;
use super::rival::{Rival, Setting};
use super::{Bar, Figure, Options};

const ROOMS: u64 = 50;
pub(super) const GRID_MS: u64 = 1_000;
/// How long all live, in each room; then one dies.
const LIFE_MS: u64 = 30_000;
const WATCH_MS: u64 = 30_000;

#[derive(Default)]
struct Found {
    false_suspicions: u64,
    false_deaths: u64,
    suspected: Vec<f64>,
    dead: Vec<f64>,
    /// Deaths that some had not found in the end.
    missed: u64,
    errors: u64,
}

fn ours(setting: &Setting) -> Found {
    let mut found = Found::default();
    for seed in 0..ROOMS {
        let mut world = room(seed, setting.nodes);
        (1..setting.nodes).step_by(2).for_each(|at| world.throttle(at, setting.timer_grid_ms));
        world.tuning.latency_ms = setting.latency_ms;
        world.tuning.loss_percent = setting.loss_percent;
        world.tuning.throttled_late_ms = setting.late_ms;
        world.tuning.silence_ms = CONSENT_MS;
        world.run_for(5_000);
        let since = world.now;
        world.run_for(LIFE_MS);
        found.false_suspicions += thought(&world, None, since, Status::Suspect);
        found.false_deaths += thought(&world, None, since, Status::Dormant);
        let victim = victim(seed, setting);
        let since = world.now;
        world.crash(victim);
        world.run_for(WATCH_MS);
        let time = all_suspect(&world, victim, since);
        found.missed += u64::from(time.is_none());
        found.suspected.push(time.map_or(f64::INFINITY, |ms| ms as f64));
    }
    found
}

fn theirs(setting: &Setting) -> Found {
    let mut found = Found::default();
    for seed in 0..ROOMS {
        let mut rival = Rival::new(seed, setting.clone());
        rival.run_for(10_000);
        let before = (rival.false_suspicions, rival.false_deaths);
        rival.run_for(LIFE_MS);
        found.false_suspicions += rival.false_suspicions - before.0;
        found.false_deaths += rival.false_deaths - before.1;
        let victim = victim(seed, setting);
        let since = rival.now();
        rival.crash(victim);
        rival.run_for(WATCH_MS);
        found.errors += rival.errors;
        let time = |is_down| rival.all_think(victim, since, is_down);
        found.missed += u64::from(time(false).is_none());
        found.suspected.push(time(false).unwrap_or(WATCH_MS) as f64);
        found.dead.push(time(true).unwrap_or(WATCH_MS) as f64);
    }
    found
}

fn victim(seed: u64, setting: &Setting) -> usize {
    usize::try_from(seed).unwrap_or(0) % setting.nodes
}

/// The middle one: what was never found does not drown the rest.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Both, side by side.
pub(super) fn measure(options: &Options) -> Vec<Figure> {
    let losses = options.loss_percent.map_or(vec![0, 10, 30], |loss| vec![loss]);
    let mut figures = Vec::new();
    for loss_percent in losses {
        let nodes = options.nodes.unwrap_or(10);
        let setting = Setting { nodes, loss_percent, latency_ms: (1, 5), timer_grid_ms: GRID_MS, late_ms: GRID_MS };
        let (ours, theirs) = (ours(&setting), theirs(&setting));
        let words =
            format!("{nodes} nodes, {loss_percent} % loss, half on 1 s timers, {ROOMS} × {} s", LIFE_MS / 1_000);
        let mut add = |what: &str, value: f64, unit, bar| {
            figures.push(Figure { what: what.into(), setting: words.clone(), value, unit, bar });
        };
        add("living ones suspected", ours.false_suspicions as f64, "", None);
        add("living ones suspected by foca", theirs.false_suspicions as f64, "", None);
        let ratio = theirs.false_suspicions as f64 / (ours.false_suspicions as f64).max(1.0);
        add("times fewer than foca, one at least counted", ratio, "x", Some(Bar::AtLeast(10.0)));
        add("living ones thought dormant", ours.false_deaths as f64, "", Some(Bar::AtMost(0.0)));
        add("living ones declared down by foca", theirs.false_deaths as f64, "", None);
        let (mine, other) = (median(ours.suspected.clone()), median(theirs.suspected.clone()));
        add("silent death, suspected by all: median", mine, "ms", Some(Bar::AtMost(other)));
        add("silent death, suspected by all: median of foca", other, "ms", None);
        let (mine, other) = (p99(ours.suspected), p99(theirs.suspected));
        add("silent death, suspected by all: p99", mine, "ms", Some(Bar::AtMost(other)));
        add("silent death, suspected by all: p99 of foca", other, "ms", None);
        add("silent deaths that some did not find", ours.missed as f64, "", Some(Bar::AtMost(0.0)));
        add("silent deaths that some did not find, foca", theirs.missed as f64, "", None);
        add("silent death, down for all: median of foca", median(theirs.dead), "ms", None);
        add("timers and frames that foca refused", theirs.errors as f64, "", None);
    }
    figures
}
