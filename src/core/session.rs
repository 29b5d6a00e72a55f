//! All polls of one client as one state machine without I/O: `(state, input, now) -> commands, notices and a time to
//! wake`. The polls of one video share a loop: one request at a time, whose response each of them gets. The requests
//! of all videos share a queue and a rate. What a response means for one poll is for its [`Machine`] to say.
//!
//! A carrier has a network, a clock and subscribers, and decides nothing. It hands in what happens, then does what
//! [`Session::poll_command`] says, wakes the session at [`Session::wake_at`], and passes on what
//! [`Session::poll_notification`] has: with the session borrowed by nobody, since a subscriber may call anything.
//!
//! ```
//! use iacrea_video::core::answer::Answer;
//! use iacrea_video::core::host::Native;
//! use iacrea_video::core::options::RawOptions;
//! use iacrea_video::core::session::{Command, PollEvent, Session, Settings, Time};
//! # use iacrea_video::core::answer::Response;
//!
//! let mut session = Session::new(Settings::default());
//! let at = |now| Time { now, ahead: 0 };
//! session.start("v", RawOptions::default(), None, "a subscriber", at(1_800_000_000_000))?;
//! let Some(Command::Send { request, .. }) = session.poll_command() else { panic!() };
//! // ... the carrier sends it, and gets this:
//! let body = r#"{"status":"DONE","url":"https://c.test/v.mp4","id":"v"}"#;
//! let response = Response { http_status: 200, body, ..Response::default() };
//! let answer = Answer::read::<Native>(response, "v");
//! session.response(request, Ok(answer), body, at(1_800_000_000_300));
//! let Some(notification) = session.poll_notification() else { panic!() };
//! assert_eq!(notification.event, Some(PollEvent::Done));
//! assert_eq!(notification.update.unwrap().1, body);
//! assert_eq!(session.wake_at(1_800_000_000_300), None);
//! # Ok::<(), iacrea_video::core::error::Failure>(())
//! ```

use super::Millis;
use super::answer::Answer;
use super::budget::Budget;
use super::durations::Durations;
use super::error::{ErrorCode, Failure};
use super::machine::{self, Event, Machine, Retry, Step, Update};
use super::messages::Reason;
use super::options::{Options, RawOptions};

/// What holds for all requests of a session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// For headers and body of one request together, in milliseconds.
    pub request_timeout: Millis,
    /// How many requests may be in flight at once.
    pub concurrency: u32,
    /// How many requests may leave in a second, spread out evenly.
    pub per_second: f64,
    /// Each request waits for a lock before it is sent: see [`Session::lock_granted`].
    pub is_locked: bool,
}

impl Default for Settings {
    /// 30 s for a request, and as many as there are videos.
    fn default() -> Self {
        Self {
            request_timeout: 30_000,
            concurrency: u32::MAX,
            per_second: f64::INFINITY,
            is_locked: false,
        }
    }
}

/// A reading of the carrier's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Time {
    /// Unix time by a clock that is never set.
    pub now: Millis,
    /// How far that is ahead of the wall clock, which other processes go by: resume tokens are written for them.
    pub ahead: i64,
}

/// Names a poll of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PollId(u32);

/// Names a request of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(u32);

/// What the carrier is to do with a request. All that there will be in this version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Send it, with the lock first where there is one, and report what came of it with [`Session::response`].
    Send {
        /// Its name.
        request: RequestId,
        /// The id of the video.
        video: String,
    },
    /// Its time is over: abort it, and report what is known by now.
    Expire(RequestId),
    /// Nobody waits for it any more: abort it. Whatever is reported of it is ignored.
    Abort(RequestId),
}

/// Something new for the subscriber of a poll.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification<S, B> {
    /// Whose poll it is.
    pub subscriber: S,
    /// What is new about the poll, if anything is.
    pub event: Option<PollEvent<B>>,
    /// What is new about the video, if anything is, with the body of its last status.
    pub update: Option<(Update, B)>,
    /// What another process needs to go on from here.
    pub token: String,
}

/// What is new about a poll. `B` is whatever the carrier handed in with a failure.
#[derive(Clone, Debug, PartialEq)]
pub enum PollEvent<B> {
    /// A request failed and is going to be retried. When the next request leaves counts whichever poll sends it.
    Retrying(Retry, B),
    /// No failure is being retried any more.
    Recovered,
    /// The poll is over: the video of this update is the finished one.
    Done,
    /// The poll is over without it. With what was handed in, where the last request had no response.
    Failed(Failure, B),
}

/// The polls of one client. `S` is what the carrier calls a subscriber by, `B` what it hands in with a response: the
/// parsed body, or what the host threw.
#[derive(Clone, Debug)]
pub struct Session<S, B> {
    request_timeout: Millis,
    is_locked: bool,
    /// What to expect of the next video.
    durations: Durations,
    /// Sorted by id.
    videos: Vec<Video<S, B>>,
    queue: RequestQueue,
    /// Of polls and requests.
    last_serial: u32,
    commands: Vec<Command>,
    notifications: Vec<Notification<S, B>>,
}

/// One video that is being polled.
#[derive(Clone, Debug)]
struct Video<S, B> {
    id: String,
    polls: Vec<Poll<S>>,
    request: Request,
    /// Of the last status.
    body: B,
    /// Of the last request, where it failed.
    trouble: Trouble<B>,
    /// The last response was that there are too many requests.
    was_refused: bool,
    /// What this video took is known, whichever of its polls ended first.
    is_observed: bool,
}

/// What is known of a failure, beside what the machines keep.
#[derive(Clone, Debug, Default)]
struct Trouble<B> {
    /// The server's words.
    detail: Option<String>,
    /// What the host threw.
    thrown: B,
}

#[derive(Clone, Debug)]
struct Poll<S> {
    id: PollId,
    machine: Machine,
    /// When its machine wants to be woken, if ever.
    wake_at: Option<Millis>,
    /// A request has failed since the last step.
    has_failed: bool,
    /// Its subscriber knows of a failure that is being retried.
    is_retrying: bool,
    subscriber: S,
}

#[derive(Clone, Debug)]
enum Request {
    None,
    /// Waits among the requests of the session.
    Queued(RequestId),
    /// Waits for the carrier's lock.
    Locked(RequestId),
    InFlight {
        request: RequestId,
        /// When its time is over, as long as it is not.
        expires_at: Option<Millis>,
    },
}

impl Request {
    fn id(&self) -> Option<RequestId> {
        match self {
            Self::None => None,
            Self::Queued(request) | Self::Locked(request) | Self::InFlight { request, .. } => {
                Some(*request)
            }
        }
    }
}

/// When which request of a session may leave.
#[derive(Clone, Debug)]
struct RequestQueue {
    /// How many may be in flight at once; the least counts.
    limits: Vec<u32>,
    in_flight: u32,
    budget: Budget,
    /// By when each counts as having come; whoever is next is last.
    waiting: Vec<(Millis, RequestId)>,
}

impl RequestQueue {
    fn push(&mut self, since: Millis, request: RequestId) {
        let at = self.waiting.partition_point(|(other, _)| *other > since);
        self.waiting.insert(at, (since, request));
    }

    /// Takes a request back that is queued or in flight; whether it is in flight, and to be aborted.
    fn withdraw(&mut self, request: RequestId) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|(_, other)| *other != request);
        let is_sent = self.waiting.len() == before;
        self.in_flight -= u32::from(is_sent);
        is_sent
    }

    /// When the next request may leave; nothing where none waits, or too many are in flight.
    fn next_at(&self, is_alone: bool, now: Millis) -> Option<Millis> {
        let has_room = self.limits.iter().all(|limit| self.in_flight < *limit);
        (has_room && !self.waiting.is_empty()).then(|| self.budget.next(is_alone, now))
    }
}

impl<S: Clone, B: Clone + Default> Session<S, B> {
    /// A session without polls.
    pub fn new(settings: Settings) -> Self {
        Self {
            request_timeout: settings.request_timeout,
            is_locked: settings.is_locked,
            durations: Durations::default(),
            videos: Vec::new(),
            queue: RequestQueue {
                limits: vec![settings.concurrency],
                in_flight: 0,
                budget: Budget::new(settings.per_second),
                waiting: Vec::new(),
            },
            last_serial: 0,
            commands: Vec::new(),
            notifications: Vec::new(),
        }
    }

    /// Starts a poll, or goes on with the one that wrote `token`.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`]: options that cannot work, and what [`Machine::resume`] refuses.
    pub fn start(
        &mut self,
        video: &str,
        options: RawOptions,
        token: Option<&str>,
        subscriber: S,
        time: Time,
    ) -> Result<PollId, Failure> {
        let now = time.now;
        let (mut machine, mut step) = match token {
            Some(token) => Machine::resume(token, video, options, now)?,
            None => Machine::start_checked(video, options.check(&Options::default())?, now),
        };
        machine.expect(self.durations);
        let id = PollId(next(&mut self.last_serial));
        let at = self.position(video).unwrap_or_else(|at| {
            self.videos.insert(at, Video::new(video));
            at
        });
        if let Some(video) = self.videos.get_mut(at) {
            if let Some(other) = video.polls.first()
                && let Some(joined) = machine.join(&other.machine, now)
            {
                step = joined;
            }
            // Mostly there is one, and a list by itself would make room for four.
            video.polls.reserve_exact(1);
            video.polls.push(Poll {
                id,
                machine,
                wake_at: None,
                // It may have joined a poll that is in trouble.
                has_failed: true,
                is_retrying: false,
                subscriber,
            });
        }
        self.turn(at, time, &mut |poll| (poll.id == id).then(|| step.clone()));
        self.dispatch(now);
        Ok(id)
    }

    /// A poll ends without a word. The last one of a video takes back its request.
    pub fn leave(&mut self, poll: PollId, time: Time) {
        if let Some(at) = self.video_of(poll) {
            if let Some(video) = self.videos.get_mut(at) {
                video.polls.retain(|other| other.id != poll);
            }
            self.turn(at, time, &mut |_| None);
            self.dispatch(time.now);
        }
    }

    /// A request has its lock, and leaves now. Without [`Settings::is_locked`] every request has it.
    pub fn lock_granted(&mut self, request: RequestId, now: Millis) {
        let expires_at = now.saturating_add(self.request_timeout);
        if let Some(at) = self.video_with(request)
            && let Some(video) = self.videos.get_mut(at)
        {
            video.request = Request::InFlight {
                request,
                expires_at: Some(expires_at),
            };
        }
    }

    /// What came of a request: a response, or why there is none. One that was taken back meanwhile comes to nothing.
    pub fn response(
        &mut self,
        request: RequestId,
        outcome: Result<Answer, Reason>,
        body: B,
        time: Time,
    ) {
        let Some(at) = self.video_with(request) else {
            return;
        };
        let Some(video) = self.videos.get_mut(at) else {
            return;
        };
        video.request = Request::None;
        self.queue.withdraw(request);
        let event = match outcome {
            Ok(answer) => {
                let budget = &mut self.queue.budget;
                video.was_refused = budget.heard(&answer, video.was_refused, time.now);
                video.keep(&answer, body);
                Event::Answer(answer)
            }
            Err(reason) => {
                video.trouble = Trouble {
                    detail: None,
                    thrown: body,
                };
                match reason {
                    Reason::Offline => Event::Offline,
                    reason => Event::RequestFailed(reason),
                }
            }
        };
        self.step(at, &event, time);
        self.dispatch(time.now);
    }

    /// The response to a request that another session sent about a video; whether it is polled here. What is not sent
    /// yet is not sent, and what is in flight goes on.
    pub fn shared_response(&mut self, video: &str, answer: Answer, body: B, time: Time) -> bool {
        let Ok(at) = self.position(video) else {
            return false;
        };
        if let Some(video) = self.videos.get_mut(at)
            && !matches!(video.request, Request::InFlight { .. })
        {
            video.keep(&answer, body);
            self.withdraw(at);
            self.step(at, &Event::Told(answer), time);
            self.dispatch(time.now);
        }
        true
    }

    /// Somebody wants a request now; one that is under way is that request.
    pub fn poll_now(&mut self, poll: PollId, time: Time) {
        if let Some(at) = self.video_of(poll) {
            self.step_if_idle(at, &Event::PollNow, time);
            self.dispatch(time.now);
        }
    }

    /// A push connection for the video of a poll has begun or ended, or brought news: for all polls of that video,
    /// since a request that one of them sends upon news is no older than the news are for another.
    pub fn on_push(&mut self, poll: PollId, push: Push, time: Time) {
        if let Some(at) = self.video_of(poll) {
            let event = match push {
                Push::Connected => Event::Followed(true),
                Push::Lost => Event::Followed(false),
                Push::News => Event::News,
            };
            self.step(at, &event, time);
            self.dispatch(time.now);
        }
    }

    /// Requests are likely to be worth it again: the page or the network is back.
    pub fn poll_soon(&mut self, time: Time) {
        self.each(&mut |session, at| session.step_if_idle(at, &Event::Nudge, time));
        self.dispatch(time.now);
    }

    /// The page was frozen and is no more. What was in flight may never have a response (Chromium loses bodies), so it
    /// is given up, which is no failure of anybody's.
    pub fn thaw(&mut self, time: Time) {
        self.each(&mut |session, at| {
            if session.withdraw_sent(at) {
                session.step(at, &Event::Offline, time);
            }
        });
        self.poll_soon(time);
    }

    /// The time of [`wake_at`](Self::wake_at) has come. To be woken early or late does no harm.
    pub fn wake(&mut self, time: Time) {
        let now = time.now;
        self.each(&mut |session, at| {
            if let Some(video) = session.videos.get_mut(at)
                && let Request::InFlight {
                    request,
                    expires_at,
                } = &mut video.request
                && expires_at.take_if(|at| *at <= now).is_some()
            {
                session.commands.push(Command::Expire(*request));
            }
            session.turn(at, time, &mut |poll| {
                let is_due = poll.wake_at.is_some_and(|at| at <= now);
                is_due.then(|| poll.machine.step(Event::Wake, now))
            });
        });
        self.dispatch(now);
    }

    /// At most `concurrency` requests at once, until [`unlimit`](Self::unlimit) with the same number. Of several limits
    /// the lowest counts.
    pub fn limit(&mut self, concurrency: u32) {
        self.queue.limits.push(concurrency);
    }

    /// Lifts a limit.
    pub fn unlimit(&mut self, concurrency: u32, now: Millis) {
        let limits = &mut self.queue.limits;
        if let Some(at) = limits.iter().position(|limit| *limit == concurrency) {
            limits.swap_remove(at);
        }
        self.dispatch(now);
    }

    /// When to be woken next; never, where something else has to happen first.
    pub fn wake_at(&self, now: Millis) -> Option<Millis> {
        let mut soonest = self.queue.next_at(self.is_alone(), now);
        let mut sooner = |at: Option<Millis>| {
            if let Some(at) = at {
                soonest = Some(soonest.map_or(at, |soonest| soonest.min(at)));
            }
        };
        for video in &self.videos {
            if let Request::InFlight { expires_at, .. } = video.request {
                sooner(expires_at);
            }
            for poll in &video.polls {
                sooner(poll.wake_at);
            }
        }
        soonest
    }

    /// What to do next with a request.
    pub fn poll_command(&mut self) -> Option<Command> {
        first(&mut self.commands)
    }

    /// What to pass on next.
    pub fn poll_notification(&mut self) -> Option<Notification<S, B>> {
        first(&mut self.notifications)
    }

    /// No video is polled.
    pub fn is_empty(&self) -> bool {
        self.videos.is_empty()
    }

    /// The machine of a poll; nothing once that is over.
    pub fn machine(&self, poll: PollId) -> Option<&Machine> {
        let mut polls = self.videos.iter().flat_map(|video| &video.polls);
        let poll = polls.find(|other| other.id == poll)?;
        Some(&poll.machine)
    }

    /// Where a video is among the others, or would be.
    fn position(&self, video: &str) -> Result<usize, usize> {
        let at = self
            .videos
            .partition_point(|other| other.id.as_str() < video);
        match self.videos.get(at) {
            Some(other) if other.id == video => Ok(at),
            _ => Err(at),
        }
    }

    fn video_of(&self, poll: PollId) -> Option<usize> {
        let has = |video: &Video<S, B>| video.polls.iter().any(|other| other.id == poll);
        self.videos.iter().position(has)
    }

    fn video_with(&self, request: RequestId) -> Option<usize> {
        let has = |video: &Video<S, B>| video.request.id() == Some(request);
        self.videos.iter().position(has)
    }

    fn is_alone(&self) -> bool {
        self.videos.len() == 1
    }

    /// Acts for one video after the other, of which some may end.
    fn each(&mut self, act: &mut dyn FnMut(&mut Self, usize)) {
        let mut at = 0;
        while at < self.videos.len() {
            let before = self.videos.len();
            act(self, at);
            at += 1 + self.videos.len() - before;
        }
    }

    /// Takes a step of every machine of a video.
    fn step(&mut self, at: usize, event: &Event, time: Time) {
        let has_failed = match event {
            Event::Answer(answer) | Event::Told(answer) => answer.outcome.is_err(),
            Event::NetworkError | Event::RequestFailed(_) | Event::Offline => true,
            _ => false,
        };
        self.turn(at, time, &mut |poll| {
            poll.has_failed = has_failed;
            Some(poll.machine.step(event.clone(), time.now))
        });
    }

    /// The same for what a request under way brings anyway.
    fn step_if_idle(&mut self, at: usize, event: &Event, time: Time) {
        let video = self.videos.get(at);
        if video.is_some_and(|video| video.request.id().is_none()) {
            self.step(at, event, time);
        }
    }

    /// Takes a step of each machine of a video that `event` has one for, then does what they say.
    fn turn(&mut self, at: usize, time: Time, event: &mut dyn FnMut(&mut Poll<S>) -> Option<Step>) {
        let now = time.now;
        let Some(video) = self.videos.get_mut(at) else {
            return;
        };
        let (durations, notifications) = (&mut self.durations, &mut self.notifications);
        let before = notifications.len();
        let Video {
            polls,
            body,
            trouble,
            is_observed,
            ..
        } = video;
        let mut apply = |poll: &mut Poll<S>, step| {
            let goes_on = poll.apply(step, time, (body, trouble), notifications);
            // One that was resumed does not say, and another may.
            if !*is_observed && let Some(seen) = poll.machine.observed() {
                *is_observed = true;
                *durations = durations.after_video(seen);
            }
            goes_on
        };
        polls.retain_mut(|poll| event(poll).is_none_or(|step| apply(poll, step)));
        if video.request.id().is_none() && polls.iter().any(|poll| poll.machine.is_requesting()) {
            // There is one request for all, so those who sleep send it too.
            polls.retain_mut(|poll| {
                poll.machine.is_requesting() || {
                    let step = poll.machine.step(Event::SharedRequest, now);
                    apply(poll, step)
                }
            });
            let request = RequestId(next(&mut self.last_serial));
            video.request = Request::Queued(request);
            let priority = polls.iter().map(|poll| poll.machine.lead()).max();
            let since = now.saturating_sub(priority.unwrap_or_default());
            self.queue.push(since, request);
        }
        // Whichever poll sends it, the next request is the next one of all.
        let next = polls
            .iter()
            .filter_map(|poll| poll.machine.next_request(now));
        if let Some(next) = next.min() {
            for notification in self.notifications.iter_mut().skip(before) {
                if let Some(PollEvent::Retrying(retry, _)) = &mut notification.event {
                    retry.next_in = next.saturating_sub(now);
                }
            }
        }
        if polls.is_empty() {
            self.withdraw(at);
            self.videos.remove(at);
        }
    }

    /// Takes back the request of a video.
    fn withdraw(&mut self, at: usize) {
        if let Some(video) = self.videos.get_mut(at)
            && let Some(request) = video.request.id()
        {
            video.request = Request::None;
            if self.queue.withdraw(request) {
                self.commands.push(Command::Abort(request));
            }
        }
    }

    /// Takes back the request of a video if it has left the queue, which is nobody's failure; whether it had.
    fn withdraw_sent(&mut self, at: usize) -> bool {
        let Some(video) = self.videos.get_mut(at) else {
            return false;
        };
        let is_sent = !matches!(video.request, Request::None | Request::Queued(_));
        if is_sent {
            video.trouble = Trouble::default();
            self.withdraw(at);
        }
        is_sent
    }

    /// Sends waiting requests, as many as may leave.
    fn dispatch(&mut self, now: Millis) {
        let is_alone = self.is_alone();
        while self
            .queue
            .next_at(is_alone, now)
            .is_some_and(|at| at <= now)
            && let Some((_, request)) = self.queue.waiting.pop()
        {
            self.queue.in_flight += 1;
            self.queue.budget.sent(now);
            let has = |video: &&mut Video<S, B>| video.request.id() == Some(request);
            if let Some(video) = self.videos.iter_mut().find(has) {
                let expires_at = Some(now.saturating_add(self.request_timeout));
                video.request = match self.is_locked {
                    true => Request::Locked(request),
                    false => Request::InFlight {
                        request,
                        expires_at,
                    },
                };
                self.commands.push(Command::Send {
                    request,
                    video: video.id.clone(),
                });
            }
        }
    }
}

fn first<T>(list: &mut Vec<T>) -> Option<T> {
    (!list.is_empty()).then(|| list.remove(0))
}

fn next(serial: &mut u32) -> u32 {
    *serial = serial.wrapping_add(1);
    *serial
}

/// What is heard of a video beside the responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    /// From now on somebody says when there is news.
    Connected,
    /// Nobody does any more.
    Lost,
    /// There is news.
    News,
}

impl<S, B: Default> Video<S, B> {
    fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            polls: Vec::new(),
            request: Request::None,
            body: B::default(),
            trouble: Trouble::default(),
            was_refused: false,
            is_observed: false,
        }
    }

    /// What a response said.
    fn keep(&mut self, answer: &Answer, body: B) {
        self.trouble = Trouble::default();
        match &answer.outcome {
            Ok(_) if answer.has_status() => self.body = body,
            Ok(_) => {}
            Err(failure) => self.trouble.detail.clone_from(&failure.detail),
        }
    }
}

impl<S: Clone> Poll<S> {
    /// Does what its machine says; whether the poll goes on.
    fn apply<B: Clone + Default>(
        &mut self,
        step: Step,
        time: Time,
        (body, trouble): (&B, &Trouble<B>),
        notifications: &mut Vec<Notification<S, B>>,
    ) -> bool {
        let mut is_over = false;
        let retry = self.machine.retry(time.now).filter(|_| self.has_failed);
        self.has_failed = false;
        let event = match step.command {
            machine::Command::Done => {
                is_over = true;
                Some(PollEvent::Done)
            }
            machine::Command::Failed(failure) => {
                is_over = true;
                let thrown = match failure.code {
                    ErrorCode::Network => trouble.thrown.clone(),
                    _ => B::default(),
                };
                Some(PollEvent::Failed(failure, thrown))
            }
            machine::Command::Fetch { give_up_at } => {
                self.wake_at = give_up_at;
                None
            }
            machine::Command::Sleep { until } => {
                self.wake_at = Some(until);
                let had_failure = self.is_retrying;
                self.is_retrying =
                    self.machine.retrying().is_some() && (had_failure || retry.is_some());
                match retry {
                    Some(mut retry) => {
                        retry.failure.detail.clone_from(&trouble.detail);
                        Some(PollEvent::Retrying(retry, trouble.thrown.clone()))
                    }
                    None => (had_failure && !self.is_retrying).then_some(PollEvent::Recovered),
                }
            }
        };
        if event.is_some() || step.update.is_some() {
            notifications.push(Notification {
                subscriber: self.subscriber.clone(),
                event,
                update: step.update.map(|update| (update, body.clone())),
                token: self.machine.resume_token(time.ahead),
            });
        }
        !is_over
    }
}
