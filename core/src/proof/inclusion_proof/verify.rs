//! Verifies a receipt: recomputes everything from the message up to the network's id.
//!
//! Specified in PROTOCOL.md, "Proof file: Checks".

use super::{Receipt, ReceiptError, check_place};
use crate::ledger::validation::{RuleError, check_clock, check_message_time, check_own_work};
use crate::primitives::block::{VERSION, body_root, content_root, digest};
use crate::primitives::hash::Hash;
use crate::primitives::merkle;
use crate::primitives::message::MessageId;
use crate::primitives::mmr::climb;
use crate::primitives::pow::Work;
use crate::primitives::time::Timestamp;
use crate::proof::chain_proof::{self, Proven, check_path};

/// The contents that a receipt proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The message's id.
    pub id: MessageId,
    /// The block's hash.
    pub block: Hash,
    /// The time of the header below the block's. The block's own time is later.
    pub parent_time: Timestamp,
    /// The root over all headers below the block.
    pub history_root: Hash,
    /// The number of blocks that protect the message: its own and the ones above.
    pub blocks: u64,
    /// Their work.
    pub work: Work,
    /// The tip, and the work of the whole chain.
    pub proven: Proven,
}

impl Verified {
    /// Checks that the tip, and with it every block below it, is not too far ahead of the local
    /// clock.
    ///
    /// # Errors
    /// It is, so no node accepts the chain yet.
    pub fn check_clock(&self, local: Timestamp) -> Result<(), ReceiptError> {
        match check_clock(&self.proven.header, local) {
            Some(_) => Err(ReceiptError::Ahead { local, found: self.proven.header.time }),
            None => Ok(()),
        }
    }
}

impl Receipt {
    /// Verifies that the message is in the block, and the block in the proven chain.
    ///
    /// Times are not checked against a clock: see [`Verified::check_clock`]. The caller must check
    /// that the network is the intended one.
    ///
    /// # Errors
    /// The first error, from the message up.
    pub fn verify(&self) -> Result<Verified, ReceiptError> {
        let (network, header, index) = (&self.network, &self.header, usize::from(self.index));
        let id = self.message.id(network.id());
        let sender = *self.message.sender();
        if !sender.verifies(&id, self.message.signature()) {
            let found = *self.message.signature();
            return Err(RuleError::MessageSignature { index, sender, found }.into());
        }
        check_message_time(index, &self.message, header.time).map_or(Ok(()), Err)?;
        let messages_root = self.messages_root()?;
        if header.version != VERSION {
            return Err(RuleError::Version { found: header.version }.into());
        }
        let block = header.hash();
        check_own_work(network, header, &block).map_or(Ok(()), Err)?;
        let proven = chain_proof::verify(network, &self.chain)?;
        let (tip, found) = (proven.header.height, header.height);
        let (level, peak) = proven.history.peak_over(found).ok_or(ReceiptError::Height { tip, found })?;
        let wrong = ReceiptError::Path { expected: level, found: self.path.len() };
        let below = proven.history.below(found, &self.path).ok_or(wrong)?;
        let reached = climb(&header.record(block), found, &self.path);
        if reached != peak {
            return Err(ReceiptError::Peak { expected: peak.hash, found: reached.hash });
        }
        check_path(network, &below, header, block, &self.path).map_err(ReceiptError::Sibling)?;
        let history_root = below.root();
        let digest = digest(network.id(), header, &history_root, &messages_root);
        let body_root = body_root(&self.author, &self.signature, self.count.into(), &messages_root);
        let expected = content_root(&history_root, &body_root, self.extra);
        if header.content_root != expected {
            return Err(RuleError::Content { expected, found: header.content_root }.into());
        }
        if !self.author.verifies(&digest, &self.signature) {
            return Err(RuleError::AuthorSignature { author: self.author, found: self.signature }.into());
        }
        let work = Work::from_hashes(proven.total_work().hashes().saturating_sub(below.work().hashes()));
        let parent_time = below.peaks().last().map_or(network.genesis().time, |peak| peak.time);
        Ok(Verified { id, block, parent_time, history_root, blocks: tip - found + 1, work, proven })
    }

    /// Returns the root that follows from the message.
    fn messages_root(&self) -> Result<Hash, ReceiptError> {
        let (index, count) = (usize::from(self.index), usize::from(self.count));
        let expected = check_place(self.index, self.count)?;
        let max = self.network.block_messages_max();
        if count > max {
            return Err(RuleError::MessageCount { max, found: count }.into());
        }
        let leaf = merkle::leaf(&self.message.encode());
        let root = merkle::climb(leaf, index, count, &self.siblings);
        root.ok_or(ReceiptError::Siblings { expected, found: self.siblings.len() })
    }
}
