//! One request through the host's `fetch`: with the key, within its limits of time and size, and
//! never behind a redirect. What comes back is an answer or nothing; what it means is the core's business.

use super::timer::{alarm, is_offline};
use super::value::{JavaScript, Loose, get_function, loose, set};
use crate::core::Millis;
use crate::core::answer::{Answer, Response};
use crate::core::error::Failure;
use crate::core::machine::Event;
use crate::core::percent;
use crate::core::secret::Secret;
use js_sys::{Array, ArrayBuffer, Function, JSON, Promise, Uint8Array};
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Request, RequestCache, RequestInit, RequestRedirect};

#[wasm_bindgen]
extern "C" {
    // Called unbound, as hosts demand, and looked up at each call, so that a replaced global is used.
    #[wasm_bindgen(js_name = fetch, catch)]
    fn global_fetch(url: &str, init: &RequestInit) -> Result<JsValue, JsValue>;
}

/// How one client sends its requests.
pub(super) struct Transport {
    /// All of the URL but the id.
    pub(super) endpoint: String,
    /// Checked by the package, and holding the key.
    pub(super) headers: JsValue,
    pub(super) credentials: JsValue,
    pub(super) fetch: Option<Function>,
    pub(super) secret: Option<Secret>,
    pub(super) timeout: Millis,
    pub(super) max_bytes: usize,
    /// Which optional words of a request this host takes; asked once.
    pub(super) words: Cell<Option<Words>>,
    /// The package's side of other pages of this origin, where the user wants them to ask once between
    /// them; `undefined` elsewhere.
    pub(super) tabs: JsValue,
}

/// The right to ask about a video, which the pages of an origin have one after the other. Dropping it
/// hands it on.
pub(super) struct Turn(Option<Function>);

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(hand_on) = &self.0 {
            let _ = hand_on.call0(&JsValue::UNDEFINED);
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Words {
    cache: bool,
    redirect: bool,
}

/// What came of a request.
pub(super) enum Reply {
    Answer {
        answer: Answer,
        /// The body as JSON, `undefined` if it is none.
        raw: JsValue,
    },
    Nothing {
        offline: bool,
    },
}

impl Reply {
    pub(super) fn event(self) -> (Event, JsValue) {
        match self {
            Reply::Answer { answer, raw } => (Event::Answer(answer), raw),
            Reply::Nothing { offline: false } => (Event::NetworkError, JsValue::UNDEFINED),
            Reply::Nothing { offline: true } => (Event::Offline, JsValue::UNDEFINED),
        }
    }
}

/// There is no answer: fetch rejected, what it gave is no response, or the request was aborted. Types and
/// texts say nothing.
struct NoAnswer;

impl From<JsValue> for NoAnswer {
    fn from(_: JsValue) -> Self {
        Self
    }
}

/// What a request waits for, until it is aborted. Not every promise settles: a `fetch` may heed no
/// signal, a stream may stall for ever. js-sys keeps what waits for a promise until the promise
/// settles, so it waits for one that does.
struct Patience<'a> {
    controller: &'a AbortController,
    /// Resolves when the request is aborted.
    aborted: Promise,
}

impl<'a> Patience<'a> {
    fn with(controller: &'a AbortController) -> Self {
        let aborted = Promise::new(&mut |resolve, _| {
            let signal = controller.signal();
            if let Some(listen) = get_function(&signal, "addEventListener") {
                let _ = listen.call2(&signal, &"abort".into(), &resolve);
            }
        });
        Self {
            controller,
            aborted,
        }
    }

    /// What `promise`, or whatever else it is, comes to.
    async fn settled(&self, promise: &JsValue) -> Result<JsValue, NoAnswer> {
        let first = Promise::race(&Array::of2(promise, &self.aborted));
        let value = JsFuture::from(first).await?;
        if self.controller.signal().aborted() {
            return Err(NoAnswer);
        }
        Ok(value)
    }
}

#[derive(Default)]
struct Body {
    text: String,
    oversized: bool,
}

impl Transport {
    /// Waits for the turn to ask, until `controller` aborts.
    pub(super) async fn turn(&self, id: &str, controller: &AbortController) -> Turn {
        let Some(turn) = get_function(&self.tabs, "turn") else {
            return Turn(None);
        };
        let Ok(promise) = turn.call2(&self.tabs, &id.into(), &controller.signal()) else {
            return Turn(None);
        };
        let settled = JsFuture::from(Promise::resolve(&promise)).await;
        Turn(settled.ok().and_then(|hand_on| hand_on.dyn_into().ok()))
    }

    /// Asks once how far the video is. One limit of time covers headers and body; `controller`
    /// aborts either.
    pub(super) async fn ask(&self, id: &str, controller: &AbortController) -> Reply {
        let is_late = Rc::new(Cell::new(false));
        let (late, aborter) = (Rc::clone(&is_late), controller.clone());
        let _limit = alarm(self.timeout, move || {
            late.set(true);
            aborter.abort();
        });
        let reply = self.exchange(id, controller).await;
        reply.unwrap_or_else(|NoAnswer| Reply::Nothing {
            offline: !is_late.get() && is_offline(),
        })
    }

    async fn exchange(&self, id: &str, controller: &AbortController) -> Result<Reply, NoAnswer> {
        let mut url = self.endpoint.clone();
        percent::encode(id, &mut url);
        let init = self.request_init(&url, controller);
        let called = match &self.fetch {
            Some(fetch) => fetch.call2(&JsValue::UNDEFINED, &url.as_str().into(), &init),
            None => global_fetch(&url, &init),
        }?;
        let patience = Patience::with(controller);
        let response = patience.settled(&called).await?;
        let response = loose(response).ok_or(NoAnswer)?;
        let is_redirect = response.kind().is_ok_and(|kind| kind == "opaqueredirect")
            || response
                .redirected()
                .is_ok_and(|redirected| redirected == true);
        let http_status = if is_redirect {
            0
        } else {
            response.status()?.as_f64().ok_or(NoAnswer)? as u16
        };
        // A response of some other make may give anything for a header.
        let headers = response.headers().ok().and_then(loose);
        let retry_after = headers.and_then(|headers| {
            let get: Function = headers.get().ok()?.dyn_into().ok()?;
            get.call1(&headers, &"retry-after".into()).ok()?.as_string()
        });
        let body = if is_redirect {
            controller.abort();
            Body::default()
        } else {
            match self.read(&response, &patience).await {
                // The code of an error says enough, also where its words do not come through, or not in time.
                Err(_) if !(200..=299).contains(&http_status) => {
                    controller.abort();
                    Body::default()
                }
                body => body?,
            }
        };
        let Body { text, oversized } = body;
        if oversized {
            controller.abort();
        }
        let text = match &self.secret {
            Some(secret) => secret.blot_body(&text, !oversized),
            None => text.as_str().into(),
        };
        if let Some(tell) = get_function(&self.tabs, "tell").filter(|_| !is_redirect && !oversized)
        {
            let answer = Array::of4(
                &id.into(),
                &http_status.into(),
                &retry_after.as_deref().into(),
                &text.as_ref().into(),
            );
            let _ = tell.apply(&self.tabs, &answer);
        }
        let response = Response {
            http_status,
            retry_after: retry_after.as_deref(),
            body: &text,
            oversized,
        };
        Ok(understood(response, id))
    }

    /// A failure to be shown: also a short key stays out of it.
    pub(super) fn shown(&self, failure: Failure) -> Failure {
        let blot = |detail: String| match &self.secret {
            Some(secret) => secret.blot(&detail).into_owned(),
            None => detail,
        };
        Failure {
            detail: failure.detail.map(blot),
            ..failure
        }
    }

    fn request_init(&self, url: &str, controller: &AbortController) -> RequestInit {
        let words = self.words.get().unwrap_or_else(|| {
            let takes = |set: &dyn Fn(&RequestInit)| {
                let init = RequestInit::new();
                set(&init);
                Request::new_with_str_and_init(url, &init).is_ok()
            };
            let words = Words {
                // Without it Next.js freezes the first answer.
                cache: takes(&|init| init.set_cache(RequestCache::NoStore)),
                redirect: takes(&|init| init.set_redirect(RequestRedirect::Manual)),
            };
            self.words.set(Some(words));
            words
        });
        let init = RequestInit::new();
        init.set_headers(&self.headers);
        init.set_signal(Some(&controller.signal()));
        if words.cache {
            init.set_cache(RequestCache::NoStore);
        }
        if words.redirect {
            init.set_redirect(RequestRedirect::Manual);
        }
        if !self.credentials.is_undefined() {
            set(&init, "credentials", &self.credentials);
        }
        init
    }

    /// Reads the body up to the limit and no further.
    async fn read(&self, response: &Loose, patience: &Patience<'_>) -> Result<Body, NoAnswer> {
        let stream = response.body()?;
        let get_reader = match loose(stream.clone()) {
            Some(stream) => stream.get_reader()?.dyn_into::<Function>().ok(),
            None => None,
        };
        let Some(get_reader) = get_reader else {
            // A response of some other make, or one without a body.
            let text = get_function(response, "text").ok_or(NoAnswer)?;
            let text = patience.settled(&text.call0(response)?).await?;
            let text = text.as_string().ok_or(NoAnswer)?;
            let oversized = text.len() > self.max_bytes;
            return Ok(Body { text, oversized });
        };
        let reader = loose(get_reader.call0(&stream)?).ok_or(NoAnswer)?;
        let read: Function = reader.read()?.dyn_into()?;
        let mut bytes = Vec::new();
        let oversized = loop {
            let part = patience.settled(&read.call0(&reader)?).await?;
            let part = loose(part).ok_or(NoAnswer)?;
            if part.done()? == true {
                break false;
            }
            let value = part.value()?;
            if !ArrayBuffer::is_view(&value) {
                return Err(NoAnswer);
            }
            // Not a cast: in pretend browsers, bytes come from another realm.
            let chunk = Uint8Array::new(&value);
            if chunk.length() as usize > self.max_bytes.saturating_sub(bytes.len()) {
                // The stream may not belong to the request that is aborted next.
                let cancel = get_function(&reader, "cancel");
                if let Some(Ok(cancelled)) = cancel.map(|cancel| cancel.call0(&reader)) {
                    // Whatever comes of it is nobody's unhandled rejection.
                    let _ = Promise::race(&Array::of2(&JsValue::UNDEFINED, &cancelled));
                }
                break true;
            }
            bytes.extend_from_slice(&chunk.to_vec());
        };
        let text = String::from_utf8(bytes)
            .unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned());
        let text = match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        };
        Ok(Body { text, oversized })
    }
}

/// An answer, read.
pub(super) fn understood(response: Response<'_>, id: &str) -> Reply {
    let answer = Answer::read::<JavaScript>(response, id);
    let raw = match &answer.outcome {
        // What has a status is JSON, so this does not throw.
        Ok(_) => JSON::parse(response.body).unwrap_or_default(),
        Err(_) => JsValue::UNDEFINED,
    };
    Reply::Answer { answer, raw }
}
