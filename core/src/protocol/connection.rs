//! Connections: their ids and their directions.

use std::net::IpAddr;

use crate::protocol::address::Address;

/// Identifies a connection. An id is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct ConnectionId(pub u64);

/// The direction of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The node dialled this address.
    Outbound(Address),
    /// A remote node connected to us, from this IP address if the driver knows it.
    Inbound(Option<IpAddr>),
}
