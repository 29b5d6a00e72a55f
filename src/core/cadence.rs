//! When to ask next. Asking is what makes the server go on, so a late question delays the video;
//! an early one is wasted. All pauses keep within the bounds of the options.

use super::Millis;
use super::options::Options;
use super::progress::{Progress, ready};
use super::status::{Status, VideoStatus};

/// The first backoff after a failure is at most this, or the longest pause where that is shorter.
const FIRST_BACKOFF: Millis = 1_000;
/// The longest backoff.
const LONGEST_BACKOFF: Millis = 30_000;

/// The interval while the last clip is made, until it is so old by the guess: none is ready so soon, most are, some are,
/// the rest is. What that costs and brings is measured by `cargo xtask bench pace`.
const LAST_CLIP: [(f64, Millis); 4] = [
    (16_000.0, u32::MAX as Millis),
    (40_000.0, 1_700),
    (140_000.0, 2_400),
    (180_000.0, 1_300),
];
/// The same beyond all of these.
const OVERDUE: Millis = 3_300;
/// The pause while somebody says when there is news: for the case that they are wrong.
const WATCHED: Millis = 30_000;

/// A small seeded generator (xorshift32): jitter needs spread, not secrecy, and a run can be replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jitter(u32);

impl Jitter {
    /// Any seed will do.
    pub fn new(seed: u64) -> Self {
        let folded = (seed ^ (seed >> 32)) as u32;
        Self(if folded == 0 { 1 } else { folded })
    }

    pub(super) fn state(&self) -> u32 {
        self.0
    }

    /// From 0 to `most`, both included.
    fn up_to(&mut self, most: Millis) -> Millis {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        // Scaling keeps the high bits, the better ones; `most` is far below 2^32.
        (Millis::from(self.0) * (most.min(Millis::from(u32::MAX)) + 1)) >> 32
    }
}

/// The pause after an answer that took so long: as short as it is worth while something is about to change, long
/// while nothing can, and in a render such that a question comes when it should be done. The options must be
/// [`sound`](Options::sound).
pub fn pause(
    video: &VideoStatus,
    progress: &Progress,
    options: &Options,
    jitter: &mut Jitter,
    took: Millis,
    now: Millis,
) -> Millis {
    let (min, max) = (options.min_interval, options.max_interval);
    let clips = video.generated_content.as_deref().unwrap_or_default();
    let waiting = clips.len() - ready(clips);
    let pause = match video.status {
        // Nothing runs yet: it may take another question to have it go on.
        Status::Pending { .. } | Status::GeneratingVideo if clips.is_empty() => min.midpoint(max),
        Status::Pending { .. } | Status::GeneratingVideo => {
            // The render waits for the last clip (one that failed is in the making again).
            let age = progress.last_age(now);
            let likely = LAST_CLIP.into_iter().find(|(until, _)| age < *until);
            let last = likely.map_or(OVERDUE, |(_, pause)| pause);
            // With others that have to be ready too there is less hurry.
            last * (2 * waiting as Millis).saturating_sub(1)
        }
        Status::RenderingVideo { .. } => {
            let Some(left) = progress.expected(video, now) else {
                return spread(min.midpoint(max), options, jitter);
            };
            // In equal parts, so that the last of them is not a short one after long ones; and the next question may
            // take as long as the last.
            let parts = left.div_ceil(max.saturating_add(took).max(1)).max(1);
            return (left / parts).saturating_sub(took).min(max).max(min);
        }
        Status::StartRenderingVideo { .. } | Status::Unrecognized { .. } => min.midpoint(max),
        Status::Done { .. } | Status::Error { .. } => max,
    };
    spread(pause.min(max).max(min), options, jitter)
}

/// The pause after an answer while somebody says when there is news.
pub fn watch(options: &Options, jitter: &mut Jitter) -> Millis {
    spread(WATCHED.max(options.max_interval), options, jitter)
}

/// Shorter by up to a fiftieth, so that many polls drift apart.
fn spread(pause: Millis, options: &Options, jitter: &mut Jitter) -> Millis {
    (pause - jitter.up_to(pause / 50)).max(options.min_interval)
}

/// The pause after the `failures`-th transient failure in a row: exponential with full jitter.
pub fn backoff(failures: u32, options: &Options, jitter: &mut Jitter) -> Millis {
    jitter
        .up_to(doubled(failures, options))
        .max(options.min_interval)
}

/// The longest that this may be.
pub(super) fn longest_backoff(failures: u32, options: &Options) -> Millis {
    doubled(failures, options).max(options.min_interval)
}

fn doubled(failures: u32, options: &Options) -> Millis {
    let first = FIRST_BACKOFF.min(options.max_interval);
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(20));
    doubled.min(LONGEST_BACKOFF)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::status::{ContentStatus, GeneratedContent};

    fn video(status: Status, clips: &[ContentStatus]) -> VideoStatus {
        let generated_content = Some(
            clips
                .iter()
                .map(|state| GeneratedContent::bare(*state))
                .collect(),
        );
        VideoStatus {
            generated_content,
            ..VideoStatus::bare(status)
        }
    }
    fn mean_pause(video: &VideoStatus, options: &Options) -> Millis {
        let mut jitter = Jitter::new(7);
        let pauses: Vec<_> = (0..1_000)
            .map(|_| pause(video, &Progress::default(), options, &mut jitter, 0, 0))
            .collect();
        assert!(
            pauses
                .iter()
                .all(|p| (options.min_interval..=options.max_interval).contains(p))
        );
        pauses.iter().sum::<Millis>() / 1_000
    }

    const NOW: Millis = 1_800_000_000_000;

    /// The pause while these clips are made, for so many seconds by now; but for the spread.
    fn pause_at(clips: &[ContentStatus], seconds: Millis, options: &Options) -> Millis {
        let progress = Progress {
            clips_from: Some(NOW - seconds * 1_000),
            ..Progress::default()
        };
        let made = video(Status::GeneratingVideo, clips);
        pause(&made, &progress, options, &mut Jitter::new(7), 0, NOW)
    }

    #[test]
    fn pauses_are_long_while_nothing_can_be_ready_and_short_when_the_last_clip_may() {
        use ContentStatus::{Pending, Success};
        let wide = Options {
            min_interval: 1_000,
            max_interval: 10_000,
            ..Options::default()
        };
        let last = [Success, Pending];
        for (seconds, default, between) in [
            (0, 5_000, 10_000),
            (15, 5_000, 10_000),
            // The shortest takes 20 s, and most little more.
            (16, 2_000, 1_700),
            (39, 2_000, 1_700),
            // Then it is anybody's guess ...
            (40, 2_400, 2_400),
            (139, 2_400, 2_400),
            // ... until nearly the longest, and beyond.
            (140, 2_000, 1_300),
            (179, 2_000, 1_300),
            (180, 3_300, 3_300),
            (400, 3_300, 3_300),
        ] {
            assert_eq!(
                pause_at(&last, seconds, &Options::default()),
                default,
                "{seconds}"
            );
            assert_eq!(pause_at(&last, seconds, &wide), between, "{seconds}");
        }
        // The more have to be ready the less hurry.
        assert_eq!(pause_at(&[Pending; 2], 60, &wide), 7_200);
        assert_eq!(pause_at(&[Pending; 2], 150, &wide), 3_900);
        assert_eq!(pause_at(&[Pending; 3], 150, &wide), 6_500);
        assert_eq!(pause_at(&[Pending; 3], 60, &wide), 10_000);
        // Nothing is left to wait for but the next question.
        assert_eq!(pause_at(&[Success; 2], 60, &wide), 1_000);
    }

    #[test]
    fn a_clip_that_was_begun_anew_is_not_ready_soon() {
        let options = Options::default();
        for (state, seconds, next) in [
            (ContentStatus::Error, 0, 5_000),
            (ContentStatus::Pending, 10, 5_000),
            (ContentStatus::Pending, 60, 2_400),
        ] {
            let progress = Progress {
                clips_from: Some(NOW - 150_000),
                failed_at: Some(NOW - seconds * 1_000),
                ..Progress::default()
            };
            let made = video(Status::Pending { message: None }, &[state]);
            let mut jitter = Jitter::new(7);
            let pause = pause(&made, &progress, &options, &mut jitter, 0, NOW);
            assert_eq!(pause, next, "{seconds}");
        }
    }

    #[test]
    fn what_another_question_may_bring_about_is_neither_urgent_nor_far() {
        let pending = || Status::Pending { message: None };
        let unknown = Status::Unrecognized {
            raw_status: "X".into(),
        };
        for (status, clips) in [
            (pending(), &[][..]),
            (Status::GeneratingVideo, &[]),
            (Status::StartRenderingVideo { progress: 0.0 }, &[]),
            (Status::RenderingVideo { progress: 0.5 }, &[]),
            (unknown, &[]),
        ] {
            let mean = mean_pause(&video(status, clips), &Options::default());
            assert!((3_450..=3_500).contains(&mean), "{mean}");
        }
    }

    #[test]
    fn there_is_no_hurry_after_the_end() {
        let done = Status::Done {
            url: "https://c.test/v".into(),
            id: "v".into(),
            raw_status: None,
        };
        let error = Status::Error {
            message: None,
            raw_status: None,
        };
        for status in [done, error] {
            assert!(mean_pause(&video(status, &[]), &Options::default()) > 4_900);
        }
    }

    #[test]
    fn a_question_comes_when_the_render_should_be_done() {
        // Half of it, as half a step counts, in so many milliseconds.
        let pause_when = |so_far: Millis, took: Millis, options: &Options| {
            let progress = Progress {
                render_from: Some((NOW - so_far, 0)),
                ..Progress::default()
            };
            let rendering = video(Status::RenderingVideo { progress: 0.475 }, &[]);
            let mut jitter = Jitter::new(7);
            pause(&rendering, &progress, options, &mut jitter, took, NOW)
        };
        let options = Options::default();
        for (left, next) in [
            (0, 2_000),
            (1_999, 2_000),
            (3_210, 3_210),
            (5_000, 5_000),
            // In equal parts.
            (5_002, 2_501),
            (9_000, 4_500),
            (12_000, 4_000),
            (600_000, 5_000),
        ] {
            assert_eq!(pause_when(left, 0, &options), next, "{left}");
        }
        // The question takes time too.
        for (left, next) in [
            (3_210, 2_910),
            (5_300, 5_000),
            (5_302, 2_351),
            (2_100, 2_000),
        ] {
            assert_eq!(pause_when(left, 300, &options), next, "{left}");
        }
        assert_eq!(pause_when(2_000, Millis::MAX, &options), 2_000);
        // There is no time to be cut into no parts.
        let none = Options {
            min_interval: 0,
            max_interval: 0,
            ..options
        };
        assert_eq!(pause_when(9_000, 0, &none), 0);
    }

    #[test]
    fn pauses_are_spread_over_a_fiftieth_so_that_polls_drift_apart() {
        let options = Options {
            min_interval: 0,
            max_interval: 9_999,
            ..Options::default()
        };
        let calm = video(Status::GeneratingVideo, &[ContentStatus::Pending; 3]);
        let mut jitter = Jitter::new(7);
        let pauses: Vec<_> = (0..1_000)
            .map(|_| pause(&calm, &Progress::default(), &options, &mut jitter, 0, 0))
            .collect();
        let (least, most) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
        assert!((9_800..9_804).contains(least), "{least}");
        assert!((9_997..=9_999).contains(most), "{most}");
    }

    #[test]
    fn jitter_can_be_replayed_and_reaches_both_of_its_ends() {
        // The sequence is part of what a snapshot promises: the same commands for ever after.
        let mut jitter = Jitter::new(7);
        let rolled: Vec<_> = (0..6).map(|_| jitter.up_to(999)).collect();
        assert_eq!(rolled, [0, 109, 903, 714, 664, 488]);
        assert_eq!(jitter.up_to(0), 0);
        let coins: Vec<_> = (0..100).map(|_| jitter.up_to(1)).collect();
        assert!(coins.contains(&0) && coins.contains(&1) && !coins.contains(&2));
        assert!((0..100).all(|_| jitter.up_to(Millis::MAX) <= u32::MAX.into()));
        assert_eq!(
            Jitter::new(0),
            Jitter::new(1 << 32 | 1),
            "no seed gets stuck at 0"
        );
    }

    #[test]
    fn equal_bounds_leave_no_choice() {
        let options = Options {
            min_interval: 700,
            max_interval: 700,
            ..Options::default()
        };
        assert_eq!(
            mean_pause(&video(Status::GeneratingVideo, &[]), &options),
            700
        );
    }

    #[test]
    fn backoff_doubles_up_to_its_limit_and_spreads_over_all_of_it() {
        let options = Options {
            min_interval: 10,
            ..Options::default()
        };
        for (failures, limit) in [
            (1, 1_000),
            (2, 2_000),
            (3, 4_000),
            (5, 16_000),
            (6, 30_000),
            (u32::MAX, 30_000),
        ] {
            let mut jitter = Jitter::new(u64::from(failures));
            let waits: Vec<_> = (0..2_000)
                .map(|_| backoff(failures, &options, &mut jitter))
                .collect();
            let mean = waits.iter().sum::<Millis>() / 2_000;
            assert!(waits.iter().all(|wait| (10..=limit).contains(wait)));
            assert!(
                (limit * 45 / 100..limit * 55 / 100).contains(&mean),
                "{failures}: {mean}"
            );
        }
    }

    #[test]
    fn backoff_keeps_above_the_shortest_pause_and_scales_down_with_the_longest() {
        let mut jitter = Jitter::new(1);
        let slow = Options {
            min_interval: 40_000,
            max_interval: 60_000,
            ..Options::default()
        };
        let quick = Options {
            min_interval: 1,
            max_interval: 20,
            ..Options::default()
        };
        for _ in 0..1_000 {
            assert_eq!(backoff(3, &slow, &mut jitter), 40_000);
            assert!(backoff(1, &quick, &mut jitter) <= 20);
        }
    }
}
