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
    /// Where a redirect leads, as its `Location` has it.
    pub location: Option<String>,
    /// For [`ErrorCode::Timeout`] the failure of the last request, where it had failed.
    pub cause: Option<Box<Failure>>,
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

    /// Adds what was requested, so that the message can name it: an address without the key. Whether a key
    /// was sent decides what a refusal means.
    #[must_use]
    pub fn at(mut self, url: &str, has_key: bool) -> Self {
        let url = without_secrets(url);
        self.reason = match self.reason {
            Reason::CredentialsRequired if has_key => Reason::KeyRefused,
            // The base URL holds what is added to it.
            Reason::VideoNotFound if url.matches("/api/video-editor").nth(1).is_some() => {
                Reason::WrongAddress
            }
            reason => reason,
        };
        self.location = self.location.map(|location| resolved(&location, &url));
        self.cause = self.cause.map(|cause| Box::new(cause.at(&url, has_key)));
        self.url = Some(url);
        self
    }

    /// What is kept of a failure while its request is retried: numbers alone, for that is what a snapshot or a
    /// token may hold.
    #[must_use]
    pub(super) fn bare(&self) -> Self {
        Self {
            code: self.code,
            http_status: self.http_status,
            ..Self::of(self.reason)
        }
    }

    /// The same failure, whole where `whole` is the one of which it, or its cause, keeps the numbers: for whoever
    /// carries the responses of a machine, which keeps no more.
    #[must_use]
    pub fn completed(mut self, whole: &Failure) -> Self {
        if let Some(cause) = self.cause.take() {
            self.cause = Some(Box::new(cause.completed(whole)));
            self
        } else if self.bare() == whole.bare() {
            whole.clone()
        } else {
            self
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
        let mut message = String::new();
        for part in self.reason.text().split('{') {
            let (blank, rest) = part.split_once('}').unwrap_or(("", part));
            match blank {
                "url" => {
                    let anywhere = if message.is_empty() {
                        "The server"
                    } else {
                        "the server"
                    };
                    message.push_str(self.url.as_deref().unwrap_or(anywhere));
                }
                "http" => {
                    if let Some(status) = self.http_status {
                        message.push_str(" (HTTP ");
                        message.push_str(itoa::Buffer::new().format(status));
                        message.push(')');
                    }
                }
                "to" => message.push_str(self.location.as_deref().unwrap_or("another address")),
                "what" => message.push_str(self.detail.as_deref().unwrap_or_default()),
                "cause" => {
                    if let Some(cause) = &self.cause {
                        message.push_str(&cause.message());
                    }
                }
                _ => {}
            }
            message.push_str(rest);
        }
        message
    }
}

/// An address without what may be secret in it: user name, password, query and fragment.
fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let path_at = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(path_at);
    let host = authority.rsplit('@').next().unwrap_or_default();
    [scheme, "://", host, path].concat()
}

/// Where a `Location` leads that came in response to a request to `url`, as origin and path.
fn resolved(location: &str, url: &str) -> String {
    let location = cut(location.trim(), DETAIL_LIMIT);
    let scheme_end = url.find("://").unwrap_or_default();
    let path_at = url
        .get(scheme_end + 3..)
        .and_then(|rest| rest.find('/'))
        .map_or(url.len(), |at| scheme_end + 3 + at);
    let first = location.split(['/', '?', '#']).next().unwrap_or_default();
    let base = if first.contains(':') {
        ""
    } else if location.starts_with("//") {
        url.get(..=scheme_end).unwrap_or_default()
    } else if location.starts_with('/') {
        url.get(..path_at).unwrap_or_default()
    } else {
        // Seen from the same folder.
        url.get(..=url.rfind('/').unwrap_or_default())
            .unwrap_or_default()
    };
    without_secrets(&[base, location].concat())
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
    fn a_message_names_the_address_and_the_status_and_not_the_servers_words() {
        let failure = Failure {
            http_status: Some(503),
            ..Failure::of(Reason::ServerError)
        };
        let failure = failure
            .with_detail("try later")
            .at("https://api.test/v", false);
        assert_eq!(
            failure.to_string(),
            "https://api.test/v failed (HTTP 503). The server or a gateway before it has trouble, probably for a while: if that lasts, see detail and the server's log."
        );
        assert_eq!(failure.detail.as_deref(), Some("try later"));
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
        let refused = |has_key| {
            let failure = Failure::new(ErrorCode::Unauthorized);
            failure.at("https://api.test/v", has_key)
        };
        assert_eq!(refused(true).reason, Reason::KeyRefused);
        assert_eq!(refused(false).reason, Reason::CredentialsRequired);
        assert!(!refused(false).message().contains("refused the API key"));
    }

    #[test]
    fn an_address_that_has_the_path_twice_is_wrong() {
        let lost = |url| Failure::new(ErrorCode::NotFound).at(url, true).reason;
        let once = "https://api.test/x/api/video-editor/generate/video/v";
        let twice = "https://api.test/api/video-editor/generate/video/api/video-editor/generate/video/v";
        assert_eq!(lost(once), Reason::VideoNotFound);
        assert_eq!(lost(twice), Reason::WrongAddress);
    }

    #[test]
    fn a_timeout_says_what_the_last_failure_was_and_where() {
        let timeout = Failure {
            cause: Some(Box::new(Failure {
                http_status: Some(502),
                ..Failure::of(Reason::ServerError)
            })),
            ..Failure::of(Reason::TimeoutFailing)
        };
        let said = timeout.at("https://api.test/v", false).message();
        assert!(
            said.starts_with("The video was not done within timeoutMs, for requests failed: https://api.test/v failed (HTTP 502). "),
            "{said}"
        );
    }

    #[test]
    fn an_address_is_named_without_what_may_be_secret_in_it() {
        for (url, named) in [
            ("https://api.test/v", "https://api.test/v"),
            ("https://me:word@api.test/v?key=x#y", "https://api.test/v"),
            ("https://a@b@api.test", "https://api.test"),
            ("/api/v?x=1", "/api/v"),
            ("https://api.test/a@b", "https://api.test/a@b"),
            ("", ""),
        ] {
            let failure = Failure::new(ErrorCode::Network).at(url, false);
            assert_eq!(failure.url.as_deref(), Some(named));
        }
    }

    #[test]
    fn a_redirect_names_where_it_leads_without_its_query() {
        let url = "https://api.test:8/video/v";
        for (location, leads) in [
            ("https://www.api.test/video/v/", "https://www.api.test/video/v/"),
            ("https://me:word@other.test/x?key=1#y", "https://other.test/x"),
            ("//other.test/x", "https://other.test/x"),
            ("/video/v/", "https://api.test:8/video/v/"),
            ("/login?next=/video/v", "https://api.test:8/login"),
            ("v/", "https://api.test:8/video/v/"),
            ("?x=1", "https://api.test:8/video/"),
            ("", "https://api.test:8/video/"),
            ("mailto:x", "mailto:x"),
        ] {
            let failure = Failure {
                location: Some(location.to_owned()),
                ..Failure::new(ErrorCode::Redirected)
            };
            let failure = failure.at(url, true);
            assert_eq!(failure.location.as_deref(), Some(leads), "{location}");
            assert!(failure.message().contains(leads));
        }
        let hidden = Failure::new(ErrorCode::Redirected).at(url, true);
        assert!(hidden.message().contains(" redirects to another address, "));
        for odd in ["", "x", "x:", "://", "a://", "é"] {
            let failure = Failure {
                location: Some("y".to_owned()),
                ..Failure::new(ErrorCode::Redirected)
            };
            assert!(failure.at(odd, true).location.is_some());
        }
    }
}
