//! A forge: makes valid chains of the dev network, and the changes that a node would persist for
//! them.

use std::sync::Arc;

use plexus_core::mining::search::grind;
use plexus_core::node::storage::{CHECKPOINT_BLOCKS, Change};
use plexus_core::primitives::block::{Block, Header, VERSION};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::key::{PublicKey, SecretKey, Signature};
use plexus_core::primitives::message::{Draft, Message, MessageId};
use plexus_core::primitives::mmr::Mmr;
use plexus_core::primitives::params::Network;

/// The end of a growing branch.
#[derive(Clone)]
pub(crate) struct Forge {
    pub(crate) network: Network,
    pub(crate) history: Mmr,
    pub(crate) tip: Header,
    pub(crate) author: SecretKey,
}

/// A forged block.
#[derive(Clone)]
pub(crate) struct Forged {
    pub(crate) hash: Hash,
    pub(crate) block: Arc<Block>,
    pub(crate) ids: Arc<[MessageId]>,
    pub(crate) history: Mmr,
}

pub(crate) fn secret(number: u8) -> SecretKey {
    SecretKey::from_bytes(&[number; 32]).unwrap()
}

impl Forge {
    pub(crate) fn new(author: u8) -> Self {
        let network = Network::dev();
        let tip = *network.genesis();
        let history = Mmr::default().append(tip.record(*network.id()));
        Self { network, history, tip, author: secret(author) }
    }

    pub(crate) fn message(&self, text: &str) -> Message {
        let time = self.tip.time.plus_ms(1);
        let draft = Draft::new(self.author.public(), "everybody".to_owned(), text.to_owned(), time).unwrap();
        draft.sign_stamped(&self.author, &self.network)
    }

    /// Mines a block with this number of messages. Returns it.
    pub(crate) fn block(&mut self, messages: usize) -> Forged {
        let height = self.tip.height + 1;
        let texts = (0..messages).map(|number| format!("{number} at {height} by {}", self.author.public()));
        let messages: Vec<_> = texts.map(|text| Arc::new(self.message(&text))).collect();
        let time = self.tip.time.plus_ms(15_000);
        let header = Header {
            prev_hash: self.tip.hash(),
            content_root: Hash::ZERO,
            version: VERSION,
            height,
            time,
            bits: self.network.next_bits(&self.tip, time),
            nonce: 0,
        };
        let mut block =
            Block { header, extra: 0, author: PublicKey::NOBODY, signature: Signature::NONE, messages };
        block.seal(&self.author, self.network.id(), &self.history.root());
        block.header.nonce = grind(&block.header, u64::MAX).unwrap();
        self.tip = block.header;
        let hash = block.header.hash();
        self.history = self.history.append(block.header.record(hash));
        let ids = block.messages.iter().map(|message| message.id(self.network.id())).collect();
        Forged { hash, block: Arc::new(block), ids, history: self.history.clone() }
    }

    pub(crate) fn blocks(&mut self, count: usize, messages: usize) -> Vec<Forged> {
        (0..count).map(|_| self.block(messages)).collect()
    }
}

impl Forged {
    pub(crate) fn height(&self) -> u64 {
        self.block.header.height
    }

    /// Returns the changes that a node persists if this block extends its tip, or moves the tip to
    /// a branch off `fork`.
    pub(crate) fn changes(&self, fork: u64) -> Vec<Change> {
        let (hash, height) = (self.hash, self.height());
        let mut changes = self.header_and_body();
        if height % CHECKPOINT_BLOCKS == 0 {
            changes.push(Change::Checkpoint { height, hash, history: self.history.clone() });
        }
        changes.push(Change::Tip { hash, height, fork });
        changes
    }

    /// Returns the changes that a node persists for a block of another branch.
    pub(crate) fn header_and_body(&self) -> Vec<Change> {
        let (hash, height) = (self.hash, self.height());
        vec![
            Change::Header { hash, header: self.block.header, total_work: self.history.work() },
            Change::Body { hash, height, block: self.block.encode().into(), ids: self.ids.clone() },
        ]
    }
}
