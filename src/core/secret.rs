//! The API key, and how it is kept out of what a server sends: a server that repeats it must not
//! carry it into an error, an update or a log. The rule is to decode, then to look, then to drop the
//! whole string. JSON is parsed, and each of its strings is judged by itself. Nothing is cut out of a
//! string, so no spelling of the key has to be matched letter by letter. The npm package has the same rule for its proxy (`pkg/src/secret.ts`), and both are
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
/// So many characters of its beginning count as the key, for servers shorten what they repeat. Marks in a
/// row are compared as one, so these characters are fewer in what is compared; but never below `LEAST`.
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
/// The ways to read a code that is not finished, as `&#x7` without its semicolon: leniently, as browsers do,
/// or strictly, which leaves it alone until another layer has brought the rest. Both are tried.
const WAYS: [bool; 2] = [false, true];

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
    /// For each of the `WAYS` what can be compared of the key, and of its first characters, with what they
    /// hold in codes.
    looks: [[Vec<u8>; 2]; 2],
}

impl Secret {
    /// The spaces around it are no part of it, as in a header.
    pub fn new(key: &str) -> Self {
        let key = key.trim();
        // In UTF-8 a character begins with each byte that does not go on with one.
        let mut begins = key
            .bytes()
            .enumerate()
            .filter(|(_, byte)| byte & 0xC0 != 0x80);
        let end = begins.nth(PREFIX).map_or(key.len(), |(at, _)| at);
        let beginning = key.get(..end).unwrap_or(key);
        let looks = [
            [layers(key, false), layers(beginning, false)],
            [layers(key, true), layers(beginning, true)],
        ];
        let [[layers, _], _] = &looks;
        let outer = layers.iter().take_while(|byte| **byte != BREAK).count();
        Self {
            is_short: key.len() < SHORTEST || outer < LEAST,
            looks,
        }
    }

    /// A text without the key. Of JSON, each string (the names of members too) that holds the key or
    /// its beginning becomes `***`, and numbers stay; any other text becomes `***` as a whole.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if Json::read(text).is_none() {
            return if self.is_in(text, false) {
                Cow::Borrowed(REDACTED)
            } else {
                Cow::Borrowed(text)
            };
        }
        let mut out = String::new();
        let (mut kept, mut start, mut is_escaped) = (0, None, false);
        for (at, byte) in text.bytes().enumerate() {
            if byte == b'"' && !is_escaped {
                start = match start {
                    None => Some(at),
                    Some(start) => {
                        if self.is_in_string(text, start, at + 1) {
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
        if kept == 0 {
            return Cow::Borrowed(text);
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

    /// Whether the key is in this string of a JSON text. It is decoded first.
    fn is_in_string(&self, json: &str, start: usize, end: usize) -> bool {
        let string = json.get(start..end).unwrap_or_default();
        let Some(Json::Text(text)) = Json::read(string) else {
            return self.is_in(string, false);
        };
        // The name of a member is no address of a video, whatever it looks like.
        let mut rest = json.bytes().skip(end);
        let is_name = rest.find(|byte| !byte.is_ascii_whitespace()) == Some(b':');
        // Its quotation marks belong to a string, for a key may begin with a mark.
        let mut quoted = String::from('"');
        quoted.push_str(&text);
        quoted.push('"');
        self.is_in(&quoted, !is_name && is_address(&text))
    }

    fn is_in(&self, text: &str, is_address: bool) -> bool {
        for (is_strict, [key, beginning]) in WAYS.into_iter().zip(&self.looks) {
            let layers = layers(text, is_strict);
            let mut beginnings = beginning.split(|byte| *byte == BREAK);
            let mut beginning: &[u8] = &[];
            // Where a text has its own codes undone, those within the key are too.
            for (depth, form) in key.split(|byte| *byte == BREAK).enumerate() {
                beginning = beginnings.next().unwrap_or(beginning);
                // A code that was cut in two reads differently from there on.
                let pairs = form.iter().zip(beginning);
                let prefix = pairs.take_while(|(a, b)| a == b).count().max(LEAST);
                let enough = if is_address { WHOLE } else { prefix };
                let part = form.get(..enough).unwrap_or(form);
                let is_enough = part.len() >= if depth > 0 { LEAST } else { 1 };
                if is_enough && is_within(&layers, part) {
                    return true;
                }
            }
            // A text without codes reads the same in both ways.
            if !layers.contains(&BREAK) {
                break;
            }
        }
        false
    }
}

/// Whether `part` is somewhere in these layers.
fn is_within(layers: &[u8], part: &[u8]) -> bool {
    (0..layers.len()).any(|at| {
        count_steps(1);
        layers.get(at..).is_some_and(|rest| rest.starts_with(part))
    })
}

/// Whether this is a web address and nothing else: the characters that RFC 3986 has for them, but for the
/// apostrophe, which ends one in too many places. In all else there is room for more than an address.
fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("http").unwrap_or_default();
    let rest = rest.strip_prefix('s').unwrap_or(rest);
    let is_part = |byte: u8| {
        // These ranges are all of "#$%&", of "()*+,-./0123456789:;" and of "?@A" to "Z[".
        matches!(byte, b'!' | b'#'..=b'&' | b'('..=b';' | b'=' | b'?'..=b'[' | b']' | b'_' | b'a'..=b'z' | b'~')
    };
    rest.strip_prefix("://")
        .is_some_and(|rest| rest.bytes().all(is_part))
}

/// It never shows the key.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// What can be compared of a text, as it came, and with one more layer of codes undone each time,
/// until there is none.
fn layers(text: &str, is_strict: bool) -> Vec<u8> {
    let mut layers = Vec::new();
    let mut layer = pass(text.as_bytes(), None, &mut layers);
    for _ in 0..DEEPEST {
        let end = layers.len();
        layers.push(BREAK);
        let inner = pass(&layer, Some(is_strict), &mut layers);
        // Each code is longer than what it stands for.
        if inner.len() == layer.len() {
            layers.truncate(end);
            break;
        }
        layer = inner;
    }
    layers
}

/// A text, perhaps with one layer of all codes undone, strictly or not; what can be compared of it goes to
/// `comparable`. What is dropped is between the letters in UTF-16 and UTF-32, declared or not, and where
/// lines are wrapped. All other charsets of the web write ASCII as it is.
fn pass(text: &[u8], codes: Option<bool>, comparable: &mut Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < text.len() {
        count_steps(1);
        let mut letter = byte(text, at);
        let mut length = 1;
        if let Some(is_strict) = codes
            && matches!(letter, b'%' | b'&' | b'\\')
        {
            (letter, length) = code(text, at, is_strict);
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

/// The letter that a code stands for, and how long the code is; the first letter itself if it is none, or
/// if it is to be read strictly and lacks digits or its end.
fn code(text: &[u8], at: usize, is_strict: bool) -> (u8, usize) {
    let first = byte(text, at);
    let second = byte(text, at + 1);
    let third = byte(text, at + 2).to_ascii_lowercase();
    // Where the digits begin, their radix, and how many there are at most; in capitals it is the same.
    let (start, radix, most) = match (first, second.to_ascii_lowercase(), third) {
        (b'&', b'#', b'x') => (3, 16, usize::MAX),
        (b'&', b'#', _) => (2, 10, usize::MAX),
        // The name of a letter.
        (b'&', ..) => (1, 36, usize::MAX),
        (_, b'u' | b'x', b'{') => (3, 16, usize::MAX),
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
    let needs_end = is_strict || radix == 36;
    if count == 0 || (needs_end && !is_ended && count < most) {
        // Of `\x`, `\u` and octal digits more may come, and so may what another code stands for.
        let is_open = count > 0 || start > 1 || matches!(second, b'%' | b'&' | b'\\');
        // What stands behind a backslash stands for itself.
        return match (first, second) {
            (b'\\', _) if is_strict && is_open => (first, 1),
            (b'\\', b'n' | b'r') => (0, 2),
            (b'\\', b'b' | b'f' | b't') => (MARK, 2),
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
    /// is a place where the key could begin. There are at most nine passes, each leniently and strictly.
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
