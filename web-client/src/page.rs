//! The page's end of the boundary: what it is told, and what its miners are to search.

use js_sys::{Function, Uint8Array};
use wasm_bindgen::JsValue;

use crate::board::Changed;
use crate::effort::Effort;
use crate::form::Update;

/// The page's two listeners.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    updated: Function,
    searched: Function,
}

impl Page {
    /// A page that is told updates as JSON, and jobs as bytes with the effort: threads, and percent of the time.
    pub(crate) fn new(updated: Function, searched: Function) -> Self {
        Self { updated, searched }
    }

    /// Tells an update.
    pub(crate) fn update(&self, update: &Update<'_>) {
        if let Ok(json) = serde_json::to_string(update) {
            self.post(&json);
        }
    }

    /// Tells something that a person should know.
    pub(crate) fn notice(&self, bad: bool, text: String) {
        self.update(&Update::Notice { bad, text });
    }

    /// Tells what became of a thing on a board.
    pub(crate) fn board(&self, name: &str, changed: &Changed) {
        match &changed.now {
            Some((json, _)) => self.post(&format!(r#"{{"type":"{name}","value":{json}}}"#)),
            None => self.post(&format!(r#"{{"type":"{name}-gone","value":"{}"}}"#, changed.hash)),
        }
    }

    /// Has this job searched and no other; none: no more.
    pub(crate) fn search(&self, job: Option<&[u8]>, effort: Effort) {
        let job = job.map_or(JsValue::NULL, |job| Uint8Array::from(job).into());
        // A listener that throws has nothing to tell the node.
        let _ = self.searched.call3(&JsValue::NULL, &job, &effort.threads.into(), &effort.percent.into());
    }

    fn post(&self, json: &str) {
        let _ = self.updated.call1(&JsValue::NULL, &json.into());
    }
}
