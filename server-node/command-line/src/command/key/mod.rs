//! `plexus key`: the key that signs your messages and blocks, its 24 words, and its passphrase.

use std::path::PathBuf;

use anyhow::{bail, ensure};
use clap::{Args, Subcommand};
use plexus_core::primitives::identity::Identity;
use plexus_core::primitives::key::PublicKey;
use plexus_core::primitives::mnemonic::PATH;
use plexus_node::keystore::{self, Keystore};
use serde_json::json;
use zeroize::Zeroizing;

use super::data_dir::FolderSource;
use super::passphrase::{self, PassphraseSource};
use super::{WrongUse, table};

mod transfer;

#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Create a new key and print its 24 words. Write them down: they restore the key on any
    /// machine
    New {
        #[command(flatten)]
        keeping: Keeping,
    },
    /// Print the key and its 24 words
    Show {
        #[command(flatten)]
        place: FolderSource,
        #[command(flatten)]
        passphrase: PassphraseSource,
        /// Print the public key only
        #[arg(long)]
        public: bool,
    },
    /// Restore a key from its 24 words, typed when asked for or given on standard input
    Restore {
        #[command(flatten)]
        keeping: Keeping,
        #[arg(value_name = "WORD", hide = true)]
        words: Vec<String>,
    },
    /// Encrypt the key in the data folder under a passphrase
    Encrypt {
        #[command(flatten)]
        place: FolderSource,
        #[command(flatten)]
        passphrase: PassphraseSource,
    },
    /// Store the key unencrypted again
    Decrypt {
        #[command(flatten)]
        place: FolderSource,
        #[command(flatten)]
        passphrase: PassphraseSource,
    },
    /// Change the passphrase of an encrypted key
    Passphrase {
        #[command(flatten)]
        place: FolderSource,
        #[command(flatten)]
        passphrase: PassphraseSource,
        /// Read the new passphrase from this file [default: ask for it]
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
    /// Write the key as an encrypted file, for another node
    Export(transfer::ExportArgs),
    /// Store a key from an encrypted file that a node exported
    Import(transfer::ImportArgs),
}

/// Returns the keys of a data folder.
fn keystore(place: &FolderSource) -> anyhow::Result<Keystore> {
    Ok(Keystore::new(place.folder()?))
}

/// The place and form in which a new key is stored.
#[derive(Debug, Args)]
struct Keeping {
    #[command(flatten)]
    place: FolderSource,
    #[command(flatten)]
    passphrase: PassphraseSource,
    /// Encrypt the key under a passphrase
    #[arg(long)]
    encrypt: bool,
    /// Replace an existing key, and keep it as author.key.1
    #[arg(long)]
    force: bool,
}

impl Keeping {
    fn store(&self, identity: &Identity) -> anyhow::Result<()> {
        let keystore = keystore(&self.place)?;
        // Before a passphrase is asked for.
        if !self.force && keystore.author_path().exists() {
            return Err(keystore::KeystoreError::Exists { path: keystore.author_path() }.into());
        }
        let passphrase = if self.encrypt { Some(self.passphrase.chosen()?) } else { None };
        let copy = keystore.store(identity, passphrase.as_ref().map(|text| text.as_str()), self.force)?;
        tell_of_copy(copy);
        Ok(())
    }

    fn shown(&self, identity: &Identity, shows_words: bool) -> anyhow::Result<()> {
        let words = shows_words.then(|| identity.words());
        show(&self.place, identity.public(), self.encrypt, words)
    }
}

fn tell_of_copy(copy: Option<PathBuf>) {
    if let Some(path) = copy {
        eprintln!("The key that was there is now in {}", path.display());
    }
}

/// Runs the command.
pub(super) fn run(arguments: KeyArgs) -> anyhow::Result<()> {
    match arguments.verb {
        Verb::New { keeping } => {
            let identity = keystore::new_identity()?;
            keeping.store(&identity)?;
            keeping.shown(&identity, true)
        }
        Verb::Show { place, passphrase, public } => {
            let stored = keystore(&place)?.existing_author()?;
            let is_encrypted = stored.is_encrypted();
            if public {
                return show(&place, stored.public(), is_encrypted, None);
            }
            let identity = passphrase.open(stored)?;
            show(&place, identity.public(), is_encrypted, Some(identity.words()))
        }
        Verb::Restore { keeping, words } => restore(&keeping, words),
        Verb::Encrypt { place, passphrase } => encrypt(&place, &passphrase),
        Verb::Decrypt { place, passphrase } => decrypt(&place, &passphrase),
        Verb::Passphrase { place, passphrase, new_passphrase_file } => {
            let keystore = keystore(&place)?;
            let stored = keystore.existing_author()?;
            let path = keystore.author_path();
            ensure!(
                stored.is_encrypted(),
                "{} is not encrypted: `plexus key encrypt` encrypts it",
                path.display()
            );
            let identity = passphrase.open(stored)?;
            let new = passphrase::chosen(new_passphrase_file.as_deref(), "--new-passphrase-file FILE")?;
            keystore.rewrite(&identity, Some(&new))?;
            show(&place, identity.public(), true, None)
        }
        Verb::Export(arguments) => transfer::export(&arguments),
        Verb::Import(arguments) => transfer::import(&arguments),
    }
}

fn restore(keeping: &Keeping, arguments: Vec<String>) -> anyhow::Result<()> {
    if !arguments.is_empty() {
        // They may be a part of the words.
        drop(arguments.into_iter().map(Zeroizing::new).collect::<Vec<_>>());
        let reason = "words are not taken as arguments, which other users and the shell's history can see: \
                      run `plexus key restore` and type them when asked, or give them on standard input";
        return Err(WrongUse(reason.to_owned()).into());
    }
    let identity = Identity::from_words(&passphrase::words()?)?;
    keeping.store(&identity)?;
    keeping.shown(&identity, false)
}

fn encrypt(place: &FolderSource, passphrase: &PassphraseSource) -> anyhow::Result<()> {
    let keystore = keystore(place)?;
    let stored = keystore.existing_author()?;
    if stored.is_encrypted() {
        let path = keystore.author_path();
        bail!("{} is encrypted already: `plexus key passphrase` changes its passphrase", path.display());
    }
    let identity = passphrase.open(stored)?;
    keystore.rewrite(&identity, Some(&passphrase.chosen()?))?;
    show(place, identity.public(), true, None)
}

fn decrypt(place: &FolderSource, passphrase: &PassphraseSource) -> anyhow::Result<()> {
    let keystore = keystore(place)?;
    let stored = keystore.existing_author()?;
    ensure!(stored.is_encrypted(), "{} is not encrypted", keystore.author_path().display());
    let identity = passphrase.open(stored)?;
    keystore.rewrite(&identity, None)?;
    show(place, identity.public(), false, None)
}

fn show(
    place: &FolderSource,
    public: PublicKey,
    is_encrypted: bool,
    words: Option<Zeroizing<String>>,
) -> anyhow::Result<()> {
    let path = keystore(place)?.author_path().display().to_string();
    if place.json {
        let mut value =
            json!({ "public_key": public, "file": path, "path": PATH, "encrypted": is_encrypted });
        if let Some(words) = words {
            value["words"] = words.as_str().into();
        }
        return table::print_json(&value);
    }
    let stored = if is_encrypted { "encrypted" } else { "not encrypted" };
    let mut rows = vec![("public key", public.to_string()), ("file", path), ("stored", stored.to_owned())];
    if let Some(words) = &words {
        let words: Vec<_> = words.split(' ').collect();
        rows.extend(
            words
                .chunks(6)
                .enumerate()
                .map(|(line, words)| (if line == 0 { "words" } else { "" }, words.join(" "))),
        );
    }
    table::print(&table::pairs(&rows))
}
