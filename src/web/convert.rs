//! Core types to the values of the npm package, and its options back. What goes out is serialised by
//! serde; what comes in is read by hand, which costs a tenth of deserialising it.

use super::value::{get, set};
use crate::core::error::{ErrorCode, Failure};
use crate::core::machine::Update;
use crate::core::options::RawOptions;
use crate::core::progress::Scale;
use crate::core::status::{GeneratedContent, Status, VideoStatus};
use serde::Serialize;
use wasm_bindgen::prelude::*;

/// `VideoStatus` or `VideoUpdate` of the public types, flat as they are there.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Video<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_status: Option<&'a str>,
    generated_content: &'a [GeneratedContent],
    #[serde(skip_serializing_if = "Option::is_none")]
    credits_total: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credits_used: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    video_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    overall: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elapsed_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retrying: Option<&'static str>,
}

impl<'a> Video<'a> {
    fn of(video: &'a VideoStatus) -> Self {
        let mut out = Self {
            status: video.status.name(),
            progress: None,
            url: None,
            id: None,
            message: None,
            raw_status: None,
            generated_content: video.generated_content.as_deref().unwrap_or_default(),
            credits_total: video.credits_total,
            credits_used: video.credits_used,
            video_id: None,
            overall: None,
            remaining_ms: None,
            elapsed_ms: None,
            requests: None,
            retrying: None,
        };
        match &video.status {
            Status::GeneratingVideo => {}
            Status::StartRenderingVideo { progress } | Status::RenderingVideo { progress } => {
                out.progress = Some(*progress);
            }
            Status::Done { url, id } => {
                out.url = Some(url);
                out.id = Some(id);
            }
            Status::Pending { message } | Status::Error { message } => {
                out.message = message.as_deref()
            }
            Status::Unrecognized { raw_status } => out.raw_status = Some(raw_status),
        }
        out
    }

    fn to_js(&self, raw: &JsValue) -> JsValue {
        let out = serde_wasm_bindgen::to_value(self).unwrap_or_default();
        set(&out, "raw", raw);
        out
    }
}

/// One status on its own, with the body it came from.
pub(super) fn status_to_js(mut video: VideoStatus, raw: &JsValue) -> JsValue {
    if let Status::StartRenderingVideo { progress } | Status::RenderingVideo { progress } =
        &mut video.status
    {
        *progress = Scale::default().read(*progress);
    }
    Video::of(&video).to_js(raw)
}

/// One update of a poll, with the body of the last status.
pub(super) fn update_to_js(update: &Update, raw: &JsValue) -> JsValue {
    Video {
        video_id: Some(&update.video_id),
        overall: Some(update.overall),
        remaining_ms: update.remaining_ms.map(|ms| ms as f64),
        elapsed_ms: Some(update.elapsed_ms as f64),
        requests: Some(update.requests),
        retrying: update.retrying.map(ErrorCode::as_str),
        ..Video::of(&update.video)
    }
    .to_js(raw)
}

/// What the package makes a `VideoError` of.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlainError<'a> {
    code: &'static str,
    message: String,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

pub(super) fn failure_to_js(failure: &Failure) -> JsValue {
    let own_words = failure.code == ErrorCode::InvalidArgument;
    serde_wasm_bindgen::to_value(&PlainError {
        code: failure.code.as_str(),
        message: failure.to_string(),
        retryable: failure.is_retryable(),
        http_status: failure.http_status,
        detail: failure.detail.as_deref().filter(|_| !own_words),
    })
    .unwrap_or_default()
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
