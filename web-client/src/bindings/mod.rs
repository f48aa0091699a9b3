//! The only module for the boundary to JavaScript: a few classes, JSON for people, and bytes for
//! jobs and solutions.

#[cfg(feature = "laboratory")]
mod laboratory;
#[cfg(feature = "miner")]
mod miner;
#[cfg(feature = "node")]
mod node;

#[cfg(any(feature = "miner", feature = "node"))]
use wasm_bindgen::prelude::*;

#[cfg(any(feature = "miner", feature = "node"))]
#[wasm_bindgen]
extern "C" {
    /// Returns milliseconds on the monotonic clock.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    pub(crate) fn performance_now() -> f64;
}
