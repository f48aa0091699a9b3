//! The version of this program.

use std::sync::LazyLock;

use plexus_core::protocol::packet::PROTOCOL_VERSION;

/// The version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The beginning of the hash of the commit that it was built from. `unknown` if it was built from a
/// source package, unless the packager named the commit.
pub const COMMIT: &str = env!("PLEXUS_BUILD_COMMIT");

/// Returns the version with the commit and the version of the peers' protocol, for example
/// `0.2.0 (commit 1a2b3c4d5e6f, protocol 2)`.
pub fn long() -> &'static str {
    static LONG: LazyLock<String> =
        LazyLock::new(|| format!("{VERSION} (commit {COMMIT}, protocol {PROTOCOL_VERSION})"));
    &LONG
}
