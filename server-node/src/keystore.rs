//! The keys in a node's data folder: its identity for peers, and the key that signs its blocks and
//! messages.
//!
//! `node.key` holds 32 bytes in hex, and `author.key` the 24 words that restore the author's key on
//! any machine. Both are made from the system's randomness when first needed. They are written
//! atomically, readable by their owner only, and never logged.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use plexus_core::primitives::key::{KeyError, SecretKey};
use plexus_core::primitives::mnemonic::Phrase;
use zeroize::Zeroizing;

/// The file of the node's key, which identifies it to peers.
pub const NODE_KEY: &str = "node.key";
/// The file of the words of the author's key.
pub const AUTHOR_KEY: &str = "author.key";
/// The most bytes of a key file: 24 words of at most 8 letters, their separators, and room for
/// comments of editors.
const KEY_FILE_BYTES_MAX: u64 = 1_024;

/// The reason that a key cannot be read or made.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// A file or folder cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// A file does not hold a key.
    #[error("{}: {error}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The error in it.
        error: KeyError,
    },
    /// A key exists, and replacing it was not allowed.
    #[error("{} exists already: with --force it is set aside, and a new key takes its place", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The key is missing.
    #[error("{} does not exist: `plexus key new` makes a key, `plexus key restore` brings one back", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The system's source of randomness fails.
    #[error("the system's source of randomness fails: {0}")]
    Chance(getrandom::Error),
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

    /// Returns the path of the author's words.
    pub fn author_path(&self) -> PathBuf {
        self.folder.join(AUTHOR_KEY)
    }

    /// Returns the node's key. Makes it if it is missing.
    ///
    /// # Errors
    /// The file cannot be read or written, or does not hold a key.
    pub fn node_key(&self) -> Result<SecretKey, KeystoreError> {
        let path = self.folder.join(NODE_KEY);
        if let Some(text) = read(&path)? {
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
        self.write(&path, &Zeroizing::new(hex::encode(secret.to_bytes().as_slice())))?;
        Ok(secret)
    }

    /// Returns the author's words. Makes them if they are missing.
    ///
    /// # Errors
    /// The file cannot be read or written, or does not hold a phrase.
    pub fn author_or_new(&self) -> Result<Phrase, KeystoreError> {
        match self.author() {
            Err(KeystoreError::Missing { .. }) => self.create(),
            found => found,
        }
    }

    /// Returns the author's words.
    ///
    /// # Errors
    /// The file is missing, cannot be read, or does not hold a phrase.
    pub fn author(&self) -> Result<Phrase, KeystoreError> {
        let path = self.author_path();
        let Some(text) = read(&path)? else { return Err(KeystoreError::Missing { path }) };
        text.parse().map_err(|error| KeystoreError::Content { path, error })
    }

    /// Makes and stores a new phrase. Returns it.
    ///
    /// # Errors
    /// A phrase exists already, or it cannot be written.
    pub fn create(&self) -> Result<Phrase, KeystoreError> {
        let phrase = Phrase::from_entropy(&*entropy()?);
        self.restore(&phrase)?;
        Ok(phrase)
    }

    /// Stores a phrase as the author's.
    ///
    /// # Errors
    /// A phrase exists already, or it cannot be written.
    pub fn restore(&self, phrase: &Phrase) -> Result<(), KeystoreError> {
        let path = self.author_path();
        if path.exists() {
            return Err(KeystoreError::Exists { path });
        }
        self.write(&path, &Zeroizing::new(phrase.to_string()))
    }

    /// Renames the file of the author's words, so that others can replace them. Returns its new
    /// path.
    ///
    /// # Errors
    /// The file cannot be renamed.
    pub fn set_aside(&self) -> Result<Option<PathBuf>, KeystoreError> {
        let path = self.author_path();
        let free = (1u32..)
            .map(|number| self.folder.join(format!("{AUTHOR_KEY}.{number}")))
            .find(|path| !path.exists());
        let Some(aside) = free.filter(|_| path.exists()) else { return Ok(None) };
        fs::rename(&path, &aside).map_err(|error| KeystoreError::File { path, error })?;
        Ok(Some(aside))
    }

    /// Writes a new file atomically: under another name first, and durable before it takes its own.
    fn write(&self, path: &Path, text: &str) -> Result<(), KeystoreError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| KeystoreError::File { path, error }
        };
        fs::create_dir_all(&self.folder).map_err(failed(&self.folder))?;
        let draft = path.with_extension(format!("key.{}", std::process::id()));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(&draft).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            // A link, not a rename: it fails if another process was faster, and never replaces a
            // key.
            fs::hard_link(&draft, path).or_else(|error| {
                let is_taken = error.kind() == io::ErrorKind::AlreadyExists;
                // On a file system without links, rename instead.
                if is_taken { Err(error) } else { fs::rename(&draft, path) }
            })
        });
        // After a rename there is nothing to remove.
        let _ = fs::remove_file(&draft);
        written.map_err(|error| {
            let (is_taken, path) = (error.kind() == io::ErrorKind::AlreadyExists, path.to_owned());
            if is_taken { KeystoreError::Exists { path } } else { KeystoreError::File { path, error } }
        })?;
        #[cfg(unix)]
        fs::File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(failed(&self.folder))?;
        Ok(())
    }
}

fn entropy() -> Result<Zeroizing<[u8; 32]>, KeystoreError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(KeystoreError::Chance)?;
    Ok(bytes)
}

/// Returns a file's text. Returns `None` if there is no such file.
fn read(path: &Path) -> Result<Option<Zeroizing<String>>, KeystoreError> {
    let failed = |error| KeystoreError::File { path: path.to_owned(), error };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut text = Zeroizing::new(String::new());
    file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_stay() {
        let folder = tempfile::tempdir().unwrap();
        let keystore = Keystore::new(folder.path().join("deep").join("down"));
        let (node, author) = (keystore.node_key().unwrap(), keystore.author_or_new().unwrap());
        assert_eq!(keystore.node_key().unwrap().public(), node.public());
        assert_eq!(keystore.author().unwrap().to_string(), author.to_string());
        let names = fs::read_dir(folder.path().join("deep/down")).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, [AUTHOR_KEY, NODE_KEY], "nothing is left behind");
    }

    #[cfg(unix)]
    #[test]
    fn keys_are_readable_by_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let keystore = Keystore::new(folder.path());
        keystore.node_key().unwrap();
        keystore.author_or_new().unwrap();
        for name in [NODE_KEY, AUTHOR_KEY] {
            let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_key_is_never_replaced_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let keystore = Keystore::new(folder.path());
        let first = keystore.create().unwrap();
        assert!(matches!(keystore.create(), Err(KeystoreError::Exists { .. })));
        assert!(matches!(
            keystore.restore(&Phrase::from_entropy(&[1; 32])),
            Err(KeystoreError::Exists { .. })
        ));
        assert_eq!(keystore.author().unwrap().to_string(), first.to_string());
        let aside = keystore.set_aside().unwrap().unwrap();
        assert_eq!(fs::read_to_string(aside).unwrap().trim(), first.to_string());
        assert!(matches!(keystore.author(), Err(KeystoreError::Missing { .. })));
        assert_eq!(keystore.set_aside().unwrap(), None);
    }

    #[test]
    fn words_restore_the_same_key_in_another_folder() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let phrase = Keystore::new(one.path()).create().unwrap();
        Keystore::new(two.path()).restore(&phrase.to_string().parse().unwrap()).unwrap();
        let public = |folder: &Path| {
            SecretKey::from_phrase(&Keystore::new(folder).author().unwrap()).unwrap().public()
        };
        assert_eq!(public(one.path()), public(two.path()));
    }

    #[test]
    fn a_file_that_is_no_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(AUTHOR_KEY), "one two three").unwrap();
        fs::write(folder.path().join(NODE_KEY), "xyz").unwrap();
        let keystore = Keystore::new(folder.path());
        let error = keystore.author().unwrap_err().to_string();
        assert!(error.contains("author.key") && error.contains("24 words"), "{error}");
        let error = keystore.node_key().unwrap_err().to_string();
        assert!(error.contains("node.key"), "{error}");
    }
}
