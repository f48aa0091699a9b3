//! The page's side of the boundary: updates for the page, and jobs for its miners.

use js_sys::{Function, Uint8Array};
use plexus_core::primitives::hash::Hash;
use wasm_bindgen::JsValue;

use crate::messages::Update;

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

    /// Sends the JSON of an item that changed. Without JSON the item is gone.
    pub(crate) fn item(&self, kind: &str, hash: &Hash, json: Option<&str>) {
        match json {
            Some(json) => self.post(&format!(r#"{{"type":"{kind}","value":{json}}}"#)),
            None => self.post(&format!(r#"{{"type":"{kind}-gone","value":"{hash}"}}"#)),
        }
    }

    /// Makes the miners search only this job from now on, or stop without one.
    pub(crate) fn search(&self, job: Option<&[u8]>, threads: u32, percent: u32) {
        let job = job.map_or(JsValue::NULL, |job| Uint8Array::from(job).into());
        // An exception in the listener is of no use to the node.
        let _ = self.searched.call3(&JsValue::NULL, &job, &threads.into(), &percent.into());
    }

    fn post(&self, json: &str) {
        let _ = self.updated.call1(&JsValue::NULL, &json.into());
    }
}
