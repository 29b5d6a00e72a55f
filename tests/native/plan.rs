//! Random servers, networks and waiters, as data that shrinks: whatever may happen to the polls of
//! a client. It must leave nothing out for being unlikely; what is unlikely is what breaks.

use super::forged::{Forged, Last, Phase};
use super::world::START;
use iacrea_video::core::answer::{Answer, RetryAfter};
use iacrea_video::core::error::ErrorCode;
use iacrea_video::core::options::{Options, RawOptions};
use iacrea_video::core::session::Push;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use std::time::{Duration, UNIX_EPOCH};

/// All that happens in one run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) first: (RawOptions, Source),
    pub(crate) request_timeout: u64,
    pub(crate) concurrency: u32,
    pub(crate) per_second: f64,
    /// Whether requests wait for a lock, and how long each does, by turns.
    pub(crate) locks: Option<Vec<u64>>,
    /// What comes of the requests, by turns and for ever.
    pub(crate) replies: Vec<Exchange>,
    /// How late alarms ring, by turns: tabs are hidden and machines sleep.
    pub(crate) lateness: Vec<u64>,
    /// What people do, and how long after what they did before.
    pub(crate) acts: Vec<(u64, Act)>,
    /// Of what falls on one instant, whether the server comes before the clock.
    pub(crate) answers_first: bool,
    /// Where a poll without a deadline is left.
    pub(crate) steps: usize,
}

impl Default for Plan {
    /// Nothing happens by itself, and nothing comes late.
    fn default() -> Self {
        Self {
            first: (RawOptions::default(), Source::Fresh),
            request_timeout: 30_000,
            concurrency: u32::MAX,
            per_second: f64::INFINITY,
            locks: None,
            replies: vec![Exchange {
                after: 0,
                what: What::Hang,
            }],
            lateness: vec![0],
            acts: Vec::new(),
            answers_first: true,
            steps: 0,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) after: u64,
    pub(crate) what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Answer(Answered),
    Lost,
    Hang,
}

#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) http_status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: String,
    pub(crate) oversized: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Source {
    Fresh,
    Saved(usize),
    /// A token that somebody made up.
    Forged(Box<Forged>),
}

#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Of which of the videos.
    Join(usize, RawOptions, Source),
    Leave(usize),
    PollNow(usize),
    PollSoon,
    /// The page is frozen for a while, and is no more.
    Thaw,
    /// The process ends, and another goes on with the tokens of all polls.
    Crash,
    Push(usize, Push),
    /// Another page had this response about one of the videos.
    SharedResponse(usize, Answered),
    Offline,
    Online,
    /// At most so many requests at once; or as before.
    Limit(u32),
    Unlimit,
    Save {
        who: usize,
        ahead: i64,
        whole: bool,
    },
    Twin(usize),
}

/// What `Retry-After` asks for, read apart from the core: digits are seconds, with decimals the next whole one, the dates
/// are those that [`retry_after`] writes, all else asks for nothing.
pub(crate) fn asked(header: &str) -> Option<RetryAfter> {
    let text = header.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds: u64 = text.parse().unwrap_or(u64::MAX);
        return Some(RetryAfter::For(seconds.saturating_mul(1_000)));
    }
    if let Some((_, seconds)) = DECIMALS.iter().find(|(decimal, _)| *decimal == text) {
        return Some(RetryAfter::For(seconds * 1_000));
    }
    let rare = DATES.iter().find(|(date, _)| *date == text);
    let at = rare.map(|(_, at)| *at).or_else(|| {
        let date = httpdate::parse_http_date(text).ok()?;
        Some(date.duration_since(UNIX_EPOCH).ok()?.as_millis() as u64)
    });
    at.map(RetryAfter::Until)
}

/// The earliest time that an answer allows.
pub(crate) fn floor(answer: &Answer, now: u64) -> Option<u64> {
    let at = match answer.retry_after? {
        RetryAfter::For(pause) => now.saturating_add(pause),
        RetryAfter::Until(at) => at,
    };
    (at > now).then_some(at)
}

/// Seconds as no standard has them.
const DECIMALS: [(&str, u64); 4] = [("1.5", 2), ("0.001", 1), ("7.0", 7), ("0.0", 0)];

/// Dates in the forms that HTTP has beside the one that is written today.
const DATES: [(&str, u64); 3] = [
    ("Friday, 15-Jan-27 08:10:00 GMT", START + 600_000),
    ("Fri Jan 15 08:10:00 2027", START + 600_000),
    ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
];

fn retry_after() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0_u64..40).prop_map(|seconds| seconds.to_string()),
        2 => (0_u64..5_000).prop_map(|seconds| seconds.to_string()),
        1 => select(vec!["2592000", "18446744073709551615", "99999999999999999999999", "000", " 7 "])
            .prop_map(str::to_owned),
        3 => (-600_i64..1_800).prop_map(|seconds| {
            let at = (START / 1_000).saturating_add_signed(seconds);
            httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(at))
        }),
        1 => select(DATES.to_vec()).prop_map(|(date, _)| date.to_owned()),
        1 => select(DECIMALS.to_vec()).prop_map(|(decimal, _)| decimal.to_owned()),
        1 => select(vec!["", "soon", "-5", "1.", ".5", "1.5.5", "٣", "+3", "0x10", "1e3", "7, 8", "Fri, 32 Jan 2027 08:00:00 GMT"])
            .prop_map(str::to_owned),
    ]
}

fn options() -> impl Strategy<Value = RawOptions> {
    let milliseconds = || {
        prop_oneof![
            6 => (0_u32..20_000).prop_map(f64::from),
            1 => select(vec![0.0, 0.001, 1.0, 0.5, 2_147_483_648.0, 3.2e14, 1e300, f64::MAX]),
        ]
    };
    let timeout = prop_oneof![
        6 => (1_u32..2_000_000).prop_map(f64::from),
        2 => (1_u32..5_000).prop_map(f64::from),
        2 => Just(f64::INFINITY),
        1 => select(vec![0.001, 1.0, 2_147_483_648.0, 1e300, 0.0, -1.0, f64::NAN]),
    ];
    let failures = prop_oneof![
        6 => (1_u32..12).prop_map(f64::from),
        1 => select(vec![1.0, f64::INFINITY, 4_294_967_295.0, 1e18, 0.0, 1.5, f64::NAN]),
    ];
    (
        weighted(0.7, timeout),
        weighted(0.5, milliseconds()),
        weighted(0.5, milliseconds()),
        weighted(0.6, failures),
    )
        .prop_map(|(timeout_ms, min, max, max_consecutive_failures)| {
            // Crossed bounds are refused; that is seen often enough as it is.
            let (min_interval_ms, max_interval_ms) = match (min, max) {
                (Some(a), Some(b)) if a > b && a != 3.2e14 => (Some(b), Some(a)),
                bounds => bounds,
            };
            RawOptions {
                timeout_ms,
                min_interval_ms,
                max_interval_ms,
                max_consecutive_failures,
            }
        })
}

/// A number as servers write it, sensible or not.
fn amount() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (0.0..1.0).prop_map(|number: f64| json!(number)),
        4 => (0_u32..=100).prop_map(|number| json!(number)),
        1 => (0.0..100.0).prop_map(|number: f64| json!(number.to_string())),
        2 => select(vec![
            json!(0), json!(1), json!(1.0), json!("1"), json!(-0.0), json!(-1), json!(101), json!(1e308),
            json!(null), json!("NaN"), json!("Infinity"), json!("-Infinity"), json!("1e999"), json!(""),
            json!("0x10"), json!([1]), json!({}), json!(true), json!(" 5 "), json!(5e-324), json!(u64::MAX),
        ]),
    ]
}

/// A clip, well-formed or not.
fn clip() -> impl Strategy<Value = Value> {
    let state = select(vec![
        "pending",
        "success",
        "SUCCESS",
        "error",
        "Error ",
        "cancelled",
        "",
    ]);
    prop_oneof![
        8 => (state, weighted(0.3, words())).prop_map(|(state, text)| {
            json!({ "id": 7, "status": state, "text": text, "url": "https://cdn.test/c.mp4" })
        }),
        1 => select(vec![json!(null), json!({}), json!("clip"), json!([]), json!({ "status": 5 }), json!({ "id": 1.5 })]),
    ]
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => "[a-z ,%~\\n\u{e9}\u{1f3ac}\u{0}]{0,24}",
        1 => (0_usize..3_000).prop_map(|length| "\u{1f3ac}w".repeat(length)),
    ]
}

/// What a server that works says.
fn status() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        8 => select(vec!["PENDING", "GENERATING_VIDEO", "START_RENDERING_VIDEO", "RENDERING_VIDEO", "rendering-video"]),
        1 => select(vec!["DONE", " done ", "ERROR", "QUEUED", "ｄone", "D O N E", "completed"]),
        1 => select(vec!["failed", "CANCELLED"]),
    ];
    let address = prop_oneof![
        4 => Just(json!("https://cdn.test/v.mp4")),
        1 => select(vec![json!(null), json!(""), json!("javascript:alert(1)"), json!({ "href": "https://c.test" }), json!(5)]),
    ];
    (
        word,
        weighted(0.7, amount()),
        weighted(0.5, vec(clip(), 0..6)),
        weighted(0.3, amount()),
        weighted(0.3, words()),
        weighted(0.8, address),
        select(vec![
            "url",
            "videoUrl",
            "video_url",
            "finalVideoUrl",
            "outputUrl",
            "somethingNew",
        ]),
    )
        .prop_map(|(word, progress, clips, credits, message, address, name)| {
            let mut body = json!({ "status": word });
            let mut put = |name: &str, value: Option<Value>| {
                if let Some(value) = value {
                    body[name] = value;
                }
            };
            put("progress", progress);
            put("generatedContent", clips.map(Value::from));
            put("creditsTotal", credits.clone());
            put("creditsUsed", credits);
            put("message", message.map(Value::from));
            put(name, address);
            body
        })
}

fn answered() -> impl Strategy<Value = Answered> {
    let well = status().prop_map(|body| (200, body.to_string()));
    let ill_shaped = (
        select(vec![200_u16, 200, 201, 202, 202, 204, 206, 299]),
        select(vec![
            "",
            "null",
            "[]",
            "{}",
            "true",
            "\"DONE\"",
            "<html>busy</html>",
            "{\"status\":null}",
            "{\"status\":[\"DONE\"]}",
            "{\"status\":\"DONE\"}",
            "{\"Status\":\"DONE\"}",
            "{\"status\":\"DONE\"",
            "\u{feff}{\"status\":\"PENDING\"}",
            "{\"status\":\"PENDING\",\"status\":\"RENDERING_VIDEO\"}",
            "[{\"status\":\"DONE\",\"url\":\"https://c.test/v\"}]",
            "{\"status\":\"PENDING\",\"generatedContent\":{\"0\":{}}}",
            "{\"status\":\"  \"}",
            "1e999",
        ]),
    )
        .prop_map(|(status, body)| (status, body.to_owned()));
    let refused = (
        prop_oneof![
            6 => select(vec![429_u16, 500, 502, 503, 504, 408, 425]),
            1 => select(vec![400_u16, 401, 402, 403, 404, 409, 410, 418, 422, 451]),
            1 => select(vec![0_u16, 100, 300, 301, 302, 303, 304, 305, 307, 308, 399, 599, 600, 999, u16::MAX]),
        ],
        prop_oneof![
            Just(String::new()),
            Just("<html>busy</html>".to_owned()),
            Just("{\"status\":\"DONE\",\"url\":\"https://cdn.test/v.mp4\"}".to_owned()),
            words().prop_map(|words| json!({ "error": { "message": words } }).to_string()),
            words(),
        ],
    );
    let told = prop_oneof![10 => well, 2 => ill_shaped, 4 => refused];
    (
        told,
        weighted(0.4, retry_after()),
        proptest::bool::weighted(0.01),
    )
        .prop_map(|((http_status, body), retry_after, oversized)| Answered {
            http_status,
            retry_after,
            body,
            oversized,
        })
}

fn exchange() -> impl Strategy<Value = Exchange> {
    let after = prop_oneof![
        4 => 0_u64..400,
        1 => 0_u64..40_000,
        1 => Just(0),
    ];
    let what = prop_oneof![
        12 => answered().prop_map(What::Answer),
        3 => Just(What::Lost),
        1 => Just(What::Hang),
    ];
    (after, what).prop_map(|(after, what)| Exchange { after, what })
}

/// Any token that is read, whatever it says.
fn forged() -> impl Strategy<Value = Source> {
    let time = || {
        prop_oneof![
            4 => (0_u64..3_600_000).prop_map(|after| START + after),
            2 => (0_u64..3_600_000).prop_map(|before| START - before),
            1 => select(vec![0, 1, START, u64::MAX - 1, u64::MAX]),
        ]
    };
    let number = || prop_oneof![4 => 0_u64..10_000, 1 => select(vec![0, 1, 4_000_000, u64::MAX])];
    let count = || prop_oneof![4 => 0_u32..12, 1 => select(vec![u32::MAX - 1, u32::MAX])];
    // Beyond these they would be counted no further.
    let requests = prop_oneof![4 => 0_u32..12, 1 => Just(4_000_000_000)];
    let code = || 0..ErrorCode::ALL.len();
    let clips = || weighted(0.6, "[pseu]{0,8}");
    let phase = prop_oneof![
        2 => Just(Phase::Asking),
        2 => Just(Phase::Sleeping),
        1 => Just(Phase::Done),
        1 => Just(Phase::Failed(4)),
        1 => code().prop_map(Phase::Failed),
    ];
    let last = prop_oneof![
        clips().prop_map(Last::Pending),
        clips().prop_map(Last::Generating),
        (0.0..=1.0, clips()).prop_map(|(progress, clips)| Last::Starting(progress, clips)),
        (0.0..=1.0, clips()).prop_map(|(progress, clips)| Last::Rendering(progress, clips)),
        clips().prop_map(Last::Unrecognized),
    ];
    let options = (weighted(0.7, number()), number(), number(), count());
    let times = (
        time(),
        weighted(0.7, time()),
        time(),
        prop_oneof![Just(0), time()],
    );
    let counts = (requests, count(), weighted(0.3, code()), phase);
    let course = (
        (0_u8..3, 0_u32..1_000_000, any::<bool>()),
        (
            weighted(0.7, time()),
            weighted(0.6, time()),
            weighted(0.6, count()),
            weighted(0.3, time()),
        ),
        weighted(0.4, (time(), 0_u32..=1_000_000)),
        weighted(0.5, time()),
        weighted(0.7, last),
    );
    (options, times, counts, course).prop_map(|(options, times, counts, course)| {
        let (timeout, min_interval, max_interval, max_failures) = options;
        let options = Options {
            timeout,
            min_interval,
            max_interval,
            max_failures,
        }
        .sound();
        let (started, deadline, asked_at, not_before) = times;
        let (requests, failures, retrying, phase) = counts;
        let ((scale, overall, is_starting), seen, render_from, end, last) = course;
        let (seen_at, clips_from, ready, failed_at) = seen;
        Source::Forged(Box::new(Forged {
            started,
            deadline,
            timeout: options.timeout,
            min_interval: options.min_interval,
            max_interval: options.max_interval,
            max_failures: options.max_failures,
            phase,
            requests,
            asked_at,
            failures,
            retrying,
            retrying_status: None,
            not_before,
            scale,
            overall,
            seen_at,
            clips_from,
            ready,
            failed_at,
            is_starting,
            render_from,
            end,
            last,
        }))
    })
}

fn act() -> impl Strategy<Value = (u64, Act)> {
    let after = prop_oneof![
        6 => 0_u64..6_000,
        2 => 0_u64..300_000,
        1 => 0_u64..100_000_000,
        1 => Just(0),
    ];
    let index = any::<usize>;
    // Most that happens, happens to the first.
    let video = || prop_oneof![4 => Just(0_usize), 1 => Just(1)];
    let saved = || index().prop_map(Source::Saved);
    let fresh = || Just(Source::Fresh);
    let join = |source| {
        (video(), options(), source)
            .prop_map(|(video, options, source)| Act::Join(video, options, source))
    };
    let act = prop_oneof![
        3 => join(fresh().boxed()),
        4 => join(saved().boxed()),
        1 => saved().prop_map(|saved| Act::Join(0, RawOptions::default(), saved)),
        3 => join(forged().boxed()),
        1 => forged().prop_map(|forged| Act::Join(0, RawOptions::default(), forged)),
        2 => index().prop_map(Act::Leave),
        2 => index().prop_map(Act::PollNow),
        3 => Just(Act::PollSoon),
        1 => Just(Act::Thaw),
        1 => Just(Act::Crash),
        5 => (index(), select(vec![Push::Connected, Push::Lost, Push::News, Push::News, Push::News]))
            .prop_map(|(who, push)| Act::Push(who, push)),
        2 => (video(), answered()).prop_map(|(video, answered)| Act::SharedResponse(video, answered)),
        1 => Just(Act::Offline),
        1 => Just(Act::Online),
        1 => (1_u32..3).prop_map(Act::Limit),
        1 => Just(Act::Unlimit),
        4 => (index(), select(vec![0_i64, 0, 0, 700, -700, 3_600_000, -3_600_000]), any::<bool>())
            .prop_map(|(who, ahead, whole)| Act::Save { who, ahead, whole }),
        3 => index().prop_map(Act::Twin),
    ];
    (after, act)
}

/// What happens to one machine whose clock is not to be trusted: events at any time.
pub(crate) fn ordeals() -> impl Strategy<Value = (Options, Vec<(u64, Ordeal)>)> {
    let time = prop_oneof![
        6 => (0_u64..200_000).prop_map(|after| START + after),
        2 => (0_u64..100_000_000).prop_map(|before| START - before),
        1 => select(vec![0, 1, u64::MAX, u64::MAX - 1, u64::MAX / 2, START]),
    ];
    let event = prop_oneof![
        4 => answered().prop_map(Ordeal::Answer),
        3 => Just(Ordeal::Wake),
        3 => Just(Ordeal::Woken),
        1 => Just(Ordeal::Nudge),
        1 => Just(Ordeal::PollNow),
        1 => any::<bool>().prop_map(Ordeal::Followed),
        1 => Just(Ordeal::News),
        1 => answered().prop_map(Ordeal::Told),
        1 => Just(Ordeal::Lost),
        1 => Just(Ordeal::Offline),
        1 => Just(Ordeal::Snapshot),
        1 => options().prop_map(Ordeal::Resume),
        1 => Just(Ordeal::Join),
    ];
    let extreme =
        || prop_oneof![2 => 0_u64..10_000, 1 => select(vec![0, 1, u64::MAX, u64::MAX / 100])];
    let by_hand = (
        weighted(0.7, extreme()),
        extreme(),
        extreme(),
        prop_oneof![0_u32..5, Just(u32::MAX)],
    )
        .prop_map(
            |(timeout, min_interval, max_interval, max_failures)| Options {
                timeout,
                min_interval,
                max_interval,
                max_failures,
            },
        );
    (by_hand, vec((time, event), 1..40))
}

#[derive(Clone, Debug)]
pub(crate) enum Ordeal {
    Answer(Answered),
    Wake,
    /// By an engine that keeps nothing but the snapshot.
    Woken,
    Nudge,
    PollNow,
    Followed(bool),
    News,
    Told(Answered),
    Lost,
    Offline,
    /// Written down whole and read back.
    Snapshot,
    /// Given up, and taken up again from its token.
    Resume(RawOptions),
    /// Joined by another.
    Join,
}

pub(crate) fn plans() -> impl Strategy<Value = Plan> {
    let lateness = prop_oneof![
        8 => Just(0_u64),
        2 => 0_u64..50,
        1 => 0_u64..90_000,
    ];
    let lock = prop_oneof![8 => Just(0_u64), 1 => 0_u64..5_000];
    let source = prop_oneof![4 => Just(Source::Fresh), 1 => forged()];
    let limits = (
        prop_oneof![4 => Just(u32::MAX), 2 => Just(1_u32)],
        prop_oneof![4 => Just(f64::INFINITY), 1 => 0.05_f64..20.0],
        weighted(0.3, vec(lock, 1..4)),
    );
    (
        (options(), source),
        prop_oneof![4 => Just(30_000_u64), 1 => 1_u64..60_000, 1 => Just(u64::from(u32::MAX))],
        limits,
        vec(exchange(), 1..12),
        vec(lateness, 1..6),
        vec(act(), 0..24),
        any::<bool>(),
        50_usize..600,
    )
        .prop_map(
            |(first, request_timeout, limits, replies, lateness, acts, answers_first, steps)| {
                let (concurrency, per_second, locks) = limits;
                Plan {
                    first,
                    request_timeout,
                    concurrency,
                    per_second,
                    locks,
                    replies,
                    lateness,
                    acts,
                    answers_first,
                    steps,
                }
            },
        )
}
