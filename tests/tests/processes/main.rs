//! Real processes on real sockets: started, queried, stopped, killed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::wildcard_enum_match_arm, reason = "tests look at the one variant that they are about")]

mod acme;
#[cfg(unix)]
mod admin;
mod backup;
mod caps;
mod commands;
mod crash;
#[cfg(target_os = "linux")]
mod disk_full;
mod floods;
mod health;
mod logs;
#[cfg(unix)]
mod menu;
mod metrics;
mod network;
mod older;
mod older_client;
mod package;
mod proof;
mod pruned;
mod reference;
#[cfg(unix)]
mod service;
mod settings;

use std::path::{Path, PathBuf};

use plexus_core::primitives::params::Network;
use plexus_tests::api::ApiClient;
use plexus_tests::process::{self, Process};
use plexus_tests::wait::eventually;
use tempfile::TempDir;

/// A free loopback port.
const ANY: &str = "127.0.0.1:0";

/// A folder for a scenario, and a network whose blocks take 2^`bits` hashes.
struct Place {
    folder: TempDir,
    network: PathBuf,
    parameters: Network,
}

impl Place {
    fn new(bits: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let network = process::network(folder.path(), bits);
        let parameters = process::parameters(&network);
        Self { folder, network, parameters }
    }

    fn data(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&self, name: &str, more: &[&str]) -> Process {
        self.start_at(name, ANY, more)
    }

    fn start_at(&self, name: &str, listen: &str, more: &[&str]) -> Process {
        Process::start(&self.data(name), &self.network, listen, more)
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Makes a chain of at least this number of blocks, by a node that mines and is then stopped.
    fn mined(&self, name: &str, blocks: u64) {
        let node = self.start(name, &["--mine=1"]);
        let api = ApiClient::new(&node.url);
        eventually("blocks are mined", 120, || api.height().filter(|height| *height >= blocks));
        assert!(node.terminate().success());
    }
}

/// Returns the output of a program as text.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Returns a path in the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)
}
