//! Plexus in a browser: the light node that a Worker owns, and the search that each miner Worker runs.
//!
//! Two programs are built from this package. The first has the features `node` and `miner`: the light node, and a miner for
//! engines without vectors. The second has `miner` and `simd128`: it is small, and made for speed alone. This file is the one room for
//! what crosses the boundary to JavaScript: a few classes, JSON for what people see, bytes for jobs and solutions. Everything behind
//! it is Rust; the decisions are core's.
//!
//! | files | what |
//! | --- | --- |
//! | `driver` `shell` | drives the node: facts in, wishes out, one task that waits |
//! | `socket` `database` `clock` `api` `page` | the browser: WebSocket, IndexedDB, time, the node's JSON, the page |
//! | `archive` `recent` | what is remembered of the chain, in the store and in memory |
//! | `identity` `feed` `sent` `board` `form` | the person's key, what arrived, what was sent, how it is shown |
//! | `effort` `rate` | how much the person lets the miners do, and how fast they are |
//! | `miner` `duty` `gpu` | shares of jobs, when a miner rests, and what a graphics processor searches |

#[cfg(feature = "node")]
mod api;
#[cfg(feature = "node")]
mod archive;
#[cfg(feature = "node")]
mod board;
#[cfg(feature = "node")]
mod clock;
#[cfg(feature = "node")]
mod database;
#[cfg(feature = "node")]
mod driver;
#[cfg(feature = "miner")]
mod duty;
#[cfg(feature = "node")]
mod effort;
#[cfg(feature = "node")]
mod feed;
#[cfg(feature = "node")]
mod form;
#[cfg(feature = "node")]
mod gpu;
#[cfg(feature = "node")]
mod identity;
#[cfg(feature = "miner")]
mod miner;
#[cfg(feature = "node")]
mod page;
#[cfg(feature = "node")]
mod rate;
#[cfg(feature = "node")]
mod recent;
#[cfg(feature = "node")]
mod sent;
#[cfg(feature = "node")]
mod shell;
#[cfg(feature = "node")]
mod socket;
#[cfg(feature = "node")]
mod start;

#[cfg(feature = "node")]
use std::rc::Rc;

#[cfg(feature = "node")]
use js_sys::Function;
#[cfg(feature = "node")]
use plexus_core::hash::Hash;
#[cfg(feature = "node")]
use plexus_core::mine::Solution;
#[cfg(feature = "node")]
use sha2::{Digest, Sha256};
use wasm_bindgen::prelude::*;

#[cfg(feature = "node")]
use crate::effort::{Circumstances, Effort};
#[cfg(feature = "node")]
use crate::form::Refusal;
#[cfg(feature = "node")]
use crate::gpu::GpuShare;
#[cfg(feature = "miner")]
use crate::miner::Searcher;
#[cfg(feature = "node")]
use crate::page::Page;
#[cfg(feature = "node")]
use crate::shell::Shell;

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

#[wasm_bindgen]
extern "C" {
    /// Milliseconds on the clock that never goes back.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
}

#[cfg(feature = "node")]
impl From<Refusal> for JsValue {
    fn from(refusal: Refusal) -> Self {
        js_sys::Error::new(&refusal.0).into()
    }
}

/// A light node: made by [`LightNode::start`], it lives as long as its Worker.
#[cfg(feature = "node")]
#[wasm_bindgen]
#[derive(Debug)]
pub struct LightNode {
    shell: Rc<Shell>,
}

#[cfg(feature = "node")]
#[wasm_bindgen]
impl LightNode {
    /// Starts a node that connects to the one at the URL `node`. Of several pages of an origin one `keeps_chain` in the
    /// browser's storage. `updated` is called with each update as JSON, `searched` with each job (bytes, or null),
    /// a number of threads and the part of the time that each may work, percent.
    ///
    /// Resolves when the network is known and what was kept is loaded; connecting goes on after that.
    ///
    /// # Errors
    /// No node's URL, or no key and no chance to make one.
    pub async fn start(
        node: String,
        keeps_chain: bool,
        updated: Function,
        searched: Function,
    ) -> Result<Self, JsValue> {
        let page = Page::new(updated, searched);
        Ok(Self { shell: start::start(&node, keeps_chain, page).await? })
    }

    /// Signs a message and sends it: answers with its id.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn submit(&self, recipient: &str, text: &str) -> Result<String, JsValue> {
        let id = self.shell.enter(|driver, now| driver.submit(now, recipient, text))?;
        Ok(id.to_string())
    }

    /// Mines with so many threads, each working `percent` of the time, as soon as the chain is checked; perhaps not while the page
    /// is hidden or the machine lives on its battery.
    ///
    /// # Errors
    /// No threads or time, or too much of it.
    pub fn mine(
        &self,
        threads: u32,
        percent: u32,
        pauses_hidden: bool,
        pauses_on_battery: bool,
    ) -> Result<(), JsValue> {
        let effort = Effort { threads, percent, pauses_hidden, pauses_on_battery };
        Ok(self.shell.enter(|driver, now| driver.mine(now, effort))?)
    }

    /// Whether the page is hidden, and whether the machine lives on its battery.
    pub fn find(&self, hidden: bool, on_battery: bool) {
        self.shell.enter(|driver, now| driver.find(now, Circumstances { hidden, on_battery }));
    }

    /// Mines no more.
    #[wasm_bindgen(js_name = stopMining)]
    pub fn stop_mining(&self) {
        self.shell.enter(|driver, now| driver.stop_mining(now));
    }

    /// The 24 words of the person's key.
    pub fn words(&self) -> String {
        self.shell.enter(|driver, _| driver.words())
    }

    /// Takes the key of 24 words in place of the one there is: answers with its public key.
    ///
    /// # Errors
    /// Which word is wrong.
    pub fn restore(&self, words: &str) -> Result<String, JsValue> {
        let public = self.shell.enter(|driver, now| driver.restore(now, words))?;
        Ok(public.to_string())
    }

    /// Checks a block that the node told of as JSON, rule by rule: the trace as JSON. `hash` is what it was asked for by, or empty.
    ///
    /// # Errors
    /// It is no block, or too large a one.
    pub fn trace(&self, block: &str, hash: &str) -> Result<String, JsValue> {
        Ok(self.shell.enter(|driver, now| driver.trace(now, block, hash))?)
    }

    /// A miner found this solution.
    pub fn solved(&self, solution: &[u8]) {
        if let Ok(solution) = Solution::decode(solution) {
            self.shell.enter(|driver, now| driver.solved(now, solution));
        }
    }

    /// Miners tried so many nonces.
    pub fn hashed(&self, hashes: f64) {
        self.shell.enter(|driver, _| driver.hashed(hashes));
    }
}

/// The SHA-256 of a file, taken in piece by piece: it may be of any size, and stays where it is.
#[cfg(feature = "node")]
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct FileDigest {
    sha256: Sha256,
}

#[cfg(feature = "node")]
#[wasm_bindgen]
impl FileDigest {
    /// That of an empty file.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece in.
    pub fn update(&mut self, piece: &[u8]) {
        self.sha256.update(piece);
    }

    /// The digest of all pieces, 64 hex digits.
    pub fn finish(self) -> String {
        Hash::from_bytes(self.sha256.finalize().into()).to_string()
    }
}

/// A miner: searches its shares of jobs, as fast as this machine can.
#[cfg(feature = "miner")]
#[wasm_bindgen]
#[derive(Debug)]
pub struct Miner {
    searcher: Searcher,
    tries: f64,
}

#[cfg(feature = "miner")]
#[wasm_bindgen]
impl Miner {
    /// A miner without a job.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::new_without_default, reason = "it is made by JavaScript alone")]
    pub fn new() -> Self {
        Self { searcher: Searcher::new(), tries: 0.0 }
    }

    /// Searches the share of miner `number` of `count`, from 0, in this job and no other, during `percent` of the time. Answers
    /// whether the bytes are a job.
    pub fn search(&mut self, job: &[u8], number: u32, count: u32, percent: u32) -> bool {
        self.searcher.search(job, number, count, percent).is_ok()
    }

    /// Searches for some 30 ms; a solution's bytes when one is found.
    pub fn slice(&mut self) -> Option<Vec<u8>> {
        let slice = self.searcher.slice(performance_now);
        #[expect(clippy::cast_precision_loss, reason = "a slice has far fewer than 2^53 tries")]
        let tries = slice.tries as f64;
        self.tries += tries;
        slice.solution.map(|solution| solution.encode())
    }

    /// The nonces tried since this was last asked.
    #[wasm_bindgen(js_name = takeTries)]
    pub fn take_tries(&mut self) -> f64 {
        core::mem::take(&mut self.tries)
    }

    /// How long to rest before the next slice, milliseconds.
    pub fn rest(&self) -> f64 {
        self.searcher.rest()
    }

    /// The name of the kernel that searches.
    pub fn kernel(&self) -> String {
        self.searcher.kernel().name().to_owned()
    }
}

/// One share of a job for a graphics processor.
#[cfg(feature = "node")]
#[wasm_bindgen]
#[derive(Debug)]
pub struct GpuMiner {
    share: GpuShare,
    tries: f64,
}

#[cfg(feature = "node")]
#[wasm_bindgen]
impl GpuMiner {
    /// The share of miner `number` of `count`, from 0.
    ///
    /// # Errors
    /// Bytes that are not a job.
    #[wasm_bindgen(constructor)]
    pub fn new(job: &[u8], number: u32, count: u32) -> Result<Self, JsValue> {
        let share = GpuShare::new(job, number, count).map_err(Refusal::because)?;
        Ok(Self { share, tries: 0.0 })
    }

    /// What the shader is given for the next `nonces` nonces; its last word says how many there are in truth.
    pub fn dispatch(&mut self, nonces: u32) -> Vec<u8> {
        self.share.dispatch(nonces)
    }

    /// Takes the shader's answer; a solution's bytes when one is found. What no working device answers counts no tries.
    pub fn settle(&mut self, answer: &[u8]) -> Option<Vec<u8>> {
        let (tries, solution) = self.share.settle(answer).ok()?;
        #[expect(clippy::cast_precision_loss, reason = "a dispatch has far fewer than 2^53 tries")]
        let tries = tries as f64;
        self.tries += tries;
        solution.map(|solution| solution.encode())
    }

    /// The tries since this was last asked.
    #[wasm_bindgen(js_name = takeTries)]
    pub fn take_tries(&mut self) -> f64 {
        core::mem::take(&mut self.tries)
    }
}
