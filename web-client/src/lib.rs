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
use plexus_core::hash::Hash;
use sha2::{Digest, Sha256};
use wasm_bindgen::prelude::*;

use crate::form::Refusal;
use crate::miner::Share;
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

/// One miner's share of a job.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Miner {
    share: Share,
    tries: f64,
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
        Ok(Self { share, tries: 0.0 })
    }

    /// Searches for some 30 ms; a solution's bytes when one is found.
    pub fn slice(&mut self) -> Option<Vec<u8>> {
        let slice = self.share.slice(clock::milliseconds);
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
