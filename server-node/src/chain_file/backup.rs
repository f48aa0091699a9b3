//! A backup: the whole best chain of a store, as it was at one moment, and the keys if asked for.
//!
//! ```text
//! file   = "plexus-backup\n" ‖ u16 format ‖ u16 protocol version ‖ 32 bytes network id
//!          ‖ u32 length ‖ the network's parameters as JSON ‖ u64 height ‖ 32 bytes hash of the tip
//!          ‖ record… ‖ end
//! record = u8 kind ‖ u32 length ‖ bytes         kind 1: a block, genesis first
//!                                               kind 2: a key, as u8 length ‖ file name ‖ contents
//! end    = u8 0 ‖ u32 32 ‖ SHA-256 of all bytes before it
//! ```
//!
//! Integers are big-endian. All bytes are covered by the checksum at the end, and all blocks by
//! their hashes, so a damaged or incomplete backup is always noticed.

use std::io::{BufRead, Write};

use anyhow::{Context, bail, ensure};
use plexus_core::primitives::block::{BLOCK_BYTES_MAX, Block};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::params::{Network, Parameters};
use plexus_core::protocol::packet::PROTOCOL_VERSION;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::key_file::{KEY_BYTES_MAX, KEYS_MAX, KeyFile, key_name};
use crate::store::{BLOCKS_MAX, Snapshot};

/// The first bytes of a backup.
pub const MAGIC: &[u8; 14] = b"plexus-backup\n";
/// The layout of a backup.
pub const FORMAT: u16 = 1;
/// The most bytes of the network's parameters.
pub const PARAMETERS_BYTES_MAX: u32 = 64 << 10;

const END: u8 = 0;
const BLOCK: u8 = 1;
const KEY: u8 = 2;

/// The contents of a written backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The height of the last block.
    pub height: u64,
    /// Its hash.
    pub tip: Hash,
    /// The size in bytes.
    pub bytes: u64,
}

/// Writes a backup of a store's snapshot. `step` gets the number of blocks that are written and of
/// all, and returns false to give up. Memory is bounded by a piece of blocks.
///
/// # Errors
/// Old bodies were deleted, the store cannot be read, the output cannot be written, or `step` gives
/// up.
pub fn write(
    view: &Snapshot,
    network: &Network,
    keys: &[KeyFile],
    out: &mut impl Write,
    mut step: impl FnMut(u64, u64) -> bool,
) -> anyhow::Result<Written> {
    check_whole(view.kept_from()?)?;
    let tip = view.tip()?;
    let mut out = Hashing { out, hasher: Sha256::new(), bytes: 0 };
    out.write_all(MAGIC)?;
    out.write_all(&FORMAT.to_be_bytes())?;
    out.write_all(&PROTOCOL_VERSION.to_be_bytes())?;
    out.write_all(network.id().as_bytes())?;
    let parameters = serde_json::to_vec(network.parameters())?;
    out.write_all(&u32::try_from(parameters.len())?.to_be_bytes())?;
    out.write_all(&parameters)?;
    out.write_all(&tip.height.to_be_bytes())?;
    out.write_all(tip.hash.as_bytes())?;
    let mut height = 0;
    while height <= tip.height {
        for stored in view.blocks(height, BLOCKS_MAX)? {
            record(&mut out, BLOCK, &[&stored.block])?;
            height += 1;
        }
        ensure!(step(height, tip.height + 1), "the backup was given up, because the node is stopping");
    }
    for key in keys {
        let length = [u8::try_from(key.name.len()).unwrap_or(u8::MAX)];
        record(&mut out, KEY, &[&length, key.name.as_bytes(), &key.contents])?;
    }
    let checksum = out.hasher.clone().finalize();
    record(&mut out, END, &[&checksum])?;
    out.flush()?;
    Ok(Written { height: tip.height, tip: tip.hash, bytes: out.bytes })
}

/// Fails if the bodies below a height were deleted. A backup has every block.
///
/// # Errors
/// The height is above that of the first block after genesis.
pub fn check_whole(kept_from: u64) -> anyhow::Result<()> {
    ensure!(
        kept_from <= 1,
        "the bodies of the blocks from 1 to {} were deleted here, and a backup has every block: back up an archive \
         node; `plexus key export` writes your key",
        kept_from - 1
    );
    Ok(())
}

fn record(out: &mut impl Write, kind: u8, parts: &[&[u8]]) -> anyhow::Result<()> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    out.write_all(&[kind])?;
    out.write_all(&u32::try_from(length)?.to_be_bytes())?;
    for part in parts {
        out.write_all(part)?;
    }
    Ok(())
}

/// A writer that keeps the checksum of all that passes.
struct Hashing<'a, W> {
    out: &'a mut W,
    hasher: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// A backup that is read.
#[derive(Debug)]
pub struct BackupReader<R> {
    reader: R,
    hasher: Sha256,
    network: Network,
    tip: (u64, Hash),
    /// The number of blocks that were read.
    blocks: u64,
    last: Hash,
    keys: Vec<KeyFile>,
    is_complete: bool,
}

impl<R: BufRead> BackupReader<R> {
    /// Reads the head of a backup.
    ///
    /// # Errors
    /// The file is not a backup, of another format or protocol version, damaged or cut off.
    pub fn new(reader: R) -> anyhow::Result<Self> {
        let network = Network::plexus();
        let (hasher, tip, last) = (Sha256::new(), (0, Hash::ZERO), Hash::ZERO);
        let mut backup =
            Self { reader, hasher, network, tip, blocks: 0, last, keys: Vec::new(), is_complete: false };
        backup.head().context("the backup is damaged at its beginning, or not a backup")?;
        Ok(backup)
    }

    fn head(&mut self) -> anyhow::Result<()> {
        ensure!(self.array::<14>()? == *MAGIC, "the first bytes are not those of a backup");
        let format = u16::from_be_bytes(self.array()?);
        ensure!(format == FORMAT, "the backup has format {format}, this program reads {FORMAT}");
        let version = u16::from_be_bytes(self.array()?);
        ensure!(
            version == PROTOCOL_VERSION,
            "the backup is of protocol version {version}, this program has {PROTOCOL_VERSION}: nothing is converted"
        );
        let id = Hash::from_bytes(self.array()?);
        let length = u32::from_be_bytes(self.array()?);
        ensure!(length <= PARAMETERS_BYTES_MAX, "the network's parameters have {length} bytes");
        let parameters = self.bytes(length)?;
        let parameters: Parameters =
            serde_json::from_slice(&parameters).context("not a network's parameters")?;
        self.network = Network::new(parameters).context("not a network")?;
        let found = *self.network.id();
        ensure!(found == id, "the parameters are of network {found}, the backup says {id}");
        self.tip = (u64::from_be_bytes(self.array()?), Hash::from_bytes(self.array()?));
        Ok(())
    }

    /// Returns the chain's network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Returns the height and hash of the last block.
    pub fn tip(&self) -> (u64, Hash) {
        self.tip
    }

    /// Returns the reader that the backup was read from.
    pub fn into_inner(self) -> R {
        self.reader
    }

    /// Returns the key files that were read.
    pub fn keys(&self) -> &[KeyFile] {
        &self.keys
    }

    /// Reads the next block. Returns `None` at the end of a complete and undamaged backup.
    ///
    /// # Errors
    /// The backup is damaged or cut off. The error names the height.
    pub fn block(&mut self) -> anyhow::Result<Option<Block>> {
        let at = self.blocks;
        self.next_block().with_context(|| match at > self.tip.0 {
            true => format!("the backup is damaged after its last block, {}", self.tip.0),
            false => format!("the backup is damaged or cut off at block {at} of {}", self.tip.0),
        })
    }

    fn next_block(&mut self) -> anyhow::Result<Option<Block>> {
        while !self.is_complete {
            let checksum = self.hasher.clone().finalize();
            let [kind] = self.array()?;
            let length = u32::from_be_bytes(self.array()?);
            match kind {
                BLOCK if self.blocks <= self.tip.0 => {
                    ensure!(length as usize <= BLOCK_BYTES_MAX, "a block of {length} bytes is too large");
                    let block = Block::decode(&self.bytes(length)?)?;
                    (self.last, self.blocks) = (block.header.hash(), self.blocks + 1);
                    return Ok(Some(block));
                }
                KEY if self.blocks > self.tip.0 && self.keys.len() < KEYS_MAX => {
                    ensure!(u64::from(length) <= KEY_BYTES_MAX + 256, "a key of {length} bytes is too large");
                    let bytes = Zeroizing::new(self.bytes(length)?);
                    let parts = bytes.split_first().map(|(length, rest)| (usize::from(*length), rest));
                    let parts = parts.and_then(|(length, rest)| rest.split_at_checked(length));
                    let (name, contents) = parts.context("a key without a name")?;
                    let name = key_name(name).context("a key of another name than expected")?;
                    self.keys.push(KeyFile { name, contents: Zeroizing::new(contents.to_vec()) });
                }
                END if length == 32 => {
                    let found = self.array::<32>()?;
                    ensure!(
                        found.as_slice() == checksum.as_slice(),
                        "the checksum is {}, expected {}",
                        hex::encode(checksum),
                        hex::encode(found)
                    );
                    ensure!(
                        (self.blocks, self.last) == (self.tip.0.saturating_add(1), self.tip.1),
                        "it ends in another block than it says"
                    );
                    self.is_complete = true;
                }
                _ => bail!("an unexpected record of kind {kind} and {length} bytes"),
            }
        }
        Ok(None)
    }

    fn array<const LENGTH: usize>(&mut self) -> anyhow::Result<[u8; LENGTH]> {
        let mut bytes = [0; LENGTH];
        self.reader.read_exact(&mut bytes)?;
        self.hasher.update(bytes);
        Ok(bytes)
    }

    /// Reads this number of bytes. The caller has checked that it is small.
    fn bytes(&mut self, length: u32) -> anyhow::Result<Vec<u8>> {
        let mut bytes = vec![0; length as usize];
        self.reader.read_exact(&mut bytes)?;
        self.hasher.update(&bytes);
        Ok(bytes)
    }
}
