//! What a network does to links: cuts, one-way links, clogs, links that come and go, and partitions of the shapes that
//! have broken other systems (Jepsen's bridge and majorities ring).

use super::{Happening, World, pair};

impl World {
    /// Nothing passes between these two until [`World::heal`].
    pub fn cut(&mut self, a: usize, b: usize) {
        self.cuts.insert(pair(a, b));
        if self.links.remove(&pair(a, b)).is_some() {
            self.later(self.tuning.silence_ms, Happening::LinkDies { a, b });
        }
    }

    /// What the one sends no longer reaches the other, who is heard as before. No new link comes about.
    pub fn mute(&mut self, from: usize, to: usize) {
        self.mutes.insert((from, to));
    }

    /// Whatever these two send each other is held for so long, and then arrives all at once.
    pub fn clog(&mut self, a: usize, b: usize, ms: u64) {
        self.clogs.insert((a, b), self.now + ms);
        self.clogs.insert((b, a), self.now + ms);
    }

    /// These two lose and find each other so many times, every `period_ms`.
    pub fn flap(&mut self, a: usize, b: usize, period_ms: u64, times: u32) {
        self.later(0, Happening::Flips { a, b, period_ms, left: 2 * times, peace: self.peace });
    }

    pub(super) fn on_flip(&mut self, a: usize, b: usize, period_ms: u64, left: u32, peace: u64) {
        if left == 0 || peace != self.peace {
            return;
        }
        if left.is_multiple_of(2) {
            self.cut(a, b)
        } else {
            self.heal(a, b)
        }
        self.later(period_ms, Happening::Flips { a, b, period_ms, left: left - 1, peace });
    }

    /// Nothing passes between any two for which this holds.
    fn cut_where(&mut self, is_cut: impl Fn(usize, usize) -> bool) {
        for a in 0..self.hosts.len() {
            for b in a + 1..self.hosts.len() {
                if is_cut(a, b) {
                    self.cut(a, b);
                }
            }
        }
    }

    /// Nothing passes between the groups until [`World::heal_all`].
    pub fn partition(&mut self, groups: &[&[usize]]) {
        let group_of = |tab: usize| groups.iter().position(|group| group.contains(&tab));
        self.cut_where(|a, b| matches!((group_of(a), group_of(b)), (Some(one), Some(other)) if one != other));
    }

    /// Two halves, and one tab that reaches both.
    pub fn partition_bridge(&mut self, bridge: usize) {
        let half = self.hosts.len() / 2;
        self.cut_where(|a, b| a != bridge && b != bridge && (a < half) != (b < half));
    }

    /// Each tab reaches a majority, and no two the same one: those nearest to it on a circle.
    pub fn partition_majorities(&mut self) {
        let count = self.hosts.len();
        let reach = (count / 2).div_ceil(2);
        self.cut_where(|a, b| (b - a).min(count + a - b) > reach);
    }

    /// From `first` on so many tabs, and that one alone, reach the one tab, which reaches all.
    pub fn partition_behind(&mut self, vertex: usize, first: usize, behind: usize) {
        let count = self.hosts.len();
        let (vertex, first) = (vertex % count, first % count);
        let is_behind = |tab: usize| (tab + count - first) % count < behind;
        self.cut_where(|a, b| a != vertex && b != vertex && is_behind(a) != is_behind(b));
    }

    /// Of what this tab should pass on, so many of a hundred messages go nowhere from now on.
    pub fn drop_relayed(&mut self, at: usize, percent: u64) {
        self.relays.insert(at, u8::try_from(percent.min(100)).unwrap_or(100));
        self.relays.retain(|_, percent| *percent > 0);
    }

    /// These two can reach each other again, both ways and at once.
    pub fn heal(&mut self, a: usize, b: usize) {
        self.cuts.remove(&pair(a, b));
        for way in [(a, b), (b, a)] {
            self.mutes.remove(&way);
            self.clogs.remove(&way);
        }
    }

    /// All can reach each other again, and hear of each other.
    pub fn heal_all(&mut self) {
        self.peace += 1;
        self.cuts.clear();
        self.mutes.clear();
        self.clogs.clear();
        self.relays.clear();
        for at in 0..self.hosts.len() {
            if self.is_open(at) {
                self.introduce(at);
            }
        }
    }
}
