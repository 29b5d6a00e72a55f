//! Waits for a video that IACrea generates: asks how far it is at the right moments, tells what
//! changes, survives what networks and servers do, and ends with the video or with one error of a
//! closed list.
//!
//! The map of the crate:
//!
//! - [`core`] decides. The sans-I/O state machine of a poll with its decoding, progress and pace;
//!   no clock, no network, no JavaScript. Programs that own time and transport drive
//!   [`core::machine::Machine`] themselves.
//! - `web` (wasm32 only) carries. Requests through `fetch`, timers, and the exports that the npm
//!   package is made of.

pub mod core;
#[cfg(target_arch = "wasm32")]
pub mod web;
