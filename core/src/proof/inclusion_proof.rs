//! Receipts: one file that proves that a message is in a block, and how much work is on and above
//! that block.
//!
//! Specified in PROTOCOL.md, "Proof file" and PROTOCOL.md, "Proof file: Layout".
//!
//! A [`Receipt`] holds all data that lead from the message's bytes to a network's id. These are the
//! message, its siblings in the block's tree, the block's header and the data that its body commits
//! to. They also include the siblings of its record in the MMR, and the chain proof of a tip
//! ([`crate::proof::chain_proof`]). [`Receipt::verify`] recomputes the rest.
//!
//! The siblings on the left are the history below the block. So its history root, which is not
//! written, follows from the proven chain itself. From it follow the only possible content root and
//! the digest that the block's author signed. Every bit of a receipt matters: a changed bit gives
//! another message, another block, another chain, or an invalid receipt.
//!
//! Like a chain proof, a receipt does not show that no better chain exists. It does not show when
//! the message was written either: the message existed when the block was mined, by the miner's
//! clock. The rules bind that clock to the clocks of others.
//!
//! Bounds: at most [`RECEIPT_BYTES_MAX`] bytes are read. All parts except the chain proof are under
//! [`HEAD_BYTES_MAX`].

mod error;
mod form;
#[cfg(test)]
mod tests;
mod verify;

pub use self::error::ReceiptError;
pub use self::form::{BlockForm, Form, FormError, MessageForm, RecordForm};
pub use self::verify::Verified;
use crate::primitives::block::{BLOCK_MESSAGES_MAX, Block, Header};
use crate::primitives::encoding::{DecodeError, Reader};
use crate::primitives::hash::Hash;
use crate::primitives::key::{PublicKey, Signature};
use crate::primitives::merkle;
use crate::primitives::message::Message;
use crate::primitives::mmr::MmrNode;
use crate::primitives::params::{Network, Parameters};
use crate::proof::chain_proof::PROOF_BYTES_MAX;

/// The first bytes of every receipt.
pub const MAGIC: [u8; 6] = *b"plexus";
/// The version of the layout. Files of other versions are refused.
pub const VERSION: u16 = 2;
/// The most siblings of a record: no provable chain has higher peaks.
pub const PATH_MAX: usize = 62;
/// The most siblings of a message: a block has at most [`BLOCK_MESSAGES_MAX`].
pub const SIBLINGS_MAX: usize = BLOCK_MESSAGES_MAX.ilog2() as usize;
/// An upper bound for the bytes of any receipt before its chain proof.
pub const HEAD_BYTES_MAX: usize = 16 << 10;
/// The most bytes of a receipt.
pub const RECEIPT_BYTES_MAX: usize = HEAD_BYTES_MAX + PROOF_BYTES_MAX;

/// Proves that a message is in a block of a proven chain, if [`Receipt::verify`] succeeds.
///
/// ```
/// # use core::convert::Infallible;
/// # use plexus_core::mining::search::grind;
/// # use plexus_core::primitives::message::Draft;
/// # use plexus_core::primitives::mmr::{Mmr, MmrNode, Position};
/// # use plexus_core::proof::chain_proof::{Opened, ProofSource, prove};
/// # use plexus_core::proof::inclusion_proof::Receipt;
/// # use plexus_core::{Block, Header, Network, SecretKey};
/// # struct Short(Network, Opened);
/// # impl ProofSource for Short {
/// #     type Error = Infallible;
/// #     fn node(&mut self, _: Position) -> Result<MmrNode, Infallible> {
/// #         Ok(self.0.genesis().record(*self.0.id()))
/// #     }
/// #     fn opened(&mut self, _: u64) -> Result<Opened, Infallible> {
/// #         Ok(self.1)
/// #     }
/// # }
/// # let (network, alice) = (Network::dev(), SecretKey::from_bytes(&[7; 32]).unwrap());
/// # let (genesis, id) = (*network.genesis(), *network.id());
/// # let below = genesis.record(id);
/// # let time = genesis.time.plus_ms(15_000);
/// # let draft = Draft::new(alice.public(), "bob", "hello", time).unwrap();
/// # let messages = vec![draft.sign(&alice, &id, 0).into()];
/// # let header = Header { prev_hash: id, height: 1, time, ..genesis };
/// # let mut block = Block { header, messages, ..network.genesis_block() };
/// # let body_root = block.seal(&alice, &id, &Mmr::default().append(below).root());
/// # block.header.nonce = grind(&block.header, 1 << 20).unwrap();
/// # let opened = Opened { header: block.header, body_root, extra: block.extra };
/// # let chain = prove(&network, 1, &mut Short(network.clone(), opened)).unwrap();
/// // The block is the second of a chain of two, so its only sibling is genesis.
/// let receipt = Receipt::new(&network, &block, 0, vec![below], chain).unwrap();
/// let file = receipt.encode();
/// let verified = Receipt::decode(&file).unwrap().verify().unwrap();
/// assert_eq!((verified.block, verified.blocks), (block.header.hash(), 1));
/// // No byte of the file may change.
/// let mut forged = file.clone();
/// forged[200] ^= 1;
/// assert!(Receipt::decode(&forged).and_then(|receipt| receipt.verify()).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The network, whose id follows.
    pub network: Network,
    /// The message.
    pub message: Message,
    /// Its index in the block, from 0.
    pub index: u16,
    /// The number of messages in the block.
    pub count: u16,
    /// The sibling hashes from the message up to the messages root, from the bottom.
    pub siblings: Vec<Hash>,
    /// The block's header.
    pub header: Header,
    /// The block's extra.
    pub extra: u64,
    /// The block's author.
    pub author: PublicKey,
    /// The author's signature.
    pub signature: Signature,
    /// The sibling records from the block up to the peak over it, from the bottom.
    pub path: Vec<MmrNode>,
    /// The proof of the chain that the block is in.
    pub chain: Vec<u8>,
}

impl Receipt {
    /// Creates the receipt of the message at `index` of a block. `path` are the siblings of the
    /// block's record ([`crate::primitives::mmr::siblings`]) in the MMR up to and including the tip
    /// that `chain` proves. Returns `None` if the block has no such message.
    pub fn new(
        network: &Network,
        block: &Block,
        index: usize,
        path: Vec<MmrNode>,
        chain: Vec<u8>,
    ) -> Option<Self> {
        let message = Message::clone(block.messages.get(index)?);
        let leaves: Vec<_> = block.messages.iter().map(|message| merkle::leaf(&message.encode())).collect();
        Some(Self {
            network: network.clone(),
            message,
            index: u16::try_from(index).ok()?,
            count: u16::try_from(leaves.len()).ok()?,
            siblings: merkle::path(&leaves, index),
            header: block.header,
            extra: block.extra,
            author: block.author,
            signature: block.signature,
            path,
            chain,
        })
    }

    /// Returns its bytes in the layout of `PROTOCOL.md`.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD_BYTES_MAX + self.chain.len());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.extend_from_slice(&self.network.parameters().encode());
        self.message.encode_to(&mut out);
        out.extend_from_slice(&self.index.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
        for sibling in &self.siblings {
            out.extend_from_slice(sibling.as_bytes());
        }
        out.extend_from_slice(&self.header.encode());
        out.extend_from_slice(&self.extra.to_be_bytes());
        out.extend_from_slice(self.author.as_bytes());
        out.extend_from_slice(self.signature.as_bytes());
        out.push(u8::try_from(self.path.len()).unwrap_or(u8::MAX));
        for record in &self.path {
            out.extend_from_slice(&record.encode());
        }
        out.extend_from_slice(&self.chain);
        out
    }

    /// Reads a receipt without verifying it.
    ///
    /// # Errors
    /// The bytes are not laid out as a receipt.
    ///
    /// # Examples
    /// ```
    /// use plexus_core::proof::inclusion_proof::{Receipt, ReceiptError};
    ///
    /// let picture = Receipt::decode(b"\x89PNG\r\n\x1a\n");
    /// assert_eq!(picture, Err(ReceiptError::Magic { found: *b"\x89PNG\r\n" }));
    /// let older = Receipt::decode(b"plexus\x00\x01");
    /// assert_eq!(older, Err(ReceiptError::Version { found: 1 }));
    /// ```
    pub fn decode(bytes: &[u8]) -> Result<Self, ReceiptError> {
        if bytes.len() > RECEIPT_BYTES_MAX {
            return Err(ReceiptError::Size { found: bytes.len() });
        }
        let mut reader = Reader::new(bytes);
        let magic = reader.array("receipt magic")?;
        if magic != MAGIC {
            return Err(ReceiptError::Magic { found: magic });
        }
        let version = reader.u16("receipt version")?;
        if version != VERSION {
            return Err(ReceiptError::Version { found: version.into() });
        }
        let network = Network::new(Parameters::read(&mut reader)?)?;
        let message = Message::read(&mut reader)?;
        let (index, count) = (reader.u16("message index")?, reader.u16("message count")?);
        let siblings = check_place(index, count)?;
        let siblings = (0..siblings).map(|_| reader.array("message sibling").map(Hash::from_bytes));
        let siblings = siblings.collect::<Result<_, _>>()?;
        let header = Header::read(&mut reader)?;
        let extra = reader.u64("block extra")?;
        let author = PublicKey::from_bytes(reader.array("block author")?);
        let signature = Signature::from_bytes(reader.array("block signature")?);
        let [path] = reader.array("record sibling count")?;
        check_path(path.into())?;
        let path = (0..path).map(|_| MmrNode::read(&mut reader)).collect::<Result<_, _>>()?;
        let chain = reader.take("chain proof", reader.left())?.to_vec();
        Ok(Self { network, message, index, count, siblings, header, extra, author, signature, path, chain })
    }
}

/// Returns the number of siblings of a message at an index, if a block can have such an index.
fn check_place(index: u16, count: u16) -> Result<usize, ReceiptError> {
    let (index, count) = (usize::from(index), usize::from(count));
    if count > BLOCK_MESSAGES_MAX || index >= count {
        return Err(ReceiptError::Place { index, count });
    }
    Ok(merkle::siblings(index, count))
}

fn check_path(found: usize) -> Result<(), DecodeError> {
    let (field, min, max) = ("record sibling count", 0, PATH_MAX);
    if found > max { Err(DecodeError::Size { field, min, max, found }) } else { Ok(()) }
}
