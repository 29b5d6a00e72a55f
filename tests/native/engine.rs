//! A machine in the hands of an engine that keeps nothing but the snapshot: what a wake means, whenever
//! it comes.

use super::world::{START, answer, sleeps_until};
use iacrea_video::core::durations::Durations;
use iacrea_video::core::error::ErrorCode;
use iacrea_video::core::machine::{Command, Event, Machine, Step};
use iacrea_video::core::options::Options;

const SHORTEST: u64 = 2_000;

fn pending() -> Event {
    answer(200, None, r#"{"status":"PENDING"}"#)
}
fn done() -> Event {
    answer(200, None, r#"{"status":"DONE","url":"https://c.test/v"}"#)
}
fn start() -> Machine {
    Machine::start("v", Options::default(), START).0
}
/// Written down and read back, as between two steps of an engine.
fn restored(machine: &Machine) -> Machine {
    Machine::restore(&machine.snapshot()).unwrap()
}
fn asks(step: &Step) -> bool {
    matches!(step.command, Command::Fetch { .. })
}
/// After its first answer; and until when it sleeps.
fn asleep() -> (Machine, u64) {
    let mut machine = start();
    let until = sleeps_until(&machine.step(pending(), START + 100));
    (restored(&machine), until)
}

#[test]
fn it_knows_whose_poll_it_is() {
    assert_eq!(restored(&start()).id(), "v");
}

#[test]
fn a_wake_in_time_asks() {
    let (mut machine, until) = asleep();
    assert!(asks(&machine.wake(until)));
}

#[test]
fn a_wake_before_its_time_asks_no_sooner_than_the_shortest_pause() {
    let (mut machine, until) = asleep();
    for late in [200, 900, SHORTEST - 1] {
        machine = restored(&machine);
        assert_eq!(
            sleeps_until(&machine.wake(START + late)),
            until.min(START + SHORTEST)
        );
    }
    assert!(asks(&machine.wake(START + SHORTEST)));
}

#[test]
fn a_wake_does_not_break_a_retry_after() {
    let mut machine = start();
    machine.step(answer(429, Some("60"), ""), START);
    for late in [SHORTEST, 59_999] {
        assert!(sleeps_until(&machine.wake(START + late)) >= START + 60_000);
    }
}

#[test]
fn a_lost_answer_is_asked_for_again_after_the_shortest_pause() {
    let mut machine = restored(&start());
    assert_eq!(sleeps_until(&machine.wake(START)), START + SHORTEST);
    let mut machine = restored(&machine);
    assert_eq!(sleeps_until(&machine.wake(START + 1)), START + SHORTEST);
    let again = machine.wake(START + SHORTEST);
    assert!(asks(&again));
    assert!(asks(&restored(&start()).wake(START + SHORTEST)));
    // Its poll began with the time for one question.
    let short = Options {
        timeout: Some(SHORTEST / 2),
        ..Options::default()
    };
    let (mut machine, _) = Machine::start("v", short, START);
    assert_eq!(sleeps_until(&machine.wake(START)), START + SHORTEST);
    assert!(asks(&restored(&machine).wake(START + SHORTEST)));
}

#[test]
fn a_clock_that_was_set_back_does_not_hold_up_who_lost_an_answer() {
    let hour = 3_600_000;
    let mut machine = start();
    assert_eq!(
        sleeps_until(&machine.wake(START - hour)),
        START - hour + SHORTEST
    );
    assert!(asks(&restored(&machine).wake(START - hour + SHORTEST)));
}

#[test]
fn a_clock_that_was_set_back_does_not_deafen_who_sleeps() {
    let hour = 3_600_000;
    let (mut machine, _) = asleep();
    let until = sleeps_until(&machine.wake(START - hour));
    assert_eq!(until, START - hour + SHORTEST);
    assert!(asks(&restored(&machine).wake(until)));
    let mut patient = start();
    patient.step(answer(429, Some("60"), ""), START);
    let until = sleeps_until(&patient.wake(START - hour));
    assert_eq!(until, START - hour + 60_000);
    assert!(asks(&restored(&patient).wake(until)));
}

#[test]
fn what_is_made_while_the_clock_is_set_back_teaches_nothing() {
    let mut machine = start();
    let clips = |kinds: [&str; 2]| {
        let [a, b] = kinds.map(|kind| format!(r#"{{"status":"{kind}"}}"#));
        let body = format!(r#"{{"status":"GENERATING_VIDEO","generatedContent":[{a},{b}]}}"#);
        answer(200, None, &body)
    };
    machine.step(clips(["pending"; 2]), START + 100);
    let back = START - 60_000;
    machine.wake(back);
    machine.step(clips(["success", "pending"]), back + 5_000);
    machine.wake(back + 8_000);
    machine.step(done(), back + 9_000);
    assert_eq!(machine.observed(), Some(Durations::default()));
}

#[test]
fn an_answer_that_was_thought_lost_counts() {
    let mut machine = start();
    machine.wake(START);
    assert_eq!(
        restored(&machine).step(done(), START + 10).command,
        Command::Done
    );
}

#[test]
fn who_is_woken_after_the_end_asks_once_more() {
    let (mut machine, _) = asleep();
    let late = START + 3_600_000;
    assert!(asks(&machine.wake(late)));
    assert_eq!(machine.clone().step(done(), late).command, Command::Done);
    let Command::Failed(failure) = machine.step(pending(), late).command else {
        panic!("it goes on");
    };
    assert_eq!(failure.code, ErrorCode::Timeout);
}

#[test]
fn who_asked_once_more_and_hears_nothing_gives_up_after_a_minute() {
    let (mut machine, _) = asleep();
    let late = START + 1_200_000 + SHORTEST;
    assert!(asks(&machine.wake(late)));
    for after in [0, 1, SHORTEST, 30_000, 59_999] {
        machine = restored(&machine);
        assert_eq!(sleeps_until(&machine.wake(late + after)), late + 60_000);
        let mut answered = machine.clone();
        assert_eq!(
            answered.step(done(), late + after).command,
            Command::Done,
            "its answer was under way"
        );
    }
    for after in [60_000, 3_600_000] {
        let over = restored(&machine).wake(late + after);
        assert!(
            matches!(over.command, Command::Failed(ref failure) if failure.code == ErrorCode::Timeout)
        );
    }
    // Also where what was lost is the answer to the last question in time.
    let (mut machine, _) = asleep();
    assert!(asks(&machine.wake(START + 1_199_999)));
    assert!(asks(&machine.wake(late)));
    assert_eq!(sleeps_until(&machine.wake(late)), late + 60_000);
}

#[test]
fn who_slept_until_the_end_asks_again_only_if_it_is_woken_late() {
    let (mut machine, _) = asleep();
    let end = START + 1_200_000;
    machine.step(Event::Wake, end - 1_000);
    assert_eq!(sleeps_until(&machine.step(pending(), end - 900)), end);
    let over = restored(&machine).wake(end);
    assert!(
        matches!(over.command, Command::Failed(ref failure) if failure.code == ErrorCode::Timeout)
    );
    let nearly = restored(&machine).wake(end + SHORTEST - 1);
    assert_eq!(nearly.command, over.command);
    assert!(asks(&restored(&machine).wake(end + SHORTEST)));
}

#[test]
fn a_wake_after_the_end_tells_the_end() {
    let mut machine = start();
    let end = machine.step(done(), START);
    assert_eq!(restored(&machine).wake(START).command, end.command);
}

#[test]
fn polls_without_a_deadline_are_woken_like_others() {
    let endless = Options {
        timeout: None,
        ..Options::default()
    };
    let (mut machine, _) = Machine::start("v", endless, START);
    let until = sleeps_until(&machine.step(pending(), START));
    assert!(asks(&machine.wake(until + 3_600_000_000)));
}

/// Wakes an engine whose requests are never answered, each time as long after the last as `wait` has it, to its end:
/// when its requests left, how it ended, and when.
fn never_answered(
    options: Options,
    mut wait: impl FnMut(&Step, u64) -> u64,
) -> (Vec<u64>, ErrorCode, u64) {
    let (mut machine, mut step) = Machine::start("v", options, START);
    let mut now = START;
    let mut requests = Vec::new();
    for _ in 0..10_000_000 {
        match &step.command {
            Command::Fetch { .. } => requests.push(now),
            Command::Failed(failure) => return (requests, failure.code, now),
            Command::Sleep { until } => assert!(*until > now),
            Command::Done => panic!("there was no answer"),
        }
        now = wait(&step, now).max(now);
        machine = restored(&machine);
        step = machine.wake(now);
    }
    panic!("it asks for ever: {} requests", requests.len());
}

#[test]
fn who_is_woken_for_ever_without_an_answer_ends() {
    type Wait = fn(&Step, u64) -> u64;
    let as_told: Wait = |step, now| match step.command {
        Command::Sleep { until } => until,
        _ => now + 3_000,
    };
    let waits: [(&str, Wait); 5] = [
        ("at once, and when it wants to be", |step, now| {
            match step.command {
                Command::Sleep { until } => until,
                _ => now,
            }
        }),
        ("3 s after each request", as_told),
        ("each 100 ms", |_, now| now + 100),
        ("each 7 s", |_, now| now + 7_000),
        ("each hour", |_, now| now + 3_600_000),
    ];
    for (what, wait) in waits {
        for max_failures in [1, 3, 10] {
            for min_interval in [500, SHORTEST, 5_000] {
                let options = Options {
                    timeout: None,
                    min_interval,
                    max_failures,
                    ..Options::default()
                };
                let (requests, code, _) = never_answered(options, wait);
                let what = format!("{what}, {max_failures} failures: {requests:?}");
                assert_eq!(code, ErrorCode::Network, "{what}");
                assert_eq!(requests.len(), max_failures as usize, "{what}");
                for pair in requests.windows(2) {
                    assert!(pair[1] - pair[0] >= min_interval, "{what}");
                }
            }
        }
        // Where no failure counts, the deadline does.
        let timeout = 600_000;
        let options = Options {
            timeout: Some(timeout),
            max_failures: u32::MAX,
            ..Options::default()
        };
        let (requests, code, ended_at) = never_answered(options, wait);
        assert_eq!(code, ErrorCode::Timeout, "{what}");
        let is_frequent = !what.contains("hour");
        assert!(
            !is_frequent || ended_at <= START + timeout + 2 * SHORTEST + 67_000,
            "{what}: {ended_at}"
        );
        let late = requests.iter().filter(|at| **at >= START + timeout);
        assert!(
            late.count() <= 1,
            "{what}: it asks once more, and not again"
        );
    }
}

#[test]
fn hints_while_a_request_takes_its_time_do_not_end_the_poll() {
    // A request may take half a minute, and a webhook may come each second meanwhile.
    let mut machine = start();
    for after in 1..30 {
        machine = restored(&machine);
        let step = machine.wake(START + after * 1_000);
        assert!(matches!(
            step.command,
            Command::Sleep { .. } | Command::Fetch { .. }
        ));
    }
    let step = restored(&machine).step(done(), START + 30_000);
    assert_eq!(step.command, Command::Done);
}

#[test]
fn an_answer_makes_lost_ones_forgotten() {
    let endless = Options {
        timeout: None,
        ..Options::default()
    };
    let (mut machine, _) = Machine::start("v", endless, START);
    let mut now = START;
    for _ in 0..5 {
        for _ in 0..9 {
            now += 40_000;
            assert!(asks(&restored(&machine).wake(now)));
            machine.wake(now);
        }
        now = sleeps_until(&machine.step(pending(), now));
        machine = restored(&machine);
        assert!(asks(&machine.wake(now)));
    }
}
