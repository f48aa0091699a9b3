//! Primitives: the values that everything else is made of, their encodings and their containers.
//!
//! **Architecture Invariant:** values only. Nothing here keeps state between calls or knows of
//! peers.

pub mod block;
pub mod collections;
pub mod encoding;
#[cfg(feature = "encrypted-keys")]
pub mod encrypted_key;
pub mod hash;
pub mod identity;
pub mod key;
#[cfg(feature = "encrypted-keys")]
pub mod key_file;
pub mod least_stamp;
pub mod merkle;
pub mod message;
pub mod mmr;
pub mod mnemonic;
pub mod params;
pub mod pow;
pub(crate) mod prefetch;
pub mod rng;
pub mod stamp;
pub mod time;
