//! The program: read the command line, listen, say where, serve until told to stop.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::process::ExitCode;

use clap::Parser;
use roundtable_rendezvous::banner::{self, Banner};
use roundtable_rendezvous::config::Config;
use roundtable_rendezvous::server::Server;
use roundtable_rendezvous::site;

#[tokio::main]
async fn main() -> ExitCode {
    let config = Config::parse();
    tracing_subscriber::fmt().with_max_level(config.log).with_writer(stderr).with_target(false).init();
    raise_file_limit();
    let site = config.site.clone();
    // Before anybody may be listening for it: a signal that comes early is not lost.
    let stop = match StopSignal::listen() {
        Ok(stop) => stop,
        Err(error) => return fail(&format!("cannot listen for signals: {error}")),
    };
    let server = match Server::bind(config).await {
        Ok(server) => server,
        Err(error) => return fail(&error.to_string()),
    };
    let banner = Banner {
        address: server.address(),
        interfaces: banner::interfaces(),
        has_site: site.is_some(),
        is_terminal: stdout().is_terminal(),
    };
    // Nobody may be reading; that is no reason to stop.
    let _ = write!(stdout(), "{}", banner.render()).and_then(|()| stdout().flush());
    if let Some(site) = site.filter(|site| !site::is_built(site)) {
        let site = site.display();
        let _ = writeln!(stderr(), "  {site} holds no built site yet. Run `npm start`, or `npm run build`.\n");
    }
    server.run(stop.wait()).await;
    ExitCode::SUCCESS
}

fn fail(why: &str) -> ExitCode {
    let _ = writeln!(stderr(), "roundtable-rendezvous: {why}");
    ExitCode::FAILURE
}

/// Shells often allow 1,024 open files, fewer than the sockets that we may have.
fn raise_file_limit() {
    #[cfg(unix)]
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// Ctrl-C, or what a service manager sends.
struct StopSignal {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl StopSignal {
    #[cfg(unix)]
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(StopSignal { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    #[cfg(unix)]
    async fn wait(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    fn listen() -> std::io::Result<Self> {
        Ok(StopSignal {})
    }

    #[cfg(not(unix))]
    async fn wait(self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
