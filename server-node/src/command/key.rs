//! `plexus key`: the key that signs your messages and blocks, and its 24 words.

use std::io::{IsTerminal, Read};

use anyhow::Context;
use clap::{Args, Subcommand};
use plexus_core::primitives::key::SecretKey;
use plexus_core::primitives::mnemonic::{PATH, Phrase};
use plexus_core::primitives::params::Network;
use plexus_node::keystore::Keystore;
use serde_json::json;
use zeroize::Zeroizing;

use super::{data_dir, table};

/// The most bytes of words read from standard input.
const INPUT_BYTES_MAX: u64 = 4_096;

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
        place: KeyLocation,
        /// Rename an existing key to author.key.1 and put the new one in its place
        #[arg(long)]
        force: bool,
    },
    /// Print the key and its 24 words
    Show {
        #[command(flatten)]
        place: KeyLocation,
        /// Print the public key only
        #[arg(long)]
        public: bool,
    },
    /// Restore a key from its 24 words, given here or on standard input
    Restore {
        #[command(flatten)]
        place: KeyLocation,
        /// Rename an existing key to author.key.1 and put this one in its place
        #[arg(long)]
        force: bool,
        /// The words. If left out, they are read from standard input, which keeps them out of the
        /// shell's history
        #[arg(value_name = "WORD")]
        words: Vec<String>,
    },
}

#[derive(Debug, Args)]
struct KeyLocation {
    #[command(flatten)]
    data: data_dir::DataFolder,
    /// The network whose default folder is used: plexus, dev or a TOML file
    #[arg(long, value_name = "NAME|FILE", default_value = "plexus", value_parser = data_dir::parse_network)]
    network: Network,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl KeyLocation {
    fn keystore(&self) -> anyhow::Result<Keystore> {
        Ok(Keystore::new(self.data.folder(self.network.name())?))
    }

    /// Returns the keystore. With `force`, it moves an existing key aside first.
    fn cleared(&self, force: bool) -> anyhow::Result<Keystore> {
        let keystore = self.keystore()?;
        if force && let Some(path) = keystore.set_aside()? {
            eprintln!("The key that was there is now in {}", path.display());
        }
        Ok(keystore)
    }
}

/// Runs the command.
pub(super) fn run(arguments: KeyArgs) -> anyhow::Result<()> {
    match arguments.verb {
        Verb::New { place, force } => {
            let keystore = place.cleared(force)?;
            show(&keystore, &keystore.create()?, &place, false)
        }
        Verb::Show { place, public } => {
            let keystore = place.keystore()?;
            show(&keystore, &keystore.author()?, &place, public)
        }
        Verb::Restore { place, force, words } => {
            let phrase = read(words)?;
            let keystore = place.cleared(force)?;
            keystore.restore(&phrase)?;
            show(&keystore, &phrase, &place, true)
        }
    }
}

fn read(words: Vec<String>) -> anyhow::Result<Phrase> {
    let mut text = Zeroizing::new(words.join(" "));
    drop(words.into_iter().map(Zeroizing::new).collect::<Vec<_>>());
    if text.is_empty() {
        if std::io::stdin().is_terminal() {
            eprintln!("Type the 24 words, then Enter and Ctrl-D:");
        }
        std::io::stdin().lock().take(INPUT_BYTES_MAX).read_to_string(&mut text).context("standard input")?;
    }
    Ok(text.parse()?)
}

fn show(keystore: &Keystore, phrase: &Phrase, place: &KeyLocation, public_only: bool) -> anyhow::Result<()> {
    let public = SecretKey::from_phrase(phrase)?.public();
    let path = keystore.author_path().display().to_string();
    let words = (!public_only).then(|| Zeroizing::new(phrase.to_string()));
    if place.json {
        let mut value = json!({ "public_key": public, "file": path, "path": PATH });
        if let Some(words) = words {
            value["words"] = words.as_str().into();
        }
        return table::print_json(&value);
    }
    let mut rows = vec![("public key", public.to_string()), ("file", path)];
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
