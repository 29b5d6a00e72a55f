//! The rules of one poll, each by itself: when it asks, what it tells, and how it ends.

use super::world::{START, answer, sleeps_until};
use iacrea_video::core::error::ErrorCode;
use iacrea_video::core::machine::{Command, Event, Machine, Step, check_id};
use iacrea_video::core::options::{Options, RawOptions};
use iacrea_video::core::status::Status;
use std::collections::BTreeSet;

const PENDING: &str = r#"{"status":"PENDING"}"#;
const DONE: &str = r#"{"status":"DONE","url":"https://cdn.test/v.mp4"}"#;

fn start(options: Options) -> (Machine, Step) {
    Machine::start("v", options, START)
}
fn machine() -> Machine {
    start(Options::default()).0
}
fn ok(body: &str) -> Event {
    answer(200, None, body)
}
fn failure(step: &Step) -> ErrorCode {
    match &step.command {
        Command::Failed(failure) => failure.code,
        other => panic!("expected a failure, got {other:?}"),
    }
}

#[test]
fn the_first_request_leaves_at_once_with_the_deadline_on_it() {
    let (_, step) = start(Options::default());
    assert_eq!(
        (step.command, step.update),
        (
            Command::Fetch {
                give_up_at: Some(START + 1_200_000)
            },
            None
        )
    );
    let (_, step) = start(Options {
        timeout: None,
        ..Options::default()
    });
    assert_eq!(step.command, Command::Fetch { give_up_at: None });
}

#[test]
fn done_ends_it_even_at_and_after_the_deadline() {
    for late in [0, 1, 3_600_000] {
        let step = machine().step(ok(DONE), START + 1_200_000 + late);
        assert_eq!(step.command, Command::Done);
        let update = step.update.unwrap();
        assert_eq!(
            (update.overall, update.remaining_ms, update.requests),
            (1.0, Some(0), 1)
        );
    }
}

#[test]
fn the_deadline_ends_it_asleep_and_in_flight() {
    let mut asleep = machine();
    asleep.step(ok(PENDING), START + 1_199_000);
    let step = asleep.step(Event::Wake, START + 1_200_000);
    assert_eq!(failure(&step), ErrorCode::Timeout);
    assert_eq!(
        failure(&machine().step(Event::Wake, START + 1_200_000)),
        ErrorCode::Timeout
    );
    // An answer that says it goes on comes too late.
    let step = machine().step(ok(PENDING), START + 1_200_000);
    assert_eq!(failure(&step), ErrorCode::Timeout);
    assert!(step.update.is_some(), "what it said is told all the same");
}

#[test]
fn it_never_sleeps_beyond_the_deadline() {
    let (mut machine, _) = start(Options {
        timeout: Some(3_000),
        ..Options::default()
    });
    let step = machine.step(ok(PENDING), START + 2_500);
    assert_eq!(sleeps_until(&step), START + 3_000);
}

#[test]
fn an_error_status_is_told_and_ends_it_with_the_servers_words() {
    let step = machine().step(
        ok(r#"{"status":"ERROR","message":"no credits left"}"#),
        START,
    );
    let Command::Failed(failure) = &step.command else {
        panic!()
    };
    assert_eq!(
        (failure.code, failure.detail.as_deref()),
        (ErrorCode::VideoFailed, Some("no credits left"))
    );
    assert!(!failure.is_retryable());
    assert_eq!(step.update.unwrap().video.status.name(), "ERROR");
}

#[test]
fn what_is_final_is_never_retried() {
    for (status, code) in [
        (401, ErrorCode::Unauthorized),
        (403, ErrorCode::Unauthorized),
        (404, ErrorCode::NotFound),
        (400, ErrorCode::Http),
        (402, ErrorCode::Http),
        (302, ErrorCode::Redirected),
        (0, ErrorCode::Redirected),
    ] {
        assert_eq!(
            failure(&machine().step(answer(status, None, "{}"), START)),
            code,
            "{status}"
        );
    }
}

#[test]
fn transient_failures_end_it_only_so_many_in_a_row_and_with_the_last_ones_code() {
    for (event, code) in [
        (Event::NetworkError, ErrorCode::Network),
        (answer(429, None, ""), ErrorCode::RateLimited),
        (answer(503, None, ""), ErrorCode::Http),
        (ok("<html>"), ErrorCode::BadResponse),
    ] {
        let mut machine = machine();
        for round in 0..3 {
            for _ in 0..9 {
                let step = machine.step(event.clone(), START);
                assert!(sleeps_until(&step) >= START + 2_000);
                machine.step(Event::Wake, START);
            }
            if round < 2 {
                machine.step(ok(PENDING), START);
                machine.step(Event::Wake, START);
            }
        }
        assert_eq!(failure(&machine.step(event, START)), code);
    }
}

#[test]
fn infinitely_many_failures_can_be_allowed() {
    let (mut machine, _) = start(Options {
        max_failures: u32::MAX,
        timeout: None,
        ..Options::default()
    });
    for _ in 0..1_000 {
        sleeps_until(&machine.step(Event::NetworkError, START));
        machine.step(Event::Wake, START);
    }
}

#[test]
fn offline_is_told_but_burns_no_failures() {
    let (mut machine, _) = start(Options {
        max_failures: 2,
        ..Options::default()
    });
    machine.step(ok(PENDING), START);
    for round in 0..20 {
        machine.step(Event::Wake, START);
        let step = machine.step(Event::Offline, START);
        assert_eq!(
            step.update.as_ref().map(|update| update.retrying),
            (round == 0).then_some(Some(ErrorCode::Network))
        );
        assert!(sleeps_until(&step) <= START + 5_000);
    }
}

#[test]
fn retry_after_is_a_floor_that_not_even_a_wake_breaks() {
    let mut machine = machine();
    let step = machine.step(answer(429, Some("60"), ""), START);
    assert_eq!(sleeps_until(&step), START + 60_000);
    for event in [Event::Wake, Event::Nudge] {
        assert_eq!(
            sleeps_until(&machine.step(event, START + 59_999)),
            START + 60_000
        );
    }
    assert!(matches!(
        machine.step(Event::Wake, START + 60_000).command,
        Command::Fetch { .. }
    ));
    // The next answer lifts it.
    machine.step(ok(PENDING), START + 60_000);
    assert!(matches!(
        machine.step(Event::Wake, START + 60_001).command,
        Command::Fetch { .. }
    ));
}

#[test]
fn retry_after_beyond_the_deadline_ends_it_at_once() {
    for header in [
        "1200",
        "2592000",
        "99999999999999999999",
        "Wed, 01 Jan 2070 00:00:00 GMT",
    ] {
        let step = machine().step(answer(503, Some(header), "busy"), START);
        let Command::Failed(failure) = &step.command else {
            panic!("{header}")
        };
        assert_eq!(
            (failure.code, failure.http_status),
            (ErrorCode::Timeout, Some(503)),
            "{header}"
        );
        assert!(failure.is_retryable());
    }
    let (mut patient, _) = start(Options {
        timeout: None,
        ..Options::default()
    });
    assert_eq!(
        sleeps_until(&patient.step(answer(503, Some("2592000"), ""), START)),
        START + 2_592_000_000
    );
}

#[test]
fn a_pause_counts_from_the_answer_however_long_that_took() {
    let (mut machine, _) = start(Options {
        min_interval: 1_000,
        max_interval: 1_000,
        ..Options::default()
    });
    for took in [0, 300, 9_000] {
        let step = machine.step(ok(PENDING), START + took);
        assert_eq!(sleeps_until(&step), START + took + 1_000);
        machine.step(Event::Wake, START + took + 1_000);
    }
}

#[test]
fn a_wake_asks_now_and_a_nudge_keeps_the_pace() {
    let mut machine = machine();
    let slow = r#"{"status":"GENERATING_VIDEO","generatedContent":[{"status":"pending"},{"status":"pending"},{"status":"pending"}]}"#;
    let until = sleeps_until(&machine.step(ok(slow), START));
    assert!(until > START + 4_000);
    assert_eq!(
        sleeps_until(&machine.clone().step(Event::Nudge, START + 100)),
        START + 2_000
    );
    assert!(matches!(
        machine.clone().step(Event::Nudge, START + 2_000).command,
        Command::Fetch { .. }
    ));
    assert!(matches!(
        machine.step(Event::Wake, START + 1).command,
        Command::Fetch { .. }
    ));
}

#[test]
fn a_request_that_somebody_wants_now_is_put_off_to_a_second_after_the_last_and_not_dropped() {
    for (min_interval, soonest) in [
        (0, 0_u64),
        (1, 1),
        (999, 999),
        (1_000, 1_000),
        (2_000, 1_000),
        (60_000, 1_000),
    ] {
        let options = Options {
            min_interval,
            max_interval: 60_000,
            ..Options::default()
        };
        for body in [ok(PENDING), answer(500, None, ""), Event::NetworkError] {
            let mut asleep = start(options.clone()).0;
            let until = sleeps_until(&asleep.step(body, START));
            for at in [0, 1, 500, soonest.saturating_sub(1)] {
                let step = asleep.clone().step(Event::PollNow, START + at);
                let allowed = START + soonest;
                if START + at < allowed {
                    assert_eq!(
                        sleeps_until(&step),
                        until.min(allowed),
                        "{min_interval}, {at}"
                    );
                } else {
                    assert!(matches!(step.command, Command::Fetch { .. }));
                }
            }
            // However often it is wanted, it leaves at that time.
            for at in 0..soonest {
                let step = asleep.step(Event::PollNow, START + at);
                assert!(sleeps_until(&step) <= START + soonest);
            }
            let step = asleep.step(Event::PollNow, START + soonest);
            assert!(matches!(step.command, Command::Fetch { .. }));
        }
    }
}

#[test]
fn requests_that_others_want_do_not_end_a_poll_in_a_moment() {
    // As a webhook does that anybody may call, while the server is in trouble for nine seconds.
    for trouble in [
        answer(500, None, ""),
        answer(429, None, ""),
        ok("<html>"),
        Event::NetworkError,
    ] {
        let mut machine = machine();
        let mut requests = vec![START];
        let mut is_asking = true;
        for now in START..START + 9_000 {
            if is_asking {
                machine.step(trouble.clone(), now);
            }
            let step = machine.step(Event::PollNow, now);
            is_asking = matches!(step.command, Command::Fetch { .. });
            if is_asking {
                requests.push(now);
            } else {
                sleeps_until(&step);
            }
        }
        assert!(requests.len() <= 10, "{requests:?}");
        assert!(requests.windows(2).all(|pair| pair[1] - pair[0] >= 1_000));
    }
}

#[test]
fn a_request_that_somebody_wants_now_waits_for_the_server_and_for_none_under_way() {
    let mut patient = machine();
    patient.step(answer(429, Some("60"), ""), START);
    let step = patient.step(Event::PollNow, START + 5_000);
    assert_eq!(sleeps_until(&step), START + 60_000);
    let (mut asking, begun) = start(Options::default());
    let step = asking.step(Event::PollNow, START + 5_000);
    assert_eq!(step.command, begun.command);
    asking.step(ok(DONE), START + 6_000);
    let step = asking.step(Event::PollNow, START + 7_000);
    assert_eq!(step.command, Command::Done);
    // Nor does it live on after its time.
    let mut over = machine();
    over.step(ok(PENDING), START + 1_199_000);
    assert_eq!(
        failure(&over.step(Event::PollNow, START + 1_200_000)),
        ErrorCode::Timeout
    );
}

#[test]
fn a_followed_poll_asks_rarely_and_at_once_when_there_is_news() {
    let mut machine = machine();
    machine.step(Event::Followed(true), START);
    let until = sleeps_until(&machine.step(ok(PENDING), START));
    assert!(
        (START + 27_000..=START + 30_000).contains(&until),
        "{until}"
    );
    // Within the pace, and not sooner for news that come in a flood.
    for after in [0, 1, 1_999] {
        assert_eq!(
            sleeps_until(&machine.step(Event::News, START + after)),
            START + 2_000
        );
    }
    assert!(matches!(
        machine.step(Event::News, START + 2_000).command,
        Command::Fetch { .. }
    ));
    let until = sleeps_until(&machine.step(ok(PENDING), START + 2_100));
    assert!(until > START + 29_000, "{until}");
}

#[test]
fn a_followed_poll_never_asks_more_often_than_it_would_by_itself() {
    let options = Options {
        min_interval: 40_000,
        max_interval: 50_000,
        ..Options::default()
    };
    let (mut machine, _) = start(options);
    machine.step(Event::Followed(true), START);
    let until = sleeps_until(&machine.step(ok(PENDING), START));
    assert!(
        (START + 45_000..=START + 50_000).contains(&until),
        "{until}"
    );
}

#[test]
fn news_that_come_while_a_question_is_under_way_are_asked_for_after_it() {
    for is_followed in [false, true] {
        let mut machine = machine();
        machine.step(Event::Followed(is_followed), START);
        let step = machine.step(Event::News, START + 100);
        assert!(matches!(step.command, Command::Fetch { .. }));
        let slow = r#"{"status":"GENERATING_VIDEO","generatedContent":[{"status":"pending"},{"status":"pending"},{"status":"pending"}]}"#;
        assert_eq!(
            sleeps_until(&machine.step(ok(slow), START + 200)),
            START + 2_200
        );
        machine.step(Event::Wake, START + 2_200);
        let until = sleeps_until(&machine.step(ok(slow), START + 2_300));
        assert!(until > START + 6_000, "they were asked for: {until}");
    }
}

#[test]
fn what_was_followed_and_is_not_any_more_is_asked_for_as_soon_as_the_pace_allows() {
    let mut machine = machine();
    machine.step(Event::Followed(true), START);
    machine.step(ok(PENDING), START);
    // To hear it again changes nothing.
    let before = machine.step(Event::Followed(true), START + 10);
    assert!(sleeps_until(&before) > START + 26_000);
    assert_eq!(
        sleeps_until(&machine.clone().step(Event::Followed(false), START + 10)),
        START + 2_000
    );
    let step = machine.step(Event::Followed(false), START + 9_000);
    assert!(matches!(step.command, Command::Fetch { .. }));
    let until = sleeps_until(&machine.step(ok(PENDING), START + 9_000));
    assert!(until <= START + 14_000, "{until}");
    assert_eq!(
        sleeps_until(&machine.step(Event::Followed(false), START + 13_000)),
        until,
        "it was not followed"
    );
}

#[test]
fn news_do_not_press_a_server_in_trouble() {
    for event in [Event::News, Event::Followed(false)] {
        let mut machine = machine();
        machine.step(Event::Followed(true), START);
        machine.step(answer(503, None, ""), START);
        for _ in 0..4 {
            machine.step(Event::Wake, START);
            machine.step(answer(503, None, ""), START);
        }
        let until = sleeps_until(&machine.step(Event::Followed(true), START));
        assert_eq!(sleeps_until(&machine.step(event, START)), until);
    }
}

#[test]
fn one_that_joins_a_followed_poll_is_followed() {
    let mut machine = machine();
    machine.step(Event::Followed(true), START);
    machine.step(ok(PENDING), START);
    let (mut late, _) = start(Options::default());
    let step = late.join(&machine, START + 1_000).unwrap();
    assert!(sleeps_until(&step) > START + 26_000);
    late.step(Event::Wake, START + 5_000);
    let until = sleeps_until(&late.step(ok(PENDING), START + 5_000));
    assert!(until > START + 30_000, "{until}");
}

/// The same answer, to somebody else's question.
fn told(answered: Event) -> Event {
    match answered {
        Event::Answer(answer) => Event::Told(answer),
        other => other,
    }
}

#[test]
fn an_answer_to_another_is_as_good_as_its_own_and_is_no_request() {
    let mut machine = machine();
    let slow = r#"{"status":"GENERATING_VIDEO","generatedContent":[{"status":"pending"},{"status":"pending"},{"status":"pending"}]}"#;
    // Instead of the question that it was about to ask.
    let step = machine.step(told(ok(slow)), START + 500);
    assert_eq!(step.update.map(|update| update.requests), Some(0));
    assert!(sleeps_until(&machine.step(Event::Nudge, START + 500)) >= START + 2_500);
    // While it slept: its own next question is put off by as much.
    let until = sleeps_until(&machine.step(told(ok(PENDING)), START + 4_000));
    assert!((START + 6_000..=START + 9_000).contains(&until), "{until}");
    machine.step(Event::Wake, until);
    let step = machine.step(ok(DONE), until);
    assert_eq!(step.update.map(|update| update.requests), Some(1));
    assert_eq!(step.command, Command::Done);
}

#[test]
fn failures_that_another_was_told_of_count_and_its_retry_after_holds() {
    let mut machine = machine();
    let step = machine.step(told(answer(429, Some("60"), "")), START + 10);
    assert_eq!(sleeps_until(&step), START + 60_010);
    let step = machine.step(told(answer(404, None, "")), START + 20);
    assert!(
        matches!(step.command, Command::Failed(failure) if failure.code == ErrorCode::NotFound)
    );
}

#[test]
fn the_nearer_a_video_is_to_its_end_the_earlier_it_counts_as_having_come() {
    let mut machine = machine();
    assert_eq!(machine.lead(), 0);
    machine.step(ok(r#"{"status":"RENDERING_VIDEO","progress":50}"#), START);
    // 83 % of the whole job, of the longest pause.
    assert_eq!(machine.lead(), 4_150);
    let (mut patient, _) = start(Options {
        max_interval: u64::MAX,
        ..Options::default()
    });
    patient.step(ok(DONE), START);
    assert_eq!(patient.lead(), 60_000);
}

#[test]
fn news_is_what_changed_and_time_alone_is_none() {
    let mut machine = machine();
    let mut tell = |event, at| {
        machine
            .step(event, START + at)
            .update
            .map(|update| (update.requests, update.retrying))
    };
    assert_eq!(
        tell(Event::NetworkError, 0),
        None,
        "there is nothing to tell before the first status"
    );
    tell(Event::Wake, 1);
    assert_eq!(tell(ok(PENDING), 2), Some((2, None)));
    tell(Event::Wake, 3);
    assert_eq!(tell(ok(PENDING), 60_000), None);
    tell(Event::Wake, 60_001);
    assert_eq!(
        tell(Event::NetworkError, 60_002),
        Some((4, Some(ErrorCode::Network)))
    );
    tell(Event::Wake, 60_003);
    assert_eq!(tell(Event::NetworkError, 60_004), None);
    tell(Event::Wake, 60_005);
    assert_eq!(
        tell(answer(500, None, ""), 60_006),
        Some((6, Some(ErrorCode::Http)))
    );
    tell(Event::Wake, 60_007);
    assert_eq!(
        tell(ok(PENDING), 60_008),
        Some((7, None)),
        "recovery is news"
    );
    tell(Event::Wake, 60_009);
    assert_eq!(
        tell(ok(r#"{"status":"PENDING","queue":3}"#), 60_010),
        Some((8, None)),
        "so is any other word of the server"
    );
}

#[test]
fn what_is_given_up_is_not_being_retried() {
    let options = Options {
        max_failures: 2,
        ..Options::default()
    };
    for last in [
        Event::NetworkError,
        answer(404, None, ""),
        answer(503, Some("2592000"), ""),
    ] {
        let (mut machine, _) = start(options.clone());
        machine.step(ok(PENDING), START);
        machine.step(Event::Wake, START);
        let step = machine.step(Event::NetworkError, START);
        let retrying = step.update.unwrap().retrying;
        assert_eq!(retrying, Some(ErrorCode::Network));
        machine.step(Event::Wake, START);
        let step = machine.step(last, START);
        failure(&step);
        assert_eq!(step.update.unwrap().retrying, None);
        assert_eq!(machine.current(START).unwrap().retrying, None);
    }
    // The first failure that is the last is no news.
    let (mut machine, _) = start(Options {
        max_failures: 1,
        ..options
    });
    machine.step(ok(PENDING), START);
    machine.step(Event::Wake, START);
    assert_eq!(machine.step(Event::NetworkError, START).update, None);
}

#[test]
fn what_the_server_omits_is_carried_forward() {
    let mut machine = machine();
    machine.step(
        ok(r#"{"status":"GENERATING_VIDEO","creditsTotal":90,"creditsUsed":10,"generatedContent":[{"id":"a","status":"success"}]}"#),
        START,
    );
    machine.step(Event::Wake, START);
    let update = machine
        .step(
            ok(r#"{"status":"RENDERING_VIDEO","progress":50,"creditsTotal":80}"#),
            START,
        )
        .update
        .unwrap();
    assert_eq!(
        (update.video.credits_total, update.video.credits_used),
        (Some(80.0), Some(10.0))
    );
    assert_eq!(
        update.video.generated_content.as_ref().unwrap()[0]
            .id
            .as_deref(),
        Some("a")
    );
    machine.step(Event::Wake, START);
    let update = machine
        .step(
            ok(r#"{"status":"RENDERING_VIDEO","progress":51,"generatedContent":[]}"#),
            START,
        )
        .update
        .unwrap();
    assert_eq!(
        update.video.generated_content.as_deref(),
        Some(&[][..]),
        "an empty list is no omission"
    );
}

#[test]
fn one_that_joins_knows_at_once_what_is_known_and_asks_nothing() {
    let mut first = machine();
    let until = sleeps_until(&first.step(
        ok(r#"{"status":"RENDERING_VIDEO","progress":0.5}"#),
        START + 100,
    ));
    let options = Options {
        timeout: Some(60_000),
        ..Options::default()
    };
    let (mut second, _) = Machine::start("v", options, START + 1_000);
    let step = second.join(&first, START + 1_000).unwrap();
    assert!(sleeps_until(&step) <= until);
    let update = step.update.unwrap();
    assert_eq!((update.requests, update.elapsed_ms), (1, 0));
    assert_eq!(
        update.overall,
        first.current(START + 1_000).unwrap().overall
    );
    // It has a deadline of its own.
    assert_eq!(
        failure(&second.step(Event::Wake, START + 61_000)),
        ErrorCode::Timeout
    );
    assert!(matches!(
        first.step(Event::Wake, START + 61_000).command,
        Command::Fetch { .. }
    ));
}

#[test]
fn one_that_joins_brings_its_own_pace_if_that_is_tighter() {
    let slow = Options {
        min_interval: 60_000,
        max_interval: 60_000,
        ..Options::default()
    };
    let tight = Options {
        min_interval: 20,
        max_interval: 20,
        ..Options::default()
    };
    let (mut first, _) = start(slow);
    first.step(ok(PENDING), START + 5);
    let (mut second, _) = Machine::start("v", tight.clone(), START + 10);
    assert_eq!(
        sleeps_until(&second.join(&first, START + 10).unwrap()),
        START + 20
    );
    let (mut late, _) = Machine::start("v", tight.clone(), START + 500);
    assert_eq!(
        sleeps_until(&late.join(&first, START + 500).unwrap()),
        START + 500
    );
    // A server in trouble is not asked sooner for that.
    first.step(Event::Wake, START + 600);
    let until = sleeps_until(&first.step(Event::NetworkError, START + 610));
    let (mut third, _) = Machine::start("v", tight, START + 700);
    assert_eq!(
        sleeps_until(&third.join(&first, START + 700).unwrap()),
        until
    );
}

#[test]
fn one_that_joins_in_flight_waits_for_the_same_answer() {
    let first = machine();
    let (mut second, _) = start(Options::default());
    assert!(matches!(
        second.join(&first, START + 10).unwrap().command,
        Command::Fetch { .. }
    ));
    assert_eq!(
        second.step(ok(DONE), START + 20).update.unwrap().requests,
        1
    );
}

#[test]
fn one_that_joins_keeps_to_the_servers_floor() {
    let mut first = machine();
    first.step(answer(429, Some("30"), ""), START);
    let (mut second, _) = start(Options::default());
    assert_eq!(
        sleeps_until(&second.join(&first, START + 1).unwrap()),
        START + 30_000
    );
}

#[test]
fn one_that_joins_does_not_take_another_ones_end_for_its_next_question() {
    let brief = || Options {
        timeout: Some(600),
        ..Options::default()
    };
    for (event, least) in [(Event::NetworkError, 2_050), (ok(PENDING), 2_000)] {
        let (mut first, _) = start(brief());
        assert_eq!(sleeps_until(&first.step(event, START)), START + 600);
        let (mut second, _) = Machine::start("v", Options::default(), START + 50);
        let until = sleeps_until(&second.join(&first, START + 50).unwrap());
        assert!(until >= START + least, "{until}");
    }
}

#[test]
fn one_that_joins_ends_at_once_where_the_servers_floor_is_beyond_its_deadline() {
    let mut first = machine();
    first.step(answer(429, Some("30"), ""), START);
    for (timeout, waits) in [(29_999, false), (30_000, true)] {
        let options = Options {
            timeout: Some(timeout),
            ..Options::default()
        };
        let (mut second, _) = Machine::start("v", options, START + 1);
        let step = second.join(&first, START + 1).unwrap();
        match &step.command {
            Command::Sleep { until } => assert_eq!((*until, waits), (START + 30_000, true)),
            _ => assert_eq!((failure(&step), waits), (ErrorCode::Timeout, false)),
        }
    }
    // Nor may one whose deadline had passed put its last question then.
    let token = machine().resume_token(0);
    let later = START + 1_200_000;
    let (mut other, _) = Machine::start("v", Options::default(), later);
    other.step(answer(503, Some("30"), ""), later);
    let (mut overdue, _) = Machine::resume(&token, "v", RawOptions::default(), later).unwrap();
    assert_eq!(
        failure(&overdue.join(&other, later).unwrap()),
        ErrorCode::Timeout
    );
}

#[test]
fn one_that_joins_too_late_asks_once_more_or_waits_for_the_answer_under_way() {
    let token = machine().resume_token(0);
    let later = START + 1_200_000;
    let resume = || {
        Machine::resume(&token, "v", RawOptions::default(), later)
            .unwrap()
            .0
    };
    let (mut other, _) = Machine::start("v", Options::default(), later);
    let mut overdue = resume();
    let step = overdue.join(&other, later).unwrap();
    assert_eq!(step.command, Command::Fetch { give_up_at: None });
    let update = overdue.step(ok(PENDING), later).update.unwrap();
    assert_eq!(update.requests, 1, "it has asked nothing itself");
    other.step(ok(PENDING), later);
    let mut overdue = resume();
    let step = overdue.join(&other, later + 2_000).unwrap();
    assert_eq!(step.command, Command::Fetch { give_up_at: None });
    assert_eq!(
        failure(&overdue.step(ok(PENDING), later + 2_000)),
        ErrorCode::Timeout
    );
}

#[test]
fn however_many_join_too_late_none_asks_sooner_than_the_pace_or_presses_a_server_in_trouble() {
    let token = machine().resume_token(0);
    let later = START + 1_200_000;
    let joins = |other: &Machine, now| {
        let mut overdue = Machine::resume(&token, "v", RawOptions::default(), now)
            .unwrap()
            .0;
        overdue.join(other, now).unwrap()
    };
    let (mut other, _) = Machine::start("v", Options::default(), later);
    other.step(ok(PENDING), later + 100);
    for now in [later + 100, later + 1_999] {
        let step = joins(&other, now);
        assert_eq!(failure(&step), ErrorCode::Timeout);
        assert_eq!(step.update.unwrap().video.status.name(), "PENDING");
    }
    other.step(Event::Wake, later + 5_000);
    other.step(Event::NetworkError, later + 5_000);
    assert_eq!(failure(&joins(&other, later + 9_000)), ErrorCode::Timeout);
}

#[test]
fn one_that_joins_another_that_knows_nothing_yet_keeps_what_it_knew() {
    let mut before = machine();
    before.step(
        ok(r#"{"status":"START_RENDERING_VIDEO","creditsTotal":7,"generatedContent":[{"status":"success"},{"status":"success"}]}"#),
        START,
    );
    before.step(Event::Wake, START);
    before.step(
        ok(r#"{"status":"RENDERING_VIDEO","progress":0.5}"#),
        START + 5_000,
    );
    let now = START + 9_000;
    let resumed = Machine::resume(&before.resume_token(0), "v", RawOptions::default(), now);
    let (mut joined, _) = resumed.unwrap();
    let (fresh, _) = Machine::start("v", Options::default(), now);
    let step = joined.join(&fresh, now).unwrap();
    assert!(matches!(step.command, Command::Fetch { .. }));
    let clips = step.update.unwrap().video.generated_content.clone();
    assert_eq!(clips.map(|clips| clips.len()), Some(2));
    let step = joined.step(
        ok(r#"{"status":"RENDERING_VIDEO","progress":1}"#),
        now + 100,
    );
    let update = step.update.unwrap();
    let video = &update.video;
    assert!(matches!(
        video.status,
        Status::RenderingVideo { progress: 1.0, .. }
    ));
    assert_eq!(video.generated_content.as_ref().map(Vec::len), Some(2));
    assert_eq!(video.credits_total, None, "which no token has");
}

#[test]
fn one_that_joins_takes_what_is_newer_though_it_knew_something() {
    let mut first = machine();
    first.step(ok(r#"{"status":"GENERATING_VIDEO"}"#), START);
    let now = START + 9_000;
    let resumed = Machine::resume(&first.resume_token(0), "v", RawOptions::default(), now);
    let (mut joined, _) = resumed.unwrap();
    first.step(Event::Wake, now);
    first.step(ok(r#"{"status":"RENDERING_VIDEO","progress":0.5}"#), now);
    let update = joined.join(&first, now + 100).unwrap().update.unwrap();
    assert!(matches!(
        update.video.status,
        Status::RenderingVideo { progress: 0.5, .. }
    ));
}

#[test]
fn one_that_joins_is_told_what_is_known_and_not_again_by_a_response_that_says_the_same() {
    let same = || ok(r#"{"status":"PENDING","creditsTotal":7}"#);
    let mut first = machine();
    assert!(first.step(same(), START).update.is_some());
    // The step of a start says nothing, that of a resume what the token knows: only one of the two is carried out.
    let token = first.resume_token(0);
    let (fresh, _) = Machine::start("v", Options::default(), START + 1);
    let (resumed, _) = Machine::resume(&token, "v", RawOptions::default(), START + 1).unwrap();
    for mut joining in [fresh, resumed] {
        let update = joining.join(&first, START + 1).unwrap().update;
        assert_eq!(update.unwrap().video.credits_total, Some(7.0));
        assert_eq!(joining.step(same(), START + 5_100).update, None);
    }
}

#[test]
fn one_that_is_resumed_and_joins_one_that_knows_nothing_is_told_what_its_token_knows() {
    let mut before = machine();
    before.step(ok(r#"{"status":"RENDERING_VIDEO","progress":0.5}"#), START);
    let token = before.resume_token(0);
    let now = START + 9_000;
    let (fresh, _) = Machine::start("v", Options::default(), now);
    let (mut joining, step) = Machine::resume(&token, "v", RawOptions::default(), now).unwrap();
    let known = step.update.unwrap();
    let update = joining.join(&fresh, now).unwrap().update.unwrap();
    assert_eq!(
        (&update.video, update.overall),
        (&known.video, known.overall)
    );
}

#[test]
fn one_that_joins_remembers_how_often_it_had_asked() {
    let mut before = machine();
    before.step(ok(PENDING), START);
    for _ in 0..3 {
        before.step(Event::Wake, START);
        before.step(answer(429, Some("5"), ""), START);
    }
    let token = before.resume_token(0);
    let mut other = machine();
    other.step(ok(PENDING), START);
    for now in [START, START + 5_000] {
        let resumed = Machine::resume(&token, "v", RawOptions::default(), now);
        let (mut joined, _) = resumed.unwrap();
        let update = joined.join(&other, now).unwrap().update.unwrap();
        assert_eq!(update.requests, before.current(now).unwrap().requests);
    }
}

#[test]
fn a_step_after_the_end_says_the_same_again() {
    let mut done = machine();
    let step = done.step(ok(DONE), START);
    assert_eq!(done.step(Event::Wake, START), step);
    let mut failed = machine();
    failed.step(answer(404, None, ""), START);
    assert_eq!(failure(&failed.step(ok(DONE), START)), ErrorCode::NotFound);
}

#[test]
fn a_clock_that_jumps_back_breaks_nothing() {
    let mut machine = machine();
    for event in [
        ok(PENDING),
        Event::Wake,
        Event::NetworkError,
        Event::Wake,
        answer(429, Some("5"), ""),
    ] {
        machine.step(event, START - 3_600_000);
    }
    assert_eq!(machine.step(ok(DONE), 0).command, Command::Done);
}

#[test]
fn clients_that_wait_for_one_video_and_began_apart_do_not_ask_in_step() {
    // As pages do that come back one after another to a server in trouble.
    let pauses = |began: u64| {
        let mut machine = Machine::start("v", Options::default(), began).0;
        let mut now = began;
        [(); 5].map(|()| {
            let until = sleeps_until(&machine.step(Event::NetworkError, now));
            let pause = until - now;
            now = until;
            machine.step(Event::Wake, now);
            pause
        })
    };
    let different: BTreeSet<_> = (0..1_000).map(|late| pauses(START + late)).collect();
    assert!(different.len() > 900, "{}", different.len());
}

#[test]
fn which_texts_are_ids() {
    let [letters, marks, films] = [("x", 4_096), ("é", 2_048), ("🎬", 1_024)]
        .map(|(letter, times): (&str, usize)| letter.repeat(times));
    let longer = [&letters, &marks, &films].map(|id| format!("{id}x"));
    for bad in ["", ".", ".."]
        .into_iter()
        .chain(longer.iter().map(String::as_str))
    {
        assert_eq!(check_id(bad).unwrap_err().code, ErrorCode::InvalidArgument);
    }
    for good in [
        "...", "a/b", " ", "é", "%2e%2e", "?", &letters, &marks, &films,
    ] {
        assert!(check_id(good).is_ok());
    }
}

#[test]
fn a_202_without_a_status_is_no_failure_and_no_status() {
    for body in ["", r#"{"id":"v"}"#, "accepted"] {
        let accepted = || answer(202, None, body);
        // However often it comes, before any status there is nothing to show.
        let mut fresh = machine();
        for round in 0..30 {
            let now = START + round * 4_000;
            let step = fresh.step(accepted(), now);
            let pause = sleeps_until(&step) - now;
            assert!((3_400..=3_500).contains(&pause), "{pause}");
            assert_eq!(step.update, None);
            fresh.step(Event::Wake, now + 4_000);
        }
        assert_eq!(fresh.step(ok(DONE), START + 200_000).command, Command::Done);
        // It ends a row of failures, and the status stays what it was.
        let mut late = machine();
        late.step(ok(r#"{"status":"RENDERING_VIDEO","progress":0.5}"#), START);
        for _ in 0..5 {
            for _ in 0..9 {
                late.step(Event::Wake, START);
                late.step(Event::NetworkError, START);
            }
            late.step(Event::Wake, START);
            let update = late.step(accepted(), START).update.unwrap();
            assert_eq!(update.retrying, None);
            assert_eq!(update.video.status.name(), "RENDERING_VIDEO");
            late.step(Event::Wake, START);
            assert_eq!(
                late.step(accepted(), START).update,
                None,
                "which is no news"
            );
        }
    }
}

#[test]
fn a_202_without_a_status_is_heeded_like_any_response() {
    let accepted = |header| answer(202, Some(header), "");
    let mut asleep = machine();
    assert_eq!(
        sleeps_until(&asleep.step(accepted("60"), START)),
        START + 60_000
    );
    assert_eq!(
        sleeps_until(&asleep.step(Event::Wake, START + 59_999)),
        START + 60_000
    );
    let over = machine().step(accepted("1200"), START);
    assert_eq!(failure(&over), ErrorCode::Timeout);
    let over = machine().step(accepted("1"), START + 1_200_000);
    assert_eq!(failure(&over), ErrorCode::Timeout);
    // Another poll of the video waits for the same next response, and for the server's time.
    let (mut joined, _) = Machine::start("v", Options::default(), START + 100);
    let step = joined.join(&asleep, START + 100).unwrap();
    assert_eq!(sleeps_until(&step), START + 60_000);
    let restored = Machine::restore(&asleep.snapshot()).unwrap();
    assert_eq!(restored, asleep);
}

#[test]
fn another_word_for_done_ends_it_with_the_video_and_that_word() {
    let body = r#"{"status":"completed","video":{"url":"https://cdn.test/v.mp4"}}"#;
    let step = machine().step(ok(body), START);
    assert_eq!(step.command, Command::Done);
    let update = step.update.unwrap();
    assert_eq!(update.overall, 1.0);
    let Status::Done {
        url, raw_status, ..
    } = &update.video.status
    else {
        panic!("{update:?}");
    };
    assert_eq!(
        (url.as_str(), raw_status.as_deref()),
        ("https://cdn.test/v.mp4", Some("completed"))
    );
}

const FAILED: &str = r#"{"status":"failed","message":"done","error":"out of film"}"#;

/// What comes of a poll that is told these one after the other, each with the seconds since its start.
fn after(said: &[(&str, u64)]) -> (Machine, Step) {
    let (mut machine, mut step) = start(Options::default());
    for (body, seconds) in said {
        let now = START + seconds * 1_000;
        machine.step(Event::Wake, now);
        machine = Machine::restore(&machine.snapshot()).unwrap();
        step = machine.step(ok(body), now);
    }
    (machine, step)
}

#[test]
fn another_word_for_error_ends_it_after_three_in_a_row_over_half_a_minute() {
    let end = [(FAILED, 0), (FAILED, 15), (FAILED, 30)];
    let (machine, step) = after(&end);
    let Command::Failed(failure) = &step.command else {
        panic!("{step:?}");
    };
    assert_eq!(failure.code, ErrorCode::VideoFailed);
    assert_eq!(failure.detail.as_deref(), Some("out of film"));
    assert!(failure.is_retryable(), "the word is not the documented one");
    let update = step
        .update
        .expect("the end is told, though the body is the same as before");
    assert!(
        matches!(&update.video.status, Status::Error { raw_status: Some(word), .. } if word == "failed")
    );
    assert_eq!(Machine::restore(&machine.snapshot()), Ok(machine));
    // Without words the body says it.
    let silent = r#"{"status":"expired","code":7}"#;
    let (_, step) = after(&[(silent, 0), (silent, 15), (silent, 30)]);
    let Command::Failed(failure) = &step.command else {
        panic!("{step:?}");
    };
    assert_eq!(failure.detail.as_deref(), Some(silent));
}

#[test]
fn another_word_for_error_is_no_end_before_that() {
    let generating = r#"{"status":"GENERATING_VIDEO"}"#;
    for said in [
        vec![(FAILED, 0)],
        vec![(FAILED, 0), (FAILED, 600)],
        vec![(FAILED, 0), (FAILED, 10), (FAILED, 20), (FAILED, 29)],
        vec![
            (FAILED, 0),
            (FAILED, 15),
            (generating, 20),
            (FAILED, 30),
            (FAILED, 45),
        ],
        vec![
            (FAILED, 0),
            (FAILED, 15),
            (r#"{"status":"QUEUED"}"#, 20),
            (FAILED, 40),
            (FAILED, 60),
        ],
    ] {
        let (mut machine, step) = after(&said);
        assert!(matches!(step.command, Command::Sleep { .. }), "{said:?}");
        let status = machine.current(START).unwrap().video;
        assert_eq!(status.status.name(), "UNRECOGNIZED");
        assert_eq!(machine.step(ok(DONE), START).command, Command::Done);
    }
    // A failure between them, other than a status, says nothing of the video.
    let (mut machine, _) = after(&[(FAILED, 0), (FAILED, 15)]);
    machine.step(Event::NetworkError, START + 20_000);
    let step = machine.step(ok(FAILED), START + 30_000);
    assert_eq!(failure(&step), ErrorCode::VideoFailed);
    // A clock that was set back has not seen so long pass.
    let (mut machine, _) = after(&[(FAILED, 1_000), (FAILED, 1_001)]);
    for seconds in [0, 29] {
        let step = machine.step(ok(FAILED), START + seconds * 1_000);
        assert!(matches!(step.command, Command::Sleep { .. }));
    }
    let step = machine.step(ok(FAILED), START + 30_000);
    assert_eq!(failure(&step), ErrorCode::VideoFailed);
}

#[test]
fn a_poll_that_goes_on_after_another_word_for_error_hears_it_anew() {
    let (ended, _) = after(&[(FAILED, 0), (FAILED, 15), (FAILED, 30)]);
    let now = START + 60_000;
    let token = ended.resume_token(0);
    let (mut machine, step) = Machine::resume(&token, "v", RawOptions::default(), now).unwrap();
    assert!(matches!(step.command, Command::Fetch { .. }));
    let step = machine.step(ok(FAILED), now);
    assert!(matches!(step.command, Command::Sleep { .. }));
    assert_eq!(machine.step(ok(DONE), now + 5_000).command, Command::Done);
}

#[test]
fn an_error_without_words_ends_it_with_its_body() {
    for (body, detail) in [
        (
            r#"{"status":"ERROR","code":7}"#,
            r#"{"status":"ERROR","code":7}"#,
        ),
        (
            r#"{"status":"ERROR","message":"success","error":"GPU out of memory"}"#,
            "GPU out of memory",
        ),
    ] {
        let step = machine().step(ok(body), START);
        let Command::Failed(failure) = &step.command else {
            panic!("{step:?}");
        };
        assert_eq!(failure.detail.as_deref(), Some(detail));
        assert!(!failure.is_retryable());
    }
}

#[test]
fn overall_does_not_fall_when_percent_prove_themselves_late() {
    let mut machine = machine();
    let mut overall = 0.0;
    let shares = [
        ("0.5", 0.5),
        ("3.2", 0.032),
        ("12", 0.12),
        ("\"45 %\"", 0.45),
    ];
    for (at, (wire, share)) in shares.into_iter().enumerate() {
        let now = START + at as u64 * 5_000;
        let body = format!(r#"{{"status":"RENDERING_VIDEO","progress":{wire}}}"#);
        let update = machine.step(ok(&body), now).update.unwrap();
        assert!(
            matches!(update.video.status, Status::RenderingVideo { progress, .. } if progress == share)
        );
        assert!(update.overall >= overall);
        overall = update.overall;
        machine.step(Event::Wake, now + 5_000);
    }
}
