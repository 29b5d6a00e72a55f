//! The promises of the core, held against random servers, networks and waiters in virtual time. A
//! failure shrinks to the shortest plan that breaks the promise; its seed is kept in
//! `proptest-regressions`, which runs first from then on.

use super::oracle::audit;
use super::plan::{Ordeal, ordeals, plans};
use super::session::{ID, IDS, STEPS, World, read};
use super::world::START;
use iacrea_video::core::error::ErrorCode;
use iacrea_video::core::machine::{Command, Event, Machine};
use iacrea_video::core::options::RawOptions;
use iacrea_video::core::status::Status;
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngSeed, TestError, TestRunner};
use std::cell::Cell;
use std::io::Write;
use std::sync::atomic::Ordering;

/// `PROPTEST_CASES` and `PROPTEST_RNG_SEED` choose others; without them a run is always the same.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    let mut config = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = super::share(cases);
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(1);
    }
    let seeds = "native/proptest-regressions.txt";
    config.failure_persistence = Some(Box::new(FileFailurePersistence::Direct(seeds)));
    config.max_shrink_iters = 20_000;
    config
}

pub(crate) fn told<T: std::fmt::Debug>(outcome: Result<(), TestError<T>>) {
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

#[test]
fn polls_that_share_their_requests_keep_every_promise_whatever_happens() {
    let config = config(40_000);
    let cases = config.cases;
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&plans(), |plan| {
        World::new(&plan).play();
        Ok(())
    });
    told(outcome);
    let steps = STEPS.load(Ordering::Relaxed);
    // Past the capture of the test's output, so that it is seen when all is well.
    let _ = writeln!(
        std::io::stderr(),
        "{steps} steps of machines in {cases} plans"
    );
    assert!(
        super::is_quick() || steps > 1_000_000,
        "{steps} steps are few"
    );
}

#[test]
fn a_clock_that_jumps_and_options_made_by_hand_break_nothing() {
    let outcome = TestRunner::new(config(8_000)).run(&ordeals(), |(options, events)| {
        let (mut machine, mut step) = Machine::start(ID, options.clone(), START);
        let mut overall: f64 = 0.0;
        let mut is_resumed = false;
        for (now, ordeal) in events {
            let event = match ordeal {
                Ordeal::Answer(answered) => Event::Answer(read(&answered)),
                Ordeal::Wake => Event::Wake,
                Ordeal::Woken => {
                    let before = step.command;
                    step = machine.wake(now);
                    if let Command::Sleep { until } = step.command {
                        assert!(until > now, "it would be woken for ever at once");
                    }
                    if matches!(before, Command::Done | Command::Failed(_)) {
                        assert_eq!(step.command, before, "what is over stays over");
                    }
                    audit(&machine.snapshot());
                    continue;
                }
                Ordeal::Nudge => Event::Nudge,
                Ordeal::PollNow => Event::PollNow,
                Ordeal::Followed(is_followed) => Event::Followed(is_followed),
                Ordeal::News => Event::News,
                Ordeal::Told(answered) => Event::Told(read(&answered)),
                Ordeal::Lost => Event::NetworkError,
                Ordeal::Offline => Event::Offline,
                Ordeal::Snapshot => {
                    let snapshot = machine.snapshot();
                    machine = Machine::restore(&snapshot).unwrap();
                    assert_eq!(machine.snapshot(), snapshot);
                    continue;
                }
                Ordeal::Resume(raw) => {
                    // As far ahead as clocks can be.
                    audit(&machine.resume_token(i64::MIN));
                    audit(&machine.resume_token(i64::MAX));
                    let token = machine.resume_token(0);
                    match Machine::resume(&token, ID, raw, now) {
                        Ok(resumed) => {
                            (machine, step) = resumed;
                            is_resumed = true;
                        }
                        Err(failure) => assert_eq!(failure.code, ErrorCode::InvalidArgument),
                    }
                    overall = overall.min(0.999_999);
                    continue;
                }
                Ordeal::Join => {
                    let (mut other, _) = Machine::start(ID, options.clone(), now);
                    other.join(&machine, now);
                    // Of one that was resumed it takes over what the server has said since.
                    let known = other.current(now);
                    assert!(is_resumed || known.is_none_or(|update| update.overall >= overall));
                    continue;
                }
            };
            let was_over = matches!(step.command, Command::Done | Command::Failed(_));
            let is_done = matches!(&event, Event::Answer(answer) | Event::Told(answer)
                if answer.outcome.as_ref().is_ok_and(|video| matches!(video.status, Status::Done { .. })));
            let before = step.command;
            step = machine.step(event, now);
            if was_over {
                assert_eq!(step.command, before, "what is over stays over");
            } else {
                assert_eq!(step.command == Command::Done, is_done, "DONE wins, whenever it comes");
            }
            if let Some(update) = &step.update {
                assert!(update.overall >= overall);
                overall = update.overall;
                assert_eq!(overall == 1.0, step.command == Command::Done);
            }
            audit(&machine.snapshot());
        }
        Ok(())
    });
    told(outcome);
}

/// As a snapshot or a token.
fn is_read(text: &str) -> bool {
    let resumes = |id| Machine::resume(text, id, RawOptions::default(), START).is_ok();
    Machine::restore(text).is_ok() || IDS.into_iter().any(resumes)
}

#[test]
fn whatever_is_written_down_is_refused_once_it_is_damaged() {
    let mut config = config(200);
    // The damage is the same in a shorter plan; the texts are what counts.
    config.max_shrink_iters = 200;
    let damaged = Cell::new(0_u64);
    let outcome = TestRunner::new(config).run(&plans(), |plan| {
        let mut world = World::new(&plan);
        world.play();
        for text in world.saved().filter(|text| text.len() < 800).take(4) {
            assert!(is_read(text), "{text}");
            for end in 0..text.len() {
                assert!(!is_read(&text[..end]), "{text} cut at {end}");
            }
            for at in 0..text.len() {
                for bit in 0..8 {
                    let mut bytes = text.as_bytes().to_vec();
                    bytes[at] ^= 1 << bit;
                    let changed = String::from_utf8_lossy(&bytes);
                    assert!(!is_read(&changed), "{text}: bit {bit} of byte {at}");
                    damaged.set(damaged.get() + 1);
                }
            }
        }
        Ok(())
    });
    told(outcome);
    assert!(damaged.get() > 10_000, "{damaged:?}");
}
