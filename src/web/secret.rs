//! The key, and how it is kept out of what a server says: a server that repeats it must not carry it
//! into an error, an update or a log. JSON can write any letter of it as an escape, so a body is
//! searched in the one spelling that `JSON.stringify` has.

use js_sys::JSON;
use wasm_bindgen::prelude::*;

/// What stands in the place of the key.
const BLOT: &str = "***";
/// In a body that reads well, a shorter key would be found in innocent words and numbers. It is then
/// blotted out of errors' details alone.
const SHORTEST: usize = 8;

/// An API key.
pub(super) struct Secret {
    plain: String,
    /// As it stands between the quotes of a JSON text.
    escaped: String,
}

impl Secret {
    pub(super) fn new(plain: String) -> Self {
        let quoted = JSON::stringify(&plain.as_str().into())
            .map(String::from)
            .unwrap_or_default();
        let escaped = quoted
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .unwrap_or(&plain)
            .to_owned();
        Self { plain, escaped }
    }

    /// A text without the key.
    pub(super) fn blot(&self, text: &str) -> String {
        text.replace(&self.plain, BLOT).replace(&self.escaped, BLOT)
    }

    /// A body without the key, as text and, if it is any, as JSON.
    pub(super) fn parse(&self, text: String) -> (String, Option<JsValue>) {
        let json = JSON::parse(&text).ok();
        if self.plain.len() < SHORTEST {
            return (text, json);
        }
        let Some(json) = json else {
            return (self.blot(&text), None);
        };
        if !text.contains('\\') && !text.contains(&self.plain) {
            return (text, Some(json));
        }
        let Some(written) = JSON::stringify(&json)
            .ok()
            .and_then(|written| written.as_string())
        else {
            return (self.blot(&text), None);
        };
        if !written.contains(&self.escaped) {
            return (text, Some(json));
        }
        let clean = written.replace(&self.escaped, BLOT);
        let json = JSON::parse(&clean).ok();
        (clean, json)
    }
}
