//! The machine by itself, for engines in JavaScript that own time and the network: two functions from
//! text to text. It keeps nothing between two calls; the npm package alone calls it.

use super::convert::{failure_to_js, raw_options, retry_to_js, update_to_js};
use super::exports::video_id;
use super::value::{JavaScript, get, set};
use crate::core::Millis;
use crate::core::answer::{Answer, Response};
use crate::core::error::Failure;
use crate::core::machine::{Command, Event, Machine, Step};
use crate::core::options::Options;
use js_sys::Object;
use wasm_bindgen::prelude::*;

/// Starts a poll. Returns `{ snapshot, command }`.
#[wasm_bindgen(js_name = machineStart)]
pub fn machine_start(id: &JsValue, now: &JsValue, options: &JsValue) -> Result<JsValue, JsValue> {
    let started = || {
        let id = video_id(id)?;
        let now = time(now)?;
        let options = raw_options(options).check(&Options::default())?;
        Ok((Machine::start(&id, options, now), now))
    };
    let ((machine, step), now) = started().map_err(|failure: Failure| failure_to_js(&failure))?;
    Ok(told(&machine, &step, None, &JsValue::UNDEFINED, now))
}

/// One step. Returns `{ snapshot, command }`. `json` is the body of a response as JSON, if it is any.
#[wasm_bindgen(js_name = machineStep)]
pub fn machine_step(
    snapshot: &JsValue,
    event: &JsValue,
    json: &JsValue,
    now: &JsValue,
) -> Result<JsValue, JsValue> {
    let stepped = || {
        let now = time(now)?;
        let snapshot = snapshot
            .as_string()
            .ok_or_else(|| Failure::invalid("the snapshot must be a text"))?;
        let mut machine = Machine::restore(&snapshot)?;
        let mut detail = None;
        let step = match get(event, "type").as_string().as_deref() {
            Some("wake") => machine.wake(now),
            Some("network_error") => machine.step(Event::NetworkError, now),
            Some("response") => {
                let answer = answer(event, machine.id())?;
                if let Err(failure) = &answer.outcome {
                    detail.clone_from(&failure.detail);
                }
                machine.step(Event::Answer(answer), now)
            }
            _ => {
                return Err(Failure::invalid(
                    "an event is a \"response\", a \"network_error\" or a \"wake\"",
                ));
            }
        };
        Ok((machine, step, detail, now))
    };
    let (machine, step, detail, now) = stepped().map_err(|failure| failure_to_js(&failure))?;
    Ok(told(&machine, &step, detail, json, now))
}

/// A response as an engine hands it over.
fn answer(event: &JsValue, id: &str) -> Result<Answer, Failure> {
    let http_status = get(event, "httpStatus")
        .as_f64()
        .filter(|status| status.fract() == 0.0 && (0.0..1_000.0).contains(status))
        .ok_or_else(|| Failure::invalid("httpStatus must be a whole number below 1000"))?;
    let header = |key| match get(event, key) {
        value if value.is_null() || value.is_undefined() => Ok(None),
        value => value.as_string().map(Some).ok_or_else(|| {
            Failure::invalid("retryAfter and date must be texts, if they are there")
        }),
    };
    let (retry_after, date) = (header("retryAfter")?, header("date")?);
    let body = get(event, "body")
        .as_string()
        .ok_or_else(|| Failure::invalid("the body must be a text"))?;
    let response = Response {
        http_status: http_status as u16,
        retry_after: retry_after.as_deref(),
        date: date.as_deref(),
        body: &body,
        oversized: get(event, "oversized").is_truthy(),
    };
    Ok(Answer::read::<JavaScript>(response, id))
}

/// Unix time; what no timer could hold is refused like what is none.
fn time(now: &JsValue) -> Result<Millis, Failure> {
    now.as_f64()
        .filter(|now| (0.0..=9_007_199_254_740_991.0).contains(now))
        .map(|now| now as Millis)
        .ok_or_else(|| Failure::invalid("nowMs must be the Unix time in milliseconds"))
}

/// What the engine is told. `detail` is what the server said in this step, if that is a failure.
fn told(
    machine: &Machine,
    step: &Step,
    detail: Option<String>,
    raw: &JsValue,
    now: Millis,
) -> JsValue {
    let command = Object::new();
    let put = |key: &str, value: &JsValue| set(&command, key, value);
    put(
        "type",
        &match &step.command {
            Command::Fetch { give_up_at } => {
                if let Some(at) = give_up_at {
                    put("giveUpAtMs", &JsValue::from_f64(*at as f64));
                }
                "fetch"
            }
            Command::Sleep { until } => {
                put("untilMs", &JsValue::from_f64(*until as f64));
                if let Some(mut retry) = machine.retry(now) {
                    retry.failure.detail = detail;
                    let notice = retry_to_js(machine.id(), &retry, &JsValue::UNDEFINED);
                    put("retrying", &notice);
                }
                "sleep"
            }
            Command::Done => "done",
            Command::Failed(failure) => {
                put("error", &failure_to_js(failure));
                put("videoId", &machine.id().into());
                put("resumeToken", &machine.resume_token(0).into());
                if let Some(last) = machine.current(now) {
                    put("last", &update_to_js(&last, raw));
                }
                "failed"
            }
        }
        .into(),
    );
    if let Some(update) = &step.update {
        put("update", &update_to_js(update, raw));
    }
    let out = Object::new();
    set(&out, "snapshot", &machine.snapshot().into());
    set(&out, "command", &command);
    out.into()
}
