//! Parties: the nodes and strangers of a world, by their numbers.

/// A participant of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Actor {
    /// A node.
    Host(usize),
    /// A scripted peer.
    Stranger(usize),
}
