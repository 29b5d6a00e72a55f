//! What is measured of the core in virtual time, for `cargo xtask bench` and for the tests that hold it to its goals.

pub mod ideal;
pub mod pace;
