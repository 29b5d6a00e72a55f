//! The catalogue of messages: what a person reads who sees an error and nothing else. Each says what happened,
//! where, the likely cause and the cure, in one or two sentences. The server's own words are in no message: they
//! are the `detail` of the failure. What goes wrong before the WebAssembly module is there has its messages in
//! `pkg/src/error.ts`.

use super::error::ErrorCode;

/// In a text, `@` stands for what was requested, with the HTTP status in parentheses behind it. What stands in brackets
/// is said only where there is a `detail`. One that ends with a space goes on with what there is to say in this case: where a redirect leads, which argument is wrong, or the
/// message of the failure before a timeout.
macro_rules! catalogue {
    ($($(#[$doc:meta])* $reason:ident $code:ident $name:literal $text:literal)*) => {
        /// What went wrong, more closely than an [`ErrorCode`]: the key of a message.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$doc])* $reason,)*
        }

        impl Reason {
            /// Every reason. Snapshots write one as its place in this list.
            pub const ALL: &'static [Reason] = &[$(Reason::$reason),*];

            /// The public name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Reason::$reason => $name,)*
                }
            }

            /// The code of failures for this reason.
            pub const fn code(self) -> ErrorCode {
                match self {
                    $(Reason::$reason => ErrorCode::$code,)*
                }
            }

            /// The message, with its blanks.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Reason::$reason => $text,)*
                }
            }
        }
    };
}

catalogue! {
    /// An argument cannot work.
    InvalidArgument InvalidArgument "invalid_argument"
        "invalid argument: "

    /// HTTP 401, and no key was sent as far as is known.
    CredentialsRequired Unauthorized "credentials_required"
        "@ requires credentials. Set apiKey on a server; in a page sign in, or set baseUrl to a proxy that adds the key."
    /// HTTP 401 to a request with a key.
    KeyRefused Unauthorized "key_refused"
        "@ refused the API key. It is probably mistyped or revoked: check apiKey."
    /// HTTP 403, and no key was sent as far as is known.
    AccessRefused Unauthorized "access_refused"
        "@ refused access. The video is probably not for this user, or a firewall stopped the request: check both[, and see detail]."
    /// HTTP 403 with a page that only a browser with a person can pass.
    ChallengePage Unauthorized "challenge_page"
        "@ sent a challenge page for browsers. Its bot protection probably stopped this client: let /api/ through."

    /// HTTP 404 from what is probably the video API.
    VideoNotFound NotFound "video_not_found"
        "@ knows no video of this id. Check the id, its kind and the account, then baseUrl."
    /// HTTP 404 from something else.
    WrongAddress NotFound "wrong_address"
        "The address @ is wrong: no video API is there. Set baseUrl to what stands before /api/video-editor, and check that the proxy is mounted."

    /// The video's status is `ERROR`.
    VideoFailed VideoFailed "video_failed"
        "@ reported that the video could not be generated. Create it or its failed clip again[: detail says what failed]."

    /// The deadline is over, and the server responded.
    Timeout Timeout "timeout"
        "The video was not done within timeoutMs, though @ responded[ with a status that is unknown here: see detail]. Poll on from resumeToken, or allow more time."
    /// The deadline is over, and the last request had failed.
    TimeoutFailing Timeout "timeout_failing"
        "The video was not done within timeoutMs, and the last request failed: "
    /// The deadline is over, and no response ever came.
    TimeoutUnanswered Timeout "timeout_unanswered"
        "No response came from @ within timeoutMs. The server is probably down or hangs: check it, then poll on from resumeToken."
    /// `Retry-After` reaches beyond the deadline.
    RetryAfterTooLong Timeout "retry_after_too_long"
        "@ allows no request within timeoutMs, as its Retry-After says. Poll on from resumeToken later, or allow more time."

    /// A request came to nothing, and nobody knows why.
    NoResponse Network "no_response"
        "No response came from @. The server is probably down or unreachable: check it, baseUrl and the network."
    /// There was no whole response in the time that a request has.
    RequestTimeout Network "request_timeout"
        "No whole response came from @ within requestTimeoutMs. The server probably hangs: check it, or allow more time."
    /// The host knows that it has no network, or was asleep.
    Offline Network "offline"
        "No response came from @, for this device was offline or asleep. The poll goes on when the network is back."
    /// The name of the host has no address.
    UnknownHost Network "unknown_host"
        "The host of @ was not found. Its name is probably mistyped: check baseUrl and the DNS."
    /// Nothing listens.
    ConnectionRefused Network "connection_refused"
        "The connection to @ was refused. Nothing listens there: start the server, or correct baseUrl."
    /// A TLS certificate that is not trusted.
    Certificate Network "certificate"
        "The certificate of @ was not accepted. It is probably self-signed, expired or of another host: replace it, or trust its issuer."
    /// The connection broke.
    ConnectionBroken Network "connection_broken"
        "The connection to @ broke before the whole response was there. If that lasts, check the server and what is in between."
    /// A browser that asked another origin, and says no more.
    BlockedInBrowser Network "blocked_in_browser"
        "The browser got no response from @: the server is unreachable or its certificate not accepted, it does not allow this origin (CORS), the page's Content-Security-Policy lacks it in connect-src, or a page on https requests http. Check the browser's console; a proxy of the same origin avoids all but the first."
    /// The caller's own `fetch` threw.
    FetchFailed Network "fetch_failed"
        "The client's own fetch failed for @. See cause for what it threw, and correct it there."
    /// What `fetch` gave cannot be read.
    NotAResponse BadResponse "not_a_response"
        "What fetch gave for @ is no whole Response: it lacks a status, or a text() or json() that was not called before. It is probably a mock: have it return a new Response each time."

    /// HTTP 429.
    RateLimited RateLimited "rate_limited"
        "@ refused too many requests. Raise minIntervalMs, or set requestsPerSecond."

    /// HTTP 408, 425 or 5xx.
    ServerError Http "server_error"
        "@ failed. The server or a gateway before it has trouble, probably for a while: if that lasts, see [detail and ]the server's log."
    /// Another 4xx.
    RequestRefused Http "request_refused"
        "@ refused the request, so it is not repeated. Check the account and baseUrl[, and see detail]."
    /// HTTP 402.
    PaymentRequired Http "payment_required"
        "@ requires payment. The account is probably out of credits: buy some, then poll again."

    /// A body that is no JSON.
    NotJson BadResponse "not_json"
        "@ sent no JSON. Something else than the video API is probably there: check baseUrl."
    /// A body that would be JSON but for a number that JSON does not have.
    NotANumber BadResponse "not_a_number"
        "@ sent NaN or Infinity for a number, which JSON does not have. The video API probably divides by zero: report detail to its provider."
    /// A body that is HTML.
    WebPage BadResponse "web_page"
        "@ sent a web page instead of a status. baseUrl probably leads to a site or a login: set it to the video API, or to a proxy."
    /// JSON without a status.
    NoStatus BadResponse "no_status"
        "@ sent JSON without a status. Something else than the video API is probably there: check baseUrl."
    /// `DONE` without the address of the video.
    NoVideoUrl BadResponse "no_video_url"
        "@ sent DONE without a usable URL of the video. It probably follows in a moment: if not, report detail to the API's provider."
    /// A body over the limit.
    TooLong BadResponse "too_long"
        "@ sent more than maxResponseBytes. Something else than the video API is probably there: check baseUrl, or raise the limit."
    /// An HTTP status that means nothing here.
    OddStatus BadResponse "odd_status"
        "@ sent a status without a meaning here. Something else than the video API is probably there: check baseUrl."

    /// A redirect.
    Redirected Redirected "redirected"
        "@ redirects, which is not followed, so that nothing secret goes elsewhere. Set baseUrl to the right place, or turn off the redirect to "

    /// The host lacks what the client is made with.
    Internal Internal "internal"
        "The client cannot work in this host, which probably lacks AbortController or Headers. Use a newer one, or report this."

    // Snapshots count from the first, so what is new comes last.
    /// HTTP 403 to a request with a key.
    KeyNotAllowed Unauthorized "key_not_allowed"
        "@ refused access. The API key may be wrong or not allowed to see this video, else a firewall stopped the request: check apiKey first[, then see detail]."
}

impl Reason {
    /// The reason for failures of which no more is known than their code.
    pub const fn of(code: ErrorCode) -> Self {
        match code {
            ErrorCode::InvalidArgument => Self::InvalidArgument,
            ErrorCode::Unauthorized => Self::CredentialsRequired,
            ErrorCode::NotFound => Self::VideoNotFound,
            ErrorCode::VideoFailed => Self::VideoFailed,
            ErrorCode::Timeout => Self::Timeout,
            ErrorCode::Network => Self::NoResponse,
            ErrorCode::RateLimited => Self::RateLimited,
            ErrorCode::Http => Self::RequestRefused,
            ErrorCode::BadResponse => Self::NoStatus,
            ErrorCode::Redirected => Self::Redirected,
            ErrorCode::Internal => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::error::Failure;

    const URL: &str = "https://api.test/api/video-editor/generate/video/v";

    /// As a user reads it.
    fn message(reason: Reason) -> String {
        let mut failure = Failure::of(reason).with_detail("the words of the server");
        failure.http_status = Some(503);
        if reason == Reason::TimeoutFailing {
            failure.cause = Some(Failure::of(Reason::ServerError).brief());
        }
        failure.at(URL.into(), false).message()
    }

    #[test]
    fn every_code_has_a_reason_and_every_reason_a_name_of_its_own() {
        for code in ErrorCode::ALL {
            assert_eq!(Reason::of(*code).code(), *code);
        }
        for (place, reason) in Reason::ALL.iter().enumerate() {
            let name = reason.as_str();
            let first = Reason::ALL.iter().position(|other| other.as_str() == name);
            assert_eq!(first, Some(place), "{name}");
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{name}"
            );
        }
    }

    #[test]
    fn every_message_names_the_address_and_fills_its_blanks() {
        for reason in Reason::ALL {
            let said = message(*reason);
            assert!(!said.contains('@') && !said.ends_with(' '), "{said}");
            let is_ours = matches!(reason, Reason::InvalidArgument | Reason::Internal);
            assert_eq!(said.contains(URL), !is_ours, "{said}");
            let names_status = reason.text().contains('@');
            assert_eq!(said.contains(" (HTTP 503)"), names_status, "{said}");
        }
    }

    #[test]
    fn every_message_is_one_or_two_sentences_with_a_cure_and_none_is_cut() {
        for reason in Reason::ALL {
            let said = message(*reason);
            if *reason == Reason::InvalidArgument {
                continue;
            }
            let sentences = said.matches(". ").count() + 1;
            let is_whole = said.ends_with('.') || *reason == Reason::Redirected;
            assert!(is_whole && sentences <= 2, "{said}");
            assert!(said.len() < 400, "{said}");
            let cures = [
                "heck ",
                "et ",
                "see ",
                "See ",
                "poll ",
                "Poll ",
                "allow ",
                "orrect ",
                "start ",
                "replace ",
                "Raise ",
                "raise ",
                "report ",
                "buy ",
                "have it ",
                "avoids ",
                "goes on",
                "Use ",
                "let ",
                "turn off ",
                "reate it",
            ];
            assert!(cures.iter().any(|cure| said.contains(cure)), "{said}");
        }
    }

    #[test]
    fn no_message_has_a_vocabulary_of_its_own() {
        for reason in Reason::ALL {
            for word in [
                "answer", "question", "asked", "told", "blot", "pause", "lessons",
            ] {
                assert!(!reason.text().contains(word), "{word}: {}", reason.text());
            }
        }
    }

    #[test]
    fn no_message_repeats_the_words_of_the_server() {
        for reason in Reason::ALL {
            let is_ours = *reason == Reason::InvalidArgument;
            assert_eq!(
                message(*reason).contains("the words of the server"),
                is_ours,
                "{}",
                reason.as_str()
            );
        }
    }

    #[test]
    fn a_message_without_an_address_still_reads_well() {
        for reason in Reason::ALL {
            let said = Failure::of(*reason).message();
            assert!(
                said.starts_with(|c: char| c.is_uppercase() || c == 'i'),
                "{said}"
            );
        }
    }
}
