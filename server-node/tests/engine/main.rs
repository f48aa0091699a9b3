//! The engine from outside: its store against the store's model, against crashes and against
//! damage, its sockets, and whole nodes on loopback.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::wildcard_enum_match_arm, reason = "tests look at the one variant that they are about")]

mod backup;
mod crash;
mod damage;
mod disk_full;
mod forge;
mod million;
mod model;
mod moved;
mod nodes;
mod older;
mod proof;
mod prune;
mod repair;
mod sockets;
