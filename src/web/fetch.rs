//! One request through the host's `fetch`: with the key, within its limits of time and size, and
//! never behind a redirect. What comes back is an answer or nothing; what it means is the core's business.

use super::attempt::{Attempt, IdleEars, NoAnswer, Patience};
use super::timer::{alarm, is_offline};
use super::value::{JavaScript, Loose, get, get_function, loose, set};
use crate::core::Millis;
use crate::core::answer::{Answer, Response, RetryAfter};
use crate::core::error::{ErrorCode, Failure};
use crate::core::messages::Reason;
use crate::core::percent;
use crate::core::secret::Secret;
use js_sys::{Array, ArrayBuffer, Function, JSON, Promise, Uint8Array};
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Headers, Request, RequestCache, RequestInit, RequestRedirect};

#[wasm_bindgen]
extern "C" {
    // Called unbound, as hosts demand, and looked up at each call, so that a replaced global is used.
    #[wasm_bindgen(js_name = fetch, catch)]
    fn global_fetch(url: &str, init: &RequestInit) -> Result<JsValue, JsValue>;

    type TextDecoder;
    #[wasm_bindgen(constructor, catch)]
    fn new(label: &str) -> Result<TextDecoder, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn decode(this: &TextDecoder, bytes: &[u8]) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_name = Uint8Array)]
    type Bytes;
    /// A copy: of a buffer from there on, or of all of a list, of which the rest is `undefined` then. It throws where what
    /// is copied has been taken away, or is no bytes.
    #[wasm_bindgen(constructor, catch, js_class = Uint8Array)]
    fn copy(of: &JsValue, from: &JsValue, length: &JsValue) -> Result<Bytes, JsValue>;
}

/// What a part of a body holds: mostly bytes of this realm. In pretend browsers they come from another, and a host may
/// give any view.
fn bytes_of(part: &JsValue) -> Result<Uint8Array, NoAnswer> {
    let bytes = if part.is_instance_of::<Uint8Array>() {
        Bytes::copy(part, &JsValue::UNDEFINED, &JsValue::UNDEFINED)
    } else if ArrayBuffer::is_view(part) {
        let member = |key| get(part, key);
        Bytes::copy(
            &member("buffer"),
            &member("byteOffset"),
            &member("byteLength"),
        )
    } else {
        return Err(NoAnswer);
    };
    Ok(bytes?.unchecked_into())
}

/// How one client sends its requests.
pub(super) struct Transport {
    /// All of the URL but the id.
    pub(super) endpoint: String,
    /// Checked by the package, and holding the key.
    pub(super) headers: JsValue,
    pub(super) credentials: Option<JsValue>,
    pub(super) fetch: Option<Function>,
    pub(super) secret: Option<Secret>,
    pub(super) timeout: Millis,
    pub(super) max_bytes: usize,
    /// Which of the optional words of a request this host takes; found out once.
    pub(super) words: Cell<Option<Words>>,
    /// Of what the host threw, and whether a response had begun: the reason that it is, and the error as it may be shown.
    pub(super) why: Option<Function>,
    /// Where a `Location` leads that came from an address.
    pub(super) leads: Option<Function>,
    /// The other pages of this origin, where the user wants them to ask once between them.
    pub(super) tabs: Option<Tabs>,
    pub(super) ears: IdleEars,
}

/// The package's side of other pages of this origin.
pub(super) struct Tabs {
    this: JsValue,
    turn: Function,
    tell: Function,
}

impl Tabs {
    #[cfg(feature = "npm")]
    pub(super) fn new(this: JsValue) -> Option<Self> {
        Some(Self {
            turn: get_function(&this, "turn")?,
            tell: get_function(&this, "tell")?,
            this,
        })
    }
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

/// The words of a request that not every host takes.
#[derive(Clone, Copy)]
pub(super) struct Words {
    cache: bool,
    redirect: bool,
}

impl Words {
    /// `redirect` is not asked for: where it is left out, the key goes wherever a redirect leads, and a host whose
    /// `Request` cannot be made may well have a `fetch` that follows redirects.
    fn of_host(url: &str) -> Self {
        let init = RequestInit::new();
        init.set_cache(RequestCache::NoStore);
        Self {
            cache: Request::new_with_str_and_init(url, &init).is_ok(),
            redirect: true,
        }
    }

    fn say(self, init: &RequestInit) {
        if self.cache {
            // Without it Next.js freezes the first answer.
            init.set_cache(RequestCache::NoStore);
        }
        if self.redirect {
            init.set_redirect(RequestRedirect::Manual);
        }
    }
}

/// What came of a request.
pub(super) struct Reply {
    /// Or why there is no response: [`Reason::Offline`] where the host knows that it has no network.
    pub(super) outcome: Result<Answer, Reason>,
    /// The body as JSON, `undefined` if it is none; or what the host threw, without the key.
    pub(super) body: JsValue,
}

#[derive(Default)]
struct Body {
    text: String,
    oversized: bool,
}

impl Transport {
    /// Waits for the turn to ask, until it is aborted.
    pub(super) async fn turn(&self, id: &str, attempt: &Attempt) -> Turn {
        let Some(Tabs { this, turn, .. }) = &self.tabs else {
            return Turn(None);
        };
        let Ok(promise) = turn.call2(this, &id.into(), &attempt.controller.signal()) else {
            return Turn(None);
        };
        let settled = JsFuture::from(Promise::resolve(&promise)).await;
        Turn(settled.ok().and_then(|hand_on| hand_on.dyn_into().ok()))
    }

    /// Asks once how far the video is. One limit of time covers headers and body.
    pub(super) async fn ask_in_time(&self, id: &str, attempt: &Rc<Attempt>) -> Reply {
        let late = Rc::clone(attempt);
        let _limit = alarm(self.timeout, move || late.expire());
        self.ask(id, attempt).await
    }

    /// The same, where somebody else keeps the time.
    pub(super) async fn ask(&self, id: &str, attempt: &Attempt) -> Reply {
        let ears = self.ears.take();
        let patience = Patience::new(attempt, &ears);
        let reply = self.exchange(id, attempt, &patience).await;
        let thrown = patience.rejection();
        self.ears.put(ears);
        reply.unwrap_or_else(|NoAnswer| {
            let (mut reason, mut thrown) = (Reason::RequestTimeout, thrown);
            if attempt.is_late() {
                // What an abort makes a host throw says nothing.
                thrown = None;
            } else {
                reason = self.why(&mut thrown, attempt.has_status());
                if is_offline() {
                    reason = Reason::Offline;
                }
            }
            Reply {
                outcome: Err(reason),
                body: thrown.unwrap_or_default(),
            }
        })
    }

    /// Why there is no response, or only half of one. What was thrown becomes what may be shown of it.
    fn why(&self, thrown: &mut Option<JsValue>, has_status: bool) -> Reason {
        let Some(error) = thrown else {
            return Reason::NotAResponse;
        };
        let why = self.why.as_ref();
        let known = why.map(|why| why.call2(&JsValue::UNDEFINED, error, &has_status.into()));
        let Some(Ok(known)) = known else {
            return Reason::NoResponse;
        };
        *error = get(&known, "cause");
        let name = get(&known, "reason").as_string().unwrap_or_default();
        let mut reasons = Reason::ALL.iter();
        let named = reasons.find(|reason| reason.as_str() == name);
        named.copied().unwrap_or(Reason::NoResponse)
    }

    async fn exchange(
        &self,
        id: &str,
        attempt: &Attempt,
        patience: &Patience<'_>,
    ) -> Result<Reply, NoAnswer> {
        let controller = &attempt.controller;
        let mut url = self.endpoint.clone();
        percent::encode(id, &mut url);
        let response = self.response(&url, controller, patience).await?;
        let Some(response) = loose(response) else {
            return Ok(unusable());
        };
        let status = match response.status()?.as_f64() {
            Some(status) if status >= 0.0 => status as u16,
            // Tests often mock no more than `ok` and `json()`.
            _ if get(&response, "ok") == true => 200,
            _ => return Ok(unusable()),
        };
        attempt.note_status();
        // One that was not followed has no status; nor has one that says that there is none.
        if status == 0 && get(&response, "type") == "error" {
            return Err(NoAnswer);
        }
        let is_redirect = status == 0
            || response
                .redirected()
                .is_ok_and(|redirected| redirected == true);
        let http_status = if is_redirect { 0 } else { status };
        let body = if is_redirect {
            controller.abort();
            Body::default()
        } else {
            match self.read(&response, patience).await {
                // The code of an error says enough, also where its words do not come through, or not in time.
                Err(_) | Ok(None) if !(200..=299).contains(&http_status) => {
                    controller.abort();
                    Body::default()
                }
                body => match body? {
                    Some(body) => body,
                    None => return Ok(unusable()),
                },
            }
        };
        let Body { text, oversized } = body;
        if oversized {
            controller.abort();
        }
        let text = match &self.secret {
            Some(secret) => secret.redact_body(&text, !oversized),
            None => text.as_str().into(),
        };
        let mut reply = understood(
            Response {
                http_status,
                body: &text,
                oversized,
                ..Response::default()
            },
            id,
        );
        // A status asks for no patience.
        let mut retry_after = None;
        if let Ok(answer) = &mut reply.outcome
            && !answer.has_status()
        {
            retry_after = header(&response, "retry-after").filter(|text| match &self.secret {
                Some(secret) => secret.redact_body(text, true) == text.as_str(),
                None => true,
            });
            let date = header(&response, "date");
            let read = |text: &str| RetryAfter::read(text, date.as_deref());
            answer.retry_after = retry_after.as_deref().and_then(read);
            // Other pages of this origin are sent it in seconds, for they do not hear of the server's clock.
            if let Some(RetryAfter::For(pause)) = answer.retry_after {
                retry_after = Some(itoa::Buffer::new().format(pause / 1_000).to_owned());
            }
            if let Err(failure) = &mut answer.outcome
                && failure.code == ErrorCode::Redirected
            {
                failure.location = self.location(&response, &url);
            }
        }
        if let Some(tabs) = self.tabs.as_ref().filter(|_| !is_redirect && !oversized) {
            let answer = Array::of4(
                &id.into(),
                &http_status.into(),
                &retry_after.into(),
                &text.as_ref().into(),
            );
            let newer = tabs.tell.apply(&tabs.this, &answer).unwrap_or_default();
            if Array::is_array(&newer) {
                // Another page of this origin has the response to a later request.
                let newer: Array = newer.unchecked_into();
                let retry_after = newer.get(1).as_string();
                let body = newer.get(2).as_string().unwrap_or_default();
                let response = Response {
                    http_status: newer.get(0).as_f64().unwrap_or_default() as u16,
                    retry_after: retry_after.as_deref(),
                    body: &body,
                    ..Response::default()
                };
                return Ok(understood(response, id));
            }
        }
        Ok(reply)
    }

    /// Where a redirect leads: a host that hides its target says nothing, and one that followed it says where it is.
    fn location(&self, response: &Loose, url: &str) -> Option<String> {
        let location = match header(response, "location") {
            Some(location) => location.into(),
            None => get(response, "url"),
        };
        let leads = self.leads.as_ref()?;
        let leads = leads.call2(&JsValue::UNDEFINED, &location, &url.into());
        leads.ok()?.as_string()
    }

    /// Makes a failure of a request about a video one that may be shown: with what was requested, and without the key,
    /// also where that is a short one.
    pub(super) fn show(&self, failure: &mut Failure, id: &str) {
        let mut url = self.endpoint.clone();
        percent::encode(id, &mut url);
        if let Some(secret) = &self.secret {
            url = secret.redact_body(&url, true).into_owned();
            for text in [&mut failure.detail, &mut failure.location] {
                *text = text.take().map(|text| secret.redact(&text).into_owned());
            }
        }
        failure.locate(url, self.secret.is_some());
    }

    /// What `fetch` gives. One that does not know `redirect` is called once more without it, if there is no key that
    /// could be carried on; that is remembered once it has worked.
    async fn response(
        &self,
        url: &str,
        controller: &AbortController,
        patience: &Patience<'_>,
    ) -> Result<JsValue, NoAnswer> {
        let mut words = self.words.get().unwrap_or_else(|| {
            let words = Words::of_host(url);
            self.words.set(Some(words));
            words
        });
        loop {
            let init = self.request_init(words, controller)?;
            let called = match &self.fetch {
                Some(fetch) => fetch.call2(&JsValue::UNDEFINED, &url.into(), &init),
                None => global_fetch(url, &init),
            };
            let is_refused = match called {
                Ok(called) => match patience.settled(&called).await {
                    Ok(response) => {
                        self.words.set(Some(words));
                        return Ok(response);
                    }
                    Err(NoAnswer) => patience.names_redirect(),
                },
                // Whatever it says: hosts check the words of a request before they have a promise.
                Err(thrown) => {
                    patience.reject(thrown);
                    true
                }
            };
            if !is_refused || !words.redirect || self.secret.is_some() {
                return Err(NoAnswer);
            }
            words.redirect = false;
        }
    }

    fn request_init(
        &self,
        words: Words,
        controller: &AbortController,
    ) -> Result<RequestInit, JsValue> {
        let init = RequestInit::new();
        if self.fetch.is_some() {
            // Whoever provides it may add to them.
            let own = Headers::new_with_headers(self.headers.unchecked_ref())?;
            init.set_headers(&own);
        } else {
            init.set_headers(&self.headers);
        }
        init.set_signal(Some(&controller.signal()));
        words.say(&init);
        if let Some(credentials) = &self.credentials {
            set(&init, "credentials", credentials);
        }
        Ok(init)
    }

    /// Reads the body up to the limit and no further. `None` where the response has nothing that could be read, or was
    /// read before.
    async fn read(
        &self,
        response: &Loose,
        patience: &Patience<'_>,
    ) -> Result<Option<Body>, NoAnswer> {
        let stream = response.body()?;
        let get_reader = match loose(stream.clone()) {
            Some(stream) => stream.get_reader()?.dyn_into::<Function>().ok(),
            None => None,
        };
        let Some(get_reader) = get_reader else {
            // A response of some other make, as a test's mock, or one without a body.
            let text = if let Some(text) = get_function(response, "text") {
                patience.settled(&text.call0(response)?).await?
            } else if let Some(json) = get_function(response, "json") {
                JSON::stringify(&patience.settled(&json.call0(response)?).await?)?.into()
            } else {
                return Ok(None);
            };
            let body = text.as_string().map(|text| Body {
                oversized: text.len() > self.max_bytes,
                text,
            });
            return Ok(body);
        };
        let Ok(reader) = get_reader.call0(&stream) else {
            return Ok(None);
        };
        let reader = loose(reader).ok_or(NoAnswer)?;
        let mut bytes = Vec::new();
        let oversized = self.read_parts(&reader, &mut bytes, patience).await;
        if !matches!(oversized, Ok(false)) {
            // The stream may not belong to the request that is aborted.
            let cancel = get_function(&reader, "cancel");
            if let Some(Ok(cancelled)) = cancel.map(|cancel| cancel.call0(&reader)) {
                // Whatever comes of it is nobody's unhandled rejection.
                let _ = Promise::race(&Array::of2(&JsValue::UNDEFINED, &cancelled));
            }
        }
        let oversized = oversized?;
        let text = self.text(bytes, response);
        let text = match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        };
        Ok(Some(Body { text, oversized }))
    }

    /// What is UTF-8 is read as that, as JSON is (RFC 8259, section 8.1) whatever a header says of it. Any other body is
    /// read in the charset that its mark or its header names, if the host knows it, and otherwise with gaps.
    fn text(&self, bytes: Vec<u8>, response: &Loose) -> String {
        let bytes = match String::from_utf8(bytes) {
            // No text holds these: UTF-16 does between its letters, and ISO-2022-JP at each change of its tables.
            Ok(text) if !text.bytes().any(|byte| matches!(byte, 0 | 0x1b)) => return text,
            Ok(text) => text.into_bytes(),
            Err(broken) => broken.into_bytes(),
        };
        let plain = String::from_utf8_lossy(&bytes);
        // Where the key can be seen between the gaps, no decoder may hide it.
        if let Some(secret) = &self.secret
            && secret.redact_body(&plain, true) != plain
        {
            return plain.into_owned();
        }
        let label = match bytes.get(..2) {
            Some(b"\xfe\xff") => Some("utf-16be".to_owned()),
            Some(b"\xff\xfe") => Some("utf-16le".to_owned()),
            _ => header(response, "content-type").and_then(|header| charset(&header)),
        };
        // An unknown label throws, which is rare enough here.
        let decoder = label.and_then(|label| TextDecoder::new(&label).ok());
        let decoded = decoder.and_then(|decoder| decoder.decode(&bytes).ok()?.as_string());
        decoded.unwrap_or_else(|| plain.into_owned())
    }

    /// All that `reader` has; whether that is too much.
    async fn read_parts(
        &self,
        reader: &Loose,
        bytes: &mut Vec<u8>,
        patience: &Patience<'_>,
    ) -> Result<bool, NoAnswer> {
        let read: Function = reader.read()?.dyn_into()?;
        let mut parts = 0;
        loop {
            let part = patience.settled(&read.call0(reader)?).await?;
            let part = loose(part).ok_or(NoAnswer)?;
            if part.done()? == true {
                return Ok(false);
            }
            let chunk = bytes_of(&part.value()?)?;
            // An empty one counts too, for a body of these would never end.
            parts += 1;
            let size = bytes.len().saturating_add(chunk.length() as usize);
            if size.max(parts) > self.max_bytes {
                return Ok(true);
            }
            bytes.extend_from_slice(&chunk.to_vec());
        }
    }
}

/// A header. A response of some other make may give anything for one.
fn header(response: &Loose, name: &str) -> Option<String> {
    let headers = loose(response.headers().ok()?)?;
    let get: Function = headers.get().ok()?.dyn_into().ok()?;
    get.call1(&headers, &name.into()).ok()?.as_string()
}

/// The charset that a `Content-Type` names.
fn charset(content_type: &str) -> Option<String> {
    const NAME: &[u8] = b"charset=";
    let mut parts = content_type.as_bytes().windows(NAME.len());
    let at = parts.position(|part| part.eq_ignore_ascii_case(NAME))?;
    let mut values = content_type.get(at + NAME.len()..)?.split([';', '"']);
    values.find(|value| !value.is_empty()).map(str::to_owned)
}

/// What `fetch` gave cannot be worked with, which is said, since mostly a test's mock lacks something.
fn unusable() -> Reply {
    Reply {
        outcome: Ok(Answer::of(Err(Failure::of(Reason::NotAResponse)))),
        body: JsValue::UNDEFINED,
    }
}

/// An answer, read.
pub(super) fn understood(response: Response<'_>, id: &str) -> Reply {
    let answer = Answer::read::<JavaScript>(response, id);
    let body = if answer.has_status() {
        // It is JSON, so this does not throw.
        JSON::parse(response.body).unwrap_or_default()
    } else {
        JsValue::UNDEFINED
    };
    Reply {
        outcome: Ok(answer),
        body,
    }
}
