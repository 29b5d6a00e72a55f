//! What a host that carries the core may do in its own way: how it reads a number or a date out of
//! a text. The core decides what is one, so that videos are the same in every host.

use iacrea_video::core::answer::RetryAfter;
use iacrea_video::core::json::{Json, number};

/// A text in a host that takes more for a number than is one, as JavaScript does.
struct Lax(&'static str);

impl Json for Lax {
    fn is_object(&self) -> bool {
        false
    }
    fn get(&self, _: &str) -> Option<Self> {
        None
    }
    fn strings(&self) -> Vec<String> {
        Vec::new()
    }
    fn items(&self) -> Option<Vec<Self>> {
        None
    }
    fn as_text(&self) -> Option<String> {
        Some(self.0.to_owned())
    }
    fn as_number(&self) -> Option<f64> {
        None
    }
    fn parse_decimal(_: &str) -> Option<f64> {
        Some(16.0)
    }
    fn parse_date(text: &str) -> Option<u64> {
        Some(text.len() as u64)
    }
}

#[test]
fn a_host_is_asked_to_read_decimal_numbers_alone() {
    for text in ["16", " 16.0 ", "1.6e1", "+16"] {
        assert_eq!(number(&Lax(text)), Some(16.0), "{text:?}");
    }
    for text in ["", " ", "0x10", "Infinity", "16 credits", "\u{661}"] {
        assert_eq!(number(&Lax(text)), None, "{text:?}");
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
