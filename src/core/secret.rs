//! The API key, and how it is kept out of what a server sends: a server that repeats it must not
//! carry it into an error, an update or a log. The rule is to decode, then to look, then to drop the
//! whole string. Nothing is cut out of a string, so no spelling of the key has to be matched letter
//! by letter. The npm package has the same rule for its proxy (`pkg/src/secret.ts`), and both are
//! held to `tests/vectors/redaction.json`.
//!
//! A server that wants to give the key away can: it has it, and there are more codes (base64, say)
//! than anyone could look for. This is for those that repeat it without a thought.

use super::json::Json;
use std::borrow::Cow;
use std::fmt;

/// What stands in the place of a string that held the key.
const REDACTED: &str = "***";
/// The same in JSON.
const QUOTED: &str = "\"***\"";
/// In a body, a shorter key would be found in ordinary text. It is redacted in the details of errors
/// alone.
const SHORTEST: usize = 8;
/// So would one that is nearly all punctuation, of which less can be compared.
const LEAST: usize = 6;
/// So many letters of its beginning count as the key, for servers shorten what they repeat.
const PREFIX: usize = 12;
/// So many count in a web address, or a video would be lost where its address holds what the key
/// begins with.
const WHOLE: usize = 256;
/// How many layers of codes are undone. Each takes one pass, so the work is linear in the text.
const DEEPEST: usize = 8;
/// Stands for any number of letters that are neither letters nor digits of ASCII. These are not told
/// apart: a plus is a space in a form, HTML has a name for each of them, and a letter beyond ASCII is
/// one to three of them, as its charset has it or a decoder lost it.
const MARK: u8 = b'-';
/// Stands between layers.
const BREAK: u8 = 0;

/// An API key.
///
/// ```
/// use iacrea_video::core::secret::Secret;
///
/// let secret = Secret::new("sk/live-0123456789");
/// for text in [
///     "no account for sk/live-0123456789",
///     r"no account for \u0073k\/live-0123456789",
///     "no account for sk%2Flive-0123456789",
///     "no account for sk&#x2F;live-0123...",
/// ] {
///     assert_eq!(secret.redact(text), "***");
/// }
/// let body = r#"{"status":"PENDING","message":"asked with sk%2Flive-0123456789"}"#;
/// assert_eq!(secret.redact(body), r#"{"status":"PENDING","message":"***"}"#);
/// ```
#[derive(Clone)]
pub struct Secret {
    is_short: bool,
    /// What can be compared of the key, and of what it holds in codes.
    key: Vec<u8>,
}

impl Secret {
    /// The spaces around it are no part of it, as in a header.
    pub fn new(key: &str) -> Self {
        let key = key.trim();
        let layers = layers(key);
        let outer = layers.iter().take_while(|byte| **byte != BREAK).count();
        Self {
            is_short: key.len() < SHORTEST || outer < LEAST,
            key: layers,
        }
    }

    /// A text without the key. Of JSON, each string (the names of members too) that holds the key or
    /// its beginning becomes `***`, and numbers stay; any other text becomes `***` as a whole.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        // What is in a string of JSON is in all of it.
        if !self.is_in(text) {
            return Cow::Borrowed(text);
        }
        if Json::read(text).is_none() {
            return Cow::Borrowed(REDACTED);
        }
        let mut out = String::new();
        let (mut kept, mut start, mut is_escaped) = (0, None, false);
        for (at, byte) in text.bytes().enumerate() {
            if byte == b'"' && !is_escaped {
                start = match start {
                    None => Some(at),
                    Some(start) => {
                        // Its quotation marks belong to a string, for a key may begin with a mark.
                        if self.is_in(text.get(start..at + 1).unwrap_or_default()) {
                            out.push_str(text.get(kept..start).unwrap_or_default());
                            out.push_str(QUOTED);
                            kept = at + 1;
                        }
                        None
                    }
                };
            }
            is_escaped = byte == b'\\' && !is_escaped;
        }
        out.push_str(text.get(kept..).unwrap_or_default());
        Cow::Owned(out)
    }

    /// The body of a response without the key; nothing if it was not read to its end, where half of
    /// the key may stand. A key of fewer than 8 letters would be found in ordinary text, and stays.
    pub fn redact_body<'a>(&self, body: &'a str, is_whole: bool) -> Cow<'a, str> {
        if !is_whole {
            Cow::Borrowed("")
        } else if self.is_short {
            Cow::Borrowed(body)
        } else {
            self.redact(body)
        }
    }

    fn is_in(&self, text: &str) -> bool {
        let enough = if is_address(text) { WHOLE } else { PREFIX };
        let layers = layers(text);
        let mut forms = self.key.split(|byte| *byte == BREAK).enumerate();
        forms.any(|(depth, form)| {
            let form = form.get(..enough).unwrap_or(form);
            // Where a text has its own codes undone, those within the key are too.
            let is_enough = form.len() >= if depth > 0 { LEAST } else { 1 };
            is_enough
                && (0..layers.len()).any(|at| {
                    count_steps(1);
                    layers.get(at..).is_some_and(|rest| rest.starts_with(form))
                })
        })
    }
}

/// Whether this is a string of JSON that is a web address and nothing else, also where its slashes are
/// escaped.
fn is_address(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("\"http") else {
        return false;
    };
    let rest = rest.strip_prefix('s').unwrap_or(rest);
    let is_other = |pair: &[u8]| matches!(pair, [b'\\', next] if *next != b'/');
    (rest.starts_with("://") || rest.starts_with(":\\/\\/"))
        && !rest.bytes().any(|byte| byte == b' ')
        && !rest.as_bytes().windows(2).any(is_other)
}

/// It never shows the key.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// What can be compared of a text, as it came, and with one more layer of codes undone each time,
/// until there is none.
fn layers(text: &str) -> Vec<u8> {
    let mut layers = Vec::new();
    let mut layer = pass(text.as_bytes(), false, &mut layers);
    for _ in 0..DEEPEST {
        let end = layers.len();
        layers.push(BREAK);
        let inner = pass(&layer, true, &mut layers);
        // Each code is longer than what it stands for.
        if inner.len() == layer.len() {
            layers.truncate(end);
            break;
        }
        layer = inner;
    }
    layers
}

/// A text, perhaps with one layer of all codes undone; what can be compared of it goes to
/// `comparable`. What is dropped is between the letters in UTF-16 and UTF-32, declared or not, and
/// where lines are wrapped. All other charsets of the web write ASCII as it is.
fn pass(text: &[u8], is_coded: bool, comparable: &mut Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < text.len() {
        count_steps(1);
        let mut letter = byte(text, at);
        let mut length = 1;
        if is_coded && matches!(letter, b'%' | b'&' | b'\\') {
            (letter, length) = code(text, at);
        }
        at += length;
        if matches!(letter, 0 | b'\r' | b'\n') {
            continue;
        }
        out.push(letter);
        let letter = if letter.is_ascii_alphanumeric() {
            letter
        } else {
            MARK
        };
        if letter != MARK || comparable.last() != Some(&MARK) {
            comparable.push(letter);
        }
    }
    out
}

/// A letter of a text, or a zero behind its end.
fn byte(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

/// The letter that a code stands for, and how long the code is; the first letter itself if it is none.
fn code(text: &[u8], at: usize) -> (u8, usize) {
    let first = byte(text, at);
    let second = byte(text, at + 1);
    let third = byte(text, at + 2).to_ascii_lowercase();
    // Where the digits begin, their radix, and how many there are at most; in capitals it is the same.
    let (start, radix, most) = match (first, second.to_ascii_lowercase(), third) {
        (b'&', b'#', b'x') => (3, 16, usize::MAX),
        (b'&', b'#', _) => (2, 10, usize::MAX),
        // The name of a letter.
        (b'&', ..) => (1, 36, usize::MAX),
        (_, b'u', b'{') => (3, 16, usize::MAX),
        (_, b'u', _) => (2, 16, 4),
        (b'%', ..) => (1, 16, 2),
        (_, b'x', _) => (2, 16, 2),
        _ => (1, 8, 3),
    };
    let mut value = 0_u32;
    let mut count = 0;
    while count < most {
        let digit = match byte(text, at + start + count) {
            digit @ b'0'..=b'9' => digit - b'0',
            digit @ b'a'..=b'z' => digit - b'a' + 10,
            digit @ b'A'..=b'Z' => digit - b'A' + 10,
            _ => break,
        };
        if u32::from(digit) >= radix {
            break;
        }
        value = value.saturating_mul(radix).saturating_add(digit.into());
        count += 1;
    }
    count_steps(count);
    let end = start + count;
    let is_ended = most == usize::MAX && matches!(byte(text, at + end), b';' | b'}');
    if count == 0 || (radix == 36 && !is_ended) {
        // What stands behind a backslash stands for itself.
        return match (first, second) {
            (b'\\', b'n' | b'r') => (0, 2),
            (b'\\', b't') => (MARK, 2),
            (b'\\', 1..) => (second, 2),
            _ => (first, 1),
        };
    }
    if radix == 36 {
        // HTML's names, read as numbers like the others: `amp` and `percnt`. All else is a mark.
        value = match (count, value) {
            (3, 13_777) => b'&',
            (6, 1_536_445_145) => b'%',
            _ => MARK,
        }
        .into();
    }
    let letter = u8::try_from(value).unwrap_or(MARK);
    (letter, end + usize::from(is_ended))
}

/// Each letter that is looked at counts, so that a test can hold the work to a bound.
#[cfg(not(test))]
fn count_steps(_: usize) {}
#[cfg(test)]
use tests::count_steps;

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        static STEPS: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn count_steps(steps: usize) {
        STEPS.set(STEPS.get() + steps);
    }

    const KEY: &str = "sk-live-0123456789";

    #[test]
    fn a_short_key_is_redacted_in_details_alone_and_an_empty_one_nowhere() {
        let body = r#"{"status":"DONE","test":"test"}"#;
        let secret = Secret::new("test");
        assert_eq!(secret.redact_body(body, true), body);
        assert_eq!(secret.redact("a test"), "***");
        assert_eq!(secret.redact(r"a tes\x74"), "***");
        assert_eq!(secret.redact("a tesT"), "a tesT");
        assert_eq!(secret.redact(body), r#"{"status":"DONE","***":"***"}"#);
        let eight = Secret::new("eight-88");
        assert_eq!(eight.redact_body("a eight-88", true), "***");
        for empty in ["", " \n"] {
            assert_eq!(Secret::new(empty).redact(body), body);
        }
    }

    #[test]
    fn of_a_body_that_breaks_off_nothing_is_kept() {
        let secret = Secret::new(KEY);
        assert_eq!(secret.redact_body("x-api-key: sk-live-", false), "");
        assert_eq!(
            Secret::new("short").redact_body("x-api-key: sho", false),
            ""
        );
    }

    #[test]
    fn what_does_not_hold_the_key_is_not_copied() {
        let body = r#"{"url":"https://m.example/a%20b?c&d","said":"\u00e9\/"}"#;
        let redacted = Secret::new(KEY).redact(body);
        assert!(matches!(redacted, Cow::Borrowed(text) if text == body));
    }

    #[test]
    fn the_spaces_around_a_key_are_no_part_of_it() {
        let secret = Secret::new(&format!(" {KEY}\r\n"));
        assert_eq!(secret.redact(&format!("({KEY})")), "***");
    }

    /// In each pass a letter is read once, perhaps once more as a part of a code, and what comes of it
    /// is a place where the key could begin. There are at most nine passes, and all of them once more
    /// for the strings of JSON.
    #[test]
    fn the_work_is_linear_in_the_text_whatever_key_and_text() {
        const SIZE: usize = 50_000;
        const STEPS_OF_A_LETTER: usize = 2 * 9 * 4;
        let escaped = |key: &str| -> String { key.bytes().map(|b| format!("%{b:02x}")).collect() };
        for key in [
            KEY.to_owned(),
            "%25%25%25%25%25%25%25%25x".to_owned(),
            format!("{0}b{0}", "a".repeat(3_000)),
            "ab".repeat(3_000),
        ] {
            let secret = Secret::new(&key);
            let short_of_one = &key[..key.len() - 1];
            for unit in [
                r"\",
                "%25",
                "%2525252561",
                &format!("%{}61", "25".repeat(SIZE / 2)),
                "%61",
                "&#",
                "&#0097;",
                "&#00000000000000000000",
                "&amp;amp;",
                "&a",
                "&aaaaaaaaaaaaaaaaaaaa",
                r"\u{",
                r"\u{00000000000000000000",
                r"\\\\\\\u0061",
                "a",
                "https://a",
                &key[..11],
                short_of_one,
                &format!("{}!", escaped(short_of_one)),
            ] {
                let times = SIZE / unit.len() + 1;
                for text in [
                    unit.repeat(times),
                    format!("https://{}", unit.repeat(times)),
                    // The first string has the key, so each of them is looked at by itself.
                    format!("{:?}", [&key, &unit.repeat(times)]),
                    format!("{:?}", vec![unit; times]).replacen('[', &format!("[{key:?},"), 1),
                ] {
                    STEPS.set(0);
                    secret.redact(&text);
                    let (steps, most) = (STEPS.get(), STEPS_OF_A_LETTER * text.len());
                    assert!(
                        steps <= most,
                        "{steps} > {most} for {key:.20} in {text:.60}"
                    );
                }
            }
        }
    }

    #[test]
    fn it_does_not_show_itself() {
        let secret = Secret::new(KEY);
        assert_eq!(format!("{secret:?} {secret:#?}"), "Secret(***) Secret(***)");
    }
}
