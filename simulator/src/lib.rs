//! A pretend IACrea server for tests and demos.
//!
//! The model is pure: requests and the time go in, answers come out, and the same seed gives the same answers. It
//! behaves as the public documentation says (asking drives the pipeline), speaks every dialect that the
//! documentation leaves open, and misbehaves on request.
//!
//! - `pipeline` is the life of one video: clips, failed clips, the render.
//! - `dialect` is how the server words what it knows, `fault` what goes wrong on the way.
//! - `catalogue` names the combinations worth trying, as data.
//! - `video` is one video with all of these and its request log, `order` reads orders for new ones.
//! - `model` is the server; `reply` is what goes in and comes out.
//!
//! `pkg/wasm/simulator` exports it to JavaScript, and `www/server` serves that over sockets.

mod catalogue;
pub mod course;
mod date;
mod dialect;
mod fault;
mod model;
mod order;
mod pipeline;
mod random;
mod reply;
mod video;

pub use catalogue::{Expect, Group, SCENARIOS, Scenario, catalogue, scenario};
pub use dialect::{Content, Credits, Dialect, Naming, Scale, Spelling, Wording};
pub use fault::{Fault, Rule, Wait, When};
pub use model::{Options, Refused, Simulator, VideoOptions};
pub use pipeline::{Ending, Life, Phase};
pub use reply::{Answer, Body, Reply, Request};
pub use video::LoggedRequest;
