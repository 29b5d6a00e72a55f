//! Many videos of one client before a server that takes so many requests in a second: the machines and
//! the budget as they are, carried in virtual time as `src/web/driver.rs` carries them.

use super::world::{Dice, START, answer};
use iacrea_video::core::budget::Budget;
use iacrea_video::core::machine::{Command, Event, Machine, Step};
use iacrea_video::core::options::Options;
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
    Asked(usize),
    /// Its response is there.
    Answered(usize, bool),
    Started(usize),
    Woken(usize),
    Opened,
}

struct Client {
    budget: Budget,
    concurrency: usize,
    in_flight: usize,
    /// Whoever counts as having come first is last.
    queue: Vec<(u64, usize)>,
    machines: Vec<Option<Machine>>,
    was_refused: Vec<bool>,
    /// When each wants to be woken.
    due: Vec<u64>,
    ahead: BinaryHeap<Reverse<(u64, Happening)>>,
}

impl Client {
    fn obey(&mut self, video: usize, step: &Step, now: u64) {
        match step.command {
            Command::Fetch { .. } => {
                let lead = self.machines[video].as_ref().map_or(0, Machine::lead);
                let since = now - lead;
                let at = self.queue.partition_point(|(other, _)| *other > since);
                self.queue.insert(at, (since, video));
            }
            Command::Sleep { until } => {
                self.due[video] = until;
                self.ahead.push(Reverse((until, Happening::Woken(video))));
            }
            ref end => panic!("{end:?}"),
        }
    }

    fn let_in(&mut self, latency: &mut Dice, longest: u64, now: u64) {
        while self.in_flight < self.concurrency && !self.queue.is_empty() {
            let at = self.budget.next(self.machines.len() == 1, now);
            if at > now {
                self.ahead.push(Reverse((at, Happening::Opened)));
                return;
            }
            let (_, video) = self.queue.pop().unwrap();
            self.budget.sent(now);
            self.in_flight += 1;
            let asked = Happening::Asked(video);
            self.ahead
                .push(Reverse((now + 10 + latency.roll(longest), asked)));
        }
    }
}

/// What was sent and what of it was refused, in each minute.
fn play(
    videos: usize,
    apart: u64,
    concurrency: usize,
    per_second: f64,
    mut limit: Limit,
    minutes: u64,
) -> Vec<(u64, u64)> {
    let options = Options {
        timeout: None,
        max_failures: u32::MAX,
        ..Options::default()
    };
    let mut client = Client {
        budget: Budget::new(per_second),
        concurrency,
        in_flight: 0,
        queue: Vec::new(),
        machines: vec![None; videos],
        was_refused: vec![false; videos],
        due: vec![0; videos],
        ahead: (0..videos)
            .map(|video| Reverse((START + apart * video as u64, Happening::Started(video))))
            .collect(),
    };
    let mut dice = Dice(videos as u64);
    let pending = r#"{"status":"GENERATING_VIDEO","generatedContent":[{"status":"pending"},{"status":"pending"}]}"#;
    let is_running = matches!(limit, Limit::Concurrency { .. });
    let (way, work) = if is_running { (20, 300) } else { (60, 20) };
    let mut sums = vec![(0, 0); minutes as usize];
    while let Some(Reverse((now, happening))) = client.ahead.pop() {
        let Some(minute) = sums.get_mut(((now - START) / 60_000) as usize) else {
            break;
        };
        match happening {
            Happening::Started(video) => {
                let (machine, step) = Machine::start(&format!("v{video}"), options.clone(), now);
                client.machines[video] = Some(machine);
                client.obey(video, &step, now);
            }
            Happening::Woken(video) if client.due[video] == now => {
                let machine = client.machines[video].as_mut().unwrap();
                let step = machine.step(Event::Wake, now);
                client.obey(video, &step, now);
            }
            Happening::Woken(_) | Happening::Opened => {}
            Happening::Asked(video) => {
                minute.0 += 1;
                let takes = limit.takes(now);
                minute.1 += u64::from(!takes);
                let back = now + 10 + if takes { work + dice.roll(work) } else { 0 };
                client
                    .ahead
                    .push(Reverse((back, Happening::Answered(video, takes))));
            }
            Happening::Answered(video, takes) => {
                if let Limit::Concurrency { running, .. } = &mut limit {
                    *running -= u64::from(takes);
                }
                client.in_flight -= 1;
                let event = if takes {
                    answer(200, None, pending)
                } else {
                    answer(429, None, "")
                };
                let Event::Answer(heard) = &event else {
                    panic!("it is an answer");
                };
                client.budget.heard(heard, client.was_refused[video], now);
                client.was_refused[video] = !takes;
                let machine = client.machines[video].as_mut().unwrap();
                let step = machine.step(event, now);
                client.obey(video, &step, now);
            }
        }
        client.let_in(&mut dice, way, now);
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
                for concurrency in [6, usize::MAX] {
                    let what = format!(
                        "{videos} videos, {apart} ms apart, {concurrency} at once, {limit:?}"
                    );
                    let limit = limit.clone();
                    let all = play(videos, apart, concurrency, f64::INFINITY, limit, 4);
                    audit(&what, &all, per_second);
                }
            }
        }
    }
}
