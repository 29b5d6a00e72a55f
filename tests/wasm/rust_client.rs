//! The client as Rust programs use it, with a scripted `fetch`: what its options refuse, what its
//! futures and streams give, and that whoever drops one is not asked for again.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use crate::cases::{DONE, Play, RENDERING, Script, get, script, sleep};
use futures_util::future::{join, select};
use futures_util::{Stream, StreamExt};
use iacrea_video::web::{
    Client, ClientBuilder, ErrorCode, Kind, Poll, PollOptions, RequestCredentials, Status,
};
use std::num::NonZeroU32;
use std::pin::pin;
use std::time::Duration;
use wasm_bindgen::JsCast;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::Headers;

const KEY: &str = "sesame-open-up";

fn builder(script: &Script) -> ClientBuilder {
    Client::builder()
        .base_url("https://api.test")
        .fetch(script.fetch.clone())
}

fn quick() -> PollOptions {
    PollOptions::new()
        .min_interval(Duration::from_millis(5))
        .max_interval(Duration::from_millis(10))
}

/// Between two requests for as long as any test takes.
fn slow() -> PollOptions {
    PollOptions::new()
        .min_interval(Duration::ZERO)
        .max_interval(Duration::from_secs(600))
}

fn is_aborted(script: &Script, call: usize) -> bool {
    get(&get(&script.calls.borrow()[call].1, "signal"), "aborted") == true
}

/// What was sent under a header in the first request.
fn sent(script: &Script, name: &str) -> Option<String> {
    let headers = get(&script.calls.borrow()[0].1, "headers");
    headers.unchecked_into::<Headers>().get(name).unwrap()
}

fn count(script: &Script) -> usize {
    script.calls.borrow().len()
}

#[wasm_bindgen_test]
async fn a_poll_is_a_stream_that_ends_with_the_video() {
    fn as_stream(poll: Poll) -> impl Stream<Item = <Poll as Stream>::Item> {
        poll
    }
    let script = script(&[
        Play::Json(200, RENDERING),
        Play::Json(503, "busy"),
        Play::Json(200, DONE),
    ]);
    let client = builder(&script).build().unwrap();
    let updates: Vec<_> = as_stream(client.poll("v", &quick()).unwrap())
        .map(Result::unwrap)
        .collect()
        .await;
    let told: Vec<_> = updates
        .iter()
        .map(|update| (update.video.status.name(), update.retrying))
        .collect();
    assert_eq!(
        told,
        [
            ("RENDERING_VIDEO", None),
            ("RENDERING_VIDEO", Some(ErrorCode::Http)),
            ("DONE", None)
        ]
    );
    assert!((updates[2].overall, updates[2].video.credits_total) == (1.0, Some(7.0)));
    assert_eq!(count(&script), 3);
}

#[wasm_bindgen_test]
async fn waiting_gives_the_video_and_what_the_server_said_of_it() {
    let script = script(&[Play::Json(200, RENDERING), Play::Json(200, DONE)]);
    let client = builder(&script).build().unwrap();
    let done = client.wait_for_video("a/b c", &quick()).await.unwrap();
    let Status::Done { url, id, .. } = &done.video.status else {
        panic!("{done:?}")
    };
    assert_eq!(
        (url.as_str(), id.as_str()),
        ("https://cdn.test/v.mp4", "a/b c")
    );
    assert_eq!(
        script.calls.borrow()[0].0,
        "https://api.test/api/video-editor/generate/video/a%2Fb%20c"
    );
    let mut poll = client.poll("v", &quick()).unwrap();
    let (first, again) = (poll.done().await, poll.done().await);
    assert_eq!(first, again);
    assert_eq!(get(&poll.raw(), "creditsTotal"), "7");
    // The end was not told yet to whoever reads along, and is told once.
    assert_eq!(poll.next().await, Some(first));
    assert_eq!(poll.next().await, None);
}

#[wasm_bindgen_test]
async fn a_slow_reader_gets_the_newest_update_and_the_failure_once() {
    let script = script(&[
        Play::Json(200, r#"{"status":"GENERATING_VIDEO"}"#),
        Play::Json(200, RENDERING),
        Play::Json(404, "gone"),
    ]);
    let client = builder(&script).build().unwrap();
    let mut poll = client.poll("v", &quick()).unwrap();
    let failure = poll.done().await.unwrap_err();
    assert_eq!(
        (failure.code, failure.http_status),
        (ErrorCode::NotFound, Some(404))
    );
    let newest = poll.next().await.unwrap().unwrap();
    assert_eq!(newest.video.status.name(), "RENDERING_VIDEO");
    assert_eq!(poll.next().await, Some(Err(failure)));
    assert_eq!(poll.next().await, None);
}

#[wasm_bindgen_test]
async fn a_poll_that_is_dropped_aborts_its_request_and_none_follows() {
    let script = script(&[Play::Hang]);
    let client = builder(&script).build().unwrap();
    let first = client.poll("v", &quick()).unwrap();
    let second = client.poll("v", &quick()).unwrap();
    drop(first);
    sleep(20).await;
    assert!(
        !is_aborted(&script, 0),
        "another still waits for the answer"
    );
    drop(second);
    assert!(is_aborted(&script, 0));
    sleep(100).await;
    assert_eq!(count(&script), 1);
}

#[wasm_bindgen_test]
async fn a_poll_that_is_dropped_in_its_pause_asks_no_more() {
    let script = script(&[Play::Json(200, RENDERING)]);
    let client = builder(&script).build().unwrap();
    let mut poll = client.poll("v", &quick()).unwrap();
    poll.next().await.unwrap().unwrap();
    drop(poll);
    let asked = count(&script);
    sleep(100).await;
    assert_eq!(count(&script), asked);
}

#[wasm_bindgen_test]
async fn a_future_that_is_dropped_aborts_its_request_and_none_follows() {
    let script = script(&[Play::Hang]);
    let client = builder(&script).build().unwrap();
    {
        let options = quick();
        let waiting = pin!(client.wait_for_video("v", &options));
        let asking = pin!(client.get_status("w"));
        select(select(waiting, asking), pin!(sleep(20))).await;
        assert!(!is_aborted(&script, 0) && !is_aborted(&script, 1));
    }
    assert!(is_aborted(&script, 0) && is_aborted(&script, 1));
    sleep(100).await;
    assert_eq!(count(&script), 2);
}

#[wasm_bindgen_test]
async fn asking_now_does_not_wait_for_the_pause() {
    let script = script(&[
        Play::Json(200, r#"{"status":"GENERATING_VIDEO"}"#),
        Play::Json(200, DONE),
    ]);
    let client = builder(&script).build().unwrap();
    let mut poll = client.poll("v", &slow()).unwrap();
    poll.next().await.unwrap().unwrap();
    poll.ask_now();
    assert!(poll.done().await.is_ok());
    assert_eq!(count(&script), 2);
}

#[wasm_bindgen_test]
async fn another_client_goes_on_from_the_token_also_after_a_failure() {
    let first = script(&[Play::Json(200, RENDERING), Play::Json(500, "no more")]);
    let client = builder(&first).build().unwrap();
    let mut poll = client
        .poll("v", &quick().max_consecutive_failures(1))
        .unwrap();
    let live = {
        poll.next().await.unwrap().unwrap();
        poll.resume_token()
    };
    assert_eq!(poll.done().await.unwrap_err().code, ErrorCode::Http);
    for token in [live, poll.resume_token()] {
        let second = script(&[Play::Json(200, DONE)]);
        let client = builder(&second).build().unwrap();
        let done = client
            .wait_for_video("v", &quick().resume_token(token))
            .await
            .unwrap();
        assert!(done.requests > 1, "{done:?}");
    }
}

#[wasm_bindgen_test]
async fn a_single_question_gives_a_status_or_its_failure() {
    let script = script(&[
        Play::Json(200, r#"{"status":"RENDERING_VIDEO","progress":1}"#),
        Play::Json(500, "busy"),
    ]);
    let client = builder(&script).kind(Kind::Auto).build().unwrap();
    let video = client.get_status("v").await.unwrap();
    assert!(
        matches!(video.status, Status::RenderingVideo { progress, .. } if progress == 0.01),
        "{:?}",
        video.status
    );
    assert!(
        script.calls.borrow()[0]
            .0
            .ends_with("/generate/video/auto/v")
    );
    let failure = client.get_status("v").await.unwrap_err();
    assert_eq!(
        (failure.code, failure.http_status),
        (ErrorCode::Http, Some(500))
    );
    assert_eq!(
        client.get_status("..").await.unwrap_err().code,
        ErrorCode::InvalidArgument
    );
    assert_eq!(count(&script), 2);
}

#[wasm_bindgen_test]
async fn a_request_that_takes_too_long_or_a_body_that_is_too_long_is_given_up() {
    let hanging = script(&[Play::Hang]);
    let client = builder(&hanging)
        .request_timeout(Duration::from_millis(20))
        .build()
        .unwrap();
    assert_eq!(
        client.get_status("v").await.unwrap_err().code,
        ErrorCode::Network
    );
    let long = script(&[Play::Json(200, DONE)]);
    let client = builder(&long)
        .max_response_bytes(DONE.len() - 1)
        .build()
        .unwrap();
    assert_eq!(
        client.get_status("v").await.unwrap_err().code,
        ErrorCode::BadResponse
    );
    let client = builder(&long)
        .max_response_bytes(DONE.len())
        .build()
        .unwrap();
    assert!(client.get_status("v").await.is_ok());
}

#[wasm_bindgen_test]
async fn a_limit_holds_for_as_long_as_it_is_kept() {
    let script = script(&[Play::Hang]);
    let client = builder(&script).build().unwrap();
    let limit = client.limit(NonZeroU32::MIN);
    let polls = ["a", "b", "c"].map(|id| client.poll(id, &quick()).unwrap());
    sleep(20).await;
    assert_eq!(count(&script), 1);
    drop(limit);
    sleep(20).await;
    assert_eq!(count(&script), 3);
    drop(polls);
}

#[wasm_bindgen_test]
async fn headers_and_credentials_go_along_and_the_key_wins() {
    let script = script(&[Play::Json(200, DONE)]);
    let client = builder(&script)
        .header("X-Api-Key", "another")
        .header("x-session", "s")
        .api_key(KEY)
        .credentials(RequestCredentials::Include)
        .build()
        .unwrap();
    let (one, two) = join(client.get_status("v"), client.get_status("w")).await;
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(sent(&script, "x-api-key").as_deref(), Some(KEY));
    assert_eq!(sent(&script, "x-session").as_deref(), Some("s"));
    assert_eq!(sent(&script, "accept").as_deref(), Some("application/json"));
    assert_eq!(get(&script.calls.borrow()[0].1, "credentials"), "include");
}

#[wasm_bindgen_test]
async fn the_key_is_shown_nowhere_also_where_the_server_repeats_it() {
    let echo = r#"{"error":"sesame-open-up is no key"}"#;
    let script = script(&[Play::Json(403, echo)]);
    for builder in [
        builder(&script).api_key(KEY),
        builder(&script).header("x-api-key", KEY),
    ] {
        assert!(!format!("{builder:?}").contains(KEY), "{builder:?}");
        let client = builder.build().unwrap();
        let mut poll = client.poll("v", &quick()).unwrap();
        let failure = poll.done().await.unwrap_err();
        assert_eq!(failure.detail.as_deref(), Some("***"));
        for shown in [format!("{client:?} {poll:?}"), poll.resume_token()] {
            assert!(!shown.contains(KEY), "{shown}");
        }
    }
}

#[wasm_bindgen_test]
async fn options_that_cannot_work_are_refused_before_any_request() {
    let script = script(&[Play::Json(200, DONE)]);
    let refused = |builder: ClientBuilder| {
        let failure = builder.build().map(|_| ()).unwrap_err();
        assert_eq!(failure.code, ErrorCode::InvalidArgument);
        assert!(!failure.to_string().contains(KEY), "{failure}");
    };
    let plain = || builder(&script);
    for base in [
        "ftp://api.test",
        "https://user:word@api.test",
        "https://api.test?x=1",
        "https://api.test/#x",
        "https://",
    ] {
        refused(plain().base_url(base));
    }
    refused(plain().base_url("http://api.test").api_key(KEY));
    refused(plain().base_url("http://api.test").header("X-API-KEY", KEY));
    refused(plain().base_url("http://127.0.0.1.evil.test").api_key(KEY));
    refused(plain().api_key(" "));
    refused(plain().api_key(format!("{KEY}\n{KEY}")));
    refused(plain().header("x y", KEY));
    refused(plain().header("x-session", format!("{KEY}\u{2713}")));
    refused(plain().request_timeout(Duration::ZERO));
    refused(plain().max_response_bytes(0));

    let client = plain()
        .base_url("http://127.1:9/x/")
        .api_key(KEY)
        .build()
        .unwrap();
    assert!(format!("{client:?}").contains("http://127.0.0.1:9/x/api/"));
    for (id, options) in [
        ("", quick()),
        (".", quick()),
        ("v", quick().timeout(Duration::ZERO)),
        ("v", quick().min_interval(Duration::from_secs(1))),
        ("v", quick().max_consecutive_failures(0)),
        ("v", quick().resume_token("it1,damaged".to_owned())),
    ] {
        let failure = client.poll(id, &options).map(|_| ()).unwrap_err();
        assert_eq!(
            failure.code,
            ErrorCode::InvalidArgument,
            "{id:?} {options:?}"
        );
    }
    assert!(client.poll("v", &quick().timeout(Duration::MAX)).is_ok());
    assert_eq!(count(&script), 0);
}
