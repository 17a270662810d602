//! Several memberships that hear each other, driven by their deadlines; whole rooms are the simulator's.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;

use super::tests::{converse, deliver, member};
use super::*;
use crate::time::{HORIZON_MS, JUMP_MS, WallTime};
use crate::wire::{Message, Rumour};

/// Some memberships that all know and hear each other, in time that passes by deadlines. A frame takes 10 ms.
struct Mesh {
    nodes: Vec<Membership>,
    now: Instant,
    under_way: BTreeMap<(Instant, u64), (usize, usize, Message)>,
    sent: u64,
    /// Over which ways nothing passes.
    mute: BTreeSet<(usize, usize)>,
}

impl Mesh {
    fn new(count: u8) -> Mesh {
        let nodes = (1..=count).map(member).collect();
        let (under_way, mute) = (BTreeMap::new(), BTreeSet::new());
        let mut mesh = Mesh { nodes, now: Instant(0), under_way, sent: 0, mute };
        for a in 0..mesh.nodes.len() {
            for b in (0..mesh.nodes.len()).filter(|&b| b != a) {
                let mut out = vec![];
                let id = mesh.nodes[b].me;
                mesh.nodes[a].link_up(id, &mut out);
                mesh.send(a, out);
            }
        }
        mesh.run_for(1_000);
        mesh
    }

    fn send(&mut self, from: usize, out: Outbox) {
        for (to, message) in out {
            let Some(to) = self.nodes.iter().position(|node| node.me == to) else { continue };
            let is_linked = self.nodes[from].links.contains(&self.nodes[to].me);
            if is_linked && !self.mute.contains(&(from, to)) {
                self.sent += 1;
                self.under_way.insert((self.now + 10, self.sent), (from, to, message));
            }
        }
    }

    fn run_for(&mut self, ms: u64) {
        let end = self.now + ms;
        loop {
            let frame = self.under_way.first_key_value().map(|(key, _)| key.0);
            let timers = self.nodes.iter().enumerate().filter_map(|(at, node)| Some((node.poll_timeout()?, at)));
            let timer = timers.min().filter(|(due, _)| frame.is_none_or(|frame| *due < frame));
            let mut out = vec![];
            let at = if let Some((due, at)) = timer.filter(|(due, _)| *due <= end) {
                self.now = self.now.max(due);
                self.nodes[at].handle_timeout(self.now, &mut out);
                at
            } else if frame.is_some_and(|due| due <= end) {
                let ((due, _), (from, to, message)) = self.under_way.pop_first().unwrap();
                self.now = self.now.max(due);
                let from = self.nodes[from].me;
                deliver(&mut self.nodes[to], from, self.now, message, &mut out);
                to
            } else {
                break;
            };
            self.send(at, out);
        }
        self.now = end;
    }

    /// Nothing reaches this node nor comes from it.
    fn kill(&mut self, at: usize) {
        self.mute.extend((0..self.nodes.len()).flat_map(|other| [(at, other), (other, at)]));
    }

    /// Its links close.
    fn unlink(&mut self, at: usize) {
        let id = self.nodes[at].me;
        self.nodes.iter_mut().for_each(|node| node.link_down(id, true));
    }

    fn status(&self, by: usize, of: usize) -> Status {
        self.nodes[by].status(self.nodes[of].me).unwrap()
    }

    /// From now until somebody thinks so of this one.
    fn until(&mut self, by: usize, of: usize, status: Status) -> u64 {
        let began = self.now;
        while self.status(by, of) != status {
            assert!(self.now.since(began) < 400_000, "never");
            self.run_for(10);
        }
        self.now.since(began)
    }
}

#[test]
fn many_accusers_make_a_silent_node_dormant_sooner_than_one_alone() {
    let mut mesh = Mesh::new(6);
    mesh.kill(5);
    mesh.until(0, 5, Status::Suspect);
    let all = mesh.until(0, 5, Status::Dormant);
    assert!((15_000..20_000).contains(&all), "{all}");
    // One that hears everybody but the silent one, while nobody else confirms.
    let mut mesh = Mesh::new(6);
    mesh.kill(5);
    let (now, id) = (mesh.now + 1_500, mesh.nodes[5].me);
    let mut out = vec![];
    mesh.nodes[0].accuse(now, id, &mut out);
    let due = mesh.nodes[0].next_dormant().unwrap();
    assert_eq!(due.since(now), 45_000);
}

#[test]
fn a_way_that_is_dead_in_one_direction_accuses_nobody() {
    let mut mesh = Mesh::new(4);
    mesh.mute.insert((0, 3));
    for _ in 0..600 {
        mesh.run_for(100);
        for by in 0..4 {
            assert!((0..4).all(|of| mesh.status(by, of) == Status::Up), "{:?}", mesh.now);
        }
    }
}

#[test]
fn a_node_that_only_a_bridge_reaches_is_not_suspected() {
    // Nodes 0 to 3 have no link with 5 to 8; 4 has one with all.
    let mut mesh = Mesh::new(9);
    for (a, b) in (0..4).flat_map(|a| (5..9).map(move |b| (a, b))) {
        let (id_a, id_b) = (mesh.nodes[a].me, mesh.nodes[b].me);
        mesh.nodes[a].link_down(id_b, true);
        mesh.nodes[b].link_down(id_a, true);
    }
    for _ in 0..600 {
        mesh.run_for(100);
        assert!((1..9).all(|of| mesh.status(0, of) == Status::Up), "{:?}", mesh.now);
    }
}

/// Whoever is three links away can be vouched for by nobody: it is accused and refutes it, and that must cost little.
/// Probes that began before a refutation once accused the new incarnation, and hurried each other without end.
#[test]
fn accusations_and_refutations_over_long_ways_do_not_feed_each_other() {
    let mut mesh = Mesh::new(14);
    for (a, b) in (0..14).flat_map(|a| (a + 1..14).map(move |b| (a, b))) {
        if (b - a).min(14 + a - b) > 2 {
            let (id_a, id_b) = (mesh.nodes[a].me, mesh.nodes[b].me);
            mesh.nodes[a].link_down(id_b, true);
            mesh.nodes[b].link_down(id_a, true);
        }
    }
    mesh.run_for(20_000);
    let before = mesh.sent;
    mesh.run_for(20_000);
    let per_node_and_second = (mesh.sent - before) / 14 / 20;
    assert!(per_node_and_second < 60, "{per_node_and_second}");
}

#[test]
fn relays_that_are_there_and_do_not_answer_are_no_evidence() {
    // What node 0 sends reaches nobody, but everybody reaches it; only node 3 has also fallen silent towards it.
    let mut mesh = Mesh::new(4);
    mesh.mute.extend([(0, 1), (0, 2), (0, 3), (3, 0)]);
    for _ in 0..100 {
        mesh.run_for(100);
        assert_ne!(mesh.nodes[0].members[&mesh.nodes[3].me].accusers, [mesh.nodes[0].me]);
    }
    // With nobody else there, its own silence is all there is to go by.
    let mut mesh = Mesh::new(2);
    mesh.kill(1);
    assert!(mesh.until(0, 1, Status::Suspect) < 5_000);
}

#[test]
fn closed_channels_hurry_a_probe_and_prove_nothing() {
    let mut mesh = Mesh::new(5);
    let id = mesh.nodes[4].me;
    mesh.nodes[0].link_down(id, true);
    mesh.run_for(5_000);
    assert_eq!(mesh.status(0, 4), Status::Up, "others reach it");
    mesh.kill(4);
    mesh.unlink(4);
    assert!(mesh.until(0, 4, Status::Suspect) <= 200, "nobody has a link with it");
}

#[test]
fn a_goodbye_is_passed_on_and_needs_no_confirmation() {
    let mut mesh = Mesh::new(5);
    // It reaches one only.
    mesh.mute.extend([(4, 1), (4, 2), (4, 3)]);
    let mut out = vec![];
    mesh.nodes[4].say_goodbye(&mut out);
    mesh.send(4, out);
    mesh.run_for(50);
    assert!((0..4).all(|by| mesh.status(by, 4) == Status::Suspect));
    mesh.kill(4);
    let dormant = mesh.until(2, 4, Status::Dormant);
    assert!((14_900..15_100).contains(&dormant), "{dormant}");
}

#[test]
fn a_frozen_page_is_suspect_on_its_own_word_and_waited_for_longer() {
    let mut mesh = Mesh::new(5);
    let mut out = vec![];
    mesh.nodes[4].set_presence(Presence::Frozen, &mut out);
    mesh.send(4, out);
    mesh.run_for(50);
    assert!((0..4).all(|by| mesh.status(by, 4) == Status::Suspect));
    mesh.kill(4);
    let dormant = mesh.until(0, 4, Status::Dormant);
    assert!((299_000..301_000).contains(&dormant), "{dormant}");
    mesh.mute.clear();
    let now = mesh.now;
    let mut out = vec![];
    mesh.nodes[4].awake(now, &mut out);
    mesh.send(4, out);
    mesh.run_for(50);
    assert!((0..4).all(|by| mesh.status(by, 4) == Status::Up));
}

#[test]
fn what_is_claimed_of_a_node_that_is_heard_from_is_put_to_that_node() {
    let mut mesh = Mesh::new(3);
    let (now, id, liar) = (mesh.now, mesh.nodes[2].me, mesh.nodes[1].me);
    let mut out = vec![];
    let rumour = Rumour { about: id, incarnation: 1, claim: Claim::Dormant, accuser: None };
    mesh.nodes[0].on_heard(now, id, &mut out);
    mesh.nodes[0].on_rumours(now, liar, vec![rumour], &mut out).unwrap();
    assert_eq!(mesh.status(0, 2), Status::Up);
    mesh.send(0, out);
    mesh.run_for(100);
    assert_eq!(mesh.nodes[2].own().record().incarnation, 2, "it refutes");
}

#[test]
fn a_hello_that_is_lost_both_ways_is_said_again() {
    let (mut a, mut b) = (member(1), member(2));
    let mut lost = vec![];
    a.link_up(b.me, &mut lost);
    b.link_up(a.me, &mut lost);
    let (mut from_a, now) = (vec![], a.poll_timeout().unwrap());
    a.handle_timeout(now, &mut from_a);
    converse(&mut a, &mut b, now, from_a, vec![]);
    assert_eq!((a.status(b.me), b.status(a.me)), (Some(Status::Up), Some(Status::Up)));
}

#[test]
fn a_late_verdict_is_put_off_until_what_waits_in_the_queue_is_heard() {
    let mut mesh = Mesh::new(2);
    mesh.kill(1);
    let (id, began) = (mesh.nodes[1].me, mesh.now);
    let mut out = vec![];
    // Its deadlines pass unhandled, and the answer is in the queue when it wakes up.
    let (mut due, mut now) = (mesh.nodes[0].poll_timeout().unwrap(), began);
    while mesh.nodes[0].probing_of(id) != Some(1) {
        now = now.max(due);
        mesh.nodes[0].handle_timeout(now, &mut out);
        due = mesh.nodes[0].poll_timeout().unwrap();
    }
    let late = now + 1_300 + 900;
    mesh.nodes[0].handle_timeout(late, &mut out);
    assert_eq!(mesh.status(0, 1), Status::Up, "not yet");
    mesh.nodes[0].handle_timeout(late + 1_000, &mut out);
    assert_eq!(mesh.status(0, 1), Status::Suspect, "but not for ever");
}

const NOON: WallTime = WallTime(20_000 * JUMP_MS);

#[test]
fn a_record_is_signed_anew_about_daily_and_no_oftener() {
    let mut a = member(1);
    let mut out = vec![];
    a.on_wall_clock(None, None, &mut out);
    assert_eq!(a.own().record().refreshed, WallTime(0), "the clock is not trusted");
    a.on_wall_clock(Some(NOON), None, &mut out);
    let version = a.own().record().version;
    a.on_wall_clock(Some(WallTime(NOON.0 + JUMP_MS - 1)), None, &mut out);
    assert_eq!((a.own().record().refreshed, a.own().record().version), (NOON, version));
    a.on_wall_clock(Some(WallTime(NOON.0 + JUMP_MS)), None, &mut out);
    assert_eq!(a.own().record().version, version + 1);
}

#[test]
fn one_that_has_been_away_for_longer_than_the_horizon_has_departed_until_it_says_something_new() {
    let mut mesh = Mesh::new(2);
    let mut out = vec![];
    mesh.nodes[1].on_wall_clock(Some(NOON), None, &mut out);
    mesh.send(1, out);
    mesh.run_for(50);
    let old = mesh.nodes[1].own().clone();
    mesh.kill(1);
    mesh.unlink(1);
    let after = WallTime(NOON.0 + HORIZON_MS);
    let mut out = vec![];
    mesh.nodes[0].on_wall_clock(Some(after), Some(after), &mut out);
    assert_eq!(mesh.status(0, 1), Status::Up, "it is not even dormant");
    mesh.until(0, 1, Status::Dormant);
    mesh.nodes[0].on_wall_clock(Some(after), None, &mut out);
    mesh.nodes[0].on_wall_clock(Some(after), Some(WallTime(after.0 - 1)), &mut out);
    assert_eq!(mesh.status(0, 1), Status::Dormant, "nobody confirms the time, or it is too early");
    mesh.nodes[0].on_wall_clock(Some(after), Some(after), &mut out);
    assert_eq!(mesh.status(0, 1), Status::Departed);
    // A stale record or rumour does not bring it back, here or where nothing was known of it.
    let (now, me, mut fresh) = (mesh.now, mesh.nodes[0].me, member(9));
    let up = Rumour { about: old.id(), incarnation: 1, claim: Claim::Up, accuser: None };
    mesh.nodes[0].on_rumours(now, me, vec![up], &mut out).unwrap();
    mesh.nodes[0].on_records(now, me, vec![(old.clone(), Claim::Up)], &mut out).unwrap();
    assert_eq!(mesh.status(0, 1), Status::Departed);
    fresh.on_wall_clock(Some(after), Some(after), &mut out);
    fresh.on_records(now, me, vec![(old.clone(), Claim::Up)], &mut out).unwrap();
    assert_eq!(fresh.status(old.id()), Some(Status::Departed));
    assert_eq!(mesh.nodes[0].present().count(), 1);
    // Its next record does, even before its clock is believed again.
    mesh.nodes[1].rewrite(&mut out, |record| record.incarnation += 1);
    let new = mesh.nodes[1].own().clone();
    mesh.nodes[0].link_up(new.id(), &mut out);
    mesh.nodes[0].on_records(now, new.id(), vec![(new, Claim::Up)], &mut out).unwrap();
    assert_eq!(mesh.status(0, 1), Status::Up);
}
