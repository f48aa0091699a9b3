//! An encrypted key: its phrase's entropy under a passphrase. Browsers store their keys so, and nodes
//! may.
//!
//! The passphrase is stretched by Argon2id ([RFC 9106](https://www.rfc-editor.org/rfc/rfc9106)).
//! The entropy is encrypted by ChaCha20-Poly1305 ([RFC
//! 8439](https://www.rfc-editor.org/rfc/rfc8439)), which also authenticates all other fields and
//! the key's name. The cost of stretching is stored too, so that it may grow, and capped when it is
//! read. A hash tells damage from a wrong passphrase.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce, Tag};
use zeroize::Zeroizing;

use crate::primitives::hash::Hash;
use crate::primitives::identity::Identity;
use crate::primitives::key::PublicKey;

/// The fewest characters of a passphrase.
pub const PASSPHRASE_CHARS_MIN: usize = 10;
/// The most bytes of a passphrase.
pub const PASSPHRASE_BYTES_MAX: usize = 1_024;

const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
/// The bytes of the check: the first ones of the hash of all other bytes.
const CHECK_BYTES: usize = 8;
/// The authenticated bytes: a version, three numbers, salt, nonce and public key.
const HEAD_BYTES: usize = 1 + 3 * 4 + SALT_BYTES + NONCE_BYTES + 33;
/// The bytes of an encrypted key.
pub const ENCRYPTED_KEY_BYTES: usize = HEAD_BYTES + 32 + TAG_BYTES + CHECK_BYTES;
/// The value of the first byte.
const VERSION: u8 = 1;

/// The random bytes that encryption takes: a salt and a nonce.
pub type SaltAndNonce = [u8; SALT_BYTES + NONCE_BYTES];

/// The cost of stretching a passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    /// The cost that
    /// [OWASP](https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html)
    /// recommends.
    pub const USUAL: Self = Self { memory_kib: 19 * 1_024, passes: 2, lanes: 1 };
    /// The highest cost accepted from a stored key: a few seconds.
    pub const MAX: Self = Self { memory_kib: 64 * 1_024, passes: 8, lanes: 4 };

    /// Creates a cost: the memory in KiB, the number of passes over it, and the number of lanes.
    ///
    /// Argon2 takes at least 8 KiB, one pass and one lane. Encryption with less fails.
    pub const fn new(memory_kib: u32, passes: u32, lanes: u32) -> Self {
        Self { memory_kib, passes, lanes }
    }

    fn stretch(self, passphrase: &str, salt: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).ok()?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut key = Zeroizing::new([0; 32]);
        argon2.hash_password_into(passphrase.as_bytes(), salt, &mut *key).ok()?;
        Some(key)
    }
}

/// The reason that a key cannot be encrypted or decrypted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncryptedKeyError {
    /// The passphrase is too short, and so too easily guessed.
    #[error("a passphrase has at least {PASSPHRASE_CHARS_MIN} characters, this one has {found}")]
    Short {
        /// The number of characters.
        found: usize,
    },
    /// The passphrase is longer than any typed one.
    #[error("a passphrase has at most {PASSPHRASE_BYTES_MAX} bytes, this one has {found}")]
    Long {
        /// The number of bytes.
        found: usize,
    },
    /// The bytes differ from the ones that were stored.
    #[error("the encrypted key is damaged")]
    Damaged,
    /// The cost is over the cap, or invalid.
    #[error(
        "the key was encrypted at a cost of {} KiB, {} passes and {} lanes, at most {}, {} and {} expected",
        found.memory_kib, found.passes, found.lanes, Cost::MAX.memory_kib, Cost::MAX.passes, Cost::MAX.lanes
    )]
    Cost {
        /// The cost.
        found: Cost,
    },
    /// The passphrase differs from the one that encrypted the key.
    #[error("the passphrase is wrong")]
    Wrong,
}

/// Checks a new passphrase.
///
/// # Errors
/// It is too short or too long.
pub fn check_passphrase(passphrase: &str) -> Result<(), EncryptedKeyError> {
    let found = passphrase.chars().count();
    if found < PASSPHRASE_CHARS_MIN {
        return Err(EncryptedKeyError::Short { found });
    }
    check_length(passphrase)
}

fn check_length(passphrase: &str) -> Result<(), EncryptedKeyError> {
    let found = passphrase.len();
    if found > PASSPHRASE_BYTES_MAX { Err(EncryptedKeyError::Long { found }) } else { Ok(()) }
}

/// An encrypted key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptedKey {
    bytes: [u8; ENCRYPTED_KEY_BYTES],
    cost: Cost,
}

impl EncryptedKey {
    /// Encrypts a key with this name.
    ///
    /// # Errors
    /// The passphrase is too short or too long, or the cost is impossible.
    pub fn encrypt(
        identity: &Identity,
        name: &str,
        passphrase: &str,
        cost: Cost,
        random: &SaltAndNonce,
    ) -> Result<Self, EncryptedKeyError> {
        check_passphrase(passphrase)?;
        let mut bytes = [0; ENCRYPTED_KEY_BYTES];
        let numbers = [cost.memory_kib, cost.passes, cost.lanes].map(u32::to_be_bytes).concat();
        let head = [&[VERSION][..], &numbers, random, identity.public().as_bytes()].concat();
        bytes[..HEAD_BYTES].copy_from_slice(&head);
        let (head, rest) = bytes.split_at_mut(HEAD_BYTES);
        let (secret, rest) = rest.split_at_mut(32);
        secret.copy_from_slice(identity.entropy());
        let key = cost.stretch(passphrase, salt(head)).ok_or(EncryptedKeyError::Cost { found: cost })?;
        let tag = ChaCha20Poly1305::new(&Key::from(*key))
            .encrypt_inout_detached(&nonce(head), &authenticated(head, name), secret.into())
            .map_err(|_| EncryptedKeyError::Damaged)?;
        rest[..TAG_BYTES].copy_from_slice(&tag);
        let check = check_of(&bytes);
        bytes[ENCRYPTED_KEY_BYTES - CHECK_BYTES..].copy_from_slice(&check);
        Ok(Self { bytes, cost })
    }

    /// Decodes a stored key.
    ///
    /// # Errors
    /// [`EncryptedKeyError::Damaged`], or [`EncryptedKeyError::Cost`] for a key that costs too much.
    pub fn decode(bytes: &[u8]) -> Result<Self, EncryptedKeyError> {
        let bytes: [u8; ENCRYPTED_KEY_BYTES] = bytes.try_into().map_err(|_| EncryptedKeyError::Damaged)?;
        if bytes[0] != VERSION || check_of(&bytes) != bytes[ENCRYPTED_KEY_BYTES - CHECK_BYTES..] {
            return Err(EncryptedKeyError::Damaged);
        }
        let number = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let cost = Cost { memory_kib: number(1), passes: number(5), lanes: number(9) };
        let most = Cost::MAX;
        if cost.memory_kib > most.memory_kib || cost.passes > most.passes || cost.lanes > most.lanes {
            return Err(EncryptedKeyError::Cost { found: cost });
        }
        Ok(Self { bytes, cost })
    }

    /// Returns the bytes to store.
    pub fn encode(&self) -> Vec<u8> {
        self.bytes.to_vec()
    }

    /// Returns the public key.
    pub fn public(&self) -> PublicKey {
        let mut public = [0; 33];
        public.copy_from_slice(&self.bytes[HEAD_BYTES - 33..HEAD_BYTES]);
        PublicKey::from_bytes(public)
    }

    /// Decrypts the key. A wrong passphrase takes the same time as the right one.
    ///
    /// # Errors
    /// [`EncryptedKeyError::Wrong`], also for another name or an overlong passphrase.
    pub fn decrypt(&self, name: &str, passphrase: &str) -> Result<Identity, EncryptedKeyError> {
        check_length(passphrase)?;
        let (head, rest) = self.bytes.split_at(HEAD_BYTES);
        let key =
            self.cost.stretch(passphrase, salt(head)).ok_or(EncryptedKeyError::Cost { found: self.cost })?;
        let mut secret = Zeroizing::new([0; 32]);
        secret.copy_from_slice(&rest[..32]);
        let mut tag = Tag::default();
        tag.copy_from_slice(&rest[32..32 + TAG_BYTES]);
        ChaCha20Poly1305::new(&Key::from(*key))
            .decrypt_inout_detached(
                &nonce(head),
                &authenticated(head, name),
                secret.as_mut_slice().into(),
                &tag,
            )
            .map_err(|_| EncryptedKeyError::Wrong)?;
        let identity = Identity::from_entropy(&secret).map_err(|_| EncryptedKeyError::Damaged)?;
        if identity.public() == self.public() { Ok(identity) } else { Err(EncryptedKeyError::Damaged) }
    }
}

fn salt(head: &[u8]) -> &[u8] {
    &head[13..13 + SALT_BYTES]
}

fn nonce(head: &[u8]) -> Nonce {
    let mut nonce = Nonce::default();
    nonce.copy_from_slice(&head[13 + SALT_BYTES..13 + SALT_BYTES + NONCE_BYTES]);
    nonce
}

fn authenticated(head: &[u8], name: &str) -> Vec<u8> {
    [head, name.as_bytes()].concat()
}

fn check_of(bytes: &[u8; ENCRYPTED_KEY_BYTES]) -> [u8; CHECK_BYTES] {
    let hash = Hash::of(&bytes[..ENCRYPTED_KEY_BYTES - CHECK_BYTES]);
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&hash.as_bytes()[..CHECK_BYTES]);
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lowest cost that Argon2 allows, for tests that decrypt thousands of keys.
    const CHEAP: Cost = Cost::new(8, 1, 1);
    const PASSPHRASE: &str = "correct horse";

    fn identity() -> Identity {
        Identity::from_entropy(&[9; 32]).unwrap()
    }

    fn encrypted(cost: Cost) -> EncryptedKey {
        EncryptedKey::encrypt(&identity(), "ann", PASSPHRASE, cost, &[4; 28]).unwrap()
    }

    #[test]
    fn a_sealed_key_is_opened_by_its_passphrase_and_name_alone() {
        let encrypted = encrypted(Cost::USUAL);
        let again = EncryptedKey::decode(&encrypted.encode()).unwrap();
        assert_eq!((&again, again.public()), (&encrypted, identity().public()));
        assert_eq!(again.decrypt("ann", PASSPHRASE).unwrap().words(), identity().words());
        assert_eq!(again.decrypt("ann", "correct horsf").unwrap_err(), EncryptedKeyError::Wrong);
        assert_eq!(again.decrypt("bob", PASSPHRASE).unwrap_err(), EncryptedKeyError::Wrong);
    }

    #[test]
    fn nothing_of_the_key_can_be_read() {
        let bytes = encrypted(CHEAP).encode();
        let secret = identity().secret().to_bytes();
        for part in [&[9; 8][..], &secret[..8]] {
            assert!(!bytes.windows(8).any(|window| window == part));
        }
        let shown = format!("{:?} {:?}", identity(), encrypted(CHEAP).decrypt("ann", PASSPHRASE));
        assert!(!shown.contains(identity().words().split(' ').next().unwrap()), "{shown}");
    }

    #[test]
    fn a_flipped_bit_opens_nothing_even_if_the_check_fits() {
        let encrypted = encrypted(CHEAP);
        for bit in 0..8 * ENCRYPTED_KEY_BYTES {
            let mut bytes = encrypted.encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(EncryptedKey::decode(&bytes).unwrap_err(), EncryptedKeyError::Damaged, "bit {bit}");
            let mut fitted: [u8; ENCRYPTED_KEY_BYTES] = bytes.try_into().unwrap();
            let check = check_of(&fitted);
            fitted[ENCRYPTED_KEY_BYTES - CHECK_BYTES..].copy_from_slice(&check);
            match EncryptedKey::decode(&fitted) {
                Err(error) => {
                    assert!(
                        matches!(error, EncryptedKeyError::Damaged | EncryptedKeyError::Cost { .. }),
                        "bit {bit}"
                    );
                }
                Ok(forged) if fitted == encrypted.bytes => {
                    assert_eq!(forged, encrypted, "bit {bit} is of the check");
                }
                Ok(forged) => {
                    let error = forged.decrypt("ann", PASSPHRASE).unwrap_err();
                    assert!(
                        matches!(error, EncryptedKeyError::Wrong | EncryptedKeyError::Cost { .. }),
                        "bit {bit}: {error}"
                    );
                }
            }
        }
        for bytes in 0..ENCRYPTED_KEY_BYTES {
            assert_eq!(
                EncryptedKey::decode(&encrypted.encode()[..bytes]).unwrap_err(),
                EncryptedKeyError::Damaged
            );
        }
    }

    #[test]
    fn what_costs_too_much_is_refused_unstretched() {
        let mut dear = encrypted(CHEAP).bytes;
        dear[1..5].copy_from_slice(&u32::MAX.to_be_bytes());
        let check = check_of(&dear);
        dear[ENCRYPTED_KEY_BYTES - CHECK_BYTES..].copy_from_slice(&check);
        let found = Cost { memory_kib: u32::MAX, ..CHEAP };
        assert_eq!(EncryptedKey::decode(&dear).unwrap_err(), EncryptedKeyError::Cost { found });
    }

    #[test]
    fn passphrases_are_neither_short_nor_endless() {
        let encrypt =
            |passphrase: &str| EncryptedKey::encrypt(&identity(), "ann", passphrase, CHEAP, &[4; 28]);
        assert_eq!(encrypt("ninechars").unwrap_err(), EncryptedKeyError::Short { found: 9 });
        assert!(encrypt("zehn Zähne").is_ok());
        let endless = "x".repeat(PASSPHRASE_BYTES_MAX + 1);
        assert_eq!(encrypt(&endless).unwrap_err(), EncryptedKeyError::Long { found: 1_025 });
        assert_eq!(
            encrypted(CHEAP).decrypt("ann", &endless).unwrap_err(),
            EncryptedKeyError::Long { found: 1_025 }
        );
    }
}
