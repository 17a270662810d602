//! Invites, which are the network's: a peer that is closed has none, and answers [`InviteError::Closed`].

use super::Peer;
use crate::network::{Invitation, InviteError, Network};

impl Peer {
    /// Make an invite, for a person to carry.
    pub fn create_invite(&self) -> impl Future<Output = Result<Invitation, InviteError>> + use<> {
        told(self.look_network(Network::create_invite))
    }

    /// Accept an invite: the answer to carry back.
    pub fn accept_invite(&self, text: String) -> impl Future<Output = Result<String, InviteError>> + use<> {
        told(self.look_network(|network| network.accept_invite(text)))
    }

    /// The answer to an invite was brought back; over when the link is up.
    pub fn complete_invite(
        &self,
        number: u64,
        answer: String,
    ) -> impl Future<Output = Result<(), InviteError>> + use<> {
        told(self.look_network(|network| network.complete_invite(number, answer)))
    }

    fn look_network<T>(&self, command: impl FnOnce(&Network) -> T) -> Option<T> {
        self.network.borrow().as_ref().map(command)
    }
}

/// What came of it; without a network nothing does.
async fn told<T>(asked: Option<impl Future<Output = Result<T, InviteError>>>) -> Result<T, InviteError> {
    match asked {
        Some(answer) => answer.await,
        None => Err(InviteError::Closed),
    }
}
