//! Receipts: one file that shows that a message is in a block, and how much work is on and above that block.
//!
//! A [`Receipt`] holds all that leads from the message's bytes to a network's id: the message, its siblings in the block's tree, the
//! block's header and what its body commits to, the siblings of its record in the mountain range, and the chain proof of a tip
//! ([`crate::proof`]). [`Receipt::verify`] recomputes the rest. The siblings that lie on the left are the history below the block, so
//! its history root, which is not written, follows from the very chain that is proven; with it follow the only possible content root
//! and the digest that the block's author signed. Nothing in a receipt is without effect: who changes a bit has another message,
//! another block or another chain, or bytes that are none of these.
//!
//! A receipt says no more than a chain proof does of whether a better chain exists, and nothing of when the message was written:
//! it was there when the block was mined, by the miner's clock, which the rules bind to those of others.
//!
//! Bounds: at most [`RECEIPT_BYTES_MAX`] bytes are read, of which all but the chain proof are under [`HEAD_BYTES_MAX`].

mod error;
mod form;
#[cfg(test)]
mod tests;
mod verify;

pub use self::error::ReceiptError;
pub use self::form::{BlockForm, Form, FormError, MessageForm, RecordForm};
pub use self::verify::Verified;
use crate::block::{BLOCK_MESSAGES_MAX, Block, Header};
use crate::hash::Hash;
use crate::history::Record;
use crate::key::{PublicKey, Signature};
use crate::layout::{DecodeError, Reader};
use crate::merkle;
use crate::message::Message;
use crate::network::{Network, Parameters};
use crate::proof::PROOF_BYTES_MAX;

/// What every receipt begins with.
pub const MAGIC: [u8; 6] = *b"plexus";
/// The only version of the layout that there is.
pub const VERSION: u16 = 1;
/// The most siblings of a record: no chain that can be proven has higher peaks.
pub const PATH_MAX: usize = 62;
/// The most siblings of a message: a block has at most [`BLOCK_MESSAGES_MAX`].
pub const SIBLINGS_MAX: usize = BLOCK_MESSAGES_MAX.ilog2() as usize;
/// More than the bytes of any receipt before its chain proof.
pub const HEAD_BYTES_MAX: usize = 16 << 10;
/// The most bytes of a receipt.
pub const RECEIPT_BYTES_MAX: usize = HEAD_BYTES_MAX + PROOF_BYTES_MAX;

/// Shows that a message is in a block of a proven chain; whether it does is for [`Receipt::verify`] to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The network, whose id follows.
    pub network: Network,
    /// The message.
    pub message: Message,
    /// Its place in the block, from 0.
    pub index: u16,
    /// How many messages the block has.
    pub count: u16,
    /// The hashes beside the message's way up to the messages root, from the bottom.
    pub siblings: Vec<Hash>,
    /// The block's header.
    pub header: Header,
    /// The block's extra.
    pub extra: u64,
    /// The block's author.
    pub author: PublicKey,
    /// The author's signature.
    pub signature: Signature,
    /// The records beside the block's way up to the peak over it, from the bottom.
    pub path: Vec<Record>,
    /// The proof of the chain that the block is in.
    pub chain: Vec<u8>,
}

impl Receipt {
    /// The receipt of the message at `index` of a block, given the siblings of the block's record ([`crate::history::siblings`])
    /// in the range up to and with the tip that `chain` proves. None when the block has no such message.
    pub fn new(
        network: &Network,
        block: &Block,
        index: usize,
        path: Vec<Record>,
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

    /// Its bytes, as `PROTOCOL.md` lays them out.
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

    /// Reads a receipt; what its parts show is not yet known.
    ///
    /// # Errors
    /// Bytes that are not laid out as a receipt.
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
        let path = (0..path).map(|_| Record::read(&mut reader)).collect::<Result<_, _>>()?;
        let chain = reader.take("chain proof", reader.left())?.to_vec();
        Ok(Self { network, message, index, count, siblings, header, extra, author, signature, path, chain })
    }
}

/// How many siblings a message at a place has, if a block can have such a place.
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
