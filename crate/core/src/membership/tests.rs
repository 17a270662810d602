//! Two memberships driven by hand. Several: `mesh_tests`.

use alloc::vec;

use super::*;
use crate::id::DeviceId;
use crate::time::{HORIZON_MS, WallTime};
use crate::wire::{DigestEntry, Message, Rumour};

pub(crate) fn member(seed: u8) -> Membership {
    let room = Room::open("kitchen").unwrap();
    let keys = KeyPair::from_seed([seed; 32]);
    let record = Record {
        key: keys.public(),
        version: 1,
        incarnation: 1,
        device: DeviceId::from_bytes([seed; 16]),
        label: "tab".into(),
        capacity: 8,
        n: 3,
        standing: Standing::Member,
        presence: Presence::Visible,
        refreshed: WallTime(0),
    };
    let random = fastrand::Rng::with_seed(u64::from(seed));
    Membership::new(
        room,
        keys,
        record,
        vec![],
        Settings {
            members_max: 16,
            timing: Timing::default(),
            horizon_ms: HORIZON_MS,
            planted: Planted::default(),
            verified: Verified::default(),
            marks: Marks::default(),
        },
        random,
        Instant(0),
    )
}

pub(super) fn deliver(to: &mut Membership, from: NodeId, now: Instant, message: Message, out: &mut Outbox) {
    to.on_heard(now, from, out);
    match message {
        Message::Hello { room, record, digest, .. } => to.on_hello(now, from, room, record, digest, out).unwrap(),
        Message::Records(records) => to.on_records(now, from, records, out).unwrap(),
        Message::Digest { entries, reply } => to.on_digest(now, from, entries, reply, out).unwrap(),
        Message::Rumours(rumours) => to.on_rumours(now, from, rumours, out).unwrap(),
        Message::Ping { seq, digest, rumours, .. } => to.on_ping(now, from, seq, digest, rumours, out).unwrap(),
        Message::Ack { seq, digest, rumours, .. } => to.on_ack(now, from, seq, digest, rumours, out).unwrap(),
        Message::Goodbye { incarnation } => to.on_goodbye(now, from, incarnation, out),
        Message::Enquire { seq, target } => to.on_enquire(now, from, seq, target, out),
        Message::Vouch { seq, target, word } => to.on_vouch(now, from, seq, target, word, out),
        other => panic!("not expected here: {other:?}"),
    }
}

/// Pass messages between two until both are silent.
pub(super) fn converse(a: &mut Membership, b: &mut Membership, now: Instant, mut from_a: Outbox, mut from_b: Outbox) {
    for _ in 0..20 {
        let (mut next_a, mut next_b) = (vec![], vec![]);
        for (_, message) in from_a.drain(..) {
            deliver(b, a.me, now, message, &mut next_b);
        }
        for (_, message) in from_b.drain(..) {
            deliver(a, b.me, now, message, &mut next_a);
        }
        (from_a, from_b) = (next_a, next_b);
    }
    assert!(from_a.is_empty() && from_b.is_empty(), "they never stop talking");
}

/// Two that know each other and have no link, and the one with whom both have.
pub(crate) fn met_without_a_link() -> (Membership, Membership, NodeId) {
    let (mut a, mut b, mut relay) = (member(1), member(2), member(3));
    met(&mut a, &mut relay);
    met(&mut b, &mut relay);
    for (one, other) in [(&mut a, b.own().clone()), (&mut b, relay.own().clone())] {
        one.on_records(Instant(0), relay.me, vec![(other, Claim::Up)], &mut vec![]).unwrap();
    }
    b.on_records(Instant(0), relay.me, vec![(a.own().clone(), Claim::Up)], &mut vec![]).unwrap();
    (a, b, relay.me)
}

pub(super) fn met(a: &mut Membership, b: &mut Membership) {
    let (mut from_a, mut from_b) = (vec![], vec![]);
    a.link_up(b.me, &mut from_a);
    b.link_up(a.me, &mut from_b);
    converse(a, b, Instant(0), from_a, from_b);
}

#[test]
fn two_that_meet_know_each_other_and_the_same() {
    let (mut a, mut b) = (member(1), member(2));
    met(&mut a, &mut b);
    assert_eq!(a.status(b.me), Some(Status::Up));
    assert_eq!(b.status(a.me), Some(Status::Up));
    assert_eq!(a.digest_hash(), b.digest_hash());
}

#[test]
fn one_that_does_not_answer_is_suspected_and_then_dormant() {
    let (mut a, mut b) = (member(1), member(2));
    met(&mut a, &mut b);
    let mut out = vec![];
    let mut suspected = None;
    while a.status(b.me) != Some(Status::Dormant) {
        let now = a.poll_timeout().unwrap();
        assert!(now < Instant(60_000), "never given up");
        a.handle_timeout(now, &mut out);
        if a.status(b.me) == Some(Status::Suspect) {
            suspected.get_or_insert(now);
        }
    }
    assert!(suspected.unwrap() <= Instant(5_000), "{suspected:?}");
}

#[test]
fn a_rumour_is_refuted_by_whom_it_is_about() {
    let (mut a, mut b) = (member(1), member(2));
    met(&mut a, &mut b);
    let mut from_a = vec![];
    let rumour = Rumour { about: b.me, incarnation: 1, claim: Claim::Suspect, accuser: None };
    a.apply_rumour(Instant(5_000), a.me, rumour, &mut from_a);
    assert_eq!(a.status(b.me), Some(Status::Suspect));
    converse(&mut a, &mut b, Instant(5_001), from_a, vec![]);
    assert_eq!(a.status(b.me), Some(Status::Up));
    assert_eq!(b.own().record().incarnation, 2);
    let mut out = vec![];
    a.apply_rumour(Instant(9_000), b.me, rumour, &mut out);
    assert_eq!(a.status(b.me), Some(Status::Up), "an old rumour says nothing of a new incarnation");
}

#[test]
fn a_record_under_another_name_is_forged() {
    let (mut a, b, c) = (member(1), member(2), member(3));
    let mut out = vec![];
    let hello = a.on_hello(Instant(0), c.me, a.room.tag(), b.own().clone(), vec![], &mut out);
    assert_eq!(hello, Err(crate::wire::WireError::Forged));
    assert_eq!(a.status(b.me), None);
}

#[test]
fn one_that_slept_accuses_nobody() {
    let (mut a, mut b) = (member(1), member(2));
    met(&mut a, &mut b);
    let mut out = vec![];
    let probe_at = a.poll_timeout().unwrap();
    a.handle_timeout(probe_at, &mut out);
    a.handle_timeout(probe_at + 60_000, &mut out);
    assert_eq!(a.status(b.me), Some(Status::Up));
}

/// Two lives of one tab that both lost what they said, and were both told by others how far an earlier one had got:
/// what they say next must not pass for the same record, or whoever has the one never takes the other.
#[test]
fn two_lives_that_are_told_the_same_of_an_earlier_one_go_on_beside_each_other() {
    let told = |random: u64| {
        let (mut life, other) = (member(1), member(2));
        life.random = fastrand::Rng::with_seed(random);
        let (node, claim) = (life.me, Claim::Up);
        let entries = vec![DigestEntry { node, version: 70_000, incarnation: 1, claim }];
        life.on_digest(Instant(0), other.me, entries, false, &mut vec![]).unwrap();
        assert!(life.own.record().version > 70_000);
        life.own.record().version
    };
    assert_ne!(told(1), told(2));
}

#[test]
fn a_node_whose_disk_was_rolled_back_goes_on_above_what_it_had_said() {
    let (mut a, mut b) = (member(1), member(2));
    met(&mut a, &mut b);
    let mut out = vec![];
    for _ in 0..5 {
        b.rewrite(&mut out, |record| record.label = "again".into());
    }
    let told = core::mem::take(&mut out);
    converse(&mut a, &mut b, Instant(1), vec![], told);
    let mut old_b = member(2);
    met(&mut a, &mut old_b);
    assert!(old_b.own().record().version > 6);
    assert_eq!(a.digest_hash(), old_b.digest_hash());
}

#[test]
fn a_rumour_of_an_incarnation_that_cannot_be_is_ignored() {
    let (mut a, mut b) = (member(1), member(2));
    met(&mut a, &mut b);
    let mut out = vec![];
    let (version, incarnation) = (b.own().record().version, b.own().record().incarnation);
    for lie in [u64::MAX, u64::MAX / 2, 1 << 40] {
        let rumour = Rumour { about: b.me, incarnation: lie, claim: Claim::Dormant, accuser: None };
        b.on_rumours(Instant(1), a.me, vec![rumour], &mut out).unwrap();
        let entry = crate::wire::DigestEntry { node: b.me, version: lie, incarnation: lie, claim: Claim::Up };
        b.on_digest(Instant(1), a.me, vec![entry], false, &mut out).unwrap();
    }
    assert_eq!((b.own().record().version, b.own().record().incarnation), (version, incarnation));
    let possible = Rumour { about: b.me, incarnation, claim: Claim::Dormant, accuser: None };
    b.on_rumours(Instant(1), a.me, vec![possible], &mut out).unwrap();
    assert_eq!(b.own().record().incarnation, incarnation + 1);
}

#[test]
fn two_records_of_one_version_do_not_stand_against_each_other_for_ever() {
    // A life whose record the disk never took, and the next life, which comes to the same version by another way.
    let (mut a, mut b) = (member(1), member(2));
    met(&mut a, &mut b);
    let mut out = vec![];
    b.rewrite(&mut out, |record| record.label = "again".into());
    converse(&mut a, &mut b, Instant(1), vec![], core::mem::take(&mut out));
    let mut again = member(2);
    again.rewrite(&mut out, |record| record.incarnation += 1);
    assert_eq!(again.own().record().version, b.own().record().version);
    met(&mut a, &mut again);
    assert_eq!(a.digest_hash(), again.digest_hash());
}

#[test]
fn where_answers_take_long_one_is_probed_at_a_time() {
    let probed = |took: Millis| {
        let mut a = member(1);
        (2..6).for_each(|seed| met(&mut a, &mut member(seed)));
        (0..15).for_each(|_| a.note_answer(took));
        let (mut out, mut pings) = (vec![], vec![]);
        while pings.is_empty() {
            let now = a.poll_timeout().unwrap();
            assert!(now < Instant(5_000), "nobody is probed");
            a.handle_timeout(now, &mut out);
            pings = out.drain(..).filter(|(_, message)| matches!(message, Message::Ping { .. })).collect();
        }
        pings.len()
    };
    assert_eq!((probed(20), probed(2_000)), (2, 1));
}
