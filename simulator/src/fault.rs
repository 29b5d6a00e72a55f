//! What can go wrong on the way to an answer, and when it does. Plain data that a scenario lists.
//! A fault must depend on nothing but the request's number, the phase and the seed, so that a run repeats itself.

use crate::pipeline::Phase;

/// A fault and the requests it befalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The requests it befalls.
    pub when: When,
    /// What befalls them.
    pub fault: Fault,
}

/// Which requests for a video a fault befalls. Requests with a right key are counted from 1, failed ones included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Every one.
    Always,
    /// Every one from this number on.
    From(u32),
    /// Those from the first to the second number, both included.
    Requests(u32, u32),
    /// From request `from` on, the first `burst` of every `period`.
    Every {
        /// The first request that may be hit.
        from: u32,
        /// The length of the cycle, in requests.
        period: u32,
        /// How many in a row are hit.
        burst: u32,
    },
    /// The first `count` requests while the video is in `phase`.
    During {
        /// The phase, as the last answer gave it (for a fault of content: as this answer gives it).
        phase: Phase,
        /// How many requests.
        count: u32,
    },
    /// About `percent` of a hundred, but never more than `in_a_row` one after another.
    Chance {
        /// How likely.
        percent: u8,
        /// The longest run of failures.
        in_a_row: u32,
    },
}

/// Something that goes wrong with one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// This HTTP status, with a few words as JSON.
    Status(u16),
    /// This HTTP status, with a page of HTML.
    StatusHtml(u16),
    /// This HTTP status, with `Retry-After` in some form.
    RetryAfter(u16, Wait),
    /// The connection is reset before the head.
    Reset,
    /// No byte ever comes.
    Hang,
    /// The head and half of the body come, then nothing more.
    Stall,
    /// The connection is cut in the middle of the body.
    Truncated,
    /// Half of the JSON, properly sent as if it were all.
    HalfJson,
    /// A page of HTML with status 200.
    Html,
    /// The JSON value `null`.
    Null,
    /// A JSON array.
    Array,
    /// A JSON object without a status.
    NoStatus,
    /// 204, no body.
    NoContent,
    /// 200, no body.
    Empty,
    /// A redirect to another place on the same origin.
    Redirect(u16),
    /// A redirect to another origin.
    RedirectElsewhere(u16),
    /// A right answer of 64 MB.
    Huge,
    /// A right answer, but its status is a word nobody knows.
    UnknownStatus,
    /// A right answer, but `progress` is half of what it was.
    ProgressBack,
    /// DONE, but no URL.
    DoneWithoutUrl,
}

/// The forms of `Retry-After`. Seconds are real ones at any speed, at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// A number of seconds.
    Seconds(u32),
    /// An HTTP date that many seconds ahead.
    Date(u32),
    /// An HTTP date an hour ago.
    Past,
    /// Words that are neither.
    Garbled,
}

impl Fault {
    /// A fault of content changes a right answer; any other fault takes its place, and the pipeline is not driven.
    pub(crate) const fn is_of_content(self) -> bool {
        matches!(
            self,
            Self::UnknownStatus | Self::ProgressBack | Self::DoneWithoutUrl
        )
    }

    /// Its name in the request log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::StatusHtml(_) => "status-html",
            Self::RetryAfter(..) => "retry-after",
            Self::Reset => "reset",
            Self::Hang => "hang",
            Self::Stall => "stall",
            Self::Truncated => "truncated",
            Self::HalfJson => "half-json",
            Self::Html => "html",
            Self::Null => "null",
            Self::Array => "array",
            Self::NoStatus => "no-status",
            Self::NoContent => "no-content",
            Self::Empty => "empty",
            Self::Redirect(_) => "redirect",
            Self::RedirectElsewhere(_) => "redirect-other-origin",
            Self::Huge => "huge",
            Self::UnknownStatus => "unknown-status",
            Self::ProgressBack => "progress-back",
            Self::DoneWithoutUrl => "done-without-url",
        }
    }
}
