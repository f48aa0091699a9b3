//! The chain as a table, the newest block first, of which only a window is in memory.

use std::collections::BTreeMap;

use ratatui::crossterm::event::KeyCode;

use super::cursor::Cursor;
use super::exchange::{BlockRow, Request};

/// The most rows in memory. The rows that are farthest from the selected one are dropped.
const ROWS_MAX: usize = 1_000;
/// The most blocks that one request asks for.
const REQUEST_BLOCKS_MAX: u64 = 50;

/// The table.
#[derive(Debug, Default)]
pub(super) struct ChainTable {
    /// The height of the newest block, once the node told it.
    pub(super) tip: Option<u64>,
    rows: BTreeMap<u64, BlockRow>,
    pub(super) cursor: Cursor,
    /// The reason that the last request failed.
    pub(super) error: Option<String>,
}

impl ChainTable {
    /// Returns the number of blocks, genesis included.
    pub(super) fn len(&self) -> usize {
        self.tip.map_or(0, |tip| usize::try_from(tip).unwrap_or(usize::MAX - 1) + 1)
    }

    /// Returns the height in a row of the table.
    pub(super) fn height_at(&self, row: usize) -> Option<u64> {
        self.tip?.checked_sub(u64::try_from(row).ok()?)
    }

    /// Returns a block, if it is in memory.
    pub(super) fn row(&self, height: u64) -> Option<&BlockRow> {
        self.rows.get(&height)
    }

    /// Notes the height of the newest block. The selected block stays selected.
    pub(super) fn set_tip(&mut self, tip: u64) {
        let added = tip.saturating_sub(self.tip.unwrap_or(tip));
        self.tip = Some(tip);
        self.rows.split_off(&(tip + 1));
        self.cursor.pushed(usize::try_from(added).unwrap_or(usize::MAX));
    }

    /// Adds a block that became the tip.
    pub(super) fn connected(&mut self, row: BlockRow) {
        self.set_tip(row.height);
        self.insert(row);
    }

    /// Drops the blocks above this height, which left the chain.
    pub(super) fn undone(&mut self, fork: u64) {
        self.rows.split_off(&(fork + 1));
    }

    /// Forgets all blocks, because some may have left the chain.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
    }

    /// Takes blocks that were asked for.
    pub(super) fn answered(&mut self, answer: Result<Vec<BlockRow>, String>) {
        match answer {
            Ok(rows) if rows.is_empty() => {
                self.error = Some("the node does not have these blocks".to_owned());
            }
            Ok(rows) => {
                self.error = None;
                rows.into_iter().for_each(|row| self.insert(row));
            }
            Err(error) => self.error = Some(error),
        }
    }

    fn insert(&mut self, row: BlockRow) {
        if self.tip.is_none_or(|tip| row.height > tip) {
            return;
        }
        self.unlink(&row);
        self.rows.insert(row.height, row);
        let selected = self.height_at(self.cursor.selected).unwrap_or_default();
        while self.rows.len() > ROWS_MAX {
            let distance =
                |height: Option<(&u64, &BlockRow)>| height.map_or(0, |(height, _)| height.abs_diff(selected));
            if distance(self.rows.first_key_value()) > distance(self.rows.last_key_value()) {
                self.rows.pop_first();
            } else {
                self.rows.pop_last();
            }
        }
    }

    /// Drops the blocks below or above a new one that are of another branch.
    fn unlink(&mut self, row: &BlockRow) {
        let below = row.height.checked_sub(1).and_then(|height| self.rows.get(&height));
        if below.is_some_and(|below| below.hash != row.parent) {
            self.rows = self.rows.split_off(&row.height);
        }
        if self.rows.get(&(row.height + 1)).is_some_and(|above| above.parent != row.hash) {
            self.rows.split_off(&row.height);
        }
    }

    /// Moves the cursor by a key. Returns true if the key is one that moves.
    pub(super) fn moved(&mut self, key: KeyCode, page: usize) -> bool {
        self.cursor.moved(key, self.len(), page)
    }

    /// Returns the request for blocks that are shown and not in memory.
    pub(super) fn missing(&self, page: usize) -> Option<Request> {
        let first = self.height_at(self.cursor.top)?;
        let shown = (0..u64::try_from(page).unwrap_or(u64::MAX)).map_while(|row| first.checked_sub(row));
        let missing: Vec<_> = shown.filter(|height| !self.rows.contains_key(height)).collect();
        let (highest, lowest) = (*missing.first()?, *missing.last()?);
        let limit = (highest - lowest + 1).min(REQUEST_BLOCKS_MAX);
        Some(Request::Blocks { from: lowest, limit })
    }
}

#[cfg(test)]
mod tests {
    use plexus_core::primitives::hash::Hash;
    use plexus_core::primitives::key::SecretKey;

    use super::*;

    fn row(height: u64) -> BlockRow {
        let author = SecretKey::from_bytes(&[7; 32]).unwrap().public();
        let hash = |height: u64| Hash::of(&height.to_le_bytes());
        let (hash, parent) = (hash(height), hash(height.wrapping_sub(1)));
        BlockRow { height, hash, parent, time_unix_ms: 0, author, messages: 0, text: String::new() }
    }

    #[test]
    fn blocks_that_are_shown_are_asked_for_until_they_are_there() {
        let mut table = ChainTable::default();
        assert_eq!(table.missing(10), None, "without a tip there is nothing to ask");
        table.set_tip(100);
        assert_eq!(table.missing(10), Some(Request::Blocks { from: 91, limit: 10 }));
        // The node may answer with fewer blocks.
        table.answered(Ok((91..=95).map(row).collect()));
        assert_eq!(table.missing(10), Some(Request::Blocks { from: 96, limit: 5 }));
        table.answered(Ok((96..=100).map(row).collect()));
        assert_eq!(table.missing(10), None);
        table.moved(KeyCode::End, 10);
        assert_eq!(table.missing(10), Some(Request::Blocks { from: 0, limit: 10 }));
        assert_eq!(table.height_at(table.cursor.selected), Some(0), "the last row is genesis");
    }

    #[test]
    fn the_selected_block_stays_selected_when_others_arrive() {
        let mut table = ChainTable::default();
        table.set_tip(100);
        table.moved(KeyCode::Down, 10);
        table.connected(row(101));
        assert_eq!(table.height_at(table.cursor.selected), Some(99));
        table.moved(KeyCode::Home, 10);
        table.connected(row(102));
        assert_eq!(table.height_at(table.cursor.selected), Some(102), "the newest stays the newest");
    }

    #[test]
    fn blocks_that_left_the_chain_are_asked_for_again() {
        let mut table = ChainTable::default();
        table.set_tip(12);
        table.answered(Ok((3..=12).map(row).collect()));
        table.undone(10);
        table.connected(row(11));
        assert_eq!((table.tip, table.row(12)), (Some(11), None));
        assert!(table.row(11).is_some() && table.row(10).is_some());
    }

    #[test]
    fn blocks_of_another_branch_do_not_stay_beside_new_ones() {
        let mut table = ChainTable::default();
        table.set_tip(20);
        table.answered(Ok((10..=20).map(row).collect()));
        // The node took another branch while no event came.
        let other = |height, parent| BlockRow { hash: Hash::of(b"other"), parent, ..row(height) };
        table.answered(Ok(vec![other(15, row(14).hash)]));
        assert!(table.row(14).is_some() && table.row(16).is_none());
        table.answered(Ok(vec![other(14, Hash::of(b"unknown"))]));
        assert!(table.row(13).is_none());
        assert_eq!(table.row(15), None, "its parent is another block now");
    }

    #[test]
    fn memory_keeps_the_blocks_near_the_selected_one() {
        let mut table = ChainTable::default();
        table.set_tip(5_000);
        table.answered(Ok((2_000..=5_000).map(row).collect()));
        assert!(table.row(5_000).is_some() && table.row(4_001).is_some());
        assert!(table.row(4_000).is_none());
    }
}
