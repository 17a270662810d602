//! How everybody is doing, as every tab can show it.

use std::sync::Arc;

use roundtable_core::coordinator::{Keep, Level, Reply, Request, Terms};
use roundtable_core::id::{Key, NodeId};
use roundtable_core::node::{Event, Input};
use roundtable_core::wire::{self, DiskState, Message, Vitals, WireError};
use roundtable_sim::World;

/// How soon everybody's numbers are known everywhere.
const KNOWN_MS: u64 = 5_000;

/// So many tabs, each on a device of its own, meshed and settled.
fn room(seed: u64, tabs: u8) -> World {
    let mut world = World::new(seed);
    (0..tabs).for_each(|device| {
        world.open(device);
    });
    assert!(world.settle(30_000), "seed {seed}: {}", world.unsettled());
    world
}

fn put_all(world: &mut World, tab: usize, keys: u32) {
    for number in 0..keys {
        let key = Key::new("carts", &number.to_string()).expect("a short name");
        let terms = Terms { level: Some(Level::Local), timeout_ms: Some(1_000) };
        let value = Arc::from([7_u8; 100].as_slice());
        world.request(tab, Request::Put { key, value, keep: Keep::default(), context: None, terms });
    }
}

/// What `tab` shows of the others.
fn shown(world: &World, tab: usize) -> Vec<(NodeId, Vitals, u64)> {
    let all = world.node(tab).view().vitals(world.now);
    all.into_iter().skip(1).filter_map(|(id, told)| told.map(|told| (id, told.vitals, told.age_ms))).collect()
}

/// Whether every tab shows of every other the keys, bytes and hints that it holds.
fn all_know_all(world: &World) -> bool {
    let alive = world.alive();
    alive.iter().all(|&tab| {
        let shown = shown(world, tab);
        let of = |other: usize| shown.iter().find(|(id, ..)| *id == world.hosts[other].id);
        alive.iter().filter(|&&other| other != tab).all(|&other| {
            let metrics = world.node(other).view().metrics();
            of(other).is_some_and(|(_, told, _)| {
                (told.keys, told.bytes, told.hints) == (metrics.keys, metrics.bytes, metrics.hints)
            })
        })
    })
}

#[test]
fn any_tab_shows_the_keys_and_hints_of_all_within_five_seconds() {
    for (seed, tabs) in [(1, 3), (2, 6), (3, 10), (4, 16)] {
        let mut world = room(seed, tabs);
        world.crash(0);
        world.run_for(10_000);
        put_all(&mut world, 1, 60);
        // Until the writes are past their deadline, and what could not be delivered is a hint.
        world.run_for(2_000);
        assert!(world.alive().iter().any(|&tab| world.node(tab).view().metrics().hints > 0), "seed {seed}: no hints");
        assert!(world.run_until(KNOWN_MS, all_know_all), "seed {seed}, {tabs} tabs");
        world.reopen(0);
        assert!(world.settle(60_000), "seed {seed}: {}", world.unsettled());
        assert!(world.run_until(KNOWN_MS, all_know_all), "seed {seed}, {tabs} tabs, back");
        assert!(world.alive().iter().all(|&tab| shown(&world, tab).iter().all(|(_, told, _)| told.hints == 0)));
    }
}

#[test]
fn a_frame_that_is_lost_is_made_up_for_and_ages_tell_how_old_it_is() {
    let mut world = room(5, 6);
    world.tuning.loss_percent = 30;
    put_all(&mut world, 1, 60);
    assert!(world.run_until(60_000, |world| world.now.0 > 20_000 && all_know_all(world)));
    world.tuning.calm();
    world.run_for(30_000);
    assert!((0..6).all(|tab| shown(&world, tab).iter().all(|(_, _, age_ms)| *age_ms <= 12_000)));
    world.crash(3);
    world.run_for(12_000);
    let gone = world.hosts[3].id;
    assert!(shown(&world, 0).iter().all(|(id, _, age_ms)| (*age_ms > 11_000) == (*id == gone)));
}

#[test]
fn what_changes_does_not_sign_a_record_anew() {
    let mut world = room(6, 4);
    world.run_for(10_000);
    let before = world.node(0).view().versions();
    put_all(&mut world, 1, 60);
    world.run_for(20_000);
    assert!(all_know_all(&world));
    assert_eq!(world.node(0).view().versions(), before);
}

#[test]
fn nobody_speaks_for_another() {
    let mut world = room(7, 3);
    put_all(&mut world, 1, 20);
    world.run_for(10_000);
    let (victim, liar) = (world.hosts[1].id, world.hosts[2].id);
    let incarnation = world.node(0).view().versions().iter().find(|(id, ..)| *id == victim).map(|(.., of)| *of);
    let vitals = Vitals { keys: 1_000_000, ..Vitals::default() };
    let lie = Message::Vitals { of: victim, incarnation: incarnation.expect("known"), number: u32::MAX, vitals };
    let before = shown(&world, 0);
    world.input(0, Input::Received { from: liar, bytes: wire::encode(&lie) });
    let keys = |shown: &[(NodeId, Vitals, u64)]| shown.iter().map(|(_, told, _)| told.keys).collect::<Vec<_>>();
    assert_eq!(keys(&shown(&world, 0)), keys(&before));
    let dropped = Event::FrameDropped { from: liar, reason: WireError::Forged };
    assert!(world.hosts[0].events.iter().any(|(_, event)| *event == dropped));
    // One who is no member is not remembered, whatever it says of itself.
    for number in 0..1_000_u32 {
        let stranger = NodeId::from_bytes([number.to_le_bytes(); 4].concat().try_into().expect("sixteen bytes"));
        let claim = Message::Vitals { of: stranger, incarnation: 1, number, vitals };
        world.input(0, Input::Received { from: stranger, bytes: wire::encode(&claim) });
    }
    assert_eq!(world.node(0).view().vitals(world.now).len(), 3);
    assert!(all_know_all(&world));
}

#[test]
fn convergence_lag_grows_while_something_waits_and_is_zero_when_all_have_all() {
    let mut world = room(8, 4);
    world.run_for(15_000);
    let lag = |world: &World, of: usize| {
        let id = world.hosts[of].id;
        shown(world, 0).iter().find(|(of, ..)| *of == id).map(|(_, told, _)| told.lag_ms.value())
    };
    assert_eq!((1..4).map(|tab| lag(&world, tab)).collect::<Vec<_>>(), [Some(0); 3]);
    // Nothing that these two send each other arrives for a while: writes wait for an owner that is thought to be here.
    world.clog(1, 2, 4_500);
    put_all(&mut world, 1, 60);
    let grows = |world: &World| lag(world, 1).is_some_and(|lag_ms| lag_ms >= 800);
    assert!(world.run_until(6_000, grows), "{:?}", lag(&world, 1));
    assert!(world.settle(60_000), "{}", world.unsettled());
    world.run_for(15_000);
    assert_eq!((1..4).map(|tab| lag(&world, tab)).collect::<Vec<_>>(), [Some(0); 3]);
    let puts = world.node(1).view().vitals(world.now)[0].1.expect("its own").vitals.puts;
    assert!(puts.p99_ms >= puts.p50_ms && puts.p99_ms.value() > 0);
}

#[test]
fn rates_are_those_of_the_last_ten_seconds() {
    let mut world = room(9, 5);
    world.run_for(30_000);
    let sent = |world: &World| world.node(1).view().metrics().sent;
    let before = sent(&world);
    world.run_for(10_000);
    let at_rest = (sent(&world).gossip - before.gossip) / 10;
    let id = world.hosts[1].id;
    let told = |world: &World| shown(world, 0).iter().find(|(of, ..)| *of == id).map(|(_, told, _)| told.sent);
    let rate = told(&world).expect("heard of").gossip.value();
    assert!(rate * 2 > at_rest && rate < at_rest * 2, "{rate} of {at_rest}");
    assert_eq!(told(&world).expect("heard of").request.value(), 0);
    for _ in 0..10 {
        put_all(&mut world, 1, 60);
        world.run_for(1_000);
    }
    world.run_for(2_000);
    assert!(told(&world).expect("heard of").request.value() > 1_000);
}

#[test]
fn a_disk_that_is_gone_is_known_to_all_though_its_tab_writes_nothing_and_counts_for_no_write() {
    let mut world = room(9, 3);
    let key = Key::new("carts", "alice").expect("a short name");
    let put = |world: &mut World| {
        let terms = Terms { level: Some(Level::All), timeout_ms: Some(2_000) };
        let value = Arc::from([1_u8].as_slice());
        let put = Request::Put { key: key.clone(), value, keep: Keep::default(), context: None, terms };
        let id = world.request(1, put);
        world.run_for(3_000);
        match world.last(1, id) {
            Some(Reply::Receipt(receipt)) => (receipt.met, receipt.owners.contains(&world.hosts[0].id)),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(put(&mut world), (true, true));
    put_all(&mut world, 1, 20);
    world.run_for(5_000);
    let state = |world: &World| {
        let of = world.hosts[0].id;
        shown(world, 1).iter().find(|(id, ..)| *id == of).map(|(_, told, _)| told.disk)
    };
    assert_eq!(state(&world), Some(DiskState::Sound));
    world.input(0, Input::DiskLost);
    assert!(world.run_until(KNOWN_MS, |world| state(world) == Some(DiskState::Failing)));
    // Not even for what it has in memory, whatever the disk says of batches that it had taken.
    assert_eq!(put(&mut world), (false, false));
    // It still is asked, and hands over what it has: whoever joins owns its arcs before long.
    let newcomer = world.open(3);
    let has_arcs = |world: &World| {
        let view = world.node(newcomer).view();
        let ring = world.ring_of(&world.alive());
        let key = |number: u32| Key::new("carts", &number.to_string()).expect("a short name");
        let is_its = |key: &Key| ring.owns(world.hosts[newcomer].id, World::room().position(key));
        let its: Vec<Key> = (0..20).map(key).filter(is_its).collect();
        let is_there = its.len() > 5 && its.iter().all(|key| view.object(key).is_some());
        view.metrics().links == 3 && is_there && !view.unsettled().contains("incoming")
    };
    assert!(world.run_until(20_000, has_arcs), "{}", world.node(newcomer).view().unsettled());
    assert_eq!(state(&world), Some(DiskState::Failing));
}
