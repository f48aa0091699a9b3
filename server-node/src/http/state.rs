//! The state that the routes share.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use plexus_core::primitives::key::PublicKey;
use tokio::sync::Semaphore;

use crate::api::feed::EventFeed;
use crate::driver::event::NodeSnapshot;
use crate::handle::Handle;
use crate::http::machine::{Machine, MachineState};
use crate::http::readiness::{Findings, NodeFindings};
use crate::legacy::shared::LegacyState;

/// The state that the routes share.
#[derive(Clone, Debug)]
pub struct AppState {
    pub(crate) handle: Handle,
    pub(crate) author: PublicKey,
    pub(crate) feed: EventFeed,
    pub(crate) exports: Arc<Semaphore>,
    pub(crate) graphs: Arc<Semaphore>,
    pub(crate) legacy: Arc<LegacyState>,
    pub(crate) proofs: Arc<Semaphore>,
    pub(crate) searches: Arc<Semaphore>,
    pub(crate) surroundings: Arc<Surroundings>,
}

/// What the checks of health and the metrics look at beside the node.
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) machine: Machine,
    /// True if nodes to connect to are configured.
    pub(crate) is_connecting: bool,
    /// The free bytes below which the node is not ready.
    pub(crate) disk_reserve: u64,
    /// The most connections to the main listener.
    pub(crate) connections_max: usize,
}

/// The findings, and the values that they were taken from.
#[derive(Debug)]
pub(crate) struct Examined {
    pub(crate) findings: Findings,
    pub(crate) node: Option<NodeSnapshot>,
    pub(crate) machine: Option<Arc<MachineState>>,
}

impl AppState {
    /// Asks the driver, the system and the measured clocks, each for a bounded time.
    pub(crate) async fn findings(&self) -> Examined {
        let around = &self.surroundings;
        let (node, machine) = tokio::join!(self.handle.snapshot(), around.machine.state());
        let of_node = |node: &NodeSnapshot| NodeFindings {
            is_syncing: node.status.syncing,
            height: node.status.height,
            target: node.status.target,
            peers: node.status.peers,
            lacking: node.status.lacking,
        };
        let findings = Findings {
            node: node.as_ref().map(of_node),
            is_connecting: around.is_connecting,
            clock_offset: self.handle.clock_offsets().seconds(),
            disk_free: machine.as_ref().map(|machine| machine.disk_free),
            disk_reserve: around.disk_reserve,
            is_disk_full: self.handle.is_disk_full(),
        };
        Examined { findings, node, machine }
    }
}

/// Where a request came from, for routes that keep it.
pub(crate) type Remote = ConnectInfo<SocketAddr>;
