//! What a client expects of its next video, after those that it has seen.

use super::world::{START, answer};
use iacrea_video::core::machine::Event;
use iacrea_video::core::options::RawOptions;
use iacrea_video::core::session::{Command, PollEvent, Session, Settings, Time};
use serde_json::{Value, json};

/// When its clips are ready and its render begins and ends, in seconds; and whether the last list is empty.
#[derive(Clone, Copy)]
struct Course {
    clips: [u64; 4],
    render: (u64, u64),
    ends_empty: bool,
}

const NORMAL: Course = Course {
    clips: [25, 35, 60, 120],
    render: (123, 145),
    ends_empty: false,
};

impl Course {
    fn at(&self, after: u64) -> Value {
        let (from, to) = (self.render.0 * 1_000, self.render.1 * 1_000);
        let clip = |ready: &u64| {
            let status = if ready * 1_000 <= after {
                "success"
            } else {
                "pending"
            };
            json!({ "status": status })
        };
        let clips: Vec<_> = self.clips.iter().map(clip).collect();
        if after < from {
            json!({ "status": "GENERATING_VIDEO", "generatedContent": clips })
        } else if after < to {
            let part = (after - from) as f64 / (to - from) as f64;
            let status = if part == 0.0 {
                "START_RENDERING_VIDEO"
            } else {
                "RENDERING_VIDEO"
            };
            // In steps, as renders say it.
            json!({ "status": status, "progress": (part * 20.0).floor() / 20.0, "generatedContent": clips })
        } else {
            let clips = if self.ends_empty { Vec::new() } else { clips };
            json!({ "status": "DONE", "url": "https://c.test/v.mp4", "generatedContent": clips })
        }
    }
}

fn patient() -> RawOptions {
    RawOptions {
        timeout_ms: Some(f64::INFINITY),
        ..RawOptions::default()
    }
}

/// A client, and by how much it expected the videos to take longer than the first when it saw them first.
struct Client {
    session: Session<(), ()>,
    now: u64,
    first: Option<u64>,
}

impl Client {
    fn new() -> Self {
        Self {
            session: Session::new(Settings::default()),
            now: START,
            first: None,
        }
    }

    /// Sees so many ordinary videos that it expects nothing else.
    fn settle(&mut self) -> f64 {
        (0..12).map(|_| self.watch(NORMAL, None)).last().unwrap()
    }

    fn watch(&mut self, course: Course, token: Option<&str>) -> f64 {
        let began = self.now;
        let time = |now| Time { now, ahead: 0 };
        self.session
            .start("v", patient(), token, (), time(self.now))
            .unwrap();
        let mut expected = None;
        loop {
            while let Some(command) = self.session.poll_command() {
                let Command::Send { request, .. } = command else {
                    panic!("{command:?}")
                };
                self.now += 100;
                let body = course.at(self.now - began).to_string();
                let Event::Answer(answer) = answer(200, None, &body) else {
                    panic!("it is a response")
                };
                self.session
                    .response(request, Ok(answer), (), time(self.now));
            }
            while let Some(news) = self.session.poll_notification() {
                let left = news.update.and_then(|(update, ())| update.remaining_ms);
                expected = expected.or(left);
                if news.event == Some(PollEvent::Done) {
                    let expected = expected.expect("it said how long it would take");
                    let first = *self.first.get_or_insert(expected);
                    return expected as f64 / first as f64;
                }
            }
            self.now = self.session.wake_at(self.now).unwrap();
            self.session.wake(time(self.now));
        }
    }
}

#[test]
fn an_odd_video_moves_the_next_estimate_by_a_factor_of_two_at_most_and_is_forgotten_after_three() {
    for (what, odd) in [
        (
            "an empty list at the end",
            Course {
                ends_empty: true,
                ..NORMAL
            },
        ),
        (
            "a render of an hour",
            Course {
                render: (123, 3_723),
                ..NORMAL
            },
        ),
        (
            "clips of an hour",
            Course {
                clips: [3_600; 4],
                render: (3_603, 3_625),
                ..NORMAL
            },
        ),
        (
            "clips in no time",
            Course {
                clips: [1; 4],
                render: (4, 26),
                ..NORMAL
            },
        ),
        (
            "a render in no time",
            Course {
                render: (123, 125),
                ..NORMAL
            },
        ),
        (
            "all of that in no time",
            Course {
                clips: [1; 4],
                render: (2, 3),
                ..NORMAL
            },
        ),
    ] {
        let mut client = Client::new();
        let settled = client.settle();
        client.watch(odd, None);
        let moved = client.watch(NORMAL, None) / settled;
        assert!((0.5..=2.0).contains(&moved), "{what}: {moved}");
        client.watch(NORMAL, None);
        client.watch(NORMAL, None);
        let after = client.watch(NORMAL, None) / settled;
        assert!((0.9..=1.1).contains(&after), "{what}: {after}");
    }
}

#[test]
fn videos_that_differ_from_the_guess_correct_it_for_those_that_follow() {
    // Three times as slow, and twice as fast.
    for (by, render) in [((3, 1), 66), ((1, 2), 11)] {
        let scaled = |seconds: u64| seconds * by.0 / by.1;
        let from = scaled(120) + 3;
        let course = Course {
            clips: NORMAL.clips.map(scaled),
            render: (from, from + render),
            ends_empty: false,
        };
        let mut client = Client::new();
        let estimates: Vec<_> = (0..8).map(|_| client.watch(course, None)).collect();
        let real = by.0 as f64 / by.1 as f64;
        let last = estimates.last().unwrap();
        assert!((last / real - 1.0).abs() < 0.35, "{estimates:?}");
    }
}

#[test]
fn a_poll_that_was_resumed_says_nothing_of_the_next_video() {
    let mut client = Client::new();
    let time = |now| Time { now, ahead: 0 };
    let poll = client
        .session
        .start("v", patient(), None, (), time(START))
        .unwrap();
    let token = client.session.machine(poll).unwrap().resume_token(0);
    client.session.leave(poll, time(START));
    while client.session.poll_command().is_some() {}
    let settled = client.settle();
    let odd = Course {
        render: (123, 3_723),
        ..NORMAL
    };
    client.watch(odd, Some(&token));
    let after = client.watch(NORMAL, None) / settled;
    assert!((0.99..1.01).contains(&after), "{after}");
}
