//! Who may touch the state when.
//!
//! There are two doors. What the browser does comes through [`Shared::happen`] and is told to the sink before the
//! browser goes on; what our user does comes through [`Shared::command`], and what that causes is told in a microtask
//! later, so that a user who holds a borrow of his own is never called back within it. Either way the state is borrowed
//! only while it changes, events queue up in it, and one loop hands them out, with nothing borrowed, in order.
//!
//! All deadlines share one timer, set to the earliest.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo_timers::callback::Timeout;
use roundtable_core::time::Instant;
use wasm_bindgen_futures::spawn_local;

use crate::host::now;

use super::state::State;
use super::{NetworkConfig, NetworkEvent};

type Sink = Rc<dyn Fn(NetworkEvent)>;

pub(crate) struct Shared {
    state: RefCell<State>,
    sink: RefCell<Option<Sink>>,
    timer: RefCell<Option<(Instant, Timeout)>>,
    telling: Cell<bool>,
    will_tell: Cell<bool>,
}

impl Shared {
    pub(crate) fn new(config: NetworkConfig, sink: Sink) -> Rc<Shared> {
        Rc::new_cyclic(|handle| Shared {
            state: RefCell::new(State::new(config, handle.clone(), now())),
            sink: RefCell::new(Some(sink)),
            timer: RefCell::new(None),
            telling: Cell::new(false),
            will_tell: Cell::new(false),
        })
    }

    /// The browser did something.
    pub(crate) fn happen<R>(self: &Rc<Self>, act: impl FnOnce(&mut State, Instant) -> R) -> R {
        let result = self.happen_quietly(act);
        self.set_timer();
        result
    }

    /// The browser did something that changes no deadline.
    pub(crate) fn happen_quietly<R>(&self, act: impl FnOnce(&mut State, Instant) -> R) -> R {
        let result = act(&mut self.state.borrow_mut(), now());
        self.tell();
        result
    }

    /// Our user asks for something.
    pub(crate) fn command<R>(self: &Rc<Self>, act: impl FnOnce(&mut State, Instant) -> R) -> R {
        let result = self.command_quietly(act);
        self.set_timer();
        result
    }

    /// Our user asks for something that changes no deadline.
    pub(crate) fn command_quietly<R>(self: &Rc<Self>, act: impl FnOnce(&mut State, Instant) -> R) -> R {
        let result = act(&mut self.state.borrow_mut(), now());
        if self.state.borrow().has_events() && !self.telling.get() && !self.will_tell.replace(true) {
            let shared = self.clone();
            spawn_local(async move {
                shared.will_tell.set(false);
                shared.tell();
            });
        }
        result
    }

    /// Our user only looks.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.state.borrow())
    }

    /// Let everything go and tell nobody.
    pub(crate) fn silence(&self) {
        *self.sink.borrow_mut() = None;
        *self.timer.borrow_mut() = None;
        self.state.borrow_mut().close();
    }

    /// Hand out the events. A call from within the sink leaves its events to the loop that is already running.
    fn tell(&self) {
        if self.telling.replace(true) {
            return;
        }
        loop {
            let Some(event) = self.state.borrow_mut().next_event() else { break };
            let sink = self.sink.borrow().clone();
            if let Some(sink) = sink {
                sink(event);
            }
        }
        self.telling.set(false);
    }

    fn set_timer(self: &Rc<Self>) {
        let due = self.state.borrow().deadline();
        let mut timer = self.timer.borrow_mut();
        if timer.as_ref().map(|(at, _)| *at) == due {
            return;
        }
        *timer = due.map(|at| {
            let handle = Rc::downgrade(self);
            let wait = u32::try_from(at.since(now())).unwrap_or(u32::MAX);
            let timeout = Timeout::new(wait.saturating_add(1), move || {
                let Some(shared) = handle.upgrade() else { return };
                // Kept until the end: it is the timer that is running this.
                let _fired = shared.timer.borrow_mut().take();
                shared.happen(State::handle_timeout);
            });
            (at, timeout)
        });
    }
}
