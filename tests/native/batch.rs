//! Many videos of one session before a server that takes so many requests in a second, in virtual time.

use super::world::{Dice, START, answer};
use iacrea_video::core::machine::Event;
use iacrea_video::core::options::RawOptions;
use iacrea_video::core::session::{Command, PollEvent, RequestId, Session, Settings, Time};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// How a server counts.
#[derive(Clone, Debug)]
enum Limit {
    /// So many in each second of its clock.
    Window { most: u64, second: u64, count: u64 },
    /// So many in any second.
    Sliding { most: usize, taken: VecDeque<u64> },
    /// So many in a second, and some more at once after a quiet time.
    Bucket {
        per_second: u64,
        most: u64,
        tokens: u64,
        at: u64,
    },
    /// So many at once.
    Concurrency { most: u64, running: u64 },
}

impl Limit {
    fn takes(&mut self, now: u64) -> bool {
        match self {
            Self::Window {
                most,
                second,
                count,
            } => {
                if *second != now / 1_000 {
                    (*second, *count) = (now / 1_000, 0);
                }
                *count += 1;
                *count <= *most
            }
            Self::Sliding { most, taken } => {
                while taken.front().is_some_and(|at| at + 1_000 <= now) {
                    taken.pop_front();
                }
                let takes = taken.len() < *most;
                if takes {
                    taken.push_back(now);
                }
                takes
            }
            Self::Bucket {
                per_second,
                most,
                tokens,
                at,
            } => {
                // In thousandths.
                *tokens = (*tokens + (now - *at) * *per_second).min(*most * 1_000);
                *at = now;
                let takes = *tokens >= 1_000;
                if takes {
                    *tokens -= 1_000;
                }
                takes
            }
            Self::Concurrency { most, running } => {
                let takes = running < most;
                *running += u64::from(takes);
                takes
            }
        }
    }
}

/// Ordered by what comes first where two fall on one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// A request is at the server.
    Received(RequestId),
    /// Its response is there, and whether it is one.
    Responded(RequestId, bool),
    Started(usize),
    Woken,
}

/// What was sent and what of it was refused, in each minute.
fn play(
    videos: usize,
    apart: u64,
    concurrency: u32,
    mut limit: Limit,
    minutes: u64,
) -> Vec<(u64, u64)> {
    let options = RawOptions {
        timeout_ms: Some(f64::INFINITY),
        max_consecutive_failures: Some(f64::INFINITY),
        ..RawOptions::default()
    };
    let mut session = Session::new(Settings {
        concurrency,
        ..Settings::default()
    });
    let mut ahead: BinaryHeap<_> = (0..videos)
        .map(|video| Reverse((START + apart * video as u64, Happening::Started(video))))
        .collect();
    let mut dice = Dice(videos as u64);
    let pending = r#"{"status":"GENERATING_VIDEO","generatedContent":[{"status":"pending"},{"status":"pending"}]}"#;
    let is_running = matches!(limit, Limit::Concurrency { .. });
    let (way, work) = if is_running { (20, 300) } else { (60, 20) };
    let mut sums = vec![(0, 0); minutes as usize];
    let mut wakes_at = u64::MAX;
    while let Some(Reverse((now, happening))) = ahead.pop() {
        let Some(minute) = sums.get_mut(((now - START) / 60_000) as usize) else {
            break;
        };
        let time = Time { now, ahead: 0 };
        match happening {
            Happening::Started(video) => {
                let id = format!("v{video}");
                session.start(&id, options, None, (), time).unwrap();
            }
            Happening::Woken if wakes_at == now => session.wake(time),
            Happening::Woken => {}
            Happening::Received(request) => {
                minute.0 += 1;
                let takes = limit.takes(now);
                minute.1 += u64::from(!takes);
                let back = now + 10 + if takes { work + dice.roll(work) } else { 0 };
                ahead.push(Reverse((back, Happening::Responded(request, takes))));
            }
            Happening::Responded(request, takes) => {
                if let Limit::Concurrency { running, .. } = &mut limit {
                    *running -= u64::from(takes);
                }
                let (status, body) = if takes { (200, pending) } else { (429, "") };
                let Event::Answer(answer) = answer(status, None, body) else {
                    panic!("it is a response");
                };
                session.response(request, Ok(answer), (), time);
            }
        }
        while let Some(command) = session.poll_command() {
            let Command::Send { request, .. } = command else {
                panic!("{command:?}");
            };
            let at = now + 10 + dice.roll(way);
            ahead.push(Reverse((at, Happening::Received(request))));
        }
        while let Some(news) = session.poll_notification() {
            assert!(
                !matches!(news.event, Some(PollEvent::Failed(..))),
                "{news:?}"
            );
        }
        let at = session.wake_at(now).unwrap_or(u64::MAX);
        if at != std::mem::replace(&mut wakes_at, at) && at < u64::MAX {
            ahead.push(Reverse((at, Happening::Woken)));
        }
    }
    sums
}

fn limits(per_second: u64) -> [Limit; 5] {
    let bucket = |most| Limit::Bucket {
        per_second,
        most,
        tokens: most * 1_000,
        at: START,
    };
    [
        Limit::Window {
            most: per_second,
            second: 0,
            count: 0,
        },
        Limit::Sliding {
            most: per_second as usize,
            taken: VecDeque::new(),
        },
        bucket(per_second),
        bucket(5 * per_second),
        // A request takes it 450 ms.
        Limit::Concurrency {
            most: (per_second * 450).div_ceil(1_000),
            running: 0,
        },
    ]
}

/// How many are refused in each minute, and how many the server takes of those that it would have.
fn audit(what: &str, minutes: &[(u64, u64)], per_second: u64) {
    for (minute, (sent, refused)) in minutes.iter().enumerate().skip(1) {
        assert!(refused * 20 < *sent, "{what}: {minutes:?}");
        // Once all have begun, where any are refused, the videos want more than the server takes.
        let used = (sent - refused) * 100 >= 55 * per_second * 60;
        assert!(used || *refused == 0 || minute < 2, "{what}: {minutes:?}");
    }
}

#[test]
fn few_requests_of_a_batch_are_refused_from_the_second_minute_on() {
    let batches = [(100, 10), (20, 3), (100, 25)];
    // The last takes the longest, and is a matter of a release.
    let most = if super::share(4) == 4 { 3 } else { 2 };
    for (videos, per_second) in batches.into_iter().take(most) {
        for limit in limits(per_second) {
            for apart in [0, 1_000] {
                for concurrency in [6, u32::MAX] {
                    let what = format!(
                        "{videos} videos, {apart} ms apart, {concurrency} at once, {limit:?}"
                    );
                    let limit = limit.clone();
                    let all = play(videos, apart, concurrency, limit, 4);
                    audit(&what, &all, per_second);
                }
            }
        }
    }
}
