//! Figures of a moment: how long requests took, what is sent a second, since when the room is at rest, and how many
//! keys a change of the members moves: by the ring, and by `hash mod N`.

use std::collections::VecDeque;

use roundtable_core::id::{Key, Position};
use roundtable_core::membership::Status;
use roundtable_core::node::SentBytes;

use super::BUCKET;
use super::moment::LOOK_MS;
use crate::World;
use crate::scenario::Play;

/// Over so many looks bytes a second are counted.
const RATE_LOOKS: usize = 8;
/// Percentiles are of so many answers of each kind.
const ANSWERS_MAX: usize = 1_000;
/// Of so many keys is counted how many move.
pub(super) const SAMPLE_KEYS: usize = 1_000;

/// How many keys have another first owner after the last change of who is open, of [`SAMPLE_KEYS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Moved {
    pub(super) ring: usize,
    pub(super) modulo: usize,
}

/// Figures up to a moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures {
    gets: VecDeque<u32>,
    puts: VecDeque<u32>,
    /// What all have sent by each of the last looks.
    sent: VecDeque<SentBytes>,
    settled_since: Option<u64>,
    /// The rings of those who are open, by their hashes, when the seats were last looked at.
    rings: Vec<(usize, u64)>,
    /// Who had a seat on the ring before the last change, and who has now.
    seated: [Vec<usize>; 2],
    moved: Moved,
}

impl Figures {
    /// A request was met after so many milliseconds.
    pub(super) fn on_answer(&mut self, kind: &str, ms: u64) {
        let answers = if kind == "get" { &mut self.gets } else { &mut self.puts };
        answers.push_back(u32::try_from(ms).unwrap_or(u32::MAX));
        if answers.len() > ANSWERS_MAX {
            answers.pop_front();
        }
    }

    /// Somebody has done something: the room is not at rest.
    pub(super) fn on_act(&mut self) {
        self.settled_since = None;
    }

    /// A quarter of a second has passed.
    pub(super) fn on_look(&mut self, play: &Play, now: u64) {
        let world = &play.soak.world;
        let mut sum = SentBytes::default();
        for at in world.alive() {
            let sent = world.node(at).view().sent();
            sum.gossip += sent.gossip;
            sum.repair += sent.repair;
            sum.transfer += sent.transfer;
            sum.request += sent.request;
            sum.signal += sent.signal;
        }
        self.sent.push_back(sum);
        if self.sent.len() > RATE_LOOKS + 1 {
            self.sent.pop_front();
        }
        let is_settled = !world.alive().is_empty() && world.is_settled();
        self.settled_since = is_settled.then(|| self.settled_since.unwrap_or(now));
        self.on_roster(play);
    }

    /// Since when the room has been at rest.
    pub(super) fn settled_since(&self) -> Option<u64> {
        self.settled_since
    }

    /// Whether somebody has come or gone, as anybody sees it.
    pub(super) fn on_roster(&mut self, play: &Play) {
        let world = &play.soak.world;
        let rings: Vec<(usize, u64)> = world.alive().into_iter().map(|at| (at, world.hosts[at].ring.0)).collect();
        if rings == self.rings {
            return;
        }
        self.rings = rings;
        let seated = seated(world);
        if seated != self.seated[1] {
            self.seated[0] = std::mem::replace(&mut self.seated[1], seated);
            self.moved = moved(world, &self.seated[0], &self.seated[1]);
        }
    }

    /// Who has a seat on the ring, as anybody who is open sees it.
    pub(super) fn seated(&self) -> &[usize] {
        &self.seated[1]
    }

    pub(super) fn moved(&self) -> Moved {
        self.moved
    }

    /// What all send in a second, by what it serves. A tab that has ended since takes its count with it.
    pub(super) fn bytes_per_second(&self) -> SentBytes {
        let (Some(first), Some(last)) = (self.sent.front(), self.sent.back()) else { return SentBytes::default() };
        let ms = (LOOK_MS * (self.sent.len() as u64 - 1)).max(1);
        let rate = |first: u64, last: u64| last.saturating_sub(first) * 1_000 / ms;
        SentBytes {
            gossip: rate(first.gossip, last.gossip),
            repair: rate(first.repair, last.repair),
            transfer: rate(first.transfer, last.transfer),
            request: rate(first.request, last.request),
            signal: rate(first.signal, last.signal),
        }
    }

    /// Of gets, of puts: half were met within this, and 99 of 100 within that.
    pub(super) fn percentiles(&self) -> [Option<(u32, u32)>; 2] {
        [&self.gets, &self.puts].map(|answers| {
            let mut sorted: Vec<u32> = answers.iter().copied().collect();
            sorted.sort_unstable();
            let at =
                |hundredth: usize| sorted.get((sorted.len() * hundredth / 100).min(sorted.len().max(1) - 1)).copied();
            Some((at(50)?, at(99)?))
        })
    }
}

/// Who is on the ring of anybody who is open: those who are open, and those whose seats are still held for them.
fn seated(world: &World) -> Vec<usize> {
    let mut seated: Vec<usize> = Vec::new();
    for at in world.alive() {
        let members = world.node(at).view().members();
        let is_seated = |status: Status| matches!(status, Status::Joining | Status::Up | Status::Suspect);
        let ids = members.iter().filter(|member| is_seated(member.status)).map(|member| member.id);
        seated.extend(ids.filter_map(|id| world.tabs_of(id).first()));
    }
    seated.sort_unstable();
    seated.dedup();
    seated
}

/// How many of the sample's keys have another first owner.
fn moved(world: &World, before: &[usize], after: &[usize]) -> Moved {
    if before.is_empty() || after.is_empty() {
        return Moved::default();
    }
    let rings = [before, after].map(|tabs| world.ring_of(tabs));
    // Who sits at which number of `hash mod N`: all there are, in the order in which they came.
    let seat = |tabs: &[usize], position: Position| tabs.get((position.0 % tabs.len() as u64) as usize).copied();
    let mut moved = Moved::default();
    for number in 0..SAMPLE_KEYS {
        let Ok(key) = Key::new(BUCKET, &format!("sample {number}")) else { continue };
        let position = World::room().position(&key);
        let first = |ring: &roundtable_core::ring::Ring| ring.owners(position).first().copied();
        moved.ring += usize::from(first(&rings[0]) != first(&rings[1]));
        moved.modulo += usize::from(seat(before, position) != seat(after, position));
    }
    moved
}
