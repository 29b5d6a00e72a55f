//! The part that decides. It has no clock, no network and no JavaScript: time and answers come in
//! as arguments, commands come out, so every rule of a poll can be tested natively in virtual time.

mod address;
pub mod answer;
pub mod budget;
pub mod cadence;
mod date;
pub mod endpoint;
pub mod error;
pub mod host;
pub(crate) mod json;
pub mod lessons;
pub mod machine;
pub mod messages;
pub mod options;
pub(crate) mod percent;
pub mod progress;
pub mod secret;
mod snapshot;
pub mod status;
pub mod usual;

/// A point in time or a span, in whole milliseconds. Points are Unix time.
pub type Millis = u64;
