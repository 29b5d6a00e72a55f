//! Waits for a video that [IACrea](https://iacrea.com) generates: asks how far it is at the right
//! moments, tells what changes, survives what networks and servers do, and ends with the video or
//! with one error of a closed list.
//!
//! The map of the crate:
//!
//! - [`core`] decides. The sans-I/O state machine of a poll with its decoding, progress and pace;
//!   no clock, no network, no JavaScript. Programs that own time and transport drive
//!   [`core::machine::Machine`] themselves.
//! - [`web`] (wasm32 only) carries, for Rust programs in browsers, workers and Node: requests
//!   through `fetch`, timers, and a client to await.
//!
//! # Natively
//!
//! The machine says what to do next; the program does it with the clock and the HTTP client that it
//! has, and comes back with what happened. Here both are closures; `examples/reqwest` of the
//! repository does it with reqwest and tokio.
//!
#![cfg_attr(target_arch = "wasm32", doc = "```ignore")]
#![cfg_attr(not(target_arch = "wasm32"), doc = "```")]
//! use iacrea_video::core::answer::{Answer, Response};
//! use iacrea_video::core::endpoint::{DEFAULT_BASE_URL, Endpoint, Kind};
//! use iacrea_video::core::error::Failure;
//! use iacrea_video::core::host::Native;
//! use iacrea_video::core::machine::{Command, Event, Machine, Step, check_id};
//! use iacrea_video::core::options::Options;
//! use iacrea_video::core::status::Status;
//!
//! /// `get` sends the key with a question and gives the HTTP status and the body, `sleep` waits
//! /// until a point in time; both are in Unix milliseconds.
//! fn wait(
//!     id: &str,
//!     key: &str,
//!     now: impl Fn() -> u64,
//!     sleep: impl Fn(u64),
//!     get: impl Fn(&str) -> Option<(u16, String)>,
//! ) -> Result<String, Failure> {
//!     check_id(id)?;
//!     // Refuses to send the key where others could read it.
//!     let url = Endpoint::new(DEFAULT_BASE_URL, Kind::Video, Some(key))?.url(id);
//!     let (mut machine, mut step) = Machine::start(id, Options::default(), now());
//!     loop {
//!         let Step { command, update, .. } = step;
//!         if let Some(update) = &update {
//!             println!("{} {:.0} %", update.video.status.name(), 100.0 * update.overall);
//!         }
//!         let event = match command {
//!             Command::Fetch { .. } => match get(&url) {
//!                 Some((http_status, body)) => {
//!                     let response = Response {
//!                         http_status,
//!                         body: &body,
//!                         ..Response::default()
//!                     };
//!                     Event::Answer(Answer::read::<Native>(response, id))
//!                 }
//!                 None => Event::NetworkError,
//!             },
//!             Command::Sleep { until } => {
//!                 sleep(until);
//!                 Event::Wake
//!             }
//!             Command::Done => match update.map(|update| update.video.status.clone()) {
//!                 Some(Status::Done { url, .. }) => return Ok(url),
//!                 _ => unreachable!("the step that is done tells the finished video"),
//!             },
//!             Command::Failed(failure) => return Err(failure),
//!         };
//!         step = machine.step(event, now());
//!     }
//! }
//!
//! # let time = std::cell::Cell::new(1_800_000_000_000);
//! # let asked = std::cell::Cell::new(0);
//! # let answer = |_: &str| {
//! #     asked.set(asked.get() + 1);
//! #     Some(match asked.get() {
//! #         1 => (200, r#"{"status":"RENDERING_VIDEO","progress":40}"#.to_owned()),
//! #         2 => (503, "busy".to_owned()),
//! #         _ => (200, r#"{"status":"DONE","url":"https://cdn.test/v.mp4"}"#.to_owned()),
//! #     })
//! # };
//! # let url = wait("v", "a key", || time.get(), |until| time.set(until), answer)?;
//! # assert_eq!((url.as_str(), asked.get()), ("https://cdn.test/v.mp4", 3));
//! # Ok::<(), Failure>(())
//! ```
//!
//! # In a Rust wasm app
//!
#![cfg_attr(target_arch = "wasm32", doc = "```no_run")]
#![cfg_attr(not(target_arch = "wasm32"), doc = "```ignore")]
//! use iacrea_video::web::{Client, Failure, PollOptions, Status};
//!
//! async fn watch(
//!     id: &str,
//!     saved: Option<String>,
//!     draw: impl Fn(f64, &str),
//!     keep: impl Fn(String),
//! ) -> Result<(), Failure> {
//!     // A page has no key: it asks through a route of your server, which adds it.
//!     let client = Client::builder().base_url("/video-proxy").build()?;
//!     let mut poll = client.poll(id, &PollOptions::new().resume_token(saved))?;
//!     while let Some(update) = poll.next().await {
//!         let update = update?;
//!         keep(poll.resume_token());
//!         draw(update.overall, update.video.status.name());
//!         if let Status::Done { url, .. } = &update.video.status {
//!             draw(1.0, url);
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! `examples/wasm-app` of the repository is a whole page, built with `wasm-pack build --target web`.
//!
//! # Features
//!
//! - `npm` (off by default) exports classes to JavaScript: what the npm package `iacrea-video` is
//!   made of, and no part of this crate's API. Every wasm module that links the crate would export
//!   them too, so Rust programs leave it off.
//!
#![cfg_attr(target_arch = "wasm32", doc = "[`web`]: crate::web")]
#![cfg_attr(
    not(target_arch = "wasm32"),
    doc = "[`web`]: https://docs.rs/iacrea-video/latest/wasm32-unknown-unknown/iacrea_video/web/index.html"
)]

pub mod core;
#[cfg(target_arch = "wasm32")]
pub mod web;
