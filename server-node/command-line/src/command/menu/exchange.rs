//! The inputs of the state machine and its requests: keys, the node's answers and events on one
//! side, questions for the node on the other.

use plexus_core::ledger::json::{BlockView, MessageStatus, MessageView};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::key::PublicKey;
use plexus_core::primitives::message::MessageId;
use plexus_node::api::view::StatusView;
use ratatui::crossterm::event::KeyEvent;
use zeroize::Zeroizing;

use crate::command::history::search::Entry;
use crate::command::send::Priority;
use crate::command::table;

/// The most characters of a text in a row of a table. The terminal cuts them further.
const ROW_CHARS_MAX: usize = 200;

/// Something that happened.
#[derive(Debug)]
pub(super) enum Input {
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has this many columns and rows.
    Resized(u16, u16),
    /// Time has passed.
    Tick,
    /// The process shall end.
    Stop,
    /// The terminal cannot be read any more.
    Failed(std::io::Error),
    /// An answer of the node, or the reason that there is none.
    Answer(Answer),
    /// An event of the node.
    Event(Event),
}

/// A question to the node. At most one of each kind is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// The node's state, and once the network and the local key.
    Status,
    /// Blocks of the best chain, upwards.
    Blocks { from: u64, limit: u64 },
    /// A block, by its height or hash.
    Block { name: String },
    /// The next part of the history, or the first one again.
    History { restart: bool },
    /// The state of messages that were sent.
    Messages { ids: Vec<MessageId> },
}

/// A message to sign and send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outgoing {
    pub(super) recipient: String,
    pub(super) text: String,
    /// The work of the stamp.
    pub(super) priority: Priority,
    /// The passphrase of the key file, if it is encrypted.
    pub(super) passphrase: Option<Zeroizing<String>>,
}

/// What the state machine wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Ask(Request),
    Send(Outgoing),
}

/// The local key, or the reason that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) key: Result<PublicKey, String>,
    /// True if the key file is encrypted, so that sending needs a passphrase.
    pub(super) is_encrypted: bool,
}

/// An answer of the node, or the reason that there is none, on one line.
#[derive(Debug)]
pub(super) enum Answer {
    Status(Result<Box<(StatusView, Identity)>, String>),
    Blocks(Result<Vec<BlockRow>, String>),
    Block(Result<Box<BlockView>, String>),
    History(Result<HistoryPage, String>),
    Messages(Result<Vec<(MessageId, Option<MessageStatus>)>, String>),
    /// The stamp of the message that is being sent: the stamps tried, and the expected number.
    Stamping(u64, u64),
    Sent(Result<Box<MessageView>, String>),
}

/// A part of the history.
#[derive(Debug)]
pub(super) struct HistoryPage {
    /// True if the search began with this part.
    pub(super) is_first: bool,
    pub(super) entries: Vec<Entry>,
    /// The tip when the search began, and the lowest block that was searched.
    pub(super) tip: u64,
    pub(super) lowest: u64,
    pub(super) is_complete: bool,
    /// True if there is nothing more to search: also if the node deleted the older blocks.
    pub(super) is_over: bool,
}

/// A block in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BlockRow {
    pub(super) height: u64,
    pub(super) hash: Hash,
    pub(super) parent: Hash,
    pub(super) time_unix_ms: u64,
    pub(super) author: PublicKey,
    pub(super) messages: usize,
    /// The first message's text, on one line.
    pub(super) text: String,
}

impl BlockRow {
    /// Creates the row of a block.
    pub(super) fn new(block: &BlockView) -> Self {
        let text = block.messages.first().map_or("", |message| message.text.as_str());
        Self {
            height: block.number_of_block,
            hash: block.hash,
            parent: block.prev_hash,
            time_unix_ms: block.time_unix_ms,
            author: block.author,
            messages: block.messages.len(),
            text: table::brief(text, ROW_CHARS_MAX),
        }
    }
}

/// Who wrote a message, and to whom: enough to know if it concerns us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) id: MessageId,
    pub(super) sender: PublicKey,
    pub(super) recipient: String,
}

impl Letter {
    /// Creates it from a message.
    pub(super) fn new(message: &MessageView) -> Self {
        Self { id: message.id, sender: message.sender, recipient: message.recipient.clone() }
    }
}

/// An event of the node.
#[derive(Debug)]
pub(super) enum Event {
    /// The stream of events is open: from now on none is missed.
    Opened,
    /// It is closed, for this reason. It is opened again soon.
    Closed(String),
    /// A block became part of the best chain.
    Block(BlockRow, Vec<Letter>),
    /// A message entered the mempool.
    Message(Box<MessageView>),
    /// A message was evicted from the full mempool.
    Dropped(MessageId),
    /// The blocks above this height left the best chain.
    Undone { fork: u64, count: usize },
    /// Something else that is worth a line.
    Note(String),
    /// Events were missed.
    Lagged,
}
