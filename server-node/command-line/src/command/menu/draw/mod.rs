//! Draws the menu. Nothing here changes its state.
//!
//! Each page has a title above, and below it the node's state and the keys. Colours are the
//! terminal's own 16, and nothing is said by colour alone.

mod compose;
mod home;
mod lists;
mod theme;

use plexus_core::primitives::time::Timestamp;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};

use super::app::{App, Screen};
use super::compose::State;
use super::details::Details;
use crate::command::table;

pub(super) use theme::Theme;

/// The smallest terminal that the pages are made for.
const COLUMNS_MIN: u16 = 40;
const ROWS_MIN: u16 = 10;
/// The columns from which on times have their year.
const COLUMNS_WIDE: u16 = 80;

/// Draws the menu.
pub(super) fn draw(frame: &mut Frame<'_>, app: &App, theme: Theme) {
    let whole = frame.area();
    if whole.width < COLUMNS_MIN || whole.height < ROWS_MIN {
        let text = format!("The window is too small: {COLUMNS_MIN} columns and {ROWS_MIN} rows are needed.");
        return frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), whole);
    }
    let rows = [Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1), Constraint::Length(1)];
    let [title, page, status, keys] = whole.layout(&Layout::vertical(rows));
    frame.render_widget(heading(app, title, theme), title);
    match (&app.details, app.screen) {
        (Some(details), _) => draw_details(frame, page, details),
        (None, Screen::Home) => home::draw(frame, page, app, theme),
        (None, Screen::Compose) => compose::draw(frame, page, app, theme),
        (None, Screen::History) => lists::history(frame, page, app, theme),
        (None, Screen::Chain) => lists::chain(frame, page, app, theme),
        (None, Screen::Live) => lists::live(frame, page, app, theme),
    }
    frame.render_widget(state(app, theme), status);
    frame.render_widget(key_line(app, theme), keys);
    if app.is_leaving {
        ask_about_leaving(frame, page, theme);
    }
}

/// Returns the title: the page on the left and the network on the right.
fn heading(app: &App, area: Rect, theme: Theme) -> Paragraph<'static> {
    let name = match (&app.details, app.screen) {
        (Some(details), _) => details.title.clone(),
        (None, Screen::Home) => "Plexus".to_owned(),
        (None, screen) => {
            let listed = Screen::LISTED.iter().find(|(listed, _, _)| *listed == screen);
            listed.map_or("", |(_, name, _)| *name).to_owned()
        }
    };
    let note = match (&app.details, app.screen) {
        _ if app.is_opening => ": opening a block …".to_owned(),
        (None, Screen::History) => format!(": {}", lists::history_summary(app)),
        (None, Screen::Chain) => {
            app.chain.error.as_ref().map_or_else(String::new, |error| format!(": {error}"))
        }
        _ => String::new(),
    };
    let network = app.connection.status.as_ref().map(|status| table::brief(&status.network, 32));
    let right = format!("{} ", network.unwrap_or_default());
    let left_max = usize::from(area.width).saturating_sub(right.chars().count() + 2);
    let left = format!(" {}", table::brief(&format!("{name}{note}"), left_max));
    let space = usize::from(area.width).saturating_sub(left.chars().count() + right.chars().count());
    Paragraph::new(format!("{left}{}{right}", " ".repeat(space))).style(theme.title())
}

/// Returns the line with the node's state.
fn state(app: &App, theme: Theme) -> Line<'static> {
    let node = app.node.clone();
    match (&app.connection.error, &app.connection.status) {
        (None, None) => Line::styled(format!(" ○ {node}: connecting …"), theme.dim()),
        (Some(_), None) => {
            Line::styled(format!(" ○ no node answers at {node}: trying again"), theme.warning())
        }
        (Some(_), Some(status)) => Line::styled(
            format!(" ○ {node} is away, height {} was the last: connecting again", status.height),
            theme.warning(),
        ),
        (None, Some(status)) => {
            let peers = table::counted(u64::try_from(status.peers).unwrap_or(u64::MAX), "peer");
            let doing = match (status.syncing, status.mining) {
                (true, _) => format!(", synchronizing up to {}", status.target),
                (false, true) => ", mining".to_owned(),
                (false, false) => String::new(),
            };
            let live = if app.connection.is_live { "" } else { ", no events" };
            let text = format!(" {node}, height {}, {peers}{doing}{live}", app.tip());
            Line::from(vec![Span::styled(" ●", theme.good()), Span::raw(text)])
        }
    }
}

/// Returns the line with the keys of the page.
fn key_line(app: &App, theme: Theme) -> Line<'static> {
    let keys: &[(&str, &str)] = match (&app.details, app.screen) {
        _ if app.is_leaving => &[("y", "leave"), ("n", "stay")],
        (Some(_), _) => &[("↑↓ PgUp PgDn", "scroll"), ("Esc", "back")],
        (None, Screen::Home) => &[("1-4", "open"), ("↑↓ Enter", "choose"), ("q", "quit")],
        (None, Screen::Compose) => match app.compose.state {
            State::Editing => &[("Tab", "next field"), ("Ctrl-S", "send"), ("Esc", "menu, keeps the text")],
            State::Confirming => &[("Enter", "send"), ("Esc", "back")],
            State::Sending(_) => &[("Esc", "menu, it is sent meanwhile")],
        },
        (None, Screen::History) => {
            &[("↑↓", "move"), ("Enter", "open"), ("f", "filter"), ("r", "refresh"), ("Esc", "menu")]
        }
        (None, Screen::Chain) => {
            &[("↑↓", "move"), ("Enter", "open"), ("End", "genesis"), ("Home", "newest"), ("Esc", "menu")]
        }
        (None, Screen::Live) => &[("↑↓", "move"), ("Enter", "open"), ("Home", "newest"), ("Esc", "menu")],
    };
    let parts = keys.iter().flat_map(|(key, meaning)| {
        [Span::styled(format!(" {key}"), theme.key()), Span::styled(format!(" {meaning} "), theme.dim())]
    });
    Line::from_iter(parts)
}

fn draw_details(frame: &mut Frame<'_>, page: Rect, details: &Details) {
    let lines = details.lines.iter().skip(details.top).take(usize::from(page.height));
    frame.render_widget(Paragraph::new(lines.map(|line| Line::raw(line.as_str())).collect::<Vec<_>>()), page);
}

fn ask_about_leaving(frame: &mut Frame<'_>, page: Rect, theme: Theme) {
    let text = vec![
        Line::raw("A message is written and not sent."),
        Line::raw("Leave all the same? It is lost then."),
    ];
    let area = popup(page, 44, 4);
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(text).block(frame_of("Leave", theme)), area);
}

/// Returns an area in the middle of another one, of at most this size.
fn popup(within: Rect, width: u16, height: u16) -> Rect {
    within
        .centered(Constraint::Length(width.min(within.width)), Constraint::Length(height.min(within.height)))
}

/// Returns a frame with a title.
fn frame_of(title: &str, theme: Theme) -> Block<'_> {
    Block::bordered().title(format!(" {title} ")).title_style(theme.key()).border_style(theme.dim())
}

/// Returns a time in UTC: with its year if the page is wide.
fn time(unix_ms: u64, width: u16) -> String {
    let text = Timestamp::from_unix_ms(unix_ms).to_string();
    let from = if width < COLUMNS_WIDE { 5 } else { 0 };
    let to = if width < COLUMNS_WIDE { 16 } else { 19 };
    text.get(from..to).unwrap_or(&text).replace('T', " ")
}
