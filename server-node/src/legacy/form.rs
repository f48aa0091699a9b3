//! A block as the older system's clients read it.
//!
//! It is the block's form of `/api/v1`, with two differences. Its `message` is never empty, as the
//! client splits it at `From `. And it is bounded: the client refuses a text over 1 MiB, which the
//! JSON of a full block exceeds several times.

use plexus_core::ledger::json;
use plexus_core::primitives::block::Block;
use plexus_core::primitives::key::PublicKey;
use plexus_core::primitives::params::Network;
use plexus_core::primitives::pow::Work;

/// The most bytes of a block's `message`, which ends with the last message that fits. JSON may take
/// six times as many.
pub const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// The most bytes of a block's JSON: a block that would exceed it has an empty list of `messages`.
pub const BLOCK_JSON_BYTES_MAX: usize = 500_000;

/// Returns the block as JSON. `speaker` is the key in the message of a genesis block, whose author
/// is not a valid key.
pub(super) fn json(block: &Block, total_work: Work, network: &Network, speaker: &PublicKey) -> String {
    let mut form = json::BlockView::new(block, total_work, network.id());
    if form.messages.is_empty() {
        let author = if form.author == PublicKey::NOBODY { *speaker } else { form.author };
        form.message = format!("From {author} to everyone, (no message)");
    } else if form.message.len() > MESSAGE_BYTES_MAX {
        form.message = cut(&form.messages);
    }
    let json = serde_json::to_string(&form).unwrap_or_default();
    if json.len() <= BLOCK_JSON_BYTES_MAX {
        return json;
    }
    form.messages.clear();
    serde_json::to_string(&form).unwrap_or_default()
}

/// Returns the first messages as one text of at most [`MESSAGE_BYTES_MAX`].
fn cut(messages: &[json::MessageView]) -> String {
    let mut text = String::new();
    for message in messages {
        if text.len() + 1 + message.message.len() > MESSAGE_BYTES_MAX {
            break;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&message.message);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plexus_core::primitives::key::SecretKey;
    use plexus_core::primitives::message::{Draft, Message, TEXT_BYTES_MAX};
    use plexus_core::primitives::time::Timestamp;
    use serde_json::Value;

    use super::*;

    fn shown(block: &Block) -> (usize, Value) {
        let speaker = SecretKey::from_bytes(&[9; 32]).unwrap().public();
        let json = json(block, Work::ZERO, &Network::dev(), &speaker);
        (json.len(), serde_json::from_str(&json).unwrap())
    }

    #[test]
    fn an_empty_block_speaks_with_a_valid_key() {
        let speaker = SecretKey::from_bytes(&[9; 32]).unwrap().public();
        let mut block = Network::dev().genesis_block();
        let message = shown(&block).1["message"].clone();
        assert_eq!(message, format!("From {speaker} to everyone, (no message)"));
        block.author = SecretKey::from_bytes(&[7; 32]).unwrap().public();
        let message = shown(&block).1["message"].clone();
        assert_eq!(message, format!("From {} to everyone, (no message)", block.author));
    }

    #[test]
    fn the_fullest_block_stays_below_the_cap() {
        let secret = SecretKey::from_bytes(&[7; 32]).unwrap();
        // JSON escapes this character with six bytes.
        for (text, count) in [("\u{1}".repeat(TEXT_BYTES_MAX), 256), ("x".to_owned(), 4_096)] {
            let draft = Draft::new(secret.public(), "", text, Timestamp::from_unix_ms(0)).unwrap();
            let message =
                Arc::new(Message::from_parts(draft, 0, plexus_core::primitives::key::Signature::NONE));
            let mut block = Network::dev().genesis_block();
            block.messages = vec![message.clone(); count];
            let (bytes, json) = shown(&block);
            assert!(bytes <= BLOCK_JSON_BYTES_MAX, "{bytes}");
            let shown = json["message"].as_str().unwrap();
            let whole = message.to_string();
            assert!(shown.len() > MESSAGE_BYTES_MAX - whole.len() - 2, "{}", shown.len());
            assert!(shown.starts_with(&whole) && shown.ends_with(&whole));
            assert_eq!(json["messages"], serde_json::json!([]));
        }
    }
}
