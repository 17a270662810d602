//! Ways over others, a step at a time.

use super::super::peer::BUSY_MESSAGES;
use super::*;
use crate::membership::{Membership, member};
use crate::wire::Claim;
use alloc::vec;

/// Two members who know each other and have no link, in a large room, and the neighbour that both have.
fn three() -> (Membership, Membership, NodeId, Routes) {
    let (mut a, mut b, relay) = crate::membership::met_without_a_link();
    a.set_sparse(true);
    b.set_sparse(true);
    let mut routes = Routes::default();
    routes.on_links(relay, vec![(b.own().id(), true)], &a).unwrap();
    (a, b, relay, routes)
}

fn wrapped(routes: &mut Routes, now: Instant, from: &Membership, to: &Membership) -> Vec<(NodeId, Message)> {
    wrapped_as(Message::Enquire { seq: 1, target: NodeId::from_bytes([9; 16]) }, routes, now, from, to)
}

fn wrapped_as(
    message: Message,
    routes: &mut Routes,
    now: Instant,
    from: &Membership,
    to: &Membership,
) -> Vec<(NodeId, Message)> {
    let mut random = fastrand::Rng::with_seed(1);
    routes.wrap(now, to.own().id(), &message, from, &mut random, &Marks::default()).expect("there is no link")
}

fn arrive(routes: &mut Routes, at: &Membership, link: NodeId, relayed: Relayed) -> Result<(bool, Arrival), WireError> {
    let mut random = fastrand::Rng::with_seed(1);
    routes.on_relayed(Instant(0), link, relayed, at, &mut random, &Marks::default())
}

fn only(mut ways: Vec<(NodeId, Message)>) -> (NodeId, Relayed) {
    assert_eq!(ways.len(), 1);
    match ways.pop() {
        Some((way, Message::Relayed(relayed))) => (way, relayed),
        other => panic!("not expected here: {other:?}"),
    }
}

#[test]
fn what_is_for_a_node_without_a_link_goes_by_a_neighbour_that_has_one_and_arrives_once() {
    let (a, b, relay, mut routes) = three();
    let (way, relayed) = only(wrapped(&mut routes, Instant(0), &a, &b));
    assert_eq!((way, relayed.hops), (relay, HOPS_MAX));
    let mut theirs = Routes::default();
    let Ok((false, Arrival::Here(frame))) = arrive(&mut theirs, &b, relay, relayed.clone()) else { panic!() };
    assert!(matches!(wire::decode(&frame), Ok(Message::Enquire { seq: 1, .. })));
    assert_eq!(arrive(&mut theirs, &b, relay, relayed), Ok((false, Arrival::Nowhere)));
}

#[test]
fn an_answer_for_another_life_is_dropped_and_another_life_of_a_sender_is_told() {
    let (a, b, relay, mut routes) = three();
    let (_, relayed) = only(wrapped(&mut routes, Instant(0), &a, &b));
    let mut theirs = Routes::default();
    let answer = Relayed { for_life: Some(b.life().wrapping_add(1)), ..relayed.clone() };
    assert_eq!(arrive(&mut theirs, &b, relay, answer), Ok((false, Arrival::ForAnotherLife)));
    let later = Relayed { life: relayed.life.wrapping_add(1), ..relayed };
    assert!(matches!(arrive(&mut theirs, &b, relay, later), Ok((true, Arrival::Here(_)))));
}

#[test]
fn a_stranger_s_message_is_refused_and_one_s_own_goes_no_further() {
    let (a, b, relay, mut routes) = three();
    let (_, relayed) = only(wrapped(&mut routes, Instant(0), &a, &b));
    let strange = Relayed { from: NodeId::from_bytes([77; 16]), ..relayed.clone() };
    assert_eq!(arrive(&mut Routes::default(), &b, relay, strange), Err(WireError::Forged));
    assert_eq!(arrive(&mut routes, &a, relay, relayed), Ok((false, Arrival::Nowhere)));
}

#[test]
fn hops_run_out_and_a_neighbour_has_only_so_much_passed_on() {
    let (a, b, relay, mut routes) = three();
    let (_, relayed) = only(wrapped(&mut routes, Instant(0), &a, &b));
    let (far, peer) = (NodeId::from_bytes([3; 16]), NodeId::from_bytes([4; 16]));
    let passing = |hops| Relayed { from: far, to: peer, hops, ..relayed.clone() };
    let mut relays = Routes::new(Load { messages: 3, bytes: 1_000_000 });
    assert_eq!(arrive(&mut relays, &a, peer, passing(0)), Ok((false, Arrival::Nowhere)));
    let Ok((false, Arrival::PassOn(way, next))) = arrive(&mut relays, &a, peer, passing(u8::MAX)) else { panic!() };
    assert_eq!(way, relay);
    assert!(next.hops < HOPS_MAX, "whatever it said");
    assert!(arrive(&mut relays, &a, peer, passing(1)).is_ok());
    assert_eq!(arrive(&mut relays, &a, peer, passing(1)), Err(WireError::Limit));
}

#[test]
fn who_says_nothing_for_three_seconds_is_passed_over_until_it_says_something() {
    let (mut a, b, _, mut routes) = three();
    let to = b.own().id();
    wrapped(&mut routes, Instant(0), &a, &b);
    let (marks, mut out) = (Marks::default(), vec![]);
    for at in [1_000, 2_000] {
        assert_eq!(routes.poll_timeout(), Some(Instant(at)));
        routes.handle_timeout(Instant(at), &mut a, &marks, &mut out);
    }
    assert!(a.answers(to) && out.len() == 2, "it is asked again: {out:?}");
    routes.handle_timeout(Instant(3_000), &mut a, &marks, &mut out);
    assert!(!a.answers(to) && a.is_here(to));
    routes.on_heard(Instant(3_000), to, &mut a, &marks);
    assert!(a.answers(to));
    assert_eq!(routes.poll_timeout(), None);
}

#[test]
fn much_talk_earns_a_link_for_a_minute_and_not_again_at_once_when_that_ends() {
    let (a, b, _, mut routes) = three();
    let to = b.own().id();
    for _ in 0..=BUSY_MESSAGES {
        assert!(routes.promoted(Instant(5)).is_empty());
        wrapped(&mut routes, Instant(5), &a, &b);
    }
    assert_eq!(routes.promoted(Instant(5)), [to]);
    assert!(routes.promoted(Instant(5 + PROMOTED_MS)).is_empty());
    routes.on_link_down(Instant(6), to, true);
    for _ in 0..=BUSY_MESSAGES {
        wrapped(&mut routes, Instant(7), &a, &b);
    }
    assert!(routes.promoted(Instant(7)).is_empty());
}

#[test]
fn a_small_message_leaves_by_two_neighbours_and_where_answers_take_long_by_one() {
    let (mut a, b, _, mut routes) = three();
    a.link_up(NodeId::from_bytes([5; 16]), &mut vec![]);
    assert_eq!(wrapped(&mut routes, Instant(0), &a, &b).len(), 2);
    let compared = Message::Holds { request: 1, items: vec![] };
    assert_eq!(wrapped_as(compared, &mut routes, Instant(0), &a, &b).len(), 1, "nobody waits for it");
    (0..15).for_each(|_| a.note_answer(2_000));
    assert_eq!(wrapped(&mut routes, Instant(0), &a, &b).len(), 1);
    (0..15).for_each(|_| a.note_answer(5));
    assert_eq!(wrapped(&mut routes, Instant(0), &a, &b).len(), 2);
}

#[test]
fn of_many_who_owe_a_word_a_few_are_asked_at_a_time_and_each_in_its_turn() {
    let (mut a, _, relay, mut routes) = three();
    let others: Vec<Membership> = (10..22).map(member).collect();
    let records = others.iter().map(|other| (other.own().clone(), Claim::Up)).collect();
    a.on_records(Instant(0), relay, records, &mut vec![]).unwrap();
    others.iter().for_each(|other| drop(wrapped(&mut routes, Instant(0), &a, other)));
    let mut asked = BTreeSet::new();
    for at in [1_000, 2_000] {
        let mut out = vec![];
        routes.handle_timeout(Instant(at), &mut a, &Marks::default(), &mut out);
        assert_eq!(out.len(), ASKS_MAX);
        asked.extend(out.into_iter().map(|(to, _)| to));
    }
    assert_eq!(asked.len(), others.len());
    assert!(others.iter().all(|other| a.answers(other.own().id())), "nobody is out of reach who was not asked twice");
}
