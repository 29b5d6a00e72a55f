//! What one HTTP answer means: a video status, or one failure of the closed list. It looks at one
//! answer alone; whether a poll goes on after it is the machine's business.

use super::Millis;
use super::date;
use super::error::{Failure, find};
use super::host::Host;
use super::json::Json;
use super::messages::Reason;
use super::status::{NotAStatus, Status, VideoStatus, decode, failure_meant, has_part, words};

/// One HTTP answer, as a carrier hands it over.
#[derive(Clone, Copy, Debug, Default)]
pub struct Response<'a> {
    /// The HTTP status; 0 for a redirect that the host hides (`opaqueredirect`).
    pub http_status: u16,
    /// The `Retry-After` header.
    pub retry_after: Option<&'a str>,
    /// The `Date` header: what time it is for the server, whose clock may not be right.
    pub date: Option<&'a str>,
    /// The body as text, so far as it was read.
    pub body: &'a str,
    /// Whether the body was longer than the limit and was not read to its end.
    pub oversized: bool,
}

/// One answer, understood.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// What it means.
    pub outcome: Result<VideoStatus, Failure>,
    /// A response 202 without a status: the job is accepted and not done, and the response says no more. A single
    /// request takes that for `PENDING`, which is in `outcome`; a poll keeps the status that it has, and goes on.
    pub is_bare_accept: bool,
    /// For a status this version does not know: the final status that it stands for, if its word means failure. A
    /// single one ends no poll.
    pub failure_meant: Option<Status>,
    /// For a status that says or means failure without words: the body.
    pub unexplained: Option<String>,
    /// How long the server asks to be left alone.
    pub retry_after: Option<RetryAfter>,
    /// Equal for equal bodies.
    pub fingerprint: u64,
}

impl Answer {
    /// Reads an answer about the video that was asked for.
    pub fn read<H: Host>(response: Response<'_>, asked_id: &str) -> Self {
        let mut answer = Self {
            retry_after: response
                .retry_after
                .and_then(|header| RetryAfter::read(header, response.date)),
            fingerprint: fingerprint(response.body),
            ..Self::of(Err(Failure::of(Reason::NoStatus)))
        };
        answer.outcome = outcome::<H>(&response, asked_id, &mut answer);
        answer
    }

    /// One that says nothing else.
    pub(crate) const fn of(outcome: Result<VideoStatus, Failure>) -> Self {
        Self {
            outcome,
            is_bare_accept: false,
            failure_meant: None,
            unexplained: None,
            retry_after: None,
            fingerprint: 0,
        }
    }

    /// Whether it tells how far the video is.
    pub fn has_status(&self) -> bool {
        self.outcome.is_ok() && !self.is_bare_accept
    }
}

/// The header `Retry-After` (RFC 9110, section 10.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// So many milliseconds from now.
    For(Millis),
    /// Not before this.
    Until(Millis),
}

impl RetryAfter {
    /// Reads seconds, or an HTTP date in any of its three forms. What is neither asks for nothing. Seconds
    /// with decimals are not in the standard, but servers send them: they are rounded up. A date is as far
    /// off as it is for the server, where `date`, its `Date` header, tells what time it is there.
    pub fn read(header: &str, date: Option<&str>) -> Option<Self> {
        let text = header.trim();
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        if is_number(whole) && is_number(decimals) {
            // Too many digits for a number is still a very long time.
            let seconds: Millis = whole.parse().unwrap_or(Millis::MAX);
            let more = Millis::from(decimals.bytes().any(|digit| digit != b'0'));
            return Some(Self::For(
                seconds.saturating_add(more).saturating_mul(1_000),
            ));
        }
        let until = date::read(text)?;
        let sent = date.and_then(|date| date::read(date.trim()));
        Some(match sent {
            Some(sent) => Self::For(until.saturating_sub(sent)),
            None => Self::Until(until),
        })
    }

    /// The earliest time that it allows, for an answer that came at `now`; nothing if that is over.
    pub(super) fn not_before(self, now: Millis) -> Option<Millis> {
        let at = match self {
            Self::For(pause) => now.saturating_add(pause),
            Self::Until(at) => at,
        };
        (at > now).then_some(at)
    }
}

fn outcome<H: Host>(
    response: &Response<'_>,
    asked_id: &str,
    answer: &mut Answer,
) -> Result<VideoStatus, Failure> {
    let is_page = is_markup(response.body);
    let reason = match response.http_status {
        200..=299 => return video_status::<H>(response, asked_id, answer),
        0 | 300..=303 | 305..=308 => Reason::Redirected,
        401 => Reason::CredentialsRequired,
        402 => Reason::PaymentRequired,
        403 if is_challenge(response.body) => Reason::ChallengePage,
        403 => Reason::AccessRefused,
        404 if is_page || is_of_no_route(response.body) => Reason::WrongAddress,
        404 => Reason::VideoNotFound,
        429 => Reason::RateLimited,
        408 | 425 | 500..=599 => Reason::ServerError,
        400..=499 => Reason::RequestRefused,
        _ => Reason::OddStatus,
    };
    Err(failed(reason, response))
}

/// A failure with what the server said of it: of a page its title, if it has one.
fn failed(reason: Reason, response: &Response<'_>) -> Failure {
    let body = response.body;
    let explained = match title(body) {
        None => Json::read(body).as_ref().and_then(words),
        title => title.map(str::to_owned),
    };
    let http_status = (response.http_status != 0).then_some(response.http_status);
    Failure {
        http_status,
        ..Failure::of(reason)
    }
    .with_detail(explained.as_deref().unwrap_or(body))
}

fn video_status<H: Host>(
    response: &Response<'_>,
    asked_id: &str,
    answer: &mut Answer,
) -> Result<VideoStatus, Failure> {
    let bad = |reason| {
        let failure = failed(reason, response);
        if is_markup(response.body) {
            failure
        } else {
            // All of the body says more than its words, for it is of a shape that nobody knew of.
            failure.with_detail(response.body)
        }
    };
    if response.oversized {
        return Err(bad(Reason::TooLong));
    }
    let json = Json::read(response.body);
    let reason = match json
        .as_ref()
        .map(|json| (decode::<H>(json, asked_id), json))
    {
        Some((Ok(video), json)) => {
            answer.failure_meant = failure_meant(&video.status, json);
            let end = answer.failure_meant.as_ref().unwrap_or(&video.status);
            if matches!(end, Status::Error { message: None, .. }) {
                answer.unexplained = Some(response.body.to_owned());
            }
            return Ok(video);
        }
        Some((Err(NotAStatus::DoneWithoutUrl), _)) => Reason::NoVideoUrl,
        // Accepted, and not done (RFC 9110, section 15.3.3), whatever else such a body may be.
        _ if response.http_status == 202 => {
            answer.is_bare_accept = true;
            return Ok(VideoStatus::bare(Status::Pending { message: None }));
        }
        Some((Err(NotAStatus::NoStatus), _)) => Reason::NoStatus,
        None if is_markup(response.body) => Reason::WebPage,
        None if has_part(response.body, "NaN") || has_part(response.body, "Infinity") => {
            Reason::NotANumber
        }
        None => Reason::NotJson,
    };
    Err(bad(reason))
}

/// Whether a body is HTML, or XML as some stores of files send it: no JSON begins like that.
fn is_markup(body: &str) -> bool {
    body.trim_start().starts_with('<')
}

/// The title of a page.
fn title(page: &str) -> Option<&str> {
    if !is_markup(page) {
        return None;
    }
    let title = page.get(find(page, "<title")?..)?;
    let title = title.get(find(title, ">")? + 1..)?;
    title.get(..find(title, "</")?)
}

/// Whether a page wants a browser with a person before it: Cloudflare's say so in their titles.
fn is_challenge(page: &str) -> bool {
    title(page).is_some_and(|title| {
        find(title, "just a moment").is_some() || find(title, "cloudflare").is_some()
    })
}

/// Whether the body of a 404 speaks of the path and not of a video: so do servers that have no such route
/// (Express, Nest, Fastify, Spring, Go), and the proxy of the npm package.
fn is_of_no_route(body: &str) -> bool {
    [
        "api/video-editor",
        "cannot get",
        "page not found",
        "at this path",
    ]
    .iter()
    .any(|words| find(body, words).is_some())
}

/// FNV-1a: one changed byte always changes it, which is what telling bodies apart (and guarding a
/// snapshot against damage) needs. It is no defence against an adversary, and nothing here needs one.
pub(crate) fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::error::ErrorCode;
    use crate::core::host::Native;

    fn read(http_status: u16, body: &str) -> Result<VideoStatus, Failure> {
        let response = Response {
            http_status,
            body,
            ..Response::default()
        };
        Answer::read::<Native>(response, "asked").outcome
    }

    #[test]
    fn each_http_status_has_its_code() {
        use ErrorCode::*;
        for (http_status, code) in [
            (0, Redirected),
            (100, BadResponse),
            (300, Redirected),
            (301, Redirected),
            (302, Redirected),
            (303, Redirected),
            (304, BadResponse),
            (307, Redirected),
            (308, Redirected),
            (400, Http),
            (401, Unauthorized),
            (402, Http),
            (403, Unauthorized),
            (404, NotFound),
            (408, Http),
            (418, Http),
            (425, Http),
            (429, RateLimited),
            (500, Http),
            (503, Http),
            (599, Http),
            (600, BadResponse),
            (999, BadResponse),
        ] {
            assert_eq!(
                read(http_status, r#"{"status":"DONE"}"#).unwrap_err().code,
                code,
                "{http_status}"
            );
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_nothing_else() {
        let now = 784_111_770_000; // Sun, 06 Nov 1994 08:49:30 GMT
        for (text, at) in [
            ("7", Some(now + 7_000)),
            (" 7 ", Some(now + 7_000)),
            ("0", None),
            ("2592000", Some(now + 2_592_000_000)),
            ("99999999999999999999999", Some(Millis::MAX)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(now + 7_000)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(now + 7_000)),
            ("Sun Nov  6 08:49:37 1994", Some(now + 7_000)),
            ("Sun, 06 Nov 1994 08:49:20 GMT", None),
            ("Thu, 01 Jan 1970 00:00:00 GMT", None),
            ("Sun, 06 Nov 1994 08:49:61 GMT", None),
            ("Sun, 06 Nov 1994", None),
            ("06 Nov 1994 08:49:37 GMT", None),
            ("-5", None),
            ("1.5", Some(now + 2_000)),
            ("soon", None),
            ("", None),
            ("٣", None),
        ] {
            let read = RetryAfter::read(text, None);
            assert_eq!(read.and_then(|asked| asked.not_before(now)), at, "{text:?}");
        }
    }

    #[test]
    fn an_error_carries_the_servers_words_whatever_their_shape() {
        for (body, detail) in [
            (r#"{"error":"no credits"}"#, Some("no credits")),
            (r#"{"message":"no credits"}"#, Some("no credits")),
            ("no credits", Some("no credits")),
            (r#""no credits""#, Some(r#""no credits""#)),
            ("", None),
            (r#"{"code":7}"#, Some(r#"{"code":7}"#)),
        ] {
            assert_eq!(read(402, body).unwrap_err().detail.as_deref(), detail);
        }
    }

    #[test]
    fn an_answer_of_200_that_is_no_status_is_a_bad_response() {
        for (body, reason, detail) in [
            (
                "<html>busy</html>",
                Reason::WebPage,
                Some("<html>busy</html>"),
            ),
            ("busy", Reason::NotJson, Some("busy")),
            ("", Reason::NotJson, None),
            ("null", Reason::NoStatus, Some("null")),
            (
                r#"{"message":"busy"}"#,
                Reason::NoStatus,
                Some(r#"{"message":"busy"}"#),
            ),
            (
                r#"{"status":"DONE"}"#,
                Reason::NoVideoUrl,
                Some(r#"{"status":"DONE"}"#),
            ),
        ] {
            let failure = read(200, body).unwrap_err();
            assert_eq!(
                (failure.code, failure.reason, failure.detail.as_deref()),
                (ErrorCode::BadResponse, reason, detail)
            );
            assert_eq!(failure.http_status, Some(200));
            assert!(failure.is_transient());
        }
    }

    #[test]
    fn a_number_that_json_does_not_have_is_named() {
        for number in ["NaN", "-NaN", "Infinity", "-Infinity"] {
            let body = format!(r#"{{"status":"RENDERING_VIDEO","progress":{number}}}"#);
            let failure = read(200, &body).unwrap_err();
            assert_eq!(failure.reason, Reason::NotANumber, "{body}");
            assert_eq!(failure.detail, Some(body));
        }
        let body = r#"{"status":"PENDING","a":nan}"#;
        assert_eq!(read(200, body).unwrap_err().reason, Reason::NotJson);
    }

    fn whole(http_status: u16, body: &str) -> Answer {
        let response = Response {
            http_status,
            body,
            ..Response::default()
        };
        Answer::read::<Native>(response, "asked")
    }

    #[test]
    fn a_202_without_a_status_says_that_the_job_goes_on() {
        for body in [
            "",
            " ",
            "{}",
            r#"{"id":"v"}"#,
            "null",
            "accepted",
            "<p>busy</p>",
        ] {
            let answer = whole(202, body);
            let pending = VideoStatus::bare(Status::Pending { message: None });
            assert_eq!(answer.outcome, Ok(pending), "{body}");
            assert!(answer.is_bare_accept && !answer.has_status(), "{body}");
            for other in [200, 201, 203, 204, 206] {
                let answer = whole(other, body);
                assert!(answer.outcome.is_err() && !answer.is_bare_accept, "{other}");
            }
        }
        // With one it is as any other.
        let answer = whole(202, r#"{"status":"PENDING"}"#);
        assert!(answer.has_status() && !answer.is_bare_accept);
        let answer = whole(202, r#"{"status":"DONE"}"#);
        assert_eq!(answer.outcome.unwrap_err().code, ErrorCode::BadResponse);
        let oversized = Response {
            http_status: 202,
            oversized: true,
            ..Response::default()
        };
        assert!(Answer::read::<Native>(oversized, "asked").outcome.is_err());
    }

    #[test]
    fn a_word_that_means_failure_is_told_beside_a_status_that_is_not_known() {
        for word in [
            "failed",
            "canceled",
            "Cancelled",
            "EXPIRED",
            "rejected",
            "timed_out",
        ] {
            let body = format!(r#"{{"status":"{word}","error":"GPU"}}"#);
            let answer = whole(200, &body);
            let raw_status = word.to_owned();
            assert_eq!(
                answer.outcome.unwrap().status,
                Status::Unrecognized {
                    raw_status: raw_status.clone()
                }
            );
            let meant = Status::Error {
                message: Some("GPU".into()),
                raw_status: Some(raw_status),
            };
            assert_eq!(answer.failure_meant, Some(meant));
            assert_eq!(answer.unexplained, None);
        }
        for word in [
            "QUEUED",
            "ERROR",
            "PENDING",
            "clip_failed",
            "failing",
            "completed",
        ] {
            let answer = whole(200, &format!(r#"{{"status":"{word}"}}"#));
            assert_eq!(answer.failure_meant, None, "{word}");
        }
    }

    #[test]
    fn a_failure_without_words_has_its_body_for_them() {
        for body in [r#"{"status":"ERROR","code":7}"#, r#"{"status":"failed"}"#] {
            assert_eq!(whole(200, body).unexplained.as_deref(), Some(body));
        }
        for body in [
            r#"{"status":"ERROR","message":"why"}"#,
            r#"{"status":"PENDING"}"#,
            r#"{"status":"QUEUED"}"#,
        ] {
            assert_eq!(whole(200, body).unexplained, None, "{body}");
        }
    }

    #[test]
    fn a_404_that_speaks_of_no_video_says_that_the_address_is_wrong() {
        for body in [
            "<!DOCTYPE html><html><head><title>Error</title></head><body><pre>Cannot GET /x</pre></body></html>",
            "\n<HTML><title>404</title>",
            r#"<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>"#,
            "Cannot GET /generate/video/v",
            "404 page not found\n",
            r#"{"statusCode":404,"message":"Cannot GET /api/video-editor/generate/video/v","error":"Not Found"}"#,
            r#"{"message":"Route GET:/api/video-editor/generate/video/v not found","error":"Not Found"}"#,
            r#"{"status":404,"error":"Not Found","path":"/api/video-editor/generate/video/v"}"#,
            r#"{"error":"there is nothing at this path"}"#,
        ] {
            let failure = read(404, body).unwrap_err();
            assert_eq!(
                (failure.code, failure.reason),
                (ErrorCode::NotFound, Reason::WrongAddress),
                "{body}"
            );
        }
        for body in [
            "",
            "Not Found",
            "no such video",
            r#"{"error":"video not found"}"#,
            r#"{"message":"there is no video <v>"}"#,
            "null",
        ] {
            assert_eq!(
                read(404, body).unwrap_err().reason,
                Reason::VideoNotFound,
                "{body}"
            );
        }
    }

    #[test]
    fn who_refused_access_is_told_from_what_was_sent() {
        let challenge = "<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>";
        let blocked = "<title>Attention Required! | Cloudflare</title>";
        for (http_status, body, reason) in [
            (401, r#"{"error":"no"}"#, Reason::CredentialsRequired),
            (403, r#"{"error":"no"}"#, Reason::AccessRefused),
            (403, "<title>403 Forbidden</title>", Reason::AccessRefused),
            (403, "Just a moment...", Reason::AccessRefused),
            (403, challenge, Reason::ChallengePage),
            (403, blocked, Reason::ChallengePage),
        ] {
            let failure = read(http_status, body).unwrap_err();
            assert_eq!(
                (failure.code, failure.reason),
                (ErrorCode::Unauthorized, reason),
                "{body}"
            );
        }
    }

    #[test]
    fn a_page_is_cut_to_its_title() {
        for (page, words) in [
            (
                "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
                Some("502 Bad Gateway"),
            ),
            (
                "<!doctype html>\n<TITLE lang=en>\n Just a moment... </TITLE>",
                Some("Just a moment..."),
            ),
            ("<p>Busy</p>", Some("<p>Busy</p>")),
            ("<title>never closed", Some("<title>never closed")),
            ("<title", Some("<title")),
            ("<title></title>", None),
            ("<p>é<title>ü</title>", Some("ü")),
        ] {
            for http_status in [200, 403, 404, 500] {
                let failure = read(http_status, page).unwrap_err();
                assert_eq!(failure.detail.as_deref(), words, "{page}");
            }
        }
    }

    #[test]
    fn an_oversized_body_is_refused_even_if_its_beginning_reads_well() {
        let response = Response {
            http_status: 200,
            body: r#"{"status":"PENDING"}"#,
            oversized: true,
            ..Response::default()
        };
        assert_eq!(
            Answer::read::<Native>(response, "asked")
                .outcome
                .unwrap_err()
                .code,
            ErrorCode::BadResponse
        );
    }

    #[test]
    fn a_fingerprint_tells_any_single_changed_byte() {
        let body = r#"{"status":"RENDERING_VIDEO","progress":0.5}"#;
        for at in 0..body.len() {
            let mut changed = body.as_bytes().to_vec();
            changed[at] ^= 1;
            assert_ne!(
                fingerprint(body),
                fingerprint(std::str::from_utf8(&changed).unwrap())
            );
        }
    }
}
