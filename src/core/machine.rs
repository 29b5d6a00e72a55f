//! The state machine of one poll: `(state, event, now) -> (state, command)`. It is the only place
//! that decides what an answer means for the poll, when to ask again and when to give up.
//!
//! A carrier obeys: it sends a request when told to, comes back with what it got, sleeps as long as
//! it is told, and reports anything else that happens. It need not be punctual: time is judged by
//! `now`, and a state may be written down ([`Machine::snapshot`], [`Machine::resume_token`]) and
//! taken up again elsewhere between any two steps.

use super::Millis;
use super::answer::{Answer, RetryAfter, fingerprint};
use super::cadence::{self, Jitter};
use super::durations::Durations;
use super::error::{Brief, ErrorCode, Failure};
use super::messages::Reason;
use super::options::{Options, RawOptions, sooner};
use super::progress::{Progress, WHOLE};
use super::status::{Status, VideoStatus};
use std::sync::Arc;

/// However long the pauses are.
const LONGEST_LEAD: Millis = 60_000;
/// How long the answer to the last question may take: longer than a request does.
const LAST_ANSWER: Millis = 60_000;
/// Between a request and one that somebody wants now, at least; less only where `min_interval` is.
const SHORTEST_DEMANDED: Millis = 1_000;
/// A status that means failure, and is not the documented one, counts after so many in a row,
const FAILED_TIMES: u32 = 3;
/// over at least so long: a server that generates a failed clip again has another status by then.
const FAILED_FOR: Millis = 30_000;

/// What has happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The server answered.
    Answer(Answer),
    /// Somebody else asked the same, for all who want to know: the answer, instead of the machine's own
    /// question if it was about to ask.
    Told(Answer),
    /// A request came to nothing: no answer, a broken one, or none in time.
    NetworkError,
    /// The same, where the carrier knows more of why.
    RequestFailed(Reason),
    /// The same, while the host knows that it has no network: not counted as a failure.
    Offline,
    /// The time of the last command has come.
    Wake,
    /// Somebody says that a request is worth it now, as a webhook does. Anybody may say so, so it leaves
    /// no sooner than a second after the last one, or `min_interval` where that is shorter; until then it
    /// is put off, and while a request is under way it is that one.
    PollNow,
    /// Another poll of this video sends a request now, whose response is for this one too.
    SharedRequest,
    /// Something makes asking likely worth it (the tab is back, the network is back). It hastens
    /// the next question, but within the pace.
    Nudge,
    /// Whether from now on somebody says when there is news. While they do, asking can be rare.
    Followed(bool),
    /// There is news. It is asked for as soon as the pace allows, also where a question is under
    /// way: its answer may be the older one.
    News,
}

/// What the carrier is to do next. All that there will be in this version: who does not know a command
/// cannot carry it out.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Ask the server and come back with an [`Event::Answer`] or [`Event::NetworkError`]; or with
    /// [`Event::Wake`] at `give_up_at`, if there is no answer by then.
    Fetch {
        /// The deadline; `None` where only the limit of the request itself holds.
        give_up_at: Option<Millis>,
    },
    /// Come back with [`Event::Wake`] at this time.
    Sleep {
        /// When.
        until: Millis,
    },
    /// The video is done; it is in the update of this step.
    Done,
    /// The poll is over without it.
    Failed(Failure),
}

/// What a poll tells of its video.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Update {
    /// The id that was asked for.
    pub video_id: String,
    /// The status; clips and credits that the server omitted are carried forward, `progress` is 0 to 1.
    pub video: Arc<VideoStatus>,
    /// The whole job, 0 to 1; never falls.
    pub overall: f64,
    /// Estimate of the time left, in milliseconds; none while there is no ground for one.
    pub remaining_ms: Option<Millis>,
    /// Since the poll began, in milliseconds.
    pub elapsed_ms: Millis,
    /// Requests sent for this video so far.
    pub requests: u32,
    /// Why the last request failed, while it is being retried.
    pub retrying: Option<ErrorCode>,
}

/// A failure that is going to be retried.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retry {
    /// The failure, without the server's words: whoever carried the response has those.
    pub failure: Failure,
    /// 1 for the first failure in a row.
    pub attempt: u32,
    /// Until the next request, in milliseconds; until the deadline, where that comes first.
    pub next_in: Millis,
}

/// The outcome of one step.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// What to do next.
    pub command: Command,
    /// There is something new to tell.
    pub update: Option<Update>,
}

/// One poll of one video.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    pub(super) id: String,
    pub(super) options: Options,
    pub(super) started: Millis,
    pub(super) deadline: Option<Millis>,
    pub(super) phase: Phase,
    pub(super) job: Job,
    /// In a poll that was resumed: what the server itself has said since then. A token may be forged, so
    /// this, and nothing of `job`, is what others take over. `None` where `job` is that already.
    pub(super) shared: Option<Box<Job>>,
    /// News will be told. It is the carrier that hears them, so this is written down nowhere.
    pub(super) is_followed: bool,
    /// There was news after the question that is under way.
    pub(super) is_stale: bool,
    /// What the last update told; nothing yet in a poll that was just started or resumed.
    pub(super) told: Option<Told>,
    /// How many statuses in a row meant failure without being the documented one, and since when. They are counted for
    /// this poll alone; one that is resumed from a token counts anew.
    pub(super) failed_words: (u32, Millis),
}

/// Where the poll stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Phase {
    Asking,
    Sleeping { until: Millis },
    Done,
    Failed(Failure),
}

/// What is known of the video and the server.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Job {
    pub(super) last: Option<Arc<VideoStatus>>,
    pub(super) fingerprint: u64,
    pub(super) progress: Progress,
    pub(super) requests: u32,
    pub(super) asked_at: Millis,
    /// Transient failures in a row.
    pub(super) failures: u32,
    /// The failure that is being retried.
    pub(super) retrying: Option<Brief>,
    /// The server asked not to be asked before this.
    pub(super) not_before: Millis,
    pub(super) jitter: Jitter,
    /// A request has had an outcome, whatever it was.
    pub(super) had_outcome: bool,
}

impl Job {
    /// Of a video that nobody has asked about.
    pub(super) fn new(id: &str, now: Millis) -> Self {
        Self {
            last: None,
            fingerprint: 0,
            progress: Progress::default(),
            requests: 0,
            asked_at: now,
            failures: 0,
            retrying: None,
            not_before: 0,
            jitter: Jitter::new(fingerprint(id) ^ now),
            had_outcome: false,
        }
    }

    /// A request leaves.
    fn requested(&mut self, now: Millis) {
        self.requests = self.requests.saturating_add(1);
        self.asked_at = now;
    }

    /// A response came that is no failure, with the time before which no other request may follow.
    fn goes_on(&mut self, not_before: Millis) {
        self.had_outcome = true;
        self.failures = 0;
        self.retrying = None;
        self.not_before = not_before;
    }

    /// The server told a status.
    fn observe(
        &mut self,
        mut video: VideoStatus,
        fingerprint: u64,
        now: Millis,
    ) -> Arc<VideoStatus> {
        self.goes_on(0);
        self.fingerprint = fingerprint;
        if let Some(last) = &self.last {
            // A list of clips that is omitted while rendering, say, is still the last one sent.
            video.generated_content = video
                .generated_content
                .or_else(|| last.generated_content.clone());
            video.credits_total = video.credits_total.or(last.credits_total);
            video.credits_used = video.credits_used.or(last.credits_used);
        }
        self.progress.observe(&mut video, now);
        let video = Arc::new(video);
        self.last = Some(Arc::clone(&video));
        video
    }

    /// Takes over what another poll of the same video knows, whose next request is this one's too: the
    /// `own` that this one was about to send are not its own any more.
    fn join(&mut self, other: &Self, own: u32) {
        // That one may have heard nothing of the video yet.
        if self.last.is_none() || other.last.is_some() {
            self.last = other.last.clone();
            self.fingerprint = other.fingerprint;
            self.progress.absorb(&other.progress);
        }
        self.requests = other.requests.max(self.requests.saturating_sub(own));
        self.asked_at = other.asked_at;
        self.failures = 0;
        self.retrying = other.retrying;
        self.not_before = other.not_before;
        self.jitter = other.jitter.clone();
        self.had_outcome = other.had_outcome;
    }

    /// A clock that was set back, or was ahead where a token was written: all is as far off as it was when it was
    /// asked last.
    fn keep_up(&mut self, now: Millis) {
        let ahead = self.asked_at.saturating_sub(now);
        if ahead > 0 {
            self.asked_at = now;
            self.not_before = self.not_before.saturating_sub(ahead);
            self.progress.set_back(ahead);
        }
    }
}

pub(super) type Told = (u64, u32, Option<ErrorCode>);

impl Machine {
    /// Starts a poll; the first command is to ask at once. The id is taken as it is: see
    /// [`check_id`]. `options` that cannot work are brought to the nearest that can: see
    /// [`Options::sound`].
    pub fn start(id: &str, options: Options, now: Millis) -> (Self, Step) {
        Self::start_checked(id, options.sound(), now)
    }

    /// The same with options that have passed [`RawOptions::check`].
    pub(crate) fn start_checked(id: &str, options: Options, now: Millis) -> (Self, Step) {
        let deadline = options.timeout.map(|timeout| now.saturating_add(timeout));
        let mut machine = Self {
            id: id.to_owned(),
            options,
            started: now,
            deadline,
            phase: Phase::Asking,
            job: Job::new(id, now),
            shared: None,
            is_followed: false,
            is_stale: false,
            told: None,
            failed_words: (0, 0),
        };
        let step = machine.ask(now);
        (machine, step)
    }

    /// Goes on where the poll that wrote `token` stopped: with its deadline and progress. It asks at
    /// once, unless the server has asked to be left alone; a poll whose deadline has passed meanwhile
    /// asks one last time. One that had ended with [`ErrorCode::Timeout`] starts a new allowance; one that
    /// is under way, or ended otherwise, has what is left of its own, or `options.timeout_ms` from now on,
    /// whichever is over sooner. The first step has what the token knows as its update, so that a progress
    /// bar stands where it stood before a reload: status, `overall`, and which clips were ready. A token is
    /// never a finished video.
    ///
    /// Anyone can write a token, so it makes a poll slower or shorter than it would be without, and
    /// never faster or longer: what `options` gives counts, and of what it does not give the more
    /// modest of token and [default](Options::default). Whoever used shorter intervals or longer limits
    /// gives them again. A deadline of the token counts where it is the sooner one.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`]: a token that is damaged, of another version (see
    /// [`Machine::is_of_another_version`]) or of another video, a snapshot, or options that cannot work.
    pub fn resume(
        token: &str,
        id: &str,
        options: RawOptions,
        now: Millis,
    ) -> Result<(Self, Step), Failure> {
        let mut machine = Self::read_token(token)?;
        if machine.id != id {
            return Err(Failure::invalid(
                "resumeToken is of another video: give the one of this id, or none",
            ));
        }
        machine.options = options.check(&machine.options.held_to(&Options::default()))?;
        // The clock of the place where the token was written may have been ahead.
        machine.job.keep_up(now);
        machine.started = machine.started.min(now);
        let fresh = Job::new(id, now);
        machine.job.jitter = fresh.jitter.clone();
        machine.shared = Some(Box::new(fresh));
        let allowance = machine
            .options
            .timeout
            .map(|timeout| now.saturating_add(timeout));
        machine.deadline = sooner(machine.deadline, allowance);
        if matches!(machine.phase, Phase::Done | Phase::Failed(_)) {
            let timed_out = matches!(&machine.phase, Phase::Failed(failure) if failure.code == ErrorCode::Timeout);
            if timed_out {
                machine.deadline = allowance;
            }
            machine.job.failures = 0;
        }
        machine.told = None;
        let mut step = if machine.job.not_before > now {
            machine.rest(machine.job.not_before, now)
        } else {
            machine.ask(now)
        };
        step.update = step.update.or_else(|| machine.news(now));
        Ok((machine, step))
    }

    /// Starts a poll beside one of the same video that is under way: it takes over what the server has
    /// said to that one and waits for the same next answer, with a deadline and options of its own.
    /// `None` where that one waits without having heard from the server: the step that this one was
    /// started or resumed with stands.
    pub fn join(&mut self, other: &Machine, now: Millis) -> Option<Step> {
        let theirs = other.shared.as_deref().unwrap_or(&other.job);
        let is_asleep = matches!(other.phase, Phase::Sleeping { .. });
        (self.is_followed, self.is_stale) = (other.is_followed, other.is_stale);
        if is_asleep && !theirs.had_outcome {
            return None;
        }
        // The step that this poll was started or resumed with is not carried out, nor is its update told.
        self.told = None;
        let own = u32::from(self.is_requesting());
        self.each(&mut |job| job.join(theirs, own));
        Some(match other.phase {
            Phase::Sleeping { .. } if self.is_overdue(now) && self.job.not_before <= now => {
                let allowed = self.job.asked_at.saturating_add(self.options.min_interval);
                if allowed > now || self.job.retrying.is_some() {
                    // What that one has just heard counts as the last answer, so that however many
                    // come too late nobody asks more often for it, nor presses a server in trouble.
                    self.end(Failure::new(ErrorCode::Timeout), now)
                } else {
                    self.ask(now)
                }
            }
            Phase::Sleeping { until } => {
                // Its own pace may be the tighter one, unless the server is in trouble.
                let own = match self.job.last.clone() {
                    Some(video) if self.job.retrying.is_none() => {
                        let pause = self.pause(&video, now);
                        Some(self.job.asked_at.saturating_add(pause))
                    }
                    _ => None,
                };
                // One that sleeps until its own end is not going to ask then, and when one that was
                // resumed is going to ask is for its token to say.
                let is_theirs = other.shared.is_none() && other.deadline != Some(until);
                let next = match (own, is_theirs) {
                    (Some(own), true) => until.min(own),
                    (Some(own), false) => own,
                    (None, true) => until,
                    (None, false) => now.saturating_add(cadence::backoff(
                        theirs.failures.max(1),
                        &self.options,
                        &mut self.job.jitter,
                    )),
                };
                self.rest(next.max(self.job.not_before).max(now), now)
            }
            _ => Step {
                command: self.fetch(now),
                update: self.news(now),
            },
        })
    }

    /// One step: what to do next, after `event` at the time `now`. Once the poll is over it tells its
    /// end again, whatever happens.
    pub fn step(&mut self, event: Event, now: Millis) -> Step {
        if let Some(ended) = self.ended(now) {
            return ended;
        }
        self.keep_up(now);
        let is_asking = self.is_requesting();
        match event {
            Event::Answer(answer) => self.answered(answer, now),
            Event::Told(answer) => {
                self.each(&mut |job| {
                    job.requests = job.requests.saturating_sub(u32::from(is_asking));
                    job.asked_at = now;
                });
                self.answered(answer, now)
            }
            Event::NetworkError => self.failed(Failure::new(ErrorCode::Network), None, now),
            Event::RequestFailed(reason) => self.failed(Failure::of(reason), None, now),
            Event::Offline => {
                self.each(&mut |job| {
                    job.had_outcome = true;
                    job.retrying = Some(Failure::of(Reason::Offline).brief());
                });
                self.go_on(now.saturating_add(self.options.max_interval), now)
            }
            Event::Wake | Event::SharedRequest if self.is_overdue(now) => {
                self.end(Failure::new(ErrorCode::Timeout), now)
            }
            Event::PollNow if self.is_overdue(now) && !is_asking => {
                self.end(Failure::new(ErrorCode::Timeout), now)
            }
            Event::Wake if self.job.not_before > now => self.sleep_until(self.job.not_before),
            Event::Wake | Event::SharedRequest => self.ask(now),
            Event::Nudge => self.hasten(self.options.min_interval, now),
            Event::PollNow => self.hasten(self.options.min_interval.min(SHORTEST_DEMANDED), now),
            Event::Followed(is_followed) => {
                let is_lost = self.is_followed && !is_followed;
                self.is_followed = is_followed;
                self.heed(is_lost, now)
            }
            Event::News => {
                self.is_stale |= is_asking;
                self.heed(true, now)
            }
        }
    }

    /// The next request so long after the last one, if it would not leave sooner anyway.
    fn hasten(&mut self, interval: Millis, now: Millis) -> Step {
        match self.phase {
            Phase::Sleeping { until } => {
                let allowed = self
                    .job
                    .asked_at
                    .saturating_add(interval)
                    .max(self.job.not_before);
                if allowed <= now && !self.is_overdue(now) {
                    self.ask(now)
                } else {
                    self.sleep_until(until.min(allowed))
                }
            }
            _ => Step {
                command: self.fetch(now),
                update: None,
            },
        }
    }

    /// The same where there is something to hear; but news are no reason to press a server in trouble.
    fn heed(&mut self, has_news: bool, now: Millis) -> Step {
        match self.phase {
            Phase::Sleeping { until } if !has_news || self.job.retrying.is_some() => {
                self.sleep_until(until)
            }
            _ => self.hasten(self.options.min_interval, now),
        }
    }

    /// The time came, or somebody says that there is news: for an engine that keeps nothing but the
    /// snapshot between two steps, and may have lost the answer that it was waiting for. It asks no
    /// sooner than `min_interval` after the last question, and whoever is woken too late asks once
    /// more, and waits a minute at most for that answer, before the poll times out.
    ///
    /// A request whose response is lost is a failed one, and is sent anew after as long as failed ones are
    /// at most. So a poll that is woken for ever, and never told of a response, ends as one does whose
    /// requests all fail.
    pub fn wake(&mut self, now: Millis) -> Step {
        if let Some(ended) = self.ended(now) {
            return ended;
        }
        self.keep_up(now);
        if self.is_overdue(self.job.asked_at) {
            // That was the one question more, and no wake says that its answer is lost.
            let until = self.job.asked_at.saturating_add(LAST_ANSWER);
            return if until > now {
                self.hold_on(until)
            } else {
                self.end(Failure::new(ErrorCode::Timeout), now)
            };
        }
        match self.phase {
            Phase::Sleeping { until } if until > now => self.step(Event::Nudge, now),
            Phase::Sleeping { until }
                if self.deadline != Some(until)
                    || now >= until.saturating_add(self.options.min_interval) =>
            {
                self.ask(now)
            }
            Phase::Asking => {
                let lease = if self.is_overdue(now) {
                    self.options.min_interval
                } else {
                    cadence::longest_backoff(self.job.failures.saturating_add(1), &self.options)
                };
                let again = self.job.asked_at.saturating_add(lease);
                if again <= now {
                    self.request_lost(now)
                } else {
                    // It goes on waiting for the response, to the deadline too, but no less than before any request.
                    let soonest = self.job.asked_at.saturating_add(self.options.min_interval);
                    let latest = self
                        .deadline
                        .map_or(again, |deadline| deadline.max(soonest));
                    Step {
                        command: Command::Sleep {
                            until: again.min(latest),
                        },
                        update: None,
                    }
                }
            }
            _ => self.step(Event::Wake, now),
        }
    }

    /// Of which video.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Has it expect what earlier videos of its client took.
    pub fn expect(&mut self, durations: Durations) {
        self.each(&mut |job| job.progress.durations = durations);
    }

    /// What this video took, if it is done. A poll that was resumed does not say: it has the beginning of its video from
    /// the token.
    pub fn observed(&self) -> Option<Durations> {
        (self.phase == Phase::Done && self.shared.is_none()).then_some(self.job.progress.durations)
    }

    /// In a queue of questions, by how much earlier this one counts as having come: a video that is
    /// nearly done goes before one that has just begun, and neither waits for ever.
    pub fn lead(&self) -> Millis {
        let longest = self.options.max_interval.min(LONGEST_LEAD);
        let known = self.shared.as_deref().unwrap_or(&self.job);
        longest * Millis::from(known.progress.overall) / Millis::from(WHOLE)
    }

    /// What is known now, told anew; nothing before the first status.
    pub fn current(&self, now: Millis) -> Option<Update> {
        Some(Update {
            video_id: self.id.clone(),
            video: self.job.last.clone()?,
            overall: self.job.progress.overall(),
            remaining_ms: self.job.progress.remaining(now),
            elapsed_ms: now.saturating_sub(self.started),
            requests: self.job.requests,
            retrying: self.retrying(),
        })
    }

    /// Why the last request failed, while it is being retried.
    pub(crate) fn retrying(&self) -> Option<ErrorCode> {
        self.job.retrying.map(|failure| failure.reason.code())
    }

    /// The failure that is being retried, while the poll waits for the next request.
    pub fn retry(&self, now: Millis) -> Option<Retry> {
        let Phase::Sleeping { until } = self.phase else {
            return None;
        };
        Some(Retry {
            failure: self.job.retrying?.into(),
            attempt: self.job.failures.max(1),
            next_in: until.saturating_sub(now),
        })
    }

    /// Whether it waits for a response.
    pub fn is_requesting(&self) -> bool {
        self.phase == Phase::Asking
    }

    /// When this poll sends its next request, as far as it knows; nothing where its deadline comes first.
    pub fn next_request(&self, now: Millis) -> Option<Millis> {
        match self.phase {
            Phase::Asking => Some(now),
            Phase::Sleeping { until } => (self.deadline != Some(until)).then_some(until),
            Phase::Done | Phase::Failed(_) => None,
        }
    }

    fn answered(&mut self, answer: Answer, now: Millis) -> Step {
        let mut video = match answer.outcome {
            Ok(video) if answer.is_bare_accept => {
                return self.accepted(&video, answer.retry_after, now);
            }
            Ok(video) => video,
            Err(failure) => return self.failed(failure, answer.retry_after, now),
        };
        match answer.failure_meant {
            Some(end) if self.is_failed_for_good(now) => {
                video.status = end;
                // The body may be the same as before, and is news all the same.
                self.told = None;
            }
            Some(_) => {}
            None => self.failed_words = (0, 0),
        }
        if let Some(shared) = &mut self.shared {
            shared.observe(video.clone(), answer.fingerprint, now);
        }
        let video = self.job.observe(video, answer.fingerprint, now);
        match &video.status {
            Status::Done { .. } => {
                self.phase = Phase::Done;
                self.told = Some(self.telling());
                Step {
                    command: Command::Done,
                    update: self.current(now),
                }
            }
            Status::Error {
                message,
                raw_status,
            } => {
                let failure = Failure {
                    is_inferred: raw_status.is_some(),
                    ..Failure::new(ErrorCode::VideoFailed)
                };
                let words = message.as_deref().or(answer.unexplained.as_deref());
                self.end(failure.with_detail(words.unwrap_or_default()), now)
            }
            _ => {
                let pause = self.pause(&video, now);
                self.go_on(now.saturating_add(pause), now)
            }
        }
    }

    /// Counts one more status that means failure; whether that is enough to end the poll.
    fn is_failed_for_good(&mut self, now: Millis) -> bool {
        let (times, since) = &mut self.failed_words;
        // A clock that was set back has not seen so long pass.
        *since = if *times == 0 { now } else { now.min(*since) };
        *times = times.saturating_add(1);
        *times >= FAILED_TIMES && now - *since >= FAILED_FOR
    }

    /// The job goes on, and the response says no more: it is no failure, and the status stays what it was. `video`
    /// stands for one where there was none yet.
    fn accepted(
        &mut self,
        video: &VideoStatus,
        retry_after: Option<RetryAfter>,
        now: Millis,
    ) -> Step {
        let not_before = retry_after
            .and_then(|asked| asked.not_before(now))
            .unwrap_or(0);
        self.each(&mut |job| job.goes_on(not_before));
        self.failed_words = (0, 0);
        let last = self.job.last.clone();
        let pause = self.pause(last.as_deref().unwrap_or(video), now);
        self.go_on(now.saturating_add(pause).max(not_before), now)
    }

    /// From a question to the next, after an answer that tells of no trouble.
    fn pause(&mut self, video: &VideoStatus, now: Millis) -> Millis {
        let (job, options) = (&mut self.job, &self.options);
        if self.is_stale {
            options.min_interval
        } else if self.is_followed {
            cadence::watch(options, &mut job.jitter)
        } else {
            let took = now.saturating_sub(job.asked_at);
            cadence::pause(video, &job.progress, options, &mut job.jitter, took, now)
        }
    }

    /// The response to the last request is lost, and the next request is due. Nothing is told of it: an
    /// engine that was restarted is no fault of the network.
    fn request_lost(&mut self, now: Millis) -> Step {
        self.each(&mut |job| job.failures = job.failures.saturating_add(1));
        if self.has_failed_too_often() {
            return self.end(Failure::new(ErrorCode::Network), now);
        }
        self.ask(now)
    }

    fn has_failed_too_often(&self) -> bool {
        let most = self.options.max_failures;
        most != u32::MAX && self.job.failures >= most
    }

    fn failed(&mut self, failure: Failure, retry_after: Option<RetryAfter>, now: Millis) -> Step {
        if !failure.is_transient() {
            return self.end(failure, now);
        }
        // Kept also where this poll ends: the server asked it of whoever goes on.
        let not_before = retry_after.and_then(|asked| asked.not_before(now));
        self.each(&mut |job| {
            job.had_outcome = true;
            job.failures = job.failures.saturating_add(1);
            job.retrying = Some(failure.brief());
            job.not_before = not_before.unwrap_or(0);
        });
        if self.has_failed_too_often() {
            return self.end(failure, now);
        }
        let job = &mut self.job;
        let backoff = cadence::backoff(job.failures, &self.options, &mut job.jitter);
        if self
            .deadline
            .is_some_and(|deadline| job.not_before >= deadline)
        {
            let timeout = Failure {
                code: ErrorCode::Timeout,
                reason: Reason::RetryAfterTooLong,
                cause: Some(failure.brief()),
                ..failure
            };
            return self.end(timeout, now);
        }
        self.go_on(now.saturating_add(backoff).max(self.job.not_before), now)
    }

    /// Sleeps until `next`, telling what is new; unless the server wants to be left alone for longer
    /// than there is time.
    fn rest(&mut self, next: Millis, now: Millis) -> Step {
        if self.is_overdue(self.job.not_before) {
            return self.end(Failure::new(ErrorCode::Timeout), now);
        }
        let step = self.sleep_until(next);
        Step {
            update: self.news(now),
            ..step
        }
    }

    /// Sleeps until `next`, telling what is new; unless time is over, or the server wants to be left alone for longer.
    fn go_on(&mut self, next: Millis, now: Millis) -> Step {
        if self.is_overdue(now.max(self.job.not_before)) {
            return self.end(Failure::new(ErrorCode::Timeout), now);
        }
        let step = self.sleep_until(next);
        Step {
            update: self.news(now),
            ..step
        }
    }

    fn sleep_until(&mut self, next: Millis) -> Step {
        let until = self.deadline.map_or(next, |deadline| next.min(deadline));
        self.is_stale = false;
        self.hold_on(until)
    }

    fn hold_on(&mut self, until: Millis) -> Step {
        self.phase = Phase::Sleeping { until };
        Step {
            command: Command::Sleep { until },
            update: None,
        }
    }

    fn ask(&mut self, now: Millis) -> Step {
        self.each(&mut |job| job.requested(now));
        self.is_stale = false;
        Step {
            command: self.fetch(now),
            update: None,
        }
    }

    fn fetch(&mut self, now: Millis) -> Command {
        self.phase = Phase::Asking;
        Command::Fetch {
            give_up_at: self.deadline.filter(|deadline| *deadline > now),
        }
    }

    fn end(&mut self, mut failure: Failure, now: Millis) -> Step {
        if failure.reason == Reason::Timeout {
            let known = self.shared.as_deref().unwrap_or(&self.job);
            if self.job.retrying.is_some() {
                failure = Failure::of(Reason::TimeoutFailing);
                failure.cause = self.job.retrying;
            } else if let Some(last) = &known.last {
                if let Status::Unrecognized { raw_status } = &last.status {
                    failure = failure.with_detail(raw_status);
                }
            } else if self.is_requesting() {
                failure = Failure::of(Reason::TimeoutUnanswered);
            }
        }
        self.phase = Phase::Failed(failure.clone());
        self.job.retrying = None;
        Step {
            command: Command::Failed(failure),
            update: self.news(now),
        }
    }

    fn ended(&self, now: Millis) -> Option<Step> {
        let command = match &self.phase {
            Phase::Asking | Phase::Sleeping { .. } => return None,
            Phase::Done => Command::Done,
            Phase::Failed(failure) => Command::Failed(failure.clone()),
        };
        let update = (command == Command::Done)
            .then(|| self.current(now))
            .flatten();
        Some(Step { command, update })
    }

    /// What this poll knows, and what others may know of it.
    fn each(&mut self, act: &mut dyn FnMut(&mut Job)) {
        act(&mut self.job);
        if let Some(shared) = &mut self.shared {
            act(shared);
        }
    }

    fn keep_up(&mut self, now: Millis) {
        self.each(&mut |job| job.keep_up(now));
    }

    fn is_overdue(&self, now: Millis) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// An update, if there is anything in it that the last one did not tell. Times and counts alone
    /// are no news.
    fn news(&mut self, now: Millis) -> Option<Update> {
        let told = Some(self.telling());
        if self.told == told {
            return None;
        }
        let update = self.current(now)?;
        self.told = told;
        Some(update)
    }

    pub(super) fn telling(&self) -> Told {
        (
            self.job.fingerprint,
            self.job.progress.overall,
            self.retrying(),
        )
    }
}

/// Longest id of a video, in bytes of UTF-8. In a resume token each may take three, and a token has room
/// for that, so that whoever was given one can go on with it.
const LONGEST_ID: usize = 4_096;

/// Checks that a text can name a video: it becomes one segment of the path, which "", "." and ".."
/// cannot be, and is at most 4,096 bytes long. (The examples of the documentation look like UUIDs;
/// nothing promises it.)
///
/// # Errors
/// [`ErrorCode::InvalidArgument`].
pub fn check_id(id: &str) -> Result<(), Failure> {
    match id {
        "" | "." | ".." => Err(Failure::invalid(
            "the id of a video must be a text other than \"\", \".\" and \"..\"",
        )),
        _ if id.len() > LONGEST_ID => Err(Failure::invalid(
            "the id of a video must be at most 4,096 bytes long: pass the id alone",
        )),
        _ => Ok(()),
    }
}
