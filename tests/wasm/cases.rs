//! What only a JavaScript host can show of the carrier: real promises, responses, timers and abort
//! signals, with a scripted `fetch`. The same cases run in Node and in a browser.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use iacrea_video::web::exports::Client;
use js_sys::{Array, Function, Object, Promise, Reflect};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{AbortController, Headers, Response, ResponseInit};

pub(crate) const DONE: &str =
    r#"{"status":"DONE","url":"https://cdn.test/v.mp4","creditsTotal":"7"}"#;
pub(crate) const RENDERING: &str = r#"{"status":"RENDERING_VIDEO","progress":40,"generatedContent":[{"id":1,"status":"success"}]}"#;

pub(crate) fn get(object: &JsValue, key: &str) -> JsValue {
    Reflect::get(object, &key.into()).unwrap()
}

pub(crate) fn object(members: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (key, value) in members {
        Reflect::set(&object, &(*key).into(), value).unwrap();
    }
    object.into()
}

pub(crate) async fn sleep(ms: u32) {
    gloo_timers::future::TimeoutFuture::new(ms).await;
}

/// How the server answers one request.
#[derive(Clone)]
pub(crate) enum Play {
    Json(u16, &'static str),
    /// Never, but it heeds the abort signal as fetch does.
    Hang,
}

/// A `fetch` that plays its script, the last line again and again, and keeps what it was called with.
pub(crate) struct Script {
    pub(crate) fetch: Function,
    pub(crate) calls: Rc<RefCell<Vec<(String, JsValue)>>>,
}

pub(crate) fn script(plays: &[Play]) -> Script {
    let plays = plays.to_vec();
    let calls: Rc<RefCell<Vec<(String, JsValue)>>> = Rc::default();
    let kept = Rc::clone(&calls);
    let closure =
        Closure::<dyn Fn(JsValue, JsValue) -> Promise>::new(move |url: JsValue, init: JsValue| {
            kept.borrow_mut()
                .push((url.as_string().unwrap(), init.clone()));
            match plays[(kept.borrow().len() - 1).min(plays.len() - 1)].clone() {
                Play::Json(status, body) => {
                    let init = ResponseInit::new();
                    init.set_status(status);
                    Promise::resolve(&JsValue::from(
                        Response::new_with_opt_str_and_init(Some(body), &init).unwrap(),
                    ))
                }
                Play::Hang => Promise::new(&mut |_, reject| {
                    let signal: web_sys::AbortSignal = get(&init, "signal").unchecked_into();
                    signal.set_onabort(Some(&reject));
                }),
            }
        });
    Script {
        fetch: closure.into_js_value().unchecked_into(),
        calls,
    }
}

pub(crate) fn client(script: &Script, request_timeout_ms: f64) -> Client {
    Client::new(&object(&[
        ("endpoint", "https://api.test/video/".into()),
        ("headers", Headers::new().unwrap().into()),
        ("fetch", script.fetch.clone().into()),
        ("requestTimeoutMs", request_timeout_ms.into()),
        ("maxResponseBytes", 1_000.into()),
    ]))
    .unwrap()
}

fn quick() -> JsValue {
    object(&[("minIntervalMs", 5.into()), ("maxIntervalMs", 10.into())])
}

/// Collects (event, value, update, token).
pub(crate) fn listener() -> (Function, Array) {
    let heard = Array::new();
    let kept = heard.clone();
    let closure = Closure::<dyn Fn(JsValue, JsValue, JsValue, JsValue)>::new(
        move |event, value, update, token| {
            kept.push(&Array::of4(&event, &value, &update, &token));
        },
    );
    (closure.into_js_value().unchecked_into(), heard)
}

/// Waits for the end of a poll: ("done" | "failed", value, update, token).
pub(crate) async fn end(heard: &Array) -> Array {
    for _ in 0..500 {
        if let Some(last) = heard.iter().last() {
            let last: Array = last.unchecked_into();
            if last.get(0) == "done" || last.get(0) == "failed" {
                return last;
            }
        }
        sleep(10).await;
    }
    panic!("the poll did not end")
}

fn updates(heard: &Array) -> Vec<JsValue> {
    let news = heard.iter().map(JsCast::unchecked_into::<Array>);
    news.map(|news| news.get(2))
        .filter(|update| !update.is_undefined())
        .collect()
}

#[wasm_bindgen_test]
async fn a_video_is_polled_to_its_end() {
    let script = script(&[
        Play::Json(200, RENDERING),
        Play::Json(503, "busy"),
        Play::Json(200, DONE),
    ]);
    let client = client(&script, 5_000.0);
    let (listen, heard) = listener();
    let poll = client.poll(&"a/b c".into(), &quick(), listen).unwrap();
    assert_eq!(end(&heard).await.get(0), "done");
    let updates = updates(&heard);
    let words: Vec<_> = updates
        .iter()
        .map(|u| {
            (
                get(u, "status").as_string().unwrap(),
                get(u, "retrying").as_string(),
            )
        })
        .collect();
    let word =
        |status: &str, retrying: Option<&str>| (status.to_owned(), retrying.map(str::to_owned));
    assert_eq!(
        words,
        [
            word("RENDERING_VIDEO", None),
            word("RENDERING_VIDEO", Some("http")),
            word("DONE", None)
        ]
    );
    let done = &updates[2];
    assert_eq!(get(done, "url"), "https://cdn.test/v.mp4");
    assert_eq!(get(done, "creditsTotal"), 7);
    assert_eq!(get(&get(done, "raw"), "creditsTotal"), "7");
    assert_eq!(get(&get(done, "generatedContent"), "length"), 1);
    let calls = script.calls.borrow();
    assert_eq!(calls.len(), 3);
    assert_eq!(calls[0].0, "https://api.test/video/a%2Fb%20c");
    assert_eq!(get(&calls[0].1, "cache"), "no-store");
    assert_eq!(get(&calls[0].1, "redirect"), "manual");
    assert_eq!(poll.token(), None);
}

#[wasm_bindgen_test]
async fn polls_of_one_video_share_their_requests() {
    let script = script(&[
        Play::Json(200, RENDERING),
        Play::Json(200, RENDERING),
        Play::Json(200, DONE),
    ]);
    let client = client(&script, 5_000.0);
    let (first, heard_first) = listener();
    let (second, heard_second) = listener();
    let _first = client.poll(&"v".into(), &quick(), first).unwrap();
    let _second = client.poll(&"v".into(), &quick(), second).unwrap();
    assert_eq!(end(&heard_first).await.get(0), "done");
    assert_eq!(end(&heard_second).await.get(0), "done");
    assert_eq!(script.calls.borrow().len(), 3);
}

#[wasm_bindgen_test]
async fn the_last_to_leave_aborts_the_request_and_nothing_follows() {
    let script = script(&[Play::Hang]);
    let client = client(&script, 5_000.0);
    let (first, heard_first) = listener();
    let (second, heard_second) = listener();
    let first = client.poll(&"v".into(), &quick(), first).unwrap();
    let second = client.poll(&"v".into(), &quick(), second).unwrap();
    let aborted = || get(&get(&script.calls.borrow()[0].1, "signal"), "aborted");
    first.leave();
    sleep(1).await;
    assert_eq!(aborted(), false);
    second.leave();
    assert_eq!(aborted(), true);
    sleep(100).await;
    assert_eq!(script.calls.borrow().len(), 1);
    assert_eq!(heard_first.length() + heard_second.length(), 0);
}

#[wasm_bindgen_test]
async fn a_request_that_hangs_is_given_up_in_time() {
    let script = script(&[Play::Hang]);
    let client = client(&script, 20.0);
    let options = object(&[
        ("minIntervalMs", 0.into()),
        ("maxIntervalMs", 1.into()),
        ("maxConsecutiveFailures", 3.into()),
    ]);
    let (listen, heard) = listener();
    let _poll = client.poll(&"v".into(), &options, listen).unwrap();
    let failed = end(&heard).await;
    assert_eq!(failed.get(0), "failed");
    assert_eq!(get(&failed.get(1), "code"), "network");
    assert_eq!(get(&failed.get(1), "retryable"), true);
    assert_eq!(script.calls.borrow().len(), 3);
}

#[wasm_bindgen_test]
async fn a_deadline_ends_a_request_in_flight() {
    let script = script(&[Play::Hang]);
    let client = client(&script, f64::INFINITY);
    let (listen, heard) = listener();
    let _poll = client
        .poll(&"v".into(), &object(&[("timeoutMs", 50.into())]), listen)
        .unwrap();
    let failed = end(&heard).await;
    assert_eq!(get(&failed.get(1), "code"), "timeout");
    assert_eq!(
        get(&get(&script.calls.borrow()[0].1, "signal"), "aborted"),
        true
    );
}

#[wasm_bindgen_test]
async fn a_token_goes_on_in_another_client() {
    let script = script(&[Play::Json(200, RENDERING)]);
    let (listen, heard) = listener();
    let poll = client(&script, 5_000.0)
        .poll(&"v".into(), &quick(), listen)
        .unwrap();
    while heard.length() == 0 {
        sleep(5).await;
    }
    let token = poll.token().unwrap();
    poll.leave();
    let done = self::script(&[Play::Json(200, DONE)]);
    let (listen, heard_again) = listener();
    let options = object(&[("resumeToken", token.into())]);
    let _again = client(&done, 5_000.0)
        .poll(&"v".into(), &options, listen)
        .unwrap();
    end(&heard_again).await;
    let requests = |update: &JsValue| get(update, "requests").as_f64().unwrap();
    assert!(requests(&updates(&heard_again)[0]) > requests(&updates(&heard)[0]));
}

#[wasm_bindgen_test]
async fn a_body_is_read_up_to_its_limit_and_no_further() {
    const LONG: &str = concat!(
        r#"{"status":"PENDING","filler":""#,
        "0123456789012345678901234567890123456789",
        r#""}"#
    );
    let script = script(&[Play::Json(200, LONG)]);
    let client = Client::new(&object(&[
        ("endpoint", "https://api.test/video/".into()),
        ("headers", Headers::new().unwrap().into()),
        ("fetch", script.fetch.clone().into()),
        ("requestTimeoutMs", 5_000.into()),
        ("maxResponseBytes", 40.into()),
    ]))
    .unwrap();
    let answer = Promise::new(&mut |resolve, reject| {
        let controller = AbortController::new().unwrap();
        client
            .get_status(&"v".into(), controller, resolve, reject)
            .unwrap();
    });
    let error = JsFuture::from(answer).await.unwrap_err();
    assert_eq!(get(&error, "code"), "bad_response");
    assert_eq!(get(&error, "httpStatus"), 200);
}

#[wasm_bindgen_test]
fn arguments_that_cannot_work_are_refused_before_any_request() {
    let script = script(&[Play::Json(200, DONE)]);
    let client = client(&script, 5_000.0);
    let lone_surrogate = js_sys::JsString::from_char_code1(0xD800);
    let none = JsValue::UNDEFINED;
    for (id, options) in [
        ("".into(), none.clone()),
        ("..".into(), none.clone()),
        (5.into(), none.clone()),
        (lone_surrogate.into(), none.clone()),
        ("v".into(), object(&[("timeoutMs", 0.into())])),
        ("v".into(), object(&[("timeoutMs", "5".into())])),
        ("v".into(), object(&[("timeoutMs", JsValue::NULL)])),
        ("v".into(), object(&[("resumeToken", "it1,damaged".into())])),
        ("v".into(), object(&[("resumeToken", 7.into())])),
    ] {
        let (listen, _) = listener();
        let error = client.poll(&id, &options, listen).map(|_| ()).unwrap_err();
        assert_eq!(
            get(&error, "code"),
            "invalid_argument",
            "{id:?} {options:?}"
        );
    }
    assert!(script.calls.borrow().is_empty());
}
