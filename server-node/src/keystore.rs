//! The keys in a node's data folder: its identity for peers, and the key that signs its blocks and
//! messages.
//!
//! `node.key` holds 32 bytes in hex. `author.key` holds the 24 words that restore the author's key on
//! any machine, or a [`KeyFile`] in which they are encrypted under a passphrase. Both are made from the
//! system's randomness when first needed. They are [private files](private_file) and never logged.

use std::path::{Path, PathBuf};

use plexus_core::primitives::encrypted_key::{Cost, EncryptedKeyError, SaltAndNonce};
use plexus_core::primitives::identity::Identity;
use plexus_core::primitives::key::{KeyError, PublicKey, SecretKey};
use plexus_core::primitives::key_file::{KEY_FILE_BYTES_MAX, KeyFile, KeyFileError};
use plexus_core::primitives::mnemonic::Phrase;
use zeroize::Zeroizing;

use crate::private_file::{self, PrivateFileError};

/// The file of the node's key, which identifies it to peers.
pub const NODE_KEY: &str = "node.key";
/// The file of the author's key.
pub const AUTHOR_KEY: &str = "author.key";
/// The name under which a node's author key is encrypted.
const KEY_NAME: &str = "plexus node";

/// The reason that a key cannot be read or made.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// A file does not hold a key.
    #[error("{}: {error}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The error in it.
        error: KeyError,
    },
    /// A key file cannot be read.
    #[error("{}: {error}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// The error in it.
        error: serde_json::Error,
    },
    /// A key exists, and replacing it was not allowed.
    #[error("{} exists already: with --force it is set aside, and a new key takes its place", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The key is missing.
    #[error(
        "{} does not exist: `plexus key new --data {folder}` makes a key, `plexus key restore --data {folder}` brings one back",
        path.display(), folder = path.parent().unwrap_or(path).display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The key cannot be encrypted.
    #[error(transparent)]
    Encryption(#[from] KeyFileError),
    /// The key cannot be decrypted.
    #[error("{}: {error}", path.display())]
    Decryption {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: EncryptedKeyError,
    },
    /// Random bytes or words lead to an invalid key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The system's source of randomness fails.
    #[error("the system's source of randomness fails: {0}")]
    Randomness(getrandom::Error),
}

/// The author's key as it is stored.
#[derive(Clone, Debug)]
pub enum StoredKey {
    /// Its words.
    Words(Identity),
    /// Its words, encrypted.
    Encrypted {
        /// The file, for errors.
        path: PathBuf,
        /// The encrypted words.
        file: Box<KeyFile>,
    },
}

impl StoredKey {
    /// Returns the public key. That of an encrypted key is a claim until it is decrypted.
    pub fn public(&self) -> PublicKey {
        match self {
            Self::Words(identity) => identity.public(),
            Self::Encrypted { file, .. } => file.public(),
        }
    }

    /// Returns true if the words are encrypted.
    pub fn is_encrypted(&self) -> bool {
        matches!(self, Self::Encrypted { .. })
    }

    /// Returns the key. `passphrase` is called only if the key is encrypted. Takes a tenth of a second
    /// and 19 MiB then.
    ///
    /// # Errors
    /// The passphrase is wrong, or the error of `passphrase`.
    pub fn open<E: From<KeystoreError>>(
        self,
        passphrase: impl FnOnce(&Path) -> Result<Zeroizing<String>, E>,
    ) -> Result<Identity, E> {
        match self {
            Self::Words(identity) => Ok(identity),
            Self::Encrypted { path, file } => file
                .decrypt(&passphrase(&path)?)
                .map_err(|error| KeystoreError::Decryption { path, error }.into()),
        }
    }
}

/// A data folder's keys.
#[derive(Clone, Debug)]
pub struct Keystore {
    folder: PathBuf,
}

impl Keystore {
    /// Creates a keystore for this folder. The keys need not exist yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Returns the path of the author's key.
    pub fn author_path(&self) -> PathBuf {
        self.folder.join(AUTHOR_KEY)
    }

    /// Returns the node's key. Makes it if it is missing.
    ///
    /// # Errors
    /// The file cannot be read or written, is open to other users, or does not hold a key.
    pub fn node_key(&self) -> Result<SecretKey, KeystoreError> {
        let path = self.folder.join(NODE_KEY);
        if let Some(text) = private_file::read(&path, KEY_FILE_BYTES_MAX)? {
            let mut bytes = Zeroizing::new([0; 32]);
            let content = |error| KeystoreError::Content { path: path.clone(), error };
            hex::decode_to_slice(text.trim(), bytes.as_mut_slice()).map_err(|_| content(KeyError::Secret))?;
            return SecretKey::from_bytes(&bytes).map_err(content);
        }
        // Random bytes are an invalid key only once in 2^128 times.
        let secret = loop {
            if let Ok(secret) = SecretKey::from_bytes(&*entropy()?) {
                break secret;
            }
        };
        let digits = Zeroizing::new(hex::encode(secret.to_bytes().as_slice()));
        self.create_file(&path, &line(&digits))?;
        Ok(secret)
    }

    /// Returns the author's key as it is stored. Returns `None` if it is missing.
    ///
    /// # Errors
    /// The file cannot be read, is open to other users, or does not hold a key.
    pub fn author(&self) -> Result<Option<StoredKey>, KeystoreError> {
        let path = self.author_path();
        let Some(text) = private_file::read(&path, KEY_FILE_BYTES_MAX)? else { return Ok(None) };
        if text.trim_start().starts_with('{') {
            return match serde_json::from_str(&text) {
                Ok(file) => Ok(Some(StoredKey::Encrypted { path, file: Box::new(file) })),
                Err(error) => Err(KeystoreError::KeyFile { path, error }),
            };
        }
        let identity = Identity::from_words(&text);
        Ok(Some(StoredKey::Words(identity.map_err(|error| KeystoreError::Content { path, error })?)))
    }

    /// Returns the author's key as it is stored.
    ///
    /// # Errors
    /// As [`Self::author`], or the key is missing.
    pub fn existing_author(&self) -> Result<StoredKey, KeystoreError> {
        self.author()?.ok_or_else(|| KeystoreError::Missing { path: self.author_path() })
    }

    /// Stores a key as the author's, under a passphrase if there is one. With `force` it replaces an
    /// existing key. Returns the path of the existing key's copy.
    ///
    /// # Errors
    /// A key exists already, the passphrase is invalid, or the file cannot be written.
    pub fn store(
        &self,
        identity: &Identity,
        passphrase: Option<&str>,
        force: bool,
    ) -> Result<Option<PathBuf>, KeystoreError> {
        let text = match passphrase {
            Some(passphrase) => text_of(&encrypt(identity, passphrase)?),
            None => line(&identity.words()),
        };
        self.store_text(&text, force)
    }

    /// Stores an encrypted key as the author's, like [`Self::store`].
    ///
    /// # Errors
    /// As [`Self::store`].
    pub fn store_file(&self, file: &KeyFile, force: bool) -> Result<Option<PathBuf>, KeystoreError> {
        self.store_text(&text_of(file), force)
    }

    /// Replaces the author's key by the same key in another form: encrypted under a passphrase, or not
    /// encrypted.
    ///
    /// # Errors
    /// The passphrase is invalid, or the file cannot be written.
    pub fn rewrite(&self, identity: &Identity, passphrase: Option<&str>) -> Result<(), KeystoreError> {
        let text = match passphrase {
            Some(passphrase) => text_of(&encrypt(identity, passphrase)?),
            None => line(&identity.words()),
        };
        Ok(private_file::replace(&self.author_path(), &text)?)
    }

    fn store_text(&self, text: &str, force: bool) -> Result<Option<PathBuf>, KeystoreError> {
        let path = self.author_path();
        if !force {
            return self.create_file(&path, text).map(|()| None);
        }
        // A copy first: at no moment is there no key.
        let copy = private_file::keep_copy(&path)?;
        private_file::replace(&path, text)?;
        Ok(copy)
    }

    fn create_file(&self, path: &Path, text: &str) -> Result<(), KeystoreError> {
        match private_file::create(path, text) {
            Err(PrivateFileError::Exists { path }) => Err(KeystoreError::Exists { path }),
            written => Ok(written?),
        }
    }
}

/// Makes a new key from the system's randomness.
///
/// # Errors
/// The system has no randomness.
pub fn new_identity() -> Result<Identity, KeystoreError> {
    Ok(Identity::from_phrase(Phrase::from_entropy(&*entropy()?))?)
}

/// Encrypts a key under a passphrase, as the page does.
///
/// # Errors
/// The passphrase is too short or too long, or the system has no randomness.
pub fn encrypt(identity: &Identity, passphrase: &str) -> Result<KeyFile, KeystoreError> {
    let mut random: SaltAndNonce = Default::default();
    getrandom::fill(&mut random).map_err(KeystoreError::Randomness)?;
    Ok(KeyFile::encrypt(identity, KEY_NAME, passphrase, Cost::USUAL, &random)?)
}

/// Returns the text of a key file.
///
/// # Panics
/// Never: the file's fields are texts and numbers.
pub fn text_of(file: &KeyFile) -> Zeroizing<String> {
    line(&serde_json::to_string_pretty(file).expect("texts and numbers are always JSON"))
}

/// Returns a text with an end of line, wiped when dropped.
fn line(text: &str) -> Zeroizing<String> {
    let mut line = Zeroizing::new(String::with_capacity(text.len() + 1));
    line.push_str(text);
    line.push('\n');
    line
}

fn entropy() -> Result<Zeroizing<[u8; 32]>, KeystoreError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(KeystoreError::Randomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
