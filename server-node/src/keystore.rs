//! The keys in a node's data folder: who it is to its peers, and whose blocks and messages it signs.
//!
//! `node.key` holds 32 bytes in hex, `author.key` the 24 words that restore the author's key anywhere. Both are made from
//! the system's chance when first wanted, written whole or not at all, readable by their owner only, and never logged.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use plexus_core::key::{KeyError, Phrase, SecretKey};
use zeroize::Zeroizing;

/// The file of the key by which peers know the node.
pub const NODE_KEY: &str = "node.key";
/// The file of the words of the author's key.
pub const AUTHOR_KEY: &str = "author.key";
/// The most bytes of a key file: 24 words of at most 8 letters and what is between them, with room for comments of editors.
const KEY_FILE_BYTES_MAX: u64 = 1_024;

/// Why a key cannot be read or made.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// A file or folder cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// What could not be read or written.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file holds no key.
    #[error("{}: {error}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: KeyError,
    },
    /// There is a key already, and it was not to be replaced.
    #[error("{} exists already: with --force it is set aside, and a new key takes its place", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// There is no key.
    #[error("{} does not exist: `plexus key new` makes a key, `plexus key restore` brings one back", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The system gives no chance.
    #[error("the system's source of chance fails: {0}")]
    Chance(getrandom::Error),
}

/// A data folder's keys.
#[derive(Clone, Debug)]
pub struct Keystore {
    folder: PathBuf,
}

impl Keystore {
    /// The keys in this folder, which need not exist yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Where the author's words are kept.
    pub fn author_path(&self) -> PathBuf {
        self.folder.join(AUTHOR_KEY)
    }

    /// The node's key, made now if there is none.
    ///
    /// # Errors
    /// When the file cannot be read or written, or holds no key.
    pub fn node_key(&self) -> Result<SecretKey, KeystoreError> {
        let path = self.folder.join(NODE_KEY);
        if let Some(text) = read(&path)? {
            let mut bytes = Zeroizing::new([0; 32]);
            let content = |error| KeystoreError::Content { path: path.clone(), error };
            hex::decode_to_slice(text.trim(), bytes.as_mut_slice()).map_err(|_| content(KeyError::Secret))?;
            return SecretKey::from_bytes(&bytes).map_err(content);
        }
        // Chance that is no key is met once in 2^128 draws.
        let secret = loop {
            if let Ok(secret) = SecretKey::from_bytes(&*chance()?) {
                break secret;
            }
        };
        self.write(&path, &Zeroizing::new(hex::encode(secret.to_bytes().as_slice())))?;
        Ok(secret)
    }

    /// The author's words, made now if there are none.
    ///
    /// # Errors
    /// When the file cannot be read or written, or holds no phrase.
    pub fn author_or_new(&self) -> Result<Phrase, KeystoreError> {
        match self.author() {
            Err(KeystoreError::Missing { .. }) => self.create(),
            found => found,
        }
    }

    /// The author's words.
    ///
    /// # Errors
    /// When there are none, or the file cannot be read or holds no phrase.
    pub fn author(&self) -> Result<Phrase, KeystoreError> {
        let path = self.author_path();
        let Some(text) = read(&path)? else { return Err(KeystoreError::Missing { path }) };
        text.parse().map_err(|error| KeystoreError::Content { path, error })
    }

    /// Makes and keeps a new phrase.
    ///
    /// # Errors
    /// When there is one already, or it cannot be written.
    pub fn create(&self) -> Result<Phrase, KeystoreError> {
        let phrase = Phrase::from_entropy(&*chance()?);
        self.restore(&phrase)?;
        Ok(phrase)
    }

    /// Keeps a phrase as the author's.
    ///
    /// # Errors
    /// When there is one already, or it cannot be written.
    pub fn restore(&self, phrase: &Phrase) -> Result<(), KeystoreError> {
        let path = self.author_path();
        if path.exists() {
            return Err(KeystoreError::Exists { path });
        }
        self.write(&path, &Zeroizing::new(phrase.to_string()))
    }

    /// Sets the author's words aside, so that others can take their place; says where they are now.
    ///
    /// # Errors
    /// When the file cannot be renamed.
    pub fn set_aside(&self) -> Result<Option<PathBuf>, KeystoreError> {
        let path = self.author_path();
        let free = (1u32..)
            .map(|number| self.folder.join(format!("{AUTHOR_KEY}.{number}")))
            .find(|path| !path.exists());
        let Some(aside) = free.filter(|_| path.exists()) else { return Ok(None) };
        fs::rename(&path, &aside).map_err(|error| KeystoreError::File { path, error })?;
        Ok(Some(aside))
    }

    /// Writes a new file whole or not at all: under another name first, durable before it takes its own.
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
            // A link, not a rename: it fails where another process was faster, and never replaces a key.
            fs::hard_link(&draft, path).or_else(|error| {
                let is_taken = error.kind() == io::ErrorKind::AlreadyExists;
                // Where a file system knows no links, there is still the rename.
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

fn chance() -> Result<Zeroizing<[u8; 32]>, KeystoreError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(KeystoreError::Chance)?;
    Ok(bytes)
}

/// A file's text; none when there is no such file.
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
