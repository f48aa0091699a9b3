//! A cursor in a list: the selected row, and the first row that is shown.

use ratatui::crossterm::event::KeyCode;

/// The cursor of a list. The rows themselves are elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) selected: usize,
    pub(super) top: usize,
}

impl Cursor {
    /// Moves by a key in a list of `len` rows, of which `page` are shown. Returns true if the key is
    /// one that moves.
    pub(super) fn moved(&mut self, key: KeyCode, len: usize, page: usize) -> bool {
        let last = len.saturating_sub(1);
        let leap = page.saturating_sub(1).max(1);
        let Some(selected) = moved(self.selected, key, last, leap) else { return false };
        self.selected = selected;
        self.fit(len, page);
        true
    }

    /// Keeps the selected row in the list, and the list's rows on the page.
    pub(super) fn fit(&mut self, len: usize, page: usize) {
        let page = page.max(1);
        self.selected = self.selected.min(len.saturating_sub(1));
        let lowest = (self.selected + 1).saturating_sub(page);
        self.top = self.top.clamp(lowest, self.selected.max(lowest)).min(len.saturating_sub(page));
    }

    /// Keeps the same row selected after `count` rows were put before the first one. A cursor on the
    /// first row stays there, so that it follows what is new.
    pub(super) fn pushed(&mut self, count: usize) {
        if self.selected > 0 {
            self.selected += count;
            self.top += count;
        }
    }
}

/// Returns the position after a key, or `None` if the key does not move.
#[allow(clippy::wildcard_enum_match_arm, reason = "all other keys have other uses")]
pub(super) fn moved(from: usize, key: KeyCode, last: usize, leap: usize) -> Option<usize> {
    let to = match key {
        KeyCode::Up | KeyCode::Char('k') => from.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') => from + 1,
        KeyCode::PageUp => from.saturating_sub(leap),
        KeyCode::PageDown | KeyCode::Char(' ') => from + leap,
        KeyCode::Home | KeyCode::Char('g') => 0,
        KeyCode::End | KeyCode::Char('G') => last,
        _ => return None,
    };
    Some(to.min(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selected_row_is_always_on_the_page() {
        let mut cursor = Cursor::default();
        for (key, selected, top) in [
            (KeyCode::Up, 0, 0),
            (KeyCode::Down, 1, 0),
            (KeyCode::PageDown, 3, 1),
            (KeyCode::End, 9, 7),
            (KeyCode::Down, 9, 7),
            (KeyCode::PageUp, 7, 7),
            (KeyCode::Up, 6, 6),
            (KeyCode::Home, 0, 0),
        ] {
            assert!(cursor.moved(key, 10, 3));
            assert_eq!(cursor, Cursor { selected, top }, "{key:?}");
        }
        assert!(!cursor.moved(KeyCode::Enter, 10, 3));
    }

    #[test]
    fn a_list_that_shrinks_or_is_empty_is_no_error() {
        let mut cursor = Cursor { selected: 9, top: 7 };
        cursor.fit(4, 3);
        assert_eq!(cursor, Cursor { selected: 3, top: 1 });
        cursor.fit(0, 3);
        assert_eq!(cursor, Cursor::default());
        assert!(cursor.moved(KeyCode::Down, 0, 0));
        assert_eq!(cursor, Cursor::default());
    }

    #[test]
    fn only_a_cursor_on_the_first_row_follows_new_rows() {
        let mut cursor = Cursor::default();
        cursor.pushed(2);
        assert_eq!(cursor.selected, 0);
        let mut cursor = Cursor { selected: 4, top: 3 };
        cursor.pushed(2);
        assert_eq!(cursor, Cursor { selected: 6, top: 5 });
    }
}
