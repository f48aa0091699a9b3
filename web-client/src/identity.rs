//! A person's key: made once, shown as 24 words, restored from them.

use plexus_core::key::{KeyError, Phrase, PublicKey, SecretKey};
use zeroize::Zeroizing;

/// The most bytes of a phrase as it is typed: 24 words of at most 8 letters, and room for white space.
pub(crate) const PHRASE_BYTES_MAX: usize = 1_024;

/// A phrase and the key that it stands for.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    phrase: Phrase,
    secret: SecretKey,
}

impl Identity {
    /// The identity of 32 bytes of chance.
    ///
    /// # Errors
    /// The one draw in 2^127 that makes no key.
    pub(crate) fn from_entropy(entropy: &[u8; 32]) -> Result<Self, KeyError> {
        Self::from_phrase(Phrase::from_entropy(entropy))
    }

    /// The identity of 24 words.
    ///
    /// # Errors
    /// Says which word is wrong.
    pub(crate) fn from_words(words: &str) -> Result<Self, KeyError> {
        if words.len() > PHRASE_BYTES_MAX {
            return Err(KeyError::WordCount { found: words.split_whitespace().count() });
        }
        Self::from_phrase(words.parse()?)
    }

    fn from_phrase(phrase: Phrase) -> Result<Self, KeyError> {
        Ok(Self { secret: SecretKey::from_phrase(&phrase)?, phrase })
    }

    /// The 24 words.
    pub(crate) fn words(&self) -> Zeroizing<String> {
        Zeroizing::new(self.phrase.to_string())
    }

    /// The chance that the words stand for.
    pub(crate) fn entropy(&self) -> &[u8; 32] {
        self.phrase.entropy()
    }

    /// The key that signs.
    pub(crate) fn secret(&self) -> &SecretKey {
        &self.secret
    }

    /// The key that others see.
    pub(crate) fn public(&self) -> PublicKey {
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
