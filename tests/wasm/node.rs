//! The shared cases, in Node.
#![cfg(target_arch = "wasm32")]
#![allow(missing_docs)]

mod cases;
mod rust_client;
