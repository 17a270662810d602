//! A room of `foca` peers, a SWIM implementation of its own, on the network that [`crate::World`] gives ours: the same
//! latencies, the same loss, the same hidden tabs. It serves comparison only.
//!
//! Its configuration is `Config::new_lan` for the room's size, the documented default whose period (1 s) is ours and
//! whose round trip fits the network. Everybody knows everybody from the start, which spares it the joining; an
//! identity that was declared down is renewed at once, as its documentation advises.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use foca::{AccumulatingRuntime, Config, Foca, Identity, Member, NoCustomBroadcast, PostcardCodec, State, Timer};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde::{Deserialize, Serialize};

/// What such a room goes through.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) nodes: usize,
    pub(super) loss_percent: u8,
    pub(super) latency_ms: (u64, u64),
    /// The tabs with odd numbers are hidden: their timers fire at multiples of so many milliseconds.
    pub(super) timer_grid_ms: u64,
    /// Frames to those wait for up to so long more.
    pub(super) late_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Name {
    tab: usize,
    life: u16,
}

impl Identity for Name {
    type Addr = usize;

    fn renew(&self) -> Option<Name> {
        Some(Name { tab: self.tab, life: self.life.wrapping_add(1) })
    }

    fn addr(&self) -> usize {
        self.tab
    }

    fn win_addr_conflict(&self, other: &Name) -> bool {
        self.life > other.life
    }
}

enum Happening {
    Frame { to: usize, bytes: Vec<u8> },
    Timer { at: usize, timer: Timer<Name> },
}

type Peer = Foca<Name, PostcardCodec, SmallRng, NoCustomBroadcast>;

/// What one thinks of another.
#[derive(Clone, Copy)]
struct Thought {
    state: State,
    /// Since when it has been anything but alive without a break.
    away_since: u64,
    /// Since when it has been in that state.
    since: u64,
}

pub(super) struct Rival {
    setting: Setting,
    now: u64,
    peers: Vec<Option<Peer>>,
    runtime: AccumulatingRuntime<Name>,
    random: fastrand::Rng,
    queue: BTreeMap<(u64, u8, u64), Happening>,
    made: u64,
    /// When the last frame between two arrives, so that none overtakes another.
    arrivals: BTreeMap<(usize, usize), u64>,
    thoughts: BTreeMap<(usize, usize), Thought>,
    pub(super) false_suspicions: u64,
    pub(super) false_deaths: u64,
    pub(super) errors: u64,
}

impl Rival {
    pub(super) fn new(seed: u64, setting: Setting) -> Rival {
        let size = u32::try_from(setting.nodes).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
        let peer = |tab: usize| {
            let random = SmallRng::seed_from_u64(seed * 1_000 + tab as u64);
            Some(Foca::new(Name { tab, life: 0 }, Config::new_lan(size), random, PostcardCodec))
        };
        let mut room = Rival {
            peers: (0..setting.nodes).map(peer).collect(),
            setting,
            now: 0,
            runtime: AccumulatingRuntime::new(),
            random: fastrand::Rng::with_seed(seed),
            queue: BTreeMap::new(),
            made: 0,
            arrivals: BTreeMap::new(),
            thoughts: BTreeMap::new(),
            false_suspicions: 0,
            false_deaths: 0,
            errors: 0,
        };
        for at in 0..room.peers.len() {
            // They do not all begin at the same moment.
            room.now = room.random.u64(0..1_000);
            let all = (0..room.peers.len()).map(|tab| Member::alive(Name { tab, life: 0 }));
            if let Some(peer) = &mut room.peers[at] {
                peer.apply_many(all, false, &mut room.runtime).expect("members that all are new are taken");
            }
            room.drain(at);
        }
        room.now = 1_000;
        room
    }

    fn is_hidden(&self, at: usize) -> bool {
        self.setting.timer_grid_ms > 0 && at % 2 == 1
    }

    fn drain(&mut self, at: usize) {
        while let Some((to, bytes)) = self.runtime.to_send() {
            let is_lost = self.random.u8(0..100) < self.setting.loss_percent;
            let late = if self.is_hidden(to.tab) { self.random.u64(0..=self.setting.late_ms) } else { 0 };
            let delay = self.random.u64(self.setting.latency_ms.0..=self.setting.latency_ms.1) + late;
            if !is_lost {
                let last = self.arrivals.entry((at, to.tab)).or_default();
                *last = (self.now + delay).max(*last);
                let due = *last;
                self.later(due, 0, Happening::Frame { to: to.tab, bytes: bytes.to_vec() });
            }
        }
        while let Some((span, timer)) = self.runtime.to_schedule() {
            let due = self.now + u64::try_from(span.as_millis()).unwrap_or(u64::MAX / 2);
            let grid = if self.is_hidden(at) { self.setting.timer_grid_ms } else { 1 };
            // Timers that are due at the same moment come in the order that the crate's own `Ord` gives them.
            let order = match timer {
                Timer::SendIndirectProbe { .. } => 1,
                Timer::ProbeRandomMember(_) => 2,
                Timer::ChangeSuspectToDown { .. } => 3,
                _ => 4,
            };
            self.later(due.div_ceil(grid) * grid, order, Happening::Timer { at, timer });
        }
        while self.runtime.to_notify().is_some() {}
        self.think(at);
    }

    fn later(&mut self, due: u64, order: u8, happening: Happening) {
        self.made += 1;
        self.queue.insert((due, order, self.made), happening);
    }

    /// Take down what this one thinks of the others now.
    fn think(&mut self, at: usize) {
        let Some(peer) = &self.peers[at] else { return };
        let known: BTreeMap<usize, State> =
            peer.iter_membership_state().map(|member| (member.id().tab, member.state())).collect();
        let now = self.now;
        for of in (0..self.peers.len()).filter(|&of| of != at) {
            // One that is not known at all has been forgotten after it was declared down.
            let state = known.get(&of).copied().unwrap_or(State::Down);
            let before = self.thoughts.entry((at, of));
            let thought = before.or_insert(Thought { state: State::Alive, away_since: now, since: now });
            let was = std::mem::replace(&mut thought.state, state);
            if was == State::Alive {
                thought.away_since = now;
            }
            if was != state {
                thought.since = now;
            }
            if self.peers[of].is_some() {
                self.false_suspicions += u64::from(state != State::Alive && was == State::Alive);
                self.false_deaths += u64::from(state == State::Down && was != State::Down);
            }
        }
    }

    pub(super) fn run_for(&mut self, ms: u64) {
        let end = self.now + ms;
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= end) {
            let ((due, ..), happening) = entry.remove_entry();
            self.now = self.now.max(due);
            let at = match &happening {
                Happening::Frame { to, .. } => *to,
                Happening::Timer { at, .. } => *at,
            };
            let Some(peer) = &mut self.peers[at] else { continue };
            let outcome = match happening {
                Happening::Frame { bytes, .. } => peer.handle_data(&bytes, &mut self.runtime),
                Happening::Timer { timer, .. } => peer.handle_timer(timer, &mut self.runtime),
            };
            // The crate asks to be told of late timers in order and goes on after an error; how many is told.
            self.errors += u64::from(outcome.is_err());
            self.drain(at);
        }
        self.now = end;
    }

    pub(super) fn crash(&mut self, at: usize) {
        self.peers[at] = None;
    }

    /// How long after `since` the last of those alive came to think this one away, or down, for good; `None`: some do
    /// not.
    pub(super) fn all_think(&self, of: usize, since: u64, is_down: bool) -> Option<u64> {
        let mut last = 0;
        for at in (0..self.peers.len()).filter(|&at| self.peers[at].is_some()) {
            let thought = self.thoughts.get(&(at, of))?;
            let then = match thought.state {
                State::Down if is_down => thought.since,
                State::Suspect | State::Down if !is_down => thought.away_since,
                _ => return None,
            };
            last = last.max(then.saturating_sub(since));
        }
        Some(last)
    }

    pub(super) fn now(&self) -> u64 {
        self.now
    }
}
