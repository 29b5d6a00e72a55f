//! Core types to the values of the npm package, and its options back. What goes out is serialised by
//! serde; what comes in is read by hand, which costs a tenth of deserialising it.

use super::value::{get, set};
use crate::core::error::{ErrorCode, Failure};
use crate::core::json;
use crate::core::machine::Update;
use crate::core::options::RawOptions;
use crate::core::progress::Scale;
use crate::core::status::{Status, VideoStatus};
use js_sys::JSON;
use serde::{Serialize, Serializer};
use wasm_bindgen::prelude::*;

/// An object: the members that are there. (Of a struct, serde-wasm-bindgen keeps the names for the next time,
/// which is more code than it saves.)
#[derive(Default)]
struct Plain<'a>(Vec<(&'static str, Member<'a>)>);

enum Member<'a> {
    Text(&'a str),
    Number(f64),
    Flag(bool),
}

impl<'a> Plain<'a> {
    fn put(&mut self, name: &'static str, member: Option<Member<'a>>) {
        self.0.extend(member.map(|member| (name, member)));
    }

    fn text(&mut self, name: &'static str, text: Option<&'a str>) {
        self.put(name, text.map(Member::Text));
    }

    fn number(&mut self, name: &'static str, number: Option<f64>) {
        self.put(name, number.map(Member::Number));
    }

    fn to_js(&self) -> JsValue {
        let serializer = serde_wasm_bindgen::Serializer::new().serialize_maps_as_objects(true);
        self.serialize(&serializer).unwrap_or_default()
    }
}

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, member)| (name, member)))
    }
}

impl Serialize for Member<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Member::Text(text) => serializer.serialize_str(text),
            Member::Number(number) => serializer.serialize_f64(*number),
            Member::Flag(flag) => serializer.serialize_bool(*flag),
        }
    }
}

/// The plain members of `VideoStatus` of the public types, flat as they are there.
fn video(video: &VideoStatus) -> Plain<'_> {
    let mut out = Plain::default();
    out.text("status", Some(video.status.name()));
    match &video.status {
        Status::GeneratingVideo => {}
        Status::StartRenderingVideo { progress } | Status::RenderingVideo { progress } => {
            out.number("progress", Some(*progress));
        }
        Status::Done { url, id } => {
            out.text("url", Some(url));
            out.text("id", Some(id));
        }
        Status::Pending { message } | Status::Error { message } => {
            out.text("message", message.as_deref());
        }
        Status::Unrecognized { raw_status } => out.text("rawStatus", Some(raw_status)),
    }
    out.number("creditsTotal", video.credits_total);
    out.number("creditsUsed", video.credits_used);
    out
}

/// All clips at once: made one by one, the names and texts of many clips would cross the border one by one.
fn clips(video: &VideoStatus) -> JsValue {
    let mut text = String::from("[");
    for clip in video.generated_content.as_deref().unwrap_or_default() {
        text.push_str(if text.len() > 1 { ",{" } else { "{" });
        for (name, member) in [
            ("\"id\":", &clip.id),
            ("\"url\":", &clip.url),
            ("\"effect\":", &clip.effect),
            ("\"format\":", &clip.format),
            ("\"category\":", &clip.category),
            ("\"text\":", &clip.text),
        ] {
            if let Some(member) = member {
                text.push_str(name);
                json::write(member, &mut text);
                text.push(',');
            }
        }
        text.push_str("\"status\":\"");
        text.push_str(clip.status.as_str());
        text.push_str("\"}");
    }
    text.push(']');
    JSON::parse(&text).unwrap_or_default()
}

/// One status on its own, with the body it came from.
pub(super) fn status_to_js(mut status: VideoStatus, raw: &JsValue) -> JsValue {
    if let Status::StartRenderingVideo { progress } | Status::RenderingVideo { progress } =
        &mut status.status
    {
        *progress = Scale::default().read(*progress);
    }
    whole(&video(&status), &status, raw)
}

/// One update of a poll, with the body of the last status.
pub(super) fn update_to_js(update: &Update, raw: &JsValue) -> JsValue {
    let mut out = video(&update.video);
    out.text("videoId", Some(&update.video_id));
    out.number("overall", Some(update.overall));
    out.number("remainingMs", update.remaining_ms.map(|ms| ms as f64));
    out.number("elapsedMs", Some(update.elapsed_ms as f64));
    out.number("requests", Some(update.requests.into()));
    out.text("retrying", update.retrying.map(ErrorCode::as_str));
    whole(&out, &update.video, raw)
}

/// With what is no plain member.
fn whole(members: &Plain<'_>, video: &VideoStatus, raw: &JsValue) -> JsValue {
    let out = members.to_js();
    set(&out, "generatedContent", &clips(video));
    set(&out, "raw", raw);
    out
}

/// What the package makes a `VideoError` of.
pub(super) fn failure_to_js(failure: &Failure) -> JsValue {
    let own_words = failure.code == ErrorCode::InvalidArgument;
    let message = failure.message();
    let mut out = Plain::default();
    out.text("code", Some(failure.code.as_str()));
    out.text("message", Some(&message));
    out.put("retryable", Some(Member::Flag(failure.is_retryable())));
    out.number("httpStatus", failure.http_status.map(Into::into));
    out.text("detail", failure.detail.as_deref().filter(|_| !own_words));
    out.to_js()
}

/// The numbers of `PollOptions`. Anything that is given and is no number becomes one that no check lets pass.
pub(super) fn raw_options(options: &JsValue) -> RawOptions {
    let number = |key| {
        let value = get(options, key);
        (!value.is_undefined()).then(|| value.as_f64().unwrap_or(f64::NAN))
    };
    RawOptions {
        timeout_ms: number("timeoutMs"),
        min_interval_ms: number("minIntervalMs"),
        max_interval_ms: number("maxIntervalMs"),
        max_consecutive_failures: number("maxConsecutiveFailures"),
    }
}
