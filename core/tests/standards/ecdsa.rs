//! Signatures that attack the arithmetic and the encoding of ECDSA.

use plexus_core::{Hash, PublicKey, Signature};
use serde::Deserialize;

/// Half of the group's order: the largest s that the protocol accepts.
const HALF_ORDER: &str = "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0";

#[derive(Deserialize)]
struct File {
    tests: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    id: u32,
    comment: String,
    key: String,
    text: String,
    signature: String,
    valid: bool,
}

#[test]
fn signatures_are_valid_as_wycheproof_says_unless_their_s_is_high() {
    let file: File = serde_json::from_str(include_str!("wycheproof.json")).unwrap();
    assert_eq!(file.tests.len(), 252);
    let (mut accepted, mut high) = (0, 0);
    for case in &file.tests {
        let key: PublicKey = case.key.parse().unwrap();
        let digest = Hash::of(&hex::decode(&case.text).unwrap());
        let is_low = case.signature.get(64..).is_some_and(|s| s <= HALF_ORDER);
        let expected = case.valid && is_low;
        // A signature of another length has no form at all.
        let verifies =
            case.signature.parse::<Signature>().is_ok_and(|signature| key.verifies(&digest, &signature));
        assert_eq!(verifies, expected, "test {}: {}", case.id, case.comment);
        accepted += u32::from(verifies);
        high += u32::from(case.valid && !is_low);
    }
    assert!(accepted > 50 && high > 50, "{accepted} accepted, {high} with a high s");
}
