//! The life of one WebSocket.
//!
//! It has a number and a queue from the [`Switchboard`], and a [`Conduct`]. It reads a frame, has it judged, hands it
//! to the switchboard, and passes on a refusal; it sends what waits in its queue; it pings. It ends when the other side
//! closes, misbehaves too often, does not read, does not answer, never joins a topic, or when the server stops.
//! Whatever the end, the others of its topics are told, and it is told why if it still listens.
//!
//! While a frame leaves, nothing is read: the kernel's own flow control then slows a sender that does not read its
//! answers.

use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use roundtable_core::wire::rendezvous::{FrameError, FromClient, FromServer, Peer, Refusal, decode, encode};
use tokio::time::{MissedTickBehavior, interval_at, timeout};

use crate::health::Dropped;
use crate::limits::{Conduct, Verdict};
use crate::stop::Stop;
use crate::switchboard::{Inbox, Load, Switchboard};

/// How long a socket that we close is listened to, so that it reads why before the connection is reset.
const FAREWELL: Duration = Duration::from_millis(500);

/// Why a socket ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The other side closed it, or the network did.
    Gone,
    /// We did.
    Dropped(Dropped),
    /// The server stops.
    Stopping,
}

/// Serve one socket until it ends. `stop` says when the server stops.
pub async fn serve(ws: WebSocket, board: Arc<Switchboard>, stop: Stop) {
    let Some((peer, inbox)) = board.connect() else {
        tracing::error!("the operating system gives no randomness; a socket was closed");
        return;
    };
    let now = Instant::now();
    let conduct = Conduct::new(board.limits(), now);
    let load = inbox.load();
    let mut socket = Socket { ws, peer, board, conduct, load, stop, opened: now, heard: now };
    let end = socket.converse(inbox).await;
    socket.board.disconnect(peer);
    if let End::Dropped(why) = end {
        socket.board.counters.on_dropped(why);
    }
    tracing::debug!(?end, "a socket ended");
    socket.say_farewell(end).await;
}

struct Socket {
    ws: WebSocket,
    peer: Peer,
    board: Arc<Switchboard>,
    conduct: Conduct,
    load: Arc<Load>,
    stop: Stop,
    opened: Instant,
    heard: Instant,
}

impl Socket {
    async fn converse(&mut self, mut inbox: Inbox) -> End {
        let every = Duration::from_millis(self.board.limits().ping_every_ms.into());
        let mut ping = interval_at(tokio::time::Instant::now() + every, every);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let next = tokio::select! {
                () = self.stop.wait() => Break(End::Stopping),
                () = self.load.cut_off() => Break(End::Dropped(Dropped::Slow)),
                received = self.ws.recv() => self.on_received(received).await,
                frame = inbox.next() => match frame {
                    Some(frame) => self.write(Message::Binary(frame)).await,
                    None => Break(End::Dropped(Dropped::Slow)),
                },
                _ = ping.tick() => self.on_ping_due().await,
            };
            if let Break(end) = next {
                return end;
            }
        }
    }

    async fn on_received(&mut self, received: Option<Result<Message, axum::Error>>) -> ControlFlow<End> {
        let message = match received {
            None | Some(Ok(Message::Close(_))) => return Break(End::Gone),
            Some(Ok(message)) => message,
            Some(Err(error)) => return self.on_unreadable(error).await,
        };
        let now = Instant::now();
        self.heard = now;
        let verdict = match self.conduct.on_frame(bytes_of(&message), now) {
            Verdict::Serve => self.on_message(message, now),
            bad => bad,
        };
        match verdict {
            Verdict::Serve => Continue(()),
            Verdict::Refuse(refusal) => self.refuse(refusal).await,
            Verdict::Close(refusal) => {
                self.refuse(refusal).await?;
                Break(End::Dropped(Dropped::Misbehaved))
            }
        }
    }

    fn on_message(&mut self, message: Message, now: Instant) -> Verdict {
        let frame = match message {
            Message::Binary(frame) => frame,
            Message::Text(_) => return self.conduct.on_offence(Refusal::Malformed, now),
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => return Verdict::Serve,
        };
        let message = match decode::<FromClient>(&frame) {
            Ok(message) => message,
            Err(FrameError::TooLarge) => return self.conduct.on_offence(Refusal::TooLarge, now),
            Err(FrameError::Version(_) | FrameError::Malformed) => {
                return self.conduct.on_offence(Refusal::Malformed, now);
            }
        };
        if let FromClient::Join { .. } = message {
            let verdict = self.conduct.on_join(now);
            if verdict != Verdict::Serve {
                return verdict;
            }
        }
        match self.board.handle_message(self.peer, message) {
            Ok(()) => Verdict::Serve,
            Err(refusal) => Verdict::Refuse(refusal),
        }
    }

    /// The WebSocket layer gave up: after a frame that is too large or broken, where the next one begins is not known.
    async fn on_unreadable(&mut self, error: axum::Error) -> ControlFlow<End> {
        use tungstenite::error::{Error, ProtocolError};
        let refusal = match error.into_inner().downcast_ref::<Error>() {
            Some(Error::Capacity(_)) => Refusal::TooLarge,
            Some(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => return Break(End::Gone),
            Some(Error::Protocol(_) | Error::Utf8(_)) => Refusal::Malformed,
            _ => return Break(End::Gone),
        };
        self.refuse(refusal).await?;
        Break(End::Dropped(Dropped::Misbehaved))
    }

    async fn on_ping_due(&mut self) -> ControlFlow<End> {
        let limits = self.board.limits();
        if self.heard.elapsed() >= Duration::from_millis(limits.silent_ms_max.into()) {
            return Break(End::Dropped(Dropped::Silent));
        }
        let is_late = self.opened.elapsed() >= Duration::from_millis(limits.join_ms_max.into());
        if is_late && !self.board.is_anywhere(self.peer) {
            return Break(End::Dropped(Dropped::Idle));
        }
        self.write(Message::Ping(Default::default())).await
    }

    async fn refuse(&mut self, reason: Refusal) -> ControlFlow<End> {
        self.board.counters.on_refused(reason);
        self.write(Message::Binary(encode(&FromServer::Refused { reason }).into())).await
    }

    async fn write(&mut self, message: Message) -> ControlFlow<End> {
        let patience = Duration::from_millis(self.board.limits().write_ms_max.into());
        tokio::select! {
            () = self.stop.wait() => Break(End::Stopping),
            () = self.load.cut_off() => Break(End::Dropped(Dropped::Slow)),
            sent = timeout(patience, self.ws.send(message)) => match sent {
                Ok(Ok(())) => Continue(()),
                Ok(Err(_)) => Break(End::Gone),
                Err(_) => Break(End::Dropped(Dropped::Slow)),
            },
        }
    }

    /// Close, saying why; then let what is on its way arrive and fall on the floor, since a connection that is dropped
    /// with unread bytes is reset, and a reset may overtake what was said.
    async fn say_farewell(&mut self, end: End) {
        let (code, reason) = match end {
            End::Gone => (close_code::NORMAL, ""),
            End::Stopping => (close_code::AWAY, "the rendezvous stops"),
            End::Dropped(Dropped::Misbehaved) => (close_code::POLICY, "too many bad frames"),
            End::Dropped(Dropped::Slow) => (close_code::POLICY, "too slow to read"),
            End::Dropped(Dropped::Silent) => (close_code::POLICY, "silent for too long"),
            End::Dropped(Dropped::Idle) => (close_code::POLICY, "never joined a topic"),
        };
        let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        let _ = timeout(FAREWELL, async {
            if self.ws.send(close).await.is_ok() {
                while let Some(Ok(_)) = self.ws.recv().await {}
            }
        })
        .await;
    }
}

fn bytes_of(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close(_) => 0,
    }
}
