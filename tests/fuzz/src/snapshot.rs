//! Any bytes as a snapshot or token.
#![no_main]
#![allow(dead_code)]

#[path = "../../native/oracle.rs"]
mod oracle;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oracle::read_snapshot(bytes));
