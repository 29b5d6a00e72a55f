//! The shared cases, in a dedicated worker.
#![cfg(target_arch = "wasm32")]
#![allow(missing_docs)]

mod cases;
mod rust_client;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);
