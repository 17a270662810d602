//! Whole nodes in one page: the driver over the real core, network and disk.

use core::cell::RefCell;
use std::rc::Rc;

use futures_channel::oneshot;
use gloo_timers::future::TimeoutFuture;
use roundtable_core::coordinator::{Keep, Level, Reply, Request, Terms};
use roundtable_core::id::{Key, Room};
use roundtable_core::node::{Config, Limits, Node};
use roundtable_core::store::Rows;
use roundtable_web::host;
use roundtable_web::network::NetworkConfig;
use roundtable_web::peer::{Answer, Condition, Peer, PeerEvent};
use roundtable_web::slot::Home;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::support::{Ears, fresh_room};

pub(crate) type Events = Rc<RefCell<Vec<PeerEvent>>>;

pub(crate) async fn start(room: &Room) -> (Rc<Peer>, Events) {
    let running: Rc<RefCell<Option<Rc<Peer>>>> = Rc::default();
    let hearing = running.clone();
    let report = move |event| {
        let peer = hearing.borrow().clone();
        peer.expect("nothing is written before the node starts").on_storage(event);
    };
    let (home, restored) = Home::open(room, None, report).await.unwrap();
    let keys = home.keys.clone();
    let config = Config {
        room: room.clone(),
        keys: keys.clone(),
        device: home.device,
        label: String::new(),
        capacity: 64,
        n: 3,
        r: Level::Quorum,
        w: Level::Quorum,
        limits: Limits::default(),
    };
    let network = NetworkConfig {
        room: room.clone(),
        keys,
        rendezvous: Vec::new(),
        ice_servers: js_sys::Array::new(),
        certificate: None,
    };
    let events: Events = Rc::default();
    let heard = events.clone();
    let node = Node::new(config, restored, u64::from_le_bytes(host::random().unwrap()), host::now());
    let sink = Rc::new(move |event| heard.borrow_mut().push(event));
    let peer = Peer::start(node, home, network, sink, |peer| drop(running.replace(Some(peer.clone()))));
    (peer, events)
}

async fn first_answer(peer: &Rc<Peer>, request: Request) -> Answer {
    let (sender, receiver) = oneshot::channel();
    let sender = RefCell::new(Some(sender));
    let on_answer = move |answer| {
        if let Some(sender) = sender.borrow_mut().take() {
            let _ = sender.send(answer);
        }
    };
    peer.request(request, Rc::new(on_answer)).expect("the node runs");
    receiver.await.unwrap()
}

fn key(name: &str) -> Key {
    Key::new("bucket", name).unwrap()
}

fn put(name: &str, value: &[u8]) -> Request {
    Request::Put { key: key(name), value: value.into(), keep: Keep::default(), context: None, terms: Terms::default() }
}

pub(crate) async fn until(condition: Condition, peer: &Rc<Peer>) {
    let (sender, receiver) = oneshot::channel();
    let sender = RefCell::new(Some(sender));
    let on_condition = move |holds| {
        if let Some(sender) = sender.borrow_mut().take() {
            let _ = sender.send(holds);
        }
    };
    peer.when(condition, Rc::new(on_condition)).unwrap();
    assert!(receiver.await.unwrap());
}

#[wasm_bindgen_test]
async fn a_put_alone_is_durable_and_read_back_by_the_same_node_later() {
    let room = fresh_room();
    let (peer, _) = start(&room).await;
    let id = peer.view(|view| view.id());
    let Answer::Reply(Reply::Receipt(receipt)) = first_answer(&peer, put("tea", b"green")).await else { panic!() };
    assert!(!receipt.met && receipt.owners == [id]);
    peer.close().await;
    let (peer, _) = start(&room).await;
    assert_eq!(peer.view(|view| view.id()), id);
    let get = Request::Get { key: key("tea"), terms: Terms { level: Some(Level::Local), timeout_ms: None } };
    let Answer::Reply(Reply::Read(read)) = first_answer(&peer, get).await else { panic!() };
    assert_eq!(read.siblings.iter().map(|value| &value[..]).collect::<Vec<_>>(), [b"green"]);
    peer.close().await;
}

#[wasm_bindgen_test]
async fn a_closed_node_lets_go_of_who_listened_and_is_gone_when_nobody_holds_it() {
    let (peer, events) = start(&fresh_room()).await;
    assert!(Rc::strong_count(&events) > 1);
    peer.clone().close().await;
    assert_eq!(Rc::strong_count(&events), 1, "what listens may itself hold the node");
    let node = Rc::downgrade(&peer);
    drop(peer);
    assert!(node.upgrade().is_none());
}

#[wasm_bindgen_test]
async fn two_nodes_of_one_page_find_each_other_and_replicate() {
    let room = fresh_room();
    let ((a, events), (b, _)) = (start(&room).await, start(&room).await);
    until(Condition::Linked(1), &a).await;
    until(Condition::Linked(1), &b).await;
    let Answer::Reply(Reply::Receipt(receipt)) = first_answer(&a, put("tea", b"green")).await else { panic!() };
    assert!(receipt.met, "{receipt:?}");
    let get = || Request::Get { key: key("tea"), terms: Terms::default() };
    let Answer::Reply(Reply::Read(read)) = first_answer(&b, get()).await else { panic!() };
    assert_eq!(read.siblings.len(), 1, "{read:?}");
    // Until its arcs have arrived, an owner's answer does not count.
    until(Condition::Settled, &a).await;
    until(Condition::Settled, &b).await;
    let Answer::Reply(Reply::Read(read)) = first_answer(&b, get()).await else { panic!() };
    assert!(read.met && read.siblings.len() == 1, "{read:?}");
    let b_id = b.view(|view| view.id());
    let told = |event: &PeerEvent| matches!(event, PeerEvent::Member(change) if change.member.id == b_id);
    assert!(events.borrow().iter().any(told));
    b.close().await;
    TimeoutFuture::new(200).await;
    let (_, members) = a.members();
    assert!(members.iter().any(|member| member.id == b_id && !member.linked), "{members:?}");
    a.close().await;
}

#[wasm_bindgen_test]
async fn whoever_waits_is_told_when_the_node_closes() {
    let (peer, _) = start(&fresh_room()).await;
    let answers: Rc<RefCell<Vec<Answer>>> = Rc::default();
    let heard = answers.clone();
    peer.request(Request::Watch { key: key("tea") }, Rc::new(move |answer| heard.borrow_mut().push(answer))).unwrap();
    let waited: Rc<RefCell<Vec<bool>>> = Rc::default();
    let heard = waited.clone();
    peer.when(Condition::Linked(3), Rc::new(move |holds| heard.borrow_mut().push(holds))).unwrap();
    peer.clone().close().await;
    assert_eq!(answers.borrow().last(), Some(&Answer::Closed));
    assert_eq!(*waited.borrow(), [false]);
    assert!(peer.request(Request::Watch { key: key("tea") }, Rc::new(|_| ())).is_none());
    assert!(peer.when(Condition::Settled, Rc::new(|_| ())).is_none());
}

#[wasm_bindgen_test]
async fn a_hundred_nodes_one_after_another_leave_no_lock_and_no_link() {
    let room = fresh_room();
    for _ in 0..100 {
        let (peer, _) = start(&room).await;
        peer.close().await;
    }
    let (home, restored) = Home::open(&room, None, Ears::default().report()).await.unwrap();
    let adopted: Vec<Rows> = restored.adopted;
    assert!(adopted.is_empty(), "one slot served them all");
    home.close().await;
}
