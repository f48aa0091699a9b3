//! Tests against the published test vectors of the standards that core builds on.
//!
//! - ECDSA on secp256k1: Project Wycheproof, in `wycheproof.json`.
//! - Phrases: the vectors of BIP-39 that have 24 words. Those of BIP-32 are beside the derivation.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod ecdsa;
mod phrases;
