//! The state that the routes share.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use plexus_core::primitives::key::PublicKey;
use tokio::sync::Semaphore;

use crate::api::feed::EventFeed;
use crate::handle::Handle;
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
}

/// Where a request came from, for routes that keep it.
pub(crate) type Remote = ConnectInfo<SocketAddr>;
