//! The class of the simulator's Worker.

use plexus_core::sim::{SimConfig, Simulation};
use serde::Serialize;
use wasm_bindgen::prelude::*;

/// The most nodes: each takes some 150 kB of a tab's memory.
const NODES_MAX: u32 = 1_000;

/// A simulated network.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Laboratory {
    simulation: Simulation,
}

#[wasm_bindgen]
impl Laboratory {
    /// Creates a network at its beginning, from a setup's JSON.
    ///
    /// # Errors
    /// The error in the setup.
    #[wasm_bindgen(constructor)]
    pub fn new(setup: &str) -> Result<Self, String> {
        let setup: SimConfig = serde_json::from_str(setup).map_err(|error| error.to_string())?;
        if setup.nodes > NODES_MAX {
            return Err(format!("nodes: at most {NODES_MAX} in a tab, found {}", setup.nodes));
        }
        let simulation = Simulation::new(setup).map_err(|error| error.to_string())?;
        Ok(Self { simulation })
    }

    /// Runs until a simulated time, or for about this number of events. Returns the progress as
    /// JSON.
    ///
    /// # Errors
    /// A violated invariant.
    pub fn run(&mut self, simulated_ms: f64, events: u32) -> Result<String, String> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a time is cut to whole milliseconds, and what is beyond all times is the last of them"
        )]
        let until_ms = simulated_ms as u64;
        let progress = self.simulation.run_until(until_ms, events.into());
        progress.map_err(|violation| violation.to_string()).and_then(|progress| json(&progress))
    }

    /// Returns the state of the network as JSON.
    ///
    /// # Errors
    /// Never: numbers can always be written.
    pub fn scene(&self) -> Result<String, String> {
        json(&self.simulation.scene())
    }

    /// Returns the measurements up to now as JSON.
    ///
    /// # Errors
    /// Never: numbers can always be written.
    pub fn report(&self) -> Result<String, String> {
        json(&self.simulation.report())
    }
}

fn json(value: &impl Serialize) -> Result<String, String> {
    serde_json::to_string(value).map_err(|error| error.to_string())
}
