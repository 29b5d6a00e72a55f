//! The closed list of ways a poll or a request can end badly. The messages are in [`messages`](super::messages).

use super::messages::Reason;
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
    /// What went wrong, more closely.
    pub reason: Reason,
    /// The HTTP status, where an answer caused it.
    pub http_status: Option<u16>,
    /// The server's own words (at most [`DETAIL_LIMIT`]), or for
    /// [`ErrorCode::InvalidArgument`] what is wrong.
    pub detail: Option<String>,
    /// For [`ErrorCode::VideoFailed`]: the server did not say the documented `ERROR` but another word that means it,
    /// again and again. Should it mean something else, the poll can go on from its token.
    pub is_inferred: bool,
    /// What was requested, without the key, where the carrier has said so: see [`at`](Self::at).
    pub url: Option<String>,
    /// Where a redirect leads, if that is known.
    pub location: Option<String>,
    /// For [`ErrorCode::Timeout`] the failure of the last request, where it had failed.
    pub cause: Option<Brief>,
}

/// What is kept of a failure while its request is retried: numbers alone, for that is what a snapshot or a token may
/// hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Brief {
    /// What went wrong.
    pub reason: Reason,
    /// The HTTP status, where an answer caused it.
    pub http_status: Option<u16>,
}

impl From<Brief> for Failure {
    fn from(brief: Brief) -> Self {
        Self {
            http_status: brief.http_status,
            ..Self::of(brief.reason)
        }
    }
}

/// Longest `detail`, in UTF-16 units, which is what JavaScript counts.
pub const DETAIL_LIMIT: usize = 2_000;

impl Failure {
    /// A failure of which no more is known.
    pub const fn new(code: ErrorCode) -> Self {
        Self::of(Reason::of(code))
    }

    /// A failure for this reason.
    pub const fn of(reason: Reason) -> Self {
        Self {
            code: reason.code(),
            reason,
            http_status: None,
            detail: None,
            is_inferred: false,
            url: None,
            location: None,
            cause: None,
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

    /// Adds what was requested, so that the message can name it: an address without anything secret in it. Whether a
    /// key was sent decides what a refusal means.
    #[must_use]
    pub fn at(mut self, url: String, has_key: bool) -> Self {
        self.locate(url, has_key);
        self
    }

    pub(crate) fn locate(&mut self, url: String, has_key: bool) {
        let path = "/api/video-editor";
        let twice = || find(url.get(find(&url, path)? + path.len()..)?, path);
        self.reason = match self.reason {
            Reason::CredentialsRequired if has_key => Reason::KeyRefused,
            Reason::AccessRefused if has_key => Reason::KeyNotAllowed,
            // The base URL holds what is added to it.
            Reason::VideoNotFound if twice().is_some() => Reason::WrongAddress,
            reason => reason,
        };
        self.url = Some(url);
    }

    pub(super) fn brief(&self) -> Brief {
        Brief {
            reason: self.reason,
            http_status: self.http_status,
        }
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

    /// What happened, where, the likely cause and the cure, in one or two sentences. The server's own words are
    /// not in it, but in `detail`.
    pub fn message(&self) -> String {
        let text = self.reason.text();
        let mut message = String::new();
        let mut is_said = true;
        for character in text.chars() {
            match character {
                '[' => is_said = self.detail.is_some(),
                ']' => is_said = true,
                _ if !is_said => {}
                '@' => {
                    let anywhere = if message.is_empty() {
                        "The server"
                    } else {
                        "the server"
                    };
                    message.push_str(self.url.as_deref().unwrap_or(anywhere));
                    if let Some(status) = self.http_status {
                        message.push_str(" (HTTP ");
                        message.push_str(itoa::Buffer::new().format(status));
                        message.push(')');
                    }
                }
                _ => message.push(character),
            }
        }
        if text.ends_with(' ') {
            if let Some(cause) = self.cause {
                let mut cause = Failure::from(cause);
                cause.url.clone_from(&self.url);
                message.push_str(&cause.message());
            } else {
                let words = match self.code {
                    ErrorCode::InvalidArgument => self.detail.as_deref(),
                    _ => self.location.as_deref(),
                };
                message.push_str(words.unwrap_or(match self.http_status {
                    // A browser keeps the status back as well.
                    None => "an address that the browser hides (mostly with a trailing slash, with https, or a login): open this one in a tab to see it.",
                    Some(_) => "another address.",
                }));
            }
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

/// Where `word` begins in `text`; letters of ASCII count alike in either case. (The standard library's search is
/// faster and costs the module two kilobytes.)
pub(crate) fn find(text: &str, word: &str) -> Option<usize> {
    let mut parts = text.as_bytes().windows(word.len());
    parts.position(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

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

    const URL: &str = "https://api.test/v";

    #[test]
    fn a_message_names_the_address_and_the_status_and_not_the_servers_words() {
        let failure = Failure {
            http_status: Some(503),
            ..Failure::of(Reason::ServerError)
        };
        let failure = failure.with_detail("try later").at(URL.into(), false);
        assert_eq!(
            failure.to_string(),
            "https://api.test/v (HTTP 503) failed. The server or a gateway before it has trouble, probably for a while: if that lasts, see detail and the server's log."
        );
        assert_eq!(failure.detail.as_deref(), Some("try later"));
    }

    #[test]
    fn a_message_names_the_detail_only_where_there_is_one() {
        for reason in Reason::ALL {
            let bare = Failure::of(*reason).at(URL.into(), false);
            let said = bare.message();
            assert!(!said.contains(['[', ']']), "{said}");
            // A body is always there where it was read and made no sense.
            if !matches!(reason, Reason::NotANumber | Reason::NoVideoUrl) {
                assert!(!said.contains("detail"), "{said}");
            }
            let whole = bare.with_detail("words").message();
            assert!(!whole.contains(['[', ']']), "{whole}");
            if reason.text().contains('[') {
                assert!(whole.contains("detail") && whole.ends_with('.'), "{whole}");
            }
        }
        // The message of the failure before a timeout, of which the numbers alone are kept.
        let timeout = Failure {
            cause: Some(Brief {
                reason: Reason::ServerError,
                http_status: None,
            }),
            ..Failure::of(Reason::TimeoutFailing)
        };
        let said = timeout.message();
        assert!(said.ends_with(" see the server's log."), "{said}");
    }

    #[test]
    fn an_argument_that_cannot_work_is_named_in_the_message() {
        assert_eq!(
            Failure::invalid("baseUrl must be a URL").to_string(),
            "invalid argument: baseUrl must be a URL"
        );
    }

    #[test]
    fn the_key_is_named_only_where_one_was_sent() {
        let refused = |has_key| Failure::new(ErrorCode::Unauthorized).at(URL.into(), has_key);
        let forbidden = |has_key| Failure::of(Reason::AccessRefused).at(URL.into(), has_key);
        assert_eq!(forbidden(true).reason, Reason::KeyNotAllowed);
        assert_eq!(forbidden(false).reason, Reason::AccessRefused);
        assert!(!forbidden(false).message().contains("key"));
        assert_eq!(refused(true).reason, Reason::KeyRefused);
        assert_eq!(refused(false).reason, Reason::CredentialsRequired);
        assert!(!refused(false).message().contains("refused the API key"));
    }

    #[test]
    fn an_address_that_has_the_path_twice_is_wrong() {
        let lost = |url: &str| Failure::new(ErrorCode::NotFound).at(url.into(), true);
        let once = "https://api.test/x/api/video-editor/generate/video/v";
        let twice =
            "https://api.test/api/video-editor/generate/video/api/video-editor/generate/video/v";
        assert_eq!(lost(once).reason, Reason::VideoNotFound);
        assert_eq!(lost(twice).reason, Reason::WrongAddress);
        assert_eq!(lost("").reason, Reason::VideoNotFound);
    }

    #[test]
    fn a_timeout_says_what_the_last_failure_was_and_where() {
        let timeout = Failure {
            cause: Some(Brief {
                reason: Reason::ServerError,
                http_status: Some(502),
            }),
            ..Failure::of(Reason::TimeoutFailing)
        };
        let said = timeout.at(URL.into(), false).message();
        assert!(
            said.starts_with("The video was not done within timeoutMs, and the last request failed: https://api.test/v (HTTP 502) failed. "),
            "{said}"
        );
    }

    #[test]
    fn a_redirect_names_where_it_leads_if_that_is_known() {
        let redirected = Failure {
            location: Some("https://www.api.test/v".to_owned()),
            ..Failure::new(ErrorCode::Redirected)
        };
        let said = redirected
            .with_detail("Moved")
            .at(URL.into(), true)
            .message();
        assert!(said.ends_with(" to https://www.api.test/v"), "{said}");
        let hidden = Failure::new(ErrorCode::Redirected);
        let said = hidden.message();
        assert!(
            said.contains(" that the browser hides (mostly with a trailing slash, "),
            "{said}"
        );
        let unsaid = Failure {
            http_status: Some(302),
            ..hidden
        };
        let said = unsaid.message();
        assert!(said.ends_with(" to another address."), "{said}");
    }

    #[test]
    fn a_word_is_found_in_either_case_and_only_where_it_is() {
        for (text, word, at) in [
            ("<html><TITLE>", "<title", Some(6)),
            ("é<title", "<title", Some(2)),
            ("titl", "title", None),
            ("", "x", None),
            ("x", "x", Some(0)),
        ] {
            assert_eq!(find(text, word), at, "{text}");
        }
    }
}
