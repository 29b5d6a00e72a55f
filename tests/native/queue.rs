//! Which request of a session leaves when.

use super::world::{START, answer};
use iacrea_video::core::machine::Event;
use iacrea_video::core::options::RawOptions;
use iacrea_video::core::session::{Command, PollId, RequestId, Session, Settings, Time};

fn at(after: u64) -> Time {
    Time {
        now: START + after,
        ahead: 0,
    }
}

fn session(concurrency: u32, per_second: f64) -> Session<(), ()> {
    Session::new(Settings {
        concurrency,
        per_second,
        ..Settings::default()
    })
}

fn start(session: &mut Session<(), ()>, video: &str, after: u64) -> PollId {
    let options = RawOptions::default();
    session.start(video, options, None, (), at(after)).unwrap()
}

/// The requests that leave now, and for which videos.
fn sent(session: &mut Session<(), ()>) -> Vec<(RequestId, String)> {
    let commands = std::iter::from_fn(|| session.poll_command());
    commands
        .map(|command| match command {
            Command::Send { request, video } => (request, video),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn respond(session: &mut Session<(), ()>, request: RequestId, body: &str, after: u64) {
    let Event::Answer(answer) = answer(200, None, body) else {
        panic!("it is a response");
    };
    session.response(request, Ok(answer), (), at(after));
}

const PENDING: &str = r#"{"status":"PENDING"}"#;
const NEARLY: &str = r#"{"status":"RENDERING_VIDEO","progress":0.9}"#;

#[test]
fn whoever_came_first_is_first_whatever_the_ids() {
    let mut session = session(1, f64::INFINITY);
    for video in ["first", "d", "b", "c", "a"] {
        start(&mut session, video, 0);
    }
    let mut order = Vec::new();
    while let [(request, video)] = &sent(&mut session)[..] {
        order.push(video.clone());
        respond(&mut session, *request, PENDING, 100);
    }
    assert_eq!(order, ["first", "d", "b", "c", "a"]);
}

#[test]
fn a_video_that_is_nearly_done_goes_before_one_that_has_just_begun_and_neither_waits_for_ever() {
    let mut session = session(1, f64::INFINITY);
    start(&mut session, "nearly", 0);
    let (request, _) = sent(&mut session).remove(0);
    respond(&mut session, request, NEARLY, 100);
    // Nothing else is in flight when this one leaves, and two wait for it.
    start(&mut session, "busy", 4_000);
    let (busy, _) = sent(&mut session).remove(0);
    start(&mut session, "begun", 4_500);
    session.wake(at(6_000));
    assert_eq!(sent(&mut session), []);
    respond(&mut session, busy, PENDING, 7_000);
    assert_eq!(
        sent(&mut session)[0].1,
        "nearly",
        "it counts as having come some 4.8 s before"
    );
}

#[test]
fn of_several_limits_the_lowest_counts_until_it_is_lifted() {
    let mut session = session(3, f64::INFINITY);
    session.limit(1);
    session.limit(2);
    let polls = ["a", "b", "c", "d"].map(|video| start(&mut session, video, 0));
    assert_eq!(sent(&mut session).len(), 1);
    session.unlimit(5, START);
    assert_eq!(sent(&mut session).len(), 0, "there is no such limit");
    session.unlimit(1, START);
    assert_eq!(sent(&mut session).len(), 1);
    session.unlimit(2, START);
    assert_eq!(sent(&mut session).len(), 1);
    // Whose request waits only leaves the queue; whose is in flight makes room.
    session.leave(polls[3], at(0));
    assert_eq!(session.poll_command(), None);
    start(&mut session, "e", 0);
    session.leave(polls[0], at(0));
    assert!(matches!(session.poll_command(), Some(Command::Abort(_))));
    assert_eq!(sent(&mut session)[0].1, "e");
}

#[test]
fn requests_leave_evenly_spread_and_the_session_says_when_the_next_one_may() {
    let mut session = session(u32::MAX, 2.0);
    for video in ["a", "b", "c"] {
        start(&mut session, video, 0);
    }
    assert_eq!(sent(&mut session)[0].1, "a");
    assert_eq!(session.wake_at(START), Some(START + 500));
    session.wake(at(499));
    assert_eq!(sent(&mut session), []);
    session.wake(at(500));
    assert_eq!(sent(&mut session)[0].1, "b");
    assert_eq!(session.wake_at(START + 500), Some(START + 1_000));
    session.wake(at(1_000));
    assert_eq!(sent(&mut session)[0].1, "c");
    // Now only the limit of a request wakes it.
    assert_eq!(session.wake_at(START + 1_000), Some(START + 30_000));
}

#[test]
fn a_request_that_waits_for_its_lock_has_no_limit_of_time_and_its_place_is_taken() {
    let mut session: Session<(), ()> = Session::new(Settings {
        concurrency: 1,
        is_locked: true,
        ..Settings::default()
    });
    start(&mut session, "a", 0);
    start(&mut session, "b", 0);
    let (request, _) = sent(&mut session).remove(0);
    session.wake(at(100_000));
    assert_eq!(sent(&mut session), []);
    session.lock_granted(request, START + 100_000);
    session.wake(at(129_999));
    assert_eq!(session.poll_command(), None);
    session.wake(at(130_000));
    assert_eq!(session.poll_command(), Some(Command::Expire(request)));
    session.wake(at(130_001));
    assert_eq!(session.poll_command(), None, "once");
}
