//! The first page: the choices, the key, the newest block and the messages sent from here.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::Theme;
use crate::command::menu::app::{App, Screen};
use crate::command::table;

pub(super) fn draw(frame: &mut Frame<'_>, page: Rect, app: &App, theme: Theme) {
    let mut lines = vec![Line::default()];
    for (index, (_, name, purpose)) in Screen::LISTED.iter().enumerate() {
        let is_selected = index == app.home;
        let mark = if is_selected { "›" } else { " " };
        let style = if is_selected { theme.selected() } else { theme.heading() };
        lines.push(Line::from(vec![
            Span::raw(format!(" {mark} ")),
            Span::styled(format!(" {}  {name:<18}", index + 1), style),
            Span::styled(format!(" {purpose}"), theme.dim()),
        ]));
    }
    lines.push(Line::default());
    lines.extend(key(app, theme, usize::from(page.width)));
    lines.extend(bodies(app, theme));
    lines.push(Line::default());
    if let Some(row) = app.live.rows().find(|row| row.kind == crate::command::menu::live::Kind::Block) {
        let seconds = app.now.saturating_sub(row.time_unix_ms) / 1_000;
        lines.push(Line::styled(format!("   newest block, {seconds} s ago"), theme.heading()));
        lines.extend([Line::raw(format!("   {}", table::brief(&row.text, 70))), Line::default()]);
    }
    lines.extend(sent(app, theme, usize::from(page.height).saturating_sub(lines.len())));
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), page);
}

/// Returns the lines with the key, or with the reason that there is none.
fn key(app: &App, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let heading = |text: &str| Line::styled(format!("   {text}"), theme.heading());
    match app.identity.as_ref().map(|identity| &identity.key) {
        None => vec![heading("your key"), Line::styled("   known when the node answers", theme.dim())],
        Some(Err(reason)) => {
            vec![heading("no key"), Line::styled(format!("   {}", table::one_line(reason)), theme.warning())]
        }
        Some(Ok(key)) => {
            let digits = key.to_string();
            let cut = if width < digits.len() + 6 { digits.len() / 2 } else { digits.len() };
            let (first, rest) = digits.split_at_checked(cut).unwrap_or((&digits, ""));
            let lines = [first, rest].into_iter().filter(|part| !part.is_empty());
            let lines = lines.map(|part| Line::raw(format!("   {part}")));
            std::iter::once(heading("your key")).chain(lines).collect()
        }
    }
}

/// Returns the lines about bodies that the node deleted, and those that it cannot get.
fn bodies(app: &App, theme: Theme) -> Vec<Line<'static>> {
    let Some(status) = &app.connection.status else { return Vec::new() };
    let pruned = status.pruned.map(|height| {
        let text = format!("   {height} is the oldest block whose messages this node has");
        Line::styled(text, theme.dim())
    });
    let lacking = status.lacking.map(|height| {
        let text = format!("   lacking block {height}: the node needs an archive node");
        Line::styled(text, theme.warning())
    });
    [pruned, lacking].into_iter().flatten().collect()
}

/// Returns the messages that were sent from here, in at most this number of lines.
pub(super) fn sent(app: &App, theme: Theme, lines_max: usize) -> Vec<Line<'static>> {
    let rows = app.sent.iter().map(|sent| {
        let to = if sent.message.recipient.is_empty() { "nobody" } else { &sent.message.recipient };
        let text = format!("{}: {}", table::brief(to, 12), table::brief(&sent.message.text, 14));
        Line::raw(format!("   {text:<28} {}", sent.place.text(app.tip())))
    });
    let heading = Line::styled("   sent from here", theme.heading());
    let rows: Vec<_> = std::iter::once(heading).chain(rows).take(lines_max).collect();
    // A heading alone says nothing.
    if rows.len() < 2 { Vec::new() } else { rows }
}
