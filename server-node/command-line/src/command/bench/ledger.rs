//! The ledger that is synchronized: 10,000 blocks of the dev network with ten messages each, always
//! the same.
//!
//! It is made once, and kept in the system's folder for temporary files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use plexus_core::ledger::signature_batch::SignatureCheck;
use plexus_core::mining::search::grind;
use plexus_core::node::storage::{CHECKPOINT_BLOCKS, Change};
use plexus_core::primitives::block::{Block, Header, VERSION};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::key::{SecretKey, Signature};
use plexus_core::primitives::message::Draft;
use plexus_core::primitives::mmr::Mmr;
use plexus_core::primitives::params::Network;
use plexus_node::store::Store;
use rayon::prelude::*;

use super::progress;

/// The number of blocks above genesis.
pub(super) const BLOCKS: u64 = 10_000;
/// The number of messages in each block.
pub(super) const BLOCK_MESSAGES: u64 = 10;
/// The number of keys that sign the messages.
const SENDERS: u64 = 16;
/// The number of blocks that are stored in one transaction.
const ROUND: u64 = 500;
/// The file that says that the ledger is complete. Its number is raised when the ledger's making
/// changes.
const MARK: &str = "complete-1";

/// Returns the folder of a node that has the ledger. Makes it first if it is missing.
pub(super) fn folder(network: &Network) -> anyhow::Result<PathBuf> {
    let name = format!("plexus-bench-sync-{:.8}-{BLOCKS}", network.id());
    let folder = std::env::temp_dir().join(name);
    if folder.join(MARK).exists() {
        return Ok(folder);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    make(network, &folder)?;
    fs::write(folder.join(MARK), "")?;
    Ok(folder)
}

fn make(network: &Network, folder: &Path) -> anyhow::Result<()> {
    let store = Store::open(folder, network)?;
    let mut maker = Maker::new(network)?;
    let bar = progress::bar(BLOCKS, "making the ledger");
    let mut fork = 0;
    while maker.parent.height < BLOCKS {
        let mut changes = Vec::new();
        for _ in 0..ROUND.min(BLOCKS - fork) {
            maker.next(&mut changes)?;
        }
        let (hash, height) = (maker.parent.hash(), maker.parent.height);
        changes.push(Change::Tip { hash, height, fork });
        store.apply(&changes)?;
        bar.inc(height - fork);
        fork = height;
    }
    bar.finish_and_clear();
    Ok(())
}

struct Maker {
    network: Network,
    author: SecretKey,
    senders: Vec<SecretKey>,
    parent: Header,
    history: Mmr,
}

impl Maker {
    fn new(network: &Network) -> anyhow::Result<Self> {
        let secret = |number: u64| SecretKey::from_bytes(Hash::of(&number.to_be_bytes()).as_bytes());
        let senders = (1..=SENDERS).map(secret).collect::<Result<_, _>>()?;
        let parent = *network.genesis();
        let history = Mmr::default().append(parent.record(*network.id()));
        Ok(Self { network: network.clone(), author: secret(0)?, senders, parent, history })
    }

    fn next(&mut self, changes: &mut Vec<Change>) -> anyhow::Result<()> {
        let time = self.parent.time.plus_ms(self.network.parameters().spacing_ms);
        let height = self.parent.height + 1;
        let first = height * BLOCK_MESSAGES;
        let numbers: Vec<_> = (first..first + BLOCK_MESSAGES).collect();
        let messages = numbers.par_iter().map(|number| {
            let sender = &self.senders[usize::try_from(number % SENDERS)?];
            let draft =
                Draft::new(sender.public(), "everybody", format!("message {number} of the benchmark"), time)?;
            Ok(Arc::new(draft.sign(sender, self.network.id(), *number)))
        });
        let messages = messages.collect::<anyhow::Result<Vec<_>>>()?;
        let header = Header {
            prev_hash: self.parent.hash(),
            content_root: Hash::ZERO,
            version: VERSION,
            height,
            time,
            bits: self.network.next_bits(&self.parent, time),
            nonce: 0,
        };
        let (author, signature) = (self.author.public(), Signature::NONE);
        let mut block = Block { header, extra: 0, author, signature, messages };
        block.seal(&self.author, self.network.id(), &self.history.root());
        solve(&mut block)?;
        let (header, hash) = (block.header, block.header.hash());
        self.history = self.history.append(header.record(hash));
        let ids = block.messages.iter().map(|message| message.id(self.network.id())).collect();
        changes.push(Change::Header { hash, header, total_work: self.history.work() });
        changes.push(Change::Body { hash, height, block: block.encode().into(), ids });
        if height.is_multiple_of(CHECKPOINT_BLOCKS) {
            changes.push(Change::Checkpoint { height, hash, history: self.history.clone() });
        }
        self.parent = header;
        Ok(())
    }
}

fn solve(block: &mut Block) -> anyhow::Result<()> {
    block.header.nonce = grind(&block.header, u64::MAX).context("no nonce solves the block")?;
    Ok(())
}

/// Returns the signatures of the ledger's first messages, at most `count`.
pub(super) fn checks(network: &Network, folder: &Path, count: usize) -> anyhow::Result<Vec<SignatureCheck>> {
    let store = Store::open(folder, network)?;
    let (mut checks, mut height) = (Vec::with_capacity(count), 1);
    while checks.len() < count {
        let blocks = store.blocks(height, 256)?;
        if blocks.is_empty() {
            break;
        }
        height += blocks.len() as u64;
        for stored in blocks {
            let block = Block::decode(&stored.block)?;
            checks.extend(block.messages.iter().map(|message| SignatureCheck {
                digest: message.id(network.id()),
                key: *message.sender(),
                signature: *message.signature(),
            }));
        }
    }
    checks.truncate(count);
    Ok(checks)
}
