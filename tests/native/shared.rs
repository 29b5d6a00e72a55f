//! The shared loop of `src/web/driver.rs` in virtual time, played against any server, network and
//! waiters. It carries as the driver does and audits every step against the rules as the README has
//! them; of the machine it must know nothing but what is public.

use super::forged::{Forged, Phase};
use super::plan::{Act, Answered, Exchange, Plan, Source, What, asked, floor};
use super::world::START;
use iacrea_video::core::answer::{Answer, Response};
use iacrea_video::core::error::ErrorCode;
use iacrea_video::core::host::Native;
use iacrea_video::core::machine::{Command, Event, Machine, Step, Update};
use iacrea_video::core::options::{Options, RawOptions};
use iacrea_video::core::progress::Progress;
use iacrea_video::core::status::{GeneratedContent, Status, VideoStatus};
use proptest::sample::Index;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many steps machines have taken in this process.
pub(crate) static STEPS: AtomicU64 = AtomicU64::new(0);

pub(crate) const ID: &str = "v";
/// Longest delay that a timer can hold.
const LONGEST_ALARM: u64 = i32::MAX as u64;
/// The longest backoff, as the README has it.
const LONGEST_BACKOFF: u64 = 30_000;
/// The longest pause while somebody says when there is news.
const WATCHED: u64 = 30_000;
/// The shortest between a request and one that somebody wants now, unless the user has a shorter one.
const SHORTEST_DEMANDED: u64 = 1_000;

/// What a waiter's poll has promised so far: the rules, kept beside the machine.
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
    /// When it was asked last.
    asked_at: u64,
    /// The server is to be left alone until then.
    floor: u64,
    /// Somebody says when there is news.
    is_followed: bool,
    /// There was some after the question that is under way.
    is_stale: bool,
    /// How often in a row the server said a word that means failure, and since when.
    failed_words: (u32, u64),
}

struct Waiter {
    serial: u32,
    machine: Machine,
    /// Restored from a snapshot some time ago; takes the same steps.
    twin: Option<Machine>,
    asking: bool,
    due: Option<u64>,
    has_told: bool,
    books: Books,
    /// It was started, and not resumed.
    is_fresh: bool,
    /// The number of its requests is that of the loop.
    saw_all: bool,
    /// When it has to ask again at the latest, as far as the last answer goes.
    ask_by: u64,
}

enum Request {
    None,
    Queued {
        until: u64,
    },
    InFlight {
        back: u64,
        reply: Option<Box<Event>>,
    },
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
    /// Another page was answered.
    elsewhere: bool,
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
struct Saved {
    text: String,
    books: Books,
    ahead: i64,
}

/// Whose poll is over, and how it was written down at the end.
struct Left {
    serial: u32,
    saved: Saved,
    snapshot: String,
}

/// One client with one video, and what goes on around it.
pub(crate) struct Shared<'a> {
    plan: &'a Plan,
    now: u64,
    waiters: Vec<Waiter>,
    request: Request,
    alarm: Option<(u64, u64)>,
    serials: u32,
    settled: Vec<u32>,
    saved: Vec<Saved>,
    snapshots: Vec<String>,
    offline: bool,
    /// Requests of this loop, and of all loops.
    asked: u32,
    pub(crate) requests: usize,
    alarms: usize,
    queued: usize,
    asked_at: Option<u64>,
    /// The earliest time for the next request, as the waiters' pace and the server's floor have it.
    not_before: u64,
    floor: u64,
    said: Said,
    /// Somebody wants the next request whatever the pace.
    hurry: bool,
    acts: std::vec::IntoIter<(u64, Act)>,
    next_act: Option<(u64, Act)>,
    steps: usize,
}

impl<'a> Shared<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Self {
        let mut acts = plan.acts.clone().into_iter();
        let next_act = acts.next().map(|(after, act)| (START + after, act));
        Self {
            plan,
            now: START,
            waiters: Vec::new(),
            request: Request::None,
            alarm: None,
            serials: 0,
            settled: Vec::new(),
            saved: Vec::new(),
            snapshots: Vec::new(),
            offline: false,
            asked: 0,
            requests: 0,
            alarms: 0,
            queued: 0,
            asked_at: None,
            not_before: 0,
            floor: 0,
            said: Said::default(),
            hurry: false,
            acts,
            next_act,
            steps: 0,
        }
    }

    /// Plays the plan to its end; whoever has not settled by then leaves.
    pub(crate) fn play(&mut self) {
        let (options, source) = self.plan.first.clone();
        self.join(options, source);
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

    /// The next thing in time, whichever it is; nothing when nothing will ever happen again.
    fn happen(&mut self) -> bool {
        let let_in = match self.request {
            Request::Queued { until } => Some(until),
            _ => None,
        };
        let arrival = match self.request {
            Request::InFlight { back, .. } => Some(back),
            _ => None,
        };
        let ring = self.alarm.map(|(_, rings)| rings);
        let act = self.next_act.as_ref().map(|(at, _)| *at);
        // Of what falls on the same instant either may come first.
        let order = if self.plan.answers_first {
            [let_in, arrival, act, ring]
        } else {
            [ring, act, let_in, arrival]
        };
        let Some(at) = order.into_iter().flatten().min() else {
            return false;
        };
        self.now = self.now.max(at);
        match order.iter().position(|time| *time == Some(at)) {
            Some(place) if self.plan.answers_first => {
                [Self::send, Self::arrive, Self::act_next, Self::ring][place](self)
            }
            Some(place) => [Self::ring, Self::act_next, Self::send, Self::arrive][place](self),
            None => return false,
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
        match act {
            Act::Join(options, source) => self.join(options, source),
            Act::Leave(who) => {
                if let Some(serial) = self.pick(who) {
                    self.leave(serial);
                }
            }
            Act::AskNow => {
                self.hurry_up(SHORTEST_DEMANDED);
                self.hasten(Event::PollNow);
            }
            Act::Nudge => self.nudge(),
            Act::Followed(is_followed) => self.hear(&Event::Followed(is_followed)),
            Act::News => self.hear(&Event::News),
            Act::Told(answered) => self.told(&answered),
            Act::Offline => self.offline = true,
            Act::Online => {
                self.offline = false;
                self.nudge();
            }
            Act::Save { who, ahead, whole } => {
                if let Some(serial) = self.pick(who) {
                    let waiter = self.waiters.iter().find(|w| w.serial == serial).unwrap();
                    if whole {
                        self.snapshots.push(waiter.machine.snapshot());
                    } else {
                        self.saved.push(waiter.save(ahead));
                    }
                }
            }
            Act::Twin(who) => {
                if let Some(serial) = self.pick(who) {
                    let waiter = self
                        .waiters
                        .iter_mut()
                        .find(|w| w.serial == serial)
                        .unwrap();
                    let snapshot = waiter.machine.snapshot();
                    let mut twin = Machine::restore(&snapshot).expect("a snapshot is read back");
                    assert_eq!(twin.snapshot(), snapshot);
                    // What is heard beside the answers is not written down.
                    twin.step(Event::Followed(waiter.books.is_followed), self.now);
                    if waiter.books.is_stale {
                        twin.step(Event::News, self.now);
                    }
                    waiter.twin = Some(twin);
                }
            }
        }
    }

    fn pick(&self, who: Index) -> Option<u32> {
        let count = self.waiters.len();
        (count > 0).then(|| self.waiters[who.index(count)].serial)
    }

    /// As `Client::poll` does it.
    fn join(&mut self, raw: RawOptions, source: Source) {
        let now = self.now;
        let made_up;
        let saved = match source {
            Source::Fresh => None,
            Source::Saved(_) if self.saved.is_empty() => return,
            Source::Saved(which) => Some(which.get(&self.saved)),
            Source::Forged(forged) => {
                made_up = Saved::made_up(&forged);
                Some(&made_up)
            }
        };
        // A token makes nothing faster or longer.
        let base = saved.map_or_else(Options::default, |saved| modest(&saved.books.options));
        let checked = raw.check(&base);
        let (mut machine, mut step, mut books) = match saved {
            None => {
                let Ok(options) = checked else { return };
                let books = Books {
                    started: now,
                    deadline: options.timeout.map(|timeout| now + timeout),
                    options: options.clone(),
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
                };
                let (machine, step) = Machine::start(ID, options, now);
                assert!(
                    matches!(step.command, Command::Fetch { give_up_at } if give_up_at == books.deadline)
                );
                (machine, step, books)
            }
            Some(saved) => {
                let resumed = Machine::resume(&saved.text, ID, raw, now);
                assert!(
                    Machine::resume(&saved.text, "another", raw, now).is_err(),
                    "a token is of one video"
                );
                let Ok(options) = checked else {
                    assert_eq!(resumed.unwrap_err().code, ErrorCode::InvalidArgument);
                    return;
                };
                let (machine, step) = resumed.expect("what was written can be resumed");
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
                let books = Books {
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
                    asked_at: asked_at.min(now),
                    floor: if saved.books.floor > 0 { floor } else { 0 },
                    ..saved.books.clone()
                };
                (machine, step, books)
            }
        };
        self.steps += 1;
        self.serials += 1;
        let serial = self.serials;
        if self.waiters.is_empty() {
            self.asked = 0;
            self.not_before = 0;
            self.floor = 0;
            self.said = Said {
                nothing: true,
                ..Said::default()
            };
        }
        let first = self.waiters.first();
        let joined = first.and_then(|other| machine.join(&other.machine, now));
        // There is nobody, or somebody who was told to wait by nothing but a token.
        let is_alone = first.is_none_or(|other| !other.asking && self.said.nothing);
        assert_eq!(joined.is_none(), is_alone);
        if let Some(other) = first {
            books.is_followed = other.books.is_followed;
        }
        let mut ask_by = u64::MAX;
        let is_overdue = books.deadline.is_some_and(|deadline| deadline <= now);
        let is_fresh = saved.is_none();
        let mut is_asleep = books.floor > now;
        let mut is_too_late = false;
        if let (Some(other), Some(joined)) = (first, joined) {
            step = joined;
            books.failures = 0;
            books.asked_at = self.asked_at.expect("it has asked");
            books.floor = self.floor;
            books.retrying = self.said.retrying;
            books.is_stale = other.books.is_stale;
            is_asleep = !other.asking;
            // One that sleeps until its own end tells nothing of when to ask.
            let slowest = LONGEST_BACKOFF.max(books.options.min_interval);
            ask_by = other
                .ask_by
                .max(books.floor)
                .max(now.saturating_add(slowest));
            let pace = books.asked_at.saturating_add(books.options.min_interval);
            is_too_late = is_asleep && is_overdue && (pace > now || books.retrying.is_some());
            self.not_before = self.not_before.min(pace);
        } else {
            self.hurry = true;
        }
        let is_held_off = is_asleep
            && books.floor > now
            && books
                .deadline
                .is_some_and(|deadline| deadline <= books.floor);
        if is_held_off || is_too_late {
            assert!(
                is_failure(&step, ErrorCode::Timeout),
                "a floor beyond the deadline ends it at once, and so does an answer just now: {step:?}"
            );
            (books.over, books.timed_out, books.retrying) = (true, true, None);
        } else if is_overdue {
            assert_eq!(
                step.command,
                Command::Fetch { give_up_at: None },
                "the last question"
            );
        } else if is_asleep {
            let Command::Sleep { until } = step.command else {
                panic!("there is nothing to ask yet: {step:?}")
            };
            assert!(until >= books.floor.min(books.deadline.unwrap_or(u64::MAX)));
            assert!(until >= now);
        } else {
            assert_eq!(
                step.command,
                Command::Fetch {
                    give_up_at: books.deadline
                }
            );
        }
        self.waiters.push(Waiter {
            serial,
            machine,
            twin: None,
            asking: false,
            due: None,
            has_told: false,
            books,
            is_fresh,
            saw_all: is_fresh && !self.said.elsewhere,
            ask_by,
        });
        self.turn(|waiter, _| (waiter.serial == serial).then(|| step.clone()));
    }

    fn leave(&mut self, serial: u32) {
        self.waiters.retain(|waiter| waiter.serial != serial);
        self.settled.push(serial);
        self.turn(|_, _| None);
    }

    /// The next request may be as early as the tightest pace has it, or so long after the last one.
    fn hurry_up(&mut self, most: u64) {
        if let Some(asked_at) = self.asked_at {
            let tightest = self
                .waiters
                .iter()
                .map(|w| w.books.options.min_interval.min(most))
                .min();
            let allowed = asked_at.saturating_add(tightest.unwrap_or(0));
            self.not_before = self.not_before.min(allowed);
        }
    }

    fn nudge(&mut self) {
        self.hurry_up(u64::MAX);
        self.hasten(Event::Nudge);
    }

    /// As `Poll::hear` does it.
    fn hear(&mut self, event: &Event) {
        self.hurry_up(u64::MAX);
        self.deliver(event, |_, _| true);
    }

    fn hasten(&mut self, event: Event) {
        if matches!(self.request, Request::None) {
            self.deliver(&event, |_, _| true);
        }
    }

    fn ring(&mut self) {
        self.alarm = None;
        self.deliver(&Event::Wake, |waiter, now| {
            waiter.due.is_some_and(|due| due <= now)
        });
    }

    fn send(&mut self) {
        let Request::Queued { .. } = self.request else {
            return;
        };
        let Exchange { after, what } = &self.plan.replies[self.requests % self.plan.replies.len()];
        self.requests += 1;
        let limit = self.plan.request_timeout;
        let (after, reply) = match what {
            _ if self.offline => (1, Some(Event::Offline)),
            What::Answer(answered) if *after < limit => (*after, Some(read(answered))),
            What::Lost if *after < limit => (*after, None),
            What::Answer(_) | What::Lost | What::Hang => (limit, None),
        };
        self.request = Request::InFlight {
            back: self.now.saturating_add(after),
            reply: reply.map(Box::new),
        };
    }

    fn arrive(&mut self) {
        let Request::InFlight { reply, .. } = std::mem::replace(&mut self.request, Request::None)
        else {
            return;
        };
        self.receive(reply.map_or(Event::NetworkError, |event| *event));
    }

    /// As `Loop::told` does it.
    fn told(&mut self, answered: &Answered) {
        let Event::Answer(answer) = read(answered) else {
            return;
        };
        match std::mem::replace(&mut self.request, Request::None) {
            flight @ Request::InFlight { .. } => {
                self.request = flight;
                return;
            }
            // What was about to be asked is not.
            Request::Queued { .. } => self.asked -= 1,
            Request::None => {}
        }
        for waiter in &mut self.waiters {
            // The number of requests is right again, and may be one less than was told or saved.
            waiter.books.requests = 0;
            waiter.books.asked_at = self.now;
            waiter.saw_all = false;
        }
        self.asked_at = Some(self.now);
        self.said.elsewhere = true;
        self.receive(Event::Told(answer));
    }

    fn receive(&mut self, event: Event) {
        let now = self.now;
        self.floor = match &event {
            Event::Answer(answer) | Event::Told(answer)
                if transient(&event).is_some() || answer.is_bare_accept =>
            {
                floor(answer, now).unwrap_or(0)
            }
            Event::Offline => self.floor,
            _ => 0,
        };
        self.said.hear(&event, now);
        self.hurry = false;
        self.not_before = self
            .waiters
            .iter()
            .map(|w| now.saturating_add(w.books.options.min_interval))
            .min()
            .unwrap_or(0);
        if matches!(event, Event::Offline) {
            self.not_before = self
                .waiters
                .iter()
                .map(|w| now.saturating_add(w.books.options.max_interval))
                .min()
                .unwrap_or(0);
        }
        self.deliver(&event, |_, _| true);
    }

    /// An event for those of the waiters that `whom` names, each step held against the rules.
    fn deliver(&mut self, event: &Event, whom: impl Fn(&Waiter, u64) -> bool) {
        let floor = self.floor;
        let asked_at = self.asked_at.unwrap_or(0);
        let mut steps = 0;
        self.turn(|waiter, now| {
            whom(waiter, now).then(|| {
                steps += 1;
                waiter.step(event, floor, asked_at, now)
            })
        });
        self.steps += steps;
    }

    /// As `Loop::turn` does it.
    fn turn(&mut self, mut event: impl FnMut(&mut Waiter, u64) -> Option<Step>) {
        let now = self.now;
        let mut waiters = std::mem::take(&mut self.waiters);
        let mut settled = Vec::new();
        let asked = self.asked;
        let said = &self.said;
        waiters.retain_mut(|waiter| match event(waiter, now) {
            Some(step) => waiter.obey(&step, asked, said, now, &mut settled),
            None => true,
        });
        if matches!(self.request, Request::None) && waiters.iter().any(|waiter| waiter.asking) {
            assert!(
                now >= self.floor,
                "asks at {now}, which the server forbade until {}",
                self.floor
            );
            assert!(
                self.hurry || now >= self.not_before,
                "asks at {now}, sooner than the pace of {}",
                self.not_before
            );
            self.asked += 1;
            self.asked_at = Some(now);
            let asked = self.asked;
            let floor = self.floor;
            for waiter in &mut waiters {
                waiter.books.asked_at = now;
                waiter.books.is_stale = false;
                if !waiter.asking {
                    self.steps += 1;
                    let step = waiter.step(&Event::SharedRequest, floor, now, now);
                    // Whose poll ends here was not among those who asked.
                    let asked = asked - u32::from(step_is_over(&step));
                    let goes_on = waiter.obey(&step, asked, &self.said, now, &mut settled);
                    assert!(goes_on || step_is_over(&step));
                    assert!(waiter.asking || !goes_on, "left out");
                }
            }
            waiters.retain(|waiter| settled.iter().all(|left| left.serial != waiter.serial));
            let wait = self.plan.queue[self.queued % self.plan.queue.len()];
            self.queued += 1;
            self.request = Request::Queued {
                until: now.saturating_add(wait),
            };
        }
        self.waiters = waiters;
        for left in settled {
            self.settled.push(left.serial);
            self.saved.push(left.saved);
            self.snapshots.push(left.snapshot);
        }
        if self.waiters.is_empty() {
            self.alarm = None;
            self.request = Request::None;
            self.asked_at = None;
        } else {
            self.rearm();
        }
    }

    fn rearm(&mut self) {
        let due = self.waiters.iter().filter_map(|waiter| waiter.due).min();
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
                matches!(self.request, Request::None) && self.alarm.is_none(),
                "nothing follows once the last waiter has left"
            );
            return;
        }
        let idle = matches!(self.request, Request::None);
        assert!(!idle || self.alarm.is_some(), "somebody waits for nothing");
        for waiter in &self.waiters {
            assert!(!waiter.asking || !idle, "asks without a request");
            let Some(deadline) = waiter.books.deadline else {
                continue;
            };
            // One whose deadline had passed before it was resumed waits for its last answer alone.
            match self.alarm {
                Some((due, _)) if due <= deadline => {}
                _ => assert!(
                    waiter.asking && waiter.due.is_none() && !idle,
                    "nothing wakes the loop for the deadline {deadline}"
                ),
            }
        }
    }
}

fn step_is_over(step: &Step) -> bool {
    matches!(step.command, Command::Done | Command::Failed(_))
}

fn is_failure(step: &Step, code: ErrorCode) -> bool {
    matches!(&step.command, Command::Failed(failure) if failure.code == code)
}

/// The code of a failure after which a poll goes on.
fn transient(event: &Event) -> Option<ErrorCode> {
    match event {
        Event::NetworkError => Some(ErrorCode::Network),
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
    fn made_up(forged: &Forged) -> Self {
        Self {
            text: forged.token(ID),
            ahead: 0,
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
            },
        }
    }
}

impl Waiter {
    fn save(&self, ahead: i64) -> Saved {
        Saved {
            text: self.machine.resume_token(ahead),
            books: self.books.clone(),
            ahead,
        }
    }

    /// One step, held against the rules.
    fn step(&mut self, event: &Event, floor: u64, asked_at: u64, now: u64) -> Step {
        let step = self.machine.step(event.clone(), now);
        if let Some(twin) = &mut self.twin {
            let same = twin.step(event.clone(), now);
            assert_eq!(
                same.command, step.command,
                "the twin of a snapshot goes another way"
            );
            if self.has_told {
                assert_eq!(same.update, step.update, "the twin tells something else");
            }
        }
        let was_asking = self.asking;
        let books = &mut self.books;
        // Of those who wait, one may wait for what only its token says.
        let floor = match event {
            Event::Answer(_) | Event::Told(_) | Event::NetworkError => floor,
            _ => books.floor,
        };
        let options = &books.options;
        let deadline = books.deadline.unwrap_or(u64::MAX);
        let overdue = deadline <= now;
        let min_after = now.saturating_add(options.min_interval);
        let interval = match event {
            Event::PollNow => options.min_interval.min(SHORTEST_DEMANDED),
            _ => options.min_interval,
        };
        let mut end = None;
        // When it may and must ask again: both ends of the pace.
        let (mut from, mut by) = (0, u64::MAX);
        let asked_at = match event {
            Event::Told(_) => now,
            _ => asked_at,
        };
        match event {
            Event::Answer(Answer {
                outcome: Ok(video),
                is_bare_accept,
                failure_meant,
                ..
            })
            | Event::Told(Answer {
                outcome: Ok(video),
                is_bare_accept,
                failure_meant,
                ..
            }) => {
                let floor = if *is_bare_accept { floor } else { 0 };
                (books.failures, books.retrying, books.floor) = (0, None, floor);
                from = min_after.max(floor);
                books.failed_words = match (failure_meant, books.failed_words) {
                    (None, _) => (0, 0),
                    (Some(_), (0, _)) => (1, now),
                    (Some(_), (times, since)) => (times + 1, since),
                };
                let pace = match (books.is_stale, books.is_followed) {
                    (true, _) => options.min_interval,
                    (false, true) => {
                        let longest = WATCHED.max(options.max_interval);
                        from = now.saturating_add(longest - longest / 50);
                        longest
                    }
                    (false, false) => options.max_interval,
                };
                by = now.saturating_add(pace).max(floor);
                let (times, since) = books.failed_words;
                if times >= 3 && now - since >= 30_000 {
                    end = Some(ErrorCode::VideoFailed);
                }
                if floor > 0 && books.deadline.is_some_and(|deadline| floor >= deadline) {
                    end = Some(ErrorCode::Timeout);
                }
                match &video.status {
                    Status::Done { url, .. } => {
                        assert_eq!(step.command, Command::Done, "DONE wins, however late");
                        let update = step.update.as_ref().expect("the video is told");
                        assert!(
                            matches!(&update.video.status, Status::Done { url: told, .. } if told == url)
                        );
                        books.over = true;
                        return step;
                    }
                    Status::Error { .. } => end = Some(ErrorCode::VideoFailed),
                    _ => {}
                }
            }
            Event::Answer(_) | Event::Told(_) | Event::NetworkError => match transient(event) {
                None => {
                    let (Event::Answer(Answer {
                        outcome: Err(failure),
                        ..
                    })
                    | Event::Told(Answer {
                        outcome: Err(failure),
                        ..
                    })) = event
                    else {
                        panic!("no failure: {event:?}")
                    };
                    end = Some(failure.code);
                }
                Some(code) => {
                    books.failures = books.failures.saturating_add(1);
                    books.retrying = Some(code);
                    books.floor = floor;
                    from = min_after.max(floor);
                    let doubled = 1_000_u64
                        .min(options.max_interval)
                        .saturating_mul(1 << (books.failures - 1).min(30));
                    by = now
                        .saturating_add(doubled.min(LONGEST_BACKOFF).max(options.min_interval))
                        .max(floor);
                    if options.max_failures != u32::MAX && books.failures >= options.max_failures {
                        end = Some(code);
                    } else if floor > 0 && books.deadline.is_some_and(|deadline| floor >= deadline)
                    {
                        end = Some(ErrorCode::Timeout);
                    }
                }
            },
            Event::Offline => {
                books.retrying = Some(ErrorCode::Network);
                from = now.saturating_add(options.max_interval);
                by = from.max(floor);
            }
            Event::Wake | Event::SharedRequest if overdue => {}
            Event::PollNow if overdue && !was_asking => {}
            Event::Wake if floor > now => (from, by) = (floor, floor),
            Event::Wake | Event::SharedRequest => {
                assert_eq!(
                    step.command,
                    Command::Fetch {
                        give_up_at: books.deadline
                    },
                    "woken, it asks"
                );
                return step;
            }
            Event::Followed(_) | Event::News if was_asking => {
                if let Event::Followed(is_followed) = event {
                    books.is_followed = *is_followed;
                } else {
                    books.is_stale = true;
                }
                assert!(matches!(step.command, Command::Fetch { .. }));
                return step;
            }
            Event::Followed(is_followed)
                if *is_followed
                    || !std::mem::replace(&mut books.is_followed, *is_followed)
                    || books.retrying.is_some() =>
            {
                books.is_followed = *is_followed;
                assert_eq!(
                    step.command,
                    Command::Sleep {
                        until: self.due.unwrap()
                    },
                    "no news"
                );
                return step;
            }
            Event::News if books.retrying.is_some() => {
                assert_eq!(
                    step.command,
                    Command::Sleep {
                        until: self.due.unwrap()
                    },
                    "no hurry"
                );
                return step;
            }
            Event::PollNow | Event::Nudge | Event::News | Event::Followed(_) => {
                match step.command {
                    Command::Fetch { .. } => {
                        let allowed = asked_at.saturating_add(interval);
                        assert!(
                            allowed <= now && floor <= now && !overdue,
                            "nudged beyond the pace"
                        );
                        return step;
                    }
                    _ => {
                        // Time being over is found out by the alarm, which is never later than this.
                        assert!(
                            matches!(step.command, Command::Sleep { until } if until <= deadline)
                        );
                        assert!(
                            matches!(step.command, Command::Sleep { until } if until <= self.ask_by)
                        );
                        if !matches!(event, Event::Nudge) {
                            let soon = asked_at.saturating_add(interval).max(floor);
                            assert!(
                                matches!(step.command, Command::Sleep { until } if until <= soon)
                            );
                        }
                        return step;
                    }
                }
            }
            other => panic!("there is no rule for {other:?}"),
        }
        if end.is_none() && overdue {
            end = Some(ErrorCode::Timeout);
        }
        match (end, &step.command) {
            (Some(code), Command::Failed(failure)) => {
                assert_eq!(failure.code, code, "{event:?}");
                (books.over, books.retrying) = (true, None);
                books.timed_out = code == ErrorCode::Timeout;
            }
            (None, Command::Sleep { until }) => {
                assert!(
                    *until >= from.min(deadline),
                    "{until} is sooner than {from}"
                );
                assert!(*until <= by.min(deadline), "{until} is later than {by}");
                self.ask_by = by;
                books.is_stale = false;
            }
            (end, command) => panic!("{event:?} leads to {command:?} instead of {end:?}"),
        }
        step
    }

    /// As `Loop::obey` does it; what is told is held against what was told before.
    fn obey(
        &mut self,
        step: &Step,
        asked: u32,
        said: &Said,
        now: u64,
        settled: &mut Vec<Left>,
    ) -> bool {
        if let Some(update) = &step.update {
            self.audit_update(update, asked, now);
            self.audit_origin(update, said, now);
        }
        match step.command {
            Command::Fetch { give_up_at } => (self.asking, self.due) = (true, give_up_at),
            Command::Sleep { until } => (self.asking, self.due) = (false, Some(until)),
            Command::Done | Command::Failed(_) => {
                settled.push(Left {
                    serial: self.serial,
                    saved: self.save(0),
                    snapshot: self.machine.snapshot(),
                });
                let mut after = self.machine.clone();
                for event in [
                    Event::Wake,
                    Event::Nudge,
                    Event::PollNow,
                    Event::NetworkError,
                    Event::Offline,
                ] {
                    assert_eq!(after.step(event, now + 1).command, step.command);
                }
                return false;
            }
        }
        true
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
            assert_eq!(update.remaining_ms, said.progress.remaining(now));
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
        self.has_told = true;
        let books = &mut self.books;
        let is_done = matches!(update.video.status, Status::Done { .. });
        assert_eq!(update.video_id, ID);
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
        assert_eq!(update.retrying, books.retrying);
        assert_eq!(self.machine.current(now).as_ref(), Some(update));
        if let Status::RenderingVideo { progress, .. }
        | Status::StartRenderingVideo { progress, .. } = update.video.status
        {
            assert!((0.0..=1.0).contains(&progress));
        }
        books.overall = update.overall;
        books.requests = update.requests;
        if is_done {
            // What a token keeps of a whole job is a little less: DONE has to be heard anew.
            books.overall = 0.999_999;
        }
    }
}

/// Reads an answer as a carrier does.
pub(crate) fn read(answered: &Answered) -> Event {
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
    Event::Answer(answer)
}
