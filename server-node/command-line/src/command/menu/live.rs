//! Blocks and messages as they arrive, the newest first.

use std::collections::VecDeque;

use plexus_core::ledger::json::MessageView;
use plexus_core::primitives::hash::Hash;
use ratatui::crossterm::event::KeyCode;

use super::cursor::Cursor;

/// The most rows. The oldest one is dropped.
const ROWS_MAX: usize = 500;

/// What a row opens.
#[derive(Clone, Debug)]
pub(super) enum Opens {
    Nothing,
    Block(Hash),
    Message(Box<MessageView>),
}

/// The kind of an event, for its word and its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Block,
    Message,
    Note,
}

/// A row.
#[derive(Clone, Debug)]
pub(super) struct LiveRow {
    /// When it came, unix milliseconds of the local clock.
    pub(super) time_unix_ms: u64,
    pub(super) kind: Kind,
    pub(super) text: String,
    pub(super) opens: Opens,
}

/// The rows.
#[derive(Debug, Default)]
pub(super) struct Live {
    rows: VecDeque<LiveRow>,
    pub(super) cursor: Cursor,
}

impl Live {
    /// Returns the rows, the newest first.
    pub(super) fn rows(&self) -> impl Iterator<Item = &LiveRow> {
        self.rows.iter()
    }

    /// Returns true if nothing has come yet.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the selected row.
    pub(super) fn selected(&self) -> Option<&LiveRow> {
        self.rows.get(self.cursor.selected)
    }

    /// Adds a row. The selected row stays selected.
    pub(super) fn push(&mut self, row: LiveRow, page: usize) {
        self.rows.push_front(row);
        self.rows.truncate(ROWS_MAX);
        self.cursor.pushed(1);
        self.cursor.fit(self.rows.len(), page);
    }

    /// Moves the cursor by a key. Returns true if the key is one that moves.
    pub(super) fn moved(&mut self, key: KeyCode, page: usize) -> bool {
        self.cursor.moved(key, self.rows.len(), page)
    }
}
