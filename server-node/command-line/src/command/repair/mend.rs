//! Makes a new store of all that is sound in the old one.

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};
use plexus_core::node::storage::Change;
use plexus_core::peers::address_book::BOOK_BYTES_MAX;
use plexus_core::primitives::block::Block;
use plexus_core::primitives::message::Message;
use plexus_core::primitives::params::Network;
use plexus_node::chain_file::import::Importer;
use plexus_node::chain_file::verifier::ChainVerifier;
use plexus_node::store::Store;

use super::NEW_FOLDER;
use super::reader::{OTHER, Part, Reader};
use crate::command::progress;

/// The result of mending.
#[derive(Debug, Default)]
pub(super) struct Mended {
    /// The height of the last block that was kept.
    pub(super) height: u64,
    /// Our own messages that were kept.
    pub(super) messages: usize,
    /// The rule that the next block breaks, if it breaks one.
    pub(super) stopped_by: Option<String>,
}

/// Makes the new store.
pub(super) fn run(data: &Path, network: &Network) -> anyhow::Result<Mended> {
    let folder = data.join(NEW_FOLDER);
    if folder.exists() {
        // Another repair was cut off.
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let store = Store::open(&folder, network)?;
    let mut mended = Mended::default();
    blocks(data, network, &store, &mut mended)?;
    let mut changes = Vec::new();
    let mut pooled = Reader::start(Part::Pooled, data, network, &[])?;
    while let Some(bytes) = pooled.record()? {
        let verified = Message::decode(&bytes).ok().and_then(|message| message.verify(network.id()));
        if let Some(verified) = verified {
            changes.push(Change::Pooled { id: *verified.id(), message: bytes.into() });
        }
    }
    mended.messages = changes.len();
    let mut book = Reader::start(Part::Book, data, network, &[])?;
    if let Some(bytes) = book.record()?.filter(|bytes| bytes.len() <= BOOK_BYTES_MAX) {
        changes.push(Change::Book { encoded: bytes.into() });
    }
    store.apply(&changes)?;
    Ok(mended)
}

fn blocks(data: &Path, network: &Network, store: &Store, mended: &mut Mended) -> anyhow::Result<()> {
    let spinner = progress::spinner("keeping what is sound");
    let local = plexus_node::clock::time();
    let mut importer = Importer::new(store, ChainVerifier::new(network.clone()), local);
    let step = |importer: &mut Importer<'_>, mut reader: Reader| -> anyhow::Result<Option<String>> {
        loop {
            let Some(bytes) = reader.record()? else {
                let (status, said) = reader.end()?;
                ensure!(status != Some(i32::from(OTHER)), "{said}");
                break;
            };
            let Ok(block) = Block::decode(&bytes) else { break };
            let (height, _) = importer.tip();
            if block.header.height <= height {
                continue;
            }
            if let Err(error) = importer.push(&block) {
                return Ok(Some(error.to_string()));
            }
            if height.is_multiple_of(1_000) {
                spinner.set_message(format!("keeping what is sound: {height} blocks"));
            }
        }
        Ok(None)
    };
    mended.stopped_by = step(&mut importer, Reader::start(Part::Best, data, network, &[])?)?;
    // The table of the best chain may be damaged above, and the blocks not.
    while mended.stopped_by.is_none() {
        let (height, parent) = importer.tip();
        let more = ["--from".to_owned(), (height + 1).to_string(), "--parent".to_owned(), parent.to_string()];
        mended.stopped_by = step(&mut importer, Reader::start(Part::Following, data, network, &more)?)?;
        if importer.tip().0 == height {
            break;
        }
    }
    mended.height = importer.finish()?.height;
    spinner.finish_and_clear();
    Ok(())
}
