//! The scenarios, as data: what a pretend video can go through, and how a client with default options must end.
//! Tests iterate over it and the demo page lists it, so a name once given stays.

use crate::dialect::{Content, Credits, Dialect, Naming, Scale, Spelling, Wording};
use crate::fault::{Fault, Rule, Wait, When};
use crate::pipeline::{Ending, Life, Phase};

/// One scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scenario {
    /// Its name, in kebab-case; unique.
    pub name: &'static str,
    /// A few words for a list.
    pub title: &'static str,
    /// One sentence on what happens.
    pub description: &'static str,
    /// What kind of scenario it is.
    pub group: Group,
    /// How a client with default options ends.
    pub expect: Expect,
    /// The course of the video.
    pub life: Life,
    /// The wording of answers.
    pub dialect: Dialect,
    /// What goes wrong; of several rules for one request the first holds.
    pub faults: &'static [Rule],
}

/// The kinds of scenarios.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Courses a real video takes.
    Life,
    /// Wordings of a healthy server.
    Dialect,
    /// Trouble that passes.
    Fault,
    /// Bad ends.
    End,
}

impl Group {
    /// Its name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Life => "life",
            Self::Dialect => "dialect",
            Self::Fault => "fault",
            Self::End => "end",
        }
    }
}

/// How a client with default options ends: 20 minutes, 30 s a request, ten failures in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// With the video.
    Done,
    /// With this error code of the TypeScript surface (`VideoErrorCode`).
    Failed(&'static str),
}

impl Expect {
    /// `done`, or the error code.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed(code) => code,
        }
    }
}

/// The scenario called `name`.
#[must_use]
pub fn scenario(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}

/// Names, titles, descriptions, groups and expectations as a JSON array, in order.
#[must_use]
pub fn catalogue() -> serde_json::Value {
    SCENARIOS
        .iter()
        .map(|scenario| {
            serde_json::json!({
                "name": scenario.name,
                "title": scenario.title,
                "description": scenario.description,
                "group": scenario.group.name(),
                "expect": scenario.expect.name(),
            })
        })
        .collect()
}

const DOCUMENTED: Dialect = Dialect::DOCUMENTED;
const USUAL: Life = Life::USUAL;
/// One clip fails once, so that PENDING and its words are seen.
const REGENERATE: Life = Life {
    failing_clips: 1,
    ..USUAL
};

const fn life(
    name: &'static str,
    title: &'static str,
    description: &'static str,
    life: Life,
) -> Scenario {
    Scenario {
        name,
        title,
        description,
        group: Group::Life,
        expect: Expect::Done,
        life,
        dialect: DOCUMENTED,
        faults: &[],
    }
}

const fn dialect(
    name: &'static str,
    title: &'static str,
    description: &'static str,
    dialect: Dialect,
) -> Scenario {
    Scenario {
        group: Group::Dialect,
        dialect,
        ..life(name, title, description, USUAL)
    }
}

/// A dialect that is told by PENDING's words too.
const fn words(
    name: &'static str,
    title: &'static str,
    description: &'static str,
    text: Wording,
) -> Scenario {
    Scenario {
        life: REGENERATE,
        ..dialect(name, title, description, Dialect { text, ..DOCUMENTED })
    }
}

const fn fault(
    name: &'static str,
    title: &'static str,
    description: &'static str,
    faults: &'static [Rule],
) -> Scenario {
    Scenario {
        group: Group::Fault,
        faults,
        ..life(name, title, description, USUAL)
    }
}

const fn end(
    name: &'static str,
    code: &'static str,
    title: &'static str,
    description: &'static str,
    faults: &'static [Rule],
) -> Scenario {
    Scenario {
        group: Group::End,
        expect: Expect::Failed(code),
        ..fault(name, title, description, faults)
    }
}

/// The video itself ends badly, in this wording.
const fn failed(
    name: &'static str,
    title: &'static str,
    description: &'static str,
    ending: Ending,
    text: Wording,
) -> Scenario {
    Scenario {
        life: Life { ending, ..USUAL },
        dialect: Dialect { text, ..DOCUMENTED },
        ..end(name, "video_failed", title, description, &[])
    }
}

/// A course that never comes to an end.
const fn endless(
    name: &'static str,
    title: &'static str,
    description: &'static str,
    life: Life,
) -> Scenario {
    Scenario {
        life,
        ..end(name, "timeout", title, description, &[])
    }
}

const fn rule(when: When, fault: Fault) -> Rule {
    Rule { when, fault }
}

const fn every(from: u32, period: u32, burst: u32, fault: Fault) -> Rule {
    rule(
        When::Every {
            from,
            period,
            burst,
        },
        fault,
    )
}

const fn during(phase: Phase, count: u32, fault: Fault) -> Rule {
    rule(When::During { phase, count }, fault)
}

const fn sometimes(percent: u8, fault: Fault) -> Rule {
    rule(
        When::Chance {
            percent,
            in_a_row: 3,
        },
        fault,
    )
}

const fn always(fault: Fault) -> Rule {
    rule(When::Always, fault)
}

/// All scenarios; the first is the default.
pub static SCENARIOS: &[Scenario] = &[
    // ------------------------------------------------------------------ life
    life(
        "happy",
        "All goes well",
        "Four to eight clips are generated, then the video is rendered.",
        USUAL,
    ),
    life(
        "regenerate",
        "A clip is redone",
        "One clip fails, the video goes back to PENDING, and the clip is generated again.",
        REGENERATE,
    ),
    life(
        "regenerate-many",
        "Three clips are redone twice",
        "Three clips fail, and fail again, before the video is rendered.",
        Life {
            failing_clips: 3,
            failures_each: 2,
            clip_seconds: (20, 80),
            ..USUAL
        },
    ),
    life(
        "slow-start",
        "A long queue",
        "The video stays PENDING for one to three minutes before the first clip begins.",
        Life {
            queue_seconds: (60, 180),
            ..USUAL
        },
    ),
    life(
        "quick",
        "Done in seconds",
        "Clips and render take a few seconds.",
        Life {
            clip_seconds: (1, 6),
            render_seconds: (2, 5),
            ..USUAL
        },
    ),
    life(
        "one-clip",
        "A single clip",
        "The video has one clip only.",
        Life {
            clips: (1, 1),
            ..USUAL
        },
    ),
    life(
        "many-clips",
        "Fifty clips",
        "Fifty clips are generated, ten at a time.",
        Life {
            clips: (50, 50),
            clip_seconds: (20, 90),
            ..USUAL
        },
    ),
    life(
        "status-back",
        "The render starts over",
        "Twice the render is thrown away at its end and the video goes back to GENERATING_VIDEO.",
        Life {
            ending: Ending::Backwards(2),
            clip_seconds: (20, 90),
            render_seconds: (30, 60),
            ..USUAL
        },
    ),
    // --------------------------------------------------------------- dialect
    dialect(
        "progress-percent",
        "Progress from 0 to 100",
        "The render's progress is given in percent.",
        Dialect {
            progress: Scale::Percent,
            ..DOCUMENTED
        },
    ),
    dialect(
        "numbers-as-text",
        "Numbers as text",
        "Progress and credits are numeric strings.",
        Dialect {
            numbers_as_text: true,
            ..DOCUMENTED
        },
    ),
    dialect(
        "percent-as-text",
        "Percent as text",
        "Progress runs from \"0\" to \"100\", as numeric strings.",
        Dialect {
            progress: Scale::Percent,
            numbers_as_text: true,
            ..DOCUMENTED
        },
    ),
    Scenario {
        life: REGENERATE,
        ..dialect(
            "lower-case",
            "Statuses in lower case",
            "Every status is written in lower case.",
            Dialect {
                status: Spelling::LowerCase,
                ..DOCUMENTED
            },
        )
    },
    dialect(
        "status-spaces",
        "Statuses with spaces",
        "Statuses are written as words, with a space at each end.",
        Dialect {
            status: Spelling::Spaces,
            ..DOCUMENTED
        },
    ),
    dialect(
        "status-dashes",
        "Statuses with dashes",
        "Statuses are written in lower case with dashes.",
        Dialect {
            status: Spelling::Dashes,
            ..DOCUMENTED
        },
    ),
    dialect(
        "url-video-url",
        "The URL is called videoUrl",
        "DONE gives the final URL as videoUrl.",
        Dialect {
            url: "videoUrl",
            ..DOCUMENTED
        },
    ),
    dialect(
        "url-snake-case",
        "The URL is called video_url",
        "DONE gives the final URL as video_url.",
        Dialect {
            url: "video_url",
            ..DOCUMENTED
        },
    ),
    dialect(
        "url-final",
        "The URL is called finalVideoUrl",
        "DONE gives the final URL as finalVideoUrl.",
        Dialect {
            url: "finalVideoUrl",
            ..DOCUMENTED
        },
    ),
    dialect(
        "url-output",
        "The URL is called outputUrl",
        "DONE gives the final URL as outputUrl.",
        Dialect {
            url: "outputUrl",
            ..DOCUMENTED
        },
    ),
    dialect(
        "url-unknown-name",
        "The URL has a name nobody knows",
        "DONE gives the final URL under a name no document mentions.",
        Dialect {
            url: "renderedFile",
            ..DOCUMENTED
        },
    ),
    dialect(
        "id-video-id",
        "The id is called videoId",
        "DONE names the video as videoId.",
        Dialect {
            id: Naming::Text("videoId"),
            ..DOCUMENTED
        },
    ),
    dialect(
        "id-snake-case",
        "The id is called video_id",
        "DONE names the video as video_id.",
        Dialect {
            id: Naming::Text("video_id"),
            ..DOCUMENTED
        },
    ),
    dialect(
        "id-number",
        "The id is a number",
        "DONE names the video by a number.",
        Dialect {
            id: Naming::Number,
            ..DOCUMENTED
        },
    ),
    dialect(
        "id-absent",
        "No id",
        "DONE does not name the video.",
        Dialect {
            id: Naming::Absent,
            ..DOCUMENTED
        },
    ),
    words(
        "text-error",
        "Words under error",
        "PENDING says what it does in the field error.",
        Wording::Field("error"),
    ),
    words(
        "text-detail",
        "Words under detail",
        "PENDING says what it does in the field detail.",
        Wording::Field("detail"),
    ),
    words(
        "text-nested",
        "Words in an object",
        "PENDING says what it does in an object under error.",
        Wording::Nested("error"),
    ),
    words(
        "text-absent",
        "No words",
        "PENDING says nothing at all.",
        Wording::Absent,
    ),
    dialect(
        "content-always",
        "Clips with every answer",
        "The list of clips comes while rendering, too.",
        Dialect {
            content: Content::Always,
            ..DOCUMENTED
        },
    ),
    dialect(
        "content-never",
        "No list of clips",
        "No answer ever lists the clips.",
        Dialect {
            content: Content::Never,
            ..DOCUMENTED
        },
    ),
    dialect(
        "content-odd",
        "Odd clips",
        "Clips lack fields, have fields of wrong types and statuses nobody knows, or are no objects.",
        Dialect {
            content: Content::Odd,
            ..DOCUMENTED
        },
    ),
    dialect(
        "credits-missing",
        "No credits",
        "No answer tells the credits.",
        Dialect {
            credits: Credits::Missing,
            ..DOCUMENTED
        },
    ),
    dialect(
        "credits-odd",
        "Odd credits",
        "Credits are negative, huge, NaN or no numbers.",
        Dialect {
            credits: Credits::Odd,
            ..DOCUMENTED
        },
    ),
    dialect(
        "byte-order-mark",
        "A byte order mark",
        "Every body begins with a byte order mark.",
        Dialect {
            byte_order_mark: true,
            ..DOCUMENTED
        },
    ),
    // ----------------------------------------------------------------- fault
    fault(
        "flaky",
        "A flaky network",
        "About one request in four fails in one of several ways.",
        &[
            sometimes(8, Fault::Status(500)),
            sometimes(8, Fault::Reset),
            sometimes(5, Fault::StatusHtml(502)),
            sometimes(5, Fault::Truncated),
        ],
    ),
    fault(
        "server-error",
        "Now and then a 500",
        "Every fifth request is answered with 500.",
        &[every(3, 5, 1, Fault::Status(500))],
    ),
    fault(
        "unavailable",
        "Bursts of 503",
        "Four requests in a row are answered with 503, again and again.",
        &[every(3, 12, 4, Fault::Status(503))],
    ),
    fault(
        "bad-gateway",
        "A gateway's error page",
        "Twice a gateway answers 502 with a page of HTML.",
        &[rule(When::Requests(3, 4), Fault::StatusHtml(502))],
    ),
    fault(
        "request-timeout",
        "A 408 and a 425",
        "One request is answered with 408, another with 425.",
        &[
            rule(When::Requests(2, 2), Fault::Status(408)),
            rule(When::Requests(4, 4), Fault::Status(425)),
        ],
    ),
    fault(
        "rate-limited",
        "Rate limited",
        "Every sixth request is answered with 429 and asks for three seconds.",
        &[every(3, 6, 1, Fault::RetryAfter(429, Wait::Seconds(3)))],
    ),
    fault(
        "rate-limited-date",
        "Rate limited until a date",
        "Every sixth request is answered with 429 and an HTTP date four seconds ahead.",
        &[every(3, 6, 1, Fault::RetryAfter(429, Wait::Date(4)))],
    ),
    fault(
        "unavailable-date",
        "503 until a date",
        "Now and then a 503 gives an HTTP date four seconds ahead.",
        &[every(3, 8, 1, Fault::RetryAfter(503, Wait::Date(4)))],
    ),
    fault(
        "retry-after-past",
        "Retry-After in the past",
        "A 429 asks to wait until an hour ago.",
        &[every(3, 8, 1, Fault::RetryAfter(429, Wait::Past))],
    ),
    fault(
        "retry-after-garbled",
        "Retry-After makes no sense",
        "A 429 asks to wait for \"a while\".",
        &[every(3, 8, 1, Fault::RetryAfter(429, Wait::Garbled))],
    ),
    fault(
        "reset",
        "Connections are reset",
        "Every fourth connection is reset before the answer.",
        &[every(2, 4, 1, Fault::Reset)],
    ),
    fault(
        "hang",
        "Requests that hang",
        "Two requests are never answered, one while clips are generated and one while rendering.",
        &[
            rule(When::Requests(3, 3), Fault::Hang),
            during(Phase::Rendering, 1, Fault::Hang),
        ],
    ),
    fault(
        "stall",
        "Bodies that stall",
        "Two answers stop in the middle of the body and never go on.",
        &[
            rule(When::Requests(3, 3), Fault::Stall),
            during(Phase::Rendering, 1, Fault::Stall),
        ],
    ),
    fault(
        "truncated",
        "Bodies that are cut off",
        "Every fifth connection is cut in the middle of the body.",
        &[every(2, 5, 1, Fault::Truncated)],
    ),
    fault(
        "half-json",
        "Half of the JSON",
        "Every fifth answer holds only the first half of its JSON.",
        &[every(2, 5, 1, Fault::HalfJson)],
    ),
    fault(
        "html",
        "A page instead of JSON",
        "Every fifth answer is a page of HTML with status 200.",
        &[every(2, 5, 1, Fault::Html)],
    ),
    fault(
        "null",
        "The answer is null",
        "Every fifth answer is the JSON value null.",
        &[every(2, 5, 1, Fault::Null)],
    ),
    fault(
        "no-object",
        "Arrays and objects without a status",
        "Some answers are a JSON array, some an object without a status.",
        &[
            every(2, 6, 1, Fault::Array),
            every(4, 6, 1, Fault::NoStatus),
        ],
    ),
    fault(
        "no-content",
        "204",
        "Every fifth answer is 204, without a body.",
        &[every(2, 5, 1, Fault::NoContent)],
    ),
    fault(
        "empty",
        "An empty body",
        "Every fifth answer is 200 with an empty body.",
        &[every(2, 5, 1, Fault::Empty)],
    ),
    fault(
        "huge",
        "64 MB",
        "Two answers are 64 MB long.",
        &[
            rule(When::Requests(3, 3), Fault::Huge),
            during(Phase::Rendering, 1, Fault::Huge),
        ],
    ),
    fault(
        "unknown-status",
        "A status nobody knows",
        "For a while the status is a word nobody knows, then all goes on.",
        &[
            rule(When::Requests(3, 8), Fault::UnknownStatus),
            during(Phase::Rendering, 2, Fault::UnknownStatus),
        ],
    ),
    fault(
        "progress-back",
        "Progress falls",
        "Every third answer gives half of the progress it gave before.",
        &[every(3, 3, 1, Fault::ProgressBack)],
    ),
    fault(
        "done-without-url",
        "DONE, but no URL yet",
        "DONE comes three times without a URL, then with it.",
        &[during(Phase::Done, 3, Fault::DoneWithoutUrl)],
    ),
    // ------------------------------------------------------------------- end
    failed(
        "failed",
        "The video fails",
        "After the render the server answers ERROR with a message.",
        Ending::FailsRendering,
        Wording::Field("message"),
    ),
    failed(
        "failed-early",
        "The video fails early",
        "While clips are generated the server answers ERROR with a message.",
        Ending::FailsGenerating,
        Wording::Field("message"),
    ),
    failed(
        "failed-error",
        "Failure, words under error",
        "The server answers ERROR with its words in the field error.",
        Ending::FailsRendering,
        Wording::Field("error"),
    ),
    failed(
        "failed-detail",
        "Failure, words under detail",
        "The server answers ERROR with its words in the field detail.",
        Ending::FailsRendering,
        Wording::Field("detail"),
    ),
    failed(
        "failed-nested",
        "Failure, words in an object",
        "The server answers ERROR with its words in an object.",
        Ending::FailsRendering,
        Wording::Nested("error"),
    ),
    failed(
        "failed-silent",
        "Failure without words",
        "The server answers ERROR and says nothing more.",
        Ending::FailsRendering,
        Wording::Absent,
    ),
    end(
        "unauthorized",
        "unauthorized",
        "The key is refused",
        "Every request is answered with 401.",
        &[always(Fault::Status(401))],
    ),
    end(
        "unauthorized-later",
        "unauthorized",
        "The key is withdrawn",
        "From the fourth request on the answer is 401.",
        &[rule(When::From(4), Fault::Status(401))],
    ),
    end(
        "forbidden",
        "unauthorized",
        "Forbidden",
        "Every request is answered with 403.",
        &[always(Fault::Status(403))],
    ),
    end(
        "not-found",
        "not_found",
        "No such video",
        "Every request is answered with 404.",
        &[always(Fault::Status(404))],
    ),
    end(
        "not-found-later",
        "not_found",
        "The video is deleted",
        "From the fourth request on the answer is 404.",
        &[rule(When::From(4), Fault::Status(404))],
    ),
    end(
        "bad-request",
        "http",
        "A bad request",
        "Every request is answered with 400.",
        &[always(Fault::Status(400))],
    ),
    end(
        "payment-required",
        "http",
        "No credits left",
        "From the third request on the answer is 402.",
        &[rule(When::From(3), Fault::Status(402))],
    ),
    end(
        "redirect",
        "redirected",
        "A redirect",
        "From the third request on the answer is 302 to another place on the same origin.",
        &[rule(When::From(3), Fault::Redirect(302))],
    ),
    end(
        "redirect-permanent",
        "redirected",
        "A permanent redirect",
        "Every answer is 308 to another place on the same origin.",
        &[always(Fault::Redirect(308))],
    ),
    end(
        "redirect-other-origin",
        "redirected",
        "A redirect to another origin",
        "Every answer is 307 to another origin, which must never see the key.",
        &[always(Fault::RedirectElsewhere(307))],
    ),
    end(
        "redirect-other-origin-later",
        "redirected",
        "A late redirect to another origin",
        "From the third request on the answer is 302 to another origin, which must never see the key.",
        &[rule(When::From(3), Fault::RedirectElsewhere(302))],
    ),
    end(
        "server-error-for-ever",
        "http",
        "Nothing but 500",
        "From the third request on the answer is 500.",
        &[rule(When::From(3), Fault::Status(500))],
    ),
    end(
        "unavailable-for-ever",
        "http",
        "Nothing but 503",
        "Every request is answered with 503, which asks for two seconds.",
        &[always(Fault::RetryAfter(503, Wait::Seconds(2)))],
    ),
    end(
        "rate-limited-for-ever",
        "rate_limited",
        "Nothing but 429",
        "From the third request on the answer is 429, which asks for two seconds.",
        &[rule(
            When::From(3),
            Fault::RetryAfter(429, Wait::Seconds(2)),
        )],
    ),
    end(
        "retry-after-month",
        "timeout",
        "Come back in 30 days",
        "The third request is answered with 429 and asks for 30 days.",
        &[rule(
            When::From(3),
            Fault::RetryAfter(429, Wait::Seconds(2_592_000)),
        )],
    ),
    end(
        "retry-after-month-date",
        "timeout",
        "Come back next month",
        "The third request is answered with 503 and an HTTP date 30 days ahead.",
        &[rule(
            When::From(3),
            Fault::RetryAfter(503, Wait::Date(2_592_000)),
        )],
    ),
    end(
        "reset-for-ever",
        "network",
        "The server is gone",
        "From the third request on every connection is reset.",
        &[rule(When::From(3), Fault::Reset)],
    ),
    end(
        "hang-for-ever",
        "network",
        "The server is mute",
        "From the third request on none is answered.",
        &[rule(When::From(3), Fault::Hang)],
    ),
    end(
        "stall-for-ever",
        "network",
        "Every body stalls",
        "From the third request on every body stops in the middle.",
        &[rule(When::From(3), Fault::Stall)],
    ),
    end(
        "truncated-for-ever",
        "network",
        "Every body is cut off",
        "From the third request on every connection is cut in the middle of the body.",
        &[rule(When::From(3), Fault::Truncated)],
    ),
    end(
        "half-json-for-ever",
        "bad_response",
        "Nothing but half JSON",
        "From the third request on every answer holds only half of its JSON.",
        &[rule(When::From(3), Fault::HalfJson)],
    ),
    end(
        "html-for-ever",
        "bad_response",
        "Nothing but HTML",
        "Every answer is a page of HTML with status 200.",
        &[always(Fault::Html)],
    ),
    end(
        "null-for-ever",
        "bad_response",
        "Nothing but null",
        "Every answer is the JSON value null.",
        &[always(Fault::Null)],
    ),
    end(
        "no-content-for-ever",
        "bad_response",
        "Nothing but 204",
        "Every answer is 204.",
        &[always(Fault::NoContent)],
    ),
    end(
        "huge-for-ever",
        "bad_response",
        "Nothing but 64 MB",
        "From the second request on every answer is 64 MB long.",
        &[rule(When::From(2), Fault::Huge)],
    ),
    end(
        "done-without-url-for-ever",
        "bad_response",
        "DONE, but never a URL",
        "DONE comes, but no URL ever does.",
        &[always(Fault::DoneWithoutUrl)],
    ),
    end(
        "unknown-status-for-ever",
        "timeout",
        "Nothing but an unknown status",
        "From the third request on the status is a word nobody knows.",
        &[rule(When::From(3), Fault::UnknownStatus)],
    ),
    endless(
        "pending-for-ever",
        "Nothing ever begins",
        "The video stays PENDING.",
        Life {
            queue_seconds: (u32::MAX as u64, u32::MAX as u64),
            ..USUAL
        },
    ),
    endless(
        "render-for-ever",
        "The render never ends",
        "The render comes to 99 % and stays there.",
        Life {
            ending: Ending::Endless,
            ..USUAL
        },
    ),
    endless(
        "backwards-for-ever",
        "Round and round",
        "Each render is thrown away at its end and the video goes back to GENERATING_VIDEO.",
        Life {
            ending: Ending::Backwards(u32::MAX),
            ..USUAL
        },
    ),
];

#[cfg(test)]
mod tests {
    use super::{Group, SCENARIOS};
    use std::collections::HashSet;

    #[test]
    fn happy_is_the_first() {
        assert_eq!(SCENARIOS.first().map(|first| first.name), Some("happy"));
    }

    #[test]
    fn names_are_unique_and_in_kebab_case() {
        let mut seen = HashSet::new();
        for scenario in SCENARIOS {
            assert!(seen.insert(scenario.name), "{} twice", scenario.name);
            assert!(
                scenario
                    .name
                    .bytes()
                    .all(|byte| byte == b'-' || byte.is_ascii_lowercase()),
                "{}",
                scenario.name
            );
        }
    }

    #[test]
    fn every_scenario_says_one_sentence() {
        for scenario in SCENARIOS {
            assert!(!scenario.title.is_empty());
            assert!(scenario.description.ends_with('.'), "{}", scenario.name);
            assert!(!scenario.title.ends_with('.'), "{}", scenario.name);
        }
    }

    #[test]
    fn only_bad_ends_are_expected_to_fail() {
        for scenario in SCENARIOS {
            let fails = scenario.expect.name() != "done";
            assert_eq!(fails, scenario.group == Group::End, "{}", scenario.name);
        }
    }
}
