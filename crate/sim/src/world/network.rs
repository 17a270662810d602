//! Links and the frames on them. A link is as a WebRTC data channel is: in order per lane, silent when the other end
//! dies, known to be gone only after a while. [`super::Tuning`] can make it worse than any real one: frames are lost,
//! doubled, overtaken and held up.

use roundtable_core::id::NodeId;
use roundtable_core::node::{Input, Lane};
use roundtable_core::wire::{self, Message};

use super::{Happening, Seen, Tapped, World, pair};

impl World {
    /// Whether a link is open.
    pub fn is_linked(&self, a: usize, b: usize) -> bool {
        self.links.contains_key(&pair(a, b))
    }

    /// Which tab another means by an identity: the one it is linked with, else the last that is open.
    pub(super) fn find(&self, at: usize, id: NodeId) -> Option<usize> {
        let tabs = self.tabs_of.get(&id)?;
        let linked = tabs.iter().copied().find(|&tab| self.is_linked(at, tab));
        let open = || tabs.iter().rev().copied().find(|&tab| self.is_open(tab));
        linked.or_else(open).or(tabs.last().copied()).filter(|&tab| tab != at)
    }

    pub(super) fn send(&mut self, at: usize, id: NodeId, lane: Lane, bytes: Vec<u8>) {
        self.hosts[at].frames_sent += 1;
        let Some(to) = self.find(at, id) else { return };
        if let Some(tapped) = &mut self.tap {
            tapped.push(Tapped { at: self.now, from: at, to, bytes: bytes.clone() });
        }
        let Some(&link) = self.links.get(&pair(at, to)) else { return };
        if self.mutes.contains(&(at, to)) || self.happens(self.tuning.loss_percent) {
            self.see(|_| Seen::Lost { from: at, to, bytes: bytes.clone() });
            return;
        }
        let Some(sent_in) = self.occupy(at, to, lane, bytes.len() as u64) else {
            self.hang_up(at, to);
            return;
        };
        let copies = if self.happens(self.tuning.duplicate_percent) { 2 } else { 1 };
        for _ in 0..copies {
            let delay = sent_in + self.delay(at, to, lane, sent_in);
            self.later(delay, Happening::Frame { from: at, to, link, left: self.now, bytes: bytes.clone() });
            self.see(|world| Seen::Sent { id: world.made, from: at, to, due: world.now + delay, bytes: bytes.clone() });
        }
    }

    /// How long a frame that has left is on its way.
    fn delay(&mut self, at: usize, to: usize, lane: Lane, sent_in: u64) -> u64 {
        let mut delay = self.between(self.tuning.latency_ms);
        let is_reordered = self.happens(self.tuning.reorder_percent);
        if is_reordered || self.happens(self.tuning.spike_percent) {
            delay += self.between(self.tuning.spike_ms);
        }
        if self.hosts[to].timer_grid_ms > 0 && self.tuning.throttled_late_ms > 0 {
            delay += self.between((0, self.tuning.throttled_late_ms));
        }
        let sent_at = self.now + sent_in;
        let free_at = self.clogs.get(&(at, to)).copied().unwrap_or_default();
        let due = (sent_at + delay).max(free_at);
        if is_reordered {
            return due.since(sent_at);
        }
        let last = self.arrivals.entry((at, to, lane)).or_default();
        *last = due.max(*last);
        last.since(sent_at)
    }

    /// Put a frame on a lane. Tells when it has left; `None`: more waits than a driver puts up with.
    fn occupy(&mut self, at: usize, to: usize, lane: Lane, bytes: u64) -> Option<u64> {
        let Some(rate) = self.tuning.lane_bytes_per_ms else { return Some(0) };
        let free_at = self.lanes_free_at.entry((at, to, lane)).or_default();
        let begins = self.now.max(*free_at);
        if begins.since(self.now) * rate + bytes > self.tuning.lane_bytes_max {
            return None;
        }
        *free_at = begins + bytes.div_ceil(rate.max(1));
        Some(free_at.since(self.now))
    }

    pub(super) fn on_frame(&mut self, from: usize, to: usize, link: u64, bytes: Vec<u8>) {
        if self.links.get(&pair(from, to)) != Some(&link) {
            return;
        }
        if let Some(bytes) = self.as_passed_on_by(to, bytes) {
            self.see(|_| Seen::Arrived);
            let id = self.hosts[from].id;
            self.input(to, Input::Received { from: id, bytes });
        }
    }

    /// A frame without what that tab should pass on and does not; `None`: nothing is left of it.
    fn as_passed_on_by(&mut self, relay: usize, bytes: Vec<u8>) -> Option<Vec<u8>> {
        if !self.relays.contains_key(&relay) {
            return Some(bytes);
        }
        let Ok(Message::Several(frames)) = wire::decode(&bytes) else {
            return (!self.is_dropped_by(relay, &bytes)).then_some(bytes);
        };
        let left: Vec<Vec<u8>> = frames.into_iter().filter(|frame| !self.is_dropped_by(relay, frame)).collect();
        (!left.is_empty()).then(|| wire::encode(&Message::Several(left)))
    }

    /// Whether a tab that should pass this on does not.
    fn is_dropped_by(&mut self, relay: usize, bytes: &[u8]) -> bool {
        let Some(&percent) = self.relays.get(&relay) else { return false };
        let id = self.hosts[relay].id;
        matches!(wire::decode(bytes), Ok(Message::Relayed(relayed)) if relayed.to != id) && self.happens(percent)
    }

    pub(super) fn dial(&mut self, at: usize, id: NodeId) {
        let delay = self.between(self.tuning.dial_ms);
        let life = self.hosts[at].life;
        match self.find(at, id) {
            Some(to) if self.is_open(to) && !self.is_frozen(to) && self.can_meet(at, to) => {
                let lives = (life, self.hosts[to].life);
                self.later(delay, Happening::LinkOpens { a: at, b: to, lives });
            }
            _ => self.later(delay * 20, Happening::DialFails { at, life, to: id }),
        }
    }

    fn can_meet(&self, a: usize, b: usize) -> bool {
        !self.cuts.contains(&pair(a, b)) && !self.mutes.contains(&(a, b)) && !self.mutes.contains(&(b, a))
    }

    pub(super) fn on_link_opens(&mut self, a: usize, b: usize, lives: (u64, u64)) {
        let is_same = (self.hosts[a].life, self.hosts[b].life) == lives;
        let both = self.is_open(a) && self.is_open(b);
        if !is_same || !both || !self.can_meet(a, b) || self.is_linked(a, b) {
            return;
        }
        // Where a duplicated tab takes the place of its twin, the link with that one ends.
        for (one, other) in [(a, b), (b, a)] {
            let twins: Vec<usize> = self.twins(other).to_vec();
            for twin in twins.into_iter().filter(|&twin| twin != other) {
                if self.links.remove(&pair(one, twin)).is_some() {
                    self.later(1, Happening::LinkDies { a: one, b: twin });
                }
            }
        }
        self.made += 1;
        self.links.insert(pair(a, b), self.made);
        self.see(|_| Seen::Linked { a, b });
        for lane in [Lane::Control, Lane::Requests, Lane::Bulk] {
            for way in [(a, b, lane), (b, a, lane)] {
                self.arrivals.remove(&way);
                self.lanes_free_at.remove(&way);
            }
        }
        let (id_a, id_b) = (self.hosts[a].id, self.hosts[b].id);
        self.input(a, Input::LinkUp(id_b));
        self.input(b, Input::LinkUp(id_a));
    }

    pub(super) fn on_link_dies(&mut self, a: usize, b: usize) {
        for (one, other) in [(a, b), (b, a)] {
            let is_replaced = self.twins(other).iter().any(|&twin| self.is_linked(one, twin));
            if !is_replaced {
                let id = self.hosts[other].id;
                self.input(one, Input::LinkDown(id));
            }
        }
    }

    /// The link between these two closes, if there is one, and both know at once. They may dial again.
    pub fn hang_up(&mut self, a: usize, b: usize) {
        if self.links.remove(&pair(a, b)).is_some() {
            self.later(1, Happening::LinkDies { a, b });
        }
    }
}
