//! The first synchronization of an empty store, from a file or from another node's export.
//!
//! It is verified like everything else. If it fails, the blocks before the failure stay, and the node
//! asks its peers for the others.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use anyhow::Context;
use plexus_core::primitives::params::Network;
use plexus_core::protocol::address::Address;
use plexus_node::chain_file::ChainReader;
use plexus_node::chain_file::import::{Imported, import};
use plexus_node::disk::disk_free;
use plexus_node::store::Store;

use crate::command::client::NodeClient;
use crate::command::progress;

/// The longest time without a byte from the other node.
const STALL_MAX: Duration = Duration::from_secs(60);
/// The blocks between two looks at the disk.
const STEP_BLOCKS: u64 = 1_000;
/// The bytes of a piece, and the pieces that wait to be verified.
const PIECE_BYTES: usize = 64 << 10;
const PIECES_MAX: usize = 64;

/// Where the first chain comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Node(Address),
    File(PathBuf),
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.contains("://") {
            true => text.parse().map(Self::Node).map_err(|error| format!("{error}")),
            false if text.is_empty() => Err("a node's URL or a file is expected".to_owned()),
            false => Ok(Self::File(text.into())),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(address) => address.fmt(f),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// Fills the store of a data folder from `origin`, if it has no block but genesis. A failure is only
/// logged: the peers have the chain as well.
pub(super) fn run(origin: &Origin, data: &Path, network: &Network, disk_reserve: u64) {
    // A store that cannot be opened is reported by the start itself.
    let Ok(store) = Store::open(data, network) else { return };
    match store.tip() {
        Ok(tip) if tip.height == 0 => {}
        Ok(tip) => return tracing::info!(height = tip.height, "the store has blocks: --from is not used"),
        Err(_) => return,
    }
    tracing::info!(%origin, "the first synchronization begins");
    let has_room = || disk_reserve == 0 || disk_free(data).map_or(true, |free| free >= disk_reserve);
    match fill(origin, &store, has_room) {
        Ok(Imported { height, stored, .. }) => {
            tracing::info!(%origin, height, stored, "the first synchronization is complete");
        }
        Err(error) => {
            let kept = store.tip().map_or(0, |tip| tip.height);
            let error = format!("{error:#}");
            tracing::warn!(%origin, error, kept, "the first synchronization failed: the node asks its peers for the rest");
        }
    }
}

fn fill(origin: &Origin, store: &Store, has_room: impl Fn() -> bool) -> anyhow::Result<Imported> {
    let (local, bar) = (plexus_node::clock::time(), progress::spinner("first synchronization"));
    let step = |height: u64| {
        let is_due = height.is_multiple_of(STEP_BLOCKS);
        if is_due {
            bar.set_message(format!("first synchronization: {height} blocks"));
        }
        !is_due || has_room()
    };
    let filled = match origin {
        Origin::File(path) => {
            let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
            import(&mut ChainReader::new(BufReader::with_capacity(1 << 16, file))?, store, local, step)
        }
        Origin::Node(address) => {
            let export = NodeClient::new(address).stream("/api/v1/export")?;
            import(
                &mut ChainReader::new(BufReader::with_capacity(1 << 16, Patient::new(export)))?,
                store,
                local,
                step,
            )
        }
    };
    bar.finish_and_clear();
    filled
}

/// A reader of the bytes that another thread reads. It fails if nothing comes for [`STALL_MAX`].
struct Patient {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: io::Cursor<Vec<u8>>,
}

impl Patient {
    fn new(mut from: impl Read + Send + 'static) -> Self {
        let (sender, pieces) = sync_channel(PIECES_MAX);
        std::thread::spawn(move || {
            loop {
                let mut piece = vec![0; PIECE_BYTES];
                let read = from.read(&mut piece).map(|count| {
                    piece.truncate(count);
                    piece
                });
                let is_last = read.as_ref().map_or(true, Vec::is_empty);
                // An import that was given up reads no more.
                if sender.send(read).is_err() || is_last {
                    return;
                }
            }
        });
        Self { pieces, piece: io::Cursor::default() }
    }
}

impl Read for Patient {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.piece.position() == self.piece.get_ref().len() as u64 {
            let piece = match self.pieces.recv_timeout(STALL_MAX) {
                Ok(piece) => piece?,
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "the other node sends nothing more"));
                }
            };
            self.piece = io::Cursor::new(piece);
        }
        self.piece.read(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_url_or_a_file() {
        assert!(matches!("https://a.example".parse(), Ok(Origin::Node(_))));
        assert_eq!("chain.plexus".parse(), Ok(Origin::File("chain.plexus".into())));
        assert!("ftp://x".parse::<Origin>().is_err());
        assert!("".parse::<Origin>().is_err());
    }

    #[test]
    fn a_failed_first_synchronization_leaves_a_sound_store() {
        let folder = tempfile::tempdir().unwrap();
        let (network, file) = (Network::dev(), folder.path().join("chain.txt"));
        std::fs::write(&file, "not a chain").unwrap();
        run(&Origin::File(file), folder.path(), &network, 0);
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        run(&Origin::Node(format!("127.0.0.1:{port}").parse().unwrap()), folder.path(), &network, 0);
        assert_eq!(Store::open(folder.path(), &network).unwrap().tip().unwrap().height, 0);
    }

    #[test]
    fn all_that_the_other_thread_reads_arrives() {
        let bytes: Vec<u8> = (0..300_000u32).map(|number| number.to_le_bytes()[0]).collect();
        let mut found = Vec::new();
        Patient::new(io::Cursor::new(bytes.clone())).read_to_end(&mut found).unwrap();
        assert_eq!(found, bytes);
    }
}
