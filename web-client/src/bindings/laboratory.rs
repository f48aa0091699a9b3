//! What the laboratory's Worker holds.

use plexus_core::sim::{Setup, Simulation};
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
    /// A network at its beginning, of a setup's JSON.
    ///
    /// # Errors
    /// Says what is wrong with the setup.
    #[wasm_bindgen(constructor)]
    pub fn new(setup: &str) -> Result<Self, String> {
        let setup: Setup = serde_json::from_str(setup).map_err(|error| error.to_string())?;
        if setup.nodes > NODES_MAX {
            return Err(format!("nodes: at most {NODES_MAX} in a tab, found {}", setup.nodes));
        }
        let simulation = Simulation::new(setup).map_err(|error| error.to_string())?;
        Ok(Self { simulation })
    }

    /// Runs until a simulated time, or for about so many events: how far it is, as JSON.
    ///
    /// # Errors
    /// A law that was seen broken.
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

    /// How the network stands, as JSON.
    ///
    /// # Errors
    /// None: numbers are always written.
    pub fn scene(&self) -> Result<String, String> {
        json(&self.simulation.scene())
    }

    /// What was measured so far, as JSON.
    ///
    /// # Errors
    /// None: numbers are always written.
    pub fn report(&self) -> Result<String, String> {
        json(&self.simulation.report())
    }
}

fn json(value: &impl Serialize) -> Result<String, String> {
    serde_json::to_string(value).map_err(|error| error.to_string())
}
