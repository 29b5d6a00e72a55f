//! What the server said: a tolerant reading of the status body. Only a body that carries no status
//! at all is refused; a value this version does not know is kept as it is and never an error.
//!
//! Where a wire fact is only inferred from a sister endpoint, or its name is not documented, the
//! comment says so; every candidate works.

use super::host::Host;
use super::json::Json;
use serde::Serialize;

/// State of one clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ContentStatus {
    /// Being generated.
    Pending,
    /// Ready.
    Success,
    /// Failed; the server generates it again.
    Error,
    /// A value this version does not know.
    Unrecognized,
}

impl ContentStatus {
    /// Every state, in the order of the public types.
    pub const ALL: &'static [ContentStatus] = &[
        ContentStatus::Pending,
        ContentStatus::Success,
        ContentStatus::Error,
        ContentStatus::Unrecognized,
    ];

    /// The public name.
    pub const fn as_str(self) -> &'static str {
        match self {
            ContentStatus::Pending => "pending",
            ContentStatus::Success => "success",
            ContentStatus::Error => "error",
            ContentStatus::Unrecognized => "unrecognized",
        }
    }
}

/// One clip of `generatedContent` (fields documented for the sister endpoints). It serialises to what
/// the TypeScript types have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GeneratedContent {
    /// The clip's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where the clip can be fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Camera movement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<String>,
    /// Picture format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Auto videos only: what the picture shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Auto videos only: the caption.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How far it is.
    pub status: ContentStatus,
}

impl GeneratedContent {
    /// A clip of which only the state is known.
    pub const fn bare(status: ContentStatus) -> Self {
        Self {
            id: None,
            url: None,
            effect: None,
            format: None,
            category: None,
            text: None,
            status,
        }
    }
}

/// The status, with the fields that only it has. The names on the wire are documented, save
/// `Unrecognized`, which is none.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Status {
    /// Waiting, or a failed clip is being generated again.
    #[non_exhaustive]
    Pending {
        /// The server's words (name not documented).
        message: Option<String>,
    },
    /// Clips are being generated.
    GeneratingVideo,
    /// All clips are ready, the final render starts.
    #[non_exhaustive]
    StartRenderingVideo {
        /// Of the render: 0 to 1 in an [`Update`](super::machine::Update). In an
        /// [`Answer`](super::answer::Answer) it is on the wire's own scale (documented as "0 to 1, or
        /// 0-100"), which [`Scale`](super::progress::Scale) finds out.
        progress: f64,
    },
    /// The final render is in progress.
    #[non_exhaustive]
    RenderingVideo {
        /// As in `StartRenderingVideo`.
        progress: f64,
    },
    /// Finished.
    #[non_exhaustive]
    Done {
        /// The final video (name not documented).
        url: String,
        /// The server's id, or the id that was asked for.
        id: String,
    },
    /// The server gave up.
    #[non_exhaustive]
    Error {
        /// The server's words (name not documented).
        message: Option<String>,
    },
    /// A status this version does not know; polling goes on.
    #[non_exhaustive]
    Unrecognized {
        /// The status as the server wrote it.
        raw_status: String,
    },
}

impl Status {
    /// Every public name, in the order of the variants.
    pub const NAMES: &'static [&'static str] = &[
        "PENDING",
        "GENERATING_VIDEO",
        "START_RENDERING_VIDEO",
        "RENDERING_VIDEO",
        "DONE",
        "ERROR",
        "UNRECOGNIZED",
    ];

    /// Whether nothing follows.
    pub(super) const fn is_final(&self) -> bool {
        matches!(self, Status::Done { .. } | Status::Error { .. })
    }

    /// The place of its name in the list of all.
    pub(super) const fn place(&self) -> u64 {
        match self {
            Status::Pending { .. } => 0,
            Status::GeneratingVideo => 1,
            Status::StartRenderingVideo { .. } => 2,
            Status::RenderingVideo { .. } => 3,
            Status::Done { .. } => 4,
            Status::Error { .. } => 5,
            Status::Unrecognized { .. } => 6,
        }
    }

    /// The public name.
    pub const fn name(&self) -> &'static str {
        match self {
            Status::Pending { .. } => "PENDING",
            Status::GeneratingVideo => "GENERATING_VIDEO",
            Status::StartRenderingVideo { .. } => "START_RENDERING_VIDEO",
            Status::RenderingVideo { .. } => "RENDERING_VIDEO",
            Status::Done { .. } => "DONE",
            Status::Error { .. } => "ERROR",
            Status::Unrecognized { .. } => "UNRECOGNIZED",
        }
    }
}

/// One status body, decoded.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct VideoStatus {
    /// The status and its own fields.
    pub status: Status,
    /// Clips in the server's order; `None` when it sent no list.
    pub generated_content: Option<Vec<GeneratedContent>>,
    /// Credits remaining (meaning documented for sister endpoints, its presence here inferred).
    pub credits_total: Option<f64>,
    /// Credits this video has cost so far (likewise).
    pub credits_used: Option<f64>,
}

/// Why a body is no status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotAStatus {
    /// Not a JSON object, or one without a `status` text.
    NoStatus,
    /// `DONE`, but nothing in it is the URL of a video.
    DoneWithoutUrl,
}

/// Decodes a body for the video that was asked for.
///
/// # Errors
/// A body that carries no status, or `DONE` without the video.
pub(super) fn decode<H: Host>(body: &Json<'_>, asked_id: &str) -> Result<VideoStatus, NotAStatus> {
    if !body.is_object() {
        return Err(NotAStatus::NoStatus);
    }
    let raw_status = member_text(body, "status").ok_or(NotAStatus::NoStatus)?;
    let progress = || {
        body.get("progress")
            .and_then(Json::number::<H>)
            .unwrap_or(0.0)
    };
    let status = match normalised(&raw_status).as_str() {
        "PENDING" => Status::Pending {
            message: words(body),
        },
        "GENERATINGVIDEO" => Status::GeneratingVideo,
        "STARTRENDERINGVIDEO" => Status::StartRenderingVideo {
            progress: progress(),
        },
        "RENDERINGVIDEO" => Status::RenderingVideo {
            progress: progress(),
        },
        "DONE" => Status::Done {
            url: video_url(body).ok_or(NotAStatus::DoneWithoutUrl)?,
            id: video_id::<H>(body).unwrap_or_else(|| asked_id.to_owned()),
        },
        "ERROR" => Status::Error {
            message: words(body),
        },
        _ => Status::Unrecognized { raw_status },
    };
    let amount = |key| body.get(key).and_then(Json::number::<H>);
    Ok(VideoStatus {
        status,
        generated_content: body.get("generatedContent").and_then(clips::<H>),
        credits_total: amount("creditsTotal"),
        credits_used: amount("creditsUsed"),
    })
}

/// The server's own words: `message`, `error` or `detail`, a text or an object with one of these.
pub(super) fn words(body: &Json<'_>) -> Option<String> {
    const NAMES: [&str; 3] = ["message", "error", "detail"];
    let mut members = NAMES.iter().filter_map(|name| body.get(name));
    members.find_map(|value| {
        let text = value.text().map(str::to_owned);
        text.or_else(|| NAMES.iter().find_map(|name| member_text(value, name)))
    })
}

fn member_text(object: &Json<'_>, key: &str) -> Option<String> {
    object.get(key)?.text().map(str::to_owned)
}

/// One sister endpoint writes a status in lower case, so case and separators carry no meaning.
fn normalised(status: &str) -> String {
    let meaning = status
        .chars()
        .filter(|c| !matches!(c, '-' | '_') && !c.is_whitespace());
    meaning.map(|c| c.to_ascii_uppercase()).collect()
}

fn clips<H: Host>(list: &Json<'_>) -> Option<Vec<GeneratedContent>> {
    let Json::List(items) = list else {
        return None;
    };
    let objects = items.iter().filter(|item| item.is_object());
    Some(
        objects
            .map(|clip| {
                let field = |key| member_text(clip, key);
                GeneratedContent {
                    id: identifier::<H>(clip, "id"),
                    url: field("url"),
                    effect: field("effect"),
                    format: field("format"),
                    category: field("category"),
                    text: field("text"),
                    status: match normalised(&field("status").unwrap_or_default()).as_str() {
                        "PENDING" => ContentStatus::Pending,
                        "SUCCESS" => ContentStatus::Success,
                        "ERROR" => ContentStatus::Error,
                        _ => ContentStatus::Unrecognized,
                    },
                }
            })
            .collect(),
    )
}

/// The name is not documented: the likely ones first, else the only web address in the body.
fn video_url(body: &Json<'_>) -> Option<String> {
    const NAMES: [&str; 5] = ["url", "videoUrl", "video_url", "finalVideoUrl", "outputUrl"];
    let named = NAMES.iter().find_map(|name| web_address(body.get(name)?));
    let found = named.or_else(|| {
        let Json::Object(members) = body else {
            return None;
        };
        let addresses = members.iter().filter_map(|(_, member)| web_address(member));
        // Under a name that says nothing, words that begin with one are none.
        let mut addresses = addresses.filter(|text| !text.contains(char::is_whitespace));
        let only = addresses.next()?;
        addresses.next().is_none().then_some(only)
    });
    found.map(str::to_owned)
}

/// A text that has the scheme of one, and a host.
fn web_address<'a>(member: &'a Json<'_>) -> Option<&'a str> {
    let text = member.text()?.trim();
    let after = |scheme: &str| {
        let (start, rest) = text.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    let rest = after("https://").or_else(|| after("http://"))?;
    let host = rest.split(['/', '?', '#']).next()?;
    (!host.is_empty() && !host.contains(char::is_whitespace)).then_some(text)
}

/// The name is not documented.
fn video_id<H: Host>(body: &Json<'_>) -> Option<String> {
    ["id", "videoId", "video_id"]
        .iter()
        .find_map(|name| identifier::<H>(body, name))
}

/// An id as text; a whole number becomes its digits.
fn identifier<H: Host>(object: &Json<'_>, key: &str) -> Option<String> {
    const EXACT: f64 = 9_007_199_254_740_991.0; // beyond 2^53 - 1 the digits are no longer the server's
    match object.get(key)? {
        Json::Number(text) => {
            let number = H::decimal(text)?;
            let is_exact = number.fract() == 0.0 && number.abs() <= EXACT;
            is_exact.then(|| itoa::Buffer::new().format(number as i64).to_owned())
        }
        other => other.text().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::host::Native;
    use serde_json::{Value, json};

    fn read(body: Value) -> Result<VideoStatus, NotAStatus> {
        decode::<Native>(&Json::read(&body.to_string()).unwrap(), "asked")
    }
    fn said(body: &Value) -> Option<String> {
        words(&Json::read(&body.to_string()).unwrap())
    }
    fn status(body: Value) -> Status {
        read(body).unwrap().status
    }
    fn done(url: &str, id: &str) -> Status {
        Status::Done {
            url: url.to_owned(),
            id: id.to_owned(),
        }
    }

    #[test]
    fn a_status_is_compared_without_case_and_separators() {
        for word in [
            "GENERATING_VIDEO",
            "generating_video",
            "Generating-Video",
            " generating video\n",
        ] {
            assert_eq!(
                status(json!({ "status": word })),
                Status::GeneratingVideo,
                "{word:?}"
            );
        }
        assert_eq!(
            status(json!({ "status": "pending" })),
            Status::Pending { message: None }
        );
    }

    #[test]
    fn names_list_every_variant_in_order() {
        for status in [
            Status::Pending { message: None },
            Status::GeneratingVideo,
            Status::StartRenderingVideo { progress: 0.0 },
            Status::RenderingVideo { progress: 0.0 },
            Status::Done {
                url: String::new(),
                id: String::new(),
            },
            Status::Error { message: None },
            Status::Unrecognized {
                raw_status: String::new(),
            },
        ] {
            assert_eq!(Status::NAMES[status.place() as usize], status.name());
        }
    }

    #[test]
    fn every_documented_status_and_state_is_known_by_its_name() {
        for name in &Status::NAMES[..6] {
            let body = json!({ "status": name, "url": "https://c.test/v" });
            assert_eq!(status(body).name(), *name);
        }
        for &state in ContentStatus::ALL {
            let body =
                json!({ "status": "PENDING", "generatedContent": [{ "status": state.as_str() }] });
            assert_eq!(
                read(body).unwrap().generated_content.unwrap()[0].status,
                state
            );
        }
        for (status, is_final) in [
            (done("https://c.test/v", "v"), true),
            (Status::Error { message: None }, true),
            (Status::Pending { message: None }, false),
            (Status::RenderingVideo { progress: 1.0 }, false),
        ] {
            assert_eq!(status.is_final(), is_final, "{status:?}");
        }
    }

    #[test]
    fn an_unknown_status_is_kept_as_the_server_wrote_it() {
        for word in ["QUEUED", "DONE_SOON", "ｄone"] {
            assert_eq!(
                status(json!({ "status": word })),
                Status::Unrecognized {
                    raw_status: word.into()
                }
            );
        }
    }

    #[test]
    fn a_body_without_a_status_text_is_none() {
        let bodies = [
            json!(null),
            json!([]),
            json!("DONE"),
            json!(1),
            json!({}),
            json!([{ "status": "DONE" }]),
            json!({ "status": null }),
            json!({ "status": 3 }),
            json!({ "status": "  " }),
            json!({ "Status": "DONE" }),
        ];
        for body in bodies {
            assert_eq!(read(body.clone()), Err(NotAStatus::NoStatus), "{body}");
        }
    }

    #[test]
    fn the_final_url_is_found_under_each_name() {
        for name in [
            "url",
            "videoUrl",
            "video_url",
            "finalVideoUrl",
            "outputUrl",
            "somethingNew",
        ] {
            let body =
                json!({ "status": "DONE", name: "https://cdn.test/v.mp4", "note": "no url" });
            assert_eq!(
                status(body),
                done("https://cdn.test/v.mp4", "asked"),
                "{name}"
            );
        }
    }

    #[test]
    fn known_url_names_win_and_an_ambiguous_body_has_none() {
        let body = json!({ "status": "DONE", "thumbnail": "https://cdn.test/t.jpg", "videoUrl": "https://cdn.test/v.mp4" });
        assert_eq!(status(body), done("https://cdn.test/v.mp4", "asked"));
        for body in [
            json!({ "status": "DONE" }),
            json!({ "status": "DONE", "url": "" }),
            json!({ "status": "DONE", "url": "javascript:alert(1)" }),
            json!({ "status": "DONE", "url": "/v.mp4" }),
            json!({ "status": "DONE", "url": "//cdn.test/v.mp4" }),
            json!({ "status": "DONE", "url": "https://" }),
            json!({ "status": "DONE", "url": "http:///v.mp4" }),
            json!({ "status": "DONE", "url": "https://cdn.test is away" }),
            json!({ "status": "DONE", "note": "https://cdn.test/v.mp4 is not there yet" }),
            json!({ "status": "DONE", "url": { "href": "https://cdn.test/v.mp4" } }),
            json!({ "status": "DONE", "a": "https://cdn.test/1", "b": "https://cdn.test/2" }),
        ] {
            assert_eq!(
                read(body.clone()),
                Err(NotAStatus::DoneWithoutUrl),
                "{body}"
            );
        }
    }

    #[test]
    fn a_url_with_blanks_in_its_path_or_around_it_is_one() {
        let body = json!({ "status": "DONE", "videoUrl": "HTTPS://cdn.test/My house.mp4" });
        assert_eq!(status(body), done("HTTPS://cdn.test/My house.mp4", "asked"));
        for name in ["url", "somethingNew"] {
            let body = json!({ "status": "DONE", name: " http://cdn.test\n" });
            assert_eq!(status(body), done("http://cdn.test", "asked"), "{name}");
        }
    }

    #[test]
    fn the_id_is_found_under_each_name_and_may_be_a_number() {
        for (name, value, id) in [
            ("id", json!("a"), "a"),
            ("videoId", json!("b"), "b"),
            ("video_id", json!(42), "42"),
            ("id", json!(""), "asked"),
            ("id", json!(1.5), "asked"),
            ("id", json!(null), "asked"),
        ] {
            let body = json!({ "status": "DONE", "url": "https://c.test/v", name: value });
            assert_eq!(status(body), done("https://c.test/v", id));
        }
    }

    #[test]
    fn the_words_are_found_under_each_name_and_one_level_down() {
        for body in [
            json!({ "message": "why" }),
            json!({ "error": "why" }),
            json!({ "detail": "why" }),
            json!({ "error": { "message": "why" } }),
            json!({ "message": "", "error": "why" }),
            json!({ "message": { "code": 7 }, "detail": { "error": "why" } }),
        ] {
            assert_eq!(said(&body).as_deref(), Some("why"), "{body}");
        }
        assert_eq!(said(&json!({ "message": 5 })), None);
    }

    #[test]
    fn numbers_may_be_texts_and_senseless_ones_are_absent() {
        let amount = |value: Value| {
            read(json!({ "status": "PENDING", "creditsTotal": value }))
                .unwrap()
                .credits_total
        };
        assert_eq!(amount(json!(12.5)), Some(12.5));
        assert_eq!(amount(json!(" 12.5 ")), Some(12.5));
        assert_eq!(amount(json!("1e3")), Some(1000.0));
        for value in [
            json!(-1),
            json!("-1"),
            json!("NaN"),
            json!("Infinity"),
            json!("1e999"),
            json!(""),
            json!("0x10"),
            json!("12 credits"),
            json!(null),
            json!([5]),
            json!(true),
        ] {
            assert_eq!(amount(value.clone()), None, "{value}");
        }
    }

    #[test]
    fn clips_keep_their_order_and_unknown_states() {
        let body = json!({ "status": "GENERATING_VIDEO", "generatedContent": [
            { "id": 7, "url": "https://c.test/1", "effect": "CAMERA_PUSH_IN", "format": "landscape", "status": "SUCCESS" },
            { "status": "pending", "category": "kitchen", "text": "A kitchen" },
            { "status": "cancelled" }, {}, null, "clip",
        ] });
        let clips = read(body).unwrap().generated_content.unwrap();
        let states: Vec<_> = clips.iter().map(|clip| clip.status).collect();
        use ContentStatus::{Pending, Success, Unrecognized};
        assert_eq!(states, [Success, Pending, Unrecognized, Unrecognized]);
        assert_eq!(clips[0].id.as_deref(), Some("7"));
        assert_eq!(clips[1].category.as_deref(), Some("kitchen"));
    }

    #[test]
    fn a_clip_is_written_with_public_names_and_without_what_is_missing() {
        for &state in ContentStatus::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        let clip = GeneratedContent {
            id: Some("a".into()),
            ..GeneratedContent::bare(ContentStatus::Success)
        };
        assert_eq!(
            serde_json::to_value(clip).unwrap(),
            json!({ "id": "a", "status": "success" })
        );
    }

    #[test]
    fn an_omitted_list_differs_from_an_empty_one() {
        let list = |body: Value| read(body).unwrap().generated_content;
        assert_eq!(list(json!({ "status": "PENDING" })), None);
        assert_eq!(
            list(json!({ "status": "PENDING", "generatedContent": null })),
            None
        );
        assert_eq!(
            list(json!({ "status": "PENDING", "generatedContent": [] })),
            Some(vec![])
        );
    }
}
