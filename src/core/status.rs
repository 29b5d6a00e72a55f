//! What the server said: a tolerant reading of the status body. Only a body that carries no status
//! at all is refused; a value this version does not know is kept as it is and never an error.
//!
//! Where a wire fact is only inferred from a sister endpoint, or its name is not documented, the
//! comment says so; every candidate works.

use super::address;
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
        /// The server's word, where it is not the documented `DONE` but another that means it.
        raw_status: Option<String>,
    },
    /// The server gave up.
    #[non_exhaustive]
    Error {
        /// The server's words (name not documented).
        message: Option<String>,
        /// The server's word, where it is not the documented `ERROR` but another that means it.
        raw_status: Option<String>,
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
    /// `progress` came with a percent sign, which proves its scale. Only in an
    /// [`Answer`](super::answer::Answer).
    pub is_percent: bool,
}

impl VideoStatus {
    /// A status that came alone.
    pub(super) const fn bare(status: Status) -> Self {
        Self {
            status,
            generated_content: None,
            credits_total: None,
            credits_used: None,
            is_percent: false,
        }
    }
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

/// `DONE`, and words that mean it, as [`normalised`] writes them. The documentation has none of those, so they count only
/// together with what nothing but a finished video has: its address.
const FINISHED: &str = "DONE COMPLETE COMPLETED FINISHED READY SUCCEEDED SUCCESS SUCCESSFUL";
/// Words that mean the documented `ERROR`. One alone may be of a clip that is about to be generated again, so what
/// follows from them is for the machine to say.
const FAILED: &str =
    "ABORTED CANCELED CANCELLED ERRORED EXPIRED FAILED FAILURE REJECTED TERMINATED TIMEDOUT";

/// Decodes a body for the video that was asked for.
///
/// # Errors
/// A body that carries no status, or `DONE` without the video.
pub(super) fn decode<H: Host>(body: &Json<'_>, asked_id: &str) -> Result<VideoStatus, NotAStatus> {
    if !body.is_object() {
        return Err(NotAStatus::NoStatus);
    }
    let raw_status = member_text(body, "status").ok_or(NotAStatus::NoStatus)?;
    let share = body.get("progress").and_then(Json::share::<H>);
    let (progress, is_percent) = share.unwrap_or_default();
    let word = normalised(&raw_status);
    let done = |url, raw_status| Status::Done {
        url,
        id: video_id::<H>(body).unwrap_or_else(|| asked_id.to_owned()),
        raw_status,
    };
    let status = match word.as_str() {
        "PENDING" => Status::Pending {
            message: words(body),
        },
        "GENERATINGVIDEO" => Status::GeneratingVideo,
        "STARTRENDERINGVIDEO" => Status::StartRenderingVideo { progress },
        "RENDERINGVIDEO" => Status::RenderingVideo { progress },
        "DONE" => done(video_url(body).ok_or(NotAStatus::DoneWithoutUrl)?, None),
        "ERROR" => Status::Error {
            message: failure_words(body),
            raw_status: None,
        },
        _ => match has_word(FINISHED, &word).then(|| video_url(body)).flatten() {
            Some(url) => done(url, Some(raw_status)),
            None => Status::Unrecognized { raw_status },
        },
    };
    let amount = |key| body.get(key).and_then(Json::number::<H>);
    Ok(VideoStatus {
        is_percent: is_percent
            && matches!(
                status,
                Status::StartRenderingVideo { .. } | Status::RenderingVideo { .. }
            ),
        status,
        generated_content: body.get("generatedContent").and_then(clips::<H>),
        credits_total: amount("creditsTotal"),
        credits_used: amount("creditsUsed"),
    })
}

/// The end that a status this version does not know stands for, if its word means failure.
pub(super) fn failure_meant(status: &Status, body: &Json<'_>) -> Option<Status> {
    let Status::Unrecognized { raw_status } = status else {
        return None;
    };
    has_word(FAILED, &normalised(raw_status)).then(|| Status::Error {
        message: failure_words(body),
        raw_status: Some(raw_status.clone()),
    })
}

/// Parts of the names under which a server says what is wrong, as [`normalised`] writes them, the most telling first:
/// `errorMessage`, `errorDetails`, `failure_reason`, `errors`, ... None is documented.
const WORDS: &str = "ERRORM ERRORD REASON ERROR FAIL MESSAGE DETAIL";
/// The same within what stands under one of these.
const INNER_WORDS: &str = "ERRORM ERRORD REASON ERROR FAIL MESSAGE DETAIL DESCRIPTION TITLE CODE";
/// How many objects and lists are gone into for words, one in the other.
const WORDS_DEPTH: u32 = 4;

/// The server's own words: `message`, else what says that something is wrong.
pub(super) fn words(body: &Json<'_>) -> Option<String> {
    let words = |names| words_in(body, names, WORDS_DEPTH);
    body.is_object()
        .then(|| words("MESSAGE").or_else(|| words(WORDS)))?
}

/// The same of a failure: `message` may be no more than "success" or "done" beside them.
fn failure_words(body: &Json<'_>) -> Option<String> {
    words_in(body, WORDS, WORDS_DEPTH)
}

/// The first text under one of these names, or in what stands there.
fn words_in(value: &Json<'_>, names: &str, depth: u32) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    match value {
        Json::Object(members) => names.split(' ').find_map(|known| {
            members.iter().rev().find_map(|(name, value)| {
                let name = normalised(name);
                // A code is not for people, where there is anything else.
                let is_known =
                    has_part(&name, known) && (known == "CODE" || !has_part(&name, "CODE"));
                words_in(value, INNER_WORDS, depth).filter(|_| is_known)
            })
        }),
        Json::List(items) => items
            .iter()
            .find_map(|item| words_in(item, INNER_WORDS, depth)),
        _ => value.text().map(str::to_owned),
    }
}

fn member_text(object: &Json<'_>, key: &str) -> Option<String> {
    object.get(key)?.text().map(str::to_owned)
}

/// One sister endpoint writes a status in lower case, so case and separators carry no meaning; nor do they in the name
/// of a member, since the API's own names are known in part only.
fn normalised(word: &str) -> String {
    let letters = word
        .chars()
        .filter(|c| !matches!(c, '-' | '_') && !c.is_whitespace());
    letters.map(|c| c.to_ascii_uppercase()).collect()
}

fn has_word(words: &str, word: &str) -> bool {
    words.split(' ').any(|known| known == word)
}

pub(super) fn has_part(name: &str, part: &str) -> bool {
    let rest = |at| name.as_bytes().get(at..);
    (0..name.len()).any(|at| rest(at).is_some_and(|rest| rest.starts_with(part.as_bytes())))
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

/// Names of the finished video's address, as [`normalised`] writes them, the likeliest first. None is documented.
const URL_NAMES: &str = "URL VIDEOURL FINALVIDEOURL OUTPUTURL";
/// How many these are.
const RANKS: usize = 4;
/// How many levels of objects may hold that address, the body being the first. A list is no level of its own.
const URL_LEVELS: usize = 3;
/// Parts of names that say of an address, whatever its own name is, that it is the video's.
const VIDEO_NAMES: &str = "VIDEO OUTPUT";
/// Parts of names that say that what stands there is something else: pictures and sounds, ways to other pages and
/// services, and what a body repeats of the request or of the parts of the video.
const OTHER_NAMES: &str = "THUMB POSTER PREVIEW COVER IMAGE PICTURE PHOTO LOGO ICON FRAME MUSIC AUDIO SUBTITLE HOOK CALLBACK DOC HELP SUPPORT STATUS CANCEL SELF PAGE SCHEMA USER GENERATEDCONTENT SEQUENCE MEDIAS CLIPS ANALYSIS INPUT REQUEST PARAM OPTION META TEMPLATE";
/// Endings of a path that say the same.
const OTHER_ENDINGS: &str =
    "JPG JPEG PNG WEBP GIF SVG AVIF JSON HTML HTM XML TXT PDF CSS JS MP3 WAV SRT VTT ZIP";
/// After all addresses under a likely name comes one in the body that has such a name, but another ending,
const ODD_ENDING: usize = URL_LEVELS * RANKS;
/// and then those without such a name.
const UNNAMED: usize = ODD_ENDING + 1;
/// Anything else is none.
const NONE: usize = UNNAMED + 1;

/// Where the finished video is. Its name is not documented, so:
///
/// 1. An address under a likely name counts: in the body, else in an object of the second level, else of the third; and
///    of two names the likelier one.
/// 2. Where none has such a name, an address under any name in the body does, or deeper under a name that speaks of a
///    video or an output. But a likely name without an address means that there is no video yet, and then any other
///    address beside it or below it is likely to be of something else.
///
/// Nothing counts under a name that says that it is something else, or in an object with a status of its own that is
/// not done; and no address whose ending says so, but in the body under a likely name, for want of a better one. Two
/// equally good ones that differ are none, for nobody knows which of them it is.
fn video_url(body: &Json<'_>) -> Option<String> {
    let mut found = Candidate {
        rank: NONE,
        address: None,
    };
    let body_itself = Place {
        level: 0,
        rank: NONE,
        is_of_video: false,
        is_denied: false,
    };
    found.search(body, body_itself);
    found.address
}

/// The best address so far; none where there are two as good.
struct Candidate {
    rank: usize,
    address: Option<String>,
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place {
    level: usize,
    /// How good an address would be here, the lower the better.
    rank: usize,
    /// A name above it speaks of the video.
    is_of_video: bool,
    /// Without a likely name none counts here.
    is_denied: bool,
}

impl Candidate {
    fn search(&mut self, value: &Json<'_>, place: Place) {
        match value {
            Json::Text(text) => self.add(text, place),
            Json::List(items) => {
                for item in items {
                    self.search(item, place);
                }
            }
            Json::Object(members) if place.level < URL_LEVELS && !is_under_way(value) => {
                let likely = |name: &str| URL_NAMES.split(' ').position(|known| known == name);
                let mut names = members.iter().map(|(name, _)| normalised(name));
                let is_denied = place.is_denied || names.any(|name| likely(&name).is_some());
                for (name, value) in members {
                    let name = normalised(name);
                    let has = |words: &str| words.split(' ').any(|word| has_part(&name, word));
                    // No server has so long a name, in which every word would be looked for.
                    if name.len() > 64 || has(OTHER_NAMES) {
                        continue;
                    }
                    let is_of_video = place.is_of_video || has(VIDEO_NAMES);
                    let is_in_body = place.level == 0 && matches!(value, Json::Text(_));
                    let rank = match likely(&name) {
                        Some(rank) => place.level * RANKS + rank,
                        None if !is_denied && (is_of_video || is_in_body) => UNNAMED,
                        None => NONE,
                    };
                    let inner = Place {
                        level: place.level + 1,
                        rank,
                        is_of_video,
                        is_denied,
                    };
                    self.search(value, inner);
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, text: &str, place: Place) {
        let Some(address) = address::read(text) else {
            return;
        };
        // Under a name that says nothing, words that begin with an address are none.
        let is_sentence = !place.is_of_video && text.trim().bytes().any(|byte| byte <= b' ');
        let rank = match place.rank {
            UNNAMED if is_sentence => NONE,
            rank if !ends_like_other(&address) => rank,
            rank if rank < RANKS => ODD_ENDING,
            _ => NONE,
        };
        if rank == NONE || rank > self.rank {
            return;
        }
        let differs = rank == self.rank && self.address.as_ref() != Some(&address);
        self.rank = rank;
        self.address = Some(address).filter(|_| !differs);
    }
}

/// An object with a state of its own, in which it is not finished: a clip, say, or a job within the answer.
fn is_under_way(object: &Json<'_>) -> bool {
    let status = object.get("status").and_then(Json::text);
    status.is_some_and(|status| !has_word(FINISHED, &normalised(status)))
}

/// Whether the ending of its path says that an address leads to something else than a video.
fn ends_like_other(address: &str) -> bool {
    let (mut slashes, mut dot, mut end) = (0, None, 0);
    for byte in address.bytes() {
        match byte {
            b'?' | b'#' => break,
            b'/' | b'\\' => (slashes, dot) = (slashes + 1, None),
            b'.' => dot = Some(end + 1),
            _ => {}
        }
        end += 1;
    }
    // Two stand before the host, and the third before the path.
    let ending = dot
        .filter(|_| slashes > 2)
        .and_then(|dot| address.get(dot..end));
    ending.is_some_and(|ending| has_word(OTHER_ENDINGS, &normalised(ending)))
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
            raw_status: None,
        }
    }
    const ERROR: Status = Status::Error {
        message: None,
        raw_status: None,
    };
    const U: &str = "https://cdn.test/v.mp4";
    const PICTURE: &str = "https://cdn.test/t.jpg";
    /// The video's address in a body that says `DONE` beside these members.
    fn url_in(members: Value) -> Option<String> {
        let mut body = json!({ "status": "DONE" });
        let all = body.as_object_mut().unwrap();
        all.extend(members.as_object().unwrap().clone());
        match read(body) {
            Ok(VideoStatus {
                status: Status::Done { url, .. },
                ..
            }) => Some(url),
            Err(NotAStatus::DoneWithoutUrl) => None,
            other => panic!("{other:?}"),
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
            done("", ""),
            ERROR,
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
            (ERROR, true),
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
    fn what_its_name_or_its_ending_says_is_something_else_is_never_the_video() {
        for name in [
            "thumbnail",
            "thumbnailUrl",
            "thumb",
            "poster",
            "posterUrl",
            "preview_url",
            "coverImage",
            "image",
            "imageUrl",
            "logo",
            "logoUrl",
            "icon",
            "favicon",
            "firstFrame",
            "webhookUrl",
            "webhook_url",
            "callback",
            "callbackUrl",
            "documentation_url",
            "docs",
            "docsUrl",
            "help",
            "helpUrl",
            "supportUrl",
            "statusUrl",
            "cancelUrl",
            "self",
            "page_url",
            "$schema",
            "music",
            "audioUrl",
            "subtitles",
            "inputUrl",
            "request",
            "metadata",
        ] {
            // It is no video, whatever it ends in; and it is in the way of none.
            assert_eq!(url_in(json!({ name: U })), None, "{name}");
            assert_eq!(
                url_in(json!({ name: "https://cdn.test/x" })),
                None,
                "{name}"
            );
            assert_eq!(url_in(json!({ name: { "url": U } })), None, "{name}");
            assert_eq!(
                url_in(json!({ "link": U, name: PICTURE })).as_deref(),
                Some(U)
            );
            assert_eq!(
                url_in(json!({ "link": U, name: { "url": PICTURE } })).as_deref(),
                Some(U)
            );
        }
        for ending in [
            "jpg", "jpeg", "png", "webp", "gif", "svg", "avif", "json", "html", "htm", "xml",
            "txt", "pdf", "css", "js", "mp3", "wav", "srt", "vtt", "zip", "JPG", "Png",
        ] {
            for rest in ["", "?a=b.mp4", "#v.mp4"] {
                let other = format!("https://cdn.test/a/t.{ending}{rest}");
                assert_eq!(url_in(json!({ "link": other })), None, "{other}");
                assert_eq!(
                    url_in(json!({ "video": { "url": other } })),
                    None,
                    "{other}"
                );
                assert_eq!(url_in(json!({ "output": [other] })), None, "{other}");
                assert_eq!(
                    url_in(json!({ "link": other, "file": U })).as_deref(),
                    Some(U)
                );
                assert_eq!(
                    url_in(json!({ "url": other, "videoUrl": U })).as_deref(),
                    Some(U)
                );
                // Under a likely name there is nothing better than what the server says.
                assert_eq!(url_in(json!({ "url": other })), Some(other));
            }
        }
        for address in [
            "https://cdn.test/v",
            "https://cdn.test/v.webm",
            "https://cdn.test/v.mov",
            "https://cdn.test/v.m3u8",
            "https://cdn.test/jpg",
            "https://cdn.test/a.jpg/v",
            "https://cdn.zip/v",
            "https://cdn.png",
            "https://cdn.png/",
            "https://cdn.test/v?poster=t.jpg",
            "https://cdn.test/.mp4",
        ] {
            assert_eq!(url_in(json!({ "link": address })).as_deref(), Some(address));
        }
    }

    #[test]
    fn a_likely_name_without_an_address_says_that_there_is_no_video_yet() {
        for nothing in [
            json!(null),
            json!(""),
            json!("/v.mp4"),
            json!("//cdn.test/v.mp4"),
            json!("gs://b/v.mp4"),
            json!(5),
            json!({}),
            json!({ "href": U }),
            json!([]),
        ] {
            for name in [
                "url",
                "videoUrl",
                "video_url",
                "finalVideoUrl",
                "outputUrl",
                "OUTPUT_URL",
            ] {
                for other in ["link", "video", "thumbnailUrl"] {
                    let members = json!({ name: nothing, other: U });
                    assert_eq!(url_in(members.clone()), None, "{members}");
                }
            }
            // But another likely name may have it.
            assert_eq!(
                url_in(json!({ "url": nothing, "outputUrl": U })).as_deref(),
                Some(U)
            );
            assert_eq!(
                url_in(json!({ "url": nothing, "video": { "url": U } })).as_deref(),
                Some(U)
            );
        }
    }

    #[test]
    fn the_video_is_found_in_three_levels_and_in_lists() {
        for members in [
            json!({ "video": { "url": U } }),
            json!({ "data": { "url": U } }),
            json!({ "result": { "videoUrl": U } }),
            json!({ "data": { "video": { "url": U } } }),
            json!({ "videos": [{ "url": U }] }),
            json!({ "data": { "videos": [{ "final_video_url": U }] } }),
            json!({ "videos": [[{ "url": U }]] }),
            json!({ "videos": [{ "url": U }, { "url": U, "quality": "hd" }] }),
            json!({ "url": [U] }),
            json!({ "output": [U] }),
            json!({ "outputs": [[U]] }),
            json!({ "output": [U], "thumbnail": PICTURE }),
            json!({ "output": { "mp4": U, "poster": PICTURE } }),
            json!({ "output": { "mp4": U, "gif": PICTURE } }),
            json!({ "data": { "output": [U] } }),
            json!({ "data": { "videoFile": U } }),
            json!({ "video": { "file": { "link": U } } }),
            json!({ "video": U }),
            json!({ "video": { "url": U, "thumbnail": { "url": PICTURE } } }),
            json!({ "video": { "url": U, "status": "done" } }),
            json!({ "videos": [{ "url": U, "status": "success" }, { "url": PICTURE, "status": "error" }] }),
            // The body's own comes first.
            json!({ "url": U, "video": { "url": "https://cdn.test/other.mp4" } }),
            json!({ "data": { "url": U, "video": { "url": "https://cdn.test/other.mp4" } } }),
            json!({ "video": { "url": U }, "logo": { "url": "https://cdn.test/l" }, "generatedContent": [{ "url": "https://cdn.test/1.mp4" }] }),
        ] {
            assert_eq!(url_in(members.clone()).as_deref(), Some(U), "{members}");
        }
        for members in [
            json!({ "a": { "b": { "c": { "url": U } } } }),
            json!({ "a": { "b": { "c": { "video": U } } } }),
            json!({ "data": { "link": U } }),
            json!({ "links": [U] }),
            json!({ "video": { "url": null, "link": U } }),
            json!({ "video": { "url": U, "status": "PENDING" } }),
        ] {
            assert_eq!(url_in(members.clone()), None, "{members}");
        }
    }

    #[test]
    fn what_a_body_repeats_of_the_request_or_its_parts_is_never_the_video() {
        for name in [
            "generatedContent",
            "generated_content",
            "sequences",
            "medias",
            "image_urls",
            "imageUrls",
            "analysis",
            "input",
            "inputs",
            "request",
            "originalRequest",
            "music",
            "logo",
            "clips",
            "params",
            "options",
            "metadata",
            "template",
        ] {
            for content in [
                json!(U),
                json!([U]),
                json!({ "url": U }),
                json!([{ "url": U }]),
                json!({ "video": { "url": U } }),
                json!([{ "videoUrl": [U] }]),
                json!({ "output": U }),
            ] {
                assert_eq!(url_in(json!({ name: content })), None, "{name}: {content}");
                assert_eq!(
                    url_in(json!({ "data": { name: content } })),
                    None,
                    "{name}: {content}"
                );
                let beside = json!({ "video": { "url": U }, name: [{ "url": "https://cdn.test/other.mp4" }] });
                assert_eq!(url_in(beside).as_deref(), Some(U));
            }
        }
    }

    #[test]
    fn two_addresses_that_differ_are_none() {
        let other = "https://cdn.test/2.mp4";
        for members in [
            json!({ "a": U, "b": other }),
            json!({ "video": U, "link": other }),
            json!({ "output": [U, other] }),
            json!({ "url": [U, other] }),
            json!({ "videos": [{ "url": U }, { "url": other }] }),
            json!({ "video": { "url": U }, "data": { "url": other } }),
            json!({ "output": { "mp4": U, "webm": other } }),
            json!({ "videos": [{ "a": U }, { "a": other }] }),
        ] {
            assert_eq!(url_in(members.clone()), None, "{members}");
        }
    }

    #[test]
    fn a_body_that_is_broad_or_deep_or_has_long_names_is_searched_all_the_same() {
        let wide = |inner: &Value| Value::from(vec![inner.clone(); 150]);
        let broad = json!({ "aa": wide(&json!({ "bb": wide(&json!({ "c": 1 })) })) });
        let mut deep = json!(U);
        for _ in 0..40 {
            deep = json!({ "video": [deep] });
        }
        let long = json!({ ("x".repeat(900_000)): U });
        for members in [broad, deep, long] {
            assert_eq!(url_in(members), None);
        }
    }

    #[test]
    fn what_a_url_parser_takes_is_an_address_and_is_given_as_it_takes_it() {
        for (text, address) in [
            (
                "https://cdn.test/my video.mp4",
                "https://cdn.test/my%20video.mp4",
            ),
            ("https://cdn.test/v.mp4\n", U),
            ("\u{a0}https://cdn.test/v.mp4\u{a0}", U),
            ("\t\r\n https://cdn.test/v.mp4 \u{3000}", U),
            ("\u{0}https://cdn.test/v.mp4\u{a0}\u{1f}", U),
            ("https://cdn.test/\tv.\nmp4", U),
            (
                "HTTPS://cdn.test/My house.mp4?a=b c",
                "HTTPS://cdn.test/My%20house.mp4?a=b%20c",
            ),
            ("http://cdn.test", "http://cdn.test"),
            ("https://cdn.test:8443/v.mp4", "https://cdn.test:8443/v.mp4"),
            ("https://cdn.test:/v.mp4", "https://cdn.test:/v.mp4"),
            (
                "https://cdn.test:00080/v.mp4",
                "https://cdn.test:00080/v.mp4",
            ),
            ("https://u:p@cdn.test/v.mp4", "https://u:p@cdn.test/v.mp4"),
            ("https://127.0.0.1:80/v", "https://127.0.0.1:80/v"),
            ("https://[::1]/v", "https://[::1]/v"),
            ("https://[2001:db8::7]:443/v", "https://[2001:db8::7]:443/v"),
            ("https://[1:2:3:4:5:6:7:8]/v", "https://[1:2:3:4:5:6:7:8]/v"),
            (
                "https://cdn.test/\u{e9}t\u{e9}.mp4",
                "https://cdn.test/\u{e9}t\u{e9}.mp4",
            ),
            ("https://vid\u{e9}o.test/v", "https://vid\u{e9}o.test/v"),
            ("https://cdn.test\\v.mp4", "https://cdn.test\\v.mp4"),
            ("https://a_b-c.test./v", "https://a_b-c.test./v"),
        ] {
            assert_eq!(
                url_in(json!({ "url": text })).as_deref(),
                Some(address),
                "{text:?}"
            );
            assert_eq!(
                url_in(json!({ "output": [text] })).as_deref(),
                Some(address),
                "{text:?}"
            );
        }
    }

    #[test]
    fn what_no_url_parser_takes_is_no_address_and_the_next_name_is_tried() {
        for text in [
            "https://",
            "https:// /v",
            "http:///v.mp4",
            "https://?v",
            "https://#v",
            "https://:443/v",
            "https://u@/v",
            "https://cdn.test:99999/v.mp4",
            "https://cdn.test:65536/v",
            "https://cdn.test:8a/v",
            "https://cdn.test:-1/v",
            "https://cdn.test:+1/v",
            "https://cdn.test:1:2/v",
            "https://cdn.test:99999999999999999999999/v",
            "https://cdn.test is away",
            "https://cdn test/v",
            "https://cdn<test/v",
            "https://cdn|test/v",
            "https://cdn^test/v",
            "https://cdn[test/v",
            "https://cdn%20test/v",
            "https://cdn.test%/v",
            "https://cdn\u{7f}test/v",
            "https://256.1.1.1/v",
            "https://1.2.3.4.5/v",
            "https://1.2.3.08/v",
            "https://cdn.test.7/v",
            "https://cdn.0x7g.0x7f/v",
            "https://[/v",
            "https://[]/v",
            "https://[::1/v",
            "https://[::1]x/v",
            "https://[::1]:x/v",
            "https://[::g]/v",
            "://cdn.test/v",
            "ftp://cdn.test/v",
            "httpx://cdn.test/v",
            "https//cdn.test",
            "h",
            "http",
            "https:",
            "\u{e9}",
        ] {
            assert_eq!(url_in(json!({ "url": text })), None, "{text:?}");
            assert_eq!(url_in(json!({ "link": text })), None, "{text:?}");
            assert_eq!(
                url_in(json!({ "url": text, "videoUrl": U })).as_deref(),
                Some(U),
                "{text:?}"
            );
        }
    }

    #[test]
    fn words_that_begin_with_an_address_are_none_unless_a_name_says_so() {
        let words = "https://cdn.test/v.mp4 is there";
        assert_eq!(url_in(json!({ "note": words })), None);
        assert_eq!(
            url_in(json!({ "note": words, "link": U })).as_deref(),
            Some(U)
        );
        let spaced = url_in(json!({ "finalVideo": "https://cdn.test/my video.mp4" }));
        assert_eq!(spaced.as_deref(), Some("https://cdn.test/my%20video.mp4"));
    }

    #[test]
    fn another_word_for_done_counts_with_the_video_alone() {
        for word in [
            "completed",
            "Complete",
            "succeeded",
            "SUCCESS",
            "successful",
            "finished",
            "ready",
        ] {
            let body = json!({ "status": word, "data": { "url": U }, "id": "v" });
            assert_eq!(
                status(body),
                Status::Done {
                    url: U.into(),
                    id: "v".into(),
                    raw_status: Some(word.into())
                }
            );
            for members in [
                json!({}),
                json!({ "url": null }),
                json!({ "thumbnail": PICTURE }),
                json!({ "generatedContent": [{ "url": U }] }),
            ] {
                let mut body = members;
                body["status"] = json!(word);
                assert_eq!(
                    status(body),
                    Status::Unrecognized {
                        raw_status: word.into()
                    }
                );
            }
        }
        // An envelope that says how the request went has the job's status inside.
        let body =
            json!({ "status": "success", "data": { "status": "RENDERING_VIDEO", "url": U } });
        assert_eq!(status(body).name(), "UNRECOGNIZED");
        for word in ["failed", "queued", "done soon", "incomplete"] {
            let body = json!({ "status": word, "url": U });
            assert_eq!(status(body).name(), "UNRECOGNIZED", "{word}");
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
        assert_eq!(
            said(&json!({ "error": "Bad Request", "message": "why" })).as_deref(),
            Some("why")
        );
    }

    #[test]
    fn of_a_failure_the_words_of_the_error_come_first() {
        for members in [
            json!({ "errorMessage": "why" }),
            json!({ "error_message": "why" }),
            json!({ "failure_reason": "why" }),
            json!({ "failureReason": "why", "message": "success" }),
            json!({ "failure": { "reason": "why" } }),
            json!({ "reason": "why" }),
            json!({ "errors": [{ "message": "why" }] }),
            json!({ "errors": ["why", "more"] }),
            json!({ "errors": [{}, null, { "code": 7, "detail": "why" }] }),
            json!({ "error": { "code": "X1", "reason": "why" } }),
            json!({ "error": { "error": { "message": "why" } } }),
            json!({ "error": { "description": "why" } }),
            json!({ "error": { "code": "why" } }),
            json!({ "message": "success", "error": "why" }),
            json!({ "message": "success", "error": "why", "description": "A house" }),
            json!({ "error": "E1", "errorMessage": "why" }),
            json!({ "error": null, "message": "why" }),
            json!({ "error": true, "errors": [], "detail": "why" }),
            json!({ "message": "why" }),
        ] {
            let mut body = members;
            body["status"] = json!("ERROR");
            let Status::Error {
                message,
                raw_status: None,
            } = status(body.clone())
            else {
                panic!("{body}");
            };
            assert_eq!(message.as_deref(), Some("why"), "{body}");
        }
        for members in [
            json!({}),
            json!({ "code": 7 }),
            json!({ "description": "A house" }),
            json!({ "errors": [] }),
            json!({ "generatedContent": [{ "error": "of a clip" }] }),
            json!({ "error": { "error": { "error": { "error": "too deep" } } } }),
        ] {
            let mut body = members;
            body["status"] = json!("ERROR");
            assert_eq!(status(body), ERROR);
        }
    }

    #[test]
    fn a_percent_sign_is_told_with_progress() {
        for (progress, wire, is_percent) in [
            (json!("45%"), 45.0, true),
            (json!("80 %"), 80.0, true),
            (json!("0.5%"), 0.5, true),
            (json!("45"), 45.0, false),
            (json!(0.45), 0.45, false),
            (json!("x%"), 0.0, false),
        ] {
            let video = read(json!({ "status": "RENDERING_VIDEO", "progress": progress })).unwrap();
            assert_eq!(video.status, Status::RenderingVideo { progress: wire });
            assert_eq!(video.is_percent, is_percent, "{progress}");
        }
        let pending = read(json!({ "status": "PENDING", "progress": "5%" })).unwrap();
        assert!(!pending.is_percent, "which has no progress");
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
