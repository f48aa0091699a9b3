//! Inputs from the test vectors that programs as a whole are tried with.

use std::path::Path;

use serde_json::Value;

/// Returns the proof file of the vectors whose chain proof is forged: invented headers raised the
/// difficulty of its block. All other parts of it are right.
///
/// # Panics
/// If the vectors have no such file.
pub fn forged_proof_file() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/vectors/receipt.json");
    let text = std::fs::read_to_string(path).expect("the vectors are part of the project");
    let file: Value = serde_json::from_str(&text).expect("vectors are JSON");
    let refused =
        file["vectors"].as_array().into_iter().flatten().filter(|vector| vector["kind"] == "refused");
    let longest = refused.filter_map(|vector| vector["receipt"].as_str()).max_by_key(|receipt| receipt.len());
    let bytes = hex::decode(longest.unwrap_or_default()).expect("vectors are hex");
    assert!(bytes.len() > 20_000, "no forged proof file among the vectors");
    bytes
}
