//! What every host can read, and the core would need kilobytes for: decimal numbers and dates. The core decides
//! what is one, so that videos are the same in every host.

use super::Millis;
#[cfg(not(target_arch = "wasm32"))]
use std::time::UNIX_EPOCH;

/// A host that reads texts for the core.
pub trait Host {
    /// Reads a text of digits and the signs that a decimal number may have; nothing if it is none.
    fn decimal(text: &str) -> Option<f64>;
    /// Reads an HTTP date, in Unix milliseconds; nothing if it is none. Of its oldest form it is given the time
    /// zone too, which that form lacks.
    fn date(text: &str) -> Option<Millis>;
}

/// What a program outside of a browser has: the standard library and httpdate.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Copy, Debug)]
pub enum Native {}

#[cfg(not(target_arch = "wasm32"))]
impl Host for Native {
    fn decimal(text: &str) -> Option<f64> {
        text.parse().ok()
    }
    fn date(text: &str) -> Option<Millis> {
        let date = httpdate::parse_http_date(text)
            .or_else(|_| httpdate::parse_http_date(text.trim_end_matches(" GMT")));
        let since = date.ok()?.duration_since(UNIX_EPOCH).ok()?;
        Millis::try_from(since.as_millis()).ok()
    }
}
