//! When to ask next. Asking is what makes the server go on, so a late question delays the video;
//! an early one is wasted. All pauses keep within the bounds of the options.

use super::Millis;
use super::options::Options;
use super::progress::Progress;
use super::status::{ContentStatus, Status, VideoStatus};
use std::time::{SystemTime, UNIX_EPOCH};

/// The first backoff after a failure is at most this, or the longest pause where that is shorter.
const FIRST_BACKOFF: Millis = 1_000;
/// The longest backoff.
const LONGEST_BACKOFF: Millis = 30_000;

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

/// The pause after an answer: short when something is about to change, long when nothing can. The
/// options must be [`sound`](Options::sound).
pub fn pause(
    video: &VideoStatus,
    progress: &Progress,
    options: &Options,
    jitter: &mut Jitter,
    now: Millis,
) -> Millis {
    let span = options.max_interval - options.min_interval;
    let pause = options.max_interval - span * urgency(video, progress, options, now) / URGENT;
    spread(pause, options, jitter)
}

/// The pause after an answer while somebody says when there is news.
pub fn watch(options: &Options, jitter: &mut Jitter) -> Millis {
    spread(WATCHED.max(options.max_interval), options, jitter)
}

/// Shorter by up to a tenth, so that many polls do not beat in step.
fn spread(pause: Millis, options: &Options, jitter: &mut Jitter) -> Millis {
    (pause - jitter.up_to(pause / 10)).max(options.min_interval)
}

const URGENT: Millis = 100;
const UNSURE: Millis = 50;
const CALM: Millis = 0;

fn urgency(video: &VideoStatus, progress: &Progress, options: &Options, now: Millis) -> Millis {
    match video.status {
        Status::Pending { .. } | Status::GeneratingVideo => {
            match video.generated_content.as_deref() {
                // Nothing runs yet: the next question is what starts it.
                None | Some([]) if matches!(video.status, Status::Pending { .. }) => URGENT,
                None | Some([]) => UNSURE,
                // A failed clip waits for a question to be made again.
                Some(clips) if clips.iter().any(|clip| clip.status == ContentStatus::Error) => {
                    URGENT
                }
                // The render waits for the last clip alone.
                Some(clips) => {
                    let ready = clips
                        .iter()
                        .filter(|clip| clip.status == ContentStatus::Success)
                        .count();
                    URGENT * ready as Millis / clips.len() as Millis
                }
            }
        }
        Status::StartRenderingVideo { .. } => URGENT,
        Status::RenderingVideo { progress: rendered } => match progress.remaining(now) {
            Some(left) if left <= options.max_interval.saturating_mul(2) => URGENT,
            _ if rendered >= 0.9 => URGENT,
            Some(_) => CALM,
            None => UNSURE,
        },
        Status::Unrecognized { .. } => UNSURE,
        Status::Done { .. } | Status::Error { .. } => CALM,
    }
}

/// The pause after the `failures`-th transient failure in a row: exponential with full jitter.
pub fn backoff(failures: u32, options: &Options, jitter: &mut Jitter) -> Millis {
    let first = FIRST_BACKOFF.min(options.max_interval);
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(20));
    jitter
        .up_to(doubled.min(LONGEST_BACKOFF))
        .max(options.min_interval)
}

/// The earliest time that `Retry-After` allows: seconds, or an HTTP date. One in the past, or that
/// is neither, asks for nothing.
pub fn not_before(retry_after: &str, now: Millis) -> Option<Millis> {
    let text = retry_after.trim();
    let at = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // Too many digits for a number is still a very long time.
        let seconds: Millis = text.parse().unwrap_or(Millis::MAX);
        now.saturating_add(seconds.saturating_mul(1_000))
    } else {
        let date: SystemTime = httpdate::parse_http_date(text).ok()?;
        Millis::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()?
    };
    (at > now).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::status::GeneratedContent;

    fn video(status: Status, clips: &[ContentStatus]) -> VideoStatus {
        let generated_content = Some(
            clips
                .iter()
                .map(|state| GeneratedContent::bare(*state))
                .collect(),
        );
        VideoStatus {
            status,
            generated_content,
            credits_total: None,
            credits_used: None,
        }
    }
    fn mean_pause(video: &VideoStatus, options: &Options) -> Millis {
        let mut jitter = Jitter::new(7);
        let pauses: Vec<_> = (0..1_000)
            .map(|_| pause(video, &Progress::default(), options, &mut jitter, 0))
            .collect();
        assert!(
            pauses
                .iter()
                .all(|p| (options.min_interval..=options.max_interval).contains(p))
        );
        pauses.iter().sum::<Millis>() / 1_000
    }

    #[test]
    fn pauses_are_short_when_something_is_about_to_change() {
        use ContentStatus::{Error, Pending, Success};
        let options = Options::default();
        let mean = |status, clips: &[ContentStatus]| mean_pause(&video(status, clips), &options);
        let pending = || Status::Pending { message: None };
        assert_eq!(mean(pending(), &[]), 2_000);
        assert_eq!(mean(Status::GeneratingVideo, &[Success; 4]), 2_000);
        assert_eq!(
            mean(Status::GeneratingVideo, &[Success, Error, Pending, Pending]),
            2_000
        );
        assert_eq!(
            mean(Status::StartRenderingVideo { progress: 0.0 }, &[]),
            2_000
        );
        assert_eq!(mean(Status::RenderingVideo { progress: 0.95 }, &[]), 2_000);
        assert!(mean(Status::GeneratingVideo, &[Pending; 4]) > 4_500);
        let some = mean(Status::GeneratingVideo, &[Success, Pending]);
        assert!((3_000..4_000).contains(&some), "{some}");
        let unknown = mean(
            Status::Unrecognized {
                raw_status: "X".into(),
            },
            &[],
        );
        assert!((3_000..4_000).contains(&unknown), "{unknown}");
    }

    #[test]
    fn there_is_no_hurry_after_the_end() {
        let done = Status::Done {
            url: "https://c.test/v".into(),
            id: "v".into(),
        };
        for status in [done, Status::Error { message: None }] {
            assert!(mean_pause(&video(status, &[]), &Options::default()) > 4_500);
        }
    }

    #[test]
    fn clips_that_nobody_told_of_are_neither_urgent_nor_far() {
        let unsure = mean_pause(&video(Status::GeneratingVideo, &[]), &Options::default());
        assert!((3_000..4_000).contains(&unsure), "{unsure}");
    }

    #[test]
    fn a_render_is_asked_about_often_once_its_end_is_near() {
        let options = Options::default();
        let pause_when = |left: Option<Millis>, rendered| {
            let progress = Progress {
                end: left,
                ..Progress::default()
            };
            let status = Status::RenderingVideo { progress: rendered };
            pause(
                &video(status, &[]),
                &progress,
                &options,
                &mut Jitter::new(7),
                0,
            )
        };
        // Two of the longest pauses are near; what has run out says nothing.
        for left in [1, 10_000] {
            assert_eq!(pause_when(Some(left), 0.1), 2_000, "{left}");
        }
        assert!(pause_when(Some(10_001), 0.1) > 4_400);
        assert!(pause_when(Some(600_000), 0.89) > 4_400);
        assert_eq!(pause_when(Some(600_000), 0.9), 2_000);
        let unsure = pause_when(None, 0.1);
        assert!((3_000..4_000).contains(&unsure), "{unsure}");
    }

    #[test]
    fn pauses_are_spread_over_a_tenth_so_that_polls_do_not_beat_in_step() {
        let options = Options {
            min_interval: 0,
            max_interval: 9_999,
            ..Options::default()
        };
        let calm = video(Status::GeneratingVideo, &[ContentStatus::Pending]);
        let mut jitter = Jitter::new(7);
        let pauses: Vec<_> = (0..1_000)
            .map(|_| pause(&calm, &Progress::default(), &options, &mut jitter, 0))
            .collect();
        let (least, most) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
        assert!((9_000..9_010).contains(least), "{least}");
        assert!((9_990..=9_999).contains(most), "{most}");
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

    #[test]
    fn retry_after_is_seconds_or_a_date_and_nothing_else() {
        let now = 784_111_770_000; // Sun, 06 Nov 1994 08:49:30 GMT
        for (text, at) in [
            ("7", Some(now + 7_000)),
            (" 7 ", Some(now + 7_000)),
            ("0", None),
            ("2592000", Some(now + 2_592_000_000)),
            ("99999999999999999999999", Some(Millis::MAX)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(now + 7_000)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(now + 7_000)),
            ("Sun Nov  6 08:49:37 1994", Some(now + 7_000)),
            ("Sun, 06 Nov 1994 08:49:20 GMT", None),
            ("Thu, 01 Jan 1970 00:00:00 GMT", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
            ("٣", None),
        ] {
            assert_eq!(not_before(text, now), at, "{text:?}");
        }
    }
}
