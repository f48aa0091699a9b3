//! Stands in for ACME in a build without it.

use std::sync::Arc;

use rustls::server::ResolvesServerCert;

use crate::config::{Acme, NodeConfig};
use crate::handle::Handle;

/// Says how to get a build with ACME.
///
/// # Errors
/// Always.
pub(crate) fn start(
    _acme: &Acme,
    _config: &NodeConfig,
    _handle: &Handle,
) -> anyhow::Result<Arc<dyn ResolvesServerCert>> {
    anyhow::bail!(
        "this build has no ACME: build it with --features acme, or name files with --tls-cert and --tls-key"
    )
}
