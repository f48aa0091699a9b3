//! Styles. With `NO_COLOR` they have no colours.

use ratatui::style::{Color, Modifier, Style};

/// The styles of the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::command::menu) struct Theme {
    has_colors: bool,
}

impl Theme {
    /// Creates a theme with or without colours.
    pub(in crate::command::menu) const fn new(has_colors: bool) -> Self {
        Self { has_colors }
    }

    /// Creates the theme that the environment asks for: `NO_COLOR`, if it is set and not empty, turns
    /// colours off.
    pub(in crate::command::menu) fn from_environment() -> Self {
        Self::new(std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
    }

    fn colored(self, color: Color) -> Style {
        if self.has_colors { Style::new().fg(color) } else { Style::new() }
    }

    pub(super) fn title(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }

    pub(super) fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub(super) fn heading(self) -> Style {
        self.colored(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    pub(super) fn key(self) -> Style {
        self.colored(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    pub(super) fn good(self) -> Style {
        self.colored(Color::Green)
    }

    pub(super) fn warning(self) -> Style {
        self.colored(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    pub(super) fn bad(self) -> Style {
        self.colored(Color::Red).add_modifier(Modifier::BOLD)
    }

    pub(super) fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }
}
