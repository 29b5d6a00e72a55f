//! The core from outside, natively and in virtual time: one poll's rules, its tokens, every scenario
//! of the simulator, and the TypeScript types beside the Rust ones.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod batch;
mod catalogue;
mod damage;
mod durations;
mod engine;
mod explore;
mod forged;
mod fuzz;
mod hosts;
mod oracle;
mod pace;
mod plan;
mod poll;
mod promises;
mod queue;
mod redaction;
mod retries;
mod session;
mod token;
mod types;
mod world;

/// Where the tests run very often (`QUICK_TESTS`): as many of each kind, fewer of each.
fn is_quick() -> bool {
    std::env::var_os("QUICK_TESTS").is_some()
}

/// How many of so many random cases are played: all with `ALL`, as a release does, a quarter in the gate.
fn share(cases: u32) -> u32 {
    if is_quick() {
        cases / 20
    } else if std::env::var_os("ALL").is_some() {
        cases
    } else {
        cases / 4
    }
}
