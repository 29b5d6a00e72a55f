//! Core types to the values of the npm package, and its options back. Updates go out as text, at once; errors by serde;
//! what comes in is read by hand, which costs a tenth of deserialising it.

use super::value::{get, set};
use crate::core::error::{ErrorCode, Failure};
use crate::core::json;
use crate::core::machine::{Retry, Update};
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

/// The text of an object, for JavaScript's own reader: it makes all of it at once, where each name and each text
/// that crosses the border by itself costs more than a clip. Names come with what stands around them.
struct Written(String);

impl Written {
    fn text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.0.push_str(name);
            json::write(text, &mut self.0);
        }
    }

    fn whole(&mut self, name: &str, number: Option<u64>) {
        if let Some(number) = number {
            self.0.push_str(name);
            self.0.push_str(itoa::Buffer::new().format(number));
        }
    }
}

#[wasm_bindgen]
extern "C" {
    /// What was made of such a text. Fractions are added to it, for writing them takes more code than all else here.
    type Made;
    #[wasm_bindgen(method, setter, structural)]
    fn set_progress(this: &Made, share: f64);
    #[wasm_bindgen(method, setter, structural)]
    fn set_overall(this: &Made, share: f64);
    #[wasm_bindgen(method, setter, structural, js_name = creditsTotal)]
    fn set_credits_total(this: &Made, credits: f64);
    #[wasm_bindgen(method, setter, structural, js_name = creditsUsed)]
    fn set_credits_used(this: &Made, credits: f64);
    #[wasm_bindgen(method, setter, structural)]
    fn set_raw(this: &Made, raw: &JsValue);
}

/// The members of `VideoStatus` of the public types, flat as they are there, but for the fractions.
fn written(video: &VideoStatus) -> Written {
    let mut out = Written(String::with_capacity(1_024));
    out.text("{\"status\":", Some(video.status.name()));
    match &video.status {
        Status::GeneratingVideo
        | Status::StartRenderingVideo { .. }
        | Status::RenderingVideo { .. } => {}
        Status::Done {
            url,
            id,
            raw_status,
        } => {
            out.text(",\"url\":", Some(url));
            out.text(",\"id\":", Some(id));
            out.text(",\"rawStatus\":", raw_status.as_deref());
        }
        Status::Pending { message } => out.text(",\"message\":", message.as_deref()),
        Status::Error {
            message,
            raw_status,
        } => {
            out.text(",\"message\":", message.as_deref());
            out.text(",\"rawStatus\":", raw_status.as_deref());
        }
        Status::Unrecognized { raw_status } => out.text(",\"rawStatus\":", Some(raw_status)),
    }
    out.0.push_str(",\"generatedContent\":[");
    for (at, clip) in video.generated_content.iter().flatten().enumerate() {
        out.0.push_str(if at == 0 { "" } else { "}," });
        out.text("{\"status\":", Some(clip.status.as_str()));
        out.text(",\"id\":", clip.id.as_deref());
        out.text(",\"url\":", clip.url.as_deref());
        out.text(",\"effect\":", clip.effect.as_deref());
        out.text(",\"format\":", clip.format.as_deref());
        out.text(",\"category\":", clip.category.as_deref());
        out.text(",\"text\":", clip.text.as_deref());
    }
    let has_none = out.0.ends_with('[');
    out.0.push_str(if has_none { "]" } else { "}]" });
    out
}

/// One status on its own, with the body it came from.
pub(super) fn status_to_js(mut status: VideoStatus, raw: &JsValue) -> JsValue {
    if let Status::StartRenderingVideo { progress } | Status::RenderingVideo { progress } =
        &mut status.status
    {
        *progress = Scale::default().read(*progress, status.is_percent);
    }
    made(written(&status), &status, raw).into()
}

/// One update of a poll, with the body of the last status.
pub(super) fn update_to_js(update: &Update, raw: &JsValue) -> JsValue {
    let mut out = written(&update.video);
    out.text(",\"videoId\":", Some(&update.video_id));
    out.whole(",\"remainingMs\":", update.remaining_ms);
    out.whole(",\"elapsedMs\":", Some(update.elapsed_ms));
    out.whole(",\"requests\":", Some(update.requests.into()));
    out.text(",\"retrying\":", update.retrying.map(ErrorCode::as_str));
    let out = made(out, &update.video, raw);
    out.set_overall(update.overall);
    out.into()
}

/// The object, with what is not in its text.
fn made(Written(mut text): Written, video: &VideoStatus, raw: &JsValue) -> Made {
    text.push('}');
    let out: Made = JSON::parse(&text).unwrap_or_default().unchecked_into();
    if let Status::StartRenderingVideo { progress } | Status::RenderingVideo { progress } =
        video.status
    {
        out.set_progress(progress);
    }
    if let Some(credits) = video.credits_total {
        out.set_credits_total(credits);
    }
    if let Some(credits) = video.credits_used {
        out.set_credits_used(credits);
    }
    out.set_raw(raw);
    out
}

/// What the package makes a `VideoError` of: a failure without an error of the host's behind it.
pub(super) fn failure_to_js(failure: &Failure) -> JsValue {
    failed_to_js(failure, &JsValue::UNDEFINED)
}

/// The same with what the host threw.
pub(super) fn failed_to_js(failure: &Failure, thrown: &JsValue) -> JsValue {
    let message = failure.message();
    let mut out = described(failure, &message);
    out.put("retryable", Some(Member::Flag(failure.is_retryable())));
    out.text("url", failure.url.as_deref());
    let out = out.to_js();
    set_cause(&out, thrown);
    if let Some(cause) = failure.cause {
        let mut cause = Failure::from(cause);
        cause.url.clone_from(&failure.url);
        set(&out, "failure", &failure_to_js(&cause));
    }
    out
}

/// A `RetryNotice`.
pub(super) fn retry_to_js(video_id: &str, retry: &Retry, thrown: &JsValue) -> JsValue {
    let message = retry.failure.message();
    let mut out = described(&retry.failure, &message);
    out.text("videoId", Some(video_id));
    out.text(
        "url",
        Some(retry.failure.url.as_deref().unwrap_or_default()),
    );
    out.number("attempt", Some(retry.attempt.into()));
    out.number("nextMs", Some(retry.next_in as f64));
    let out = out.to_js();
    set_cause(&out, thrown);
    out
}

/// What an error and a notice say alike.
fn described<'a>(failure: &'a Failure, message: &'a str) -> Plain<'a> {
    let own_words = failure.code == ErrorCode::InvalidArgument;
    let mut out = Plain::default();
    out.text("code", Some(failure.code.as_str()));
    out.text("reason", Some(failure.reason.as_str()));
    out.text("message", Some(message));
    out.number("httpStatus", failure.http_status.map(Into::into));
    out.text("detail", failure.detail.as_deref().filter(|_| !own_words));
    out
}

fn set_cause(out: &JsValue, thrown: &JsValue) {
    if !thrown.is_undefined() {
        set(out, "cause", thrown);
    }
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
