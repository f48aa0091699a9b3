//! A user's key: made once, shown as 24 words, restored from them.

use zeroize::Zeroizing;

use crate::primitives::key::{KeyError, PublicKey, SecretKey};
use crate::primitives::mnemonic::Phrase;

/// The most bytes of a phrase as it is typed: 24 words of at most 8 letters, and room for white
/// space.
pub const PHRASE_BYTES_MAX: usize = 1_024;

/// A phrase and its key.
#[derive(Clone, Debug)]
pub struct Identity {
    phrase: Phrase,
    secret: SecretKey,
}

impl Identity {
    /// Creates the identity of 32 random bytes.
    ///
    /// # Errors
    /// The bytes are an invalid key, which happens once in 2^127 times.
    pub fn from_entropy(entropy: &[u8; 32]) -> Result<Self, KeyError> {
        Self::from_phrase(Phrase::from_entropy(entropy))
    }

    /// Creates the identity of 24 words.
    ///
    /// # Errors
    /// The word that is wrong.
    pub fn from_words(words: &str) -> Result<Self, KeyError> {
        if words.len() > PHRASE_BYTES_MAX {
            return Err(KeyError::WordCount { found: words.split_whitespace().count() });
        }
        Self::from_phrase(words.parse()?)
    }

    /// Creates the identity of a phrase.
    ///
    /// # Errors
    /// The phrase leads to an invalid key, which happens once in 2^127 times.
    pub fn from_phrase(phrase: Phrase) -> Result<Self, KeyError> {
        Ok(Self { secret: SecretKey::from_phrase(&phrase)?, phrase })
    }

    /// Returns the phrase.
    pub fn phrase(&self) -> &Phrase {
        &self.phrase
    }

    /// Returns the 24 words.
    pub fn words(&self) -> Zeroizing<String> {
        Zeroizing::new(self.phrase.to_string())
    }

    /// Returns the random bytes that the words encode.
    pub fn entropy(&self) -> &[u8; 32] {
        self.phrase.entropy()
    }

    /// Returns the key that signs.
    pub fn secret(&self) -> &SecretKey {
        &self.secret
    }

    /// Returns the public key.
    pub fn public(&self) -> PublicKey {
        self.secret.public()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_restore_the_key() {
        let identity = Identity::from_entropy(&[9; 32]).unwrap();
        assert_eq!(identity.words().split(' ').count(), 24);
        assert_eq!(Identity::from_words(&identity.words()).unwrap().public(), identity.public());
    }

    #[test]
    fn endless_words_are_refused_unread() {
        let words = "abandon ".repeat(1_000);
        assert_eq!(Identity::from_words(&words).unwrap_err(), KeyError::WordCount { found: 1_000 });
    }
}
