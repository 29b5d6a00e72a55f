//! The key is found in whatever a layer between two programs makes of it, and what has none of it is
//! left alone: the vectors that the npm package is held to as well, and random keys in random layers.

use super::promises::{config, told};
use iacrea_video::core::secret::Secret;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::cell::Cell;

const VECTORS: &str = include_str!("../vectors/redaction.json");

/// A text in the bytes of a charset, as the vectors name it.
fn encoded(text: &str, charset: &str) -> Vec<u8> {
    let units = || text.encode_utf16();
    match charset {
        "utf-8" => text.as_bytes().to_vec(),
        "latin1" => text.chars().map(|letter| letter as u8).collect(),
        "utf-16le" => units().flat_map(u16::to_le_bytes).collect(),
        "utf-16be" => units().flat_map(u16::to_be_bytes).collect(),
        "utf-32le" => text
            .chars()
            .flat_map(|letter| u32::from(letter).to_le_bytes())
            .collect(),
        _ => panic!("no charset is called {charset}"),
    }
}

/// A body as carriers read it: as UTF-8, whatever it is, and without a byte order mark.
fn read(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes))
}

#[test]
fn the_vectors_that_both_languages_are_held_to() {
    let groups: Value = serde_json::from_str(VECTORS).unwrap();
    let mut count = 0;
    for (group, vectors) in groups.as_object().unwrap() {
        for vector in vectors.as_array().unwrap() {
            let text = |name: &str| vector[name].as_str();
            let (key, body) = (text("key").unwrap(), text("body").unwrap());
            let bytes = encoded(body, text("bytes").unwrap_or("utf-8"));
            let body = read(&bytes);
            let redacted = Secret::new(key).redact_body(&body, true);
            let expected = text("redacted").unwrap_or(&body);
            assert_eq!(redacted, expected, "{group}: {}", text("what").unwrap());
            count += 1;
        }
    }
    assert!(count > 70, "{count} are few");
}

/// One layer: all letters in a code, or those alone that a writer must or may escape there.
#[derive(Clone, Copy, Debug)]
enum Layer {
    Json,
    JsonSlashes,
    JsonEscapes,
    Braces,
    Hex,
    Octal,
    Backslashes,
    Percent,
    PercentAll,
    PercentUnicode,
    Entities,
    EntitiesAll,
    EntitiesHex,
    Names,
    Utf16,
    Lines,
    /// The codes of another layer for some letters alone, so that a code may have parts in another.
    Some(Partial, u32),
}

/// Codes that end by themselves or with a mark, so that they are whole as soon as each part of them is.
#[derive(Clone, Copy, Debug)]
enum Partial {
    Json,
    Hex,
    Octal,
    Percent,
    Entities,
}

impl Layer {
    const ALL: [Self; 16] = [
        Self::Json,
        Self::JsonSlashes,
        Self::JsonEscapes,
        Self::Braces,
        Self::Hex,
        Self::Octal,
        Self::Backslashes,
        Self::Percent,
        Self::PercentAll,
        Self::PercentUnicode,
        Self::Entities,
        Self::EntitiesAll,
        Self::EntitiesHex,
        Self::Names,
        Self::Utf16,
        Self::Lines,
    ];

    fn write(self, text: &str) -> String {
        let each = |write: &dyn Fn(char, u32) -> String| -> String {
            text.chars()
                .map(|letter| write(letter, letter.into()))
                .collect()
        };
        let punctuation = |write: &dyn Fn(u32) -> String| {
            each(&|letter, code| {
                if letter.is_ascii_alphanumeric() {
                    letter.into()
                } else {
                    write(code)
                }
            })
        };
        let in_json = || {
            let quoted = Value::from(text).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        };
        let percent = |letter: char| -> String {
            let mut bytes = [0; 4];
            letter
                .encode_utf8(&mut bytes)
                .bytes()
                .map(|byte| format!("%{byte:02X}"))
                .collect()
        };
        match self {
            Self::Json => in_json(),
            Self::JsonSlashes => in_json().replace('/', "\\/"),
            Self::JsonEscapes => punctuation(&|code| format!("\\u{code:04x}")),
            Self::Braces => each(&|_, code| format!("\\u{{{code:x}}}")),
            Self::Hex => each(&|_, code| format!("\\x{code:02X}")),
            Self::Octal => punctuation(&|code| format!("\\{code:03o}")),
            // What quotes and JSON need, and no more: whoever escapes a percent sign by a backslash
            // writes a code that is read in another order.
            Self::Backslashes => each(&|letter, _| match letter {
                '"' | '\'' | '\\' | '/' => format!("\\{letter}"),
                _ => letter.into(),
            }),
            Self::Percent => each(&|letter, _| match letter {
                ' ' => "+".to_owned(),
                _ if letter.is_ascii_alphanumeric() || "-_.~".contains(letter) => letter.into(),
                _ => percent(letter),
            }),
            Self::PercentAll => each(&|letter, _| percent(letter)),
            Self::PercentUnicode => punctuation(&|code| format!("%u{code:04X}")),
            Self::Entities => each(&|letter, _| match letter {
                '&' => "&amp;".to_owned(),
                '<' => "&lt;".to_owned(),
                '>' => "&gt;".to_owned(),
                '"' => "&quot;".to_owned(),
                '\'' => "&#39;".to_owned(),
                _ => letter.into(),
            }),
            Self::EntitiesAll => each(&|_, code| format!("&#{code};")),
            Self::EntitiesHex => punctuation(&|code| format!("&#x{code:X};")),
            Self::Names => each(&|letter, _| match letter {
                '/' => "&sol;".to_owned(),
                '+' => "&plus;".to_owned(),
                '_' => "&lowbar;".to_owned(),
                '=' => "&equals;".to_owned(),
                '.' => "&period;".to_owned(),
                '\u{e9}' => "&eacute;".to_owned(),
                _ => letter.into(),
            }),
            Self::Utf16 => each(&|letter, _| format!("{letter}\0")),
            Self::Lines => {
                let letters: Vec<char> = text.chars().collect();
                let lines: Vec<String> = letters
                    .chunks(16)
                    .map(|line| line.iter().collect())
                    .collect();
                lines.join("\r\n")
            }
            Self::Some(partial, seed) => {
                let seed = Cell::new(seed);
                each(&|letter, code| {
                    // A linear congruential generator, of whose numbers the upper bits are good.
                    let next = seed
                        .get()
                        .wrapping_mul(1_664_525)
                        .wrapping_add(1_013_904_223);
                    seed.set(next);
                    // What begins its own codes is always in one.
                    let is_mark = match partial {
                        Partial::Percent => letter == '%',
                        Partial::Entities => letter == '&',
                        _ => letter == '\\',
                    };
                    if !is_mark && next >> 31 == 0 {
                        return letter.into();
                    }
                    match partial {
                        Partial::Json => format!("\\u{code:04x}"),
                        Partial::Hex => format!("\\x{code:02x}"),
                        Partial::Octal => format!("\\{code:03o}"),
                        Partial::Percent => format!("%{code:02x}"),
                        Partial::Entities => format!("&#x{code:x};"),
                    }
                })
            }
        }
    }
}

/// Layers that escape what they would be mistaken for, so that a key may hold what looks like a code.
const FAITHFUL: [Layer; 6] = [
    Layer::JsonEscapes,
    Layer::Braces,
    Layer::Hex,
    Layer::PercentAll,
    Layer::EntitiesAll,
    Layer::Octal,
];

/// A key, and the layers that it went through, the innermost first.
fn spelled() -> impl Strategy<Value = (String, Vec<Layer>)> {
    prop_oneof![
        4 => ("[A-Za-z0-9/+=_.:~ \u{e9}-]{8,48}", any_layers()),
        1 => ("[!-~]{8,48}", vec(select(&FAITHFUL[..]), 0..=1)),
    ]
    .prop_filter("it is a key, and no JSON by itself", |(key, _)| {
        let letters = key.bytes().filter(u8::is_ascii_alphanumeric).count();
        letters >= 8 && serde_json::from_str::<Value>(key).is_err()
    })
}

fn any_layers() -> impl Strategy<Value = Vec<Layer>> {
    vec(select(&Layer::ALL[..]), 0..=3).prop_map(|layers| {
        // Nobody wraps a line within a code, and then writes the line break as a code.
        let is_kept = |(at, layer): &(usize, Layer)| *at == 0 || !matches!(layer, Layer::Lines);
        let layers = layers.into_iter().enumerate().filter(is_kept);
        layers.map(|(_, layer)| layer).collect()
    })
}

fn through(text: &str, layers: &[Layer]) -> String {
    layers
        .iter()
        .fold(text.to_owned(), |text, layer| layer.write(&text))
}

#[test]
fn a_key_is_found_in_any_three_layers_whole_or_cut_off_and_what_is_beside_it_stays() {
    let strategy = (spelled(), any::<Index>(), any::<bool>());
    let outcome = TestRunner::new(config(8_000)).run(&strategy, |((key, layers), at, is_cut)| {
        let secret = Secret::new(&key);
        let letters: Vec<char> = key.trim().chars().collect();
        // Marks that stand in a row are compared as one.
        let is_enough =
            |part: &[char]| part.iter().filter(|l| l.is_ascii_alphanumeric()).count() >= 6;
        let kept = match letters.len() {
            length @ 13.. if is_cut && is_enough(&letters[..12]) => 12 + at.index(length - 12),
            length => length,
        };
        let part: String = letters[..kept].iter().collect();
        let written = through(&part, &layers);
        let redacted = secret.redact(&written);
        prop_assert!(redacted == "***" || redacted == "\"***\"", "{redacted}");
        let sentence = format!("key <{written}>, it says");
        prop_assert_eq!(secret.redact(&sentence), "***");
        let body =
            |said: &str| json!({ "n": 12_345_678, (said): [said, { "beside": said }, "stays"] });
        let redacted = secret
            .redact_body(&body(&written).to_string(), true)
            .into_owned();
        prop_assert_eq!(serde_json::from_str(&redacted).ok(), Some(body("***")));
        Ok(())
    });
    told(outcome);
}

#[test]
fn a_key_is_found_where_one_layer_writes_some_letters_of_the_codes_of_another() {
    const PARTIAL: [Partial; 5] = [
        Partial::Json,
        Partial::Hex,
        Partial::Octal,
        Partial::Percent,
        Partial::Entities,
    ];
    const WHOLE: [Layer; 8] = [
        Layer::JsonEscapes,
        Layer::Braces,
        Layer::Hex,
        Layer::Octal,
        Layer::PercentAll,
        Layer::PercentUnicode,
        Layer::EntitiesAll,
        Layer::EntitiesHex,
    ];
    let partial = (select(&PARTIAL[..]), any::<u32>());
    let partial = partial.prop_map(|(kind, seed)| Layer::Some(kind, seed));
    let strategy = (
        "[A-Za-z0-9_-]{12,48}",
        select(&WHOLE[..]),
        vec(partial, 1..=3),
    );
    let outcome = TestRunner::new(config(8_000)).run(&strategy, |(key, inner, outer)| {
        let letters = key.bytes().filter(u8::is_ascii_alphanumeric).count();
        prop_assume!(letters >= 8);
        let secret = Secret::new(&key);
        let part = &key[..12.max(key.len() / 2)];
        prop_assume!(part.bytes().filter(u8::is_ascii_alphanumeric).count() >= 6);
        for text in [key.as_str(), part] {
            let written = through(&inner.write(text), &outer);
            let said = format!("key <{written}>");
            prop_assert_eq!(secret.redact(&said), "***");
            let body = json!({ "said": said, "n": 1 }).to_string();
            let expected = json!({ "said": "***", "n": 1 }).to_string();
            prop_assert_eq!(secret.redact(&body), expected);
        }
        Ok(())
    });
    told(outcome);
}

#[test]
fn what_only_looks_like_the_key_is_left_alone() {
    let key = "[A-Za-z0-9]{12,48}";
    let strategy = (key, any_layers(), any::<Index>(), "[a-zA-Z]");
    let outcome = TestRunner::new(config(8_000)).run(&strategy, |(key, layers, at, other)| {
        let secret = Secret::new(&key);
        let mut near: Vec<char> = key.chars().collect();
        near[at.index(12)] = other.chars().next().unwrap();
        let near: String = near.into_iter().collect();
        prop_assume!(!near.contains(&key[..12]));
        for text in [&near, &key[..11], &key[1..]] {
            prop_assume!(!text.contains(&key[..12]));
            let written = through(text, &layers);
            prop_assert_eq!(secret.redact(&written), &*written);
            let body = json!({ "status": "PENDING", "said": written }).to_string();
            prop_assert_eq!(secret.redact(&body), &*body);
        }
        Ok(())
    });
    told(outcome);
}
