//! What a description already says when it goes out: the addresses that the browser knows at once.
//!
//! Every signal is signed, sealed, and heard by all tabs of this browser, and a page's own addresses are there a few
//! milliseconds after its description. So a description waits for the first of them and for those that came with it;
//! with no server to ask, that is all of them. Whatever comes later, such as what a server sees of us, is said by
//! itself. It waits by events and messages, never by a timer, for a hidden page's timers may take a minute.

use std::cell::Cell;

use futures_channel::oneshot;
use web_sys::{RtcIceGatheringState, RtcPeerConnection};

use super::link::local_sdp;
use super::signal::Candidate;
use crate::host;
use crate::turn::Turn;

/// The present description, once it has what the browser knows at once.
pub(super) async fn gathered_sdp(pc: &RtcPeerConnection) -> String {
    while pc.ice_gathering_state() != RtcIceGatheringState::Complete {
        if host::first_event(pc, &["icecandidate", "icegatheringstatechange"]).await == "icecandidate" {
            rest_of_the_queue().await;
            break;
        }
    }
    local_sdp(pc)
}

/// Waits for what lies before the page already.
async fn rest_of_the_queue() {
    let (sender, receiver) = oneshot::channel();
    let sender = Cell::new(Some(sender));
    let turn = Turn::new(move || {
        if let Some(sender) = sender.take() {
            let _ = sender.send(());
        }
    });
    if turn.as_ref().is_some_and(Turn::ask) {
        let _ = receiver.await;
    }
}

/// Whether a description names this address.
pub(super) fn is_in(candidate: &Candidate, sdp: &str) -> bool {
    // Foundation, component, protocol, priority, address and port name one; what follows is written in several ways.
    let mut ends = candidate.candidate.match_indices(' ').map(|(at, _)| at);
    let end = ends.nth(5).unwrap_or(candidate.candidate.len());
    sdp.lines().any(|line| {
        let said = line.strip_prefix("a=").and_then(|said| said.strip_prefix(&candidate.candidate[..end]));
        said.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_a_description_however_its_end_is_written() {
        let candidate = |port: &str| Candidate {
            candidate: format!(
                "candidate:1 1 udp 2122260223 10.0.0.1 {port} typ host generation 0 ufrag x network-id 1"
            ),
            mid: None,
            line: None,
        };
        let sdp = "v=0\r\na=candidate:1 1 udp 2122260223 10.0.0.1 900 typ host generation 0 network-id 1\r\n";
        assert!(is_in(&candidate("900"), sdp));
        assert!(!is_in(&candidate("90"), sdp));
        assert!(!is_in(&candidate("900"), "v=0\r\n"));
    }
}
