//! Passphrases and words: typed at a terminal that does not show them, or read from a file that only
//! its owner can read. They are never arguments, which other users and the shell's history can see.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::Args;
use plexus_core::primitives::encrypted_key::{PASSPHRASE_BYTES_MAX, check_passphrase};
use plexus_core::primitives::identity::Identity;
use plexus_core::primitives::key::PHRASE_WORDS;
use plexus_core::primitives::mnemonic::listed;
use plexus_node::keystore::{Keystore, StoredKey};
use plexus_node::private_file;
use zeroize::Zeroizing;

/// The most bytes of words, with their numbers and white space.
const WORDS_BYTES_MAX: usize = 1_024;

/// The source of the passphrase of an encrypted key.
#[derive(Debug, Args)]
pub(super) struct PassphraseSource {
    /// Read the passphrase of an encrypted key from this file, which only its owner may be able to
    /// read [default: ask for it]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseSource {
    /// Returns the passphrase of the key in this file.
    pub(super) fn existing(&self, key: &Path) -> anyhow::Result<Zeroizing<String>> {
        match self.in_file()? {
            Some(passphrase) => Ok(passphrase),
            None => ask(&format!("Passphrase of {}: ", key.display()), "--passphrase-file FILE"),
        }
    }

    /// Returns a passphrase for a key that is to be encrypted. At a terminal it is asked for twice.
    pub(super) fn chosen(&self) -> anyhow::Result<Zeroizing<String>> {
        chosen(self.passphrase_file.as_deref(), "--passphrase-file FILE")
    }

    /// Returns the passphrase in the file. Returns `None` if no file was given.
    pub(super) fn in_file(&self) -> anyhow::Result<Option<Zeroizing<String>>> {
        self.passphrase_file.as_deref().map(read).transpose()
    }

    /// Opens a key. Asks for its passphrase if it is encrypted and no file has it.
    pub(super) fn open(&self, key: StoredKey) -> anyhow::Result<Identity> {
        key.open(|path| self.existing(path))
    }

    /// Returns the author's key of a data folder.
    pub(super) fn author(&self, keystore: &Keystore) -> anyhow::Result<Identity> {
        self.open(keystore.existing_author()?)
    }
}

/// Returns a passphrase for a key that is to be encrypted: from this file, or typed twice. `flag` is
/// the flag that names such a file.
pub(super) fn chosen(file: Option<&Path>, flag: &str) -> anyhow::Result<Zeroizing<String>> {
    if let Some(file) = file {
        return read(file);
    }
    let first = ask("New passphrase, at least 10 characters: ", flag)?;
    check_passphrase(&first)?;
    let second = ask("Repeat the passphrase: ", flag)?;
    ensure!(first == second, "the two passphrases differ: nothing was changed");
    Ok(first)
}

/// Reads a passphrase from a file. The end of its line does not belong to it.
fn read(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    let is_credential =
        std::env::var_os("CREDENTIALS_DIRECTORY").is_some_and(|folder| file.starts_with(folder));
    let read = if is_credential { private_file::read_credential } else { private_file::read };
    // With an end of line.
    let Some(mut text) = read(file, PASSPHRASE_BYTES_MAX + 2)? else {
        bail!("{} does not exist: it should hold the passphrase", file.display())
    };
    let bytes = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(bytes);
    ensure!(!text.is_empty(), "{} is empty: it should hold the passphrase", file.display());
    Ok(text)
}

/// Asks at the terminal, without showing what is typed. `flag` is the way to do without a terminal.
fn ask(prompt: &str, flag: &str) -> anyhow::Result<Zeroizing<String>> {
    // Before the prompt: a fast typist may answer before the line is read.
    let _quiet = quiet::Quiet::new();
    let typed = rpassword::prompt_password(prompt);
    typed.map(Zeroizing::new).map_err(|error| {
        let kind = error.kind();
        if kind == io::ErrorKind::UnexpectedEof {
            anyhow::anyhow!("no passphrase was typed")
        } else if kind == io::ErrorKind::Interrupted {
            anyhow::anyhow!("interrupted")
        } else {
            anyhow::anyhow!("no terminal to ask for the passphrase ({error}): give it with {flag}")
        }
    })
}

/// Returns the words of a key: typed at the terminal if standard input is one, else all of standard
/// input.
pub(super) fn words() -> anyhow::Result<Zeroizing<String>> {
    let stdin = io::stdin();
    if io::IsTerminal::is_terminal(&stdin) {
        return typed_words();
    }
    let text = private_file::read_text(stdin.lock(), WORDS_BYTES_MAX).context("standard input")?;
    text.with_context(|| format!("standard input has over {WORDS_BYTES_MAX} bytes: 24 words are expected"))
}

/// Asks for the words once. They may be on several lines. An empty line ends them as well.
fn typed_words() -> anyhow::Result<Zeroizing<String>> {
    let _quiet = quiet::Quiet::new();
    let mut text = Zeroizing::new(String::with_capacity(WORDS_BYTES_MAX + 1));
    let mut prompt = "The 24 words, on one line or several. They are not shown: ";
    while listed(&text).count() < PHRASE_WORDS {
        let line = match rpassword::prompt_password(prompt) {
            Ok(line) => Zeroizing::new(line),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error).context("the terminal"),
        };
        if line.trim().is_empty() {
            break;
        }
        ensure!(text.len() + line.len() < WORDS_BYTES_MAX, "that is too long: 24 words are expected");
        text.push_str(&line);
        text.push('\n');
        prompt = "";
    }
    Ok(text)
}

#[cfg(unix)]
mod quiet {
    //! Keeps a terminal from showing text that arrives before or between two reads, as a paste does.

    use std::fs::File;

    use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

    /// The terminal shows nothing until this is dropped.
    pub(super) struct Quiet(Option<(File, Termios)>);

    impl Quiet {
        /// Makes the terminal quiet. Without a terminal it does nothing.
        pub(super) fn new() -> Self {
            let silence = || {
                let terminal = File::open("/dev/tty").ok()?;
                let before = tcgetattr(&terminal).ok()?;
                let mut silent = before.clone();
                silent.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL);
                tcsetattr(&terminal, OptionalActions::Now, &silent).ok()?;
                Some((terminal, before))
            };
            Self(silence())
        }
    }

    impl Drop for Quiet {
        fn drop(&mut self) {
            if let Some((terminal, before)) = &self.0 {
                // If the terminal is gone, there is nothing to restore.
                let _ = tcsetattr(terminal, OptionalActions::Now, before);
            }
        }
    }
}

#[cfg(not(unix))]
mod quiet {
    /// Does nothing: reading a line already keeps the terminal quiet.
    pub(super) struct Quiet;

    impl Quiet {
        pub(super) fn new() -> Self {
            Self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_file_holds_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("passphrase");
        assert!(read(&file).unwrap_err().to_string().contains("does not exist"));
        for (text, passphrase) in
            [("correct horse", "correct horse"), (" two  words \r\n", " two  words "), ("x\n", "x")]
        {
            private_file::replace(&file, text).unwrap();
            assert_eq!(*read(&file).unwrap(), passphrase);
        }
        private_file::replace(&file, "\n").unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("is empty"));
        private_file::replace(&file, &"x".repeat(2_000)).unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("too long"));
    }
}
