//! Runs machines against fetch and timer. The polls of one video share a loop: one request at a
//! time, whose answer each of them gets. The loop does what the machines say; it decides nothing
//! about videos, and it ends with the last poll that leaves.

use super::attempt::Attempt;
use super::fetch::{Reply, Transport};
use super::timer::{Clock, Hint, Hints, alarm};
use crate::core::Millis;
use crate::core::answer::Answer;
use crate::core::budget::Budget;
use crate::core::error::{ErrorCode, Failure};
use crate::core::lessons::Lessons;
use crate::core::machine::{Command, Event, Machine, Retry, Step, Update};
use crate::core::options::{Options, RawOptions};
use gloo_timers::callback::Timeout;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use wasm_bindgen::prelude::*;
use wasm_bindgen::throw_val;
use wasm_bindgen_futures::spawn_local;
use web_sys::AbortController;

/// What a poll tells whoever waits for it.
// What the host threw is an error of JavaScript's, which a Rust program has no use for.
#[cfg_attr(not(feature = "npm"), allow(dead_code))]
pub(super) enum Notice {
    Update {
        update: Update,
        raw: JsValue,
        token: String,
    },
    /// A request failed and is going to be retried, which may be an update too.
    Retrying {
        retry: Retry,
        thrown: JsValue,
        update: Option<(Update, JsValue)>,
        token: String,
    },
    /// No failure is being retried any more.
    Recovered {
        token: String,
    },
    Done {
        token: String,
    },
    Failed {
        failure: Failure,
        /// What the host threw when the last request failed, if that is why.
        thrown: JsValue,
        token: String,
    },
}

/// Takes notices; called with nothing borrowed, so it may do anything to the client.
pub(super) type Listener = Rc<dyn Fn(Notice)>;

/// All polls of one account.
pub(super) struct Client {
    pub(super) transport: Transport,
    clock: Clock,
    /// Sorted by id, for [`Client::running`].
    loops: RefCell<Vec<Rc<Loop>>>,
    hints: RefCell<Option<Hints>>,
    lessons: Cell<Lessons>,
    gate: RefCell<Gate>,
}

/// One video that is being polled.
struct Loop {
    client: Rc<Client>,
    id: String,
    state: RefCell<State>,
    /// What this video taught is known, whichever of its polls told it.
    has_taught: Cell<bool>,
}

#[derive(Default)]
struct State {
    waiters: Vec<Waiter>,
    request: Request,
    /// The next alarm, and when it rings.
    alarm: Option<(Millis, Timeout)>,
    /// The body of the last status.
    raw: JsValue,
    /// The last response was that there are too many requests.
    was_refused: bool,
    trouble: Trouble,
    last_serial: u32,
}

/// What is known of the last request, where it failed, beside what the machines keep.
#[derive(Default)]
struct Trouble {
    /// The server's words.
    detail: Option<String>,
    /// What the host threw.
    thrown: JsValue,
}

struct Waiter {
    serial: u32,
    machine: Machine,
    asking: bool,
    /// When the machine wants to be woken, if ever.
    due: Option<Millis>,
    /// A request has failed since the last step.
    has_failed: bool,
    /// Whoever listens knows of a failure that is being retried.
    is_retrying: bool,
    listener: Listener,
}

#[derive(Default)]
enum Request {
    #[default]
    None,
    /// Waits for its turn among the client's requests.
    Queued,
    /// Waits for its turn among the pages of this origin.
    Waiting(Rc<Attempt>),
    InFlight {
        attempt: Rc<Attempt>,
        /// When its time is over, as long as it is not.
        until: Option<Millis>,
    },
}

impl State {
    /// What a response said.
    fn keep(&mut self, answer: &Answer, raw: JsValue) {
        self.trouble = Trouble::default();
        match &answer.outcome {
            Ok(_) if answer.has_status() => self.raw = raw,
            Ok(_) => {}
            Err(failure) => self.trouble.detail.clone_from(&failure.detail),
        }
    }
}

impl Request {
    fn is(&self, own: &Rc<Attempt>) -> bool {
        match self {
            Self::Waiting(attempt) | Self::InFlight { attempt, .. } => Rc::ptr_eq(attempt, own),
            _ => false,
        }
    }
}

/// When which request of one client may leave.
struct Gate {
    /// How many may be in flight at once; the least counts.
    limits: Vec<u32>,
    in_flight: u32,
    budget: Budget,
    /// Whoever counts as having come first is last.
    queue: Vec<(Millis, Weak<Loop>)>,
    /// Opens it again when the budget has more.
    alarm: Option<Timeout>,
}

impl Gate {
    /// Whether a request waits, and may leave as far as those in flight go.
    fn has_next(&self) -> bool {
        !self.queue.is_empty() && self.limits.iter().all(|limit| self.in_flight < *limit)
    }

    fn queue(&mut self, since: Millis, running: &Rc<Loop>) {
        let at = self.queue.partition_point(|(other, _)| *other > since);
        self.queue.insert(at, (since, Rc::downgrade(running)));
    }
}

/// A limit on the requests of one client, for as long as it is kept.
pub(super) struct Limit {
    client: Rc<Client>,
    limit: u32,
}

impl Drop for Limit {
    fn drop(&mut self) {
        {
            let mut gate = self.client.gate.borrow_mut();
            if let Some(at) = gate.limits.iter().position(|limit| *limit == self.limit) {
                gate.limits.swap_remove(at);
            }
        }
        self.client.let_in();
    }
}

impl Client {
    /// At most `concurrency` requests at once, and `per_second` in a second.
    pub(super) fn new(
        transport: Transport,
        concurrency: u32,
        per_second: f64,
        lessons: Lessons,
    ) -> Rc<Self> {
        Rc::new(Self {
            transport,
            clock: Clock::new(),
            loops: RefCell::default(),
            hints: RefCell::default(),
            lessons: Cell::new(lessons),
            gate: RefCell::new(Gate {
                limits: vec![concurrency],
                in_flight: 0,
                budget: Budget::new(per_second),
                queue: Vec::new(),
                alarm: None,
            }),
        })
    }

    /// Starts a poll, or goes on with the one that wrote `token`.
    pub(super) fn poll(
        self: &Rc<Self>,
        id: &str,
        options: RawOptions,
        token: Option<&str>,
        listener: Listener,
    ) -> Result<Poll, Failure> {
        let now = self.clock.now();
        let (mut machine, mut step) = match token {
            Some(token) => Machine::resume(token, id, options, now)?,
            None => Machine::start_checked(id, options.check(&Options::default())?, now),
        };
        machine.teach(self.lessons.get().usual());
        let running = self.running(id);
        let serial = {
            let mut state = running.state.borrow_mut();
            if let Some(other) = state.waiters.first()
                && let Some(joined) = machine.join(&other.machine, now)
            {
                step = joined;
            }
            state.last_serial += 1;
            let serial = state.last_serial;
            // Mostly there is one, and a list by itself would make room for four.
            state.waiters.reserve_exact(1);
            state.waiters.push(Waiter {
                serial,
                machine,
                asking: false,
                due: None,
                // It may have joined a poll that is in trouble.
                has_failed: true,
                is_retrying: false,
                listener,
            });
            serial
        };
        running.turn(&mut |waiter, _| (waiter.serial == serial).then(|| step.clone()));
        Ok(Poll {
            of: running,
            serial,
        })
    }

    /// What its videos have taught.
    pub(super) fn lessons(&self) -> Lessons {
        self.lessons.get()
    }

    /// Keeps the client to `limit` requests at once.
    pub(super) fn limit(self: &Rc<Self>, limit: u32) -> Limit {
        self.gate.borrow_mut().limits.push(limit);
        Limit {
            client: Rc::clone(self),
            limit,
        }
    }

    /// The loop of one video, made if there is none.
    fn running(self: &Rc<Self>, id: &str) -> Rc<Loop> {
        if self.loops.borrow().is_empty() {
            let client = Rc::downgrade(self);
            let hints = Hints::listen(move |hint| {
                let Some(client) = client.upgrade() else {
                    return;
                };
                let loops = client.loops.borrow().clone();
                for running in loops {
                    if hint == Hint::Thawed {
                        running.give_up_request();
                    }
                    running.hasten(Event::Nudge);
                }
            });
            self.hints.replace(Some(hints));
        }
        let mut loops = self.loops.borrow_mut();
        let at = loops.partition_point(|running| running.id.as_str() < id);
        if let Some(running) = loops.get(at).filter(|running| running.id == id) {
            return Rc::clone(running);
        }
        let running = Rc::new(Loop {
            client: Rc::clone(self),
            id: id.to_owned(),
            state: RefCell::default(),
            has_taught: Cell::new(false),
        });
        loops.insert(at, Rc::clone(&running));
        running
    }

    /// What another page of this origin was answered about a video. Whether it is polled here.
    #[cfg(feature = "npm")]
    pub(super) fn told(&self, id: &str, reply: Reply) -> bool {
        let loops = self.loops.borrow();
        let at = loops.partition_point(|running| running.id.as_str() < id);
        let running = loops.get(at).filter(|running| running.id == id).cloned();
        drop(loops);
        if let Some(running) = &running {
            running.told(reply);
        }
        running.is_some()
    }

    /// Takes an ended loop out; after the last one nothing listens or waits any more.
    fn forget(&self, ended: &Rc<Loop>) {
        {
            let mut loops = self.loops.borrow_mut();
            loops.retain(|running| !Rc::ptr_eq(running, ended));
            if !loops.is_empty() {
                return;
            }
        }
        let hints = self.hints.take();
        let (alarm, queue) = {
            let mut gate = self.gate.borrow_mut();
            (gate.alarm.take(), std::mem::take(&mut gate.queue))
        };
        // Both are taken back from the host, with nothing borrowed.
        drop((hints, alarm, queue));
    }

    /// Lets waiting requests go, as many as may.
    fn let_in(self: &Rc<Self>) {
        while self.gate.borrow().has_next() {
            let now = self.clock.now();
            let is_alone = self.loops.borrow().len() == 1;
            let next = {
                let mut gate = self.gate.borrow_mut();
                let at = gate.budget.next(is_alone, now);
                if at <= now {
                    gate.queue.pop()
                } else if gate.alarm.is_some() {
                    return;
                } else {
                    drop(gate);
                    return self.open_in(at - now);
                }
            };
            if let Some(next) = next.and_then(|(_, next)| next.upgrade()) {
                next.send();
            }
        }
    }

    /// Lets requests in again after `delay`.
    fn open_in(self: &Rc<Self>, delay: Millis) {
        let client = Rc::downgrade(self);
        let alarm = alarm(delay, move || {
            if let Some(client) = client.upgrade() {
                let rung = client.gate.borrow_mut().alarm.take();
                drop(rung);
                client.let_in();
            }
        });
        self.gate.borrow_mut().alarm = Some(alarm);
    }

    fn request_ended(&self) {
        let mut gate = self.gate.borrow_mut();
        gate.in_flight = gate.in_flight.saturating_sub(1);
    }
}

impl Loop {
    /// Takes a step of each machine that `event` has one for, then does what they say.
    fn turn(self: &Rc<Self>, event: &mut dyn FnMut(&mut Waiter, Millis) -> Option<Step>) {
        let now = self.client.clock.now();
        let mut notices = Vec::new();
        let mut ended = None;
        {
            let mut state = self.state.borrow_mut();
            let State {
                waiters,
                request,
                raw,
                trouble,
                ..
            } = &mut *state;
            waiters.retain_mut(|waiter| match event(waiter, now) {
                Some(step) => self.obey(waiter, step, now, raw, trouble, &mut notices),
                None => true,
            });
            if matches!(request, Request::None) && waiters.iter().any(|waiter| waiter.asking) {
                // Whoever sleeps asks along: there is one request for all.
                waiters.retain_mut(|waiter| {
                    waiter.asking || {
                        let step = waiter.machine.step(Event::SharedRequest, now);
                        self.obey(waiter, step, now, raw, trouble, &mut notices)
                    }
                });
                *request = Request::Queued;
                let lead = waiters.iter().map(|waiter| waiter.machine.lead()).max();
                let since = now.saturating_sub(lead.unwrap_or_default());
                self.client.gate.borrow_mut().queue(since, self);
            }
            // Whichever poll sends it, the next request is the next one of all.
            let next = waiters
                .iter()
                .filter_map(|waiter| waiter.machine.next_request(now));
            if let Some(next) = next.min() {
                for (_, notice) in &mut notices {
                    if let Notice::Retrying { retry, .. } = notice {
                        retry.next_in = next.saturating_sub(now);
                    }
                }
            }
            if state.waiters.is_empty() {
                ended = Some(self.end(&mut state));
            }
        }
        // Clearing timers, and aborting, which runs listeners of whoever provides `fetch`, call the host: like any
        // callback, with nothing borrowed.
        if let Some((abandoned, alarm)) = ended {
            self.client.forget(self);
            drop(alarm);
            if let Some(attempt) = abandoned {
                attempt.abort();
            }
        }
        self.client.let_in();
        self.rearm();
        for (listener, notice) in notices {
            listener(notice);
        }
    }

    /// Takes a step of every machine.
    fn step(self: &Rc<Self>, event: &Event) {
        let has_failed = match event {
            Event::Answer(answer) | Event::Told(answer) => answer.outcome.is_err(),
            Event::NetworkError | Event::RequestFailed(_) | Event::Offline => true,
            _ => false,
        };
        self.turn(&mut |waiter, now| {
            waiter.has_failed = has_failed;
            Some(waiter.machine.step(event.clone(), now))
        });
    }

    /// Does what one machine says; whether its poll goes on.
    fn obey(
        &self,
        waiter: &mut Waiter,
        step: Step,
        now: Millis,
        raw: &JsValue,
        trouble: &Trouble,
        notices: &mut Vec<(Listener, Notice)>,
    ) -> bool {
        let mut tell = |notice| notices.push((Rc::clone(&waiter.listener), notice));
        let token = || waiter.machine.resume_token(self.client.clock.ahead());
        let mut update = step.update;
        let retry = waiter.machine.retry(now).filter(|_| waiter.has_failed);
        waiter.has_failed = false;
        if let Some(mut retry) = retry {
            waiter.is_retrying = true;
            retry.failure.detail.clone_from(&trouble.detail);
            retry.failure = self.client.transport.shown(retry.failure, &self.id);
            tell(Notice::Retrying {
                retry,
                thrown: trouble.thrown.clone(),
                update: update.take().map(|update| (update, raw.clone())),
                token: token(),
            });
        } else if waiter.is_retrying && waiter.machine.retrying().is_none() {
            waiter.is_retrying = false;
            tell(Notice::Recovered { token: token() });
        }
        if let Some(update) = update {
            tell(Notice::Update {
                update,
                raw: raw.clone(),
                token: token(),
            });
        }
        match step.command {
            Command::Fetch { give_up_at } => (waiter.asking, waiter.due) = (true, give_up_at),
            Command::Sleep { until } => (waiter.asking, waiter.due) = (false, Some(until)),
            Command::Done => {
                tell(Notice::Done { token: token() });
                // One that was resumed teaches nothing, and another may.
                if !self.has_taught.get() {
                    let mut lessons = self.client.lessons.get();
                    self.has_taught.set(lessons.take(&waiter.machine));
                    self.client.lessons.set(lessons);
                }
                return false;
            }
            Command::Failed(failure) => {
                let thrown = match failure.code {
                    ErrorCode::Network => trouble.thrown.clone(),
                    _ => JsValue::UNDEFINED,
                };
                tell(Notice::Failed {
                    failure: self.client.transport.shown(failure, &self.id),
                    thrown,
                    token: token(),
                });
                return false;
            }
        }
        true
    }

    /// One alarm for all: the earliest.
    fn rearm(self: &Rc<Self>) {
        let (due, obsolete) = {
            let mut state = self.state.borrow_mut();
            let limit = match state.request {
                // It sets the alarm itself, a moment from now.
                Request::Waiting(..) if self.client.transport.tabs.is_none() => return,
                Request::InFlight { until, .. } => until,
                _ => None,
            };
            let mut due = limit;
            for at in state.waiters.iter().filter_map(|waiter| waiter.due) {
                due = Some(due.map_or(at, |due| due.min(at)));
            }
            if due == state.alarm.as_ref().map(|(at, _)| *at) {
                return;
            }
            (due, state.alarm.take())
        };
        drop(obsolete);
        if let Some(at) = due {
            let delay = at.saturating_sub(self.client.clock.now());
            let running = Rc::clone(self);
            let alarm = alarm(delay, move || running.ring());
            let replaced = self.state.borrow_mut().alarm.replace((at, alarm));
            drop(replaced);
        }
    }

    fn ring(self: &Rc<Self>) {
        let now = self.client.clock.now();
        let (rung, late) = {
            let mut state = self.state.borrow_mut();
            let late = match &mut state.request {
                Request::InFlight { attempt, until } => {
                    let passed = until.take_if(|until| *until <= now);
                    passed.map(|_| Rc::clone(attempt))
                }
                _ => None,
            };
            (state.alarm.take(), late)
        };
        drop(rung);
        if let Some(attempt) = late {
            attempt.expire();
        }
        self.turn(&mut |waiter, now| {
            waiter
                .due
                .filter(|due| *due <= now)
                .map(|_| waiter.machine.step(Event::Wake, now))
        });
    }

    /// Somebody would like the next answer soon; a request under way will bring it.
    fn hasten(self: &Rc<Self>, event: Event) {
        let idle = matches!(self.state.borrow().request, Request::None);
        if idle {
            self.step(&event);
        }
    }

    fn send(self: &Rc<Self>) {
        // A host without it cannot be worked with; that is told as "internal", not waited out.
        let controller = AbortController::new().unwrap_or_else(|error| throw_val(error));
        let own = Attempt::new(controller);
        {
            let mut state = self.state.borrow_mut();
            // Whoever queued may have left meanwhile.
            if !matches!(state.request, Request::Queued) {
                return;
            }
            state.request = Request::Waiting(Rc::clone(&own));
        }
        let now = self.client.clock.now();
        {
            let mut gate = self.client.gate.borrow_mut();
            gate.in_flight += 1;
            gate.budget.sent(now);
        }
        let running = Rc::clone(self);
        spawn_local(async move {
            let transport = &running.client.transport;
            let turn = transport.turn(&running.id, &own).await;
            if running.depart(&own) {
                let reply = transport.ask(&running.id, &own).await;
                drop(turn);
                running.arrived(&own, reply);
            }
        });
    }

    /// The turn of a request has come; whether it is still wanted.
    fn depart(self: &Rc<Self>, own: &Rc<Attempt>) -> bool {
        {
            let now = self.client.clock.now();
            let mut state = self.state.borrow_mut();
            if !state.request.is(own) {
                return false;
            }
            state.request = Request::InFlight {
                attempt: Rc::clone(own),
                until: Some(now.saturating_add(self.client.transport.timeout)),
            };
        }
        self.rearm();
        true
    }

    /// What another page was answered. A question of its own that is on its way already goes on.
    #[cfg(feature = "npm")]
    fn told(self: &Rc<Self>, reply: Reply) {
        let Reply::Answer { answer, raw } = reply else {
            return;
        };
        let abandoned = {
            let mut state = self.state.borrow_mut();
            if matches!(state.request, Request::InFlight { .. }) {
                return;
            }
            state.keep(&answer, raw);
            let abandoned = self.recall(&mut state);
            state.request = Request::None;
            abandoned
        };
        if let Some(attempt) = abandoned {
            attempt.abort();
        }
        self.step(&Event::Told(answer));
    }

    /// The request under way will come to nothing, which is nobody's failure.
    fn give_up_request(self: &Rc<Self>) {
        let abandoned = self.recall(&mut self.state.borrow_mut());
        if let Some(attempt) = abandoned {
            attempt.abort();
            self.state.borrow_mut().trouble = Trouble::default();
            self.step(&Event::Offline);
        }
    }

    fn arrived(self: &Rc<Self>, own: &Rc<Attempt>, reply: Reply) {
        // What was taken back comes to an end all the same.
        if !self.state.borrow().request.is(own) {
            return;
        }
        self.client.request_ended();
        let (event, raw) = reply.event();
        if let Event::Answer(answer) = &event {
            let now = self.client.clock.now();
            let mut state = self.state.borrow_mut();
            let mut gate = self.client.gate.borrow_mut();
            state.was_refused = gate.budget.heard(answer, state.was_refused, now);
        }
        {
            let mut state = self.state.borrow_mut();
            state.request = Request::None;
            match &event {
                Event::Answer(answer) => state.keep(answer, raw),
                _ => {
                    state.trouble = Trouble {
                        detail: None,
                        thrown: raw,
                    }
                }
            }
        }
        self.step(&event);
    }

    /// The last poll has left: nothing may happen any more. Returns what is still to be aborted, and cleared.
    fn end(&self, state: &mut State) -> (Option<Rc<Attempt>>, Option<(Millis, Timeout)>) {
        let abandoned = self.recall(state);
        state.request = Request::None;
        (abandoned, state.alarm.take())
    }

    /// Takes back the request that is in flight, if one is. Returns what is to be aborted.
    fn recall(&self, state: &mut State) -> Option<Rc<Attempt>> {
        match std::mem::take(&mut state.request) {
            Request::Waiting(attempt) | Request::InFlight { attempt, .. } => {
                self.client.request_ended();
                Some(attempt)
            }
            other => {
                state.request = other;
                None
            }
        }
    }
}

/// One poll, as its owner holds it.
pub(super) struct Poll {
    of: Rc<Loop>,
    serial: u32,
}

impl Poll {
    /// Asks now, unless a request is under way, or left a moment ago.
    pub(super) fn ask_now(&self) {
        self.of.hasten(Event::PollNow);
    }

    /// Something is heard of the video beside the answers, by all of its polls at once: a question
    /// that one of them asks upon news is no older than the news are for another.
    #[cfg(feature = "npm")]
    pub(super) fn hear(&self, event: Event) {
        self.of.step(&event);
    }

    /// What another process needs to go on; nothing once the poll is over.
    pub(super) fn token(&self) -> Option<String> {
        let state = self.of.state.borrow();
        let waiter = state
            .waiters
            .iter()
            .find(|waiter| waiter.serial == self.serial)?;
        Some(waiter.machine.resume_token(self.of.client.clock.ahead()))
    }

    /// Leaves without a word. The last to leave ends the loop and its request.
    pub(super) fn leave(&self) {
        let left = |waiter: &mut Waiter| waiter.serial != self.serial;
        self.of.state.borrow_mut().waiters.retain_mut(left);
        self.of.turn(&mut |_, _| None);
    }
}
