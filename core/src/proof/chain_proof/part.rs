//! The parts that a proof is written in: a claim, then nodes of the mountain range and headers from left to right.
//!
//! Specified in PROTOCOL.md, "Chain proof: Layout".
//!
//! A value that follows from the parts to the left is not written, so it cannot be wrong either. These are a header's height, bits and
//! history root, its prev_hash where its parent is a part of its own, and the work of a node over one header.

use crate::primitives::block::{Block, Header, VERSION, content_root};
use crate::primitives::encoding::{DecodeError, Reader, put_varint};
use crate::primitives::hash::Hash;
use crate::primitives::mmr::{MmrNode, Position};
use crate::primitives::pow::{Bits, Target, Work};
use crate::primitives::time::Timestamp;

/// A claim's size in bytes.
pub(super) const CLAIM_BYTES: usize = 108;

/// The claim of a proof. It decides which points the proof has to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// The network's id.
    pub(super) network: Hash,
    /// The tip's hash.
    pub(super) tip: Hash,
    /// The tip's height.
    pub(super) height: u64,
    /// The work of all headers below the tail.
    pub(super) below: Work,
    /// The work of the tail.
    pub(super) tail: Work,
    /// The tip's bits.
    pub(super) bits: Bits,
}

impl Claim {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.network.as_bytes());
        out.extend_from_slice(self.tip.as_bytes());
        out.extend_from_slice(&self.height.to_be_bytes());
        out.extend_from_slice(&self.below.hashes().to_be_bytes());
        out.extend_from_slice(&self.tail.hashes().to_be_bytes());
        out.extend_from_slice(&self.bits.to_u32().to_be_bytes());
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            network: Hash::from_bytes(reader.array("proof network")?),
            tip: Hash::from_bytes(reader.array("proof tip")?),
            height: reader.u64("proof height")?,
            below: Work::from_hashes(reader.u128("proof work below the tail")?),
            tail: Work::from_hashes(reader.u128("proof work of the tail")?),
            bits: Bits::from_u32(reader.u32("proof bits")?),
        })
    }
}

/// A header, and the parts of its content root other than the history below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The header.
    pub header: Header,
    /// The root of the block's body.
    pub body_root: Hash,
    /// The block's extra.
    pub extra: u64,
}

impl Opened {
    /// Returns what a proof shows of a block.
    pub fn of(block: &Block) -> Self {
        let body_root = block.body_root(&block.messages_root());
        Self { header: block.header, body_root, extra: block.extra }
    }
}

/// The newest header to the left of the next part, which is read and written relative to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) time: Timestamp,
    pub(super) bits: Bits,
    /// Its hash, if it is a part of its own.
    pub(super) hash: Option<Hash>,
}

impl Edge {
    /// The edge of a part over one header or more.
    pub(super) fn of(level: u32, record: &MmrNode) -> Self {
        let hash = (level == 0).then_some(record.hash);
        Self { time: record.time, bits: record.bits, hash }
    }

    /// hash ‖ work (over several headers) ‖ time since the edge ‖ bits.
    pub(super) fn write_node(&self, out: &mut Vec<u8>, level: u32, record: &MmrNode) {
        out.extend_from_slice(record.hash.as_bytes());
        if level > 0 {
            put_varint(out, record.work.hashes());
        }
        self.write_time(out, record.time);
        out.extend_from_slice(&record.bits.to_u32().to_be_bytes());
    }

    pub(super) fn read_node(
        &self,
        reader: &mut Reader<'_>,
        position: Position,
    ) -> Result<MmrNode, DecodeError> {
        let hash = Hash::from_bytes(reader.array("node hash")?);
        let sum = if position.level > 0 { Some(reader.varint("node work", u128::MAX)?) } else { None };
        let time = self.read_time(reader, "node time")?;
        let bits = Bits::from_u32(reader.u32("node bits")?);
        let alone = bits.target().map_or(Work::ZERO, Target::work);
        Ok(MmrNode { hash, work: sum.map_or(alone, Work::from_hashes), time, bits })
    }

    /// prev_hash (unless the edge has it) ‖ body root ‖ extra ‖ time since the edge ‖ nonce.
    pub(super) fn write_header(&self, out: &mut Vec<u8>, opened: &Opened) {
        if self.hash.is_none() {
            out.extend_from_slice(opened.header.prev_hash.as_bytes());
        }
        out.extend_from_slice(opened.body_root.as_bytes());
        put_varint(out, opened.extra.into());
        self.write_time(out, opened.header.time);
        out.extend_from_slice(&opened.header.nonce.to_be_bytes());
    }

    /// The header at `height` above the history with this root; `bits` says which ones follow at its time.
    pub(super) fn read_header(
        &self,
        reader: &mut Reader<'_>,
        height: u64,
        history_root: &Hash,
        bits: impl FnOnce(Timestamp) -> Bits,
    ) -> Result<Header, DecodeError> {
        let prev_hash = match self.hash {
            Some(hash) => hash,
            None => Hash::from_bytes(reader.array("header prev_hash")?),
        };
        let body_root = Hash::from_bytes(reader.array("header body root")?);
        let extra = read_u64(reader, "header extra")?;
        let time = self.read_time(reader, "header time")?;
        let nonce = reader.u64("header nonce")?;
        let content_root = content_root(history_root, &body_root, extra);
        Ok(Header { prev_hash, content_root, version: VERSION, height, time, bits: bits(time), nonce })
    }

    fn write_time(&self, out: &mut Vec<u8>, time: Timestamp) {
        // Times rise along every valid chain; of another the proof is wrong anyway.
        put_varint(out, time.ms_since(self.time).into());
    }

    fn read_time(&self, reader: &mut Reader<'_>, field: &'static str) -> Result<Timestamp, DecodeError> {
        let later = read_u64(reader, field)?;
        let ms = self.time.unix_ms().checked_add(later).ok_or(DecodeError::Value { field })?;
        Ok(Timestamp::from_unix_ms(ms))
    }
}

/// A number of 64 bits in its shortest form.
fn read_u64(reader: &mut Reader<'_>, field: &'static str) -> Result<u64, DecodeError> {
    u64::try_from(reader.varint(field, u64::MAX.into())?).map_err(|_| DecodeError::Value { field })
}
