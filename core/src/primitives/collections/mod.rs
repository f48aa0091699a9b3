//! Collections: containers that are small in the browser's program or fast to look up in.
//!
//! **Architecture Invariant:** iteration follows the keys or the insertion, so every run repeats.

pub(crate) mod fifo_set;
pub mod ordered_map;
pub mod vec_map;
