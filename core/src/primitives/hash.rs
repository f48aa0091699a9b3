//! SHA-256 hashes, plain for headers and tagged for all other data.
//!
//! Specified in PROTOCOL.md, "Conventions: Hashes".

use core::fmt;
use core::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// A SHA-256 hash: 32 bytes, shown as 64 hex digits.
///
/// ```
/// use plexus_core::Hash;
///
/// let hash = Hash::of(b"abc");
/// assert!(hash.to_string().starts_with("ba7816bf"));
/// assert_eq!(hash.to_string().parse(), Ok(hash));
/// assert!("ba7816bf".parse::<Hash>().is_err(), "64 digits are needed");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// 32 zero bytes: the parent of a genesis block, and the root of an empty list of messages.
    pub const ZERO: Self = Self([0; 32]);

    /// Creates a hash from its bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 64];
        hex::encode_to_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
        f.pad(core::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a hash: 64 hex digits expected")]
pub struct HashTextError;

impl FromStr for Hash {
    type Err = HashTextError;

    fn from_str(text: &str) -> Result<Self, HashTextError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| HashTextError)?;
        Ok(Self(bytes))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            <[u8; 32]>::deserialize(deserializer).map(Self)
        }
    }
}

/// The hash domains, each with its state after the tag's block.
macro_rules! tags {
    ($($(#[$doc:meta])* $tag:ident = $text:literal;)*) => {
        /// The domain of a tagged hash. The tag is hashed first, so that hashes of different kinds
        /// never collide.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Tag { $($(#[$doc])* $tag,)* }

        impl Tag {
            /// Every tag.
            pub const ALL: &[Self] = &[$(Self::$tag,)*];

            /// Returns the tag's text.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$tag => $text,)* }
            }
        }
    };
}

tags! {
    /// A network's parameters.
    Network = "plexus/network";
    /// A message's id.
    Message = "plexus/message";
    /// A message's stamp.
    Stamp = "plexus/stamp";
    /// A leaf of the tree of messages.
    Leaf = "plexus/leaf";
    /// An inner node of the tree of messages.
    Node = "plexus/node";
    /// The digest that a block's author signs.
    Block = "plexus/block";
    /// A block's body.
    Body = "plexus/body";
    /// A header's contents.
    Content = "plexus/content";
    /// A parent in the MMR.
    History = "plexus/history";
    /// The root of the MMR.
    Root = "plexus/root";
    /// The digest that a node signs to prove its key to a peer.
    Handshake = "plexus/handshake";
    /// The key of a block's short ids.
    Short = "plexus/short";
    /// The digest that an end of a link signs about its latency.
    Link = "plexus/link";
    /// A certified link's place and mark in a digest of the graph.
    Digest = "plexus/digest";
    /// The secret of a node's address book.
    Book = "plexus/book";
    /// The next number of a node's seeded randomness.
    Chance = "plexus/chance";
    /// The netgroup of a host name.
    Group = "plexus/group";
    /// A point of work that a chain proof has to show.
    Sample = "plexus/sample";
}

/// The SHA-256 state after SHA-256(tag) ‖ SHA-256(tag). These 64 bytes are one block, so the state
/// saves a compression per hash.
static PREFIXES: LazyLock<Vec<Sha256>> = LazyLock::new(|| {
    Tag::ALL
        .iter()
        .map(|tag| {
            let digest = Sha256::digest(tag.text());
            Sha256::new().chain_update(digest).chain_update(digest)
        })
        .collect()
});

/// Returns the tagged hash of [BIP
/// 340](https://github.com/bitcoin/bips/blob/master/bip-0340.mediawiki): SHA-256(SHA-256(tag) ‖
/// SHA-256(tag) ‖ concatenated parts).
///
/// ```
/// use plexus_core::primitives::hash::{Tag, tagged};
///
/// // The parts are joined before they are hashed. The tag keeps the kinds of hashes apart.
/// assert_eq!(tagged(Tag::Leaf, &[b"ab", b"c"]), tagged(Tag::Leaf, &[b"abc"]));
/// assert_ne!(tagged(Tag::Leaf, &[b"abc"]), tagged(Tag::Node, &[b"abc"]));
/// ```
pub fn tagged(tag: Tag, parts: &[&[u8]]) -> Hash {
    let mut state = PREFIXES[tag as usize].clone();
    for part in parts {
        state.update(part);
    }
    Hash(state.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tagged_hash_is_the_definition() {
        for &tag in Tag::ALL {
            let digest = Hash::of(tag.text().as_bytes());
            let whole = [digest.as_bytes().as_slice(), digest.as_bytes(), b"ab", b"c"].concat();
            assert_eq!(tagged(tag, &[b"ab", b"c"]), Hash::of(&whole));
        }
    }

    #[test]
    fn text_and_back() {
        let hash = Hash::of(b"abc");
        assert_eq!(hash.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!("ba78".parse::<Hash>(), Err(HashTextError));
    }
}
