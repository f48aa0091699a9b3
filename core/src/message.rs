//! Signed messages: what people write into the ledger.
//!
//! A [`Draft`] has every field but the proofs, a [`Message`] is signed by somebody, a [`VerifiedMessage`] by its sender.
//! Sizes are checked once, where a draft or message is made or decoded.

use core::fmt;
use std::sync::Arc;

use crate::hash::{Hash, Tag, tagged};
use crate::key::{PublicKey, SecretKey, Signature};
use crate::layout::{DecodeError, Reader, put_text};
use crate::pow::Work;
use crate::time::Time;

/// The most bytes of UTF-8 in a recipient; it may be empty.
pub const RECIPIENT_BYTES_MAX: usize = 128;
/// The most bytes of UTF-8 in a text; the least is 1.
pub const TEXT_BYTES_MAX: usize = 4_096;
/// The most bytes of an encoded message.
pub const MESSAGE_BYTES_MAX: usize = MESSAGE_BYTES_MIN - 1 + RECIPIENT_BYTES_MAX + TEXT_BYTES_MAX;
/// The fewest bytes of an encoded message: no recipient, one byte of text.
pub const MESSAGE_BYTES_MIN: usize = 33 + 8 + 2 + 2 + 1 + 8 + 64;

/// A message's id: a hash over the network and all that its sender wrote, without stamp and signature.
pub type MessageId = Hash;

/// Why a text cannot be sent.
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

/// What a sender writes, before stamp and signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    sender: PublicKey,
    recipient: String,
    text: String,
    time: Time,
}

impl Draft {
    /// A draft whose sizes are within the limits.
    ///
    /// # Errors
    /// Names the text that is too short or too long.
    pub fn new(
        sender: PublicKey,
        recipient: impl Into<String>,
        text: impl Into<String>,
        time: Time,
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

    /// Whose key is to sign it.
    pub fn sender(&self) -> &PublicKey {
        &self.sender
    }

    /// The message's id in a network.
    pub fn id(&self, network: &Hash) -> MessageId {
        let mut texts = Vec::with_capacity(4 + self.recipient.len() + self.text.len());
        put_text(&mut texts, &self.recipient);
        put_text(&mut texts, &self.text);
        let time = self.time.unix_ms().to_be_bytes();
        tagged(Tag::Message, &[network.as_bytes(), self.sender.as_bytes(), &time, &texts])
    }

    /// Signs the draft; `secret` is the sender's, or the message will not verify.
    pub fn sign(self, secret: &SecretKey, network: &Hash, stamp: u64) -> Message {
        let signature = secret.sign(&self.id(network));
        Message { draft: self, stamp, signature }
    }
}

/// A signed message, within its sizes; whose signature it bears is not yet known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    draft: Draft,
    stamp: u64,
    signature: Signature,
}

impl Message {
    /// From its parts, as a signer elsewhere made them.
    pub fn from_parts(draft: Draft, stamp: u64, signature: Signature) -> Self {
        Self { draft, stamp, signature }
    }

    /// Who says to have written it.
    pub fn sender(&self) -> &PublicKey {
        &self.draft.sender
    }

    /// To whom it is written; may be empty.
    pub fn recipient(&self) -> &str {
        &self.draft.recipient
    }

    /// What it says.
    pub fn text(&self) -> &str {
        &self.draft.text
    }

    /// When it was written, by the sender's clock.
    pub fn time(&self) -> Time {
        self.draft.time
    }

    /// The number whose hash with the id shows the sender's work.
    pub fn stamp(&self) -> u64 {
        self.stamp
    }

    /// The sender's signature of the id.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Its id in a network.
    pub fn id(&self, network: &Hash) -> MessageId {
        self.draft.id(network)
    }

    /// Its size when encoded, in bytes.
    pub fn size(&self) -> usize {
        MESSAGE_BYTES_MIN - 1 + self.draft.recipient.len() + self.draft.text.len()
    }

    /// Its full bytes: sender ‖ time ‖ recipient ‖ text ‖ stamp ‖ signature.
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

    /// Reads one message and nothing after it.
    ///
    /// # Errors
    /// Bytes that are not exactly one message.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let message = Self::read(&mut reader)?;
        reader.end()?;
        Ok(message)
    }

    /// Reads one message from where a reader stands.
    ///
    /// # Errors
    /// Bytes that are not a message.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let sender = PublicKey::from_bytes(reader.array("message sender")?);
        let time = Time::from_unix_ms(reader.u64("message time")?);
        let recipient = reader.text("message recipient", 0, RECIPIENT_BYTES_MAX)?.to_owned();
        let text = reader.text("message text", 1, TEXT_BYTES_MAX)?.to_owned();
        let stamp = reader.u64("message stamp")?;
        let signature = Signature::from_bytes(reader.array("message signature")?);
        Ok(Self { draft: Draft { sender, recipient, text, time }, stamp, signature })
    }

    /// The message as verified, if its signature is its sender's.
    pub fn verify(self, network: &Hash) -> Option<VerifiedMessage> {
        let id = self.id(network);
        self.sender().verifies(&id, &self.signature).then(|| VerifiedMessage::trust(Arc::new(self), id))
    }
}

impl fmt::Display for Message {
    /// The form that people see: `From <sender> to <recipient>, <text>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "From {} to {}, {}", self.sender(), self.recipient(), self.text())
    }
}

/// The work that a stamp shows for a message.
pub fn stamp_work(id: &MessageId, stamp: u64) -> Work {
    Work::shown_by(&tagged(Tag::Stamp, &[id.as_bytes(), &stamp.to_be_bytes()]))
}

/// The best stamp among `tries` from `first` on, with its work: a slice of a search that the caller paces.
pub fn grind_stamp(id: &MessageId, first: u64, tries: u64) -> (u64, Work) {
    (0..tries)
        .map(|step| first.wrapping_add(step))
        .map(|stamp| (stamp, stamp_work(id, stamp)))
        .fold((first, Work::ZERO), |best, next| if next.1 > best.1 { next } else { best })
}

/// A message whose signature is its sender's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedMessage {
    message: Arc<Message>,
    id: MessageId,
    work: Work,
}

impl VerifiedMessage {
    /// Takes the word of whoever verified the signature; `id` is the message's.
    pub(crate) fn trust(message: Arc<Message>, id: MessageId) -> Self {
        let work = stamp_work(&id, message.stamp);
        Self { message, id, work }
    }

    /// The message.
    pub fn message(&self) -> &Arc<Message> {
        &self.message
    }

    /// Its id.
    pub fn id(&self) -> &MessageId {
        &self.id
    }

    /// The work of its stamp.
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
        let draft = Draft::new(secret.public(), "bob", text, Time::from_unix_ms(time)).unwrap();
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
            Draft::new(sender, "r".repeat(recipient), "t".repeat(text), Time::default()).map(drop)
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

    #[test]
    fn grinding_finds_the_best_of_its_slice() {
        let id = Hash::of(b"id");
        let (stamp, work) = grind_stamp(&id, 10, 500);
        assert_eq!(stamp_work(&id, stamp), work);
        assert!((10..510).all(|other| stamp_work(&id, other) <= work));
    }

    proptest! {
        #[test]
        fn round_trips_and_no_prefix_decodes(recipient in ".{0,30}", text in ".{1,60}", time: u64, stamp: u64) {
            let draft = Draft::new(PublicKey::NOBODY, recipient, text, Time::from_unix_ms(time)).unwrap();
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
