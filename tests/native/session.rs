//! A whole session in virtual time, played against any server, network and waiters. It is carried as `src/web` carries
//! it, and everything that comes out is audited against the rules as the README has them.

use super::forged::{Forged, Phase};
use super::plan::{Act, Answered, Exchange, Plan, Source, What, asked, floor};
use super::world::START;
use iacrea_video::core::answer::{Answer, Response};
use iacrea_video::core::error::ErrorCode;
use iacrea_video::core::host::Native;
use iacrea_video::core::machine::{Event, Machine, Update};
use iacrea_video::core::messages::Reason;
use iacrea_video::core::options::{Options, RawOptions};
use iacrea_video::core::progress::Progress;
use iacrea_video::core::session::{
    Command, Notification, PollEvent, PollId, Push, RequestId, Session, Settings, Time,
};
use iacrea_video::core::status::{GeneratedContent, Status, VideoStatus};
use std::sync::atomic::{AtomicU64, Ordering};

/// How many steps machines have taken in this process.
pub(crate) static STEPS: AtomicU64 = AtomicU64::new(0);

pub(crate) const ID: &str = "v";
pub(crate) const IDS: [&str; 2] = [ID, "w"];
/// Longest delay that a timer can hold.
const LONGEST_ALARM: u64 = i32::MAX as u64;
/// The longest backoff, as the README has it.
const LONGEST_BACKOFF: u64 = 30_000;
/// The longest interval while somebody says when there is news.
const WATCHED: u64 = 30_000;
/// The shortest between a request and one that somebody wants now, unless the user has a shorter one.
const SHORTEST_DEMANDED: u64 = 1_000;
/// By how much a request may follow sooner where the one before left late.
const LATENESS: f64 = 20.0;

/// What a poll has promised so far: the rules, kept beside the machine.
#[derive(Clone)]
struct Books {
    options: Options,
    started: u64,
    deadline: Option<u64>,
    /// Transient failures in a row.
    failures: u32,
    overall: f64,
    requests: u32,
    retrying: Option<ErrorCode>,
    /// How this poll ended, if it did.
    over: bool,
    /// It was for the sake of its deadline.
    timed_out: bool,
    /// When its status was requested last.
    asked_at: u64,
    /// The server is to be left alone until then.
    floor: u64,
    /// Somebody says when there is news.
    is_followed: bool,
    /// There was some after the request that is under way.
    is_stale: bool,
    /// How often in a row the server said a word that means failure, and since when.
    failed_words: (u32, u64),
    /// Its subscriber knows of a failure that is being retried.
    is_retrying: bool,
}

#[derive(Clone)]
struct Waiter {
    serial: u32,
    poll: PollId,
    video: usize,
    /// Restored from a snapshot some time ago; takes the same steps.
    twin: Option<Machine>,
    /// When it is to be woken, if ever.
    due: Option<u64>,
    books: Books,
    /// It was started, and not resumed.
    is_fresh: bool,
    /// The number of its requests is that of the video.
    saw_all: bool,
    /// When it has to send a request again at the latest, as far as the last response goes.
    ask_by: u64,
}

/// How a poll ended.
type End = Option<ErrorCode>;

/// What an event makes of a poll by the rules.
struct Expected {
    /// It ends: with the video, or with this code.
    end: Option<End>,
    /// Else its next request is due in this span, or its deadline is.
    from: u64,
    by: u64,
}

/// What goes on with one video.
#[derive(Clone, Default)]
struct Video {
    /// Requests of this loop.
    asked: u32,
    asked_at: Option<u64>,
    /// The earliest time for the next request, as the waiters' intervals and the server's floor have it.
    not_before: u64,
    floor: u64,
    said: Said,
    /// Somebody wants the next request whatever the interval.
    hurry: bool,
    /// A request waits in the queue, as of then.
    queued_since: Option<u64>,
    flight: Option<Flight>,
    /// What was handed in with the last status, and with the last failure.
    body: usize,
    thrown: usize,
    detail: Option<String>,
}

#[derive(Clone)]
struct Flight {
    request: RequestId,
    /// When it has its lock.
    locked_until: Option<u64>,
    /// Its time is over then.
    expires_at: u64,
    is_expired: bool,
    /// When what comes back.
    back: Option<u64>,
    reply: Result<Box<Answer>, Reason>,
}

/// What the server has said since the loop began, put together apart from the machine. It is what those who
/// were started know, whoever else joined with whatever token.
#[derive(Clone, Default)]
struct Said {
    video: Option<VideoStatus>,
    progress: Progress,
    retrying: Option<ErrorCode>,
    /// It was not even said that something failed.
    nothing: bool,
    /// Another page had a response.
    elsewhere: bool,
    /// An earlier video has taught how long one takes.
    is_taught: bool,
}

impl Said {
    fn hear(&mut self, event: &Event, now: u64) {
        self.nothing = false;
        match event {
            Event::Answer(answer) | Event::Told(answer) if answer.is_bare_accept => {
                self.retrying = None;
            }
            Event::Answer(Answer {
                outcome: Ok(video), ..
            })
            | Event::Told(Answer {
                outcome: Ok(video), ..
            }) => {
                let mut video = video.clone();
                if let Some(before) = self.video.take() {
                    let clips = video.generated_content.or(before.generated_content);
                    video.generated_content = clips;
                    video.credits_total = video.credits_total.or(before.credits_total);
                    video.credits_used = video.credits_used.or(before.credits_used);
                }
                self.progress.observe(&mut video, now);
                self.video = Some(video);
                self.retrying = None;
            }
            Event::Offline => self.retrying = Some(ErrorCode::Network),
            _ => self.retrying = transient(event),
        }
    }
}

/// A token that was written down, or made up.
#[derive(Clone)]
struct Saved {
    text: String,
    books: Books,
    ahead: i64,
    /// Of which video; of any, where it is made up.
    video: Option<usize>,
}

/// One client, and what goes on around it.
#[derive(Clone)]
pub(crate) struct World<'a> {
    plan: &'a Plan,
    now: u64,
    session: Session<u32, usize>,
    waiters: Vec<Waiter>,
    videos: [Video; IDS.len()],
    /// For when it is set, and when it rings.
    alarm: Option<(u64, u64)>,
    limits: Vec<u32>,
    serials: u32,
    settled: Vec<u32>,
    saved: Vec<Saved>,
    snapshots: Vec<String>,
    offline: bool,
    /// A video was done in this session.
    is_taught: bool,
    /// When each request was sent.
    sent: Vec<u64>,
    /// Requests that nobody waits for any more.
    withdrawn: Vec<RequestId>,
    alarms: usize,
    locks: usize,
    bodies: usize,
    acts: std::vec::IntoIter<(u64, Act)>,
    next_act: Option<(u64, Act)>,
    steps: usize,
}

impl<'a> World<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Self {
        let mut acts = plan.acts.clone().into_iter();
        let next_act = acts.next().map(|(after, act)| (START + after, act));
        Self {
            plan,
            now: START,
            session: new_session(plan),
            waiters: Vec::new(),
            videos: Default::default(),
            alarm: None,
            limits: vec![plan.concurrency],
            serials: 0,
            settled: Vec::new(),
            saved: Vec::new(),
            snapshots: Vec::new(),
            offline: false,
            is_taught: false,
            sent: Vec::new(),
            withdrawn: Vec::new(),
            alarms: 0,
            locks: 0,
            bodies: 0,
            acts,
            next_act,
            steps: 0,
        }
    }

    /// Plays the plan to its end; whoever has not settled by then leaves.
    pub(crate) fn play(&mut self) {
        let (options, source) = self.plan.first.clone();
        self.join(0, options, source);
        // Alarms beyond what a timer can hold ring in vain, so not only steps are counted.
        let mut happenings = 0;
        while self.steps < self.plan.steps && happenings < 2 * self.plan.steps && self.happen() {
            happenings += 1;
        }
        while let Some(waiter) = self.waiters.first() {
            let serial = waiter.serial;
            self.leave(serial);
        }
        self.audit_rest();
        let mut settled = self.settled.clone();
        settled.sort_unstable();
        let all: Vec<u32> = (1..=self.serials).collect();
        assert_eq!(settled, all, "every waiter settles, and once");
        STEPS.fetch_add(self.steps as u64, Ordering::Relaxed);
    }

    /// What was written down of its polls: while they ran, and as they ended.
    pub(crate) fn saved(&self) -> impl Iterator<Item = &str> {
        let tokens = self.saved.iter().map(|saved| &saved.text);
        tokens.chain(&self.snapshots).map(String::as_str)
    }

    fn time(&self) -> Time {
        Time {
            now: self.now,
            ahead: 0,
        }
    }

    /// The next thing in time, whichever it is; nothing when nothing will ever happen again.
    fn happen(&mut self) -> bool {
        let flights = self.videos.iter().enumerate().filter_map(|(at, video)| {
            let flight = video.flight.as_ref()?;
            Some((flight.locked_until.or(flight.back)?, at))
        });
        let flight = flights.min();
        let arrival = flight.map(|(at, _)| at);
        let ring = self.alarm.map(|(_, rings)| rings);
        let act = self.next_act.as_ref().map(|(at, _)| *at);
        // Of what falls on the same instant either may come first.
        let order = if self.plan.answers_first {
            [arrival, act, ring]
        } else {
            [ring, act, arrival]
        };
        let Some(at) = order.into_iter().flatten().min() else {
            return false;
        };
        self.now = self.now.max(at);
        let place = order.iter().position(|time| *time == Some(at));
        match (place, self.plan.answers_first) {
            (Some(0), true) | (Some(2), false) => self.arrive(flight.unwrap().1),
            (Some(1), _) => self.act_next(),
            _ => self.ring(),
        }
        self.audit_rest();
        true
    }

    fn act_next(&mut self) {
        let Some((_, act)) = self.next_act.take() else {
            return;
        };
        self.next_act = self
            .acts
            .next()
            .map(|(after, act)| (self.now.saturating_add(after), act));
        self.act(act);
    }

    pub(crate) fn act(&mut self, act: Act) {
        let time = self.time();
        match act {
            Act::Join(video, options, source) => self.join(video, options, source),
            Act::Leave(who) => {
                if let Some(at) = self.pick(who) {
                    self.leave(self.waiters[at].serial);
                }
            }
            Act::PollNow(who) => {
                if let Some(at) = self.pick(who) {
                    let Waiter { poll, video, .. } = self.waiters[at];
                    self.hurry_up(video, SHORTEST_DEMANDED);
                    let is_idle = self.is_idle(video);
                    self.session.poll_now(poll, time);
                    self.audit(|waiter| event_if(is_idle && waiter.video == video, Event::PollNow));
                }
            }
            Act::PollSoon => self.poll_soon(),
            Act::Thaw => self.thaw(),
            Act::Crash => self.crash(),
            Act::Push(who, push) => {
                if let Some(at) = self.pick(who) {
                    let Waiter { poll, video, .. } = self.waiters[at];
                    self.hurry_up(video, u64::MAX);
                    self.session.on_push(poll, push, time);
                    let event = match push {
                        Push::Connected => Event::Followed(true),
                        Push::Lost => Event::Followed(false),
                        Push::News => Event::News,
                    };
                    self.audit(|waiter| event_if(waiter.video == video, event.clone()));
                }
            }
            Act::SharedResponse(video, answered) => self.shared_response(video, &answered),
            Act::Offline => self.offline = true,
            Act::Online => {
                self.offline = false;
                self.poll_soon();
            }
            Act::Limit(limit) => {
                self.limits.push(limit);
                self.session.limit(limit);
                self.audit(|_| Vec::new());
            }
            Act::Unlimit => {
                if self.limits.len() > 1 {
                    let limit = self.limits.pop().unwrap();
                    self.session.unlimit(limit, self.now);
                    self.audit(|_| Vec::new());
                }
            }
            Act::Save { who, ahead, whole } => {
                if let Some(at) = self.pick(who) {
                    let waiter = &self.waiters[at];
                    let machine = self.session.machine(waiter.poll).unwrap();
                    if whole {
                        self.snapshots.push(machine.snapshot());
                    } else {
                        self.saved.push(Saved {
                            text: machine.resume_token(ahead),
                            books: waiter.books.clone(),
                            ahead,
                            video: Some(waiter.video),
                        });
                    }
                }
            }
            Act::Twin(who) => {
                if let Some(at) = self.pick(who) {
                    let waiter = &mut self.waiters[at];
                    let snapshot = self.session.machine(waiter.poll).unwrap().snapshot();
                    let mut twin = Machine::restore(&snapshot).expect("a snapshot is read back");
                    assert_eq!(twin.snapshot(), snapshot);
                    // What is heard beside the responses is not written down.
                    twin.step(Event::Followed(waiter.books.is_followed), self.now);
                    if waiter.books.is_stale {
                        twin.step(Event::News, self.now);
                    }
                    waiter.twin = Some(twin);
                }
            }
        }
    }

    /// What may happen next beside the acts: a response for these videos, or the alarm.
    pub(crate) fn in_flight(&self) -> impl Iterator<Item = usize> {
        (0..IDS.len()).filter(|at| self.videos[*at].flight.is_some())
    }

    pub(crate) fn polls_of(&self, at: usize) -> usize {
        self.waiters
            .iter()
            .filter(|waiter| waiter.video == at)
            .count()
    }

    /// The alarm rings, so late; whether one was set.
    pub(crate) fn tick(&mut self, late: u64) -> bool {
        let Some((_, rings)) = self.alarm else {
            return false;
        };
        self.now = self.now.max(rings.saturating_add(late));
        self.ring();
        self.audit_rest();
        true
    }

    /// All that decides what happens next.
    pub(crate) fn write(&self, out: &mut dyn std::fmt::Write) {
        let flights = self.videos.iter().map(|video| {
            let flight = video.flight.as_ref()?;
            Some((flight.expires_at, flight.is_expired))
        });
        let flights: Vec<_> = flights.collect();
        write!(
            out,
            "{} {:?} {:?} {flights:?}",
            self.now, self.session, self.alarm
        )
        .unwrap();
    }

    /// The response to a request of a video that is in flight, or why there is none.
    pub(crate) fn respond(&mut self, at: usize, reply: Result<Answer, Reason>) {
        let flight = self.videos[at].flight.as_mut().expect("one is in flight");
        flight.reply = reply.map(Box::new);
        self.arrive(at);
        self.audit_rest();
    }

    /// The process ends with all of its polls, and another one goes on with the tokens that were kept.
    fn crash(&mut self) {
        let kept: Vec<_> = self
            .waiters
            .drain(..)
            .map(|waiter| {
                self.settled.push(waiter.serial);
                let machine = self.session.machine(waiter.poll).unwrap();
                let saved = Saved {
                    text: machine.resume_token(0),
                    books: waiter.books,
                    ahead: 0,
                    video: Some(waiter.video),
                };
                (waiter.video, saved)
            })
            .collect();
        self.session = new_session(self.plan);
        (self.videos, self.alarm, self.is_taught) = Default::default();
        self.limits.truncate(1);
        self.sent.clear();
        for (at, saved) in kept {
            self.saved.push(saved);
            let last = self.saved.len() - 1;
            self.join(at, RawOptions::default(), Source::Saved(last));
        }
    }

    fn pick(&self, who: usize) -> Option<usize> {
        let count = self.waiters.len();
        (count > 0).then(|| who % count)
    }

    fn is_idle(&self, video: usize) -> bool {
        let video = &self.videos[video];
        video.queued_since.is_none() && video.flight.is_none()
    }

    fn join(&mut self, at: usize, raw: RawOptions, source: Source) {
        let now = self.now;
        let id = IDS[at];
        let made_up;
        let saved = match source {
            Source::Fresh => None,
            Source::Saved(_) if self.saved.is_empty() => return,
            Source::Saved(which) => Some(&self.saved[which % self.saved.len()]),
            Source::Forged(forged) => {
                made_up = Saved::made_up(&forged, id);
                Some(&made_up)
            }
        };
        // A token makes nothing faster or longer.
        let base = saved.map_or_else(Options::default, |saved| modest(&saved.books.options));
        let checked = raw.check(&base);
        let token = saved.map(|saved| saved.text.as_str());
        let serial = self.serials + 1;
        let was_empty = self.session.is_empty();
        let started = self.session.start(id, raw, token, serial, self.time());
        let is_another = saved.is_some_and(|saved| saved.video.is_some_and(|video| video != at));
        let (Ok(options), false) = (checked, is_another) else {
            assert_eq!(started.unwrap_err().code, ErrorCode::InvalidArgument);
            assert_eq!(
                was_empty,
                self.session.is_empty(),
                "it leaves nothing behind"
            );
            return;
        };
        let poll = started.expect("what was written can be resumed");
        let mut books = match saved {
            None => Books {
                started: now,
                deadline: options.timeout.map(|timeout| now + timeout),
                options,
                failures: 0,
                overall: 0.0,
                requests: 0,
                retrying: None,
                over: false,
                timed_out: false,
                asked_at: now,
                floor: 0,
                is_followed: false,
                is_stale: false,
                failed_words: (0, 0),
                is_retrying: false,
            },
            Some(saved) => {
                let shift = |at: u64| at.saturating_add_signed(saved.ahead.saturating_neg());
                let allowance = options.timeout.map(|timeout| now + timeout);
                let deadline = match (saved.books.deadline.map(shift), allowance) {
                    (Some(deadline), Some(allowed)) => Some(deadline.min(allowed)),
                    (deadline, allowed) => deadline.or(allowed),
                };
                let deadline = if saved.books.timed_out {
                    allowance
                } else {
                    deadline
                };
                // A floor is as far off as it was where the clock of the other place was ahead.
                let asked_at = shift(saved.books.asked_at);
                let floor = shift(saved.books.floor).saturating_sub(asked_at.saturating_sub(now));
                Books {
                    options,
                    deadline,
                    started: shift(saved.books.started).min(now),
                    failures: if saved.books.over {
                        0
                    } else {
                        saved.books.failures
                    },
                    over: false,
                    timed_out: false,
                    is_followed: false,
                    is_stale: false,
                    failed_words: (0, 0),
                    is_retrying: false,
                    asked_at: asked_at.min(now),
                    floor: if saved.books.floor > 0 { floor } else { 0 },
                    ..saved.books.clone()
                }
            }
        };
        self.steps += 1;
        self.serials = serial;
        let is_idle = self.is_idle(at);
        let is_fresh = saved.is_none();
        let first = self.waiters.iter().find(|waiter| waiter.video == at);
        let video = &mut self.videos[at];
        if first.is_none() {
            *video = Video {
                said: Said {
                    nothing: true,
                    is_taught: self.is_taught,
                    ..Said::default()
                },
                ..Video::default()
            };
        }
        let mut ask_by = u64::MAX;
        let is_overdue = books.deadline.is_some_and(|deadline| deadline <= now);
        let mut is_asleep = books.floor > now;
        let mut is_too_late = false;
        if let Some(other) = first {
            books.is_followed = other.books.is_followed;
        }
        // There is nobody, or somebody who was told to wait by nothing but a token.
        match first.filter(|_| !is_idle || !video.said.nothing) {
            None => video.hurry = true,
            Some(other) => {
                books.failures = 0;
                books.asked_at = video.asked_at.expect("it has sent a request");
                books.floor = video.floor;
                books.retrying = video.said.retrying;
                books.is_stale = other.books.is_stale;
                is_asleep = is_idle;
                // One that sleeps until its own end tells nothing of when to send a request.
                let slowest = LONGEST_BACKOFF.max(books.options.min_interval);
                ask_by = other
                    .ask_by
                    .max(books.floor)
                    .max(now.saturating_add(slowest));
                let pace = books.asked_at.saturating_add(books.options.min_interval);
                is_too_late = is_asleep && is_overdue && (pace > now || books.retrying.is_some());
                video.not_before = video.not_before.min(pace);
            }
        }
        let is_held_off = is_asleep
            && books.floor > now
            && books
                .deadline
                .is_some_and(|deadline| deadline <= books.floor);
        let is_over = is_held_off || is_too_late;
        if is_over {
            (books.over, books.timed_out) = (true, true);
        } else {
            let machine = self.session.machine(poll).expect("it goes on");
            let is_requesting = !is_asleep || is_overdue;
            assert!(
                machine.is_requesting() || !is_requesting,
                "it requests a status at once"
            );
            if !machine.is_requesting() {
                let until = machine.next_request(now).or(books.deadline).unwrap();
                assert!(until >= books.floor.min(books.deadline.unwrap_or(u64::MAX)));
                assert!(until >= now);
            }
        }
        self.waiters.push(Waiter {
            serial,
            poll,
            video: at,
            twin: None,
            due: None,
            saw_all: is_fresh && !video.said.elsewhere,
            books,
            is_fresh,
            ask_by,
        });
        self.audit_all(Some((serial, is_over)), |_| Vec::new());
    }

    fn leave(&mut self, serial: u32) {
        let at = self
            .waiters
            .iter()
            .position(|waiter| waiter.serial == serial);
        let waiter = self.waiters.remove(at.unwrap());
        self.settled.push(serial);
        self.session.leave(waiter.poll, self.time());
        self.audit(|_| Vec::new());
    }

    /// The next request may be as early as the shortest interval has it, or so long after the last one.
    fn hurry_up(&mut self, at: usize, most: u64) {
        let waiters = self.waiters.iter().filter(|waiter| waiter.video == at);
        let tightest = waiters
            .map(|waiter| waiter.books.options.min_interval.min(most))
            .min();
        let video = &mut self.videos[at];
        if let (Some(asked_at), Some(tightest)) = (video.asked_at, tightest) {
            video.not_before = video.not_before.min(asked_at.saturating_add(tightest));
        }
    }

    fn poll_soon(&mut self) {
        let is_idle = [0, 1].map(|at| self.is_idle(at));
        for at in 0..IDS.len() {
            self.hurry_up(at, u64::MAX);
        }
        self.session.poll_soon(self.time());
        self.audit(|waiter| event_if(is_idle[waiter.video], Event::Nudge));
    }

    fn thaw(&mut self) {
        let mut events = [Vec::new(), Vec::new()];
        for (at, events) in events.iter_mut().enumerate() {
            if self.is_withdrawn(at) {
                events.push(Event::Offline);
                self.hear(at, &Event::Offline, 0);
            }
            if self.is_idle(at) {
                events.push(Event::Nudge);
                self.hurry_up(at, u64::MAX);
            }
        }
        self.session.thaw(self.time());
        self.audit(|waiter| events[waiter.video].clone());
    }

    fn ring(&mut self) {
        self.alarm = None;
        let now = self.now;
        self.session.wake(self.time());
        self.audit(|waiter| event_if(waiter.due.is_some_and(|due| due <= now), Event::Wake));
    }

    /// A request gets its lock, or what comes of it.
    fn arrive(&mut self, at: usize) {
        let flight = self.videos[at].flight.as_mut().unwrap();
        if flight.locked_until.take().is_some() {
            self.session.lock_granted(flight.request, self.now);
            self.depart(at);
            self.audit(|_| Vec::new());
            return;
        }
        let Flight { request, reply, .. } = self.videos[at].flight.take().unwrap();
        let outcome = reply.map(|answer| *answer);
        let event = match outcome.clone() {
            Ok(answer) => Event::Answer(answer),
            Err(Reason::Offline) => Event::Offline,
            Err(reason) => Event::RequestFailed(reason),
        };
        self.bodies += 1;
        self.hear(at, &event, self.bodies);
        self.session
            .response(request, outcome, self.bodies, self.time());
        self.audit(|waiter| event_if(waiter.video == at, event.clone()));
    }

    /// A request leaves.
    fn depart(&mut self, at: usize) {
        let Exchange { after, what } =
            &self.plan.replies[self.sent.len() % self.plan.replies.len()];
        let (after, reply) = match what {
            _ if self.offline => (Some(1), Err(Reason::Offline)),
            What::Answer(answered) => (Some(*after), Ok(Box::new(read(answered)))),
            What::Lost => (Some(*after), Err(Reason::NoResponse)),
            What::Hang => (None, Err(Reason::RequestTimeout)),
        };
        let flight = self.videos[at].flight.as_mut().unwrap();
        flight.expires_at = self.now.saturating_add(self.plan.request_timeout);
        flight.back = after.map(|after| self.now.saturating_add(after));
        flight.reply = reply;
    }

    fn shared_response(&mut self, at: usize, answered: &Answered) {
        let answer = read(answered);
        self.bodies += 1;
        let is_polled = self.waiters.iter().any(|waiter| waiter.video == at);
        let video = &mut self.videos[at];
        let goes_on =
            !is_polled || matches!(&video.flight, Some(flight) if flight.locked_until.is_none());
        let event = Event::Told(answer.clone());
        if !goes_on {
            // What was about to be requested is not.
            if self.is_withdrawn(at) || self.videos[at].queued_since.take().is_some() {
                self.videos[at].asked -= 1;
            }
            for waiter in self.waiters.iter_mut().filter(|waiter| waiter.video == at) {
                // The number of requests is right again, and may be one less than was told or saved.
                waiter.books.requests = 0;
                waiter.books.asked_at = self.now;
                waiter.saw_all = false;
            }
            self.videos[at].asked_at = Some(self.now);
            self.videos[at].said.elsewhere = true;
            self.hear(at, &event, self.bodies);
        }
        let heard = self
            .session
            .shared_response(IDS[at], answer, self.bodies, self.time());
        assert_eq!(heard, is_polled);
        self.audit(|waiter| event_if(!goes_on && waiter.video == at, event.clone()));
    }

    /// Whether a request of a video had been sent, which the session must abort now.
    fn is_withdrawn(&mut self, at: usize) -> bool {
        let flight = self.videos[at].flight.take();
        self.withdrawn
            .extend(flight.as_ref().map(|flight| flight.request));
        flight.is_some()
    }

    /// What an outcome changes for a video.
    fn hear(&mut self, at: usize, event: &Event, body: usize) {
        let now = self.now;
        let waiters = || self.waiters.iter().filter(|waiter| waiter.video == at);
        let soonest = |interval: fn(&Options) -> u64| {
            let each = waiters().map(|waiter| now.saturating_add(interval(&waiter.books.options)));
            each.min().unwrap_or(0)
        };
        let not_before = match event {
            Event::Offline => soonest(|options| options.max_interval),
            _ => soonest(|options| options.min_interval),
        };
        let video = &mut self.videos[at];
        (video.not_before, video.hurry) = (not_before, false);
        video.floor = match event {
            Event::Answer(answer) | Event::Told(answer)
                if transient(event).is_some() || answer.is_bare_accept =>
            {
                floor(answer, now).unwrap_or(0)
            }
            Event::Offline => video.floor,
            _ => 0,
        };
        (video.thrown, video.detail) = (0, None);
        match event {
            Event::Answer(answer) | Event::Told(answer) => match &answer.outcome {
                Ok(_) if answer.has_status() => video.body = body,
                Ok(_) => {}
                Err(failure) => video.detail.clone_from(&failure.detail),
            },
            _ => video.thrown = body,
        }
        video.said.hear(event, now);
    }

    fn audit(&mut self, events: impl Fn(&Waiter) -> Vec<Event>) {
        self.audit_all(None, events);
    }

    /// Takes all that comes out after an input that was these events for each poll, and holds it against the rules; for
    /// one that has just joined, that it is over or not.
    fn audit_all(&mut self, joined: Option<(u32, bool)>, events: impl Fn(&Waiter) -> Vec<Event>) {
        let now = self.now;
        let mut waiters = std::mem::take(&mut self.waiters);
        let commands: Vec<_> = std::iter::from_fn(|| self.session.poll_command()).collect();
        let mut notifications: Vec<_> =
            std::iter::from_fn(|| self.session.poll_notification()).collect();
        let is_idle = [0, 1].map(|at| self.is_idle(at));
        let requests = |at: usize| {
            waiters.iter().any(|waiter| {
                let machine = self.session.machine(waiter.poll);
                waiter.video == at && machine.is_some_and(Machine::is_requesting)
            })
        };
        let has_asked = [0, 1].map(|at| is_idle[at] && requests(at));
        let next = [0, 1].map(|at| {
            let own = waiters.iter().filter(|waiter| waiter.video == at);
            own.filter_map(|waiter| self.session.machine(waiter.poll)?.next_request(now))
                .min()
        });
        waiters.retain_mut(|waiter| {
            let own = |news: &mut Notification<u32, usize>| news.subscriber == waiter.serial;
            let news: Vec<_> = notifications.extract_if(.., own).collect();
            let list = events(waiter);
            self.steps += list.len();
            let machine = self.session.machine(waiter.poll);
            let scene = Scene {
                video: &self.videos[waiter.video],
                is_idle: is_idle[waiter.video],
                has_asked: has_asked[waiter.video],
                next: next[waiter.video],
                machine,
                now,
            };
            let joined = joined.filter(|(serial, _)| *serial == waiter.serial);
            let goes_on = waiter.audit(&scene, joined.map(|(_, is_over)| is_over), &list, &news);
            if !goes_on {
                self.settled.push(waiter.serial);
                let is_done = matches!(news.last().unwrap().event, Some(PollEvent::Done));
                self.is_taught |= is_done;
                self.saved.push(Saved {
                    text: news.last().unwrap().token.clone(),
                    books: waiter.books.clone(),
                    ahead: 0,
                    video: Some(waiter.video),
                });
            }
            goes_on
        });
        assert!(
            notifications.is_empty(),
            "nobody waits for {notifications:?}"
        );
        for (at, has_asked) in has_asked.into_iter().enumerate() {
            let video = &mut self.videos[at];
            let mut own = waiters
                .iter_mut()
                .filter(|waiter| waiter.video == at)
                .peekable();
            if own.peek().is_none() {
                video.queued_since = None;
                self.withdrawn
                    .extend(video.flight.take().map(|flight| flight.request));
            } else if has_asked {
                assert!(
                    now >= video.floor,
                    "a request at {now}, which the server forbade until {}",
                    video.floor
                );
                assert!(
                    video.hurry || now >= video.not_before,
                    "a request at {now}, sooner than {}",
                    video.not_before
                );
                video.asked += 1;
                video.asked_at = Some(now);
                let mut priority = 0;
                for waiter in own {
                    let machine = self.session.machine(waiter.poll).unwrap();
                    assert!(machine.is_requesting(), "left out");
                    (waiter.books.asked_at, waiter.books.is_stale) = (now, false);
                    priority = priority.max(machine.lead());
                }
                video.queued_since = Some(now - priority);
            }
        }
        self.waiters = waiters;
        for command in commands {
            self.carry(command);
        }
        assert!(
            self.withdrawn.is_empty(),
            "nobody waits for {:?}, which is not aborted",
            self.withdrawn
        );
        self.rearm();
    }

    fn carry(&mut self, command: Command) {
        let now = self.now;
        match command {
            Command::Send { request, video } => {
                let at = IDS.iter().position(|id| *id == video).unwrap();
                let flights = self.videos.iter().filter(|video| video.flight.is_some());
                let in_flight = flights.count() as u32;
                assert!(
                    self.limits.iter().all(|limit| in_flight < *limit),
                    "beyond the limits"
                );
                let queued: Vec<_> = self
                    .videos
                    .iter()
                    .filter_map(|video| video.queued_since)
                    .collect();
                let own = self.videos[at].queued_since.take();
                assert_eq!(own, queued.into_iter().min(), "another is due before");
                if let Some(last) = self.sent.last() {
                    let gap = (now - last) as f64;
                    assert!(
                        gap + LATENESS + 1.0 >= 1_000.0 / self.plan.per_second,
                        "too many in a second"
                    );
                }
                self.sent.push(now);
                let locked_until = self.plan.locks.as_ref().map(|locks| {
                    self.locks += 1;
                    now.saturating_add(locks[self.locks % locks.len()])
                });
                let flight = Flight {
                    request,
                    locked_until,
                    expires_at: u64::MAX,
                    is_expired: false,
                    back: None,
                    reply: Err(Reason::NoResponse),
                };
                assert!(
                    self.videos[at].flight.replace(flight).is_none(),
                    "one at a time"
                );
                if locked_until.is_none() {
                    self.depart(at);
                }
            }
            Command::Expire(request) => {
                let mut flights = self.videos.iter_mut().filter_map(|v| v.flight.as_mut());
                match flights.find(|flight| flight.request == request) {
                    Some(flight) => {
                        assert!(now >= flight.expires_at && !flight.is_expired, "too early");
                        flight.is_expired = true;
                        (flight.back, flight.reply) = (Some(now), Err(Reason::RequestTimeout));
                    }
                    // Its polls ended in the same moment.
                    None => assert!(self.withdrawn.contains(&request)),
                }
            }
            Command::Abort(request) => {
                let at = self.withdrawn.iter().position(|other| *other == request);
                self.withdrawn.remove(at.expect("somebody waits for it"));
            }
        }
    }

    fn rearm(&mut self) {
        let due = self.session.wake_at(self.now);
        if due == self.alarm.map(|(due, _)| due) {
            return;
        }
        self.alarm = due.map(|due| {
            let delay = due.saturating_sub(self.now).min(LONGEST_ALARM);
            let late = self.plan.lateness[self.alarms % self.plan.lateness.len()];
            self.alarms += 1;
            (due, self.now.saturating_add(delay).saturating_add(late))
        });
    }

    /// What holds whenever nothing is going on.
    fn audit_rest(&self) {
        if self.waiters.is_empty() {
            assert!(
                self.session.is_empty() && self.alarm.is_none(),
                "nothing follows once the last waiter has left"
            );
        }
        let wakes_by = |at: u64| self.alarm.is_some_and(|(due, _)| due <= at);
        let in_flight = self
            .videos
            .iter()
            .filter(|video| video.flight.is_some())
            .count() as u32;
        for video in &self.videos {
            if let Some(flight) = &video.flight
                && flight.locked_until.is_none()
                && !flight.is_expired
            {
                assert!(wakes_by(flight.expires_at), "nothing ends a request");
            }
            assert!(
                video.queued_since.is_none()
                    || self.limits.iter().any(|limit| in_flight >= *limit)
                    || self.alarm.is_some(),
                "a request waits for nothing"
            );
        }
        for waiter in &self.waiters {
            let machine = self.session.machine(waiter.poll).expect("it goes on");
            let is_idle = self.is_idle(waiter.video);
            assert_eq!(
                machine.is_requesting(),
                !is_idle,
                "it waits for what the others wait for"
            );
            if let Some(due) = waiter.due {
                assert!(wakes_by(due), "nothing wakes it at {due}");
            }
            let Some(deadline) = waiter.books.deadline else {
                continue;
            };
            // One whose deadline had passed before it was resumed waits for its last response alone.
            assert!(
                waiter.due.is_some_and(|due| due <= deadline) || (waiter.due.is_none() && !is_idle),
                "nothing wakes it for the deadline {deadline}"
            );
        }
    }
}

fn new_session(plan: &Plan) -> Session<u32, usize> {
    Session::new(Settings {
        request_timeout: plan.request_timeout,
        concurrency: plan.concurrency,
        per_second: plan.per_second,
        is_locked: plan.locks.is_some(),
    })
}

fn event_if(is_meant: bool, event: Event) -> Vec<Event> {
    if is_meant { vec![event] } else { Vec::new() }
}

/// Where the waiters of a video stand after an input.
struct Scene<'a> {
    video: &'a Video,
    /// No request was under way after the events.
    is_idle: bool,
    /// One of them has sent a request.
    has_asked: bool,
    /// When the next request of all of them leaves.
    next: Option<u64>,
    /// As long as the poll goes on.
    machine: Option<&'a Machine>,
    now: u64,
}

/// The code of a failure after which a poll goes on.
fn transient(event: &Event) -> Option<ErrorCode> {
    match event {
        Event::RequestFailed(reason) => Some(reason.code()),
        Event::Answer(Answer {
            outcome: Err(failure),
            ..
        })
        | Event::Told(Answer {
            outcome: Err(failure),
            ..
        }) => match (failure.code, failure.http_status) {
            (ErrorCode::BadResponse | ErrorCode::RateLimited, _) => Some(failure.code),
            (ErrorCode::Http, Some(408 | 425 | 500..=599)) => Some(failure.code),
            _ => None,
        },
        _ => None,
    }
}

/// Of options that a token gives, those that no default forbids.
fn modest(options: &Options) -> Options {
    let default = Options::default();
    Options {
        timeout: options.timeout.min(default.timeout).or(default.timeout),
        min_interval: options.min_interval.max(default.min_interval),
        max_interval: options.max_interval.max(default.max_interval),
        max_failures: options.max_failures.min(default.max_failures),
    }
}

impl Saved {
    fn made_up(forged: &Forged, id: &str) -> Self {
        Self {
            text: forged.token(id),
            ahead: 0,
            video: None,
            books: Books {
                options: Options {
                    timeout: forged.timeout,
                    min_interval: forged.min_interval,
                    max_interval: forged.max_interval,
                    max_failures: forged.max_failures,
                },
                started: forged.started,
                deadline: forged.deadline,
                failures: forged.failures,
                overall: f64::from(forged.overall) / 1e6,
                requests: forged.requests,
                retrying: forged.retrying.map(|code| ErrorCode::ALL[code]),
                over: matches!(forged.phase, Phase::Done | Phase::Failed(_)),
                timed_out: matches!(forged.phase, Phase::Failed(code) if ErrorCode::ALL[code] == ErrorCode::Timeout),
                asked_at: forged.asked_at,
                floor: forged.not_before,
                is_followed: false,
                is_stale: false,
                failed_words: (0, 0),
                is_retrying: false,
            },
        }
    }
}

impl Waiter {
    /// Holds what came out for one poll against the rules; whether it goes on.
    fn audit(
        &mut self,
        scene: &Scene<'_>,
        joined: Option<bool>,
        events: &[Event],
        news: &[Notification<u32, usize>],
    ) -> bool {
        let now = scene.now;
        let was_overdue = self.books.deadline.is_some_and(|deadline| deadline <= now);
        let mut expected = Expected {
            end: joined.and_then(|is_over| is_over.then_some(Some(ErrorCode::Timeout))),
            from: 0,
            by: u64::MAX,
        };
        let mut has_failed = joined.is_some();
        for event in events {
            if expected.end.is_none() {
                expected = self.expect(event, scene);
                has_failed |= match event {
                    Event::Answer(answer) | Event::Told(answer) => answer.outcome.is_err(),
                    Event::RequestFailed(_) | Event::Offline => true,
                    _ => false,
                };
            }
            if let Some(twin) = &mut self.twin {
                twin.step(event.clone(), now);
            }
        }
        // Whoever sleeps while another sends a request does so too, and finds out that time is over.
        let is_asleep = joined.is_none() && scene.has_asked;
        if let Some(twin) = &mut self.twin
            && is_asleep
            && !twin.is_requesting()
        {
            twin.step(Event::SharedRequest, now);
        }
        let retrying = self.books.retrying.filter(|_| expected.end.is_none());
        if expected.end.is_none() && is_asleep && was_overdue {
            expected.end = Some(Some(ErrorCode::Timeout));
        }
        let is_over = expected.end.is_some();
        self.audit_news(
            scene,
            retrying,
            has_failed,
            &expected.end,
            events.len(),
            news,
        );
        let Some(machine) = scene.machine else {
            assert!(is_over, "ended by {events:?}");
            let end = expected.end.flatten();
            (self.books.over, self.books.retrying) = (true, None);
            self.books.timed_out = end == Some(ErrorCode::Timeout);
            if end.is_none() {
                // What a token keeps of a whole job is a little less: DONE has to be heard anew.
                self.books.overall = 0.999_999;
            }
            if let Some(twin) = &self.twin {
                assert_eq!(twin.resume_token(0), news.last().unwrap().token);
            }
            return false;
        };
        assert!(!is_over, "{events:?} ends it with {:?}", expected.end);
        if let Some(twin) = &self.twin {
            assert_eq!(
                twin.snapshot(),
                machine.snapshot(),
                "the twin of a snapshot goes another way"
            );
        }
        let deadline = self.books.deadline.unwrap_or(u64::MAX);
        if machine.is_requesting() {
            if joined.is_some() || scene.has_asked || !events.is_empty() {
                self.due = self.books.deadline.filter(|deadline| *deadline > now);
            }
            return true;
        }
        let until = machine.next_request(now).unwrap_or(deadline);
        self.due = Some(until);
        assert!(until <= deadline);
        if !events.is_empty() {
            let Expected { from, by, .. } = expected;
            assert!(
                until >= from.min(deadline),
                "{events:?}: {until} is sooner than {from}"
            );
            assert!(
                until <= by.min(deadline),
                "{events:?}: {until} is later than {by}"
            );
        }
        true
    }

    /// What an event makes of the poll.
    fn expect(&mut self, event: &Event, scene: &Scene<'_>) -> Expected {
        let Scene { video, now, .. } = *scene;
        let was_requesting = !scene.is_idle;
        let books = &mut self.books;
        // Of those who wait, one may wait for what only its token says.
        let floor = match event {
            Event::Answer(_) | Event::Told(_) | Event::RequestFailed(_) => video.floor,
            _ => books.floor,
        };
        let options = &books.options;
        let deadline = books.deadline.unwrap_or(u64::MAX);
        let overdue = deadline <= now;
        let limit = books.deadline;
        let is_beyond = |floor: u64| limit.is_some_and(|deadline| floor >= deadline);
        let min_after = now.saturating_add(options.min_interval);
        let timeout_if = |is_over: bool| is_over.then_some(Some(ErrorCode::Timeout));
        let soon = |interval: u64| books.asked_at.saturating_add(interval).max(floor);
        let until = self.due.unwrap_or(u64::MAX);
        let mut end = None;
        let (mut from, by) = match event {
            Event::Answer(Answer {
                outcome: Ok(status),
                is_bare_accept,
                failure_meant,
                ..
            })
            | Event::Told(Answer {
                outcome: Ok(status),
                is_bare_accept,
                failure_meant,
                ..
            }) => {
                let floor = if *is_bare_accept { floor } else { 0 };
                (books.failures, books.retrying, books.floor) = (0, None, floor);
                books.failed_words = match (failure_meant, books.failed_words) {
                    (None, _) => (0, 0),
                    (Some(_), (0, _)) => (1, now),
                    (Some(_), (times, since)) => (times + 1, since),
                };
                let (from, longest) = match (books.is_stale, books.is_followed) {
                    (true, _) => (min_after, options.min_interval),
                    (false, true) => {
                        let longest = WATCHED.max(options.max_interval);
                        (now.saturating_add(longest - longest / 50), longest)
                    }
                    (false, false) => (min_after, options.max_interval),
                };
                let (times, since) = books.failed_words;
                end = match &status.status {
                    // However late.
                    Status::Done { .. } => Some(None),
                    Status::Error { .. } => Some(Some(ErrorCode::VideoFailed)),
                    _ if times >= 3 && now - since >= 30_000 => Some(Some(ErrorCode::VideoFailed)),
                    _ => timeout_if(overdue || (floor > 0 && is_beyond(floor))),
                };
                (from.max(floor), now.saturating_add(longest).max(floor))
            }
            Event::Answer(_) | Event::Told(_) | Event::RequestFailed(_) => match transient(event) {
                None => {
                    let (Event::Answer(answer) | Event::Told(answer)) = event else {
                        panic!("no failure: {event:?}")
                    };
                    end = Some(answer.outcome.as_ref().err().map(|failure| failure.code));
                    (0, u64::MAX)
                }
                Some(code) => {
                    books.failures = books.failures.saturating_add(1);
                    books.retrying = Some(code);
                    books.floor = floor;
                    let doubled = 1_000_u64
                        .min(options.max_interval)
                        .saturating_mul(1 << (books.failures - 1).min(30));
                    let longest = doubled.min(LONGEST_BACKOFF).max(options.min_interval);
                    let is_too_often =
                        options.max_failures != u32::MAX && books.failures >= options.max_failures;
                    end = if is_too_often {
                        Some(Some(code))
                    } else {
                        timeout_if(overdue || (floor > 0 && is_beyond(floor)))
                    };
                    (min_after.max(floor), now.saturating_add(longest).max(floor))
                }
            },
            Event::Offline => {
                books.retrying = Some(ErrorCode::Network);
                end = timeout_if(overdue || (floor > now && is_beyond(floor)));
                let at = now.saturating_add(options.max_interval);
                (at, at.max(floor))
            }
            Event::Wake => {
                end = timeout_if(overdue);
                assert!(
                    overdue || floor > now || scene.has_asked,
                    "woken, it sends a request"
                );
                (floor, floor)
            }
            Event::Followed(_) | Event::News if was_requesting => {
                match event {
                    Event::Followed(is_followed) => books.is_followed = *is_followed,
                    _ => books.is_stale = true,
                }
                (0, u64::MAX)
            }
            Event::Followed(is_followed) => {
                let is_lost =
                    std::mem::replace(&mut books.is_followed, *is_followed) && !is_followed;
                if is_lost && books.retrying.is_none() {
                    (0, soon(options.min_interval))
                } else {
                    (until, until)
                }
            }
            Event::News if books.retrying.is_some() => (until, until),
            Event::News => (0, soon(options.min_interval)),
            Event::PollNow => {
                end = timeout_if(overdue);
                (0, soon(options.min_interval.min(SHORTEST_DEMANDED)))
            }
            Event::Nudge => (0, self.ask_by),
            other => panic!("there is no rule for {other:?}"),
        };
        if let Event::Answer(_) | Event::Told(_) | Event::RequestFailed(_) | Event::Offline = event
        {
            self.ask_by = by;
            books.is_stale = false;
        } else {
            // Nothing but an outcome puts a request off.
            from = from.min(by);
        }
        Expected { end, from, by }
    }

    fn audit_news(
        &mut self,
        scene: &Scene<'_>,
        retrying: Option<ErrorCode>,
        has_failed: bool,
        end: &Option<End>,
        events: usize,
        news: &[Notification<u32, usize>],
    ) {
        let Scene {
            video,
            now,
            machine,
            ..
        } = *scene;
        let was_retrying = self.books.is_retrying;
        let (mut ended, mut notices, mut recoveries) = (None, 0, 0);
        for Notification {
            event,
            update,
            token,
            ..
        } in news
        {
            assert!(ended.is_none(), "something follows the end");
            assert!(event.is_some() || update.is_some(), "nothing is new");
            let mut expected = retrying;
            match event {
                Some(PollEvent::Retrying(retry, thrown)) => {
                    notices += 1;
                    assert_eq!(Some(retry.failure.code), retrying);
                    assert_eq!(retry.attempt, self.books.failures.max(1));
                    assert_eq!(retry.failure.detail, video.detail);
                    assert_eq!(*thrown, video.thrown);
                    // Of two events, the second may have changed it.
                    if let (Some(machine), true) = (machine, events < 2) {
                        let own = machine.next_request(now).or(self.books.deadline).unwrap();
                        assert_eq!(retry.next_in, scene.next.unwrap_or(own).saturating_sub(now));
                    }
                    self.books.is_retrying = true;
                }
                Some(PollEvent::Recovered) => {
                    recoveries += 1;
                    self.books.is_retrying = false;
                }
                Some(PollEvent::Done) => ended = Some(None),
                Some(PollEvent::Failed(failure, thrown)) => {
                    ended = Some(Some(failure.code));
                    expected = None;
                    let is_network = failure.code == ErrorCode::Network;
                    assert_eq!(*thrown, if is_network { video.thrown } else { 0 });
                }
                None => {}
            }
            if let Some((update, body)) = update {
                assert_eq!(update.retrying, expected);
                assert_eq!(*body, video.body);
                self.audit_update(update, video.asked, now);
                self.audit_origin(update, &video.said, now);
                if let (Some(machine), true) = (machine, events < 2 && !scene.has_asked) {
                    assert_eq!(machine.current(now).as_ref(), Some(update));
                }
            }
            assert!(!token.is_empty());
        }
        assert_eq!(ended, *end, "{news:?}");
        let is_told = has_failed && retrying.is_some();
        if end.is_none() {
            let is_asleep = machine.is_some_and(|machine| !machine.is_requesting());
            assert!(
                notices == usize::from(is_told && (is_asleep || events > 0)),
                "{news:?}"
            );
            let has_recovered = was_retrying && retrying.is_none();
            assert_eq!(recoveries, usize::from(has_recovered), "{news:?}");
        }
    }

    /// What was started knows what the server said, to the last bit; what was resumed has no word from
    /// anywhere else either.
    fn audit_origin(&self, update: &Update, said: &Said, now: u64) {
        let video = &*update.video;
        if self.is_fresh {
            let mut expected = said.video.clone();
            if let (Some(expected), Status::Error { raw_status, .. }) =
                (&mut expected, &video.status)
                && let Some(word) = raw_status
            {
                assert!(
                    matches!(&expected.status, Status::Unrecognized { raw_status, .. } if raw_status == word)
                );
                expected.status = video.status.clone();
            }
            assert_eq!(Some(video), expected.as_ref());
            assert_eq!(update.overall, said.progress.overall());
            if !said.is_taught {
                assert_eq!(update.remaining_ms, said.progress.remaining(now));
            }
            return;
        }
        let credits = |video: &VideoStatus| (video.credits_total, video.credits_used);
        assert_eq!(
            credits(video),
            said.video.as_ref().map_or((None, None), credits)
        );
        let clips = video.generated_content.iter().flatten();
        match &said.video {
            Some(said) if said.generated_content.is_some() => {
                assert_eq!(video.generated_content, said.generated_content);
            }
            _ => clips.for_each(|clip| assert_eq!(*clip, GeneratedContent::bare(clip.status))),
        }
        if said.video.is_none() {
            match &video.status {
                Status::Pending { message, .. } => assert_eq!(*message, None),
                Status::Unrecognized { raw_status, .. } => assert_eq!(raw_status, ""),
                status => assert!(!matches!(
                    status,
                    Status::Done { .. } | Status::Error { .. }
                )),
            }
        }
    }

    fn audit_update(&mut self, update: &Update, asked: u32, now: u64) {
        let books = &mut self.books;
        let is_done = matches!(update.video.status, Status::Done { .. });
        assert_eq!(update.video_id, IDS[self.video]);
        assert!((0.0..=1.0).contains(&update.overall));
        assert_eq!(update.overall == 1.0, is_done, "{update:?}");
        assert!(
            update.overall >= books.overall,
            "overall falls from {} to {}",
            books.overall,
            update.overall
        );
        assert!(
            update.requests >= books.requests,
            "requests fall from {} to {}",
            books.requests,
            update.requests
        );
        if self.saw_all {
            assert_eq!(update.requests, asked);
        }
        assert_eq!(update.elapsed_ms, now - books.started);
        if let Status::RenderingVideo { progress, .. }
        | Status::StartRenderingVideo { progress, .. } = update.video.status
        {
            assert!((0.0..=1.0).contains(&progress));
        }
        books.overall = update.overall;
        books.requests = update.requests;
    }
}

/// Reads an answer as a carrier does.
pub(crate) fn read(answered: &Answered) -> Answer {
    let response = Response {
        http_status: answered.http_status,
        retry_after: answered.retry_after.as_deref(),
        body: &answered.body,
        oversized: answered.oversized,
        ..Response::default()
    };
    let answer = Answer::read::<Native>(response, ID);
    assert_eq!(
        answer.retry_after,
        answered.retry_after.as_deref().and_then(asked)
    );
    answer
}
