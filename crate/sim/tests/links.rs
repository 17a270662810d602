//! Who is dialled, and again: what soaks found of pairs that never met.

use roundtable_core::membership::Status;
use roundtable_core::node::{Event, Input, Output};
use roundtable_sim::World;

fn status(world: &World, of: usize, by: usize) -> Option<Status> {
    let id = world.hosts[of].id;
    world.node(by).view().members().iter().find(|member| member.id == id).map(|member| member.status)
}

/// A dial was under way when its network healed and both were announced again, in the very same moment.
#[test]
fn who_is_heard_of_while_a_dial_fails_is_dialled_again() {
    let mut world = World::new(1);
    let (a, b) = (world.prepare(0, |_| {}), world.prepare(1, |_| {}));
    world.mute(a, b);
    world.reopen(a);
    world.reopen(b);
    world.heal(a, b);
    world.introduce(a);
    assert!(world.run_until(60_000, |world| world.is_linked(a, b)), "{}", world.unsettled());
}

/// Inputs put the next dial off, each of them, as long as they came more often than every half a minute.
#[test]
fn halves_that_think_each_other_dormant_meet_by_themselves_however_busy_they_are() {
    let mut world = World::new(2);
    let tabs: Vec<usize> = (0..4).map(|device| world.open(device)).collect();
    assert!(world.settle(20_000), "{}", world.unsettled());
    world.partition(&[&tabs[..2], &tabs[2..]]);
    world.run_for(180_000);
    assert_eq!(status(&world, 2, 0), Some(Status::Dormant));
    for a in 0..2 {
        (2..4).for_each(|b| world.heal(a, b));
    }
    // Between them two seconds never pass without an input of some kind; nobody hears of anybody outside the mesh.
    let met = |world: &World| (0..2).any(|a| (2..4).any(|b| world.is_linked(a, b)));
    let mut waited = 0;
    while !met(&world) && waited < 180_000 {
        world.run_for(1_000);
        waited += 1_000;
        let now = world.now;
        (0..4).for_each(|at| {
            world.input(at, Input::WallClock(roundtable_core::time::WallTime(1_700_000_000_000 + now.0)))
        });
    }
    assert!(waited <= 120_000, "{waited} ms: {}", world.unsettled());
    assert!(world.settle(120_000), "{}", world.unsettled());
    let is_back = |(_, event): &(_, Event)| matches!(event, Event::Member { now: Status::Up, .. });
    assert!(world.hosts[0].events.iter().rev().any(is_back));
}

/// Its disk was lost with the word that it leaves, so its next life told its own record from that one by nothing.
#[test]
fn a_tab_that_lost_its_disk_while_it_left_is_back_for_all() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        (0..4).for_each(|device| {
            world.open(device);
        });
        assert!(world.settle(20_000), "{}", world.unsettled());
        world.mute(0, 1);
        world.cut(1, 2);
        world.cut(1, 3);
        world.leave(0);
        world.run_for(8);
        world.crash(0);
        world.wipe(0);
        world.cut(0, 2);
        world.cut(0, 3);
        world.heal(0, 1);
        world.reopen(0);
        assert!(world.run_until(5_000, |world| world.is_linked(0, 1)), "seed {seed}");
        world.run_for(2_000);
        world.heal_all();
        world.settle(120_000);
        let id = world.hosts[0].id;
        for tab in 1..4 {
            let members = world.node(tab).view().members();
            let status = members.iter().find(|member| member.id == id).map(|member| member.status);
            assert_eq!(status, Some(Status::Up), "seed {seed} tab {tab}");
        }
    }
}

/// Who is linked is signalled to only because that link carries nothing.
#[test]
fn a_signal_for_a_node_that_is_linked_goes_over_others_too() {
    let mut world = World::new(3);
    let tabs: Vec<usize> = (0..3).map(|device| world.open(device)).collect();
    assert!(world.settle(20_000), "{}", world.unsettled());
    let ids: Vec<_> = tabs.iter().map(|&tab| world.hosts[tab].id).collect();
    let mut node = world.node(tabs[0]).clone();
    while node.poll_output().is_some() {}
    node.handle_input(world.now, Input::Signal { to: ids[1], bytes: vec![1, 2, 3] });
    let mut sent_to: Vec<_> = std::iter::from_fn(|| node.poll_output())
        .filter_map(|output| match output {
            Output::Send { to, .. } => Some(to),
            _ => None,
        })
        .collect();
    sent_to.sort_unstable();
    let mut others = ids[1..].to_vec();
    others.sort_unstable();
    assert_eq!(sent_to, others);
}
