//! What the kernels of a request cost by themselves: `cargo bench -p roundtable-core`, or with a word of a name.
//!
//! Each is what a node does once or more for every put or get, on the sizes that are usual: values of a hundred bytes,
//! keys of one or three actors, a ring of ten tabs, a store of a hundred thousand keys. For what a whole request costs
//! see `measure throughput` of the simulator.

use core::hint::black_box;
use core::time::Duration;

use criterion::{BatchSize, Criterion};
use roundtable_core::clock::{Dot, VersionVector};
use roundtable_core::id::{Actor, DeviceId, Key, NodeId, Position, Room};
use roundtable_core::ring::{RangeSet, Ring};
use roundtable_core::store::{Restored, Settings, Store};
use roundtable_core::wire::{self, Message, Object, Version};

const KEYS: u64 = 100_000;

fn room() -> Room {
    Room::open("bench").expect("a short name")
}

fn key(number: u64) -> Key {
    Key::new("bench", &number.to_string()).expect("a short name")
}

fn dot(node: u8, counter: u64) -> Dot {
    Dot { actor: Actor { node: NodeId::from_bytes([node; 16]), epoch: u64::from(node) << 50 }, counter }
}

fn version() -> Version {
    Version::plain([7; 100].as_slice().into())
}

/// An object that these actors have written without seeing each other.
fn siblings(actors: u8) -> Object {
    let mut object = Object::new();
    (1..=actors).for_each(|actor| object.put(&VersionVector::new(), dot(actor, 1), version()));
    object
}

/// A store that holds so many keys, each once written by one of ten actors.
fn store(keys: u64) -> Store {
    let (room, me) = (room(), NodeId::from_bytes([99; 16]));
    let random = fastrand::Rng::with_seed(1);
    let mut store = Store::restore(room, me, Restored::default(), random, Settings::default()).0;
    for number in 0..keys {
        let mut object = Object::new();
        object.put(&VersionVector::new(), dot((number % 10) as u8, number + 1), version());
        store.merge(&key(number), &object).expect("it is small");
    }
    store.take_batch();
    store
}

fn sync(criterion: &mut Criterion) {
    let later = |object: &Object| {
        let mut later = object.clone();
        later.put(object.context(), dot(1, 2), version());
        later
    };
    for actors in [1, 3] {
        let (held, came) = (siblings(actors), later(&siblings(actors)));
        criterion.bench_function(&format!("sync: a later write, {actors} actors"), |bencher| {
            bencher.iter_batched_ref(|| held.clone(), |held| held.sync(black_box(&came)), BatchSize::SmallInput);
        });
        criterion.bench_function(&format!("sync: the same, {actors} actors"), |bencher| {
            bencher.iter_batched_ref(|| came.clone(), |held| held.sync(black_box(&came)), BatchSize::SmallInput);
        });
    }
}

fn preference_list(criterion: &mut Criterion) {
    let seats = |nodes: u8| (0..nodes).map(|id| (NodeId::from_bytes([id; 16]), DeviceId::from_bytes([id; 16]), 128));
    let mut random = fastrand::Rng::with_seed(1);
    for nodes in [10, 100] {
        let ring = Ring::new(&room(), 3, seats(nodes));
        criterion.bench_function(&format!("ring: owners, {nodes} nodes"), |bencher| {
            bencher.iter(|| ring.owners(Position(random.u64(..))));
        });
        criterion.bench_function(&format!("ring: preference list, {nodes} nodes"), |bencher| {
            bencher.iter(|| ring.preference_list(Position(random.u64(..))));
        });
    }
}

fn fingerprints(criterion: &mut Criterion) {
    let (mut store, mut counter, mut random) = (store(KEYS), KEYS, fastrand::Rng::with_seed(1));
    let quarter = RangeSet::from_sorted([(1 << 62, 1 << 63)]);
    criterion.bench_function("store: the fingerprint of a quarter of the ring", |bencher| {
        bencher.iter(|| store.sum(black_box(&quarter)));
    });
    criterion.bench_function("store: a key is replaced, and the fingerprints with it", |bencher| {
        let later = || {
            counter += 10;
            let number = random.u64(0..KEYS);
            let mut object = Object::new();
            object.put(&VersionVector::new(), dot((number % 10) as u8, counter), version());
            (key(number), object)
        };
        bencher.iter_batched_ref(
            later,
            |(key, object)| {
                assert!(matches!(store.merge(key, object), Ok(Some(_))), "it is a later write");
                store.take_batch()
            },
            BatchSize::SmallInput,
        );
    });
}

fn frames(criterion: &mut Criterion) {
    for actors in [1, 3] {
        let message = Message::Store { request: 9, key: key(77), object: siblings(actors), hint: None };
        let frame = wire::encode(&message);
        criterion.bench_function(&format!("wire: encode a write, {actors} actors"), |bencher| {
            bencher.iter(|| wire::encode(black_box(&message)));
        });
        criterion.bench_function(&format!("wire: decode a write, {actors} actors"), |bencher| {
            bencher.iter(|| wire::decode(black_box(&frame)).expect("a frame of our own"));
        });
    }
}

fn main() {
    // Long enough to tell a tenth apart, and all of them in half a minute.
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30)
        .configure_from_args();
    sync(&mut criterion);
    preference_list(&mut criterion);
    fingerprints(&mut criterion);
    frames(&mut criterion);
    criterion.final_summary();
}
