//! The wasm-bindgen surface: what the npm package is made of, with the feature `npm` alone. It
//! translates and nothing else; the package alone calls it, so nothing here is public API.

use super::attempt::{Attempt, IdleEars};
use super::convert::{
    failed_to_js, failure_to_js, raw_options, retry_to_js, status_to_js, update_to_js,
};
use super::driver::{self, Notification};
use super::fetch::{Reply, Tabs, Transport, understood};
use super::value::{get, get_function, set};
use crate::core::answer::Response;
use crate::core::error::Failure;
use crate::core::machine::{Machine, check_id};
use crate::core::secret::Secret;
use crate::core::session::{PollEvent, Push};
use js_sys::{Function, JsString};
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::AbortController;

/// All polls of one `VideoClient`.
#[wasm_bindgen]
pub struct Client {
    inner: Rc<driver::Client>,
}

#[wasm_bindgen]
impl Client {
    /// `config` is what the package's constructor has checked.
    #[wasm_bindgen(constructor)]
    pub fn new(config: &JsValue) -> Result<Self, JsValue> {
        let number = |key| get(config, key).as_f64().unwrap_or(f64::INFINITY);
        let transport = Transport {
            endpoint: get(config, "endpoint").as_string().unwrap_or_default(),
            headers: get(config, "headers"),
            credentials: Some(get(config, "credentials")).filter(|words| !words.is_undefined()),
            fetch: get_function(config, "fetch"),
            secret: get(config, "apiKey")
                .as_string()
                .as_deref()
                .map(Secret::new),
            timeout: number("requestTimeoutMs") as u64,
            max_bytes: number("maxResponseBytes") as usize,
            words: Cell::new(None),
            why: get_function(config, "why"),
            leads: get_function(config, "leads"),
            tabs: Tabs::new(get(config, "tabs")),
            ears: IdleEars::default(),
        };
        let concurrency = number("concurrency") as u32;
        let per_second = number("requestsPerSecond");
        Ok(Self {
            inner: driver::Client::new(transport, concurrency, per_second),
        })
    }

    /// A text of outside origin without the key.
    #[must_use]
    pub fn redact(&self, text: &JsValue) -> Option<String> {
        let text = text.as_string()?;
        Some(match &self.inner.transport.secret {
            Some(secret) => secret.redact(&text).into_owned(),
            None => text,
        })
    }

    /// One request. Calls `resolve` with a `VideoStatus` or `reject` with what becomes a `VideoError`; at once when
    /// `controller` aborts. (A promise made here would bring code that nothing else needs.)
    #[wasm_bindgen(js_name = getStatus)]
    pub fn get_status(
        &self,
        id: &JsValue,
        controller: AbortController,
        resolve: Function,
        reject: Function,
    ) -> Result<(), JsValue> {
        let id = video_id(id).map_err(|failure| failure_to_js(&failure))?;
        let inner = Rc::clone(&self.inner);
        let signal = controller.signal();
        let attempt = Attempt::new(controller);
        let aborted = Rc::clone(&attempt);
        let on_abort = Closure::<dyn FnMut(JsValue)>::new(move |_| aborted.abort());
        // Nobody else has this signal but `fetch`, whose listeners are added.
        set(&signal, "onabort", on_abort.as_ref());
        spawn_local(async move {
            let reply = inner.transport.ask_in_time(&id, &attempt).await;
            set(&signal, "onabort", &JsValue::NULL);
            drop(on_abort);
            let Reply { outcome, body } = reply;
            let outcome = outcome.map_err(Failure::of);
            let (settle, value) = match outcome.and_then(|answer| answer.outcome) {
                Ok(status) => (resolve, status_to_js(status, &body)),
                Err(mut failure) => {
                    inner.transport.show(&mut failure, &id);
                    (reject, failed_to_js(&failure, &body))
                }
            };
            let _ = settle.call1(&JsValue::UNDEFINED, &value);
        });
        Ok(())
    }

    /// Starts a poll. `listener` is called with an event, its notice or error, the update if there is one, and a
    /// token; and never again after "done" or "failed". Without an event it is "".
    pub fn poll(
        &self,
        id: &JsValue,
        options: &JsValue,
        listener: Function,
    ) -> Result<Poll, JsValue> {
        let poll = || {
            let id = video_id(id)?;
            let token = get(options, "resumeToken");
            if !token.is_undefined() && !token.is_string() {
                return Err(Failure::invalid("resumeToken must be a text"));
            }
            // Its length is looked at before it is copied: one that is too long is refused like one that is empty.
            let is_long = token
                .dyn_ref::<JsString>()
                .is_some_and(|text| text.length() as usize > Machine::LONGEST_TOKEN);
            let token = if is_long {
                Some(String::new())
            } else {
                token.as_string()
            };
            let notify = move |news: Notification| {
                let (event, value) = match news.event {
                    None => ("", JsValue::UNDEFINED),
                    Some(PollEvent::Retrying(retry, thrown)) => {
                        let value = retry_to_js(&news.subscriber.video, &retry, &thrown);
                        ("retrying", value)
                    }
                    Some(PollEvent::Recovered) => ("recovered", JsValue::UNDEFINED),
                    Some(PollEvent::Done) => ("done", JsValue::UNDEFINED),
                    Some(PollEvent::Failed(failure, thrown)) => {
                        ("failed", failed_to_js(&failure, &thrown))
                    }
                };
                let update = match news.update {
                    Some((update, body)) => update_to_js(&update, &body),
                    None => JsValue::UNDEFINED,
                };
                let token = news.token.into();
                let _ = listener.call4(&JsValue::UNDEFINED, &event.into(), &value, &update, &token);
            };
            self.inner.poll(
                &id,
                raw_options(options),
                token.as_deref(),
                Box::new(notify),
            )
        };
        poll()
            .map(|inner| Poll { inner })
            .map_err(|failure| failure_to_js(&failure))
    }

    /// What another page of this origin was answered about a video. Whether it is polled here too. What cannot be an
    /// answer is none, for other scripts of the origin may have sent it.
    pub fn told(
        &self,
        id: &JsValue,
        http_status: &JsValue,
        retry_after: &JsValue,
        body: &JsValue,
    ) -> bool {
        let longest = self.inner.transport.max_bytes;
        // Its length is looked at before it is copied.
        let body = body
            .dyn_ref::<JsString>()
            .filter(|text| text.length() as usize <= longest)
            .and_then(|text| text.as_string());
        let http_status = http_status
            .as_f64()
            .filter(|status| (200.0..=599.0).contains(status));
        let (Some(id), Some(http_status), Some(body)) = (id.as_string(), http_status, body) else {
            return false;
        };
        let retry_after = retry_after.as_string();
        let response = Response {
            http_status: http_status as u16,
            retry_after: retry_after.as_deref(),
            body: &body,
            ..Response::default()
        };
        self.inner.shared_response(&id, understood(response, &id))
    }

    /// Keeps the client to `concurrency` requests at once until the limit is freed.
    pub fn limit(&self, concurrency: &JsValue) -> Result<Limit, JsValue> {
        let whole = concurrency
            .as_f64()
            .filter(|count| *count >= 1.0 && (count.fract() == 0.0 || count.is_infinite()));
        match whole {
            Some(count) => Ok(Limit {
                _inner: self.inner.limit(count as u32),
            }),
            None => Err(failure_to_js(&Failure::invalid(
                "concurrency must be a whole number of at least 1",
            ))),
        }
    }
}

/// One poll.
#[wasm_bindgen]
pub struct Poll {
    inner: driver::Poll,
}

#[wasm_bindgen]
impl Poll {
    /// Asks now, unless a request is under way, or left a moment ago.
    #[wasm_bindgen(js_name = askNow)]
    pub fn ask_now(&self) {
        self.inner.poll_now();
    }

    /// Whether from now on somebody says when there is news; for all polls of this video.
    pub fn followed(&self, is_followed: bool) {
        self.inner.on_push(if is_followed {
            Push::Connected
        } else {
            Push::Lost
        });
    }

    /// There is news; for all polls of this video.
    pub fn news(&self) {
        self.inner.on_push(Push::News);
    }

    /// What another process needs to go on; nothing once the poll is over.
    #[must_use]
    pub fn token(&self) -> Option<String> {
        self.inner.token()
    }

    /// Leaves without a word.
    pub fn leave(&self) {
        self.inner.leave();
    }
}

/// A limit on the requests of a client; free it to lift it.
#[wasm_bindgen]
pub struct Limit {
    _inner: driver::Limit,
}

pub(super) fn video_id(id: &JsValue) -> Result<String, Failure> {
    let text = id
        .as_string()
        .ok_or_else(|| Failure::invalid("the id of a video must be a text"))?;
    check_id(&text)?;
    // A lone surrogate does not survive the way through UTF-8.
    if JsValue::from_str(&text) != *id {
        return Err(Failure::invalid(
            "the id of a video must be well-formed Unicode",
        ));
    }
    Ok(text)
}
