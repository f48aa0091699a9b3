//! Actors: the nodes and scripted peers of a scenario, by their numbers and names.

use plexus_core::protocol::address::{Address, PORT};

/// A participant of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Actor {
    /// A node.
    Host(usize),
    /// A scripted peer.
    Stranger(usize),
}

/// Returns the address of a name.
pub fn address(name: &str) -> Address {
    Address::new(false, name, PORT).expect("names are host names")
}
