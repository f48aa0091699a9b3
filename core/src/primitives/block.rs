//! Blocks: a header that is mined, and the body that it commits to.
//!
//! Specified in PROTOCOL.md, "Header" and PROTOCOL.md, "Block".

use std::sync::Arc;

use crate::primitives::encoding::{DecodeError, Reader};
use crate::primitives::hash::{Hash, Tag, tagged};
use crate::primitives::key::{PublicKey, SecretKey, Signature};
use crate::primitives::merkle;
use crate::primitives::message::{MESSAGE_BYTES_MIN, Message};
use crate::primitives::mmr::MmrNode;
use crate::primitives::pow::{Bits, Work};
use crate::primitives::time::Timestamp;

/// A header's size in bytes.
pub const HEADER_BYTES: usize = 96;
/// The only header version. How it is to change: PROTOCOL.md, "Changing the rules".
pub const VERSION: u32 = 2;
/// The most bytes of an encoded block in any network.
pub const BLOCK_BYTES_MAX: usize = 1 << 20;
/// The most messages of a block in any network.
pub const BLOCK_MESSAGES_MAX: usize = 4_096;
/// An encoded block without messages, in bytes.
pub const BLOCK_BYTES_MIN: usize = HEADER_BYTES + 8 + 33 + 64 + 4;

/// A block's header: all the bytes that are hashed when mining.
///
/// The first 64 of its 96 bytes are one SHA-256 block, constant while nonces are searched.
///
/// ```
/// use plexus_core::{Header, Network};
///
/// let network = Network::dev();
/// let genesis = *network.genesis();
/// assert_eq!(genesis.hash(), *network.id());
/// assert_eq!(Header::decode(&genesis.encode()), Ok(genesis));
/// let other = Header { nonce: 1, ..genesis };
/// assert_ne!(other.hash(), genesis.hash(), "every bit is hashed");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The parent's hash.
    pub prev_hash: Hash,
    /// Commits to the earlier headers, the body and `extra`.
    pub content_root: Hash,
    /// The layout's version: [`VERSION`].
    pub version: u32,
    /// The number of blocks below it.
    pub height: u64,
    /// When it was mined, by its miner's clock.
    pub time: Timestamp,
    /// The target in compact form.
    pub bits: Bits,
    /// The number that the miner searched for.
    pub nonce: u64,
}

impl Header {
    /// Returns its 96 bytes.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[..32].copy_from_slice(self.prev_hash.as_bytes());
        out[32..64].copy_from_slice(self.content_root.as_bytes());
        out[64..68].copy_from_slice(&self.version.to_be_bytes());
        out[68..76].copy_from_slice(&self.height.to_be_bytes());
        out[76..84].copy_from_slice(&self.time.unix_ms().to_be_bytes());
        out[84..88].copy_from_slice(&self.bits.to_u32().to_be_bytes());
        out[88..].copy_from_slice(&self.nonce.to_be_bytes());
        out
    }

    /// Reads exactly one header.
    ///
    /// # Errors
    /// The input is not exactly 96 bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let header = Self::read(&mut reader)?;
        reader.end()?;
        Ok(header)
    }

    /// Reads a header at the reader's position.
    ///
    /// # Errors
    /// Too few bytes.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            prev_hash: Hash::from_bytes(reader.array("header prev_hash")?),
            content_root: Hash::from_bytes(reader.array("header content_root")?),
            version: reader.u32("header version")?,
            height: reader.u64("header height")?,
            time: Timestamp::from_unix_ms(reader.u64("header time")?),
            bits: Bits::from_u32(reader.u32("header bits")?),
            nonce: reader.u64("header nonce")?,
        })
    }

    /// Returns the block's hash: one SHA-256 over the 96 bytes.
    pub fn hash(&self) -> Hash {
        Hash::of(&self.encode())
    }

    /// Returns the work that its bits represent. It is zero for a genesis header, which is not
    /// mined.
    pub fn work(&self) -> Work {
        if self.height == 0 {
            return Work::ZERO;
        }
        self.bits.target().map_or(Work::ZERO, crate::primitives::pow::Target::work)
    }

    /// Returns its leaf in the MMR.
    pub fn record(&self, hash: Hash) -> MmrNode {
        MmrNode { hash, work: self.work(), time: self.time, bits: self.bits }
    }
}

/// A block: its header, its author's signature and the messages.
///
/// ```
/// # use plexus_core::SecretKey;
/// use plexus_core::mining::search::grind;
/// use plexus_core::primitives::mmr::Mmr;
/// use plexus_core::{Block, Network};
///
/// let (network, miner) = (Network::dev(), SecretKey::from_bytes(&[7; 32]).unwrap());
/// let mut block = network.genesis_block();
/// block.header.prev_hash = *network.id();
/// block.header.height = 1;
/// // The author signs the block before it is mined.
/// let history = Mmr::default().append(network.genesis().record(*network.id()));
/// block.seal(&miner, network.id(), &history.root());
/// block.header.nonce = grind(&block.header, 1 << 20).unwrap();
/// assert!(network.limit().is_met_by(&block.header.hash()));
/// assert_eq!(Block::decode(&block.encode()), Ok(block));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The header, which is mined.
    pub header: Header,
    /// A number that the miner varies freely.
    pub extra: u64,
    /// The miner's key.
    pub author: PublicKey,
    /// The author's signature of [`Block::digest`].
    pub signature: Signature,
    /// The messages, shared with the mempool that they came from.
    pub messages: Vec<Arc<Message>>,
}

impl Block {
    /// Returns the Merkle root of its messages.
    pub fn messages_root(&self) -> Hash {
        let leaves: Vec<_> = self.messages.iter().map(|message| merkle::leaf(&message.encode())).collect();
        merkle::root(&leaves)
    }

    /// Returns the digest that the author signs.
    pub fn digest(&self, network: &Hash, history_root: &Hash, messages_root: &Hash) -> Hash {
        digest(network, &self.header, history_root, messages_root)
    }

    /// Returns the commitment to author, signature and messages.
    pub fn body_root(&self, messages_root: &Hash) -> Hash {
        let count = u32::try_from(self.messages.len()).unwrap_or(u32::MAX);
        body_root(&self.author, &self.signature, count, messages_root)
    }

    /// Signs the block and sets its content root. Then everything except time, bits, nonce and
    /// extra is final. Returns the body root, from which the content root for another extra
    /// follows.
    pub fn seal(&mut self, secret: &SecretKey, network: &Hash, history_root: &Hash) -> Hash {
        let messages_root = self.messages_root();
        self.author = secret.public();
        self.signature = secret.sign(&self.digest(network, history_root, &messages_root));
        let body_root = self.body_root(&messages_root);
        self.header.content_root = content_root(history_root, &body_root, self.extra);
        body_root
    }

    /// Returns its encoded size in bytes.
    pub fn size(&self) -> usize {
        BLOCK_BYTES_MIN + self.messages.iter().map(|message| message.size()).sum::<usize>()
    }

    /// Returns its encoding: header ‖ extra ‖ author ‖ signature ‖ u32 count ‖ messages.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size());
        out.extend_from_slice(&self.header.encode());
        out.extend_from_slice(&self.extra.to_be_bytes());
        out.extend_from_slice(self.author.as_bytes());
        out.extend_from_slice(self.signature.as_bytes());
        let count = u32::try_from(self.messages.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&count.to_be_bytes());
        for message in &self.messages {
            message.encode_to(&mut out);
        }
        out
    }

    /// Reads exactly one block.
    ///
    /// # Errors
    /// Over [`BLOCK_BYTES_MAX`] bytes or [`BLOCK_MESSAGES_MAX`] messages, or bytes that are not
    /// exactly one block.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_within(bytes, BLOCK_BYTES_MAX, BLOCK_MESSAGES_MAX)
    }

    /// Reads exactly one block within a network's own caps. PROTOCOL.md, "Rules: encoding".
    ///
    /// # Errors
    /// Over `bytes_max` bytes or `messages_max` messages, or bytes that are not exactly one block.
    pub fn decode_within(bytes: &[u8], bytes_max: usize, messages_max: usize) -> Result<Self, DecodeError> {
        if bytes.len() > bytes_max {
            let (min, max) = (BLOCK_BYTES_MIN, bytes_max);
            return Err(DecodeError::Size { field: "block", min, max, found: bytes.len() });
        }
        let mut reader = Reader::new(bytes);
        let header = Header::read(&mut reader)?;
        let extra = reader.u64("block extra")?;
        let author = PublicKey::from_bytes(reader.array("block author")?);
        let signature = Signature::from_bytes(reader.array("block signature")?);
        let found = usize::try_from(reader.u32("block message count")?).unwrap_or(usize::MAX);
        if found > messages_max {
            let (field, max) = ("block message count", messages_max);
            return Err(DecodeError::Size { field, min: 0, max, found });
        }
        let (needed, left) = (found.saturating_mul(MESSAGE_BYTES_MIN), reader.left());
        if needed > left {
            return Err(DecodeError::Short { field: "block messages", needed, left });
        }
        let mut messages = Vec::with_capacity(found);
        for _ in 0..found {
            messages.push(Arc::new(Message::read(&mut reader)?));
        }
        reader.end()?;
        Ok(Self { header, extra, author, signature, messages })
    }
}

/// Returns the digest that a block's author signs. Of the header, only the parent's hash and the
/// height are included.
pub fn digest(network: &Hash, header: &Header, history_root: &Hash, messages_root: &Hash) -> Hash {
    tagged(
        Tag::Block,
        &[
            network.as_bytes(),
            header.prev_hash.as_bytes(),
            &header.height.to_be_bytes(),
            history_root.as_bytes(),
            messages_root.as_bytes(),
        ],
    )
}

/// Returns the commitment to a body: its author, the author's signature, and the root over `count`
/// messages.
pub fn body_root(author: &PublicKey, signature: &Signature, count: u32, messages_root: &Hash) -> Hash {
    tagged(
        Tag::Body,
        &[author.as_bytes(), signature.as_bytes(), &count.to_be_bytes(), messages_root.as_bytes()],
    )
}

/// Returns the commitment in a header: to the earlier headers, the body, and the miner's free
/// number.
pub fn content_root(history_root: &Hash, body_root: &Hash, extra: u64) -> Hash {
    tagged(Tag::Content, &[history_root.as_bytes(), body_root.as_bytes(), &extra.to_be_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::message::tests::message;

    fn block() -> Block {
        let header = Header {
            prev_hash: Hash::of(b"parent"),
            content_root: Hash::ZERO,
            version: VERSION,
            height: 7,
            time: Timestamp::from_unix_ms(1_000),
            bits: Bits::from_u32(0x2001_0000),
            nonce: 9,
        };
        let messages = (0..3).map(|n| Arc::new(message(7, &format!("text {n}"), n))).collect();
        let mut block =
            Block { header, extra: 4, author: PublicKey::NOBODY, signature: Signature::NONE, messages };
        block.seal(&SecretKey::from_bytes(&[9; 32]).unwrap(), &Hash::ZERO, &Hash::of(b"history"));
        block
    }

    #[test]
    fn the_header_is_laid_out_as_specified() {
        let bytes = block().header.encode();
        assert_eq!(
            bytes[64..],
            hex::decode("00000002000000000000000700000000000003e8200100000000000000000009").unwrap()
        );
    }

    #[test]
    fn round_trips_and_no_prefix_decodes() {
        let (block, bytes) = (block(), block().encode());
        assert_eq!(bytes.len(), block.size());
        assert_eq!(Block::decode(&bytes), Ok(block));
        for end in 0..bytes.len() {
            assert!(Block::decode(&bytes[..end]).is_err());
        }
        assert!(Block::decode(&vec![0; BLOCK_BYTES_MAX + 1]).is_err());
    }

    #[test]
    fn a_count_over_the_cap_is_refused_before_it_is_allocated() {
        let mut bytes = block().encode();
        bytes[BLOCK_BYTES_MIN - 4..BLOCK_BYTES_MIN].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(matches!(Block::decode(&bytes), Err(DecodeError::Size { field: "block message count", .. })));
    }

    #[test]
    fn a_sealed_block_is_signed_by_its_author() {
        let (block, history) = (block(), Hash::of(b"history"));
        let digest = block.digest(&Hash::ZERO, &history, &block.messages_root());
        assert!(block.author.verifies(&digest, &block.signature));
    }
}
