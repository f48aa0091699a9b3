//! Plexus in a browser: the light node that a Worker owns, and the search that each miner Worker runs.
//!
//! This file is the one room for what crosses the boundary to JavaScript: two classes, JSON for what people see,
//! bytes for jobs and solutions. Everything behind it is Rust; the decisions are core's.
//!
//! | files | what |
//! | --- | --- |
//! | `driver` `shell` | drives the node: facts in, wishes out, one task that waits |
//! | `socket` `database` `clock` `api` `page` | the browser: WebSocket, IndexedDB, time, the node's JSON, the page |
//! | `archive` `recent` | what is remembered of the chain, in the store and in memory |
//! | `identity` `feed` `sent` `board` `form` | the person's key, what arrived, what was sent, how it is shown |
//! | `miner` `rate` | a share of a job, and how fast the shares are |

mod api;
mod archive;
mod board;
mod clock;
mod database;
mod driver;
mod feed;
mod form;
mod identity;
mod miner;
mod page;
mod rate;
mod recent;
mod sent;
mod shell;
mod socket;
mod start;

use std::rc::Rc;

use js_sys::Function;
use plexus_core::kernel::gpu::Dispatch;
use wasm_bindgen::prelude::*;

use crate::form::Refusal;
use crate::miner::{Share, Slice};
use crate::page::Page;
use crate::shell::Shell;

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
    /// browser's storage. `updated` is called with each update as JSON, `searched` with each job (bytes, or null)
    /// and a number of threads.
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

    /// Mines with so many threads, as soon as the chain is checked.
    ///
    /// # Errors
    /// No threads, or too many.
    pub fn mine(&self, threads: u32) -> Result<(), JsValue> {
        Ok(self.shell.enter(|driver, now| driver.mine(now, threads))?)
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

    /// A miner found this solution.
    pub fn solved(&self, solution: &[u8]) {
        if let Some(solution) = miner::decode(solution) {
            self.shell.enter(|driver, now| driver.solved(now, solution));
        }
    }

    /// Miners tried so many nonces.
    pub fn hashed(&self, hashes: f64) {
        self.shell.enter(|driver, _| driver.hashed(hashes));
    }
}

/// One miner's share of a job, searched here slice by slice, or on a graphics processor dispatch by dispatch: JavaScript, which
/// owns the device, runs the shader and brings the answer.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Miner {
    share: Share,
    tries: f64,
    dispatch: Dispatch,
}

#[wasm_bindgen]
impl Miner {
    /// The share of miner `number` of `count`, from 0.
    ///
    /// # Errors
    /// Bytes that are not a job.
    #[wasm_bindgen(constructor)]
    pub fn new(job: &[u8], number: u32, count: u32) -> Result<Self, JsValue> {
        let share = Share::new(job, number, count).map_err(Refusal::because)?;
        Ok(Self { share, tries: 0.0, dispatch: Dispatch::default() })
    }

    /// Searches for some 30 ms; a solution's bytes when one is found.
    pub fn slice(&mut self) -> Option<Vec<u8>> {
        let slice = self.share.slice(clock::milliseconds);
        self.counted(slice)
    }

    /// What the shader is given for the next `nonces` nonces; its last word says how many there are in truth.
    pub fn dispatch(&mut self, nonces: u32) -> Vec<u8> {
        let (dispatch, bytes) = self.share.dispatch(nonces);
        self.dispatch = dispatch;
        bytes
    }

    /// Takes the shader's answer; a solution's bytes when one is found. What no working device answers counts no tries.
    pub fn settle(&mut self, answer: &[u8]) -> Option<Vec<u8>> {
        let slice = self.share.settle(&self.dispatch, answer).ok()?;
        self.counted(slice)
    }

    fn counted(&mut self, slice: Slice) -> Option<Vec<u8>> {
        #[expect(clippy::cast_precision_loss, reason = "a slice has far fewer than 2^53 tries")]
        let tries = slice.tries as f64;
        self.tries += tries;
        slice.solution.map(miner::encode)
    }

    /// The nonces tried since this was last asked.
    #[wasm_bindgen(js_name = takeTries)]
    pub fn take_tries(&mut self) -> f64 {
        core::mem::take(&mut self.tries)
    }
}
