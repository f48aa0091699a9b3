//! The user's keys. Each has a name, and one of them is selected for signing.
//!
//! A key is made as a draft. Before it is used, the user has to confirm some of its words. Then it
//! is stored encrypted, or kept in this tab only. The keyring holds the keys of all the origin's
//! tabs as last read from the store, at most [`KEYS_MAX`]. It also holds the keys that are unlocked
//! in this tab. No function here waits, and `Debug` shows no secrets.

use plexus_core::primitives::encrypted_key::{Cost, EncryptedKey, EncryptedKeyError, SaltAndNonce};
use plexus_core::primitives::identity::Identity;
use plexus_core::primitives::key::{KeyError, PublicKey};
use plexus_core::primitives::key_file::{KEY_FILE_BYTES_MAX, KeyFile, KeyFileError, NAME_BYTES_MAX};
use zeroize::Zeroizing;

use crate::browser::database::{Database, DatabaseEntry, DatabaseError, Write};
use crate::messages::{KeyState, KeyView};

/// The most keys. Another is refused.
pub(crate) const KEYS_MAX: usize = 16;
/// The number of words that are asked for before a key is used.
pub(crate) const ASKED: usize = 3;
/// The number of words of a phrase, from which the asked ones are chosen.
const WORDS: u8 = 24;

/// The prefix of stored keys. Their names follow in hexadecimal.
const PREFIX: &str = "keys/";
/// The name under which the selected key's name is stored.
const CHOSEN: &str = "key-chosen";
/// The name under which earlier versions stored a single key's phrase unencrypted.
const CLEAR: &str = "phrase";
/// The name of that key.
const CLEAR_NAME: &str = "first key";
/// The default name of a key that is kept in this tab only.
pub(crate) const TAB_NAME: &str = "this tab";

/// The reason that an operation on a key fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyringError {
    /// There is no key yet.
    #[error("there is no key yet: make one")]
    None,
    /// It has to be unlocked first.
    #[error("the key \"{name}\" is locked: it takes its passphrase")]
    Locked {
        /// Its name.
        name: String,
    },
    /// The name is unknown.
    #[error("there is no key \"{name}\"")]
    Unknown {
        /// The name.
        name: String,
    },
    /// Its stored form cannot be read.
    #[error(
        "the key \"{name}\" is damaged in the browser's storage: restore it from its words, under another name"
    )]
    Damaged {
        /// Its name.
        name: String,
    },
    /// Another key has this name.
    #[error("there is a key \"{name}\" already")]
    Taken {
        /// The name.
        name: String,
    },
    /// Another name has this key.
    #[error("this key is there already, as \"{name}\"")]
    Known {
        /// The name of that key.
        name: String,
    },
    /// The name is missing, too long, or contains characters that cannot be shown.
    #[error("a name has 1 to {NAME_BYTES_MAX} bytes, and none that cannot be shown")]
    Name,
    /// The keyring is full.
    #[error("there are {KEYS_MAX} keys, and no room for more")]
    Full,
    /// No key is being made.
    #[error("no key is being made")]
    NoDraft,
    /// The user does not have the words.
    #[error("these are not the words that were asked for: look at the places")]
    Words,
    /// The key is not stored unencrypted any more.
    #[error("the key is protected already")]
    Protected,
    /// Encrypting or decrypting the key failed.
    #[error("{0}")]
    Encryption(#[from] EncryptedKeyError),
    /// The text is not a key file.
    #[error("this is not a key file: {0}")]
    NoFile(String),
    /// A key file cannot be made.
    #[error("{0}")]
    File(#[from] KeyFileError),
    /// The words do not make a key.
    #[error("{0}")]
    Key(#[from] KeyError),
}

/// The stored state of all keys.
#[derive(Default)]
pub(crate) struct Stored {
    encrypted: Vec<DatabaseEntry>,
    clear: Option<Zeroizing<Vec<u8>>>,
    chosen: Option<Vec<u8>>,
}

impl Stored {
    /// Reads the stored state.
    ///
    /// # Errors
    /// The browser's error.
    pub(crate) async fn read(database: &Database) -> Result<Self, DatabaseError> {
        Ok(Self {
            encrypted: database.load(PREFIX).await?,
            clear: database.read(CLEAR).await?.map(Zeroizing::new),
            chosen: database.read(CHOSEN).await?,
        })
    }
}

/// The storage of a key.
#[derive(Clone, Debug)]
enum Keeping {
    /// Encrypted.
    Encrypted(Box<EncryptedKey>),
    /// Unencrypted, as an earlier version stored it.
    Clear,
    /// Not stored.
    Tab,
    /// Unreadable.
    Damaged,
}

/// A key with its name.
#[derive(Clone, Debug)]
struct Held {
    name: String,
    public: Option<PublicKey>,
    keeping: Keeping,
    /// The key itself, while it is unlocked.
    identity: Option<Identity>,
}

impl Held {
    fn state(&self) -> KeyState {
        match (&self.keeping, &self.identity) {
            (Keeping::Encrypted(_), None) => KeyState::Locked,
            (Keeping::Encrypted(_), Some(_)) => KeyState::Unlocked,
            (Keeping::Clear, _) => KeyState::Clear,
            (Keeping::Tab, _) => KeyState::Tab,
            (Keeping::Damaged, _) => KeyState::Damaged,
        }
    }
}

/// A key that is being made.
#[derive(Clone, Debug)]
struct KeyDraft {
    identity: Identity,
    /// The places, from 1, whose words are asked for.
    places: [u8; ASKED],
}

/// The data of a new key that is shown to the user.
pub(crate) struct KeyDraftView {
    pub(crate) words: Zeroizing<String>,
    pub(crate) places: [u8; ASKED],
}

/// A key that is ready to be stored.
#[derive(Debug)]
pub(crate) struct NewKey {
    name: String,
    identity: Identity,
    encrypted: EncryptedKey,
    was_clear: bool,
}

impl NewKey {
    /// Returns the writes that store it, as one transaction. If the key was stored unencrypted,
    /// they remove that phrase. They fail if another key has the name.
    pub(crate) fn writes(&self) -> Vec<Write> {
        let mut writes = vec![
            Write::Add(format!("{PREFIX}{}", hex::encode(&self.name)), self.encrypted.encode()),
            Write::Put(CHOSEN.to_owned(), self.name.clone().into_bytes()),
        ];
        writes.extend(self.was_clear.then(|| Write::drop(CLEAR)));
        writes
    }
}

/// The keys.
#[derive(Debug, Default)]
pub(crate) struct Keyring {
    /// The keys, sorted by name: at most [`KEYS_MAX`] in addition to damaged ones.
    held: Vec<Held>,
    chosen: Option<String>,
    draft: Option<KeyDraft>,
}

impl Keyring {
    /// Loads the stored keys. Unlocked keys stay unlocked, and keys of this tab stay.
    pub(crate) fn load(&mut self, stored: &Stored) {
        let earlier = core::mem::take(&mut self.held);
        let tab = |held: &&Held| matches!(held.keeping, Keeping::Tab);
        let mut held: Vec<Held> = earlier.iter().filter(tab).cloned().collect();
        for entry in stored.encrypted.iter().take(KEYS_MAX) {
            let name = hex::decode(&entry.key).ok().and_then(|name| String::from_utf8(name).ok());
            let encrypted = EncryptedKey::decode(&entry.value).ok().filter(|_| name.is_some());
            let name = name.unwrap_or_else(|| entry.key.chars().take(NAME_BYTES_MAX).collect());
            let public = encrypted.as_ref().map(EncryptedKey::public);
            let unlocked = earlier.iter().find(|held| held.name == name && held.public == public);
            let identity = unlocked.and_then(|held| held.identity.clone()).filter(|_| public.is_some());
            let keeping =
                encrypted.map_or(Keeping::Damaged, |encrypted| Keeping::Encrypted(Box::new(encrypted)));
            held.push(Held { name, public, keeping, identity });
        }
        if let Some(words) = &stored.clear {
            let words = core::str::from_utf8(words).ok();
            let identity = words.and_then(|words| Identity::from_words(words).ok());
            let keeping = if identity.is_some() { Keeping::Clear } else { Keeping::Damaged };
            let public = identity.as_ref().map(Identity::public);
            held.push(Held { name: CLEAR_NAME.to_owned(), public, keeping, identity });
        }
        self.held = held;
        if self.chosen.as_ref().is_none_or(|name| self.find(name).is_none()) {
            let chosen = stored.chosen.as_ref().and_then(|name| String::from_utf8(name.clone()).ok());
            let usable = |held: &&Held| !matches!(held.keeping, Keeping::Damaged);
            let first = self.held.iter().find(usable).map(|held| held.name.clone());
            self.chosen = chosen.filter(|name| self.find(name).is_some()).or(first);
        }
    }

    fn find(&self, name: &str) -> Option<&Held> {
        self.held.iter().find(|held| held.name == name)
    }

    /// Returns the keys in the form for the page.
    pub(crate) fn views(&self) -> Vec<KeyView> {
        let view = |held: &Held| KeyView {
            name: held.name.clone(),
            public: held.public,
            state: held.state(),
            chosen: self.chosen.as_ref() == Some(&held.name),
        };
        self.held.iter().map(view).collect()
    }

    /// Returns the key that signs.
    ///
    /// # Errors
    /// There is no key, or it is locked.
    pub(crate) fn signer(&self) -> Result<&Identity, KeyringError> {
        let held = self.chosen.as_ref().and_then(|name| self.find(name)).ok_or(KeyringError::None)?;
        held.identity.as_ref().ok_or_else(|| KeyringError::Locked { name: held.name.clone() })
    }

    /// Begins to make a key from 64 random bytes. Returns the data for the user.
    ///
    /// # Errors
    /// The bytes are an invalid key, which happens once in 2^127 times.
    pub(crate) fn make(&mut self, random: &[u8; 64]) -> Result<KeyDraftView, KeyringError> {
        let mut entropy = Zeroizing::new([0; 32]);
        entropy.copy_from_slice(&random[..32]);
        let identity = Identity::from_entropy(&entropy)?;
        let places = drawn(&random[32..]);
        let words = identity.words();
        self.draft = Some(KeyDraft { identity, places });
        Ok(KeyDraftView { words, places })
    }

    /// Returns the key that is being made, if these are the requested words.
    ///
    /// # Errors
    /// No key is being made, or the words are wrong.
    pub(crate) fn confirmed(&self, words: &str) -> Result<Identity, KeyringError> {
        let KeyDraft { identity, places } = self.draft.as_ref().ok_or(KeyringError::NoDraft)?;
        let all = identity.words();
        let asked = places.iter().map(|place| all.split(' ').nth(usize::from(*place) - 1));
        let given = words.split_whitespace().map(str::to_ascii_lowercase).map(Zeroizing::new);
        let given: Vec<_> = given.take(ASKED + 1).collect();
        let same = asked.eq(given.iter().map(|word| Some(word.as_str())));
        if same { Ok(identity.clone()) } else { Err(KeyringError::Words) }
    }

    /// Checks that a key may be added under a name. Returns the name without surrounding white
    /// space.
    fn check_new<'a>(&self, name: &'a str, identity: &Identity) -> Result<&'a str, KeyringError> {
        let name = name.trim();
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(KeyringError::Name);
        }
        if self.find(name).is_some() {
            return Err(KeyringError::Taken { name: name.to_owned() });
        }
        if let Some(held) = self.held.iter().find(|held| held.public == Some(identity.public())) {
            return Err(KeyringError::Known { name: held.name.clone() });
        }
        if self.held.len() >= KEYS_MAX { Err(KeyringError::Full) } else { Ok(name) }
    }

    /// Adds a key that is kept in this tab only, and selects it. Returns its public key.
    ///
    /// # Errors
    /// The name is invalid or taken, or the key exists.
    pub(crate) fn add_tab(&mut self, name: &str, identity: Identity) -> Result<PublicKey, KeyringError> {
        let name = self.check_new(name, &identity)?.to_owned();
        let public = identity.public();
        self.chosen = Some(name.clone());
        self.held.push(Held { name, public: Some(public), keeping: Keeping::Tab, identity: Some(identity) });
        self.draft = None;
        Ok(public)
    }

    /// Encrypts a key for the store. Returns it.
    ///
    /// # Errors
    /// The name or the passphrase is invalid, or the key exists.
    pub(crate) fn encrypt(
        &self,
        name: &str,
        identity: Identity,
        passphrase: &str,
        random: &SaltAndNonce,
        cost: Cost,
    ) -> Result<NewKey, KeyringError> {
        let name = self.check_new(name, &identity)?.to_owned();
        let encrypted = EncryptedKey::encrypt(&identity, &name, passphrase, cost, random)?;
        Ok(NewKey { name, identity, encrypted, was_clear: false })
    }

    /// Encrypts the key that an earlier version stored unencrypted. Returns it.
    ///
    /// # Errors
    /// There is no such key, or its new name or its passphrase is invalid.
    pub(crate) fn protect(
        &self,
        name: &str,
        passphrase: &str,
        random: &SaltAndNonce,
        cost: Cost,
    ) -> Result<NewKey, KeyringError> {
        let is_clear = |held: &&Held| matches!(held.keeping, Keeping::Clear);
        let clear = self.held.iter().find(is_clear).ok_or(KeyringError::Protected)?;
        let identity = clear.identity.clone().ok_or(KeyringError::Protected)?;
        let others = self.held.iter().filter(|held| !is_clear(held)).cloned().collect();
        let others = Self { held: others, ..Self::default() };
        Ok(NewKey { was_clear: true, ..others.encrypt(name, identity, passphrase, random, cost)? })
    }

    /// Decrypts the key in a key file, for the store. Returns it. Without a name of its own it keeps that
    /// of the file. Under another name it is encrypted again, with the same passphrase.
    ///
    /// # Errors
    /// The text is not a key file, the passphrase is wrong, the name is invalid, or the key exists.
    pub(crate) fn import(
        &self,
        text: &str,
        name: &str,
        passphrase: &str,
        random: &SaltAndNonce,
        cost: Cost,
    ) -> Result<NewKey, KeyringError> {
        if text.len() > KEY_FILE_BYTES_MAX {
            return Err(KeyringError::NoFile(format!("it has over {KEY_FILE_BYTES_MAX} bytes")));
        }
        let file: KeyFile =
            serde_json::from_str(text).map_err(|error| KeyringError::NoFile(error.to_string()))?;
        let identity = file.decrypt(passphrase)?;
        let name = if name.trim().is_empty() { file.name() } else { name };
        if self.check_new(name, &identity)? != file.name() {
            return self.encrypt(name, identity, passphrase, random, cost);
        }
        let (name, encrypted) = (file.name().to_owned(), file.key().clone());
        Ok(NewKey { name, identity, encrypted, was_clear: false })
    }

    /// Returns the key file of a key. An encrypted key keeps its passphrase, and any other one is
    /// encrypted under this one.
    ///
    /// # Errors
    /// The name is unknown, the key is damaged, or the passphrase is invalid.
    pub(crate) fn export(
        &self,
        name: &str,
        passphrase: &str,
        random: &SaltAndNonce,
        cost: Cost,
    ) -> Result<KeyFile, KeyringError> {
        let held = self.find(name).ok_or_else(|| KeyringError::Unknown { name: name.to_owned() })?;
        match (&held.keeping, &held.identity) {
            (Keeping::Encrypted(encrypted), _) => Ok(KeyFile::new(name, EncryptedKey::clone(encrypted))?),
            (Keeping::Clear | Keeping::Tab, Some(identity)) => {
                Ok(KeyFile::encrypt(identity, name, passphrase, cost, random)?)
            }
            (Keeping::Clear | Keeping::Tab | Keeping::Damaged, _) => {
                Err(KeyringError::Damaged { name: name.to_owned() })
            }
        }
    }

    /// Adds an encrypted key after it was stored, unlocked and selected. Returns its public key.
    pub(crate) fn stored(&mut self, new_key: NewKey) -> PublicKey {
        let NewKey { name, identity, encrypted, was_clear } = new_key;
        if was_clear {
            self.held.retain(|held| !matches!(held.keeping, Keeping::Clear));
        }
        let public = identity.public();
        self.chosen = Some(name.clone());
        let keeping = Keeping::Encrypted(Box::new(encrypted));
        self.held.push(Held { name, public: Some(public), keeping, identity: Some(identity) });
        self.draft = None;
        public
    }

    /// Returns a key without unlocking it. An unencrypted key needs no passphrase.
    ///
    /// # Errors
    /// The name is unknown, the key is damaged, or the passphrase is wrong.
    pub(crate) fn decrypt(&self, name: &str, passphrase: &str) -> Result<Identity, KeyringError> {
        let held = self.find(name).ok_or_else(|| KeyringError::Unknown { name: name.to_owned() })?;
        match (&held.keeping, &held.identity) {
            (Keeping::Encrypted(encrypted), _) => Ok(encrypted.decrypt(name, passphrase)?),
            (Keeping::Clear | Keeping::Tab, Some(identity)) => Ok(identity.clone()),
            (Keeping::Clear | Keeping::Tab | Keeping::Damaged, _) => {
                Err(KeyringError::Damaged { name: name.to_owned() })
            }
        }
    }

    /// Unlocks a key and selects it. Returns its public key.
    ///
    /// # Errors
    /// As [`Self::decrypt`].
    pub(crate) fn unlock(&mut self, name: &str, passphrase: &str) -> Result<PublicKey, KeyringError> {
        let identity = self.decrypt(name, passphrase)?;
        let public = identity.public();
        if let Some(held) = self.held.iter_mut().find(|held| held.name == name) {
            held.identity = Some(identity);
        }
        self.chosen = Some(name.to_owned());
        Ok(public)
    }

    /// Locks all encrypted keys.
    pub(crate) fn lock(&mut self) {
        for held in &mut self.held {
            if matches!(held.keeping, Keeping::Encrypted(_)) {
                held.identity = None;
            }
        }
        self.draft = None;
    }

    /// Selects the key that signs. Returns the writes that store the selection.
    ///
    /// # Errors
    /// The name is unknown, or the key is damaged.
    pub(crate) fn choose(&mut self, name: &str) -> Result<Vec<Write>, KeyringError> {
        let held = self.find(name).ok_or_else(|| KeyringError::Unknown { name: name.to_owned() })?;
        let writes = match held.keeping {
            Keeping::Encrypted(_) | Keeping::Clear => {
                vec![Write::Put(CHOSEN.to_owned(), name.to_owned().into_bytes())]
            }
            Keeping::Tab => Vec::new(),
            Keeping::Damaged => return Err(KeyringError::Damaged { name: name.to_owned() }),
        };
        self.chosen = Some(name.to_owned());
        Ok(writes)
    }
}

/// Returns different places in rising order, from 1.
fn drawn(random: &[u8]) -> [u8; ASKED] {
    let mut places: Vec<u8> = (1..=WORDS).collect();
    let mut drawn = [0; ASKED];
    for (place, random) in drawn.iter_mut().zip(random) {
        *place = places.remove(usize::from(*random) % places.len());
    }
    drawn.sort_unstable();
    drawn
}

#[cfg(test)]
mod tests;
