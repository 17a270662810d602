//! One connection to one peer: an `RTCPeerConnection` and its three channels.
//!
//! The channels are negotiated, with fixed ids, so that none has to be announced, and there are three so that a large
//! message on one never holds up another. A link knows how to make an offer or an answer, when to hold candidates back,
//! how to keep the browser's buffers short, and how to let everything go. What its events mean for a dial or for the
//! node is decided in `traffic`.
//!
//! Whoever holds a link holds its event listeners; dropping it removes them first and closes the connection after,
//! since a connection whose handlers still point at something is never collected, and Chromium refuses the 500th.

use std::future::Future;
use std::rc::Rc;

use futures_util::future::{AbortHandle, abortable};
use gloo_events::EventListener;
use js_sys::{Array, ArrayBuffer, Reflect, Uint8Array};
use roundtable_core::time::Instant;
use roundtable_core::wire::Lane;
use roundtable_core::wire::handshake::{Fingerprint, Role};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    MessageEvent, RtcBundlePolicy, RtcCertificate, RtcConfiguration, RtcDataChannel, RtcDataChannelInit,
    RtcDataChannelState, RtcDataChannelType, RtcIceCandidateInit, RtcPeerConnection, RtcPeerConnectionIceEvent,
    RtcPeerConnectionState, RtcSdpType, RtcSessionDescriptionInit,
};

use super::candidates::{CANDIDATES_MAX, Candidates, Verdict, fragment};
use super::chunk::{Assembler, ChunkError};
use super::credit::{self, Account, Allowance, Overdrawn, index};
use super::gather::{gathered_sdp, is_in};
use super::outbox::{BUFFERED_LOW_BYTES, Outbox, TooSlow};
use super::restart::Restart;
use super::signal::Candidate;

/// The lanes, each at the place of its channel's id.
pub(crate) const LANES: [Lane; 3] = [Lane::Control, Lane::Requests, Lane::Bulk];

/// What happened to a link.
#[derive(Debug)]
pub(crate) enum Happening {
    /// Our offer or answer is made; the text to send. `Err`: the browser would not make it.
    Described(Result<String, JsValue>),
    /// Our description of this round of restarting is made. `Err`: the browser would not make it.
    Redescribed(u32, Result<String, JsValue>),
    /// The peer's answer was taken. `Err`: the browser would not take it.
    Agreed(Result<(), JsValue>),
    /// We may be reached here.
    Candidate(Candidate),
    /// All our addresses are known.
    Gathered,
    /// A channel opened.
    Opened,
    /// A channel closed: the other side is gone, or will be.
    Closed,
    /// A channel's buffer has room again.
    Low,
    /// A message arrived.
    Message(Lane, Vec<u8>),
    /// Text arrived, or something else that is no bytes.
    NoBytes,
    /// The connection's state is now this.
    State(RtcPeerConnectionState),
}

/// Who is told, with no borrow of a link held.
pub(crate) type Report = Rc<dyn Fn(Happening)>;

/// What every connection of this page is made with.
#[derive(Debug, Clone)]
pub(crate) struct Ingredients {
    pub(crate) ice_servers: Array,
    pub(crate) certificate: Option<RtcCertificate>,
}

/// A connection, from its making to its end.
pub(crate) struct Link {
    /// The random number by which both sides know this attempt.
    pub(crate) session: u64,
    /// Whether this side makes the offer.
    pub(crate) offers: bool,
    /// The random number of the peer's page, once it said so.
    pub(crate) page: Option<u64>,
    /// When the connection was begun and, once open, opened.
    pub(crate) since: Instant,
    /// What is known of its interruptions.
    pub(crate) restart: Restart,
    pub(super) pc: RtcPeerConnection,
    lanes: [LaneEnd; 3],
    listeners: Vec<EventListener>,
    pub(super) described: bool,
    agreeing: bool,
    pub(super) ours: Vec<Candidate>,
    theirs: Candidates,
    tasks: Vec<AbortHandle>,
    pub(super) report: Report,
}

struct LaneEnd {
    channel: RtcDataChannel,
    outbox: Outbox,
    allowance: Allowance,
    account: Account,
    assembler: Assembler,
}

/// What a message came to.
pub(crate) enum Received {
    /// A piece of a frame that is not whole yet, or room for more.
    Nothing,
    /// A frame.
    Frame(Vec<u8>),
}

/// Why a message was not taken.
pub(crate) enum Refused {
    /// It is no piece of a frame; the link lives on.
    Chunk(ChunkError),
    /// It gives back what was never sent; the link lives on.
    Credit,
    /// It was not covered: the peer does not keep to its allowance, and the link must end.
    Uncovered,
}

impl Link {
    /// Construct a connection with its channels. It does nothing yet: [`Link::offer`] or [`Link::answer`].
    pub(crate) fn new(
        ingredients: &Ingredients,
        session: u64,
        offers: bool,
        now: Instant,
        report: Report,
    ) -> Result<Link, JsValue> {
        let configuration = RtcConfiguration::new();
        configuration.set_ice_servers(&ingredients.ice_servers);
        configuration.set_bundle_policy(RtcBundlePolicy::MaxBundle);
        if let Some(certificate) = &ingredients.certificate {
            configuration.set_certificates(&Array::of1(certificate));
        }
        let pc = RtcPeerConnection::new_with_configuration(&configuration)?;
        let mut listeners = Vec::new();
        let lanes = [0, 1, 2].map(|id: u16| {
            let channel = channel(&pc, id);
            listeners.extend(lane_listeners(&channel, LANES[usize::from(id)], &report));
            LaneEnd {
                channel,
                outbox: Outbox::default(),
                allowance: Allowance::default(),
                account: Account::default(),
                assembler: Assembler::default(),
            }
        });
        listeners.extend(connection_listeners(&pc, &report));
        Ok(Link {
            session,
            offers,
            page: None,
            since: now,
            restart: Restart::default(),
            pc,
            lanes,
            listeners,
            described: false,
            agreeing: false,
            ours: Vec::new(),
            theirs: Candidates::default(),
            tasks: Vec::new(),
            report,
        })
    }

    /// Make an offer; [`Happening::Described`] brings it.
    pub(crate) fn offer(&mut self) {
        let (pc, report) = (self.pc.clone(), self.report.clone());
        self.spawn(async move {
            let made = async {
                let offer = JsFuture::from(pc.create_offer()).await?;
                JsFuture::from(pc.set_local_description(offer.unchecked_ref())).await?;
                Ok(gathered_sdp(&pc).await)
            };
            let made = made.await;
            report(Happening::Described(made));
        });
    }

    /// Take the peer's offer and make an answer; [`Happening::Described`] brings it.
    pub(crate) fn answer(&mut self, offer: &str) {
        self.answer_as(offer, Happening::Described);
    }

    /// Take an offer of the peer's and make an answer, which is told as `happening`.
    pub(super) fn answer_as(
        &mut self,
        offer: &str,
        happening: impl FnOnce(Result<String, JsValue>) -> Happening + 'static,
    ) {
        let (pc, report, offer) = (self.pc.clone(), self.report.clone(), description(RtcSdpType::Offer, offer));
        self.spawn(async move {
            let made = async {
                JsFuture::from(pc.set_remote_description(&offer)).await?;
                let answer = JsFuture::from(pc.create_answer()).await?;
                JsFuture::from(pc.set_local_description(answer.unchecked_ref())).await?;
                Ok(gathered_sdp(&pc).await)
            };
            let made = made.await;
            report(happening(made));
        });
    }

    /// Take the peer's answer; [`Happening::Agreed`] follows. A second answer is ignored: whether this was the first.
    pub(crate) fn agree(&mut self, answer: &str) -> bool {
        if !self.described || std::mem::replace(&mut self.agreeing, true) {
            return false;
        }
        self.take_answer(answer);
        true
    }

    /// Take an answer; [`Happening::Agreed`] follows.
    pub(super) fn take_answer(&mut self, answer: &str) {
        let (pc, report, answer) = (self.pc.clone(), self.report.clone(), description(RtcSdpType::Answer, answer));
        self.spawn(async move {
            let agreed = JsFuture::from(pc.set_remote_description(&answer)).await;
            report(Happening::Agreed(agreed.map(|_| ())));
        });
    }

    /// Our description is made. The candidates that had to wait for it and are not in it, to be sent after it.
    pub(crate) fn on_described(&mut self, sdp: &str) -> Vec<Candidate> {
        self.described = true;
        if !self.offers {
            self.on_agreed();
        }
        self.ours.iter().filter(|ours| !is_in(ours, sdp)).cloned().collect()
    }

    /// The peer's description is in place: its candidates may be used.
    pub(crate) fn on_agreed(&mut self) {
        let Some(description) = self.pc.remote_description() else { return };
        for candidate in self.theirs.on_description(&description.sdp()) {
            add_candidate(&self.pc, &candidate);
        }
    }

    /// Our candidates for the present description.
    pub(crate) fn candidates(&self) -> Vec<Candidate> {
        self.ours.clone()
    }

    /// A candidate of ours; whether it is to be sent now, rather than after our description.
    pub(crate) fn on_candidate(&mut self, candidate: Candidate) -> bool {
        if self.ours.len() >= CANDIDATES_MAX {
            return false;
        }
        self.ours.push(candidate);
        self.described
    }

    /// A candidate of the peer's: used as soon as its description is in place. `false`: its description is over.
    pub(crate) fn take_candidate(&mut self, candidate: Candidate) -> bool {
        let verdict = self.theirs.take(candidate);
        if let Verdict::Use(candidate) = &verdict {
            add_candidate(&self.pc, candidate);
        }
        verdict != Verdict::Stale
    }

    /// Our description as it is by now.
    pub(crate) fn local_sdp(&self) -> String {
        local_sdp(&self.pc)
    }

    /// All addresses of ours that are known by now.
    pub(crate) fn own_candidates(&self) -> &[Candidate] {
        &self.ours
    }

    /// Our description as it is by now, if it is made; and, if the peer has answered it, nothing but our candidates.
    pub(crate) fn again(&self) -> Option<Again> {
        match (self.described, self.agreeing) {
            (false, _) => None,
            (true, false) => Some(Again::Description(local_sdp(&self.pc))),
            (true, true) => Some(Again::Candidates(self.ours.clone())),
        }
    }

    /// Run a task no longer than this link lives: what a closed connection was asked is never answered, and a task that
    /// waits for ever would hold the connection for ever.
    pub(super) fn spawn(&mut self, task: impl Future<Output = ()> + 'static) {
        let (task, handle) = abortable(task);
        self.tasks.push(handle);
        spawn_local(async move {
            let _ = task.await;
        });
    }

    /// Whether all three channels are open, and the page knows by which descriptions: a channel's opening may be told
    /// before the description that it follows from.
    pub(crate) fn is_open(&self) -> bool {
        self.theirs.is_in_place()
            && self.lanes.iter().all(|lane| lane.channel.ready_state() == RtcDataChannelState::Open)
    }

    /// Queue a frame and send what there is room for.
    pub(crate) fn send(&mut self, lane: Lane, frame: &[u8], now: Instant) -> Result<(), TooSlow> {
        self.lanes[index(lane)].outbox.push(frame, now)?;
        self.drain();
        Ok(())
    }

    /// Send what there is room for: a lane goes when all before it have nothing left that waits.
    pub(crate) fn drain(&mut self) {
        let mut goes = true;
        for end in &mut self.lanes {
            if goes {
                end.drain(end.channel.buffered_amount());
                goes = end.outbox.is_empty();
            } else {
                end.outbox.wait();
            }
        }
    }

    /// Which lanes had to wait and have sent all they had, since this was last asked.
    pub(crate) fn caught_up(&mut self) -> Vec<Lane> {
        LANES
            .into_iter()
            .zip(&mut self.lanes)
            .filter_map(|(lane, end)| end.outbox.caught_up().then_some(lane))
            .collect()
    }

    /// Hand what waits on the control lane to the browser, room or not: nothing will be sent after this.
    pub(crate) fn flush(&mut self) {
        self.lanes[0].drain(0);
    }

    /// Give back what was taken, on those lanes where it is worth a message.
    pub(crate) fn return_credits(&mut self) {
        let control = self.lanes[0].channel.clone();
        if control.ready_state() != RtcDataChannelState::Open {
            return;
        }
        for (lane, end) in self.lanes.iter_mut().enumerate() {
            if end.account.is_due() && control.send_with_u8_array(&credit::encode(lane, end.account.owed())).is_ok() {
                end.account.give_back();
            }
        }
    }

    /// Put a message on a channel as it is: a proof, or what a test wants the other side to make something of.
    pub(crate) fn send_raw(&self, lane: Lane, message: &[u8]) {
        let channel = &self.lanes[index(lane)].channel;
        if channel.ready_state() == RtcDataChannelState::Open {
            let _ = channel.send_with_u8_array(message);
        }
    }

    /// A message arrived.
    pub(crate) fn receive(&mut self, lane: Lane, message: &[u8]) -> Result<Received, Refused> {
        if let Some((lane, bytes)) = credit::decode(message).filter(|_| lane == Lane::Control) {
            self.lanes[lane].allowance.refill(bytes).map_err(|Overdrawn| Refused::Credit)?;
            self.drain();
            return Ok(Received::Nothing);
        }
        let end = &mut self.lanes[index(lane)];
        end.account.take(message.len()).map_err(|Overdrawn| Refused::Uncovered)?;
        match end.assembler.push(message) {
            Ok(None) => Ok(Received::Nothing),
            Ok(Some(frame)) => Ok(Received::Frame(frame)),
            Err(error) => Err(Refused::Chunk(error)),
        }
    }

    /// Whether it is time to give back.
    pub(crate) fn owes_credits(&self) -> bool {
        self.lanes.iter().any(|end| end.account.is_due())
    }

    /// Which end this is.
    pub(crate) fn role(&self) -> Role {
        if self.offers { Role::Offerer } else { Role::Answerer }
    }

    /// The certificates of this end and of the other one, as this very connection's descriptions have them.
    pub(crate) fn fingerprints(&self) -> Option<(Fingerprint, Fingerprint)> {
        let theirs = self.pc.remote_description()?.sdp();
        Some((Fingerprint::of_description(&local_sdp(&self.pc))?, Fingerprint::of_description(&theirs)?))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.listeners.clear();
        self.tasks.iter().for_each(AbortHandle::abort);
        self.pc.close();
    }
}

/// What to say again to a peer that may not have heard it.
pub(crate) enum Again {
    Description(String),
    Candidates(Vec<Candidate>),
}

impl LaneEnd {
    fn drain(&mut self, mut buffered: u32) {
        if self.channel.ready_state() != RtcDataChannelState::Open {
            return;
        }
        while let Some(message) = self.outbox.next(buffered, &mut self.allowance) {
            if self.channel.send_with_u8_array(&message).is_err() {
                // The buffer is full against all reckoning, or the channel just closed: its event will tell.
                return;
            }
            buffered = buffered.saturating_add(u32::try_from(message.len()).unwrap_or(u32::MAX));
        }
    }
}

fn channel(pc: &RtcPeerConnection, id: u16) -> RtcDataChannel {
    let init = RtcDataChannelInit::new();
    init.set_negotiated(true);
    init.set_id(id);
    let name = ["control", "requests", "bulk"][usize::from(id)];
    let channel = pc.create_data_channel_with_data_channel_dict(name, &init);
    channel.set_binary_type(RtcDataChannelType::Arraybuffer);
    channel.set_buffered_amount_low_threshold(BUFFERED_LOW_BYTES);
    channel
}

fn lane_listeners(channel: &RtcDataChannel, lane: Lane, report: &Report) -> [EventListener; 4] {
    let tell = |name: &'static str, happening: fn() -> Happening| {
        let report = report.clone();
        EventListener::new(channel, name, move |_| report(happening()))
    };
    let told = report.clone();
    [
        tell("open", || Happening::Opened),
        tell("close", || Happening::Closed),
        tell("bufferedamountlow", || Happening::Low),
        EventListener::new(channel, "message", move |event| {
            let data = event.unchecked_ref::<MessageEvent>().data();
            told(match data.dyn_into::<ArrayBuffer>() {
                Ok(buffer) => Happening::Message(lane, Uint8Array::new(&buffer).to_vec()),
                Err(_) => Happening::NoBytes,
            });
        }),
    ]
}

fn connection_listeners(pc: &RtcPeerConnection, report: &Report) -> [EventListener; 2] {
    let (told, observed) = (report.clone(), report.clone());
    [
        EventListener::new(pc, "icecandidate", move |event| {
            let found = event.unchecked_ref::<RtcPeerConnectionIceEvent>().candidate();
            let Some(found) = found else { return told(Happening::Gathered) };
            let mut ours =
                Candidate { candidate: found.candidate(), mid: found.sdp_mid(), line: found.sdp_m_line_index() };
            if ours.candidate.is_empty() {
                return;
            }
            // Not every browser writes it into the line.
            let ufrag = Reflect::get(&found, &"usernameFragment".into()).ok().and_then(|ufrag| ufrag.as_string());
            if let Some(ufrag) = ufrag.filter(|ufrag| !ufrag.is_empty() && fragment(&ours).is_none()) {
                ours.candidate.push_str(" ufrag ");
                ours.candidate.push_str(&ufrag);
            }
            told(Happening::Candidate(ours));
        }),
        EventListener::new(pc, "connectionstatechange", move |event| {
            let Some(pc) = event.target().and_then(|target| target.dyn_into::<RtcPeerConnection>().ok()) else {
                return;
            };
            observed(Happening::State(pc.connection_state()));
        }),
    ]
}

fn description(kind: RtcSdpType, sdp: &str) -> RtcSessionDescriptionInit {
    let init = RtcSessionDescriptionInit::new(kind);
    init.set_sdp(sdp);
    init
}

pub(super) fn local_sdp(pc: &RtcPeerConnection) -> String {
    pc.local_description().map(|description| description.sdp()).unwrap_or_default()
}

fn add_candidate(pc: &RtcPeerConnection, candidate: &Candidate) {
    let init = RtcIceCandidateInit::new(&candidate.candidate);
    init.set_sdp_mid(candidate.mid.as_deref());
    init.set_sdp_m_line_index(candidate.line);
    let added = pc.add_ice_candidate_with_opt_rtc_ice_candidate_init(Some(&init));
    // A candidate that cannot be used (an mDNS name of another network, an address family we lack) is not an error.
    spawn_local(async move {
        let _ = JsFuture::from(added).await;
    });
}
