//! What the rendezvous is for, over real sockets.

use crate::common::TestServer;
use roundtable_core::wire::rendezvous::{FromClient, FromServer, Refusal, Topic};
use tokio_tungstenite::tungstenite::Error;

const TOPIC: Topic = [5; 32];

#[tokio::test]
async fn two_strangers_meet_talk_and_part() {
    let server = TestServer::start(&[]).await;
    let (mut a, mut b) = (server.client().await, server.client().await);
    let (a_peer, nobody) = a.join(TOPIC).await;
    assert!(nobody.is_empty());
    let (b_peer, others) = b.join(TOPIC).await;
    assert_eq!(others, [a_peer]);
    assert_eq!(a.hear().await, FromServer::Joined { topic: TOPIC, peer: b_peer });
    b.send(TOPIC, a_peer, b"offer").await;
    assert_eq!(a.hear().await, FromServer::Message { topic: TOPIC, from: b_peer, bytes: b"offer".to_vec() });
    a.send(TOPIC, b_peer, b"answer").await;
    assert_eq!(b.hear().await, FromServer::Message { topic: TOPIC, from: a_peer, bytes: b"answer".to_vec() });
    drop(b);
    assert_eq!(a.hear().await, FromServer::Left { topic: TOPIC, peer: b_peer });
    server.until("alone", |health| health["sockets"] == 1 && health["forwarded"] == 2).await;
}

#[tokio::test]
async fn messages_of_one_sender_arrive_in_order() {
    let server = TestServer::start(&[]).await;
    let (mut a, mut b) = (server.client().await, server.client().await);
    let (a_peer, _) = a.join(TOPIC).await;
    let (b_peer, _) = b.join(TOPIC).await;
    a.hear().await;
    for n in 0..200 {
        b.send(TOPIC, a_peer, &[n]).await;
    }
    for n in 0..200 {
        assert_eq!(a.hear().await, FromServer::Message { topic: TOPIC, from: b_peer, bytes: vec![n] });
    }
}

#[tokio::test]
async fn a_message_to_who_is_gone_is_refused_and_the_socket_stays_open() {
    let server = TestServer::start(&[]).await;
    let mut a = server.client().await;
    a.send(TOPIC, 1, b"x").await;
    assert_eq!(a.hear().await, FromServer::Refused { reason: Refusal::NotJoined });
    a.join(TOPIC).await;
    for _ in 0..100 {
        a.send(TOPIC, 1, b"x").await;
        assert_eq!(a.hear().await, FromServer::Refused { reason: Refusal::NoSuchPeer });
    }
    a.say(&FromClient::Leave { topic: TOPIC }).await;
    a.join(TOPIC).await;
}

#[tokio::test]
async fn sixty_tabs_of_one_machine_meet_in_one_topic() {
    let server = TestServer::start(&[]).await;
    let mut clients = Vec::new();
    for n in 0..60 {
        let mut client = server.client().await;
        assert_eq!(client.join(TOPIC).await.1.len(), n);
        clients.push(client);
    }
    let health = server.health().await;
    assert_eq!((&health["sockets"], &health["topics"]), (&60.into(), &1.into()));
    assert_eq!(health["refused"]["too_fast"], 0);
}

#[tokio::test]
async fn a_page_from_elsewhere_is_told_which_flag_lets_it_in() {
    let server = TestServer::start(&["--allow-origin", "https://friend.example"]).await;
    let Err(Error::Http(answer)) = server.client_from(Some("https://stranger.example")).await else {
        panic!("it was let in")
    };
    assert_eq!(answer.status(), 403);
    let body = String::from_utf8(answer.body().clone().unwrap_or_default()).unwrap();
    assert!(body.contains("--allow-origin https://stranger.example"), "{body}");
    for origin in ["https://friend.example", "http://localhost:5173", "http://127.0.0.1:1", "http://[::1]:8787"] {
        assert!(server.client_from(Some(origin)).await.is_ok(), "{origin}");
    }
    assert_eq!(server.health().await["turned_away"]["origin"], 1);
}

#[tokio::test]
async fn without_a_handshake_it_says_what_it_is() {
    let server = TestServer::start(&[]).await;
    let answer = server.http("GET", "/rendezvous", &[]).await;
    assert_eq!(answer.status, 426);
    assert!(answer.body.contains("WebSocket"));
    assert_eq!(server.http("POST", "/rendezvous", &[]).await.status, 405);
}

#[tokio::test]
async fn health_tells_sums_and_no_identities() {
    let server = TestServer::start(&[]).await;
    let mut a = server.client().await;
    let (peer, _) = a.join(TOPIC).await;
    let health = server.health().await;
    let text = health.to_string();
    assert!(!text.contains(&peer.to_string()) && !text.contains("127.0.0.1"), "{text}");
    for part in ["sockets", "topics", "forwarded", "refused", "turned_away", "dropped"] {
        assert!(!health[part].is_null(), "{part} is missing in {text}");
    }
}
