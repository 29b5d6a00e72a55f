//! Runs one test module in Node or in a browser, as `cargo test` asks for it. A program of its own, since nothing
//! else needs what it is made of.

use std::env;

use wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args;

fn main() -> anyhow::Result<()> {
    run_cli_with_args(env::args_os())
}
