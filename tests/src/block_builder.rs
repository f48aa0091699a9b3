//! A forge: makes valid and invalid blocks by hand, outside of any node.
//!
//! It keeps all its blocks with the history up to each, so that a branch may start anywhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use plexus_core::mining::search;
use plexus_core::node::storage::{CHECKPOINT_BLOCKS, Change, Journal};
use plexus_core::primitives::block::{Block, Header, VERSION};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::key::{PublicKey, SecretKey, Signature};
use plexus_core::primitives::message::{Draft, Message};
use plexus_core::primitives::mmr::Mmr;
use plexus_core::primitives::params::Network;
use plexus_core::primitives::pow::Work;
use plexus_core::primitives::stamp::find_stamp;
use plexus_core::primitives::time::Timestamp;

/// The most tries for a block: a million times the expected number on the development network.
const TRIES_MAX: u64 = 1 << 28;

/// Returns a key that is derived from a name.
pub fn key(name: &str) -> SecretKey {
    SecretKey::from_bytes(Hash::of(name.as_bytes()).as_bytes()).unwrap()
}

/// Returns a message that is signed by the key of a name.
pub fn message(network: &Network, sender: &str, text: &str, time: Timestamp) -> Message {
    let secret = key(sender);
    Draft::new(secret.public(), "all", text, time).unwrap().sign_stamped(&secret, network)
}

/// Returns a copy of a message with the first stamp that shows this work. Anyone can make it.
pub fn restamp(network: &Network, message: &Message, work: Work) -> Message {
    let (recipient, text) = (message.recipient(), message.text());
    let draft = Draft::new(*message.sender(), recipient, text, message.time()).unwrap();
    let stamp = find_stamp(&message.id(network.id()), work);
    Message::from_parts(draft, stamp, *message.signature())
}

/// Searches for a nonce with which a header's hash meets its own bits.
pub fn grind(header: &mut Header) {
    header.nonce = search::grind(header, TRIES_MAX).expect("an easy target");
}

/// Searches for a nonce with which the hash misses the target.
pub fn spoil(header: &mut Header) {
    let target = header.bits.target().expect("bits that are a target");
    while target.is_met_by(&header.hash()) {
        header.nonce = header.nonce.wrapping_add(1);
    }
}

/// Returns the proof of a branch on genesis, even if the branch breaks rules.
pub fn prove(network: &Network, branch: &[Arc<Block>]) -> Option<Vec<u8>> {
    let mut journal = Journal::new(network);
    for block in branch {
        let (hash, height, header) = (block.header.hash(), block.header.height, block.header);
        journal.apply(&[
            Change::Header { hash, header, total_work: Work::ZERO },
            Change::Body { hash, height, block: block.encode().into(), ids: Arc::new([]) },
            Change::Tip { hash, height, fork: height - 1 },
        ]);
    }
    journal.prove(network)
}

/// Blocks by their hashes, each with the history up to it and including it.
#[derive(Debug)]
pub struct BlockBuilder {
    network: Network,
    blocks: BTreeMap<Hash, (Arc<Block>, Mmr)>,
    author: SecretKey,
}

impl BlockBuilder {
    /// Creates a forge that only has genesis.
    pub fn new(network: &Network, author: &str) -> Self {
        let genesis = network.genesis_block();
        let history = Mmr::default().append(genesis.header.record(*network.id()));
        let blocks = BTreeMap::from([(*network.id(), (Arc::new(genesis), history))]);
        Self { network: network.clone(), blocks, author: key(author) }
    }

    /// Returns a block that the forge made or received.
    pub fn block(&self, hash: &Hash) -> &Arc<Block> {
        &self.blocks[hash].0
    }

    /// Returns true if it has a block.
    pub fn has(&self, hash: &Hash) -> bool {
        self.blocks.contains_key(hash)
    }

    /// Returns the history up to a block and including it.
    pub fn history(&self, hash: &Hash) -> &Mmr {
        &self.blocks[hash].1
    }

    /// Adds a block whose parent it has. Returns its hash.
    pub fn keep(&mut self, block: Block) -> Hash {
        let hash = block.header.hash();
        let history = self.history(&block.header.prev_hash).append(block.header.record(hash));
        self.blocks.insert(hash, (Arc::new(block), history));
        hash
    }

    /// Returns a valid block, except for its proof of work.
    pub fn draft(&self, parent: &Hash, time: Timestamp, messages: Vec<Message>) -> Block {
        let (below, history) = &self.blocks[parent];
        let header = Header {
            prev_hash: *parent,
            content_root: Hash::ZERO,
            version: VERSION,
            height: below.header.height + 1,
            time,
            bits: self.network.next_bits(&below.header, time),
            nonce: 0,
        };
        let (author, signature) = (PublicKey::NOBODY, Signature::NONE);
        let messages = messages.into_iter().map(Arc::new).collect();
        // This keeps two branches of one forge from sharing a block accidentally.
        let extra = self.blocks.len() as u64;
        let mut block = Block { header, extra, author, signature, messages };
        block.seal(&self.author, self.network.id(), &history.root());
        block
    }

    /// Commits to a changed block's contents, signs it, and searches for the nonce.
    pub fn finish(&self, block: &mut Block) {
        block.seal(&self.author, self.network.id(), &self.history(&block.header.prev_hash).root());
        grind(&mut block.header);
    }

    /// Commits to the block's current contents without a new signature, and searches for the nonce.
    pub fn commit(&self, block: &mut Block) {
        let body_root = block.body_root(&block.messages_root());
        let history_root = self.history(&block.header.prev_hash).root();
        block.header.content_root =
            plexus_core::primitives::block::content_root(&history_root, &body_root, block.extra);
        grind(&mut block.header);
    }

    /// Makes a valid block with these messages. Returns its hash.
    pub fn mine(&mut self, parent: &Hash, time: Timestamp, messages: Vec<Message>) -> Hash {
        let mut block = self.draft(parent, time, messages);
        grind(&mut block.header);
        self.keep(block)
    }

    /// Makes a branch of valid empty blocks, one a second. Returns their hashes, lowest first.
    pub fn extend(&mut self, parent: &Hash, count: usize) -> Vec<Hash> {
        let mut at = *parent;
        (0..count)
            .map(|_| {
                at = self.mine(&at, self.block(&at).header.time.plus_ms(1_000), Vec::new());
                at
            })
            .collect()
    }

    /// Stores a block in a journal, on top of its best chain.
    pub fn stock(&self, block: &Block, journal: &mut Journal) {
        let (hash, height, header) = (block.header.hash(), block.header.height, block.header);
        let history = self.history(&hash).clone();
        let ids = block.messages.iter().map(|message| message.id(self.network.id())).collect();
        let mut changes = vec![
            Change::Header { hash, header, total_work: history.work() },
            Change::Body { hash, height, block: block.encode().into(), ids },
            Change::Tip { hash, height, fork: height - 1 },
        ];
        if height % CHECKPOINT_BLOCKS == 0 {
            changes.push(Change::Checkpoint { height, hash, history });
        }
        journal.apply(&changes);
    }

    /// Returns the blocks from above genesis up to `tip`, lowest first.
    pub fn branch(&self, tip: &Hash) -> Vec<Arc<Block>> {
        let mut branch = Vec::new();
        let mut at = *tip;
        while at != *self.network.id() {
            let block = self.block(&at);
            branch.push(Arc::clone(block));
            at = block.header.prev_hash;
        }
        branch.reverse();
        branch
    }
}
