//! The driver: a node, its network, its disk, one timer, and the page's life.
//!
//! Everything that happens becomes an `Input`, and inputs are fed one after another at the end of the task: what an
//! output leads to (a reply that makes the application ask again, a disk that answers) waits in the queue until the
//! node's outputs are drained. So the node is never entered twice, and nothing the application does from a listener can
//! be in the wrong place.
//!
//! One timer is set to the node's one deadline. It may fire late, by a second in a hidden tab and by any time in one
//! that slept; the node only sees a larger `now`. Wall time is told at the start, once a minute, and when the page
//! resumes.
//!
//! It decides nothing: what a frame, a record or a receipt means is the core's.

use core::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use futures_channel::oneshot;
use futures_util::future::{AbortHandle, Either, abortable, select};
use gloo_events::EventListener;
use gloo_timers::callback::Timeout;
use gloo_timers::future::TimeoutFuture;
use roundtable_core::coordinator::Request;
use roundtable_core::id::{KeyPair, NodeId, RequestId};
use roundtable_core::node::{Event, Input, Lifecycle, MemberView, Metrics, Node, Output, View};
use roundtable_core::store::Rows;
use roundtable_core::time::Instant;
use wasm_bindgen_futures::spawn_local;

mod invites;
mod lifecycle;
mod members;
mod pause;
mod requests;

pub use members::{MemberChange, Members};
use pause::Pause;
pub use requests::{Answer, Condition, OnAnswer, OnCondition};
use requests::{Conditions, Requests};

use crate::host;
use crate::network::{Network, NetworkConfig, NetworkEvent, Via};
use crate::slot::Home;
use crate::storage::{Problem, StorageEvent};

/// How often the node is told what time the device thinks it is.
const WALL_CLOCK_MS: u64 = 60_000;
/// How long closing waits for the disk. What is not durable by then was never acknowledged.
const CLOSING_PATIENCE_MS: u32 = 5_000;

/// What the application may want to know.
#[derive(Debug, Clone)]
pub enum PeerEvent {
    /// Something about a member changed.
    Member(MemberChange),
    /// A link opened or closed.
    Link {
        /// With whom.
        id: NodeId,
        /// Whether it is open now.
        open: bool,
        /// Who had brought the two together.
        via: Via,
    },
    /// Something happened inside the node.
    Protocol(Event),
    /// The disk is in trouble.
    Storage(Problem, String),
    /// A rendezvous took us in, or was lost.
    Rendezvous {
        /// Which.
        url: String,
        /// Whether it is connected now.
        connected: bool,
    },
}

/// Called with each event, in order; it may call back, and must return soon.
pub type Sink = Rc<dyn Fn(PeerEvent)>;

/// A running node. It runs until [`Peer::close`], whoever holds it.
pub struct Peer {
    node: RefCell<Node>,
    inputs: RefCell<VecDeque<Input>>,
    /// Whether the inputs will be fed at the end of this task.
    pump_is_due: Cell<bool>,
    pumping: Cell<bool>,
    timer: RefCell<Option<(Instant, Timeout)>>,
    wall_clock_due: Cell<Instant>,
    home: RefCell<Option<Home>>,
    network: RefCell<Option<Network>>,
    network_config: NetworkConfig,
    /// Who brought us together with each node that is linked.
    linked_via: RefCell<BTreeMap<NodeId, Via>>,
    requests: RefCell<Requests>,
    watches: RefCell<BTreeSet<RequestId>>,
    conditions: RefCell<Conditions>,
    members: RefCell<Members>,
    listeners: RefCell<Vec<EventListener>>,
    /// What goes on beside the node until it is closed.
    chores: RefCell<Vec<AbortHandle>>,
    /// None once it is closed: what listens may hold the peer in turn.
    sink: RefCell<Option<Sink>>,
    phase: Cell<Phase>,
    pause: Pause,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    Closing,
    Closed,
}

impl core::fmt::Debug for Peer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Peer({:?}, {:?})", self.view(|view| view.id()), self.phase.get())
    }
}

impl Peer {
    /// Start to drive `node`, which lives in `home`. `before` gets the peer before anything else does: whoever brings
    /// it the words of the disk should know it by then.
    pub fn start(
        node: Node,
        home: Home,
        network: NetworkConfig,
        sink: Sink,
        before: impl FnOnce(&Rc<Peer>),
    ) -> Rc<Peer> {
        let peer = Rc::new(Peer {
            node: RefCell::new(node),
            inputs: RefCell::default(),
            pump_is_due: Cell::new(false),
            pumping: Cell::new(false),
            timer: RefCell::default(),
            wall_clock_due: Cell::new(host::now()),
            home: RefCell::new(Some(home)),
            network: RefCell::default(),
            network_config: network,
            linked_via: RefCell::default(),
            requests: RefCell::default(),
            watches: RefCell::default(),
            conditions: RefCell::default(),
            members: RefCell::default(),
            listeners: RefCell::default(),
            chores: RefCell::default(),
            sink: RefCell::new(Some(sink)),
            phase: Cell::new(Phase::Running),
            pause: Pause::default(),
        });
        before(&peer);
        peer.members.borrow_mut().refresh(peer.node.borrow().view());
        peer.listeners.replace(lifecycle::listen(&peer));
        peer.connect();
        if host::is_hidden() {
            peer.inputs.borrow_mut().push_back(Input::Lifecycle(Lifecycle::Hidden));
        }
        peer.pump();
        peer
    }

    /// Look at the node.
    pub fn view<T>(&self, look: impl FnOnce(View<'_>) -> T) -> T {
        look(self.node.borrow().view())
    }

    /// Counts, of the node and of its network: what could not be read was dropped by the one or the other.
    pub fn metrics(&self) -> Metrics {
        let mut metrics = self.view(|view| view.metrics());
        self.with_network(|network| metrics.frames_dropped += network.dropped());
        metrics
    }

    /// Whose link goes through a rendezvous, for want of any other way.
    pub fn relayed(&self) -> Vec<NodeId> {
        let mut relayed = Vec::new();
        self.with_network(|network| relayed = network.relayed());
        relayed
    }

    /// The members as of the last "member" event, and a number that changes whenever they do.
    pub fn members(&self) -> (u64, Vec<MemberView>) {
        self.members.borrow().current()
    }

    /// Ask the node something. `None`: it is closed, and nothing was asked.
    pub fn request(self: &Rc<Self>, request: Request, on_answer: OnAnswer) -> Option<RequestId> {
        if self.phase.get() != Phase::Running {
            return None;
        }
        let id = self.requests.borrow_mut().begin(on_answer);
        if matches!(request, Request::Watch { .. }) {
            self.watches.borrow_mut().insert(id);
        }
        self.feed(Input::Request { id, request });
        Some(id)
    }

    /// Whether it has not been closed.
    pub fn is_running(&self) -> bool {
        self.phase.get() == Phase::Running
    }

    /// Go on with this until the node is closed; it is dropped then, wherever it is.
    pub fn keep_doing(&self, chore: impl Future<Output = ()> + 'static) {
        let (chore, handle) = abortable(chore);
        self.chores.borrow_mut().push(handle);
        spawn_local(async move {
            let _ = chore.await;
        });
    }

    /// Merge what a closed tab left, make it durable, and sign the departure of its slot: [`Reply::Adopted`] when all
    /// of that is done.
    ///
    /// [`Reply::Adopted`]: roundtable_core::coordinator::Reply::Adopted
    pub async fn adopt(self: &Rc<Self>, keys: KeyPair, rows: Rows) -> Answer {
        if !self.is_running() {
            return Answer::Closed;
        }
        let (sender, answer) = oneshot::channel();
        let sender = Cell::new(Some(sender));
        let on_answer: OnAnswer = Rc::new(move |answer| {
            if let Some(sender) = sender.take() {
                // Nobody waits for it any more: then nothing follows from it.
                let _ = sender.send(answer);
            }
        });
        let id = self.requests.borrow_mut().begin(on_answer);
        self.feed(Input::Adopt { id, keys, rows });
        answer.await.unwrap_or(Answer::Closed)
    }

    /// Nobody listens to a request any more.
    pub fn cancel(self: &Rc<Self>, id: RequestId) {
        self.watches.borrow_mut().remove(&id);
        if self.requests.borrow_mut().end(id) {
            self.feed(Input::Cancel(id));
        }
    }

    /// Be told once the condition holds. `None`: the node is closed.
    pub fn when(self: &Rc<Self>, condition: Condition, on_condition: OnCondition) -> Option<u64> {
        if self.phase.get() != Phase::Running {
            return None;
        }
        let id = self.conditions.borrow_mut().begin(condition, on_condition);
        self.pump_soon();
        Some(id)
    }

    /// Wait for a condition no longer.
    pub fn no_longer(&self, id: u64) {
        self.conditions.borrow_mut().end(id);
    }

    /// Drop the direct link with a node and refuse it. For tests and classrooms.
    pub fn cut(&self, id: NodeId) {
        self.with_network(|network| network.cut(id));
    }

    /// End what [`Peer::cut`] began.
    pub fn uncut(&self, id: NodeId) {
        self.with_network(|network| network.uncut(id));
    }

    /// Say goodbye, finish writing, answer all who wait, and let go of links, disk and name. A node that has left for
    /// good leaves neither behind.
    pub async fn close(self: Rc<Self>) {
        if self.phase.replace(Phase::Closing) != Phase::Running {
            return;
        }
        self.listeners.take();
        self.chores.take().iter().for_each(AbortHandle::abort);
        self.say_goodbye();
        let storage = self.home.borrow().as_ref().map(|home| home.storage.clone());
        if let Some(storage) = storage {
            let idle = core::pin::pin!(storage.idle());
            if let Either::Right(_) = select(idle, TimeoutFuture::new(CLOSING_PATIENCE_MS)).await {
                let message = "the disk did not finish in time; what was not acknowledged may be lost";
                self.tell(PeerEvent::Storage(Problem::Failed, message.into()));
            }
        }
        self.phase.set(Phase::Closed);
        self.timer.take();
        self.network.take();
        self.linked_via.take();
        self.inputs.take();
        let requests = self.requests.borrow_mut().end_all();
        requests.iter().for_each(|on_answer| on_answer(Answer::Closed));
        let conditions = self.conditions.borrow_mut().end_all();
        conditions.iter().for_each(|on_condition| on_condition(false));
        let home = self.home.take();
        match home {
            Some(home) if self.view(|view| view.has_departed()) => {
                if let Err(error) = home.leave().await {
                    let message = format!("this node has left, and what it kept could not be deleted: {error}");
                    self.tell(PeerEvent::Storage(Problem::Failed, message));
                }
            }
            Some(home) => home.close().await,
            None => {}
        }
        self.sink.take();
    }

    /// What the disk says.
    pub fn on_storage(self: &Rc<Self>, event: StorageEvent) {
        match event {
            StorageEvent::Persisted(ids) => self.feed_all(ids.into_iter().map(Input::Persisted)),
            StorageEvent::Failed(ids, reason) => {
                self.feed_all(ids.into_iter().map(|id| Input::PersistFailed { id, reason }));
            }
            StorageEvent::Lost => self.feed(Input::DiskLost),
            StorageEvent::Problem(problem, message) => self.tell(PeerEvent::Storage(problem, message)),
        }
    }

    fn tell(&self, event: PeerEvent) {
        let sink = self.sink.borrow().clone();
        if let Some(sink) = sink {
            sink(event);
        }
    }

    fn with_network(&self, command: impl FnOnce(&Network)) {
        if let Some(network) = self.network.borrow().as_ref() {
            command(network);
        }
    }

    /// All that must be said before the page may be gone: at once, not at the end of the task.
    fn say_goodbye(self: &Rc<Self>) {
        self.pause.end();
        self.feed(Input::Lifecycle(Lifecycle::Closing));
        self.pump();
        self.hurry_disk();
        self.with_network(Network::say_goodbye_and_close);
    }

    /// Open the network, or open it anew after the page came back from the dead.
    fn connect(self: &Rc<Self>) {
        let peer = Rc::downgrade(self);
        let sink = move |event| {
            if let Some(peer) = peer.upgrade() {
                peer.on_network(event);
            }
        };
        self.network.replace(Some(Network::start(self.network_config.clone(), Rc::new(sink))));
    }

    fn on_network(self: &Rc<Self>, event: NetworkEvent) {
        let link = |id, open, via| self.tell(PeerEvent::Link { id, open, via });
        match event {
            NetworkEvent::LinkUp { id, via } => {
                self.linked_via.borrow_mut().insert(id, via);
                self.feed(Input::LinkUp(id));
                link(id, true, via);
            }
            NetworkEvent::LinkDown { id } => {
                let via = self.linked_via.borrow_mut().remove(&id);
                // A node that is being closed let go of its links itself. Told of it, it would answer whoever still
                // reads that nobody is there, where the answer is that it was closed.
                if self.phase.get() != Phase::Closing {
                    self.feed(Input::LinkDown(id));
                }
                if let Some(via) = via {
                    link(id, false, via);
                }
            }
            NetworkEvent::Writable { id, lane } => self.feed(Input::LinkWritable(id, lane)),
            NetworkEvent::Frame { from, bytes } => self.on_frame(from, bytes),
            NetworkEvent::Discovered(id) => self.feed(Input::Discovered(id)),
            NetworkEvent::DialFailed(id) => self.feed(Input::DialFailed(id)),
            NetworkEvent::SignalForMesh { to, bytes } => self.feed(Input::Signal { to, bytes }),
            NetworkEvent::Rendezvous { url, connected } => self.tell(PeerEvent::Rendezvous { url, connected }),
            // Counted by the network; whoever sends rubbish must not fill our log as well.
            NetworkEvent::Dropped { .. } => {}
        }
    }

    fn feed(self: &Rc<Self>, input: Input) {
        self.feed_all([input]);
    }

    fn feed_all(self: &Rc<Self>, inputs: impl IntoIterator<Item = Input>) {
        self.inputs.borrow_mut().extend(inputs);
        self.pump_soon();
    }

    /// Feed what waits at the end of the current task: a thousand puts in a row turn the crank once.
    fn pump_soon(self: &Rc<Self>) {
        if !self.pumping.get() && !self.pump_is_due.replace(true) {
            let peer = self.clone();
            spawn_local(async move {
                if peer.pump_is_due.get() {
                    peer.pump();
                }
            });
        }
    }

    /// Feed what waits, do what the node wants done, tell who must be told; until there is nothing left.
    fn pump(self: &Rc<Self>) {
        if self.phase.get() == Phase::Closed || self.pause.is_on() || self.pumping.replace(true) {
            return;
        }
        self.pump_is_due.set(false);
        let now = host::now();
        if now >= self.wall_clock_due.get() {
            self.wall_clock_due.set(now + WALL_CLOCK_MS);
            self.node.borrow_mut().handle_input(now, Input::WallClock(host::wall_time()));
            self.drain();
        }
        if self.node.borrow().poll_timeout().is_some_and(|due| due <= now) {
            self.node.borrow_mut().handle_timeout(now);
            self.drain();
        }
        let mut now = Some(now);
        loop {
            let input = self.inputs.borrow_mut().pop_front();
            if let Some(input) = input {
                self.node.borrow_mut().handle_input(now.take().unwrap_or_else(host::now), input);
                self.drain();
                continue;
            }
            self.tell_changes();
            if self.inputs.borrow().is_empty() && !self.changes_untold() {
                break;
            }
        }
        self.pumping.set(false);
        self.set_timer();
    }

    fn drain(&self) {
        loop {
            let output = self.node.borrow_mut().poll_output();
            let Some(output) = output else { break };
            self.perform(output);
        }
    }

    fn perform(&self, output: Output) {
        match output {
            Output::Send { to, lane, bytes } => self.with_network(|network| network.send(to, lane, &bytes)),
            Output::Signal { from, bytes } => self.with_network(|network| network.mesh_signal(from, bytes)),
            Output::Dial(id) => self.with_network(|network| network.dial(id)),
            Output::Hangup(id) => self.with_network(|network| network.hangup(id)),
            Output::Persist { id, batch } => {
                if let Some(home) = self.home.borrow().as_ref() {
                    home.storage.persist(id, batch);
                }
            }
            Output::Reply { id, result } => {
                let is_watch = |id| self.watches.borrow().contains(&id);
                let on_answer = self.requests.borrow_mut().route(id, &result, is_watch);
                if let Some(on_answer) = on_answer {
                    on_answer(Answer::Reply(result));
                }
            }
            Output::Event(event) => self.tell(PeerEvent::Protocol(event)),
        }
    }

    fn changes_untold(&self) -> bool {
        self.members.borrow().is_stale(self.node.borrow().view())
    }

    /// Tell of members that changed and of conditions that have come to hold.
    fn tell_changes(&self) {
        let changes = self.members.borrow_mut().refresh(self.node.borrow().view());
        changes.into_iter().for_each(|change| self.tell(PeerEvent::Member(change)));
        let met = self.conditions.borrow_mut().take_met(self.node.borrow().view());
        met.iter().for_each(|on_condition| on_condition(true));
    }

    fn set_timer(self: &Rc<Self>) {
        let wall_clock = self.wall_clock_due.get();
        let due = self.node.borrow().poll_timeout().map_or(wall_clock, |due| due.min(wall_clock));
        if self.timer.borrow().as_ref().is_some_and(|(set, _)| *set == due) {
            return;
        }
        // Our clock is cut to whole milliseconds, the browser's is not: a timer may fire just before its millisecond.
        let delay = u32::try_from(due.since(host::now())).unwrap_or(u32::MAX).clamp(1, WALL_CLOCK_MS as u32);
        let peer = Rc::downgrade(self);
        let timer = Timeout::new(delay, move || {
            if let Some(peer) = peer.upgrade() {
                let fired = peer.timer.take();
                peer.pump();
                drop(fired);
            }
        });
        self.timer.replace(Some((due, timer)));
    }
}
