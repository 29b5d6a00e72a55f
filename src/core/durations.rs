//! How long the parts of a video take: a guess for all clips, by how much the clips that were seen were slower or faster
//! than that, and the render for each clip. The clips of a video correct it for the video at hand, and a video that is
//! done for the next ones of its client.

use super::Millis;

/// The guess: shares of the clips, each with the times between which so many get ready. Nobody has measured the real
/// service; these are of the model that `cargo xtask bench pace` uses.
const GUESS: [(f64, f64, f64); 3] = [
    (0.5, 20_000.0, 40_000.0),
    (0.25, 40_000.0, 87_500.0),
    (0.25, 87_500.0, 180_000.0),
];
/// The time that a clip may still take once it has taken longer than any by the guess, at first ...
const OVERTIME: f64 = 10_000.0;
/// ... and so much more for each millisecond that it has.
const GROWING: f64 = 0.5;
/// A first clip that took so many times as long as expected, or as short, speaks for the others of its video ...
const FAR: f64 = 2.0;
/// ... by so much at most.
const MOST: u32 = 3;
/// One.
const WHOLE: u32 = 1_000;
/// Longest render of a clip that is believed, in milliseconds: an hour. As a scale it is far beyond any.
const LONGEST: u32 = 3_600_000;

/// What is to be expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Durations {
    /// How long clips take, in thousandths of the guess.
    pub scale: u32,
    /// The same as the last clip of this video has it, for the next one.
    pub seen: u32,
    /// The render, for each clip, in milliseconds.
    pub render: u32,
}

impl Default for Durations {
    fn default() -> Self {
        Self {
            scale: WHOLE,
            seen: WHOLE,
            render: 5_500,
        }
    }
}

impl Durations {
    /// Whether a machine can have it.
    pub(super) fn is_sound(&self) -> bool {
        [self.scale, self.seen, self.render]
            .iter()
            .all(|number| (1..=LONGEST).contains(number))
    }

    /// So long a time in that of the guess.
    pub(super) fn guessed(&self, age: Millis) -> f64 {
        age as f64 * f64::from(WHOLE) / f64::from(self.scale)
    }

    fn real(&self, guessed: f64) -> f64 {
        guessed * f64::from(self.scale) / f64::from(WHOLE)
    }

    /// After how long this part of the clips is ready, 0 to 1.
    pub(super) fn after(&self, part: f64) -> f64 {
        self.real(after(part))
    }

    /// How long so many clips of this age may still take, until the last of them is ready: the median.
    pub(super) fn last_of(&self, waiting: usize, age: Millis) -> f64 {
        let age = self.guessed(age);
        let ready: f64 = GUESS
            .into_iter()
            .map(|(share, from, to)| share * ((age - from) / (to - from)).clamp(0.0, 1.0))
            .sum();
        let count = waiting as f64;
        // A little more than the median of the greatest of so many numbers, for clips that are going to fail.
        let greatest = (count - 0.2) / (count + 0.4);
        self.real(if ready < 1.0 {
            after(ready + (1.0 - ready) * greatest) - age
        } else {
            OVERTIME + GROWING * (age - after(1.0))
        })
    }

    /// Learns that so many of so many clips were ready after this time.
    pub(super) fn observe_clip(&mut self, rank: u32, count: usize, took: Millis) {
        let ratio = took as f64 / self.after(f64::from(rank) / (count as f64 + 1.0));
        let seen = bounded(f64::from(self.scale) * ratio);
        if rank as usize == count {
            self.seen = seen;
        }
        if rank == 1 && !(1.0 / FAR..FAR).contains(&ratio) {
            self.scale = seen.min(self.scale.saturating_mul(MOST));
        }
    }

    /// Learns that a render took so long for each clip.
    pub(super) fn observe_render(&mut self, took: f64) {
        self.render = bounded(took);
    }

    /// What is expected of the next video, after one that was begun with this and came to be `seen`: a third of the way
    /// from the one to the other. One that is odd is believed by a factor of two at most, and forgotten after three.
    #[must_use]
    pub fn after_video(&self, seen: Durations) -> Self {
        let next = |known: u32, seen: u32| {
            let seen = seen.max(known / 2).min(known.saturating_mul(2));
            ((u64::from(known) * 2 + u64::from(seen)) / 3) as u32
        };
        let scale = next(self.scale, seen.seen);
        Self {
            scale,
            seen: scale,
            render: next(self.render, seen.render),
        }
    }
}

/// By the guess, after how long this part of the clips is ready, 0 to 1.
fn after(part: f64) -> f64 {
    let [(_, shortest, _), ..] = GUESS;
    let (mut left, mut after) = (part, shortest);
    for (share, from, to) in GUESS {
        after += (to - from) * (left / share).clamp(0.0, 1.0);
        left -= share;
    }
    after
}

/// A number that can be believed.
fn bounded(number: f64) -> u32 {
    (number as u32).clamp(1, LONGEST)
}
