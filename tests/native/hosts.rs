//! What a host that carries the core may do in its own way: how it reads a number or a date out of
//! a text. The core decides what is one, so that videos are the same in every host.

use iacrea_video::core::answer::{Answer, Response, RetryAfter};
use iacrea_video::core::host::Host;
use iacrea_video::core::status::Status;

/// A host that takes more for a number or a date than is one, as JavaScript does.
enum Lax {}

impl Host for Lax {
    fn decimal(_: &str) -> Option<f64> {
        Some(16.0)
    }
    fn date(text: &str) -> Option<u64> {
        Some(text.len() as u64)
    }
}

#[test]
fn a_host_is_asked_to_read_decimal_numbers_alone() {
    let progress = |written: &str| {
        let body = format!(r#"{{"status":"RENDERING_VIDEO","progress":{written}}}"#);
        let response = Response {
            http_status: 200,
            retry_after: None,
            body: &body,
            oversized: false,
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

#[test]
fn a_host_is_asked_to_read_http_dates_alone() {
    for text in [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        " Sunday, 06-Nov-94 08:49:37 GMT ",
    ] {
        let read = RetryAfter::Until(text.trim().len() as u64);
        assert_eq!(RetryAfter::read::<Lax>(text), Some(read), "{text:?}");
    }
    // A host takes what has no zone for local time.
    let oldest = "Sun Nov  6 08:49:37 1994";
    let read = RetryAfter::Until(oldest.len() as u64 + 4);
    assert_eq!(RetryAfter::read::<Lax>(oldest), Some(read));
    for text in [
        "2099 08:49:37 GMT",
        "1.5",
        "Soon",
        "Sun",
        "Sun, 2099",
        "in 2099, at 08:49:37 GMT",
        "Sun, 08:49 GMT",
        "\u{661}\u{661}",
    ] {
        assert_eq!(RetryAfter::read::<Lax>(text), None, "{text:?}");
    }
}
