//! The part that decides. It has no clock, no network and no JavaScript: time and answers come in
//! as arguments, commands come out, so every rule of a poll can be tested natively in virtual time.
//!
//! What the server says may grow with it: codes, statuses and what they hold get more variants and fields in a minor
//! version, so a `match` has a last arm for the others, and nobody builds them by a literal.
//!
//! ```
//! use iacrea_video::core::status::ContentStatus;
//!
//! fn is_over(clip: ContentStatus) -> bool {
//!     match clip {
//!         ContentStatus::Success | ContentStatus::Error => true,
//!         ContentStatus::Pending | ContentStatus::Unrecognized | _ => false,
//!     }
//! }
//! # assert!(!is_over(ContentStatus::Pending));
//! ```
//!
//! ```compile_fail,E0004
//! # use iacrea_video::core::status::ContentStatus;
//! fn is_over(clip: ContentStatus) -> bool {
//!     match clip {
//!         ContentStatus::Success | ContentStatus::Error => true,
//!         ContentStatus::Pending | ContentStatus::Unrecognized => false,
//!     }
//! }
//! ```
//!
//! ```compile_fail,E0639
//! # use iacrea_video::core::status::{ContentStatus, GeneratedContent};
//! # let (id, url, effect, format, category, text) = (None, None, None, None, None, None);
//! let clip = GeneratedContent { id, url, effect, format, category, text, status: ContentStatus::Pending };
//! ```
//!
//! The commands of the machine are all that there are: who does not know one cannot carry it out.

mod address;
pub mod answer;
mod budget;
pub mod cadence;
mod date;
pub mod durations;
pub mod endpoint;
pub mod error;
pub mod host;
pub(crate) mod json;
pub mod machine;
pub mod messages;
pub mod options;
pub(crate) mod percent;
pub mod progress;
pub mod secret;
pub mod session;
mod snapshot;
pub mod status;

/// A point in time or a span, in whole milliseconds. Points are Unix time.
pub type Millis = u64;
