//! The page's side of the boundary: updates for the page, and jobs for its miners.

use js_sys::{Function, Uint8Array};
use wasm_bindgen::JsValue;

use crate::chain_view::tracked_map::ItemChange;
use crate::messages::Update;
use crate::mining::settings::MiningSettings;

/// The page's two listeners.
#[derive(Clone, Debug)]
pub(crate) struct Callbacks {
    updated: Function,
    searched: Function,
}

impl Callbacks {
    /// Creates a page from its listeners. One gets updates as JSON. The other gets jobs as bytes,
    /// with the threads and the percentage of the time.
    pub(crate) fn new(updated: Function, searched: Function) -> Self {
        Self { updated, searched }
    }

    /// Sends an update.
    pub(crate) fn update(&self, update: &Update<'_>) {
        if let Ok(json) = serde_json::to_string(update) {
            self.post(&json);
        }
    }

    /// Sends a notice for the user.
    pub(crate) fn notice(&self, bad: bool, text: String) {
        self.update(&Update::Notice { bad, text });
    }

    /// Sends the change of an item.
    pub(crate) fn board(&self, name: &str, changed: &ItemChange) {
        match &changed.now {
            Some((json, _)) => self.post(&format!(r#"{{"type":"{name}","value":{json}}}"#)),
            None => self.post(&format!(r#"{{"type":"{name}-gone","value":"{}"}}"#, changed.hash)),
        }
    }

    /// Makes the miners search only this job from now on, or stop without one.
    pub(crate) fn search(&self, job: Option<&[u8]>, effort: MiningSettings) {
        let job = job.map_or(JsValue::NULL, |job| Uint8Array::from(job).into());
        // An exception in the listener is of no use to the node.
        let _ = self.searched.call3(&JsValue::NULL, &job, &effort.threads.into(), &effort.percent.into());
    }

    fn post(&self, json: &str) {
        let _ = self.updated.call1(&JsValue::NULL, &json.into());
    }
}
