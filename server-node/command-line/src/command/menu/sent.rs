//! The messages that were sent from this menu, and where they are: waiting, in a block, or gone.

use std::collections::VecDeque;

use plexus_core::ledger::json::{MessageStatus, MessageView};
use plexus_core::primitives::message::MessageId;

use super::exchange::Letter;

/// The most messages that are followed. The oldest is dropped: the history still has it.
const SENT_MAX: usize = 50;

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It waits in the mempool.
    Waiting,
    /// It is in the block of this height.
    InBlock(u64),
    /// It was evicted from the full mempool.
    Dropped,
    /// The node does not know it any more: it expired.
    Gone,
}

/// A message that was sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) message: MessageView,
    pub(super) place: Place,
}

/// The messages that were sent, the newest first.
#[derive(Debug, Default)]
pub(super) struct SentMessages(VecDeque<Sent>);

impl SentMessages {
    /// Adds a message that the node accepted.
    pub(super) fn add(&mut self, message: MessageView) {
        self.0.retain(|sent| sent.message.id != message.id);
        self.0.push_front(Sent { message, place: Place::Waiting });
        self.0.truncate(SENT_MAX);
    }

    /// Returns them, the newest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Sent> {
        self.0.iter()
    }

    /// Notes that a block has these messages.
    pub(super) fn block(&mut self, height: u64, letters: &[Letter]) {
        for sent in &mut self.0 {
            if letters.iter().any(|letter| letter.id == sent.message.id) {
                sent.place = Place::InBlock(height);
            }
        }
    }

    /// Notes that the mempool evicted a message.
    pub(super) fn dropped(&mut self, id: &MessageId) {
        if let Some(sent) = self.0.iter_mut().find(|sent| sent.message.id == *id) {
            sent.place = Place::Dropped;
        }
    }

    /// Notes that the blocks above this height left the chain. Their messages wait again.
    pub(super) fn undone(&mut self, fork: u64) {
        for sent in &mut self.0 {
            if matches!(sent.place, Place::InBlock(height) if height > fork) {
                sent.place = Place::Waiting;
            }
        }
    }

    /// Returns the ids of the messages that are not in a block.
    pub(super) fn waiting(&self) -> Vec<MessageId> {
        let waiting = self.0.iter().filter(|sent| !matches!(sent.place, Place::InBlock(_)));
        waiting.map(|sent| sent.message.id).collect()
    }

    /// Takes the node's answer about a message. `None` says that the node does not know it.
    pub(super) fn answered(&mut self, id: &MessageId, status: Option<&MessageStatus>) {
        if let Some(sent) = self.0.iter_mut().find(|sent| sent.message.id == *id) {
            sent.place = match status.map(|status| status.number_of_block) {
                None if sent.place == Place::Dropped => Place::Dropped,
                None => Place::Gone,
                Some(None) => Place::Waiting,
                Some(Some(height)) => Place::InBlock(height),
            };
        }
    }
}

impl Place {
    /// Says where a message is, for a chain of this height.
    pub(super) fn text(self, tip: u64) -> String {
        match self {
            Self::Waiting => "waiting for a block".to_owned(),
            Self::Dropped => "dropped: raise its stamp".to_owned(),
            Self::Gone => "gone: unknown to the node".to_owned(),
            Self::InBlock(height) => {
                let confirmations = (tip + 1).saturating_sub(height).max(1);
                format!("in block {height}, {confirmations} conf.")
            }
        }
    }
}
