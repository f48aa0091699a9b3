//! Work that a driver may spread over threads: the signatures of a block or of gossiped messages, and the ids to look up.
//!
//! Core hands out a [`Batch`] and takes a [`Verdict`]. What a batch asks is answered by its contents and the driver's store
//! alone, so any number may be answered at once and in any order.

use crate::hash::Hash;
use crate::key::{PublicKey, Signature};
use crate::message::MessageId;

/// One signature to verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was signed.
    pub digest: Hash,
    /// By whom.
    pub key: PublicKey,
    /// The signature.
    pub signature: Signature,
}

impl Check {
    /// Whether the signature is the key's.
    pub fn holds(&self) -> bool {
        self.key.verifies(&self.digest, &self.signature)
    }
}

/// Names a batch until its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BatchId(pub u64);

/// Signatures to verify and ids to look up, as one piece of work.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Its name.
    pub id: BatchId,
    /// The signatures; at most a block's messages and its author's.
    pub checks: Vec<Check>,
    /// The ids to look up among the messages of stored blocks.
    pub ids: Vec<MessageId>,
}

/// A stored block that an id was found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The id's place in the batch.
    pub index: usize,
    /// The block.
    pub block: Hash,
    /// Its height.
    pub height: u64,
    /// Whether the store had it on the best chain when it looked.
    pub best: bool,
}

/// A batch's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whose answer it is.
    pub id: BatchId,
    /// The places of the signatures that do not hold, in rising order.
    pub broken: Vec<usize>,
    /// Every stored block that one of the ids was found in.
    pub seen: Vec<Seen>,
}

impl Batch {
    /// Answers on the calling thread; `find` looks an id up in the store.
    pub fn answer(&self, mut find: impl FnMut(usize, &MessageId) -> Vec<Seen>) -> Verdict {
        let broken =
            self.checks.iter().enumerate().filter(|(_, check)| !check.holds()).map(|(index, _)| index);
        let broken = broken.collect();
        let seen = self.ids.iter().enumerate().flat_map(|(index, id)| find(index, id)).collect();
        Verdict { id: self.id, broken, seen }
    }
}
