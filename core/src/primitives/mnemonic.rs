//! Mnemonics: the 24 words that restore a key, and the derivation of the key from them.

use core::fmt;
use core::str::FromStr;

use bip32::{PrivateKey, XPrv};
use zeroize::Zeroizing;

use crate::primitives::hash::Hash;
use crate::primitives::key::{KeyError, PHRASE_WORDS, SecretKey};

mod words;

/// The derivation path of a phrase's key below its seed ([BIP
/// 32](https://github.com/bitcoin/bips/blob/master/bip-0032.mediawiki), [BIP
/// 44](https://github.com/bitcoin/bips/blob/master/bip-0044.mediawiki)).
pub const PATH: &str = "m/44'/8333'/0'/0/0";
/// The number of hash rounds from a phrase to its seed (BIP 39).
const SEED_ROUNDS: u32 = 2_048;
/// The bits of a word: its index among 2,048.
const WORD_BITS: usize = 11;
/// The bytes of a phrase.
const PHRASE_BYTES: usize = PHRASE_WORDS * WORD_BITS / 8;

/// The 24 words of a key ([BIP 39](https://github.com/bitcoin/bips/blob/master/bip-0039.mediawiki), English list).
///
/// ```
/// use plexus_core::primitives::key::KeyError;
/// use plexus_core::primitives::mnemonic::Phrase;
///
/// let phrase = Phrase::from_entropy(&[0; 32]);
/// let words = phrase.to_string();
/// assert!(words.starts_with("abandon abandon") && words.ends_with("art"));
/// assert_eq!(words.parse::<Phrase>().unwrap().entropy(), phrase.entropy());
/// // The last word carries a checksum.
/// let wrong = words.replace("art", "abandon");
/// assert_eq!(wrong.parse::<Phrase>().unwrap_err(), KeyError::Checksum);
/// ```
#[derive(Clone)]
pub struct Phrase(Zeroizing<[u8; 32]>);

impl Phrase {
    /// Creates the phrase of 32 random bytes.
    pub fn from_entropy(entropy: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*entropy))
    }

    /// Returns the entropy of the words, which determines the key.
    pub fn entropy(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the bytes that the words encode: the entropy, and the first byte of its hash.
    fn bytes(&self) -> Zeroizing<[u8; PHRASE_BYTES]> {
        let mut bytes = Zeroizing::new([0; PHRASE_BYTES]);
        bytes[..32].copy_from_slice(&*self.0);
        bytes[32] = Hash::of(&*self.0).as_bytes()[0];
        bytes
    }

    /// Returns the seed that BIP 39 derives from it.
    fn seed(&self) -> Zeroizing<[u8; 64]> {
        let mut seed = Zeroizing::new([0; 64]);
        let words = Zeroizing::new(self.to_string());
        pbkdf2::pbkdf2_hmac::<sha2::Sha512>(words.as_bytes(), b"mnemonic", SEED_ROUNDS, &mut *seed);
        seed
    }
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes();
        for place in 0..PHRASE_WORDS {
            let bits = (WORD_BITS * place..).take(WORD_BITS);
            let index =
                bits.fold(0, |index, bit| index << 1 | usize::from(bytes[bit / 8] >> (7 - bit % 8) & 1));
            let space = if place > 0 { " " } else { "" };
            write!(f, "{space}{}", crate::primitives::mnemonic::words::at(index))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phrase(24 words)")
    }
}

/// Returns the words of a text, without the numbers of a numbered list.
///
/// ```
/// use plexus_core::primitives::mnemonic::listed;
///
/// assert!(listed(" 1. abandon\n2) Ability 3:able").eq(["abandon", "Ability", "able"]));
/// ```
pub fn listed(text: &str) -> impl Iterator<Item = &str> {
    let is_number = |char: char| char.is_ascii_digit() || matches!(char, '.' | ')' | ':');
    text.split_whitespace()
        .map(move |word| word.trim_start_matches(is_number))
        .filter(|word| !word.is_empty())
}

impl FromStr for Phrase {
    type Err = KeyError;

    /// Reads 24 words with any white space between them, in either case. They may be numbered, as in
    /// `1. word` or `1) word`.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let found = listed(text).count();
        if found != PHRASE_WORDS {
            return Err(KeyError::WordCount { found });
        }
        let mut bytes = Zeroizing::new([0; PHRASE_BYTES]);
        for (place, word) in listed(text).enumerate() {
            let word = Zeroizing::new(word.to_ascii_lowercase());
            let index = crate::primitives::mnemonic::words::find(&word)
                .ok_or_else(|| KeyError::Word { place: place + 1, word: word.as_str().to_owned() })?;
            for bit in 0..WORD_BITS {
                let at = WORD_BITS * place + bit;
                bytes[at / 8] |= u8::from(index >> (WORD_BITS - 1 - bit) & 1 == 1) << (7 - at % 8);
            }
        }
        let mut phrase = Self(Zeroizing::new([0; 32]));
        phrase.0.copy_from_slice(&bytes[..32]);
        if phrase.bytes() == bytes { Ok(phrase) } else { Err(KeyError::Checksum) }
    }
}

impl SecretKey {
    /// Creates the key of a phrase: BIP-39 seed without passphrase, and BIP-32 derivation along
    /// [`PATH`].
    ///
    /// # Errors
    /// [`KeyError::Secret`] if the derivation meets an invalid key (one seed in 2^127).
    ///
    /// # Examples
    /// ```
    /// use plexus_core::SecretKey;
    /// use plexus_core::primitives::mnemonic::Phrase;
    ///
    /// let phrase = Phrase::from_entropy(&[7; 32]);
    /// let secret = SecretKey::from_phrase(&phrase).unwrap();
    /// // Upper case and more white space make no difference.
    /// let typed = phrase.to_string().to_uppercase().replace(' ', "\n  ");
    /// let restored = SecretKey::from_phrase(&typed.parse().unwrap()).unwrap();
    /// assert_eq!(restored.public(), secret.public());
    /// ```
    pub fn from_phrase(phrase: &Phrase) -> Result<Self, KeyError> {
        derive(phrase.seed().as_slice(), PATH)
    }
}

/// Derives the key along a path from a seed of 16 to 64 bytes.
fn derive(seed: &[u8], path: &str) -> Result<SecretKey, KeyError> {
    let root = XPrv::new(seed).map_err(|_| KeyError::Secret)?;
    let path: bip32::DerivationPath = path.parse().map_err(|_| KeyError::Secret)?;
    let mut secret = root.private_key().clone();
    let mut chain_code = Zeroizing::new(root.attrs().chain_code);
    // Derived child by child, because a whole extended key needs the hash for its parent's
    // fingerprint, which nothing here uses.
    for child in path {
        let (tweak, next) = secret.derive_tweak(&chain_code, child).map_err(|_| KeyError::Secret)?;
        secret = secret.derive_child(*Zeroizing::new(tweak)).map_err(|_| KeyError::Secret)?;
        *chain_code = next;
    }
    SecretKey::from_bytes(&Zeroizing::new(secret.to_bytes().into()))
}

#[cfg(test)]
mod vectors;

#[cfg(test)]
mod tests {
    use bip39::Language;

    use super::*;

    #[test]
    fn a_phrase_restores_its_key() {
        let phrase = Phrase::from_entropy(&[3; 32]);
        let text = phrase.to_string();
        assert_eq!(text.split(' ').count(), PHRASE_WORDS);
        let again: Phrase = format!("  {}\n", text.to_uppercase().replace(' ', "\n ")).parse().unwrap();
        let (first, second) =
            (SecretKey::from_phrase(&phrase).unwrap(), SecretKey::from_phrase(&again).unwrap());
        assert_eq!(first.public(), second.public());
    }

    #[test]
    fn a_numbered_list_is_a_phrase() {
        let phrase = Phrase::from_entropy(&[3; 32]);
        let numbered = |form: &dyn Fn(usize, &str) -> String| {
            let text = phrase.to_string();
            let lines: Vec<_> = text.split(' ').enumerate().map(|(at, word)| form(at + 1, word)).collect();
            lines.join("\n").parse::<Phrase>().unwrap()
        };
        for list in [
            numbered(&|at, word| format!("{at}. {word}")),
            numbered(&|at, word| format!("  {at})\t{word}")),
            numbered(&|at, word| format!("{at}\n{word}\n")),
            numbered(&|at, word| format!("{at:02}.{word}")),
        ] {
            assert_eq!(list.entropy(), phrase.entropy());
        }
        assert_eq!("1. 2. 3.".parse::<Phrase>().unwrap_err(), KeyError::WordCount { found: 0 });
    }

    #[test]
    fn a_phrases_key_is_that_of_bip_32() {
        for byte in 0..8 {
            let phrase = Phrase::from_entropy(&[byte; 32]);
            let key = XPrv::derive_from_path(phrase.seed().as_slice(), &PATH.parse().unwrap()).unwrap();
            let expected: [u8; 32] = key.private_key().to_bytes().into();
            assert_eq!(*SecretKey::from_phrase(&phrase).unwrap().to_bytes(), expected);
        }
    }

    #[test]
    fn a_phrases_seed_is_that_of_bip_39() {
        let mnemonic = bip39::Mnemonic::from_entropy_in(Language::English, &[5; 32]).unwrap();
        assert_eq!(*Phrase::from_entropy(&[5; 32]).seed(), mnemonic.to_seed_normalized(""));
    }

    proptest::proptest! {
        #[test]
        fn a_phrases_words_are_those_of_bip_39(entropy: [u8; 32]) {
            let mnemonic = bip39::Mnemonic::from_entropy_in(Language::English, &entropy).unwrap();
            let phrase = Phrase::from_entropy(&entropy);
            proptest::prop_assert_eq!(phrase.to_string(), mnemonic.to_string());
            proptest::prop_assert_eq!(*mnemonic.to_string().parse::<Phrase>().unwrap().0, entropy);
        }
    }

    #[test]
    fn a_bad_phrase_is_named() {
        let text = Phrase::from_entropy(&[3; 32]).to_string();
        assert_eq!("".parse::<Phrase>().unwrap_err(), KeyError::WordCount { found: 0 });
        let mut words: Vec<_> = text.split(' ').collect();
        words[4] = "plexus";
        let error = words.join(" ").parse::<Phrase>().unwrap_err();
        assert_eq!(error, KeyError::Word { place: 5, word: "plexus".to_owned() });
        words[4] = if text.split(' ').nth(4) == Some("zoo") { "zone" } else { "zoo" };
        assert_eq!(words.join(" ").parse::<Phrase>().unwrap_err(), KeyError::Checksum);
    }
}
