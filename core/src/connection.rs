//! Connections: how they are named, and how they come about.

use std::net::IpAddr;

use crate::address::Address;

/// Names a connection; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct PeerId(pub u64);

/// How a connection came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// The node's wish to dial this address was carried out.
    Outbound(Address),
    /// Somebody connected to us, from this IP address if the driver knows it.
    Inbound(Option<IpAddr>),
}
