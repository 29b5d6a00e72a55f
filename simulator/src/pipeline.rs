//! The life of one video: clips are generated, failed ones again, then the whole is rendered.
//! Asking drives it: a step begins only in `advance`, between two calls time does no more than finish what runs.
//! It knows model time alone (milliseconds since creation, already multiplied by the speed) and no wire format.

use crate::random::Random;

/// How many clips are generated at the same time.
const SLOTS: usize = 4;
/// What one clip costs.
const CREDITS_PER_CLIP: u64 = 10;
/// The documented kinds of movement.
const EFFECTS: [&str; 7] = [
    "CAMERA_PUSH_IN",
    "CAMERA_PUSH_OUT",
    "CAMERA_MOVE_RIGHT",
    "CAMERA_CRANE_UP",
    "CAMERA_ORBIT_LEFT",
    "AUTO_EFFECTS",
    "AUTO_REVERSE",
];
/// What an auto video's clips show, and its words for each.
const SCENES: [(&str, &str); 6] = [
    ("exterior", "A house in its garden"),
    ("living_room", "Light from morning to evening"),
    ("kitchen", "Room to cook together"),
    ("bedroom", "Quiet on the garden side"),
    ("bathroom", "Fitted last year"),
    ("garden", "Two apple trees and a table"),
];

/// Where a video stands, by the words of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Queued, or a failed clip is being generated again.
    Pending,
    /// Clips are being generated.
    Generating,
    /// All clips are there, the render begins.
    StartRendering,
    /// The render runs.
    Rendering,
    /// Finished.
    Done,
    /// Ended without a video.
    Failed,
}

impl Phase {
    /// The documented status.
    #[must_use]
    pub const fn status(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Generating => "GENERATING_VIDEO",
            Self::StartRendering => "START_RENDERING_VIDEO",
            Self::Rendering => "RENDERING_VIDEO",
            Self::Done => "DONE",
            Self::Failed => "ERROR",
        }
    }
}

/// The course a video takes. Durations are in seconds of a real video: least and most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// How many clips, unless whoever creates the video says so.
    pub clips: (u64, u64),
    /// How long a clip takes.
    pub clip_seconds: (u64, u64),
    /// How long the render takes.
    pub render_seconds: (u64, u64),
    /// How long the video is queued after the first request.
    pub queue_seconds: (u64, u64),
    /// How many clips fail.
    pub failing_clips: usize,
    /// How often each of them fails.
    pub failures_each: u8,
    /// How it ends.
    pub ending: Ending,
}

/// How a video ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With a video.
    Done,
    /// In error once half of the clips are there.
    FailsGenerating,
    /// In error after the render.
    FailsRendering,
    /// The render stays at 99 %.
    Endless,
    /// The first render is thrown away with one clip this many times; then with a video.
    Backwards(u32),
}

impl Life {
    /// The course of most videos.
    pub const USUAL: Self = Self {
        clips: (4, 8),
        clip_seconds: (20, 180),
        render_seconds: (30, 90),
        queue_seconds: (0, 0),
        failing_clips: 0,
        failures_each: 1,
        ending: Ending::Done,
    };
}

/// Where a clip stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClipState {
    Waiting,
    Running { ends: u64 },
    Success,
    Error,
}

/// One clip.
#[derive(Debug, Clone)]
pub(crate) struct Clip {
    pub(crate) id: String,
    pub(crate) effect: &'static str,
    pub(crate) category: &'static str,
    pub(crate) text: &'static str,
    pub(crate) state: ClipState,
    /// An answer has shown its error; only then it is generated again.
    shown: bool,
    /// It runs again after an error.
    again: bool,
    failures_left: u8,
    paid: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Queued { until: u64 },
    Generating,
    Rendering { since: u64, takes: u64 },
    Done,
    Failed,
}

/// The life of one video.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    life: Life,
    random: Random,
    stage: Stage,
    /// What the last answer said.
    phase: Phase,
    clips: Vec<Clip>,
    /// GENERATING_VIDEO was answered since clips last began: no phase is ever skipped, however fast time runs.
    generating_shown: bool,
    thrown_away: u32,
    credits_left: u64,
    credits_used: u64,
}

impl Pipeline {
    /// A video that nobody has asked for yet. `clips`: how many, if it is known.
    pub(crate) fn new(life: Life, clips: Option<usize>, mut random: Random) -> Self {
        let drawn = random.between(life.clips.0, life.clips.1) as usize;
        let count = clips.unwrap_or(drawn).max(1);
        let clips = (0..count)
            .map(|index| {
                let (category, text) = SCENES
                    .get(index % SCENES.len())
                    .copied()
                    .unwrap_or_default();
                let effect = random.between(0, EFFECTS.len() as u64 - 1) as usize;
                Clip {
                    id: random.uuid(),
                    effect: EFFECTS.get(effect).copied().unwrap_or_default(),
                    category,
                    text,
                    state: ClipState::Waiting,
                    shown: false,
                    again: false,
                    // Failures begin at the second clip, so that a success is seen before.
                    failures_left: if (1..=life.failing_clips).contains(&index)
                        || (index == 0 && life.failing_clips >= count)
                    {
                        life.failures_each
                    } else {
                        0
                    },
                    paid: false,
                }
            })
            .collect();
        let credits_left = count as u64 * CREDITS_PER_CLIP + random.between(5, 60) * 10;
        Self {
            life,
            random,
            stage: Stage::New,
            phase: Phase::Pending,
            clips,
            generating_shown: false,
            thrown_away: 0,
            credits_left,
            credits_used: 0,
        }
    }

    /// What the last answer said: PENDING before the first.
    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) fn clips(&self) -> &[Clip] {
        &self.clips
    }

    pub(crate) fn credits(&self) -> (u64, u64) {
        (self.credits_left, self.credits_used)
    }

    /// A failed clip is being generated again.
    pub(crate) fn regenerating(&self) -> bool {
        self.clips
            .iter()
            .any(|clip| clip.again && matches!(clip.state, ClipState::Running { .. }))
    }

    /// How far the render is at `now`, 0 to 0.99: 1 is said by DONE alone.
    pub(crate) fn render_progress(&self, now: u64) -> f64 {
        match self.stage {
            Stage::Rendering { since, takes } => {
                let run = now.saturating_sub(since) as f64;
                (run / takes.max(1) as f64).min(0.99)
            }
            _ => 0.0,
        }
    }

    /// Somebody asks: what is finished at `now` is taken in, the next step begins, and this is the phase to answer.
    pub(crate) fn advance(&mut self, now: u64) -> Phase {
        self.phase = match self.stage {
            Stage::New => self.enter(now),
            Stage::Queued { until } if now < until => Phase::Pending,
            Stage::Queued { .. } => {
                self.stage = Stage::Generating;
                self.generate(now)
            }
            Stage::Generating => self.generate(now),
            Stage::Rendering { since, takes } => self.render(now, since, takes),
            Stage::Done => Phase::Done,
            Stage::Failed => Phase::Failed,
        };
        self.phase
    }

    /// One clip is to be made anew, by the wish of the video's owner. False when there is no such clip.
    pub(crate) fn redo(&mut self, clip_id: &str) -> bool {
        let Some(clip) = self.clips.iter_mut().find(|clip| clip.id == clip_id) else {
            return false;
        };
        clip.state = ClipState::Error;
        clip.shown = true;
        clip.paid = false;
        self.stage = Stage::Generating;
        self.phase = Phase::Pending;
        true
    }

    fn enter(&mut self, now: u64) -> Phase {
        let (least, most) = self.life.queue_seconds;
        if most > 0 {
            let wait = self.random.between(least, most).saturating_mul(1000);
            self.stage = Stage::Queued {
                until: now.saturating_add(wait),
            };
        } else {
            self.stage = Stage::Generating;
            self.fill_slots(now);
        }
        Phase::Pending
    }

    fn generate(&mut self, now: u64) -> Phase {
        self.settle(now);
        let made = self.made();
        if self.life.ending == Ending::FailsGenerating && made * 2 >= self.clips.len() {
            self.stage = Stage::Failed;
            return Phase::Failed;
        }
        self.begin_again(now);
        self.fill_slots(now);
        if self.regenerating() {
            self.generating_shown = false;
            return Phase::Pending;
        }
        if made == self.clips.len() && self.generating_shown {
            let (least, most) = self.life.render_seconds;
            let takes = self.random.between(least * 1000, most * 1000);
            self.stage = Stage::Rendering { since: now, takes };
            return Phase::StartRendering;
        }
        self.generating_shown = true;
        for clip in &mut self.clips {
            clip.shown = clip.state == ClipState::Error;
        }
        Phase::Generating
    }

    fn render(&mut self, now: u64, since: u64, takes: u64) -> Phase {
        let finished = now.saturating_sub(since) >= takes;
        if !finished || self.phase == Phase::StartRendering {
            return Phase::Rendering;
        }
        match self.life.ending {
            Ending::Endless => Phase::Rendering,
            Ending::FailsRendering => {
                self.stage = Stage::Failed;
                Phase::Failed
            }
            Ending::Backwards(times) if self.thrown_away < times => {
                self.thrown_away += 1;
                self.stage = Stage::Generating;
                self.generating_shown = false;
                if let Some(clip) = self.clips.last_mut() {
                    clip.state = ClipState::Waiting;
                }
                self.generate(now)
            }
            Ending::Done | Ending::FailsGenerating | Ending::Backwards(_) => {
                self.stage = Stage::Done;
                Phase::Done
            }
        }
    }

    fn made(&self) -> usize {
        self.clips
            .iter()
            .filter(|clip| clip.state == ClipState::Success)
            .count()
    }

    /// Takes in the clips whose time is over.
    fn settle(&mut self, now: u64) {
        for clip in &mut self.clips {
            let ClipState::Running { ends } = clip.state else {
                continue;
            };
            if ends > now {
                continue;
            }
            clip.again = false;
            if clip.failures_left > 0 {
                clip.failures_left -= 1;
                clip.shown = false;
                clip.state = ClipState::Error;
                continue;
            }
            clip.state = ClipState::Success;
            if !clip.paid {
                clip.paid = true;
                self.credits_used += CREDITS_PER_CLIP;
                self.credits_left = self.credits_left.saturating_sub(CREDITS_PER_CLIP);
            }
        }
    }

    /// Failed clips run again, once they have been seen to fail.
    fn begin_again(&mut self, now: u64) {
        for clip in &mut self.clips {
            if clip.state == ClipState::Error && clip.shown {
                clip.again = true;
                clip.state = ClipState::Running {
                    ends: now.saturating_add(draw(&mut self.random, self.life.clip_seconds)),
                };
            }
        }
    }

    fn fill_slots(&mut self, now: u64) {
        let running = self
            .clips
            .iter()
            .filter(|clip| matches!(clip.state, ClipState::Running { .. }))
            .count();
        let free = SLOTS.max(self.clips.len() / 5).saturating_sub(running);
        let waiting = self
            .clips
            .iter_mut()
            .filter(|clip| clip.state == ClipState::Waiting);
        for clip in waiting.take(free) {
            clip.state = ClipState::Running {
                ends: now.saturating_add(draw(&mut self.random, self.life.clip_seconds)),
            };
        }
    }
}

fn draw(random: &mut Random, seconds: (u64, u64)) -> u64 {
    random.heavy_tail(seconds.0 * 1000, seconds.1 * 1000)
}
