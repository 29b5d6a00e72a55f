//! Every scenario of the simulator, many seeds each: whatever a server does, a poll ends as it
//! should, in time, within the pace, and wherever it is cut and taken up again.

use super::world::{Cut, End, Run, run};
use iacrea_simulator::{Expect, SCENARIOS, Scenario};
use iacrea_video::core::options::Options;

/// For each scenario and each of the three ways to run it.
fn seeds() -> u64 {
    super::share(48).into()
}

fn audit(scenario: &Scenario, seed: u64, run: &Run, options: &Options) {
    let context = format!("{} with seed {seed}: {:?}", scenario.name, run.end);
    match (&run.end, scenario.expect) {
        (End::Done(_), Expect::Done) => {}
        (End::Failed(failure), Expect::Failed(code)) => {
            assert_eq!(failure.code.as_str(), code, "{context}")
        }
        _ => panic!("{context}"),
    }
    let deadline = super::world::START + options.timeout.unwrap();
    assert!(run.ended_at <= deadline, "{context} ended late");
    for pair in run.asked.windows(2) {
        assert!(
            pair[1] - pair[0] >= options.min_interval,
            "{context} asked too soon"
        );
    }
}

#[test]
fn every_scenario_ends_as_it_should_in_time_and_within_the_pace() {
    let options = Options::default();
    for scenario in SCENARIOS {
        for seed in 0..seeds() {
            let whole = run(scenario.name, seed, &options, |_| Cut::None);
            audit(scenario, seed, &whole, &options);
        }
    }
}

#[test]
fn a_run_that_is_written_down_at_every_step_is_the_same_run() {
    let options = Options::default();
    for scenario in SCENARIOS {
        for seed in 0..seeds() {
            let whole = run(scenario.name, seed, &options, |_| Cut::None);
            let cut = run(scenario.name, seed, &options, |_| Cut::Snapshot);
            assert_eq!(
                (&whole.end, whole.ended_at),
                (&cut.end, cut.ended_at),
                "{}",
                scenario.name
            );
            assert_eq!(
                (&whole.asked, &whole.updates),
                (&cut.asked, &cut.updates),
                "{}",
                scenario.name
            );
        }
    }
}

#[test]
fn a_poll_may_be_cut_anywhere_and_taken_up_from_its_token() {
    let options = Options::default();
    for scenario in SCENARIOS {
        for seed in 0..seeds() {
            let cut = run(scenario.name, seed, &options, |knife| match knife.roll(8) {
                0 => Cut::Token(knife.roll(3_000)),
                _ => Cut::None,
            });
            let context = format!("{} with seed {seed}: {:?}", scenario.name, cut.end);
            match (&cut.end, scenario.expect) {
                (End::Done(update), Expect::Done) => {
                    let whole = run(scenario.name, seed, &options, |_| Cut::None);
                    let End::Done(whole) = whole.end else {
                        panic!("{context}")
                    };
                    // The clips' own course depends on when they are asked about; the video does not.
                    assert_eq!(update.video.status, whole.video.status, "{context}");
                }
                (End::Failed(failure), Expect::Failed(code)) => {
                    assert_eq!(failure.code.as_str(), code, "{context}")
                }
                _ => panic!("{context}"),
            }
        }
    }
}

#[test]
fn other_paces_and_deadlines_hold_as_well() {
    for (timeout, min_interval, max_interval) in [
        (90_000, 500, 500),
        (3_600_000, 5_000, 60_000),
        (1, 2_000, 5_000),
    ] {
        let options = Options {
            timeout: Some(timeout),
            min_interval,
            max_interval,
            ..Options::default()
        };
        for scenario in SCENARIOS {
            let run = run(scenario.name, 1, &options, |_| Cut::None);
            assert!(run.ended_at <= super::world::START + timeout);
            assert!(
                run.asked
                    .windows(2)
                    .all(|pair| pair[1] - pair[0] >= min_interval),
                "{}",
                scenario.name
            );
        }
    }
}
