//! How long the parts of a video usually take. It begins with a guess, and every clip and render that is seen
//! from its start to its end corrects it; so it serves the video at hand and, by way of the lessons, the next.

use super::Millis;

/// Of clips: none, half, three quarters and all of them are ready after the times in [`Usual::clip`].
const MARKS: usize = 4;
/// Each of these parts, and how far it is from the one before and the one after.
const PARTS: [(f64, f64, f64); MARKS] = [
    (0.0, 1.0, 0.5),
    (0.5, 0.5, 0.25),
    (0.75, 0.25, 0.25),
    (1.0, 0.25, 1.0),
];
/// The time that a clip may still take once it has taken longer than any before, at first ...
const OVERTIME: f64 = 10_000.0;
/// ... and so much more for each millisecond that it has.
const GROWING: f64 = 0.5;
/// How much of the way to what it was seen to be is gone with each clip.
const PACE: f64 = 0.2;
/// What took more times as long as expected is not believed to be usual.
const MOST: f64 = 3.0;
/// So many videos are counted, and what the next one says has the weight of one of them.
const MEMORY: u32 = 4;
/// Longest time that is believed: an hour.
pub(super) const LONGEST: u32 = 3_600_000;

/// What is usual, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usual {
    /// After how long none, half, three quarters and all of the clips are ready; no two of them in disorder.
    pub clip: [u32; MARKS],
    /// The render, for each clip.
    pub render: u32,
    /// From how many videos that was learnt; beyond four they are not counted.
    pub videos: u32,
}

/// Guesses: nobody has measured the real service. They are those of the model that `cargo xtask bench pace` uses.
impl Default for Usual {
    fn default() -> Self {
        Self {
            clip: [20_000, 40_000, 87_500, 180_000],
            render: 5_500,
            videos: 0,
        }
    }
}

impl Usual {
    /// All of it, in the order in which it is written down.
    pub(super) fn numbers(&self) -> [u32; 2 + MARKS] {
        let [a, b, c, d] = self.clip;
        [self.videos, a, b, c, d, self.render]
    }

    fn of([videos, a, b, c, d, render]: [u32; 2 + MARKS]) -> Self {
        let clip = [a, b, c, d];
        Self {
            clip,
            render,
            videos,
        }
    }

    /// Reads what was written down: times in order that can be believed.
    pub(super) fn read(mut next: impl FnMut() -> Option<u32>) -> Option<Self> {
        let mut numbers = [0; 2 + MARKS];
        for number in &mut numbers {
            *number = next()?;
        }
        let usual = Self::of(numbers);
        let [shortest, .., longest] = usual.clip;
        let is_sound = usual.videos <= MEMORY
            && usual.clip.is_sorted()
            && shortest > 0
            && longest <= LONGEST
            && (1..=LONGEST).contains(&usual.render);
        is_sound.then_some(usual)
    }

    /// Halfway between two of whom neither knows what the other learnt.
    pub(super) fn mean(&self, other: &Self) -> Self {
        let mut numbers = self.numbers();
        for (number, other) in numbers.iter_mut().zip(other.numbers()) {
            *number = number.midpoint(other);
        }
        Self {
            videos: self.videos,
            ..Self::of(numbers)
        }
    }

    /// Shares of the clips, each with the times between which so many become ready.
    fn spans(&self) -> [(f64, f64, f64); MARKS - 1] {
        let [a, b, c, d] = self.clip.map(f64::from);
        [(0.5, a, b), (0.25, b, c), (0.25, c, d)]
    }

    /// After how long this part of the clips is ready, 0 to 1.
    pub(super) fn after(&self, part: f64) -> f64 {
        let [shortest, ..] = self.clip;
        let (mut left, mut after) = (part, f64::from(shortest));
        for (share, from, to) in self.spans() {
            after += (to - from) * (left / share).clamp(0.0, 1.0);
            left -= share;
        }
        after
    }

    /// The part of the clips that is ready after so long.
    pub(super) fn ready(&self, age: f64) -> f64 {
        self.spans()
            .into_iter()
            .map(|(share, from, to)| share * ((age - from) / (to - from).max(1.0)).clamp(0.0, 1.0))
            .sum()
    }

    /// How likely it is that a clip of this age gets ready so soon, 0 to 1.
    pub(super) fn soon(&self, age: f64, within: f64) -> f64 {
        let left = 1.0 - self.ready(age);
        if left > 0.0 {
            (self.ready(age + within) - self.ready(age)) / left
        } else {
            within / self.overtime(age)
        }
    }

    /// How long so many clips of this age may still take, until the last of them is ready: as often less as more.
    pub(super) fn last_of(&self, waiting: usize, age: f64) -> f64 {
        let ready = self.ready(age);
        let count = waiting as f64;
        // A little more than the median of the greatest of so many numbers, for clips that are going to fail.
        let greatest = (count - 0.2) / (count + 0.4);
        if ready < 1.0 {
            self.after(ready + (1.0 - ready) * greatest) - age
        } else {
            self.overtime(age)
        }
    }

    /// How long a clip may still take that has taken longer than any before.
    fn overtime(&self, age: f64) -> f64 {
        let [.., longest] = self.clip;
        OVERTIME + GROWING * (age - f64::from(longest)).max(0.0)
    }

    /// Learns that so many of so many clips were ready after this time.
    pub(super) fn learn_clip(&mut self, rank: u32, count: usize, took: Millis) {
        let part = f64::from(rank) / (count as f64 + 1.0);
        let took = took as f64;
        let ratio = took / self.after(part);
        // The first clip and the last say most. Where what is known of few videos is far from one of these, all of
        // it goes with that.
        let says_most = rank == 1 || rank as usize == count;
        let is_far = !(0.5..2.0).contains(&ratio);
        if says_most && is_far && self.videos < MEMORY {
            let by = self.weigh(1.0, ratio);
            self.clip = self.clip.map(|time| bounded(f64::from(time) * by));
        }
        let expected = self.after(part);
        let wrong = took.min(MOST * expected) - expected;
        let mut least = 1;
        for (time, (mark, before, after)) in self.clip.iter_mut().zip(PARTS) {
            // How much this time had to do with what was expected.
            let far = ((mark - part) / before).max((part - mark) / after);
            let near = (1.0 - far).max(0.0);
            *time = bounded(f64::from(*time) + PACE * near * wrong).max(least);
            least = *time;
        }
    }

    /// Learns that a render took so long for each clip, at the end of a video.
    pub(super) fn learn_render(&mut self, took: f64) {
        let known = f64::from(self.render);
        // A guess is no ground to doubt what is seen.
        let most = if self.videos > 0 { MOST } else { f64::MAX } * known;
        self.render = bounded(self.weigh(known, took.min(most)));
        self.videos = MEMORY.min(self.videos + 1);
    }

    /// Between what was known and what is seen: one video more.
    fn weigh(&self, known: f64, seen: f64) -> f64 {
        known + (seen - known) / f64::from(self.videos + 1)
    }
}

/// A time that can be believed.
fn bounded(time: f64) -> u32 {
    (time as u32).clamp(1, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUESS: [u32; MARKS] = [20_000, 40_000, 87_500, 180_000];

    fn nearly(is: f64, expected: f64) {
        assert!((is - expected).abs() < 1e-6, "{is} for {expected}");
    }

    /// What is usual of clips after so many of so many took that long.
    fn learnt(usual: Usual, rank: u32, count: usize, took: Millis) -> [u32; MARKS] {
        let mut usual = usual;
        usual.learn_clip(rank, count, took);
        usual.clip
    }
    fn after_videos(videos: u32) -> Usual {
        Usual {
            videos,
            ..Usual::default()
        }
    }

    #[test]
    fn parts_and_times_belong_together() {
        let usual = Usual::default();
        for (part, time) in [
            (0.0, 20_000.0),
            (0.25, 30_000.0),
            (0.5, 40_000.0),
            (0.625, 63_750.0),
            (0.75, 87_500.0),
            (0.875, 133_750.0),
            (1.0, 180_000.0),
        ] {
            nearly(usual.after(part), time);
            nearly(usual.ready(time), part);
        }
        nearly(usual.after(-1.0), 20_000.0);
        nearly(usual.after(2.0), 180_000.0);
        nearly(usual.ready(0.0), 0.0);
        nearly(usual.ready(1e9), 1.0);
        // All at one time, and none before.
        let sudden = Usual {
            clip: [500; MARKS],
            ..usual
        };
        nearly(sudden.ready(500.0), 0.0);
        nearly(sudden.ready(501.0), 1.0);
    }

    #[test]
    fn a_clip_is_likely_to_be_ready_soon_when_most_are() {
        let usual = Usual::default();
        for (age, soon) in [
            (0.0, 0.0),
            (16_000.0, 0.0),
            (18_000.0, 0.05),
            (20_000.0, 0.1),
            (30_000.0, 0.1 / 0.75),
        ] {
            nearly(usual.soon(age, 4_000.0), soon);
        }
        // Half of those that are left after 40 s are ready within 47.5 s.
        nearly(usual.soon(40_000.0, 47_500.0), 0.5);
        nearly(usual.soon(179_000.0, 4_000.0), 1.0);
        // One that takes longer than any is the less likely the longer it has.
        nearly(usual.soon(180_000.0, 4_000.0), 0.4);
        nearly(usual.soon(200_000.0, 4_000.0), 0.2);
    }

    #[test]
    fn the_last_of_many_takes_longer_and_none_is_done_before_it_is() {
        let usual = Usual::default();
        nearly(usual.last_of(1, 0.0), 40_000.0 + 47_500.0 * 2.0 / 7.0);
        nearly(usual.last_of(2, 0.0), 87_500.0);
        nearly(usual.last_of(1, 40_000.0), 47_500.0 + 92_500.0 / 7.0);
        nearly(usual.last_of(2, 40_000.0), 47_500.0 + 92_500.0 / 2.0);
        nearly(usual.last_of(3, 180_000.0), 10_000.0);
        nearly(usual.last_of(1, 200_000.0), 20_000.0);
    }

    #[test]
    fn a_clip_moves_the_times_beside_it_a_fifth_of_the_way() {
        let usual = Usual::default();
        assert_eq!(
            learnt(usual, 1, 3, 40_000),
            [21_000, 41_000, 87_500, 180_000]
        );
        assert_eq!(
            learnt(usual, 3, 3, 100_000),
            [20_000, 40_000, 90_000, 180_000]
        );
        assert_eq!(
            learnt(usual, 7, 7, 153_750),
            [20_000, 40_000, 89_500, 182_000]
        );
        assert_eq!(
            learnt(usual, 2, 7, 20_000),
            [19_000, 39_000, 87_500, 180_000]
        );
        assert_eq!(learnt(usual, 2, 7, 30_000), GUESS);
    }

    #[test]
    fn what_took_absurdly_long_counts_as_thrice_as_long() {
        let absurd = learnt(Usual::default(), 2, 7, Millis::MAX);
        assert_eq!(absurd, [26_000, 46_000, 87_500, 180_000]);
        assert_eq!(learnt(Usual::default(), 2, 7, 90_000), absurd);
    }

    #[test]
    fn times_stay_in_order_and_within_what_can_be_believed() {
        let of = |clip| Usual {
            clip,
            ..after_videos(MEMORY)
        };
        assert_eq!(learnt(of([1_000; MARKS]), 2, 3, 0), [1_000; MARKS]);
        assert_eq!(learnt(of([1; MARKS]), 1, 3, 0), [1; MARKS]);
        assert_eq!(
            learnt(of([LONGEST; MARKS]), 3, 3, Millis::MAX),
            [LONGEST; MARKS]
        );
    }

    #[test]
    fn a_first_or_last_clip_that_is_far_from_a_guess_moves_all_of_it() {
        // A seventh first clip is usual after 25 s, a last one after 133.75 s.
        let quick = [8_000, 16_000, 35_000, 72_000];
        assert_eq!(learnt(after_videos(0), 1, 7, 10_000), quick);
        assert_eq!(learnt(after_videos(0), 7, 7, 53_500), quick);
        let slow = [40_000, 80_000, 175_000, 360_000];
        assert_eq!(learnt(after_videos(0), 1, 7, 50_000), slow);
        // Half as long is not far, nor is one of those between.
        assert_eq!(
            learnt(after_videos(0), 1, 7, 12_500),
            [18_125, 39_375, 87_500, 180_000]
        );
        assert_eq!(
            learnt(after_videos(0), 4, 7, 10_000),
            [20_000, 34_000, 87_500, 180_000]
        );
        // What is known of a video stands against it, and what is known of many stands.
        let [shortest, .., longest] = learnt(after_videos(1), 1, 7, 10_000);
        assert_eq!((shortest, longest), (12_875, 125_999));
        let [.., longest] = learnt(after_videos(MEMORY - 1), 1, 7, 10_000);
        assert_eq!(longest, 153_000);
        let [.., longest] = learnt(after_videos(MEMORY), 1, 7, 10_000);
        assert_eq!(longest, 180_000);
    }

    #[test]
    fn the_first_render_is_all_that_is_known_and_the_next_are_averaged() {
        let mut usual = Usual::default();
        let mut seen = Vec::new();
        for took in [11_000.0, 5_000.0, 8_000.0, 12_000.0, 14_000.0, 15_000.0] {
            usual.learn_render(took);
            seen.push((usual.videos, usual.render));
        }
        assert_eq!(
            seen,
            [
                (1, 11_000),
                (2, 8_000),
                (3, 8_000),
                (4, 9_000),
                (4, 10_000),
                (4, 11_000)
            ]
        );
        for (took, believed) in [(0.0, 1), (1e12, LONGEST)] {
            let mut usual = Usual::default();
            usual.learn_render(took);
            assert_eq!(usual.render, believed);
        }
        // From then on, what took absurdly long counts as thrice as long.
        let mut usual = after_videos(1);
        usual.learn_render(1e12);
        assert_eq!(usual.render, 11_000);
    }

    #[test]
    fn halfway_between_two_is_halfway_in_each() {
        let one = Usual {
            clip: [1, 2, 3, LONGEST],
            render: 7,
            videos: 3,
        };
        let other = Usual {
            clip: [3, 4, 6, LONGEST],
            render: 9,
            videos: 1,
        };
        let between = Usual {
            clip: [2, 3, 4, LONGEST],
            render: 8,
            videos: 3,
        };
        assert_eq!(one.mean(&other), between);
    }
}
