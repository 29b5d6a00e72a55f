//! A session explored exhaustively to a bound: every order of joins, responses, failures, time steps, leaves, pushes,
//! thaws and crashes, breadth first over states that are the same. Each step is audited as a random one is, and from
//! each state all polls come to an end once the server says DONE.

use super::plan::{Act, Answered, Plan, Source};
use super::session::{World, read};
use iacrea_video::core::answer::Answer;
use iacrea_video::core::messages::Reason;
use iacrea_video::core::options::RawOptions;
use iacrea_video::core::session::Push;
use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::Hasher;
use std::io::Write;

#[derive(Clone)]
enum Move {
    Act(Act),
    Respond(usize, Result<Answer, Reason>),
    /// The alarm rings, so late.
    Tick(u64),
}

/// What is to be explored: so many polls of each video, under a budget or not.
struct Bound {
    polls: [usize; 2],
    concurrency: u32,
    per_second: f64,
    depth: usize,
}

struct Hash(DefaultHasher);

impl fmt::Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

fn key(world: &World<'_>) -> u64 {
    let mut hash = Hash(DefaultHasher::new());
    world.write(&mut hash);
    hash.0.finish()
}

fn answer(http_status: u16, retry_after: Option<&str>, body: &str) -> Answered {
    Answered {
        http_status,
        retry_after: retry_after.map(str::to_owned),
        body: body.to_owned(),
        oversized: false,
    }
}

fn done() -> Answered {
    answer(
        200,
        None,
        r#"{"status":"DONE","url":"https://c.test/v.mp4"}"#,
    )
}

/// One of each kind of what comes of a request.
fn replies() -> Vec<Result<Answer, Reason>> {
    let rendering = answer(200, None, r#"{"status":"RENDERING_VIDEO","progress":0.5}"#);
    let limited = answer(429, Some("3"), "");
    vec![
        Ok(read(&rendering)),
        Ok(read(&limited)),
        Ok(read(&answer(404, None, ""))),
        Ok(read(&done())),
        Err(Reason::NoResponse),
        Err(Reason::Offline),
    ]
}

fn moves(world: &World<'_>, bound: &Bound, replies: &[Result<Answer, Reason>]) -> Vec<Move> {
    let mut moves = vec![Move::Tick(0), Move::Tick(60_000)];
    let mut waiters = 0;
    for (at, most) in bound.polls.into_iter().enumerate() {
        let count = world.polls_of(at);
        waiters += count;
        if count < most {
            // The second is in a hurry.
            let timeout_ms = (count > 0).then_some(4_000.0);
            let options = RawOptions {
                timeout_ms,
                ..RawOptions::default()
            };
            moves.push(Move::Act(Act::Join(at, options, Source::Fresh)));
        }
        if count > 0 {
            let pending = answer(200, None, r#"{"status":"PENDING"}"#);
            moves.push(Move::Act(Act::SharedResponse(at, pending)));
        }
    }
    for who in 0..waiters {
        moves.push(Move::Act(Act::Leave(who)));
    }
    if waiters > 0 {
        let all = [
            Act::PollNow(0),
            Act::PollSoon,
            Act::Thaw,
            Act::Crash,
            Act::Push(0, Push::Connected),
            Act::Push(0, Push::News),
            Act::Push(0, Push::Lost),
        ];
        moves.extend(all.map(Move::Act));
    }
    for at in world.in_flight() {
        moves.extend(replies.iter().map(|reply| Move::Respond(at, reply.clone())));
    }
    moves
}

fn make<'a>(world: &World<'a>, next: Move) -> World<'a> {
    let mut world = world.clone();
    match next {
        Move::Act(act) => world.act(act),
        Move::Respond(at, reply) => world.respond(at, reply),
        Move::Tick(late) => {
            world.tick(late);
        }
    }
    world
}

/// Whatever happened before, each poll ends once the server says DONE.
fn ends(mut world: World<'_>) {
    let done = read(&done());
    for _ in 0..100 {
        let flight = world.in_flight().next();
        match flight {
            Some(at) => world.respond(at, Ok(done.clone())),
            None if world.tick(0) => {}
            None => {
                return assert_eq!(
                    world.polls_of(0) + world.polls_of(1),
                    0,
                    "somebody waits for ever"
                );
            }
        }
    }
    panic!("it goes on for ever");
}

/// How many states there are.
fn explore(bound: &Bound) -> usize {
    let plan = Plan {
        concurrency: bound.concurrency,
        per_second: bound.per_second,
        ..Plan::default()
    };
    let replies = replies();
    let mut seen = HashSet::new();
    let mut frontier = vec![World::new(&plan)];
    for depth in 1..=bound.depth {
        let mut next = Vec::new();
        for world in &frontier {
            for chosen in moves(world, bound, &replies) {
                let world = make(world, chosen);
                if seen.insert(key(&world)) {
                    if depth < bound.depth {
                        next.push(world.clone());
                    }
                    ends(world);
                }
            }
        }
        frontier = next;
    }
    seen.len()
}

#[test]
fn every_order_of_what_can_happen_to_a_session_keeps_every_promise() {
    let depth = match super::share(4) {
        0 => 4,
        4 => 8,
        _ => 6,
    };
    let bounds = [
        ("two polls of one video", [2, 0], u32::MAX, f64::INFINITY),
        (
            "two videos, one request at once, one in two seconds",
            [1, 1],
            1,
            0.5,
        ),
    ];
    for (what, polls, concurrency, per_second) in bounds {
        let bound = Bound {
            polls,
            concurrency,
            per_second,
            depth,
        };
        let states = explore(&bound);
        // Past the capture of the test's output, so that it is seen when all is well.
        let _ = writeln!(
            std::io::stderr(),
            "{what}: {states} states in {depth} steps"
        );
    }
}
