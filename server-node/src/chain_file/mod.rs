//! Files that hold a chain: backups, and the exported text. Reading and verifying one takes only
//! the file.
//!
//! | file | contents |
//! | --- | --- |
//! | [`backup`] | the layout of a backup, and its reader and writer |
//! | [`key_file`] | the key files of a data folder |
//! | [`text`] | the exported text |
//! | [`verifier`] | verifies a chain block by block, by every rule |
//! | [`import`] | moves a verified chain into a store |

pub mod backup;
pub mod import;
pub mod key_file;
pub mod text;
pub mod verifier;

use std::io::BufRead;

use anyhow::Context;
use plexus_core::primitives::block::Block;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::params::Network;

use self::backup::BackupReader;
use self::key_file::KeyFile;
use self::text::Lines;

/// A chain that is read from a file, block by block.
#[derive(Debug)]
pub enum ChainReader<R> {
    /// A backup.
    Backup(Box<BackupReader<R>>),
    /// An exported text, with the network on its first line.
    Text(Box<(Lines<R>, Network)>),
}

impl<R: BufRead> ChainReader<R> {
    /// Reads the beginning of a file, and finds out which kind it is.
    ///
    /// # Errors
    /// The file is neither, is of another version, or breaks off.
    pub fn new(mut reader: R) -> anyhow::Result<Self> {
        let begin = reader.fill_buf().context("cannot read the file")?;
        if begin.first() == backup::MAGIC.first() {
            return Ok(Self::Backup(Box::new(BackupReader::new(reader)?)));
        }
        anyhow::ensure!(
            begin.first() == Some(&b'{'),
            "this is neither a backup (`plexus backup`) nor an exported chain (`plexus chain --export`)"
        );
        let mut lines = Lines::new(reader);
        let network = lines.network()?;
        Ok(Self::Text(Box::new((lines, network))))
    }

    /// Returns the chain's network.
    pub fn network(&self) -> &Network {
        match self {
            Self::Backup(backup) => backup.network(),
            Self::Text(text) => &text.1,
        }
    }

    /// Returns the height and hash of the last block, if the file says them at its beginning.
    pub fn tip(&self) -> Option<(u64, Hash)> {
        match self {
            Self::Backup(backup) => Some(backup.tip()),
            Self::Text(..) => None,
        }
    }

    /// Reads the next block, genesis first. Returns `None` at the end, which is checked.
    ///
    /// # Errors
    /// The file is damaged or cut off. The error names the height or the line.
    pub fn block(&mut self) -> anyhow::Result<Option<Block>> {
        match self {
            Self::Backup(backup) => backup.block(),
            Self::Text(text) => text.0.block(),
        }
    }

    /// Returns the key files that were read. They come after the last block.
    pub fn keys(&self) -> &[KeyFile] {
        match self {
            Self::Backup(backup) => backup.keys(),
            Self::Text(..) => &[],
        }
    }
}
