//! A key file: an encrypted key and its name, as JSON. It carries a key between nodes, and holds it as
//! browsers store it.
//!
//! The file has five fields: `format` is `plexus-key`, `version` is 1, `name` is the key's name,
//! `public_key` is the public key in hexadecimal, and `encrypted` is the
//! [`EncryptedKey`] in hexadecimal. The name and the public key are authenticated by the encryption:
//! a file in which one of them was changed does not open.

use serde::{Deserialize, Serialize};

use crate::primitives::encrypted_key::{EncryptedKey, EncryptedKeyError};
use crate::primitives::identity::Identity;
use crate::primitives::key::PublicKey;

/// The most bytes of a key file.
pub const KEY_FILE_BYTES_MAX: usize = 2_048;
/// The most bytes of a key's name.
pub const NAME_BYTES_MAX: usize = 64;
/// The value of the field `format`.
const FORMAT: &str = "plexus-key";
/// The value of the field `version`.
const VERSION: u32 = 1;

/// The reason that a text is not a key file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// The format is unknown.
    #[error("its format is \"{found}\", and \"{FORMAT}\" is expected")]
    Format {
        /// The format.
        found: String,
    },
    /// The version is unknown.
    #[error("its version is {found}, and this program reads version {VERSION}")]
    Version {
        /// The version.
        found: u32,
    },
    /// The name is missing, too long, or contains characters that cannot be shown.
    #[error("its name has to have 1 to {NAME_BYTES_MAX} bytes without control characters")]
    Name,
    /// The field `encrypted` is not hexadecimal.
    #[error("its field \"encrypted\" is not in hexadecimal")]
    Hexadecimal,
    /// The public key differs from the encrypted one.
    #[error("its field \"public_key\" differs from the encrypted key")]
    PublicKey,
    /// The encrypted key is invalid.
    #[error("{0}")]
    Encrypted(#[from] EncryptedKeyError),
}

/// An encrypted key and its name.
///
/// ```
/// use plexus_core::primitives::encrypted_key::Cost;
/// use plexus_core::primitives::identity::Identity;
/// use plexus_core::primitives::key_file::KeyFile;
///
/// let identity = Identity::from_entropy(&[7; 32]).unwrap();
/// // The cheapest cost, for an example. Use `Cost::USUAL`, and random bytes for salt and nonce.
/// let file = KeyFile::encrypt(&identity, "ann", "correct horse", Cost::new(8, 1, 1), &[4; 28]).unwrap();
/// let text = serde_json::to_string(&file).unwrap();
/// let again: KeyFile = serde_json::from_str(&text).unwrap();
/// assert_eq!(again.decrypt("correct horse").unwrap().words(), identity.words());
/// assert!(again.decrypt("wrong horse").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct KeyFile {
    name: String,
    key: EncryptedKey,
}

/// The fields of the JSON text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    format: String,
    version: u32,
    name: String,
    public_key: PublicKey,
    encrypted: String,
}

impl KeyFile {
    /// Creates the file of a key that is encrypted under this name.
    ///
    /// # Errors
    /// [`KeyFileError::Name`].
    pub fn new(name: &str, key: EncryptedKey) -> Result<Self, KeyFileError> {
        let is_name = !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.chars().any(char::is_control);
        if is_name { Ok(Self { name: name.to_owned(), key }) } else { Err(KeyFileError::Name) }
    }

    /// Encrypts a key under a name and a passphrase. `random` is used once.
    ///
    /// # Errors
    /// The name, the passphrase or the cost is invalid.
    pub fn encrypt(
        identity: &Identity,
        name: &str,
        passphrase: &str,
        cost: super::encrypted_key::Cost,
        random: &super::encrypted_key::SaltAndNonce,
    ) -> Result<Self, KeyFileError> {
        Self::new(name, EncryptedKey::encrypt(identity, name, passphrase, cost, random)?)
    }

    /// Returns the key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the public key. The file claims it until the key is decrypted.
    pub fn public(&self) -> PublicKey {
        self.key.public()
    }

    /// Returns the encrypted key.
    pub fn key(&self) -> &EncryptedKey {
        &self.key
    }

    /// Decrypts the key.
    ///
    /// # Errors
    /// [`EncryptedKeyError::Wrong`], also if the name or the public key was changed.
    pub fn decrypt(&self, passphrase: &str) -> Result<Identity, EncryptedKeyError> {
        self.key.decrypt(&self.name, passphrase)
    }
}

impl From<KeyFile> for Form {
    fn from(file: KeyFile) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            public_key: file.public(),
            encrypted: hex::encode(file.key.encode()),
            name: file.name,
        }
    }
}

impl TryFrom<Form> for KeyFile {
    type Error = KeyFileError;

    fn try_from(form: Form) -> Result<Self, KeyFileError> {
        if form.format != FORMAT {
            return Err(KeyFileError::Format { found: form.format });
        }
        if form.version != VERSION {
            return Err(KeyFileError::Version { found: form.version });
        }
        let bytes = hex::decode(&form.encrypted).map_err(|_| KeyFileError::Hexadecimal)?;
        let file = Self::new(&form.name, EncryptedKey::decode(&bytes)?)?;
        if file.public() == form.public_key { Ok(file) } else { Err(KeyFileError::PublicKey) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::encrypted_key::Cost;

    const PASSPHRASE: &str = "correct horse";

    fn file() -> KeyFile {
        let identity = Identity::from_entropy(&[9; 32]).unwrap();
        KeyFile::encrypt(&identity, "ann", PASSPHRASE, Cost::new(8, 1, 1), &[4; 28]).unwrap()
    }

    fn text() -> String {
        serde_json::to_string_pretty(&file()).unwrap()
    }

    #[test]
    fn a_key_file_is_read_as_it_was_written() {
        assert!(text().len() < KEY_FILE_BYTES_MAX);
        let read: KeyFile = serde_json::from_str(&text()).unwrap();
        assert_eq!((read.name(), &read), ("ann", &file()));
        assert_eq!(read.decrypt(PASSPHRASE).unwrap().entropy(), &[9; 32]);
    }

    #[test]
    fn a_changed_file_is_refused_with_the_field() {
        let other = Identity::from_entropy(&[8; 32]).unwrap().public().to_string();
        let public = file().public().to_string();
        for (from, to, part) in [
            ("plexus-key", "other", "format"),
            ("\"version\": 1", "\"version\": 2", "version is 2"),
            ("\"ann\"", "\"\"", "name"),
            ("\"ann\"", "\"a\\u0007n\"", "control characters"),
            (&public, &other, "public_key"),
            ("\"encrypted\": \"01", "\"encrypted\": \"zz", "hexadecimal"),
            ("\"encrypted\": \"01", "\"encrypted\": \"02", "damaged"),
            ("\"encrypted\": \"01", "\"encrypted\": \"", "damaged"),
            ("\"version\": 1,", "\"version\": 1, \"more\": 1,", "more"),
        ] {
            let changed = text().replacen(from, to, 1);
            assert_ne!(changed, text(), "{from}");
            let error = serde_json::from_str::<KeyFile>(&changed).unwrap_err().to_string();
            assert!(error.contains(part), "{from}: {error}");
        }
    }

    #[test]
    fn a_renamed_key_does_not_open() {
        let renamed: KeyFile = serde_json::from_str(&text().replace("\"ann\"", "\"bob\"")).unwrap();
        assert_eq!(renamed.decrypt(PASSPHRASE).unwrap_err(), EncryptedKeyError::Wrong);
    }
}
