//! The class of a miner's Worker.

use wasm_bindgen::prelude::*;

use super::performance_now;
use crate::mining::miner::Searcher;

/// A miner, which searches its shares of jobs as fast as this machine can.
#[wasm_bindgen(js_name = Miner)]
#[derive(Debug)]
pub struct TabMiner {
    searcher: Searcher,
    tries: f64,
}

#[wasm_bindgen(js_class = Miner)]
impl TabMiner {
    /// Creates a miner without a job.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self { searcher: Searcher::new(), tries: 0.0 }
    }

    /// Searches only this job from now on: the share of miner `number` of `count`, from 0, during
    /// `percent` of the time. Returns false if the bytes are not a job.
    pub fn search(&mut self, job: &[u8], number: u32, count: u32, percent: u32) -> bool {
        self.searcher.search(job, number, count, percent).is_ok()
    }

    /// Searches for some 30 ms. Returns a solution's bytes if it finds one.
    pub fn slice(&mut self) -> Option<Vec<u8>> {
        let slice = self.searcher.slice(performance_now);
        #[expect(clippy::cast_precision_loss, reason = "a slice has far fewer than 2^53 tries")]
        let tries = slice.tries as f64;
        self.tries += tries;
        slice.solution.map(|solution| solution.encode())
    }

    /// Returns the number of nonces tried since the last call.
    #[wasm_bindgen(js_name = takeTries)]
    pub fn take_tries(&mut self) -> f64 {
        core::mem::take(&mut self.tries)
    }

    /// Returns the time to rest before the next slice, in milliseconds.
    pub fn rest(&self) -> f64 {
        self.searcher.rest()
    }

    /// Returns the name of the kernel that searches.
    pub fn kernel(&self) -> String {
        self.searcher.kernel().name().to_owned()
    }
}
