//! Connections: accepting them, their time limits, and the graceful stop.
//!
//! The accept loop is our own rather than `axum::serve`, which has no time limit for a request's head, and no count of
//! connections: whoever opens many and says nothing would hold them for ever. Here a connection has a seat or is closed
//! at once, and a head, also of the next request on a kept connection, arrives in time or the connection ends. An error
//! of
//! `accept` (no file descriptor left, say) is waited out; it never ends the loop.
//!
//! To stop, the listener is closed, idle connections are closed, running answers are finished, sockets are told and
//! closed; all within [`STOP_MAX`], after which whatever is left is abandoned.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use crate::admission::{Admission, Permit};
use crate::config::Config;
use crate::entrance::{self, Entrance, Remote};
use crate::health::TurnedAway;
use crate::origin::OriginPolicy;
use crate::stop::{Stop, Stopper};
use crate::switchboard::Switchboard;
use crate::{headers, site};

/// How long a stop may take.
pub const STOP_MAX: Duration = Duration::from_millis(900);

/// A head longer than this is refused; browsers send about one KiB.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// A server that listens but does not serve yet: connections wait until [`Server::run`].
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    board: Arc<Switchboard>,
    seats: Admission,
    stopping: Stopper,
    alive: mpsc::Sender<()>,
    gone: mpsc::Receiver<()>,
}

/// Why the server could not start. Nothing is left open.
#[derive(Debug)]
pub enum StartError {
    /// Somebody listens there already.
    PortInUse {
        /// The port that is taken.
        port: u16,
    },
    /// The system does not let us use that port.
    PortForbidden {
        /// The port that is not for us.
        port: u16,
    },
    /// The host is not an address of this machine.
    Host {
        /// The host as it was given.
        host: String,
        /// What the system says.
        error: io::Error,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::PortInUse { port } => write!(
                f,
                "port {port} is in use, perhaps by another Roundtable. Stop that, or set PORT to another one: \
                 PORT={} npm start",
                port.checked_add(1).unwrap_or(8787)
            ),
            StartError::PortForbidden { port } => {
                write!(f, "this user may not listen on port {port}. Set PORT to one above 1023: PORT=8787 npm start")
            }
            StartError::Host { host, error } => write!(
                f,
                "cannot listen on {host:?}: {error}. Set HOST to an address of this machine: 127.0.0.1 for this \
                 machine alone, 0.0.0.0 to let other devices in"
            ),
        }
    }
}

impl std::error::Error for StartError {}

impl Server {
    /// Listen as the configuration says.
    pub async fn bind(config: Config) -> Result<Server, StartError> {
        let port = config.port;
        let refused = |error: io::Error| match error.kind() {
            io::ErrorKind::AddrInUse => StartError::PortInUse { port },
            io::ErrorKind::PermissionDenied => StartError::PortForbidden { port },
            _ => StartError::Host { host: config.host.clone(), error },
        };
        let host = config.host.trim_start_matches('[').trim_end_matches(']');
        let listener = TcpListener::bind((host, port)).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let limits = &config.limits;
        let stopping = Stopper::new();
        let (alive, gone) = mpsc::channel(1);
        let policy = Arc::new(OriginPolicy::new(config.allow_origins));
        let board = Arc::new(Switchboard::new(limits.clone()));
        let entrance = Entrance {
            board: board.clone(),
            policy: policy.clone(),
            seats: Admission::new(limits.sockets_max, limits.sockets_per_address_max, limits.sockets_from_loopback_max),
            stop: stopping.subscribe(),
            alive: alive.clone(),
        };
        let connections = |sockets: usize, share: usize| sockets.saturating_add(limits.connections_max / share);
        let seats = Admission::new(
            connections(limits.sockets_max, 1),
            connections(limits.sockets_per_address_max, 8),
            connections(limits.sockets_from_loopback_max, 1),
        );
        let router = site::router(config.site, config.package)
            .merge(entrance::router(entrance))
            .layer(middleware::from_fn_with_state(policy, headers::dress));
        Ok(Server { listener, address, router, board, seats, stopping, alive, gone })
    }

    /// The address that it listens on, with the port that was chosen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serve until `stop` is ready, then end within [`STOP_MAX`].
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let head_max = Duration::from_millis(self.board.limits().head_ms_max.into());
        let Server { listener, router, board, seats, stopping, alive, mut gone, .. } = self;
        tokio::pin!(stop);
        loop {
            let (stream, remote) = tokio::select! {
                () = &mut stop => break,
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
            };
            let Ok(permit) = seats.admit(remote.ip()) else {
                board.counters.on_turned_away(TurnedAway::Full);
                continue;
            };
            let connection =
                Connection { stream, remote, router: router.clone(), head_max, stop: stopping.subscribe() };
            let alive = alive.clone();
            tokio::spawn(async move {
                connection.serve(permit).await;
                drop(alive);
            });
        }
        drop((listener, alive, router));
        stopping.stop();
        if timeout(STOP_MAX, gone.recv()).await.is_err() {
            tracing::warn!("some connections did not end in time and were abandoned");
        }
    }
}

struct Connection {
    stream: TcpStream,
    remote: SocketAddr,
    router: Router,
    head_max: Duration,
    stop: Stop,
}

impl Connection {
    /// Until the connection ends, or becomes a WebSocket, which has a seat of its own.
    async fn serve(self, permit: Permit) {
        let Connection { stream, remote, router, head_max, mut stop } = self;
        let _ = stream.set_nodelay(true);
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let router = router.clone();
            async move {
                let mut request: Request = request.map(axum::body::Body::new);
                request.extensions_mut().insert(Remote(remote));
                Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {}))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head_max)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.wait() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended");
        }
        drop(permit);
    }
}

/// Whether somebody else than this machine may reach this address.
pub fn is_open_to_others(address: IpAddr) -> bool {
    !address.to_canonical().is_loopback()
}
