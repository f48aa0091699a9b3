//! Output for a terminal: tables, and text from others made harmless.

use std::io::Write;

use comfy_table::Table;
use serde::Serialize;

/// Writes JSON on one line, for programs.
pub(super) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&serde_json::to_string(value)?)
}

/// Writes lines.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{}", text.trim_end())?;
    Ok(())
}

/// Returns an empty table with these headings.
pub(super) fn headed(headings: &[&str]) -> Table {
    let mut table = plain();
    table.set_header(headings.to_vec());
    table
}

/// Returns names and values as the lines of a table.
pub(super) fn pairs(rows: &[(&str, String)]) -> String {
    let mut table = plain();
    for (name, value) in rows {
        table.add_row([*name, value]);
    }
    lines(table)
}

/// Returns a table's lines, without surrounding space.
pub(super) fn lines(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    table.trim_fmt()
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table
}

/// Returns text without control characters. Text that others wrote must not control the terminal.
pub(super) fn harmless(text: &str) -> String {
    text.chars().map(|char| if char.is_control() || is_bidi(char) { '\u{fffd}' } else { char }).collect()
}

/// Returns true if a character changes the direction in which its neighbours are shown.
fn is_bidi(char: char) -> bool {
    matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns text on one line, its white space as single spaces.
pub(super) fn one_line(text: &str) -> String {
    harmless(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Returns the beginning of a text, with a mark where it is cut.
pub(super) fn brief(text: &str, chars_max: usize) -> String {
    let text = one_line(text);
    if text.chars().count() <= chars_max {
        return text;
    }
    text.chars().take(chars_max.saturating_sub(1)).chain(['…']).collect()
}

/// Returns a number with its noun, which takes an s unless the number is 1.
pub(super) fn counted(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_does_not_steer_the_terminal() {
        assert_eq!(harmless("a\u{1b}[31mb\u{202e}c"), "a\u{fffd}[31mb\u{fffd}c");
        assert_eq!(one_line(" a\n\tb  c "), "a b c");
        assert_eq!(brief("abcdef", 4), "abc…");
        assert_eq!(brief("abcd", 4), "abcd");
    }
}
