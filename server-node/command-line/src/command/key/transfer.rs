//! `plexus key export` and `plexus key import`: keys as encrypted files. The page encrypts its keys in
//! the same way.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use plexus_core::primitives::key_file::{KEY_FILE_BYTES_MAX, KeyFile};
use plexus_node::keystore::{self, KeystoreError, StoredKey};
use plexus_node::private_file::{self, PrivateFileError};

use super::{PassphraseSource, show, tell_of_copy};
use crate::command::data_dir::FolderSource;
use crate::command::table;

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    place: FolderSource,
    #[command(flatten)]
    passphrase: PassphraseSource,
    /// Write to this file [default: standard output]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    #[command(flatten)]
    place: FolderSource,
    #[command(flatten)]
    passphrase: PassphraseSource,
    /// Replace an existing key, and keep it as author.key.1
    #[arg(long)]
    force: bool,
    /// The file, or - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Writes the key. An encrypted one keeps its passphrase, and for any other one a passphrase is
/// chosen.
pub(super) fn export(arguments: &ExportArgs) -> anyhow::Result<()> {
    let stored = super::keystore(&arguments.place)?.existing_author()?;
    // Before a passphrase is asked for.
    if let Some(path) = arguments.file.as_deref().filter(|path| path.exists()) {
        bail!("{} exists already: name another file", path.display());
    }
    let file = match stored {
        StoredKey::Encrypted { file, .. } => *file,
        StoredKey::Words(identity) => keystore::encrypt(&identity, &arguments.passphrase.chosen()?)?,
    };
    let text = keystore::text_of(&file);
    match &arguments.file {
        None => table::print(text.trim_end()),
        Some(path) => match private_file::create(path, &text) {
            Err(PrivateFileError::Exists { .. }) => {
                bail!("{} exists already: name another file", path.display())
            }
            written => Ok(written?),
        },
    }
}

/// Stores a key under the passphrase that it has, after checking that the passphrase opens it.
pub(super) fn import(arguments: &ImportArgs) -> anyhow::Result<()> {
    let file = read(&arguments.file)?;
    let keystore = super::keystore(&arguments.place)?;
    if !arguments.force && keystore.author_path().exists() {
        return Err(KeystoreError::Exists { path: keystore.author_path() }.into());
    }
    let path = arguments.file.clone();
    let identity = arguments.passphrase.open(StoredKey::Encrypted { path, file: Box::new(file.clone()) })?;
    tell_of_copy(keystore.store_file(&file, arguments.force)?);
    show(&arguments.place, identity.public(), true, None)
}

fn read(path: &Path) -> anyhow::Result<KeyFile> {
    let (name, text) = if path == Path::new("-") {
        ("standard input".to_owned(), private_file::read_text(io::stdin().lock(), KEY_FILE_BYTES_MAX))
    } else {
        let text =
            std::fs::File::open(path).and_then(|file| private_file::read_text(file, KEY_FILE_BYTES_MAX));
        (path.display().to_string(), text)
    };
    let text = text.with_context(|| name.clone())?;
    let Some(text) = text else {
        bail!("{name} is too long for a key file: over {KEY_FILE_BYTES_MAX} bytes")
    };
    serde_json::from_str(&text).with_context(|| format!("{name} is not a key file"))
}
