//! What a poll says of its failures: while it retries a request, and when its time is over.

use super::world::{START, answer, sleeps_until};
use iacrea_video::core::error::{ErrorCode, Failure};
use iacrea_video::core::machine::{Command, Event, Machine, Step};
use iacrea_video::core::messages::Reason;
use iacrea_video::core::options::{Options, RawOptions};

const PENDING: &str = r#"{"status":"PENDING"}"#;

fn machine() -> Machine {
    Machine::start("v", Options::default(), START).0
}

fn ended(step: &Step) -> Failure {
    match &step.command {
        Command::Failed(failure) => failure.clone(),
        other => panic!("expected a failure, got {other:?}"),
    }
}

/// One of each kind of failure that is retried, and what it is called.
fn failures() -> Vec<(Event, Reason, Option<u16>)> {
    let http = |status, body, reason| (answer(status, None, body), reason, Some(status));
    vec![
        (Event::NetworkError, Reason::NoResponse, None),
        (
            Event::RequestFailed(Reason::Certificate),
            Reason::Certificate,
            None,
        ),
        (Event::Offline, Reason::Offline, None),
        http(503, "", Reason::ServerError),
        http(408, "", Reason::ServerError),
        http(429, "", Reason::RateLimited),
        http(200, "<html>", Reason::WebPage),
        http(200, "no", Reason::NotJson),
        http(200, "{}", Reason::NoStatus),
        http(200, r#"{"status":"DONE"}"#, Reason::NoVideoUrl),
    ]
}

#[test]
fn every_failure_that_is_retried_is_there_to_read_until_a_status_comes() {
    for (event, reason, http_status) in failures() {
        for before in [None, Some(PENDING)] {
            let mut machine = machine();
            if let Some(body) = before {
                machine.step(answer(200, None, body), START);
                assert_eq!(machine.retry(START), None);
                machine.step(Event::Wake, START + 5_000);
            }
            let until = sleeps_until(&machine.step(event.clone(), START + 5_000));
            let retry = machine.retry(START + 5_000).unwrap();
            assert_eq!(
                (retry.failure.reason, retry.failure.http_status),
                (reason, http_status)
            );
            assert_eq!(retry.failure.code, reason.code());
            assert_eq!((retry.attempt, retry.next_in), (1, until - START - 5_000));
            assert_eq!(
                machine.retry(START + 5_001).unwrap().next_in,
                retry.next_in - 1
            );
            machine.step(Event::Wake, until);
            assert_eq!(machine.retry(until), None, "the request is under way");
            machine.step(answer(200, None, PENDING), until);
            assert_eq!(machine.retry(until), None);
        }
    }
}

#[test]
fn failures_in_a_row_are_counted_from_one() {
    let mut machine = machine();
    let mut now = START;
    for attempt in 1..=9 {
        now = sleeps_until(&machine.step(Event::NetworkError, now));
        assert_eq!(machine.retry(now).unwrap().attempt, attempt);
        machine.step(Event::Wake, now);
    }
    machine.step(answer(200, None, PENDING), now);
    machine.step(Event::Wake, now + 5_000);
    machine.step(answer(503, None, ""), now + 5_000);
    assert_eq!(machine.retry(now).unwrap().attempt, 1);
}

#[test]
fn a_retry_after_is_waited_for_and_said() {
    let mut machine = machine();
    machine.step(answer(429, Some("60"), ""), START);
    let retry = machine.retry(START + 20_000).unwrap();
    assert!(retry.next_in >= 40_000, "{}", retry.next_in);
}

#[test]
fn one_that_joins_a_poll_in_trouble_knows_of_it_at_once() {
    for (event, reason, http_status) in failures() {
        let mut first = machine();
        first.step(event, START + 100);
        let (mut second, _) = Machine::start("v", Options::default(), START + 200);
        sleeps_until(&second.join(&first, START + 200).unwrap());
        let retry = second.retry(START + 200).unwrap();
        assert_eq!(
            (
                retry.failure.reason,
                retry.failure.http_status,
                retry.attempt
            ),
            (reason, http_status, 1)
        );
        assert_eq!(retry.next_in, first.retry(START + 200).unwrap().next_in);
    }
}

#[test]
fn a_timeout_says_what_failed_last_also_where_the_poll_was_written_down_between() {
    for (event, reason, http_status) in failures() {
        let mut machine = machine();
        machine.step(event, START + 1_199_000);
        let token = machine.resume_token(0);
        let restored = Machine::restore(&machine.snapshot()).unwrap();
        assert_eq!(restored, machine);
        for mut machine in [machine, restored] {
            let step = machine.step(Event::Wake, START + 1_200_000);
            let timeout = ended(&step);
            assert_eq!(
                (timeout.code, timeout.reason),
                (ErrorCode::Timeout, Reason::TimeoutFailing)
            );
            let cause = timeout.cause.unwrap();
            assert_eq!((cause.reason, cause.http_status), (reason, http_status));
            let words = Failure::from(cause).message();
            assert!(timeout.message().ends_with(&words), "{timeout}");
            let again = Machine::restore(&machine.snapshot()).unwrap();
            assert_eq!(again, machine, "and it says so again");
        }
        let resumed = Machine::resume(&token, "v", RawOptions::default(), START + 1_199_100);
        let (mut resumed, _) = resumed.unwrap();
        let timeout = ended(&resumed.step(Event::Wake, START + 1_200_000));
        assert_eq!(timeout.cause.map(|cause| cause.reason), Some(reason));
    }
}

#[test]
fn a_timeout_without_a_failure_has_no_cause_and_says_whether_anything_ever_came() {
    let timeout = ended(&machine().step(Event::Wake, START + 1_200_000));
    assert_eq!(
        (timeout.reason, timeout.cause),
        (Reason::TimeoutUnanswered, None)
    );
    let mut healthy = machine();
    healthy.step(Event::NetworkError, START);
    healthy.step(Event::Wake, START + 10_000);
    healthy.step(answer(200, None, PENDING), START + 10_100);
    healthy.step(Event::Wake, START + 15_000);
    let timeout = ended(&healthy.step(Event::Wake, START + 1_200_000));
    assert_eq!((timeout.reason, timeout.cause), (Reason::Timeout, None));
}

#[test]
fn a_timeout_after_a_status_that_is_unknown_names_it() {
    let mut machine = machine();
    machine.step(answer(200, None, r#"{"status":"IN_REVIEW"}"#), START);
    let restored = Machine::restore(&machine.snapshot()).unwrap();
    for mut machine in [machine, restored] {
        let timeout = ended(&machine.step(Event::Wake, START + 1_200_000));
        assert_eq!(timeout.reason, Reason::Timeout);
        assert_eq!(timeout.detail.as_deref(), Some("IN_REVIEW"));
        assert!(timeout.message().contains("see detail"), "{timeout}");
        let again = Machine::restore(&machine.snapshot()).unwrap();
        assert_eq!(again, machine, "and it says so again");
    }
}

#[test]
fn a_server_that_asks_to_wait_beyond_the_deadline_is_the_cause_of_the_timeout() {
    let timeout = ended(&machine().step(answer(503, Some("3600"), "down"), START));
    assert_eq!(
        (timeout.code, timeout.reason, timeout.http_status),
        (ErrorCode::Timeout, Reason::RetryAfterTooLong, Some(503))
    );
    let cause = timeout.cause.unwrap();
    assert_eq!(
        (cause.reason, cause.http_status),
        (Reason::ServerError, Some(503))
    );
}

#[test]
fn a_text_of_the_servers_is_in_no_token() {
    let mut machine = machine();
    machine.step(answer(503, None, "the servers own words"), START);
    for text in [machine.resume_token(0), machine.snapshot()] {
        assert!(!text.contains("words"), "{text}");
    }
}
