//! What a host that carries the core may do in its own way, how it reads a number out of a text; and what it may not,
//! how it reads when to come back.

use super::world::START;
use iacrea_video::core::answer::{Answer, Response, RetryAfter};
use iacrea_video::core::host::{Host, Native};
use iacrea_video::core::status::Status;

/// A host that takes more for a number than is one, as JavaScript does.
enum Lax {}

impl Host for Lax {
    fn decimal(_: &str) -> Option<f64> {
        Some(16.0)
    }
}

#[test]
fn a_host_is_asked_to_read_decimal_numbers_alone() {
    let progress = |written: &str| {
        let body = format!(r#"{{"status":"RENDERING_VIDEO","progress":{written}}}"#);
        let response = Response {
            http_status: 200,
            body: &body,
            ..Response::default()
        };
        match Answer::read::<Lax>(response, "v").outcome.unwrap().status {
            Status::RenderingVideo { progress, .. } => progress,
            other => panic!("{other:?}"),
        }
    };
    for text in ["16", "\"16\"", "\" 16.0 \"", "\"1.6e1\"", "\"+16\""] {
        assert_eq!(progress(text), 16.0, "{text}");
    }
    for text in [
        "\"\"",
        "\" \"",
        "\"0x10\"",
        "\"Infinity\"",
        "\"16 credits\"",
        "\"\u{661}\"",
        "true",
        "[16]",
    ] {
        assert_eq!(progress(text), 0.0, "{text}");
    }
}

/// The package's own reader is held to the same texts: `tests/edge/retry-after.test.mjs`.
#[test]
fn every_host_reads_the_same_out_of_retry_after() {
    let text = include_str!("../vectors/retry-after.json");
    let file: serde_json::Value = serde_json::from_str(text).unwrap();
    let now = file["nowMs"].as_u64().unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert!(vectors.len() > 90);
    for vector in vectors {
        let header = vector["retryAfter"].as_str().unwrap();
        let date = vector["date"].as_str();
        let wait = match RetryAfter::read(header, date) {
            Some(RetryAfter::For(wait)) => Some(wait),
            // A date that is over asks for nothing any more.
            Some(RetryAfter::Until(at)) => Some(at.saturating_sub(now)),
            None => None,
        };
        assert_eq!(wait, vector["waitMs"].as_u64(), "{vector}");
    }
}

#[test]
fn a_date_counts_from_the_servers_own_clock() {
    let response = Response {
        http_status: 429,
        retry_after: Some("Fri, 15 Jan 2027 09:00:30 GMT"),
        date: Some("Fri, 15 Jan 2027 09:00:00 GMT"),
        ..Response::default()
    };
    let answer = Answer::read::<Native>(response, "v");
    assert_eq!(answer.retry_after, Some(RetryAfter::For(30_000)));
    let without = Response {
        date: None,
        ..response
    };
    let answer = Answer::read::<Native>(without, "v");
    assert_eq!(
        answer.retry_after,
        Some(RetryAfter::Until(START + 3_630_000))
    );
}
