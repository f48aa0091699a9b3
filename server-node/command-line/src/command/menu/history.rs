//! The messages that the local key signed and those written to it, and how far they were searched.

use std::collections::HashSet;

use plexus_core::primitives::key::PublicKey;
use ratatui::crossterm::event::KeyCode;

use super::cursor::Cursor;
use super::exchange::{HistoryPage, Letter};
use crate::command::history::search::Entry;

/// The most messages in memory. The search ends when it found this many.
const ENTRIES_MAX: usize = 2_000;
/// The messages that are found before they are looked at, beyond the page that is shown.
const AHEAD: usize = 20;

/// The messages that are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Filter {
    #[default]
    All,
    Sent,
    Received,
}

/// The history.
#[derive(Debug, Default)]
pub(super) struct History {
    entries: Vec<Entry>,
    pub(super) filter: Filter,
    pub(super) cursor: Cursor,
    /// The tip when the search began, the lowest block searched, and true if no block is left.
    pub(super) searched: Option<(u64, u64, bool)>,
    /// True if there is nothing more to search.
    is_over: bool,
    /// The reason that the last request failed. The search goes on at the next tick.
    pub(super) error: Option<String>,
    /// True if messages came since the search began.
    is_stale: bool,
}

impl History {
    /// Returns the messages that are shown, the newest first.
    pub(super) fn shown(&self) -> Vec<&Entry> {
        let filter = self.filter;
        let is_shown = move |entry: &&Entry| match filter {
            Filter::All => true,
            Filter::Sent => entry.direction.is_sent(),
            Filter::Received => entry.direction.is_received(),
        };
        self.entries.iter().filter(is_shown).collect()
    }

    /// Shows other messages: all, those that were sent, those that were received.
    pub(super) fn next_filter(&mut self) {
        self.filter = match self.filter {
            Filter::All => Filter::Sent,
            Filter::Sent => Filter::Received,
            Filter::Received => Filter::All,
        };
        self.cursor = Cursor::default();
    }

    /// Moves the cursor by a key. Returns true if the key is one that moves.
    pub(super) fn moved(&mut self, key: KeyCode, page: usize) -> bool {
        let len = self.shown().len();
        self.cursor.moved(key, len, page)
    }

    /// Asks for a new search.
    pub(super) fn refresh(&mut self) {
        self.is_stale = true;
    }

    /// Notes messages that came. A message from or to the key asks for a new search.
    pub(super) fn noted(&mut self, key: Option<&PublicKey>, name: Option<&str>, letters: &[Letter]) {
        let Some(key) = key else { return };
        let own = key.to_string();
        let concerns = |letter: &Letter| {
            letter.sender == *key || letter.recipient == own || name == Some(letter.recipient.as_str())
        };
        self.is_stale |= letters.iter().any(concerns);
    }

    /// Returns true for a new search and false for the next part of this one. Returns `None` if
    /// nothing is to be asked.
    pub(super) fn wanted(&self, page: usize) -> Option<bool> {
        if self.searched.is_none() || self.is_stale {
            return Some(true);
        }
        let wanted = self.cursor.top + page + AHEAD;
        let is_enough = self.entries.len() >= ENTRIES_MAX || self.shown().len() >= wanted;
        (!self.is_over && !is_enough).then_some(false)
    }

    /// Takes a part of the search.
    pub(super) fn answered(&mut self, answer: Result<HistoryPage, String>, page: usize) {
        match answer {
            Err(error) => self.error = Some(error),
            Ok(found) => {
                self.error = None;
                if found.is_first {
                    self.is_stale = false;
                    self.replace(found.entries);
                } else {
                    self.entries.extend(found.entries);
                }
                self.entries.truncate(ENTRIES_MAX);
                self.is_over = found.is_over;
                self.searched = Some((found.tip, found.lowest, found.is_complete));
                self.cursor.fit(self.shown().len(), page);
            }
        }
    }

    /// Puts the newest messages in place of the earlier ones. The cursor stays on its message.
    fn replace(&mut self, entries: Vec<Entry>) {
        let old: HashSet<_> = self.entries.iter().map(|entry| entry.message.id).collect();
        let added = entries.iter().filter(|entry| !old.contains(&entry.message.id)).count();
        self.entries = entries;
        self.cursor.pushed(added);
    }
}
