//! What `cargo xtask bench pace` shows, held on fewer videos: how much sooner a video is there for how many requests, and
//! how good the word of the time left is.

use iacrea_bench::pace::{Figures, Policy, Wait, estimate, figures, jumps, wait};
use iacrea_simulator::course::{Assumptions, Course};
use iacrea_video::core::durations::Durations;

/// Of seeds that nothing else uses.
const FIRST: u64 = 7 << 32;
/// A few are enough to notice what is broken.
fn videos() -> u64 {
    if super::is_quick() { 400 } else { 1_500 }
}

fn waits(assumptions: &Assumptions, policy: Policy) -> Vec<Wait> {
    let one = |seed| {
        wait(
            &Course::draw(assumptions, seed),
            policy,
            seed,
            &mut Durations::default(),
        )
    };
    (FIRST..FIRST + videos()).map(one).collect()
}

fn in_a_row(assumptions: &Assumptions) -> Vec<Wait> {
    let mut durations = Durations::default();
    let one = |seed| {
        wait(
            &Course::draw(assumptions, seed),
            Policy::Ours(2_000, 5_000),
            seed,
            &mut durations,
        )
    };
    (FIRST..FIRST + videos()).map(one).collect()
}

fn of(policy: Policy) -> Figures {
    figures(&waits(&Assumptions::default(), policy))
}

#[test]
fn the_pace_has_the_delay_of_a_short_pause_for_the_requests_of_a_long_one() {
    let [ours, patient, wide] = [(2_000, 5_000), (2_000, 8_000), (1_000, 8_000)]
        .map(|(min, max)| of(Policy::Ours(min, max)));
    let [two, five] = [Policy::Fixed(2_000), Policy::Fixed(5_000)].map(of);
    assert!(
        ours.mean_delay < 1.14 * two.mean_delay && ours.requests < 0.6 * two.requests,
        "{ours:?} {two:?}"
    );
    assert!(
        ours.mean_delay < 0.6 * five.mean_delay && ours.p95_delay < five.p95_delay,
        "{ours:?} {five:?}"
    );
    assert!(
        patient.mean_delay < 0.62 * five.mean_delay && patient.requests < 1.02 * five.requests,
        "{patient:?} {five:?}"
    );
    assert!(
        wide.mean_delay < 1.02 * two.mean_delay && wide.requests < 0.5 * two.requests,
        "{wide:?} {two:?}"
    );
    for policy in [Policy::Smithy, Policy::Gax] {
        assert!(of(policy).mean_delay > 8.0 * ours.mean_delay, "{policy:?}");
    }
}

#[test]
fn the_pace_holds_where_the_model_is_wrong() {
    for assumptions in [
        Assumptions {
            clip: (7_000, 60_000),
            ..Assumptions::default()
        },
        Assumptions {
            heavy_tail: false,
            ..Assumptions::default()
        },
        Assumptions {
            failures: 15,
            ..Assumptions::default()
        },
        Assumptions {
            asks_to_render: true,
            ..Assumptions::default()
        },
        Assumptions {
            network: (500, 6_000),
            loss: 5,
            ..Assumptions::default()
        },
    ] {
        let [ours, two, five] = [
            Policy::Ours(2_000, 5_000),
            Policy::Fixed(2_000),
            Policy::Fixed(5_000),
        ]
        .map(|policy| figures(&waits(&assumptions, policy)));
        assert!(
            ours.mean_delay < 0.8 * five.mean_delay,
            "{assumptions:?}: {ours:?} {five:?}"
        );
        assert!(
            ours.requests < 0.75 * two.requests,
            "{assumptions:?}: {ours:?} {two:?}"
        );
    }
}

#[test]
fn the_time_left_is_half_as_wrong_as_a_guess_and_does_not_jump() {
    let waits = waits(&Assumptions::default(), Policy::Ours(2_000, 5_000));
    for (part, of_a_guess) in [(0.25, 0.56), (0.5, 0.38), (0.75, 0.12)] {
        let at = estimate(&waits, part);
        assert!(
            at.error < of_a_guess * at.naive && at.error < 0.3,
            "{part}: {at:?}"
        );
        assert!(at.share > 0.99, "{part}: {at:?}");
    }
    assert!(jumps(&waits) < 0.02);
}

#[test]
fn the_first_clip_tells_of_a_service_that_is_quicker_or_slower_than_guessed() {
    for clip in [(7_000, 60_000), (60_000, 540_000)] {
        let assumptions = Assumptions {
            clip,
            ..Assumptions::default()
        };
        let waits = waits(&assumptions, Policy::Ours(2_000, 5_000));
        for part in [0.25, 0.5] {
            let at = estimate(&waits, part);
            assert!(at.error < 0.38, "{clip:?} {part}: {at:?}");
        }
    }
}

#[test]
fn earlier_videos_teach_how_long_the_next_ones_take() {
    let quick = Assumptions {
        clip: (7_000, 60_000),
        ..Assumptions::default()
    };
    let long_renders = Assumptions {
        render: (9_000, 24_000),
        steps: 100,
        ..Assumptions::default()
    };
    for (assumptions, part, of_the_first, most) in
        [(quick, 0.1, 0.3, 0.2), (long_renders, 0.25, 0.55, 0.22)]
    {
        let first = estimate(&waits(&assumptions, Policy::Ours(2_000, 5_000)), part);
        let later = estimate(&in_a_row(&assumptions), part);
        assert!(
            later.error < of_the_first * first.error && later.error < most,
            "{first:?} {later:?}"
        );
    }
}
