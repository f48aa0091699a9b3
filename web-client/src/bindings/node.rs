//! The classes of the node's Worker, and of the Workers beside it, which hash files and prepare a
//! graphics processor's shares.

use core::pin::Pin;
use std::rc::Rc;

use js_sys::{Function, Promise};
use plexus_core::mining::job::Solution;
use plexus_core::primitives::hash::Hash;
use sha2::{Digest, Sha256};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;
use zeroize::Zeroizing;

use crate::browser::callbacks::Callbacks;
use crate::browser::clock;
use crate::chain_view::proof_check::CheckedProof;
use crate::driver::bootstrap;
use crate::driver::runtime::Runtime;
use crate::keys::keyring::TAB_NAME;
use crate::messages::UserError;
use crate::mining::gpu::GpuShare;
use crate::mining::settings::{MiningSettings, PowerState};

impl From<UserError> for JsValue {
    fn from(refusal: UserError) -> Self {
        js_sys::Error::new(&refusal.0).into()
    }
}

/// A light node. It is made by [`LightNode::start`] and lives as long as its Worker.
#[wasm_bindgen]
#[derive(Debug)]
pub struct LightNode {
    runtime: Rc<Runtime>,
}

#[wasm_bindgen]
impl LightNode {
    /// Starts a node that connects to the one at the URL `node`. Of several pages of an origin,
    /// only one `keeps_chain` in the browser's storage. `updated` is called with each update as
    /// JSON. `searched` is called with each job (bytes, or null), a number of threads, and the
    /// percentage of the time that each may work.
    ///
    /// Resolves when the network is known and the stored state is loaded. Connecting continues
    /// after that.
    ///
    /// # Errors
    /// The URL is not a node's, or no randomness is available.
    pub async fn start(
        node: String,
        keeps_chain: bool,
        updated: Function,
        searched: Function,
    ) -> Result<Self, JsValue> {
        let page = Callbacks::new(updated, searched);
        Ok(Self { runtime: bootstrap::start(&node, keeps_chain, page).await? })
    }

    /// Searches for a stamp of 2^`stamp_bits` hashes for a message, or of twice the least if that is
    /// more. Then signs and sends the message. Resolves to its id.
    pub fn submit(&self, recipient: String, text: String, stamp_bits: u32) -> Promise {
        later(self.runtime.clone().submit(recipient, text, stamp_bits))
    }

    /// Mines with this number of threads, each working `percent` of the time, as soon as the chain
    /// is checked. It may pause while the page is hidden or the machine is on battery power.
    ///
    /// # Errors
    /// The threads or the percentage are zero or too large.
    pub fn mine(
        &self,
        threads: u32,
        percent: u32,
        pauses_hidden: bool,
        pauses_on_battery: bool,
    ) -> Result<(), JsValue> {
        let settings = MiningSettings { threads, percent, pauses_hidden, pauses_on_battery };
        Ok(self.runtime.enter(|driver, now| driver.mine(now, settings))?)
    }

    /// Updates two conditions: the page is hidden, and the machine is on battery power.
    pub fn find(&self, hidden: bool, on_battery: bool) {
        self.runtime.enter(|driver, now| driver.find(now, PowerState { hidden, on_battery }));
    }

    /// Stops mining.
    #[wasm_bindgen(js_name = stopMining)]
    pub fn stop_mining(&self) {
        self.runtime.enter(|driver, now| driver.stop_mining(now));
    }

    /// Reads the user's stored keys again. Resolves to JSON, and updates the page.
    pub fn keys(&self) -> Promise {
        later(self.runtime.clone().keys())
    }

    /// Begins to make a key. Returns JSON of its words, and of the places whose words
    /// [`Self::confirm_key`] asks for.
    ///
    /// # Errors
    /// No randomness is available.
    #[wasm_bindgen(js_name = createKey)]
    pub fn create_key(&self) -> Result<String, JsValue> {
        Ok(self.runtime.make_key()?)
    }

    /// Stores the key that is being made, if the three words are the requested ones. Without a
    /// passphrase, it is kept in this tab only. Resolves to its public key.
    #[wasm_bindgen(js_name = confirmKey)]
    pub fn confirm_key(&self, words: String, name: String, passphrase: Option<String>) -> Promise {
        let passphrase = passphrase.map(Zeroizing::new);
        later(self.runtime.clone().confirm_key(Zeroizing::new(words), name, passphrase))
    }

    /// Makes a key that is kept in this tab only, and uses it. Returns its public key.
    ///
    /// # Errors
    /// A key of this name exists.
    #[wasm_bindgen(js_name = makeEphemeralKey)]
    pub fn make_ephemeral_key(&self, name: Option<String>) -> Result<String, JsValue> {
        Ok(self.runtime.make_ephemeral_key(name.as_deref().unwrap_or(TAB_NAME))?)
    }

    /// Stores the key of 24 words, as [`Self::confirm_key`] does.
    pub fn restore(&self, words: String, name: String, passphrase: Option<String>) -> Promise {
        let passphrase = passphrase.map(Zeroizing::new);
        later(self.runtime.clone().restore(Zeroizing::new(words), name, passphrase))
    }

    /// Encrypts the key that an earlier version stored unencrypted. Resolves to its public key.
    pub fn protect(&self, name: String, passphrase: String) -> Promise {
        later(self.runtime.clone().protect(name, Zeroizing::new(passphrase)))
    }

    /// Unlocks a key until the tab closes, and uses it. Resolves to its public key.
    pub fn unlock(&self, name: String, passphrase: String) -> Promise {
        later(self.runtime.clone().unlock(name, Zeroizing::new(passphrase)))
    }

    /// Locks all stored keys.
    pub fn lock(&self) {
        self.runtime.lock();
    }

    /// Selects the key that signs.
    #[wasm_bindgen(js_name = useKey)]
    pub fn use_key(&self, name: String) -> Promise {
        later(self.runtime.clone().use_key(name))
    }

    /// Stores the key in a key file, unlocked. Without a name it keeps that of the file. Resolves to its
    /// public key.
    #[wasm_bindgen(js_name = importKey)]
    pub fn import_key(&self, text: String, name: String, passphrase: String) -> Promise {
        later(self.runtime.clone().import_key(text, name, Zeroizing::new(passphrase)))
    }

    /// Resolves to the text of a key file. The passphrase is for a key that is not stored encrypted.
    #[wasm_bindgen(js_name = exportKey)]
    pub fn export_key(&self, name: String, passphrase: String) -> Promise {
        later(self.runtime.clone().export_key(name, Zeroizing::new(passphrase)))
    }

    /// Resolves to the 24 words of a key.
    pub fn words(&self, name: String, passphrase: String) -> Promise {
        later(self.runtime.clone().words(name, Zeroizing::new(passphrase)))
    }

    /// Checks an encoded block, rule by rule. Returns the block and its trace as JSON. `hash` is
    /// the hash that it was requested by, or empty.
    ///
    /// # Errors
    /// The bytes are not a block, or too many.
    pub fn trace(&self, block: &[u8], hash: &str) -> Result<String, JsValue> {
        Ok(self.runtime.enter(|driver, now| driver.trace(now, block, hash))?)
    }

    /// Returns true if the verified chain has a proof file's block, false if it has another one at
    /// that height, and nothing if it has neither. `tip` is the file's tip, at `tip_height`.
    pub fn holds(&self, network: &str, height: u64, block: &str, tip_height: u64, tip: &str) -> Option<bool> {
        let [block, tip] = [block.parse().ok()?, tip.parse().ok()?];
        self.runtime.enter(|driver, _| driver.holds(network, (height, block), (tip_height, tip)))
    }

    /// Handles a solution that a miner found.
    pub fn solved(&self, solution: &[u8]) {
        if let Ok(solution) = Solution::decode(solution) {
            self.runtime.enter(|driver, now| driver.solved(now, solution));
        }
    }

    /// Counts nonces that miners tried.
    pub fn hashed(&self, hashes: f64) {
        self.runtime.enter(|driver, _| driver.hashed(hashes));
    }
}

/// Returns a promise for the result of a future.
fn later(doing: impl Future<Output = Result<String, UserError>> + 'static) -> Promise {
    // The box gives all futures one type, so the code that drives them exists only once.
    let doing: Pin<Box<dyn Future<Output = _>>> = Box::pin(doing);
    future_to_promise(async move { Ok(doing.await?.into()) })
}

/// Verifies a proof file. Returns the result as JSON. It needs no node. `in_chain` is the answer of
/// [`LightNode::holds`] for the file, if a node gave one.
///
/// # Errors
/// The first error in the file.
#[wasm_bindgen(js_name = verifyProof)]
#[expect(unreachable_pub, reason = "only what is public is exported")]
pub fn verify_proof(file: &[u8], in_chain: Option<bool>) -> Result<String, JsValue> {
    let verdict = CheckedProof::of(file, in_chain, clock::now().time)?;
    Ok(serde_json::to_string(&verdict).map_err(UserError::because)?)
}

/// The SHA-256 of a file, computed piece by piece. The file may have any size, and stays
/// where it is.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct FileDigest {
    sha256: Sha256,
}

#[wasm_bindgen]
impl FileDigest {
    /// Creates the digest of an empty file.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.sha256.update(piece);
    }

    /// Returns the digest of all pieces as 64 hex digits.
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
    /// Creates the share of miner `number` of `count`, from 0.
    ///
    /// # Errors
    /// The bytes are not a job.
    #[wasm_bindgen(constructor)]
    pub fn new(job: &[u8], number: u32, count: u32) -> Result<Self, JsValue> {
        let share = GpuShare::new(job, number, count).map_err(UserError::because)?;
        Ok(Self { share, tries: 0.0 })
    }

    /// Returns the shader's input for the next `nonces` nonces. Its last word is their actual
    /// number.
    pub fn dispatch(&mut self, nonces: u32) -> Vec<u8> {
        self.share.dispatch(nonces)
    }

    /// Takes the shader's answer. Returns a solution's bytes if it contains one. An answer that is
    /// impossible for a working device counts no tries.
    pub fn settle(&mut self, answer: &[u8]) -> Option<Vec<u8>> {
        let (tries, solution) = self.share.settle(answer).ok()?;
        #[expect(clippy::cast_precision_loss, reason = "a dispatch has far fewer than 2^53 tries")]
        let tries = tries as f64;
        self.tries += tries;
        solution.map(|solution| solution.encode())
    }

    /// Returns the number of tries since the last call.
    #[wasm_bindgen(js_name = takeTries)]
    pub fn take_tries(&mut self) -> f64 {
        core::mem::take(&mut self.tries)
    }
}
