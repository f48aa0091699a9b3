//! The state that the two routes for clients of the older system share.

use std::sync::Arc;

use plexus_core::primitives::key::PublicKey;
use tokio::sync::Semaphore;

use super::hold::Holds;
use super::nodes::Nodes;
use super::tail::Tail;
use crate::handle::Handle;
use crate::legacy::{CHAINS_MAX, WHOLE_CHAINS_MAX};

/// The state of the two routes.
#[derive(Debug)]
pub(crate) struct LegacyState {
    pub(super) nodes: Nodes,
    pub(super) holds: Holds,
    pub(super) tail: Arc<Tail>,
    pub(super) chains: Arc<Semaphore>,
    pub(super) whole_chains: Arc<Semaphore>,
}

impl LegacyState {
    /// Starts the task that follows the best chain. Must be called within a Tokio runtime. Returns
    /// the state.
    pub(crate) fn start(handle: &Handle, author: PublicKey) -> Self {
        Self {
            nodes: Nodes::default(),
            holds: Holds::default(),
            tail: Tail::start(handle, author),
            chains: Arc::new(Semaphore::new(CHAINS_MAX)),
            whole_chains: Arc::new(Semaphore::new(WHOLE_CHAINS_MAX)),
        }
    }
}
