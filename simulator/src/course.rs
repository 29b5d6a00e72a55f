//! A model of how long videos take, to measure against: when clips are ready, how a render goes on, what only a
//! question brings about, and what the network does to it. All of it is drawn from a seed, in virtual time, and
//! costs next to nothing, so that ten thousand videos can be waited for in a moment.
//!
//! It is a model, and [`Assumptions`] says which: nobody has measured the real service. The scenarios of the
//! catalogue are about what a server may say; this is about when.

use crate::random::Random;

/// What the model takes for true; all times in milliseconds. `Default` is the model that the pace was tuned on.
#[derive(Clone, Debug)]
pub struct Assumptions {
    /// Fewest and most clips of a video.
    pub clips: (u64, u64),
    /// Shortest and longest time that a clip takes.
    pub clip: (u64, u64),
    /// Most clips are near the shortest time and a few near the longest; otherwise all times are as likely.
    pub heavy_tail: bool,
    /// Clips that fail, in percent. One that failed is made again once somebody asks.
    pub failures: u8,
    /// Between the question that finds all clips ready and the first progress of the render.
    pub warm_up: (u64, u64),
    /// The render takes so long for each clip, ...
    pub render: (u64, u64),
    /// ... and tells of its progress in so many steps.
    pub steps: u64,
    /// How much slower or faster a part of the render is than the whole, in percent.
    pub unevenness: u64,
    /// From a question to its answer.
    pub network: (u64, u64),
    /// Questions that are lost on their way, in percent.
    pub loss: u8,
    /// The render itself begins only when somebody has asked after the warm-up.
    pub asks_to_render: bool,
}

impl Default for Assumptions {
    fn default() -> Self {
        Self {
            clips: (3, 12),
            clip: (20_000, 180_000),
            heavy_tail: true,
            failures: 4,
            warm_up: (1_000, 4_000),
            render: (3_000, 8_000),
            steps: 20,
            unevenness: 40,
            network: (80, 1_500),
            loss: 1,
            asks_to_render: false,
        }
    }
}

impl Assumptions {
    /// The part of the clips that take no longer than this, 0 to 1.
    #[must_use]
    pub fn ready(&self, after: u64) -> f64 {
        let (low, high) = self.clip;
        let part = after.saturating_sub(low) as f64 / (high - low) as f64;
        if self.heavy_tail {
            part.min(1.0).cbrt()
        } else {
            part.min(1.0)
        }
    }
}

/// One clip: the times of its attempts, the last of which succeeds.
type Attempts = Vec<u64>;

/// One video: all that is going to happen to it.
#[derive(Clone, Debug)]
pub struct Course {
    clips: Vec<Attempts>,
    warm_up: u64,
    /// How long each step of the render takes.
    steps: Vec<u64>,
    network: (u64, u64),
    loss: u8,
    asks_to_render: bool,
    seed: u64,
}

impl Course {
    /// The video of this seed.
    #[must_use]
    pub fn draw(assumptions: &Assumptions, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let a = assumptions;
        let clips = random.between(a.clips.0, a.clips.1);
        let mut clip = || {
            let mut attempts = Vec::new();
            loop {
                let (low, high) = a.clip;
                attempts.push(if a.heavy_tail {
                    random.heavy_tail(low, high)
                } else {
                    random.between(low, high)
                });
                if !random.chance(a.failures) {
                    return attempts;
                }
            }
        };
        let clips: Vec<Attempts> = (0..clips).map(|_| clip()).collect();
        let warm_up = random.between(a.warm_up.0, a.warm_up.1);
        let whole = random.between(a.render.0, a.render.1) * clips.len() as u64;
        let steps = (0..a.steps)
            .map(|_| whole * random.between(100 - a.unevenness, 100 + a.unevenness) / 100 / a.steps)
            .collect();
        Self {
            clips,
            warm_up,
            steps,
            network: a.network,
            loss: a.loss,
            asks_to_render: a.asks_to_render,
            seed: random.next(),
        }
    }

    /// How long it takes for somebody who asks whenever a question brings something about, at once, over a network
    /// that takes no time.
    #[must_use]
    pub fn fastest(&self) -> u64 {
        let generated = self
            .clips
            .iter()
            .map(|attempts| attempts.iter().sum::<u64>())
            .max();
        generated.unwrap_or(0) + self.warm_up + self.steps.iter().sum::<u64>()
    }

    /// How long its clips take, where none fails.
    #[must_use]
    pub fn clips_take(&self) -> u64 {
        self.clips.iter().flatten().copied().max().unwrap_or(0)
    }

    /// Begins it anew.
    #[must_use]
    pub fn run(&self) -> Run<'_> {
        Run {
            course: self,
            random: Random::new(self.seed),
            clips: vec![(0, None); self.clips.len()],
            warm_from: None,
            render_from: None,
        }
    }
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq)]
pub enum Sight {
    /// The question, or its answer, was lost.
    Lost,
    /// Nothing was under way before this question.
    Pending,
    /// Clips are being made.
    Generating(Vec<Clip>),
    /// All clips are ready, and the render has been asked for.
    Starting,
    /// From 0 to 1.
    Rendering(f64),
    /// The video is there.
    Done,
}

/// The state of a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clip {
    /// On its way.
    Pending,
    /// It failed, and is being made again from now on.
    Failed,
    /// It is ready.
    Ready,
}

/// A video as it is asked about.
pub struct Run<'a> {
    course: &'a Course,
    random: Random,
    /// Which attempt, and since when.
    clips: Vec<(usize, Option<u64>)>,
    warm_from: Option<u64>,
    render_from: Option<u64>,
}

impl Run<'_> {
    /// Asks at this time. Returns what is seen, and when. Times must not go back.
    pub fn ask(&mut self, now: u64) -> (Sight, u64) {
        let (low, high) = self.course.network;
        let takes = self.random.heavy_tail(low, high);
        let back = now + takes;
        if self.random.chance(self.course.loss) {
            return (Sight::Lost, back);
        }
        (self.see(now + takes / 2), back)
    }

    fn see(&mut self, now: u64) -> Sight {
        if self.clips.iter().any(|(_, since)| since.is_none()) {
            for (_, since) in &mut self.clips {
                *since = Some(now);
            }
            return Sight::Pending;
        }
        if self.warm_from.is_none() {
            let states: Vec<Clip> = self
                .clips
                .iter_mut()
                .zip(&self.course.clips)
                .map(|(clip, attempts)| look(clip, attempts, now))
                .collect();
            if states.iter().any(|state| *state != Clip::Ready) {
                return Sight::Generating(states);
            }
            self.warm_from = Some(now);
            return Sight::Starting;
        }
        let warm = self.warm_from.unwrap_or(now) + self.course.warm_up;
        if now < warm {
            return Sight::Starting;
        }
        let from = *self
            .render_from
            .get_or_insert(if self.course.asks_to_render {
                now
            } else {
                warm
            });
        let mut left = now.saturating_sub(from);
        let steps = &self.course.steps;
        for (reached, step) in steps.iter().enumerate() {
            if left < *step {
                return Sight::Rendering(reached as f64 / steps.len() as f64);
            }
            left -= step;
        }
        Sight::Done
    }
}

/// One clip at this time; one that failed begins anew.
fn look((attempt, since): &mut (usize, Option<u64>), attempts: &Attempts, now: u64) -> Clip {
    let (Some(began), Some(takes)) = (*since, attempts.get(*attempt)) else {
        return Clip::Ready;
    };
    if now < began + takes {
        return Clip::Pending;
    }
    if *attempt + 1 == attempts.len() {
        return Clip::Ready;
    }
    *attempt += 1;
    *since = Some(now);
    Clip::Failed
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_video_is_the_same_for_the_same_seed_and_another_for_another() {
        let all = Assumptions::default();
        let told = |seed| format!("{:?}", Course::draw(&all, seed));
        assert_eq!(told(7), told(7));
        assert_ne!(told(7), told(8));
    }

    #[test]
    fn whoever_asks_all_the_time_is_nearly_as_fast_as_can_be_and_nobody_is_faster() {
        let all = Assumptions {
            network: (0, 0),
            loss: 0,
            ..Assumptions::default()
        };
        for seed in 0..200 {
            let course = Course::draw(&all, seed);
            for pause in [10, 7_000] {
                let mut run = course.run();
                let mut now = 0;
                let mut seen = Vec::new();
                loop {
                    let (sight, back) = run.ask(now);
                    seen.push(sight.clone());
                    if sight == Sight::Done {
                        break;
                    }
                    now = back + pause;
                }
                assert!(now >= course.fastest());
                let attempts: usize = course.clips.iter().map(Vec::len).max().unwrap();
                assert!(pause > 10 || now - course.fastest() <= 10 * (attempts as u64 + 2));
                assert_eq!(seen[0], Sight::Pending);
            }
        }
    }

    #[test]
    fn the_assumptions_hold_over_many_videos() {
        let all = Assumptions::default();
        let courses: Vec<Course> = (0..2_000).map(|seed| Course::draw(&all, seed)).collect();
        let times: Vec<u64> = courses
            .iter()
            .flat_map(|course| course.clips.iter().flatten().copied())
            .collect();
        assert!(times.iter().all(|time| (20_000..=180_000).contains(time)));
        let mut sorted = times.clone();
        sorted.sort_unstable();
        for tenth in 1..10 {
            let ready = all.ready(sorted[sorted.len() * tenth / 10]);
            assert!(
                (ready - tenth as f64 / 10.0).abs() < 0.02,
                "{tenth}: {ready}"
            );
        }
        assert!(
            (35_000..45_000).contains(&sorted[sorted.len() / 2]),
            "the median clip"
        );
        assert!(sorted[sorted.len() * 9 / 10] > 120_000, "a heavy tail");
        let clips = courses
            .iter()
            .map(|course| course.clips.len())
            .sum::<usize>();
        let failures = (times.len() - clips) as f64 / times.len() as f64;
        assert!((0.03..0.05).contains(&failures), "{failures}");
    }
}
