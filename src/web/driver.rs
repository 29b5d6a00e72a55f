//! Carries a [`Session`]: its requests through fetch, its alarm by a timer, and its notices to whoever listens. All
//! that is decided is decided there.

use super::attempt::Attempt;
use super::fetch::{Reply, Transport};
use super::timer::{Clock, Hint, Hints, alarm};
use crate::core::Millis;
use crate::core::error::Failure;
use crate::core::machine::Retry;
use crate::core::options::RawOptions;
use crate::core::session::{self, Command, PollEvent, PollId, RequestId, Session, Settings, Time};
use gloo_timers::callback::Timeout;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen::throw_val;
use wasm_bindgen_futures::spawn_local;
use web_sys::AbortController;

/// What is handed in with a response is its body as JSON, and with a failure what the host threw.
type Polls = Session<Rc<Subscriber>, JsValue>;

pub(super) type Notification = session::Notification<Rc<Subscriber>, JsValue>;

/// Whoever waits for a video.
pub(super) struct Subscriber {
    pub(super) video: String,
    listener: Box<Listener>,
}

/// Called with nothing borrowed, so it may do anything to the client.
pub(super) type Listener = dyn Fn(Notification);

/// All polls of one account.
pub(super) struct Client {
    pub(super) transport: Transport,
    clock: Clock,
    session: RefCell<Polls>,
    /// Of the requests under way.
    attempts: RefCell<Vec<(RequestId, Rc<Attempt>)>>,
    /// When it rings.
    alarm: RefCell<Option<(Millis, Timeout)>>,
    hints: RefCell<Option<Hints>>,
}

/// A limit on the requests of one client, for as long as it is kept.
pub(super) struct Limit {
    client: Rc<Client>,
    limit: u32,
}

impl Drop for Limit {
    fn drop(&mut self) {
        let limit = self.limit;
        self.client
            .hand(|session, time| session.unlimit(limit, time.now));
    }
}

impl Client {
    /// At most `concurrency` requests at once, and `per_second` in a second.
    pub(super) fn new(transport: Transport, concurrency: u32, per_second: f64) -> Rc<Self> {
        let session = Session::new(Settings {
            request_timeout: transport.timeout,
            concurrency,
            per_second,
            is_locked: transport.tabs.is_some(),
        });
        Rc::new(Self {
            transport,
            clock: Clock::new(),
            session: RefCell::new(session),
            attempts: RefCell::default(),
            alarm: RefCell::default(),
            hints: RefCell::default(),
        })
    }

    /// Starts a poll, or goes on with the one that wrote `token`.
    pub(super) fn poll(
        self: &Rc<Self>,
        id: &str,
        options: RawOptions,
        token: Option<&str>,
        listener: Box<Listener>,
    ) -> Result<Poll, Failure> {
        let subscriber = Rc::new(Subscriber {
            video: id.to_owned(),
            listener,
        });
        let poll =
            self.hand(|session, time| session.start(id, options, token, subscriber, time))?;
        Ok(Poll {
            client: Rc::clone(self),
            poll,
        })
    }

    /// Keeps the client to `limit` requests at once.
    pub(super) fn limit(self: &Rc<Self>, limit: u32) -> Limit {
        self.session.borrow_mut().limit(limit);
        Limit {
            client: Rc::clone(self),
            limit,
        }
    }

    /// The response to a request about a video that another page of this origin sent. Whether it is polled here.
    #[cfg(feature = "npm")]
    pub(super) fn shared_response(self: &Rc<Self>, id: &str, reply: Reply) -> bool {
        let Reply { outcome, body } = reply;
        outcome.is_ok_and(|answer| {
            self.hand(|session, time| session.shared_response(id, answer, body, time))
        })
    }

    /// Hands something in, and carries out what comes of it.
    fn hand<T>(self: &Rc<Self>, input: impl FnOnce(&mut Polls, Time) -> T) -> T {
        let time = self.clock.time();
        let result = input(&mut self.session.borrow_mut(), time);
        self.carry(time.now);
        result
    }

    /// Does what the session says, and passes on what it has. All of it calls the host, and so whatever the user
    /// provides there, with nothing borrowed.
    #[inline(never)]
    fn carry(self: &Rc<Self>, now: Millis) {
        loop {
            let command = self.session.borrow_mut().poll_command();
            match command {
                Some(Command::Send { request, video }) => self.send(request, video),
                Some(Command::Expire(request)) => {
                    self.take(request).iter().for_each(|own| own.expire());
                }
                Some(Command::Abort(request)) => {
                    self.take(request).iter().for_each(|own| own.abort());
                }
                None => break,
            }
        }
        self.rearm(now);
        let is_empty = self.session.borrow().is_empty();
        let hints = (!is_empty && self.hints.borrow().is_none()).then(|| self.listen());
        if is_empty || hints.is_some() {
            let replaced = self.hints.replace(hints);
            drop(replaced);
        }
        loop {
            let next = self.session.borrow_mut().poll_notification();
            let Some(mut next) = next else {
                break;
            };
            let subscriber = Rc::clone(&next.subscriber);
            if let Some(
                PollEvent::Failed(failure, _) | PollEvent::Retrying(Retry { failure, .. }, _),
            ) = &mut next.event
            {
                self.transport.show(failure, &subscriber.video);
            }
            (subscriber.listener)(next);
        }
    }

    /// One alarm for all.
    fn rearm(self: &Rc<Self>, now: Millis) {
        let at = self.session.borrow().wake_at(now);
        let set = self.alarm.borrow().as_ref().map(|(at, _)| *at);
        // One that is overdue is set anew, for a host may have lost it.
        if at == set && set.is_none_or(|at| at > now) {
            return;
        }
        let obsolete = self.alarm.take();
        drop(obsolete);
        if let Some(at) = at {
            let client = Rc::clone(self);
            let alarm = alarm(at.saturating_sub(now), move || {
                let rung = client.alarm.take();
                drop(rung);
                client.hand(|session, time| session.wake(time));
            });
            let replaced = self.alarm.replace(Some((at, alarm)));
            drop(replaced);
        }
    }

    fn listen(self: &Rc<Self>) -> Hints {
        let client = Rc::downgrade(self);
        Hints::listen(move |hint| {
            if let Some(client) = client.upgrade() {
                client.hand(|session, time| match hint {
                    Hint::Back => session.poll_soon(time),
                    Hint::Thawed => session.thaw(time),
                });
            }
        })
    }

    /// The attempt of a request, once.
    fn take(&self, request: RequestId) -> Option<Rc<Attempt>> {
        let mut attempts = self.attempts.borrow_mut();
        let at = attempts.iter().position(|(other, _)| *other == request)?;
        Some(attempts.swap_remove(at).1)
    }

    fn send(self: &Rc<Self>, request: RequestId, video: String) {
        // A host without it cannot be worked with; that is told as "internal", not waited out.
        let controller = AbortController::new().unwrap_or_else(|error| throw_val(error));
        let attempt = Attempt::new(controller);
        let own = (request, Rc::clone(&attempt));
        self.attempts.borrow_mut().push(own);
        let client = Rc::clone(self);
        spawn_local(async move {
            let transport = &client.transport;
            let lock = transport.turn(&video, &attempt).await;
            if attempt.is_aborted() {
                return;
            }
            if transport.tabs.is_some() {
                client.hand(|session, time| session.lock_granted(request, time.now));
            }
            let reply = transport.ask(&video, &attempt).await;
            drop(lock);
            client.take(request);
            let Reply { outcome, body } = reply;
            client.hand(|session, time| session.response(request, outcome, body, time));
        });
    }
}

/// One poll, as its owner holds it.
pub(super) struct Poll {
    client: Rc<Client>,
    poll: PollId,
}

impl Poll {
    /// Requests a status now, unless a request is under way, or left a moment ago.
    pub(super) fn poll_now(&self) {
        self.client
            .hand(|session, time| session.poll_now(self.poll, time));
    }

    /// Something is heard of the video beside the responses.
    #[cfg(feature = "npm")]
    pub(super) fn on_push(&self, push: session::Push) {
        self.client
            .hand(|session, time| session.on_push(self.poll, push, time));
    }

    /// What another process needs to go on; nothing once the poll is over.
    pub(super) fn token(&self) -> Option<String> {
        let ahead = self.client.clock.time().ahead;
        let session = self.client.session.borrow();
        Some(session.machine(self.poll)?.resume_token(ahead))
    }

    /// Leaves without a word. The last to leave a video ends its request.
    pub(super) fn leave(&self) {
        self.client
            .hand(|session, time| session.leave(self.poll, time));
    }
}
