//! Introductions that people carry: an invite goes one way, an answer comes back, and no service is asked.
//!
//! Who invites makes an offer, gathers all its addresses and writes them down as a [`Pass`]; who accepts answers with
//! one of its own and begins to knock at once; who invited learns where to knock back when the answer is given to it.
//! That takes people minutes, so these connections wait here, apart from the attempts of `dial`, under deadlines of
//! their own, and nobody repeats anything: all is said in the two texts. From then on it is a connection like any
//! other: both ends prove the room and their key over it (`admission`), and only then is it a link. Who invites offers,
//! whichever node is the lower one, for the two have no other way to agree on it.
//!
//! While the answer is under way only one side knocks. Chromium does so for 222 seconds (measured, with addresses shown
//! and hidden), says "failed" then, and is not reached any more, whatever it is told again; so an answer is good for
//! [`ANSWER_GOOD_MS`], less than that, while the invite itself, which waits without knocking, is good for longer. What
//! the browser says of the connection meanwhile is no end: it ends by its deadline, by being let go, or by a wrong
//! proof.
//!
//! Invariant: at most [`OPEN_MAX`] are open, the oldest makes room; each is let go by its deadline at the latest.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use futures_channel::oneshot;
use roundtable_core::id::{NodeId, PublicKey};
use roundtable_core::time::{Instant, Millis};
use roundtable_core::wire::Lane;
use roundtable_core::wire::handshake::{PROOF_MS_MAX, ProofError};
use web_sys::RtcPeerConnectionState;

use super::admission::Admission;
use super::link::{Happening, Link, Report};
use super::pass::{Kind, Maker, Pass, PassError};
use super::signal::Candidate;
use super::state::{Phase, State, random_u64};
use super::{DropReason, Via};
use crate::host;

/// How many invites, accepted or made, wait at once.
const OPEN_MAX: usize = 8;
/// How long an invite is good: people copy, send, read and send back.
const GOOD_MS: Millis = 10 * 60_000;
/// How long an answer is good.
const ANSWER_GOOD_MS: Millis = 200_000;
/// By how much an invite may seem older: two devices' clocks differ.
const CLOCKS_DIFFER_MINUTES: u32 = 5;
/// How long addresses are gathered. A server that says what it sees of us answers within it or not at all.
const GATHERING_MS: Millis = 3_000;
/// How long the connection may take once both sides know all.
const CONNECTING_MS: Millis = 30_000;
/// How many of those that are over are remembered, to say why.
const ENDED_MAX: usize = 64;

/// Why an invite came to nothing. The node, what it stores and its links are as they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteError {
    /// The text is neither an invite nor an answer.
    Garbled,
    /// The text is of a version that this build does not speak.
    Version,
    /// An answer where an invite is asked for.
    IsAnswer,
    /// An invite where an answer is asked for.
    IsInvite,
    /// The text is of another room, or of one with another secret.
    Foreign,
    /// The invite was made by this very node.
    Own,
    /// The answer is to another invite.
    OtherInvite,
    /// The invite is too old.
    Expired,
    /// The invite was completed before.
    Completed,
    /// So many newer ones were made that this one was let go.
    Displaced,
    /// The other side was not reached in time.
    Unreached,
    /// The other side is not who the text says, or not of the room.
    Refused,
    /// The browser makes no connection, or has no address.
    Unable,
    /// The network is closed.
    Closed,
}

/// An invite that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// By which [`Network::complete_invite`](super::Network::complete_invite) knows it; below 2^53.
    pub number: u64,
    /// What to hand over.
    pub text: String,
}

/// Told once.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, InviteError>>;

/// What our user wants.
pub(crate) enum Wish {
    Create(Reply<Invitation>),
    Accept(String, Reply<String>),
    Complete(u64, String, Reply<()>),
}

/// All invites of one node.
#[derive(Default)]
pub(crate) struct Invites {
    open: BTreeMap<u64, Open>,
    ended: VecDeque<(u64, InviteError)>,
    /// What was wished before there was a certificate.
    waiting: Vec<Wish>,
}

/// A connection whose other side is reached by hand.
struct Open {
    link: Link,
    admission: Admission,
    stage: Stage,
    deadline: Instant,
    begun: Instant,
}

enum Stage {
    /// Our addresses are gathered; the text goes here, at the deadline at the latest.
    Gathering(Writes),
    /// The text is handed over: the answer is awaited, or a knock.
    Waiting,
    /// The answer is here, and who gave it wants to know what comes of it.
    Completed(Reply<()>),
}

enum Writes {
    Invite(Reply<Invitation>),
    Answer(Reply<String>),
}

impl State {
    /// Our user wants something; it is told what came of it.
    pub(crate) fn wish(&mut self, wish: Wish, now: Instant) {
        match self.phase {
            Phase::Running => match wish {
                Wish::Create(reply) => self.create_invite(reply, now),
                Wish::Accept(text, reply) => self.accept_invite(&text, reply, now),
                Wish::Complete(number, text, reply) => self.complete_invite(number, &text, reply, now),
            },
            Phase::Starting(_) if self.invites.waiting.len() < OPEN_MAX => self.invites.waiting.push(wish),
            // Dropping a reply says that all is over.
            Phase::Starting(_) | Phase::Closed => drop(wish),
        }
    }

    /// There is a certificate now.
    pub(crate) fn grant_wishes(&mut self, now: Instant) {
        for wish in std::mem::take(&mut self.invites.waiting) {
            self.wish(wish, now);
        }
    }

    fn create_invite(&mut self, reply: Reply<Invitation>, now: Instant) {
        // JavaScript counts exactly up to 2^53.
        let session = random_u64() >> 11;
        let Some((link, admission)) = self.pass_link(session, true, now) else {
            return tell(reply, Err(InviteError::Unable));
        };
        let stage = Stage::Gathering(Writes::Invite(reply));
        let open = Open { link, admission, stage, deadline: now + GATHERING_MS, begun: now };
        self.keep_open(session, open).offer();
    }

    fn accept_invite(&mut self, text: &str, reply: Reply<String>, now: Instant) {
        let pass = match self.read_pass(Kind::Invite, text) {
            Ok(pass) if pass.key == self.keys.public() => return tell(reply, Err(InviteError::Own)),
            Ok(pass) => pass,
            Err(error) => return tell(reply, Err(error)),
        };
        let good_minutes = u32::try_from(GOOD_MS / 60_000).unwrap_or(u32::MAX);
        if pass.age_minutes(host::wall_time()) > good_minutes + CLOCKS_DIFFER_MINUTES {
            return tell(reply, Err(InviteError::Expired));
        }
        // Accepted again, it begins anew: the answer may have been lost, and the invite takes one answer only.
        let session = pass.session();
        self.invites.open.remove(&session);
        let Some((link, mut admission)) = self.pass_link(session, false, now) else {
            return tell(reply, Err(InviteError::Unable));
        };
        admission.theirs = Some((pass.key, pass.nonce));
        let stage = Stage::Gathering(Writes::Answer(reply));
        let link = self.keep_open(session, Open { link, admission, stage, deadline: now + GATHERING_MS, begun: now });
        link.answer(&pass.description(Kind::Invite));
        for candidate in pass.candidates() {
            link.take_candidate(candidate);
        }
    }

    fn complete_invite(&mut self, session: u64, text: &str, reply: Reply<()>, now: Instant) {
        let pass = match self.read_pass(Kind::Answer, text) {
            Ok(pass) => pass,
            Err(error) => return tell(reply, Err(error)),
        };
        let Some(open) = self.invites.open.get_mut(&session) else {
            let ended = self.invites.ended.iter().find(|(ended, _)| *ended == session);
            return tell(reply, Err(ended.map_or(InviteError::Expired, |(_, why)| *why)));
        };
        if matches!(open.stage, Stage::Completed(_)) {
            return tell(reply, Err(InviteError::Completed));
        }
        if pass.session() != session {
            return tell(reply, Err(InviteError::OtherInvite));
        }
        if !open.link.agree(&pass.description(Kind::Answer)) {
            return tell(reply, Err(InviteError::Unable));
        }
        for candidate in pass.candidates() {
            open.link.take_candidate(candidate);
        }
        open.admission.theirs = Some((pass.key, pass.nonce));
        open.stage = Stage::Completed(reply);
        open.deadline = now + CONNECTING_MS;
    }

    fn read_pass(&self, kind: Kind, text: &str) -> Result<Pass, InviteError> {
        Pass::read(&self.room, kind, text).map_err(|error| match (error, kind) {
            (PassError::Garbled, _) => InviteError::Garbled,
            (PassError::Version, _) => InviteError::Version,
            (PassError::Kind, Kind::Invite) => InviteError::IsAnswer,
            (PassError::Kind, Kind::Answer) => InviteError::IsInvite,
            (PassError::Foreign, _) => InviteError::Foreign,
        })
    }

    fn pass_link(&mut self, session: u64, offers: bool, now: Instant) -> Option<(Link, Admission)> {
        let nonce = host::random()?;
        if !self.budget.take(now) {
            return None;
        }
        let handle = self.handle.clone();
        let report: Report = Rc::new(move |happening| {
            let Some(shared) = handle.upgrade() else { return };
            // A link's messages come here, too, for as long as it lives: whose it is, is known once it is let in.
            match shared.look(|state| state.invited(session)) {
                Some(id) => shared.on_happening(id, session, happening),
                None => shared.happen(|state, now| state.on_pass_happening(session, happening, now)),
            }
        });
        Some((Link::new(&self.ingredients, session, offers, now, report).ok()?, Admission::new(nonce)))
    }

    /// Whose link this is that began with an invite.
    fn invited(&self, session: u64) -> Option<NodeId> {
        if self.invites.open.contains_key(&session) {
            return None;
        }
        let mut links = self.peers.iter().filter_map(|(id, peer)| Some((id, peer.link.as_ref()?)));
        links.find_map(|(id, link)| (link.session == session).then_some(*id))
    }

    fn keep_open(&mut self, session: u64, open: Open) -> &mut Link {
        if self.invites.open.len() >= OPEN_MAX {
            let oldest = self.invites.open.iter().min_by_key(|(_, open)| open.begun).map(|(session, _)| *session);
            oldest.into_iter().for_each(|oldest| self.end_invite(oldest, InviteError::Displaced));
        }
        &mut self.invites.open.entry(session).insert_entry(open).into_mut().link
    }

    /// Let one go, and tell whoever waits for it.
    fn end_invite(&mut self, session: u64, why: InviteError) {
        let Some(open) = self.invites.open.remove(&session) else { return };
        match open.stage {
            Stage::Gathering(Writes::Invite(reply)) => tell(reply, Err(why)),
            Stage::Gathering(Writes::Answer(reply)) => tell(reply, Err(why)),
            Stage::Completed(reply) => tell(reply, Err(why)),
            Stage::Waiting => {}
        }
        self.remember_ended(session, why);
    }

    fn remember_ended(&mut self, session: u64, why: InviteError) {
        self.invites.ended.retain(|(ended, _)| *ended != session);
        if self.invites.ended.len() == ENDED_MAX {
            self.invites.ended.pop_front();
        }
        self.invites.ended.push_back((session, why));
    }

    /// Let all go, and tell whoever waits for them that all is over.
    pub(crate) fn close_invites(&mut self) {
        self.invites = Invites::default();
    }

    /// When something is due.
    pub(crate) fn invites_deadline(&self) -> Option<Instant> {
        self.invites.open.values().map(|open| open.deadline).min()
    }

    /// Something may be due.
    pub(crate) fn handle_invites_timeout(&mut self, now: Instant) {
        let due = self.invites.open.iter().filter(|(_, open)| open.deadline <= now).map(|(session, _)| *session);
        for session in due.collect::<Vec<u64>>() {
            match self.invites.open.get(&session).map(|open| &open.stage) {
                Some(Stage::Gathering(_)) => self.write_pass(session, now),
                Some(Stage::Completed(_)) => self.end_invite(session, InviteError::Unreached),
                _ => self.end_invite(session, InviteError::Expired),
            }
        }
    }

    /// Write down what was gathered, and hand it over.
    fn write_pass(&mut self, session: u64, now: Instant) {
        let Some(open) = self.invites.open.get_mut(&session) else { return };
        let maker = Maker { session, key: self.keys.public(), nonce: open.admission.nonce, at: host::wall_time() };
        let (sdp, candidates) = open.link.described();
        let kind = if open.link.offers { Kind::Invite } else { Kind::Answer };
        let text = Pass::of(&maker, &sdp, candidates).and_then(|pass| pass.write(&self.room, kind));
        let Some(text) = text else { return self.end_invite(session, InviteError::Unable) };
        open.deadline = now + if open.link.offers { GOOD_MS } else { ANSWER_GOOD_MS };
        match std::mem::replace(&mut open.stage, Stage::Waiting) {
            Stage::Gathering(Writes::Invite(reply)) => tell(reply, Ok(Invitation { number: session, text })),
            Stage::Gathering(Writes::Answer(reply)) => tell(reply, Ok(text)),
            stage => open.stage = stage,
        }
    }

    fn on_pass_happening(&mut self, session: u64, happening: Happening, now: Instant) {
        let Some(open) = self.invites.open.get_mut(&session) else { return };
        match happening {
            Happening::Described(Ok(sdp)) => {
                // All is said at once, when it is gathered.
                open.link.on_described(&sdp);
            }
            Happening::Described(Err(_)) => self.end_invite(session, InviteError::Unable),
            // Only what was open already is restarted.
            Happening::Redescribed(..) => {}
            Happening::Candidate(candidate) => {
                open.link.on_candidate(candidate);
            }
            Happening::Gathered => {
                if matches!(open.stage, Stage::Gathering(_)) {
                    self.write_pass(session, now);
                }
            }
            Happening::Agreed(Ok(())) => {
                open.link.on_agreed();
                self.on_pass_opened(session, now);
            }
            Happening::Agreed(Err(_)) => {
                self.drop_input(DropReason::Description);
                self.end_invite(session, InviteError::Unable);
            }
            Happening::Opened => self.on_pass_opened(session, now),
            Happening::Message(lane, message) => self.on_pass_message(session, lane, message, now),
            Happening::NoBytes => self.drop_input(DropReason::NotBytes),
            // Of a channel that was open: whoever was at the other end has let go.
            Happening::Closed | Happening::State(RtcPeerConnectionState::Closed) => {
                self.end_invite(session, InviteError::Unreached);
            }
            Happening::Low | Happening::State(_) => {}
        }
    }

    /// Prove who we are, once all channels are open.
    fn on_pass_opened(&mut self, session: u64, now: Instant) {
        let Some(open) = self.invites.open.get_mut(&session).filter(|open| open.link.is_open()) else { return };
        if !std::mem::replace(&mut open.admission.said, true) {
            match open.admission.prove(&self.room, &self.keys, open.link.role(), open.link.fingerprints()) {
                Ok(proof) => open.link.send_raw(Lane::Control, &proof),
                Err(error) => return self.refuse_pass(session, error),
            }
            open.deadline = now + PROOF_MS_MAX;
        }
        self.admit_pass(session, now);
    }

    fn on_pass_message(&mut self, session: u64, lane: Lane, message: Vec<u8>, now: Instant) {
        let Some(open) = self.invites.open.get_mut(&session) else { return };
        if open.admission.hear(lane, message).is_err() {
            self.drop_input(DropReason::Busy);
            return self.end_invite(session, InviteError::Refused);
        }
        self.admit_pass(session, now);
    }

    fn refuse_pass(&mut self, session: u64, error: ProofError) {
        self.drop_input(DropReason::Proof(error));
        self.end_invite(session, InviteError::Refused);
    }

    /// The link is up once both ends have said their proof and the other end's holds.
    fn admit_pass(&mut self, session: u64, now: Instant) {
        let Some(open) = self.invites.open.get(&session).filter(|open| open.admission.said) else { return };
        let (link, admission) = (&open.link, &open.admission);
        match admission.judge(&self.room, &self.keys, link.role(), link.fingerprints()) {
            None => return,
            Some(Err(error)) => return self.refuse_pass(session, error),
            Some(Ok(())) => {}
        }
        let id = admission.theirs.as_ref().map(|(key, _): &(PublicKey, _)| NodeId::of(key));
        // A node that was cut is refused as a broken cable would; without room for the peer there is no link either.
        let Some(id) = id.filter(|id| !self.cut.contains(id) && self.peer(*id).is_some()) else {
            return self.end_invite(session, InviteError::Refused);
        };
        let Some(open) = self.invites.open.remove(&session) else { return };
        self.remember_ended(session, InviteError::Completed);
        self.admit(id, open.link, Via::Invite, open.admission, now);
        if let Stage::Completed(reply) = open.stage {
            tell(reply, Ok(()));
        }
    }
}

/// Whoever asked may have gone; then nobody is told.
fn tell<T>(reply: Reply<T>, result: Result<T, InviteError>) {
    let _ = reply.send(result);
}

impl Link {
    /// Our description, and all addresses of ours that are known by now.
    fn described(&self) -> (String, &[Candidate]) {
        (self.local_sdp(), self.own_candidates())
    }
}
