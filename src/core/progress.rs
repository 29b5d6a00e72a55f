//! How far the whole job is, and how long it may still take. The overall figure never falls, and
//! reaches 1 only with the finished video; of the time left it says nothing where it has no ground.

use super::Millis;
use super::status::{ContentStatus, GeneratedContent, Status, VideoStatus};

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

// What is expected before anything is known, in milliseconds. They are guesses: nobody has measured the
// real service. What is seen of a video soon outweighs them.
/// The mean time of a clip ...
const CLIP: u32 = 60_000;
/// ... which counts as if so many clips had been seen.
const SURE_OF_CLIP: f64 = 6.0;
/// The longest time of a clip, in mean times.
const LONGEST_CLIP: f64 = 2.5;
/// A clip that takes longer than that may take so much longer.
const OVERTIME: f64 = 10_000.0;
/// From the last clip to the first progress of the render.
const WARM_UP: f64 = 4_000.0;
/// The render, for each clip.
const RENDER: u32 = 5_500;
/// Progress comes in steps, so what is told is too little by half of one: of twenty, say.
const HALF_A_STEP: f64 = 25_000.0;
/// An hour, in milliseconds.
pub(super) const LONGEST_LESSON: u32 = 3_600_000;
/// After this part of the render its own rate alone counts.
const TELLING: f64 = 250_000.0;

/// What is usual, in milliseconds: what earlier videos taught, or else a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usual {
    /// The mean time of a clip.
    pub clip: u32,
    /// The render, for each clip.
    pub render: u32,
}

impl Default for Usual {
    fn default() -> Self {
        Self {
            clip: CLIP,
            render: RENDER,
        }
    }
}

/// What has been learnt about the course of one job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub(super) scale: Scale,
    pub(super) overall: Ppm,
    pub(super) usual: Usual,
    /// When clips were first seen, and whether none of them was ready then.
    pub(super) clips_from: Option<Millis>,
    pub(super) from_start: bool,
    /// The most clips that were ready, and after how long they were seen to be, in all.
    pub(super) ready: u32,
    pub(super) ready_after: Millis,
    /// When the render was first seen, and how far it was.
    pub(super) render_from: Option<(Millis, Ppm)>,
    /// When the video may be done.
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
        self.overall = self.overall.max(reached(video).unwrap_or(0));
        let rendered = self.render_from.is_some();
        let clips = video.generated_content.as_deref().unwrap_or_default();
        let left = match &video.status {
            Status::Pending { .. } | Status::GeneratingVideo => self.clips_left(clips, now),
            Status::StartRenderingVideo { progress } | Status::RenderingVideo { progress } => {
                self.render_left(*progress, clips.len(), now)
            }
            _ => None,
        };
        let Some(left) = left.map(|left| left as Millis) else {
            return;
        };
        let is_next_phase = self.render_from.is_some() != rendered;
        let said = self.end.map(|end| end.saturating_sub(now));
        self.end = match said {
            // It was wrong, and there is no better ground before the next phase.
            Some(0) if !is_next_phase => self.end,
            // What was said is taken back by small steps only.
            Some(said) if said > 0 => {
                Some(now.saturating_add(left.min(said.saturating_add(said / 5))))
            }
            _ => Some(now.saturating_add(left)),
        };
    }

    /// Until the video is done, while clips are made.
    fn clips_left(&mut self, clips: &[GeneratedContent], now: Millis) -> Option<f64> {
        if clips.is_empty() {
            return None;
        }
        let ready = ready(clips);
        let from = *self.clips_from.get_or_insert_with(|| {
            self.from_start = ready == 0;
            now
        });
        let age = now.saturating_sub(from);
        let counted = u32::try_from(ready).unwrap_or(u32::MAX).max(self.ready);
        let news = Millis::from(counted - self.ready);
        self.ready = counted;
        self.ready_after = self.ready_after.saturating_add(age.saturating_mul(news));
        let waiting = clips.len().saturating_sub(ready) as f64;
        // Those that are not ready have taken as long as this at least.
        let mean = (SURE_OF_CLIP * f64::from(self.usual.clip)
            + self.ready_after as f64
            + waiting * age as f64)
            / (SURE_OF_CLIP + f64::from(self.ready));
        let longest = (LONGEST_CLIP * mean - age as f64).max(OVERTIME);
        // The last of so many that are as likely to be ready at any time until then.
        let last = longest * waiting / (waiting + 1.0);
        Some(last + self.render(clips.len()))
    }

    /// A whole render of so many clips, as is usual.
    fn render(&self, clips: usize) -> f64 {
        WARM_UP + f64::from(self.usual.render) * clips as f64
    }

    /// What a video that was seen from its first clip to its end teaches, beside what was usual before.
    pub fn taught(&self, clips: usize, now: Millis) -> Option<Usual> {
        let (rendered_from, part) = self.render_from?;
        // The last of so many clips says most of how long they take, and it is waited for.
        let last = rendered_from.saturating_sub(self.clips_from?) as f64;
        let longest = last * (clips as f64 + 1.0) / clips as f64;
        let clip = (longest / LONGEST_CLIP) as Millis;
        let is_whole = self.from_start && part < WHOLE / 10;
        let render = now
            .saturating_sub(rendered_from)
            .checked_div(clips as u64)?;
        // What took no time, or days, teaches nothing.
        let sound = |ms: Millis| {
            u32::try_from(ms)
                .ok()
                .filter(|ms| (1..=LONGEST_LESSON).contains(ms))
        };
        is_whole.then_some(Usual {
            clip: sound(clip)?,
            render: sound(render)?,
        })
    }

    /// Until the video is done, while it is rendered.
    fn render_left(&mut self, progress: f64, clips: usize, now: Millis) -> Option<f64> {
        let part = (progress * f64::from(WHOLE)) as Ppm;
        let (from, first) = *self.render_from.get_or_insert((now, part));
        let (age, gained) = (now.saturating_sub(from) as f64, part.saturating_sub(first));
        let rest = (f64::from(WHOLE - part) - HALF_A_STEP).max(0.0);
        let usual = (clips > 0).then(|| {
            let whole = self.render(clips);
            if gained == 0 {
                (whole - age).max(0.0)
            } else {
                whole * (1.0 - progress)
            }
        });
        if gained == 0 {
            return usual;
        }
        let by_rate = rest * age / f64::from(gained);
        let trust = (f64::from(gained) / TELLING).min(1.0);
        Some(usual.map_or(by_rate, |usual| by_rate * trust + usual * (1.0 - trust)))
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
        Progress {
            overall: self.overall.min(WHOLE - 1),
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
    Some(ready(clips) as f64 / clips.len() as f64)
}

/// How many of the clips succeeded.
pub(super) fn ready(clips: &[GeneratedContent]) -> usize {
    let is_ready = |clip: &&GeneratedContent| clip.status == ContentStatus::Success;
    clips.iter().filter(is_ready).count()
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

    const START: Millis = 1_800_000_000_000;

    /// What is left after these, each with the seconds since the start, in seconds.
    fn left_after(seen: &[(VideoStatus, Millis)]) -> Option<Millis> {
        let mut progress = Progress::default();
        let mut now = 0;
        for (video, seconds) in seen {
            now = START + seconds * 1_000;
            progress.observe(&mut video.clone(), now);
        }
        progress.remaining(now).map(|left| left.div_ceil(1_000))
    }
    fn clips(clips: &str) -> VideoStatus {
        video(Status::GeneratingVideo, clips)
    }
    fn rendering_of(clips: &str, progress: f64) -> VideoStatus {
        video(Status::RenderingVideo { progress }, clips)
    }

    #[test]
    fn nothing_is_said_without_ground() {
        assert_eq!(left_after(&[(video(pending(), ""), 0)]), None);
        assert_eq!(left_after(&[(clips(""), 0)]), None);
        let unknown = Status::Unrecognized {
            raw_status: "X".into(),
        };
        assert_eq!(left_after(&[(video(unknown, "pp"), 0)]), None);
        // A render of which neither the clips nor the rate are known.
        assert_eq!(left_after(&[(rendering(0.3), 0)]), None);
        assert_eq!(
            left_after(&[(rendering(0.3), 0), (rendering(0.3), 9)]),
            None
        );
    }

    #[test]
    fn before_anything_is_ready_it_is_what_is_usual() {
        // Of so many clips the last, of a longest time of 150 s, and the render.
        for (kind, left) in [
            ("p", 75 + 4 + 6),
            ("pp", 100 + 4 + 11),
            ("ppppppppp", 135 + 4 + 50),
        ] {
            assert_eq!(left_after(&[(clips(kind), 0)]), Some(left), "{kind}");
        }
        // Clips that are ready when they are first seen tell nothing of how long they took but that it was short.
        assert!(left_after(&[(clips("ssp"), 0)]) < left_after(&[(clips("p"), 0)]));
    }

    #[test]
    fn clips_that_are_quick_or_slow_tell_of_those_to_come() {
        let after =
            |ready: Millis| left_after(&[(clips("pppp"), 0), (clips("sspp"), ready)]).unwrap();
        // In all 107 and 148 s.
        assert_eq!((after(5), after(40)), (102, 108));
        // Each is counted once, when it is first seen to be ready.
        let mut progress = Progress::default();
        for (seen, seconds) in [
            ("ppp", 0),
            ("spp", 20),
            ("spp", 30),
            ("ppp", 40),
            ("spp", 50),
            ("sss", 60),
        ] {
            progress.observe(&mut clips(seen), START + seconds * 1_000);
        }
        assert_eq!(
            (progress.ready, progress.ready_after),
            (3, 20_000 + 2 * 60_000)
        );
        assert_eq!(progress.clips_from, Some(START));
    }

    #[test]
    fn the_last_clip_may_take_longer_than_any_before() {
        let mut progress = Progress::default();
        progress.observe(&mut clips("ssssp"), START);
        let first = progress.remaining(START).unwrap();
        assert!(first > 50_000);
        // It counts down, and what has run out is not said anew.
        assert_eq!(progress.remaining(START + 10_000), Some(first - 10_000));
        progress.observe(&mut clips("ssssp"), START + first);
        assert_eq!(progress.remaining(START + first), None);
        progress.observe(&mut clips("ssssp"), START + first + 60_000);
        assert_eq!(progress.remaining(START + first + 60_000), None);
        // But the render is new ground.
        progress.observe(&mut rendering_of("sssss", 0.0), START + first + 90_000);
        assert_eq!(progress.remaining(START + first + 90_000), Some(31_500));
    }

    #[test]
    fn what_was_said_is_taken_back_by_a_fifth_at_most() {
        let mut progress = Progress::default();
        progress.observe(&mut clips("pp"), START);
        let said = progress.remaining(START).unwrap();
        // A clip more, and another: so much was not to be seen.
        progress.observe(&mut clips("pppppppppppp"), START + 5_000);
        let left = said - 5_000;
        assert_eq!(progress.remaining(START + 5_000), Some(left + left / 5));
        // Down it may go at once.
        progress.observe(&mut clips("ssssssssssss"), START + 6_000);
        assert!(progress.remaining(START + 6_000).unwrap() <= 80_000);
    }

    #[test]
    fn a_render_is_told_of_by_its_rate_the_more_the_further_it_is() {
        let after = |part: f64, seconds| {
            left_after(&[
                (rendering_of("ssss", 0.0), 0),
                (rendering_of("ssss", part), seconds),
            ])
        };
        // 26 s are usual for four clips.
        assert_eq!(left_after(&[(rendering_of("ssss", 0.0), 0)]), Some(26));
        assert_eq!(after(0.0, 6), Some(20));
        assert_eq!(left_after(&[(rendering_of("ssss", 0.5), 0)]), Some(26));
        // A quarter in 5 s: three quarters in 15, but for half a step.
        assert_eq!(after(0.25, 5), Some(15));
        // An eighth in 5 s would be 34 s more, and 22.75 s are usual: the half of both; but a fifth up from 21.
        assert_eq!(after(0.125, 5), Some(26));
        // Without clips there is the rate alone.
        assert_eq!(
            left_after(&[(rendering(0.1), 0), (rendering(0.2), 5)]),
            Some(39)
        );
        // All of it, but not done: any moment.
        assert_eq!(
            left_after(&[(rendering(0.5), 0), (rendering(1.0), 5)]),
            None
        );
        assert_eq!(
            left_after(&[
                (rendering(0.5), 0),
                (rendering(1.0), 5),
                (video(done(), ""), 9)
            ]),
            Some(0)
        );
    }

    #[test]
    fn no_time_and_no_number_of_clips_is_too_much() {
        let mut progress = Progress::default();
        progress.observe(&mut clips(&"p".repeat(5_000)), 0);
        progress.observe(&mut clips(&"s".repeat(5_000)), Millis::MAX);
        progress.observe(&mut rendering(0.1), 3);
        progress.observe(&mut rendering(0.1 + f64::EPSILON), Millis::MAX);
        assert_eq!(progress.remaining(Millis::MAX), None);
    }

    #[test]
    fn what_is_heard_of_anew_is_not_whole_and_keeps_its_course() {
        let mut progress = Progress::default();
        progress.observe(&mut video(done(), ""), 5);
        let reopened = progress.reopened();
        assert_eq!(reopened.overall, WHOLE - 1);
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
