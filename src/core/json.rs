//! JSON, read tolerantly: numbers may be texts, a text that says nothing is none. hifijson knows the grammar; the
//! values are read here, for nothing that reads floats or halves of surrogate pairs as JavaScript does is small.

use super::host::Host;
use hifijson::token::Lex as _;
use hifijson::{Error, Expect, SliceLexer};
use hifijson::{num::LexWrite as _, str::LexWrite as _};
use std::borrow::Cow;

/// More levels than any status has; deeper is as bad as no JSON.
const DEEPEST: usize = 128;

/// More values than any status has, of which each takes thirty times the bytes that it is written in.
const MOST_VALUES: usize = 50_000;

/// One value.
#[derive(Debug)]
pub(super) enum Json<'a> {
    /// Members in the server's order.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
    List(Vec<Json<'a>>),
    Text(Cow<'a, str>),
    /// As it is written.
    Number(&'a str),
    /// `true`, `false` or `null`.
    Word,
}

impl<'a> Json<'a> {
    /// Reads a text, if it is JSON.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let mut lexer = SliceLexer::new(text.as_bytes());
        let mut left = MOST_VALUES;
        lexer
            .exactly_one(SliceLexer::ws_peek, |next, lexer| {
                value(next, lexer, DEEPEST, &mut left)
            })
            .ok()
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self, Json::Object(_))
    }

    /// The member of an object, the last of its name, if it is there.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Json::Object(members) = self else {
            return None;
        };
        let found = members.iter().rfind(|(name, _)| name == key);
        found.map(|(_, value)| value)
    }

    /// A text that says something: not empty, not only white space.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Json::Text(text) if !text.trim().is_empty() => Some(text),
            _ => None,
        }
    }

    /// A finite number of at least 0, written as a number or as a text; else nothing.
    pub(super) fn number<H: Host>(&self) -> Option<f64> {
        let (number, is_percent) = self.share::<H>()?;
        (!is_percent).then_some(number)
    }

    /// The same, where a percent sign may follow; and whether it does.
    pub(super) fn share<H: Host>(&self) -> Option<(f64, bool)> {
        let text = match self {
            Json::Number(text) => text,
            Json::Text(text) => text.trim(),
            _ => return None,
        };
        let percent = text.strip_suffix('%');
        let text = percent.unwrap_or(text).trim();
        // Hosts differ in what else they take for a number ("", "0x10", "Infinity").
        let is_decimal = !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
        let number = H::decimal(is_decimal.then_some(text)?)?;
        (number.is_finite() && number >= 0.0).then_some((number, percent.is_some()))
    }
}

fn value<'a>(
    next: u8,
    lexer: &mut SliceLexer<'a>,
    depth: usize,
    left: &mut usize,
) -> Result<Json<'a>, Error> {
    let depth = depth.checked_sub(1).ok_or(Error::Depth)?;
    *left = left.checked_sub(1).ok_or(Error::Depth)?;
    match next {
        b'"' => Ok(Json::Text(text(lexer)?)),
        b'[' => {
            let mut items = Vec::new();
            lexer
                .discarded()
                .seq(b']', SliceLexer::ws_peek, |next, lexer| {
                    items.push(value(next, lexer, depth, left)?);
                    Ok::<_, Error>(())
                })?;
            Ok(Json::List(items))
        }
        b'{' => {
            let mut members = Vec::new();
            lexer
                .discarded()
                .seq(b'}', SliceLexer::ws_peek, |next, lexer| {
                    if next != b'"' {
                        return Err(Error::from(Expect::String));
                    }
                    let name = text(lexer)?;
                    lexer
                        .expect(SliceLexer::ws_peek, b':')
                        .ok_or(Expect::Colon)?;
                    let next = lexer.ws_peek().ok_or(Expect::Value)?;
                    members.push((name, value(next, lexer, depth, left)?));
                    Ok(())
                })?;
            Ok(Json::Object(members))
        }
        b'a'..=b'z' => {
            lexer.null_or_bool().ok_or(Expect::Value)?;
            Ok(Json::Word)
        }
        _ => {
            let (number, _) = lexer.num_string().validated()?;
            Ok(Json::Number(number))
        }
    }
}

/// A text whose quotation mark is next.
fn text<'a>(lexer: &mut SliceLexer<'a>) -> Result<Cow<'a, str>, Error> {
    let rest = lexer.discarded().as_slice();
    // In most texts no letter needs a second look.
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    if let Some(end) = rest.iter().position(special)
        && rest.get(end) == Some(&b'"')
    {
        *lexer = SliceLexer::new(rest.get(end + 1..).unwrap_or_default());
        let plain = utf8(rest.get(..end).unwrap_or_default())?;
        return Ok(Cow::Borrowed(plain));
    }
    let mut written: &[u8] = &[];
    lexer.str_bytes(&mut written)?;
    Ok(Cow::Owned(unescaped(utf8(written)?)))
}

fn utf8(bytes: &[u8]) -> Result<&str, Error> {
    str::from_utf8(bytes).map_err(|error| Error::Str(hifijson::str::Error::Utf8(error)))
}

/// What escapes stand for. Half of a surrogate pair becomes a replacement character, as it does wherever JavaScript
/// hands a text on.
fn unescaped(written: &str) -> String {
    let mut units = Vec::new();
    let mut letters = written.chars();
    while let Some(letter) = letters.next() {
        let letter = match letter {
            '\\' => match letters.next().unwrap_or('\\') {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let digits = letters.by_ref().take(4);
                    units.push(digits.fold(0, |unit, digit| {
                        unit << 4 | digit.to_digit(16).unwrap_or(0) as u16
                    }));
                    continue;
                }
                itself => itself,
            },
            plain => plain,
        };
        units.extend_from_slice(letter.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16_lossy(&units)
}

/// Appends a text as JSON.
#[cfg(any(test, all(feature = "npm", target_arch = "wasm32")))]
pub(crate) fn write(text: &str, out: &mut String) {
    out.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        if matches!(byte, b'"' | b'\\' | 0..=0x1f) {
            out.push_str(text.get(plain..at).unwrap_or_default());
            let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
            out.extend(['\\', 'u', '0', '0', digit(byte >> 4), digit(byte & 15)]);
            plain = at + 1;
        }
    }
    out.push_str(text.get(plain..).unwrap_or_default());
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::host::Native;
    use serde_json::Value;

    /// The same in the words of another reader.
    fn told(json: &Json<'_>) -> Value {
        match json {
            Json::Object(members) => members
                .iter()
                .map(|(name, value)| (name.to_string(), told(value)))
                .collect(),
            Json::List(items) => items.iter().map(told).collect(),
            Json::Text(text) => Value::from(text.as_ref()),
            Json::Number(number) => serde_json::from_str(number).unwrap(),
            Json::Word => Value::Null,
        }
    }
    fn read(text: &str) -> Option<Value> {
        Json::read(text).as_ref().map(told)
    }

    #[test]
    fn json_is_read_as_others_read_it() {
        for text in [
            " { \"a\" : [ 1 , -0.5e+3 , 2E2, 0 ] , \"\" : { } , \"b\" : [ ] } ",
            r#"["é🎬", "\u00e9\ud83c\udfac", "\"\\\/\b\f\n\r\t", "\u0000"]"#,
            "\t\r\n\"DONE\"\n",
            "-0",
            "[[[]],[{}]]",
            r#"{"a":1,"a":2,"A":3}"#,
        ] {
            assert_eq!(read(text), serde_json::from_str(text).ok(), "{text}");
            assert!(read(text).is_some());
        }
        for word in ["true", "false", "null"] {
            assert_eq!(read(word), Some(Value::Null));
        }
    }

    #[test]
    fn what_is_written_is_read_by_others() {
        let every_control: String = ('\0'..=' ').collect();
        for text in ["", "plain", "\"\\/", "é🎬\u{7f}\u{2028}", &every_control] {
            let mut written = String::new();
            write(text, &mut written);
            assert_eq!(serde_json::from_str(&written).ok(), Some(text.to_owned()));
        }
    }

    #[test]
    fn what_others_refuse_is_refused() {
        for text in [
            "",
            " ",
            "{",
            "}",
            "[",
            "[1",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{1:1}",
            "{\"a\" 1}",
            "{\"a\":1 \"b\":2}",
            "[1}",
            "nul",
            "nulll",
            "NULL",
            "truefalse",
            "01",
            "1.",
            ".5",
            "+1",
            "-",
            "1e",
            "0x10",
            "NaN",
            "Infinity",
            "\"",
            "\"a",
            "\"\\\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "\"\u{1}\"",
            "\"\n\"",
            "'a'",
            "1 2",
            "{} {}",
            "// a\n1",
            "\u{feff}1",
            "\u{a0}1",
            "<html>",
        ] {
            assert_eq!(read(text), None, "{text:?}");
            assert!(serde_json::from_str::<Value>(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_replaced_and_what_is_beside_it_stays() {
        for (written, text) in [
            (r#""\ud83c""#, "\u{fffd}"),
            (r#""\udfac\ud83c""#, "\u{fffd}\u{fffd}"),
            (r#""a\ud83cb""#, "a\u{fffd}b"),
            (r#""\ud83c\u0041""#, "\u{fffd}A"),
            (r#""\ud83c\n""#, "\u{fffd}\n"),
        ] {
            assert_eq!(read(written), Some(Value::from(text)), "{written}");
        }
    }

    #[test]
    fn it_is_as_deep_as_it_may_be() {
        let deep = |levels: usize| {
            let lists = ["[".repeat(levels), "]".repeat(levels)].concat();
            let objects = ["{\"a\":".repeat(levels), "1".into(), "}".repeat(levels)].concat();
            (read(&lists).is_some(), read(&objects).is_some())
        };
        assert_eq!(deep(DEEPEST - 1), (true, true));
        assert_eq!(deep(DEEPEST), (true, false));
        assert_eq!(deep(DEEPEST + 1), (false, false));
        assert_eq!(deep(1_000_000), (false, false));
    }

    #[test]
    fn it_has_as_many_values_as_it_may() {
        let list = |values: usize| format!("[{}0]", "{},".repeat(values - 2));
        assert!(read(&list(MOST_VALUES)).is_some());
        assert!(read(&list(MOST_VALUES + 1)).is_none());
    }

    #[test]
    fn a_share_may_have_a_percent_sign_and_a_number_may_not() {
        for (written, share) in [
            ("0.5", Some((0.5, false))),
            ("\"45\"", Some((45.0, false))),
            ("\"45%\"", Some((45.0, true))),
            ("\" 0.5 % \"", Some((0.5, true))),
            ("\"1e1%\"", Some((10.0, true))),
            ("\"%\"", None),
            ("\"-5%\"", None),
            ("\"Infinity%\"", None),
            ("\"% 45\"", None),
            ("\"45 % done\"", None),
        ] {
            let json = Json::read(written).unwrap();
            assert_eq!(json.share::<Native>(), share, "{written}");
        }
        assert_eq!(Json::read("\"45%\"").unwrap().number::<Native>(), None);
    }

    #[test]
    fn numbers_are_finite_and_not_below_zero() {
        for (written, number) in [
            ("0", Some(0.0)),
            ("-0", Some(0.0)),
            ("42", Some(42.0)),
            ("4.25e1", Some(42.5)),
            ("\" 42.5 \"", Some(42.5)),
            ("\"1e2\"", Some(100.0)),
            ("-1", None),
            ("1e999", None),
            ("\"\"", None),
            ("\"0x10\"", None),
            ("\"Infinity\"", None),
            ("\"e\"", None),
            ("true", None),
            ("[1]", None),
        ] {
            let read = Json::read(written).unwrap().number::<Native>();
            assert_eq!(read, number, "{written}");
        }
    }
}
