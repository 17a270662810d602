//! 10,000 frames of garbage, and a pair that is served all the while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::common::{Client, TestServer};
use fastrand::Rng;
use futures_util::SinkExt;
use roundtable_core::wire::rendezvous::{FRAME_BYTES_MAX, FromClient, FromServer, Topic, decode, encode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

const TOPIC: Topic = [9; 32];
const FRAMES: u64 = 10_000;
const SENDERS: u64 = 4;

/// One frame that no honest client sends. What happens to be readable is drawn again.
fn garbage(rng: &mut Rng) -> Message {
    loop {
        let topic = [rng.u8(..); 32];
        let whole = encode(&FromClient::Send { topic, to: rng.u64(..), bytes: vec![rng.u8(..); rng.usize(..200)] });
        let frame = match rng.u8(..100) {
            0..30 => random_bytes(rng, 300),
            30..50 => whole[..rng.usize(..whole.len())].to_vec(),
            50..60 => [whole, random_bytes(rng, 20)].concat(),
            60..70 => [&[rng.u8(2..)], &whole[1..]].concat(),
            // A version, a variant, and lengths that promise far more than there is.
            70..85 => [&[1, rng.u8(..4)][..], &[0xff; 9], &random_bytes(rng, 60)].concat(),
            85..90 => return Message::text("x".repeat(rng.usize(..300))),
            90..99 => random_bytes(rng, FRAME_BYTES_MAX / 8),
            _ => vec![1; FRAME_BYTES_MAX + rng.usize(1..50_000)],
        };
        if decode::<FromClient>(&frame).is_err() {
            return Message::binary(frame);
        }
    }
}

fn random_bytes(rng: &mut Rng, len_max: usize) -> Vec<u8> {
    let len = rng.usize(..len_max);
    std::iter::repeat_with(|| rng.u8(..)).take(len).collect()
}

/// Send one frame at a time, wait to be refused, and connect again when closed.
async fn misbehave(server: Arc<TestServer>, seed: u64, closes: Arc<AtomicU64>) {
    let mut rng = Rng::with_seed(seed);
    let mut client = server.client().await;
    for n in 0..FRAMES / SENDERS {
        client.socket.send(garbage(&mut rng)).await.expect("it was not closed yet");
        // A large frame may be reset before its refusal is read.
        let heard = client.hear_or_close().await;
        assert!(matches!(heard, Ok(FromServer::Refused { .. }) | Err(_)), "frame {n} of seed {seed}: {heard:?}");
        if heard.is_err() || is_closed(&mut client).await {
            closes.fetch_add(1, Relaxed);
            client = server.client().await;
        }
    }
}

/// An honest question is answered, unless the socket has been closed.
async fn is_closed(client: &mut Client) -> bool {
    let ask = Message::binary(encode(&FromClient::Leave { topic: TOPIC }));
    client.socket.send(ask).await.is_err() || client.hear_or_close().await.is_err()
}

/// Say and answer until told to stop; how often it went both ways.
async fn converse(server: Arc<TestServer>, stop: Arc<AtomicBool>) -> u64 {
    let (mut a, mut b) = (server.client().await, server.client().await);
    let (a_peer, _) = a.join(TOPIC).await;
    let (b_peer, _) = b.join(TOPIC).await;
    a.hear().await;
    let mut rounds = 0_u64;
    while !stop.load(Relaxed) {
        let bytes = rounds.to_le_bytes().to_vec();
        a.send(TOPIC, b_peer, &bytes).await;
        assert_eq!(b.hear().await, FromServer::Message { topic: TOPIC, from: a_peer, bytes: bytes.clone() });
        b.send(TOPIC, a_peer, &bytes).await;
        assert_eq!(a.hear().await, FromServer::Message { topic: TOPIC, from: b_peer, bytes });
        rounds += 1;
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    rounds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_frames_of_garbage_are_counted_and_a_pair_is_served_meanwhile() {
    let server = Arc::new(TestServer::start(&[]).await);
    let stop = Arc::new(AtomicBool::new(false));
    let closes = Arc::new(AtomicU64::new(0));
    let pair = tokio::spawn(converse(server.clone(), stop.clone()));
    let bad: Vec<_> = (0..SENDERS).map(|n| tokio::spawn(misbehave(server.clone(), n, closes.clone()))).collect();
    for sender in bad {
        sender.await.expect("the sender of garbage sees what it expects");
    }
    stop.store(true, Relaxed);
    let rounds = pair.await.expect("the pair is served");
    assert!(rounds >= 10, "only {rounds} rounds");
    let health = server.health().await;
    let of = |reason: &str| health["refused"][reason].as_u64().expect("a count");
    assert_eq!(of("malformed") + of("too_large") + of("too_fast"), FRAMES, "{health}");
    assert!(of("too_large") > 50 && closes.load(Relaxed) > 100, "{health}");
    println!("{rounds} rounds of the pair, {} closes, {health}", closes.load(Relaxed));
    server.until("all gone", |health| health["sockets"] == 0 && health["topics"] == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_that_waits_for_nothing_ends_the_flooder_alone() {
    let server = Arc::new(TestServer::start(&[]).await);
    let stop = Arc::new(AtomicBool::new(false));
    let pair = tokio::spawn(converse(server.clone(), stop.clone()));
    // A socket that is let go with answers unread is reset by the kernel, which takes what the server had yet to read:
    // so the flooders stay until they are dropped.
    let mut flooders = Vec::new();
    for _ in 0..5 {
        let mut flooder = server.client().await;
        flooder.join([1; 32]).await;
        for n in 0..5_000_u64 {
            let flood = FromClient::Send { topic: [1; 32], to: n, bytes: vec![0; 100] };
            if flooder.socket.feed(Message::binary(encode(&flood))).await.is_err() {
                break;
            }
        }
        let _ = flooder.socket.flush().await;
        flooders.push(flooder);
    }
    server.until("dropped", |health| health["dropped"]["misbehaved"] == 5).await;
    stop.store(true, Relaxed);
    assert!(pair.await.expect("the pair is served") > 0);
}

#[tokio::test]
async fn bytes_that_are_no_websocket_end_that_connection_alone() {
    let server = TestServer::start(&[]).await;
    let mut rng = Rng::with_seed(3);
    for _ in 0..200 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let handshake = format!(
            "GET /rendezvous HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            server.address
        );
        stream.write_all(handshake.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 101");
        let _ = stream.write_all(&random_bytes(&mut rng, 500)).await;
    }
    server.until("all gone", |health| health["sockets"] == 0).await;
    for _ in 0..200 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let _ = stream.write_all(&random_bytes(&mut rng, 500)).await;
    }
    let mut client = server.client().await;
    client.join(TOPIC).await;
}
