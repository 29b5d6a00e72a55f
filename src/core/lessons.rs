//! What earlier videos taught of how long one takes, for a client's next ones. It is kept in memory, and can be
//! written down for the next program.

use super::error::Failure;
use super::machine::Machine;
use super::usual::Usual;

/// Version of the text.
const VERSION: &str = "il1";

/// How long clips and renders took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lessons {
    usual: Usual,
}

impl Lessons {
    /// What is usual now.
    pub fn usual(&self) -> Usual {
        self.usual
    }

    /// Takes in what a video that was done has taught; whether it has taught anything.
    pub fn take(&mut self, machine: &Machine) -> bool {
        let Some(taught) = machine.taught() else {
            return false;
        };
        // One that began before the last was done knows nothing of that one.
        self.usual = if taught.videos > self.usual.videos {
            taught
        } else {
            self.usual.mean(&taught)
        };
        true
    }

    /// As a text for [`Lessons::read`].
    pub fn write(&self) -> String {
        let mut text = VERSION.to_owned();
        for number in self.usual.numbers() {
            text.push(',');
            text.push_str(itoa::Buffer::new().format(number));
        }
        text
    }

    /// Reads what was written down.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`](super::error::ErrorCode::InvalidArgument): what is damaged or of another version.
    pub fn read(text: &str) -> Result<Self, Failure> {
        let known = || {
            let mut fields = text.strip_prefix(VERSION)?.strip_prefix(',')?.split(',');
            let usual = Usual::read(|| {
                let field = fields.next()?;
                let number: u32 = field.parse().ok()?;
                // One spelling only.
                (itoa::Buffer::new().format(number) == field).then_some(number)
            })?;
            fields.next().is_none().then_some(Self { usual })
        };
        known().ok_or_else(|| Failure::invalid("the lessons are damaged or not of this version"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Millis;
    use crate::core::answer::Answer;
    use crate::core::error::ErrorCode;
    use crate::core::machine::{Command, Event};
    use crate::core::options::Options;
    use crate::core::status::{ContentStatus, GeneratedContent, Status, VideoStatus};

    const START: Millis = 1_800_000_000_000;

    fn answer(status: Status, clips: &str) -> Event {
        let clip = |c| {
            GeneratedContent::bare(match c {
                's' => ContentStatus::Success,
                'e' => ContentStatus::Error,
                _ => ContentStatus::Pending,
            })
        };
        Event::Answer(Answer::of(Ok(VideoStatus {
            generated_content: (!clips.is_empty()).then(|| clips.chars().map(clip).collect()),
            ..VideoStatus::bare(status)
        })))
    }
    fn done() -> Status {
        Status::Done {
            url: "https://c.test/v".into(),
            id: "v".into(),
            raw_status: None,
        }
    }

    fn poll(lessons: &Lessons) -> Machine {
        let patient = Options {
            timeout: None,
            ..Options::default()
        };
        let (mut machine, _) = Machine::start("v", patient, START);
        machine.teach(lessons.usual());
        machine
    }

    /// A video of which these clips are seen after so many seconds, the render after so many at that part, and which is
    /// done after so many.
    fn video(
        lessons: &Lessons,
        clips: &[(&str, Millis)],
        render: (Millis, f64),
        done_after: Millis,
    ) -> Machine {
        let mut machine = poll(lessons);
        let mut step = |status, clips: &str, after: Millis| {
            machine.step(answer(status, clips), START + after * 1_000)
        };
        for (clips, after) in clips {
            step(Status::GeneratingVideo, clips, *after);
        }
        let (after, progress) = render;
        step(Status::RenderingVideo { progress }, "", after);
        assert_eq!(step(done(), "", done_after).command, Command::Done);
        machine
    }

    #[test]
    fn each_video_builds_on_those_before() {
        let mut lessons = Lessons::default();
        let clips = [("ppp", 0), ("spp", 40), ("ssp", 40)];
        lessons.take(&video(&lessons, &clips, (100, 0.0), 139));
        // The first and the last clip took longer than is usual, and the render of 40 s (but for half a step) is all
        // that is known of renders.
        let first = Usual {
            clip: [21_000, 40_800, 90_000, 180_000],
            render: 13_333,
            videos: 1,
        };
        assert_eq!(lessons.usual(), first);
        lessons.take(&video(&lessons, &[("ppp", 0)], (60, 0.0), 76));
        let second = lessons.usual();
        assert_eq!((second.videos, second.render), (2, (13_333 + 5_470) / 2));
        assert_ne!(second.clip, first.clip);
    }

    #[test]
    fn of_several_at_once_each_counts() {
        let ignorant = Lessons::default();
        let [quick, slow] = [30, 50].map(|ends| {
            video(
                &ignorant,
                &[("ppp", 0), ("spp", ends), ("ssp", ends)],
                (2 * ends, 0.0),
                2 * ends + 39,
            )
        });
        let mut lessons = ignorant;
        lessons.take(&quick);
        let alone = lessons.usual();
        lessons.take(&slow);
        let mut only_slow = ignorant;
        only_slow.take(&slow);
        assert_eq!(lessons.usual(), alone.mean(&only_slow.usual()));
        assert_ne!(lessons.usual(), alone);
    }

    #[test]
    fn what_was_not_seen_whole_teaches_nothing() {
        let ignorant = Lessons::default();
        let after = |clips: &[(&str, Millis)], part| {
            let mut lessons = ignorant;
            lessons.take(&video(&ignorant, clips, (60, part), 99));
            lessons.usual()
        };
        let usual = Usual::default();
        // Some clips were ready when they were first seen, or one failed.
        for clips in [&[("spp", 0), ("ssp", 50)][..], &[("ppp", 0), ("epp", 9)]] {
            assert_eq!(after(clips, 0.0).clip, usual.clip, "{clips:?}");
        }
        // No clips, or a render that was under way.
        assert_eq!(after(&[], 0.0), usual);
        assert_eq!(after(&[("ppp", 0)], 0.1).render, usual.render);
        assert_ne!(after(&[("ppp", 0)], 0.07).render, usual.render);
        let mut unfinished = poll(&ignorant);
        for (clips, after) in [("ppp", 0), ("spp", 40)] {
            let made = answer(Status::GeneratingVideo, clips);
            unfinished.step(made, START + after * 1_000);
        }
        assert_ne!(unfinished.job.progress.usual, usual);
        let mut lessons = ignorant;
        lessons.take(&unfinished);
        assert_eq!(lessons, ignorant);
    }

    #[test]
    fn a_poll_that_was_taught_says_another_time_left() {
        let left = |usual| {
            let mut machine = poll(&Lessons { usual });
            machine.step(answer(Status::GeneratingVideo, "p"), START);
            machine
                .current(START)
                .and_then(|update| update.remaining_ms)
        };
        let quick = Usual {
            clip: [1_000, 2_000, 3_000, 4_000],
            render: 500,
            videos: 1,
        };
        assert_eq!(left(quick), Some(2_285 + 3_000 + 500));
        assert_eq!(left(Usual::default()), Some(53_571 + 3_000 + 5_500));
    }

    #[test]
    fn a_poll_that_knows_as_much_keeps_what_it_has_seen() {
        let usual = |videos, render| Usual {
            videos,
            render,
            ..Usual::default()
        };
        let mut machine = poll(&Lessons::default());
        for (taught, known) in [
            (usual(0, 1), Usual::default()),
            (usual(2, 2), usual(2, 2)),
            (usual(2, 3), usual(2, 2)),
            (usual(1, 4), usual(2, 2)),
            (usual(3, 5), usual(3, 5)),
        ] {
            machine.teach(taught);
            assert_eq!(machine.job.progress.usual, known);
        }
    }

    #[test]
    fn written_down_they_are_read_back_and_what_is_damaged_is_refused() {
        let mut lessons = Lessons::default();
        assert_eq!(lessons.write(), "il1,0,20000,40000,87500,180000,5500");
        lessons.take(&video(&lessons, &[("p", 0)], (60, 0.0), 99));
        let text = lessons.write();
        assert_eq!(text, "il1,1,20000,44000,87500,180000,40000");
        assert_eq!(Lessons::read(&text), Ok(lessons));
        for text in [
            "",
            "il1",
            "il1,",
            "il1,1,2,3,4,5",
            "il1,1,2,3,4,5,6,",
            "il1,1,2,3,4,5,6,7",
            "il2,1,2,3,4,5,6",
            "il11,2,3,4,5,6",
            "il1,5,2,3,4,5,6",
            "il1,1,0,3,4,5,6",
            "il1,1,3,2,4,5,6",
            "il1,1,2,3,4,5,0",
            "il1,1,2,3,4,3600001,6",
            "il1,1,2,3,4,5,3600001",
            "il1,1,02,3,4,5,6",
            "il1,+1,2,3,4,5,6",
            "il1,1,2,3,4,5,-6",
            "il1,1,2,3.5,4,5,6",
            "il1,1,2,,4,5,6",
            " il1,1,2,3,4,5,6",
        ] {
            let failure = Lessons::read(text).expect_err(text);
            assert_eq!(failure.code, ErrorCode::InvalidArgument, "{text}");
        }
        for text in ["il1,4,1,1,1,3600000,3600000", "il1,0,1,2,3,4,1"] {
            assert_eq!(Lessons::read(text).unwrap().write(), text);
        }
    }
}
