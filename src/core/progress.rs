//! How far the whole job is, and how long it may still take. The overall figure never falls, and
//! reaches 1 only with the finished video; of the time left it says nothing where it has no ground.

use super::Millis;
use super::status::{ContentStatus, Status, VideoStatus};

/// Millionths: fine enough for a bar, exact in a snapshot.
pub type Ppm = u32;
/// All of it.
pub const WHOLE: Ppm = 1_000_000;

// Shares of the whole job by how long its phases take: generating clips takes about twice as long
// as the final render, and starting either takes next to nothing.
const CLIPS_BEGIN: Ppm = 20_000;
const CLIPS_END: Ppm = 650_000;
const RENDER_BEGIN: Ppm = 670_000;
const RENDER_END: Ppm = 990_000;

/// The scale of the wire's `progress`, documented as "0 to 1, or 0-100 depending on implementation".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Not proven yet; until then a lone 1 is taken for 1 %.
    #[default]
    Unproven,
    /// 0 to 1.
    Fraction,
    /// 0 to 100.
    Percent,
}

impl Scale {
    /// Learns from one more value and returns it as 0 to 1. Proven once, the scale holds.
    pub fn read(&mut self, wire: f64) -> f64 {
        if *self == Scale::Unproven {
            if wire > 1.0 {
                *self = Scale::Percent;
            } else if wire > 0.0 && wire < 1.0 {
                *self = Scale::Fraction;
            }
        }
        let fraction = if *self == Scale::Fraction {
            wire
        } else {
            wire / 100.0
        };
        fraction.clamp(0.0, 1.0)
    }
}

/// What has been learnt about the course of one job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub(super) scale: Scale,
    pub(super) overall: Ppm,
    /// When the job was first seen, and how far it was.
    pub(super) first: Option<(Millis, Ppm)>,
    /// When it may be done.
    pub(super) end: Option<Millis>,
}

impl Progress {
    /// Takes in one more status, and turns its `progress` into 0 to 1.
    pub fn observe(&mut self, video: &mut VideoStatus, now: Millis) {
        if let Status::StartRenderingVideo { progress } | Status::RenderingVideo { progress } =
            &mut video.status
        {
            *progress = self.scale.read(*progress);
        }
        let reached = reached(video).unwrap_or(self.overall);
        let (first_at, first) = *self.first.get_or_insert((now, reached));
        if reached > self.overall {
            // The rate so far, carried on. Below two hundredths it is mostly noise.
            let gained = Millis::from(reached - first);
            let took = now.saturating_sub(first_at);
            self.end = (gained >= 20_000).then(|| {
                let left = Millis::from(WHOLE - reached);
                now.saturating_add(left.saturating_mul(took) / gained)
            });
            self.overall = reached;
        }
    }

    /// The whole job, 0 to 1.
    pub fn overall(&self) -> f64 {
        f64::from(self.overall) / f64::from(WHOLE)
    }

    /// The time left. An estimate that has run out is none.
    pub fn remaining(&self, now: Millis) -> Option<Millis> {
        if self.overall == WHOLE {
            return Some(0);
        }
        self.end?.checked_sub(now).filter(|left| *left > 0)
    }

    /// The same, short of the end: a whole job is one whose video is at hand.
    pub(super) fn reopened(&self) -> Progress {
        let overall = self.overall.min(WHOLE - 1);
        Progress {
            overall,
            first: self.first.map(|(at, reached)| (at, reached.min(overall))),
            ..self.clone()
        }
    }

    /// Takes over what another poll of the same video has learnt.
    pub(super) fn absorb(&mut self, other: &Progress) {
        let overall = self.overall.max(other.overall);
        *self = Progress {
            overall,
            ..other.clone()
        };
    }
}

/// How far a status alone says the job is; nothing where it says nothing.
fn reached(video: &VideoStatus) -> Option<Ppm> {
    let share = |part: f64, from: Ppm, to: Ppm| from + (f64::from(to - from) * part) as Ppm;
    match video.status {
        Status::Pending { .. } => succeeded(video).map(|part| share(part, 0, CLIPS_END)),
        Status::GeneratingVideo => Some(share(
            succeeded(video).unwrap_or(0.0),
            CLIPS_BEGIN,
            CLIPS_END,
        )),
        Status::StartRenderingVideo { progress } | Status::RenderingVideo { progress } => {
            Some(share(progress, RENDER_BEGIN, RENDER_END))
        }
        Status::Done { .. } => Some(WHOLE),
        Status::Error { .. } | Status::Unrecognized { .. } => None,
    }
}

/// The share of the clips that succeeded.
fn succeeded(video: &VideoStatus) -> Option<f64> {
    let clips = video
        .generated_content
        .as_deref()
        .filter(|clips| !clips.is_empty())?;
    let ready = clips
        .iter()
        .filter(|clip| clip.status == ContentStatus::Success)
        .count();
    Some(ready as f64 / clips.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::status::GeneratedContent;

    fn video(status: Status, clips: &str) -> VideoStatus {
        let clip = |c| {
            GeneratedContent::bare(match c {
                's' => ContentStatus::Success,
                'e' => ContentStatus::Error,
                _ => ContentStatus::Pending,
            })
        };
        let generated_content = (!clips.is_empty()).then(|| clips.chars().map(clip).collect());
        VideoStatus {
            status,
            generated_content,
            credits_total: None,
            credits_used: None,
        }
    }
    fn rendering(progress: f64) -> VideoStatus {
        video(Status::RenderingVideo { progress }, "")
    }
    fn pending() -> Status {
        Status::Pending { message: None }
    }
    fn done() -> Status {
        Status::Done {
            url: "https://c.test/v".into(),
            id: "v".into(),
        }
    }

    #[test]
    fn both_scales_are_read_and_a_proof_holds() {
        for (wires, fractions) in [
            (
                vec![0.0, 1.0, 2.0, 50.0, 100.0, 0.5],
                vec![0.0, 0.01, 0.02, 0.5, 1.0, 0.005],
            ),
            (vec![0.0, 0.25, 1.0, 0.5], vec![0.0, 0.25, 1.0, 0.5]),
            (vec![0.5, 1.2], vec![0.5, 1.0]),
            (vec![1.0, 0.5, 1.0], vec![0.01, 0.5, 1.0]),
            (vec![250.0, 1.0], vec![1.0, 0.01]),
        ] {
            let mut scale = Scale::default();
            let read: Vec<f64> = wires.iter().map(|wire| scale.read(*wire)).collect();
            assert_eq!(read, fractions, "{wires:?}");
        }
    }

    #[test]
    fn overall_rises_through_the_phases_and_never_falls() {
        let mut progress = Progress::default();
        let mut last = 0.0;
        for (at, (mut video, rises)) in [
            (video(pending(), ""), false),
            (video(Status::GeneratingVideo, "pppp"), true),
            (video(Status::GeneratingVideo, "sspp"), true),
            (video(pending(), "sepp"), false),
            (video(pending(), ""), false),
            (
                video(
                    Status::Unrecognized {
                        raw_status: "X".into(),
                    },
                    "",
                ),
                false,
            ),
            (video(Status::GeneratingVideo, "sssp"), true),
            (
                video(Status::StartRenderingVideo { progress: 0.0 }, "ssss"),
                true,
            ),
            (rendering(0.3), true),
            (rendering(0.2), false),
            (rendering(0.9), true),
            (rendering(1.0), true),
            (video(done(), ""), true),
        ]
        .into_iter()
        .enumerate()
        {
            progress.observe(&mut video, at as Millis * 1_000);
            let overall = progress.overall();
            assert_eq!(overall > last, rises, "{at}: {last} -> {overall}");
            assert!(
                overall >= last && (overall == 1.0) == matches!(video.status, Status::Done { .. })
            );
            last = overall;
        }
    }

    #[test]
    fn the_time_left_needs_ground_counts_down_and_ends_in_silence() {
        let mut progress = Progress::default();
        progress.observe(&mut video(Status::GeneratingVideo, "pp"), 10_000);
        assert_eq!(progress.remaining(10_000), None);
        progress.observe(&mut video(Status::GeneratingVideo, "sp"), 41_500);
        // 31.5 % of the job in 31.5 s, 66.5 % to go.
        assert_eq!(progress.remaining(41_500), Some(66_500));
        assert_eq!(progress.remaining(101_500), Some(6_500));
        assert_eq!(progress.remaining(200_000), None);
        progress.observe(&mut video(done(), ""), 210_000);
        assert_eq!(progress.remaining(210_000), Some(0));
    }

    #[test]
    fn an_estimate_stands_until_there_is_progress_and_is_silent_at_its_end() {
        let mut progress = Progress::default();
        progress.observe(&mut video(Status::GeneratingVideo, "pp"), 10_000);
        progress.observe(&mut video(Status::GeneratingVideo, "sp"), 41_500);
        progress.observe(&mut video(Status::GeneratingVideo, "sp"), 51_500);
        assert_eq!(progress.remaining(51_500), Some(56_500));
        assert_eq!(progress.remaining(107_999), Some(1));
        assert_eq!(progress.remaining(108_000), None);
    }

    #[test]
    fn there_is_no_ground_for_an_estimate_in_an_instant_or_in_next_to_nothing() {
        let mut sudden = Progress::default();
        sudden.observe(&mut video(Status::GeneratingVideo, "pp"), 10_000);
        sudden.observe(&mut video(Status::GeneratingVideo, "sp"), 10_000);
        assert_eq!(sudden.remaining(10_000), None);
        for (reached, has_ground) in [(0.062, false), (0.063, true)] {
            let mut slight = Progress::default();
            slight.observe(&mut rendering(0.000_1), 10_000);
            slight.observe(&mut rendering(reached), 20_000);
            assert_eq!(slight.remaining(20_000).is_some(), has_ground, "{reached}");
        }
    }

    #[test]
    fn what_is_heard_of_anew_is_not_whole_and_keeps_its_course() {
        let mut progress = Progress::default();
        progress.observe(&mut video(done(), ""), 5);
        let reopened = progress.reopened();
        assert_eq!(reopened.overall, WHOLE - 1);
        assert_eq!(reopened.first, Some((5, WHOLE - 1)));
        let mut halfway = Progress::default();
        halfway.observe(&mut rendering(0.5), 5);
        assert_eq!(halfway.reopened(), halfway);
    }

    #[test]
    fn one_that_joins_never_falls_back() {
        let (mut ahead, mut behind) = (Progress::default(), Progress::default());
        ahead.observe(&mut rendering(0.5), 5);
        behind.observe(&mut rendering(0.2), 9);
        let expected = Progress {
            overall: ahead.overall,
            ..behind.clone()
        };
        ahead.absorb(&behind);
        assert_eq!(ahead, expected);
        let further = ahead.clone();
        behind.absorb(&ahead);
        assert_eq!(behind, further);
    }
}
