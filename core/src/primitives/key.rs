//! secp256k1 keys: signing and verifying.
//!
//! Specified in PROTOCOL.md, "Conventions: Keys and signatures"
//! and PROTOCOL.md, "Conventions: Key derivation".
//!
//! This module has no source of randomness: the creator of a key supplies 32 random bytes.

use core::fmt;
use core::str::FromStr;

use k256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use k256::ecdsa::{SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::primitives::hash::Hash;

/// The number of words of a phrase: 256 bits of entropy and 8 of checksum.
pub const PHRASE_WORDS: usize = 24;

/// A compressed secp256k1 key: 33 bytes, shown as 66 hex digits.
///
/// The bytes are checked only when a signature is verified: a key that is not a point of the curve
/// verifies no signature.
///
/// ```
/// use plexus_core::{PublicKey, SecretKey};
///
/// let key = SecretKey::from_bytes(&[7; 32]).unwrap().public();
/// assert_eq!(key.to_string().parse(), Ok(key));
/// assert!(key.ready().is_some(), "it is a point of the curve");
/// assert!(PublicKey::NOBODY.ready().is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 33]);

impl PublicKey {
    /// 33 zero bytes: the author of a genesis block, for which no signature can be made.
    pub const NOBODY: Self = Self([0; 33]);

    /// Creates a key from its 33 bytes.
    pub const fn from_bytes(bytes: [u8; 33]) -> Self {
        Self(bytes)
    }

    /// Returns its 33 bytes.
    pub const fn as_bytes(&self) -> &[u8; 33] {
        &self.0
    }

    /// Returns the key as a point of the curve, ready to verify many signatures. Returns `None` if
    /// its bytes are not a point.
    pub fn ready(&self) -> Option<ReadyKey> {
        // SEC 1 has a form of 33 bytes that leaves the parity of y open. k256 accepts it, but the
        // protocol does not.
        if !matches!(self.0[0], 2 | 3) {
            return None;
        }
        VerifyingKey::from_sec1_bytes(&self.0).ok().map(ReadyKey)
    }

    /// Returns true if `signature` is this key's ECDSA signature of `digest`, with the low s of the
    /// two possible.
    pub fn verifies(&self, digest: &Hash, signature: &Signature) -> bool {
        self.ready().is_some_and(|key| key.verifies(digest, signature))
    }
}

/// A public key that is a point of the curve.
///
/// Finding the point takes a square root, a tenth of a verification. A caller that verifies many
/// signatures of one key finds it once.
#[derive(Clone, Copy, Debug)]
pub struct ReadyKey(VerifyingKey);

impl ReadyKey {
    /// Returns true if a signature is valid, like [`PublicKey::verifies`].
    pub fn verifies(&self, digest: &Hash, signature: &Signature) -> bool {
        let Ok(signature) = k256::ecdsa::Signature::from_slice(&signature.0) else { return false };
        // k256 itself rejects the high s. The test `a_high_s_is_refused` checks that this stays so.
        self.0.verify_prehash(digest.as_bytes(), &signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The reason why a text or phrase is not a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A public key's text has another form.
    #[error("not a public key: 66 hex digits expected")]
    PublicText,
    /// A signature's text has another form.
    #[error("not a signature: 128 hex digits expected")]
    SignatureText,
    /// A phrase has another number of words.
    #[error("a phrase has {PHRASE_WORDS} words, this one has {found}")]
    WordCount {
        /// The number of words.
        found: usize,
    },
    /// A word is not on the list.
    #[error("word {place} of the phrase, \"{word}\", is not on the BIP-39 list")]
    Word {
        /// Its position, from 1.
        place: usize,
        /// The word.
        word: String,
    },
    /// The phrase's checksum does not fit: a word is wrong or out of place.
    #[error("the phrase's words do not fit together: one is wrong or out of place")]
    Checksum,
    /// The bytes are not a valid secret key: zero, or not below the group's order.
    #[error("not a secret key: zero or above the order of secp256k1")]
    Secret,
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut bytes = [0; 33];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| KeyError::PublicText)?;
        Ok(Self(bytes))
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
            return text.parse().map_err(serde::de::Error::custom);
        }
        let bytes = <&[u8]>::deserialize(deserializer)?;
        bytes.try_into().map(Self).map_err(|_| serde::de::Error::invalid_length(bytes.len(), &"33 bytes"))
    }
}

/// An ECDSA signature: r ‖ s, 64 bytes, shown as 128 hex digits.
///
/// ```
/// use plexus_core::{Hash, SecretKey, Signature};
///
/// let secret = SecretKey::from_bytes(&[7; 32]).unwrap();
/// let signature = secret.sign(&Hash::of(b"text"));
/// // The nonce follows from key and digest, so signing again gives the same signature.
/// assert_eq!(secret.sign(&Hash::of(b"text")), signature);
/// assert!(!secret.public().verifies(&Hash::of(b"text"), &Signature::NONE));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature([u8; 64]);

impl Signature {
    /// 64 zero bytes: the signature of a genesis block, valid for no key.
    pub const NONE: Self = Self([0; 64]);

    /// Creates a signature from its 64 bytes.
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// Returns its 64 bytes.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Signature {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut bytes = [0; 64];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| KeyError::SignatureText)?;
        Ok(Self(bytes))
    }
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
            return text.parse().map_err(serde::de::Error::custom);
        }
        let bytes = <&[u8]>::deserialize(deserializer)?;
        bytes.try_into().map(Self).map_err(|_| serde::de::Error::invalid_length(bytes.len(), &"64 bytes"))
    }
}

/// A key that signs. It is wiped when dropped and never shown.
///
/// ```
/// use plexus_core::{Hash, SecretKey};
///
/// let secret = SecretKey::from_bytes(&[7; 32]).unwrap();
/// let digest = Hash::of(b"text");
/// let signature = secret.sign(&digest);
/// assert!(secret.public().verifies(&digest, &signature));
/// assert!(!secret.public().verifies(&Hash::of(b"another text"), &signature));
/// ```
#[derive(Clone)]
pub struct SecretKey {
    signing: SigningKey,
    public: PublicKey,
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl SecretKey {
    /// Creates a key from its 32 bytes.
    ///
    /// # Errors
    /// [`KeyError::Secret`] for zero and for numbers not below the group's order.
    ///
    /// # Examples
    /// ```
    /// use plexus_core::SecretKey;
    /// use plexus_core::primitives::key::KeyError;
    ///
    /// assert_eq!(SecretKey::from_bytes(&[0; 32]).unwrap_err(), KeyError::Secret);
    /// assert_eq!(SecretKey::from_bytes(&[0xff; 32]).unwrap_err(), KeyError::Secret);
    /// ```
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let signing = SigningKey::from_slice(bytes).map_err(|_| KeyError::Secret)?;
        let point = signing.verifying_key().to_sec1_point(true);
        let bytes = point.as_bytes().try_into().map_err(|_| KeyError::Secret)?;
        Ok(Self { signing, public: PublicKey(bytes) })
    }

    /// Returns its 32 bytes, wiped when dropped.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.signing.to_bytes().into())
    }

    /// Returns the public key that verifies its signatures.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Returns the signature of a digest: ECDSA with the nonce of [RFC
    /// 6979](https://www.rfc-editor.org/rfc/rfc6979), low s.
    ///
    /// # Panics
    /// Never: signing fails only for digests under 16 bytes.
    pub fn sign(&self, digest: &Hash) -> Signature {
        let signature: k256::ecdsa::Signature =
            self.signing.sign_prehash(digest.as_bytes()).expect("a 32-byte digest can be signed");
        Signature(signature.normalize_s().to_bytes().into())
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    fn secret() -> SecretKey {
        SecretKey::from_bytes(&[7; 32]).unwrap()
    }

    #[test]
    fn a_signature_holds_for_its_digest_and_key_only() {
        let digest = Hash::of(b"digest");
        let signature = secret().sign(&digest);
        assert!(secret().public().verifies(&digest, &signature));
        assert!(!secret().public().verifies(&Hash::of(b"other"), &signature));
        assert!(!SecretKey::from_bytes(&[8; 32]).unwrap().public().verifies(&digest, &signature));
        assert!(!PublicKey::NOBODY.verifies(&digest, &signature));
        assert!(!secret().public().verifies(&digest, &Signature::NONE));
    }

    #[test]
    fn a_high_s_is_refused() {
        let digest = Hash::of(b"digest");
        let low = k256::ecdsa::Signature::from_slice(secret().sign(&digest).as_bytes()).unwrap();
        let (r, s) = low.split_scalars();
        let high = k256::ecdsa::Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).unwrap();
        assert!(!secret().public().verifies(&digest, &Signature(high.to_bytes().into())));
    }

    #[test]
    fn a_sum_at_infinity_is_no_signature() {
        // The digest is -r times the secret, so the two products of a verification cancel out.
        let (r, s) = (k256::Scalar::from(5_u64), k256::Scalar::ONE);
        let digest = Hash::from_bytes((-r * **secret().signing.as_nonzero_scalar()).to_bytes().into());
        let signature = k256::ecdsa::Signature::from_scalars(r.to_bytes(), s.to_bytes()).unwrap();
        assert!(!secret().public().verifies(&digest, &Signature(signature.to_bytes().into())));
    }

    #[test]
    fn only_the_compressed_form_is_a_key() {
        let digest = Hash::of(b"digest");
        for seed in 1..20 {
            let secret = SecretKey::from_bytes(&[seed; 32]).unwrap();
            let signature = secret.sign(&digest);
            for tag in 0..=u8::MAX {
                let mut bytes = *secret.public().as_bytes();
                bytes[0] = tag;
                let holds = PublicKey(bytes).verifies(&digest, &signature);
                assert_eq!(holds, tag == secret.public().0[0], "tag {tag}");
            }
        }
    }
}
