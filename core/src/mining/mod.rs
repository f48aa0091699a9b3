//! Mining: a [`job::Job`] defines a search, a [`search::Search`] runs it in slices, and a
//! [`job::Solution`] is its result.
//!
//! **Architecture Invariant:** the `unsafe` code of this folder is in [`kernel`]. Its portable kernel
//! is the reference implementation.

pub mod job;
pub mod kernel;
pub mod search;
pub(crate) mod template;
