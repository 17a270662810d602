//! Who gets a socket: the HTTP side of `/rendezvous`.
//!
//! In this order, so that the cheapest question comes first and nobody takes a seat who may not use it: is it a
//! WebSocket handshake, may this page use us ([`crate::origin`]), is there a seat ([`crate::admission`]). Whoever is
//! turned away is told in a sentence what to do. The frame limit is set in the WebSocket layer too, so that a large
//! frame is refused by its header, before any memory is taken for it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use roundtable_core::wire::rendezvous::FRAME_BYTES_MAX;
use tokio::sync::mpsc;

use crate::admission::{Admission, Full};
use crate::health::{Health, TurnedAway};
use crate::origin::OriginPolicy;
use crate::socket;
use crate::stop::Stop;
use crate::switchboard::Switchboard;

/// Where a request came from; the server puts it beside each request.
#[derive(Debug, Clone, Copy)]
pub struct Remote(pub SocketAddr);

/// What all handshakes share.
#[derive(Debug, Clone)]
pub struct Entrance {
    /// The sockets.
    pub board: Arc<Switchboard>,
    /// Which pages may come in.
    pub policy: Arc<OriginPolicy>,
    /// The seats.
    pub seats: Admission,
    /// Says when the server stops.
    pub stop: Stop,
    /// Held by each socket as long as it lives, so that the server knows when the last has gone.
    pub alive: mpsc::Sender<()>,
}

/// The routes under `/rendezvous`.
pub fn router(entrance: Entrance) -> Router {
    Router::new().route("/rendezvous", get(enter)).route("/rendezvous/health", get(health)).with_state(entrance)
}

async fn enter(
    State(entrance): State<Entrance>,
    Extension(Remote(remote)): Extension<Remote>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let counters = &entrance.board.counters;
    let Ok(upgrade) = upgrade else {
        let say = "This is a Roundtable rendezvous. Connect with a WebSocket; see /rendezvous/health for its health.\n";
        return (StatusCode::UPGRADE_REQUIRED, [(header::UPGRADE, "websocket")], say).into_response();
    };
    if let Err(denied) = check_origin(&entrance.policy, &headers, remote.ip()) {
        counters.on_turned_away(TurnedAway::Origin);
        return (StatusCode::FORBIDDEN, format!("{denied}\n")).into_response();
    }
    let permit = match entrance.seats.admit(remote.ip()) {
        Ok(permit) => permit,
        Err(Full::Total) => {
            counters.on_turned_away(TurnedAway::Full);
            let say = "This rendezvous has as many sockets as it may. Try again later, or another rendezvous.\n";
            return (StatusCode::SERVICE_UNAVAILABLE, say).into_response();
        }
        Err(Full::Address) => {
            counters.on_turned_away(TurnedAway::Address);
            let say = "Your address has as many sockets as it may have here. Close some tabs.\n";
            return (StatusCode::TOO_MANY_REQUESTS, say).into_response();
        }
    };
    let Entrance { board, stop, alive, .. } = entrance;
    upgrade
        .max_message_size(FRAME_BYTES_MAX)
        .max_frame_size(FRAME_BYTES_MAX)
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * FRAME_BYTES_MAX)
        .on_upgrade(move |ws: WebSocket| async move {
            socket::serve(ws, board, stop).await;
            drop((permit, alive));
        })
}

fn check_origin(policy: &OriginPolicy, headers: &HeaderMap, remote: IpAddr) -> Result<(), crate::origin::Denied> {
    // A header that is not text is an origin that cannot be listed, not a missing one.
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    policy.check(text(header::ORIGIN), text(header::HOST), remote)
}

async fn health(State(entrance): State<Entrance>) -> Json<Health> {
    Json(entrance.board.health())
}
