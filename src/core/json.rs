//! What the decoder needs of its host: JSON values, numbers and dates. The browser's own and those of
//! `serde_json` both fit behind it, so that native tests run the very decoder that is shipped.

use super::Millis;
#[cfg(not(target_arch = "wasm32"))]
use std::time::UNIX_EPOCH;

/// A read-only view of one JSON value.
pub trait Json: Sized {
    /// Whether this is an object: no array, no `null`.
    fn is_object(&self) -> bool;
    /// The member of an object, if it is there.
    fn get(&self, key: &str) -> Option<Self>;
    /// All members of an object that are strings, in the server's order.
    fn strings(&self) -> Vec<String>;
    /// The items, if this is an array.
    fn items(&self) -> Option<Vec<Self>>;
    /// The text, if this is a string.
    fn as_text(&self) -> Option<String>;
    /// The number, if this is one. Numeric strings are none here; see [`number`].
    fn as_number(&self) -> Option<f64>;
    /// Reads a text that [`number`] has found to be a decimal number.
    fn parse_decimal(text: &str) -> Option<f64>;
    /// Reads an HTTP date, in Unix milliseconds. Of its oldest form it is given the time zone too, which
    /// that form lacks.
    fn parse_date(text: &str) -> Option<Millis>;
}

/// A finite number of at least 0, written as a number or as a numeric string; else nothing.
pub fn number<J: Json>(value: &J) -> Option<f64> {
    let number = match value.as_number() {
        Some(number) => number,
        None => {
            let text = value.as_text()?;
            let text = text.trim();
            // Hosts differ in what else they take for a number ("", "0x10", "Infinity").
            let decimal = !text.is_empty()
                && text
                    .bytes()
                    .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
            J::parse_decimal(decimal.then_some(text)?)?
        }
    };
    (number.is_finite() && number >= 0.0).then_some(number)
}

/// A text that says something: not empty, not only white space.
pub fn text<J: Json>(value: &J) -> Option<String> {
    value.as_text().filter(|text| !text.trim().is_empty())
}

#[cfg(not(target_arch = "wasm32"))]
impl Json for serde_json::Value {
    fn is_object(&self) -> bool {
        self.is_object()
    }
    fn get(&self, key: &str) -> Option<Self> {
        self.as_object()?.get(key).cloned()
    }
    fn strings(&self) -> Vec<String> {
        let members = self
            .as_object()
            .into_iter()
            .flat_map(|object| object.values());
        members.filter_map(Json::as_text).collect()
    }
    fn items(&self) -> Option<Vec<Self>> {
        self.as_array().cloned()
    }
    fn as_text(&self) -> Option<String> {
        self.as_str().map(str::to_owned)
    }
    fn as_number(&self) -> Option<f64> {
        self.as_f64()
    }
    fn parse_decimal(text: &str) -> Option<f64> {
        text.parse().ok()
    }
    fn parse_date(text: &str) -> Option<Millis> {
        let date = httpdate::parse_http_date(text)
            .or_else(|_| httpdate::parse_http_date(text.trim_end_matches(" GMT")));
        let since = date.ok()?.duration_since(UNIX_EPOCH).ok()?;
        Millis::try_from(since.as_millis()).ok()
    }
}
