//! The user's keys, by name. One key and its encrypted form are core's.
//!
//! **Architecture Invariant:** a secret key leaves this folder only as 24 words that its user asked
//! for, or as the key that the node signs with.

pub(crate) mod keyring;
