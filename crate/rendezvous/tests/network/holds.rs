//! The limits, over real sockets: who misbehaves is told and closed, and nobody else notices.

use std::time::{Duration, Instant};

use crate::common::{PATIENCE, TestServer};
use futures_util::SinkExt;
use roundtable_core::wire::rendezvous::{FRAME_BYTES_MAX, FromClient, FromServer, Refusal, Topic};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};

const TOPIC: Topic = [6; 32];

fn refused(reason: Refusal) -> FromServer {
    FromServer::Refused { reason }
}

#[tokio::test]
async fn who_sends_too_fast_is_told_so_and_closed() {
    let server = TestServer::start(&["--frames-burst", "20", "--frames-per-s", "1", "--strikes-max", "3"]).await;
    let mut client = server.client().await;
    client.join(TOPIC).await;
    for _ in 0..100 {
        // It may be closed before the last of them.
        let _ = client.socket.send(Message::Ping(Default::default())).await;
    }
    let (heard, close) = client.until_closed().await;
    assert_eq!(heard, vec![refused(Refusal::TooFast); 4], "three times forgiven, the fourth is the last");
    assert_eq!(u16::from(close.expect("it is told why").code), 1008);
    server.until("counted", |health| health["dropped"]["misbehaved"] == 1 && health["sockets"] == 0).await;
}

#[tokio::test]
async fn a_frame_that_is_too_large_ends_the_socket_and_the_largest_one_does_not() {
    let server = TestServer::start(&[]).await;
    let mut client = server.client().await;
    client.socket.send(Message::binary(vec![0; FRAME_BYTES_MAX])).await.unwrap();
    assert_eq!(client.hear().await, refused(Refusal::Malformed));
    client.socket.send(Message::binary(vec![0; FRAME_BYTES_MAX + 1])).await.unwrap();
    let (heard, _) = client.until_closed().await;
    assert_eq!(heard, [refused(Refusal::TooLarge)]);
}

#[tokio::test]
async fn topics_and_peers_are_limited() {
    let flags = ["--topics-per-socket-max", "2", "--topics-max", "3", "--peers-per-topic-max", "2"];
    let server = TestServer::start(&flags).await;
    let (mut a, mut b, mut c) = (server.client().await, server.client().await, server.client().await);
    a.join([1; 32]).await;
    a.join([2; 32]).await;
    a.say(&FromClient::Join { topic: [3; 32] }).await;
    assert_eq!(a.hear().await, refused(Refusal::TooManyTopics));
    b.join([1; 32]).await;
    c.say(&FromClient::Join { topic: [1; 32] }).await;
    assert_eq!(c.hear().await, refused(Refusal::TopicFull));
    c.join([3; 32]).await;
    c.say(&FromClient::Join { topic: [4; 32] }).await;
    assert_eq!(c.hear().await, refused(Refusal::TooManyTopics));
}

#[tokio::test]
async fn sockets_are_limited_and_a_seat_that_is_left_is_free_again() {
    let server = TestServer::start(&["--sockets-from-loopback-max", "2"]).await;
    let (first, _second) = (server.client().await, server.client().await);
    match server.client_from(None).await {
        Err(Error::Http(answer)) => assert_eq!(answer.status(), 429),
        _ => panic!("a third was let in"),
    }
    drop(first);
    server.until("free again", |health| health["sockets"] == 1).await;
    timeout(PATIENCE, async { while server.client_from(None).await.is_err() {} }).await.expect("a seat is free");
}

#[tokio::test]
async fn who_does_not_read_is_dropped_and_the_sender_goes_on() {
    let many = "4000000000";
    let flags =
        ["--bytes-burst", many, "--frames-burst", many, "--queue-frames-max", "9999", "--write-ms-max", "60000"];
    let flags = [&flags[..], &["--queue-bytes-max", "4000000"]].concat();
    let server = TestServer::start(&flags).await;
    let (mut deaf, mut sender) = (server.client().await, server.client().await);
    let (deaf_peer, _) = deaf.join(TOPIC).await;
    let (sender_peer, _) = sender.join(TOPIC).await;
    let begun = Instant::now();
    let mut sent = 0;
    // The kernel holds some megabytes for the deaf one before its queue here begins to fill; by then a frame is stuck
    // on its way out, and would be for a minute.
    while server.health().await["dropped"]["slow"] == 0 {
        for _ in 0..64 {
            sender.send(TOPIC, deaf_peer, &[0; 16_000]).await;
            sent += 1;
            tokio::task::yield_now().await;
        }
        assert!(begun.elapsed() < PATIENCE, "not dropped after {sent} frames");
    }
    // Refusals of what it sent to who was gone already may come before the news.
    while sender.hear().await != (FromServer::Left { topic: TOPIC, peer: deaf_peer }) {}
    let mut third = server.client().await;
    assert_eq!(third.join(TOPIC).await.1, [sender_peer]);
}

#[tokio::test]
async fn who_is_silent_is_dropped_and_who_only_answers_pings_is_not() {
    let server = TestServer::start(&["--ping-every-ms", "50", "--silent-ms-max", "400"]).await;
    let (mut frozen, mut quiet) = (server.client().await, server.client().await);
    let (frozen_peer, _) = frozen.join(TOPIC).await;
    quiet.join(TOPIC).await;
    // The frozen one is not polled, so that it answers no ping.
    assert_eq!(quiet.hear().await, FromServer::Left { topic: TOPIC, peer: frozen_peer });
    assert!(timeout(Duration::from_millis(1000), quiet.hear()).await.is_err(), "the quiet one heard something");
    let health = server.health().await;
    assert_eq!((&health["dropped"]["silent"], &health["sockets"]), (&1.into(), &1.into()));
}

#[tokio::test]
async fn who_joins_no_topic_is_dropped() {
    let server = TestServer::start(&["--ping-every-ms", "50", "--join-ms-max", "100"]).await;
    let mut client = server.client().await;
    let (_, close) = client.until_closed().await;
    assert_eq!(close.expect("it is told why").reason.as_str(), "never joined a topic");
}

#[tokio::test]
async fn a_connection_that_says_nothing_or_half_a_head_is_closed() {
    let server = TestServer::start(&["--head-ms-max", "200"]).await;
    for said in ["", "GET / HTTP/1.1\r\nhost: x\r\n", "GET /rendezvous/health HTTP/1.1\r\nhost: x\r\n\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let ended = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "still open after {said:?}");
    }
}

#[tokio::test]
async fn a_head_without_an_end_is_refused() {
    let server = TestServer::start(&[]).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nx: ").await.unwrap();
    let sent = timeout(PATIENCE, async {
        let mut sent = 0;
        while stream.write_all(&[b'a'; 1024]).await.is_ok() && sent < 100_000_000 {
            sent += 1024;
        }
        sent
    });
    let sent = sent.await.expect("an end in time");
    assert!(sent < 20_000_000, "{sent} bytes were taken");
}

#[tokio::test]
async fn a_stop_tells_every_socket_and_takes_less_than_a_second() {
    let server = TestServer::start(&[]).await;
    let mut polite = server.client().await;
    polite.join(TOPIC).await;
    let mut deaf = server.client().await;
    deaf.join(TOPIC).await;
    let _idle = TcpStream::connect(server.address).await.unwrap();
    let address = server.address;
    let (took, (_, close)) = tokio::join!(server.stop(), polite.until_closed());
    assert_eq!(u16::from(close.expect("it is told why").code), 1001);
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(TcpStream::connect(address).await.is_err(), "it still listens");
}
