//! The key, and how it is kept out of what a server says: a server that repeats it must not carry it
//! into an error, an update or a log. It finds the key in every spelling that some layer between two
//! programs undoes without being asked; it never says what the key is.
//!
//! A server that wants to give the key away can: it has it, and there are more codes (base64, say)
//! than anyone could look for. This is for those that repeat it without a thought.

use std::borrow::Cow;
use std::fmt;

/// What stands in the place of the key.
const BLOT: &str = "***";
/// In a body that reads well, a shorter key would be found in innocent words and numbers. It is then
/// blotted out of errors' details alone.
const SHORTEST: usize = 8;
/// How often texts are quoted in texts. Bounded, or a body of backslashes would be looked through in
/// the square of its length.
const DEEPEST: usize = 8;

/// An API key.
///
/// ```
/// use iacrea_video::core::secret::Secret;
///
/// let secret = Secret::new("sk/live-0123456789");
/// for said in [
///     "no account for sk/live-0123456789",
///     r"no account for \u0073k\/live-0123456789",
///     "no account for sk%2Flive-0123456789",
///     "no account for sk&#x2F;live-0123456789",
/// ] {
///     assert_eq!(secret.blot(said), "no account for ***");
/// }
/// ```
#[derive(Clone)]
pub struct Secret {
    key: String,
}

impl Secret {
    /// The spaces around it are no part of it, as in a header.
    pub fn new(key: &str) -> Self {
        Self {
            key: key.trim().to_owned(),
        }
    }

    /// A text without the key: `***` stands where it was, as it is or in the escapes of JSON (within
    /// any quotes), percent encoding or HTML. What was JSON stays JSON.
    pub fn blot<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut out = String::new();
        let mut kept = 0;
        for (start, _) in text.char_indices() {
            let place = (start >= kept).then(|| text.get(start..)).flatten();
            let Some(length) = place.and_then(|rest| self.length_at(rest)) else {
                continue;
            };
            out.push_str(text.get(kept..start).unwrap_or_default());
            out.push_str(BLOT);
            kept = start + length;
        }
        if kept == 0 {
            return Cow::Borrowed(text);
        }
        out.push_str(text.get(kept..).unwrap_or_default());
        Cow::Owned(out)
    }

    /// The body of an answer without the key; nothing if it was not read to its end, where half of
    /// the key may stand. In a body that reads well a key of fewer than 8 bytes would be found in
    /// innocent words, so such a key stays.
    pub fn blot_body<'a>(&self, body: &'a str, is_whole: bool) -> Cow<'a, str> {
        if !is_whole {
            Cow::Borrowed("")
        } else if self.key.len() < SHORTEST {
            Cow::Borrowed(body)
        } else {
            self.blot(body)
        }
    }

    /// How much of the beginning of a text is the key.
    fn length_at(&self, text: &str) -> Option<usize> {
        // Where nothing is coded, the key itself may hold what looks like a code.
        [true, false].into_iter().find_map(|coded_first| {
            let rest = self.key.chars().try_fold(text, |rest, letter| {
                let plain = rest.strip_prefix(letter);
                if plain.is_some() && !coded_first {
                    return plain;
                }
                after_coded(rest, letter).or(plain)
            })?;
            Some(text.len() - rest.len()).filter(|length| *length > 0)
        })
    }
}

/// It never shows the key.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// The text behind one letter that is written in a code; nothing if it does not begin with that.
fn after_coded(text: &str, letter: char) -> Option<&str> {
    match text.as_bytes().first()? {
        b'\\' => after_backslash(text, letter),
        b'%' => after_percent(text, letter),
        b'&' => after_entity(text, letter),
        b'+' if letter == ' ' => text.get(1..),
        // What became of a letter that was sent in an older charset.
        _ if !letter.is_ascii() => text.strip_prefix(char::REPLACEMENT_CHARACTER),
        _ => None,
    }
}

/// As in JSON and its kin: `\/`, `\u002f`, `\x2f`; behind more backslashes where a text is quoted in a text.
fn after_backslash(text: &str, letter: char) -> Option<&str> {
    let depth = text.bytes().take(DEEPEST).take_while(|byte| *byte == b'\\');
    let bare = text.get(depth.count()..)?;
    let coded = match bare.as_bytes().first() {
        Some(b'u') => after_hex(bare.get(1..)?, 4, letter.into()),
        Some(b'x') => after_hex(bare.get(1..)?, 2, letter.into()),
        _ => None,
    };
    coded.or_else(|| match letter {
        '\\' => text.strip_prefix(r"\\"),
        _ => bare.strip_prefix(letter),
    })
}

/// As in a URL, or in a URL within a URL.
fn after_percent(text: &str, letter: char) -> Option<&str> {
    let mut bytes = [0; 4];
    letter
        .encode_utf8(&mut bytes)
        .bytes()
        .try_fold(text, |rest, byte| {
            let mut digits = rest.strip_prefix('%')?;
            for _ in 0..DEEPEST {
                let rest = after_hex(digits, 2, byte.into());
                if rest.is_some() {
                    return rest;
                }
                digits = digits.strip_prefix("25")?;
            }
            None
        })
}

/// As in HTML: by name, or by number.
fn after_entity(text: &str, letter: char) -> Option<&str> {
    let end = text.bytes().take(10).position(|byte| byte == b';')?;
    let name = text.get(1..end)?;
    let code = match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        },
        None => match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => return None,
        }
        .into(),
    };
    (code == u32::from(letter))
        .then(|| text.get(end + 1..))
        .flatten()
}

/// The text behind so many hexadecimal digits, if their number is this one.
fn after_hex(text: &str, digits: usize, number: u32) -> Option<&str> {
    let (hex, rest) = text.split_at_checked(digits)?;
    (u32::from_str_radix(hex, 16) == Ok(number)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const KEYS: [&str; 7] = [
        "sk-live-0123456789abcdef",
        "sk/live+Zm9v/YmFy+cXV1eA==",
        "k\"e\\y'<&>!{}~ 41",
        "cl\u{e9}-0123456789",
        "\\u0041-0123456789&20-",
        "aaaaaaaaaaab",
        "ends-in-a-backslash\\",
    ];

    fn each(text: &str, write: impl Fn(char) -> String) -> String {
        text.chars().map(write).collect()
    }

    fn percent(text: &str) -> String {
        text.bytes().map(|byte| format!("%{byte:02x}")).collect()
    }

    /// The key as some layer might write it.
    fn spellings(key: &str) -> Vec<String> {
        let in_json = |text: &str| {
            let quoted = json!(text).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        };
        let hex = each(key, |letter| format!("\\u{:04X}", u32::from(letter)));
        vec![
            key.to_owned(),
            in_json(key),
            in_json(key).replace('/', "\\/"),
            in_json(&in_json(key)).replace("\\\\\\\\", "\\\\"),
            hex.to_lowercase(),
            in_json(&in_json(&hex)),
            hex,
            each(key, |letter| format!("\\x{:02x}", u32::from(letter))),
            percent(key),
            percent(key).to_uppercase(),
            percent(key).replace('%', "%25"),
            each(key, |letter| match letter {
                ' ' => "+".to_owned(),
                _ if letter.is_ascii_alphanumeric() => letter.to_string(),
                _ => percent(letter.encode_utf8(&mut [0; 4])),
            }),
            each(key, |letter| format!("&#{};", u32::from(letter))),
            each(key, |letter| format!("&#x{:X};", u32::from(letter))),
            each(key, |letter| match letter {
                '&' => "&amp;".to_owned(),
                '<' => "&lt;".to_owned(),
                '>' => "&gt;".to_owned(),
                '"' => "&quot;".to_owned(),
                '\'' => "&apos;".to_owned(),
                _ => letter.to_string(),
            }),
        ]
    }

    #[test]
    fn a_key_is_found_in_every_spelling_and_nothing_around_it_is_lost() {
        for key in KEYS {
            let secret = Secret::new(&format!(" {key}\n"));
            for spelling in spellings(key) {
                for (before, after) in [("", ""), ("x-api-key: ", ", he said"), ("\u{e9}<", ">")] {
                    let said = format!("{before}{spelling}{after}{spelling}{after}");
                    let clean = format!("{before}***{after}***{after}");
                    assert_eq!(secret.blot(&said), clean, "{key}: {said}");
                }
            }
        }
    }

    #[test]
    fn a_key_is_found_where_its_letters_beyond_ascii_were_lost() {
        let secret = Secret::new("cl\u{e9}-0123456789");
        assert_eq!(
            secret.blot("key cl\u{fffd}-0123456789 unknown"),
            "key *** unknown"
        );
    }

    #[test]
    fn what_was_json_stays_json() {
        for key in KEYS {
            let secret = Secret::new(key);
            for (before, after) in [("", ""), ("\\", "\\"), ("\n\"", "\"\n"), ("\u{0}", "/")] {
                let said = json!({ (key): [format!("{before}{key}{after}"), {"a": key}] });
                for written in [said.to_string(), said.to_string().replace('/', "\\/")] {
                    let clean = secret.blot(&written).into_owned();
                    let read = serde_json::from_str::<Value>(&clean);
                    assert!(read.is_ok(), "{clean}");
                    let read = read.unwrap();
                    assert_eq!(read["***"][1]["a"], "***", "{clean}");
                    assert!(read["***"][0].as_str().unwrap().contains("***"), "{clean}");
                    assert!(!format!("{read:?}").contains(key), "{clean}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_the_key_is_left_alone() {
        let secret = Secret::new("sk-live-0123456789");
        for said in [
            "",
            "sk-live-012345678",
            "sk-live-0123456780",
            "sk-live-012345678\\u0038",
            "SK-LIVE-0123456789",
            "%",
            "%7",
            "&#",
            "&#x;",
            "&;",
            "\\",
            "\\u",
            "\\u00",
            "\\u007\u{e9}",
            "\u{fffd}\u{fffd}",
            "%252525252525252573k-live-0123456789",
            "sk+live-0123456789",
            "sk\u{fffd}live-0123456789",
        ] {
            assert!(
                matches!(secret.blot(said), Cow::Borrowed(text) if text == said),
                "{said}"
            );
        }
        assert_eq!(secret.blot("sk-live-sk-live-0123456789"), "sk-live-***");
    }

    #[test]
    fn a_short_key_is_blotted_out_of_details_alone_and_an_empty_one_out_of_nothing() {
        let body = r#"{"status":"DONE","test":"test"}"#;
        let secret = Secret::new("test");
        assert_eq!(secret.blot_body(body, true), body);
        assert_eq!(secret.blot("a test"), "a ***");
        assert_eq!(
            Secret::new("eight-88").blot_body("a eight-88", true),
            "a ***"
        );
        for empty in ["", " \n"] {
            assert_eq!(Secret::new(empty).blot(body), body);
        }
    }

    #[test]
    fn of_a_body_that_breaks_off_nothing_is_kept() {
        let secret = Secret::new("sk-live-0123456789");
        assert_eq!(secret.blot_body("x-api-key: sk-live-01234", false), "");
        assert_eq!(Secret::new("short").blot_body("x-api-key: sho", false), "");
    }

    #[test]
    fn no_text_takes_long_to_look_through() {
        let started = std::time::Instant::now();
        let secret = Secret::new("\\\\\\%%%%&&&&sk-live-0123456789");
        for said in ["\\", "%25", "&#", "%", "\\\\\\%%%%&&&&sk-live-012345678"] {
            secret.blot(&said.repeat(1_000_000 / said.len()));
        }
        let took = started.elapsed();
        assert!(took.as_secs() < 10, "{took:?}");
    }

    #[test]
    fn it_does_not_show_itself() {
        let secret = Secret::new("sk-live-0123456789");
        assert_eq!(format!("{secret:?} {secret:#?}"), "Secret(***) Secret(***)");
    }
}
