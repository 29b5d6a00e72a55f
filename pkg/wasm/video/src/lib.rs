//! The module of the npm package: the classes that the crate exports with its feature `npm`.
#![cfg(target_arch = "wasm32")]

use iacrea_video as _;

/// A third of the bytes of the one that the standard library brings, and no slower with what is polled here.
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();
