//! The state of the menu. [`App::update`] takes an input and the time, and changes it. It does no
//! I/O: its requests are in [`App::take_actions`], and `draw` shows it.

mod keys;

use plexus_core::ledger::json::MessageView;
use plexus_node::api::view::StatusView;
use ratatui::crossterm::event::KeyEventKind;

use super::chain::ChainTable;
use super::compose::Compose;
use super::details::Details;
use super::exchange::{Action, Answer, BlockRow, Event, Identity, Input, Letter, Request};
use super::history::History;
use super::live::{Kind, Live, LiveRow, Opens};
use super::sent::SentMessages;
use crate::command::table;

/// The time between two questions for the node's state, milliseconds.
const STATUS_INTERVAL_MS: u64 = 2_000;
/// The time between two questions for messages that were sent, milliseconds.
const MESSAGES_INTERVAL_MS: u64 = 5_000;
/// The time before a question that failed is repeated, milliseconds.
const RETRY_MS: u64 = 2_000;
/// The rows that are not of the page: title, heading, status and keys.
const FRAME_ROWS: u16 = 4;

/// The pages of the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Screen {
    Home,
    Compose,
    History,
    Chain,
    Live,
}

impl Screen {
    /// The pages that the menu lists, each with its name and purpose.
    pub(super) const LISTED: [(Self, &'static str, &'static str); 4] = [
        (Self::Compose, "Create a message", "write, sign and send it"),
        (Self::History, "History", "what you sent and received"),
        (Self::Chain, "Chain", "all blocks, down to genesis"),
        (Self::Live, "Live", "what arrives, as it arrives"),
    ];
}

/// The questions that are under way, and when those that failed may be repeated.
#[derive(Debug, Default)]
struct Asked {
    status: bool,
    blocks: bool,
    block: bool,
    history: bool,
    messages: bool,
    status_at: u64,
    messages_at: u64,
    blocks_after: u64,
    history_after: u64,
}

/// The connection to the node.
#[derive(Debug, Default)]
pub(super) struct Connection {
    /// The last state that the node told.
    pub(super) status: Option<StatusView>,
    /// Why the node does not answer. `None` while it does.
    pub(super) error: Option<String>,
    /// True if its events come.
    pub(super) is_live: bool,
}

/// The menu.
#[derive(Debug)]
pub(super) struct App {
    /// The node's URL.
    pub(super) node: String,
    /// The other recipient whose messages the history has.
    name: Option<String>,
    size: (u16, u16),
    pub(super) screen: Screen,
    /// The selected line of the home page.
    pub(super) home: usize,
    pub(super) connection: Connection,
    pub(super) identity: Option<Identity>,
    pub(super) compose: Compose,
    pub(super) sent: SentMessages,
    pub(super) history: History,
    pub(super) chain: ChainTable,
    pub(super) live: Live,
    /// The page of a block or message, over the screen.
    pub(super) details: Option<Details>,
    /// True if the page of a block was asked for.
    pub(super) is_opening: bool,
    /// True if it asks whether to leave although a message is not sent.
    pub(super) is_leaving: bool,
    asked: Asked,
    /// True if the last answer had a lower height than the chain here.
    was_lower: bool,
    actions: Vec<Action>,
    pub(super) now: u64,
    pub(super) is_done: bool,
    /// The reason that the terminal cannot be read.
    pub(super) failure: Option<std::io::Error>,
}

impl App {
    /// Creates the menu for a node, for a terminal of this size.
    pub(super) fn new(node: &str, name: Option<String>, size: (u16, u16)) -> Self {
        Self {
            node: node.to_owned(),
            name,
            size,
            screen: Screen::Home,
            home: 0,
            connection: Connection::default(),
            identity: None,
            compose: Compose::new(),
            sent: SentMessages::default(),
            history: History::default(),
            chain: ChainTable::default(),
            live: Live::default(),
            details: None,
            is_opening: false,
            is_leaving: false,
            asked: Asked::default(),
            was_lower: false,
            actions: Vec::new(),
            now: 0,
            is_done: false,
            failure: None,
        }
    }

    /// Takes an input at this time, unix milliseconds.
    pub(super) fn update(&mut self, input: Input, now: u64) {
        self.now = now;
        match input {
            Input::Key(key) if key.kind == KeyEventKind::Release => {}
            Input::Key(key) => self.key(key),
            Input::Paste(text) if self.has_form() => self.compose.paste(&text),
            Input::Paste(_) | Input::Tick => {}
            Input::Resized(columns, rows) => self.resized(columns, rows),
            Input::Stop => self.is_done = true,
            Input::Failed(error) => {
                self.failure = Some(error);
                self.is_done = true;
            }
            Input::Answer(answer) => self.answer(answer),
            Input::Event(event) => self.event(event),
        }
        self.ask();
    }

    /// Returns what is to be done.
    pub(super) fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// Returns the number of rows of a list.
    pub(super) fn page(&self) -> usize {
        usize::from(self.size.1.saturating_sub(FRAME_ROWS))
    }

    /// Returns the height of the chain's tip.
    pub(super) fn tip(&self) -> u64 {
        self.chain.tip.unwrap_or_default()
    }

    fn has_form(&self) -> bool {
        self.screen == Screen::Compose && self.details.is_none() && !self.is_leaving
    }

    fn resized(&mut self, columns: u16, rows: u16) {
        self.size = (columns, rows);
        let page = self.page();
        self.chain.cursor.fit(self.chain.len(), page);
        self.history.cursor.fit(self.history.shown().len(), page);
        let rows = self.live.rows().count();
        self.live.cursor.fit(rows, page);
        self.fit_details();
    }

    fn fit_details(&mut self) {
        let (width, page) = (self.size.0, self.details_page());
        if let Some(details) = &mut self.details {
            details.fit(width, page);
        }
    }

    /// Returns the number of lines of a page of details, which has no heading.
    fn details_page(&self) -> usize {
        self.page() + 1
    }

    /// Asks for the rows that the page needs and does not have.
    fn ask(&mut self) {
        if !self.asked.status && self.now >= self.asked.status_at {
            self.asked.status = true;
            self.actions.push(Action::Ask(Request::Status));
        }
        if self.connection.error.is_some() || self.connection.status.is_none() {
            return;
        }
        let page = self.page();
        if self.screen == Screen::Chain
            && !self.asked.blocks
            && self.now >= self.asked.blocks_after
            && let Some(request) = self.chain.missing(page)
        {
            self.asked.blocks = true;
            self.actions.push(Action::Ask(request));
        }
        let has_key = self.identity.as_ref().is_some_and(|identity| identity.key.is_ok());
        if self.screen == Screen::History
            && has_key
            && !self.asked.history
            && self.now >= self.asked.history_after
            && let Some(restart) = self.history.wanted(page)
        {
            self.asked.history = true;
            self.actions.push(Action::Ask(Request::History { restart }));
        }
        let ids = self.sent.waiting();
        if !ids.is_empty() && !self.asked.messages && self.now >= self.asked.messages_at {
            self.asked.messages = true;
            self.actions.push(Action::Ask(Request::Messages { ids }));
        }
    }

    fn answer(&mut self, answer: Answer) {
        let page = self.page();
        match answer {
            Answer::Status(answer) => self.status(answer),
            Answer::Blocks(answer) => {
                self.asked.blocks = false;
                self.chain.answered(answer);
                self.asked.blocks_after = self.chain.error.as_ref().map_or(0, |_| self.now + RETRY_MS);
            }
            Answer::Block(answer) => {
                self.asked.block = false;
                self.is_opening = false;
                self.details = Some(match answer {
                    Ok(block) => Details::block(&block),
                    Err(error) => Details::failure("Block", &error),
                });
                self.fit_details();
            }
            Answer::History(answer) => {
                self.asked.history = false;
                self.history.answered(answer, page);
                self.asked.history_after = self.history.error.as_ref().map_or(0, |_| self.now + RETRY_MS);
            }
            Answer::Messages(answer) => {
                self.asked.messages = false;
                self.asked.messages_at = self.now + MESSAGES_INTERVAL_MS;
                for (id, status) in answer.into_iter().flatten() {
                    self.sent.answered(&id, status.as_ref());
                }
            }
            Answer::Stamping(tries, expected) => self.compose.stamping(tries, expected),
            Answer::Sent(Ok(message)) => {
                self.compose.sent();
                self.sent.add(*message);
                self.history.refresh();
                self.asked.messages_at = self.now + RETRY_MS;
            }
            Answer::Sent(Err(error)) => self.compose.edit_again(Some(error)),
        }
    }

    fn status(&mut self, answer: Result<Box<(StatusView, Identity)>, String>) {
        self.asked.status = false;
        self.asked.status_at = self.now + STATUS_INTERVAL_MS;
        match answer {
            Err(error) => self.connection.error = Some(error),
            Ok(answer) => {
                let (status, identity) = *answer;
                let tip = self.chain.row(status.height).map(|row| row.hash);
                if tip.is_some_and(|hash| hash != status.tip) {
                    self.chain.clear();
                }
                self.status_tip(status.height);
                self.compose.is_encrypted = identity.is_encrypted;
                self.identity = Some(identity);
                self.connection.status = Some(status);
                self.connection.error = None;
            }
        }
    }

    /// Takes the height of an answer. It may be older than the last event: a lower one counts only
    /// the second time.
    fn status_tip(&mut self, height: u64) {
        let is_lower = height < self.tip();
        if !is_lower || self.was_lower {
            self.chain.set_tip(height);
        }
        self.was_lower = is_lower;
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Opened => {
                self.connection.is_live = true;
                self.catch_up();
            }
            Event::Closed(reason) => {
                if std::mem::take(&mut self.connection.is_live) {
                    self.note(format!("the node's events have ended: {reason}"));
                }
            }
            Event::Lagged => {
                self.note("some events were missed: more came than could be shown".to_owned());
                self.catch_up();
            }
            Event::Block(row, letters) => self.block(row, &letters),
            Event::Message(message) => self.message(message),
            Event::Dropped(id) => self.sent.dropped(&id),
            Event::Undone { fork, count } => {
                let blocks = table::counted(u64::try_from(count).unwrap_or(u64::MAX), "block");
                self.chain.undone(fork);
                self.sent.undone(fork);
                self.history.refresh();
                self.note(format!("{blocks} above {fork} left the chain for a heavier branch"));
            }
            Event::Note(text) => self.note(text),
        }
    }

    /// Asks again for all that may have changed while no events came.
    fn catch_up(&mut self) {
        self.history.refresh();
        self.asked.status_at = 0;
        self.asked.messages_at = 0;
    }

    fn block(&mut self, row: BlockRow, letters: &[Letter]) {
        let messages = table::counted(u64::try_from(row.messages).unwrap_or(u64::MAX), "message");
        let text = match row.text.as_str() {
            "" => format!("{}, {messages}", row.height),
            text => format!("{}, {messages}: {text}", row.height),
        };
        self.push(Kind::Block, text, Opens::Block(row.hash));
        self.sent.block(row.height, letters);
        self.noted(letters);
        if let Some(status) = &mut self.connection.status {
            (status.height, status.tip) = (row.height, row.hash);
        }
        self.chain.connected(row);
    }

    fn message(&mut self, message: Box<MessageView>) {
        let sender = table::brief(&message.sender.to_string(), 9);
        let recipient = match table::brief(&message.recipient, 16) {
            name if name.is_empty() => "nobody".to_owned(),
            name => name,
        };
        let text = format!("{sender} to {recipient}: {}", table::brief(&message.text, 200));
        self.noted(&[Letter::new(&message)]);
        self.push(Kind::Message, text, Opens::Message(message));
    }

    fn noted(&mut self, letters: &[Letter]) {
        let key = self.identity.as_ref().and_then(|identity| identity.key.as_ref().ok());
        self.history.noted(key, self.name.as_deref(), letters);
    }

    fn note(&mut self, text: String) {
        self.push(Kind::Note, text, Opens::Nothing);
    }

    fn push(&mut self, kind: Kind, text: String, opens: Opens) {
        let page = self.page();
        self.live.push(LiveRow { time_unix_ms: self.now, kind, text, opens }, page);
    }
}
