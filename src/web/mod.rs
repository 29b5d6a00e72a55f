//! The part that carries, on wasm32 only: a client for Rust programs in browsers, workers and Node.
//! It sends through the host's `fetch`, wakes by its timers, and obeys the commands of
//! [`crate::core::machine`]; it decides nothing about videos itself.
//!
//! ```no_run
//! use iacrea_video::web::{Client, Failure, PollOptions, Status};
//! use std::time::Duration;
//!
//! # async fn example(id: &str) -> Result<(), Failure> {
//! // A page has no key: it asks through a route of your server, which adds it.
//! let client = Client::builder().base_url("/video-proxy").build()?;
//! let patient = PollOptions::new().timeout(Duration::from_secs(3_600));
//! let update = client.wait_for_video(id, &patient).await?;
//! if let Status::Done { url, .. } = &update.video.status {
//!     // Play it.
//! }
//! # Ok(())
//! # }
//! ```
//!
//! All of it lives on one thread, as JavaScript values do, and belongs to the global it was made
//! in. In a Cloudflare Worker make one client per request: a request that is in flight belongs to
//! the visitor who started it.

mod attempt;
mod client;
#[cfg(feature = "npm")]
mod convert;
mod driver;
#[cfg(feature = "npm")]
#[doc(hidden)]
pub mod engine;
#[cfg(feature = "npm")]
#[doc(hidden)]
pub mod exports;
mod fetch;
mod poll;
mod timer;
mod value;

pub use client::{Client, ClientBuilder, Limit};
pub use poll::{Poll, PollOptions};
pub use web_sys::RequestCredentials;

#[doc(no_inline)]
pub use crate::core::endpoint::Kind;
#[doc(no_inline)]
pub use crate::core::error::{ErrorCode, Failure};
#[doc(no_inline)]
pub use crate::core::machine::{Retry, Update};
#[doc(no_inline)]
pub use crate::core::messages::Reason;
#[doc(no_inline)]
pub use crate::core::status::{ContentStatus, GeneratedContent, Status, VideoStatus};
