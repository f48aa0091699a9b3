//! The three tables: history, chain, and arrivals.

use plexus_core::primitives::time::Timestamp;
use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Row, Table, Wrap};

use super::{COLUMNS_WIDE, Theme, time};
use crate::command::menu::app::App;
use crate::command::menu::cursor::Cursor;
use crate::command::menu::history::Filter;
use crate::command::menu::live::Kind;
use crate::command::{history, table};

pub(super) fn history(frame: &mut Frame<'_>, page: Rect, app: &App, theme: Theme) {
    let shown = app.history.shown();
    let summary = history_summary(app);
    if shown.is_empty() {
        let reason = app.identity.as_ref().and_then(|identity| identity.key.as_ref().err());
        return say(frame, page, reason.unwrap_or(&summary));
    }
    let peer_chars = if page.width < COLUMNS_WIDE { 10 } else { 16 };
    let rows = shown.iter().map(|entry| {
        let block = entry.number_of_block;
        let confirmations = block.map(|height| (app.tip() + 1).saturating_sub(height).to_string());
        Row::new([
            time(entry.message.time_unix_ms, page.width),
            block.map_or_else(|| "waiting".to_owned(), |height| height.to_string()),
            confirmations.unwrap_or_default(),
            format!("{} {}", history::heading(entry), history::peer(entry, peer_chars)),
            history::first_line(&entry.message.text, 200),
        ])
    });
    let peer_columns = u16::try_from(peer_chars + 5).unwrap_or_default();
    let widths = [
        Constraint::Length(time_columns(page.width)),
        Constraint::Length(8),
        Constraint::Length(6),
        Constraint::Length(peer_columns),
        Constraint::Fill(1),
    ];
    let headings = ["UTC", "block", "conf.", "peer", "text"];
    list(frame, page, rows, headings, &widths, app.history.cursor, theme);
}

/// Says what is shown and how far it was searched.
pub(super) fn history_summary(app: &App) -> String {
    let filter = match app.history.filter {
        Filter::All => "sent or received",
        Filter::Sent => "sent",
        Filter::Received => "received",
    };
    match (&app.history.error, app.history.searched) {
        (Some(error), _) => table::one_line(error),
        (None, None) => "searching …".to_owned(),
        (None, Some((_, _, true))) => format!("all {} that were {filter}", app.history.shown().len()),
        (None, Some((tip, lowest, false))) => format!("{filter} in blocks {lowest} to {tip}"),
    }
}

pub(super) fn chain(frame: &mut Frame<'_>, page: Rect, app: &App, theme: Theme) {
    if app.chain.len() == 0 {
        return say(frame, page, "known when the node answers");
    }
    let visible = usize::from(page.height);
    let wanted = app.chain.cursor.top..app.chain.len().min(app.chain.cursor.top + visible);
    let rows = wanted.filter_map(|row| app.chain.height_at(row)).map(|height| {
        let Some(block) = app.chain.row(height) else {
            return Row::new([height.to_string(), "…".to_owned()]);
        };
        Row::new([
            height.to_string(),
            time(block.time_unix_ms, page.width),
            table::brief(&block.author.to_string(), 10),
            if block.messages == 0 { "–".to_owned() } else { block.messages.to_string() },
            block.text.clone(),
        ])
    });
    let widths = [
        Constraint::Length(9),
        Constraint::Length(time_columns(page.width)),
        Constraint::Length(10),
        Constraint::Length(4),
        Constraint::Fill(1),
    ];
    let headings = ["height", "UTC", "author", "msg", "first message"];
    let cursor = Cursor { selected: app.chain.cursor.selected - app.chain.cursor.top, top: 0 };
    list(frame, page, rows, headings, &widths, cursor, theme);
}

pub(super) fn live(frame: &mut Frame<'_>, page: Rect, app: &App, theme: Theme) {
    if app.live.is_empty() {
        let word = match app.connection.is_live {
            true => "Nothing has arrived yet. Blocks and messages are shown here as they come.",
            false => "The node's events are not open yet.",
        };
        return say(frame, page, word);
    }
    let rows = app.live.rows().map(|row| {
        let time = Timestamp::from_unix_ms(row.time_unix_ms).to_string();
        let (word, style) = match row.kind {
            Kind::Block => ("block", theme.good()),
            Kind::Message => ("message", theme.heading()),
            Kind::Note => ("note", theme.dim()),
        };
        let time = time.get(11..19).unwrap_or_default().to_owned();
        let cells = [Line::raw(time), Line::styled(word, style), Line::raw(row.text.clone())];
        Row::new(cells)
    });
    let widths = [Constraint::Length(8), Constraint::Length(7), Constraint::Fill(1)];
    let headings = ["UTC", "what", ""];
    list(frame, page, rows, headings, &widths, app.live.cursor, theme);
}

const fn time_columns(width: u16) -> u16 {
    if width < COLUMNS_WIDE { 11 } else { 19 }
}

fn list<'a, const COLUMNS: usize>(
    frame: &mut Frame<'_>,
    page: Rect,
    rows: impl Iterator<Item = Row<'a>>,
    headings: [&'static str; COLUMNS],
    widths: &[Constraint],
    cursor: Cursor,
    theme: Theme,
) {
    let visible = rows.enumerate().skip(cursor.top).take(usize::from(page.height));
    let styled =
        visible.map(|(index, row)| if index == cursor.selected { row.style(theme.selected()) } else { row });
    let rows: Vec<_> = styled.collect();
    let heading = Row::new(headings).style(theme.heading());
    frame.render_widget(Table::new(rows, widths.iter().copied()).header(heading), page);
}

fn say(frame: &mut Frame<'_>, page: Rect, text: &str) {
    let text = format!("\n {}", table::one_line(text));
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: false }), page);
}
