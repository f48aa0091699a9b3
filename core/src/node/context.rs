//! The context: the state that the machines of a node share. The node lends it to them for one
//! input.

use crate::ledger::chain::Chain;
use crate::node::config::{Config, FULL};
use crate::node::outbox::Outbox;
use crate::node::schedule::Schedule;
use crate::peers::connections::PeerConnections;
use crate::primitives::rng::SeededRng;
use crate::primitives::time::Now;
use crate::protocol::packet::Role;

/// The state that the machines share, while the node handles one input.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) now: Now,
    pub(crate) config: &'a Config,
    pub(crate) chain: &'a mut Chain,
    pub(crate) connections: &'a mut PeerConnections,
    pub(crate) outbox: &'a mut Outbox,
    pub(crate) schedule: &'a mut Schedule,
    pub(crate) rng: &'a mut SeededRng,
}

impl Context<'_> {
    /// Returns true if the node keeps all blocks and takes part in the latency graph.
    pub(crate) fn is_full(&self) -> bool {
        FULL && self.config.role == Role::Full
    }
}
