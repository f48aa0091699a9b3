//! What the node's Worker holds, and those that work beside it: files are hashed there, and a graphics processor's shares made.

use std::rc::Rc;

use js_sys::Function;
use plexus_core::hash::Hash;
use plexus_core::mine::Solution;
use sha2::{Digest, Sha256};
use wasm_bindgen::prelude::*;

use crate::effort::{Circumstances, Effort};
use crate::form::Refusal;
use crate::gpu::GpuShare;
use crate::page::Page;
use crate::shell::Shell;
use crate::start;

impl From<Refusal> for JsValue {
    fn from(refusal: Refusal) -> Self {
        js_sys::Error::new(&refusal.0).into()
    }
}

/// A light node: made by [`LightNode::start`], it lives as long as its Worker.
#[wasm_bindgen]
#[derive(Debug)]
pub struct LightNode {
    shell: Rc<Shell>,
}

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

    /// Checks an encoded block, rule by rule: the block and its trace as JSON. `hash` is what it was asked for by, or empty.
    ///
    /// # Errors
    /// It is no block, or too large a one.
    pub fn trace(&self, block: &[u8], hash: &str) -> Result<String, JsValue> {
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
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct FileDigest {
    sha256: Sha256,
}

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

/// One share of a job for a graphics processor.
#[wasm_bindgen]
#[derive(Debug)]
pub struct GpuMiner {
    share: GpuShare,
    tries: f64,
}

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
