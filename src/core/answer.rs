//! What one HTTP answer means: a video status, or one failure of the closed list. It looks at one
//! answer alone; whether a poll goes on after it is the machine's business.

use super::Millis;
use super::date;
use super::error::{ErrorCode, Failure};
use super::host::Host;
use super::json::Json;
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
            ..Self::of(Err(Failure::new(ErrorCode::BadResponse)))
        };
        answer.outcome = outcome::<H>(&response, asked_id, &mut answer);
        answer
    }

    /// One that says nothing else.
    pub(super) const fn of(outcome: Result<VideoStatus, Failure>) -> Self {
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
    let code = match response.http_status {
        200..=299 => return video_status::<H>(response, asked_id, answer),
        0 | 300..=303 | 305..=308 => ErrorCode::Redirected,
        401 | 403 => ErrorCode::Unauthorized,
        404 => ErrorCode::NotFound,
        429 => ErrorCode::RateLimited,
        400..=599 => ErrorCode::Http,
        _ => ErrorCode::BadResponse,
    };
    let http_status = (response.http_status != 0).then_some(response.http_status);
    let explained = Json::read(response.body).as_ref().and_then(words);
    Err(Failure {
        http_status,
        ..Failure::new(code)
    }
    .with_detail(explained.as_deref().unwrap_or(response.body)))
}

fn video_status<H: Host>(
    response: &Response<'_>,
    asked_id: &str,
    answer: &mut Answer,
) -> Result<VideoStatus, Failure> {
    let bad = |why: &str| {
        let failure = Failure {
            http_status: Some(response.http_status),
            ..Failure::new(ErrorCode::BadResponse)
        };
        let gap = if response.body.trim().is_empty() {
            ""
        } else {
            ": "
        };
        failure.with_detail(&[why, gap, response.body].concat())
    };
    if response.oversized {
        return Err(bad("longer than maxResponseBytes"));
    }
    let json = Json::read(response.body);
    let why = match json
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
        Some((Err(NotAStatus::DoneWithoutUrl), _)) => "DONE without the URL of the video",
        // Accepted, and not done (RFC 9110, section 15.3.3), whatever else such a body may be.
        _ if response.http_status == 202 => {
            answer.is_bare_accept = true;
            return Ok(VideoStatus::bare(Status::Pending { message: None }));
        }
        Some((Err(NotAStatus::NoStatus), _)) => "no status in it",
        None if has_part(response.body, "NaN") || has_part(response.body, "Infinity") => {
            "not JSON, which has no NaN and no Infinity"
        }
        None => "not JSON",
    };
    Err(bad(why))
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
        for (body, detail) in [
            ("<html>busy</html>", "not JSON: <html>busy</html>"),
            ("", "not JSON"),
            ("null", "no status in it: null"),
            (
                r#"{"status":"DONE"}"#,
                r#"DONE without the URL of the video: {"status":"DONE"}"#,
            ),
        ] {
            let failure = read(200, body).unwrap_err();
            assert_eq!(
                (failure.code, failure.detail.as_deref()),
                (ErrorCode::BadResponse, Some(detail))
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
            let detail = format!("not JSON, which has no NaN and no Infinity: {body}");
            assert_eq!(failure.detail, Some(detail));
        }
        let body = r#"{"status":"PENDING","a":nan}"#;
        let failure = read(200, body).unwrap_err();
        assert_eq!(failure.detail, Some(format!("not JSON: {body}")));
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
