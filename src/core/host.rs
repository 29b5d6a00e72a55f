//! What every host can read, and the core would need kilobytes for: decimal numbers. The core decides
//! what is one, so that videos are the same in every host.

/// A host that reads texts for the core.
pub trait Host {
    /// Reads a text of digits and the signs that a decimal number may have; nothing if it is none.
    fn decimal(text: &str) -> Option<f64>;
}

/// What a program outside of a browser has: the standard library.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Copy, Debug)]
pub enum Native {}

#[cfg(not(target_arch = "wasm32"))]
impl Host for Native {
    fn decimal(text: &str) -> Option<f64> {
        text.parse().ok()
    }
}
