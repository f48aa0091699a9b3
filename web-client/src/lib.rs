//! Plexus in a browser: the light node that a Worker owns, and the search that each miner Worker runs.
//!
//! This file is the one room for what crosses the boundary to JavaScript: two classes, JSON as text for what people see,
//! bytes for jobs and solutions. Everything behind it is Rust; the decisions are core's.
//!
//! | files | what |
//! | --- | --- |
//! | [`driver`] [`shell`] | drives the node: facts in, wishes out, one task that waits |
//! | [`socket`] [`database`] [`clock`] [`api`] [`page`] | the browser: WebSocket, IndexedDB, time, the node's JSON, the page |
//! | [`archive`] [`recent`] | what is remembered of the chain, in the store and in memory |
//! | [`identity`] [`feed`] [`sent`] [`board`] [`form`] | the person's key, what arrived, what was sent, how it is shown |
//! | [`miner`] [`rate`] | a share of a job, and how fast the shares are |

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
use wasm_bindgen::prelude::*;

use crate::form::{Options, REQUEST_BYTES_MAX, Refusal, Request};
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
    /// Starts a node. `options` is JSON: `{node, keeps_chain}`. `updated` is called with each update as JSON, `searched` with
    /// each job (bytes, or null) and a number of threads.
    ///
    /// Resolves when the network is known and what was kept is loaded; connecting goes on after that.
    ///
    /// # Errors
    /// Options that are none, or no key and no chance to make one.
    pub async fn start(options: String, updated: Function, searched: Function) -> Result<Self, JsValue> {
        let options: Options = serde_json::from_str(&options).map_err(Refusal::because)?;
        Ok(Self { shell: start::start(options, Page::new(updated, searched)).await? })
    }

    /// Carries a request out, JSON to JSON.
    ///
    /// # Errors
    /// Why it is not carried out.
    pub fn request(&self, json: &str) -> Result<String, JsValue> {
        if json.len() > REQUEST_BYTES_MAX {
            let (max, found) = (REQUEST_BYTES_MAX, json.len());
            return Err(Refusal(format!("the request has {found} bytes, at most {max} are allowed")).into());
        }
        let request: Request = serde_json::from_str(json).map_err(Refusal::because)?;
        let reply = self.shell.enter(|driver, now| driver.request(now, request))?;
        Ok(serde_json::to_string(&reply).map_err(Refusal::because)?)
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
    pub fn take_tries(&mut self) -> f64 {
        core::mem::take(&mut self.tries)
    }
}
