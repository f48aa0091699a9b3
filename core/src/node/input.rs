//! Inputs: events that a driver reports to the node.

use bytes::Bytes;

use crate::ledger::signature_batch::BatchResult;
use crate::mining::job::Solution;
use crate::node::storage::StoreReply;
use crate::protocol::address::Address;
use crate::protocol::connection::{ConnectionId, Direction};

/// An input of a node.
#[derive(Clone, Debug)]
pub enum Input {
    /// A connection is open.
    Connected(ConnectionId, Direction),
    /// An address that the node asked to dial could not be reached.
    DialFailed(Address),
    /// A frame arrived.
    Received(ConnectionId, Bytes),
    /// Either end closed a connection.
    Closed(ConnectionId),
    /// A job is solved.
    Solved(Solution),
    /// The result of a batch of signatures.
    Verified(BatchResult),
    /// The answer of the store to a query.
    Recalled(StoreReply),
    /// The disk is nearly full, or has room again. Until then the node stores no new block: it
    /// requests none, ignores announced ones and does not mine. It keeps its peers, and catches up
    /// afterwards.
    DiskFull(bool),
    /// Time passed.
    Ticked,
}
