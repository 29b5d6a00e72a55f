//! How the server words what it knows: the names of fields, the case of a status, the scale of progress.
//! Public knowledge of the API leaves these open, so each is a choice here; none may change what is true.

use serde_json::{Map, Value};

/// One way of wording answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// The scale of `progress`.
    pub progress: Scale,
    /// How statuses are spelled.
    pub status: Spelling,
    /// The name of the final video's URL.
    pub url: &'static str,
    /// How DONE names the video.
    pub id: Naming,
    /// Where the words for people stand.
    pub text: Wording,
    /// When the list of clips is sent.
    pub content: Content,
    /// Numbers are sent as text.
    pub numbers_as_text: bool,
    /// How credits are sent.
    pub credits: Credits,
    /// A byte order mark precedes the JSON.
    pub byte_order_mark: bool,
}

/// The scale of `progress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// 0 to 1.
    Fraction,
    /// 0 to 100.
    Percent,
}

/// How a status is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// `GENERATING_VIDEO`
    Documented,
    /// `generating_video`
    LowerCase,
    /// `Generating Video`, with a space at each end
    Spaces,
    /// `generating-video`
    Dashes,
}

/// How DONE names the video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// The id under this name.
    Text(&'static str),
    /// A number under `id`.
    Number,
    /// Not at all.
    Absent,
}

/// Where the words for people stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wording {
    /// Under this name.
    Field(&'static str),
    /// In an object under this name, as its `message`.
    Nested(&'static str),
    /// Nowhere.
    Absent,
}

/// When the list of clips is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Where it is documented: not while rendering, not with PENDING.
    Documented,
    /// With every answer.
    Always,
    /// With none.
    Never,
    /// Where it is documented, but the items lack fields, hold wrong types, or are no objects.
    Odd,
}

/// How credits are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credits {
    /// Two numbers.
    Plain,
    /// Not at all.
    Missing,
    /// As something no account can have: NaN, negative, huge, of another type.
    Odd,
}

impl Dialect {
    /// The wording nearest to the documentation.
    pub const DOCUMENTED: Self = Self {
        progress: Scale::Fraction,
        status: Spelling::Documented,
        url: "url",
        id: Naming::Text("id"),
        text: Wording::Field("message"),
        content: Content::Documented,
        numbers_as_text: false,
        credits: Credits::Plain,
        byte_order_mark: false,
    };

    /// `documented` in this dialect's spelling.
    pub(crate) fn spell(&self, documented: &str) -> String {
        match self.status {
            Spelling::Documented => documented.to_owned(),
            Spelling::LowerCase => documented.to_lowercase(),
            Spelling::Dashes => documented.to_lowercase().replace('_', "-"),
            Spelling::Spaces => {
                let words: Vec<String> = documented.split('_').map(capitalised).collect();
                format!(" {} ", words.join(" "))
            }
        }
    }

    pub(crate) fn number(&self, number: f64) -> Value {
        // Whole numbers without a fraction part, as JavaScript writes them.
        let value = if number.fract() == 0.0 && number.abs() < 1e15 {
            Value::from(number as i64)
        } else {
            Value::from(number)
        };
        if self.numbers_as_text {
            Value::String(value.to_string())
        } else {
            value
        }
    }

    /// `fraction` on this dialect's scale, in steps of a thousandth.
    pub(crate) fn progress(&self, fraction: f64) -> Value {
        let thousandths = (fraction * 1000.0).round();
        self.number(match self.progress {
            Scale::Fraction => thousandths / 1000.0,
            Scale::Percent => thousandths / 10.0,
        })
    }

    pub(crate) fn put_text(&self, into: &mut Map<String, Value>, words: &str) {
        match self.text {
            Wording::Field(name) => {
                into.insert(name.to_owned(), words.into());
            }
            Wording::Nested(name) => {
                into.insert(
                    name.to_owned(),
                    serde_json::json!({ "code": "VIDEO", "message": words }),
                );
            }
            Wording::Absent => {}
        }
    }

    pub(crate) fn put_id(&self, into: &mut Map<String, Value>, id: &str) {
        match self.id {
            Naming::Text(name) => {
                into.insert(name.to_owned(), id.into());
            }
            Naming::Number => {
                // Any number will do, as long as a video keeps its own.
                let number = id
                    .bytes()
                    .fold(17_u32, |sum, byte| sum.wrapping_mul(31) ^ u32::from(byte));
                into.insert("id".to_owned(), number.into());
            }
            Naming::Absent => {}
        }
    }

    /// Credits left and used; `turn` chooses among the odd ones.
    pub(crate) fn put_credits(
        &self,
        into: &mut Map<String, Value>,
        left: u64,
        used: u64,
        turn: u32,
    ) {
        let (left, used) = match self.credits {
            Credits::Missing => return,
            Credits::Plain => (self.number(left as f64), self.number(used as f64)),
            Credits::Odd => match turn % 5 {
                0 => ("NaN".into(), "-Infinity".into()),
                1 => (Value::from(-40), Value::from(1e300)),
                2 => (Value::Null, true.into()),
                3 => ("many".into(), serde_json::json!([used])),
                _ => (Value::from(1e308), "".into()),
            },
        };
        into.insert("creditsTotal".to_owned(), left);
        into.insert("creditsUsed".to_owned(), used);
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        format!("{first}{}", letters.as_str().to_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use super::{Dialect, Scale, Spelling};

    #[test]
    fn a_status_can_be_spelled_in_every_way() {
        let spelled = |status| {
            Dialect {
                status,
                ..Dialect::DOCUMENTED
            }
            .spell("START_RENDERING_VIDEO")
        };
        assert_eq!(spelled(Spelling::Documented), "START_RENDERING_VIDEO");
        assert_eq!(spelled(Spelling::LowerCase), "start_rendering_video");
        assert_eq!(spelled(Spelling::Spaces), " Start Rendering Video ");
        assert_eq!(spelled(Spelling::Dashes), "start-rendering-video");
    }

    #[test]
    fn progress_has_two_scales_and_two_types() {
        let mut dialect = Dialect::DOCUMENTED;
        assert_eq!(dialect.progress(0.4567).to_string(), "0.457");
        dialect.progress = Scale::Percent;
        assert_eq!(dialect.progress(0.4567).to_string(), "45.7");
        assert_eq!(dialect.progress(0.5).to_string(), "50");
        dialect.numbers_as_text = true;
        assert_eq!(dialect.progress(0.5).to_string(), "\"50\"");
    }
}
