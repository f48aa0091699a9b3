//! The user's keys: one key, its encrypted form, and all keys by name.
//!
//! **Architecture Invariant:** a secret key leaves this folder only as 24 words that its user asked
//! for, or as the key that the node signs with.

pub(crate) mod encrypted_key;
pub(crate) mod identity;
pub(crate) mod keyring;
