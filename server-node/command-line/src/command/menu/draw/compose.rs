//! The form for a message, and the question before it is sent.

use plexus_core::primitives::message::{RECIPIENT_BYTES_MAX, TEXT_BYTES_MAX};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph, Wrap};
use ratatui_textarea::TextArea;

use super::{Theme, frame_of, home, popup};
use crate::command::menu::app::App;
use crate::command::menu::compose::{Focus, State, bytes};
use crate::command::table;

/// The most rows for messages that were sent, with their heading.
const SENT_ROWS_MAX: usize = 5;
/// The size of the question.
const QUESTION_COLUMNS: u16 = 72;
const QUESTION_ROWS: u16 = 12;

pub(super) fn draw(frame: &mut Frame<'_>, page: Rect, app: &App, theme: Theme) {
    let form = &app.compose;
    let sent_max = if page.height < 14 { 0 } else { SENT_ROWS_MAX };
    let sent = home::sent(app, theme, sent_max);
    let rows = [
        Constraint::Length(3),
        Constraint::Min(3),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(2),
        Constraint::Length(u16::try_from(sent.len()).unwrap_or_default()),
    ];
    let [recipient, text, stamp, send, notice, below] = page.layout(&Layout::vertical(rows));
    field(
        frame,
        recipient,
        &form.recipient,
        ("Recipient", RECIPIENT_BYTES_MAX),
        form.focus == Focus::Recipient,
        theme,
    );
    field(frame, text, &form.text, ("Text", TEXT_BYTES_MAX), form.focus == Focus::Text, theme);
    let chosen = |focus| if form.focus == focus { theme.selected() } else { Style::new() };
    frame.render_widget(
        Line::from(vec![
            Span::styled(" Stamp  ", theme.heading()),
            Span::styled(format!("‹ {} ›", form.stamp()), chosen(Focus::Stamp)),
            Span::styled(if form.focus == Focus::Stamp { "  ←→ changes it" } else { "" }, theme.dim()),
        ]),
        stamp,
    );
    frame.render_widget(Line::styled(" [ Send ] ", chosen(Focus::Send)), send);
    let line = match (&form.state, &form.error) {
        (State::Sending(progress), _) => Line::styled(format!(" Sending: {progress} …"), theme.warning()),
        (State::Editing | State::Confirming, Some(error)) => {
            Line::styled(format!(" {}", table::one_line(error)), theme.bad())
        }
        (State::Editing | State::Confirming, None) => Line::default(),
    };
    frame.render_widget(Paragraph::new(line).wrap(Wrap { trim: false }), notice);
    frame.render_widget(Paragraph::new(sent), below);
    if form.state == State::Confirming {
        question(frame, page, app, theme);
    }
}

fn field(
    frame: &mut Frame<'_>,
    area: Rect,
    field: &TextArea<'_>,
    (name, max): (&str, usize),
    has_keys: bool,
    theme: Theme,
) {
    let title = format!("{name}, {} of {max} bytes", bytes(field));
    let mut block = frame_of(&title, theme);
    if has_keys {
        block = block.border_style(theme.heading());
    }
    let inner = block.inner(area);
    frame.render_widget(block, area);
    frame.render_widget(field, inner);
}

/// Asks if the message shall be sent.
fn question(frame: &mut Frame<'_>, page: Rect, app: &App, theme: Theme) {
    let form = &app.compose;
    let area = popup(page, QUESTION_COLUMNS.min(page.width.saturating_sub(4)), QUESTION_ROWS);
    let block = frame_of("Send this message?", theme);
    let inner = block.inner(area);
    frame.render_widget(Clear, area);
    frame.render_widget(block, area);
    let (recipient, text) = form.draft();
    let key = app.identity.as_ref().and_then(|identity| identity.key.as_ref().ok());
    let columns = usize::from(inner.width);
    let row = |name: &str, value: &str| {
        let value = table::brief(value, columns.saturating_sub(10));
        Line::from(vec![Span::styled(format!(" {name:<8}"), theme.heading()), Span::raw(value)])
    };
    let rows = [
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(if form.is_encrypted { 2 } else { 0 }),
        Constraint::Length(1),
    ];
    let [to, body, stamp, signer, passphrase, keys] = inner.layout(&Layout::vertical(rows));
    frame.render_widget(row("to", if recipient.is_empty() { "(nobody)" } else { &recipient }), to);
    let shown =
        Line::from(vec![Span::styled(" text    ", theme.heading()), Span::raw(table::one_line(&text))]);
    frame.render_widget(Paragraph::new(shown).wrap(Wrap { trim: false }), body);
    frame.render_widget(row("stamp", form.stamp()), stamp);
    frame.render_widget(row("signed", &key.map(ToString::to_string).unwrap_or_default()), signer);
    if form.is_encrypted {
        let [label, input] = passphrase.layout(&Layout::vertical([Constraint::Length(1); 2]));
        frame.render_widget(Line::styled(" The key's passphrase:", theme.heading()), label);
        frame.render_widget(&form.passphrase, input);
    }
    let word = if form.is_encrypted { "Enter sends it" } else { "Enter or y sends it" };
    let hint = format!(" {word}. A message cannot be taken back.");
    frame.render_widget(Paragraph::new(hint).style(theme.warning()).wrap(Wrap { trim: false }), keys);
}
