//! A server on a free port of this machine, a client that speaks its protocol, and a client that speaks bare HTTP.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clap::Parser;
use futures_util::{SinkExt, StreamExt};
use roundtable_core::wire::rendezvous::{FromClient, FromServer, Peer, Topic, decode, encode};
use roundtable_rendezvous::config::Config;
use roundtable_rendezvous::server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Longer than anything here may take; a test that waits for so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl TestServer {
    pub(crate) async fn start(flags: &[&str]) -> Self {
        let always = ["test", "--host", "127.0.0.1", "--port", "0"];
        let config = Config::try_parse_from(always.iter().chain(flags)).expect("the flags are right");
        let server = Server::bind(config).await.expect("port 0 is always free");
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        TestServer { address, stop: Some(stop), running }
    }

    /// Stop it, and say how long that took.
    pub(crate) async fn stop(mut self) -> Duration {
        let begun = Instant::now();
        drop(self.stop.take());
        timeout(PATIENCE, &mut self.running).await.expect("it stops").expect("it does not panic");
        begun.elapsed()
    }

    pub(crate) async fn client(&self) -> Client {
        self.client_from(None).await.expect("a client of this machine is let in")
    }

    pub(crate) async fn client_from(&self, origin: Option<&str>) -> Result<Client, Error> {
        let mut request = format!("ws://{}/rendezvous", self.address).into_client_request()?;
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().expect("a header"));
        }
        let (socket, _) = timeout(PATIENCE, connect_async(request)).await.expect("an answer in time")?;
        Ok(Client { socket })
    }

    pub(crate) async fn health(&self) -> serde_json::Value {
        let answer = self.http("GET", "/rendezvous/health", &[]).await;
        assert_eq!(answer.status, 200);
        serde_json::from_str(&answer.body).expect("health is JSON")
    }

    /// Ask for its health until it is as expected.
    pub(crate) async fn until(&self, what: &str, expected: impl Fn(&serde_json::Value) -> bool) {
        let begun = Instant::now();
        loop {
            let health = self.health().await;
            if expected(&health) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "not {what}: {health}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// One request whose path is sent as it is, dots and all.
    pub(crate) async fn http(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        if headers.iter().all(|(name, _)| *name != "host") {
            head += &format!("host: {}\r\n", self.address);
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        let mut stream = TcpStream::connect(self.address).await.expect("it listens");
        stream.write_all(format!("{head}\r\n").as_bytes()).await.expect("it reads");
        let mut bytes = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an answer in time").expect("an answer");
        Answer::parse(&bytes)
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HashMap<String, String>,
    /// As it was sent; bytes that are not text are replaced.
    pub(crate) body: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let mut lines = head.lines();
        let status =
            lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|s| s.parse().ok()).expect("a status");
        let mut headers = HashMap::<String, String>::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            let all = headers.entry(name.to_ascii_lowercase()).or_default();
            *all = if all.is_empty() { value.to_owned() } else { format!("{all}, {value}") };
        }
        Answer { status, headers, body: body.to_owned() }
    }

    /// Empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    pub(crate) async fn say(&mut self, message: &FromClient) {
        self.socket.send(Message::binary(encode(message))).await.expect("the socket is open");
    }

    pub(crate) async fn send(&mut self, topic: Topic, to: Peer, bytes: &[u8]) {
        self.say(&FromClient::Send { topic, to, bytes: bytes.to_vec() }).await;
    }

    /// Its own number and those of the others.
    pub(crate) async fn join(&mut self, topic: Topic) -> (Peer, Vec<Peer>) {
        self.say(&FromClient::Join { topic }).await;
        match self.hear().await {
            FromServer::Welcome { you, peers, topic: joined } if joined == topic => (you, peers),
            other => panic!("expected a welcome, heard {other:?}"),
        }
    }

    /// The next message, which must come.
    pub(crate) async fn hear(&mut self) -> FromServer {
        self.hear_or_close().await.unwrap_or_else(|close| panic!("closed: {close:?}"))
    }

    /// The next message, or how the socket was closed.
    pub(crate) async fn hear_or_close(&mut self) -> Result<FromServer, Option<CloseFrame>> {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("something in time") {
                Some(Ok(Message::Binary(frame))) => return Ok(decode(&frame).expect("the server's frames are right")),
                Some(Ok(Message::Close(frame))) => return Err(frame),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// Hear until it is closed.
    pub(crate) async fn until_closed(&mut self) -> (Vec<FromServer>, Option<CloseFrame>) {
        let mut heard = Vec::new();
        loop {
            match self.hear_or_close().await {
                Ok(message) => heard.push(message),
                Err(close) => return (heard, close),
            }
        }
    }
}
