//! Signed messages: the contents of the ledger.
//!
//! Specified in PROTOCOL.md, "Message".
//!
//! A [`Draft`] has every field except the proofs. A [`Message`] has a signature, and a
//! [`VerifiedMessage`] has a valid one. Sizes are checked once, where a draft or message is made or
//! decoded.

use core::fmt;
use std::sync::Arc;

use crate::primitives::encoding::{DecodeError, Reader, put_text};
use crate::primitives::hash::{Hash, Tag, tagged};
use crate::primitives::key::{PublicKey, SecretKey, Signature};
use crate::primitives::pow::Work;
use crate::primitives::stamp::stamp_work;
use crate::primitives::time::Timestamp;

/// The most bytes of UTF-8 in a recipient, which may be empty.
pub const RECIPIENT_BYTES_MAX: usize = 128;
/// The most bytes of UTF-8 in a text. The least is 1.
pub const TEXT_BYTES_MAX: usize = 4_096;
/// The most bytes of an encoded message.
pub const MESSAGE_BYTES_MAX: usize = MESSAGE_BYTES_MIN - 1 + RECIPIENT_BYTES_MAX + TEXT_BYTES_MAX;
/// The fewest bytes of an encoded message: no recipient, one byte of text.
pub const MESSAGE_BYTES_MIN: usize = 33 + 8 + 2 + 2 + 1 + 8 + 64;

/// A message's id: a hash over the network and all fields of the sender, without stamp and
/// signature.
pub type MessageId = Hash;

/// The reason why a text cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// The recipient is too long.
    #[error("the recipient has {found} bytes, at most {RECIPIENT_BYTES_MAX} are allowed")]
    Recipient {
        /// Its size in bytes.
        found: usize,
    },
    /// The text is empty or too long.
    #[error("the text has {found} bytes, from 1 to {TEXT_BYTES_MAX} are allowed")]
    Text {
        /// Its size in bytes.
        found: usize,
    },
}

/// The contents of a message, before stamp and signature.
///
/// ```
/// use plexus_core::SecretKey;
/// use plexus_core::primitives::message::{Draft, DraftError};
/// use plexus_core::primitives::time::Timestamp;
///
/// let sender = SecretKey::from_bytes(&[7; 32]).unwrap().public();
/// let draft = |text: &str| Draft::new(sender, "bob", text, Timestamp::from_unix_ms(1_000));
/// assert_eq!(draft("hello").unwrap().sender(), &sender);
/// assert_eq!(draft(""), Err(DraftError::Text { found: 0 }));
/// assert_eq!(draft(&"x".repeat(5_000)), Err(DraftError::Text { found: 5_000 }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    sender: PublicKey,
    recipient: String,
    text: String,
    time: Timestamp,
}

impl Draft {
    /// Creates a draft whose sizes are within the limits.
    ///
    /// # Errors
    /// The text that is too short or too long.
    pub fn new(
        sender: PublicKey,
        recipient: impl Into<String>,
        text: impl Into<String>,
        time: Timestamp,
    ) -> Result<Self, DraftError> {
        let (recipient, text) = (recipient.into(), text.into());
        if recipient.len() > RECIPIENT_BYTES_MAX {
            return Err(DraftError::Recipient { found: recipient.len() });
        }
        if text.is_empty() || text.len() > TEXT_BYTES_MAX {
            return Err(DraftError::Text { found: text.len() });
        }
        Ok(Self { sender, recipient, text, time })
    }

    /// Returns the key that has to sign it.
    pub fn sender(&self) -> &PublicKey {
        &self.sender
    }

    /// Returns the message's id in a network.
    pub fn id(&self, network: &Hash) -> MessageId {
        let mut texts = Vec::with_capacity(4 + self.recipient.len() + self.text.len());
        put_text(&mut texts, &self.recipient);
        put_text(&mut texts, &self.text);
        let time = self.time.unix_ms().to_be_bytes();
        tagged(Tag::Message, &[network.as_bytes(), self.sender.as_bytes(), &time, &texts])
    }

    /// Returns the encoded size of its message in bytes.
    pub fn size(&self) -> usize {
        MESSAGE_BYTES_MIN - 1 + self.recipient.len() + self.text.len()
    }

    /// Signs the draft. Returns the message. `secret` must be the sender's, or the message will not
    /// verify.
    ///
    /// ```
    /// use plexus_core::primitives::message::Draft;
    /// use plexus_core::primitives::time::Timestamp;
    /// use plexus_core::{Network, SecretKey};
    ///
    /// let (network, alice) = (Network::dev(), SecretKey::from_bytes(&[7; 32]).unwrap());
    /// let draft =
    ///     Draft::new(alice.public(), "bob", "hello", Timestamp::from_unix_ms(1_000)).unwrap();
    /// let message = draft.sign(&alice, network.id(), 0);
    /// assert!(message.clone().verify(network.id()).is_some());
    /// // The signature includes the network, so it is invalid in any other.
    /// assert!(message.verify(Network::plexus().id()).is_none());
    /// ```
    pub fn sign(self, secret: &SecretKey, network: &Hash, stamp: u64) -> Message {
        let signature = secret.sign(&self.id(network));
        Message { draft: self, stamp, signature }
    }
}

/// A signed message, within its sizes. Its signature is not yet verified.
///
/// ```
/// # use plexus_core::primitives::message::Draft;
/// # use plexus_core::primitives::time::Timestamp;
/// # use plexus_core::SecretKey;
/// use plexus_core::{Message, Network};
///
/// # let (network, alice) = (Network::dev(), SecretKey::from_bytes(&[7; 32]).unwrap());
/// # let time = Timestamp::from_unix_ms(1_000);
/// let draft = Draft::new(alice.public(), "bob", "hello", time).unwrap();
/// let message = draft.sign(&alice, network.id(), 0);
/// assert_eq!(message.to_string(), format!("From {} to bob, hello", alice.public()));
/// let bytes = message.encode();
/// assert_eq!(bytes.len(), message.size());
/// assert_eq!(Message::decode(&bytes), Ok(message));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    draft: Draft,
    stamp: u64,
    signature: Signature,
}

impl Message {
    /// Creates a message from parts that another signer made.
    pub fn from_parts(draft: Draft, stamp: u64, signature: Signature) -> Self {
        Self { draft, stamp, signature }
    }

    /// Returns the claimed sender.
    pub fn sender(&self) -> &PublicKey {
        &self.draft.sender
    }

    /// Returns the recipient, which may be empty.
    pub fn recipient(&self) -> &str {
        &self.draft.recipient
    }

    /// Returns the text.
    pub fn text(&self) -> &str {
        &self.draft.text
    }

    /// Returns the time when it was written, by the sender's clock.
    pub fn time(&self) -> Timestamp {
        self.draft.time
    }

    /// Returns the stamp: the number whose hash with the id shows the sender's work.
    pub fn stamp(&self) -> u64 {
        self.stamp
    }

    /// Returns the sender's signature of the id.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Returns its id in a network.
    pub fn id(&self, network: &Hash) -> MessageId {
        self.draft.id(network)
    }

    /// Returns its encoded size in bytes.
    pub fn size(&self) -> usize {
        self.draft.size()
    }

    /// Returns its full bytes: sender ‖ time ‖ recipient ‖ text ‖ stamp ‖ signature.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size());
        self.encode_to(&mut out);
        out
    }

    /// Appends its full bytes.
    pub fn encode_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.draft.sender.as_bytes());
        out.extend_from_slice(&self.draft.time.unix_ms().to_be_bytes());
        put_text(out, &self.draft.recipient);
        put_text(out, &self.draft.text);
        out.extend_from_slice(&self.stamp.to_be_bytes());
        out.extend_from_slice(self.signature.as_bytes());
    }

    /// Reads exactly one message.
    ///
    /// # Errors
    /// The bytes are not exactly one message.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let message = Self::read(&mut reader)?;
        reader.end()?;
        Ok(message)
    }

    /// Reads one message at the reader's position.
    ///
    /// # Errors
    /// The bytes are not a message.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let sender = PublicKey::from_bytes(reader.array("message sender")?);
        let time = Timestamp::from_unix_ms(reader.u64("message time")?);
        let recipient = reader.text("message recipient", 0, RECIPIENT_BYTES_MAX)?.to_owned();
        let text = reader.text("message text", 1, TEXT_BYTES_MAX)?.to_owned();
        let stamp = reader.u64("message stamp")?;
        let signature = Signature::from_bytes(reader.array("message signature")?);
        Ok(Self { draft: Draft { sender, recipient, text, time }, stamp, signature })
    }

    /// Returns the message as verified, if its signature is the sender's.
    pub fn verify(self, network: &Hash) -> Option<VerifiedMessage> {
        let id = self.id(network);
        self.sender().verifies(&id, &self.signature).then(|| VerifiedMessage::trust(Arc::new(self), id))
    }
}

impl fmt::Display for Message {
    /// Writes the form for display: `From <sender> to <recipient>, <text>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "From {} to {}, {}", self.sender(), self.recipient(), self.text())
    }
}

/// A message whose signature is its sender's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedMessage {
    message: Arc<Message>,
    id: MessageId,
    work: Work,
}

impl VerifiedMessage {
    /// Creates a verified message whose signature the caller has verified. `id` is the message's.
    pub(crate) fn trust(message: Arc<Message>, id: MessageId) -> Self {
        let work = stamp_work(&id, message.stamp);
        Self { message, id, work }
    }

    /// Returns the message.
    pub fn message(&self) -> &Arc<Message> {
        &self.message
    }

    /// Returns its id.
    pub fn id(&self) -> &MessageId {
        &self.id
    }

    /// Returns the work of its stamp.
    pub fn stamp_work(&self) -> Work {
        self.work
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn message(seed: u8, text: &str, time: u64) -> Message {
        let secret = SecretKey::from_bytes(&[seed; 32]).unwrap();
        let draft = Draft::new(secret.public(), "bob", text, Timestamp::from_unix_ms(time)).unwrap();
        draft.sign(&secret, &Hash::ZERO, 5)
    }

    #[test]
    fn reads_as_the_older_system_wrote() {
        let message = message(7, "hello", 1);
        assert_eq!(message.to_string(), format!("From {} to bob, hello", message.sender()));
    }

    #[test]
    fn verifies_in_its_network_only() {
        let message = message(7, "hello", 1);
        assert!(message.clone().verify(&Hash::ZERO).is_some());
        assert!(message.verify(&Hash::of(b"another")).is_none());
    }

    #[test]
    fn refuses_sizes_outside_the_limits() {
        let sender = PublicKey::NOBODY;
        let draft = |recipient: usize, text: usize| {
            Draft::new(sender, "r".repeat(recipient), "t".repeat(text), Timestamp::default()).map(drop)
        };
        assert_eq!(draft(128, 4_096), Ok(()));
        assert_eq!(draft(129, 1), Err(DraftError::Recipient { found: 129 }));
        assert_eq!(draft(0, 0), Err(DraftError::Text { found: 0 }));
        assert_eq!(draft(0, 4_097), Err(DraftError::Text { found: 4_097 }));
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let bytes = message(7, "hello", 1).encode();
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let stamp = bytes.len() - 72..bytes.len() - 64;
            if let Ok(message) = Message::decode(&changed) {
                assert_eq!(message.verify(&Hash::ZERO).is_some(), stamp.contains(&place), "byte {place}");
            }
        }
    }

    proptest! {
        #[test]
        fn round_trips_and_no_prefix_decodes(recipient in ".{0,30}", text in ".{1,60}", time: u64, stamp: u64) {
            let draft = Draft::new(PublicKey::NOBODY, recipient, text, Timestamp::from_unix_ms(time)).unwrap();
            let message = Message::from_parts(draft, stamp, Signature::NONE);
            let bytes = message.encode();
            prop_assert_eq!(bytes.len(), message.size());
            prop_assert_eq!(Message::decode(&bytes), Ok(message));
            for end in 0..bytes.len() {
                prop_assert!(Message::decode(&bytes[..end]).is_err());
            }
            prop_assert_eq!(Message::decode(&[bytes, vec![0]].concat()), Err(DecodeError::Trailing { count: 1 }));
        }
    }
}
