//! The part that carries, on wasm32 only: requests, timers and JavaScript values. It obeys the
//! commands of [`crate::core::machine`] and decides nothing about videos itself.

mod convert;
mod driver;
mod exports;
mod fetch;
mod secret;
mod timer;

pub use exports::{Client, Limit, Poll};
