//! Any bytes as an answer of the server.
#![no_main]
#![allow(dead_code)]

#[path = "../../native/oracle.rs"]
mod oracle;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oracle::read_answer(bytes));
