//! Ways to ask how far a video is, side by side: how much longer a video takes because nobody asked at the right
//! moment, how many questions that costs, and how good the word of the time left is.

use iacrea_simulator::course::{Clip, Course, Sight};
use iacrea_video::core::answer::{Answer, Response};
use iacrea_video::core::durations::Durations;
use iacrea_video::core::host::Native;
use iacrea_video::core::machine::{Command, Event, Machine};
use iacrea_video::core::options::Options;

/// Where virtual time begins: Unix time, for the machine.
const START: u64 = 1_800_000_000_000;

/// A way to ask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Policy {
    /// The machine, between these bounds.
    Ours(u64, u64),
    /// A pause of so many milliseconds.
    Fixed(u64),
    /// As `@smithy/util-waiter` pauses by default: anything from 2 s to 2 s doubled with each question, at most 120 s.
    Smithy,
    /// As `google-gax` does for a long operation: 100 ms, each time 1.3 times as long, at most 60 s.
    Gax,
}

impl Policy {
    /// As it is called.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Policy::Ours(2_000, 5_000) => "iacrea-video".to_owned(),
            Policy::Ours(min, max) => {
                format!("iacrea-video, {} to {} s", seconds(min), seconds(max))
            }
            Policy::Fixed(6_000) => "fixed 6 s (runway)".to_owned(),
            Policy::Fixed(ms) => format!("fixed {} s", seconds(ms)),
            Policy::Smithy => "exponential with jitter (smithy)".to_owned(),
            Policy::Gax => "exponential (gax)".to_owned(),
        }
    }
}

/// One video, waited for.
#[derive(Clone, Debug)]
pub struct Wait {
    /// From the first question to the answer that it is done, in ms.
    pub took: u64,
    /// What could not have been any faster.
    pub fastest: u64,
    /// Questions, lost ones too.
    pub requests: u32,
    /// When the answer came that all clips are ready, and after how many questions.
    pub found: (u64, u32),
    /// What was said of the time left, after each answer.
    pub told: Vec<Told>,
}

/// What was said at one time.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// In ms since the first question.
    pub at: u64,
    /// What anybody can read off the answers, 0 to 1: half for the clips, half for the render.
    pub progress: f64,
    /// In ms.
    pub remaining: Option<u64>,
}

impl Wait {
    /// How much longer it took than it had to, in ms.
    #[must_use]
    pub fn delay(&self) -> u64 {
        self.took - self.fastest
    }
}

/// Waits for this video in this way, expecting `durations`, which it corrects by what this one took.
#[must_use]
pub fn wait(course: &Course, policy: Policy, seed: u64, durations: &mut Durations) -> Wait {
    match policy {
        Policy::Ours(min_interval, max_interval) => {
            let options = Options {
                timeout: None,
                min_interval,
                max_interval,
                ..Options::default()
            };
            wait_as_the_machine_says(course, options, seed, durations)
        }
        Policy::Fixed(ms) => wait_with_pauses(course, std::iter::repeat(ms)),
        Policy::Smithy => {
            let mut state = seed | 1;
            let pauses = (1_u32..).map(move |attempt| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let most = 2_000_u64
                    .saturating_mul(1 << attempt.saturating_sub(1).min(20))
                    .min(120_000);
                2_000 + state % (most - 2_000 + 1)
            });
            wait_with_pauses(course, pauses)
        }
        Policy::Gax => {
            let pauses =
                std::iter::successors(Some(100.0_f64), |ms| Some((ms * 1.3).min(60_000.0)));
            wait_with_pauses(course, pauses.map(|ms| ms as u64))
        }
    }
}

fn wait_with_pauses(course: &Course, pauses: impl Iterator<Item = u64>) -> Wait {
    let mut run = course.run();
    let (mut now, mut requests, mut found) = (0, 0, None);
    for pause in pauses {
        requests += 1;
        let (sight, back) = run.ask(now);
        if is_made(&sight) {
            found.get_or_insert((back, requests));
        }
        if sight == Sight::Done {
            now = back;
            break;
        }
        now = back + pause;
    }
    Wait {
        took: now,
        fastest: course.fastest(),
        requests,
        found: found.unwrap_or((now, requests)),
        told: Vec::new(),
    }
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

fn wait_as_the_machine_says(
    course: &Course,
    options: Options,
    seed: u64,
    durations: &mut Durations,
) -> Wait {
    let mut run = course.run();
    let (mut machine, mut step) = Machine::start(&seed.to_string(), options, START);
    machine.expect(*durations);
    let (mut now, mut requests, mut found) = (START, 0, None);
    let (mut progress, mut told) = (0.0, Vec::new());
    loop {
        let event = match step.command {
            Command::Fetch { .. } => {
                requests += 1;
                let (sight, back) = run.ask(now - START);
                now = START + back;
                if is_made(&sight) {
                    found.get_or_insert((back, requests));
                }
                progress = plainly(&sight).unwrap_or(progress);
                event(sight)
            }
            Command::Sleep { until } => {
                now = until;
                Event::Wake
            }
            Command::Done | Command::Failed(_) => break,
        };
        step = machine.step(event, now);
        if let Some(update) = machine.current(now) {
            told.push(Told {
                at: now - START,
                progress,
                remaining: update.remaining_ms,
            });
        }
    }
    if let Some(seen) = machine.observed() {
        *durations = durations.after_video(seen);
    }
    Wait {
        took: now - START,
        fastest: course.fastest(),
        requests,
        found: found.unwrap_or((now - START, requests)),
        told,
    }
}

fn is_made(sight: &Sight) -> bool {
    matches!(sight, Sight::Starting | Sight::Rendering(_) | Sight::Done)
}

/// How far a job is, as anybody can read it off an answer.
fn plainly(sight: &Sight) -> Option<f64> {
    match sight {
        Sight::Lost => None,
        Sight::Pending => Some(0.0),
        Sight::Generating(clips) => {
            let ready = clips.iter().filter(|clip| **clip == Clip::Ready).count();
            Some(0.5 * ready as f64 / clips.len() as f64)
        }
        Sight::Starting => Some(0.5),
        Sight::Rendering(progress) => Some(0.5 + 0.5 * progress),
        Sight::Done => Some(1.0),
    }
}

fn event(sight: Sight) -> Event {
    let body = match sight {
        Sight::Lost => return Event::NetworkError,
        Sight::Pending => r#"{"status":"PENDING"}"#.to_owned(),
        Sight::Generating(clips) => {
            let clips: Vec<_> = clips
                .iter()
                .map(|clip| match clip {
                    Clip::Pending => r#"{"status":"pending"}"#,
                    Clip::Failed => r#"{"status":"error"}"#,
                    Clip::Ready => r#"{"status":"success"}"#,
                })
                .collect();
            let clips = clips.join(",");
            format!(r#"{{"status":"GENERATING_VIDEO","generatedContent":[{clips}]}}"#)
        }
        Sight::Starting => r#"{"status":"START_RENDERING_VIDEO"}"#.to_owned(),
        Sight::Rendering(progress) => {
            format!(r#"{{"status":"RENDERING_VIDEO","progress":{progress}}}"#)
        }
        Sight::Done => r#"{"status":"DONE","url":"https://media.example/video.webm"}"#.to_owned(),
    };
    let response = Response {
        http_status: 200,
        body: &body,
        ..Response::default()
    };
    Event::Answer(Answer::read::<Native>(response, "v"))
}

/// Many waits, summed up.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Of the delay, in ms.
    pub mean_delay: f64,
    /// The same.
    pub p95_delay: u64,
    /// For one video.
    pub requests: f64,
    /// From the first question to the end, in ms.
    pub mean_took: f64,
}

/// # Panics
/// Where there are no waits.
#[must_use]
pub fn figures(waits: &[Wait]) -> Figures {
    let mean = |of: &dyn Fn(&Wait) -> f64| waits.iter().map(of).sum::<f64>() / waits.len() as f64;
    let mut delays: Vec<u64> = waits.iter().map(Wait::delay).collect();
    delays.sort_unstable();
    Figures {
        mean_delay: mean(&|wait| wait.delay() as f64),
        p95_delay: delays
            .get(delays.len() * 95 / 100)
            .copied()
            .unwrap_or_default(),
        requests: mean(&|wait| f64::from(wait.requests)),
        mean_took: mean(&|wait| wait.took as f64),
    }
}

/// How good the word of the time left was at a part of the job.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// How many of all jobs were told anything then.
    pub share: f64,
    /// Of those: how far from the truth, as a part of what was truly left; the median.
    pub error: f64,
    /// The same of the naive way, `elapsed / progress`, over the same jobs.
    pub naive: f64,
}

/// At `part` of each job, 0 to 1.
#[must_use]
pub fn estimate(waits: &[Wait], part: f64) -> Estimate {
    let (mut ours, mut naive) = (Vec::new(), Vec::new());
    for wait in waits {
        let at = (wait.took as f64 * part) as u64;
        let left = (wait.took - at) as f64;
        let Some(told) = wait.told.iter().rev().find(|told| told.at <= at) else {
            continue;
        };
        let since = (at - told.at) as f64;
        let Some(remaining) = told
            .remaining
            .map(|ms| ms as f64 - since)
            .filter(|ms| *ms > 0.0)
        else {
            continue;
        };
        ours.push((remaining - left).abs() / left);
        let guess = told.at as f64 * (1.0 - told.progress) / told.progress - since;
        naive.push((guess - left).abs() / left);
    }
    Estimate {
        share: ours.len() as f64 / waits.len() as f64,
        error: median(&mut ours),
        naive: median(&mut naive),
    }
}

/// In how many of all jobs the time left ever went up by more than a quarter, beyond what it had counted down to.
#[must_use]
pub fn jumps(waits: &[Wait]) -> f64 {
    let jumped = |wait: &&Wait| {
        let said: Vec<(u64, f64)> = wait
            .told
            .iter()
            .filter_map(|told| Some((told.at, told.remaining? as f64)))
            .collect();
        said.windows(2).any(|pair| matches!(pair, [(before, was), (at, is)] if *is > 1.25 * (was - (at - before) as f64).max(0.0) && *is > was - (at - before) as f64 + 1_000.0))
    };
    waits.iter().filter(jumped).count() as f64 / waits.len() as f64
}

fn median(of: &mut [f64]) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or(f64::NAN)
}
