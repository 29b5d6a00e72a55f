//! What earlier videos taught of how long one takes, for a client's next ones. It is kept in memory, and can be
//! written down for the next program.

use super::Millis;
use super::error::Failure;
use super::machine::Machine;
use super::progress::{LONGEST_LESSON, Usual};

/// Version of the text.
const VERSION: &str = "il1";
/// As many of the last videos count; older ones fade.
const MEMORY: u32 = 8;

/// How long clips and renders took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lessons {
    usual: Usual,
    videos: u32,
}

impl Lessons {
    /// What is usual now.
    pub fn usual(&self) -> Usual {
        self.usual
    }

    /// Takes in a video that was done at `now`. One that was not seen whole teaches nothing.
    pub fn take(&mut self, machine: &Machine, now: Millis) {
        let Some(taught) = machine.taught(now) else {
            return;
        };
        self.videos = (self.videos + 1).min(MEMORY);
        let mean = |before: u32, news: u32| {
            let counts = u64::from(self.videos);
            let sum = u64::from(before) * (counts - 1) + u64::from(news);
            sum.checked_div(counts).unwrap_or_default() as u32
        };
        self.usual = Usual {
            clip: mean(self.usual.clip, taught.clip),
            render: mean(self.usual.render, taught.render),
        };
    }

    /// As a text for [`Lessons::read`].
    pub fn write(&self) -> String {
        let Usual { clip, render } = self.usual;
        let numbers = [self.videos, clip, render].map(|number| number.to_string());
        [VERSION, &numbers.join(",")].join(",")
    }

    /// Reads what was written down.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`](super::error::ErrorCode::InvalidArgument): what is damaged or of another version.
    pub fn read(text: &str) -> Result<Self, Failure> {
        let known = || {
            let mut fields = text.strip_prefix(VERSION)?.strip_prefix(',')?.split(',');
            let mut number = |most: u32| {
                let field = fields.next()?;
                let number: u32 = field.parse().ok()?;
                // One spelling only.
                (number <= most && number.to_string() == field).then_some(number)
            };
            let lessons = Self {
                videos: number(MEMORY)?,
                usual: Usual {
                    clip: number(LONGEST_LESSON)?,
                    render: number(LONGEST_LESSON)?,
                },
            };
            fields.next().is_none().then_some(lessons)
        };
        known().ok_or_else(|| Failure::invalid("the lessons are damaged or not of this version"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::answer::Answer;
    use crate::core::error::ErrorCode;
    use crate::core::machine::{Command, Event};
    use crate::core::options::Options;
    use crate::core::status::{ContentStatus, GeneratedContent, Status, VideoStatus};

    const START: Millis = 1_800_000_000_000;

    fn answer(status: Status, clips: &str) -> Event {
        let clip = |c| {
            GeneratedContent::bare(if c == 's' {
                ContentStatus::Success
            } else {
                ContentStatus::Pending
            })
        };
        Event::Answer(Answer {
            outcome: Ok(VideoStatus {
                status,
                generated_content: (!clips.is_empty()).then(|| clips.chars().map(clip).collect()),
                credits_total: None,
                credits_used: None,
            }),
            retry_after: None,
            fingerprint: 0,
        })
    }

    /// A video whose clips are first seen like this, whose render is first seen after so many seconds at that part, and
    /// which is done after so many.
    fn video(first: &str, render: (Millis, f64), done: Millis) -> (Machine, Millis) {
        let patient = Options {
            timeout: None,
            ..Options::default()
        };
        let (mut machine, _) = Machine::start("v", patient, START);
        machine.step(answer(Status::GeneratingVideo, first), START);
        let (after, progress) = render;
        machine.step(
            answer(Status::RenderingVideo { progress }, ""),
            START + after * 1_000,
        );
        let now = START + done * 1_000;
        let (url, id) = ("https://c.test/v".into(), "v".into());
        let step = machine.step(answer(Status::Done { url, id }, ""), now);
        assert_eq!(step.command, Command::Done);
        (machine, now)
    }

    fn taught(videos: &[(Machine, Millis)]) -> Lessons {
        let mut lessons = Lessons::default();
        for (machine, now) in videos {
            lessons.take(machine, *now);
        }
        lessons
    }

    #[test]
    fn the_first_video_is_all_that_is_known_and_the_next_are_averaged() {
        // Four clips of at most 80 s: of 100 s, as the last of four goes. And a render of 24 s.
        let quick = || video("pppp", (80, 0.0), 104);
        let one = taught(&[quick()]);
        assert_eq!(
            one.usual(),
            Usual {
                clip: 40_000,
                render: 6_000
            }
        );
        let slow = video("pppp", (160, 0.0), 208);
        assert_eq!(
            taught(&[quick(), slow]).usual(),
            Usual {
                clip: 60_000,
                render: 9_000
            }
        );
    }

    #[test]
    fn what_is_long_ago_fades() {
        let mut lessons = taught(&[video("pppp", (80, 0.0), 104)]);
        for _ in 0..60 {
            let (machine, now) = video("pppp", (160, 0.0), 208);
            lessons.take(&machine, now);
        }
        assert!(
            (79_000..=80_000).contains(&lessons.usual().clip),
            "{lessons:?}"
        );
        // And what is new counts for an eighth.
        let (machine, now) = video("pppp", (800, 0.0), 848);
        lessons.take(&machine, now);
        assert!(
            (119_000..=121_000).contains(&lessons.usual().clip),
            "{lessons:?}"
        );
    }

    #[test]
    fn a_video_that_was_not_seen_whole_teaches_nothing() {
        for (machine, now) in [
            // Some clips were ready, or the render was under way, when it was first seen.
            video("sppp", (80, 0.0), 104),
            video("pppp", (80, 0.1), 104),
            // No time, too much time, no clips.
            video("pppp", (0, 0.0), 24),
            video("pppp", (80, 0.0), 80),
            video("pppp", (8_000_000, 0.0), 8_000_024),
            video("pppp", (80, 0.0), 80 + 20_000),
            video("", (80, 0.0), 104),
        ] {
            assert_eq!(taught(&[(machine, now)]), Lessons::default());
        }
        let (unfinished, _) = Machine::start("v", Options::default(), START);
        assert_eq!(taught(&[(unfinished, START)]), Lessons::default());
        // Nearly from its start will do.
        assert_ne!(
            taught(&[video("pppp", (80, 0.09), 104)]),
            Lessons::default()
        );
    }

    #[test]
    fn a_poll_that_was_taught_says_another_time_left() {
        let left = |usual| {
            let (mut machine, _) = Machine::start("v", Options::default(), START);
            machine.teach(usual);
            machine.step(answer(Status::GeneratingVideo, "pp"), START);
            machine
                .current(START)
                .and_then(|update| update.remaining_ms)
        };
        let usual = Usual {
            clip: 6_000,
            render: 1_000,
        };
        // Two thirds of the longest, the start of the render, and the render.
        assert_eq!(left(usual), Some(10_000 + 4_000 + 2_000));
        assert_eq!(left(Usual::default()), Some(100_000 + 4_000 + 11_000));
    }

    #[test]
    fn written_down_they_are_read_back_and_what_is_damaged_is_refused() {
        let lessons = taught(&[video("pppp", (80, 0.0), 104), video("pp", (30, 0.0), 40)]);
        let text = lessons.write();
        assert_eq!(text, "il1,2,29000,5500");
        assert_eq!(Lessons::read(&text), Ok(lessons));
        assert_eq!(Lessons::default().write(), "il1,0,60000,5500");
        for text in [
            "",
            "il1",
            "il1,",
            "il1,2,29000",
            "il1,2,29000,5500,",
            "il1,2,29000,5500,1",
            "il2,2,29000,5500",
            "il12,29000,5500",
            "il1,9,29000,5500",
            "il1,2,3600001,5500",
            "il1,2,29000,3600001",
            "il1,02,29000,5500",
            "il1,+2,29000,5500",
            "il1,2,-1,5500",
            "il1,2,29000.5,5500",
            "il1,2,,5500",
            " il1,2,29000,5500",
        ] {
            let failure = Lessons::read(text).expect_err(text);
            assert_eq!(failure.code, ErrorCode::InvalidArgument, "{text}");
        }
        for text in ["il1,8,3600000,3600000", "il1,0,0,0"] {
            assert!(Lessons::read(text).is_ok(), "{text}");
        }
    }
}
