//! How everything learns that the server stops.
//!
//! One [`Stopper`] tells any number of [`Stop`]s. It also counts as a stop when the stopper is dropped, so that nothing
//! outlives a server that ended in another way.

use tokio::sync::watch;

/// Tells all its [`Stop`]s.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Waits for its [`Stopper`].
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stopper {
    /// With nobody to tell yet.
    #[expect(clippy::new_without_default, reason = "dropping one stops things; it should not be made in passing")]
    pub fn new() -> Self {
        Stopper(watch::Sender::new(false))
    }

    /// One more to tell.
    pub fn subscribe(&self) -> Stop {
        Stop(self.0.subscribe())
    }

    /// Tell all, those too that subscribe later.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Until the server stops; at once if it has. May be dropped and called again.
    pub async fn wait(&mut self) {
        // An error means that the stopper is gone, which is a stop too.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}
