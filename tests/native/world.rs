//! A poll against a pretend server in virtual time, with a network that takes its time. It keeps the
//! books that the tests audit; it decides nothing.

use iacrea_simulator::{Body, Options as Server, Reply, Request, Simulator, VideoOptions};
use iacrea_video::core::answer::{Answer, Response};
use iacrea_video::core::error::Failure;
use iacrea_video::core::host::Native;
use iacrea_video::core::machine::{Command, Event, Machine, Step, Update};
use iacrea_video::core::options::{Options, RawOptions};

/// A date in 2027, so that HTTP dates are as in life.
pub(crate) const START: u64 = 1_800_000_000_000;
/// As the package has it.
const REQUEST_TIMEOUT: u64 = 30_000;
const MAX_RESPONSE_BYTES: u64 = 1_048_576;

/// Reads an answer as a carrier does.
pub(crate) fn answer(http_status: u16, retry_after: Option<&str>, body: &str) -> Event {
    let response = Response {
        http_status,
        retry_after,
        body,
        ..Response::default()
    };
    Event::Answer(Answer::read::<Native>(response, "v"))
}

/// How one run ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    Done(Update),
    Failed(Failure),
}

/// What is done to the machine between two steps.
pub(crate) enum Cut {
    None,
    /// Written down whole and read back.
    Snapshot,
    /// Given up, and taken up again from its token after so many milliseconds.
    Token(u64),
}

/// The books of one run.
pub(crate) struct Run {
    pub(crate) end: End,
    pub(crate) ended_at: u64,
    /// When each request left.
    pub(crate) asked: Vec<u64>,
    pub(crate) updates: Vec<Update>,
}

/// Small and seeded, for the network and the cuts.
pub(crate) struct Dice(pub u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Runs one poll of one scenario to its end, auditing every step.
pub(crate) fn run(
    scenario: &str,
    seed: u64,
    options: &Options,
    mut cut: impl FnMut(&mut Dice) -> Cut,
) -> Run {
    let mut server = Simulator::new(Server {
        seed,
        ..Server::default()
    })
    .unwrap();
    let video = VideoOptions {
        scenario: Some(scenario.to_owned()),
        ..VideoOptions::default()
    };
    let id = server.create_video_with(video, START).unwrap();
    let path = format!("/api/video-editor/generate/video/{id}");
    let mut network = Dice(seed ^ 0x00C0_FFEE);
    let mut knife = Dice(seed ^ 0x0BAD_CAFE);
    let mut now = START;
    let (mut machine, mut step) = Machine::start(&id, options.clone(), now);
    let (mut asked, mut updates) = (Vec::new(), Vec::<Update>::new());
    loop {
        if let Some(update) = step.update.take() {
            audit_update(&update, updates.last());
            updates.push(update);
        }
        let event = match step.command.clone() {
            Command::Done => {
                return Run {
                    end: End::Done(updates.last().unwrap().clone()),
                    ended_at: now,
                    asked,
                    updates,
                };
            }
            Command::Failed(failure) => {
                return Run {
                    end: End::Failed(failure),
                    ended_at: now,
                    asked,
                    updates,
                };
            }
            Command::Sleep { until } => {
                assert!(until >= now, "sleeps into the past");
                now = until;
                Event::Wake
            }
            Command::Fetch { give_up_at } => {
                asked.push(now);
                let (event, at) = exchange(&mut server, &path, &id, &mut network, now);
                now = give_up_at.map_or(at, |limit| at.min(limit));
                if now < at { Event::Wake } else { event }
            }
        };
        let is_done = is_done(&event);
        step = machine.step(event, now);
        assert_eq!(
            step.command == Command::Done,
            is_done,
            "DONE is neither lost nor invented"
        );
        if !matches!(step.command, Command::Fetch { .. } | Command::Sleep { .. }) {
            continue;
        }
        match cut(&mut knife) {
            Cut::None => {}
            Cut::Snapshot => {
                let restored = Machine::restore(&machine.snapshot()).unwrap();
                assert_eq!(restored, machine, "a snapshot is the machine");
                machine = restored;
            }
            Cut::Token(pause) => {
                if let Some(update) = step.update.take() {
                    audit_update(&update, updates.last());
                    updates.push(update);
                }
                now += pause;
                let token = machine.resume_token(0);
                (machine, step) = Machine::resume(&token, &id, RawOptions::default(), now).unwrap();
            }
        }
    }
}

/// One request: what comes back, and when.
fn exchange(
    server: &mut Simulator,
    path: &str,
    id: &str,
    network: &mut Dice,
    now: u64,
) -> (Event, u64) {
    let there = now + 10 + network.roll(150);
    let back = there + 10 + network.roll(150);
    let reply = server.handle(&Request::get(path, "demo-key"), there);
    let Reply::Answer(told) = &reply else {
        let at = if reply == Reply::Hang {
            now + REQUEST_TIMEOUT
        } else {
            back
        };
        return (Event::NetworkError, at);
    };
    let (body, oversized) = match &told.body {
        Body::Whole(text) => (text.as_str(), false),
        Body::Long { open, filler, .. } => (open.as_str(), *filler > MAX_RESPONSE_BYTES),
        Body::Stalled(_) => return (Event::NetworkError, now + REQUEST_TIMEOUT),
        Body::Cut { .. } => return (Event::NetworkError, back),
    };
    let response = Response {
        http_status: told.status,
        retry_after: reply.header("retry-after"),
        date: reply.header("date"),
        body: body.trim_start_matches('\u{feff}'),
        oversized,
    };
    (Event::Answer(Answer::read::<Native>(response, id)), back)
}

fn is_done(event: &Event) -> bool {
    let Event::Answer(Answer {
        outcome: Ok(video), ..
    }) = event
    else {
        return false;
    };
    video.status.name() == "DONE"
}

fn audit_update(update: &Update, before: Option<&Update>) {
    let is_done = update.video.status.name() == "DONE";
    assert!((0.0..=1.0).contains(&update.overall));
    assert_eq!(
        update.overall == 1.0,
        is_done,
        "the whole job is done when, and only when, it is DONE"
    );
    if let Some(before) = before {
        assert!(
            update.overall >= before.overall,
            "overall fell from {} to {}",
            before.overall,
            update.overall
        );
        assert!(update.elapsed_ms >= before.elapsed_ms && update.requests >= before.requests);
    }
}

/// A step's command, for tests that look at nothing else.
pub(crate) fn sleeps_until(step: &Step) -> u64 {
    match step.command {
        Command::Sleep { until } => until,
        ref other => panic!("expected a sleep, got {other:?}"),
    }
}
