//! The shared cases, in a browser, and what only a browser tells: that the network or the tab is back.
#![cfg(target_arch = "wasm32")]
#![allow(missing_docs, clippy::unwrap_used)]

mod cases;
mod rust_client;

use cases::{DONE, Play, RENDERING, client, end, listener, object, script, sleep};
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::Event;

#[wasm_bindgen_test]
async fn back_online_and_back_in_front_it_asks_at_once() {
    let window = web_sys::window().unwrap();
    let document = window.document().unwrap();
    let script = script(&[
        Play::Json(200, RENDERING),
        Play::Json(200, RENDERING),
        Play::Json(200, DONE),
    ]);
    let client = client(&script, 5_000.0);
    let (listen, heard) = listener();
    let slow = object(&[
        ("minIntervalMs", 0.into()),
        ("maxIntervalMs", 600_000.into()),
    ]);
    let _poll = client.poll(&"v".into(), &slow, listen).unwrap();
    while heard.length() == 0 {
        sleep(5).await;
    }
    window
        .dispatch_event(&Event::new("online").unwrap())
        .unwrap();
    sleep(50).await;
    assert_eq!(script.calls.borrow().len(), 2);
    document
        .dispatch_event(&Event::new("visibilitychange").unwrap())
        .unwrap();
    assert_eq!(end(&heard).await.get(0), "done");
    // After the end nobody listens any more.
    window
        .dispatch_event(&Event::new("pageshow").unwrap())
        .unwrap();
    sleep(50).await;
    assert_eq!(script.calls.borrow().len(), 3);
}

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
