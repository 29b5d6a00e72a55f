//! The closed list of ways a poll or a request can end badly, and the words for each.

use std::fmt;

/// Why there is no video. The names are part of the public TypeScript types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorCode {
    /// An option, id or token that cannot work; found before any request.
    InvalidArgument,
    /// HTTP 401 or 403; never retried.
    Unauthorized,
    /// HTTP 404; never retried.
    NotFound,
    /// The server answered `ERROR`.
    VideoFailed,
    /// The deadline is over, or the server asked to wait beyond it.
    Timeout,
    /// No answer, too many times in a row.
    Network,
    /// HTTP 429, too many times in a row.
    RateLimited,
    /// HTTP 408, 425 or 5xx too many times in a row, or any other 4xx.
    Http,
    /// An answer that is no video status, too many times in a row.
    BadResponse,
    /// A redirect; refused, so that the key is sent nowhere else.
    Redirected,
    /// The WebAssembly module could not be loaded, or trapped.
    Internal,
}

impl ErrorCode {
    /// Every code, in the order of the public types. Snapshots write a code as its place in this list.
    pub const ALL: &'static [ErrorCode] = &[
        ErrorCode::InvalidArgument,
        ErrorCode::Unauthorized,
        ErrorCode::NotFound,
        ErrorCode::VideoFailed,
        ErrorCode::Timeout,
        ErrorCode::Network,
        ErrorCode::RateLimited,
        ErrorCode::Http,
        ErrorCode::BadResponse,
        ErrorCode::Redirected,
        ErrorCode::Internal,
    ];

    /// The public name.
    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorCode::InvalidArgument => "invalid_argument",
            ErrorCode::Unauthorized => "unauthorized",
            ErrorCode::NotFound => "not_found",
            ErrorCode::VideoFailed => "video_failed",
            ErrorCode::Timeout => "timeout",
            ErrorCode::Network => "network",
            ErrorCode::RateLimited => "rate_limited",
            ErrorCode::Http => "http",
            ErrorCode::BadResponse => "bad_response",
            ErrorCode::Redirected => "redirected",
            ErrorCode::Internal => "internal",
        }
    }
}

/// One failure, whole: of a request, or of the poll that it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// What kind of failure.
    pub code: ErrorCode,
    /// The HTTP status, where an answer caused it.
    pub http_status: Option<u16>,
    /// The server's own words (at most [`DETAIL_LIMIT`]), or for
    /// [`ErrorCode::InvalidArgument`] what is wrong.
    pub detail: Option<String>,
    /// For [`ErrorCode::VideoFailed`]: the server did not say the documented `ERROR` but another word that means it,
    /// again and again. Should it mean something else, the poll can go on from its token.
    pub is_inferred: bool,
}

/// Longest `detail`, in UTF-16 units, which is what JavaScript counts.
pub const DETAIL_LIMIT: usize = 2_000;

impl Failure {
    /// A failure without an answer behind it.
    pub const fn new(code: ErrorCode) -> Self {
        Self {
            code,
            http_status: None,
            detail: None,
            is_inferred: false,
        }
    }

    /// An argument that cannot work; `what` says which and why.
    pub fn invalid(what: &str) -> Self {
        Self {
            detail: Some(what.to_owned()),
            ..Self::new(ErrorCode::InvalidArgument)
        }
    }

    /// Adds the server's words, cut to [`DETAIL_LIMIT`].
    #[must_use]
    pub fn with_detail(mut self, words: &str) -> Self {
        let words = words.trim();
        self.detail = (!words.is_empty()).then(|| cut(words, DETAIL_LIMIT).to_owned());
        self
    }

    /// Whether a poll goes on after this failure of one request.
    pub fn is_transient(&self) -> bool {
        match self.code {
            ErrorCode::Network | ErrorCode::RateLimited | ErrorCode::BadResponse => true,
            ErrorCode::Http => matches!(self.http_status, Some(408 | 425 | 500..)),
            ErrorCode::InvalidArgument
            | ErrorCode::Unauthorized
            | ErrorCode::NotFound
            | ErrorCode::VideoFailed
            | ErrorCode::Timeout
            | ErrorCode::Redirected
            | ErrorCode::Internal => false,
        }
    }

    /// Whether trying again later, from the resume token, can help.
    pub fn is_retryable(&self) -> bool {
        self.is_transient()
            || self.is_inferred
            || matches!(self.code, ErrorCode::Timeout | ErrorCode::Internal)
    }

    /// What happened, in words, with the HTTP status and the detail.
    pub fn message(&self) -> String {
        let happened = match self.code {
            ErrorCode::InvalidArgument => "invalid argument",
            ErrorCode::Unauthorized => "the server refused the API key",
            ErrorCode::NotFound => "the server knows no video of this id",
            ErrorCode::VideoFailed => "the server could not generate the video",
            ErrorCode::Timeout => "the video was not done in the time allowed",
            ErrorCode::Network => "the server could not be reached or did not answer in time",
            ErrorCode::RateLimited => "the server asked to slow down",
            ErrorCode::Http => "the server answered with an error",
            ErrorCode::BadResponse => "the server's answer is no video status",
            ErrorCode::Redirected => "the server answered with a redirect, which is refused",
            ErrorCode::Internal => "the WebAssembly module failed",
        };
        let mut message = happened.to_owned();
        if let Some(status) = self.http_status {
            message.push_str(" (HTTP ");
            message.push_str(itoa::Buffer::new().format(status));
            message.push(')');
        }
        if let Some(detail) = &self.detail {
            message.push_str(": ");
            message.push_str(detail);
        }
        message
    }
}

/// Its [`message`](Failure::message).
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for Failure {}

/// The longest beginning of `text` with at most `limit` UTF-16 units.
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    let mut units = 0;
    for (at, character) in text.char_indices() {
        units += character.len_utf16();
        if units > limit {
            return text.get(..at).unwrap_or(text);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(status: u16) -> Failure {
        Failure {
            http_status: Some(status),
            ..Failure::new(ErrorCode::Http)
        }
    }

    #[test]
    fn every_code_is_listed_once_and_has_a_name_of_its_own() {
        for (place, code) in ErrorCode::ALL.iter().enumerate() {
            assert_eq!(
                ErrorCode::ALL
                    .iter()
                    .position(|c| c.as_str() == code.as_str()),
                Some(place)
            );
        }
    }

    #[test]
    fn which_failures_are_retried() {
        for status in [408, 425, 500, 502, 503, 504, 599] {
            assert!(http(status).is_transient(), "{status}");
        }
        for status in [400, 402, 405, 409, 410, 418, 422, 451] {
            assert!(!http(status).is_transient(), "{status}");
        }
        let transient: Vec<_> = ErrorCode::ALL
            .iter()
            .filter(|c| Failure::new(**c).is_transient())
            .collect();
        assert_eq!(
            transient,
            [
                &ErrorCode::Network,
                &ErrorCode::RateLimited,
                &ErrorCode::BadResponse
            ]
        );
        assert!(Failure::new(ErrorCode::Timeout).is_retryable());
        let failed = Failure::new(ErrorCode::VideoFailed);
        assert!(!failed.is_retryable() && !failed.is_transient());
        let inferred = Failure {
            is_inferred: true,
            ..failed
        };
        assert!(inferred.is_retryable() && !inferred.is_transient());
    }

    #[test]
    fn a_detail_is_cut_by_utf16_units_and_never_inside_a_character() {
        let words = "🎬".repeat(1_500);
        let failure = http(500).with_detail(&words);
        assert_eq!(failure.detail.unwrap().encode_utf16().count(), DETAIL_LIMIT);
        assert_eq!(cut("a🎬", 2), "a");
        assert_eq!(http(500).with_detail(" \n").detail, None);
    }

    #[test]
    fn every_code_has_words_of_its_own_and_none_repeats_its_name() {
        let words: Vec<_> = ErrorCode::ALL
            .iter()
            .map(|code| Failure::new(*code).to_string())
            .collect();
        for (place, said) in words.iter().enumerate() {
            assert!(said.len() > 10 && !said.contains('_'), "{said}");
            assert_eq!(words.iter().position(|other| other == said), Some(place));
        }
    }

    #[test]
    fn a_message_says_what_happened_with_status_and_words() {
        let failure = http(503).with_detail("try later");
        assert_eq!(
            failure.to_string(),
            "the server answered with an error (HTTP 503): try later"
        );
    }
}
