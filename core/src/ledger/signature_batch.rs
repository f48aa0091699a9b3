//! Work that a driver may spread over threads: the signatures of a block or of gossiped messages,
//! and the ids to look up.
//!
//! The node outputs a [`SignatureBatch`] and takes a [`BatchResult`]. The answer depends only on the batch and
//! the driver's store. So any number of batches may be answered at once and in any order.

use crate::primitives::hash::Hash;
use crate::primitives::key::{PublicKey, Signature};
use crate::primitives::message::MessageId;

/// One signature to verify.
///
/// ```
/// use plexus_core::ledger::signature_batch::SignatureCheck;
/// use plexus_core::{Hash, SecretKey};
///
/// let (secret, digest) = (SecretKey::from_bytes(&[7; 32]).unwrap(), Hash::of(b"text"));
/// let check = SignatureCheck { digest, key: secret.public(), signature: secret.sign(&digest) };
/// assert!(check.holds());
/// assert!(!SignatureCheck { digest: Hash::of(b"another text"), ..check }.holds());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureCheck {
    /// The signed digest.
    pub digest: Hash,
    /// The signer's key.
    pub key: PublicKey,
    /// The signature.
    pub signature: Signature,
}

impl SignatureCheck {
    /// Returns true if the signature is valid.
    pub fn holds(&self) -> bool {
        self.key.verifies(&self.digest, &self.signature)
    }
}

/// Identifies a batch until its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BatchId(pub u64);

/// Signatures to verify and ids to look up, as one piece of work.
///
/// ```
/// # use plexus_core::ledger::signature_batch::{BatchId, SignatureBatch, SignatureCheck};
/// # use plexus_core::{Hash, SecretKey, Signature};
/// # let (secret, digest) = (SecretKey::from_bytes(&[7; 32]).unwrap(), Hash::of(b"text"));
/// let valid = SignatureCheck { digest, key: secret.public(), signature: secret.sign(&digest) };
/// let broken = SignatureCheck { signature: Signature::NONE, ..valid.clone() };
/// let batch = SignatureBatch { id: BatchId(1), checks: vec![valid, broken], ids: vec![] };
/// let result = batch.answer(|_, _| Vec::new());
/// assert_eq!((result.id, result.broken), (BatchId(1), vec![1]));
/// ```
#[derive(Clone, Debug)]
pub struct SignatureBatch {
    /// The batch's id.
    pub id: BatchId,
    /// The signatures: at most a block's messages and its author's.
    pub checks: Vec<SignatureCheck>,
    /// The ids to look up among the messages of stored blocks.
    pub ids: Vec<MessageId>,
}

/// A stored block that an id was found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownIn {
    /// The index of the id in the batch.
    pub index: usize,
    /// The block.
    pub block: Hash,
    /// Its height.
    pub height: u64,
    /// True if the store had it on the best chain at the time of the lookup.
    pub best: bool,
}

/// The result of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchResult {
    /// The id of the batch.
    pub id: BatchId,
    /// The indexes of the invalid signatures, ascending.
    pub broken: Vec<usize>,
    /// Every stored block that contains one of the ids.
    pub seen: Vec<KnownIn>,
}

impl SignatureBatch {
    /// Returns the result, computed on the calling thread. `find` looks an id up in the store.
    pub fn answer(&self, mut find: impl FnMut(usize, &MessageId) -> Vec<KnownIn>) -> BatchResult {
        let broken =
            self.checks.iter().enumerate().filter(|(_, check)| !check.holds()).map(|(index, _)| index);
        let broken = broken.collect();
        let seen = self.ids.iter().enumerate().flat_map(|(index, id)| find(index, id)).collect();
        BatchResult { id: self.id, broken, seen }
    }
}
