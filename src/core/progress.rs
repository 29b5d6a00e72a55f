//! How far the whole job is, and how long it may still take. The overall figure never falls, and
//! reaches 1 only with the finished video; of the time left it says nothing where it has no ground.

use super::Millis;
use super::durations::Durations;
use super::status::{ContentStatus, GeneratedContent, Status, VideoStatus};
use std::mem::take;

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
    /// Learns from one more value and returns it as 0 to 1. `is_percent` says that it came with a percent sign, which
    /// proves the scale of this value and of those after it. So does a value above 1, whatever came before: only
    /// percent count that far, and they may begin with half of one.
    pub fn read(&mut self, wire: f64, is_percent: bool) -> f64 {
        if is_percent || wire > MOST_FRACTION {
            *self = Scale::Percent;
        } else if *self == Scale::Unproven && wire > 0.0 && wire < 1.0 {
            *self = Scale::Fraction;
        }
        let fraction = if *self == Scale::Fraction {
            wire
        } else {
            wire / 100.0
        };
        fraction.clamp(0.0, 1.0)
    }
}

/// A sum of fractions may come out above 1 by its last digits.
const MOST_FRACTION: f64 = 1.000_001;

/// From the last clip to the first progress of the render, in milliseconds: a guess.
const WARM_UP: f64 = 3_000.0;
/// Progress comes in steps, so what is told is too little by half of one: of twenty, say.
const HALF_A_STEP: f64 = 0.025;
/// What is usual of renders counts as much as if so much of this one had been seen.
const SURE_OF_RENDER: f64 = 0.05;

/// After so long without an answer nobody knows when what it tells of came about.
const GAP: Millis = 60_000;

/// What has been learnt about the course of one job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub(super) scale: Scale,
    pub(super) overall: Ppm,
    pub(super) durations: Durations,
    /// When the last answer came.
    pub(super) seen_at: Option<Millis>,
    /// Since when clips are made, nearly.
    pub(super) clips_from: Option<Millis>,
    /// The most clips that were ready; none before the first list.
    pub(super) ready: Option<u32>,
    /// When a clip was last seen to have failed: it began anew then.
    pub(super) failed_at: Option<Millis>,
    /// It was seen from its first clip on, and without long gaps: its times are worth learning.
    pub(super) is_timed: bool,
    /// The render was seen to be about to start.
    pub(super) is_starting: bool,
    /// Since when it is rendered, nearly, and how far it was then.
    pub(super) render_from: Option<(Millis, Ppm)>,
    /// When the video may be done, as it was told.
    pub(super) end: Option<Millis>,
}

impl Progress {
    /// Takes in one more status, and turns its `progress` into 0 to 1.
    pub fn observe(&mut self, video: &mut VideoStatus, now: Millis) {
        if let Status::StartRenderingVideo { progress } | Status::RenderingVideo { progress } =
            &mut video.status
        {
            let before = self.scale;
            *progress = self.scale.read(*progress, take(&mut video.is_percent));
            if before == Scale::Fraction && self.scale == Scale::Percent {
                // What was read of the render so far was a hundred times too much, and so was what followed from it.
                self.render_from = self.render_from.filter(|(_, part)| *part == 0);
                self.end = None;
            }
        }
        self.overall = self.overall.max(reached(video).unwrap_or(0));
        let was_made = self.is_made();
        let before = self.seen_at.replace(now).unwrap_or(now);
        self.is_timed &= is_close(before, now);
        let clips = video.generated_content.as_deref().unwrap_or_default();
        match video.status {
            Status::Pending { .. } | Status::GeneratingVideo => {
                if was_made {
                    self.go_back(now);
                }
                self.see_clips(clips, before, now);
            }
            Status::StartRenderingVideo { .. } => {
                if self.render_from.is_some() {
                    self.go_back(now);
                }
                self.see_ready(clips.len(), clips.len(), now);
                self.is_starting = true;
            }
            Status::RenderingVideo { progress } => {
                self.see_ready(clips.len(), clips.len(), now);
                self.see_render(progress, before, now);
            }
            Status::Done { .. } => self.see_the_end(clips.len(), now),
            Status::Error { .. } | Status::Unrecognized { .. } => {}
        }
        let Some(left) = self.expected(video, now) else {
            return;
        };
        let is_next_phase = self.is_made() != was_made;
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

    /// The render was cancelled, as it is for a clip that is made anew: what is under way begins now, and the video
    /// teaches nothing more.
    fn go_back(&mut self, now: Millis) {
        self.clips_from = Some(now);
        self.failed_at = Some(now);
        self.is_timed = false;
        self.is_starting = false;
        self.render_from = None;
        self.end = None;
    }

    /// The clips are made.
    fn is_made(&self) -> bool {
        self.is_starting || self.render_from.is_some()
    }

    fn see_clips(&mut self, clips: &[GeneratedContent], before: Millis, now: Millis) {
        if clips.is_empty() {
            return;
        }
        let ready = ready(clips);
        if self.ready.is_none() {
            self.is_timed = ready == 0 && is_close(before, now);
            self.clips_from = Some(if ready == 0 {
                // The question before this one had them begun.
                before
            } else {
                let age = self.durations.after(ready as f64 / clips.len() as f64);
                now.saturating_sub(age as Millis)
            });
            self.ready = Some(ready as u32);
        }
        if clips.iter().any(|clip| clip.status == ContentStatus::Error) {
            self.failed_at = Some(now);
        }
        self.see_ready(ready, clips.len(), now);
    }

    /// So many of so many are ready. (Where the render begins all are, whatever the last list said.)
    fn see_ready(&mut self, ready: usize, count: usize, now: Millis) {
        let (Some(before), Some(from)) = (self.ready, self.clips_from) else {
            return;
        };
        let ready = before.max(ready as u32);
        if self.is_timed && self.failed_at.is_none() {
            for rank in before..ready {
                let took = now.saturating_sub(from);
                self.durations.observe_clip(rank + 1, count, took);
            }
        }
        self.ready = Some(ready);
    }

    fn see_render(&mut self, progress: f64, before: Millis, now: Millis) {
        let is_starting = self.is_starting;
        self.render_from.get_or_insert_with(|| {
            if is_starting {
                // Between two questions.
                (before.midpoint(now), 0)
            } else {
                (now, ppm((progress + HALF_A_STEP).min(1.0)))
            }
        });
    }

    fn see_the_end(&mut self, clips: usize, now: Millis) {
        // The list may be cut short here, or empty.
        let clips = clips.max(self.ready.unwrap_or(0) as usize);
        if let Some((from, part)) = self.render_from
            && self.is_timed
            && part < WHOLE / 10
            && clips > 0
        {
            let took = now.saturating_sub(from) as f64 * f64::from(WHOLE);
            let took = took / f64::from(WHOLE - part);
            self.durations.observe_render(took / clips as f64);
        }
        // Whoever hears of it again learns nothing more.
        self.is_timed = false;
    }

    /// How long it takes from now on until the video is done, as often less as more; nothing where there is no
    /// ground.
    pub(super) fn expected(&self, video: &VideoStatus, now: Millis) -> Option<Millis> {
        let clips = video.generated_content.as_deref().unwrap_or_default();
        let render = f64::from(self.durations.render) * clips.len() as f64;
        let left = match video.status {
            Status::Pending { .. } | Status::GeneratingVideo if !clips.is_empty() => {
                self.clips_left(clips, now) + WARM_UP + render
            }
            Status::StartRenderingVideo { .. } if !clips.is_empty() => WARM_UP + render,
            Status::RenderingVideo { progress } => {
                let (from, first) = self.render_from?;
                let seen = progress + HALF_A_STEP;
                let gained = (seen - f64::from(first) / f64::from(WHOLE)).max(0.0);
                let sure = if clips.is_empty() {
                    0.0
                } else {
                    SURE_OF_RENDER
                };
                // Below three hundredths it is mostly noise.
                if sure + gained < 0.03 {
                    return None;
                }
                let whole = (sure * render + now.saturating_sub(from) as f64) / (sure + gained);
                whole * (1.0 - seen).max(0.0)
            }
            _ => return None,
        };
        Some(left as Millis)
    }

    /// Until all clips are ready.
    fn clips_left(&self, clips: &[GeneratedContent], now: Millis) -> f64 {
        let age = |from: Option<Millis>| now.saturating_sub(from.unwrap_or(now));
        match (clips.len() - ready(clips), self.failed_at) {
            (0, _) => 0.0,
            (1, Some(_)) => self.durations.last_of(1, age(self.failed_at)),
            (waiting, None) => self.durations.last_of(waiting, age(self.clips_from)),
            (waiting, _) => self
                .durations
                .last_of(waiting - 1, age(self.clips_from))
                .max(self.durations.last_of(1, age(self.failed_at))),
        }
    }

    /// For how long the last clip has been made, in the time of the guess.
    pub(super) fn last_age(&self, now: Millis) -> f64 {
        let from = self.failed_at.or(self.clips_from).unwrap_or(now);
        self.durations.guessed(now.saturating_sub(from))
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
            ..*self
        }
    }

    /// The clock is behind by so much: no time since is known, and none is learnt.
    pub(super) fn set_back(&mut self, by: Millis) {
        self.move_times(&|time| time.saturating_sub(by));
        self.is_timed = false;
    }

    /// The same times by another clock.
    pub(super) fn move_times(&mut self, moved: &dyn Fn(Millis) -> Millis) {
        let render_from = self.render_from.as_mut().map(|(from, _)| from);
        let times = [
            self.seen_at.as_mut(),
            self.clips_from.as_mut(),
            self.failed_at.as_mut(),
            self.end.as_mut(),
            render_from,
        ];
        for time in times.into_iter().flatten() {
            *time = moved(*time);
        }
    }

    /// Takes over what another poll of the same video has learnt.
    pub(super) fn absorb(&mut self, other: &Progress) {
        let overall = self.overall.max(other.overall);
        let scale = if other.scale == Scale::Unproven {
            self.scale
        } else {
            other.scale
        };
        *self = Progress {
            overall,
            scale,
            ..*other
        };
    }
}

/// What is told now came about since then, and not long ago. (No clock is always right.)
fn is_close(before: Millis, now: Millis) -> bool {
    now.checked_sub(before).is_some_and(|gap| gap <= GAP)
}

/// A part of the whole, as it is kept.
fn ppm(part: f64) -> Ppm {
    (part * f64::from(WHOLE)) as Ppm
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
            generated_content,
            ..VideoStatus::bare(status)
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
            raw_status: None,
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
            // Percent that begin with less than one prove themselves later; a fraction's last digits prove nothing.
            (vec![0.5, 3.2, 12.0, 45.0], vec![0.5, 0.032, 0.12, 0.45]),
            (vec![0.5, 3.2, 1.0, 0.5], vec![0.5, 0.032, 0.01, 0.005]),
            (
                vec![0.5, 0.75, 1.000_000_000_000_000_2],
                vec![0.5, 0.75, 1.0],
            ),
            (vec![1.0, 0.5, 1.0], vec![0.01, 0.5, 1.0]),
            (vec![250.0, 1.0], vec![1.0, 0.01]),
        ] {
            let mut scale = Scale::default();
            let read: Vec<f64> = wires.iter().map(|wire| scale.read(*wire, false)).collect();
            assert_eq!(read, fractions, "{wires:?}");
        }
    }

    #[test]
    fn a_percent_sign_proves_the_scale_at_any_value() {
        let mut scale = Scale::default();
        for (wire, is_percent, fraction) in [
            (0.5, true, 0.005),
            (1.0, false, 0.01),
            (80.0, true, 0.8),
            (0.5, false, 0.005),
        ] {
            assert_eq!(scale.read(wire, is_percent), fraction, "{wire}");
        }
        let mut video = VideoStatus {
            is_percent: true,
            ..rendering(0.5)
        };
        Progress::default().observe(&mut video, 0);
        assert_eq!(
            video,
            rendering(0.005),
            "what was read has no sign any more"
        );
    }

    #[test]
    fn a_scale_that_is_proven_late_takes_back_what_was_estimated_but_not_overall() {
        let mut progress = Progress::default();
        let mut overall = 0.0;
        for (wire, seconds) in [(0.5, 0), (0.9, 5), (3.2, 10), (12.0, 15), (45.0, 30)] {
            let mut video = rendering(wire);
            progress.observe(&mut video, START + seconds * 1_000);
            assert!(progress.overall() >= overall, "{wire}");
            overall = progress.overall();
        }
        // From 3.2 % to 45 % in 20 s, half a step each: 26 s for the rest.
        let left = progress.remaining(START + 30_000).unwrap();
        assert!((20_000..32_000).contains(&left), "{left}");
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

    /// What is left after these, each with the seconds since the start.
    fn left_after(seen: &[(VideoStatus, Millis)]) -> Option<Millis> {
        let mut progress = Progress::default();
        let mut now = 0;
        for (video, seconds) in seen {
            now = START + seconds * 1_000;
            progress.observe(&mut video.clone(), now);
        }
        progress.remaining(now)
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
        let starting = video(Status::StartRenderingVideo { progress: 0.0 }, "");
        assert_eq!(left_after(&[(starting, 0)]), None);
        assert_eq!(left_after(&[(rendering(0.3), 0)]), None);
        for (reached, has_ground) in [(0.0, false), (0.029, false), (0.03, true)] {
            let left = left_after(&[(rendering(0.0), 0), (rendering(reached), 9)]);
            assert_eq!(left.is_some(), has_ground, "{reached}");
        }
    }

    #[test]
    fn before_anything_is_ready_it_is_what_is_usual() {
        // The last of so many clips, the start of the render, and the render.
        for (kind, left) in [
            ("p", 53_571 + 3_000 + 5_500),
            ("pp", 87_500 + 3_000 + 11_000),
            ("ppppppppp", 156_382 + 3_000 + 49_500),
        ] {
            assert_eq!(left_after(&[(clips(kind), 0)]), Some(left), "{kind}");
        }
        // The question before the first list had them begun.
        assert_eq!(
            left_after(&[(video(pending(), ""), 0), (clips(""), 3), (clips("p"), 7)]),
            Some(49_571 + 3_000 + 5_500)
        );
        // Where two of three are ready, two thirds of the time are over.
        assert_eq!(
            left_after(&[(video(pending(), ""), 0), (clips("ssp"), 7)]),
            Some(55_476 + 3_000 + 16_500)
        );
        // And where all are, the next question starts the render.
        let starting = video(Status::StartRenderingVideo { progress: 0.0 }, "ss");
        for made in [clips("ss"), starting] {
            assert_eq!(left_after(&[(made, 0)]), Some(3_000 + 11_000));
        }
    }

    #[test]
    fn a_clip_that_failed_begins_anew() {
        let after = |seen: &[(&str, Millis)]| {
            let mut progress = Progress::default();
            let mut left = 0;
            for (kind, seconds) in seen {
                let now = START + seconds * 1_000;
                progress.observe(&mut clips(kind), now);
                left = progress.expected(&clips(kind), now).unwrap();
                left -= 3_000 + 5_500 * kind.len() as Millis;
            }
            left
        };
        assert_eq!(after(&[("p", 0), ("e", 30)]), 53_571);
        assert_eq!(after(&[("p", 0), ("e", 30), ("p", 40)]), 43_571);
        // The others go on, and one of them may take longer than one that begins.
        assert_eq!(after(&[("pp", 0), ("ep", 39)]), 57_750);
        assert_eq!(after(&[("pp", 0), ("pp", 10), ("ep", 20)]), 53_571);
    }

    #[test]
    fn what_is_seen_of_clips_is_learnt_once() {
        let mut progress = Progress::default();
        progress.observe(&mut video(pending(), ""), START - 2_000);
        for (seen, seconds) in [
            ("ppp", 0),
            ("spp", 20),
            ("spp", 30),
            ("ppp", 40),
            ("spp", 50),
        ] {
            progress.observe(&mut clips(seen), START + seconds * 1_000);
        }
        let mut durations = Durations::default();
        durations.observe_clip(1, 3, 22_000);
        assert_eq!((progress.ready, progress.durations), (Some(1), durations));
        assert_eq!(progress.clips_from, Some(START - 2_000));
        // The list of a render may be an old one.
        let mut rendering = progress;
        rendering.observe(&mut rendering_of("spp", 0.0), START + 60_000);
        let mut starting = progress;
        starting.observe(
            &mut video(Status::StartRenderingVideo { progress: 0.0 }, "spp"),
            START + 60_000,
        );
        durations.observe_clip(2, 3, 62_000);
        durations.observe_clip(3, 3, 62_000);
        assert_eq!((rendering.ready, rendering.durations), (Some(3), durations));
        assert_eq!((starting.ready, starting.durations), (Some(3), durations));
    }

    #[test]
    fn times_are_learnt_where_they_are_known() {
        let learns = |seen: &[(VideoStatus, Millis)]| {
            let mut progress = Progress::default();
            for (video, seconds) in seen {
                progress.observe(&mut video.clone(), START + seconds * 1_000);
            }
            progress.durations != Durations::default()
        };
        let start = || (video(pending(), ""), 0);
        assert!(learns(&[start(), (clips("pp"), 60), (clips("sp"), 100)]));
        // Gaps, clips that were ready when they were first seen, and failures.
        assert!(!learns(&[start(), (clips("pp"), 61), (clips("sp"), 100)]));
        assert!(!learns(&[start(), (clips("pp"), 30), (clips("sp"), 91)]));
        assert!(!learns(&[start(), (clips("sp"), 30), (clips("ss"), 60)]));
        assert!(!learns(&[
            start(),
            (clips("pp"), 9),
            (clips("ep"), 30),
            (clips("sp"), 90)
        ]));
        // A gap is not made up for later.
        assert!(!learns(&[
            start(),
            (clips("pp"), 9),
            (clips("pp"), 99),
            (clips("sp"), 100)
        ]));
        // Nor is a clock that was set back.
        assert!(!learns(&[start(), (clips("pp"), 9), (clips("sp"), 8)]));
        assert!(!learns(&[
            (video(pending(), ""), 9),
            (clips("pp"), 0),
            (clips("sp"), 30)
        ]));
    }

    #[test]
    fn all_is_as_far_off_as_it_was_before_the_clock_was_set_back() {
        let mut progress = Progress::default();
        for (mut video, seconds) in [
            (clips("pp"), 0),
            (clips("ep"), 20),
            (rendering_of("ss", 0.0), 40),
            (rendering_of("ss", 0.5), 45),
        ] {
            progress.observe(&mut video, START + seconds * 1_000);
        }
        let left = progress.remaining(START + 45_000);
        let mut behind = progress;
        behind.set_back(40_000);
        assert!(left.is_some() && behind.remaining(START + 5_000) == left);
        let ago = |seconds: Millis| Some(START + seconds * 1_000 - 40_000);
        let expected = Progress {
            seen_at: ago(45),
            clips_from: ago(0),
            failed_at: ago(20),
            render_from: progress.render_from.map(|(_, part)| (START, part)),
            end: behind.end,
            is_timed: false,
            ..progress
        };
        assert!(progress.is_timed && behind == expected);
    }

    #[test]
    fn a_render_is_learnt_at_its_end_if_it_was_seen_from_its_start() {
        let render_after = |first: f64, seconds: Millis, kind: &str| {
            let mut progress = Progress::default();
            progress.observe(&mut clips(kind), START);
            progress.observe(&mut rendering_of(kind, first), START + 10_000);
            for at in [30, seconds] {
                progress.observe(&mut video(done(), kind), START + at * 1_000);
            }
            progress.durations.render
        };
        // 20 s for all but half a step of two clips, heard of twice.
        assert_eq!(render_after(0.0, 50, "pp"), 10_256);
        assert_ne!(render_after(0.07, 50, "pp"), 5_500);
        assert_eq!(render_after(0.075, 50, "pp"), 5_500);
        assert_eq!(render_after(0.0, 50, "sp"), 5_500);
        // Its start was between two questions.
        let mut progress = Progress::default();
        for (mut video, seconds) in [
            (clips("pp"), 0),
            (
                video(Status::StartRenderingVideo { progress: 0.0 }, "pp"),
                20,
            ),
            (
                video(Status::StartRenderingVideo { progress: 0.0 }, "pp"),
                24,
            ),
            (rendering_of("pp", 0.05), 28),
            (rendering_of("pp", 0.95), 58),
            (video(done(), "pp"), 60),
        ] {
            progress.observe(&mut video, START + seconds * 1_000);
        }
        assert_eq!(progress.render_from, Some((START + 26_000, 0)));
        assert_eq!(progress.durations.render, 17_000);
    }

    #[test]
    fn a_list_cut_short_at_the_end_teaches_no_longer_render() {
        let empty = |status| VideoStatus {
            generated_content: Some(Vec::new()),
            ..video(status, "")
        };
        let learns = |seen: [VideoStatus; 3]| {
            let mut progress = Progress::default();
            for (mut video, seconds) in seen.into_iter().zip([0, 10, 50]) {
                progress.observe(&mut video, START + seconds * 1_000);
            }
            progress.durations.render
        };
        // 40 s for all but half a step of two clips.
        for end in [video(done(), "ss"), video(done(), "s"), empty(done())] {
            let seen = [clips("pp"), rendering_of("ss", 0.0), end];
            assert_eq!(learns(seen), 20_512);
        }
        let nothing = empty(Status::RenderingVideo { progress: 0.0 });
        let seen = [clips("pp"), nothing, empty(done())];
        assert_eq!(learns(seen), 5_500, "of how many it was is not known");
    }

    #[test]
    fn a_render_that_was_cancelled_begins_anew_and_teaches_nothing() {
        let starting = || video(Status::StartRenderingVideo { progress: 0.0 }, "ssss");
        for (back, is_made_again) in [
            (video(pending(), "sssp"), true),
            (clips("sssp"), true),
            (starting(), false),
        ] {
            let mut progress = Progress::default();
            let mut see = |mut video: VideoStatus, seconds: Millis| {
                let now = START + seconds * 1_000;
                progress.observe(&mut video, now);
                (progress.remaining(now), progress)
            };
            see(clips("pppp"), 0);
            see(starting(), 50);
            see(rendering_of("ssss", 0.2), 54);
            let known = see(rendering_of("ssss", 0.9), 60).1.durations;
            // A clip that begins, the start of a render, and the render.
            let clip = if is_made_again {
                known.last_of(1, 0) as Millis
            } else {
                0
            };
            let (left, anew) = see(back, 90);
            assert_eq!(left, Some(clip + 3_000 + 22_000), "{clip}");
            let now = Some(START + 90_000);
            assert_eq!((anew.clips_from, anew.failed_at), (now, now));
            see(starting(), 100);
            let (left, again) = see(rendering_of("ssss", 0.0), 104);
            assert_eq!(again.render_from, Some((START + 102_000, 0)));
            assert!(left.is_some_and(|left| left > 15_000), "{left:?}");
            let (left, ended) = see(video(done(), "ssss"), 125);
            assert_eq!((left, ended.durations), (Some(0), known));
        }
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
        assert_eq!(progress.remaining(START + first + 90_000), Some(26_812));
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
        assert_eq!(progress.remaining(START + 6_000), Some(69_000));
    }

    #[test]
    fn a_render_is_told_of_by_its_rate_the_more_the_further_it_is() {
        let after = |part: f64, seconds| {
            left_after(&[
                (rendering_of("ssss", 0.0), 0),
                (rendering_of("ssss", part), seconds),
            ])
        };
        // 22 s are usual for four clips; progress comes in steps, so half a step is over.
        assert_eq!(left_after(&[(rendering_of("ssss", 0.0), 0)]), Some(21_450));
        assert_eq!(left_after(&[(rendering_of("ssss", 0.5), 0)]), Some(10_450));
        // A quarter in 10 s, beside a twentieth that is usual: 11.1 s for three tenths; but a fifth up from 11.45.
        assert_eq!(after(0.25, 10), Some(13_740));
        assert_eq!(after(0.25, 5), Some(14_741));
        // Three quarters in 15 s: 16.1 s for eight tenths.
        assert_eq!(after(0.75, 15), Some(4_528));
        // Without clips there is the rate alone.
        assert_eq!(
            left_after(&[(rendering(0.1), 0), (rendering(0.2), 5)]),
            Some(38_750)
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
            ..behind
        };
        ahead.absorb(&behind);
        assert_eq!(ahead, expected);
        let further = ahead;
        behind.absorb(&ahead);
        assert_eq!(behind, further);
        // Nor does a proof that it has.
        let (fresh, mut proven) = (Progress::default(), further);
        proven.absorb(&fresh);
        assert_eq!(proven.scale, Scale::Fraction);
        let mut percent = Progress::default();
        percent.observe(&mut rendering(50.0), 9);
        proven.absorb(&percent);
        assert_eq!(proven.scale, Scale::Percent, "what is heard now counts");
    }
}
